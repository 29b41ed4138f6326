"""Structured variables: gradients inside a subspace, by independent entries, or as of a free variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.errors import ArgumentError
from matcalc.numeric.evaluate import evaluate
from tests.arrays import draw
from tests.differences import directions, gradient, relative_error

CONVENTIONS = [
    ("tr(A*X)", "symmetric", "1/2*(A + A')", "A + A' - diag(diag(A))"),
    ("tr(A*X)", "posdef", "1/2*(A + A')", "A + A' - diag(diag(A))"),
    ("tr(A*X)", "skew", "1/2*(A' - A)", "A' - A"),
    ("tr(A*X)", "diagonal", "diag(diag(A))", "diag(diag(A))"),
    ("tr(A*X)", "lower", "tril(A')", "tril(A')"),
    ("tr(A*X)", "upper", "triu(A')", "triu(A')"),
    ("logdet(X)", "posdef", "inv(X)", "2*inv(X) - diag(diag(inv(X)))"),
    ("tr(X*A*X*B)", "symmetric", "", ""),
    ("a'*inv(X)*b", "posdef", "", ""),
    ("a'*inv(X + A*A')*b", "diagonal", "", ""),
    ("tr(A*X'*B*X)", "lower", "", ""),
    ("tr(A*X'*B*X) + a'*X*b", "skew", "", ""),
    ("a'*expm(X)*b", "symmetric", "", ""),
    ("sum(X.^3 .* A)", "upper", "", ""),
]


def subspace(declared: str) -> str:
    return "symmetric" if declared == "posdef" else declared


def measured(problem: matcalc.Problem, arrays: dict[str, Any], declared: str) -> tuple[Any, Any]:
    """The gradient inside the subspace, and the one by its independent entries, by numbers alone."""

    def f(X: Any) -> Any:
        return evaluate([problem.expression], {**arrays, "X": X})[0]

    inside = gradient(f, arrays["X"], [subspace(declared)], analytic=False)
    by_entries = np.zeros_like(inside)
    for D in directions(inside.shape, [subspace(declared)]):
        by_entries += np.sum(inside * D) * D
    return inside, by_entries


@pytest.mark.parametrize(("expression", "declared", "inside", "independent"), CONVENTIONS, ids=lambda x: x or "-")
def test_by_a_structured_variable_there_are_two_conventions(
    expression: str, declared: str, inside: str, independent: str
) -> None:
    declare = f"X: matrix(n,n) {declared}; A, B: matrix(n,n)"
    found = {c: matcalc.gradient(expression, "X", declare=declare, convention=c) for c in ("structured", "independent")}
    rng = np.random.default_rng(3)
    problem = found["structured"].problem
    vectors = {"a", "b"}
    arrays = {
        name: draw(declared if name == "X" else "real", (4,) if name in vectors else (4, 4), rng) for name in problem.variables
    }
    for convention, truth in zip(found, measured(problem, arrays, declared), strict=True):
        value = evaluate([found[convention].node], arrays)[0]
        assert relative_error(value, truth) < 1e-7
    if inside:
        assert (str(found["structured"]), str(found["independent"])) == (inside, independent)


@pytest.mark.parametrize(
    ("expression", "wrt", "declare", "expected"),
    [
        ("tr(Q'*A*Q)", "Q", "Q: matrix(n,n) orthogonal", "(A + A')*Q"),
        ("tr(Q'*Q*A)", "Q", "Q: matrix(n,n) orthogonal", "Q*(A + A')"),
        ("norm(Q)^2", "Q", "Q: matrix(n,n) orthogonal", "2*Q"),
        ("sum(p)", "p", "p: vector(n) simplex", "ones(n)"),
        ("sum(p)^2", "p", "p: vector(n) simplex", "2*ones(n)"),
        ("p'*log(p)", "p", "p: vector(n) simplex", "log(p) + 1"),
        ("sum(Y .* Y .* A)", "Y", "Y: matrix(n,d) onehot", "2*(A .* Y)"),
        ("logdet(Q)", "Q", "Q: matrix(n,n) orthogonal", "Q"),
    ],
)
def test_orthogonal_simplex_and_onehot_variables_are_differentiated_as_free_ones(
    expression: str, wrt: str, declare: str, expected: str
) -> None:
    found = matcalc.gradient(expression, wrt, declare=declare)
    assert str(found) == expected
    assert found.verification is not None and found.verification.ok is True


def test_facts_about_others_are_used() -> None:
    assert str(matcalc.gradient("norm(Q*x)^2", "x", declare="Q: matrix(n,n) orthogonal")) == "2*x"
    assert str(matcalc.gradient("sum(p)*x'*x", "x", declare="p: vector(n) simplex")) == "2*x"
    assert str(matcalc.gradient("assume sum(p) == 1; sum(p)*x'*x", "x")) == "2*x"
    assert str(matcalc.gradient("x'*tril(L)*x", "x", declare="L: matrix(n,n) lower")) == "(L + L')*x"


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"unknown convention 'free'\nhint: it is one of structured, independent"):
        matcalc.gradient("x'*x", "x", convention="free")
