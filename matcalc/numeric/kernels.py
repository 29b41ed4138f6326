"""The NumPy kernel of every primitive operation: what each head of a node computes.

Inside, every matrix is a 2-D array (a vector is n×1, a row 1×n) and every scalar a NumPy scalar.  Kernels are continued
analytically where they can be: abs, max, min, sign and comparisons decide by the real part, norms do not conjugate.  The
names are those of `expr.head`: of the rule files for operations, of SymPy for its scalar functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial, reduce

import numpy as np
import sympy

from matcalc.numeric import linalg
from matcalc.numeric.entrywise import KINKED, SMOOTH, absolute, power
from matcalc.numeric.linalg import Array, product, whole
from matcalc.numeric.operation import Kernel

# ---------------------------------------------------------------- reductions


def norm(X: Array) -> Array:
    """sqrt(sum(X.^2)), Euclidean or Frobenius."""
    return np.sqrt((X * X).sum())


def pnorm(X: Array, p: Array) -> Array:
    """(sum |x|^p)^(1/p)."""
    return power(power(absolute(X), p).sum(), 1 / p)


def largest(X: Array) -> Array:
    """The entry of X whose real part is largest."""
    return X.flat[np.argmax(X.real)]


def logsumexp(X: Array, axis: int | None = None) -> Array:
    """log(sum(exp(X))) over all entries or along an axis, without overflow."""
    top = X.real.max(axis=axis, keepdims=axis is not None)
    return top + np.log(np.exp(X - top).sum(axis=axis, keepdims=axis is not None))


def log_softmax(X: Array, axis: int | None = None) -> Array:
    """X - logsumexp(X), over all entries or along an axis."""
    return X - logsumexp(X, axis)


def softmax(X: Array, axis: int | None = None) -> Array:
    """exp(X)/sum(exp(X)), over all entries or along an axis."""
    return np.exp(log_softmax(X, axis))


# ---------------------------------------------------------------- entries and shapes


def position(index: Array, size: int) -> int:
    """The zero-based position of an index that counts from 1; IndexError outside 1..size."""
    i = round(float(index.real))
    if not 1 <= i <= size:
        raise IndexError(f"index {i} is not in 1..{size}")
    return i - 1


def entry(x: Array, i: Array) -> Array:
    """x[i] of a vector or a row."""
    return x.reshape(-1)[position(i, x.size)]


def entry2(X: Array, i: Array, j: Array) -> Array:
    """X[i,j]."""
    return X[position(i, X.shape[0]), position(j, X.shape[1])]


def row(X: Array, i: Array) -> Array:
    """X[i,:] as 1×n."""
    return X[[position(i, X.shape[0])], :]


def column(X: Array, j: Array) -> Array:
    """X[:,j] as n×1."""
    return X[:, [position(j, X.shape[1])]]


def member(A: Array, t: Array, count: Array) -> Array:
    """Block t of that many blocks of A side by side."""
    blocks = A.reshape(A.shape[0], whole(count), -1)
    return blocks[:, position(t, whole(count))]


def unit_vector(rows: Array, columns: Array, i: Array, *_: Array) -> Array:
    """e(i): 1 at i, 0 elsewhere."""
    made = np.zeros((whole(rows), whole(columns)))
    made.flat[position(i, made.size)] = 1.0
    return made


def vec(X: Array) -> Array:
    """The columns of X stacked."""
    return X.T.reshape(-1, 1)


def unvec(rows: Array, columns: Array, x: Array) -> Array:
    """The matrix of that shape whose columns are stacked in x."""
    return x.reshape(whole(columns), whole(rows)).T


def _lower(n: int) -> tuple[Array, Array]:
    columns, rows = np.triu_indices(n)
    return rows, columns


def vech(X: Array) -> Array:
    """The columns of the lower triangle of X stacked."""
    return X[_lower(X.shape[0])][:, None]


def unvech(x: Array) -> Array:
    """The lower triangular matrix with that half vectorisation."""
    n = (math.isqrt(8 * x.size + 1) - 1) // 2
    made = np.zeros((n, n), x.dtype)
    made[_lower(n)] = x[:, 0]
    return made


def of_matrices(f: Callable[..., Array]) -> Callable[..., Array]:
    """The operation f with a scalar operand taken as a 1×1 matrix."""
    return lambda *args: f(*map(np.atleast_2d, args))


def _blocks(K: Array, p: int, q: int) -> Array:
    """K as an array of its p×q blocks: [i, j] is block K_ij."""
    return K.reshape(K.shape[0] // p, p, K.shape[1] // q, q).transpose(0, 2, 1, 3)


def block_inner(K: Array, B: Array) -> Array:
    """(<K_ij, B>)_ij over the blocks K_ij of K that have B's shape."""
    return (_blocks(K, *B.shape) * B).sum(axis=(2, 3))


