"""A derived problem as a person or a program reads it: text, Unicode, LaTeX or JSON.

The problem as it was understood, each gradient, the conditions under which it holds, what was assumed, the verdict of the
comparison with numbers.  The head of the text form is itself a problem that `parse` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from matcalc.derivation import Derivation
from matcalc.language.problem import Problem, declaration, user_shape
from matcalc.nodes.expr import Node, name_of, properties, shape, variable
from matcalc.printing.latex import latex, latex_program
from matcalc.printing.layout import Program
from matcalc.printing.text import text, text_program
from matcalc.printing.unicode import unicode, unicode_program

_Program: TypeAlias = Callable[[Sequence[Node], Iterable[str]], Program]


@dataclass(frozen=True)
class _Notation:
    """What differs between the text and the Unicode report."""

    write: Callable[[Node], str]
    program: _Program
    derivative: str
    declared: Callable[[Node], str]
    where: str
    separator: str
    yes: str
    no: str


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


_TEXT = _Notation(text, text_program, "d{f}/d{x}", declaration, "where ", "; ", "checked", "not checked")
_UNICODE = _Notation(unicode, unicode_program, "∂{f}/∂{x}", _membership, "with ", ", ", "✓ checked", "✗ not checked")


def render(form: str, problem: Problem, derivations: Sequence[Derivation]) -> str:
    """The report in a format: "text", "unicode", "latex" or "json"."""
    return _FORMATS[form](problem, derivations)


def _text(problem: Problem, derivations: Sequence[Derivation]) -> str:
    return _report(_TEXT, problem, derivations)


def _unicode(problem: Problem, derivations: Sequence[Derivation]) -> str:
    return _report(_UNICODE, problem, derivations)


def _report(notation: _Notation, problem: Problem, derivations: Sequence[Derivation]) -> str:
    shared, results = _results(problem, derivations, notation.program)
    f = notation.write(_value(problem))
    labels = [notation.derivative.format(f=f, x=notation.write(d.variable)) for d in derivations]
    paragraphs = [
        [*_aligned(_statements(problem, notation.program)), *_variables(notation, problem)],
        [*_aligned(shared), *_aligned(zip(labels, results, strict=True))],
        [*_remarks(notation, labels, problem, derivations), *_verdicts(notation, labels, derivations)],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def _latex(problem: Problem, derivations: Sequence[Derivation]) -> str:
    """The equations, ready to paste, after the rest as comments."""
    shared, results = _results(problem, derivations, latex_program)
    f = latex(_value(problem))
    left = [rf"\frac{{\partial {f}}}{{\partial {latex(d.variable)}}}" for d in derivations]
    labels = [f"d{text(_value(problem))}/d{d.wrt}" for d in derivations]
    comments = [
        *(f"{name} = {value}" for name, value in _statements(problem, text_program)),
        *_variables(_TEXT, problem),
        *_remarks(_TEXT, labels, problem, derivations),
        *_verdicts(_TEXT, labels, derivations),
    ]
    equations = [*shared, *zip(left, results, strict=True)]
    if len(equations) == 1:
        body = [" = ".join(equations[0])]
    else:
        rows = " \\\\\n".join(" &= ".join(equation) for equation in equations)
        body = [r"\begin{aligned}", rows, r"\end{aligned}"]
    return "\n".join([*(f"% {line}" for line in comments), *body])


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


def _aligned(equations: Iterable[tuple[str, str]]) -> list[str]:
    pairs = list(equations)
    width = max((len(left) for left, _ in pairs), default=0)
    return [f"{left:<{width}} = {right}" for left, right in pairs]


def _variables(notation: _Notation, problem: Problem) -> list[str]:
    """The line that declares every variable, and what may be assumed."""
    declared = [notation.declared(e) + " constant" * (n in problem.constants) for n, e in problem.variables.items()]
    assumed = [f"assume {notation.write(left)} == {notation.write(right)}" for left, right in problem.facts]
    return [notation.where + notation.separator.join([*declared, *assumed])] if declared or assumed else []


def _remarks(notation: _Notation, labels: Sequence[str], problem: Problem, derivations: Sequence[Derivation]) -> list[str]:
    """What was assumed, and where the results hold; by whom, where that is not all of them."""
    notes = dict.fromkeys([*problem.notes, *(note for d in derivations for note in d.notes)])
    holders: dict[str, list[str]] = {}
    for label, d in zip(labels, derivations, strict=True):
        for condition in d.conditions_in(notation.write):
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


_FORMATS: dict[str, Callable[[Problem, Sequence[Derivation]], str]] = {
    "text": _text,
    "unicode": _unicode,
    "latex": _latex,
    "json": _json,
}
