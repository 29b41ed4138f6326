"""What is asked: the problem, as text, as such or as SymPy's, and the names to differentiate by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, TypeAlias

import sympy

from matcalc.calculus.adjoint import children
from matcalc.errors import ArgumentError, MatcalcError, ShapeError, UndifferentiableError, UnknownNameError
from matcalc.exchange.interchange import from_sympy
from matcalc.language.parser import parse, parse_formula
from matcalc.language.problem import Problem
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.tree import Index, Name, Statement
from matcalc.language.syntax.tree import postorder as parts_of_text
from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, is_scalar, name_of, postorder, properties, shape, variable
from matcalc.nodes.families import PARTS
from matcalc.nodes.indices import is_index
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase

Asked: TypeAlias = str | sympy.Basic
_SCALAR = "make a scalar of it first: its norm, its sum, or inner(G, F) with a cotangent G"
_GUESSES = 12
"""How many names an error looks at for what would mend it."""


def read_problem(
    problem: Problem | str | sympy.Basic,
    declare: str | Iterable[str] | None,
    rules: Rulebase,
    wrt: Asked | Sequence[Asked] | None = None,
) -> Problem:
    """The problem that was given as such, as text, or as a SymPy expression.

    The letters of the indices that are asked for in wrt are none that sizes get, and in LaTeX x_i is then an entry.
    """
    parts = _parts_asked(wrt)
    letters = letters_asked(wrt)
    if isinstance(problem, str):
        return parse(problem, declare, signatures=rules.signatures, reserved=letters)
    if isinstance(problem, Problem):
        if letters.isdisjoint(problem.sizes) and all(problem.find(part.name) is not None for part in parts):
            return problem
        return parse(problem.source, problem.declared, signatures=rules.signatures, reserved=letters, latex=problem.latex)
    node, variables, sizes = from_sympy(problem, rules=rules)
    return Problem(text(node), node, variables=variables, sizes=sizes)


def letters_asked(wrt: Asked | Sequence[Asked] | None) -> set[str]:
    """The letters of the indices of the parts that are asked for: i of x[i]."""
    return {letter for part in _parts_asked(wrt) for letter in part.letters}


def _parts_asked(wrt: Asked | Sequence[Asked] | None) -> list[_Indexed]:
    return [found for w in _listed(wrt) if isinstance(w, str) and (found := _indexed(w))]


def leaves_asked(problem: Problem, wrt: Asked | Sequence[Asked] | None) -> list[Node]:
    """The variables and intermediates of those names, or parts of them, x[i], X[:,j]; for None all that may be.

    Raises: UnknownNameError; UndifferentiableError where there are none, or the problem holds differentials itself.
    """
    occurring = {e for e in graph(problem) if head(e) == "symbol"}
    names = problem.names
    leaves = _free(problem, occurring) if wrt is None else [_part(problem, w, names, occurring) for w in _listed(wrt)]
    if not leaves:
        raise UndifferentiableError(
            "there is nothing to differentiate by",
            source=problem.source,
            hint="name a variable with wrt, or declare none constant",
        )
    known = {*names, *problem.sizes}
    strange = [name_of(e) for e in occurring if not is_index(e) and name_of(e) not in known]
    strange += [text(e) for e in graph(problem) if head(e) == DIFFERENTIAL]
    if strange:
        raise UndifferentiableError(
            f"{min(strange)} is a differential, of which no gradient is taken", hint="write f itself: its gradient is derived"
        )
    return leaves


def only_one(problem: Problem, names: Sequence[str] | None) -> str:
    """The one variable that is asked for; the only one that there is where none is named.

    Raises: ArgumentError where there are several.
    """
    found = list(names) if names else [text(X) for X in leaves_asked(problem, None)]
    if len(found) != 1:
        raise ArgumentError("stationary points are by one variable", hint=f"name it: --wrt {found[0]}")
    return found[0]


def not_scalar(problem: Problem, what: str, rules: Rulebase, hint: str = _SCALAR) -> ShapeError:
    """The error where a scalar is needed, with the names that were read as vectors or matrices and would make it one."""
    guessed = [name for name, X in problem.variables.items() if not is_scalar(X)][:_GUESSES]
    mending = [name for name in guessed if _is_scalar_with(problem, name, rules)]
    if mending:
        told = ", ".join(f"{name} is read as a {_kind(problem.variables[name])}" for name in mending)
        hint = f"{told}: declare {' or '.join(f'`{name}: scalar`' for name in mending)}; or {hint}"
    return ShapeError(what, source=problem.source, span=problem.place, hint=hint)


def _is_scalar_with(problem: Problem, name: str, rules: Rulebase) -> bool:
    """Whether the expression is a scalar where the name, of which nothing is declared, is one."""
    try:
        declared = [*problem.declared, f"{name}: scalar"]
        found = parse(problem.source, declared, signatures=rules.signatures, latex=problem.latex)
    except MatcalcError:
        return False
    return is_scalar(found.entry.expression)


def _kind(X: Node) -> str:
    """What a variable is: a vector or a matrix."""
    return "vector" if 1 in shape(X) else "matrix"


def _listed(wrt: Asked | Sequence[Asked] | None) -> Sequence[Asked]:
    return () if wrt is None else [wrt] if isinstance(wrt, str | sympy.Basic) else wrt


class _Indexed(NamedTuple):
    """A part of a variable as it is asked for: X[i,j] by the name X and the letters i, j."""

    name: str
    letters: tuple[str, ...]


def _indexed(wrt: str) -> _Indexed | None:
    """What is asked for, where it is a part of a variable."""
    if "[" not in wrt:
        return None
    lines = read(wrt)
    e = lines[0].expression if len(lines) == 1 and isinstance(lines[0], Statement) else None
    if isinstance(e, Index) and isinstance(e.operand, Name):
        names = [part.name for p in e.places if p is not None for part in parts_of_text(p) if isinstance(part, Name)]
        return _Indexed(e.operand.name, tuple(names))
    hint = "a name, or a part of one: x[i], X[i,j], X[i,:], X[:,j]"
    raise ArgumentError("this is nothing to differentiate by", source=wrt, span=(0, len(wrt)), hint=hint)


def _part(problem: Problem, wrt: Asked, names: Mapping[str, Node], occurring: set[Node]) -> Node:
    """The variable or intermediate of that name, or the part of one."""
    found = _indexed(wrt) if isinstance(wrt, str) else None
    if found is None:
        return _leaf(problem, wrt, names, occurring)
    X = _leaf(problem, found.name, names, occurring)
    letters = [letter for letter in found.letters if problem.find(letter) is None and letter not in problem.sizes]
    known = {**names, **{letter: variable(letter, (), ("integer",)) for letter in letters}}
    made = parse_formula(str(wrt), known, problem.sizes)
    if head(made) not in PARTS:
        hint = "x[i], X[i,j], X[i,:] and X[:,j] are parts"
        raise ArgumentError(f"{wrt} is no part of {name_of(X)}", source=str(wrt), span=(0, len(str(wrt))), hint=hint)
    return made


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
        parts = [part.strip() for part in name.split(",")]
        if len(parts) > 1 and all(parts):
            listed = ", ".join(f'"{part}"' for part in parts)
            hint = f"name them one by one: {' '.join(f'--wrt {part}' for part in parts)}, or wrt=[{listed}] in Python"
        elif not names:
            hint = "the expression holds no variables"
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
