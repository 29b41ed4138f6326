"""Matrix functions on NumPy arrays, continued analytically so that a complex step passes through them.

No conjugation anywhere: norms are sqrt(sum(x*x)), transposes are plain; functions of a matrix are computed by products and
inverses, not by Schur's form.  What lies outside of a domain is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A 2-D array (a vector is n×1) or a NumPy scalar."""

LONGEST_PLANNED_CHAIN = 12
LARGEST_KRONECKER = 100
PINV_CUTOFF = 1e-12
"""Singular values below this part of the largest are zeros but for rounding, as in pinv(lambda_max(A)*eye(n) - A)."""
UNDEFINED = (np.linalg.LinAlgError, IndexError)
"""What is raised where there is no value: at a singular matrix, or at an index outside of its range."""


@cache
def scipy(part: str) -> Any:
    """The module `scipy.part`, loaded at its first use."""
    return import_module(f"scipy.{part}")


def is_complex(x: Array) -> bool:
    """Whether x is of a complex type: a complex step is on its way through."""
    return bool(x.dtype.kind == "c")


def whole(x: Array) -> int:
    """The integer of a size computed as a float."""
    return round(float(x.real))


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


def associated(multiply: Callable[[Array, Array], Array], factors: Sequence[Array]) -> Array:
    """The product of matrices by `multiply`, associated cheaply."""
    if len(factors) <= 2:
        return multiply(*factors) if len(factors) == 2 else factors[0]
    if len(factors) > LONGEST_PLANNED_CHAIN:
        half = len(factors) // 2
        return multiply(associated(multiply, factors[:half]), associated(multiply, factors[half:]))
    split = _splits((*(f.shape[0] for f in factors), factors[-1].shape[1]))

    def cut(i: int, j: int) -> Array:
        return factors[i] if i == j else multiply(cut(i, split[i, j]), cut(split[i, j] + 1, j))

    return cut(0, len(factors) - 1)


def product(*factors: Array) -> Array:
    """The matrix product, associated cheaply; the first factor may be a scalar."""
    if factors[0].ndim == 0:
        return factors[0] * product(*factors[1:])
    return associated(np.matmul, factors)


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
        return np.linalg.pinv(A, rcond=PINV_CUTOFF)
    if A.shape[0] >= A.shape[1]:
        return inverse(A.T @ A) @ A.T
    return A.T @ inverse(A @ A.T)


def cholesky(A: Array) -> Array:
    """The lower triangular L with L*L' = A for a symmetric positive definite A, of NaN for any other."""
    if not np.allclose(A, A.T, rtol=1e-9, atol=1e-9 * np.abs(A).max()):
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

_PADE = [17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1]
_PADE_REACH = 2.097
_ROOT_STEPS = 60
_LOG_REACH, _LOG_NODES = 0.25, 12


def exponential(A: Array) -> Array:
    """expm(A), by scaling, the Padé approximant of degree 9, and squaring (Higham 2008, ch. 10)."""
    n = A.shape[0]
    norm = float(np.abs(A).sum(axis=0).max())
    if not np.isfinite(norm):
        return np.full_like(A, np.nan)
    squarings = max(0, int(np.ceil(np.log2(norm / _PADE_REACH)))) if norm > 0 else 0
    A = A / 2**squarings
    square, even, odd, P = A @ A, np.zeros_like(A), np.zeros_like(A), np.eye(n)
    for k in range(0, len(_PADE), 2):
        even, odd, P = even + _PADE[k] * P, odd + _PADE[k + 1] * P, P @ square
    odd = A @ odd
    result = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        result = result @ result
    return result


def logarithm(A: Array) -> Array:
    """The principal logarithm of A, of NaN where it is not real: of symmetric A by eigenvalues, else by square roots."""
    if _is_symmetric(A):
        return _of_spectrum(np.log, A)
    roots = 0
    while np.abs(A - np.eye(len(A))).sum(axis=0).max() > _LOG_REACH:
        A, roots = square_root(A), roots + 1
        if not np.isfinite(A).all():
            return A
    X = A - np.eye(len(A))
    nodes, weights = _gauss_rule()
    terms = (w / 2 * inverse(np.eye(len(A)) + (t + 1) / 2 * X) for t, w in zip(nodes, weights, strict=True))
    return 2**roots * X @ np.sum(list(terms), axis=0)


@cache
def _gauss_rule() -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(_LOG_NODES)


def square_root(A: Array) -> Array:
    """The principal square root of A, of NaN where it is not real (Higham 2008, ch. 6: Newton's method in product form)."""
    if _is_symmetric(A):
        return _of_spectrum(np.sqrt, A)
    n = len(A)
    X = M = A
    if not np.isfinite(A).all() or _reaches_negative_axis(A.real):
        return np.full_like(A, np.nan)
    settled = not is_complex(A)
    for _ in range(_ROOT_STEPS):
        scale = abs(np.linalg.det(M.real)) ** (-1 / (2 * n))
        scale = scale if np.abs(M - np.eye(n)).max() > 0.1 else 1.0
        inverted = inverse(M)
        X = scale / 2 * X @ (np.eye(n) + inverted / scale**2)
        M = (np.eye(n) + (scale**2 * M + inverted / scale**2) / 2) / 2
        if np.abs(M - np.eye(n)).max() < 1e-15 * n:
            if settled:
                return X
            settled = True  # the imaginary part, a derivative, is one step behind
    return X if np.abs(M - np.eye(n)).max() < 1e-10 else np.full_like(A, np.nan)


def _is_symmetric(A: Array) -> bool:
    return not is_complex(A) and bool(np.abs(A - A.T).max() <= 1e-14 * np.abs(A).max())


def _of_spectrum(f: Callable[[Array], Array], A: Array) -> Array:
    """V*diag(f(w))*V' for the symmetric A = V*diag(w)*V'; eigenvalues that are 0 but for rounding are 0."""
    w, V = np.linalg.eigh(_symmetric(A))
    w[np.abs(w) <= 1e-15 * len(w) * np.abs(w).max()] = 0.0
    return (V * f(w)) @ V.T


def _reaches_negative_axis(A: Array) -> bool:
    w = np.linalg.eigvals(A)
    return bool(((w.real <= 0) & (np.abs(w.imag) <= 1e-12 * np.abs(w))).any())


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
    if D.size > LARGEST_KRONECKER and not any(map(is_complex, (A, B, D))):
        return scipy("linalg").solve_sylvester(A, B, D)
    system = np.kron(np.eye(B.shape[0]), A) + np.kron(B.T, np.eye(A.shape[0]))
    return np.linalg.solve(system, D.T.reshape(-1)).reshape(D.shape[::-1]).T
