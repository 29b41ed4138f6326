"""Arrays put together: the shape to which several are spread, blocks side by side and stacked."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr

from matcalc.nodes.expr import ONE, Node, Shape, intern_scalar, matrix_node, shape


def common(nodes: Sequence[Node]) -> Shape:
    """The shape to which the nodes are spread together; () for scalars."""
    dims: list[Expr] = []
    for node in nodes:
        s = shape(node)
        if s:
            dims = [q if p == 1 else p for p, q in zip(dims, s, strict=True)] if dims else list(s)
    return tuple(dims)


def _sides(node: Node) -> Shape:
    return shape(node) or (ONE, ONE)


def hcat(a: Node, b: Node) -> Node:
    """[A, B]."""
    (m, n), (_, p) = _sides(a), _sides(b)
    return matrix_node("hcat", (a, b), (m, intern_scalar(sympy.Add(n, p))))


def vcat(a: Node, b: Node) -> Node:
    """[A; B]."""
    (m, n), (p, _) = _sides(a), _sides(b)
    return matrix_node("vcat", (a, b), (intern_scalar(sympy.Add(m, p)), n))
