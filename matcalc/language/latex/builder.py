r"""Reductions of latex.lark → the surface tree."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from lark import Token, Transformer, v_args

from matcalc.errors import Span
from matcalc.language.latex.products import SIDE_BY_SIDE, Bare, Chain, product
from matcalc.language.latex.sums import Between, Clause, Lower, comprehension
from matcalc.language.syntax.builder import MAX_DIGITS, RefusedError, place_of
from matcalc.language.syntax.tree import (
    Bars,
    Block,
    Call,
    Comparison,
    Declaration,
    Expression,
    Index,
    Line,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Statement,
    Sum,
    Text,
    Transpose,
)

_SPACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "R": ("R", ()), "R+": ("R", ("nonnegative",)), "R++": ("R", ("positive",)), "S": ("matrix", ("symmetric",)),
    "S+": ("matrix", ("symmetric",)), "S++": ("matrix", ("posdef",)), "Z": ("integer", ()), "N": ("integer", ()),
}  # fmt: skip
_INVERSES = frozenset("sin cos tan sinh cosh tanh".split())


def _span(first: Any, last: Any) -> Span:
    return place_of(first)[0], place_of(last)[1]


def _moved(e: Any, span: Span) -> Expression:
    """E with another span: brackets belong to what they enclose."""
    cls = type(e)
    if cls is Call:
        return Call(e.function, e.arguments, e.keywords, span, e.name_span)
    return cast(Expression, cls(*(getattr(e, name) for name in cls.__slots__[:-1]), span))


def _name(token: Token) -> Name:
    return Name(str(token), place_of(token))


def _same(a: Expression, b: Expression) -> bool:
    if isinstance(a, Number) and isinstance(b, Number):
        return a.value == b.value
    return isinstance(a, Name) and isinstance(b, Name) and a.name == b.name


def _minus_one(e: Expression) -> bool:
    return isinstance(e, Negative) and isinstance(e.operand, Number) and e.operand.value == 1


def _applied(function: Token, limits: tuple[Clause, ...] | None, power: Expression | None, call: Call) -> Expression:
    r"""The value of a function with what stands below and above it: \log_2 x, \sin^2 x."""
    made: Expression = call
    if limits is not None:
        if function != "log" or len(limits) != 1 or isinstance(limits[0], Lower | Between):
            what = f"{function} with something below it is not read"
            hint = "\\max(a, b) is the larger of two; a smooth largest entry is \\operatorname{logsumexp}(x)"
            if function not in ("max", "min"):
                hint = f"write {function}(…) without it"
            raise RefusedError(what, (place_of(function)[0], limits[-1].span[1]), hint)
        base = limits[0]
        below = Call("log", (base,), (), base.span, place_of(function))
        made = Product((call, below), ("*", "/"), call.span)
    if power is not None:
        if _minus_one(power) and function in _INVERSES:
            raise RefusedError(
                f"{function}^{{-1}} may be the inverse function or a reciprocal",
                _span(function, power),
                f"write \\arc{function} or \\frac{{1}}{{\\{function}(x)}}",
            )
        made = Power(made, power, False, call.span)
    return made


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, list[Line]]):
    """Each rule of the grammar as its part of the surface tree."""

    # ---------------------------------------------------------------- statements

    def problem(self, *parts: Any) -> list[Line]:
        lines = [p for p in parts if not isinstance(p, Token) and p is not None]
        return [p if isinstance(p, Statement | Declaration) else Statement(p, None, p.span) for p in lines]

    def definition(self, left: Any, _: Token, right: Expression) -> Statement:
        span = (left.span[0], right.span[1])
        indices: tuple[Expression | None, ...] = ()
        name = left
        while isinstance(name, Index):
            indices = (*name.places, *indices)
            name = name.operand
        if not isinstance(name, Name) or not all(isinstance(i, Name) for i in indices):
            hint = "write f = … or f(x) = …; a product on the left is no name"
            raise RefusedError("only a name can be defined with =", left.span, hint)
        return Statement(right, name, span, cast(tuple[Name, ...], indices))

    def declaration(self, *parts: Any) -> Declaration:
        space = next(i for i, p in enumerate(parts) if isinstance(p, Token) and p.type == "SPACE")
        names = tuple(_name(p) for p in parts[:space] if p.type == "NAME")
        sizes = tuple(p for p in parts[space:] if p is not None and not isinstance(p, Token))
        end = place_of(next(p for p in reversed(parts) if p is not None))[1]
        place = place_of(parts[space])
        if str(parts[space]) not in _SPACES:
            raise RefusedError("this set is not read", place, "\\mathbb{R}^n, \\mathbb{R}^{m \\times n} and \\mathbb{S}^n are")
        kind, properties = _SPACES[str(parts[space])]
        if kind == "matrix":
            sizes = sizes * 2 if len(sizes) == 1 else sizes
        found = tuple(Name(p, place) for p in properties)
        return Declaration(names, Name(kind, place), sizes or None, found, (names[0].span[0], end))

    # ---------------------------------------------------------------- sums and products

    def comparison(self, left: Expression, relation: Token, right: Expression) -> Comparison:
        return Comparison(left, str(relation), right, _span(left, right))

    def sum(self, *parts: Any) -> Sum:
        return Sum(parts[::2], ("+", *(str(s) for s in parts[1::2])), _span(parts[0], parts[-1]))

    def sign(self, sign: Token, operand: Any) -> Expression:
        operand = product(Chain().add(SIDE_BY_SIDE, operand)) if isinstance(operand, Bare) else operand
        span = _span(sign, operand)
        return _moved(operand, span) if sign == "+" else Negative(operand, span)

    def chain(self, first: Any, *rest: Any) -> Chain:
        if not rest:
            return first if isinstance(first, Chain) else Chain().add(SIDE_BY_SIDE, first)
        operator = str(rest[0]) if len(rest) == 2 else SIDE_BY_SIDE
        return cast(Chain, first).add(operator, rest[-1])

    def product(self, *parts: Any) -> Expression:
        return product(self.chain(*parts))

    def big(self, sign: Token, limits: Any, upper: Any, body: Expression) -> Expression:
        return comprehension(str(sign), limits or (), upper, body, _span(sign, body), place_of(sign))

    def limits(self, *parts: Any) -> tuple[Clause, ...]:
        return tuple(p for p in parts if not isinstance(p, Token))

    def lower(self, index: Expression, _: Token, low: Expression) -> Lower:
        return Lower(index, low, _span(index, low))

    def between(self, low: Expression, first: Token, index: Expression, second: Token, high: Expression) -> Between:
        return Between(low, (str(first), str(second)), index, high, _span(low, high))

    def membership(self, index: Expression, sign: Token, found: Expression) -> Clause:
        raise RefusedError("a sum over a set is not read", _span(index, found), "give the limits: \\sum_{i=1}^n")

    def upper(self, *parts: Any) -> Expression:
        return cast(Expression, parts[2])

    # ---------------------------------------------------------------- functions

    def applied(self, function: Token, limits: Any, upper: Any, opening: Token, *parts: Any) -> Expression:
        arguments = tuple(p for p in parts if p is not None and not isinstance(p, Token | tuple))
        keywords = tuple(p for p in parts if isinstance(p, tuple))
        if function == "eye" and len(arguments) == 2 and _same(*arguments):
            arguments = arguments[:1]
        call = Call(str(function), arguments, keywords, _span(function, parts[-1]), place_of(function))
        return _applied(function, limits, upper, call)

    def bare(self, function: Token, limits: Any, power: Any, argument: Any) -> Bare:
        def applied(whole: Expression) -> Expression:
            call = Call(str(function), (whole,), (), _span(function, whole), place_of(function))
            return _applied(function, limits, power, call)

        return Bare(argument, applied, _span(function, argument), function == "tr" and power is None)

    def applied_bare(self, function: Token, limits: Any, upper: Any, argument: Expression) -> Expression:
        return self.bare(function, limits, upper, argument).applied(argument)

    def argument(self, e: Any) -> Any:
        return e

    def keyword(self, token: Token) -> tuple[str, Expression]:
        return "axis", Number(Fraction(str(token)), place_of(token))

    def exponential(self, e: Token, _: Token, exponent: Expression, closing: Token) -> Call:
        return Call("exp", (exponent,), (), _span(e, closing), place_of(e))

    def indicator(self, sign: Token, _: Token, inner: Expression, closing: Token) -> Call:
        return Call("ind", (inner,), (), _span(sign, closing), place_of(sign))

    def root(self, sign: Token, *parts: Any) -> Expression:
        inner = [p for p in parts if not isinstance(p, Token)]
        span = _span(sign, parts[-1])
        if len(inner) == 1:
            return Call("sqrt", (inner[0],), (), span, place_of(sign))
        one = Number(Fraction(1), inner[0].span)
        return Power(inner[1], Product((one, inner[0]), ("*", "/"), inner[0].span), True, span)

    def inner(self, opening: Token, a: Expression, _: Token, b: Expression, closing: Token) -> Call:
        span = _span(opening, closing)
        return Call("inner", (a, b), (), span, span)

    def fraction(self, sign: Token, *parts: Any) -> Product:
        above, below = (p for p in parts if not isinstance(p, Token))
        return Product((above, below), ("*", "/"), _span(sign, parts[-1]))

    def over(self, opening: Token, above: Expression, _: Token, below: Expression, closing: Token) -> Product:
        return Product((above, below), ("*", "/"), _span(opening, closing))

    def bars(self, opening: Token, inner: Expression, closing: Token, index: Token | None) -> Expression:
        if index is not None:
            return self.norm(opening, inner, closing, index)
        return Bars(inner, _span(opening, closing))

    def norm(self, opening: Token, inner: Expression, closing: Token, index: Token | None) -> Call:
        span = _span(opening, index or closing)
        if index is None:
            return Call("norm", (inner,), (), span, span)
        place, word = place_of(index), str(index)
        kind: Expression = Text(word, place) if word in ("fro", "nuc") else Name(word, place)
        if word[0].isdigit() and len(word) <= MAX_DIGITS:
            kind = Number(Fraction(word), place)
        return Call("norm", (inner, kind), (), span, span)

    def block(self, opening: Token, *parts: Any) -> Expression:
        span = _span(opening, parts[-1])
        made = Block(tuple(p for p in parts if isinstance(p, tuple)), span)
        if opening == "vmatrix":
            return Call("det", (made,), (), span, span)
        return Call("norm", (made,), (), span, span) if opening == "Vmatrix" else made

    def row(self, *parts: Any) -> tuple[Expression, ...]:
        return tuple(p for p in parts if not isinstance(p, Token))

    # ---------------------------------------------------------------- names, numbers, what stands above and below

    def number(self, token: Token) -> Number:
        if len(token) > MAX_DIGITS:
            raise RefusedError("the number is too large", place_of(token), f"numbers of up to {MAX_DIGITS} digits are read")
        return Number(Fraction(str(token)), place_of(token))

    def name(self, token: Token) -> Name:
        return _name(token)

    def group(self, opening: Token, inner: Expression, closing: Token) -> Expression:
        return _moved(inner, _span(opening, closing))

    def power(self, base: Expression, _: Token, __: Token, exponent: Expression, closing: Token) -> Power:
        return Power(base, exponent, False, _span(base, closing))

    def dotpower(self, base: Expression, _: Token, __: Token, exponent: Expression, closing: Token) -> Power:
        return Power(base, exponent, True, _span(base, closing))

    def transpose(self, operand: Expression, mark: Token) -> Transpose:
        return Transpose(operand, _span(operand, mark))

    def inverted(self, operand: Expression, mark: Token) -> Transpose:
        span = _span(operand, mark)
        return Transpose(Power(operand, Number(Fraction(-1), place_of(mark)), False, span), span)

    def pseudo(self, operand: Expression, mark: Token) -> Call:
        span = _span(operand, mark)
        return Call("pinv", (operand,), (), span, span)

    def index(self, operand: Expression, *parts: Any) -> Index:
        places = tuple(p[0] for p in parts if isinstance(p, tuple))
        return Index(operand, places, _span(operand, parts[-1]))

    def place(self, e: Any) -> tuple[Expression | None]:
        return (None if isinstance(e, Token) else e,)


def tree_builder() -> Transformer[Token, list[Line]]:
    """What makes the surface tree of the grammar's reductions; it raises RefusedError."""
    return _TreeBuilder()
