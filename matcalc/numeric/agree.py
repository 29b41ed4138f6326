"""Whether two expressions have the same values, at random points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from matcalc.nodes.expr import Node, shape
from matcalc.numeric.arrays import dims_text
from matcalc.numeric.evaluate import Program
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.verdict import Check
from matcalc.numeric.verify import FLOOR, JITTERS
from matcalc.rulebase.base import Rulebase, rulebase

VALUES = "values"
SAME = 1e-9
"""The largest relative difference between values that are the same."""


def agree(
    a: Node,
    b: Node,
    *,
    definitions: Mapping[Node, Node] | None = None,
    facts: Sequence[tuple[Node, Node]] = (),
    distinct: Sequence[tuple[Node, Node]] = (),
    draws: int = 3,
    seed: int = 0,
    rules: Rulebase | None = None,
) -> Check:
    """Whether two expressions have the same values at random points where both are defined."""
    if shape(a) != shape(b):
        return Check(False, np.inf, 0, VALUES, f"the shapes {dims_text(a)} and {dims_text(b)} differ")
    base = rules or rulebase()
    program = Program([a, b], definitions, base)
    sampler = Sampler(
        program, base, until=len(program.steps), facts=facts, definitions=definitions or {}, seed=seed, distinct=distinct
    )
    worst, made = 0.0, 0
    for point in sampler.points(draws):
        settled = False
        for variant in sampler.variants(point):
            error = difference(program, variant, sampler)
            if error > SAME:
                return Check(False, max(worst, error), made, VALUES, f"the values differ by {error:.1e} (relative)")
            settled, worst = settled or error >= 0, max(worst, error)
        made += settled
    return Check(True, worst, made, VALUES) if made else Check(None, 0.0, 0, VALUES, sampler.reason())


def difference(program: Program, point: Point, sampler: Sampler) -> float:
    """The relative difference between the two roots of a program at a point; -1 where it may be rounding."""
    left, right = (point.values[slot] for slot in program.outputs)
    size = max(float(np.abs(v).max()) for v in point.values)
    scale = max(float(np.abs(left).max()), float(np.abs(right).max()), FLOOR * size)
    if scale == 0:
        return 0.0
    error = float(np.abs(left - right).max()) / scale
    if error <= SAME:
        return error
    jittered = program.values(point.arrays, sampler.jitter)
    noise = sum(float(np.abs(jittered[slot] - point.values[slot]).max()) for slot in program.outputs)
    return -1.0 if JITTERS * noise > error * scale else error if np.isfinite(error) else np.inf
