"""A stationary point against numbers: the gradient vanishes there and not beside it, the constraints hold; its kind.

Everything is computed from f's own gradient and the constraints as they were typed, not from the solution's derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

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


def confirm(wanted: Stationarity, node: Node, *, draws: int = 5, seed: int = 0) -> Verdict:
    """Whether the closed form solves the equation, at random points of several sizes."""
    return confirm_by(wanted, [node], lambda values, like: iter([("", values[0])]), draws=draws, seed=seed)


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
        here = self._at(point, x)
        if here is None:
            return None
        G, g = here
        size = BESIDE * max(float(np.abs(x).max()), 1e-3)
        basis = [size * D for D in self._basis(x)]
        if not basis:
            return None
        slopes = [self._slope(point, x, D) for D in basis]
        if any(s is None for s in slopes):
            return None
        J = np.array([s[1] for s in slopes if s is not None])
        flat = np.array([float(np.sum(G * D)) for D in basis])
        tangent = _kernel(J) if J.size else np.eye(len(basis))
        lam = np.linalg.lstsq(J, -flat, rcond=None)[0] if J.size else np.zeros(0)
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

    def _at(self, point: Point, x: Array) -> tuple[Array, Array] | None:
        """The gradient, and the constraints in a row, where the unknown is x."""
        arrays: Mapping[str, Array] = {**point.arrays, self.unknown: x}
        try:
            with np.errstate(all="ignore"):
                values = self._equation.values(arrays)
        except UNDEFINED:
            return None
        G, *others = (values[slot] for slot in self._equation.outputs)
        g = np.concatenate([np.ravel(v) for v in others]) if others else np.zeros(0)
        return (G, g) if np.isfinite(G).all() and np.isfinite(g).all() else None

    def _basis(self, x: Array) -> list[Array]:
        """Orthonormal directions inside the subspace of the unknown's structures."""
        if np.ndim(x) == 0:
            return [np.array(1.0)]
        units = np.eye(x.size).reshape(x.size, *x.shape)
        spanned = np.array([self.sampler.spaces.project(self.structures, D).ravel() for D in units])
        u, s, _ = np.linalg.svd(spanned.T, full_matrices=False)
        return [u[:, i].reshape(x.shape) for i in range(len(s)) if s[i] > 1e-9]

    def _slope(self, point: Point, x: Array, D: Array) -> tuple[Array, Array] | None:
        """The derivatives of the gradient and of the constraints along D."""
        found = [(self._at(point, x + STEP * k * D), w / STEP) for k, w in _WEIGHTS]
        if any(value is None for value, _ in found):
            return None
        kept = [(value, w) for value, w in found if value is not None]
        return sum(w * v[0] for v, w in kept), sum(w * v[1] for v, w in kept)

    def _along(self, point: Point, x: Array, basis: Sequence[Array], tangent: Array, lam: Array) -> Array | None:
        """The gradient of the Lagrangian along the tangent directions."""
        here = self._at(point, x)
        if here is None:
            return None
        flat = np.array([float(np.sum(here[0] * D)) for D in basis])
        if lam.size:
            slopes = [self._slope(point, x, D) for D in basis]
            if any(s is None for s in slopes):
                return None
            flat = flat + np.array([s[1] for s in slopes if s is not None]) @ lam
        along: Array = tangent.T @ flat
        return along

    def _beside(self, point: Point, x: Array, basis: Sequence[Array], tangent: Array) -> float | None:
        """How large the gradient is beside the solution, along the directions that keep the constraints there."""
        weights = tangent @ np.array([self.sampler.random.gauss() for _ in range(tangent.shape[1])])
        for shrink in (1.0, 0.1):
            moved = x + shrink * sum(w * D for w, D in zip(weights, basis, strict=True))
            slopes = [self._slope(point, moved, D) for D in basis]
            here = self._at(point, moved)
            if here is not None and all(s is not None for s in slopes):
                J = np.array([s[1] for s in slopes if s is not None])
                flat = np.array([float(np.sum(here[0] * D)) for D in basis])
                within = _kernel(J) if J.size else np.eye(len(basis))
                return float(np.abs(within.T @ flat).max()) / shrink if within.size else None
        return None

    def _curvature(self, point: Point, x: Array, basis: Sequence[Array], tangent: Array, lam: Array) -> Array | None:
        """The Hessian of the Lagrangian along the tangent directions."""
        columns = []
        for column in tangent.T:
            D = sum(w * B for w, B in zip(column, basis, strict=True))
            found = [(self._along(point, x + STEP * k * D, basis, tangent, lam), w / STEP) for k, w in _WEIGHTS]
            if any(value is None for value, _ in found):
                return None
            columns.append(sum(w * v for v, w in found if v is not None))
        H = np.array(columns)
        symmetric: Array = (H + H.T) / 2
        return symmetric


def _kernel(J: Array) -> Array:
    """Directions along which no constraint changes, for the changes J of the constraints along each of the basis."""
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
