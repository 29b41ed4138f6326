"""Sums along an axis: what does not vary along it comes out, and what was centred adds up to nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import add, hadamard, is_zero, mul, ones, split_coefficient, terms, unbroadcast
from matcalc.nodes.expr import ONE, Node, head, operands, shape


def pull_out(e: Node, s: Simplifies) -> Node | None:
    """sum(r .* A, axis=0) = r .* sum(A, axis=0) for a row r; the same for a column along axis 1."""
    return _sum_rewritten(e, _pulled)


def centred(e: Node, s: Simplifies) -> Node | None:
    """sum(Z, axis=0) = 0 where Z was defined as A .- mean(A, axis=0); the same along axis 1."""
    return _sum_rewritten(e, lambda Z, axis: _vanishing(Z, axis, s))


def _sum_rewritten(e: Node, rewrite: Callable[[Node, int], Node | None]) -> Node | None:
    """The product e with the first axis sum in it rewritten for which `rewrite(A, axis)` gives another form."""
    c, fs = coefficient_and_factors(e)
    for i, (left, right) in enumerate(pairwise(fs)):
        for axis, (summed, inside) in enumerate(((left, right), (right, left))):
            if head(summed) == "ones" and shape(summed)[axis] == 1 and shape(inside)[1 - axis] != 1:
                made = rewrite(inside, axis)
                if made is not None:
                    return mul(c, *fs[:i], made, *fs[i + 2 :])
    return None


def _axis_sum(A: Node, axis: int) -> Node:
    rows, columns = shape(A)
    return mul(ones((ONE, rows)), A) if axis == 0 else mul(A, ones((columns, ONE)))


def _pulled(inside: Node, axis: int) -> Node | None:
    if head(inside) != "hadamard":
        return None
    constant = [f for f in operands(inside) if _is_constant_along(f, axis)]
    varying = [f for f in operands(inside) if f not in constant]
    if not constant or not varying:
        return None
    return hadamard(_axis_sum(hadamard(*varying), axis), *(unbroadcast(f) for f in constant))


def _vanishing(Z: Node, axis: int, s: Simplifies) -> Node | None:
    definition = s.definitions.get(Z)
    if definition is None:
        return None
    c, core = split_coefficient(definition)
    assert core is not None
    total = s(mul(c, add(*(_axis_sum(t, axis) for t in terms(core)))))
    return total if is_zero(total) else None


def _is_constant_along(f: Node, axis: int) -> bool:
    bare = unbroadcast(f)
    return bare is not f and shape(bare) != () and shape(bare)[axis] == 1
