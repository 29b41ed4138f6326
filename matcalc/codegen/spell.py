"""Values as expressions of a language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import sympy
from sympy import Expr

from matcalc.codegen.backend import Backend
from matcalc.codegen.numbers import number_text
from matcalc.codegen.templates import Spelled, fill
from matcalc.codegen.values import Axes, Value, postorder
from matcalc.errors import ArgumentError

COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
_LETTERS = "ijklmnopqrstuvwxyz"


class Speller:
    """Spells values; `known` holds the text of those that have a name."""

    def __init__(self, language: Backend, arguments: Mapping[str, str]) -> None:
        """`arguments` maps the names of inputs and sizes to those they have in the program."""
        self.language = language
        self.arguments = arguments
        self.known: dict[Value, Spelled] = {}
        self.like = ""
        self.whole: set[Value] = set()

    # ------------------------------------------------------------ texts

    def __call__(self, value: Value) -> Spelled:
        """The value as an expression."""
        found = self.known.get(value)
        if found is not None:
            return found
        method = _METHODS.get(value.op)
        return method(self, value) if method else self.plain(value)

    def plain(self, value: Value) -> Spelled:
        """An operation as the language spells it, for a transpose and for a right side with one axis if it has that."""
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
        return fill(template, operands, {**self.language.tables["names"], "like": self.like, **fields})

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
        """A shape as a tuple."""
        texts = [self.size(d) for d in dims]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def _about(self, value: Value) -> dict[str, str]:
        """What a spelling may say besides the operands."""
        fields = {"n": self.size(value.dims[-1])} if value.dims else {}
        fields |= {f"size{i}": self.number(a.number).text for i, a in enumerate(value.args) if a.number is not None}
        if value.args and value.args[0].dims:
            fields["rows"] = self.number(value.args[0].dims[-1]).text
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
        order = tuple(sorted(range(len(axes)), key=lambda i: axes[i]))
        text = self(value) if loose else self.numeric(value)
        if order != (*range(len(axes)),):
            text = self._permuted(text, order)
        places = [":" if i in axes else "None" for i in range(ndim)]
        while places and places[0] == "None":
            places.pop(0)
        return text if "None" not in places else self.op("index", [text], places=", ".join(places))

    def _permuted(self, text: Spelled, order: Axes) -> Spelled:
        if order == (1, 0):
            return self.op("transposed", [text])
        return self.op("permute", [text], order=f"({', '.join(map(str, order))})")

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
        if [a for _, a in above] == [(0,), (1,)] and ndim == 2 and self.has("outer"):
            texts = [self.op("outer", [self.numeric(v) for v, _ in above])]
        else:
            loose = whole or (self.language.mixes and len(conditions) < len(above))
            texts = [self.aligned(v, a, ndim, loose=loose) for v, a in above]
        if coefficient != 1 or not texts:
            texts.insert(0, self.number(coefficient))
        found = texts[0]
        for text in texts[1:]:
            found = self.op("times", [found, text])
        if divisor != 1:
            found = self.op("divided", [found, self.number(divisor)])
        for v, a in below:
            found = self.op("divided", [found, self.aligned(v, a, ndim)])
        return self.op("negative", [found]) if sign else found

    def plus(self, value: Value) -> Spelled:
        """A sum; what is negative is subtracted, and comes last."""
        axes = cast(tuple[Axes, ...], value.attrs[0])
        ndim = len(value.dims)
        whole = self.is_whole(value)
        terms = [self._signed(v, a, ndim, whole) for v, a in zip(value.args, axes, strict=True)]
        terms.sort(key=lambda t: t[0])
        negative, found = terms[0]
        if negative:
            found = self.op("negative", [found])
        for minus, text in terms[1:]:
            found = self.op("minus" if minus else "plus", [found, text])
        return found

    def _signed(self, value: Value, axes: Axes, ndim: int, whole: bool) -> tuple[bool, Spelled]:
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
        return self.op("power", [self.numeric(value.args[0]), self(value.args[1])])

    def reciprocal(self, value: Value) -> Spelled:
        """1 / value."""
        return self.op("divided", [self.number(sympy.S.One), self.numeric(value.args[0])])

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

    # ------------------------------------------------------------ axes

    def spread(self, value: Value) -> Spelled:
        """A value repeated."""
        (x,), axes = value.args, cast(Axes, value.attrs[0])
        if not x.dims:
            name = "full" if x.number is not None or self.has("choose") else "spread"
            return self.op(name, [self.numeric(x)], shape=self.shape(value.dims))
        return self.op("spread", [self.aligned(x, axes, len(value.dims))], shape=self.shape(value.dims))

    def permute(self, value: Value) -> Spelled:
        """Axes in another order."""
        return self._permuted(self.numeric(value.args[0]), cast(Axes, value.attrs[0]))

    def reduced(self, value: Value) -> Spelled:
        """A sum, a norm … along axes, or of all entries."""
        axes = cast(Axes, value.attrs[0])
        x = value.args[0]
        shown = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
        if value.op == "sum" and len(x.dims) == 1 and x.op == "diagonal" and x not in self.known and len(x.args[0].dims) == 2:
            return self.op("trace", [self.numeric(x.args[0])])
        texts = [self.numeric(a) for a in value.args]
        if len(axes) < len(x.dims):
            return self.op(value.op, texts, "reduce", axis=shown)
        return self.op(value.op, texts, "whole" if self.has(value.op, "whole") else "reduce", axis=shown)

    def diagonal(self, value: Value) -> Spelled:
        """The entries of a diagonal."""
        x = value.args[0]
        first, second = value.attrs
        fields = {"first": str(first), "second": str(second)}
        return self.op("diagonal" if len(x.dims) == 2 else "diagonals", [self.numeric(x)], **fields)

    def reshape(self, value: Value) -> Spelled:
        """Another shape."""
        x = value.args[0]
        dims = [d for d in x.dims if d != 1]
        if len(value.dims) == 1 and len(dims) == 1 and len(x.dims) == 2:
            return self.op("index", [self(x)], places="0" if x.dims[0] == 1 else ":, 0")
        if len(x.dims) == 1 and value.dims == (1, *x.dims):
            return self.op("index", [self(x)], places="None, :")
        shape = "(-1,)" if len(value.dims) == 1 else self.shape(value.dims)
        return self.op("reshape", [self.numeric(x)], shape=shape)

    def place(self, value: Value) -> Spelled:
        """Zeros, but on a diagonal."""
        (x,), axes = value.args, cast(Axes, value.attrs[0])
        if axes == (0, 0):
            if x.op == "spread":
                eye = self.op("eye", [], n=self.size(value.dims[0]))
                inner = x.args[0]
                return eye if inner.number == 1 else self.op("times", [self(inner), eye])
            if self.has("diag"):
                return self.op("diag", [self.numeric(x)])
        ndim = len(value.dims)
        ones = x.op == "spread" and x.args[0].number == 1 and all(axes.count(i) > 1 for i in axes)
        found = None if ones else self.aligned(x, tuple(axes.index(i) for i in range(len(x.dims))), ndim)
        for i, a in enumerate(axes):
            first = axes.index(a)
            if first != i:
                eye = self.op("eye", [], n=self.size(value.dims[i]))
                places = [":" if k in (first, i) else "None" for k in range(ndim)]
                while places[0] == "None":
                    places.pop(0)
                factor = eye if "None" not in places else self.op("index", [eye], places=", ".join(places))
                found = factor if found is None else self.op("times", [found, factor])
        assert found is not None
        return found

    # ------------------------------------------------------------ products

    def dot(self, value: Value) -> Spelled:
        """An inner product."""
        a, b = map(self.numeric, value.args)
        return self.op("dot" if len(value.args[0].dims) == 1 else "vdot", [a, b])

    def matvec(self, value: Value) -> Spelled:
        """A product of a matrix and a vector: A @ x, or x @ A for A'x."""
        A, x = value.args
        if value.attrs[0] and self.has("matvec_turned"):
            return self.op("matvec_turned", [self.numeric(A), self.numeric(x)])
        if value.attrs[0]:
            return self.op("matvec", [self.op("transposed", [self.numeric(A)]), self.numeric(x)])
        return self.op("matvec", [self.numeric(A), self.numeric(x)])

    def matmul(self, value: Value) -> Spelled:
        """A product of matrices."""
        texts = [
            self.op("transposed", [self.numeric(a)]) if turned else self.numeric(a)
            for a, turned in zip(value.args, value.attrs, strict=True)
        ]
        return self.op("matmul", texts)

    def tensordot(self, value: Value) -> Spelled:
        """A product over several axes."""
        shown = ", ".join(f"({', '.join(map(str, cast(Axes, axes)))}{',' if len(cast(Axes, axes)) == 1 else ''})" for axes in value.attrs)
        return self.op("tensordot", [self.numeric(a) for a in value.args], axes=f"({shown})")

    def einsum(self, value: Value) -> Spelled:
        """A product over some axes that keeps others of both."""
        a, b, out = (cast(Axes, part) for part in value.attrs)
        texts = [self.numeric(x) for x in value.args]
        gone = [i for i in a if i not in out]
        if a == b and len(gone) == 1 and out == tuple(i for i in a if i not in gone) and self.has("rowwise"):
            return self.op("rowwise", texts, axis=str(a.index(gone[0])))
        if self.has("einsum"):
            spec = [("".join(_LETTERS[i] for i in part)) for part in (a, b, out)]
            return self.op("einsum", texts, spec=f'"{spec[0]},{spec[1]}->{spec[2]}"')
        return self._batched(value, texts, a, b, out)

    def _batched(self, value: Value, texts: list[Spelled], a: Axes, b: Axes, out: Axes) -> Spelled:
        """An einsum as a product of matrices for each place on the kept axes."""
        batch = [i for i in a if i in b and i in out]
        summed = [i for i in a if i in b and i not in out]
        fa, fb = [i for i in a if i not in b], [i for i in b if i not in a]
        sizes = {**dict(zip(a, value.args[0].dims, strict=True)), **dict(zip(b, value.args[1].dims, strict=True))}

        def arranged(text: Spelled, have: Axes, want: list[int], groups: tuple[list[int], ...]) -> Spelled:
            order = tuple(have.index(i) for i in want)
            if order != (*range(len(order)),):
                text = self.op("permute", [text], order=f"({', '.join(map(str, order))})")
            dims = [sizes[i] for i in batch] + [sympy.Mul(*(sizes[i] for i in g)) for g in groups]
            if [len(g) for g in groups] != [1, 1]:
                text = self.op("reshape", [text], shape=self.shape(dims))
            return text

        left = arranged(texts[0], a, [*batch, *fa, *summed], (fa, summed))
        right = arranged(texts[1], b, [*batch, *summed, *fb], (summed, fb))
        found = self.op("batched", [left, right])
        have = (*batch, *fa, *fb)
        if len(fa) != 1 or len(fb) != 1:
            found = self.op("reshape", [found], shape=self.shape([sizes[i] for i in have]))
        order = tuple(have.index(i) for i in out)
        return found if order == (*range(len(order)),) else self.op("permute", [found], order=f"({', '.join(map(str, order))})")

    # ------------------------------------------------------------ places

    def host(self, value: Value) -> Spelled:
        """A function of numbers."""
        return self.op(cast(str, value.attrs[0]), [self(a) for a in value.args], "host")

    def onehot(self, value: Value) -> Spelled:
        """1 at a place, 0 elsewhere, for each place."""
        (place,) = value.args
        n = self.number(value.dims[-1]).text
        at = self(place)
        if place.dims:
            if self.has("onehot"):
                return self.op("onehot", [at], n=n)
            at = self.op("index", [at], places=", ".join([":"] * len(place.dims) + ["None"]))
        return self.op("indicator", [self.op("eq", [at, self.op("range", [], low="1", end=self._end(n))], "entrywise")])

    @staticmethod
    def _end(n: str) -> str:
        return f"{n} + 1"

    def gather(self, value: Value) -> Spelled:
        """The parts at places that are themselves an array."""
        x, index = value.args
        axis, own, labels, out = cast(tuple[int, Axes, Axes, Axes], value.attrs)
        places = []
        sizes = dict(zip(own, x.dims, strict=True))
        common = [i for i in labels if i in own]
        at = self.op("minus", [self(index), self.number(sympy.S.One)]).text
        if not common:
            if self.has("gather"):
                found = self.op("gather", [self.numeric(x)], places=", ".join([":"] * axis + [at]))
            else:
                found = self.op("take", [self.numeric(x), Spelled(at)], axis=str(axis))
            made = (*own[:axis], *labels, *own[axis + 1 :])
        else:
            first = len(labels)
            for k, i in enumerate(own):
                if k == axis:
                    places.append(at)
                elif i in common:
                    ones = [":" if j == labels.index(i) else "None" for j in range(first)]
                    text = self.op("range", [], low="0", end=self.number(sizes[i]).text)
                    trimmed = ones[ones.index(":") :]
                    places.append(text.text if trimmed == [":"] else self.op("index", [text], places=", ".join(trimmed)).text)
                else:
                    places.append(":")
            found = self.op("index", [self.numeric(x)], places=", ".join(places))
            taken = [k for k, i in enumerate(own) if k == axis or i in common]
            rest = [i for k, i in enumerate(own) if k not in taken]
            together = taken == [*range(taken[0], taken[-1] + 1)]
            made = (*own[: taken[0]], *labels, *own[taken[-1] + 1 :]) if together else (*labels, *rest)
        order = tuple(made.index(i) for i in out)
        return found if order == (*range(len(order)),) else self._permuted(found, order)

    def _at(self, value: Value, texts: Mapping[int, str]) -> Spelled:
        """The part at places on some axes."""
        end = len(value.dims) if self.language.settings["places"] == "all" else max(texts) + 1
        return self.op("index", [self.numeric(value)], places=", ".join(texts.get(i, ":") for i in range(end)))

    def item(self, value: Value) -> Spelled:
        """A part at a place, or at places on several axes."""
        chain = [value]
        while chain[-1].args[0].op == "item" and chain[-1].args[0] not in self.known:
            chain.append(chain[-1].args[0])
        whole = chain[-1].args[0]
        left, texts = [*range(len(whole.dims))], dict[int, str]()
        for part in reversed(chain):
            axis, at, size = part.attrs
            text = self.number(cast(Expr, at)).text
            if size is not None:
                text = f"min(max({text}, 0), {self.number(cast(Expr, size - 1)).text})"  # type: ignore[operator]
            texts[left.pop(cast(int, axis))] = text
        return self._at(whole, texts)

    def slice(self, value: Value) -> Spelled:
        """The parts between two places."""
        axis, start, stop = value.attrs
        low, high = ("" if e == 0 else self.size(cast(Expr, e)) for e in (start, stop))
        if stop == value.args[0].dims[cast(int, axis)]:
            high = ""
        return self._at(value.args[0], {cast(int, axis): f"{low}:{high}"})

    def range(self, value: Value) -> Spelled:
        """The whole numbers from low to high."""
        low, high = (cast(Expr, e) for e in value.attrs)
        return self.op("range", [], low=self.size(low), end=self.size(high + 1))

    def call(self, value: Value) -> Spelled:
        """A function that is given."""
        return self.op("call", [self(a) for a in value.args], function=self.arguments[cast(str, value.attrs[0])])

    def powers(self, value: Value) -> Spelled:
        """X^k for every k that an index gives."""
        X, exponent = value.args
        (index,) = (v for v in postorder([exponent]) if v.op == "range")
        low, high = (cast(Expr, e) for e in index.attrs)
        taken = {known.text for known in self.known.values()}
        letter = next(letter for letter in "rst" + _LETTERS if letter not in taken)
        self.known[index] = Spelled(letter)
        texts = [self.numeric(X), self(exponent)]
        del self.known[index]
        return self.op("powers", texts, letter=letter, low=self.size(low), end=self.size(high + 1))

    def concat(self, value: Value) -> Spelled:
        """Arrays one after the other."""
        texts = ", ".join(self.numeric(a).text for a in value.args)
        return self.op("concat", [], list=texts, axis=str(value.attrs[0]))


