"""An equation as a sum of terms in its unknown: products written out, what all terms share taken off."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import cast

from sympy import Add, Expr, Mul, Pow

from matcalc.calculus.adjoint import depends_on
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, eye, factors, is_zero, mul, power, rebuild, split_coefficient, terms
from matcalc.nodes.expr import ONE, Node, head, intern_scalar, is_scalar, operands, postorder, shape
from matcalc.nodes.indices import SUM, index_sum

_PRODUCTS = frozenset({"mul", "smul", "hadamard"})
_MOST_TERMS = 64
"""Into how many terms one product is multiplied out."""
_LARGEST_SQUARE = 3
"""Powers of sums up to this one are written out."""


def occurs(e: Node, unknown: Node) -> bool:
    """Whether the unknown occurs in e."""
    return id(e) in depends_on([e], {unknown}, {})


def expanded(e: Node, unknown: Node, simplify: Simplifier) -> list[Node]:
    """The terms of e: sums that hold the unknown are multiplied out, what is free of it stays as it is."""
    holds = depends_on([e], {unknown}, {})
    found: dict[int, list[Node]] = {}
    for x in postorder([e], lambda x: operands(x) if id(x) in holds else ()):
        found[id(x)] = _written_out(x, found, simplify) if id(x) in holds else [x]
    made = [t for t in found[id(e)] if not is_zero(t)]
    moving = [id(t) in depends_on([t], {unknown}, {}) for t in made]
    parts = [
        add(*(t for t, moves in zip(made, moving, strict=True) if moves is wanted))
        for wanted in (True, False)
        if wanted in moving
    ]
    return [t for part in parts for t in _apart(part, unknown) if not is_zero(t)]


def _apart(e: Node, unknown: Node) -> list[Node]:
    """The terms of a sum; those of a coefficient too where it holds the unknown: s*A + s^2*A has two."""
    found = []
    for t in terms(e):
        c, core = split_coefficient(t)
        summands = terms(c) if core is not None and head(c) == "sadd" and occurs(c, unknown) else (c,)
        found += [t] if core is None or len(summands) == 1 else [mul(s, core) for s in summands]
    return found


def _written_out(x: Node, found: dict[int, list[Node]], simplify: Simplifier) -> list[Node]:
    name, args = head(x), operands(x)
    parts = [found[id(o)] for o in args]
    if not args:
        return [x]
    if name in ("add", "sadd"):
        return [t for part in parts for t in part]
    if name == "spow" and args[1].is_Integer and 1 < int(args[1]) <= _LARGEST_SQUARE and len(parts[0]) > 1:
        return [mul(*chosen) for chosen in product(parts[0], repeat=int(args[1]))]
    if name in _PRODUCTS and prod(map(len, parts)) <= _MOST_TERMS:
        return [rebuild(x, tuple(chosen)) for chosen in product(*parts)]
    if name == SUM:
        return [index_sum(t, *args[1:]) for t in parts[0]]
    if name == "transpose":
        return [simplify.structures.transposed(t) for t in parts[0]]
    if name == "scalar" or (simplify.rules.is_linear(name) and len(args) == 1):
        return [rebuild(x, (t,)) for t in parts[0]]
    return [rebuild(x, tuple(add(*part) for part in parts))]


def shared_scale(summands: Sequence[Node], unknown: Node) -> tuple[Expr, tuple[Node, ...]]:
    """The coefficient that all terms share, and those factors of it of which it is not known that they are not 0.

    Factors that hold the unknown are left out, but for those that are never 0 where they are defined.
    """
    coefficients = [split_coefficient(t)[0] for t in summands]
    numbers = [c.as_coeff_Mul()[0] for c in coefficients]
    scale: Expr = numbers[0] if not numbers[0].is_negative else -numbers[0]
    if not all((n / scale).is_Integer for n in numbers):
        smallest = min((abs(n) for n in numbers), key=float)
        scale = smallest if all((n / smallest).is_Integer for n in numbers) else scale
    common = None
    for c in coefficients:
        powers = {base: p for base, p in map(_base_and_power, Mul.make_args(c)) if not base.is_number}
        if common is None:
            common = powers
        else:
            common = {b: _nearer(p, powers[b]) for b, p in common.items() if b in powers}
            common = {b: p for b, p in common.items() if p is not None}
    kept = {b: p for b, p in (common or {}).items() if not occurs(intern_scalar(b), unknown) or _is_never_zero(b, p)}
    open_ = tuple(intern_scalar(b) for b, p in kept.items() if not b.is_nonzero and p.is_positive is not False)
    return cast(Expr, intern_scalar(Mul(scale, *(Pow(b, p) for b, p in kept.items())))), open_


def _is_never_zero(b: Expr, p: Expr) -> bool:
    """Whether b^p is not 0 where it is defined."""
    return bool(Pow(b, p).is_positive) or bool(p.is_negative)


def _base_and_power(f: Expr) -> tuple[Expr, Expr]:
    """(b, p) with f = b^p; exp(x) is its own base."""
    return (f, ONE) if f.is_Function else f.as_base_exp()


def _nearer(p: Expr, q: Expr) -> Expr | None:
    """The power that two share."""
    if p == q:
        return p
    if p.is_number and q.is_number and bool(p.is_positive) == bool(q.is_positive):
        return min(p, q, key=lambda x: abs(float(x)))
    return None


def scaled(summands: Sequence[Node], by: Expr) -> list[Node]:
    """The terms divided by a scalar."""
    if by == 1:
        return list(summands)
    inverse = power(by, -ONE)
    return [intern_scalar(Add(0, Mul(inverse, t))) if is_scalar(t) else mul(inverse, t) for t in summands]


def stripped(summands: Sequence[Node], simplify: Simplifier) -> tuple[list[Node], list[Node], list[Node]]:
    """The terms without the invertible factors that stand left, and right, of all; those on the left, and on the right."""
    left: list[Node] = []
    right: list[Node] = []
    now = list(summands)
    for taken, place in ((left, 0), (right, -1)):
        while (F := _common(now, place)) is not None and is_invertible(F, simplify):
            now = [_without(t, place) for t in now]
            taken.append(F)
    return now, left, right


def is_invertible(F: Node, simplify: Simplifier) -> bool:
    """Whether a factor is known to be invertible: by what was declared, or for it is an inverse."""
    if is_scalar(F):
        return bool(F.is_nonzero)
    inner = operands(F)[0] if head(F) == "transpose" else F
    return head(inner) == "inv" or simplify.structures.has(inner, "invertible")


def _common(summands: Sequence[Node], place: int) -> Node | None:
    """The factor at one end of all terms."""
    ends = {factors(t)[place] for t in summands if not is_scalar(t)}
    if len(ends) != 1 or any(is_scalar(t) for t in summands):
        return None
    F = ends.pop()
    return None if head(F) == "eye" or shape(F)[0] != shape(F)[1] else F


def _without(t: Node, place: int) -> Node:
    """A term without its first or last factor."""
    c, core = split_coefficient(t)
    assert core is not None
    fs = factors(core)
    rest = fs[1:] if place == 0 else fs[:-1]
    return mul(c, *rest) if rest else mul(c, eye(shape(fs[0])[0]))


def is_never_defined(e: Node) -> bool:
    """Whether e inverts a product that is singular whatever its factors are: X'*X for an X with fewer rows than columns."""
    for x in postorder([e]):
        M = operands(x)[0] if head(x) == "inv" else None
        sizes = [d for F in factors(M) for d in shape(F)] if M is not None else []
        if M is not None and any((d - shape(M)[0]).is_negative for d in sizes):
            return True
    return False
