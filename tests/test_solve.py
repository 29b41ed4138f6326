"""Stationary points: the corpus, constraints, a course's problems; conditions and kinds; nothing wrong is printed as right."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import matcalc as mc
from matcalc import cli
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import add, mul, number, rebuild
from matcalc.nodes.expr import head, name_of, scalar_node, shape, substitute, tree_size
from matcalc.numeric.agree import agree
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.stationarity import _prepared, _read, _wanted
from matcalc.stationary.confirm import confirm
from tests.corpus_entries import FOLDER, Point
from tests.index_entries import IndexEntry

ENTRIES = [
    IndexEntry(record)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for record in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    if record["task"] == "solve"
]
by_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)


@cache
def solve(expr: str, wrt: str, declare: str | None = None, *constraints: str) -> mc.Solution:
    return mc.solve(expr, wrt, declare=declare, subject_to=constraints)


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

COURSE = [
    # regression
    ("norm(y - X*w)^2", "w", None, "inv(X'*X)*X'*y", "minimum"),
    ("norm(y - a*x)^2", "a", "a: scalar", "x'*y/(x'*x)", "minimum"),
    ("(y - X*w)'*inv(S)*(y - X*w)", "w", "S: matrix posdef", "inv(X'*inv(S)*X)*X'*inv(S)*y", "minimum"),
    (
        "(y - X*w)'*V*(y - X*w) + alpha*norm(w)^2",
        "w",
        "V: matrix posdef",
        "inv(X'*V*X + alpha*eye(d))*X'*V*y",
        "minimum",
    ),
    (
        "norm(Y - G*X)^2 + alpha*norm(X)^2 + beta*norm(D*X)^2",
        "X",
        None,
        "inv(G'*G + beta*D'*D + alpha*eye(k))*G'*Y",
        "minimum",
    ),
    ("norm(X*W + ones(n)*b' - Y)^2", "b", None, "mean(Y' - W'*X', axis=1)", "minimum"),
    ("norm(K*a - y)^2 + l*a'*K*a", "a", "K: matrix posdef; l: scalar positive", "inv(K + l*eye(n))*y", "minimum"),
    ("norm(A*X*B - C)^2", "X", None, "inv(A'*A)*A'*C*B'*inv(B*B')", "minimum"),
    (
        "sum(v[t]*(x[t]'*w - y[t])^2 for t in 1..N)",
        "w",
        "x: vectors(d,N)",
        "inv(sum(v[t]*x[t]*x[t]' for t in 1..N))*sum(v[t]*y[t]*x[t] for t in 1..N)",
        "minimum",
    ),
    (
        "sum(norm(x[t] - A*x[t-1])^2 for t in 2..N)",
        "A",
        "x: vectors(d,N)",
        "sum(x[t]*x[t - 1]' for t in 2..N)*inv(sum(x[t - 1]*x[t - 1]' for t in 2..N))",
        "minimum",
    ),
    # likelihoods
    ("sum(x)*log(l) - N*l", "l", "x: vector; l: scalar positive; N: scalar positive", "sum(x)/N", "maximum"),
    ("N*log(r) - r*sum(x)", "r", "x: vector(N); r: scalar positive", "N/sum(x)", "maximum"),
    ("sum(x)*log(p) + (N - sum(x))*log(1 - p)", "p", "x: vector(N); p: scalar", "mean(x)", ""),
    ("-N/2*log(s) - norm(y - X*w)^2/(2*s)", "s", "y: vector(N); s: scalar positive", "norm(y - X*w)^2/N", "maximum"),
    (
        "sum(logdet(P) - (x[t] - mu)'*P*(x[t] - mu) for t in 1..N)",
        "P",
        "x: vectors(d,N); P: matrix posdef; mu: vector",
        "N*inv(sum((x[t] - mu)*(x[t] - mu)' for t in 1..N))",
        "maximum",
    ),
    ("logdet(P) - tr(S*P) - a*tr(P)", "P", "P, S: matrix posdef; a: scalar positive", "inv(S + a*eye(n))", "maximum"),
    ("tr(S*P) - logdet(P)", "P", "P: matrix diagonal posdef; S: matrix posdef", "diag(1 ./ diag(S))", "minimum"),
    ("logdet(X) - tr(A*X)", "X", "X: matrix(n,n)", "inv(A)", "saddle"),
    # clusters, factors, filters
    (
        "sum(sum((x[t] - mu[k])'*inv(S)*(x[t] - mu[k])*R[t,k] for k in 1..K) for t in 1..N)",
        "mu[j]",
        "x: vectors(d,N); mu: vectors(d,K); S: matrix posdef",
        "sum(R[t,j]*x[t] for t in 1..N)/sum(R[t,j] for t in 1..N)",
        "minimum",
    ),
    ("norm(X - u*v')^2", "u", None, "X*v/(v'*v)", "minimum"),
    ("norm(W*X - Y)^2", "W[i,:]", None, "Y[i,:]*X'*inv(X*X')", "minimum"),
    (
        "1/2*norm(A*x - b)^2 + 1/2*(x - m)'*P*(x - m)",
        "x",
        "P: matrix posdef",
        "inv(A'*A + P)*(A'*b + P*m)",
        "minimum",
    ),
    # matrix equations, functions with an inverse
    ("tr(X'*A*X) + tr(X*B*X') - 2*tr(C'*X)", "X", "A, B: matrix posdef", "sylvester(A, B, C)", "minimum"),
    ("norm(B*X - A)^2", "X", "X: matrix symmetric", "sylvester(B'*B, B'*B, B'*A + A'*B)", "minimum"),
    ("tr(X'*A*X*B) - 2*tr(X'*C)", "X", "A, B: matrix posdef", "inv(A)*C*inv(B)", "minimum"),
    ("norm(D .* (X - Y))^2 + a*norm(X)^2", "X", "a: scalar positive", "D.^2 .* Y ./ (D.^2 + a)", "minimum"),
    ("sum(x .* log(x) - x .* b)", "x", None, "exp(-1)*exp(b)", "minimum"),
    ("sum(log(x)) - x'*y", "x", "y: vector positive", "1 ./ y", "maximum"),
    ("exp(-norm(x - a)^2)", "x", None, "a", "maximum"),
    ("a*s + b/s", "s", "s, a, b: scalar positive", "sqrt(b)/sqrt(a)", "minimum"),
    ("norm(X - A)^2", "X", "X: matrix skew; A: matrix(n,n)", "1/2*(A - A')", "minimum"),
    ("norm(X - A)^2", "X", "X: matrix lower; A: matrix(n,n)", "tril(A)", "minimum"),
    ("x'*A*x", "x", "A: matrix symmetric", "zeros(n)", "minimum"),
]


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

CONSTRAINED = [
    ("-sum(p .* log(p))", "p", None, ["sum(p) == 1"], "ones(n)/n", "maximum"),
    ("-sum(p .* log(q))", "q", "p: vector positive", ["sum(q) == 1"], "p/sum(p)", "minimum"),
    ("-sum(p .* log(q))", "q", "p: vector simplex", ["sum(q) == 1"], "p", "minimum"),
    ("-sum(p .* log(q))", "q", "p, q: vector simplex", [], "p", "minimum"),
    ("sum(p .* log(p ./ q))", "p", "q: vector positive", ["sum(p) == 1"], "q/sum(q)", "minimum"),
    ("p'*log(p) - b'*p", "p", None, ["sum(p) = 1"], "softmax(b)", "minimum"),
    ("sum(sum(R[t,k]*log(p[k]) for k in 1..K) for t in 1..N)", "p", None, ["sum(p) == 1"], None, "maximum"),
    ("norm(x)^2", "x", None, ["A*x == b"], "A'*inv(A*A')*b", "minimum"),
    ("norm(A*x - b)^2", "x", None, ["C*x == c"], None, "minimum"),
    ("w'*S*w", "w", "S: matrix posdef", ["sum(w) == 1"], "sum(inv(S), axis=1)/sum(inv(S))", "minimum"),
    ("w'*S*w", "w", "S: matrix posdef", ["sum(w) == 1", "mu'*w == r"], None, "minimum"),
    ("x'*A*x", "x", "A: matrix posdef", ["a'*x == 1"], "inv(A)*a/(a'*inv(A)*a)", "minimum"),
    ("tr(X'*A*X)", "X", "A: matrix posdef", ["B*X == C"], "inv(A)*B'*inv(B*inv(A)*B')*C", "minimum"),
]


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


def test_a_constraint_without_the_variable_is_refused() -> None:
    with pytest.raises(mc.ArgumentError, match="does not depend"):
        solve("norm(x - b)^2", "x", None, "sum(b) == 1")


# ---------------------------------------------------------------- several points, and what is left open


def test_all_roots_of_a_polynomial_are_told_with_their_kinds() -> None:
    found = solve("x^4 - 2*x^2", "x", "x: scalar")
    assert {(text(p.node), p.kind) for p in found.points} == {("1", "minimum"), ("-1", "minimum"), ("0", "maximum")}


OPEN = [
    ("sum(exp(X*w))", "w", None, "X'*exp(X*w) == 0"),
    ("sum(log(1 + exp(X*w))) - y'*X*w", "w", None, "X'*(sigmoid(X*w) - y) == 0"),
    ("exp(a'*x) + norm(x)^2", "x", None, None),
    ("x'*A*x/(x'*x)", "x", "A: matrix symmetric", None),
    ("tr(inv(X)*A) + tr(X*B)", "X", "X, A, B: matrix posdef", "B - inv(X)*A*inv(X) == 0"),
    ("logdet(S) + tr(inv(S)*M) + alpha*tr(S)", "S", "S, M: matrix posdef", None),
    ("x^5 - x + a*x^3", "x", "x, a: scalar", None),
    ("cos(t)", "t", "t: scalar", None),
    ("sum(abs(x)) + norm(x - b)^2", "x", None, "2*(x - b) + sign(x) == 0"),
    ("sum(max(x, 0)) + norm(x - b)^2", "x", None, None),
    ("norm(x - a)", "x", None, None),
    ("logdet(X'*A*X)", "X", "A: matrix posdef", None),
    ("ell(X*w) + norm(w)^2", "w", "ell: function(vector) -> scalar", None),
    ("tr(A*X)", "X", None, "A' == 0"),
    ("norm(P - B*B')^2", "B", None, None),
]


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


# ---------------------------------------------------------------- conditions, kinds, singular equations


def test_ridge_regression_as_it_is_told() -> None:
    shown = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").explain(steps=False)
    assert "\nw = inv(X'*X + alpha*eye(d))*X'*y\n" in shown
    assert "holds where X'*X + alpha*eye(d) is invertible" in shown
    assert "the only stationary point; a minimum for alpha > 0" in shown
    assert "checked by numbers at 5 random points: there the gradient vanishes, and beside it does not" in shown


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


def test_the_kind_may_depend_on_a_sign() -> None:
    (point,) = solve("sum(c .* log(p))", "p", None, "sum(p) == 1").points
    assert point.kind == "maximum"
    assert [name_of(x) for x in point.where] == ["c"]
    (point,) = solve("x'*P*x + 2*q'*x", "x", "P: matrix symmetric").points
    assert point.kind == "minimum"
    assert [name_of(x) for x in point.positive] == ["P"]


def test_a_named_part_is_put_in() -> None:
    assert str(solve("Z = X*W; f = norm(Z - Y)^2 + norm(W)^2", "W")) == "inv(X'*X + eye(d))*X'*Y"
    assert str(solve("Z = X*W; f = norm(Z - Y)^2 + norm(W)^2", "Z")) == "Y"


# ---------------------------------------------------------------- steps


STEPPED = [(e, w, d, []) for e, w, d, *_ in COURSE[:26]] + [(e, w, d, c) for e, w, d, c, *_ in CONSTRAINED if c]


@pytest.mark.parametrize(("expr", "wrt", "declare", "constraints"), STEPPED)
def test_every_equation_on_the_way_holds_at_the_solution(
    expr: str, wrt: str, declare: str | None, constraints: list[str]
) -> None:
    found = mc.solve(expr, wrt, declare=declare, subject_to=constraints, verify=False)
    (point,) = found.points
    put = {found.variable: point.node}
    for move in reversed(point.moves):  # what a multiplier is worth is told last
        if head(move.left) == "symbol" and move.left not in put:
            put[move.left] = move.right
    for move in point.moves:
        left, right = move.left, move.right
        for _ in put:
            left, right = (substitute(e, put, rebuild) for e in (left, right))
        if left is right:
            continue
        if not shape(right):  # 0 of any shape
            left, right = add(number(1), _entry(left)), add(number(1), right)
        check = agree(left, right, rules=found.rules, facts=found.problem.facts)
        assert check.ok is not False, f"{text(move.left)} = {text(move.right)}: {check.reason}"


def _entry(e: Any) -> Any:
    """A scalar that is 0 where a matrix is."""
    return scalar_node("norm", (e,)) if shape(e) else e


def test_a_derivation_ends_in_the_solution() -> None:
    steps = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").steps
    assert [step.text for step in steps][-3:] == [
        "df/dw = 2*(X'*(X*w - y) + alpha*w)",
        "(X'*X + alpha*eye(d))*w = X'*y",
        "w = inv(X'*X + alpha*eye(d))*X'*y",
    ]
    assert steps[-2].rule == "the-gradient-is-zero, linear-terms-collected"


def test_a_derivation_under_constraints_begins_with_the_lagrangian() -> None:
    steps = [step.text for step in solve("-sum(p .* log(p))", "p", None, "sum(p) == 1").steps]
    assert steps[0] == "L = lambda*(sum(p) - 1) - sum(p .* log(p))"
    assert steps[-2:] == ["lambda = 1 + log(1/n)", "p = ones(n)/n"]


@pytest.mark.parametrize("form", ["text", "unicode", "latex", "markdown", "html"])
def test_a_derivation_in_every_form(form: str) -> None:
    for found in (
        solve("norm(X*w - y)^2", "w"),
        solve("b'*x", "x", None, "x'*x == 1"),
        solve("sum(exp(X*w))", "w"),
        solve("tr(P'*S*P)", "P", "S: matrix symmetric", "P'*P == eye(k)"),
    ):
        assert found.explain(form)
        assert found.explain(form, steps=False)


# ---------------------------------------------------------------- the other ways out


def test_a_solution_is_an_ordinary_result() -> None:
    found = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w")
    assert found.shape == ("d",)
    assert found.unicode() == "(XᵀX + αI_d)⁻¹Xᵀy"
    assert found.latex() == r"(X^\top X + \alpha I_{d})^{-1} X^\top y"
    assert found._repr_latex_().startswith("$")
    assert repr(found) == "<solution for w: inv(X'*X + alpha*eye(d))*X'*y>"
    assert {str(s) for s in found.expression.free_symbols} >= {"X", "y", "alpha"}  # type: ignore[union-attr]


def test_a_solution_as_a_function() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    w = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").function()(X=X, y=y, alpha=0.5)
    np.testing.assert_allclose(w, np.linalg.solve(X.T @ X + 0.5 * np.eye(3), X.T @ y), rtol=1e-10)


def test_a_solution_without_a_check() -> None:
    found = mc.solve("norm(X*w - y)^2", "w", verify=False)
    assert found.verification is None
    assert "not checked: not asked for" in found.explain(steps=False)


def test_json_tells_everything() -> None:
    told = json.loads(solve("b'*x", "x", None, "x'*x == 1").json(steps=True))
    assert told["constraints"] == ["x'*x == 1"]
    assert told["equation"] == "2*lambda*x + b == 0"
    assert [(p["text"], p["kind"]) for p in told["solutions"]] == [("-b/norm(b)", "minimum"), ("b/norm(b)", "maximum")]
    assert told["verified"] is True
    assert told["steps"][-1]["text"] == "x = -b/norm(b)"
    assert json.loads(solve("sum(exp(X*w))", "w").json())["remaining"] == ["X'*exp(X*w) == 0"]


def run(*args: str) -> Any:
    return CliRunner().invoke(cli.command, ["solve", *args], catch_exceptions=False)


def test_the_command_prints_the_solution() -> None:
    result = run("norm(X*w - y)^2 + alpha*norm(w)^2", "--wrt", "w")
    assert result.exit_code == 0
    assert "w = inv(X'*X + alpha*eye(d))*X'*y" in result.output
    assert run(r"\|Xw-y\|_2^2", "--wrt", "w", "--steps").exit_code == 0
    assert "def stationary_point_of_f(X, y):" in run("norm(X*w - y)^2", "--wrt", "w", "--format", "numpy").output
    assert json.loads(run("norm(X*w - y)^2", "--wrt", "w", "--format", "json").output)["solved"] is True


def test_the_command_takes_constraints() -> None:
    result = run("tr(Phi'*Sigma*Phi)", "--wrt", "Phi", "--subject-to", "Phi'*Phi == eye(k)", "-d", "Sigma: matrix symmetric")
    assert result.exit_code == 0
    assert "Sigma*Phi = Phi*Lambda" in result.output
    assert "k largest eigenvalues at a maximum" in result.output


def test_the_command_offers_numbers_where_there_is_no_closed_form() -> None:
    result = run("sum(exp(X*w))", "--wrt", "w")
    assert result.exit_code == 0
    assert "X'*exp(X*w) = 0" in result.output
    assert "scipy.optimize.minimize" in result.output


@pytest.mark.parametrize(
    "args",
    [["x*y", "-d", "x, y: scalar"], ["norm(x)^2", "--subject-to", "x < 1"], ["x", "--wrt", "x"], ["norm(x)^2", "--wrt", "z"]],
)
def test_bad_input_is_an_error(args: list[str]) -> None:
    with pytest.raises(mc.MatcalcError):
        run(*args)
