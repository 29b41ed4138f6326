"""Parts of a variable that derivatives are taken by: an entry, a row, a column, a member of a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcalc.nodes.expr import Node, head, operands
from matcalc.nodes.families import PARTS
from matcalc.numeric.kernels import position
from matcalc.numeric.linalg import Array


@dataclass(frozen=True, eq=False)
class Selection:
    """A part of a leaf, or all of it, where there are no places."""

    leaf: Node
    kind: str = ""
    places: tuple[Node, ...] = ()
    turned: bool = False

    def spread(self, like: Array, at: Sequence[Array], D: Array) -> Array:
        """An array as large as that of the leaf, D in the part at those places and 0 elsewhere."""
        if not self.kind:
            return D
        made = np.zeros(np.shape(like), np.result_type(D))
        view = made.T if self.turned else made
        if self.kind == "entry":
            view[np.unravel_index(position(at[0], view.size), view.shape)] = D
        elif self.kind == "entry2":
            view[position(at[0], view.shape[0]), position(at[1], view.shape[1])] = D
        elif self.kind == "row":
            view[position(at[0], view.shape[0])] = D[0]
        else:
            first = position(at[0], view.shape[1] // D.shape[1]) * D.shape[1]
            view[:, first : first + D.shape[1]] = D
        return made


def selection(e: Node) -> Selection:
    """What a derivative by e is taken by."""
    if head(e) not in PARTS:
        return Selection(e)
    X, *at = operands(e)
    turned = head(X) == "transpose"
    return Selection(operands(X)[0] if turned else X, head(e), tuple(at), turned)
