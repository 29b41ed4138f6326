"""A derived problem as a person or a program reads it: text, Unicode, LaTeX, Markdown, a web page or JSON.

The problem as it was understood, each gradient, the conditions under which it holds, what was assumed, the verdict of the
comparison with numbers.  The head of the text form is itself a problem that `parse` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from matcalc import document
from matcalc.calculus.cases import Case
from matcalc.document import Block, Chain, Document, Row, Why
from matcalc.errors import ArgumentError
from matcalc.explain import explain
from matcalc.language.problem import Problem, kind_of, user_shape
from matcalc.nodes.expr import Node, name_of
from matcalc.nodes.families import stated
from matcalc.printing.latex import Transpose
from matcalc.printing.text import text
from matcalc.result import Result
from matcalc.sides import Side
from matcalc.statement import Notation, notation, statement
from matcalc.steps import Step

_NAMED = 4
"""How many gradients a remark names one by one."""


def render(
    form: str,
    problem: Problem,
    results: Sequence[Result],
    *,
    steps: bool = False,
    cases: bool = False,
    transpose: Transpose = "top",
    bold: bool = False,
    standalone: bool = False,
) -> str:
    """The report on the results, one or more, in a format: "text", "unicode", "latex", "markdown", "html" or "json".

    With `cases` results that compare indices are told for equal and for different ones.
    The mark of transposes and bold matrices are for LaTeX, Markdown and HTML; standalone makes the LaTeX a file of its own.
    """
    if form == "json":
        return _json(problem, results, steps, cases)
    if steps:
        return explain(form, results, transpose=transpose, bold=bold, standalone=standalone)
    signatures = results[0].rules.signatures
    found = _document(notation(form, signatures, transpose, bold), problem, results, cases)
    if form == "latex" and not standalone:
        return snippet(_document(notation("text", signatures), problem, results, cases), found.blocks[1].chains[0].rows)
    return document.latex(found, standalone=True) if form == "latex" else _PAGES[form](found)


_PAGES: dict[str, Callable[[Document], str]] = {
    "text": document.text,
    "unicode": document.unicode,
    "markdown": document.markdown,
    "html": document.html,
}


def _document(words: Notation, problem: Problem, results: Sequence[Result], by_cases: bool) -> Document:
    """The problem, the results, and what is to be said of them."""
    several = len({X for d in results for X in d.moving}) > 1
    told = [line for d in results for line in _lines(words, d, by_cases, several)]
    shared, found = words.results([node for _, node, _ in told], {*problem.names, *problem.sizes})
    rows = [
        Row(words.left(side), words.pieces(right), tuple(map(Why, why)))
        for (side, _, why), right in zip(told, found, strict=True)
    ]
    labels = [words.left(d.side, within_words=True) for d in results]
    result = Block("", (Chain((*words.rows(shared), *rows)),))
    blocks = [made for d in results if (made := d.blocks) is not None]
    checked = [*labels, *(words.left(made.side, within_words=True) for made in blocks)]
    remarks = (*_remarks(words, labels, problem, results), *_verdicts(words, checked, [*results, *blocks]))
    return Document("", (statement(words, problem), result), remarks)


def _lines(words: Notation, d: Result, by_cases: bool, several: bool) -> Iterator[tuple[Side, Node, Sequence[str]]]:
    """(left side, right side, remarks beside) for a result, by cases of its indices or not, and for what is told with it.

    Where results are by several variables, what is told with one says of which.
    """
    whole = words.inline(words.write(d.moving[0]))
    for case in d.cases if by_cases else (Case((), d.node),):
        yield d.side, case.node, [f"where {words.relation(r)}" for r in case.where]
    for _, side, node in () if d.is_told_alone else d.companions:
        yield side, node, [f"where only {whole} moves"] if several else ()
    if d.blocks is not None:
        yield d.blocks.side, d.blocks.node, [f"block diagonal by {d.blocks.said['by']} of {whole}"]


def snippet(comments: Document, equations: Sequence[Row]) -> str:
    """The equations in LaTeX, ready to paste, after the rest as comments."""
    said = document.text(replace(comments, blocks=comments.blocks[:1]))
    above = [f"% {line}" for line in said.splitlines() if line]
    if len(equations) == 1 and len(equations[0].right) == 1:
        return "\n".join([*above, f"{equations[0].left} = {equations[0].right[0]}"])
    return "\n".join([*above, r"\begin{aligned}", document.aligned(equations), r"\end{aligned}"])


def _json(problem: Problem, results: Sequence[Result], steps: bool, cases: bool) -> str:
    return json.dumps({**described(problem), "derivatives": [_derivative(d, steps, cases) for d in results]}, indent=2)


def described(problem: Problem) -> dict[str, object]:
    """The problem as it was understood, for JSON."""
    return {
        "input": problem.source,
        "expression": text(problem.expression),
        "shape": problem.shape,
        "definitions": {name_of(leaf): text(value) for leaf, value in problem.definitions.items()},
        "variables": {name: _variable(e) for name, e in problem.variables.items()},
        "notes": problem.notes,
    }


def _variable(e: Node) -> dict[str, object]:
    return {"kind": kind_of(e), "shape": user_shape(e), "properties": stated(e)}


def _derivative(d: Result, steps: bool, cases: bool) -> dict[str, object]:
    check = d.check
    found: dict[str, object] = {
        "wrt": d.wrt,
        "kind": d.kind,
        "shape": d.shape,
        "text": str(d),
        "unicode": d.unicode(),
        "latex": d.latex(),
        "closed_form": d.closed_form,
        "conditions": d.conditions,
        "notes": d.notes,
        "verified": check.ok if check else None,
        "max_relative_error": check.max_relative_error if check and check.ok is not None else None,
    }
    if cases:
        relation = notation("text", d.rules.signatures).relation
        found["cases"] = [{"where": [relation(r) for r in case.where], "text": text(case.node)} for case in d.cases]
    found["code"] = _code(d)
    found |= d.said | {name: text(node) for name, _, node in d.companions}
    if d.blocks is not None:
        found["blocks"] = _derivative(d.blocks, steps, cases)
    if steps:
        found["steps"] = told_steps(d.steps)
    return found


def _code(d: Result) -> dict[str, str]:
    """The program of a result by the name of its language; none of what is no function of arrays, or has no spelling."""
    with suppress(ArgumentError):
        return {"numpy": d.code("numpy")}
    return {}


def told_steps(steps: Sequence[Step]) -> list[dict[str, str]]:
    """The steps of a derivation, for JSON."""
    return [{"text": s.text, "latex": s.latex(), "rule": s.rule, "citation": s.citation} for s in steps]


# ---------------------------------------------------------------- remarks


def _remarks(words: Notation, labels: Sequence[str], problem: Problem, results: Sequence[Result]) -> list[str]:
    """What was assumed, and where the results hold; by whom, where that is not all of them."""
    notes = dict.fromkeys([*problem.notes, *(note for d in results for note in d.notes)])
    holders: dict[str, list[str]] = {}
    for label, d in zip(labels, results, strict=True):
        for condition in d.conditions_in(words.said):
            holders.setdefault(condition, []).append(label)
    return [
        *(f"note: {note}" for note in notes),
        *(
            f"holds where {condition}" if len(who) == len(labels) else f"{_together(who)} where {condition}"
            for condition, who in holders.items()
        ),
    ]


def _together(labels: Sequence[str]) -> str:
    """`df/dA holds`, `df/dA and df/dB hold`, `df/dA, df/dB and 98 others hold`."""
    if len(labels) == 1:
        return f"{labels[0]} holds"
    named, last = (labels[:-1], labels[-1]) if len(labels) <= _NAMED else (labels[:2], f"{len(labels) - 2} others")
    return f"{', '.join(named)} and {last} hold"


def _verdicts(words: Notation, labels: Sequence[str], results: Sequence[Result]) -> list[str]:
    """One line for what was confirmed, one for each reason why something was not."""
    checks = [(label, d.check) for label, d in zip(labels, results, strict=True) if d.check is not None]
    sure = [check for _, check in checks if check.ok]
    open_: dict[str, list[str]] = {}
    for label, check in checks:
        if check.ok is None:
            open_.setdefault(check.reason, []).append(label)
    lines = [] if checks else [f"{words.no}: not asked for"]
    if sure:
        methods = " and ".join(dict.fromkeys(check.method for check in sure))
        points = min(check.draws for check in sure)
        error = max(check.max_relative_error for check in sure)
        lines.append(f"{words.yes} by {methods} at {points} random points, largest relative error {error:.0e}")
    return [*lines, *(f"{words.no}: {', '.join(which)}: {reason}" for reason, which in open_.items())]
