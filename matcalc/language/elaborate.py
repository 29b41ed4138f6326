"""Parts of a text whose shapes are known → nodes, through the constructors of algebra; what is spread is written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NoReturn, cast

import sympy
from sympy import Expr

from matcalc.errors import MatcalcError
from matcalc.language.calls import Resolved
from matcalc.language.elements import Elements
from matcalc.language.scalars import MAX_EXPONENT, argument_too_large, power_too_large, too_long
from matcalc.language.scope import Step, is_upstream
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import (
    Bars,
    Block,
    Call,
    Comparison,
    Comprehension,
    Expression,
    Index,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Sum,
    Transpose,
    children,
)
from matcalc.nodes import algebra
from matcalc.nodes.blocks import common, hcat, vcat
from matcalc.nodes.differentials import differential_node
from matcalc.nodes.expr import ONE, ZERO, Node, Shape, intern_scalar, is_scalar, matrix_node, scalar_node, shape, size_symbol
from matcalc.nodes.unknown import unknown, upstream
from matcalc.rulefiles.records import Record

MINUS_ONE = sympy.S.NegativeOne
_HALF = sympy.S.Half
MAX_SCALAR_DEPTH = 120
"""How deeply functions of scalars may be nested in one statement."""


class Elaboration(Elements):
    """Nodes for the parts of one problem."""

    def run(self, step: Step) -> tuple[Node, ...]:
        """The nodes of the roots of a step."""
        self.source = step.source
        nodes = self.nodes
        e: Expression = step.roots[0]
        depths: dict[int, int] = {}
        try:
            for e in step.parts:
                if not self.inference.shapes[id(e)]:
                    depths[id(e)] = self._depth(e, depths)
                nodes[id(e)] = _HANDLERS[type(e)](self, e)
        except RecursionError:
            self._too_deep(e)
        return tuple(nodes[id(root)] for root in step.roots)

    def _depth(self, e: Expression, depths: Mapping[int, int]) -> int:
        """How deeply functions and powers of scalars are nested in e: SymPy's own functions are recursive."""
        below = max((depths.get(id(c), 0) for c in children(e)), default=0)
        if below >= MAX_SCALAR_DEPTH:
            self._too_deep(e)
        return below + isinstance(e, Call | Power)

    def _too_deep(self, e: Expression) -> NoReturn:
        self.refuse("scalar functions are nested too deeply", e, "name parts of the expression: s = …; f = …")

    # ------------------------------------------------------------ leaves

    def number(self, e: Number) -> Node:
        """3, 1/2."""
        return intern_scalar(sympy.Rational(e.value.numerator, e.value.denominator))

    def name(self, e: Name) -> Node:
        """A variable, an index, a size or a constant."""
        bound = self.scope.indices.get(id(e))
        if bound is not None:
            return self.bound(bound)
        role = self.scope.role(e.name)
        if role == "variable" or role == "free":
            key = name_key(e.name)
            return self.leaf(key, self.inference.names[key])
        if role == "size":
            return (
                size_symbol(self.scope.sizes[name_key(e.name)].name)
                if not self.scope.sealed
                else self.size(self.scope.sizes[e.name])
            )
        if role == "differential":
            return self.leaf(e.name, self.inference.names[self.scope.differential_of(e.name)])
        if e.name == "pi":
            return intern_scalar(sympy.pi)
        dims = self.dims(self.inference.shapes[id(e)])
        return self.constant(e.name, dims)

    def differential(self, e: Name) -> Node:
        """dX; d(X) where the person has a variable dX."""
        if self.scope.sealed:
            return self.name(Name(f"d{e.name}", e.span))
        taken = self.scope.role(f"d{e.name}") != "differential"
        return self.leaf(f"d({e.name})" if taken else f"d{e.name}", self.inference.shape_of_name(e))

    def constant(self, name: str, dims: Shape) -> Node:
        """I, ones or zeros of a shape."""
        if not dims:
            return ZERO if name == "zeros" else ONE
        return {"ones": algebra.ones, "zeros": algebra.zeros}.get(name, lambda s: algebra.eye(s[0]))(dims)

    # ------------------------------------------------------------ operators

    def sum(self, e: Sum) -> Node:
        """A + B, a scalar spread."""
        dims = self.dims(self.inference.shapes[id(e)])
        terms = [self.nodes[id(t)] for t in e.terms]
        if too_long(terms):
            self.refuse("the numbers are too long to be added exactly", e, "use symbols or shorter numbers")
        if dims:
            terms = [algebra.broadcast(t, dims) for t in terms]
        return algebra.add(*(algebra.mul(MINUS_ONE, t) if s[-1] == "-" else t for t, s in zip(terms, e.signs, strict=True)))

    def product(self, e: Product) -> Node:
        """The factors from the left: runs of one kind of operator at once."""
        nodes = [self.nodes[id(f)] for f in e.factors]
        if too_long(nodes):
            self.refuse("the numbers are too long to be multiplied exactly", e, "use symbols or shorter numbers")
        found, i = nodes[0], 1
        while i < len(nodes):
            kind = _KIND[e.operators[i]]
            end = i
            while end < len(nodes) and _KIND[e.operators[end]] == kind:
                end += 1
            found = getattr(self, kind)(found, nodes[i:end], e.operators[i:end], e)
            i = end
        return found

    def matrix_product(self, first: Node, rest: Sequence[Node], operators: Sequence[str], e: Product) -> Node:
        """first*rest…, division by scalars included; a 1×1 product in front is a scalar at once."""
        scalars: list[Node] = []
        matrices: list[Node] = []
        if first is self.nodes[id(e.factors[0])] and isinstance(e.factors[0], Negative):
            first = self.nodes[id(e.factors[0].operand)]  # -(s + t)*A keeps its sum: the sign is one more factor
            scalars.append(MINUS_ONE)
        for node, operator in zip((first, *rest), ("*", *operators), strict=True):
            if operator == "/":
                if node is ZERO:
                    self.refuse("division by zero", e, "the denominator is exactly 0")
                scalars.append(algebra.power(node, MINUS_ONE))
            elif is_scalar(node):
                scalars.append(node)
            else:
                matrices.append(node)
                if shape(matrices[0])[0] == 1 and shape(node)[1] == 1:
                    scalars.append(algebra.mul(*matrices))
                    matrices = []
        return algebra.mul(*scalars, *matrices)

    def entry_product(self, first: Node, rest: Sequence[Node], operators: Sequence[str], e: Product) -> Node:
        """first .* rest …, ./ included, everything spread to one shape."""
        nodes = [first, *rest]
        dims = common(nodes)
        found = []
        for node, operator in zip(nodes, (".*", *operators), strict=True):
            spread = algebra.broadcast(node, dims) if dims else node
            if operator == "./":
                if algebra.is_zero(spread):
                    self.refuse("division by zero", e, "the denominator is exactly 0")
                spread = algebra.hadamard_power(spread, MINUS_ONE)
            found.append(spread)
        return algebra.hadamard(*found)

    def frobenius(self, first: Node, rest: Sequence[Node], operators: Sequence[str], e: Product) -> Node:
        """First : last, the inner product of two matrices."""
        return algebra.trace(algebra.mul(algebra.transpose(first), *rest))

    def kronecker(self, first: Node, rest: Sequence[Node], operators: Sequence[str], e: Product) -> Node:
        """First ⊗ rest …."""
        return reduce(algebra.kron, rest, first)

    def negative(self, e: Negative) -> Node:
        """-A."""
        return algebra.mul(MINUS_ONE, self.nodes[id(e.operand)])

    def transpose(self, e: Transpose) -> Node:
        """A'."""
        return algebra.transpose(self.nodes[id(e.operand)])

    def power(self, e: Power) -> Node:
        """s^p, A^k or A.^p."""
        return self.raised(self.nodes[id(e.base)], self.nodes[id(e.exponent)], e.entrywise, e)

    def raised(self, base: Node, exponent: Node, entrywise: bool, e: Expression) -> Node:
        """base^exponent, huge ones refused."""
        if power_too_large(base, exponent):
            self.refuse(
                "the power is too large", e, f"exponents up to {MAX_EXPONENT} are read; write a symbol, as X^k, for more"
            )
        if base is ZERO and is_scalar(exponent) and not (exponent.is_number and exponent.is_nonnegative):
            self.refuse("0 has only nonnegative powers", e, "the base is exactly 0, and the exponent may be negative")
        if not entrywise and not is_scalar(base) and exponent in (_HALF, -_HALF):
            root = algebra.build("sqrtm", (base,), shape(base))
            return root if exponent == _HALF else algebra.power(root, MINUS_ONE)
        if is_scalar(exponent) and (is_scalar(base) or not entrywise):
            made = algebra.power(base, exponent)
            if is_scalar(base) and _unreal(made):
                self.refuse("the power has no real value", e, "the base is negative, the exponent no integer")
            return made
        if is_scalar(exponent):
            return algebra.hadamard_power(base, exponent)
        dims = common((base, exponent))
        return matrix_node("pow", (algebra.broadcast(base, dims), algebra.broadcast(exponent, dims)), dims)

    def bars(self, e: Bars) -> Node:
        """|x| = abs(x), |X| = det(X)."""
        x = self.nodes[id(e.operand)]
        return algebra.scalar_function("Abs", x) if is_scalar(x) else scalar_node("det", (x,))

    def block(self, e: Block) -> Node:
        """[A, B; C, D] from binary hcat and vcat."""
        rows = []
        for row in e.rows:
            blocks = [self._block(e, row, j) for j in range(len(row))]
            rows.append(reduce(hcat, blocks))
        return reduce(vcat, rows)

    def _block(self, e: Block, row: tuple[Expression, ...], j: int) -> Node:
        node = self.nodes[id(row[j])]
        if node is ZERO:
            return algebra.zeros(tuple(map(self.dim, self.inference.block_shape(e, row, j))))
        return node

    # ------------------------------------------------------------ functions

    def call(self, e: Call) -> Node:
        """f(A, …)."""
        found = self.inference.calls.get(id(e))
        if is_upstream(e):
            ell = e.arguments[0]
            assert isinstance(ell, Name)
            return upstream(self.function(ell.name), self.nodes[id(e.arguments[1])])
        if self.scope.is_function(e.function):
            return unknown(self.function(e.function), self.nodes[id(e.arguments[0])])
        if found is None:
            of = e.arguments[0]
            return self.differential(of) if isinstance(of, Name) else differential_node(self.nodes[id(of)])
        dims = self.dims(found.shape)
        arguments = {name: self.nodes[id(a)] for name, a in found.arguments.items() if id(a) in self.nodes}
        if found.record is None:
            return self._plain(found, arguments, dims, e)
        if found.record.name == "pow":
            return self.raised(arguments["A"], arguments["B"], True, e)
        if found.record.entrywise:
            return self._entrywise(found.record, arguments, dims, e)
        return self._operation(found, found.record, arguments, dims, e)

    def function(self, name: str) -> str:
        """The name of an unknown function as it was first spelled."""
        return self.scope.spelling.get(name_key(name), name)

    def _plain(self, found: Resolved, arguments: Mapping[str, Node], dims: Shape, e: Call) -> Node:
        if found.name == "filled":
            c = arguments["c"]
            return c if not dims else algebra.zeros(dims) if c is ZERO else algebra.mul(c, algebra.ones(dims))
        if "x" not in arguments:
            return self.constant(found.name, dims)
        x = arguments["x"]
        return matrix_node(found.name, (x,), dims) if dims else self.scalar_call(found.name, (x,), e)

    def scalar_call(self, name: str, args: tuple[Node, ...], e: Expression) -> Node:
        """SymPy's function of scalars; what would take long to evaluate is refused."""
        if any(argument_too_large(name, cast(Expr, x)) for x in args):
            self.refuse(f"{name} of so large a number is not evaluated", e, "write a symbol for the number")
        made = algebra.scalar_function(name, *args)
        if _unreal(made):
            self.refuse(f"{name} has no real value here", e, "the argument lies outside the function's domain")
        return made

    def expand(self, record: Record, key: str, arguments: Mapping[str, Node], sizes: Mapping[str, Expr], e: Expression) -> Node:
        """The formula of a record with arguments put in; what is wrong with it is wrong here."""
        try:
            return self.macro(record, key, arguments, sizes)
        except MatcalcError as error:
            raise type(error)(error.what, source=self.source, span=e.span, hint=error.hint) from None

    def _entrywise(self, record: Record, arguments: dict[str, Node], dims: Shape, e: Call) -> Node:
        if record.macro:
            moving = [x for name, x in arguments.items() if name not in record.constant]
            target = common(moving)
            spread = {
                n: algebra.broadcast(x, target) if target and n not in record.constant else x for n, x in arguments.items()
            }
            return self.expand(record, "value", spread, {}, e)
        args = tuple(arguments[a.name] for a in record.arguments)
        if not dims:
            if record.sympy is not None:
                return self.scalar_call(record.sympy, args, e)
            return scalar_node(record.name, args, record.nonnegative)
        spread_args = tuple(
            x if a.name in record.constant else algebra.broadcast(x, dims) for a, x in zip(record.arguments, args, strict=True)
        )
        return matrix_node(record.name, spread_args, dims)

    def _operation(self, found: Resolved, record: Record, arguments: dict[str, Node], dims: Shape, e: Call) -> Node:
        sizes = {name: self.dim(d) for name, d in found.sizes.items()}
        scalar = bool(found.matrices) and all(is_scalar(arguments[m]) for m in found.matrices)
        if scalar and "scalar" in record.formulas:
            return self.expand(record, "scalar", arguments, sizes, e)
        if record.macro:
            return self.expand(record, "value", arguments, sizes, e)
        args = tuple(sizes[a.name] if a.is_size else arguments[a.name] for a in record.operands)
        if scalar and record.sympy is not None:
            return self.scalar_call(record.sympy, args, e)
        if dims or record.name in ("eye", "ones", "zeros", "tr"):
            return algebra.build(record.name, args, dims or (ONE, ONE))
        return scalar_node(record.name, args, record.nonnegative)


def _unreal(e: Node) -> bool:
    if isinstance(e, sympy.Mul) and sympy.I in e.args:
        return True
    return bool(e.is_number) and e.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I)


_KIND = {
    "*": "matrix_product", "/": "matrix_product", ".*": "entry_product", "./": "entry_product", "kron": "kronecker",
    "frobenius": "frobenius",
}  # fmt: skip
_HANDLERS: dict[type, Callable[[Elaboration, Any], Node]] = {
    Number: Elaboration.number,
    Name: Elaboration.name,
    Sum: Elaboration.sum,
    Product: Elaboration.product,
    Negative: Elaboration.negative,
    Transpose: Elaboration.transpose,
    Power: Elaboration.power,
    Comparison: Elaboration.comparison,
    Index: Elaboration.index,
    Bars: Elaboration.bars,
    Block: Elaboration.block,
    Call: Elaboration.call,
    Comprehension: Elaboration.comprehension,
}
