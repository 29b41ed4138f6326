"""Text in the language: reads like a textbook, and is read back as the same node."""

from __future__ import annotations

import pytest
from hypothesis import given

import matcalc
from matcalc.nodes import algebra
from matcalc.nodes.expr import (
    Node,
    graph_size,
    matrix_node,
    name_of,
    operands,
    postorder,
    scalar_node,
    shape,
    size_symbol,
    variable,
)
from matcalc.printing.layout import Program, Sizes, printed_size
from matcalc.printing.text import text, text_program
from tests.notation import SIZES, VARIABLES, n, node
from tests.strategies import Problem, problems

SELF = """
2*X'*((Z - Y) .* ind(X*W > 0))
2*((Z - Y) .* ind(X*W > 0))*W'
2*(Y - max(X*W, 0))
1/2*(A + A')*x
(A + A')*x
2*A*x
x*x'
A/sqrt(tr(A'*A))
(x - a)/norm(x - a)
-inv(A)'
-inv(A)*dA*inv(A)
-inv(A)'*P'*inv(A)'
1/2*x'*A*x
x'*A*x*B
s*x'*y*A
A/(x'*x)
2/(x'*x)*(A*x - s*x)
x*x'/(x'*x)^2
eye(n)/norm(x) - x*x'/norm(x)^3
f/norm(mu)^2*(x - mu)
-f/norm(mu)^2*(x - mu)
-1/2*gamma*sum(x)*(v + epsilon)^(-3/2)
-gamma*sum(x)/sqrt(v + epsilon)
gamma/sqrt(v + epsilon)*(x - mean(x) - mean(x .* y)*y)
x/(2*n)
s/2
1/n*X'*(X*w - y)
2/n*X'*(X*w - y)
n/2*inv(A)
-1/2*(d*n*log(2*pi) + n*log(det(Sigma)))
-d*n/2*log(2*pi)
1/2*alpha*norm(w)^2
exp(-s)/(1 + exp(-s))^2
s*(1 - s)
1 - s
s - 1
s^2 + 1
v + epsilon
(s + t)*(s - t)/(2*v)
-(s + t)*A
1/2*(s - t)
-((s + t)*(s + v))
s/t^2
1/s
2^k
s^(t - 1)
k*s^(k - 1)
(s - t)^(2*v)
A^-2
A^2
-(A^-2)'
(A^k)'
A'^(k - 1)
X .* M
x .* y ./ a
-x ./ y
1 ./ (y - A*x)
s ./ x
(x .* y)/s
x .* (A*y)
X'*(X .* M)
2*(x .* y)
y .* max(0, 1 - y .* (X*w))
x.^2
X.^s
x.^(-3/2)
sqrt(x)
X .* M.^2
X*W + 1
1 - x
X*W .+ b'
X .- mean(X, axis=0)
X .- x
x .* X
X ./ sqrt(sum(X.^2, axis=1))
(X .- mean(X, axis=0) - M .* mean(X .* M, axis=0)) ./ sqrt(sum(X.^2, axis=0) + epsilon)
b' .+ y
ind(x > 0)
ind(X*W .+ b' >= Y)
sum(ind(X > 0), axis=1) .* X
W'*sum(X, axis=0)'
A*sum(X, axis=1)
-mean(X, axis=1)
s*mean(X, axis=0)
ones(n)
ones(n)'
ones(n, d)
2*sum(X)*ones(n, d)
zeros(n)
zeros(n, d)
eye(n)
kron(A', eye(n))
(eye(n^2) + commutation(n, n))*kron(A, eye(n))
e(i, n)*e(j, n)'
diag(diag(A))
x[i]
X[i,j]
X[i,:]
X[:,j]'
(A*B)[i,j]
softmax(x)[i]
[A, B]
[A, B; C, P]
norm(A, 'nuc')
norm(x, 3)
norm(A, 2)
norm1(x)
softmax(X*W, axis=1)
logsumexp(X, axis=0)
det(A)*inv(A)'
logdet(A)
exp(A)
lgamma(s)
abs(x)
polygamma(1, x)
x'*(A*x*y')
sqrt(2)*s
h_relu'*(y_pred - Y)
""".strip().splitlines()


@pytest.mark.parametrize("shown", SELF)
def test_textbook_forms_print_as_they_are_typed(shown: str) -> None:
    assert text(node(shown)) == shown


TYPED = {
    "A'*A*2": "2*A'*A",
    "(A*B)*C": "A*B*C",
    "A*(B*C)": "A*B*C",
    "A''": "A",
    "x*(1/2)": "1/2*x",
    "(1/norm(x))*x": "x/norm(x)",
    "X*ones(d)": "sum(X, axis=1)",
    "1/n*ones(n)'*X": "mean(X, axis=0)",
    "dot(x, y)": "x'*y",
    "inner(A, B)": "tr(A'*B)",
    "-x + y": "-x + y",
    "y + -x": "y - x",
    "t + s": "s + t",
    "-s + t": "t - s",
    "epsilon + v": "v + epsilon",
    "2*s + 2*t": "2*(s + t)",
    "s/2 + t/2": "1/2*(s + t)",
    "A .* B*2": "2*(A .* B)",
    "square(x)": "x.^2",
    "x.^(-1)": "1 ./ x",
    "x.^(-1/2)": "1 ./ sqrt(x)",
    "(A > 0)*x": "ind(A > 0)*x",
    "|A|^k": "det(A)^k",
    "A ⊗ B": "kron(A, B)",
    "ln(s)": "log(s)",
    "0.5*x": "1/2*x",
    "x*1.5": "3/2*x",
    "alpha + 1 + X": "alpha + 1 + X",
}


