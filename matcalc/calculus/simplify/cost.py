"""The cost that simplification lowers: how many nodes a reader sees, and more for what no textbook prints."""

from __future__ import annotations

from collections.abc import Callable

from matcalc.nodes.algebra import unbroadcast
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, postorder, shape
from matcalc.nodes.unknown import is_unknown

_HELPERS = {
    "dpow": 12,
    "dexpm": 12,
    "dlogm": 12,
    "sylvester": 6,
    "block_inner": 6,
    "block_sum": 6,
    "unvec": 2,
    "unvech": 2,
    "kron": 3,
    "eye": 4,
    "commutation": 3,
}
_BROADCASTS = frozenset({"add", "hadamard", "max", "min", "pow", "gt", "ge", "lt", "le", "eq", "ne"})


class Cost:
    """The cost of expressions, remembered node by node."""

    def __init__(self, is_entrywise: Callable[[str], bool]) -> None:
        self._entrywise = is_entrywise
        self._known: dict[Node, int] = {}

    def __call__(self, e: Node) -> int:
        """About the number of nodes of e as printed."""
        found = self._known.get(e)
        if found is None:
            if all(o in self._known for o in operands(e)):
                found = self._known[e] = self._count(e)
                return found
            for x in postorder([e], lambda x: () if x in self._known else operands(x)):
                if x not in self._known:
                    self._known[x] = self._count(x)
            found = self._known[e]
        return found

    def _count(self, x: Node) -> int:
        args = operands(x)
        name = head(x)
        known = self._known
        match name:
            case "scalar":
                return known[args[0]]
            case "mul":
                return self._product(args, ONE in shape(x) and shape(x)[0] == shape(x)[1])
            case "smul":
                return self._quotient(args)
            case "add" | "sadd":
                return 1 + sum(self._seen(o) for o in args)
            case "spow" | "hadpow":
                return known[args[0]] + (1 if args[1] in (-1, 0.5) else 2 if args[1].is_Number else 1 + known[args[1]])
            case "hadamard":
                return 1 + sum(self._seen(_denominator(o)) + (2 if head(o) == "e" else 0) for o in args)
            case "entry" | "entry2" | "row" | "column" | "member" | "e":
                return 1 + sum(known[o] for o in args[:1])
            case "isum":
                return 2 + known[args[0]]
        if name in _BROADCASTS:
            return 1 + sum(self._seen(o) for o in args)
        if name == "number" or is_unknown(name):
            return 1
        return 1 + _HELPERS.get(name, 0) + sum(known[o] for o in args)

    def _seen(self, o: Node) -> int:
        """The cost of an operand that broadcasts."""
        bare = unbroadcast(o)
        return self._known[o] if bare is o else self(bare)

    def _product(self, args: tuple[Node, ...], scalar: bool) -> int:
        known = self._known
        if len(args) == 2 and args[0] == -1:
            return 1 + known[args[1]]
        total = 1 + sum(known[o] for o in args)
        if is_scalar(args[0]):
            total -= head(args[0]) == "smul"
            args = args[1:]
        first, last = args[0], args[-1]
        sums = (head(last) == "ones" and shape(last)[1] == 1) or (head(first) == "ones" and shape(first)[0] == 1)
        return total - (len(args) > 1 and sums and not scalar)

    def _quotient(self, args: tuple[Node, ...]) -> int:
        return 1 + sum(self._known[o] - (1 if head(o) == "spow" and operands(o)[1].is_negative else 0) for o in args)


def _denominator(o: Node) -> Node:
    return operands(o)[0] if head(o) == "hadpow" and operands(o)[1] == -1 else o
