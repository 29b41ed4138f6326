"""From views to characters, in one pass without recursion: what all styles share, and the size that a reader sees.

A style says how a name, a fraction, a power … is written; brackets go only where the reading needs them, and where
`*` and `.*` meet.  Strings are joined once, at the end, so that printing costs no more than its output.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, pairwise
from typing import NamedTuple, TypeAlias

from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, name_of, operands, postorder, shape
from matcalc.nodes.indices import free_indices
from matcalc.printing.outline import Outline
from matcalc.printing.view import View
from matcalc.rulefiles.signatures import Signatures

Rope: TypeAlias = "str | tuple[Rope, ...]"
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
"""How tightly the outermost operation of a printed part binds."""


class Printed(NamedTuple):
    """A printed part without its sign: characters, how tightly it binds, what else its surroundings must know.

    `tall`: higher than a line; `entrywise`: a product by `.*`; `fragile`: a number before it would multiply out;
    `opens`, `closes`: what it looks like at its ends, for products without a sign.
    """

    rope: Rope
    level: int = ATOM
    negative: bool = False
    tall: bool = False
    entrywise: bool = False
    fragile: bool = False
    opens: str = ""
    closes: str = ""


class Style(ABC):
    """How views are written; the text style is the base of all."""

    minus = "-"

    def whole(self, p: Printed) -> Printed:
        """The part with its sign."""
        if not p.negative:
            return p
        return Printed((self.minus, self.signed(p)), min(p.level, SIGN), False, p.tall, p.entrywise, opens="sign")

    def signed(self, p: Printed) -> Rope:
        """What follows a minus in front."""
        bare = p._replace(negative=False)
        return self.bracketed(bare).rope if p.fragile or p.level < PRODUCT else p.rope

    def bracketed(self, p: Printed) -> Printed:
        """The part in brackets."""
        return Printed(("(", self.whole(p).rope, ")"), tall=p.tall, opens="group", closes="group")

    def operand(self, p: Printed, level: int) -> Printed:
        """The part as an operand that must bind at least as tightly as level."""
        return self.bracketed(p) if p.negative or p.level < level else p

    def at(self, p: Printed, level: int) -> Rope:
        """The characters of the part as an operand."""
        return self.operand(p, level).rope

    @abstractmethod
    def show(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The view without its sign, its parts printed."""

    def finished(self, shown: str) -> str:
        """What is printed, as it leaves."""
        return shown


def render(view: View, style: Style) -> str:
    """The view in a style."""
    return style.finished(join(style.whole(_printed(view, style)).rope))


def _printed(root: View, style: Style) -> Printed:
    done: dict[int, Printed] = {}
    stack = [root]
    while stack:
        view = stack[-1]
        if id(view) in done:
            stack.pop()
            continue
        missing = [p for p in view.parts if id(p) not in done]
        if missing:
            stack.extend(missing)
            continue
        shown = style.show(view, [done[id(p)] for p in view.parts])
        done[id(view)] = shown._replace(negative=True) if view.negative else shown
        stack.pop()
    return done[id(root)]


def join(rope: Rope) -> str:
    """The characters of a rope."""
    found: list[str] = []
    stack: list[Rope] = [rope]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            found.append(piece)
        else:
            stack.extend(reversed(piece))
    return "".join(found)


def separated(pieces: Iterable[Rope], separator: Rope) -> Rope:
    """The pieces with a separator between."""
    found: list[Rope] = []
    for piece in pieces:
        found += [separator, piece] if found else [piece]
    return tuple(found)


def broken(shown: str, limit: int) -> tuple[str, ...]:
    """The line of text in pieces no longer than the limit, as far as the + and − of its outermost sum allow it."""
    if len(shown) <= limit:
        return (shown,)
    depth, bars, ends = 0, 0, []
    for i, c in enumerate(shown):
        depth += _NESTING.get(c, 0)
        bars += c in "|‖"
        if not depth and not bars % 2 and _SIGN.match(shown, i):
            ends.append(i)
    found = [""]
    for start, end in pairwise([0, *ends, len(shown)]):
        term = shown[start:end]
        if found[-1] and len(found[-1] + term) > limit:
            found.append("")
        found[-1] += term if found[-1] else term.strip()
    return tuple(found)


# ---------------------------------------------------------------- sizes


class Sizes:
    """printed_size with a memory of its own, for those who ask often."""

    def __init__(self, signatures: Signatures | None = None, limit: int = 200_000) -> None:
        """Sizes of nodes; past the limit of remembered nodes all are forgotten."""
        self._signatures = signatures
        self._limit = limit
        self._outline = Outline(signatures)

    def __call__(self, e: Node) -> int:
        """The number of nodes of e as printed."""
        if len(self._outline) > self._limit:
            self._outline = Outline(self._signatures)
        return self._outline.view(e).size


def printed_size(e: Node) -> int:
    """The number of nodes of e as printed: names, numbers and operations; what broadcasting hides is not counted."""
    return Outline().view(e).size


# ---------------------------------------------------------------- shared parts named


class Program(NamedTuple):
    """Printed results, after the parts they share: (name, text) in order of use."""

    definitions: tuple[tuple[str, str], ...]
    results: tuple[str, ...]


