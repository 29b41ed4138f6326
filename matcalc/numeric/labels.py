"""Labels and indices: the whole numbers among the inputs of a program, drawn from 1 to what they count."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import cast

import numpy as np
from sympy import Expr, Symbol

from matcalc.errors import ArgumentError
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder, properties, shape
from matcalc.nodes.indices import is_index, range_of
from matcalc.nodes.places import places
from matcalc.numeric.arrays import dimension
from matcalc.numeric.evaluate import Program, leaves
from matcalc.numeric.linalg import Array
from matcalc.rulebase.base import Rulebase

HIGHEST = 4
"""How far a whole number goes that counts nothing, an exponent."""
MOST_CHOICES = 64
"""At how many values of all labels and indices together a point is tried; more are chosen at random."""
TRIES = 50

Pairs = Sequence[tuple[Node, Node]]


def compared(e: Node) -> list[tuple[Node, Expr]]:
    """(k, how far the index goes) where e compares k with the index of a sum."""
    if head(e) not in ("eq", "ne", "gt", "ge", "lt", "le"):
        return []
    a, b = operands(e)
    return [(k, range_of(i)[1]) for i, k in ((a, b), (b, a)) if is_index(i) and not is_index(k)]


class Labels:
    """The whole numbers among the inputs: scalars and vectors, each with what it must not exceed."""

    def __init__(
        self,
        inputs: Mapping[str, Node],
        sizes: Iterable[str],
        roots: tuple[Sequence[Node], Sequence[Node]],
        equal: Pairs,
        distinct: Pairs,
        rules: Rulebase,
    ) -> None:
        """Find the limits; `equal` and `distinct` pairs of whole numbers are kept so.

        The limits are in the first nodes; for what has none there, in the graphs of the others, or where it is compared there.
        """
        self._limits: dict[str, list[tuple[int, Expr]]] = {}
        within = list(postorder(roots[1]))
        for nodes, limits in ((roots[0], places), (within, places), (within, compared)):
            known = set(self._limits)
            for place, size in (pair for e in nodes for pair in limits(e)):
                self._note(place, size, known)
        counted = set(self._limits)
        no_labels = set(sizes)
        self._nodes = {
            name: node
            for name, node in inputs.items()
            if name not in no_labels and (name in counted or "integer" in properties(node))
        }
        self.indices = [name for name in self._nodes if name in counted and is_scalar(self._nodes[name])]
        self._equal = self._program(equal, inputs, rules)
        self._distinct = self._program(distinct, inputs, rules)

    def __contains__(self, name: object) -> bool:
        """Whether the input of that name is a whole number that is no size."""
        return name in self._nodes

    def _note(self, place: Node, size: Expr, known: Collection[str]) -> None:
        """Enter the bounds of the inputs that a place bounds, but for those that are known."""
        shift = 0
        if head(place) == "sadd":
            symbols = [x for x in operands(place) if head(x) == "symbol"]
            rest = cast(Expr, place) - cast(Expr, symbols[0]) if len(symbols) == 1 else None
            if rest is None or not rest.is_Integer:
                return
            place, shift = symbols[0], int(rest)
        if head(place) == "entry":
            place = operands(place)[0]
            place = operands(place)[0] if head(place) == "transpose" else place
        if head(place) == "symbol" and not is_index(place) and name_of(place) not in known:
            self._limits.setdefault(name_of(place), []).append((shift, size))

    @staticmethod
    def _program(pairs: Pairs, inputs: Mapping[str, Node], rules: Rulebase) -> list[Program]:
        programs = [Program(pair, rules=rules) for pair in pairs]
        return [p for p in programs if set(leaves(p)) <= set(inputs)]

    def check(self, arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> None:
        """Nothing; ArgumentError where a label is outside of what it counts."""
        for name in sorted(self._limits.keys() & arrays.keys()):
            low, high = self._range(name, sizes)
            told = all(dimension(size, sizes) is not None for _, size in self._limits[name])
            values = np.ravel(arrays[name].real)
            outside = values[(values < low) | (values > high)]
            if told and outside.size:
                raise ArgumentError(f"{name} is not in {low}..{high}: {outside[0]:g}", hint="indices count from 1")

    # ------------------------------------------------------------ drawing

    def draw(self, arrays: dict[str, Array], sizes: Mapping[str, int], random: Random) -> bool:
        """Draw them among the arrays; whether the equations and inequalities between them could be met."""
        for _ in range(TRIES if self._equal or self._distinct else 1):
            for name, node in self._nodes.items():
                low, high = self._range(name, sizes)
                dims = [dimension(d, sizes) or 1 for d in shape(node)]
                drawn = [float(random.randint(low, max(low, high))) for _ in range(math.prod(dims))]
                arrays[name] = np.array(drawn).reshape(dims) if dims else np.float64(drawn[0])
            if self._fits(arrays):
                return True
        return False

    def _range(self, name: str, sizes: Mapping[str, int]) -> tuple[int, int]:
        limits = self._limits.get(name)
        if limits is None:
            return 1, HIGHEST
        ends = [(dimension(size, sizes), shift) for shift, size in limits]
        highest = [size - shift for size, shift in ends if size is not None]
        return max(1 - shift for _, shift in ends), min(highest, default=HIGHEST)

    def _fits(self, arrays: Mapping[str, Array]) -> bool:
        same = [p.run(arrays) for p in self._equal]
        other = [p.run(arrays) for p in self._distinct]
        return all(np.all(a == b) for a, b in same) and all(np.all(a != b) for a, b in other)

    def choices(self, arrays: Mapping[str, Array], sizes: Mapping[str, int], random: Random) -> Iterator[dict[str, Array]]:
        """The arrays with every value of the indices and scalar labels in turn, or with some where there are many."""
        ranges = []
        for name in self.indices:
            low, high = self._range(name, sizes)
            ranges.append(range(low, max(low, high) + 1))
        count = math.prod(map(len, ranges))
        if count <= MOST_CHOICES:
            chosen: Iterable[tuple[int, ...]] = product(*ranges)
        else:
            here = tuple(int(arrays[name]) for name in self.indices)
            chosen = [here, *(tuple(random.choice(r) for r in ranges) for _ in range(MOST_CHOICES - 1))]
        for values in chosen:
            made = {**arrays, **{n: np.float64(v) for n, v in zip(self.indices, values, strict=True)}}
            if self._fits(made):
                yield made


def is_between_labels(pair: tuple[Node, Node]) -> bool:
    """Whether an equation is one between whole numbers."""
    return all(isinstance(x, Expr | Symbol) and is_scalar(x) and bool(x.is_integer) for x in pair)
