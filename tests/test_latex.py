"""LaTeX: what LaTeX, MathJax and KaTeX render as a textbook prints it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

import matcalc
from matcalc.nodes.expr import variable
from matcalc.printing.latex import latex
from tests.notation import node
from tests.strategies import Problem, problems

SHOWN = {
    "2*X'*((Z - Y) .* ind(X*W > 0))": r"2 X^\top \bigl((Z - Y) \odot \mathbb{I}(X W > 0)\bigr)",
    "1/2*(A + A')*x": r"\frac{1}{2} (A + A^\top) x",
    "A/sqrt(tr(A'*A))": r"\frac{A}{\sqrt{\operatorname{tr}(A^\top A)}}",
    "A/norm(A)": r"\frac{A}{\|A\|}",
    "-inv(A)'": r"-A^{-\top}",
    "-inv(A)*dA*inv(A)": r"-A^{-1} \, \mathrm{d}A \, A^{-1}",
    "x'*y/(x'*x)": r"\frac{x^\top y}{x^\top x}",
    "-1/2*gamma*sum(x)*(v + epsilon)^(-3/2)": r"-\frac{1}{2} \gamma \operatorname{sum}(x) \, (v + \epsilon)^{-3/2}",
    "-gamma*sum(x)/sqrt(v + epsilon)": r"-\frac{\gamma \operatorname{sum}(x)}{\sqrt{v + \epsilon}}",
    "x/(2*n)": r"\frac{x}{2 n}",
    "1/n*X'*(X*w - y)": r"\frac{1}{n} X^\top (X w - y)",
    "n/2*inv(A)": r"\frac{n}{2} A^{-1}",
    "A*(x - y/s)": r"A \left( x - \frac{y}{s} \right)",
    "exp(x/s)": r"\exp\left(\frac{x}{s}\right)",
    "exp(x)": r"\exp(x)",
    "norm(x/s)^2": r"\left\|\frac{x}{s}\right\|^2",
    "norm(x)^2": r"\|x\|^2",
    "det(A)*inv(A)'": r"|A| A^{-\top}",
    "logdet(A)^2": r"(\log|A|)^2",
    "inv(Sigma)*(x - mu)": r"\Sigma^{-1} (x - \mu)",
    "X*W_1": r"X W_{1}",
    "2*h_relu'*(y_pred - Y)": r"2 h_{\mathrm{relu}}^\top (y_{\mathrm{pred}} - Y)",
    "s*loss": r"\mathrm{loss} \, s",
    "x'*xhat": r"x^\top \hat{x}",
    "epsilon*alpha": r"\alpha \epsilon",
    "(A^k)'": r"(A^k)^\top",
    "A'^2": r"(A^\top)^2",
    "A^-2": r"A^{-2}",
    "x.^2": r"x^{\odot 2}",
    "x.^(-3/2)": r"x^{\odot -3/2}",
    "x ./ y": r"x \oslash y",
    "X*W .+ b'": r"X W + \mathbf{1} b^\top",
    "X .+ y": r"X + y \mathbf{1}^\top",
    "P .- (x .+ y')": r"P - (x \mathbf{1}^\top + \mathbf{1} y^\top)",
    "1 - e(3, n)": r"\mathbf{1} - e_{3}",
    "X - 1": r"X - \mathbf{1} \mathbf{1}^\top",
    "(x + s*t)'*A": r"(x + s t \mathbf{1})^\top A",
    "y .* (x - (y'*x))": r"y \odot \bigl(x - (y^\top x) \mathbf{1}\bigr)",
    "X .* y": r"X \odot (y \mathbf{1}^\top)",
    "max(X, y)": r"\max(X, y \mathbf{1}^\top)",
    "sum(X, axis=1)": r"X \mathbf{1}",
    "mean(X, axis=0)": r"\frac{1}{n} \mathbf{1}^\top X",
    "sum(X)*ones(n, d)": r"\operatorname{sum}(X) \mathbf{1} \mathbf{1}^\top",
    "kron(A', eye(n))*vec(A)": r"(A^\top \otimes I_{n}) \operatorname{vec}(A)",
    "commutation(n, n)": r"K_{n,n}",
    "x[i]": r"x_{i}",
    "X[i,j]": r"X_{ij}",
    "X[:,j]": r"X_{:, j}",
    "(A*B)[i,j]": r"(A B)_{ij}",
    "W_1[i,j]": r"(W_{1})_{ij}",
    "ind(A >= 0)": r"\mathbb{I}(A \ge 0)",
    "2^k*3": r"3 \cdot 2^k",
    "2*pi": r"2 \pi",
    "max(X*W, 0)": r"\max(X W, 0)",
    "softmax(X, axis=1)": r"\operatorname{softmax}(X, \text{axis=1})",
    "[A, B; C, P]": r"\begin{bmatrix} A & B \\ C & P \end{bmatrix}",
    "-x + y": "y - x",
}


@pytest.mark.parametrize(("typed", "shown"), SHOWN.items())
def test_textbook_forms(typed: str, shown: str) -> None:
    assert latex(node(typed)) == shown


def test_greek_letters_without_a_command_are_latin_ones() -> None:
    assert latex(variable("Alpha", ())) == r"\mathrm{A}"
    assert latex(variable("Gamma_1", ())) == r"\Gamma_{1}"


def test_the_mark_of_a_transpose_and_bold_letters_can_be_chosen() -> None:
    e = node("inv(Sigma)'*X*w + mu")
    assert latex(e, transpose="T") == r"\Sigma^{-T} X w + \mu"
    assert latex(node("X'*x"), transpose="prime") == r"X^\prime x"
    assert latex(node("X*w + s*y + A*mu"), bold=True) == (r"\mathbf{X} \mathbf{w} + s \mathbf{y} + \mathbf{A} \boldsymbol{\mu}")


@given(problems(depth=4))
def test_brackets_and_braces_balance_and_no_script_is_doubled(problem: Problem) -> None:
    shown = latex(matcalc.parse(problem.text, declare=problem.declarations).expression)
    assert shown.count(r"\left") == shown.count(r"\right")
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", shown):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    script = r"(?:\\[A-Za-z]+|\{[^{}]*\}|[^\\{])"
    assert not re.search(rf"\^{script}\^|_{script}_", shown)
