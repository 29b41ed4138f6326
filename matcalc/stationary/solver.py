"""The closed-form solution of G(X) = 0: linear in X, in a function of X that has an inverse, or a polynomial in a scalar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import sympy
from sympy import Expr
from sympy.polys.polyerrors import BasePolynomialError

from matcalc.calculus.reasons import Reason
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.simplify.units import in_matrices
from matcalc.calculus.structure import closure
from matcalc.nodes.algebra import (
    add,
    broadcast,
    factors,
    hadamard_power,
    inverse,
    is_zero,
    mul,
    power,
    rebuild,
    sub,
    terms,
    transpose,
    unbroadcast,
)
from matcalc.nodes.expr import (
    ONE,
    ZERO,
    Node,
    head,
    intern_scalar,
    is_scalar,
    matrix_node,
    operands,
    postorder,
    properties,
    scalar_node,
    shape,
    substitute,
    variable,
)
from matcalc.nodes.indices import SUM
from matcalc.stationary.linear import STACKED, SYLVESTER, is_linear, solve_linear
from matcalc.stationary.terms import expanded, occurs, scaled, shared_scale, stripped

_DEEPEST = 4
"""How many functions that have an inverse may stand within one another."""
_MOST_GATES = 8
"""How many functions are tried in turn."""
_HIGHEST = 2
"""The degree up to which a factor of a polynomial is solved."""
_GATE = "~Z"


@dataclass(frozen=True)
class Move:
    """An equation left = right on the way, and why it follows from the one before."""

    left: Node
    right: Node
    reason: Reason


@dataclass(frozen=True)
class Found:
    """A solution and the moves that lead to it.

    `complete`: there are no others but those found with it, where what they invert, and `inverted` too, is invertible.
    """

    node: Node
    moves: tuple[Move, ...] = ()
    complete: bool = True
    inverted: tuple[Node, ...] = ()


CANCELLED = Reason("invertible-factors-cancel")
COLLECTED = Reason("linear-terms-collected")
SOLVED = {
    "isolate": Reason("multiply-by-the-inverse"),
    SYLVESTER: Reason("sylvester-equation", citation="GVL13 7.6"),
    STACKED: Reason("solve-by-vec", citation="MN19 ch. 2"),
    "entrywise": Reason("divide-entry-by-entry"),
}
ROOTS = Reason("roots-of-a-polynomial")


def solutions(e: Node, unknown: Node, simplify: Simplifier, depth: int = 0) -> list[Found]:
    """The X with e = 0, in closed form; none where no way to it is known."""
    if not occurs(e, unknown) or depth > _DEEPEST:
        return []
    summands = expanded(_aligned(e, simplify), unknown, simplify)
    bare, left, right = stripped(summands, simplify)
    scale, nonzero = shared_scale(bare, unknown)
    found = _solutions(scaled(bare, scale), bool(left or right), unknown, simplify, depth)
    return [replace(f, inverted=(*nonzero, *f.inverted)) for f in found]


def _solutions(bare: list[Node], cancelled: bool, unknown: Node, simplify: Simplifier, depth: int) -> list[Found]:
    """The solutions of a sum of terms, of which something that all shared may have been cancelled."""
    moves: tuple[Move, ...] = ()
    if cancelled:
        moves = (Move(simplify(add(*bare)), ZERO, CANCELLED),)
        bare = expanded(add(*bare), unknown, simplify)
    moving = [simplify(t) if simplify.rules.is_linear(head(t)) else t for t in bare if occurs(t, unknown)]
    still = [t for t in bare if not occurs(t, unknown)]
    if not moving:
        return []
    if all(is_linear(t, unknown, simplify) for t in moving):
        return _linear(moving, still, unknown, simplify, moves)
    scalars = is_scalar(unknown) and all(map(is_scalar, bare))
    found = _polynomial(bare, unknown, simplify, moves) if scalars else []
    return found or _through_gates(add(*bare), unknown, simplify, moves, depth)


def _linear(
    moving: Sequence[Node], still: Sequence[Node], unknown: Node, simplify: Simplifier, moves: tuple[Move, ...]
) -> list[Found]:
    solved = solve_linear(moving, still, unknown, simplify)
    if solved is None:
        return []
    node = finished(solved.node, simplify)
    told = [*moves]
    if solved.left is not unknown:
        told.append(Move(solved.left, solved.right, COLLECTED))
    told.append(Move(unknown, node, SOLVED[solved.how]))
    return [Found(node, tuple(told), inverted=tuple(M for M in solved.inverted if not _is_seen(M, node, simplify)))]


def _is_seen(M: Node, node: Node, simplify: Simplifier) -> bool:
    """Whether the solution shows that M is inverted: not where it has cancelled, inv(A*B)*A*c = inv(B)*c."""
    shown = {x for x in postorder([node]) if head(x) in _INVERTS}
    return all(x in shown for x in postorder([simplify(inverse(M))]) if head(x) in _INVERTS)


def finished(e: Node, simplify: Simplifier) -> Node:
    """e simplified; the sum of the entries of a vector as such."""
    e = simplify.finished(e)
    e = substitute(e, {x: N for x in postorder([e]) if (N := _root_of_square(x)) is not None}, rebuild)
    sums = {x: in_matrices(x, simplify.rules) for x in postorder([e]) if head(x) == SUM and _is_total(x)}
    return simplify.finished(substitute(e, sums, rebuild)) if sums else e


def _root_of_square(x: Node) -> Node | None:
    """norm(b)^p for (b'*b)^(p/2)."""
    if head(x) != "spow" or head(operands(x)[0]) != "scalar" or not (2 * operands(x)[1]).is_odd:
        return None
    parts = factors(operands(operands(x)[0])[0])
    half = len(parts) // 2
    if any(transpose(a) is not b for a, b in zip(parts[:half], reversed(parts), strict=False)) or len(parts) % 2:
        return None
    return power(scalar_node("norm", (mul(*parts[half:]),), nonnegative=True), intern_scalar(2 * cast(Expr, operands(x)[1])))


def _aligned(e: Node, simplify: Simplifier) -> Node:
    """e where one sum is written for two that differ in sign: (m - x)*(x - m)' is -(x - m)*(x - m)'."""
    known = {frozenset(operands(x)): x for x in postorder([e]) if head(x) == "add"}
    put: dict[Node, Node] = {}
    for x in known.values():
        other = known.get(frozenset(mul(-ONE, t) for t in operands(x)))
        if other is not None and other not in put:
            put[x] = mul(-ONE, other)
    return simplify(substitute(e, put, rebuild)) if put else e


def _is_total(x: Node) -> bool:
    body = operands(x)[0]
    return head(body) == "entry" and not operands(operands(body)[0])


# ---------------------------------------------------------------- polynomials in a scalar


def _polynomial(summands: Sequence[Node], u: Node, simplify: Simplifier, moves: tuple[Move, ...]) -> list[Found]:
    """The roots of a rational function of a scalar, whose numerator has factors of low degree."""
    e = intern_scalar(sympy.Add(*summands))
    atoms = {a for a in postorder([e]) if _is_opaque(a, u)}
    if any(occurs(a, u) for a in atoms):
        return []
    hidden = {a: sympy.Dummy(real=True, positive=a.is_positive, nonnegative=a.is_nonnegative) for a in atoms}
    plain = e.xreplace(hidden)
    numerator, _ = sympy.fraction(sympy.together(plain))
    try:
        _, powers = sympy.factor_list(numerator, u)
        polynomials = [sympy.Poly(p, u) for p, _ in powers if p.has(u)]
    except BasePolynomialError:
        return []
    if not polynomials or any(p.degree() > _HIGHEST for p in polynomials):
        return []
    shown = {dummy: a for a, dummy in hidden.items()}
    roots = [r for p in polynomials for r in sympy.roots(p) if not _excluded(r, plain, u)]
    made = [finished(intern_scalar(sympy.simplify(r).xreplace(shown)), simplify) for r in dict.fromkeys(roots)]
    stated = Move(simplify(intern_scalar(sympy.expand(numerator).xreplace(shown))), ZERO, ROOTS)
    return [Found(r, (*moves, stated, Move(u, r, ROOTS))) for r in made]


def _is_opaque(a: Node, u: Node) -> bool:
    return a is not u and is_scalar(a) and not a.is_number and (a.is_Atom or head(a) == "scalar")


def _excluded(root: Expr, e: Expr, u: Node) -> bool:
    """Whether a root is none of the equation, or contradicts the sign that is declared of the unknown."""
    if root.is_real is False or (u.is_positive and root.is_nonpositive) or (u.is_nonnegative and root.is_negative):
        return True
    value = e.subs(u, root)
    return bool(value.has(sympy.zoo, sympy.nan, sympy.oo))


# ---------------------------------------------------------------- functions that have an inverse


def _entry_power(V: Node, W: Node) -> Node | None:
    p = cast(Expr, operands(V)[1])
    base = operands(V)[0]
    if p == -1 or (p.is_number and p.is_nonzero and _is_positive(base)):
        return hadamard_power(W, intern_scalar(1 / p))
    return None


def _scalar_power(V: Node, W: Node) -> Node | None:
    base, p = operands(V)
    if p == -1 or (p.is_number and p.is_nonzero and base.is_positive):
        return power(W, intern_scalar(1 / cast(Expr, p)))
    return None


def _is_positive(X: Node) -> bool:
    return "positive" in properties(X)


def _function(name: str) -> Callable[[Node, Node], Node]:
    def applied(V: Node, W: Node) -> Node:
        bare = ZERO if is_zero(W) else unbroadcast(W)
        if is_scalar(bare):
            return broadcast(intern_scalar(getattr(sympy, name)(bare)), shape(W))
        spread = [t for t in terms(W) if is_scalar(unbroadcast(t))] if name == "exp" else []
        if spread:  # exp(W + s) = exp(s)*exp(W)
            rest = add(*(t for t in terms(W) if t not in spread))
            scale = sympy.exp(sympy.Add(*(unbroadcast(t) for t in spread)))
            return mul(intern_scalar(scale), matrix_node(name, (rest,), shape(W)))
        return matrix_node(name, (W,), shape(W))

    return applied


def _square_root(V: Node, W: Node) -> Node | None:
    base, p = operands(V)
    if p == 2 and "posdef" in properties(base):
        return matrix_node("sqrtm", (W,), shape(W))
    return None


_INVERSES: dict[str, Callable[[Node, Node], Node | None]] = {
    "inv": lambda V, W: inverse(W),
    "log": _function("exp"),
    "exp": _function("log"),
    "hadpow": _entry_power,
    "spow": _scalar_power,
    "matpow": _square_root,
}
"""The X with f(X) = W, for V = f(X)."""
_INVERTS = frozenset({"inv", "spow", "hadpow", "matpow"})
_KEPT = frozenset({"inv", "matpow"})


def _through_gates(e: Node, unknown: Node, simplify: Simplifier, moves: tuple[Move, ...], depth: int) -> list[Found]:
    """The solutions where the unknown occurs within one function of it alone, which has an inverse."""
    gates = [V for V in postorder([e]) if head(V) in _INVERSES and occurs(V, unknown)]
    for V in sorted(dict.fromkeys(gates), key=lambda V: operands(V)[0] is not unknown)[:_MOST_GATES]:
        Z = variable(_GATE * (depth + 1), shape(V), _properties(V, unknown, simplify))
        hidden = substitute(e, {V: Z}, rebuild)
        if occurs(hidden, unknown):
            continue
        made = [
            deeper for f in solutions(hidden, Z, simplify, depth + 1) for deeper in _undone(f, V, Z, unknown, simplify, depth)
        ]
        if made:
            return [replace(f, moves=(*moves, *f.moves)) for f in made]
    return []


def _undone(f: Found, V: Node, Z: Node, unknown: Node, simplify: Simplifier, depth: int) -> list[Found]:
    """The X with V(X) = W, for a solution Z = W."""
    W = _INVERSES[head(V)](V, f.node)
    if W is None or (is_zero(f.node) and head(V) != "log"):
        return []
    W = finished(W, simplify)
    shown = [replace(m, left=substitute(m.left, {Z: V}, rebuild), right=substitute(m.right, {Z: V}, rebuild)) for m in f.moves]
    inner = operands(V)[0]
    reason = Reason(f"inverse-of-{head(V)}" if head(V) != "inv" else "both-sides-inverted")
    told = (*shown, Move(inner, W, reason))
    if inner is unknown:
        return [replace(f, node=W, moves=told, inverted=() if head(V) == "inv" else f.inverted)]
    further = solutions(sub(inner, W), unknown, simplify, depth + 1)
    return [replace(g, moves=(*told, *g.moves), inverted=(*f.inverted, *g.inverted)) for g in further]


def _properties(V: Node, unknown: Node, simplify: Simplifier) -> set[str]:
    """What is known of f(X)."""
    if is_scalar(V):
        return {"positive"} if V.is_positive else set()
    if head(V) not in _KEPT:
        return {"positive"} if head(V) == "exp" or simplify.structures.has(V, "positive") else set()
    found = {"invertible"}
    inner = operands(V)[0]
    for name in ("symmetric", "posdef", "diagonal", "lower", "upper", "skew"):
        if simplify.structures.has(inner, name):
            found.add(name)
    implied = {q for p in found for q in closure(simplify.rules.structures[p].implies, simplify.rules.structures)}
    return found - implied
