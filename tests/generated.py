"""Functions of the values and gradients of problems, over any library of arrays that follows the Python array API standard.

TODO: these are written by hand, in the style of the code generator, until it is there; then `generated` is
`matcalc.function(problem, wrt, target="array-api", declare=declare)`, and all below it goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace, device, is_array_api_obj, is_jax_array, is_numpy_array


def generated(problem: str, wrt: str, declare: str = "") -> Callable[..., tuple[Any, Any]]:
    """The function of named arrays that returns the problem's value and its gradient by `wrt`."""
    return _BY_HAND[problem, wrt]


def _place(array: Any) -> Any:
    """The device for new arrays that meet this one; JAX puts them where they are needed unless it is told."""
    return None if is_jax_array(array) else device(array)


def _together(*arguments: Any) -> tuple[Any, ...]:
    """The namespace of those arrays that are not NumPy's, and all arguments as arrays of it, on their device."""
    arrays = [a for a in arguments if is_array_api_obj(a)]
    arrays = [a for a in arrays if not is_numpy_array(a)] or arrays
    xp = array_namespace(*arrays)
    return xp, *(xp.asarray(a, device=_place(arrays[0])) for a in arguments)


def _least_squares(*, X: Any, w: Any, y: Any) -> tuple[Any, Any]:
    """norm(X*w - y)^2 and its gradient by w, 2*X'*(X*w - y)."""
    xp, X, w, y = _together(X, w, y)
    r = X @ w - y
    return xp.sum(r * r), 2 * (X.T @ r)


def _logistic(*, X: Any, w: Any, y: Any) -> tuple[Any, Any]:
    """sum(log(1 + exp(-y .* (X*w)))) and its gradient by w, -X'*(y .* sigmoid(-y .* (X*w)))."""
    xp, X, w, y = _together(X, w, y)
    z = -y * (X @ w)
    return xp.sum(xp.logaddexp(z, 0.0)), -(X.T @ (y * xp.exp(-xp.logaddexp(-z, 0.0))))


def _gaussian(*, x: Any, Sigma: Any, mu: Any) -> tuple[Any, Any]:
    """The log-likelihood of the columns of x, and 1/2*inv(Sigma)*Z*Z'*inv(Sigma) - N/2*inv(Sigma), where Z = x .- mu."""
    xp, x, Sigma, mu = _together(x, Sigma, mu)
    d, N = x.shape
    Z = x - xp.expand_dims(mu, axis=1)
    S = xp.linalg.inv(Sigma)
    scatter = Z @ Z.T
    logdet = 2 * xp.sum(xp.log(xp.linalg.diagonal(xp.linalg.cholesky(Sigma))))
    value = -(d * N * math.log(2 * math.pi) + N * logdet + xp.sum(S * scatter)) / 2
    return value, (S @ scatter @ S - N * S) / 2


def _softmax_regression(*, X: Any, W: Any, y: Any) -> tuple[Any, Any]:
    """-sum(log(P[i,y[i]]) for i in 1..N) and its gradient by W, X'*(P - ind(y == j)), where P = softmax(X*W, axis=1)."""
    xp, X, W, y = _together(X, W, y)
    S = X @ W
    S = S - xp.max(S, axis=1, keepdims=True)
    E = xp.exp(S)
    total = xp.sum(E, axis=1, keepdims=True)
    classes = xp.arange(1, W.shape[1] + 1, dtype=y.dtype, device=_place(y))
    chosen = xp.astype(xp.expand_dims(y, axis=1) == classes, S.dtype)
    value = xp.sum(xp.log(total)) - xp.sum(chosen * S)
    return value, X.T @ (E / total - chosen)


_BY_HAND: dict[tuple[str, str], Callable[..., tuple[Any, Any]]] = {
    ("norm(X*w - y)^2", "w"): _least_squares,
    ("sum(log(1 + exp(-y .* (X*w))))", "w"): _logistic,
    (
        "-N*d/2*log(2*pi) - N/2*logdet(Sigma) - 1/2*sum((x[t] - mu)'*inv(Sigma)*(x[t] - mu) for t in 1..N)",
        "Sigma",
    ): _gaussian,
    ("P = softmax(X*W, axis=1); -sum(log(P[i,y[i]]) for i in 1..N)", "W"): _softmax_regression,
}
