"""The corpus' entries with indices, sums, families, labels and unknown functions: the truth at every value of the indices."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

import matcalc
from matcalc.language.parser import parse_formula
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node, head, name_of, operands, properties, shape, size_symbol, variable
from tests import analytic, differences
from tests.arrays import dimensions, draw, values
from tests.corpus_entries import FOLDER, LATER, Entry, Point

Array = Any
PARTS = frozenset({"entry", "entry2", "row", "column", "member"})
_NAMES = {
    "np": np,
    "jnp": analytic.jnp,
    "jsp": analytic.jsp,
    "jax": SimpleNamespace(**vars(analytic.jax), grad=lambda f: lambda x: differences.gradient(f, np.asarray(x, dtype=float))),
}


@dataclass(frozen=True)
class IndexEntry(Entry):
    """One line of the corpus with indices among its names: `wrt` may be a part of a variable, x[i], X[i,j], W[:,k]."""

    @cached_property
    def problem(self) -> Problem:
        """The parsed problem; its sizes take no letter of an index."""
        letters = set(self.record.get("indices") or {})
        return matcalc.language.parser.parse(self.expr, self.declare or None, reserved=letters)

    @cached_property
    def letters(self) -> dict[str, Node]:
        """The free indices by name."""
        known = self.problem.variables
        return {n: known.get(n, variable(n, (), ("integer",))) for n in self.record.get("indices") or {}}

    @cached_property
    def leaves(self) -> dict[str, Node]:
        """Variables, intermediates and indices by name."""
        named = {name_of(z): z for z in self.problem.definitions}
        return {**self.problem.variables, **self.letters, **named}

    @cached_property
    def part(self) -> Node:
        """What the entry differentiates by: a leaf, or an entry, a row, a column, a member of one."""
        return parse_formula(self.wrt, self.leaves, self.problem.sizes)

    @cached_property
    def wrt_node(self) -> Node:
        """The leaf that is differentiated by, or whose part is."""
        if head(self.part) not in PARTS:
            return self.part
        X = operands(self.part)[0]
        return operands(X)[0] if head(X) == "transpose" else X

    @cached_property
    def other_sizes(self) -> dict[str, int]:
        """Other sizes, pairwise different, in the same order."""
        in_shapes = [s for s in self.sizes_given if s not in (self.record.get("sizes") or {})]
        order = sorted(in_shapes, key=lambda s: (self.sizes_given[s], s))
        return {**self.sizes_given, **{s: 2 * i + 4 for i, s in enumerate(order)}}

    @property
    def sizes_tried(self) -> list[dict[str, int]]:
        """The sizes of the corpus, and others where its programs allow them."""
        return [self.sizes_given] if self.functions else [self.sizes_given, self.other_sizes]

    def _rescaled(self, number: int, sizes: Mapping[str, int]) -> int:
        """What a dimension of the corpus is at other sizes."""
        return next((sizes[s] for s, given in self.sizes_given.items() if given == number), number)

    def point(self, sizes: Mapping[str, int], seed: int = 0) -> Point:
        """A random point of the entry's domain, all indices 1."""
        rng = np.random.default_rng([seed, *self.id.encode()])
        leaves: dict[Node, Array] = {}
        for name, domain in self.domain.items():
            if domain.startswith("labels:"):
                domain = f"labels:{self._rescaled(int(domain.partition(':')[2]), sizes)}"
            leaves[self.leaves[name]] = draw(domain, dimensions(self.leaves[name], sizes), rng)
        for name, value in (self.record.get("sizes") or {}).items():
            if name in self.problem.variables:
                leaves[self.problem.variables[name]] = np.asarray(float(value))
        return self._with_intermediates(Point(sizes, {**leaves, **{i: np.asarray(1.0) for i in self.letters.values()}}))

    def _with_intermediates(self, point: Point) -> Point:
        leaves = dict(point.leaves)
        for z, definition in self.problem.definitions.items():
            leaves[z] = self._values([definition], leaves, point.sizes)[0]
        return Point(point.sizes, leaves)

    def _values(self, roots: list[Node], leaves: Mapping[Node, Array], sizes: Mapping[str, int]) -> list[Array]:
        return values(roots, leaves, sizes, functions=self.callables)

    def places(self, point: Point) -> Iterator[Point]:
        """The point with every value of the indices that the assumptions allow."""
        ranges = [range(1, self._rescaled(n, point.sizes) + 1) for n in (self.record.get("indices") or {}).values()]
        for chosen in product(*ranges):
            at = {i: np.asarray(float(v)) for i, v in zip(self.letters.values(), chosen, strict=True)}
            moved = Point(point.sizes, {**point.leaves, **at})
            if all(self.value(a, moved) != self.value(b, moved) for a, b in self.problem.distinct):
                yield moved

    @cached_property
    def callables(self) -> dict[str, Callable[..., Array]]:
        """The unknown functions and their gradients, by the names under which they are given."""
        made = {name: eval(source, dict(_NAMES)) for name, source in (self.functions or {}).items()}  # the corpus is ours
        return {**made, **{f"grad_{name}": _NAMES["jax"].grad(f) for name, f in made.items()}}

    def known(self, point: Point) -> dict[str, Any]:
        """Everything that a program of the corpus may take, by name."""
        whole = {name: round(float(point.leaves[i])) for name, i in self.letters.items()}
        return {**point.sizes, **point.arrays, **(self.record.get("sizes") or {}), **whole, **self.callables}

    def function(self, point: Point, own_evaluator: bool = False) -> Callable[[Array], Array]:
        """F as a function of the array that it, or a part of it, is differentiated by, all else as at the point."""
        if own_evaluator:
            return self._by_evaluator(point)
        oracle = eval(self.oracle, dict(_NAMES))  # the corpus is ours
        name, known = name_of(self.wrt_node), self.known(point)
        fixed = {p: analytic.analytic_array(known[p]) for p in inspect.signature(oracle).parameters if p != name}
        return lambda x: oracle(**fixed, **{name: analytic.analytic_array(x)})

    def truth(self, point: Point, own_evaluator: bool = False) -> Array:
        """The gradient by numbers alone: of a part, that part of the gradient by the whole; of a differential, the gradient."""
        leaf = self.wrt_node
        props = () if leaf in self.problem.definitions else properties(leaf)
        G = differences.gradient(self.function(point, own_evaluator), point.leaves[leaf], props)
        return self.taken(G, point)

    def taken(self, G: Array, point: Point) -> Array:
        """The part of the gradient by the whole leaf that the entry asks for."""
        return (
            G if self.part is self.wrt_node else self.value(self.part, Point(point.sizes, {**point.leaves, self.wrt_node: G}))
        )

    def bound(self) -> dict[str, Node]:
        """The leaves of `bind`: names that `expected` uses, with symbolic shapes."""
        sizes = {value: size_symbol(name) for name, value in self.sizes_given.items()}
        point = self.point(self.sizes_given)
        lengths = {name: len(self._bind(source, point)) for name, source in (self.record.get("bind") or {}).items()}
        return {name: variable(name, (sizes[n], 1)) for name, n in lengths.items()}

    def _bind(self, source: str, point: Point) -> Array:
        return eval(source, {**_NAMES, **self.known(point)})  # the corpus is ours

    @cached_property
    def tangents(self) -> dict[str, Node]:
        """The names dX of a differential."""
        if self.task != "differential":
            return {}
        return {f"d{self.wrt}": variable(f"d{self.wrt}", shape(self.wrt_node))}

    @cached_property
    def expected_node(self) -> Node:
        """`expected` in the names of the problem."""
        return parse_formula(self.expected, {**self.leaves, **self.bound(), **self.tangents}, self.problem.sizes)

    def expected_value(self, point: Point) -> Array:
        """`expected` at the point."""
        bind = self.record.get("bind") or {}
        extra = {leaf: self._bind(bind[name], point) for name, leaf in self.bound().items()}
        return self.value(self.expected_node, Point(point.sizes, {**point.leaves, **extra}))

    def value(self, e: Node, point: Point) -> Array:
        """The node at the point."""
        return self._values([e], point.leaves, point.sizes)[0]


@cache
def load() -> tuple[IndexEntry, ...]:
    """The gradients and differentials that need index sums, families, labels or unknown functions; one of each."""
    lines = [line for part in ("seeds", "cookbook") for line in (FOLDER / f"{part}.jsonl").read_text("utf-8").splitlines()]
    records = [json.loads(line) for line in lines]
    return tuple(IndexEntry(r) for r in records if r["task"] in ("gradient", "differential") and LATER & set(r["tags"]))
