"""The lines of a derivation against numbers: each must have the value of dF, found without the rules, at a random point.

What a line says of d(E) is taken at its word: d(E) is the derivative of E along the direction in which the variables move.
Where E depends on the index of a sum, copies of E in which the variables have moved stand in the line, for all its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate, pairwise

import numpy as np

from matcalc.nodes.algebra import add, mul, number, rebuild
from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, name_of, operands, postorder, properties, shape, substitute, variable
from matcalc.nodes.indices import SUM, free_indices
from matcalc.numeric.evaluate import Jitter, Program
from matcalc.numeric.linalg import UNDEFINED, Array
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.selection import selection
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
POINTS, FAILURES = 3, 2
"""The same where there are sums over an index, and at how many it must hold: a sum of one term says little of it."""
STENCIL = {
    k / 1000: f"{1000 * w[0]}/{w[1]}" for s in (1, -1) for k, w in ((s, (3 * s, 4)), (2 * s, (-3 * s, 20)), (3 * s, (s, 60)))
}
"""The steps and weights of a difference formula of order 6."""
_COPY = "~"


def confirm(
    F: Node,
    moving: Sequence[Node],
    lines: Sequence[Sequence[Node]],
    *,
    definitions: Mapping[Node, Node],
    facts: Sequence[tuple[Node, Node]],
    rules: Rulebase,
    distinct: Sequence[tuple[Node, Node]] = (),
    within: Mapping[str, frozenset[str]] | None = None,
    draws: int = 0,
    seed: int = 0,
) -> tuple[Check, int]:
    """Whether each line, a sum of terms, has the value of dF where the variables `moving` move; the number of a wrong one.

    What moves may be a part of a variable, X[:,j], the rest of which does not.  A variable moves inside its own structures,
    or inside those that `within` says of its name.  Each value of the indices is tried.  The
    relative error is that of a line to the largest of dF, the line and a thousandth of its terms.  ok is None where no point
    could be found.  The number is -1 where no line is wrong.  Points at which dF is 0 count where there are no others; as many
    others are asked for as `draws`, or as are enough.
    """
    trial = _Trial(F, moving, lines, definitions, facts, distinct, rules, seed, within or {})
    draws = draws or (POINTS if trial.has_sums else 1)
    most = FAILURES if trial.has_sums and trial.method is COMPLEX_STEP else TRIES
    good: list[float] = []
    dull: list[float] = []
    failed: list[tuple[float, int]] = []
    found_one = False
    for _ in range(MOST_POINTS * draws):
        point = trial.sampler.point() if len(good) < draws and len(failed) < most and len(dull) < MOST_POINTS else None
        if point is None:
            break
        found_one = True
        error, worst, point = trial.compare_all(point)
        if error <= TOLERANCE[trial.method]:
            (good if trial.told else dull).append(error)
        elif worst < 0 or trial.is_noise(point, worst):
            if not trial.sampler.vary():
                break
        else:
            failed.append((error, worst))
    if failed and not (len(good) > len(failed) * trial.has_sums):
        error, wrong = min(failed)
        return Check(False, error, len(failed), trial.method, f"it is off by {error:.1e} (relative)"), wrong
    if good or dull:
        return Check(True, max(good or dull), len(good or dull), trial.method), -1
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
        distinct: Sequence[tuple[Node, Node]],
        rules: Rulebase,
        seed: int,
        within: Mapping[str, frozenset[str]],
    ) -> None:
        self._within = within
        parts = [selection(X) for X in moving]
        leaves = [part.leaf for part in parts]
        terms = [term for line in lines for term in line]
        found = [e for e in postorder(terms) if head(e) == DIFFERENTIAL]
        opened = [e for e in found if not free_indices(e)]
        roots = [F, *(operands(e)[0] for e in opened), *definitions]
        self._program = Program([*roots, *moving, *leaves], definitions, rules)
        self._moving = {self._program.slots[part.leaf]: (X, part) for X, part in zip(moving, parts, strict=True)}
        path = [step for k in range(len(roots)) for step in self._program.after(tuple(self._moving), k)]
        analytic = all(step.kernel.analytic for step in path)
        self.method = COMPLEX_STEP if analytic else DIFFERENCES
        named = {e: variable(f"d({k})", shape(e)) for k, e in enumerate(opened)}
        slots = {name_of(named[e]): self._program.slots[operands(e)[0]] for e in opened}
        self._wanted = {**slots, **{f"d{name_of(Z)}": self._program.slots[Z] for Z in definitions}}
        self._given = {*self._wanted, *(f"d{name_of(X)}" for X in leaves)}
        self.copies = _Copies(leaves, definitions, (1j * STEP,) if analytic else tuple(STENCIL))
        within = {e: self.copies.derivative(operands(e)[0]) for e in found if e not in named}
        self._turned = [analytic and any(e in within for e in postorder([term])) for term in terms]
        written = [self._written(*pair, named, within) for pair in zip(terms, self._turned, strict=True)]
        self._lines = Program(written, {**definitions, **self.copies.definitions}, rules)
        self._ends = [0, *accumulate(map(len, lines))]
        self.sampler = Sampler(
            self._program,
            rules,
            until=self._program.length(len(roots) + len(moving) - 1),
            facts=facts,
            definitions=definitions,
            also=self._lines,
            bounds=self._lines.unconditional(),
            seed=seed,
            distinct=distinct,
        )
        self._F = self._program.outputs[0]
        self.has_sums = any(head(e) == SUM for e in postorder([F, *definitions.values(), *terms]))
        self.told = False
        """Whether dF was other than 0 at the last point."""
        self._directions: dict[int, Array] = {}
        self._found: tuple[Array, list[Array]] = (np.zeros(()), [])

    def _written(self, term: Node, turned: bool, named: Mapping[Node, Node], within: Mapping[Node, Node]) -> Node:
        """A term with variables for d(E), copies for those within sums; all are imaginary where the copies are."""
        made = substitute(term, {**named, **within}, rebuild)
        if not turned:
            return made
        given = [x for x in postorder([made]) if head(x) == "symbol" and name_of(x) in self._given]
        return substitute(made, {x: _renamed(x, _COPY) for x in given}, rebuild)

    def compare_all(self, point: Point) -> tuple[float, int, Point]:
        """The largest relative error of the lines at a point, for each value of the indices: which line has it, and where."""
        found: tuple[float, int, Point] = (np.inf, -1, point)
        self.told = False
        for variant in self.sampler.variants(point):
            error, line = self.compare(variant)
            if error > TOLERANCE[self.method]:
                return error, line, variant
            found = max(error, 0.0 if found[1] < 0 else found[0]), line, variant
        return found

    def compare(self, point: Point) -> tuple[float, int]:
        """The largest relative error of the lines at a point, and the line that has it; (inf, -1) where none can be had."""
        self._directions = {slot: self._direction(slot, point.values) for slot in self._moving}
        try:
            dF, terms = self._evaluated(point, point.values)
        except UNDEFINED:
            return np.inf, -1
        self._found = dF, [_total(dF, terms[a:b]) for a, b in pairwise(self._ends)]
        errors = [self._error(dF, terms[a:b]) for a, b in pairwise(self._ends)]
        self.told = self.told or bool(np.any(dF))
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
            except UNDEFINED:
                return True
            here = _total(dF, terms[self._ends[line] : self._ends[line + 1]])
            noise += _norm(again - dF) + _norm(here - totals[line])
        off = _norm(totals[line] - dF)
        return bool(NOISE * noise > off) or not np.isfinite(off + noise)

    def _evaluated(self, point: Point, values: list[Array], jitter: Jitter | None = None) -> tuple[Array, list[Array]]:
        """dF and the terms of all lines, where the slots have these values and move along the directions."""
        differentials = self._differentials(values, jitter)
        arrays = {name: differentials[slot] for name, slot in self._wanted.items()}
        arrays |= {f"d{name_of(part.leaf)}": self._directions[slot] for slot, (_, part) in self._moving.items()}
        arrays |= {name + _COPY: 1j * STEP * D for name, D in arrays.items()}
        for slot, (_, part) in self._moving.items():
            arrays |= self.copies.arrays(part.leaf, values[slot], self._directions[slot])
        made = self._lines.values({**point.arrays, **arrays}, jitter)
        terms = [made[slot] for slot in self._lines.outputs]
        return differentials[self._F], [
            np.imag(t) / STEP if turned else t for t, turned in zip(terms, self._turned, strict=True)
        ]

    def _direction(self, slot: int, values: list[Array]) -> Array:
        """A random direction for what moves: of a part of a variable one in which the rest of it stays."""
        X, part = self._moving[slot]
        given = slot in self._program.inputs.values() and not part.kind
        own = self.sampler.structures[name_of(X)] if given else frozenset()
        structures = self._within.get(name_of(X), own) if given else own
        D = self.sampler.direction(structures, values[self._program.slots[X]])
        return part.spread(values[slot], [values[self._program.slots[i]] for i in part.places], D)

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


class _Copies:
    """Expressions in which the variables have moved: by an imaginary step, or by the steps of a difference formula."""

    def __init__(self, leaves: Sequence[Node], definitions: Mapping[Node, Node], steps: Sequence[complex]) -> None:
        """Of what depends on the leaves, through definitions too."""
        self.definitions: dict[Node, Node] = {}
        self._steps = steps
        self._moved: list[dict[Node, Node]] = []
        for k in range(len(steps)):
            moved = {X: _renamed(X, f"{_COPY}{k}") for X in leaves}
            for Z, value in definitions.items():
                if Z not in moved and any(x in moved for x in postorder([value])):
                    moved[Z] = _renamed(Z, f"{_COPY}{k}")
                    self.definitions[moved[Z]] = substitute(value, moved, rebuild)
            self._moved.append(moved)

    def derivative(self, e: Node) -> Node:
        """The derivative of e: by differences, or times the imaginary step."""
        made = [substitute(e, moved, rebuild) for moved in self._moved]
        if len(made) == 1:
            return made[0]
        return add(*(mul(number(weight), one) for weight, one in zip(STENCIL.values(), made, strict=True)))

    def arrays(self, X: Node, value: Array, D: Array) -> dict[str, Array]:
        """The values of the copies of a leaf that moves along D."""
        return {name_of(moved[X]): value + t * D for t, moved in zip(self._steps, self._moved, strict=True)}


def _renamed(x: Node, mark: str) -> Node:
    return variable(name_of(x) + mark, shape(x), properties(x))


def _at(moved: Callable[[complex], list[Array]], slot: int, t: float) -> Array:
    return moved(t)[slot]


def _total(like: Array, terms: Sequence[Array]) -> Array:
    return sum(terms, np.zeros_like(like))


def _norm(X: Array) -> float:
    return float(np.sqrt(np.sum(np.abs(X) ** 2)))
