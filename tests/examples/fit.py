"""Softmax regression and a Gaussian, fitted by SciPy with generated gradients: `python tests/examples/fit.py`.

It prints

    softmax regression: 294 of 300 classes right, largest entry of the gradient 4e-07
    Gaussian: mean off by 1e-07, covariance off by 3e-07
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

import matcalc as mc


def fit(loss: Callable[..., tuple[Any, ...]], start: dict[str, np.ndarray], **data: Any) -> OptimizeResult:
    """What SciPy finds for a loss that returns its value and a gradient for each array of `start`, in that order."""
    ends = np.cumsum([array.size for array in start.values()])[:-1]

    def unpacked(theta: np.ndarray) -> dict[str, np.ndarray]:
        parts = np.split(theta, ends)
        return {name: part.reshape(array.shape) for part, (name, array) in zip(parts, start.items(), strict=True)}

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, *gradients = loss(**unpacked(theta), **data)
        return value, np.concatenate([g.ravel() for g in gradients])

    theta = np.concatenate([array.ravel() for array in start.values()])
    found = minimize(value_and_gradient, theta, jac=True, method="L-BFGS-B", options={"gtol": 1e-6, "ftol": 1e-15})
    return OptimizeResult(**unpacked(found.x), jac=found.jac, success=found.success)


def softmax_regression(rng: np.random.Generator) -> str:
    """How well the classes of three clouds of points are found."""
    labels = np.repeat([0, 1, 2], 100)
    X = np.column_stack([rng.normal(size=(300, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[labels], np.ones(300)])
    loss = mc.function(
        "-1/N*sum(Y .* log(softmax(X*W, axis=1))) + lambda/2*norm(W)^2",
        "W",
        declare="X: matrix(N,d); Y: matrix onehot; lambda: scalar",
    )
    found = fit(loss, {"W": np.zeros((3, 3))}, X=X, Y=np.eye(3)[labels], lambda_=1e-3)
    right = np.sum(np.argmax(X @ found.W, axis=1) == labels)
    return f"softmax regression: {right} of 300 classes right, largest entry of the gradient {np.abs(found.jac).max():.0e}"


def gaussian(rng: np.random.Generator) -> str:
    """How far the likeliest mean and covariance are from those of the sample, which are the closed form.

    Sigma = inv(R*R') with a triangular R is positive definite whatever R is, so the search is free.
    """
    X = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4)
    loss = mc.function(
        "1/(2*N)*norm((X .- mu')*R)^2 - log(abs(det(R)))",
        ["mu", "R"],
        declare="X: matrix(N,d); R: matrix lower",
    )
    found = fit(loss, {"mu": np.zeros(4), "R": np.eye(4)}, X=X)
    mean = np.abs(found.mu - X.mean(axis=0)).max()
    covariance = np.abs(np.linalg.inv(found.R @ found.R.T) - np.cov(X.T, bias=True)).max()
    return f"Gaussian: mean off by {mean:.0e}, covariance off by {covariance:.0e}"


def main() -> None:
    """Print how well both are fitted."""
    print(softmax_regression(np.random.default_rng(0)))
    print(gaussian(np.random.default_rng(0)))


if __name__ == "__main__":
    main()