_NO_SUBSCRIPT = re.compile("[_{}]")
_SLACK = 60
"""How many nodes more than the graph has may be written before shared parts are named."""
_WORTH = 6
"""How many nodes a name must save."""
_LONG = 36
"""How many nodes a line of a chain may have before parts of it get names."""
_SHORT = 8
"""How many nodes what gets no name in a chain may have."""
_SIGN = re.compile(r" \.?[-+−] ")
_NESTING = {"(": 1, "[": 1, ")": -1, "]": -1}


def program(roots: Sequence[Node], style: Style, taken: Iterable[str] = (), signatures: Signatures | None = None) -> Program:
    """The roots printed in a style; where written out they are much larger than their graph, shared parts get names.

    So the output grows linearly with the graph.
    """
    outline = Outline(signatures)
    views = [outline.view(r) for r in roots]
    if sum(v.size for v in views) <= len(outline) + _SLACK:
        return Program((), tuple(render(v, style) for v in views))
    return _named(roots, style, _name_shared(roots, taken), signatures)


def chain(roots: Sequence[Node], style: Style, names: Iterable[str], signatures: Signatures | None = None) -> Program:
    """The right sides of a chain in those names; where one is very long, shared parts that hold no differential get more."""
    outline = Outline(signatures)
    views = [outline.view(r) for r in roots]
    if max(v.size for v in views) <= _LONG:
        return Program((), tuple(render(v, style) for v in views))
    return _named(roots, style, _name_repeated(roots, names), signatures)


def _named(roots: Sequence[Node], style: Style, named: dict[Node, str], signatures: Signatures | None) -> Program:
    """The roots printed in a style, after the parts that have names."""
    outline = Outline(signatures, named)
    definitions = tuple((render(outline.plain(e), style), render(outline.written_out(e), style)) for e in named)
    return Program(definitions, tuple(render(outline.view(r), style) for r in roots))


def _name_shared(roots: Sequence[Node], taken: Iterable[str]) -> dict[Node, str]:
    """Names for the nodes that are used more than once and not small when those below them are names."""
    order = list(postorder(roots))
    uses = _uses(order, roots, _is_thin)
    return _chosen(order, _fresh_names(order, taken), lambda e, size: (uses[id(e)] - 1) * (size - 1) > _WORTH)


def _name_repeated(roots: Sequence[Node], names: Iterable[str]) -> dict[Node, str]:
    """Names for what lines of a chain repeat: no differential, no whole line, nothing that is short."""
    known = set(names)
    differentials = {f"d{name}" for name in known}
    order = list(postorder(roots))
    uses = _uses(order, roots, lambda e: _is_thin(e) or head(e) == "transpose")
    moving: set[int] = set()
    for e in order:
        of_itself = head(e) == DIFFERENTIAL or (head(e) == "symbol" and name_of(e) in differentials)
        if of_itself or any(id(o) in moving for o in operands(e)):
            moving.add(id(e))
    bare = moving | {id(e) for e in order if head(e) == "transpose"} | set(map(id, roots))
    return _chosen(order, _fresh_names(order, known), lambda e, size: id(e) not in bare and uses[id(e)] > 1 and size > _SHORT)


def _uses(order: Sequence[Node], roots: Sequence[Node], passes: Callable[[Node], bool]) -> dict[int, int]:
    """How often each node is used; what uses a node that `passes` uses its operand."""
    uses = dict.fromkeys(map(id, order), 0)
    for e in order:
        for o in operands(e):
            uses[id(o)] += 1
    for r in roots:
        uses[id(r)] += 1
    for e in reversed(order):
        if passes(e):
            uses[id(operands(e)[0])] += uses[id(e)] - 1
    return uses


def _chosen(order: Sequence[Node], names: Iterator[str], worth: Callable[[Node, int], bool]) -> dict[Node, str]:
    """Names for the nodes worth one, by their size when those below them are names; what an index changes has none."""
    sizes: dict[int, int] = {}
    named: dict[Node, str] = {}
    for e in order:
        size = 1 + sum(sizes[id(o)] for o in operands(e))
        if worth(e, size) and not _is_thin(e) and not _is_one_by_one(e) and not free_indices(e):
            named[e] = next(names)
            size = 1
        sizes[id(e)] = size
    return named


def _is_thin(e: Node) -> bool:
    """Whether e only spreads its operand over a shape."""
    return head(e) == "mul" and len(operands(e)) == 2 and head(operands(e)[1]) == "ones"


def _is_one_by_one(e: Node) -> bool:
    return bool(shape(e)) and all(d == 1 for d in shape(e))


def _fresh_names(nodes: Iterable[Node], taken: Iterable[str]) -> Iterator[str]:
    """T_1, T_2 …, without those that are taken; T1, T_1 and T_{1} are one name."""
    used = {_NO_SUBSCRIPT.sub("", name) for name in taken}
    for e in nodes:
        symbols = [e] if head(e) == "symbol" else []
        symbols += [s for dim in shape(e) for s in dim.free_symbols]
        used |= {_NO_SUBSCRIPT.sub("", name_of(s)) for s in symbols}
    return (f"T_{i}" for i in count(1) if f"T{i}" not in used)
