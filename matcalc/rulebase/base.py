"""The rule base: what the rules say of an operation and its operands, at a few microseconds a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import sympy
from sympy import Expr

from matcalc.errors import UndifferentiableError
from matcalc.nodes.algebra import build, rebuild, scalar_function, transpose, zeros
from matcalc.nodes.expr import ONE, SCALAR, Node, Shape, head, is_scalar, operands, scalar_node, shape, size_symbol, substitute
from matcalc.rulebase.differential import differential
from matcalc.rulebase.formulas import ANY, Formulas
from matcalc.rulebase.templates import Template, compile_template
from matcalc.rulefiles.records import Identity, Record, Signatures, Structure
from matcalc.rulefiles.signatures import load as load_signatures

__all__ = ["Record", "Rulebase", "Structure", "load", "rulebase"]

T = TypeVar("T")
Derive = Callable[[str, Node, Node, Node, "Rulebase"], Node]
"""(name, L, D, G, rules) -> the Y with <G, L> = <Y, D>."""

_NAMED = frozenset({"identities", "forms", "moves"})
"""The files of identities that are used where they are asked for by name."""


class Rulebase(Formulas):
    """The rules of a set of files, filled in."""

    def __init__(self, signatures: Signatures) -> None:
        """Nothing is parsed yet."""
        super().__init__(signatures)
        self._derived: dict[tuple[str, int, bool], Template] = {}
        self._of_sympy = {record.sympy: record for record in self.records.values() if record.sympy}
        self._binders: dict[str, _Binder] = {}
        self._built: dict[Any, Any] = {}

    # ------------------------------------------------------------ looking up

    def has(self, name: str) -> bool:
        """Whether there is an operation of that name."""
        return name in self.records

    def rule_of(self, e: Node) -> Record | None:
        """The rule of the outermost operation of e, SymPy's scalar functions (`Abs`, `loggamma`) among them."""
        name = head(e)
        return self.records.get(name) or self._of_sympy.get(name)

    def record(self, name: str) -> Record:
        """The operation of that name."""
        return self.records[name]

    def is_linear(self, name: str) -> bool:
        """Whether the operation is linear in every argument that may move: each has an adjoint."""
        record = self.records.get(name)
        return record is not None and bool(record.linear) and all(a.name in record.linear for a in record.differentiable)

    def has_adjoint(self, name: str, i: int) -> bool:
        """Whether the operation is linear in operand i, with an adjoint of its own."""
        record = self.records.get(name)
        return record is not None and i < len(record.operands) and f"adjoint.{record.operands[i].name}" in record.formulas

    def is_joint(self, name: str) -> bool:
        """Whether the operation is linear in all its arguments together, as [A, B] is."""
        record = self.records.get(name)
        return record is not None and record.joint

    def is_entrywise(self, name: str) -> bool:
        """Whether the operation works entry by entry."""
        record = self.records.get(name)
        return record is not None and record.entrywise

    # ------------------------------------------------------------ structures and identities

    def structured(self, name: str, key: str, leaves: Mapping[str, Node]) -> Node:
        """A formula of a structure (sample, project, independent, pairing, entries, span) for W, G, Y or X, of one shape.

        A vector is read as the one row of the structure's X[m,n].
        """
        template = self.structure_template(name, key)
        wanted = self.structures[name].arguments[0].dims
        dims = self.dims(wanted)
        rows, columns = given = shape(next(iter(leaves.values()))) or (ONE, ONE)
        if columns == 1 and rows != 1 and wanted == ANY:
            turned = {letter: transpose(x) for letter, x in leaves.items()}
            return transpose(template.fill(turned, {dims[0]: columns, dims[1]: rows}, self.make))
        return template.fill(leaves, dict(zip(dims, given, strict=True)), self.make)

    def simplifying(self) -> list[Identity]:
        """The identities that are used without being asked for: all but those of the files in `_NAMED`."""
        return [i for i in self.signatures.identities.values() if i.file.stem not in _NAMED]

    def forms(self) -> list[Identity]:
        """The identities of `forms.toml`: the form in which a differential is taken by hand."""
        return [i for i in self.signatures.identities.values() if i.file.stem == "forms"]

    def made_once(self, compiler: Callable[[Rulebase], T]) -> T:
        """compiler(self), made once."""
        if compiler not in self._built:
            self._built[compiler] = compiler(self)
        return cast(T, self._built[compiler])

    # ------------------------------------------------------------ filling in

    def make(self, name: str, args: tuple[Node, ...], dims: Shape) -> Node:
        """The operation `name(*args)`; of scalars alone what its rule says that it is."""
        record = self.records.get(name)
        if record is not None and args and all(map(is_scalar, args)):
            if record.sympy is not None:
                return scalar_function(record.sympy, *args)
            if "scalar" in record.formulas:
                return self.apply(name, "scalar", args)
            dims = SCALAR if record.entrywise else dims
        if record is not None and "value" in record.formulas and dims == (ONE, ONE):
            return self.apply(name, "value", args)
        if record is None or dims or name == "tr":
            return build(name, args, dims)
        return scalar_node(name, args, record.nonnegative)

    def bind(self, name: str, args: tuple[Node, ...], result: Shape | None = None) -> dict[Expr, Expr]:
        """The sizes of a rule for these operands, and a result of this shape."""
        binder = self._binders.get(name)
        if binder is None:
            binder = self._binders[name] = _Binder(self.records[name], self)
        return binder(args, result)

    def instantiate(self, template: Template, leaves: Mapping[str, Node], sizes: Mapping[Expr, Expr]) -> Node:
        """A compiled formula with its leaves, by name, and its sizes replaced."""
        return template.fill(leaves, sizes, self.make)

    def apply(
        self, name: str, key: str, args: tuple[Node, ...], extra: Mapping[str, Node] | None = None, result: Shape | None = None
    ) -> Node:
        """A formula of a rule for these operands; `extra` holds dX … and G, `result` is the shape of the operation."""
        record = self.records[name]
        scalar = key == "scalar" or (record.entrywise and all(map(is_scalar, args)))
        template = self.template(name, key, scalar)
        if template is None:
            raise UndifferentiableError(f"{name} has no formula {key!r}", hint=f"add it to {record.file}")
        leaves = {a.name: x for a, x in zip(record.operands, args, strict=True)}
        if extra:
            leaves.update(extra)
            if result is None and "G" in extra:
                result = shape(extra["G"])
        return template.fill(leaves, self.bind(name, args, result), self.make)

    def condition(self, name: str, text: str, args: tuple[Node, ...]) -> Node:
        """What a condition of a rule is said of: the `A - B` of offkink(A - B), for these operands."""
        record = self.records[name]
        scalar = record.entrywise and all(map(is_scalar, args))
        where = (name, f"where {text}", scalar)
        template = self._templates.get(where)
        if template is None:
            leaves = self.leaves(record, scalar)
            node = self.parse(record, "where", text, leaves, record.sizes)
            template = self._templates[where] = compile_template(node, leaves.values())
        known = {a.name: x for a, x in zip(record.operands, args, strict=True)}
        return template.fill(known, self.bind(name, args), self.make)

    def adjoint(self, name: str, i: int, args: tuple[Node, ...], G: Node) -> Node:
        """The Y with <G, L(D)> = <Y, D>, where the operation is linear in operand i."""
        return self.apply(name, f"adjoint.{self.records[name].operands[i].name}", args, {"G": G})

    def differential(self, e: Node, i: int, dX: Node) -> Node:
        """What de is where operand i alone moves, by dX."""
        name, args = head(e), operands(e)
        record = self.records[name]
        argument = record.operands[i]
        if argument.name in record.linear:
            return self.make(name, (*args[:i], dX, *args[i + 1 :]), shape(e))
        if argument not in record.differentiable:
            return zeros(shape(e)) if shape(e) else sympy.S.Zero
        template = self._partial(record, i, is_scalar(e) and record.entrywise)
        leaves = {a.name: x for a, x in zip(record.operands, args, strict=True)}
        leaves[f"d{argument.name}"] = dX
        return template.fill(leaves, self.bind(name, args, shape(e)), self.make)

    def _partial(self, record: Record, i: int, scalar: bool) -> Template:
        """The differential of a rule where operand i alone moves: a part of d, or derived from the value."""
        name = record.operands[i].name
        where = (record.name, f"d.{name}", scalar)
        found = self._templates.get(where)
        if found is None:
            leaves = self.leaves(record, scalar)
            found = compile_template(self._moving(record, name, leaves, scalar), leaves.values())
            self._templates[where] = found
        return found

    def _moving(self, record: Record, name: str, leaves: Mapping[str, Node], scalar: bool) -> Node:
        whole, value = (self.formula(record.name, key, scalar) for key in ("d", "value"))
        if whole is not None:
            still = {leaves[f"d{a.name}"]: zeros(shape(leaves[a.name])) for a in record.differentiable if a.name != name}
            return substitute(whole, still, rebuild)
        if value is not None:
            return differential(value, {leaves[name]: leaves[f"d{name}"]}, self)
        raise UndifferentiableError(
            f"no rule differentiates {record.name} by {name}", hint=f'add d = "…" to [{record.name}] in {record.file}'
        )

    def apply_derived(self, name: str, i: int, args: tuple[Node, ...], G: Node, derive: Derive) -> Node:
        """The Y with <G, df> = <Y, dX> for operand i of a function, derived from its d once and for all."""
        record = self.records[name]
        argument = record.operands[i]
        if argument.name in record.linear:
            return self.adjoint(name, i, args, G)
        if argument not in record.differentiable:
            raise UndifferentiableError(
                f"{record.calls[0].function if record.calls else name} is not differentiated by {argument.name}",
                hint=f"declare what stands for {argument.name} as constant, or differentiate by another variable",
            )
        scalar = record.entrywise and is_scalar(G)
        where = (name, i, scalar)
        template = self._derived.get(where)
        if template is None:
            leaves = self.leaves(record, scalar)
            L = self._partial(record, i, scalar).node
            Y = derive(name, L, leaves[f"d{argument.name}"], leaves["G"], self)
            template = self._derived[where] = compile_template(Y, leaves.values())
        leaves = {a.name: x for a, x in zip(record.operands, args, strict=True)}
        leaves["G"] = G
        return template.fill(leaves, self.bind(name, args, shape(G)), self.make)


