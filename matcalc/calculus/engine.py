"""The engine: a problem is simplified, swept backwards, projected on declared structure, simplified again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count

from matcalc.calculus.adjoint import children, depends_on, sweep
from matcalc.calculus.atoms import Line, Told, differential_of_name, paired, stand_in
from matcalc.calculus.conditions import conditions, stated
from matcalc.calculus.expander import Expander
from matcalc.calculus.facts import apart, declared_facts, rigid
from matcalc.calculus.parts import base_of, part_like
from matcalc.calculus.reasons import Reasons
from matcalc.calculus.recorder import Recorder
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.simplify.products import of_positive_power
from matcalc.calculus.simplify.units import adds_units, in_matrices
from matcalc.calculus.structure import closure
from matcalc.calculus.vectorize import vectorize
from matcalc.calculus.wording import Wording
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import add, build, is_zero, rebuild, terms, transpose
from matcalc.nodes.expr import ONE, Node, head, is_scalar, name_of, operands, postorder, shape, substitute, variable
from matcalc.nodes.indices import is_index, shifted, within
from matcalc.nodes.places import counted, places
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import differential


class Engine:
    """Derives for one problem; what its derivatives share is done once."""

    def __init__(self, problem: Problem, rules: Rulebase) -> None:
        self.problem = problem
        self.rules = rules
        self.plain = Simplifier(rules, unused=rigid(rules), indices=_indices(problem))
        equations = (*problem.facts, *declared_facts(problem.variables.values(), rules), *apart(problem.distinct))
        self.facts = [(left, right) for left, right in equations if self.plain(left) is not self.plain(right)]
        self.definitions = {Z: self._defined(value) for Z, value in problem.definitions.items()}
        self.f = self.plain(problem.expression)
        self._phrases: dict[Callable[[Node], str], dict[int, tuple[str, ...]]] = {}

    def _defined(self, value: Node) -> Node:
        """The value of a name; what was defined entry by entry in matrix algebra."""
        made = self.plain(value)
        return self.plain(in_matrices(made, self.rules)) if adds_units(made) else made

    @cached_property
    def simplifier(self) -> Simplifier:
        """Simplifies in the names that the person gave, by what was stated of the variables."""
        if not self.definitions and not self.facts:
            return self.plain
        return Simplifier(self.rules, self.definitions, self.facts, plain=self.plain)

    def has(self, e: Node, structure: str) -> bool:
        """Whether e is known to be symmetric, positive definite, nonnegative … by what was declared."""
        return self.simplifier.structures.has(e, structure)

    def gradients(self, leaves: Sequence[Node], convention: str = "structured") -> dict[Node, Node]:
        """{X: G} with df = Σ tr(G'*dX), simplified, inside the structure declared of each X; of a part of X that of G."""
        cotangents = sweep(self.f, list(dict.fromkeys(map(base_of, leaves))), self.definitions, self.rules)
        return {X: self._finished(X, cotangents[base_of(X)], convention) for X in leaves}

    def tangent(self, moved: Mapping[Node, Node]) -> Node:
        """dF where variables, intermediates or parts of them move by these dX; simplified in no way."""
        tangents: dict[Node, Node] = {}
        for wrt, dX in moved.items():
            X = base_of(wrt)
            D = dX if wrt is X else self.rules.adjoint(head(wrt), 0, operands(wrt), dX)
            tangents[X] = add(tangents[X], D) if X in tangents else D
        for Z, value in self.definitions.items():
            if Z not in tangents:
                dZ = differential(value, tangents, self.rules)
                if not is_zero(dZ):
                    tangents[Z] = dZ
        return differential(self.f, tangents, self.rules)

    def jacobian(self, wrt: Node) -> Node:
        """J with vec(dF) = J*vec(dX); by a scalar the derivative has the shape of F.  X moves inside its structures alone."""
        dX = moved = variable("~", shape(wrt))
        for _, _, inside in self.projections(wrt, dX) if wrt is base_of(wrt) else ():
            moved = inside
        L = self.tangent({wrt: moved})
        while turned := {e: self.plain(M) for e in postorder([L]) if (M := of_positive_power(e, self.rules)) is not e}:
            L = substitute(L, turned, rebuild)
        simplify = self.simplified_for(base_of(wrt))
        if is_scalar(wrt):
            return simplify.finished(substitute(L, {dX: ONE}, rebuild))
        return simplify.finished(vectorize(L, dX, self.rules))

    def moved(self, wrt: Node, V: Node) -> Node:
        """dF where X moves along V: simplified, and never more than a product with V."""
        return self.simplified_for(base_of(wrt))(self.tangent({wrt: V}))

    def chain(self, leaves: Sequence[Node]) -> tuple[dict[Node, Node], dict[Node, Node]]:
        """{Z: ∂f/∂Z as a name} and {Z: ∂f/∂Z in these names}, for intermediates on the way to the leaves, and for the leaves.

        The last intermediate comes first, as one goes back from f; the leaves come last.
        """
        active = depends_on([self.f], set(leaves), self.definitions)
        order = [e for e in postorder([self.f], lambda e: children(e, self.definitions)) if id(e) in active]
        targets = [*(e for e in reversed(order) if e in self.definitions and e not in leaves), *leaves]
        label = text(self.problem.label)
        names = {Z: variable(f"grad({label}, {name_of(Z)})", shape(Z)) for Z in targets}
        found = sweep(self.f, targets, self.definitions, self.rules, names)
        return names, {Z: self._finished(Z, found[Z], "structured") for Z in targets}

    def _finished(self, wrt: Node, G: Node, convention: str) -> Node:
        X = base_of(wrt)
        simplify, G = self.simplified_for(X), self._projected(X, G, convention)
        if wrt is X:
            return simplify.finished(G)
        bare, letters = self._bare(wrt)
        forms = [simplify.finished(part_like(bare, whole)) for whole in (simplify(G), simplify.finished(G))]
        best = within(min(forms, key=simplify.cost), counted(bare))
        return simplify.finished(within(substitute(best, letters, rebuild), counted(wrt)))

    def _bare(self, wrt: Node) -> tuple[Node, dict[Node, Node]]:
        """The part at letters of their own, which count from 1, and what they stand for where wrt has p + 1."""
        taken = {*self.problem.names, *self.problem.sizes, *map(name_of, counted(wrt))}
        free = (f"p_{n}" for n in count(1) if f"p_{n}" not in taken)
        shown = {o: variable(next(free), (), ("integer",)) for o, _ in places(wrt) if shifted(o)[1] != 0}
        X, *at = operands(wrt)
        made = build(head(wrt), (X, *(shown.get(o, o) for o in at)), shape(wrt))
        return made, {letter: o for o, letter in shown.items()}

    @cached_property
    def _dependence(self) -> list[tuple[Node, int]]:
        """Every node, operands first, with the names on which it depends as the bits of a number."""
        definitions = self.problem.definitions
        found: dict[int, int] = {}
        order = list(postorder([self.problem.expression], lambda e: children(e, definitions)))
        for e in order:
            found[id(e)] = self._bits.get(e, 0)
            for o in children(e, definitions):
                found[id(e)] |= found[id(o)]
        return [(e, found[id(e)]) for e in order]

    @cached_property
    def _bits(self) -> dict[Node, int]:
        return {X: 1 << i for i, X in enumerate(self.problem.names.values())}

    def path(self, X: Node) -> list[Node]:
        """The operations between the result and X, those that had to be differentiated."""
        bit = self._bits[base_of(X)]
        return [e for e, names in self._dependence if names & bit]

    def conditions(self, X: Node, write: Callable[[Node], str]) -> tuple[str, ...]:
        """What must hold for the gradient by X to exist, in words, its expressions as `write` prints them."""
        memory = self._phrases.setdefault(write, {})
        return conditions(self.path(X), self.rules, self.plain.structures, write, memory)

    def simplified_for(self, X: Node) -> Simplifier:
        """Without the name X where X is an intermediate: as an independent variable it has no definition."""
        if X not in self.definitions:
            return self.simplifier
        return Simplifier(self.rules, {Z: v for Z, v in self.definitions.items() if Z is not X}, self.facts, plain=self.plain)

    def demanded(self, X: Node) -> list[str]:
        """The subspace in which an operation that is applied to X itself needs it: lambda_max(A) of a symmetric A."""
        table = self.rules.structures
        return [p for p in sorted(closure(self._demands.get(X, ()), table)) if "project" in table[p].formulas]

    def confined(self, X: Node) -> list[str]:
        """The subspace that X cannot leave, for an operation on X, or on what is made of X, is defined nowhere else."""
        table = self.rules.structures
        needs = any(
            "project" in table[p].formulas
            for e in self.path(X)
            for word, _ in stated(e, self.rules)
            for p in closure([word], table)
        )
        return (self.plain.structures.subspaces(X) if needs else []) or self.demanded(X)

    @cached_property
    def _demands(self) -> dict[Node, set[str]]:
        """What operations ask of the names that they are applied to."""
        found: dict[Node, set[str]] = {}
        for e, _ in self._dependence:
            if any(o in self._bits for o in operands(e)):
                for word, operand in stated(e, self.rules):
                    if operand in self._bits:
                        found.setdefault(operand, set()).add(word)
        return found

    def projections(self, X: Node, G: Node, convention: str = "structured") -> Iterator[tuple[str, str, Node]]:
        """(structure, key, G inside it) for each structure that narrows the gradient G by X, one after the other.

        The key is "project", or "independent" where the independent entries are counted once.
        """
        for name in self.plain.structures.subspaces(X) or self.demanded(X):
            for key in ("project", "independent")[: 1 + (convention == "independent")]:
                G = self.rules.structured(name, key, {"G": self.simplifier(G)})
                yield name, key, G

    def _projected(self, X: Node, G: Node, convention: str) -> Node:
        for _, _, projected in self.projections(X, G, convention):
            G = projected
        return G

    def record(self, leaves: Sequence[Node]) -> tuple[list[Line], dict[Node, Node]]:
        """The lines from df to Σ tr(M*dX), and {X: G} that they end in, before anything is projected and simplified."""
        recorder = Recorder(*self._told_of(leaves))
        return list(recorder.lines()), {X: recorder.gradient(X) for X in leaves}

    def expand(self, leaves: Sequence[Node]) -> list[Line]:
        """The lines from dF to what it is in the dX of the leaves, for a matrix F."""
        return list(Expander(*self._told_of(leaves)).lines())

    def _told_of(self, leaves: Sequence[Node]) -> tuple[Told, Rulebase, Simplifier, Reasons]:
        simplify = self.simplified_for(base_of(leaves[0])) if len(leaves) == 1 else self.simplifier
        f, definitions, typed = self._words
        return Told(f, leaves, definitions, typed), self.rules, simplify, self.rules.made_once(Reasons)

    @cached_property
    def _words(self) -> tuple[Node, dict[Node, Node], dict[Node, Node]]:
        """F and the named parts as a derivation words them, and what was typed for each."""
        worded = Wording(self.plain, self.rules)
        definitions = {Z: worded(value) for Z, value in self.problem.definitions.items()}
        f = worded(self.problem.expression)
        return f, definitions, {f: self.problem.expression, **self.problem.definitions}

    def differential(self, leaves: Sequence[Node], convention: str = "structured") -> tuple[Node, ...]:
        """The terms of dF in the dX of the leaves: Σ tr(G'*dX) of a scalar, by the simplified gradients."""
        dX = {X: differential_of_name(X, self.rules) for X in leaves}
        if is_scalar(self.f):
            found = self.gradients(leaves, convention)
            return tuple(paired(self.simplified_for(X)(transpose(found[X])), dX[X], self.rules) for X in leaves)
        hidden = {X: stand_in(i, D) for i, (X, D) in enumerate(dX.items())}
        shown = {D: dX[X] for X, D in hidden.items()}
        return terms(substitute(self._arranged(self.tangent(hidden), frozenset(shown)), shown, rebuild))

    def _arranged(self, dF: Node, moving: frozenset[Node]) -> Node:
        """dF simplified term by term; as a whole where fewer differentials stand in it then."""
        forms = [add(*map(self.simplifier, terms(dF))), self.simplifier(dF)]
        return min(forms, key=lambda e: _occurrences(e, moving))


def _occurrences(e: Node, leaves: frozenset[Node]) -> int:
    """How often some leaves are written in e."""
    found: dict[int, int] = {}
    for x in postorder([e]):
        found[id(x)] = (x in leaves) + sum(found[id(o)] for o in operands(x))
    return found[id(e)]


def _indices(problem: Problem) -> list[Node]:
    """The indices of sums, in the order in which they are read."""
    roots = [*problem.definitions.values(), problem.expression]
    return [e for e in postorder(roots) if is_index(e)]
