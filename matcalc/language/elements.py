"""Entries, members of families, sums over an index and definitions entry by entry → nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, cast

import sympy
from sympy import Expr, Mul

from matcalc.errors import ParseError
from matcalc.language.infer import Inference
from matcalc.language.scope import Bound, Step
from matcalc.language.shapes import Dim, Size, simplified
from matcalc.language.shapes import Shape as Dims
from matcalc.language.syntax.tree import Comparison, Comprehension, Expression, Index
from matcalc.nodes import algebra
from matcalc.nodes.blocks import common
from matcalc.nodes.expr import (
    ONE,
    Node,
    Shape,
    head,
    intern_scalar,
    is_scalar,
    matrix_node,
    operands,
    postorder,
    scalar_node,
    shape,
)
from matcalc.nodes.families import PARTS, member, member_shape
from matcalc.nodes.indices import (
    RELATIONS,
    at,
    compared,
    free_indices,
    index,
    index_sum,
    is_index,
    is_truth,
    letter_of,
    range_of,
)
from matcalc.rulefiles.records import Record

Macro = Callable[[Record, str, Mapping[str, Node], Mapping[str, Expr]], Node]
"""(record, key, arguments by name, sizes by name) -> the formula of a record with these put in."""


class Elements:
    """Nodes for the indexed parts of one problem."""

    def __init__(
        self, inference: Inference, leaf: Callable[[str, Dims], Node], size: Callable[[Size], Expr], macro: Macro
    ) -> None:
        """`leaf` makes the variable of a key, `size` the symbol of a size."""
        self.inference = inference
        self.scope = inference.scope
        self.leaf = leaf
        self.size = size
        self.macro = macro
        self.nodes: dict[int, Node] = {}
        self.source = ""

    # ------------------------------------------------------------ sizes

    def dim(self, d: Dim) -> Expr:
        """A dimension as a SymPy expression."""
        d = simplified(d)
        if isinstance(d, int):
            return intern_scalar(sympy.Integer(d))
        if isinstance(d, Size):
            return self.size(d)
        terms = [sympy.Mul(sympy.Rational(c.numerator, c.denominator), *map(self.size, sizes)) for sizes, c in d.terms.items()]
        return intern_scalar(sympy.Add(*terms))

    def dims(self, s: Dims) -> Shape:
        """A shape as SymPy expressions; () where it is 1×1."""
        found = tuple(map(self.dim, s))
        return () if all(d == 1 for d in found) else found

    def refuse(self, what: str, e: Expression, hint: str) -> NoReturn:
        """Nothing: raises the error."""
        raise ParseError(what, source=self.source, span=e.span, hint=hint)

    def index(self, e: Index) -> Node:
        """x[i], X[i,j], X[i,:], X[:,j]."""
        X = self.nodes[id(e.operand)]
        if is_scalar(X):
            return X
        if len(e.places) == 1 and e.places[0] is not None and member_shape(X) is not None:
            return member(X, self.nodes[id(e.places[0])])
        places = [None if p is None else self.nodes[id(p)] for p in e.places]
        if len(places) == 2 and shape(X)[1] == 1:
            self.refuse("a vector has one index", e, "write x[i]")
        for place, size in zip(places, shape(X) if len(places) == 2 else (intern_scalar(Mul(*shape(X))),), strict=True):
            if place is not None and (place.is_nonpositive or (size - place).is_negative):
                self.refuse(f"there is no entry {place} among {size}", e, "indices count from 1")
        if len(places) == 1:
            if places[0] is None:
                return X
            column = X if shape(X)[1] == 1 else algebra.transpose(X)
            return scalar_node("entry", (column, places[0]))
        i, j = places
        if i is None:
            return X if j is None else matrix_node("column", (X, j), (shape(X)[0], ONE))
        return matrix_node("row", (X, i), (ONE, shape(X)[1])) if j is None else scalar_node("entry2", (X, i, j))

    def bound(self, b: Bound) -> Expr:
        """The symbol of an index."""
        return self._bound(b)[0]

    def _bound(self, b: Bound) -> tuple[Expr, Node]:
        """The symbol of an index, and when it counts: what its range has to do with other indices is a condition."""
        if b.limits is None:
            return index(b.name.name, ONE, self.dim(self.inference.ranges[b])), ONE
        low, high = (cast(Expr, self.nodes[id(x)]) for x in b.limits)
        for end, place in zip((low, high), b.limits, strict=True):
            if end.is_integer is False:
                self.refuse(f"an index runs over whole numbers, and {end} is none", place, "as in sum(x[i] for i in 1..n)")
        first, last = _outermost(low, -1), _outermost(high, 1)
        if first is None or last is None:
            place = b.limits[first is not None]
            self.refuse(
                "the range of an index depends on this", place, "give a range that holds it, and a condition: if j <= k"
            )
        i = index(b.name.name, first, last)
        below = ONE if first is low else compared("gt", i, low - 1) if is_index(low - 1) else compared("ge", i, low)
        above = ONE if last is high else compared("lt", i, high + 1) if is_index(high + 1) else compared("le", i, high)
        return i, algebra.mul(below, above)

    def comprehension(self, e: Comprehension) -> Node:
        """sum(E for i in low..high if condition): the condition is a factor 0 or 1; a product is that of a vector."""
        i, within = self._bound(self.scope.indices[id(e)])
        asked = ONE if e.condition is None else self.nodes[id(e.condition)]
        if e.condition is not None and not is_truth(asked):
            hint = "compare, as in: if i != j; two conditions are joined by *: if (i > 1)*(i < j)"
            self.refuse("a condition is a comparison", e.condition, hint)
        j, within = _widened(i, within, (asked, self.nodes[id(e.body)]))
        asked, body = (at(x, i, j) for x in (asked, self.nodes[id(e.body)]))
        i, condition = j, algebra.mul(within, asked)
        if e.function == "sum":
            return self.over(algebra.mul(condition, body), i)
        low, high = range_of(i)
        count = intern_scalar(sympy.expand(high - low + 1))
        place = matrix_node("e", (intern_scalar(sympy.expand(i - low + 1)),), (count, ONE))
        factor = algebra.add(algebra.mul(condition, body), ONE, algebra.mul(-ONE, condition))
        return scalar_node("prod", (self.over(algebra.mul(factor, place), i),))

    def over(self, body: Node, i: Expr) -> Node:
        """Σ_i body."""
        return index_sum(body, i, *range_of(i))

    def entrywise(self, step: Step, value: Node) -> Node:
        """The vector of the entries, or the matrix of the columns or entries, that a step defines."""
        symbols = [self.bound(b) for b in step.indices]
        units = [matrix_node("e", (i,), (range_of(i)[1], ONE)) for i in symbols]
        turned = algebra.transpose(units[-1])
        left = units[:1] if is_scalar(value) else []
        made = algebra.mul(value, *left, *([turned] if len(units) == 2 or not left else []))
        for i in reversed(symbols):
            made = self.over(made, i)
        return made

    def comparison(self, e: Comparison) -> Node:
        """A > B as 0/1."""
        pair = (self.nodes[id(e.left)], self.nodes[id(e.right)])
        dims = common(pair)
        if not dims:
            whole = all(cast(Expr, x).is_integer for x in pair)
            return compared(e.relation, *pair) if whole else scalar_node(e.relation, pair, True)
        return matrix_node(e.relation, tuple(algebra.broadcast(x, dims) for x in pair), dims)


def _outermost(end: Expr, side: int) -> Expr | None:
    """The least (side -1) or greatest (side 1) value of an end of a range; None where it is not known."""
    end = intern_scalar(end)
    for i in sorted(free_indices(end), key=str):
        slope = sympy.diff(end, i) if i in end.free_symbols else None
        if slope is None or not slope.is_number:
            return None
        at_end = range_of(i)[(slope > 0) == (side > 0)]
        return _outermost(intern_scalar(end.subs(i, at_end)), side)
    return end


def _widened(i: Expr, condition: Node, parts: tuple[Node, ...]) -> tuple[Expr, Node]:
    """All j of 1..n with j > i, not those of 2..n, where j is only a place in the parts: nothing is undefined there."""
    low, high = range_of(i)
    for name, pair in [(head(x), operands(x)) for x in postorder([condition])]:
        if name in ("gt", "lt") and i in pair and all(map(is_index, pair)):
            other = pair[pair[0] is i]
            is_after = (name == "gt") == (pair[0] is i)
            if is_after and low == range_of(other)[0] + 1:
                low = range_of(other)[0]
            elif not is_after and high == range_of(other)[1] - 1:
                high = range_of(other)[1]
    wider = index(letter_of(i), low, high)
    if wider is i or not all(_is_place(x, i) for x in postorder(parts) if i in operands(x)):
        return i, condition
    return wider, at(condition, i, wider)


def _is_place(x: Node, i: Node) -> bool:
    """Whether i is only a place where it is an operand of x, or compared."""
    return head(x) in RELATIONS or (head(x) in PARTS and operands(x)[0] is not i)
