"""Kernels for many values at once: what an operation computes for every value of the indices of sums.

A value is an array (rows, columns, …) whose other axes belong to indices, each of the length of its range or of length 1
where the value does not depend on that index; a scalar is 1×1.  The axes of the matrix come first: what is computed runs
along an index, and long sums over small matrices are fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from matcalc.numeric import linalg
from matcalc.numeric.entrywise import absolute, power, powers
from matcalc.numeric.linalg import Array, associated, is_complex, whole

LARGEST_UNROLLED = 512
"""A product of smaller matrices than that (rows*inner*columns) is computed along the index, not matrix by matrix."""

Batched = Callable[..., Array]


def is_single(X: Array) -> bool:
    """Whether X depends on no index."""
    return bool(X.size == X.shape[0] * X.shape[1])


def single(X: Array) -> Array:
    """The one matrix of an array that depends on no index."""
    return X.reshape(X.shape[:2])


def number(x: Array) -> Array:
    """The one scalar of an array that depends on no index."""
    return x.reshape(())[()]


def leading(X: Array) -> Array:
    """X with the axes of the matrix last, as NumPy's linear algebra has them."""
    return np.moveaxis(X, (0, 1), (-2, -1))


def trailing(X: Array) -> Array:
    """X with the axes of the matrix first again."""
    return np.moveaxis(X, (-2, -1), (0, 1))


# ---------------------------------------------------------------- products and linear algebra


def multiply(A: Array, B: Array) -> Array:
    """A*B."""
    (rows, inner), columns = A.shape[:2], B.shape[1]
    if is_single(A):
        made = single(A) @ B.reshape(inner, -1)
        return made.reshape(rows, *B.shape[1:])
    if is_single(B):
        made = single(B).T @ A.reshape(rows, inner, -1)
        return made.reshape(rows, columns, *A.shape[2:])
    if rows * inner * columns > LARGEST_UNROLLED:
        return trailing(leading(A) @ leading(B))
    made = A[:, 0, None] * B[None, 0]
    for k in range(1, inner):
        made += A[:, k, None] * B[None, k]
    return made


def product(*factors: Array) -> Array:
    """The matrix product, associated cheaply; the first factor may be a scalar."""
    if factors[0].shape[:2] == (1, 1) and len(factors) > 1:
        return factors[0] * product(*factors[1:])
    return associated(multiply, factors)


def raised(x: Array, p: Array) -> Array:
    """x^p, entry by entry."""
    if p.size == 1:
        return power(x, number(p))
    return np.power(x, p) if not is_complex(p) and (p == np.rint(p)).all() else powers(x, p)


def inverse(A: Array) -> Array:
    """inv(A), of NaN where A is singular."""
    stack = leading(A)
    try:
        return trailing(np.linalg.inv(stack))
    except np.linalg.LinAlgError:
        flat = stack.reshape(-1, *stack.shape[-2:])
        return trailing(np.stack([linalg.inverse(X) for X in flat]).reshape(stack.shape))


def of_stack(f: Callable[[Array], Array]) -> Batched:
    """The scalar function f of a matrix that NumPy computes for stacks."""
    return lambda A: f(leading(A))[None, None]


def kron(A: Array, B: Array) -> Array:
    """The Kronecker product."""
    made = A[:, None, :, None] * B[None, :, None, :]
    return made.reshape(A.shape[0] * B.shape[0], A.shape[1] * B.shape[1], *made.shape[4:])


# ---------------------------------------------------------------- reductions

_BOTH = (0, 1)


def total(X: Array) -> Array:
    """The sum of the entries."""
    return X.sum(axis=_BOTH, keepdims=True)


def trace(X: Array) -> Array:
    """tr(X)."""
    return np.trace(X)[None, None]


def norm(X: Array) -> Array:
    """sqrt(sum(X.^2))."""
    return np.sqrt(total(X * X))


def pnorm(X: Array, p: Array) -> Array:
    """(sum |x|^p)^(1/p)."""
    return raised(total(raised(absolute(X), p)), 1 / p)


def norminf(X: Array) -> Array:
    """The largest |x|."""
    flat = absolute(X).reshape(1, -1, *X.shape[2:])
    return np.take_along_axis(flat, flat.real.argmax(axis=1)[:, None], axis=1)


def logsumexp(X: Array, axis: int | tuple[int, int] = _BOTH) -> Array:
    """log(sum(exp(X))) over all entries or along an axis, without overflow."""
    top = X.real.max(axis=axis, keepdims=True)
    return top + np.log(np.exp(X - top).sum(axis=axis, keepdims=True))


def log_softmax(X: Array, axis: int | tuple[int, int] = _BOTH) -> Array:
    """X - logsumexp(X), over all entries or along an axis."""
    return X - logsumexp(X, axis)


def softmax(X: Array, axis: int | tuple[int, int] = _BOTH) -> Array:
    """exp(X)/sum(exp(X)), over all entries or along an axis."""
    return np.exp(log_softmax(X, axis))


# ---------------------------------------------------------------- entries


def places(index: Array, size: int) -> Array:
    """The zero-based positions of an index that counts from 1, the nearest ones where it is not in 1..size."""
    return np.clip(np.rint(index.real).astype(np.intp) - 1, 0, size - 1)[0, 0]


