"""Words with math between dollars, as LaTeX, Markdown or HTML want them; what is special there is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from matcalc.printing.mathml import mathml

_MATH = re.compile(r"\$([^$]*)\$")
_CODE = re.compile(r"`([^`]*)`")
_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%#_{}$"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
    | {"≥": r"$\ge$", "≤": r"$\le$", "×": r"$\times$", "∈": r"$\in$", "…": r"\ldots{}"}
)
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\*_{}[]<>#|~"})
_BARE = {r"\|": r"\Vert ", r"\,": r"\thinspace ", "*": r"\ast ", "<": r"\lt ", ">": r"\gt "}
"""What Markdown would take out of a formula or read as its own, and TeX's other name for it."""


def _mixed(text: str, words: Callable[[str], str], math: Callable[[str], str]) -> str:
    """The text with its words and its formulas each written their way."""
    pieces = _MATH.split(text)
    return "".join(math(piece) if i % 2 else words(piece) for i, piece in enumerate(pieces))


def _worded(text: str, words: Callable[[str], str], code: str) -> str:
    """Words, and what is typed between backquotes in its own face."""
    pieces = _CODE.split(text)
    return "".join(code.format(words(piece)) if i % 2 else words(piece) for i, piece in enumerate(pieces))


def latex_text(text: str) -> str:
    r"""The text for LaTeX: `a_b` as `a\_b`, formulas as they are."""
    return _mixed(text, lambda words: _worded(words, lambda w: w.translate(_LATEX), r"\texttt{{{}}}"), lambda math: f"${math}$")


def latex_note(text: str) -> str:
    r"""The text, small, inside a formula: \text{\small product rule: $…$}."""
    return rf"\text{{\small {latex_text(text)}}}"


def math_note(text: str) -> str:
    r"""The text inside a formula, where dollars would end it: \text{product rule: } … \text{, PP12}."""
    return _mixed(text, lambda words: rf"\text{{{words.translate(_LATEX)}}}" if words else "", str)


def markdown_text(text: str) -> str:
    """The text for Markdown, formulas in dollars."""
    return _mixed(text, lambda words: words.translate(_MARKDOWN), lambda math: f"${markdown_math(math).strip()}$")


def markdown_math(latex: str) -> str:
    r"""The formula so that GitHub and Jupyter leave it alone: no `\|`, `*` or `<`, and a subscript never ends an emphasis."""
    for special, name in _BARE.items():
        latex = latex.replace(special, name)
    return re.sub(r"(?<=\S)_", " _", latex)


def html_text(text: str) -> str:
    """The text for HTML, formulas as MathML."""
    return _mixed(text, lambda words: _worded(words, escape, "<code>{}</code>"), mathml)
