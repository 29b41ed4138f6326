"""The order in which several factors are multiplied: a tree of pairs, the cheapest of all, or the cheapest pair first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeAlias

from matcalc.codegen.divide import ENTRYWISE
from matcalc.codegen.forms import Label
from matcalc.codegen.sizes import entries

Tree: TypeAlias = "int | tuple[Tree, Tree]"
"""The number of a factor, or a pair of trees that are multiplied."""
Cost: TypeAlias = "Callable[[frozenset[int], frozenset[int], frozenset[Label], frozenset[Label], frozenset[Label]], float]"
"""What it costs to multiply two groups of factors, with these labels, into a product with those."""
EXACT = 9
"""Up to so many factors every order is compared; of more the cheapest pair is taken first."""


def leaves(tree: Tree) -> set[int]:
    """The numbers of the factors in a tree."""
    return {tree} if isinstance(tree, int) else leaves(tree[0]) | leaves(tree[1])


def _result(inside: frozenset[int], labels: Sequence[frozenset[Label]], keep: frozenset[Label]) -> frozenset[Label]:
    outside = keep.union(*(ls for i, ls in enumerate(labels) if i not in inside))
    return frozenset().union(*(labels[i] for i in inside)) & outside


def cost_of(la: frozenset[Label], lb: frozenset[Label], out: frozenset[Label]) -> float:
    """What it costs to multiply two factors with these labels."""
    union = entries(x.size for x in la | lb)
    return union * (ENTRYWISE if len(out) == len(la | lb) else 1.0) + ENTRYWISE * entries(x.size for x in out)


def _exact(labels: Sequence[frozenset[Label]], keep: frozenset[Label], cost: Cost) -> tuple[float, Tree]:
    """The cheapest tree of pairs."""
    count = len(labels)
    everything = frozenset(range(count))
    out = {frozenset([i]): _result(frozenset([i]), labels, keep) for i in range(count)}
    best: dict[frozenset[int], tuple[float, Tree]] = {frozenset([i]): (0.0, i) for i in range(count)}
    for size in range(2, count + 1):
        for chosen in combinations(range(count), size):
            whole = frozenset(chosen)
            out[whole] = _result(whole, labels, keep)
            options: list[tuple[float, Tree]] = []
            for half in range(1, size):
                for part in combinations(chosen[1:], half - 1):
                    a = frozenset((chosen[0], *part))
                    b = whole - a
                    total = best[a][0] + best[b][0] + cost(a, b, out[a], out[b], out[whole])
                    options.append((total, (best[a][1], best[b][1])))
            best[whole] = min(options, key=lambda o: o[0])
    return best[everything]


def _greedy(labels: Sequence[frozenset[Label]], keep: frozenset[Label], cost: Cost) -> tuple[float, Tree]:
    """A tree of pairs, the cheapest pair first."""
    trees: dict[frozenset[int], Tree] = {frozenset([i]): i for i in range(len(labels))}
    total = 0.0
    while len(trees) > 1:
        out = {s: _result(s, labels, keep) for s in trees}
        a, b = min(
            combinations(trees, 2), key=lambda p: cost(p[0], p[1], out[p[0]], out[p[1]], _result(p[0] | p[1], labels, keep))
        )
        total += cost(a, b, out[a], out[b], _result(a | b, labels, keep))
        trees[a | b] = (trees.pop(a), trees.pop(b))
    return total, next(iter(trees.values()))


def best(labels: Sequence[frozenset[Label]], keep: frozenset[Label], cost: Cost) -> tuple[float, Tree]:
    """(what the cheapest order costs, the order) for factors with these labels, those of `keep` being kept."""
    return (_exact if len(labels) <= EXACT else _greedy)(labels, keep, cost)
