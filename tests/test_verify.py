"""Verification: right gradients pass, mutants fail, what cannot be checked says so; the sampler keeps to domains and facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcalc.language.parser import parse, parse_formula
from matcalc.nodes.algebra import add, hadamard, mul, number, ones, rebuild, transpose, zeros
from matcalc.nodes.expr import Node, head, matrix_node, operands, postorder, shape
from matcalc.numeric.agree import agree
from matcalc.numeric.evaluate import Program, evaluate
from matcalc.numeric.sample import Sampler
from matcalc.numeric.verify import COMPLEX_STEP, DIFFERENCES, Verification, extrapolated, verify
from matcalc.rulebase.base import rulebase

CORPUS = Path(__file__).parent / "corpus"
LATER = frozenset({"index", "sum", "family", "delta", "unknown-function"})


def claim(text: str, wrt: str, answer: str, declare: str = "", **options: Any) -> Verification:
    """The verdict on an answer given in the language."""
    problem = parse(text, declare or None)
    names = {**problem.variables, **{leaf.name: leaf for leaf in problem.definitions}}
    gradient = parse_formula(answer, names, problem.sizes)
    return verify(problem.expression, {names[wrt]: gradient}, definitions=problem.definitions, facts=problem.facts, **options)


def entries() -> list[dict[str, Any]]:
    lines = [
        line for part in ("seeds", "cookbook") for line in (CORPUS / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    records = [json.loads(line) for line in lines]
    return [r for r in records if r["task"] == "gradient" and not LATER & set(r["tags"]) and not r.get("bind")]


ENTRIES = {r["id"]: r for r in entries()}


def corpus_claim(record: dict[str, Any]) -> tuple[Any, Node, Node, bool]:
    problem = parse(record["expr"], record["declare"] or None)
    names = {**problem.variables, **{leaf.name: leaf for leaf in problem.definitions}}
    return problem, names[record["wrt"]], parse_formula(record["expected"], names, problem.sizes), "convention" in record


@pytest.mark.parametrize("name", ENTRIES)
def test_the_answers_of_the_corpus_pass_and_their_mutants_fail(name: str) -> None:
    problem, X, Y, independent = corpus_claim(ENTRIES[name])

    def verdict(gradient: Node, draws: int) -> Verification:
        return verify(
            problem.expression,
            {X: gradient},
            definitions=problem.definitions,
            facts=problem.facts,
            draws=draws,
            independent=independent,
        )

    right = verdict(Y, 5)
    assert right.ok is True, right.reason
    assert right.max_relative_error < (1e-9 if right.method == COMPLEX_STEP else 1e-6)
    assert right.draws == 5
    assert verdict(mul(number("1001/1000"), Y), 1).ok is False
    if shape(X) and shape(X)[0] == shape(X)[1] and not {"symmetric", "posdef", "diagonal"} & X.properties:
        same = agree(Y, transpose(Y), definitions=problem.definitions, facts=problem.facts)
        assert verdict(transpose(Y), 3).ok is (same.ok is True)


def mutants(root: Node) -> Iterator[Node]:
    """The expression with one part changed: a sign flipped, a term left out or off by 0.1 %, a transpose more or less."""
    nodes = list(postorder([root]))
    for x in nodes:
        for other in changes(x):
            made: dict[int, Node] = {}
            for y in nodes:
                new = tuple(made[id(o)] for o in operands(y))
                same = all(a is b for a, b in zip(operands(y), new, strict=True))
                made[id(y)] = other if x is y else y if same else rebuild(y, new)
            if made[id(root)] is not root and shape(made[id(root)]) == shape(root):
                yield made[id(root)]


def changes(x: Node) -> Iterator[Node]:
    name, parts, dims = head(x), operands(x), shape(x)
    if dims and dims[0] == dims[1]:
        yield transpose(x)
    if name == "add":
        for i, term in enumerate(parts):
            for factor in ("-1", "0", "1001/1000"):
                yield add(*parts[:i], mul(number(factor), term), *parts[i + 1 :])
    if name in ("hadamard", "inv"):
        yield from parts
    if name in ("gt", "lt", "ge", "le", "sign") and dims:
        yield ones(dims)


@pytest.mark.parametrize("name", ENTRIES)
def test_only_mutants_with_the_same_values_pass(name: str) -> None:
    problem, X, Y, independent = corpus_claim(ENTRIES[name])
    given: dict[str, Any] = {"definitions": problem.definitions, "facts": problem.facts}
    for mutant in mutants(Y):
        verdict = verify(problem.expression, {X: mutant}, independent=independent, **given)
        if verdict.ok is not False:
            assert agree(mutant, Y, seed=99, **given).ok is True


@pytest.mark.parametrize(
    ("text", "wrt", "right", "wrong", "declare"),
    [
        ("norm(max(X*W,0) - Y)^2", "W", "2*X'*((max(X*W,0) - Y) .* (X*W > 0))", "2*X'*(max(X*W,0) - Y)", ""),
        ("x'*A*x", "x", "(A + A')*x", "2*A*x", ""),
        ("logdet(X)", "X", "inv(X)'", "inv(X)", ""),
        ("det(X)", "X", "det(X)*inv(X)'", "adj(X)", ""),
        ("tr(inv(X)*A)", "X", "-inv(X)'*A'*inv(X)'", "-inv(X)*A*inv(X)", ""),
        ("tr(A*X)", "X", "1/2*(A + A')", "A'", "X: matrix symmetric"),
        ("sum(log(x))", "x", "1 ./ x", "1 ./ abs(x) + 1", ""),
        ("norm(X, 'nuc')", "X", "polar(X)", "sign(X)", ""),
        ("lambda_max(S)", "S", "eigvec_max(S)*eigvec_max(S)'", "eye(n)", "S: matrix(n,n) symmetric"),
        ("sum(chol(S))", "S", "1/2*(S + S')", "S", "S: matrix(n,n) posdef"),
        ("tr(A)", "A", "eye(n)", "A", "A: matrix(n,n)"),
    ],
)
def test_wrong_answers_never_pass(text: str, wrt: str, right: str, wrong: str, declare: str) -> None:
    assert claim(text, wrt, wrong, declare).ok is False
    if "chol" not in text:
        assert claim(text, wrt, right, declare).ok is True


def test_a_gradient_of_another_shape_fails_even_where_numbers_could_agree() -> None:
    verdict = claim("x'*y", "x", "y'")
    assert verdict.ok is False
    assert "shape" in verdict.reason


def test_the_method_follows_the_functions_on_the_way() -> None:
    declare = "S: matrix(n,n) symmetric; x: vector(n)"
    assert claim("lambda_max(S) + x'*x", "S", "eigvec_max(S)*eigvec_max(S)'", declare).method == DIFFERENCES
    assert claim("lambda_max(S) + x'*x", "x", "2*x", declare).method == COMPLEX_STEP


def test_what_cannot_be_verified_says_so() -> None:
    verdict = claim("sum(log(-x.^2))", "x", "x")
    assert verdict.ok is None
    assert not verdict
    assert "log" in verdict.reason


def test_a_gradient_that_is_defined_in_parts_is_checked_there() -> None:
    verdict = claim("norm(X, 'nuc')", "X", "X*inv(sqrtm(X'*X))")  # of tall X only
    assert verdict.ok is True
    assert verdict.checks["X"].undefined > 0
    assert claim("sum(x)", "x", "log(-(x .* x))").ok is False


def test_zero_is_verified_where_f_is_smooth_and_not_where_a_kink_hides_it() -> None:
    assert claim("sum(softmax(x))", "x", "x - x").ok is True
    assert claim("sum(softmax(x))", "x", "softmax(x)").ok is False
    assert claim("max(sum(softmax(x)) - 2, 0)", "x", "2*ind(sum(softmax(x)) > 2)*ones(n)", "x: vector(n)").ok is None


def test_rounding_is_no_fault_of_a_gradient() -> None:
    declare = "K: matrix(n,n) skew"
    text, answer = (
        "acos(sigmoid(sum(K .* K)))",
        "-2*sigmoid(sum(K.*K))*(1 - sigmoid(sum(K.*K)))/sqrt(1 - sigmoid(sum(K.*K))^2)*K",
    )
    for seed in range(10):
        assert claim(text, "K", answer, declare, seed=seed).ok is not False
    assert claim(text, "K", f"1001/1000*({answer})", declare).ok is False


def test_an_intermediate_is_an_input_of_its_own() -> None:
    text = "Z = A*x; f = Z'*Z + sum(x)"
    assert claim(text, "Z", "2*Z").ok is True
    assert claim(text, "x", "2*A'*Z + ones(n)", "x: vector(n)").ok is True
    assert claim(text, "Z", "2*A*x").ok is True
    assert claim(text, "Z", "Z").ok is False


def test_a_deep_network_is_verified_in_all_its_weights_and_not_where_it_is_dead() -> None:
    layers = 40
    lines = ["Z0 = X", *(f"Z{i + 1} = max(Z{i}*W{i}, 0)" for i in range(layers)), f"sum(Z{layers})"]
    problem = parse("\n".join(lines))
    leaves = {leaf.name: leaf for leaf in problem.definitions}
    gradients: dict[Node, Node] = {}
    G: Node = ones(shape(leaves[f"Z{layers}"]))
    for i in reversed(range(layers)):
        Z, W = leaves[f"Z{i}"], problem.variables[f"W{i}"]
        active = hadamard(G, matrix_node("gt", (mul(Z, W), zeros(shape(G))), shape(G)))
        gradients[W] = mul(transpose(Z), active)
        G = mul(active, transpose(W))
    right = verify(problem.expression, gradients, definitions=problem.definitions)
    assert right.ok is True
    assert right.draws == 5
    third = problem.variables["W3"]
    mutant = {**gradients, third: mul(number("1001/1000"), gradients[third])}
    wrong = verify(problem.expression, mutant, definitions=problem.definitions)
    assert {name for name, check in wrong.checks.items() if check.ok is False} == {"W3"}


def test_assumed_equations_hold_at_every_point() -> None:
    text = "assume sum(p) == 1\nsum(p)*sum(q .* p)"
    assert claim(text, "q", "p").ok is True
    assert claim("sum(p)*sum(q .* p)", "q", "p").ok is False


def test_the_convention_of_independent_entries() -> None:
    declare = "X: matrix(n,n) symmetric"
    assert claim("tr(A*X)", "X", "A + A' - (A .* eye(n))", declare, independent=True).ok is True
    assert claim("tr(A*X)", "X", "1/2*(A + A')", declare, independent=True).ok is False


def test_the_same_seed_gives_the_same_verdict() -> None:
    first, second = (claim("norm(A*x)", "x", "A'*A*x/norm(A*x)", seed=3) for _ in range(2))
    assert first == second


def sampler(text: str, declare: str = "") -> Sampler:
    problem = parse(text, declare or None)
    program = Program([problem.expression], problem.definitions)
    return Sampler(program, rulebase(), facts=problem.facts, definitions=problem.definitions)


@pytest.mark.parametrize(
    ("declare", "holds"),
    [
        ("symmetric", lambda X: np.allclose(X, X.T)),
        ("skew", lambda X: np.allclose(X, -X.T)),
        ("posdef", lambda X: np.allclose(X, X.T) and np.linalg.eigvalsh(X).min() > 0),
        ("diagonal", lambda X: np.allclose(X, np.diag(np.diag(X)))),
        ("lower", lambda X: np.allclose(X, np.tril(X))),
        ("orthogonal", lambda X: np.allclose(X.T @ X, np.eye(len(X)))),
        ("positive", lambda X: X.min() > 0),
        ("posdef diagonal", lambda X: np.allclose(X, np.diag(np.diag(X))) and np.diag(X).min() > 0),
        ("simplex", lambda X: X.min() > 0 and np.allclose(X.sum(axis=1), 1)),
        ("onehot", lambda X: np.allclose(X * X, X) and np.allclose(X.sum(axis=1), 1)),
    ],
)
def test_samples_have_the_declared_structure(declare: str, holds: Any) -> None:
    for point in sampler("sum(X)", f"X: matrix(n,n) {declare}").points(3):
        assert holds(point.arrays["X"])


def test_sizes_are_pairwise_different_and_vary() -> None:
    seen = {tuple(sorted(p.sizes.items())) for p in sampler("norm(A*B*C)").points(5)}
    assert len(seen) > 1
    assert all(len({size for _, size in sizes}) == len(sizes) for sizes in seen)


@pytest.mark.parametrize(
    "text",
    [
        "sum(log(b - A*x))",
        "sqrt(1 - x'*x)",
        "sum(asin(x)) + sum(acosh(y))",
        "log(det(X)) + log(det(Y))",
        "tr(logm(A) + sqrtm(B))",
        "log(1 - sum(p) - sum(q))",
        "a^b + sum(x.^c)",
        "x[i] + X[i,j]",
    ],
)
def test_domains_are_found(text: str) -> None:
    points = list(sampler(text).points(5))
    assert len(points) == 5


def test_facts_are_met_by_samples() -> None:
    drawn = sampler("assume x'*x == 1\nassume sum(p) == 1\nsum(log(p)) + sum(x)")
    for point in drawn.points(3):
        assert np.isclose(point.arrays["x"].T @ point.arrays["x"], 1)
        assert np.isclose(point.arrays["p"].sum(), 1)
        assert point.arrays["p"].min() > 0


def test_agree_tells_equal_from_unequal() -> None:
    names = parse("tr(A*B*C) + sum(x)", "A, B, C: matrix(n,n)").variables
    product, turned, other = (parse_formula(t, names, {}) for t in ("A*B*C", "(C'*B'*A')'", "C*B*A"))
    assert agree(product, turned).ok is True
    assert agree(product, other).ok is False
    assert agree(product, names["x"]).ok is False


def test_extrapolated_differences_know_their_error() -> None:
    derivative, doubt = extrapolated(lambda t: float(np.exp(2 * t)))
    assert abs(derivative - 2) < 1e-9
    assert doubt < 1e-8
    _, doubt = extrapolated(lambda t: float(np.sqrt(abs(t)) * np.sign(t)))
    assert doubt > 1e-3


def test_the_values_of_the_corpus_need_no_rule_of_calculus() -> None:
    problem = parse("norm(max(X*W,0) - Y)^2")
    arrays = {"X": np.eye(3), "W": np.ones((3, 2)), "Y": np.zeros((3, 2))}
    assert np.isclose(evaluate([problem.expression], arrays)[0], 6)
