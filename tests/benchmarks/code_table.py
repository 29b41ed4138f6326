"""The benchmark of generated code in print: a table for each workload, and what it says of each bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan

from tests.benchmarks.code_measure import Cell, Table
from tests.benchmarks.timing import exponent

HEADINGS = {
    "jax.value_and_grad": "jax v+g",
    "torch backward": "torch ad",
    "torch.func.hessian": "torch hess",
    "jax.hessian": "jax hess",
    "hand blocks": "hand blk",
    "numpy blocks": "numpy blk",
    "jax blocks": "jax blk",
    "jax gradient": "jax G",
}
RATIOS = (
    ("numpy", "hand"),
    ("jax.value_and_grad", "jax"),
    ("jax.grad", "jax gradient"),
    ("torch backward", "torch"),
    ("jax.hessian", "numpy"),
    ("jax.hessian", "jax"),
    ("torch.func.hessian", "torch"),
    ("jax.hessian", "numpy blocks"),
    ("jax.hessian", "jax blocks"),
    ("numpy blocks", "hand blocks"),
)


NOISE = 1.03
"""One function against itself differs by as much: a bound missed by less is told as even."""


@dataclass(frozen=True)
class Bound:
    """The ratio of two columns that is to be at most or at least a number, in some tables, at some sizes or at all."""

    tables: tuple[str, ...]
    over: str
    under: str
    limit: float
    at_most: bool = False
    sizes: tuple[int, ...] = ()


GRADIENTS = tuple(f"{name} gradient" for name in ("a", "b", "c", "d", "e", "f", "fm", "g"))
HESSIANS = tuple(f"{name} hessian" for name in ("a", "b", "c", "d", "g"))
BOUNDS = [
    Bound(GRADIENTS, "numpy", "hand", 1.1, at_most=True),
    Bound(GRADIENTS, "jax.value_and_grad", "jax", 1.0),
    Bound(GRADIENTS, "jax.grad", "jax gradient", 1.0),
    Bound(GRADIENTS, "torch backward", "torch", 1.0),
    Bound(HESSIANS, "numpy", "hand", 1.1, at_most=True),
    *(
        bound
        for ours in ("numpy", "jax")
        for bound in (
            Bound(("a hessian",), "jax.hessian", ours, 12),
            Bound(("b hessian",), "jax.hessian", ours, 1),
            Bound(("b hessian",), "jax.hessian", ours, 3, sizes=(2000,)),
            Bound(("c hessian",), "jax.hessian", ours, 250, sizes=(100,)),
            Bound(("c hessian",), "jax.hessian", f"{ours} blocks", 400, sizes=(100,)),
            Bound(("d hessian", "g hessian"), "jax.hessian", ours, 1),
            Bound(HESSIANS, "torch.func.hessian", ours, 1),
        )
    ),
]


def span(taken: Cell) -> str:
    """A time in the unit that suits it, three figures: "12.3 µs"; a word as it is."""
    if isinstance(taken, str):
        return taken or "–"
    for unit, scale in (("µs", 1e6), ("ms", 1e3), ("s", 1.0)):
        value = taken * scale
        if value < 999.5 or unit == "s":
            return f"{value:.3g} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    raise AssertionError


def times(ratio: float | None) -> str:
    """A ratio to three figures; a dash where there is none."""
    return "–" if ratio is None or isnan(ratio) else f"{ratio:.0f}" if ratio >= 99.5 else f"{ratio:.3g}"


def ratio_of(table: Table, n: int, over: str, under: str) -> float | None:
    """The ratio of the times in two columns at size n; None where one was not measured."""
    a, b = (table.rows[n].get(column, "") for column in (over, under))
    return a / b if isinstance(a, float) and isinstance(b, float) else None


def lined(rows: Iterable[list[str]], left: int = 0) -> Iterator[str]:
    """The rows with their cells in columns: the first ones flush left, the others right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()


def report(table: Table) -> Iterator[str]:
    """The lines of a table: its times, then their ratios, then the exponents."""
    yield f"{table.work.name}. {table.work.title}: {table.kind} by {table.work.wrt[0]}" + (
        f" … {table.work.wrt[-1]}" if len(table.work.wrt) > 1 and table.kind == "gradient" else ""
    )
    pairs = [(a, b) for a, b in RATIOS if a in table.columns and b in table.columns]
    heads = [HEADINGS.get(c, c) for c in table.columns]
    rows = [["n", *heads, *(f"{HEADINGS.get(a, a)}/{HEADINGS.get(b, b)}".replace(" ", "_") for a, b in pairs)]]
    for n, row in table.rows.items():
        rows.append([str(n), *(span(row[c]) for c in table.columns), *(times(ratio_of(table, n, a, b)) for a, b in pairs)])
    slopes = [exponent(list(t), list(t.values())) if (t := table.times(c)) else float("nan") for c in table.columns]
    rows.append(["n^", *("–" if isnan(s) else f"{s:.2f}" for s in slopes), *("" for _ in pairs)])
    yield from (f"    {line}" for line in lined(rows))
    if table.compiled:
        told = ", ".join(f"{HEADINGS.get(c, c)} {t:.2f} s" for c, t in table.compiled.items())
        yield f"    first call of JAX, at the last size: {told}"


def verdicts(tables: dict[str, Table]) -> Iterator[str]:
    """The worst ratio of each table that a bound speaks of, at which size, and whether the bound is met."""
    rows = [["table", "ratio", "bound", "worst", "at n", ""]]
    for bound in BOUNDS:
        for name in bound.tables:
            table = tables.get(name)
            if table is None or not {bound.over, bound.under} <= set(table.columns):
                continue
            found = {n: r for n in table.rows if (r := ratio_of(table, n, bound.over, bound.under)) is not None}
            found = {n: r for n, r in found.items() if not bound.sizes or n in bound.sizes}
            if not found:
                continue
            n = (max if bound.at_most else min)(found, key=found.__getitem__)
            over = found[n] / bound.limit if bound.at_most else bound.limit / found[n]
            sign, where = "≤" if bound.at_most else "≥", f"at {bound.sizes[0]}" if bound.sizes else ""
            row = [name, f"{bound.over} / {bound.under}", f"{sign} {bound.limit:g} {where}".strip(), times(found[n]), str(n)]
            rows.append([*row, "met" if over <= 1 else "even" if over <= NOISE else "MISSED"])
    yield from lined(rows, left=3)
    cells = (
        (f"{t.name} {column} at {n}", cell)
        for t in tables.values()
        for n, row in t.rows.items()
        for column, cell in row.items()
    )
    wrong = [name for name, cell in cells if cell == "WRONG"]
    yield f"results that differ: {', '.join(wrong) or 'none'}"
