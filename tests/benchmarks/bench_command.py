"""The whole command against importing SymPy and NumPy: `python -m tests.benchmarks.bench_command`.

Runs alternate, each in a fresh process; the figures are medians.
"""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks.timing import median

COMMANDS = {
    "import sympy, numpy": [sys.executable, "-c", "import sympy, numpy"],
    "matcalc 'norm(max(X*W, 0) - Y)^2' --wrt W": [
        sys.executable, "-m", "matcalc", "norm(max(X*W, 0) - Y)^2", "--wrt", "W",
    ],
    "matcalc --help": [sys.executable, "-m", "matcalc", "--help"],
}  # fmt: skip
IMPORTED = """
import sys
from matcalc.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
sys.stderr.write(" ".join(m for m in ("sympy", "numpy", "scipy", "lark") if m in sys.modules) or "none")
"""


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
    done = subprocess.run([sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True)
    print(f"heavy modules imported by --help: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
