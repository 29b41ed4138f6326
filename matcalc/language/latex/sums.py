r"""Sums and products over indices: the clauses below \sum and what they say of the index."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from matcalc.errors import Span
from matcalc.language.syntax.builder import RefusedError
from matcalc.language.syntax.tree import Comparison, Comprehension, Expression, Name, Number, Sum


@dataclass(frozen=True, slots=True, eq=False)
class Lower:
    """The clause i = low."""

    index: Expression
    low: Expression
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """The clause low ≤ i < high."""

    low: Expression
    relations: tuple[str, str]
    index: Expression
    high: Expression
    span: Span


Clause: TypeAlias = Expression | Lower | Between
Limits: TypeAlias = tuple[Expression, Expression]


class _Clauses:
    """What the clauses of a sum say: the indices with their lower ends, limits of their own, and the condition."""

    def __init__(self) -> None:
        self.lows: dict[str, Expression | None] = {}
        self.names: dict[str, Name] = {}
        self.limits: dict[str, Limits] = {}
        self.condition: Comparison | None = None

    def enter(self, clause: Clause) -> None:
        """Enter a clause."""
        match clause:
            case Name():
                self.index(clause, None)
            case Lower():
                self.index(clause.index, clause.low)
            case Between():
                name = self.index(clause.index, None)
                if any(r not in ("le", "lt") for r in clause.relations):
                    raise RefusedError("these are no limits of an index", clause.span, "write 1 \\le i \\le n")
                low = clause.low if clause.relations[0] == "le" else _plus(clause.low, 1)
                high = clause.high if clause.relations[1] == "le" else _plus(clause.high, -1)
                self.limits[name.name] = (low, high)
            case Comparison():
                if self.condition is not None:
                    raise RefusedError(
                        "a sum has one condition", clause.span, "put the others into the terms: \\mathbf{1}(i < j)"
                    )
                if not (isinstance(clause.left, Name) and clause.left.name in self.names):
                    self.index(clause.left, None)
                self.condition = clause
            case _:
                raise RefusedError("this is no index of a sum", clause.span, "write \\sum_i, \\sum_{i=1}^n or \\sum_{j \\ne y}")

    def index(self, e: Expression, low: Expression | None) -> Name:
        """The index that a clause names."""
        if not isinstance(e, Name):
            raise RefusedError("an index is one letter", e.span, "write \\sum_i, \\sum_{i=1}^n or \\sum_{j \\ne y}")
        if e.name in self.names:
            raise RefusedError(f"the index {e.name} is bound twice", e.span, "give one of them another letter")
        self.names[e.name] = e
        self.lows[e.name] = low
        return e


def _plus(e: Expression, step: int) -> Expression:
    one = Number(Fraction(1), e.span)
    if isinstance(e, Number):
        return Number(e.value + step, e.span)
    return Sum((e, one), ("+", "+" if step > 0 else "-"), e.span)


def comprehension(
    function: str, clauses: tuple[Clause, ...], high: Expression | None, body: Expression, span: Span, sign: Span
) -> Expression:
    """The sum or product over the indices that the clauses name, the last one innermost."""
    found = _Clauses()
    for clause in clauses:
        found.enter(clause)
    if not found.names:
        raise RefusedError(f"\\{function} has no index", sign, f"write \\{function}_i or \\{function}_{{i=1}}^n")
    given = [low for low in found.lows.values() if low is not None]
    made = body
    for name, index in reversed(found.names.items()):
        low = found.lows[name]
        limits = found.limits.get(name)
        if limits is None and high is not None:
            limits = (low or (given[-1] if given else Number(Fraction(1), high.span)), high)
        elif low is not None and high is None and not (isinstance(low, Number) and low.value == 1):
            raise RefusedError("the upper limit is missing", low.span, f"write \\{function}_{{{name} = …}}^n")
        made = Comprehension(function, made, index, limits, found.condition if made is body else None, span)
    return made
