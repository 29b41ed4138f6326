"""Sums among the factors of a product: whether they are made first, or the product is taken term by term."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from matcalc.codegen.forms import Factor, Label, Labels
from matcalc.codegen.sizes import entries
from matcalc.codegen.values import Axes, Value, Values

ENTRYWISE = 4.0
"""What an entry read and written costs, in multiplications within a product of matrices."""


def terms_of(value: Value, own: Labels) -> list[Factor]:
    """The terms of a sum, with their labels."""
    axes = cast(tuple[Axes, ...], value.attrs[0])
    return [(v, tuple(own[i] for i in at)) for v, at in zip(value.args, axes, strict=True)]


def opened(value: Value, own: Labels) -> list[Factor]:
    """The factors that a value is the product of, down to what is no product."""
    if value.op == "permute":
        order = cast(Axes, value.attrs[0])
        return opened(value.args[0], tuple(own[order.index(i)] for i in range(len(own))))
    if value.op == "times":
        return [f for v, at in terms_of(value, own) for f in opened(v, at)]
    if value.op not in ("matmul", "matvec"):
        return [(value, own)]
    A, B = value.args
    c = Label(A.dims[0 if value.attrs[0] else 1])
    left = (c, own[0]) if value.attrs[0] else (own[0], c)
    right = (c,) if value.op == "matvec" else (own[1], c) if value.attrs[1] else (c, own[1])
    return [*opened(A, left), *opened(B, right)]


def making(value: Value) -> float:
    """What it costs to make a sum or a product, from what is there."""
    if value.op in ("plus", "times"):
        return ENTRYWISE * entries(value.dims) + sum(map(making, value.args))
    if value.op in ("matmul", "matvec"):
        A = value.args[0]
        inner = entries([A.dims[0 if value.attrs[0] else 1]])
        return entries(value.dims) * inner + sum(map(making, value.args))
    return making(value.args[0]) if value.op == "permute" else 0.0


def seed(value: Value) -> float:
    """How many entries the largest part has of what a product of parts is spread from."""
    if value.op in ("times", "place", "spread"):
        return max(map(seed, value.args))
    return entries(value.dims)


def nearer(values: Values, terms: Sequence[Factor]) -> list[Factor]:
    """The terms of a - b, both less a part of b: differences of what lies far from 0 keep their digits.

    (x - m)^2 is multiplied out as ((x - c) - (m - c))^2, with c the first m.  What is zero off a diagonal is near no c.
    """
    if len(terms) != 2 or any(value.op == "place" for value, _ in terms):
        return list(terms)
    (a, la), (b, lb) = terms
    common = [x for x in la if x in lb]
    if not common or len(common) == len(la) or len(common) == len(lb) or not _are_opposite(a, b):
        return list(terms)
    core = values.bare(b) if b.op == "times" else b
    sign = values.number(-1)
    axes = [i for i, x in enumerate(lb) if x not in common]
    for axis in reversed(axes):
        core = values.make("item", [core], (*core.dims[:axis], *core.dims[axis + 1 :]), axis, values.number(0).number, None)
    left = tuple(x for x in lb if x in common)
    shift = core if b.op == "times" else values.times([(sign, ()), (core, (*range(len(left)),))], core.dims)
    back = values.times([(sign, ()), (shift, (*range(len(left)),))], shift.dims)
    return [_plus(values, a, la, back, left), _plus(values, b, lb, shift, left)]


def _plus(values: Values, a: Value, la: Labels, b: Value, lb: Labels) -> Factor:
    made = values.plus([(a, (*range(len(la)),)), (b, tuple(map(la.index, lb)))], a.dims)
    values.undivided |= {made, *(part for part in made.args if made.op == "times")}
    return made, la


def _are_opposite(a: Value, b: Value) -> bool:
    """Whether exactly one of two values is the negative of something, and no other number multiplies them."""
    numbers = [v.args[0].number if v.op == "times" else None for v in (a, b)]
    return numbers.count(None) == 1 and -1 in numbers


def is_outer(value: Value) -> bool:
    """Whether a product has more axes than any of its factors."""
    return all(len(v.dims) < len(value.dims) for v in value.args)


def lost(own: Iterable[Label], kept: set[Label], factors: Sequence[Factor]) -> list[Label]:
    """The labels that are summed over, and that no factor has any more."""
    return [x for x in own if x not in kept and not any(x in labels for _, labels in factors)]
