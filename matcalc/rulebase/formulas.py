"""The formulas of `rules/*.toml` as nodes and templates: parsed when first used, checked at once.

Leaves of a formula are its arguments (X), their differentials (dX), the cotangent G of the result's shape, and the names of
dimensions as sizes.  An entrywise rule is compiled twice, for matrices and for scalars.  A formula that breaks its contract
is a `RuleError` that names file, table and key and points into the formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import sympy
from sympy import Expr

from matcalc.errors import MatcalcError, RuleError
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import hadamard, is_zero, zeros
from matcalc.nodes.expr import ONE, SCALAR, Node, Shape, intern_scalar, postorder, shape, size_symbol, variable
from matcalc.rulebase.contract import linearity_fault, mention_fault, shape_fault
from matcalc.rulebase.templates import Template, compile_template
from matcalc.rulefiles.records import NAME, SPANNING, Argument, Identity, Record, Signatures, Structure

INDICES = frozenset("ijk")
"""Constant arguments of these names are integers."""

ANY = ("m", "n")
"""The shape of the arguments of an entrywise rule."""


class Formulas:
    """The formulas of a set of rule files."""

    def __init__(self, signatures: Signatures) -> None:
        """Nothing is parsed yet."""
        self.signatures = signatures
        self.records = signatures.records
        self.structures = signatures.structures
        self._templates: dict[tuple[str, str, bool], Template | None] = {}
        self._dimensions: dict[str, Expr] = {}

    def formula(self, name: str, key: str, scalar: bool = False) -> Node | None:
        """The formula of a rule as a node; None where the table has none."""
        found = self.template(name, key, scalar)
        return None if found is None else found.node

    def template(self, name: str, key: str, scalar: bool = False) -> Template | None:
        """The formula of a rule, compiled; None where the table has none."""
        where = (name, key, scalar)
        if where not in self._templates:
            self._templates[where] = self._compile(self.records[name], key, scalar)
        return self._templates[where]

    def _compile(self, record: Record, key: str, scalar: bool) -> Template | None:
        text = record.formulas.get(key)
        if text is None:
            return None
        leaves = self.leaves(record, scalar or key == "scalar")
        node = self.parse(record, key, text, leaves, record.sizes)
        if key == "d":
            node = _whole_differential(record, node, leaves)
        fault = self._fault(record, key, node, leaves)
        if fault:
            raise RuleError(f"{record.file} [{record.name}] {key}: {fault}", source=text, span=(0, len(text)))
        return compile_template(node, leaves.values())

    def _fault(self, record: Record, key: str, node: Node, leaves: Mapping[str, Node]) -> str:
        """What a formula breaks of its contract: its shape, its linearity, what it may mention; "" for nothing."""
        result = shape(leaves["G"])
        kind, _, name = key.partition(".")
        if kind == "d":
            moving = [leaves[f"d{a.name}"] for a in record.differentiable if a.name not in record.linear]
            return shape_fault(node, result) or linearity_fault(node, moving, self._linear_operands)
        if kind == "adjoint":
            fault = shape_fault(node, shape(leaves[name])) or mention_fault(node, leaves[name])
            return fault or linearity_fault(node, [leaves["G"]], self._linear_operands)
        if kind == "matrix":
            return shape_fault(node, (entries(result), entries(shape(leaves[name])))) or mention_fault(node, leaves[name])
        return shape_fault(node, result)

    def _linear_operands(self, name: str) -> frozenset[int]:
        record = self.records.get(name)
        return frozenset() if record is None else frozenset(i for i, a in enumerate(record.operands) if a.name in record.linear)

    def parse(
        self, entry: Record | Structure | Identity, key: str, text: str, leaves: Mapping[str, Node], sizes: Iterable[str]
    ) -> Node:
        """A formula of a table as a node; a RuleError with file, table, key and a caret where it is none."""
        try:
            return parse_formula(text, leaves, {s: size_symbol(s) for s in sizes if s not in leaves})
        except MatcalcError as error:
            raise RuleError(
                f"{entry.file} [{entry.name}] {key}: {error.what}",
                source=error.source or text,
                span=error.span or (0, len(text)),
                hint=error.hint or f"known here: {', '.join([*leaves, *sizes])}",
            ) from error

    def leaves(self, record: Record, scalar: bool = False) -> dict[str, Node]:
        """The leaves of the formulas of a record: X, dX for each argument, and G."""
        found: dict[str, Node] = {}
        for argument in record.operands:
            if not argument.is_size:
                dims = SCALAR if scalar else self._shape_of(record, argument)
                constant = argument.name in record.constant
                found[argument.name] = variable(
                    argument.name, dims, ["integer"] if constant and argument.name in INDICES else []
                )
        for argument in record.differentiable:
            found[f"d{argument.name}"] = variable(f"d{argument.name}", shape(found[argument.name]))
        found["G"] = variable("G", SCALAR if scalar else self.result(record))
        return found

    def _shape_of(self, record: Record, argument: Argument) -> Shape:
        if record.entrywise and argument.name not in record.constant:
            return self.dims(ANY)
        return self.dims(argument.dims)

    def result(self, record: Record) -> Shape:
        """The shape of the result, in the names of the type line."""
        return self.dims(ANY) if record.entrywise else self.dims(record.result)

    def dims(self, dims: tuple[str, ...]) -> Shape:
        """The shape that dimensions of a type line mean: [n] is n×1."""
        found = tuple(self._dimension(d) for d in dims)
        return (*found, ONE) if len(found) == 1 else found

    def _dimension(self, text: str) -> Expr:
        if text not in self._dimensions:
            sizes = {s: size_symbol(s) for s in NAME.findall(text)}
            self._dimensions[text] = intern_scalar(sympy.expand(cast(Expr, parse_formula(text, {}, sizes))))
        return self._dimensions[text]

    def structure_leaves(self, name: str) -> dict[str, Node]:
        """The leaves of the formulas of a structure: W, G, X, Y of its shape."""
        dims = self.dims(self.structures[name].arguments[0].dims)
        return {letter: variable(letter, dims) for letter in "WGXY"}

    def structure_template(self, name: str, key: str) -> Template:
        """A formula of a structure over W, G, X or Y, all of the structure's shape."""
        where = (name, f"structure.{key}", False)
        template = self._templates.get(where)
        if template is None:
            structure = self.structures[name]
            text = structure.formulas[key]
            leaves = self.structure_leaves(name)
            node = self.parse(structure, key, text, leaves, structure.sizes)
            fault = shape_fault(node, shape(leaves["X"]))
            if fault and key not in SPANNING:
                raise RuleError(f"{structure.file} [{name}] {key}: {fault}", source=text, span=(0, len(text)))
            template = self._templates[where] = compile_template(node, leaves.values())
        return template

    def identity(self, identity: Identity) -> tuple[dict[str, Node], Node, Node]:
        """The leaves by name and the two sides of an identity."""
        whole = INDICES | {a.name for a in identity.arguments if f"integer({a.name})" in identity.where}
        leaves = {
            a.name: variable(a.name, self.dims(a.dims), ["integer"] if a.name in whole and not a.dims else [])
            for a in identity.arguments
            if not a.is_size
        }
        left = self.parse(identity, "lhs", identity.lhs, leaves, identity.sizes)
        right = self.parse(identity, "rhs", identity.rhs, leaves, identity.sizes)
        fault = shape_fault(right, shape(left))
        if fault:
            raise RuleError(f"{identity.file} [{identity.name}] rhs: {fault}", source=identity.rhs, span=(0, len(identity.rhs)))
        return leaves, left, right

    # ------------------------------------------------------------ checking

    def validate(self, files: Iterable[Path] | None = None) -> int:
        """How many formulas were compiled and checked: all of these files; a RuleError for the first that fails."""
        chosen = None if files is None else set(files)
        count = 0
        for record in self.records.values():
            if chosen is None or record.file in chosen:
                count += self._validate(record)
        for structure in self.structures.values():
            if chosen is None or structure.file in chosen:
                for key in structure.formulas:
                    self.structure_template(structure.name, key)
                    count += 1
                self._validate_names(structure)
        for identity in self.signatures.identities.values():
            if chosen is None or identity.file in chosen:
                self.identity(identity)
                count += 1
        return count

    def _validate_names(self, structure: Structure) -> None:
        place = f"{structure.file} [{structure.name}]"
        for implied in (*structure.implies, *([structure.transpose] if structure.transpose else [])):
            if implied not in self.structures:
                raise RuleError(f"{place}: unknown structure {implied!r}", hint=f"there are {', '.join(self.structures)}")
        for operation in structure.closed | structure.absorbs | structure.made_by:
            if operation not in self.records:
                raise RuleError(f"{place}: unknown operation {operation!r}")

    def _validate(self, record: Record) -> int:
        place = f"{record.file} [{record.name}]"
        for condition in record.where:
            word = condition.partition("(")[0]
            if word not in self.structures:
                raise RuleError(f"{place} where: unknown condition {word!r}", hint=f"there are {', '.join(self.structures)}")
        for argument in record.differentiable:
            adjoint, matrix = (f"{kind}.{argument.name}" in record.formulas for kind in ("adjoint", "matrix"))
            if adjoint != matrix:
                raise RuleError(f"{place}: {argument.name} needs both an adjoint and a matrix line, or none")
            if not adjoint and not {"d", "value"} & record.formulas.keys():
                raise RuleError(
                    f"{place}: nothing differentiates it by {argument.name}", hint="add a d, a value or an adjoint line"
                )
        for key in record.formulas:
            self.template(record.name, key, False)
            if record.entrywise:
                self.template(record.name, key, True)
        return len(record.formulas)


def entries(dims: Shape) -> Expr:
    """How many entries an array of that shape has."""
    return intern_scalar(sympy.expand(sympy.Mul(*dims)))


def _whole_differential(record: Record, node: Node, leaves: Mapping[str, Node]) -> Node:
    """A d line as a differential: f'(x) of one entrywise argument becomes f'(X) .* dX, and 0 a zero of the right shape."""
    if is_zero(node):
        return zeros(shape(leaves["G"]))
    if not (record.entrywise and len(record.differentiable) == 1):
        return node
    dX = leaves[f"d{record.differentiable[0].name}"]
    return node if any(x is dX for x in postorder([node])) else hadamard(node, dX)
