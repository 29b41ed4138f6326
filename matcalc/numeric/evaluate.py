"""Numbers for expressions: a graph compiled once into a list of steps, run for any arrays.

Each shared node is one step; the list is flat, so depth is no limit.  Named intermediates are steps of their own and can be
replaced by other values.  Operations without a kernel are evaluated through the `value` formula of their rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from sympy import Expr

from matcalc.errors import ArgumentError
from matcalc.nodes.algebra import unbroadcast
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder, shape
from matcalc.nodes.indices import SUM
from matcalc.nodes.unknown import is_unknown
from matcalc.numeric.arrays import bind, outside
from matcalc.numeric.batch import Sum, gates, nearest
from matcalc.numeric.kernels import gated_kernel, kernel, sympy_kernel
from matcalc.numeric.linalg import Array
from matcalc.numeric.operation import Kernel
from matcalc.numeric.unknown import unknown_kernel
from matcalc.rulebase.base import Rulebase, rulebase

Jitter: TypeAlias = Callable[[Array], Array]
"""What happens to the result of a step."""

Strays: TypeAlias = "list[tuple[Step, IndexError]]"
"""The steps that take a place which is not there, and what is said of it."""

_IDENTITY = Kernel(lambda x: x)


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """values[out] = kernel(values[i] for i in args)."""

    kernel: Kernel
    args: tuple[int, ...]
    out: int
    node: Node

    def value(self, args: Sequence[Array], strays: Strays) -> Array:
        """The value for such operands; where it is a stray, that with the nearest places."""
        try:
            return self.kernel.function(*args)
        except IndexError as error:
            found = nearest(self.kernel, self.node, args)
            if found is None:
                raise
            strays.append((self, error))
            return found


class Program:
    """Expressions ready to be evaluated: `inputs` by name to slot, `steps` in order, `outputs` as slots."""

    def __init__(
        self,
        roots: Sequence[Node],
        definitions: Mapping[Node, Node] | None = None,
        rules: Rulebase | None = None,
        functions: Mapping[str, Callable[..., object]] | None = None,
    ) -> None:
        """Compile roots; leaves among definitions are computed, all others are inputs.

        Unknown functions and their gradients are those given as ell and grad_ell, on arrays of the documented shapes;
        where none is given, a smooth sample stands for them.
        """
        self._functions = functions or {}
        self._definitions = definitions or {}
        self._rules = rules
        self._plans: dict[Node, tuple[Kernel | None, tuple[Node, ...]]] = {}
        self.inputs: dict[str, int] = {}
        self.slots: dict[Node, int] = {}
        self.steps: list[Step] = []
        self._start: list[Any] = []
        for e in postorder(roots, self._children):
            self._compile(e)
        self.roots = tuple(roots)
        self.outputs = [self.slots[r] for r in roots]
        self.gated = any(step.kernel.gates for step in self.steps)
        self._after: dict[tuple[tuple[int, ...], int], list[Step]] = {}
        self._downstream: dict[tuple[int, ...], list[Step]] = {}

    def _children(self, e: Node) -> tuple[Node, ...]:
        return self._planned(e)[1]

    def _planned(self, e: Node) -> tuple[Kernel | None, tuple[Node, ...]]:
        found = self._plans.get(e)
        if found is None:
            found = self._plans[e] = self._plan(e)
        return found

    def _plan(self, e: Node) -> tuple[Kernel | None, tuple[Node, ...]]:
        """The kernel of e and the nodes it is applied to; no kernel for a leaf or where e is what its one child is."""
        if e in self._definitions:
            return _IDENTITY, (self._definitions[e],)
        name = head(e)
        if name in ("symbol", "number"):
            return None, ()
        args = operands(e)
        if name == SUM:
            inner = Sum(e, self._planned)
            return inner.kernel, inner.args
        if is_unknown(name):
            return unknown_kernel(e, self._functions), args
        found = kernel(name)
        if name in ("smul", "mul") and (closing := gates(args)):
            found = gated_kernel(name, closing)
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
        found, args = self._plans[e]
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
        return self._run(self.steps, self.start(arrays), self.outputs, jitter)

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
        return self._run(self.after(tuple(moved), root), new, self.outputs[root : root + 1], jitter)

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
        return self._run(self._downstream[slots], new, self.outputs, jitter)

    def _run(self, steps: list[Step], values: list[Array], roots: Iterable[int], jitter: Jitter | None) -> list[Array]:
        """The values once the steps are made; IndexError where a place that is not there counts for the roots."""
        strays: Strays = []
        with np.errstate(all="ignore"):
            for step in steps:
                value = step.value([values[i] for i in step.args], strays)
                whole = is_scalar(step.node) and step.node.is_integer  # an exponent, a size
                values[step.out] = value if jitter is None or whole else jitter(value)
        counts = self.counting(values, roots) if strays else ()
        for step, error in strays:
            if step.out in counts:
                raise error
        return values

    def only(self, root: Node) -> Program:
        """The program of one of the roots."""
        return Program([root], self._definitions, self._rules, self._functions)

    def counting(self, values: Sequence[Array], roots: Iterable[int]) -> set[int]:
        """The slots that the roots depend on: nothing else does in a product that a condition makes 0."""
        found = set(roots)
        for step in reversed(self.steps):
            if step.out in found:
                gates = [step.args[i] for i in step.kernel.gates]
                closed = any(values[i] is not None and np.all(values[i] == 0) for i in gates)
                found.update(gates if closed else step.args)
        return found

    def unconditional(self) -> list[Node]:
        """The nodes that the roots depend on, whatever a condition says."""
        return unconditional(self.roots, self._definitions)


def unconditional(roots: Iterable[Node], definitions: Mapping[Node, Node]) -> list[Node]:
    """The nodes that the roots depend on, whatever a condition says."""

    def below(e: Node) -> tuple[Node, ...]:
        if e in definitions:
            return (definitions[e],)
        args = operands(e)
        closing = gates(args) if head(e) in ("smul", "mul") else ()
        return tuple(args[i] for i in closing) or args

    return list(postorder(roots, below))


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


def evaluate(
    roots: Sequence[Node],
    arrays: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
    definitions: Mapping[Node, Node] | None = None,
    rules: Rulebase | None = None,
    functions: Mapping[str, Callable[..., object]] | None = None,
) -> list[Any]:
    """The values of the roots, in their documented shapes, for arrays, sizes and unknown functions by name.

    An intermediate that is given as an array is not computed.
    """
    computed = {leaf: e for leaf, e in (definitions or {}).items() if name_of(leaf) not in arrays}
    program = Program(roots, computed, rules, functions)
    found = bind(leaves(program), arrays, sizes)
    return [outside(v, r, sizes=found) for v, r in zip(program.run(found), roots, strict=True)]


def leaves(program: Program) -> dict[str, Node]:
    """The inputs of a program as nodes, by name."""
    names = {slot: name for name, slot in program.inputs.items()}
    return {names[slot]: e for e, slot in program.slots.items() if slot in names and head(e) == "symbol"}
