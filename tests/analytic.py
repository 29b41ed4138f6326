"""NumPy with every function continued analytically, so that a complex step sees through it.

The functions that tests evaluate independently of `matcalc`: entrywise functions with kinks decide by the real part, matrix
functions use algorithms without conjugation.  `jnp`, `jax` and `jsp` at the end stand in for JAX in the corpus' oracles.
What has no such continuation (eigenvalues, singular values) is real only and raises `NotAnalyticError` for complex input.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

Array = Any


class NotAnalyticError(Exception):
    """A complex step cannot pass through this function."""


def _real(x: Array) -> Array:
    return np.real(np.asarray(x))


def real_only(f: Any) -> Any:
    """F, refusing complex input."""

    def checked(x: Array, *args: Any, **keywords: Any) -> Array:
        if np.iscomplexobj(x):
            raise NotAnalyticError(getattr(f, "__name__", "function"))
        return f(x, *args, **keywords)

    return checked


def first_order(f: Any, derivative: Any) -> Any:
    """The real function f, continued by f(x + ih) = f(x) + ih f'(x)."""

    def continued(x: Array) -> Array:
        if not np.iscomplexobj(x):
            return f(x)
        real = np.real(x)
        return f(real) + 1j * np.imag(x) * derivative(real)

    return continued


def absolute(x: Array) -> Array:
    """|x|, with slope 0 at 0."""
    return x * np.sign(_real(x))


def sign(x: Array) -> Array:
    """The sign of the real part."""
    return np.sign(_real(x))


def maximum(a: Array, b: Array) -> Array:
    """The greater of a and b; where they tie, b."""
    return np.where(_real(a) > _real(b), a, b)


def minimum(a: Array, b: Array) -> Array:
    """The lesser of a and b; where they tie, b."""
    return np.where(_real(a) < _real(b), a, b)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return maximum(x, 0.0)


def sigmoid(x: Array) -> Array:
    """1/(1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    falling = np.where(_real(x) > 0, -x, x)
    return np.where(_real(x) > 0, x, 0.0) + np.log1p(np.exp(falling))


def logsumexp(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x)))."""
    top = np.max(_real(x), axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """x - logsumexp(x) along an axis."""
    return x - logsumexp(x, axis=axis, keepdims=True)


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(log_softmax(x))."""
    return np.exp(log_softmax(x, axis))


erf = first_order(scipy.special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
erfc = first_order(scipy.special.erfc, lambda x: -2 / np.sqrt(np.pi) * np.exp(-(x**2)))
gamma = first_order(scipy.special.gamma, lambda x: scipy.special.gamma(x) * scipy.special.psi(x))
lgamma = first_order(scipy.special.gammaln, scipy.special.psi)
digamma = first_order(scipy.special.psi, lambda x: scipy.special.polygamma(1, x))


def slogdet(a: Array) -> tuple[Array, Array]:
    """(sign, log of the absolute determinant)."""
    if not np.iscomplexobj(a):
        return tuple(np.linalg.slogdet(a))
    det = np.linalg.det(a)
    return np.sign(det.real), np.log(det * np.sign(det.real))


def logdet(a: Array) -> Array:
    """log|det(A)|."""
    return slogdet(a)[1]


def adjugate(a: Array) -> Array:
    """det(A)*inv(A)."""
    return np.linalg.det(a) * np.linalg.inv(a)


def pinv(a: Array) -> Array:
    """The pseudo-inverse of a matrix of full rank."""
    if a.shape[0] < a.shape[1]:
        return a.T @ np.linalg.inv(a @ a.T)
    return np.linalg.inv(a.T @ a) @ a.T


def cholesky(a: Array) -> Array:
    """The lower factor L of A = L*L', without conjugation."""
    n = a.shape[0]
    factor = np.zeros_like(a, dtype=complex if np.iscomplexobj(a) else float)
    for j in range(n):
        factor[j, j] = np.sqrt(a[j, j] - np.sum(factor[j, :j] ** 2))
        for i in range(j + 1, n):
            factor[i, j] = (a[i, j] - np.sum(factor[i, :j] * factor[j, :j])) / factor[j, j]
    return factor


def sqrtm(a: Array) -> Array:
    """The principal square root by the product form of Denman and Beavers' iteration."""
    m = x = a
    one = np.eye(a.shape[0])
    for _ in range(60):
        inverse = np.linalg.inv(m)
        x, m = 0.5 * x @ (one + inverse), 0.5 * (one + 0.5 * (m + inverse))
        if np.max(np.abs(m - one)) < 1e-15:
            break
    return x


def logm(a: Array) -> Array:
    """The principal logarithm: square roots, then Gauss-Legendre quadrature of X*inv(I + t*X)."""
    one = np.eye(a.shape[0])
    root, squarings = a, 0
    while np.max(np.abs(root - one)) > 0.2 and squarings < 12:
        root, squarings = sqrtm(root), squarings + 1
    x = root - one
    nodes, weights = np.polynomial.legendre.leggauss(16)
    total = sum(0.5 * w * x @ np.linalg.inv(one + 0.5 * (t + 1) * x) for t, w in zip(nodes, weights, strict=True))
    return 2.0**squarings * total


def expm(a: Array) -> Array:
    """The matrix exponential."""
    return scipy.linalg.expm(a)


@real_only
def eigvalsh(a: Array) -> Array:
    """The eigenvalues of the symmetric part, in rising order."""
    return np.linalg.eigvalsh((a + a.T) / 2)


@real_only
def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True) -> Array:
    """The singular values, or the whole decomposition."""
    return np.linalg.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)


def var(x: Array, axis: int | None = None) -> Array:
    """The mean square deviation, without conjugation."""
    return np.mean((x - np.mean(x, axis=axis, keepdims=True)) ** 2, axis=axis)


class _Analytic(np.ndarray):
    """An array whose method `var` is analytic."""

    def var(self, axis: int | None = None) -> Array:  # type: ignore[override]
        return var(np.asarray(self), axis)


def analytic_array(x: Array) -> Array:
    """X as an array whose methods are analytic."""
    return np.asarray(x).view(_Analytic) if np.ndim(x) else x


_linalg = SimpleNamespace(
    det=np.linalg.det, inv=np.linalg.inv, solve=np.linalg.solve, slogdet=slogdet, eigvalsh=eigvalsh, svd=svd,
    matrix_power=np.linalg.matrix_power,
)  # fmt: skip
jnp = SimpleNamespace(
    outer=np.outer, sum=np.sum, mean=np.mean, prod=np.prod, trace=np.trace, diag=np.diag, eye=np.eye, kron=np.kron, pi=np.pi,
    exp=np.exp, log=np.log, log1p=np.log1p, sqrt=np.sqrt, sin=np.sin, cosh=np.cosh, tanh=np.tanh, abs=absolute,
    maximum=maximum, var=var, linalg=_linalg, take_along_axis=np.take_along_axis, einsum=np.einsum, tensordot=np.tensordot,
    arange=np.arange, asarray=np.asarray,
)  # fmt: skip
_special = SimpleNamespace(xlogy=lambda x, y: x * np.log(y))
jsp = SimpleNamespace(linalg=SimpleNamespace(expm=expm), special=_special)
jax = SimpleNamespace(
    nn=SimpleNamespace(
        sigmoid=sigmoid, softmax=softmax, log_softmax=log_softmax, softplus=softplus, logsumexp=logsumexp,
        log_sigmoid=lambda x: -softplus(-x),
    ),
    scipy=jsp,
)  # fmt: skip
