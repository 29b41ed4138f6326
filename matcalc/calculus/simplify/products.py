"""Products in normal form: scalars in front, powers merged, transposes pushed in, traces turned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from sympy import Add, Expr

from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import (
    add,
    build,
    eye,
    factors,
    hadamard,
    inverse,
    mul,
    ones,
    power,
    rebuild,
    split_coefficient,
    terms,
    trace,
)
from matcalc.nodes.expr import ONE, SCALAR, Node, head, intern_scalar, is_number, is_scalar, name_of, operands, postorder, shape
from matcalc.nodes.indices import SUM, index_sum
from matcalc.rulebase.base import Rulebase

MINUS_ONE = cast(Expr, -ONE)
_MEETS = frozenset({"inv", "matpow", "ones", "e", "hcat", "vcat", "kron"})
_LONGEST_TRACE = 10


def push_transpose(e: Node, s: Simplifies) -> Node | None:
    """(A*B)' = B'*A'; S' = S for symmetric S."""
    return s.structures.transposed(operands(e)[0])


def contract(e: Node, s: Simplifies) -> Node | None:
    """x*y'*z = (y'*z)*x: a part of a product that is 1×1 is a scalar; ones(m,n)*A = ones(m)*(ones(n)'*A)."""
    c, parts = coefficient_and_factors(e)
    fs = [piece for f in parts for piece in _outer(f, len(parts))]
    for i, f in enumerate(fs):
        if shape(f)[0] == 1:
            j = next((j for j in range(i, len(fs)) if shape(fs[j])[1] == 1), None)
            if j is not None and j - i + 1 < len(fs):
                return mul(c, mul(*fs[i : j + 1]), *fs[:i], *fs[j + 1 :])
    return mul(c, *fs) if len(fs) > len(parts) else None


def _outer(f: Node, count: int) -> tuple[Node, ...]:
    if count > 1 and head(f) == "ones" and ONE not in shape(f):
        return ones((shape(f)[0], ONE)), ones((ONE, shape(f)[1]))
    return (f,)


def merge_ones(e: Node, s: Simplifies) -> Node | None:
    """ones(m)*ones(n)' = ones(m,n) where it is all there is."""
    c, fs = coefficient_and_factors(e)
    if len(fs) == 2 and all(head(f) == "ones" for f in fs) and shape(fs[0])[1] == 1:
        return mul(c, ones((shape(fs[0])[0], shape(fs[1])[1])))
    return None


def merge_powers(e: Node, s: Simplifies) -> Node | None:
    """A^p*A^q = A^(p+q), inv(A)*A = I."""
    c, fs = coefficient_and_factors(e)
    merged: list[tuple[Node, Expr]] = []
    for base, p in _with_runs([base_and_exponent(f, s) for f in fs]):
        if merged and merged[-1][0] is base:
            p = intern_scalar(Add(merged.pop()[1], p))
        if p != 0:
            merged.append((base, p))
    if len(merged) == len(fs):
        return None
    return mul(c, *(power(base, p) for base, p in merged)) if merged else mul(c, eye(shape(fs[0])[0]))


def _with_runs(powers: list[tuple[Node, Expr]]) -> list[tuple[Node, Expr]]:
    """The powers with a run of factors that beside inv(A*B) makes up A*B taken as one."""
    for i, (base, p) in enumerate(powers):
        run = [(f, ONE) for f in factors(base)]
        n = len(run)
        if n < 2 or head(operands(base)[0]) == "number" or p == 1:
            continue
        if powers[i + 1 : i + 1 + n] == run:
            return [*powers[: i + 1], (base, ONE), *powers[i + 1 + n :]]
        if i >= n and powers[i - n : i] == run:
            return [*powers[: i - n], (base, ONE), *powers[i:]]
    return powers


def base_and_exponent(f: Node, s: Simplifies) -> tuple[Node, Expr]:
    """(B, p) with f = B^p; of inv(A)' it is (A', -1)."""
    match head(f):
        case "inv":
            return operands(f)[0], MINUS_ONE
        case "matpow":
            return operands(f)[0], cast(Expr, operands(f)[1])
        case "transpose" if head(operands(f)[0]) in ("inv", "matpow"):
            base, p = base_and_exponent(operands(f)[0], s)
            return s.structures.transposed(base), p
        case _:
            return f, ONE


def lift_transpose(e: Node, s: Simplifies) -> Node | None:
    """inv(A') = inv(A)', (A')^k = (A^k)'."""
    base = operands(e)[0]
    if head(base) != "transpose":
        return None
    inside = operands(base)[0]
    return s.structures.transposed(s(inverse(inside) if head(e) == "inv" else power(inside, operands(e)[1])))


def expand_inverse(e: Node, s: Simplifies) -> Node | None:
    """inv(A*B)*A = inv(B) and its like, A and B square: the inverse of a product is written out where it cancels."""
    c, fs = coefficient_and_factors(e)
    for i, f in enumerate(fs):
        written = _inverse_factors(f, s)
        if not written:
            continue
        beside = {base_and_exponent(g, s)[0] for g in fs[max(i - 1, 0) : i + 2] if g is not f}
        ends = {base_and_exponent(g, s)[0] for g in (written[0], written[-1])}
        if beside & ends:
            shorter = s.if_shorter(e, mul(c, *fs[:i], *written, *fs[i + 1 :]))
            if shorter is not None:
                return shorter
    return None


def _inverse_factors(f: Node, s: Simplifies) -> tuple[Node, ...]:
    turned = head(f) == "transpose"
    core = operands(f)[0] if turned else f
    if head(core) != "inv" or head(operands(core)[0]) != "mul":
        return ()
    inside = factors(operands(core)[0])
    if any(shape(a)[0] != shape(a)[1] for a in inside):
        return ()
    written = tuple(s(inverse(a)) for a in reversed(inside))
    return tuple(s.structures.transposed(a) for a in reversed(written)) if turned else written


def distribute(e: Node, s: Simplifies) -> Node | None:
    """A*(B + C) = A*B + A*C where that is shorter."""
    c, fs = coefficient_and_factors(e)
    for i, f in enumerate(fs):
        if head(f) != "add":
            continue
        left, right = fs[:i], fs[i + 1 :]
        if any(_may_meet(factors(t), left, right, s) for t in terms(f)):
            shorter = s.if_shorter(e, add(*(mul(c, *left, t, *right) for t in terms(f))))
            if shorter is not None:
                return shorter
    return None


def settle_sign(e: Node, s: Simplifies) -> Node | None:
    """A*(-B - C) = -A*(B + C), -2*(A - B) = 2*(B - A)."""
    c, fs = coefficient_and_factors(e)
    sums = sum(1 for f in fs if _is_sum(f) or (head(f) == "transpose" and head(operands(f)[0]) == "add"))
    negative = sums == 1 and bool(c.as_coeff_Mul()[0].is_negative)
    for i, f in enumerate(fs):
        flipped = _flipped(f, negative)
        if flipped is not None:
            return mul(MINUS_ONE, c, *fs[:i], flipped, *fs[i + 1 :])
    return None


def _flipped(f: Node, any_sign: bool) -> Node | None:
    """-f where f is a sum, also over an index, whose terms are all negative, or some where that is enough."""
    if head(f) == "add":
        signs = [is_negative(t) for t in terms(f)]
        return add(*(mul(MINUS_ONE, t) for t in terms(f))) if all(signs) or (any_sign and any(signs)) else None
    if head(f) != SUM or is_scalar(f):
        return None
    body, *rest = operands(f)
    c, fs = coefficient_and_factors(body)
    for i, g in enumerate(fs):
        flipped = _flipped(g, any_sign) if head(g) == "add" else None
        if flipped is not None:
            return index_sum(mul(c, *fs[:i], flipped, *fs[i + 1 :]), *rest)
    return None


def _is_sum(f: Node) -> bool:
    """Whether f is A + B, or Σ_i of a product with A + B in it."""
    return head(f) == "add" or (head(f) == SUM and any(head(g) == "add" for g in coefficient_and_factors(operands(f)[0])[1]))


def distribute_number(e: Node, s: Simplifies) -> Node | None:
    """1/2*(2*A - n*B) = A - n/2*B where that is shorter."""
    c, fs = coefficient_and_factors(e)
    if len(fs) != 1 or head(fs[0]) != "add" or not c.is_number:
        return None
    return s.if_shorter(e, add(*(mul(c, t) for t in terms(fs[0]))))


def _may_meet(term: tuple[Node, ...], left: tuple[Node, ...], right: tuple[Node, ...], s: Simplifies) -> bool:
    """Whether the ends of a term may cancel with, or be absorbed by, what stands beside it."""
    for a, b in ((left[-1:], term[:1]), (term[-1:], right[:1])):
        if not a or not b:
            continue
        heads = {head(x) for x in (*a, *b)}
        if heads & {"ones", "e"} or (heads & _MEETS and _bases(a, s) & _bases(b, s)):
            return True
    return False


def _bases(fs: Iterable[Node], s: Simplifies) -> set[Node]:
    found = set()
    for f in fs:
        base = base_and_exponent(f, s)[0]
        found |= {base, *factors(base)}
    return found


def orient_scalar(e: Node, s: Simplifies) -> Node | None:
    """x'*A'*y = y'*A*x: the way with fewer transposes, then the one in alphabetical order."""
    raw = operands(e)[0]
    if head(raw) != "mul":
        return None
    fs = factors(raw)
    if len(fs) == 2 and all(head(f) == "ones" for f in fs):
        return shape(fs[0])[1]
    back = [s.structures.transposed(f) for f in reversed(fs)]
    if len(fs) == 2 and _entrywise_bases(back[1]) & _entrywise_bases(fs[1]):
        shorter = s.if_shorter(e, build("sum", (hadamard(back[1], fs[1]),), SCALAR))
        if shorter is not None:
            return shorter
    return s.preferred([e, mul(*back)])


def _entrywise_bases(v: Node) -> set[Node]:
    """The vectors of whose powers v is an entrywise product."""
    parts = operands(v) if head(v) == "hadamard" else (v,)
    return {operands(p)[0] if head(p) == "hadpow" else p for p in parts}


def turn_trace(e: Node, s: Simplifies) -> Node | None:
    """tr(A*B) = tr(B*A) = tr(A'*B'): coefficients in front, x*y' as y'*x, then the shortest, then the alphabet."""
    inside = operands(e)[0]
    c, core = split_coefficient(inside)
    assert core is not None
    if c is not ONE:
        return mul(c, trace(core))
    if head(core) == "transpose":
        return trace(operands(core)[0])
    if head(core) == "eye":
        return shape(core)[0]
    fs = factors(core)
    if not 1 < len(fs) <= _LONGEST_TRACE:
        return None
    for i in range(len(fs)):
        if shape(fs[i])[0] == 1:
            return mul(*fs[i:], *fs[:i])
    turns = [(*fs[i:], *fs[:i]) for i in range(len(fs))]
    turns += [tuple(s.structures.transposed(f) for f in reversed(t)) for t in turns]
    return s.preferred([trace(mul(*t)) for t in turns])


def known_total(e: Node, s: Simplifies) -> Node | None:
    """sum(Z) = 0 where Z was defined as something that adds up to nothing, (x - mean(x))/s say; and other numbers."""
    definition = s.definitions.get(operands(e)[0])
    if definition is None:
        return None
    c, core = split_coefficient(definition)
    assert core is not None
    if head(core) == "add":
        total = s(mul(c, add(*(rebuild(e, (t,)) for t in terms(core)))))
    else:
        total = s.unnamed(rebuild(e, (definition,)))
    return total if is_number(total) else None


def distribute_linear(e: Node, s: Simplifies) -> Node | None:
    """L(A + B) = L(A) + L(B) for a linear L (sum, mean, tr, diag …) where that is shorter; L(c*A) = c*L(A)."""
    if len(operands(e)) > 1:
        return None
    inside = operands(e)[0]
    c, core = split_coefficient(inside) if not is_scalar(inside) else (ONE, inside)
    assert core is not None
    if c is not ONE:
        return mul(c, rebuild(e, (core,)))
    if head(core) != "add":
        return None
    return s.if_shorter(e, add(*(rebuild(e, (t,)) for t in terms(core))))


def turn_negative_power(e: Node, s: Simplifies) -> Node | None:
    """dpow(X, -k, D) = -X^-k*dpow(X, k, D)*X^-k for a number k > 2; up to 2 there are shorter forms."""
    k = operands(e)[1]
    return of_positive_power(e, s.rules) if is_number(k) and k < -2 else None


def of_positive_power(e: Node, rules: Rulebase) -> Node:
    """The derivative of a power X^-k, which dpow(X, -k, D) is, by that of X^k; e itself where it is no such thing."""
    if head(e) != "dpow" or not (is_number(operands(e)[1]) and operands(e)[1] < 0):
        return e
    X, k, D = operands(e)
    return mul(-ONE, power(X, k), rules.make("dpow", (X, intern_scalar(-k), D), shape(e)), power(X, k))


def coefficient_and_factors(e: Node) -> tuple[Expr, tuple[Node, ...]]:
    """(c, factors) of a product of matrices."""
    args = operands(e) if head(e) == "mul" else (e,)
    return (cast(Expr, args[0]), args[1:]) if is_scalar(args[0]) else (ONE, args)


def is_negative(t: Node) -> bool:
    """Whether a term of a sum of matrices is read with a minus."""
    return bool(split_coefficient(t)[0].as_coeff_Mul()[0].is_negative)


def reading_key(e: Node) -> tuple[str, ...]:
    """The names in e as they are read, the alphabetical order of equal forms."""
    return tuple(name_of(x) for x in postorder([e]) if head(x) == "symbol")
