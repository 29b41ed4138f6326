"""What every derivative has: a closed form, its printed forms, the conditions under which it holds, the way to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import sympy

from matcalc.calculus.cases import Case
from matcalc.calculus.engine import Engine
from matcalc.calculus.simplify.units import adds_units
from matcalc.codegen.outputs import Output, identifier
from matcalc.exchange.interchange import to_sympy
from matcalc.explain import Explanation, explain
from matcalc.language.problem import Problem, user_shape
from matcalc.nodes.algebra import add
from matcalc.nodes.differentials import terms_of
from matcalc.nodes.expr import Node, head, postorder
from matcalc.numeric.verify import Check
from matcalc.printing.latex import Transpose, latex_program
from matcalc.printing.layout import Program
from matcalc.printing.text import text, text_program
from matcalc.printing.unicode import unicode_program
from matcalc.program import program
from matcalc.rulebase.base import Rulebase
from matcalc.sides import TEXT, Side
from matcalc.steps import Derived, Step

if TYPE_CHECKING:
    from matcalc.codegen.function import Function

_UNEVALUATED = frozenset({"dpow", "dexpm", "dlogm"})
"""Derivatives of matrix functions that stay as such: a closed form has none."""


SHORT = {"gradient": "grad", "jacobian": "jacobian", "hessian": "hessian", "differential": "d"}
"""What the values of results are called in programs, by kind."""
TITLES = {"jacobian": "Jacobian", "hessian": "Hessian"}
"""Kinds that are named after a person."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(ABC):
    """A derivative of a problem, `node`, in the names of the problem."""

    problem: Problem
    node: Node
    engine: Engine = field(repr=False)
    symbols: Mapping[str, sympy.Basic] = field(repr=False)
    kind: ClassVar[str]

    @property
    @abstractmethod
    def moving(self) -> tuple[Node, ...]:
        """The variables, or parts of some, that it is a derivative by."""

    @property
    def wrt(self) -> str:
        """The names of what it is a derivative by: "x", or "x, y"."""
        return ", ".join(map(text, self.moving))

    @property
    @abstractmethod
    def side(self) -> Side:
        """What stands on its left: dF, or ∂f/∂X."""

    @property
    def companions(self) -> tuple[tuple[str, Side, Node], ...]:
        """What is told with it, (name, left side, right side): the action of a Jacobian, the quadratic form of a Hessian."""
        return ()

    @property
    def blocks(self) -> Result | None:
        """What it is made of alone, told with it: the blocks of a block-diagonal Hessian."""
        return None

    @property
    def said(self) -> dict[str, str]:
        """What is said of it in words, by the name of what that is: the layout of a Jacobian."""
        return {}

    @property
    def is_told_alone(self) -> bool:
        """Whether a report has no need to tell its companions."""
        return True

    @property
    @abstractmethod
    def check(self) -> Check | None:
        """What numbers said of it; None where they were not asked."""

    @abstractmethod
    def derive(self) -> Derived:
        """The steps to it, and what numbers say of them."""

    @cached_property
    def expression(self) -> sympy.Basic:
        """The closed form as an ordinary SymPy expression, in the symbols of the person's own where there were some."""
        return to_sympy(add(*terms_of(self.node)), self.symbols, self.rules)

    @cached_property
    def again(self) -> Problem:
        """The derivative as a problem of its own, in the same names: it can be differentiated again, to any order."""
        program = text_program([self.node], self.problem.names, self.rules.signatures)
        named = [f"{text(Z)} = {text(value)}" for Z, value in self.problem.definitions.items()]
        shared = [f"{name} = {value}" for name, value in program.definitions]
        source = "\n".join([*named, *shared, *program.results])
        return replace(self.problem, source=source, expression=self.node, declared=self.problem.declarations, latex=False)

    @property
    def rules(self) -> Rulebase:
        """The rules that made it."""
        return self.engine.rules

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of the problem."""
        return self.problem.notes

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """What must hold for it to exist, in words."""
        return self.conditions_in(text)

    def conditions_in(self, write: Callable[[Node], str]) -> tuple[str, ...]:
        """The conditions, their expressions written as in a printed form: `text`, `unicode` or `latex`."""
        return tuple(dict.fromkeys(c for X in self.moving for c in self.engine.conditions(X, write)))

    @property
    def shape(self) -> tuple[str | int, ...]:
        """The shape of the closed form: () scalar, (n,) vector, (1, n) row, (m, n) matrix."""
        return user_shape(self.node)

    @cached_property
    def closed_form(self) -> bool:
        """Whether no unevaluated derivative had to stay, and no unit vectors that are added up over an index."""
        return not adds_units(self.node) and not any(head(e) in _UNEVALUATED for e in postorder([self.node]))

    @property
    def cases(self) -> tuple[Case, ...]:
        """The forms of the result by cases of its indices; itself alone where there are none."""
        return (Case((), self.node),)

    @cached_property
    def derived(self) -> Derived:
        """The steps to it, and what numbers say of them; made once."""
        return self.derive()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The derivation by the trace method, one idea a step; each has been compared with numbers.

        Raises: VerificationError where the numbers before and after a step differ.
        """
        return self.derived.steps

    @property
    def steps_check(self) -> Check:
        """What numbers said of the steps: `.ok` is True, or None where no point was found at which to compare them."""
        return self.derived.check

    @property
    def output(self) -> Output:
        """What a function that computes it returns."""
        names = [text(X) for X in self.moving]
        short = "_".join(names) if all(name.isidentifier() for name in names) else ""
        left = TEXT.of(self.side, text)
        program = text_program([self.node], self.problem.names, self.rules.signatures)
        lines = [f"{name} = {value}" for name, value in (*program.definitions, (left, *program.results))]
        return Output(f"{SHORT.get(self.kind, self.kind)}{short and '_' + short}", self.node, None, "\n".join(lines))

    def function(self, target: str = "numpy") -> Function:
        """A callable that takes arrays by name and returns an array of the documented shape; `.code` is its source.

        Targets are the files of rules/backends: "numpy", "jax", "torch", "array-api" … .
        Raises: ArgumentError where there is no such target, or where it is not installed.
        """
        name, f = f"{self.kind}_of_{text(self.problem.label)}", text(self.problem.label)
        title = f"The {TITLES.get(self.kind, self.kind)} of {f} by {self.wrt}."
        return program(self.engine, [self.output], target, identifier(name), title, self.conditions)

    def code(self, target: str = "numpy") -> str:
        """The source of a function that computes it, in a language: shared subexpressions once, operations chosen by cost.

        Raises: ArgumentError where there is no such target, or where it cannot spell an operation.
        """
        return self.function(target).code

    def explain(
        self,
        form: str = "text",
        *,
        transpose: Transpose = "top",
        bold: bool = False,
        standalone: bool = False,
        fold: bool = False,
        title: str = "",
    ) -> Explanation:
        """The whole derivation, ready to hand in, as "text", "unicode", "latex", "markdown" or "html".

        In LaTeX, Markdown and HTML transposes are `top`, `T` or `prime`, and matrices bold if asked for; standalone makes the
        LaTeX a file of its own; fold closes the steps of the web page until they are asked for.
        """
        return explain(form, [self], transpose=transpose, bold=bold, standalone=standalone, fold=fold, title=title)

    def __str__(self) -> str:
        return _joined(text_program([self.node], self.problem.names, self.rules.signatures), "\n")

    def __repr__(self) -> str:
        return f"<{self.kind} by {self.wrt}: {self}>"

    def unicode(self) -> str:
        """The closed form for a terminal."""
        return _joined(unicode_program([self.node], self.problem.names, self.rules.signatures), "\n")

    def latex(self, transpose: Transpose = "top", bold: bool = False) -> str:
        r"""The closed form in LaTeX, for math mode; transposes as `^\top`, `^T` or `^\prime`, matrices bold if asked for."""
        signatures = self.rules.signatures
        made = latex_program([self.node], self.problem.names, transpose=transpose, bold=bold, signatures=signatures)
        return _joined(made, " \\\\\n")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True, eq=False, repr=False)
class ByVariable(Result):
    """A derivative by one variable, or by a part of one."""

    variable: Node

    @property
    def moving(self) -> tuple[Node, ...]:
        """The variable."""
        return (self.variable,)


def _joined(program: Program, separator: str) -> str:
    """The result, after statements that name what it shares where it would be too long without."""
    return separator.join([*(f"{name} = {value}" for name, value in program.definitions), *program.results])
