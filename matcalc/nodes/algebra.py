"""Smart constructors: every operation built with the local rules that a reader would not call a step.

A'' = A, 0 + A = A, A*I = A, coefficients to the front, flat sums and products.  Shapes are the caller's care
(the parser has inferred them, the engine keeps them); a mismatch is a programming error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sympy
from sympy import Add, Expr, Mul, Pow

from matcalc.nodes.expr import (
    ONE,
    ZERO,
    Node,
    Shape,
    head,
    intern_scalar,
    is_scalar,
    matrix_node,
    operands,
    postorder,
    scalar_node,
    shape,
)


def number(value: object) -> Expr:
    """The exact number: 3, "1/2", Fraction(1, 3)."""
    return intern_scalar(sympy.sympify(value))


def eye(n: Expr) -> Node:
    """I (n×n)."""
    return ONE if n == 1 else matrix_node("eye", (), (n, n))


def zeros(dims: Shape) -> Node:
    """0 of the given shape."""
    return ZERO if all(d == 1 for d in dims) else matrix_node("zeros", (), dims)


def ones(dims: Shape) -> Node:
    """The matrix of ones of the given shape."""
    return ONE if all(d == 1 for d in dims) else matrix_node("ones", (), dims)


_LONGEST_JOINED = 16


def is_zero(e: Node) -> bool:
    """Whether e is the number 0 or a zero matrix."""
    return e is ZERO or head(e) == "zeros"


def has_value(e: Node, known: dict[Node, bool]) -> bool:
    """Whether nothing in e divides by zero, as 1/(x[i] - x[j]) does at j = i; what is found out is kept in `known`."""
    for x in postorder([e], lambda x: () if x in known else operands(x)):
        if x not in known:
            known[x] = x not in (sympy.zoo, sympy.nan) and all(known[o] for o in operands(x))
    return known[e]


def split_coefficient(e: Node) -> tuple[Expr, Node | None]:
    """(c, M) with e = c*M, c a scalar; M is None where e is a scalar."""
    if is_scalar(e):
        return cast(Expr, e), None
    if head(e) == "mul":
        first = operands(e)[0]
        if is_scalar(first):
            rest = operands(e)[1:]
            return cast(Expr, first), rest[0] if len(rest) == 1 else matrix_node("mul", rest, shape(e))
    return ONE, e


def factors(e: Node) -> tuple[Node, ...]:
    """The matrix factors of a product, without its coefficient; (e,) where e is none."""
    if head(e) != "mul":
        return (e,)
    args = operands(e)
    return args[1:] if is_scalar(args[0]) else args


def terms(e: Node) -> tuple[Node, ...]:
    """The terms of a sum; (e,) where e is none."""
    return operands(e) if head(e) in ("add", "sadd") else (e,)


def _joins(e: Node) -> bool:
    """Whether a sum or entrywise product joins the one it stands in: long ones stay whole, so that graphs stay shared."""
    return len(operands(e)) <= _LONGEST_JOINED


def add(*summands: Node) -> Node:
    """The sum; equal terms are collected, 0 is dropped."""
    if all(is_scalar(s) for s in summands):
        return intern_scalar(Add(*summands))
    dims = next(shape(s) for s in summands if not is_scalar(s))
    collected: dict[int, tuple[Node, Expr]] = {}
    for summand in summands:
        for term in terms(summand) if _joins(summand) else (summand,):
            if head(term) == "zeros":
                continue
            c, core = split_coefficient(term)
            assert core is not None
            if id(core) in collected:
                c = intern_scalar(Add(collected[id(core)][1], c))
            collected[id(core)] = (core, c)
    made = tuple(mul(c, core) for core, c in collected.values() if c != 0)
    if not made:
        return zeros(dims)
    return made[0] if len(made) == 1 else matrix_node("add", made, dims)


def sub(a: Node, b: Node) -> Node:
    """a - b."""
    return add(a, mul(sympy.S.NegativeOne, b))


def mul(*parts: Node) -> Node:
    """The matrix product; scalars (1×1 products among them) gather in one coefficient at the front."""
    scalars: list[Expr] = []
    matrices: list[Node] = []
    for part in parts:
        if is_scalar(part):
            scalars.append(cast(Expr, part))
        elif head(part) == "mul":
            args = operands(part)
            if is_scalar(args[0]):
                scalars.append(cast(Expr, args[0]))
                args = args[1:]
            matrices.extend(args)
        else:
            matrices.append(part)
    c = intern_scalar(Mul(*scalars)) if len(scalars) > 1 else scalars[0] if scalars else ONE
    if not matrices:
        return c
    dims = (shape(matrices[0])[0], shape(matrices[-1])[1])
    if c is ZERO or any(head(m) == "zeros" for m in matrices):
        return zeros(dims)
    kept = [m for m in matrices if head(m) != "eye"] or matrices[:1]
    product = kept[0] if len(kept) == 1 else matrix_node("mul", tuple(kept), dims)
    if is_scalar(product):
        return intern_scalar(Mul(c, product))
    return product if c is ONE else matrix_node("mul", (c, *factors(product)), dims)


def transpose(e: Node) -> Node:
    """A'; of a scalar the scalar itself."""
    if is_scalar(e):
        return e
    h = head(e)
    if h == "transpose":
        return operands(e)[0]
    rows, columns = shape(e)
    if h in ("eye", "zeros", "ones"):
        return matrix_node(h, (), (columns, rows))
    c, core = split_coefficient(e)
    if c is not ONE and core is not None:
        return mul(c, transpose(core))
    return matrix_node("transpose", (e,), (columns, rows))


