r"""The LaTeX that matcalc writes, read again: as MathML for browsers, its width, and the lines it is broken into.

One pass over the tokens with a stack, no recursion.  It knows the LaTeX of the styles and of the rule files' templates; a
command it does not know is shown by its name.  Spacing follows TeX: a thin space beside an operator's name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import NamedTuple

from matcalc.language.syntax.names import GREEK
from matcalc.printing.layout import Rope, join

LINE = 90
"""How many characters of ordinary size stand in one line."""
_CAPITAL = 1.5
"""How wide a capital is."""
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
_WORD = re.compile(r"\s*\{((?:[^{}\\]|\\.)*)\}")
_ESCAPE = re.compile(r"\\([_%&#$ ])")
# fmt: off
_LETTERS = {english: c for c, english in reversed(GREEK.items())} | {
    "epsilon": "ϵ", "varepsilon": "ε", "phi": "ϕ", "varphi": "φ", "vartheta": "ϑ", "varrho": "ϱ", "varsigma": "ς",
    "ell": "ℓ", "infty": "∞", "partial": "∂", "nabla": "∇", "top": "⊤", "prime": "′", "dagger": "†", "ast": "∗", "ldots": "…",
}
_OPERATORS = {
    "+": "+", "-": "−", "=": "=", "<": "<", ">": ">", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\approx": "≈", r"\in": "∈",
    r"\odot": "⊙", r"\oslash": "⊘", r"\otimes": "⊗", r"\oplus": "⊕", r"\cdot": "⋅", r"\times": "×", r"\circ": "∘",
    r"\to": "→", r"\mapsto": "↦", ",": ",", ";": ";",
}
_OPENING = {"(": "(", "[": "[", r"\{": "{", r"\langle": "⟨", r"\lfloor": "⌊", r"\lceil": "⌈"}
_CLOSING = {")": ")", "]": "]", r"\}": "}", r"\rangle": "⟩", r"\rfloor": "⌋", r"\rceil": "⌉"}
_BARS = {"|": "|", r"\|": "‖"}
_FENCES = {**_OPENING, **_CLOSING, **_BARS, ".": ""}
_SPACES = {r"\,": "0.17em", r"\:": "0.22em", r"\;": "0.28em", r"\ ": "0.25em", r"\quad": "1em", r"\qquad": "2em"}
_SIZES = frozenset((r"\bigl", r"\bigr", r"\Bigl", r"\Bigr"))  # browsers set brackets of a given size off the line
_ACCENTS = {r"\hat": "^", r"\bar": "¯", r"\tilde": "~", r"\dot": "˙"}
_BIG = {r"\sum": "∑", r"\prod": "∏"}
_NAMES = frozenset("exp log ln sin cos tan cot sinh cosh tanh arcsin arccos arctan max min sup inf det dim ker".split())
_HEAVY = {r"\mathbf": "BOLD", r"\boldsymbol": "BOLD ITALIC", r"\mathbb": "DOUBLE-STRUCK"}
_UPRIGHT = {r"\mathrm": "ordinary", r"\text": "text", r"\operatorname": "function"}
_AWAITED = {"^": 2, "_": 2, r"\frac": 2, r"\sqrt": 1} | dict.fromkeys(_ACCENTS, 1)
# fmt: on


class _Piece(NamedTuple):
    """A part of a formula: its markup, its width, its place in TeX's spacing, and what it and its scripts are."""

    markup: Rope
    width: float
    kind: str = "ordinary"
    scripts: tuple[Rope, Rope, Rope] | None = None


@dataclass
class _Frame:
    """A part that is still open: what opened it, its pieces, the commands that wait for arguments, and open brackets."""

    fence: str = ""
    pieces: list[_Piece] = field(default_factory=list)
    awaited: list[tuple[str, list[_Piece]]] = field(default_factory=list)
    brackets: list[str] = field(default_factory=list)
    cells: list[Rope] = field(default_factory=list)
    rows: list[Rope] = field(default_factory=list)
    widest: float = 0

    @property
    def before(self) -> str:
        """The kind of the last piece that is no space; "" where nothing is there yet."""
        return next((p.kind for p in reversed(self.pieces) if p.kind != "space"), "")

    @property
    def expects_operand(self) -> bool:
        """Whether a sign here is that of a number and a bar here opens."""
        return self.before in ("", "operator", "open", "bar", "function", "big")

    def whole(self) -> _Piece:
        """All pieces as one."""
        if len(self.pieces) == 1:
            return self.pieces[0]._replace(scripts=None)
        return _Piece(("<mrow>", *(p.markup for p in self.pieces), "</mrow>"), sum(p.width for p in self.pieces))


def mathml(latex: str, *, display: bool = False) -> str:
    r"""The formula as a `<math>` element: \frac{1}{2} x is `<mfrac><mn>1</mn><mn>2</mn></mfrac><mi>x</mi>` in it."""
    style = ' display="block"' if display else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{style}>{join(_Reader(latex).found.markup)}</math>'


