"""Random admissible points: arrays for every input of a program, inside the structures and domains that it needs.

A point is admissible when every value along the computation is finite, real and of moderate size, inverses are well
conditioned and no kink is near.  Several regimes (normal, positive, in the unit interval …) are tried for each variable
until one fits, the widest first; equations among the variables are met by Newton steps of least norm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast

import numpy as np
from sympy import Expr

from matcalc.nodes.algebra import sub
from matcalc.nodes.expr import Node, head, name_of, properties, shape
from matcalc.numeric.arrays import dimension
from matcalc.numeric.evaluate import Program, Step, Strays, leaves
from matcalc.numeric.labels import Labels, is_between_labels
from matcalc.numeric.linalg import UNDEFINED, Array
from matcalc.numeric.operation import Kernel, Operation
from matcalc.numeric.spaces import has_full_rank, spaces
from matcalc.rulebase.base import Rulebase

ATTEMPTS, FEWEST_ATTEMPTS, LARGEST_WORK = 400, 30, 20_000
LARGEST = 1e6
NEWTON_STEPS = 30
MARGIN = 1e-5
MOST_ENTRIES = 40_000
"""Of an array whose declared size is tried; larger ones would take long."""
WIDENINGS = 3
ROUNDING = 1e-15
REGIMES = ("normal", "positive", "unit", "small", "near one", "averaging", "large")
SCALES = {"small": 0.3, "large": 4.0}
SMALLEST_SIZE, SPREAD, MOST_SIZES = 2, 4, 6
TRUE = np.array(True)


@dataclass(frozen=True, eq=False)
class Point:
    """Sizes, arrays by name (sizes among them), and the value of every slot of the program there."""

    sizes: Mapping[str, int]
    arrays: Mapping[str, Array]
    values: list[Array]


@dataclass(eq=False)
class Sampler:
    """Draws points at which the first `until` steps of a program (by default those of its first root) are admissible.

    Inputs of the program `also` are drawn besides; labels and indices are drawn from what they count in the program and in
    `bounds`, and differ where they are `distinct`.  The same seed gives the same points.
    """

    program: Program
    rules: Rulebase
    until: int = -1
    facts: Sequence[tuple[Node, Node]] = ()
    definitions: Mapping[Node, Node] = field(default_factory=dict)
    also: Program | None = None
    seed: int = 0
    distinct: Sequence[tuple[Node, Node]] = ()
    bounds: Sequence[Node] = ()

    def __post_init__(self) -> None:
        """Find what is to be drawn and under which structures."""
        self.random = Random(self.seed)
        self.spaces = spaces(self.rules)
        self.failed: dict[str, int] = {}
        self._failing: dict[str, tuple[Step, list[Array]]] = {}
        self.undefined = 0
        self._first = 0
        if self.until < 0:
            self.until = self.program.length(0)
        between_labels = [pair for pair in self.facts if is_between_labels(pair)]
        self.facts = [pair for pair in self.facts if pair not in between_labels]
        residuals = [sub(left, right) for left, right in self.facts]
        self._facts = Program(residuals, self.definitions, self.rules)
        programs = [self.program, self._facts] + ([self.also] if self.also else [])
        self._largest = LARGEST * max(p.scale for p in programs) ** 2
        self.inputs = {name: node for program in programs for name, node in leaves(program).items()}
        shapes = [shape(step.node) for p in programs for step in p.steps] + [shape(x) for x in self.inputs.values()]
        self._too_large = any(math.prod(int(d) for d in dims if d.is_Integer) > MOST_ENTRIES for dims in shapes)
        self.size_names = _size_names(programs, self.inputs.values())
        roots = [*self.bounds, *self.program.unconditional(), *self._facts.unconditional()]
        others = [e for p in programs for e in p.slots]
        self.labels = Labels(self.inputs, self.size_names, (roots, others), between_labels, self.distinct, self.rules)
        self.structures = self._conditions()
        self._fitting: dict[str, str] | None = None
        self._widenings, self._widened = WIDENINGS, False

    def _conditions(self) -> dict[str, frozenset[str]]:
        """The structures of each variable: declared, or a subspace that an operation on the variable asks for."""
        found = {name: properties(node) for name, node in self.inputs.items()}
        names = {slot: name for name, slot in self.program.inputs.items()}
        for step in self.program.steps[: self.until]:
            for i, structure in self._wanted(step):
                name = names.get(step.args[i])
                if name is not None and self.spaces.is_subspace(structure):
                    found[name] |= {structure}
        return found

    def _wanted(self, step: Step | Operation) -> tuple[tuple[int, str], ...]:
        """(i, structure) for the conditions of a step on its matrix operands."""
        plain = step.kernel.shaped or step.kernel.entrywise or step.node is None
        return () if plain or step.node is None else self.spaces.wanted(head(step.node))

    def points(self, count: int) -> Iterator[Point]:
        """Up to `count` admissible points, as many as can be found."""
        for _ in range(count):
            point = self.point()
            if point is None:
                return
            yield point

    def point(self) -> Point | None:
        """One more admissible point; None where none was found."""
        if self._too_large:
            return None
        for attempt in range(min(ATTEMPTS, max(FEWEST_ATTEMPTS, LARGEST_WORK // (1 + self.until)))):
            sizes = self._sizes()
            regimes = self._regimes(attempt)
            if sizes is None:
                continue
            arrays = self._draw(sizes, regimes)
            if not self.labels.draw(arrays, sizes, self.random):
                continue
            if self.facts and not self._meet_facts(arrays, regimes):
                continue
            values = self._admissible(arrays)
            if values is not None:
                self._widened = self._fitting is not None and regimes != self._fitting
                self._fitting = self._fitting or regimes
                return Point(sizes, arrays, values)
        return None

    def variants(self, point: Point) -> Iterator[Point]:
        """The point with every value of the indices and scalar labels in turn, where it stays admissible."""
        if not self.labels.indices:
            yield point
            return
        for arrays in self.labels.choices(point.arrays, point.sizes, self.random):
            values = self._admissible(arrays)
            if values is not None:
                yield Point(point.sizes, arrays, values)

    def reason(self) -> str:
        """Why no point was found: the operation at which most tries failed."""
        if self._too_large:
            return "the declared sizes are too large to be tried; declare them by name"
        if not self.failed:
            return "no point that meets the assumptions was found"
        worst = _culprit(*self._failing[max(self.failed, key=lambda name: self.failed[name])])
        return (
            f"no admissible point was found: at the points tried, `{worst}` was not finite, real and away from kinks and poles"
        )

    # ------------------------------------------------------------ sizes and variables

    def _sizes(self) -> dict[str, int] | None:
        """Values for the sizes, pairwise different as long as they are few; None where a dimension is no whole number."""
        count = len(self.size_names)
        pool = range(SMALLEST_SIZE, SMALLEST_SIZE + max(SPREAD, min(count, MOST_SIZES)))
        drawn = self.random.sample(pool, count) if count <= MOST_SIZES else self.random.choices(pool, k=count)
        sizes = dict(zip(self.size_names, drawn, strict=True))
        for node in self.inputs.values():
            for d in shape(node):
                if (dimension(d, sizes) or 0) < 1:
                    return None
        return sizes

    def vary(self) -> bool:
        """Look for the next points elsewhere, as the last one told nothing; whether there is anywhere left to look."""
        if self._widened:
            self._widenings = 0
            return True
        self._first += 1
        self._fitting = None
        return self._first < 2 * len(REGIMES)

    def _regimes(self, attempt: int) -> dict[str, str]:
        if self._fitting is not None:
            # what one operation asks of one variable is not asked of the others: log(y) leaves the sign of x open
            widened = self.random.choice(list(self.inputs)) if self.inputs and attempt < self._widenings else ""
            if attempt <= self._widenings:
                return {name: "normal" if name == widened else regime for name, regime in self._fitting.items()}
            attempt -= self._widenings
        regime = attempt // 2 + self._first
        if regime < len(REGIMES):
            return dict.fromkeys(self.inputs, REGIMES[regime])
        return {name: self.random.choice(REGIMES) for name in self.inputs}

    def _draw(self, sizes: Mapping[str, int], regimes: Mapping[str, str]) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        for name, node in self.inputs.items():
            if name in sizes:
                arrays[name] = np.float64(sizes[name])
            elif name not in self.labels:
                dims = cast("tuple[int, ...]", tuple(dimension(d, sizes) for d in shape(node)))
                arrays[name] = self.spaces.sample(self.structures[name], self._raw(dims, regimes[name]))
        return arrays

    def _raw(self, dims: tuple[int, ...], regime: str) -> Array:
        rows, columns = dims or (1, 1)
        draw = self.random.uniform if regime in ("positive", "unit") else self.random.gauss
        low, high = {"positive": (0.5, 2.0), "unit": (0.15, 0.85), "averaging": (1.0, 0.7)}.get(regime, (0.0, 1.0))
        made = np.array([draw(low, high) for _ in range(rows * columns)]).reshape(rows, columns)
        if regime in SCALES:
            made *= SCALES[regime]
        elif regime == "averaging":  # long products neither grow nor vanish
            made /= rows
        elif regime == "near one":
            made = np.eye(rows, columns) + 0.3 / rows**0.5 * made if rows == columns else 1 + 0.1 * made
        return made if dims else made[0, 0]

    def direction(self, structures: frozenset[str], like: Array) -> Array:
        """A random direction of an array's shape inside the subspace of its structures."""
        return self.spaces.project(structures, self._raw(like.shape, "normal"))

    def jitter(self, value: Array) -> Array:
        """A result with its last places changed at random."""
        if value.ndim == 0:
            return value * (1 + ROUNDING * self.random.gauss())
        return value * (1 + ROUNDING * self._raw(value.shape, "normal"))

    # ------------------------------------------------------------ what makes a point admissible

    def _admissible(self, arrays: Mapping[str, Array]) -> list[Array] | None:
        values = self.program.start(arrays)
        failing = self._run(self.program, self.until, values, self._fits)
        if failing is None:
            return values
        name = head(failing.node)
        self.failed[name] = self.failed.get(name, 0) + 1
        self._failing[name] = failing, [values[i] for i in failing.args]
        return None

    def computable(self, program: Program, arrays: Mapping[str, Array]) -> list[Array] | None:
        """The values of a program's slots; None where they are not finite, real and well conditioned."""
        values = program.start(arrays)
        return values if self._run(program, len(program.steps), values, _is_exact) is None else None

    def _run(self, program: Program, until: int, values: list[Array], fits: Callable[[Step, list[Array]], bool]) -> Step | None:
        """Fill in the values of the steps; the first step that does not fit where it counts, if there is one."""
        failing: list[Step] = []
        strays: Strays = []
        with np.errstate(all="ignore"):
            for step in program.steps[:until]:
                args = [values[i] for i in step.args]
                try:
                    value = values[step.out] = step.value(args, strays)
                    if (strays and strays[-1][0] is step) or not (np.abs(value).max() < self._largest and fits(step, args)):
                        failing.append(step)
                except (ValueError, *UNDEFINED):
                    return step
                if failing and not program.gated:
                    return step
        counts = program.counting(values, [i for i in program.outputs if values[i] is not None]) if failing else ()
        return next((step for step in failing if step.out in counts), None)

    def _fits(self, step: Step | Operation, args: Sequence[Array]) -> bool:
        """Whether no kink is near and the conditions of the rule hold; of a sum, inside it wherever a term counts."""
        kernel, wanted = step.kernel, self._wanted(step)
        if kernel.inner is not None:
            return all(self._fits_within(part) for part in kernel.inner.parts(*args))
        if kernel.margin is not None and _is_near(kernel, kernel.margin(*args), max(float(np.abs(a).max()) for a in args)):
            return False
        return all(args[i].ndim == 0 or self.spaces.keeps(name, args[i]) for i, name in wanted)

    def _fits_within(self, part: Operation) -> bool:
        if part.kernel.entrywise and part.kernel.margin is not None:
            size = max(float(np.where(part.counts, np.abs(a).max(axis=(0, 1)), 0.0).max()) for a in part.args)
            return not _is_near(part.kernel, part.kernel.margin(*part.args), size, part.counts)
        if part.kernel.margin is None and not self._wanted(part):
            return True
        return all(self._fits(part, args) for args in part.each())

    # ------------------------------------------------------------ equations

    def _meet_facts(self, arrays: dict[str, Array], regimes: Mapping[str, str]) -> bool:
        """Move the arrays until every fact holds: Newton's steps of least norm, in logarithms of what must be positive."""
        free = [name for name in self._facts.inputs if name not in self.size_names and "integer" not in self.structures[name]]
        positive = {n for n in free if regimes[n] in ("positive", "unit") or "positive" in self.structures[n]}
        entries = [(name, i) for name in free for i in range(np.size(arrays[name]))]
        for _ in range(NEWTON_STEPS):
            values = self._facts.values(arrays)
            residual = _flat([values[slot] for slot in self._facts.outputs]).real
            if not entries or not np.isfinite(residual).all():
                return False
            if np.abs(residual).max() < 1e-13 * (1 + max(float(np.abs(v).max()) for v in values)):
                return True
            columns = [self._slope(arrays, values, name, i, name in positive) for name, i in entries]
            step = np.linalg.lstsq(np.stack(columns, axis=1), -residual, rcond=1e-10)[0]
            for (name, i), s in zip(entries, step.tolist(), strict=True):
                arrays[name] = _moved(arrays[name], i, s, name in positive)
        return False

    def _slope(self, arrays: Mapping[str, Array], values: list[Array], name: str, i: int, positive: bool) -> Array:
        """The derivatives of all residuals by one entry of a variable (by its logarithm), by a complex step."""
        h = 1e-30
        scale = np.ravel(arrays[name])[i] if positive else 1.0
        moved = _moved(arrays[name] + 0j, i, 1j * h * scale, False)
        slot = self._facts.inputs[name]
        roots = range(len(self._facts.outputs))
        return _flat([self._facts.changed(values, {slot: moved}, root) for root in roots]).imag / h


