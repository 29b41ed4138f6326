"""The smallest counterexample: few sizes, small whole numbers, both values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matcalc.claims.points import Points, RestrictedSampler
from matcalc.claims.question import Question
from matcalc.nodes.expr import Node
from matcalc.numeric.agree import difference
from matcalc.numeric.arrays import outside
from matcalc.numeric.evaluate import Program
from matcalc.numeric.linalg import Array
from matcalc.numeric.sample import Point

LEVELS = (1, 2, 3)
TRIES = 24
APPARENT = 1e-6
DIGITS = 4
NOTHING = 1e-12
_PLAIN = (1.7, 0.3)
"""What a 0, and a minus, cost: an example without them says more."""


@dataclass(frozen=True, eq=False)
class Counterexample:
    """Arrays by name at which the right value and the claimed one differ, and both of these; scalars are NumPy's."""

    sizes: Mapping[str, int]
    arrays: Mapping[str, Any]
    right: Any
    claimed: Any


class _Small(RestrictedSampler):
    """Draws small whole numbers, in sizes up to a level."""

    level = 1

    def _sizes(self) -> dict[str, int] | None:
        names = self.size_names
        return {name: self.random.randint(1, self.level) for name in names}

    def _raw(self, dims: tuple[int, ...], regime: str) -> Array:
        rows, columns = dims or (1, 1)
        low, high = (1, 3) if regime in ("positive", "unit", "near one") else (-self.level, self.level + 1)
        made = np.array([float(self.random.randint(low, high)) for _ in range(rows * columns)]).reshape(rows, columns)
        return made if dims else made[0, 0]


def counterexample(question: Question, truth: Node, claim: Node) -> Counterexample | None:
    """The smallest point found at which the two differ; their shapes may differ too."""
    program = Program([truth, claim], question.definitions, question.rules)
    sampler = _Small(
        program,
        question.rules,
        until=len(program.steps),
        facts=question.facts,
        definitions=question.definitions,
        distinct=question.problem.distinct,
        bounds=question.bounds,
    )
    for level in LEVELS:
        sampler.level, hits = level, []
        for _ in range(TRIES):
            point = sampler.point()
            if point is None:
                break
            for variant in sampler.variants(point):
                if not _at_kink(program, variant) and _differ(program, variant, sampler):
                    hits.append(variant)
                    break
        if hits:
            return _told(question, program, min(hits, key=_bulk))
    points = Points(question, [truth, claim])
    for point in points.draw(TRIES, TRIES):
        if _differ(points.program, point, points.sampler):
            return _told(question, points.program, point)
    return None


def shown(value: Any) -> str:
    """An array in the language: 3, [1; 2], [1, 2; 3, 4]."""
    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return _number(float(array))
    if array.ndim > 2:
        return str(array.round(DIGITS).tolist())
    rows = array[:, None] if array.ndim == 1 else array
    return f"[{'; '.join(', '.join(_number(float(x)) for x in row) for row in rows)}]"


def _number(x: float) -> str:
    return f"{0.0 if abs(x) < NOTHING else x:.{DIGITS}g}"


def _bulk(point: Point) -> tuple[int, float]:
    zero, minus = _PLAIN
    arrays = [a for name, a in point.arrays.items() if name not in point.sizes]
    return sum(point.sizes.values()), sum(float((np.abs(a) + zero * (a == 0) + minus * (a < 0)).sum()) for a in arrays)


def _differ(program: Program, point: Point, sampler: RestrictedSampler) -> bool:
    """Whether the two values differ there, for anyone to see."""
    left, right = (point.values[slot] for slot in program.outputs)
    return np.shape(left) != np.shape(right) or difference(program, point, sampler) > APPARENT


def _at_kink(program: Program, point: Point) -> bool:
    """Whether some operation has its kink just there."""
    for step in program.steps:
        if step.kernel.margin is not None and step.kernel.kinked:
            margin = step.kernel.margin(*(point.values[i] for i in step.args))
            if not np.abs(margin).all():
                return True
    return False


def _told(question: Question, program: Program, point: Point) -> Counterexample:
    inputs = {name: node for node, slot in program.slots.items() for name, at in program.inputs.items() if at == slot}
    arrays = {
        name: outside(point.values[program.inputs[name]], inputs[name], sizes=point.arrays)
        for name in program.inputs
        if name not in point.sizes
    }
    order = {name: i for i, name in enumerate(question.known)}
    told = dict(sorted(arrays.items(), key=lambda item: order.get(item[0], len(order))))
    right, claimed = (
        outside(point.values[slot], root, sizes=point.arrays) for slot, root in zip(program.outputs, program.roots, strict=True)
    )
    return Counterexample(dict(point.sizes), told, right, claimed)
