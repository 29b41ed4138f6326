r"""A document: chains of equations with what justifies each step, as text, Unicode, LaTeX, Markdown or a web page.

Who makes one writes the formulas: in the language's own text for `text`, in Unicode for `unicode`, in LaTeX for the rest.
What is said in words may hold formulas between dollars there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matcalc.printing.markup import html_text, latex_note, latex_text, markdown_math, markdown_text
from matcalc.printing.mathml import LINE, mathml, width

_COLUMNS = 100
"""How wide a line of text may get before the rule goes below it."""
_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage{amsmath, amssymb}
\usepackage[margin=2.5cm]{geometry}
\allowdisplaybreaks
\setlength{\jot}{6pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{\medskipamount}
"""
_STYLE = Path(__file__).with_name("document.css")


@dataclass(frozen=True)
class Row:
    """One line of a chain, `left = right`, and the rule that justifies it; `left` is "" where the chain goes on.

    Where the right side is long it is several pieces, each a line of its own, those after the first beginning with + or -.
    """

    left: str
    right: tuple[str, ...]
    rule: str = ""
    formula: str = ""
    citation: str = ""


@dataclass(frozen=True)
class Block:
    """A heading, a chain of equations, and what is to be said of it."""

    title: str
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """Blocks under a title, the verdict, and the works that are cited: (key, reference)."""

    title: str
    blocks: tuple[Block, ...]
    remarks: tuple[str, ...] = ()
    works: tuple[tuple[str, str], ...] = ()


def _note(row: Row, formula: Callable[[str], str]) -> str:
    """The rule, its formula and its source in one line."""
    rule = ": ".join(part for part in (row.rule, row.formula and formula(row.formula)) if part)
    return ", ".join(part for part in (rule, row.citation) if part)


# ---------------------------------------------------------------- text and Unicode


def text(doc: Document) -> str:
    """The document in plain text: the sides of the equations in columns, the rules in brackets."""
    return _plain(doc, "=")


def unicode(doc: Document) -> str:
    """The document for a terminal."""
    return _plain(doc, "─")


