"""Solutions as a person or a program reads them: text, Unicode, LaTeX, Markdown, a web page or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from unicodedata import normalize

from matcalc.document import Block, Chain, Document, Row
from matcalc.explain import Explanation, chain, printed, works
from matcalc.nodes.expr import Node, is_scalar
from matcalc.printing.latex import Transpose
from matcalc.printing.text import text
from matcalc.report import described, snippet, told_steps
from matcalc.statement import Notation, notation, statement

if TYPE_CHECKING:
    from matcalc.solution import Solution, StationaryPoint


def page(
    form: str,
    solution: Solution,
    *,
    steps: bool = False,
    transpose: Transpose = "top",
    bold: bool = False,
    standalone: bool = False,
    fold: bool = False,
) -> Explanation:
    """What was asked, the solutions, and what is to be said of them, as "text", "unicode", "latex", "markdown" or "html".

    With `steps` the derivation stands between.
    """
    words = notation(form, solution.rules.signatures, transpose, bold)
    doc = _document(words, solution, steps)
    if form == "latex" and not (steps or standalone):
        comments = _document(notation("text", solution.rules.signatures), solution, steps)
        return Explanation.of(snippet(comments, doc.blocks[-1].chains[0].rows))
    return printed(doc, form, standalone, fold)


def _document(words: Notation, s: Solution, steps: bool) -> Document:
    problem = s.problem
    taken = {*problem.names, *problem.sizes}
    stated = statement(words, problem)
    if s.constraints:
        rows = words.rows([(words.write(left), words.write(right)) for left, right in s.constraints])
        stated = replace(stated, chains=(*stated.chains, Chain(rows, "subject to")))
    blocks = [stated]
    if steps and s.steps:
        taken |= {normalize("NFKC", row.left) for row in stated.chains[0].rows}
        blocks.append(Block("", chain(words, s.steps, taken)))
    if not steps or len(s.points) != 1:
        blocks.append(_result(words, s))
    reasons = dict.fromkeys(r for step in s.steps for r in step.reasons) if steps else {}
    title = f"The stationary points of {words.said(problem.label)} with respect to {words.said(s.variable)}" if steps else ""
    remarks = tuple(words.signed(r) for r in _remarks(words, s))
    return Document(title, tuple(blocks), remarks, works(s.rules, reasons) if steps else ())


def _result(words: Notation, s: Solution) -> Block:
    """The solutions; what else the equation that remains."""
    if s.points:
        return Block("", (Chain(_rows(words, [(words.write(s.variable), p.named(p.node)) for p in s.points], s)),))
    return Block("", (Chain(_rows(words, [(words.write(left), right) for left, right in s.remaining], s)),))


def _rows(words: Notation, equations: list[tuple[str, Node]], s: Solution) -> tuple[Row, ...]:
    shown = words.results([right for _, right in equations], {*s.problem.names, *s.problem.sizes})
    rows = words.rows([(left, right) for (left, _), right in zip(equations, shown.results, strict=True)])
    return (*words.rows(shown.definitions), *rows)


def _remarks(words: Notation, s: Solution) -> Iterator[str]:
    """What was assumed, under which conditions each solution holds, its kind, and what numbers say."""
    yield from (f"note: {note}" for note in s.problem.notes)
    several = len(s.points) > 1
    for number, p in enumerate(s.points, 1):
        which = f"solution {number}: " if several else ""
        conditions = p.conditions_in(words.said)
        if conditions:
            yield f"{which}holds where {' and '.join(conditions)}"
        yield which + "; ".join(filter(None, [_unique(s) if not several else "", kind_in_words(words, p)]))
    if several:
        yield (
            "the stationary points that were found: there may be others" if s.found_some else "these are all stationary points"
        )
    yield from s.remarks_in(words.said)
    yield from _verdict(words, s)


def _unique(s: Solution) -> str:
    if s.unique:
        return "the only stationary point"
    return "a stationary point; there may be others" if s.unique is False else ""


def kind_in_words(words: Notation, p: StationaryPoint) -> str:
    """`a minimum for alpha > 0`, `a maximum at the points tried`."""
    if not p.kind:
        return "its kind depends on the values" if p.kinds else ""
    if p.by_structure:
        where = ", ".join(
            words.inline(f"{words.write(a)} > 0") if is_scalar(a) else f"{words.said(a)} positive definite" for a in p.positive
        )
        return f"a {p.kind} for {where}" if where else f"a {p.kind}"
    where = "".join(f" with {words.inline(f'{words.write(a)} > 0')}" for a in p.where)
    if p.kind == "degenerate":
        return "flat in some direction at the points tried"
    return f"a {p.kind} at the points tried{where}"


def _verdict(words: Notation, s: Solution) -> Iterator[str]:
    """One line for what numbers have confirmed, or why they have not."""
    if not (s.points or s.eigenproblem):
        return
    check = s.verification
    if check is None:
        yield f"{words.no}: not asked for"
    elif check.ok:
        held = ", the constraints hold" if s.constraints else ""
        along = " along the constraints" if s.constraints else ""
        yield (
            f"{words.yes} by numbers at {check.draws} random points: there the gradient vanishes{along}{held},"
            f" and beside it does not; largest relative error {check.max_relative_error:.0e}"
        )
    else:
        yield f"{words.no}: {check.reason}"


# ---------------------------------------------------------------- JSON


def as_json(s: Solution, steps: bool = False) -> str:
    """The problem, the equation, and every solution, as one object."""
    words = notation("text", s.rules.signatures)
    check = s.verification
    found: dict[str, object] = {
        **described(s.problem),
        "wrt": text(s.variable),
        "constraints": [f"{text(left)} == {text(right)}" for left, right in s.constraints],
        "equation": f"{text(s.equation)} == 0",
        "solved": s.solved,
        "unique": s.unique,
        "verified": check.ok if check else None,
        "max_relative_error": check.max_relative_error if check and check.ok is not None else None,
        "solutions": [_point(words, s, p) for p in s.points],
        "remarks": list(s.remarks_in(text)),
    }
    if not s.points:
        found["remaining"] = [f"{text(left)} == {text(right)}" for left, right in s.remaining]
    if steps:
        found["steps"] = told_steps(s.steps)
    return json.dumps(found, indent=2)


def _point(words: Notation, s: Solution, p: StationaryPoint) -> dict[str, object]:
    return {
        "wrt": text(s.variable),
        "text": s.write(p.named(p.node), "text"),
        "unicode": s.write(p.named(p.node), "unicode"),
        "latex": s.write(p.named(p.node), "latex"),
        "kind": p.kind,
        "said": kind_in_words(words, p),
        "conditions": list(p.conditions_in(text)),
    }
