"""A table over the corpus: `python -m tests.report [ID-PART …] [--longer] [--bad] [--slow MS]`.

For each entry: right or wrong, size of our result and of the expected one in printed nodes, milliseconds, both texts.
"""

from __future__ import annotations

import argparse
import time
import traceback
from dataclasses import dataclass

import matcalc
from matcalc.nodes.expr import Node
from matcalc.printing.layout import printed_size
from matcalc.printing.text import text
from tests.corpus_entries import Entry, load
from tests.differences import relative_error


@dataclass
class Row:
    """What became of one entry."""

    entry: Entry
    verdict: str = "right"
    error: float = 0.0
    ours: int = 0
    expected: int = 0
    result: str = ""
    expected_text: str = ""
    milliseconds: float = 0.0

    @property
    def longer(self) -> bool:
        """Whether our result prints longer than expected."""
        return self.ours > self.expected


def examine(entry: Entry) -> Row:
    """The row of one entry; failures of any kind end as its verdict."""
    row = Row(entry)
    stage = "parse"
    try:
        problem = entry.problem
        stage = "derive"
        start = time.perf_counter()
        (found,) = matcalc.gradients(problem, [entry.wrt], verify=False, convention=entry.convention or "structured")
        row.milliseconds = 1e3 * (time.perf_counter() - start)
        stage = "print"
        row.result = str(found)
        stage = "expected"
        _compare_sizes(row, found.node)
        for sizes in (entry.sizes_given, entry.other_sizes):
            stage = f"truth at {sizes}"
            point = entry.point(sizes)
            truth = entry.truth(point)
            stage = f"value at {sizes}"
            row.error = max(row.error, relative_error(entry.value(found.node, point), truth))
            stage = f"expected at {sizes}"
            if relative_error(entry.expected_value(point), truth) > 1e-8:
                row.verdict = f"EXPECTED is wrong at {sizes}"
        if row.error > 1e-8:
            row.verdict = f"WRONG by {row.error:.1e}"
        else:
            stage = "verify"
            (checked,) = matcalc.gradients(problem, [entry.wrt], convention=entry.convention or "structured")
            if checked.verification is None or not checked.verification.ok:
                row.verdict = f"UNVERIFIED {checked.verification}"
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        row.verdict = f"{stage.upper()} {type(error).__name__} at {where}: {str(error)[:150]!r}"
    return row


def _compare_sizes(row: Row, found: Node) -> None:
    row.expected_text = row.entry.expected
    row.ours, row.expected = printed_size(found), printed_size(row.entry.expected_node)
    row.expected_text = f"{row.entry.expected}   [{text(row.entry.expected_node)}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.report", description=__doc__)
    parser.add_argument("ids", nargs="*", help="parts of the ids to show")
    parser.add_argument("--longer", action="store_true", help="only results longer than expected")
    parser.add_argument("--bad", action="store_true", help="only failures")
    parser.add_argument("--slow", type=float, default=float("inf"), help="only derivations slower than this (ms)")
    parser.add_argument("--brief", action="store_true", help="the summary alone")
    chosen = parser.parse_args()
    matcalc.gradients("norm(X*w)^2")  # the rules are loaded outside the clock
    rows = [
        examine(entry)
        for part in ("seeds", "cookbook")
        for entry in load(part)
        if not chosen.ids or any(i in entry.id for i in chosen.ids)
    ]
    narrow = chosen.longer or chosen.bad or chosen.slow < float("inf")
    for row in rows:
        bad = row.verdict != "right"
        shown = (chosen.longer and row.longer) or (chosen.bad and bad) or row.milliseconds > chosen.slow
        if not chosen.brief and (shown or not narrow):
            flag = "longer" if row.longer else ""
            print(f"{row.entry.id:28} {row.verdict:8} {row.ours:3}/{row.expected:<3} {flag:6} {row.milliseconds:7.2f} ms")
            print(f"    {'; '.join(row.entry.expr.splitlines())}   by {row.entry.wrt}  {row.entry.declare or ''}")
            print(f"    ours     {row.result}\n    expected {row.expected_text}")
    right = sum(row.verdict == "right" for row in rows)
    longer = sum(row.longer for row in rows)
    times = sorted(row.milliseconds for row in rows) or [0.0]
    print(
        f"{len(rows)} entries: {right} right, {len(rows) - right} not; {longer} longer than expected;"
        f" derivation median {times[len(times) // 2]:.2f} ms, worst {times[-1]:.2f} ms"
    )


if __name__ == "__main__":
    main()
