"""Every error of matcalc: what is wrong, where (the line of text with carets), and a hint.

ShapeError: cannot multiply A (m x n) by B (m x k): n and m differ
tr(A*B)
^ ^
hint: A'*B has shape n x k
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""A part of a text: the offsets of its first character and of the one after its last."""

_INDENT = "    "
_WIDTH = 100


class MatcalcError(Exception):
    """The base of all errors; `span` and `source` say where in which text, `hint` what to do."""

    def __init__(
        self,
        what: str,
        *,
        source: str = "",
        span: Span | None = None,
        also: Sequence[Span] = (),
        hint: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.source = source
        self.span = span
        self.also = tuple(also)
        self.hint = hint

    @property
    def code(self) -> str:
        """The name of the kind of error."""
        return type(self).__name__

    def __str__(self) -> str:
        parts = [self.what]
        if self.source and self.span is not None:
            parts.append(point(self.source, self.span, self.also))
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class ParseError(MatcalcError):
    """The text breaks the grammar, holds a forbidden character, or is too large."""


class UnknownNameError(MatcalcError):
    """A name that nothing defines."""


class DeclarationError(MatcalcError):
    """A declaration or definition that contradicts another one or says nothing known."""


class ArgumentError(MatcalcError):
    """The wrong number or kind of arguments."""


class ShapeError(MatcalcError):
    """Two shapes that do not fit."""


class UndifferentiableError(MatcalcError):
    """A derivative that does not exist or that no rule gives."""


class RuleError(MatcalcError):
    """A rule file that breaks its contract; the message names file, table and key."""


class VerificationError(MatcalcError):
    """A derivative that failed its comparison with numbers."""


def point(source: str, span: Span, also: Sequence[Span] = ()) -> str:
    """The line of source where span begins, with carets under it and under the spans of `also` on that line."""
    start = min(max(span[0], 0), len(source))
    begin = source.rfind("\n", 0, start) + 1
    end = source.find("\n", start)
    end = len(source) if end < 0 else end
    left = begin if start - begin <= _WIDTH // 2 else start - _WIDTH // 2
    right = min(end, left + _WIDTH)
    marks = [" "] * (right - left + 1)
    for first, last in (span, *also):
        for position in range(max(first, left), min(max(last, first + 1), right + 1)):
            marks[position - left] = "^"
    prefix = "…" if left > begin else ""
    suffix = "…" if right < end else ""
    line = "".join(c if c.isprintable() else " " for c in source[left:right])
    return f"{_INDENT}{prefix}{line}{suffix}\n{_INDENT}{' ' * len(prefix)}{''.join(marks).rstrip()}"
