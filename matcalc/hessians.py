"""Hessians: the H with dvec(G) = H*dvec(X) for the gradient G, second derivatives by two variables, blocks by several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import ClassVar, TypeVar

import sympy

from matcalc.calculus.atoms import differential_of_name, paired
from matcalc.calculus.engine import Engine
from matcalc.calculus.free import Free
from matcalc.calculus.independent import Independent, independent
from matcalc.calculus.parts import base_of
from matcalc.calculus.reasons import HESSIAN, SECOND, SIMPLIFIED, spanned
from matcalc.calculus.separate import Separate, separate
from matcalc.codegen.outputs import Output
from matcalc.exchange.interchange import own_symbols
from matcalc.jacobians import NO_KRONECKER_FORM, along, compared, refuse_wrong
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import add, is_zero, mul, number, rebuild, terms, transpose, vec
from matcalc.nodes.blocks import hcat, vcat
from matcalc.nodes.differentials import DIFFERENTIAL, in_order
from matcalc.nodes.expr import Node, head, is_scalar, shape, substitute, variable
from matcalc.nodes.places import places
from matcalc.numeric.agree import agree
from matcalc.numeric.verdict import together
from matcalc.numeric.verify import Check
from matcalc.printing.text import text
from matcalc.request import Asked, leaves_asked, not_scalar, read_problem
from matcalc.result import Result
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.sides import Side
from matcalc.steps import Derived, Step, differential_steps, gradient_steps


@dataclass(frozen=True, eq=False, repr=False)
class Hessian(Result):
    """The H with dvec(∂f/∂X) = H*dvec(Y), by all entries; Y is X, or another variable of a mixed second derivative."""

    variable: Node
    by: Node
    free: Free
    verification: Check | None = None
    independent: tuple[Independent | None, Independent | None] = (None, None)
    kind: ClassVar[str] = "hessian"

    @property
    def moving(self) -> tuple[Node, ...]:
        """The variables."""
        return (self.variable,) if self.is_pure else (self.variable, self.by)

    @property
    def is_pure(self) -> bool:
        """Whether both derivatives are by the same variable."""
        return self.variable is self.by

    @property
    def side(self) -> Side:
        """∂²f/∂vec(X)∂vec(Y)'; by the independent entries of X ∂²f/∂vech(X)∂vech(X)'."""
        X, Y = self.independent
        above, below = self.variable if X is None else X.entries, self.by if Y is None else Y.entries
        return Side("hessian", self.problem.label, above, below)

    @cached_property
    def gradient(self) -> Node:
        """The gradient by all entries of the variable, whose Jacobian it is."""
        return self.free.gradient(self.variable)

    @cached_property
    def quadratic(self) -> Node:
        """The quadratic form d²f = dvec(X)'*H*dvec(X) in dX."""
        return in_order(self._quadratic(self.free))

    def _quadratic(self, free: Free, raw: bool = False) -> tuple[Node, ...]:
        """The terms of tr(dX'*dG)."""
        X = free.of(self.variable)
        dX = differential_of_name(X, self.rules)
        dX = dX if raw else free.restored(dX)
        change = free.second(self.variable).differential([X]) if raw else free.change(self.variable, self.variable)
        simplify = (free.first if raw else self.engine).simplifier
        found = Counter(t for dG in change for t in terms(simplify(paired(transpose(dX), dG, self.rules))))
        return tuple(mul(number(times), t) for t, times in found.items())

    @cached_property
    def blocks(self) -> Blocks | None:
        """The block of each row, column or member of X; None where H is not found to be block-diagonal by these."""
        if not self.is_pure or is_zero(self.node) or self.independent[0] is not None:
            return None
        found = separate(self.engine, self.variable)
        if found is None:
            return None
        free = Free(self.engine, [found.one])
        H = free.hessian(found.one, found.one)
        made = Blocks(self.problem, H, self.engine, self.symbols, found.one, found.one, free, parts=found)
        return made if self.verification is None else _checked(made)

    @property
    def companions(self) -> tuple[tuple[str, Side, Node], ...]:
        """Its quadratic form, where it has one."""
        return (("quadratic", Side("quadratic", self.problem.label), self.quadratic),) if self.is_pure else ()

    @property
    def is_told_alone(self) -> bool:
        """Whether its quadratic form is dx'*H*dx and needs no line of its own."""
        return self.closed_form and all(is_scalar(X) or shape(X)[1] == 1 for X in self.moving)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of the problem; where there is no Kronecker form."""
        by = dict.fromkeys(found.note for found in self.independent if found is not None)
        return (*super().notes, *by, *(() if self.closed_form else (NO_KRONECKER_FORM,)))

    @property
    def check(self) -> Check | None:
        """What numbers said of it."""
        return self.verification

    def verify(self, draws: int = 5, seed: int = 0) -> Check:
        """The comparison with numerical derivatives of the gradient, and of that with those of f: `.ok` is True, False or None.

        By one variable H is also compared with its transpose, and the quadratic form with it.
        """
        free, rules = self.free, self.rules
        G = free.second(self.variable).problem.expression
        if any(self.independent):
            return together(self._by_independent(draws, seed))
        dX, dY = (differential_of_name(free.of(X), rules) for X in (self.variable, self.by))
        change = free.change(self.variable, self.by)
        first = compared(free, self.problem.expression, self.variable, [(paired(transpose(G), dX, rules),)], draws, seed)
        second = compared(free, G, self.by, [(along(self.node, dY, G),), change], draws, seed)
        checks = [second, first]
        if self.is_pure and second.ok:
            told = free.restored(dX)
            moved = variable(f"d({self.wrt})", shape(told)) if head(told) == DIFFERENTIAL else told
            x, quadratic = vec(moved), substitute(add(*self._quadratic(free)), {told: moved}, rebuild)
            checks += self._same(transpose(self.node), self.node, seed)
            checks += self._same(quadratic, mul(transpose(x), self.node, x), seed)
        return together(checks)

    def _by_independent(self, draws: int, seed: int) -> list[Check]:
        """The checks of H by independent entries, along directions inside the structures."""
        free, (X, Y) = self.free, self.independent
        dX, dY = (differential_of_name(e, self.rules) for e in (self.variable, self.by))
        G = free.restored(free.second(self.variable).problem.expression)
        g = G if X is None else mul(transpose(X.span), vec(G))
        dx, dy = dX if X is None else X.of(dX), dY if Y is None else Y.of(dY)
        inside = [None if found is None else found.within for found in self.independent]
        first = compared(free, self.problem.expression, self.variable, [(_met(g, dx, self.rules),)], draws, seed, inside[0])
        second = compared(free, g, self.by, [(along(self.node, dy, g),)], draws, seed, inside[1])
        checks = [second, first]
        if self.is_pure and second.ok:
            told = {free.restored(differential_of_name(free.of(self.variable), self.rules)): dX}
            quadratic = substitute(add(*self._quadratic(free)), told, rebuild)
            checks += self._same(transpose(self.node), self.node, seed)
            checks += self._same(quadratic, mul(transpose(dx), self.node, dx), seed)
        return checks

    def _same(self, a: Node, b: Node, seed: int) -> list[Check]:
        """What numbers say of a = b; nothing where they are the same."""
        if a is b:
            return []
        found = agree(
            a,
            b,
            definitions=self.problem.definitions,
            facts=self.problem.facts,
            distinct=self.problem.distinct,
            seed=seed,
            rules=self.rules,
        )
        return [found] if found.ok is False else []

    def derive(self) -> Derived:
        """The steps to the gradient, then to its differential, and H read off it."""
        free, label, known = self.free, self.problem.label, (self.rules, self.symbols)
        X, Y = free.of(self.variable), free.of(self.by)
        second = free.second(self.variable)
        first = gradient_steps(free.first, X, second.problem.expression, "structured", self.symbols)
        then = differential_steps(second, [Y], second.differential([Y]), self.symbols)
        steps = [*first.steps]
        steps += [replace(s, kind="change", label=label, wrt=self.variable) for s in then.steps]
        if self.is_pure:
            steps.append(Step("quadratic", self._quadratic(free, raw=True), (SECOND,), label, self.variable, *known))
        raw = _rows(second.jacobian(Y), self.variable, self.by)
        made = Step("hessian", (raw,), (HESSIAN,), label, self.variable, *known, by=self.by)
        steps.append(made)
        if raw is not self.node:
            plain = self.free.hessian(self.variable, self.by) if any(self.independent) else self.node
            steps.append(replace(made, terms=(_rows(plain, self.variable, self.by),), reasons=(SIMPLIFIED,)))
        if any(self.independent):
            found = dict.fromkeys(e for e in self.independent if e is not None)
            why = tuple(spanned(e.variable, e.span, e.entries) for e in found)
            steps.append(replace(made, terms=(self.node,), reasons=why, wrt=self.side.wrt, by=self.side.by))
        return Derived(tuple(steps), together([first.check, then.check, self.verify(draws=1)]))


@dataclass(frozen=True, eq=False, repr=False)
class Blocks(Hessian):
    """The blocks of a block-diagonal Hessian by X: the Hessian by one of the rows, columns or members of X, for all alike."""

    parts: Separate = field(kw_only=True)

    @property
    def said(self) -> dict[str, str]:
        """Into what X falls."""
        return {"by": self.parts.by}

    @property
    def output(self) -> Output:
        """All blocks, one after the other along the first axis; a single one where all are alike."""
        (letter, last), *_ = places(self.variable)
        return replace(super().output, name="blocks", over=(letter, last))

    def verify(self, draws: int = 5, seed: int = 0) -> Check:
        """The check of the block, and that the second derivatives by two different parts are zero."""
        one, other, free = self.parts.one, self.parts.other, self.parts.free
        mixed = Hessian(free.engine.problem, self.parts.mixed, free.engine, self.symbols, one, other, free)
        return together([super().verify(draws, seed), mixed.verify(draws, seed)])


_Made = TypeVar("_Made", bound=Hessian)


def _checked(made: _Made) -> _Made:
    """The result with the verdict of numbers."""
    check = made.verify()
    refuse_wrong(check, f"the Hessian by {made.wrt}", made.problem)
    return replace(made, verification=check)


def _met(g: Node, dx: Node, rules: Rulebase) -> Node:
    """The change of f where its gradient is g and x moves by dx."""
    return paired(transpose(g), dx, rules)


def _rows(H: Node, X: Node, Y: Node) -> Node:
    """The derivative of ∂f/∂X with a row for each entry of X; by a scalar it has the shape of X."""
    return vec(H) if is_scalar(Y) and not is_scalar(X) else H


def hessian(
    problem: Problem | str | sympy.Basic,
    wrt: Asked,
    by: Asked | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    convention: str = "all",
    verify: bool = True,
    rules: Rulebase | None = None,
) -> Hessian:
    """The H with dvec(G) = H*dvec(X) for the gradient G of a scalar by X; with `by` the mixed second derivative by X and Y.

    Shapes: f a scalar, X m×n and Y p×q give mn×pq.  By all entries of vec(X): what is declared of X simplifies H, but
    narrows nothing.  With convention="independent" by the independent entries of a symmetric, triangular or diagonal X.
    Raises: ParseError, ShapeError … for bad input; UndifferentiableError; VerificationError if numbers disagree.
    Source: Magnus & Neudecker (2019), ch. 10.

    >>> print(hessian("x'*A*x", "x"))
    A + A'
    >>> print(hessian("x'*A*y", "x", "y"))
    A
    >>> print(text(hessian("tr(X'*X)", "X").quadratic))
    2*tr(dX'*dX)
    """
    pair = [wrt] if by is None else [wrt, by]
    made = _hessians(problem, pair, [(0, len(pair) - 1)], declare, verify, rules, convention)
    return made[0]


def hessians(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[Asked] | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    convention: str = "all",
    verify: bool = True,
    rules: Rulebase | None = None,
) -> tuple[Hessian, ...]:
    """The second derivatives by every pair of some variables (None: of all), row by row: H_xx, H_xy, H_yx, H_yy."""
    return _hessians(problem, wrt, None, declare, verify, rules, convention)


def stacked(blocks: Sequence[Hessian]) -> Node:
    """[H_xx, H_xy; H_yx, H_yy], from the blocks row by row: the Hessian by all their variables together."""
    rows: dict[Node, list[Node]] = {}
    for H in blocks:
        rows.setdefault(H.variable, []).append(H.node)
    return reduce(vcat, (reduce(hcat, row) for row in rows.values()))


def _hessians(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[Asked] | None,
    pairs: Sequence[tuple[int, int]] | None,
    declare: str | Iterable[str] | None,
    verify: bool,
    rules: Rulebase | None,
    convention: str,
) -> tuple[Hessian, ...]:
    """The second derivatives by the pairs of those numbers; by every pair for None."""
    known = rules or rulebase()
    read = read_problem(problem, declare, known, wrt).entry
    leaves = leaves_asked(read, wrt)
    if not is_scalar(read.expression):
        hint = "take the Jacobian of its Jacobian, or make a scalar of it first: its norm, its sum"
        raise not_scalar(read, f"a Hessian is that of a scalar; {text(read.expression)} is none", known, hint)
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    engine = Engine(read, known)
    free = Free(engine, leaves)
    entries = {X: independent(engine, X, convention) for X in leaves}
    count = range(len(leaves))
    made = []
    for i, j in pairs if pairs is not None else [(i, j) for i in count for j in count]:
        X, Y = leaves[i], leaves[j]
        H = _rows(free.hessian(X, Y), X, Y)
        above, below = entries[X], entries[Y]
        if above is not None or below is not None:
            left, right = () if above is None else (transpose(above.span),), () if below is None else (below.span,)
            H = engine.simplified_for(base_of(Y)).finished(mul(*left, H, *right))
        found = Hessian(read, H, engine, symbols, X, Y, free, independent=(above, below))
        made.append(_checked(found) if verify else found)
    return tuple(made)
