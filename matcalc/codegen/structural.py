"""Linear operations that only name axes: products, traces, sums, Kronecker products, diagonals, vec, blocks of those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import sympy

from matcalc.codegen.forms import Form, Label, product
from matcalc.codegen.lower import Handler, Lowering
from matcalc.nodes.expr import Node, head, is_scalar, operands, postorder, shape
from matcalc.numeric.batch import gates


def _multiplied(to: Lowering, e: Node) -> Form:
    """A product; where a condition makes it 0, whatever else there is, even what has no value."""
    args = operands(e)
    closing = gates(args)
    rest = [f for i, f in enumerate(args) if i not in closing]
    if not closing or not any(map(_may_fail, postorder(rest))):
        return to.multiplied(*args)
    return to.gated([args[i] for i in closing], rest)


def _may_fail(e: Node) -> bool:
    """Whether an operation has no value for some operands."""
    if head(e) in ("spow", "hadpow"):
        return not operands(e)[1].is_nonnegative
    return head(e) in ("log", "inv", "pow", "gamma", "lgamma", "digamma", "polygamma", "logdet")


def _hadamard(to: Lowering, e: Node) -> Form:
    return to.hadamard(*operands(e))


def _added(to: Lowering, e: Node) -> Form:
    return to.added(*operands(e))


def _transposed(to: Lowering, e: Node) -> Form:
    return to.form(operands(e)[0]).turned()


def _scalar(to: Lowering, e: Node) -> Form:
    form = to.form(operands(e)[0])
    return product(to.values, form) if form.rows or form.columns else form


def _sum(to: Lowering, e: Node) -> Form:
    return product(to.values, to.fresh(operands(e)[0])[0])


def _mean(to: Lowering, e: Node) -> Form:
    (form,) = to.fresh(operands(e)[0])
    count = sympy.Mul(*shape(operands(e)[0]))
    return product(to.values, form, Form(((to.values.number(1 / count), ()),)))


def _trace(to: Lowering, e: Node) -> Form:
    (form,) = to.fresh(operands(e)[0])
    (joined,) = to.joined([form], [((0, "rows"), (0, "columns"))])
    return product(to.values, joined)


def _diagonal(to: Lowering, e: Node) -> Form:
    (form,) = to.fresh(operands(e)[0])
    (joined,) = to.joined([form], [((0, "rows"), (0, "columns"))])
    return replace(joined, columns=())


def _diag(to: Lowering, e: Node) -> Form:
    form = to.form(operands(e)[0])
    side = form.rows or form.columns
    return replace(form, rows=side, columns=side)


def _kron(to: Lowering, e: Node) -> Form:
    a, b = to.fresh(*operands(e))
    return product(to.values, a, b, rows=(*a.rows, *b.rows), columns=(*a.columns, *b.columns))


def _vec(to: Lowering, e: Node) -> Form:
    form = to.form(operands(e)[0])
    return replace(form, rows=(*form.columns, *form.rows), columns=())


def _unvec(to: Lowering, e: Node) -> Form:
    (form,) = to.fresh(operands(e)[0])
    rows, columns = map(Label, shape(e))
    side = "rows" if form.rows else "columns"
    like = Form((), (columns, rows))
    form, like = to.joined([form, like], [((0, side), (1, "rows"))])
    n = _count(like, shape(e)[1])
    return replace(form, rows=like.rows[n:], columns=like.rows[:n])


def _count(like: Form, size: sympy.Expr) -> int:
    """How many of the labels of the rows count the first size together."""
    total = sympy.S.One
    for i, x in enumerate(like.rows):
        if sympy.expand(total - size) == 0:
            return i
        total *= x.size
    return len(like.rows)


def _eye(to: Lowering, e: Node) -> Form:
    x = Label(shape(e)[0])
    return Form((), (x,), (x,))


def _constant(to: Lowering, e: Node, factors: bool) -> Form:
    rows, columns = (() if d == 1 else (Label(d),) for d in shape(e))
    return Form(((to.values.number(0), ()),) if factors else (), rows, columns)


def _commutation(to: Lowering, e: Node) -> Form:
    m, n = map(Label, operands(e))
    return Form((), (m, n), (n, m))


def _block_inner(to: Lowering, e: Node) -> Form:
    K, B = operands(e)
    return _blockwise(to, K, B, inner=True)


def _block_sum(to: Lowering, e: Node) -> Form:
    K, A = operands(e)
    return _blockwise(to, K, A, inner=False)


def _blockwise(to: Lowering, K: Node, B: Node, inner: bool) -> Form:
    """Σ over the entries within the blocks, or over the blocks, of K times those of B."""
    form, other = to.fresh(K, B)
    if is_scalar(K) or is_scalar(B):
        return product(to.values, form, other, rows=form.rows, columns=form.columns)
    kept = [sympy.cancel(p / q) for p, q in zip(shape(K), shape(B), strict=True)]
    rows, columns = (() if d == 1 else (Label(d),) for d in kept)
    rest, other = Form((), rows, columns), to.flat(other)
    outer, within = (rest, other) if inner else (other, rest)
    like = Form((), (*outer.rows, *within.rows), (*outer.columns, *within.columns))
    form = to.flat(form)
    form, like, rest, other = to.joined(
        [form, like, rest, other], [((0, "rows"), (1, "rows")), ((0, "columns"), (1, "columns"))]
    )
    return product(to.values, form, other, rows=rest.rows, columns=rest.columns)


def _hadpow(to: Lowering, e: Node) -> Form:
    base, exponent = operands(e)
    p = to.form(exponent).factors
    number = p[0][0].number if len(p) == 1 else None
    if number == 2:
        return to.hadamard(base, base) if not is_scalar(base) else _square(to, base)
    if number is None:
        return to.entrywise("pow", base, exponent)
    forms, like = to.aligned([base], keeps_zero=bool(number.is_positive))
    value, labels = forms[0].factors[0]
    return to.single(labels, to.values.power(value, number), like)


def _square(to: Lowering, base: Node) -> Form:
    if head(base) == "norm":
        X = operands(base)[0]
        form = to.settled(to.fresh(X)[0])
        return product(to.values, form, form)
    form = to.settled(to.fresh(base)[0])
    return Form((*form.factors, *form.factors), index=form.index)


STRUCTURAL: Mapping[str, Handler] = {
    "mul": _multiplied,
    "smul": _multiplied,
    "scale": _multiplied,
    "hadamard": _hadamard,
    "add": _added,
    "sadd": _added,
    "transpose": _transposed,
    "scalar": _scalar,
    "tr": _trace,
    "sum": _sum,
    "mean": _mean,
    "diag": _diag,
    "diagonal": _diagonal,
    "kron": _kron,
    "vec": _vec,
    "unvec": _unvec,
    "eye": _eye,
    "ones": partial(_constant, factors=False),
    "zeros": partial(_constant, factors=True),
    "commutation": _commutation,
    "block_inner": _block_inner,
    "block_sum": _block_sum,
    "hadpow": _hadpow,
    "spow": _hadpow,
}
