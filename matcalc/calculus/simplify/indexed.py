"""Sums over an index, and entries, rows and columns: Kronecker deltas are summed away, parts are taken of the parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from sympy import Expr

from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.calculus.simplify.stack import total
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import (
    add,
    hadamard,
    hadamard_power,
    kron,
    mul,
    rebuild,
    split_coefficient,
    terms,
    transpose,
    unbroadcast,
)
from matcalc.nodes.expr import (
    ONE,
    Node,
    head,
    is_number,
    is_scalar,
    matrix_node,
    operands,
    postorder,
    scalar_node,
    shape,
    substitute,
)
from matcalc.nodes.indices import SUM, at, bound_indices, compared, free_indices, fresh, in_range, index_sum, range_of
from matcalc.rulebase.base import Rulebase

# ---------------------------------------------------------------- sums over an index


def settle_sum(e: Node, s: Simplifies) -> Node | None:
    """What does not depend on the index stands before the sum; the index has the letter that the person gave to its range."""
    body, i, low, high = operands(e)
    taken = bound_indices(body) | free_indices(body) - {i}
    wanted = next((j for j in s.indices if range_of(j) == (low, high) and j not in taken), i)
    made = index_sum(body if wanted is i else at(body, i, wanted), wanted, low, high)
    return made if made is not e else None


def pick(e: Node, s: Simplifies) -> Node | None:
    """Σ_i delta(i,k)*a_i = a_k, also where the delta stands in a sum: Σ_i (delta(i,k) - b)*a_i = a_k - b*Σ_i a_i."""
    body, i, low, high = operands(e)
    for t in terms(body):
        scalars, fs = _parts(t)
        delta = next((f for f in scalars if _is_delta(f, i)), None)
        if delta is not None and t is body:
            k = next(o for o in operands(delta) if o is not i)
            return mul(in_range(k, i), at(mul(*(f for f in scalars if f is not delta), *fs), i, k))
        inside = next((f for f in scalars if head(f) == "sadd" and any(map(partial(_holds_delta, i=i), operands(f)))), None)
        if delta is not None or inside is not None:
            written = (
                [t] if inside is None else [mul(*(u if f is inside else f for f in scalars), *fs) for u in operands(inside)]
            )
            whole = [u for v in terms(body) for u in (written if v is t else [v])]
            return add(*(index_sum(u, i, low, high) for u in whole))
    return None


def _is_delta(f: Node, i: Node) -> bool:
    """Whether f is delta(i,k), k free of i."""
    return head(f) == "eq" and i in operands(f) and not all(i in free_indices(o) for o in operands(f))


def _holds_delta(t: Node, i: Node) -> bool:
    return any(_is_delta(f, i) for f in (operands(t) if head(t) == "smul" else (t,)))


def fold(e: Node, s: Simplifies) -> Node | None:
    """Σ_i c_i*r_i as c'*R: in matrix algebra, where that is shorter; a sum of scalars stays, unless it is known."""
    body, i = operands(e)[:2]
    made = None if _adds_units(e) else total(body, i, s.rules)
    if made is None:
        return None
    shorter = s.if_shorter(e, made)
    return shorter if shorter is not None and (not is_scalar(e) or not operands(shorter)) else None


def take_out_kron(e: Node, s: Simplifies) -> Node | None:
    """Σ_i c_i*kron(A_i, B) = kron(Σ_i c_i*A_i, B), and the same of the right factor."""
    body, i, low, high = operands(e)
    c, fs = coefficient_and_factors(body)
    if len(fs) != 1 or head(fs[0]) != "kron":
        return None
    A, B = operands(fs[0])
    if i not in free_indices(B):
        return kron(index_sum(mul(c, A), i, low, high), B)
    return kron(A, index_sum(mul(c, B), i, low, high)) if i not in free_indices(A) else None


def without_units(e: Node, rules: Rulebase) -> Node:
    """e with the matrix of the v_i for Σ_i v_i*e_i': what remains of sums of unit vectors in the end."""
    return _folded(e, rules, _adds_units)


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
    return any(head(x) == SUM and _adds_units(x) for x in postorder([e]))


def _adds_units(e: Node) -> bool:
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
            return mul(c, *fs[: k - 1], _Part("column", operands(f), s.rules)(fs[k - 1]), *fs[k + 1 :])
        if k + 1 < len(fs) and _is_turned_unit(f):
            return mul(c, *fs[:k], _Part("row", operands(operands(f)[0]), s.rules)(fs[k + 1]), *fs[k + 2 :])
    return None


def _is_turned_unit(f: Node) -> bool:
    return head(f) == "transpose" and head(operands(f)[0]) == "e"


