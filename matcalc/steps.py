"""The steps of a derivation: true equations, each with the rule that leads to it, each compared with numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from matcalc.calculus.atoms import Line, differential_of_name, paired
from matcalc.calculus.engine import Engine
from matcalc.calculus.facts import declared_facts
from matcalc.calculus.parts import base_of, part_like
from matcalc.calculus.reasons import GRADIENT, LINEAR, PART_OF, SIMPLIFIED, Reason, Reasons
from matcalc.errors import VerificationError
from matcalc.exchange.interchange import to_sympy
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import add, split_coefficient, terms, transpose, zeros
from matcalc.nodes.differentials import in_order
from matcalc.nodes.expr import Node, head, is_scalar, postorder, properties, shape, variable
from matcalc.numeric.agree import agree
from matcalc.numeric.lines import confirm
from matcalc.numeric.verify import Check
from matcalc.printing.latex import latex
from matcalc.printing.text import text
from matcalc.printing.unicode import unicode
from matcalc.rulebase.base import Rulebase
from matcalc.sides import LATEX, TEXT, UNICODE, Kind, Side


@dataclass(frozen=True, eq=False)
class Step:
    """One equation of a derivation, `dF = terms`, `∂f/∂X = terms` …, and why it holds.

    Its value is that of the step before: so it was found at random points.  `name` is that of the gradient inside a
    subspace where the derivative counts independent entries, and so is another matrix.
    """

    kind: Kind
    terms: tuple[Node, ...]
    reasons: tuple[Reason, ...]
    label: Node
    wrt: Node | None
    rules: Rulebase = field(repr=False)
    symbols: Mapping[str, sympy.Basic] = field(default_factory=dict, repr=False)
    name: Node | None = None
    by: Node | None = None
    turned: bool = False

    @property
    def side(self) -> Side:
        """What stands on the left."""
        return Side(self.kind, self.label, self.wrt, self.by, self.turned, self.name)

    @property
    def node(self) -> Node:
        """The right side, its terms in the order in which they are read."""
        return in_order(self.terms)

    @property
    def expression(self) -> sympy.Basic:
        """The right side as a SymPy expression; d(E) is an operation of that name."""
        return to_sympy(add(*self.terms), self.symbols, self.rules)

    @property
    def rule(self) -> str:
        """The name of the rule that leads here; of several, with commas between."""
        return ", ".join(dict.fromkeys(r.name for r in self.reasons))

    @property
    def citation(self) -> str:
        """Where the rules are found: "PP12 (40)"."""
        return "; ".join(dict.fromkeys(r.citation for r in self.reasons if r.citation not in ("", "definition")))

    @property
    def text(self) -> str:
        """The equation in the language's own notation."""
        return f"{TEXT.of(self.side, text)} = {text(self.node, self.rules.signatures)}"

    def unicode(self) -> str:
        """The equation for a terminal."""
        return f"{UNICODE.of(self.side, unicode)} = {unicode(self.node, self.rules.signatures)}"

    def latex(self) -> str:
        """The equation in LaTeX, for math mode."""
        return f"{LATEX.of(self.side, latex)} = {latex(self.node, signatures=self.rules.signatures)}"


def several_structures(problem: Problem) -> list[Node]:
    """The variables of several declared structures: a random one of the last has to be brought into the others."""
    return [X for X in problem.variables.values() if len(properties(X)) > 1]


def sampled_facts(problem: Problem, rules: Rulebase) -> tuple[tuple[Node, Node], ...]:
    """The equations that hold, and those without which a random variable would not have its structures."""
    return (*problem.facts, *declared_facts(several_structures(problem), rules))


@dataclass(frozen=True)
class Derived:
    """The steps of a derivation, and what numbers say of them."""

    steps: tuple[Step, ...]
    check: Check


def gradient_steps(
    engine: Engine, X: Node, G: Node, convention: str, symbols: Mapping[str, sympy.Basic], seed: int = 0
) -> Derived:
    """The steps from f to its gradient G by X, by the trace method.

    Raises: VerificationError where a step does not have the value of df.
    Source: Magnus & Neudecker (2019), ch. 9.
    """
    rules, dX = engine.rules, differential_of_name(X, engine.rules)
    lines, ends = engine.record([X])
    raw = ends[X]
    base = base_of(X)
    if base is not X and _is_narrowed(engine, base, convention) and engine.simplified_for(base).finished(raw) is not G:
        return _by_whole(engine, base, X, G, convention, symbols, seed)
    inside = [] if base is not X or engine.simplifier(raw) is G else list(engine.projections(X, raw, convention))
    if not inside:
        lines = _ended(lines, (paired(engine.simplified_for(base)(transpose(G)), dX, rules),))
    told = _gradients(inside, G, rules.made_once(Reasons))
    label, known = engine.problem.label, (rules, symbols)
    steps = (
        *(Step("differential", line.terms, line.reasons or (SIMPLIFIED,), label, None, *known) for line in lines),
        *(Step("gradient", (Y,), (r,), label, X, *known, name=_inner_name(engine, X, told, counted)) for Y, counted, r in told),
    )
    checked = [*(line.terms for line in lines), *((paired(transpose(Y), dX, rules),) for Y in _met(told, rules))]
    return Derived(steps, _confirmed(engine, [X], checked, steps, seed))


