"""Inverses that are only multiplied by are solved for, by a factorisation that all who need one share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sympy import Expr

from matcalc.codegen.values import Value, Values, postorder

_ON_FACTOR = frozenset({"solve", "cho_solve", "lu_solve", "logdet", "cho_logdet", "lu_logdet", "det"})


@dataclass(frozen=True)
class Plan:
    """Which matrices are inverted as a whole, and which have several operations that share a factorisation."""

    inverted: frozenset[Value] = field(default_factory=frozenset)
    shared: frozenset[Value] = field(default_factory=frozenset)
    exponentials: frozenset[tuple[object, ...]] = field(default_factory=frozenset)
    """Of which arrays, along which axes, softmax and its logarithm are both needed."""


def planned(roots: Iterable[Value]) -> Plan:
    """What a first run has shown: an inverse that is left is needed as such."""
    inverted: set[Value] = set()
    count: Counter[Value] = Counter()
    soft: dict[tuple[object, ...], set[str]] = {}
    for value in postorder(roots):
        if value.op == "inv":
            inverted.add(value.args[0])
        elif value.op in _ON_FACTOR:
            A = value.args[0]
            count[A.args[0] if A.op in ("cho_factor", "lu_factor") else A] += 1
        elif value.op in ("softmax", "log_softmax", "logsumexp"):
            soft.setdefault((value.args[0], value.attrs[0]), set()).add(value.op)
    shared = frozenset(A for A, times in count.items() if times > 1 and A not in inverted)
    return Plan(frozenset(inverted), shared, frozenset(key for key, ops in soft.items() if "softmax" in ops and len(ops) > 1))


class Factorisations:
    """Inverses, determinants and solutions by a plan."""

    def __init__(self, values: Values, plan: Plan, spells: Callable[..., bool]) -> None:
        """`spells` tells which factorisations the language has; what it has not, is done with the matrix itself."""
        self.values = values
        self.plan = plan
        self._has_cholesky, self._has_lu = spells("cho_factor", "ops"), spells("lu_factor", "ops")

    def applies(self, value: Value, x: Value) -> bool:
        """Whether a value is an inverse that should not be formed to multiply x.

        Without a factorisation, that of a definite matrix is: many right sides may be in many places.
        """
        if value.op != "inv" or len(value.dims) != 2 or value.args[0] in self.plan.inverted:
            return False
        return self._has_cholesky or len(x.dims) == 1 or value.args[0] not in self.values.definite

    def finished(self, value: Value) -> Value:
        """An inverse or a log-determinant by the factorisation that is there."""
        A = value.args[0]
        if len(A.dims) != 2 or value.op not in ("inv", "logdet"):
            return value
        definite = A in self.values.definite
        if value.op == "logdet":
            if definite:
                half = self.values.make("cho_logdet", [self._cholesky(A)], ())
                return self.values.times([(self.values.number(2), ()), (half, ())], ())
            return self.values.make("lu_logdet", [self._lu(A)], ()) if self._has_lu and A in self.plan.shared else value
        if definite and A in self.plan.inverted:
            made = self.values.make("cho_inverse", [self._cholesky(A)], value.dims)
            self.values.symmetric.add(made)
            return made
        return value

    def solve(self, A: Value, b: Value, turned: bool, dims: tuple[Expr, ...]) -> Value:
        """inv(A)*b, or inv(A')*b."""
        if A in self.values.definite:
            return self.values.make("cho_solve", [self._cholesky(A), b], dims)
        turned = turned and A not in self.values.symmetric
        if self._has_lu and A in self.plan.shared:
            return self.values.make("lu_solve", [self._lu(A), b], dims, turned)
        return self.values.make("solve", [self.values.permuted(A, (1, 0)) if turned else A, b], dims)

    def _cholesky(self, A: Value) -> Value:
        return self.values.make("cho_factor", [A], A.dims) if self._has_cholesky else A

    def _lu(self, A: Value) -> Value:
        return self.values.make("lu_factor", [A], A.dims)
