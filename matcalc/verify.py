"""Derivatives against numbers, independently of the rules that made them.

f is evaluated at random admissible points; its derivatives along random directions D are taken by a complex step where
every kernel on the way is analytic, by Richardson-extrapolated central differences elsewhere, and compared with <Y, D>.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from matcalc.evaluate import Program, dims_text
from matcalc.expr import Node, name_of, properties, shape
from matcalc.linalg import Array
from matcalc.rulebase import Rulebase, rulebase
from matcalc.sample import Point, Sampler

COMPLEX_STEP = "complex step"
DIFFERENCES = "central differences"
VALUES = "values"
TOLERANCE = {COMPLEX_STEP: 1e-8, DIFFERENCES: 1e-6, VALUES: 1e-9}
STEP = 1e-25
FIRST_DIFFERENCES = (2e-2, 2e-3, 2e-4)
LEVELS = 6
DOUBT = 1e-7
DIRECTIONS = 2
MOST_UNDEFINED = 8
FLOOR = 1e-4
"""A difference is measured relative to what is compared, but no smaller than this part of the largest value on the way to f,"""
CANCELLATION = 1e-3
"""nor than this part of ‖Y‖‖D‖."""


@dataclass(frozen=True)
class Check:
    """The verdict on one derivative; ok is None where it could not be verified, and `reason` says why.

    `undefined`: at so many points more f could be evaluated, but not the derivative.
    """

    ok: bool | None
    max_relative_error: float
    draws: int
    method: str
    reason: str = ""
    undefined: int = 0


@dataclass(frozen=True)
class Verification:
    """The verdict on all derivatives of a problem: right, wrong, or (None) not verified for the reason given."""

    ok: bool | None
    max_relative_error: float
    draws: int
    method: str
    reason: str
    checks: Mapping[str, Check]

    def __bool__(self) -> bool:
        """Whether everything was verified and found right."""
        return self.ok is True


def verify(
    expression: Node,
    gradients: Mapping[Node, Node],
    *,
    definitions: Mapping[Node, Node] | None = None,
    facts: Sequence[tuple[Node, Node]] = (),
    draws: int = 5,
    seed: int = 0,
    independent: bool = False,
    rules: Rulebase | None = None,
) -> Verification:
    """Whether each gradient is that of the scalar expression by its variable (or intermediate, a leaf of definitions).

    `independent`: the gradients are by the independent entries of structured variables.
    """
    base = rules or rulebase()
    defined = definitions or {}
    wrts = list(gradients)
    program = Program([expression, *wrts], defined, base)
    answers = Program([gradients[X] for X in wrts], defined, base)
    sampler = Sampler(program, base, facts=facts, definitions=defined, also=answers, seed=seed)
    trials = [_Trial(X, gradients[X], program, sampler, independent) for X in wrts]
    made, undefined = 0, 0
    while made < draws and undefined < MOST_UNDEFINED * draws and any(t.wrong is None for t in trials):
        point = sampler.point()
        if point is None:
            break
        values = sampler.computable(answers, point.arrays)
        if values is None:
            undefined += 1
            continue
        made += 1
        for trial, Y in zip(trials, values, strict=True):
            trial.compare(point, Y)
    if made or not undefined:
        return _summary({name_of(t.wrt): t.verdict(undefined) for t in trials})
    if len(wrts) == 1:
        return _summary({name_of(wrts[0]): Check(False, np.inf, 0, trials[0].method, "it is nowhere defined", undefined)})
    alone = partial(
        verify, expression, definitions=defined, facts=facts, draws=draws, seed=seed, independent=independent, rules=base
    )
    # one that is nowhere defined hides the others
    verdicts = [alone({X: Y}) for X, Y in gradients.items()]
    return _summary({name: check for verdict in verdicts for name, check in verdict.checks.items()})


class _Trial:
    """The comparisons made for one gradient."""

    def __init__(self, wrt: Node, answer: Node, program: Program, sampler: Sampler, independent: bool) -> None:
        self.wrt = wrt
        self.wrong: str | None = None
        self._program, self._sampler, self._independent = program, sampler, independent
        self._slot = program.slots[wrt]
        given = self._slot in program.inputs.values()
        self._structures: frozenset[str] = sampler.structures[name_of(wrt)] if given else frozenset()
        self._declared = properties(wrt) if given else frozenset()
        path = program.after(self._slot, 0)
        self.method = COMPLEX_STEP if all(step.kernel.analytic for step in path) else DIFFERENCES
        self._error = 0.0
        self._draws = 0
        self._unsettled = 0
        if shape(wrt) != shape(answer):
            self.wrong = f"its shape is {dims_text(answer)}, that of {name_of(wrt)} is {dims_text(wrt)}"

    def compare(self, point: Point, Y: Array) -> None:
        """One draw: <Y, D> against the derivative of f along a few random D."""
        if self.wrong is not None:
            return
        x = point.values[self._slot]
        if not self._independent and not np.allclose(self._sampler.spaces.project(self._declared, Y), Y, rtol=1e-8, atol=1e-10):
            self.wrong = f"it does not have the structure of {name_of(self.wrt)}"
            return
        paired = self._sampler.spaces.pairing(self._structures, Y) if self._independent else Y
        size = max(float(np.abs(v).max()) for v in point.values if v is not None)
        settled = False
        for _ in range(DIRECTIONS):
            D = self._sampler.direction(self._structures, x)
            claimed = float(np.sum(paired * D))
            floor = max(FLOOR * size, CANCELLATION * float(np.sqrt(np.sum(paired * paired) * np.sum(D * D))))
            found, doubt = self._derivative(point.values, x, D)
            scale = max(abs(found), abs(claimed), floor)
            if not doubt <= DOUBT * scale:
                continue
            settled = True
            error = abs(found - claimed) / scale
            self._error = max(self._error, error) if np.isfinite(error) else np.inf
            if not error <= TOLERANCE[self.method] + doubt / scale:
                self.wrong = f"it is off by {error:.1e} (relative) along a random direction"
        self._draws += settled
        self._unsettled += not settled

    def _derivative(self, values: list[Array], x: Array, D: Array) -> tuple[float, float]:
        """The derivative of f along D and a bound on its error."""

        def f(moved: Array) -> Array:
            return self._program.changed(values, self._slot, moved)

        try:
            if self.method is COMPLEX_STEP:
                return float(np.imag(f(x + 1j * STEP * D)) / STEP), 0.0
            return extrapolated(lambda t: float(f(x + t * D)))
        except np.linalg.LinAlgError:
            return 0.0, np.inf

    def verdict(self, undefined: int) -> Check:
        """What the comparisons have shown."""
        if self.wrong is not None:
            return Check(False, self._error, self._draws, self.method, self.wrong, undefined)
        if self._draws:
            return Check(True, self._error, self._draws, self.method, undefined=undefined)
        reason = "differences did not settle" if self._unsettled else self._sampler.reason()
        return Check(None, 0.0, 0, self.method, reason, undefined)


def extrapolated(f: Callable[[float], float]) -> tuple[float, float]:
    """f'(0) by central differences, extrapolated to step 0, and an estimate of its error; smaller steps near a kink."""
    best, doubt = 0.0, np.inf
    for first in FIRST_DIFFERENCES:
        row: list[float] = []
        for level in range(LEVELS):
            t = first / 2**level
            new = [(f(t) - f(-t)) / (2 * t)]
            for k, previous in enumerate(row):
                new.append(new[-1] + (new[-1] - previous) / (4 ** (k + 1) - 1))
            if row:
                change = max(abs(new[-1] - new[-2]), abs(new[-1] - row[-1]))
                if change < doubt:
                    best, doubt = new[-1], change
            row = new
        if doubt < 1e-9 * abs(best):
            break
    return best, doubt


