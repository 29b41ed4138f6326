"""Whether < is a relation or opens an inner product, <x, y>."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 80
"""How long each side of <x, y> may be."""
_INNER = r"(?:[^<>{},;=\[\]]|\{(?:[^<>{}]|\{[^<>{}]*\})*\}|\[[^<>\[\]]*\])"
_ANGLE = re.compile(rf"{_INNER}{{1,{_LONGEST}}},{_INNER}{{1,{_LONGEST}}}>")
_RELATION = re.compile(r"\\(?:le|ge|lt|gt|ne)(?![a-z])|\\(?:leq|geq|neq)|\\\\")
_OPERANDS = frozenset(["name", "number", "word", "ones", "zeros", ")", "]", "}", "\\}", "|", "||", "'", "mark"])
_OPERAND = re.compile(r"\s*(?:[A-Za-z0-9(\[{|]|\\(?:[,;:! {|]|(?!right|cdot|times|odot|q?quad|end|text|in(?![a-z]))[A-Za-z]))")


def opens(text: str, position: int, before: Sequence[str]) -> bool:
    """Whether a < before that place opens <x, y>: a comma and a > follow, and it is no relation, as below a sum.

    `before` are the kinds of the pieces before it.
    """
    depth = 0
    for kind in reversed(before):
        depth += (kind in ")}]") - (kind in "({[")
        if depth < 0 and kind == "{":
            return False
        if depth < 0 or kind == "_":
            break
    found = _ANGLE.match(text, position)
    if found is None or _RELATION.search(found.group()):
        return False
    return not (before and before[-1] in _OPERANDS and _OPERAND.match(text, found.end()))
