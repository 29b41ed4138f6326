r"""Text → pieces: letters, words, numbers, operators and brackets, each with its place; spacing and comments are gone.

A letter is a name of its own; a word in upright letters is one piece, as is a run of letters directly before a bracket whose
end is a function's name: `tr(`.  A new line is a space, but ends a statement before an empty line and before `NAME = …`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

from matcalc.errors import ParseError
from matcalc.language.latex import angles, words
from matcalc.language.latex.words import function_of
from matcalc.language.syntax.names import GREEK
from matcalc.language.syntax.scanner import MAX_DEPTH, show


class Piece(NamedTuple):
    r"""A part of the text.

    `kind` is a bracket, mark or operator as it stands, or one of: name, word, number, mul, rel, assign, command, font, accent,
    big (\sum), begin, end, space (\mathbb{R}), ones, zeros, mark (a word of words.PLAIN), break, where.
    """

    kind: str
    value: str
    start: int
    end: int
    bold: bool = False


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v\u00a0~&]+|%[^\n]*)
    |(?P<newline>\n\s*)
    |(?P<environment>\\(?:begin|end)[ \t]*\{\s*(?P<name>[A-Za-z]+\*?)\s*\}(?:(?<=array\})\s*\{[lcr|\s]*\}|(?<=at\})\s*\{\d+\})?)
    |(?P<line>\\\\(?:\*|\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm|in)\s*\])?)
    |(?P<delimiter>\\[()\[\]]|\$\$?)
    |(?P<control>\\(?:operatorname\*|[A-Za-z]+|.))
    |(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<letters>[A-Za-z]+)
    |(?P<greek>[^\W\d_a-zA-Z])
    |(?P<equation>:=|==)
    |(?P<sign>\|\||[{}()\[\]^_,;:=<>+\-−*/|'’!.])
    |(?P<other>[\s\S])""",
    re.VERBOSE,
)
_WORD = re.compile(
    r"(?<=\\rm)\s+([A-Za-z]+)|\s*(?:\{\s*(?:\\(?:rm|mathrm|text|sf|tt)\b\s*\{?\s*)?([^{}]*?)\s*\}|([A-Za-z0-9]))"
)
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:(?:\\?_|-| )[A-Za-z0-9]+)*(?:\\?_)*")
_ARGUMENT = re.compile(r"\s*(?:\{[^{}]*\}|\[[^\[\]]*\])*")
_LENGTH = re.compile(r"\s*-?[\d.]+\s*(?:mu|pt|em|ex|mm|cm|in)")
_ZERO = re.compile(r"\s*(?:\{\s*)?(?:\\(?:mathbf|bm|boldsymbol|bf)\s*\{?\s*)?0(?:\s*\})*(?![\d.])")
_BLACKBOARD = re.compile(r"\s*(?:\{\s*([A-Za-z0-9])\s*\}|([A-Za-z0-9]))")
_FIGURE = re.compile(r"\s*(?:\{\s*([01])\s*\}|([01])(?![0-9]))")
_BOLD_WORD = re.compile(r"\s*\{\s*([A-Za-z]{2,})\s*\}")
_BEFORE_BRACKET = re.compile(r"\s*(?:\\(?:left|[bB]igg?l?)\s*)?(?:[(\[]|\\\{|\\lbrace)")
_SHOWN = {"−": "-", "’": "'"}
_HEAD = frozenset(["name", "word", "number", "font", "accent", "{", "}", "(", ")", "_", ",", ";", "^", "mark"])
_HEAD_LENGTH = 40


def pieces(text: str, functions: frozenset[str]) -> list[Piece]:
    """The pieces of a text; `functions` are the names of the functions.

    Raises: ParseError.
    """
    return _Pieces(text, functions).all()


