"""Formulas of rules as templates: compiled once, filled in many times.

A template is a node over leaves (the arguments X, their differentials dX, the cotangent G) and size symbols.  It is walked
once, into a flat program of constructor calls; filling it in runs that program, with no recursion and no search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import sympy
from sympy import Expr, Symbol

from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import SCALAR, Node, Shape, head, intern_scalar, name_of, operands, postorder, shape
from matcalc.nodes.indices import is_index

Maker: TypeAlias = Callable[[str, tuple[Node, ...], Shape], Node]
"""Builds the operation of a name on operands, with the shape of the result."""


@dataclass(frozen=True, eq=False)
class Template:
    """A formula ready to be filled in; `leaves` are the names that it mentions."""

    node: Node
    leaves: frozenset[str]
    start: tuple[Node | None, ...]
    leaf_slots: tuple[tuple[int, str], ...]
    size_slots: tuple[tuple[int, Expr], ...]
    program: tuple[tuple[Any, ...], ...]
    dims: tuple[Expr, ...]
    root: int

    def fill(self, leaves: Mapping[str, Node], sizes: Mapping[Expr, Expr], make: Maker) -> Node:
        """The formula with its leaves (by name) and sizes replaced."""
        values: list[Any] = list(self.start)
        for slot, name in self.leaf_slots:
            values[slot] = leaves[name]
        for slot, size in self.size_slots:
            values[slot] = sizes[size]
        dims = [_dimension(d, sizes) for d in self.dims]
        for is_function, what, args, (i, j), out in self.program:
            filled = tuple([values[a] for a in args])
            if is_function:
                values[out] = rebuild(what, filled)
            else:
                values[out] = make(what, filled, SCALAR if i < 0 else (dims[i], dims[j]))
        return cast(Node, values[self.root])


def _dimension(d: Expr, sizes: Mapping[Expr, Expr]) -> Expr:
    found = sizes.get(d)
    if found is not None:
        return found
    if d.is_Integer:
        return d
    return intern_scalar(sympy.expand(d.xreplace(dict(sizes))))


def compile_template(node: Node, leaves: Iterable[Node]) -> Template:
    """The program that builds node anew for other leaves; a symbol that is no leaf is a size."""
    known = set(leaves)
    slots: dict[int, int] = {}
    start: list[Node | None] = []
    leaf_slots: list[tuple[int, str]] = []
    size_slots: list[tuple[int, Expr]] = []
    program: list[tuple[Any, ...]] = []
    dims: list[Expr] = []

    def dims_of(x: Node) -> tuple[int, int]:
        if not shape(x):
            return (-1, -1)
        for d in shape(x):
            if d not in dims:
                dims.append(d)
        rows, columns = shape(x)
        return dims.index(rows), dims.index(columns)

    for x in postorder([node]):
        slot = slots[id(x)] = len(start)
        start.append(None)
        below = [slots[id(o)] for o in operands(x)]
        if x in known:
            leaf_slots.append((slot, name_of(x)))
        elif is_index(x):
            start[slot] = x
        elif isinstance(x, Symbol):
            size_slots.append((slot, x))
        elif not any(d.free_symbols for d in shape(x)) and all(start[i] is not None for i in below):
            start[slot] = x
        else:
            function = bool(getattr(x, "is_Function", False))
            program.append((function, x if function else head(x), tuple(below), dims_of(x), slot))
    return Template(
        node=node,
        leaves=frozenset(name for _, name in leaf_slots),
        start=tuple(start),
        leaf_slots=tuple(leaf_slots),
        size_slots=tuple(size_slots),
        program=tuple(program),
        dims=tuple(dims),
        root=slots[id(node)],
    )
