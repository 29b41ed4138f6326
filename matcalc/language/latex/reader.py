r"""LaTeX → statements: the same surface tree as the language's own text gives, with places in the LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, UnexpectedInput
from lark.lexer import Lexer

from matcalc.errors import ParseError
from matcalc.language.latex.arguments import with_arguments
from matcalc.language.latex.builder import tree_builder
from matcalc.language.latex.context import Context, context_of, kinds_of_letters
from matcalc.language.latex.families import families
from matcalc.language.latex.pieces import pieces
from matcalc.language.latex.scanner import Scan
from matcalc.language.latex.statements import Sentence, sentences
from matcalc.language.latex.words import LETTERS
from matcalc.language.syntax.builder import RefusedError
from matcalc.language.syntax.reader import read
from matcalc.language.syntax.scanner import check_size
from matcalc.language.syntax.tree import Declaration, Line
from matcalc.rulefiles.records import Signatures

_LETTERS_ALONE = re.compile(rf"(?:[^\\]|\\(?:{'|'.join(n for n, letter in LETTERS.items() if n == letter)})(?![A-Za-z]))*")
_EXPECTED = {
    "RBRACE": "}", "RPAR": "a closing bracket", "CALL_CLOSE": "a closing bracket", "ABS_CLOSE": "|", "NORM_CLOSE": "\\|",
}  # fmt: skip


@dataclass(frozen=True)
class Latex:
    """What was read: the lines, what was assumed, the kinds of letters by their keys, and what are families."""

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    fonts: Mapping[str, str] = field(default_factory=dict)
    families: tuple[Declaration, ...] = ()


class _Tokens(Lexer):
    """The lexer that Lark asks for: the tokens are made already."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Token]:
        """The tokens, which are all that Lark passes here."""
        return cast(Iterator[Token], lexer_state)


@lru_cache(maxsize=1)
def _parse() -> Callable[[Iterator[Token]], list[Line]]:
    grammar = Path(__file__).with_name("latex.lark").read_text(encoding="utf-8")
    lark = Lark(
        grammar,
        parser="lalr",
        lexer=_Tokens,
        start="problem",
        transformer=tree_builder(),
        maybe_placeholders=True,
        keep_all_tokens=True,
    )
    return cast(Callable[[Iterator[Token]], list[Line]], lark.parse)


def is_latex(text: str) -> bool:
    """Whether a text is LaTeX: it holds a backslash."""
    return "\\" in text


def read_latex(text: str, declarations: Iterable[Line], signatures: Signatures) -> Latex:
    """The statements and declarations of a LaTeX text; `declarations` are what is said of its names elsewhere.

    Raises: ParseError.
    """
    check_size(text)
    functions = frozenset(signatures.functions)
    found = sentences(text, with_arguments(text, pieces(text, functions)))
    context = context_of(found, [d for d in declarations if isinstance(d, Declaration)])
    notes: list[str] = []
    try:
        lines = _parse()(_tokens(text, found, context, functions, notes))
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    except RefusedError as refused:
        raise ParseError(refused.what, source=text, span=refused.span, hint=refused.hint) from None
    return Latex(tuple(lines), tuple(dict.fromkeys(notes)), kinds_of_letters(found, context), families(found, context))


def read_declarations(text: str, signatures: Signatures) -> tuple[Line, ...]:
    r"""What a text of declarations says: `X \in \mathbb{R}^{n \times d}`, or `\Sigma: matrix posdef` with letters of LaTeX."""
    if is_latex(text) and not _LETTERS_ALONE.fullmatch(text):
        return read_latex(text, (), signatures).lines
    return read(text.replace("\\", " "))


def _tokens(text: str, found: list[Sentence], context: Context, functions: frozenset[str], notes: list[str]) -> Iterator[Token]:
    """The tokens of all statements, with separators between them."""
    for number, sentence in enumerate(found):
        start = sentence.body[0].start
        if number:
            yield Token("SEPARATOR", "", start_pos=start, end_pos=start)
        scan = Scan(text, sentence, number, context, functions)
        yield from scan.tokens()
        notes.extend(scan.notes)


def _explain(text: str, error: UnexpectedInput) -> ParseError:
    """The three-part error for a token that cannot stand where it does."""
    token = getattr(error, "token", None)
    expected = set(getattr(error, "expected", None) or ())
    if token is None or token.type in ("$END", "SEPARATOR"):
        end = len(text.rstrip()) if token is None or token.type == "$END" else token.start_pos
        what = "the formula ends where something is still expected"
        return ParseError(what, source=text, span=(end, end + 1), hint="complete the last statement")
    span = (token.start_pos, max(token.end_pos, token.start_pos + 1))
    shown = text[span[0] : span[1]].strip() or str(token)
    if len(shown) > 20:
        shown = f"{shown[:19]}…"
    if token.type == "COMPARE" and "COMPARE" not in expected and "NUMBER" not in expected:
        hint = "compare twice: \\mathbf{1}(a < x) \\mathbf{1}(x < b)"
        return ParseError("comparisons cannot be chained", source=text, span=span, hint=hint)
    if token.type == "ASSIGN":
        hint = "the left side of = is one name; a condition stands in brackets: \\mathbf{1}(a = b)"
        return ParseError("= cannot stand here", source=text, span=span, hint=hint)
    if token.type == "COMMA" and not expected & {"COMMA"}:
        hint = "statements are separated by \\\\; arguments stand in brackets after a function: \\max(a, b)"
        return ParseError("a comma cannot stand here", source=text, span=span, hint=hint)
    if token.type in ("SUB", "COLON"):
        hint = "an entry is x_i, X_{ij}, X_{i,:} or X_{:,j}; a name with a subscript is x_{\\mathrm{old}}"
        return ParseError(f"{shown} cannot stand here", source=text, span=span, hint=hint)
    if "NUMBER" in expected:
        what = f"expected a name, a number or an opening bracket before {shown}"
        return ParseError(what, source=text, span=span, hint="something is missing on the left of it")
    closing = [_EXPECTED[k] for k in expected if k in _EXPECTED]
    hint = f"expected {' or '.join(sorted(set(closing)))} before it" if closing else "check the brackets and commas before it"
    return ParseError(f"{shown} cannot stand here", source=text, span=span, hint=hint)
