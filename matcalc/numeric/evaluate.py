"""Numbers for expressions: a graph compiled once into a list of steps, run for any arrays.

Each shared node is one step; the list is flat, so depth is no limit.  Named intermediates are steps of their own and can be
replaced by other values.  Operations without a kernel are evaluated through the `value` formula of their rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

import numpy as np
from sympy import Expr, Symbol

from matcalc.errors import ArgumentError, ShapeError
from matcalc.nodes.algebra import unbroadcast
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder, shape
from matcalc.numeric.kernels import Kernel, kernel, sympy_kernel
from matcalc.numeric.linalg import Array
from matcalc.rulebase.base import Rulebase, rulebase

Jitter: TypeAlias = Callable[[Array], Array]
"""What happens to the result of a step."""

_IDENTITY = Kernel(lambda x: x)


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """values[out] = kernel(values[i] for i in args)."""

    kernel: Kernel
    args: tuple[int, ...]
    out: int
    node: Node


class Program:
    """Expressions ready to be evaluated: `inputs` by name to slot, `steps` in order, `outputs` as slots."""

    def __init__(
        self,
        roots: Sequence[Node],
        definitions: Mapping[Node, Node] | None = None,
        rules: Rulebase | None = None,
    ) -> None:
        """Compile roots; leaves among definitions are computed, all others are inputs."""
        self._definitions = definitions or {}
        self._rules = rules
        self._plans: dict[int, tuple[Kernel | None, tuple[Node, ...]]] = {}
        self.inputs: dict[str, int] = {}
        self.slots: dict[Node, int] = {}
        self.steps: list[Step] = []
        self._start: list[Any] = []
        for e in postorder(roots, self._children):
            self._compile(e)
        self.outputs = [self.slots[r] for r in roots]
        self._after: dict[tuple[tuple[int, ...], int], list[Step]] = {}
        self._downstream: dict[tuple[int, ...], list[Step]] = {}

    def _children(self, e: Node) -> tuple[Node, ...]:
        found = self._plans.get(id(e))
        if found is None:
            found = self._plans[id(e)] = self._plan(e)
        return found[1]

    def _plan(self, e: Node) -> tuple[Kernel | None, tuple[Node, ...]]:
        """The kernel of e and the nodes it is applied to; no kernel for a leaf or where e is what its one child is."""
        if e in self._definitions:
            return _IDENTITY, (self._definitions[e],)
        name = head(e)
        if name in ("symbol", "number"):
            return None, ()
        args = operands(e)
        found = kernel(name)
        if found is not None:
            if found.shaped:
                return found, (*shape(e), *args)
            return found, _spread(args) if found.entrywise and shape(e) else args
        rules = self._rules or rulebase()
        if rules.has(name) and "value" in rules.record(name).formulas:
            return None, (rules.apply(name, "value", args, result=shape(e)),)
        found = sympy_kernel(name, len(args))
        if found is None:
            raise ArgumentError(f"`{name}` cannot be evaluated: it has neither a kernel nor a `value` formula")
        return found, _spread(args) if shape(e) else args

    def _compile(self, e: Node) -> None:
        found, args = self._plans[id(e)]
        if found is None and args:
            self.slots[e] = self.slots[args[0]]
            return
        self.slots[e] = slot = len(self._start)
        self._start.append(None)
        if found is not None:
            self.steps.append(Step(found, tuple(self.slots[a] for a in args), slot, e))
        elif head(e) == "number":
            self._start[slot] = _number(cast(Expr, e))
        elif name_of(e) in self.inputs:
            self.slots[e] = self.inputs[name_of(e)]
        else:
            self.inputs[name_of(e)] = slot

    @property
    def scale(self) -> float:
        """The largest number that is written in the expressions, at least 1."""
        return max([1.0, *(float(np.abs(v)) for v in self._start if v is not None and np.ndim(v) == 0 and np.isfinite(v))])

    def start(self, arrays: Mapping[str, Array]) -> list[Array]:
        """The values of numbers and inputs, the latter given by name as 2-D arrays and NumPy scalars; nothing else yet."""
        values = list(self._start)
        for name, slot in self.inputs.items():
            values[slot] = arrays[name]
        return values

    def values(self, arrays: Mapping[str, Array], jitter: Jitter | None = None) -> list[Array]:
        """Every slot's value for the inputs given by name; a jitter is applied to the result of every step."""
        return _run(self.steps, self.start(arrays), jitter)

    def run(self, arrays: Mapping[str, Array]) -> list[Array]:
        """The values of the roots."""
        values = self.values(arrays)
        return [values[slot] for slot in self.outputs]

    def length(self, root: int) -> int:
        """How many steps there are up to the root of that number and the roots before it."""
        ends = set(self.outputs[: root + 1])
        return max((i + 1 for i, step in enumerate(self.steps) if step.out in ends), default=0)

    def after(self, slots: tuple[int, ...], root: int = 0) -> list[Step]:
        """The steps on the way from some slots to the root of that number, in order."""
        found = self._after.get((slots, root))
        if found is None:
            touched, needed = set(slots), {self.outputs[root]}
            downstream = []
            for step in self.steps:
                if step.out not in slots and not touched.isdisjoint(step.args):
                    touched.add(step.out)
                    downstream.append(step)
            found = self._after[slots, root] = []
            for step in reversed(downstream):
                if step.out in needed:
                    needed.update(step.args)
                    found.append(step)
            found.reverse()
        return found

    def changed(
        self,
        values: list[Array],
        moved: Mapping[int, Array],
        root: int = 0,
        jitter: Jitter | None = None,
    ) -> Array:
        """The value of a root once some slots hold other values: what lies between is computed anew."""
        return self.all_changed(values, moved, root, jitter)[self.outputs[root]]

    def all_changed(
        self,
        values: list[Array],
        moved: Mapping[int, Array],
        root: int = 0,
        jitter: Jitter | None = None,
    ) -> list[Array]:
        """The values of all slots on the way to a root once some hold other values."""
        new = values.copy()
        for slot, value in moved.items():
            new[slot] = value
        return _run(self.after(tuple(moved), root), new, jitter)

    def all_downstream(self, values: list[Array], moved: Mapping[int, Array], jitter: Jitter | None = None) -> list[Array]:
        """The values of all slots once some hold other values."""
        slots = tuple(moved)
        if slots not in self._downstream:
            touched = set(slots)
            found = self._downstream[slots] = []
            for step in self.steps:
                if step.out not in slots and not touched.isdisjoint(step.args):
                    touched.add(step.out)
                    found.append(step)
        new = values.copy()
        for slot, value in moved.items():
            new[slot] = value
        return _run(self._downstream[slots], new, jitter)


