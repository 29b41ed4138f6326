"""Sums over an index: Σ_i body as a node, the index as a symbol that is bound there.

An index of one letter and range is one symbol, wherever it is bound: what two sums share stays shared.  No sum stands
inside another over the same symbol, so nothing is ever captured; `index_sum` renames where that would happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import sympy
from sympy import Expr, Symbol

from matcalc.nodes.algebra import is_zero, mul, rebuild, split_coefficient
from matcalc.nodes.expr import (
    ONE,
    ZERO,
    Node,
    digest,
    head,
    intern_scalar,
    is_number,
    is_scalar,
    matrix_node,
    name_of,
    operands,
    postorder,
    scalar_node,
    shape,
    substitute,
)

SUM = "isum"
"""The head of a sum over an index; its operands are the body, the index, and the ends of the range."""
RELATIONS = ("eq", "ne", "gt", "ge", "lt", "le")
"""The heads of the comparisons of scalars."""
_MARK = "@"
_LETTERS = "ijklpqrstuv"
_RANGES: dict[Node, tuple[Expr, Expr]] = {}


def index(letter: str, low: Expr, high: Expr) -> Expr:
    """The index of that letter that runs from low to high."""
    mark = (digest(low) + digest(high)).hex()
    made = Symbol(f"{letter}{_MARK}{mark[:6]}{mark[32:38]}", integer=True, nonnegative=low.is_nonnegative or None)
    found = intern_scalar(made)
    _RANGES[found] = (low, high)
    return found


def is_index(e: Node) -> bool:
    """Whether e is the index of a sum."""
    return isinstance(e, Symbol) and _MARK in e.name


def letter_of(i: Node) -> str:
    """The letter of an index, j of j = 1..n."""
    return name_of(i).split(_MARK)[0]


def range_of(i: Node) -> tuple[Expr, Expr]:
    """The ends of the range of an index."""
    return _RANGES[i]


# ---------------------------------------------------------------- what is free, what is bound


def free_indices(e: Node) -> frozenset[Node]:
    """The indices in e that no sum within e binds."""
    return _indices(e)[0]


def bound_indices(e: Node) -> frozenset[Node]:
    """The indices that the sums within e bind."""
    return _indices(e)[1]


_NONE: frozenset[Node] = frozenset()
_Found = tuple[frozenset[Node], frozenset[Node]]


def _indices(e: Node) -> _Found:
    """The free and the bound indices of e; remembered on the nodes that can hold it."""
    known: dict[int, _Found] = {}
    for x in postorder([e], lambda x: () if hasattr(x, "_mc_indices") else operands(x)):
        found = getattr(x, "_mc_indices", None)
        if found is None:
            found = _of(x, [known[id(o)] for o in operands(x)])
            if hasattr(x, "__dict__"):
                x._mc_indices = found
        known[id(x)] = found
    return known[id(e)]


def _of(x: Node, below: list[_Found]) -> _Found:
    if not below:
        return (frozenset([x]), _NONE) if is_index(x) else (_NONE, _NONE)
    if not any(free or bound for free, bound in below):
        return _NONE, _NONE
    free = frozenset().union(*(f for f, _ in below))
    bound = frozenset().union(*(b for _, b in below))
    if head(x) == SUM:
        i = operands(x)[1]
        return free - {i}, bound | {i}
    return free, bound


def at(e: Node, i: Node, by: Node) -> Node:
    """e with the index i, where it is free, replaced; a sum over an index that is free in `by` gets another letter."""
    done: dict[int, Node] = {}
    within = free_indices(by)
    for x in postorder([e], lambda x: operands(x) if i in free_indices(x) else ()):
        if x is i:
            done[id(x)] = by
        elif i not in free_indices(x):
            done[id(x)] = x
        elif head(x) == SUM and operands(x)[1] in within:
            body, j, low, high = operands(x)
            other = fresh(body, cast(Expr, low), cast(Expr, high), within)
            done[id(x)] = at(index_sum(at(body, j, other), other, low, high), i, by)
        else:
            old = operands(x)
            new = tuple(done[id(o)] for o in old)
            done[id(x)] = index_sum(*new) if head(x) == SUM else rebuild(x, new)
    return done[id(e)]


# ---------------------------------------------------------------- sums


def index_sum(body: Node, i: Node, low: Node, high: Node) -> Node:
    """Σ_i body; what does not depend on i stands before it, a body without i is multiplied by the length of the range."""
    if is_zero(body):
        return body
    if i not in free_indices(body):
        count = intern_scalar(sympy.expand(cast(Expr, high) - cast(Expr, low) + 1))
        return mul(_made(ONE, i) if count.is_nonnegative is None else ZERO if count.is_negative else count, body)
    wanted = index(letter_of(i), cast(Expr, low), cast(Expr, high))
    bound = bound_indices(body)
    if wanted in bound or (wanted is not i and wanted in free_indices(body)):
        wanted = fresh(body, cast(Expr, low), cast(Expr, high))
    if wanted is not i:
        body, i = at(body, i, wanted), wanted
    before, inside, after = _parted(body, i)
    return mul(*before, _made(inside, i), *after)


def fresh(body: Node, low: Expr, high: Expr, others: Iterable[Node] = ()) -> Expr:
    """An index from low to high with a letter that nothing in the body and none of the others has."""
    taken = {letter_of(j) for j in (*free_indices(body), *bound_indices(body), *others)}
    taken |= {name_of(x) for x in postorder([body]) if head(x) == "symbol"}
    letters = (*_LETTERS, *(f"i_{n}" for n in range(1, len(taken) + 2)))
    return index(next(c for c in letters if c not in taken), low, high)


def _parted(body: Node, i: Node) -> tuple[list[Node], Node, list[Node]]:
    """The factors of the body before and after those that depend on i, and those."""
    if head(body) == "smul":
        still = [f for f in operands(body) if i not in free_indices(f)]
        return still, mul(*(f for f in operands(body) if i in free_indices(f))), []
    if is_scalar(body):
        content, rest = body.primitive() if head(body) == "sadd" else (ONE, body)
        return [intern_scalar(content)], intern_scalar(rest), []
    c, core = split_coefficient(body)
    assert core is not None
    outside, inner, _ = _parted(c, i) if i in free_indices(c) else ([c], ONE, [])
    if i not in free_indices(core):
        return outside, inner, [core]
    if head(core) != "mul":
        return outside, mul(inner, core), []
    fs = operands(core)
    moving = [k for k, f in enumerate(fs) if i in free_indices(f)]
    first, last = moving[0], moving[-1] + 1
    return [*outside, *fs[:first]], mul(inner, *fs[first:last]), list(fs[last:])


def _made(body: Node, i: Node) -> Node:
    args = (body, i, *range_of(i))
    if is_scalar(body):
        made = scalar_node(SUM, args, bool(getattr(body, "is_nonnegative", False)))
        made.positive = bool(getattr(body, "is_positive", False))  # a range is not empty, but for what conditions leave out
        return made
    return matrix_node(SUM, args, shape(body))


def leaving(Y: Node, e: Node, o: Node) -> Node:
    """Y, said of the operand o of e, once it has left the sums that bind what is free in e and not in o: Σ_i Y."""
    within = free_indices(e)
    if within:
        for i in sorted(within - free_indices(o), key=name_of):
            Y = index_sum(Y, i, *range_of(i))
    return Y


def in_range(k: Node, i: Node) -> Node:
    """1 where k is in the range of the index i, else 0; a free letter is one of those that a size counts, from 1."""
    k, shift = shifted(k)
    low, high = (intern_scalar(sympy.expand(end - shift)) for end in range_of(i))
    first, last = range_of(k) if is_index(k) else (k, k)
    is_letter = shift == 0 and not is_index(k) and head(k) in ("symbol", "entry")
    below = ONE if is_letter and low == 1 else compared("ge", first, low)
    above = ONE if is_letter and head(high) == "symbol" and not is_index(high) else compared("le", last, high)
    return mul(below if below is ONE else compared("ge", k, low), above if above is ONE else compared("le", k, high))


def shifted(k: Node) -> tuple[Node, Expr]:
    """(i, c) of the place i + c with a whole number c."""
    shift, rest = cast(Expr, k).as_coeff_Add()
    return (intern_scalar(rest), shift) if shift.is_Integer and rest != 0 else (k, sympy.S.Zero)


def within(e: Node, ends: Mapping[Node, tuple[Expr, Expr]]) -> Node:
    """e where some letters are within those ends: what always holds is 1, what never does 0; p + 1 <= n is p <= n - 1."""
    known: dict[Node, Node] = {}
    for x in postorder([e]):
        if is_scalar(x) and head(x) in ("ge", "gt", "le", "lt") and any(shifted(o)[0] in ends for o in operands(x)):
            a, b = (_ends(o, ends) for o in operands(x))
            found = {compared(head(x), p, q) for p in a for q in b}
            left, shift = shifted(operands(x)[0])
            moved = compared(head(x), left, intern_scalar(sympy.expand(cast(Expr, operands(x)[1]) - shift)))
            known[x] = found.pop() if found in ({ZERO}, {ONE}) else moved
    return substitute(e, known, rebuild)


def _ends(o: Node, ends: Mapping[Node, tuple[Expr, Expr]]) -> tuple[Expr, Expr]:
    letter, shift = shifted(o)
    low, high = ends.get(letter, (letter, letter))
    return intern_scalar(low + shift), intern_scalar(high + shift)


_DECIDED = {"eq": "is_zero", "ge": "is_nonnegative", "le": "is_nonpositive", "gt": "is_positive", "lt": "is_negative"}


def compared(relation: str, a: Node, b: Node) -> Node:
    """1 where the relation of two whole numbers holds, else 0: a number where that is known."""
    difference = intern_scalar(sympy.expand(cast(Expr, a) - cast(Expr, b)))
    if relation == "ne":
        return ZERO if difference == 0 else ONE if difference.is_zero is False else _relation("ne", a, b)
    known = getattr(difference, _DECIDED[relation])
    return _relation(relation, a, b) if known is None else ONE if known else ZERO


def is_truth(e: Node) -> bool:
    """Whether the scalar e is 0 or 1 by comparisons: one, a product, the larger or smaller of some, or 1 less such."""
    name, args = head(e), operands(e)
    if name == "sadd":
        others = [x for x in args if x != 1]
        return len(args) == 2 and len(others) == 1 and is_truth(intern_scalar(-cast(Expr, others[0])))
    if name == "spow":
        return is_truth(args[0]) and bool(cast(Expr, args[1]).is_positive)
    return e in (ZERO, ONE) or name in RELATIONS or (name in ("smul", "max", "min") and all(map(is_truth, args)))


def _relation(relation: str, a: Node, b: Node) -> Node:
    if relation in ("eq", "ne"):
        a, b = sorted((a, b), key=lambda e: (is_number(e), not is_index(e), digest(e)))
    return scalar_node(relation, (a, b), True)
