"""Value and derivatives together, as one function in a language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import sympy

from matcalc.codegen.outputs import identifier
from matcalc.derivation import gradients
from matcalc.language.problem import Problem
from matcalc.printing.text import text
from matcalc.program import program, value_of
from matcalc.result import TITLES, Result
from matcalc.rulebase.base import Rulebase

if TYPE_CHECKING:
    from matcalc.codegen.function import Function


def together(results: Sequence[Result], target: str = "numpy", value: bool = True) -> Function:
    """The function that returns the value of a problem and derivatives of it, (f, ∂f/∂X, …), or these alone."""
    if len(results) == 1 and not value:
        return results[0].function(target)
    first = results[0]
    f = text(first.problem.label)
    kinds = dict.fromkeys(r.kind for r in results)
    several = {kind for kind in kinds if [r.kind for r in results].count(kind) > 1}
    what = " and ".join(TITLES.get(kind, kind) + "s" * (kind in several) for kind in kinds)
    title = f"{f} and its {what}" if value else f"The {what} of {f}"
    title = f"{title} by {', '.join(dict.fromkeys(w for r in results for w in r.wrt.split(', ')))}."
    name = identifier(f"{f}_and_{what.lower()}" if value else f"{what.lower()}_of_{f}")
    conditions = tuple(dict.fromkeys(c for r in results for c in r.conditions))
    outputs = [*([value_of(first.engine)] if value else []), *(r.output for r in results)]
    return program(first.engine, outputs, target, name, title, conditions)


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
    return together(found, target)


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
