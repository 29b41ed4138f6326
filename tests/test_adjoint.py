"""The adjoint: <G, L(D)> = <Y, D> read off as a person does, by both drivers, at a cost linear in the graph."""

from __future__ import annotations

from typing import Any

import pytest

import matcalc.calculus.adjoint as module
from matcalc.calculus.adjoint import depends_on, inner, isolate, operand_adjoint, sweep, textbook
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.derivation import gradients
from matcalc.errors import UndifferentiableError
from matcalc.language.parser import parse, parse_formula
from matcalc.nodes.algebra import mul, zeros
from matcalc.nodes.expr import ONE, Node, graph_size, head, operands, postorder, shape, variable
from matcalc.numeric.agree import agree
from matcalc.numeric.verify import verify
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from tests.notation import SIZES, VARIABLES

RULES = rulebase()
D = variable("D", SIZES[:2])


def in_world(formula: str, **more: Node) -> Node:
    """A formula in the variables of the notation and these."""
    return parse_formula(formula, {**VARIABLES, **more}, {str(size): size for size in SIZES})


ISOLATED = [
    ("D", "G"),
    ("3*D", "3*G"),
    ("s*D", "s*G"),
    ("-D/s", "-G/s"),
    ("A*D", "A'*G"),
    ("D*W", "G*W'"),
    ("A*D*W", "A'*G*W'"),
    ("A*B*D*W*W_1'", "B'*A'*G*W_1*W'"),
    ("D'", "G'"),
    ("X*D'", "G'*X"),
    ("x'*D", "x*G"),
    ("A*D + D", "A'*G + G"),
    ("A*D - B*D", "(A' - B')*G"),
    ("X .* D", "G .* X"),
    ("X .* (A*D)", "A'*(G .* X)"),
    ("X .* M .* D", "G .* X .* M"),
    ("tr(X'*D)", "G*X"),
    ("sum(D)", "G*ones(n, d)"),
    ("mean(D)", "G/(d*n)*ones(n, d)"),
    ("sum(D, axis=0)", "ones(n)*G"),
    ("sum(D, axis=1)", "G*ones(d)'"),
    ("vec(D)", "unvec(G, n, d)"),
    ("[D, zeros(n, k)]", "G*[eye(d); zeros(k, d)]"),
    ("tr(A*D*W*Y')", "G*A'*Y*W'"),
    ("x'*D*w", "G*x*w'"),
    ("D[i,:]", "e(i, n)*G"),
]


@pytest.mark.parametrize(("formula", "expected"), ISOLATED, ids=lambda f: f)
def test_isolating_reads_as_on_paper_and_keeps_the_inner_product(formula: str, expected: str) -> None:
    L = in_world(formula, D=D)
    G = variable("G", shape(L))
    Y = isolate(G, L, D, RULES)
    wanted = in_world(expected, G=G)
    assert shape(Y) == shape(D)
    assert text(Simplifier(RULES)(Y)) == expected
    assert agree(Y, wanted).ok is True
    assert agree(inner(G, L), inner(Y, D)).ok is True


LINEAR = """
kron(D, x)
kron(x', D)
kron(A, kron(D, y))
[D, zeros(n, k)]
[zeros(n, k), D, D]
[D; zeros(d)']
[zeros(n), D*w; 0, y'*D*w]
diag(D*w)
diag(D*X')
tril(D*X')
triu(A*D*X')
vech(D*X')
unvec(kron(eye(d), eye(n))*vec(D), n, d)
D[i,:]
D[:,j]
D[i,j]*x
(A*D)[i,j]
(D*w)[i]
ones(n)*mean(D, axis=0)*s
D .- mean(D, axis=0)
D .- mean(D, axis=1)
ones(n)*sum(D, axis=0)
commutation(n, d)*vec(D)
duplication(n)*vech(D*X')
inner(X, D)*x
e(i, n)*x'*D
x*(x'*D*w)
sum((A*D)', axis=1)
pinv(X)*D
""".strip().splitlines()


@pytest.mark.parametrize("formula", LINEAR)
def test_every_linear_operation_moves_to_the_other_side(formula: str) -> None:
    L = in_world(formula, D=D)
    G = variable("G", shape(L))
    Y = isolate(G, L, D, RULES)
    assert shape(Y) == shape(D)
    verdict = agree(inner(G, L), inner(Y, D))
    assert verdict.ok is True, (text(Y), verdict.reason)


