"""Derivatives: from a problem to closed forms, confirmed by numbers before anyone sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import sympy

from matcalc.autodiff import NUMBERS, slope
from matcalc.calculus.cases import Case, cases
from matcalc.calculus.engine import Engine
from matcalc.calculus.parts import base_of
from matcalc.codegen.outputs import Output
from matcalc.errors import ArgumentError, VerificationError
from matcalc.exchange.interchange import own_symbols
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import Node, is_scalar, operands, substitute
from matcalc.numeric.verify import Check, Slope, Verification
from matcalc.numeric.verify import verify as verify_numbers
from matcalc.printing.text import text
from matcalc.request import graph, leaves_asked, not_scalar, read_problem
from matcalc.result import ByVariable
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulefiles.signatures import RULES
from matcalc.sides import Side
from matcalc.steps import Derived, gradient_steps, sampled_facts

CONVENTIONS = ("structured", "independent")


@dataclass(frozen=True, eq=False, repr=False)
class Derivation(ByVariable):
    """A gradient G with df = tr(G'*dX): its closed form, when it holds, and how it was verified.

    `upstream` holds the gradients ∂f/∂Z that it is written in, by the names that stand for them.
    """

    convention: str = "structured"
    verification: Verification | None = None
    upstream: Mapping[Node, Node] = field(default_factory=dict)
    kind: ClassVar[str] = "gradient"

    @property
    def side(self) -> Side:
        """∂f/∂X."""
        return Side("gradient", self.problem.label, self.variable)

    @property
    def check(self) -> Check | None:
        """What numbers said of it."""
        return self.verification.checks[self.wrt] if self.verification is not None else None

    def verify(self, draws: int = 5, seed: int = 0, method: str = NUMBERS) -> Verification:
        """The comparison of this gradient with derivatives of f at random points: `.ok` is True, False or None.

        The derivatives are numerical ones, or with method "jax" or "torch" those that the library takes by automatic
        differentiation of the program for f.  `.max_relative_error` is relative to the larger of two directional
        derivatives, ⟨G, D⟩ and that of f along D.
        Raises: ArgumentError where the library is not installed.
        """
        leaf = base_of(self.variable)
        by = {} if method == NUMBERS else {leaf: slope(self.engine, leaf, method)}
        asked = {self.variable: self.node}
        return _compared(self.problem, asked, self.convention, self.rules, self.upstream, draws, seed, by, method)

    def derive(self) -> Derived:
        """The steps by the trace method, and what numbers say of them."""
        return gradient_steps(self.engine, self.variable, self.whole, self.convention, self.symbols)

    @property
    def output(self) -> Output:
        """The gradient, of the shape of the variable."""
        return replace(super().output, node=self.whole, like=self.variable)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The gradient where indices that it compares are equal, and where they differ; one case where it compares none."""
        letters = set(operands(self.variable)) - set(self.problem.names.values())
        return cases(self.node, letters, self.engine.simplified_for(base_of(self.variable)).finished)

    @property
    def whole(self) -> Node:
        """The gradient in the names of the problem alone."""
        return substitute(self.node, self.upstream, rebuild)


def gradient(
    problem: Problem | str | sympy.Basic,
    wrt: str | sympy.Basic,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    convention: str = "structured",
    rules: Rulebase | None = None,
) -> Derivation:
    """The G with df = tr(G'*dX), in closed form.

    Shapes: f a scalar, G like X.  By a structured variable (symmetric, diagonal …) the gradient inside that
    subspace; with convention="independent" the one by its independent entries.
    Raises: ParseError, ShapeError … for bad input; UndifferentiableError; VerificationError if numbers disagree.
    Source: Magnus & Neudecker (2019), ch. 9; Petersen & Pedersen (2012), sect. 2.

    >>> print(gradient("norm(max(X*W, 0) - Y)^2", "W"))
    2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))
    """
    return gradients(problem, [wrt], declare=declare, verify=verify, convention=convention, rules=rules)[0]


def gradients(
    problem: Problem | str | sympy.Basic,
    wrt: Sequence[str | sympy.Basic] | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    convention: str = "structured",
    through: bool = False,
    method: str = NUMBERS,
    rules: Rulebase | None = None,
) -> tuple[Derivation, ...]:
    """The gradients of one scalar by several variables or intermediates (None: by every variable), sharing their work.

    With `through` also those by every intermediate on the way, the last one first, each written in those before it: the
    chain rule as one goes back from f.  They are verified by numerical derivatives, or with method "jax" or "torch" by those
    that the library takes of the program for f.
    Cost: linear in the size of the expression's graph.
    """
    if convention not in CONVENTIONS:
        raise ArgumentError(f"unknown convention {convention!r}", hint=f"it is one of {', '.join(CONVENTIONS)}")
    known = rules or rulebase()
    read = read_problem(problem, declare, known, wrt).entry
    leaves = leaves_asked(read, wrt)
    if not is_scalar(read.expression):
        what = f"a gradient is that of a scalar; {text(read.expression)} has shape {_dims(read.shape)}"
        raise not_scalar(read, what, known)
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    engine = Engine(read, known)
    if not through:
        results = engine.gradients(leaves, convention)
        slopes = {} if method == NUMBERS else {X: slope(engine, X, method) for X in map(base_of, leaves)}
        verdict = _verified(read, results, convention, known, slopes=slopes, method=method) if verify else None
        return tuple(Derivation(read, results[X], engine, symbols, X, convention, verdict) for X in leaves)
    if method != NUMBERS:
        raise ArgumentError("a chain is verified by numbers", hint="leave out the method")
    if convention != "structured" or any(X is not base_of(X) for X in leaves):
        raise ArgumentError(
            "a chain is that of whole variables, inside their structure", hint="leave out the convention; name whole variables"
        )
    names, chain = engine.chain(leaves)
    upstream = {names[Z]: G for Z, G in engine.gradients(list(chain)).items()}
    verdict = _verified(read, chain, convention, known, upstream) if verify else None
    return tuple(Derivation(read, G, engine, symbols, Z, convention, verdict, upstream) for Z, G in chain.items())


def _compared(
    problem: Problem,
    results: dict[Node, Node],
    convention: str,
    rules: Rulebase,
    upstream: Mapping[Node, Node],
    draws: int = 5,
    seed: int = 0,
    slopes: Mapping[Node, Slope] = MappingProxyType({}),
    method: str = "",
) -> Verification:
    """The verdict on the results, which may be written in the gradients of `upstream`."""
    return verify_numbers(
        problem.expression,
        results,
        definitions={**problem.definitions, **upstream},
        facts=sampled_facts(problem, rules),
        distinct=problem.distinct,
        draws=draws,
        seed=seed,
        independent=convention == "independent",
        slopes=slopes,
        method=f"automatic differentiation by {method}",
        rules=rules,
    )


def _verified(
    problem: Problem,
    results: dict[Node, Node],
    convention: str,
    rules: Rulebase,
    upstream: Mapping[Node, Node] = MappingProxyType({}),
    slopes: Mapping[Node, Slope] = MappingProxyType({}),
    method: str = NUMBERS,
) -> Verification:
    """The verdict on the results; VerificationError where numbers contradict one."""
    verdict = _compared(problem, results, convention, rules, upstream, slopes=slopes, method=method)
    if verdict.ok is False:
        wrong = [name for name, check in verdict.checks.items() if check.ok is False]
        reasons = "; ".join(dict.fromkeys(verdict.checks[name].reason for name in wrong))
        error = f"relative error {verdict.max_relative_error:.1e}"
        raise VerificationError(
            f"the gradient by {', '.join(wrong)} fails its check: {error}; {reasons}",
            source=problem.source,
            hint=_blame(problem, rules),
        )
    return verdict


def _blame(problem: Problem, rules: Rulebase) -> str:
    """Whose fault a wrong gradient is: that of a person's own rule, where one was used, or of matcalc."""
    used = {
        record for e in graph(problem) if (record := rules.rule_of(e)) is not None and not record.file.is_relative_to(RULES)
    }
    if not used:
        return "this is a fault of matcalc; please report the problem as you typed it"
    first = min(used, key=lambda record: record.name)
    check = f"matcalc rules check {first.name} --rules {first.file}"
    return f"it uses [{first.name}] of {first.file}: `{check}` tells whether that rule holds"


def _dims(dims: tuple[str | int, ...]) -> str:
    return " x ".join(map(str, dims)) if len(dims) != 1 else f"{dims[0]} x 1"
