"""What a text says, before names have kinds: the surface tree.  Every part knows its span in the text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from matcalc.errors import Span


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """An exact number."""

    value: Fraction
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A variable, an intermediate, a size or a constant."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A quoted string: 'fro'."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """Terms with the signs before them: `+`, `-`, `.+` or `.-` (the first has `+`)."""

    terms: tuple[Expression, ...]
    signs: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """Factors with the operators before them: `*`, `/`, `.*`, `./` or `kron`, from the left (the first has `*`)."""

    factors: tuple[Expression, ...]
    operators: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Negative:
    """-A."""

    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Transpose:
    """A'."""

    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Power:
    """A^k, or A.^p entry by entry."""

    base: Expression
    exponent: Expression
    entrywise: bool
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A > B as 0/1; relation is gt, ge, lt, le, eq or ne."""

    left: Expression
    relation: str
    right: Expression
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """x[i], X[i,j], X[i,:]; None is a colon."""

    operand: Expression
    places: tuple[Expression | None, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """|x|: abs of a scalar, det of a matrix."""

    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """[A, B; C, D]."""

    rows: tuple[tuple[Expression, ...], ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """f(A, 2, 'fro', axis=0)."""

    function: str
    arguments: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Comprehension:
    """sum(body for index in low..high if condition), or prod: `limits` is None where the range was left out."""

    function: str
    body: Expression
    index: Name
    limits: tuple[Expression, Expression] | None
    condition: Expression | None
    span: Span


Expression: TypeAlias = (
    Number
    | Name
    | Text
    | Sum
    | Product
    | Negative
    | Transpose
    | Power
    | Comparison
    | Index
    | Bars
    | Block
    | Call
    | Comprehension
)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """An expression, or with a name `NAME = EXPR`; with indices `NAME[i] = EXPR`, a definition entry by entry."""

    expression: Expression
    name: Name | None
    span: Span
    indices: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """NAME[, NAME]: KIND(SIZES) PROPERTY …; `sizes` is None where none were given.

    Of a function, NAME: function(KIND, …) -> KIND, the sizes are the kinds of its arguments and `result` is that of its value.
    """

    names: tuple[Name, ...]
    kind: Name
    sizes: tuple[Expression, ...] | None
    properties: tuple[Name, ...]
    span: Span
    result: Name | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Assumption:
    """Assume lhs == rhs; relation is eq or ne."""

    left: Expression
    right: Expression
    span: Span
    relation: str = "eq"


Line: TypeAlias = Statement | Declaration | Assumption


def children(e: Expression) -> tuple[Expression, ...]:
    """The parts of e, in the order of the text."""
    match e:
        case Sum():
            return e.terms
        case Product():
            return e.factors
        case Negative() | Transpose() | Bars():
            return (e.operand,)
        case Power():
            return (e.base, e.exponent)
        case Comparison():
            return (e.left, e.right)
        case Index():
            return (e.operand, *(p for p in e.places if p is not None))
        case Block():
            return tuple(x for row in e.rows for x in row)
        case Call():
            return e.arguments
        case Comprehension():
            return tuple(x for x in (*(e.limits or ()), e.condition, e.body) if x is not None)
        case _:
            return ()


def postorder(root: Expression) -> list[Expression]:
    """Every part below root, operands first; iterative, so that depth is no limit."""
    found: list[Expression] = []
    stack: list[Expression] = [root]
    while stack:
        e = stack.pop()
        found.append(e)
        stack.extend(children(e))
    found.reverse()
    return found
