r"""TeX's arguments: every script and every argument in braces of its own, fonts and accents applied, `^2_F` as `_F^2`."""

from __future__ import annotations

from dataclasses import dataclass, field

from matcalc.errors import ParseError
from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.words import BOLD, COMMANDS, TRANSPOSES
from matcalc.language.syntax.scanner import MAX_DEPTH

_SCRIPTS = ("_", "^")
_NO_ARGUMENT = frozenset(
    [")", "]", ",", ";", "=", "assign", "\\\\", "break", "where", "rel", "_", "^", "end", "&", "\\}", "big"]
)
_MARKS = ("font", "accent")
_WITH_LIMITS = frozenset(["min", "max", "arg", "argmin", "argmax"])
_LONGEST_ROOT = 60


@dataclass
class _Waiting:
    """A command whose arguments are not all here: where its output begins, how many are missing."""

    piece: Piece
    start: int
    missing: int
    before: int | None = None


@dataclass
class _Group:
    """An open brace and the commands that wait inside it."""

    piece: Piece
    start: int
    waiting: list[_Waiting] = field(default_factory=list)


def with_arguments(text: str, found: list[Piece]) -> list[Piece]:
    """The pieces, each argument in braces.

    Raises: ParseError.
    """
    return _Arguments(text, found).all()


