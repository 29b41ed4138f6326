"""The conditions under which a derivative holds, in words, from the `where` lines of the rules that it used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from matcalc.calculus.structure import Structures
from matcalc.nodes.algebra import mul, split_coefficient, terms
from matcalc.nodes.expr import ONE, Node, head, is_leaf, is_scalar, name_of, operands, tree_size
from matcalc.nodes.indices import free_indices, range_of
from matcalc.rulebase.base import Rulebase

_CONDITION = re.compile(r"(\w+)\((.*)\)")
_LONGEST = 40
_EVEN = frozenset({"offkink", "nonzero"})
"""What holds of X where it holds of -X."""


def conditions(
    nodes: Iterable[Node],
    rules: Rulebase,
    structures: Structures,
    write: Callable[[Node], str],
    memory: dict[int, tuple[str, ...]],
) -> tuple[str, ...]:
    """What must hold of the operands of these operations, each thing once, in order of appearance.

    `memory` keeps the words of each node, by its id: they are written once however many results need them.
    """
    path = list(nodes)
    squared = _only_squared(path)
    found: dict[str, None] = {}
    for e in path:
        if id(e) not in memory:
            memory[id(e)] = tuple(_words(e, rules, structures, write))
        if memory[id(e)] and not squared.isdisjoint(id(operand) for _, operand in stated(e, rules)):
            continue
        found.update(dict.fromkeys(memory[id(e)]))
    return tuple(found)


def _words(e: Node, rules: Rulebase, structures: Structures, write: Callable[[Node], str]) -> Iterator[str]:
    for word, operand in (_plainest(*condition) for condition in stated(e, rules)):
        if not _plain(operand, word, structures):
            says = rules.structures[word].says
            if word == "nonzero" and not is_scalar(operand):
                says = "{X} has no entry 0"
            if word in _EVEN and _negatives(operand) > 0:
                operand = min(operand, mul(-ONE, operand), key=_negatives)
            yield says.replace("{X}", _written(operand, write))


def _plainest(word: str, operand: Node) -> tuple[str, Node]:
    """The same condition said of less: u^2 > 0 where u is not 0, and det(X) is not 0 where X is invertible."""
    if word == "positive" and head(operand) == "spow" and operands(operand)[1].is_even:
        word, operand = "nonzero", operands(operand)[0]
    return ("invertible", operands(operand)[0]) if word == "nonzero" and head(operand) == "det" else (word, operand)


def _negatives(e: Node) -> int:
    """How many terms of a sum are read with a minus."""
    return sum(1 for t in terms(e) if bool((t if is_scalar(t) else split_coefficient(t)[0]).as_coeff_Mul()[0].is_negative))


def _written(operand: Node, write: Callable[[Node], str]) -> str:
    """The operand; of one that depends on an index for all its values."""
    ranges = ", ".join(
        f"{write(i)} in {write(range_of(i)[0])}..{write(range_of(i)[1])}" for i in sorted(free_indices(operand), key=name_of)
    )
    shown = write(operand) if tree_size(operand) <= _LONGEST else "…"
    return f"{shown} ({ranges})" if ranges else shown


def _only_squared(path: list[Node]) -> set[int]:
    """The operands that occur as even powers alone: norm(x)^2 has a gradient where norm(x) has none."""
    even = {id(operands(e)[0]) for e in path if head(e) == "spow" and operands(e)[1].is_even and operands(e)[1].is_positive}
    other = {id(o) for e in path if head(e) != "spow" for o in operands(e)}
    return even - other


def stated(e: Node, rules: Rulebase) -> Iterator[tuple[str, Node]]:
    """(condition, operand) for what the rule of an operation asks of its operands: ("invertible", X) of inv(X)."""
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
    elif (record := rules.rule_of(e)) is not None:
        for condition in record.where:
            match = _CONDITION.fullmatch(condition)
            if match is not None:
                yield match[1], rules.condition(record.name, match[2], operands(e))


def _plain(operand: Node, word: str, structures: Structures) -> bool:
    """Whether the condition is known to hold from what was declared."""
    if is_scalar(operand):
        known = {"positive": operand.is_positive, "nonnegative": operand.is_nonnegative, "nonzero": operand.is_nonzero}
        return bool(known.get(word)) or (word == "positive" and is_leaf(operand) and operand.is_number)
    return structures.known(word) and structures.has(operand, word)
