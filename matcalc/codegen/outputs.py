"""What a function returns and says of itself, before there is a program for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sympy import Expr

from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import ONE, Node, name_of, substitute
from matcalc.nodes.indices import index


@dataclass(frozen=True)
class Output:
    """What a function returns: a name, an expression, the variable whose shape it has, its formula as text.

    `over` is a letter and how far it goes: the values for all of it, along a first axis.
    """

    name: str
    node: Node
    like: Node | None = None
    formula: str = ""
    over: tuple[Node, Expr] | None = None

    @property
    def expression(self) -> Node:
        """The expression with an index for the letter that it goes over."""
        if self.over is None:
            return self.node
        letter, last = self.over
        return substitute(self.node, {letter: index(name_of(letter), ONE, last)}, rebuild)


@dataclass(frozen=True)
class About:
    """What a function says of itself: its name, the first line, the conditions."""

    name: str
    title: str
    conditions: tuple[str, ...]


def identifier(name: str) -> str:
    """A name as a program writes it."""
    return re.sub(r"\W+", "_", name).strip("_")
