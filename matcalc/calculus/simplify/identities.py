"""The identities of `rules/simplify.toml`: each is used where it shortens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from matcalc.calculus.match import Bindings, Pattern
from matcalc.calculus.simplify.strategy import Simplifies
from matcalc.calculus.structure import Structures
from matcalc.nodes.algebra import factors
from matcalc.nodes.expr import Node, head, is_number, is_scalar, name_of, operands
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.templates import Template, compile_template
from matcalc.rulefiles.records import Identity


@dataclass(frozen=True)
class Rewrite:
    """An identity, oriented: wherever `left` matches and the conditions hold, `right` may stand."""

    name: str
    left: Pattern
    right: Template
    where: tuple[tuple[str, tuple[Node, ...]], ...]


class Identities:
    """The oriented identities, by the outermost operation of their left side; compiled when what they need has been seen."""

    def __init__(self, rules: Rulebase, structures: Structures) -> None:
        """Nothing is compiled yet."""
        self._rules = rules
        self._structures = structures
        self._outlines = rules.made_once(_outlines)
        self._seen: set[str] = set()
        self._awake: set[int] = set()
        self._by_head: dict[str, list[tuple[int, frozenset[str], Rewrite]]] = {}
        self.log: list[tuple[Node, Node, str]] | None = None
        """(before, after, the identity) of each use, where that is asked for."""
        self._wake("")

    def _wake(self, name: str) -> None:
        """Compiles the identities all of whose operations have been seen, now that one of this name has been."""
        self._seen.add(name)
        for order, identity, needs in self._outlines.get(name, ()):
            if order not in self._awake and all(alternatives & self._seen for alternatives in needs):
                self._awake.add(order)
                rewrite = _rewrite(identity, self._rules)
                outermost, needed = rewrite.left.heads_needed()
                found = self._by_head.setdefault(outermost, [])
                found.append((order, needed, rewrite))
                found.sort(key=lambda entry: entry[0])

    def apply(self, e: Node, s: Simplifies) -> Node | None:
        """e after the first identity that shortens it; None where none does."""
        name = head(e)
        if name not in self._seen:
            self._wake(name)
        if name == "symbol":
            for structure in self._structures.declared(e) - self._seen:
                self._wake(structure)
        candidates = self._by_head.get(name)
        if candidates is None:
            return None
        present = {head(o) for o in operands(e)}
        for _, needed, rewrite in candidates:
            if needed <= present:
                for made in self._results(rewrite, e):
                    shorter = s.if_shorter(e, made)
                    if shorter is not None:
                        if self.log is not None:
                            self.log.append((e, shorter, rewrite.name))
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
        return head(A) == "eye" or all(_made_of(f, A) for f in factors(D))


def _made_of(D: Node, A: Node) -> bool:
    """Whether D is plainly a function of the matrix A: A itself, I, powers, functions, sums and products of such."""
    if D is A or head(D) == "eye" or is_scalar(D):
        return True
    if head(D) == "transpose":
        return head(A) == "transpose" and _made_of(operands(D)[0], operands(A)[0])
    return head(D) in _OF_ONE_MATRIX and all(_made_of(o, A) for o in operands(D))


_OF_ONE_MATRIX = frozenset({"inv", "matpow", "expm", "logm", "sqrtm", "mul", "add"})
_BLOCK = re.compile(r"(?<![\w)])\[[^\[\]]*\]")
_FUNCTION = re.compile(r"([A-Za-z_]\w*)\(")
_OPERATORS = {"<=": "le", "<": "lt", ">": "gt"}


_Outline = tuple[int, Identity, list[frozenset[str]]]
"""An identity, its place among the others, and the operations that its left side names, each with its alternatives."""


def _outlines(rules: Rulebase) -> dict[str, list[_Outline]]:
    """The identities by the operations that they need ("" where they need none); no formula is parsed."""
    found: dict[str, list[_Outline]] = {}
    for order, identity in enumerate(rules.simplifying()):
        needs = _needs(identity.lhs, rules) + _structures_needed(identity, rules)
        for name in frozenset().union(*needs) or {""}:
            found.setdefault(name, []).append((order, identity, needs))
    return found


def _needs(left: str, rules: Rulebase) -> list[frozenset[str]]:
    needs = [frozenset({"vcat" if ";" in block else "hcat"}) for block in _BLOCK.findall(left)]
    needs += [frozenset({name}) for sign, name in _OPERATORS.items() if f" {sign} " in left]
    for function in _FUNCTION.findall(left):
        records = [record for _, record in rules.signatures.functions.get(function, ())]
        if records and not any(record.macro for record in records):
            needs.append(frozenset(name for record in records for name in (record.name, record.sympy) if name))
    return needs


def _structures_needed(identity: Identity, rules: Rulebase) -> list[frozenset[str]]:
    """The structures that must be known of something, each with the operations that make it."""
    words = [guard.partition("(")[0] for guard in identity.where]
    return [frozenset({word}) | rules.structures[word].made_by for word in words if word in rules.structures]


@lru_cache(maxsize=1024)
def _rewrite(identity: Identity, rules: Rulebase) -> Rewrite:
    leaves, left, right = rules.identity(identity)
    where = []
    for guard in identity.where:
        word, _, names = guard.rstrip(")").partition("(")
        where.append((word, tuple(leaves[n.strip()] for n in names.split(","))))
    pattern = Pattern(left, frozenset(leaves.values()))
    return Rewrite(identity.name, pattern, compile_template(right, leaves.values()), tuple(where))
