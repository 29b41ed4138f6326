"""Text → `Problem`; formulas of the rule files → nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import sympy
from sympy import Expr

from matcalc.errors import DeclarationError, MatcalcError, ParseError, ShapeError
from matcalc.language.conventions import read_kinds, shown_error
from matcalc.language.elaborate import Elaboration
from matcalc.language.elements import Macro
from matcalc.language.entering import formula_scope, scope_of
from matcalc.language.infer import Inference
from matcalc.language.latex.reader import Latex, is_latex, read_declarations, read_latex
from matcalc.language.misfit import MisfitError
from matcalc.language.notes import notes_of
from matcalc.language.problem import Problem
from matcalc.language.scope import Scope
from matcalc.language.shapes import Dim, Shape, Size, find, free_names, over, plus, times, unknown
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.tree import (
    Assumption,
    Declaration,
    Expression,
    Line,
    Statement,
)
from matcalc.nodes.expr import Node, forget_scalars, shape, size_symbol, variable
from matcalc.nodes.families import family_mark, member_shape
from matcalc.rulefiles.records import Record, Signatures
from matcalc.rulefiles.signatures import load

_INHERITED = frozenset({"symmetric", "skew", "diagonal", "lower", "upper"})
"""The properties of X that dX has too."""


def parse(
    text: str,
    declare: str | Iterable[str] | None = None,
    *,
    signatures: Signatures | None = None,
    reserved: Iterable[str] = (),
    latex: bool | None = None,
) -> Problem:
    r"""The problem that a text states; `declare` holds more declarations, one string or several.

    The text is LaTeX if `latex` is true, or None and the text holds a backslash.

    The `reserved` names are those of indices: no size that nobody named gets one of them.
    Raises: MatcalcError with the place in the text.
    """
    known = signatures or load()
    declared = (declare,) if isinstance(declare, str) else tuple(declare or ())
    extra: list[tuple[str, Line]] = []
    for source in declared:
        extra.extend((source, _no_statement(source, line)) for line in read_declarations(source, known))
    indices = [line for letter in reserved for line in read(f"{letter}: integer")]
    own = _lines(text, latex, [*(line for _, line in extra), *indices], known)
    lines = [(text, line) for line in own.lines]
    if not any(isinstance(line, Statement) for _, line in lines):
        raise ParseError(
            "there is no expression to differentiate" if text.strip() else "the text is empty",
            source=text,
            span=(0, len(text.rstrip())) if text.strip() else None,
            hint="type an expression, such as norm(A*x - b)^2",
        )
    forget_scalars()
    families = [(text, line) for line in own.families]
    try:
        problem = _understood(text, own, [*families, *lines], extra, known, reserved)
    except MatcalcError:
        if not families:
            raise
        problem = _understood(text, replace(own, families=()), lines, extra, known, reserved)
    place = next(line.expression.span for line in reversed(own.lines) if isinstance(line, Statement))
    return replace(problem, declared=declared, latex=latex, place=place)


def _understood(
    text: str,
    own: Latex,
    lines: list[tuple[str, Line]],
    extra: list[tuple[str, Line]],
    known: Signatures,
    reserved: Iterable[str],
) -> Problem:
    """The problem that the lines state, with the kinds that the conventions give to undeclared names."""
    scope = scope_of(lines, extra, known)
    scope.fonts.update(own.fonts)
    reading = read_kinds(scope)
    told = [line.names[0].name for line in own.families]
    notes = (*own.notes, *(f"{x} is read as a family of vectors; to choose, declare `{x}: vector`" for x in told))
    return _problem(text, scope, reading.inference, reading.kinds, reading.changed, notes, reserved)


def _lines(text: str, latex: bool | None, declarations: Iterable[Line], signatures: Signatures) -> Latex:
    """What a text says, read as LaTeX if it is."""
    if latex or (latex is None and is_latex(text)):
        return read_latex(text, declarations, signatures)
    return Latex(read(text))


def _no_statement(source: str, line: Line) -> Line:
    if isinstance(line, Declaration | Assumption):
        return line
    raise DeclarationError(
        "this is no declaration",
        source=source,
        span=line.span,
        hint="write NAME: KIND, as X: matrix(n,d) symmetric, or assume lhs == rhs",
    )


def _problem(
    text: str,
    scope: Scope,
    inference: Inference,
    kinds: Mapping[str, str],
    changed: Iterable[str],
    notes: tuple[str, ...],
    reserved: Iterable[str],
) -> Problem:
    sizes = _Sizes(scope, inference, reserved)
    leaves: dict[str, Node] = {}
    variables: dict[str, Node] = {}

    def leaf(name: str, dims: Shape) -> Node:
        if name not in leaves:
            stated = _properties(scope, kinds, name)
            if name in inference.members:
                (_, columns), _ = inference.members[name]
                stated.add(family_mark(elaboration.dim(columns)))
            made = leaves[name] = variable(scope.spelling.get(name, name), elaboration.dims(dims), stated)
            if name not in scope.defined:
                variables[scope.spelling.get(name, name)] = made
        return leaves[name]

    elaboration = Elaboration(inference, leaf, sizes, _macro(scope.signatures))
    definitions: dict[Node, Node] = {}
    entries: dict[Node, tuple[tuple[Node, ...], Node]] = {}
    expression: Node = sympy.S.Zero
    for step in scope.steps:
        (expression,) = elaboration.run(step)
        if step.name is not None:
            key = name_key(step.name.name)
            named = leaf(key, inference.names[key])
            if step.indices:
                entries[named] = (tuple(map(elaboration.bound, step.indices)), expression)
                expression = elaboration.entrywise(step, expression)
            definitions[named] = expression
            expression = named if step.indices else expression
    facts, distinct = (tuple((a, b) for a, b in map(elaboration.run, steps)) for steps in (scope.facts, scope.distinct))
    constants = frozenset(scope.spelling[k] for k, d in scope.declared.items() if "constant" in d.properties)
    return Problem(
        source=text,
        expression=expression,
        definitions=definitions,
        variables=variables,
        sizes=sizes.by_name(),
        notes=(*notes, *notes_of(scope, inference, kinds, changed, sizes.name)),
        facts=facts,
        distinct=distinct,
        constants=constants,
        functions={scope.spelling[key]: kind for key, kind in scope.functions.items()},
        entries=entries,
    )


def _properties(scope: Scope, kinds: Mapping[str, str], key: str) -> set[str]:
    if key in scope.declared:
        declared = scope.declared[key]
        whole = declared.kind in ("integer", "integers") or key in scope.labels
        return set(declared.properties - {"constant"}) | ({"integer"} if whole else set())
    if key in scope.free:
        return {"integer"} if kinds[key] in ("integer", "integers") else set()
    differential = name_key(key[2:-1]) if key.endswith(")") else scope.differential_of(key)
    if differential in scope.declared:
        stated = scope.declared[differential].properties
        structures = scope.signatures.structures
        implied = {i for p in stated if p in structures for i in structures[p].implies}
        return set((stated | implied) & _INHERITED)
    return set()


class _Sizes:
    """The symbols of the sizes of a problem; unknown ones get free names in the order in which their variables appear."""

    def __init__(self, scope: Scope, inference: Inference, reserved: Iterable[str]) -> None:
        self._following = free_names([*reserved, *scope.spelling.values(), *(s.name for s in scope.sizes.values())])
        self._names = {size: size.name for size in scope.sizes.values()}
        for dims in inference.names.values():
            for d in map(find, dims):
                if isinstance(d, Size):
                    self.name(d)

    def name(self, size: Size) -> str:
        """The name of a size."""
        if size not in self._names:
            self._names[size] = size.name or self._following()
        return self._names[size]

    def __call__(self, size: Size) -> Expr:
        return size_symbol(self.name(size))

    def by_name(self) -> dict[str, Expr]:
        """All sizes of the problem."""
        return {name: size_symbol(name) for name in self._names.values()}


# ---------------------------------------------------------------- formulas


def parse_formula(
    text: str,
    variables: Mapping[str, Node],
    sizes: Mapping[str, Expr],
    *,
    functions: Mapping[str, str] | None = None,
    signatures: Signatures | None = None,
) -> Node:
    """The node of one expression all of whose names are given: variables as nodes, sizes as expressions.

    `functions` are unknown ones, with the kind of their argument.

    Raises: MatcalcError; an UnknownNameError for a name that is not given.
    """
    lines = read(text)
    if len(lines) != 1 or not isinstance(lines[0], Statement) or lines[0].name is not None:
        raise ParseError(
            "expected one expression", source=text, span=(0, max(1, len(text))), hint="a formula has no definitions"
        )
    return formula_node(text, lines[0].expression, variables, sizes, signatures or load(), functions or {})


def formula_node(
    text: str,
    expression: Expression,
    variables: Mapping[str, Node],
    sizes: Mapping[str, Expr],
    signatures: Signatures,
    functions: Mapping[str, str] = MappingProxyType({}),
) -> Node:
    """The node of an expression all of whose names are given."""
    scope = formula_scope(text, expression, signatures)
    scope.functions.update({name_key(name): kind for name, kind in functions.items()})
    rigid = _Rigid()
    scope.sizes.update({name_key(name): rigid.named(name, e) for name, e in sizes.items()})
    scope.bound.update({name_key(name): tuple(map(rigid.dim, shape(node))) for name, node in variables.items()})
    nodes = {name_key(name): node for name, node in variables.items()}
    inference = Inference(scope, {})
    for name, node in variables.items():
        family = member_shape(node)
        if family is not None:
            rows, columns, count = map(rigid.dim, family)
            inference.members[name_key(name)] = ((rows, columns), count)
    try:
        inference.run()
    except MisfitError as misfit:
        raise shown_error(scope, misfit) from None
    for e, size in inference.contextual:
        if unknown(size):
            hint = "write it, as eye(n) or ones(n)"
            raise ShapeError("nothing here tells the size of this", source=text, span=e.span, hint=hint)
    elaboration = Elaboration(inference, lambda key, _: nodes[key], rigid.expression, _macro(signatures))
    (found,) = elaboration.run(scope.steps[0])
    return found


class _Rigid:
    """Sizes of a formula: each symbol one rigid size, each name the size that it is given."""

    def __init__(self) -> None:
        self._sizes: dict[Expr, Size] = {}
        self._expressions: dict[Size, Expr] = {}

    def named(self, name: str, e: Expr) -> Size:
        """The size that a name of a formula stands for; a name for something composite is bound to it."""
        found = self.dim(e)
        if isinstance(found, Size):
            return found
        made = Size(name)
        made.link = found
        self._expressions[made] = e
        return made

    def dim(self, e: Expr) -> Dim:
        """The dimension that a SymPy expression is."""
        if e.is_Integer:
            return int(e)
        if e in self._sizes:
            return self._sizes[e]
        if e.is_Add or e.is_Mul:
            total: Dim = 0 if e.is_Add else 1
            divisor = 1
            for part in e.args:
                if e.is_Mul and part.is_Rational and not part.is_Integer:
                    total, divisor = times(total, int(part.p)), int(part.q)
                else:
                    total = plus(total, self.dim(part)) if e.is_Add else times(total, self.dim(part))
            return over(total, divisor) if divisor != 1 else total
        if e.is_Pow and e.exp.is_Integer and 0 < e.exp <= 8:
            power: Dim = 1
            for _ in range(int(e.exp)):
                power = times(power, self.dim(e.base))
            return power
        made = self._sizes[e] = Size(str(e))
        self._expressions[made] = e
        return made

    def expression(self, size: Size) -> Expr:
        """The SymPy expression of a size."""
        return self._expressions[size]


def _macro(signatures: Signatures) -> Macro:
    def expand(record: Record, key: str, arguments: Mapping[str, Node], sizes: Mapping[str, Expr]) -> Node:
        known = {k: v for k, v in sizes.items() if k not in arguments}
        return parse_formula(record.formulas[key], arguments, known, signatures=signatures)

    return expand
