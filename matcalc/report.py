"""A derived problem as a person or a program reads it: text, Unicode, LaTeX, Markdown, a web page or JSON.

The problem as it was understood, each gradient, the conditions under which it holds, what was assumed, the verdict of the
comparison with numbers.  The head of the text form is itself a problem that `parse` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TypeAlias

from matcalc import document
from matcalc.derivation import Derivation
from matcalc.document import Block, Document, Row
from matcalc.language.problem import Problem, declaration, user_shape
from matcalc.nodes.expr import Node, name_of, properties, shape, variable
from matcalc.printing.latex import Transpose, latex, latex_program
from matcalc.printing.layout import Program
from matcalc.printing.mathml import lines
from matcalc.printing.text import text, text_program
from matcalc.printing.unicode import unicode, unicode_program

_Program: TypeAlias = Callable[[Sequence[Node], Iterable[str]], Program]


@dataclass(frozen=True)
class _Notation:
    """What differs between the reports in text, in Unicode and in LaTeX.

    `write` is for formulas, `said` for those within words; `derivative` and `label` name a gradient in the same two places.
    """

    write: Callable[[Node], str]
    said: Callable[[Node], str]
    program: _Program
    derivative: str
    label: str
    declared: Callable[[Node], str]
    where: str
    separator: str
    equal: str
    yes: str
    no: str
    pieces: Callable[[str], tuple[str, ...]] = lambda formula: (formula,)


_NAMED = 4
"""How many gradients a remark names one by one."""
_RAISED = dict(zip("0123456789dkmnprst×", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵈᵏᵐⁿᵖʳˢᵗˣ", strict=True))


def _membership(e: Node) -> str:
    """`X ∈ ℝⁿˣᵈ symmetric`."""
    dims = "×".join(unicode(d) for d in shape(e)).removesuffix("×1")
    raised = "".join(_RAISED.get(c, "") for c in dims)
    if "integer" in properties(e):
        return f"{unicode(e)} ∈ ℤ"
    space = "ℝ" + (raised if len(raised) == len(dims) else f"^({dims})")
    return " ".join([f"{unicode(e)} ∈ {space}", *sorted(properties(e))])


def _latex_membership(write: Callable[[Node], str], e: Node) -> str:
    r"""`$X \in \mathbb{R}^{n \times d}$ symmetric`."""
    if "integer" in properties(e):
        return rf"${write(e)} \in \mathbb{{Z}}$"
    dims = r" \times ".join(write(d) for d in shape(e)).removesuffix(r" \times 1")
    space = rf"\mathbb{{R}}^{{{dims}}}" if dims else r"\mathbb{R}"
    return " ".join([rf"${write(e)} \in {space}$", *sorted(properties(e))])


_TEXT = _Notation(
    text, text, text_program, "d{f}/d{x}", "d{f}/d{x}", declaration, "where ", "; ", " == ", "checked", "not checked"
)
_UNICODE = _Notation(
    unicode,
    unicode,
    unicode_program,
    "∂{f}/∂{x}",
    "∂{f}/∂{x}",
    _membership,
    "with ",
    ", ",
    " == ",
    "✓ checked",
    "✗ not checked",
)


def _latex_notation(transpose: Transpose, bold: bool) -> _Notation:
    """LaTeX, within words between dollars."""
    write = partial(latex, transpose=transpose, bold=bold)
    return _Notation(
        write,
        lambda e: f"${write(e)}$",
        partial(latex_program, transpose=transpose, bold=bold),
        r"\frac{{\partial {f}}}{{\partial {x}}}",
        r"$\partial {f}/\partial {x}$",
        partial(_latex_membership, write),
        "where ",
        ", ",
        " = ",
        "checked",
        "not checked",
        lines,
    )


def render(
    form: str,
    problem: Problem,
    derivations: Sequence[Derivation],
    *,
    transpose: Transpose = "top",
    bold: bool = False,
    standalone: bool = False,
) -> str:
    """The report in a format: "text", "unicode", "latex", "markdown", "html" or "json".

    The mark of transposes and bold matrices are for LaTeX, Markdown and HTML; standalone makes the LaTeX a file of its own.
    """
    if form == "json":
        return _json(problem, derivations)
    if form == "text":
        return document.text(_document(_TEXT, problem, derivations))
    if form == "unicode":
        return document.unicode(_document(_UNICODE, problem, derivations))
    found = _document(_latex_notation(transpose, bold), problem, derivations)
    if form == "latex":
        comments = _document(_TEXT, problem, derivations)
        return document.latex(found, standalone=True) if standalone else _snippet(comments, found.blocks[1].rows)
    return _PAGES[form](found)


_PAGES: dict[str, Callable[[Document], str]] = {"markdown": document.markdown, "html": document.html}


def _document(notation: _Notation, problem: Problem, derivations: Sequence[Derivation]) -> Document:
    """The problem, the results, and what is to be said of them."""
    shared, results = _results(problem, derivations, notation.program)
    names = [{"f": notation.write(_value(problem)), "x": notation.write(d.variable)} for d in derivations]
    labels = [notation.label.format(**name) for name in names]
    left = [notation.derivative.format(**name) for name in names]
    statement = Block("", _rows(notation, _statements(problem, notation.program)), _variables(notation, problem))
    result = Block("", _rows(notation, [*shared, *zip(left, results, strict=True)]))
    remarks = (*_remarks(notation, labels, problem, derivations), *_verdicts(notation, labels, derivations))
    return Document("", (statement, result), remarks)


def _rows(notation: _Notation, equations: Iterable[tuple[str, str]]) -> tuple[Row, ...]:
    return tuple(Row(left, notation.pieces(right)) for left, right in equations)


def _snippet(comments: Document, equations: Sequence[Row]) -> str:
    """The equations in LaTeX, ready to paste, after the rest as comments."""
    said = document.text(replace(comments, blocks=comments.blocks[:1]))
    above = [f"% {line}" for line in said.splitlines() if line]
    if len(equations) == 1 and len(equations[0].right) == 1:
        return "\n".join([*above, f"{equations[0].left} = {equations[0].right[0]}"])
    return "\n".join([*above, r"\begin{aligned}", document.aligned(equations), r"\end{aligned}"])


def _json(problem: Problem, derivations: Sequence[Derivation]) -> str:
    answer = {
        "input": problem.source,
        "expression": text(problem.expression),
        "shape": problem.shape,
        "definitions": {name_of(leaf): text(value) for leaf, value in problem.definitions.items()},
        "variables": {name: _variable(e) for name, e in problem.variables.items()},
        "notes": problem.notes,
        "derivatives": [_derivative(d) for d in derivations],
    }
    return json.dumps(answer, indent=2)


def _variable(e: Node) -> dict[str, object]:
    dims = user_shape(e)
    return {"kind": ("scalar", "vector", "matrix")[len(dims)], "shape": dims, "properties": sorted(properties(e))}


def _derivative(d: Derivation) -> dict[str, object]:
    check = d.verification.checks[d.wrt] if d.verification is not None else None
    return {
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


# ---------------------------------------------------------------- the parts of a report


def _value(problem: Problem) -> Node:
    """What is differentiated, as a name: the person's own, else f or another letter that is free."""
    named = [leaf for leaf, value in problem.definitions.items() if problem.expression is leaf or problem.expression is value]
    if named:
        return named[-1]
    return variable(next(name for name in _free_names() if name not in _taken(problem)), ())


