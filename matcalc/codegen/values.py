"""Values: the operations on arrays that a generated function is made of, each one only once.

A value has axes and no rows or columns: a vector, column or row, has one axis, a scalar none.  What rows and columns mean is
settled before (`forms`), so transposes and ones cost nothing unless an axis really has to move.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import sympy
from sympy import Expr

from matcalc.nodes.expr import intern_scalar
from matcalc.nodes.graph import walk

Axes = tuple[int, ...]


class Value:
    """The array op(*args) of the sizes `dims`; `attrs` is what else the operation needs: axes, an index, a name."""

    __slots__ = ("args", "attrs", "dims", "op", "serial")

    def __init__(
        self, op: str, args: tuple[Value, ...], attrs: tuple[object, ...], dims: tuple[Expr, ...], serial: int = 0
    ) -> None:
        self.serial = serial
        self.op = op
        self.args = args
        self.attrs = attrs
        self.dims = dims

    def __repr__(self) -> str:
        inner = ", ".join([*map(repr, self.args), *map(str, self.attrs)])
        return f"{self.op}({inner})"

    @property
    def number(self) -> Expr | None:
        """The number that the value is, known from sizes alone; None for what depends on arrays."""
        return cast(Expr, self.attrs[0]) if self.op == "number" else None


class Values:
    """Makes values: equal ones are one object."""

    def __init__(self) -> None:
        self._table: dict[tuple[object, ...], Value] = {}
        self.symmetric: set[Value] = set()
        self.definite: set[Value] = set()
        self.nonnegative: set[Value] = set()
        self.undivided: set[Value] = set()
        """Sums that are made as such, whatever they are multiplied by: what they are made of loses digits."""

    def make(self, op: str, args: Iterable[Value], dims: Iterable[Expr], *attrs: object) -> Value:
        """op(*args)."""
        found_args, found_dims = tuple(args), tuple(dims)
        key = (op, found_args, attrs, found_dims)
        found = self._table.get(key)
        if found is None:
            found = self._table[key] = Value(op, found_args, attrs, found_dims, len(self._table))
        return found

    def made(self, op: str, args: Iterable[Value], dims: Iterable[Expr], *attrs: object) -> Value | None:
        """op(*args) where it was made before."""
        return self._table.get((op, tuple(args), attrs, tuple(dims)))

    def number(self, e: Expr | int) -> Value:
        """A number, or what sizes alone tell."""
        return self.make("number", (), (), intern_scalar(sympy.sympify(e)))

    # ------------------------------------------------------------ entry by entry

    def times(self, parts: Iterable[tuple[Value, Axes]], dims: tuple[Expr, ...]) -> Value:
        """The product entry by entry of values spread along the other axes; each stands on those axes of the result."""
        coefficient: Expr = sympy.S.One
        others: list[tuple[Value, Axes]] = []
        for value, axes in self._factors(map(_unturned, parts)):
            if value.number is not None:
                coefficient = intern_scalar(sympy.Mul(coefficient, value.number))
            else:
                others.append((value, axes))
        if coefficient == 0:
            return self.zeros(dims)
        if not others:
            return self.spread(self.number(coefficient), (), dims)
        if coefficient == 1 and len(others) == 1:
            return self.spread(*others[0], dims)
        if coefficient != 1:
            if len(others) == 1 and others[0][0].op == "times":
                inner, at = others[0]
                own = cast(tuple[Axes, ...], inner.attrs[0])
                others = [(v, tuple(at[i] for i in axes)) for v, axes in zip(inner.args, own, strict=True)]
            others.insert(0, (self.number(coefficient), ()))
        covered = sorted({a for _, axes in others for a in axes})
        if len(covered) < len(dims):
            inner = self.times([(v, tuple(map(covered.index, axes))) for v, axes in others], tuple(dims[a] for a in covered))
            return self.spread(inner, tuple(covered), dims)
        return self.make("times", [v for v, _ in others], dims, tuple(axes for _, axes in others))

    def bare(self, value: Value) -> Value:
        """A product without the number before it."""
        axes = cast(tuple[Axes, ...], value.attrs[0])
        return self.times(zip(value.args[1:], axes[1:], strict=True), value.dims)

    def _factors(self, parts: Iterable[tuple[Value, Axes]]) -> Iterator[tuple[Value, Axes]]:
        for value, axes in parts:
            if value.op == "times" and value.args[0].number is not None:
                inner = cast(tuple[Axes, ...], value.attrs[0])
                yield value.args[0], ()
                rest = [(v, tuple(axes[a] for a in at)) for v, at in zip(value.args[1:], inner[1:], strict=True)]
                if len(rest) == 1:
                    yield rest[0]
                else:
                    yield self.make("times", value.args[1:], value.dims, inner[1:]), axes
            else:
                yield value, axes

    def plus(self, parts: Iterable[tuple[Value, Axes]], dims: tuple[Expr, ...]) -> Value:
        """The sum entry by entry of values spread along the other axes."""
        number: Expr = sympy.S.Zero
        others: list[tuple[Value, Axes]] = []
        collected: dict[tuple[Value, Axes], Expr] = {}
        for value, axes in map(_unturned, parts):
            if value.number is not None:
                number = intern_scalar(sympy.Add(number, value.number))
            elif value.op != "zeros":
                core, coefficient = self._parted(value)
                collected[core, axes] = collected.get((core, axes), sympy.S.Zero) + coefficient
        for (core, axes), coefficient in collected.items():
            if coefficient != 0:
                whole = (*range(len(core.dims)),)
                others.append((self.times([(self.number(coefficient), ()), (core, whole)], core.dims), axes))
        if not others:
            return self.spread(self.number(number), (), dims)
        if number != 0:
            others.append((self.number(number), ()))
        if len(others) == 1:
            return self.spread(*others[0], dims)
        covered = sorted({a for _, axes in others for a in axes})
        if len(covered) < len(dims):
            inner = self.plus([(v, tuple(map(covered.index, axes))) for v, axes in others], tuple(dims[a] for a in covered))
            return self.spread(inner, tuple(covered), dims)
        others.sort(key=lambda part: part[0].serial)
        opposite = [(self._negated(v), axes) for v, axes in others]
        if (found := self._table.get(self._plus_key(opposite, dims))) is not None:
            return self._negated(found)
        made = self.make("plus", [v for v, _ in others], dims, tuple(axes for _, axes in others))
        if len(others) == 2 and self._is_one_less(made):
            self.nonnegative.add(made)
        return made

    def _parted(self, value: Value) -> tuple[Value, Expr]:
        """(a value, the number that multiplies it)."""
        if value.op == "times" and value.args[0].number is not None:
            return self.bare(value), value.args[0].number
        return value, sympy.S.One

    def _plus_key(self, parts: list[tuple[Value, Axes]], dims: tuple[Expr, ...]) -> tuple[object, ...]:
        ordered = sorted(parts, key=lambda part: part[0].serial)
        return "plus", tuple(v for v, _ in ordered), (tuple(axes for _, axes in ordered),), dims

    def _negated(self, value: Value) -> Value:
        return self.times([(self.number(-1), ()), (value, (*range(len(value.dims)),))], value.dims)

    def _is_one_less(self, made: Value) -> bool:
        """Whether a sum is 1 less something that is at most 1."""
        return any(a.number == 1 for a in made.args) and any(
            a.op == "times" and len(a.args) == 2 and a.args[0].number == -1 and is_at_most_one(a.args[1]) for a in made.args
        )

    def power(self, value: Value, exponent: Expr) -> Value:
        """value ** exponent entry by entry, the exponent known from sizes alone; negative ones are reciprocals."""
        if value.number is not None:
            return self.number(cast(Expr, sympy.Pow(value.number, exponent)))
        if exponent == 0:
            return self.spread(self.number(1), (), value.dims)
        if exponent == 1:
            return value
        if exponent.could_extract_minus_sign():
            inner = self.power(value, intern_scalar(-exponent))
            return inner.args[0] if inner.op == "reciprocal" else self.make("reciprocal", [inner], value.dims)
        if value.op == "reciprocal":
            return self.make("reciprocal", [self.power(value.args[0], exponent)], value.dims)
        if exponent == sympy.S.Half:
            return self.entrywise("sqrt", value)
        if value.op == "entrywise" and value.attrs[0] == "sqrt" and exponent.is_integer:
            return self.power(value.args[0], intern_scalar(exponent / 2))
        return self.make("power", [value, self.number(exponent)], value.dims, ((*range(len(value.dims)),), ()))

    def entrywise(self, name: str, *args: Value) -> Value:
        """name(*args) entry by entry; the first operand has all the axes, the others have as many or none."""
        dims = args[0].dims
        axes = tuple((*range(len(a.dims)),) for a in args)
        return self.make("entrywise", args, dims, name, axes)

    # ------------------------------------------------------------ axes

    def zeros(self, dims: tuple[Expr, ...]) -> Value:
        """Zeros."""
        return self.make("zeros", (), dims) if dims else self.number(0)

    def spread(self, value: Value, axes: Axes, dims: tuple[Expr, ...]) -> Value:
        """The value repeated along the axes of the result that are not its own."""
        if len(axes) == len(dims):
            return self.permuted(value, tuple(axes.index(i) for i in range(len(dims))))
        if value.number == 0:
            return self.zeros(dims)
        return self.make("spread", [value], dims, axes)

    def permuted(self, value: Value, order: Axes) -> Value:
        """The value whose axis i is axis order[i] of this one."""
        if order == (*range(len(order)),):
            return value
        if value.op == "permute":
            inner = cast(Axes, value.attrs[0])
            return self.permuted(value.args[0], tuple(inner[i] for i in order))
        if value in self.symmetric and len(order) == 2:
            return value
        return self.make("permute", [value], tuple(value.dims[i] for i in order), order)

    def summed(self, value: Value, axes: Axes) -> Value:
        """The sum along axes."""
        if not axes:
            return value
        left = tuple(d for i, d in enumerate(value.dims) if i not in axes)
        if value.op == "permute":
            order = cast(Axes, value.attrs[0])
            kept = [order[i] for i in range(len(order)) if i not in axes]
            inner = self.summed(value.args[0], tuple(sorted(order[i] for i in axes)))
            ranks = sorted(kept)
            return self.permuted(inner, tuple(ranks.index(k) for k in kept))
        return self.make("sum", [value], left, axes)

    def diagonal(self, value: Value, first: int, second: int) -> Value:
        """The entries whose places on the two axes are equal; their axis comes last."""
        left = [d for i, d in enumerate(value.dims) if i not in (first, second)]
        return self.make("diagonal", [value], (*left, value.dims[first]), first, second)

    def reshaped(self, value: Value, dims: tuple[Expr, ...]) -> Value:
        """The entries in rows, the last axis fastest, in another shape."""
        if value.dims == dims:
            return value
        if value.op == "reshape":
            return self.reshaped(value.args[0], dims)
        if value.number is not None or value.op == "zeros":
            return self.zeros(dims) if value.op == "zeros" else value
        return self.make("reshape", [value], dims)

    def placed(self, value: Value, axes: Axes, dims: tuple[Expr, ...]) -> Value:
        """Zeros of that shape, but for the entries whose places agree: axis i of the result is axis axes[i] of the value."""
        return self.make("place", [value], dims, axes)


def _unturned(part: tuple[Value, Axes]) -> tuple[Value, Axes]:
    """What a value is spread from, or has its axes turned from, on its axes."""
    value, axes = part
    while value.op in ("spread", "permute"):
        inner = cast(Axes, value.attrs[0])
        axes = tuple(axes[i] for i in inner) if value.op == "spread" else tuple(axes[inner.index(i)] for i in range(len(inner)))
        value = value.args[0]
    return value, axes


_AT_MOST_ONE = frozenset({"sigmoid", "tanh", "sin", "cos", "erf", "gt", "ge", "lt", "le", "eq", "ne"})


def is_at_most_one(value: Value) -> bool:
    """Whether no entry is larger than 1."""
    return value.op == "softmax" or (value.op == "entrywise" and value.attrs[0] in _AT_MOST_ONE)


def postorder(roots: Iterable[Value]) -> Iterator[Value]:
    """Every value below the roots once, operands first."""
    return walk(roots, lambda value: value.args)


def uses(roots: Iterable[Value]) -> Mapping[Value, int]:
    """How often each value is an operand or a root."""
    ends = list(roots)
    count: dict[Value, int] = {}
    for value in ends:
        count[value] = count.get(value, 0) + 1
    for value in postorder(ends):
        for a in value.args:
            count[a] = count.get(a, 0) + 1
    return count
