"""The rule base fills its formulas in for any operands: named otherwise, vectors, rows, single numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from matcalc.calculus.adjoint import operand_adjoint
from matcalc.errors import UndifferentiableError
from matcalc.language.parser import parse
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, scalar_node, shape, size_symbol, variable
from matcalc.numeric.selfcheck import moving_operands
from matcalc.numeric.trial import Condition, Leaf, Trial, trials
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.rulebase.differential import contribution
from matcalc.rulefiles.records import Record

RULES = rulebase()
m, n, k = map(size_symbol, "mnk")
SAME = 1e-8

FUNCTIONS = [r for r in RULES.records.values() if r.differentiable and not r.macro and r.name != "scale"]


def size_names(record: Record) -> tuple[str, ...]:
    return ("m", "n") if record.entrywise else record.sizes


def shrunk(record: Record, ones: frozenset[str]) -> tuple[Node, dict[str, Node]] | None:
    """The operation where these dimensions are 1, and its leaves; None where it is then no operation of its own."""
    sizes = {size_symbol(s): ONE if s in ones else size_symbol(s) for s in size_names(record)}
    leaves: dict[str, Node] = {}
    for name, x in RULES.leaves(record).items():
        dims = tuple(d.xreplace(sizes) for d in shape(x))
        leaves[name] = variable(name, dims, ["integer"] if is_scalar(x) and x.is_integer else [])
    args = tuple(sizes[size_symbol(a.name)] if a.is_size else leaves[a.name] for a in record.operands)
    made = RULES.make(record.name, args, tuple(d.xreplace(sizes) for d in RULES.result(record)))
    return None if head(made) != record.name or operands(made) != args else (made, leaves)


def leaf(name: str, x: Node) -> Leaf:
    if is_scalar(x) and x.is_integer:
        return Leaf(x, fixed=(2.0, 3.0), index=name in ("i", "j"))
    return Leaf(x, moves=name[1:] if name[0] == "d" else "")


def points(record: Record, leaves: dict[str, Node], ones: frozenset[str]) -> list[Trial]:
    args = tuple(size_symbol(a.name) if a.is_size else leaves[a.name] for a in record.operands)
    stated = [s.removesuffix(")").partition("(") for s in record.where]
    conditions = [Condition(word, what, RULES.condition(record.name, what, args)) for word, _, what in stated]
    drawn = [leaf(name, x) for name, x in leaves.items()]
    names = tuple(s for s in size_names(record) if s not in ones)
    return list(trials(RULES, drawn, conditions, names, choices=((2, 3, 4, 5, 6, 7), (4, 3, 2, 5, 7, 6))))


UNREACHED = {("singvec_left", frozenset({"n"})), ("polar", frozenset({"m"})), ("member", frozenset({"N"}))}
"""The singular values of a column have no gap (and norm(x, 2) is its norm); a row has no full column rank; and where there is
but one member there is none of another number."""

CASES = [
    (record, frozenset(ones))
    for record in FUNCTIONS
    for ones in product(*[[(), (s,)] for s in size_names(record)])
    for ones in [[s for part in ones for s in part]]
    if (record.name, frozenset(ones)) not in UNREACHED and shrunk(record, frozenset(ones)) is not None
]


@pytest.mark.parametrize(("record", "ones"), CASES, ids=[f"{r.name}-{'-'.join(sorted(o))}" for r, o in CASES])
def test_the_adjoint_of_every_operand_pairs_with_the_differential(record: Record, ones: frozenset[str]) -> None:
    found = shrunk(record, ones)
    assert found is not None
    operation, leaves = found
    compared = 0
    for i, argument in enumerate(record.operands):
        if argument not in record.differentiable:
            continue
        dX = leaves[f"d{argument.name}"]
        G = variable("G", shape(operation))
        Y = operand_adjoint(operation, i, G, RULES)
        L = contribution(operation, i, dX, RULES)
        assert shape(Y) == shape(leaves[argument.name])
        assert shape(L) == shape(operation)
        for trial in points(record, {**leaves, "G": G}, ones):
            left = np.sum(trial.arrays["G"] * trial.run(L))
            right = np.sum(trial.run(Y) * trial.arrays[dX.name])
            assert abs(left - right) <= SAME * max(1.0, abs(left))
            compared += 1
    assert compared >= 1


def test_a_formula_is_filled_in_with_other_names_and_sizes() -> None:
    A, H = variable("A", (k, m)), variable("H", (k, n))
    assert text(RULES.adjoint("mul", 1, (A, variable("B", (m, n))), H)) == "A'*H"


def test_a_norm_of_a_vector_and_of_a_scalar() -> None:
    x, dx = variable("x", (n, ONE)), variable("dx", (n, ONE))
    assert text(RULES.differential(scalar_node("norm", (x,)), 0, dx)) == "x'*dx/norm(x)"
    assert RULES.make("norm", (variable("alpha", ()),), ()) is parse("abs(alpha)").expression


def test_entrywise_rules_hold_of_scalars() -> None:
    alpha, step = variable("alpha", ()), variable("dalpha", ())
    slope = RULES.differential(RULES.make("sigmoid", (alpha,), ()), 0, step)
    assert is_scalar(slope) and slope is parse("dalpha*sigmoid(alpha)*(1 - sigmoid(alpha))", "dalpha: scalar").expression


def test_what_no_rule_differentiates_is_named() -> None:
    with pytest.raises(UndifferentiableError, match="eye has no formula 'd'"):
        RULES.apply("eye", "d", ())


def test_the_sizes_of_a_result_bind_what_the_operands_do_not_show() -> None:
    G = variable("G", (m, n))
    assert text(RULES.adjoint("vec", 0, (G,), variable("g", (m * n, ONE)))) == "unvec(g, m, n)"
    assert moving_operands(RULES.record("dpow")) == [(0, "X")]