def _run(steps: list[Step], values: list[Array], jitter: Jitter | None = None) -> list[Array]:
    with np.errstate(all="ignore"):
        for step in steps:
            value = step.kernel.function(*[values[i] for i in step.args])
            whole = is_scalar(step.node) and step.node.is_integer  # an exponent, a size
            values[step.out] = value if jitter is None or whole else jitter(value)
    return values


def _spread(args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The operands without the ones that spread them, where NumPy's own broadcasting does the same."""
    small = [a if is_scalar(a) else unbroadcast(a) for a in args]
    matrices = [i for i, a in enumerate(args) if not is_scalar(a)]
    if all(small[i] is not args[i] for i in matrices):
        small[matrices[0]] = args[matrices[0]]
    return tuple(small)


def _number(e: Expr) -> Any:
    try:
        return np.float64(float(e))
    except TypeError:
        return np.float64(np.nan)
    except OverflowError:
        return np.float64(np.inf)


# ---------------------------------------------------------------- arrays and sizes


@lru_cache(maxsize=1024)
def _polynomial(e: Expr, names: tuple[str, ...], values: tuple[int, ...]) -> int | None:
    known = dict(zip(names, values, strict=True))
    result = e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})
    return int(result) if result.is_Integer else None


def dimension(e: Expr, sizes: Mapping[str, int]) -> int | None:
    """The dimension e as an integer; None where a size in it is not known."""
    if e.is_Integer:
        return int(e)
    if isinstance(e, Symbol):
        return sizes.get(e.name)
    return _polynomial(e, tuple(sizes), tuple(sizes.values()))


