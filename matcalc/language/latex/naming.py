r"""Letters and words in context: variables with what belongs to their names, functions, constants with their sizes."""

from __future__ import annotations

from matcalc.language.latex.context import content, fused, is_label
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.reading import BRACKETS, Found
from matcalc.language.latex.scripts import Scripts
from matcalc.language.latex.words import CONSTANTS, function_of
from matcalc.language.syntax.names import name_key

_FUNCTIONS = frozenset("fgh")
"""Letters that are functions where they stand before brackets."""
_MEANS = frozenset(["E", "Var", "Cov", "Pr"])


def _outside(found: list[Piece]) -> list[Piece]:
    """The pieces outside of braces, and the braces."""
    out: list[Piece] = []
    depth = 0
    for p in found:
        depth += p.kind == "{"
        if depth == 0 or p.kind in ("{", "}"):
            out.append(p)
        depth -= p.kind == "}"
    return out


class Names(Scripts):
    """The reading of names and words."""

    def name(self, i: int, p: Piece) -> Found:
        """A letter with what belongs to its name, its entries, or the function that it is."""
        context, name, end = self.context, p.value, p.end
        following = self.kind(i + 1)
        if name in ("t", "T") and self.is_plain_trace(i):
            hint = "the trace is \\operatorname{tr}(X) or tr(X), a product t \\cdot r"
            raise self.error("tr may be the trace, or t times r", p, hint, self.body[i + 1])
        if name == "e" and following == "^" and not context.known("e") and not self.is_mark(i + 1):
            yield "EXP", "exp", p.start, p.end
            yield "skip", "", i + 2, 0
            return
        if name == "I" and not context.known("I"):
            if following in BRACKETS and i + 1 in self.sentence.related:
                yield "INDICATOR", "ind", p.start, p.end
                return
            if following == "_":
                yield from self.sized("eye", i, p)
                return
        if name == "delta" and following == "_" and not context.known("delta") and self.is_delta(i + 1):
            yield from self.delta(i, p)
            return
        if name in context.applied and following in BRACKETS:
            function = context.applied[name]
            self.notes.append(f"{self.text[p.start : p.end]}(…) is read as {function}; to choose, declare `{name}: scalar`")
            self.call(i + 1)
            yield "FUNC", function, p.start, p.end
            return
        at, places = i + 1, []
        while self.kind(at) in ("_", "^") and at not in self.plain:
            label = self.label(at)
            if label is None:
                break
            word = [x for x in label if x.kind == "word"]
            bare = [x for x in label if x.kind != ","]
            several = len(bare) < len(label) and self.kind(at) == "_"
            if not word and (several or context.is_index(name, bare)):
                if self.kind(at) == "_":
                    break
                places.append((at, bare))
            else:
                name = fused(name, bare)
                end = self.body[self.pairs[at + 1]].end
            at = self.pairs[at + 1] + 1
        yield from self.named(i, at, p, name, end)
        for place, label in places:
            yield from self.entry(place, label)
        yield "skip", "", at, 0

    def is_plain_trace(self, i: int) -> bool:
        """Whether the letters tr stand there as one word before a name: tr AB."""
        before, run = self.body[i - 1] if i else None, self.body[i : i + 3]
        if len(run) < 3 or run[1].value != "r" or run[1].start != run[0].end or run[2].kind not in ("name", "word"):
            return False
        apart = run[2].start > run[1].end and not (before is not None and before.kind == "name" and before.end == run[0].start)
        return apart and not self.context.known(run[0].value) and not self.context.known("r")

    def is_delta(self, at: int) -> bool:
        r"""Whether two indices stand there: \delta_{ij}."""
        found = [p for p in content(self.sentence, at) if p.kind != ","] if self.kind(at) == "{" else []
        found = found or [p for p in content(self.sentence, at + 1) if p.kind != ","]
        return len(found) == 2 and all(p.kind == "name" for p in found) and self.context.is_index("delta", found)

    def delta(self, i: int, p: Piece) -> Found:
        r"""\delta_{ij} with its two indices as arguments."""
        opening, closing = i + 2, self.pairs[i + 2]
        first, second = (x for x in self.body[opening + 1 : closing] if x.kind == "name")
        yield "FUNC", "delta", p.start, p.end
        yield "CALL_OPEN", "_", self.body[opening].start, self.body[opening].end
        yield "NAME", first.value, first.start, first.end
        yield "COMMA", ",", first.end, first.end
        yield "NAME", second.value, second.start, second.end
        yield "CALL_CLOSE", "}", self.body[closing].start, self.body[closing].end
        yield "skip", "", closing + 1, 0

    def named(self, i: int, at: int, p: Piece, name: str, end: int) -> Found:
        """A name that is complete: a variable, or a function where it is called one."""
        context = self.context
        if self.kind(at) in BRACKETS:
            kind = context.kinds.get(name_key(name))
            arguments = context.functions.get(name_key(name))
            if arguments is not None and (i > self.sentence.assign or not self.sentence.assign):
                if tuple(x.value for x in content(self.sentence, at)) != arguments:
                    hint = (
                        f"{name} is defined for ({', '.join(a for a in arguments if a != ',')}); write its value elsewhere out"
                    )
                    raise self.error(f"{name} has another argument here", self.body[at], hint, self.body[self.pairs[at]])
                self.skipped.update(range(at, self.pairs[at] + 1))
            elif kind == "function" or (len(name) > 1 and name in self.functions and not context.known(name) and "_" in name):
                self.call(at)
                yield "FUNC", name, p.start, end
                return
            elif kind is None and not context.known(name) and self.is_application(i, at):
                shown = self.text[p.start : end]
                hint = f"define it, declare `{name}: function(vector) -> scalar`, or write {shown} \\cdot (…) for a product"
                what = f"{shown} of something stands here, and {shown} is not defined"
                raise self.error(what, p, hint, self.body[self.pairs[at]])
        yield "NAME", name, p.start, end

    def is_application(self, i: int, at: int) -> bool:
        """Whether f(x) can be no product: a single name stands in the brackets, or f, g or h before them."""
        if self.kind(at) != "(" or i < self.sentence.assign or self.is_positive_part(at):
            return False
        inner = content(self.sentence, at)
        single = bool(inner) and inner[0].kind == "name" and all(p.kind in ("_", "^", "{", "}") for p in _outside(inner[1:]))
        letters = [p.value for p in inner if p.kind == "name"]
        return single or (self.body[i].value in _FUNCTIONS and bool(letters) and self.body[i].value not in letters)

    def entry(self, at: int, label: list[Piece]) -> Found:
        """The index of x^{(i)}."""
        opening, closing = self.body[at + 1], self.body[self.pairs[at + 1]]
        yield "SUB", "^", opening.start, opening.end
        for number, x in enumerate(label):
            if number:
                yield "COMMA", ",", x.start, x.start
            yield ("NAME" if x.kind == "name" else "NUMBER"), x.value, x.start, x.end
        yield "SUBEND", "", closing.start, closing.end

    def label(self, at: int) -> list[Piece] | None:
        """The letters, numbers or the word of a subscript, or of a superscript in brackets; None for anything else."""
        found = content(self.sentence, at + 1)
        if self.body[at].kind == "^":
            if len(found) == 1 and found[0].kind == "word" and len(found[0].value) > 1:
                return found
            if len(found) < 3 or found[0].kind != "(" or self.pairs[at + 2] != self.pairs[at + 1] - 1:
                return None
            found = found[1:-1]
        if found and found[0].kind == "word" and len(found) > 2 and found[1].kind == ",":
            return None
        return found if is_label([x for x in found if x.kind != ","]) else None

    def word(self, i: int, p: Piece) -> Found:
        """A word: a name that has a meaning, the d of a differential, e, or a function."""
        word, following = p.value, self.kind(i + 1)
        if word == "d" and following == "name":
            made = list(self.name(i + 1, self.body[i + 1]))
            yield made[0][0], f"d{made[0][1]}", p.start, made[0][3]
            yield from made[1:]
            yield "skip", "", i + 2, 0
            return
        if word == "d" and following in BRACKETS and not self.context.known("d"):
            self.call(i + 1)
            yield "FUNC", "d", p.start, p.end
            return
        if word in CONSTANTS and not self.context.known(word):
            hint = f"leave it out, as it changes no derivative, or declare `{word}: scalar`"
            raise self.error("a constant that is not written out has no value", p, hint)
        if word in _MEANS and following in BRACKETS and not self.context.known(word):
            hint = "write it as a sum: \\frac{1}{N}\\sum_{i=1}^N …"
            raise self.error("an expectation is not read", p, hint)
        function = None if self.context.known(word) else function_of(word, self.functions)
        if function is None and len(word) > 1 and following in BRACKETS and not self.context.known(word):
            function = word
        if function is None:
            yield from self.name(i, p)
            return
        yield "FUNC", function, p.start, p.end
        at = i + 1
        if function == "tr" and following in BRACKETS and self.is_transposed(self.pairs[at] + 1):
            return  # tr (X - Y)^T (X - Y): what is transposed is no trace
        for script in "_^":
            if self.kind(at) == script:
                self.plain.add(at)
                self.closings[self.pairs[at + 1]] = ("SUBEND" if script == "_" else "RBRACE", False)
                at = self.pairs[at + 1] + 1
        self.call(at)

    def filled(self, i: int, p: Piece) -> Found:
        r"""\mathbf{1}, \mathbf{0}, their sizes, indicators; or the numbers 1 and 0."""
        following = self.kind(i + 1)
        one = p.kind == "ones" or p.value == "1"
        if one and following in BRACKETS and i + 1 in self.sentence.related:
            yield "INDICATOR", "ind", p.start, p.end
        elif one and following == "_" and i + 2 in self.sentence.related:
            yield "INDICATOR", "ind", p.start, p.end
            yield "skip", "", i + 2, 0
        elif following == "_":
            yield from self.sized("ones" if one else "zeros", i, p)
        elif p.kind == "number" and p.value == "1" and (self.last == "TRANSPOSE" or self.is_transposed(i + 1)):
            yield "NAME", "ones", p.start, p.end  # 1^T x, x^T 1
        elif p.kind == "number":
            yield "NUMBER", p.value, p.start, p.end
        else:
            yield "NAME", p.kind, p.start, p.end

    def sized(self, function: str, i: int, p: Piece) -> Found:
        r"""A constant matrix with its sizes: I_n, \mathbf{1}_{m \times n}."""
        opening, closing = i + 2, self.pairs[i + 2]
        self.closings[closing] = ("CALL_CLOSE", True)
        depth = 0
        for j in range(opening + 1, closing):
            depth += (self.body[j].kind in "({[") - (self.body[j].kind in ")}]")
            if depth == 0 and self.body[j].value == "times":
                self.body[j] = self.body[j]._replace(kind=",")
        yield "FUNC", function, p.start, p.end
        yield "CALL_OPEN", "_", self.body[opening].start, self.body[opening].end
        yield "skip", "", opening + 1, 0
