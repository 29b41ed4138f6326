"""A stationary point against numbers: the gradient vanishes there and not beside it, the constraints hold; its kind.

Everything is computed from f's own gradient and the constraints as they were typed, not from the solution's derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from matcalc.nodes.algebra import inverse
from matcalc.nodes.expr import Node, name_of, properties
from matcalc.numeric.evaluate import Program
from matcalc.numeric.linalg import UNDEFINED, Array
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.verdict import Check
from matcalc.rulebase.base import Rulebase

METHOD = "the gradient's values"
VANISHES = 1e-7
"""The largest gradient at a solution, relative to those beside it."""
BESIDE = 0.1
"""How far beside a solution the gradient is looked at, relative to the solution."""
STEP = 1e-3
FLAT = 1e-6
"""A curvature that is 0, relative to the largest."""
NEAREST = 1e-2
MOST_POINTS = 8
_WEIGHTS = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))


@dataclass(frozen=True)
class Verdict:
    """What numbers say of a solution: whether it is one, and its kind at each point tried."""

    check: Check
    kinds: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """minimum, maximum, saddle or degenerate; "" where the points differ or none was tried."""
        found = set(self.kinds) - {"degenerate"} or set(self.kinds)
        return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True)
class Stationarity:
    """What is to hold: gradient = 0 along all directions of the unknown inside its structures that keep the constraints."""

    gradient: Node
    unknown: Node
    constraints: tuple[Node, ...]
    facts: Sequence[tuple[Node, Node]]
    distinct: Sequence[tuple[Node, Node]]
    rules: Rulebase
    bounds: tuple[Node, ...] = ()


Solve: TypeAlias = "Callable[[Sequence[Array], Array], Iterator[tuple[str, Array]]]"
"""The unknown's values, each with the kind that is claimed of it or "", from those of some nodes and an array of its shape."""


def confirm(wanted: Stationarity, node: Node, inverted: Sequence[Node] = (), *, draws: int = 5, seed: int = 0) -> Verdict:
    """Whether the closed form solves the equation, at random points of several sizes at which what is inverted can be."""
    return confirm_by(
        wanted, [node, *map(inverse, inverted)], lambda values, like: iter([("", values[0])]), draws=draws, seed=seed
    )


def confirm_by(wanted: Stationarity, nodes: Sequence[Node], solve: Solve, *, draws: int = 5, seed: int = 0) -> Verdict:
    """Whether what `solve` makes of the values of some nodes solves the equation, and is of the kind that it claims."""
    trial = _Trial(wanted, nodes, seed)
    worst, made = 0.0, 0
    kinds: list[str] = []
    outside = undefined = False
    for _ in range(MOST_POINTS * draws):
        point = trial.sampler.point() if made < draws else None
        if point is None:
            break
        settled = False
        for variant in trial.sampler.variants(point):
            values = [variant.values[trial.program.slots[e]] for e in nodes]
            for claimed, x in solve(values, variant.arrays[trial.unknown]):
                if not trial.admits(x):
                    outside = True
                    continue
                if trial.is_near_the_end(x):
                    continue
                told = trial.at(variant, x)
                if told is None:
                    undefined = True
                    continue
                error, kind = told
                worst, settled = max(worst, error), True
                if not error <= VANISHES:
                    return Verdict(Check(False, error, made, METHOD, f"the gradient does not vanish there: {error:.1e}"))
                if claimed and kind not in (claimed, "degenerate"):
                    return Verdict(Check(False, error, made, METHOD, f"it is no {claimed} but a {kind}"))
                kinds.append(claimed or kind)
        made += settled
    if made:
        return Verdict(Check(True, worst, made, METHOD), tuple(kinds))
    if outside:
        return Verdict(Check(False, np.inf, 0, METHOD, f"it is never {' and '.join(sorted(trial.structures))}"))
    if undefined:
        return Verdict(Check(False, np.inf, 0, METHOD, "the gradient is not defined there"))
    return Verdict(Check(None, 0.0, 0, METHOD, trial.sampler.reason()))


