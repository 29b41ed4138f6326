"""The corpus in LaTeX: every formula is read, and gives the result that the same problem gives as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pytest

import matcalc
from matcalc.language.latex.reader import Latex, read_latex
from matcalc.language.problem import Problem
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.tree import Comprehension, Line, Statement, postorder
from matcalc.nodes.expr import Node, shape
from matcalc.printing.text import text
from matcalc.rulefiles.signatures import load
from tests.arrays import values
from tests.corpus_entries import FOLDER, LATER, Entry
from tests.corpus_entries import load as load_entries
from tests.differences import relative_error

Array = Any
CLAIMS = frozenset({"s000-norm-identity"})
"""Equations between two expressions, which no problem states."""


def records() -> list[Mapping[str, Any]]:
    """The lines of the corpus that have LaTeX."""
    lines = [x for part in ("seeds", "cookbook") for x in (FOLDER / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [record for record in map(json.loads, lines) if record.get("latex")]


def surface(record: Mapping[str, Any]) -> Latex:
    """What is read of a line's LaTeX."""
    declared: list[Line] = [line for d in record.get("declare") or () if "!=" not in d for line in read(d)]
    return read_latex(record["latex"], declared, load())


def sums(record: Mapping[str, Any]) -> bool:
    """Whether the LaTeX sums over an index or defines entry by entry."""
    statements = [line for line in surface(record).lines if isinstance(line, Statement)]
    return any(s.indices or any(isinstance(e, Comprehension) for e in postorder(s.expression)) for s in statements)


class LatexEntry(Entry):
    """One line of the corpus, its problem also as LaTeX."""

    @cached_property
    def latex_problem(self) -> Problem:
        """The problem that the LaTeX states."""
        return matcalc.parse(self.latex, declare=self.declare or None, latex=True)

    @property
    def same_names(self) -> bool:
        """Whether the names and sizes of the two problems are the same."""
        return all(set(getattr(self.latex_problem, kind)) == set(getattr(self.problem, kind)) for kind in ("names", "sizes"))

    def latex_value(self, e: Node, arrays: Mapping[str, Array]) -> Array:
        """A node of the LaTeX's problem where the variables are these arrays."""
        problem = self.latex_problem
        leaves = {leaf: arrays[name] for name, leaf in problem.variables.items() if name in arrays}
        sizes = dict(self.sizes_given)
        for leaf, array in leaves.items():
            sizes |= {s.name: n for s, n in zip(shape(leaf), getattr(array, "shape", ()), strict=False) if s.is_Symbol}
        for leaf, definition in problem.definitions.items():
            leaves[leaf] = values([definition], leaves, sizes)[0]
        return values([e], leaves, sizes)[0]


ENTRIES = [LatexEntry(r) for r in records() if not LATER & set(r["tags"]) and "latex-hard" not in r["tags"]]
GRADIENTS = [e for e in ENTRIES if e.task == "gradient"]
AS_TEXT = {e.id: e for part in ("seeds", "cookbook") for e in load_entries(part)}
DIFFERENTIALS = [e for e in ENTRIES if e.task == "differential"]


@pytest.mark.parametrize("record", [r for r in records() if r["id"] not in CLAIMS], ids=lambda r: str(r["id"]))
def test_every_formula_is_read(record: Mapping[str, Any]) -> None:
    for line in surface(record).lines:
        start, end = line.span
        assert 0 <= start < end <= len(record["latex"])


@pytest.mark.parametrize("entry", GRADIENTS, ids=lambda e: str(e.id))
def test_a_gradient_is_that_of_the_text(entry: LatexEntry) -> None:
    of_text = AS_TEXT[entry.id].derivation
    (of_latex,) = matcalc.gradients(entry.latex_problem, [entry.wrt], convention=entry.convention or "structured")
    point = entry.point(entry.other_sizes)
    assert relative_error(entry.latex_value(of_latex.node, point.arrays), entry.value(of_text.node, point)) < 1e-10
    if entry.same_names and not sums(entry.record):
        assert text(of_latex.node) == text(of_text.node)


@pytest.mark.parametrize("entry", DIFFERENTIALS, ids=lambda e: str(e.id))
def test_a_differential_is_that_of_the_text(entry: LatexEntry) -> None:
    names = entry.wrt if isinstance(entry.wrt, list) else [entry.wrt]
    of_text = matcalc.differential(entry.problem, names)
    of_latex = matcalc.differential(entry.latex_problem, names)
    assert of_latex.check.ok
    if entry.same_names:
        assert text(of_latex.node) == text(of_text.node)


def test_the_corpus_is_whole() -> None:
    assert (len(records()), len(GRADIENTS), len(DIFFERENTIALS)) == (199, 122, 18)
