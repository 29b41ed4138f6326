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
        if head(e) == "smul":
            for leaf, value in self.scalars:
                yield intern_scalar(sympy.Mul(e, sympy.Pow(value, -1), leaf))
        if is_scalar(e):
            return
        c, core = split_coefficient(e)
        assert core is not None
        for leaf, k in self.multiples.get(core, ()) if c != 1 else ():
            yield mul(intern_scalar(c / k), leaf)
        for o in operands(core) if head(core) in ("mul", "add", "hadamard") else ():
            for leaf, value in self.parts.get((head(core), o), ()):
                yield from _part(e, value, leaf)

    def rescaled(self, e: Node, s: Simplifies) -> Node:
        """e with M = Z/c written for the M of a definition Z = c*M, where that is shorter in the end."""
        for core, found in self.multiples.items():
            for leaf, c in found:
                if not c.is_number:
                    replaced = substitute(e, {core: mul(intern_scalar(1 / c), leaf)}, rebuild)
                    shorter = s.if_shorter(e, replaced)
                    e = e if shorter is None else shorter
        return e


def _part(e: Node, value: Node, leaf: Node) -> Iterator[Node]:
    """e with a run of factors, or some terms, that make up value replaced by leaf."""
    c, core = split_coefficient(e)
    k, wanted = split_coefficient(value)
    assert core is not None and wanted is not None
    inside, parts = operands(core), operands(wanted)
    match head(core):
        case "mul":
            fs = coefficient_and_factors(core)[1]
            n = len(parts)
            for i in range(len(fs) - n + 1):
                if fs[i : i + n] == parts:
                    yield mul(c / k, *fs[:i], leaf, *fs[i + n :])
        case "hadamard":
            rest = list(inside)
            if all(p in rest for p in parts):
                for p in parts:
                    rest.remove(p)
                yield mul(c / k, hadamard(leaf, *rest))
        case "add":
            ratio = _ratio(inside, parts)
            if ratio is not None and len(inside) > len(parts):
                yield mul(c, add(core, *(mul(-ratio, t) for t in parts), mul(intern_scalar(ratio / k), leaf)))


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