class _Trial:
    """The gradient and the constraints, ready to be evaluated at a solution and beside it."""

    def __init__(self, wanted: Stationarity, nodes: Sequence[Node], seed: int) -> None:
        self.unknown = name_of(wanted.unknown)
        self.structures = properties(wanted.unknown)
        self.program = Program(nodes, {}, wanted.rules)
        self._equation = Program([wanted.gradient, *wanted.constraints], {}, wanted.rules)
        self._gradient = Program([wanted.gradient], {}, wanted.rules)
        self._constraints = Program(wanted.constraints, {}, wanted.rules)
        self.sampler = Sampler(
            self.program,
            wanted.rules,
            until=len(self.program.steps),
            facts=wanted.facts,
            also=self._equation,
            seed=seed,
            distinct=wanted.distinct,
            bounds=[*nodes, wanted.gradient, *wanted.bounds],
        )

    def admits(self, x: Array) -> bool:
        """Whether the value has the structure that is declared of the unknown."""
        if not np.isfinite(x).all() or np.iscomplexobj(x):
            return False
        spaces = self.sampler.spaces
        known = spaces.closure(self.structures) | self.structures
        if not all(spaces.keeps(name, x) for name in known if np.ndim(x) and name in self.sampler.rules.structures):
            return False
        if "posdef" in known and np.linalg.eigvalsh(x)[0] <= 0:
            return False
        return not ("positive" in known and np.min(x) <= 0) and not ("nonnegative" in known and np.min(x) < 0)

    def is_near_the_end(self, x: Array) -> bool:
        """Whether a positive definite value is nearly singular, so that steps beside it would leave the cone."""
        if "posdef" not in self.sampler.spaces.closure(self.structures):
            return False
        values = np.linalg.eigvalsh(x)
        return bool(values[0] < NEAREST * values[-1])

    def at(self, point: Point, x: Array) -> tuple[float, str] | None:
        """The relative size of the gradient at a solution, and the kind of the latter; None where it has no value."""
        G, g = self._slope_at(point, x), self._held_at(point, x)
        if G is None or g is None or self.sampler.computable(self._gradient, {**point.arrays, self.unknown: x}) is None:
            return None
        size = BESIDE * max(float(np.abs(x).max()), 1e-3)
        basis = [size * D for D in self._basis(x)]
        J = self._changes(point, x, basis)
        if J is None:
            return None
        flat = _along(G, basis)
        tangent = _kernel(J)
        lam = np.linalg.lstsq(J, -flat, rcond=None)[0]
        held = float(np.abs(g).max()) / (float(np.abs(J).max()) + 1.0) if g.size else 0.0
        if not tangent.size:
            return held, "degenerate"
        beside = self._beside(point, x, basis, tangent)
        if beside is None:
            return None
        H = self._curvature(point, x, basis, tangent, lam)
        scale = max(beside, float(np.abs(H).max()) if H is not None else 0.0)
        error = max(held, float(np.abs(tangent.T @ flat).max()) / scale if scale else np.inf)
        return error, "degenerate" if H is None else _kind(H)

    def _slope_at(self, point: Point, x: Array) -> Array | None:
        """The gradient where the unknown is x; None where it has no value."""
        found = self._values(self._gradient, point, x)
        return None if found is None else found[0]

    def _held_at(self, point: Point, x: Array) -> Array | None:
        """The constraints in a row, which are to be 0; None where they have no value."""
        found = self._values(self._constraints, point, x)
        return None if found is None else np.concatenate([np.zeros(0), *(np.ravel(v) for v in found)])

    def _values(self, program: Program, point: Point, x: Array) -> list[Array] | None:
        arrays: Mapping[str, Array] = {**point.arrays, self.unknown: x}
        try:
            with np.errstate(all="ignore"):
                values = program.values(arrays)
        except UNDEFINED:
            return None
        found = [values[slot] for slot in program.outputs]
        return found if all(np.isfinite(v).all() for v in found) else None

    def _basis(self, x: Array) -> list[Array]:
        """Orthonormal directions inside the subspace of the unknown's structures."""
        if np.ndim(x) == 0:
            return [np.array(1.0)]
        units = np.eye(x.size).reshape(x.size, *x.shape)
        if not any(self.sampler.spaces.is_subspace(name) for name in self.structures):
            return list(units)
        spanned = np.array([self.sampler.spaces.project(self.structures, D).ravel() for D in units])
        u, s, _ = np.linalg.svd(spanned.T, full_matrices=False)
        return [u[:, i].reshape(x.shape) for i in range(len(s)) if s[i] > 1e-9]

    def _changes(self, point: Point, x: Array, basis: Sequence[Array]) -> Array | None:
        """How the constraints change along each of the basis, in rows."""
        if not self._constraints.outputs:
            return np.zeros((len(basis), 0))
        held = partial(self._held_at, point)
        rows = [_derivative(held, x, D) for D in basis]
        return None if any(row is None for row in rows) else np.array(rows)

    def _lagrangian(self, point: Point, basis: Sequence[Array], lam: Array, x: Array) -> Array | None:
        """The gradient of the Lagrangian along the basis."""
        G, J = self._slope_at(point, x), self._changes(point, x, basis)
        return None if G is None or J is None else _along(G, basis) + J @ lam

    def _beside(self, point: Point, x: Array, basis: Sequence[Array], tangent: Array) -> float | None:
        """How large the gradient is beside the solution, along the directions that keep the constraints there."""
        weights = tangent @ np.array([self.sampler.random.gauss() for _ in range(tangent.shape[1])])
        for shrink in (1.0, 0.1):
            moved = x + shrink * sum(w * D for w, D in zip(weights, basis, strict=True))
            G, J = self._slope_at(point, moved), self._changes(point, moved, basis)
            if G is not None and J is not None:
                within = _kernel(J)
                return float(np.abs(within.T @ _along(G, basis)).max()) / shrink if within.size else None
        return None

    def _curvature(self, point: Point, x: Array, basis: Sequence[Array], tangent: Array, lam: Array) -> Array | None:
        """The Hessian of the Lagrangian along the tangent directions."""
        lagrangian = partial(self._lagrangian, point, basis, lam)
        columns = []
        for column in tangent.T:
            D = sum(w * B for w, B in zip(column, basis, strict=True))
            change = _derivative(lagrangian, x, D)
            if change is None:
                return None
            columns.append(tangent.T @ change)
        H = np.array(columns)
        symmetric: Array = (H + H.T) / 2
        return symmetric


