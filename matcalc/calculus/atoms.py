"""What stands for the differentials d(E) of the parts of an expression while a derivation is told.

In a line d(E) is a variable, so that what stands beside it can be simplified; it is put back when the line is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matcalc.calculus.adjoint import Definitions, children, depends_on
from matcalc.calculus.forms import Forms
from matcalc.calculus.parts import base_of
from matcalc.calculus.reasons import COLLECTED, LINEAR, NAMED, PART, POWER, QUOTIENT, RECOGNISED, SIMPLIFIED, Reason, Reasons
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.simplify.units import without_units
from matcalc.calculus.stand_ins import MARK, StandIns, hidden, operation
from matcalc.calculus.stand_ins import stand_in as stand_in
from matcalc.calculus.structure import closure
from matcalc.nodes.algebra import add, factors, is_zero, mul, number, rebuild, split_coefficient, terms, trace, transpose
from matcalc.nodes.differentials import differential_node
from matcalc.nodes.expr import (
    ONE,
    SCALAR,
    Node,
    digest,
    graph_size,
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
from matcalc.nodes.families import PARTS, stated
from matcalc.nodes.indices import (
    SUM,
    at,
    bound_indices,
    compared,
    free_indices,
    fresh,
    index_sum,
    letter_of,
    range_of,
)
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import contribution, joint_differential

TRIVIAL = frozenset({"add", "sadd", "scalar", "transpose", "tr", "sum", "mean", SUM})
"""Operations that a reader takes the differential of without a word."""
_LONGEST_SUM = 3
"""How many terms d(A + B + …) may have to be written out at once."""
_OPENING = frozenset({NAMED, RECOGNISED})
_INHERITED = frozenset({"symmetric", "skew", "diagonal", "lower", "upper"})
"""The properties of X that dX has too."""


@dataclass(frozen=True)
class Told:
    """What a derivation is of: F and the named parts as it words them, as they were typed, and the leaves X … that move."""

    F: Node
    leaves: Sequence[Node]
    definitions: Definitions
    typed: Mapping[Node, Node]


@dataclass(frozen=True)
class Line:
    """dF as the sum of these terms, in this order; why it equals the line before."""

    terms: tuple[Node, ...]
    reasons: tuple[Reason, ...]

    def after(self, last: Sequence[Node]) -> Line:
        """The line with the rule that else goes without saying where it is all, and where terms of the last were collected."""
        if not last:
            return self if self.reasons else Line(self.terms, (LINEAR,))
        if len(self.terms) < len(last) and SIMPLIFIED not in self.reasons:
            return Line(self.terms, (*self.reasons, COLLECTED))
        return Line(self.terms, (LINEAR,)) if len(self.terms) > len(last) and not self.reasons else self


def differential_of_name(X: Node, rules: Rulebase) -> Node:
    """dX, with the structure that it inherits from X; d(X[:,j]) of a part."""
    if head(X) in PARTS:
        return differential_node(X)
    inherited = (_INHERITED & closure(properties(X), rules.structures)) | (properties(X) - set(stated(X)))
    return variable(f"d{name_of(X)}", shape(X), inherited)


class Atoms:
    """The parts of F that move with some leaves: how their differentials are written, and by which rule they are taken."""

    def __init__(self, told: Told, rules: Rulebase, reasons: Reasons, simplify: Simplifier) -> None:
        """Nothing is written yet."""
        F, definitions = told.F, told.definitions
        self.leaves = set(told.leaves)
        self._parts = {base_of(X): X for X in told.leaves if base_of(X) is not X}
        self._typed, self._simplify = told.typed, simplify
        self.definitions, self.rules, self.reasons = definitions, rules, reasons
        self.forms = Forms(rules)
        self.active = depends_on([F], {base_of(X) for X in told.leaves}, definitions) | set(map(id, self._parts.values()))
        self.order = list(postorder([F], self.below))
        self._nesting = {operands(e)[1]: k for k, e in enumerate(self.order) if head(e) == SUM}
        read = postorder([F, *self._parts.values()], lambda e: children(e, definitions))
        self._names = {name_of(x) for x in read if head(x) == "symbol"}
        self.silent: list[Reason] = []
        self.stand_ins = StandIns()
        self._vanished = False
        self._atoms: dict[Node, Node] = {}
        self._letters: dict[Node, Node] = {}
        self._moving: dict[Node, bool] = {}
        self._fresh: set[Node] = set()

    def below(self, e: Node) -> tuple[Node, ...]:
        """What e is made of; a leaf is not looked into, nor is what does not move.

        A variable of which a part moves is made of that part, and so is each part of it of the same kind.
        """
        if e in self.leaves:
            return ()
        part = self.part_within(e)
        return tuple(o for o in children(e, self.definitions) if id(o) in self.active) if part is None else (part,)

    def part_within(self, e: Node) -> Node | None:
        """The leaf X[:,k] where e is X or X[:,j]."""
        if not self._parts or e in self.leaves:
            return None
        if e in self._parts:
            return self._parts[e]
        part = self._parts.get(operands(e)[0]) if head(e) in PARTS else None
        return part if part is not None and head(part) == head(e) else None

    def moving(self, e: Node) -> list[tuple[int, Node]]:
        """The operands of e that move, with their places."""
        return [(i, o) for i, o in enumerate(operands(e)) if id(o) in self.active]

    def rule(self, e: Node) -> Reason:
        """The rule by which the differential of e is taken."""
        part = self.part_within(e)
        if part is not None:
            return Reason(PART, self._named(e), mul(share(e, part), differential_node(part)) if head(e) in PARTS else None)
        form = self.forms.of(e)
        if form is not None:
            return self.reasons.of_form(form.name)
        return self.reasons.of_differential(e, tuple(i for i, _ in self.moving(e)))

    def is_trivial(self, e: Node) -> bool:
        """Whether the differential of e goes without saying: a name, a sum, a factor that does not move."""
        name = head(e)
        if self.forms.of(e) is not None or self.part_within(e) is not None:
            return False
        if e in self.definitions or name in TRIVIAL:
            return True
        moving = self.below(e)
        if name == "smul":
            return len(moving) == 1
        return name == "mul" and len(moving) == 1 and (is_scalar(moving[0]) or factors(e) == moving)

    def __call__(self, e: Node) -> Node:
        """What stands for d(E): what goes without a word is written out, d(2*X' - Y) = 2*dX'."""
        for x in postorder([e], lambda x: self.below(x) if x not in self._atoms and self.is_transparent(x) else ()):
            if x not in self._atoms:
                moving = self.moving(x)
                if not moving or not self.is_transparent(x):
                    self._atoms[x] = self.stand_ins.made(x, self._named(x))
                    continue
                self._atoms[x] = add(*(contribution(x, i, self._atoms[o], self.rules) for i, o in moving))
                if not self.is_trivial(x):
                    self.silent.append(self.rule(x))
                    self._fresh.add(x)
        return self._atoms[e]

    def was_shown(self, e: Node) -> bool:
        """Whether an earlier line has written d(E) by the differentials of what E is applied to."""
        return e in self._atoms and e not in self._fresh and self.is_transparent(e)

    def shown(self) -> None:
        """A line has been shown: what went without a word in it need not be told any more."""
        self.silent.clear()
        self._fresh.clear()
        self._vanished = False

    def is_transparent(self, e: Node) -> bool:
        """Whether d(E) is written by the differentials of what E is applied to."""
        if e in self.leaves or e in self.definitions or len(self.below(e)) > _LONGEST_SUM or self.part_within(e) is not None:
            return False
        if head(e) == "mul":
            return len(self.below(e)) == 1
        return self.is_trivial(e) or (head(e) == "spow" and self.forms.of(e) is None)

    def _named(self, e: Node) -> Node:
        """d(E), or dX of a name."""
        return differential_of_name(e, self.rules) if head(e) == "symbol" else differential_node(e)

    def differentials(self, e: Node) -> list[Node]:
        """The parts of the differential of e, one for each operand that moves, in d(E) of what it is applied to."""
        part = self.part_within(e)
        if part is not None:
            return [mul(share(e, part), self(part))] if head(e) in PARTS else [self(e)]
        taken = self.taken_whole(e)
        if taken:
            return [paired(self._simplify(transpose(Y)), self(o), self.rules) for o, Y in taken]
        return self._parts_with(e, {i: self(o) for i, o in self.moving(e)})

    def closed(self, e: Node) -> list[Node]:
        """The same parts with a letter for each d(E), whatever is written for it."""
        return self._parts_with(e, {i: self._letter(o) for i, o in self.moving(e)})

    def _letter(self, o: Node) -> Node:
        if self(o) in self.stand_ins:
            return self(o)
        if o not in self._letters:
            self._letters[o] = self.stand_ins.made(o, self._named(o))
        return self._letters[o]

    def _parts_with(self, e: Node, moved: dict[int, Node]) -> list[Node]:
        if self.rules.is_joint(head(e)):
            return [joint_differential(e, moved)]
        return [self._part(e, i, D) for i, D in moved.items()]

    def _part(self, e: Node, i: int, D: Node) -> Node:
        """The part of the differential of e where operand i moves by D; simplified before D is written out in it."""
        if head(e) == "mul":
            return contribution(e, i, D, self.rules)
        if D in self.stand_ins:
            return self._simplify(contribution(e, i, D, self.rules))
        hiding = hidden(shape(D), free_indices(D) | free_indices(e))
        return substitute(self._simplify(contribution(e, i, hiding, self.rules)), {hiding: D}, rebuild)

    def opening(self, e: Node) -> list[Reason]:
        """Why d(e) of a name, or of F itself, is that of what it stands for, in the words of the derivation."""
        found = [Reason(NAMED, e, self._typed[e])] if e in self.definitions else []
        worded = self.definitions.get(e, e)
        typed = self._typed.get(e, worded)
        return found if typed is worded else [*found, Reason(RECOGNISED, typed, worded)]

    def met(self, M: Node, D: Node) -> list[Node]:
        """The terms of tr(M*D), simplified on either side of the d(E) in D."""
        if is_scalar(D):
            found = [mul(self._folded(mul(M, c)), moving) for c, moving in map(self._divided, terms(D))]
        elif _is_indexed(M):
            found = [self._paired_with_sign(M, term) for term in self._tidied(D)]
        else:
            M = self._simplify(M)
            found = [paired(M, term, self.rules) for term in self._tidied(D)]
        kept = [self._polished(term) for term in found if not is_zero(term)]
        self._vanished = self._vanished or len(kept) < len(found)
        return kept

    def _polished(self, term: Node) -> Node:
        """c*ds with c simplified, where only the differential of a scalar moves."""
        rest, moving = self._divided(term)
        return mul(self._folded(rest), moving) if moving in self.stand_ins else term

    def _paired_with_sign(self, M: Node, term: Node) -> Node:
        sign, core = split_coefficient(term)
        if core is None or not sign.is_number:
            return paired(self._settled(M), term, self.rules)
        return paired(self._settled(mul(sign, M)), core, self.rules)

    def _settled(self, M: Node) -> Node:
        """M simplified, with the sign that suits what is in it: -(x_i - mu)*(x_i - mu)' rather than (mu - x_i)*(x_i - mu)'."""
        forms = {self._folded(M), mul(-ONE, self._folded(mul(-ONE, M)))}
        return forms.pop() if len(forms) == 1 else min(forms, key=lambda e: (graph_size(e), self._simplify.cost(e), digest(e)))

    def _folded(self, M: Node) -> Node:
        """M simplified, a matrix for Σ_i v_i*e_i' where that is shorter."""
        made = self._simplify(M)
        if not _is_indexed(made):
            return made
        matrix = without_units(made, self.rules)
        shorter = matrix is not made and self._simplify.cost(matrix := self._simplify(matrix)) < self._simplify.cost(made)
        return matrix if shorter else made

    def _tidied(self, D: Node) -> tuple[Node, ...]:
        """The terms of D simplified, but for a coefficient that moves: it keeps what it was taken from."""
        made = []
        for term in terms(D):
            c, core = split_coefficient(term)
            made.append(mul(c, self._simplify(core)) if core is not None and self._moves(c) else self._simplify(term))
        return tuple(t for term in made for t in terms(term))

    def _divided(self, term: Node) -> tuple[Node, Node]:
        """(c, D) with term = c*D, where c does not move."""
        parts = operands(term) if head(term) == "smul" else (term,)
        return mul(ONE, *(p for p in parts if not self._moves(p))), mul(ONE, *(p for p in parts if self._moves(p)))

    def _moves(self, e: Node) -> bool:
        """Whether some d(E) stands in e."""
        for x in postorder([e], lambda x: () if x in self._moving else operands(x)):
            if x not in self._moving:
                self._moving[x] = x in self.stand_ins or any(self._moving[o] for o in operands(x))
        return self._moving[e]

    def taken_whole(self, e: Node) -> list[tuple[Node, Node]]:
        """(X, Y) with de = Σ ⟨Y, dX⟩ where e has a form whose differential is taken as a whole; [] where it has none."""
        form = self.forms.of(e)
        return [] if form is None else [(X, Y) for X, Y in form.parts if id(X) in self.active]

    def summed(self, term: Node, e: Node) -> Node:
        """Σ_i of a term, d(E) put back in it, over the indices on which e, whose differential it is of, depends."""
        term = self.stand_ins.open(term)
        for i in sorted(free_indices(e), key=lambda i: self._nesting.get(i, -1)):
            parts = operands(term) if head(term) == "smul" else (term,)
            still = [p for p in parts if i not in free_indices(p)]
            term = mul(*still, self._summed(mul(ONE, *(p for p in parts if i in free_indices(p))), i))
        return term

    def _summed(self, term: Node, i: Node) -> Node:
        """Σ_i of a term; the index has a letter that neither the term nor a part by which is differentiated has."""
        low, high = range_of(i)
        if i in bound_indices(term) or letter_of(i) in self._names:
            other = fresh(operation(MARK, (term, *self._parts.values()), SCALAR), low, high)
            term, i = at(term, i, other), other
        return index_sum(term, i, low, high)

    def line(self, summands: Iterable[Node], why: Sequence[Reason]) -> Line:
        """The line of these terms with d(E) put back; names that were opened come first among the reasons."""
        names = [r for r in self.silent if r.name in _OPENING]
        others = [r for r in self.silent if r.name not in _OPENING]
        reasons = dict.fromkeys([*names, *why, *others, *([SIMPLIFIED] if self._vanished else [])])
        if any(r.name == QUOTIENT for r in reasons):
            reasons = dict.fromkeys(r for r in reasons if r.name != POWER)
        counts = Counter(map(self.stand_ins.open, summands))
        return Line(tuple(mul(number(n), term) for term, n in counts.items()), tuple(reasons))


def _is_indexed(e: Node) -> bool:
    """Whether e depends on an index, or holds a sum over one."""
    return bool(free_indices(e) or bound_indices(e))


def share(e: Node, part: Node) -> Node:
    """The c with de = c*d(part) where the part alone of a variable moves, and e is another of its kind: a Kronecker delta."""
    places = zip(operands(e)[1:3], operands(part)[1:3], strict=True)
    return mul(ONE, *(compared("eq", i, k) for i, k in list(places)[: 2 if head(e) == "entry2" else 1]))


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
