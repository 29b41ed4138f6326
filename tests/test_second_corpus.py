"""The corpus of Jacobians and Hessians: each entry derived, right at every index and two sets of sizes, verified, short."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import pytest

from matcalc.calculus.engine import Engine
from matcalc.calculus.free import Free
from matcalc.language.parser import parse_formula
from matcalc.nodes.expr import variable
from matcalc.printing.layout import printed_size
from matcalc.request import leaves_asked
from matcalc.rulebase.base import rulebase
from matcalc.statement import FORMATS
from tests import katex
from tests.differences import relative_error
from tests.second_entries import SecondEntry, load_second

RULES = rulebase()
ENTRIES = load_second()
HESSIANS = [entry for entry in ENTRIES if entry.task == "hessian"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_an_entry_is_derived_right_at_every_index_and_verified(entry: SecondEntry) -> None:
    assert entry.found.verification is not None and entry.found.verification.ok
    for sizes in entry.sizes_tried:
        for point in entry.places(entry.point(sizes)):
            truth = entry.truth(point)
            assert relative_error(entry.expected_value(point), truth) < 1e-8
            assert relative_error(entry.value(entry.result, point), truth) < 1e-8


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_a_result_reads_back_as_the_same_node(entry: SecondEntry) -> None:
    found = entry.found
    letters = {i: variable(i, (), ("integer",)) for i in entry.letters}
    assert parse_formula(str(found), {**letters, **found.problem.names}, found.problem.sizes) is found.node


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_step_is_verified_and_the_last_one_tells_the_result(entry: SecondEntry) -> None:
    found = entry.found
    assert found.steps_check.ok is True
    assert found.steps[-1].kind == entry.task and found.steps[-1].node is found.node
    for before, after in pairwise(found.steps):
        assert before.text != after.text
    for step in found.steps:
        assert "<math" in katex.render(step.latex())
        assert step.rule and step.unicode()
    for form in FORMATS:
        assert found.explain(form)


def test_results_are_no_longer_than_a_textbook_prints_them() -> None:
    assert not [e.id for e in ENTRIES if printed_size(e.result) > printed_size(e.expected_node)]


def test_the_corpus_is_whole() -> None:
    assert (len(ENTRIES) - len(HESSIANS), len(HESSIANS)) == (30, 14)


def test_a_hessian_of_the_corpus_is_derived_in_ten_milliseconds() -> None:
    taken = []
    for entry in HESSIANS:
        (X,) = leaves_asked(entry.problem, entry.wrt)
        times = []
        for _ in range(3):
            start = time.process_time()
            Free(Engine(entry.problem, RULES), [X]).hessian(X, X)
            times.append(time.process_time() - start)
        taken.append(min(times))
    assert median(taken) < 0.010


def test_the_comparison_can_fail() -> None:
    entry = next(e for e in ENTRIES if e.id == "mn-jac-inv")
    point = entry.point(entry.other_sizes)
    truth, found = entry.truth(point), entry.value(entry.result, point)
    assert relative_error(1.001 * found, truth) > 1e-4
    assert relative_error(found.T, truth) > 1e-4
