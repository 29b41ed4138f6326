"""Sums and entrywise products: common factors taken out, equal factors merged, sums written out where shorter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import sympy
from sympy import Expr

from matcalc.calculus.simplify.products import coefficient_and_factors, is_negative
from matcalc.calculus.simplify.scalars import shared_exponent
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import (
    add,
    broadcast,
    eye,
    hadamard,
    hadamard_power,
    mul,
    ones,
    split_coefficient,
    terms,
    unbroadcast,
)
from matcalc.nodes.expr import ONE, Node, head, intern_scalar, operands, shape

_MOST_TERMS = 24
_MOST_FACTORS = 6


def lead_with_positive(e: Node, s: Simplifies) -> Node | None:
    """-A + B = B - A."""
    args = operands(e)
    if not is_negative(args[0]):
        return None
    first = next((t for t in args if not is_negative(t)), None)
    return None if first is None else add(first, *(t for t in args if t is not first))


def lead_with_plain(e: Node, s: Simplifies) -> Node | None:
    """A' + A = A + A': of a term and its transpose the one with fewer transposes first."""
    first, *others = operands(e)
    turned = s.structures.transposed(first)
    if turned is first or turned not in others or _transposes(turned) >= _transposes(first):
        return None
    return add(turned, *(first if t is turned else t for t in others))


def _transposes(t: Node) -> int:
    return sum(1 for f in coefficient_and_factors(t)[1] if head(f) == "transpose")


def factor_sum(e: Node, s: Simplifies) -> Node | None:
    """A*B + A*C = A*(B + C), c*A + c*B = c*(A + B), A.*B + A.*C = A.*(B + C): the one that shortens most."""
    if len(operands(e)) > _MOST_TERMS:
        return None
    best: Node | None = None
    for candidate in _factorings(e, s):
        made = s.if_no_longer(best or e, candidate)
        if made is not None and (head(made) != "add" or s.cost(made) < s.cost(best or e)):
            best = made
    return best


def _factorings(e: Node, s: Simplifies) -> Iterator[Node]:
    parts = [coefficient_and_factors(t) for t in operands(e)]
    common = common_coefficient([c for c, _ in parts])
    if common != 1:
        yield mul(common, add(*(mul(intern_scalar(c / common), *fs) for c, fs in parts)))
    yield from _grouped(e, lambda t: coefficient_and_factors(t)[1][0], _without_first)
    yield from _grouped(e, lambda t: coefficient_and_factors(t)[1][-1], _without_last)
    yield from _entrywise(e)


def _grouped(e: Node, key: Callable[[Node], Node], rest: Callable[[list[Node], Node], Node]) -> Iterator[Node]:
    groups: dict[Node, list[Node]] = {}
    for t in operands(e):
        groups.setdefault(key(t), []).append(t)
    for factor, group in groups.items():
        if len(group) > 1 and not _centres(group):
            yield _with_group_as(rest(group, factor), group, e)


def _with_group_as(made: Node, group: list[Node], e: Node) -> Node:
    """The sum e with some of its terms taken together, in the place of the first of them."""
    return add(*(made if t is group[0] else t for t in operands(e) if t is group[0] or t not in group))


def _centres(group: list[Node]) -> bool:
    """Whether these are A and a mean of A: (I - ones(n,n)/n)*A is no better to read."""
    fs = [coefficient_and_factors(t)[1] for t in group]
    return any(len(f) == 1 for f in fs) and any(head(x) == "ones" for f in fs for x in f)


def _without_first(group: list[Node], factor: Node) -> Node:
    return mul(factor, add(*(_rest(t, 1, None, shape(factor)[1]) for t in group)))


def _without_last(group: list[Node], factor: Node) -> Node:
    return mul(add(*(_rest(t, 0, -1, shape(factor)[0]) for t in group)), factor)


def _rest(t: Node, start: int, stop: int | None, size: Expr) -> Node:
    c, fs = coefficient_and_factors(t)
    return mul(c, *(fs[start:stop] or (eye(size),)))


def _entrywise(e: Node) -> Iterator[Node]:
    """A.*B + A.*C = A.*(B + C), also of the powers of A that the terms share."""
    holders: dict[Node, list[tuple[Node, Expr]]] = {}
    for t in operands(e):
        for base, p in _entrywise_content(split_coefficient(t)[1]).items():
            holders.setdefault(base, []).append((t, p))
    for base, held in holders.items():
        p = shared_exponent([p for _, p in held])
        if len(held) > 1 and p != 0:
            group = [t for t, _ in held]
            made = hadamard(hadamard_power(base, p), add(*(_without_power(t, base, p) for t in group)))
            yield _with_group_as(made, group, e)


def _entrywise_content(core: Node | None) -> dict[Node, Expr]:
    """The power of each base in an entrywise product; equal bases are taken together."""
    powers: dict[Node, Expr] = {}
    for f in entrywise_factors(core):
        base, q = entrywise_base(f)
        powers[base] = intern_scalar(powers[base] + q) if base in powers else q
    return powers


def _without_power(t: Node, base: Node, p: Expr) -> Node:
    """The B with t = base.^p .* B."""
    c, core = split_coefficient(t)
    powers = _entrywise_content(core)
    powers[base] = intern_scalar(powers[base] - p)
    return mul(c, hadamard(ones(shape(t)), *(hadamard_power(b, q) for b, q in powers.items())))


def entrywise_factors(core: Node | None) -> tuple[Node, ...]:
    """The factors of an entrywise product; (e,) where e is none."""
    assert core is not None
    if head(core) == "hadamard":
        return tuple(g for f in operands(core) for g in _spread(f))
    return _spread(core)


def _spread(f: Node) -> tuple[Node, ...]:
    """The factors of a row or a column that is spread, each spread alone: ones(m)*(r .* q) = (ones(m)*r) .* (ones(m)*q)."""
    bare = unbroadcast(f)
    if bare is f or head(bare) != "hadamard":
        return (f,)
    return tuple(broadcast(g, shape(f)) for g in operands(bare))


def common_coefficient(coefficients: list[Expr]) -> Expr:
    """The greatest common factor of some scalars, of the sign that most of them have."""
    split = [c.as_coeff_Mul() for c in coefficients]
    numbers = [n for n, _ in split]
    if not all(n.is_Rational for n in numbers):
        return ONE
    n = sympy.gcd_list([abs(x) for x in numbers]) if len({x.q for x in numbers}) == 1 else ONE
    if sum(1 for x in numbers if x < 0) * 2 > len(numbers):
        n = -n
    powers = [rest.as_powers_dict() for _, rest in split]
    shared = [_shared_power(base, [p[base] for p in powers]) for base in powers[0] if all(base in p for p in powers)]
    return intern_scalar(cast(Expr, sympy.Mul(n, *shared)))


def merge_entrywise(e: Node, s: Simplifies) -> Node | None:
    """A .* A = A.^2, A .* (B ./ A) = B."""
    powers: dict[Node, Expr] = {}
    found = [part for f in operands(e) for part in _entrywise_powers(f)]
    for base, p in found:
        powers[base] = powers[base] + p if base in powers else p
    if len(powers) == len(found):
        return None
    return hadamard(ones(shape(e)), *(hadamard_power(base, intern_scalar(p)) for base, p in powers.items()))


def _shared_power(base: Expr, exponents: list[Expr]) -> Expr:
    return base ** shared_exponent(exponents)


def outer_product(e: Node, s: Simplifies) -> Node | None:
    """x .* y' = x*y' where a column and a row are spread over a matrix, and nothing else stands beside them."""
    bare = [unbroadcast(f) for f in operands(e)]
    columns = [b for b in bare if shape(b) and shape(b)[1] == 1]
    rows = [b for b in bare if shape(b) and shape(b)[0] == 1]
    if not columns or not rows or len(columns) + len(rows) < len(bare):
        return None
    return mul(hadamard(*columns), hadamard(*rows))


def numerators_first(e: Node, s: Simplifies) -> Node | None:
    """1 ./ A .* B = B ./ A."""
    ordered = sorted(operands(e), key=_divides)
    return hadamard(*ordered) if tuple(ordered) != operands(e) else None


def _divides(f: Node) -> bool:
    base = unbroadcast(f)
    return head(base) == "hadpow" and bool(operands(base)[1].is_negative)


def _entrywise_powers(f: Node) -> Iterator[tuple[Node, Expr]]:
    """The (B, p) of the powers B.^p that make up f; (A .* B).^p = A.^p .* B.^p for a whole p."""
    base, p = entrywise_base(f)
    if head(base) == "hadamard" and p.is_integer:
        for o in operands(base):
            inner, q = entrywise_base(o)
            yield inner, intern_scalar(p * q)
    else:
        yield base, p


def entrywise_base(f: Node) -> tuple[Node, Expr]:
    """(B, p) with f = B.^p, seen through broadcasting."""
    bare = unbroadcast(f)
    if head(bare) != "hadpow":
        return f, ONE
    base, p = operands(bare)
    return broadcast(base, shape(f)), cast(Expr, p)


def expand_sum(e: Node, s: Simplifies) -> Node | None:
    """A*(B + C) - A*C = A*B: products of sums are written out where that is shorter in the end."""
    written = [_written_out(t) for t in operands(e)]
    count = sum(map(len, written))
    if count == len(written) or count > _MOST_TERMS:
        return None
    return s.if_shorter_written_out(e, add(*(t for w in written for t in w)))


def _written_out(t: Node) -> list[Node]:
    """The terms of a product of sums, its first sum written out."""
    c, core = split_coefficient(t)
    assert core is not None
    if head(core) == "add":
        return [mul(c, u) for u in terms(core)]
    if head(core) in ("mul", "hadamard"):
        parts = operands(core)
        join = mul if head(core) == "mul" else hadamard
        for i, f in enumerate(parts):
            if head(f) == "add":
                return [mul(c, join(*parts[:i], u, *parts[i + 1 :])) for u in terms(f)]
    return [t]


def distribute_entrywise(e: Node, s: Simplifies) -> Node | None:
    """A .* (B + C) = A.*B + A.*C where that is shorter."""
    fs = operands(e)
    if len(fs) > _MOST_FACTORS:
        return None
    for i, f in enumerate(fs):
        if head(f) != "add":
            continue
        others = (*fs[:i], *fs[i + 1 :])
        bases = {entrywise_base(o)[0] for o in others}
        inside = {entrywise_base(g)[0] for t in terms(f) for g in entrywise_factors(split_coefficient(t)[1])}
        if bases & inside or any(head(b) == "e" for b in inside):
            shorter = s.if_shorter(e, add(*(hadamard(t, *others) for t in terms(f))))
            if shorter is not None:
                return shorter
    return None
