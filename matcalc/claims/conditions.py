"""Under which condition two expressions are equal: a structure of a variable, or an equation that few points meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from matcalc.claims.points import Points, Restriction, compare
from matcalc.claims.question import Question
from matcalc.nodes.expr import Node, is_scalar, properties, shape
from matcalc.numeric.evaluate import leaves
from matcalc.numeric.linalg import Array
from matcalc.numeric.spaces import spaces

MOST = 250
"""How many conditions are tried."""
SHOWN = 3
EQUATION = "equation"
_SUMMING = ("simplex", "onehot")
"""The structures that state an equation, that the entries sum to 1."""
QUICK = 2
"""At how many points a condition is tried before it is looked at closely."""


_SIGNS = ("positive", "nonnegative")
"""The structures that may tell why two are equal nearly everywhere: at such points any other condition would seem to do."""


@dataclass(frozen=True)
class Condition:
    """What has to hold: `says` is a sentence or an equation, its formulas in the language; `word` a structure or EQUATION."""

    says: str
    word: str
    variables: tuple[str, ...]
    restriction: Restriction

    def __str__(self) -> str:
        return self.says


def conditions(question: Question, truth: Node, claim: Node) -> tuple[Condition, ...]:
    """The weakest single conditions under each of which the two are equal and not always 0, none implied by another."""
    found: list[Condition] = []
    rare = compare(question, truth, claim, elsewhere=0).ok is not False
    for candidate in islice(_candidates(question, truth, claim), MOST):
        if rare and candidate.word not in _SIGNS:
            continue
        if any(_implies(question, candidate, known) or _is_odd(candidate, known) for known in found):
            continue
        first = compare(question, truth, claim, candidate.restriction, QUICK, 0)
        if first.ok and first.nonzero and compare(question, truth, claim, candidate.restriction).ok:
            found.append(candidate)
    weakest = [c for c in found if not any(_implies(question, c, other) for other in found if other is not c)]
    return tuple(weakest[:SHOWN])


def _implies(question: Question, strong: Condition, weak: Condition) -> bool:
    """Whether the first condition is a case of the second."""
    if not set(weak.variables) <= set(strong.variables):
        return False
    if weak.word == EQUATION and weak.variables == strong.variables:
        return strong.word in _SUMMING or len(strong.variables) > 1
    if strong.word == EQUATION:
        return strong.says.endswith(" == 1") and weak.word in _SIGNS
    return weak.word in spaces(question.rules).closure([strong.word])


def _is_odd(candidate: Condition, known: Condition) -> bool:
    """Whether the condition says less than one that is known, though it is no case of it: a one-hot matrix permutes."""
    return candidate.word in _SUMMING and candidate.variables == known.variables


def _candidates(question: Question, truth: Node, claim: Node) -> Iterator[Condition]:
    """The conditions on one variable, then those on two; equations before structures that imply them."""
    inputs = leaves(Points(question, [truth, claim]).program)
    sizes = set(question.problem.sizes)
    known = {n: X for n, X in inputs.items() if n not in sizes and "integer" not in properties(X)}
    for name, X in known.items():
        if is_scalar(X):
            yield from _structures(question, name, X)
            yield from _equations(name, X)
        else:
            yield from _equations(name, X)
            yield from _structures(question, name, X)
    for (a, A), (b, B) in combinations(known.items(), 2):
        if _is_square(A) and shape(A) == shape(B):
            yield Condition(f"{a}*{b} == {b}*{a}", "commute", (a, b), Restriction(change=_commuting(a, b)))
    squares = [name for name, X in known.items() if _is_square(X)]
    for a, b in combinations(squares, 2):
        both = tuple((name, "symmetric") for name in (a, b))
        yield Condition(f"{a} and {b} are symmetric", "symmetric", (a, b), Restriction(both))


def _structures(question: Question, name: str, X: Node) -> Iterator[Condition]:
    for word, structure in question.rules.structures.items():
        if not structure.declarable or "sample" not in structure.formulas or word == "constant":
            continue
        square = len(set(structure.arguments[0].dims)) == 1
        if word in spaces(question.rules).closure(properties(X)) or (square and not _is_square(X)):
            continue
        if is_scalar(X) and word not in ("positive", "nonnegative"):
            continue
        says = structure.says.replace("{X}", name)
        yield Condition(says, word, (name,), Restriction(((name, word),)))


def _equations(name: str, X: Node) -> Iterator[Condition]:
    """Equations for a scalar, a vector or a matrix, each with how a random array is made to meet it."""
    if is_scalar(X):
        forms: Sequence[tuple[str, Callable[[Array], Array]]] = [("{X} == 1", np.ones_like)]
    elif shape(X)[1] == 1:
        forms = [("sum({X}) == 1", _summing), ("{X}'*{X} == 1", lambda x: x / np.linalg.norm(x))]
    else:
        forms = [
            ("the rows of {X} sum to 1", lambda x: x + (1 - x.sum(axis=1, keepdims=True)) / x.shape[1]),
            ("the columns of {X} sum to 1", lambda x: x + (1 - x.sum(axis=0, keepdims=True)) / x.shape[0]),
        ]
        if not _is_square(X):
            forms = [*forms, ("the columns of {X} are orthonormal", _orthonormal)]
            forms = [*forms, ("the rows of {X} are orthonormal", lambda x: _orthonormal(x.T).T)]
    for says, make in forms:
        yield Condition(says.replace("{X}", name), EQUATION, (name,), Restriction(change=_changed(name, make)))


def _changed(name: str, make: Callable[[Array], Array]) -> Callable[[dict[str, Array]], None]:
    def change(arrays: dict[str, Array]) -> None:
        if name in arrays:
            arrays[name] = make(arrays[name])

    return change


def _commuting(a: str, b: str) -> Callable[[dict[str, Array]], None]:
    def change(arrays: dict[str, Array]) -> None:
        if a in arrays and b in arrays:
            A = arrays[a]
            arrays[b] = A @ A - 2 * A + 0.5 * np.eye(len(A))

    return change


def _summing(x: Array) -> Array:
    return x + (1 - x.sum()) / x.size


def _orthonormal(x: Array) -> Array:
    """Columns that are orthonormal, where there is room for them."""
    if x.shape[0] < x.shape[1]:
        return x * np.nan
    q: Array = np.linalg.qr(x)[0]
    return q


def _is_square(X: Node) -> bool:
    dims = shape(X)
    return bool(dims) and dims[0] == dims[1]
