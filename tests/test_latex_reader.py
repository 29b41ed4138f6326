r"""LaTeX input: what people write is read as the same text of the language; what cannot be read is refused with its place."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given

import matcalc
from matcalc.calculus.engine import Engine
from matcalc.errors import MatcalcError, ParseError, ShapeError
from matcalc.language.latex.reader import read_latex
from matcalc.language.problem import declaration
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.scanner import MAX_TEXT
from matcalc.language.syntax.tree import (
    Bars,
    Block,
    Call,
    Comparison,
    Comprehension,
    Declaration,
    Expression,
    Index,
    Line,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Statement,
    Sum,
    Text,
    Transpose,
)
from matcalc.nodes.expr import Node
from matcalc.printing.latex import latex
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.rulefiles.signatures import load
from tests.corpus_entries import load as corpus
from tests.strategies import Problem, problems
from tests.test_latex_corpus import records

RELATIONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}


def shown(e: Expression | None) -> str:
    """The surface tree as a text with all its brackets."""
    match e:
        case None:
            return ":"
        case Number():
            return str(e.value)
        case Name():
            return e.name
        case Text():
            return repr(e.value)
        case Sum():
            return f"({''.join(f' {s} {shown(t)}' for s, t in zip(e.signs, e.terms, strict=True))[3:]})"
        case Product():
            return f"({''.join(o + shown(f) for o, f in zip(e.operators, e.factors, strict=True))[1:]})"
        case Negative():
            return f"-{shown(e.operand)}"
        case Transpose():
            return f"{shown(e.operand)}'"
        case Power():
            return f"{shown(e.base)}{'.' * e.entrywise}^{shown(e.exponent)}"
        case Comparison():
            return f"({shown(e.left)} {RELATIONS[e.relation]} {shown(e.right)})"
        case Index():
            return f"{shown(e.operand)}[{','.join(map(shown, e.places))}]"
        case Bars():
            return f"|{shown(e.operand)}|"
        case Block():
            return f"[{'; '.join(', '.join(map(shown, row)) for row in e.rows)}]"
        case Call():
            return f"{e.function}({', '.join([*map(shown, e.arguments), *(f'{k}={shown(v)}' for k, v in e.keywords)])})"
        case Comprehension():
            limits = f" in {shown(e.limits[0])}..{shown(e.limits[1])}" if e.limits else ""
            condition = f" if {shown(e.condition)}" if e.condition else ""
            return f"{e.function}({shown(e.body)} for {e.index.name}{limits}{condition})"


def line(found: Line) -> str:
    if isinstance(found, Declaration):
        sizes = f"({','.join(map(shown, found.sizes))})" if found.sizes else ""
        properties = "".join(f" {p.name}" for p in found.properties)
        return f"{', '.join(n.name for n in found.names)}: {found.kind.name}{sizes}{properties}"
    assert isinstance(found, Statement)
    indices = f"[{','.join(i.name for i in found.indices)}]" if found.indices else ""
    return f"{found.name.name}{indices} = {shown(found.expression)}" if found.name else shown(found.expression)


def surface(source: str, declare: str = "") -> str:
    return "; ".join(map(line, read_latex(source, read(declare), load()).lines))


READ = {
    # side by side
    "2AB": "(2*A*B)",
    r"\frac{Nd}{2}": "((N*d)/2)",
    "x^TAx": "(x'*A*x)",
    r"A \cdot B \times C * D": "(A*B*C*D)",
    r"A \odot B \circ C \oslash D": "(A.*B.*C./D)",
    r"A B \odot C D": "((A*B).*(C*D))",
    r"A \otimes B": "(AkronB)",
    r"1/2 x^T x": "(1/2*x'*x)",
    r"X \cdot -1": "(X*-1)",
    r"\frac12 x + {a \over b} + \dfrac{a}{b} + \frac1n + \frac\pi2": "(((1/2)*x) + (a/b) + (a/b) + (1/n) + (pi/2))",
    r"\sqrt{x^Tx} + \sqrt[3]{s} + \sqrt2": "(sqrt((x'*x)) + s.^(1/3) + sqrt(2))",
    # above
    r"A^{\top} B^\mathrm{T} C^{\mathsf T} D^\intercal E^{\prime} F'": "(A'*B'*C'*D'*E'*F')",
    r"A^{-T} + B^{-\top} + X^{-1} + X^k + X^-1": "(A^-1' + B^-1' + X^-1 + X^k + X^-1)",
    r"X^{\circ 2} Y^{\odot 2} Z^{\circ -1}": "(X.^2*Y.^2*Z.^-1)",
    r"A^{+} B^\dagger": "(pinv(A)*pinv(B))",
    r"x^\frac{1}{2} + e^{-x} + \mathrm{e}^x": "(x^(1/2) + exp(-x) + exp(x))",
    # names
    r"\varepsilon \varphi \ell \Sigma": "(epsilon*phi*ell*Sigma)",
    r"\mathbf{x}^T\mathbf y + \boldsymbol\mu + \bm{x} + \vec{x} + {\bf z}": "((x'*y) + mu + x + x + z)",
    r"\mathcal{L} + \mathit{loss} + \text{loss} + \mathsf{x}": "(L + loss + loss + x)",
    r"\mathbf{A^{-1}x}": "(A^-1*x)",
    r"\hat x + \bar{\mathbf{x}} + \widehat{\Sigma}^{-1} + \mathbf{\tilde{y}}": "(xhat + xbar + Sigmahat^-1 + ytilde)",
    r"W_{12} + W_1 + \theta_{\mathrm{old}} + y_{\text{pred}} + W_{xh} + x_{\max}": (
        "(W_12 + W_1 + theta_old + y_pred + W_xh + x_max)"
    ),
    r"W^{(1)} x^{\mathrm{new}}": "(W_1*x_new)",
    # entries
    r"X_{ij} + X_{i,:} + X_{:,j} + X_{i\cdot} + X_{\cdot j}": "(X[i,j] + X[i,:] + X[:,j] + X[i,:] + X[:,j])",
    r"[X]_{ij} + (AB)_{ij} + (x)_i": "(X[i,j] + (A*B)[i,j] + x[i])",
    r"\sum_i x_i^2 + x_1": "(sum(x[i]^2 for i) + x[1])",
    r"\sum_i x^{(i)} + \sum_t x_{t+1}": "(sum(x[i] for i) + sum(x[(t + 1)] for t))",
    r"\sum_i S_{i y_i} + S_{i,y_i}": "(sum(S[i,y[i]] for i) + S[i,y[i]])",
    r"\hat{x}_i = x_i - \mu": "xhat[i] = (x[i] - mu)",
    r"p_j = e^{s_j} \\ L = -\log{p_y}": "p[j] = exp(s[j]); L = -log(p[y])",
    r"W_1 = A \\ W_1 x": "W_1 = A; (W_1*x)",
    # functions
    r"\tr(X) + \Tr[X] + \operatorname{Trace}(X) + \mathbf{tr}(X)": "(tr(X) + tr(X) + tr(X) + tr(X))",
    r"tr(X) + Tr(X) + Atr(B) + \mathop{\rm tr}(X) + {\rm tr}(X)": "(tr(X) + tr(X) + (A*tr(B)) + tr(X) + tr(X))",
    r"\log p_i + \log \frac{a}{b} + \ln 2\pi + \ln|\Sigma| + \log\det(X)": (
        "(log(p_i) + log((a/b)) + ln((2*pi)) + ln(|Sigma|) + log(det(X)))"
    ),
    r"y \log p \log q": "(y*log(p)*log(q))",
    r"\log|X| (a + b)": "(log(|X|)*(a + b))",
    r"\sin^2(x) + \log^2 x + \log_2 x": "(sin(x)^2 + log(x)^2 + (log(x)/log(2)))",
    r"\exp\{x\} + \exp\left\{ x \right\} + \exp\left(x\right)^T": "(exp(x) + exp(x) + exp(x)')",
    r"\max(XW,0) + \max\{0, x\}": "(max((X*W), 0) + max(0, x))",
    r"\sigma(Xw)": "sigmoid((X*w))",
    r"\sigma(x) = \frac{1}{1 + e^{-x}}": "sigma = (1/(1 + exp(-x)))",
    r"\sigma(a + b) + \sigma": "((sigma*(a + b)) + sigma)",
    r"\operatorname{softmax}(X, \text{axis=1})": "softmax(X, axis=1)",
    r"\operatorname{ReLU}(x) + \lambda_{\max}(A) + \operatorname{foo}(x)": "(relu(x) + lambda_max(A) + foo(x))",
    r"\mathrm{d}X + \mathrm{d}(AB)": "(dX + d((A*B)))",
    # bars
    r"\|Z\|^2_F + ||x||_2^2 + \lVert x \rVert + \left\| x \right\|": "(norm(Z, 'fro')^2 + norm(x, 2)^2 + norm(x) + norm(x))",
    r"\Vert x \Vert_\infty + \|X\|_* + \|x\|_p + \norm{x}_1": "(norm(x, inf) + norm(X, 'nuc') + norm(x, p) + norm(x, 1))",
    r"|X| |Y| + \left| x \right| + \lvert x\rvert + |A||B|": "((|X|*|Y|) + |x| + |x| + (|A|*|B|))",
    r"\frac{a^Tx}{\|a\|\|x\|}": "((a'*x)/(norm(a)*norm(x)))",
    r"\langle a, b\rangle": "inner(a, b)",
    # sums
    r"\sum_{i=1}^{n} a_i b_i - c": "(sum((a[i]*b[i]) for i in 1..n) - c)",
    r"\sum_{t=1}^T x_t": "sum(x[t] for t in 1..T)",
    r"\sum_{j \neq y}{\max(0, s_j) + \Delta}": "sum((max(0, s[j]) + Delta) for j if (j != y))",
    r"\sum_i \sum_{j=1, j\neq y_i}^c s_j": "sum(sum(s[j] for j in 1..c if (j != y[i])) for i)",
    r"\sum_{i,j} X_{ij} + \sum_{ij} X_{ij}": "(sum(sum(X[i,j] for j) for i) + sum(sum(X[i,j] for j) for i))",
    r"\sum_{i<j} X_{ij}": "sum(sum(X[i,j] for i if (i < j)) for j)",
    r"\sum_j \sum_{i<j} X_{ij}": "sum(sum(X[i,j] for i if (i < j)) for j)",
    r"\sum\limits_{1 \le i \le n} x_i": "sum(x[i] for i in 1..n)",
    r"\prod_{i=1}^n x_i \sum_k y_k": "prod((x[i]*sum(y[k] for k)) for i in 1..n)",
    r"-\sum_i p_i \log p_i": "-sum((p[i]*log(p[i])) for i)",
    r"\log \sum_k e^{x_k}": "log(sum(exp(x[k]) for k))",
    r"\sum_{n=1}^N \{t_n - w^T\phi_n\}^2": "sum((t[n] - (w'*phi[n]))^2 for n in 1..N)",
    # matrices and constants
    r"\begin{bmatrix} A & B \\ C & D \end{bmatrix}": "[A, B; C, D]",
    r"\begin{vmatrix} a & b \\ c & d \\ \end{vmatrix}": "det([a, b; c, d])",
    r"\mathbf{1}(X > 0) + \mathbb{1}_{X>0} + \mathbb{1}[A \ge B]": "(ind((X > 0)) + ind((X > 0)) + ind((A >= B)))",
    r"\mathbf{1}^T x + \mathbf 1_n + \mathbf{1}_{m\times n} + \mathbf{0}": "((ones'*x) + ones(n) + ones(m, n) + zeros)",
    r"I_n + \mathbf{I}_{n\times n} + \mathbb{I} + I": "(eye(n) + eye(n) + I + I)",
    r"\pi + \infty": "(pi + inf)",
    # statements
    r"\begin{align} Z &= \max(XW, 0) \\ f &= \|Z - Y\|_F^2. \end{align}": "Z = max((X*W), 0); f = norm((Z - Y), 'fro')^2",
    "Z = \\max(XW, 0)\nf = \\|Z\\|^2": "Z = max((X*W), 0); f = norm(Z)^2",
    "f = a \n + b": "f = (a + b)",
    r"f(x;\theta) = \theta^T x % a comment": "f = (theta'*x)",
    r"f(x) \coloneqq x^Tx; g = f(x)^2": "f = (x'*x); g = f^2",
    r"\begin{align} f &= a \\ &\quad + b \end{align}": "f = (a + b)",
    r"\begin{equation} f = x^Tx \label{eq:1} \end{equation}": "f = (x'*x)",
    r"$$f(x) = x^TAx,$$ where $A \in \mathbb{R}^{n \times n}$": "f = (x'*A*x); A: R(n,n)",
    r"f = x^T \Sigma x, \quad x, y \in \mathbb{R}^n, \text{where } \Sigma \in \mathbb{S}^n_{++}": (
        "f = (x'*Sigma*x); x, y: R(n); Sigma: matrix(n,n) posdef"
    ),
    r"\bigl( a \Bigr) \, b \! \left[ c \right] \displaystyle d": "(a*b*c*d)",
    r"\min_{w} \|Xw-y\|^2": "norm(((X*w) - y))^2",
    r"\arg\min_w E + \lambda": "(E + lambda)",
    r"\operatorname*{argmin}_x \|x\|": "norm(x)",
}


@pytest.mark.parametrize(("source", "meaning"), READ.items())
def test_what_people_write_is_read(source: str, meaning: str) -> None:
    assert surface(source) == meaning


def test_a_declaration_says_what_a_subscript_is() -> None:
    assert surface("x_1 + x_k", "x: vector(n)") == "(x[1] + x[k])"
    assert surface("X_{12} + x_{12}", "X: matrix(n,n); x: vector(n)") == "(X[1,2] + x[12])"
    assert surface("x_k", "x: scalar") == "x_k"
    assert surface("x_k", "k: integer") == "x[k]"
    assert surface("W_1 x_i", "W_1: matrix(n,n); W: matrix(n,n); x_i: vector(n)") == "(W_1*x_i)"
    assert surface("s = Wx \\\\ s_j") == "s = (W*x); s[j]"


REFUSED = {
    "A^*": ("the conjugate transpose", "^*", "\\top"),
    "A^H": ("the conjugate transpose", "^H", "\\top"),
    "A^{T-1}": ("a transpose cannot be combined", "^{T-1}", "(A^{k})^\\top"),
    r"X^T_{ij}": ("whose entry", "_{ij}", "(X^\\top)_{ij}"),
    r"\log a b": ("where the argument", r"\log a b", "brackets"),
    "a/b c": ("how far the division", "a/b c", "\\frac"),
    r"\max_j s_j + 1": ("max with something below", r"\max_j", "logsumexp"),
    r"\sin^{-1}(x)": ("sin^{-1} may be", r"\sin^{-1", "\\arcsin"),
    r"\frac{\partial f}{\partial X}": ("\\partial: a derivative", r"\partial", "--wrt"),
    r"\frac{d}{dx} x^2": ("a derivative", r"\frac{d}{dx}", "--wrt"),
    r"\nabla_W f": ("\\nabla: a derivative", r"\nabla", "--wrt"),
    r"\mathbb{E}[x]": ("an expectation", r"\mathbb{E}", "\\sum"),
    r"\int x": ("\\int: integrals", r"\int", "sum"),
    r"\lfloor x \rfloor": ("\\lfloor: rounding", r"\lfloor", ""),
    r"\begin{cases} a \end{cases}": ("a definition by cases", r"\begin{cases}", "\\mathbf{1}"),
    r"a_1 + \ldots + a_n": ("\\ldots: dots", r"\ldots", "\\sum"),
    r"\aplha x": ("unknown command \\aplha", r"\aplha", "\\alpha"),
    r"\foo{x}": ("unknown command \\foo", r"\foo", "\\operatorname"),
    "f = A = B": ("a chain of equations", "=", "one of the two"),
    r"f &= A \\ &= B": ("a chain of equations", "=", "one of the two"),
    "X + 1 = Y": ("only a name", "X + 1", "f(x)"),
    r"\hat{AB}": ("an accent stands over one letter", r"\hat{AB}", "xhat"),
    "x^12": ("TeX takes only the first figure", "12", "{12}"),
    "(x": ("( is never closed", "(", ")"),
    "(x]": ("] cannot close (", "]", ")"),
    "{x": ("{ is never closed", "{", "}"),
    "|x": ("| is never closed", "|", "|"),
    r"\frac{1}": ("the argument of \\frac is missing", r"\frac", "braces"),
    "x_": ("the argument of _ is missing", "_", "braces"),
    r"\sum_{i \in S} x_i": ("a sum over a set", r"i \in S", "i=1"),
    r"\sum x": ("\\sum has no index", r"\sum", "\\sum_i"),
    r"\sum_{i=2} x_i": ("the upper limit is missing", "2", "^n"),
    r"\phi + \varphi": ("\\varphi and \\phi are one name", r"\varphi", "another letter"),
    "a < b < c": ("comparisons cannot be chained", "<", "twice"),
    "x + y, z": ("a comma cannot stand here", ",", "\\\\"),
    "2 3": ("two numbers", "2 3", "\\cdot"),
    r"\text{where the sum is over all rows } x": ("prose", r"\text{where the sum is over all rows }", "formula"),
    "f(x) = x^Tx; f(y)": ("f has another argument", "(y)", "x"),
    "x!": ("a factorial", "!", "gamma"),
    r"a \text{ subject to } b": ("constraints", r"\text{ subject to }", "objective"),
}


@pytest.mark.parametrize(("source", "told"), REFUSED.items())
def test_what_cannot_be_read_is_refused_with_its_place_and_a_hint(source: str, told: tuple[str, str, str]) -> None:
    with pytest.raises(ParseError) as caught:
        read_latex(source, (), load())
    error = caught.value
    assert error.span is not None
    assert error.what.startswith(told[0])
    assert source[slice(*error.span)].startswith(told[1])
    assert told[2] in error.hint and error.hint


def test_later_errors_point_into_the_latex() -> None:
    source = r"\operatorname{tr}(\mathbf{A}\mathbf{x})"
    with pytest.raises(ShapeError) as caught:
        matcalc.parse(source, ["A: matrix(m,n)", "x: vector(m)"])
    assert caught.value.span is not None and source[slice(*caught.value.span)] == r"\mathbf{A}"
    assert r"cannot multiply \mathbf{A} (m x n) by \mathbf{x} (m x 1)" in caught.value.what


def test_a_backslash_makes_latex_and_latex_can_be_asked_for() -> None:
    assert text(matcalc.parse("XW", latex=True).expression) == "X*W"
    assert text(matcalc.parse("XW").expression) == "XW"
    assert text(matcalc.parse(r"\alpha XW").expression) == "alpha*X*W"
    with pytest.raises(ParseError):
        matcalc.parse(r"\alpha", latex=False)


def test_bold_letters_are_vectors_and_matrices() -> None:
    bold = matcalc.parse(r"\boldsymbol{\mu}^T \boldsymbol\Lambda \boldsymbol{\mu}")
    assert matcalc.parse(r"\|\mu\|^2 + \mu").shape == ()
    assert [len(bold.variables[name].shape) for name in ("mu", "Lambda")] == [2, 2]
    assert text(matcalc.gradient(r"\|\boldsymbol{\mu}\|^2", "mu").node) == "2*mu"


def test_notes_say_what_was_assumed() -> None:
    assert any("sigmoid" in note for note in matcalc.parse(r"\sigma(a^Tx)").notes)
    assert any(note.startswith("\\min_w is left out") for note in matcalc.parse(r"\min_w \|w\|^2").notes)


def test_declarations_stand_in_the_latex_or_apart() -> None:
    inside = matcalc.parse(r"\|Ax\|^2, A \in \mathbb{R}^{m \times n}")
    apart = matcalc.parse(r"\|Ax\|^2", r"A \in \mathbb{R}^{m \times n}")
    assert inside.expression is apart.expression
    assert matcalc.parse(r"\ln|\Sigma_1|", r"\Sigma_1: matrix posdef").declarations == ("Sigma_1: matrix(n,n) posdef",)
    assert matcalc.parse(r"\ln|\Sigma|, \Sigma \in \mathbb{S}^n_{++}").declarations == ("Sigma: matrix(n,n) posdef",)


HIDDEN = re.compile(
    r"logdet|eigvals|eigvec|eigvecs|expm|logm|abs|sign|\be\(|commutation|duplication|elimination|polar|singvec|lgamma|"
    r"polygamma|zeros|chol|\be\b|exp\(1\)|sum\(.*axis|mean\(.*axis|ones|lambda_|\[|sylvester|dexpm|dlogm|dpow"
)
"""What the printed form does not tell: sizes of ones, matrix functions written as those of numbers, |x| of
vectors, vectors and matrices with a letter of their own (e_i, K, D, L)."""

RULES = rulebase()


def differs(e: Node, declarations: list[str]) -> str:
    """What is printed of a node that does not read back as it; "" for none."""
    printed = latex(e)
    problem = matcalc.parse(printed, declare=declarations, latex=True)
    again = problem.expression
    if again is e or text(again) == text(e):
        return ""
    ones = Engine(problem, RULES).simplifier
    return "" if r"\mathbf{1}" in printed and text(ones.finished(again)) == text(ones.finished(e)) else printed


def test_what_is_printed_is_read_back() -> None:
    count = 0
    for entry in (e for part in ("seeds", "cookbook") for e in corpus(part)):
        declarations = [declaration(v) for v in {**entry.leaves, **entry.bound()}.values()]
        for e in (entry.expected_node, entry.problem.expression):
            if not HIDDEN.search(text(e)):
                assert differs(e, declarations) == ""
                count += 1
    assert count > 300


@given(problems(depth=3))
def test_what_is_printed_of_any_problem_is_read_back(problem: Problem) -> None:
    read_problem = matcalc.parse(problem.text, declare=problem.declarations)
    e = read_problem.expression
    names = [declaration(v) for v in read_problem.names.values()]
    if not HIDDEN.search(text(e)):
        assert differs(e, [*names, *(f"{size}: integer" for size in read_problem.sizes if size in text(e))]) == ""


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\w|\s+|.", re.DOTALL)


def mutated(rng: random.Random, sources: list[str], tokens: list[str]) -> str:
    found = _TOKEN.findall(rng.choice(sources))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found) + 1)
        if rng.random() < 0.4:
            del found[at : at + 1]
        else:
            found.insert(at, rng.choice(tokens))
    return "".join(found)


def failure(source: str) -> MatcalcError | None:
    try:
        matcalc.parse(source, latex=True)
    except MatcalcError as error:
        return error
    return None


def test_broken_latex_ends_in_an_error_with_a_hint() -> None:
    rng = random.Random(7)
    sources = [*(r["latex"] for r in records()), *READ, *REFUSED]
    tokens = sorted({t for s in sources for t in _TOKEN.findall(s)})
    for _ in range(3_000):
        source = mutated(rng, sources, tokens)
        error = failure(source)
        assert error is None or (error.hint and (error.span is not None or not source.strip()))


@pytest.mark.parametrize(
    "source",
    [
        "{" * 50_000, "(" * 50_000, "\\frac" * 20_000, "\\sqrt[" * 16_000, "x^{" * 33_000, "x_{" * 33_000, "\\hat" * 25_000,
        "|" * 100_000, "\\left(" * 16_000, "\\sum_i " * 14_000 + "x_i", "\\sum_{i<j}" * 9_000 + "x_i",
        "\\mathbb{1}(" * 9_000, "\\begin{bmatrix}" * 6_000, "$" * 100_000, "\n" * 100_000, "x=\n" * 30_000, "9" * 100_000,
        "(1)_1" * 20_000, "\\mathbf{x" * 10_000, ",x" * 50_000, "x=x," * 25_000, "&" * 100_000, "\\" * 99_999, "f(x)=" * 20_000,
        "x" * (MAX_TEXT + 1), "a\0b", "x^10^10", "x\\_y", "\\text{", "\\operatorname", "\\begin{", "\\", "^", "_", "'", "\\not",
    ],
    ids=lambda s: repr(s[:12]),
)  # fmt: skip
def test_bad_latex_ends_quickly_in_a_clear_error(source: str) -> None:
    start = time.process_time()
    with pytest.raises(MatcalcError) as caught:
        matcalc.parse(source, latex=True)
    assert time.process_time() - start < 20
    assert caught.value.hint and len(str(caught.value)) < 2_000
