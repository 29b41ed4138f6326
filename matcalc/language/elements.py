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
from matcalc.nodes.expr import ONE, Node, Shape, intern_scalar, is_scalar, matrix_node, scalar_node, shape
from matcalc.nodes.families import member, member_shape
from matcalc.nodes.indices import compared, index, index_sum, range_of
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
        if b.limits is None:
            return index(b.name.name, ONE, self.dim(self.inference.ranges[b]))
        low, high = (cast(Expr, self.nodes[id(x)]) for x in b.limits)
        return index(b.name.name, low, high)

    def comprehension(self, e: Comprehension) -> Node:
        """sum(E for i in low..high if condition): the condition is a factor 0 or 1; a product is that of a vector."""
        i, body = self.bound(self.scope.indices[id(e)]), self.nodes[id(e.body)]
        condition = ONE if e.condition is None else self.nodes[id(e.condition)]
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
