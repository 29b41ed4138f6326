"""Where one machine is not enough: the same function of values and gradients on clusters, devices and any array library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matcalc as mc
from matcalc.numeric.evaluate import evaluate
from tests.samples import CASES, FEATURES, Case, arguments, block, labels

ROWS = 40_000
LIMIT = 250 * 10**6
"""The memory of a worker, in bytes; without data it takes 100 MB."""

BLOCKS = dict.fromkeys(CASES, 8) | dict.fromkeys(
    ("logistic regression", "Gaussian log-likelihood"), 2 * LIMIT // (ROWS * FEATURES * 8) + 1
)
"""The blocks of samples of each case; those of two, one by rows and one by columns, are more than both workers can hold."""

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def same(actual: Any, expected: Any) -> bool:
    """Whether the arrays differ by less than 1e-10, relative to the largest entry."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    return actual.shape == expected.shape and np.max(np.abs(actual - expected)) <= 1e-10 * np.max(np.abs(expected))


def function(case: Case) -> Any:
    """The function of the case's arrays that returns value and gradient."""
    return mc.function(case.problem, case.wrt, target="array-api", declare=case.declare or None)


def lazy(case: Case, blocks: int) -> dict[str, Any]:
    """The arguments with samples, and labels, that the workers draw block by block, and the parameters as NumPy arrays."""
    da = pytest.importorskip("dask.array")

    def samples(block_id: tuple[int, int]) -> np.ndarray:
        return block(case, max(block_id), ROWS)

    def marks(block_id: tuple[int]) -> np.ndarray:
        return labels(case, *block_id, ROWS)

    rows, features = (ROWS,) * blocks, (FEATURES,)
    chunks = (features, rows) if case.columns else (rows, features)
    data = {case.data: da.map_blocks(samples, chunks=chunks, dtype=float, meta=np.empty((0, 0)))}
    if case.labels:
        kind = labels(case, 0, 1).dtype
        data["y"] = da.map_blocks(marks, chunks=(rows,), dtype=kind, meta=np.empty(0, dtype=kind))
    return case.parameters | data


def block_by_block(case: Case, blocks: int) -> tuple[Any, Any]:
    """Value and gradient as NumPy finds them: the sums over all blocks of samples, of which it holds one at a time."""
    f = function(case)
    value, gradient = 0.0, 0.0
    for number in range(blocks):
        v, g = f(**arguments(case, range(number, number + 1), ROWS))
        value, gradient = value + v, gradient + g
    return value, gradient


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of two worker processes that put nothing to disk, and whose work fails once one holds more than its limit."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    strict = {
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.scheduler.allowed-failures": 0,
    }
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "memory_limit": LIMIT}
    with (
        dask.config.set(strict),
        distributed.LocalCluster(**workers, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def on_devices() -> dict[str, Any]:
    """What `tests.sharded` finds on 8 devices, by the name of the case."""
    pytest.importorskip("jax")
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "tests.sharded"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@every_case
def test_the_gradient_is_the_one_that_the_engine_derives(case: Case) -> None:
    data = arguments(case, range(2), 50)
    derived = mc.gradient(case.problem, case.wrt, declare=case.declare).function()
    assert same(function(case)(**data)[1], derived(**data))


@every_case
def test_the_value_is_the_one_that_the_engine_evaluates(case: Case) -> None:
    data = arguments(case, range(2), 50)
    problem = mc.parse(case.problem, declare=case.declare)
    (value,) = evaluate([problem.expression], data, definitions=problem.definitions)
    assert same(function(case)(**data)[0], value)


@every_case
def test_nothing_is_computed_and_no_array_is_rechunked_before_the_results_are_asked_for(case: Case) -> None:
    dask = pytest.importorskip("dask")

    def refuse(*graph: Any, **options: Any) -> None:
        raise AssertionError

    with dask.config.set(scheduler=refuse):
        value, gradient = function(case)(**lazy(case, 8))
    assert value.npartitions == gradient.npartitions == 1
    assert not [layer for result in (value, gradient) for layer in result.dask.layers if "rechunk" in layer]


@pytest.mark.parametrize("name", CASES)
def test_two_workers_find_the_sum_over_samples_that_none_of_them_holds(name: str, client: Any) -> None:
    case, blocks = CASES[name], BLOCKS[name]
    found = [result.result(timeout=60) for result in client.compute(function(case)(**lazy(case, blocks)))]
    for actual, expected in zip(found, block_by_block(case, blocks), strict=True):
        assert same(actual, expected)


def test_the_samples_of_two_cases_are_more_than_the_memory_of_both_workers() -> None:
    larger = [name for name, case in CASES.items() if lazy(case, BLOCKS[name])[case.data].nbytes > 2 * LIMIT]
    assert larger == ["logistic regression", "Gaussian log-likelihood"]


@pytest.mark.parametrize("name", CASES)
def test_devices_that_hold_a_part_of_the_samples_each_find_the_sum(name: str, on_devices: dict[str, Any]) -> None:
    case, found = CASES[name], on_devices[name]
    devices, rows = 8, 1000
    expected = function(case)(**arguments(case, range(devices), rows))
    for actual, one in zip(found["results"], expected * (len(found["results"]) // 2), strict=True):
        assert same(actual, one)
    assert found["shards"] == [[FEATURES, rows] if case.columns else [rows, FEATURES]] * devices
    assert found["devices of results"] == [devices] * len(found["results"])
    assert found["replicated"]
    assert found["sent"] == ["all-reduce"]


@every_case
def test_standard_functions_suffice(case: Case) -> None:
    xp = pytest.importorskip("array_api_strict")
    data = arguments(case, range(2), 50)
    with xp.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        found = function(case)(**{name: xp.asarray(array) for name, array in data.items()})
    for actual, expected in zip(found, function(case)(**data), strict=True):
        assert actual.__array_namespace__() is xp
        assert same(actual, expected)
