"""A result by cases: where two indices are equal, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

from sympy import Expr

from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import ONE, ZERO, Node, head, operands, postorder, scalar_node, substitute
from matcalc.nodes.indices import compared, free_indices

_MOST_PAIRS = 3
"""So many pairs of indices are told apart; with each there are twice as many cases."""


@dataclass(frozen=True)
class Case:
    """A form `node` of a result that holds where the relations do, i == j or i != j."""

    where: tuple[Node, ...]
    node: Node


def cases(e: Node, letters: Collection[Node], simplify: Callable[[Node], Node]) -> tuple[Case, ...]:
    """The forms of e where the pairs of free indices that are compared in it are equal, and where they are not.

    Of two equal ones that of the `letters` is replaced by the other.
    """
    found = [Case((), e)]
    for _ in range(_MOST_PAIRS):
        pair = next((p for case in found if (p := _pair(case.node)) is not None), None)
        if pair is None:
            break
        found = [
            new for case in found for new in (_split(case, pair, letters, simplify) if _pair(case.node) is not None else [case])
        ]
    return tuple(found)


def _pair(e: Node) -> tuple[Node, Node] | None:
    """The first two numbers that are compared and hang on no sum."""
    for x in postorder([e]):
        if head(x) in ("eq", "ne") and not free_indices(x):
            a, b = operands(x)
            if all(cast(Expr, o).is_integer for o in (a, b)):
                return a, b
    return None


def _split(case: Case, pair: tuple[Node, Node], letters: Collection[Node], simplify: Callable[[Node], Node]) -> list[Case]:
    equal, differ = (compared(name, *pair) for name in ("eq", "ne"))
    a, b = sorted(pair, key=lambda o: (o not in letters, head(o) != "symbol"))
    known = [{equal: ONE, differ: ZERO}, {equal: ZERO, differ: ONE}]
    same, other = (substitute(case.node, values, rebuild) for values in known)
    if head(a) == "symbol":
        same = substitute(same, {a: b}, rebuild)
    told = [scalar_node(name, (a, b), True) for name in ("ne", "eq")]
    return [Case((*case.where, r), simplify(form)) for r, form in zip(told, (other, same), strict=True)]
