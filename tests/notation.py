"""A small world of variables in which the printers' examples are written."""

from __future__ import annotations

from matcalc.language.parser import parse_formula
from matcalc.nodes.expr import ONE, Node, size_symbol, variable

n, d, k, N = SIZES = tuple(size_symbol(name) for name in ("n", "d", "k", "N"))
_SHAPES = {
    (n, n): "A B C P Sigma dA U_1",
    (n, d): "X M",
    (d, k): "W W_1 dW",
    (n, k): "Y Z h_relu y_pred",
    (n, size_symbol("m")): "K",
}
_VECTORS = {n: "x y u a q p xhat mu dx", d: "w", k: "b"}
_SCALARS = "s t v c f r epsilon gamma alpha beta theta sigma loss T"

VARIABLES: dict[str, Node] = {name: variable(name, dims) for dims, names in _SHAPES.items() for name in names.split()}
VARIABLES |= {name: variable(name, (rows, ONE)) for rows, names in _VECTORS.items() for name in names.split()}
VARIABLES |= {name: variable(name, ()) for name in _SCALARS.split()}
VARIABLES |= {name: variable(name, (), ("integer",)) for name in "ij"}


def node(text: str) -> Node:
    """The node of a text in these variables."""
    return parse_formula(text, VARIABLES, {str(size): size for size in SIZES})
