"""Matrix functions on NumPy arrays, continued analytically so that a complex step passes through them.

No conjugation anywhere: norms are sqrt(sum(x*x)), transposes are plain.  Where an algorithm of LAPACK or SciPy conjugates,
f(A + iE) with a tiny E is taken from f([[A, E], [0, A]]) = [[f(A), L], [0, f(A)]], whose corner is f's derivative along E.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A 2-D array (a vector is n×1) or a NumPy scalar."""

LONGEST_PLANNED_CHAIN = 12


@cache
def scipy(part: str) -> Any:
    """The module `scipy.part`, loaded at its first use."""
    return import_module(f"scipy.{part}")


def is_complex(x: Array) -> bool:
    """Whether x is of a complex type: a complex step is on its way through."""
    return bool(x.dtype.kind == "c")


# ---------------------------------------------------------------- products


@lru_cache(maxsize=4096)
def _splits(dims: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Where to cut factors i..j of dims[i] × dims[i+1] matrices for the cheapest product."""
    n = len(dims) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + dims[i] * dims[k + 1] * dims[j + 1], k) for k in range(i, j)
            )
    return split


def product(*factors: Array) -> Array:
    """The matrix product, associated cheaply; the first factor may be a scalar."""
    if factors[0].ndim == 0:
        return factors[0] * product(*factors[1:])
    if len(factors) <= 2:
        return factors[0] @ factors[1] if len(factors) == 2 else factors[0]
    if len(factors) > LONGEST_PLANNED_CHAIN:
        half = len(factors) // 2
        return product(*factors[:half]) @ product(*factors[half:])
    split = _splits((*(f.shape[0] for f in factors), factors[-1].shape[1]))

    def cut(i: int, j: int) -> Array:
        return factors[i] if i == j else cut(i, split[i, j]) @ cut(split[i, j] + 1, j)

    return cut(0, len(factors) - 1)


def matrix_power(A: Array, k: Array) -> Array:
    """A^k for an integer k."""
    whole = round(float(k.real))
    if whole != k:
        return np.full_like(A, np.nan)
    return np.linalg.matrix_power(A, whole)


# ---------------------------------------------------------------- determinants and inverses


def inverse(A: Array) -> Array:
    """inv(A), of NaN where A is singular."""
    try:
        return np.linalg.inv(A)
    except np.linalg.LinAlgError:
        return np.full_like(A, np.nan)


def log_abs_det(A: Array) -> Array:
    """log |det A|; the sign is decided by the real part."""
    sign, value = np.linalg.slogdet(A)
    if not is_complex(A):
        return value
    return value + 1j * np.arctan2(sign.imag * np.sign(sign.real), abs(sign.real))


def adjugate(A: Array) -> Array:
    """adj(A) with A*adj(A) = det(A)*I, also of a singular A."""
    n = A.shape[0]
    if not is_complex(A) and n > 1:
        U, s, Vt = np.linalg.svd(A)
        products = np.array([np.prod(np.delete(s, i)) for i in range(n)])
        return np.linalg.det(U) * np.linalg.det(Vt) * (Vt.T * products) @ U.T
    identity = np.eye(n)
    M, c = identity + 0 * A, np.float64(1)  # Faddeev and LeVerrier: no division by anything that depends on A
    for k in range(1, n):
        c = -np.trace(A @ M) / k
        M = A @ M + c * identity
    return M if n % 2 else -M


def pseudo_inverse(A: Array) -> Array:
    """pinv(A); of full rank where a complex step passes through."""
    if not is_complex(A):
        return np.linalg.pinv(A)
    if A.shape[0] >= A.shape[1]:
        return inverse(A.T @ A) @ A.T
    return A.T @ inverse(A @ A.T)


def cholesky(A: Array) -> Array:
    """The lower triangular L with L*L' = A for a symmetric positive definite A, of NaN for any other."""
    if not np.allclose(A, A.T, rtol=1e-9, atol=0):
        return np.full_like(A, np.nan)
    try:
        L = np.linalg.cholesky(A.real)
    except np.linalg.LinAlgError:
        return np.full_like(A, np.nan)
    if not is_complex(A):
        return L
    inverted = inverse(L)
    inner = np.tril(inverted @ A.imag @ inverted.T)
    return L + 1j * (L @ (inner - np.diag(np.diag(inner)) / 2))


# ---------------------------------------------------------------- functions of a matrix


def _real_result(F: Array, A: Array) -> Array:
    """The real F; of NaN where F is truly complex, that is where the principal f(A) is not real."""
    if F.dtype.kind != "c":
        return F
    if np.abs(F.imag).max() > 1e-9 * (1 + np.abs(F.real).max()):
        return np.full(A.shape, np.nan)
    return F.real


def matrix_function(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """f for real matrices and, by the block triangular argument, for those a tiny imaginary step away."""

    def continued(A: Array) -> Array:
        if not is_complex(A):
            return _real_result(f(A), A) if np.isfinite(A).all() else np.full(A.shape, np.nan)
        size = float(np.abs(A.imag).max())
        if size == 0 or not np.isfinite(A).all():
            return continued(A.real) + 0j
        n = A.shape[0]
        block = np.block([[A.real, A.imag / size], [np.zeros((n, n)), A.real]])
        F = _real_result(f(block), block)
        return F[:n, :n] + 1j * size * F[:n, n:]

    return continued


def _of_scipy(name: str, A: Array) -> Array:
    """The function of scipy.linalg of that name, its warnings left to whoever looks at the values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(scipy("linalg"), name)(A)
        except (np.linalg.LinAlgError, ValueError):
            return np.full(A.shape, np.nan)


@matrix_function
def exponential(A: Array) -> Array:
    """expm(A)."""
    return _of_scipy("expm", A)


@matrix_function
def logarithm(A: Array) -> Array:
    """The principal logarithm of A, of NaN where it is not real."""
    return _of_scipy("logm", A)


@matrix_function
def square_root(A: Array) -> Array:
    """The principal square root of A, of NaN where it is not real."""
    return _of_scipy("sqrtm", A)


# ---------------------------------------------------------------- spectra


def eigenvalues(A: Array) -> Array:
    """The eigenvalues of the symmetric A as a vector, in ascending order."""
    return np.linalg.eigvalsh(_symmetric(A))[:, None]


def eigenvalue_gaps(A: Array) -> Array:
    """The gaps between neighbouring eigenvalues of the symmetric A."""
    return np.diff(np.linalg.eigvalsh(_symmetric(A)))


def eigenvectors(A: Array) -> Array:
    """The orthogonal V with A = V*diag(eigvals(A))*V' for the symmetric A, the largest entry of each column positive."""
    V = np.linalg.eigh(_symmetric(A))[1]
    return V * np.sign(V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])])


def _symmetric(A: Array) -> Array:
    return (A.real + A.real.T) / 2


def singular_values(A: Array) -> Array:
    """The singular values of A in descending order."""
    return np.linalg.svd(A.real, compute_uv=False)


def polar(A: Array) -> Array:
    """The orthogonal polar factor U*V' of A = U*S*V'."""
    U, _, Vt = np.linalg.svd(A.real, full_matrices=False)
    return U @ Vt


def sylvester(A: Array, B: Array, D: Array) -> Array:
    """The X with A*X + X*B = D."""
    if not any(map(is_complex, (A, B, D))):
        return scipy("linalg").solve_sylvester(A, B, D)
    system = np.kron(np.eye(B.shape[0]), A) + np.kron(B.T, np.eye(A.shape[0]))
    return np.linalg.solve(system, D.T.reshape(-1)).reshape(D.shape[::-1]).T
