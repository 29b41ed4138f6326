"""A person's own names: what a statement has named is written by its name again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import sympy
from sympy import Expr

from matcalc.calculus.simplify.products import coefficient_and_factors
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.nodes.algebra import add, build, hadamard, mul, rebuild, split_coefficient
from matcalc.nodes.expr import ONE, SCALAR, Node, head, intern_scalar, is_leaf, is_scalar, operands, shape, substitute
from matcalc.nodes.indices import SUM


class Names:
    """The named intermediates and stated facts of a problem, found in results: whole, as a multiple, or as a part."""

    def __init__(self, equations: Iterable[tuple[Node, Node]], normal: Callable[[Node], Node]) -> None:
        """`normal` brings an expression to the form in which it will be met."""
        self.whole = {value: leaf for value, leaf in equations if not is_leaf(value)}
        for value, leaf in list(self.whole.items()):
            if head(value) == "mean":
                self.whole[build("sum", operands(value), SCALAR)] = mul(*shape(operands(value)[0]), leaf)
        self.scalars = [(leaf, cast(Expr, value)) for value, leaf in self.whole.items() if head(value) == "smul"]
        self.powers: dict[Node, list[tuple[Node, Expr]]] = {}
        self.multiples: dict[Node, list[tuple[Node, Expr]]] = {}
        self.parts: dict[tuple[str, Node], list[tuple[Node, Node]]] = {}
        for value, leaf in list(self.whole.items()):
            if head(value) == "spow":
                self.powers.setdefault(operands(value)[0], []).append((leaf, operands(value)[1]))
            if is_scalar(value):
                continue
            c, core = split_coefficient(value)
            assert core is not None
            if c != 1:
                self.multiples.setdefault(core, []).append((leaf, c))
            if head(core) == "add":
                opposite = normal(add(*(mul(-ONE, t) for t in operands(core))))
                if c != 1:
                    self.multiples.setdefault(opposite, []).append((leaf, cast(Expr, -c)))
                elif is_leaf(leaf):
                    self.whole.setdefault(opposite, mul(-ONE, leaf))
            if head(core) in ("mul", "add", "hadamard"):
                self.parts.setdefault((head(core), operands(core)[0]), []).append((leaf, value))

    def __bool__(self) -> bool:
        return bool(self.whole)

    def find(self, e: Node, s: Simplifies) -> Node | None:
        """e with what it holds of a definition written by name, where that is shorter."""
        leaf = self.whole.get(e)
        if leaf is not None:
            return leaf
        return next((c for c in self._candidates(e) if s.cost(c) < s.cost(e)), None)

    def _candidates(self, e: Node) -> Iterator[Node]:
        if head(e) == "spow":
            for leaf, p in self.powers.get(operands(e)[0], ()):
                q = operands(e)[1] / p
                if q.is_integer:
                    yield intern_scalar(sympy.Pow(leaf, q))
        if head(e) in ("smul", SUM) and is_scalar(e):
            for leaf, value in self.scalars:
                q = quotient(cast(Expr, e), value)
                if q is not None:
                    yield mul(q, leaf)
        if is_scalar(e):
            return
        c, core = split_coefficient(e)
        assert core is not None
        for leaf, k in self.multiples.get(core, ()) if c != 1 else ():
            q = quotient(c, k)
            if q is not None:
                yield mul(q, leaf)
        for o in operands(core) if head(core) in ("mul", "add", "hadamard") else ():
            for leaf, value in self.parts.get((head(core), o), ()):
                yield from _part(e, value, leaf)

    def rescaled(self, e: Node, s: Simplifies) -> Node:
        """e with M = Z/c written for the M of a definition Z = c*M, where that is shorter in the end."""
        for core, found in self.multiples.items():
            for leaf, c in found:
                q = quotient(ONE, c)
                if q is not None and not c.is_number:
                    replaced = substitute(e, {core: mul(q, leaf)}, rebuild)
                    shorter = s.if_shorter(e, replaced)
                    e = e if shorter is None else shorter
        return e


def quotient(c: Expr, k: Expr) -> Expr | None:
    """c/k, where that divides by nothing that c does not divide by and that may be 0; None elsewhere."""
    q = intern_scalar(c / k)
    held = c.as_powers_dict()
    for base, p in q.as_powers_dict().items():
        if not (p.is_nonnegative or base.is_nonzero or (base in held and (held[base] - p).is_nonpositive)):
            return None
    return q


def _part(e: Node, value: Node, leaf: Node) -> Iterator[Node]:
    """e with a run of factors, or some terms, that make up value replaced by leaf."""
    c, core = split_coefficient(e)
    k, wanted = split_coefficient(value)
    assert core is not None and wanted is not None
    inside, parts = operands(core), operands(wanted)
    q = quotient(c, k)
    match head(core):
        case "mul" if q is not None:
            fs = coefficient_and_factors(core)[1]
            n = len(parts)
            for i in range(len(fs) - n + 1):
                if fs[i : i + n] == parts:
                    yield mul(q, *fs[:i], leaf, *fs[i + n :])
        case "hadamard" if q is not None:
            rest = list(inside)
            if all(p in rest for p in parts):
                for p in parts:
                    rest.remove(p)
                yield mul(q, hadamard(leaf, *rest))
        case "add":
            ratio = _ratio(inside, parts)
            q = None if ratio is None else quotient(ratio, k)
            if ratio is not None and q is not None and len(inside) > len(parts):
                yield mul(c, add(core, *(mul(-ratio, t) for t in parts), mul(q, leaf)))


def _ratio(inside: tuple[Node, ...], parts: tuple[Node, ...]) -> Expr | None:
    """The r with r*parts among inside."""
    cores = {split_coefficient(t)[1]: split_coefficient(t)[0] for t in inside}
    ratio: Expr | None = None
    for p in parts:
        k, core = split_coefficient(p)
        if core not in cores:
            return None
        r = intern_scalar(cores[core] / k)
        if ratio is not None and r != ratio:
            return None
        ratio = r
    return ratio
