"""The benchmark of generated code as a picture: time over size, a panel for each table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, NullLocator

from tests.benchmarks.code_measure import Table

NUMPY, JAX, TORCH, GREY = "#1b6ca8", "#c8553d", "#5b8c5a", "#3a3a3a"
LINES: dict[str, tuple[str, str, str, str]] = {
    "hand": (GREY, "--", "o", "NumPy by hand"),
    "numpy": (NUMPY, "-", "o", "matcalc, NumPy"),
    "jax.value_and_grad": (JAX, "--", "s", "autodiff, JAX"),
    "jax.hessian": (JAX, "--", "s", "autodiff, JAX"),
    "jax": (JAX, "-", "s", "matcalc, JAX"),
    "torch backward": (TORCH, "--", "^", "autodiff, PyTorch"),
    "torch.func.hessian": (TORCH, "--", "^", "autodiff, PyTorch"),
    "torch": (TORCH, "-", "^", "matcalc, PyTorch"),
    "hand blocks": (GREY, ":", "o", "NumPy by hand, blocks alone"),
    "numpy blocks": (NUMPY, ":", "o", "matcalc, NumPy, blocks alone"),
    "jax blocks": (JAX, ":", "s", "matcalc, JAX, blocks alone"),
}


def panel(axes: plt.Axes, table: Table) -> None:
    """Draw a table."""
    for column, (colour, dash, mark, label) in LINES.items():
        taken = table.times(column) if column in table.columns else {}
        if taken:
            filled = colour if dash == "-" else "white"
            axes.plot(
                list(taken), list(taken.values()), color=colour, linestyle=dash, marker=mark, label=label,
                markersize=4.5, markerfacecolor=filled, markeredgewidth=1.1, linewidth=1.7 if dash == "-" else 1.3,
            )  # fmt: skip
    by = table.work.wrt[0] if table.kind == "hessian" or len(table.work.wrt) == 1 else "all layers"
    axes.set_title(f"{table.work.title}\n{'Hessian' if table.kind == 'hessian' else 'value and gradient'} by {by}", fontsize=10)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(table.rows)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(table.rows), [str(n) for n in table.rows], fontsize=8)
    units = {1e-6: "1 µs", 1e-5: "10 µs", 1e-4: "100 µs", 1e-3: "1 ms", 1e-2: "10 ms", 1e-1: "100 ms", 1.0: "1 s", 10.0: "10 s"}
    low, high = axes.get_ylim()
    shown = {t: name for t, name in units.items() if low <= t <= high}
    axes.set_yticks(list(shown), list(shown.values()), fontsize=8)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw(tables: Sequence[Table], path: Path, note: str) -> None:
    """Save the picture of all tables, in the format that the name tells."""
    plt.switch_backend("Agg")
    columns = min(4 if len(tables) < 9 else 5, len(tables))
    rows = -(-len(tables) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(3.3 * columns, 3.0 * rows + 1.0), squeeze=False, layout="constrained")
    for axes, table in zip(grid.flat, tables, strict=False):
        panel(axes, table)
    for axes in grid.flat[len(tables) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("time of a call", fontsize=9)
    for i in range(columns):
        below = [axes for axes in grid[:, i] if axes.get_visible()]
        below[-1].set_xlabel("n", fontsize=9)
    known: dict[str, object] = {}
    for axes in grid.flat:
        handles, labels = axes.get_legend_handles_labels()
        known |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in known}
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=min(6, len(known)), frameon=False, fontsize=9)
    figure.suptitle(f"Generated code, code by hand and automatic differentiation\n{note}", fontsize=12)
    figure.savefig(path, dpi=160)
    plt.close(figure)
