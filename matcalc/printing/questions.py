"""What the outline asks of nodes: the coefficient of a product, what is written below a fraction bar, rows of ones."""

from __future__ import annotations

from typing import cast

from sympy import Expr, Integer, Rational

from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, shape
from matcalc.printing.view import View, number_view


def coefficient(e: Node) -> tuple[Expr | None, tuple[Node, ...]]:
    """(c, matrix factors) of a product; c is None where no scalar stands in front."""
    args = operands(e)
    return (cast(Expr, args[0]), args[1:]) if is_scalar(args[0]) else (None, args)


def divides(exponent: Node) -> bool:
    """Whether a power is written below a fraction bar: 1/x^2, 1/sqrt(x), but x^(-3/2)."""
    return isinstance(exponent, Rational) and exponent.p < 0 and (exponent.q == 1 or (exponent.p, exponent.q) == (-1, 2))


def opposite(exponent: Node) -> View:
    """The view of -p."""
    p = cast(Rational, exponent)
    return number_view(-p.p, p.q)


def is_ones(e: Node, axis: int) -> bool:
    """Whether e is a column of ones (axis 1) or a row of them (axis 0)."""
    return head(e) == "ones" and shape(e)[axis] is ONE


def times_size(c: Expr, scalars: tuple[Node, ...], n: Expr) -> Expr | None:
    """c*n where 1/n stands as a factor in c = the product of scalars."""
    if isinstance(n, Integer):
        return c * n if isinstance(c, Rational) and abs(c.p) == 1 and c.q == n else None
    bottoms = [operands(a) for a in scalars if head(a) == "spow"]
    return c * n if any(b == n and p == -1 for b, p in bottoms) else None


def chain(e: Node, name: str) -> list[Node]:
    """The operands of a left-nested binary operation."""
    found: list[Node] = []
    while head(e) == name:
        e, last = operands(e)
        found.append(last)
    return [e, *reversed(found)]
