"""Milliseconds of a call, and corpus problems under fresh names, so that nothing about them is remembered."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable
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
