"""What the structures of variables mean for arrays: samples, projections and pairings by their formulas in the rule files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from matcalc.nodes.expr import variable
from matcalc.numeric.evaluate import Program
from matcalc.numeric.linalg import Array, singular_values
from matcalc.rulebase.base import Rulebase

ROUNDS = 60
"""How often several projections alternate until they settle in the intersection."""
TALL = "full_column_rank"
RANKED = frozenset({"invertible", "fullrank", TALL})
WORST_CONDITION = 1e4
"""Of full rank, to numbers, is a matrix with a condition number below this."""


class Spaces:
    """The formulas of the structures as programs, compiled at their first use."""

    def __init__(self, rules: Rulebase) -> None:
        """Take the structures of a rule base."""
        self._rules = rules
        self._programs: dict[tuple[str, str], tuple[Program, tuple[str, ...]]] = {}
        self._wanted: dict[str, tuple[tuple[int, str], ...]] = {}

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """The structures named and all that they imply; names that are no structures are left out."""
        found: set[str] = set()
        waiting = [n for n in names if n in self._rules.structures]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._rules.structures[name].implies)
        return frozenset(found)

    def has(self, name: str, key: str) -> bool:
        """Whether the structure of that name has a formula under that key."""
        return name in self._rules.structures and key in self._rules.structures[name].formulas

    def is_subspace(self, name: str) -> bool:
        """Whether a variable of that structure varies in a linear subspace only."""
        return any(self.has(n, "project") for n in self.closure([name]))

    def wanted(self, operation: str) -> tuple[tuple[int, str], ...]:
        """(i, structure) for what the rule of an operation asks of operand i as a whole: chol that it is posdef."""
        found = self._wanted.get(operation)
        if found is None:
            record = self._rules.records.get(operation)
            names = [a.name for a in record.operands] if record else []
            conditions = [condition.rstrip(")").partition("(") for condition in (record.where if record else ())]
            found = self._wanted[operation] = tuple((names.index(x), name) for name, _, x in conditions if x in names)
        return found

    def keeps(self, structure: str, X: Array) -> bool:
        """Whether X lies in the subspace of a structure, and has full rank where the structure needs it."""
        if self.is_subspace(structure) and not np.allclose(self.project([structure], X), X, rtol=1e-9, atol=1e-12):
            return False
        if not self.needs_rank(structure):
            return True
        return has_full_rank(X) and (structure != TALL or X.shape[0] >= X.shape[1])

    def needs_rank(self, structure: str) -> bool:
        """Whether a matrix of that structure has full rank."""
        return not RANKED.isdisjoint((*self.closure([structure]), structure))

    def sample(self, names: Iterable[str], W: Array) -> Array:
        """An array of those structures made from W; subspaces come last."""
        chosen = [n for n in self._rules.structures if n in set(names) and self.has(n, "sample")]
        for name in sorted(chosen, key=self.is_subspace):
            W = self._apply(name, "sample", "W", W)
        return W

    def project(self, names: Iterable[str], G: Array) -> Array:
        """The part of G inside the subspace of those structures."""
        chosen = sorted(n for n in self.closure(names) if self.has(n, "project"))
        for _ in range(ROUNDS if len(chosen) > 1 else 1):
            before = G
            for name in chosen:
                G = self._apply(name, "project", "G", G)
            if np.array_equal(before, G):
                break
        return G

    def pairing(self, names: Iterable[str], Y: Array) -> Array:
        """P with df = <P, dX> for Y, the gradient by the independent entries."""
        return self._by_strongest(names, "pairing", "Y", Y)

    def independent(self, names: Iterable[str], G: Array) -> Array:
        """The gradient by the independent entries, for the G inside the subspace; it moves what belongs to an entry."""
        return self._by_strongest(names, "independent", "G", G)

    def _by_strongest(self, names: Iterable[str], key: str, argument: str, value: Array) -> Array:
        closed = self.closure(names)
        chosen = [n for n in self._rules.structures if n in closed and self.has(n, key)]
        strongest = [n for n in chosen if not any(n in self._rules.structures[o].implies for o in chosen)]
        for name in strongest[:1]:
            value = self._apply(name, key, argument, value)
        return value

    def _apply(self, name: str, key: str, argument: str, value: Array) -> Array:
        """The structure's formula for an array; a vector is read as one row, a scalar as a 1×1 matrix."""
        program, dims = self._formula(name, key, argument)
        X = np.reshape(value, (1, 1)) if value.ndim == 0 else value
        if column := X.shape[1] == 1:
            X = X.T
        made = program.run({argument: X} | {d: np.float64(size) for d, size in zip(dims, X.shape, strict=True)})[0]
        if value.ndim == 0:
            return made[0, 0]
        return made.T if column else made

    def _formula(self, name: str, key: str, argument: str) -> tuple[Program, tuple[str, ...]]:
        """The formula of a structure as a program, and the names of the dimensions of its argument."""
        found = self._programs.get((name, key))
        if found is None:
            structure = self._rules.structures[name]
            names = structure.arguments[0].dims
            leaf = variable(argument, self._rules.dims(names))
            formula = self._rules.parse(structure, key, structure.formulas[key], {argument: leaf}, names)
            found = self._programs[name, key] = (Program([formula], rules=self._rules), names)
        return found


def has_full_rank(X: Array) -> bool:
    """Whether X has full rank and is well conditioned."""
    s = singular_values(X)
    return bool(s[-1] * WORST_CONDITION > s[0])


@lru_cache(maxsize=8)
def spaces(rules: Rulebase) -> Spaces:
    """The structures of a rule base, their programs shared by all who ask."""
    return Spaces(rules)
