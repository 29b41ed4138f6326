"""Sums over an index that were once derived wrong, crashed or did not end, against loops in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import matcalc
from matcalc.errors import ArgumentError
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import add, mul
from matcalc.nodes.expr import variable
from matcalc.numeric.verify import verify
from tests.test_index_verify import claim, read

Array = Any
n, m = 4, 3
R = range
WRONG: list[tuple[str, str, str, Callable[[Array], Array]]] = [
    ("sum(sum(exp(x[j]) for j in 1..i) for i in 1..n)", "x", "", lambda x: sum(np.exp(x[j]) for i in R(n) for j in R(i + 1))),
    ("sum(sum(exp(x[j]) for j in i+1..n) for i in 1..n)", "x", "", lambda x: sum(i * np.exp(x[i]) for i in R(n))),
    ("sum(sum(x[i] for j in i+2..n) for i in 1..n)", "x", "", lambda x: sum(x[i] * max(0, n - i - 2) for i in R(n))),
    ("sum(prod(x[k] for k in 1..j) for j in 1..n)", "x", "", lambda x: sum(np.prod(x[: j + 1]) for j in R(n))),
    ("sum(prod(x[2] for k in 1..j-1) for j in 1..n)", "x", "", lambda x: sum(x[1] ** j for j in R(n))),
    ("sum(sum(x[i] for j in 1..2 if j != i) for i in 1..n)", "x", "", lambda x: sum(x[i] * (2 - (i < 2)) for i in R(n))),
    ("c*0 + sum(c*x[1] for i in 3..1) + x[1]", "x", "c: scalar", lambda x: x[0]),
    ("sum(prod(x[1]*S[k,j] for k in 1..2 if k == j) for j in 1..n)", "S", "S: matrix(n,n)",
     lambda S: sum(2.0 * S[j, j] if j < 2 else 1 for j in R(n))),
    ("sin(x[2]*sum(x[j] for j in 1..n))", "x", "", lambda x: np.sin(x[1] * sum(x))),
    ("sum(exp(sum(sum(S[p,p] for p in 1..n if p < i) for i in j..n if i == j)) for j in 1..n)", "S", "S: matrix(n,n)",
     lambda S: sum(np.exp(sum(S[p, p] for p in R(j))) for j in R(n))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wrt", "declare", "f"), WRONG, ids=[w[0] for w in WRONG])
def test_a_gradient_is_that_of_loops(text: str, wrt: str, declare: str, f: Callable[[Array], Array]) -> None:
    found = matcalc.gradient(text, wrt, declare=f"{declare}; x: vector(n)" if wrt == "x" else declare)
    assert found.verification is not None and found.verification.ok
    x = np.random.default_rng(3).normal(size=(n, n) if wrt == "S" else n)
    truth = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[at] += 1e-30j
        truth[at] = np.imag(f(moved)) * 1e30
    function = found.function()
    given = {"x": np.full(n, 2.0), wrt: x, "c": 2.0, "n": n}
    assert np.allclose(function(**{k: v for k, v in given.items() if k in function.__signature__.parameters}), truth)


@pytest.mark.parametrize("high", ["n-1", "3"])
def test_a_part_counts_where_the_range_holds_it(high: str) -> None:
    found = matcalc.gradient(f"sum(x[i]^2 for i in 1..{high})", "x[p]", declare="x: vector(n)")
    x = np.arange(1.0, 6.0)
    last = 4 if high == "n-1" else 3
    assert [float(found.function()(x=x, p=p, n=5)) for p in R(1, 6)] == [2 * x[p - 1] * (p <= last) for p in R(1, 6)]


@pytest.mark.parametrize(
    "text",
    [
        "z = sum(x[2] for i in 2..n if i != 2)\nx[1]*z",
        "z[i] = x[i] - prod(x[2] for j in i+1..n)\nsum(z)",
        "q = norm((n - 1)*x)^2 + sum(norm(A[:,j-1])^2 for j in 2..n)\nq*x[1]",
    ],
)
def test_a_definition_with_a_sum_ends(text: str) -> None:
    assert matcalc.gradient(text, "x", declare=["x: vector(n)"] + ["A: matrix(n,n)"] * ("A" in text)).check is not None


def test_a_long_body_is_stacked() -> None:
    body = "x[i]"
    for k in range(9):
        body = f"sin({body}*({body}) + {k})" if k < 6 else f"sin({body} + {k})"
    assert matcalc.gradient(f"sum({body} for i in 1..n)", "x").check is not None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("ind(i > 1)*ind(i < n)", [0, 1, 1, 0]),
        ("1 - delta(i,2)", [1, 0, 1, 1]),
        ("max(i < 2, i > 3)", [1, 0, 0, 1]),
        ("min(i > 1, x[i] > 0)", [0, 0, 1, 1]),
    ],
)
def test_conditions_are_combined(condition: str, holds: list[int]) -> None:
    found = matcalc.gradient(f"sum(x[i] for i in 1..n if {condition})", "x", declare="x: vector(n)")
    assert found.function()(x=[1.0, -1.0, 2.0, 3.0]).tolist() == holds


def test_a_range_that_ends_between_whole_numbers_has_no_value() -> None:
    value = matcalc.gradient("x[2]*sum(x[i]^2 for i in 1..n/2)", "x[2]", declare="x: vector(n)").function()
    assert value(x=np.ones(4)) == 4
    with pytest.raises(ArgumentError, match="runs over whole numbers, and n/2 is 5/2"):
        value(x=np.ones(5))


CHAIN = "sum(x[i]*x[i+1] for i in 1..n-1)"


@pytest.mark.parametrize(
    ("text", "part", "said"),
    [
        (CHAIN, "x[p]", "x[p - 1]*ind(p >= 2) + x[p + 1]*ind(p <= n - 1)"),
        (CHAIN, "x[p+1]", "x[p]*ind(p >= 1) + x[p + 2]*ind(p <= n - 2)"),
        (CHAIN, "x[p-1]", "x[p - 2]*ind(p >= 3) + x[p]*ind(p <= n)"),
        ("sum(x[i]^2 for i in 2..n)", "x[p+1]", "2*x[p + 1]*ind(p >= 1)"),
        ("sum(x[i]*x[i+2] for i in 1..n-2 if i != 2)", "x[p]",
         "x[p - 2]*ind(p != 4)*ind(p >= 3) + x[p + 2]*ind(p != 2)*ind(p <= n - 2)"),
    ],
)  # fmt: skip
def test_the_ends_of_a_range_are_told_of_the_letter_itself(text: str, part: str, said: str) -> None:
    found = matcalc.gradient(text, part, declare="x: vector(n)")
    assert found.check is not None and found.check.draws == 5
    assert str(found) == said


def test_a_place_out_of_range_counts_only_where_its_condition_holds() -> None:
    x = [1.0, 2.0, 4.0]
    value = matcalc.gradient(CHAIN, "x[p]", declare="x: vector(n)").function()
    assert [float(value(x=x, p=p)) for p in (1, 2, 3)] == [2, 5, 2]
    value = matcalc.gradient("sum(V[t]'*V[t+1] for t in 1..N-1)", "V[s]", declare="V: vectors(d,N)").function()
    assert [value(V=np.array([x, x]), s=s).tolist() for s in (1, 2, 3)] == [[2, 2], [5, 5], [2, 2]]
    value = matcalc.gradient("ind(k < n)*sum(A[j,k+1]*y[j] for j in 1..n)", "y", declare="A: matrix(n,n)").function()
    A = np.arange(9.0).reshape(3, 3)
    assert [value(A=A, k=k).tolist() for k in (1, 3)] == [[1, 4, 7], [0, 0, 0]]
    value = matcalc.gradient("y*sum(A[j,k+1] for j in 1..n)", "y", declare="A: matrix(n,n); y: scalar").function()
    with pytest.raises(ArgumentError, match=r"k is not in 0\.\.2: 3"):
        value(A=A, k=3)


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        ("ind(k >= 2)*x[k-1] + ind(k < n)*x[k+1]", True),
        ("x[k-1] + x[k+1]", False),
        ("ind(k >= 2)*x[k-1] + x[k+1]", False),
        ("ind(k >= 3)*x[k-1] + ind(k < n)*x[k+1]", False),
        ("ind(k >= 1)*x[k-1] + ind(k < n)*x[k+1]", False),
    ],
)
def test_a_part_is_verified_at_both_ends(answer: str, ok: bool) -> None:
    assert claim(CHAIN, "x[k]", answer, "x: vector(n)").ok is ok


@pytest.mark.parametrize(
    ("text", "part", "given", "said"),
    [
        ("V[t]'*A*V[t]", "V[s]", {"t": 1.5, "s": 1}, r"t is whole, and 1\.5 is no whole number"),
        ("V[t]'*A*V[t]", "V[s]", {"t": 1, "s": 0}, r"s is not in 1\.\.4: 0"),
        ("V[t]'*A*V[t]", "V[s]", {"t": 1, "s": 99}, r"s is not in 1\.\.4: 99"),
        ("V[t]'*A*V[t]", "V[s]", {"t": 5, "s": 1}, r"t is not in 1\.\.4: 5"),
        ("sum(norm(V[t+1] - V[t])^2 for t in 1..N-1)", "V[s-1]", {"s": 1}, r"s is not in 2\.\.5: 1"),
        ("sum(A[y[t],1]*norm(V[t]) for t in 1..N)", "V", {"y": [1, 2, 3, 1]}, r"y is not in 1\.\.2: 3"),
    ],
)
def test_a_label_is_a_whole_number_within_what_it_counts(text: str, part: str, given: dict[str, Any], said: str) -> None:
    declare = "V: vectors(d,N)" + "; A: matrix(d,d)" * ("A" in text) + "; y: integers(N)" * ("y" in text)
    value = matcalc.gradient(text, part, declare=declare).function()
    with pytest.raises(ArgumentError, match=said):
        value(V=np.ones((2, 4)), **({"A": np.eye(2)} if "A" in text else {}), **given)


@pytest.mark.parametrize("text", ["prod(x[i] - x[j] for j in 1..n if j != i)", "sum(1/(x[i] - x[j]) for j in 1..n if j != i)"])
@pytest.mark.parametrize("part", ["x", "x[i]", "x[k]"])
def test_what_a_condition_keeps_out_is_divided_by_nowhere(text: str, part: str) -> None:
    found = matcalc.gradient(text, part, declare="x: vector(n)")
    assert found.check is not None and found.check.ok
    x = np.array([1.0, 2.0, 4.0])
    f = (lambda x, i: np.prod(np.delete(x[i] - x, i))) if "prod" in text else (lambda x, i: np.sum(1 / np.delete(x[i] - x, i)))
    for i in R(3):
        truth = np.array([np.imag(f(x + 1e-30j * np.eye(3)[k], i)) * 1e30 for k in R(3)])
        if part == "x[k]":
            assert np.allclose([found.function()(x=x, i=i + 1, k=k + 1) for k in R(3)], truth)
        else:
            assert np.allclose(found.function()(x=x, i=i + 1), truth if part == "x" else truth[i])


def test_a_gradient_that_divides_by_zero_is_wrong() -> None:
    problem, (wrt, right, equal) = read("x[i]*x[j]", "x: vector(n)", "x[k]", "delta(i,k)*x[j] + delta(j,k)*x[i]", "delta(i,j)")
    assert verify(problem.expression, {wrt: right}).ok
    assert verify(problem.expression, {wrt: add(right, mul(sympy.zoo, equal))}).ok is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sum(sum(ind(A[t] > 0)) for t in 1..N)", "zeros(d, d)"),
        ("sum(norm(max(A[t], 0)*B)^2 for t in 1..N)", "2*((max(A[a], 0)*B*B') .* ind(A[a] > 0))"),
        ("sum(sum(A[t].^k) for t in 2..N)", "k*ind(a >= 2)*A[a].^(k - 1)"),
        ("sum(tr(A[t]*B*A[s]) for s in 1..N for t in 1..N)", "sum(B'*A[t]' + A[t]'*B' for t in 1..N)"),
    ],
)
def test_a_gradient_by_a_member_reads_back(text: str, said: str) -> None:
    found = matcalc.gradient(text, "A[a]", declare="A: matrices(d,d,N); k: integer")
    names = {**found.problem.names, "a": variable("a", (), ("integer",))}
    assert str(found) == said
    assert str(parse_formula(said, names, found.problem.sizes)) == str(found.node)
