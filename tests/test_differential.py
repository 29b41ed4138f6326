"""The differential: dF as a textbook writes it, and as differences measure it, for every kind of node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matcalc.rulebase.differential as module
from matcalc.errors import RuleError, UndifferentiableError
from matcalc.language.parser import parse, parse_formula
from matcalc.nodes.algebra import add, factors, mul, number, terms, zeros
from matcalc.nodes.expr import ZERO, Node, graph_size, head, name_of, postorder, shape, variable
from matcalc.numeric.agree import agree
from matcalc.numeric.evaluate import evaluate
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase, load, rulebase
from matcalc.rulebase.differential import differential
from matcalc.rulefiles.signatures import load as load_signatures
from tests.arrays import dimensions, draw
from tests.differences import richardson
from tests.notation import SIZES, VARIABLES, node

NUMBERS = {"n": 3, "d": 4, "k": 2, "m": 5, "N": 6}
RULES = rulebase()


def tangent(X: Node) -> Node:
    return variable(f"d{name_of(X)}", shape(X))


def d(formula: str, *names: str) -> Node:
    """The differential of a formula where the variables of these names move."""
    return differential(node(formula), {VARIABLES[x]: tangent(VARIABLES[x]) for x in names}, RULES)


def with_tangents(formula: str, *names: str) -> Node:
    """A formula in the variables of the notation and the dX of these names."""
    tangents = {f"d{x}": tangent(VARIABLES[x]) for x in names}
    return parse_formula(formula, {**VARIABLES, **tangents}, {str(size): size for size in SIZES})


WRITTEN = [
    ("2*A", "A", "2*dA"),
    ("A - 3*B", "A B", "dA - 3*dB"),
    ("A*B", "A B", "dA*B + A*dB"),
    ("A*B*A", "A", "dA*B*A + A*B*dA"),
    ("X*X'", "X", "dX*X' + X*dX'"),
    ("s*A", "s A", "ds*A + s*dA"),
    ("A/s", "s", "-ds/s^2*A"),
    ("A .* B", "A B", "dA .* B + A .* dB"),
    ("A .* A .* A", "A", "dA .* A .* A + A .* dA .* A + A .* A .* dA"),
    ("kron(A, B)", "A B", "kron(dA, B) + kron(A, dB)"),
    ("x'*A*y", "x A y", "dx'*A*y + x'*dA*y + x'*A*dy"),
    ("x'*A*x", "x", "dx'*A*x + x'*A*dx"),
    ("tr(A*B)", "A B", "tr(dA*B + A*dB)"),
    ("sum(X)", "X", "sum(dX)"),
    ("sum(X, axis=0)", "X", "sum(dX, axis=0)"),
    ("mean(x)", "x", "mean(dx)"),
    ("X .- mean(X, axis=0)", "X", "dX .- mean(dX, axis=0)"),
    ("diag(x)", "x", "diag(dx)"),
    ("diag(A)", "A", "diag(dA)"),
    ("tril(A)", "A", "tril(dA)"),
    ("vec(X)", "X", "vec(dX)"),
    ("[X, Y]", "X Y", "[dX, dY]"),
    ("[A; X']", "A", "[dA; zeros(d, n)]"),
    ("x[i]", "x", "dx[i]"),
    ("X[i,:]", "X", "dX[i,:]"),
    ("inv(A)", "A", "-inv(A)*dA*inv(A)"),
    ("logdet(A)", "A", "tr(inv(A)*dA)"),
    ("det(A)", "A", "det(A)*tr(inv(A)*dA)"),
    ("exp(X)", "X", "exp(X) .* dX"),
    ("sin(X*W)", "X W", "cos(X*W) .* (dX*W + X*dW)"),
    ("max(X, 0)", "X", "(X > 0) .* dX"),
    ("x.^3", "x", "3*(x.^2) .* dx"),
    ("s^3", "s", "3*s^2*ds"),
    ("s^t", "s t", "s^(t - 1)*t*ds + log(s)*s^t*dt"),
    ("s*t*v", "s v", "ds*t*v + s*t*dv"),
    ("exp(s)", "s", "exp(s)*ds"),
    ("log(x'*x)", "x", "1/(x'*x)*(dx'*x + x'*dx)"),
    ("cot(X)", "X", "(-1 - cot(X).^2) .* dX"),
    ("airyai(x)", "x", "airyaiprime(x) .* dx"),
    ("airyai(s)", "s", "airyaiprime(s)*ds"),
    ("norm(x)", "x", "x'*dx/norm(x)"),
    ("A*x + y", "B", "zeros(n)"),
]


@pytest.mark.parametrize(("formula", "names", "expected"), WRITTEN, ids=[f"d({w[0]})" for w in WRITTEN])
def test_the_differential_reads_and_counts_as_the_textbook_has_it(formula: str, names: str, expected: str) -> None:
    found = d(formula, *names.split())
    wanted = with_tangents(expected, *names.split())
    assert shape(found) == shape(node(formula))
    verdict = agree(found, wanted)
    assert verdict.ok is True, (text(found), verdict.reason)
    assert text(found) == text(wanted)


MEASURED = """
A*B - 2*C*A'
A*inv(B)*x
x*y'*A
s*x + t^2*y/v
A^2
A^3*B
A^-2
A'^k
A .* B .* A
X.^2 .* M
x.^s
x.^(-3/2)
(x .* y).^(-1)
kron(A, x)
kron(x, kron(y, w))
[A, x; y', s]
[[X, Y], Z]
tr(A*B*A)
x'*A*y*s
det(A*B)
logdet(A*A' + eye(n))
inv(A + x*y')
pinv(X)
adj(A)
norm(X)
norm(A*x - y)^2
norm(x, 3)
norm1(x)
norminf(x)
norm(A, 'nuc')
norm(X*W, 2)
exp(s)/(s + t)
s^t + t^s
sqrt(x'*x + s^2)
log(1 + exp(x))
exp(X*W .+ b')
sin(x) .* cos(y)
tan(s) + atan(t)*sinh(v)
tanh(A*x)
erf(x) + gamma(s)*y
lgamma(s) + digamma(t)
sigmoid(X*W)
softplus(x)
max(x, y)
min(A, B')
pow(exp(x), y)
abs(x) .* sign(y)
ind(x > y) .* x + x
sum(X.^2, axis=1)
mean(X, axis=1)
mean(exp(X)) + sum(X*W)
prod(x)
softmax(x)
softmax(X, axis=0)
softmax(X, axis=1)
log_softmax(A*x)
logsumexp(x)
logsumexp(X, axis=0)
logsumexp(X, axis=1)
expm(A)
vec(A*B)
vech(A)
diag(A*x)
diag(A*B)
tril(A*B) + triu(B)
x[i]*y[j]
X[i,:]*W
(A*B)[:,j]
(A*B)[i,j]
e(i, n)*x'
commutation(n, n)*vec(A)
A .- mean(A, axis=0)
X ./ sqrt(sum(X.^2, axis=1))
airyai(x) .* airybi(y)
cot(X) + sec(X)
Si(s)
sinc(exp(x))
fresnels(x)
erfinv(tanh(x))
""".strip().splitlines()

POSITIVE = {"x.^s", "x.^(-3/2)", "(x .* y).^(-1)", "s^t + t^s", "norm(x, 3)", "lgamma(s) + digamma(t)", "erf(x) + gamma(s)*y"}


def drawn(leaves: list[Node], positive: bool, rng: np.random.Generator) -> dict[str, Any]:
    """An array for each leaf: positive, or normal; square ones invertible; indices 2 and 3, exponents 3."""
    fixed = {"i": 2.0, "j": 3.0, "k": 3.0}
    made: dict[str, Any] = {}
    for x in (x for x in leaves if x not in SIZES):
        dims = dimensions(x, NUMBERS)
        square = len(dims) == 2 and dims[0] == dims[1]
        domain = "invertible" if square else "positive" if positive else "real"
        made[name_of(x)] = fixed[name_of(x)] if x.is_integer else draw(domain, dims, rng)
    return made


@pytest.mark.parametrize("formula", MEASURED)
def test_the_differential_is_what_differences_measure(formula: str) -> None:
    e = node(formula)
    rng = np.random.default_rng(len(formula))
    below = [x for x in postorder([e]) if head(x) == "symbol"]
    leaves = [x for x in below if x not in SIZES and not x.is_integer]
    assert leaves
    arrays = drawn(below, formula in POSITIVE, rng)
    tangents = {X: tangent(X) for X in leaves}
    D = {name_of(X): rng.normal(size=np.shape(arrays[name_of(X)])) for X in leaves}
    found = differential(e, tangents, RULES)
    assert shape(found) == shape(e)
    dF = evaluate([found], {**arrays, **{f"d{x}": direction for x, direction in D.items()}}, NUMBERS)[0]
    G = rng.normal(size=np.shape(dF))

    def f(t: Any) -> Any:
        moved = {x: arrays[x] + t[()] * D[x] for x in D}
        return np.sum(G * evaluate([e], {**arrays, **moved}, NUMBERS)[0])

    measured, doubt = richardson(f, np.array(0.0), np.array(1.0))
    assert doubt < 1e-7 * max(1.0, abs(measured))
    assert np.sum(G * dF) == pytest.approx(measured, rel=1e-7, abs=1e-7)
    assert measured != 0


def test_what_does_not_move_has_the_differential_zero() -> None:
    assert d("tr(A*B)", "x") is ZERO
    assert d("A*B", "C") is zeros(shape(node("A*B")))
    assert d("ind(x > 0)", "x") is zeros(shape(node("x")))
    assert d("sign(x)", "x") is zeros(shape(node("x")))


def test_a_tangent_may_be_any_expression_and_stands_in_its_place() -> None:
    e, X = node("inv(A)"), VARIABLES["A"]
    assert differential(e, {X: node("B*C")}, RULES) is node("-inv(A)*B*C*inv(A)")
    assert differential(e, {X: zeros(shape(X))}, RULES) is zeros(shape(X))


def test_leibniz_gives_one_term_for_each_place_where_the_variable_stands() -> None:
    for places in (1, 2, 5):
        product = mul(*(x for _ in range(places) for x in (VARIABLES["A"], VARIABLES["B"])))
        dF = differential(product, {VARIABLES["A"]: tangent(VARIABLES["A"])}, RULES)
        assert len(terms(dF)) == places
        assert all(sum(f is tangent(VARIABLES["A"]) for f in factors(t)) == 1 for t in terms(dF))


def test_blocks_move_together_where_they_hold_the_same_variable() -> None:
    assert text(d("[A, A*B]", "A")) == "[dA, dA*B]"
    assert agree(d("[A, A*B]", "A"), with_tangents("[dA, dA*B]", "A")).ok is True
    assert agree(d("[A, B; B, A]", "A"), with_tangents("[dA, zeros(n,n); zeros(n,n), dA]", "A")).ok is True


def test_the_differential_is_linear_in_each_tangent() -> None:
    for formula in ("A*inv(A)*B", "det(A)*A", "exp(A) .* A", "[A, A'*B]"):
        e, X = node(formula), VARIABLES["A"]
        both = differential(e, {X: node("2*B + C")}, RULES)
        each = add(mul(number(2), differential(e, {X: VARIABLES["B"]}, RULES)), differential(e, {X: VARIABLES["C"]}, RULES))
        assert agree(both, each).ok is True, formula


def test_a_shared_node_is_differentiated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    contribution = module.contribution

    def counted(*args: Any) -> Node:
        nonlocal calls
        calls += 1
        return contribution(*args)

    monkeypatch.setattr(module, "contribution", counted)
    e = VARIABLES["A"]
    for _ in range(60):
        e = add(mul(e, VARIABLES["B"]), mul(VARIABLES["C"], e))
    dF = differential(e, {VARIABLES["A"]: tangent(VARIABLES["A"])}, RULES)
    assert calls == 60 * 2  # of the two products; a sum moves as a whole
    assert graph_size(dF) < 60 * 4 + 10


def test_the_derivative_of_a_sympy_function_is_entrywise_for_a_matrix_and_plain_for_a_scalar() -> None:
    assert text(module.sympy_derivative("cot", VARIABLES["X"])) == "-1 - cot(X).^2"
    assert text(module.sympy_derivative("sech", VARIABLES["s"])) == "-sech(s)*tanh(s)"
    assert text(module.sympy_derivative("erfc", VARIABLES["x"])) == "-2*pi^(-1/2)*exp(-x.^2)"


def test_a_function_of_a_rule_file_without_d_is_differentiated_through_its_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'swish = { entrywise = true, type = "x", value = "x .* sigmoid(x)", source = "definition" }', encoding="utf-8"
    )
    rules = load((file,))
    problem = parse("sum(swish(X))", signatures=rules.signatures)
    X = problem.variables["X"]
    found = differential(problem.expression, {X: tangent(X)}, rules)
    wanted = parse_formula("sum(dX .* sigmoid(X) + X .* sigmoid(X) .* (1 - sigmoid(X)) .* dX)", {"X": X, "dX": tangent(X)}, {})
    assert agree(found, wanted, rules=rules).ok is True


def test_a_function_that_nothing_differentiates_is_refused_with_what_to_add(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[wild]\ntype = "X[n,n] -> [n,n]"\nsource = "definition"\n', encoding="utf-8")
    with pytest.raises(RuleError, match=r"\[wild\]: nothing differentiates it by X\nhint: add a d, a value or an adjoint line"):
        load((file,))
    rules = Rulebase(load_signatures((file,)))
    problem = parse("sum(wild(X))", signatures=rules.signatures)
    X = problem.variables["X"]
    with pytest.raises(
        UndifferentiableError, match=r"no rule differentiates wild by X\nhint: add d = .* to \[wild\] in .*mine.toml"
    ):
        differential(problem.expression, {X: tangent(X)}, rules)