class _Arguments:
    """One run over the pieces of one text."""

    def __init__(self, text: str, found: list[Piece]) -> None:
        self.text = text
        self.rest = found[::-1]
        self.out: list[Piece] = []
        self.groups = [_Group(Piece("{", "", 0, 0), 0)]
        self.last: int | None = None

    def all(self) -> list[Piece]:
        """The pieces in their new order."""
        while self.rest:
            self.take(self.rest.pop())
        if len(self.groups) > 1:
            opening = self.groups[-1].piece
            raise self.error("{ is never closed", opening, "add } where it should end")
        self.need_nothing()
        return self.out

    def take(self, p: Piece) -> None:
        """Read one piece."""
        waiting = self.groups[-1].waiting
        if p.kind not in _SCRIPTS:
            self.last = None
        if p.kind == "{":
            if len(self.groups) > MAX_DEPTH:
                raise self.error(f"braces are nested more than {MAX_DEPTH} deep", p, "name parts: Z = …")
            self.groups.append(_Group(p, len(self.out)))
            self.out.append(p)
        elif p.kind == "}":
            self.close(p)
        elif p.kind in _SCRIPTS or p.kind == "'":
            self.need_nothing()
            if p.kind == "'":
                self.prime(p)
            else:
                self.wait(p, 1)
        elif p.kind == "command":
            self.wait(p, COMMANDS[p.value])
            if p.value == "sqrt" and self.rest and self.rest[-1].kind == "[":
                self.root()
        elif p.kind in _MARKS:
            self.wait(p, 1)
        elif not waiting:
            self.out.append(p)
        elif p.kind != "align":
            self.single(p, waiting[-1])

    def wait(self, p: Piece, missing: int) -> None:
        """Let a command wait for its arguments."""
        waiting = self.groups[-1].waiting
        if len(waiting) > MAX_DEPTH:
            raise self.error("too many commands wait for their arguments", p, "put braces around the arguments")
        waiting.append(_Waiting(p, len(self.out), missing, self.last))
        self.last = None
        if p.kind not in _MARKS:
            self.out.append(p)

    def prime(self, p: Piece) -> None:
        """A quote is a superscript."""
        start = len(self.out)
        self.out += [
            Piece("^", "^", p.start, p.start),
            Piece("{", "", p.start, p.start),
            Piece("mark", "prime", p.start, p.end),
            Piece("}", "", p.end, p.end),
        ]
        self.last = start

    def root(self) -> None:
        r"""The [3] of \sqrt[3]{x} as a first argument."""
        depth = 0
        for offset in range(2, min(_LONGEST_ROOT, len(self.rest) + 1)):
            p = self.rest[-offset]
            depth += (p.kind == "{") - (p.kind == "}")
            if p.kind == "]" and depth == 0:
                opening = self.rest[-1]
                self.rest[-1] = Piece("{", "[", opening.start, opening.end)
                self.rest[-offset] = Piece("}", "]", p.start, p.end)
                self.groups[-1].waiting[-1].missing = 2
                self.out[-1] = self.out[-1]._replace(value="root")
                return
        raise self.error("the [ of \\sqrt is never closed", self.rest[-1], "write \\sqrt[3]{x}")

    def single(self, p: Piece, waiting: _Waiting) -> None:
        """A piece that is an argument without braces."""
        command = waiting.piece
        if p.kind == "number" and len(p.value) > 1:
            if command.kind in _SCRIPTS:
                shown = "subscript" if command.kind == "_" else "exponent"
                hint = f"write {command.kind}{{{p.value}}}, or a space after its first figure"
                raise self.error(f"TeX takes only the first figure of {p.value} as the {shown}", p, hint)
            self.rest.append(Piece("number", p.value[1:], p.start + 1, p.end))
            p = Piece("number", p.value[0], p.start, p.start + 1)
        if command.kind == "^" and p.kind == "-" and self.rest and self.rest[-1].kind in ("number", "name", "mark"):
            following = self.rest.pop()
            self.rest += [Piece("}", "", following.end, following.end), following, p]
            self.take(Piece("{", "", p.start, p.start))
            return
        if p.kind in _NO_ARGUMENT:
            raise self.error(f"the argument of {self.shown(command)} is missing", command, "put it in braces")
        start = len(self.out)
        if command.kind in _MARKS:
            self.out.append(p)
        else:
            self.out += [Piece("{", "", p.start, p.start), p, Piece("}", "", p.end, p.end)]
        self.finish(start)

    def close(self, p: Piece) -> None:
        """End a group."""
        self.need_nothing()
        if len(self.groups) == 1:
            raise self.error("} closes nothing", p, "remove it, or open it before")
        group = self.groups.pop()
        self.out.append(p)
        inner = len(self.out) - group.start - 2
        if not self.groups[-1].waiting:
            if inner == 0:
                del self.out[group.start :]
            elif self.out[group.start + 1].kind == "big" and _one(self.out[group.start + 1 : -1]):
                self.out[group.start :] = self.out[group.start + 1 : -1]  # {\textstyle\sum_i}
            elif inner == 1 and self.out[-2].kind in ("name", "word", "ones", "zeros"):
                self.out[group.start :] = [self.out[-2]._replace(start=group.piece.start, end=p.end)]
            return
        if inner == 0:
            command = self.groups[-1].waiting[-1].piece
            raise self.error(f"the argument of {self.shown(command)} is empty", group.piece, "fill it in", p)
        self.finish(group.start)

    def finish(self, start: int) -> None:
        """Give the unit that ends the output to the commands that wait for it."""
        waiting = self.groups[-1].waiting
        while waiting:
            top = waiting[-1]
            top.missing -= 1
            if top.missing:
                return
            waiting.pop()
            command = top.piece
            if command.kind == "font":
                self.font(command, start)
            elif command.kind == "accent":
                self.accent(command, start)
            elif command.kind in _SCRIPTS:
                self.scripted(top)
                return
            else:
                if command.value in ("norm", "abs"):
                    self.bars(command, top.start)
                elif command.value == "substack":
                    self.stacked(top.start)
                elif command.value == "underset":
                    self.below(command, top.start)
                start = top.start
                if waiting and waiting[-1].piece.kind != "font":
                    self.out.insert(start, Piece("{", "", command.start, command.start))
                    self.out.append(Piece("}", "", self.out[-1].end, self.out[-1].end))
            if waiting and command.kind in _MARKS and waiting[-1].piece.kind not in _MARKS and self.out[start].kind != "{":
                unit = self.out[start]
                self.out[start:] = [Piece("{", "", unit.start, unit.start), unit, Piece("}", "", unit.end, unit.end)]

    def font(self, command: Piece, start: int) -> None:
        """The unit in another font: a single name takes the command into its place."""
        bold = command.value in BOLD
        unit = self.out[start:]
        if len(unit) == 3 and unit[0].kind == "{" and unit[1].kind in ("name", "word", "ones", "zeros"):
            unit = [unit[1]._replace(end=unit[2].end)]
        changed = [p._replace(bold=True) if bold and p.kind == "name" else p for p in unit]
        self.out[start:] = [changed[0]._replace(start=command.start), *changed[1:]]

    def accent(self, command: Piece, start: int) -> None:
        """The unit with an accent: part of the name that it begins with."""
        unit = self.out[start:]
        inner = unit[1:-1] if unit and unit[0].kind == "{" else unit
        if not inner or inner[0].kind != "name" or (len(inner) > 1 and inner[1].kind not in _SCRIPTS) or not _one(inner):
            hint = "\\hat{x} is a name of its own, xhat; of a product give each factor its accent"
            raise self.error("an accent stands over one letter", command, hint, unit[-1] if unit else command)
        name = inner[0]
        end = unit[-1].end if len(inner) == 1 else name.end
        self.out[start:] = [name._replace(value=name.value + command.value, start=command.start, end=end), *inner[1:]]

    def bars(self, command: Piece, start: int) -> None:
        r"""\norm{x} as bars."""
        kind = "||" if command.value == "norm" else "|"
        opening, closing = self.out[start + 1], self.out[-1]
        del self.out[start]
        self.out[start] = Piece(f"{kind}(", kind, command.start, opening.end)
        self.out[-1] = Piece(f"{kind})", kind, closing.start, closing.end)

    def stacked(self, start: int) -> None:
        r"""The lines of \substack{i=1 \\ i \ne j} with commas between them."""
        inner = self.out[start + 2 : -1]
        while inner and inner[-1].kind == "\\\\":
            inner.pop()
        self.out[start:] = [p._replace(kind=",") if p.kind == "\\\\" else p for p in inner]

    def below(self, command: Piece, start: int) -> None:
        r"""\underset{x}{\min} as \min_x."""
        depth, i = 0, start + 1
        while depth or i == start + 1:
            depth += (self.out[i].kind == "{") - (self.out[i].kind == "}")
            i += 1
        under, over = self.out[start + 1 : i], self.out[i + 1 : -1]
        if not all(p.kind == "big" or p.value in _WITH_LIMITS for p in over):
            hint = "\\underset{x}{\\min} and \\underset{i}{\\sum} are read; a name of its own is x_{\\mathrm{new}}"
            raise self.error("what stands below it means nothing here", command, hint, self.out[-1])
        over[0] = over[0]._replace(start=command.start)
        self.out[start:] = [*over, Piece("_", "_", command.start, command.end), *under]

    def scripted(self, script: _Waiting) -> None:
        """A script that is complete; a subscript goes before the superscript that precedes it."""
        start, before = script.start, script.before
        self.last = start
        if (
            self.out[start].kind == "_"
            and before is not None
            and self.out[before].kind == "^"
            and not self.unclear(before, start)
        ):
            length = len(self.out) - start
            self.out[before:] = self.out[start:] + self.out[before:start]
            self.last = before + length

    def unclear(self, before: int, start: int) -> bool:
        r"""Whether a transpose and an index with two places cannot change places: X^\top_{ij}."""
        above, below = self.out[before + 2 : start - 1], self.out[start + 2 : -1]
        if len(above) != 1 or above[0].value not in TRANSPOSES or self.out[before - 1 : before] == [] or len(below) < 2:
            return False
        return self.out[before - 1].kind != "big" and not any(p.kind in ("+", "-", "=", "rel", "{") for p in below)

    def need_nothing(self) -> None:
        """Nothing; an error where a command still waits for its argument."""
        waiting = self.groups[-1].waiting
        if waiting:
            command = waiting[-1].piece
            raise self.error(f"the argument of {self.shown(command)} is missing", command, "put it in braces")

    def shown(self, command: Piece) -> str:
        """The command as it stands in the text."""
        return self.text[command.start : command.end].strip() or command.kind

    def error(self, what: str, p: Piece, hint: str, last: Piece | None = None) -> ParseError:
        """An error at a piece."""
        return ParseError(what, source=self.text, span=(p.start, (last or p).end), hint=hint)


def _one(inner: list[Piece]) -> bool:
    """Whether all that follows the first piece are scripts."""
    depth = 0
    for p in inner[1:]:
        if depth == 0 and p.kind not in ("_", "^", "{"):
            return False
        depth += (p.kind == "{") - (p.kind == "}")
    return True