def test_where_the_tangent_does_not_occur_nothing_is_left() -> None:
    assert isolate(variable("G", SIZES[:2]), VARIABLES["X"], D, RULES) is zeros(shape(D))


def test_an_adjoint_has_the_shape_of_its_operand() -> None:
    for formula in ("A*X*W", "x'*A*y", "s*A", "[X, Y]", "kron(A, x)", "det(A)*s", "softmax(A*x)", "A^3", "norm(X)"):
        for e in postorder([in_world(formula)]):
            for i, o in enumerate(operands(e)):
                if head(e) == "matpow" and i == 1:
                    with pytest.raises(UndifferentiableError, match="not differentiated by k"):
                        operand_adjoint(e, i, variable("G", shape(e)), RULES)
                    continue
                expected = () if shape(o) == (1, 1) else shape(o)
                assert shape(operand_adjoint(e, i, variable("G", shape(e)), RULES)) == expected, formula


PROBLEMS = """
norm(A*x - y)^2
norm(max(X*W, 0) - Y)^2
x'*A*x
1/2*x'*A*x + x'*y
tr(A*X*B*X')
tr(inv(X)*A)
logdet(X'*X + A)
det(A*X*B)
log(det(A + x*x'))
sum(exp(A*x))
sum(log(1 + exp(-(y .* (A*x)))))
logsumexp(A*x)
y'*softmax(A*x)
-sum(Y .* log_softmax(X*W, axis=1))
norm(X)
norm(x)/(1 + norm(x))
norm(X, 'nuc')
norm1(A*x - y) + lambda*norm(x)^2
sum(sigmoid(A*sigmoid(B*x)))
tr(X^3)
tr(A*X^-2)
x'*inv(A)*x
x'*A*x/(x'*x)
exp(-norm(x - y)^2/(2*s^2))
sum(kron(A, x))
tr(kron(A, B)*C)
sum([A, B; B', A] .* C)
sum(X .- mean(X, axis=0))^2 + sum((X .- mean(X, axis=0)).^2)
sum(X ./ sqrt(sum(X.^2, axis=1)))
sum(vec(X*A)'*vec(B))
diag(A*X)'*x
sum(tril(A*X) .* B)
sum(max(x, y) .* min(x, z))
prod(x)*sum(x.^3)
tr(expm(A)*B)
x[i]*y[j] + X[i,:]*w
sum(erf(X)) + sum(airyai(x))
s^t*norm(x)
v = A*x; w = v .* v; sum(w) + v'*w
Z = tanh(X*W); Q = Z*Z'; tr(Q*Q) + sum(Z)
a = exp(x); b = a/sum(a); c = log(b); b'*c
K = X'*X; L = inv(K + eye(n)); tr(L*K*L) + logdet(L)
x'*x*exp(x'*x)/(1 + exp(x'*x))
sum((A*x) .* (A*x) .* (A*x))
inner(A*X + X*A, A*X + X*A)
""".strip().splitlines()


@pytest.mark.parametrize("formula", PROBLEMS)
def test_the_textbook_and_the_sweep_agree(formula: str) -> None:
    problem = parse(formula)
    wanted = [X for X in problem.names.values() if not X.is_integer]
    found = sweep(problem.expression, wanted, problem.definitions, RULES)
    assert list(found) == wanted
    for X in wanted:
        Y = textbook(problem.expression, X, problem.definitions, RULES)
        assert shape(Y) == shape(found[X]) == shape(X)
        if X not in problem.definitions:
            assert Simplifier(RULES)(Y) is Simplifier(RULES)(found[X]) or agree_with(problem, Y, found[X])
        else:
            assert agree_with(problem, Y, found[X])
    verdict = verify(problem.expression, found, definitions=problem.definitions, draws=2)
    assert verdict.ok is True, verdict.reason


def agree_with(problem: Any, Y: Node, other: Node) -> bool:
    return agree(Y, other, definitions=problem.definitions, facts=problem.facts).ok is True


