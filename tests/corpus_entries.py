"""The corpus' gradient entries: what each field means, concrete sizes, random arrays, and the truth by numbers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

import matcalc
from matcalc.language.parser import parse_formula
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node, name_of, properties, shape, size_symbol, variable
from matcalc.numeric.arrays import user_dims
from tests import analytic, differences
from tests.arrays import dimensions, draw, values

Array = Any
FOLDER = Path(__file__).parent / "corpus"
LATER = frozenset({"index", "sum", "family", "delta", "unknown-function"})
ORACLE_HAS_FIXED_SIZES = frozenset({"ml-pca-trace"})  # its source says jnp.eye(2)


@dataclass(frozen=True)
class Point:
    """One concrete place: sizes, labels and exponents by name, an array for each leaf (intermediates too)."""

    sizes: Mapping[str, int]
    leaves: Mapping[Node, Array]

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays by name."""
        return {name_of(leaf): a for leaf, a in self.leaves.items()}


@dataclass(frozen=True)
class Entry:
    """One line of the corpus."""

    record: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.record.get(name)

    @cached_property
    def problem(self) -> Problem:
        """The parsed problem."""
        return matcalc.parse(self.expr, declare=self.declare or None)

    @cached_property
    def derivation(self) -> matcalc.Derivation:
        """The gradient that matcalc derives, without a comparison with numbers."""
        (found,) = matcalc.gradients(self.problem, [self.wrt], convention=self.convention or "structured", verify=False)
        return found

    @cached_property
    def wrt_node(self) -> Node:
        """The leaf that the entry differentiates by."""
        return self.leaves[self.wrt]

    @cached_property
    def leaves(self) -> dict[str, Node]:
        """Variables and intermediates by name."""
        named = {name_of(z): z for z in self.problem.definitions}
        return {**self.problem.variables, **named}

    @cached_property
    def sizes_given(self) -> dict[str, int]:
        """The sizes, labels and exponents at which the corpus was verified."""
        found: dict[str, int] = {}
        for name, dims in self.shapes.items():
            for symbol, value in zip(user_dims(self.leaves[name]), dims, strict=False):
                if symbol.is_Symbol:
                    found[symbol.name] = value
        return {**found, **(self.record.get("sizes") or {})}

    @cached_property
    def other_sizes(self) -> dict[str, int]:
        """Other sizes, pairwise different, in the same order (a tall matrix stays tall)."""
        in_shapes = {s.name for e in self.leaves.values() for d in shape(e) for s in d.free_symbols}
        order = sorted(in_shapes, key=lambda s: (self.sizes_given[s], s))
        return {**self.sizes_given, **{s: 2 * i + 3 for i, s in enumerate(order)}}

    def point(self, sizes: Mapping[str, int], seed: int = 0) -> Point:
        """A random point of the entry's domain."""
        rng = np.random.default_rng([seed, *self.id.encode()])
        leaves: dict[Node, Array] = {}
        for name, domain in self.domain.items():
            node = self.leaves[name]
            if node not in self.problem.definitions:
                leaves[node] = draw(domain, dimensions(node, sizes), rng)
        for name, value in (self.record.get("sizes") or {}).items():
            if name in self.problem.variables:
                leaves[self.problem.variables[name]] = np.asarray(float(value))
        for z, definition in self.problem.definitions.items():
            leaves[z] = values([definition], leaves, sizes)[0]
        return Point(sizes, leaves)

    def function(self, point: Point, own_evaluator: bool = False) -> Callable[[Array], Array]:
        """F as a function of the array that it is differentiated by, all else as at the point."""
        if own_evaluator or (self.id in ORACLE_HAS_FIXED_SIZES and point.sizes != self.sizes_given):
            return self._by_evaluator(point)
        oracle = eval(self.oracle, {"jnp": analytic.jnp, "jax": analytic.jax, "jsp": analytic.jsp})  # the corpus is ours
        known = {**point.arrays, **point.sizes}
        fixed = {p: analytic.analytic_array(known[p]) for p in inspect.signature(oracle).parameters if p != self.wrt}
        return lambda x: oracle(**fixed, **{self.wrt: analytic.analytic_array(x)})

    def _by_evaluator(self, point: Point) -> Callable[[Array], Array]:
        names = list(self.problem.definitions)
        later = names[names.index(self.wrt_node) + 1 :] if self.wrt_node in names else names

        def f(x: Array) -> Array:
            leaves = {**point.leaves, self.wrt_node: x}
            for z in later:
                leaves[z] = values([self.problem.definitions[z]], leaves, point.sizes)[0]
            return values([self.problem.expression], leaves, point.sizes)[0]

        return f

    def truth(self, point: Point, own_evaluator: bool = False) -> Array:
        """The gradient by numbers alone, in the entry's convention."""
        props = () if self.wrt_node in self.problem.definitions else properties(self.wrt_node)
        x = point.leaves[self.wrt_node]
        found = differences.gradient(self.function(point, own_evaluator), x, props)
        return differences.independent(found) if self.convention == "independent" else found

    def bound(self) -> dict[str, Node]:
        """The leaves of `bind`: names that `expected` uses, with symbolic shapes."""
        bind = self.record.get("bind") or {}
        sizes = {value: size_symbol(name) for name, value in self.sizes_given.items()}
        arrays = self.point(self.sizes_given).arrays
        return {name: variable(name, (sizes[len(_bind(source, arrays))], 1)) for name, source in bind.items()}

    @cached_property
    def expected_node(self) -> Node:
        """`expected` in the names of the problem."""
        return parse_formula(self.expected, {**self.leaves, **self.bound()}, self.problem.sizes)

    def expected_value(self, point: Point) -> Array:
        """`expected` at the point."""
        bind = self.record.get("bind") or {}
        extra = {leaf: _bind(bind[name], point.arrays) for name, leaf in self.bound().items()}
        return self.value(self.expected_node, Point(point.sizes, {**point.leaves, **extra}))

    def value(self, e: Node, point: Point) -> Array:
        """The node at the point."""
        return values([e], point.leaves, point.sizes)[0]


def _bind(source: str, arrays: Mapping[str, Array]) -> Array:
    return eval(source, {"np": np, **arrays})  # the corpus is ours


@cache
def load(part: str) -> tuple[Entry, ...]:
    """The gradient entries of "seeds" or "cookbook" that need no index sums, families or unknown functions; one of each."""
    lines = (FOLDER / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return tuple(Entry(r) for r in records if r["task"] == "gradient" and not LATER & set(r["tags"]))
