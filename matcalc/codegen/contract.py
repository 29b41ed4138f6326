"""Sums of products in the order that costs least: the matrix-chain problem for any number of axes.

Every pair of factors becomes one operation: a product of matrices, of a matrix and a vector, an inner product, an entrywise
product, or, where labels are kept that both have, an einsum.  Sizes are symbols: what they typically are decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

from matcalc.codegen.factor import Factorisations, Plan
from matcalc.codegen.forms import Factor, Form, Label, Labels
from matcalc.codegen.sizes import entries
from matcalc.codegen.values import Value, Values

EXACT = 9
"""Up to so many factors every order is compared; of more the cheapest pair is taken first."""
_ENTRYWISE = 4.0
"""What an entry read and written costs, in multiplications within a product of matrices."""
_TOO_LARGE = 1e4
"""By how much an intermediate dearer becomes that is larger than every factor and the result."""


class Contractor:
    """Forms as values; pairs that several forms have are multiplied once."""

    def __init__(
        self, values: Values, plan: Plan, spells: Callable[[str, str], bool], popular: Counter[tuple[object, ...]] | None = None
    ) -> None:
        """`popular` tells how often a pair of factors was met in an earlier run over the same forms."""
        self.values = values
        self.factorisations = Factorisations(values, plan, spells)
        self.met: Counter[tuple[object, ...]] = Counter()
        self._popular = popular or Counter()

    def value(self, form: Form, labels: Labels) -> Value:
        """The form as an array with an axis for each of the labels, all that are kept and no others."""
        made, found = self._product(form, labels)
        dims = tuple(x.size for x in labels)
        return self.values.spread(made, tuple(labels.index(x) for x in found), dims)

    def _product(self, form: Form, labels: Labels) -> Factor:
        scalars: list[Value] = []
        factors: list[Factor] = []
        for factor in form.factors:
            value, own = self._reduced(*factor, labels, form)
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
        if not factors:
            return coefficient, ()
        if coefficient.number == 0:
            return coefficient, ()
        factors = self._symmetric_product(factors, keep)
        sign = self.values.number(1)
        if coefficient.number is not None and coefficient.number.could_extract_minus_sign():
            sign, coefficient = self.values.number(-1), self.values.number(-coefficient.number)
        if coefficient.number != 1:
            factors, coefficient = self._scaled(factors, labels, coefficient)
        value, found = self._best(factors, keep, labels)
        whole = (*range(len(found)),)
        return self.values.times([(sign, ()), (coefficient, ()), (value, whole)], value.dims), found

    def _reduced(self, value: Value, own: Labels, labels: Labels, form: Form) -> Factor:
        """The factor with each label once, and summed over labels that it alone has."""
        while len(set(own)) < len(own):
            i, j = next((i, j) for i, j in combinations(range(len(own)), 2) if own[i] is own[j])
            value, own = self.values.diagonal(value, i, j), (*(x for k, x in enumerate(own) if k not in (i, j)), own[i])
        count = Counter(x for _, ls in form.factors for x in set(ls))
        lonely = tuple(i for i, x in enumerate(own) if x not in labels and count[x] == 1)
        return self.values.summed(value, lonely), tuple(x for i, x in enumerate(own) if i not in lonely)

    def _scaled(self, factors: list[Factor], labels: Labels, coefficient: Value) -> tuple[list[Factor], Value]:
        """The coefficient with the smallest factor, if that is smaller than the result; else left over."""
        one = self.values.number(1)
        smallest = min(range(len(factors)), key=lambda i: entries(factors[i][0].dims))
        value, own = factors[smallest]
        if 2 * entries(value.dims) > entries(x.size for x in labels):
            return factors, coefficient
        scaled = self.values.times([(coefficient, ()), (value, (*range(len(own)),))], value.dims)
        return [*factors[:smallest], (scaled, own), *factors[smallest + 1 :]], one

    def _symmetric_product(self, factors: list[Factor], keep: set[Label]) -> list[Factor]:
        """X'*diag(w)*X with w >= 0 as S'*S with S = sqrt(w) .* X: half the work where a library knows it."""
        for (i, (a, la)), (j, (b, lb)) in combinations(enumerate(factors), 2):
            if a is not b or len(la) != 2 or len(factors) == 2:
                continue
            shared = [x for x, y in zip(la, lb, strict=True) if x is y and x not in keep]
            weights = [f for k, f in enumerate(factors) if k not in (i, j)]
            if len(shared) != 1 or any(ls != (shared[0],) or w not in self.values.nonnegative for w, ls in weights):
                continue
            x = shared[0]
            w = self.values.times([(value, (0,)) for value, _ in weights], (x.size,))
            root = self.values.entrywise("sqrt", w)
            self.values.nonnegative.add(root)
            S = self.values.times([(root, (la.index(x),)), (a, (0, 1))], a.dims)
            return [(S, la), (S, lb)]
        return factors

    # ------------------------------------------------------------ order

    def _best(self, factors: list[Factor], keep: set[Label], order: Labels) -> Factor:
        limit = max([entries(x.size for x in order), *(entries(v.dims) for v, _ in factors)])
        plan = _exact if len(factors) <= EXACT else _greedy
        labels = [frozenset(own) for _, own in factors]

        def cost(a: frozenset[int], b: frozenset[int], la: frozenset[Label], lb: frozenset[Label], out: frozenset[Label]) -> float:
            union = entries(x.size for x in la | lb)
            size = entries(x.size for x in out)
            found = union * (_ENTRYWISE if len(out) == len(la | lb) else 1.0) + _ENTRYWISE * size
            if size > limit * 1.0001:
                found *= _TOO_LARGE
            if len(a) == len(b) == 1:
                (i,), (j,) = a, b
                found /= max(1, self._popular[self._key(*factors[i], *factors[j])])
            return found

        tree = plan(labels, frozenset(keep), cost)
        return self._run(tree, factors, keep, order)

    def _run(self, tree: object, factors: list[Factor], keep: set[Label], order: Labels) -> Factor:
        """The value of a tree of pairs of numbers of factors."""
        if isinstance(tree, int):
            return factors[tree]
        assert isinstance(tree, tuple)
        inside = _leaves(tree)
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
            aligned = self.values.permuted(b, tuple(lb.index(x) for x in la))
            return self.values.make("dot", [a, aligned], ()), ()
        for (inverse, li), (x, lx) in ((one, other), (other, one)):
            if self.factorisations.applies(inverse, x) and len(summed) == 1 and len(lx) <= 2:
                return self._solved(inverse, li, x, lx, summed[0])
        if not fa or (fb and _oriented((*fa, *fb), orders)[0] in fb):
            (a, la), (b, lb), fa, fb = (b, lb), (a, la), fb, fa
        if len(summed) == 1 and len(fa) == 1 and len(fb) <= 1:
            return self._matmul(a, la, b, lb, fa, fb)
        axes = tuple(la.index(x) for x in summed), tuple(lb.index(x) for x in summed)
        dims = tuple(x.size for x in (*fa, *fb))
        return self.values.make("tensordot", [a, b], dims, *axes), (*fa, *fb)

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
        made = self.values.make("matmul", [a, b], (fa[0].size, fb[0].size), turned, other)
        if a is b and turned != other:
            self.values.symmetric.add(made)
        return made, (fa[0], fb[0])

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


def _oriented(labels: Labels, orders: Sequence[Labels]) -> Labels:
    """The labels in the order in which the result, or a factor to come, has them; as they are where none has them all."""
    for order in orders:
        if set(labels) <= set(order):
            return tuple(x for x in order if x in labels)
    return labels


def _leaves(tree: object) -> set[int]:
    return {tree} if isinstance(tree, int) else set().union(*map(_leaves, tree))  # type: ignore[call-overload]


def _result(inside: frozenset[int], labels: Sequence[frozenset[Label]], keep: frozenset[Label]) -> frozenset[Label]:
    outside = keep.union(*(ls for i, ls in enumerate(labels) if i not in inside))
    return frozenset().union(*(labels[i] for i in inside)) & outside


def _exact(labels, keep, cost):  # type: ignore[no-untyped-def]
    """The cheapest tree of pairs."""
    count = len(labels)
    everything = frozenset(range(count))
    out = {frozenset([i]): _result(frozenset([i]), labels, keep) for i in range(count)}
    best = {frozenset([i]): (0.0, i) for i in range(count)}
    for size in range(2, count + 1):
        for chosen in combinations(range(count), size):
            whole = frozenset(chosen)
            out[whole] = _result(whole, labels, keep)
            options = []
            for half in range(1, size):
                for part in combinations(chosen[1:], half - 1):
                    a = frozenset((chosen[0], *part))
                    b = whole - a
                    total = best[a][0] + best[b][0] + cost(a, b, out[a], out[b], out[whole])
                    options.append((total, (best[a][1], best[b][1])))
            best[whole] = min(options, key=lambda o: o[0])
    return best[everything][1]


def _greedy(labels, keep, cost):  # type: ignore[no-untyped-def]
    """A tree of pairs, the cheapest pair first."""
    trees = {frozenset([i]): i for i in range(len(labels))}
    while len(trees) > 1:
        out = {s: _result(s, labels, keep) for s in trees}
        a, b = min(
            combinations(trees, 2), key=lambda p: cost(p[0], p[1], out[p[0]], out[p[1]], _result(p[0] | p[1], labels, keep))
        )
        trees[a | b] = (trees.pop(a), trees.pop(b))
    return next(iter(trees.values()))