def _before(A: Node, t: Node, rules: Rulebase) -> Node | None:
    """A*t, where t begins with unit vectors."""
    c, fs = coefficient_and_factors(t)
    first, *rest = fs
    if head(first) == "e":
        return mul(c, _Part("column", operands(first), rules)(A), *rest)
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
        return mul(c, *rest, _Part("row", operands(operands(last)[0]), rules)(B))
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
            return mul(*(_Part("entry2", places, s.rules)(o) for o in others), f)
    return None


def _unit_places(t: Node) -> tuple[Node, Node] | None:
    """(i, j) of c*e_i*e_j'; the one place of a unit vector twice."""
    fs = coefficient_and_factors(t)[1]
    units = [operands(f)[0] if head(f) == "transpose" else f for f in fs]
    if not all(head(u) == "e" for u in units) or len(fs) > 2:
        return None
    return operands(units[0])[0], operands(units[-1])[0]


def merge_sums(e: Node, s: Simplifies) -> Node | None:
    """Σ_i a_i + Σ_i b_i = Σ_i (a_i + b_i) where that is shorter; of scalars only what has the same factors before the sum."""
    groups: dict[tuple[Node, Node | None], list[Node]] = {}
    for t in operands(e):
        found = _lone_sum(t)
        if found is not None:
            groups.setdefault((operands(found)[1], _cofactor(t, found) if is_scalar(e) else None), []).append(t)
    for (i, _), group in groups.items():
        if len(group) < 2:
            continue
        bodies = []
        for t in group:
            found = _lone_sum(t)
            assert found is not None
            bodies.append(operands(found)[0] if t is found else _with_body(t, found))
        whole = index_sum(add(*bodies), i, *range_of(i))
        shorter = s.if_shorter(e, add(*(whole if t is group[0] else t for t in operands(e) if t is group[0] or t not in group)))
        if shorter is not None:
            return shorter
    return None


def _lone_sum(t: Node) -> Node | None:
    """The sum over an index that is a factor of a term."""
    parts = operands(t) if head(t) in ("mul", "smul") else (t,)
    parts = tuple(q for p in parts for q in (operands(p) if head(p) == "smul" else (p,)))
    found = [p for p in parts if head(p) == SUM]
    return found[0] if len(found) == 1 else None


def _cofactor(t: Node, found: Node) -> Node:
    """What stands before the sum in a scalar term, its number left out."""
    return mul(*(f for f in (operands(t) if head(t) == "smul" else (t,)) if f is not found and not is_number(f)))


def _with_body(t: Node, found: Node) -> Node:
    """The term with the body of the sum in the place of that factor, and of no other occurrence."""
    c, fs = coefficient_and_factors(t)
    return mul(*(operands(found)[0] if f is found else f for f in (*(operands(c) if head(c) == "smul" else (c,)), *fs)))


def spread_sum(e: Node, s: Simplifies) -> Node | None:
    """Σ_i (a_i + b_i) = Σ_i a_i + Σ_i b_i where that is shorter."""
    body = operands(e)[0]
    if len(terms(body)) == 1:
        return None
    return s.if_shorter(e, add(*(index_sum(t, *operands(e)[1:]) for t in terms(body))))


def _scalar_factors(t: Node) -> tuple[Node, ...]:
    return _parts(t)[0]


