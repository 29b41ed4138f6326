"""Shapes of operands that broadcast: what they make together, and which terms of a sum need a dotted sign."""

from __future__ import annotations

from collections.abc import Sequence

from matcalc.nodes.expr import ONE, Shape


def together(a: Shape, b: Shape) -> Shape:
    """The shape that a and b broadcast to."""
    if not a or not b:
        return a or b
    return a if a is b else tuple(q if p is ONE else p for p, q in zip(a, b, strict=True))


def dotted(shapes: Sequence[Shape]) -> tuple[bool, ...]:
    """For each term of a sum whether it is added by .+ to those before it."""
    so_far: Shape = ()
    found = []
    for s in shapes:
        found.append(bool(so_far and s and so_far is not s and so_far != s))
        so_far = together(so_far, s)
    return tuple(found)


def missing(s: Shape, full: Shape) -> tuple[str, str]:
    """The ones before and after something of shape s that make it a full array: ("1", ""), ("", "1'"), ("", "11'")."""
    if not full:
        return "", ""
    rows, columns = (n is not ONE and (not s or s[i] is ONE) for i, n in enumerate(full))
    return "1" * (rows and bool(s)), "1" * (rows and not s) + "1'" * columns
