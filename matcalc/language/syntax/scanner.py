"""Text → tokens.  The terminals stand in grammar.lark; what they are in context is decided here.

Inside brackets a newline is nothing; `;` is a new row inside [ ] and a new statement elsewhere; a quote after `(` or `,`
opens a string, any other is a transpose; a bar opens where an operand may stand and closes elsewhere; `1(` is `ind(`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lark import Token
from lark.lexer import Lexer

from matcalc.errors import ParseError

MAX_TEXT = 100_000
"""The longest text that is read, in characters."""
MAX_DEPTH = 5_000
"""The deepest nesting of brackets that is read."""

_ENDS_OPERAND = frozenset(
    "NUMBER NAME TRANSPOSE SUPERSCRIPT RPAR RBRACKET RBRACE ABS_CLOSE NORM_CLOSE NORM_INDEX STRING".split()
)
_FIRST = "SPACE NEWLINE NUMBER TRANSPOSE SUPERSCRIPT NAME ARROW DOTSIGN DOTS POW MULTIPLY COMPARE BARS".split()
"""The terminals that are tried first, so that the longer wins where two begin alike."""
_OPENING = {"LPAR": ")", "LBRACKET": "]", "LBRACE": "}"}
_CLOSING = {"RPAR": ")", "RBRACKET": "]", "RBRACE": "}"}
_OPENERS = {"assume": "ASSUME", "where": "WHERE"}
_CLAUSES = {"where": "WHERE", "for": "FOR", "in": "IN", "if": "IF"}
_FORBIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class Scanner(Lexer):
    """The lexer of the grammar: called by Lark with the whole text."""

    def __init__(self, lexer_conf: Any) -> None:
        patterns = {t.name: t.pattern.to_regexp() for t in lexer_conf.terminals}
        self._norm_index = re.compile(patterns.pop("NORM_INDEX")).match
        ordered = [*_FIRST, *(name for name in patterns if name not in _FIRST)]
        self._match = re.compile("|".join(f"(?P<{name}>{patterns[name]})" for name in ordered)).match

    def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Token]:
        """The tokens of a text, which is all that Lark passes here; each knows its place.

        Raises: ParseError for what is no token and for brackets that do not match.
        """
        return _Scan(lexer_state, self._match, self._norm_index).tokens()


class _Scan:
    """One run over one text."""

    def __init__(self, text: str, match: Any, norm_index: Any) -> None:
        self.text = text
        self.match = match
        self.norm_index = norm_index
        self.open: list[tuple[str, int]] = []
        self.last = "SEPARATOR"

    def tokens(self) -> Iterator[Token]:
        """The tokens of the text."""
        text, match, position, end = self.text, self.match, 0, len(self.text)
        pending: Token | None = None
        while position < end:
            found = match(text, position)
            if found is None:
                raise self.unexpected(position)
            kind, start, position = found.lastgroup, position, found.end()
            if kind == "SPACE":
                continue
            if kind in ("NEWLINE", "SEMICOLON"):
                made = self.separator(kind, start)
                if made == "ROW":
                    yield self.token("ROW", start, position)
                elif made:
                    pending = self.token("SEPARATOR", start, position)
                continue
            if kind == "NAME":
                kind = self.word(found.group(), position)
                if kind == "WHERE":
                    pending = None
            elif kind == "BARS":
                kind, position = self.bar(start, position)
            elif kind == "QUOTE" or kind == "TRANSPOSE":
                kind, position = self.quote(kind, start, position)
            elif (
                kind == "NUMBER" and found.group() == "1" and text.startswith("(", position) and self.last not in _ENDS_OPERAND
            ):
                kind = "NAME"
            elif kind in _OPENING:
                self.push(_OPENING[kind], start)
            elif kind in _CLOSING:
                self.pop(_CLOSING[kind], start)
            if pending is not None:
                yield pending
                pending = None
            yield self.token(kind, start, position)
            if kind == "NORM_CLOSE" and (index := self.norm_index(text, position)):
                yield self.token("NORM_INDEX", position, index.end())
                position = index.end()
        if self.open:
            bracket, start = self.open[-1]
            raise ParseError(
                f"{text[start]} is never closed",
                source=text,
                span=(start, start + 1),
                hint=f"add {bracket} where it should end",
            )

    def token(self, kind: str, start: int, end: int) -> Token:
        """The token of that kind; it becomes the last one."""
        self.last = kind
        return Token(kind, self.text[start:end], start_pos=start, end_pos=end)

    def separator(self, kind: str, start: int) -> str:
        """What a newline or `;` is here: "SEPARATOR", "ROW", or "" for nothing."""
        brackets = [b for b, _ in self.open if b in ")]}"]
        if kind == "SEMICOLON" and self.open:
            if self.open[-1][0] == "]":
                return "ROW"
            raise ParseError(
                f"; stands inside {self.text[self.open[-1][1]]}, which is not closed yet",
                source=self.text,
                span=(start, start + 1),
                also=[(self.open[-1][1], self.open[-1][1] + 1)],
                hint=f"close it with {self.open[-1][0]} before the statement ends",
            )
        if kind == "NEWLINE" and (brackets or self.last not in _ENDS_OPERAND):
            return ""
        if self.open:
            bracket, at = self.open[-1]
            raise ParseError(
                f"{bracket} is not closed on its line",
                source=self.text,
                span=(at, at + 1),
                hint=f"add {bracket} where it should end",
            )
        return "" if self.last == "SEPARATOR" else "SEPARATOR"

    def word(self, name: str, end: int) -> str:
        """NAME, or the keyword that the word is in its place."""
        if self.last in _ENDS_OPERAND:
            return _CLAUSES.get(name, "NAME")
        if self.last == "SEPARATOR" and self.text[end : end + 1].isspace():
            return _OPENERS.get(name, "NAME")
        return "NAME"

    def bar(self, start: int, end: int) -> tuple[str, int]:
        """Whether a bar opens or closes, and where it ends (`||` may be two)."""
        double = end - start == 2 or self.text[start] == "‖"
        if self.last not in _ENDS_OPERAND:
            self.push("‖" if double else "|", start)
            return ("NORM_OPEN" if double else "ABS_OPEN"), end
        if self.open and self.open[-1][0] == "|" and self.text[start] == "|":
            self.open.pop()
            return "ABS_CLOSE", start + 1
        if self.open and self.open[-1][0] == "‖" and double:
            self.open.pop()
            return "NORM_CLOSE", end
        raise ParseError(
            f"{self.text[start:end]} closes nothing",
            source=self.text,
            span=(start, end),
            hint="an operator is missing before it, or the bar that opens; abs(x) and norm(x) need no bars",
        )

    def quote(self, kind: str, start: int, end: int) -> tuple[str, int]:
        """A transpose, or the string that a quote opens after `(` or `,`."""
        mark = self.text[start]
        if self.last in _ENDS_OPERAND and kind == "TRANSPOSE":
            return "TRANSPOSE", end
        if mark in "⊤⊺ᵀ" and self.last in ("POW", "MINUS"):
            return "NAME", end
        if self.last in ("LPAR", "COMMA", "ASSIGN") and mark in "\"'’":
            closing = self.text.find("'" if mark in "'’" else '"', end)
            line = self.text.find("\n", end)
            if closing < 0 or 0 <= line < closing:
                raise ParseError(
                    "the string is never closed", source=self.text, span=(start, end), hint=f"add {mark} where it should end"
                )
            return "STRING", closing + 1
        raise ParseError(
            f"{self.text[start:end]} stands where no operand is before it",
            source=self.text,
            span=(start, end),
            hint="a transpose follows what it transposes, as A'; a string stands after ( or a comma",
        )

    def push(self, closing: str, start: int) -> None:
        """Remember an opening bracket."""
        if len(self.open) >= MAX_DEPTH:
            raise ParseError(
                f"brackets are nested more than {MAX_DEPTH} deep",
                source=self.text,
                span=(start, start + 1),
                hint="name parts of the expression: Z = …; f = …",
            )
        self.open.append((closing, start))

    def pop(self, closing: str, start: int) -> None:
        """Forget the bracket that this one closes."""
        if self.open and self.open[-1][0] == closing:
            self.open.pop()
            return
        if not self.open:
            raise ParseError(
                f"{closing} closes nothing", source=self.text, span=(start, start + 1), hint="remove it, or open it before"
            )
        expected, at = self.open[-1]
        raise ParseError(
            f"{closing} cannot close {self.text[at]}",
            source=self.text,
            span=(start, start + 1),
            also=[(at, at + 1)],
            hint=f"expected {expected} here",
        )

    def unexpected(self, position: int) -> ParseError:
        """The error for a character that is no part of the language."""
        c = self.text[position]
        hint = "the language is described by: + - * / ^ ' .* ./ .^ ⊗, names, numbers, ( ) [ ] and function calls"
        if c == "\\":
            hint = "LaTeX stands in a text of its own; here write det(X), inv(A), Sigma"
        elif c in "?!&$%~`":
            hint = "remove it; a comparison is written ==, !=, <, <=, > or >="
        return ParseError(f"unexpected character {show(c)}", source=self.text, span=(position, position + 1), hint=hint)


def show(c: str) -> str:
    """The character c as an error names it."""
    return repr(c) if c.isprintable() else f"U+{ord(c):04X}"


def check_size(text: str) -> None:
    """Nothing; raises ParseError for a text that is empty, too long or holds control characters."""
    if len(text) > MAX_TEXT:
        raise ParseError(
            f"the text has {len(text)} characters, more than the {MAX_TEXT} that are read",
            source=text,
            span=(MAX_TEXT, MAX_TEXT + 1),
            hint="split the problem into smaller ones",
        )
    bad = _FORBIDDEN.search(text)
    if bad is not None:
        raise ParseError(
            f"the character {show(bad.group())} has no place in a text",
            source=text,
            span=bad.span(),
            hint="remove it; was a binary file given?",
        )
