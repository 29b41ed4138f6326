"""Our nodes as ordinary SymPy expressions.

What SymPy has no class for goes out as a `MatrixOperation` or `ScalarOperation`, whose args say everything, so that SymPy
can rebuild, substitute and pickle them.  A scalar that is a 1×1 product goes out as its trace, a scalar to SymPy too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn, cast

import sympy
from sympy import (
    Abs,
    BlockMatrix,
    Determinant,
    DiagMatrix,
    DiagonalOf,
    Expr,
    Inverse,
    Lambda,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    Symbol,
    Trace,
)

from matcalc.errors import UndifferentiableError
from matcalc.language.scalars import sympy_function
from matcalc.nodes.expr import (
    ONE,
    SCALAR,
    ElementwiseApplyFunction,
    MatrixElement,
    MatrixOp,
    Node,
    ScalarOp,
    Shape,
    Str,
    head,
    is_number,
    is_scalar,
    name_of,
    one_object,
    operands,
    plain,
    postorder,
    shape,
    variable,
)
from matcalc.rulebase.base import Rulebase, rulebase

PRINTED = 500
"""Operands of more nodes than this are printed as …: SymPy's printers take trees apart, and slowly."""


class Operation(sympy.Basic):
    """What an operation without a class in SymPy has: a name, operands and how it is printed."""

    @property
    def name(self) -> str:
        """The name of the operation."""
        return cast(str, self.args[0].name)

    @property
    def operands(self) -> tuple[Node, ...]:
        """What it is applied to."""
        return cast("tuple[Node, ...]", self.args[1:])

    def _is_small(self) -> bool:
        """Whether SymPy can take it apart as a tree in no time."""
        left: list[Any] = [*self.operands]
        for _ in range(PRINTED):
            if not left:
                return True
            left.extend(left.pop().args)
        return False

    def doit(self, **hints: Any) -> Any:
        """Itself, its operands evaluated; SymPy's printers ask for it, so large ones stay as they are."""
        return super().doit(**hints) if self._is_small() else self

    def sort_key(self, order: Any = None) -> Any:
        """The place among terms: by the digest, however deep the operands are."""
        made = getattr(self, "_mc_digest", None)
        if made is None:
            return super().sort_key(order)
        return self.class_key(), (1, (self.name + made.hex(),)), sympy.S.One.sort_key(), sympy.S.One

    def _listed(self, printer: Any) -> str:
        return ", ".join(printer._print(o) for o in self.operands) if self._is_small() else "…"

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}({self._listed(printer)})"

    def _latex(self, printer: Any) -> str:
        name = self.name.replace("_", r"\_")
        return rf"\operatorname{{{name}}}\left({self._listed(printer)}\right)".replace("…", r"\ldots")

    def _refuse(self, *_: object) -> NoReturn:
        raise UndifferentiableError(f"SymPy cannot differentiate {self.name}", hint="matcalc.gradient takes SymPy expressions")

    _eval_derivative = _refuse
    _eval_derivative_matrix_lines = _refuse


class MatrixOperation(Operation, MatrixExpr):
    """A matrix `name(*operands)`; its args are the name, rows, columns and the operands."""

    @property
    def shape(self) -> Any:
        """(rows, columns)."""
        return self.args[1:3]

    @property
    def operands(self) -> tuple[Node, ...]:
        """What it is applied to."""
        return cast("tuple[Node, ...]", self.args[3:])


class ScalarOperation(Operation, Expr):
    """A real scalar `name(*operands)`; its args are the name and the operands."""

    is_commutative = True
    is_real = True


def to_sympy(e: Node, symbols: Mapping[str, sympy.Basic] | None = None, rules: Rulebase | None = None) -> sympy.Basic:
    """e as an ordinary SymPy expression; `symbols` are to stand for the variables and sizes of these names.

    Cost: linear in the graph of e, which keeps its sharing.
    """
    return _Export(symbols or {}, rules or rulebase())(e)


class _Export:
    """Makes the SymPy expression of each node from those of its operands."""

    def __init__(self, symbols: Mapping[str, sympy.Basic], rules: Rulebase) -> None:
        self.symbols, self.rules = symbols, rules

    def __call__(self, e: Node) -> sympy.Basic:
        done: dict[int, sympy.Basic] = {}
        for x in postorder([e]):
            done[id(x)] = self.made(x, tuple(done[id(o)] for o in operands(x)))
        return done[id(e)]

    def dim(self, d: Expr) -> Expr:
        """A dimension in the person's own symbols."""
        return cast(Expr, one_object(d.xreplace({s: self.symbols[s.name] for s in d.free_symbols if s.name in self.symbols})))

    def made(self, x: Node, args: tuple[Any, ...]) -> sympy.Basic:
        """The SymPy expression of one operation."""
        dims = tuple(map(self.dim, shape(x)))
        h, cls = head(x), type(x)
        if h == "symbol":
            return self.symbol(x, dims)
        if h == "inv":
            return cast(sympy.Basic, plain(Inverse, (args[0], sympy.S.NegativeOne), dims))
        if cls is MatrixOp or cls is ScalarOp:
            return cast(sympy.Basic, _OUT.get(h, _operation)(x, args, dims, self.rules))
        if dims == shape(x) and all(a is b for a, b in zip(args, operands(x), strict=True)):
            return x
        if dims:
            return cast(sympy.Basic, plain(cls, args or (dims[:1] if h == "eye" else dims), dims))
        return cast(sympy.Basic, one_object(_scalar(cls, args, evaluate=not x.is_Function)))

    def symbol(self, x: Node, dims: Shape) -> sympy.Basic:
        """A variable: the person's own symbol, a plain MatrixSymbol or a Symbol."""
        own: Any = self.symbols.get(name_of(x))
        if own is None:
            return cast(sympy.Basic, plain(MatrixSymbol, (Str(name_of(x)), *dims), dims)) if dims else x
        return cast(sympy.Basic, plain(Trace, (own,)) if own.is_Matrix and not dims else own)


