"""Functions that the corpus does not use, in every language whose library is installed: value and gradient as in NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import matcalc as mc
from matcalc.codegen.function import Function
from matcalc.result import Result

Array = Any
_rng = np.random.default_rng(3)
_G = _rng.normal(size=(4, 4))
A, B, S = 3 * np.eye(4) + 0.7 * _G, _rng.normal(size=(4, 4)), np.eye(4) + _G @ _G.T
X, x, y = _rng.normal(size=(5, 3)), 0.5 + _rng.random(5), np.array([1, 3, 2, 2, 1])

CASES: dict[str, tuple[str, str, dict[str, Array]]] = {
    "tr(B*expm(A))": ("A", "", {"A": A, "B": B}),
    "tr(B*logm(A))": ("A", "", {"A": A, "B": B}),
    "tr(B*sqrtm(A))": ("A", "", {"A": A, "B": B}),
    "tr(B*chol(A))": ("A", "A: matrix posdef", {"A": S, "B": B}),
    "tr(A^k*B)": ("A", "", {"A": A, "B": B, "k": 3}),
    "tr(pinv(X)*Y)": ("X", "Y: matrix", {"X": X, "Y": X * X}),
    "a'*inv(A)*a + logdet(A)": ("A", "", {"A": A, "a": x[:4]}),
    "a'*inv(A')*a + logdet(A)": ("A", "", {"A": A, "a": x[:4]}),
    "norm(vech(A) - a)^2": ("A", "A: matrix symmetric", {"A": S, "a": _rng.random(10)}),
    "lambda_max(A)": ("A", "A: matrix symmetric", {"A": S}),
    "norm(X, inf)": ("X", "", {"X": X}),
    "norm(X, 3)": ("X", "", {"X": X}),
    "logsumexp(X)": ("X", "", {"X": X}),
    "sum(logsumexp(X, axis=1))": ("X", "", {"X": X}),
    "prod(x)": ("x", "", {"x": x}),
    "sum(erf(x) + gamma(x))": ("x", "", {"x": x}),
    "sum(loggamma(x) + digamma(x))": ("x", "", {"x": x}),
    "sum(log(1 + x) + expm1(x) + asin(x/3) + acosh(x + 2))": ("x", "", {"x": x}),
    "sum(sigmoid(x) + max(x, 0.7) + min(0.9, x) + abs(x - 1))": ("x", "", {"x": x}),
    "sum(y[i]*x[i]^2 for i in 1..N)": ("x", "y: integers(N)", {"x": x, "y": y}),
    "sum(x[y[i]]^3 for i in 1..N)": ("x", "y: integers(N)", {"x": x, "y": y}),
    "sum(X[i,y[i]]^3 for i in 1..N)": ("X", "y: integers(N)", {"X": X, "y": y}),
    "sum(max(x[i] - x[j], 0) for i in 1..n for j in 1..n if j > i)": ("x", "", {"x": x}),
}


def function(problem: str, target: str) -> Function:
    """The function of value and gradient of a case."""
    wrt, declare, _ = CASES[problem]
    return mc.function(problem, wrt, declare=declare or None, target=target, verify=False)


@cache
def expected(problem: str) -> tuple[Array, ...]:
    """Value and gradient as NumPy finds them."""
    found: tuple[Array, ...] = function(problem, "numpy")(**CASES[problem][2])
    return found


def same(found: tuple[Array, ...], problem: str) -> bool:
    """Whether value and gradient are those of NumPy."""
    pairs = zip(found, expected(problem), strict=True)
    return all(np.allclose(np.asarray(a), b, rtol=1e-9, atol=1e-9 * np.max(np.abs(b))) for a, b in pairs)


@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize("package", ["numpy", "array_api_strict", "torch"])
def test_any_array_library(package: str, problem: str) -> None:
    pytest.importorskip("array_api_compat")
    xp = pytest.importorskip(package)
    given = {name: xp.asarray(a) if np.ndim(a) else a for name, a in CASES[problem][2].items()}
    assert same(function(problem, "array-api")(**given), problem)


@pytest.mark.parametrize("problem", CASES)
def test_torch(problem: str) -> None:
    pytest.importorskip("torch")
    assert same(function(problem, "torch")(**CASES[problem][2]), problem)


@pytest.mark.parametrize("problem", CASES)
def test_jax(problem: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    assert same(function(problem, "jax")(**CASES[problem][2]), problem)


NETWORK = "Z = max(X*U, 0); Z2 = max(Z*V, 0); P = softmax(Z2*W, axis=1); -1/n*sum(Y .* log(P))"


@cache
def network_hessian() -> Result:
    """The Hessian by the first of three layers, in which 1/n, which no binary fraction is, meets what is true or false."""
    return mc.hessian(NETWORK, "U", declare=["X: matrix(n,d)", "Y: matrix onehot"], verify=False)


def test_numbers_keep_their_digits_in_torch_beside_what_is_true_or_false() -> None:
    pytest.importorskip("torch")
    shapes = {"X": (3, 3), "U": (3, 4), "V": (4, 3), "W": (3, 2)}
    given = {name: _rng.normal(size=shape) for name, shape in shapes.items()} | {"Y": np.eye(2)[[0, 1, 1]]}
    wanted = network_hessian().function("numpy")(**given)
    found = np.asarray(network_hessian().function("torch")(**given))
    assert np.allclose(found, wanted, rtol=1e-12, atol=1e-13 * np.max(np.abs(wanted)))


@pytest.mark.parametrize("target", ["jax", "torch"])
def test_error_functions_that_the_array_api_lacks(target: str) -> None:
    package = pytest.importorskip(target)
    if target == "jax":
        package.config.update("jax_enable_x64", True)
    f, given = "sum(erfc(x) + erfinv(x/2))", {"x": x}
    pairs = zip(*(mc.function(f, "x", target=t)(**given) for t in ("numpy", target)), strict=True)
    assert all(np.allclose(np.asarray(b), a, rtol=1e-12) for a, b in pairs)
