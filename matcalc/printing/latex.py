r"""An expression in LaTeX, for LaTeX itself, MathJax and KaTeX: `2 X^\top \left( … \right)`, `\frac{A}{\|A\|}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from matcalc.nodes.expr import Node
from matcalc.printing.layout import ATOM, POWER, Printed, Program, Rope, chain, join, program, render, separated
from matcalc.printing.mathml import lines
from matcalc.printing.notation import MathStyle, is_letter, letter
from matcalc.printing.outline import Outline
from matcalc.printing.text import is_matrix_product
from matcalc.printing.view import GREEK, Call, View
from matcalc.rulefiles.signatures import Signatures

Transpose = Literal["top", "T", "prime"]

_SPECIAL = {"eps": r"\epsilon", "omicron": "o"} | {
    name: rf"\mathrm{{{latin}}}"
    for name, latin in zip(
        "Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Omicron Rho Tau Chi".split(), "ABEZHIKMNOPTX", strict=True
    )
}
"""Greek letters that LaTeX has no command for: they look like Latin ones."""
_CONSTANTS = {"pi": r"\pi", "exp(1)": "e", "inf": r"\infty"}
_RELATIONS = {">": ">", ">=": r"\ge", "<": "<", "<=": r"\le", "==": "=", "!=": r"\ne"}
_BREAK = r" \\ "
_INDICATOR = r"\mathbb{I}"
"""amssymb has no double-struck 1."""
_BRACKET = re.compile(r"(?:\\left|\\right)?[()]")
_SIZES = ("", "big", "Big")
"""How large a pair of brackets is around none, one, two pairs."""


def latex(e: Node, *, transpose: Transpose = "top", bold: bool = False, signatures: Signatures | None = None) -> str:
    r"""The expression e in LaTeX; the transpose as `^\top`, `^T` or `'`, matrices and vectors upright and bold if asked for."""
    return render(Outline(signatures).view(e), LatexStyle(transpose, bold))


def latex_lines(
    e: Node, *, transpose: Transpose = "top", bold: bool = False, signatures: Signatures | None = None
) -> tuple[str, ...]:
    """The expression e in LaTeX, in several lines where it is a sum too long for one."""
    return lines(latex(e, transpose=transpose, bold=bold, signatures=signatures))


def latex_program(
    roots: Sequence[Node],
    names: Iterable[str] = (),
    *,
    transpose: Transpose = "top",
    bold: bool = False,
    signatures: Signatures | None = None,
) -> Program:
    """Several results in LaTeX; large shared parts stand before them as `T_{1} = …`."""
    return program(roots, LatexStyle(transpose, bold), names, signatures)


def latex_chain(
    roots: Sequence[Node],
    names: Iterable[str] = (),
    signatures: Signatures | None = None,
    *,
    transpose: Transpose = "top",
    bold: bool = False,
) -> Program:
    """The right sides of a chain of equations in LaTeX."""
    return chain(roots, LatexStyle(transpose, bold), names, signatures)


class LatexStyle(MathStyle):
    """Fractions, sized brackets, upright operators."""

    dot_times = r" \odot "
    dot_over = r" \oslash "
    place = "latex"
    ones = r"\mathbf{1}"

    def __init__(self, transpose: Transpose = "top", bold: bool = False) -> None:
        """The style with that mark for transposes."""
        self._mark = {"top": r"\top", "T": "T", "prime": r"\prime"}[transpose]
        self._bold = bold

    def bracketed(self, p: Printed) -> Printed:
        """The part in brackets, sized where it is tall."""
        opening, closing = (r"\left( ", r" \right)") if p.tall else ("(", ")")
        return Printed((opening, self.whole(p).rope, closing), tall=p.tall, opens="group", closes="group")

    def finished(self, shown: str) -> str:
        """The formula, brackets around brackets larger than those."""
        return _nested(shown)

    # ---------------------------------------------------------------- names and numbers

    def name(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""The name: x, \mu, W_{1}, h_{\mathrm{relu}}, \hat{x}, \mathrm{loss}."""
        found = letter(view.data.text)
        if not is_letter(found.base):
            font = "mathbf" if self._bold and view.data.matrix else "mathrm"
            rope = rf"\{font}{{{_escaped(found.base)}}}"
        else:
            rope = _letter(found.base)
            if self._bold and view.data.matrix:
                rope = rf"\boldsymbol{{{rope}}}" if found.base in GREEK else rf"\mathbf{{{rope}}}"
        if found.accent:
            rope = rf"\{found.accent}{{{rope}}}"
        if found.subscript:
            rope += f"_{{{_subscript(found.subscript)}}}"
        if found.differential:
            rope = r"\mathrm{d}" + rope
        look = "word" if found.differential or not is_letter(found.base) else "letter"
        return Printed(rope, opens=look, closes=look)

    def constant(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""The constants \pi, e, \infty."""
        return Printed(_CONSTANTS.get(view.data, view.data), opens="letter", closes="letter")

    def ratio(self, p: int, q: int) -> Printed:
        r"""The number p/q: \frac{1}{2}."""
        if q == 1:
            return Printed(str(p), opens="number", closes="number")
        return Printed(rf"\frac{{{p}}}{{{q}}}", POWER, tall=True, opens="group", closes="group")

    def identity(self, size: Printed) -> Printed:
        """The identity matrix: I_{n}."""
        return Printed((r"\mathbf{I}_{" if self._bold else "I_{", self.whole(size).rope, "}"), opens="letter", closes="letter")

    # ---------------------------------------------------------------- products and sums

    def sign_between(self, negative: bool, dotted: bool) -> Rope:
        """The operator before a term."""
        return " - " if negative else " + "

    def fraction(self, view: View, p: int, q: int, top: Sequence[Printed], bottom: Sequence[Printed]) -> Printed:
        r"""A fraction; where a factor of its numerator is tall, the factors stand behind it: \frac{1}{s} \exp(…)."""
        if not bottom or not any(t.tall for t in top):
            return super().fraction(view, p, q, top, bottom)
        clear = [not is_matrix_product(v) for v in view.parts[: len(top)]]
        return self.chain([self.divided(self.ratio(p, 1), self.with_number(q, bottom)), *top], [True, *clear])

    def divided(self, top: Printed, bottom: Sequence[Printed]) -> Printed:
        r"""The fraction \frac{top}{bottom}."""
        below = self.chain(bottom)
        rope = (r"\frac{", self.whole(top).rope, "}{", self.whole(below).rope, "}")
        return Printed(rope, POWER, tall=True, opens="group", closes="group")

    def between(self, left: str, right: str) -> str:
        """What stands between two factors, by how the one ends and the other begins."""
        if right == "number":
            return r" \cdot "
        if "word" in (left, right):
            return r" \, "
        if (left, right) == ("call", "group"):
            return r" \, "
        return " "

    def kron(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Kronecker products: A \otimes B."""
        return self.infix(r" \otimes ", parts)

    # ---------------------------------------------------------------- powers

    def power(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Powers: X^{2}."""
        return self.raised(parts[0], self._exponent(view.parts[1], parts[1]))

    def dotpower(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Entrywise powers: X^{\odot 2}."""
        return self.raised(parts[0], (r"\odot ", self._exponent(view.parts[1], parts[1])))

    def _exponent(self, view: View, p: Printed) -> Rope:
        if view.kind != "number" or view.data[1] == 1:
            return self.whole(p).rope
        return ("-" if view.negative else "") + "{}/{}".format(*view.data)

    def raised(self, p: Printed, exponent: Rope) -> Printed:
        """The base with its exponent."""
        base = self.operand(p, ATOM)
        shown = join(exponent)
        small = shown if len(shown) == 1 else f"{{{shown}}}"
        return Printed((base.rope, "^", small), POWER, tall=base.tall, opens=base.opens, closes=base.closes)

    def sqrt(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Roots: \sqrt{v + \epsilon}."""
        return Printed((r"\sqrt{", self.whole(parts[0]).rope, "}"), tall=parts[0].tall, opens="group", closes="group")

    def transpose(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Transposes: A^\top, A^{-\top}."""
        if view.parts[0].kind == "inverse":
            rope = parts[0].rope
            assert isinstance(rope, tuple)
            return parts[0]._replace(rope=(rope[0], f"^{{-{self._mark}}}"))
        return self.transposed(parts[0])

    def transposed(self, p: Printed) -> Printed:
        r"""A transpose: A^\top."""
        base = self.operand(p, ATOM)
        return Printed((base.rope, "^" + self._mark), POWER, tall=base.tall, opens=base.opens, closes=base.closes)

    def inverse(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Inverses: A^{-1}."""
        base = self.operand(parts[0], ATOM)
        return Printed((base.rope, "^{-1}"), POWER, tall=base.tall, opens=base.opens, closes=base.closes)

    # ---------------------------------------------------------------- calls

    def function(self, call: Call, parts: Sequence[Printed]) -> Printed:
        r"""A function by its spelling: \operatorname{tr}(AB)."""
        arguments = [_quoted(a) if isinstance(a, str) else self.whole(parts[a]).rope for a in call.arguments]
        tall = any(p.tall for p in parts)
        opening, closing = (r"\left(", r"\right)") if tall else ("(", ")")
        rope = (rf"\operatorname{{{_escaped(call.function)}}}{opening}", separated(arguments, ", "), closing)
        return Printed(rope, tall=tall, opens="call", closes="call")

    def differential(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Differentials: \mathrm{d}(A B), \mathrm{d}\|x\|^2, \mathrm{d}\log|X|."""
        return Printed((r"\mathrm{d}", self.differentiated(parts[0])), tall=parts[0].tall, opens="word", closes="word")

    def compare(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Indicators: \mathbb{I}(A > B)."""
        left, right = (self.whole(p).rope for p in parts)
        inner = Printed((left, f" {_RELATIONS[view.data]} ", right), tall=any(p.tall for p in parts))
        return Printed((_INDICATOR, self.bracketed(inner).rope), tall=inner.tall, opens="letter", closes="call")

    def relation(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""The condition of an index: j \ne y."""
        left, right = (self.whole(p).rope for p in parts)
        return Printed((left, f" {_RELATIONS[view.data]} ", right))

    def sigma(self, said: Sequence[str]) -> str:
        r"""The sign of a sum: \sum_{t=1}^{N}, \sum_{\substack{j=1 \\ j \ne y}}^{c}."""
        index, low, high, *conditions = said
        below = f"{index}={low}"
        if conditions:
            below = rf"\substack{{{_BREAK.join([below, *conditions])}}}"
        return rf"\sum_{{{below}}}^{{{high}}} "

    def upstream(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""The gradient of an unknown function: \frac{\partial \ell}{\partial y}."""
        ell, y = (self.whole(p).rope for p in parts)
        if view.parts[1].kind == "name":
            rope: Rope = (r"\frac{\partial ", ell, r"}{\partial ", y, "}")
            return Printed(rope, POWER, tall=True, opens="group", closes="group")
        return Printed((r"\nabla ", ell, self.bracketed(parts[1]).rope), tall=parts[1].tall, opens="letter", closes="call")

    def index(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Entries: x_{i}, X_{i,:}."""
        shown = [i if isinstance(i, str) else join(self.whole(parts[i]).rope) for i in view.data]
        plain = all(len(s) == 1 and s != ":" for s in shown)
        base = (
            parts[0]
            if view.parts[0].kind == "name" and not letter(view.parts[0].data.text).subscript
            else self.bracketed(parts[0])
        )
        rope = (base.rope, "_{", ("" if plain else ", ").join(shown), "}")
        return Printed(rope, tall=base.tall, opens=base.opens, closes="letter")

    def block(self, view: View, parts: Sequence[Printed]) -> Printed:
        r"""Blocks: \begin{bmatrix} A & B \\ C & D \end{bmatrix}."""
        rows, start = [], 0
        for length in view.data:
            rows.append(separated([self.whole(p).rope for p in parts[start : start + length]], " & "))
            start += length
        rope = (r"\begin{bmatrix} ", separated(rows, r" \\ "), r" \end{bmatrix}")
        return Printed(rope, tall=True, opens="group", closes="group")


def _nested(shown: str) -> str:
    r"""Brackets around brackets are larger: \bigl((A + B) C\bigr)."""
    waiting: list[tuple[re.Match[str], int]] = []
    sizes: dict[int, str] = {}
    for found in _BRACKET.finditer(shown):
        if found[0][-1] == "(":
            waiting.append((found, 0))
            continue
        opened, height = waiting.pop()
        if waiting:
            waiting[-1] = (waiting[-1][0], max(waiting[-1][1], height + 1))
        size = _SIZES[min(height, len(_SIZES) - 1)]
        if size and opened[0] == "(":
            sizes |= {opened.start(): rf"\{size}l(", found.start(): rf"\{size}r)"}
    return "".join(sizes.get(i, c) for i, c in enumerate(shown)) if sizes else shown


def _letter(base: str) -> str:
    if base not in GREEK:
        return base
    return _SPECIAL.get(base, "\\" + base)


def _subscript(shown: str) -> str:
    if shown.isdigit() or len(shown) == 1:
        return shown
    return _letter(shown) if shown in GREEK else rf"\mathrm{{{_escaped(shown)}}}"


def _escaped(word: str) -> str:
    return word.replace("_", r"\_")


def _quoted(literal: str) -> str:
    """A literal argument: a word upright."""
    return rf"\text{{{_escaped(literal.strip(chr(39)))}}}" if any(c.isalpha() for c in literal) else literal
