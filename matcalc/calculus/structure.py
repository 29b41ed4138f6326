"""Structure of expressions: transposes in normal form; what is symmetric, triangular, orthogonal.

Which operations keep a structure is data (`rules/structures.toml`): `closed` lists those that keep it when all
operands have it, `absorbs` those for which one operand is enough, `made_by` those whose results have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from matcalc.errors import DeclarationError
from matcalc.nodes.algebra import add, build, mul, split_coefficient, transpose
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, postorder, properties, shape
from matcalc.nodes.indices import SUM, index_sum
from matcalc.rulebase.base import Structure

_PASSES = frozenset({"mul", "add", "hadamard", "hadpow", "kron"})
_COMMUTES = frozenset({"inv", "matpow", "expm", "logm", "sqrtm", "adj", "pinv"})


def closure(names: Iterable[str], table: Mapping[str, Structure]) -> frozenset[str]:
    """The structures of these names and all that they imply."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in table:
            found.add(name)
            waiting.extend(table[name].implies)
    return frozenset(found)


class Structures:
    """What can be said of the structure of expressions, remembered node by node."""

    def __init__(
        self,
        table: Mapping[str, Structure],
        entrywise: Callable[[str], bool],
        cost: Callable[[Node], int],
        definitions: Mapping[Node, Node],
        unused: frozenset[str],
    ) -> None:
        """`entrywise` and `cost` say which operations work entry by entry and what a reader sees of an expression.

        A named intermediate has the structure of its definition.  Of `unused` structures no use is made.
        """
        self._unused = unused
        self._table = table
        self._definitions = definitions
        self._entrywise = entrywise
        self._cost = cost
        self._transposes: dict[Node, Node] = {}
        self._known: dict[str, dict[Node, bool]] = {}

    def transposed(self, e: Node) -> Node:
        """A' in normal form: pushed to the factors of a product; into a sum only where that is no longer."""
        if is_scalar(e):
            return e
        if e in self._transposes:
            return self._transposes[e]
        for x in postorder([e], self._transposed_with):
            if x not in self._transposes:
                self._transposes[x] = self._transpose(x)
        return self._transposes[e]

    def has(self, e: Node, structure: str) -> bool:
        """Whether e is known to be symmetric, lower, orthogonal …; False where nothing is known."""
        if is_scalar(e):
            return structure in ("symmetric", "diagonal", "lower", "upper") or bool(getattr(e, f"is_{structure}", False))
        known = self._known.setdefault(structure, {})
        if e in known:
            return known[e]
        for x in postorder([e], lambda x: () if x in known else operands(x)):
            if x not in known:
                known[x] = is_scalar(x) or self._infer(x, structure, known)
        return known[e]

    def declared(self, e: Node) -> frozenset[str]:
        """The structures that the declaration of a variable states or implies."""
        return closure(properties(e), self._table)

    def known(self, structure: str) -> bool:
        """Whether there is a structure of that name."""
        return structure in self._table

    def subspaces(self, X: Node) -> list[str]:
        """The subspaces in which a variable lives, those implied by narrower ones left out."""
        found = [p for p in sorted(self.declared(X)) if "project" in self._table[p].formulas]
        implied = {q for p in found for q in closure(self._table[p].implies, self._table)}
        narrowest = [p for p in found if p not in implied]
        if len(narrowest) > 1:
            raise DeclarationError(
                f"{X.name} is declared {' and '.join(narrowest)}, which together are narrower than either",
                hint="declare what they make together (symmetric and lower: diagonal)",
            )
        return narrowest

    def _infer(self, x: Node, structure: str, known: Mapping[Node, bool]) -> bool:
        name = head(x)
        if name == "symbol":
            definition = self._definitions.get(x)
            if definition is not None:
                return self.has(definition, structure)
            return structure in self.declared(x) and structure not in self._unused
        if structure == "symmetric":
            return shape(x)[0] == shape(x)[1] and self.transposed(x) is x
        record = self._table[structure]
        if name == "transpose":
            return self.has(operands(x)[0], record.transpose or structure)
        if name in record.made_by:
            return True
        c, core = split_coefficient(x)
        if c is not ONE and core is not None:
            scales = "project" in record.formulas or (record.cone and bool(c.is_positive))
            return scales and self.has(core, structure)
        parts = [known[o] for o in operands(x) if not is_scalar(o)]
        return bool(parts) and ((name in record.closed and all(parts)) or (name in record.absorbs and any(parts)))

    def _transposed_with(self, x: Node) -> tuple[Node, ...]:
        name = head(x)
        if name == SUM and x not in self._transposes:
            return operands(x)[:1]
        if x in self._transposes or not (name in _PASSES or name in _COMMUTES or self._entrywise(name)):
            return ()
        return tuple(o for o in operands(x) if not is_scalar(o))

    def _transpose(self, x: Node) -> Node:
        name = head(x)
        if name == "symbol":
            declared = self.declared(x)
            symmetric = "symmetric" in declared or (x in self._definitions and self.has(x, "symmetric"))
            return x if symmetric else mul(-ONE, x) if "skew" in declared else transpose(x)
        if name == "mul":
            c, core = split_coefficient(x)
            if c is not ONE and core is not None:
                return mul(c, self.transposed(core))
            pushed = tuple(self._transposes[o] for o in reversed(operands(x)))
            return transpose(x) if _sums(x) and any(map(_is_turned, pushed)) else mul(*pushed)
        if name == "diag":
            return x
        if name == SUM:
            body = self._transposes[operands(x)[0]]
            return x if body is operands(x)[0] else index_sum(body, *operands(x)[1:])
        if not self._transposed_with(x) and name not in _COMMUTES:
            return transpose(x)
        inside = tuple(o if is_scalar(o) else self._transposes[o] for o in operands(x))
        if name in _COMMUTES:
            return x if inside[0] is operands(x)[0] else transpose(x)
        if name == "add":
            pushed = add(*inside)
        else:
            pushed = build(name, inside, shape(x)[::-1])
        if name in ("add", "hadamard") and Counter(operands(pushed)) == Counter(operands(x)):
            return x
        return pushed if name == "kron" or pushed is x or self._cost(pushed) <= self._cost(x) else transpose(x)


def _sums(x: Node) -> bool:
    """Whether x is a sum along an axis, a product with ones."""
    return any(head(o) == "ones" for o in operands(x)) and len(operands(x)) == 2


def _is_turned(f: Node) -> bool:
    """Whether f is the transpose of something longer than a name: sum(A + B, axis=0)' stays as it is."""
    return head(f) == "transpose" and head(operands(f)[0]) != "symbol"
