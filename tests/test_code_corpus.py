"""The functions that are generated for every entry of the corpus, in every language whose library is installed.

A function of the derivative alone at sizes of every kind, one of value and derivative at those of the corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
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
    if entry.task != "differential"
}


def _same(array: Array) -> Array:
    return array


def _strict(array: Array) -> Array:
    import array_api_strict

    return array_api_strict.asarray(array)


def _tensor(array: Array) -> Array:
    import torch

    return torch.asarray(array)


@dataclass(frozen=True)
class Run:
    """A target, the packages that it needs, what an array becomes before it is given."""

    target: str
    needs: tuple[str, ...]
    convert: Callable[[Array], Array] = _same


RUNS = {
    "numpy": Run("numpy", ("scipy",)),
    "strict": Run("array-api", ("array_api_compat", "array_api_strict"), _strict),
    "array-api": Run("array-api", ("array_api_compat",)),
    "torch": Run("torch", ("torch",), _tensor),
}
every_run = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
thorough = pytest.mark.parametrize("run", [RUNS["numpy"], RUNS["strict"]], ids=["numpy", "strict"])
every_entry = pytest.mark.parametrize("entry_id", ENTRIES)
BATCH = 50
"""So many entries JAX compiles at once, which takes a third of the time."""


@cache
def derived(entry_id: str) -> Any:
    """What is derived for an entry."""
    entry = ENTRIES[entry_id]
    return entry.found if isinstance(entry, SecondEntry) else entry.derivation


@cache
def points(entry_id: str) -> list[tuple[Point, Array, Array]]:
    """(a point, the value, the derivative) at each of the sizes that the entry allows, at two values of its indices."""
    entry = ENTRIES[entry_id]
    if isinstance(entry, IndexEntry):
        every = [[*entry.places(entry.point(sizes))] for sizes in entry.sizes_tried]
        found = [place for places in every for place in {id(p): p for p in (places[0], places[-1])}.values()]
    else:
        found = [entry.point(sizes) for sizes in (entry.sizes_given, entry.other_sizes)]
    wanted = (lambda p: entry.value(entry.result, p)) if isinstance(entry, SecondEntry) else entry.expected_value
    return [(p, entry.value(entry.problem.expression, p), wanted(p)) for p in found]


def arguments(entry: Entry, f: Function, point: Point, convert: Callable[[Array], Array]) -> dict[str, Any]:
    """The arguments of a function at a point: arrays of the library, numbers as they are."""
    whole = {name for name, leaf in entry.leaves.items() if not is_scalar(leaf) and "integer" in properties(leaf)}
    defined = {name_of(z) for z in entry.problem.definitions} - {entry.wrt}
    known: dict[str, Any] = dict(point.sizes)
    for name, a in point.arrays.items():
        if name not in defined:
            known[name] = convert(a.astype(int) if name in whole else a) if np.ndim(a) else a
    if isinstance(entry, IndexEntry):
        known |= {name: lambda Y, f=f: convert(np.asarray(f(np.asarray(Y)))) for name, f in entry.callables.items()}
    named = {argument: argument if argument in known else argument.rstrip("_") for argument in signature(f).parameters}
    called = {name: value for name, value in known.items() if callable(value) and name in f.code}
    return {argument: known[name] for argument, name in named.items() if name in known} | called


def agree(actual: Array, wanted: Array) -> bool:
    """Whether arrays of one shape differ by less than 1e-8 of the largest entry."""
    actual, wanted = np.asarray(actual, dtype=float), np.asarray(wanted, dtype=float)
    return actual.shape == wanted.shape and bool(np.all(np.abs(actual - wanted) <= 1e-8 * np.max(np.abs(wanted), initial=0.0)))


def result(entry_id: str, run: Run, f: Function, point: Point) -> Any:
    """What a function returns at a point."""
    for package in run.needs:
        pytest.importorskip(package)
    return f(**arguments(ENTRIES[entry_id], f, point, run.convert))


def value_and_derivative(entry_id: str, target: str) -> Function:
    """The function of the value of the problem and the derivative."""
    return together([derived(entry_id)], target)


@cache
def compiled(number: int) -> dict[str, Any]:
    """Value and derivative as JAX finds them, for the entries of one batch; quickly compiled rather than fast."""
    import jax

    fixed: dict[str, dict[str, Any]] = {}
    arrays: dict[str, dict[str, Array]] = {}
    functions = {}
    for entry_id in [*ENTRIES][number * BATCH : (number + 1) * BATCH]:
        functions[entry_id] = value_and_derivative(entry_id, "jax")
        given = arguments(ENTRIES[entry_id], functions[entry_id], points(entry_id)[-1][0], _same)
        arrays[entry_id] = {name: a for name, a in given.items() if isinstance(a, np.ndarray) and a.ndim}
        fixed[entry_id] = {name: a for name, a in given.items() if name not in arrays[entry_id]}
    called = {entry_id for entry_id in functions if ENTRIES[entry_id].functions}

    def every(arrays: dict[str, dict[str, Array]]) -> dict[str, Any]:
        return {entry_id: functions[entry_id](**given, **fixed[entry_id]) for entry_id, given in arrays.items()}

    config: Any = jax.config
    config.update("jax_enable_x64", True)
    config.update("jax_disable_most_optimizations", True)
    found: dict[str, Any] = jax.jit(every)({entry_id: a for entry_id, a in arrays.items() if entry_id not in called})
    config.update("jax_disable_most_optimizations", False)
    with jax.disable_jit():
        return found | every({entry_id: arrays[entry_id] for entry_id in called})


@thorough
@every_entry
def test_the_derivative(run: Run, entry_id: str) -> None:
    f = derived(entry_id).function(run.target)
    for point, _, wanted in points(entry_id):
        assert agree(result(entry_id, run, f, point), wanted), f.code


@every_run
@every_entry
def test_the_value_and_the_derivative(run: Run, entry_id: str) -> None:
    f = value_and_derivative(entry_id, run.target)
    point, *wanted = points(entry_id)[-1]
    for actual, one in zip(result(entry_id, run, f, point), wanted, strict=True):
        assert agree(actual, one), f.code


@every_entry
def test_the_value_and_the_derivative_compiled_by_jax(entry_id: str) -> None:
    pytest.importorskip("jax")
    found = compiled([*ENTRIES].index(entry_id) // BATCH)[entry_id]
    for actual, one in zip(found, points(entry_id)[-1][1:], strict=True):
        assert agree(actual, one), value_and_derivative(entry_id, "jax").code


def test_no_entry_is_left_out() -> None:
    assert len(ENTRIES) == 346
