"""Generated code against code by hand and against automatic differentiation: `python -m tests.benchmarks.bench_code`.

    --only a,b       these workloads alone, or "b.hessian" for one table
    --quick          small sizes, under a minute
    --plot FILE.png  a picture of all tables

Everything is in double precision, with as many threads for each library; the functions of a row take turns, each time is the
least of many, warm and without compilation, and each result has been compared with that of the generated code.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

PINNED = "MATCALC_BENCH_THREADS"
"""Set in the process whose libraries are pinned: they read their number of threads when they are imported."""

SLOW_TO_DERIVE = ("d", "hessian")
"""Takes longer to derive than all else to measure: left out of a quick run that does not ask for it."""


def pin(threads: int) -> None:
    """Start again with every library at that number of threads, XLA's by the processors that it may use."""
    if os.environ.get(PINNED) == str(threads):
        return
    pools = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    pinned = {**os.environ, **dict.fromkeys(pools, str(threads)), PINNED: str(threads), "JAX_PLATFORMS": "cpu"}
    if threads == 1:
        pinned["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.execve(sys.executable, [sys.executable, "-m", "tests.benchmarks.bench_code", *sys.argv[1:]], pinned)


def main() -> None:
    """Print the tables and the summary."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_code", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help='workloads, or tables such as "b.hessian", with commas')
    parser.add_argument("--quick", action="store_true", help="small sizes alone, NumPy and JAX alone")
    parser.add_argument("--targets", default="", help="of numpy, jax, torch, with commas; all by default")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long to measure a row, about")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    pin(asked.threads)

    from tests.benchmarks import code_table
    from tests.benchmarks.code_measure import measured
    from tests.benchmarks.code_workloads import WORKLOADS

    targets = (
        tuple(asked.targets.split(",")) if asked.targets else ("numpy", "jax") if asked.quick else ("numpy", "jax", "torch")
    )
    total = asked.seconds or (0.15 if asked.quick else 0.8)
    only = set(filter(None, asked.only.split(",")))
    pinned = f"{asked.threads} thread{'s' * (asked.threads > 1)} for each library"
    print(f"{pinned}, load of the machine {os.getloadavg()[0]:.1f} before\n")
    began, tables = time.perf_counter(), {}
    for work in WORKLOADS:
        for kind, sizes in (("gradient", work.sizes), ("hessian", work.hessian_sizes)):
            if not sizes or (only and not only & {work.name, f"{work.name}.{kind}"}):
                continue
            if asked.quick and not only and (work.name, kind) == SLOW_TO_DERIVE:
                continue
            sizes = tuple(n for n in sizes if n <= 100) if asked.quick else sizes
            table = tables[f"{work.name} {kind}"] = measured(work, kind, sizes, targets, total)
            print("\n".join(code_table.report(table)), end="\n\n", flush=True)
    print("\n".join(code_table.verdicts(tables)))
    print(f"{time.perf_counter() - began:.0f} s in all")
    if asked.plot:
        from tests.benchmarks.code_plot import draw

        draw(list(tables.values()), asked.plot, f"double precision, {pinned}, the least time of many")


if __name__ == "__main__":
    main()
