"""What a strategy of simplification may ask of the simplifier that tries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from matcalc.calculus.structure import Structures
from matcalc.nodes.expr import Node
from matcalc.rulebase.base import Rulebase


class Simplifies(Protocol):
    """The simplifier as its strategies see it."""

    rules: Rulebase
    indices: Sequence[Node]
    definitions: Mapping[Node, Node]
    structures: Structures

    @property
    def cost(self) -> Callable[[Node], int]:
        """About how many nodes a reader sees."""

    def __call__(self, e: Node) -> Node:
        """e in its simplest form."""

    def unnamed(self, e: Node) -> Node:
        """e simplified without regard to names."""

    def if_shorter(self, e: Node, candidate: Node) -> Node | None:
        """The candidate, simplified, where the reader sees fewer nodes than in e."""

    def if_no_longer(self, e: Node, candidate: Node) -> Node | None:
        """The candidate, simplified, where the reader sees no more nodes than in e."""

    def if_shorter_written_out(self, e: Node, candidate: Node) -> Node | None:
        """The same for sums of products written out."""

    def preferred(self, forms: list[Node]) -> Node:
        """The shortest of some equal forms; of those the first in alphabetical order."""


Strategy: TypeAlias = Callable[[Node, Simplifies], Node | None]
"""Another form of a node, equal in value, or None; what it proposes is simplified in turn."""
