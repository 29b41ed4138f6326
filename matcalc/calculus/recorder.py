"""The derivation of a gradient by the trace method, line by line.

Every line is df as a sum of terms tr(M*d(E)).  A line takes the differential of the outermost operations that are left;
the next brings what they are applied to, d(E), to the end of each trace.  Sums, transposes, factors that do not move and
names are not lines of their own.  It is the sweep of `adjoint`, told as a person writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from matcalc.calculus.adjoint import children, operand_adjoint, reading_order
from matcalc.calculus.atoms import TRIVIAL, Atoms, Line, Told, share
from matcalc.calculus.parts import part_like
from matcalc.calculus.reasons import FACTORED, Reason, Reasons
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, is_zero, mul, split_coefficient, transpose, zeros
from matcalc.nodes.expr import (
    ONE,
    Node,
    head,
    is_scalar,
    operands,
    postorder,
    shape,
)
from matcalc.nodes.families import PARTS
from matcalc.nodes.indices import free_indices, leaving
from matcalc.rulebase.base import Rulebase

Part: TypeAlias = tuple[int, Node]
"""A cotangent, and the place in the text that it comes from."""


class Recorder:
    """Tells how df is brought to the form tr(G'*dX) + …, for one f and the leaves X … ."""

    def __init__(
        self,
        told: Told,
        rules: Rulebase,
        simplify: Simplifier,
        reasons: Reasons,
    ) -> None:
        """`simplify` brings what stands beside a differential to its simplest form."""
        f, definitions = told.F, told.definitions
        self._definitions, self._rules, self._reasons = definitions, rules, reasons
        self._atoms = Atoms(told, rules, reasons, simplify)
        self._f = f
        self._place = reading_order(f, definitions)
        self._given = {id(e) for e in postorder([f], lambda e: children(e, definitions))}
        self._waiting = self._edges()
        self._parts: dict[int, list[Part]] = {id(f): [(0, ONE)]}
        self._frontier: list[Node] = [f]

    def _edges(self) -> dict[int, int]:
        """How many operations that have not been differentiated yet use each node."""
        found: dict[int, int] = {}
        for e in self._atoms.order:
            for o in self._atoms.below(e):
                found[id(o)] = found.get(id(o), 0) + 1
        return found

    def gradient(self, X: Node) -> Node:
        """The G with df = ⟨G, dX⟩ + … that the lines end in, once they have been told."""
        return self._cotangent(X) if id(X) in self._parts else zeros(shape(X))

    # ------------------------------------------------------------ the chain

    def lines(self) -> Iterator[Line]:
        """The lines from df to tr(M*dX), M being what the last of them shows; none where f does not depend on X."""
        last: tuple[Node, ...] = ()
        for line in self._all():
            if line.terms and line.terms != last:
                self._atoms.shown()
                yield line.after(last)
                last = line.terms

    def _all(self) -> Iterator[Line]:
        """The lines, those that say what the one before has said among them."""
        opening = self._atoms.opening(self._f)
        if opening:
            yield self._line({}, tuple(opening))
        for e in reversed(self._atoms.order):
            if e in self._atoms.leaves or id(e) not in self._parts:
                continue
            if self._atoms.is_trivial(e):
                self._pass(e)
                continue
            group = self._alike(e)
            moved = {id(x): self._moved(x) for x in group}
            yield from self._told(group, moved)
        yield self._line({}, ())

    def _told(self, group: Sequence[Node], moved: Mapping[int, _Move]) -> Iterator[Line]:
        """The differentials of some nodes, then what they are applied to at the end of the traces."""
        why = tuple(dict.fromkeys(moved[id(x)].rule for x in group if not (moved[id(x)].quiet or self._atoms.was_shown(x))))
        shown = {id(x): moved[id(x)].differentials for x in group if not moved[id(x)].quiet}
        yield self._line(shown if why else {}, why)
        for x in group:
            self._replace(x, moved[id(x)].parts)
        for x in [x for x in self._frontier if head(x) == "transpose" and 1 in shape(x) and not self._waiting.get(id(x), 0)]:
            self._pass(x)
        yield self._line({}, tuple(dict.fromkeys(move for x in group for move in moved[id(x)].moves)))

    def _alike(self, e: Node) -> list[Node]:
        """e and what else may be differentiated now by the same rule."""
        self._pass_trivial()
        rule = self._atoms.rule(e)
        ready = [x for x in self._frontier if x is e or (x not in self._atoms.leaves and not self._waiting.get(id(x), 0))]
        return [x for x in ready if x is e or (not self._atoms.is_trivial(x) and self._atoms.rule(x).name == rule.name)]

    def _pass_trivial(self) -> None:
        """Go through the sums, factors and transposes that stand outermost; names are left to their line."""
        done = False
        while not done:
            done = True
            for x in list(self._frontier):
                waits = x in self._atoms.leaves or x in self._definitions or self._waiting.get(id(x), 0)
                if not waits and (self._atoms.is_trivial(x) or (head(x) == "spow" and self._atoms.was_shown(x))):
                    self._pass(x)
                    done = False

    # ------------------------------------------------------------ one operation

    def _pass(self, e: Node) -> None:
        """Go through an operation without a word, but for the rule that is worth one."""
        if e in self._definitions:
            self._atoms.silent.extend(self._atoms.opening(e))
            self._replace(e, [(self._definitions[e], part) for part in self._cotangent_parts(e)])
            return
        if head(e) == "transpose":
            self._atoms.silent.append(self._reasons.of_move("transposed-scalar" if 1 in shape(e) else "transposed-trace"))
        G = self._cotangent(e)
        self._atoms.silent.extend(self._factored(e, self._atoms.below(e)))
        self._replace(e, list(self._adjoints(e, G)))

    def _adjoints(self, e: Node, G: Node) -> Iterator[tuple[Node, Part]]:
        for i, o in self._atoms.moving(e):
            yield o, (self._place[id(e), i], leaving(operand_adjoint(e, i, G, self._rules), e, o))

    def _moved(self, e: Node) -> _Move:
        """The differential of e in d(E) of what it is applied to, and the cotangents of those."""
        G = self._cotangent(e)
        pieces = self._atoms.differentials(e)
        part = self._atoms.part_within(e)
        if part is not None:
            return self._of_part(e, part, pieces, G)
        taken = self._atoms.taken_whole(e)
        if not taken:
            own = set(self._crossed(G, self._atoms.closed(e)))  # what is written for d(E) crosses in lines of its own
            crossed = [move for move in self._crossed(G, pieces) if move in own]
            moves = [*crossed, *self._factored(e, self._atoms.below(e))]
            return _Move(pieces, list(self._adjoints(e, G)), self._atoms.rule(e), tuple(moves), quiet=head(e) in PARTS)
        parts = [(o, (self._place.get((id(e), 0), 0), leaving(mul(G, Y), e, o))) for o, Y in taken]
        return _Move(pieces, parts, self._atoms.rule(e), tuple(self._factored(e, [o for o, _ in taken])))

    def _of_part(self, e: Node, part: Node, pieces: list[Node], G: Node) -> _Move:
        """The move from X, or X[:,j], to the X[:,k] that alone moves."""
        rule = self._atoms.rule(e)
        if head(e) not in PARTS:
            return _Move(pieces, [(part, (0, part_like(part, G)))], rule, (rule,), quiet=True)
        Y = leaving(mul(share(e, part), G), e, part)
        sifted = (self._reasons.sifting(),) if free_indices(e) else ()
        return _Move(pieces, [(part, (self._place[id(e), 0], Y))], rule, (rule, *sifted), quiet=True)

    def _factored(self, e: Node, below: Iterable[Node]) -> Iterator[Reason]:
        """What is worth a word where the sum over an index on which e depends is one of its cotangent alone."""
        if any(free_indices(e) - free_indices(o) for o in below):
            yield FACTORED

    def _crossed(self, G: Node, differentials: Iterable[Node]) -> Iterator[Reason]:
        """What brings d(E) to the end of a trace where it stands inside these differentials, whose cotangent is G."""
        holds: set[int] = set()
        for x in postorder(differentials, lambda x: () if id(x) in self._given else operands(x)):
            moving = [i for i, o in enumerate(operands(x)) if id(o) in holds]
            if x in self._atoms.stand_ins or moving:
                holds.add(id(x))
            name, flat = head(x), 1 in shape(x) or is_scalar(x)
            if name in ("mul", "scalar") and moving:
                inner = operands(x)[moving[-1]]
                if name == "mul" and not is_scalar(inner) and flat != (1 in shape(inner)):
                    yield self._reasons.of_move("trace-of-scalar")
                elif not flat and moving[-1] < len(operands(x)) - 1:
                    yield self._reasons.of_move("cyclic-trace")
            elif name == "hadamard" and moving:
                summed = head(split_coefficient(G)[1] or G) == "ones"
                yield self._reasons.of_move("entrywise-sum" if summed else "entrywise-scalar" if flat else "entrywise-trace")
            elif name not in TRIVIAL and self._rules.has(name):
                yield from (self._reasons.of_adjoint(x, i) for i in moving if self._rules.has_adjoint(name, i))

    # ------------------------------------------------------------ the frontier

    def _cotangent_parts(self, e: Node) -> list[Part]:
        return sorted(self._parts[id(e)], key=itemgetter(0))

    def _cotangent(self, e: Node) -> Node:
        parts = self._cotangent_parts(e)
        return parts[0][1] if len(parts) == 1 else add(*(G for _, G in parts))

    def _replace(self, e: Node, new: Sequence[tuple[Node, Part]]) -> None:
        """Put what e is applied to in its place."""
        del self._parts[id(e)]
        fresh: list[Node] = []
        for o, part in new:
            if is_zero(part[1]):
                continue
            if id(o) not in self._parts:
                fresh.append(o)
                self._parts[id(o)] = []
            self._parts[id(o)].append(part)
        at = self._frontier.index(e)
        self._frontier[at : at + 1] = fresh
        self._consume(e)

    def _consume(self, e: Node) -> None:
        """e is done with: what only it used may be differentiated; what nothing uses any more is done with too."""
        done = [e]
        while done:
            for o in self._atoms.below(done.pop()):
                self._waiting[id(o)] -= 1
                if not self._waiting[id(o)] and id(o) not in self._parts:
                    done.append(o)

    # ------------------------------------------------------------ differentials and terms

    def _line(self, differentials: Mapping[int, Sequence[Node]], why: tuple[Reason, ...]) -> Line:
        """The line with these differentials for some nodes and d(E) for the others; what was passed over is told too."""
        found: list[Node] = []
        for e in self._frontier:
            M = transpose(self._cotangent(e))
            for D in differentials.get(id(e)) or (self._atoms(e),):
                found.extend(self._atoms.summed(term, e) for term in self._atoms.met(M, D))
        return self._atoms.line(found, why)


@dataclass(frozen=True)
class _Move:
    """The parts of the differential of a node, the cotangents of what it is applied to, the rule, the moves.

    A quiet one has no line that tells its differential.
    """

    differentials: list[Node]
    parts: list[tuple[Node, Part]]
    rule: Reason
    moves: tuple[Reason, ...]
    quiet: bool = False
