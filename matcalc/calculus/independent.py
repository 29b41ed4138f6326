"""The independent entries of a structured variable: the x with vec(X) = D*x, and the D, by the formulas of its structure."""

from __future__ import annotations

from dataclasses import dataclass

from matcalc.calculus.engine import Engine
from matcalc.calculus.parts import base_of
from matcalc.errors import ArgumentError
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import Node, is_scalar, name_of, substitute
from matcalc.printing.text import text

CONVENTIONS = ("all", "independent")


@dataclass(frozen=True)
class Independent:
    """The independent entries of X as a vector, and `span`, the D with vec(X) = D*entries, inside a structure."""

    variable: Node
    structure: str
    entries: Node
    span: Node

    def of(self, X: Node) -> Node:
        """Those of another matrix of the structure: of dX."""
        return substitute(self.entries, {self.variable: X}, rebuild)

    @property
    def within(self) -> dict[str, frozenset[str]]:
        """By name, the structure inside which the variable moves."""
        return {name_of(self.variable): frozenset({self.structure})}

    @property
    def note(self) -> str:
        """What it is a derivative by, in words."""
        return f"by the independent entries of {name_of(self.variable)}: {text(self.entries)}"


def independent(engine: Engine, X: Node, convention: str) -> Independent | None:
    """The independent entries by which is differentiated; None where these are all entries.

    Raises: ArgumentError where the structure of X has no formula for them, or X is a part of a variable with a structure.
    """
    if convention not in CONVENTIONS:
        raise ArgumentError(f"unknown convention {convention!r}", hint=f"it is one of {', '.join(CONVENTIONS)}")
    base = base_of(X)
    if convention == "all" or is_scalar(base):
        return None
    structures = engine.plain.structures.subspaces(base) or engine.demanded(base)
    if not structures:
        return None
    name, formulas = structures[0], engine.rules.structures[structures[0]].formulas
    if X is not base or len(structures) > 1 or not {"entries", "span"}.issubset(formulas):
        what = text(X) if X is not base else f"a {' and '.join(structures)} {name_of(X)}"
        raise ArgumentError(f"there is no derivative by the independent entries of {what}", hint="leave out the convention")
    entries, span = (engine.rules.structured(name, key, {"X": X}) for key in ("entries", "span"))
    return Independent(X, name, entries, span)
