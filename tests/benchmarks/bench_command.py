"""The whole command against importing SymPy and NumPy: `python -m tests.benchmarks.bench_command`.

Runs alternate, each in a fresh process; the figures are medians.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.timing import median

CLI = str(Path(__file__).parents[2] / "cli.py")
COMMANDS = {
    "import sympy, numpy": [sys.executable, "-c", "import sympy, numpy"],
    "matcalc 'norm(max(X*W, 0) - Y)^2' --wrt W": [
        sys.executable, CLI, "norm(max(X*W, 0) - Y)^2", "--wrt", "W",
    ],
    "matcalc --help": [sys.executable, CLI, "--help"],
}  # fmt: skip
HEAVY = ("sympy", "numpy", "scipy", "lark")


def seconds(command: list[str]) -> float:
    """How long a process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(rounds: int = 9) -> None:
    """Print the medians and the ratio."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = median(times["import sympy, numpy"])
    for name, taken in times.items():
        print(f"{1e3 * median(taken):7.0f} ms  {median(taken) / base:5.2f} times  {name}")
    command = [sys.executable, "-X", "importtime", CLI, "--help"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    imported = {line.rsplit("|", 1)[-1].strip() for line in lines}
    print(f"of {', '.join(HEAVY)}, --help imports: {', '.join(sorted(imported & set(HEAVY))) or 'none'}")


if __name__ == "__main__":
    main()
