"""Derivation against SymPy's `.diff` on the problems that SymPy gets right: `python -m tests.benchmarks.bench_sympy`.

Each problem is posed to both under fresh names in every round; SymPy's own answer is checked by number first, and where it
is wrong or an exception the problem is left out and said so.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from sympy import Trace, symbols
from sympy.matrices.expressions import MatrixSymbol

import matcalc
from tests import differences
from tests.benchmarks.timing import median, milliseconds, renamed
from tests.corpus_entries import Entry, load

Expression = Any
PROBLEMS: dict[str, Callable[..., Expression]] = {
    "s001-linear": lambda a, x: a.T * x,
    "s001-quadratic": lambda A, x: x.T * A * x,
    "s002-q1-product": lambda A, x, b, y: (A * x + b - y).T * (A * x + b - y) / 2,
    "s002-q2": lambda W: Trace(W**-1),
    "s002-q3-A": lambda A, x: x.T * A * x,
    "s002-q7": lambda A, X, B, C: Trace(A * X * B * X.T * C),
    "s000-trace-Z": lambda Z, Y: Trace(Z.T * Z - Z.T * Y - Y.T * Z + Y.T * Y),
    "s000-trace-inner": lambda Z, Y: Trace((Z - Y).T * (Z - Y)),
    "s002-q6-det": lambda X: sympy.Determinant(X),
    "mc-057-logabsdet": lambda X: sympy.log(sympy.Determinant(X)),
    "mc-061-axinvb": lambda a, X, b: a.T * X**-1 * b,
    "mc-063-tr-axinvb": lambda A, X, B: Trace(A * X**-1 * B),
    "mc-064-tr-shifted": lambda X, A: Trace((X + A) ** -1),
    "mc-069-ax": lambda x, a: x.T * a,
    "mc-070-axb": lambda a, X, b: a.T * X * b,
    "mc-071-axtb": lambda a, X, b: a.T * X.T * b,
    "mc-077-gram": lambda b, X, c: b.T * X.T * X * c,
    "mc-078-bilinear": lambda B, x, b, C, D, d: (B * x + b).T * C * (D * x + d),
    "mc-082-bxdxc": lambda b, X, D, c: b.T * X.T * D * X * c,
    "mc-083-affine": lambda X, b, c, D: (X * b + c).T * D * (X * b + c),
    "mc-096-grad": lambda x, A, b: x.T * A * x + b.T * x,
    "mc-099-tr": lambda X: Trace(X),
    "mc-100": lambda X, A: Trace(X * A),
    "mc-101": lambda A, X, B: Trace(A * X * B),
    "mc-102": lambda A, X, B: Trace(A * X.T * B),
    "mc-106": lambda X: Trace(X**2),
    "mc-108": lambda X, B: Trace(X.T * B * X),
    "mc-111": lambda X, B: Trace(X * B * X.T),
    "mc-114": lambda A, X, B: Trace(A * X * B * X),
    "mc-117": lambda X, B, C: Trace(X.T * B * X * C),
    "mc-119": lambda A, X, B, C: Trace((A * X * B + C) * (A * X * B + C).T),
    "mc-131-norm2": lambda x: x.T * x,
    "mo-trace": lambda A, X, B, C: Trace(A * X.T * B * X * C),
}


def matrix_symbols(entry: Entry, suffix: str, sizes: dict[str, Any]) -> dict[str, Expression]:
    """SymPy's symbols for the entry's variables, of the given sizes."""
    found = {}
    for name, dims in entry.shapes.items():
        rows, columns = (*(sizes[d] if isinstance(d, str) else d for d in dims), 1)[:2]
        found[name] = MatrixSymbol(f"{name}{suffix}", rows, columns)
    return found


def symbolic_shapes(entry: Entry) -> Entry:
    """The entry with the shapes that our own parser found, as names."""
    shapes = {n: [d.name for d in matcalc.nodes.expr.shape(e) if d != 1] for n, e in entry.problem.variables.items()}
    return Entry({**entry.record, "shapes": shapes})


def sympy_is_right(entry: Entry, pose: Callable[..., Expression]) -> str:
    """Empty where SymPy's derivative has the right value; else what went wrong."""
    point = entry.point(entry.sizes_given)
    names = matrix_symbols(entry, "", {})
    try:
        answer = pose(**names).diff(names[entry.wrt])
        f = sympy.lambdify(list(names.values()), answer, "numpy")
        arrays = point.arrays
        value = f(*(np.asarray(arrays[n]).reshape(tuple(map(int, s.shape))) for n, s in names.items()))
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}"
    truth = entry.truth(point)
    found = np.asarray(value, dtype=float)
    if found.size != truth.size or differences.relative_error(found.reshape(truth.shape), truth) > 1e-8:
        return f"wrong: {answer}"
    return ""


def main() -> None:
    """Print the ratio for each problem and their median."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_sympy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    entries = {entry.id: entry for part in ("seeds", "cookbook") for entry in load(part)}
    ratios, totals = [], [0.0, 0.0]
    for entry_id, pose in PROBLEMS.items():
        entry = entries[entry_id]
        wrong = sympy_is_right(entry, pose)
        if wrong:
            print(f"{entry_id:20} SymPy does not answer rightly: {wrong}")
            continue
        named = symbolic_shapes(entry)
        ours, theirs = [], []
        for r in range(rounds + 1):
            problem, wrt = renamed(entry, f"{r}")
            ours.append(milliseconds(lambda p=problem, w=wrt: matcalc.gradients(p, [w], verify=False)))
            sizes = {s: symbols(s, integer=True, positive=True) for s in entry.problem.sizes}
            posed = matrix_symbols(named, str(r), sizes)
            expression = pose(**posed)
            theirs.append(milliseconds(lambda e=expression, w=posed[entry.wrt]: e.diff(w)))
        mine, his = median(ours[1:]), median(theirs[1:])
        ratios.append(his / mine)
        totals = [totals[0] + mine, totals[1] + his]
        print(f"{entry_id:20} ours {mine:7.2f} ms   SymPy {his:7.2f} ms   {his / mine:6.1f} times")
    print(f"{len(ratios)} problems: median {median(ratios):.1f} times faster, least {min(ratios):.1f} times", end=", ")
    print(f"in total {totals[1] / totals[0]:.1f} times")


if __name__ == "__main__":
    main()
