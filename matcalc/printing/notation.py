"""What mathematical typography shares: the parts of a name, vectors of ones, templates of the rule files."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, NamedTuple

from matcalc.printing.layout import ATOM, POWER, PRODUCT, Printed, Rope, join
from matcalc.printing.text import TextStyle, is_matrix_product
from matcalc.printing.view import GREEK, Call, View

_NAME = re.compile(r"(?P<base>[^\W\d_]+)(?:_(?P<sub>\w+)|(?P<digits>\d+))?")
_ACCENTS = ("hat", "bar", "tilde", "dot")
_OPENING = ("(", "|", "‖", "{", "[", ",")
_ONES = re.compile("1'?")
_BARS = ("|", "‖")
_CLOSING = (")", "|", "‖", "}", "]", ",", r"\right", r"\|")
_SIZED = re.compile(r"\\(?:left|right)(?![A-Za-z])\.?")


class Letter(NamedTuple):
    """A name taken apart: dxhat_1 is the differential of x with a hat and the subscript 1."""

    base: str
    subscript: str = ""
    accent: str = ""
    differential: bool = False


@lru_cache(maxsize=2_000)
def letter(name: str) -> Letter:
    """The parts of a name; a word that is no letter with marks is all base."""
    found = _NAME.fullmatch(name)
    if found is None:
        return Letter(name)
    base, subscript = found["base"], found["sub"] or found["digits"] or ""
    for differential in (False, True):
        core = base[1:] if differential else base
        if differential and not (base[0] == "d" and core):
            continue
        if is_letter(core):
            return Letter(core, subscript, "", differential)
        for accent in _ACCENTS:
            if core.endswith(accent) and is_letter(core.removesuffix(accent)):
                return Letter(core.removesuffix(accent), subscript, accent, differential)
    return Letter(base, subscript)


def is_letter(base: str) -> bool:
    """Whether a name is one letter, Latin or Greek."""
    return len(base) == 1 or base in GREEK


class MathStyle(TextStyle):
    """The base of Unicode and LaTeX."""

    exact = False
    place: ClassVar[str]
    ones: ClassVar[str]

    def sum(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Terms with a positive one first where there is one."""
        first = next((i for i, p in enumerate(parts) if not p.negative), 0)
        return super().sum(view, [parts[first], *parts[:first], *parts[first + 1 :]])

    # ---------------------------------------------------------------- differentials

    def speaks_for_itself(self, p: Printed) -> bool:
        """Whether it needs no brackets after a d: T, f(X), ‖x‖², log|X|; but (A B), X'."""
        return (
            p.level == ATOM
            if p.opens == p.closes and p.opens in ("call", "letter")
            else p.level >= POWER and "bars" in (p.opens, p.closes)
        )

    def differentiated(self, p: Printed) -> Rope:
        """What follows the d of a differential."""
        return p.rope if self.speaks_for_itself(p) and not p.negative else self.bracketed(p).rope

    # ---------------------------------------------------------------- products

    def with_number(self, q: int, bottom: Sequence[Printed]) -> list[Printed]:
        """The denominator with q in front."""
        return [self.ratio(q, 1), *bottom] if q != 1 else list(bottom)

    @abstractmethod
    def between(self, left: str, right: str) -> Rope:
        """What stands between two factors, by how one closes and the next opens."""

    def multiplied(self, factors: Sequence[Printed]) -> Rope:
        """The factors side by side, with a dot where that could be misread."""
        rope: list[Rope] = [factors[0].rope]
        for left, right in pairwise(factors):
            rope += [self.between(left.closes, right.opens), right.rope]
        return tuple(rope)

    def chain(self, factors: Sequence[Printed], clear: Sequence[bool] | None = None) -> Printed:
        """The factors multiplied; a sum over an index needs no brackets where it comes last."""
        if len(factors) > 1 and factors[-1].opens == "over":
            factors = [*factors[:-1], factors[-1]._replace(level=POWER)]
        return super().chain(factors, clear)

    def indexed(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A sum over an index, its range at the sign."""
        body = self.operand(parts[0], PRODUCT)
        sign = self.sigma([join(self.whole(p).rope) for p in parts[1:]])
        return Printed((sign, body.rope), PRODUCT, tall=True, entrywise=True, opens="over", closes="over")

    @abstractmethod
    def sigma(self, said: Sequence[str]) -> str:
        """The sign of a sum, for the index, the ends of its range, and the conditions."""

    def infix(self, operator: str, parts: Sequence[Printed]) -> Printed:
        """Operands with an operator of the level of products between them."""
        operands = [self.operand(p, POWER) for p in parts]
        rope: list[Rope] = []
        for p in operands:
            rope += [operator, p.rope] if rope else [p.rope]
        return Printed(tuple(rope), PRODUCT, tall=any(p.tall for p in operands), entrywise=True)

    def axis(self, view: View, parts: Sequence[Printed]) -> Printed:
        """X*1 and 1'*X, with 1/n in front where it is a mean."""
        function, axis = view.data
        ones = self.vector_of_ones(transposed=axis == 0)
        product = self.chain([parts[0], ones] if axis else [ones, parts[0]])
        if function == "sum":
            return product
        return self.chain([self.divided(self.ratio(1, 1), [parts[1]]), product], [True, False])

    def spread(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A part beside larger ones, made as large: y 1', 1 b', c 1, and 1 itself as 1 or 11'."""
        before, after = ([self.vector_of_ones(transposed=o == "1'") for o in _ONES.findall(ones)] for ones in view.data)
        inner = view.parts[0]
        part = [] if inner.kind == "number" and inner.data == (1, 1) else [parts[0]._replace(negative=False)]
        products = (inner, *inner.parts) if inner.kind == "product" else (inner,)
        if after and view.data[1] != "1'" and any(map(is_matrix_product, products)):
            part = [self.bracketed(p) for p in part]  # (x'*y) 1
        clear = [True] * len(before) + [False] * len(part) + [True] * len(after)
        return self.chain([*before, *part, *after], clear)

    def array(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Ones 1 and 11', I with its size, 0."""
        if view.data == "ones":
            column = self.vector_of_ones()
            return column if len(parts) == 1 else self.chain([column, self.vector_of_ones(transposed=True)])
        return self.identity(parts[0]) if view.data == "eye" else Printed("0", opens="number", closes="number")

    def vector_of_ones(self, transposed: bool = False) -> Printed:
        """A column of ones, or a row."""
        column = Printed(self.ones, opens="letter", closes="letter")
        return self.transposed(column) if transposed else column

    @abstractmethod
    def transposed(self, p: Printed) -> Printed:
        """A'."""

    @abstractmethod
    def identity(self, size: Printed) -> Printed:
        """I with its size."""

    # ---------------------------------------------------------------- templates

    def call(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A function by its template, or by its spelling."""
        call: Call = view.data
        template = call.record.templates.get(self.place) if call.record is not None else None
        if template is None:
            return self.function(call, parts)
        return self.filled(template, {name: parts[i] for name, i in call.names.items()})

    @abstractmethod
    def function(self, call: Call, parts: Sequence[Printed]) -> Printed:
        """A function by its spelling."""

    def filled(self, template: str, operands: Mapping[str, Printed]) -> Printed:
        r"""The template with its {X}; an operand that no bracket of the template encloses gets its own.

        Brackets that grow stay where they must; bars also before a name or a sign, which TeX would set apart: ‖ max(X)‖.
        """
        tall = any(p.tall for p in operands.values())
        sized = tall or ("|" in template and any(self.whole(p).opens in ("call", "sign") for p in operands.values()))
        shown = template if sized else _SIZED.sub("", template)
        pieces = re.split("{(" + "|".join(map(re.escape, operands)) + ")}", shown) if operands else [shown]
        rope: list[Rope] = [pieces[0]]
        for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
            before = str(rope[-1])
            enclosed = before.rstrip().endswith(_OPENING) and after.lstrip().startswith(_CLOSING)
            small = self.lowered(operands[name]) if before.endswith("_") else None
            if small is not None:
                rope[-1:] = [before[:-1], small, after]
            else:
                # |(|X|)|, since two bars side by side are a norm
                shut = before.rstrip().endswith(_BARS) and "bars" in (operands[name].opens, operands[name].closes)
                inner = self.bracketed(operands[name]) if shut else operands[name]
                rope += [self.whole(inner).rope if enclosed else self.at(inner, ATOM), after]
        level = ATOM if _is_closed(pieces[0], pieces[-1]) else POWER
        return Printed(tuple(rope), level, tall=tall, opens=_opening(pieces[0]), closes=_closing(pieces[-1]))

    def lowered(self, p: Printed) -> str | None:
        """A subscript in small letters, where the style has them."""
        return None


def _is_closed(first: str, last: str) -> bool:
    """Whether a template needs no brackets anywhere: f(X), |X|, I_n; but log|X| and X^{-1} do below a power."""
    first, last = _SIZED.sub("", first), _SIZED.sub("", last)
    function = first.rstrip("(|‖\\{[_")
    if last.rstrip().endswith((")", "]")):
        return True
    return "^" not in first + last and (last == "" or not function or last == "}")


def _opening(first: str) -> str:
    return (
        "call" if re.match(r"\\?[^\W\d_]{2,}", first) else "bars" if first.startswith(("|", "‖", "\\left", "\\|")) else "group"
    )


def _closing(last: str) -> str:
    return "call" if last.endswith(")") else "bars" if last.endswith(("|", "‖")) else "letter"
