"""The verdict on a claim: what is wrong with it, if anything, in a form for people and one for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from matcalc.claims.chains import Link
from matcalc.claims.conditions import Condition
from matcalc.claims.mends import Mend
from matcalc.claims.smallest import Counterexample, shown
from matcalc.claims.termwise import Terms
from matcalc.language.parser import parse_formula
from matcalc.language.problem import Problem, user_shape
from matcalc.nodes.algebra import number
from matcalc.nodes.expr import Node, is_scalar
from matcalc.printing.latex import latex
from matcalc.printing.text import text
from matcalc.printing.unicode import unicode
from matcalc.rulebase.base import Rulebase
from matcalc.sides import LATEX, TEXT, UNICODE, Side, Style

Word = Literal["equal", "factor", "transposed", "shape", "only if", "terms", "wrong", "unchecked"]
MARKS = {"equal": "✓", "unchecked": "?"}
_MINUS_ONE = number(-1)
_TYPESET: dict[str, tuple[Callable[..., str], Style]] = {
    "text": (text, TEXT),
    "unicode": (unicode, UNICODE),
    "latex": (latex, LATEX),
}


_SIGNS: dict[str, dict[str, str]] = {"text": {}, "unicode": {">=": "≥"}, "latex": {">=": r"$\ge$", ">": "$>$"}}


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """What is to be said of a claim.

    `truth` is what the claim is compared with, `claim` what was claimed (None where its shapes do not fit together), `what`
    names the former: the gradient, the differential, the left side.  `factor`: truth = factor*claim.  `alternatives` are
    conditions each of which makes the claim right, `holds` those under which a right one has a value.  `steps` lead from a
    claim in another form to the truth.  `note` says why numbers have not confirmed the truth itself.  `draws`: at so many
    points were the two compared.
    """

    verdict: Word
    problem: Problem
    truth: Node
    claim: Node | None
    source: str
    what: str
    rules: Rulebase = field(repr=False)
    side: Side | None = None
    yours: str = "your answer"
    names: Mapping[str, Node] = field(default_factory=dict, repr=False)
    factor: Node | None = None
    alternatives: tuple[Condition, ...] = ()
    holds: tuple[str, ...] = ()
    terms: Terms = field(default_factory=Terms)
    counterexample: Counterexample | None = None
    mended: Mend | None = None
    steps: tuple[Link, ...] = ()
    reason: str = ""
    note: str = ""
    draws: int = 0
    max_relative_error: float = 0.0

    @property
    def ok(self) -> bool | None:
        """Whether the claim is right; None where that could not be decided."""
        return None if self.verdict == "unchecked" else self.verdict == "equal"

    def __bool__(self) -> bool:
        """Whether the claim was found right."""
        return self.verdict == "equal"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under which conditions the claim is right, each of them enough: "A is symmetric", "sum(p) == 1"."""
        return tuple(c.says for c in self.alternatives)

    @property
    def missing(self) -> tuple[Node, ...]:
        """The terms that the claim lacks."""
        return self.terms.missing

    @property
    def extra(self) -> tuple[Node, ...]:
        """The terms that do not belong."""
        return self.terms.extra

    @property
    def wrong_terms(self) -> tuple[tuple[Node, Node], ...]:
        """The terms that are wrong, each as (claimed, right)."""
        return self.terms.wrong

    def __str__(self) -> str:
        return self.told("text")

    def __repr__(self) -> str:
        return f"<claim {self.source!r}: {self.headline('text')}>"

    def unicode(self) -> str:
        """The verdict for a terminal."""
        return self.told("unicode")

    def latex(self) -> str:
        """The verdict in LaTeX: sentences, with the formulas between dollars."""
        return self.told("latex")

    def told(self, form: str) -> str:
        """The verdict, what is right, why, and a counterexample, in "text", "unicode" or "latex"."""
        lines = [self.headline(form), *self._details(form)]
        if form == "latex":
            return " \\\\\n".join(line.strip() for line in lines)
        return "\n".join([f"{MARKS.get(self.verdict, '✗')} {lines[0]}", *lines[1:]])

    # ------------------------------------------------------------ wording

    def _written(self, e: Node, form: str) -> str:
        write = partial(_TYPESET[form][0], signatures=self.rules.signatures)
        return f"${write(e)}$" if form == "latex" else write(e)

    def headline(self, form: str = "text") -> str:
        """The verdict in one line, without its mark."""
        match self.verdict:
            case "equal" if self.side is None:
                return "true: the two sides are equal"
            case "equal":
                assert self.claim is not None
                return f"right: {self._stated(self.claim, form)}" + (", in another form" if self.steps else "")
            case "factor":
                return self._by_factor(form)
            case "transposed":
                factor = "" if self.factor is None else f", times {self._written(self.factor, form)}"
                return f"transposed: {self.what} is the transpose of {self.yours}{factor}"
            case "shape":
                return f"wrong shape: {self.reason}"
            case "only if":
                told = [self._condition(c, form) for c in self.alternatives]
                return f"right only if {told[0]}" if len(told) == 1 else f"right if {', or '.join(told)}; not in general"
            case "terms" if self.mended is None or self.missing or self.extra:
                return self._by_terms(form)
            case "unchecked":
                return f"not checked: {self.reason}"
            case _ if self.mended is not None:
                return f"wrong: {self.mended.says}"
            case _:
                return "wrong" + (f": {self.reason}" if self.reason else "")

    def _condition(self, condition: Condition, form: str) -> str:
        says, known = condition.says, {**self.problem.names, **self.names}
        sides = says.split(" == ")
        if len(sides) == 2:
            left, right = (parse_formula(side, known, self.problem.sizes, signatures=self.rules.signatures) for side in sides)
            return f"{self._written(left, form)} = {self._written(right, form)}".replace("$ = $", " = ")
        words = [self._written(known[w], form) if w in known else _SIGNS[form].get(w, w) for w in says.split(" ")]
        return " ".join(words)

    def _by_factor(self, form: str) -> str:
        assert self.factor is not None
        if self.factor == _MINUS_ONE:
            return f"off by a sign: {self.what} is minus {self.yours}"
        return f"off by a factor: {self.what} is {self._written(self.factor, form)} times {self.yours}"

    def _by_terms(self, form: str) -> str:
        def listed(found: Sequence[Node]) -> str:
            return ", ".join(self._written(e, form) for e in found)

        parts = []
        if self.missing:
            parts.append(f"{_count(self.missing)} missing: {listed(self.missing)}")
        if self.extra:
            parts.append(f"{_count(self.extra)} too many: {listed(self.extra)}")
        parts += [f"one term is {self._written(c, form)} and should be {self._written(r, form)}" for c, r in self.wrong_terms]
        return "; ".join(parts)

    def _details(self, form: str) -> list[str]:
        lines = []
        if self.verdict not in ("unchecked", "equal") and self.side is not None:
            lines.append(f"  {self.equation(form)}")
        if self.verdict == "only if" and len(self.wrong_terms) == self.terms.count == 1:
            lines.append(f"  otherwise: {self._by_terms(form)}")
        if self.mended is not None:
            right = self._written(self.mended.node, form) if form != "text" else self.mended.source
            told = self.verdict in ("wrong", "terms") and not (self.missing or self.extra)
            lines.append(f"  {right} is right" if told else f"  {self.mended.says}: {right} is right")
        if self.steps:
            lines += self._chain(form)
        if self.counterexample is not None and (self.counterexample.arrays or self.counterexample.sizes):
            lines += self._example(self.counterexample, form)
        lines += [f"  holds where {says}" for says in self.holds]
        if self.verdict == "equal":
            lines.append(f"  compared at {self.draws} random points, largest relative error {self.max_relative_error:.0e}")
        if self.note:
            lines.append(f"  the derivation itself is not confirmed by numbers: {self.note}")
        return lines

    def equation(self, form: str = "text") -> str:
        """What is right, as an equation: df/dX = …; of an identity its right side alone."""
        return self._stated(self.truth, form)

    def _stated(self, e: Node, form: str) -> str:
        """What stands at the right side of the equation, after its left side."""
        write, style = _TYPESET[form]
        right = write(e, signatures=self.rules.signatures)
        left = "" if self.side is None else f"{style.of(self.side, write)} = "
        return f"${left}{right}$" if form == "latex" else f"{left}{right}"

    def _chain(self, form: str) -> list[str]:
        lines = []
        for number_, link in enumerate(self.steps):
            start = "    " if number_ == 0 else "  = "
            why = "" if not link.rule else f"   [{self.why(link, form)}]"
            lines.append(f"{start}{self._written(link.node, form)}{why}")
        return lines

    def why(self, link: Link, form: str = "text") -> str:
        """The identity of a step, in words, with its statement and where it is found."""
        stated = ""
        if link.statement is not None:
            stated = ": " + " = ".join(self._written(e, form) for e in link.statement)
        return f"{link.rule}{stated}" + (f", {link.citation}" if link.citation else "")

    def _example(self, found: Counterexample, form: str) -> list[str]:
        given: Mapping[str, Any] = found.arrays or found.sizes
        at = ", ".join(self._assigned(name, value, form) for name, value in given.items())
        right, claimed = _value(found.right, form), _value(found.claimed, form)
        return [f"  for example at {at}: {self.what} is {right}, {self.yours} {claimed}"]

    def _assigned(self, name: str, value: Any, form: str) -> str:
        leaf = {**self.problem.names, **self.names}.get(name)
        shown_name = name if leaf is None else self._written(leaf, form)
        return f"{shown_name} = {_value(value, form)}".replace("$ = $", " = ")

    # ------------------------------------------------------------ for programs

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data."""
        example = self.counterexample
        return {
            "input": self.problem.source,
            "claim": self.source,
            "verdict": self.verdict,
            "ok": self.ok,
            "headline": self.headline(),
            "what": self.what,
            "right": {form: self.equation(form).strip("$") for form in _TYPESET},
            "shape": user_shape(self.truth),
            "factor": None if self.factor is None else text(self.factor),
            "conditions": list(self.conditions),
            "holds": list(self.holds),
            "missing": [text(e) for e in self.missing],
            "extra": [text(e) for e in self.extra],
            "wrong_terms": [{"claimed": text(c), "right": text(r)} for c, r in self.wrong_terms],
            "mended": None if self.mended is None else {"says": self.mended.says, "text": self.mended.source},
            "counterexample": None if example is None else _example(example),
            "steps": [
                {"text": text(link.node), "latex": latex(link.node), "rule": link.rule, "citation": link.citation}
                for link in self.steps
            ],
            "reason": self.reason,
            "note": self.note,
            "points": self.draws,
        }


def _value(value: Any, form: str) -> str:
    """An array, in LaTeX as a matrix between dollars."""
    written = shown(value)
    if form != "latex":
        return written
    if not written.startswith("["):
        return f"${written}$"
    rows = written.strip("[]").replace("; ", r" \\ ").replace(", ", " & ")
    return rf"$\begin{{pmatrix}} {rows} \end{{pmatrix}}$"


def _example(found: Counterexample) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return np.asarray(value, dtype=float).tolist()

    arrays: Mapping[str, Any] = {name: plain(value) for name, value in found.arrays.items()}
    return {"sizes": dict(found.sizes), "arrays": arrays, "right": plain(found.right), "claimed": plain(found.claimed)}


def _count(found: Sequence[Node]) -> str:
    return "one term" if len(found) == 1 else f"{len(found)} terms"


def dims_said(e: Node) -> str:
    """The shape of a node in words."""
    return "a scalar" if is_scalar(e) else " x ".join(map(str, e.shape))
