"""Derivatives by numbers alone: a complex step where f is analytic, else Richardson-extrapolated central differences.

Nothing here knows a rule of calculus; it is the truth that the tests measure against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tests.analytic import NotAnalyticError

Array = Any
STEP = 1e-30
LEVELS = 6
FIRST_STEP = 0.02


class InconclusiveError(Exception):
    """The differences do not settle: a kink, a pole or a value that is not finite lies nearby."""


def directions(dims: tuple[int, ...], properties: Iterable[str] = ()) -> Iterator[Array]:
    """An orthogonal basis D of the subspace of the properties; the gradient inside it is the sum of <G, D>/<D, D>*D."""
    props = set(properties)
    for index in np.ndindex(*dims):
        unit = np.zeros(dims)
        unit[index] = 1.0
        i, j = (*index, 0, 0)[:2]
        if props & {"symmetric", "posdef"}:
            if i > j:
                continue
            unit[j, i] = 1.0
        elif "skew" in props:
            if i >= j:
                continue
            unit[j, i] = -1.0
        elif ("diagonal" in props and i != j) or ("lower" in props and i < j) or ("upper" in props and i > j):
            continue
        yield unit


def complex_step(f: Callable[[Array], Array], x: Array, direction: Array) -> float:
    """Im f(x + ih D)/h: the directional derivative to the last digit."""
    value = np.asarray(f(np.asarray(x) + 1j * STEP * direction))
    return float(np.imag(value.reshape(())[()])) / STEP


def richardson(f: Callable[[Array], Array], x: Array, direction: Array) -> tuple[float, float]:
    """(derivative, estimate of its error) by central differences at halved steps, extrapolated."""
    table: list[list[float]] = []
    best, error = float("nan"), float("inf")
    for level in range(LEVELS):
        h = FIRST_STEP / 2**level
        try:
            up, down = (float(np.asarray(f(x + t * direction)).reshape(())[()]) for t in (h, -h))
        except np.linalg.LinAlgError as error:
            raise InconclusiveError(str(error)) from error
        row = [(up - down) / (2 * h)]
        for k in range(level):
            row.append(row[k] + (row[k] - table[-1][k]) / (4 ** (k + 1) - 1))
        if level:
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - table[-1][-1]))
            if estimate < error:
                best, error = row[-1], estimate
        table.append(row)
    return best, error


def directional(f: Callable[[Array], Array], x: Array, direction: Array, analytic: bool = True) -> float:
    """The derivative of f at x along the direction."""
    if analytic:
        try:
            found = complex_step(f, x, direction)
        except (NotAnalyticError, TypeError, np.linalg.LinAlgError):
            return directional(f, x, direction, analytic=False)
        if not np.isfinite(found):
            raise InconclusiveError("not finite")
        return found
    found, error = richardson(f, x, direction)
    if not np.isfinite(found) or error > 1e-8 * max(1.0, abs(found)):
        raise InconclusiveError(f"differences do not settle: {found} ± {error}")
    return found


def gradient(f: Callable[[Array], Array], x: Array, properties: Iterable[str] = (), analytic: bool = True) -> Array:
    """The gradient of f at x inside the subspace of the properties, entry by entry."""
    x = np.asarray(x, dtype=float)
    total = np.zeros(x.shape)
    for direction in directions(x.shape, properties):
        slope = directional(f, x, direction, analytic)
        total += slope / np.sum(direction**2) * direction
    return total


def independent(symmetric_gradient: Array) -> Array:
    """2G - diag(G): the gradient by the independent entries of a symmetric matrix."""
    return 2 * symmetric_gradient - np.diag(np.diag(symmetric_gradient))


def relative_error(found: Array, truth: Array) -> float:
    """The largest deviation, relative to the greatest entry of the truth (at least 1e-3)."""
    found, truth = np.asarray(found, dtype=float), np.asarray(truth, dtype=float)
    if found.shape != truth.shape:
        return float("inf")
    if not found.size:
        return 0.0
    if not np.all(np.isfinite(found)):
        return float("inf")
    return float(np.max(np.abs(found - truth)) / max(1e-3, float(np.max(np.abs(truth)))))
