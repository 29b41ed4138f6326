"""Programs: what results are as functions over arrays, alone or with the value that they are derivatives of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matcalc.calculus.engine import Engine
from matcalc.codegen.backend import backend
from matcalc.codegen.function import Function
from matcalc.codegen.source import About, Output
from matcalc.nodes.expr import Node
from matcalc.printing.text import text

__all__ = ["Function", "Output", "program", "value_of"]


def value_of(engine: Engine) -> Output:
    """The value of what the problem states, simplified as its derivatives are."""
    label = text(engine.problem.label)
    return Output(label, engine.f, None, f"{label} = {text(engine.problem.expression)}")


def program(
    engine: Engine,
    outputs: Sequence[Output],
    target: str,
    name: str,
    title: str,
    conditions: Sequence[str] = (),
    definitions: Mapping[Node, Node] | None = None,
) -> Function:
    """The function that returns the outputs, in a language; named intermediates are those of the engine or as given.

    Raises: ArgumentError where there is no such target.
    """
    repeated = [o.name for o in outputs]
    outputs = [replace(o, name=o.name if repeated.count(o.name) == 1 else f"{o.name}_{i}") for i, o in enumerate(outputs, 1)]
    about = About(name, title, tuple(conditions))
    parts = [o.like for o in outputs if o.like is not None]
    named = engine.definitions if definitions is None else definitions
    return Function(outputs, engine.problem, named, engine.rules, engine.has, about, backend(target), parts)
