"""Derivatives: from a problem to closed forms, confirmed by numbers before anyone sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

import sympy

from matcalc.calculus.adjoint import children
from matcalc.calculus.engine import Engine
from matcalc.calculus.facts import declared_facts
from matcalc.errors import ArgumentError, ShapeError, UndifferentiableError, UnknownNameError, VerificationError
from matcalc.exchange.interchange import from_sympy, own_symbols, to_sympy
from matcalc.language.parser import parse
from matcalc.language.problem import Problem, user_shape
from matcalc.nodes.expr import Node, head, is_scalar, name_of, postorder, properties
from matcalc.numeric.function import Function, function
from matcalc.numeric.verify import Verification
from matcalc.numeric.verify import verify as verify_numbers
from matcalc.printing.latex import Transpose, latex_program
from matcalc.printing.layout import Program
from matcalc.printing.text import text, text_program
from matcalc.printing.unicode import unicode_program
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulefiles.signatures import RULES

CONVENTIONS = ("structured", "independent")
_UNEVALUATED = frozenset({"dpow", "dexpm", "dlogm"})
"""Derivatives of matrix functions that stay as such: a closed form has none."""


@dataclass(frozen=True, eq=False)
class Derivation:
    """A gradient G with df = tr(G'*dX): its closed form, when it holds, and how it was verified."""

    problem: Problem
    wrt: str
    variable: Node
    node: Node
    convention: str
    engine: Engine = field(repr=False)
    verification: Verification | None = None
    symbols: Mapping[str, sympy.Basic] = field(default_factory=dict, repr=False)
    kind: str = "gradient"

    @cached_property
    def expression(self) -> sympy.Basic:
        """The closed form as an ordinary SymPy expression, in the symbols of the person's own where there were some."""
        return to_sympy(self.node, self.symbols, self.rules)

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
        """What must hold for the gradient to exist, in words."""
        return self.conditions_in(text)

    def conditions_in(self, write: Callable[[Node], str]) -> tuple[str, ...]:
        """The conditions, their expressions written as in a printed form: `text`, `unicode` or `latex`."""
        return self.engine.conditions(self.variable, write)

    @property
    def shape(self) -> tuple[str | int, ...]:
        """The shape of the gradient, that of the variable: () scalar, (n,) vector, (1, n) row, (m, n) matrix."""
        return user_shape(self.node)

    @cached_property
    def closed_form(self) -> bool:
        """Whether no unevaluated derivative had to stay."""
        return not any(head(e) in _UNEVALUATED for e in postorder([self.node]))

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
        found = latex_program([self.node], self.problem.names, transpose=transpose, bold=bold, signatures=signatures)
        return _joined(found, " \\\\\n")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def verify(self, draws: int = 5, seed: int = 0) -> Verification:
        """The comparison of this gradient with numerical derivatives of f at random points: `.ok` is True, False or None.

        `.max_relative_error` is relative to the larger of two directional derivatives, ⟨G, D⟩ and that of f along D.
        """
        return _compared(self.problem, {self.variable: self.node}, self.convention, self.rules, draws, seed)

    def function(self, target: str = "numpy") -> Function:
        """The gradient as a callable that takes arrays by name and returns an array of the documented shape."""
        if target != "numpy":
            raise ArgumentError(f"there is no target {target!r}", hint='this version evaluates with "numpy"')
        return function(self.node, self.problem, self.rules)


def _joined(program: Program, separator: str) -> str:
    """The result, after statements that name what it shares where it would be too long without."""
    return separator.join([*(f"{name} = {value}" for name, value in program.definitions), *program.results])


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
    rules: Rulebase | None = None,
) -> tuple[Derivation, ...]:
    """The gradients of one scalar by several variables or intermediates (None: by every variable), sharing their work.

    Cost: linear in the size of the expression's graph.
    """
    if convention not in CONVENTIONS:
        raise ArgumentError(f"unknown convention {convention!r}", hint=f"it is one of {', '.join(CONVENTIONS)}")
    known = rules or rulebase()
    read = _read(problem, declare, known)
    occurring = _occurring(read)
    names = read.names
    leaves = _free(read, occurring) if wrt is None else [_leaf(read, w, names, occurring) for w in wrt]
    if not leaves:
        raise UndifferentiableError(
            "there is nothing to differentiate by",
            source=read.source,
            hint="name a variable with wrt, or declare none constant",
        )
    strange = [name_of(e) for e in occurring if name_of(e) not in names and name_of(e) not in read.sizes]
    if strange:
        raise UndifferentiableError(
            f"{min(strange)} is a differential, of which no gradient is taken", hint="write f itself: its gradient is derived"
        )
    if not is_scalar(read.expression):
        raise ShapeError(
            f"a gradient is that of a scalar; {text(read.expression)} has shape {_dims(read.shape)}",
            source=read.source,
            hint="make a scalar of it first: its norm, its sum, or inner(G, F) with a cotangent G",
        )
    symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
    engine = Engine(read, known)
    results = engine.gradients(leaves, convention)
    verdict = _verified(read, results, convention, known) if verify else None
    return tuple(Derivation(read, name_of(X), X, results[X], convention, engine, verdict, symbols) for X in leaves)


