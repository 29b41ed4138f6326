"""How two expressions are related that are not equal: by a factor, by a transpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import cast

import numpy as np
import sympy
from sympy import Expr

from matcalc.claims.points import Points
from matcalc.claims.question import Question
from matcalc.nodes.algebra import mul, number, power
from matcalc.nodes.expr import ONE, Node, head, is_number, is_scalar, operands, size_symbol, tree_size
from matcalc.numeric.linalg import Array

CLOSE = 1e-9
LARGEST_DENOMINATOR, SURE_DENOMINATOR = 200, 20_000
SURE = 1e-13
"""How close a value must be to a fraction of large numbers."""
MOST_SCALARS = 60
POINTS = 5
_CONSTANTS = (ONE, sympy.pi, sympy.sqrt(2), sympy.sqrt(sympy.pi), sympy.log(2))
Samples = list[tuple[Array, Array, dict[Node, float]]]
"""(right, claimed, the scalars on the way) at some points."""


def factor(question: Question, truth: Node, claim: Node) -> Node | None:
    """The scalar c with truth = c*claim: a number, a size, a variable or a scalar that stands in one of them; None for none.

    Two scalars always have a ratio: for these only numbers, sizes and scalar variables count.
    """
    samples = _samples(question, truth, claim)
    ratios = [_ratio(right, claimed) for right, claimed, _ in samples]
    if len(ratios) < 2 or any(r is None for r in ratios):
        return None
    found = np.array(ratios, dtype=float)
    plain = constant(found)
    if plain is not None:
        return plain
    scalars = {s: np.array([at[s] for *_, at in samples]) for s in samples[0][2]}
    if is_scalar(truth):
        scalars = {s: v for s, v in scalars.items() if head(s) == "symbol"}
    for made, values in _candidates(scalars):
        with np.errstate(all="ignore"):
            c = constant(found / values)
        if c is not None:
            return mul(c, made)
    return None


def constant(values: Array) -> Node | None:
    """The simple number that all of these are; None where they are none, or differ."""
    value = float(values[0])
    if not np.isfinite(values).all() or value == 0 or np.abs(values - value).max() > CLOSE * abs(value):
        return None
    for c in _CONSTANTS:
        fraction = Fraction(value / float(c)).limit_denominator(LARGEST_DENOMINATOR)
        if fraction and abs(float(fraction) * float(c) - value) <= CLOSE * abs(value):
            return mul(number(fraction), cast(Node, number(c)))
    fraction = Fraction(value).limit_denominator(SURE_DENOMINATOR)
    return number(fraction) if fraction and abs(float(fraction) - value) <= SURE * abs(value) else None


def _samples(question: Question, truth: Node, claim: Node) -> Samples:
    points = Points(question, [truth, claim, question.problem.expression], needed=2)
    scalars = [e for e in points.program.slots if is_scalar(e) and not is_number(e)][:MOST_SCALARS]
    found: Samples = []
    for point in points.draw(POINTS, 2):
        values = point.values
        if any(v is None for v in values):
            values = points.program.values(point.arrays)
        right, claimed = (values[slot] for slot in points.program.outputs[:2])
        if not np.any(right) and not np.any(claimed):
            continue
        at = {e: _real(values[points.program.slots[e]]) for e in scalars}
        at |= {size_symbol(name): float(n) for name, n in point.sizes.items()}
        found.append((right, claimed, at))
    return found


def _real(value: Array) -> float:
    return float(np.real(value)) if np.ndim(value) == 0 else np.nan


def _ratio(right: Array, claimed: Array) -> float | None:
    """The r with right = r*claimed; None for none."""
    square = float(np.sum(claimed * claimed))
    if square == 0 or not np.isfinite(square):
        return None
    r = float(np.sum(right * claimed)) / square
    scale = max(float(np.abs(right).max()), 1e-300)
    return r if float(np.abs(right - r * claimed).max()) <= CLOSE * scale and r else None


def _candidates(scalars: Mapping[Node, Array]) -> Iterator[tuple[Node, Array]]:
    """Scalars, the shortest first, their inverses and squares; then products and quotients of two symbols."""
    ordered = sorted(scalars, key=tree_size)
    with np.errstate(all="ignore"):
        for s in ordered:
            for p in (1, -1, 2, -2):
                yield power(s, number(p)), scalars[s] ** p
        for s, t in combinations(_symbols(ordered), 2):
            for p, q in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                yield mul(power(s, number(p)), power(t, number(q))), scalars[s] ** p * scalars[t] ** q


def _symbols(scalars: Sequence[Node]) -> list[Node]:
    return [s for s in scalars if not operands(s) and isinstance(s, Expr)]
