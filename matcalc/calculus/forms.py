"""The identities of `rules/forms.toml`: an equal form of which the differential is shorter."""

from __future__ import annotations

from dataclasses import dataclass

from matcalc.calculus.match import Pattern
from matcalc.nodes.expr import Node, head, name_of
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.templates import Template, compile_template


@dataclass(frozen=True)
class Form:
    """An equal form `node` of an expression, made of `leaves`, by the identity of that name."""

    name: str
    node: Node
    leaves: tuple[Node, ...]


class Forms:
    """Finds the form of expressions; remembers them."""

    def __init__(self, rules: Rulebase) -> None:
        self._rules = rules
        self._patterns = rules.made_once(_compiled)
        self._found: dict[int, Form | None] = {}

    def of(self, e: Node) -> Form | None:
        """The form of e; None where its own differential is the shortest."""
        if id(e) not in self._found:
            self._found[id(e)] = self._form(e)
        return self._found[id(e)]

    def _form(self, e: Node) -> Form | None:
        for name, left, right in self._patterns.get(head(e), ()):
            for bindings, put in left.matches(e):
                leaves = {name_of(leaf): bound for leaf, bound in bindings.leaves.items()}
                made = put(self._rules.instantiate(right, leaves, bindings.sizes))
                return Form(name, made, tuple(leaves.values()))
        return None


def _compiled(rules: Rulebase) -> dict[str, list[tuple[str, Pattern, Template]]]:
    """(name, left side, right side) of every form by the outermost operation of its left side."""
    found: dict[str, list[tuple[str, Pattern, Template]]] = {}
    for identity in rules.forms():
        leaves, left, right = rules.identity(identity)
        entry = (identity.name, Pattern(left, frozenset(leaves.values())), compile_template(right, leaves.values()))
        found.setdefault(head(left), []).append(entry)
    return found
