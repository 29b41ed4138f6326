"""Sums over an index as one operation: the body is computed for many values of the index at once, part by part of its range.

What does not depend on the index is an operand of the sum.  Sums nest: inside, an operand has an axis for each outer index.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from matcalc.nodes.expr import Node, head, is_scalar, operands, postorder, shape
from matcalc.nodes.indices import free_indices, is_index
from matcalc.numeric.batched import BATCHED, Batched, multiply, number
from matcalc.numeric.kernels import canonical, gated
from matcalc.numeric.linalg import Array, associated, whole
from matcalc.numeric.operation import Kernel, Operation

Plan = Callable[[Node], tuple[Kernel | None, tuple[Node, ...]]]
"""node -> the kernel that computes it and the nodes that it is applied to; no kernel where it is what its one node is."""

CHUNK = 2**17
"""How many numbers a value has at most, unless the body for a single index has more."""
FIRST = 512
"""How many values of an index are tried to see how large the body is."""
PLACES = {"entry": (1,), "entry2": (1, 2), "row": (1,), "column": (1,), "member": (1,), "e": (2,)}
"""Which arguments of an operation are indices."""
_RELATIONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})


def is_condition(e: Node) -> bool:
    """Whether e is 0 or 1 by a comparison of whole numbers, or made of such."""
    name = head(e)
    if name in _RELATIONS:
        return is_scalar(e) and (any(map(is_index, operands(e))) or all(_is_whole(x) for x in operands(e)))
    if name == "spow":
        base, exponent = operands(e)
        return is_condition(base) and bool(getattr(exponent, "is_positive", False))
    if name not in ("sadd", "smul"):
        return False
    parts = [x for x in operands(e) if head(x) != "number"]
    return bool(parts) and all(map(is_condition, parts))


def _is_whole(x: Node) -> bool:
    return bool(getattr(x, "is_integer", False))


def gates(factors: Sequence[Node]) -> tuple[int, ...]:
    """Which factors of a product make it 0 by a condition, whatever the others are."""
    found = tuple(i for i, f in enumerate(factors) if is_scalar(f) and _is_gate(f))
    return () if len(found) == len(factors) else found


def _is_gate(e: Node) -> bool:
    return is_condition(e) or (head(e) == "smul" and any(map(is_condition, operands(e))))


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """values[out] = function(values[i] for i in args), where `kernel` does the same for single matrices."""

    kernel: Kernel
    function: Batched
    args: tuple[int, ...]
    out: int
    node: Node


def one_by_one(kernel: Kernel, scalars: tuple[bool, ...]) -> Batched:
    """The kernel applied to the matrices of each value of the indices in turn."""

    def looped(*args: Array) -> Array:
        batch = np.broadcast_shapes(*(a.shape[2:] for a in args))
        parts = Operation(kernel, cast(Node, None), args, np.ones(batch, bool), scalars)
        made = np.stack([np.atleast_2d(kernel.function(*one)) for one in parts.each()], axis=-1)
        return made.reshape(*made.shape[:2], *batch)

    return looped


@dataclass(eq=False, slots=True)
class Notes:
    """What was met on the way: an index out of its range, and how many numbers the widest value has for one index."""

    strays: bool = False
    width: int = 0


class Sum:
    """Σ_i body: called with the ends of the range, the rows and columns of a matrix, and what `captured` is."""

    def __init__(self, e: Node, plan: Plan) -> None:
        """Compile the body; `plan` tells how its parts are computed."""
        body, index, *ends = operands(e)
        self._scalar = is_scalar(e)
        self.steps: list[Step] = []
        self._scalars: dict[int, tuple[bool, ...]] = {}
        captured: list[Node] = []
        slots: dict[Node, int] = {}

        def below(x: Node) -> tuple[Node, ...]:
            return plan(x)[1] if index in free_indices(x) else ()

        for x in postorder([index, body], below):
            kernel, args = plan(x) if x is not index and index in free_indices(x) else (None, ())
            if args and kernel is None:
                slots[x] = slots[args[0]]
                continue
            slots[x] = slot = len(self._scalars)
            self._scalars[slot] = tuple(map(is_scalar, args))
            if kernel is not None:
                function = _batched(kernel, x, self._scalars[slot])
                self.steps.append(Step(kernel, function, tuple(slots[a] for a in args), slot, x))
            elif x is not index:
                captured.append(x)
        self.args = (*ends, *shape(e), *captured)
        self._given = [slots[x] for x in captured]
        self._body = slots[body]
        self.kinked = any(step.kernel.kinked and not is_condition(step.node) for step in self.steps)

    @property
    def kernel(self) -> Kernel:
        """The sum as a kernel."""
        return Kernel(self, analytic=all(step.kernel.analytic for step in self.steps), inner=self)

    def __call__(self, *args: Array) -> Array:
        """The sum for numbers and matrices; IndexError where an index that counts is out of its range."""
        held, notes = _held(args), Notes()
        made = self.total(held, notes)
        if notes.strays:
            self._refuse(held)
        return made[0, 0] if self._scalar else made

    def nearest(self, *args: Array) -> Array:
        """The sum with the nearest place wherever an index is out of its range."""
        made = self.total(_held(args), Notes())
        return made[0, 0] if self._scalar else made

    # ------------------------------------------------------------ values

    def total(self, args: Sequence[Array], notes: Notes) -> Array:
        """The sum for arrays (rows, columns, …)."""
        made: Array = None
        for values, axis, inside in self._chunks(args, notes):
            part = self._summed(values, axis, inside)
            made = part if made is None else made + part
        if made is not None:
            return made
        dims = (1, 1) if self._scalar else tuple(whole(number(n)) for n in args[2:4])
        return np.zeros(dims + (1,) * (args[0].ndim - 2))

    def _chunks(self, args: Sequence[Array], notes: Notes) -> Iterator[tuple[list[Array], int, Array | None]]:
        """(values of all slots, the axis of the index, where it is in range or None for everywhere), part by part."""
        low, high = args[0].real, args[1].real
        first, last = map(_end, (low.min(), high.max()))
        outer = math.prod(np.broadcast_shapes(*(a.shape[2:] for a in args)))
        axis = 2 if outer > last - first else args[0].ndim
        given = [np.expand_dims(a, axis) for a in args[len(args) - len(self._given) :]]
        ends = [np.expand_dims(end, axis)[0, 0] for end in (low, high)] if low.size * high.size > 1 else []
        size = max(1, FIRST // outer)
        while first <= last:
            count = min(size, last - first + 1)
            index = np.arange(first, first + count, dtype=float)
            index = index.reshape([count if k == axis else 1 for k in range(args[0].ndim + 1)])
            values, widest = self._values(index, given, notes)
            yield values, axis, (ends[0] <= index[0, 0]) & (index[0, 0] <= ends[1]) if ends else None
            notes.width = max(notes.width, widest // count)
            size = max(1, CHUNK // max(1, notes.width))
            first += count

    def _values(self, index: Array, given: Sequence[Array], notes: Notes) -> tuple[list[Array], int]:
        """(the values of all slots, how many numbers the widest has)."""
        values: list[Array] = [None] * len(self._scalars)
        values[0], widest = index, index.size
        for slot, value in zip(self._given, given, strict=True):
            values[slot] = value
        for step in self.steps:
            args = [values[i] for i in step.args]
            if isinstance(step.kernel.inner, Sum):
                within = Notes()
                values[step.out] = step.kernel.inner.total(args, within)
                widest = max(widest, within.width)
                notes.strays |= within.strays
                continue
            values[step.out] = step.function(*args)
            widest = max(widest, values[step.out].size)
            notes.strays |= any(i.real.min() < 1 or i.real.max() > size for i, size in _places(step.node, args))
        return values, widest

    def _summed(self, values: list[Array], axis: int, inside: Array | None) -> Array:
        last = self.steps[-1] if self.steps else None
        count = values[0].shape[axis]
        if last is not None and last.out == self._body and inside is None and axis == 2 and values[0].ndim == 3:
            factors = [values[i] for i in last.args]
            if head(last.node) == "mul" and not last.kernel.gates and all(f.shape[2:] == (count,) for f in factors):
                return contracted(factors)
        body = values[self._body]
        if inside is not None:
            body = np.where(inside, body, 0.0)
        return body.sum(axis=axis) if body.shape[axis] == count else count * body.sum(axis=axis)

    # ------------------------------------------------------------ what is inside

    def parts(self, *args: Array) -> Iterator[Operation]:
        """Every operation within, for the operands of the sum."""
        yield from self._parts(_held(args), np.array(True))

    def _parts(self, args: Sequence[Array], counts: Array) -> Iterator[Operation]:
        for values, axis, inside in self._chunks(args, Notes()):
            here = np.expand_dims(counts, axis - 2) if counts.ndim else counts
            needed = {self._body: here if inside is None else here & inside}
            for step in reversed(self.steps):
                where = needed.get(step.out)
                if where is None:
                    continue
                operands_ = [values[i] for i in step.args]
                if isinstance(step.kernel.inner, Sum):
                    batch = np.broadcast_shapes(where.shape, *(a.shape[2:] for a in operands_))
                    yield from step.kernel.inner._parts(operands_, np.broadcast_to(where, batch))
                else:
                    yield Operation(step.kernel, step.node, operands_, where, self._scalars[step.out])
                opened = where
                for i in step.kernel.gates:
                    opened = opened & (operands_[i] != 0)[0, 0]
                for k, slot in enumerate(step.args):
                    found = where if k in step.kernel.gates else opened
                    needed[slot] = needed[slot] | found if slot in needed else found

    def _refuse(self, args: Sequence[Array]) -> None:
        """IndexError where an index that counts is out of its range."""
        for part in self._parts(args, np.array(True)):
            for index, size in _places(part.node, part.args):
                place = np.rint(index.real)[0, 0]
                wrong = ((place < 1) | (place > size)) & part.counts
                if wrong.any():
                    found = np.broadcast_to(place, wrong.shape)[wrong][0]
                    raise IndexError(f"index {found:.0f} is not in 1..{size}")


def _held(args: Sequence[Array]) -> list[Array]:
    return [np.reshape(a, (1, 1)) if np.ndim(a) == 0 else a for a in args]


def nearest(kernel: Kernel, e: Node, args: Sequence[Array]) -> Array | None:
    """What an operation is with the nearest places for those that are not there; None where it takes no places."""
    if isinstance(kernel.inner, Sum):
        return kernel.inner.nearest(*args)
    if head(e) not in PLACES:
        return None
    inside = list(args)
    for k, (index, size) in zip(PLACES[head(e)], _places(e, args), strict=True):
        inside[k] = np.clip(np.rint(index.real), 1, size)
    return cast(Array, kernel.function(*inside))


def _places(e: Node, args: Sequence[Array]) -> list[tuple[Array, int]]:
    """(index, how far it may go) for the indices among the arguments of an operation."""
    name = head(e)
    if name not in PLACES:
        return []
    rows, columns = args[0].shape[:2]
    if name == "entry":
        sizes = [rows * columns]
    elif name == "member":
        sizes = [whole(number(args[2]))]
    elif name == "e":
        sizes = [whole(number(args[0])) * whole(number(args[1]))]
    else:
        sizes = {"entry2": [rows, columns], "row": [rows], "column": [columns]}[name]
    return [(args[i], size) for i, size in zip(PLACES[name], sizes, strict=True)]


def _end(found: Array) -> int:
    """The end of a range; IndexError where it is no whole number."""
    end = round(float(found))
    if end != found:
        raise IndexError(f"an index runs over whole numbers, and {float(found)} is none")
    return end


def contracted(factors: Sequence[Array]) -> Array:
    """The sum over the one index of a product of matrices, each (rows, columns, index); the first may be a scalar."""
    scale, (first, *others) = (factors[0], factors[1:]) if factors[0].shape[:2] == (1, 1) else (None, factors)
    if not others:
        return first.sum(axis=2) if scale is None else np.tensordot(first, scale[0, 0], axes=(2, 0))
    last = others[-1]
    if scale is not None:
        first = scale * first
    if len(others) > 1:
        first = associated(multiply, [first, *others[:-1]])
    return np.tensordot(first, last, axes=((1, 2), (0, 2)))


def _batched(kernel: Kernel, e: Node, scalars: tuple[bool, ...]) -> Batched:
    """The kernel of e for all values of the indices at once."""
    name = canonical(head(e))
    found = BATCHED.get(name)
    if found is not None:
        return gated(found, kernel.gates) if kernel.gates else found
    return kernel.function if kernel.entrywise and name != "polygamma" else one_by_one(kernel, scalars)
