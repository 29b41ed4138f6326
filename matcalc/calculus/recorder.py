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

from matcalc.calculus.adjoint import Definitions, children, depends_on, isolate, operand_adjoint, reading_order
from matcalc.calculus.forms import Forms
from matcalc.calculus.reasons import NAMED, Reason, Reasons
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.nodes.algebra import add, factors, is_zero, mul, rebuild, split_coefficient, terms, trace, transpose, zeros
from matcalc.nodes.differentials import differential_node
from matcalc.nodes.expr import (
    ONE,
    SCALAR,
    Node,
    head,
    is_scalar,
    name_of,
    operands,
    postorder,
    properties,
    shape,
    substitute,
    variable,
)
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import contribution, differential

Part: TypeAlias = tuple[int, Node]
"""A cotangent, and the place in the text that it comes from."""

_TRIVIAL = frozenset({"add", "sadd", "scalar", "transpose", "tr", "sum", "mean"})
"""Operations that a reader takes the differential of without a word."""
_LONGEST_SUM = 3
"""How many terms d(A + B + …) may have to be written out at once."""
_INHERITED = frozenset({"symmetric", "skew", "diagonal", "lower", "upper"})
"""The properties of X that dX has too."""


@dataclass(frozen=True)
class Line:
    """df as the sum of these terms, in this order; why it equals the line before."""

    terms: tuple[Node, ...]
    reasons: tuple[Reason, ...]


