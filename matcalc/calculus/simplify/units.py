"""Unit vectors: absorbed by what stands beside them, and what remains of their sums over an index as matrices."""

from __future__ import annotations

from collections.abc import Callable

from matcalc.calculus.simplify.entries import Part
from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.calculus.simplify.stack import total
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import (
    add,
    hadamard,
    mul,
    rebuild,
    terms,
    transpose,
)
from matcalc.nodes.expr import (
    Node,
    head,
    is_scalar,
    operands,
    postorder,
    substitute,
)
from matcalc.nodes.indices import SUM, index_sum
from matcalc.rulebase.base import Rulebase


def without_units(e: Node, rules: Rulebase) -> Node:
    """e with the matrix of the v_i for Σ_i v_i*e_i': what remains of sums of unit vectors in the end."""
    return _folded(e, rules, adds_units_itself)


def in_matrices(e: Node, rules: Rulebase) -> Node:
    """e with every sum over an index in matrix algebra, where there is a way to write it so."""
    return _folded(e, rules, lambda x: True)


def _folded(e: Node, rules: Rulebase, chosen: Callable[[Node], bool]) -> Node:
    """e with the chosen sums folded, the innermost first."""
    while True:
        sums = [x for x in postorder([e]) if head(x) == SUM and chosen(x)]
        inner = [x for x in sums if not any(y is not x and y in sums for y in postorder(operands(x)[:1]))]
        made = {x: M for x in inner if (M := _without_units(x, rules)) not in (None, x)}
        if not made:
            return e
        e = substitute(e, made, rebuild)


def _without_units(e: Node, rules: Rulebase) -> Node | None:
    """Σ_i c_i*(e_i - e_k) as the vector of the c_i less (Σ_i c_i)*e_k."""
    body, i, low, high = operands(e)
    parts = []
    for u in (u for t in terms(body) for u in _written_out(t, i)):
        M = total(u, i, rules, families=True) if _has_unit(u, i) or is_scalar(u) else index_sum(u, i, low, high)
        if M is None:
            return None
        parts.append(M)
    return add(*parts)


def _written_out(t: Node, i: Node) -> list[Node]:
    """The terms of a product in which unit vectors of the index stand in a sum."""
    c, fs = coefficient_and_factors(t)
    for k, f in enumerate(fs):
        turned = head(f) == "transpose"
        core = operands(f)[0] if turned else f
        if head(core) == "add" and _has_unit(core, i):
            return [mul(c, *fs[:k], transpose(u) if turned else u, *fs[k + 1 :]) for u in terms(core)]
    return [t]


def adds_units(e: Node) -> bool:
    """Whether unit vectors are added up over an index somewhere in e."""
    return any(head(x) == SUM and adds_units_itself(x) for x in postorder([e]))


def adds_units_itself(e: Node) -> bool:
    """Whether a sum over an index adds up unit vectors of that index."""
    body, i = operands(e)[:2]
    return not is_scalar(e) and _has_unit(body, i)


def _has_unit(e: Node, i: Node) -> bool:
    return any(head(x) == "e" and operands(x)[0] is i for x in postorder([e]))


def absorb(e: Node, s: Simplifies) -> Node | None:
    """A*Σ_i c_i*e_i = Σ_i c_i*A[:,i], Σ_i c_i*e_i'*B = Σ_i c_i*B[i,:]."""
    c, fs = coefficient_and_factors(e)
    for k, f in enumerate(fs):
        if head(f) != SUM:
            continue
        body, *rest = operands(f)
        if k > 0 and (within := _before(fs[k - 1], body, s.rules)) is not None:
            return mul(c, *fs[: k - 1], index_sum(within, *rest), *fs[k + 1 :])
        if k + 1 < len(fs) and (within := _after(body, fs[k + 1], s.rules)) is not None:
            return mul(c, *fs[:k], index_sum(within, *rest), *fs[k + 2 :])
    return None


def unit_products(e: Node, s: Simplifies) -> Node | None:
    """A*e(j, n) = A[:,j], e(i, m)'*A = A[i,:]."""
    c, fs = coefficient_and_factors(e)
    for k, f in enumerate(fs):
        if k > 0 and head(f) == "e":
            return mul(c, *fs[: k - 1], Part("column", operands(f), s.rules)(fs[k - 1]), *fs[k + 1 :])
        if k + 1 < len(fs) and _is_turned_unit(f):
            return mul(c, *fs[:k], Part("row", operands(operands(f)[0]), s.rules)(fs[k + 1]), *fs[k + 2 :])
    return None


def _is_turned_unit(f: Node) -> bool:
    return head(f) == "transpose" and head(operands(f)[0]) == "e"


def _before(A: Node, t: Node, rules: Rulebase) -> Node | None:
    """A*t, where t begins with unit vectors."""
    c, fs = coefficient_and_factors(t)
    first, *rest = fs
    if head(first) == "e":
        return mul(c, Part("column", operands(first), rules)(A), *rest)
    if head(first) != "add":
        return None
    found = [_before(A, u, rules) for u in terms(first)]
    if all(u is None for u in found):
        return None
    return mul(c, add(*(mul(A, u) if v is None else v for u, v in zip(terms(first), found, strict=True))), *rest)


def _after(t: Node, B: Node, rules: Rulebase) -> Node | None:
    """t*B, where t ends with unit vectors that are turned."""
    c, fs = coefficient_and_factors(t)
    *rest, last = fs
    if _is_turned_unit(last):
        return mul(c, *rest, Part("row", operands(operands(last)[0]), rules)(B))
    if head(last) != "add":
        return None
    found = [_after(u, B, rules) for u in terms(last)]
    if all(u is None for u in found):
        return None
    return mul(c, *rest, add(*(mul(u, B) if v is None else v for u, v in zip(terms(last), found, strict=True))))


def unit_entries(e: Node, s: Simplifies) -> Node | None:
    """A .* (e_i*e_j') = A[i,j]*e_i*e_j', also within a sum over an index."""
    args = operands(e)
    for f in args:
        others = [o for o in args if o is not f]
        if head(f) == SUM and all(_unit_places(t) is not None for t in terms(operands(f)[0])):
            body, *rest = operands(f)
            return index_sum(add(*(hadamard(t, *others) for t in terms(body))), *rest)
        places = _unit_places(f)
        if places is not None:
            return mul(*(Part("entry2", places, s.rules)(o) for o in others), f)
    return None


def _unit_places(t: Node) -> tuple[Node, Node] | None:
    """(i, j) of c*e_i*e_j'; the one place of a unit vector twice."""
    fs = coefficient_and_factors(t)[1]
    units = [operands(f)[0] if head(f) == "transpose" else f for f in fs]
    if not all(head(u) == "e" for u in units) or len(fs) > 2:
        return None
    return operands(units[0])[0], operands(units[-1])[0]
