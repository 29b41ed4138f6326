"""Sizes as texts say them: `n`, `3`, `m*n`, `n*(n+1)/2`; and as type lines of the rules do."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from matcalc.errors import ArgumentError
from matcalc.language.scope import Scope
from matcalc.language.shapes import Dim, find, over, plus, times
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.tree import Expression, Name, Negative, Number, Power, Product, Statement, Sum, postorder

MAX_SIZE = 10**9


def size_of(e: Expression, scope: Scope, source: str) -> Dim:
    """The dimension that an expression in sizes stands for.

    Raises: ArgumentError for anything but integers, size names, +, -, *, powers and division by a number.
    """

    def named(name: Name) -> Dim:
        key = name_key(name.name)
        if key in scope.sizes:
            return scope.sizes[key]
        raise _fault(name)

    def _fault(part: Expression) -> ArgumentError:
        return ArgumentError(
            "a size is a positive integer or a name, or made of them by + - * /",
            source=source,
            span=part.span,
            hint="as in eye(n), ones(m, 3)",
        )

    return _evaluate(e, named, _fault)


def _evaluate(e: Expression, named: Callable[[Name], Dim], fault: Callable[[Expression], Exception]) -> Dim:
    values: dict[int, Dim] = {}
    for part in postorder(e):
        match part:
            case Number():
                if part.value.denominator != 1 or part.value > MAX_SIZE:
                    raise fault(part)
                values[id(part)] = int(part.value)
            case Name():
                values[id(part)] = named(part)
            case Negative():
                values[id(part)] = times(-1, values[id(part.operand)])
            case Sum():
                total: Dim = 0
                for term, sign in zip(part.terms, part.signs, strict=True):
                    total = plus(total, values[id(term)], -1 if sign[-1] == "-" else 1)
                values[id(part)] = total
            case Product():
                values[id(part)] = _product(part, values, fault)
            case Power():
                exponent = find(values[id(part.exponent)])
                if not isinstance(exponent, int) or not 0 <= exponent <= 8:
                    raise fault(part)
                values[id(part)] = 1
                for _ in range(exponent):
                    values[id(part)] = times(values[id(part)], values[id(part.base)])
            case _:
                raise fault(part)
    found = find(values[id(e)])
    if isinstance(found, int) and not 0 < found <= MAX_SIZE:
        raise fault(e)
    return found


def _product(e: Product, values: dict[int, Dim], fault: Callable[[Expression], Exception]) -> Dim:
    found: Dim = 1
    for factor, operator in zip(e.factors, e.operators, strict=True):
        value = find(values[id(factor)])
        if operator == "*":
            found = times(found, value)
        elif operator == "/" and isinstance(value, int) and value:
            found = over(found, value)
        else:
            raise fault(factor)
    return found


@lru_cache(maxsize=512)
def _type_dimension(text: str) -> Expression:
    line = read(text)[0]
    assert isinstance(line, Statement)
    return line.expression


def type_dimension(text: str, named: Callable[[str], Dim]) -> Dim:
    """The dimension of a type line, `n*(n+1)/2`, with its names replaced."""
    if text.isidentifier():
        return named(text)
    if text.isdecimal():
        return int(text)
    return _evaluate(_type_dimension(text), lambda name: named(name.name), lambda part: ValueError(text))
