"""Lines → scope: what is declared, defined and bound is entered, then every name that occurs and how it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from matcalc.errors import ArgumentError, DeclarationError
from matcalc.language.scope import (
    FUNCTION_ARGUMENTS,
    KINDS,
    SCALAR_PROPERTIES,
    Bound,
    Declared,
    Scope,
    Step,
    constant_positions,
    is_square,
    size_positions,
    values_below,
)
from matcalc.language.shapes import Size
from matcalc.language.syntax.names import canonical, is_greek_scalar, name_key
from matcalc.language.syntax.tree import (
    Assumption,
    Call,
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
    children,
)
from matcalc.rulefiles.records import Signatures

_COUNTS = {0: "leave them out", 1: "vector(n)", 2: "matrix(m, n), vectors(d, N)", 3: "matrices(m, n, N)"}
_EXPONENTS = frozenset("pqrst")
_NORMS = frozenset({"norm", "norm1", "norm2", "norminf"})


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
    scope.steps = [_step(scope, source, (line.expression,), line.name, line.indices) for source, line in statements]
    assumed = [(source, line) for source, line in (*own, *extra) if isinstance(line, Assumption)]
    claims = [(line.relation, _step(scope, source, (line.left, line.right))) for source, line in assumed]
    _check_sizes(scope)
    scope.facts = [step for relation, step in claims if relation == "eq"]
    scope.distinct = [step for relation, step in claims if relation == "ne"]
    enter_names(scope, [*scope.steps, *scope.facts, *scope.distinct])
    return scope


def _step(
    scope: Scope, source: str, roots: tuple[Expression, ...], name: Name | None = None, indices: tuple[Name, ...] = ()
) -> Step:
    bound = tuple(Bound(i, None) for i in indices)
    _bind(scope, roots, {name_key(b.name.name): b for b in bound})
    return Step(source, roots, name, _parts(scope, source, roots), bound)


def _bind(scope: Scope, roots: Iterable[Expression], bound: Mapping[str, Bound]) -> None:
    """Enter the names that stand for an index that is bound where they stand."""
    waiting = [(root, bound) for root in roots]
    while waiting:
        e, known = waiting.pop()
        if isinstance(e, Name):
            found = known.get(name_key(e.name))
            if found is not None:
                scope.indices[id(e)] = found
        elif isinstance(e, Comprehension):
            own = scope.indices[id(e)] = Bound(e.index, e.limits, e.condition is not None)
            inside = {**known, name_key(e.index.name): own}
            waiting.extend((x, known) for x in e.limits or ())
            waiting.extend((x, inside) for x in (e.body, e.condition) if x is not None)
        else:
            waiting.extend((x, known) for x in children(e))


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
    _bind(scope, (expression,), {})
    scope.steps = [Step(source, (expression,), None, _parts(scope, source, (expression,), collect=False))]
    return scope


def _declare(scope: Scope, source: str, line: Declaration) -> None:
    word = line.kind.name
    if word == "function":
        _declare_function(scope, source, line)
        return
    properties = list(line.properties)
    if word not in KINDS and is_square(scope.signatures, word) and line.sizes is None:
        properties.insert(0, line.kind)  # Sigma: posdef
        word = "matrix"
    if word not in KINDS:
        near = get_close_matches(word, KINDS, 1)
        raise DeclarationError(
            f"{word} is no kind of variable",
            source=source,
            span=line.kind.span,
            hint=f"did you mean {near[0]}?"
            if near
            else "the kinds are scalar, vector(n), matrix(m,n), integer, vectors(d,N), matrices(m,n,N), integers(N), R^n",
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
            hint=_COUNTS[count],
        )
    known = _properties(scope, source, properties, kind)
    for name in line.names:
        key = _enter(scope, source, name)
        scope.declared[key] = Declared("integer" if "integer" in known else kind, sizes, known, name, source)
    for size in sizes or ():
        for part in _names_in(size):
            _size(scope, part.name)


def _enter(scope: Scope, source: str, name: Name) -> str:
    """The key of a name that is declared here, for the first time."""
    key = scope.meet(name.name, source, name.span)
    if key in scope.declared or key in scope.functions:
        hint = "put all its properties in one declaration"
        raise DeclarationError(f"{name.name} is declared twice", source=source, span=name.span, hint=hint)
    return key


def _declare_function(scope: Scope, source: str, line: Declaration) -> None:
    """An unknown function of one argument."""
    kinds = [e.name if isinstance(e, Name) else "" for e in line.sizes or ()]
    plain = len(kinds) == 1 and kinds[0] in FUNCTION_ARGUMENTS and line.result is not None and line.result.name == "scalar"
    if not plain or line.properties:
        raise DeclarationError(
            "an unknown function is one of a scalar, a vector or a matrix, and its value is a scalar",
            source=source,
            span=line.span,
            hint="as in ell: function(vector) -> scalar",
        )
    for name in line.names:
        scope.functions[_enter(scope, source, name)] = kinds[0]


def _properties(scope: Scope, source: str, properties: Iterable[Name], kind: str) -> frozenset[str]:
    known = [*scope.signatures.structures, *(p for p in SCALAR_PROPERTIES if p not in scope.signatures.structures)]
    for p in properties:
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
    return frozenset(p.name for p in properties)


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
        if collect:
            for part in _sizes_in(signatures, e):
                for name in _names_in(part):
                    if id(name) not in scope.indices:
                        _size(scope, name.name)
        stack.extend(values_below(signatures, e))
    found.reverse()
    return tuple(found)


def _sizes_in(signatures: Signatures, e: Expression) -> tuple[Expression, ...]:
    """The parts of e that are sizes: of a call eye(n), the ends of the range of an index."""
    if isinstance(e, Comprehension):
        return e.limits or ()
    if isinstance(e, Call):
        return tuple(e.arguments[i] for i in size_positions(signatures, e.function, len(e.arguments)))
    return ()


def enter_names(scope: Scope, steps: Iterable[Step]) -> None:
    """Enter the free names of the steps, and how they are used."""
    found = [(step.source, e) for step in steps for e in step.parts if isinstance(e, Name) and id(e) not in scope.indices]
    for source, name in found:
        scope.meet(name.name, source, name.span)
    for first in (False, True):
        for _, name in found:
            if name.name.startswith("d") == first and scope.role(name.name) == "free":
                scope.free.setdefault(name_key(name.name), set())
    for step in scope.distinct:
        for root in step.roots:
            for name in _arithmetic_names(root):
                scope.free.get(name_key(name.name), set()).add("index")
    for step in steps:
        for e in step.parts:
            for use, place in _uses(scope, e):
                for name in _arithmetic_names(place):
                    if use == "labels":
                        scope.labels.add(name_key(name.name))
                    uses = scope.free.get(name_key(name.name))
                    if uses is not None and id(name) not in scope.indices:
                        uses.add(use)


def _uses(scope: Scope, e: Expression) -> Iterable[tuple[str, Expression]]:
    """(how, part) for the parts of e whose place tells something about the names in them."""
    if isinstance(e, Power):
        if not e.entrywise or (isinstance(e.exponent, Name) and e.exponent.name in _EXPONENTS):
            yield "exponent", e.exponent
        yield "integer", e.exponent
    elif isinstance(e, Index):
        for place in e.places:
            if isinstance(place, Index):
                yield "labels", place.operand
            elif place is not None:
                yield "index", place
    elif isinstance(e, Call):
        for i in constant_positions(scope.signatures, e.function, len(e.arguments)):
            yield "integer", e.arguments[i]
        if e.function in _NORMS and e.arguments and isinstance(e.arguments[0], Name):
            yield "normed", e.arguments[0]
    elif isinstance(e, Transpose) and isinstance(e.operand, Name):
        yield "transposed", e.operand
    elif isinstance(e, Transpose) and isinstance(e.operand, Sum) and all(map(_is_greek, e.operand.terms)):
        for term in e.operand.terms:
            yield "transposed", term  # (mu_2 - mu_1)'
    elif isinstance(e, Product):
        for before, operator, factor in zip(e.factors, e.operators[1:], e.factors[1:], strict=False):
            if operator == "*" and isinstance(before, Name) and isinstance(factor, Name) and before.name[0].isupper():
                yield "applied", factor


def _is_greek(e: Expression) -> bool:
    return isinstance(e, Name) and is_greek_scalar(e.name)


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
