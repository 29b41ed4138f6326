"""The checks of the rules can fail: a formula with one slip is caught, or it is the same formula.

A slip drops or adds a transpose, swaps two factors, flips a sign, drops an inverse, forgets a term or a factor of 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from matcalc.nodes.algebra import add, build, is_zero, mul, number, rebuild, transpose
from matcalc.nodes.expr import Node, head, is_scalar, operands, postorder, shape, substitute
from matcalc.numeric.selfcheck import (
    Outcome,
    check_formula,
    check_identity,
    check_structure,
    checkable,
    identity_trials,
    structure_trials,
    trials_of,
)
from matcalc.numeric.trial import Trial
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase

RULES = rulebase()
SAME = 1e-9
OTHER_SEED = 7


@dataclass
class Hunt:
    """What became of the mutants of some formulas."""

    caught: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)
    toothless: list[str] = field(default_factory=list)

    def over(self, rule: str, formula: Node, check: Callable[[Node], Outcome], points: Callable[[], Iterable[Trial]]) -> None:
        """Try every mutant of a formula; one that passes must be the formula itself at other points."""
        before = self.caught
        for mutant in mutants(formula):
            with np.errstate(all="ignore"):
                passes = check(mutant).ok
            if not passes:
                self.caught += 1
            elif same(formula, mutant, points()):
                self.equivalent += 1
            else:
                self.survivors.append(f"{rule}: {text(mutant)}")
        if self.caught == before:
            self.toothless.append(rule)


def square(e: Node) -> bool:
    return not is_scalar(e) and shape(e)[0] is shape(e)[1]


def negative(e: Node) -> Node:
    return mul(number(-1), e)


def slips(e: Node) -> Iterator[Node]:
    """The nodes of e's shape that differ from e by one slip."""
    name, args = head(e), operands(e)
    if square(e):
        yield transpose(e)
    if name == "inv":
        yield args[0]
    if name == "mul":
        for i in range(len(args) - 1):
            if square(args[i]) and shape(args[i]) == shape(args[i + 1]):
                yield build(name, (*args[:i], args[i + 1], args[i], *args[i + 2 :]), shape(e))
    if name == "kron" and square(args[0]) and shape(args[0]) == shape(args[1]):
        yield build(name, args[::-1], shape(e))
    if name in ("add", "sadd"):
        yield add(negative(args[0]), *args[1:])
        yield add(*args[1:])


def mutants(formula: Node) -> list[Node]:
    """Each formula that one slip makes of it."""
    found = {negative(formula): None, mul(number(2), formula): None}
    for x in postorder([formula]):
        for slip in slips(x):
            found[substitute(formula, {x: slip}, rebuild)] = None
    found.pop(formula, None)
    return list(found)


def same(a: Node, b: Node, points: Iterable[Trial]) -> bool:
    """Whether two formulas have equal values at these points."""
    pairs = [(trial.run(a), trial.run(b)) for trial in points]
    return bool(pairs) and all(np.max(np.abs(x - y)) <= SAME * max(1.0, float(np.max(np.abs(x)))) for x, y in pairs)


def projected(name: str, key: str) -> Iterator[Trial]:
    """Points for a formula of a structure: what is not the projection itself is applied to projected gradients."""
    for trial in structure_trials(RULES, name, OTHER_SEED):
        G = trial.run(RULES.structure_template(name, "project").node)
        yield trial if key == "project" else replace(trial, arrays={**trial.arrays, "G": G})


def test_slips_in_the_formulas_of_operations_are_caught() -> None:
    hunt, count = Hunt(), 0
    for record in RULES.records.values():
        known = RULES.leaves(record)
        for key in record.formulas:
            formula = RULES.formula(record.name, key)
            if key == "scalar" or not checkable(record, key) or formula is None or is_zero(formula):
                continue
            count += 1
            hunt.over(
                f"{record.name}.{key}",
                formula,
                lambda mutant, record=record, key=key: check_formula(RULES, record, key, mutant),
                lambda record=record, known=known: trials_of(RULES, record, known, OTHER_SEED),
            )
    assert not hunt.survivors and not hunt.toothless
    assert count >= 150 and hunt.caught >= 500 and hunt.equivalent <= hunt.caught / 4


def test_slips_in_the_formulas_of_structures_are_caught() -> None:
    hunt, count = Hunt(), 0
    for name, structure in RULES.structures.items():
        for key in ("project", "independent"):
            if key in structure.formulas:
                count += 1
                formula = RULES.structure_template(name, key).node
                hunt.over(
                    f"{name}.{key}",
                    formula,
                    lambda mutant, name=name, key=key: check_structure(RULES, name, key, mutant),
                    lambda name=name, key=key: projected(name, key),
                )
    assert not hunt.survivors and not hunt.toothless
    assert count >= 10 and hunt.caught >= 25


def test_slips_in_identities_are_caught() -> None:
    hunt, count = Hunt(), 0
    for identity in RULES.signatures.identities.values():
        _, _, right = RULES.identity(identity)
        if is_zero(right):
            continue
        count += 1
        hunt.over(
            identity.name,
            right,
            lambda mutant, identity=identity: check_identity(RULES, identity, mutant),
            lambda identity=identity: identity_trials(RULES, identity, OTHER_SEED),
        )
    assert not hunt.survivors and not hunt.toothless
    assert count >= 80 and hunt.caught >= 150
