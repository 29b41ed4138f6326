"""Problems that are sums over samples, and samples for them, drawn block by block so that no place needs to hold them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]

FEATURES, CLASSES = 25, 5


@dataclass(frozen=True)
class Case:
    """A sum over samples, its variable, what is declared, its small arguments, and the argument that holds the samples.

    The samples are the rows of `data`, or its columns where it is a family. The problem has labels `y` where `labels` is the
    number of classes; 2 stands for labels -1 and 1, more for labels that count from 1.
    """

    problem: str
    wrt: str
    declare: str
    parameters: Arrays
    data: str = "X"
    columns: bool = False
    labels: int = 0


_rng = np.random.default_rng(0)
_A = _rng.normal(size=(FEATURES, FEATURES))

CASES = {
    "least squares": Case("norm(X*w - y)^2", "w", "", {"w": _rng.normal(size=FEATURES)}, labels=2),
    "logistic regression": Case("sum(log(1 + exp(-y .* (X*w))))", "w", "", {"w": _rng.normal(size=FEATURES)}, labels=2),
    "softmax regression": Case(
        "P = softmax(X*W, axis=1); -sum(log(P[i,y[i]]) for i in 1..N)",
        "W",
        "X: matrix(N,n); y: integers(N)",
        {"W": _rng.normal(size=(FEATURES, CLASSES))},
        labels=CLASSES,
    ),
    "Gaussian log-likelihood": Case(
        "-N*d/2*log(2*pi) - N/2*logdet(Sigma) - 1/2*sum((x[t] - mu)'*inv(Sigma)*(x[t] - mu) for t in 1..N)",
        "Sigma",
        "x: vectors(d,N) constant; Sigma: posdef; mu: vector",
        {"Sigma": np.eye(FEATURES) + _A @ _A.T / FEATURES, "mu": _rng.normal(size=FEATURES)},
        data="x",
        columns=True,
    ),
}


def block(case: Case, number: int, rows: int) -> np.ndarray:
    """The samples of the block of that number, `rows` of them."""
    samples = np.random.default_rng(number).random((rows, FEATURES))
    return samples.T if case.columns else samples


def labels(case: Case, number: int, rows: int) -> np.ndarray:
    """The labels of the samples of that block."""
    drawn = np.random.default_rng([number, 1]).integers(0, case.labels, size=rows)
    return 2.0 * drawn - 1 if case.labels == 2 else drawn + 1


def arguments(case: Case, numbers: range, rows: int) -> Arrays:
    """All arguments of the problem, with the samples of those blocks."""
    data = {case.data: np.concatenate([block(case, number, rows) for number in numbers], axis=1 if case.columns else 0)}
    marks = {"y": np.concatenate([labels(case, number, rows) for number in numbers])} if case.labels else {}
    return case.parameters | data | marks
