"""The source of a function: its head, what it says of itself, its statements, and what must stand above."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

from sympy import Expr

from matcalc import __version__
from matcalc.codegen.backend import Backend
from matcalc.codegen.build import build
from matcalc.codegen.values import Value, postorder
from matcalc.codegen.write import Writer
from matcalc.errors import ArgumentError
from matcalc.nodes.expr import Node, head, is_scalar, name_of, properties, shape
from matcalc.nodes.unknown import is_unknown
from matcalc.numeric.arrays import dims_text
from matcalc.rulebase.base import Rulebase

@dataclass(frozen=True)
class Output:
    """What a function returns: a name, an expression, the variable whose shape it has, its formula as text."""

    name: str
    node: Node
    like: Node | None = None
    formula: str = ""


@dataclass(frozen=True)
class About:
    """What a function says of itself: its name, the first line, the conditions."""

    name: str
    title: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A function in a language: its text, its name, its arguments with the names that they have in the problem."""

    text: str
    name: str
    arguments: Mapping[str, str]
    whole: tuple[str, ...]
    """The arguments that are whole numbers known before any array is: sizes, exponents, labels."""
    ends: tuple[Expr, ...] = ()
    """The ends of ranges that must be whole, and are not for every size."""


def source(
    outputs: Sequence[Output],
    definitions: Mapping[Node, Node],
    variables: Mapping[str, Node],
    called: Mapping[str, str],
    rename: Callable[[str], str],
    about: About,
    has: Callable[[Node, str], bool],
    rules: Rulebase,
    language: Backend,
) -> Source:
    """The function that returns the outputs, in a language.

    `called` names the arguments of unknown functions, `rename` those of variables.
    Raises: ArgumentError where the language has no spelling of an operation.
    """
    built = build(
        [(out.node, out.like) for out in outputs],
        definitions,
        rules,
        has,
        lambda name, table: language.spelling(table, name) is not None,
        _example(outputs, variables) if language.needs_an_array else None,
    )
    order = [*variables]
    symbols = sorted({s.name for v in postorder(built.roots) for e in _numbers(v) for s in e.free_symbols})
    told = {d.name for value in built.inputs.values() for d in value.dims if d.is_Symbol}
    whole = [s for s in symbols if s not in told]
    needed = sorted({name for name, v in built.inputs.items()} | {"" for _ in ()}, key=lambda n: _rank(n, order))
    functions = [called[name] for name in dict.fromkeys(str(v.attrs[0]) for v in postorder(built.roots) if v.op == "call")]
    arguments = {rename(name): name for name in (*needed, *whole)}
    texts = {name: argument for argument, name in arguments.items()}
    texts |= {s: rename(s) for s in symbols} | {f: f for f in functions}
    inputs = {name: built.inputs[name] for name in needed}
    writer = Writer(language, texts, inputs, built.names, built.whole)
    lines = writer.write(built.roots, [out.name for out in outputs])
    header = _header(language, [rename(n) for n in needed])
    doc = _docstring(outputs, built.inputs, definitions, order, rename, about, language)
    body = [*header, *lines.statements, f"return {', '.join(lines.returns)}"]
    text = language.tables["text"]
    given = [*(rename(n) for n in needed), *functions, *(rename(n) for n in whole)]
    static = [*functions, *(rename(n) for n in whole)]
    decorator = text.get("decorator" if static else "plain", "")
    decorated = decorator.format(static=", ".join(f'"{n}"' for n in static))
    head_line = text["head"].format(name=about.name, arguments=", ".join(given))
    function = "\n".join(filter(None, [decorated, head_line, indent("\n".join([doc, *body]), "    ")]))
    above = _above(language, "\n".join([*([decorated] if decorated else []), *body]))
    return Source(f"{above}{function}\n", about.name, {**arguments, **{f: f for f in functions}}, tuple(rename(n) for n in whole), _ends(built.roots))


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


def _above(language: Backend, body: str) -> str:
    """The imports and helpers that a body needs."""
    helpers: list[str] = []
    waiting = [body]
    while waiting:
        text = waiting.pop()
        for name, helper in language.tables["helpers"].items():
            if re.search(rf"(?<!\w){name}\(", text) and helper not in helpers:
                helpers.append(helper)
                waiting.append(helper)
    everything = "\n".join([*helpers, body])
    imports = [line for key, line in language.tables["imports"].items() if re.search(rf"(?<![\w.]){re.escape(key)}", everything)]
    parts = ["\n".join(imports), *(h.strip("\n") for h in reversed(helpers))]
    return "".join(f"{part}\n\n\n" for part in parts if part)


def _docstring(
    outputs: Sequence[Output],
    inputs: Mapping[str, Value],
    definitions: Mapping[Node, Node],
    order: Sequence[str],
    rename: Callable[[str], str],
    about: About,
    language: Backend,
) -> str:
    """What the function returns, by which formulas, for which shapes, where it holds, and who made it."""
    text = language.tables["text"]
    lines = [about.title, ""]
    lines += [f"    {out.formula}" for out in outputs if out.formula]
    del definitions, order
    shapes = ", ".join(f"{rename(name)} {_shape(value)}" for name, value in inputs.items() if value.op == "input")
    if shapes:
        lines += ["", *wrap(f"Shapes: {shapes}.", 100)]
    lines += [line for c in about.conditions for line in wrap(f"Holds where {c}.", 100)]
    lines += ["", f"Made by matcalc {__version__}."]
    return text["doc"].format("\n".join(lines).replace("\\", "\\\\"))


def _shape(value: Value) -> str:
    dims = [str(d) for d in value.dims]
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"


def identifier(name: str) -> str:
    """A name as a program writes it."""
    return re.sub(r"\W+", "_", name).strip("_")
