"""The order in which many factors are multiplied, against the best that is known of it."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sympy import Integer

from matcalc.codegen.forms import Label
from matcalc.codegen.order import Tree, best, cost_of, leaves


def price(a: frozenset[int], b: frozenset[int], la: frozenset[Label], lb: frozenset[Label], out: frozenset[Label]) -> float:
    """What a product costs by its labels."""
    return cost_of(la, lb, out)


def flat(tree: Tree) -> list[int]:
    """The factors of a tree, each as often as it stands there."""
    return [tree] if isinstance(tree, int) else [*flat(tree[0]), *flat(tree[1])]


@given(st.lists(st.sampled_from([2, 5, 30, 120, 700]), min_size=11, max_size=14))
def test_a_long_chain_of_matrices_costs_no_more_than_its_optimum(sizes: list[int]) -> None:
    ends = [Label(Integer(size)) for size in sizes]
    chain = [frozenset(pair) for pair in pairwise(ends)]

    @cache
    def optimum(i: int, j: int) -> float:
        """The least cost of the product of the matrices from i to j - 1, in this order."""
        if j - i == 1:
            return 0.0
        whole = frozenset((ends[i], ends[j]))
        return min(
            optimum(i, s) + optimum(s, j) + cost_of(frozenset((ends[i], ends[s])), frozenset((ends[s], ends[j])), whole)
            for s in range(i + 1, j)
        )

    cost, tree = best(chain, frozenset((ends[0], ends[-1])), price)
    assert sorted(flat(tree)) == list(range(len(chain)))
    assert leaves(tree) == set(range(len(chain)))
    assert cost <= 1.0001 * optimum(0, len(chain))


def test_a_deep_network_is_multiplied_layer_by_layer() -> None:
    samples, open_end = Label(Integer(2000)), Label(Integer(10))
    widths = [Label(Integer(120)) for _ in range(10)]
    weights = [frozenset(pair) for pair in zip(widths, [*widths[1:], open_end], strict=True)]
    masks = [frozenset((samples, width)) for width in widths]
    cost, _ = best([*weights, *masks], frozenset((samples, widths[0], open_end)), price)
    layer = 2000 * 120 * 10 * (120 + 3 * 4)
    assert cost < 1.1 * 9 * layer + 8 * 2000 * 120 * 10
