"""The problems whose generated code is measured, and the best that one can write for them by hand in NumPy and SciPy.

Everything by hand takes the arrays by their names.  A gradient comes with its value, (f, G, ...); a Hessian is that of vec(X),
columns stacked; blocks are an array (n, k, k).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack
from scipy.special import expit

Array = np.ndarray
Arrays = dict[str, Array]
LOG_2PI = float(np.log(2 * np.pi))
RANK, CLASSES, LAYERS = 5, 10, 10
SMALL = 64
"""The size from which LAPACK and the products next to it are SciPy's, in one pool of threads: NumPy's are another, and the two
get in each other's way; below, what starts no threads is quicker."""


@dataclass(frozen=True)
class Workload:
    """A problem, what it is differentiated by, its arrays at size n, and its derivatives by hand."""

    name: str
    title: str
    text: str
    wrt: tuple[str, ...]
    declare: str
    arrays: Callable[[int], Arrays]
    sizes: tuple[int, ...]
    hand: Callable[..., tuple[Any, ...]]
    hessian_sizes: tuple[int, ...] = ()
    hand_hessian: Callable[..., Array] | None = None
    hand_blocks: Callable[..., Array] | None = None


def quadratic_arrays(n: int) -> Arrays:
    """A: n×n, x: n."""
    rng = np.random.default_rng(n)
    return {"x": rng.normal(size=n), "A": rng.normal(size=(n, n))}


def quadratic(x: Array, A: Array) -> tuple[Any, ...]:
    """x'*A*x and (A + A')*x."""
    Ax = A.dot(x)
    return x.dot(Ax), Ax + x.dot(A)


def quadratic_hessian(A: Array, **_: Array) -> Array:
    """A + A', the transpose first so that the sum runs along rows."""
    H = A.T.copy()
    H += A
    return H


def logistic_arrays(n: int) -> Arrays:
    """X: 2n×n, its rows of length near 1, y: ±1, w: n."""
    rng = np.random.default_rng(n)
    return {
        "w": rng.normal(size=n),
        "X": rng.normal(size=(2 * n, n)) / np.sqrt(n),
        "y": np.where(rng.normal(size=2 * n) > 0, 1.0, -1.0),
    }


def logistic(w: Array, X: Array, y: Array) -> tuple[Any, ...]:
    """The sum of log(1 + exp(-y .* (X*w))) and its gradient."""
    z = X.dot(w)
    z *= -y
    s = expit(z)
    s *= -y
    return np.logaddexp(0, z).sum(), s.dot(X)


def logistic_hessian(w: Array, X: Array, **_: Array) -> Array:
    """X'*diag(s .* (1 - s))*X as B'*B, which costs half of a general product."""
    s = expit(X.dot(w))
    s *= 1 - s
    B = np.sqrt(s)[:, None] * X
    return B.T @ B


def factorisation_arrays(n: int) -> Arrays:
    """M: n×n of 0 and 1, T: n×n, U and V: n×k."""
    rng = np.random.default_rng(n)
    return {
        "U": rng.normal(size=(n, RANK)),
        "V": rng.normal(size=(n, RANK)),
        "M": (rng.uniform(size=(n, n)) < 0.5).astype(float),
        "T": rng.normal(size=(n, n)),
    }


def factorisation(U: Array, V: Array, M: Array, T: Array) -> tuple[Any, ...]:
    """The squared norm of M .* (T - U*V') and its gradient by U, in one n×n array."""
    R = U @ V.T
    R -= T
    R *= M
    f = np.vdot(R, R)
    R *= M
    return f, R @ (2 * V)


def factorisation_blocks(V: Array, M: Array, **_: Array) -> Array:
    """2*V'*diag(M[i,:].^2)*V for each row i, as one product with the products of the columns of V."""
    pairs = (V[:, :, None] * (2 * V)[:, None, :]).reshape(len(V), -1)
    return ((M * M) @ pairs).reshape(len(M), V.shape[1], V.shape[1])


def factorisation_hessian(V: Array, M: Array, **_: Array) -> Array:
    """The nk×nk matrix that holds the blocks, each of its k×k parts diagonal."""
    n, k = len(M), V.shape[1]
    pairs = (V[:, :, None] * (2 * V)[:, None, :]).reshape(len(V), k * k)
    H = np.zeros((k, n, k, n))
    np.einsum("aibi->abi", H)[...] = (pairs.T @ (M * M).T).reshape(k, k, n)
    return H.reshape(k * n, k * n)


def network_arrays(n: int) -> Arrays:
    """W1 … W9: n×n, W10: n×10, X: n×n, Y: one-hot rows."""
    rng = np.random.default_rng(n)
    widths = [n] * LAYERS + [CLASSES]
    weights = {f"W{i}": rng.normal(size=(a, b)) * np.sqrt(2 / a) for i, (a, b) in enumerate(pairwise(widths), 1)}
    return {**weights, "X": rng.normal(size=(n, n)), "Y": np.eye(CLASSES)[rng.integers(0, CLASSES, n)]}


