r"""What stands side by side: products, and functions without brackets, whose argument must be told from what follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from matcalc.errors import Span
from matcalc.language.latex.words import FROBENIUS
from matcalc.language.syntax.builder import RefusedError
from matcalc.language.syntax.tree import Bars, Call, Expression, Index, Name, Number, Power, Product, Transpose

_ENTRYWISE = frozenset([".*", "./", "kron"])
SIDE_BY_SIDE = ""
"""The operator between factors without one."""


@dataclass(frozen=True, slots=True, eq=False)
class Bare:
    r"""A function without brackets, \log p_i: its argument, and what the function makes of an argument.

    One that `takes_all` is applied to the whole product that follows: \operatorname{tr} AB.
    """

    argument: Expression
    applied: Callable[[Expression], Expression]
    span: Span
    takes_all: bool = False


Factor: TypeAlias = Expression | Bare


@dataclass(slots=True, eq=False)
class Chain:
    """Factors with the operators before them."""

    factors: list[Factor] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)

    def add(self, operator: str, factor: Factor) -> Chain:
        """The chain with one factor more."""
        self.factors.append(factor)
        self.operators.append(operator)
        return self


def product(chain: Chain) -> Expression:
    """The product of a chain: factors side by side bind tighter than entrywise operators between them."""
    factors, operators = list(chain.factors), list(chain.operators)
    for i in range(len(factors) - 1, -1, -1):
        factor = factors[i]
        if isinstance(factor, Bare) and factor.takes_all:
            taken = Chain([factor.argument, *factors[i + 1 :]], [SIDE_BY_SIDE, *operators[i + 1 :]])
            factors[i:] = [factor.applied(_multiplied(taken))]
            del operators[i + 1 :]
    return _multiplied(Chain(factors, operators))


def _multiplied(chain: Chain) -> Expression:
    """The product of a chain in which no function takes all that follows."""
    if FROBENIUS in chain.operators:
        if chain.operators.count(FROBENIUS) > 1:
            whole = (chain.factors[0].span[0], chain.factors[-1].span[1])
            raise RefusedError("two colons in one product are not read", whole, "write \\langle A, B\\rangle for each")
        at = chain.operators.index(FROBENIUS)
        first = _multiplied(Chain(chain.factors[:at], chain.operators[:at]))
        second = _multiplied(Chain(chain.factors[at:], [SIDE_BY_SIDE, *chain.operators[at + 1 :]]))
        return Product((first, second), ("*", FROBENIUS), (first.span[0], second.span[1]))
    factors, operators = _applied(chain)
    if not _ENTRYWISE.isdisjoint(operators):
        factors, operators = _grouped(factors, operators)
    for i, operator in enumerate(operators):
        number = isinstance(factors[i], Number) and isinstance(factors[i - 1], Number)
        if operator == "/" and not number and operators[i + 1 : i + 2] == [SIDE_BY_SIDE]:
            span = (factors[i - 1].span[0], factors[i + 1].span[1])
            raise RefusedError("how far the division reaches cannot be told", span, "write \\frac{a}{b} c, or a/(b c)")
    return _product(factors, operators)


def _product(factors: list[Expression], operators: list[str]) -> Expression:
    if len(factors) == 1:
        return factors[0]
    return Product(tuple(factors), ("*", *(o or "*" for o in operators[1:])), (factors[0].span[0], factors[-1].span[1]))


def _grouped(factors: list[Expression], operators: list[str]) -> tuple[list[Expression], list[str]]:
    """The chain with each run of factors side by side as one."""
    runs: list[list[Expression]] = []
    between: list[str] = []
    for factor, operator in zip(factors, operators, strict=True):
        if operator == SIDE_BY_SIDE and runs:
            runs[-1].append(factor)
        else:
            runs.append([factor])
            between.append(operator)
    return [_product(run, [SIDE_BY_SIDE] * len(run)) for run in runs], between


def _applied(chain: Chain) -> tuple[list[Expression], list[str]]:
    r"""The factors, functions applied to what is theirs: \log 2\pi is \log(2\pi)."""
    factors: list[Expression] = []
    operators: list[str] = []
    i, count = 0, len(chain.factors)
    while i < count:
        factor, operator = chain.factors[i], chain.operators[i]
        i += 1
        if not isinstance(factor, Bare):
            if operator == SIDE_BY_SIDE and factors and isinstance(factor, Number) and isinstance(factors[-1], Number):
                span = (factors[-1].span[0], factor.span[1])
                raise RefusedError("two numbers stand side by side", span, "put \\cdot between them")
            factors.append(factor)
            operators.append(operator)
            continue
        run: list[Expression] = [factor.argument]
        if isinstance(factor.argument, Number):
            while i < count and chain.operators[i] == SIDE_BY_SIDE:
                following = chain.factors[i]
                if isinstance(following, Bare) or not _is_letter(following):
                    break
                run.append(following)
                i += 1
        unclear = not _is_enclosed(factor.argument) and i < count and chain.operators[i] == SIDE_BY_SIDE
        if unclear and not _begins_with_function(chain.factors[i]):
            span = (factor.span[0], chain.factors[i].span[1])
            hint = "put brackets around the argument: \\log(a) b, or \\log(a b)"
            raise RefusedError("where the argument of the function ends cannot be told", span, hint)
        factors.append(factor.applied(_product(run, [SIDE_BY_SIDE] * len(run))))
        operators.append(operator)
    return factors, operators


def _is_letter(factor: Expression) -> bool:
    """Whether a factor is a name, with an index or a power or without."""
    while isinstance(factor, Power | Index):
        factor = factor.base if isinstance(factor, Power) else factor.operand
    return isinstance(factor, Name)


def _is_enclosed(argument: Expression) -> bool:
    """Whether bars tell where an argument ends."""
    return isinstance(argument, Bars) or (isinstance(argument, Call) and argument.name_span == argument.span)


def _begins_with_function(factor: Factor) -> bool:
    while isinstance(factor, Power | Index | Transpose):
        factor = factor.base if isinstance(factor, Power) else factor.operand
    return isinstance(factor, Bare) or (isinstance(factor, Call) and factor.name_span != factor.span)
