"""The cells of the benchmark of generated code: which functions stand in a row, whether they agree, how long they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from inspect import Parameter, signature
from typing import Any

import numpy as np

import matcalc
from tests.benchmarks import code_rivals as rivals
from tests.benchmarks.code_workloads import Arrays, Workload
from tests.benchmarks.timing import round_robin, seconds

LIMIT = 6.0
"""A call that would take more seconds is left out."""
TOLERANCE = 1e-8
Made = Callable[..., Any]
Cell = float | str

GRADIENT = ("hand", "numpy", "jax.value_and_grad", "jax", "jax.grad", "jax gradient", "torch backward", "torch")
HESSIAN = ("hand", "numpy", "jax.hessian", "jax", "torch.func.hessian", "torch")
BLOCKS = ("hand blocks", "numpy blocks", "jax blocks")


@dataclass
class Table:
    """The seconds, or a word instead, of each column at each size; compilation apart."""

    work: Workload
    kind: str
    columns: tuple[str, ...]
    rows: dict[int, dict[str, Cell]] = field(default_factory=dict)
    compiled: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The workload and the kind: b hessian."""
        return f"{self.work.name} {self.kind}"

    def times(self, column: str) -> dict[int, float]:
        """The seconds that were measured, by size."""
        return {n: t for n, row in self.rows.items() if isinstance(t := row.get(column, ""), float)}


@cache
def hessian(work: Workload) -> Any:
    """The Hessian by the first variable, derived once for all targets."""
    return matcalc.hessian(work.text, work.wrt[0], declare=work.declare, verify=False)


@cache
def generated(work: Workload, kind: str, target: str) -> Made | None:
    """The plain generated function, or None: its kind is "value" (with all gradients), "gradient", "hessian" or "blocks"."""
    try:
        if kind == "value":
            made = matcalc.function(work.text, list(work.wrt), target=target, declare=work.declare)
        elif kind == "gradient":
            made = matcalc.gradient(work.text, work.wrt[0], declare=work.declare, verify=False).function(target)
        else:
            found = hessian(work)
            made = (found.blocks if kind == "blocks" else found).function(target)
    except (AttributeError, matcalc.MatcalcError) as error:
        print(f"    no {target} code for the {kind} of {work.name}: {error}")
        return None
    return getattr(made, "bare", made)


def functions(work: Workload, kind: str, targets: tuple[str, ...]) -> dict[str, tuple[Made | None, str]]:
    """(the function, the library whose arrays it takes) by column."""
    found: dict[str, tuple[Made | None, str]] = {}
    if "numpy" in targets:
        found["hand"] = (work.hand if kind == "gradient" else work.hand_hessian, "numpy")
        if kind == "hessian" and work.hand_blocks:
            found["hand blocks"] = (work.hand_blocks, "numpy")
    for target in targets:
        found[target] = (generated(work, "value" if kind == "gradient" else kind, target), target)
        if kind == "hessian" and work.hand_blocks and target != "torch":
            found[f"{target} blocks"] = (generated(work, "blocks", target), target)
    if "jax" in targets and kind == "gradient":
        found["jax.value_and_grad"] = (rivals.in_jax(work, "value"), "jax")
        found["jax.grad"] = (rivals.in_jax(work, "gradient"), "jax")
        found["jax gradient"] = (generated(work, "gradient", "jax") if len(work.wrt) == 1 else None, "jax")
    elif "jax" in targets:
        found["jax.hessian"] = (rivals.in_jax(work, "hessian"), "jax")
    if "torch" in targets:
        name = "torch backward" if kind == "gradient" else "torch.func.hessian"
        found[name] = (rivals.in_torch(work, "value" if kind == "gradient" else kind), "torch")
    return found


def call_of(made: Made, arrays: dict[str, Any], waits: bool) -> Callable[[], Any]:
    """The call with those of the arrays that the function takes, all by name; of JAX until the result is there."""
    known = signature(made).parameters
    takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in known.values())
    given = {name: a for name, a in arrays.items() if takes_all or name in known}
    return (lambda: rivals.jax.block_until_ready(made(**given))) if waits else lambda: made(**given)


