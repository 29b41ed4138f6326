"""The lines of a derivation against numbers: each must have the value of dF, found without the rules, at a random point.

What a line says of d(E) is taken at its word: d(E) is the derivative of E along the direction in which the variables move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate, pairwise

import numpy as np

from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, name_of, operands, postorder, shape, variable
from matcalc.numeric.evaluate import Jitter, Program
from matcalc.numeric.linalg import Array
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.verify import (
    CANCELLATION,
    COMPLEX_STEP,
    DIFFERENCES,
    JITTERS,
    MOST_POINTS,
    NOISE,
    SMALLEST,
    STEP,
    TOLERANCE,
    Check,
    extrapolated,
)
from matcalc.rulebase.base import Rulebase

TRIES = 4
"""At how many points a line must fail to be called wrong: at one, rounding may do it."""


def confirm(
    F: Node,
    moving: Sequence[Node],
    lines: Sequence[Sequence[Node]],
    *,
    definitions: Mapping[Node, Node],
    facts: Sequence[tuple[Node, Node]],
    rules: Rulebase,
    draws: int = 1,
    seed: int = 0,
) -> tuple[Check, int]:
    """Whether each line, a sum of terms, has the value of dF where the variables `moving` move; the number of a wrong one.

    The relative error is that of a line to the largest of dF, the line and a thousandth of its terms.  ok is None where no
    point could be found.  The number is -1 where no line is wrong.
    """
    trial = _Trial(F, moving, lines, definitions, facts, rules, seed)
    good: list[float] = []
    failed: list[tuple[float, int]] = []
    found_one = False
    for _ in range(MOST_POINTS * draws):
        point = trial.sampler.point() if len(good) < draws and len(failed) < TRIES else None
        if point is None:
            break
        found_one = True
        error, worst = trial.compare(point)
        if error <= TOLERANCE[trial.method]:
            good.append(error)
        elif worst < 0 or trial.is_noise(point, worst):
            if not trial.sampler.vary():
                break
        else:
            failed.append((error, worst))
    if good:
        return Check(True, max(good), len(good), trial.method), -1
    if failed:
        error, wrong = min(failed)
        return Check(False, error, len(failed), trial.method, f"it is off by {error:.1e} (relative)"), wrong
    reason = "at every point tried, rounding was larger than dF" if found_one else trial.sampler.reason()
    return Check(None, 0.0, 0, trial.method, reason), -1


class _Trial:
    """F, what the lines take differentials of, and the lines, ready to be evaluated."""

    def __init__(
        self,
        F: Node,
        moving: Sequence[Node],
        lines: Sequence[Sequence[Node]],
        definitions: Mapping[Node, Node],
        facts: Sequence[tuple[Node, Node]],
        rules: Rulebase,
        seed: int,
    ) -> None:
        terms = [term for line in lines for term in line]
        opened = [e for e in postorder(terms) if head(e) == DIFFERENTIAL]
        roots = [F, *(operands(e)[0] for e in opened), *definitions]
        self._program = Program([*roots, *moving], definitions, rules)
        named = {e: variable(f"d({k})", shape(e)) for k, e in enumerate(opened)}
        self._lines = Program(terms, {**definitions, **named}, rules)
        self._ends = [0, *accumulate(map(len, lines))]
        until = self._program.length(len(roots) - 1)
        self.sampler = Sampler(
            self._program, rules, until=until, facts=facts, definitions=definitions, also=self._lines, seed=seed
        )
        self._moving = {self._program.slots[X]: X for X in moving}
        slots = {name_of(named[e]): self._program.slots[operands(e)[0]] for e in opened}
        self._wanted = {**slots, **{f"d{name_of(Z)}": self._program.slots[Z] for Z in definitions}}
        self._F = self._program.outputs[0]
        path = [step for k in range(len(roots)) for step in self._program.after(tuple(self._moving), k)]
        analytic = all(step.kernel.analytic for step in path)
        self.method = COMPLEX_STEP if analytic else DIFFERENCES
        self._directions: dict[int, Array] = {}
        self._found: tuple[Array, list[Array]] = (np.zeros(()), [])

    def compare(self, point: Point) -> tuple[float, int]:
        """The largest relative error of the lines at a point, and the line that has it; (inf, -1) where none can be had."""
        self._directions = {slot: self._direction(X, point.values[slot]) for slot, X in self._moving.items()}
        try:
            dF, terms = self._evaluated(point, point.values)
        except np.linalg.LinAlgError:
            return np.inf, -1
        self._found = dF, [_total(dF, terms[a:b]) for a, b in pairwise(self._ends)]
        errors = [self._error(dF, terms[a:b]) for a, b in pairwise(self._ends)]
        worst = max(range(len(errors)), key=errors.__getitem__, default=-1)
        return (errors[worst] if errors else 0.0), worst

    def is_noise(self, point: Point, line: int) -> bool:
        """Whether a line of the last comparison differs from dF by no more than rounding errors make of the two.

        Every intermediate result is jittered by a few units in its last place, which shows what rounding does.
        """
        dF, totals = self._found
        noise = 0.0
        for _ in range(JITTERS):
            try:
                again, terms = self._evaluated(
                    point, self._program.values(point.arrays, self.sampler.jitter), self.sampler.jitter
                )
            except np.linalg.LinAlgError:
                return True
            here = _total(dF, terms[self._ends[line] : self._ends[line + 1]])
            noise += _norm(again - dF) + _norm(here - totals[line])
        off = _norm(totals[line] - dF)
        return bool(NOISE * noise > off) or not np.isfinite(off + noise)

    def _evaluated(self, point: Point, values: list[Array], jitter: Jitter | None = None) -> tuple[Array, list[Array]]:
        """dF and the terms of all lines, where the slots have these values and move along the directions."""
        differentials = self._differentials(values, jitter)
        arrays = {name: differentials[slot] for name, slot in self._wanted.items()}
        arrays |= {f"d{name_of(X)}": self._directions[slot] for slot, X in self._moving.items()}
        made = self._lines.values({**point.arrays, **arrays}, jitter)
        return differentials[self._F], [made[slot] for slot in self._lines.outputs]

    def _direction(self, X: Node, like: Array) -> Array:
        given = self._program.slots[X] in self._program.inputs.values()
        return self.sampler.direction(self.sampler.structures[name_of(X)] if given else frozenset(), like)

    def _differentials(self, values: list[Array], jitter: Jitter | None) -> dict[int, Array]:
        """The derivative of every wanted slot along the directions."""
        moved = cache(partial(self._moved, values, jitter))
        found: dict[int, Array] = {}
        for slot in {self._F, *self._wanted.values()}:
            if slot in self._directions:
                found[slot] = self._directions[slot]
            elif self.method is COMPLEX_STEP:
                found[slot] = np.imag(moved(1j * STEP)[slot]) / STEP
            else:
                found[slot], _ = extrapolated(partial(_at, moved, slot))
        return found

    def _moved(self, values: list[Array], jitter: Jitter | None, t: complex) -> list[Array]:
        """The values of all slots once the variables have moved by t along their directions."""
        moved = {s: values[s] + t * D for s, D in self._directions.items()}
        return self._program.all_downstream(values, moved, jitter)

    @staticmethod
    def _error(dF: Array, terms: Sequence[Array]) -> float:
        total = _total(dF, terms)
        size = max(_norm(dF), _norm(total), CANCELLATION * sum(map(_norm, terms)), SMALLEST)
        error = _norm(total - dF) / size
        return error if np.isfinite(error) else np.inf


def _at(moved: Callable[[complex], list[Array]], slot: int, t: float) -> Array:
    return moved(t)[slot]


def _total(like: Array, terms: Sequence[Array]) -> Array:
    return sum(terms, np.zeros_like(like))


def _norm(X: Array) -> float:
    return float(np.sqrt(np.sum(np.abs(X) ** 2)))
