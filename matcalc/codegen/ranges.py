"""Ranges of indices as the axes of arrays, and the scalars that are known before any array is."""

from __future__ import annotations

from typing import cast

import sympy
from sympy import Expr

from matcalc.errors import ArgumentError
from matcalc.nodes.expr import Node, head, postorder
from matcalc.nodes.indices import is_index, range_of

_HOST = frozenset({"number", "sadd", "smul", "spow", "log", "exp", "Abs", "sqrt"})


def is_host(e: Node) -> bool:
    """Whether a scalar is known before any array is: numbers, sizes, exponents, labels."""
    return all(bool(x.is_integer) and not is_index(x) if head(x) == "symbol" else head(x) in _HOST for x in postorder([e]))


def hull(i: Node) -> tuple[Expr, Expr]:
    """The least and the greatest value of an index, whatever the indices are on which its range depends."""
    low, high = range_of(i)
    for _ in range(8):
        others = [j for j in (low.free_symbols | high.free_symbols) if is_index(j)]
        if not others:
            break
        for j in others:
            below, above = range_of(j)
            low = min_of(low, j, below, above)
            high = -min_of(-high, j, below, above)
    return cast(Expr, sympy.expand(low)), cast(Expr, sympy.expand(high))


def min_of(e: Expr, j: Node, low: Expr, high: Expr) -> Expr:
    """The least value of an end that is linear in an index."""
    slope = sympy.diff(e, j)
    if slope.is_nonnegative:
        return cast(Expr, e.subs(j, low))
    if slope.is_nonpositive:
        return cast(Expr, e.subs(j, high))
    raise ArgumentError(
        f"the range of an index ends at {e}: there is no code for that", hint="let ranges be linear in other indices"
    )
