"""How sums over an index read: the conditions that are factors of what is added up stand below the sign."""

from __future__ import annotations

from typing import Protocol, cast

from sympy import Expr

from matcalc.nodes.algebra import mul, split_coefficient
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder
from matcalc.nodes.indices import at, free_indices, index, is_index, letter_of, range_of
from matcalc.printing.view import View, finish, name_view, total

RELATIONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
_LETTERS = "ijklpqrstuv"


class Views(Protocol):
    """Who makes the views of nodes."""

    def view(self, e: Node) -> View:
        """The view of e at a loose place."""

    def plain(self, e: Node) -> View:
        """The view of e."""


def over_view(views: Views, e: Node) -> View:
    """The view of Σ_i body: its parts are the body, the index, the ends of the range and the conditions."""
    body, i = operands(e)[:2]
    body, i = _readable(body, i)
    low, high = range_of(i)
    conditions, rest = parted(body, i)
    inner = views.view(rest)
    shown = [_condition(views, c) for c in conditions]
    parts = (inner, views.plain(i), views.view(low), views.view(high), *shown)
    return finish(View("indexed", parts, None, 1 + inner.size + total(shown)), "sum" + inner.label, 1.0, 6)


def parted(body: Node, i: Node) -> tuple[list[Node], Node]:
    """The factors of the body that say for which i a term counts, j != y, and the rest."""
    c, core = (body, None) if is_scalar(body) else split_coefficient(body)
    factors = operands(c) if head(c) == "smul" else (c,)
    conditions = [f for f in factors if _is_condition(f, i)]
    kept = [f for f in factors if f not in conditions]
    return conditions, mul(*kept, *([] if core is None else [core]))


def _is_condition(f: Node, i: Node) -> bool:
    return head(f) in RELATIONS and i in free_indices(f) and all(cast(Expr, o).is_integer for o in operands(f))


def _condition(views: Views, c: Node) -> View:
    parts = tuple(views.view(o) for o in operands(c))
    return finish(View("relation", parts, RELATIONS[head(c)], 1 + total(parts)), "", 1.0, 6)


def _readable(body: Node, i: Node) -> tuple[Node, Node]:
    """The body and its index with a letter that nothing else in the body has."""
    taken = {_shown(x) for x in postorder([body]) if head(x) == "symbol" and x is not i}
    if letter_of(i) not in taken:
        return body, i
    other = index(next(c for c in _LETTERS if c not in taken), *range_of(i))
    return at(body, i, other), other


def _shown(symbol: Node) -> str:
    return letter_of(symbol) if is_index(symbol) else name_of(symbol)


def index_name(i: Node) -> View:
    """The view of an index."""
    return name_view(letter_of(i), integer=True)
