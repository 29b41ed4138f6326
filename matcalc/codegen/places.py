"""Entries, rows, columns, members, unit matrices and sums over an index: places on axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import sympy
from sympy import Expr

from matcalc.codegen.forms import Form, Label, Labels, product
from matcalc.codegen.lower import Handler, Lowering
from matcalc.codegen.ranges import hull
from matcalc.codegen.values import Value
from matcalc.nodes.algebra import add
from matcalc.nodes.expr import Node, head, operands, shape
from matcalc.nodes.indices import compared, free_indices, index_sum, is_index, range_of, shifted


def placed(to: Lowering, form: Form, side: str, place: Node) -> Form:
    """The form at a place of its rows or columns, which it then has no more."""
    form = to.dense(form.fresh(), None)
    if len(getattr(form, side)) > 1:
        form = to.flat(form)
    (x,) = getattr(form, side) or (Label(sympy.S.One),)
    left = replace(form, rows=()) if side == "rows" else replace(form, columns=())
    if not any(x in labels for _, labels in form.factors):
        return _touched(to, left, place)
    letter, shift = shifted(place)
    if is_index(letter):
        low, high = hull(letter)
        start, stop = sympy.expand(low + shift - 1), sympy.expand(high + shift)
        i = to.label_of(letter)
        if start == 0 and sympy.expand(stop - x.size) == 0:
            return replace(left.renamed({x: i}), index=left.index | {i})
        if start.is_nonnegative and sympy.expand(x.size - stop).is_nonnegative:
            made = _each(left, x, lambda v, axis: to.values.make("slice", [v], _resized(v, axis, i.size), axis, start, stop), i)
            return replace(made, index=made.index | {i})
    where = to.settled(to.form(place))
    index, labels = where.factors[0]
    if index.number is not None:
        clip = shift != 0
        at = sympy.expand(index.number - 1)
        return _each(
            left, x, lambda v, axis: to.values.make("item", [v], _without(v, axis), axis, at, x.size if clip else None)
        )
    return _gathered(to, left, x, index, labels, where)


def _touched(to: Lowering, form: Form, place: Node) -> Form:
    """The form with the index of a place, though nothing in it depends on it."""
    letters = free_indices(place)
    return replace(form, index=form.index | {to.label_of(i) for i in letters})


def _each(form: Form, x: Label, take: Callable[[Value, int], Value], new: Label | None = None) -> Form:
    """The form with every factor taken at a place of the label x, which becomes `new` or goes."""
    factors = []
    for value, labels in form.factors:
        while x in labels:
            axis = labels.index(x)
            value = take(value, axis)
            labels = (*labels[:axis], *((new,) if new is not None else ()), *labels[axis + 1 :])
        factors.append((value, labels))
    return replace(form, factors=tuple(factors))


def _resized(v: Value, axis: int, size: Expr) -> tuple[Expr, ...]:
    return (*v.dims[:axis], size, *v.dims[axis + 1 :])


def _without(v: Value, axis: int) -> tuple[Expr, ...]:
    return (*v.dims[:axis], *v.dims[axis + 1 :])


def _gathered(to: Lowering, form: Form, x: Label, index: Value, labels: Labels, where: Form) -> Form:
    """The form with factors taken at places that are themselves an array, along labels that the factors may have too."""
    factors = []
    for value, own in form.factors:
        if x not in own:
            factors.append((value, own))
            continue
        axis = own.index(x)
        common = tuple(y for y in labels if y in own)
        new = tuple(y for y in labels if y not in own)
        if common and not to.spells("gather", "ops"):
            units = to.values.make("onehot", [index], (*index.dims, x.size))
            factors += [(value, own), (units, (*labels, x))]
            continue
        out = (
            (*common, *(y for y in own if y is not x and y not in common), *new)
            if common
            else (*own[:axis], *labels, *own[axis + 1 :])
        )
        numbers = {y: n for n, y in enumerate(dict.fromkeys((*own, *labels)))}
        codes = tuple(tuple(numbers[y] for y in ls) for ls in (own, labels, out))
        made = to.values.make("gather", [value, index], tuple(y.size for y in out), axis, *codes)
        factors.append((made, out))
    return Form(tuple(factors), form.rows, form.columns, form.index | where.index)


# ---------------------------------------------------------------- parts


def _entry(to: Lowering, e: Node) -> Form:
    x, i = operands(e)
    form = to.form(x)
    return placed(to, form, "rows" if shape(x)[1] == 1 else "columns", i)


def _entry2(to: Lowering, e: Node) -> Form:
    X, i, j = operands(e)
    form = to.form(X)
    for side, place, size in (("rows", i, shape(X)[0]), ("columns", j, shape(X)[1])):
        form = placed(to, form, side, place) if size != 1 else _touched(to, form, place)
    return form


def _row(to: Lowering, e: Node) -> Form:
    X, i = operands(e)
    return placed(to, to.form(X), "rows", i)


def _column(to: Lowering, e: Node) -> Form:
    X, j = operands(e)
    return placed(to, to.form(X), "columns", j)


def _member(to: Lowering, e: Node) -> Form:
    X, t, count = operands(e)
    b = Label(shape(e)[1])
    like = Form((), (), (Label(cast(Expr, count)), b))
    form, like = to.joined([to.dense(to.fresh(X)[0]), like], [((0, "columns"), (1, "columns"))])
    first, *rest = like.columns
    moved = placed(to, replace(form, columns=(first,), rows=(*form.rows, *rest)), "columns", t)
    n = len(form.rows)
    return replace(moved, rows=moved.rows[:n], columns=moved.rows[n:])


def _unit(to: Lowering, e: Node) -> Form:
    """e(i): 1 at i."""
    side = "rows" if shape(e)[1] == 1 else "columns"
    size = shape(e)[0] if side == "rows" else shape(e)[1]
    (i,) = operands(e)
    x = Label(size)
    letter, shift = shifted(i)
    if is_index(letter) and shift == 0 and hull(letter) == (1, size):
        x = to.label_of(letter)
        return _on(Form((), index=frozenset([x])), side, x)
    where = to.settled(to.form(i))
    value, labels = where.factors[0]
    made = to.values.make("onehot", [value], (*value.dims, size))
    return _on(Form(((made, (*labels, x)),), index=where.index), side, x)


def _on(form: Form, side: str, x: Label) -> Form:
    """The form with a label on one side."""
    return replace(form, rows=(x,)) if side == "rows" else replace(form, columns=(x,))


# ---------------------------------------------------------------- sums


def _index_sum(to: Lowering, e: Node) -> Form:
    body, i, low, high = operands(e)
    if head(body) in ("add", "sadd"):
        return to.form(add(*(index_sum(term, i, low, high) for term in operands(body))))
    form = to.form(body)
    x = to.label_of(i)
    masks = [to.form(m) for m in _masks(i)]
    own = {y for side in (form.rows, form.columns) for y in side if y is not x}
    form = form.renamed({y: Label(y.size) for y in dict.fromkeys((*own, *form.labels)) if y not in form.index})
    made = product(to.values, form, *masks, rows=form.rows, columns=form.columns)
    if x not in made.labels and x not in (*made.rows, *made.columns):
        made = replace(made, factors=(*made.factors, (to.values.number(x.size), ())))
    return replace(made, index=made.index - {x}).renamed({x: Label(x.size)})


def _masks(i: Node) -> list[Node]:
    """The conditions under which an index is in its range, where that depends on other indices."""
    first, last = range_of(i)
    found = []
    if free_indices(first):
        found.append(compared("ge", i, first))
    if free_indices(last):
        found.append(compared("le", i, last))
    return found


PLACES: Mapping[str, Handler] = {
    "entry": _entry,
    "entry2": _entry2,
    "row": _row,
    "column": _column,
    "member": _member,
    "e": _unit,
    "isum": _index_sum,
}