def _along(G: Array, basis: Sequence[Array]) -> Array:
    """The products of a gradient with each of the basis."""
    return np.array([float(np.sum(G * D)) for D in basis])


def _derivative(f: Callable[[Array], Array | None], x: Array, D: Array) -> Array | None:
    """The derivative of f along D by differences of order 4; None where there is a value missing."""
    found: Array = 0.0
    for k, w in _WEIGHTS:
        value = f(x + STEP * k * D)
        if value is None:
            return None
        found = found + w / STEP * value
    return found


def _kernel(J: Array) -> Array:
    """Directions along which no constraint changes, for the changes J of the constraints along each of the basis."""
    if not J.size:
        return np.eye(len(J))
    u, s, _ = np.linalg.svd(J, full_matrices=True)
    rank = int(np.sum(s > 1e-7 * max(float(s.max()), 1e-12)))
    kernel: Array = u[:, rank:]
    return kernel


def _kind(H: Array) -> str:
    """What a Hessian makes of a stationary point."""
    values = np.linalg.eigvalsh(H)
    least, most = float(values[0]), float(values[-1])
    clear = FLAT * max(abs(least), abs(most))
    if least > clear:
        return "minimum"
    if most < -clear:
        return "maximum"
    return "saddle" if least < -clear and most > clear else "degenerate"
