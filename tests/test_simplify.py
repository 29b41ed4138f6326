"""Simplification: how a result looks, strategy by strategy; its value never changes, and it settles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import matcalc
from matcalc.calculus.engine import Engine
from matcalc.calculus.simplify import engine
from matcalc.calculus.simplify.cost import Cost
from matcalc.calculus.simplify.engine import STRATEGIES, Simplifier
from matcalc.language.parser import parse
from matcalc.nodes.expr import Node, shape
from matcalc.numeric.agree import agree
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from tests.problems import Problem
from tests.strategies import problems

RULES = rulebase()

DECLARED = """
A, B, C: matrix(n,n); S, T: matrix(n,n) symmetric; P: matrix(n,n) posdef; K: matrix(n,n) skew; L: matrix(n,n) lower
R: matrix(n,n) upper; D: matrix(n,n) diagonal; Q: matrix(n,n) orthogonal; X, M: matrix(n,d); W: matrix(d,k); x, y, z: vector(n)
w: vector(d); b: vector(k); s, t, u: scalar; alpha, beta: scalar positive; i, j: integer
p: vector(n) simplex; H: matrix(n,d) onehot
"""


def simplifier(problem: matcalc.Problem) -> Simplifier:
    """The one with which the engine simplifies the results of a problem."""
    return Engine(problem, RULES).simplifier


def simplified(formula: str) -> tuple[matcalc.Problem, Node]:
    """The problem and its last expression, in simplest form."""
    problem = parse(formula, declared(formula))
    return problem, simplifier(problem).finished(problem.expression)


def declared(formula: str) -> str:
    """The declarations, but for the names that the formula defines."""
    defined = {part.split("=")[0].strip() for part in formula.split(";")[:-1] if not part.strip().startswith("assume")}
    rows = [row for line in DECLARED.strip().splitlines() for row in line.split(";")]
    kept = []
    for row in rows:
        names, _, kind = row.partition(":")
        free = [n.strip() for n in names.split(",") if n.strip() not in defined]
        if free:
            kept.append(f"{', '.join(free)}:{kind}")
    return "; ".join(kept)


STRATEGY_EXAMPLES = [
    ("push_transpose", "(A*B)'", "B'*A'"),
    ("push_transpose", "(A*S*x)'", "x'*S*A'"),
    ("push_transpose", "(A' + B')'", "A + B"),
    ("push_transpose", "(A*K)'*x", "-K*A'*x"),
    ("contract", "x*y'*z", "y'*z*x"),
    ("contract", "A*x*(y'*B)*z", "y'*B*z*A*x"),
    ("merge_ones", "ones(n)*ones(d)'", "ones(n, d)"),
    ("pull_out", "sum(X .* w', axis=0)", "sum(X, axis=0) .* w'"),
    ("pull_out", "sum(X .* x, axis=1)", "sum(X, axis=1) .* x"),
    ("centred", "Z = X .- mean(X, axis=0); sum(Z, axis=0)", "zeros(1, d)"),
    ("merge_powers", "A*A", "A^2"),
    ("merge_powers", "A^3*inv(A)", "A^2"),
    ("merge_powers", "B*inv(A)*A*C", "B*C"),
    ("merge_powers", "inv(A)'*A'*x", "x"),
    ("factor_sum", "A*(-B - C)*x", "-A*(B + C)*x"),
    ("settle_sign", "-2*A*(B - C)", "2*A*(C - B)"),
    ("expand_inverse", "inv(A*B)*A", "inv(B)"),
    ("turn_negative_power", "dpow(A, -3, B)", "-A^-3*(A^2*B + A*B*A + B*A^2)*A^-3"),
    ("expand_inverse", "B*inv(A*B)", "inv(A)"),
    ("distribute", "A*(inv(A)*B + C)", "B + A*C"),
    ("distribute_number", "1/2*(2*A - n*B)", "A - n/2*B"),
    ("expand_sum", "A*(B + C) - A*C", "A*B"),
    ("factor_sum", "A*B + A*C", "A*(B + C)"),
    ("factor_sum", "A*x + B*x", "(A + B)*x"),
    ("factor_sum", "s*A - s*B", "s*(A - B)"),
    ("factor_sum", "A .* B + A .* C", "A .* (B + C)"),
    ("lead_with_positive", "-A + B", "B - A"),
    ("lead_with_plain", "A' + A", "A + A'"),
    ("lead_with_plain", "X'*A'*X + X'*A*X", "X'*(A + A')*X"),
    ("merge_entrywise", "x .* x .* y", "x.^2 .* y"),
    ("merge_entrywise", "x .* (y ./ x)", "y"),
    ("numerators_first", "1 ./ x .* y", "y ./ x"),
    ("distribute_entrywise", "x .* (1 + y ./ x)", "x + y"),
    ("merge_scalar_powers", "sum(x)^(s - 1)*sum(x)", "sum(x)^s"),
    ("settle_signs", "(-s - t)*tr(A)", "-tr(A)*(s + t)"),
    ("take_out_content", "s/(2*t + 2*u)", "1/2*s/(t + u)"),
    ("cancel_fraction", "tr(A)/(tr(C)*(1 + tr(B)/tr(C)))", "tr(A)/(tr(B) + tr(C))"),
    ("lift_transpose", "inv(A')", "inv(A)'"),
    ("lift_transpose", "(A')^3", "(A^3)'"),
    ("orient_scalar", "y'*A'*x", "x'*A*y"),
    ("orient_scalar", "z'*x", "x'*z"),
    ("orient_scalar", "x'*(x.^2 .* y)", "sum(x.^3 .* y)"),
    ("turn_trace", "tr(x*y'*A)", "y'*A*x"),
    ("turn_trace", "tr(C*A*B)", "tr(A*B*C)"),
    ("turn_trace", "tr(2*A')", "2*tr(A)"),
    ("turn_trace", "tr(eye(n))", "n"),
    ("distribute_linear", "tr(A - A')", "0"),
    ("distribute_linear", "mean(3*x)", "3*mean(x)"),
    ("distribute_linear", "diag(s*x)", "s*diag(x)"),
    ("known_total", "v = (x - mean(x))/s; sum(v)", "0"),
    ("known_total", "q = softmax(x); sum(q)", "1"),
    ("outer_product", "(x*ones(d)') .* (ones(n)*w')", "x*w'"),
    ("factor_scalars", "s*sum(x) + s*sum(y)", "s*(sum(x) + sum(y))"),
    ("settle_sum", "sum(sum(x[j]*y[k] for k in 1..n) for j in 1..n)", "sum(x[j] for j in 1..n)*sum(y[j] for j in 1..n)"),
    ("pick", "sum(delta(k,i)*x[k]*y for k in 1..n)", "x[i]*y"),
    ("pick", "sum(x[k]*S*x + delta(k,i)*y for k in 1..n)", "sum(x[k] for k in 1..n)*S*x + y"),
    ("fold", "sum(x[k]*X[k,:] for k in 1..n)", "x'*X"),
    ("fold", "sum(X[k,:]'*M[k,:] for k in 1..n)", "X'*M"),
    ("fold", "sum(norm(X[k,:])^2*X[k,:]' for k in 1..n)", "X'*sum(X.^2, axis=1)"),
    ("spread_sum", "l = sum(x[k] for k in 1..n)/n; sum((x[k] - l)*s for k in 1..n)", "0"),
    ("absorb", "A*sum(y[k]*(e(k,n) - e(i,n)) for k in 1..n if k != i)", "(A .- A[:,i])*((1 - e(i, n)) .* y)"),
    ("unit_products", "A*e(i,n)", "A[:,i]"),
    ("unit_products", "e(i,n)'*X*w", "X[i,:]*w"),
    ("unit_entries", "X .* (e(i,n)*e(j,d)')", "X[i,j]*e(i, n)*e(j, d)'"),
    ("merge_sums", "tr(A)*sum(log(x[k])*x[k] for k in 1..n) + tr(A)*sum(x[k] for k in 1..n)",
     "sum(x[k]*(1 + log(x[k])) for k in 1..n)*tr(A)"),
    ("part_of", "(A*x + s*y)[i]", "s*y[i] + (A*x)[i]"),
    ("part_of", "(X*W)[:,j]", "X*W[:,j]"),
    ("part_of", "exp(x .* y)[i]", "exp(x[i]*y[i])"),
    ("part_of", "(x*w')[i,j]", "w[j]*x[i]"),
    ("take_out_kron", "sum(x[k]*kron(e(k,n)', B) for k in 1..n)", "kron(x', B)"),
    ("settle_deltas", "sum(x[k]*(1 - delta(k,i)) for k in 1..n if k != i)", "sum(x[k] for k in 1..n if k != i)"),
    ("write_out", "sum(x[i]^2 for i in 1..2)", "x[1]^2 + x[2]^2"),
    ("factor_polynomial", "s*(1 - s)^2 - s^2*(1 - s)", "s*(s - 1)*(2*s - 1)"),
    ("settle_comparison", "0 < x", "ind(x > 0)"),
]  # fmt: skip


NORMAL_FORMS = {
    "write_out",  # two terms are written out
    "turn_negative_power",
    "push_transpose",  # (A*B)' is B'*A'
    "contract",  # x*y'*z is (y'*z)*x
    "merge_entrywise",  # x .* x is x.^2
    "merge_scalar_powers",
    "distribute_linear",  # sum(c*A) is c*sum(A)
    "turn_trace",  # tr(c*A) is c*tr(A)
    "settle_sign",  # -(a - B) is B - a
    "settle_sum",
    "part_of",  # an entry of a sum is a sum of entries
    "unit_entries",
}
"""These bring about one form for all spellings, though it may be a little longer; all others shorten."""


@contextmanager
def watched() -> Iterator[list[tuple[str, Node, Node, int]]]:
    """Every step of a strategy while the context lasts: (name, before, after, how much longer it made what a reader sees)."""
    steps: list[tuple[str, Node, Node, int]] = []

    def watch(strategy: Any) -> Any:
        def call(e: Node, s: Simplifier) -> Node | None:
            made = strategy(e, s)
            if made is not None and made is not e:
                steps.append((strategy.__name__, e, made, s.cost(made) - s.cost(e)))
            return made

        return call

    table = {head: tuple(map(watch, row)) for head, row in STRATEGIES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "STRATEGIES", table)
        patch.setattr(engine, "distribute_linear", watch(engine.distribute_linear))
        yield steps


@pytest.mark.parametrize(("strategy", "formula", "expected"), STRATEGY_EXAMPLES, ids=lambda x: x)
def test_a_strategy_gives_the_form_that_a_textbook_prints(strategy: str, formula: str, expected: str) -> None:
    with watched() as steps:
        problem, made = simplified(formula)
    assert text(made) == expected
    assert strategy in {name for name, *_ in steps}
    assert strategy in NORMAL_FORMS or Cost(RULES.is_entrywise)(made) <= Cost(RULES.is_entrywise)(problem.expression)
    assert shape(made) == shape(problem.expression)
    verdict = agree(problem.expression, made, definitions=problem.definitions, facts=problem.facts)
    assert verdict.ok is True, verdict.reason


def test_every_strategy_has_an_example() -> None:
    known = {strategy.__name__ for row in STRATEGIES.values() for strategy in row}
    assert known == {name for name, _, _ in STRATEGY_EXAMPLES}


NAMED = [
    ("Z = A*x; A*x + y", "Z + y"),
    ("Z = max(X*W, 0); 2*max(X*W, 0) .* max(X*W, 0)", "2*Z.^2"),
    ("Z = A*B; A*B*C", "Z*C"),
    ("Z = 2*A*x; 3*A*x", "3/2*Z"),
    ("Z = (x - y)/s; (x - y)/s^2", "Z/s"),
    ("Z = A*x - y; 2*A'*(A*x - y)", "2*A'*Z"),
    ("Z = (A*x - y)/s; y - A*x", "-s*Z"),
    ("Z = x .* y; x .* z .* y", "Z .* z"),
    ("Z = A + B; A + B + C", "C + Z"),
    ("v = sqrt(sum(x.^2) + s); (sum(x.^2) + s)^(3/2)*x", "v^3*x"),
    ("l = mean(x); sum(x)*y", "n*l*y"),
    ("q = softmax(x); exp(x)/sum(exp(x)) - y", "q - y"),
    ("Z = A*B; B'*A'*x", "Z'*x"),
    ("K1 = X'*X; tr(inv(X'*X))", "tr(inv(K1))"),
    ("a1 = exp(x); b1 = sum(a1); a1/b1^2*s", "s/b1^2*a1"),
]


@pytest.mark.parametrize(("formula", "expected"), NAMED, ids=lambda x: x)
def test_results_are_written_in_the_names_that_were_given(formula: str, expected: str) -> None:
    problem, made = simplified(formula)
    assert text(made) == expected
    assert agree(problem.expression, made, definitions=problem.definitions).ok is True


KNOWN = [
    ("A*S'*B", "A*S*B"),
    ("inv(S)'*x", "inv(S)*x"),
    ("(S*T)'", "T*S"),
    ("Q'*Q*x", "x"),
    ("inv(Q)'*x", "Q*x"),
    ("sum(p)*x", "x"),
    ("H .* H", "H"),
    ("sum(H, axis=1)", "ones(n)"),
    ("tril(L)*x", "L*x"),
    ("diag(diag(D))*x", "D*x"),
    ("assume sum(x) == 1; sum(x)*y", "y"),
    ("assume x'*x == 1; x*(x'*x)", "x"),
    ("assume A*B == C; A*B*x", "C*x"),
    ("assume A*x == y; x'*A'*z", "y'*z"),
    ("log(det(P))", "logdet(P)"),
    ("chol(P)*chol(P)'*x", "P*x"),
    ("diag(x)*X", "x .* X"),
    ("exp(x)/sum(exp(x))", "softmax(x)"),
    ("1 ./ (1 + exp(-x))", "sigmoid(x)"),
    ("log(sum(exp(x)))", "logsumexp(x)"),
    ("ones(n)'*A*ones(n)", "sum(A)"),
    ("1/n*sum(x)", "mean(x)"),
    ("kron(A, B)*vec(C)", "vec(B*C*A')"),
    ("e(i, n)'*A*e(j, n)", "A[i,j]"),
    ("sign(x) .* x", "abs(x)"),
    ("sum(x' .* A, axis=1)", "A*x"),
    ("sum(A .* x, axis=0)'", "A'*x"),
    ("dpow(A, 2, B)", "A*B + B*A"),
    ("dpow(A, 3, A)", "3*A^3"),
]


@pytest.mark.parametrize(("formula", "expected"), KNOWN, ids=lambda x: x)
def test_what_is_known_of_the_variables_is_used(formula: str, expected: str) -> None:
    problem, made = simplified(formula)
    assert text(made) == expected
    assert agree(problem.expression, made, definitions=problem.definitions, facts=problem.facts).ok is True


LEFT_ALONE = """
(A + A')*x
inv(A)'*x*y'*inv(A)'
x/norm(x)
A*(B + C)*x
A*S + S*A'
x .* (A*y)
inv(A + B)*A
inv(X'*X)*X'*x
sum(x .* y .* z)
(s + t)^2
exp(-x'*x)
A*B*A
tr(A)*tr(B)
norm(A*x - y)^2
softmax(x) .* (x - y)
A*K*A
X .- mean(X, axis=0)
1 ./ (1 + x.^2)
max(X*W, 0)
""".strip().splitlines()


@pytest.mark.parametrize("formula", LEFT_ALONE)
def test_what_is_in_its_simplest_form_already_stays(formula: str) -> None:
    problem, made = simplified(formula)
    assert made is problem.expression
    assert text(made) == formula


# ---------------------------------------------------------------- properties

ALL = [formula for _, formula, _ in STRATEGY_EXAMPLES] + [formula for formula, _ in NAMED + KNOWN]


@pytest.mark.parametrize("formula", ALL)
def test_simplifying_again_changes_nothing(formula: str) -> None:
    problem, made = simplified(formula)
    assert simplifier(problem).finished(made) is made
    assert Engine(problem, RULES).simplifier(made) is made


@given(problems(depth=4))
def test_any_expression_keeps_its_value_settles_and_is_made_longer_by_normal_forms_alone(generated: Problem) -> None:
    problem = parse(generated.text, generated.declarations)
    with watched() as steps:
        plain = Simplifier(RULES)
        for e in (*problem.definitions.values(), problem.expression):
            made = plain(e)
            assert plain(made) is made
            assert Simplifier(RULES)(made) is made
            assert shape(made) == shape(e)
            assert agree(e, made, draws=1).ok is not False
    for name, before, after, longer in steps:
        assert longer <= 0 or name in NORMAL_FORMS, f"{name}: {text(before)} -> {text(after)}"


@given(problems(depth=3))
def test_any_gradient_settles(generated: Problem) -> None:
    problem = parse(generated.text, generated.declarations)
    for found in matcalc.gradients(problem, generated.used_names, verify=False):
        again = found.engine.simplifier.finished(found.node)
        assert again is found.node, f"{found} becomes {text(again)}"


def test_the_cost_is_about_what_a_reader_sees() -> None:
    cost = Cost(RULES.is_entrywise)
    order = ["A", "A'", "A*x", "2*A*x", "(A + A')*x", "2*(A + A')*x", "A*x + A'*x"]
    costs = [cost(parse(f, DECLARED).expression) for f in order]
    assert costs == sorted(costs) and costs[0] == 1
    assert cost(parse("X .+ w'", DECLARED).expression) == cost(parse("X + M", DECLARED).expression) + 1
    assert cost(parse("sum(X, axis=1)", DECLARED).expression) == 2


# ---------------------------------------------------------------- the same everywhere

SAME = [
    ("[x; y]'*[A, B; B', C]*[x; y]", ""),
    ("[x; s]'*[A, B; B', C]*[x; s]", ""),
    ("norm(max(X*W, 0) - Y)^2", ""),
    ("tr(A*X*B*X'*C) + tr(X'*B*A*X)", ""),
    ("logdet(X'*A*X)", "A: matrix(n,n) symmetric"),
    ("-sum(Y .* log_softmax(X*W .+ b', axis=1))/N", ""),
    ("z = (x - mean(x))/sqrt(mean((x - mean(x)).^2) + eps)\nsum(g .* z)", "x, g: vector(n); eps: scalar positive"),
    ("p = softmax(A*x)\n-log(p[y])", "y: integer"),
    ("x'*A*x/(x'*x) + s*t*u/(s + t + u)^2", "s, t, u: scalar"),
    ("K = X'*X + lambda*eye(d); y'*X*inv(K)*X'*y", "X: matrix(n,d); y: vector(n)"),
    ("sum(exp(A*x) .* (B*x)) + sum(sigmoid(A*x) .* (C*y))", ""),
    ("tr(A*X) + tr(B*X*C*X)", "X: matrix(n,n) symmetric"),
    ("N/2*logdet(S) - 1/2*sum((X*inv(chol(S))').^2)", "S: matrix(d,d) posdef; N: scalar"),
]

_SCRIPT = """
import json, sys
import matcalc
problems = json.load(sys.stdin)
found = {text: [str(d) for d in matcalc.gradients(text, declare=declare or None, verify=False)] for text, declare in problems}
print(json.dumps(found))
"""


def start(cases: list[tuple[str, str]], seed: str) -> subprocess.Popen[str]:
    """A fresh process that derives these problems in this order."""
    run = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=Path(matcalc.__file__).parent.parent,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdin is not None
    run.stdin.write(json.dumps(cases))
    run.stdin.close()
    return run


def test_results_hang_on_neither_the_hash_seed_nor_what_was_derived_before() -> None:
    runs = [start(SAME, "1"), start(SAME[::-1], "2")]
    results = []
    for run in runs:
        with run:
            assert run.stdout is not None
            results.append(json.loads(run.stdout.read()))
    assert results[0] == results[1]
    here = {f: [str(d) for d in matcalc.gradients(f, declare=declare or None, verify=False)] for f, declare in SAME}
    assert here == results[0]
    again = {f: [str(d) for d in matcalc.gradients(f, declare=declare or None, verify=False)] for f, declare in SAME[::-1]}
    assert again == here
