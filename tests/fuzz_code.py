"""A long run of random problems through generated programs: `python -m tests.fuzz_code --count 500 --seed 0 --target numpy`.

Value and gradients of one generated function are compared with what the evaluator of the expressions computes, which shares
nothing with the generator but the expressions.
"""

from __future__ import annotations

import argparse
import os
import traceback
from collections import Counter
from typing import Any

import numpy as np

import matcalc
from matcalc.errors import MatcalcError
from matcalc.generate import together
from matcalc.numeric.evaluate import evaluate
from tests.fuzz import limit
from tests.problems import Problem
from tests.strategies import random_problem

Array = Any
TOLERANCE = 1e-8


def outcome(problem: Problem, target: str) -> tuple[str, str]:
    """(right, wrong, inconclusive, refused or crashed; why)."""
    with limit(60):
        try:
            parsed = matcalc.parse(problem.text, problem.declarations)
            results = matcalc.gradients(parsed, [name for name in problem.used_names if name in parsed.names], verify=False)
        except MatcalcError as error:
            return "refused", str(error).splitlines()[0]
        known = {**problem.environment, **problem.sizes}
        arrays = {n: known[n] for n in parsed.variables if n in known}
        sizes = {n: v for n, v in problem.sizes.items() if n not in arrays and n in parsed.sizes}
        try:
            f = together(results, target)
            found = f(**arrays, **sizes)
        except MatcalcError as error:
            return "refused by the generator", str(error).splitlines()[0]
        except Exception:
            return "crashed", traceback.format_exc(limit=-3)
        nodes = [parsed.expression, *(r.node for r in results)]
        wanted = evaluate(nodes, arrays, sizes, definitions=parsed.definitions)
        nearby = evaluate(nodes, {n: jittered(a) for n, a in arrays.items()}, sizes, definitions=parsed.definitions)
    largest = max(float(np.max(np.abs(truth), initial=0.0, where=np.isfinite(truth))) for truth in wanted)
    for name, value, truth, near in zip(["f", *(r.wrt for r in results)], found, wanted, nearby, strict=True):
        value = np.asarray(value)
        if value.shape != np.shape(truth):
            return "wrong", f"{name}: shape {value.shape}, not {np.shape(truth)}"
        if not np.isfinite(truth).all():
            continue
        scale = np.max(np.abs(truth), initial=max(1e-6 * largest, 1e-12))  # what vanishes is as exact as the others
        error = float(np.max(np.abs(value - truth), initial=0.0) / scale)
        if not error <= TOLERANCE:
            rounding = float(np.max(np.abs(near - truth), initial=0.0))
            if error * scale <= 1e4 * rounding:
                return "inconclusive", ""
            return "wrong", f"{name}: relative difference {error:.1e}\n{f.code}"
    return "right", ""


def jittered(array: Array) -> Array:
    """The numbers changed in their last digits; whole numbers as they are."""
    if np.ndim(array) == 0 and float(array).is_integer():
        return array
    return array * (1 + 1e-15 * np.sign(np.cos(1e6 * np.asarray(array))))


def main() -> None:
    """Run and print what was found."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="numpy")
    options = parser.parse_args()
    found: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.count):
        problem = random_problem(seed)
        try:
            verdict, why = outcome(problem, options.target)
        except Exception:
            verdict, why = "crashed", traceback.format_exc(limit=-3)
        found[verdict] += 1
        if verdict not in ("right", "refused", "inconclusive"):
            print(f"--- seed {seed}: {verdict}\n{problem.text}\n{'; '.join(problem.declarations)}\n{why}")
    print(dict(found))


if __name__ == "__main__":
    main()
