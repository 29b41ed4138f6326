"""Stationary points: the corpus, constraints, a course's problems; conditions and kinds; nothing wrong is printed as right."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy

import matcalc as mc
from matcalc.calculus.engine import Engine
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import add, mul, number
from matcalc.nodes.expr import name_of, tree_size
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.stationarity import _prepared, _read, _wanted
from matcalc.stationary.confirm import confirm
from matcalc.stationary.linear import is_linear
from matcalc.stationary.solver import solutions
from tests.corpus_entries import FOLDER, Point
from tests.index_entries import IndexEntry
from tests.stationary_problems import CONSTRAINED, COURSE, OPEN, solve

ENTRIES = [
    IndexEntry(record)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    if record["task"] == "solve"
]
by_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)


# ---------------------------------------------------------------- the corpus


def test_the_corpus_has_its_fourteen_entries() -> None:
    assert len(ENTRIES) == 14


@by_entry
def test_an_entry_is_solved_and_confirmed(entry: IndexEntry) -> None:
    found = solved(entry)
    assert found.unique
    assert found.verification is not None
    assert found.verification.ok
    assert found.kind in ("minimum", "maximum")


@by_entry
def test_a_solution_is_worth_what_is_expected_and_no_longer(entry: IndexEntry) -> None:
    node = solved(entry).node
    assert node is not None
    assert tree_size(node) <= tree_size(entry.expected_node) + 1
    for sizes in entry.sizes_tried:
        for place in entry.places(entry.point(sizes)):
            np.testing.assert_allclose(entry.value(node, place), entry.expected_value(place), rtol=1e-8)


@by_entry
def test_the_gradient_of_the_oracle_vanishes_at_the_solution_and_not_beside_it(entry: IndexEntry) -> None:
    node = solved(entry).node
    assert node is not None
    for number_, sizes in enumerate(entry.sizes_tried):
        for place in entry.places(entry.point(sizes, number_)):
            at = entry.value(node, place)
            beside = at * 1.1
            size = np.abs(entry.truth(_moved(entry, place, beside))).max()
            assert np.abs(entry.truth(_moved(entry, place, at))).max() < 1e-6 * size
            assert size > 1e-3


@cache
def by_id(name: str) -> mc.Solution:
    (entry,) = (e for e in ENTRIES if e.id == name)
    return mc.solve(entry.problem, entry.wrt)


def solved(entry: IndexEntry) -> mc.Solution:
    return by_id(entry.id)


def _moved(entry: IndexEntry, point: Point, value: Any) -> Point:
    """The point with a value for what is solved for, a leaf or a member of it."""
    leaf = entry.wrt_node
    if entry.part is leaf:
        return Point(point.sizes, {**point.leaves, leaf: value})
    whole = np.array(point.leaves[leaf])
    whole[:, round(float(point.leaves[entry.letters["j"]])) - 1] = value
    return Point(point.sizes, {**point.leaves, leaf: whole})


# ---------------------------------------------------------------- a course's problems


@pytest.mark.parametrize(("expr", "wrt", "declare", "expected", "kind"), COURSE)
def test_a_problem_of_a_course(expr: str, wrt: str, declare: str | None, expected: str, kind: str) -> None:
    found = solve(expr, wrt, declare)
    assert str(found) == expected
    assert found.unique
    assert found.kind == kind
    assert found.verification is not None
    assert found.verification.ok


def test_what_has_no_name_is_solved_by_vec() -> None:
    found = solve("norm(A*X + X*B - C)^2", "X")
    assert str(found).startswith("unvec(inv(kron(")
    assert found.steps[-1].rule == "solve-by-vec"
    assert found.verification
    assert found.verification.ok


def test_a_sylvester_equation_is_named() -> None:
    assert "sylvester-equation" in solve("tr(X'*A*X) + tr(X*B*X') - 2*tr(C'*X)", "X", "A, B: matrix posdef").steps[-1].rule


# ---------------------------------------------------------------- constraints


@pytest.mark.parametrize(("expr", "wrt", "declare", "constraints", "expected", "kind"), CONSTRAINED)
def test_a_problem_with_constraints(
    expr: str, wrt: str, declare: str | None, constraints: list[str], expected: str | None, kind: str
) -> None:
    found = solve(expr, wrt, declare, *constraints)
    assert found.node is not None
    assert expected is None or str(found) == expected
    assert found.unique
    assert found.kind == kind
    assert found.verification is not None
    assert found.verification.ok


def test_constrained_least_squares_is_the_solution_of_the_kkt_system() -> None:
    found = solve("norm(A*x - b)^2", "x", None, "C*x == c")
    rng = np.random.default_rng(0)
    A, b, C, c = rng.normal(size=(7, 4)), rng.normal(size=7), rng.normal(size=(2, 4)), rng.normal(size=2)
    K = np.block([[2 * A.T @ A, C.T], [C, np.zeros((2, 2))]])
    expected = np.linalg.solve(K, np.concatenate([2 * A.T @ b, c]))[:4]
    np.testing.assert_allclose(found.function()(A=A, b=b, C=C, c=c), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("expr", "declare", "constraint", "equation", "said"),
    [
        (
            "tr(Phi'*Sigma*Phi)",
            "Sigma: matrix symmetric",
            "Phi'*Phi == eye(k)",
            "Sigma*Phi == Phi*Lambda",
            "k largest {} maximum",
        ),
        (
            "-tr(Phi'*Sigma*Phi)",
            "Sigma: matrix posdef",
            "eye(k) == Phi'*Phi",
            "Sigma*Phi == Phi*Lambda",
            "k largest {} minimum",
        ),
        ("norm(X - X*Phi*Phi')^2", None, "Phi'*Phi == eye(k)", "X'*X*Phi == Phi*Lambda", "k largest {} minimum"),
        ("Phi'*S*Phi", "S: matrix symmetric; Phi: vector", "norm(Phi) == 1", "S*Phi == lambda*Phi", "the largest {} maximum"),
        ("Phi'*S*Phi", "S: matrix symmetric; Phi: vector", "Phi'*B*Phi == 1", None, ""),
        (
            "Phi'*S*Phi",
            "S: matrix symmetric; B: matrix posdef; Phi: vector",
            "Phi'*B*Phi == 3",
            "S*Phi == lambda*B*Phi",
            "relative to B",
        ),
    ],
)
def test_principal_components_are_an_eigenproblem(
    expr: str, declare: str | None, constraint: str, equation: str | None, said: str
) -> None:
    found = solve(expr, "Phi", declare, constraint)
    if equation is None:  # nothing says that B is positive definite
        assert not found.solved or found.verification
        return
    assert found.solved
    assert str(found) == equation
    assert found.verification
    assert found.verification.ok
    remarks = " ".join(found.remarks_in(text))
    assert all(part in remarks for part in said.split("{}"))


def test_constraints_may_be_latex_and_problems_sympy() -> None:
    latex = mc.solve(r"\|Xw-y\|_2^2", "w", subject_to=r"\mathbf{1}^T w = 1")
    assert latex.verification
    assert latex.verification.ok
    n, d = sympy.symbols("n d", integer=True, positive=True)
    X, w, y = sympy.MatrixSymbol("X", n, d), sympy.MatrixSymbol("w", d, 1), sympy.MatrixSymbol("y", n, 1)
    assert mc.solve((X * w - y).T * (X * w - y), w).expression == (X.T * X).inverse() * X.T * y
    assert mc.solve((X * w - y).T * (X * w - y), w, subject_to="sum(w) == 1").unique


def test_the_shortest_vector_on_an_ellipsoid_is_an_eigenvector() -> None:
    found = solve("x'*x", "x", "Q: matrix posdef", "x'*Q*x == 1")
    assert str(found) == "x == lambda*Q*x"
    assert found.solved
    assert not solve("x'*x", "x", None, "x'*x == 1").solved


def test_a_linear_function_on_the_sphere_has_two_stationary_points() -> None:
    found = solve("b'*x", "x", None, "x'*x == 1")
    assert [(text(p.node), p.kind) for p in found.points] == [("-b/norm(b)", "minimum"), ("b/norm(b)", "maximum")]
    assert not found.unique
    assert not found.found_some


@pytest.mark.parametrize("declare", ["Q: matrix(n,n)", "Q: matrix(n,n) orthogonal"])
def test_procrustes_is_a_polar_factor(declare: str) -> None:
    found = solve("norm(A*Q - B)^2", "Q", declare, *(["Q'*Q == eye(n)"] if "orthogonal" not in declare else []))
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    U, _, V = np.linalg.svd(A.T @ B)
    np.testing.assert_allclose(found.function()(A=A, B=B), U @ V, rtol=1e-8)
    assert found.kind == "minimum"


@pytest.mark.parametrize("constraint", ["A*x <= b", "x > 0", "sum(x)"])
def test_a_constraint_that_is_no_equation_is_refused(constraint: str) -> None:
    with pytest.raises(mc.ArgumentError, match="equation"):
        solve("norm(x)^2", "x", None, constraint)


def test_a_constraint_tells_what_is_a_scalar() -> None:
    problem = mc.parse("w'*S*w", "S: matrix posdef")
    found = mc.solve(problem, "w", subject_to=["sum(w) == 1", "mu'*w == r"])
    assert found.problem.variables["r"].is_Symbol
    assert found.unique
    with pytest.raises(mc.ShapeError):
        mc.solve("w'*S*w", "w", subject_to="w == S")


def test_a_constraint_without_the_variable_is_refused() -> None:
    with pytest.raises(mc.ArgumentError, match="does not depend"):
        solve("norm(x - b)^2", "x", None, "sum(b) == 1")


# ---------------------------------------------------------------- several points, and what is left open


def test_all_roots_of_a_polynomial_are_told_with_their_kinds() -> None:
    found = solve("x^4 - 2*x^2", "x", "x: scalar")
    assert {(text(p.node), p.kind) for p in found.points} == {("1", "minimum"), ("-1", "minimum"), ("0", "maximum")}


@pytest.mark.parametrize(("expr", "wrt", "declare", "equation"), OPEN)
def test_what_cannot_be_solved_says_what_remains(expr: str, wrt: str, declare: str | None, equation: str | None) -> None:
    found = solve(expr, wrt, declare)
    assert not found.solved
    assert found.node is None
    assert found.expression is None
    assert str(found).endswith(" == 0")
    assert equation is None or str(found) == equation
    assert str(found) in json.loads(found.json())["equation"]
    with pytest.raises(mc.ArgumentError, match="no closed form"):
        found.code()


@pytest.mark.parametrize(
    ("expr", "wrt", "declare", "constraints"),
    [
        ("norm(x)^2", "x", None, ["sum(x) == 1", "sum(x) == 2"]),
        ("w'*S*w - 2*b'*w", "w", "S: matrix symmetric", ["w'*w == 1"]),
        ("norm(A*X - B)^2", "X", None, ["X'*X == eye(n)"]),
    ],
)
def test_what_cannot_be_solved_under_constraints_says_so(
    expr: str, wrt: str, declare: str | None, constraints: list[str]
) -> None:
    found = solve(expr, wrt, declare, *constraints)
    assert not found.solved
    assert "no closed form" in found.explain(steps=False)


@pytest.mark.parametrize(("expr", "wrt", "declare", "expected", "kind"), COURSE[:12])
def test_numbers_refuse_a_wrong_solution(expr: str, wrt: str, declare: str | None, expected: str, kind: str) -> None:
    rules = rulebase()
    read, pairs = _read(expr, wrt, (), declare, rules)
    X = read.variables[wrt]
    asked, _ = _prepared(read, X, pairs, rules)
    wanted = _wanted(asked, asked.engine.gradients([X])[X])
    node = parse_formula(expected, read.names, read.sizes)
    assert confirm(wanted, node).check.ok
    for wrong in (mul(number(2), node), mul(number(-1), node), mul(number("999/1000"), node), add(node, node, node)):
        assert confirm(wanted, wrong).check.ok is False


def test_a_fault_of_the_solver_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*given: Any) -> list[Any]:
        return [replace(f, node=mul(number(2), f.node)) for f in solutions(*given)]

    monkeypatch.setattr("matcalc.stationarity.solutions", faulty)
    found = mc.solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w")
    assert not found.solved
    assert str(found) == "2*(X'*(X*w - y) + alpha*w) == 0"


# ---------------------------------------------------------------- conditions, kinds, singular equations


def test_no_condition_is_told_that_is_known_to_hold() -> None:
    assert solve("norm(X*w - y)^2 + a*norm(w)^2", "w", "a: scalar positive").conditions == ()
    assert solve("1/2*x'*A*x - b'*x", "x", "A: matrix posdef").conditions == ()
    assert solve("x'*A*x", "x", "A: matrix symmetric").conditions == ("A is invertible",)
    assert solve("alpha*norm(x - b)^2", "x").conditions == ("alpha is not 0",)


def test_a_value_outside_what_is_declared_is_a_condition() -> None:
    found = solve("N*logdet(P) - tr(S*P)", "P", "P: matrix posdef; S: matrix(n,n) symmetric; N: scalar")
    assert "P is positive definite" in found.conditions


def test_least_squares_without_full_rank_has_many_solutions() -> None:
    found = solve("norm(X*w - y)^2", "w")
    assert any("pinv(X)*y is the shortest" in remark for remark in found.remarks_in(text))
    wide = solve("norm(X*w - y)^2", "w", "X: matrix(3,6)")
    assert str(wide) == "pinv(X)*y"
    assert wide.unique is False
    assert wide.kind == "minimum"
    assert str(solve("norm(X*w - y)^2", "w", "X: matrix(1000,2000)")) == "pinv(X)*y"


def test_a_family_is_solved_member_by_member() -> None:
    families = "x: vectors(d,N); mu: vectors(d,K); S: matrices(d,d,K)"
    f = "sum(sum(R[t,k]*(-1/2*logdet(S[k]) - 1/2*(x[t]-mu[k])'*inv(S[k])*(x[t]-mu[k])) for k in 1..K) for t in 1..N)"
    S = solve(f, "S[j]", families)
    assert str(S) == "sum(R[t,j]*(x[t] - mu[j])*(x[t] - mu[j])' for t in 1..N)/sum(R[t,j] for t in 1..N)"
    assert S.verification
    assert S.verification.ok
    mu = solve("sum(sum(R[t,k]*norm(x[t] - mu[k])^2 for k in 1..K) for t in 1..N)", "mu", "x: vectors(d,N); mu: vectors(d,K)")
    assert (mu.wrt, str(mu)) == ("mu[i]", "sum(R[t,i]*x[t] for t in 1..N)/sum(R[t,i] for t in 1..N)")


def test_what_is_singular_at_any_size_is_not_inverted() -> None:
    assert (str(solve("(c'*x)^2", "x")), solve("(c'*x)^2", "x").unique) == ("zeros(n)", False)
    assert (str(solve("(c'*x - 1)^2", "x")), solve("(c'*x - 1)^2", "x").unique) == ("pinv(c')", False)
    assert str(solve("(c'*x - 1)^2 + norm(x)^2", "x")) == "inv(c*c' + eye(n))*c"


def test_what_cancels_is_still_a_condition() -> None:
    found = solve("norm(A*B*x - A*c)^2", "x", "A, B: matrix(n,n)")
    assert str(found) == "inv(B)*c"
    assert found.conditions == ("B is invertible", "B'*A'*A*B is invertible")


@pytest.mark.parametrize(
    ("term", "linear"),
    [
        ("A*x", True),
        ("c'*x*c", True),
        ("D .* x", True),
        ("sum(x)*c", True),
        ("diag(x)*c", True),
        ("sum(c[i]*x for i in 1..n)", True),
        ("(c'*x - 1)*c", False),
        ("A*x + c", False),
        ("sign(x)", False),
        ("max(x, 0)", False),
        ("(c'*x)*x", False),
        ("exp(x)", False),
    ],
)
def test_linear_is_what_is_0_at_0_and_has_a_constant_slope(term: str, linear: bool) -> None:
    problem = mc.parse(term, "x, c, D: vector(n); A: matrix(n,n)")
    simplify = Engine(problem, rulebase()).simplifier
    assert is_linear(problem.expression, problem.variables["x"], simplify) is linear


def test_a_deep_network_is_left_open_in_little_time() -> None:
    layers = "; ".join(["h0 = X", *(f"h{i + 1} = tanh(h{i}*W{i})" for i in range(30))])
    names = ", ".join(f"W{i}" for i in range(30))
    assert not solve(f"{layers}; norm(h30 - Y)^2", "W3", f"{names}: matrix").solved


def test_the_kind_may_depend_on_a_sign() -> None:
    (point,) = solve("sum(c .* log(p))", "p", None, "sum(p) == 1").points
    assert point.kind == "maximum"
    assert [name_of(x) for x in point.where] == ["c"]
    (point,) = solve("x'*P*x + 2*q'*x", "x", "P: matrix symmetric").points
    assert point.kind == "minimum"
    assert [name_of(x) for x in point.positive] == ["P"]


def test_a_named_part_is_put_in() -> None:
    network = solve("h = max(X*A, 0); f = norm(h*B - Y)^2", "B", "A, B: matrix")
    assert str(network) == "inv(h'*h)*h'*Y"
    assert network.conditions == ("h'*h is invertible",)
    assert network.function().code.count("maximum") == 1
    assert str(solve("Z = X*W; f = norm(Z - Y)^2 + norm(W)^2", "W")) == "inv(X'*X + eye(d))*X'*Y"
    assert str(solve("Z = X*W; f = norm(Z - Y)^2 + norm(W)^2", "Z")) == "Y"
