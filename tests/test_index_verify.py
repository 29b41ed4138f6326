"""Derivatives with indices against numbers: labels within bounds, every value of an index, parts of variables, the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from matcalc.language.parser import parse, parse_formula
from matcalc.nodes.algebra import mul, number
from matcalc.nodes.expr import Node, shape, size_symbol, variable
from matcalc.nodes.unknown import upstream
from matcalc.numeric.agree import agree
from matcalc.numeric.evaluate import Program
from matcalc.numeric.sample import Point, Sampler
from matcalc.numeric.unknown import sample, sample_gradient
from matcalc.numeric.verify import COMPLEX_STEP, DIFFERENCES, Verification, verify
from matcalc.rulebase.base import rulebase
from tests.differences import relative_error
from tests.index_entries import IndexEntry, load

ENTRIES = load()
LETTERS = "ijkm"


def read(text: str, declare: str, *formulas: str) -> tuple[Any, list[Node]]:
    """The problem, and formulas in its names and the free indices i, j, k, m."""
    problem = parse(text, declare or None, reserved=LETTERS)
    names = {**{i: variable(i, (), ("integer",)) for i in LETTERS}, **problem.names}
    return problem, [parse_formula(formula, names, problem.sizes) for formula in formulas]


def claim(text: str, wrt: str, answer: str, declare: str = "", **options: Any) -> Verification:
    """The verdict on an answer by a variable or a part of one."""
    problem, (X, Y) = read(text, declare, wrt, answer)
    known = {"definitions": problem.definitions, "facts": problem.facts, "distinct": problem.distinct}
    return verify(problem.expression, {X: Y}, **known, **options)


SVM = "L = sum(max(0, s[j] - s[y] + Delta) for j in 1..c if j != y)"
SVM_NAMES = "s: vector(c); y: integer; Delta: scalar"
RIGHT = [
    (SVM, "s[k]", "(1 - delta(k,y))*ind(s[k] - s[y] + Delta > 0) - "
     "delta(k,y)*sum(ind(s[j] - s[y] + Delta > 0) for j in 1..c if j != y)", SVM_NAMES),
    (SVM, "s[k]", "ind(s[k] - s[y] + Delta > 0)", SVM_NAMES + "; assume k != y"),
    (SVM, "s[y]", "-sum(ind(s[j] - s[y] + Delta > 0) for j in 1..c if j != y)", SVM_NAMES),
    ("x'*W[:,j]", "W[:,k]", "delta(j,k)*x", "W: matrix(n,c)"),
    ("x'*W[:,j]", "W[i,:]", "x[i]*e(j,c)'", "W: matrix(n,c)"),
    ("Y = inv(X)\nY[k,m]", "X[i,j]", "-Y[k,i]*Y[j,m]", ""),
    ("Y = inv(X)\nsum(Y)", "Y[i,j]", "1", "X: matrix(n,n)"),
    ("sum(w[t]*norm(x[t] - a)^2 for t in 1..N)", "x[i]", "2*w[i]*(x[i] - a)", "x: vectors(d,N)"),
    ("sum(w[t]*tr(A[t]*B) for t in 1..N)", "A[i]", "w[i]*B'", "A: matrices(n,l,N)"),
    ("sum(w[t]*tr(A[t]*B) for t in 1..N)", "B", "sum(w[t]*A[t]' for t in 1..N)", "A: matrices(n,l,N)"),
    ("sum(S[t,y[t]] for t in 1..n)", "S[i,j]", "delta(j,y[i])", "S: matrix(n,c); y: integers(n)"),
    ("sum(x[t]*x[t-1] for t in 2..n)", "x[k]", "sum(delta(k,t)*x[t-1] + delta(k,t-1)*x[t] for t in 2..n)", "x: vector(n)"),
    ("sum(sum(1/(x[i] - x[j])^2 for j in 1..n if j != i) for i in 1..n)", "x[k]",
     "-4*sum((x[k] - x[j])^(-3) for j in 1..n if j != k)", "x: vector(n)"),
    ("sum(sum(abs(x[i] - x[j]) for j in 1..n if j != i) for i in 1..n)", "x",
     "2*sum(sum(sign(x[i] - x[j])*e(i,n) for i in 1..n) for j in 1..n)", "x: vector(n)"),
    ("tr(A*S)", "S[i,j]", "1/2*(A[i,j] + A[j,i])", "S: matrix(n,n) symmetric"),
    ("x'*y", "x[i+1]", "y[i+1]", "x, y: vector(n)"),
    ("sum(X[i,:])", "X[j,:]", "delta(i,j)*ones(1,n)", "X: matrix(m_1,n)"),
]  # fmt: skip
WRONG = [
    (SVM, "s[k]", "ind(s[k] - s[y] + Delta > 0)", SVM_NAMES),
    ("x'*W[:,j]", "W[:,k]", "x", "W: matrix(n,c)"),
    ("Y = inv(X)\nY[k,m]", "X[i,j]", "-Y[k,i]*Y[m,j]", ""),
    ("sum(w[t]*norm(x[t] - a)^2 for t in 1..N)", "x[i]", "2*sum(w[t]*(x[t] - a) for t in 1..N)", "x: vectors(d,N)"),
    ("sum(w[t]*tr(A[t]*B) for t in 1..N)", "A[i]", "sum(w)*B'", "A: matrices(n,l,N)"),
    ("sum(S[t,y[t]] for t in 1..n)", "S[i,j]", "delta(i,y[i])", "S: matrix(n,c); y: integers(n)"),
    ("tr(A*S)", "S[i,j]", "A[j,i]", "S: matrix(n,n) symmetric"),
    ("x'*y", "x[i]", "y", "x, y: vector(n)"),
]


@pytest.mark.parametrize(("text", "wrt", "answer", "declare"), RIGHT)
def test_right_derivatives_by_parts_and_with_indices_pass(text: str, wrt: str, answer: str, declare: str) -> None:
    verdict = claim(text, wrt, answer, declare)
    assert verdict.ok is True, verdict.reason
    assert (verdict.draws, verdict.method) == (5, COMPLEX_STEP)


@pytest.mark.parametrize(("text", "wrt", "answer", "declare"), WRONG)
def test_wrong_derivatives_by_parts_and_with_indices_fail(text: str, wrt: str, answer: str, declare: str) -> None:
    assert claim(text, wrt, answer, declare).ok is False


def test_a_part_of_an_independent_gradient_moves_both_entries() -> None:
    declare = "S: matrix(n,n) posdef"
    assert claim("logdet(S)", "S[i,j]", "(2 - delta(i,j))*inv(S)[i,j]", declare, independent=True).ok is True
    assert claim("logdet(S)", "S[i,j]", "inv(S)[i,j]", declare, independent=True).ok is False
    assert claim("logdet(S)", "S[i,j]", "inv(S)[i,j]", declare).ok is True


def test_sums_without_a_complex_continuation_are_differenced() -> None:
    verdict = claim("sum(norm(w[t]*X, 'nuc') for t in 1..N)", "X", "sum(abs(w[t]) for t in 1..N)*polar(X)", "w: vector(N)")
    assert (verdict.ok, verdict.method) == (True, DIFFERENCES)


def test_identities_hold_at_every_value_of_the_indices() -> None:
    _, (a, b, c) = read("x", "x: vector(n)", "x[i]*delta(i,j)", "x[j]*delta(i,j)", "x[i]")
    assert agree(a, b).ok is True
    assert agree(a, c).ok is False


def test_an_array_of_unknown_size_has_as_many_entries_as_the_indices_come_to() -> None:
    problem = parse("sum(x[i]*x[i+2] for i in 1..n-1)")
    assert shape(problem.names["x"]) == (size_symbol("n") + 1, 1)


def test_a_place_outside_of_an_array_is_no_value() -> None:
    verdict = claim("sum(x[i]*x[n - i] for i in 1..n)", "x", "x", "x: vector(n)")
    assert verdict.ok is None
    assert "`entry`" in verdict.reason


def test_what_is_not_defined_inside_a_sum_is_named() -> None:
    verdict = claim("sum(tanh(log(-x[i]^2)) for i in 1..n)", "x", "x", "x: vector(n)")
    assert verdict.ok is None
    assert "`log`" in verdict.reason


# ---------------------------------------------------------------- unknown functions


@pytest.mark.parametrize(
    ("text", "inner", "right", "wrong"),
    [
        ("ell(A*x)", "A*x", "A'*g", "A'*A*x"),
        ("ell(exp(x) .* y)", "exp(x) .* y", "g .* y .* exp(x)", "g .* exp(x)"),
        ("sum(x)^2 + ell(x)", "x", "2*sum(x)*ones(n) + g", "2*sum(x)*ones(n) - g"),
    ],
)
def test_a_sample_stands_for_an_unknown_function(text: str, inner: str, right: str, wrong: str) -> None:
    declare = "ell: function(vector) -> scalar; x: vector(n); A: matrix(l,n); y: vector"
    problem, (x,) = read(text, declare, "x")
    names = dict(problem.names)
    for answer, ok in ((right, True), (wrong, False)):
        Y = parse_formula(inner, names, problem.sizes)
        gradient = parse_formula(answer, {**names, "g": upstream("ell", Y)}, problem.sizes)
        assert verify(problem.expression, {x: gradient}).ok is ok


@pytest.mark.parametrize("dims", [(), (4, 1), (3, 2), (1, 1)])
def test_the_sample_of_an_unknown_function_and_its_gradient_belong_together(dims: tuple[int, ...]) -> None:
    Y = np.random.default_rng(0).normal(size=dims or (1, 1))
    by_step = np.zeros(Y.shape)
    for at in np.ndindex(*Y.shape):
        moved = Y + 0j
        moved[at] += 1e-30j
        by_step[at] = sample("ell", moved).imag.item() / 1e-30
    assert np.allclose(sample_gradient("ell", Y), by_step, rtol=1e-12)
    assert not np.allclose(sample("ell", Y), sample("f", Y))


# ---------------------------------------------------------------- labels and indices


def points(text: str, declare: str, *more: str, count: int = 12) -> Iterator[tuple[Sampler, Point]]:
    problem, formulas = read(text, declare, *more)
    program = Program([problem.expression], problem.definitions)
    also = Program(formulas, problem.definitions)
    given = {"facts": problem.facts, "distinct": problem.distinct, "definitions": problem.definitions, "also": also}
    drawn = Sampler(program, rulebase(), **given)
    found = [(drawn, point) for point in drawn.points(count)]
    assert len(found) == count
    yield from found


def test_labels_are_drawn_from_what_they_count() -> None:
    declare = "S: matrix(n,c); y: integers(n); x: vector(n); A: matrices(l,c,N); v: vectors(l,M)"
    seen: dict[str, set[int]] = {name: set() for name in "ijkm"}
    text = "sum(S[t,y[t]]*x[t] for t in 1..n) + S[i,j] + sum(A[k]) + sum(v[m]) + x[j]"
    for _, point in points(text, declare, count=30):
        sizes, arrays = point.sizes, point.arrays
        assert arrays["y"].shape == (sizes["n"], 1)
        assert set(np.unique(arrays["y"])) <= set(range(1, sizes["c"] + 1))
        highest = {"i": sizes["n"], "j": min(sizes["c"], sizes["n"]), "k": sizes["N"], "m": sizes["M"]}
        for name, high in highest.items():
            assert 1 <= arrays[name] <= high
            seen[name].add(int(arrays[name]))
    assert all(len(values) > 1 for values in seen.values())


def test_indices_with_an_offset_stay_inside() -> None:
    for _, point in points("x[i-1] + x[j+1]", "x: vector(n)"):
        assert 2 <= point.arrays["i"] <= point.sizes["n"] + 1
        assert 0 <= point.arrays["j"] <= point.sizes["n"] - 1


def test_labels_that_differ_or_agree_do() -> None:
    for _, point in points("x[i] + x[j] + x[k]", "x: vector(n); assume i != j; assume k == j"):
        assert point.arrays["i"] != point.arrays["j"] == point.arrays["k"]


def test_every_value_of_the_indices_is_tried() -> None:
    for drawn, point in points("x[i] + X[j,i]", "X: matrix(l,n)", count=3):
        pairs = {(int(v.arrays["i"]), int(v.arrays["j"])) for v in drawn.variants(point)}
        assert len(pairs) == point.sizes["n"] * point.sizes["l"]
        assert all(np.array_equal(v.arrays["x"], point.arrays["x"]) for v in drawn.variants(point))


def test_of_many_values_of_the_indices_some_are_tried() -> None:
    for drawn, point in points("x[i]*x[j]*x[k]*x[m]*y[i]*y[j]*y[k]*y[m]", "x, y: vector(9)", count=1):
        assert 32 < len(list(drawn.variants(point))) <= 64


# ---------------------------------------------------------------- the corpus


def truth(entry: IndexEntry, at: Point) -> tuple[Point, Any]:
    """The point, with a direction for a differential, and what numbers say there."""
    found = entry.truth(at)
    if entry.task != "differential":
        return at, found
    D = np.random.default_rng(0).normal(size=found.shape)
    ((_, leaf),) = entry.tangents.items()
    return type(at)(at.sizes, {**at.leaves, leaf: D + D.T}), np.sum(found * (D + D.T))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_values_and_derivatives_of_the_corpus_are_right_at_every_value_of_the_indices(entry: IndexEntry) -> None:
    for sizes in entry.sizes_tried:
        places = list(entry.places(entry.point(sizes)))
        assert places
        for at in places:
            value = entry.value(entry.problem.expression, at)
            assert relative_error(value, entry.function(at)(at.leaves[entry.wrt_node])) < 1e-10
            moved, found = truth(entry, at)
            assert relative_error(entry.expected_value(moved), found) < 1e-8


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.task == "gradient" and not e.bind], ids=lambda e: e.id)
def test_the_answers_of_the_corpus_pass_and_are_told_from_others(entry: IndexEntry) -> None:
    problem = entry.problem
    known = {"definitions": problem.definitions, "facts": problem.facts, "distinct": problem.distinct}
    right = verify(problem.expression, {entry.part: entry.expected_node}, **known)
    assert right.ok is True, right.reason
    assert right.max_relative_error < 1e-9
    off = mul(number("1001/1000"), entry.expected_node)
    assert verify(problem.expression, {entry.part: off}, draws=1, **known).ok is False


def test_the_corpus_is_whole_and_its_comparison_can_fail() -> None:
    assert len(ENTRIES) == 67
    entry = next(e for e in ENTRIES if e.id == "mc-060-inv-entry")
    here, there = (entry.places(entry.point(entry.sizes_given, seed)) for seed in (0, 1))
    pairs = zip(here, there, strict=True)
    assert all(relative_error(entry.expected_value(at), entry.truth(other)) > 1e-3 for at, other in pairs)
