"""What a formula of a rule must keep: its shape, its linearity, the leaves it may mention.

Each function says what is wrong, or "" where nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

import sympy

from matcalc.nodes.algebra import is_zero
from matcalc.nodes.expr import Node, Shape, head, operands, postorder, shape

LinearOperands: TypeAlias = Callable[[str], Collection[int]]
"""The operands in which the operation of a name is linear, by position."""

_PRODUCTS = frozenset({"mul", "smul", "hadamard", "kron"})
_SUMS = frozenset({"add", "sadd", "hcat", "vcat"})
_CARRIED = frozenset({"transpose", "scalar"})


def same_dimension(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether two dimensions are equal polynomials."""
    return a is b or sympy.expand(a - b) == 0


def same_shape(a: Shape, b: Shape) -> bool:
    """Whether two shapes are equal; a 1×1 matrix is a scalar."""
    a, b = ((() if all(d == 1 for d in s) else s) for s in (a, b))
    return len(a) == len(b) and all(map(same_dimension, a, b))


def shape_text(dims: Shape) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, dims)) if dims else "scalar"


def shape_fault(node: Node, expected: Shape) -> str:
    """What is wrong with the shape of a formula."""
    if same_shape(shape(node), expected):
        return ""
    return f"the formula is {shape_text(shape(node))}, but must be {shape_text(expected)}"


def mention_fault(node: Node, forbidden: Node) -> str:
    """Whether a formula mentions a leaf that it must not depend on."""
    if all(x is not forbidden for x in postorder([node])):
        return ""
    return f"the formula mentions {forbidden}, in which the operation is linear"


def degree(node: Node, leaves: Collection[Node], linear: LinearOperands) -> int | None:
    """How many of the leaves are factors of every term of node; None where that is no one number.

    0: none occurs; 1: node is linear in all of them together.
    """
    degrees: dict[int, int | None] = {}
    for x in postorder([node]):
        below = [(i, o, degrees[id(o)]) for i, o in enumerate(operands(x))]
        if any(x is leaf for leaf in leaves):
            degrees[id(x)] = 1
        elif all(d == 0 for _, _, d in below):
            degrees[id(x)] = 0
        else:
            degrees[id(x)] = _degree_of(head(x), below, linear)
    return degrees[id(node)]


def _degree_of(name: str, below: list[tuple[int, Node, int | None]], linear: LinearOperands) -> int | None:
    known = [d for _, _, d in below if d is not None]
    if len(known) < len(below):
        return None
    if name in _PRODUCTS:
        return sum(known)
    if name in _SUMS:
        terms = {d for _, o, d in below if not is_zero(o)}
        return terms.pop() if len(terms) == 1 else None
    if name in _CARRIED:
        return known[0]
    straight = linear(name)
    return sum(known) if all(i in straight for i, _, d in below if d) else None


def linearity_fault(node: Node, leaves: Collection[Node], linear: LinearOperands) -> str:
    """Whether each term of a formula holds exactly one of the leaves, once."""
    if is_zero(node) or degree(node, leaves, linear) == 1:
        return ""
    return f"the formula must be linear in {', '.join(map(str, leaves))}: each of its terms holds one of them, once"
