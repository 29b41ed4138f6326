"""The conditions under which a derivative holds, in words, from the `where` lines of the rules that it used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from matcalc.expr import Node, head, is_leaf, is_scalar, operands, shape, tree_size
from matcalc.rulebase import Rulebase
from matcalc.structure import Structures
from matcalc.templates import Template, compile_template

PHRASES = {
    "invertible": "{0} is invertible",
    "posdef": "{0} is positive definite",
    "symmetric": "{0} is symmetric",
    "positive": "{0} > 0",
    "nonnegative": "{0} >= 0",
    "nonzero": "{0} is not 0",
    "unit": "{0} lies between -1 and 1",
    "offkink": "{0} has no entry 0 (there: the usual subgradient)",
    "distinct": "the largest eigenvalues or singular values of {0} are distinct",
    "positive_spectrum": "{0} has no eigenvalue on the closed negative real axis",
    "fullrank": "{0} has full rank",
    "full_column_rank": "{0} has full column rank",
    "unique_max": "the largest entry of {0} is unique",
}
_CONDITION = re.compile(r"(\w+)\((.*)\)")
_LONGEST = 40


def conditions(nodes: Iterable[Node], rules: Rulebase, structures: Structures, write: Callable[[Node], str]) -> tuple[str, ...]:
    """What must hold of the operands of these operations, each thing once, in order of appearance."""
    found: dict[str, None] = {}
    for e in nodes:
        for word, operand in _stated(e, rules):
            if not _plain(operand, word, structures):
                shown = write(operand) if tree_size(operand) <= _LONGEST else "…"
                found[PHRASES[word].format(shown)] = None
    return tuple(found)


def _stated(e: Node, rules: Rulebase) -> Iterator[tuple[str, Node]]:
    name = head(e)
    if name in ("spow", "hadpow"):
        base, p = operands(e)
        if not p.is_integer:
            yield "positive", base
        elif p.is_negative:
            yield "nonzero", base
    elif name == "matpow":
        base, p = operands(e)
        if not p.is_nonnegative and not p.is_Symbol:
            yield "invertible", base
    elif rules.has(name):
        for condition in rules.record(name).where:
            match = _CONDITION.fullmatch(condition)
            if match is not None and match[1] in PHRASES:
                yield match[1], _operand(e, match[2], rules)


def _operand(e: Node, formula: str, rules: Rulebase) -> Node:
    """The operand that a condition speaks of, `A - B` of max(A, B), for the operands of e."""
    record = rules.record(head(e))
    scalar = record.entrywise and is_scalar(e)
    template = _template(rules, head(e), formula, scalar)
    leaves = {a.name: x for a, x in zip(record.operands, operands(e), strict=True)}
    return template.fill(leaves, rules.bind(head(e), operands(e), shape(e)), rules.make)


@lru_cache(maxsize=1024)
def _template(rules: Rulebase, name: str, formula: str, scalar: bool) -> Template:
    record = rules.record(name)
    leaves = rules.leaves(record, scalar)
    return compile_template(rules.parse(record, "where", formula, leaves, record.sizes), leaves.values())


def _plain(operand: Node, word: str, structures: Structures) -> bool:
    """Whether the condition is known to hold from what was declared."""
    if is_scalar(operand):
        known = {"positive": operand.is_positive, "nonnegative": operand.is_nonnegative, "nonzero": operand.is_nonzero}
        return bool(known.get(word)) or (word == "positive" and is_leaf(operand) and operand.is_number)
    return structures.known(word) and structures.has(operand, word)
