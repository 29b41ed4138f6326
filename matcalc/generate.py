"""Value and derivatives together, as one function in a language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from matcalc.codegen.source import identifier
from matcalc.derivation import gradients
from matcalc.language.problem import Problem
from matcalc.printing.text import text
from matcalc.program import Function, program, value_of
from matcalc.result import Result
from matcalc.rulebase.base import Rulebase


def together(problem: Problem, results: Sequence[Result], target: str = "numpy") -> Function:
    """The function that returns the value of a problem and derivatives of it: (f, ∂f/∂X, …)."""
    f = text(problem.label)
    kinds = list(dict.fromkeys(r.kind for r in results))
    what = f"{f} and its {kinds[0]}{'s' if len(results) > 1 else ''}" if len(kinds) == 1 else f"{f} and its derivatives"
    title = f"{what} by {', '.join(dict.fromkeys(r.wrt for r in results))}."
    name = identifier(f"{f}_and_{kinds[0]}{'s' if len(results) > 1 else ''}")
    first = results[0]
    conditions = tuple(dict.fromkeys(c for r in results for c in r.conditions))
    outputs = [value_of(first.problem), *(r.output for r in results)]
    return program(first.problem, outputs, first.rules, first.engine.has, target, name, title, conditions)


def function(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[str | sympy.Basic] | str | None = None,
    *,
    target: str = "numpy",
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> Function:
    """The callable (X=…) -> (f, ∂f/∂X, …): the value of a scalar and its gradients, shared work done once.

    Arrays are given by name, one gradient comes for each variable of `wrt` in order (None: for every variable).  Targets are
    the files of rules/backends: "numpy", "jax", "torch", "array-api" … .
    Raises: as gradients(); ArgumentError where there is no such target, or where it is not installed.

    >>> value_and_gradient = function("norm(A*x - b)^2", "x")
    >>> value, gradient = value_and_gradient(A=[[1.0, 2.0], [3.0, 4.0]], x=[1.0, 1.0], b=[0.0, 0.0])
    >>> float(value), gradient.tolist()
    (58.0, [48.0, 68.0])
    """
    asked = [wrt] if isinstance(wrt, str | sympy.Basic) else wrt
    found = gradients(problem, asked, declare=declare, verify=verify, rules=rules)
    return together(found[0].problem, found, target)


def code(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[str | sympy.Basic] | str | None = None,
    *,
    target: str = "numpy",
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> str:
    """The source of the function that returns the value of a scalar and its gradients, in a language.

    Raises: as gradients(); ArgumentError where there is no such target, or where it cannot spell an operation.
    """
    return function(problem, wrt, target=target, declare=declare, verify=verify, rules=rules).code
