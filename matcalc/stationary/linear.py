"""Equations that are linear in the unknown: A*X*B = C, sums of such terms, the Sylvester equation, and all others by vec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matcalc.calculus.adjoint import depends_on
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.vectorize import vectorize
from matcalc.nodes.algebra import (
    add,
    divide,
    eye,
    hadamard,
    inverse,
    is_zero,
    mul,
    ones,
    rebuild,
    split_coefficient,
    transpose,
    unbroadcast,
    unvec,
    vec,
    zeros,
)
from matcalc.nodes.expr import ONE, Node, head, is_scalar, matrix_node, operands, postorder, shape, substitute, variable
from matcalc.nodes.indices import SUM, free_indices, index_sum
from matcalc.stationary.terms import is_invertible, occurs

DIRECTION = "~"
_DEEPEST = 50
"""How deep the unknown may stand within a term."""
ISOLATED, SYLVESTER, STACKED = "isolate", "sylvester", "vec"
"""How a linear equation was solved."""


@dataclass(frozen=True)
class Sides:
    """A term A*X*B, of which a side is 1 where nothing stands there; `turned` where it is A*X'*B."""

    left: Node = ONE
    right: Node = ONE
    turned: bool = False

    @property
    def transposed(self) -> Sides:
        """The sides of (A*X*B)'."""
        return Sides(transpose(self.right), transpose(self.left), not self.turned)

    def within(self, left: Node, right: Node) -> Sides:
        """The sides of left*(A*X*B)*right."""
        return replace(self, left=mul(left, self.left), right=mul(self.right, right))


@dataclass(frozen=True)
class Solved:
    """The equation left = right that a linear one is once collected, its solution, how that was found, by which inverses."""

    left: Node
    right: Node
    node: Node
    how: str
    inverted: tuple[Node, ...] = ()


def is_linear(t: Node, unknown: Node, simplify: Simplifier) -> bool:
    """Whether a term is linear in the unknown: every operation on the way to it is linear, and 0 where its operand is."""
    degree: dict[int, int] = {}
    holds = depends_on([t], {unknown}, {})
    for x in postorder([t], lambda x: operands(x) if id(x) in holds else ()):
        below = [degree[id(o)] for o in operands(x)] if id(x) in holds else []
        degree[id(x)] = 1 if x is unknown else _degree(x, below, simplify) if below else 0
    return degree[id(t)] == 1


def _degree(x: Node, below: list[int], simplify: Simplifier) -> int:
    """1 of what is linear in the unknown, 2 of anything else that holds it, where its operands have these degrees."""
    name = head(x)
    if name in ("mul", "smul", "hadamard"):
        return min(sum(below), 2)
    if name in ("add", "sadd"):
        return 1 if set(below) == {1} else 2
    if name in ("transpose", "scalar", SUM):
        return below[0]
    linear = sum(below) == 1 and all(simplify.rules.has_adjoint(name, i) for i, d in enumerate(below) if d)
    return 1 if linear else 2


def sides(t: Node, unknown: Node, depth: int = 0) -> Sides | None:
    """The A and B of a term that is A*X*B; None where it is none such, or too deep."""
    if t is unknown:
        return Sides()
    if depth > _DEEPEST:
        return None
    holds = depends_on([t], {unknown}, {})
    name, args = head(t), operands(t)
    moving = [o for o in args if id(o) in holds]
    if len(moving) != 1:
        return None
    o = moving[0]
    found = sides(o, unknown, depth + 1)
    if found is None:
        return None
    others = [x for x in args if x is not o]
    match name:
        case "mul" if o is args[0] and is_scalar(o):
            return _beside(found, mul(*others))
        case "mul":
            i = args.index(o)
            return found.within(mul(*args[:i]), mul(*args[i + 1 :]))
        case "smul":
            return found.within(mul(*others), ONE)
        case "scalar":
            return found.transposed if found.turned else found
        case "transpose":
            return found.transposed
        case "hadamard":
            return _masked(found, hadamard(*others), shape(t))
        case "sum" if not is_scalar(o):
            rows, columns = shape(o)
            made = found.within(ones((ONE, rows)), ones((columns, ONE)))
            return made.transposed if made.turned else made
        case _ if name == SUM:
            return _summed(found, args[1:])
    return None