def test_by_an_intermediate_only_what_comes_after_it_counts() -> None:
    problem = parse("Z = A*x; V = Z .* y; sum(V .* Z) + sum(x)")
    names = problem.names
    found = sweep(problem.expression, [names["V"], names["Z"], names["x"]], problem.definitions, RULES)
    assert text(found[names["V"]]) == "Z"
    assert text(found[names["Z"]]) == "Z .* y + V"
    assert text(found[names["x"]]) == "1 + A'*(Z .* y + V)"


def test_what_f_does_not_depend_on_has_the_gradient_zero() -> None:
    problem = parse("Z = A*x; sum(B)")
    leaves = [problem.names["Z"], VARIABLES["Y"]]
    assert sweep(problem.expression, leaves, problem.definitions, RULES) == {X: zeros(shape(X)) for X in leaves}


def test_f_by_itself_is_one() -> None:
    x = VARIABLES["s"]
    assert sweep(x, [x], {}, RULES) == {x: ONE}


def test_dependence_is_seen_through_definitions() -> None:
    problem = parse("Z = A*x; V = B*x; sum(Z) + sum(V)")
    by_A = depends_on([problem.expression], {problem.names["A"]}, problem.definitions)
    assert id(problem.names["Z"]) in by_A and id(problem.names["V"]) not in by_A


# ---------------------------------------------------------------- cost


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Node, int]]:
    """Where `operand_adjoint` is called from now on."""
    calls: list[tuple[Node, int]] = []
    plain = module.operand_adjoint

    def call(e: Node, i: int, G: Node, rules: Any) -> Node:
        calls.append((e, i))
        return plain(e, i, G, rules)

    monkeypatch.setattr(module, "operand_adjoint", call)
    return calls


def network(layers: int) -> tuple[Node, list[Node]]:
    """sum of Z_l, where Z_i = max(tanh(Z_(i-1)*W_i), Z_(i-1)) uses the layer before it twice, and the weights."""
    weights = [variable(f"W{i}", (SIZES[1], SIZES[1])) for i in range(1, layers + 1)]
    Z: Node = VARIABLES["X"]
    for W in weights:
        Z = RULES.make("max", (RULES.make("tanh", (mul(Z, W),), shape(Z)), Z), shape(Z))
    return RULES.make("sum", (Z,), ()), weights


def edges(f: Node, leaves: list[Node]) -> int:
    """How many operands of how many operations depend on the leaves."""
    active = depends_on([f], set(leaves), {})
    return sum(id(o) in active for e in postorder([f]) if id(e) in active for o in operands(e))


@pytest.mark.parametrize("layers", [1, 10, 100])
def test_the_sweep_needs_one_adjoint_for_each_edge(monkeypatch: pytest.MonkeyPatch, layers: int) -> None:
    f, weights = network(layers)
    sweep(f, weights, {}, RULES)  # the adjoint of each function is derived once
    calls = counted(monkeypatch)
    found = sweep(f, weights, {}, RULES)
    assert len(calls) == len(set(calls)) == edges(f, weights) == 5 * layers - 1
    assert graph_size(*found.values()) < 20 * layers + 20


def test_only_the_edges_that_lead_to_the_variable_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    f, weights = network(50)
    sweep(f, weights, {}, RULES)
    calls = counted(monkeypatch)
    sweep(f, weights[-1:], {}, RULES)
    assert len(calls) == edges(f, weights[-1:]) == 4


def test_named_layers_cost_one_adjoint_for_each_edge_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["Z0 = X", *(f"Z{i + 1} = tanh(Z{i}*W{i}) + Z{i}" for i in range(100)), "sum(Z100)"]
    problem = parse("\n".join(lines))
    weights = [X for name, X in problem.variables.items() if name.startswith("W")]
    assert len(weights) == 100
    sweep(problem.expression, weights, problem.definitions, RULES)
    calls = counted(monkeypatch)
    sweep(problem.expression, weights, problem.definitions, RULES)
    assert len(calls) == 5 * 100 - 1


def test_a_chain_of_doublings_is_linear_for_the_sweep() -> None:
    problem = parse("\n".join(["z0 = x", *(f"z{i + 1} = z{i} .* z{i}" for i in range(200)), "sum(z200)"]))
    x = problem.variables["x"]
    Y = sweep(problem.expression, [x], problem.definitions, RULES)[x]
    assert graph_size(Y) < 1200
    named = gradients(problem, ["z199", "z0"], verify=False)
    assert str(named[0]) == "2*z199"
