"""What each name of a problem is: declared, defined, a size, a constant, a differential, or a free variable.

Also the order of evaluation: every part of every statement, operands first, sizes and labels left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from matcalc.errors import ArgumentError, DeclarationError, Span
from matcalc.language.shapes import Shape, Size
from matcalc.language.syntax.names import canonical, is_greek_scalar, name_key
from matcalc.language.syntax.tree import (
    Assumption,
    Call,
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
    children,
)
from matcalc.rulefiles.records import Argument, Signatures

KINDS = {
    "scalar": ("scalar", 0), "vector": ("vector", 1), "matrix": ("matrix", 2), "integer": ("integer", 0), "R": ("scalar", 0),
}  # fmt: skip
_LATER_KINDS = {"vectors": "a family of vectors", "matrices": "a family of matrices", "integers": "a family of integers",
                "function": "an unknown function"}  # fmt: skip
SCALAR_PROPERTIES = frozenset({"positive", "nonnegative", "integer", "constant"})
INTEGER_LETTERS = frozenset("ijkmndN")
_EXPONENTS = frozenset("pqrst")
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


@dataclass(frozen=True)
class Step:
    """A line of the problem with the text that it stands in; `parts` are its expressions, operands first."""

    source: str
    roots: tuple[Expression, ...]
    name: Name | None
    parts: tuple[Expression, ...]


@dataclass
class Scope:
    """The names of a problem by their keys (W_1 and W1 have one)."""

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

    def meet(self, name: str, source: str, span: Span) -> str:
        """The key of a name that occurs; its first spelling is kept."""
        key = name_key(name)
        if key not in self.spelling:
            self.spelling[key] = name
            self.places[key] = (source, span)
        return key


def scope_of(lines: Iterable[tuple[str, Line]], declarations: Iterable[tuple[str, Line]], signatures: Signatures) -> Scope:
    """The scope of a problem: its own lines, then separate declarations."""
    scope = Scope(signatures)
    own, extra = list(lines), list(declarations)
    for source, line in own:
        if isinstance(line, Statement) and line.name is not None:
            scope.meet(line.name.name, source, line.name.span)
    for source, line in (*own, *extra):
        if isinstance(line, Declaration):
            _declare(scope, source, line)
    statements = [(source, line) for source, line in own if isinstance(line, Statement)]
    for number, (source, line) in enumerate(statements):
        if line.name is not None:
            _define(scope, source, line.name, number)
    waiting: list[tuple[str, Line]] = [*statements, *((s, x) for s, x in (*own, *extra) if isinstance(x, Assumption))]
    stepped = []
    for source, line in waiting:
        if isinstance(line, Statement):
            stepped.append(Step(source, (line.expression,), line.name, _parts(scope, source, (line.expression,))))
        elif isinstance(line, Assumption):
            stepped.append(Step(source, (line.left, line.right), None, _parts(scope, source, (line.left, line.right))))
    scope.steps = stepped[: len(statements)]
    _check_sizes(scope)
    scope.facts = stepped[len(statements) :]
    enter_names(scope, stepped)
    return scope


def _check_sizes(scope: Scope) -> None:
    for key, size in scope.sizes.items():
        declared = scope.declared.get(key)
        if declared is not None and declared.kind != "integer":
            raise DeclarationError(
                f"{size.name} is declared a {declared.kind} and used as a size",
                source=declared.source,
                span=declared.name.span,
                hint=f"declare `{size.name}: integer`, or give the size another name",
            )
        if key in scope.defined:
            source, span = scope.places[key]
            raise DeclarationError(
                f"{size.name} is defined and used as a size", source=source, span=span, hint="give the size another name"
            )


def formula_scope(source: str, expression: Expression, signatures: Signatures) -> Scope:
    """The scope of a formula all of whose names will be bound."""
    scope = Scope(signatures, sealed=True)
    scope.steps = [Step(source, (expression,), None, _parts(scope, source, (expression,), collect=False))]
    return scope


def _declare(scope: Scope, source: str, line: Declaration) -> None:
    word = line.kind.name
    if word in _LATER_KINDS:
        raise DeclarationError(
            f"{_LATER_KINDS[word]} is not read by this version",
            source=source,
            span=line.kind.span,
            hint="declare scalars, vectors and matrices",
        )
    if word not in KINDS:
        near = get_close_matches(word, KINDS, 1)
        raise DeclarationError(
            f"{word} is no kind of variable",
            source=source,
            span=line.kind.span,
            hint=f"did you mean {near[0]}?"
            if near
            else "the kinds are scalar, vector, vector(n), matrix, matrix(m,n), integer, R^n",
        )
    kind, count = KINDS[word]
    sizes = line.sizes
    if word == "R" and sizes is not None:
        kind, count = ("vector", 1) if len(sizes) == 1 else ("matrix", 2)
    if sizes is not None and len(sizes) != count:
        raise DeclarationError(
            f"a {kind} has {count} size{'s' * (count != 1)}, not {len(sizes)}",
            source=source,
            span=line.span,
            hint={0: "leave them out", 1: "vector(n)", 2: "matrix(m, n)"}[count],
        )
    properties = _properties(scope, source, line, kind)
    for name in line.names:
        key = scope.meet(name.name, source, name.span)
        if key in scope.declared:
            raise DeclarationError(
                f"{name.name} is declared twice",
                source=source,
                span=name.span,
                hint="put all its properties in one declaration",
            )
        scope.declared[key] = Declared("integer" if "integer" in properties else kind, sizes, properties, name, source)
    for size in sizes or ():
        for part in _names_in(size):
            _size(scope, part.name)


def _properties(scope: Scope, source: str, line: Declaration, kind: str) -> frozenset[str]:
    known = [*scope.signatures.structures, *(p for p in SCALAR_PROPERTIES if p not in scope.signatures.structures)]
    for p in line.properties:
        if p.name not in known:
            near = get_close_matches(p.name, known, 1)
            raise DeclarationError(
                f"{p.name} is no property of a variable",
                source=source,
                span=p.span,
                hint=f"did you mean {near[0]}?" if near else f"the properties are {', '.join(known)}",
            )
        if kind in ("scalar", "integer") and p.name not in SCALAR_PROPERTIES:
            raise DeclarationError(
                f"a scalar cannot be {p.name}",
                source=source,
                span=p.span,
                hint="a scalar may be positive, nonnegative or constant",
            )
        if kind == "vector" and is_square(scope.signatures, p.name):
            raise DeclarationError(
                f"a vector cannot be {p.name}", source=source, span=p.span, hint="declare a matrix, as X: matrix(n,n)"
            )
    return frozenset(p.name for p in line.properties)


def is_square(signatures: Signatures, structure: str) -> bool:
    """Whether only square matrices can have the property."""
    found = signatures.structures.get(structure)
    return found is not None and len(set(found.arguments[0].dims)) == 1


def _define(scope: Scope, source: str, name: Name, number: int) -> None:
    key = name_key(name.name)
    if key in scope.defined:
        raise DeclarationError(
            f"{name.name} is defined twice", source=source, span=name.span, hint="give the second one another name"
        )
    scope.defined[key] = number


def _size(scope: Scope, name: str) -> None:
    scope.sizes.setdefault(name_key(name), Size(canonical(name)))


def _names_in(e: Expression) -> list[Name]:
    found: list[Name] = []
    waiting: list[Expression] = [e]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Name):
            found.append(part)
        waiting.extend(children(part))
    found.reverse()
    return found


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
    sizes = size_positions(signatures, e.function, len(e.arguments))
    return tuple(a for i, a in enumerate(e.arguments) if i not in sizes and not is_label(a))


def is_differential(e: Call) -> bool:
    """Whether a call is d(E), the differential of E."""
    return e.function == "d" and len(e.arguments) == 1 and not e.keywords


def _parts(scope: Scope, source: str, roots: tuple[Expression, ...], collect: bool = True) -> tuple[Expression, ...]:
    """Every part of the roots that has a value, operands first; names among the sizes are collected."""
    found: list[Expression] = []
    stack: list[Expression] = list(roots)
    signatures = scope.signatures
    while stack:
        e = stack.pop()
        found.append(e)
        if isinstance(e, Text):
            raise ArgumentError(
                "a string is no value", source=source, span=e.span, hint="strings choose a variant: norm(X, 'fro')"
            )
        if collect and isinstance(e, Call):
            for i in size_positions(signatures, e.function, len(e.arguments)):
                for name in _names_in(e.arguments[i]):
                    _size(scope, name.name)
        stack.extend(values_below(signatures, e))
    found.reverse()
    return tuple(found)


def enter_names(scope: Scope, steps: Iterable[Step]) -> None:
    """Enter the free names of the steps, and how they are used."""
    found = [(step.source, e) for step in steps for e in step.parts if isinstance(e, Name)]
    for source, name in found:
        scope.meet(name.name, source, name.span)
    for first in (False, True):
        for _, name in found:
            if name.name.startswith("d") == first and scope.role(name.name) == "free":
                scope.free.setdefault(name_key(name.name), set())
    for step in steps:
        for e in step.parts:
            for use, place in _uses(scope, e):
                for name in _arithmetic_names(place):
                    uses = scope.free.get(name_key(name.name))
                    if uses is not None:
                        uses.add(use)


def _uses(scope: Scope, e: Expression) -> Iterable[tuple[str, Expression]]:
    """(how, part) for the parts of e whose place tells something about the names in them."""
    if isinstance(e, Power):
        if not e.entrywise or (isinstance(e.exponent, Name) and e.exponent.name in _EXPONENTS):
            yield "exponent", e.exponent
        yield "integer", e.exponent
    elif isinstance(e, Index):
        for place in e.places:
            if place is not None:
                yield "index", place
    elif isinstance(e, Call):
        for i in constant_positions(scope.signatures, e.function, len(e.arguments)):
            yield "integer", e.arguments[i]
    elif isinstance(e, Transpose) and isinstance(e.operand, Name):
        yield "transposed", e.operand


def _arithmetic_names(e: Expression) -> list[Name]:
    """The names of a scalar calculation, `2*k + 1`; none where e holds anything else."""
    found: list[Name] = []
    waiting: list[Expression] = [e]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Name):
            found.append(part)
        elif not isinstance(part, Number | Sum | Product | Negative | Power):
            return []
        waiting.extend(children(part))
    return found