def taken(X: Array, at: Array) -> Array:
    """X[:, at] along the last axis, without a copy where the positions follow each other."""
    flat = at.reshape(-1)
    run = len(flat)
    if flat[-1] - flat[0] == run - 1 and (np.diff(flat) == 1).all():
        return X[..., flat[0] : flat[0] + run].reshape(*X.shape[:-1], *at.shape)
    return X[..., at]


def entry(x: Array, i: Array) -> Array:
    """x[i] of a vector or a row."""
    column = x.reshape(-1, 1, *x.shape[2:])
    at = places(i, column.shape[0])
    if is_single(x):
        return taken(x.reshape(1, 1, -1), at)
    return np.take_along_axis(column, at[None, None], axis=0)


def entry2(X: Array, i: Array, j: Array) -> Array:
    """X[i,j]."""
    rows, columns = places(i, X.shape[0]), places(j, X.shape[1])
    if is_single(X):
        return single(X)[rows, columns][None, None]
    row_ = np.take_along_axis(X, rows[None, None], axis=0)
    return np.take_along_axis(row_, columns[None, None], axis=1)


def row(X: Array, i: Array) -> Array:
    """X[i,:] as 1×n."""
    at = places(i, X.shape[0])
    return taken(single(X).T, at)[None] if is_single(X) else np.take_along_axis(X, at[None, None], axis=0)


def column(X: Array, j: Array) -> Array:
    """X[:,j] as n×1."""
    at = places(j, X.shape[1])
    return taken(single(X), at)[:, None] if is_single(X) else np.take_along_axis(X, at[None, None], axis=1)


def member(A: Array, t: Array, count: Array) -> Array:
    """Block t of the blocks of A side by side."""
    size = whole(number(count))
    blocks = np.moveaxis(A.reshape(A.shape[0], size, -1, *A.shape[2:]), 1, 2)
    at = places(t, size)
    if is_single(A):
        return taken(blocks.reshape(blocks.shape[:3]), at)
    return np.take_along_axis(blocks, at[None, None, None], axis=2)[:, :, 0]


def unit_vector(rows: Array, columns: Array, i: Array, *_: Array) -> Array:
    """e(i): 1 at i, 0 elsewhere."""
    dims = whole(number(rows)), whole(number(columns))
    counted = np.arange(1, dims[0] * dims[1] + 1).reshape(*dims, *(1,) * (i.ndim - 2))
    return (counted == np.rint(i.real)) * np.float64(1)


# ---------------------------------------------------------------- shapes


def diag(x: Array) -> Array:
    """The diagonal matrix of a vector."""
    n = x.shape[0]
    made = np.zeros((n, n, *x.shape[2:]), x.dtype)
    made[np.arange(n), np.arange(n)] = x[:, 0]
    return made


def diagonal(X: Array) -> Array:
    """The diagonal of a matrix."""
    k = np.arange(min(X.shape[:2]))
    return X[k, k][:, None]


def triangle(keep: Callable[[Array], Array]) -> Batched:
    """The triangle of X that `keep` keeps of a matrix of ones."""

    def kept(X: Array) -> Array:
        ones = keep(np.ones(X.shape[:2]))
        return X * ones.reshape(*X.shape[:2], *(1,) * (X.ndim - 2))

    return kept


def joined(axis: int) -> Batched:
    """Matrices one after another along an axis."""

    def join(*parts: Array) -> Array:
        batch = np.broadcast_shapes(*(p.shape[2:] for p in parts))
        return np.concatenate([np.broadcast_to(p, (*p.shape[:2], *batch)) for p in parts], axis=axis)

    return join


BATCHED: dict[str, Batched] = {
    "scalar": lambda x: x,
    "sadd": lambda *terms: reduce(np.add, terms),
    "smul": lambda *factors: reduce(np.multiply, factors),
    "spow": raised,
    "hadpow": raised,
    "mul": product,
    "transpose": lambda X: np.swapaxes(X, 0, 1),
    "inv": inverse,
    "det": of_stack(np.linalg.det),
    "logdet": of_stack(linalg.log_abs_det),
    "kron": kron,
    "tr": trace,
    "sum": total,
    "mean": lambda X: X.mean(axis=_BOTH, keepdims=True),
    "prod": lambda X: X.prod(axis=_BOTH, keepdims=True),
    "norm": norm,
    "pnorm": pnorm,
    "norm1": lambda X: total(absolute(X)),
    "norminf": norminf,
    **{
        name + suffix: partial(f, axis=axis)
        for name, f in (("logsumexp", logsumexp), ("softmax", softmax), ("log_softmax", log_softmax))
        for suffix, axis in (("", _BOTH), ("_all", _BOTH), ("_axis0", 0), ("_axis1", 1))
    },
    "entry": entry,
    "entry2": entry2,
    "row": row,
    "column": column,
    "member": member,
    "e": unit_vector,
    "diag": diag,
    "diagonal": diagonal,
    "vec": lambda X: np.swapaxes(X, 0, 1).reshape(-1, 1, *X.shape[2:]),
    "tril": triangle(np.tril),
    "triu": triangle(np.triu),
    "hcat": joined(1),
    "vcat": joined(0),
}
"""The operations that are computed for all values of the indices at once, besides those that work entry by entry."""
