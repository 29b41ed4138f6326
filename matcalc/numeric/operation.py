"""What an operation on arrays is to those who evaluate it, sample points for it and differentiate it numerically."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matcalc.nodes.expr import Node
from matcalc.numeric.linalg import Array


@dataclass(frozen=True, eq=False)
class Kernel:
    """One operation on arrays.

    `shaped` ones get the rows and columns of the result before the operands; `entrywise` ones take operands that
    broadcast.  `margin` of the operands is what must stay away from 0: the operation has a kink or a pole there.  What
    `inverts` its first operand is exact only where that is well conditioned.  `gates` are the operands that make the result
    0 where they are 0, whatever the others are.  `inner` is what is computed within, of a sum over an index.
    """

    function: Callable[..., Array]
    analytic: bool = True
    shaped: bool = False
    entrywise: bool = False
    margin: Callable[..., Array] | None = None
    inverts: bool = False
    gates: tuple[int, ...] = ()
    inner: Inner | None = None

    @property
    def kinked(self) -> bool:
        """Whether the operation has kinks, or steps, that a point may be on one side of or the other."""
        return (self.entrywise and self.margin is not None) or (self.inner is not None and self.inner.kinked)


class Inner(Protocol):
    """What a sum over an index computes."""

    kinked: bool

    def parts(self, *args: Array) -> Iterator[Operation]:
        """Every operation within, for the operands of the sum."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """An operation within a sum for every value of the indices: arrays (rows, columns, …), and where they count."""

    kernel: Kernel
    node: Node | None
    args: Sequence[Array]
    counts: Array
    scalars: tuple[bool, ...]

    def each(self) -> Iterator[list[Array]]:
        """The operands for each value of the indices that counts, as the kernel takes them."""
        batch = np.broadcast_shapes(self.counts.shape, *(a.shape[2:] for a in self.args))
        spread = [np.broadcast_to(a, (*a.shape[:2], *batch)) for a in self.args]
        for at in np.argwhere(np.broadcast_to(self.counts, batch)):
            place = (slice(None), slice(None), *at)
            yield [a[place][0, 0] if s else a[place] for a, s in zip(spread, self.scalars, strict=True)]
