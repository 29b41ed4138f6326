"""Programs: what results are as functions over arrays, alone or with the value that they are derivatives of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from matcalc.codegen.backend import backend
from matcalc.codegen.function import Function
from matcalc.codegen.source import About, Output
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase

__all__ = ["Function", "Output", "program", "value_of"]


def value_of(problem: Problem) -> Output:
    """The value of what the problem states."""
    return Output(text(problem.label), problem.expression, None, f"{text(problem.label)} = {text(problem.expression)}")


def program(
    problem: Problem,
    outputs: Sequence[Output],
    rules: Rulebase,
    has: Callable[[Node, str], bool],
    target: str,
    name: str,
    title: str,
    conditions: Sequence[str] = (),
) -> Function:
    """The function that returns the outputs, in a language; `has(node, structure)` says what is known.

    Raises: ArgumentError where there is no such target.
    """
    repeated = [o.name for o in outputs]
    outputs = [replace(o, name=o.name if repeated.count(o.name) == 1 else f"{o.name}_{i}") for i, o in enumerate(outputs, 1)]
    about = About(name, title, tuple(conditions))
    return Function(outputs, problem, rules, has, about, backend(target), [o.like for o in outputs if o.like is not None])
