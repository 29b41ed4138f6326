"""Text → statements: Lark's LALR parser over the tokens of the scanner, reduced to the surface tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import cast

from lark import Lark, UnexpectedInput

from matcalc.errors import ParseError
from matcalc.language.syntax.builder import LaterError, RefusedError, tree_builder
from matcalc.language.syntax.scanner import Scanner, check_size
from matcalc.language.syntax.tree import Line

_CACHED_TEXT = 1_000
_OPERANDS = frozenset("NUMBER NAME LPAR LBRACKET ABS_OPEN NORM_OPEN STRING LBRACE".split())


@lru_cache(maxsize=1)
def _parse() -> Callable[[str], list[Line]]:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    lark = Lark(
        grammar,
        parser="lalr",
        lexer=Scanner,
        start="problem",
        transformer=tree_builder(),
        maybe_placeholders=True,
        keep_all_tokens=True,
    )
    return cast(Callable[[str], list[Line]], lark.parse)


def _explain(text: str, error: UnexpectedInput) -> ParseError:
    """The three-part error for a token that cannot stand where it does."""
    token = getattr(error, "token", None)
    if token is None or token.type == "$END":
        end = len(text.rstrip())
        return ParseError(
            "the text ends where something is still expected",
            source=text,
            span=(end, end + 1),
            hint="complete the last statement",
        )
    span = (token.start_pos, token.end_pos)
    expected = set(getattr(error, "expected", None) or ())
    shown = "a new line" if token == "\n" else str(token)
    if token.type in _OPERANDS and "NUMBER" not in expected:
        before = re.search(r"[^\W]+\s*$", text[: span[0]])
        hint = "multiplication is always written: put * or another operator between them"
        if before is not None and token.type in ("NAME", "NUMBER", "LPAR"):
            hint = f"multiplication is always written: {before.group().strip()}*{shown}"
        return ParseError(f"expected an operator before {shown}", source=text, span=span, hint=hint)
    if "NUMBER" in expected:
        return ParseError(
            f"expected a name, a number or an opening bracket before {shown}",
            source=text,
            span=span,
            hint="something is missing on the left of it",
        )
    return ParseError(f"{shown} cannot stand here", source=text, span=span, hint="check the brackets and commas before it")


def _read(text: str) -> tuple[Line, ...]:
    check_size(text)
    try:
        return tuple(_parse()(text))
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    except RefusedError as found:
        what = f"{found.what} is not read by this version" if isinstance(found, LaterError) else found.what
        raise ParseError(what, source=text, span=found.span, hint=found.hint) from None


_read_cached = lru_cache(maxsize=2_000)(_read)


def read(text: str) -> tuple[Line, ...]:
    """The statements, declarations and assumptions of a text, in order.

    Raises: ParseError.
    """
    return _read_cached(text) if len(text) <= _CACHED_TEXT else _read(text)
