"""The source of a function: its head, what it says of itself, its statements, and what must stand above."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import indent, wrap

from sympy import Expr

from matcalc.codegen.backend import Backend, legal
from matcalc.codegen.build import build
from matcalc.codegen.outputs import About, Output
from matcalc.codegen.values import Value, postorder
from matcalc.codegen.write import Writer
from matcalc.nodes.expr import Node, is_scalar
from matcalc.rulebase.base import Rulebase
from matcalc.version import __version__


@dataclass(frozen=True)
class Source:
    """A function in a language: its text, its name, its arguments with the names that they have in the problem."""

    text: str
    name: str
    arguments: Mapping[str, str]
    ends: tuple[Expr, ...] = ()
    """The ends of ranges that must be whole, and are not for every size."""


def source(
    outputs: Sequence[Output],
    definitions: Mapping[Node, Node],
    variables: Mapping[str, Node],
    rename: Callable[[str], str],
    about: About,
    has: Callable[[Node, str], bool],
    rules: Rulebase,
    language: Backend,
) -> Source:
    """The function that returns the outputs, in a language.

    `rename` names the arguments of variables.
    Raises: ArgumentError where the language has no spelling of an operation.
    """
    built = build(
        [(out.expression, out.like) for out in outputs],
        definitions,
        rules,
        has,
        language.spells,
        _example(outputs, variables) if language.needs_an_array else None,
        language.fuses,
    )
    rename = partial(
        _renamed, language, frozenset(str(v.attrs[0]) for v in postorder(built.roots) if v.op == "entrywise"), rename
    )
    order = [*variables]
    symbols = sorted({s.name for v in postorder(built.roots) for e in _numbers(v) for s in e.free_symbols})
    told = {d.name for value in built.inputs.values() for d in value.dims if d.is_Symbol}
    whole = [s for s in symbols if s not in told]
    needed = sorted(built.inputs, key=lambda n: _rank(n, order))
    functions = [*dict.fromkeys(str(v.attrs[0]) for v in postorder(built.roots) if v.op == "call")]
    arguments = {rename(name): name for name in (*needed, *whole)}
    texts = {name: argument for argument, name in arguments.items()}
    texts |= {s: rename(s) for s in symbols} | {f: f for f in functions}
    inputs = {name: built.inputs[name] for name in needed}
    writer = Writer(language, texts, inputs, built.names, built.whole)
    lines = writer.write(built.roots, [out.name for out in outputs])
    header = _header(language, [rename(n) for n in needed])
    given = _given(inputs, built.whole, whole, rename, language)
    doc = _docstring(outputs, given, about, language)
    body = [*header, *lines.statements]
    text = language.tables["text"]
    names = [*(rename(n) for n in needed), *functions, *(rename(n) for n in whole)]
    static = [*functions, *(rename(n) for n in whole)]
    decorator = text.get("decorator" if static else "plain", "")
    decorated = decorator.format(static=", ".join(f'"{n}"' for n in static))
    results = text.get("result" if len(lines.returns) == 1 else "results", "").format(", ".join(lines.returns))
    head_line = text["head"].format(name=about.name, arguments=", ".join(names), results=results)
    function = "\n".join(filter(None, [decorated, head_line, indent("\n".join([doc, *body]), "    "), text.get("end", "")]))
    imports, helpers = _needed(language, "\n".join([*([decorated] if decorated else []), *body]))
    parts = [imports, *helpers, function] if text["helpers"] == "above" else [imports, function, *reversed(helpers)]
    return Source(
        text["apart"].join(filter(None, parts)) + "\n",
        about.name,
        {**arguments, **{f: f for f in functions}},
        _ends(built.roots),
    )


def _example(outputs: Sequence[Output], variables: Mapping[str, Node]) -> Node | None:
    """An array that tells what new ones are like: that which is differentiated by, or the first."""
    like = [out.like for out in outputs if out.like is not None]
    return next((x for x in (*like, *variables.values()) if not is_scalar(x)), None)


def _ends(roots: Sequence[Value]) -> tuple[Expr, ...]:
    """The sizes and ends with a denominator."""
    found = [e for v in postorder(roots) if v.op not in ("number", "reciprocal") for e in _numbers(v)]
    return tuple(dict.fromkeys(e for e in found if e.free_symbols and e.together().as_numer_denom()[1] != 1))


def _numbers(value: Value) -> list[Expr]:
    """The numbers that a value is made with."""
    return [a for a in (*value.dims, *value.attrs) if isinstance(a, Expr)]


def _rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


def _header(language: Backend, arrays: Sequence[str]) -> list[str]:
    """The lines before all others, if there is an array."""
    return [line.format(arrays=", ".join(arrays)) for line in language.tables["header"].values() if arrays]


def _renamed(language: Backend, called: frozenset[str], rename: Callable[[str], str], name: str) -> str:
    return legal(language, rename(name), called)


def _needed(language: Backend, body: str) -> tuple[str, list[str]]:
    """(the imports, the helpers, those that others call first) that a body needs."""
    helpers: list[str] = []
    waiting = [body]
    while waiting:
        text = waiting.pop()
        for name, helper in language.tables["helpers"].items():
            if re.search(rf"(?<!\w){name}\(", text) and helper not in helpers:
                helpers.append(helper)
                waiting.append(helper)
    everything = "\n".join([*helpers, body])
    imports = [
        line for key, line in language.tables["imports"].items() if re.search(rf"(?<![\w.]){re.escape(key)}", everything)
    ]
    return "\n".join(imports), [h.strip("\n") for h in reversed(helpers)]


def _given(
    inputs: Mapping[str, Value], labels: frozenset[Value], whole: Sequence[str], rename: Callable[[str], str], language: Backend
) -> list[str]:
    """What the arguments are: the shapes of arrays, in their order, which count from 1, which are whole numbers."""
    text = language.tables["text"]
    shapes = [f"{rename(name)} {_shape(value, text)}" for name, value in inputs.items()]
    lines = ["", *wrap(f"Shapes: {', '.join(shapes)}.", 100, break_on_hyphens=False)] if shapes else []
    counted = [rename(name) for name, value in inputs.items() if value in labels]
    if counted:
        lines.append(f"The entries of {', '.join(counted)} are labels, which count from 1.")
    if whole:
        lines.append(f"{'Whole numbers' if len(whole) > 1 else 'A whole number'}: {', '.join(map(rename, whole))}.")
    return lines


def _docstring(outputs: Sequence[Output], given: Sequence[str], about: About, language: Backend) -> str:
    """What the function returns, by which formulas, of which arguments, where it holds, and who made it."""
    text = language.tables["text"]
    lines = [about.title, ""]
    lines += dict.fromkeys(f"    {line}" for out in outputs for line in out.formula.splitlines())
    lines += given
    lines += [line for c in about.conditions for line in wrap(f"Holds where {c}.", 100)]
    lines += ["", f"Made by matcalc {__version__}."]
    if "comment" in text:
        return "\n".join(f"{text['comment']} {line}".rstrip() for line in lines)
    return text["doc"].format("\n".join(lines).replace("\\", "\\\\"))


def _shape(value: Value, text: Mapping[str, str]) -> str:
    """The shape of an input, as a reader of the language says it."""
    form = text[("shape_of_none", "shape_of_one")[len(value.dims)] if len(value.dims) < 2 else "shape"]
    return form.format(text["by"].join(str(d).replace("**", "^") for d in value.dims))
