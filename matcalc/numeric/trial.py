"""Points at which rules are tried: arrays for the leaves of a formula, under the weakest condition that its rule states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matcalc.nodes.expr import Node, is_scalar, name_of, shape
from matcalc.numeric.arrays import bind, dimension
from matcalc.numeric.evaluate import Program, leaves
from matcalc.numeric.linalg import Array
from matcalc.numeric.spaces import spaces
from matcalc.rulebase.base import Rulebase

SIZES = ((2, 3, 4, 5, 6, 7), (4, 3, 2, 5, 7, 6), (1, 1, 1, 1, 1, 1))
"""What the dimensions are, in the order in which a type line names them: pairwise different, and once all 1."""

EQUAL_SIZES = ((4,) * 6, (2,) * 6)
"""Sizes at which every matrix is square; even, for no skew matrix of odd order is invertible."""

ATTEMPTS = 90
CLEAR = 0.05
COMMUTE = "commute"

Arrays: TypeAlias = dict[str, Array]

_HOLDS: dict[str, Callable[[Array], bool]] = {
    "positive_spectrum": lambda X: bool(np.min(np.linalg.eigvals(X).real) > 0),
    "positive": lambda x: bool(np.min(x) > CLEAR),
    "nonzero": lambda x: bool(np.min(np.abs(x)) > CLEAR),
    "offkink": lambda x: bool(np.min(np.abs(x)) > CLEAR),
    "full_column_rank": lambda X: X.shape[0] >= X.shape[1],
}
_REGIMES: tuple[Callable[[Array], Array], ...] = (lambda W: W, np.exp, lambda W: 1 + np.exp(W))


@dataclass(frozen=True)
class Condition:
    """`word` holds of the value of `node`, which is the leaf `name` where it is one; commute(A, D) of two leaves."""

    word: str
    name: str
    node: Node


@dataclass(frozen=True)
class Leaf:
    """A leaf to be drawn: `moves` is the leaf whose tangent it is, `fixed` the values that a constant may take."""

    node: Node
    moves: str = ""
    fixed: tuple[float, ...] = ()
    index: bool = False


@dataclass(frozen=True, eq=False)
class Trial:
    """Sizes, arrays by the name of their leaf, and a source of random numbers."""

    rules: Rulebase
    sizes: Mapping[str, int]
    arrays: Arrays
    rng: np.random.Generator

    def run(self, node: Node, arrays: Mapping[str, Array] | None = None) -> Array:
        """The value of a node, here or with some arrays replaced."""
        program = Program([node], rules=self.rules)
        return program.run(self.inputs(program, arrays))[0]

    def inputs(self, program: Program, arrays: Mapping[str, Array] | None = None) -> Arrays:
        """The inputs of a program, here or with some arrays replaced."""
        return bind(leaves(program), {**self.arrays, **(arrays or {})}, self.sizes)

    def normal(self, like: Array) -> Array:
        """Random numbers in the shape of an array."""
        return self.rng.standard_normal(np.shape(like))[()]


def trials(
    rules: Rulebase,
    known: Sequence[Leaf],
    conditions: Iterable[Condition],
    sizes: tuple[str, ...],
    seed: int = 0,
    choices: Iterable[tuple[int, ...]] = SIZES,
) -> Iterator[Trial]:
    """One point for each choice of sizes at which the conditions can hold."""
    wanted = list(conditions)
    for number, values in enumerate(choices):
        chosen = dict(zip(sizes, values, strict=False))
        rng = np.random.default_rng([seed, number])
        for attempt in range(ATTEMPTS):
            arrays = _draw(rules, known, wanted, chosen, rng, _REGIMES[attempt * len(_REGIMES) // ATTEMPTS])
            trial = Trial(rules, chosen, arrays, rng)
            if all(_HOLDS[c.word](np.atleast_2d(trial.run(c.node))) for c in wanted if c.word in _HOLDS):
                yield trial
                break


def _draw(
    rules: Rulebase,
    known: Iterable[Leaf],
    conditions: list[Condition],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    regime: Callable[[Array], Array],
) -> Arrays:
    arrays: Arrays = {}
    for leaf in known:
        W = _normal(leaf.node, sizes, rng)
        asked = _strongest(rules, {c.word for c in conditions if c.name == (leaf.moves or name_of(leaf.node))})
        if leaf.index:
            W = np.float64(rng.integers(1, min(sizes.values(), default=1) + 1))
        elif leaf.fixed:
            W = np.float64(rng.choice(leaf.fixed))
        elif leaf.moves:
            W = spaces(rules).project(asked, W)
        else:
            W = spaces(rules).sample(asked, W) if asked else regime(W)
        arrays[name_of(leaf.node)] = W
    for condition in conditions:
        if condition.word == COMMUTE:
            A, D = (name.strip() for name in condition.name.split(","))
            arrays[D] = arrays[A] @ arrays[A] - 2 * arrays[A]
    return arrays


def _strongest(rules: Rulebase, words: set[str]) -> set[str]:
    """The words that no other one implies."""
    return {word for word in words if not any(word in spaces(rules).closure([w]) for w in words - {word})}


def _normal(leaf: Node, sizes: Mapping[str, int], rng: np.random.Generator) -> Array:
    if is_scalar(leaf):
        return np.float64(rng.standard_normal())
    rows, columns = (dimension(d, sizes) for d in shape(leaf))
    assert rows is not None and columns is not None
    return rng.standard_normal((rows, columns))