def leaves(result: Any) -> list[np.ndarray]:
    """The arrays of a result: (f, G, …) whatever the nesting, or only the gradients or the Hessian."""
    if isinstance(result, (tuple, list)):
        return [a for part in result for a in leaves(part)]
    return [np.asarray(result, dtype=float)]


def aligned(a: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The array in the layout of another: a Hessian (n, k, n, k) as of vec(X) or as blocks, blocks with their index first."""
    if a.ndim == 4:
        n, k = a.shape[:2]
        a = a.transpose(1, 0, 3, 2).reshape(n * k, n * k) if like.ndim == 2 else np.einsum("iaib->iab", a)
    return np.moveaxis(a, -1, 0) if a.shape != like.shape and a.ndim == 3 else a


def agrees(result: list[np.ndarray], reference: list[np.ndarray]) -> bool:
    """Whether the last arrays, as many as both have, differ by no more than a relative error of 1e-8 in the Euclidean norm."""
    count = min(len(result), len(reference))
    for a, b in zip(result[-count:], reference[-count:], strict=True):
        b = np.asarray(b)
        a = aligned(a, b)
        if a.shape != b.shape or not np.linalg.norm(a - b) <= TOLERANCE * np.linalg.norm(b):
            return False
    return count > 0


def expected(table: Table, column: str, n: int) -> float:
    """The seconds that a call would take by those at smaller sizes, as the cube of the size or faster."""
    known = sorted(table.times(column).items())
    if any(row.get(column) == "slow" for row in table.rows.values()):
        return float("inf")
    if len(known) < 2:
        return 0.0
    (before, s), (last, t) = known[-2:]
    growth = max(np.log(t / s) / np.log(last / before), 3.0 if t > 0.1 else 2.0)
    return t * (n / last) ** growth


def fill(table: Table, n: int, made: dict[str, tuple[Made | None, str]], total: float) -> None:
    """Measure the row of size n."""
    arrays: Arrays = table.work.arrays(n)
    inputs = {"numpy": lambda: arrays, "jax": lambda: rivals.to_jax(arrays), "torch": lambda: rivals.to_torch(arrays)}
    held = {library: inputs[library]() for library in {library for _, library in made.values()}}
    row: dict[str, Cell] = {}
    calls: dict[str, Callable[[], Any]] = {}
    references: dict[bool, list[np.ndarray]] = {}
    order = sorted(made, key=lambda column: (not column.startswith("numpy"), not column.startswith("hand")))
    for column in order:
        function, library = made[column]
        if function is None or expected(table, column, n) > LIMIT:
            row[column] = "" if function is None else "slow"
            continue
        call = call_of(function, held[library], library == "jax")
        results: list[Any] = []
        try:
            first = seconds(lambda call=call, results=results: results.append(call()))
        except Exception as error:
            print(f"    {table.name}, {column} at {n}: {type(error).__name__}: {error}")
            row[column] = "failed"
            continue
        if library == "jax":
            table.compiled[column] = first
        result, blocks = leaves(results.pop()), column.endswith("blocks")
        reference = references.setdefault(blocks, result)
        if not agrees(result, reference):
            row[column] = "WRONG"
            continue
        calls[column] = call
    del references
    row |= round_robin(calls, total)
    table.rows[n] = {column: row.get(column, "") for column in table.columns}


def measured(work: Workload, kind: str, sizes: tuple[int, ...], targets: tuple[str, ...], total: float) -> Table:
    """The table of a workload, "gradient" or "hessian", `total` seconds a row or a little more."""
    columns = GRADIENT if kind == "gradient" else HESSIAN + (BLOCKS if work.hand_blocks else ())
    made = functions(work, kind, targets)
    table = Table(work, kind, tuple(column for column in columns if made.get(column, (None,))[0] is not None))
    for n in sizes:
        fill(table, n, made, total)
    return table
