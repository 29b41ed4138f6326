"""What is compared: the right expression and the claimed one, in the names of one problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node
from matcalc.rulebase.base import Rulebase
from matcalc.steps import sampled_facts


@dataclass(frozen=True, eq=False)
class Question:
    """Whether `claim` equals `truth`, both in the names of a problem; `definitions` tell what named parts stand for.

    `part` is what the derivative is by, where it is a part of a variable; `known` are the names that a claim may use.
    """

    problem: Problem
    truth: Node
    claim: Node
    rules: Rulebase
    definitions: Mapping[Node, Node] = field(default_factory=dict)
    part: Node | None = None
    known: Mapping[str, Node] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[tuple[Node, Node], ...]:
        """The equations that every random point meets."""
        return sampled_facts(self.problem, self.rules)

    @property
    def bounds(self) -> Sequence[Node]:
        """The parts whose places bound the free indices."""
        return () if self.part is None else (self.part,)
