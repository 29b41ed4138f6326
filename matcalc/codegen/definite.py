"""Matrices that are positive definite, or semidefinite, by how they are made: K + s^2*I, X'*X + λ*I."""

from __future__ import annotations

from collections.abc import Callable

from matcalc.nodes.algebra import factors, split_coefficient, transpose
from matcalc.nodes.expr import Node, head, is_scalar, operands

Has = Callable[[Node, str], bool]
"""What is known of a node: has(node, structure)."""


def is_definite(e: Node, has: Has) -> bool:
    """Whether a matrix is known to be positive definite: x'*A*x > 0."""
    if is_scalar(e):
        return False
    c, core = split_coefficient(e)
    if core is None or not c.is_positive:
        return False
    if has(core, "posdef"):
        return True
    return head(core) == "add" and _semidefinite_sum(core, has) and any(is_definite(t, has) for t in operands(core))


def is_semidefinite(e: Node, has: Has) -> bool:
    """Whether a matrix is known to be positive semidefinite."""
    c, core = split_coefficient(e)
    if core is None or not c.is_nonnegative:
        return False
    if has(core, "posdef") or (head(core) == "add" and _semidefinite_sum(core, has)):
        return True
    if head(core) == "diag":
        return has(operands(core)[0], "nonnegative")
    parts = factors(core)
    if len(parts) < 2 or any(transpose(a) is not b for a, b in zip(parts[: len(parts) // 2], reversed(parts), strict=False)):
        return False
    return len(parts) % 2 == 0 or is_semidefinite(parts[len(parts) // 2], has)


def _semidefinite_sum(e: Node, has: Has) -> bool:
    return all(is_semidefinite(t, has) for t in operands(e))