def _beside(found: Sides, M: Node) -> Sides | None:
    """M*(a*X*b) for a scalar a*X*b and a column or row M: (M*a)*X*b, a*X*(b*M)."""
    if is_scalar(M) or shape(M)[1] == 1:
        return found.within(M, ONE)
    return found.within(ONE, M) if shape(M)[0] == 1 else None


def _masked(found: Sides, M: Node, dims: tuple[Node, ...]) -> Sides | None:
    """M .* (A*X*B) for a column M, or one that is spread over all columns or rows: diag(m)*A*X*B, A*X*B*diag(m)."""
    m = M if dims[1] == 1 else unbroadcast(M)
    if is_scalar(m):
        return found.within(m, ONE)
    if shape(m)[1] == 1:
        return found.within(matrix_node("diag", (m,), (shape(m)[0],) * 2), ONE)
    if shape(m)[0] == 1:
        return found.within(ONE, matrix_node("diag", (transpose(m),), (shape(m)[1],) * 2))
    return None


def _summed(found: Sides, index: tuple[Node, ...]) -> Sides | None:
    """Σ_i A_i*X*B_i where the index is on one side alone."""
    i, low, high = index
    if i not in free_indices(found.right):
        return replace(found, left=index_sum(found.left, i, low, high))
    if i not in free_indices(found.left):
        return replace(found, right=index_sum(found.right, i, low, high))
    (c, A), (d, B) = split_coefficient(found.left), split_coefficient(found.right)
    if A is None:  # a coefficient alone stands on the left
        return Sides(ONE, index_sum(mul(c, found.right), i, low, high), found.turned)
    if B is None:
        return Sides(index_sum(mul(d, found.left), i, low, high), ONE, found.turned)
    return None


def solve_linear(moving: Sequence[Node], still: Sequence[Node], unknown: Node, simplify: Simplifier) -> Solved | None:
    """The unknown of Σ moving + Σ still = 0, where the first are linear in it and the second free of it."""
    if _is_negative(moving[0]):
        moving, still = ([mul(-ONE, t) for t in ts] for ts in (moving, still))
    C = simplify(mul(-ONE, add(*still)) if still else zeros(shape(moving[0])))
    if is_scalar(unknown) and is_scalar(moving[0]):
        slope = simplify(add(*(substitute(t, {unknown: ONE}, rebuild) for t in moving)))
        return Solved(mul(slope, unknown), C, divide(C, slope), ISOLATED, (slope,))
    parts = [sides(t, unknown) for t in moving]
    if all(part is not None and part.turned for part in parts):
        parts, C = [part.transposed for part in parts if part is not None], simplify(transpose(C))
    known = [part for part in parts if part is not None and not part.turned]
    if len(known) < len(parts) or is_scalar(unknown):
        return _elsewise(moving, C, unknown, simplify)
    masked = _entrywise(known, C, unknown, simplify)
    if masked is not None:
        return masked
    rows, columns = _dims(unknown)
    groups = _grouped([(p.right, p.left) for p in known], rows, simplify)
    if len(groups) == 1:
        ((B, A),) = groups.items()
        return _isolated(A, B, C, unknown)
    other = _grouped([(p.left, p.right) for p in known], columns, simplify)
    if len(other) == 1:
        ((A, B),) = other.items()
        return _isolated(A, B, C, unknown)
    if len(groups) == 2:
        found = _sylvester(list(groups.items()), C, unknown, simplify)
        if found is not None:
            return found
    return _stacked(moving, C, unknown, simplify)


def _is_negative(t: Node) -> bool:
    return bool(split_coefficient(t)[0].as_coeff_Mul()[0].is_negative)


def _dims(X: Node) -> tuple[Node, Node]:
    return shape(X) if shape(X) else (ONE, ONE)


def _grouped(pairs: Sequence[tuple[Node, Node]], size: Node, simplify: Simplifier) -> dict[Node, Node]:
    """{one side: the sum of the other sides}: Σ A_i*X*B = (Σ A_i)*X*B; coefficients go to the sum."""
    found: dict[Node, list[Node]] = {}
    for key, other in pairs:
        c, core = split_coefficient(key)
        found.setdefault(ONE if core is None else core, []).append(mul(c, other))
    return {key: simplify(_total(others, size)) for key, others in found.items()}


