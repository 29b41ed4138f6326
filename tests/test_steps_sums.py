"""Derivations with sums over an index as a teacher writes them, those of `lectures.toml`: the equations and their rules."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import matcalc
from matcalc.printing.text import text

LECTURES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("lectures.toml").read_text("utf-8"))["lecture"]


@pytest.mark.parametrize("lecture", LECTURES, ids=lambda lecture: lecture["title"])
def test_a_derivation_with_indices_reads_as_in_a_lecture(lecture: dict[str, Any]) -> None:
    found = matcalc.gradient(lecture["problem"], lecture["wrt"], declare=lecture["declare"])
    assert found.steps_check.ok is True
    assert [[step.text, step.rule] for step in found.steps] == lecture["steps"]


# ---------------------------------------------------------------- differentials

GAUSSIAN = """L = -N*d/2*log(2*pi) - N/2*log(det(Sigma)) - 1/2*sum((x[t] - mu)'*inv(Sigma)*(x[t] - mu) for t in 1..N)"""
GAUSSIAN_NAMES = ["x: vectors(d, N)", "mu: vector", "Sigma: matrix posdef"]


def test_the_differential_of_a_log_likelihood_is_that_of_the_lecture() -> None:
    found = matcalc.differential(GAUSSIAN, "Sigma", declare=GAUSSIAN_NAMES)
    expected = "tr((1/2*inv(Sigma)*sum((x[t] - mu)*(x[t] - mu)' for t in 1..N)*inv(Sigma) - N/2*inv(Sigma))*dSigma)"
    assert found.verify().ok and found.steps_check.ok
    assert str(found) == expected == text(found.steps[-1].node)


def test_a_differential_by_several_variables_has_a_term_for_each() -> None:
    found = matcalc.differential(GAUSSIAN, ["mu", "Sigma"], declare=GAUSSIAN_NAMES)
    assert found.verify().ok and found.steps_check.ok
    mean, covariance = found.steps[-1].terms
    assert text(mean) == "sum((x[t] - mu)' for t in 1..N)*inv(Sigma)*dmu"
    assert text(covariance).endswith("*dSigma)")


@pytest.mark.parametrize(
    ("expression", "wrt", "declare", "expected"),
    [
        (
            "S = C - sum(y[i]*A[i] for i in 1..k); inv(S)",
            ["y", "C"],
            ["A: matrices(n,n,k)"],
            "inv(S)*(sum(dy[i]*A[i] for i in 1..k) - dC)*inv(S)",
        ),
        ("sum(y[i]*A[i] for i in 1..k)", ["y", "A"], ["A: matrices(n,n,k)"], "sum(dy[i]*A[i] + y[i]*dA[i] for i in 1..k)"),
        (
            "sum((x[t] - mu)*(x[t] - mu)' for t in 1..N)",
            ["x", "mu"],
            ["x: vectors(d,N)"],
            "sum((dx[t] - dmu)*(x[t] - mu)' + (x[t] - mu)*(dx[t] - dmu)' for t in 1..N)",
        ),
        ("sum(exp(a[i]*s)*b[i] for i in 1..N)", ["s"], ["b: vectors(d,N)", "s: scalar"], ""),
    ],
)
def test_differentials_of_matrices_with_sums_are_told_and_verified(
    expression: str, wrt: list[str], declare: list[str], expected: str
) -> None:
    found = matcalc.differential(expression, wrt, declare=declare)
    assert found.verify().ok and found.steps_check.ok
    assert found.steps[-1].node is found.node
    assert str(found) == (expected or str(found))


# ---------------------------------------------------------------- what is printed of them


def test_a_step_by_a_part_is_told_in_unicode_and_latex_too() -> None:
    *_, line, last = matcalc.gradient("sum(x[i]^2 for i in 1..n)", "x[k]").steps
    assert line.unicode() == "df = 2xₖ dxₖ"
    assert last.unicode().startswith("∂f/∂x")
    assert last.latex().startswith(r"\frac{\partial f}{\partial x_{k}} = ")


def test_sums_parts_and_unknown_functions_are_explained_in_words() -> None:
    found = matcalc.gradient(
        "sum(ell(x[t]) for t in 1..N)", "x[k]", declare=["x: vectors(d,N)", "ell: function(vector) -> scalar"]
    )
    told = found.explain("text")
    for words in ("unknown function", "one part moves", "sifting"):
        assert words in told
