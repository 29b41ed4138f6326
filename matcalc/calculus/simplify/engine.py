"""Simplification: an expression as a textbook prints it, by named identities, each of which shortens it.

A node is brought to its normal form once its operands are; a strategy proposes another form of one node, and
what it proposes is simplified in turn.  Whether a result is right never hangs on this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matcalc.calculus.simplify.axes import centred, pull_out
from matcalc.calculus.simplify.cost import Cost
from matcalc.calculus.simplify.entries import part_of, settle_comparison
from matcalc.calculus.simplify.identities import Identities
from matcalc.calculus.simplify.indexed import fold, merge_sums, pick, settle_sum, spread_sum, take_out_kron, write_out
from matcalc.calculus.simplify.names import Names
from matcalc.calculus.simplify.products import (
    contract,
    distribute,
    distribute_linear,
    distribute_number,
    expand_inverse,
    known_total,
    lift_transpose,
    merge_ones,
    merge_powers,
    orient_scalar,
    push_transpose,
    reading_key,
    settle_sign,
    turn_negative_power,
    turn_trace,
)
from matcalc.calculus.simplify.scalars import (
    cancel_fraction,
    factor_polynomial,
    factor_scalars,
    merge_scalar_powers,
    settle_deltas,
    settle_signs,
    take_out_content,
)
from matcalc.calculus.simplify.strategy import Strategy
from matcalc.calculus.simplify.sums import (
    distribute_entrywise,
    expand_sum,
    factor_sum,
    lead_with_plain,
    lead_with_positive,
    merge_entrywise,
    numerators_first,
    outer_product,
)
from matcalc.calculus.simplify.table import tabulated
from matcalc.calculus.simplify.units import absorb, unit_entries, unit_products, without_units
from matcalc.calculus.structure import Structures
from matcalc.nodes.algebra import has_value, rebuild, transpose
from matcalc.nodes.expr import Node, head, is_scalar, operands, postorder, shape
from matcalc.nodes.families import PARTS
from matcalc.nodes.indices import RELATIONS, SUM
from matcalc.rulebase.base import Rulebase

_PARTS = (part_of,)
_COMPARISONS = (settle_comparison,)
STRATEGIES: dict[str, tuple[Strategy, ...]] = {
    "transpose": (push_transpose,),
    "mul": (
        unit_products,
        absorb,
        contract,
        merge_ones,
        pull_out,
        centred,
        merge_powers,
        settle_sign,
        expand_inverse,
        distribute_number,
        distribute,
    ),
    "add": (merge_sums, expand_sum, factor_sum, lead_with_positive, lead_with_plain),
    "hadamard": (unit_entries, outer_product, merge_entrywise, numerators_first, distribute_entrywise),
    "sadd": (merge_sums, factor_scalars, factor_polynomial),
    "smul": (settle_deltas, merge_scalar_powers, settle_signs, take_out_content, cancel_fraction),
    "inv": (lift_transpose,),
    "matpow": (lift_transpose,),
    "dpow": (turn_negative_power,),
    "scalar": (orient_scalar,),
    "tr": (turn_trace, distribute_linear),
    "sum": (known_total, distribute_linear),
    "mean": (known_total, distribute_linear),
    SUM: (settle_sum, pick, take_out_kron, write_out, fold, spread_sum),
    **dict.fromkeys(PARTS, _PARTS),
    **dict.fromkeys(RELATIONS, _COMPARISONS),
}

_DEEPEST_TRY = 5
_DEEPEST_REWRITE = 100
"""How many rewrites may wait for one another; the innermost form is left as it is: right, if not the shortest."""
_MOST_TRIES = 24
"""A form that is tried may try others in turn, but neither too deep nor too many: the cost per node stays bounded."""


class Simplifier:
    """Simplifies the expressions of one problem; remembers every node it has seen."""

    def __init__(
        self,
        rules: Rulebase,
        definitions: Mapping[Node, Node] | None = None,
        facts: Iterable[tuple[Node, Node]] = (),
        unused: frozenset[str] = frozenset(),
        plain: Simplifier | None = None,
        indices: Sequence[Node] = (),
    ) -> None:
        """`indices` are those of the problem, in the order in which they are read; `plain` knows no names."""
        self.rules = rules
        self.definitions = definitions or {}
        self.indices: Sequence[Node] = indices if plain is None else plain.indices
        self.cost = Cost(rules.is_entrywise)
        self._done: dict[Node, Node] = {}
        self._valued: dict[Node, bool] = {}
        self._open: set[Node] = set()
        self._tries = 0
        self._depth = 0
        self._spent = 0
        self._blocked = False
        self._provisional: list[Node] = []
        self._writing_out = False
        self.structures = Structures(rules.structures, rules.is_entrywise, self.cost, self.definitions, unused)
        self.identities = Identities(rules, self.structures)
        self._plain = plain or self
        self.names = Names((), self)
        equations = [*facts, *((value, leaf) for leaf, value in self.definitions.items())]
        stated = [(self(left), right) for left, right in equations]
        turned = [(self.structures.transposed(left), transpose(right)) for left, right in stated if not is_scalar(left)]
        self.names = Names([*turned, *stated], self)
        self._done.clear()

    def __call__(self, e: Node) -> Node:
        """e in its simplest form; equal in value wherever both sides are defined."""
        if e in self._done:
            return self._done[e]
        for x in postorder([e], lambda x: () if x in self._done else operands(x)):
            if x not in self._done:
                old = operands(x)
                new = tuple(self._done[o] for o in old)
                self._normalise(x if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(x, new), x)
        return self._done[e]

    def unnamed(self, e: Node) -> Node:
        """e simplified without regard to names."""
        return self._plain(e)

    def finished(self, e: Node) -> Node:
        """e simplified as a whole: what shows its worth only in the end is tried too."""
        e = self(e)
        folded = without_units(e, self.rules)
        return self.names.rescaled(tabulated(e if folded is e else self(folded), self), self)

    def if_shorter(self, e: Node, candidate: Node) -> Node | None:
        """The candidate, simplified, where the reader sees fewer nodes than in e."""
        made = self._tried(candidate)
        return made if made is not None and self.cost(made) < self.cost(e) else None

    def if_no_longer(self, e: Node, candidate: Node) -> Node | None:
        """The candidate, simplified, where the reader sees no more nodes than in e."""
        made = self._tried(candidate)
        return made if made is not None and self.cost(made) <= self.cost(e) else None

    def if_shorter_written_out(self, e: Node, candidate: Node) -> Node | None:
        """The same for sums of products written out; within one no other is: it and factoring would chase each other."""
        if self._writing_out:
            return None
        self._writing_out = True
        try:
            return self.if_shorter(e, candidate)
        finally:
            self._writing_out = False

    def _tried(self, candidate: Node) -> Node | None:
        """The candidate, simplified; None where it is being tried already, or tries are nested too deep."""
        if self._tries == 0:
            self._spent = 0
        if candidate in self._open:
            self._blocked = True
            return None
        if self._tries >= _DEEPEST_TRY or self._spent >= _MOST_TRIES:
            return None
        self._spent += 1
        self._tries += 1
        try:
            made = self(candidate)
            return made if has_value(made, self._valued) else None
        finally:
            self._tries -= 1
            if self._tries == 0:
                self._forget_provisional()

    def _forget_provisional(self) -> None:
        """Forget what a try has made of nodes while it could not go back to the form it had started from."""
        for e in self._provisional:
            self._done.pop(e, None)
        self._provisional.clear()
        self._blocked = False

    def preferred(self, forms: list[Node]) -> Node:
        """The shortest of some equal forms; of those the first in alphabetical order."""
        least = min(self.cost(f) for f in forms)
        shortest = [f for f in forms if self.cost(f) == least]
        return shortest[0] if len(shortest) == 1 else min(shortest, key=reading_key)

    def _normalise(self, e: Node, original: Node) -> None:
        """Brings e, whose operands are simplified, to its normal form."""
        found = self._done.get(e)
        if found is None:
            self._depth += 1
            if self._depth > _DEEPEST_REWRITE:
                found = e
            elif any(o not in self._done for o in operands(e)):
                found = self(e)
            elif e in self._open:
                found = e
            else:
                self._open.add(e)
                better = self._rewritten(e)
                found = e if better is None else self(better)
                if better is not None and self._tries == 0 and not has_value(found, self._valued):
                    found = e
                self._open.discard(e)
            self._depth -= 1
            self._remember(e, found)
            self._remember(found, found)
        self._remember(original, found)

    def _remember(self, e: Node, found: Node) -> None:
        if self._blocked and self._tries and e not in self._done:
            self._provisional.append(e)
        self._done[e] = found

    def _strategies(self, name: str) -> tuple[Strategy, ...]:
        found = STRATEGIES.get(name)
        if found is None:
            found = (distribute_linear,) if self.rules.is_linear(name) else ()
        return found

    def _rewritten(self, e: Node) -> Node | None:
        for strategy in self._strategies(head(e)):
            better = strategy(e, self)
            if better is not None and better is not e and operands(better) != (e,):
                return better
        if shape(e) == (1, 1):
            return self.names.find(e, self) if self.names else None
        better = self.identities.apply(e, self)
        if better is None and self.names:
            better = self.names.find(e, self)
        return better
