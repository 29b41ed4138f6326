"""What steps cost: `python -m tests.benchmarks.bench_steps`, the times of deriving and telling every corpus entry.

The ratio of the steps, with their check by number and without, to the bare derivation: median and total.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

from matcalc.calculus.engine import Engine
from matcalc.rulebase.base import rulebase
from matcalc.steps import gradient_steps
from tests.corpus_entries import Entry, load

REPEATS = 3


def times(entry: Entry) -> tuple[float, float, float]:
    """Seconds to derive the gradient, to tell the lines, and to make steps of them and check those; the least of some."""
    rows = []
    for _ in range(REPEATS):
        X, convention = entry.wrt_node, entry.convention or "structured"
        start = perf_counter()
        engine = Engine(entry.problem, rulebase())
        G = engine.gradients([X], convention)[X]
        derived = perf_counter()
        engine.record([X])
        told = perf_counter()
        engine = Engine(entry.problem, rulebase())
        engine.gradients([X], convention)
        again = perf_counter()
        gradient_steps(engine, X, G, convention, {})
        rows.append((derived - start, told - derived, perf_counter() - again))
    bare, lines, steps = map(min, zip(*rows, strict=True))
    return bare, lines, steps


def main() -> None:
    """Print the ratios."""
    entries = [entry for part in ("seeds", "cookbook") for entry in load(part)]
    for entry in entries:
        times(entry)
    rows = [times(entry) for entry in entries]
    total = [sum(column) for column in zip(*rows, strict=True)]
    print(f"{len(entries)} derivations: {1e3 * total[0]:.0f} ms bare")
    for name, k in (("lines alone", 1), ("steps and their check", 2)):
        middle = median(row[k] / row[0] for row in rows)
        print(f"{name}: {1e3 * total[k]:.0f} ms, {total[k] / total[0]:.2f} times that, median {middle:.2f}")


if __name__ == "__main__":
    main()
