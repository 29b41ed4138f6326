"""Unknown functions: ell(Y) and its gradient grad(ell, Y), the upstream gradient, as nodes."""

from __future__ import annotations

from matcalc.errors import UndifferentiableError
from matcalc.nodes.expr import Node, head, is_scalar, matrix_node, operands, scalar_node, shape

APPLY, GRAD = "apply:", "grad:"


def unknown(name: str, Y: Node) -> Node:
    """The scalar ell(Y)."""
    return scalar_node(APPLY + name, (Y,))


def upstream(name: str, Y: Node) -> Node:
    """grad(ell, Y), of the shape of Y: the G with d ell(Y) = ⟨G, dY⟩."""
    return scalar_node(GRAD + name, (Y,)) if is_scalar(Y) else matrix_node(GRAD + name, (Y,), shape(Y))


def is_unknown(name: str) -> bool:
    """Whether a node of that head is ell(Y) or grad(ell, Y)."""
    return name.startswith((APPLY, GRAD))


def is_upstream(name: str) -> bool:
    """Whether a node of that head is grad(ell, Y)."""
    return name.startswith(GRAD)


def function_of(name: str) -> str:
    """The ell of the head of ell(Y) or grad(ell, Y)."""
    return name.partition(":")[2]


def slope(e: Node) -> Node:
    """grad(ell, Y) of ell(Y).

    Raises: UndifferentiableError for what is such a gradient itself.
    """
    name = head(e)
    if is_upstream(name):
        raise UndifferentiableError(
            f"{function_of(name)} is unknown, and this is its gradient: a second derivative would be needed",
            hint=f"write {function_of(name)} out, or give its gradient a name of its own, as g: vector",
        )
    return upstream(function_of(name), operands(e)[0])
