"""What depends on an index, for all its values at once: scalars as a vector, columns side by side, rows below one another.

So that Σ_i x_i y_i can be written x'*y, and Σ_i v_i e_i' as the matrix of the v_i.  None where no matrix algebra says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.nodes.algebra import (
    add,
    broadcast,
    build,
    eye,
    hadamard,
    hadamard_power,
    has_value,
    mul,
    ones,
    rebuild,
    terms,
    transpose,
)
from matcalc.nodes.expr import ONE, SCALAR, Node, Shape, head, is_scalar, matrix_node, operands, postorder, shape, substitute
from matcalc.nodes.families import member_shape
from matcalc.nodes.indices import SUM, at, free_indices, in_range, range_of
from matcalc.rulebase.base import Rulebase

Stacker: TypeAlias = Callable[[Node], Node | None]
ROWS, COLUMNS = 0, 1
"""The axis along which the index runs."""


def total(body: Node, i: Node, rules: Rulebase, families: bool = False) -> Node | None:
    """Σ_i body in matrix algebra; with `families` a family of vectors may stand there as the matrix of its members."""
    low, _ = range_of(i)
    if low != 1 or not all(has_value(x, {}) for x in _kept_out(body, i)):
        return None
    stack = _Stack(i, rules, families)
    if is_scalar(body):
        S = stack.vector(body)
        return None if S is None else build("sum", (S,), SCALAR)
    parts = [stack.total(t) for t in terms(body)]
    return None if any(p is None for p in parts) else add(*cast("list[Node]", parts))


def _kept_out(body: Node, i: Node) -> Iterator[Node]:
    """What a body is at j = k without its condition j != k: matrix algebra has it, and multiplies it by 0."""
    sums = [operands(x)[:2] for x in postorder([body]) if head(x) == SUM]
    for inner, j in [(body, i), *sums]:
        for x in postorder([inner]):
            if head(x) == "ne" and is_scalar(x) and j in operands(x):
                a, b = operands(x)
                yield at(substitute(inner, {x: ONE}, rebuild), j, b if a is j else a)


class _Stack:
    """Expressions for all the values 1..n of one index."""

    def __init__(self, i: Node, rules: Rulebase, families: bool) -> None:
        """Of the index i."""
        self._i, self._rules, self._families = i, rules, families
        self._n = range_of(i)[1]

    def _moves(self, e: Node) -> bool:
        return self._i in free_indices(e)

    # ------------------------------------------------------------ sums of matrices

    def total(self, t: Node) -> Node | None:
        """Σ_i c_i*v_i*r_i = (the c_i*v_i side by side)*(the r_i below one another), v_i a column and r_i a row."""
        c, fs = coefficient_and_factors(t)
        weights = self.vector(c)
        if weights is None:
            return None
        split = next((k + 1 for k, f in enumerate(fs) if shape(f)[1] == 1), 0)
        left, right = (mul(*part) if part else None for part in (fs[:split], fs[split:]))
        V = None if left is None else self.lines(left, COLUMNS)
        R = None if right is None else self.lines(right, ROWS)
        if right is None or (left is not None and not self._moves(right)):
            return None if V is None else mul(V, weights, *([] if right is None else [right]))
        if left is None or not self._moves(left):
            return None if R is None else mul(*([] if left is None else [left]), transpose(weights), R)
        return None if V is None or R is None else mul(self._scaled(V, c, weights, COLUMNS), R)

    def _scaled(self, M: Node, c: Node, weights: Node, axis: int) -> Node:
        """The columns or rows of M, each times its weight c_i."""
        if not self._moves(c):
            return mul(c, M)
        return hadamard(M, broadcast(transpose(weights) if axis == COLUMNS else weights, shape(M)))

    # ------------------------------------------------------------ columns and rows

    def lines(self, v: Node, axis: int) -> Node | None:
        """The columns v_i side by side, or the rows v_i below one another."""
        if shape(v)[axis] != 1:
            return None
        if not self._moves(v):
            return mul(v, ones((ONE, self._n))) if axis == COLUMNS else mul(ones((self._n, ONE)), v)
        args = operands(v)

        def along(o: Node) -> Node | None:
            return self.lines(o, axis)

        match head(v):
            case "column" | "row" if args[1] is self._i and not self._moves(args[0]):
                return self._array(args[0], axis)
            case "e" if args[0] is self._i and shape(v)[0] is self._n:
                return eye(self._n)
            case "transpose":
                turned = self.lines(args[0], 1 - axis)
                return None if turned is None else transpose(turned)
            case "add":
                return _each(args, along, add)
            case "hadamard":
                return _each(args, along, hadamard)
            case "hadpow" if not self._moves(args[1]):
                base = along(args[0])
                return None if base is None else hadamard_power(base, args[1])
            case "mul":
                return self._product(v, axis)
            case name if self._works_by_entries(v, name):
                return self._entrywise(v, along)
        return None

    def _product(self, v: Node, axis: int) -> Node | None:
        """c_i*A*v_i as A*(the v_i), each column times its c_i; the same of rows."""
        c, fs = _contracted(*coefficient_and_factors(v), axis)
        still, end = (fs[:-1], fs[-1]) if axis == COLUMNS else (fs[1:], fs[0])
        if any(map(self._moves, still)):
            k = next((k for k, f in enumerate(fs) if head(f) == "add"), None)
            written = [] if k is None else [mul(c, *fs[:k], t, *fs[k + 1 :]) for t in terms(fs[k])]
            return _each(tuple(written), lambda t: self.lines(t, axis), add) if written else None
        L, weights = self.lines(end, axis), self.vector(c)
        if L is None or weights is None:
            return None
        return self._scaled(mul(*still, L) if axis == COLUMNS else mul(L, *still), c, weights, axis)

    def _array(self, X: Node, axis: int) -> Node | None:
        """X, where the index counts its columns or rows."""
        return X if shape(X)[axis] is self._n and (self._families or member_shape(X) is None) else None

    # ------------------------------------------------------------ scalars

    def vector(self, s: Node) -> Node | None:
        """The scalars s_i below one another."""
        if not self._moves(s):
            return mul(s, ones((self._n, ONE)))
        args = operands(s)
        match head(s):
            case "entry" if args[1] is self._i and not self._moves(args[0]):
                return self._array(args[0], ROWS)
            case "entry" if not self._moves(args[1]):
                V = self.lines(args[0], COLUMNS)
                return None if V is None else transpose(matrix_node("row", (V, args[1]), (ONE, self._n)))
            case "entry2" if not self._moves(args[0]):
                return self._line(*args)
            case "eq" | "ne" if self._i in args:
                return self._unit(args, head(s) == "eq")
            case "sadd":
                return _each(args, self.vector, add)
            case "smul":
                return _each(args, self.vector, hadamard)
            case "spow" if not self._moves(args[1]):
                S = self.vector(args[0])
                return None if S is None else hadamard_power(S, args[1])
            case "scalar":
                return self.vector(args[0]) if is_scalar(args[0]) else self._inner(args[0])
            case "sum":
                return self._sums(self._either(args[0]))
            case "norm":
                L = self._either(args[0])
                squares = self._sums(None if L is None else (hadamard_power(L[0], 2 * ONE), L[1]))
                return None if squares is None else hadamard_power(squares, ONE / 2)
            case name if name == SUM and args[1] is not self._i:
                inner = _Stack(args[1], self._rules, self._families).vector(args[0]) if range_of(args[1])[0] == 1 else None
                return self._sums(None if inner is None else self._either(inner))
            case name if self._works_by_entries(s, name):
                return self._entrywise(s, self.vector)
        return None

    def _line(self, X: Node, i: Node, j: Node) -> Node | None:
        """X[i,k] or X[k,j] for all i, or all j."""
        if i is self._i and not self._moves(j) and self._array(X, ROWS) is not None:
            return matrix_node("column", (X, j), (self._n, ONE))
        if j is self._i and not self._moves(i) and self._array(X, COLUMNS) is not None:
            return transpose(matrix_node("row", (X, i), (ONE, self._n)))
        return None

    def _unit(self, pair: tuple[Node, ...], equal: bool) -> Node | None:
        """1 where i is the other of a pair, else 0; or the other way round."""
        other = pair[1] if pair[0] is self._i else pair[0]
        if self._moves(other) or in_range(other, self._i) is not ONE:
            return None
        unit = matrix_node("e", (other,), (self._n, ONE))
        return unit if equal else add(ones((self._n, ONE)), mul(-ONE, unit))

    def _inner(self, product: Node) -> Node | None:
        """r_i*M*v_i for all i: the sums along the rows of (the r_i*M) .* (the v_i)'."""
        fs = operands(product)
        moving = [k for k, f in enumerate(fs) if self._moves(f)]
        R = self.lines(fs[0], ROWS) if 0 in moving else None
        V = self.lines(fs[-1], COLUMNS) if len(fs) - 1 in moving else None
        if moving == [0]:
            return None if R is None else mul(R, *fs[1:])
        if moving == [len(fs) - 1]:
            return None if V is None else transpose(mul(*fs[:-1], V))
        if len(moving) != 2 or R is None or V is None:
            return None
        return self._sums((hadamard(mul(R, *fs[1:-1]), transpose(V)), ROWS))

    def _either(self, v: Node) -> tuple[Node, int] | None:
        """The v_i as columns or as rows, and which."""
        for axis in (COLUMNS, ROWS):
            L = self.lines(v, axis)
            if L is not None:
                return L, axis
        return None

    def _sums(self, stacked: tuple[Node, int] | None) -> Node | None:
        """The sum of each column, or row, as a vector."""
        if stacked is None:
            return None
        M, axis = stacked
        return mul(M, ones((shape(M)[1], ONE))) if axis == ROWS else transpose(mul(ones((ONE, shape(M)[0])), M))

    # ------------------------------------------------------------ entry by entry

    def _works_by_entries(self, e: Node, name: str) -> bool:
        return self._rules.is_entrywise(name) or bool(getattr(e, "is_Function", False))

    def _entrywise(self, e: Node, stack: Stacker) -> Node | None:
        """f(A_i, …), entry by entry."""
        record = self._rules.rule_of(e)
        names = [a.name for a in record.operands] if record is not None else [""] * len(operands(e))
        still = {k for k, name in enumerate(names) if record is not None and name in record.constant}
        if any(self._moves(operands(e)[k]) for k in still):
            return None
        made = [o if k in still else stack(o) for k, o in enumerate(operands(e))]
        if any(m is None for m in made):
            return None
        args = tuple(cast("list[Node]", made))
        dims: Shape = next(shape(a) for k, a in enumerate(args) if k not in still)
        return self._rules.make(record.name if record is not None else head(e), args, dims)


def _contracted(c: Node, fs: tuple[Node, ...], axis: int) -> tuple[Node, tuple[Node, ...]]:
    """The coefficient and the factors; an inner product in front of a row is part of the coefficient."""
    inner = next((k for k, f in enumerate(fs) if shape(f)[1] == 1), None) if axis == ROWS else None
    if inner is not None and inner + 1 < len(fs):
        return mul(c, *fs[: inner + 1]), fs[inner + 1 :]
    return c, fs


def _each(args: tuple[Node, ...], stack: Stacker, join: Callable[..., Node]) -> Node | None:
    made = [stack(o) for o in args]
    return None if any(m is None for m in made) else join(*cast("list[Node]", made))
