"""A sheet of exercises with their solutions, as matcalc writes them: `python -m tests.homework` writes the example anew."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import matcalc
from matcalc import document
from matcalc.derivation import Derivation
from matcalc.explain import explanation
from matcalc.statement import notation

EXAMPLE = Path(__file__).resolve().parent / "examples" / "homework.tex"


class Exercise(NamedTuple):
    """An exercise, and what its solution has to show: the gradient in the language's own text."""

    title: str
    problem: str
    wrt: str
    gradient: str
    declare: str = ""

    def solution(self) -> Derivation:
        """The derivation."""
        return matcalc.gradient(self.problem, self.wrt, declare=self.declare or None)


EXERCISES = [
    Exercise(
        "1. A layer of rectified linear units",
        "norm(max(X*W, 0) - Y, 'fro')^2",
        "W",
        "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))",
    ),
    Exercise("2. Least squares by the matrix", "1/2*norm(A*x + b - y)^2", "A", "(A*x + b - y)*x'"),
    Exercise("3. The trace of an inverse", "tr(inv(W))", "W", "-(W^-2)'"),
    Exercise("4. A quadratic form", "x'*A*x", "x", "(A + A')*x"),
    Exercise("5. A matrix twice under a trace", "tr(A*X*B*X'*C)", "X", "A'*C'*X*B' + C*A*X*B"),
    Exercise(
        "6. A radial basis function",
        "exp(-norm(x - mu)^2/(2*norm(sigma)^2))",
        "x",
        "exp(-norm(x - mu)^2/(2*norm(sigma)^2))/norm(sigma)^2*(mu - x)",
        "sigma: vector(k)",
    ),
    Exercise("7. The logarithm of a determinant", "logdet(Sigma)", "Sigma", "inv(Sigma)'"),
]


def sheet() -> str:
    """The solutions of all exercises as one LaTeX file."""
    solved = [(exercise, exercise.solution()) for exercise in EXERCISES]
    parts = [explanation(notation("latex", d.rules.signatures), [d], exercise.title) for exercise, d in solved]
    return document.latex(document.joined("Matrix calculus: solutions", parts), standalone=True)


if __name__ == "__main__":
    EXAMPLE.parent.mkdir(exist_ok=True)
    EXAMPLE.write_text(sheet(), encoding="utf-8")
