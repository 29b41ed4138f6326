"""A person's own answer against the derivation: decided by numbers at many points, explained by algebra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import sympy

from matcalc.calculus.adjoint import children, depends_on
from matcalc.calculus.conditions import conditions as holding
from matcalc.calculus.engine import Engine
from matcalc.claims.chains import chain
from matcalc.claims.conditions import Condition, conditions
from matcalc.claims.mends import mend
from matcalc.claims.points import Restriction, compare
from matcalc.claims.question import Question
from matcalc.claims.reading import Left, differentials, equation, formula, joined, left_side, like, of_matrices, sides
from matcalc.claims.relations import factor
from matcalc.claims.smallest import counterexample
from matcalc.claims.termwise import Terms, compared_terms
from matcalc.claims.verdict import Verdict, Word, dims_said
from matcalc.derivation import gradients
from matcalc.differentials import differential as differential_of
from matcalc.errors import ArgumentError, ParseError, ShapeError
from matcalc.jacobians import jacobian
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import add, is_zero, transpose
from matcalc.nodes.expr import ONE, Node, head, is_scalar, name_of, operands, postorder, properties, shape
from matcalc.printing.text import text
from matcalc.request import graph, read_problem
from matcalc.result import Result
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulebase.differential import differential
from matcalc.sides import Side


@dataclass(frozen=True)
class _Asked:
    """A question, the words for what the claim is compared with, and how to read a claim once more."""

    question: Question
    source: str
    what: str
    side: Side | None
    names: Mapping[str, Node]
    engine: Engine
    latex: bool | None = None
    error: ShapeError | None = None
    also: tuple[tuple[Condition, Node], ...] = ()
    note: str = ""

    def read(self, source: str) -> Node:
        q = self.question
        read = partial(formula, problem=q.problem, known=self.names, rules=q.rules, latex=self.latex, dims=shape(q.truth))
        try:
            return like(read(source), q.truth)
        except ShapeError as error:
            if is_scalar(q.truth) or "size" not in error.what:
                raise
            sizes = ", ".join(text(d) for d in shape(q.truth))
            return read(f"({source}) + zeros({sizes})")  # an I takes its size from where it stands


def check(
    expr: Problem | str | sympy.Basic,
    wrt: str | None = None,
    claim: str | None = None,
    *,
    step: str | None = None,
    declare: str | Iterable[str] | None = None,
    convention: str = "structured",
    latex: bool | None = None,
    rules: Rulebase | None = None,
) -> Verdict:
    """The verdict on a claim: that it is the derivative of expr by wrt; without wrt, that it equals expr.

    An identity may also be given as one text, "A = B".  A `step` is a claimed line of the derivation: "df = tr(…)" in the
    differentials dX, "df/dZ = …" by an intermediate, or "Z = …".
    The claim is in the language or LaTeX, in the names of the problem.
    Raises: MatcalcError where expr or the claim cannot be read.

    >>> print(check("norm(X*w - y)^2", "w", "X'*(X*w - y)").headline())
    off by a factor: the gradient is 2 times your answer
    >>> check("tr(A*B)", None, "tr(B*A)").verdict
    'equal'
    """
    known = rules or rulebase()
    if step is not None:
        if claim is not None:
            raise ArgumentError("a claim and a step are checked one at a time", hint="leave out one of them")
        return _judged(_of_step(expr, wrt, step, declare, convention, latex, known))
    if wrt is None:
        return _judged(_of_identity(expr, claim, declare, latex, known))
    if claim is None:
        raise ArgumentError("there is no claim to check", hint="give the answer after the expression")
    return _judged(_of_derivative(expr, wrt, claim, declare, convention, latex, known))


# ---------------------------------------------------------------- what is asked


def _of_derivative(
    expr: Problem | str | sympy.Basic,
    wrt: str,
    claim: str,
    declare: str | Iterable[str] | None,
    convention: str,
    latex: bool | None,
    rules: Rulebase,
) -> _Asked:
    problem = read_problem(expr, declare, rules, wrt).entry
    also: tuple[tuple[Condition, Node], ...] = ()
    found: Result
    if is_scalar(problem.expression):
        found = gradients(problem, [wrt], convention=convention, rules=rules)[0]
        what, X = "the gradient", found.moving[0]
        if found.engine.plain.structures.subspaces(X):
            also = _conventions(problem, found, convention)
    else:
        found = jacobian(problem, wrt, rules=rules)
        what, X = "the Jacobian", found.moving[0]
        if is_scalar(X):
            what = "the derivative"
    places = {name_of(o): o for o in operands(X)[1:] if head(o) == "symbol"}
    names = {**found.problem.names, **places}
    _, right = equation(claim)
    part = None if head(X) == "symbol" else X
    asked = _asked(found.problem, found.node, right, what, found.side, names, found.engine, latex, rules, part=part, also=also)
    return replace(asked, note=_unconfirmed(found))


def _conventions(problem: Problem, found: Result, convention: str) -> tuple[tuple[Condition, Node], ...]:
    """The gradients by a structured variable in the other conventions, each with the words that tell it."""
    X, name = found.moving[0], found.wrt
    engine = found.engine
    said = {
        "structured": f"{name} moves inside its structure",
        "independent": f"each independent entry of {name} is counted once",
    }
    others = [c for c in said if c != convention]
    made = [(Condition(said[c], "convention", (name,), Restriction()), engine.gradients([X], c)[X]) for c in others]
    free = engine.record([X])[1][X]
    return (*made, (Condition(f"{name} is differentiated by as a free matrix", "convention", (name,), Restriction()), free))


def _of_identity(
    expr: Problem | str | sympy.Basic,
    claim: str | None,
    declare: str | Iterable[str] | None,
    latex: bool | None,
    rules: Rulebase,
) -> _Asked:
    declared = (declare,) if isinstance(declare, str) else tuple(declare or ())
    if claim is None:
        if not isinstance(expr, str):
            raise ArgumentError("there is no claim to check", hint="give the other side of the identity")
        *before, last = expr.strip().split("\n")
        left, claim = equation(last)
        if not left:
            hint = 'an identity is "A = B"; an answer goes with the variable: --wrt x'
            raise ArgumentError("there is nothing to compare the expression with", hint=hint)
        expr = "\n".join([*before, left])
    if not claim.strip():
        raise ParseError("one side of the identity is empty", hint='an identity is "A = B"')
    if isinstance(expr, str):
        problem = joined(expr, claim, declared, rules, latex)
    else:
        problem = read_problem(expr, declare, rules)
    defined = list(problem.definitions.items())
    names = problem.names
    names_before = {*names, *problem.sizes} - {name_of(Z) for Z, _ in defined[-2:]}
    if len(defined) >= 2 and (name_of(defined[-2][0]), name_of(defined[-1][0])) == sides(names_before):
        (lhs, left_node), (rhs, right_node) = defined[-2:]
        kept = dict(defined[:-2])
        problem = replace(problem, expression=left_node, definitions=kept, source=expr if isinstance(expr, str) else "")
        names = {n: e for n, e in names.items() if e not in (lhs, rhs)}
        question = Question(problem, left_node, like(right_node, left_node), rules, kept, known=names)
        return _Asked(question, claim, "the left side", None, names, Engine(problem, rules), latex)
    return _asked(problem, problem.expression, claim, "the left side", None, names, Engine(problem, rules), latex, rules)


def _of_step(
    expr: Problem | str | sympy.Basic,
    wrt: str | None,
    step: str,
    declare: str | Iterable[str] | None,
    convention: str,
    latex: bool | None,
    rules: Rulebase,
) -> _Asked:
    problem = read_problem(expr, declare, rules, wrt).entry
    left, right = equation(step)
    if not left:
        hint = 'a step is an equation: "df = …", "df/dX = …" or "Z = …"'
        raise ArgumentError("this is no step of a derivation", source=step, span=(0, len(step)), hint=hint)
    side: Left = left_side(left, problem)
    label = text(problem.label)
    if side.by:
        of = _named(problem, side.of, label)
        return _of_derivative(of, side.by, right, declare, convention, latex, rules)
    if not side.of:
        names = problem.names
        value = problem.label if side.value == label else formula(side.value, problem, names, rules, latex)
        truth = problem.expression if value is problem.label else value
        return _asked(problem, truth, right, "the left side", None, names, Engine(problem, rules), latex, rules)
    return _of_differential(_named(problem, side.of, label), wrt, right, latex, rules)


def _named(problem: Problem, name: str, label: str) -> Problem:
    """The problem of which a named part is the expression."""
    found = problem.find(name)
    if name == label or found is None or found not in problem.definitions:
        return problem
    return replace(problem, expression=found)


def _of_differential(problem: Problem, wrt: str | None, right: str, latex: bool | None, rules: Rulebase) -> _Asked:
    moves = differentials(problem.names, rules)
    names = {**problem.names, **{d: e for d, e in moves.items() if d not in problem.names}}
    there = set(graph(problem))
    free = [
        n for n, X in problem.variables.items() if X in there and n not in problem.constants and "integer" not in properties(X)
    ]
    error = None
    try:
        claimed: Node | None = formula(right, problem, names, rules, latex)
    except ShapeError as found:
        claimed, error = None, found
    stated = set() if claimed is None else {name_of(e) for e in postorder([claimed]) if head(e) == "symbol"}
    moving = [n for n in free if f"d{n}" in stated] if wrt is None else [wrt]
    if wrt is None:
        reached = depends_on([problem.expression], {problem.names[n] for n in moving}, problem.definitions)
        moving += [name_of(Z) for Z in problem.definitions if f"d{name_of(Z)}" in stated and id(Z) not in reached]
    moving = moving or free
    result = differential_of(problem, moving, rules=rules)
    tangents: dict[Node, Node] = {problem.names[n]: moves[f"d{n}"] for n in moving}
    defined = dict(problem.definitions)
    for Z, value in problem.definitions.items():
        if Z not in tangents:
            dZ = differential(value, tangents, rules)
            if not is_zero(dZ):
                tangents[Z] = moves[f"d{name_of(Z)}"]
                defined[tangents[Z]] = dZ
    by_name = any(f"d{name_of(Z)}" in stated for Z in problem.definitions)
    if by_name or not is_scalar(problem.expression):
        shown = result.engine.simplifier(differential(problem.expression, tangents, rules))
    else:
        shown = add(*result.engine.differential(result.variables))
    question = Question(problem, shown, shown if claimed is None else like(claimed, shown), rules, defined, known=names)
    side = Side("differential", problem.label)
    note = _unconfirmed(result)
    return _Asked(question, right, "the differential", side, names, result.engine, latex, error, note=note)


def _unconfirmed(found: Result) -> str:
    """Why numbers have not confirmed the derivation itself; "" where they have."""
    return found.check.reason if found.check is not None and found.check.ok is None else ""


def _asked(
    problem: Problem,
    truth: Node,
    source: str,
    what: str,
    side: Side | None,
    names: Mapping[str, Node],
    engine: Engine,
    latex: bool | None,
    rules: Rulebase,
    *,
    part: Node | None = None,
    also: tuple[tuple[Condition, Node], ...] = (),
) -> _Asked:
    question = Question(problem, truth, truth, rules, problem.definitions, part, names)
    asked = _Asked(question, source, what, side, names, engine, latex, also=also)
    try:
        return replace(asked, question=replace(question, claim=asked.read(source)))
    except ShapeError as error:
        return replace(asked, error=error)


# ---------------------------------------------------------------- what is to be said


@np.errstate(all="ignore")
def _judged(asked: _Asked) -> Verdict:
    """The verdict, by numbers; what explains it."""
    q = asked.question
    tell = partial(_verdict, asked)
    if asked.error is not None:
        what = asked.error.what[0].lower() + asked.error.what[1:]
        return tell("shape", claim=None, reason=f"in {_yours(asked)}, {what}", mended=_mended(asked))
    if shape(q.claim) != shape(q.truth):
        return _of_other_shape(asked)
    found = compare(q, q.truth, q.claim)
    if found.ok is None:
        return tell("unchecked", reason=found.reason)
    if found.ok:
        steps, holds = chain(q, asked.engine), _holds(asked)
        return tell("equal", draws=found.draws, max_relative_error=found.error, steps=steps, holds=holds)
    if "\\" in asked.source and (other := of_matrices(q.claim, q.rules)) is not q.claim:
        again = replace(asked, question=replace(q, claim=other), source=text(other))
        if compare(q, q.truth, other).ok:
            return _judged(again)
    tell = partial(tell, draws=found.draws, counterexample=counterexample(q, q.truth, q.claim))
    c = factor(q, q.truth, q.claim)
    if c is not None:
        return tell("factor", factor=c)
    turned = _turned(asked)
    if turned is not None and asked.side is not None:
        return tell("transposed", factor=None if turned is ONE else turned)
    for met, other in asked.also:
        if compare(q, other, q.claim).ok:
            return tell("only if", alternatives=(met,))
    terms = compared_terms(q, q.truth, q.claim)
    enough = conditions(q, q.truth, q.claim)
    if enough:
        return tell("only if", alternatives=enough, terms=terms or Terms())
    if turned is not None:
        return tell("transposed", factor=None if turned is ONE else turned)
    mended = _mended(asked)
    if terms is not None:
        return tell("terms", terms=terms, mended=mended)
    return tell("wrong", mended=mended)


def _holds(asked: _Asked) -> tuple[str, ...]:
    """What must hold for both to have a value, in words."""
    q = asked.question
    nodes = postorder([q.truth, q.claim], lambda e: children(e, q.problem.definitions))
    found = holding(nodes, q.rules, asked.engine.plain.structures, text, {})
    return tuple({says.replace("'", ""): says for says in reversed(found)}.values())[::-1]


def _of_other_shape(asked: _Asked) -> Verdict:
    q = asked.question
    example = counterexample(q, q.truth, q.claim)
    turned = _turned(asked)
    if turned is not None:
        factor_ = None if turned is ONE else turned
        return _verdict(asked, "transposed", factor=factor_, counterexample=example)
    reason = f"{asked.what} is {dims_said(q.truth)}, {_yours(asked)} {dims_said(q.claim)}"
    return _verdict(asked, "shape", reason=reason, mended=_mended(asked), counterexample=example)


def _turned(asked: _Asked) -> Node | None:
    """The c with truth = c*claim'; None for none."""
    q = asked.question
    if is_scalar(q.claim) or shape(q.claim) != tuple(reversed(shape(q.truth))):
        return None
    claim = transpose(q.claim)
    return ONE if compare(q, q.truth, claim).ok else factor(q, q.truth, claim)


def _mended(asked: _Asked) -> Any:
    q = asked.question
    latex = asked.latex or "\\" in asked.source
    if latex and asked.error is not None:
        return None
    source = text(q.claim) if latex else asked.source
    plain = replace(asked, latex=False)
    return mend(q, source, plain.read, text(q.truth))


def _verdict(asked: _Asked, word: Word, **told: Any) -> Verdict:
    q = asked.question
    told.setdefault("claim", q.claim)
    return Verdict(
        verdict=word,
        problem=q.problem,
        truth=q.truth,
        source=asked.source,
        what=asked.what,
        rules=q.rules,
        side=asked.side,
        yours=_yours(asked),
        names=q.known,
        note=asked.note,
        **told,
    )


def _yours(asked: _Asked) -> str:
    return "the right side" if asked.side is None else "your answer"
