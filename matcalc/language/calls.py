"""Calls of functions: which operation of the rule files a call means, and the shape of its result."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

from matcalc.errors import ArgumentError, UnknownNameError
from matcalc.language.misfit import MisfitError
from matcalc.language.scalars import sympy_function
from matcalc.language.scope import FILLED, Scope, is_label
from matcalc.language.shapes import ClashError, Dim, Shape, Size, Unifier, find
from matcalc.language.sizes import size_of, type_dimension
from matcalc.language.syntax.tree import Call, Expression, Name, Negative, Number, Text
from matcalc.rulefiles.records import Argument, CallPattern, Literal, Record


class Context(Protocol):
    """What resolving a call needs of the inference."""

    scope: Scope
    shapes: dict[int, Shape]
    unifier: Unifier

    def broadcast(self, a: Shape, b: Shape, kind: str, left: Expression, right: Expression) -> Shape:
        """The common shape of two parts."""

    def context(self, e: Expression) -> Size:
        """An unknown size that the surroundings of e must tell."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """The operation that a call means.

    `record` is None for a constant or a SymPy function; `matrices` are the arguments that its type has dimensions for.
    """

    record: Record | None
    name: str
    arguments: dict[str, Expression]
    sizes: dict[str, Dim]
    shape: Shape
    matrices: tuple[str, ...] = ()


def resolve(inference: Context, e: Call) -> Resolved:
    """The operation that the call e means.

    Raises: MisfitError.
    """
    if e.function in FILLED and len(e.arguments) == 1 and not e.keywords:
        return _filled(inference, e)
    if not e.arguments and not e.keywords and e.function in ("I", "eye", "ones", "zeros"):
        n = inference.context(e)
        return Resolved(None, e.function, {}, {}, (n, n) if e.function in ("I", "eye") else (n, 1))
    candidates = inference.scope.signatures.functions.get(e.function)
    if candidates is None:
        return _sympy(inference, e)
    spelled = [(p, r, arguments) for p, r in candidates if (arguments := _spelled(p, e)) is not None]
    if not spelled:
        raise _wrong_count(inference, e, candidates)
    for scalars in (False, True):
        for pattern, record, arguments in spelled:
            if _fits(inference, pattern, record, arguments, scalars):
                return _bind(inference, e, record, arguments)
    raise _wrong_kind(inference, e, spelled)


def _filled(inference: Context, e: Call) -> Resolved:
    if inference.shapes[id(e.arguments[0])]:
        raise MisfitError(
            "call", [e.arguments[0]], what=f"{e.function}(c) is filled with a scalar c", hint="as vector(1)", cls=ArgumentError
        )
    rows = inference.context(e)
    shape: Shape = (rows, 1) if e.function == "vector" else (rows, inference.context(e))
    return Resolved(None, "filled", {"c": e.arguments[0]}, {}, shape)


def _sympy(inference: Context, e: Call) -> Resolved:
    if sympy_function(e.function) is None:
        raise MisfitError(
            "unknown",
            [e],
            what=f"unknown function {e.function}",
            span=e.name_span,
            cls=UnknownNameError,
            hint=_near(inference.scope, e),
        )
    if len(e.arguments) != 1 or e.keywords or is_label(e.arguments[0]):
        raise MisfitError("count", [e], what=f"{e.function} takes one argument", hint=f"{e.function}(x)", cls=ArgumentError)
    return Resolved(None, e.function, {"x": e.arguments[0]}, {}, inference.shapes[id(e.arguments[0])])


def _near(scope: Scope, e: Call) -> str:
    near = get_close_matches(e.function, [*scope.signatures.functions, *FILLED], 3, 0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if e.function in scope.free or len(e.function) == 1:
        return f"multiplication is always written: {e.function}*(…)"
    return "`matcalc rules` lists all functions"


def _spelled(pattern: CallPattern, e: Call) -> dict[str, Expression] | None:
    """The arguments of a call by name, if it is spelled as the pattern."""
    if len(pattern.args) != len(e.arguments) or len(pattern.keywords) != len(e.keywords):
        return None
    for word, value in e.keywords:
        if word not in pattern.keywords or not _is_literal(pattern.keywords[word], value):
            return None
    arguments: dict[str, Expression] = {}
    for p, a in zip(pattern.args, e.arguments, strict=True):
        if isinstance(p, Literal):
            if not _is_literal(p, a):
                return None
        elif is_label(a):
            return None
        else:
            arguments[p.name if isinstance(p, Argument) else p] = a
    return arguments


def _is_literal(literal: Literal, e: Expression) -> bool:
    if isinstance(e, Negative) and isinstance(e.operand, Number):
        return literal.kind == "number" and literal.value == f"-{e.operand.value}"
    match e:
        case Number():
            return literal.kind == "number" and literal.value == str(e.value)
        case Text():
            return literal.kind == "string" and literal.value == e.value
        case Name():
            return literal.kind == "name" and literal.value == e.name.lower()
        case _:
            return False


def _fits(inference: Context, pattern: CallPattern, record: Record, arguments: dict[str, Expression], scalars: bool) -> bool:
    """Whether the kinds of the arguments fit; with scalars, whether a scalar may stand for every matrix."""
    if record.entrywise:
        return all(not inference.shapes[id(arguments[c])] for c in record.constant if c in arguments)
    guards = {p.name: p.dims for p in pattern.args if isinstance(p, Argument)}
    wanted = [
        (guards.get(a.name, a.dims), arguments[a.name]) for a in record.arguments if a.name in arguments and not a.is_size
    ]
    arrays = [inference.shapes[id(e)] for dims, e in wanted if dims]
    if scalars and arrays:
        if any(arrays) or not (record.macro or record.sympy or "scalar" in record.formulas):
            return False
        return all(not inference.shapes[id(e)] for dims, e in wanted if not dims)
    return all(_has_kind(inference.shapes[id(e)], dims) for dims, e in wanted)


def _has_kind(s: Shape, dims: tuple[str, ...]) -> bool:
    if not dims or not s:
        return not dims and not s
    return len(dims) == 2 or find(s[1]) == 1


def _bind(inference: Context, e: Call, record: Record, arguments: dict[str, Expression]) -> Resolved:
    if record.entrywise:
        return _entrywise(inference, e, record, arguments)
    sizes: dict[str, Dim] = {}
    waiting: list[tuple[str, Dim, Argument]] = []
    for argument in record.arguments:
        if argument.is_size:
            given = arguments.get(argument.name)
            sizes[argument.name] = 1 if given is None else size_of(given, inference.scope, _source(inference))
    for argument in record.arguments:
        if not argument.dims:
            continue
        actual = inference.shapes[id(arguments[argument.name])] or (1, 1)
        for text, d in zip((*argument.dims, "1")[:2], actual, strict=True):
            if not text.isidentifier():
                waiting.append((text, d, argument))
            elif text not in sizes:
                sizes[text] = d
            else:
                _equal(inference, e, record, sizes[text], d, arguments[argument.name])

    def named(name: str) -> Dim:
        return sizes.setdefault(name, Size())

    for text, d, argument in waiting:
        _equal(inference, e, record, type_dimension(text, named), d, arguments[argument.name])
    result = tuple(type_dimension(text, named) for text in record.result)
    result = (*result, 1) if len(result) == 1 else result
    if result and all(find(d) == 1 for d in result):
        result = ()
    return Resolved(record, record.name, arguments, sizes, result, tuple(a.name for a in record.arguments if a.dims))


def _source(inference: Context) -> str:
    return inference.scope.steps[0].source


def _equal(inference: Context, e: Call, record: Record, a: Dim, b: Dim, part: Expression) -> None:
    try:
        inference.unifier.unify(a, b)
    except ClashError as clash:
        square = len(record.arguments) == 1 and record.arguments[0].dims and len(set(record.arguments[0].dims)) == 1
        what = f"{e.function} needs a square matrix" if square else f"the arguments of {e.function} do not fit together"
        kinds = [(a.name, a.dims) for a in record.arguments if a.dims]
        wanted = ", ".join(f"{name}: {' x '.join((*dims, '1')[:2])}" for name, dims in kinds)
        raise MisfitError(
            "size", [part], [inference.shapes[id(part)]], clash, what=what, hint=f"{e.function} takes {wanted}"
        ) from None


def _entrywise(inference: Context, e: Call, record: Record, arguments: dict[str, Expression]) -> Resolved:
    moving = [a.name for a in record.arguments if a.name in arguments and a.name not in record.constant]
    shape, first = inference.shapes[id(arguments[moving[0]])], arguments[moving[0]]
    for name in moving[1:]:
        shape = inference.broadcast(shape, inference.shapes[id(arguments[name])], ".*", first, arguments[name])
    return Resolved(record, record.name, arguments, {}, shape)


def _wrong_count(inference: Context, e: Call, candidates: tuple[tuple[CallPattern, Record], ...]) -> MisfitError:
    spellings = list(dict.fromkeys(spelling(p, r) for p, r in candidates))
    counts = sorted({len(p.args) for p, _ in candidates})
    if len(e.arguments) not in counts and not e.keywords:
        what = f"{e.function} takes {' or '.join(map(str, counts))} argument{'s' * (counts != [1])}, not {len(e.arguments)}"
    else:
        what = f"{e.function} cannot be called with these arguments"
    return MisfitError("count", [e], what=what, hint=f"write {' or '.join(spellings)}", cls=ArgumentError)


def _wrong_kind(inference: Context, e: Call, spelled: list[tuple[CallPattern, Record, dict[str, Expression]]]) -> MisfitError:
    candidates = inference.scope.signatures.functions[e.function]
    spellings = list(dict.fromkeys(spelling(p, r) for p, r in candidates))
    pattern, record, arguments = spelled[0]
    guards = {p.name: p.dims for p in pattern.args if isinstance(p, Argument)}
    for a in record.arguments:
        dims = guards.get(a.name, a.dims)
        part = arguments.get(a.name)
        if part is not None and not a.is_size and not _has_kind(inference.shapes[id(part)], dims):
            given = _kind(inference.shapes[id(part)])
            what = f"{e.function} needs {_kind_named(dims)} here, and this is {given}"
            hint = f"write {' or '.join(spellings)}"
            return MisfitError("call" if dims else "scalar", [part], what=what, hint=hint, cls=ArgumentError)
    return MisfitError(
        "call", [e], what=f"{e.function} cannot be applied to these", hint=f"write {' or '.join(spellings)}", cls=ArgumentError
    )


def _kind(s: Shape) -> str:
    if not s:
        return "a scalar"
    return "a vector" if find(s[1]) == 1 else "a row" if find(s[0]) == 1 else "a matrix"


def _kind_named(dims: tuple[str, ...]) -> str:
    return ("a scalar", "a vector", "a matrix")[len(dims)]


def spelling(pattern: CallPattern, record: Record) -> str:
    """A call as a person writes it: `norm(X, 'fro')`, `softmax(x)`."""
    shown = []
    for p in pattern.args:
        if isinstance(p, Literal):
            shown.append(f"'{p.value}'" if p.kind == "string" else p.value)
        else:
            shown.append(p.name if isinstance(p, Argument) else p)
    shown += [f"{word}={literal.value}" for word, literal in pattern.keywords.items()]
    return f"{pattern.function}({', '.join(shown)})"
