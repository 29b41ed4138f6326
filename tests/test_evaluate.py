"""The evaluator: every kernel against a plain computation, sizes from arrays, products associated cheaply, callables."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import sympy

from matcalc.calculus.engine import Engine
from matcalc.codegen.function import Function
from matcalc.codegen.outputs import Output
from matcalc.errors import ArgumentError, ShapeError
from matcalc.language.parser import parse
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import mul, number
from matcalc.nodes.expr import ONE, Node, matrix_node, shape, size_symbol
from matcalc.numeric import linalg
from matcalc.numeric.arrays import bind, dimension
from matcalc.numeric.evaluate import Program, evaluate, leaves
from matcalc.numeric.kernels import KERNELS, kernel
from matcalc.program import program
from matcalc.rulebase.base import rulebase

Array = Any
RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 4))
B = RNG.normal(size=(4, 4))
S = A @ A.T + np.eye(4)
X = RNG.normal(size=(4, 3))
Y = RNG.normal(size=(4, 3))
x = RNG.normal(size=4)
y = RNG.normal(size=4)
p = RNG.uniform(0.5, 2.0, size=4)
ARRAYS: dict[str, Array] = {"A": A, "B": B, "S": S, "X": X, "Y": Y, "x": x, "y": y, "p": p}
DECLARE = "A, B, S: matrix(n,n); X, Y: matrix(n,m); x, y, p: vector(n)"


def function(expression: Node, problem: Problem, like: Node | None = None) -> Function:
    """The expression as a function of arrays."""
    return program(Engine(problem, rulebase()), [Output("", expression, like)], "numpy", "value", "The value.")


def value(text: str, **more: Array) -> Array:
    problem = parse(text, DECLARE)
    used = {name: ARRAYS[name] for name in problem.variables if name in ARRAYS}
    return evaluate([problem.expression], {**used, **more}, definitions=problem.definitions)[0]


def softmax(z: Array, axis: int | None = None) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)


def vech(a: Array) -> Array:
    return np.concatenate([a[j:, j] for j in range(len(a))])


CASES: dict[str, Callable[[], Array]] = {
    "tr(A)": lambda: np.trace(A),
    "det(A)": lambda: np.linalg.det(A),
    "logdet(A)": lambda: np.linalg.slogdet(A)[1],
    "sum(X)": lambda: X.sum(),
    "mean(X)": lambda: X.mean(),
    "prod(x)": lambda: np.prod(x),
    "dot(x, y)": lambda: x @ y,
    "inner(A, B)": lambda: np.sum(A * B),
    "norm(x)": lambda: np.linalg.norm(x),
    "norm(X)": lambda: np.linalg.norm(X),
    "norm1(X)": lambda: np.abs(X).sum(),
    "norminf(X)": lambda: np.abs(X).max(),
    "norm(x, 3)": lambda: np.linalg.norm(x, 3),
    "norm(X, 2)": lambda: np.linalg.norm(X, 2),
    "norm(X, 'nuc')": lambda: np.linalg.norm(X, "nuc"),
    "logsumexp(x)": lambda: scipy.special.logsumexp(x),
    "logsumexp(X, axis=1)": lambda: scipy.special.logsumexp(X, axis=1),
    "softmax(x)": lambda: softmax(x),
    "softmax(X, axis=0)": lambda: softmax(X, 0),
    "softmax(X, axis=1)": lambda: softmax(X, 1),
    "log_softmax(X, axis=1)": lambda: np.log(softmax(X, 1)),
    "sum(X, axis=0)": lambda: X.sum(axis=0)[None, :],
    "sum(X, axis=1)": lambda: X.sum(axis=1),
    "mean(X, axis=1)": lambda: X.mean(axis=1),
    "diag(x)": lambda: np.diag(x),
    "diag(A)": lambda: np.diag(A),
    "vec(X)": lambda: X.T.reshape(-1),
    "vech(S)": lambda: vech(S),
    "kron(X, A)": lambda: np.kron(X, A),
    "outer(x, y)": lambda: np.outer(x, y),
    "tril(A)": lambda: np.tril(A),
    "triu(A)": lambda: np.triu(A),
    "[A, X; B, Y]": lambda: np.block([[A, X], [B, Y]]),
    "commutation(n,m)*vec(X)": lambda: X.reshape(-1),
    "duplication(n)*vech(S)": lambda: S.T.reshape(-1),
    "elimination(n)*vec(S)": lambda: vech(S),
    "A*e(2,n)": lambda: A[:, 1],
    "x[2]": lambda: x[1],
    "X[2,3]": lambda: X[1, 2],
    "X[2,:]": lambda: X[[1], :],
    "X[:,2]": lambda: X[:, 1],
    "inv(A)": lambda: np.linalg.inv(A),
    "pinv(X)": lambda: np.linalg.pinv(X),
    "adj(A)": lambda: np.linalg.det(A) * np.linalg.inv(A),
    "A^3": lambda: A @ A @ A,
    "A^-2": lambda: np.linalg.inv(A @ A),
    "expm(A)": lambda: scipy.linalg.expm(A),
    "logm(S)": lambda: scipy.linalg.logm(S),
    "sqrtm(S)": lambda: scipy.linalg.sqrtm(S),
    "chol(S)": lambda: np.linalg.cholesky(S),
    "eigvals(S)": lambda: np.linalg.eigvalsh(S),
    "lambda_max(S)": lambda: np.linalg.eigvalsh(S)[-1],
    "lambda_min(S)": lambda: np.linalg.eigvalsh(S)[0],
    "norm(S*eigvec_max(S) - lambda_max(S)*eigvec_max(S))": lambda: 0.0,
    "exp(X)": lambda: np.exp(X),
    "log(p)": lambda: np.log(p),
    "gamma(p)": lambda: scipy.special.gamma(p),
    "lgamma(p)": lambda: scipy.special.gammaln(p),
    "digamma(p)": lambda: scipy.special.digamma(p),
    "erf(x)": lambda: scipy.special.erf(x),
    "sigmoid(x)": lambda: 1 / (1 + np.exp(-x)),
    "softplus(x)": lambda: np.log1p(np.exp(x)),
    "relu(x)": lambda: np.maximum(x, 0),
    "abs(x)": lambda: np.abs(x),
    "sign(x)": lambda: np.sign(x),
    "max(x, y)": lambda: np.maximum(x, y),
    "min(X, 0)": lambda: np.minimum(X, 0),
    "pow(p, y)": lambda: p**y,
    "p.^2.5": lambda: p**2.5,
    "ind(x > y)": lambda: (x > y).astype(float),
    "X .* x": lambda: X * x[:, None],
    "X ./ p .+ sum(Y, axis=0)": lambda: X / p[:, None] + Y.sum(axis=0),
    "X + 1": lambda: X + 1,
}


@pytest.mark.parametrize("text", CASES)
def test_values_are_those_of_a_plain_computation(text: str) -> None:
    found, expected = value(text), np.asarray(CASES[text]())
    assert np.shape(found) == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["zeta", "airyai", "Chi"])
def test_any_scalar_function_of_sympy_has_a_value(name: str) -> None:
    node = matrix_node(name, (parse("p", DECLARE).variables["p"],), (size_symbol("n"), ONE))
    expected = [float(getattr(sympy, name)(sympy.Float(t + 1)).evalf()) for t in p]
    assert np.allclose(evaluate([node], {"p": p + 1})[0], expected)


def test_every_operation_has_a_kernel_or_a_value() -> None:
    rules = rulebase()
    composite = {name for name, r in rules.records.items() if r.macro or "value" in r.formulas} | {"scale"}
    lacking = [name for name in rules.records if name not in composite and kernel(name) is None]
    assert lacking == []


@pytest.mark.parametrize("name", sorted(n for n, r in rulebase().records.items() if n in KERNELS and "value" in r.formulas))
def test_kernels_and_value_formulas_agree(name: str) -> None:
    rules = rulebase()
    record = rules.record(name)
    shapes = {"m": 5, "n": 3, "p": 2, "k": 3}
    leaves_ = rules.leaves(record)
    arrays = {
        a.name: np.random.default_rng(1).uniform(0.5, 2.0, [dimension(d, shapes) for d in shape(leaves_[a.name])])
        if a.dims or record.entrywise
        else 3
        for a in record.operands
    }
    node = rules.make(name, tuple(leaves_[a.name] for a in record.operands), rules.result(record))
    formula = rules.formula(name, "value")
    assert formula is not None
    own, by_formula = evaluate([node, formula], arrays, sizes=shapes)
    assert np.allclose(own, by_formula, rtol=1e-10)


def test_a_deep_graph_is_no_limit() -> None:
    problem = parse("\n".join(["Z0 = X", *(f"Z{i + 1} = tanh(Z{i})" for i in range(3000)), "sum(Z3000)"]), DECLARE)
    assert np.isfinite(evaluate([problem.expression], {"X": X}, definitions=problem.definitions)[0])


def test_products_are_associated_cheaply() -> None:
    assert linalg._splits((500, 500, 500, 1)) == {(0, 1): 0, (1, 2): 1, (0, 2): 0}
    assert linalg._splits((1, 500, 500, 500))[0, 2] == 1
    chain = [RNG.normal(size=(3, 3)) for _ in range(40)]
    assert np.allclose(linalg.product(*chain), np.linalg.multi_dot(chain))


def test_the_adjugate_of_a_singular_matrix() -> None:
    singular = A.copy()
    singular[3] = singular[0]
    assert np.allclose(singular @ linalg.adjugate(singular), 0, atol=1e-12)
    assert np.allclose(linalg.adjugate(singular), linalg.adjugate(singular + 0j).real)
    assert np.abs(linalg.adjugate(singular)).max() > 0.1


STEPPABLE = ["inv(A)", "adj(A)", "pinv(X)", "expm(A)", "logm(S)", "sqrtm(S)", "logdet(A)", "det(A)", "A^3", "A^-2"]
STEPPABLE += ["exp(X)", "gamma(p)", "lgamma(p)", "digamma(p)", "erf(x)", "sigmoid(x)", "softplus(x)", "abs(x)", "max(x, y)"]
STEPPABLE += ["x.^3", "pow(p, y)", "norm(x)", "norm(x, 3)", "norminf(X)", "softmax(X, axis=1)", "logsumexp(x)"]


@pytest.mark.parametrize("text", STEPPABLE)
def test_kernels_let_a_complex_step_pass(text: str) -> None:
    problem = parse(text, DECLARE)
    name = next(iter(problem.variables))
    program = Program([problem.expression])
    values = program.values(bind(leaves(program), {n: ARRAYS[n] for n in problem.variables}))
    slot = program.inputs[name]
    D = np.random.default_rng(2).normal(size=values[slot].shape)
    by_step = np.imag(program.changed(values, {slot: values[slot] + 1e-30j * D})) / 1e-30
    ahead, behind = (program.changed(values, {slot: values[slot] + t * D}) for t in (1e-5, -1e-5))
    by_difference = (ahead - behind) / 2e-5
    assert np.allclose(by_step, by_difference, rtol=1e-6, atol=1e-7)


def test_results_have_the_documented_shapes() -> None:
    assert np.shape(value("x'*A*x")) == ()
    assert np.shape(value("A*x")) == (4,)
    assert np.shape(value("x'*A")) == (1, 4)
    assert np.shape(value("X'*A")) == (3, 4)


@pytest.mark.parametrize(
    ("arrays", "kind", "part"),
    [
        ({"A": A}, ArgumentError, "no value for x"),
        ({"A": A, "x": np.ones(5)}, ShapeError, "n is 4 by A"),
        ({"A": A[:, :3], "x": x}, ShapeError, "(4, 3)"),
        ({"A": A, "x": "one"}, ArgumentError, "array of numbers"),
        ({"A": x, "x": x}, ShapeError, "(4,)"),
    ],
)
def test_wrong_arrays_are_named(arrays: dict[str, Array], kind: type[Exception], part: str) -> None:
    problem = parse("x'*A*x")
    with pytest.raises(kind) as caught:
        evaluate([problem.expression], arrays)
    assert part in str(caught.value)


def test_a_function_takes_arrays_sizes_and_exponents_by_name() -> None:
    problem = parse("lambda*sum(X^k) + n", "lambda: scalar; X: matrix(n,n)")
    f = function(problem.expression, problem)
    assert set(inspect.signature(f).parameters) == {"lambda_", "X", "k", "n"}
    expected = 2 * np.linalg.matrix_power(A, 3).sum() + 4
    assert np.isclose(f(lambda_=2, X=A, k=3), expected)
    assert np.isclose(f(lambda_=2, X=A, k=3, n=4), expected)
    with pytest.raises(ShapeError):
        f(lambda_=2, X=A, k=3, n=5)
    with pytest.raises(ArgumentError, match="did you mean lambda_"):
        f(lamda=2, X=A, k=3)
    with pytest.raises(ArgumentError, match="no value for lambda"):
        f(X=A, k=3)


def test_a_function_takes_an_intermediate_instead_of_what_it_is_made_of() -> None:
    problem = parse("Z = max(A*X, 0); f = norm(Z - Y)^2", DECLARE)
    f = function(problem.expression, problem)
    Z = np.maximum(A @ X, 0)
    assert np.isclose(f(A=A, X=X, Y=Y), f(Z=Z, Y=Y))
    assert np.isclose(f(Z=Z, Y=Z), 0)


def test_families_go_in_and_out_as_people_have_them() -> None:
    problem = parse("S = C - sum(y[i]*A[i] for i in 1..k)\n-logdet(S)", ["A: matrices(n,n,k)", "C: matrix posdef"])
    members = 0.1 * RNG.normal(size=(4, 4, 3))
    f = function(problem.expression, problem)
    expected = -np.linalg.slogdet(S - np.tensordot(members, y[:3], axes=(2, 0)))[1]
    assert np.isclose(f(A=members, y=y[:3], C=S), expected)
    family = problem.variables["A"]
    assert np.array_equal(function(family, problem, like=family)(A=members), members)
    twice = function(mul(number("2"), family), problem, like=family)
    assert np.allclose(twice(A=members), 2 * members)
    with pytest.raises(ShapeError, match=r"\(n, n, k\)"):
        f(A=members[:, :, 0], y=y, C=S)
    with pytest.raises(ShapeError, match="k is 3 by"):
        f(A=members, y=y, C=S)


def test_families_of_vectors_are_matrices_of_columns() -> None:
    problem = parse("sum(w[t]*x[t]'*x[t] for t in 1..N)", "x: vectors(d,N)")
    assert np.isclose(function(problem.expression, problem)(x=X, w=p[:3]), np.sum(p[:3] * X**2))


def test_unknown_functions_are_given_as_callables() -> None:
    problem = parse("ell(A*x) + sum(grad(ell, A*x))", ["ell: function(vector) -> scalar", DECLARE])
    f = function(problem.expression, problem)
    assert {"ell", "grad_ell"} <= set(inspect.signature(f).parameters)
    assert np.isclose(f(A=A, x=x, ell=lambda v: v @ v, grad_ell=lambda v: 2 * v), x @ A.T @ A @ x + 2 * np.sum(A @ x))
    assert np.isclose(f(A=A, x=x, ell=np.sum, grad_ell=np.ones_like), np.sum(A @ x) + 4)
    with pytest.raises(ArgumentError, match="no function for grad_ell"):
        f(A=A, x=x, ell=np.sum)
    with pytest.raises(ArgumentError, match="ell is a function"):
        f(A=A, x=x, ell=3, grad_ell=np.ones_like)
    with pytest.raises(ShapeError, match="grad_ell"):
        f(A=A, x=x, ell=np.sum, grad_ell=lambda v: np.ones((4, 4, 4)))
    other = function(parse("sum(x)", DECLARE).expression, problem)
    assert np.isclose(other(x=x, ell=np.sum), np.sum(x))


def test_labels_count_from_one() -> None:
    problem = parse("x[i]", "x: vector(n)")
    f = function(problem.expression, problem)
    assert f(x=x, i=1) == x[0]
    with pytest.raises(ArgumentError, match=r"not in 1\.\.4"):
        f(x=x, i=0)
    problem = parse("sum(X[t,y[t]] for t in 1..n)", "X: matrix(n,m); y: integers(n)")
    f = function(problem.expression, problem)
    assert np.isclose(f(X=X, y=[1, 3, 2, 2]), X[0, 0] + X[1, 2] + X[2, 1] + X[3, 1])
    with pytest.raises(ArgumentError, match=r"y is not in 1\.\.3: 4"):
        f(X=X, y=[1, 4, 2, 2])
