"""A long run of random problems through generated programs: `python -m tests.fuzz_code --count 500 --seed 0 --target numpy`.

Value and gradients of one generated function are compared with what the evaluator of the expressions computes, which shares
nothing with the generator but the expressions.
"""

from __future__ import annotations

import argparse
import traceback
from collections import Counter

import numpy as np

import matcalc
from matcalc.errors import MatcalcError
from matcalc.generate import together
from matcalc.numeric.evaluate import evaluate
from tests.fuzz import limit
from tests.problems import Problem
from tests.strategies import random_problem

TOLERANCE = 1e-8


def outcome(problem: Problem, target: str) -> tuple[str, str]:
    """(right, wrong, refused, crashed or undefined; why)."""
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
    for name, value, truth in zip(["f", *(r.wrt for r in results)], found, wanted, strict=True):
        value = np.asarray(value)
        if value.shape != np.shape(truth):
            return "wrong", f"{name}: shape {value.shape}, not {np.shape(truth)}"
        if not np.isfinite(truth).all():
            continue
        scale = np.max(np.abs(truth), initial=1e-12)
        error = float(np.max(np.abs(value - truth), initial=0.0) / scale)
        if not error <= TOLERANCE:
            return "wrong", f"{name}: relative difference {error:.1e}\n{f.code}"
    return "right", ""


def main() -> None:
    """Run and print what was found."""
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
        if verdict not in ("right", "refused"):
            print(f"--- seed {seed}: {verdict}\n{problem.text}\n{'; '.join(problem.declarations)}\n{why}")
    print(dict(found))


if __name__ == "__main__":
    main()
