"""Values as expressions of a language: axes, products, places; sums and products of entries are in `arithmetic`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import sympy
from sympy import Expr

from matcalc.codegen.arithmetic import Arithmetic
from matcalc.codegen.templates import Spelled
from matcalc.codegen.values import Axes, Value, postorder

_LETTERS = "ijklmnopqrstuvwxyz"


class Speller(Arithmetic):
    """Spells values."""

    # ------------------------------------------------------------ axes

    def spread(self, value: Value) -> Spelled:
        """A value repeated."""
        (x,), axes = value.args, cast(Axes, value.attrs[0])
        if not x.dims:
            name = "full" if x.number is not None or self.has("choose") else "spread"
            if x.number == 1 and self.has("ones"):
                name = "ones"
            text = self.numeric(x) if x.number is None or not x.number.is_Integer else self.number(sympy.Float(x.number))
            return self.op(name, [text], shape=self.shape(value.dims))
        repeats = ["1" if i in axes else self.size(d) for i, d in enumerate(value.dims)]
        return self.op(
            "spread", [self.aligned(x, axes, len(value.dims))], shape=self.shape(value.dims), repeats=self.layout.shape(repeats)
        )

    def permute(self, value: Value) -> Spelled:
        """Axes in another order."""
        return self.permuted(self.numeric(value.args[0]), cast(Axes, value.attrs[0]))

    def reduced(self, value: Value) -> Spelled:
        """A sum, a norm … along axes, or of all entries."""
        axes = cast(Axes, value.attrs[0])
        x = value.args[0]
        shown = self.layout.axis(axes[0]) if len(axes) == 1 else self.layout.axes(axes)
        if value.op == "sum" and len(x.dims) == 1 and x.op == "diagonal" and x not in self.known and len(x.args[0].dims) == 2:
            return self.op("trace", [self.numeric(x.args[0])])
        texts = [self.numeric(a) for a in value.args]
        if len(axes) < len(x.dims):
            return self.op(value.op, texts, "reduce", axis=shown)
        return self.op(value.op, texts, "whole" if self.has(value.op, "whole") else "reduce", axis=shown)

    def diagonal(self, value: Value) -> Spelled:
        """The entries of a diagonal."""
        x = value.args[0]
        first, second = (self.layout.axis(cast(int, a)) for a in value.attrs)
        return self.op("diagonal" if len(x.dims) == 2 else "diagonals", [self.numeric(x)], first=first, second=second)

    def reshape(self, value: Value) -> Spelled:
        """Another shape."""
        x = value.args[0]
        dims = [d for d in x.dims if d != 1]
        if len(value.dims) == 1 and len(dims) == 1 and len(x.dims) == 2:
            return self.op("index", [self(x)], places="0" if x.dims[0] == 1 else ":, 0")
        if len(x.dims) == 1 and value.dims == (1, *x.dims):
            return self.op("index", [self(x)], places="None, :")
        shape = self.layout.shape([self.layout.rest]) if len(value.dims) == 1 else self.shape(value.dims)
        return self.op("reshape", [self.numeric(x)], shape=shape)

    @staticmethod
    def placement(value: Value) -> str:
        """Which axes of zeros off a diagonal are one, as letters: "iji->ij"."""
        axes, own = cast(Axes, value.attrs[0]), range(len(value.args[0].dims))
        return f'"{"".join(_LETTERS[i] for i in axes)}->{"".join(_LETTERS[i] for i in own)}"'

    def place(self, value: Value) -> Spelled:
        """Zeros, but on a diagonal."""
        (x,), axes = value.args, cast(Axes, value.attrs[0])
        if axes == (0, 0):
            if x.op == "spread":
                eye = self.op("eye", [], n=self.size(value.dims[0]))
                inner = x.args[0]
                return eye if inner.number == 1 else self.combined("times", self(inner), eye, scalar=not inner.dims)
            if self.has("diag"):
                return self.op("diag", [self.numeric(x)])
        ndim = len(value.dims)
        if self.has("placed"):
            return self.op("placed", [self.numeric(x)], shape=self.shape(value.dims), spec=self.placement(value))
        ones = x.op == "spread" and x.args[0].number == 1 and all(axes.count(i) > 1 for i in axes)
        found = None if ones else self.aligned(x, tuple(axes.index(i) for i in range(len(x.dims))), ndim)
        for i, a in enumerate(axes):
            first = axes.index(a)
            if first != i:
                eye = self.op("eye", [], n=self.size(value.dims[i]))
                factor = self.at(eye, (first, i), ndim)
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

    def einsum(self, value: Value) -> Spelled:
        """A product over some axes that keeps others of both."""
        a, b, out = (cast(Axes, part) for part in value.attrs)
        texts = [self.numeric(x) for x in value.args]
        gone = [i for i in a if i not in out]
        if a == b and len(gone) == 1 and out == tuple(i for i in a if i not in gone) and self.has("rowwise"):
            return self.op("rowwise", texts, axis=str(a.index(gone[0])))
        of_matrices = not set(a) <= set(b) and not set(b) <= set(a)
        if self.has("einsum") and not (of_matrices and self.language.batches):
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
                text = self.op("permute", [text], order=self.layout.axes(order))
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
        return found if order == (*range(len(order)),) else self.op("permute", [found], order=self.layout.axes(order))

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
            at = self.at(at, (*range(len(place.dims)),), len(value.dims))
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
        return found if order == (*range(len(order)),) else self.permuted(found, order)

    def part(self, value: Value, texts: Mapping[int, str]) -> Spelled:
        """What stands at some places of axes."""
        every = self.layout.endless or self.language.settings["places"] == "all"
        end = len(value.dims) if every else max(texts) + 1
        return self.op("index", [self.numeric(value)], places=", ".join(texts.get(i, ":") for i in range(end)))

    def item(self, value: Value) -> Spelled:
        """A part at a place, or at places on several axes."""
        chain = [value]
        while chain[-1].args[0].op == "item" and chain[-1].args[0] not in self.known:
            chain.append(chain[-1].args[0])
        whole = chain[-1].args[0]
        left, texts = [*range(len(whole.dims))], dict[int, str]()
        for part in reversed(chain):
            axis, at, size = cast(tuple[int, Expr, Expr | None], part.attrs)
            first = self.layout.first
            place = self.number(at + first)
            if size is not None:
                place = self.op("clipped", [place], last=self.number(size - 1 + first).text)
            texts[left.pop(axis)] = place.text
        return self.without(self.part(whole, texts), tuple(texts), len(whole.dims))

    def slice(self, value: Value) -> Spelled:
        """The parts between two places."""
        axis, start, stop = cast(tuple[int, Expr, Expr], value.attrs)
        low, high = (self.size(e) for e in (start + self.layout.first, stop))
        if not self.layout.first:
            low = "" if start == 0 else low
            high = "" if stop == value.args[0].dims[axis] else high
        return self.part(value.args[0], {axis: self.op("between", [], low=low, high=high).text})

    def range(self, value: Value) -> Spelled:
        """The whole numbers from low to high."""
        low, high = (cast(Expr, e) for e in value.attrs)
        return self.op("range", [], low=self.size(low), high=self.size(high), end=self.size(high + 1))

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
        return self.op("powers", texts, letter=letter, low=self.size(low), last=self.size(high), end=self.size(high + 1))

    def concat(self, value: Value) -> Spelled:
        """Arrays one after the other."""
        texts = [self.numeric(a).text for a in value.args]
        axis = cast(int, value.attrs[0])
        name = f"concat{axis}" if self.has(f"concat{axis}") else "concat"
        return self.op(name, [], list=", ".join(texts), rows="; ".join(texts), axis=self.layout.axis(axis))


_REDUCTIONS = (
    "sum",
    "prod",
    "norm",
    "norm1",
    "norminf",
    "pnorm",
    "logsumexp",
    "softmax",
    "log_softmax",
    "softmaxes",
    "max",
    "peak",
)
Speller.methods = {
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
