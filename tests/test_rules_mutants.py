"""The checks of the rules can fail: a formula with one slip is caught, or it is the same formula.

A slip drops or adds a transpose, swaps two factors, flips a sign, drops an inverse.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from matcalc.algebra import build, mul, number, rebuild, transpose
from matcalc.expr import Node, head, is_scalar, operands, postorder, shape, substitute
from matcalc.records import Record
from matcalc.rulebase import rulebase
from matcalc.selfcheck import check_formula, checkable, trials_of

RULES = rulebase()
FEW = ("inv.d", "mul.adjoint.A", "mul.matrix.B", "logdet.d", "pinv.d", "softmax.d", "kron.matrix.A", "chol.d", "sylvester.d")
SAME = 1e-9
OTHER_SEED = 7


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
        yield build(name, (negative(args[0]), *args[1:]), shape(e))


def mutants(formula: Node) -> list[Node]:
    """Each formula that one slip makes of it."""
    found = {negative(formula): None}
    for x in postorder([formula]):
        for slip in slips(x):
            found[substitute(formula, {x: slip}, rebuild)] = None
    found.pop(formula, None)
    return list(found)


def same(record: Record, a: Node, b: Node) -> bool:
    """Whether two formulas have equal values at other points than those of the check."""
    for trial in trials_of(RULES, record, RULES.leaves(record), OTHER_SEED):
        left, right = trial.run(a), trial.run(b)
        if np.max(np.abs(left - right)) > SAME * max(1.0, float(np.max(np.abs(left)))):
            return False
    return True


def hunt(names: list[str]) -> tuple[int, int, list[str]]:
    """(caught, the same formula, survivors) over the mutants of these formulas."""
    caught, equivalent, survivors = 0, 0, []
    for rule in names:
        name, _, key = rule.partition(".")
        record = RULES.record(name)
        formula = RULES.formula(name, key)
        assert formula is not None
        for mutant in mutants(formula):
            if not check_formula(RULES, record, key, mutant).ok:
                caught += 1
            elif same(record, formula, mutant):
                equivalent += 1
            else:
                survivors.append(f"{rule}: {mutant}")
    return caught, equivalent, survivors


def test_slips_in_a_few_rules_are_caught() -> None:
    caught, equivalent, survivors = hunt(list(FEW))
    assert not survivors
    assert caught >= 60 and equivalent <= caught / 4


@pytest.mark.slow
def test_slips_in_every_rule_are_caught() -> None:
    names = [f"{r.name}.{key}" for r in RULES.records.values() for key in r.formulas if key != "scalar" and checkable(r, key)]
    caught, equivalent, survivors = hunt(names)
    assert not survivors
    assert len(names) >= 150 and caught >= 500 and equivalent <= caught / 3
