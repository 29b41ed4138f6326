"""One small change that makes a wrong claim right: a transpose, a sign, `.*` for `*`, brackets, a factor more or less."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matcalc.claims.points import Points, compare
from matcalc.claims.question import Question
from matcalc.errors import MatcalcError
from matcalc.nodes.expr import Node, shape
from matcalc.numeric.evaluate import Program
from matcalc.numeric.linalg import UNDEFINED

MOST = 400
LONGEST, DEEPEST = 2_000, 60
"""Of a text that is looked at, in characters and in brackets."""
CLOSE = 1e-8
_NAME = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?(?:/\d+)?")
_OPERATOR = re.compile(r"\s*(\.\*|\./|\*|/|\.\+|\.-|\+|-)\s*")
_POSTFIX = re.compile(r"'|\.?\^(?:-?\w+)")
_LONGEST_FACTOR = 60


@dataclass(frozen=True)
class Mend:
    """What was wrong, in words, and the claim put right."""

    says: str
    source: str
    node: Node


@dataclass(frozen=True)
class _Atom:
    """An operand in a text: its place, its own brackets and transposes included, and the sign before it."""

    start: int
    end: int
    bare: int
    sign: tuple[int, int, str] | None = None


def mend(question: Question, source: str, read: Callable[[str], Node], right: str) -> Mend | None:
    """The first small change of the claim's text that gives it the value of the truth; None for none."""
    truth = question.truth
    if len(source) > LONGEST or source.count("(") > DEEPEST:
        return None
    points = Points(question, [truth], needed=1)
    found = list(points.draw(1))
    if not found:
        return None
    point, value = found[0], points.values(found[0])[0]
    scale = max(float(np.abs(value).max()), 1e-300)
    arrays = {**{name: np.float64(n) for name, n in point.sizes.items()}, **point.arrays}
    seen = {source}
    for count, (made, says) in enumerate(_changes(source, right)):
        if count > MOST:
            break
        made = re.sub(r"  +", " ", made)
        if made in seen:
            continue
        seen.add(made)
        try:
            node = read(made)
            if shape(node) != shape(truth):
                continue
            program = Program([node], question.definitions, question.rules)
            if not set(program.inputs) <= set(arrays):
                continue
            claimed = program.run(arrays)[0]
        except (MatcalcError, ValueError, *UNDEFINED):
            continue
        if np.abs(claimed - value).max() <= CLOSE * scale and compare(question, truth, node).ok:
            return Mend(says, made, node)
    return None


def _changes(source: str, right: str) -> Iterator[tuple[str, str]]:
    atoms = list(_atoms(source))
    yield from _transposes(source, atoms)
    yield from _operators(source, atoms)
    yield from _brackets(source, atoms)
    yield from _swaps(source, atoms)
    yield from _drops(source, atoms)
    factors = dict.fromkeys(right[a.start : a.end] for a in _atoms(right))
    yield from _insertions(source, atoms, [f for f in factors if len(f) <= _LONGEST_FACTOR and f != right])


def _atoms(source: str) -> Iterator[_Atom]:
    """The operands of a text, those within brackets too."""
    i, sign = 0, None
    while i < len(source):
        name = _NAME.match(source, i)
        if name is not None:
            bare = name.end()
            if source[bare : bare + 1] in ("(", "["):
                bare = _closing(source, bare)
            end = _with_postfix(source, bare)
            yield _Atom(i, end, bare, sign)
            if source[name.end() : name.end() + 1] == "(":
                yield from _within(source, name.end() + 1, bare - 1)
            i, sign = end, None
            continue
        if source[i] == "(":
            bare = _closing(source, i)
            end = _with_postfix(source, bare)
            yield _Atom(i, end, bare, sign)
            yield from _within(source, i + 1, bare - 1)
            i, sign = end, None
            continue
        operator = _OPERATOR.match(source, i)
        if operator is not None and operator[1]:
            sign = (operator.start(1), operator.end(1), operator[1])
            i = operator.end()
            continue
        if source[i] not in " \t":
            sign = None
        i += 1


def _within(source: str, start: int, end: int) -> Iterator[_Atom]:
    for a in _atoms(source[start:end]):
        sign = None if a.sign is None else (a.sign[0] + start, a.sign[1] + start, a.sign[2])
        yield _Atom(a.start + start, a.end + start, a.bare + start, sign)


