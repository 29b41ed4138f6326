"""A number that several results are multiplied by: once, in what all of them are linear in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sympy import Expr, S

from matcalc.codegen.sizes import entries
from matcalc.codegen.values import Value, Values, postorder

_LINEAR = frozenset({"times", "matmul", "matvec", "einsum", "permute", "reshape", "sum"})
"""What is linear in each of its operands."""
_TURNED = frozenset({"permute", "reshape"})


def scaled_once(values: Values, roots: Sequence[Value]) -> tuple[Value, ...]:
    """The roots; those that are c times what is linear in one and the same array are so in c times that array instead."""
    apart = [_apart(values, root) for root in roots]
    groups: defaultdict[Expr, list[int]] = defaultdict(list)
    for i, (number, _) in enumerate(apart):
        groups[number].append(i)
    found = list(roots)
    for number, at in groups.items():
        bodies = [apart[i][1] for i in at]
        seed = None if len(at) < 2 or number in (1, -1) else _seed(bodies)
        if seed is not None:
            axes = (*range(len(seed.dims)),)
            done = {seed: values.times([(values.number(number), ()), (seed, axes)], seed.dims)}
            for i, body in zip(at, bodies, strict=True):
                found[i] = _replaced(values, body, done)
    return tuple(found)


def _apart(values: Values, root: Value) -> tuple[Expr, Value]:
    """(the number that a product is multiplied by, or one of its factors is, the product without it)."""
    if root.op == "times" and root.args[0].number is not None:
        return root.args[0].number, values.bare(root)
    if root.op not in ("matmul", "matvec", *_TURNED):
        return S.One, root
    for i, a in enumerate(root.args):
        if a.op in ("times", *_TURNED) and (found := _apart(values, a))[0] != 1:
            args = (*root.args[:i], found[1], *root.args[i + 1 :])
            return found[0], values.make(root.op, args, root.dims, *root.attrs)
    return S.One, root


def _seed(bodies: Iterable[Value]) -> Value | None:
    """The smallest array but the inputs that every body is linear in."""
    shared = set.intersection(*map(_linear_in, bodies))
    return min(shared, key=lambda v: (entries(v.dims), v.serial), default=None)


def _linear_in(body: Value) -> set[Value]:
    """The arrays that stand once in a value, and that it is linear in."""
    paths, linear = Counter({body: 1}), {body}
    for value in reversed(list(postorder([body]))):
        for a in value.args:
            paths[a] += paths[value]
            if value in linear and value.op in _LINEAR:
                linear.add(a)
    return {v for v in linear if paths[v] == 1 and v.dims and v.op not in ("input", "entrywise", "place", "eye")}


def _replaced(values: Values, body: Value, done: dict[Value, Value]) -> Value:
    """The body made anew from what is to replace parts of it."""
    for value in postorder([body]):
        args = [done.get(a, a) for a in value.args]
        if value not in done and args != list(value.args):
            done[value] = values.make(value.op, args, value.dims, *value.attrs)
    return done.get(body, body)
