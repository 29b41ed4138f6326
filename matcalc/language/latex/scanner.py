r"""Statements → tokens of latex.lark.  What a piece is in context is decided here.

A bar opens where no operand is before it, or where none is open; a subscript is part of a name or an index; a superscript
is a transpose, a power or an index; a word is a function unless the person gave it a meaning; `1(` before a relation is an
indicator.
"""

from __future__ import annotations

from collections.abc import Iterator

from lark import Token

from matcalc.language.latex.context import content
from matcalc.language.latex.naming import Names
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.reading import BRACKETS, Found
from matcalc.language.latex.words import FROBENIUS, PRODUCTS, TURNED
from matcalc.language.syntax.names import name_key

_PAIRED = frozenset(["(", ")", "[", "]", "\\{", "\\}", "{", "}", ">)"])
_ENDS_OPERAND = frozenset(
    """NUMBER NAME TRANSPOSE INVERTED PSEUDO RPAR CALL_CLOSE RBRACE SUBEND ABS_CLOSE NORM_CLOSE NORM_INDEX RANGLE END""".split()
)
_SIMPLE = {
    "+": "PLUS", "-": "MINUS", ",": "COMMA", ":": "COLON", "assign": "ASSIGN", "&": "AMP", "begin": "BEGIN", "end": "END",
    "number": "NUMBER", "rel": "COMPARE", "keyword": "KEYWORD", "<(": "LANGLE",
}  # fmt: skip
_MARKS = {"in": "IN", "over": "OVER"}
_COMMANDS = {"frac": "FRAC", "tfrac": "FRAC", "dfrac": "FRAC", "cfrac": "FRAC", "sqrt": "SQRT", "root": "ROOT"}
_NORMS = {
    "F": "fro", "HS": "fro", "fro": "fro", "*": "nuc", "ast": "nuc", "star": "nuc", "nuc": "nuc", "tr": "nuc", "infty": "inf",
    "inf": "inf", "max": "inf", "op": "2",
}  # fmt: skip


