"""Entries, rows and columns: parts are taken of the parts; comparisons of whole numbers that are known."""

from __future__ import annotations

from typing import cast

from sympy import Expr

from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import (
    add,
    hadamard,
    hadamard_power,
    mul,
    ones,
    split_coefficient,
    terms,
    transpose,
    unbroadcast,
    zeros,
)
from matcalc.nodes.expr import (
    ONE,
    Node,
    head,
    intern_scalar,
    is_number,
    is_scalar,
    matrix_node,
    operands,
    scalar_node,
    shape,
)
from matcalc.nodes.indices import at, compared, free_indices, fresh, index_sum, range_of, shifted
from matcalc.rulebase.base import Rulebase


def part_of(e: Node, s: Simplifies) -> Node | None:
    """(A + B)[i] = A[i] + B[i], (c*A)[i] = c*A[i], (A .* B)[i] = A[i]*B[i], f(A)[i] = f(A[i]), (A*B)[:,j] = A*B[:,j]."""
    X, *places = operands(e)
    take = Part(head(e), tuple(places), s.rules)
    c, core = split_coefficient(X)
    if c is not ONE and core is not None:
        return mul(c, take(core))
    return take.inside(X)


class Part:
    """An entry, a row or a column: which, and where."""

    def __init__(self, name: str, places: tuple[Node, ...], rules: Rulebase) -> None:
        """The part of that name (entry, entry2, row, column, member) at those places; a member has their number second."""
        self._name, self._places, self._rules = name, places, rules

    def __call__(self, X: Node) -> Node:
        """The part of X."""
        if is_scalar(X):
            return X
        rows, columns = shape(X)
        match self._name:
            case "member":
                width = intern_scalar(cast(Expr, columns / self._places[1]))
                return matrix_node("member", (X, *self._places), (rows, width))
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
            case "kron" if self._name == "member" and shape(args[0]) == (ONE, self._places[1]):
                return mul(scalar_node("entry", (transpose(args[0]), self._places[0])), args[1])
            case "hcat" | "vcat":
                return self._of_blocks(X)
            case "transpose":
                return None if self._name == "member" else self._of_transpose(args[0])
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
        return add(*(self._of_term(t, i, low, high) for t in terms(body)))

    def _of_term(self, t: Node, i: Node, low: Node, high: Node) -> Node:
        """(Σ_i t)[j]; (Σ_i c_i*e(i, n))[j] = c_j, as there is an entry j."""
        c, core = split_coefficient(t)
        is_unit = self._name == "entry" and core is not None and head(core) == "e" and operands(core)[0] is i
        if core is not None and is_unit and (low, high) == (ONE, shape(core)[0]):
            return at(c, i, self._places[0])
        return index_sum(self(t), i, low, high)

    def _of_blocks(self, X: Node) -> Node | None:
        """[A; B][i] = A[i], or B[i - m] below the m rows of A, where the numbers tell which; columns of [A, B] likewise."""
        axis = 0 if head(X) == "vcat" else 1
        names = ("entry", "entry2", "row") if axis == 0 else ("entry", "entry2", "column")
        A, B = operands(X)
        first = (shape(A) or (ONE, ONE))[axis]
        place = -1 if axis == 1 else 0
        if self._name not in names or (self._name == "entry" and shape(X)[1 - axis] != 1):
            return None
        at = cast(Expr, self._places[place])
        if not (at.is_Integer and first.is_Integer):
            return None
        if at <= first:
            return self(A)
        places = list(self._places)
        places[place] = intern_scalar(at - first)
        return Part(self._name, tuple(places), self._rules)(B)

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
            case "column" | "member":
                return mul(*fs[:-1], self(last))
            case "row":
                return mul(self(first), *fs[1:])
            case "entry" if _is_simple(first):
                return mul(Part("row", self._places, self._rules)(first), *fs[1:])
            case "entry2" if _is_simple(first) or _is_simple(last) or (len(fs) == 2 and ONE in shape(first)):
                i, j = self._places
                left, right = Part("row", (i,), self._rules), Part("column", (j,), self._rules)
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
        if self._name == "member":
            columns = intern_scalar(cast(Expr, columns / self._places[1]))
        dims = {"row": (ONE, columns), "column": (rows, ONE), "member": (rows, columns)}.get(self._name)
        if dims is None:
            return ONE if name == "ones" else ONE - ONE
        return ones(dims) if name == "ones" else zeros(dims)

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
        for x, number in ((a, b), (b, a)):
            letter, shift = shifted(x)
            if shift != 0 and is_number(number):
                moved = intern_scalar(cast(Expr, number) - shift)
                a, b = (letter, moved) if x is a else (moved, letter)
        made = compared(name, a, b)
        return made if made is not e else None
    if name in _TURNED and is_number(unbroadcast(a)) and not is_number(unbroadcast(b)):
        turned = _TURNED[name]
        return scalar_node(turned, (b, a), True) if is_scalar(e) else matrix_node(turned, (b, a), shape(e))
    return None
