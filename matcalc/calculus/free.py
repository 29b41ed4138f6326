"""Derivatives by all entries of a variable: what is declared of it narrows neither how it moves nor what it is derived by.

The problem is derived with a free variable in the place of X; X is put back, and what is declared of it simplifies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from matcalc.calculus.adjoint import depends_on
from matcalc.calculus.engine import Engine
from matcalc.calculus.parts import base_of
from matcalc.calculus.structure import closure
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import rebuild, terms, transpose, vec
from matcalc.nodes.expr import Node, is_scalar, name_of, properties, shape, substitute, variable
from matcalc.rulebase.base import Rulebase


class Free:
    """Derives a problem by all entries of some variables, intermediates or parts of them."""

    def __init__(self, engine: Engine, leaves: Iterable[Node]) -> None:
        """`engine` is that of the problem, with what is declared of its variables."""
        self.engine = engine
        bases = dict.fromkeys(map(base_of, leaves))
        free = [X for X in bases if X not in engine.problem.definitions]
        self._freed = {X: freed(X, engine.confined(X), engine.rules) for X in free}
        self._freed = {X: made for X, made in self._freed.items() if made is not X}
        self._back = {made: X for X, made in self._freed.items()}
        self._engines: dict[Node, Engine] = {}
        self._bases = [self.of(X) for X in bases]

    @cached_property
    def problem(self) -> Problem:
        """The problem in free variables, without what is known of them alone: dF is wanted off it too."""
        given = self.engine.problem
        definitions = {Z: self.of(value) for Z, value in given.definitions.items()}
        facts = [(self.of(left), self.of(right)) for left, right in given.facts]
        moving = depends_on([e for pair in facts for e in pair], set(self._bases), definitions)
        kept = tuple(pair for pair in facts if not moving.intersection(map(id, pair)))
        if not self._freed and len(kept) == len(facts):
            return given
        return replace(
            given,
            expression=self.of(given.expression),
            definitions=definitions,
            variables={name: self._freed.get(X, X) for name, X in given.variables.items()},
            entries={Z: (places, self.of(value)) for Z, (places, value) in given.entries.items()},
            facts=kept,
        )

    @cached_property
    def first(self) -> Engine:
        """The engine of the problem in free variables."""
        return self.engine if self.problem is self.engine.problem else Engine(self.problem, self.engine.rules)

    def second(self, wrt: Node) -> Engine:
        """The engine of the gradient by a leaf, as a problem of its own."""
        X = self.of(wrt)
        if X not in self._engines:
            G = self.first.gradients([X])[X]
            self._engines[X] = Engine(replace(self.problem, expression=G), self.engine.rules)
        return self._engines[X]

    def of(self, e: Node) -> Node:
        """An expression in free variables."""
        return substitute(e, self._freed, rebuild) if self._freed else e

    def restored(self, e: Node) -> Node:
        """An expression in free variables in those of the problem, as it is."""
        return substitute(e, self._back, rebuild) if self._back else e

    def back(self, e: Node, wrt: Node) -> Node:
        """An expression in free variables in those of the problem, simplified by what is known of them."""
        made = self.restored(e)
        same = made is e and self.first is self.engine
        return made if same else self.engine.simplified_for(base_of(wrt)).finished(made)

    def jacobian(self, wrt: Node) -> Node:
        """J with dvec(F) = J*dvec(X); of a scalar F the gradient as a row, where that is no longer."""
        J = self.back(self.first.jacobian(self.of(wrt)), wrt)
        if not is_scalar(self.problem.expression) or is_scalar(wrt):
            return J
        simplifier = self.engine.simplified_for(base_of(wrt))
        row = simplifier.finished(transpose(vec(self.gradient(wrt))))
        return min(row, J, key=simplifier.cost)

    def action(self, wrt: Node) -> tuple[Node, ...]:
        """The terms of dF in dX."""
        return self._shown(self.first.differential([self.of(wrt)]), wrt)

    def gradient(self, wrt: Node) -> Node:
        """The gradient by all entries."""
        return self.back(self.second(wrt).problem.expression, wrt)

    def hessian(self, wrt: Node, by: Node) -> Node:
        """H with dvec(G) = H*dvec(Y) for the gradient G by X."""
        return self.back(self.second(wrt).jacobian(self.of(by)), by)

    def change(self, wrt: Node, by: Node) -> tuple[Node, ...]:
        """The terms of dG in dY for the gradient G by X."""
        return self._shown(self.second(wrt).differential([self.of(by)]), by)

    def product(self, wrt: Node, by: Node, V: Node) -> Node:
        """dG where Y moves along V: the product of the Hessian with V, of which no Hessian is formed."""
        return self.back(self.second(wrt).moved(self.of(by), V), by)

    def within(self, wrt: Node) -> dict[str, frozenset[str]]:
        """By name, the structures inside which a variable moves: those that operations on it need."""
        X = base_of(wrt)
        return {name_of(X): frozenset(self.engine.confined(X))}

    def _shown(self, found: tuple[Node, ...], wrt: Node) -> tuple[Node, ...]:
        return found if self.first is self.engine else tuple(t for e in found for t in terms(self.back(e, wrt)))


def freed(X: Node, demanded: Iterable[str], rules: Rulebase) -> Node:
    """X with no property that narrows the space in which it moves (posdef is no more than invertible), but those demanded."""
    table = rules.structures
    known = closure(properties(X), table)

    def narrows(name: str) -> bool:
        return name in table and any("project" in table[p].formulas or table[p].facts for p in closure([name], table))

    kept = {*(name for name in properties(X) | known if not narrows(name)), *demanded}
    return variable(name_of(X), shape(X), kept) if demanded or any(map(narrows, properties(X))) else X