def _parts(t: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The scalar factors and the matrix factors of a term."""
    c, core = (t, None) if is_scalar(t) else split_coefficient(t)
    scalars = operands(c) if head(c) == "smul" else (c,)
    return scalars, () if core is None else (core,)


# ---------------------------------------------------------------- entries, rows, columns


def part_of(e: Node, s: Simplifies) -> Node | None:
    """(A + B)[i] = A[i] + B[i], (c*A)[i] = c*A[i], (A .* B)[i] = A[i]*B[i], f(A)[i] = f(A[i]), (A*B)[:,j] = A*B[:,j]."""
    X, *places = operands(e)
    take = _Part(head(e), tuple(places[:2]), s.rules)
    c, core = split_coefficient(X)
    if c is not ONE and core is not None:
        return mul(c, take(core))
    return take.inside(X)


class _Part:
    """An entry, a row or a column: which, and where."""

    def __init__(self, name: str, places: tuple[Node, ...], rules: Rulebase) -> None:
        """The part of that name (entry, entry2, row, column) at those places."""
        self._name, self._places, self._rules = name, places, rules

    def __call__(self, X: Node) -> Node:
        """The part of X."""
        if is_scalar(X):
            return X
        rows, columns = shape(X)
        match self._name:
            case "entry2" if columns != 1 and rows != 1:
                return scalar_node("entry2", (X, *self._places))
            case "row" if columns != 1:
                return X if rows == 1 else matrix_node("row", (X, *self._places), (ONE, columns))
            case "column" if rows != 1:
                return X if columns == 1 else matrix_node("column", (X, *self._places), (rows, ONE))
        if columns == 1:
            return scalar_node("entry", (X, self._places[0]))
        return scalar_node("entry", (transpose(X), self._places[-1]))

    def inside(self, X: Node) -> Node | None:
        """The same as an expression in the parts of what X is made of."""
        args = operands(X)
        match head(X):
            case "add":
                return add(*map(self, args))
            case "hadamard":
                return hadamard(*map(self, args))
            case "hadpow":
                return hadamard_power(self(args[0]), args[1])
            case "isum":
                return self._of_sum(*args)
            case "transpose":
                return self._of_transpose(args[0])
            case "mul":
                return self._of_product(args)
            case "ones" | "zeros" | "e" | "eye":
                return self._of_constant(X)
            case "row" | "column" if self._name in ("entry", "entry2"):
                return self._of_line(X)
            case name if self._rules.is_entrywise(name) or getattr(X, "is_Function", False):
                return self._of_function(X)
        return None

    def _of_sum(self, body: Node, i: Node, low: Node, high: Node) -> Node:
        if any(i in free_indices(p) for p in self._places):
            other = fresh(mul(body, *self._places), *range_of(i))
            body, i = at(body, i, other), other
        return index_sum(self(body), i, low, high)

    def _of_transpose(self, X: Node) -> Node | None:
        match self._name:
            case "entry2":
                return scalar_node("entry2", (X, *reversed(self._places)))
            case "row":
                return transpose(matrix_node("column", (X, *self._places), (shape(X)[0], ONE)))
            case "column":
                return transpose(matrix_node("row", (X, *self._places), (ONE, shape(X)[1])))
            case _ if head(X) == "row":
                return scalar_node("entry2", (*operands(X), *self._places))
        return None

    def _of_product(self, args: tuple[Node, ...]) -> Node | None:
        """(A*B)[:,j] = A*B[:,j], (A*B)[i,:] = A[i,:]*B; an entry where one of the outermost factors is known entry by entry."""
        fs = args[1:] if is_scalar(args[0]) else args
        first, last = fs[0], fs[-1]
        match self._name:
            case "column":
                return mul(*fs[:-1], self(last))
            case "row":
                return mul(self(first), *fs[1:])
            case "entry" if _is_simple(first):
                return mul(_Part("row", self._places, self._rules)(first), *fs[1:])
            case "entry2" if _is_simple(first) or _is_simple(last) or (len(fs) == 2 and ONE in shape(first)):
                i, j = self._places
                left, right = _Part("row", (i,), self._rules), _Part("column", (j,), self._rules)
                return mul(left(first), *fs[1:-1], right(last))
        return None

    def _of_constant(self, X: Node) -> Node | None:
        name, args = head(X), operands(X)
        if name == "e" and self._name in ("entry", "row"):
            return compared("eq", args[0], self._places[0])
        if name == "eye" and self._name == "entry2":
            return compared("eq", *self._places)
        if name == "eye" and self._name in ("row", "column"):
            unit = matrix_node("e", self._places, (shape(X)[0], ONE))
            return unit if self._name == "column" else transpose(unit)
        if name not in ("ones", "zeros"):
            return None
        rows, columns = shape(X)
        dims = {"row": (ONE, columns), "column": (rows, ONE)}.get(self._name)
        if dims is None:
            return ONE if name == "ones" else ONE - ONE
        return matrix_node(name, (), dims)

    def _of_line(self, X: Node) -> Node | None:
        """X[i,:][j] = X[i,j]."""
        M, k = operands(X)
        if self._name != "entry" or (head(X) == "column" and shape(M)[1] == 1):
            return None
        (i,) = self._places
        return scalar_node("entry2", (M, i, k) if head(X) == "column" else (M, k, i))

    def _of_function(self, X: Node) -> Node | None:
        record = self._rules.rule_of(X)
        names = [a.name for a in record.operands] if record is not None else [""] * len(operands(X))
        still = record.constant if record is not None else ()
        args = tuple(a if n in still else self(a) for n, a in zip(names, operands(X), strict=True))
        dims = shape(next(a for n, a in zip(names, args, strict=True) if n not in still))
        return self._rules.make(record.name if record is not None else head(X), args, dims)


def _is_simple(f: Node) -> bool:
    """Whether the rows and columns of f are known without f: unit vectors, their sums over an index, ones."""
    core = operands(f)[0] if head(f) == "transpose" else f
    return head(core) in ("e", "eye", "ones", "isum") or ONE in shape(core)


_TURNED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}


def settle_comparison(e: Node, s: Simplifies) -> Node | None:
    """0 < A as A > 0: a number stands on the right; of whole numbers it may be known what holds."""
    a, b = operands(e)
    name = head(e)
    if is_scalar(e) and all(cast(Expr, o).is_integer for o in (a, b)):
        made = compared(name, a, b)
        return made if made is not e else None
    if name in _TURNED and is_number(unbroadcast(a)) and not is_number(unbroadcast(b)):
        turned = _TURNED[name]
        return scalar_node(turned, (b, a), True) if is_scalar(e) else matrix_node(turned, (b, a), shape(e))
    return None
