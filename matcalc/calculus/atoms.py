"""What stands for the differentials d(E) of the parts of an expression while a derivation is told.

In a line d(E) is a variable, so that what stands beside it can be simplified; it is put back when the line is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from matcalc.calculus.adjoint import Definitions, children, depends_on, isolate
from matcalc.calculus.forms import Forms
from matcalc.calculus.reasons import NAMED, Reason, Reasons
from matcalc.calculus.structure import closure
from matcalc.nodes.algebra import add, factors, mul, number, rebuild, split_coefficient, trace, transpose
from matcalc.nodes.differentials import differential_node
from matcalc.nodes.expr import ONE, SCALAR, Node, head, is_scalar, name_of, operands, postorder, properties, shape, variable
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import contribution, differential

TRIVIAL = frozenset({"add", "sadd", "scalar", "transpose", "tr", "sum", "mean"})
"""Operations that a reader takes the differential of without a word."""
_LONGEST_SUM = 3
"""How many terms d(A + B + …) may have to be written out at once."""
_INHERITED = frozenset({"symmetric", "skew", "diagonal", "lower", "upper"})
"""The properties of X that dX has too."""


@dataclass(frozen=True)
class Line:
    """dF as the sum of these terms, in this order; why it equals the line before."""

    terms: tuple[Node, ...]
    reasons: tuple[Reason, ...]


def differential_of_name(X: Node, rules: Rulebase) -> Node:
    """dX, with the structure that it inherits from X."""
    return variable(f"d{name_of(X)}", shape(X), _INHERITED & closure(properties(X), rules.structures))


class Atoms:
    """The parts of F that move with some leaves: how their differentials are written, and by which rule they are taken."""

    def __init__(self, F: Node, leaves: Iterable[Node], definitions: Definitions, rules: Rulebase, reasons: Reasons) -> None:
        """Nothing is written yet."""
        self.leaves = set(leaves)
        self.definitions, self.rules, self.reasons = definitions, rules, reasons
        self.forms = Forms(rules)
        self.active = depends_on([F], self.leaves, definitions)
        self.order = list(postorder([F], self.below))
        self.silent: list[Reason] = []
        self.stand_ins: set[Node] = set()
        self._atoms: dict[Node, Node] = {}
        self._opened: dict[Node, Node] = {}

    def below(self, e: Node) -> tuple[Node, ...]:
        """What e is made of; a leaf is not looked into, nor is what does not move."""
        return () if e in self.leaves else tuple(o for o in children(e, self.definitions) if id(o) in self.active)

    def moving(self, e: Node) -> list[tuple[int, Node]]:
        """The operands of e that move, with their places."""
        return [(i, o) for i, o in enumerate(operands(e)) if id(o) in self.active]

    def rule(self, e: Node) -> Reason:
        """The rule by which the differential of e is taken."""
        form = self.forms.of(e)
        if form is not None:
            return self.reasons.of_form(form.name)
        return self.reasons.of_differential(e, tuple(i for i, _ in self.moving(e)))

    def is_trivial(self, e: Node) -> bool:
        """Whether the differential of e goes without saying: a name, a sum, a factor that does not move."""
        name = head(e)
        if self.forms.of(e) is not None:
            return False
        if e in self.definitions or name in TRIVIAL:
            return True
        moving = self.below(e)
        if name == "smul":
            return len(moving) == 1
        return name == "mul" and len(moving) == 1 and (is_scalar(moving[0]) or factors(e) == moving)

    def __call__(self, e: Node) -> Node:
        """What stands for d(E): what goes without a word is written out, d(2*X' - Y) = 2*dX'."""
        for x in postorder([e], lambda x: self.below(x) if x not in self._atoms and self._is_transparent(x) else ()):
            if x not in self._atoms:
                moving = self.moving(x)
                if not moving or not self._is_transparent(x):
                    self._atoms[x] = self._stand_in(x)
                    continue
                self._atoms[x] = add(*(contribution(x, i, self._atoms[o], self.rules) for i, o in moving))
                if not self.is_trivial(x):
                    self.silent.append(self.rule(x))
        return self._atoms[e]

    def _is_transparent(self, e: Node) -> bool:
        """Whether d(E) is written by the differentials of what E is applied to."""
        if e in self.leaves or e in self.definitions or len(self.below(e)) > _LONGEST_SUM:
            return False
        if head(e) == "mul":
            return len(self.below(e)) == 1
        return self.is_trivial(e) or (head(e) == "spow" and self.forms.of(e) is None)

    def _stand_in(self, e: Node) -> Node:
        """A variable that stands for d(E); its name comes last in every alphabet, as a differential does in a product."""
        opened = differential_of_name(e, self.rules) if head(e) == "symbol" else differential_node(e)
        made = variable(f"~{len(self.stand_ins):04}", shape(e), properties(opened))
        self.stand_ins.add(made)
        self._opened[made] = opened
        return made

    def open(self, e: Node) -> Node:
        """e with d(E) for what stands for it; what earlier lines had in common with e is not gone through again."""
        for x in postorder([e], lambda x: () if x in self._opened else operands(x)):
            if x not in self._opened:
                old = operands(x)
                new = tuple(self._opened[o] for o in old)
                self._opened[x] = x if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(x, new)
        return self._opened[e]

    def differentials(self, e: Node, simplify: Callable[[Node], Node]) -> list[Node]:
        """The parts of the differential of e, one for each operand that moves, in d(E) of what it is applied to."""
        taken = self.taken_whole(e)
        if taken:
            return [paired(simplify(transpose(Y)), self(o), self.rules) for o, Y in taken]
        return [simplify(contribution(e, i, self(o), self.rules)) for i, o in self.moving(e)]

    def taken_whole(self, e: Node) -> list[tuple[Node, Node]]:
        """(X, Y) with de = Σ ⟨Y, dX⟩ where e has a form whose differential is taken as a whole; [] where it has none."""
        form = self.forms.of(e)
        found = []
        for X in () if form is None else form.leaves:
            if form is not None and id(X) in self.active:
                dX = variable("~", shape(X))
                L = differential(form.node, {X: dX}, self.rules)
                found.append((X, isolate(ONE, L, dX, self.rules)))
        return found

    def line(self, terms: Iterable[Node], why: Sequence[Reason]) -> Line:
        """The line of these terms with d(E) put back; names that were opened come first among the reasons."""
        names = [r for r in self.silent if r.name == NAMED]
        others = [r for r in self.silent if r.name != NAMED]
        counts = Counter(map(self.open, terms))
        return Line(tuple(mul(number(n), term) for term, n in counts.items()), tuple(dict.fromkeys([*names, *why, *others])))


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