def _summary(checks: Mapping[str, Check]) -> Verification:
    oks = [c.ok for c in checks.values()]
    ok = False if False in oks else None if None in oks else True
    methods = dict.fromkeys(c.method for c in checks.values())
    reasons = [f"{name}: {c.reason}" for name, c in checks.items() if c.reason]
    return Verification(
        ok=ok,
        max_relative_error=max((c.max_relative_error for c in checks.values()), default=0.0),
        draws=min((c.draws for c in checks.values()), default=0),
        method=" and ".join(methods),
        reason="; ".join(reasons),
        checks=checks,
    )


def agree(
    a: Node,
    b: Node,
    *,
    definitions: Mapping[Node, Node] | None = None,
    facts: Sequence[tuple[Node, Node]] = (),
    draws: int = 3,
    seed: int = 0,
    rules: Rulebase | None = None,
) -> Check:
    """Whether two expressions have the same values at random points where both are defined."""
    if shape(a) != shape(b):
        return Check(False, np.inf, 0, VALUES, f"the shapes {dims_text(a)} and {dims_text(b)} differ")
    base = rules or rulebase()
    program = Program([a, b], definitions, base)
    sampler = Sampler(program, base, until=len(program.steps), facts=facts, definitions=definitions or {}, seed=seed)
    worst, made = 0.0, 0
    for point in sampler.points(draws):
        left, right = (point.values[slot] for slot in program.outputs)
        size = max(float(np.abs(v).max()) for v in point.values)
        scale = max(float(np.abs(left).max()), float(np.abs(right).max()), FLOOR * size)
        worst, made = max(worst, float(np.abs(left - right).max()) / scale), made + 1
        if not worst <= TOLERANCE[VALUES]:
            return Check(False, worst, made, VALUES, f"the values differ by {worst:.1e} (relative)")
    return Check(True, worst, made, VALUES) if made else Check(None, 0.0, 0, VALUES, sampler.reason())
