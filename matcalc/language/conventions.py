"""The kinds of names that nobody declared: the conventions first, then the smallest change that makes the shapes fit.

A change has a cost (a vector name that must be a scalar is the cheapest); changes are tried cheapest first, only for names
in the parts that did not fit, and only so many times.  Where nothing fits, the error of the conventional reading stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count

from matcalc.language.infer import Inference
from matcalc.language.misfit import MisfitError, Names
from matcalc.language.scope import INTEGER_LETTERS, Scope, values_below
from matcalc.language.shapes import find, free_names
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import Expression, Name, Product, Sum, postorder

_CHEAPEST = 40
"""So many trials go by cost alone."""
_TRIALS = 400
_WORK = 250_000
"""How many parts of texts are looked at, at most, over all trials of one problem."""
_OPTIONS = {"vector": ("scalar",), "matrix": ("vector", "scalar"), "scalar": ("vector", "matrix")}
_WANTED = {
    "integral": ("integer",),
    "scalar": ("scalar",),
    "call": ("vector", "matrix"),
    "size": ("matrix",),
    "indexed": ("vector",),
}
"""The kinds that a name alone may take where a call or a power wants one."""
_FINAL = frozenset({"count", "unknown", "name", "order", "define", "settle", "kron"})
"""What no other kind of a name can mend."""
_UNLIKELY_SCALARS = frozenset("xyzuvw")
_NESTED = 4
"""So deep may what makes the result no scalar stand in another such thing."""
_COEFFICIENTS = frozenset("CDKLMT")
"""Capitals that are as often numbers as matrices."""


@dataclass(frozen=True)
class Reading:
    """The inference that fits, and the kinds that it gives to the free names."""

    inference: Inference
    kinds: Mapping[str, str]
    changed: tuple[str, ...]


def read_kinds(scope: Scope) -> Reading:
    """The reading of a problem that changes the conventions least.

    Raises: the error of the conventional reading, where none fits.
    """
    kinds = {key: _start(scope, key) for key in scope.free}
    try:
        found = Inference(scope, kinds).run()
    except MisfitError as misfit:
        kinds, found = _search(scope, kinds, misfit)
    kinds, found = _means_are_vectors(scope, kinds, found)
    kinds, found = _coefficients_are_scalars(scope, kinds, found)
    changed = tuple(key for key, kind in kinds.items() if kind != scope.convention(key))
    return Reading(found, kinds, changed)


def shown_error(scope: Scope, misfit: MisfitError) -> Exception:
    """The error of a misfit, with the unknown sizes named."""
    return misfit.error(Names(free_names([*scope.spelling.values(), *(s.name for s in scope.sizes.values())])))


def _start(scope: Scope, key: str) -> str:
    """The kind with which a free name is tried first: its convention, corrected by its use."""
    kind, uses = scope.convention(key), scope.free[key]
    if kind != "integer" and "index" in uses:
        return "integer"
    if "labels" in uses:
        return "integers"
    if kind in ("vector", "matrix") and "exponent" in uses:
        return "scalar"
    return "vector" if kind == "scalar" and uses & {"transposed", "normed"} else kind


def _search(scope: Scope, start: dict[str, str], first: MisfitError) -> tuple[dict[str, str], Inference]:
    """The cheapest changes that fit; after many trials, the first that are found going forward through the text."""
    number = count()
    waiting: list[tuple[float, int, dict[str, str]]] = []
    seen = {tuple(start.values())}
    parts = sum(len(step.parts) for step in (*scope.steps, *scope.facts))
    trials = max(2, min(_TRIALS, _WORK // max(1, parts)))

    def expand(cost: float, kinds: dict[str, str], misfit: MisfitError) -> list[tuple[float, int, dict[str, str]]]:
        found = []
        for more, key, kind in _changes(scope, kinds, start, misfit):
            changed = kinds | {key: kind}
            if (mark := tuple(changed.values())) not in seen:
                seen.add(mark)
                found.append((cost + more, next(number), changed))
        return found

    waiting.extend(expand(0.0, start, first))
    heapify(waiting)
    for trial in range(trials):
        if not waiting:
            break
        forward = trial >= _CHEAPEST
        cost, _, kinds = waiting.pop() if forward else heappop(waiting)
        try:
            return kinds, Inference(scope, kinds).run()
        except MisfitError as misfit:
            found = sorted(expand(cost, kinds, misfit), reverse=True)
            if trial + 1 < _CHEAPEST:
                for entry in found:
                    heappush(waiting, entry)
            elif trial + 1 == _CHEAPEST:
                waiting = [*sorted(waiting, reverse=True), *found]
            else:
                waiting.extend(found)
    raise shown_error(scope, first) from None


def _changes(
    scope: Scope, kinds: Mapping[str, str], start: Mapping[str, str], misfit: MisfitError
) -> Iterator[tuple[float, str, str]]:
    """(cost, name, kind) of the changes that may mend a misfit."""
    if misfit.kind in _FINAL:
        return
    if misfit.kind in "+-" and any(s and find(s[0]) == 1 for s in misfit.shapes):
        return  # a row beside a matrix wants `.+`
    for position, part in enumerate(misfit.parts):
        for key in _names_below(scope, part):
            kind = kinds[key]
            if kind == start[key]:
                for cost, other in _options(scope, key, kind, misfit, part):
                    yield cost + 0.02 * position, key, other


def _options(scope: Scope, key: str, kind: str, misfit: MisfitError, part: Expression) -> Iterator[tuple[float, str]]:
    name = scope.spelling[key]
    wanted = _WANTED.get(misfit.kind) if isinstance(part, Name) else None
    costs = {"scalar": 1.0 if kind == "vector" else 1.6, "vector": 1.2, "matrix": 2.5, "integer": 0.5}
    if kind == "vector":
        costs["scalar"] += 0.1 * (name[0] in _UNLIKELY_SCALARS) - 0.1 * (name in INTEGER_LETTERS)
        if "transposed" in scope.free[key] and scope.convention(key) == "vector":
            del costs["scalar"]
    elif kind == "scalar" and "applied" in scope.free[key]:
        costs["vector"] = 0.8  # y - X*beta
    elif kind == "matrix" and misfit.kind == "divide" and name not in INTEGER_LETTERS:
        return
    elif kind == "matrix":
        costs["vector"] = 0.9 if misfit.kind in ("+", "-", ".*", "./", "compare") else 1.3
    for other in wanted if wanted is not None else _OPTIONS.get(kind, ()):
        if other != kind and other in costs and not (kind == "matrix" and misfit.kind in ("call", "size", "indexed")):
            yield costs[other], other


def _names_below(scope: Scope, part: Expression) -> Iterator[str]:
    """The keys of the free names in a part, those of the definitions that it uses among them."""
    seen: set[str] = set()
    waiting = [part]
    while waiting:
        for e in postorder(waiting.pop()):
            if isinstance(e, Name):
                key = name_key(e.name)
                key = key if key in scope.free or key in scope.defined else scope.differential_of(e.name)
                if key in seen:
                    continue
                seen.add(key)
                if key in scope.free:
                    yield key
                elif key in scope.defined:
                    waiting.append(scope.steps[scope.defined[key]].roots[0])


def _means_are_vectors(scope: Scope, kinds: dict[str, str], found: Inference) -> tuple[dict[str, str], Inference]:
    """`mu` beside a vector in a sum is a vector."""
    if kinds.get("mu") != "scalar":
        return kinds, found
    for step in scope.steps:
        for e in step.parts:
            if isinstance(e, Sum) and any(isinstance(t, Name) and t.name == "mu" for t in e.terms):
                shapes = [found.shapes[id(t)] for t in e.terms]
                if any(s and find(s[1]) == 1 for s in shapes):
                    return _tried(scope, kinds | {"mu": "vector"}, kinds, found)
    return kinds, found


def _coefficients_are_scalars(scope: Scope, kinds: dict[str, str], found: Inference) -> tuple[dict[str, str], Inference]:
    """Letters such as N, and names beside scalars alone, that make the result a scalar when they are ones are scalars."""
    if not found.final:
        return kinds, found
    free = [key for key, kind in kinds.items() if kind in ("vector", "matrix") and key not in scope.fonts]
    normed = [key for key in free if scope.convention(key) == "scalar" and "normed" in scope.free[key]]
    if normed:
        changed, other = _tried(scope, kinds | dict.fromkeys(normed, "scalar"), kinds, found)
        if not other.final:
            return changed, other
    letters = [key for key in free if scope.spelling[key] in INTEGER_LETTERS]
    for chosen in (letters, *([key] for key in letters)) if len(letters) > 1 else (letters,):
        if chosen:
            changed, other = _tried(scope, kinds | dict.fromkeys(chosen, "scalar"), kinds, found)
            if other is not found and not other.final:
                return changed, other
    changed, seen, chosen = kinds, found, letters
    for _ in range(_NESTED):
        beside = _beside_scalars(scope, seen, letters)
        more = [key for key in free if key in beside and key not in chosen]
        if not more:
            break
        chosen = [*chosen, *more]
        changed, other = _tried(scope, kinds | dict.fromkeys(chosen, "scalar"), kinds, found)
        if other is found:
            break
        if not other.final:
            return changed, other
        seen = other
    return kinds, found


def _beside_scalars(scope: Scope, found: Inference, letters: Sequence[str]) -> set[str]:
    """The names that stand nowhere but as terms beside scalars made of vectors, or a capital as the coefficient of a scalar."""
    places: dict[str, bool] = {}
    coefficients = {name_key(n) for n in _COEFFICIENTS}

    def is_letter(e: Expression) -> bool:
        return isinstance(e, Name) and name_key(e.name) in letters

    for step in scope.steps:
        made: dict[int, bool] = {}
        fitting: set[int] = set()
        for e in step.parts:
            scalar = not found.shapes[id(e)]
            made[id(e)] = not scalar or any(made.get(id(part), False) for part in values_below(scope.signatures, e))
            if isinstance(e, Sum):
                told = sum((not found.shapes[id(t)] and made[id(t)]) or is_letter(t) for t in e.terms)
                fitting |= {id(t) for t in e.terms if isinstance(t, Name) and told > is_letter(t)}
            elif isinstance(e, Product):
                others = sum(bool(found.shapes[id(f)]) and not is_letter(f) for f in e.factors)
                capitals = (f for f in e.factors if isinstance(f, Name) and name_key(f.name) in coefficients)
                fitting |= {id(f) for f in capitals if others <= 1}
        for e in step.parts:
            if isinstance(e, Name):
                key = name_key(e.name)
                places[key] = places.get(key, True) and id(e) in fitting
    return {key for key, fits in places.items() if fits}


def _tried(scope: Scope, changed: dict[str, str], kinds: dict[str, str], found: Inference) -> tuple[dict[str, str], Inference]:
    try:
        return changed, Inference(scope, changed).run()
    except MisfitError:
        return kinds, found
