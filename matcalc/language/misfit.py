"""What does not fit, said so that a person can mend it: both shapes, both parts of the text, a hint.

A `MisfitError` is cheap: while kinds are being tried most of them are thrown away; `error()` words the one that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matcalc.errors import ArgumentError, MatcalcError, ShapeError, Span
from matcalc.language.shapes import ClashError, Dim, Polynomial, Shape, Size, Unifier, find, simplified, unknown
from matcalc.language.syntax.tree import Expression

_SHOWN = 40
_VERBS = {
    "+": ("add", "and"),
    "-": ("subtract", "from"),
    "*": ("multiply", "by"),
    ".*": ("multiply entry by entry", "and"),
    "./": ("divide entry by entry", "and"),
    ".+": ("broadcast", "and"),
    "compare": ("compare", "and"),
    "row": ("put side by side", "and"),
    "stack": ("stack", "and"),
}


class Names:
    """How dimensions are shown: sizes by their names, unknown ones by free names."""

    def __init__(self, following: Callable[[], str]) -> None:
        self._following = following
        self._given: dict[Size, str] = {}

    def size(self, d: Dim) -> str:
        """The text of a dimension."""
        d = simplified(d)
        if isinstance(d, int):
            return str(d)
        if isinstance(d, Polynomial):
            return _polynomial(d, self)
        if d.name:
            return d.name
        if d not in self._given:
            self._given[d] = self._following()
        return self._given[d]

    def shape(self, s: Shape) -> str:
        """The text of a shape: "n x d" or "scalar"."""
        return " x ".join(map(self.size, s)) if s else "scalar"


def _polynomial(d: Polynomial, names: Names) -> str:
    terms = []
    for monomial, c in d.terms.items():
        letters = "*".join(names.size(s) for s in monomial)
        head = letters if c.numerator == 1 and letters else f"{c.numerator}*{letters}" if letters else str(c.numerator)
        terms.append(head if c.denominator == 1 else f"{head}/{c.denominator}")
    return " + ".join(terms).replace("+ -", "- ")


class MisfitError(Exception):
    """Parts of a text whose kinds or shapes do not fit together."""

    def __init__(
        self,
        kind: str,
        parts: Sequence[Expression],
        shapes: Sequence[Shape] = (),
        clash: ClashError | None = None,
        what: str = "",
        hint: str = "",
        span: Span | None = None,
        cls: type[MatcalcError] = ShapeError,
    ) -> None:
        super().__init__(kind)
        self.kind, self.parts, self.shapes, self.clash = kind, tuple(parts), tuple(shapes), clash
        self.what, self.hint, self.span, self.cls = what, hint, span, cls
        self.source = ""

    def error(self, names: Names) -> MatcalcError:
        """The error that says it."""
        spans = [self.span] if self.span is not None else [p.span for p in self.parts]
        what, hint = self.what, self.hint
        if not what:
            what, hint = self._binary(names)
        elif self.clash is not None:
            what = f"{what}: {self._difference(names)}"
        return self.cls(what, source=self.source, span=spans[0], also=spans[1:], hint=hint)

    def shown(self, part: Expression) -> str:
        """The text of a part, shortened."""
        text = " ".join(self.source[part.span[0] : part.span[1]].split())
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

    def _difference(self, names: Names) -> str:
        assert self.clash is not None
        return f"{names.size(self.clash.a)} and {names.size(self.clash.b)} differ"

    def _binary(self, names: Names) -> tuple[str, str]:
        verb, joint = _VERBS[self.kind]
        (left, right), (a, b) = self.parts, self.shapes
        said = [f"{self.shown(part)} ({names.shape(s)})" for part, s in ((left, a), (right, b))]
        if self.kind == "-":
            said.reverse()
        what = f"cannot {verb} {said[0]} {joint} {said[1]}"
        if self.clash is not None:
            what += f": {self._difference(names)}"
        return what, self._mend(a, b, names)

    def _mend(self, a: Shape, b: Shape, names: Names) -> str:
        left, right = (_bracketed(self.shown(p)) for p in self.parts)
        options: list[tuple[str, Shape]] = []
        if self.kind == "*" and a and b:
            if _same(a[0], b[0]):
                options.append((f"{left}'*{right}", (a[1], b[1])))
            if _same(a[1], b[1]):
                options.append((f"{left}*{right}'", (a[0], b[0])))
            if _same(a[0], b[0]) and _same(a[1], b[1]):
                options.append((f"{left} .* {right}", a))
            if not options and _same(a[0], b[1]):
                options.append((f"{right}*{left}", (b[0], a[1])))
        elif a and b:
            if _same(a[0], b[1]) and _same(a[1], b[0]):
                options.append((f"{right}'", (b[1], b[0])))
            elif self.kind in "+-" and any(_spreads(p, q) for p, q in ((a, b), (b, a))):
                return f"a row or a column is added to every row or column of a matrix by {left} .{self.kind} {right}"
            elif self.kind in "+-" and find(b[1]) == 1 and _same(a[1], b[0]):
                return f"a row is added to every row of a matrix by {left} .{self.kind} {right}'"
        if options:
            return " and ".join(f"{text} is {'a scalar' if _one(s) else names.shape(s)}" for text, s in options[:2])
        return "check the sizes; a transpose is written A', a product entry by entry A .* B"


def _bracketed(text: str) -> str:
    simple = (
        text.replace("_", "").isalnum()
        or (text.endswith("'") and text[:-1].isalnum())
        or (text.endswith(")") and text[0] != "(")
    )
    return text if simple or (text.startswith("(") and text.endswith(")")) else f"({text})"


def _same(a: Dim, b: Dim) -> bool:
    a, b = simplified(a), simplified(b)
    return a is b or (isinstance(a, int) and a == b)


def _one(s: Shape) -> bool:
    return all(find(d) == 1 for d in s)


def _spreads(a: Shape, b: Shape) -> bool:
    """Whether b is a row or column that may fit the rows or columns of a."""
    return any(find(b[i]) == 1 and (_same(a[1 - i], b[1 - i]) or unknown(a[1 - i]) or unknown(b[1 - i])) for i in (0, 1))


def misuse(what: str, part: Expression, hint: str, kind: str = "call") -> MisfitError:
    """The misfit of one part that is of the wrong kind for its place."""
    return MisfitError(kind, [part], what=what, hint=hint, cls=ArgumentError)


def unify(
    unifier: Unifier, pairs: Sequence[tuple[Dim, Dim]], kind: str, parts: Sequence[Expression], shapes: Sequence[Shape]
) -> None:
    """Make each pair equal.

    Raises: MisfitError that names the parts.
    """
    for a, b in pairs:
        try:
            unifier.unify(a, b)
        except ClashError as clash:
            raise MisfitError(kind, parts, shapes, clash) from None
