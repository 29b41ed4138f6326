"""What we write as LaTeX is LaTeX: KaTeX takes every formula of the corpus, and reads it as our own MathML does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pytest

from matcalc.derivation import Derivation
from matcalc.printing.latex import Transpose, latex
from matcalc.report import render as report
from tests import katex
from tests.corpus_entries import Entry, load

ENTRIES = [*load("seeds"), *load("cookbook")]
TRANSPOSES: tuple[Transpose, ...] = get_args(Transpose)


def formulas(d: Derivation) -> Iterator[str]:
    """Everything that is written in LaTeX of a gradient."""
    yield latex(d.problem.expression)
    yield from (latex(value) for value in d.problem.definitions.values())
    for transpose in TRANSPOSES:
        yield from (d.latex(transpose, bold) for bold in (False, True))
    yield re.sub(r"^%.*\n", "", report("latex", d.problem, [d]), flags=re.MULTILINE)
    yield from (f for condition in d.conditions_in(lambda e: f"${latex(e)}$") for f in condition.split("$")[1::2])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_katex_takes_every_formula(entry: Entry) -> None:
    for formula in formulas(entry.derivation):
        assert "<math" in katex.render(formula)
