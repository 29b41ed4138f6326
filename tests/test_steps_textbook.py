"""Derivations as a textbook writes them: the equations, their rules and where these are found."""

from __future__ import annotations

from typing import Any

import pytest

import matcalc


def told(expression: str, wrt: str, declare: str | list[str] | None = None, **kwargs: Any) -> list[tuple[str, str]]:
    """(equation, rules) of every step, each of which has been verified."""
    found = matcalc.gradient(expression, wrt, declare=declare, **kwargs)
    assert found.steps_check.ok is True
    return [(step.text, step.rule) for step in found.steps]


HOMEWORK: list[tuple[str, str, list[str], list[tuple[str, str]]]] = [
    (
        "norm(max(X*W, 0) - Y)^2",
        "W",
        [],
        [
            ("df = 2*tr((max(X*W, 0) - Y)'*d(max(X*W, 0)))", "square-norm"),
            ("df = 2*tr((max(X*W, 0) - Y)'*(ind(X*W > 0) .* (X*dW)))", "max, product"),
            ("df = 2*tr(((max(X*W, 0) - Y) .* ind(X*W > 0))'*X*dW)", "entrywise-trace"),
            ("df/dW = 2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))", "gradient"),
        ],
    ),
    (
        "1/2*norm(A*x + b - y)^2",
        "A",
        [],
        [
            ("df = (A*x + b - y)'*dA*x", "square-norm, product"),
            ("df = tr(x*(A*x + b - y)'*dA)", "trace-of-scalar"),
            ("df/dA = (A*x + b - y)*x'", "gradient"),
        ],
    ),
    (
        "tr(W^-1)",
        "W",
        [],
        [
            ("df = -tr(inv(W)*dW*inv(W))", "inv"),
            ("df = -tr(W^-2*dW)", "cyclic-trace"),
            ("df/dW = -(W^-2)'", "gradient"),
        ],
    ),
    (
        "x'*A*x",
        "x",
        [],
        [
            ("df = dx'*A*x + x'*A*dx", "product"),
            ("df = x'*(A + A')*dx", "transposed-scalar, collect"),
            ("df/dx = (A + A')*x", "gradient"),
        ],
    ),
    (
        "tr(A*X*B*X'*C)",
        "X",
        [],
        [
            ("df = tr(A*dX*B*X'*C) + tr(A*X*B*dX'*C)", "product"),
            ("df = tr(B*X'*C*A*dX) + tr(C*A*X*B*dX')", "cyclic-trace"),
            ("df = tr((A'*C'*X*B' + C*A*X*B)'*dX)", "transposed-trace, collect"),
            ("df/dX = A'*C'*X*B' + C*A*X*B", "gradient"),
        ],
    ),
    (
        "f = exp(-norm(x - mu)^2/(2*norm(sigma)^2))",
        "x",
        ["mu, sigma: vector"],
        [
            ("df = -f*d(norm(x - mu)^2)/(2*norm(sigma)^2)", "exp"),
            ("df = f*(mu - x)'*dx/norm(sigma)^2", "square-norm"),
            ("df/dx = f/norm(sigma)^2*(mu - x)", "gradient"),
        ],
    ),
    (
        "log(det(Sigma))",
        "Sigma",
        ["Sigma: matrix posdef"],
        [
            ("df = d(logdet(Sigma))", "identity"),
            ("df = tr(inv(Sigma)*dSigma)", "logdet"),
            ("df/dSigma = inv(Sigma)", "gradient"),
        ],
    ),
    (
        "tr(X*B*X')",
        "X",
        [],
        [
            ("df = tr(dX*B*X') + tr(X*B*dX')", "product"),
            ("df = tr(B*X'*dX) + tr(X*B*dX')", "cyclic-trace"),
            ("df = tr((B + B')*X'*dX)", "transposed-trace, collect"),
            ("df/dX = X*(B + B')", "gradient"),
        ],
    ),
    (
        "r = x'*A*x/(x'*x)",
        "x",
        ["A: matrix symmetric"],
        [
            ("dr = -r*d(x'*x)/(x'*x) + d(x'*A*x)/(x'*x)", "quotient"),
            ("dr = -r*d(x'*x)/(x'*x) + dx'*A*x/(x'*x) + x'*A*dx/(x'*x)", "product"),
            ("dr = -2*r*x'*dx/(x'*x) + dx'*A*x/(x'*x) + x'*A*dx/(x'*x)", "square-vector"),
            ("dr = 2*(A*x - r*x)'*dx/(x'*x)", "transposed-scalar, collect"),
            ("dr/dx = 2/(x'*x)*(A*x - r*x)", "gradient"),
        ],
    ),
    (
        "tr(A*X)",
        "X",
        ["X: matrix symmetric"],
        [
            ("df = tr(A*dX)", "product"),
            ("df/dX = 1/2*(A + A')", "symmetric"),
        ],
    ),
]


@pytest.mark.parametrize(("expression", "wrt", "declare", "expected"), HOMEWORK, ids=[h[0] for h in HOMEWORK])
def test_a_derivation_reads_as_in_a_textbook(
    expression: str, wrt: str, declare: list[str], expected: list[tuple[str, str]]
) -> None:
    assert told(expression, wrt, declare) == expected


def test_rules_are_cited_where_they_are_found() -> None:
    found = matcalc.gradient("tr(A*inv(X))", "X")
    assert [step.citation for step in found.steps] == ["PP12 (37)", "PP12 (40)", "PP12 (14)", "MN19 ch. 9"]


def test_a_step_is_told_in_unicode_and_latex_too() -> None:
    first, *_, last = matcalc.gradient("tr(W^-1)", "W").steps
    assert first.unicode().startswith("df = −tr(")
    assert last.latex().startswith(r"\frac{\partial f}{\partial W} = ")


def test_independent_entries_of_a_symmetric_matrix_are_counted_once_in_a_step_of_its_own() -> None:
    lines = told("tr(A*X)", "X", "X: matrix symmetric", convention="independent")
    assert lines[1:] == [
        ("G = 1/2*(A' + A)", "symmetric"),
        ("df/dX = A + A' - diag(diag(1/2*(A + A')))", "independent"),
        ("df/dX = A + A' - diag(diag(A))", "simplified"),
    ]


@pytest.mark.parametrize(
    ("expression", "wrt"),
    [("sqrt(1 + norm(9/10*tanh(X))^2)", "X"), ("log(1 + norm(X + X)^2)", "X"), ("x'*A'*A*x", "x"), ("norm(2*x)^2", "x")],
)
def test_a_square_of_a_multiple_keeps_its_differential(expression: str, wrt: str) -> None:
    assert told(expression, wrt)