def inside(array: object, node: Node) -> Array:
    """A user's array as it is held inside: a NumPy scalar, or 2-D with a vector as a column."""
    try:
        made = np.asarray(array)
        made = made.astype(complex if made.dtype.kind == "c" else float, copy=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name_of(node)} is not an array of numbers") from error
    if is_scalar(node):
        if made.size != 1:
            raise ShapeError(f"{name_of(node)} is a scalar, but its value has the shape {made.shape}")
        return made.reshape(-1)[0]
    if made.ndim == 1 and shape(node)[1] == 1:
        return made[:, None]
    if made.ndim != 2:
        raise ShapeError(f"{name_of(node)} has the shape {dims_text(node)}, but its value {made.shape}")
    return made


def outside(value: Array, node: Node) -> Any:
    """An inner value in its documented shape: (n,) of a vector, () of a scalar."""
    if is_scalar(node):
        return np.asarray(value)[()]
    filled = np.broadcast_to(value, np.shape(value))
    return filled[:, 0].copy() if shape(node)[1] == 1 else np.array(filled)


def dims_text(node: Node) -> str:
    """The shape of a node as people write it: (n,) or (m, n)."""
    dims = shape(node)
    return f"({dims[0]},)" if dims[1] == 1 else f"({dims[0]}, {dims[1]})"


def infer_sizes(arrays: Mapping[Node, Array], given: Mapping[str, int] | None = None) -> dict[str, int]:
    """The sizes by name that the shapes of the arrays tell, checked against each other and those given."""
    sizes: dict[str, int] = dict(given or {})
    told: dict[str, str] = {}
    pending = [(node, d, actual) for node, a in arrays.items() for d, actual in zip(shape(node), a.shape, strict=False)]
    for node, d, actual in sorted(pending, key=lambda p: not p[1].is_Symbol):
        expected = dimension(d, sizes)
        if expected is None:
            name = next(s.name for s in d.free_symbols if s.name not in sizes)
            expected = next((v for v in range(1, actual + 1) if dimension(d, {**sizes, name: v}) == actual), None)
            if expected is not None:
                sizes[name], told[name] = expected, f"by {name_of(node)}"
                continue
        if expected != actual:
            because = ", ".join(
                f"{s} is {sizes[s.name]} {told.get(s.name, 'as given')}" for s in d.free_symbols if s.name in sizes
            )
            raise ShapeError(
                f"{name_of(node)} has the shape {dims_text(node)}, but its value has the shape {arrays[node].shape}"
                + (f" while {because}" if because else "")
            )
    return sizes


def evaluate(
    roots: Sequence[Node],
    arrays: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
    definitions: Mapping[Node, Node] | None = None,
    rules: Rulebase | None = None,
) -> list[Any]:
    """The values of the roots, in their documented shapes, for arrays and sizes by name.

    An intermediate that is given as an array is not computed.
    """
    computed = {leaf: e for leaf, e in (definitions or {}).items() if name_of(leaf) not in arrays}
    program = Program(roots, computed, rules)
    found = bind(leaves(program), arrays, sizes)
    return [outside(v, r) for v, r in zip(program.run(found), roots, strict=True)]


def leaves(program: Program) -> dict[str, Node]:
    """The inputs of a program as nodes, by name."""
    names = {slot: name for name, slot in program.inputs.items()}
    return {names[slot]: e for e, slot in program.slots.items() if slot in names and head(e) == "symbol"}


def bind(
    inputs: Mapping[str, Node],
    arrays: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
    required: Iterable[str] | None = None,
) -> dict[str, Array]:
    """The inner value of every input by name: the arrays given, the sizes that they tell; those required must be there."""
    held = {inputs[name]: inside(value, inputs[name]) for name, value in arrays.items() if name in inputs}
    stated = {name_of(node): round(float(a.real)) for node, a in held.items() if is_scalar(node) and node.is_integer}
    known = infer_sizes({node: a for node, a in held.items() if not is_scalar(node)}, {**stated, **(sizes or {})})
    values: dict[str, Array] = {name: np.float64(size) for name, size in known.items() if name in inputs}
    values.update({name_of(node): a for node, a in held.items()})
    missing = [name for name in (inputs if required is None else required) if name not in values]
    if missing:
        tells = any(not is_scalar(inputs[name]) for name in missing)
        raise ArgumentError(
            f"no value for {', '.join(missing)}", hint="" if tells else "no array tells it: give it by its name"
        )
    return values
