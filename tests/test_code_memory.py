"""No generated function makes an array larger than its largest input, its output or a factor that is needed: measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.generate import together
from matcalc.nodes.expr import Node, head, name_of, postorder, shape
from matcalc.numeric.arrays import dimension
from matcalc.result import Result
from tests.corpus_entries import Entry, load
from tests.index_entries import IndexEntry
from tests.index_entries import load as load_indexed
from tests.second_entries import load_second

Array = Any
ENTRIES = [*load("seeds"), *load("cookbook"), *load_indexed(), *load_second()]
NEEDED = frozenset({"inv", "logdet", "det", "chol", "expm", "logm", "sqrtm", "adj", "matpow", "dexpm", "dlogm", "dpow", "kron"})
"""What has to be there as a whole: the matrix that is inverted, factorised or exponentiated."""


class Traced(np.ndarray):
    """An array that remembers how large the largest one of all was that came of it."""

    largest = 0

    def __array_finalize__(self, made: object) -> None:
        if self.flags.owndata:
            Traced.largest = max(Traced.largest, self.size)


def traced(value: Any) -> Any:
    """The value, arrays as traced ones."""
    if isinstance(value, tuple):
        return tuple(map(traced, value))
    if isinstance(value, np.ndarray):
        if value.flags.owndata:
            Traced.largest = max(Traced.largest, value.size)
        return value.view(Traced)
    return value


class Watched:
    """A module whose functions return traced arrays."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, ModuleType):
            return Watched(found)
        if isinstance(found, type) or not callable(found):
            return found
        return lambda *args, **keywords: traced(found(*args, **keywords))


def watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with every module that it uses watched."""
    for name, value in list(function.__globals__.items()):
        if isinstance(value, ModuleType):
            function.__globals__[name] = Watched(value)
    return function


def entries(e: Node, sizes: dict[str, int]) -> int:
    """How many entries a node has."""
    return math.prod(dimension(d, sizes) or 1 for d in shape(e))


def needed(result: Result, sizes: dict[str, int]) -> Iterator[int]:
    """How large the inputs, the outputs, the person's intermediates and the factors are that a function cannot do without."""
    problem = result.problem
    roots = [problem.expression, result.output.node, *problem.definitions.values()]
    yield from (entries(e, sizes) for e in (*problem.variables.values(), *problem.definitions, result.node))
    for e in postorder(roots):
        if head(e) in NEEDED or result.rules.is_entrywise(head(e)) or head(e).startswith("softmax"):
            yield (
                max(entries(e, sizes), *(entries(x, sizes) for x in e.operands))
                if hasattr(e, "operands")
                else entries(e, sizes)
            )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_no_array_is_larger_than_what_is_needed(entry: Entry) -> None:
    if entry.task not in ("gradient", "jacobian", "hessian"):
        pytest.skip("no derivative")
    result: Result = entry.derivation if entry.task == "gradient" else entry.found
    scaled = dict(entry.sizes_given) if entry.functions else dict(entry.other_sizes)
    point = entry.point(scaled)
    function = together([result]) if entry.task == "gradient" and not shape(result.problem.expression) else result.function()
    given = {n: a for n, a in point.arrays.items() if n not in {name_of(z) for z in result.problem.definitions}}
    prepared, arguments = function.prepared(
        {
            a: v
            for a, v in {**scaled, **given, **(entry.callables if isinstance(entry, IndexEntry) else {})}.items()
            if function.takes(a)
        }
    )
    Traced.largest = 0
    with np.errstate(all="ignore"):
        watched(prepared)(**{name: traced(value) for name, value in arguments.items()})
    assert Traced.largest <= max(needed(result, scaled)), function.code


def test_the_measure_sees_what_is_too_large() -> None:
    function = matcalc.function("norm(A*x)^2", "x")

    def wasteful(A: Array, x: Array) -> Array:
        return np.outer(A @ x, np.ones(1000)).sum()

    Traced.largest = 0
    wasteful.__globals__["np"], plain = Watched(np), np
    try:
        wasteful(A=traced(plain.ones((3, 3))), x=traced(plain.ones(3)))
    finally:
        wasteful.__globals__["np"] = plain
    assert Traced.largest == 3000
    assert function.code