class Scan(Names):
    """One run over one statement: `tokens`, and the notes on what was assumed."""

    # ---------------------------------------------------------------- the run

    def tokens(self) -> Iterator[Token]:
        """The tokens of the statement.

        Raises: ParseError.
        """
        if self.sentence.note:
            self.notes.append(self.sentence.note)
        i = self.objective()
        head = self.context.heads.get(self.number)
        if head is not None and head.arguments is not None:
            self.skipped.update(range(head.arguments[0], head.arguments[1] + 1))
        while i < len(self.body):
            if i in self.skipped:
                i += 1
                continue
            for made in self.before.get(i, ()):
                self.last = made.type
                yield made
            p = self.body[i]
            for kind, value, start, end in self.found(i, p):
                if kind == "skip":
                    i = start
                    break
                if kind:
                    self.last = kind
                    yield Token(kind, value, start_pos=start, end_pos=end)
            else:
                i += 1
            if i and i - 1 in self.closings and not self.closings[i - 1][1]:
                self.last = "FUNC"
        if self.bars:
            shown, at = self.bars[-1]
            raise self.error(
                f"{shown} is never closed", self.body[at], f"add {shown} where it should end; \\det(X) needs no bars"
            )

    def found(self, i: int, p: Piece) -> Found:
        """The tokens of the piece at i; ("skip", "", j, 0) goes on at j."""
        if p.kind == "name":
            yield from self.name(i, p)
        elif p.kind == "word":
            yield from self.word(i, p)
        elif p.kind in ("ones", "zeros") or (p.kind == "number" and p.value in "01"):
            yield from self.filled(i, p)
        elif p.kind == "^":
            yield from self.superscript(i, p)
        elif p.kind == "_":
            yield from self.subscript(i, p)
        elif p.kind in BRACKETS and i not in self.closings and self.is_positive_part(i):
            yield from self.positive_part(i, p)
        elif p.kind in _PAIRED:
            yield self.bracket(i, p)
        elif p.kind.startswith("|"):
            yield from self.bar(i, p)
        elif p.kind == "big":
            yield from self.big(i, p)
        elif p.kind == "command":
            self.no_derivative(i)
            yield _COMMANDS[p.value], p.value, p.start, p.end
        elif p.kind == "=":
            yield ("ASSIGN" if i == self.sentence.assign or i in self.plain else "COMPARE"), "eq", p.start, p.end
        elif p.kind == "mul":
            if p.value in ("cdot", "bullet") and self.is_dot(i):
                yield "TRANSPOSE", "T", p.start, p.start
            yield ("COLON" if i in self.dots else "MULTIPLY"), PRODUCTS.get(p.value, p.value), p.start, p.end
        elif p.kind == "\\\\":
            if self.body[i + 1].kind != "end":
                yield "ROW", p.value, p.start, p.end
        elif p.kind == "space":
            yield from self.space(i, p)
        elif p.kind == ":" and self.is_frobenius(i):
            yield "MULTIPLY", FROBENIUS, p.start, p.end
        elif p.kind in _SIMPLE:
            yield _SIMPLE[p.kind], p.value, p.start, p.end
        else:
            yield from self.mark(i, p)

    def is_frobenius(self, i: int) -> bool:
        """Whether a colon is the inner product of two matrices, A : B."""
        opening = self.sentence.enclosing[i]
        if self.last not in _ENDS_OPERAND or (opening > 0 and self.kind(opening - 1) == "_"):
            return False
        first, end = max(opening, self.sentence.assign or -1), self.pairs.get(opening, len(self.body))
        sides = range(i - 1, first, -1), range(i + 1, end)
        if not all(any(self.kind(j) == "name" and self.context.is_matrix(self.body[j].value) for j in side) for side in sides):
            hint = (
                "A:B is the inner product of two matrices; a division is written with /, an inner product \\langle x, y\\rangle"
            )
            raise self.error("what stands beside the colon are no two matrices", self.body[i], hint)
        return True

    def is_dot(self, i: int) -> bool:
        r"""Whether bold vectors stand on both sides: \mathbf{a} \cdot \mathbf{b}."""
        at = i - 1
        if self.kind(at) == "}" and i - 1 in self.pairs.values():
            at = self.sentence.enclosing[at] - 2
        sides = [self.body[j] for j in (at, i + 1) if 0 <= j < len(self.body)]
        if len(sides) < 2 or not all(x.kind == "name" and x.bold and not x.value[0].isupper() for x in sides):
            return False
        if any(self.context.kinds.get(name_key(x.value)) == "scalar" for x in sides):
            return False
        before = at - 1
        if self.kind(before) == "}" and self.kind(self.sentence.enclosing[before] - 1) == "_":
            before = self.sentence.enclosing[before] - 2
        matrix = self.kind(before) == "name" and (self.body[before].bold or self.body[before].value[0].isupper())
        if at and (matrix or self.kind(before) in (")", "]", "}", "word")):
            hint = "write the transpose: (A x)^\\top y"
            raise self.error("what is multiplied by the dot cannot be told", self.body[i], hint)
        return True

    def mark(self, i: int, p: Piece) -> Found:
        """The tokens of a word that means something in few places."""
        if p.value == "infty":
            yield "NAME", "inf", p.start, p.end
        elif p.value in _MARKS and p.kind == "mark":
            yield _MARKS[p.value], p.value, p.start, p.end
        elif p.kind == ".":
            raise self.error("a point stands alone", p, "a statement may end with one; a number is written 0.5")
        else:
            shown = self.text[p.start : p.end].strip()
            hint = "the transpose of A is A^\\top; a minimum stands first: \\min_w …"
            raise self.error(f"{shown} cannot stand here", p, hint)

    def objective(self) -> int:
        r"""Where the objective begins: after \min_w or \arg\min."""
        body, i = self.body, 0
        if body[0].kind == "mark" and body[0].value == "arg":
            i = 1
        if i >= len(body):
            return 0
        first = body[i]
        always = i == 1 or (first.kind == "mark" and first.value in ("argmin", "argmax"))
        if not always and not (first.kind == "word" and first.value in ("min", "max")):
            return 0
        if always and first.value not in ("min", "max", "argmin", "argmax"):
            return 0
        i += 1
        if i + 1 < len(body) and body[i].kind == "_":
            letters = {p.value for p in content(self.sentence, i + 1) if p.kind == "name"}
            i = self.pairs[i + 1] + 1
            if not always and letters & self.context.subscripts[self.number]:
                return 0
        elif not always and i < len(body) and body[i].kind in (*BRACKETS, "{", "^"):
            return 0
        if i >= len(body):
            return 0
        shown = " ".join(self.text[body[0].start : body[i].start].split())
        self.notes.append(f"{shown} is left out: what is differentiated is the expression after it")
        return i

    # ---------------------------------------------------------------- brackets and bars

    def bracket(self, i: int, p: Piece) -> tuple[str, str, int, int]:
        """The token of a bracket; a bar that was opened inside must be closed."""
        if i in self.closings:
            kind = self.closings[i][0]
        elif p.kind in ("{", "}"):
            kind = "LBRACE" if p.kind == "{" else "RBRACE"
        elif p.kind == ">)":
            kind = "RANGLE"
            if self.kind(i + 1) == "_":
                self.skipped.update(range(i + 1, self.pairs[i + 2] + 1))
        else:
            kind = "LPAR" if p.kind in BRACKETS else "RPAR"
        if i not in self.pairs and self.bars and self.sentence.enclosing[i] < self.bars[-1][1]:
            shown, at = self.bars[-1]
            raise self.error(f"{shown} is not closed before {p.kind}", self.body[at], f"add {shown} before it")
        return kind, p.value, p.start, p.end

    def bar(self, i: int, p: Piece) -> Found:
        """Whether a bar opens or closes; `||` may be two."""
        bar = p.kind.rstrip("()")
        operand = self.last in _ENDS_OPERAND
        inner = self.bars[-1] if self.bars and self.sentence.enclosing[i] < self.bars[-1][1] else None
        opens = p.kind.endswith("(") or not (p.kind.endswith(")") or (operand and inner is not None))
        if opens:
            self.bars.append((bar, i))
            yield ("NORM_OPEN" if bar == "||" else "ABS_OPEN"), bar, p.start, p.end
            return
        if inner is None or not operand:
            what = (
                f"{self.text[p.start : p.end].strip()} closes nothing" if inner is None else "there is nothing between the bars"
            )
            raise self.error(what, p, "|X| is a determinant or an absolute value, \\|x\\| a norm")
        self.bars.pop()
        if bar == "||" and inner[0] == "|":
            yield "ABS_CLOSE", "|", p.start, p.start + 1
            self.last = "ABS_CLOSE"
            rest = Piece("|", "|", p.start + 1, p.end)
            yield from self.bar(i, rest)
            return
        if bar != inner[0]:
            raise self.error(f"{bar} cannot close {inner[0]}", p, f"expected {inner[0]} here", self.body[i])
        yield ("NORM_CLOSE" if bar == "||" else "ABS_CLOSE"), bar, p.start, p.end
        if self.kind(i + 1) == "_":
            yield self.norm_index(i + 1)
            yield "skip", "", self.pairs[i + 2] + 1, 0

    def norm_index(self, at: int) -> tuple[str, str, int, int]:
        r"""The index of a norm: F, 2, 1, \infty, *, p."""
        found, closing = content(self.sentence, at + 1), self.body[self.pairs[at + 1]]
        if len(found) != 1 or found[0].kind not in ("name", "number", "word", "mark", "mul"):
            hint = "the norms are \\|X\\|_F, _2, _1, _\\infty, _*, and _p of a vector"
            raise self.error("this is no index of a norm", self.body[at], hint, closing)
        value = found[0].value
        return "NORM_INDEX", _NORMS.get(value, value), self.body[at].start, closing.end

    # ---------------------------------------------------------------- sums, declarations

    def big(self, i: int, p: Piece) -> Found:
        r"""\sum or \prod with its limits."""
        yield "BIG", p.value, p.start, p.end
        at = i + 1
        if self.kind(at) == "_":
            opening, closing = at + 1, self.pairs[at + 1]
            self.closings[closing] = ("SUBEND", False)
            self.clauses(i, opening, closing)
            self.plain.add(at)
            at = closing + 1
        if self.kind(at) == "^":
            self.plain.add(at)
            self.closings[self.pairs[at + 1]] = ("RBRACE", False)

    def clauses(self, i: int, opening: int, closing: int) -> None:
        """Put commas between the indices of a sum, and see what its equal signs say."""
        depth, run, extra = 0, True, self.context.both.get((self.number, i))
        if extra is not None:
            name = Token("NAME", extra.value, start_pos=extra.start, end_pos=extra.end)
            self.before[opening + 1] = [name, Token("COMMA", ",", start_pos=extra.start, end_pos=extra.start)]
        for j in range(opening + 1, closing):
            x = self.body[j]
            if depth == 0:
                if x.kind == "=":
                    self.plain.add(j)
                if (self.number, x.start) in self.context.turned:  # j < i below a sum over i: i > j
                    relation, other = self.body[j + 1], self.body[j + 2]
                    self.body[j + 2] = other._replace(value=x.value)
                    self.body[j + 1] = relation._replace(value=TURNED.get(relation.value, relation.value))
                    self.body[j] = x = x._replace(value=other.value)
                if x.kind == "name" and run and self.kind(j - 1) == "name":
                    self.before[j] = [Token("COMMA", ",", start_pos=x.start, end_pos=x.start)]
                run = x.kind == "," or (run and x.kind == "name")
            depth += (x.kind in ("{", "(", "[")) - (x.kind in ("}", ")", "]"))

    def space(self, i: int, p: Piece) -> Found:
        r"""\mathbb{R}^{n \times d}, \mathbb{S}^n_{++}."""
        at, letter = i + 1, p.value
        if self.kind(at) == "_":
            letter += "".join(x.kind for x in content(self.sentence, at + 1))
            at = self.pairs[at + 1] + 1
        yield "SPACE", letter, p.start, p.end
        if self.kind(at) == "^":
            self.plain.add(at)
            for j in range(at + 2, self.pairs[at + 1]):
                if self.body[j].value == "times":
                    self.body[j] = self.body[j]._replace(kind=",")
        yield "skip", "", at, 0

    def no_derivative(self, i: int) -> None:
        r"""Nothing; an error for \frac{d}{dx}."""
        first = i + 1
        if self.body[i].value not in _COMMANDS or not self.kind(first):
            return
        second = self.pairs[first] + 1 if self.kind(first) == "{" else len(self.body)
        if self.kind(second) != "{":
            return
        top, below = self.body[first + 1], content(self.sentence, second)
        if top.value == "d" and len(below) > 1 and below[0].value == "d" and not self.context.known("d"):
            hint = "give the function itself; what it is differentiated by is chosen with --wrt"
            raise self.error("a derivative is no input", self.body[i], hint, self.body[self.pairs[second]])
