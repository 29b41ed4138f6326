"""Milliseconds of a call, and corpus problems under fresh names, so that nothing about them is remembered."""

from __future__ import annotations

import gc
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matcalc
from matcalc.nodes.expr import Node, properties, shape
from tests.corpus_entries import Entry

Problem = Any


def milliseconds(call: Callable[[], object]) -> float:
    """How much processor time one call takes, the garbage collector at rest."""
    gc.disable()
    try:
        start = time.process_time()
        call()
        return 1e3 * (time.process_time() - start)
    finally:
        gc.enable()


def declaration(name: str, e: Node) -> str:
    """The variable's declaration in full."""
    dims, props = shape(e), " ".join(sorted(properties(e)))
    if not dims:
        return f"{name}: integer" if "integer" in props else f"{name}: scalar {props}".strip()
    kind = f"vector({dims[0]})" if dims[1] == 1 else f"matrix({dims[0]},{dims[1]})"
    return f"{name}: {kind} {props}".strip()


def renamed(entry: Entry, suffix: str) -> tuple[Problem, str]:
    """(the entry's problem with every variable and intermediate renamed, the new name of its `wrt`)."""
    sizes = set(entry.problem.sizes)
    names = [n for n in entry.leaves if n not in sizes]
    new = {n: f"{n}{suffix}" for n in names}
    word = re.compile(
        r"(?<![A-Za-z0-9_'])(" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")(?![A-Za-z0-9_(])"
    )

    def change(text: str) -> str:
        return word.sub(lambda m: new[m.group(1)], text)

    declared = [declaration(new[n], e) for n, e in entry.problem.variables.items() if n in new]
    facts = [change(d) for d in entry.declare or [] if d.startswith("assume")]
    return matcalc.parse(change(entry.expr), declare=declared + facts), new[entry.wrt]


def median(numbers: list[float]) -> float:
    """The middle one."""
    return sorted(numbers)[len(numbers) // 2]


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """How long one call takes by the clock, a mean over that many."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def fastest(call: Callable[[], object], slot: float) -> float:
    """The least seconds of a call, of as many as fill the slot; short ones are timed by the bundle."""
    end = time.perf_counter() + slot
    best = seconds(call)
    while time.perf_counter() < end:
        best = min(best, seconds(call, max(1, round(2e-5 / best))))
    return best


def round_robin(calls: Mapping[str, Callable[[], object]], total: float, rounds: int = 8) -> dict[str, float]:
    """The least seconds of each call, warm ones that take turns, so that all see the same machine; the collector at rest.

    They share the total evenly; a slow one has fewer turns, two at the least.
    """
    least = dict.fromkeys(calls, math.inf)
    gc.collect()
    gc.disable()
    try:
        for i in range(rounds):
            for name, call in calls.items():
                if i < 2 or i * least[name] < total / 2:
                    least[name] = min(least[name], fastest(call, total / (rounds * len(calls))))
        return least
    finally:
        gc.enable()


def exponent(sizes: Sequence[float], taken: Sequence[float]) -> float:
    """The slope of log(time) over log(size) by least squares, over the larger half of the sizes; nan of fewer than two."""
    kept = sorted(zip(sizes, taken, strict=True))[-max(2, (len(sizes) + 1) // 2) :]
    if len(kept) < 2:
        return float("nan")
    xs, ys = ([math.log(v) for v in column] for column in zip(*kept, strict=True))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
