"""Sums of products in the order that costs least: the matrix-chain problem for any number of axes.

Every pair of factors becomes one operation: a product of matrices, of a matrix and a vector, an inner product, an entrywise
product, or, where labels are kept that both have, an einsum.  Sizes are symbols: what they typically are decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import cast

from matcalc.codegen.divide import is_outer, lost, making, nearer, opened, seed, terms_of
from matcalc.codegen.factor import Factorisations, Plan
from matcalc.codegen.forms import Factor, Form, Label, Labels, size_of
from matcalc.codegen.order import Tree, best, cost_of, leaves
from matcalc.codegen.sizes import entries
from matcalc.codegen.symmetric import halves
from matcalc.codegen.values import Axes, Value, Values

_TOO_LARGE = 1e4
"""By how much an intermediate dearer becomes that is larger than every factor and the result."""


class Contractor:
    """Forms as values; pairs that several forms have are multiplied once."""

    def __init__(
        self,
        values: Values,
        plan: Plan,
        spells: Callable[..., bool],
        popular: Counter[tuple[object, ...]] | None = None,
        counts: Mapping[Value, int] | None = None,
        named: Collection[Value] = (),
        fuses: bool = False,
    ) -> None:
        """`popular` and `counts` tell how often pairs of factors were met in an earlier run, and how often values were needed.

        What has a name is made anyway.  Where the language `fuses`, a number goes with entrywise products.
        """
        self._fuses = fuses
        self._counts = counts or {}
        self.named = named
        self.values = values
        self.factorisations = Factorisations(values, plan, spells)
        self.met: Counter[tuple[object, ...]] = Counter()
        self._popular = popular or Counter()

    def value(self, form: Form, labels: Labels) -> Value:
        """The form as an array with an axis for each of the labels, all that are kept and no others."""
        value, found = self.factor(form, labels)
        return self.values.permuted(value, tuple(found.index(x) for x in labels))

    def factor(self, form: Form, labels: Labels) -> Factor:
        """The form as an array with an axis for each of the labels, in the order in which it comes about."""
        factors, names = self._undivided(form.factors)
        distinct = tuple(dict.fromkeys(names.get(x, x) for x in labels))
        having = {x for _, own in factors for x in own}
        lost = dict.fromkeys(names.get(x, x) for x in form.labels)
        factors += [(self.values.number(x.size), ()) for x in lost if x not in having and x not in distinct]
        made, found = self._distributed(factors, distinct)
        dims = tuple(x.size for x in labels)
        if len(distinct) == len(labels):
            if len(found) < len(labels):
                return self.values.spread(made, tuple(distinct.index(x) for x in found), dims), labels
            return made, tuple(next(x for x in labels if names.get(x, x) is y) for y in found)
        missing = tuple(x for x in distinct if x not in found)
        made = self.values.spread(made, (*range(len(found)),), tuple(x.size for x in (*found, *missing)))
        found = (*found, *missing)
        return self.values.placed(made, tuple(found.index(names.get(x, x)) for x in labels), dims), labels

    def _undivided(self, factors: Sequence[Factor]) -> tuple[list[Factor], dict[Label, Label]]:
        """(the factors without zeros off a diagonal and with products taken apart, the labels that are one with others)."""
        names: dict[Label, Label] = {}
        found: list[Factor] = []
        waiting = list(reversed(factors))
        while waiting:
            value, own = waiting.pop()
            if value.op == "place":
                axes = cast(Axes, value.attrs[0])
                firsts = tuple(own[axes.index(i)] for i in range(len(value.args[0].dims)))
                for x, i in zip(own, axes, strict=True):
                    x, y = _one(x, names), _one(firsts[i], names)
                    if x is not y:
                        names[x] = y
                waiting.append((value.args[0], firsts))
            elif value.op == "times" and (is_outer(value) or len(value.args) - (value.args[0].number is not None) == 1):
                waiting += terms_of(value, own)
            elif value.op == "permute":
                order = cast(Axes, value.attrs[0])
                waiting.append((value.args[0], tuple(own[order.index(i)] for i in range(len(own)))))
            elif value.op == "spread":
                waiting.append((value.args[0], tuple(own[i] for i in cast(Axes, value.attrs[0]))))
            else:
                found.append((value, own))
        settled = {x: _one(x, names) for x in names}
        return [(value, tuple(settled.get(x, x) for x in own)) for value, own in found], settled

    def _distributed(self, factors: list[Factor], labels: Labels) -> Factor:
        """The product, a sum among the factors multiplied out where it is larger than what it is made of, or dearer."""
        kept = set(labels)
        for k, (value, own) in enumerate(factors):
            if value.op != "plus" or kept.issuperset(own):
                continue
            rest = [*factors[:k], *factors[k + 1 :]]
            terms = terms_of(value, own)
            inside = [[term, *rest] for term in terms]
            if entries(value.dims) > 1.0001 * max(map(seed, value.args)):
                terms = nearer(self.values, terms)
                inside = [[term, *rest] for term in terms]
                others = [f for f in rest if f != (value, own)]
                if len(others) == len(rest) - 1 and all(v.number is not None for v, _ in others):
                    square = self._square(terms, own, labels)
                    whole = (*range(len(labels)),)
                    return self.values.times([*((v, ()) for v, _ in others), (square, whole)], square.dims), labels
            elif self._is_dearer(value, own, rest, kept):
                inside = [[*opened(*term), *rest] for term in terms]
            else:
                continue
            return self._added(inside, own, labels), labels
        return self._product(factors, labels)

    def _added(self, products: Iterable[Sequence[Factor]], own: Labels, labels: Labels) -> Value:
        """The sum of products; a label of `own` that is summed over, and that a product has no more, counts its size."""
        parts = []
        for inside in products:
            counts = [(self.values.number(x.size), ()) for x in lost(own, set(labels), inside)]
            form = Form((*inside, *counts), index=frozenset(labels))
            parts.append((self.value(form, labels), (*range(len(labels)),)))
        return self.values.plus(parts, tuple(x.size for x in labels))

    def _square(self, terms: Sequence[Factor], own: Labels, labels: Labels) -> Value:
        """Σ (a - b)^2, never below 0 whatever rounding does."""
        made = self._added([[one, other] for one in terms for other in terms], own, labels)
        axes = (*range(len(labels)),)
        return self.values.make("entrywise", [made, self.values.number(0)], made.dims, "max", (axes, ()))

    def _is_dearer(self, value: Value, own: Labels, rest: Sequence[Factor], kept: set[Label]) -> bool:
        """Whether a sum that nothing else needs costs more to make than to multiply term by term."""
        if self._counts.get(value, 2) > 1 or value in self.named or value in self.values.undivided or not rest:
            return False
        whole = making(value) + self._estimate([(value, own), *rest], kept)
        parts = sum(self._estimate([*opened(v, at), *rest], kept) for v, at in terms_of(value, own))
        return parts < 0.9 * whole

    def _estimate(self, factors: Sequence[Factor], kept: set[Label]) -> float:
        """What a product costs in the best order."""
        with_axes = [(v, own) for v, own in factors if own]
        if len(with_axes) < 2:
            return sum(entries(v.dims) for v, _ in with_axes)
        labels = [frozenset(own) for _, own in with_axes]
        return best(labels, frozenset(kept), lambda a, b, la, lb, out: cost_of(la, lb, out))[0]

    def _product(self, given: Sequence[Factor], labels: Labels) -> Factor:
        scalars: list[Value] = []
        factors: list[Factor] = []
        for factor in given:
            value, own = self._reduced(*factor, labels, given)
            if value.op == "times" and value.args[0].number is not None:
                scalars.append(value.args[0])
                value = self.values.bare(value)
            if own:
                factors.append((value, own))
            else:
                scalars.append(value)
        keep = set(labels)
        for (a, la), (b, lb) in combinations(factors, 2):
            self.met[self._key(a, la, b, lb)] += 1
        coefficient = self.values.times([(s, ()) for s in scalars], ())
        if not factors or coefficient.number == 0:
            return coefficient, ()
        factors = halves(self.values, factors, keep, labels)
        value, found, coefficient = self._best(factors, keep, labels, coefficient)
        whole = (*range(len(found)),)
        return self.values.times([(coefficient, ()), (value, whole)], value.dims), found

    def _reduced(self, value: Value, own: Labels, labels: Labels, given: Sequence[Factor]) -> Factor:
        """The factor with each label once, and summed over labels that it alone has."""
        while len(set(own)) < len(own):
            i, j = next((i, j) for i, j in combinations(range(len(own)), 2) if own[i] is own[j])
            value, own = self.values.diagonal(value, i, j), (*(x for k, x in enumerate(own) if k not in (i, j)), own[i])
        count = Counter(x for _, ls in given for x in set(ls))
        lonely = tuple(i for i, x in enumerate(own) if x not in labels and count[x] == 1)
        return self.values.summed(value, lonely), tuple(x for i, x in enumerate(own) if i not in lonely)

    # ------------------------------------------------------------ order

    def _best(self, factors: list[Factor], keep: set[Label], order: Labels, coefficient: Value) -> tuple[Value, Labels, Value]:
        """(the product, its labels, the coefficient if it is still to be multiplied by, else 1)."""
        limit = max([entries(x.size for x in order), *(entries(v.dims) for v, _ in factors)])
        labels = [frozenset(own) for _, own in factors]

        def cost(
            a: frozenset[int], b: frozenset[int], la: frozenset[Label], lb: frozenset[Label], out: frozenset[Label]
        ) -> float:
            found, size = cost_of(la, lb, out), entries(x.size for x in out)
            if size > limit * 1.0001:
                found *= _TOO_LARGE
            if len(a) == len(b) == 1:
                (i,), (j,) = a, b
                found /= max(1, self._popular[self._key(*factors[i], *factors[j])])
            return found

        _, tree = best(labels, frozenset(keep), cost)
        if isinstance(tree, int):
            return *factors[tree], coefficient
        pair = [self._run(part, factors, keep, order) for part in tree]
        chosen = min(pair, key=lambda f: entries(f[0].dims))
        fused = next((f for f in pair if self._fuses and f[0].op == "times"), None)
        smaller = 2 * entries(chosen[0].dims) <= entries(x.size for x in order)
        if (fused and coefficient.number != 1) or (coefficient.number not in (1, -1) and smaller):
            chosen = fused or chosen
            value, own = chosen
            scaled = self.values.times([(coefficient, ()), (value, (*range(len(own)),))], value.dims), own
            pair = [scaled if f is chosen else f for f in pair]
            coefficient = self.values.number(1)
        return *self.pair(pair[0], pair[1], keep, (order,)), coefficient

    def _run(self, tree: Tree, factors: list[Factor], keep: set[Label], order: Labels) -> Factor:
        """The value of a tree of pairs of numbers of factors."""
        if isinstance(tree, int):
            return factors[tree]
        inside = leaves(tree)
        needed = keep | {x for i, (_, own) in enumerate(factors) if i not in inside for x in own}
        a = self._run(tree[0], factors, keep, order)
        b = self._run(tree[1], factors, keep, order)
        outside = [own for i, (_, own) in enumerate(factors) if i not in inside]
        return self.pair(a, b, needed, (order, *outside))

    def _key(self, a: Value, la: Labels, b: Value, lb: Labels) -> tuple[object, ...]:
        if a.serial > b.serial:
            a, la, b, lb = b, lb, a, la
        numbers: dict[Label, int] = {}
        for x in (*la, *lb):
            numbers.setdefault(x, len(numbers))
        return a.serial, tuple(numbers[x] for x in la), b.serial, tuple(numbers[x] for x in lb)

    # ------------------------------------------------------------ one pair

    def pair(self, one: Factor, other: Factor, needed: set[Label], orders: Sequence[Labels]) -> Factor:
        """The product of two factors, summed over the labels that nobody needs."""
        (a, la), (b, lb) = one, other
        summed = [x for x in la if x in lb and x not in needed]
        if not summed:
            return self._entrywise(one, other, orders)
        batch = [x for x in la if x in lb and x in needed]
        fa, fb = [x for x in la if x not in lb], [x for x in lb if x not in la]
        if batch:
            return self._einsum(one, other, [*batch, *fa, *fb], orders)
        if not fa and not fb:
            if b.serial < a.serial:
                (a, la), (b, lb) = (b, lb), (a, la)
            aligned = self.values.permuted(b, tuple(lb.index(x) for x in la))
            return self.values.make("dot", [a, aligned], ()), ()
        for (inverse, li), (x, lx) in ((one, other), (other, one)):
            if self.factorisations.applies(inverse, x) and len(summed) == 1 and len(lx) <= 2:
                return self._solved(inverse, li, x, lx, summed[0])
        if not fa or (fb and _oriented((*fa, *fb), orders)[0] in fb):
            (a, la), (b, lb), fa, fb = (b, lb), (a, la), fb, fa
        if len(summed) == 1 and len(fa) == 1 and len(fb) <= 1:
            return self._matmul(a, la, b, lb, fa, fb)
        return self._tensordot(a, la, b, lb, tuple(summed))

    def _solved(self, inverse: Value, li: Labels, x: Value, lx: Labels, y: Label) -> Factor:
        """inv(A)*x or inv(A')*x."""
        turned = li[0] is y
        (left,) = (z for z in li if z is not y)
        right = tuple(z for z in lx if z is not y)
        ordered = self.values.permuted(x, tuple(lx.index(z) for z in (y, *right)))
        labels = (left, *right)
        return self.factorisations.solve(inverse.args[0], ordered, turned, tuple(z.size for z in labels)), labels

    def _matmul(self, a: Value, la: Labels, b: Value, lb: Labels, fa: list[Label], fb: list[Label]) -> Factor:
        turned = la[0] is not fa[0] and a not in self.values.symmetric
        if not fb:
            return self.values.make("matvec", [a, b], (fa[0].size,), turned), (fa[0],)
        other = lb[1] is not fb[0] and b not in self.values.symmetric
        swapped = self.values.made("matmul", [b, a], (fb[0].size, fa[0].size), not other, not turned)
        if swapped is not None and a is not b:
            return swapped, (fb[0], fa[0])
        made = self.values.make("matmul", [a, b], (fa[0].size, fb[0].size), turned, other)
        if a is b and turned != other:
            self.values.symmetric.add(made)
        return made, (fa[0], fb[0])

    def _tensordot(self, a: Value, la: Labels, b: Value, lb: Labels, summed: Labels) -> Factor:
        """A product over several axes, or of more than matrices: of matrices with several axes in one."""
        left, fa, turned = self._merged(a, la, summed)
        right, fb, other = self._merged(b, lb, summed)
        labels = (*fa, *fb)
        i, j, k = Label(size_of(fa)), Label(size_of(summed)), Label(size_of(fb))
        la, lb = (j, i) if turned else (i, j), ((j, k) if other else (k, j)) if fb else (j,)
        made, found = self._matmul(left, la, right, lb, [i], [k] if fb else [])
        made = self.values.permuted(made, (1, 0)) if found[0] is k else made
        return self.values.reshaped(made, tuple(x.size for x in labels)), labels

    def _merged(self, value: Value, own: Labels, summed: Labels) -> tuple[Value, Labels, bool]:
        """(a matrix whose axes are those that are summed and the others, these, whether the former come first)."""
        free = tuple(x for x in own if x not in summed)
        first = own[: len(summed)] == summed
        order = (*summed, *free) if first or own[len(free) :] != summed else (*free, *summed)
        first = order[: len(summed)] == summed
        sizes = [size_of(summed), size_of(free)] if first else [size_of(free), size_of(summed)]
        arranged = self.values.permuted(value, tuple(own.index(x) for x in order))
        return self.values.reshaped(arranged, tuple(sizes if free else sizes[:1] if first else sizes[1:])), free, first

    def _entrywise(self, one: Factor, other: Factor, orders: Sequence[Labels]) -> Factor:
        (a, la), (b, lb) = one, other
        first, second = (la, lb) if len(la) >= len(lb) else (lb, la)
        labels = _oriented((*first, *(x for x in second if x not in first)), orders)
        made = self.values.times(
            [(a, tuple(labels.index(x) for x in la)), (b, tuple(labels.index(x) for x in lb))], tuple(x.size for x in labels)
        )
        if {a, b} <= self.values.nonnegative:
            self.values.nonnegative.add(made)
        return made, labels

    def _einsum(self, one: Factor, other: Factor, out: Sequence[Label], orders: Sequence[Labels]) -> Factor:
        (a, la), (b, lb) = one, other
        labels = _oriented(tuple(x for x in dict.fromkeys((*la, *lb)) if x in out), orders)
        numbers: dict[Label, int] = {}
        for x in (*la, *lb):
            numbers.setdefault(x, len(numbers))
        spec = tuple(tuple(numbers[x] for x in ls) for ls in (la, lb, labels))
        return self.values.make("einsum", [a, b], tuple(x.size for x in labels), *spec), labels


def _one(x: Label, names: dict[Label, Label]) -> Label:
    while x in names:
        x = names[x]
    return x


def _oriented(labels: Labels, orders: Sequence[Labels]) -> Labels:
    """The labels in the order in which the result, or a factor to come, has them; as they are where none has them all."""
    for order in orders:
        if set(labels) <= set(order):
            return tuple(x for x in order if x in labels)
    return labels
