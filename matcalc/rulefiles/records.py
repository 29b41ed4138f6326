"""What a rule file states, as frozen records: operations, structures, identities.

A *size* argument (`n` of `eye(n)`) is written without brackets and occurs among the dimensions.  It is an operand of the
node only where the result does not show it as a bare dimension: eye, ones, e, unvec keep no sizes, `commutation(m, n)` of
shape [m*n, m*n] keeps both (`Record.operands`).  A size argument that a spelling leaves out is 1 (`ones(n)`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

NAME = re.compile(r"[A-Za-z_]\w*")


SPANNING = ("entries", "span")
"""The formulas of a structure that are not of its own shape: the independent entries x of X, the D with vec(X) = D*x."""


@dataclass(frozen=True)
class Literal:
    """A fixed argument of a spelling: `2` (number), `'fro'` (string, without its quotes) or `inf` (name)."""

    kind: str
    value: str


@dataclass(frozen=True)
class Argument:
    """An argument of an operation: dims () scalar, ("n",) vector n×1, ("m", "n") matrix; or a size."""

    name: str
    dims: tuple[str, ...] = ()
    is_size: bool = False


def sizes_of(arguments: Iterable[Argument], result: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names among the dimensions, in order of appearance."""
    dims = [d for a in arguments for d in a.dims] + list(result)
    return tuple(dict.fromkeys(name for d in dims for name in NAME.findall(d)))


@dataclass(frozen=True)
class CallPattern:
    """One spelling of an operation, `norm(X, 'fro')`; an `Argument` among the args is a guard on the shape."""

    function: str
    args: tuple[str | Literal | Argument, ...]
    keywords: Mapping[str, Literal]


@dataclass(frozen=True, eq=False)
class Record:
    """One operation as its table states it; `formulas` by key: d, value, scalar, adjoint.A, matrix.A; title in words.

    `says` tells a reader what the result is, formulas in braces: the derivative of {X^k} in the direction {D}.
    """

    name: str
    file: Path
    arguments: tuple[Argument, ...]
    result: tuple[str, ...]
    entrywise: bool = False
    calls: tuple[CallPattern, ...] = ()
    macro: bool = False
    formulas: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    sympy: str | None = None
    nonnegative: bool = False
    templates: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    constant: frozenset[str] = frozenset()
    joint: bool = False
    title: str = ""
    says: str = ""

    @cached_property
    def operands(self) -> tuple[Argument, ...]:
        """The arguments that are operands of the node: all but the sizes that the result shows."""
        return tuple(a for a in self.arguments if not (a.is_size and a.name in self.result))

    @cached_property
    def differentiable(self) -> tuple[Argument, ...]:
        """The operands by which the operation may be differentiated."""
        return tuple(a for a in self.operands if not a.is_size and a.name not in self.constant)

    @cached_property
    def linear(self) -> frozenset[str]:
        """The arguments in which the operation is linear: those with an adjoint line."""
        return frozenset(k.partition(".")[2] for k in self.formulas if k.startswith("adjoint."))

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The names among the dimensions, in order of appearance."""
        return sizes_of(self.arguments, self.result)


@dataclass(frozen=True, eq=False)
class Structure:
    """A property of a variable (symmetric, simplex …); formulas: sample, project, independent, pairing, entries, span."""

    name: str
    file: Path
    arguments: tuple[Argument, ...]
    implies: tuple[str, ...]
    formulas: Mapping[str, str]
    facts: tuple[str, ...]
    says: str
    source: str
    closed: frozenset[str] = frozenset()
    absorbs: frozenset[str] = frozenset()
    made_by: frozenset[str] = frozenset()
    transpose: str = ""
    cone: bool = False
    declarable: bool = True

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The names among the dimensions."""
        return sizes_of(self.arguments)


@dataclass(frozen=True, eq=False)
class Identity:
    """A true equation lhs = rhs between expressions in the variables of `arguments`.

    `where` must be known for it to be used, `domain` says where both sides are defined.
    """

    name: str
    file: Path
    arguments: tuple[Argument, ...]
    lhs: str
    rhs: str
    where: tuple[str, ...]
    domain: tuple[str, ...]
    source: str
    title: str = ""

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The names among the dimensions, and those of size arguments."""
        return tuple(dict.fromkeys([*sizes_of(self.arguments), *(a.name for a in self.arguments if a.is_size)]))


@dataclass(frozen=True, eq=False)
class Signatures:
    """All rule files: operations, their spellings by function name in file order, structures, identities, cited works."""

    records: Mapping[str, Record]
    functions: Mapping[str, tuple[tuple[CallPattern, Record], ...]]
    structures: Mapping[str, Structure]
    identities: Mapping[str, Identity]
    sources: Mapping[str, str]
