"""The matrix of a linear expression: the M with vec(L(dX)) = M*vec(dX), columns stacked, by the `matrix` lines of the rules."""

from __future__ import annotations

from typing import TypeAlias

from matcalc.calculus.adjoint import depends_on
from matcalc.nodes.algebra import add, entries, eye, hadamard, kron, mul, transpose, vec, zeros
from matcalc.nodes.expr import ONE, Node, head, is_scalar, matrix_node, operands, postorder, shape
from matcalc.nodes.indices import SUM, leaving
from matcalc.rulebase.base import Rulebase

Matrix: TypeAlias = Node | None
"""A matrix; None is the identity."""


def vectorize(L: Node, dX: Node, rules: Rulebase) -> Node:
    """The M with vec(L) = M*vec(dX), where L is linear in the leaf dX.

    Shapes: M as many rows as L has entries, as many columns as dX.  Cost: one `matrix` line per operation on the way.
    Source: Magnus & Neudecker (2019), ch. 9: the first identification theorem.
    """
    rows, columns = entries(shape(L)), entries(shape(dX))
    holds = depends_on([L], {dX}, {})
    if id(L) not in holds:
        return zeros((rows, columns))
    found: dict[int, Matrix] = {id(L): None}
    for e in reversed(list(postorder([L]))):
        if id(e) not in holds or id(e) not in found:
            continue
        M = found.pop(id(e))
        if e is dX:
            return eye(columns) if M is None else M
        for i, o in enumerate(operands(e)):
            if id(o) in holds:
                step = _product(M, _operand(e, i, rules))
                step = step if step is None else leaving(step, e, o)
                found[id(o)] = step if id(o) not in found else add(*(_written(x, o) for x in (found[id(o)], step)))
    raise AssertionError("L does not reach dX")


def _written(M: Matrix, o: Node) -> Node:
    return eye(entries(shape(o))) if M is None else M


def _product(M: Matrix, N: Matrix) -> Matrix:
    return N if M is None else M if N is None else mul(M, N)


def _operand(e: Node, i: int, rules: Rulebase) -> Matrix:
    """The M with vec(de) = M*vec(D) where operand i alone moves, by D, and e is linear in it."""
    args, name = operands(e), head(e)
    others = (*args[:i], *args[i + 1 :])
    match name:
        case "add" | "sadd" | "scalar":
            return None
        case _ if name == SUM:
            return None
        case "smul":
            return mul(*others)
        case "mul":
            return _factor(args, i)
        case "hadamard":
            fixed = hadamard(*others)
            return matrix_node("diag", (vec(fixed),), (entries(shape(fixed)),) * 2)
        case "transpose" | "vec" if ONE in shape(args[0]):
            return None
    return rules.apply(name, f"matrix.{rules.record(name).operands[i].name}", args, result=shape(e))


def _factor(args: tuple[Node, ...], i: int) -> Matrix:
    """Of factor i of a product A*D*B: kron(B', A); of its coefficient vec(A*B)."""
    left, right = args[:i], args[i + 1 :]
    D = args[i]
    if is_scalar(D):
        return vec(mul(*left, *right))
    rows, columns = shape(D)
    A = mul(*left) if left else ONE
    B = transpose(mul(*right)) if right else ONE
    A = mul(A, eye(rows)) if is_scalar(A) else A
    return kron(mul(B, eye(columns)) if is_scalar(B) else B, A)
