"""A run of random problems, twice differentiated: `python -m tests.fuzz_second --count 500 --seed 0`.

Of a part F of each problem the Jacobian, of the problem's f the Hessian, its quadratic form and its products with vectors are
compared with complex steps and differences of the problem's own NumPy program, which shares nothing with `matcalc`.  By a
structured variable they are compared along the directions in which it can move.
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import matcalc
from matcalc.errors import MatcalcError, UndifferentiableError, UnknownNameError, VerificationError
from matcalc.nodes.algebra import add
from matcalc.nodes.differentials import terms_of
from matcalc.nodes.expr import Node, name_of, operands, shape, variable
from matcalc.printing.text import text
from tests.analytic import NotAnalyticError
from tests.arrays import values
from tests.differences import InconclusiveError, directions, relative_error, richardson
from tests.fuzz import Outcome, TooSlowError, describe, documented, limit
from tests.problems import Problem, Tree
from tests.second_entries import second, slope
from tests.strategies import random_problem

Array = Any
TOLERANCE = 1e-6
LARGEST = 12
"""How many entries a variable may have."""


def part_of(problem: Problem) -> Tree | None:
    """A vector or matrix in the problem, to be differentiated itself."""
    whole = [t for t in problem.root.walk() if t.kind.dims and t.production is not None and t.kind.dims != ("1", "1")]
    return whole[0] if whole else None


def moving_names(problem: Problem) -> Iterator[str]:
    """The variables of a moderate size."""
    for name in problem.used_names:
        if name in problem.variables and 0 < np.size(problem.environment[name]) <= LARGEST:
            yield name


def stacked(a: Array) -> Array:
    """vec(A)."""
    return np.ravel(np.asarray(a), order="F")


class Examination:
    """One problem and one variable of it."""

    def __init__(self, problem: Problem, name: str) -> None:
        """Of a problem whose root is what is differentiated."""
        self.problem, self.name = problem, name
        self.x = np.asarray(problem.environment[name], dtype=float)
        declared = problem.variables[name]
        self.directions = list(directions(self.x.shape, [declared.domain]))
        self.parsed = matcalc.parse(problem.text, declare=problem.declarations)

    def value(self, e: Node, free: Mapping[Node, Array] | None = None, **more: Array) -> Array:
        """The value of a node, with arrays for dX and V, and numbers for free indices."""
        names = self.parsed.names
        leaves = {names[n]: documented(self.problem.environment[n]) for n in self.problem.used_names if n in names}
        leaves |= {names[i]: np.float64(self.problem.sizes[i]) for i in ("i", "k") if i in names}
        leaves |= {variable(n, shape(names[self.name])): documented(a) for n, a in more.items()}
        leaves |= free or {}
        with np.errstate(all="ignore"):
            return np.asarray(values([e], leaves, self.problem.sizes)[0], dtype=float)

    def first(self, D: Array) -> Array:
        """The derivative of F along a direction, by numbers."""
        f = self.problem.function(self.name)
        try:
            return slope(f, self.x, D)
        except (NotAnalyticError, TypeError, np.linalg.LinAlgError):
            return self._entrywise(f, D)

    def _entrywise(self, f: Callable[[Array], Array], D: Array) -> Array:
        here = np.asarray(f(self.x))
        made = np.zeros(here.shape)
        for place in np.ndindex(here.shape):
            made[place], error = richardson(lambda x, place=place: np.asarray(f(x))[place], self.x, D)
            if not error <= 1e-8 * max(1.0, abs(made[place])):
                raise InconclusiveError("differences do not settle")
        return made

    def second(self, D: Array, E: Array) -> float:
        """The second derivative of f along two directions, by numbers."""
        try:
            return second(lambda x: np.asarray(self.problem.function(self.name)(x)).reshape(()), self.x, D, E)
        except (NotAnalyticError, TypeError, np.linalg.LinAlgError) as error:
            raise InconclusiveError(str(error)) from error

    def jacobian(self, verify: bool) -> str:
        """What is wrong with the Jacobian; "" where nothing is."""
        truth = {k: self.first(D) for k, D in enumerate(self.directions)}
        J = matcalc.jacobian(self.parsed, self.name, verify=verify)
        made = self.value(J.node)
        turned = matcalc.jacobian(self.parsed, self.name, layout="denominator", verify=False)
        if relative_error(self.value(turned.node).reshape(made.T.shape), made.T) > 1e-9:
            return "the denominator layout is no transpose"
        forward = matcalc.jvp(self.parsed, self.name, verify=False)
        for k, D in enumerate(self.directions):
            claimed = made if not self.x.shape else made.reshape(-1, self.x.size) @ stacked(D)
            if relative_error(stacked(claimed), stacked(truth[k])) > TOLERANCE:
                return f"J off along a direction: {J}"
            moved = self.value(forward.node, **{forward.direction.name: D})
            if relative_error(stacked(moved), stacked(truth[k])) > TOLERANCE:
                return f"jvp off: {forward}"
            acted = self.value(
                matcalc.nodes.algebra.add(*matcalc.nodes.differentials.terms_of(J.action)), **{f"d{self.name}": D}
            )
            if relative_error(stacked(acted), stacked(truth[k])) > TOLERANCE:
                return f"dF off: {J.action}"
        return self._transposed(made)

    def _transposed(self, J: Array) -> str:
        """J'*vec(G) against the gradient of tr(G'F)."""
        back = matcalc.vjp(self.parsed, self.name, verify=False)
        dims = np.shape(self.value(self.parsed.expression))
        G = np.random.default_rng(0).standard_normal(dims)
        leaves = {back.direction: G}
        names = self.parsed.names
        leaves |= {names[n]: documented(self.problem.environment[n]) for n in self.problem.used_names if n in names}
        leaves |= {names[i]: np.float64(self.problem.sizes[i]) for i in ("i", "k") if i in names}
        with np.errstate(all="ignore"):
            found = values([back.node], leaves, self.problem.sizes)[0]
        expected = np.sum(J * G) if not self.x.shape else stacked(G) @ J.reshape(-1, self.x.size)
        return "" if relative_error(stacked(found), stacked(expected)) <= TOLERANCE else f"J'g is not the gradient: {back}"

    def hessian(self, verify: bool) -> str:
        """What is wrong with the Hessian; "" where nothing is."""
        pairs = [(D, E) for k, D in enumerate(self.directions) for E in self.directions[: k + 1]]
        truth = [self.second(D, E) for D, E in pairs]
        H = matcalc.hessian(self.parsed, self.name, verify=verify)
        made = self.value(H.node).reshape(self.x.size, self.x.size)
        if relative_error(made, made.T) > 1e-8:
            return f"H is not symmetric: {H}"
        claimed = [stacked(D) @ made @ stacked(E) for D, E in pairs]
        if relative_error(np.array(claimed), np.array(truth)) > TOLERANCE:
            return f"H off: {H}"
        rng = np.random.default_rng(1)
        V = sum((rng.standard_normal() * D for D in self.directions), np.zeros(self.x.shape))
        product = matcalc.hvp(self.parsed, self.name, verify=False)
        expected = made @ stacked(V)
        if relative_error(stacked(self.value(product.node, **{product.direction.name: V})), expected) > TOLERANCE:
            return f"hvp is not H*v: {product}"
        form = self.value(add(*terms_of(H.quadratic)), **{f"d{self.name}": V})
        if relative_error(form, np.asarray(stacked(V) @ expected).reshape(())) > TOLERANCE:
            return f"d2f is not the quadratic form: {text(H.quadratic)}"
        blocks = H.blocks
        if blocks is not None and relative_error(self._assembled(blocks), made) > TOLERANCE:
            return f"these are no blocks of H: {blocks}"
        return ""

    def _assembled(self, blocks: matcalc.Blocks) -> Array:
        """The Hessian that is made of these blocks alone."""
        (letter,) = {name_of(i) for i in operands(blocks.variable)[1:]} - set(self.parsed.names)
        made = np.zeros((self.x.size, self.x.size))
        places = np.arange(self.x.size).reshape(self.x.shape, order="F")
        for k, where in enumerate(places if blocks.parts.by == "rows" else places.T):
            free = {variable(letter, (), ("integer",)): np.float64(k + 1)}
            made[np.ix_(where, where)] = self.value(blocks.node, free)
        return made


def examine(problem: Problem, verify: bool = True, seconds: int = 60) -> Counter[str]:
    """How many Jacobians and Hessians of a problem came out how; what failed is printed."""
    counts: Counter[str] = Counter()
    part = part_of(problem)
    for kind, whole in (("jacobian", replace(problem, root=part) if part else None), ("hessian", problem)):
        for name in list(moving_names(whole))[:2] if whole is not None else ():
            assert whole is not None
            outcome = _outcome(whole, name, kind, verify, seconds)
            counts[f"{kind} {outcome.verdict}"] += 1
            if outcome.failed:
                print(describe(whole, outcome), f" by {name}", flush=True)
    return counts


def _outcome(problem: Problem, name: str, kind: str, verify: bool, seconds: int) -> Outcome:
    """The outcome of one derivative."""
    try:
        with limit(seconds), np.errstate(all="ignore"):
            wrong = getattr(Examination(problem, name), kind)(verify)
            return Outcome("wrong", wrong) if wrong else Outcome("right")
    except InconclusiveError as error:
        return Outcome("inconclusive", str(error))
    except (UndifferentiableError, UnknownNameError) as error:
        return Outcome("refused", str(error))
    except TooSlowError:
        return Outcome("slow", f"more than {seconds} s")
    except VerificationError as error:
        return Outcome("unverified", str(error).splitlines()[0])
    except MatcalcError as error:
        return Outcome("refused", f"{type(error).__name__}: {str(error).splitlines()[0]}")
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(
            "crashed", f"{type(error).__name__} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}: {str(error)[:120]}"
        )


def chosen_problems(count: int, seed: int, depth: int | None = None) -> Iterator[Problem]:
    """So many problems of some size, with consecutive seeds."""
    found = 0
    while found < count:
        problem = random_problem(seed, depth)
        seed += 1
        if problem.size >= 3 and any(n in problem.variables for n in problem.used_names):
            found += 1
            yield problem


def main() -> None:
    """Run, print every failure, and count."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_second", description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the problems have consecutive ones")
    parser.add_argument("--depth", type=int, default=None)
    parser.add_argument("--no-verify", action="store_true", help="leave out the tool's own verification")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    worst = (0.0, 0)
    for problem in chosen_problems(chosen.count, chosen.seed, chosen.depth):
        start = time.perf_counter()
        counts += examine(problem, verify=not chosen.no_verify)
        worst = max(worst, (time.perf_counter() - start, problem.seed))
    print(dict(sorted(counts.items())), f"slowest {worst[0]:.1f} s (seed {worst[1]})")


if __name__ == "__main__":
    main()
