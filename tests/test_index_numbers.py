"""Sums over an index in numbers: all values at once against one by one, masks, ranges, memory, kinks inside."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcalc.language.parser import parse
from matcalc.nodes.algebra import add, number, rebuild, zeros
from matcalc.nodes.expr import Node, head, operands, postorder, shape
from matcalc.nodes.indices import SUM, at
from matcalc.numeric import batch
from matcalc.numeric.arrays import bind, dimension
from matcalc.numeric.batched import BATCHED
from matcalc.numeric.evaluate import Program, evaluate, leaves
from matcalc.numeric.sample import MARGIN, Sampler
from matcalc.rulebase.base import rulebase

Array = Any
DECLARE = """A: matrix(n,n); X: matrix(n,m); x, p: vector(n); y: vector(m); w: vector(N); c: integer
V: vectors(n,N); P: vectors(n,N); M: matrices(n,n,N); R: matrices(n,m,N); k: integers(N); ell: function(matrix) -> scalar"""
SIZES = [{"n": 3, "m": 2, "N": 5}, {"n": 2, "m": 5, "N": 3}, {"n": 1, "m": 1, "N": 1}]


def arrays(sizes: dict[str, int], seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    n, m, N = (sizes[s] for s in "nmN")
    drawn = {"A": (n, n), "X": (n, m), "x": (n,), "y": (m,), "w": (N,), "V": (n, N), "M": (n, n, N), "R": (n, m, N)}
    made = {name: rng.normal(size=dims) for name, dims in drawn.items()}
    positive = {"p": rng.uniform(0.5, 2, n), "P": rng.uniform(0.5, 2, (n, N))}
    return {**made, **positive, "c": 2.0, "k": rng.integers(1, n + 1, N).astype(float)}


def unrolled(e: Node, sizes: dict[str, int]) -> Node:
    """The expression with every sum over an index written out."""
    done: dict[int, Node] = {}
    for x in postorder([e], lambda x: () if head(x) == SUM else operands(x)):
        if head(x) == SUM:
            body, i, low, high = operands(x)
            first, last = dimension(low, sizes), dimension(high, sizes)
            terms = [unrolled(at(body, i, number(v)), sizes) for v in range(first, last + 1)]
            done[id(x)] = add(*terms) if terms else zeros(shape(x)) if shape(x) else number(0)
        else:
            new = tuple(done[id(o)] for o in operands(x))
            done[id(x)] = x if all(a is b for a, b in zip(operands(x), new, strict=True)) else rebuild(x, new)
    return done[id(e)]


def assert_same(text: str, sizes: dict[str, int]) -> None:
    """The value and its derivative along a random direction are those of the sum written out."""
    problem = parse(text, DECLARE)
    e = problem.expression
    drawn = arrays(sizes)
    rng = np.random.default_rng(1)
    moved = {n: a if n in ("c", "k") else a + 1e-30j * rng.normal(size=np.shape(a)) for n, a in drawn.items()}
    plain = unrolled(e, {**sizes, "c": 2})
    programs = Program([e]), Program([plain])
    for given_ in (drawn, moved):
        at_once, by_one = (p.run(bind({**leaves(programs[0]), **leaves(p)}, given_, sizes))[0] for p in programs)
        assert np.shape(at_once) == np.shape(by_one)
        assert np.allclose(at_once.real, by_one.real, rtol=1e-10, atol=1e-10)
        assert np.allclose(1e30 * np.imag(at_once), 1e30 * np.imag(by_one), rtol=1e-8, atol=1e-8)


SCALARS = [
    "x[i]*p[i]", "x[i]^i", "X[i,1]", "exp(x[i])/p[i]", "log(p[i])^3", "p[i]^i", "p[i]^x[i]", "max(x[i], 0)", "max(x[i], p[i])",
    "abs(x[i])", "sqrt(p[i])", "i*x[i]", "sigmoid(x[i])", "gamma(p[i])", "lgamma(p[i]*i)", "erf(x[i])", "ind(x[i] > 0)",
    "X[i,:]*y", "A[:,i]'*x", "A[i,:]*A*x", "norm(X[i,:]')", "norm(A[:,i] - x)^2", "norm1(A[:,i])", "norminf(A[:,i])",
    "norm(A[:,i], 3)", "e(i,n)'*A*e(i,n)", "det(A + i*I(n))", "logdet(A*A' + i*I(n))", "tr(A*diag(p)*A[:,i]*x')",
    "sum(inv(A*A' + p[i]*I(n)))", "mean(A[:,i])", "prod(A[:,i])", "logsumexp(A[:,i])", "sum(softmax(A[:,i]) .* x)",
    "log_softmax(A[:,i])'*x", "sum(x .* A[:,i].^2)", "sum(A^i)", "sum(tril(x*A[:,i]')) + sum(triu(x*A[:,i]'))",
    "sum(diag(x[i]*A).^3)", "sum(diag(A[:,i])*A)", "x'*softmax(x*A[i,:], axis=1)*x", "x'*softmax(x*A[i,:], axis=0)*x",
    "sum(log_softmax(x*A[i,:], axis=1)) + sum([x; A[:,i]].^3)", "sum(sum(x*A[i,:], axis=1).^2)", "sum(kron(A[:,i], X))",
    "sum(vec(x*A[i,:]).^2)", "sum([A[:,i], x]*[1, 2]')", "sum(vech(x*A[i,:]))", "norm(expm(p[i]*A))",
    "sum(chol(A*A' + i*I(n)))", "sum(adj(A + i*A'))", "sum(pinv(X + x[i]*X))", "sum(sqrtm(A*A' + i*I(n)))", "ell(x[i]*X)",
    "sum(grad(ell, x[i]*X))", "sum(max(A[:,i]*y', 0))", "sum(relu(A[:,i])) + sum(softplus(A[:,i]))",
    "prod(x[j] for j in 1..n)*x[i]", "sum(A[i,j]*x[j]^2 for j in 1..n)^2",
    "sum(sum(A[i,j]*A[j,l] for l in 1..n)*x[j] for j in 1..n)", "sum(x[j] for j in 1..i)", "sum(x[j] for j in i+1..n)",
    "sum(exp(x[i] - x[j]) for j in 1..n if j != i)", "sum(1/(x[i] - x[j]) for j in 1..n if j != i)",
]  # fmt: skip
MATRICES = [
    "x[i]*A", "A[:,i]*y'", "p[i]*A[:,i]*X[i,:]", "(A[:,i] - x)*(A[:,i] - x)'", "A[:,i]*A[i,:]*X", "inv(A*A' + p[i]*I(n))",
    "A^i", "X .* p[i]", "tanh(x[i]*X)", "X' .* (y*A[i,:])", "e(i,n)*y'", "e(i,n)*e(i,n)'", "diag(x[i]*x)",
    "ind(A[:,i] > 0)*y'", "1/p[i]*(X - x[i]*X.^2)", "sum(x[i]*A[:,j]*X[j,:] for j in 1..n)",
    "A[:,i]*sum(y[j]*e(j,m)' for j in 1..m)",
]  # fmt: skip
FAMILIES = [
    "w[t]*V[t]'*A*V[t]", "w[t]*(V[t] - x)", "log(P[t])", "tr(M[t]'*M[t]*A)", "w[t]*M[t]", "R[t]*y", "M[t]*R[t]",
    "M[t]'*V[t]", "x[k[t]]*w[t]", "A[k[t],:]'", "A[:,k[t]]*w[t]", "A[k[t],c-1]", "e(k[t],n)*w[t]",
    "sum(ind(j == k[t])*x[j] for j in 1..n)", "sum(max(0, x[j] - x[k[t]] + 1) for j in 1..n if j != k[t])",
    "inv(M[t] + 5*I(n))", "det(M[t])*V[t]", "softmax(V[t])", "w[t]*norm(V[t] - sum(V[s] for s in 1..N))^2",
    "sum(w[s]*exp(-norm(V[t] - V[s])^2) for s in 1..N if s != t)",
]  # fmt: skip
SUMS = (
    [f"sum({body} for i in 1..n)" for body in (*SCALARS, *MATRICES)]
    + [f"sum({body} for t in 1..N)" for body in FAMILIES]
    + ["sum(x[i]*x[i-1] for i in 2..n)", "sum(A^r*X for r in 0..c-1)", "sum(x[i] for i in n..1)", "sum(x[i]*X for i in n+1..n)"]
    + [
        "prod(x[i] for i in 1..n if i != c)",
        "sum(x[i] for i in 1..n if i != c)",
        "sum(sum(X[i,j] for i in 1..n)^2 for j in 1..m)",
    ]
)


@pytest.mark.parametrize("text", SUMS)
def test_a_sum_over_an_index_is_that_of_its_terms(text: str) -> None:
    for sizes in SIZES:
        if not ("c-1]" in text and sizes["n"] == 1):
            assert_same(text, sizes)


@pytest.mark.parametrize("text", SUMS)
def test_chunks_make_no_difference(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate([parse(text, DECLARE).expression], arrays(SIZES[0]), SIZES[0])[0]
    monkeypatch.setattr(batch, "CHUNK", 7)
    monkeypatch.setattr(batch, "FIRST", 2)
    parts = evaluate([parse(text, DECLARE).expression], arrays(SIZES[0]), SIZES[0])[0]
    assert np.allclose(whole, parts, rtol=1e-12, atol=1e-12)


def matrices_in(level: int, letters: str) -> st.SearchStrategy[str]:
    """Texts of n×n matrices in the free indices."""
    leaf = ["A", "diag(p)", "I(n)", *(f"(x[{i}]*A)" for i in letters), *(f"(A[:,{i}]*x')" for i in letters)]
    leaf += [f"(e({i},n)*A[{j},:])" for i in letters for j in letters]
    if level == 0:
        return st.sampled_from(leaf)
    below = matrices_in(level - 1, letters)
    wider = matrices_in(level - 1, letters + "jkl"[len(letters) - 1]) if len(letters) < 3 else below
    index = "jkl"[len(letters) - 1]
    condition = st.sampled_from(["", f" if {index} != {letters[-1]}", f" if {index} <= {letters[0]}"])
    return st.one_of(
        st.sampled_from(leaf),
        st.builds("({} + {})".format, below, below),
        st.builds("({}*{})".format, below, below),
        st.builds("({} .* {})".format, below, below),
        st.builds("({})'".format, below),
        st.builds("tanh({})".format, below),
        st.builds("tr({})*{}".format, below, below),
        st.builds(("sum({} for " + index + " in 1..n{})").format, wider, condition),
    )


@settings(max_examples=80, deadline=None, derandomize=True)
@given(matrices_in(3, "i"), st.sampled_from(SIZES))
def test_random_bodies_are_summed_right(body: str, sizes: dict[str, int]) -> None:
    assert_same(f"sum({body} for i in 1..n)", sizes)


def test_a_condition_hides_what_is_not_finite() -> None:
    x = np.array([1.0, 3.0, 4.0, -2.0])
    difference = x[:, None] - x + np.eye(4)
    expected = np.sum(1 / difference - np.eye(4))
    text = "sum(sum(1/(x[i] - x[j]) for j in 1..n if j != i) for i in 1..n)"
    assert np.isclose(evaluate([parse(text).expression], {"x": x})[0], expected)
    hidden = parse("sum(ind(k != j)/(x[k] - x[j]) for j in 1..n)", "x: vector(n); k: integer").expression
    assert np.isclose(evaluate([hidden], {"x": x, "k": 2})[0], 1 / 2 + 1 / -1 + 1 / 5)
    outside = parse("delta(i,j)*3 + ind(i != j)/(x[i] - x[j])", "x: vector(n); i, j: integer").expression
    assert evaluate([outside], {"x": x, "i": 2, "j": 2})[0] == 3
    logs = parse("prod(log(x[i]) for i in 1..n if i != 4)", "x: vector(n)").expression
    assert np.isclose(evaluate([logs], {"x": x})[0], np.prod(np.log(x[:3])))


def test_an_index_out_of_its_range_is_an_error_where_it_counts() -> None:
    x = np.arange(1.0, 5)
    wrong = parse("sum(max(0, x[i-1]) for i in 1..n if i < n)", "x: vector(n)").expression
    with pytest.raises(IndexError, match=r"index 0 is not in 1\.\.4"):
        evaluate([wrong], {"x": x})
    right = parse("sum(max(0, x[i-1]) for i in 1..n if i > 1)", "x: vector(n)").expression
    assert evaluate([right], {"x": x})[0] == 6
    inner = parse("sum(sum(X[i-1,j] for j in 1..m) for i in 1..n if i > 1)", "X: matrix(n,m)").expression
    assert evaluate([inner], {"X": np.ones((3, 5))})[0] == 10
    inner = parse("sum(sum(X[i-1,j] for j in 1..m) for i in 1..n if i < n)", "X: matrix(n,m)").expression
    with pytest.raises(IndexError, match="index 0"):
        evaluate([inner], {"X": np.ones((3, 5))})


def test_singular_matrices_among_the_terms_are_no_numbers() -> None:
    text = "sum(ind(x[i] > 0)*sum(inv(x[i]*A)) for i in 1..n)"
    value = evaluate([parse(text, "A: matrix(m,m); x: vector(n)").expression], {"A": np.eye(2), "x": np.array([1.0, 0.0])})[0]
    assert np.isnan(value)


@pytest.mark.parametrize(
    "text",
    [
        "sum((V[t] - x)'*inv(A)*(V[t] - x) for t in 1..N)",
        "sum(w[t]*(V[t] - x)*(V[t] - x)' for t in 1..N)",
        "sum(sum(w[t]*norm(V[t] - A[:,j]) for j in 1..n) for t in 1..N)",
        "sum(sum(w[t]*norm(V[t] - A[:,j]) for t in 1..N) for j in 1..n)",
        "sum(w[t]*sum(tanh(V[t]*p')*V[t]) for t in 1..N)",
        "sum(sum(norm(tanh(V[t]*A[j,:])) for j in 1..n) for t in 1..N)",
    ],
)
def test_long_sums_take_little_memory(text: str) -> None:
    sizes = {"n": 6, "m": 2, "N": 100_000}
    program = Program([parse(text, DECLARE).expression])
    values = bind(leaves(program), arrays(sizes), sizes)
    tracemalloc.start()
    program.run(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


# ---------------------------------------------------------------- what samplers and differences are told


def sampler(text: str) -> Sampler:
    return Sampler(Program([parse(text, DECLARE).expression]), rulebase())


def test_points_keep_away_from_the_kinks_inside_a_sum() -> None:
    drawn = sampler("sum(sum(abs(x[i] - x[j]) for j in 1..n if j != i) for i in 1..n)")
    (step,) = [s for s in drawn.program.steps if head(s.node) == SUM]
    for gap, fits in ((MARGIN / 10, False), (0.5, True)):
        values = drawn.program.values({"x": np.array([[1.0], [1.0 + gap], [3.0]]), "n": np.float64(3)})
        assert drawn._fits(step, [values[i] for i in step.args]) is fits
    assert step.kernel.kinked and step.kernel.analytic


def test_what_is_inverted_inside_a_sum_is_well_conditioned_where_it_counts() -> None:
    drawn = sampler("sum(sum(inv(M[t])) for t in 1..N if t != c)")
    program = drawn.program
    given_ = {"M": np.stack([np.eye(3), np.zeros((3, 3)), np.eye(3)], axis=2)}
    for c, fits in ((2, True), (1, False)):
        values = program.values(bind(leaves(program), {**given_, "c": c}, {"n": 3}))
        (step,) = [s for s in program.steps if head(s.node) == SUM]
        assert drawn._fits(step, [values[i] for i in step.args]) is fits


@pytest.mark.parametrize(
    ("text", "analytic", "kinked"),
    [
        ("sum(norm(M[t], 2) for t in 1..N)", False, False),
        ("sum(x[i]^2 for i in 1..n if i != c)", True, False),
        ("sum(sum(max(x[i], x[j]) for j in 1..n) for i in 1..n)", True, True),
    ],
)
def test_a_sum_is_as_smooth_as_its_terms(text: str, analytic: bool, kinked: bool) -> None:
    (step,) = [s for s in Program([parse(text, DECLARE).expression]).steps if head(s.node) == SUM]
    assert (step.kernel.analytic, step.kernel.kinked) == (analytic, kinked)


def test_every_kernel_for_many_values_stands_in_a_sum_that_is_tested() -> None:
    seen = {head(x) for text in SUMS for x in postorder([parse(text, DECLARE).expression])}
    assert {name for name in set(BATCHED) - seen if not name.endswith(("_all", "_axis0", "_axis1"))} == set()
