"""Reductions of the grammar → the surface tree."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, TypeAlias, TypeGuard, cast

from lark import Token, Transformer, v_args

from matcalc.errors import Span
from matcalc.language.syntax.names import canonical
from matcalc.language.syntax.tree import (
    Assumption,
    Bars,
    Block,
    Call,
    Comparison,
    Comprehension,
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

Kind: TypeAlias = tuple[Name, tuple[Expression, ...] | None, int, Name | None]
"""The name of a kind, its sizes, where it ends, and of a function the kind of its value."""

MAX_DIGITS = 400
"""The longest number that is read, in digits, and the largest decimal exponent."""

_RELATIONS = {
    ">": "gt", "<": "lt", ">=": "ge", "≥": "ge", "<=": "le", "≤": "le", "==": "eq", "!=": "ne", "~=": "ne", "≠": "ne",
}  # fmt: skip
_PRODUCTS = {".*": ".*", "⊙": ".*", "∘": ".*", "./": "./", "⊘": "./", "/": "/", "⊗": "kron"}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵏⁿᵐᵖⁱʲᵈᵀ", "0123456789+-knmpijdT", strict=True))
_SPECIAL_NAMES = {"1": "ind", "∞": "inf", "𝟙": "ones"}
_NORMS = {"F": "fro", "*": "nuc", "nuc": "nuc", "fro": "fro"}


def place_of(part: Any) -> Span:
    """Where a token or a part of the tree stands."""
    return cast(Span, (part.start_pos, part.end_pos) if isinstance(part, Token) else part.span)


def _begins_with_transpose(exponent: Name) -> bool:
    """Whether an exponent without brackets is what LaTeX has after a transpose: x^TAx."""
    shown = exponent.span[1] - exponent.span[0] == len(exponent.name)
    return shown and exponent.name[0] == "T" and exponent.name[1:2].isalpha()


def _span(first: Any, last: Any) -> Span:
    return place_of(first)[0], place_of(last)[1]


def _moved(e: Any, span: Span) -> Expression:
    """E with another span: brackets belong to what they enclose."""
    cls = type(e)
    if cls is Call:
        return Call(e.function, e.arguments, e.keywords, span, e.name_span)
    return cast(Expression, cls(*(getattr(e, name) for name in cls.__slots__[:-1]), span))


def _name(token: Token) -> Name:
    raw = str(token)
    return Name(canonical(_SPECIAL_NAMES.get(raw, raw)), place_of(token))


class RefusedError(Exception):
    """A part of the text that the grammar admits and the language does not; the reader adds the text."""

    def __init__(self, what: str, span: Span, hint: str) -> None:
        super().__init__(what)
        self.what, self.span, self.hint = what, span, hint


class LaterError(RefusedError):
    """A part of the language that this version does not read."""


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, list[Line]]):
    """Each rule of the grammar as its part of the surface tree."""

    def problem(self, *parts: Any) -> list[Line]:
        lines: list[Line] = []
        for part in parts:
            if isinstance(part, list):
                lines.extend(part)
            elif not isinstance(part, Token):
                lines.append(
                    part if isinstance(part, Statement | Declaration | Assumption) else Statement(part, None, part.span)
                )
        return lines

    def qualified(self, *parts: Any) -> list[Line]:
        return self.problem(*parts)

    def definition(self, left: Any, _: Token, right: Any) -> Statement:
        span = (left.span[0], right.span[1])
        if isinstance(left, Index) and isinstance(left.operand, Name):
            letters = tuple(p for p in left.places if isinstance(p, Name))
            if len({i.name for i in letters}) < len(left.places):
                hint = "write xhat[i] = …, or S[i,j] = …, with a letter for each index"
                raise RefusedError("a definition entry by entry has letters for its indices", left.span, hint)
            return Statement(right, left.operand, span, letters)
        if not isinstance(left, Name):
            raise RefusedError("only a name can be defined with =", left.span, "an equation is written with == after `assume`")
        return Statement(right, left, span)

    def assumption(self, word: Token, claim: Any) -> Assumption:
        if not isinstance(claim, Comparison) or claim.relation not in ("eq", "ne"):
            hint = "write assume lhs == rhs, or assume i != j of indices; signs are declared: x: vector positive"
            raise RefusedError("an assumption is an equation", claim.span, hint)
        return Assumption(claim.left, claim.right, _span(word, claim), claim.relation)

    def names(self, *parts: Token) -> tuple[Name, ...]:
        return tuple(_name(t) for t in parts if t.type == "NAME")

    def declaration(self, names: tuple[Name, ...], _: Token, kind: Kind, *properties: Token) -> Declaration:
        end = place_of(properties[-1])[1] if properties else kind[2]
        return Declaration(names, kind[0], kind[1], tuple(map(_name, properties)), (names[0].span[0], end), kind[3])

    def kind(self, name: Token) -> Kind:
        return _name(name), None, place_of(name)[1], None

    def sized_kind(self, name: Token, *parts: Any) -> Kind:
        sizes = next((p for p in parts if isinstance(p, tuple)), ())
        return _name(name), sizes, place_of(sizes[-1] if parts[-1] is sizes else parts[-1])[1], None

    def superscript_kind(self, name: Token, power: Token) -> Kind:
        return _name(name), (_superscript(power),), place_of(power)[1], None

    def function_kind(self, name: Token, *parts: Any) -> Kind:
        arguments = next((p for p in parts if isinstance(p, tuple)), ())
        result: Kind = parts[-1]
        return _name(name), arguments, result[2], result[0]

    def single_size(self, token: Token) -> tuple[Expression, ...]:
        return (_name(token) if token.type == "NAME" else self.number(token),)

    def sizes(self, *parts: Any) -> tuple[Expression, ...]:
        return tuple(p for p in parts if not isinstance(p, Token))

    def sum(self, *parts: Any) -> Sum:
        signs = tuple(str(s).replace("−", "-") for s in parts[1::2])
        return Sum(parts[::2], ("+", *signs), _span(parts[0], parts[-1]))

    def product(self, *parts: Any) -> Product:
        operators = tuple(_PRODUCTS.get(str(o), "*") for o in parts[1::2])
        return Product(parts[::2], ("*", *operators), _span(parts[0], parts[-1]))

    def sign(self, sign: Token, operand: Any) -> Expression:
        span = _span(sign, operand)
        return _moved(operand, span) if sign == "+" else Negative(operand, span)

    exponent_sign = sign

    def comparison(self, left: Any, relation: Token, right: Any) -> Comparison:
        if isinstance(left, Comparison) and left.span[0] == left.left.span[0]:
            raise RefusedError("comparisons cannot be chained", _span(left, right), "compare twice: (a < x) .* (x < b)")
        return Comparison(left, _RELATIONS[str(relation)], right, _span(left, right))

    def transpose(self, operand: Any, mark: Token) -> Transpose:
        return Transpose(operand, _span(operand, mark))

    def transpose_index(self, operand: Any, mark: Token, places: tuple[Any, int]) -> Index:
        return self.index(Transpose(operand, _span(operand, mark)), places)

    def power(self, base: Any, operator: Token, exponent: Any) -> Expression:
        span = _span(base, exponent)
        entrywise = operator.startswith(".")
        inner = exponent.operand if isinstance(exponent, Negative) else exponent
        if (
            isinstance(inner, Name)
            and inner.name in ("T", "⊤", "⊺", "ᵀ")
            and inner.span[1] - inner.span[0] == 1
            and not entrywise
        ):
            return Transpose(base if inner is exponent else Power(base, Number(Fraction(-1), exponent.span), False, span), span)
        if isinstance(inner, Name) and _begins_with_transpose(inner) and not entrywise:
            rest = inner.name[1:]
            hint = f"write '*{rest} for a transpose, ^({inner.name}) for a power; LaTeX is read with --latex"
            raise RefusedError(f"whether ^{inner.name} transposes cannot be told", inner.span, hint)
        return Power(base, exponent, entrywise, span)

    def superscript(self, base: Any, mark: Token) -> Expression:
        span = _span(base, mark)
        if mark.endswith("ᵀ"):
            return Transpose(Power(base, Number(Fraction(-1), place_of(mark)), False, span), span)
        return Power(base, _superscript(mark), False, span)

    def index(self, operand: Any, places: tuple[Any, int]) -> Index:
        return Index(operand, places[0], (operand.span[0], places[1]))

    def subscripts(self, *parts: Any) -> tuple[Any, int]:
        return tuple(p[0] for p in parts if isinstance(p, tuple)), parts[-1].end_pos

    def place(self, *parts: Any) -> tuple[Expression | None]:
        if len(parts) > 1:
            raise LaterError("a slice", _span(parts[0], parts[-1]), "x[i], X[i,j], X[i,:] and X[:,j] are read")
        return (None if isinstance(parts[0], Token) else parts[0],)

    def number(self, token: Token) -> Number:
        mantissa, _, exponent = token.lower().partition("e")
        if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_DIGITS:
            raise RefusedError("the number is too large", place_of(token), f"numbers of up to {MAX_DIGITS} digits are read")
        return Number(Fraction(str(token)), place_of(token))

    def name(self, token: Token) -> Name:
        return _name(token)

    def group(self, opening: Token, inner: Any, closing: Token) -> Expression:
        return cast(Expression, inner) if opening == "{" else _moved(inner, _span(opening, closing))

    def call(self, function: Token, *parts: Any) -> Call | Comprehension:
        arguments = tuple(p for p in parts if p is not None and not isinstance(p, Token | tuple))
        keywords = tuple(p for p in parts if isinstance(p, tuple))
        name = _name(function)
        if function == "𝟙":
            name = Name("ind", name.span)
        span = _span(function, parts[-1])
        over = [a for a in arguments if _is_argument(a)]
        if not over:
            return Call(name.name, arguments, keywords, span, name.span)
        if name.name not in ("sum", "prod") or len(parts) > 3:
            hint = "write sum(x[i] for i in 1..n) or prod(…), with nothing else inside"
            raise RefusedError(f"{name.name} is not taken over an index", over[0].span, hint)
        return _over_index(name.name, over[0], span)

    def string(self, token: Token) -> Text:
        return Text(str(token)[1:-1], place_of(token))

    def keyword(self, name: Token, _: Token, value: Any) -> tuple[str, Expression]:
        return str(name), value

    def comprehension(self, body: Any, *clauses: Any) -> Comprehension:
        for index, limits, condition, end in reversed(clauses):
            body = Comprehension("", body, index, limits, condition, (body.span[0], end))
        return cast(Comprehension, body)

    def clause(self, _: Token, index: Token, *rest: Any) -> tuple[Any, ...]:
        limits = next((r for r in rest if isinstance(r, tuple)), None)
        condition = next((r for r in rest if r is not None and not isinstance(r, Token | tuple)), None)
        last = condition or (limits and limits[1]) or index
        return _name(index), limits, condition, place_of(last)[1]

    def range(self, low: Any, _: Token, high: Any) -> tuple[Expression, Expression]:
        return low, high

    def bars(self, opening: Token, inner: Any, closing: Token) -> Bars:
        return Bars(inner, _span(opening, closing))

    def norm(self, opening: Token, inner: Any, closing: Token, index: Token | None) -> Call:
        span = _span(opening, index or closing)
        if index is None:
            return Call("norm", (inner,), (), span, span)
        place = place_of(index)
        word = re.sub(r"[_{}\s]", "", index).translate(str.maketrans("₁₂", "12"))
        kind: Expression = Text(_NORMS[word], place) if word in _NORMS else Name("inf", place)
        if word not in _NORMS and word not in ("inf", "∞"):
            kind = Number(Fraction(word), place) if word.isdecimal() else Name(canonical(word), place)
        return Call("norm", (inner, kind), (), span, span)

    def block(self, *parts: Any) -> Block:
        return Block(tuple(p for p in parts if isinstance(p, tuple)), _span(parts[0], parts[-1]))

    def row(self, *parts: Any) -> tuple[Expression, ...]:
        return tuple(p for p in parts if not isinstance(p, Token))


def _over_index(function: str, e: Comprehension, span: Span) -> Comprehension:
    """The sum or product that a function's argument `E for i for j` stands for."""
    body = _over_index(function, e.body, e.body.span) if _is_argument(e.body) else e.body
    return Comprehension(function, body, e.index, e.limits, e.condition, span)


def _is_argument(e: Expression) -> TypeGuard[Comprehension]:
    return isinstance(e, Comprehension) and not e.function


def _superscript(mark: Token) -> Expression:
    text = "".join(_SUPERSCRIPTS[c] for c in mark)
    span = place_of(mark)
    if text.lstrip("+-").isdecimal():
        return Number(Fraction(text[:MAX_DIGITS]), span)
    name = Name(text.lstrip("+-"), span)
    return Negative(name, span) if text.startswith("-") else name


def tree_builder() -> Transformer[Token, list[Line]]:
    """What makes the surface tree of the grammar's reductions; it raises RefusedError."""
    return _TreeBuilder()
