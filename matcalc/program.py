"""Programs: what results are as functions over arrays, alone or with the value that they are derivatives of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matcalc.calculus.engine import Engine
from matcalc.codegen.backend import backend
from matcalc.codegen.outputs import About, Output
from matcalc.nodes.expr import Node
from matcalc.printing.text import text

if TYPE_CHECKING:
    from matcalc.codegen.function import Function as Function


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
    language = backend(target)
    repeated = [o.name for o in outputs]
    outputs = [replace(o, name=o.name if repeated.count(o.name) == 1 else f"{o.name}_{i}") for i, o in enumerate(outputs, 1)]
    about = About(name, title, tuple(conditions))
    parts = [o.like for o in outputs if o.like is not None]
    named = engine.definitions if definitions is None else definitions
    from matcalc.codegen.function import Function

    return Function(outputs, engine.problem, named, engine.rules, engine.has, about, language, parts)


def gradient_of(f: Function, name: str, arrays: Mapping[str, object]) -> Any:
    """The gradient of a scalar function by one of its arrays, by automatic differentiation, as a NumPy array."""
    from matcalc.codegen.function import differentiated

    return differentiated(f, name, arrays)
