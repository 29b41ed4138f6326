"""The problem as it was understood, as the head of a document; and how formulas are written in each kind of document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from sympy import Expr

from matcalc.document import Block, Chain, Row
from matcalc.errors import ArgumentError
from matcalc.language.problem import Problem, declaration, part
from matcalc.nodes.expr import ONE, Node, head, operands, properties, shape, variable
from matcalc.nodes.families import member, member_shape, stated
from matcalc.printing.latex import Transpose, latex, latex_chain, latex_program
from matcalc.printing.layout import Program, broken
from matcalc.printing.mathml import lines
from matcalc.printing.text import text, text_chain, text_program
from matcalc.printing.unicode import unicode, unicode_chain, unicode_program
from matcalc.rulefiles.signatures import Signatures
from matcalc.sides import LATEX, LATEX_WORDS, TEXT, UNICODE, Side, Style

FORMATS = ("text", "unicode", "latex", "markdown", "html")
Programs: TypeAlias = Callable[[Sequence[Node], Iterable[str]], Program]

_COLUMNS = 88
"""How long a right side may get in text before it is broken into lines."""
_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠"}
_RAISED = dict(zip("0123456789dkmnprst×", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵈᵏᵐⁿᵖʳˢᵗˣ", strict=True))


@dataclass(frozen=True)
class Notation:
    """What differs between the documents in text, in Unicode and in LaTeX.

    `write` is for formulas, `said` for those within words; `style` and `worded` write left sides in the same two places;
    `results` writes right sides that stand alone, `chain` those one below the other.  `words` lead to the problem and to the
    steps, and end a sentence.
    """

    write: Callable[[Node], str]
    said: Callable[[Node], str]
    results: Programs
    chain: Programs
    style: Style
    worded: Style
    declared: Callable[[Node], str]
    function: Callable[[Node, str], str]
    where: str
    separator: str
    equal: str
    differs: str
    yes: str
    no: str
    pieces: Callable[[str], tuple[str, ...]]
    words: tuple[str, str, str] = ("", "", "")
    space: str = " "
    signs: Mapping[str, str] = field(default_factory=dict)

    def signed(self, says: str) -> str:
        """The words with the signs of print for those that are typed: ≥ for >=."""
        for typed, shown in self.signs.items():
            says = says.replace(typed, shown)
        return says

    @property
    def typeset(self) -> bool:
        """Whether what is said stands in paragraphs."""
        return bool(self.words[0])

    def rows(self, equations: Iterable[tuple[str, str]]) -> tuple[Row, ...]:
        """The equations, long right sides in several lines."""
        return tuple(Row(left, self.pieces(right)) for left, right in equations)

    def relation(self, e: Node) -> str:
        """The relation of two indices: k == y, k != y."""
        a, b = map(self.write, operands(e))
        shown = f"{a}{self.equal if head(e) == 'eq' else self.differs}{b}"
        return self.inline(shown)

    def inline(self, formula: str) -> str:
        """A formula within words."""
        return f"${formula}$" if self.typeset else formula

    def left(self, side: Side, *, within_words: bool = False) -> str:
        """A left side as it is written: dF, ∂f/∂X."""
        if not within_words:
            return self.style.of(side, self.write)
        return self.inline(self.worded.of(side, self.write))


def notation(form: str, signatures: Signatures, transpose: Transpose = "top", bold: bool = False) -> Notation:
    """How formulas are written in documents of that format; the mark of transposes and bold matrices are for LaTeX's."""
    if form not in FORMATS:
        raise ArgumentError(f"there is no format {form!r}", hint=f"it is one of {', '.join(FORMATS)}")
    makers = {"text": _text, "unicode": _unicode}
    return makers[form](signatures) if form in makers else _latex(signatures, transpose, bold)


def _text(signatures: Signatures) -> Notation:
    write = partial(text, signatures=signatures)
    return Notation(
        write=write,
        said=write,
        results=partial(text_program, signatures=signatures),
        chain=partial(text_chain, signatures=signatures),
        style=TEXT,
        worded=TEXT,
        declared=declaration,
        function=lambda ell, kind: f"{write(ell)}: function({kind}) -> scalar",
        where="where ",
        separator="; ",
        equal=" == ",
        differs=" != ",
        yes="checked",
        no="not checked",
        pieces=lambda shown: broken(shown, _COLUMNS),
    )


