"""Spellings: the templates of a language, and which parentheses their operands need."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

ATOM = 100
SUM, MATMUL, PRODUCT, NEGATIVE, POWER = 40, 45, 50, 60, 70
_BINDING = {
    **dict.fromkeys((" if ", " else "), 5),
    **dict.fromkeys((" > ", " >= ", " < ", " <= ", " == ", " != ", " ~= "), 20),
    **dict.fromkeys((" + ", " - "), SUM),
    **dict.fromkeys((" @ ",), MATMUL),
    **dict.fromkeys((" * ", " / ", " // ", " .* ", " ./ ", " \\ "), PRODUCT),
    **dict.fromkeys(("**", ".^", "^", "'"), POWER),
}
_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
_NAME = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"(?<![\w)\]}.'])'[^']*'")


@dataclass(frozen=True)
class Spelled:
    """A piece of program text and how tightly it holds together."""

    text: str
    strength: int = ATOM

    @property
    def is_name(self) -> bool:
        """Whether the text is the name of a variable."""
        return _NAME.fullmatch(self.text) is not None

    def within(self, needed: int) -> str:
        """The text, in parentheses where it must hold more tightly."""
        return self.text if self.strength >= needed else f"({self.text})"


def fill(
    template: str, operands: Sequence[Spelled], fields: Mapping[str, str], hold: Callable[[Spelled], Spelled] | None = None
) -> Spelled:
    """The template with operands and fields in its places.

    `{0:name}` is a place where only a name can stand: `hold` gives an operand one.  `{0:apart}` stands for an operand that no
    product mixes with unless it is in parentheses.
    """
    strength, needs = _read(template)

    def put(match: re.Match[str]) -> str:
        key, kind = match.groups()
        if not key.isdecimal():
            return fields[key]
        operand = operands[int(key)]
        if kind == "name" and hold is not None:
            return hold(operand).text
        return operand.within(needs[match.start()])

    return Spelled(_PLACE.sub(put, template), min(o.strength for o in operands) if strength == 0 else strength)


@lru_cache(maxsize=2048)
def _read(template: str) -> tuple[int, dict[int, int]]:
    """(how tightly a template holds together, 0 for one that is its operand; what each place needs)."""
    if re.fullmatch(r"\{\d+\}", template):
        return 0, {0: 0}
    needs = {m.start(): _needed(template[: m.start()], template[m.end() :], m.group(2)) for m in _PLACE.finditer(template)}
    strength = _strength(template)
    return MATMUL if strength == PRODUCT and ":apart}" in template else strength, needs


def _strength(template: str) -> int:
    """The binding of the loosest operator outside of brackets."""
    bare = _QUOTED.sub('""', template)
    while True:
        shorter = re.sub(r"[(\[][^()\[\]]*[)\]]", "", bare)
        if shorter == bare:
            break
        bare = shorter
    found = [force for sign, force in _BINDING.items() if sign in bare]
    return min([*found, NEGATIVE] if re.match(r"-\S", bare) else found, default=ATOM)


def _needed(before: str, after: str, kind: str | None) -> int:
    """How tightly an operand must hold together between two pieces of text."""
    if not before or before.endswith(("(", "[", ", ", "=", "= ")):
        left = 0
    elif before.endswith("-") and not before.endswith(" -"):
        left = NEGATIVE + 1
    else:
        left = next((_beside(force, 1) for sign, force in _BINDING.items() if before.endswith(sign)), ATOM)
    if not after or after.startswith((")", "]", ",")):
        right = 0
    else:
        right = next((_beside(force, force == POWER) for sign, force in _BINDING.items() if after.startswith(sign)), ATOM)
    return max(left, right, PRODUCT + 1 if kind == "apart" else 0)


def _beside(force: int, more: int) -> int:
    """What an operand beside an operator needs: products of matrices and of entries never mix without parentheses."""
    return PRODUCT + 1 if force == MATMUL else force + more
