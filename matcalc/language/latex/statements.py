r"""Pieces → statements: what `\\`, `;`, the ends of formulas and the words between them separate, with matching brackets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from matcalc.errors import ParseError
from matcalc.language.latex.heads import named
from matcalc.language.latex.pieces import Piece

CLOSING = {"(": ")", "{": "}", "[": "]", "\\{": "\\}", "begin": "end", "<(": ">)"}
_CLOSES = frozenset(CLOSING.values())
_ENDS = frozenset(["\\\\", "break", "where", ";"])
_OPERATORS = frozenset(["+", "-", "mul", "=", "assign", "rel", ","])
_SHOWN = {"begin": "\\begin", "end": "\\end", "<(": "\\langle", ">)": "\\rangle"}


@dataclass(eq=False)
class Sentence:
    """The pieces of one statement.

    `pairs` tells where each bracket closes, `related` which brackets hold a relation, `assign` where its = stands (0: nowhere),
    `enclosing` which bracket each piece stands in (-1: none), a bracket that closes in its own, `note` what was assumed.
    """

    body: list[Piece]
    pairs: dict[int, int] = field(default_factory=dict)
    related: set[int] = field(default_factory=set)
    assign: int = 0
    enclosing: list[int] = field(default_factory=list)
    note: str = ""


def sentences(text: str, found: Iterable[Piece]) -> list[Sentence]:
    """The statements of a text.

    Raises: ParseError for brackets that do not match and for chains of equations.
    """
    parts = [part for body in _split(text, list(found)) for part in _between_commas(text, body)]
    for part in parts:
        while part and part[-1].kind in (".", ",", ":"):
            part.pop()
    return [_paired(text, part, note) for part, note in named(text, parts) if part]


def _error(text: str, what: str, p: Piece, hint: str) -> ParseError:
    return ParseError(what, source=text, span=(p.start, max(p.end, p.start + 1)), hint=hint)


def _split(text: str, found: list[Piece]) -> list[list[Piece]]:
    """The pieces between what ends statements; a line that goes on with an operator is no new one."""
    out: list[list[Piece]] = [[]]
    open_: list[Piece] = []
    for at, p in enumerate(found):
        if p.kind in CLOSING:
            open_.append(p)
        elif p.kind in _CLOSES and open_:
            open_.pop()
        if p.kind == "align":
            continue
        if p.kind not in _ENDS:
            out[-1].append(p)
        elif not open_:
            if p.kind not in ("\\\\", "break") or not _goes_on(out[-1], found, at):
                out.append([])
        elif p.kind == ";":
            out[-1].append(p._replace(kind=","))
        elif p.kind == "\\\\" and open_[-1].kind == "begin":
            out[-1].append(p)
        elif p.kind != "\\\\" and p.value != "\n":
            opening = open_[-1]
            what = f"{_SHOWN.get(opening.kind, opening.kind)} is not closed before the formula ends"
            raise _error(text, what, opening, f"close it before {text[p.start : p.end].strip() or 'the end'}")
    return out


def _goes_on(before: list[Piece], found: list[Piece], at: int) -> bool:
    """Whether a new line continues the statement: an operator ends or begins it."""
    if not before:
        return False
    if before[-1].kind in _OPERATORS:
        return found[at].value == "\n" or found[at].kind == "\\\\"
    following = next((i for i in range(at + 1, min(at + 4, len(found))) if found[i].kind != "align"), None)
    if following is None:
        return False
    p = found[following]
    return p.kind in ("+", "mul") or (p.kind == "-" and following > at + 1)


def _between_commas(text: str, body: list[Piece]) -> list[list[Piece]]:
    """A statement, the definitions before its commas and the declarations after them, apart."""
    segments: list[list[Piece]] = [[]]
    commas: list[Piece] = []
    depth = 0
    for p in body:
        depth += (p.kind in CLOSING) - (p.kind in _CLOSES)
        if p.kind == "," and depth == 0:
            segments.append([])
            commas.append(p)
        else:
            segments[-1].append(p)
    declares = [any(p.kind == "mark" and p.value == "in" for p in s) and not any(p.kind == "big" for p in s) for s in segments]
    defines = [_defines(s) for s in segments]
    if not any(declares) and not any(defines[1:]):
        return [body]
    last = max((i for i, found in enumerate(defines) if found), default=0)
    later: set[str] = set()
    for i in range(last, -1, -1):
        segment = segments[i]
        if i < last and not declares[i] and not _is_name(segment) and (not defines[i] or segment[0].value not in later):
            hint = "what a comma separates are definitions and, after them, the formula that uses them: z = …, f = …"
            what = "what follows the comma does not use this" if defines[i] else "a definition follows the formula"
            raise _error(text, what, segment[0]._replace(end=segment[-1].end) if segment else commas[i], hint)
        later.update(p.value for p in segment)
    out: list[list[Piece]] = []
    pending: list[Piece] = []
    for i, segment in enumerate(segments):
        pending += segment
        if declares[i] or not _is_name(segment):
            out.append(pending)
            pending = []
        elif i < len(commas):
            pending.append(commas[i])
    out.append(pending)
    return out


def _is_name(segment: list[Piece]) -> bool:
    """Whether a name stands alone."""
    if not segment or segment[0].kind not in ("name", "word"):
        return False
    return len(segment) == 1 or (segment[1].kind == "_" and all(p.kind in "_{}namenumberword" for p in segment))


def _defines(segment: list[Piece]) -> bool:
    """Whether a part between commas is a definition."""
    depth = 0
    for p in segment:
        depth += (p.kind in CLOSING) - (p.kind in _CLOSES)
        if p.kind in ("=", "assign") and depth == 0:
            return segment[0].kind in ("name", "word")
    return False


def _paired(text: str, body: list[Piece], note: str) -> Sentence:
    """The statement with its brackets matched."""
    made = Sentence(body, note=note)
    open_: list[int] = []
    for i, p in enumerate(body):
        made.enclosing.append(open_[-1] if open_ else -1)
        if p.kind in CLOSING:
            open_.append(i)
        elif p.kind in _CLOSES:
            shown = _SHOWN.get(p.kind, p.kind)
            if not open_:
                raise _error(text, f"{shown} closes nothing", p, "remove it, or open it before")
            opening = body[open_[-1]]
            if CLOSING[opening.kind] != p.kind or (p.kind == "end" and opening.value != p.value):
                expected = f"\\end{{{opening.value}}}" if opening.kind == "begin" else CLOSING[opening.kind]
                what = f"{shown} cannot close {_SHOWN.get(opening.kind, opening.kind)}"
                raise _error(text, what, p, f"expected {_SHOWN.get(expected, expected)} here")
            made.pairs[open_.pop()] = i
        elif p.kind in ("rel", "=") and open_:
            made.related.add(open_[-1])
        elif p.kind in ("=", "assign") and not open_:
            if made.assign or i == 0:
                hint = "give one of the two sides, or name each: f = …; g = …"
                raise _error(text, "a chain of equations is not read", p, hint)
            made.assign = i
    if open_:
        opening = body[open_[-1]]
        expected = f"\\end{{{opening.value}}}" if opening.kind == "begin" else CLOSING[opening.kind]
        what = f"{_SHOWN.get(opening.kind, opening.kind)} is never closed"
        raise _error(text, what, opening, f"add {_SHOWN.get(expected, expected)} where it should end")
    return made
