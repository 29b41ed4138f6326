"""The identities of `rules/forms.toml`: an equal form of which the differential is shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matcalc.calculus.adjoint import isolate
from matcalc.calculus.match import Pattern
from matcalc.nodes.expr import ONE, Node, head, name_of, operands, shape, variable
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import differential
from matcalc.rulebase.templates import Template, compile_template

_DEEPEST = 3
"""How far below an expression what a leaf of its form stands for may lie."""


@dataclass(frozen=True)
class Form:
    """The differential of an expression by the identity of that name: Σ ⟨Y, dX⟩ for the (X, Y) in `parts`."""

    name: str
    parts: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class _Shortcut:
    """An identity ready to be used: its left side, and for each leaf X the Y with which dX stands in its differential."""

    name: str
    left: Pattern
    parts: tuple[tuple[str, Template], ...]


class Forms:
    """Finds the form of expressions; remembers them."""

    def __init__(self, rules: Rulebase) -> None:
        self._rules = rules
        self._shortcuts = rules.made_once(_compiled)
        self._found: dict[int, Form | None] = {}

    def of(self, e: Node) -> Form | None:
        """The form of e; None where its own differential is the shortest."""
        if id(e) not in self._found:
            self._found[id(e)] = self._form(e)
        return self._found[id(e)]

    def _form(self, e: Node) -> Form | None:
        for shortcut in self._shortcuts.get(head(e), ()):
            for bindings, put in shortcut.left.matches(e):
                leaves = {name_of(leaf): bound for leaf, bound in bindings.leaves.items()}
                if put(e) is e and _below(e).issuperset(leaves.values()):
                    made = [(leaves[X], self._rules.instantiate(Y, leaves, bindings.sizes)) for X, Y in shortcut.parts]
                    return Form(shortcut.name, tuple(made))
        return None


def _below(e: Node) -> set[Node]:
    """What e is made of, to a small depth."""
    found: set[Node] = set()
    level: Sequence[Node] = (e,)
    for _ in range(_DEEPEST):
        level = [o for x in level for o in operands(x)]
        found.update(level)
    return found


def _compiled(rules: Rulebase) -> dict[str, list[_Shortcut]]:
    """The forms by the outermost operation of their left side."""
    found: dict[str, list[_Shortcut]] = {}
    for identity in rules.forms():
        leaves, left, right = rules.identity(identity)
        parts = []
        for name, X in leaves.items():
            dX = variable(f"d{name}", shape(X))
            Y = isolate(ONE, differential(right, {X: dX}, rules), dX, rules)
            parts.append((name, compile_template(Y, leaves.values())))
        shortcut = _Shortcut(identity.name, Pattern(left, frozenset(leaves.values())), tuple(parts))
        found.setdefault(head(left), []).append(shortcut)
    return found
