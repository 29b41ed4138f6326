"""The corpus of sums, indices, families and unknown functions: each entry derived, right at every index, verified, short."""

from __future__ import annotations

from functools import cache

import pytest

import matcalc
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import Node, substitute, variable
from matcalc.printing.layout import printed_size
from tests import test_corpus
from tests.differences import relative_error
from tests.index_entries import IndexEntry, load

ENTRIES = {entry.id: entry for entry in load()}
GRADIENTS = [entry for entry in ENTRIES.values() if entry.task == "gradient"]
LONGER: dict[str, str] = {
    "s002-q4-dq-off": "the corpus writes the product of two exponentials as one",
    "s004-bn-ell-mu": "the corpus uses that xhat sums to 0, which follows from mu being the mean of x",
    "ml-laplacian-sum": "the corpus has one more name for the degrees: diag(sum(W, axis=1))*F is F .* sum(W, axis=1) here",
}
"""Entries whose result prints longer than `expected`, each with the reason."""


@cache
def derived(entry_id: str) -> matcalc.Derivation:
    entry = ENTRIES[entry_id]
    return matcalc.gradient(entry.expr, entry.wrt, declare=entry.declare or None)


def result(entry: IndexEntry) -> Node:
    """What was derived, in the entry's own leaves."""
    found = derived(entry.id)
    known = {**entry.leaves}
    leaves = {leaf: known[name] for name, leaf in found.problem.names.items() if name in known and known[name] is not leaf}
    return substitute(found.node, leaves, rebuild)


@pytest.mark.parametrize("entry", GRADIENTS, ids=lambda e: e.id)
def test_an_entry_is_derived_right_at_every_index_and_verified(entry: IndexEntry) -> None:
    found = derived(entry.id)
    assert found.verification is not None and found.verification.ok
    for sizes in entry.sizes_tried:
        for point in entry.places(entry.point(sizes)):
            truth = entry.truth(point)
            assert relative_error(entry.expected_value(point), truth) < 1e-8
            assert relative_error(entry.value(result(entry), point), truth) < 1e-8


@pytest.mark.parametrize("entry", GRADIENTS, ids=lambda e: e.id)
def test_a_result_reads_back_as_the_same_node(entry: IndexEntry) -> None:
    found = derived(entry.id)
    letters = {i: variable(i, (), ("integer",)) for i in entry.letters}
    names = {**letters, **found.problem.names}
    assert parse_formula(str(found), names, found.problem.sizes, functions=found.problem.functions) is found.node


def test_results_are_no_longer_than_a_textbook_prints_them() -> None:
    longer = {e.id for e in GRADIENTS if printed_size(derived(e.id).node) > printed_size(e.expected_node)}
    assert longer == set(LONGER)
    assert len(longer) + len(test_corpus.LONGER) <= 0.05 * (len(GRADIENTS) + len(test_corpus.ALL))


def test_the_corpus_is_whole() -> None:
    assert (len(GRADIENTS), len(ENTRIES) - len(GRADIENTS)) == (66, 1)
    assert len(GRADIENTS) + len(test_corpus.ALL) == 124 + 178
