"""The left sides of equations: dF, ∂f/∂X, the Jacobian ∂f/∂x, the Hessian ∂²f/∂x∂xᵀ; how each is written in a form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matcalc.nodes.algebra import transpose, vec
from matcalc.nodes.expr import Node, is_scalar, shape

Kind = Literal["differential", "gradient", "jacobian", "change", "quadratic", "hessian", "product"]
"""dF, ∂f/∂X, ∂vec(F)/∂vec(X)', d(∂f/∂X), d²f, ∂²f/∂vec(X)∂vec(Y)', H·V."""


@dataclass(frozen=True)
class Side:
    """A left side: what it is of, by what (a second derivative by Y too); `turned` in denominator layout; or a name."""

    kind: Kind
    label: Node
    wrt: Node | None = None
    by: Node | None = None
    turned: bool = False
    name: Node | None = None


@dataclass(frozen=True)
class Style:
    """How fractions of differentials are written: their templates, with f, x and y put in; `inline` within words."""

    differential: str
    gradient: str
    change: str
    quadratic: str
    hessian: str
    square: str

    def of(self, side: Side, write: Callable[[Node], str]) -> str:
        """The left side, its formulas as `write` writes them."""
        if side.name is not None:
            return write(side.name)
        f, x = write(side.label), "" if side.wrt is None else write(side.wrt)
        if side.kind == "jacobian":
            above, below = _parts(side)
            return self.gradient.format(f=write(above), x=write(below))
        if side.kind == "change":
            return self.change.format(gradient=self.gradient.format(f=f, x=x))
        if side.kind == "hessian":
            return self._second(side, write)
        return {"differential": self.differential, "quadratic": self.quadratic}.get(side.kind, self.gradient).format(f=f, x=x)

    def _second(self, side: Side, write: Callable[[Node], str]) -> str:
        X, Y = side.wrt, side.by
        assert X is not None
        assert Y is not None
        if X is Y and is_scalar(X):
            return self.square.format(f=write(side.label), x=write(X))
        return self.hessian.format(f=write(side.label), x=write(vec(X)), y=write(transpose(vec(Y))))


TEXT = Style("d{f}", "d{f}/d{x}", "d({gradient})", "d2{f}", "d2{f}/d{x} d{y}", "d2{f}/d{x}2")
UNICODE = Style("d{f}", "∂{f}/∂{x}", "d({gradient})", "d²{f}", "∂²{f}/∂{x}∂{y}", "∂²{f}/∂{x}²")
LATEX = Style(
    r"\mathrm{{d}}{f}",
    r"\frac{{\partial {f}}}{{\partial {x}}}",
    r"\mathrm{{d}}{gradient}",
    r"\mathrm{{d}}^2{f}",
    r"\frac{{\partial^2 {f}}}{{\partial {x}\,\partial {y}}}",
    r"\frac{{\partial^2 {f}}}{{\partial {x}^2}}",
)
LATEX_WORDS = Style(
    LATEX.differential,
    r"\partial {f}/\partial {x}",
    LATEX.change,
    LATEX.quadratic,
    r"\partial^2 {f}/\partial {x}\,\partial {y}",
    r"\partial^2 {f}/\partial {x}^2",
)


def _parts(side: Side) -> tuple[Node, Node]:
    """What stands above and below the line of a Jacobian: F and s, f and x, vec(F) and vec(X)'."""
    F, X = side.label, side.wrt
    assert X is not None
    if is_scalar(X):
        return (transpose(F) if side.turned else F), X
    above, below = vec(F), vec(X)
    if side.turned:
        return transpose(above), below
    plain = not is_scalar(F) and _is_column(F) and _is_column(X)
    return above, below if plain else transpose(below)


def _is_column(e: Node) -> bool:
    return bool(shape(e)[1] == 1)
