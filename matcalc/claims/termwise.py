"""Which terms of a claim are right, which are missing, extra or wrong: sums taken apart, term matched with term by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from matcalc.claims.points import Points
from matcalc.claims.question import Question
from matcalc.nodes.algebra import add, build, hadamard, is_zero, mul, rebuild, terms
from matcalc.nodes.expr import Node, head, operands, postorder, shape, substitute
from matcalc.numeric.linalg import Array
from matcalc.rulebase.base import Rulebase

MOST_TERMS = 48
CLOSE = 1e-9
POINTS = 4
MOST_WRONG = 4


@dataclass(frozen=True)
class Terms:
    """What is wrong with the terms of a sum: those missing, those that do not belong, pairs (claimed, right)."""

    missing: tuple[Node, ...] = ()
    extra: tuple[Node, ...] = ()
    wrong: tuple[tuple[Node, Node], ...] = ()
    shared: int = 0
    """How many terms both have, right or times another number."""

    @property
    def count(self) -> int:
        """How many terms are not right."""
        return len(self.missing) + len(self.extra) + len(self.wrong)


def compared_terms(question: Question, truth: Node, claim: Node) -> Terms | None:
    """The terms of the claim that are not right where some are; None where none is, or there is but one."""
    for right, claimed in _levels(question, truth, claim):
        if len(right) < 2 and len(claimed) < 2:
            continue
        found = _matched(question, truth, claim, right, claimed)
        if found is not None and found.shared and 0 < found.count <= MOST_WRONG:
            return found
    return None


def expanded(e: Node, rules: Rulebase) -> tuple[Node, ...]:
    """The terms of e once products are distributed over sums; (e,) where there would be too many."""
    found: dict[Node, list[Node]] = {}
    for x in postorder([e]):
        made = list(_terms(x, found, rules))
        found[x] = made if 0 < len(made) <= MOST_TERMS else [x]
    return tuple(found[e])


def in_variables(e: Node, definitions: Mapping[Node, Node]) -> Node:
    """e with every name replaced by what it stands for."""
    done: dict[Node, Node] = {}
    for name, value in definitions.items():
        done[name] = substitute(value, done, rebuild)
    return substitute(e, done, rebuild)


def _levels(question: Question, truth: Node, claim: Node) -> Iterator[tuple[Sequence[Node], Sequence[Node]]]:
    """The terms as they stand; those that are left once products are distributed; the same without names."""
    yield terms(truth), terms(claim)
    yield expanded(truth, question.rules), expanded(claim, question.rules)
    if question.problem.definitions:
        bare = [in_variables(e, question.problem.definitions) for e in (truth, claim)]
        yield expanded(bare[0], question.rules), expanded(bare[1], question.rules)


def _terms(x: Node, found: Mapping[Node, list[Node]], rules: Rulebase) -> Iterable[Node]:
    name, args = head(x), operands(x)
    if name in ("add", "sadd"):
        return [t for a in args for t in found[a]]
    if name in ("mul", "smul", "hadamard"):
        size = 1
        for a in args:
            size *= len(found[a])
        if size == 1 or size > MOST_TERMS:
            return [x]
        join = hadamard if name == "hadamard" else mul
        return [t for chosen in product(*(found[a] for a in args)) if not is_zero(t := join(*chosen))]
    if len(args) == 1 and len(found[args[0]]) > 1 and (name == "scalar" or rules.is_linear(name)):
        return [build(name, (t,), shape(x)) for t in found[args[0]]]
    return [x]


@dataclass
class _Class:
    """Terms that are multiples of one another: those of the truth, those claimed, and how often each side has the first."""

    direction: Array
    nodes: tuple[list[Node], list[Node]] = field(default_factory=lambda: ([], []))
    amounts: list[float] = field(default_factory=lambda: [0.0, 0.0])


def _matched(question: Question, truth: Node, claim: Node, right: Sequence[Node], claimed: Sequence[Node]) -> Terms | None:
    points = Points(question, [truth, claim, *right, *claimed], needed=2)
    columns: list[list[Array]] = [[] for _ in range(len(right) + len(claimed))]
    for point in points.draw(POINTS, 1):
        values = points.values(point)
        scale = max(float(np.abs(values[0]).max()), float(np.abs(values[1]).max()), 1e-300)
        for column, value in zip(columns, values[2:], strict=True):
            column.append(np.ravel(np.broadcast_to(value, np.shape(values[0]))) / scale)
    if not columns[0]:
        return None
    vectors = [np.concatenate(column) for column in columns]
    if not all(np.isfinite(v).all() for v in vectors):
        return None
    classes: list[_Class] = []
    for k, (node, v) in enumerate(zip((*right, *claimed), vectors, strict=True)):
        _enter(classes, int(k >= len(right)), node, v)
    return _sorted(classes)


def _enter(classes: list[_Class], side: int, node: Node, v: Array) -> None:
    size = float(np.linalg.norm(v))
    if size <= CLOSE:
        return
    for known in classes:
        r = float(v @ known.direction) / float(known.direction @ known.direction)
        if np.linalg.norm(v - r * known.direction) <= CLOSE * size:
            break
    else:
        known, r = _Class(v), 1.0
        classes.append(known)
    known.nodes[side].append(node)
    known.amounts[side] += r


def _sorted(classes: Iterable[_Class]) -> Terms:
    missing, extra, wrong, shared = [], [], [], 0
    for c in classes:
        there, claimed = (abs(a) > CLOSE for a in c.amounts)
        if abs(c.amounts[0] - c.amounts[1]) <= CLOSE * max(map(abs, c.amounts)):
            shared += there
        elif there and claimed:
            wrong.append((add(*c.nodes[1]), add(*c.nodes[0])))
            shared += 1
        elif there:
            missing.append(add(*c.nodes[0]))
        elif claimed:
            extra.append(add(*c.nodes[1]))
    if len(missing) == len(extra) == 1:
        wrong.append((extra.pop(), missing.pop()))
    return Terms(tuple(missing), tuple(extra), tuple(wrong), shared)