class Recorder:
    """Tells how df is brought to the form tr(G'*dX), for one f and one X."""

    def __init__(
        self, f: Node, X: Node, definitions: Definitions, rules: Rulebase, simplify: Simplifier, reasons: Reasons
    ) -> None:
        """`simplify` brings what stands beside a differential to its simplest form."""
        self._f, self._X = f, X
        self._definitions, self._rules, self._simplify, self._reasons = definitions, rules, simplify, reasons
        self._forms = Forms(rules)
        self._active = depends_on([f], {X}, definitions)
        self._place = reading_order(f, definitions)
        self._given = {id(e) for e in postorder([f], lambda e: children(e, definitions))}
        self._order = list(postorder([f], self._below))
        self._waiting = self._edges()
        self._parts: dict[int, list[Part]] = {id(f): [(0, ONE)]}
        self._frontier: list[Node] = [f]
        self._silent: list[Reason] = []
        self._atoms: dict[Node, Node] = {}
        self.stands_for: dict[Node, Node] = {}

    def _below(self, e: Node) -> tuple[Node, ...]:
        """What e is made of; X is not looked into, nor is what does not move."""
        return () if e is self._X else tuple(o for o in children(e, self._definitions) if id(o) in self._active)

    def _edges(self) -> dict[int, int]:
        """How many operations that have not been differentiated yet use each node."""
        found: dict[int, int] = {}
        for e in self._order:
            for o in self._below(e):
                found[id(o)] = found.get(id(o), 0) + 1
        return found

    @property
    def gradient(self) -> Node:
        """The G with df = ⟨G, dX⟩ that the lines end in, once they have been told."""
        return self._cotangent(self._X) if id(self._X) in self._parts else zeros(shape(self._X))

    # ------------------------------------------------------------ the chain

    def lines(self) -> Iterator[Line]:
        """The lines from df to tr(M*dX), M being what the last of them shows; none where f does not depend on X."""
        last: tuple[Node, ...] = ()
        for e in reversed(self._order):
            if e is self._X or id(e) not in self._parts:
                continue
            if self._is_trivial(e):
                self._pass(e)
                continue
            group = self._alike(e)
            moved = {id(x): self._moved(x) for x in group}
            for line in self._told(group, moved):
                if line.terms != last:
                    self._silent.clear()
                    yield line
                    last = line.terms
        closing = self._line({}, ())
        if closing.terms != last and closing.terms:
            yield closing

    def _told(self, group: Sequence[Node], moved: Mapping[int, _Move]) -> Iterator[Line]:
        """The differentials of some nodes, then what they are applied to at the end of the traces."""
        why = tuple(dict.fromkeys(moved[id(x)].rule for x in group))
        yield self._line({id(x): moved[id(x)].differentials for x in group}, why)
        for x in group:
            self._replace(x, moved[id(x)].parts)
        for x in [x for x in self._frontier if head(x) == "transpose" and 1 in shape(x) and not self._waiting.get(id(x), 0)]:
            self._pass(x)
        yield self._line({}, tuple(dict.fromkeys(move for x in group for move in moved[id(x)].moves)))

    def _alike(self, e: Node) -> list[Node]:
        """e and what else may be differentiated now by the same rule."""
        rule = self._rule(e)
        others = [x for x in self._frontier if x is not e and x is not self._X and not self._waiting.get(id(x), 0)]
        return [e, *(x for x in others if not self._is_trivial(x) and self._rule(x).name == rule.name)]

    def _rule(self, e: Node) -> Reason:
        form = self._forms.of(e)
        if form is not None:
            return self._reasons.of_form(form.name)
        return self._reasons.of_differential(e, tuple(i for i, o in enumerate(operands(e)) if id(o) in self._active))

    def _is_trivial(self, e: Node) -> bool:
        """Whether the differential of e goes without saying: a name, a sum, a factor that does not move."""
        name = head(e)
        if self._forms.of(e) is not None:
            return False
        if e in self._definitions or name in _TRIVIAL:
            return True
        moving = self._below(e)
        if name == "smul":
            return len(moving) == 1
        return name == "mul" and len(moving) == 1 and (is_scalar(moving[0]) or factors(e) == moving)

    # ------------------------------------------------------------ one operation

    def _pass(self, e: Node) -> None:
        """Go through an operation without a word, but for the rule that is worth one."""
        if e in self._definitions:
            self._silent.append(Reason(NAMED, e, self._definitions[e]))
            self._replace(e, [(self._definitions[e], part) for part in self._cotangent_parts(e)])
            return
        if head(e) == "transpose":
            self._silent.append(self._reasons.of_move("transposed-scalar" if 1 in shape(e) else "transposed-trace"))
        G = self._cotangent(e)
        self._replace(e, list(self._adjoints(e, G)))

    def _adjoints(self, e: Node, G: Node) -> Iterator[tuple[Node, Part]]:
        for i, o in enumerate(operands(e)):
            if id(o) in self._active:
                yield o, (self._place[id(e), i], operand_adjoint(e, i, G, self._rules))

    def _moved(self, e: Node) -> _Move:
        """The differential of e in d(E) of what it is applied to, and the cotangents of those."""
        G = self._cotangent(e)
        form = self._forms.of(e)
        if form is None:
            moving = [(i, self._atom(o)) for i, o in enumerate(operands(e)) if id(o) in self._active]
            pieces = [self._simplify(contribution(e, i, dE, self._rules)) for i, dE in moving]
            return _Move(pieces, list(self._adjoints(e, G)), self._rule(e), tuple(self._crossed(G, pieces)))
        parts: list[tuple[Node, Part]] = []
        pieces = []
        for o in form.leaves:
            if id(o) in self._active:
                leaf = variable("~", shape(o))
                Y = isolate(ONE, differential(form.node, {o: leaf}, self._rules), leaf, self._rules)
                parts.append((o, (self._place.get((id(e), 0), 0), mul(G, Y))))
                pieces.append(paired(self._simplify(transpose(Y)), self._atom(o), self._rules))
        return _Move(pieces, parts, self._rule(e), ())

    def _crossed(self, G: Node, differentials: Iterable[Node]) -> Iterator[Reason]:
        """What brings d(E) to the end of a trace where it stands inside these differentials, whose cotangent is G."""
        atoms = set(self.stands_for)
        holds: set[int] = set()
        for x in postorder(differentials, lambda x: () if id(x) in self._given else operands(x)):
            moving = [i for i, o in enumerate(operands(x)) if id(o) in holds]
            if x in atoms or moving:
                holds.add(id(x))
            name, flat = head(x), 1 in shape(x) or is_scalar(x)
            if name in ("mul", "scalar") and moving:
                inner = operands(x)[moving[-1]]
                if flat and name == "mul" and not is_scalar(inner) and 1 not in shape(inner):
                    yield self._reasons.of_move("trace-of-scalar")
                elif not flat and moving[-1] < len(operands(x)) - 1:
                    yield self._reasons.of_move("cyclic-trace")
            elif name == "hadamard" and moving:
                summed = head(split_coefficient(G)[1] or G) == "ones"
                yield self._reasons.of_move("entrywise-sum" if summed else "entrywise-scalar" if flat else "entrywise-trace")
            elif name not in _TRIVIAL and self._rules.is_linear(name):
                yield from (self._reasons.of_adjoint(x, i) for i in moving)

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
            for o in self._below(done.pop()):
                self._waiting[id(o)] -= 1
                if not self._waiting[id(o)] and id(o) not in self._parts:
                    done.append(o)

    # ------------------------------------------------------------ differentials and terms

    def _atom(self, e: Node) -> Node:
        """What stands for d(E): what goes without a word is written out, d(2*X' - Y) = 2*dX'."""
        for x in postorder([e], lambda x: self._below(x) if x not in self._atoms and self._is_transparent(x) else ()):
            if x not in self._atoms:
                moving = [(i, o) for i, o in enumerate(operands(x)) if id(o) in self._active]
                if not moving or not self._is_transparent(x):
                    self._atoms[x] = self._stand_in(x)
                    continue
                self._atoms[x] = add(*(contribution(x, i, self._atoms[o], self._rules) for i, o in moving))
                if not self._is_trivial(x):
                    self._silent.append(self._rule(x))
        return self._atoms[e]

    def _is_transparent(self, e: Node) -> bool:
        """Whether d(E) is written by the differentials of what E is applied to."""
        if e is self._X or e in self._definitions or len(self._below(e)) > _LONGEST_SUM:
            return False
        if head(e) == "mul":
            return len(self._below(e)) == 1
        return self._is_trivial(e) or (head(e) == "spow" and self._forms.of(e) is None)

    def _stand_in(self, e: Node) -> Node:
        """A variable that stands for d(E); its name comes last in every alphabet, as a differential does in a product."""
        opened = differential_of_name(e) if head(e) == "symbol" else differential_node(e)
        made = variable(f"~{len(self.stands_for):03}", shape(e), properties(opened))
        self.stands_for[made] = opened
        return made

    def _line(self, differentials: Mapping[int, Sequence[Node]], why: tuple[Reason, ...]) -> Line:
        """The line with these differentials for some nodes and d(E) for the others; what was passed over is told too."""
        found: list[Node] = []
        for e in self._frontier:
            M = self._simplify(transpose(self._cotangent(e)))
            for D in differentials.get(id(e)) or (self._atom(e),):
                found.extend(paired(M, term, self._rules) for term in terms(D) if not is_zero(term))
        names = [r for r in self._silent if r.name == NAMED]
        others = [r for r in self._silent if r.name != NAMED]
        opened = tuple(substitute(t, self.stands_for, rebuild) for t in found)
        return Line(opened, tuple(dict.fromkeys([*names, *why, *others])))


@dataclass(frozen=True)
class _Move:
    """The parts of the differential of a node, the cotangents of what it is applied to, the rule, the moves."""

    differentials: list[Node]
    parts: list[tuple[Node, Part]]
    rule: Reason
    moves: tuple[Reason, ...]


def paired(M: Node, D: Node, rules: Rulebase) -> Node:
    """tr(M*D), its coefficient in front: of a row and a column M*D itself, and sum(D) where M is all ones."""
    if is_scalar(D):
        return mul(M, D)
    c, core = split_coefficient(M)
    k, moving = split_coefficient(D)
    assert core is not None
    assert moving is not None
    if head(core) == "ones":
        return mul(c, k, rules.make("sum", (moving,), SCALAR))
    if shape(D)[0] == 1:
        return mul(c, k, moving, core)
    return mul(c, k, mul(core, moving) if shape(D)[1] == 1 else trace(mul(core, moving)))


def differential_of_name(X: Node) -> Node:
    """dX, with the structure that it inherits from X."""
    return variable(f"d{name_of(X)}", shape(X), _INHERITED & properties(X))