def block_sum(K: Array, A: Array) -> Array:
    """The sum of A_ij*K_ij over the blocks K_ij of K, as many as A has entries."""
    blocks = _blocks(K, K.shape[0] // A.shape[0], K.shape[1] // A.shape[1])
    return (A[:, :, None, None] * blocks).sum(axis=(0, 1))


def commutation(m: Array, n: Array) -> Array:
    """K with K*vec(A) = vec(A') for A of m×n."""
    rows, columns = whole(m), whole(n)
    return np.eye(rows * columns)[np.arange(rows * columns).reshape(columns, rows).T.reshape(-1)]


def duplication(n: Array) -> Array:
    """D with D*vech(A) = vec(A) for symmetric A of n×n."""
    size = whole(n)
    rows, columns = _lower(size)
    made = np.zeros((size * size, len(rows)))
    k = np.arange(len(rows))
    made[columns * size + rows, k] = 1.0
    made[rows * size + columns, k] = 1.0
    return made


def elimination(n: Array) -> Array:
    """L with L*vec(A) = vech(A) for A of n×n."""
    size = whole(n)
    rows, columns = _lower(size)
    return np.eye(size * size)[columns * size + rows]


def _off_zeros(X: Array) -> Array:
    """X with 1 where it is exactly 0: those entries are 0 by structure and stay so."""
    return np.where(X == 0, 1.0, X)


def _gaps(X: Array) -> Array:
    """The distances from the largest entry of X to all others, and its own from 0."""
    values = np.sort(X.real.reshape(-1))
    return np.append(values[-1] - values[:-1], values[-1])


def _peak(X: Array) -> Array:
    """1 at the largest entry, shared among those that are as large but for rounding."""
    largest = X.real >= X.real.max() - 1e-12 * np.abs(X).max()
    return largest / largest.sum()


# ---------------------------------------------------------------- the table

_WHOLE: dict[str, Callable[..., Array]] = {
    "scalar": lambda X: X[0, 0],
    "sadd": lambda *terms: reduce(np.add, terms),
    "smul": lambda *factors: reduce(np.multiply, factors),
    "spow": power,
    "mul": product,
    "transpose": lambda X: X.T,
    "pinv": linalg.pseudo_inverse,
    "matpow": linalg.matrix_power,
    "kron": np.kron,
    "tr": np.trace,
    "det": np.linalg.det,
    "logdet": linalg.log_abs_det,
    "adj": linalg.adjugate,
    "expm": linalg.exponential,
    "logm": linalg.logarithm,
    "sqrtm": linalg.square_root,
    "chol": linalg.cholesky,
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    **{
        name + suffix: partial(f, axis=axis)
        for name, f in (("logsumexp", logsumexp), ("softmax", softmax), ("log_softmax", log_softmax))
        for suffix, axis in (("", None), ("_all", None), ("_axis0", 0), ("_axis1", 1))
    },
    "diag": lambda x: np.diag(x[:, 0]),
    "diagonal": lambda X: np.diagonal(X)[:, None],
    "vec": vec,
    "vech": vech,
    "unvech": unvech,
    "block_inner": of_matrices(block_inner),
    "block_sum": of_matrices(block_sum),
    "sylvester": of_matrices(linalg.sylvester),
    "tril": np.tril,
    "triu": np.triu,
    "hcat": of_matrices(lambda *parts: np.concatenate(parts, axis=1)),
    "vcat": of_matrices(lambda *parts: np.concatenate(parts, axis=0)),
    "entry": entry,
    "entry2": entry2,
    "row": row,
    "column": column,
    "member": member,
    "commutation": commutation,
    "duplication": duplication,
    "elimination": elimination,
}
_SHAPED: dict[str, Callable[..., Array]] = {
    "eye": lambda m, n: np.eye(whole(m), whole(n)),
    "zeros": lambda m, n: np.zeros((whole(m), whole(n))),
    "ones": lambda m, n: np.ones((whole(m), whole(n))),
    "e": unit_vector,
    "unvec": unvec,
}

KERNELS: dict[str, Kernel] = {
    **{name: Kernel(f) for name, f in _WHOLE.items()},
    **{name: Kernel(f, entrywise=True) for name, f in SMOOTH.items()},
    **{name: Kernel(f, entrywise=True, margin=margin) for name, (f, margin) in KINKED.items()},
    **{name: Kernel(f, shaped=True) for name, f in _SHAPED.items()},
    "inv": Kernel(linalg.inverse, inverts=True),
    "norm": Kernel(norm, margin=norm),
    "pnorm": Kernel(pnorm, margin=lambda X, p: _off_zeros(X)),
    "norm1": Kernel(lambda X: absolute(X).sum(), margin=_off_zeros),
    "norminf": Kernel(lambda X: largest(absolute(X)), margin=lambda X: _gaps(absolute(X))),
    "spectral": Kernel(
        lambda X: linalg.singular_values(X)[0], analytic=False, margin=lambda X: _gaps(linalg.singular_values(X))
    ),
    "nuclear": Kernel(lambda X: linalg.singular_values(X).sum(), analytic=False, margin=linalg.singular_values),
    "polar": Kernel(linalg.polar, analytic=False, margin=linalg.singular_values),
    "lambda_max": Kernel(lambda X: linalg.eigenvalues(X)[-1, 0], analytic=False, margin=linalg.eigenvalue_gaps),
    "lambda_min": Kernel(lambda X: linalg.eigenvalues(X)[0, 0], analytic=False, margin=linalg.eigenvalue_gaps),
    "eigvals": Kernel(linalg.eigenvalues, analytic=False, margin=linalg.eigenvalue_gaps),
    "eigvecs": Kernel(linalg.eigenvectors, analytic=False, margin=linalg.eigenvalue_gaps),
    "eigvec_max": Kernel(lambda X: linalg.eigenvectors(X)[:, -1:], analytic=False, margin=linalg.eigenvalue_gaps),
    "eigvec_min": Kernel(lambda X: linalg.eigenvectors(X)[:, :1], analytic=False, margin=linalg.eigenvalue_gaps),
    "peak": Kernel(_peak),
    "hardmax": Kernel(
        lambda X: np.eye(X.shape[1])[X.real.argmax(axis=1)], margin=lambda X: np.diff(np.sort(X.real, axis=1)[:, -2:])
    ),
}
_SYMPY_NAMES = {"Abs": "abs", "Max": "max", "Min": "min", "loggamma": "lgamma"}


def canonical(name: str) -> str:
    """The name of an operation here, for that of its head."""
    return _SYMPY_NAMES.get(name, name)


@cache
def kernel(name: str) -> Kernel | None:
    """The kernel of that name; None where there is none (a composite operation, or an unknown one)."""
    return KERNELS.get(canonical(name))


def gated(f: Callable[..., Array], gates: tuple[int, ...]) -> Callable[..., Array]:
    """The product f, 0 where one of the factors `gates` is 0, even where another one is not finite."""

    def product_(*factors: Array) -> Array:
        opened = reduce(np.multiply, [factors[i] for i in gates])
        made: Array = np.where(opened == 0, 0.0, f(*factors))
        return made[()]

    return product_


@cache
def gated_kernel(name: str, gates: tuple[int, ...]) -> Kernel:
    """The kernel of a product with such factors."""
    found = KERNELS[name]
    return replace(found, function=gated(found.function, gates), gates=gates)


def _real(values: object) -> Array:
    """The values as real numbers, NaN for those that are not."""
    found = np.asarray(values)
    return np.where(np.imag(found) == 0, np.real(found), np.nan).astype(float)[()]


@cache
def sympy_kernel(name: str, count: int) -> Kernel | None:
    """SymPy's scalar function of that name as an entrywise kernel: by NumPy, SciPy or, in the end, mpmath."""
    function = getattr(sympy, name, None)
    if not (isinstance(function, type) and issubclass(function, sympy.Function)):
        return None
    slots = sympy.symbols(f"x:{count}", real=True)
    formula = function(*slots)
    fast = sympy.lambdify(slots, formula, modules=["scipy", "numpy"])
    exact = np.vectorize(sympy.lambdify(slots, formula, modules=["mpmath", "sympy"]), otypes=[object])

    def evaluated(*args: Array) -> Array:
        reals = [a.real for a in args]
        try:
            return _real(fast(*reals))
        except (NameError, TypeError, AttributeError):
            pass
        try:
            return _real(np.vectorize(complex, otypes=[complex])(exact(*reals)))
        except (NameError, TypeError, ValueError, ArithmeticError):
            return np.full(np.shape(reals[0]), np.nan)[()]

    return Kernel(evaluated, analytic=False, entrywise=True)
