"""A deep ReLU network by all weights: `python -m tests.benchmarks.bench_network [--layers 100]`.

Time, output in shared nodes and printed characters at one depth and at twice that depth; written with a name for each
layer, and as one nested formula.
"""

from __future__ import annotations

import argparse

import matcalc
from matcalc.nodes.expr import graph_size
from matcalc.printing.text import text_program
from tests.benchmarks.timing import median, milliseconds


def named(layers: int, prefix: str) -> str:
    """Z_i = max(Z_(i-1)*W_i, 0) for each layer, then the loss."""
    lines = [f"{prefix}Z1 = max(X*{prefix}W1, 0)"]
    lines += [f"{prefix}Z{i} = max({prefix}Z{i - 1}*{prefix}W{i}, 0)" for i in range(2, layers + 1)]
    return "\n".join([*lines, f"norm({prefix}Z{layers} - Y)^2"])


def nested(layers: int, prefix: str) -> str:
    """norm(max(max(X*W1, 0)*W2, 0) … - Y)^2."""
    inner = "X"
    for i in range(1, layers + 1):
        inner = f"max({inner}*{prefix}W{i}, 0)"
    return f"norm({inner} - Y)^2"


def measure(text: str, weights: list[str]) -> tuple[float, float, int, int]:
    """(parsing ms, derivation ms, different nodes of all results, characters printed)."""
    problems = []
    reading = milliseconds(lambda: problems.append(matcalc.parse(text)))
    found: list[tuple[matcalc.Derivation, ...]] = []
    deriving = milliseconds(lambda: found.append(matcalc.gradients(problems[0], weights, verify=False)))
    results = [d.node for d in found[0]]
    shared, printed = text_program(results, problems[0].variables)
    return reading, deriving, graph_size(*results), sum(len(x) for _, x in shared) + sum(map(len, printed))


def main() -> None:
    """Print the two depths and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_network", description=__doc__)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    for form in (named, nested):
        measure(form(3, "A"), ["AW1"])
        rows = {}
        for layers in (chosen.layers, 2 * chosen.layers):
            weights = range(1, layers + 1)
            runs = [measure(form(layers, p), [f"{p}W{i}" for i in weights]) for p in "ABCDEFGH"[: chosen.rounds]]
            parsed, derived = (median([run[i] for run in runs]) for i in (0, 1))
            nodes, characters = runs[0][2:]
            rows[layers] = (parsed, derived, nodes, characters)
            print(f"{form.__name__}, {layers} layers: parsed in {parsed:.1f} ms, derived in {derived:.1f} ms", end="; ")
            print(f"{nodes} nodes, {characters} characters")
        ratios = [b / a for a, b in zip(*rows.values(), strict=True)]
        print("    twice the layers: parsing {:.2f}, derivation {:.2f}, nodes {:.2f}, characters {:.2f} times".format(*ratios))


if __name__ == "__main__":
    main()
