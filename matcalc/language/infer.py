"""The shape of every part of a problem, for given kinds of its names: one pass, linear in the text.

A shape is () for a scalar or (rows, columns); unknown sizes are unified on the way.  What does not fit is a `MisfitError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matcalc.errors import ArgumentError, DeclarationError
from matcalc.language.calls import resolve
from matcalc.language.indexing import Indexing
from matcalc.language.misfit import MisfitError, misuse, unify
from matcalc.language.name_shapes import normal
from matcalc.language.scope import Step, is_differential, is_upstream
from matcalc.language.shapes import ClashError, Dim, Shape, degree, find, plus, times, unknown
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import (
    Bars,
    Block,
    Call,
    Comparison,
    Comprehension,
    Expression,
    Index,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Sum,
    Transpose,
)

MAX_DEGREE = 12
"""How many sizes a dimension may be a product of."""


class Inference(Indexing):
    """One pass over a problem: the shapes of all its parts."""

    def run(self) -> Inference:
        """This inference, done.

        Raises: MisfitError for what does not fit, with the text that it stands in.
        """
        step = self.scope.steps[0]
        try:
            for step in self.scope.steps:
                self._walk(step)
                self.final = self.shapes[id(step.roots[0])]
                if step.name is not None:
                    self._define(step, step.name)
            for step in (*self.scope.facts, *self.scope.distinct):
                self._walk(step)
                left, right = step.roots
                a, b = self.shapes[id(left)], self.shapes[id(right)]
                if a and b:
                    self.same(a, b, "compare", left, right)
            self.reach()
            self._settle(step)
        except MisfitError as misfit:
            misfit.source = misfit.source or step.source
            raise
        return self

    def _walk(self, step: Step) -> None:
        shapes = self.shapes
        for e in step.parts:
            shapes[id(e)] = _HANDLERS[type(e)](self, e)

    def _settle(self, step: Step) -> None:
        try:
            self.unifier.settle()
        except ClashError as clash:
            root = step.roots[0]
            raise MisfitError(
                "settle", [root], clash=clash, what="the sizes do not fit together", hint="declare the sizes"
            ) from None

    def _define(self, step: Step, name: Name) -> None:
        key = name_key(name.name)
        found = self.shapes[id(step.roots[0])]
        if step.indices:
            found = self.entrywise(step, found)
        if key in self.scope.declared:
            told = self._declared(key)
            if bool(told) != bool(found):
                kind = self.scope.declared[key].kind
                raise MisfitError(
                    "define",
                    [step.roots[0]],
                    what=f"{name.name} is declared a {kind}, and its value is none",
                    cls=DeclarationError,
                    hint="change the declaration or the definition",
                )
            if told:
                self.same(told, found, "+", name, step.roots[0])
        self.names[key] = found

    # ------------------------------------------------------------ operators

    def number(self, e: Number) -> Shape:
        """A number is a scalar."""
        return ()

    def sum(self, e: Sum) -> Shape:
        """Equal shapes, or a scalar beside a matrix."""
        total, where = self.shapes[id(e.terms[0])], e.terms[0]
        for term, sign in zip(e.terms[1:], e.signs[1:], strict=True):
            s = self.shapes[id(term)]
            if sign[0] == ".":
                total = self.broadcast(total, s, ".+", where, term)
            elif total and s:
                self.same(total, s, sign, where, term)
            elif total or s:
                self.spread.append((e, where if s else term, total or s))
                total = total or s
            where = term if s else where
        return total

    def product(self, e: Product) -> Shape:
        """The factors from the left."""
        cur = self.shapes[id(e.factors[0])]
        for i in range(1, len(e.factors)):
            factor, operator = e.factors[i], e.operators[i]
            try:
                cur = self._times(cur, self.shapes[id(factor)], operator, factor)
            except MisfitError as misfit:
                if len(misfit.parts) > 1:  # the left one is everything before the factor
                    left = Product(e.factors[:i], e.operators[:i], (e.factors[0].span[0], e.factors[i - 1].span[1]))
                    misfit.parts = (e.factors[0] if i == 1 else left, factor)
                raise
        return cur

    def _times(self, cur: Shape, s: Shape, operator: str, factor: Expression) -> Shape:
        if operator == "/":
            if s:
                hint = "write inv(B)*A or A*inv(B) for a square matrix, A ./ B entry by entry"
                raise MisfitError("divide", [factor], [s], what="cannot divide by a matrix or vector", hint=hint)
            return cur
        if operator == "frobenius":
            if not cur or not s or 1 in (find(cur[1]), find(s[1])):
                hint = "write inner(x, y) for vectors, / for a ratio of scalars"
                raise MisfitError("frobenius", [factor, factor], [cur, s], what="A:B is that of two matrices", hint=hint)
            unify(self.unifier, tuple(zip(cur, s, strict=True)), "frobenius", (factor, factor), (cur, s))
            return ()
        if not cur or not s:
            return cur or s
        if operator == "*":
            a, b = find(cur[1]), find(s[0])
            if a is not b and a != b:
                unify(self.unifier, ((a, b),), "*", (factor, factor), (cur, s))
            return normal((cur[0], s[1]))
        if operator == "kron":
            found = (times(cur[0], s[0]), times(cur[1], s[1]))
            if max(map(degree, found)) > MAX_DEGREE:
                hint = "Kronecker products of a few factors are read"
                raise MisfitError(
                    "kron", [factor], [s], what=f"the sizes are products of more than {MAX_DEGREE} others", hint=hint
                )
            return found
        return self.broadcast(cur, s, operator, factor, factor)

    def negative(self, e: Negative) -> Shape:
        """The same shape."""
        return self.shapes[id(e.operand)]

    def transpose(self, e: Transpose) -> Shape:
        """Rows and columns exchanged."""
        s = self.shapes[id(e.operand)]
        return (s[1], s[0]) if s else s

    def power(self, e: Power) -> Shape:
        """A scalar's power, a square matrix's, or entry by entry."""
        base, exponent = self.shapes[id(e.base)], self.shapes[id(e.exponent)]
        if e.entrywise:
            return self.broadcast(base, exponent, ".*", e.base, e.exponent)
        if exponent:
            raise misuse(
                "an exponent must be a scalar", e.exponent, "write .^ for powers entry by entry, expm(A) for e^A", "exponent"
            )
        if not base:
            return ()
        if find(base[1]) == 1:
            raise MisfitError(
                "power",
                [e.base],
                [base],
                what="a vector has no power; a scalar or a square matrix has",
                hint="write x.^2 for powers entry by entry, x'*x or norm(x)^2 for the square of the length",
            )
        try:
            self.unifier.unify(base[0], base[1])
        except ClashError as clash:
            raise MisfitError(
                "power",
                [e.base],
                [base],
                clash,
                what="only a square matrix has a power",
                hint="write X.^2 entry by entry, X'*X for a square",
            ) from None
        if not self._integral(e.exponent) and not _is_half(e.exponent):
            raise misuse(
                "the power of a matrix is an integer or an integer symbol",
                e.exponent,
                "A^(1/2) and A^(-1/2) are read too; declare `k: integer`, or write A.^p entry by entry",
                "integral",
            )
        return base

    def _integral(self, e: Expression) -> bool:
        waiting = [e]
        while waiting:
            part = waiting.pop()
            match part:
                case Number():
                    if part.value.denominator != 1:
                        return False
                case Name() if id(part) in self.scope.indices:
                    pass
                case Name():
                    key = name_key(part.name)
                    declared = self.scope.declared.get(key)
                    known = key in self.scope.sizes or key in self.scope.bound or self.kinds.get(key) == "integer"
                    if not known and not (declared is not None and declared.kind == "integer"):
                        return False
                case Negative():
                    waiting.append(part.operand)
                case Sum():
                    waiting.extend(part.terms)
                case Power() if not part.entrywise and isinstance(part.exponent, Number) and part.exponent.value >= 0:
                    waiting.extend((part.base, part.exponent))
                case Product():
                    if set(part.operators) != {"*"}:
                        return False
                    waiting.extend(part.factors)
                case _:
                    return False
        return True

    def comparison(self, e: Comparison) -> Shape:
        """The common shape of both sides."""
        return self.broadcast(self.shapes[id(e.left)], self.shapes[id(e.right)], "compare", e.left, e.right)

    def bars(self, e: Bars) -> Shape:
        """Abs of a scalar, det of a square matrix."""
        s = self.shapes[id(e.operand)]
        if s:
            if find(s[1]) == 1 or find(s[0]) == 1:
                raise MisfitError(
                    "bars",
                    [e],
                    [s],
                    what="bars are abs of a scalar and det of a square matrix, and this is a vector",
                    hint="write norm(x) or ‖x‖ for its length, abs(x) entry by entry",
                )
            try:
                self.unifier.unify(*s)
            except ClashError as clash:
                raise MisfitError(
                    "bars", [e], [s], clash, what="only a square matrix has a determinant", hint="write norm(X) or abs(X)"
                ) from None
        return ()

    def block(self, e: Block) -> Shape:
        """Blocks side by side and rows of them stacked; a scalar is one entry, 0 a block of zeros."""
        rows: Dim = 0
        width: Dim | None = None
        for row in e.rows:
            height: Dim | None = None
            columns: Dim = 0
            for j, part in enumerate(row):
                r, c = self.block_shape(e, row, j)
                if height is not None:
                    unify(self.unifier, ((height, r),), "row", (row[0], part), (self.shapes[id(row[0])], self.shapes[id(part)]))
                height, columns = r, plus(columns, c)
            if width is not None and not self._columns_agree(e.rows[0], row):
                unify(
                    self.unifier, ((width, columns),), "stack", (e.rows[0][0], row[0]), ((rows, width), (height or 1, columns))
                )
            width, rows = columns, plus(rows, height or 1)
        return normal((rows, width or 1))

    def _columns_agree(self, first: tuple[Expression, ...], row: tuple[Expression, ...]) -> bool:
        """Whether each block of a row could be made as wide as the one of the first row above it."""
        pairs = [(self.shapes[id(p)], self.shapes[id(q)]) for p, q in zip(first, row, strict=False)]
        widths = [(find(p[1]), find(q[1])) for p, q in pairs if p and q]
        if len(first) != len(row) or not all(p == q or (1 not in (p, q) and (unknown(p) or unknown(q))) for p, q in widths):
            return False
        for p, q in widths:
            self.unifier.unify(p, q)
        return all(bool(p) == bool(q) for p, q in pairs)

    def block_shape(self, e: Block, row: tuple[Expression, ...], j: int) -> tuple[Dim, Dim]:
        """The shape of one block; a 0 takes it from its row and its column."""
        part = row[j]
        s = self.shapes[id(part)]
        if s:
            return s[0], s[1]
        if not (isinstance(part, Number) and part.value == 0):
            return 1, 1
        beside = next((self.shapes[id(p)] for p in row if self.shapes[id(p)]), ())
        above = next((self.shapes[id(r[j])] for r in e.rows if len(r) == len(row) and self.shapes[id(r[j])]), ())
        return (beside[0] if beside else 1), (above[1] if above else 1)

    def call(self, e: Call) -> Shape:
        """The shape of a function's result."""
        if is_differential(e) and isinstance(e.arguments[0], Name):
            of = e.arguments[0]
            return self.shape_of_name(Name(f"d{of.name}", of.span) if self.scope.sealed else of)
        if is_upstream(e):
            return self._upstream(e)
        if self.scope.is_function(e.function):
            self._argument(e.function, e)
            return ()
        key = name_key(e.function)
        if key in self.scope.declared or key in self.scope.defined or (key in self.scope.bound and self.scope.sealed is False):
            raise MisfitError(
                "call",
                [e],
                what=f"{e.function} is a variable here, not a function",
                span=e.name_span,
                cls=ArgumentError,
                hint=f"multiplication is always written: {e.function}*(…)",
            )
        if is_differential(e):
            return self.shapes[id(e.arguments[0])]
        found = resolve(self, e)
        self.calls[id(e)] = found
        return found.shape

    def _upstream(self, e: Call) -> Shape:
        """grad(ell, y) has the shape of y."""
        ell = e.arguments[0]
        assert isinstance(ell, Name)
        if not self.scope.is_function(ell.name):
            hint = f"declare it, as {ell.name}: function(vector) -> scalar"
            raise MisfitError("unknown", [ell], what=f"{ell.name} is no unknown function", hint=hint, cls=ArgumentError)
        self._argument(ell.name, Call(ell.name, e.arguments[1:], (), e.span, e.name_span))
        return self.shapes[id(e.arguments[1])]

    def _argument(self, name: str, e: Call) -> None:
        """What an unknown function is applied to is what its declaration says."""
        kind = self.scope.functions[name_key(name)]
        if len(e.arguments) != 1 or e.keywords:
            raise MisfitError("count", [e], what=f"{name} takes one argument", hint=f"{name}(y)", cls=ArgumentError)
        found = self.shapes[id(e.arguments[0])]
        wanted = self.fresh(kind)
        if bool(found) != bool(wanted):
            raise misuse(f"{name} is declared a function of a {kind}", e.arguments[0], "change the declaration")
        if found:
            self.same(found, wanted, "+", e.arguments[0], e.arguments[0])


def _is_half(e: Expression) -> bool:
    """Whether an exponent is 1/2 or -1/2: those of a square root of a matrix and of its inverse."""
    while isinstance(e, Negative):
        e = e.operand
    if isinstance(e, Product) and e.operators[1:] == ("/",):
        above, below = e.factors
        above = above.operand if isinstance(above, Negative) else above
        return isinstance(above, Number) and isinstance(below, Number) and below.value == 2 * above.value != 0
    return isinstance(e, Number) and 2 * e.value == 1


_HANDLERS: dict[type, Callable[[Inference, Any], Shape]] = {
    Number: Inference.number,
    Name: Inference.shape_of_name,
    Sum: Inference.sum,
    Product: Inference.product,
    Negative: Inference.negative,
    Transpose: Inference.transpose,
    Power: Inference.power,
    Comparison: Inference.comparison,
    Index: Inference.index,
    Bars: Inference.bars,
    Block: Inference.block,
    Call: Inference.call,
    Comprehension: Inference.comprehension,
}
