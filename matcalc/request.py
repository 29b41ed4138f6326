"""What is asked: the problem, as text, as such or as SymPy's, and the names to differentiate by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

import sympy

from matcalc.calculus.adjoint import children
from matcalc.errors import UndifferentiableError, UnknownNameError
from matcalc.exchange.interchange import from_sympy
from matcalc.language.parser import parse
from matcalc.language.problem import Problem
from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, name_of, postorder, properties
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase


def read_problem(problem: Problem | str | sympy.Basic, declare: str | Iterable[str] | None, rules: Rulebase) -> Problem:
    """The problem that was given as such, as text, or as a SymPy expression."""
    if isinstance(problem, Problem):
        return problem
    if isinstance(problem, str):
        return parse(problem, declare, signatures=rules.signatures)
    node, variables, sizes = from_sympy(problem, rules=rules)
    return Problem(text(node), node, variables=variables, sizes=sizes)


def leaves_asked(problem: Problem, wrt: str | sympy.Basic | Sequence[str | sympy.Basic] | None) -> list[Node]:
    """The variables and intermediates of those names; for None every variable that is neither an integer nor constant.

    Raises: UnknownNameError; UndifferentiableError where there are none, or the problem holds differentials itself.
    """
    occurring = {e for e in graph(problem) if head(e) == "symbol"}
    names = problem.names
    asked = [wrt] if isinstance(wrt, str | sympy.Basic) else wrt
    leaves = _free(problem, occurring) if asked is None else [_leaf(problem, w, names, occurring) for w in asked]
    if not leaves:
        raise UndifferentiableError(
            "there is nothing to differentiate by",
            source=problem.source,
            hint="name a variable with wrt, or declare none constant",
        )
    strange = [name_of(e) for e in occurring if name_of(e) not in names and name_of(e) not in problem.sizes]
    strange += [text(e) for e in graph(problem) if head(e) == DIFFERENTIAL]
    if strange:
        raise UndifferentiableError(
            f"{min(strange)} is a differential, of which no gradient is taken", hint="write f itself: its gradient is derived"
        )
    return leaves


def _free(problem: Problem, occurring: set[Node]) -> list[Node]:
    """Every variable that may be differentiated by: no integers, none declared constant."""
    return [
        X
        for name, X in problem.variables.items()
        if X in occurring and name not in problem.constants and "integer" not in properties(X)
    ]


def _leaf(problem: Problem, wrt: str | sympy.Basic, names: Mapping[str, Node], occurring: set[Node]) -> Node:
    """The variable or intermediate of that name."""
    name = wrt if isinstance(wrt, str) else str(getattr(wrt, "name", wrt))
    X = names.get(name) or problem.find(name.removeprefix("\\"))
    if X is None:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the variables are {', '.join(names)}"
        raise UnknownNameError(f"there is no variable {name} to differentiate by", hint=hint)
    if "integer" in properties(X):
        raise UndifferentiableError(f"{name} is an integer: nothing is differentiated by it", hint="declare it as a scalar")
    if X not in occurring:
        found = ", ".join(known for known, node in names.items() if node in occurring)
        raise UndifferentiableError(f"{name} does not occur in the expression", hint=f"it depends on {found}" if found else "")
    return X


def graph(problem: Problem) -> Iterator[Node]:
    """Every node of a problem, through its named parts."""
    return postorder([problem.expression], lambda e: children(e, problem.definitions))
