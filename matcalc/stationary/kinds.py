"""What a stationary point is by the structure of the equation: f is convex, or concave, where the linear map is definite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from sympy import Mul

from matcalc.calculus.simplify.engine import Simplifier
from matcalc.codegen.definite import is_semidefinite
from matcalc.nodes.algebra import add, factors, mul, rebuild, split_coefficient, transpose
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, postorder, properties, shape, substitute, variable
from matcalc.nodes.indices import is_index
from matcalc.stationary.linear import Sides, is_linear, sides
from matcalc.stationary.terms import expanded, occurs


@dataclass(frozen=True)
class Kind:
    """minimum or maximum, where these scalars are positive and these matrices positive definite."""

    name: str
    positive: tuple[Node, ...] = ()


def kind_by_structure(gradient: Node, unknown: Node, simplify: Simplifier) -> Kind | None:
    """The kind of the solution of a linear equation whose map is known to be semidefinite, and so is definite or singular."""
    moving = [t for t in expanded(gradient, unknown, simplify) if occurs(t, unknown)]
    if not moving or not all(is_linear(t, unknown, simplify) for t in moving):
        return None
    found = [sides(t, unknown) for t in moving]
    parts = [Sides(simplify(p.left), simplify(p.right)) for p in found if p is not None and not p.turned]
    if len(parts) < len(found):
        return None
    scalars = _scalars(parts)
    squares = [x for p in parts for x in postorder([p.left, p.right]) if _is_square(x)]
    nonnegative = {x: variable(f"~~{i}", (), ("nonnegative",)) for i, x in enumerate(dict.fromkeys(squares))}
    for chosen in chain([()], ((s,) for s in scalars), [tuple(scalars)] if len(scalars) > 1 else []):
        put = nonnegative | {s: _positive(s, i) for i, s in enumerate(chosen)}
        for name, sign in (("minimum", ONE), ("maximum", -ONE)):
            if all(_is_semidefinite(_put(p, put), sign, simplify) for p in parts):
                return Kind(name, chosen)
    return None


def _scalars(parts: Sequence[Sides]) -> list[Node]:
    """The scalars of unknown sign in the terms, variables and coefficients, and the symmetric matrices."""
    sides_ = [e for p in parts for e in (p.left, p.right)]
    leaves = [x for x in postorder(sides_) if head(x) == "symbol" and not is_index(x)]
    matrices = [x for x in leaves if "symmetric" in properties(x)]
    found = [x for x in leaves if is_scalar(x)]
    found += [x for e in sides_ for x in Mul.make_args(split_coefficient(e)[0]) if not x.is_number and head(x) != "spow"]
    scalars = [x for x in dict.fromkeys(found) if x.is_nonnegative is None and not x.is_integer and not _is_square(x)]
    return [*scalars, *dict.fromkeys(matrices)]


def _positive(x: Node, i: int) -> Node:
    """A positive scalar, or a positive definite matrix, for one of which that is not known."""
    return variable(f"~{i}", shape(x), ("positive",) if is_scalar(x) else ("posdef",))


def _is_square(x: Node) -> bool:
    """Whether a scalar is x'*x."""
    parts = factors(operands(x)[0]) if head(x) == "scalar" else ()
    return len(parts) == 2 and transpose(parts[0]) is parts[1]


def _put(p: Sides, put: dict[Node, Node]) -> Sides:
    return Sides(substitute(p.left, put, rebuild), substitute(p.right, put, rebuild)) if put else p


def _is_semidefinite(p: Sides, sign: Node, simplify: Simplifier) -> bool:
    """Whether X -> A*X*B is known to be positive semidefinite."""
    (c, A), (d, B) = split_coefficient(p.left), split_coefficient(p.right)
    if not mul(sign, c, d).is_nonnegative:
        return False
    return all(M is None or _is_definite_enough(simplify(M), simplify) for M in (A, B))


def _is_definite_enough(M: Node, simplify: Simplifier) -> bool:
    has = simplify.structures.has
    if head(M) == "ones":
        return True
    return any(is_semidefinite(form, has) for form in (M, add(*expanded(M, M, simplify))))
