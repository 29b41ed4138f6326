"""What each name of a problem is: declared, defined, a size, a constant, a differential, or a free variable.

Also the order of evaluation: every part of every statement, operands first, sizes and labels left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from matcalc.errors import Span
from matcalc.language.shapes import Shape, Size
from matcalc.language.syntax.names import is_greek_scalar, name_key
from matcalc.language.syntax.tree import (
    Call,
    Expression,
    Name,
    Text,
    children,
)
from matcalc.rulefiles.records import Argument, Signatures

KINDS = {
    "scalar": ("scalar", 0), "vector": ("vector", 1), "matrix": ("matrix", 2), "integer": ("integer", 0), "R": ("scalar", 0),
    "vectors": ("vectors", 2), "matrices": ("matrices", 3), "integers": ("integers", 1),
}  # fmt: skip
FUNCTION_ARGUMENTS = ("scalar", "vector", "matrix")
"""What an unknown function may be applied to."""
SCALAR_PROPERTIES = frozenset({"positive", "nonnegative", "integer", "constant"})
INTEGER_LETTERS = frozenset("ijkmndN")
CONSTANTS = frozenset({"pi", "I", "eye", "ones", "zeros"})
"""Names with a meaning of their own, unless they are declared or defined."""
FILLED = {"vector": 1, "matrix": 2}
"""`vector(1)`, `matrix(0)`: a number in every entry, the size from where it stands."""


@dataclass(frozen=True)
class Declared:
    """What a declaration says of one name."""

    kind: str
    sizes: tuple[Expression, ...] | None
    properties: frozenset[str]
    name: Name
    source: str


@dataclass(frozen=True, eq=False)
class Bound:
    """An index that a sum, a product or a definition entry by entry binds; `limits` are the ends of its range, if given.

    It is guarded where a condition decides which of its values count.
    """

    name: Name
    limits: tuple[Expression, Expression] | None
    guarded: bool = False


@dataclass(frozen=True)
class Step:
    """A line of the problem with the text that it stands in; `parts` are its expressions, operands first.

    `indices` are those of a definition entry by entry.
    """

    source: str
    roots: tuple[Expression, ...]
    name: Name | None
    parts: tuple[Expression, ...]
    indices: tuple[Bound, ...] = ()


@dataclass
class Scope:
    """The names of a problem by their keys (W_1 and W1 have one).

    `indices` are the bound ones, by the id of each name that stands for one and of each sum that binds one; `labels` are the
    names whose entries are used as indices, `functions` the unknown functions, with the kind of their argument.
    """

    signatures: Signatures
    declared: dict[str, Declared] = field(default_factory=dict)
    defined: dict[str, int] = field(default_factory=dict)
    bound: dict[str, Shape] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    spelling: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[str, Span]] = field(default_factory=dict)
    free: dict[str, set[str]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    facts: list[Step] = field(default_factory=list)
    distinct: list[Step] = field(default_factory=list)
    indices: dict[int, Bound] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    functions: dict[str, str] = field(default_factory=dict)
    fonts: dict[str, str] = field(default_factory=dict)
    sealed: bool = False

    def role(self, name: str) -> str:
        """What a name is: "variable", "size", "differential", "constant" or "free"."""
        key = name_key(name)
        if key in self.declared or key in self.defined or key in self.bound:
            return "size" if key in self.sizes and key not in self.bound else "variable"
        if key in self.sizes:
            return "size"
        if name in CONSTANTS:
            return "constant"
        return "differential" if self.differential_of(name) else "free"

    def differential_of(self, name: str) -> str:
        """The key of the variable whose differential a name is; "" for none."""
        if self.sealed or len(name) < 2 or name[0] != "d" or is_greek_scalar(name):
            return ""
        key = name_key(name[1:])
        return key if key in self.declared or key in self.defined or key in self.free or key in self.bound else ""

    def convention(self, key: str) -> str:
        """The kind of an undeclared name."""
        uses, name = self.free[key], self.spelling[key]
        if key in self.fonts:
            return self.fonts[key]
        if uses & {"integer", "index"} and name in INTEGER_LETTERS:
            return "integer"
        letters = name[1:] if name[0] == "d" and len(name) > 1 and (name[1].isupper() or is_greek_scalar(name[1:])) else name
        if is_greek_scalar(letters):
            return "scalar"
        return "matrix" if letters[0].isupper() else "vector"

    def is_function(self, name: str) -> bool:
        """Whether a name is that of an unknown function."""
        return name_key(name) in self.functions

    def meet(self, name: str, source: str, span: Span) -> str:
        """The key of a name that occurs; its first spelling is kept."""
        key = name_key(name)
        if key not in self.spelling:
            self.spelling[key] = name
            self.places[key] = (source, span)
        return key


def is_square(signatures: Signatures, structure: str) -> bool:
    """Whether only square matrices can have the property."""
    found = signatures.structures.get(structure)
    return found is not None and len(set(found.arguments[0].dims)) == 1


@lru_cache(maxsize=512)
def size_positions(signatures: Signatures, function: str, count: int) -> frozenset[int]:
    """Which of the arguments of a call are sizes."""
    found: set[int] = set()
    for pattern, record in signatures.functions.get(function, ()):
        if len(pattern.args) == count:
            sizes = {a.name for a in record.arguments if a.is_size}
            found.update(i for i, a in enumerate(pattern.args) if (a.name if isinstance(a, Argument) else a) in sizes)
    return frozenset(found)


@lru_cache(maxsize=512)
def constant_positions(signatures: Signatures, function: str, count: int) -> frozenset[int]:
    """Which of the arguments of a call are indices or exponents, never differentiated by."""
    return frozenset(
        i
        for pattern, record in signatures.functions.get(function, ())
        if len(pattern.args) == count
        for i, a in enumerate(pattern.args)
        if a in record.constant
    )


def is_label(e: Expression) -> bool:
    """Whether an argument is no value but a label: 'fro', inf."""
    return isinstance(e, Text) or (isinstance(e, Name) and e.name in ("inf", "Inf"))


def values_below(signatures: Signatures, e: Expression) -> tuple[Expression, ...]:
    """The parts of e that have a value: no sizes, no labels."""
    if not isinstance(e, Call):
        return children(e)
    if is_differential(e):
        return () if isinstance(e.arguments[0], Name) else e.arguments
    if is_upstream(e):
        return e.arguments[1:]
    sizes = size_positions(signatures, e.function, len(e.arguments))
    return tuple(a for i, a in enumerate(e.arguments) if i not in sizes and not is_label(a))


def is_differential(e: Call) -> bool:
    """Whether a call is d(E), the differential of E."""
    return e.function == "d" and len(e.arguments) == 1 and not e.keywords


def is_upstream(e: Call) -> bool:
    """Whether a call is grad(ell, y), the gradient of an unknown function."""
    return e.function == "grad" and len(e.arguments) == 2 and isinstance(e.arguments[0], Name) and not e.keywords
