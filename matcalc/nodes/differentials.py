"""Differentials as nodes: d(E), what E changes by; and sums whose terms stay in the order in which they are read."""

from __future__ import annotations

from matcalc.nodes.algebra import scalar
from matcalc.nodes.expr import ONE, Node, head, is_scalar, matrix_node, operands, scalar_node, shape

DIFFERENTIAL = "d"
TERMS = "terms"


def differential_node(e: Node) -> Node:
    """d(E), of the shape of E: linear in the differentials of the variables in E."""
    if all(d is ONE for d in shape(e)):
        return scalar_node(DIFFERENTIAL, (scalar(e),))
    return matrix_node(DIFFERENTIAL, (e,), shape(e))


def in_order(summands: tuple[Node, ...]) -> Node:
    """The sum as it was written: of scalars SymPy would sort the terms.  For printing alone."""
    if len(summands) == 1:
        return summands[0]
    return scalar_node(TERMS, summands) if is_scalar(summands[0]) else matrix_node(TERMS, summands, shape(summands[0]))


def terms_of(e: Node) -> tuple[Node, ...]:
    """The summands of a sum that `in_order` made."""
    return operands(e) if head(e) == TERMS else (e,)
