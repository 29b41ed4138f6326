"""Differentials of scalars, vectors and matrices: as textbooks print them, right by number along random directions."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus.atoms import differential_of_name
from matcalc.language.parser import parse_formula
from matcalc.nodes.differentials import terms_of
from matcalc.nodes.expr import Node, head, name_of, postorder, properties
from matcalc.rulebase.base import rulebase
from tests.arrays import values
from tests.corpus_entries import FOLDER, LATER, Entry, Point
from tests.differences import relative_error

RULES = rulebase()


def load_differentials() -> list[Entry]:
    """The differential entries of the corpus that need no index sums."""
    found = []
    for part in ("seeds", "cookbook"):
        records = map(json.loads, (FOLDER / f"{part}.jsonl").read_text(encoding="utf-8").splitlines())
        found += [Entry(r) for r in records if r["task"] == "differential" and not LATER & set(r["tags"])]
    return found


ENTRIES = load_differentials()
OTHERWISE = {
    "s002-q7-d": "the corpus writes the transposed factors out; ours shows G' of the gradient G",
    "s002-q9-dx": "the corpus has -(x - mu), ours mu - x",
    "mc-038-hadamard": "the corpus has parentheses that the printer leaves out",
    "mc-041-det-adj": "the corpus has adj(X), ours det(X)*inv(X)",
    "std-dprojector": "the corpus has (I - P)*dA*pinv(A), for the full column rank that inv(A'*A) needs",
    "mc-067-dlambda": "the corpus calls the eigenvector v; ours says whose it is",
}
"""Entries that ours prints in another way, each with the reason."""


def names(entry: Entry) -> list[str]:
    return [entry.wrt] if isinstance(entry.wrt, str) else list(entry.wrt)


def derived(entry: Entry) -> matcalc.Differential:
    return matcalc.differential(entry.problem, names(entry))


def differentials(entry: Entry) -> dict[str, Node]:
    return {f"d{name}": differential_of_name(entry.leaves[name], RULES) for name in names(entry)}


def at(entry: Entry, e: Node, seed: int) -> Any:
    """The value of an expression with dX in it, at a random point and along random directions of the structures."""
    point = entry.point(entry.other_sizes, seed)
    rng = np.random.default_rng(seed)
    moved = {}
    for name in names(entry):
        D = rng.standard_normal(np.shape(point.arrays[name]))
        symmetric = entry.domain[name] in ("posdef", "symmetric")
        moved[differential_of_name(entry.leaves[name], RULES)] = D + D.T if symmetric else D
    bound = {leaf: _bound(entry, name, point) for name, leaf in entry.bound().items()}
    return values([e], {**point.leaves, **moved, **bound}, point.sizes)[0]


def _bound(entry: Entry, name: str, point: Point) -> Any:
    return np.asarray(eval(entry.bind[name], {"np": np, **point.arrays}))[:, None]  # the corpus is ours


def test_all_entries_without_index_sums_are_here() -> None:
    assert len(ENTRIES) == 22


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_a_differential_is_the_known_one(entry: Entry) -> None:
    found = derived(entry)
    assert found.verification is not None and found.verification.ok is True
    expected = parse_formula(entry.expected, {**entry.leaves, **differentials(entry), **entry.bound()}, entry.problem.sizes)
    ours = matcalc.nodes.algebra.add(*terms_of(found.node))
    for seed in range(3):
        assert relative_error(at(entry, ours, seed), at(entry, expected, seed)) < 1e-9


def test_differentials_are_printed_as_in_the_textbooks() -> None:
    other = {entry.id for entry in ENTRIES if str(derived(entry)) != entry.expected}
    assert other == set(OTHERWISE)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_the_steps_of_a_differential_are_verified_and_end_in_it(entry: Entry) -> None:
    found = derived(entry)
    assert found.steps_check.ok is True
    assert found.steps[-1].node is found.node
    assert all(step.rule and step.kind == "differential" for step in found.steps)
    assert all(a.text != b.text for a, b in pairwise(found.steps))


# ---------------------------------------------------------------- as a textbook prints them

TEXTBOOK = [
    ("softmax(z)", None, "", "softmax(z) .* dz - softmax(z)'*dz*softmax(z)"),
    ("A*x", None, "", "dA*x + A*dx"),
    ("X'*X", None, "", "dX'*X + X'*dX"),
    ("X'", None, "", "dX'"),
    ("inv(X)", None, "", "-inv(X)*dX*inv(X)"),
    ("kron(X, Y)", None, "", "kron(dX, Y) + kron(X, dY)"),
    ("X.^2", None, "", "2*(X .* dX)"),
    ("X^2", None, "", "X*dX + dX*X"),
    ("X^3", None, "", "X^2*dX + X*dX*X + dX*X^2"),
    ("X^k", None, "", "dpow(X, k, dX)"),
    ("expm(X)", None, "", "dexpm(X, dX)"),
    ("A*X*B", "X", "", "A*dX*B"),
    ("vec(A*X*B)", "X", "", "vec(A*dX*B)"),
    ("x*x'", "x", "", "dx*x' + x*dx'"),
    ("s*X", None, "s: scalar", "ds*X + s*dX"),
    ("tr(X)*X", None, "", "tr(dX)*X + tr(X)*dX"),
    ("[A, B]*X", None, "", "[dA, dB]*X + [A, B]*dX"),
    ("pinv(A)", None, "A: matrix(m,n)",
     "-pinv(A)*dA*pinv(A) + pinv(A)*pinv(A)'*dA'*(eye(m) - A*pinv(A)) + (eye(n) - pinv(A)*A)*dA'*pinv(A)'*pinv(A)"),
    ("a'*x", "x", "", "a'*dx"),
    ("tr(A*X)", "X", "", "tr(A*dX)"),
    ("norm(x)^2", "x", "", "2*x'*dx"),
    ("tr(A*X)", ["A", "X"], "", "tr(X*dA) + tr(A*dX)"),
    ("x'*A*x", ["x", "A"], "", "x'*(A + A')*dx + tr(x*x'*dA)"),
    ("s^2*t", ["s", "t"], "s, t: scalar", "2*s*t*ds + s^2*dt"),
    ("logdet(S)", "S", "S: matrix symmetric", "tr(inv(S)*dS)"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "wrt", "declare", "expected"), TEXTBOOK, ids=[str(t[0]) for t in TEXTBOOK])
def test_a_differential_reads_as_in_a_textbook_and_is_right(
    expression: str, wrt: str | list[str] | None, declare: str, expected: str
) -> None:
    found = matcalc.differential(expression, wrt, declare=declare or None)
    assert str(found) == expected
    assert found.verification is not None and found.verification.ok is True
    assert found.steps_check.ok is True


def test_a_chain_is_told_from_the_outside_in() -> None:
    found = matcalc.differential("inv(A + X*B*X')", "X")
    assert [(step.text, step.rule) for step in found.steps] == [
        ("dF = -inv(A + X*B*X')*d(X*B*X')*inv(A + X*B*X')", "inv"),
        ("dF = -inv(A + X*B*X')*(dX*B*X' + X*B*dX')*inv(A + X*B*X')", "product"),
    ]


def test_several_variables_move_at_once_through_a_named_part() -> None:
    found = matcalc.differential("Z = max(X*W, 0); norm(Z - Y)^2", ["X", "W"])
    assert found.steps[0].rule == "square-norm"
    assert found.steps_check.ok is True


@pytest.mark.parametrize("word", ["symmetric", "skew", "diagonal", "lower", "upper"])
def test_the_differential_of_a_structured_matrix_has_its_structure(word: str) -> None:
    found = matcalc.differential("X*X", declare=f"X: matrix {word}")
    (dX,) = {x for x in postorder([found.node]) if head(x) == "symbol" and name_of(x) == "dX"}
    assert word in properties(dX)
    assert found.verification is not None and found.verification.ok is True


def test_the_differential_of_a_symmetric_matrix_is_its_own_transpose() -> None:
    assert str(matcalc.differential("X'", declare="X: matrix symmetric")) == "dX"
    assert str(matcalc.differential("X'", declare="X: matrix skew")) == "-dX"
