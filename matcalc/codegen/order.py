"""The order in which several factors are multiplied: a tree of pairs, the cheapest of all, or one bettered part by part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeAlias

from matcalc.codegen.divide import ENTRYWISE
from matcalc.codegen.forms import Label
from matcalc.codegen.sizes import entries

Tree: TypeAlias = "int | tuple[Tree, Tree]"
"""The number of a factor, or a pair of trees that are multiplied."""
Cost: TypeAlias = "Callable[[frozenset[int], frozenset[int], frozenset[Label], frozenset[Label], frozenset[Label]], float]"
"""What it costs to multiply two groups of factors, with these labels, into a product with those."""
Which: TypeAlias = "Callable[[Iterable[tuple[Tree, Tree]]], tuple[Tree, Tree]]"
"""The pair that is taken apart next."""
EXACT = 9
"""Up to so many factors every order is compared; of more, a tree made pair by pair is bettered part by part."""
PARTS = 6
"""Into so many parts a tree is taken apart, which are then put together again in the best order."""


def leaves(tree: Tree) -> set[int]:
    """The numbers of the factors in a tree."""
    return {tree} if isinstance(tree, int) else leaves(tree[0]) | leaves(tree[1])


def cost_of(la: frozenset[Label], lb: frozenset[Label], out: frozenset[Label]) -> float:
    """What it costs to multiply two factors with these labels."""
    union = entries(x.size for x in la | lb)
    return union * (ENTRYWISE if len(out) == len(la | lb) else 1.0) + ENTRYWISE * entries(x.size for x in out)


@dataclass(frozen=True)
class _Product:
    """Factors with their labels, those of `keep` being kept."""

    labels: Sequence[frozenset[Label]]
    keep: frozenset[Label]
    cost: Cost

    def left(self, inside: frozenset[int]) -> frozenset[Label]:
        """The labels that the product of some factors has: those that others have, or that are kept."""
        outside = self.keep.union(*(ls for i, ls in enumerate(self.labels) if i not in inside))
        return frozenset().union(*(self.labels[i] for i in inside)) & outside

    def total(self, tree: Tree) -> float:
        """What all products of a tree cost."""
        if isinstance(tree, int):
            return 0.0
        a, b = (frozenset(leaves(t)) for t in tree)
        return self.cost(a, b, self.left(a), self.left(b), self.left(a | b)) + sum(map(self.total, tree))

    def growth(self, a: frozenset[int], b: frozenset[int]) -> float:
        """How many entries more the product of two groups has than the two."""
        size = [entries(x.size for x in self.left(s)) for s in (a | b, a, b)]
        return size[0] - size[1] - size[2]


def _exact(product: _Product, parts: Sequence[Tree]) -> tuple[float, Tree]:
    """(what it costs to multiply the parts, the cheapest tree of pairs of them)."""
    count = len(parts)
    inside = [frozenset(leaves(part)) for part in parts]
    group: dict[frozenset[int], frozenset[int]] = {}
    out: dict[frozenset[int], frozenset[Label]] = {}
    best: dict[frozenset[int], tuple[float, Tree]] = {frozenset([i]): (0.0, part) for i, part in enumerate(parts)}
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            whole = frozenset(chosen)
            group[whole] = frozenset().union(*(inside[i] for i in chosen))
            out[whole] = product.left(group[whole])
            options: list[tuple[float, Tree]] = []
            for half in range(1, size):
                for part in combinations(chosen[1:], half - 1):
                    a = frozenset((chosen[0], *part))
                    b = whole - a
                    price = product.cost(group[a], group[b], out[a], out[b], out[whole])
                    options.append((best[a][0] + best[b][0] + price, (best[a][1], best[b][1])))
            if options:
                best[whole] = min(options, key=lambda o: o[0])
    return best[frozenset(range(count))]


def _greedy(product: _Product) -> Tree:
    """A tree of pairs, always that pair whose product is the least larger than the two."""
    trees: dict[frozenset[int], Tree] = {frozenset([i]): i for i in range(len(product.labels))}
    known: dict[tuple[frozenset[int], frozenset[int]], float] = {}
    while len(trees) > 1:
        for pair in combinations(trees, 2):
            if pair not in known:
                known[pair] = product.growth(*pair)
        a, b = min(combinations(trees, 2), key=lambda pair: known[pair])
        trees[a | b] = (trees.pop(a), trees.pop(b))
    return next(iter(trees.values()))


def _parts(tree: Tree, which: Which) -> list[Tree]:
    """A tree taken apart from its root, always the part with the most or the fewest factors, into at most so many parts."""
    parts = [tree]
    while len(parts) < PARTS and (pairs := [part for part in parts if isinstance(part, tuple)]):
        pair = which(pairs)
        at = parts.index(pair)
        parts[at : at + 1] = pair
    return parts


def _bettered(product: _Product, tree: Tree, which: Which) -> Tree:
    """The tree with the parts near its root in the best order, and each of its two branches likewise."""
    if isinstance(tree, int) or len(leaves(tree)) < 3:
        return tree
    _, found = _exact(product, _parts(tree, which))
    return found if isinstance(found, int) else (_bettered(product, found[0], which), _bettered(product, found[1], which))


def _searched(product: _Product) -> tuple[float, Tree]:
    """(what it costs, a tree) made pair by pair, and bettered until that no longer pays."""
    tree = _greedy(product)
    total, before = product.total(tree), math.inf
    while total < 0.999 * before:
        before = total
        for which in (max, min):
            again = _bettered(product, tree, partial(which, key=lambda part: len(leaves(part))))
            total, tree = min((total, tree), (product.total(again), again), key=lambda found: found[0])
    return total, tree


def best(labels: Sequence[frozenset[Label]], keep: frozenset[Label], cost: Cost) -> tuple[float, Tree]:
    """(what the cheapest order costs, the order) for factors with these labels, those of `keep` being kept."""
    product = _Product(labels, keep, cost)
    return _exact(product, range(len(labels))) if len(labels) <= EXACT else _searched(product)