def _scalar(cls: Any, args: tuple[Any, ...], evaluate: bool) -> Any:
    """cls(*args); SymPy compares terms by recursion to sort them, so very deep ones keep the order that they have."""
    try:
        return cls(*args, evaluate=evaluate)
    except RecursionError:
        return cls(*args, evaluate=False)


def _operation(x: Any, args: tuple[Any, ...], dims: Shape, rules: Rulebase) -> Any:
    """A named operation: entry by entry where SymPy has the function, otherwise by its name."""
    if not dims:
        return plain(ScalarOperation, (Str(x.name), *args))
    if all(is_number(o) for o in x.operands[:-1]) and not is_scalar(x.operands[-1]):
        function = _lambda(x.name, x.operands[:-1], rules)
        if function is not None:
            return plain(ElementwiseApplyFunction, (function, args[-1]), dims)
    return plain(MatrixOperation, (Str(x.name), *dims, *args), dims)


def _diag(x: Any, args: tuple[Any, ...], dims: Shape, rules: Rulebase) -> Any:
    """diag(x), with what the constructor of DiagMatrix keeps beside its argument."""
    made = plain(DiagMatrix, args, dims)
    made._shape, made._vector, made._iscolumn = dims, args[0], True
    return made


def _block(x: Any, args: tuple[Any, ...], dims: Shape, rules: Rulebase) -> Any:
    """[A, B] or [A; B]; a scalar among them is a 1×1 matrix, s*1."""
    one = sympy.OneMatrix(1, 1)
    blocks = [plain(MatMul, (a, one), (ONE, ONE)) if is_scalar(o) else a for a, o in zip(args, x.operands, strict=True)]
    sides = (1, 2) if x.name == "hcat" else (2, 1)
    return plain(BlockMatrix, (one_object(sympy.ImmutableDenseMatrix(*sides, blocks, evaluate=False)),), dims)


def _element(x: Any, args: tuple[Any, ...], dims: Shape, rules: Rulebase) -> Any:
    """x[i] or X[i,j], which SymPy counts from 0."""
    i, j = args[1], args[2] if x.name == "entry2" else ONE
    return plain(MatrixElement, (args[0], one_object(i - 1), one_object(j - 1)))


def _logdet(x: Any, args: tuple[Any, ...], dims: Shape, rules: Rulebase) -> Any:
    """log|det(X)|."""
    return one_object(sympy.log(Abs(plain(Determinant, args), evaluate=False), evaluate=False))


_OUT: dict[str, Callable[[Any, tuple[Any, ...], Shape, Rulebase], Any]] = {
    "tr": lambda x, args, dims, rules: plain(Trace, args),
    "scalar": lambda x, args, dims, rules: args[0] if is_scalar(x.operands[0]) else plain(Trace, args),
    "det": lambda x, args, dims, rules: plain(Determinant, args),
    "diagonal": lambda x, args, dims, rules: plain(DiagonalOf, args, dims),
    "diag": _diag,
    "logdet": _logdet,
    "hcat": _block,
    "vcat": _block,
    "entry": _element,
    "entry2": _element,
}
_X = Symbol("x", real=True)


@lru_cache(maxsize=512)
def _lambda(name: str, parameters: tuple[Expr, ...], rules: Rulebase) -> Lambda | None:
    """x -> f(x) for an entrywise function of one matrix that SymPy's scalar functions can express."""
    record = rules.records.get(name)
    if record is None:
        function = sympy_function(name)
        return None if function is None or parameters else Lambda(_X, function(_X))
    if not record.entrywise or len(record.operands) != len(parameters) + 1:
        return None
    if record.sympy is not None:
        return Lambda(_X, getattr(sympy, record.sympy)(*parameters, _X))
    value = None if parameters else rules.formula(name, "value", True)
    if value is None or any(type(o) is ScalarOp for o in postorder([value])):
        return None
    return Lambda(_X, value.xreplace({variable(record.operands[0].name, SCALAR): _X}))


@lru_cache(maxsize=8)
def defined(rules: Rulebase) -> dict[Expr, str]:
    """{f(x): name} for the entrywise functions that are defined by others, as sigmoid is."""
    names = [r.name for r in rules.records.values() if r.entrywise and r.sympy is None and not r.macro and len(r.operands) == 1]
    return {f.expr: name for name in names if (f := _lambda(name, (), rules)) is not None}