def inverse(e: Node) -> Node:
    """inv(A); of a scalar 1/s."""
    if is_scalar(e):
        return power(e, sympy.S.NegativeOne)
    h = head(e)
    if h == "inv":
        return operands(e)[0]
    if h == "eye":
        return e
    if h == "matpow":
        return power(operands(e)[0], intern_scalar(-cast(Expr, operands(e)[1])))
    c, core = split_coefficient(e)
    if c is not ONE and core is not None:
        return mul(power(c, sympy.S.NegativeOne), inverse(core))
    return matrix_node("inv", (e,), shape(e))


def power(base: Node, exponent: Node) -> Node:
    """s^p of a scalar; A^k of a square matrix: A^0 = I, A^1 = A, A^-1 = inv(A)."""
    p = cast(Expr, exponent)
    if is_scalar(base):
        return intern_scalar(Pow(base, p))
    if p == 1:
        return base
    if p == 0 or head(base) == "eye":
        return eye(shape(base)[0])
    if p == -1:
        return inverse(base)
    if head(base) == "inv":
        return power(operands(base)[0], intern_scalar(-p))
    if head(base) == "matpow":
        inner, q = operands(base)
        return power(inner, intern_scalar(sympy.expand(Mul(p, q))))
    return matrix_node("matpow", (base, intern_scalar(p)), shape(base))


def hadamard(*parts: Node) -> Node:
    """The entrywise product of equal shapes; scalars multiply; coefficients come out to the front."""
    if any(is_scalar(p) for p in parts):
        return mul(*parts)
    dims = shape(parts[0])
    scalars: list[Expr] = []
    matrices: list[Node] = []
    for part in parts:
        c, core = split_coefficient(part)
        assert core is not None
        if c is not ONE:
            scalars.append(c)
        matrices.extend(operands(core) if head(core) == "hadamard" and _joins(core) else (core,))
    if any(head(m) == "zeros" for m in matrices):
        return zeros(dims)
    kept = tuple(m for m in matrices if head(m) != "ones") or (ones(dims),)
    product = kept[0] if len(kept) == 1 else matrix_node("hadamard", kept, dims)
    return mul(*scalars, product)


def hadamard_power(base: Node, exponent: Node) -> Node:
    """The entrywise power A.^p with a scalar p."""
    p = cast(Expr, exponent)
    if is_scalar(base):
        return power(base, p)
    if p == 1 or head(base) == "ones":
        return base
    if p == 0:
        return ones(shape(base))
    c, core = split_coefficient(base)
    if core is not None and c is not ONE and (c.is_positive or p.is_integer):
        return mul(power(c, p), hadamard_power(core, p))
    bare = unbroadcast(base)
    if bare is not base and not is_scalar(bare):
        return broadcast(hadamard_power(bare, p), shape(base))
    if head(base) == "hadpow":
        inner, q = operands(base)
        if p.is_integer:
            return hadamard_power(inner, intern_scalar(Mul(p, q)))
    return matrix_node("hadpow", (base, intern_scalar(p)), shape(base))


def divide(a: Node, b: Node) -> Node:
    """a/b by a scalar b, or a ./ b entry by entry."""
    return hadamard(a, hadamard_power(b, sympy.S.NegativeOne))


