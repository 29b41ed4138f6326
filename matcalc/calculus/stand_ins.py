"""What stands for d(E) while a line is made: a variable, or where E depends on the index of a sum, an operation on that index.

So the rest of a line can be simplified, and nothing of it is pulled out of a sum in which it has to stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import (
    SCALAR,
    Node,
    Shape,
    head,
    matrix_node,
    name_of,
    operands,
    postorder,
    properties,
    scalar_node,
    shape,
    substitute,
    variable,
)
from matcalc.nodes.indices import at, bound_indices, free_indices, index_sum, range_of

MARK = "~"
"""What the names of stand-ins begin with: they come last in every alphabet, as a differential does in a product."""


def stand_in(number: int, D: Node) -> Node:
    """A variable in place of D."""
    return variable(f"{MARK}{number:04}", shape(D), properties(D))


def hidden(dims: Shape, indices: Iterable[Node]) -> Node:
    """What stands for something that moves and depends on these indices."""
    args = tuple(sorted(indices, key=name_of))
    return operation(MARK, args, dims) if args else variable(MARK, dims)


def operation(name: str, args: tuple[Node, ...], dims: Shape) -> Node:
    """The operation of that name and shape, a scalar where it has one entry; its first operand sorts it behind the others."""
    args = (variable(name, SCALAR), *args)
    return scalar_node(name, args) if math.prod(dims) == 1 else matrix_node(name, args, dims)


class StandIns:
    """The stand-ins of one derivation."""

    def __init__(self) -> None:
        """There are none yet."""
        self._count = 0
        self._opened: dict[Node, Node] = {}
        self._indexed: dict[str, tuple[tuple[Node, ...], Node]] = {}

    def made(self, e: Node, dE: Node) -> Node:
        """A new one for dE, the differential of e; the indices that e binds are seen to be bound in it."""
        self._count += 1
        free = sorted(free_indices(e), key=name_of)
        if not free:
            found = stand_in(self._count, dE)
            self._opened[found] = dE
            return found
        bound = [index_sum(i, i, *range_of(i)) for i in sorted(bound_indices(e), key=name_of)]
        found = operation(f"{MARK}{self._count:04}", (*free, *bound), shape(dE))
        self._indexed[head(found)] = (tuple(free), dE)
        return found

    def __contains__(self, e: Node) -> bool:
        """Whether e stands for some d(E)."""
        return head(e) in self._indexed or (head(e) == "symbol" and self._opened.get(e, e) is not e)

    def open(self, e: Node) -> Node:
        """e with d(E) for what stands for it; what earlier lines had in common with e is not gone through again."""
        for x in postorder([e], lambda x: () if x in self._opened or head(x) in self._indexed else operands(x)):
            if x not in self._opened:
                self._opened[x] = self._reopened(x)
        return self._opened[e]

    def _reopened(self, x: Node) -> Node:
        if head(x) in self._indexed:
            return self._moved(self._indexed[head(x)][1], x)
        old = operands(x)
        new = tuple(self._opened[o] for o in old)
        return x if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(x, new)

    def _moved(self, e: Node, x: Node) -> Node:
        """e, which speaks of the indices of d(E), at the indices that x, which stands for d(E), has now."""
        free = self._indexed[head(x)][0]
        for i, now in zip(free, operands(x)[1 : len(free) + 1], strict=True):
            e = e if now is i else at(e, i, now)
        return e

    def put(self, e: Node, D: Node, dE: Node) -> Node:
        """e with D in place of what stands for d(E), wherever it stands."""
        places = [x for x in postorder([e]) if x is dE or (head(x) == head(dE) and head(x) in self._indexed)]
        return substitute(e, {x: D if x is dE else self._moved(D, x) for x in places}, rebuild)
