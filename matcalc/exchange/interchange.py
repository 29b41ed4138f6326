"""A person's own SymPy expression as a node, and back.

SymPy checks no shapes and walks trees; here every shape is checked, and each part of a shared graph is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NoReturn, TypeAlias, cast

import sympy
from sympy import Expr, Lambda, MatAdd, MatMul, MatrixExpr, MatrixSymbol, Symbol

from matcalc.errors import ArgumentError, ShapeError
from matcalc.exchange.export import MatrixOperation, Operation, ScalarOperation, defined
from matcalc.exchange.export import to_sympy as to_sympy
from matcalc.exchange.fits import Nodes, above, beside, equal, product, said, square
from matcalc.exchange.symbols import Symbols
from matcalc.language.scalars import sympy_function
from matcalc.language.syntax.names import canonical
from matcalc.nodes import algebra
from matcalc.nodes.expr import (
    ONE,
    SCALAR,
    ElementwiseApplyFunction,
    MatrixElement,
    MatrixOp,
    Node,
    ScalarOp,
    Shape,
    head,
    intern_scalar,
    is_scalar,
    matrix_node,
    operands,
    postorder,
    shape,
    substitute,
)
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulebase.contract import same_shape

Reader: TypeAlias = "Callable[[_Import, Any, Nodes], Node]"


def from_sympy(
    e: sympy.Basic, known: Mapping[str, Node] | None = None, rules: Rulebase | None = None
) -> tuple[Node, dict[str, Node], dict[str, Expr]]:
    """(node, variables by name, sizes by name) of a SymPy expression; `known` are variables that names stand for already.

    Raises: ShapeError for shapes that do not fit; ArgumentError for classes that have no meaning here and for names that
    stand for two things.  Cost: linear in the graph of e.
    """
    reader = _Import(known or {}, rules or rulebase())
    return reader.read(e), reader.names.variables, reader.names.sizes


def own_symbols(e: sympy.Basic) -> dict[str, sympy.Basic]:
    """The symbols of e by the names that from_sympy gives them; with these `to_sympy` puts them back."""
    reader = _Import({}, rulebase())
    reader.read(e)
    return {canonical(s.name): s for s in reader.names.own.values()}


class _Import:
    """Reads one expression: names first, then every part from its operands up."""

    def __init__(self, known: Mapping[str, Node], rules: Rulebase) -> None:
        self.names = Symbols(known)
        self.rules = rules
        self.functions = {r.sympy: r.name for r in rules.records.values() if r.sympy is not None}
        self.bodies: dict[int, tuple[Symbol, Expr]] = {}
        self.bound: set[Symbol] = set()
        self.below: dict[int, tuple[sympy.Basic, ...]] = {}

    def read(self, e: sympy.Basic) -> Node:
        """The node of e."""
        if not isinstance(e, sympy.Basic):
            raise ArgumentError(f"{type(e).__name__} is no SymPy expression", hint="build it from MatrixSymbol and Symbol")
        order = list(postorder([e], self.children))
        self.names.note_sizes(order)
        done: dict[int, Node] = {}
        for x in order:
            args = tuple(done[id(c)] for c in self.children(x))
            done[id(x)] = self.handler(x)(self, x, args)
        return done[id(e)]

    def handler(self, x: sympy.Basic) -> Reader:
        """The method that reads objects of the class of x."""
        if isinstance(x, sympy.Function) and type(x) not in _READERS:
            name = type(x).__name__
            known = name in self.functions or (len(x.args) == 1 and sympy_function(name) is type(x))
            return _Import.function if known else _Import.refuse
        found = _READERS.get(type(x))
        return found or next((reader for cls, reader in _FAMILIES.items() if isinstance(x, cls)), _Import.refuse)

    def children(self, x: Any) -> tuple[sympy.Basic, ...]:
        """The parts of x that are expressions themselves."""
        found = self.below.get(id(x))
        if found is None:
            found = self.below[id(x)] = () if self.handler(x) in _LEAVES else self.parts(x)
        return found

    def parts(self, x: Any) -> tuple[sympy.Basic, ...]:
        """The operands of x."""
        if isinstance(x, Operation | MatrixOp | ScalarOp):
            return x.operands
        if isinstance(x, ElementwiseApplyFunction):
            return (x.expr, self.body(x.function)[1])
        if isinstance(x, sympy.BlockMatrix):
            return tuple(x.blocks)
        return (x.arg,) if isinstance(x, sympy.Inverse) else cast("tuple[sympy.Basic, ...]", x.args)

    def body(self, function: Lambda) -> tuple[Symbol, Expr]:
        """(z, f(z)) of a function, z a symbol of its own."""
        if id(function) not in self.bodies:
            z = sympy.Dummy(real=True)
            self.bound.add(z)
            self.bodies[id(function)] = (z, function.expr.xreplace({function.variables[0]: z}))
        return self.bodies[id(function)]

    def symbol(self, x: Any, args: Nodes) -> Node:
        """A variable, a size, or the variable of a function."""
        return intern_scalar(x) if x in self.bound else self.names.read(x)

    def number(self, x: Any, args: Nodes) -> Node:
        """A real number; a decimal is the fraction that it says."""
        if not (x.is_real and x.is_finite):
            return self.refuse(x, args)
        return intern_scalar(sympy.Rational(str(x)) if x.is_Float else x)

    # ------------------------------------------------------------ operations

    def power(self, x: Any, args: Nodes) -> Node:
        """s^p, A^k."""
        if not is_scalar(args[1]):
            raise ArgumentError(f"the exponent {said(args[1])} is a matrix", hint="use HadamardPower")
        base, p = square("raise", args[0]), cast(Expr, args[1])
        if is_scalar(base) or not p.is_Rational or p.is_integer:
            return algebra.power(base, p)
        if p != sympy.S.Half:
            raise ArgumentError(f"{said(base)} to the power {p}", hint="powers of matrices are whole, or 1/2")
        return self.rules.make("sqrtm", (base,), shape(base))

    def hadamard_power(self, x: Any, args: Nodes) -> Node:
        """A.^p, A.^B."""
        base, exponent = args
        if is_scalar(exponent):
            return algebra.hadamard_power(base, exponent)
        pair = equal("raise entry by entry", (algebra.broadcast(base, shape(exponent)) if is_scalar(base) else base, exponent))
        return self.rules.make("pow", pair, shape(exponent))

    def constant(self, x: Any, args: Nodes) -> Node:
        """I, 0 or 1 of a shape."""
        return _CONSTANTS[type(x)](self.names.dims(x.args))

    def of_square(self, x: Any, args: Nodes) -> Node:
        """tr(A), det(A) or diag(A) of a square matrix."""
        name = _OF_SQUARE[type(x)]
        A = square(f"take {name} of", args[0])
        return A if is_scalar(A) else self.rules.make(name, (A,), (shape(A)[0], ONE) if name == "diagonal" else SCALAR)

    def diag(self, x: Any, args: Nodes) -> Node:
        """The diagonal matrix of a vector or row."""
        v = args[0]
        if is_scalar(v):
            return v
        if 1 not in shape(v):
            raise ShapeError(f"DiagMatrix takes a vector, not {said(v)}", hint="DiagonalOf is the diagonal of a matrix")
        v = v if shape(v)[1] == 1 else algebra.transpose(v)
        return self.rules.make("diag", (v,), (shape(v)[0], shape(v)[0]))

    def block(self, x: Any, args: Nodes) -> Node:
        """[A, B; C, D]."""
        columns = x.blocks.shape[1]
        return reduce(above, (reduce(beside, args[i:][:columns]) for i in range(0, len(args), columns)))

    def element(self, x: Any, args: Nodes) -> Node:
        """X[i, j], which SymPy counts from 0."""
        X, i, j = args[0], *(algebra.add(k, ONE) for k in args[1:])
        if is_scalar(X):
            return X
        return self.rules.make("entry", (X, i), SCALAR) if shape(X)[1] == 1 else self.rules.make("entry2", (X, i, j), SCALAR)

    def function(self, x: Any, args: Nodes) -> Node:
        """f(s) of scalars."""
        name = type(x).__name__
        for a in args:
            if not is_scalar(a):
                raise ArgumentError(f"{name} of the matrix {said(a)}", hint=f"entry by entry it is .applyfunc({name})")
        inner = operands(args[0])
        if name == "log" and head(args[0]) == "Abs" and head(inner[0]) == "det":
            return self.rules.make("logdet", operands(inner[0]), SCALAR)
        if name in self.functions:
            return self.rules.make(self.functions[name], args, SCALAR)
        return algebra.scalar_function(name, *args)

    def extreme(self, x: Any, args: Nodes) -> Node:
        """max(s, t), min(s, t)."""
        name = type(x).__name__.lower()
        return reduce(lambda a, b: self.rules.make(name, (a, b), SCALAR), args)

    def entrywise(self, x: Any, args: Nodes) -> Node:
        """f(X) entry by entry."""
        X, value = args
        z, body = self.body(x.function)
        dims = shape(X)
        name = defined(self.rules).get(body.xreplace({z: Symbol("x", real=True)}))
        if name is not None:
            return self.rules.make(name, (X,), dims)
        return algebra.broadcast(substitute(value, {intern_scalar(z): X}, self.spread if dims else algebra.rebuild), dims)

    def spread(self, old: Node, args: Nodes) -> Node:
        """A scalar operation carried out entry by entry on matrices."""
        dims = next(shape(a) for a in args if not is_scalar(a))
        h = head(old)
        if h == "scalar":
            return args[0]
        if h == "smul":
            matrices = [a for a in args if not is_scalar(a)]
            return algebra.mul(*(a for a in args if is_scalar(a)), algebra.hadamard(*matrices))
        if h == "spow" and is_scalar(args[1]):
            return algebra.hadamard_power(*args)
        full = tuple(algebra.broadcast(a, dims) for a in args)
        if h == "sadd":
            return algebra.add(*full)
        name = "pow" if h == "spow" else self.functions.get(h, h)
        record = self.rules.records.get(name)
        if record is not None and record.entrywise:
            kept = zip(record.operands, args, full, strict=True)
            return self.rules.make(name, tuple(a if o.name in record.constant else f for o, a, f in kept), dims)
        if sympy_function(h) is None:
            raise ArgumentError(f"{h} does not work entry by entry")
        return matrix_node(h, full, dims)

    def operation(self, x: Any, args: Nodes) -> Node:
        """An operation without a class in SymPy; its operands may have been replaced, so their shapes are checked."""
        dims = self.names.dims(x.shape) if isinstance(x, MatrixExpr) else SCALAR
        record = self.rules.records.get(x.name)
        if record is not None and not all(map(is_scalar, args)):
            leaves = self.rules.leaves(record)
            sizes = dict(zip(self.rules.result(record), dims, strict=False))
            for argument, a in zip(record.operands, args, strict=True):
                wanted = SCALAR if argument.is_size else shape(leaves[argument.name])
                for d, actual in zip(wanted, shape(a), strict=False):
                    if d.is_Symbol:
                        sizes.setdefault(d, actual)
                if not argument.is_size and not same_shape(shape(a), tuple(d.xreplace(sizes) for d in wanted)):
                    raise ShapeError(f"{x.name} does not take {' and '.join(map(said, args))} together")
        return self.rules.make(x.name, args, dims)

    def refuse(self, x: Any, args: Nodes) -> NoReturn:
        """Nothing: raises the error."""
        raise ArgumentError(
            f"SymPy's {type(x).__name__} has no meaning here",
            hint="what is read: symbols, products, sums, powers, Transpose, Trace, Determinant, applyfunc …",
        )


_CONSTANTS: dict[type, Callable[[Shape], Node]] = {
    sympy.Identity: lambda dims: algebra.eye(dims[0]),
    sympy.ZeroMatrix: algebra.zeros,
    sympy.OneMatrix: algebra.ones,
}
_OF_SQUARE = {sympy.Trace: "tr", sympy.Determinant: "det", sympy.DiagonalOf: "diagonal"}
_READERS: dict[type, Reader] = {
    **dict.fromkeys(_CONSTANTS, _Import.constant),
    **dict.fromkeys(_OF_SQUARE, _Import.of_square),
    **dict.fromkeys((MatMul, sympy.Mul), lambda reader, x, args: product(args)),
    **dict.fromkeys((MatAdd, sympy.Add), lambda reader, x, args: algebra.add(*equal("add", args))),
    **dict.fromkeys((sympy.MatPow, sympy.Pow), _Import.power),
    **dict.fromkeys((sympy.BlockMatrix, sympy.BlockDiagMatrix), _Import.block),
    **dict.fromkeys((sympy.Max, sympy.Min), _Import.extreme),
    **dict.fromkeys((MatrixOperation, ScalarOperation, MatrixOp, ScalarOp), _Import.operation),
    sympy.Transpose: lambda reader, x, args: algebra.transpose(args[0]),
    sympy.Inverse: lambda reader, x, args: algebra.inverse(square("invert", args[0])),
    sympy.HadamardProduct: lambda reader, x, args: algebra.hadamard(*equal("multiply entry by entry", args)),
    sympy.HadamardPower: _Import.hadamard_power,
    sympy.KroneckerProduct: lambda reader, x, args: reduce(algebra.kron, args),
    sympy.DiagMatrix: _Import.diag,
    MatrixElement: _Import.element,
    ElementwiseApplyFunction: _Import.entrywise,
}
_FAMILIES: dict[type, Reader] = {
    **dict.fromkeys((MatrixSymbol, Symbol), _Import.symbol),
    **dict.fromkeys((sympy.Number, sympy.NumberSymbol), _Import.number),
}
_LEAVES = frozenset({_Import.symbol, _Import.number, _Import.constant, _Import.refuse})
