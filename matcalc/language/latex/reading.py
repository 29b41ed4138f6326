r"""What the readers of a LaTeX statement share: its pieces, what is known of its names, and where brackets get a meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from lark import Token

from matcalc.errors import ParseError
from matcalc.language.latex.context import Context
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.statements import Sentence

BRACKETS = ("(", "[", "\\{")
Found: TypeAlias = Iterator[tuple[str, str, int, int]]
"""The kind, value and place of tokens; ("skip", "", j, 0) goes on at the piece j."""


class Reading:
    """One statement while it is read.

    `closings` are the tokens that brackets become, and whether an operand ends there; `before` are tokens to enter.
    """

    def __init__(self, text: str, sentence: Sentence, number: int, context: Context, functions: frozenset[str]) -> None:
        self.text = text
        self.body = sentence.body
        self.pairs = sentence.pairs
        self.sentence = sentence
        self.number = number
        self.context = context
        self.functions = functions
        self.notes: list[str] = []
        self.last = "SEPARATOR"
        self.bars: list[tuple[str, int]] = []
        self.closings: dict[int, tuple[str, bool]] = {}
        self.skipped: set[int] = set()
        self.before: dict[int, list[Token]] = {}
        self.dots: set[int] = set()
        self.plain: set[int] = set()

    def kind(self, at: int) -> str:
        """The kind of the piece at a place; "" behind the last."""
        return self.body[at].kind if at < len(self.body) else ""

    def call(self, at: int) -> None:
        """Let the bracket at that place hold arguments."""
        if self.kind(at) == "{" and self.kind(at + 1) in BRACKETS and self.pairs[at + 1] == self.pairs[at] - 1:
            self.skipped.update((at, self.pairs[at]))
            at += 1
        if self.kind(at) in BRACKETS:
            self.closings[at] = ("CALL_OPEN", True)
            self.closings[self.pairs[at]] = ("CALL_CLOSE", True)

    def error(self, what: str, p: Piece, hint: str, last: Piece | None = None) -> ParseError:
        """An error at a piece, or from there to another."""
        return ParseError(what, source=self.text, span=(p.start, max((last or p).end, p.start + 1)), hint=hint)
