"""Symmetric products: S'*S costs half of a product of two matrices where a library knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matcalc.codegen.forms import Factor, Label, Labels
from matcalc.codegen.values import Value, Values


@dataclass(frozen=True)
class _Pair:
    """A value that stands on both sides, with its labels on the one and on the other."""

    value: Value
    one: Labels
    other: Labels


def halves(values: Values, factors: list[Factor], keep: set[Label], order: Labels) -> list[Factor]:
    """The factors of X'*diag(w)*X with w >= 0 as those of S'*S with S = sqrt(w) .* X; others as they are.

    X may be a product itself: Σ_i P[i,a] X[i,k] P[i,b] X[i,l] is S'*S with S[i,(a,k)] = P[i,a] X[i,k].
    """
    pairs, weights = _paired(factors, keep, order)
    ends: dict[Label, Label] = {}
    for pair in pairs:
        for x, y in zip(pair.one, pair.other, strict=True):
            if ends.setdefault(x, y) is not y:
                return factors
    if all(pair.one == pair.other for pair in pairs) or len(pairs) + len(weights) < 2 or len(set(ends.values())) < len(ends):
        return factors
    if any(value not in values.nonnegative or not set(own) <= set(ends) for value, own in weights):
        return factors
    one = tuple(sorted(ends, key=lambda x: x in keep))
    other = tuple(ends[x] for x in one)
    if {*one, *other} & keep != keep:
        return factors
    parts = [(pair.value, pair.one) for pair in pairs]
    if weights:
        within = tuple(dict.fromkeys(x for _, own in weights for x in own))
        weight = values.times([(w, tuple(map(within.index, own))) for w, own in weights], tuple(x.size for x in within))
        parts.insert(0, (values.entrywise("sqrt", weight), within))
    half = values.times([(v, tuple(map(one.index, own))) for v, own in parts], tuple(x.size for x in one))
    return [(half, one), (half, other)]


def _paired(factors: list[Factor], keep: set[Label], order: Labels) -> tuple[list[_Pair], Sequence[Factor]]:
    """(the factors that stand on both sides, those that stand alone)."""
    pairs: list[_Pair] = []
    alone: list[Factor] = []
    for value, own in factors:
        match = next((k for k, (v, other) in enumerate(alone) if v is value and _mirrors(own, other, keep)), None)
        if match is None:
            alone.append((value, own))
            continue
        _, other = alone.pop(match)
        first, second = sorted((own, other), key=lambda labels: [order.index(x) for x in labels if x in order])
        pairs.append(_Pair(value, first, second))
    return pairs, alone


def _mirrors(one: Labels, other: Labels, keep: set[Label]) -> bool:
    """Whether two factors share what is summed over, and nothing that is kept."""
    return all((x is y) == (x not in keep) and (x in keep) == (y in keep) for x, y in zip(one, other, strict=True))
