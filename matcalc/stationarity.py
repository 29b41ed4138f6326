"""Stationary points of a scalar, with or without constraints: what is asked, solved and confirmed by numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy

from matcalc.calculus.adjoint import depends_on
from matcalc.calculus.engine import Engine
from matcalc.calculus.facts import declared_facts, rigid
from matcalc.calculus.parts import base_of
from matcalc.calculus.reasons import Reason
from matcalc.calculus.separate import separate
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.errors import ArgumentError, ShapeError
from matcalc.exchange.interchange import own_symbols
from matcalc.language.parser import parse
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import add, inverse, is_zero, mul, power, rebuild, sub
from matcalc.nodes.expr import ONE, Node, head, is_scalar, matrix_node, name_of, properties, shape, substitute, variable
from matcalc.nodes.families import member_shape
from matcalc.numeric.linalg import Array
from matcalc.numeric.verdict import together
from matcalc.printing.text import text
from matcalc.request import leaves_asked, letters_asked, not_scalar, read_problem
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulebase.differential import inner
from matcalc.solution import Solution, StationaryPoint, restored, shortest
from matcalc.stationary.confirm import Stationarity, Verdict, confirm, confirm_by
from matcalc.stationary.constrained import (
    Constraint,
    Eigenproblem,
    Lagrangian,
    eigenproblem,
    multipliers,
    solve_constrained,
)
from matcalc.stationary.kinds import Kind, kind_by_structure
from matcalc.stationary.linear import is_linear
from matcalc.stationary.solver import Found, Move, solutions
from matcalc.stationary.terms import expanded, is_never_defined, occurs
from matcalc.steps import sampled_facts

_ORDER = {"minimum": 0, "maximum": 1}
LAGRANGIAN = "L"
DIAGONAL = Reason("diagonal-matrix")
SHORTEST = Reason("the-shortest-of-all-solutions", citation="GVL13 5.5")
_PART = "~X"


@dataclass(frozen=True)
class _Asked:
    """A problem without names for its parts, the variable, and what stands for it where it is a part of one.

    `given` is the problem with them.
    """

    given: Problem
    problem: Problem
    engine: Engine
    wrt: Node
    unknown: Node
    constraints: tuple[Constraint, ...]

    @cached_property
    def naming(self) -> Simplifier | None:
        """What writes expressions in the names of the parts."""
        return Engine(self.given, self.engine.rules).simplified_for(base_of(self.wrt)) if self.given.definitions else None

    def hidden(self, e: Node) -> Node:
        """e with the unknown for the part that is asked for."""
        return e if self.wrt is self.unknown else substitute(e, {self.wrt: self.unknown}, rebuild)


def solve(
    problem: Problem | str | sympy.Basic,
    wrt: str | sympy.Basic,
    *,
    subject_to: str | Sequence[str] = (),
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> Solution:
    """The X at which the gradient of a scalar vanishes, in closed form where there is one; under equations as constraints.

    What numbers contradict is no answer: the equation that remains is told instead, as where no closed form is known.
    Raises: ParseError, ShapeError … for bad input; ArgumentError for a constraint that is no equation.
    Source: Magnus & Neudecker (2019), ch. 7 and 13.

    >>> print(solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w"))
    inv(X'*X + alpha*eye(d))*X'*y
    """
    known = rules or rulebase()
    read, pairs = _read(problem, wrt, [subject_to] if isinstance(subject_to, str) else subject_to, declare, known)
    (X,) = leaves_asked(read, [wrt])
    if member_shape(X) is not None and not pairs and (parts := separate(Engine(read, known), X)) is not None:
        X = parts.one  # each member has an equation of its own
    if not is_scalar(read.expression):
        raise not_scalar(read, "stationary points are those of a scalar", known)
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    asked, pairs = _prepared(read, X, pairs, known)
    if asked.constraints:
        return _constrained(asked, read, pairs, symbols, verify)
    G = asked.engine.gradients([asked.wrt])[asked.wrt]
    made = Solution(read, asked.wrt, G, (), asked.engine, symbols=symbols)
    equation = asked.hidden(G)
    if asked.wrt is not asked.unknown and id(equation) in depends_on([equation], {base_of(asked.wrt)}, {}):
        return made  # other parts of the variable stand beside the one that is asked for
    simplify = asked.engine.simplifier
    found = (
        _by_entries(equation, asked, known) if asked.engine.plain.structures.subspaces(asked.unknown) == ["diagonal"] else []
    )
    found = found or solutions(equation, asked.unknown, simplify)
    structural = kind_by_structure(equation, asked.unknown, simplify)
    solved = _confirmed(made, asked, equation, found, structural, verify)
    if found and not solved.points and is_zero(found[0].node):
        return _confirmed(made, asked, equation, [replace(found[0], complete=False, inverted=())], structural, verify)
    if found and not solved.points and (least := shortest(restored(found[0].moves, {}), asked.unknown)) is not None:
        node = simplify.finished(least[1])
        moves = (*found[0].moves[:-1], Move(asked.unknown, node, SHORTEST))
        return _confirmed(made, asked, equation, [Found(node, moves, complete=False)], structural, verify)
    return solved


def _by_entries(equation: Node, asked: _Asked, rules: Rulebase) -> list[Found]:
    """The solutions for a diagonal matrix, by the vector on its diagonal."""
    X, simplify = asked.unknown, asked.engine.simplifier
    x = variable(_PART, (shape(X)[0], ONE))
    diagonal = matrix_node("diag", (x,), shape(X))
    e = rules.structured("diagonal", "entries", {"X": simplify(substitute(equation, {X: diagonal}, rebuild))})
    shown = {x: rules.structured("diagonal", "entries", {"X": X})}
    return [
        replace(f, node=made, moves=(*restored(f.moves, shown), Move(X, made, DIAGONAL)))
        for f in solutions(simplify(e), x, simplify)
        for made in [simplify.finished(matrix_node("diag", (f.node,), shape(X)))]
    ]


# ---------------------------------------------------------------- what is asked


def _read(
    problem: Problem | str | sympy.Basic,
    wrt: str | sympy.Basic,
    subject_to: Sequence[str],
    declare: str | Iterable[str] | None,
    rules: Rulebase,
) -> tuple[Problem, tuple[tuple[Node, Node], ...]]:
    """The problem, and the two sides of each constraint in its names."""
    first = read_problem(problem, declare, rules, wrt)
    if not subject_to:
        return first.entry, ()
    stated = [_equation(c, first, rules) for c in subject_to]
    declared = [*(first.declared if isinstance(problem, str | Problem) else first.declarations)]
    reserved = letters_asked(wrt)
    for _ in subject_to:
        assumed = [*declared, *(f"assume {c}" for c in stated)]
        again = parse(first.source, assumed, signatures=rules.signatures, reserved=reserved, latex=first.latex)
        known, pairs = again.facts[: len(again.facts) - len(stated)], again.facts[len(again.facts) - len(stated) :]
        if len(known) != len(first.facts):
            raise ArgumentError("a constraint is no equation of its own", source=subject_to[0], hint="state each once")
        uneven = [(pair, typed) for pair, typed in zip(pairs, subject_to, strict=True) if len({shape(e) for e in pair}) > 1]
        if not uneven:
            break
        new = [name_of(e) for pair, _ in uneven for e in pair if head(e) == "symbol" and not is_scalar(e)]
        new = [name for name in dict.fromkeys(new) if first.find(name) is None]
        if not new:
            typed = uneven[0][1]
            raise ShapeError("the sides of a constraint have different shapes", source=typed, span=(0, len(typed)))
        declared += [f"{name}: scalar" for name in new]  # mu'*w == r says that r is one
    return replace(again, facts=known, declared=tuple(declared)), pairs


def _equation(constraint: str, known: Problem, rules: Rulebase) -> str:
    """The constraint with == between its sides, in the language where it is LaTeX."""
    if "=" not in constraint or any(sign in constraint for sign in "<>≤≥"):
        raise ArgumentError("a constraint is an equation", source=constraint, hint="write left == right")
    stated = constraint if "==" in constraint else constraint.replace("=", "==", 1)
    if "\\" not in stated:
        return stated
    sides = (parse(side, known.declarations, signatures=rules.signatures, latex=True) for side in stated.split("=="))
    return " == ".join(text(side.expression) for side in sides)


def _prepared(
    read: Problem, X: Node, pairs: tuple[tuple[Node, Node], ...], rules: Rulebase
) -> tuple[_Asked, tuple[tuple[Node, Node], ...]]:
    """The problem with its named parts put in, in a variable that is free but for the constraints that were declared of it."""
    put: dict[Node, Node] = {}
    for Z, value in read.definitions.items():
        if Z is not X:
            put[Z] = substitute(value, put, rebuild)
    stiff = properties(base_of(X)) & rigid(rules) if X is base_of(X) and not is_scalar(X) else frozenset()
    if stiff and not pairs:
        pairs = declared_facts([X], rules)[:1]
    free = variable(name_of(X), shape(X), properties(X) - stiff) if stiff else X
    put |= {X: free} if stiff else {}
    pairs = tuple(_squared(substitute(a, put, rebuild), substitute(b, put, rebuild)) for a, b in pairs)
    variables = {name: put.get(e, e) for name, e in {**read.variables, name_of(base_of(X)): base_of(X)}.items()}
    problem = replace(
        read, expression=substitute(read.expression, put, rebuild), definitions={}, variables=variables, entries={}
    )
    engine = Engine(problem, rules)
    unknown = free if free is base_of(free) else variable(_PART, shape(X))
    found = tuple(c for c in multipliers(engine, pairs) if occurs(c.g, free))
    if len(found) < len(pairs):
        lost = next(text(a) for a, b in pairs if not occurs(sub(a, b), free))
        raise ArgumentError(f"the constraint on {lost} does not depend on {text(X)}", hint="leave it out")
    return _Asked(read, problem, engine, free, unknown, found), pairs


def _squared(left: Node, right: Node) -> tuple[Node, Node]:
    """norm(x) = c as norm(x)^2 = c^2."""
    return (power(left, 2 * ONE), power(right, 2 * ONE)) if head(left) == "norm" else (left, right)


# ---------------------------------------------------------------- constraints


def _constrained(
    asked: _Asked, read: Problem, pairs: tuple[tuple[Node, Node], ...], symbols: dict[str, sympy.Basic], verify: bool
) -> Solution:
    engine, X = asked.engine, asked.wrt
    paired = [inner(c.multiplier, c.g) for c in asked.constraints]
    problem = asked.problem
    whole = add(problem.expression, *paired)
    leaf = variable(next(n for n in (LAGRANGIAN, "L_f", "L_1", "L_2") if n not in {*problem.names, *problem.sizes}), ())
    variables = {**problem.variables, **{name_of(c.multiplier): c.multiplier for c in asked.constraints}}
    stated = replace(problem, expression=whole, definitions={leaf: whole}, variables=variables)
    simplify = engine.simplifier
    own = asked.hidden(engine.gradients([X])[X])
    G = Engine(replace(stated, definitions={}), engine.rules).gradients([X])[X]
    L = Lagrangian(asked.hidden(G), own, asked.unknown, asked.constraints)
    made = Solution(read, X, G, (), Engine(stated, engine.rules), pairs, symbols=symbols)
    eigen = eigenproblem(L, simplify)
    if eigen is not None:
        return _spanned(made, asked, L, eigen, verify)
    flat = all(
        is_linear(t, asked.unknown, simplify)
        for c in asked.constraints
        for t in expanded(c.g, asked.unknown, simplify)
        if occurs(t, asked.unknown)
    )
    structural = kind_by_structure(own, asked.unknown, simplify) if flat else None
    return _confirmed(made, asked, own, solve_constrained(L, simplify), structural, verify)


def _spanned(made: Solution, asked: _Asked, L: Lagrangian, eigen: Eigenproblem, verify: bool) -> Solution:
    """The eigenproblem, once numbers have confirmed what eigenvectors make of the equation."""
    solved = replace(made, eigenproblem=eigen, unique=False)
    if not verify:
        return solved
    wanted = _wanted(asked, L.own)
    A = mul(-ONE, eigen.A) if eigen.turned else eigen.A
    verdict = confirm_by(wanted, [A, eigen.B, eigen.R], _spans)
    return replace(solved, verification=verdict.check) if verdict.check.ok else made


def _spans(values: Sequence[Array], like: Array) -> Iterator[tuple[str, Array]]:
    """The X of the smallest and of the largest eigenvalues with A*X = B*X*M and X'*B*X = R, for the values of A, B and R."""
    A, B, R = values[0], values[1] if np.ndim(values[1]) else np.eye(len(values[0])), np.atleast_2d(values[2])
    columns = np.shape(like)[1]
    if columns >= len(A) or np.linalg.eigvalsh(B)[0] <= 0 or np.linalg.eigvalsh(R)[0] <= 0:
        return
    root = np.linalg.inv(np.linalg.cholesky(B))
    V = root.T @ np.linalg.eigh(root @ A @ root.T)[1]
    for kind, Q in (("minimum", V[:, :columns]), ("maximum", V[:, ::-1][:, :columns])):
        yield kind, Q @ np.linalg.cholesky(R).T


# ---------------------------------------------------------------- numbers


def _wanted(asked: _Asked, own: Node) -> Stationarity:
    """What is to hold of a solution."""
    problem = asked.problem
    facts = sampled_facts(problem, asked.engine.rules)
    gs = tuple(asked.hidden(c.g) for c in asked.constraints)
    bounds = () if asked.wrt is asked.unknown else (asked.wrt,)
    return Stationarity(own, asked.unknown, gs, facts, problem.distinct, asked.engine.rules, bounds)


def _confirmed(
    made: Solution, asked: _Asked, own: Node, found: Sequence[Found], structural: Kind | None, verify: bool
) -> Solution:
    """The solutions that numbers do not contradict, minima first."""
    wanted = _wanted(asked, own)
    kept: list[tuple[Found, Verdict | None]] = []
    for f in found:
        if any(map(is_never_defined, (f.node, *map(inverse, f.inverted)))):
            continue
        verdict = confirm(wanted, f.node, f.inverted) if verify else None
        if verdict is None or _is_kept(verdict):
            kept.append((f, verdict))
    shown = {} if asked.wrt is asked.unknown else {asked.unknown: asked.wrt}
    points = [_point(asked, wanted, f, v, structural if len(kept) == 1 else None, shown) for f, v in kept]
    checks = [v.check for _, v in kept if v is not None]
    unique = len(points) == 1 and kept[0][0].complete if points else None
    return replace(
        made,
        points=tuple(sorted(points, key=lambda p: _ORDER.get(p.kind, 2))),
        unique=unique,
        verification=together(checks) if checks else None,
    )


def _is_kept(verdict: Verdict) -> bool:
    """Whether numbers do not speak against a solution: nowhere defined is none."""
    return verdict.check.ok or (verdict.check.ok is None and not verdict.check.reason.startswith("no admissible point"))


def _point(
    asked: _Asked, wanted: Stationarity, f: Found, verdict: Verdict | None, structural: Kind | None, shown: dict[Node, Node]
) -> StationaryPoint:
    node = substitute(f.node, shown, rebuild)
    kinds = verdict.kinds if verdict is not None else ()
    agreed = structural is not None and (bool(structural.positive) or set(kinds) <= {structural.name, "degenerate"})
    kind = structural.name if structural is not None and agreed else verdict.kind if verdict is not None else ""
    positive = structural.positive if structural is not None and agreed else ()
    moves = restored(f.moves, shown)
    where: tuple[Node, ...] = ()
    if kinds and not kind:
        kind, where = _kind_where(wanted, f.node, asked.problem.variables.values())
    return StationaryPoint(
        node, asked.wrt, asked.engine, kind, agreed, positive, kinds, moves, f.complete, f.inverted, where, asked.naming
    )


def _kind_where(wanted: Stationarity, node: Node, variables: Iterable[Node]) -> tuple[str, tuple[Node, ...]]:
    """The kind where the entries of one variable are positive, and that variable; "" where none is found."""
    for X in variables:
        if X is wanted.unknown or "positive" in properties(X) or "integer" in properties(X):
            continue
        if not is_scalar(X) and properties(X):
            continue
        P = variable(name_of(X), shape(X), {*properties(X), "positive"})
        put = {X: P}
        moved = replace(
            wanted,
            gradient=substitute(wanted.gradient, put, rebuild),
            constraints=tuple(substitute(g, put, rebuild) for g in wanted.constraints),
            facts=[(substitute(a, put, rebuild), substitute(b, put, rebuild)) for a, b in wanted.facts],
            bounds=tuple(substitute(b, put, rebuild) for b in wanted.bounds),
        )
        found = confirm(moved, substitute(node, put, rebuild)) if occurs(node, X) or occurs(wanted.gradient, X) else None
        if found is not None and found.check.ok and found.kind:
            return found.kind, (X,)
    return "", ()
