"""Pattern matching: where the left side of an identity stands in an expression.

A pattern is a node whose leaves of known names match anything of a fitting shape.  In a product such a leaf
matches a run of factors (products are associative), in sums and entrywise products the order does not matter.
At the top an identity may use part of a product or sum; what is left over stays around the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import sympy
from sympy import Expr

from matcalc.nodes.algebra import add, hadamard, mul
from matcalc.nodes.expr import ONE, Node, Shape, head, intern_scalar, is_scalar, operands, shape

COMMUTATIVE = {"add": add, "sadd": add, "hadamard": hadamard, "smul": mul}
_LONGEST_COMMUTATIVE = 12
_LONGEST_RUN = 4
"""How many factors one leaf may stand for: matching stays linear in the length of a product."""


@dataclass(frozen=True)
class Bindings:
    """What the leaves and the sizes of a pattern stand for."""

    leaves: Mapping[Node, Node] = field(default_factory=dict)
    sizes: Mapping[Expr, Expr] = field(default_factory=dict)

    def bind(self, leaf: Node, e: Node) -> Bindings | None:
        """These bindings with leaf = e; None where the leaf stands for something else or the shapes differ."""
        bound = self.leaves.get(leaf)
        if bound is not None:
            return self if bound is e else None
        fitted = self.fit(shape(leaf), shape(e))
        return None if fitted is None else Bindings({**fitted.leaves, leaf: e}, fitted.sizes)

    def fit(self, pattern: Shape, dims: Shape) -> Bindings | None:
        """These bindings with the sizes of one shape equal to those of another; None where they cannot be."""
        if len(pattern) != len(dims):
            return None
        sizes = dict(self.sizes)
        for p, d in zip(pattern, dims, strict=True):
            if p.is_Symbol:
                if sizes.setdefault(p, d) != d:
                    return None
            elif not p.is_number:
                if p.free_symbols <= sizes.keys() and sympy.expand(p.xreplace(sizes) - d) != 0:
                    return None
            elif p != d:
                return None
        return Bindings(self.leaves, sizes)


@dataclass(frozen=True)
class Pattern:
    """The left side of an identity, with the leaves that stand for anything."""

    node: Node
    leaves: frozenset[Node]

    def heads_needed(self) -> tuple[str, frozenset[str]]:
        """The head that an expression must have, and heads that must be among its operands'."""
        below = {head(o) for o in operands(self.node) if o not in self.leaves and head(o) not in ("number", "symbol", "smul")}
        return head(self.node), frozenset(below)

    def matches(self, e: Node) -> Iterator[tuple[Bindings, Callable[[Node], Node]]]:
        """(bindings, put) for each place; `put(r)` is e with the matched part replaced by r."""
        h = head(self.node)
        if head(e) != h:
            return
        if h == "mul":
            yield from self._in_product(e)
        elif h in COMMUTATIVE:
            for b, rest in self._unordered(operands(self.node), operands(e), Bindings()):
                yield b, partial(COMMUTATIVE[h], *rest) if rest else _alone
        else:
            for b in self._match(self.node, e, Bindings()):
                yield b, _alone

    def _in_product(self, e: Node) -> Iterator[tuple[Bindings, Callable[[Node], Node]]]:
        (pc, pf), (ec, ef) = _split(self.node), _split(e)
        for b, rest in self._unordered(_scalar_factors(pc), _scalar_factors(ec), Bindings()):
            for start in range(len(ef)):
                for end in range(start + len(pf), min(len(ef), start + _LONGEST_RUN * len(pf)) + 1):
                    for found in self._sequence(pf, ef[start:end], b):
                        yield found, partial(_between, (*rest, *ef[:start]), ef[end:])

    def _match(self, p: Node, e: Node, b: Bindings) -> Iterator[Bindings]:
        if p in self.leaves:
            bound = b.bind(p, e)
            if bound is not None:
                yield bound
            return
        if head(p) != head(e) and not (head(p) == "symbol" and is_scalar(e)):
            return
        fitted = b.fit(shape(p), shape(e))
        if fitted is None:
            return
        args = operands(p)
        if not args:
            if head(p) == "symbol":
                known = b.sizes.get(cast(Expr, p), e)
                if known == e:
                    yield Bindings(b.leaves, {**b.sizes, cast(Expr, p): cast(Expr, e)})
            elif head(p) != "number" or p == e:
                yield fitted
            return
        if head(p) == "mul":
            (pc, pf), (ec, ef) = _split(p), _split(e)
            for c, rest in self._unordered(_scalar_factors(pc), _scalar_factors(ec), fitted):
                if not rest:
                    yield from self._sequence(pf, ef, c)
        elif head(p) in COMMUTATIVE:
            for c, rest in self._unordered(args, operands(e), fitted):
                if not rest:
                    yield c
        elif len(args) == len(operands(e)):
            yield from self._positional(args, operands(e), fitted)

    def _positional(self, ps: Sequence[Node], es: Sequence[Node], b: Bindings) -> Iterator[Bindings]:
        if not ps:
            yield b
            return
        for c in self._match(ps[0], es[0], b):
            yield from self._positional(ps[1:], es[1:], c)

    def _sequence(self, ps: Sequence[Node], es: Sequence[Node], b: Bindings) -> Iterator[Bindings]:
        """Factors in order; a leaf takes one or more of them."""
        if not ps:
            if not es:
                yield b
            return
        longest = min(len(es) - len(ps) + 1, _LONGEST_RUN) if ps[0] in self.leaves else 1
        for n in range(1, longest + 1):
            part = es[0] if n == 1 else mul(*es[:n])
            if is_scalar(part):
                continue
            for c in self._match(ps[0], part, b):
                yield from self._sequence(ps[1:], es[n:], c)

    def _unordered(self, ps: Sequence[Node], es: Sequence[Node], b: Bindings) -> Iterator[tuple[Bindings, tuple[Node, ...]]]:
        """Each p matched with an e of its own, in any order; with what is left of es."""
        if not ps:
            yield b, tuple(es)
            return
        if len(es) > _LONGEST_COMMUTATIVE:
            return
        for i, e in enumerate(es):
            for c in self._match(ps[0], e, b):
                yield from self._unordered(ps[1:], (*es[:i], *es[i + 1 :]), c)


def _alone(r: Node) -> Node:
    return r


def _between(left: tuple[Node, ...], right: tuple[Node, ...], r: Node) -> Node:
    return mul(*left, r, *right)


def _split(e: Node) -> tuple[Expr, tuple[Node, ...]]:
    args = operands(e)
    return (cast(Expr, args[0]), args[1:]) if is_scalar(args[0]) else (ONE, args)


def _scalar_factors(c: Expr) -> tuple[Node, ...]:
    if c is ONE:
        return ()
    return tuple(intern_scalar(a) for a in c.args) if c.is_Mul else (c,)
