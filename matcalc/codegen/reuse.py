"""Arrays used again: what nobody needs any more is overwritten by what is computed from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import sympy

from matcalc.codegen.arithmetic import is_comparison
from matcalc.codegen.spell import Speller
from matcalc.codegen.templates import Spelled
from matcalc.codegen.values import Axes, Value, postorder

_FRESH = frozenset({"matmul", "plus", "times", "power", "reciprocal", "entrywise", "part", "cho_inverse"})
"""Operations that make an array of their own."""
_VIEWS = frozenset({"permute", "reshape", "item", "slice", "diagonal", "spread", "gather"})
"""Operations whose result may be another look at the same array."""


@dataclass(frozen=True)
class Candidate:
    """An operand that may be overwritten: its place among the operands, the array itself, whether it is subtracted.

    One that is `turned` is a transpose that has to be copied first: what is added to it then is added in its order.
    """

    place: int
    array: Value
    negative: bool
    turned: bool = False


class Reuse:
    """What may be overwritten, as a program is written statement by statement."""

    def __init__(self, roots: Iterable[Value], kept: Collection[Value]) -> None:
        """`kept` is what has to stay: results and the person's own intermediates."""
        ends = list(roots)
        self._kept = {*kept, *ends}
        self._users: dict[Value, list[Value]] = {}
        for value in postorder(ends):
            for a in value.args:
                self._users.setdefault(a, []).append(value)
        self._evaluated: set[Value] = set()

    def evaluate(self, value: Value, known: Mapping[Value, object]) -> None:
        """Note that a statement has computed a value, and with it all that has no name of its own."""
        waiting = [value]
        while waiting:
            v = waiting.pop()
            if v not in self._evaluated:
                self._evaluated.add(v)
                waiting.extend(a for a in v.args if a not in known)

    def candidate(self, value: Value, known: Mapping[Value, object]) -> Candidate | None:
        """What an entrywise operation may write its result into; None for nothing."""
        if len(value.dims) < 2 or value.op not in ("plus", "times") or _is_negative(value):
            return None
        whole = (*range(len(value.dims)),)
        axes = cast(tuple[Axes, ...], value.attrs[0])
        found = []
        for place, (a, at) in enumerate(zip(value.args, axes, strict=True)):
            negative = value.op == "plus" and _is_negative(a) and a not in known
            array = a.args[1] if negative else a
            if at == whole and self._is_free(array, a if negative else value, value, known):
                found.append(Candidate(place, array, negative))
            elif value.op == "plus" and len(whole) == 2 and at == (1, 0) and a in known and not found:
                found.append(Candidate(place, array, negative=False, turned=True))
        return min(found, key=lambda c: (c.turned, c.array in known, c.negative), default=None)

    def _is_free(self, a: Value, through: Value, value: Value, known: Mapping[Value, object]) -> bool:
        """Whether only the value, by way of `through`, still needs an array that some operation made."""
        if a in self._kept or is_comparison(a):
            return False
        users = self._users[a]
        if a.op == "reshape" and a not in known and users == [through]:
            return a.args[0] not in known and self._is_free(a.args[0], a, a, known)
        if a.op not in _FRESH:
            return False
        if len(a.dims) < len(value.dims) and through.op != "reshape":
            return False
        if through.args.count(a) > 1 or any(u.op in _VIEWS and u is not through for u in users):
            return False
        if through is not value and self._users[through] != [value]:
            return False
        return all(u is through or u in self._evaluated for u in users)


def remaining(speller: Speller, value: Value, chosen: Candidate) -> Iterator[tuple[str, Spelled]]:
    """What is still to be done to the chosen operand, step by step: plus, minus, subtracted from, times or divided by what."""
    axes = cast(tuple[Axes, ...], value.attrs[0])
    ndim = len(value.dims)
    others = [(a, at) for i, (a, at) in enumerate(zip(value.args, axes, strict=True)) if i != chosen.place]
    if value.op == "times":
        for a, at in others:
            if a.number is not None:
                yield "times", speller.number(a.number)
            elif a.op == "reciprocal" and a not in speller.known:
                yield "divided", speller.aligned(a.args[0], at, ndim)
            else:
                yield "times", speller.aligned(a, at, ndim, loose=True)
        return
    whole = (*range(ndim),)
    diagonals = [(a, at) for a, at in others if a.op == "place" and at == whole and a not in speller.known]
    terms = sorted((speller.signed(a, at, ndim) for a, at in others if (a, at) not in diagonals), key=lambda t: t[0])
    if chosen.negative and (not terms or terms[0][0]):
        yield "times", speller.number(sympy.S.NegativeOne)
    elif chosen.negative:
        yield "subtracted", terms.pop(0)[1]
    for minus, text in terms:
        yield "minus" if minus else "plus", text
    for a, _ in diagonals:
        inner = a.args[0]
        spread = inner.op == "spread" and not inner.args[0].dims
        yield f"placed {speller.placement(a)}", speller.numeric(inner.args[0] if spread else inner)


def _is_negative(value: Value) -> bool:
    return value.op == "times" and len(value.args) == 2 and value.args[0].number == -1


def is_view(value: Value) -> bool:
    """Whether a value is, or may be, an argument seen in another way, or what cannot be written to."""
    if value.op in ("permute", "reshape", "item", "slice"):
        return is_view(value.args[0])
    return value.op in ("input", "diagonal") or (value.op == "spread" and bool(value.args[0].dims))
