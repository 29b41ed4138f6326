"""Parts of variables that are differentiated by: an entry, a row, a column, a member of a family."""

from __future__ import annotations

from matcalc.nodes.algebra import build
from matcalc.nodes.expr import Node, head, operands, shape
from matcalc.nodes.families import PARTS


def base_of(wrt: Node) -> Node:
    """The variable of which wrt is a part, X of X[:,j]; a variable itself."""
    return operands(wrt)[0] if head(wrt) in PARTS else wrt


def part_like(wrt: Node, G: Node) -> Node:
    """The part of G that wrt is of its variable: G[:,j] for X[:,j]."""
    return build(head(wrt), (G, *operands(wrt)[1:]), shape(wrt))
