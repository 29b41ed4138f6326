"""Derivatives by variables of known size, entry by entry, as an exercise sheet of calculus prints them."""

from __future__ import annotations

import pytest

import matcalc
from matcalc.language.parser import parse_formula

JACOBIANS = [
    ("[x[1]^2*x[2]; 5*x[1] + sin(x[2])]", 2, "[2*x[1]*x[2], x[1]^2; 5, cos(x[2])]"),
    ("[x[1]*x[2]; x[1] + x[2]; exp(x[1])]", 2, "[x[2], x[1]; 1, 1; exp(x[1]), 0]"),
    ("[x[1]*cos(x[2]); x[1]*sin(x[2])]", 2, "[cos(x[2]), -x[1]*sin(x[2]); sin(x[2]), x[1]*cos(x[2])]"),
]
HESSIANS = [
    ("x[1]^2*x[2] + sin(x[2])", 2, "[2*x[2], 2*x[1]; 2*x[1], -sin(x[2])]"),
    ("100*(x[2] - x[1]^2)^2 + (1 - x[1])^2", 2, "[1200*x[1]^2 - 400*x[2] + 2, -400*x[1]; -400*x[1], 200]"),
    ("x[1]*x[2]*x[3]", 3, "[0, x[3], x[2]; x[3], 0, x[1]; x[2], x[1], 0]"),
]


@pytest.mark.parametrize(("F", "n", "expected"), JACOBIANS)
def test_a_jacobian_is_a_table(F: str, n: int, expected: str) -> None:
    J = matcalc.jacobian(F, "x", declare=f"x: vector({n})")
    assert str(J) == expected
    assert J.check is not None and J.check.ok and J.steps_check.ok
    assert parse_formula(expected, J.problem.names, J.problem.sizes) is J.node


@pytest.mark.parametrize(("f", "n", "expected"), HESSIANS)
def test_a_hessian_is_a_table(f: str, n: int, expected: str) -> None:
    H = matcalc.hessian(f, "x", declare=f"x: vector({n})")
    assert str(H) == expected
    assert H.check is not None and H.check.ok and H.steps_check.ok
    assert H.latex().startswith(r"\begin{bmatrix}")


def test_a_gradient_is_a_table_where_that_is_shorter() -> None:
    assert str(matcalc.gradient("x[1]^2*x[2] + sin(x[2])", "x", declare="x: vector(2)")) == "[2*x[1]*x[2]; x[1]^2 + cos(x[2])]"
    assert str(matcalc.gradient("a*x[1]", "x", declare="x: vector(9); a: scalar")) == "a*e(1, 9)"
    assert str(matcalc.gradient("det(X) - X[1,2]", "X", declare="X: matrix(5,5)")) == "det(X)*inv(X)' - e(1, 5)*e(2, 5)'"
    determinant = matcalc.gradient("X[1,1]*X[2,2] - X[1,2]*X[2,1]", "X", declare="X: matrix(2,2)")
    assert str(determinant) == "[X[2,2], -X[2,1]; -X[1,2], X[1,1]]"


def test_a_second_derivative_of_numbers_alone_is_compared() -> None:
    H = matcalc.hessian("X[1,1]*X[2,2] - X[1,2]*X[2,1]", "X", declare="X: matrix(2,2)")
    assert H.check is not None and H.check.ok
