"""The derivation of dF, line by line: the outermost d(E) is replaced by its differential until only dX … are left."""

from __future__ import annotations

from collections.abc import Iterator

from matcalc.calculus.atoms import Atoms, Line, Told
from matcalc.calculus.reasons import Reasons
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, terms
from matcalc.nodes.expr import Node, head, postorder
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
        last: tuple[Node, ...] = ()
        for line in self._all():
            if line.terms != last:
                self._atoms.shown()
                yield line.after(last)
                last = line.terms

    def _all(self) -> Iterator[Line]:
        """The lines, those that say what the one before has said among them."""
        now = self._atoms(self._F)
        opening = self._atoms.opening(self._F)
        if opening:
            yield self._atoms.line(terms(now), opening)
        for e in reversed(self._atoms.order):
            dE = self._atoms(e)
            if e in self._atoms.leaves or dE not in self._atoms.stand_ins or not _occurs(dE, now):
                continue
            if e in self._definitions:
                self._atoms.silent.extend(self._atoms.opening(e))
                now = self._atoms.stand_ins.put(now, self._atoms(self._definitions[e]), dE)
            else:
                rule = self._atoms.rule(e)
                now = self._atoms.stand_ins.put(now, add(*self._atoms.differentials(e)), dE)
                yield self._atoms.line(terms(now), [rule])
        yield self._atoms.line(terms(now), ())


def _occurs(leaf: Node, e: Node) -> bool:
    wanted = head(leaf)
    return any(x is leaf or (wanted != "symbol" and head(x) == wanted) for x in postorder([e]))
