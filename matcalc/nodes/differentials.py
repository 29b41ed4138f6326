"""Differentials as nodes: d(E), what E changes by; and sums whose terms stay in the order in which they are read."""

from __future__ import annotations

from matcalc.nodes.expr import Node, head, is_scalar, matrix_node, operands, scalar_node, shape

DIFFERENTIAL = "d"
TERMS = "terms"


def differential_node(e: Node) -> Node:
    """d(E), of the shape of E: linear in the differentials of the variables in E."""
    return scalar_node(DIFFERENTIAL, (e,)) if is_scalar(e) else matrix_node(DIFFERENTIAL, (e,), shape(e))


def in_order(summands: tuple[Node, ...]) -> Node:
    """The sum of scalars as it was written: SymPy would sort its terms.  For printing alone."""
    return summands[0] if len(summands) == 1 else scalar_node(TERMS, summands)


def terms_of(e: Node) -> tuple[Node, ...]:
    """The summands of a sum that `in_order` made."""
    return operands(e) if head(e) == TERMS else (e,)
