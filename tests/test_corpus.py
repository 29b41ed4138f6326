"""The corpus of known derivatives: every gradient entry derived, right at two sets of sizes, verified, and short.

The truth is a complex step (or extrapolated differences) of the entry's own program, over NumPy.
"""

from __future__ import annotations

from functools import cache

import pytest

import matcalc
from matcalc.nodes.expr import Node
from matcalc.printing.layout import printed_size
from tests.corpus_entries import Entry, load
from tests.differences import relative_error

ENTRIES = {part: load(part) for part in ("seeds", "cookbook")}
ALL = [entry for part in ENTRIES.values() for entry in part]
LONGER: dict[str, str] = {
    "mc-067-lambda-max": "the corpus calls the eigenvector v; ours says which one it is, eigvec_max(A)",
    "mc-067-lambda-min": "the corpus calls the eigenvector v; ours says which one it is, eigvec_min(A)",
    "std-spectral": "the corpus calls the singular vectors u and v; ours says whose they are",
    "s001-svm-set-matrix": "the corpus uses that 1 - Y is 0 or 1, so that ind(M > 0) holds the factor 1 - Y",
    "s001-svm-set-matrix-X": "the corpus uses that 1 - Y is 0 or 1, so that ind(M > 0) holds the factor 1 - Y",
    "s004-bn-mu": "the corpus uses that xhat sums to 0, which follows from mu being the mean of x",
    "ml-batchnorm-matrix": "the corpus has the name Z in the middle of a product; ours finds M ./ (v + epsilon)",
}
"""Entries whose result prints longer than `expected`, each with the reason."""


@cache
def derived(entry_id: str) -> matcalc.Derivation:
    entry = next(e for e in ALL if e.id == entry_id)
    (found,) = matcalc.gradients(entry.problem, [entry.wrt], convention=entry.convention or "structured")
    return found


def size_of(e: Node) -> int:
    return printed_size(e)


@pytest.mark.parametrize("entry", ALL, ids=lambda e: e.id)
def test_an_entry_is_derived_right_at_its_own_and_other_sizes_and_verified(entry: Entry) -> None:
    found = derived(entry.id)
    assert found.verification is not None and found.verification.ok
    for sizes in (entry.sizes_given, entry.other_sizes):
        point = entry.point(sizes)
        truth = entry.truth(point)
        assert relative_error(entry.expected_value(point), truth) < 1e-8
        assert relative_error(entry.value(found.node, point), truth) < 1e-8


def test_the_comparison_can_fail() -> None:
    entry = next(e for e in ALL if e.id == "mc-101")
    point = entry.point(entry.other_sizes)
    truth, found = entry.truth(point), entry.value(derived(entry.id).node, point)
    assert relative_error(1.001 * found, truth) > 1e-4
    assert relative_error(found.T, truth) > 1e-4


@pytest.mark.parametrize("entry", ALL, ids=lambda e: e.id)
def test_the_sizes_tried_are_new_and_pairwise_different(entry: Entry) -> None:
    in_shapes = {s.name for e in entry.leaves.values() for d in matcalc.nodes.expr.shape(e) for s in d.free_symbols}
    new = [entry.other_sizes[s] for s in in_shapes]
    assert len(set(new)) == len(new)


def test_the_corpus_is_whole() -> None:
    assert {part: len(entries) for part, entries in ENTRIES.items()} == {"seeds": 73, "cookbook": 163}


def test_results_are_no_longer_than_a_textbook_prints_them() -> None:
    longer = {e.id for e in ALL if size_of(derived(e.id).node) > size_of(e.expected_node)}
    assert longer == set(LONGER)
    assert len(longer) <= 0.05 * len(ALL)