def _total(summands: Sequence[Node], size: Node) -> Node:
    """The sum, in which a scalar among matrices is that times the identity."""
    if all(is_scalar(s) for s in summands):
        return add(*summands)
    full = [s for s in summands if not is_scalar(s)]
    return add(*full, *(mul(s, eye(size)) for s in summands if is_scalar(s)))


def _is_square(A: Node) -> bool:
    return is_scalar(A) or shape(A)[0] == shape(A)[1]


def _isolated(A: Node, B: Node, C: Node, unknown: Node) -> Solved | None:
    """X = inv(A)*C*inv(B)."""
    if not (_is_square(A) and _is_square(B)):
        return None
    return Solved(mul(A, unknown, B), C, mul(inverse(A), C, inverse(B)), ISOLATED, (A, B))


def _entrywise(parts: Sequence[Sides], C: Node, unknown: Node, simplify: Simplifier) -> Solved | None:
    """x = c ./ m for terms m .* x of a vector."""
    if is_scalar(unknown) or shape(unknown)[1] != 1:
        return None
    found = []
    for part in parts:
        c, core = split_coefficient(mul(part.left, part.right))
        if core is not None and head(core) != "diag":
            return None
        found.append(mul(c, ones(shape(unknown)) if core is None else operands(core)[0]))
    m = simplify(add(*found))
    bare = unbroadcast(m)
    if is_scalar(bare):
        return Solved(mul(bare, unknown), C, mul(inverse(bare), C), ISOLATED)
    return Solved(hadamard(m, unknown), C, divide(C, m), "entrywise")


def _sylvester(groups: list[tuple[Node, Node]], C: Node, unknown: Node, simplify: Simplifier) -> Solved | None:
    """A*X*E + D*X*B = C, where D and E are invertible: inv(D)*A*X + X*B*inv(E) = inv(D)*C*inv(E)."""
    for (E, A), (B, D) in (groups, groups[::-1]):
        if is_scalar(B) or is_scalar(A) or not (is_invertible(D, simplify) and is_invertible(E, simplify)):
            continue
        if not (_is_square(A) and _is_square(B)):
            continue
        left, right = simplify(mul(inverse(D), A)), simplify(mul(B, inverse(E)))
        made = simplify(mul(inverse(D), C, inverse(E)))
        stated = add(mul(left, unknown), mul(unknown, right))
        node = matrix_node("sylvester", (left, right, made), shape(unknown))
        return Solved(stated, made, node, SYLVESTER)
    return None


def _elsewise(moving: Sequence[Node], C: Node, unknown: Node, simplify: Simplifier) -> Solved | None:
    """The same by what stands entry by entry, or by vec."""
    masks = []
    for t in moving:
        c, core = split_coefficient(t)
        if core is unknown:
            masks.append(mul(c, ones(shape(unknown))))
        elif core is not None and head(core) == "hadamard" and operands(core).count(unknown) == 1:
            masks.append(mul(c, hadamard(*(o for o in operands(core) if o is not unknown))))
    if len(masks) == len(moving) and not any(occurs(m, unknown) for m in masks):
        m = simplify(add(*masks))
        return Solved(hadamard(m, unknown), C, divide(C, m), "entrywise")
    return _stacked(moving, C, unknown, simplify)


def _stacked(moving: Sequence[Node], C: Node, unknown: Node, simplify: Simplifier) -> Solved | None:
    """vec(X) = inv(M)*vec(C) for the M with vec(L(X)) = M*vec(X)."""
    if is_scalar(unknown) or is_scalar(C):
        return None
    D = variable(DIRECTION, shape(unknown))
    L = substitute(add(*moving), {unknown: D}, rebuild)
    M = simplify(vectorize(L, D, simplify.rules))
    if not _is_square(M):
        return None
    if is_zero(C):
        return Solved(mul(M, vec(unknown)), vec(C), zeros(shape(unknown)), STACKED, (M,))
    node = unvec(mul(inverse(M), vec(C)), shape(unknown))
    return Solved(mul(M, vec(unknown)), vec(C), node, STACKED, (M,))
