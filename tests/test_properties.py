"""Properties that hold for every problem: on random problems over the whole language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given

import matcalc
from matcalc.calculus.adjoint import children, sweep, textbook
from matcalc.nodes.algebra import rebuild
from matcalc.nodes.expr import Node, name_of, postorder, substitute
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from tests import fuzz
from tests.arrays import values
from tests.differences import relative_error
from tests.problems import Problem, Variable
from tests.strategies import problems, random_problem

SAMPLE = range(0, 240, 8)


def parsed(problem: Problem) -> matcalc.Problem:
    return matcalc.parse(problem.text, declare=problem.declarations)


def leaves(problem: Problem, p: matcalc.Problem) -> dict[str, Node]:
    named = {**p.variables, **{name_of(z): z for z in p.definitions}}
    return {name: named[name] for name in problem.used_names}


def occurring(problem: Problem, p: matcalc.Problem) -> list[str]:
    """The names that are left in the expression: X - X is no X."""
    left = set(postorder([p.expression], lambda e: children(e, p.definitions)))
    return [name for name, leaf in leaves(problem, p).items() if leaf in left]


def at_the_point(e: Node, problem: Problem, p: matcalc.Problem) -> Any:
    arrays = {leaf: fuzz.documented(problem.environment[name]) for name, leaf in leaves(problem, p).items()}
    arrays |= {p.variables[i]: np.float64(problem.sizes[i]) for i in ("i", "k") if i in p.variables}
    return values([e], arrays, problem.sizes)[0]


def program(p: matcalc.Problem, last: str) -> str:
    return "\n".join([*(f"{name_of(z)} = {text(e)}" for z, e in p.definitions.items()), last])


@given(problems(depth=4))
def test_printing_parses_back_to_the_same_nodes(problem: Problem) -> None:
    p = parsed(problem)
    again = matcalc.parse(program(p, text(p.expression)), declare=problem.declarations)
    assert again.expression is p.expression
    assert again.definitions == p.definitions


@given(problems(depth=3))
def test_a_printed_gradient_parses_back_to_the_same_node(problem: Problem) -> None:
    p = parsed(problem)
    for found in matcalc.gradients(p, occurring(problem, p), verify=False):
        again = matcalc.parse(program(p, str(found)), declare=problem.declarations)
        shared: dict[Node, Node] = {}  # T_1 = … before the result
        for z, e in again.definitions.items():
            if z not in p.definitions:
                shared[z] = substitute(e, shared, rebuild)
        assert substitute(again.expression, shared, rebuild) is found.node


@given(problems(depth=3))
def test_the_textbook_and_the_sweep_agree(problem: Problem) -> None:
    p, rules = parsed(problem), rulebase()
    by = [leaves(problem, p)[name] for name in occurring(problem, p)]
    swept = sweep(p.expression, by, p.definitions, rules)
    for leaf in by:
        written_out = at_the_point(textbook(p.expression, leaf, p.definitions, rules), problem, p)
        assume(np.all(np.isfinite(written_out)))
        assert relative_error(at_the_point(swept[leaf], problem, p), written_out) < 1e-7


@given(problems(depth=3))
def test_random_problems_are_right_and_the_verification_says_so(problem: Problem) -> None:
    outcome = fuzz.examine(problem)
    assert not outcome.failed, fuzz.describe(problem, outcome)


@pytest.mark.parametrize("first", SAMPLE)
def test_a_sample_of_the_long_run_is_right(first: int) -> None:
    for seed in range(first, first + 8):
        problem = random_problem(seed)
        outcome = fuzz.examine(problem, verify=seed % 4 == 0)
        assert not outcome.failed, fuzz.describe(problem, outcome)


def test_by_an_intermediate_nothing_before_it_depends_on_it() -> None:
    named = [p for seed in range(400) if (p := random_problem(seed, depth=3)).used_statements]
    assert len(named) > 40
    for problem in named:
        name, tree = problem.used_statements[0]
        p = parsed(problem)
        if not any(e is p.find(name) for e in postorder([p.expression], lambda e, p=p: children(e, p.definitions))):
            continue  # it was subtracted from itself
        (by_name,) = matcalc.gradients(p, [name], verify=False)
        rest = "\n".join(problem.text.splitlines()[1:])
        freed = Variable(name, tree.kind.dims or (), "real").declaration
        free = matcalc.parse(rest, declare=[*problem.declarations, freed])
        (by_variable,) = matcalc.gradients(free, [name], verify=False)
        assert str(by_name) == str(by_variable), problem
