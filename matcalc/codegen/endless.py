"""Spelling where every array goes on with axes of size 1 and the first axis is the fastest in memory: MATLAB and its kin.

What is summed over or taken from leaves an axis of size 1, which is moved behind the others; products over several axes are
those of matrices, products that keep axes of both are sums of entrywise ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, cast

import sympy

from matcalc.codegen.kronecker import Kronecker, kronecker
from matcalc.codegen.layout import dropped, moved, trimmed
from matcalc.codegen.spell import Speller
from matcalc.codegen.templates import Spelled
from matcalc.codegen.values import Axes, Value
from matcalc.errors import ArgumentError


class EndlessSpeller(Speller):
    """Spells values for a language whose layout says that axes are endless."""

    methods: ClassVar[Mapping[str, Callable[[Any, Value], Spelled]]] = {}

    # ------------------------------------------------------------ entry by entry

    _spreads = False
    """Whether operands are spread along each other: a matrix that Octave stores as its diagonal cannot be."""

    def times(self, value: Value) -> Spelled:
        """A product, divided by what is a reciprocal."""
        return self._among(super().times, value, cast(tuple[Axes, ...], value.attrs[0]))

    def plus(self, value: Value) -> Spelled:
        """A sum; what is negative is subtracted, and comes last."""
        return self._among(super().plus, value, cast(tuple[Axes, ...], value.attrs[0]))

    def _among(self, spell: Callable[[Value], Spelled], value: Value, axes: Sequence[Axes]) -> Spelled:
        before, self._spreads = self._spreads, any(0 < len(a) < len(value.dims) for a in axes)
        made = spell(value)
        self._spreads = before
        return made

    def aligned(self, value: Value, axes: Axes, ndim: int, loose: bool = False) -> Spelled:
        """The value on some axes of a result."""
        spreads, self._spreads = self._spreads, False
        made = super().aligned(value, axes, ndim, loose)
        self._spreads = spreads
        return self.op("dense", [made]) if spreads and _is_diagonal(value) else made

    # ------------------------------------------------------------ axes

    def at(self, text: Spelled, axes: Axes, ndim: int) -> Spelled:
        """What has those axes of a result, on them."""
        return self.permuted(text, moved(axes, ndim))

    def permuted(self, text: Spelled, order: Axes) -> Spelled:
        """An array with its axes in another order; what is transposed twice is not."""
        order = trimmed(order, len(order))
        if order == (1, 0) and (found := self._turned_back(text)) is not None:
            return found
        made = super().permuted(text, order) if order else text
        if order == (1, 0):
            self._turned[made.text] = text
        return made

    @cached_property
    def _turned(self) -> dict[str, Spelled]:
        """What is transposed, by the text of its transpose."""
        return {}

    def _turned_back(self, text: Spelled) -> Spelled | None:
        """What a text is the transpose of."""
        sign = self.language.tables["ops"]["transposed"].removeprefix("{0}")
        name = Spelled(text.text.removesuffix(sign))
        return self._turned.get(text.text, name if name.text != text.text and name.is_name else None)

    def part(self, value: Value, texts: Mapping[int, str]) -> Spelled:
        """What stands at some places of axes."""
        back = self._turned_back(self.numeric(value)) if len(value.dims) == 2 else None
        if back is None:
            return super().part(value, texts)
        return self.permuted(self.op("index", [back], places=", ".join(texts.get(1 - i, ":") for i in range(2))), (1, 0))

    def without(self, text: Spelled, axes: Axes, ndim: int) -> Spelled:
        """What is left of an array when axes of it are summed over or taken from."""
        return self.permuted(text, dropped(axes, ndim))

    def permute(self, value: Value) -> Spelled:
        """Axes in another order."""
        x, order = value.args[0], cast(Axes, value.attrs[0])
        if x.op == "reshape" and x not in self.known:
            return self._reshaped(x, order)
        return super().permute(value)

    def reshape(self, value: Value) -> Spelled:
        """Another shape."""
        return self._reshaped(value, (*range(len(value.dims)),))

    def _reshaped(self, value: Value, order: Axes) -> Spelled:
        """A reshaped value, in which the last axis counts fastest, with its axes in another order."""
        if (terms := kronecker(value, self.known)) and self.has("kron"):
            return self.permuted(self._kronecker(terms), order)
        x = value.args[0]
        if len(value.dims) == 2 and (entries := _on_diagonal(value)) is not None and self.has("diag"):
            return self.permuted(self.op("diag", [self.reshape(entries)]), order)
        have: Axes = (*range(len(x.dims)),)
        if x.op == "permute" and x not in self.known:
            have, x = cast(Axes, x.attrs[0]), x.args[0]
        text = self.numeric(x)
        long = [i for i in have if x.dims[i] != 1]
        wide = [i for i, d in enumerate(value.dims) if d != 1]
        if [x.dims[i] for i in long] == [value.dims[i] for i in wide]:
            ones = [i for i in range(max(len(x.dims), len(value.dims))) if i not in long]
            places = [long[wide.index(i)] if i in wide else ones.pop(0) for i in order]
            return self.permuted(text, (*places, *ones))
        text = self.permuted(text, have[::-1])
        sizes = [self.layout.rest] if len(value.dims) == 1 else [self.size(d) for d in reversed(value.dims)]
        text = self.op("reshape", [text], shape=self.layout.shape(sizes))
        return self.permuted(text, tuple(len(order) - 1 - i for i in order))

    def _kronecker(self, terms: Sequence[Kronecker]) -> Spelled:
        """A sum of Kronecker products; what is negative comes last."""
        found: Spelled | None = None
        for term in sorted(terms, key=lambda t: t.number.could_extract_minus_sign()):
            minus = term.number.could_extract_minus_sign()
            sides = [
                self._product([(Value("number", (), (sympy.S.One,), ()), ()), *side], 2) for side in (term.slow, term.fast)
            ]
            made, number = self.op("kron", sides), -term.number if minus else term.number
            made = made if number == 1 else self.combined("times", self.number(number), made, scalar=True)
            if found is None:
                found = self.op("negative", [made]) if minus else made
            else:
                found = self.op("minus" if minus else "plus", [found, made])
        assert found is not None
        return found

    # ------------------------------------------------------------ along axes

    def reduced(self, value: Value, name: str = "") -> Spelled:
        """A sum, a norm … along axes, or of all entries."""
        axes = cast(Axes, value.attrs[0])
        operands = [self.numeric(a) for a in value.args]
        return self.along(name or value.op, operands, axes, len(value.args[0].dims), value.dims == value.args[0].dims)

    def along(self, name: str, operands: Sequence[Spelled], axes: Axes, ndim: int, keeps: bool = False) -> Spelled:
        """An operation along axes; whether it `keeps` the shape."""
        x, *others = operands
        if len(axes) == ndim:
            if ndim == 2 and self.has(name, "matrix"):
                return self.op(name, operands, "matrix")
            if self.has(name, "whole"):
                return self.op(name, [x if ndim == 1 else self.op("flat", [x]), *others], "whole")
        if keeps and len(axes) != 1:
            raise ArgumentError(f"{self.language.title} has no spelling of `{name}` along several axes of an array")
        for a in axes:
            x = self.op(name, [x, *others], "reduce", axis=self.layout.axis(a))
        return x if keeps else self.without(x, axes, ndim)

    def diagonal(self, value: Value) -> Spelled:
        """The entries of a diagonal."""
        x = value.args[0]
        first, second = cast(tuple[int, int], value.attrs)
        ndim = len(x.dims)
        if ndim == 2:
            return super().diagonal(value)
        eye = self.op("eye", [], n=self.size(x.dims[first]))
        found = self.op("times", [self.numeric(x), self.at(eye, (first, second), ndim)])
        found = self.op("sum", [found], "reduce", axis=self.layout.axis(second))
        left = [i for i in range(ndim) if i not in (first, second)]
        return self.permuted(found, (*left, first, second))

    # ------------------------------------------------------------ products

    def dot(self, value: Value) -> Spelled:
        """An inner product."""
        one, other = value.args
        ndim = len(one.dims)
        a, b = map(self.numeric, value.args)
        if ndim == 1:
            return self.op("dot", [a, b])
        if one is other and (a.is_name or ndim > 2):
            square = self.op("power", [self.op("flat", [a]), self.number(sympy.Integer(2))])
            return self.op("sum", [square], "whole")
        if ndim > 2 or (a.is_name and b.is_name):
            return self.op("dot", [self.op("flat", [a]), self.op("flat", [b])])
        made = self.op("power", [a, self.number(sympy.Integer(2))]) if one is other else self.op("times", [a, b])
        return self.op("sum", [made], "matrix")

    def einsum(self, value: Value) -> Spelled:
        """A product over some axes that keeps others of both: entrywise, then summed."""
        a, b, out = (list(cast(Axes, part)) for part in value.attrs)
        every = a if set(b) <= set(a) else b if set(a) <= set(b) else list(dict.fromkeys((*out, *a, *b)))
        ndim = len(every)
        texts = [self.aligned(v, tuple(every.index(i) for i in ls), ndim) for v, ls in zip(value.args, (a, b), strict=True)]
        product = (
            self.op("times", texts)
            if value.args[0] is not value.args[1] or a != b
            else self.op("power", [texts[0], self.number(sympy.Integer(2))])
        )
        summed = [i for i in every if i not in out]
        for i in summed:
            product = self.op("sum", [product], "reduce", axis=self.layout.axis(every.index(i)))
        return self.permuted(product, tuple(every.index(i) for i in (*out, *summed)))

    # ------------------------------------------------------------ places

    def onehot(self, value: Value) -> Spelled:
        """1 at a place, 0 elsewhere, for each place."""
        (place,) = value.args
        ndim = len(value.dims)
        n = self.size(value.dims[-1])
        column = self.op("range", [], low="1", high=n)
        numbers = self.op("numbers", [], low="1", high=n) if ndim == 2 else self.at(column, (ndim - 1,), ndim)
        return self.op("indicator", [self.op("eq", [self(place), numbers], "entrywise")])

    def gather(self, value: Value) -> Spelled:
        """The parts at places that are themselves an array."""
        x, index = value.args
        axis, own, labels, out = cast(tuple[int, Axes, Axes, Axes], value.attrs)
        if len(labels) <= 1 and not set(labels) & set(own):
            found = self.part(x, {axis: self(index).text})
            have = (*own[:axis], *(labels or (own[axis],)), *own[axis + 1 :])
            return self.permuted(found, (*(have.index(i) for i in out), *(() if labels else (axis,))))
        ndim = len(out)
        places = []
        for k, (i, d) in enumerate(zip(own, x.dims, strict=True)):
            if k == axis:
                places.append(self.aligned(index, tuple(out.index(j) for j in labels), ndim).text)
            else:
                places.append(self.at(self.op("range", [], low="1", high=self.size(d)), (out.index(i),), ndim).text)
        name = "pick_one" if ndim == 1 and self.has("pick_one") else "pick"
        return self.op(name, [self.numeric(x)], places=", ".join(places))


def _on_diagonal(value: Value) -> Value | None:
    """The diagonal of a reshaped value that is zero elsewhere; None for any other."""
    (x,) = value.args
    half, odd = divmod(len(x.dims), 2)
    if x.op != "place" or odd or value.dims[0] != value.dims[1]:
        return None
    (inner,), at = x.args, cast(Axes, x.attrs[0])
    order = at[:half]
    if at[half:] != order or len(inner.dims) != half:
        return None
    if order != (*range(half),):
        inner = Value("permute", (inner,), (order,), x.dims[:half])
    return Value("reshape", (inner,), (), value.dims[:1])


def _is_diagonal(value: Value) -> bool:
    """Whether a value is a matrix that is zero off its diagonal, or a multiple of one."""
    if value.op == "times" and len(value.args) == 2 and not value.args[0].dims:
        return _is_diagonal(value.args[1])
    return value.op == "place" and value.attrs[0] == (0, 0)


EndlessSpeller.methods = {name: getattr(EndlessSpeller, method.__name__, method) for name, method in Speller.methods.items()}
