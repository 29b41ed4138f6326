"""The engine: a problem is simplified, swept backwards, projected on declared structure, simplified again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from matcalc.calculus.adjoint import children, depends_on, sweep
from matcalc.calculus.conditions import stated
from matcalc.calculus.facts import declared_facts, rigid
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.structure import closure
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node, postorder
from matcalc.rulebase.base import Rulebase


class Engine:
    """Derives for one problem; what its derivatives share is done once."""

    def __init__(self, problem: Problem, rules: Rulebase) -> None:
        self.problem = problem
        self.rules = rules
        self.plain = Simplifier(rules, unused=rigid(rules))
        stated = (*problem.facts, *declared_facts(problem.variables.values(), rules))
        self.facts = [(left, right) for left, right in stated if self.plain(left) is not self.plain(right)]
        self.definitions = {Z: self.plain(value) for Z, value in problem.definitions.items()}
        self.f = self.plain(problem.expression)

    @cached_property
    def simplifier(self) -> Simplifier:
        """Simplifies in the names that the person gave, by what was stated of the variables."""
        if not self.definitions and not self.facts:
            return self.plain
        return Simplifier(self.rules, self.definitions, self.facts, plain=self.plain)

    def gradients(self, leaves: Sequence[Node], convention: str = "structured") -> dict[Node, Node]:
        """{X: G} with df = Σ tr(G'*dX), simplified, inside the structure declared of each X."""
        cotangents = sweep(self.f, leaves, self.definitions, self.rules)
        return {X: self._simplified_for(X).finished(self._projected(X, cotangents[X], convention)) for X in leaves}

    def path(self, leaves: Sequence[Node]) -> list[Node]:
        """The operations between the result and these leaves, those that had to be differentiated."""
        active = depends_on([self.problem.expression], set(leaves), self.problem.definitions)
        order = postorder([self.problem.expression], lambda e: children(e, self.problem.definitions))
        return [e for e in order if id(e) in active]

    def _simplified_for(self, X: Node) -> Simplifier:
        """Without the name X where X is an intermediate: as an independent variable it has no definition."""
        if X not in self.definitions:
            return self.simplifier
        return Simplifier(self.rules, {Z: v for Z, v in self.definitions.items() if Z is not X}, self.facts, plain=self.plain)

    def _demanded(self, X: Node) -> list[str]:
        """The subspace in which an operation that is applied to X itself needs it: lambda_max(A) of a symmetric A."""
        words = {word for e in self.path([X]) for word, operand in stated(e, self.rules) if operand is X}
        table = self.rules.structures
        return [p for p in sorted(closure(words, table)) if "project" in table[p].formulas]

    def _projected(self, X: Node, G: Node, convention: str) -> Node:
        for name in self.plain.structures.subspaces(X) or self._demanded(X):
            G = self.rules.structured(name, "project", {"G": self.simplifier(G)})
            if convention == "independent":
                G = self.rules.structured(name, "independent", {"G": self.simplifier(G)})
        return G
