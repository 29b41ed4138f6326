r"""Which names with an index are families of vectors: those whose members stand where only a vector can.

`x_i` is an entry of a vector unless its place says more: `x_i^\top`, `w^\top x_i`, `W x_i`, `\|x_i - \mu\|`,
`(x_i - \mu)^\top`, and a bold `\mathbf{x}_i` whose letter stands nowhere without an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matcalc.errors import Span
from matcalc.language.latex.context import Context, content
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.statements import Sentence
from matcalc.language.latex.words import TRANSPOSES
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import Declaration, Name

_TERM_BEFORE = frozenset(["(", "[", "{", "+", "-", "||", "||("])
_TERM_AFTER = frozenset([")", "]", "}", "+", "-", "||", "||)"])
_NORMS = frozenset(["||", "||(", "||)"])
_COUNTS = frozenset("CDKLMNT")
"""Upper-case letters that are as often numbers as matrices."""


def families(found: Iterable[Sentence], context: Context) -> tuple[Declaration, ...]:
    """The declarations `x: vectors` of the families that the statements tell."""
    sentences = list(found)
    bare = {key for number, s in enumerate(sentences) for key in _bare(number, s, context)}
    made: dict[str, Declaration] = {}
    for sentence in sentences:
        normed = _in_norms(sentence)
        for start, end in _members(sentence, context):
            p = sentence.body[start]
            key = name_key(p.value)
            if key in made or key in bare or context.known(p.value):
                continue
            if (p.bold and p.value[0].islower()) or _is_vector(sentence, context, start, end, normed):
                span: Span = (p.start, p.end)
                made[key] = Declaration((Name(p.value, span),), Name("vectors", span), None, (), span)
    return tuple(made.values())


def _members(sentence: Sentence, context: Context) -> Iterator[tuple[int, int]]:
    """(start, end) of each lower-case name with one index."""
    for i, p in enumerate(sentence.body):
        if p.kind == "name" and not p.value[0].isupper():
            end = _end(sentence, context, i)
            if end > i + 1:
                yield i, end


def _end(sentence: Sentence, context: Context, i: int) -> int:
    """The place after a name and its one index; i + 1 where it has none, i where it is part of another name."""
    body, at = sentence.body, i + 1
    if at >= len(body) or body[at].kind not in ("_", "^"):
        return at
    label = content(sentence, at + 1)
    if body[at].kind == "^":
        if len(label) != 3 or label[0].kind != "(":
            return at
        label = label[1:-1]
    if len(label) == 1 and label[0].kind in ("name", "number"):
        return sentence.pairs[at + 1] + 1 if context.is_index(body[i].value, label) else i
    labels = len(label) > 3 and label[0].kind == "name" and label[1].kind == "_"  # w_{y_i}
    if labels and any(p.kind == "name" and p.value in context.indices for p in label[3:]):
        return sentence.pairs[at + 1] + 1
    return i if body[at].kind == "_" else at


def _bare(number: int, sentence: Sentence, context: Context) -> Iterator[str]:
    """The keys of the names that stand without an index, or whose entries are used as indices."""
    head = context.heads.get(number)
    skipped = range(*head.arguments) if head is not None and head.arguments is not None else ()
    below = 0
    for i, p in enumerate(sentence.body):
        if p.kind == "_":
            below = max(below, sentence.pairs[i + 1])
        if p.kind == "name" and i not in skipped:
            inside = i < below
            if inside != (_end(sentence, context, i) == i + 1):
                yield name_key(p.value)


def _is_vector(sentence: Sentence, context: Context, start: int, end: int, normed: set[int]) -> bool:
    """Whether a member stands where only a vector can."""
    body = sentence.body
    if _transposed(sentence, end) or _follows_vector_or_matrix(sentence, context, start):
        return True
    before, after = body[start - 1].kind if start else "", body[end].kind if end < len(body) else ""
    if before not in _TERM_BEFORE or after not in _TERM_AFTER:
        return False
    opening = sentence.enclosing[start]
    if opening >= 0 and body[opening].kind in ("(", "[") and _transposed(sentence, sentence.pairs[opening] + 1):
        return True
    return start in normed


def _transposed(sentence: Sentence, at: int) -> bool:
    """Whether a transpose stands there."""
    body = sentence.body
    if at >= len(body) or body[at].kind != "^":
        return False
    found = content(sentence, at + 1)
    return len(found) == 1 and found[0].value in TRANSPOSES


def _in_norms(sentence: Sentence) -> set[int]:
    r"""The places directly inside \| … \|."""
    bars: dict[int, int] = {}
    found: set[int] = set()
    for i, p in enumerate(sentence.body):
        level = sentence.enclosing[i]
        if p.kind in _NORMS:
            bars[level] = bars.get(level, 0) + 1
        elif bars.get(level, 0) % 2:
            found.add(i)
    return found


def _follows_vector_or_matrix(sentence: Sentence, context: Context, start: int) -> bool:
    r"""Whether w^\top, W or W^\top stands directly before."""
    body, at = sentence.body, start - 1
    marks: list[list[Piece]] = []
    indexed = False
    while at > 0 and body[at].kind == "}":
        opening = sentence.enclosing[at]
        if opening < 1 or body[opening - 1].kind not in ("_", "^"):
            return False
        if body[opening - 1].kind == "^":
            marks.append(content(sentence, opening))
        else:
            indexed = True
        at = opening - 2
    if at < 0 or body[at].kind != "name":
        return False
    name = body[at].value
    kind = context.kinds.get(name_key(name))
    transposed = any(len(m) == 1 and m[0].value in TRANSPOSES for m in marks)
    if transposed:
        return kind in (None, "vector", "matrix", "vectors")
    if indexed or not context.is_matrix(name):
        return False
    inverse = any([p.value for p in m] == ["-", "1"] for m in marks)
    return inverse or (not marks and (body[at].bold or kind == "matrix" or name not in _COUNTS))