def _closing(source: str, opening: int) -> int:
    depth = 0
    for i in range(opening, len(source)):
        depth += (source[i] in "([{") - (source[i] in ")]}")
        if depth == 0:
            return i + 1
    return len(source)


def _with_postfix(source: str, end: int) -> int:
    while (found := _POSTFIX.match(source, end)) is not None:
        end = found.end()
    return end


def _put(source: str, start: int, end: int, new: str) -> str:
    return source[:start] + new + source[end:]


def _transposes(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[str, str]]:
    for a in atoms:
        shown = source[a.start : a.end]
        if shown.endswith("'"):
            yield _put(source, a.end - 1, a.end, ""), f"{shown} is not to be transposed"
        elif not shown[0].isdigit():
            yield _put(source, a.end, a.end, "'"), f"{shown} is to be transposed"
    for start, end in _products(source, atoms):
        yield _put(source, start, end, f"({source[start:end]})'"), f"{source[start:end]} is to be transposed"


def _operators(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[str, str]]:
    for a in atoms:
        if a.sign is None:
            continue
        start, end, sign = a.sign
        shown = source[a.start : a.end]
        match sign:
            case "*":
                yield _put(source, start, end, " .* "), f"the product with {shown} is one entry by entry"
            case ".*":
                yield _put(source, start, end, "*"), f"the product with {shown} is a matrix product"
            case "+" | "-":
                yield _put(source, start, end, "-" if sign == "+" else "+"), f"the sign of {shown} is wrong"
    for a, b in _neighbours(source, atoms):
        assert b.sign is not None
        if b.sign[2] == "*":
            made = f"({source[a.start : a.end]} .* {source[b.start : b.end]})"
            yield _put(source, a.start, b.end, made), f"the product {source[a.start : b.end]} is one entry by entry"


def _products(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[int, int]]:
    """The places of products of two operands that stand side by side."""
    yield from ((a.start, b.end) for a, b in _neighbours(source, atoms))


def _neighbours(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[_Atom, _Atom]]:
    for a in atoms:
        for b in atoms:
            if b.start > a.end and b.sign is not None and b.sign[2] in ("*", ".*") and not source[a.end : b.sign[0]].strip():
                yield a, b


def _brackets(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[str, str]]:
    for start, end in _products(source, atoms):
        yield _put(source, start, end, f"({source[start:end]})"), f"brackets are missing around {source[start:end]}"


def _swaps(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[str, str]]:
    for a, b in _neighbours(source, atoms):
        left, right = source[a.start : a.end], source[b.start : b.end]
        made = f"{right}{source[a.end : b.start]}{left}"
        yield _put(source, a.start, b.end, made), f"the factors {left} and {right} are swapped"


def _drops(source: str, atoms: Sequence[_Atom]) -> Iterator[tuple[str, str]]:
    for a in atoms:
        shown = source[a.start : a.end]
        if a.sign is not None:
            yield _put(source, a.sign[0], a.end, ""), f"{shown} does not belong"
        after = _OPERATOR.match(source, a.end)
        if after is not None and after[1] in ("*", ".*"):
            yield _put(source, a.start, after.end(), ""), f"the factor {shown} does not belong"


def _insertions(source: str, atoms: Sequence[_Atom], factors: Sequence[str]) -> Iterator[tuple[str, str]]:
    for factor in factors:
        says = f"the factor {factor} is missing"
        for a in atoms:
            yield _put(source, a.start, a.start, f"{factor}*"), says
            yield _put(source, a.end, a.end, f"*{factor}"), says
        yield f"{factor}*({source})", says
        yield f"({source})*{factor}", says
    for factor in factors:
        says = f"the factor {factor} is missing"
        yield f"({source}) .* {factor}", says
        single = [(a.start, a.end, source[a.start : a.end]) for a in atoms]
        several = [(start, end, f"({source[start:end]})") for start, end in _products(source, atoms)]
        for start, end, shown in sorted([*single, *several], key=lambda part: part[0] - part[1]):
            yield _put(source, start, end, f"({shown} .* {factor})"), says
