"""Derivations with sums over an index, parts of variables, families, labels, unknown functions: true, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from statistics import median

import pytest

import matcalc
from matcalc import steps as steps_module
from matcalc.calculus.atoms import differential_of_name
from matcalc.calculus.engine import Engine
from matcalc.errors import VerificationError
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import mul, number, rebuild, transpose
from matcalc.nodes.differentials import DIFFERENTIAL
from matcalc.nodes.expr import Node, head, operands, postorder, substitute
from matcalc.nodes.indices import SUM, at, is_index
from matcalc.numeric.agree import agree
from matcalc.numeric.lines import confirm
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from matcalc.steps import gradient_steps
from tests.index_entries import IndexEntry, load
from tests.test_steps import cost_of

ENTRIES = [entry for entry in load() if entry.task == "gradient"]
RULES = rulebase()


# ---------------------------------------------------------------- the corpus


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_step_of_a_known_derivative_is_verified_and_leads_to_it(entry: IndexEntry) -> None:
    found = entry.derivation
    assert found.steps_check.ok is True and found.steps_check.draws > 0
    assert found.steps[-1].kind == "gradient" and found.steps[-1].node is found.node
    assert all(step.rule and all(reason.name for reason in step.reasons) for step in found.steps)
    assert all(before.text != after.text for before, after in pairwise(found.steps))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_the_last_line_with_differentials_shows_the_gradient(entry: IndexEntry) -> None:
    found = entry.derivation
    *lines, last = found.steps
    if last.rule != "gradient":
        return  # a projection on a structure stands between
    dX = differential_of_name(found.variable, RULES)
    (term,) = lines[-1].terms
    assert dX in set(postorder([term]))
    assert all(x is dX for x in postorder([term]) if head(x) == DIFFERENTIAL)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_step_parses_back(entry: IndexEntry) -> None:
    found = entry.derivation
    leaves = {**entry.leaves, **{f"d{name}": differential_of_name(X, RULES) for name, X in entry.leaves.items()}}
    for step in found.steps:
        for term in step.terms:
            written = text(term, RULES.signatures)
            again = parse_formula(written, leaves, found.problem.sizes, functions=found.problem.functions)
            assert text(again, RULES.signatures) == written


def test_every_entry_with_indices_has_a_derivation(capsys: pytest.CaptureFixture[str]) -> None:
    made = [entry.derivation for entry in ENTRIES]
    verified = [d for d in made if d.steps_check.ok]
    count = sum(len(d.steps) for d in verified)
    with capsys.disabled():
        print(f" [{len(verified)} of {len(made)} derivations with indices, {count} steps verified]", end="")
    assert len(verified) == len(made) == 66
    assert count > 300


def test_most_steps_name_a_rule() -> None:
    found = [step for entry in ENTRIES for step in entry.derivation.steps]
    silent = [step.text for step in found if step.rule == "simplified"]
    assert len(silent) <= 0.04 * len(found)


def test_every_equation_that_a_rule_of_sums_states_is_true() -> None:
    stated = {r for e in ENTRIES for s in e.derivation.steps for r in s.reasons if r.name in ("sifting", "identity")}
    assert len(stated) >= 3
    for reason in stated:
        assert reason.left is not None and reason.right is not None
        assert agree(reason.left, reason.right).ok, text(reason.left)


# ---------------------------------------------------------------- a wrong step is caught


def _wrong_indices(term: Node) -> Iterator[Node]:
    """The term with the first term of a sum in place of the sum, or 1 in place of a delta."""
    for e in postorder([term]):
        body = operands(e)[0] if head(e) == SUM else None
        if body is not None and not any(head(x) == DIFFERENTIAL for x in postorder([body])):
            yield substitute(term, {e: at(body, operands(e)[1], number(1))}, rebuild)
        if head(e) == "eq" and not any(map(is_index, operands(e))) and not any(head(x) == SUM for x in postorder([term])):
            yield substitute(term, {e: number(1)}, rebuild)


def test_a_wrong_term_in_any_line_is_caught() -> None:
    """Nearly: a term may be 0 at every point, as Σ_j (x_j - mu) is by the definition of mu, and then nothing makes it wrong."""
    verdicts = list(_verdicts(lambda term: [mul(number(-1), term), *_wrong_indices(term)]))
    assert len(verdicts) > 140
    assert verdicts.count(False) >= 0.97 * len(verdicts)


def _verdicts(spoil: Callable[[Node], Iterable[Node]]) -> Iterator[bool | None]:
    """What numbers say of lines of which a term has been spoilt."""
    for entry in ENTRIES[::3]:
        engine = Engine(entry.problem, RULES)
        for line in engine.record([entry.part])[0]:
            for i, term in enumerate(line.terms):
                for wrong in spoil(term):
                    yield _verdict(engine, entry.part, (*line.terms[:i], wrong, *line.terms[i + 1 :]))


def _verdict(engine: Engine, X: Node, line: tuple[Node, ...]) -> bool | None:
    problem = engine.problem
    check, _ = confirm(
        engine.f, [X], [line], definitions=engine.definitions, facts=problem.facts, distinct=problem.distinct, rules=RULES
    )
    return check.ok


def test_what_is_wrong_at_one_value_of_an_index_alone_is_caught() -> None:
    problem = matcalc.parse("p = softmax(s); L = -log(p[y])", declare=["s: vector(c)", "y: integer"])
    (found,) = matcalc.gradients(problem, ["s[j]"], verify=False)
    assert _verdict(found.engine, found.variable, found.steps[-2].terms) is True
    sizes = found.problem.sizes
    names = {**problem.names, "j": operands(found.variable)[1]}
    assert _verdict(found.engine, found.variable, (parse_formula("p[j]*d(s[j])", names, sizes),)) is False


def test_a_derivation_that_ends_in_a_wrong_part_is_an_error() -> None:
    problem = matcalc.parse("x'*W*z", declare="W: matrix(n,n)")
    (right,) = matcalc.gradients(problem, ["W[:,k]"], verify=False)
    (wrong,) = matcalc.gradients(problem, ["W[k,:]"], verify=False)
    assert gradient_steps(right.engine, right.variable, right.node, "structured", {}).check.ok
    with pytest.raises(VerificationError):
        gradient_steps(right.engine, right.variable, transpose(wrong.node), "structured", {})


# ---------------------------------------------------------------- functions, kinks, structures within sums


@pytest.mark.parametrize(
    ("expression", "wrt", "declare"),
    [
        ("sum(norm(A[i]*X, 'nuc') for i in 1..k)", "X", ["A: matrices(n,n,k)", "X: matrix(n,p)"]),
        ("sum(logdet(A[i] + X) for i in 1..k)", "X", ["A: matrices(n,n,k)", "X: matrix(n,n)"]),
        ("sum(abs(x[i] - t) for i in 1..N)", "t", ["t: scalar"]),
        ("sum(a[i]*norm(x - b[i]) for i in 1..N)", "x", ["b: vectors(d,N)"]),
        ("sum(sum((x[i] - x[j])^2 for i in 1..n) for j in 1..n)", "x[k]", ["x: vector(n)"]),
        ("sum(x[i]*x[i+1] for i in 1..n-1)", "x", ["x: vector(n)"]),
        ("prod(x[i] for i in 1..n)", "x[k]", ["x: vector(n)"]),
        ("sum(ell(W*x[t]) for t in 1..N)", "W", ["x: vectors(d,N)", "ell: function(vector) -> scalar"]),
        ("sum(ell(x[t]) for t in 1..N)", "x[k]", ["x: vectors(d,N)", "ell: function(vector) -> scalar"]),
        ("tr(A[k]'*X*A[j])", "A[i]", ["A: matrices(n,m,K)"]),
        ("sum(log(P[i,y[i]]) for i in 1..N)", "P[i,j]", ["y: integers(N)", "P: matrix(N,c)"]),
        ("norm(X[i,:])^2", "X[k,j]", ["X: matrix(n,m)"]),
        ("x'*W*x", "W[i,j]", ["W: matrix(n,n) symmetric"]),
        ("sum((x[t] - mu)'*L*L'*(x[t] - mu) for t in 1..N)", "L[:,k]", ["x: vectors(d,N)", "L: matrix(d,d) lower"]),
    ],
)
def test_steps_of_functions_structures_and_parts_within_sums_are_verified(
    expression: str, wrt: str, declare: list[str]
) -> None:
    found = matcalc.gradient(expression, wrt, declare=declare)
    assert found.steps_check.ok is True
    assert found.steps[-1].node is found.node


def test_the_gradient_by_a_part_of_a_structured_variable_is_a_part_of_that_by_the_whole() -> None:
    found = matcalc.gradient("tr(A*W)", "W[:,k]", declare="W: matrix(n,n) symmetric")
    assert found.steps_check.ok is True
    assert [(step.text, step.rule) for step in found.steps] == [
        ("df = tr(A*dW)", "product"),
        ("df/dW = 1/2*(A + A')", "symmetric"),
        ("df/dW[:,k] = 1/2*(A[:,k] + A[k,:]')", "part-of-gradient"),
    ]


# ---------------------------------------------------------------- the cost, in calls of functions


def test_steps_cost_no_more_than_three_derivations(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in ENTRIES:
        assert entry.derivation.steps  # formulas of rules are compiled when they are first used
    monkeypatch.setattr(steps_module, "confirm", lambda *_, **__: (matcalc.numeric.verify.Check(True, 0.0, 1, ""), -1))
    costs = [cost_of(entry, entry.part) for entry in ENTRIES]
    assert median(steps / bare for bare, steps in costs) <= 2
    assert sum(steps for _, steps in costs) <= 2 * sum(bare for bare, _ in costs)


def network(layers: int) -> matcalc.Problem:
    """The squared errors of a network, summed over its samples."""
    H = "x[t]"
    for i in range(1, layers + 1):
        H = f"tanh(W_{i}*{H} + b_{i})"
    return matcalc.parse(f"sum(norm({H} - y[t])^2 for t in 1..N)", declare=["x: vectors(d,N)", "y: vectors(m,N)"])


def test_the_steps_of_a_deep_sum_are_linear_in_its_depth() -> None:
    lines, nodes = [], []
    for layers in (5, 10, 20):
        problem = network(layers)
        engine, X = Engine(problem, RULES), problem.variables["W_1"]
        made = engine.record([X])[0]
        lines.append(len(made))
        nodes.append(sum(1 for _ in postorder([term for line in made for term in line.terms])))
    assert lines[2] - lines[1] == 2 * (lines[1] - lines[0])
    assert nodes[2] <= 2.2 * nodes[1] <= 2.2**2 * nodes[0]
    (found,) = matcalc.gradients(network(10), ["W_1"], verify=False)
    assert found.steps_check.ok is True
