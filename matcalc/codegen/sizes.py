"""Typical sizes: which of two symbolic sizes is the larger one is a convention of names, and decides only about speed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from sympy import Expr

_TYPICAL = {
    "N": 2000.0,
    "T": 2000.0,
    "m": 600.0,
    "n": 300.0,
    "p": 200.0,
    "q": 150.0,
    "d": 100.0,
    "h": 80.0,
    "k": 20.0,
    "c": 20.0,
}
"""Samples are many, then rows, columns, features; classes, components and rank are few.  Others lie between."""
_OTHER = 120.0


@lru_cache(maxsize=4096)
def typical(size: Expr) -> float:
    """What a size is taken to be where costs are compared: a number itself, a name by convention."""
    if size.is_Integer:
        return max(float(size), 0.5)
    known = {s: _TYPICAL.get(s.name.rstrip("0123456789_"), _OTHER) for s in size.free_symbols}
    return max(float(size.subs(known)), 0.5)


def entries(sizes: Iterable[Expr]) -> float:
    """How many entries an array of those sizes typically has."""
    return math.prod(map(typical, sizes))
