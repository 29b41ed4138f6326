"""Differentials: dF in the differentials of the variables, df = tr(G'*dX) + … of a scalar, dF of a vector or matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import sympy

from matcalc.calculus.engine import Engine
from matcalc.codegen.outputs import Output
from matcalc.errors import ArgumentError, VerificationError
from matcalc.exchange.interchange import own_symbols
from matcalc.language.problem import Problem
from matcalc.nodes.differentials import in_order, terms_of
from matcalc.nodes.expr import Node
from matcalc.numeric.lines import confirm
from matcalc.numeric.verify import Check
from matcalc.request import leaves_asked, read_problem
from matcalc.result import Result
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.sides import Side
from matcalc.steps import Derived, differential_steps, sampled_facts


@dataclass(frozen=True, eq=False, repr=False)
class Differential(Result):
    """dF, linear in the differentials dX … of the variables: its closed form, when it holds, and how it was verified."""

    variables: tuple[Node, ...]
    verification: Check | None = None
    kind: ClassVar[str] = "differential"

    @property
    def moving(self) -> tuple[Node, ...]:
        """The variables."""
        return self.variables

    @property
    def side(self) -> Side:
        """dF."""
        return Side("differential", self.problem.label)

    @property
    def check(self) -> Check | None:
        """What numbers said of it."""
        return self.verification

    @property
    def output(self) -> Output:
        """None: it depends on dX.

        Raises: ArgumentError.
        """
        raise ArgumentError(
            "a differential is no function of arrays", hint="take the Jacobian, or its product with a direction: jvp"
        )

    def derive(self) -> Derived:
        """The steps to it, and what numbers say of them."""
        return differential_steps(self.engine, self.variables, terms_of(self.node), self.symbols)

    def verify(self, draws: int = 5, seed: int = 0) -> Check:
        """The comparison with numerical derivatives of F along random directions: `.ok` is True, False or None."""
        problem = self.problem
        facts = sampled_facts(problem, self.rules)
        check, _ = confirm(
            problem.expression,
            self.variables,
            [terms_of(self.node)],
            definitions=problem.definitions,
            facts=facts,
            rules=self.rules,
            draws=draws,
            seed=seed,
        )
        return check


def differential(
    problem: Problem | str | sympy.Basic,
    wrt: str | sympy.Basic | Sequence[str | sympy.Basic] | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> Differential:
    """The dF of a scalar, vector or matrix F where the variables of those names move (None: every variable).

    Shapes: dF like F, each dX like its X.
    Raises: ParseError, ShapeError … for bad input; UndifferentiableError; VerificationError if numbers disagree.
    Source: Magnus & Neudecker (2019), ch. 8.

    >>> print(differential("inv(X)"))
    -inv(X)*dX*inv(X)
    >>> print(differential("tr(A*X)", ["A", "X"]))
    tr(X*dA) + tr(A*dX)
    """
    known = rules or rulebase()
    read = read_problem(problem, declare, known, wrt)
    leaves = leaves_asked(read, wrt)
    engine = Engine(read, known)
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    made = Differential(read, in_order(engine.differential(leaves)), engine, symbols, tuple(leaves))
    if not verify:
        return made
    check = made.verify()
    if check.ok is False:
        raise VerificationError(
            f"the differential by {made.wrt} fails its check: {check.reason}",
            source=read.source,
            hint="this is a fault of matcalc; please report the problem as you typed it",
        )
    return Differential(read, made.node, engine, symbols, tuple(leaves), check)
