"""Sums over an index: Kronecker deltas are summed away, sums are split, merged and folded where that is shorter."""

from __future__ import annotations

from functools import partial
from typing import cast

import sympy
from sympy import Expr

from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.calculus.simplify.stack import total
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.calculus.simplify.units import adds_units_itself
from matcalc.nodes.algebra import (
    add,
    kron,
    mul,
    number,
    split_coefficient,
    terms,
    zeros,
)
from matcalc.nodes.expr import (
    ZERO,
    Node,
    head,
    intern_scalar,
    is_number,
    is_scalar,
    operands,
    shape,
)
from matcalc.nodes.indices import SUM, at, bound_indices, free_indices, in_range, index_sum, range_of

_FEW = 4
"""A range of no more numbers may be written out."""


def settle_sum(e: Node, s: Simplifies) -> Node | None:
    """What does not depend on the index stands before the sum; the index has the letter that the person gave to its range."""
    body, i, low, high = operands(e)
    taken = bound_indices(body) | free_indices(body) - {i}
    wanted = next((j for j in s.indices if range_of(j) == (low, high) and j not in taken), i)
    made = index_sum(body if wanted is i else at(body, i, wanted), wanted, low, high)
    return made if made is not e else None


def pick(e: Node, s: Simplifies) -> Node | None:
    """Σ_i delta(i,k)*a_i = a_k, also where the delta stands in a sum: Σ_i (delta(i,k) - b)*a_i = a_k - b*Σ_i a_i."""
    body, i, low, high = operands(e)
    for t in terms(body):
        scalars, fs = _parts(t)
        delta = next((f for f in scalars if _picked(f, i) is not None), None)
        if delta is not None and t is body:
            k = _picked(delta, i)
            assert k is not None
            others = [at(f, i, k) for f in scalars if f is not delta]
            return zeros(shape(e)) if ZERO in others else mul(in_range(k, i), *others, *(at(f, i, k) for f in fs))
        inside = next((f for f in scalars if head(f) == "sadd" and any(map(partial(_holds_delta, i=i), operands(f)))), None)
        if delta is not None or inside is not None:
            taken = () if inside is None else operands(inside)
            written = [mul(*(u if f is inside else f for f in scalars), *fs) for u in taken] or [t]
            whole = [u for v in terms(body) for u in (written if v is t else [v])]
            return add(*(index_sum(u, i, low, high) for u in whole))
    return None


def _picked(f: Node, i: Node) -> Node | None:
    """The k for which f is delta(i,k): of delta(i - 1,k) it is k + 1."""
    if head(f) != "eq" or i not in free_indices(f):
        return None
    a, b = cast(tuple[Expr, Expr], operands(f))
    difference = sympy.expand(a - b)
    slope = difference.coeff(i, 1)
    rest = intern_scalar(sympy.expand(difference - slope * i))
    return intern_scalar(-rest / slope) if slope in (1, -1) and i not in free_indices(rest) else None


def _holds_delta(t: Node, i: Node) -> bool:
    return any(_picked(f, i) is not None for f in (operands(t) if head(t) == "smul" else (t,)))


def fold(e: Node, s: Simplifies) -> Node | None:
    """Σ_i c_i*r_i as c'*R: in matrix algebra, where that is shorter; a sum of scalars stays, unless it is known."""
    body, i = operands(e)[:2]
    made = None if adds_units_itself(e) else total(body, i, s.rules)
    if made is None:
        return None
    shorter = s.if_shorter(e, made)
    return shorter if shorter is not None and (not is_scalar(e) or not operands(shorter)) else None


def take_out_kron(e: Node, s: Simplifies) -> Node | None:
    """Σ_i c_i*kron(A_i, B) = kron(Σ_i c_i*A_i, B), and the same of the right factor."""
    body, i, low, high = operands(e)
    c, fs = coefficient_and_factors(body)
    if len(fs) != 1 or head(fs[0]) != "kron":
        return None
    A, B = operands(fs[0])
    if i not in free_indices(B):
        return kron(index_sum(mul(c, A), i, low, high), B)
    return kron(A, index_sum(mul(c, B), i, low, high)) if i not in free_indices(A) else None


def merge_sums(e: Node, s: Simplifies) -> Node | None:
    """Σ_i a_i + Σ_i b_i = Σ_i (a_i + b_i) where that is shorter; of scalars only what has the same factors before the sum."""
    groups: dict[tuple[Node, Node | None], list[Node]] = {}
    for t in operands(e):
        found = _lone_sum(t)
        if found is not None:
            groups.setdefault((operands(found)[1], _cofactor(t, found) if is_scalar(e) else None), []).append(t)
    for (i, _), group in groups.items():
        if len(group) < 2:
            continue
        bodies = []
        for t in group:
            found = _lone_sum(t)
            assert found is not None
            bodies.append(operands(found)[0] if t is found else _with_body(t, found))
        whole = index_sum(add(*bodies), i, *range_of(i))
        shorter = s.if_shorter(e, add(*(whole if t is group[0] else t for t in operands(e) if t is group[0] or t not in group)))
        if shorter is not None:
            return shorter
    return None


def _lone_sum(t: Node) -> Node | None:
    """The sum over an index that is a factor of a term."""
    parts = operands(t) if head(t) in ("mul", "smul") else (t,)
    parts = tuple(q for p in parts for q in (operands(p) if head(p) == "smul" else (p,)))
    found = [p for p in parts if head(p) == SUM]
    return found[0] if len(found) == 1 else None


def _cofactor(t: Node, found: Node) -> Node:
    """What stands before the sum in a scalar term, its number left out."""
    return mul(*(f for f in (operands(t) if head(t) == "smul" else (t,)) if f is not found and not is_number(f)))


def _with_body(t: Node, found: Node) -> Node:
    """The term with the body of the sum in the place of that factor, and of no other occurrence."""
    c, fs = coefficient_and_factors(t)
    return mul(*(operands(found)[0] if f is found else f for f in (*(operands(c) if head(c) == "smul" else (c,)), *fs)))


def write_out(e: Node, s: Simplifies) -> Node | None:
    """Σ_i a_i = a_1 + a_2 over two numbers; over a few more where that is shorter."""
    body, i, low, high = operands(e)
    if not (low.is_Integer and high.is_Integer and high - low < _FEW):
        return None
    made = add(*(at(body, i, number(k)) for k in range(int(low), int(high) + 1)))
    return made if high - low == 1 else s.if_shorter(e, made)


def spread_sum(e: Node, s: Simplifies) -> Node | None:
    """Σ_i (a_i + b_i) = Σ_i a_i + Σ_i b_i where that is shorter."""
    body = operands(e)[0]
    if len(terms(body)) == 1:
        return None
    return s.if_shorter(e, add(*(index_sum(t, *operands(e)[1:]) for t in terms(body))))


def _parts(t: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The scalar factors and the matrix factors of a term."""
    c, core = (t, None) if is_scalar(t) else split_coefficient(t)
    scalars = operands(c) if head(c) == "smul" else (c,)
    return scalars, () if core is None else (core,)
