"""The derivation of dF, line by line: the outermost d(E) is replaced by its differential until only dX … are left."""

from __future__ import annotations

from collections.abc import Iterator

from matcalc.calculus.atoms import Atoms, Line, Told
from matcalc.calculus.reasons import Reason, Reasons
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, rebuild, terms
from matcalc.nodes.expr import Node, postorder, substitute
from matcalc.rulebase.base import Rulebase


class Expander:
    """Tells how dF is written in dX … , for a matrix F and the leaves X … ."""

    def __init__(
        self,
        told: Told,
        rules: Rulebase,
        simplify: Simplifier,
        reasons: Reasons,
    ) -> None:
        """`simplify` brings what stands beside a differential to its simplest form."""
        self._F, self._definitions = told.F, told.definitions
        self._atoms = Atoms(told, rules, reasons, simplify)

    def lines(self) -> Iterator[Line]:
        """The lines from d(F) to dF in dX …; none where F does not depend on them."""
        if id(self._F) not in self._atoms.active:
            return
        now = self._atoms(self._F)
        last: tuple[Node, ...] = ()
        opening = self._atoms.opening(self._F)
        if opening:
            line = self._atoms.line(terms(now), opening)
            self._atoms.shown()
            yield line
            last = line.terms
        for e in reversed(self._atoms.order):
            dE = self._atoms(e)
            if e in self._atoms.leaves or dE not in self._atoms.stand_ins or not _occurs(dE, now):
                continue
            why: list[Reason] = []
            if e in self._definitions:
                self._atoms.silent.extend(self._atoms.opening(e))
                D = self._atoms(self._definitions[e])
            else:
                why.append(self._atoms.rule(e))
                D = add(*self._atoms.differentials(e))
            now = substitute(now, {dE: D}, rebuild)
            line = self._atoms.line(terms(now), why)
            if why and line.terms != last:
                self._atoms.shown()
                yield line
                last = line.terms
        line = self._atoms.line(terms(now), ())
        if line.terms != last:
            yield line


def _occurs(leaf: Node, e: Node) -> bool:
    return any(x is leaf for x in postorder([e]))
