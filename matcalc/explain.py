"""A derivation as a document: the problem, the chain of steps with what justifies each, the verdict, the works cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from unicodedata import normalize

from sympy import Expr

from matcalc import document
from matcalc.calculus.atoms import differential_of_name, paired
from matcalc.calculus.reasons import GRADIENT, HESSIAN, INDEPENDENT, JACOBIAN, LAYOUT, NAMED, SECOND, Reason
from matcalc.document import Block, Chain, Document, Row, Why
from matcalc.language.parser import parse_formula
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import mul, transpose, vec
from matcalc.nodes.differentials import differential_node
from matcalc.nodes.expr import Node, head, is_scalar, postorder, shape, variable
from matcalc.printing.latex import Transpose
from matcalc.printing.text import text
from matcalc.rulebase.base import Record, Rulebase
from matcalc.sides import Side
from matcalc.statement import Notation, notation, statement
from matcalc.steps import Step

if TYPE_CHECKING:
    from matcalc.result import Result

_WORDS = {
    "product": "product rule",
    "quotient": "quotient rule",
    "power": "power rule",
    "collect": "terms collected",
    "independent": "independent entries",
    GRADIENT.name: "the gradient is read off",
    JACOBIAN.name: "the Jacobian is read off",
    HESSIAN.name: "the Hessian is read off",
    SECOND.name: "the second differential",
    LAYOUT.name: "denominator layout: transposed",
}
"""The rules of every differential, which no rule file states."""
_ADJOINT = "-adjoint"
_BRACES = re.compile(r"\{([^{}]*)\}")
_NAMES = {
    "jacobian": "Jacobian",
    "hessian": "Hessian",
    "jvp": "derivative",
    "vjp": "gradient",
    "hvp": "product",
}
"""What a result is called in words, where that is not its kind."""
_TITLES = {
    "gradient": ("The gradient of {f} with respect to {x}", "The gradients of {f} with respect to {x}"),
    "differential": ("The differential of {f}",) * 2,
    "jacobian": ("The Jacobian of {f} with respect to {x}", "The Jacobians of {f} with respect to {x}"),
    "hessian": ("The Hessian of {f} with respect to {x}", "The second derivatives of {f} with respect to {x}"),
    "jvp": ("The derivative of {f} along a direction of {x}",) * 2,
    "vjp": ("The gradient of {f} with respect to {x}",) * 2,
    "hvp": ("The Hessian of {f} with respect to {x}, times a direction",) * 2,
}


class _Printer(Protocol):
    """What IPython gives to what shows itself as text."""

    def text(self, shown: str) -> None:
        """Print it."""


class Explanation(str):
    """A derivation written out; in a notebook it shows itself, the steps of a web page folded."""

    _rich: dict[str, str]

    @classmethod
    def of(cls, shown: str, **rich: str) -> Explanation:
        """The text, and how it shows itself: html, markdown."""
        made = cls(shown)
        made._rich = rich
        return made

    def _repr_html_(self) -> str | None:
        return self._rich.get("html")

    def _repr_markdown_(self) -> str | None:
        return self._rich.get("markdown")

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        printer.text(str(self))


def explain(
    form: str,
    results: Sequence[Result],
    *,
    transpose: Transpose = "top",
    bold: bool = False,
    standalone: bool = False,
    fold: bool = False,
    title: str = "",
) -> Explanation:
    """The derivations of one problem, ready to hand in: "text", "unicode", "latex", "markdown" or "html".

    The mark of transposes and bold matrices are for LaTeX, Markdown and HTML; standalone makes the LaTeX a file of its own;
    fold closes the steps of the web page until they are asked for.
    """
    words = notation(form, results[0].rules.signatures, transpose, bold)
    doc = explanation(words, results, title)
    return printed(doc, form, standalone, fold)


def printed(doc: Document, form: str, standalone: bool, fold: bool) -> Explanation:
    """A document as "text", "unicode", "latex", "markdown" or "html"."""
    if form == "latex":
        return Explanation.of(document.latex(doc, standalone))
    if form == "html":
        return Explanation.of(document.html(doc, fold), html=document.html_part(doc))
    if form == "markdown":
        shown = document.markdown(doc)
        return Explanation.of(shown, markdown=shown)
    return Explanation.of({"text": document.text, "unicode": document.unicode}[form](doc))


def explanation(words: Notation, results: Sequence[Result], title: str = "") -> Document:
    """The document that explains the results, all of one problem: a block for each."""
    problem = results[0].problem
    stated = statement(words, problem)
    first, then, stop = words.words
    stop += f" {then}" if then and len(results) == 1 else ""
    stated = replace(stated, chains=(replace(stated.chains[0], intro=first),), remarks=tuple(r + stop for r in stated.remarks))
    taken = {*problem.names, *problem.sizes, *(normalize("NFKC", row.left) for row in stated.chains[0].rows)}
    blocks = [_block(words, d, taken, several=len(results) > 1) for d in results]
    reasons = dict.fromkeys(r for d in results for step in d.steps for r in step.reasons)
    one, many = _TITLES[results[0].kind]
    names = ", ".join(words.said(X) for X in dict.fromkeys(X for d in results for X in d.moving))
    heading = (many if len(results) > 1 else one).format(f=words.said(problem.label), x=names)
    return Document(title or heading, (stated, *blocks), _remarks(words, problem, results), works(results[0].rules, reasons))


def chain(words: Notation, steps: Sequence[Step], taken: Iterable[str]) -> tuple[Chain, ...]:
    """The steps as a chain of equations; after it what shares a name, where lines would be very long without."""
    shown = words.chain([step.node for step in steps], taken)
    rows: list[Row] = []
    last = ""
    for step, right in zip(steps, shown.results, strict=True):
        left = words.left(step.side)
        why = tuple(dict.fromkeys(_why(words, step, reason) for reason in step.reasons))
        rows.append(Row("" if left == last else left, words.pieces(right), why))
        last = left
    told = Chain(tuple(rows))
    return (told, Chain(words.rows(shown.definitions), "where")) if shown.definitions else (told,)


def _block(words: Notation, d: Result, taken: Iterable[str], *, several: bool) -> Block:
    """The steps to a result, and what holds of it alone."""
    heading = f"With respect to {' and '.join(map(words.said, d.moving))}" if several else ""
    conditions = _listed(d.conditions_in(words.said))
    held = (words.signed(f"It holds where {conditions}."),) if conditions else ()
    if not d.steps:
        return Block(heading, (Chain(words.rows([(words.left(d.side), words.write(d.node))])),))
    return Block(heading, chain(words, d.steps, taken), (*_meanings(words, d), *held))


def _listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _meanings(words: Notation, d: Result) -> Iterator[str]:
    """What the functions are that no textbook has a sign for: dexpm(A, D) is the derivative of expm(A) in the direction D."""
    cited = (e for step in d.steps for r in step.reasons for e in (r.left, r.right) if e is not None)
    for name in dict.fromkeys(head(e) for e in postorder([*(step.node for step in d.steps), *cited])):
        record = d.rules.records.get(name)
        if record is not None and record.says:
            yield _meaning(words, d.rules, record)


def _meaning(words: Notation, rules: Rulebase, record: Record) -> str:
    """What a function is, in the letters of its rule."""
    result = rules.result(record)
    leaves = rules.leaves(record) | {"S": variable("S", result)}
    sizes = {str(size): size for size in result}
    call = rules.make(record.name, tuple(leaves[a.name] for a in record.operands), result)
    says = _BRACES.sub(lambda found: _formula(words, leaves, sizes, found[1]), record.says)
    return f"{words.said(call)} is {says}."


def _formula(words: Notation, leaves: Mapping[str, Node], sizes: Mapping[str, Expr], formula: str) -> str:
    """A formula or an equation of a rule file within words."""
    sides = (words.write(parse_formula(side, leaves, sizes)) for side in formula.split("=="))
    return words.inline(" = ".join(sides))


# ---------------------------------------------------------------- what justifies a step


def _why(words: Notation, step: Step, reason: Reason) -> Why:
    """The rule in words, its formula, its source."""
    citation = "" if reason.citation == "definition" else reason.citation
    if reason is GRADIENT and step.wrt is not None:
        dX = differential_of_name(step.wrt, step.rules)
        G = variable("G", shape(step.wrt))
        right = words.write(paired(transpose(G), dX, step.rules))
        return Why(_WORDS[reason.name], words.left(Side("differential", step.label)), right, citation)
    if reason in _READ_OFF and step.wrt is not None:
        return Why(_WORDS[reason.name], *_read_off(words, step, step.wrt), citation)
    if reason.name == INDEPENDENT and reason.right is not None and step.wrt is not None:
        counted = words.worded.of(replace(step.side, name=None), words.write)
        return Why(_WORDS[INDEPENDENT], counted, words.write(reason.right), citation)
    if reason.left is None or reason.right is None:
        structure = step.rules.signatures.structures.get(reason.name)
        if structure is not None and step.wrt is not None:
            says = words.signed(structure.says.replace("{X}", words.said(step.wrt)))
            return _projection(words, step, reason, Why(says, citation=citation))
        return Why(_name(step.rules, reason.name), citation=citation)
    if reason.name == NAMED:
        return Why(f"{NAMED} of {words.said(reason.left)}")
    return Why(_name(step.rules, reason.name), words.write(reason.left), words.write(reason.right), citation)


def _projection(words: Notation, step: Step, reason: Reason, why: Why) -> Why:
    """Why the gradient inside a subspace is a projection: of which matrix, and by which formula."""
    X = step.wrt
    assert X is not None
    M = variable("G" if step.name is None else "M", shape(X))
    met = words.write(paired(transpose(M), differential_of_name(X, step.rules), step.rules))
    left = words.worded.of(step.side, words.write)
    right = words.write(step.rules.structured(reason.name, "project", {"G": M}))
    return replace(why, left=f"{words.left(Side('differential', step.label))} = {met},{words.space}{left}", right=right)


_READ_OFF = (JACOBIAN, HESSIAN, SECOND)


def _read_off(words: Notation, step: Step, X: Node) -> tuple[str, str]:
    """The equation that tells a Jacobian or a Hessian; that which a second differential is by definition."""
    rules, by = step.rules, step.by
    G = variable(f"grad({text(step.label)}, {text(X)})", shape(X))
    if step.kind == "quadratic":
        right = paired(transpose(differential_of_name(X, rules)), differential_node(G), rules)
        return words.left(step.side), words.write(right)
    M = variable("J" if step.kind == "jacobian" else "H", shape(step.terms[0]))
    if step.kind == "jacobian":
        dF = differential_of_name(step.label, rules) if is_scalar(X) else _stacked(step.label, rules)
        return words.write(dF), words.write(mul(M, _stacked(X, rules)))
    assert by is not None
    if by is X:
        left = words.left(Side("quadratic", step.label))
        return left, words.write(mul(transpose(_stacked(X, rules)), M, _stacked(X, rules)))
    dG = differential_node(G if is_scalar(G) or shape(G)[1] == 1 else vec(G))
    return words.write(dG), words.write(mul(M, _stacked(by, rules)))


def _stacked(X: Node, rules: Rulebase) -> Node:
    """dvec(X); dx of a vector or scalar."""
    return differential_of_name(X, rules) if is_scalar(X) or shape(X)[1] == 1 else differential_node(vec(X))


def _name(rules: Rulebase, name: str) -> str:
    """The rule in words: its title, or its name with spaces."""
    known = rules.signatures
    operation = name.removesuffix(_ADJOINT)
    record, identity = known.records.get(operation), known.identities.get(name)
    title = record.title if record is not None else identity.title if identity is not None else ""
    if record is not None and record.calls:
        operation = record.calls[0].function
    shown = _WORDS.get(name) or title or operation.replace("-", " ").replace("_", " ")
    return f"{shown} under a trace" if name.endswith(_ADJOINT) else shown


def works(rules: Rulebase, reasons: Iterable[Reason]) -> tuple[tuple[str, str], ...]:
    """(key, reference) of what the reasons cite, in order."""
    keys = dict.fromkeys(r.citation.split(" ")[0] for r in reasons if r.citation not in ("", "definition"))
    return tuple((key, rules.signatures.sources[key]) for key in keys if key in rules.signatures.sources)


# ---------------------------------------------------------------- remarks


def _remarks(words: Notation, problem: Problem, results: Sequence[Result]) -> tuple[str, ...]:
    """What was assumed, and what numbers said."""
    notes = dict.fromkeys([*problem.notes, *(note for d in results for note in d.notes)])
    found = (*(f"Note: {note}." for note in notes), *_verdict(results))
    return (" ".join(found),) if words.typeset and found else found


def _verdict(results: Sequence[Result]) -> Iterator[str]:
    """What numbers said of the results and of the steps to them."""
    kind = _NAMES.get(results[0].kind, results[0].kind)
    sure = [d.check for d in results if d.check is not None and d.check.ok]
    for method in dict.fromkeys(check.method for check in sure):
        draws = min(check.draws for check in sure)
        which = f"The {kind}" if len(results) == 1 else f"Each {kind}" if len(sure) == len(results) else f"{len(sure)} {kind}s"
        yield f"{which} agrees with numerical derivatives ({method}) at {draws} random points."
    for d in results:
        if d.check is not None and d.check.ok is None:
            yield f"The {kind} by {d.wrt} has not been compared with numbers: {d.check.reason}."
    steps = [(len(d.steps), d.steps_check) for d in results if d.steps]
    count = sum(n for n, check in steps if check.ok)
    if count:
        all_ = "The step" if count == 1 else f"Each of the {count} steps"
        yield f"{all_} agrees with numbers at a random point."
    for reason in dict.fromkeys(check.reason for _, check in steps if check.ok is None):
        yield f"Steps have not been compared with numbers: {reason}."