def _unicode(signatures: Signatures) -> Notation:
    write = partial(unicode, signatures=signatures)
    return Notation(
        write=write,
        said=write,
        results=partial(unicode_program, signatures=signatures),
        chain=partial(unicode_chain, signatures=signatures),
        style=UNICODE,
        worded=UNICODE,
        declared=_membership,
        function=lambda ell, kind: f"{write(ell)} a function of a {kind}",
        where="with ",
        separator=", ",
        equal=" = ",
        differs=" ≠ ",
        yes="✓ checked",
        no="✗ not checked",
        pieces=lambda shown: broken(shown, _COLUMNS),
        signs=_SIGNS,
    )


def _latex(signatures: Signatures, transpose: Transpose, bold: bool) -> Notation:
    """LaTeX, within words between dollars."""
    write = partial(latex, transpose=transpose, bold=bold, signatures=signatures)
    return Notation(
        write=write,
        said=lambda e: f"${write(e)}$",
        results=partial(latex_program, transpose=transpose, bold=bold, signatures=signatures),
        chain=partial(latex_chain, transpose=transpose, bold=bold, signatures=signatures),
        style=LATEX,
        worded=LATEX_WORDS,
        declared=partial(_latex_membership, write),
        function=lambda ell, kind: f"${write(ell)}$ a function of a {kind}",
        where="where ",
        separator=", ",
        equal=" = ",
        differs=r" \ne ",
        yes="checked",
        no="not checked",
        pieces=lines,
        words=("Let", "Then", "."),
        space=r"\; ",
        signs=_SIGNS,
    )


def _membership(e: Node) -> str:
    """`X ∈ ℝⁿˣᵈ symmetric`, `x₁, …, x_N ∈ ℝᵈ`."""
    dims = "×".join(map(unicode, space_of(e))).removesuffix("×1")
    raised = "".join(_RAISED.get(c, "") for c in dims)
    field = "ℤ" if "integer" in properties(e) else "ℝ"
    space = field + (raised if len(raised) == len(dims) else f"^{dims}" if dims.isalnum() else f"^({dims})")
    names = ", …, ".join(map(unicode, _members(e))) or unicode(e)
    return " ".join([f"{names} ∈ {space}", *_said(e)])


def _latex_membership(write: Callable[[Node], str], e: Node) -> str:
    r"""`$X \in \mathbb{R}^{n \times d}$ symmetric`, `$x_{1}, \dots, x_{N} \in \mathbb{R}^{d}$`."""
    dims = r" \times ".join(map(write, space_of(e))).removesuffix(r" \times 1")
    field = r"\mathbb{Z}" if "integer" in properties(e) else r"\mathbb{R}"
    names = r", \dots, ".join(map(write, _members(e))) or write(e)
    return " ".join([rf"${names} \in {field}{f'^{{{dims}}}' if dims else ''}$", *_said(e)])


def space_of(e: Node) -> tuple[Expr, ...]:
    """The shape of a variable, or of the members of a family."""
    found = member_shape(e)
    return shape(e) if found is None else found[:2]


def _members(e: Node) -> tuple[Node, ...]:
    """The first and the last member of a family; () of anything else."""
    found = member_shape(e)
    return () if found is None else tuple(member(e, t) for t in (ONE, found[2]))


def _said(e: Node) -> list[str]:
    """The properties that are said of a variable, beside that it is a whole number."""
    return [p for p in stated(e) if p != "integer" and not (not shape(e) and p == "nonnegative" and "positive" in stated(e))]


def statement(words: Notation, problem: Problem) -> Block:
    """The equations that state the problem, its named parts first, and the line that declares every variable."""
    named = {Z: (Z, value) for Z, value in problem.definitions.items()}
    named |= {Z: (part(Z, indices), entry) for Z, (indices, entry) in problem.entries.items()}
    if problem.label is not problem.expression:
        named.setdefault(problem.label, (problem.label, problem.expression))
    shared, values = words.results([value for _, value in named.values()], ())
    names = words.results([name for name, _ in named.values()], ()).results
    return Block("", (Chain(words.rows([*shared, *zip(names, values, strict=True)])),), _variables(words, problem))


def _variables(words: Notation, problem: Problem) -> tuple[str, ...]:
    """The line that declares every variable, and what may be assumed."""
    declared = [words.declared(e) + " constant" * (n in problem.constants) for n, e in problem.variables.items()]
    declared += [words.function(variable(name, ()), kind) for name, kind in problem.functions.items()]
    pairs = [(words.equal, pair) for pair in problem.facts] + [(words.differs, pair) for pair in problem.distinct]
    assumed = [f"assume {words.inline(words.write(a) + sign + words.write(b))}" for sign, (a, b) in pairs]
    return (words.where + words.separator.join([*declared, *assumed]),) if declared or assumed else ()
