"""Scalars: what SymPy leaves undone, powers of one base and fractions within fractions."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sympy
from sympy import Expr

from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.expr import ONE, ZERO, Node, ScalarOp, head, intern_scalar, operands, postorder, scalar_node
from matcalc.nodes.indices import SUM, index_sum

_LARGEST_FRACTION = 60
_LARGEST_POLYNOMIAL = 24


def merge_scalar_powers(e: Node, s: Simplifies) -> Node | None:
    """x^(k - 1)*x = x^k."""
    powers: dict[Expr, Expr] = {}
    args = operands(e)
    for a in args:
        base, p = operands(a) if head(a) == "spow" else (a, sympy.S.One)
        powers[base] = powers[base] + p if base in powers else p
    if len(powers) == len(args):
        return None
    return intern_scalar(sympy.Mul(*(base ** sympy.expand(p) for base, p in powers.items())))


def settle_deltas(e: Node, s: Simplifies) -> Node | None:
    """ind(i != j)*(a + b*delta(i,j)) = ind(i != j)*a: what a condition on indices says holds in the other factors."""
    for f in operands(e):
        base = operands(f)[0] if head(f) == "spow" else f
        if head(base) not in ("eq", "ne"):
            continue
        holds = {scalar_node(name, operands(base), True): ONE if name == head(base) else ZERO for name in ("eq", "ne")}
        others = [o for o in operands(e) if o is not f]
        found = [intern_scalar(cast(Expr, o).xreplace(holds)) for o in others]
        if base is not f or any(a is not b for a, b in zip(found, others, strict=True)):
            return intern_scalar(sympy.Mul(base, *found))
    return None


def settle_signs(e: Node, s: Simplifies) -> Node | None:
    """(-a - b)*c = -(a + b)*c, -(a - b)*c = (b - a)*c; the same of Σ_i (a_i - b_i)."""
    negative = bool(e.as_coeff_Mul()[0].is_negative)
    for a in operands(e):
        base = operands(a)[0] if (head(a) == "spow" and operands(a)[1].is_odd) or head(a) == SUM else a
        if head(base) != "sadd":
            continue
        signs = [bool(t.as_coeff_Mul()[0].is_negative) for t in operands(base)]
        if all(signs) or (negative and any(signs) and head(a) != "spow"):
            return intern_scalar(sympy.Mul(-1, *(_flipped(b) if b is a else b for b in operands(e))))
    return None


def take_out_content(e: Node, s: Simplifies) -> Node | None:
    """a/(2*b + 2*c) = a/(2*(b + c)), a*(2*b + 2*c) = 2*a*(b + c)."""
    for a in operands(e):
        base, p = operands(a) if head(a) == "spow" else (a, sympy.S.One)
        if head(base) == "sadd" and (p == 1 or p.is_negative):
            content, primitive = base.primitive()
            if content != 1:
                others = [b for b in operands(e) if b is not a]
                if p != 1 or any(not b.is_number for b in others):
                    return intern_scalar(sympy.Mul(content**p, primitive**p, *others))
    return None


def factor_scalars(e: Node, s: Simplifies) -> Node | None:
    """a*b + a*c = a*(b + c) where that is shorter."""
    powers = [t.as_coeff_Mul()[1].as_powers_dict() for t in operands(e)]
    shared = [base for base in powers[0] if all(base in p for p in powers) and not base.is_number]
    if not shared:
        return None
    common = sympy.Mul(*(base ** shared_exponent([p[base] for p in powers]) for base in shared))
    if common == 1:
        return None
    return s.if_shorter(e, intern_scalar(sympy.Mul(common, sympy.Add(*(t / common for t in operands(e))))))


def factor_polynomial(e: Node, s: Simplifies) -> Node | None:
    """(1 - a)^2 - a*(1 - a) = (a - 1)*(2*a - 1) where that is shorter: sums of products of sums in few things."""
    nested = sum(
        1 for t in operands(e) if any(head(b) == "sadd" for b in sympy.Mul.make_args(t.as_coeff_Mul()[1].as_base_exp()[0]))
    )
    if nested < 2 or s.cost(e) > _LARGEST_POLYNOMIAL:
        return None
    return s.if_shorter(e, intern_scalar(_masked(cast(Expr, e), sympy.factor)))


def _holds_sum(t: Node) -> bool:
    """Whether a factor of a term, or the base of one, is a sum."""
    factors = operands(t) if head(t) == "smul" else (t,)
    return any(head(operands(f)[0] if head(f) == "spow" else f) == "sadd" for f in factors)


def shared_exponent(exponents: list[Expr]) -> Expr:
    """The power that all of these hold: x^2 of x^2 and x^3, 1/x of 1/x and 1/x^3."""
    if all(p == exponents[0] for p in exponents):
        return exponents[0]
    if all(p.is_Rational and p.is_positive for p in exponents):
        return min(exponents)
    if all(p.is_Rational and p.is_negative for p in exponents):
        return max(exponents)
    return cast(Expr, sympy.S.Zero)


def _flipped(a: Node) -> Expr:
    if head(a) == SUM:
        body, *rest = operands(a)
        return cast(Expr, index_sum(intern_scalar(sympy.Add(*(-t for t in operands(body)))), *rest))
    base, p = operands(a) if head(a) == "spow" else (a, sympy.S.One)
    return sympy.Pow(sympy.Add(*(-t for t in operands(base))), p)


def cancel_fraction(e: Node, s: Simplifies) -> Node | None:
    """a/(1 + b/c) = a*c/(c + b), where that is shorter."""
    if not any(_divides_by_fractions(a) for a in operands(e)) or s.cost(e) > _LARGEST_FRACTION:
        return None
    return s.if_shorter(e, intern_scalar(_masked(cast(Expr, e), sympy.cancel)))


def _divides_by_fractions(a: Node) -> bool:
    if head(a) != "spow" or not operands(a)[1].is_negative or head(operands(a)[0]) != "sadd":
        return False
    factors = [f for t in operands(operands(a)[0]) for f in (operands(t) if head(t) == "smul" else (t,))]
    return any(head(f) == "spow" and operands(f)[1].is_negative for f in factors)


def _masked(e: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """A function of SymPy's, to which operations on matrices are symbols."""
    masks = {x: sympy.Dummy(nonnegative=x.nonnegative) for x in _atoms(e)}
    plain = function(e.xreplace(masks))
    return cast(Expr, plain.xreplace({dummy: x for x, dummy in masks.items()}))


def _atoms(e: Node) -> list[ScalarOp]:
    below = postorder([e], lambda x: () if isinstance(x, ScalarOp) else operands(x))
    return [x for x in below if isinstance(x, ScalarOp)]