def kron(a: Node, b: Node) -> Node:
    """The Kronecker product A ⊗ B."""
    if is_scalar(a) or is_scalar(b):
        return mul(a, b)
    dims = tuple(intern_scalar(sympy.expand(Mul(p, q))) for p, q in zip(shape(a), shape(b), strict=True))
    (c, A), (d, B) = split_coefficient(a), split_coefficient(b)
    if is_zero(a) or is_zero(b):
        return zeros(dims)
    assert A is not None and B is not None
    if head(A) == head(B) and head(A) in ("eye", "ones"):
        return mul(c, d, matrix_node(head(A), (), dims))
    return mul(c, d, matrix_node("kron", (A, B), dims))


def entries(dims: Shape) -> Expr:
    """How many entries there are: m*n."""
    return intern_scalar(cast(Expr, dims[0] * dims[1])) if dims else ONE


def vec(X: Node) -> Node:
    """The columns of X stacked; a vector itself."""
    dims = shape(X)
    if not dims or dims[1] == 1:
        return X
    if dims[0] == 1:
        return transpose(X)
    return matrix_node("vec", (X,), (entries(dims), ONE))


def unvec(x: Node, dims: Shape) -> Node:
    """The X of that shape with vec(X) = x."""
    if not dims or dims[1] == 1:
        return x
    return transpose(x) if dims[0] == 1 else matrix_node("unvec", (x,), dims)


def scalar_function(name: str, *args: Node) -> Node:
    """SymPy's own scalar function of that name applied to scalars (`exp`, `Abs`, `loggamma`, `polygamma` …)."""
    return intern_scalar(_settled(getattr(sympy, name)(*args)))


def _settled(e: Expr) -> Expr:
    """A function's value as evaluating it again would give it: Abs(2/s) is 2*Abs(1/s), and that 2/Abs(s)."""
    if isinstance(e, Mul):
        return Mul(*(type(a)(*a.args) if a.is_Function else a for a in e.args))
    return type(e)(*e.args) if e.is_Function else e


def trace(e: Node) -> Node:
    """tr(A); of a scalar the scalar itself, of zeros 0."""
    return ZERO if is_zero(e) else e if is_scalar(e) else scalar_node("tr", (e,))


def broadcast(e: Node, dims: Shape) -> Node:
    """e spread over a shape as NumPy does: s*ones(m,n), column*ones(1,n), ones(m,1)*row.

    This is the one representation of broadcasting; printers write the operand alone again.
    """
    if shape(e) == dims:
        return e
    if is_scalar(e):
        return mul(e, ones(dims))
    rows, columns = shape(e)
    if columns == 1 and rows == dims[0]:
        return mul(e, ones((ONE, dims[1])))
    return mul(ones((dims[0], ONE)), e)


def unbroadcast(e: Node) -> Node:
    """The smallest array that broadcasts to e: undoes `broadcast`; e itself where it was none."""
    c, core = split_coefficient(e)
    if core is None:
        return e
    if head(core) == "ones":
        return c
    if head(core) == "zeros":
        return ZERO
    fs = factors(core)
    if len(fs) > 1 and head(fs[-1]) == "ones" and shape(fs[-1])[0] == 1:
        return mul(c, *fs[:-1])
    if len(fs) > 1 and head(fs[0]) == "ones" and shape(fs[0])[1] == 1:
        return mul(c, *fs[1:])
    return e


_CONSTANTS: dict[str, Callable[[Shape], Node]] = {"eye": lambda dims: eye(dims[0]), "zeros": zeros, "ones": ones}


def scalar(e: Node) -> Node:
    """The scalar that a 1×1 product is."""
    return e if is_scalar(e) else scalar_node("scalar", (e,))


_BUILD: dict[str, Callable[..., Node]] = {
    "scalar": scalar,
    "mul": mul,
    "smul": mul,
    "add": add,
    "sadd": add,
    "transpose": transpose,
    "inv": inverse,
    "matpow": power,
    "spow": power,
    "hadamard": hadamard,
    "hadpow": hadamard_power,
    "kron": kron,
    "tr": trace,
}


def build(name: str, args: tuple[Node, ...], dims: Shape) -> Node:
    """The operation `name(*args)` of shape dims, through its smart constructor where it has one."""
    maker = _BUILD.get(name)
    if maker is not None:
        return maker(*args)
    constant = _CONSTANTS.get(name)
    if constant is not None:
        return constant(dims)
    if dims:
        return matrix_node(name, args, dims)
    return scalar_node(name, args)


def rebuild(old: Node, new: tuple[Node, ...]) -> Node:
    """The operation of old applied to other operands of the same shapes."""
    h = head(old)
    if h not in _BUILD and getattr(old, "is_Function", False):
        return intern_scalar(_settled(type(old)(*new)))
    return build(h, new, shape(old))