class _Binder:
    """Finds the sizes of one rule in the shapes of its operands and of its result."""

    def __init__(self, record: Record, rules: Rulebase) -> None:
        self._steps: list[tuple[int, int, Expr]] = []
        self._sizes: list[tuple[int, Expr]] = []
        for i, argument in enumerate(record.operands):
            if argument.is_size:
                self._sizes.append((i, size_symbol(argument.name)))
            elif record.entrywise:
                dims = () if argument.name in record.constant else ANY
                self._steps.extend((i, axis, size_symbol(d)) for axis, d in enumerate(dims))
            else:
                self._steps.extend((i, axis, d) for axis, d in enumerate(rules.dims(argument.dims)) if not d.is_Integer)
        self._result = [(axis, d) for axis, d in enumerate(rules.result(record)) if not d.is_Integer]

    def __call__(self, args: tuple[Node, ...], result: Shape | None) -> dict[Expr, Expr]:
        """{dimension of the type line: the actual one}; composite dimensions are listed as they stand."""
        sizes: dict[Expr, Expr] = {}
        if result is not None:
            for axis, d in self._result:
                sizes[d] = result[axis] if result else ONE
        for i, axis, d in self._steps:
            actual = shape(args[i])
            sizes[d] = actual[axis] if actual else ONE
        for i, d in self._sizes:
            sizes[d] = cast(Expr, args[i])
        return sizes


def load(files: tuple[Path, ...] = ()) -> Rulebase:
    """The rules of matcalc and of a person's own files, which are checked at once; made once."""
    return _load(tuple(files))


@lru_cache(maxsize=8)
def _load(files: tuple[Path, ...]) -> Rulebase:
    rules = Rulebase(load_signatures(files))
    if files:
        rules.validate(files)
    return rules


def rulebase() -> Rulebase:
    """The rules of matcalc."""
    return load()
