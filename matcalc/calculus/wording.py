"""What a derivation begins with: an expression as it was typed, but for the parts that a known function is recognised in.

Simplified as a whole it would be right too; but tr(X*B*X') would have become tr(B*X'*X) before the first line.
"""

from __future__ import annotations

from collections.abc import Callable

from matcalc.calculus.forms import Forms
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import Node, head, operands, postorder
from matcalc.rulebase.base import Rulebase

_ARRANGEMENT = frozenset({"add", "sadd", "mul", "smul", "hadamard", "scalar", "transpose", "ones", "sum", "eye"})
"""What may be written in another order, or another way, without becoming another thing."""


class Wording:
    """Words expressions for derivations; remembers them."""

    def __init__(self, simplify: Callable[[Node], Node], rules: Rulebase) -> None:
        """`simplify` recognises: log(det(X)) as logdet(X), exp(x)/sum(exp(x)) as softmax(x)."""
        self._simplify, self._forms = simplify, Forms(rules)
        self._worded: dict[Node, Node] = {}
        self._functions: dict[Node, int] = {}
        self._bits: dict[str, int] = {}

    def __call__(self, e: Node) -> Node:
        """e as typed, but simplified where simplification makes it of other functions."""
        for x in postorder([e], lambda x: () if x in self._worded else operands(x)):
            if x not in self._worded:
                old = operands(x)
                new = tuple(self._worded[o] for o in old)
                self._worded[x] = self._chosen(x if all(a is b for a, b in zip(old, new, strict=True)) else rebuild(x, new), x)
        return self._worded[e]

    def _chosen(self, made: Node, typed: Node) -> Node:
        short = self._simplify(typed)
        if self._made_of(made) == self._made_of(short):
            return made
        if self._forms.of(made) is None:
            return short
        self._functions[made] = self._made_of(short)
        return made

    def _made_of(self, e: Node) -> int:
        """The functions that e is made of, each a bit."""
        for x in postorder([e], lambda x: () if x in self._functions else operands(x)):
            if x not in self._functions:
                name, found = head(x), 0
                if operands(x) and name not in _ARRANGEMENT:
                    found = self._bits.setdefault(name, 1 << len(self._bits))
                for o in operands(x):
                    found |= self._functions[o]
                self._functions[x] = found
        return self._functions[e]
