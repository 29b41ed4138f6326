"""The corpus' Jacobians and Hessians: the truth by numbers, from the entry's own program over NumPy, at every index."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import matcalc
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, substitute
from matcalc.rulebase.base import rulebase
from tests.corpus_entries import FOLDER, Point
from tests.differences import STEP, InconclusiveError, directions, richardson
from tests.index_entries import IndexEntry

Array = Any


@dataclass(frozen=True)
class SecondEntry(IndexEntry):
    """One Jacobian or Hessian of the corpus."""

    @cached_property
    def found(self) -> matcalc.Jacobian | matcalc.Hessian:
        """What is derived, and verified."""
        derive = matcalc.jacobian if self.task == "jacobian" else matcalc.hessian
        return derive(self.expr, self.wrt, declare=self.declare or None)

    @cached_property
    def result(self) -> Node:
        """What was derived, in the entry's own leaves."""
        known = self.leaves
        names = self.found.problem.names
        leaves = {leaf: known[n] for n, leaf in names.items() if n in known and known[n] is not leaf}
        return substitute(self.found.node, leaves, rebuild)

    def truth(self, point: Point, own_evaluator: bool = False) -> Array:
        """The derivative by numbers: J with a column for each entry of vec(X), of F's shape by a scalar; H likewise."""
        f, x = self.function(point, own_evaluator), np.asarray(point.leaves[self.wrt_node], dtype=float)
        if head(self.part) in ("entry", "entry2"):
            return slope(f, x, self.value(self.unit, point))
        made = jacobian(f, x) if self.task == "jacobian" else hessian(f, x)
        return made.reshape(np.shape(f(x)), order="F") if is_scalar(self.part) else made

    @cached_property
    def unit(self) -> Node:
        """The matrix with 1 at the entry that is differentiated by, 0 elsewhere."""
        return rulebase().adjoint(head(self.part), 0, operands(self.part), ONE)


def slope(f: Callable[[Array], Array], x: Array, D: Array) -> Array:
    """The derivative of an array along a direction, by a complex step."""
    return np.imag(np.asarray(f(x + 1j * STEP * D))) / STEP


def jacobian(f: Callable[[Array], Array], x: Array) -> Array:
    """J with a column for each entry of vec(X): columns stacked on both sides."""
    columns = [np.ravel(slope(f, x, D), order="F") for D in ordered(x.shape)]
    return np.stack(columns, axis=1)


def hessian(f: Callable[[Array], Array], x: Array) -> Array:
    """H with a row and a column for each entry of vec(X): differences of complex steps."""
    units = list(ordered(x.shape))
    made = np.zeros((len(units), len(units)))
    for i, D in enumerate(units):
        for j, E in enumerate(units[: i + 1]):
            made[i, j] = made[j, i] = second(f, x, D, E)
    return made


def second(f: Callable[[Array], Array], x: Array, D: Array, E: Array) -> float:
    """The second derivative along two directions: differences along D of complex steps along E."""
    found, error = richardson(lambda y: slope(f, y, E), x, D)
    if not np.isfinite(found) or error > 1e-9 * max(1.0, abs(found)):
        raise InconclusiveError(f"differences do not settle: {found} ± {error}")
    return found


def ordered(dims: tuple[int, ...]) -> list[Array]:
    """The unit arrays in the order of vec: the first index runs fastest."""
    return sorted(directions(dims), key=lambda D: int(np.flatnonzero(D.T)[0]))


def load_second() -> list[SecondEntry]:
    """The Jacobians and Hessians of the corpus."""
    lines = [line for part in ("seeds", "cookbook") for line in (FOLDER / f"{part}.jsonl").read_text("utf-8").splitlines()]
    records = [json.loads(line) for line in lines]
    return [SecondEntry(r) for r in records if r["task"] in ("jacobian", "hessian")]
