"""Stationary points: in closed form or as the equation that remains, with conditions, kinds, steps, and what numbers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from shlex import join
from typing import TYPE_CHECKING, cast

import sympy

from matcalc.calculus.conditions import conditions, stated
from matcalc.calculus.engine import Engine
from matcalc.calculus.reasons import Reason
from matcalc.codegen.definite import Has, is_definite, is_semidefinite
from matcalc.codegen.outputs import Output, identifier
from matcalc.errors import ArgumentError
from matcalc.exchange.interchange import to_sympy
from matcalc.explain import Explanation
from matcalc.language.problem import Problem, user_shape
from matcalc.nodes.algebra import add, factors, inverse, mul, rebuild, transpose
from matcalc.nodes.expr import ONE, ZERO, Node, head, is_scalar, matrix_node, operands, postorder, properties, shape, substitute
from matcalc.numeric.verdict import Check
from matcalc.printing.latex import Transpose, latex_program
from matcalc.printing.layout import Program
from matcalc.printing.text import text, text_program
from matcalc.printing.unicode import unicode_program
from matcalc.program import program
from matcalc.rulebase.base import Rulebase
from matcalc.statement import FORMATS
from matcalc.stationary.constrained import Eigenproblem
from matcalc.stationary.page import as_json, page
from matcalc.stationary.solver import COLLECTED, Move
from matcalc.stationary.terms import occurs
from matcalc.steps import Step, gradient_steps

if TYPE_CHECKING:
    from matcalc.codegen.function import Function

ZERO_GRADIENT = Reason("the-gradient-is-zero")
LAGRANGIAN = Reason("Lagrangian")
_STRICT = ("posdef", "positive", "nonnegative")


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """One solution: its closed form, its kind where that is known, by structure (for these scalars positive) or by numbers."""

    node: Node
    variable: Node
    engine: Engine = field(repr=False)
    kind: str = ""
    by_structure: bool = False
    positive: tuple[Node, ...] = ()
    kinds: tuple[str, ...] = ()
    moves: tuple[Move, ...] = field(default=(), repr=False)
    complete: bool = False
    inverted: tuple[Node, ...] = ()
    where: tuple[Node, ...] = ()
    naming: Callable[[Node], Node] | None = field(default=None, repr=False)

    def named(self, e: Node) -> Node:
        """An expression in the names that the problem gives to its parts."""
        return e if self.naming is None else self.naming(e)

    def conditions_in(self, write: Callable[[Node], str]) -> tuple[str, ...]:
        """What must hold for it to be defined, and to have the structure that is declared of the variable."""
        structures, rules = self.engine.plain.structures, self.engine.rules

        def said(e: Node) -> str:
            return write(self.named(e))

        kinked = {e for e in postorder([self.node]) if any(word == "offkink" for word, _ in stated(e, rules))}
        asked_of = [x for e in postorder([self.node]) if e not in kinked for x in _asking(e, structures.has)]
        asked_of += [x for e in self.inverted for x in _asking(inverse(e), structures.has)]
        found = conditions(asked_of, rules, structures, said, {})
        asked = [p for p in _STRICT if p in properties(self.variable)][:1]
        if not asked:
            found = (*found, *self.engine.conditions(self.variable, said))
        if is_scalar(self.node):
            asked = [p for p in asked if not getattr(self.node, f"is_{p}")]
        elif any(structures.has(self.node, p) or is_definite(self.node, structures.has) for p in asked):
            asked = []
        says = (rules.structures[p].says.replace("{X}", write(self.variable)) for p in asked if p in rules.structures)
        return tuple(dict.fromkeys((*found, *says)))


def _asking(e: Node, has: Has) -> Iterator[Node]:
    """Operations that ask what e does, in terms of what is known of definite matrices: sqrtm(M'*M) that M'*M is invertible."""
    name = head(e)
    if name not in ("inv", "sqrtm", "sylvester"):
        yield e
        return
    for M in operands(e)[: 2 if name == "sylvester" else 1]:
        M = operands(M)[0] if head(M) == "sqrtm" else M
        if is_definite(M, has):
            continue
        yield inverse(M) if is_semidefinite(M, has) else e


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """The stationary points of a scalar by a variable, or what remains to be solved.

    `equation` is the gradient, simplified, that is to be 0 (under constraints that of the Lagrangian).  `unique` says whether
    there is no other stationary point where the conditions hold, None where it is not known.
    """

    problem: Problem
    variable: Node
    equation: Node
    points: tuple[StationaryPoint, ...]
    engine: Engine = field(repr=False)
    constraints: tuple[tuple[Node, Node], ...] = ()
    unique: bool | None = None
    verification: Check | None = None
    eigenproblem: Eigenproblem | None = None
    symbols: Mapping[str, sympy.Basic] = field(default_factory=dict, repr=False)

    @property
    def solved(self) -> bool:
        """Whether a closed form, or an eigenproblem that is one, was found."""
        return bool(self.points) or self.eigenproblem is not None

    @property
    def wrt(self) -> str:
        """The name of the variable."""
        return text(self.variable)

    @property
    def rules(self) -> Rulebase:
        """The rules that made it."""
        return self.engine.rules

    @property
    def found_some(self) -> bool:
        """Whether there may be stationary points besides those that were found."""
        return not all(p.complete for p in self.points)

    @property
    def node(self) -> Node | None:
        """The first solution; None where there is no closed form."""
        return self.points[0].node if self.points else None

    @property
    def expression(self) -> sympy.Basic | None:
        """The first solution as an ordinary SymPy expression; None where there is no closed form."""
        return None if self.node is None else to_sympy(self.node, self.symbols, self.rules)

    @property
    def shape(self) -> tuple[str | int, ...]:
        """The shape of the variable."""
        return user_shape(self.variable)

    @property
    def kind(self) -> str:
        """What the first solution is: minimum, maximum, saddle, degenerate; "" where that is not known."""
        return self.points[0].kind if self.points else ""

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """What must hold for the first solution, in words."""
        return self.points[0].conditions_in(text) if self.points else ()

    @property
    def remaining(self) -> tuple[tuple[Node, Node], ...]:
        """The equations, left = right, that are left where there is no closed form."""
        if self.points:
            return ()
        if self.eigenproblem is not None:
            return ((self.eigenproblem.equation.left, self.eigenproblem.equation.right), *self.constraints)
        return ((self.equation, ZERO), *self.constraints)

    def remarks_in(self, write: Callable[[Node], str]) -> Iterator[str]:
        """What else is to be known: which eigenvectors, what holds of singular equations, how to go on by numbers."""
        if self.eigenproblem is not None:
            yield from _eigen_words(self.variable, self.eigenproblem, write)
        elif not self.points:
            if occurs(self.equation, self.variable):
                yield f"no closed form was found: what remains is that equation; {_numerically(self)}"
            else:
                yield f"it does not depend on {write(self.variable)}: there is no stationary point, or all are"
        for p in self.points[:1]:
            least = shortest(p.moves, p.variable)
            if least is not None and p.complete:
                M, x = map(p.named, least)
                yield f"where {write(M)} is not invertible there are many, of which {write(x)} is the shortest"

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The derivation: the gradient by the trace method, then the equation until the variable stands alone."""
        first = gradient_steps(self.engine, self.variable, self.equation, "structured", self.symbols).steps
        moves = self.points[0].moves if self.points else (self.eigenproblem.equation,) if self.eigenproblem else ()
        label = self.engine.problem.label
        made = []
        for number, move in enumerate(moves):
            reasons = (ZERO_GRADIENT, move.reason) if number == 0 else (move.reason,)
            made.append(
                Step("gradient", (move.right,), reasons, label, self.variable, self.rules, self.symbols, name=move.left)
            )
        if not self.constraints:
            return (*first, *made)
        stated = (self.engine.problem.expression,)
        opening = Step("gradient", stated, (LAGRANGIAN,), label, None, self.rules, self.symbols, name=label)
        return (opening, *first, *made)

    def write(self, node: Node, form: str, transpose: Transpose = "top", bold: bool = False) -> str:
        """A node as "text", "unicode" or "latex"."""
        names, signatures = self.problem.names, self.rules.signatures
        if form == "latex":
            made = latex_program([node], names, transpose=transpose, bold=bold, signatures=signatures)
            return _joined(made, " \\\\\n")
        made = (unicode_program if form == "unicode" else text_program)([node], names, signatures)
        return _joined(made, "\n")

    def _written(self, form: str, equal: str, transpose: Transpose = "top", bold: bool = False) -> str:
        if self.node is not None:
            return self.write(self.points[0].named(self.node), form, transpose, bold)
        left, right = self.remaining[0]
        return f"{self.write(left, form, transpose, bold)} {equal} {self.write(right, form, transpose, bold)}"

    def __str__(self) -> str:
        return self._written("text", "==")

    def __repr__(self) -> str:
        return f"<solution for {self.wrt}: {self}>"

    def unicode(self) -> str:
        """The closed form, or the equation that remains, for a terminal."""
        return self._written("unicode", "=")

    def latex(self, transpose: Transpose = "top", bold: bool = False) -> str:
        """The closed form, or the equation that remains, in LaTeX, for math mode."""
        return self._written("latex", "=", transpose, bold)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def explain(
        self,
        form: str = "text",
        *,
        steps: bool = True,
        transpose: Transpose = "top",
        bold: bool = False,
        standalone: bool = False,
        fold: bool = False,
    ) -> Explanation:
        """The whole derivation, ready to hand in, as "text", "unicode", "latex", "markdown" or "html"."""
        return page(form, self, steps=steps, transpose=transpose, bold=bold, standalone=standalone, fold=fold)

    def render(
        self,
        form: str,
        *,
        steps: bool = False,
        transpose: Transpose = "top",
        bold: bool = False,
        standalone: bool = False,
    ) -> str:
        """The solutions and what is to be said of them in a format: one of explain(), "json", or a language of programs."""
        if form == "json":
            return self.json(steps)
        if form not in FORMATS:
            return self.code(form)
        return self.explain(form, steps=steps, transpose=transpose, bold=bold, standalone=standalone)

    def json(self, steps: bool = False) -> str:
        """The problem, the equation and every solution as one JSON object."""
        return as_json(self, steps)

    def function(self, target: str = "numpy") -> Function:
        """A callable that takes arrays by name and returns the first solution; `.code` is its source.

        Raises: ArgumentError where there is no closed form, no such target, or where it is not installed.
        """
        if self.node is None:
            raise ArgumentError("there is no closed form to make a program of", hint=_numerically(self))
        short = self.wrt if self.wrt.isidentifier() else "solution"
        output = Output(short, self.node, self.variable, f"{self.wrt} = {self}")
        name, label = f"stationary_point_of_{text(self.problem.label)}", text(self.problem.label)
        title = f"The {self.wrt} at which the gradient of {label} is 0."
        return program(self.engine, [output], target, identifier(name), title, self.conditions)

    def code(self, target: str = "numpy") -> str:
        """The source of a function that computes the first solution, in a language.

        Raises: ArgumentError where there is no closed form or no such target.
        """
        return self.function(target).code


def _joined(made: Program, separator: str) -> str:
    return separator.join([*(f"{name} = {value}" for name, value in made.definitions), *made.results])


def _numerically(s: Solution) -> str:
    """How to go on by numbers."""
    problem = s.problem
    declared = [word for d in problem.declared or problem.declarations for word in ("-d", d)]
    command = join(["matcalc", "code", problem.source, *declared, "--wrt", s.wrt])
    more = ", constraints=…" if s.constraints else ""
    return f"`{command}` gives f and its gradient for scipy.optimize.minimize(…, jac=True{more})"


def _eigen_words(X: Node, e: Eigenproblem, write: Callable[[Node], str]) -> Iterator[str]:
    least, most = ("maximum", "minimum") if e.turned else ("minimum", "maximum")
    of = write(e.A) if is_scalar(e.B) else f"{write(e.A)} relative to {write(e.B)}"
    columns = ONE if is_scalar(X) else shape(X)[1]
    if columns == 1:
        yield f"{write(X)} is an eigenvector of {of}: of the largest eigenvalue at a {most}, of the smallest at a {least}"
        return
    k = write(cast(Node, columns))
    yield (
        f"the columns of {write(X)} are eigenvectors of {of}, up to a rotation among them:"
        f" those of the {k} largest eigenvalues at a {most}, of the {k} smallest at a {least}"
    )


def shortest(moves: tuple[Move, ...], variable: Node) -> tuple[Node, Node] | None:
    """(M, x) for M*X = A'*C with M = A'*A: x = pinv(A)*C."""
    move = next((m for m in moves if m.reason is COLLECTED), None)
    if move is None or is_scalar(move.left) or is_scalar(move.right):
        return None
    parts, right = factors(move.left), factors(move.right)
    if len(parts) != 3 or parts[2] is not variable or transpose(parts[0]) is not parts[1] or right[0] is not parts[0]:
        return None
    A = parts[1]
    pinv = matrix_node("pinv", (A,), shape(A)[::-1])
    return mul(parts[0], A), mul(pinv, *right[1:])


def restored(moves: tuple[Move, ...], shown: Mapping[Node, Node]) -> tuple[Move, ...]:
    """The moves with other names for some leaves."""
    if not shown:
        return moves
    return tuple(
        replace(m, left=substitute(m.left, shown, rebuild), right=substitute(add(m.right), shown, rebuild)) for m in moves
    )