def _is_narrowed(engine: Engine, X: Node, convention: str) -> bool:
    """Whether a structure of X narrows the gradient by it."""
    return any(True for _ in engine.projections(X, zeros(shape(X)), convention))


def _by_whole(
    engine: Engine, X: Node, part: Node, G: Node, convention: str, symbols: Mapping[str, sympy.Basic], seed: int
) -> Derived:
    """The steps to the gradient by a structured variable X, of which that by a part is then the part."""
    whole = engine.gradients([X], convention)[X]
    found = gradient_steps(engine, X, whole, convention, symbols, seed)
    last = Step("gradient", (G,), (PART_OF,), engine.problem.label, part, engine.rules, symbols)
    same = agree(
        part_like(part, whole),
        G,
        definitions=engine.definitions,
        facts=sampled_facts(engine.problem, engine.rules),
        distinct=engine.problem.distinct,
        seed=seed,
        rules=engine.rules,
    )
    if same.ok is False:
        raise _wrong(engine, last, same)
    return Derived((*found.steps, last), found.check if same.ok else same)


_Told = tuple[Node, str, Reason]
"""A gradient, the structure whose independent entries it counts or "", why it follows."""


def _gradients(inside: Sequence[tuple[str, str, Node]], G: Node, reasons: Reasons) -> list[_Told]:
    """The gradients from the first that is told to G: the projections `inside` structures, and G, the last one simplified."""
    told: list[_Told] = []
    counted = ""
    for name, key, Y in inside:
        counted = name if key == "independent" else counted
        told.append((Y, counted, reasons.of_structure(name, key)))
    if not told or not _same_sum(told[-1][0], G):
        return [*told, (G, counted, SIMPLIFIED if told else GRADIENT)]
    return [*told[:-1], (G, counted, told[-1][2])]


def _inner_name(engine: Engine, X: Node, told: Sequence[_Told], counted: str) -> Node | None:
    """The name of the gradient inside a subspace, from which that by the independent entries is made; None for the latter."""
    if counted or not any(other for _, other, _ in told):
        return None
    taken = {*engine.problem.names, *engine.problem.sizes}
    return variable(next(n for n in ("G", "G_f", *(f"G_{i}" for i in range(1, len(taken) + 2))) if n not in taken), shape(X))


def _met(told: Sequence[_Told], rules: Rulebase) -> list[Node]:
    """The Y with df = tr(Y'*dX) for each gradient that is told."""
    return [rules.structured(name, "pairing", {"Y": Y}) if name else Y for Y, name, _ in told]


def differential_steps(
    engine: Engine, leaves: Sequence[Node], dF: tuple[Node, ...], symbols: Mapping[str, sympy.Basic], seed: int = 0
) -> Derived:
    """The steps from F to its differential dF, a sum of terms, where the leaves move.

    Raises: VerificationError where a step does not have the value of dF.
    Source: Magnus & Neudecker (2019), ch. 8.
    """
    lines = _ended(engine.record(leaves)[0] if is_scalar(engine.f) else engine.expand(leaves), dF)
    steps = tuple(
        Step("differential", line.terms, line.reasons or (SIMPLIFIED,), engine.problem.label, None, engine.rules, symbols)
        for line in lines
    )
    return Derived(steps, _confirmed(engine, leaves, [line.terms for line in lines], steps, seed))


def _ended(lines: list[Line], ending: tuple[Node, ...]) -> list[Line]:
    """The lines with the ending in place of the last, of which it is another arrangement; after it where it is not."""
    if not lines:
        return [Line(ending, (LINEAR,))]
    last = lines[-1]
    if last.terms == ending:
        return lines
    if len(lines) > 1 and lines[-2].terms == ending:
        return lines[:-1]
    if _leaves(last.terms) == _leaves(ending) or not last.reasons:
        return [*lines[:-1], Line(ending, last.reasons)]
    return [*lines, Line(ending, (SIMPLIFIED,))]


def _leaves(summands: tuple[Node, ...]) -> set[Node]:
    return {x for x in postorder(summands) if head(x) == "symbol"}


def _same_sum(a: Node, b: Node) -> bool:
    """Whether two sums differ in the order of their terms alone."""
    if a is b:
        return True
    (c, A), (d, B) = split_coefficient(a), split_coefficient(b)
    return c == d and A is not None and B is not None and set(terms(A)) == set(terms(B))


def _confirmed(
    engine: Engine, moving: Sequence[Node], lines: Sequence[Sequence[Node]], steps: Sequence[Step], seed: int
) -> Check:
    """What numbers say of the lines; VerificationError where one is wrong."""
    check, wrong = confirm(
        engine.f,
        moving,
        lines,
        definitions=engine.definitions,
        facts=sampled_facts(engine.problem, engine.rules),
        distinct=engine.problem.distinct,
        rules=engine.rules,
        seed=seed,
    )
    if check.ok is False:
        raise _wrong(engine, steps[min(wrong, len(steps) - 1)], check)
    return check


def _wrong(engine: Engine, shown: Step, check: Check) -> VerificationError:
    """The error of a step that fails its check."""
    return VerificationError(
        f"a step of the derivation fails its check: {shown.text}: {check.reason}",
        source=engine.problem.source,
        hint="this is a fault of matcalc; please report the problem as you typed it",
    )