def _plain(doc: Document, underline: str) -> str:
    paragraphs = [
        [doc.title, underline * len(doc.title)] if doc.title else [],
        *([*_lines(block.title), *_columns(block.rows), *block.remarks] for block in doc.blocks),
        list(doc.remarks),
        [f"{key}: {work}" for key, work in doc.works],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _lines(title: str) -> list[str]:
    return [title] if title else []


def _columns(rows: Iterable[Row]) -> Iterator[str]:
    """The rows with their equality signs, and as far as there is room their rules, one below the other."""
    rows = list(rows)
    left = max((len(row.left) for row in rows), default=0)
    notes = [_note(row, str) for row in rows]
    room = [_COLUMNS - len(note) - 4 for note in notes]
    widths = [left + 3 + len(row.right[-1]) for row in rows]
    column = max((w for w, space, note in zip(widths, room, notes, strict=True) if note and w <= space), default=0)
    for row, note, space, used in zip(rows, notes, room, widths, strict=True):
        found = [f"{row.left:<{left}} = {row.right[0]}", *(" " * (left + 3) + piece for piece in row.right[1:])]
        if note and used <= space:
            found[-1] = f"{found[-1]:<{min(column, space)}}  [{note}]"
        elif note:
            found.append(f"{'':<{left + 3}}    [{note}]")
        yield from found


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
        return "\n\n".join(parts)
    title = [rf"\section*{{{latex_text(doc.title)}}}"] if doc.title else []
    return "\n\n".join([_PREAMBLE + r"\begin{document}", *title, *parts, r"\end{document}"]) + "\n"


def _latex_block(block: Block) -> Iterator[str]:
    if block.title:
        yield rf"\textbf{{{latex_text(block.title)}}}"
    if block.rows:
        yield "\n".join([r"\begin{align*}", aligned(block.rows), r"\end{align*}"])
    if block.remarks:
        yield " \\\\\n".join(map(latex_text, block.remarks))


def aligned(rows: Iterable[Row]) -> str:
    r"""The rows of an alignment: `left &= right && \text{rule}`, the rule below where a line would be too wide with it."""
    rows = list(rows)
    left = max((width(row.left) for row in rows), default=0)
    lines = []
    for row in rows:
        found = [f"{row.left} &= {row.right[0]}".lstrip(), *(rf"&\qquad {{}} {piece}" for piece in row.right[1:])]
        note = _note(row, lambda formula: f"${formula}$")
        if note and left + 2 + width(row.right[-1]) + width(latex_note(note)) <= LINE:
            found[-1] += f" && {latex_note(note)}"
        elif note:
            found.append(rf"&\qquad {latex_note(f'[{note}]')}")
        lines += found
    return " \\\\\n".join(lines)


# ---------------------------------------------------------------- Markdown


def markdown(doc: Document) -> str:
    """The document in Markdown as GitHub and Jupyter show it."""
    parts = [f"# {markdown_text(doc.title)}"] if doc.title else []
    for block in doc.blocks:
        if block.title:
            parts.append(f"## {markdown_text(block.title)}")
        if block.rows:
            parts.append("\n".join(["$$", r"\begin{aligned}", markdown_math(aligned(block.rows)), r"\end{aligned}", "$$"]))
        parts += map(markdown_text, block.remarks)
    parts += map(markdown_text, doc.remarks)
    parts.append("\n".join(f"- {markdown_text(key)}: {markdown_text(work)}" for key, work in doc.works))
    return "\n\n".join(part for part in parts if part) + "\n"


# ---------------------------------------------------------------- HTML


def html(doc: Document, fold: bool = False) -> str:
    """The document as a web page of its own, formulas in MathML; with fold only the ends of longer chains are open."""
    title = html_text(doc.title)
    works = "".join(f"<dt>{escape(key)}</dt><dd>{escape(work)}</dd>" for key, work in doc.works)
    body = [
        f"<h1>{title}</h1>" if title else "",
        *(_html_block(block, fold) for block in doc.blocks),
        *_paragraphs("verdict", doc.remarks),
        f"<h2>References</h2><dl>{works}</dl>" if works else "",
    ]
    head = [
        '<meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{escape(doc.title.replace('$', ''))}</title>",
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>",
    ]
    lines = ["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", "<main>", *body, "</main>"]
    return "\n".join(line for line in [*lines, "</body>", "</html>", ""] if line) + "\n"


def _html_block(block: Block, fold: bool) -> str:
    heading = [f"<h2>{html_text(block.title)}</h2>"] if block.title else []
    chain = "".join(map(_html_row, block.rows))
    table = _html_table(chain) if chain else ""
    if fold and len(block.rows) > 1:
        ends = _html_row(Row(block.rows[0].left, block.rows[-1].right))
        table = f"{_html_table(ends)}<details><summary>{len(block.rows)} steps</summary>{table}</details>"
    return "\n".join(["<section>", *heading, table, *_paragraphs("remark", block.remarks), "</section>"])


def _html_table(rows: str) -> str:
    return f'<div class="wide"><table>{rows}</table></div>'


def _html_row(row: Row) -> str:
    note = " ".join(part for part in (escape(row.rule), row.formula and mathml(row.formula)) if part)
    cite = f"<cite>{escape(row.citation)}</cite>" if row.citation else ""
    first, *more = (f'<div class="line">{mathml(piece, display=True)}</div>' for piece in row.right)
    left = mathml(row.left, display=True) if row.left else ""
    cells = [f'<td class="left">{left}</td>', "<td>=</td>", f'<td class="right">{"".join([first, *more])}</td>']
    return "<tr>" + "".join(cells) + f'<td class="rule">{note} {cite}</td></tr>\n'


def _paragraphs(kind: str, remarks: Iterable[str]) -> Iterator[str]:
    return (f'<p class="{kind}">{html_text(remark)}</p>' for remark in remarks)