class _Pieces:
    """One run over one text."""

    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self.text = text
        self.functions = functions
        self.found: list[Piece] = []
        self.lines: list[tuple[int, bool]] = []
        self.spelled: dict[str, str] = {}
        self.direction = ""
        self.aligned = False
        self.matrices = 0
        self.angles = 0

    def all(self) -> list[Piece]:
        """The pieces, with the new lines that end statements."""
        position, end = 0, len(self.text)
        while position < end:
            found = _TOKEN.match(self.text, position)
            assert found is not None
            group = found.lastgroup or ""
            position = self.take("environment" if group == "name" else group, found, position, found.end())
        return self.broken()

    def take(self, group: str, found: re.Match[str], start: int, end: int) -> int:
        """Enter what was found; the place after it."""
        shown = found.group()
        match group:
            case "space":
                if "&" in shown:
                    self.ampersands(shown, start)
            case "newline":
                self.lines.append((len(self.found), shown.count("\n") > 1))
            case "environment":
                self.environment(found["name"], shown.startswith("\\begin"), start, end)
            case "line":
                self.add("\\\\", shown, start, end)
            case "delimiter":
                self.add("break", shown, start, end)
            case "control":
                return self.control(shown[1:], start, end)
            case "letters":
                self.letters(shown, start, end)
            case "greek":
                if shown not in GREEK:
                    return self.character(shown, start, end)
                self.letter(GREEK[shown], shown, start, end)
            case "equation":
                self.add("assign" if shown == ":=" else "rel", "eq", start, end)
            case "sign":
                self.sign(_SHOWN.get(shown, shown), start, end)
            case "other":
                return self.character(shown, start, end)
            case _:
                self.add(group, shown, start, end)
        return end

    def add(self, kind: str, value: str, start: int, end: int) -> None:
        """Enter a piece."""
        self.found.append(Piece(kind, value, start, end))
        self.direction = ""

    def ampersands(self, shown: str, start: int) -> None:
        """Enter the marks between columns inside a matrix; elsewhere they only align."""
        for offset, c in enumerate(shown):
            if c == "&":
                self.add("&" if self.matrices else "align", "&", start + offset, start + offset + 1)

    def environment(self, name: str, begins: bool, start: int, end: int) -> None:
        r"""Enter \begin{…} or \end{…}."""
        if name in words.MATRICES:
            self.matrices += 1 if begins else -1
            self.add("begin" if begins else "end", name, start, end)
        elif name in words.DISPLAYS:
            self.add("break", name, start, end)
        elif name in ("cases", "dcases", "rcases"):
            raise self.error("a definition by cases is not read", start, end, "write it with indicators: \\mathbf{1}(x > 0) x")
        else:
            near = get_close_matches(name, [*words.MATRICES, *words.DISPLAYS], 1)
            hint = f"did you mean {near[0]}?" if near else "matrices stand in bmatrix, formulas in equation or align"
            raise self.error(f"the environment {name} is not read", start, end, hint)

    def sign(self, c: str, start: int, end: int) -> None:
        """Enter a single character of punctuation."""
        if c in ("|", "||"):
            self.add(f"{c}{self.direction}", c, start, end)
        elif c == "." and self.direction:
            self.direction = ""
        elif (c == "<" and (self.direction or self.opens(end))) or (c == ">" and (self.direction or self.angles)):
            self.angles += 1 if c == "<" else -1
            self.add("<(" if c == "<" else ">)", c, start, end)
        elif c in "<>":
            self.add("rel", {"<": "lt", ">": "gt"}[c], start, end)
        elif c in "*/":
            self.add("mul", c, start, end)
        elif c == "'":
            self.add("'", "prime", start, end)
        elif c == "!":
            raise self.error("a factorial is not read", start, end, "\\operatorname{gamma}(n + 1) is n!")
        else:
            self.add(c, c, start, end)

    def opens(self, end: int) -> bool:
        """Whether a < opens <x, y>."""
        return angles.opens(self.text, end, [p.kind for p in self.found[-_HEAD_LENGTH:]])

    def character(self, c: str, start: int, end: int) -> int:
        """Enter a character that stands for a control word."""
        if c not in words.CHARACTERS:
            hint = "remove it" if c not in '#?"`@' else "comments begin with %; remove it"
            raise self.error(f"unexpected character {show(c)}", start, end, hint)
        return self.control(words.CHARACTERS[c], start, end)

    def letters(self, run: str, start: int, end: int) -> None:
        """Enter a run of letters: names, but for a function's name directly before a bracket."""
        last = self.found[-1] if self.found else None
        if last is None or last.kind in ("break", "\\\\", ";", "where", ",") or self.lines[-1:] == [(len(self.found), True)]:
            opens = run in words.WHERE and self.text[end : end + 1] in ("", " ", "\n", "$", "\\")
            if opens and (last is None or last.kind != "," or len(run) > 3):
                self.add("where", run, start, end)
                return
        length = len(run)
        if _BEFORE_BRACKET.match(self.text, end):
            lengths = range(min(length, 20), 1, -1)
            length -= next((n for n in lengths if run[-n:] in self.functions or run[-n:] in words.ALIASES), 0)
        for i, letter in enumerate(run[:length]):
            self.add("name", letter, start + i, start + i + 1)
        if length < len(run):
            self.add("word", run[length:], start + length, end)

    def letter(self, name: str, spelling: str, start: int, end: int) -> None:
        """Enter a Greek letter; two spellings of one are too easily mistaken."""
        if (first := self.spelled.setdefault(name, spelling)) != spelling and len(spelling) > 1 and len(first) > 1:
            raise self.error(f"{spelling} and {first} are one name, {name}", start, end, "give one of them another letter")
        self.add("name", name, start, end)

    def control(self, word: str, start: int, end: int) -> int:
        """Enter a control word; the place after it."""
        if word in words.IGNORED:
            return end
        if word in words.SKIPPED:
            found = _ARGUMENT.match(self.text, end)
            return found.end() if found else end
        if word in ("mkern", "kern", "mskip", "hskip"):
            found = _LENGTH.match(self.text, end)
            return found.end() if found else end
        if word in words.SIZING:
            self.direction = words.SIZING[word]
            return end
        if word in words.UPRIGHT:
            return self.upright(word, start, end)
        if word in words.BLACKBOARD:
            return self.blackboard(start, end)
        if word in words.FONTS:
            return self.font(word, start, end)
        if word in words.BRACKETS:
            kind = words.BRACKETS[word]
            self.add(f"{kind}{self.direction}" if kind in ("|", "||") else kind, word, start, end)
        elif word in words.LETTERS:
            self.letter(words.LETTERS[word], f"\\{word}", start, end)
        elif word in words.DEFINITE:
            return self.definite(word, start, end)
        elif word in words.PRODUCTS:
            self.add("mul", word, start, end)
        elif word in words.RELATIONS:
            self.add("rel", words.RELATIONS[word], start, end)
        else:
            self.rare(word, start, end)
        return end

    def rare(self, word: str, start: int, end: int) -> None:
        """Enter one of the less common control words."""
        if word in words.ASSIGNMENTS:
            self.add("assign", word, start, end)
        elif word in ("sum", "prod"):
            self.add("big", word, start, end)
        elif word in words.ACCENTS:
            self.add("accent", words.ACCENTS[word], start, end)
        elif word in words.COMMANDS:
            self.add("command", word, start, end)
        elif word in words.PLAIN or word in ("dagger", "star", "arg", "argmin", "argmax"):
            self.add("mark", word, start, end)
        elif word == "R":
            self.add("space", "R", start, end)
        elif word == "_":
            raise self.error("an underscore stands for nothing", start, end, "a subscript is written x_i or x_{\\mathrm{old}}")
        elif word in words.REFUSED:
            what, hint = words.REFUSED[word]
            raise self.error(f"\\{word}: {what}", start, end, hint)
        elif function_of(word, self.functions):
            self.add("word", word, start, end)
        else:
            known = [*words.LETTERS, *words.PRODUCTS, *words.RELATIONS, *words.COMMANDS, *words.FONTS, *words.UPRIGHT]
            known += [*words.ACCENTS, *words.BRACKETS, *words.PLAIN, "sum", "prod", *self.functions, *words.BLACKBOARD]
            near = get_close_matches(word, [w for w in known if w.isalpha()], 2)
            hint = f"did you mean {' or '.join(chr(92) + w for w in near)}?" if near else "\\operatorname{name} is any function"
            shown = word if word.isprintable() and word.strip() else ""
            raise self.error(f"unknown command \\{shown}", start, end, hint)

    def definite(self, word: str, start: int, end: int) -> int:
        r"""Enter what X \succ 0 says of X; the place after it."""
        found = _ZERO.match(self.text, end)
        if found is None:
            hint = "X \\succ 0 says that X is positive definite"
            raise self.error(f"\\{word} is read before 0 alone", start, end, hint)
        self.add("mark", "in", start, end)
        self.add("space", words.DEFINITE[word], start, found.end())
        return found.end()

    def upright(self, command: str, start: int, end: int) -> int:
        r"""Enter a word, as \mathrm{loss}; the place after it."""
        found = _WORD.match(self.text, end)
        if found is None:
            if command == "mathop":
                return end
            hint = "write \\text{loss}; formulas stand outside of it"
            if command in ("mathrm", "mathit", "mathsf", "mathtt", "mathnormal"):
                self.add("font", command, start, end)
                return end
            raise self.error(f"\\{command} holds no word", start, end, hint)
        word = next(g for g in found.groups() if g is not None)
        word = re.sub(r"\\[,;:! ]|~", " ", word).strip().rstrip(",:")
        last = found.end()
        if "\\mathrm" in found.group() and self.text[last : last + 1] == "}":
            last += 1
        if word.rstrip(".") in words.CONSTANTS:
            word = word.rstrip(".")
        if word in words.WHERE:
            self.add("where", word, start, last)
        elif command.startswith("text") and word in ("", ".", ",", "and", ";"):
            self.add("," if word in (",", "and") else "align", word, start, last)
        elif word in ("s.t.", "st", "subject to", "s.t", "such that"):
            raise self.error("constraints are not read", start, last, "give the objective alone")
        elif word.startswith("axis") and re.fullmatch(r"axis\s*=\s*[01]", word):
            self.add("keyword", word[-1], start, last)
        elif word in ("arg min", "arg max", "argmin", "argmax"):
            self.add("mark", word.replace(" ", ""), start, last)
        elif word.lower() in ("minimize", "minimise", "maximize", "maximise"):
            self.add("mark", f"arg{word[:3].lower()}", start, last)
        elif _PLAIN_WORD.fullmatch(word):
            if " " in word and function_of(word, self.functions) is None:
                raise self.error("prose is not read", start, last, "keep the formula; comments begin with %")
            self.add("word", re.sub(r"\\?_|-| ", "_", word), start, last)
        elif word.isdigit():
            self.add({"1": "ones", "0": "zeros"}.get(word, "number"), word, start, last)
        elif command in ("mathrm", "mathit", "mathsf", "mathtt", "mathnormal"):
            self.add("font", command, start, end)
            return end
        else:
            raise self.error("this is no name", start, last, "a name is one word: \\text{loss}; formulas stand outside of it")
        return last

    def blackboard(self, start: int, end: int) -> int:
        r"""Enter \mathbb{R}, \mathbb{1} …; the place after it."""
        found = _BLACKBOARD.match(self.text, end)
        if found is None:
            raise self.error("a blackboard letter is missing", start, end, "\\mathbb{R} is what is read")
        letter = found[1] or found[2]
        if letter in "EPV":
            raise self.error("an expectation is not read", start, found.end(), "write it as a sum: \\frac{1}{N}\\sum_{i=1}^N …")
        if letter in "RSZN":
            self.add("space", letter, start, found.end())
        elif letter in "1":
            self.add("ones", letter, start, found.end())
        else:
            self.add("name", letter, start, found.end())
        return found.end()

    def font(self, word: str, start: int, end: int) -> int:
        r"""Enter \mathbf; the place after it, or after what it makes one symbol: \mathbf{1}, \mathbf{tr}."""
        figure = _FIGURE.match(self.text, end)
        if figure is not None and word in words.BOLD:
            self.add("ones" if (figure[1] or figure[2]) == "1" else "zeros", figure.group(), start, figure.end())
            return figure.end()
        inner = _BOLD_WORD.match(self.text, end)
        if inner is not None and function_of(inner[1], self.functions):
            self.add("word", inner[1], start, inner.end())
            return inner.end()
        self.add("font", word, start, end)
        return end

    def broken(self) -> list[Piece]:
        """The pieces with a break for every new line that ends a statement."""
        depth, position, out = 0, 0, []
        lines = iter([*self.lines, (len(self.found) + 1, False)])
        at, empty = next(lines)
        for position, p in enumerate(self.found):
            while at <= position:
                if not depth and position and (empty or self.is_head(position)):
                    out.append(Piece("break", "\n", p.start, p.start))
                at, empty = next(lines)
            depth += (p.kind in "({[" or p.kind == "begin") - (p.kind in ")}]" or p.kind == "end")
            if depth > MAX_DEPTH:
                raise self.error(f"brackets are nested more than {MAX_DEPTH} deep", p.start, p.end, "name parts: Z = …")
            out.append(p)
        return out

    def is_head(self, position: int) -> bool:
        """Whether a line begins with `NAME =`."""
        if self.found[position].kind not in ("name", "word", "font", "accent"):
            return False
        for p in self.found[position : position + _HEAD_LENGTH]:
            if p.kind in ("=", "assign"):
                return True
            if p.kind not in _HEAD:
                return False
        return False

    def error(self, what: str, start: int, end: int, hint: str) -> ParseError:
        """An error in the text."""
        return ParseError(what, source=self.text, span=(start, end), hint=hint)
