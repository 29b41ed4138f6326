"""Values of several expressions at random points of one problem, and whether two of them have the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matcalc.claims.question import Question
from matcalc.nodes.expr import Node, head
from matcalc.numeric.agree import SAME, difference
from matcalc.numeric.evaluate import Program
from matcalc.numeric.linalg import Array
from matcalc.numeric.sample import Point, Sampler

DRAWS = 5
"""How many points are drawn in the first regime that fits; then others are looked at."""
ELSEWHERE = 9
"""At how many points in other regimes equal values are looked for once more: relu'(h) is 1 wherever h is positive."""


NEAR = 4
"""At how many points near the numbers that are written in the expressions."""
LARGEST = 1e6
_USUAL = frozenset({0.0, 0.5, 1.0, 2.0})


def is_finite(e: Node) -> bool:
    """Whether a number is real and finite."""
    return bool(e.is_real and e.is_finite)


@dataclass(frozen=True)
class Restriction:
    """What is assumed besides: structures of variables by name, and a change of the arrays that are drawn."""

    structures: tuple[tuple[str, str], ...] = ()
    change: Callable[[dict[str, Array]], None] | None = None


class RestrictedSampler(Sampler):
    """A sampler whose points meet a restriction."""

    restriction = Restriction()
    numbers: tuple[float, ...] = ()
    """What entries are drawn near to, where some are given: numbers at which an expression may change."""

    def restrict(self, restriction: Restriction) -> None:
        """Assume it from now on."""
        self.restriction = restriction
        for name, structure in restriction.structures:
            if name in self.structures:
                self.structures = {**self.structures, name: self.structures[name] | {structure}}

    def _draw(self, sizes: dict[str, int], regimes: dict[str, str]) -> dict[str, Array]:  # type: ignore[override]
        arrays = super()._draw(sizes, regimes)
        if self.restriction.change is not None:
            self.restriction.change(arrays)
        return arrays

    def _raw(self, dims: tuple[int, ...], regime: str) -> Array:
        made = super()._raw(dims, regime)
        if not self.numbers:
            return made
        near = np.array([self.random.choice(self.numbers) * self.random.uniform(0.3, 1.7) for _ in range(made.size)])
        return np.where(made < 0, -1.0, 1.0) * near.reshape(made.shape)


class Points:
    """The values of some expressions at admissible points; only the first `needed` of them must be admissible there."""

    def __init__(
        self,
        question: Question,
        roots: Sequence[Node],
        restriction: Restriction | None = None,
        needed: int = 0,
        seed: int = 0,
    ) -> None:
        q = question
        self.program = Program(roots, q.definitions, q.rules)
        until = self.program.length((needed or len(roots)) - 1)
        self.sampler = RestrictedSampler(
            self.program,
            q.rules,
            until=until,
            facts=q.facts,
            definitions=q.definitions,
            seed=seed,
            distinct=q.problem.distinct,
            bounds=q.bounds,
        )
        if restriction is not None:
            self.sampler.restrict(restriction)

    def draw(self, count: int, elsewhere: int = 0) -> Iterator[Point]:
        """Points, each with every value of its indices: `count` where the sampler begins, then some in other regimes."""
        for point in self.sampler.points(count):
            yield from self.sampler.variants(point)
        for _ in range(elsewhere):
            if not self.sampler.vary():
                break
            for point in self.sampler.points(1):
                yield from self.sampler.variants(point)
        self.sampler.numbers = self._numbers() if elsewhere else ()
        for point in self.sampler.points(NEAR) if self.sampler.numbers else ():
            yield from self.sampler.variants(point)

    def _numbers(self) -> tuple[float, ...]:
        """The numbers written in the expressions, other than the usual factors: beyond them min(x, 10) is another function."""
        written = [abs(float(e)) for e in self.program.slots if head(e) == "number" and is_finite(e)]
        return tuple(x for x in written if x not in _USUAL and x < LARGEST)

    def values(self, point: Point) -> list[Array]:
        """The values of the roots, every slot filled."""
        values = point.values
        if any(values[slot] is None for slot in self.program.outputs):
            values = self.program.values(point.arrays)
        return [values[slot] for slot in self.program.outputs]


@dataclass(frozen=True)
class Agreement:
    """What numbers say of two expressions: ok is None where they were not asked, and `reason` says why."""

    ok: bool | None
    error: float = 0.0
    draws: int = 0
    reason: str = ""
    nonzero: bool = False


def compare(
    question: Question,
    a: Node,
    b: Node,
    restriction: Restriction | None = None,
    draws: int = DRAWS,
    elsewhere: int = ELSEWHERE,
) -> Agreement:
    """Whether two expressions of one shape have the same values at random points, and whether they are ever other than 0."""
    points = Points(question, [a, b], restriction)
    worst, made, nonzero = 0.0, 0, False
    for point in points.draw(draws, elsewhere):
        error = difference(points.program, point, points.sampler)
        if error > SAME:
            return Agreement(False, error, made + 1, nonzero=True)
        if error >= 0:
            made, worst = made + 1, max(worst, error)
            nonzero = nonzero or bool(np.any(point.values[points.program.outputs[0]]))
    if not made:
        return Agreement(None, reason=points.sampler.reason())
    return Agreement(True, worst, made, nonzero=nonzero)
