"""The differential: d f(X) = L(dX), by one rule per function and Leibniz for linear operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import sympy
from sympy import Expr

from matcalc.nodes.algebra import add, hadamard, hadamard_power, is_zero, mul, ones, rebuild, trace, transpose, zeros
from matcalc.nodes.expr import ONE, Node, head, intern_scalar, is_scalar, matrix_node, operands, postorder, shape
from matcalc.nodes.indices import SUM, index_sum
from matcalc.nodes.unknown import is_unknown, slope


class Rules(Protocol):
    """What the differential asks of a rule base."""

    def has(self, name: str) -> bool:
        """Whether there is an operation of that name."""

    def is_joint(self, name: str) -> bool:
        """Whether the operation is linear in all its arguments together."""

    def is_linear(self, name: str) -> bool:
        """Whether the operation is linear in each argument that may move."""

    def differential(self, e: Node, i: int, dX: Node) -> Node:
        """What de is where operand i alone moves, by dX."""


def differential(e: Node, tangents: Mapping[Node, Node], rules: Rules) -> Node:
    """dF, the differential of e where every key X of `tangents` moves by its value dX; linear in each dX.

    Shapes: dF like e, each dX like its X.  Leaves that are no key do not move.
    Cost: one rule per node of the graph below e; shared nodes are differentiated once.
    Source: Magnus & Neudecker (2019), ch. 5 (Cauchy's rule of invariance); Frostig et al. 2021, arXiv:2105.09469.
    """
    moved: dict[int, Node] = {}
    for x in postorder([e], lambda x: () if x in tangents else operands(x)):
        if x in tangents:
            moved[id(x)] = tangents[x]
            continue
        moving = [(i, moved[id(o)]) for i, o in enumerate(operands(x)) if id(o) in moved]
        if len(moving) > 1 and rules.is_joint(head(x)):
            moved[id(x)] = joint_differential(x, dict(moving))
            continue
        parts = [part for i, dX in moving if not is_zero(part := contribution(x, i, dX, rules))]
        if parts:
            moved[id(x)] = add(*parts)
    return moved.get(id(e), zeros(shape(e)))


def contribution(e: Node, i: int, dX: Node, rules: Rules) -> Node:
    """The part of de that comes from operand i moving by dX."""
    args = operands(e)
    name = head(e)
    if is_sympy_scalar(e, rules):
        return mul(partial(e, i), dX)
    if name in ("add", "scalar"):
        return dX
    if name == SUM:
        return index_sum(dX, *args[1:])
    if is_unknown(name):
        return inner(slope(e), dX)
    if rules.is_joint(name):
        return joint_differential(e, {i: dX})
    if rules.is_linear(name):
        return rebuild(e, (*args[:i], dX, *args[i + 1 :]))
    if rules.has(name):
        return rules.differential(e, i, dX)
    return hadamard(sympy_derivative(name, args[0]), dX)


def inner(A: Node, B: Node) -> Node:
    """⟨A, B⟩ = tr(A'*B)."""
    return mul(A, B) if is_scalar(A) else trace(mul(transpose(A), B))


def joint_differential(e: Node, moved: Mapping[int, Node]) -> Node:
    """d[A, B] = [dA, dB], with 0 for an operand that does not move: of what is linear in all its operands together."""
    return rebuild(e, tuple(moved[i] if i in moved else zeros(shape(a)) for i, a in enumerate(operands(e))))


def is_sympy_scalar(e: Node, rules: Rules) -> bool:
    """Whether e is differentiated by SymPy: a scalar sum, product or power, or a function without a rule."""
    return head(e) in ("sadd", "smul", "spow") or (bool(e.is_Function) and not rules.has(head(e)))


def partial(e: Node, i: int) -> Expr:
    """∂e/∂operand i of a scalar sum, product, power or SymPy function."""
    args = operands(e)
    match head(e):
        case "sadd":
            return cast(Expr, sympy.S.One)
        case "smul":
            return cast(Expr, mul(*args[:i], *args[i + 1 :]))
        case "spow":
            base, exponent = args
            slope = exponent * sympy.Pow(base, exponent - 1) if i == 0 else sympy.log(base) * e
            return intern_scalar(slope)
        case _:
            return intern_scalar(e.fdiff(i + 1))


def sympy_derivative(name: str, X: Node) -> Node:
    """f'(X), entry by entry, of SymPy's scalar function of that name.

    The derivative is SymPy's expression in one variable, with sums, products and powers read entrywise.
    """
    t = sympy.Dummy("t", real=True)
    made: dict[int, Node] = {}
    for x in postorder([getattr(sympy, name)(t).diff(t)]):
        args = tuple(made[id(o)] for o in operands(x))
        match head(x):
            case "symbol":
                made[id(x)] = X
            case "number":
                made[id(x)] = mul(x, ones(shape(X) or (ONE, ONE)))
            case "sadd":
                made[id(x)] = add(*args)
            case "smul":
                made[id(x)] = hadamard(*args)
            case "spow":
                made[id(x)] = hadamard_power(args[0], operands(x)[1])
            case other:
                made[id(x)] = matrix_node(other, args, shape(X)) if not is_scalar(X) else intern_scalar(x.func(*args))
    return made[id(x)]
