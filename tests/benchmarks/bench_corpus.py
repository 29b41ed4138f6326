"""Derivation over the corpus: `python -m tests.benchmarks.bench_corpus [--rounds 5]`.

Each round parses every problem under fresh variable names (outside the clock) and derives it once, so that the rules are loaded
but no result is remembered.  An entry's time is its median over the rounds.
"""

from __future__ import annotations

import argparse

import matcalc
from tests.benchmarks.timing import median, milliseconds, renamed
from tests.corpus_entries import Entry, load


def derivation(entry: Entry, suffix: str) -> float:
    """Milliseconds of the first derivation of the entry under these names."""
    problem, wrt = renamed(entry, suffix)
    convention = entry.convention or "structured"
    return milliseconds(lambda: matcalc.gradients(problem, [wrt], verify=False, convention=convention))


def main() -> None:
    """Print median, worst, and the ten slowest."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_corpus", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    entries = [entry for part in ("seeds", "cookbook") for entry in load(part)]
    for entry in entries:
        matcalc.gradients(entry.problem, [entry.wrt], verify=False)
    times = {entry.id: median([derivation(entry, str(r)) for r in range(rounds)]) for entry in entries}
    reading = median([milliseconds(lambda e=entry: matcalc.parse(e.expr, declare=e.declare or None)) for entry in entries])
    slowest = sorted(times, key=lambda i: -times[i])
    print(f"{len(times)} derivations: median {median(list(times.values())):.2f} ms, worst {times[slowest[0]]:.2f} ms")
    print(f"parsing: median {reading:.2f} ms")
    for entry_id in slowest[:10]:
        print(f"  {times[entry_id]:8.2f} ms  {entry_id}")


if __name__ == "__main__":
    main()
