"""The nodes of every expression: SymPy objects, interned, so that equality is identity.

A *scalar* is a SymPy `Expr` (`Add`, `Mul`, `Pow`, functions, symbols, numbers) whose atoms may be
scalar-valued operations on matrices (`ScalarOp`: tr, det, norm …).  A *matrix* (m×n; a vector is n×1, a row
1×n) is one of SymPy's own matrix classes or a `MatrixOp`, a named operation.  Nothing of shape 1×1 is a
matrix: `scalar` wraps it at once.  The names of operations are open; the rule files give them meaning.

Only this module touches SymPy's constructors, stable for years but not documented; tested with SymPy 1.14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias, cast
from weakref import WeakValueDictionary

import sympy
from sympy import Add, AtomicExpr, Basic, Expr, Mul, Pow, Symbol
from sympy.core.symbol import Str as Str
from sympy.matrices.expressions import (
    HadamardPower,
    HadamardProduct,
    Identity,
    Inverse,
    KroneckerProduct,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Transpose,
    ZeroMatrix,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction as ElementwiseApplyFunction
from sympy.matrices.expressions.matexpr import MatrixElement as MatrixElement

from matcalc.errors import UndifferentiableError
from matcalc.nodes.graph import walk

Node: TypeAlias = Basic
Shape: TypeAlias = tuple[Expr, ...]
"""`()` for a scalar, `(rows, columns)` for a matrix."""

SCALAR: Shape = ()
ONE = sympy.S.One
ZERO = sympy.S.Zero


class MatrixOp(MatrixExpr):
    """A named operation with a matrix result, `name(*operands)`."""

    name: str
    operands: tuple[Node, ...]
    _mc_shape: Shape
    _mc_digest: bytes

    def doit(self, **hints: object) -> MatrixOp:
        """The operation itself: there is nothing in it for SymPy to do."""
        return self

    @property
    def shape(self) -> Any:
        """(rows, columns)."""
        return self._mc_shape

    def _hashable_content(self) -> tuple[object, ...]:
        return (self._mc_digest,)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}(…)"


class ScalarOp(AtomicExpr):
    """A named operation with a scalar result: to SymPy an atom, so that it is never taken apart or rebuilt."""

    is_commutative = is_real = True
    is_number = False

    name: str
    operands: tuple[Node, ...]
    _mc_shape: Shape = SCALAR
    _mc_digest: bytes
    nonnegative = positive = False

    def _hashable_content(self) -> tuple[object, ...]:
        return (self._mc_digest,)

    def _eval_is_nonnegative(self) -> bool | None:
        return self.nonnegative or None

    def _eval_is_positive(self) -> bool | None:
        return self.positive or None

    def _eval_is_integer(self) -> bool | None:
        return (self.name == "entry" and "integer" in properties(self.operands[0])) or None

    def _eval_derivative(self, s: Expr) -> Expr:
        raise UndifferentiableError(f"SymPy cannot differentiate {self.name}", hint="use matcalc.gradient")

    @property
    def free_symbols(self) -> set[Basic]:
        """None: to SymPy this is a constant."""
        return set()

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}(…)"


class Variable(MatrixSymbol):
    """A matrix or vector variable with its declared properties (`symmetric`, `posdef` …)."""

    properties: frozenset[str] = frozenset()
    _mc_shape: Shape
    _mc_digest: bytes = b""

    def _hashable_content(self) -> tuple[object, ...]:
        return (*self.args, self._mc_digest)


_HEADS: dict[type, str] = {
    MatMul: "mul",
    MatAdd: "add",
    Transpose: "transpose",
    Inverse: "inv",
    MatPow: "matpow",
    HadamardProduct: "hadamard",
    HadamardPower: "hadpow",
    KroneckerProduct: "kron",
    Identity: "eye",
    ZeroMatrix: "zeros",
    OneMatrix: "ones",
    Variable: "symbol",
    Symbol: "symbol",
    Add: "sadd",
    Mul: "smul",
    Pow: "spow",
}
_CLASSES = {name: cls for cls, name in _HEADS.items() if issubclass(cls, MatrixExpr) and cls is not Variable}
_MATRIX_TABLE: WeakValueDictionary[tuple[object, ...], Basic] = WeakValueDictionary()
_SCALAR_TABLE: dict[Expr, tuple[Expr, bytes, int]] = {}
_SCALAR_TABLE_LIMIT = 200_000
_DEEPEST_SCALAR = 24
"""SymPy compares scalars by recursion: deeper ones are wrapped, and so become atoms to it."""


# ---------------------------------------------------------------- looking at nodes


def head(e: Node) -> str:
    """The name of the outermost operation of e: "mul", "inv", "tr", "symbol", "number", "exp" … ."""
    cls = type(e)
    found = _HEADS.get(cls)
    if found is not None:
        return found
    if cls is MatrixOp or cls is ScalarOp:
        name: str = e.name
        return name
    if e.is_Function:
        return cls.__name__
    return "symbol" if isinstance(e, Symbol) else "number"


def operands(e: Node) -> tuple[Node, ...]:
    """What the operation of e is applied to: no sizes, no names, in order; () for a leaf."""
    cls = type(e)
    own = cls is MatrixOp or cls is ScalarOp
    args: tuple[Node, ...] = e.operands if own else () if cls in _LEAVES else e._args
    return args


_OUR_OWN = frozenset({MatrixOp, ScalarOp, Variable})
_LEAVES = frozenset({Variable, Identity, ZeroMatrix, OneMatrix, Symbol})


def shape(e: Node) -> Shape:
    """The shape of e: () of a scalar, (rows, columns) of a matrix."""
    found: Shape = getattr(e, "_mc_shape", SCALAR)
    return found


def is_scalar(e: Node) -> bool:
    """Whether e is a scalar."""
    return not getattr(e, "_mc_shape", SCALAR)


def is_leaf(e: Node) -> bool:
    """Whether e is a variable, a number or a constant matrix."""
    return not operands(e)


def is_number(e: Node) -> bool:
    """Whether e is a constant scalar (1/2, pi, sqrt(2))."""
    return head(e) == "number" or (isinstance(e, Expr) and e.is_Atom is False and bool(e.is_number))


def digest(e: Node) -> bytes:
    """A structural hash of e, the same in every process: the order of commuting things hangs on it."""
    if not hasattr(e, "_mc_shape"):
        return _intern_scalar(cast(Expr, e))[1]
    for x in postorder([e], lambda x: () if hasattr(x, "_mc_digest") or not hasattr(x, "_mc_shape") else operands(x)):
        if hasattr(x, "_mc_shape") and not hasattr(x, "_mc_digest"):
            x._mc_digest = _digest(type(x), "", operands(x), shape(x))
    found: bytes = e._mc_digest
    return found


# ---------------------------------------------------------------- building nodes


def _hash(*parts: bytes) -> bytes:
    h = blake2b(digest_size=16)
    for part in parts:
        h.update(part)
    return h.digest()


def _intern_scalar(e: Expr) -> tuple[Expr, bytes, int]:
    found = _SCALAR_TABLE.get(e)
    if found is not None:
        return found
    depth = 0
    if e.args:
        args = tuple(a if hasattr(a, "_mc_shape") else _intern_scalar(a)[0] for a in e.args)
        key = _hash(type(e).__name__.encode(), *(digest(a) for a in args))
        depth = 1 + max((_SCALAR_TABLE[a][2] for a in args if a in _SCALAR_TABLE), default=0)
        if any(a is not b for a, b in zip(args, e.args, strict=True)):
            e._args = args  # SymPy's caches give back equal things in which the symbols are other objects
    else:
        key = _hash(sympy.srepr(e).encode())
    entry = (e, key, depth)
    _SCALAR_TABLE[e] = entry
    return entry


def intern_scalar(e: Expr) -> Expr:
    """The one object that stands for the scalar e."""
    if isinstance(e, ScalarOp):
        return e
    found, _, depth = _intern_scalar(e)
    return found if depth < _DEEPEST_SCALAR else cast(Expr, scalar_node("scalar", (found,)))


def _interned(d: Expr) -> Expr:
    found = _SCALAR_TABLE.get(d)
    return found[0] if found is not None else intern_scalar(d)


def forget_scalars() -> None:
    """Empty the table of scalars once it is large: between problems, for within one equal things must stay one object."""
    if len(_SCALAR_TABLE) > _SCALAR_TABLE_LIMIT:
        _SCALAR_TABLE.clear()


def one_object(e: Basic) -> Any:
    """The one object that equals e, however deep it is: for what goes out to SymPy."""
    return _intern_scalar(e)[0]


def _intern_matrix(cls: type, name: str, args: tuple[Node, ...], dims: Shape, extra: Iterable[str] = ()) -> Any:
    key = (cls, name, *map(id, args), *map(id, dims), *extra)
    found = _MATRIX_TABLE.get(key)
    if found is not None:
        return found
    basic_args: tuple[Basic, ...] = args
    if cls is MatrixOp:
        basic_args = (Str(name), *args)
    elif cls is ScalarOp:
        basic_args = ()
    elif cls is Variable:
        basic_args = (Str(name), *dims)
    elif not args:
        basic_args = dims[:1] if cls is Identity else dims
    made: Any = Basic.__new__(cls, *basic_args)
    made._mc_shape = dims
    if cls in _OUR_OWN:
        made._mc_digest = _digest(cls, name, args, dims, extra)
        if cls is not Variable:
            made.name, made.operands = name, args
    hash(made)
    _MATRIX_TABLE[key] = made
    return made


def _digest(cls: type, name: str, args: tuple[Node, ...], dims: Shape, extra: Iterable[str] = ()) -> bytes:
    texts = (cls.__name__, name, *extra)
    return _hash(*(x.encode() for x in texts), *(digest(a) for a in args), *(digest(d) for d in dims))


def matrix_node(name: str, args: tuple[Node, ...], dims: Shape) -> Node:
    """The matrix operation `name(*args)` of shape dims, exactly as given: no rule is applied.

    The operands must be nodes already; the caller answers for the shape.  Of shape 1×1 it is wrapped by `scalar`.
    """
    cls = _CLASSES.get(name, MatrixOp)
    made = _intern_matrix(cls, name, args, tuple([_interned(d) for d in dims]))
    return scalar_node("scalar", (made,)) if dims[0] == 1 and dims[1] == 1 else cast(Node, made)


def scalar_node(name: str, args: tuple[Node, ...], nonnegative: bool = False) -> Node:
    """The scalar-valued operation `name(*args)`, exactly as given."""
    made = _intern_matrix(ScalarOp, name, args, SCALAR)
    made.nonnegative = made.nonnegative or nonnegative
    return cast(Node, made)


def plain(cls: type, args: tuple[Basic, ...], dims: Shape = SCALAR) -> Any:
    """SymPy's own object `cls(*args)` of that shape, exactly as given: interned, but no node of ours.

    It equals what SymPy's constructor makes, without that one's checks, which take exponential time on shared graphs.
    """
    key = (cls, *(id(a) if a.args else a for a in args))
    found = _MATRIX_TABLE.get(key)
    if found is not None:
        return found
    made: Any = Basic.__new__(cls, *args)
    made._mc_shape = dims
    made._mc_digest = _hash(cls.__name__.encode(), *(digest(a) for a in args))
    hash(made)
    _MATRIX_TABLE[key] = made
    return made


def variable(name: str, dims: Shape, properties: Iterable[str] = ()) -> Node:
    """The variable of that name and shape: a `Variable`, or for () or (1, 1) a real SymPy `Symbol`.

    Properties are part of its identity.  Of a scalar: `integer`, `positive` and `nonnegative` become SymPy assumptions.
    """
    props = tuple(sorted(properties))
    if all(d == 1 for d in dims):
        assumed = {p: True for p in props if p in ("integer", "positive", "nonnegative")}
        return intern_scalar(Symbol(name, **({"real": True} | assumed)))
    made = _intern_matrix(Variable, name, (), tuple(map(intern_scalar, dims)), props)
    made.properties = frozenset(props)
    return cast(Node, made)


def size_symbol(name: str) -> Expr:
    """The symbol of a dimension: a positive integer."""
    return intern_scalar(Symbol(name, integer=True, positive=True))


def properties(e: Node) -> frozenset[str]:
    """The declared properties of a variable; none for anything else."""
    if isinstance(e, Variable):
        return e.properties
    if isinstance(e, Symbol):
        return frozenset(p for p in ("integer", "positive", "nonnegative") if getattr(e, f"is_{p}"))
    return frozenset()


def name_of(e: Node) -> str:
    """The name of a variable."""
    return cast(str, e.name)


# ---------------------------------------------------------------- walking graphs


def postorder(roots: Iterable[Node], children: Callable[[Node], tuple[Node, ...]] = operands) -> Iterator[Node]:
    """Every node below the roots once, operands first."""
    return walk(roots, children)


def substitute(e: Node, leaves: Mapping[Node, Node], rebuild: Callable[[Node, tuple[Node, ...]], Node]) -> Node:
    """e with leaves replaced (all at once); `rebuild(old, new_operands)` makes each changed node."""
    if not leaves:
        return e
    done: dict[int, Node] = {}
    for x in postorder([e]):
        if x in leaves:
            done[id(x)] = leaves[x]
            continue
        old = operands(x)
        new = tuple(done[id(o)] for o in old)
        done[id(x)] = x if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(x, new)
    return done[id(e)]


def tree_size(e: Node, memo: dict[int, int] | None = None) -> int:
    """How many nodes e has when written out as a tree."""
    sizes: dict[int, int] = {} if memo is None else memo
    for x in postorder([e]):
        sizes[id(x)] = 1 + sum(sizes[id(o)] for o in operands(x))
    return sizes[id(e)]


def graph_size(*roots: Node) -> int:
    """How many different nodes lie below the roots."""
    return sum(1 for _ in postorder(roots))