def _flat(values: Iterable[Array]) -> Array:
    return np.concatenate([np.ravel(v) for v in values]) + 0j


def _moved(array: Array, i: int, step: complex, positive: bool) -> Array:
    """The array with entry i moved by a step, or multiplied by exp(step)."""
    moved = np.array(array)
    moved.flat[i] = moved.flat[i] * np.exp(step) if positive else moved.flat[i] + step
    return moved[()]


def _culprit(step: Step, args: Sequence[Array]) -> str:
    """The name of the operation that is not finite for such operands: of a sum, the first one inside."""
    found = "sum" if step.kernel.inner is not None else head(step.node)
    with np.errstate(all="ignore"):
        for part in step.kernel.inner.parts(*args) if step.kernel.inner is not None else ():
            if part.node is not None and not all(_is_finite(part, one) for one in part.each()):
                found = head(part.node)
    return found


def _is_finite(part: Operation, args: Sequence[Array]) -> bool:
    try:
        return bool(np.isfinite(part.kernel.function(*args)).all())
    except (ValueError, *UNDEFINED):
        return False


def _is_near(kernel: Kernel, margin: Array, size: float, counts: Array = TRUE) -> bool:
    """Whether a margin is near 0 where it counts, compared with the size of the operands."""
    distance = np.abs(margin)
    near = (distance < MARGIN * min(1.0, size)) & counts
    if kernel.entrywise:  # what is exactly 0 is so by structure and stays so
        near &= distance > 0
    return bool(near.any())


def _is_exact(step: Step | Operation, args: Sequence[Array]) -> bool:
    """Whether what the step inverts is well conditioned."""
    if step.kernel.inner is not None:
        inverting = (part for part in step.kernel.inner.parts(*args) if part.kernel.inverts)
        return all(_is_exact(part, one) for part in inverting for one in part.each())
    return not step.kernel.inverts or has_full_rank(args[0])


def _size_names(programs: Iterable[Program], inputs: Iterable[Node]) -> list[str]:
    """The names of sizes: the symbols in the shapes of the inputs and of eye, ones, zeros."""
    dims: list[Expr] = [d for node in inputs for d in shape(node)]
    for program in programs:
        dims += [d for step in program.steps if step.kernel.shaped for d in shape(step.node)]
    return sorted({name_of(s) for d in dims for s in d.free_symbols})
