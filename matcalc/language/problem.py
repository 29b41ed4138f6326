"""A problem as it was understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from sympy import Expr

from matcalc.errors import Span
from matcalc.language.syntax.names import canonical, name_key
from matcalc.nodes.expr import Node, name_of, operands, properties, scalar_node, shape, variable
from matcalc.nodes.families import member, member_shape, stated
from matcalc.nodes.indices import letter_of


@dataclass(frozen=True, eq=False)
class Problem:
    """What a text says: the last statement, the named parts before it, and what is known of the names.

    `facts` are equations that hold, `distinct` pairs of whole numbers that differ; `functions` are the unknown ones, with
    the kind of their argument; `declared` the texts of separate declarations, `latex`
    whether the source was said to be LaTeX; `entries` are the indices and the entry of what was defined entry by entry, `place`
    is where the expression stands in the source.
    """

    source: str
    expression: Node
    definitions: Mapping[Node, Node] = field(default_factory=dict)
    variables: Mapping[str, Node] = field(default_factory=dict)
    sizes: Mapping[str, Expr] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[Node, Node], ...] = ()
    distinct: tuple[tuple[Node, Node], ...] = ()
    constants: frozenset[str] = frozenset()
    functions: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    latex: bool | None = None
    entries: Mapping[Node, tuple[tuple[Node, ...], Node]] = field(default_factory=dict)
    place: Span | None = None

    @property
    def entry(self) -> Problem:
        """The problem of the entry p[j] where the last statement defines p entry by entry; the same problem elsewhere."""
        if self.expression not in self.entries:
            return self
        places = [variable(letter_of(i), (), ("integer",)) for i in self.entries[self.expression][0]]
        known = {**self.variables, **{name_of(i): i for i in places}}
        return replace(self, expression=part(self.expression, places), variables=known)

    @property
    def shape(self) -> tuple[str | int, ...]:
        """The shape of the expression: () scalar, ("n",) vector, (1, "n") row, ("m", "n") matrix."""
        return user_shape(self.expression)

    @property
    def names(self) -> dict[str, Node]:
        """Every name that the problem gives a meaning, sizes left out: variables and named parts."""
        return {**self.variables, **{name_of(leaf): leaf for leaf in self.definitions}}

    def find(self, name: str) -> Node | None:
        """The variable or named part of that name, however it is spelled (W1 for W_1, Σ for Sigma); None for none."""
        key = name_key(canonical(name.strip()))
        return next((node for found, node in self.names.items() if name_key(found) == key), None)

    @property
    def label(self) -> Node:
        """The name of what the problem states: the person's own, p[j] of an entry, else f, F of a matrix, or a free letter."""
        if any(
            self.expression is part(Z, operands(self.expression)[1:]) for Z in self.entries if Z in operands(self.expression)
        ):
            return self.expression
        named = [leaf for leaf, value in self.definitions.items() if self.expression is leaf or self.expression is value]
        if named:
            return named[-1]
        taken = {*self.names, *self.sizes}
        first = "FGH" if len(self.shape) == 2 else "fgh"
        free = chain(first, (f"{first[0]}_{i}" for i in count(1)))
        return variable(next(name for name in free if name not in taken), shape(self.expression))

    @property
    def declarations(self) -> tuple[str, ...]:
        """A declaration for every variable, with which the text of any result reads back as the same expression."""
        unknown = (f"{name}: function({kind}) -> scalar" for name, kind in self.functions.items())
        return (*map(declaration, self.variables.values()), *unknown)


def part(Z: Node, places: Sequence[Node]) -> Node:
    """Z[i], Z[i,j]; of a family of vectors its member."""
    if member_shape(Z) is not None:
        return member(Z, places[0])
    return scalar_node("entry" if len(places) == 1 else "entry2", (Z, *places))


def user_shape(e: Node) -> tuple[str | int, ...]:
    """The shape of e as users are told it: () scalar, ("n",) vector, (1, "n") row, ("m", "n") matrix; of matrices three."""
    found = member_shape(e)
    if found is not None and found[1] != 1:
        return tuple(map(_size, found))
    dims = tuple(map(_size, shape(e)))
    return dims[:1] if len(dims) == 2 and dims[1] == 1 else dims


def _size(d: Expr) -> str | int:
    return int(d) if d.is_Integer else str(d).replace("**", "^")


def kind_of(variable: Node) -> str:
    """The kind of a variable: scalar, integer, vector, integers, matrix, vectors or matrices."""
    dims, whole = user_shape(variable), "integer" in properties(variable)
    if member_shape(variable) is not None:
        return "vectors" if len(dims) == 2 else "matrices"
    if whole and len(dims) < 2:
        return ("integer", "integers")[len(dims)]
    return ("scalar", "vector", "matrix")[len(dims)]


def declaration(variable: Node) -> str:
    """The declaration of a variable: `X: matrix(n,d) symmetric`."""
    dims, kind = user_shape(variable), kind_of(variable)
    words = stated(variable)
    if kind in ("integer", "integers"):
        words = [w for w in words if w != "integer"]
    if not dims and "positive" in words:
        words = [w for w in words if w != "nonnegative"]
    sizes = f"({','.join(map(str, dims))})" if dims else ""
    return " ".join([f"{name_of(variable)}: {kind}{sizes}", *words])
