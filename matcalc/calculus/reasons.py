"""Why a line follows from the one before: the differential of a function, a move under the trace, what a name stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sympy import Expr

from matcalc.calculus.adjoint import isolate
from matcalc.nodes.algebra import add, mul, power, split_coefficient, trace, transpose, vec
from matcalc.nodes.differentials import differential_node, in_order
from matcalc.nodes.expr import (
    ONE,
    SCALAR,
    Node,
    head,
    is_scalar,
    name_of,
    operands,
    scalar_node,
    shape,
    size_symbol,
    variable,
)
from matcalc.nodes.indices import compared, index, index_sum
from matcalc.nodes.unknown import is_unknown, unknown, upstream
from matcalc.rulebase.base import Record, Rulebase
from matcalc.rulebase.differential import contribution, differential, inner

CHAPTER = "MN19 ch. 8"
"""Of the rules that every differential obeys."""

NAMED = "definition"
"""The reason that a name stands for what the person has defined it to be."""

RECOGNISED = "identity"
"""The reason that what was typed is a known function: log(det(X)) = logdet(X)."""

PART = "one-part-moves"
"""The reason that d(X[:,j]) = delta(j,k)*d(X[:,k]) where nothing but X[:,k] moves."""

QUOTIENT = "quotient"
POWER = "power"


@dataclass(frozen=True)
class Reason:
    """A named rule: the equation left = right that it states, if it states one, and where that is found."""

    name: str
    left: Node | None = None
    right: Node | None = None
    citation: str = ""


GRADIENT = Reason("gradient", citation="MN19 ch. 9")
"""df = tr(G'*dX) tells G."""
JACOBIAN = Reason("jacobian", citation="MN19 ch. 9")
"""dvec(F) = J*dvec(X) tells J."""
HESSIAN = Reason("hessian", citation="MN19 ch. 10")
"""d²f = dvec(X)'*H*dvec(X) tells H."""
SECOND = Reason("second-differential", citation="MN19 ch. 6")
"""d²f = tr(dX'*dG) for the gradient G."""
SPAN = "independent-entries"
"""The reason that dvec(F) = J*dvec(X) = J*D*dx for the independent entries x of X."""


def spanned(X: Node, D: Node, x: Node) -> Reason:
    """vec(X) = D*x for the independent entries x of X."""
    return Reason(SPAN, vec(X), mul(D, x), "MN19 ch. 3")


LAYOUT = Reason("denominator-layout")
"""The Jacobian transposed."""
SIMPLIFIED = Reason("simplified")
COLLECTED = Reason("collect")
"""tr(A*dX) + tr(B*dX) = tr((A + B)*dX)."""
FACTORED = Reason("factor-out", citation=CHAPTER)
"""Σ_i A_i*dX = (Σ_i A_i)*dX: what does not depend on the index stands beside the sum."""
LINEAR = Reason("linearity", citation=CHAPTER)
"""d tr(X) = tr(dX), d sum(X) = sum(dX): the differential passes through what is linear."""
PART_OF = Reason("part-of-gradient")
"""∂f/∂X[:,j] is the column j of ∂f/∂X."""
_COUNTED_BY_SOURCE = frozenset({"symmetric"})
"""The structures whose source states the gradient by the independent entries, not the one inside the subspace."""
INDEPENDENT = "independent"
"""The reason that a gradient counts each independent entry of a structured variable once."""


class Reasons:
    """The reasons that one rule base can give, each made once."""

    def __init__(self, rules: Rulebase) -> None:
        self._rules = rules
        self._made: dict[object, Reason] = {}

    def of_differential(self, e: Node, moving: tuple[int, ...]) -> Reason:
        """The rule by which e is differentiated where some operands move: d(inv(X)) = -inv(X)*dX*inv(X)."""
        name = head(e)
        if name == "mul" and 0 in moving and _divides(operands(e)[0]):
            return self._once(QUOTIENT, self._quotient)
        if name == "mul":
            last = len(operands(e)) - 1
            key = "both" if len(moving) > 1 else "left" if moving[0] == 0 else "right" if moving[0] == last else "middle"
            return self._once((name, key), lambda: self._product(key))
        if is_unknown(name):
            scalar = is_scalar(operands(e)[0])
            return self._once(("unknown", scalar), lambda: self._unknown(scalar))
        record = self._rules.rule_of(e)
        if record is None:
            if name == "smul" and any(_divides(operands(e)[i]) for i in moving):
                return self._once(QUOTIENT, self._quotient)
            return self._once(name, lambda: self._scalar_rule(e))
        if len(record.operands) != len(operands(e)):
            moving = (0, 1)[: len(moving)]
        return self._once((record.name, is_scalar(e), moving), lambda: self._rule(record, is_scalar(e), moving))

    def of_form(self, name: str) -> Reason:
        """The differential of a form of `rules/forms.toml`: d(norm(X)^2) = 2*tr(X'*dX)."""
        return self._once(("form", name), lambda: self._form(name))

    def of_adjoint(self, e: Node, i: int) -> Reason:
        """The move of a linear operation under the trace: tr(G'*diag(x)) = diag(G)'*x."""
        name = head(e)
        return self._once((name, "adjoint", i), lambda: self._adjoint(self._rules.record(name), i))

    def of_move(self, name: str) -> Reason:
        """A move of `rules/moves.toml`."""
        return self._once(("move", name), lambda: self._move(name))

    def of_structure(self, name: str, key: str = "project") -> Reason:
        """The projection on a subspace, 1/2*(G + G') for symmetric X, or the gradient by the independent entries."""
        if key != "project":
            return self._once((INDEPENDENT, name), lambda: self._independent(name))
        return Reason(name, citation="" if name in _COUNTED_BY_SOURCE else self._rules.structures[name].source)

    def sifting(self) -> Reason:
        """What a delta does in a sum: Σ_i delta(i,k)*a_i = a_k."""
        return self._once("sifting", self._sifting)

    def _once(self, key: object, make: Callable[[], Reason]) -> Reason:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _product(self, key: str) -> Reason:
        n = size_symbol("n")
        A, B, C, dA, dB = (variable(name, (n, n)) for name in ("A", "B", "C", "dA", "dB"))
        left, right = {
            "both": (mul(A, B), add(mul(dA, B), mul(A, dB))),
            "left": (mul(A, B), mul(dA, B)),
            "right": (mul(A, B), mul(A, dB)),
            "middle": (mul(A, B, C), mul(A, dB, C)),
        }[key]
        return Reason("product", differential_node(left), right, self._rules.record("mul").source)

    def _rule(self, record: Record, scalar: bool, moving: tuple[int, ...]) -> Reason:
        scalar = scalar and record.entrywise
        leaves = self._rules.leaves(record, scalar)
        args = tuple(leaves.get(a.name, size_symbol(a.name)) for a in record.operands)
        e = self._rules.make(record.name, args, SCALAR if scalar else self._rules.result(record))
        parts = [contribution(e, i, leaves[f"d{record.operands[i].name}"], self._rules) for i in moving]
        return Reason(record.name, differential_node(e), add(*parts), record.source)

    def _scalar_rule(self, e: Node) -> Reason:
        u, v, p, du, dv = (cast(Expr, variable(name, SCALAR)) for name in ("u", "v", "p", "du", "dv"))
        match head(e):
            case "smul":
                return Reason("product", differential_node(mul(u, v)), in_order((mul(v, du), mul(u, dv))), CHAPTER)
            case "spow":
                return Reason(POWER, differential_node(power(u, p)), mul(p, power(u, p - 1), du), CHAPTER)
            case name:
                return Reason(name, None, None, CHAPTER)

    def _independent(self, name: str) -> Reason:
        n = size_symbol("n")
        counted = self._rules.structured(name, "independent", {"G": variable("G", (n, n))})
        return Reason(INDEPENDENT, None, counted, self._rules.structures[name].source)

    def _sifting(self) -> Reason:
        n = size_symbol("n")
        i, k, a = index("i", ONE, n), variable("k", SCALAR, ("integer",)), variable("a", (n, ONE))
        body = mul(compared("eq", i, k), scalar_node("entry", (a, i)))
        return Reason("sifting", index_sum(body, i, ONE, n), scalar_node("entry", (a, k)), "definition")

    def _unknown(self, scalar: bool) -> Reason:
        y = variable("y", SCALAR if scalar else (size_symbol("n"), ONE))
        dy = variable("dy", shape(y))
        return Reason("unknown-function", differential_node(unknown("ell", y)), inner(upstream("ell", y), dy), "definition")

    def _quotient(self) -> Reason:
        u, v, du, dv = (variable(name, SCALAR) for name in ("u", "v", "du", "dv"))
        right = in_order((mul(du, power(v, -ONE)), mul(-ONE, u, dv, power(v, -2 * ONE))))
        return Reason(QUOTIENT, differential_node(mul(u, power(v, -ONE))), right, CHAPTER)

    def _form(self, name: str) -> Reason:
        leaves, left, right = self._rules.identity(self._rules.signatures.identities[name])
        source = self._rules.signatures.identities[name].source
        parts = []
        for X in leaves.values():
            dX = variable(f"d{name_of(X)}", shape(X))
            Y = isolate(ONE, differential(right, {X: dX}, self._rules), dX, self._rules)
            c, core = split_coefficient(Y)
            parts.append(mul(c, _inner(core or ONE, dX)))
        return Reason(name, differential_node(left), in_order(tuple(parts)), source)

    def _adjoint(self, record: Record, i: int) -> Reason:
        leaves = self._rules.leaves(record)
        args = tuple(leaves.get(a.name, size_symbol(a.name)) for a in record.operands)
        G, D = leaves["G"], args[i]
        e = self._rules.make(record.name, args, self._rules.result(record))
        Y = self._rules.adjoint(record.name, i, args, G)
        return Reason(f"{record.name}-adjoint", _inner(G, e), _inner(Y, D), record.source)

    def _move(self, name: str) -> Reason:
        identity = self._rules.signatures.identities[name]
        _, left, right = self._rules.identity(identity)
        return Reason(name, left, right, identity.source)


def _inner(G: Node, D: Node) -> Node:
    return mul(G, D) if is_scalar(D) else trace(mul(transpose(G), D))


def _divides(e: Node) -> bool:
    """Whether e is a power with a negative exponent, or has such a factor: it is divided by."""
    parts = operands(e) if head(e) == "smul" else (e,)
    return any(head(p) == "spow" and bool(cast(Expr, operands(p)[1]).is_negative) for p in parts)
