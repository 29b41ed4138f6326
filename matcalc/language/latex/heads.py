r"""What stands left of = in a formula of a paper: RSS(\beta), \log p(y|X), \min_w L(w), each as one name."""

from __future__ import annotations

from itertools import pairwise

from matcalc.language.latex.pieces import Piece

_OPENS = frozenset(["(", "{", "[", "\\{", "begin", "<("])
_CLOSES = frozenset([")", "}", "]", "\\}", "end", ">)"])
_LOGARITHMS = ("log", "ln")
_OPTIMA = frozenset(["min", "max", "argmin", "argmax"])


def named(text: str, parts: list[list[Piece]]) -> list[tuple[list[Piece], str]]:
    """The statements with what they define as one name each, and what is to be said of it."""
    found = [_named(text, part) for part in parts]
    words = {word for _, word, _ in found if word}
    return [(_joined(part, words), note) for part, _, note in found]


def _named(text: str, part: list[Piece]) -> tuple[list[Piece], str, str]:
    """A statement whose left side is one name; the word that it is spelled with elsewhere, and a note."""
    start = _objective(part)
    if start == len(part):
        return part, "", ""
    logarithm = part[start].kind == "word" and part[start].value in _LOGARITHMS
    first = start + logarithm
    end = first
    while end < len(part) and part[end].kind == "name" and (end == first or part[end - 1].end == part[end].start):
        end += 1
    opening = _after_scripts(part, end)
    letters = part[first:end]
    if not letters or not _is_head(part, opening) or (len(letters) > 1 and not _is_word(letters)):
        return part, "", ""
    if start == 0 and len(letters) == 1 and not logarithm:
        return part, "", ""
    word = "".join(p.value for p in letters)
    name = f"{part[start].value}_{word}" if logarithm else word
    kind = "name" if name == letters[0].value else "word"
    head = letters[0]._replace(kind=kind, value=name, start=part[start].start, end=letters[-1].end)
    shown = text[part[0].start : _closing(part, opening).end]
    note = f"{shown} is read as the name of what is on the right, {name}"
    return [head, *part[end:]], word if len(letters) > 1 and not logarithm else "", note


def _objective(part: list[Piece]) -> int:
    r"""Where what is named begins: after \min_w."""
    i = 0
    if part and part[0].kind == "mark" and part[0].value == "arg":
        i = 1
    if i < len(part) and part[i].kind in ("mark", "word") and part[i].value in _OPTIMA:
        return _after_scripts(part, i + 1)
    return 0


def _after_scripts(part: list[Piece], i: int) -> int:
    """The place after the scripts that begin at i."""
    while i + 1 < len(part) and part[i].kind in ("_", "^") and part[i + 1].kind == "{":
        i = _end(part, i + 1)
    return i


def _end(part: list[Piece], opening: int) -> int:
    """The place after what a bracket encloses."""
    depth = 0
    for i in range(opening, len(part)):
        depth += (part[i].kind in _OPENS) - (part[i].kind in _CLOSES)
        if depth == 0:
            return i + 1
    return len(part)


def _closing(part: list[Piece], opening: int) -> Piece:
    return part[_end(part, opening) - 1]


def _is_head(part: list[Piece], opening: int) -> bool:
    """Whether arguments in brackets stand there, and = after them."""
    if opening >= len(part) or part[opening].kind != "(":
        return False
    end = _end(part, opening)
    return end < len(part) and part[end].kind in ("=", "assign")


def _is_word(letters: list[Piece]) -> bool:
    """Whether letters in a row are one word rather than a product: RSS, loss."""
    word = "".join(p.value for p in letters)
    single = all(len(p.value) == 1 and not p.bold for p in letters)
    return single and (word.isupper() or (len(word) > 2 and word.islower()))


def _joined(part: list[Piece], words: set[str]) -> list[Piece]:
    """The pieces, each of the words as one."""
    if not words:
        return part
    ends = [i for i, (a, b) in enumerate(pairwise(part), 1) if not (a.kind == b.kind == "name" and a.end == b.start)]
    out: list[Piece] = []
    for start, end in pairwise([0, *ends, len(part)]):
        word = "".join(p.value for p in part[start:end])
        whole = end > start + 1 and word in words
        out += [Piece("word", word, part[start].start, part[end - 1].end)] if whole else part[start:end]
    return out
