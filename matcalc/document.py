r"""A document: chains of equations with what justifies each step, as text, Unicode, LaTeX, Markdown or a web page.

Who makes one writes the formulas: in the language's own text for `text`, in Unicode for `unicode`, in LaTeX for the rest.
What is said in words may hold formulas between dollars there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise, zip_longest
from math import inf
from pathlib import Path

from matcalc.printing.layout import broken
from matcalc.printing.markup import html_text, latex_note, latex_text, markdown_math, markdown_text, math_note
from matcalc.printing.mathml import LINE, lines, mathml, width

_COLUMNS = 100
"""How wide a line of text may get with what a rule states; with its name alone it may get a little wider."""
_WIDEST = 120
_PAGE = 96
"""How many characters of ordinary size stand in a line of a web page."""
_SMALL = 0.9
"""How wide small print is."""
_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{amsmath, amssymb}
\usepackage[margin=2.5cm]{geometry}
\allowdisplaybreaks[1]
\setlength{\jot}{6pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{\medskipamount}
"""
_STYLE = Path(__file__).with_name("document.css")


@dataclass(frozen=True)
class Why:
    """What justifies a step: a rule in words, the equation left = right that it states, its source."""

    rule: str
    left: str = ""
    right: str = ""
    citation: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a chain, `left = right`, and what justifies it; `left` is "" where the chain goes on.

    Where the right side is long it is several pieces, each a line of its own, those after the first beginning with + or -.
    """

    left: str
    right: tuple[str, ...]
    why: tuple[Why, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Equations one below the other, and the word that leads to them."""

    rows: tuple[Row, ...]
    intro: str = ""


@dataclass(frozen=True)
class Block:
    """A heading, chains of equations, and what is to be said of them; a `main` heading begins a new part."""

    title: str
    chains: tuple[Chain, ...]
    remarks: tuple[str, ...] = ()
    main: bool = False


@dataclass(frozen=True)
class Document:
    """Blocks under a title, the verdict, and the works that are cited: (key, reference)."""

    title: str
    blocks: tuple[Block, ...]
    remarks: tuple[str, ...] = ()
    works: tuple[tuple[str, str], ...] = ()


def joined(title: str, parts: Sequence[Document]) -> Document:
    """The documents as parts of one; each work is cited once, at the end."""
    blocks = []
    for part in parts:
        first, *others = part.blocks
        blocks += [replace(first, title=part.title, main=True), *others, Block("", (), part.remarks)]
    return Document(title, tuple(blocks), (), tuple(dict.fromkeys(work for part in parts for work in part.works)))


# ---------------------------------------------------------------- what justifies a step


def _stated(why: Why, formula: Callable[[str], str]) -> str:
    """The rule, its formula and its source in one line."""
    rule = ": ".join(part for part in (why.rule, why.left and formula(f"{why.left} = {why.right}")) if part)
    return ", ".join(part for part in (rule, why.citation) if part)


