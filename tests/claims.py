"""Wrong and right answers made of the corpus' right ones, and what `check` says of them: `python -m tests.claims [COUNT]`.

Whether an answer is right is decided by the corpus' own oracle at points of the corpus, not by what is tested.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import numpy as np

import matcalc
from matcalc.errors import MatcalcError, ShapeError
from matcalc.language.parser import parse_formula
from matcalc.nodes.expr import Node
from matcalc.numeric.linalg import UNDEFINED
from matcalc.printing.text import text
from tests import index_entries
from tests.claim_changes import DESERVED, FORMS, MISTAKES, Change
from tests.corpus_entries import Entry, Point, load

Array = Any
TOLERANCE = 1e-7
COUNT = 300
PER_ENTRY = 4
PLACES = 6
"""At how many values of the indices an answer is looked at."""


@dataclass(frozen=True)
class Answer:
    """An answer to an entry of the corpus, how it was made, and whether it is right."""

    entry: Entry
    kind: str
    claim: str
    right: bool

    def judged(self) -> matcalc.Verdict:
        """What `check` says of it."""
        convention = self.entry.convention or "structured"
        return matcalc.check(self.entry.problem, self.entry.wrt, self.claim, convention=convention)


@cache
def entries() -> tuple[Entry, ...]:
    """The gradients of the corpus whose answers hold nothing but what a claim may hold."""
    plain = [e for part in ("seeds", "cookbook") for e in load(part) if not e.indices]
    indexed = [e for e in index_entries.load() if e.task == "gradient" and not e.functions]
    return tuple(e for e in [*plain, *indexed] if not e.bind)


_PLACES: dict[str, tuple[tuple[Point, Array], ...]] = {}


def places(entry: Entry) -> tuple[tuple[Point, Array], ...]:
    """Points of the entry's domain, each with the gradient there by numbers alone."""
    if entry.id in _PLACES:
        return _PLACES[entry.id]
    found = []
    for seed, sizes in enumerate((entry.sizes_given, entry.other_sizes)):
        point = entry.point(sizes, seed)
        at = islice(entry.places(point), PLACES) if isinstance(entry, index_entries.IndexEntry) else [point]
        found += [(p, np.asarray(entry.truth(p))) for p in at]
    _PLACES[entry.id] = tuple(found)
    return _PLACES[entry.id]


def is_right(entry: Entry, e: Node) -> bool | None:
    """Whether an expression is the entry's gradient; None where it has no value, or differs by rounding or by little."""
    worst = 0.0
    for point, truth in places(entry):
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(entry.value(e, point))
        except (MatcalcError, *UNDEFINED):
            return None
        if value.shape != truth.shape:
            return False
        error = float(np.abs(value - truth).max(initial=0.0)) / max(float(np.abs(truth).max(initial=0.0)), 1e-3)
        if not np.isfinite(error):
            return None
        worst = max(worst, error)
    return True if worst < TOLERANCE else False if worst > 1e3 * TOLERANCE else None


# ---------------------------------------------------------------- the run


def answers(changes: dict[str, Change], right: bool, count: int, seed: int = 0) -> Iterator[Answer]:
    """Answers made by these changes of the right ones, every kind in turn; those of the other value are left out."""
    random = Random(seed)
    order = list(entries())
    random.shuffle(order)
    made, seen = 0, set()
    for _ in range(PER_ENTRY):
        for entry in order:
            kinds = sorted(changes)
            random.shuffle(kinds)
            for kind in kinds:
                answer = _answer(entry, kind, changes[kind], right, random)
                if answer is not None and (entry.id, answer.claim) not in seen:
                    seen.add((entry.id, answer.claim))
                    yield answer
                    made += 1
                    break
            if made >= count:
                return


def _answer(entry: Entry, kind: str, change: Change, right: bool, random: Random) -> Answer | None:
    for e in change(entry.expected_node, random):
        claim = e if isinstance(e, str) else text(e)
        if _is_right(entry, claim) is right:
            return None if right and claim == text(entry.expected_node) else Answer(entry, kind, claim, right)
    return None


def _is_right(entry: Entry, claim: str) -> bool | None:
    """Whether what a text says is the gradient; a text whose shapes do not fit together is not."""
    try:
        e = parse_formula(claim, entry.leaves, entry.problem.sizes)
    except ShapeError:
        return False
    except MatcalcError:
        return None
    return is_right(entry, e)


def fault(answer: Answer) -> str:
    """What is wrong with the verdict on an answer; "" for nothing."""
    try:
        verdict = answer.judged()
    except MatcalcError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    if answer.right:
        return "" if verdict.ok else f"a right answer is called {verdict.verdict}"
    if verdict.ok is not False:
        return f"a wrong answer is called {verdict.verdict}"
    if verdict.verdict in DESERVED.get(answer.kind, ()) or verdict.counterexample is not None or verdict.verdict == "shape":
        return ""
    return f"{verdict.verdict} without a counterexample"


def main(count: int) -> None:
    """Print how many of each kind were made and judged, and every fault."""
    for changes, right in ((MISTAKES, False), (FORMS, True)):
        kinds: Counter[str] = Counter()
        words: Counter[str] = Counter()
        deserved = faults = chains = 0
        for answer in answers(changes, right, count):
            kinds[answer.kind] += 1
            verdict = answer.judged()
            words[verdict.verdict] += 1
            chains += bool(verdict.steps)
            deserved += verdict.verdict in DESERVED.get(answer.kind, (verdict.verdict,))
            found = fault(answer)
            if found:
                faults += 1
                print(f"{answer.entry.id} [{answer.kind}] {answer.claim}: {found}")
        print("right" if right else "wrong", kinds.total(), dict(kinds), dict(words))
        print(f"faults {faults}, as deserved {deserved}, with a chain of identities {chains}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
