"""A long run of random problems against differences: `python -m tests.fuzz --count 2000 --seed 0`.

Every gradient (by each variable and each intermediate) is compared with a complex step, or extrapolated differences, of the
problem's own NumPy program, which shares nothing with `matcalc`.  A failing problem is shrunk and printed.
"""

from __future__ import annotations

import argparse
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import matcalc
from matcalc.calculus.adjoint import children
from matcalc.errors import MatcalcError, VerificationError
from matcalc.nodes.expr import Node, name_of, postorder
from tests import differences
from tests.arrays import values
from tests.grammar import SATISFIES, Kind, make
from tests.problems import Problem, Tree
from tests.strategies import random_problem

Array = Any
TOLERANCE = 1e-6
SUM = make("real[]", "sum({0})", "real[m,n]", lambda d, a: np.sum(a))


@dataclass(frozen=True)
class Outcome:
    """What became of a problem and why.

    right; wrong, crashed, slow, unverified (the tool denies its right answer): faults; unconfirmed (right, but the
    tool's check could not tell); refused (an error for the user); inconclusive (differences cannot tell).
    """

    verdict: str
    reason: str = ""
    gradients: int = 0

    @property
    def failed(self) -> bool:
        """Whether the tool is at fault."""
        return self.verdict in ("wrong", "crashed", "slow", "unverified")


class TooSlowError(Exception):
    """A problem took longer than it may."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise TooSlowError after so many seconds of this process, however busy the machine is."""

    def stop(signum: int, frame: object) -> None:
        raise TooSlowError

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def true_gradients(problem: Problem) -> dict[str, Array]:
    """The gradient by each name that differences can tell."""
    found = {}
    for name in problem.used_names:
        variable = problem.variables.get(name)
        with np.errstate(all="ignore"):
            try:
                x = problem.environment[name]
                found[name] = differences.gradient(problem.function(name), x, [variable.domain] if variable else ())
            except differences.InconclusiveError:
                continue
    return found


def documented(a: Array) -> Array:
    """The array in the shape that the interface promises: (n,) for a column."""
    return a[:, 0] if np.ndim(a) == 2 and np.shape(a)[1] == 1 else np.asarray(a)


def examine(problem: Problem, verify: bool = True, seconds: int = 20) -> Outcome:
    """The outcome of one problem."""
    try:
        truth = true_gradients(problem)
    except np.linalg.LinAlgError as error:
        return Outcome("inconclusive", str(error))
    if not truth:
        return Outcome("inconclusive", "differences do not settle")
    try:
        with limit(seconds):
            return _compare(problem, truth, verify)
    except TooSlowError:
        return Outcome("slow", f"more than {seconds} s")
    except VerificationError as error:
        return Outcome("unverified", str(error).splitlines()[0])
    except MatcalcError as error:
        return Outcome("refused", f"{type(error).__name__}: {str(error).splitlines()[0]}")
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        return Outcome("crashed", f"{type(error).__name__} at {where}: {str(error)[:120]}")


def _compare(problem: Problem, truth: Mapping[str, Array], verify: bool) -> Outcome:
    parsed = matcalc.parse(problem.text, declare=problem.declarations)
    names: dict[str, Node] = {**parsed.variables, **{name_of(z): z for z in parsed.definitions}}
    leaves = {names[n]: documented(problem.environment[n]) for n in problem.used_names if n in names}
    leaves |= {names[i]: np.float64(problem.sizes[i]) for i in ("i", "k") if i in names}
    with np.errstate(all="ignore"):
        (ours,) = values([parsed.expression], leaves, problem.sizes, parsed.definitions)
        numpys = problem.root.value(problem.environment, problem.sizes)
    if differences.relative_error(ours, np.asarray(numpys)) > 1e-9:
        return Outcome("wrong", f"value {ours} instead of {numpys}")
    occurring = {id(e) for e in postorder([parsed.expression], lambda e: children(e, parsed.definitions))}
    wanted = [name for name in truth if id(names[name]) in occurring]  # X - X is no X
    if not wanted:
        return Outcome("inconclusive", "nothing to differentiate by is left")
    found = matcalc.gradients(parsed, wanted, verify=False)
    for name, derivation in zip(wanted, found, strict=True):
        expected = truth[name]
        with np.errstate(all="ignore"):
            (value,) = values([derivation.node], leaves, problem.sizes, None)
        error = differences.relative_error(value, documented(expected))
        if not error <= TOLERANCE:
            return Outcome("wrong", f"gradient by {name} off by {error:.1e}: {derivation}")
    if verify:
        verification = matcalc.gradients(parsed, wanted)[0].verification
        if verification is None or not verification.ok:
            return Outcome("unconfirmed", "not verified" if verification is None else verification.reason)
    return Outcome("right", gradients=len(wanted))


