"""What was assumed in reading a problem, said in sentences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from matcalc.language.infer import Inference
from matcalc.language.scope import Scope
from matcalc.language.shapes import Size, atoms, find
from matcalc.language.syntax.tree import Expression

_ARTICLES = {"integer": "an integer"}


def notes_of(
    scope: Scope, inference: Inference, kinds: Mapping[str, str], changed: Iterable[str], size: Callable[[Size], str]
) -> tuple[str, ...]:
    """The notes of a problem: names read against convention, scalars spread over square matrices, sizes that nothing tells."""
    notes = [_changed(scope, key, kinds[key]) for key in changed if (key, kinds[key]) != ("mu", "vector")]
    known = {*scope.free, *scope.declared, *scope.defined}
    notes += [note for key in scope.free if (note := glued(scope.spelling[key], known))]
    notes += _spread(scope, inference, size)
    notes += _undetermined(scope, inference, size)
    for key, declared in scope.declared.items():
        if key not in inference.names and key not in scope.sizes:
            notes.append(f"{declared.name.name} is declared and does not occur")
    return tuple(dict.fromkeys(notes))


def _a(kind: str) -> str:
    return _ARTICLES.get(kind, f"a {kind}")


def _changed(scope: Scope, key: str, kind: str) -> str:
    name, convention = scope.spelling[key], scope.convention(key)
    return (
        f"{name} is read as {_a(kind)}, not as {_a(convention)} as its name would have it; to choose, declare `{name}: {kind}`"
    )


def glued(name: str, known: Collection[str]) -> str:
    """The hint for XW where X and W are variables; "" for none."""
    if len(name) > 1 and name.isalpha() and name.isupper() and all(letter in known for letter in name):
        return f"{name} is read as one name; did you mean {'*'.join(name)}?"
    return ""


def _spread(scope: Scope, inference: Inference, size: Callable[[Size], str]) -> list[str]:
    found = []
    for e, scalar, dims in inference.spread:
        rows, columns = map(find, dims)
        if rows is columns and isinstance(rows, Size):
            source = _source(scope, e)
            s = " ".join(source[scalar.span[0] : scalar.span[1]].split())
            s = s if len(s) < 40 else f"{s[:39]}…"
            times = "" if s == "1" else f"{s}*" if s.replace("_", "").isalnum() else f"({s})*"
            found.append(f"{s} is added to every entry of a square matrix; did you mean {times}eye({size(rows)})?")
    return found


def _source(scope: Scope, e: Expression) -> str:
    return next(step.source for step in (*scope.steps, *scope.facts) if any(part is e for part in step.parts))


def _undetermined(scope: Scope, inference: Inference, size: Callable[[Size], str]) -> list[str]:
    known = {a for dims in inference.names.values() for d in dims for a in atoms(d)}
    found = []
    for e, made in inference.contextual:
        d = find(made)
        if isinstance(d, Size) and not d.name and d not in known:
            text = _source(scope, e)[e.span[0] : e.span[1]]
            found.append(f"nothing tells the size of {text}; it is called {size(d)} here, as in eye({size(d)})")
    return found
