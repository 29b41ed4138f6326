r"""What people write in LaTeX by habit: brackets left out, several definitions on a line, signs that stand for functions."""

from __future__ import annotations

import pytest

import matcalc
from matcalc.errors import ParseError, ShapeError
from matcalc.language.latex.reader import read_latex
from matcalc.printing.latex import latex
from matcalc.printing.text import text
from matcalc.rulefiles.signatures import load
from tests.test_latex_reader import surface

READ = {
    # the positive part
    r"[1 - yw^Tx]_+ + \lambda\left(x\right)_+^2 + C(x)_{+} + \left\{x\right\}_+^T": (
        "(relu((1 - (y*w'*x))) + (lambda*relu(x)^2) + (C*relu(x)) + relu(x)')"
    ),
    # the trace without brackets
    r"c \operatorname{tr}X^TX + \Tr AX - \mathrm{tr} A \odot B + \operatorname{tr} 2AB/n": (
        "((c*tr((X'*X))) + tr((A*X)) - tr((A.*B)) + tr((2*A*B/n)))"
    ),
    r"\operatorname{tr} A \operatorname{tr} B + \operatorname{tr}(X - Y)^T(X - Y) + \operatorname{tr}(A)B": (
        "(tr((A*tr(B))) + tr(((X - Y)'*(X - Y))) + (tr(A)*B))"
    ),
    r"\operatorname{tr} A\sum_i x_i + \operatorname{tr}\left(A\right)^{-1}": "(tr((A*sum(x[i] for i))) + tr(A)^-1)",
    # definitions on one line
    "h = Wx, g = h^2, \\quad L = g^Tg": "h = (W*x); g = h^2; L = (g'*g)",
    r"z_1 = Ax, z_2 = Bx, f = z_1^Tz_2, x \in \mathbb{R}^n": "z_1 = (A*x); z_2 = (B*x); f = (z_1'*z_2); x: R(n)",
    # what is defined
    r"\log p(y|X) = -\|y\|^2": "log_p = -norm(y)^2",
    r"\ln p_\theta(\mathbf{y} \mid X) = y^Ty \\ g = a": "ln_p_theta = (y'*y); g = a",
    r"RSS(\beta) = \beta^T\beta \\ g = 2RSS(\beta) + RSS + RS": "RSS = (beta'*beta); g = ((2*RSS) + RSS + (R*S))",
    r"loss(w) = w^Tw": "loss = (w'*w)",
    r"\min_w L(w) = w^Tw": "L = (w'*w)",
    # what is minimised, assumed, or spacing
    r"\underset{x}{\min} x^Tx": "(x'*x)",
    r"\underset{w, b}{\operatorname{arg\,min}}\; w^Tw + b": "((w'*w) + b)",
    r"\underset{\beta}{\text{minimize}} \ \beta": "beta",
    r"{\textstyle\sum_i} x_i\mkern3mu y_i + \mskip-2mu \underset{i}{\sum} x_i": "(sum((x[i]*y[i]) for i) + sum(x[i] for i))",
    r"\log\det X, X \succ 0": "log(det(X)); X: matrix posdef",
    r"A + B, \quad A, B \succeq \mathbf{0}": "(A + B); A, B: matrix symmetric",
    # below sums
    r"\sum_{\substack{i=1 \\ i \ne j}}^n x_i + \sum_\substack{i\\k\\} X_{ik}": (
        "(sum(x[i] for i in 1..n if (i != j)) + sum(sum(X[i,k] for k) for i))"
    ),
    r"\sum_{j=1}^m y_j\sum_{i=1, j < i}^n x_i": "sum((y[j]*sum(x[i] for i in 1..n if (i > j))) for j in 1..m)",
    # inner products
    r"<x,y> + \lambda\left<x_{1}, Ay\right> + 2<A^{T}B, C>_F": (
        "(inner(x, y) + (lambda*inner(x_1, (A*y))) + (2*inner((A'*B), C)))"
    ),
    r"f = \lambda A:BC - D_{:,j}": "f = (((lambda*A)frobenius(B*C)) - D[:,j])",
    # entries and names
    r"(AB)_{12} + (\operatorname{adj}X)_{11} + (Ax)_{12}": "((A*B)[1,2] + adj(X)[1,1] + (A*x)[12])",
    r"\mathrm{lambda\_} + \mathrm{a\_b}": "(lambda_ + a_b)",
}


@pytest.mark.parametrize(("source", "meaning"), READ.items())
def test_what_people_write_by_habit_is_read(source: str, meaning: str) -> None:
    assert surface(source) == meaning


REFUSED = {
    "f = z^Tz, z = Ax": ("what follows the comma does not use this", "f = z^Tz", "z = …, f = …"),
    "z^Tz, z = Ax": ("a definition follows the formula", "z^Tz", "z = …, f = …"),
    "x : y": ("what stands beside the colon", ":", "\\langle"),
    "a < b, c > d": ("a comma cannot stand here", ",", "\\\\"),
    "A:B:C": ("two colons", "A:B:C", "\\langle"),
    "Ax(t) = b": ("only a name", "Ax", "f(x)"),
    r"f + \text{const.}": ("a constant that is not written out", r"\text{const.}", "leave it out"),
    r"f + \mathrm{const}": ("a constant that is not written out", r"\mathrm{const}", "leave it out"),
    r"X \succ Y": ("\\succ is read before 0 alone", r"\succ", "positive definite"),
    r"\underset{a}{x}": ("what stands below it", r"\underset", "\\min"),
    "x_+": ("what the + below it says", "_+", "(x)_+"),
    "tr AB": ("tr may be the trace", "tr", "\\operatorname{tr}"),
    "a, b = c": ("= cannot stand here", "=", "one name"),
}


@pytest.mark.parametrize(("source", "told"), REFUSED.items())
def test_what_habit_leaves_open_is_refused(source: str, told: tuple[str, str, str]) -> None:
    with pytest.raises(ParseError) as caught:
        read_latex(source, (), load())
    error = caught.value
    assert error.what.startswith(told[0])
    assert error.span is not None and source[slice(*error.span)].startswith(told[1])
    assert told[2] in error.hint


def test_the_colon_stands_between_matrices() -> None:
    assert text(matcalc.parse("A:B + <x,y>", latex=True).expression) == "x'*y + tr(A'*B)"
    for source in (r"\|A\| : \|B\|", "Ax : By", r"A : \|B\|"):
        with pytest.raises(ShapeError, match="A:B is that of two matrices"):
            matcalc.parse(source, "A, B: matrix; x, y: vector", latex=True)


def test_a_note_tells_what_is_read_as_a_name() -> None:
    notes = matcalc.parse(r"\log p(y|X) = -\|y\|^2", latex=True).notes
    assert notes == (r"\log p(y|X) is read as the name of what is on the right, log_p",)


@pytest.mark.parametrize(
    ("source", "declare"),
    [
        ("adj(X)[1,1]", "X: matrix(n,n)"),
        ("sum(sum(x[i]*y[j] for i if i != j) for j)", ""),
        ("lambda_*x'*x", "lambda_: scalar"),
        ("tr(sqrtm(A)*B)", ""),
    ],
)
def test_what_is_printed_of_these_is_read_back(source: str, declare: str) -> None:
    e = matcalc.parse(source, declare or None).expression
    assert matcalc.parse(latex(e), declare or None, latex=True).expression is e
