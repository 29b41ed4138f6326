"""Places: the whole numbers at which an entry, a row, a column, a member is taken, and how far they may go."""

from __future__ import annotations

import math
from typing import cast

import sympy
from sympy import Expr, Integer

from matcalc.nodes.expr import Node, head, intern_scalar, operands, shape
from matcalc.nodes.indices import is_index, shifted


def places(e: Node) -> list[tuple[Node, Expr]]:
    """(index, how far it may go) for the indices of an entry, a row, a column, a member, a unit vector."""
    name, args = head(e), operands(e)
    if name == "e":
        return [(args[0], _entries(e))]
    if name == "member":
        return [(args[1], cast(Expr, args[2]))]
    if name == "entry":
        return [(args[1], _entries(args[0]))]
    if name not in ("entry2", "row", "column"):
        return []
    rows, columns = shape(args[0]) or (Integer(1), Integer(1))
    sizes = {"entry2": (rows, columns), "row": (rows,), "column": (columns,)}[name]
    return list(zip(args[1:], sizes, strict=True))


def _entries(e: Node) -> Expr:
    return math.prod(shape(e), start=Integer(1))


def counted(e: Node) -> dict[Node, tuple[Expr, Expr]]:
    """{p: the least and the greatest p} for the free letters p of the places of e: 0 and n - 1 of x[p + 1]."""
    found: dict[Node, tuple[Expr, Expr]] = {}
    for place, size in places(e):
        letter, shift = shifted(place)
        if head(letter) == "symbol" and not is_index(letter) and letter not in found:
            found[letter] = intern_scalar(1 - shift), intern_scalar(sympy.expand(size - shift))
    return found
