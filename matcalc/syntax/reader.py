"""Text → statements: Lark's LALR parser over the tokens of the scanner, its reductions made into the surface tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from matcalc.errors import ParseError, Span
from matcalc.syntax.names import canonical
from matcalc.syntax.scanner import Scanner, check_size
from matcalc.syntax.tree import (
    Assumption,
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

MAX_DIGITS = 400
"""The longest number that is read, in digits, and the largest decimal exponent."""
_CACHED_TEXT = 1_000

_RELATIONS = {
    ">": "gt", "<": "lt", ">=": "ge", "≥": "ge", "<=": "le", "≤": "le", "==": "eq", "!=": "ne", "~=": "ne", "≠": "ne",
}  # fmt: skip
_PRODUCTS = {".*": ".*", "⊙": ".*", "∘": ".*", "./": "./", "⊘": "./", "/": "/", "⊗": "kron"}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵏⁿᵐᵖⁱʲᵈᵀ", "0123456789+-knmpijdT", strict=True))
_SPECIAL_NAMES = {"1": "ind", "∞": "inf", "𝟙": "ones"}
_NORMS = {"F": "fro", "*": "nuc", "nuc": "nuc", "fro": "fro"}
_OPERANDS = frozenset("NUMBER NAME LPAR LBRACKET ABS_OPEN NORM_OPEN STRING LBRACE".split())


def _span(first: Any, last: Any) -> Span:
    start = first.start_pos if isinstance(first, Token) else first.span[0]
    end = last.end_pos if isinstance(last, Token) else last.span[1]
    return (start, end)


def _moved(e: Any, span: Span) -> Any:
    """E with another span: brackets belong to what they enclose."""
    cls = type(e)
    return cls(*(getattr(e, name) for name in cls.__slots__[:-1]), span) if cls is not Call else _moved_call(e, span)


def _moved_call(e: Call, span: Span) -> Call:
    return Call(e.function, e.arguments, e.keywords, span, e.name_span)


def _name(token: Token) -> Name:
    raw = str(token)
    return Name(canonical(_SPECIAL_NAMES.get(raw, raw)), (token.start_pos, token.end_pos))


class _Failure(Exception):
    """A part of the text that the grammar admits and the language does not; the reader adds the text."""

    def __init__(self, what: str, span: Span, hint: str) -> None:
        super().__init__(what)
        self.what, self.span, self.hint = what, span, hint


class _Later(_Failure):
    """A part of the language that this version does not read."""


@v_args(inline=True)
class _Tree(Transformer):  # type: ignore[misc]
    """Each rule of the grammar as its part of the surface tree."""

    def problem(self, *parts: Any) -> list[Line]:
        lines: list[Line] = []
        for part in parts:
            if isinstance(part, list):
                lines.extend(part)
            elif not isinstance(part, Token):
                lines.append(part if isinstance(part, Statement | Declaration | Assumption) else Statement(part, None, part.span))
        return lines

    def qualified(self, *parts: Any) -> list[Line]:
        return self.problem(*parts)

    def definition(self, left: Any, _: Token, right: Any) -> Statement:
        if isinstance(left, Index):
            raise _Later("a definition entry by entry", left.span, "define the whole: xhat = (x - mu)/s")
        if not isinstance(left, Name):
            raise _Failure("only a name can be defined with =", left.span, "an equation is written with == after `assume`")
        return Statement(right, left, (left.span[0], right.span[1]))

    def assumption(self, word: Token, claim: Any) -> Assumption:
        if not isinstance(claim, Comparison) or claim.relation != "eq":
            if isinstance(claim, Comparison) and claim.relation == "ne":
                raise _Later("an assumption that indices differ", claim.span, "state an equation: assume sum(p) == 1")
            raise _Failure("an assumption is an equation", claim.span, "write assume lhs == rhs; signs are declared: x: vector positive")
        return Assumption(claim.left, claim.right, _span(word, claim))

    def names(self, *parts: Token) -> tuple[Name, ...]:
        return tuple(_name(t) for t in parts if t.type == "NAME")

    def declaration(self, names: tuple[Name, ...], _: Token, kind: tuple[Name, Any, int], *properties: Token) -> Declaration:
        end = properties[-1].end_pos if properties else kind[2]
        return Declaration(names, kind[0], kind[1], tuple(map(_name, properties)), (names[0].span[0], end))

    def kind(self, name: Token) -> tuple[Name, None, int]:
        return _name(name), None, name.end_pos

    def sized_kind(self, name: Token, *parts: Any) -> tuple[Name, tuple[Expression, ...], int]:
        sizes = next((p for p in parts if isinstance(p, tuple)), ())
        last = parts[-1]
        return _name(name), sizes, last.end_pos if isinstance(last, Token) else sizes[-1].span[1]

    def superscript_kind(self, name: Token, power: Token) -> tuple[Name, tuple[Expression, ...], int]:
        return _name(name), (_superscript(power),), power.end_pos

    def function_kind(self, name: Token, *_: Any) -> NoReturn:
        raise _Later("an unknown function", (name.start_pos, name.end_pos), "declare scalars, vectors and matrices, or write the function out")

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
            raise _Failure("comparisons cannot be chained", _span(left, right), "compare twice: (a < x) .* (x < b)")
        return Comparison(left, _RELATIONS[str(relation)], right, _span(left, right))

    def transpose(self, operand: Any, mark: Token) -> Transpose:
        return Transpose(operand, _span(operand, mark))

    def transpose_index(self, operand: Any, mark: Token, places: tuple[Any, int]) -> Index:
        return self.index(Transpose(operand, _span(operand, mark)), places)

    def power(self, base: Any, operator: Token, exponent: Any) -> Expression:
        span = _span(base, exponent)
        entrywise = operator.startswith(".")
        inner = exponent.operand if isinstance(exponent, Negative) else exponent
        if isinstance(inner, Name) and inner.name in ("T", "⊤", "⊺", "ᵀ") and inner.span[1] - inner.span[0] == 1 and not entrywise:
            return Transpose(base if inner is exponent else Power(base, Number(Fraction(-1), exponent.span), False, span), span)
        return Power(base, exponent, entrywise, span)

    def superscript(self, base: Any, mark: Token) -> Expression:
        span = _span(base, mark)
        if mark.endswith("ᵀ"):
            return Transpose(Power(base, Number(Fraction(-1), (mark.start_pos, mark.end_pos)), False, span), span)
        return Power(base, _superscript(mark), False, span)

    def index(self, operand: Any, places: tuple[Any, int]) -> Index:
        return Index(operand, places[0], (operand.span[0], places[1]))

    def subscripts(self, *parts: Any) -> tuple[Any, int]:
        return tuple(p[0] for p in parts if isinstance(p, tuple)), parts[-1].end_pos

    def place(self, *parts: Any) -> tuple[Expression | None]:
        if len(parts) > 1:
            raise _Later("a slice", _span(parts[0], parts[-1]), "x[i], X[i,j], X[i,:] and X[:,j] are read")
        return (None if isinstance(parts[0], Token) else parts[0],)

    def number(self, token: Token) -> Number:
        mantissa, _, exponent = token.lower().partition("e")
        if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_DIGITS:
            raise _Failure("the number is too large", (token.start_pos, token.end_pos), f"numbers of up to {MAX_DIGITS} digits are read")
        return Number(Fraction(str(token)), (token.start_pos, token.end_pos))

    def name(self, token: Token) -> Name:
        return _name(token)

    def group(self, opening: Token, inner: Any, closing: Token) -> Expression:
        return _moved(inner, _span(opening, closing))

    def call(self, function: Token, *parts: Any) -> Call:
        arguments = tuple(p for p in parts if p is not None and not isinstance(p, Token | tuple))
        keywords = tuple(p for p in parts if isinstance(p, tuple))
        name = _name(function)
        if function == "𝟙":
            name = Name("ind", name.span)
        return Call(name.name, arguments, keywords, _span(function, parts[-1]), name.span)

    def string(self, token: Token) -> Text:
        return Text(str(token)[1:-1], (token.start_pos, token.end_pos))

    def keyword(self, name: Token, _: Token, value: Any) -> tuple[str, Expression]:
        return str(name), value

    def comprehension(self, first: Any, *rest: Any) -> NoReturn:
        raise _Later("a sum or product over an index", _span(first, [r for r in rest if r is not None][-1]), "sum(x) adds up all entries, X*ones(n) the rows")

    def range(self, low: Any, _: Token, high: Any) -> Any:
        return _moved(low, _span(low, high))

    def bars(self, opening: Token, inner: Any, closing: Token) -> Bars:
        return Bars(inner, _span(opening, closing))

    def norm(self, opening: Token, inner: Any, closing: Token, index: Token | None) -> Call:
        span = _span(opening, index or closing)
        if index is None:
            return Call("norm", (inner,), (), span, span)
        place = (index.start_pos, index.end_pos)
        word = re.sub(r"[_{}\s]", "", index).translate(str.maketrans("₁₂", "12"))
        kind: Expression = Text(_NORMS[word], place) if word in _NORMS else Name("inf", place)
        if word not in _NORMS and word not in ("inf", "∞"):
            kind = Number(Fraction(word), place) if word.isdecimal() else Name(canonical(word), place)
        return Call("norm", (inner, kind), (), span, span)

    def block(self, *parts: Any) -> Block:
        return Block(tuple(p for p in parts if isinstance(p, tuple)), _span(parts[0], parts[-1]))

    def row(self, *parts: Any) -> tuple[Expression, ...]:
        return tuple(p for p in parts if not isinstance(p, Token))


def _superscript(mark: Token) -> Expression:
    text = "".join(_SUPERSCRIPTS[c] for c in mark)
    span = (mark.start_pos, mark.end_pos)
    if text.lstrip("+-").isdecimal():
        return Number(Fraction(text[:MAX_DIGITS]), span)
    name = Name(text.lstrip("+-"), span)
    return Negative(name, span) if text.startswith("-") else name


@lru_cache(maxsize=1)
def _parse() -> Callable[[str], list[Line]]:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    lark = Lark(
        grammar, parser="lalr", lexer=Scanner, start="problem", transformer=_Tree(), maybe_placeholders=True, keep_all_tokens=True
    )
    return lark.parse  # type: ignore[no-any-return]


def _explain(text: str, error: UnexpectedInput) -> ParseError:
    """The three-part error for a token that cannot stand where it does."""
    token = getattr(error, "token", None)
    if token is None or token.type == "$END":
        end = len(text.rstrip())
        return ParseError(
            "the text ends where something is still expected", source=text, span=(end, end + 1), hint="complete the last statement"
        )
    span = (token.start_pos, token.end_pos)
    expected = set(getattr(error, "accepts", None) or getattr(error, "expected", ()))
    shown = "a new line" if token == "\n" else str(token)
    if token.type in _OPERANDS and "NUMBER" not in expected:
        before = re.search(r"[^\W]+\s*$", text[: span[0]])
        hint = "multiplication is always written: put * or another operator between them"
        if before is not None and token.type in ("NAME", "NUMBER", "LPAR"):
            hint = f"multiplication is always written: {before.group().strip()}*{shown}"
        return ParseError(f"expected an operator before {shown}", source=text, span=span, hint=hint)
    if "NUMBER" in expected:
        return ParseError(
            f"expected a name, a number or an opening bracket before {shown}",
            source=text,
            span=span,
            hint="something is missing on the left of it",
        )
    return ParseError(f"{shown} cannot stand here", source=text, span=span, hint="check the brackets and commas before it")


def _read(text: str) -> tuple[Line, ...]:
    check_size(text)
    try:
        return tuple(_parse()(text))
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    except _Failure as found:
        what = f"{found.what} is not read by this version" if isinstance(found, _Later) else found.what
        raise ParseError(what, source=text, span=found.span, hint=found.hint) from None


_read_cached = lru_cache(maxsize=2_000)(_read)


def read(text: str) -> tuple[Line, ...]:
    """The statements, declarations and assumptions of a text, in order.

    Raises: ParseError.
    """
    return _read_cached(text) if len(text) <= _CACHED_TEXT else _read(text)