def _shown(coefficient: Expr | None) -> tuple[bool, Expr, Expr]:
    """(whether a minus stands before, the number that multiplies, the one that divides): halves are multiplied by."""
    if coefficient is None:
        return False, sympy.S.One, sympy.S.One
    sign = coefficient.could_extract_minus_sign()
    coefficient = -coefficient if sign else coefficient
    above, below = coefficient.as_numer_denom()
    if below.is_Integer and (below & (below - 1)) == 0 and above.is_Integer:
        return sign, coefficient, sympy.S.One
    return sign, above, below


def is_comparison(value: Value) -> bool:
    """Whether a value is true or false."""
    return value.op == "entrywise" and value.attrs[0] in COMPARISONS


_REDUCTIONS = ("sum", "prod", "norm", "norm1", "norminf", "pnorm", "logsumexp", "softmax", "log_softmax", "peak")
_METHODS: dict[str, Callable[[Speller, Value], Spelled]] = {
    "number": lambda s, v: s.number(cast(Expr, v.number)),
    "times": Speller.times,
    "plus": Speller.plus,
    "power": Speller.power,
    "reciprocal": Speller.reciprocal,
    "entrywise": Speller.entrywise,
    "spread": Speller.spread,
    "zeros": lambda s, v: s.op("zeros", [], shape=s.shape(v.dims)),
    "permute": Speller.permute,
    **dict.fromkeys(_REDUCTIONS, Speller.reduced),
    "diagonal": Speller.diagonal,
    "reshape": Speller.reshape,
    "place": Speller.place,
    "dot": Speller.dot,
    "matvec": Speller.matvec,
    "matmul": Speller.matmul,
    "tensordot": Speller.tensordot,
    "einsum": Speller.einsum,
    "item": Speller.item,
    "slice": Speller.slice,
    "range": Speller.range,
    "gated": Speller.gated,
    "host": Speller.host,
    "onehot": Speller.onehot,
    "gather": Speller.gather,
    "powers": Speller.powers,
    "call": Speller.call,
    "concat": Speller.concat,
}
