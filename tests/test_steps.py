"""Derivations step by step: each line a true equation with its rule; a wrong one is caught; long ones stay cheap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from types import FrameType

import pytest
from hypothesis import given, settings

import matcalc
from matcalc import steps as steps_module
from matcalc.calculus.atoms import Line, differential_of_name
from matcalc.calculus.engine import Engine
from matcalc.errors import UndifferentiableError, VerificationError
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import mul, number, rebuild, transpose
from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder, shape
from matcalc.numeric.agree import agree
from matcalc.numeric.lines import confirm
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.steps import gradient_steps
from tests.corpus_entries import Entry, load
from tests.problems import Problem
from tests.strategies import problems, random_problem

ENTRIES = [entry for part in ("seeds", "cookbook") for entry in load(part)]
RULES = rulebase()


# ---------------------------------------------------------------- the corpus


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_step_of_a_known_derivative_is_verified_and_leads_to_it(entry: Entry) -> None:
    found = entry.derivation
    assert found.steps_check.ok is True and found.steps_check.draws > 0
    assert found.steps[-1].kind == "gradient" and found.steps[-1].node is found.node
    assert found.steps[0].kind == "differential"
    for step in found.steps:
        assert step.rule and all(reason.name for reason in step.reasons)
    for before, after in pairwise(found.steps):
        assert before.text != after.text


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_the_last_line_with_differentials_shows_the_gradient(entry: Entry) -> None:
    found = entry.derivation
    *lines, last = found.steps
    if last.rule != "gradient":
        return  # a projection on a structure stands between
    X = found.variable
    dX = differential_of_name(X, RULES)
    (term,) = lines[-1].terms
    assert dX in set(postorder([term]))
    assert not any(head(x) == DIFFERENTIAL for x in postorder([term]))


def test_every_entry_of_the_corpus_has_a_derivation(capsys: pytest.CaptureFixture[str]) -> None:
    made = [entry.derivation for entry in ENTRIES]
    verified = [d for d in made if d.steps_check.ok]
    count = sum(len(d.steps) for d in verified)
    with capsys.disabled():
        print(f" [{len(verified)} of {len(made)} derivations, {count} steps verified]", end="")
    assert len(verified) == len(made) == 236
    assert count > 900


def test_most_steps_name_a_rule_and_simplification_is_rare() -> None:
    found = [step for entry in ENTRIES for step in entry.derivation.steps]
    silent = [step.text for step in found if step.rule == "simplified"]
    assert len(silent) <= 0.03 * len(found)
    assert not [step.text for step in found if len({r.name for r in step.reasons} - {"definition", "identity"}) > 4]


def test_every_equation_that_a_reason_states_is_true() -> None:
    stated = {r for e in ENTRIES for s in e.derivation.steps for r in s.reasons if r.name == "identity"}
    assert len(stated) >= 10
    for reason in stated:
        assert reason.left is not None and reason.right is not None
        assert agree(reason.left, reason.right).ok, text(reason.left)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_step_parses_back(entry: Entry) -> None:
    found = entry.derivation
    leaves = {**entry.leaves, **{f"d{name}": differential_of_name(X, RULES) for name, X in entry.leaves.items()}}
    for step in found.steps:
        for term in step.terms:
            written = text(term, RULES.signatures)
            again = parse_formula(written, leaves, found.problem.sizes)
            assert text(again, RULES.signatures) == written


# ---------------------------------------------------------------- a wrong step is caught


def _dropped_transposes(e: Node) -> Iterator[Node]:
    """e with one transpose of a square matrix left out."""
    for x in postorder([e]):
        if head(x) == "transpose" and shape(x)[0] == shape(x)[1] and head(operands(x)[0]) != "symbol":
            yield _replaced(e, x, operands(x)[0])


def _replaced(e: Node, old: Node, new: Node) -> Node:
    made: dict[int, Node] = {}
    for x in postorder([e]):
        args = operands(x)
        made[id(x)] = new if x is old else rebuild(x, tuple(made[id(o)] for o in args)) if args else x
    return made[id(e)]


def _verdict(engine: Engine, X: Node, line: tuple[Node, ...]) -> bool | None:
    check, _ = confirm(engine.f, [X], [line], definitions=engine.definitions, facts=engine.problem.facts, rules=RULES)
    return check.ok


SAMPLE = [e for e in ENTRIES[::9] if e.problem.definitions.get(e.wrt_node) is None]


def test_a_flipped_sign_in_any_line_is_caught() -> None:
    caught = 0
    for entry in SAMPLE:
        engine = Engine(entry.problem, RULES)
        for line in engine.record([entry.wrt_node])[0]:
            for i, term in enumerate(line.terms):
                wrong = (*line.terms[:i], mul(number(-1), term), *line.terms[i + 1 :])
                assert _verdict(engine, entry.wrt_node, wrong) is False, (entry.id, text(term))
                caught += 1
    assert caught > 80


def test_a_dropped_transpose_is_caught() -> None:
    problem = matcalc.parse("tr(A*X*B*(X*C)')", declare="A, B, C, X: matrix(n,n)")
    engine, X = Engine(problem, RULES), problem.variables["X"]
    caught = 0
    for line in engine.record([X])[0]:
        for i, term in enumerate(line.terms):
            for wrong in _dropped_transposes(term):
                assert _verdict(engine, X, (*line.terms[:i], wrong, *line.terms[i + 1 :])) is False
                caught += 1
    assert caught >= 1


def test_a_derivation_with_a_wrong_step_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Engine.record

    def wrong(self: Engine, leaves: list[Node]) -> tuple[list[Line], dict[Node, Node]]:
        lines, ends = record(self, leaves)
        return [Line(tuple(mul(number(-1), t) for t in lines[0].terms), lines[0].reasons), *lines[1:]], ends

    monkeypatch.setattr(Engine, "record", wrong)
    with pytest.raises(VerificationError, match="a step of the derivation fails its check: df = "):
        _ = matcalc.gradient("tr(A*X*B)", "X").steps


def test_a_derivation_that_ends_in_a_wrong_gradient_is_an_error() -> None:
    problem = matcalc.parse("tr(A*X)", declare="A, X: matrix(n,n)")
    engine, X = Engine(problem, RULES), problem.variables["X"]
    right = engine.gradients([X])[X]
    assert gradient_steps(engine, X, right, "structured", {}).check.ok
    with pytest.raises(VerificationError):
        gradient_steps(engine, X, transpose(right), "structured", {})


# ---------------------------------------------------------------- any problem


@settings(max_examples=40, deadline=None)
@given(problem=problems())
def test_every_step_keeps_the_value(problem: Problem) -> None:
    _assert_steps_hold(problem)


@pytest.mark.parametrize("start", range(0, 100, 20))
def test_steps_of_random_problems_hold(start: int) -> None:
    for seed in range(start, start + 20):
        _assert_steps_hold(random_problem(seed))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 1000, 50))
def test_steps_of_many_random_problems_hold(start: int) -> None:
    for seed in range(start, start + 50):
        _assert_steps_hold(random_problem(seed))


def _assert_steps_hold(problem: Problem) -> None:
    try:
        found = matcalc.gradients(problem.text, declare=problem.declarations, verify=False)
    except UndifferentiableError:
        return
    for d in found:
        assert d.steps_check.ok is not False
        assert d.steps[-1].node is d.node
        lines = [(step.kind, step.terms) for step in d.steps]
        assert all(a != b for a, b in pairwise(lines))


# ---------------------------------------------------------------- the cost, in calls of functions


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How many Python functions have been called since."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(None)


def cost_of(entry: Entry, X: Node) -> tuple[int, int]:
    """Calls to derive the gradient by X, and to derive the steps after it, checks left out."""
    with counted() as calls:
        engine = Engine(entry.problem, RULES)
        convention = entry.convention or "structured"
        G = engine.gradients([X], convention)[X]
        bare = calls()
        gradient_steps(engine, X, G, convention, {})
        return bare, calls() - bare


def test_steps_cost_no_more_than_three_derivations(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in ENTRIES:
        assert entry.derivation.steps  # formulas of rules are compiled when they are first used
    monkeypatch.setattr(steps_module, "confirm", lambda *_, **__: (matcalc.numeric.verify.Check(True, 0.0, 1, ""), -1))
    costs = [cost_of(entry, entry.wrt_node) for entry in ENTRIES]
    assert median(steps / bare for bare, steps in costs) <= 3
    assert sum(steps for _, steps in costs) <= 3 * sum(bare for bare, _ in costs)


def network(layers: int) -> matcalc.Problem:
    rows = [f"H_{i} = tanh({f'H_{i - 1}' if i > 1 else 'X'}*W_{i} .+ b_{i}')" for i in range(1, layers + 1)]
    return matcalc.parse("\n".join([*rows, f"norm(H_{layers} - Y)^2"]))


def test_the_steps_of_a_deep_network_are_linear_in_its_layers() -> None:
    lines, nodes = [], []
    for layers in (20, 40, 80):
        problem = network(layers)
        engine, X = Engine(problem, RULES), problem.variables["W_1"]
        made = engine.record([X])[0]
        lines.append(len(made))
        nodes.append(sum(1 for _ in postorder([term for line in made for term in line.terms])))
    assert lines[2] - lines[1] == 2 * (lines[1] - lines[0])
    assert nodes[2] <= 2.2 * nodes[1] <= 2.2**2 * nodes[0]


def test_the_steps_of_a_hundred_layers_are_verified() -> None:
    (found,) = matcalc.gradients(network(100), ["W_1"], verify=False)
    assert found.steps_check.ok is True
    assert len(found.steps) == 301


# ---------------------------------------------------------------- intermediates, structures, scalars


@pytest.mark.parametrize(
    ("expression", "wrt", "declare"),
    [
        ("Z = max(X*W, 0); norm(Z - Y)^2", "Z", []),
        ("lambda_max(A)", "A", ["A: matrix symmetric"]),
        ("tr(A*expm(X))", "X", []),
        ("a'*X^3*b", "X", []),
        ("norm1(A*x)", "x", []),
        ("logdet(L*L')", "L", ["L: matrix lower"]),
        ("tr(A*S)", "S", ["S: matrix skew"]),
        ("sum(log(diag(D)))", "D", ["D: matrix diagonal"]),
        ("s^3*tr(A)", "s", ["s: scalar"]),
        ("norm([A, B]*x)^2", "A", []),
        ("sum(kron(A, B))", "A", ["A: matrix(m,n)"]),
        ("x[i]^2*y[j]", "x", []),
    ],
)
def test_steps_of_structures_functions_and_parts_are_verified(expression: str, wrt: str, declare: list[str]) -> None:
    found = matcalc.gradient(expression, wrt, declare=declare)
    assert found.steps_check.ok is True
    assert found.steps[-1].node is found.node


def test_the_differential_of_a_structured_variable_has_its_structure() -> None:
    first, *_ = matcalc.gradient("tr(A*X')", "X", declare="X: matrix symmetric").steps
    (dX,) = {x for x in postorder(first.terms) if not is_scalar(x) and head(x) == "symbol" and name_of(x) == "dX"}
    assert transpose(dX) is not dX
    assert "symmetric" in matcalc.nodes.expr.properties(dX)
