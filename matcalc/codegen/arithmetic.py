"""Numbers, sums and products as expressions of a language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import sympy
from sympy import Expr

from matcalc.codegen.backend import Backend
from matcalc.codegen.layout import Layout
from matcalc.codegen.numbers import is_decimal, number_text
from matcalc.codegen.templates import Spelled, fill
from matcalc.codegen.values import Axes, Value
from matcalc.errors import ArgumentError

COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
_FACTORS = frozenset({"cho_factor", "lu_factor"})


class Arithmetic:
    """Spells what is computed entry by entry.

    `known` holds the text of what has a name, `results` the names of what has several.
    """

    methods: ClassVar[Mapping[str, Callable[[Any, Value], Spelled]]] = {}

    def __init__(self, language: Backend, arguments: Mapping[str, str]) -> None:
        """`arguments` maps the names of inputs and sizes to those they have in the program."""
        self.language = language
        self.layout = Layout.of(language)
        self.arguments = arguments
        self.known: dict[Value, Spelled] = {}
        self.results: dict[Value, Mapping[str, str]] = {}
        self.like = ""
        self.hold: Callable[[Spelled], Spelled] = lambda text: text
        self.whole: set[Value] = set()

    # ------------------------------------------------------------ texts

    def __call__(self, value: Value) -> Spelled:
        """The value as an expression."""
        found = self.known.get(value)
        if found is not None:
            return found
        method = self.methods.get(value.op)
        return method(self, value) if method else self.plain(value)

    def plain(self, value: Value) -> Spelled:
        """An operation as the language spells it, for a transpose and for a right side with one axis if it has that.

        A factorisation that nothing else uses need not be seen.
        """
        first, *others = value.args or (None,)
        if first is not None and first.op in _FACTORS and first not in self.known and self.has(f"{value.op}_once"):
            return self.op(f"{value.op}_once", [self.numeric(a) for a in (first.args[0], *others) if a is not None])
        name = value.op
        vector = bool(value.args) and len(value.args[-1].dims) == 1
        for variant, applies in (("turned", value.attrs[:1] == (True,)), ("vector", vector)):
            if applies and self.has(f"{name}_{variant}"):
                name = f"{name}_{variant}"
        return self.op(name, [self.numeric(a) for a in value.args], **self._about(value))

    def op(self, name: str, operands: Sequence[Spelled], table: str = "ops", **fields: str) -> Spelled:
        """The spelling of an operation."""
        template = self.language.spelling(table, name)
        if template is None:
            raise ArgumentError(
                f"{self.language.title} has no spelling of `{name}`", hint="take another target: `numpy` spells every operation"
            )
        return fill(template, operands, {**self.language.tables["names"], "like": self.like, **fields}, self.hold)

    def has(self, name: str, table: str = "ops") -> bool:
        """Whether the language spells an operation."""
        return self.language.spelling(table, name) is not None

    def number(self, e: Expr) -> Spelled:
        """A number, known from sizes."""
        return number_text(e, self.arguments, self.language.settings["numbers"])

    def size(self, e: Expr) -> str:
        """A size: a whole number."""
        above, below = sympy.factor(e).as_numer_denom()
        text = self.number(above)
        return text.text if below == 1 else self.op("floordivided", [text, self.number(below)]).text

    def shape(self, dims: Sequence[Expr]) -> str:
        """The shape of an array."""
        return self.layout.shape([self.size(d) for d in dims])

    def combined(self, name: str, one: Spelled, other: Spelled, scalar: bool) -> Spelled:
        """A product, a quotient or a power; where a scalar decides, the language may have another sign."""
        return self.op(f"scalar_{name}" if scalar and self.has(f"scalar_{name}") else name, [one, other])

    def _about(self, value: Value) -> dict[str, str]:
        """What a spelling may say besides the operands."""
        fields = {"n": self.size(value.dims[-1])} if value.dims else {}
        fields |= {f"size{i}": self.number(a.number).text for i, a in enumerate(value.args) if a.number is not None}
        if value.args and value.args[0].dims:
            fields["rows"] = self.number(value.args[0].dims[-1]).text
        if value.args:
            fields |= self.results.get(value.args[0], {})
        return fields

    def numeric(self, value: Value) -> Spelled:
        """The value as an array of numbers: what is true or false as 1.0 or 0.0, whole numbers where these do not mix."""
        convert = is_comparison(value) or (not self.language.mixes and self.is_whole(value))
        return self.op("indicator", [self(value)]) if convert else self(value)

    def is_whole(self, value: Value) -> bool:
        """Whether a value is an array of whole numbers."""
        if value.op in ("plus", "times") and value.dims:
            return all(a.number.is_integer if a.number is not None else self.is_whole(a) for a in value.args)
        if value.op in ("permute", "spread", "reshape", "item", "slice", "gather"):
            return self.is_whole(value.args[0])
        return value.op == "range" or value in self.whole

    def aligned(self, value: Value, axes: Axes, ndim: int, loose: bool = False) -> Spelled:
        """The value on some axes of a result: `x[:, None]`."""
        if not value.dims:
            return self(value) if loose else self.numeric(value)
        return self.at(self(value) if loose else self.numeric(value), axes, ndim)

    def at(self, text: Spelled, axes: Axes, ndim: int) -> Spelled:
        """What has those axes of a result, on them."""
        order = tuple(sorted(range(len(axes)), key=lambda i: axes[i]))
        if order != (*range(len(axes)),):
            text = self.permuted(text, order)
        places = [":" if i in axes else self.layout.new for i in range(ndim)]
        while places and places[0] == self.layout.new:
            places.pop(0)
        return text if self.layout.new not in places else self.op("index", [text], places=", ".join(places))

    def permuted(self, text: Spelled, order: Axes) -> Spelled:
        """An array with its axes in another order."""
        if order == (1, 0):
            return self.op("transposed", [text])
        return self.op("permute", [text], order=self.layout.axes(order))

    def without(self, text: Spelled, axes: Axes, ndim: int) -> Spelled:
        """What is left of an array when axes of it are summed over or taken from."""
        return text

    # ------------------------------------------------------------ entry by entry

    def times(self, value: Value) -> Spelled:
        """A product, divided by what is a reciprocal."""
        axes = cast(tuple[Axes, ...], value.attrs[0])
        return self._product(list(zip(value.args, axes, strict=True)), len(value.dims), self.is_whole(value))

    def _product(self, parts: Sequence[tuple[Value, Axes]], ndim: int, whole: bool = False) -> Spelled:
        conditions = [part for part in parts if is_comparison(part[0])]
        others = [part for part in parts if part not in conditions]
        if not self.language.mixes and len(conditions) == 1 and any(v.op not in ("number", "host") for v, _ in others):
            ((condition, axes),) = conditions
            return self.op("where", [self.aligned(condition, axes, ndim, loose=True), self._product(others, ndim)])
        coefficient = parts[0][0].number
        if coefficient is not None:
            parts = parts[1:]
        above = [(v, a) for v, a in parts if v.op != "reciprocal" or v in self.known]
        below = [(v.args[0], a) for v, a in parts if v.op == "reciprocal" and v not in self.known]
        sign, coefficient, divisor = _shown(coefficient)
        arrays = [v for v, _ in above if v.dims and not is_comparison(v)]
        if arrays and (coefficient != 1 or not all(v.dims for v, _ in above)):  # a number times true or false may be rounded
            above.sort(key=lambda part: bool(part[0].dims) and 1 + (part[0] is not arrays[0]))
        if [a for _, a in above] == [(0,), (1,)] and ndim == 2 and self.has("outer"):
            texts = [self.op("outer", [self.numeric(v) for v, _ in above])]
        else:
            loose = whole or (self.language.mixes and bool(arrays))
            texts = [self.aligned(v, a, ndim, loose=loose) for v, a in above]
        if sign and coefficient != 1:
            sign, coefficient = False, -coefficient
        scalars = [not v.dims for v, _ in above][: len(texts)]
        if coefficient != 1 or not texts:
            texts.insert(0, self.number(coefficient))
            scalars.insert(0, True)
        found, scalar = texts[0], scalars[0]
        for text, plain in zip(texts[1:], scalars[1:], strict=True):
            found, scalar = self.combined("times", found, text, scalar or plain), scalar and plain
        if divisor != 1:
            found = self.combined("divided", found, self.number(divisor), scalar=True)
        for v, a in below:
            found = self.combined("divided", found, self.aligned(v, a, ndim), scalar=not v.dims)
        return self.op("negative", [found]) if sign else found

    def plus(self, value: Value) -> Spelled:
        """A sum; what is negative is subtracted, and comes last."""
        axes = cast(tuple[Axes, ...], value.attrs[0])
        ndim = len(value.dims)
        whole = self.is_whole(value)
        terms = [self.signed(v, a, ndim, whole) for v, a in zip(value.args, axes, strict=True)]
        terms.sort(key=lambda t: t[0])
        negative, found = terms[0]
        if negative:
            found = self.op("negative", [found])
        for minus, text in terms[1:]:
            found = self.op("minus" if minus else "plus", [found, text])
        return found

    def signed(self, value: Value, axes: Axes, ndim: int, whole: bool = False) -> tuple[bool, Spelled]:
        """(whether a term is subtracted, the term without its sign)."""
        number = value.number if value.op == "number" else value.args[0].number if value.op == "times" else None
        if number is None or value in self.known or not number.could_extract_minus_sign():
            return False, self.aligned(value, axes, ndim, loose=whole)
        if value.op == "number":
            return True, self.number(-number)
        inner = cast(tuple[Axes, ...], value.attrs[0])
        own = ndim if len(value.dims) < ndim and value.dims else len(value.dims)
        place = axes if own == ndim else (*range(own),)
        parts = [(v, tuple(place[i] for i in a)) for v, a in zip(value.args[1:], inner[1:], strict=True)]
        factor = Value("number", (), (-number,), ())
        return True, self._product([(factor, ()), *parts], own, whole)

    def power(self, value: Value) -> Spelled:
        """value ** exponent."""
        return self.combined("power", self.numeric(value.args[0]), self(value.args[1]), scalar=not value.dims)

    def reciprocal(self, value: Value) -> Spelled:
        """1 / value."""
        return self.combined("divided", self.number(sympy.S.One), self.numeric(value.args[0]), scalar=not value.dims)

    def entrywise(self, value: Value) -> Spelled:
        """A function of the entries."""
        name = cast(str, value.attrs[0])
        parts = list(zip(value.args, cast(tuple[Axes, ...], value.attrs[1]), strict=True))
        if name in ("max", "min"):
            parts.sort(key=lambda part: part[0].number is not None)
        whole = name in COMPARISONS and all(v.number is not None or self.is_whole(v) for v in value.args)
        texts = [self.aligned(v, a, len(value.dims), loose=whole) for v, a in parts]
        if name == "max" and parts[1][0].number == 0 and self.has("relu", "entrywise"):
            return self.op("relu", texts[:1], "entrywise")
        if self.has(f"{name}_negative", "entrywise"):
            negative, text = self.signed(*parts[0], len(value.dims))
            if negative:
                return self.op(f"{name}_negative", [text], "entrywise")
        if parts[-1][0].number is not None and self.has(f"{name}_number", "entrywise"):
            name = f"{name}_number"
        return self.op(name, texts, "entrywise")

    def gated(self, value: Value) -> Spelled:
        """A value where a condition holds, 0 elsewhere."""
        body, condition = value.args
        axes, at = cast(tuple[Axes, Axes], value.attrs[0])
        ndim = len(value.dims)
        if not condition.dims and self.has("choose"):
            held = self.aligned(body, axes, ndim)
            zero = self.op("zeros", [], shape=self.shape(value.dims)) if value.dims else self.number(sympy.Float(0))
            return self.op("choose", [held, self(condition), zero])
        holds = self.aligned(condition, at, ndim, loose=True)
        if not is_comparison(condition):
            holds = self.op("ne", [holds, self.number(sympy.S.Zero)], "entrywise")
        return self.op("where", [holds, self.aligned(body, axes, ndim)])


def _shown(coefficient: Expr | None) -> tuple[bool, Expr, Expr]:
    """(whether a minus stands before, the number that multiplies, the one that divides): halves are multiplied by."""
    if coefficient is None:
        return False, sympy.S.One, sympy.S.One
    sign = coefficient.could_extract_minus_sign()
    coefficient = -coefficient if sign else coefficient
    if coefficient.free_symbols:
        return sign, coefficient, sympy.S.One
    if coefficient.is_Rational and is_decimal(coefficient):
        return sign, coefficient, sympy.S.One
    above, below = coefficient.as_numer_denom()
    return sign, above, below


def is_comparison(value: Value) -> bool:
    """Whether a value is true or false."""
    return value.op == "entrywise" and value.attrs[0] in COMPARISONS