@pytest.mark.parametrize(("typed", "shown"), TYPED.items())
def test_one_form_is_printed_for_all_spellings(typed: str, shown: str) -> None:
    assert text(node(typed)) == shown
    assert node(shown) is node(typed)


@given(problems(depth=4))
def test_text_is_read_back_as_the_same_node(problem: Problem) -> None:
    p = matcalc.parse(problem.text, declare=problem.declarations)
    lines = [*(f"{name_of(z)} = {text(e)}" for z, e in p.definitions.items()), text(p.expression)]
    assert matcalc.parse("\n".join(lines), declare=problem.declarations).expression is p.expression


def test_an_exponent_called_t_is_bracketed() -> None:
    T = variable("T", (), ["integer"])
    assert text(algebra.power(VARIABLES["A"], T)) == "A^(T)"


# ---------------------------------------------------------------- sizes

MEASURED = {
    "x": 1,
    "2": 1,
    "1/2": 1,
    "A'": 2,
    "inv(A)": 2,
    "-x": 2,
    "2*x": 3,
    "1/2*(A + A')*x": 7,
    "A*x": 3,
    "A*B*x": 4,
    "x'*y": 4,
    "tr(A'*B)": 5,
    "x + y": 3,
    "x - y": 4,
    "x - 2*y": 5,
    "X*W + 1": 5,
    "X*W .+ b'": 6,
    "x .* X": 3,
    "max(X*W, 0)": 5,
    "sum(X, axis=1)": 2,
    "mean(X, axis=0)": 2,
    "A/s": 3,
    "A/norm(x)": 4,
    "x/(2*n)": 5,
    "s/t*x": 5,
    "1/s": 3,
    "x ./ y": 3,
    "1 ./ x": 3,
    "x.^2": 3,
    "sqrt(x)": 2,
    "ind(x > 0)": 3,
    "eye(n)": 2,
    "2*X'*((Z - Y) .* ind(X*W > 0))": 14,
}


@pytest.mark.parametrize(("shown", "size"), MEASURED.items())
def test_the_size_counts_what_the_reader_sees(shown: str, size: int) -> None:
    assert printed_size(node(shown)) == size
    assert Sizes()(node(shown)) == size


# ---------------------------------------------------------------- shared parts


def read_back(shown: Program, results: tuple[Node, ...]) -> list[Node]:
    """The results of a printed program, its names replaced by what they stand for."""
    names, meaning = dict(VARIABLES), {}
    for name, body in shown.definitions:
        e = substituted(parse(body, names), meaning)
        names[name] = variable(name, shape(e))
        meaning[names[name]] = e
    return [substituted(parse(r, names), meaning) for r in shown.results]


def parse(shown: str, names: dict[str, Node]) -> Node:
    return matcalc.language.parser.parse_formula(shown, names, {str(s): s for s in SIZES})


def substituted(e: Node, meaning: dict[Node, Node]) -> Node:
    done: dict[int, Node] = {}
    for x in postorder([e]):
        new = tuple(done[id(o)] for o in operands(x))
        done[id(x)] = meaning.get(x, x) if not new else algebra.rebuild(x, new)
    return done[id(e)]


def deep(layers: int) -> Node:
    e = VARIABLES["A"]
    for _ in range(layers):
        e = matrix_node("tanh", (algebra.add(algebra.mul(e, e), algebra.transpose(e)),), (n, n))
    return e


def test_small_results_are_printed_whole() -> None:
    assert text_program([node("A*x"), node("x'*A*x")]) == Program((), ("A*x", "x'*A*x"))


def test_shared_parts_are_named_and_stand_first() -> None:
    results = (algebra.mul(deep(6), VARIABLES["x"]), scalar_node("tr", (deep(6),)))
    shown = text_program(results, ["T_2", "T3"])
    assert [name for name, _ in shown.definitions][:2] == ["T_1", "T_4"]
    assert shown.definitions[0][1] == "tanh(A*A + A')"
    assert tuple(read_back(shown, results)) == results


def test_output_grows_linearly_with_the_graph() -> None:
    def length(layers: int) -> int:
        e = deep(layers)
        shown = text_program([e])
        assert graph_size(e) < 5 * layers
        return sum(len(name) + len(body) for name, body in shown.definitions) + len(shown.results[0])

    assert length(400) < 2.4 * length(200)


def test_depth_is_no_limit() -> None:
    e = VARIABLES["x"]
    for _ in range(5_000):
        e = matrix_node("sin", (e,), (n, algebra.number(1)))
    assert text(e) == "sin(" * 5_000 + "x" + ")" * 5_000


def test_order_does_not_hang_on_what_was_made_before() -> None:
    names = ["zeta", "b", "omega", "a", "c"]
    values = [variable(f"{name}_first", ()) for name in names]
    shown = text(algebra.add(*values))
    assert text(algebra.add(*reversed(values))) == shown == "a_first + b_first + c_first + omega_first + zeta_first"
    assert text(algebra.mul(*values, size_symbol("m"))) == "m*omega_first*zeta_first*a_first*b_first*c_first"
