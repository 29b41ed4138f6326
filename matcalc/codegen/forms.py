"""Forms: expressions as products of values with labelled axes, summed over every label that is not kept.

X'*y is Σ_a X[a,b] y[a]: transposes, traces, Kronecker products, diagonal matrices, ones, vec, unit matrices and sums over an
index are all ways of naming axes, so none of them is ever formed.  A label that stands on several axes of the result is a
diagonal: eye(n) is the number 1 on the axes (a, a); an axis whose label no factor has repeats the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy
from sympy import Expr

from matcalc.codegen.values import Value, Values
from matcalc.nodes.expr import intern_scalar


class Label:
    """The name of an axis of that size."""

    __slots__ = ("size",)

    def __init__(self, size: Expr) -> None:
        self.size = size


Labels = tuple[Label, ...]
Factor = tuple[Value, Labels]


@dataclass(frozen=True, eq=False, slots=True)
class Form:
    """The product of the factors, for each value of the labels of `rows`, `columns` and `index`, summed over all others.

    Several labels of the rows count together, the last one fastest; an index is that of a sum around.
    """

    factors: tuple[Factor, ...]
    rows: Labels = ()
    columns: Labels = ()
    index: frozenset[Label] = frozenset()

    @property
    def kept(self) -> Labels:
        """The labels that are not summed over, each once."""
        found = dict.fromkeys((*self.rows, *self.columns))
        return (*found, *(x for x in self.labels if x in self.index and x not in found))

    @property
    def labels(self) -> Labels:
        """The labels of the factors."""
        return tuple(dict.fromkeys(x for _, labels in self.factors for x in labels))

    @property
    def core(self) -> Labels:
        """The kept labels that some factor has: those along which the result is not only repeated."""
        having = set(self.labels)
        return tuple(x for x in self.kept if x in having)

    @property
    def has_diagonal(self) -> bool:
        """Whether a label stands on several axes."""
        sides = (*self.rows, *self.columns)
        return len(set(sides)) < len(sides) or any(x in self.index for x in sides)

    def renamed(self, names: Mapping[Label, Label]) -> Form:
        """The form with other labels."""
        if not names:
            return self

        def renew(labels: Labels) -> Labels:
            return tuple(names.get(x, x) for x in labels)

        factors = tuple((value, renew(labels)) for value, labels in self.factors)
        return Form(factors, renew(self.rows), renew(self.columns), frozenset(names.get(x, x) for x in self.index))

    def fresh(self) -> Form:
        """The form with labels of its own, but for the indices of the sums around."""
        every = dict.fromkeys((*self.rows, *self.columns, *self.labels))
        return self.renamed({x: Label(x.size) for x in every if x not in self.index})

    def turned(self) -> Form:
        """The transpose."""
        return replace(self, rows=self.columns, columns=self.rows)


def product(values: Values, *forms: Form, rows: Labels = (), columns: Labels = ()) -> Form:
    """The product of the factors of forms that share labels, on those axes.

    A label that is summed over, and that no factor has, counts its size.
    """
    factors = [f for form in forms for f in form.factors]
    index = frozenset[Label]().union(*(form.index for form in forms))
    having = {x for _, labels in factors for x in labels}
    lost = dict.fromkeys(x for form in forms for x in (*form.rows, *form.columns))
    gone = [x for x in lost if x not in having and x not in rows and x not in columns and x not in index]
    factors += [(values.number(x.size), ()) for x in gone]
    return Form(tuple(factors), rows, columns, index)


class Unequal(Exception):  # noqa: N818 - no error: two sides that are divided into axes in ways that do not fit
    """Two sides that are divided into axes in ways that do not fit."""


Side = tuple[int, str]
"""The number of a form, and "rows" or "columns"."""


def equate(values: Values, forms: Iterable[Form], sides: Iterable[tuple[Side, Side]]) -> list[Form]:
    """The forms with the same labels on sides that are to be one; labels are split where one side counts by more of them.

    Raises: Unequal where two sides are not divided into axes in the same way.
    """
    found = list(forms)
    for (i, one), (j, other) in sides:
        while True:
            pairs, division = _matched(getattr(found[i], one), getattr(found[j], other))
            if division is None:
                break
            found = [split(values, form, *division) for form in found]
        names: dict[Label, Label] = {}
        within = found[i].index | found[j].index
        for x, y in pairs:
            x, y = _last(x, names), _last(y, names)
            if x is not y:
                keep, drop = (y, x) if y in within else (x, y)
                names[drop] = keep
        settled = {x: _last(x, names) for x in names}
        found = [form.renamed(settled) for form in found]
    return found


def _last(x: Label, names: Mapping[Label, Label]) -> Label:
    while x in names:
        x = names[x]
    return x


def _matched(a: Labels, b: Labels) -> tuple[list[tuple[Label, Label]], tuple[Label, Labels] | None]:
    """(the labels of two sides in pairs, what has to be split first: a label and into which)."""
    pairs: list[tuple[Label, Label]] = []
    left, right = list(reversed(a)), list(reversed(b))
    while left and right:
        x, y = left.pop(), right.pop()
        if x is y or x.size == y.size:
            pairs.append((x, y))
            continue
        large, rest, small, others = (x, x.size, y, right) if _quotient(x.size, y.size) is not None else (y, y.size, x, left)
        parts = []
        while True:
            quotient = _quotient(rest, small.size)
            if quotient is None:
                raise Unequal
            parts.append(small)
            rest = quotient
            if rest == 1:
                return [], (large, tuple(parts))
            if not others:
                raise Unequal
            small = others.pop()
    if left or right:
        raise Unequal
    return pairs, None


def _quotient(large: Expr, small: Expr) -> Expr | None:
    """large/small where that counts something; None where it does not divide."""
    found = intern_scalar(sympy.cancel(large / small))
    return found if sympy.denom(found) == 1 else None


def split(values: Values, form: Form, label: Label, parts: Labels) -> Form:
    """The form with an axis counted by several labels instead of one."""

    def renew(labels: Labels) -> Labels:
        return tuple(p for x in labels for p in (parts if x is label else (x,)))

    factors = []
    for value, labels in form.factors:
        if label in labels:
            sizes = [[p.size for p in parts] if x is label else [x.size] for x in labels]
            value = values.reshaped(value, tuple(size for group in sizes for size in group))
        factors.append((value, renew(labels)))
    return Form(tuple(factors), renew(form.rows), renew(form.columns), form.index)


def size_of(labels: Iterable[Label]) -> Expr:
    """How many entries there are along the labels together."""
    return intern_scalar(sympy.expand(math.prod((x.size for x in labels), start=sympy.S.One)))


def bare_sides(form: Form) -> Form:
    """The form with a label of its own on every axis."""
    return Form((), tuple(Label(x.size) for x in form.rows), tuple(Label(x.size) for x in form.columns))


def common(forms: Sequence[Form]) -> list[int]:
    """The classes of places that have one label in every form, and not that of an index."""
    keys = []
    count = len((*forms[0].rows, *forms[0].columns))
    for p in range(count):
        key = []
        for form in forms:
            sides = (*form.rows, *form.columns)
            key.append(p if sides[p] in form.index else sides.index(sides[p]))
        keys.append(tuple(key))
    return [keys.index(k) for k in keys]


def masks(mask: Form, form: Form) -> bool:
    """Whether a factor has every axis of a sum of products: the order of that sum's products cannot go past it."""
    kept = set(form.kept)
    return len(form.factors) > 1 and any(x not in kept for x in form.labels) and kept <= set(mask.core)
