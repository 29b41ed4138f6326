"""Scalars: what SymPy leaves undone, powers of one base and fractions within fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import sympy
from sympy import Expr

from matcalc.expr import Node, ScalarOp, head, intern_scalar, operands, postorder

if TYPE_CHECKING:
    from matcalc.simplify.engine import Simplifier

_LARGEST_FRACTION = 60


def merge_scalar_powers(e: Node, s: Simplifier) -> Node | None:
    """x^(k - 1)*x = x^k."""
    powers: dict[Expr, Expr] = {}
    args = operands(e)
    for a in args:
        base, p = operands(a) if head(a) == "spow" else (a, sympy.S.One)
        powers[base] = powers[base] + p if base in powers else p
    if len(powers) == len(args):
        return None
    return intern_scalar(sympy.Mul(*(base ** sympy.expand(p) for base, p in powers.items())))


def settle_signs(e: Node, s: Simplifier) -> Node | None:
    """(-a - b)*c = -(a + b)*c."""
    for a in operands(e):
        base = operands(a)[0] if head(a) == "spow" and operands(a)[1].is_odd else a
        if head(base) == "sadd" and all(bool(t.as_coeff_Mul()[0].is_negative) for t in operands(base)):
            return intern_scalar(sympy.Mul(-1, *(_flipped(b) if b is a else b for b in operands(e))))
    return None


def _flipped(a: Node) -> Expr:
    base, p = operands(a) if head(a) == "spow" else (a, sympy.S.One)
    return sympy.Pow(sympy.Add(*(-t for t in operands(base))), p)


def cancel_fraction(e: Node, s: Simplifier) -> Node | None:
    """a/(1 + b/c) = a*c/(c + b), where that is shorter."""
    nested = any(head(a) == "spow" and operands(a)[1].is_negative and head(operands(a)[0]) == "sadd" for a in operands(e))
    if not nested or s.cost(e) > _LARGEST_FRACTION:
        return None
    return s.if_shorter(e, intern_scalar(_cancelled(e)))


def _cancelled(e: Node) -> Expr:
    """SymPy's cancel, to which operations on matrices are symbols."""
    masks = {x: sympy.Dummy(nonnegative=x.nonnegative) for x in _atoms(e)}
    plain = sympy.cancel(e.xreplace(masks))
    return cast(Expr, plain.xreplace({dummy: x for x, dummy in masks.items()}))


def _atoms(e: Node) -> list[ScalarOp]:
    below = postorder([e], lambda x: () if isinstance(x, ScalarOp) else operands(x))
    return [x for x in below if isinstance(x, ScalarOp)]
