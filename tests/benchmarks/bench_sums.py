"""Sums over an index against NumPy written by hand: `python -m tests.benchmarks.bench_sums`.  The figures are medians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from matcalc.language.parser import parse
from matcalc.numeric.arrays import bind
from matcalc.numeric.evaluate import Program, leaves
from tests.benchmarks.timing import median, milliseconds

N, D, ROUNDS = 1_000_000, 5, 9
RNG = np.random.default_rng(0)
x, X, mu = RNG.normal(size=(D, N)), RNG.normal(size=(N, D)), RNG.normal(size=D)
Sigma, y, R = 2 * np.eye(D) + 1, np.sign(RNG.normal(size=N)), RNG.uniform(size=(N, 3))
m, k, s = RNG.normal(size=(D, 3)), RNG.integers(1, D + 1, N).astype(float), RNG.normal(size=1000)
GIVEN = {"x": x, "X": X, "mu": mu, "w": mu, "Sigma": Sigma, "y": y, "R": R, "m": m, "k": k, "s": s}
DECLARE = """x: vectors(d,N); X: matrix(N,d); mu, w: vector(d); Sigma: matrix(d,d); y: vector(N); m: vectors(d,K)
R: matrix(N,K); k: integers(N); s: vector(n)"""


def hinge() -> Any:
    right = X[np.arange(N), k.astype(int) - 1]
    return np.maximum(0, X - right[:, None] + 1).sum() - N


CASES: dict[str, Callable[[], Any]] = {
    "sum((x[t]-mu)'*inv(Sigma)*(x[t]-mu) for t in 1..N)": lambda: np.sum(
        (x - mu[:, None]) * (np.linalg.inv(Sigma) @ (x - mu[:, None]))
    ),
    "sum(log(1 + exp(-y[i]*(x[i]'*w))) for i in 1..N)": lambda: np.log(1 + np.exp(-y * (x.T @ mu))).sum(),
    "-sum(y[i]*sigmoid(-y[i]*(x[i]'*w))*x[i] for i in 1..N)": lambda: (-x @ (y / (1 + np.exp(y * (x.T @ mu)))))[:, None],
    "sum((x[t]-mu)*(x[t]-mu)' for t in 1..N)": lambda: (x - mu[:, None]) @ (x - mu[:, None]).T,
    "1/N*sum((y[i] - X[i,:]*w)^2 for i in 1..N)": lambda: np.mean((y - X @ mu) ** 2),
    "sum(sum(R[t,j]*norm(x[t] - m[j])^2 for j in 1..K) for t in 1..N)": lambda: sum(
        (R[:, j] * ((x - m[:, [j]]) ** 2).sum(0)).sum() for j in range(3)
    ),
    "sum(sum(exp(-(s[i]-s[j])^2) for j in 1..n if j != i) for i in 1..n)": lambda: (
        np.exp(-((s[:, None] - s) ** 2)).sum() - 1000
    ),
    "sum(sum(max(0, X[i,j] - X[i,k[i]] + 1) for j in 1..d if j != k[i]) for i in 1..N)": hinge,
}


def main() -> None:
    """Print the time of each sum, of the same by hand, and the ratio."""
    for text, by_hand in CASES.items():
        program = Program([parse(text, DECLARE).expression])
        values = bind(leaves(program), {name: a for name, a in GIVEN.items() if name in program.inputs})
        assert np.allclose(program.run(values)[0], by_hand())
        ours, theirs = (
            median([milliseconds(f) for _ in range(ROUNDS)]) for f in (lambda p=program, v=values: p.run(v), by_hand)
        )
        print(f"{ours:7.1f} ms  {theirs:7.1f} ms by hand  {ours / theirs:5.2f} times  {text}")


if __name__ == "__main__":
    main()
