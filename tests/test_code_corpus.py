"""The functions that are generated for every entry of the corpus, in every language whose library is installed: the derivative,
and the value with the gradient, as numbers alone say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from matcalc.codegen.function import Function
from matcalc.generate import together
from matcalc.nodes.expr import is_scalar, name_of, properties
from tests import corpus_entries, index_entries, second_entries
from tests.corpus_entries import Entry, Point
from tests.index_entries import IndexEntry
from tests.second_entries import SecondEntry

Array = Any
ENTRIES: dict[str, Entry] = {
    entry.id: entry
    for entry in (
        *corpus_entries.load("seeds"),
        *corpus_entries.load("cookbook"),
        *index_entries.load(),
        *second_entries.load_second(),
    )
}


def _jax() -> Callable[[], AbstractContextManager[object]]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.disable_jit


def _strict(array: Array) -> Array:
    import array_api_strict

    return array_api_strict.asarray(array)


def _same(array: Array) -> Array:
    return array


RUNS: Mapping[str, tuple[str, str, Callable[[Array], Array]]] = {
    "numpy": ("numpy", "scipy", _same),
    "jax": ("jax", "jax", _same),
    "torch": ("torch", "torch", _same),
    "array-api": ("array-api", "array_api_compat", _same),
    "array-api on array-api-strict": ("array-api", "array_api_strict", _strict),
}
"""What runs: (the target, the package that it needs, what an array becomes before it is given)."""

CANNOT: Mapping[tuple[str, str], str] = {}
"""(entry, run) that cannot be, and why not."""


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of what runs; JAX without compilation, which would take most of the time."""
    pytest.importorskip(RUNS[request.param][1])
    context = _jax() if request.param == "jax" else nullcontext
    with context():
        yield request.param


@cache
def derived(entry_id: str) -> Any:
    """What is derived for an entry."""
    entry = ENTRIES[entry_id]
    return entry.found if isinstance(entry, SecondEntry) else entry.derivation


def points(entry: Entry) -> Iterator[Point]:
    """A point at each of the sizes that the entry allows, at two values of its indices."""
    if not isinstance(entry, IndexEntry):
        yield from map(entry.point, (entry.sizes_given, entry.other_sizes))
        return
    for sizes in entry.sizes_tried:
        places = [*entry.places(entry.point(sizes))]
        yield from {id(p): p for p in (places[0], places[-1])}.values()


def expected(entry: Entry, point: Point) -> Array:
    """What the derivative is at a point."""
    return entry.value(entry.result, point) if isinstance(entry, SecondEntry) else entry.expected_value(point)


def arguments(entry: Entry, f: Function, point: Point, convert: Callable[[Array], Array]) -> dict[str, Any]:
    """The arguments of a function at a point."""
    defined = {name_of(z) for z in entry.problem.definitions} - {entry.wrt}
    whole = {name for name, leaf in entry.leaves.items() if not is_scalar(leaf) and "integer" in properties(leaf)}
    known: dict[str, Any] = dict(point.sizes)
    for name, a in point.arrays.items():
        if name not in defined:
            known[name] = convert(a.astype(int) if name in whole else a) if np.ndim(a) else a
    callables = entry.callables if isinstance(entry, IndexEntry) else {}
    return {argument: v for argument, v in {**f.named(known), **callables}.items() if f.takes(argument)}


def agree(actual: Array, wanted: Array) -> bool:
    """Whether arrays of one shape differ by less than 1e-8 of the largest entry."""
    actual, wanted = np.asarray(actual, dtype=float), np.asarray(wanted, dtype=float)
    return actual.shape == wanted.shape and bool(np.all(np.abs(actual - wanted) <= 1e-8 * np.max(np.abs(wanted), initial=0.0)))
