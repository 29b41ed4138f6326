"""Kronecker products among values: a sum of products on four axes, or three, that is read as a matrix."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import sympy
from sympy import Expr

from matcalc.codegen.values import Axes, Value

Part = tuple[Value, Axes]


@dataclass(frozen=True)
class Kronecker:
    """A number times kron(A, B): the factors of A and of B, each with the axes that it has among rows (0) and columns (1)."""

    number: Expr
    slow: tuple[Part, ...]
    fast: tuple[Part, ...]


def kronecker(value: Value, known: Collection[Value]) -> list[Kronecker] | None:
    """The terms of a reshaped value that is a sum of Kronecker products; None for any other.

    What is `known` has a name, and is not looked into.
    """
    (x,) = value.args
    split = _split(x.dims, value.dims)
    if split is None:
        return None
    found = []
    for term, axes in _terms(x, (*range(len(x.dims)),), known):
        number, parts = _factors(term, axes, known)
        divided = next((d for d in _divisions(len(x.dims), split) if _fits(parts, d)), None)
        if divided is None:
            return None
        found.append(Kronecker(number, *(_side(parts, side, split) for side in divided)))
    return found


def _split(axes: Sequence[Expr], dims: Sequence[Expr]) -> int | None:
    """How many axes the rows of a matrix count together."""
    if len(dims) != 2 or len(axes) not in (3, 4):
        return None
    options = (1, 2) if len(axes) == 3 else (2,)
    return next((p for p in options if sympy.expand(sympy.Mul(*axes[:p]) - dims[0]) == 0), None)


def _divisions(count: int, split: int) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """The axes of A and those of B."""
    if count == 4:
        yield frozenset({0, 2}), frozenset({1, 3})
    elif split == 1:
        yield from ((frozenset({0, 1}), frozenset({2})), (frozenset({1}), frozenset({0, 2})))
    else:
        yield from ((frozenset({0, 2}), frozenset({1})), (frozenset({0}), frozenset({1, 2})))


def _fits(parts: Sequence[Part], sides: tuple[frozenset[int], frozenset[int]]) -> bool:
    """Whether no factor has axes of both sides, and every axis is one of some factor."""
    covered = {a for _, axes in parts for a in axes}
    return covered == sides[0] | sides[1] and all(any(set(axes) <= side for side in sides) for _, axes in parts)


def _side(parts: Sequence[Part], side: frozenset[int], split: int) -> tuple[Part, ...]:
    return tuple((v, tuple(int(a >= split) for a in axes)) for v, axes in parts if set(axes) <= side)


def _terms(value: Value, axes: Axes, known: Collection[Value]) -> Iterator[Part]:
    """The terms of a sum with their axes of the whole."""
    if value.op == "plus" and value not in known:
        for term, own in zip(value.args, cast(tuple[Axes, ...], value.attrs[0]), strict=True):
            yield term, tuple(axes[i] for i in own)
    elif value.op == "permute" and value not in known and value.args[0].op == "plus":
        yield from _terms(value.args[0], _inner(value, axes), known)
    else:
        yield value, axes


def _inner(value: Value, axes: Axes) -> Axes:
    """The axes on which what is permuted stands."""
    order = cast(Axes, value.attrs[0])
    return tuple(axes[order.index(i)] for i in range(len(order)))


def _factors(value: Value, axes: Axes, known: Collection[Value]) -> tuple[Expr, list[Part]]:
    """(the number, the arrays) of which a value is the product, each with its axes of the whole."""
    if value.number is not None:
        return value.number, []
    if value.op not in _OPENED or value in known:
        return sympy.S.One, [(value, axes)]
    inside: list[Part] = []
    found: list[Part] = []
    if value.op == "permute":
        inside = [(value.args[0], _inner(value, axes))]
    elif value.op == "spread":
        inside = [(value.args[0], tuple(axes[i] for i in cast(Axes, value.attrs[0])))]
    elif value.op == "times":
        inside = [
            (v, tuple(axes[i] for i in own)) for v, own in zip(value.args, cast(tuple[Axes, ...], value.attrs[0]), strict=True)
        ]
    else:
        at = cast(Axes, value.attrs[0])
        inside = [(value.args[0], tuple(axes[at.index(i)] for i in range(len(value.args[0].dims))))]
        found = [(_eye(value.dims[i]), (axes[at.index(a)], axes[i])) for i, a in enumerate(at) if at.index(a) != i]
    number: Expr = sympy.S.One
    for v, own in inside:
        factor, more = _factors(v, own, known)
        number, found = cast(Expr, number * factor), [*more, *found]
    return number, found


_OPENED = frozenset({"permute", "spread", "times", "place"})


def _eye(size: Expr) -> Value:
    """The unit matrix."""
    one = Value("number", (), (sympy.S.One,), ())
    return Value("place", (Value("spread", (one,), ((),), (size,)),), ((0, 0),), (size, size))