# ---------------------------------------------------------------- shrinking


def smaller(problem: Problem) -> Iterator[Problem]:
    """Simpler problems, near to this one."""
    for part in problem.root.walk():
        if part is problem.root:
            continue
        if not part.kind.dims:
            yield replace(problem, root=part)
        elif part.production is not None:
            letters = dict(zip("mn", part.kind.dims, strict=False))
            whole = Tree(Kind("real", ()), "", SUM, (part,), SUM.templates[0], letters)
            if whole.size < problem.root.size:
                yield replace(problem, root=whole)
    for index, (_, tree) in enumerate(problem.statements):
        for variant in _simpler(tree, problem):
            statements = list(problem.statements)
            statements[index] = (problem.statements[index][0], variant)
            yield replace(problem, statements=tuple(statements))
    for name, tree in problem.statements:
        leaf = next((t for t in problem.root.walk() if t.leaf == name), None)
        if leaf is not None:
            yield replace(problem, root=problem.root.replaced(leaf, tree))
    for variant in _simpler(problem.root, problem):
        yield replace(problem, root=variant)


def _simpler(tree: Tree, problem: Problem) -> Iterator[Tree]:
    for part in tree.walk():
        for inner in part.walk():
            fits = inner.kind.domain in SATISFIES.get(part.kind.domain, ())
            if fits and inner is not part and inner.kind.dims == part.kind.dims:
                yield tree.replaced(part, inner)
        if part.production is not None:
            for v in problem.variables.values():
                if v.dims == part.kind.dims and v.domain in SATISFIES.get(part.kind.domain, ()):
                    yield tree.replaced(part, Tree(part.kind, leaf=v.name))


def shrink(problem: Problem, outcome: Outcome, seconds: float = 30.0) -> tuple[Problem, Outcome]:
    """The smallest problem found that fails in the same way."""
    end = time.monotonic() + seconds
    better = True
    while better and time.monotonic() < end:
        better = False
        for candidate in smaller(problem):
            if time.monotonic() > end:
                break
            if candidate.size > problem.size or candidate.text == problem.text:
                continue
            try:
                found = examine(candidate, verify=outcome.verdict == "unverified", seconds=5)
            except Exception:  # a part may leave its domain: then it is no candidate
                continue
            if found.verdict == outcome.verdict and found.reason.split()[0] == outcome.reason.split()[0]:
                problem, outcome, better = candidate, found, True
                break
    return problem, outcome


def describe(problem: Problem, outcome: Outcome) -> str:
    """The problem as a call, with its outcome."""
    declare = "".join(f" -d {d!r}" for d in problem.declarations)
    return f"{outcome.verdict.upper()} (seed {problem.seed}): {outcome.reason}\n    matcalc {problem.text!r}{declare}"


def main() -> None:
    """Run, print every failure shrunk, and count."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the problems have consecutive ones")
    parser.add_argument("--depth", type=int, default=None)
    parser.add_argument("--no-verify", action="store_true", help="leave out the tool's own verification")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--refused", action="store_true", help="print refused problems too")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    gradients, seed, worst = 0, chosen.seed, (0.0, 0)
    while sum(counts.values()) < chosen.count:
        problem = random_problem(seed, chosen.depth)
        seed += 1
        if problem.size < 3 or not any(n in problem.variables for n in problem.used_names):
            continue
        start = time.perf_counter()
        outcome = examine(problem, verify=not chosen.no_verify)
        worst = max(worst, (time.perf_counter() - start, problem.seed))
        counts[outcome.verdict] += 1
        gradients += outcome.gradients
        if outcome.verdict != "right":
            reasons[f"{outcome.verdict}: {outcome.reason[:100]}"] += 1
        if outcome.failed or (chosen.refused and outcome.verdict == "refused"):
            print(describe(*((problem, outcome) if chosen.no_shrink else shrink(problem, outcome))), flush=True)
    print(f"seeds {chosen.seed}..{seed - 1}: {dict(counts)}; {gradients} gradients right", end="; ")
    print(f"slowest {worst[0]:.1f} s (seed {worst[1]})")
    for reason, times in reasons.most_common(40):
        print(f"{times:6} {reason}")


if __name__ == "__main__":
    main()
