"""What the benchmarks take for the best by hand is right: it is compared with differences, and with the problem's text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from matcalc.language.parser import parse
from matcalc.numeric.evaluate import evaluate
from tests.benchmarks.code_workloads import SMALL, WORKLOADS, Array, Arrays, Workload, mirrored

SIZE, STEP = 4, 1e-3
every = pytest.mark.parametrize("work", WORKLOADS, ids=lambda work: work.name)
with_hessian = pytest.mark.parametrize("work", [w for w in WORKLOADS if w.hand_hessian], ids=lambda work: work.name)


def slope(f: Callable[[float], Array]) -> Array:
    """f'(0), an error of the order of STEP^4."""
    return (8 * (f(STEP) - f(-STEP)) - (f(2 * STEP) - f(-2 * STEP))) / (12 * STEP)


def moved(arrays: Arrays, name: str, D: Array) -> Arrays:
    return {**arrays, name: arrays[name] + D}


@every
def test_the_value_by_hand_is_that_of_the_problem(work: Workload) -> None:
    arrays = work.arrays(SIZE)
    problem = parse(work.text, work.declare)
    assert np.allclose(
        evaluate([problem.expression], arrays, definitions=problem.definitions)[0], work.hand(**arrays)[0], rtol=1e-12
    )


@every
def test_gradients_by_hand_agree_with_differences(work: Workload) -> None:
    arrays, rng = work.arrays(SIZE), np.random.default_rng(0)
    for name, G in zip(work.wrt, work.hand(**arrays)[1:], strict=True):
        assert G.shape == arrays[name].shape
        D = rng.normal(size=G.shape)
        D = D + D.T if "posdef" in work.declare else D
        found = slope(lambda h, X=name, D=D: work.hand(**moved(arrays, X, h * D))[0])
        assert np.allclose(found, np.vdot(G, D), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["e", "f"])
def test_what_is_done_at_large_sizes_agrees_too(name: str) -> None:
    (work,) = [w for w in WORKLOADS if w.name == name]
    arrays, X = work.arrays(2 * SMALL), work.wrt[0]
    D = np.random.default_rng(0).normal(size=arrays[X].shape)
    D = (D + D.T) / len(D)
    f, G = work.hand(**arrays)
    assert np.allclose(G, G.T, rtol=1e-9, atol=1e-9 * abs(G).max())
    assert np.allclose(slope(lambda h: work.hand(**moved(arrays, X, h * D))[0]), np.vdot(G, D), rtol=1e-6, atol=1e-9 * abs(f))


@with_hessian
def test_hessians_by_hand_agree_with_differences_of_gradients(work: Workload) -> None:
    arrays, name = work.arrays(SIZE), work.wrt[0]
    H, shape = work.hand_hessian(**arrays), arrays[name].shape
    for column, unit in zip(H.T, np.eye(arrays[name].size), strict=True):
        D = unit.reshape(shape, order="F")
        change = slope(lambda h, D=D: work.hand(**moved(arrays, name, h * D))[1])
        assert np.allclose(change.ravel(order="F"), column, rtol=1e-7, atol=1e-8)


def test_blocks_by_hand_are_those_of_the_hessian() -> None:
    (work,) = [w for w in WORKLOADS if w.hand_blocks]
    arrays = work.arrays(SIZE)
    n, k = arrays["U"].shape
    assert np.allclose(
        work.hand_blocks(**arrays), np.einsum("aibi->iab", work.hand_hessian(**arrays).reshape(k, n, k, n)), rtol=1e-14
    )


@pytest.mark.parametrize("n", [3, 500])
def test_a_triangle_is_mirrored(n: int) -> None:
    A = np.random.default_rng(0).normal(size=(n, n))
    assert np.array_equal(mirrored(np.triu(A + A.T)), A + A.T)