def _settled(
    chains: Iterable[Chain],
    measure: Callable[[str], float],
    note: Callable[[Why], float],
    parts: Callable[[str, int], tuple[str, ...]],
    limit: int,
    widest: int,
) -> Iterator[Chain]:
    """The chains with the rules beside, where they fit there; else their names alone, and what they state once at the end.

    `parts` breaks a formula; the names of a step are in one line where they fit into `widest` with it, else in several.
    """
    below: dict[Why, None] = {}
    for chain in chains:
        rules = dict.fromkeys(why for row in chain.rows for why in row.why)
        used = max((measure(row.left) for row in chain.rows), default=0) + 3
        used += max((measure(piece) for row in chain.rows for piece in row.right), default=0)
        if used + 3 + max(map(note, rules), default=0) <= limit or not any(why.left for why in rules):
            yield chain
            continue
        below |= rules
        names = [list(dict.fromkeys(why.rule for why in row.why)) for row in chain.rows]
        room = widest - used - 3
        if any(note(Why(name)) > room for found in names for name in found):
            room = inf
        yield replace(chain, rows=tuple(replace(r, why=_packed(n, note, room)) for r, n in zip(chain.rows, names, strict=True)))
    ends = {why: replace(why, left="", right="") for why in below if why.left}
    room = limit - round(max(map(measure, (w.left for w in ends)), default=0) + max(map(note, ends.values()), default=0)) - 6
    stated = [Row(why.left, parts(why.right, max(room, limit // 2)), (end,)) for why, end in ends.items()]
    if stated:
        yield Chain(tuple(stated), "by the rules")


def _packed(names: Iterable[str], note: Callable[[Why], float], room: float) -> tuple[Why, ...]:
    """The names of rules, as many together as there is room for."""
    found: list[Why] = []
    for name in names:
        together = Why(f"{found[-1].rule}; {name}") if found else Why(name)
        found[-1:] = [together] if note(together) <= room else [*found[-1:], Why(name)]
    return tuple(found)


# ---------------------------------------------------------------- text and Unicode


def text(doc: Document) -> str:
    """The document in plain text: the sides of the equations in columns, the rules in brackets."""
    return _plain(doc, "=", "-")


def unicode(doc: Document) -> str:
    """The document for a terminal."""
    return _plain(doc, "═", "─")


def _plain(doc: Document, double: str, single: str) -> str:
    paragraphs: list[list[str]] = [_underlined(doc.title, double)]
    for block in doc.blocks:
        paragraphs.append(_underlined(block.title, single) if block.main else [block.title] if block.title else [])
        chains = list(_settled(block.chains, len, lambda why: len(_stated(why, str)) + 2, broken, _COLUMNS, _WIDEST))
        paragraphs += [[*([chain.intro] if chain.intro else []), *_columns(chain.rows)] for chain in chains]
        if len(chains) == 1 and not any(row.why for row in chains[0].rows):
            paragraphs[-1] += block.remarks
        else:
            paragraphs.append(list(block.remarks))
    paragraphs += [list(doc.remarks), [f"{key}: {work}" for key, work in doc.works]]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _underlined(title: str, mark: str) -> list[str]:
    return [title, mark * len(title)] if title else []


def _columns(rows: Iterable[Row]) -> Iterator[str]:
    """The rows with their equality signs, and as far as there is room what justifies them beside, else below."""
    rows = list(rows)
    left = max((len(row.left) for row in rows), default=0)
    side = ">" if any(row.why for row in rows) else "<"
    notes = [[f"[{_stated(why, str)}]" for why in row.why] for row in rows]
    widths = [left + 3 + max(map(len, row.right)) for row in rows]
    room = _WIDEST - 3 - max((len(note) for found in notes for note in found), default=0)
    column = max((w for w, found in zip(widths, notes, strict=True) if found and w <= room), default=0)
    for row, found, used in zip(rows, notes, widths, strict=True):
        lines = [f"{row.left:{side}{left}} = {row.right[0]}", *(" " * (left + 3) + piece for piece in row.right[1:])]
        if used <= room:
            yield from (f"{a:<{column}}   {b}".rstrip() for a, b in zip_longest(lines, found, fillvalue=""))
        else:
            yield from [*lines, *(" " * max(column, left + 4) + f"   {note}" for note in found)]


# ---------------------------------------------------------------- LaTeX


def latex(doc: Document, standalone: bool = False) -> str:
    r"""The document in LaTeX, each chain an `align*` that needs amsmath and amssymb; with standalone a file of its own."""
    parts = [
        *(part for block in doc.blocks for part in _latex_block(block)),
        *map(latex_text, doc.remarks),
    ]
    if doc.works:
        items = [rf"\item[{{[{latex_text(key)}]}}] {latex_text(work)}" for key, work in doc.works]
        parts.append("\n".join([r"\begin{description}", *items, r"\end{description}"]))
    if not standalone:
        return _paragraphed(parts)
    title = [rf"\section*{{{latex_text(doc.title)}}}"] if doc.title else []
    return _paragraphed([_PREAMBLE + r"\begin{document}", *title, *parts, r"\end{document}"]) + "\n"


def _paragraphed(parts: Sequence[str]) -> str:
    """The parts as paragraphs; a display belongs to the one before it, or TeX would leave an empty line above."""
    text = parts[0]
    for before, part in pairwise(parts):
        display = part.startswith(r"\begin{align*}") and not before.endswith("}")
        text += ("\n" if display else "\n\n") + part
    return text


def _latex_block(block: Block) -> Iterator[str]:
    if block.title:
        yield rf"\subsection*{{{latex_text(block.title)}}}" if block.main else rf"\textbf{{{latex_text(block.title)}}}"
    for chain in _typeset(block, LINE):
        if chain.intro:
            yield latex_text(chain.intro)
        yield "\n".join([r"\begin{align*}", aligned(chain.rows), r"\end{align*}"])
    if block.remarks:
        yield " \\\\\n".join(map(latex_text, block.remarks))


def _typeset(block: Block, limit: int) -> Iterator[Chain]:
    """The chains of a block that is written in LaTeX, with or without the rules beside."""
    return _settled(block.chains, width, lambda why: _SMALL * width(_note(why)), lines, limit, limit)


def _note(why: Why) -> str:
    """What justifies a step, small, inside a formula."""
    return latex_note(_stated(why, lambda formula: f"${formula}$"))


def aligned(rows: Iterable[Row], note: Callable[[str], str] = latex_note) -> str:
    r"""The rows of an alignment: `left &= right && \text{rule}`, the rule below where a line would be too wide with it."""
    rows = list(rows)
    notes = [[note(_stated(why, lambda formula: f"${formula}$")) for why in row.why] for row in rows]
    left = max((width(row.left) for row in rows), default=0) + 2
    used = [left + max(map(width, row.right)) for row in rows]
    widest = max((u for u, found in zip(used, notes, strict=True) if found), default=0)
    room = LINE - _SMALL * max((width(n) for found in notes for n in found), default=0)
    lines = []
    for row, found in zip(rows, notes, strict=True):
        pieces = [f"{row.left} &= {row.right[0]}".lstrip(), *(rf"&\qquad {{}} {piece}" for piece in row.right[1:])]
        if widest <= room:
            empty = zip_longest(pieces, found)
            lines += [(piece or "&") + (f" && {n}" if n else "") for piece, n in empty]
        else:
            lines += [*pieces, *(rf"&\qquad {n}" for n in found)]
    return " \\\\\n".join(lines)


# ---------------------------------------------------------------- Markdown


def markdown(doc: Document) -> str:
    """The document in Markdown as GitHub and Jupyter show it."""
    parts = [f"# {markdown_text(doc.title)}"] if doc.title else []
    for block in doc.blocks:
        if block.title:
            parts.append(f"{'##' if block.main else '###'} {markdown_text(block.title)}")
        for chain in _typeset(block, LINE):
            parts += [markdown_text(chain.intro)] if chain.intro else []
            rows = markdown_math(aligned(chain.rows, lambda note: rf"\quad {math_note(note)}"))
            parts.append("\n".join(["$$", r"\begin{aligned}", rows, r"\end{aligned}", "$$"]))
        parts += map(markdown_text, block.remarks)
    parts += map(markdown_text, doc.remarks)
    parts.append("\n".join(f"- {markdown_text(key)}: {markdown_text(work)}" for key, work in doc.works))
    return "\n\n".join(part for part in parts if part) + "\n"


# ---------------------------------------------------------------- HTML


def html(doc: Document, fold: bool = False) -> str:
    """The document as a web page of its own, formulas in MathML; with fold only the ends of longer chains are open."""
    head = [
        '<meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{escape(doc.title.replace('$', ''))}</title>",
    ]
    body = ['<body class="page">', html_part(doc, fold), "</body>"]
    return "\n".join(["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", *body, "</html>"]) + "\n"


def html_part(doc: Document, fold: bool = True) -> str:
    """The document as a part of a page, with its own style."""
    title = html_text(doc.title)
    works = "".join(f"<dt>{escape(key)}</dt><dd>{escape(work)}</dd>" for key, work in doc.works)
    body = [
        f"<h1>{title}</h1>" if title else "",
        *(_html_block(block, fold) for block in doc.blocks),
        *_paragraphs("verdict", doc.remarks),
        f'<dl class="works">{works}</dl>' if works else "",
    ]
    style = f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>"
    return "\n".join(line for line in ['<main class="matcalc">', style, *body, "</main>"] if line)


def _html_block(block: Block, fold: bool) -> str:
    level = "h2" if block.main else "h3"
    parts = [f"<{level}>{html_text(block.title)}</{level}>"] if block.title else []
    steps = [row for chain in block.chains for row in chain.rows if row.why]
    tables = "\n".join(map(_html_chain, _typeset(block, _PAGE)))
    if fold and len(steps) > 1:
        last = Chain((Row(steps[-1].left or steps[0].left, steps[-1].right),))
        names = [chain for chain in block.chains if not any(row.why for row in chain.rows)]
        parts += map(_html_chain, [last, *names])
        tables = f"<details><summary>{len(steps)} steps</summary>{tables}</details>"
    parts.append(tables)
    return "\n".join(["<section>", *parts, *_paragraphs("remark", block.remarks), "</section>"])


def _html_chain(chain: Chain) -> str:
    intro = f'<p class="remark">{html_text(chain.intro)}</p>' if chain.intro else ""
    return f'{intro}<div class="wide"><table>{"".join(map(_html_row, chain.rows))}</table></div>'


def _html_row(row: Row) -> str:
    notes = [_html_note(why) for why in row.why]
    first, *more = (f'<div class="line">{mathml(piece, display=True)}</div>' for piece in row.right)
    left = mathml(row.left, display=True) if row.left else ""
    cells = [f'<td class="left">{left}</td>', "<td>=</td>", f'<td class="right">{"".join([first, *more])}</td>']
    return "<tr>" + "".join(cells) + f'<td class="rule">{"".join(notes)}</td></tr>\n'


def _html_note(why: Why) -> str:
    formula = mathml(f"{why.left} = {why.right}") if why.left else ""
    cite = f"<cite>{escape(why.citation)}</cite>" if why.citation else ""
    rule = html_text(why.rule) + (":" if formula and why.rule else "")
    return f"<div>{' '.join(part for part in (rule, formula, cite) if part)}</div>"


def _paragraphs(kind: str, remarks: Iterable[str]) -> Iterator[str]:
    return (f'<p class="{kind}">{html_text(remark)}</p>' for remark in remarks)
