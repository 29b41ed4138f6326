"""The kinds of names that nobody declared: the conventions first, then the smallest change that makes the shapes fit.

A change has a cost (a vector name that must be a scalar is the cheapest); changes are tried cheapest first, only for names
in the parts that did not fit, and only so many times.  Where nothing fits, the error of the conventional reading stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from matcalc.infer import Inference
from matcalc.misfit import Misfit, Names
from matcalc.scope import INTEGER_LETTERS, Scope
from matcalc.shapes import find, free_names
from matcalc.syntax.names import is_greek_scalar, name_key
from matcalc.syntax.tree import Expression, Name, Sum, postorder

_TRIALS = 200
_WORK = 200_000
"""How many parts of texts are looked at, at most, over all trials of one problem."""
_UNLIKELY_SCALARS = frozenset("xyzuvw")


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
    except Misfit as misfit:
        kinds, found = _search(scope, kinds, misfit)
    kinds, found = _means_are_vectors(scope, kinds, found)
    kinds, found = _coefficients_are_scalars(scope, kinds, found)
    changed = tuple(key for key, kind in kinds.items() if kind != scope.convention(key))
    return Reading(found, kinds, changed)


def shown_error(scope: Scope, misfit: Misfit) -> Exception:
    """The error of a misfit, with the unknown sizes named."""
    return misfit.error(Names(free_names([*scope.spelling.values(), *(s.name for s in scope.sizes.values())])))


def _start(scope: Scope, key: str) -> str:
    kind = scope.convention(key)
    return "vector" if kind == "scalar" and "transposed" in scope.free[key] and is_greek_scalar(scope.spelling[key]) else kind


def _search(scope: Scope, kinds: dict[str, str], first: Misfit) -> tuple[dict[str, str], Inference]:
    number = count()
    waiting: list[tuple[float, int, dict[str, str], Misfit]] = [(0.0, next(number), kinds, first)]
    pending: list[tuple[float, int, dict[str, str]]] = []
    seen = {_mark(kinds)}
    parts = sum(len(step.parts) for step in scope.steps)
    trials = max(2, min(_TRIALS, _WORK // max(1, parts)))
    costs = {0: 0.0}
    while waiting:
        _, _, current, misfit = waiting.pop()
        base = costs[id(current)] if id(current) in costs else 0.0
        for cost, key, kind in _changes(scope, current, kinds, misfit):
            changed = current | {key: kind}
            if (mark := _mark(changed)) not in seen:
                seen.add(mark)
                heappush(pending, (base + cost, next(number), changed))
        while pending and trials:
            cost, _, changed = heappop(pending)
            trials -= 1
            try:
                return changed, Inference(scope, changed).run()
            except Misfit as further:
                costs[id(changed)] = cost
                waiting.append((cost, next(number), changed, further))
                break
    raise shown_error(scope, first) from None


def _mark(kinds: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(kinds.items())


def _changes(
    scope: Scope, kinds: Mapping[str, str], start: Mapping[str, str], misfit: Misfit
) -> Iterator[tuple[float, str, str]]:
    """(cost, name, kind) of the changes that may mend a misfit."""
    if misfit.kind == "+" and any(s and find(s[0]) == 1 for s in misfit.shapes):
        return  # a row beside a matrix wants `.+`
    for position, part in enumerate(misfit.parts):
        for key in _names_below(scope, part):
            kind = kinds[key]
            if kind == start[key]:
                for cost, other in _options(scope, key, kind, misfit, part):
                    yield cost + 0.02 * position, key, other


def _options(scope: Scope, key: str, kind: str, misfit: Misfit, part: Expression) -> Iterator[tuple[float, str]]:
    name = scope.spelling[key]
    if misfit.kind == "integral":
        if kind == "scalar":
            yield 0.5, "integer"
        return
    alone = isinstance(part, Name)
    if kind == "vector":
        if not (misfit.kind == "size" and alone):
            unlikely = 0.1 * (name[0] in _UNLIKELY_SCALARS) - 0.1 * (name in INTEGER_LETTERS)
            yield 1.0 + unlikely + 3.0 * ("transposed" in scope.free[key]), "scalar"
        if misfit.kind != "+":
            yield 2.5, "matrix"
    elif kind == "matrix":
        if misfit.kind not in ("call", "size"):
            yield (0.9 if misfit.kind in ("+", ".*", "./", "compare") else 1.3), "vector"
        yield 1.6, "scalar"
    elif kind == "scalar":
        yield 1.2, "vector"
        yield 2.5, "matrix"


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
    """A letter such as N that makes the result a scalar when it is one is a scalar."""
    letters = [key for key, kind in kinds.items() if scope.spelling[key] in INTEGER_LETTERS and kind in ("vector", "matrix")]
    if not found.final or not letters:
        return kinds, found
    for chosen in (letters, *([key] for key in letters)) if len(letters) > 1 else (letters,):
        changed, other = _tried(scope, kinds | dict.fromkeys(chosen, "scalar"), kinds, found)
        if other is not found and not other.final:
            return changed, other
    return kinds, found


def _tried(scope: Scope, changed: dict[str, str], kinds: dict[str, str], found: Inference) -> tuple[dict[str, str], Inference]:
    try:
        return changed, Inference(scope, changed).run()
    except Misfit:
        return kinds, found