def _read(problem: Problem | str | sympy.Basic, declare: str | Iterable[str] | None, rules: Rulebase) -> Problem:
    """The problem that was given as such, as text, or as a SymPy expression."""
    if isinstance(problem, Problem):
        return problem
    if isinstance(problem, str):
        return parse(problem, declare, signatures=rules.signatures)
    node, variables, sizes = from_sympy(problem, rules=rules)
    return Problem(text(node), node, variables=variables, sizes=sizes)


def _compared(
    problem: Problem, results: dict[Node, Node], convention: str, rules: Rulebase, draws: int = 5, seed: int = 0
) -> Verification:
    """The verdict on the results."""
    return verify_numbers(
        problem.expression,
        results,
        definitions=problem.definitions,
        facts=(*problem.facts, *declared_facts(_with_several_structures(problem), rules)),
        draws=draws,
        seed=seed,
        independent=convention == "independent",
        rules=rules,
    )


def _verified(problem: Problem, results: dict[Node, Node], convention: str, rules: Rulebase) -> Verification:
    """The verdict on the results; VerificationError where numbers contradict one."""
    verdict = _compared(problem, results, convention, rules)
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
        record for e in _graph(problem) if (record := rules.rule_of(e)) is not None and not record.file.is_relative_to(RULES)
    }
    if not used:
        return "this is a fault of matcalc; please report the problem as you typed it"
    first = min(used, key=lambda record: record.name)
    check = f"matcalc rules check {first.name} --rules {first.file}"
    return f"it uses [{first.name}] of {first.file}: `{check}` tells whether that rule holds"


def _with_several_structures(problem: Problem) -> list[Node]:
    """The variables of several declared structures: a random one of the last has to be brought into the others."""
    return [X for X in problem.variables.values() if len(properties(X)) > 1]


def _free(problem: Problem, occurring: set[Node]) -> list[Node]:
    """Every variable that may be differentiated by: no integers, none declared constant."""
    return [
        X
        for name, X in problem.variables.items()
        if X in occurring and name not in problem.constants and "integer" not in properties(X)
    ]


def _leaf(problem: Problem, wrt: str | sympy.Basic, names: Mapping[str, Node], occurring: set[Node]) -> Node:
    """The variable or intermediate of that name."""
    name = wrt if isinstance(wrt, str) else str(getattr(wrt, "name", wrt))
    X = names.get(name) or problem.find(name.removeprefix("\\"))
    if X is None:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the variables are {', '.join(names)}"
        raise UnknownNameError(f"there is no variable {name} to differentiate by", hint=hint)
    if "integer" in properties(X):
        raise UndifferentiableError(f"{name} is an integer: nothing is differentiated by it", hint="declare it as a scalar")
    if X not in occurring:
        found = ", ".join(known for known, node in names.items() if node in occurring)
        raise UndifferentiableError(f"{name} does not occur in the expression", hint=f"it depends on {found}" if found else "")
    return X


def _occurring(problem: Problem) -> set[Node]:
    return {e for e in _graph(problem) if head(e) == "symbol"}


def _graph(problem: Problem) -> Iterator[Node]:
    """Every node of a problem, through its named parts."""
    return postorder([problem.expression], lambda e: children(e, problem.definitions))


def _dims(dims: tuple[str | int, ...]) -> str:
    return " x ".join(map(str, dims)) if len(dims) != 1 else f"{dims[0]} x 1"
