"""The identities of `rules/simplify.toml`: each is used where it shortens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matcalc.algebra import factors
from matcalc.expr import Node, head, is_number, is_scalar, name_of, operands
from matcalc.match import Bindings, Pattern
from matcalc.rulebase import Rulebase
from matcalc.structure import Structures
from matcalc.templates import Template, compile_template

if TYPE_CHECKING:
    from matcalc.simplify.engine import Simplifier


@dataclass(frozen=True)
class Rewrite:
    """An identity, oriented: wherever `left` matches and the conditions hold, `right` may stand."""

    name: str
    left: Pattern
    right: Template
    where: tuple[tuple[str, tuple[Node, ...]], ...]


class Identities:
    """The oriented identities, by the outermost operation of their left side."""

    def __init__(self, rules: Rulebase, structures: Structures) -> None:
        self._rules = rules
        self._structures = structures
        self._by_head = rules.compiled_identities(_compile)

    def apply(self, e: Node, s: Simplifier) -> Node | None:
        """e after the first identity that shortens it; None where none does."""
        candidates = self._by_head.get(head(e))
        if candidates is None:
            return None
        present = {head(o) for o in operands(e)}
        for needed, rewrite in candidates:
            if needed <= present:
                for made in self._results(rewrite, e):
                    shorter = s.if_shorter(e, made)
                    if shorter is not None:
                        return shorter
        return None

    def _results(self, rewrite: Rewrite, e: Node) -> Iterator[Node]:
        for bindings, put in rewrite.left.matches(e):
            if all(self._holds(word, bindings, leaves) for word, leaves in rewrite.where):
                leaves = {name_of(leaf): bound for leaf, bound in bindings.leaves.items()}
                yield put(self._rules.instantiate(rewrite.right, leaves, bindings.sizes))

    def _holds(self, word: str, b: Bindings, leaves: tuple[Node, ...]) -> bool:
        bound = [b.leaves[x] for x in leaves]
        match word:
            case "commute":
                return self.commute(bound[0], bound[1])
            case "number":
                return is_number(bound[0])
            case "integer":
                return bool(bound[0].is_integer)
            case _:
                return self._structures.has(bound[0], word)

    def commute(self, A: Node, D: Node) -> bool:
        """Whether A*D = D*A is plain: D is made of A, its powers, its functions and multiples of I alone."""
        return A is D or head(A) == "eye" or all(f is A or _made_of(f, A) for f in factors(D))


def _made_of(D: Node, A: Node) -> bool:
    """Whether D is a function of the matrix A."""
    if head(D) == "eye" or is_scalar(D):
        return True
    if head(D) in ("inv", "matpow", "expm", "logm", "sqrtm", "mul", "add", "transpose"):
        inner = operands(A)[0] if head(D) == head(A) == "transpose" else A
        return all(is_scalar(o) or o is inner or _made_of(o, inner) for o in operands(D))
    return False


def _compile(rules: Rulebase) -> dict[str, list[tuple[frozenset[str], Rewrite]]]:
    by_head: dict[str, list[tuple[frozenset[str], Rewrite]]] = {}
    for identity in rules.simplifying():
        leaves, left, right = rules.identity(identity)
        where = []
        for guard in identity.where:
            word, _, names = guard.rstrip(")").partition("(")
            where.append((word, tuple(leaves[n.strip()] for n in names.split(","))))
        right_template = compile_template(right, leaves.values())
        rewrite = Rewrite(identity.name, Pattern(left, frozenset(leaves.values())), right_template, tuple(where))
        name, needed = rewrite.left.heads_needed()
        by_head.setdefault(name, []).append((needed, rewrite))
    return by_head

