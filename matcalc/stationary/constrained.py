"""Stationary points under constraints: the multiplier is solved for, or the equation is an eigenproblem or a polar factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matcalc.calculus.engine import Engine
from matcalc.calculus.reasons import Reason
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, eye, factors, inverse, is_zero, mul, rebuild, split_coefficient, sub, transpose, zeros
from matcalc.nodes.expr import ONE, SCALAR, ZERO, Node, head, is_scalar, matrix_node, shape, substitute, variable
from matcalc.stationary.linear import is_linear, sides
from matcalc.stationary.solver import Found, Move, finished, solutions
from matcalc.stationary.terms import expanded, occurs

_NAMES = {True: ("lambda", "nu", "xi"), False: ("Lambda", "Omega", "Gamma")}
"""What multipliers are called: of scalars and vectors, and of matrices."""
MULTIPLIER = Reason("multiplier-found-from-the-constraint")
INSERTED = Reason("multiplier-inserted")
LAGRANGE = Reason("the-Lagrangian-is-stationary")
POLAR = Reason("polar-factor", citation="GVL13 9.4")


@dataclass(frozen=True)
class Constraint:
    """left = right, as g = left - right = 0, and its multiplier."""

    left: Node
    right: Node
    multiplier: Node

    @property
    def g(self) -> Node:
        """What is to be 0."""
        return sub(self.left, self.right)


@dataclass(frozen=True)
class Eigenproblem:
    """A*X = B*X*M for a symmetric M, whose solutions under X'*B*X = R are spanned by eigenvectors.

    `turned`: f is less for larger eigenvalues.
    """

    A: Node
    B: Node
    R: Node
    equation: Move
    turned: bool = False


@dataclass(frozen=True)
class Lagrangian:
    """The gradient of f + Σ tr(M_i'*g_i) by the unknown, that of f alone, and the constraints."""

    gradient: Node
    own: Node
    unknown: Node
    constraints: tuple[Constraint, ...]


def multipliers(engine: Engine, pairs: Sequence[tuple[Node, Node]]) -> tuple[Constraint, ...]:
    """The constraints with a multiplier each, of the shape of its sides; symmetric where these are."""
    taken = {*engine.problem.names, *engine.problem.sizes}
    made = []
    for left, right in pairs:
        small = is_scalar(left) or ONE in shape(left)
        name = next(n for n in (*_NAMES[small], *(f"lambda_{i}" for i in range(1, len(taken) + 2))) if n not in taken)
        taken.add(name)
        symmetric = not small and engine.plain.structures.transposed(left) is left
        dims = SCALAR if is_scalar(left) else shape(left)
        made.append(Constraint(left, right, variable(name, dims, ("symmetric",) if symmetric else ())))
    return tuple(made)


def solve_constrained(L: Lagrangian, simplify: Simplifier) -> list[Found]:
    """The X at which the Lagrangian is stationary and every constraint holds."""
    polar = _polar(L, simplify)
    if polar:
        return polar
    made: list[Found] = []
    for found in solutions(L.gradient, L.unknown, simplify):
        made += _settled(found, L, list(L.constraints), simplify)
    return made


def _settled(found: Found, L: Lagrangian, left: list[Constraint], simplify: Simplifier) -> list[Found]:
    """The solutions once all multipliers that are left are found from their constraints."""
    if not left:
        held = [simplify(substitute(c.g, {L.unknown: found.node}, rebuild)) for c in L.constraints]
        free = any(occurs(e, c.multiplier) for e in (found.node, *held) for c in L.constraints)
        return [] if free else [found]
    constraint, *others = left
    g = simplify(substitute(constraint.g, {L.unknown: found.node}, rebuild))
    made: list[Found] = []
    for m in solutions(g, constraint.multiplier, simplify):
        put = {constraint.multiplier: m.node}
        node = finished(substitute(found.node, put, rebuild), simplify)
        stated = Move(constraint.multiplier, m.node, MULTIPLIER)
        kept = tuple(e for e in (*found.inverted, *m.inverted) if not any(occurs(e, c.multiplier) for c in L.constraints))
        told = (*found.moves, *m.moves[:-1], stated, Move(L.unknown, node, INSERTED))
        made += _settled(
            replace(found, node=node, moves=told, complete=found.complete and m.complete, inverted=kept), L, others, simplify
        )
    return made


# ---------------------------------------------------------------- X'*B*X = const


def _quadratic(L: Lagrangian, simplify: Simplifier) -> tuple[Constraint, Node] | None:
    """The one constraint and the c*B of which the multiplier makes c*B*X*M, as X'*B*X = R does."""
    if len(L.constraints) != 1:
        return None
    (constraint,) = L.constraints
    M = constraint.multiplier
    found = [t for t in expanded(L.gradient, M, simplify) if occurs(t, M)]
    if len(found) != 1 or not occurs(found[0], L.unknown):
        return None
    at_one = sides(found[0], M)
    if is_scalar(M):
        core = substitute(found[0], {M: ONE}, rebuild)
    elif at_one is None or at_one.turned or not is_scalar(at_one.right):
        return None
    else:
        core = mul(at_one.left, at_one.right)
    part = sides(core, L.unknown)
    if part is None or part.turned or not is_scalar(part.right) or occurs(part.left, L.unknown):
        return None
    return constraint, simplify(mul(part.left, part.right))


def _bare(B: Node) -> tuple[Node, int]:
    """B without a coefficient of known sign, and that sign."""
    c, core = split_coefficient(B)
    if not c.is_positive and not c.is_negative:
        return B, 1
    return ONE if core is None else core, 1 if c.is_positive else -1


def eigenproblem(L: Lagrangian, simplify: Simplifier) -> Eigenproblem | None:
    """A*X = B*X*M, where the gradient of f is A*X and the constraint X'*B*X = const."""
    found = _quadratic(L, simplify)
    if found is None:
        return None
    constraint, (B, sign) = found[0], _bare(found[1])
    A: list[Node] = []
    within = Simplifier(simplify.rules, {}, [(constraint.left, constraint.right)], plain=simplify)
    for t in expanded(L.own, L.unknown, simplify):
        t = within(t) if is_scalar(B) and not is_scalar(constraint.left) else t
        if is_scalar(B) and _is_absorbed(t, L.unknown, simplify):
            continue
        part = sides(t, L.unknown) if occurs(t, L.unknown) and is_linear(t, L.unknown, simplify) else None
        if part is None or part.turned or not is_scalar(part.right):
            return None
        factor = mul(part.left, part.right)
        A.append(mul(factor, eye(shape(L.unknown)[0])) if is_scalar(factor) else factor)
    total, direction = _bare(simplify(add(*A))) if A else (ZERO, 1)
    if (
        is_scalar(total)
        or is_zero(total)
        or (head(total) == "eye" and is_scalar(B))
        or simplify.structures.transposed(total) is not total
    ):
        return None
    X, M = L.unknown, constraint.multiplier
    right = mul(M, B, X) if is_scalar(M) else mul(B, X, M)
    R = simplify(mul(-sign * ONE, substitute(constraint.g, {X: zeros(shape(X))}, rebuild)))
    return Eigenproblem(total, B, R, Move(mul(total, X), right, LAGRANGE), direction < 0)


def _is_absorbed(t: Node, X: Node, simplify: Simplifier) -> bool:
    """Whether a term is X*S with a symmetric S, which the multiplier takes up in X*M."""
    core = split_coefficient(t)[1]
    if core is None or factors(core)[0] is not X or shape(t) != shape(X):
        return False
    S = mul(*factors(core)[1:])
    return is_scalar(S) or simplify.structures.transposed(S) is S


def _polar(L: Lagrangian, simplify: Simplifier) -> list[Found]:
    """X = ∓C*inv(sqrtm(C'*C)), where the gradient of f is C, or C + S*X with a square X, and the constraint X'*X = I."""
    found = _quadratic(L, simplify)
    if found is None or not is_scalar(found[1]) or not found[1].is_number or is_scalar(found[0].multiplier):
        return []
    constraint, X = found[0], L.unknown
    if eye(shape(X)[1]) not in (constraint.left, constraint.right):
        return []
    constant: list[Node] = []
    for t in expanded(L.own, X, simplify):
        if not occurs(t, X):
            constant.append(t)
            continue
        if _is_absorbed(t, X, simplify):
            continue
        part = sides(t, X) if is_linear(t, X, simplify) else None
        absorbed = part is not None and not part.turned and is_scalar(part.right) and shape(X)[0] == shape(X)[1]
        if part is None or not absorbed or simplify.structures.transposed(part.left) is not part.left:
            return []
    C, direction = _bare(simplify(add(*constant))) if constant else (ZERO, 1)
    if is_zero(C) or is_scalar(C):
        return []
    sign = direction * ONE
    root = matrix_node("sqrtm", (simplify(mul(transpose(C), C)),), shape(constraint.multiplier))
    stated = Move(mul(X, constraint.multiplier), C, LAGRANGE)
    squared = Move(mul(constraint.multiplier, constraint.multiplier), mul(transpose(C), C), MULTIPLIER)
    nodes = [simplify.finished(mul(s, C, inverse(root))) for s in (mul(-ONE, sign), sign)]
    return [Found(node, (stated, squared, Move(X, node, POLAR)), complete=False) for node in nodes]
