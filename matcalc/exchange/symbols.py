"""The names in a person's SymPy expression: which are sizes, which are variables, and that none stands for two things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy
from sympy import Expr, MatrixExpr, MatrixSymbol, Symbol

from matcalc.errors import ArgumentError, ShapeError
from matcalc.exchange.export import MatrixOperation
from matcalc.language.syntax.names import canonical, name_key
from matcalc.nodes.expr import (
    SCALAR,
    MatrixElement,
    MatrixOp,
    Node,
    Shape,
    Variable,
    intern_scalar,
    properties,
    shape,
    size_symbol,
    variable,
)
from matcalc.rulebase.contract import same_shape, shape_text

_CONSTANTS = (sympy.Identity, sympy.ZeroMatrix, sympy.OneMatrix)
_SHAPED = (MatrixSymbol, MatrixOperation, MatrixOp)


class Symbols:
    """The symbols of one expression: `own` as the person made them, `variables` and `sizes` as they are read."""

    def __init__(self, known: Mapping[str, Node]) -> None:
        self.known = {name_key(name): X for name, X in known.items()}
        self.own: dict[str, Any] = {}
        self.variables: dict[str, Node] = {}
        self.sizes: dict[str, Expr] = {}
        self.indices: set[str] = set()

    def note_sizes(self, parts: Iterable[Any]) -> None:
        """Remember which symbols are sizes and which are indices."""
        for x in parts:
            dims = x.args if isinstance(x, _CONSTANTS) else x.shape if isinstance(x, _SHAPED) else ()
            for d in dims:
                for s in sorted(d.free_symbols, key=str):
                    name = self.claim(s)
                    self.sizes[name] = size_symbol(name)
            if isinstance(x, MatrixElement):
                self.indices.update(canonical(s.name) for i in x.args[1:] for s in i.free_symbols if isinstance(s, Symbol))

    def claim(self, x: Any) -> str:
        """The name of a symbol; a ShapeError or ArgumentError where another one has it."""
        name = canonical(x.name)
        other = self.own.setdefault(name_key(name), x)
        if other is not x and other != x:
            if name != canonical(other.name):
                raise ArgumentError(f"{other.name} and {x.name} are one name here", hint="rename one of the two")
            if not (isinstance(x, MatrixSymbol) and isinstance(other, MatrixSymbol)):
                raise ArgumentError(f"two different symbols are called {name}", hint="rename one, or give both one definition")
            if not same_shape(x.shape, other.shape):
                raise ShapeError(f"{name} is {shape_text(other.shape)} in one place and {shape_text(x.shape)} in another")
        if not name.isidentifier():
            raise ArgumentError(f"{x.name!r} cannot be a name here", hint="use letters, digits and _")
        return name

    def dim(self, d: Any) -> Expr:
        """A dimension in size symbols."""
        free = d.free_symbols
        if not (d.is_polynomial(*free) if free else d.is_Integer and d > 0):
            raise ArgumentError(f"{d} is no size", hint="sizes are positive integers, symbols, and sums and products of them")
        return intern_scalar(sympy.expand(d.xreplace({s: self.sizes[canonical(s.name)] for s in free})))

    def dims(self, dims: Iterable[Any]) -> Shape:
        """A shape in size symbols."""
        return tuple(map(self.dim, dims))

    def read(self, x: Any) -> Node:
        """A symbol: a variable or a size."""
        name = self.claim(x)
        matrix = isinstance(x, MatrixExpr)
        if name in self.sizes:
            if matrix:
                raise ArgumentError(f"{name} is a size and a matrix", hint="rename one of the two")
            return self.sizes[name]
        if not matrix and (x.is_commutative is False or x.is_real is False):
            raise ArgumentError(f"{name} is not a real number", hint="every variable is real here")
        dims = self.dims(x.shape) if matrix else SCALAR
        X = self.known.get(name_key(name), self.variables.get(name))
        if X is None:
            integer = {"integer"} if name in self.indices else set()
            X = x if isinstance(x, Variable) else variable(name, dims, properties(x) | integer)
        elif not same_shape(shape(X), dims):
            raise ShapeError(f"{name} is {shape_text(shape(X))} in one place and {shape_text(dims)} in another")
        self.variables[name] = X
        return X
