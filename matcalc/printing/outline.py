"""How a node reads: broadcasting undone, coefficients and fractions split off, axis sums and means recognised.

This settles what is written (`X .+ b'`, `A/s`, `sum(X, axis=1)`); what the language would not read back as the same
node stays written out.  Views are made once a node, iteratively.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from sympy import Expr, Rational

from matcalc.nodes.expr import ONE, Node, Shape, head, is_scalar, name_of, operands, shape
from matcalc.nodes.families import member_shape
from matcalc.nodes.indices import SUM, is_index
from matcalc.nodes.unknown import function_of, is_unknown, is_upstream
from matcalc.printing.over import RELATIONS, index_name, over_view
from matcalc.printing.questions import chain, coefficient, divides, is_ones, opposite, times_size
from matcalc.printing.spread import dotted, missing, together
from matcalc.printing.view import (
    DIFFERENTIAL_RANK,
    Call,
    View,
    array_view,
    averaged,
    content,
    entry_power_view,
    factor_key,
    finish,
    hadamard_view,
    labels,
    literal_text,
    loose,
    name_view,
    number_view,
    ordered,
    power_view,
    product_view,
    spread_view,
    sum_view,
    total,
    transpose_view,
)
from matcalc.rulefiles.signatures import Signatures, load

_BINARY = frozenset({*RELATIONS, "max", "min", "pow"})
_UPSTREAM = re.compile(r"grad\((\w+), (\w+)\)")
"""The name that stands for ∂f/∂Z."""
_CONSTANTS = {"pi": "pi", "E": "exp(1)", "oo": "inf"}


class Outline:
    """The views of nodes, each made once."""

    def __init__(self, signatures: Signatures | None = None, named: Mapping[Node, str] | None = None) -> None:
        """Views by these signatures; the nodes that are `named` are written as a name."""
        found = load() if signatures is None else signatures
        self._records = found.records
        self._functions = {r.sympy: r for r in found.records.values() if r.sympy}
        self._views: dict[int, View] = {}
        self._nodes: list[Node] = list(named or ())
        for node, name in (named or {}).items():
            self._views[id(node)] = name_view(name, matrix=not is_scalar(node))

    def view(self, e: Node) -> View:
        """The view of e at a loose place: a common number of all terms is in front, 1/2*(s + t)."""
        return loose(self.plain(e))

    def plain(self, e: Node) -> View:
        """The view of e, its numbers left in the terms."""
        views = self._views
        found = views.get(id(e))
        if found is not None:
            return found
        stack = [e]
        while stack:
            x = stack[-1]
            if id(x) in views:
                stack.pop()
                continue
            missing = [o for o in operands(x) if id(o) not in views]
            if missing:
                stack.extend(missing)
            else:
                views[id(x)] = self._made(x)
                self._nodes.append(x)
                stack.pop()
        return views[id(e)]

    def written_out(self, e: Node) -> View:
        """The view of e itself where e has a name."""
        for o in operands(e):
            self.plain(o)
        return loose(self._made(e))

    def __len__(self) -> int:
        """How many nodes have a view."""
        return len(self._views)

    def _made(self, e: Node) -> View:
        h = head(e)
        if h in _MAKERS:
            return _MAKERS[h](self, e)
        return self._unknown(e) if is_unknown(h) else self._call(e, h)

    # ---------------------------------------------------------------- leaves

    def _symbol(self, e: Node) -> View:
        if is_index(e):
            return index_name(e)
        found = _UPSTREAM.fullmatch(name_of(e))
        if found is not None:
            return finish(View("upstream", (name_view(found[1]), name_view(found[2])), None, 1), name_of(e), 1.0, 6)
        return name_view(name_of(e), bool(getattr(e, "is_integer", False)), not is_scalar(e))

    def _number(self, e: Node) -> View:
        if isinstance(e, Rational):
            return number_view(e.p, e.q)
        negative = bool(getattr(e, "is_negative", False))
        absolute = str(-e if negative else e)
        return finish(View("constant", (), _CONSTANTS.get(absolute, absolute), 1, negative), absolute, 0.0, 0)

    def _array(self, e: Node) -> View:
        rows, columns = shape(e)
        h = head(e)
        if columns is ONE or h == "eye":
            sizes: tuple[Expr, ...] = (rows,)
        elif rows is ONE and h == "ones":
            return transpose_view(array_view(h, (self.view(columns),)))
        else:
            sizes = (rows, columns)
        return array_view(h, tuple(self.view(s) for s in sizes))

    # ---------------------------------------------------------------- sums

    def _differential(self, e: Node) -> View:
        (part,) = (self.view(o) for o in operands(e))
        return finish(View("differential", (part,), None, 1 + part.size), f"d({part.label})", 1.0, DIFFERENTIAL_RANK)

    def _terms(self, e: Node) -> View:
        return sum_view([self.view(t) for t in operands(e)])

    def _scalar_sum(self, e: Node) -> View:
        return sum_view(ordered([self.plain(o) for o in operands(e)]), scalar=True)

    def _sum(self, e: Node) -> View:
        views, shapes = self._spread_all(operands(e), shape(e))
        terms = [(t, s) for v, s in zip(views, shapes, strict=True) for t in (v.parts if v.kind == "sum" and not s else (v,))]
        whole = [spread_view(t, missing(s, shape(e))) for t, s in terms]
        return sum_view(whole, dotted=dotted([s for _, s in terms]))

    # ---------------------------------------------------------------- broadcasting

    def _spread(self, e: Node, full: Shape) -> tuple[View, Shape]:
        """The smallest array that broadcasts to e, and its shape."""
        h = head(e)
        if h in ("ones", "zeros"):
            return number_view(1 if h == "ones" else 0, 1), ()
        view = self.plain(e)
        if h != "mul" or view.kind == "name":
            return view, full
        c, fs = coefficient(e)
        first, last = fs[0], fs[-1]
        if len(fs) == 1:
            return (self.view(c), ()) if c is not None and head(first) == "ones" else (view, full)
        if head(last) == "ones" and shape(last)[0] is ONE:
            return self._matrix_product(c, fs[:-1]), (full[0], ONE)
        if head(first) == "ones" and shape(first)[1] is ONE:
            return self._matrix_product(c, fs[1:]), (ONE, full[1])
        return view, full

    def _spread_all(self, nodes: Sequence[Node], full: Shape) -> tuple[list[View], list[Shape]]:
        """Operands as small as they may be written: together they must make the full shape."""
        found = [self._spread(o, full) for o in nodes]
        if all(s is not full for _, s in found) and reduce(together, (s for _, s in found)) != full:
            found[0] = (self.plain(nodes[0]), full)
        return [v for v, _ in found], [s for _, s in found]

    # ---------------------------------------------------------------- products

    def _scalar_product(self, e: Node) -> View:
        return product_view(*self._fraction(operands(e)), ())

    def _fraction(self, scalars: tuple[Node, ...]) -> tuple[bool, int, int, list[View], list[View]]:
        """(negative, p, q, numerator, denominator) of a product of scalars."""
        negative, p, q = False, 1, 1
        numerator: list[View] = []
        denominator: list[View] = []
        for a in scalars:
            if isinstance(a, Rational):
                negative, p, q = a.p < 0, abs(a.p), a.q
                continue
            view = self.plain(a)
            if view.kind == "product" and head(a) == "spow":
                denominator.extend(view.parts)
                continue
            if view.kind == "sum" and len(scalars) == 1:
                (negative, p, q), view = content(view)
            numerator.append(view)
        numerator.sort(key=factor_key)
        denominator.sort(key=factor_key)
        return negative, p, q, numerator, denominator

    def _scalar_power(self, e: Node) -> View:
        base, exponent = operands(e)
        if divides(exponent) and head(base) != "number":
            return product_view(False, 1, 1, (), (power_view(self.plain(base), opposite(exponent)),), ())
        return power_view(self.plain(base), self.view(exponent))

    def _product(self, e: Node) -> View:
        return self._matrix_product(*coefficient(e))

    def _matrix_product(self, c: Expr | None, fs: tuple[Node, ...]) -> View:
        matrices: list[View]
        if len(fs) > 2 and shape(fs[0])[0] is ONE and any(shape(f)[1] is ONE for f in fs[1:-1]):
            matrices = [self.plain(fs[0]), self._matrix_product(None, fs[1:])]
        else:
            c, matrices = self._axis_sums(c, fs)
        if c is None:
            return matrices[0] if len(matrices) == 1 else product_view(False, 1, 1, (), (), matrices)
        negative, p, q, numerator, denominator = self._fraction(self._scalars(c))
        if len(matrices) == 1 and matrices[0].kind == "hadamard":
            matrices = [averaged(matrices[0], denominator)]
        single = matrices[0]
        if (
            single.kind == "hadamard"
            and single.data[0] == "/"
            and len(numerator) + (p != 1) == 1
            and q == 1
            and not denominator
        ):
            leading = numerator[0] if numerator else number_view(p, 1)
            if leading.kind in ("name", "number") and len(matrices) == 1:
                return hadamard_view((leading, *single.parts), ("*", *single.data), negative)
        return product_view(negative, p, q, numerator, denominator, matrices)

    def _scalars(self, c: Node) -> tuple[Node, ...]:
        return operands(c) if head(c) == "smul" and self.plain(c).kind != "name" else (c,)

    def _axis_sums(self, c: Expr | None, fs: tuple[Node, ...]) -> tuple[Expr | None, list[View]]:
        """Factors with X*ones(n) written as sum(X, axis=1) and ones(m)'*X as sum(X, axis=0), or as means."""
        if len(fs) < 2:
            turned = None if c is None or head(fs[0]) != "transpose" else self._turned_mean(c, operands(fs[0])[0])
            return turned or (c, [self.plain(f) for f in fs])
        if is_ones(fs[-1], 1) and head(fs[-2]) != "ones" and shape(fs[-2])[0] is not ONE:
            axis, summed, n, rest = 1, fs[-2], shape(fs[-1])[0], fs[:-2]
        elif is_ones(fs[0], 0) and head(fs[1]) != "ones" and shape(fs[1])[1] is not ONE:
            axis, summed, n, rest = 0, fs[1], shape(fs[0])[1], fs[2:]
        else:
            return c, [self.plain(f) for f in fs]
        times = None if c is None else times_size(c, self._scalars(c), n)
        inner = self.plain(summed)
        view = View("axis", (inner, self.view(n)), ("sum" if times is None else "mean", axis), 1 + inner.size)
        finish(view, "sum" + view.parts[0].label, 1.0, 6)
        others = [self.plain(f) for f in rest]
        remaining = c if times is None else None if times == 1 else times
        return remaining, [*others, view] if axis else [view, *others]

    def _turned_mean(self, c: Expr, e: Node) -> tuple[Expr | None, list[View]] | None:
        """1/m*sum(A, axis=0)' as mean(A, axis=0)'."""
        remaining, views = self._axis_sums(c, operands(e)) if head(e) == "mul" else (c, [])
        means = len(views) == 1 and views[0].kind == "axis" and views[0].data[0] == "mean"
        return (remaining, [transpose_view(views[0])]) if means else None

    # ---------------------------------------------------------------- entrywise operations

    def _hadamard(self, e: Node) -> View:
        views, shapes = self._spread_all(operands(e), shape(e))
        below = [v.kind == "hadamard" and v.data == ("/",) for v in views]
        bare = [v.parts[0] if divides else v for v, divides in zip(views, below, strict=True)]
        parts = tuple(spread_view(v, missing(s, shape(e))) for v, s in zip(bare, shapes, strict=True))
        return hadamard_view(parts, tuple("/" if divides else "*" for divides in below))

    def _entry_power(self, e: Node) -> View:
        base, exponent = operands(e)
        if divides(exponent):
            return hadamard_view((entry_power_view(self.plain(base), opposite(exponent)),), ("/",))
        return entry_power_view(self.plain(base), self.view(exponent))

    def _compare(self, e: Node) -> View:
        if head(e) == "eq" and all(getattr(o, "is_integer", False) for o in operands(e)):
            return self._spelled(e, "delta")
        views = self._arguments(e, entrywise=True)
        return finish(View("compare", views, RELATIONS[head(e)], 1 + total(views)), "ind" + labels(views), 1.0, 6)

    # ---------------------------------------------------------------- other operations

    def _transpose(self, e: Node) -> View:
        return transpose_view(self.plain(operands(e)[0]))

    def _inverse(self, e: Node) -> View:
        part = self.plain(operands(e)[0])
        return finish(View("inverse", (part,), None, 1 + part.size), part.label, 1.0, 6)

    def _matrix_power(self, e: Node) -> View:
        base, exponent = operands(e)
        return power_view(self.plain(base), self.view(exponent))

    def _kron(self, e: Node) -> View:
        views = tuple(self.plain(o) for o in operands(e))
        return finish(View("kron", views, None, 1 + total(views)), labels(views), 1.0, 6)

    def _scalar(self, e: Node) -> View:
        return self.plain(operands(e)[0])

    def _index(self, e: Node) -> View:
        base, *indices = operands(e)[: 2 if head(e) == "member" else 3]
        views = (self.plain(base), *(self.view(i) for i in indices))
        pattern = {"row": (1, ":"), "column": (":", 1)}.get(head(e), tuple(range(1, len(views))))
        if head(e) == "column" and member_shape(base) is not None:
            pattern = (1,)
        return finish(View("index", views, pattern, 1 + total(views)), labels(views), 1.0, 5)

    def _spelled(self, e: Node, function: str) -> View:
        """The view of a call of a function that has no rule."""
        views = tuple(self.view(o) for o in operands(e))
        call = Call(None, function, tuple(range(len(views))), {})
        return finish(View("call", views, call, 1 + total(views)), function + labels(views), 1.0, 6)

    def _unknown(self, e: Node) -> View:
        """ell(y), and grad(ell, y), which reads as one thing: ∂ℓ/∂y."""
        name = function_of(head(e))
        if is_upstream(head(e)):
            views = (name_view(name), self.view(operands(e)[0]))
            return finish(View("upstream", views, None, 1), name + labels(views), 1.0, 6)
        views = (name_view(name), self.view(operands(e)[0]))
        return finish(View("applied", views, None, 1 + views[1].size), name + labels(views), 1.0, 6)

    def _block(self, e: Node) -> View:
        """[A, B; C, D]: rows of a left-nested vcat, each a left-nested hcat."""
        rows = [chain(r, "hcat") for r in chain(e, "vcat")]
        views = tuple(self.plain(x) for row in rows for x in row)
        return finish(View("block", views, tuple(len(r) for r in rows), 1 + total(views)), labels(views), 1.0, 6)

    def _arguments(self, e: Node, entrywise: bool) -> tuple[View, ...]:
        nodes = operands(e)
        if entrywise and len(nodes) > 1 and not is_scalar(e):
            views, shapes = self._spread_all(nodes, shape(e))
            if head(e) == "pow" and not shapes[1]:
                views[1] = self.plain(nodes[1])
            return tuple(spread_view(v, missing(s, shape(e))) if s else v for v, s in zip(views, shapes, strict=True))
        return tuple(loose(self.plain(o)) for o in nodes)

    def _call(self, e: Node, name: str) -> View:
        record = self._functions.get(name) if getattr(e, "is_Function", False) else self._records.get(name)
        views = self._arguments(e, name in _BINARY or (record is not None and record.entrywise))
        if record is None or not record.calls or len(record.operands) != len(views):
            call = Call(None, name, tuple(range(len(views))), {})
        else:
            names = {a.name: i for i, a in enumerate(record.operands)}
            for a in record.arguments:
                if a.name not in names:
                    names[a.name] = len(views)
                    views = (*views, self.view(shape(e)[record.result.index(a.name)]))
            pattern = record.calls[0]
            spelled: list[int | str] = []
            for item in pattern.args:
                key = item if isinstance(item, str) else getattr(item, "name", None)
                spelled.append(names[key] if key is not None else literal_text(item))
            spelled.extend(f"{k}={literal_text(v)}" for k, v in pattern.keywords.items())
            call = Call(record, pattern.function, tuple(spelled), names)
        return finish(View("call", views, call, 1 + total(views)), call.function + labels(views), 1.0, 6)


_MAKERS: dict[str, Callable[[Outline, Node], View]] = {
    "symbol": Outline._symbol,
    "number": Outline._number,
    "sadd": Outline._scalar_sum,
    "smul": Outline._scalar_product,
    "spow": Outline._scalar_power,
    "add": Outline._sum,
    "mul": Outline._product,
    "scalar": Outline._scalar,
    "transpose": Outline._transpose,
    "inv": Outline._inverse,
    "matpow": Outline._matrix_power,
    "hadamard": Outline._hadamard,
    "hadpow": Outline._entry_power,
    "kron": Outline._kron,
    "eye": Outline._array,
    "zeros": Outline._array,
    "ones": Outline._array,
    "entry": Outline._index,
    "entry2": Outline._index,
    "row": Outline._index,
    "column": Outline._index,
    "member": Outline._index,
    SUM: over_view,
    "terms": Outline._terms,
    "d": Outline._differential,
    "hcat": Outline._block,
    "vcat": Outline._block,
} | dict.fromkeys(RELATIONS, Outline._compare)