def width(latex: str) -> int:
    """How many characters of ordinary size the formula is about as wide as; a fraction is as wide as its wider half."""
    return round(_Reader(latex).found.width)


def lines(latex: str, limit: int = LINE) -> tuple[str, ...]:
    """The formula in lines no wider than the limit, as far as the + and − of its outermost sum allow it."""
    reader = _Reader(latex)
    if reader.found.width <= limit:
        return (latex,)
    ends = [*reader.breaks, len(latex)]
    found = [latex[: ends[0]].strip()]
    for start, end in pairwise(ends):
        term = latex[start:end].strip()
        longer = f"{found[-1]} {term}"
        if width(longer) <= limit:
            found[-1] = longer
        else:
            found.append(term)
    return tuple(found)


class _Reader:
    """One reading of a formula: what was `found`, and the offsets of the signs between the terms of its outermost sum."""

    def __init__(self, latex: str) -> None:
        """Read it to its end."""
        self.breaks: list[int] = []
        self._latex = latex
        self._at = 0
        self._frames = [_Frame()]
        while (match := _TOKEN.search(latex, self._at)) is not None:
            self._at = match.end()
            self._take(match[0])
        self.found = self._frames[0].whole()

    # ---------------------------------------------------------------- tokens

    def _take(self, token: str) -> None:
        frame = self._frames[-1]
        if token in ("{", r"\left", r"\begin"):
            self._frames.append(_Frame(self._opened(token)))
        elif token in ("}", r"\right", r"\end"):
            self._close(token)
        elif token in ("&", r"\\"):
            self._end_cell(frame, row=token != "&")
        elif token in _AWAITED:
            script = token in ("^", "_")
            base = [frame.pieces.pop() if frame.pieces else _Piece("<mrow></mrow>", 0)] if script else []
            frame.awaited.append((token, base))
        elif token in _OPERATORS:
            self._operator(frame, token)
        elif token in _SIZES or token == r"\substack":
            return
        elif token in _OPENING or token in _CLOSING or token in _BARS:
            self._bracket(frame, token)
        elif token in _SPACES:
            self._add(_Piece(f'<mspace width="{_SPACES[token]}"></mspace>', 0.3, "space"))
        else:
            self._add(self._atom(token))

    def _word(self) -> str:
        """The braced word that comes next."""
        match = _WORD.match(self._latex, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[1]

    def _fence(self) -> str:
        r"""The bracket after \left or \right."""
        match = _TOKEN.match(self._latex, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return _FENCES.get(match[0], "")

    def _opened(self, token: str) -> str:
        if token == r"\begin":
            return "[" if self._word() == "bmatrix" else ""
        return self._fence() if token == r"\left" else ""

    def _close(self, token: str) -> None:
        if len(self._frames) == 1:
            return
        frame = self._frames.pop()
        if token == "}" and frame.rows:  # \substack{…}
            self._end_cell(frame, row=True)
            self._add(_Piece(("<mtable rowspacing='0'>", *frame.rows, "</mtable>"), frame.widest))
            return
        if token == "}":
            self._add(frame.whole())
            return
        if token == r"\end":
            self._word()
            self._end_cell(frame, row=True)
            inside = _Piece(("<mtable>", *frame.rows, "</mtable>"), 12)
            closing = "]" if frame.fence else ""
        else:
            inside, closing = frame.whole(), self._fence()
        rope = ("<mrow>", _fence(frame.fence, "prefix"), inside.markup, _fence(closing, "postfix"), "</mrow>")
        self._add(_Piece(rope, inside.width + 2, "close"))

    def _end_cell(self, frame: _Frame, *, row: bool) -> None:
        cell = frame.whole()
        frame.widest = max(frame.widest, cell.width)
        frame.cells.append(("<mtd>", cell.markup, "</mtd>"))
        frame.pieces = []
        if row:
            frame.rows.append(("<mtr>", *frame.cells, "</mtr>"))
            frame.cells = []

    def _operator(self, frame: _Frame, token: str) -> None:
        shown = escape(_OPERATORS[token])
        if token in ",;":
            self._add(_Piece(f"<mo>{shown}</mo>", 1.5, "operator"))
        elif frame.expects_operand:
            self._add(_Piece(f'<mo form="prefix" lspace="0" rspace="0">{shown}</mo>', 1, "operator"))
        else:
            if token in "+-" and len(self._frames) == 1 and not frame.brackets:
                self.breaks.append(self._at - 1)
            self._add(_Piece(f'<mo form="infix">{shown}</mo>', 3, "operator"))

    def _bracket(self, frame: _Frame, token: str) -> None:
        if token in _BARS:
            opens = frame.expects_operand or token not in frame.brackets[-1:]
            kind = "bar" if opens else "close"
        else:
            opens = token in _OPENING
            kind = "open" if opens else "close"
        if opens:
            frame.brackets.append(token)
        elif frame.brackets:
            frame.brackets.pop()
        side = "prefix" if opens else "postfix"
        self._add(_Piece(f'<mo form="{side}" stretchy="false" lspace="0" rspace="0">{_FENCES[token]}</mo>', 1, kind))

    def _atom(self, token: str) -> _Piece:
        if token in _HEAVY or token in _UPRIGHT:
            return _styled(token, _ESCAPE.sub(r"\1", self._word()))
        if token in _BIG:
            return _Piece(f'<mo largeop="true" movablelimits="false" lspace="0" rspace="0">{_BIG[token]}</mo>', 2, "big")
        name = token.removeprefix("\\")
        if name in _NAMES:
            return _Piece(f"<mi>{name}</mi>", len(name), "function")
        if name[0].isdigit():
            return _Piece(f"<mn>{name}</mn>", len(name))
        if not token.startswith("\\"):
            if name.isalpha():
                return _Piece(f"<mi>{escape(name)}</mi>", _CAPITAL if name.isupper() else 1)
            return _Piece(_plain(name), 1)
        return _Piece(_letter(_LETTERS.get(name, name)), 1)

    # ---------------------------------------------------------------- pieces

    def _add(self, piece: _Piece) -> None:
        """Give the piece to the command that waits for it, or put it after the others."""
        frame = self._frames[-1]
        while frame.awaited:
            command, arguments = frame.awaited[-1]
            arguments.append(piece)
            if len(arguments) < _AWAITED[command]:
                return
            frame.awaited.pop()
            piece = _applied(command, arguments)
        before = frame.before
        named = ("function", "big")
        beside = (piece.kind in named and before in ("ordinary", "close")) or (
            before in named and piece.kind in ("ordinary", "bar", *named)
        )
        if beside:
            frame.pieces.append(_Piece('<mspace width="0.17em"></mspace>', 0.3, "space"))
        frame.pieces.append(piece)


def _applied(command: str, arguments: list[_Piece]) -> _Piece:
    """A fraction, a root, an accent or a script."""
    first, last = arguments[0], arguments[-1]
    if command == r"\frac":
        return _Piece(("<mfrac>", first.markup, last.markup, "</mfrac>"), 0.5 + max(first.width, last.width))
    if command == r"\sqrt":
        return _Piece(("<msqrt>", first.markup, "</msqrt>"), 1.5 + first.width)
    if command in _ACCENTS:
        return _Piece(("<mover accent='true'>", first.markup, _plain(_ACCENTS[command]), "</mover>"), first.width)
    base, below, above = first.scripts or (first.markup, "", "")
    below, above = (last.markup, above) if command == "_" else (below, last.markup)
    if first.kind == "big":
        tag = "munderover" if below and above else "munder" if below else "mover"
        wide = max(first.width, 0.7 * last.width)
        return _Piece((f"<{tag}>", base, below, above, f"</{tag}>"), wide, "big", (base, below, above))
    tag = "msubsup" if below and above else "msub" if below else "msup"
    return _Piece(
        (f"<{tag}>", base, below, above, f"</{tag}>"), first.width + 0.7 * last.width, first.kind, (base, below, above)
    )


def _styled(command: str, word: str) -> _Piece:
    """A word upright or heavy."""
    if command in _HEAVY:
        shown = "".join(_heavy(c, _HEAVY[command]) for c in _LETTERS.get(word.removeprefix("\\"), word))
        tag = "mn" if word.isdigit() else "mi"
        return _Piece(f"<{tag}>{shown}</{tag}>", len(shown))
    kind = _UPRIGHT[command]
    if kind == "text":
        return _Piece(f"<mtext>{escape(word)}</mtext>", len(word))
    return _Piece(_letter(word, upright=True), len(word), kind)


def _heavy(c: str, weight: str) -> str:
    """The character bold or double-struck, as Unicode has it."""
    name = unicodedata.name(unicodedata.normalize("NFKC", c)).replace("LATIN ", "").replace("GREEK ", "").replace("LETTER ", "")
    if name.startswith("CAPITAL"):
        weight = weight.removesuffix(" ITALIC")
    for kind in ("MATHEMATICAL ", ""):
        try:
            return unicodedata.lookup(f"{kind}{weight} {name}")
        except KeyError:
            continue
    return c


def _letter(shown: str, *, upright: bool = False) -> str:
    """A letter, slanted unless TeX sets it upright: capital Greek, symbols; a word is upright by itself."""
    normal = len(shown) == 1 and (upright or not shown.islower())
    return f'<mi mathvariant="normal">{escape(shown)}</mi>' if normal else f"<mi>{escape(shown)}</mi>"


def _plain(shown: str) -> str:
    """A character with no space around it."""
    return f'<mo stretchy="false" lspace="0" rspace="0">{escape(shown)}</mo>'


def _fence(bracket: str, form: str) -> str:
    """A bracket as tall as what it holds."""
    return f'<mo form="{form}" stretchy="true" lspace="0" rspace="0">{escape(bracket)}</mo>' if bracket else ""
