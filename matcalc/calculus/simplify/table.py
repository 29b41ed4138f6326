"""Small arrays of known size written entry by entry, where that is shorter than a sum of unit vectors."""

from __future__ import annotations

from functools import reduce

from matcalc.calculus.simplify.entries import Part
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import number
from matcalc.nodes.blocks import hcat, vcat
from matcalc.nodes.expr import Node, head, is_number, is_scalar, operands, postorder, shape

_MOST_ENTRIES = 16


def tabulated(e: Node, s: Simplifies) -> Node:
    """[a, b; c, d] for a sum of products of unit vectors of numbered entries; e itself where that is no longer."""
    if is_scalar(e) or not all(d.is_Integer for d in shape(e)) or not any(map(_is_numbered, postorder([e]))):
        return e
    m, n = map(int, shape(e))
    if m * n > _MOST_ENTRIES:
        return e
    cells = [[s(Part("entry2", (number(i), number(j)), s.rules)(e)) for j in range(1, n + 1)] for i in range(1, m + 1)]
    if any(head(x) in ("e", "vcat", "hcat") for x in postorder([c for row in cells for c in row])):
        return e
    made = reduce(vcat, [reduce(hcat, row) for row in cells])
    return made if s.cost(made) <= s.cost(e) else e


def _is_numbered(x: Node) -> bool:
    return head(x) == "e" and is_number(operands(x)[0])