def layers(weights: dict[str, Any]) -> list[Any]:
    """W1, W2, … in this order."""
    return [weights[f"W{i}"] for i in range(1, len(weights) + 1)]


def network(X: Array, Y: Array, **weights: Array) -> tuple[Any, ...]:
    """The mean cross-entropy and its gradients by all layers: back-propagation, every layer's arrays written over."""
    Ws = layers(weights)
    Z = [X]
    for W in Ws[:-1]:
        A = Z[-1] @ W
        Z.append(np.maximum(A, 0, out=A))
    S = Z[-1] @ Ws[-1]
    S -= S.max(1)[:, None]
    f = -np.vdot(Y, S)
    np.exp(S, out=S)
    total = S.sum(1)
    f += np.log(total).sum()
    S /= total[:, None]
    S -= Y
    S *= 1 / len(X)
    G, gradients = S, []
    for W, A in zip(reversed(Ws), reversed(Z), strict=True):
        gradients.append(A.T @ G)
        if A is not X:
            G = G @ W.T
            G *= np.sign(A)
    return (f / len(X), *reversed(gradients))


def network_hessian(X: Array, Y: Array, **weights: Array) -> Array:
    """By the first layer: the sum over samples of kron(J'*(diag(p) - p*p')*J, x*x'), J the logits by that layer's output."""
    Ws = layers(weights)
    N, d = X.shape
    Z, masks = X, []
    for W in Ws[:-1]:
        Z = np.maximum(Z @ W, 0)
        masks.append(Z > 0)
    S = Z @ Ws[-1]
    P = np.exp(S - S.max(1)[:, None])
    P /= P.sum(1)[:, None]
    c = P.shape[1]
    J = masks[-1].T[:, :, None] * Ws[-1][:, None, :]
    for W, mask in zip(reversed(Ws[1:-1]), reversed(masks[:-1]), strict=True):
        J = (W @ J.reshape(len(J), N * c)).reshape(len(W), N, c)
        J *= mask.T[:, :, None]
    J = J.transpose(1, 0, 2)
    JP = J * (P / N)[:, None, :]
    B = JP @ J.transpose(0, 2, 1)
    q = JP.sum(2)
    B -= (N * q)[:, :, None] * q[:, None, :]
    h = B.shape[1]
    squares = (X[:, :, None] * X[:, None, :]).reshape(N, d * d)
    H = (B.reshape(N, h * h).T @ squares).reshape(h, h, d, d)
    return H.transpose(0, 2, 1, 3).reshape(h * d, h * d)


def process_arrays(n: int) -> Arrays:
    """K: n×n positive definite, y: n."""
    rng = np.random.default_rng(n)
    B = rng.normal(size=(n, n))
    return {"K": B @ B.T / n + np.eye(n), "y": rng.normal(size=n)}


def mirrored(L: Array) -> Array:
    """The symmetric matrix whose upper triangle is that of L, where all below is 0; it may take the place of L."""
    n = len(L)
    if n < 400:
        H = L + L.T
        H.flat[:: n + 1] *= 0.5
        return H
    for i in range(1, n):
        L[i, :i] = L[:i, i]
    return L


def inverse(C: Array) -> Array:
    """The inverse of C*C' for a lower triangle C, which is written over."""
    if len(C) < SMALL:
        L, _ = lapack.dtrtri(C, lower=1, overwrite_c=1)
        return L.T @ L
    return mirrored(lapack.dpotri(C, lower=1, overwrite_c=1)[0].T)


def process(K: Array, y: Array) -> tuple[Any, ...]:
    """The log marginal likelihood and its gradient: one factorisation, the inverse from it, one triangle of each."""
    n = len(y)
    C, _ = lapack.dpotrf(K.T, lower=1, clean=1)
    a, _ = lapack.dpotrs(C, y, lower=1)
    f = -0.5 * y.dot(a) - np.log(C.diagonal()).sum() - n / 2 * LOG_2PI
    if n < SMALL:
        G = inverse(C)
        np.subtract(a[:, None] * a, G, out=G)
        G *= 0.5
        return f, G
    H, _ = lapack.dpotri(C, lower=1, overwrite_c=1)
    H *= -0.5
    return f, mirrored(blas.dsyr(0.5, a, a=H, lower=1, overwrite_a=1).T)


def gaussian_arrays(n: int) -> Arrays:
    """Sigma: n×n positive definite, mu: n, x: n×10n, a sample a column."""
    rng = np.random.default_rng(n)
    B = rng.normal(size=(n, n))
    return {"Sigma": B @ B.T / n + np.eye(n), "mu": rng.normal(size=n), "x": rng.normal(size=(n, 10 * n))}


