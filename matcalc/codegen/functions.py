"""Operations that are values of their own: functions of matrices, reductions, the stable forms of common compositions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import sympy

from matcalc.codegen.divide import seed
from matcalc.codegen.forms import Form, Label, Labels, product
from matcalc.codegen.lower import Handler, Lowering
from matcalc.codegen.sizes import entries
from matcalc.nodes.algebra import build, mul, rebuild, split_coefficient, unbroadcast
from matcalc.nodes.expr import Node, head, is_scalar, operands, shape
from matcalc.nodes.families import PARTS


def matrix(to: Lowering, e: Node, name: str = "") -> Form:
    """name(operands) for functions of whole matrices, of each where there are indices around."""
    if not to.spells(name or head(e)) and to.defined(head(e)):
        return to.by_value(e)
    made = [to.array(x) for x in operands(e)]
    index: Labels = tuple(dict.fromkeys(x for _, f in made for x in f.core if x in f.index))
    rows, columns = (() if is_scalar(e) or d == 1 else (Label(d),) for d in (shape(e) or (1, 1)))
    labels = (*index, *rows, *columns)
    value = to.values.make(name or head(e), [v for v, _ in made], tuple(x.size for x in labels))
    form = to.marked(e, Form(((value, labels),), rows, columns, frozenset(index)))
    finished = to.contractor.factorisations.finished(value)
    return form if finished is value else to.single(labels, finished, form)


_SMALL = (2, 3)
"""Powers that are products: beside a vector no power is formed."""


def _power(to: Lowering, e: Node) -> Form:
    """X^k; of the powers by an index of a sum one after the other."""
    X, k = operands(e)
    if k in _SMALL:
        return to.multiplied(*[X] * int(k))
    form = to.settled(to.form(k))
    exponent, labels = form.factors[0]
    if not labels:
        return matrix(to, e)
    made, whole = to.array(X)
    out = (*labels, *whole.rows, *whole.columns)
    value = to.values.make("powers", [made, exponent], tuple(x.size for x in out))
    return Form(((value, out),), whole.rows, whole.columns, form.index)


def _eigen(to: Lowering, e: Node, name: str, last: bool) -> Form:
    """The first or the last of the eigenvalues, or of the eigenvectors, which are columns."""
    A, form = to.array(operands(e)[0])
    index = tuple(x for x in form.core if x in form.index)
    (rows,) = form.rows
    n = rows.size
    whole = to.values.make(name, [A], A.dims if name == "eigvecs" else A.dims[:-1])
    axis = len(whole.dims) - 1
    found = to.values.make("item", [whole], whole.dims[:-1], axis, n - 1 if last else n * 0, None)
    own = (rows,) if name == "eigvecs" else ()
    return Form(((found, (*index, *own)),), own, (), form.index)


def _singular(to: Lowering, e: Node, which: str) -> Form:
    """What is made of the singular value decomposition."""
    X, form = to.array(operands(e)[0])
    (rows,), (columns,) = form.rows, form.columns
    rank = Label(sympy.Min(rows.size, columns.size))
    index = tuple(x for x in form.core if x in form.index)
    batch = tuple(x.size for x in index)
    svd = to.values.make("svd", [X], X.dims)
    U = to.values.make("part", [svd], (*batch, rows.size, rank.size), 0)
    s = to.values.make("part", [svd], (*batch, rank.size), 1)
    Vt = to.values.make("part", [svd], (*batch, rank.size, columns.size), 2)
    at = len(index)
    first = sympy.S.Zero
    if which == "polar":
        return Form(((U, (*index, rows, rank)), (Vt, (*index, rank, columns))), (rows,), (columns,), form.index)
    if which == "nuclear":
        return Form(((s, (*index, rank)),), index=form.index)
    if which == "spectral":
        return Form(((to.values.make("item", [s], batch, at, first, None), index),), index=form.index)
    if which == "left":
        return Form(
            ((to.values.make("item", [U], (*batch, rows.size), at + 1, first, None), (*index, rows)),), (rows,), (), form.index
        )
    return Form(
        ((to.values.make("item", [Vt], (*batch, columns.size), at, first, None), (*index, columns)),),
        (columns,),
        (),
        form.index,
    )


def reduction(to: Lowering, e: Node, name: str = "") -> Form:
    """name(X) of all entries of X, of each where there are indices around."""
    X, *rest = operands(e)
    form = to.settled(to.full(to.fresh(X)[0]))
    value, labels = form.factors[0]
    if head(e) == "norm" and value.op == "plus" and entries(value.dims) > 1.0001 * max(map(seed, value.args)):
        squared = to.settled(product(to.values, form, form))
        value, labels = squared.factors[0]
        return to.single(labels, to.values.entrywise("sqrt", value), squared)
    axes = tuple(i for i, x in enumerate(labels) if x not in form.index)
    left = tuple(x for x in labels if x in form.index)
    others = [to.array(x)[0] for x in rest]
    made = to.values.make(name or head(e), [value, *others], tuple(x.size for x in left), axes)
    return Form(((made, left),), index=form.index)


def along(to: Lowering, e: Node, name: str, side: str) -> Form:
    """name(X) along the rows, the columns, or all entries: softmax and its kin keep the shape, logsumexp loses the side."""
    form = to.settled(to.full(to.fresh(operands(e)[0])[0]))
    value, labels = form.factors[0]
    gone = {"": (*form.rows, *form.columns), "rows": form.rows, "columns": form.columns}[side]
    axes = tuple(i for i, x in enumerate(labels) if x in gone)
    left = tuple(x for x in labels if x not in gone)
    shared = (value, axes) in to.contractor.factorisations.plan.exponentials and to.spells("softmaxes")
    both = to.values.make("softmaxes", [value], value.dims, axes) if shared else None
    if both is not None and name == "softmax":
        return to.single(labels, to.values.make("part", [both], value.dims, 0), form)
    if both is None and name != "logsumexp":
        return to.single(labels, to.values.make(name, [value], value.dims, axes), form)
    dims = tuple(x.size for x in left)
    made = to.values.make("part", [both], dims, 1) if both is not None else to.values.make(name, [value], dims, axes)
    if name == "log_softmax":
        at = tuple(labels.index(x) for x in left)
        less = to.values.times([(to.values.number(-1), ()), (made, (*range(len(dims)),))], dims)
        return to.single(labels, to.values.plus([(value, (*range(len(labels)),)), (less, at)], value.dims), form)
    rows, columns = ((x for x in s if x not in gone) for s in (form.rows, form.columns))
    return Form(((made, left),), tuple(rows), tuple(columns), form.index)


def _stacked(to: Lowering, e: Node, axis: int) -> Form:
    """[A, B] and [A; B]."""
    made = [to.array(x) for x in operands(e)]
    rows, columns = (() if d == 1 else (Label(d),) for d in shape(e))
    parts = []
    for (v, _), x in zip(made, operands(e), strict=True):
        wanted = tuple(d for d, own in zip(shape(x) or (1, 1), (rows, columns), strict=True) if own)
        parts.append(to.values.reshaped(v, wanted) if v.op != "number" else to.values.spread(v, (), wanted))
    place = 0 if not (rows and columns) else axis
    labels = (*rows, *columns)
    return Form(((to.values.make("concat", parts, tuple(x.size for x in labels), place), labels),), rows, columns)


# ---------------------------------------------------------------- stable forms


def _log(to: Lowering, e: Node) -> Form:
    """log, log1p, softplus, logdet, logsumexp, log_softmax: without overflow, and without loss near 1."""
    x = operands(e)[0]
    seen = to.seen(x)
    inner = to.seen(operands(seen)[0]) if head(seen) == "Abs" else seen
    if head(inner) == "det":
        return _logdet(to, inner)
    if head(seen) == "sum" and head(to.seen(operands(seen)[0])) == "exp":
        return along(to, to.seen(operands(seen)[0]), "logsumexp", "")
    if head(seen) in PARTS and head(to.seen(operands(seen)[0])).startswith("softmax"):
        of, *places = operands(seen)
        return to.form(rebuild(seen, (_log_softmax(to.seen(of)), *places)))
    if head(seen).startswith("softmax"):
        return along(to, seen, "log_softmax", _SIDE[head(seen).partition("_")[2]])
    if head(seen) == "sigmoid":
        return to.form(_minus(_softplus(to, _minus(operands(seen)[0]))))
    if head(seen) in ("spow", "hadpow") and operands(seen)[1] == -1:
        return to.form(_minus(rebuild(e, (operands(seen)[0],))))
    rest = _less_one(seen)
    if rest is None:
        return _log_of_sum(to, x) or to.entrywise("log", x)
    c, core = split_coefficient(rest) if not is_scalar(rest) else rest.as_coeff_Mul()
    if c == -1 and core is not None and head(to.seen(core)) == "sigmoid":
        return to.form(_minus(_softplus(to, operands(to.seen(core))[0])))
    if head(rest) == "exp":
        return to.entrywise("softplus", operands(rest)[0])
    return to.entrywise("log1p", rest)


def _minus(e: Node) -> Node:
    return mul(NEGATIVE, e)


def _softplus(to: Lowering, e: Node) -> Node:
    return build("softplus", (e,), shape(e))


def _log_softmax(e: Node) -> Node:
    return build(head(e).replace("softmax", "log_softmax"), operands(e), shape(e))


def _log_of_sum(to: Lowering, x: Node) -> Form | None:
    """log(Σ w exp(a)) as top + log(Σ w exp(a - top)), top the largest a on the axes that are summed over; None for others."""
    form = to.form(x)
    exponentials = [f for f in form.factors if f[0].op == "entrywise" and f[0].attrs[0] == "exp"]
    if len(exponentials) != 1 or form.has_diagonal:
        return None
    value, labels = exponentials[0]
    kept = set(form.kept)
    axes = tuple(i for i, x in enumerate(labels) if x not in kept)
    left = tuple(x for x in labels if x in kept)
    if not axes:
        return None
    inner = value.args[0]
    top = to.values.make("max", [inner], tuple(x.size for x in left), axes)
    at = tuple(labels.index(x) for x in left)
    less = to.values.times([(to.values.number(-1), ()), (top, (*range(len(left)),))], top.dims)
    shifted = to.values.plus([(inner, (*range(len(labels)),)), (less, at)], inner.dims)
    factors = [f for f in form.factors if f is not exponentials[0]]
    total = to.settled(replace(form, factors=((to.values.entrywise("exp", shifted), labels), *factors)))
    summed, own = total.factors[0]
    if not set(left) <= set(own):
        return None
    made = to.values.plus(
        [(to.values.entrywise("log", summed), (*range(len(own)),)), (top, tuple(map(own.index, left)))], summed.dims
    )
    return to.single(own, made, total)


def _less_one(x: Node) -> Node | None:
    """u of 1 + u; None for anything else."""
    if head(x) not in ("sadd", "add"):
        return None
    parts = operands(x)
    ones = [p for p in parts if (p if is_scalar(p) else unbroadcast(p)) == 1]
    others = [p for p in parts if p not in ones]
    return others[0] if len(ones) == 1 and len(others) == 1 else None


def _logdet(to: Lowering, e: Node) -> Form:
    return matrix(to, e, "logdet")


NEGATIVE = sympy.S.NegativeOne
_SIDE = {"": "", "all": "", "axis0": "rows", "axis1": "columns"}

FUNCTIONS: Mapping[str, Handler] = {
    **dict.fromkeys(
        "inv pinv det logdet expm logm sqrtm chol sylvester eigvals eigvecs "
        "tril triu vech unvech dpow dexpm dlogm hardmax "
        "duplication elimination".split(),
        matrix,
    ),
    **dict.fromkeys("norm norm1 norminf pnorm prod".split(), reduction),
    **{
        f"{name}{suffix and '_' + suffix}": partial(along, name=name, side=side)
        for name in ("softmax", "log_softmax", "logsumexp")
        for suffix, side in _SIDE.items()
    },
    "peak": partial(along, name="peak", side=""),
    "log": _log,
    "lambda_max": partial(_eigen, name="eigvals", last=True),
    "lambda_min": partial(_eigen, name="eigvals", last=False),
    "eigvec_max": partial(_eigen, name="eigvecs", last=True),
    "eigvec_min": partial(_eigen, name="eigvecs", last=False),
    "polar": partial(_singular, which="polar"),
    "nuclear": partial(_singular, which="nuclear"),
    "spectral": partial(_singular, which="spectral"),
    "singvec_left": partial(_singular, which="left"),
    "singvec_right": partial(_singular, which="right"),
    "matpow": _power,
    "hcat": partial(_stacked, axis=1),
    "vcat": partial(_stacked, axis=0),
}
