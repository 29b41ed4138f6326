"""Derivatives against numbers, independently of the rules that made them.

f is evaluated at random admissible points; its derivatives along random directions D are taken by a complex step where
every kernel on the way is analytic, by Richardson-extrapolated central differences elsewhere, and compared with <Y, D>.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from matcalc.nodes.algebra import has_value, is_zero
from matcalc.nodes.expr import Node, name_of, properties, shape
from matcalc.numeric.arrays import dims_text
from matcalc.numeric.evaluate import Jitter, Program
from matcalc.numeric.linalg import UNDEFINED, Array
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.selection import Selection, selection
from matcalc.numeric.verdict import Check as Check
from matcalc.numeric.verdict import Verification as Verification
from matcalc.numeric.verdict import summary
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase, rulebase

COMPLEX_STEP = "complex step"
DIFFERENCES = "central differences"
TOLERANCE = {COMPLEX_STEP: 1e-8, DIFFERENCES: 1e-6}
EXACT = 1e-8
"""The tolerance of any other method."""
Slope: TypeAlias = "Callable[[Mapping[str, Array]], Array]"
"""The gradient of f by a variable, of its shape inside, for arrays by name."""
STEP = 1e-25
FIRST_DIFFERENCES = (2e-2, 2e-3, 2e-4)
LEVELS = 6
DOUBT = 1e-7
DIRECTIONS = 2
JITTERS = 3
MOST_POINTS = 8
FLOOR = 1e-4
"""A difference is measured relative to what is compared, but no smaller than this part of the largest value on the way to f,"""
NOISE = 8.0
"""How many times what jitter shows may be rounding."""
ROUNDING = 1e-14
"""What part of the largest derivative on the way from X to f may be rounding: less is neither right nor wrong."""
SMALLEST = 1e-290
CANCELLATION = 1e-3
"""nor than this part of ‖Y‖‖D‖."""


def verify(
    expression: Node,
    gradients: Mapping[Node, Node],
    *,
    definitions: Mapping[Node, Node] | None = None,
    facts: Sequence[tuple[Node, Node]] = (),
    distinct: Sequence[tuple[Node, Node]] = (),
    draws: int = 5,
    seed: int = 0,
    independent: bool = False,
    slopes: Mapping[Node, Slope] | None = None,
    method: str = "",
    rules: Rulebase | None = None,
) -> Verification:
    """Whether each gradient is that of the scalar expression by its variable (or intermediate, a leaf of definitions).

    A gradient may be by a part of one: a node entry, entry2, row, column or member of a leaf.  At each point, every value of
    the indices is tried.  `independent`: the gradients are by the independent entries of structured variables.  `distinct`:
    pairs of labels that differ.  `slopes` are other gradients of f by the variables, by the method of that name, to compare
    with instead of numerical derivatives.
    """
    base = rules or rulebase()
    defined = definitions or {}
    parts = {wrt: selection(wrt) for wrt in gradients}
    program = Program([expression, *(part.leaf for part in parts.values())], defined, base)
    taken = [e for wrt, part in parts.items() if part.kind for e in (*part.places, wrt)]
    answers = Program([*gradients.values(), *taken], defined, base)
    sampler = Sampler(
        program, base, facts=facts, definitions=defined, also=answers, seed=seed, distinct=distinct, bounds=list(parts)
    )
    by = slopes or {}
    trials = [
        _Trial(X, Y, parts[X], program, answers, sampler, independent, by.get(parts[X].leaf), method)
        for X, Y in gradients.items()
    ]
    for _ in range(MOST_POINTS * draws):
        waiting = [t for t in trials if t.wrong is None and t.draws < draws]
        point = sampler.point() if waiting else None
        if point is None:
            break
        told = _compare_at(point, waiting, answers, sampler)
        if told is None:
            sampler.undefined += 1
        elif not told and not sampler.vary():
            break
    if len(trials) == 1 or not sampler.undefined or any(t.tried for t in trials):
        return summary({text(t.wrt): t.verdict() for t in trials})
    # one that is nowhere defined hides the others
    alone = partial(
        verify,
        expression,
        definitions=defined,
        facts=facts,
        distinct=distinct,
        draws=draws,
        seed=seed,
        independent=independent,
        slopes=slopes,
        method=method,
        rules=base,
    )
    verdicts = [alone({X: Y}) for X, Y in gradients.items()]
    return summary({name: check for verdict in verdicts for name, check in verdict.checks.items()})


class _Trial:
    """The comparisons made for one gradient."""

    def __init__(
        self,
        wrt: Node,
        answer: Node,
        part: Selection,
        program: Program,
        answers: Program,
        sampler: Sampler,
        independent: bool,
        slope: Slope | None,
        method: str,
    ) -> None:
        self.wrt, self._part, self._slope = wrt, part, slope
        self.slot = program.slots[part.leaf]
        self.given = self.slot in program.inputs.values()
        path = program.after((self.slot,))
        numeric = COMPLEX_STEP if all(step.kernel.analytic for step in path) else DIFFERENCES
        self.method = method if slope is not None else numeric
        self._tolerance = TOLERANCE.get(self.method, EXACT)
        self._after = [step.out for step in path]
        self._smooth = not any(step.kernel.kinked for step in path)
        self.wrong: str | None = None
        self.tried = False
        self.draws = self._dull = 0
        self._error = 0.0
        self._node, self._zero = answer, is_zero(answer)
        self._answers, self._answer = answers, answers.slots[answer]
        self._places = [answers.slots[place] for place in part.places]
        self._at: list[Array] = []
        self.program, self._sampler, self._independent = program, sampler, independent
        self._structures: frozenset[str] = sampler.structures[name_of(part.leaf)] if self.given else frozenset()
        self._declared = properties(wrt) if self.given else frozenset()
        if not has_value(answer, {}):
            self.wrong, self._error = "it divides by zero", np.inf
        if shape(wrt) != shape(answer):
            self.wrong = f"its shape is {dims_text(answer)}, that of {text(wrt)} is {dims_text(wrt)}"

    @property
    def is_whole(self) -> bool:
        """Whether the gradient is by a variable itself, not by a part or an intermediate."""
        return self.given and not self._part.kind

    def stand(self, answered: Sequence[Array]) -> Array:
        """The value of the gradient at a point where the programs of the answers has those values; remember the place."""
        self._at = [answered[slot] for slot in self._places]
        return answered[self._answer]

    def pairing(self, Y: Array) -> Array:
        """The P with df = <P, dX>, for the value Y of the gradient; `wrong` is set where Y leaves the subspace of X."""
        if self._declared and not self._keeps(Y):
            self.wrong = f"it does not have the structure of {name_of(self.wrt)}"
        return self._sampler.spaces.pairing(self._structures, Y) if self._independent and not self._part.kind else Y

    def _keeps(self, Y: Array) -> bool:
        """Whether Y lies in the subspace of X, but for rounding."""
        inside = self._sampler.spaces.project(self._declared, Y)
        return bool(np.abs(inside - Y).max() <= 1e-10 + 1e-8 * np.abs(Y).max())

    def direction(self, like: Array) -> Array:
        """A random direction inside the subspace of X; of a part of X, what is moved of that part."""
        return self._sampler.direction(frozenset() if self._part.kind else self._structures, like)

    def spread(self, x: Array, D: Array) -> Array:
        """How X moves where the part that the gradient is by moves along D."""
        if not self._part.kind or np.shape(x) == ():
            return D
        moved = self._sampler.spaces.project(self._structures, self._part.spread(x, self._at, D))
        return self._sampler.spaces.independent(self._structures, moved) if self._independent else moved

    def compare(self, point: Point, P: Array, size: float) -> None:
        """One draw: <P, D> against the derivative of f along a few random D."""
        x = point.values[self.slot]
        x = np.zeros(np.shape(P)) if x is None else x
        self.tried = True
        settled, seen = False, bool(np.any(P))
        for _ in range(DIRECTIONS):
            D = self.direction(P if self._part.kind else x)
            claimed = float(np.sum(P * D))
            floor = max(CANCELLATION * _norm(P) * _norm(D), FLOOR * size if self.method is DIFFERENCES else SMALLEST)
            found, doubt = self._derivative(point.values, x, D)
            scale = max(abs(found), abs(claimed), floor)
            error = abs(found - claimed) / scale
            if doubt <= DOUBT * scale and (error <= self._tolerance or not self._is_noise(point, D, found, claimed)):
                settled, seen = True, seen or found != 0
                self.note(error, doubt / scale)
        if settled:
            self.count(seen)

    def count(self, seen: bool) -> None:
        """One draw more; it tells something where the derivative is `seen` not to be 0, or ought to be 0."""
        self.tried = True
        self.draws += seen or self._zero
        self._dull += not (seen or self._zero)

    def note(self, error: float, doubt: float = 0.0) -> None:
        """Take the relative error of one comparison into account."""
        self._error = max(self._error, error) if np.isfinite(error) else np.inf
        if not error <= self._tolerance + doubt:
            self.wrong = f"it is off by {error:.1e} (relative) along a random direction"

    def misplace(self, point: Point) -> None:
        """Set `wrong` where the gradient takes a place that is not there, and f none such."""
        try:
            self._answers.only(self._node).run(point.arrays)
        except UNDEFINED as error:
            if isinstance(error, IndexError):
                self.wrong, self._error = f"it has no value where f has one: {error}", np.inf

    def _derivative(self, values: list[Array], x: Array, D: Array, jitter: Jitter | None = None) -> tuple[float, float]:
        """The derivative of f along D and a bound on its error."""
        D = self.spread(x, D)
        if self._slope is not None:
            given = {name: values[slot] for name, slot in self.program.inputs.items()}
            return float(np.sum(self._slope({**given, name_of(self._part.leaf): x}) * D)), 0.0

        def f(moved: Array) -> Array:
            return self.program.changed(values, {self.slot: moved}, 0, jitter)

        try:
            if self.method is COMPLEX_STEP:
                return float(np.imag(f(x + 1j * STEP * D)) / STEP), 0.0
            found, doubt = extrapolated(lambda t: f(x + t * D))
            return float(found), doubt
        except UNDEFINED:
            return 0.0, np.inf

    def _is_noise(self, point: Point, D: Array, found: float, claimed: float) -> bool:
        """Whether found and claimed differ by no more than rounding errors make of them at this point.

        Every intermediate result is jittered by a few units in its last place, which shows what rounding does.
        """
        noise = 0.0
        for _ in range(JITTERS):
            jitter = self._sampler.jitter
            values = self.program.values(point.arrays, jitter)
            Y = self._answers.values(point.arrays, jitter)[self._answer]
            again, _ = self._derivative(values, values[self.slot], D, jitter)
            noise += abs(again - found) + abs(float(np.sum(self.pairing(Y) * D)) - claimed)
        return max(NOISE * noise, ROUNDING * self._largest(point, D)) > abs(found - claimed)

    def _largest(self, point: Point, D: Array) -> float:
        """The largest derivative along D, or for differences the largest value, of what lies between X and f."""
        if self.method is DIFFERENCES:
            return max((float(np.abs(point.values[slot]).max()) for slot in self._after), default=0.0)
        x = point.values[self.slot]
        values = self.program.all_changed(point.values, {self.slot: x + 1j * STEP * self.spread(x, D)})
        return max((float(np.abs(np.imag(values[slot])).max()) / STEP for slot in self._after), default=0.0)

    def verdict(self) -> Check:
        """What the comparisons have shown."""
        undefined = self._sampler.undefined
        if self.wrong is not None:
            return Check(False, self._error, self.draws, self.method, self.wrong, undefined)
        if self.draws or (self._dull and self._smooth):  # smooth and 0 at random points: 0
            return Check(True, self._error, self.draws or self._dull, self.method, undefined=undefined)
        if undefined and not self.tried:
            return Check(False, np.inf, 0, self.method, "it is nowhere defined", undefined)
        if not self.tried:
            reason = self._sampler.reason()
        elif self._dull:
            reason = "it was 0 at every point tried, and so was the derivative of f"
        else:
            reason = "the differences of f did not settle"
        return Check(None, 0.0, 0, self.method, reason, undefined)


def _compare_at(point: Point, trials: Sequence[_Trial], answers: Program, sampler: Sampler) -> bool | None:
    """One draw for all gradients, at every value of the indices; whether it told something about each, None of no value."""
    before = [t.draws for t in trials]
    defined = False
    for variant in sampler.variants(point):
        answered = sampler.computable(answers, variant.arrays)
        if answered is None:
            for t in trials:
                t.misplace(variant)
        else:
            defined = True
            waiting = [t for t in trials if t.wrong is None]
            _compare(waiting, variant, {t.wrt: t.stand(answered) for t in waiting})
    for t, drawn in zip(trials, before, strict=True):
        t.draws = min(t.draws, drawn + 1)
    if not defined and all(t.wrong is None for t in trials):
        return None
    return all(t.draws > n or t.wrong is not None for t, n in zip(trials, before, strict=True))


def _compare(trials: Sequence[_Trial], point: Point, values: Mapping[Node, Array]) -> None:
    """One comparison for all gradients."""
    size = max(float(np.abs(v).max()) for v in point.values if v is not None)
    pairings = {t: t.pairing(values[t.wrt]) for t in trials}
    together = [t for t in trials if t.is_whole and t.method is COMPLEX_STEP and t.wrong is None]
    if len(together) > 1 and _agree_together(together, point, pairings):
        for t in together:
            t.count(bool(np.any(pairings[t])))
    else:
        together = []
    for t in trials:
        if t not in together and t.wrong is None:
            t.compare(point, pairings[t], size)


def _agree_together(trials: Sequence[_Trial], point: Point, pairings: Mapping[_Trial, Array]) -> bool:
    """Whether the derivative of f along a direction in all variables at once is the sum of all <P, D>.

    Each direction is scaled so that its <P, D> is about 1: a small gradient counts as much as a large one.
    """
    program = trials[0].program
    for _ in range(DIRECTIONS):
        moved: dict[int, Array] = {}
        claimed = 0.0
        for t in trials:
            x, P = point.values[t.slot], pairings[t]
            D = t.direction(x) / (_norm(P) or 1.0)
            claimed += float(np.sum(P * D))
            moved[t.slot] = x + 1j * STEP * D
        found = float(np.imag(program.changed(point.values, moved)) / STEP)
        error = abs(found - claimed) / max(abs(found), abs(claimed), 1.0)
        if not error <= TOLERANCE[COMPLEX_STEP]:
            return False
        for t in trials:
            t.note(error)
    return True


def _norm(X: Array) -> float:
    return float(np.sqrt(np.sum(X * X)))


def extrapolated(f: Callable[[float], Array]) -> tuple[Array, float]:
    """f'(0) by central differences, extrapolated to step 0, and an estimate of its error; smaller steps near a kink."""
    best: Array = np.float64(0.0)
    doubt = np.inf
    for first in FIRST_DIFFERENCES:
        row: list[Array] = []
        for level in range(LEVELS):
            t = first / 2**level
            new = [(f(t) - f(-t)) / (2 * t)]
            for k, previous in enumerate(row):
                new.append(new[-1] + (new[-1] - previous) / (4 ** (k + 1) - 1))
            if row:
                change = max(_largest(new[-1] - new[-2]), _largest(new[-1] - row[-1]))
                if change < doubt:
                    best, doubt = new[-1], change
            row = new
        if doubt < 1e-9 * _largest(best):
            break
    return best, doubt


def _largest(X: Array) -> float:
    return float(np.abs(X).max())