def _taken(problem: Problem) -> set[str]:
    return {*problem.names, *problem.sizes}


def _free_names() -> Iterator[str]:
    yield from ("f", "g", "h")
    yield from (f"f_{i}" for i in count(1))


def _statements(problem: Problem, program: _Program) -> list[tuple[str, str]]:
    """(name, value) of every statement."""
    named = {**problem.definitions}
    named.setdefault(_value(problem), problem.expression)
    shared, values = program(list(named.values()), ())
    names = program(list(named), ()).results
    return [*shared, *zip(names, values, strict=True)]


def _results(problem: Problem, derivations: Sequence[Derivation], program: _Program) -> Program:
    return program([d.node for d in derivations], _taken(problem))


def _variables(notation: _Notation, problem: Problem) -> tuple[str, ...]:
    """The line that declares every variable, and what may be assumed."""
    declared = [notation.declared(e) + " constant" * (n in problem.constants) for n, e in problem.variables.items()]
    assumed = [f"assume {notation.said(left)}{notation.equal}{notation.said(right)}" for left, right in problem.facts]
    return (notation.where + notation.separator.join([*declared, *assumed]),) if declared or assumed else ()


def _remarks(notation: _Notation, labels: Sequence[str], problem: Problem, derivations: Sequence[Derivation]) -> list[str]:
    """What was assumed, and where the results hold; by whom, where that is not all of them."""
    notes = dict.fromkeys([*problem.notes, *(note for d in derivations for note in d.notes)])
    holders: dict[str, list[str]] = {}
    for label, d in zip(labels, derivations, strict=True):
        for condition in d.conditions_in(notation.said):
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


def _verdicts(notation: _Notation, labels: Sequence[str], derivations: Sequence[Derivation]) -> list[str]:
    """One line for what was confirmed, one for each reason why something was not."""
    checks = [
        (label, d.verification.checks[d.wrt])
        for label, d in zip(labels, derivations, strict=True)
        if d.verification is not None
    ]
    sure = [check for _, check in checks if check.ok]
    open_: dict[str, list[str]] = {}
    for label, check in checks:
        if check.ok is None:
            open_.setdefault(check.reason, []).append(label)
    lines = [] if checks else [f"{notation.no}: not asked for"]
    if sure:
        methods = " and ".join(dict.fromkeys(check.method for check in sure))
        points = min(check.draws for check in sure)
        error = max(check.max_relative_error for check in sure)
        lines.append(f"{notation.yes} by {methods} at {points} random points, largest relative error {error:.0e}")
    return [*lines, *(f"{notation.no}: {', '.join(which)}: {reason}" for reason, which in open_.items())]
