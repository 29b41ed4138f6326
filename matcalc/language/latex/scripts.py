r"""Superscripts and subscripts in context: transposes, powers, indices and their places."""

from __future__ import annotations

from itertools import pairwise

from lark import Token

from matcalc.language.latex.context import content
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.reading import Found, Reading
from matcalc.language.latex.words import TRANSPOSES
from matcalc.language.syntax.names import is_greek_scalar

_PLACES = frozenset(["cdot", "*", "ast", "bullet"])


class Scripts(Reading):
    """The reading of what stands above and below."""

    def is_mark(self, at: int) -> bool:
        """Whether a superscript is a transpose or an operation of its own."""
        found = content(self.sentence, at + 1)
        return len(found) == 1 and (found[0].value in TRANSPOSES or found[0].value in ("dagger", "+", "star", "*", "H"))

    def is_transposed(self, at: int) -> bool:
        """Whether a transpose stands there."""
        return self.kind(at) == "^" and [x.value for x in content(self.sentence, at + 1)] in [[mark] for mark in TRANSPOSES]

    def is_positive_part(self, opening: int) -> bool:
        """Whether a bracket and a + below it are the positive part of what it encloses: [1 - z]_+."""
        at = self.pairs.get(opening, len(self.body)) + 1
        return self.kind(at) == "_" and [x.kind for x in content(self.sentence, at + 1)] == ["+"]

    def positive_part(self, i: int, p: Piece) -> Found:
        """[z]_+ as relu(z)."""
        below = self.pairs[i] + 1
        self.skipped.update(range(below, self.pairs[below + 1] + 1))
        self.call(i)
        yield "FUNC", "relu", p.start, p.start
        yield "CALL_OPEN", p.value, p.start, p.end

    def is_small_t(self, i: int) -> bool:
        r"""Whether ^t is a transpose: t stands alone above names that are no numbers, and nowhere else."""
        for j, x in enumerate(self.body):
            if x.kind == "name" and x.value == "t":
                alone = self.kind(j - 1) == "{" and self.kind(j - 2) == "^" and self.kind(j + 1) == "}"
                before = self.body[j - 3] if j > 2 else x
                closes = before.kind in (")", "]", "}")
                if not alone or not (closes or (before.kind == "name" and not is_greek_scalar(before.value))):
                    return False
        return not self.context.known("t") and "t" not in self.context.indices and i not in self.plain

    def superscript(self, i: int, p: Piece) -> Found:
        """A transpose, a pseudo-inverse, an entrywise power or a power."""
        found, last = content(self.sentence, i + 1), self.body[self.pairs[i + 1]]
        first = found[0]
        values = [x.value for x in found]
        known = first.kind == "name" and self.context.known(first.value)
        if i in self.plain:
            yield "POW", "^", p.start, p.end
            return
        if len(found) == 1 and (values[0] in TRANSPOSES or first.value == "\\top"):
            yield "TRANSPOSE", "T", p.start, last.end
        elif values == ["t"] and first.kind == "name" and self.is_small_t(i):
            self.notes.append("^t is read as a transpose; to choose, declare `t: scalar`")
            yield "TRANSPOSE", "T", p.start, last.end
        elif values[0] == "-" and len(found) == 2 and values[1] in TRANSPOSES:
            yield "INVERTED", "-T", p.start, last.end
        elif len(found) == 1 and values[0] in ("+", "dagger"):
            yield "PSEUDO", "+", p.start, last.end
        elif len(found) > 1 and first.kind == "mul" and values[0] in ("odot", "circ"):
            self.skipped.add(i + 2)
            yield "DOTPOW", "^", p.start, p.end
            return
        elif (values[0] in ("*", "ast", "star") or (values == ["H"] and not known)) and len(found) == 1:
            hint = "matrices are real here: the transpose is ^\\top; a name of its own is x_{\\mathrm{opt}}"
            raise self.error("the conjugate transpose is not read", p, hint, last)
        elif values[0] in TRANSPOSES and first.kind != "word" and not known:
            raise self.error("a transpose cannot be combined with other exponents", p, "write (A^{k})^\\top", last)
        else:
            yield "POW", "^", p.start, p.end
            return
        yield "skip", "", self.pairs[i + 1] + 1, 0

    def subscript(self, i: int, p: Piece) -> Found:
        """An index: its places, one for each letter."""
        opening, closing = i + 1, self.pairs[i + 1]
        self.closings.setdefault(closing, ("SUBEND", True))
        if i not in self.plain:
            if [x.kind for x in content(self.sentence, opening)] == ["+"]:
                hint = "the positive part has brackets, (x)_+; a name of its own is x_{\\mathrm{plus}}"
                raise self.error("what the + below it says cannot be told", p, hint, self.body[closing])
            if self.last == "TRANSPOSE" and sum(x.kind in ("name", "number") for x in content(self.sentence, opening)) > 1:
                raise self.error(
                    "whose entry this is cannot be told", p, "write (X^\\top)_{ij} or X_{ij}^\\top", self.body[closing]
                )
            self.places(opening, closing)
        yield "SUB", "_", p.start, self.body[opening].end
        yield "skip", "", opening + 1, 0

    def places(self, opening: int, closing: int) -> None:
        """Put commas between the places of an index, and see which dots are colons."""
        depth, units, operators, commas = 0, [], False, False
        for j in range(opening + 1, closing):
            x = self.body[j]
            if depth == 0:
                if x.kind == ",":
                    commas = True
                elif x.kind == "mul" and x.value in _PLACES and self.edge(j):
                    self.dots.add(j)
                    units.append(j)
                elif x.kind in ("+", "-", "mul", "rel", "=", "/"):
                    operators = True
                elif x.kind not in ("_", "^", "{"):
                    units.append(j)
            depth += (x.kind in ("{", "(", "[", "\\{")) - (x.kind in ("}", ")", "]", "\\}"))
        base = self.body[opening - 2].value if opening > 1 and self.body[opening - 2].kind == "name" else ""
        if len(units) == 1 and closing == opening + 2 and self.body[units[0]].kind == "number":
            x = self.body[units[0]]
            if len(x.value) == 2 and (self.context.is_matrix(base) or self.encloses_matrices(opening - 2)):
                self.before[units[0]] = [
                    Token("NUMBER", x.value[0], start_pos=x.start, end_pos=x.start + 1),
                    Token("COMMA", ",", start_pos=x.start + 1, end_pos=x.start + 1),
                ]
                self.body[units[0]] = x._replace(value=x.value[1], start=x.start + 1)
        elif not commas and not operators:
            for before, j in pairwise(units):
                if not (self.body[before].kind == "number" and self.body[j].kind == "name"):
                    start = self.body[j].start
                    self.before[j] = [Token("COMMA", ",", start_pos=start, end_pos=start)]

    def encloses_matrices(self, closing: int) -> bool:
        """Whether a bracket ends there that holds matrices alone: (AB)_{12}."""
        if self.kind(closing) not in (")", "]"):
            return False
        names = [p.value for p in content(self.sentence, self.sentence.enclosing[closing]) if p.kind == "name"]
        return bool(names) and all(self.context.is_matrix(n) for n in names)

    def edge(self, j: int) -> bool:
        """Whether a dot stands where no operand is on one side of it."""
        return self.kind(j - 1) in ("{", ",") or self.kind(j + 1) in ("}", ",")
