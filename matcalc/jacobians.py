"""Jacobians: the J with dvec(F) = J*dvec(X), in closed form, and the action dF that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import sympy

from matcalc.calculus.atoms import differential_of_name
from matcalc.calculus.engine import Engine
from matcalc.calculus.free import Free
from matcalc.calculus.independent import Independent, independent
from matcalc.calculus.parts import base_of
from matcalc.calculus.reasons import JACOBIAN, LAYOUT, SIMPLIFIED, spanned
from matcalc.errors import ArgumentError, VerificationError
from matcalc.exchange.interchange import own_symbols
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import mul, transpose, unvec, vec
from matcalc.nodes.differentials import in_order
from matcalc.nodes.expr import Node, is_scalar, shape
from matcalc.numeric.lines import confirm
from matcalc.numeric.verdict import together
from matcalc.numeric.verify import Check
from matcalc.request import Asked, leaves_asked, read_problem
from matcalc.result import ByVariable
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.sides import Side
from matcalc.steps import Derived, Step, differential_steps, sampled_facts

LAYOUTS = ("numerator", "denominator")
NO_KRONECKER_FORM = "it has no Kronecker form: it is written in unit vectors"


@dataclass(frozen=True, eq=False, repr=False)
class Jacobian(ByVariable):
    """The J with dvec(F) = J*dvec(X), or its transpose in denominator layout, by all entries of X; of F's shape by a scalar."""

    free: Free
    layout: str = "numerator"
    verification: Check | None = None
    independent: Independent | None = None
    kind: ClassVar[str] = "jacobian"

    @property
    def turned(self) -> bool:
        """Whether it is transposed."""
        return self.layout != "numerator"

    @property
    def side(self) -> Side:
        """∂vec(F)/∂vec(X)'; by the independent entries of X ∂vec(F)/∂vech(X)'."""
        return Side("jacobian", self.problem.label, self._by, turned=self.turned)

    @property
    def _by(self) -> Node:
        """The variable, or its independent entries."""
        return self.variable if self.independent is None else self.independent.entries

    @cached_property
    def action(self) -> Node:
        """dF as a function of dX."""
        return in_order(self.free.action(self.variable))

    @property
    def companions(self) -> tuple[tuple[str, Side, Node], ...]:
        """Its action."""
        return (("action", Side("differential", self.problem.label), self.action),)

    @property
    def said(self) -> dict[str, str]:
        """The layout."""
        return {"layout": self.layout}

    @property
    def is_told_alone(self) -> bool:
        """Whether its action is J*dX and needs no line of its own: a vector by a vector, anything by a scalar."""
        F, X = self.problem.expression, self.variable
        return is_scalar(X) or (self.closed_form and all(is_scalar(e) or shape(e)[1] == 1 for e in (F, X)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of the problem; the layout, and where there is no Kronecker form."""
        layout = () if is_scalar(self.variable) and not self.turned else (layout_note(self.layout),)
        by = () if self.independent is None else (self.independent.note,)
        return (*super().notes, *by, *layout, *(() if self.closed_form else (NO_KRONECKER_FORM,)))

    @property
    def check(self) -> Check | None:
        """What numbers said of it."""
        return self.verification

    def verify(self, draws: int = 5, seed: int = 0) -> Check:
        """The comparison of J*vec(D) and of dF with numerical derivatives of F along random D: `.ok` is True, False or None."""
        F, J = self.problem.expression, transpose(self.node) if self.turned else self.node
        action = self.free.action(self.variable)
        if self.independent is not None:
            moved = self.independent.of(differential_of_name(self.variable, self.rules))
            return compared(self.free, F, self.variable, [(along(J, moved, F),), action], draws, seed, self.independent.within)
        dX = differential_of_name(self.free.of(self.variable), self.rules)
        return compared(self.free, F, self.variable, [(along(J, dX, F),), action], draws, seed)

    def derive(self) -> Derived:
        """The steps to dF, and J read off it."""
        first, X = self.free.first, self.free.of(self.variable)
        told = differential_steps(first, [X], first.differential([X]), self.symbols)
        raw = first.jacobian(X)
        plain = transpose(self.node) if self.turned else self.node
        made = Step("jacobian", (raw,), (JACOBIAN,), self.problem.label, self.variable, self.rules, self.symbols)
        steps = [*told.steps, made]
        if raw is not self.free.jacobian(self.variable):
            steps.append(replace(made, terms=(self.free.jacobian(self.variable),), reasons=(SIMPLIFIED,)))
        if self.independent is not None:
            by, D = self.independent.entries, self.independent.span
            steps.append(replace(made, terms=(plain,), reasons=(spanned(self.variable, D, by),), wrt=by))
        if plain is not self.node and self.turned:
            steps.append(replace(made, terms=(self.node,), reasons=(LAYOUT,), wrt=self._by, turned=True))
        return Derived(tuple(steps), together([told.check, self.verify(draws=1)]))


def layout_note(layout: str) -> str:
    """The layout in words: what the rows are."""
    rows = "a row for each entry of the function" if layout == "numerator" else "a column for each entry of the function"
    return f"{layout} layout: {rows}"


def along(J: Node, dX: Node, F: Node) -> Node:
    """dF, of the shape of F, from J and dX."""
    moved = mul(dX, J) if is_scalar(dX) else mul(J, vec(dX))
    return moved if shape(moved) == shape(F) else unvec(moved, shape(F))


def compared(
    free: Free,
    F: Node,
    wrt: Node,
    lines: Sequence[Sequence[Node]],
    draws: int,
    seed: int,
    within: Mapping[str, frozenset[str]] | None = None,
) -> Check:
    """Whether each line has the value of dF where X moves by all its entries, or within the structures said of its name."""
    given, rules = free.engine.problem, free.engine.rules
    check, _ = confirm(
        free.restored(F),
        [wrt],
        [tuple(map(free.restored, line)) for line in lines],
        definitions=given.definitions,
        facts=sampled_facts(given, rules),
        distinct=given.distinct,
        rules=rules,
        within=free.within(wrt) if within is None else within,
        draws=draws,
        seed=seed,
    )
    return check


def refuse_wrong(check: Check, what: str, problem: Problem) -> None:
    """Raise VerificationError where numbers contradict a result."""
    if check.ok is False:
        raise VerificationError(
            f"{what} fails its check: {check.reason}",
            source=problem.source,
            hint="this is a fault of matcalc; please report the problem as you typed it",
        )


def jacobian(
    problem: Problem | str | sympy.Basic,
    wrt: Asked,
    *,
    declare: str | Iterable[str] | None = None,
    layout: str = "numerator",
    convention: str = "all",
    verify: bool = True,
    rules: Rulebase | None = None,
) -> Jacobian:
    """The J with dvec(F) = J*dvec(X), columns stacked, and its action dF.

    Shapes: F m×n and X p×q give mn×pq; by a scalar J has the shape of F.  With layout="denominator" the transpose.  By all
    entries of X: what is declared of X simplifies J, but narrows nothing.  With convention="independent" by the independent
    entries of a symmetric, triangular or diagonal X: vech(X), vech(X'), diag(X).
    Raises: ParseError, ShapeError … for bad input; UndifferentiableError; VerificationError if numbers disagree.
    Source: Magnus & Neudecker (2019), ch. 9.

    >>> from matcalc.printing.text import text
    >>> J = jacobian("inv(X)", "X")
    >>> print(J)
    -kron(inv(X)', inv(X))
    >>> print(text(J.action))
    -inv(X)*dX*inv(X)
    """
    return jacobians(problem, [wrt], declare=declare, layout=layout, convention=convention, verify=verify, rules=rules)[0]


def jacobians(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[Asked] | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    layout: str = "numerator",
    convention: str = "all",
    verify: bool = True,
    rules: Rulebase | None = None,
) -> tuple[Jacobian, ...]:
    """The Jacobians of F by several variables, parts of them or intermediates (None: by every variable)."""
    if layout not in LAYOUTS:
        raise ArgumentError(f"unknown layout {layout!r}", hint=f"it is one of {', '.join(LAYOUTS)}")
    known = rules or rulebase()
    read = read_problem(problem, declare, known, wrt).entry
    leaves = leaves_asked(read, wrt)
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    engine = Engine(read, known)
    made = []
    for X in leaves:
        free = Free(engine, [X])
        J, by = free.jacobian(X), independent(engine, X, convention)
        if by is not None:
            J = engine.simplified_for(X).finished(mul(J, by.span))
        if layout == "denominator":
            J = engine.simplified_for(base_of(X)).finished(transpose(J))
        found = Jacobian(read, J, engine, symbols, X, free, layout, independent=by)
        if verify:
            check = found.verify()
            refuse_wrong(check, f"the Jacobian by {found.wrt}", read)
            found = replace(found, verification=check)
        made.append(found)
    return tuple(made)
