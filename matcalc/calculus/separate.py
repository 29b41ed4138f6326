"""Where second derivatives by different rows, columns or members of a variable are zero: its Hessian is block-diagonal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count

from matcalc.calculus.engine import Engine
from matcalc.calculus.free import Free
from matcalc.nodes.algebra import is_zero
from matcalc.nodes.expr import ONE, Node, head, is_scalar, matrix_node, name_of, postorder, shape, variable
from matcalc.nodes.families import PARTS, member, member_shape
from matcalc.nodes.indices import bound_indices, letter_of

_LETTERS = "ijklpqrst"


@dataclass(frozen=True)
class Separate:
    """Parts of a variable, `by` rows, columns or members: `one` and any `other`; `free` derives where the two differ."""

    by: str
    one: Node
    other: Node
    free: Free

    @property
    def mixed(self) -> Node:
        """The second derivative by the two."""
        return self.free.hessian(self.one, self.other)


def separate(engine: Engine, X: Node) -> Separate | None:
    """The parts of a matrix or family X by two of which the second derivative is zero; None where none are found."""
    if is_scalar(X) or ONE in shape(X) or head(X) in PARTS or engine.confined(X):
        return None
    taken = _names(engine)
    free = chain(_LETTERS, (f"i_{n}" for n in count(1)))
    i, j = (variable(next(letter for letter in free if letter not in taken), (), ("integer",)) for _ in range(2))
    for by, one, other in _parts(X, i, j):
        apart = replace(engine.problem, distinct=(*engine.problem.distinct, (i, j)))
        found = Separate(by, one, other, Free(Engine(apart, engine.rules), [one, other]))
        if is_zero(found.mixed):
            return found
    return None


def _parts(X: Node, i: Node, j: Node) -> Iterator[tuple[str, Node, Node]]:
    """What X may fall into, and two of these."""
    if member_shape(X) is not None:
        yield "members", member(X, i), member(X, j)
        return
    rows, columns = shape(X)
    yield "rows", *(matrix_node("row", (X, k), (ONE, columns)) for k in (i, j))
    yield "columns", *(matrix_node("column", (X, k), (rows, ONE)) for k in (i, j))


def _names(engine: Engine) -> set[str]:
    """Every name and letter of the problem."""
    given = engine.problem
    values = [given.expression, *given.definitions.values(), *(e for pair in given.facts for e in pair)]
    symbols = {name_of(e) for e in postorder(values) if head(e) == "symbol"}
    letters = {letter_of(i) for value in values for i in bound_indices(value)}
    return {*given.names, *given.sizes, *given.functions, *symbols, *letters}
