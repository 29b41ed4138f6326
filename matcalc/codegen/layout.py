"""How a language counts axes and places: from which number, in which order in memory, whether axes of size 1 go on for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matcalc.codegen.backend import Backend
from matcalc.codegen.values import Axes


@dataclass(frozen=True)
class Layout:
    """The table `layout` of a language.

    `endless`: every array goes on with axes of size 1; what is taken or summed along an axis keeps that with size 1.
    `first`: the number of the first place and of the first axis.  `columns`: the first axis is the fastest in memory.
    `new`: what stands for a new axis in an index.  `one` and `several` write the shape of an array, `tuple_of_one` and
    `tuple` other lists; `rest` is the size that the others tell.
    """

    endless: bool
    first: int
    columns: bool
    rest: str
    one: str
    several: str
    tuple_of_one: str
    tuple: str
    new: str = ""

    @classmethod
    def of(cls, language: Backend) -> Layout:
        """The layout of a language."""
        table = dict(language.tables["layout"])
        endless, fastest, first = table.pop("axes"), table.pop("fastest"), table.pop("first")
        return cls(endless == "endless", int(first), fastest == "first", **table)

    def shape(self, sizes: Sequence[str]) -> str:
        """The shape of an array."""
        return (self.one if len(sizes) == 1 else self.several).format(", ".join(sizes))

    def axes(self, numbers: Sequence[int]) -> str:
        """Axes in a list."""
        return (self.tuple_of_one if len(numbers) == 1 else self.tuple).format(", ".join(map(self.axis, numbers)))

    def axis(self, number: int) -> str:
        """The number of an axis."""
        return str(number + self.first)


def moved(axes: Axes, ndim: int) -> Axes:
    """The order in which an array with endless axes is permuted to stand on those axes of a result."""
    spare = iter(range(len(axes), ndim))
    return trimmed(tuple(axes.index(i) if i in axes else next(spare) for i in range(ndim)), len(axes))


def dropped(axes: Axes, ndim: int) -> Axes:
    """The order in which an array is permuted that has axes of size 1 which are to go."""
    return trimmed((*(i for i in range(ndim) if i not in axes), *axes))


def trimmed(order: Axes, least: int = 0) -> Axes:
    """An order without the last axes that stay where they are, but with at least as many as the array has."""
    n = len(order)
    while n > least and order[n - 1] == n - 1:
        n -= 1
    return () if order[:n] == (*range(n),) else order[:n]