def gaussian(Sigma: Array, mu: Array, x: Array) -> tuple[Any, ...]:
    """The log-likelihood of the samples and its gradient, both from their scatter matrix S."""
    n, N = x.shape
    D = x - mu[:, None]
    C, _ = lapack.dpotrf(Sigma.T, lower=1, clean=1)
    logdet = 2 * np.log(C.diagonal()).sum()
    V = inverse(C)
    if n < SMALL:
        Q = V @ (D @ D.T)
    else:
        S = mirrored(blas.dsyrk(1.0, D.T, trans=1, lower=1).T)
        Q = blas.dgemm(1.0, S.T, V.T).T
    f = -0.5 * (Q.trace() + N * (logdet + n * LOG_2PI))
    Q *= 0.5
    Q.flat[:: n + 1] -= N / 2
    return f, Q @ V if n < SMALL else blas.dgemm(1.0, V.T, Q.T).T


def softmax_arrays(n: int) -> Arrays:
    """X: 2n×n, its rows of length near 1, W: n×10, Y: one-hot rows."""
    rng = np.random.default_rng(n)
    return {
        "W": rng.normal(size=(n, CLASSES)),
        "X": rng.normal(size=(2 * n, n)) / np.sqrt(n),
        "Y": np.eye(CLASSES)[rng.integers(0, CLASSES, 2 * n)],
    }


def softmax(W: Array, X: Array, Y: Array) -> tuple[Any, ...]:
    """The cross-entropy and its gradient, a class a row, so that what runs over classes adds up rows."""
    S = W.T @ X.T
    S -= S.max(0)
    f = -np.vdot(Y.T, S)
    np.exp(S, out=S)
    total = S.sum(0)
    f += np.log(total).sum()
    S /= total
    S -= Y.T
    return f, (S @ X).T


def softmax_hessian(W: Array, X: Array, **_: Array) -> Array:
    """The blocks X'*diag(p_a)*X on the diagonal, less Q'*Q with Q = [diag(p_1)*X, …, diag(p_k)*X]."""
    (m, d), k = X.shape, W.shape[1]
    S = X @ W
    P = np.exp(S - S.max(1)[:, None])
    P /= P.sum(1)[:, None]
    Q = (P[:, :, None] * X[:, None, :]).reshape(m, k * d)
    H = Q.T @ Q
    np.negative(H, out=H)
    np.einsum("apaq->apq", H.reshape(k, d, k, d))[...] += (Q.T @ X).reshape(k, d, d)
    return H


NETWORK = "\n".join(
    [f"Z{i} = max({f'Z{i - 1}' if i > 1 else 'X'}*W{i}, 0)" for i in range(1, LAYERS)]
    + [f"P = softmax(Z{LAYERS - 1}*W{LAYERS}, axis=1)", "-1/N*sum(Y .* log(P))"]
)
NORMAL = "-N*d/2*log(2*pi) - N/2*logdet(Sigma) - "
POWERS = (10, 30, 100, 300, 1000, 2000)

# fmt: off
WORKLOADS = [
    Workload("a", "quadratic form", "x'*A*x", ("x",), "", quadratic_arrays, POWERS, quadratic, POWERS, quadratic_hessian),
    Workload("b", "logistic regression", "sum(log(1 + exp(-y .* (X*w))))", ("w",), "X: matrix(m,n)",
             logistic_arrays, POWERS, logistic, POWERS, logistic_hessian),
    Workload("c", "masked factorisation", "norm(M .* (T - U*V'))^2", ("U",), "U: matrix(n,k)",
             factorisation_arrays, POWERS, factorisation, POWERS[:4], factorisation_hessian, factorisation_blocks),
    Workload("d", "ten-layer network", NETWORK, tuple(f"W{i}" for i in range(1, LAYERS + 1)),
             "X: matrix(N,d); Y: matrix onehot",
             network_arrays, (10, 30, 100, 300, 600), network, (4, 8, 12, 16), network_hessian),
    Workload("e", "Gaussian process", "-1/2*y'*inv(K)*y - 1/2*logdet(K) - n/2*log(2*pi)", ("K",), "K: matrix(n,n) posdef",
             process_arrays, POWERS, process),
    Workload("f", "Gaussian likelihood, by index", NORMAL + "1/2*sum((x[t] - mu)'*inv(Sigma)*(x[t] - mu) for t in 1..N)",
             ("Sigma",), "x: vectors(d,N) constant; Sigma: matrix(d,d) posdef; mu: vector",
             gaussian_arrays, POWERS[:5], gaussian),
    Workload("fm", "Gaussian likelihood, by matrices", NORMAL + "1/2*tr((x .- mu)'*inv(Sigma)*(x .- mu))",
             ("Sigma",), "x: matrix(d,N) constant; Sigma: matrix(d,d) posdef; mu: vector(d)",
             gaussian_arrays, POWERS[:5], gaussian),
    Workload("g", "softmax regression", "P = softmax(X*W, axis=1); -sum(Y .* log(P))", ("W",), "Y: matrix onehot",
             softmax_arrays, POWERS, softmax, (3, 10, 30, 100), softmax_hessian),
]
# fmt: on
