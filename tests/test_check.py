"""A person's own answer against the derivation: what is said of right answers, of wrong ones, and of identities."""

from __future__ import annotations

import doctest
import json
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc import check
from matcalc.errors import ArgumentError, ParseError, UnknownNameError
from matcalc.printing.text import text
from tests.claims import COUNT, FORMS, MISTAKES, answers, fault
from tests.corpus_entries import FOLDER

LINES = [line for part in ("seeds", "cookbook") for line in (FOLDER / f"{part}.jsonl").read_text("utf-8").splitlines()]
CHECKS = [record for record in map(json.loads, LINES) if record["task"] == "check"]
MISTAKEN = [record for record in map(json.loads, LINES) if record.get("seed_claim")]
FAST = 30
"""How many answers of each value are made in the normal run."""

Record = dict[str, Any]


def judged(record: Record, claim: str) -> matcalc.Verdict:
    return check(record["expr"], record["wrt"], claim, declare=record["declare"] or None)


# ---------------------------------------------------------------- the corpus


def test_the_corpus_has_21_claims() -> None:
    assert len(CHECKS) == 21


@pytest.mark.parametrize("record", [r for r in CHECKS if r.get("claim")], ids=lambda r: r["id"])
def test_a_claim_of_the_corpus_gets_its_verdict(record: Record) -> None:
    verdict = judged(record, record["claim"])
    named = {"wrong": ("wrong", "terms", "shape")}.get(record["verdict"], (record["verdict"],))
    assert verdict.verdict in named
    assert verdict.ok is (record["verdict"] == "equal")
    if record["verdict"] == "factor":
        assert verdict.factor is not None
        assert text(verdict.factor) == str(record["factor"])
    if record["verdict"] == "only if":
        ((name, word),) = record["condition"].items()
        assert verdict.conditions == (f"{name} is {word}",)
    if verdict.ok is False:
        assert verdict.counterexample is not None or verdict.verdict == "shape"


@pytest.mark.parametrize("record", CHECKS, ids=lambda r: r["id"])
def test_what_the_corpus_expects_is_right(record: Record) -> None:
    assert judged(record, record["expected"]).ok


def test_mistakes_of_the_homework_sheets_are_found_and_named() -> None:
    claims = {r["id"]: r for r in MISTAKEN}
    found = {
        key: judged(claims[key], claims[key]["seed_claim"]["claim"]).headline()
        for key in (
            "s001-quadratic",
            "s002-q4-W",
            "s002-net-w2",
            "s002-net-w1",
            "s002-net-ypred",
            "s002-net-hrelu",
            "s002-net-h",
        )
    }
    twice = "off by a factor: the gradient is 2 times your answer"
    assert found == {
        "s001-quadratic": "right only if A is symmetric",
        "s002-q4-W": "wrong shape: the gradient is n x d, your answer 1 x d",
        **dict.fromkeys(("s002-net-w2", "s002-net-w1", "s002-net-ypred", "s002-net-hrelu", "s002-net-h"), twice),
    }


def test_missing_brackets_of_a_step_are_found() -> None:
    record = next(r for r in MISTAKEN if r["id"] == "s000-dW")
    verdict = check(record["expr"], "W", step=f"df = {record['seed_claim']['claim']}")
    assert verdict.verdict == "shape"
    assert verdict.mended is not None
    assert verdict.mended.says == "brackets are missing around ind(X*W > 0) .* (X*dW)"


def test_a_bracket_closed_too_early_is_found() -> None:
    record = next(r for r in CHECKS if r["id"] == "s001-svm-printed")
    verdict = judged(record, record["claim"])
    assert verdict.headline() == "wrong: Delta does not belong"


# ---------------------------------------------------------------- many answers


def test_wrong_answers_made_of_right_ones_are_never_called_right() -> None:
    made = list(answers(MISTAKES, False, FAST))
    assert len(made) == FAST
    assert [(a.entry.id, a.claim, found) for a in made if (found := fault(a))] == []


def test_right_answers_in_other_forms_are_never_called_wrong() -> None:
    made = list(answers(FORMS, True, FAST))
    assert len(made) == FAST
    assert [(a.entry.id, a.claim, found) for a in made if (found := fault(a))] == []


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "right"), [(MISTAKES, False), (FORMS, True)], ids=["wrong", "right"])
def test_three_hundred_answers_of_each_value_are_judged_as_they_deserve(changes: Any, right: bool) -> None:
    made = list(islice(answers(changes, right, COUNT), COUNT))
    assert len(made) == COUNT
    assert [(a.entry.id, a.claim, found) for a in made if (found := fault(a))] == []


# ---------------------------------------------------------------- verdicts


SQUARE = "norm(X*w - y)^2"
RIDGE = "norm(X*w - y)^2 + alpha*norm(w)^2"
RELU = "norm(max(X*W, 0) - Y)^2"


@pytest.mark.parametrize(
    ("expr", "wrt", "claim", "headline"),
    [
        (SQUARE, "w", "X'*(X*w - y)", "off by a factor: the gradient is 2 times your answer"),
        (SQUARE, "w", "2*X'*(y - X*w)", "off by a sign: the gradient is minus your answer"),
        (SQUARE, "w", "2*(X*w - y)'*X", "transposed: the gradient is the transpose of your answer"),
        (SQUARE, "w", "(X*w - y)'*X", "transposed: the gradient is the transpose of your answer, times 2"),
        (SQUARE, "w", "2*(X*w - y)", "wrong shape: the gradient is d x 1, your answer n x 1"),
        (RIDGE, "w", "2*X'*(X*w - y)", "one term missing: 2*alpha*w"),
        (RIDGE, "w", "2*X'*(X*w - y) + 2*w", "right only if alpha = 1"),
        (RIDGE, "w", "2*X'*(X*w + y) + 2*alpha*w", "wrong: the sign of y is wrong"),
        (RELU, "W", "2*X'*(max(X*W, 0) - Y)", "wrong: the factor ind(X*W > 0) is missing"),
        ("norm(x)^3", "x", "3*x", "off by a factor: the gradient is norm(x) times your answer"),
        ("1/N*sum(X*w)", "w", "X'*ones(N)", "off by a factor: the gradient is 1/N times your answer"),
        ("tr(A*X*B*X')", "X", "A*X*B", "one term missing: A'*X*B'"),
        ("x'*x", "x", "2*x + x", "off by a factor: the gradient is 2/3 times your answer"),
        ("-p'*log(softmax(z))", "z", "softmax(z) - p", "right only if sum(p) = 1"),
        ("abs(a)^2*b'*b", "b", "2*a*b", "off by a factor: the gradient is a times your answer"),
        ("softmax(z)", "z", "diag(softmax(z))", "one term missing: -softmax(z)*softmax(z)'"),
        ("A*x", "x", "A'", "transposed: the Jacobian is the transpose of your answer"),
    ],
)
def test_a_wrong_answer_is_named(expr: str, wrt: str, claim: str, headline: str) -> None:
    declare = {"1/N*sum(X*w)": "X: matrix(N,d)", "abs(a)^2*b'*b": "a: scalar"}.get(expr)
    verdict = check(expr, wrt, claim, declare=declare)
    assert verdict.headline() == headline
    assert verdict.ok is False
    assert not verdict


@pytest.mark.parametrize(
    ("claim", "mended"),
    [
        ("2*X'*(max(X*W, 0) - Y) .* ind(X*W > 0)", "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))"),
        ("2*X'*((max(X*W, 0) - Y)*ind(X*W > 0))", "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))"),
        ("2*X*((max(X*W, 0) - Y) .* ind(X*W > 0))", "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))"),
        ("2*((max(X*W, 0) - Y) .* ind(X*W > 0))*X'", "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))"),
    ],
)
def test_a_small_change_that_puts_an_answer_right_is_found(claim: str, mended: str) -> None:
    verdict = check(RELU, "W", claim)
    assert verdict.mended is not None
    assert verdict.mended.source.replace(" ", "") == mended.replace(" ", "")
    assert check(RELU, "W", verdict.mended.source).ok


@pytest.mark.parametrize(
    ("claim", "rules"),
    [
        ("2*X'*X*w - 2*X'*y + 2*alpha*w", ["", "collect"]),
        ("2*((X'*X + alpha*eye(d))*w - X'*y)", ["", "distribute", "collect"]),
    ],
)
def test_another_form_is_right_and_the_chain_to_it_is_told(claim: str, rules: list[str]) -> None:
    verdict = check(RIDGE, "w", claim)
    assert verdict.ok
    assert [link.rule for link in verdict.steps] == rules
    assert verdict.steps[-1].node is verdict.truth


@pytest.mark.parametrize(
    "declare_claim",
    [
        ("logdet(S)", "2*inv(S) - diag(diag(inv(S)))", "each independent entry of S is counted once"),
        ("tr(B*S)", "B'", "S is differentiated by as a free matrix"),
    ],
)
def test_an_answer_in_another_convention_is_told_by_its_name(declare_claim: tuple[str, str, str]) -> None:
    expr, claim, condition = declare_claim
    verdict = check(expr, "S", claim, declare="S: matrix symmetric")
    assert verdict.verdict == "only if"
    assert verdict.conditions == (condition,)


def test_the_convention_of_independent_entries_may_be_asked_for() -> None:
    claim = "2*inv(S) - diag(diag(inv(S)))"
    assert check("logdet(S)", "S", claim, declare="S: matrix symmetric", convention="independent").ok


@pytest.mark.parametrize(
    ("expr", "claim"),
    [
        ("sum(log(x) .* abs(y))", "log(x)"),
        ("sum(min(y, 10).^2)/2", "y"),
        ("sum(max(y, 1/1000))", "ind(y > 0)"),
        ("sum(max(sqrt(x) .* y, 0))", "sqrt(x)"),
    ],
)
def test_an_answer_that_is_right_in_most_places_alone_is_not_called_right(expr: str, claim: str) -> None:
    assert check(expr, "y", claim).ok is False


def test_an_answer_without_a_value_is_not_checked_and_it_is_said_why() -> None:
    verdict = check("x'*x", "x", "log(-x'*x)*x")
    assert verdict.verdict == "unchecked"
    assert verdict.ok is None
    assert "no admissible point was found" in str(verdict)


def test_a_counterexample_is_small_and_whole_and_shows_both_values() -> None:
    example = check(SQUARE, "w", "X'*(X*w - y)").counterexample
    assert example is not None
    assert dict(example.sizes) == {"n": 1, "d": 1}
    assert all(np.array_equal(a, np.rint(a)) for a in example.arrays.values())
    X, w, y = (np.asarray(example.arrays[name]) for name in ("X", "w", "y"))
    assert np.allclose(example.right, 2 * X.T @ (X @ w - y))
    assert np.allclose(example.claimed, X.T @ (X @ w - y))


def test_a_zero_gradient_may_be_claimed_as_0() -> None:
    assert check("tr(A) + norm(x)^2 - x'*x", "x", "0").ok


# ---------------------------------------------------------------- steps and LaTeX


NET = "Z = max(X*W, 0); f = norm(Z - Y)^2"


@pytest.mark.parametrize(
    "step",
    [
        "df = 2*tr((Z - Y)'*dZ)",
        "df = 2*tr((Z - Y)'*(dZ - dY))",
        "df = 2*tr((Z - Y)'*(ind(X*W > 0) .* (X*dW)))",
        "dZ = (X*dW) .* ind(X*W > 0)",
        "df/dZ = 2*(Z - Y)",
        "f = tr((Z - Y)'*(Z - Y))",
        "Z = relu(X*W)",
    ],
)
def test_a_right_step_is_right(step: str) -> None:
    assert check(NET, step=step).ok


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        ("df = tr((Z - Y)'*dZ)", "factor"),
        ("dZ = (X*dW) .* X*W", "shape"),
        ("df/dZ = Z - Y", "factor"),
        ("f = tr((Z - Y)*(Z - Y))", "shape"),
        ("df = 2*tr((Z - Y)'*(dZ + dY))", "terms"),
    ],
)
def test_a_wrong_step_is_wrong(step: str, verdict: str) -> None:
    assert check(NET, step=step).verdict == verdict


@pytest.mark.parametrize(
    ("expr", "options", "word"),
    [
        (r"\|Xw-y\|^2", {"wrt": "w", "claim": r"2X^\top(Xw-y)"}, "equal"),
        (r"\|Xw-y\|^2", {"wrt": "w", "claim": r"\nabla_w f = X^\top X w - X^\top y"}, "factor"),
        (r"\|Xw-y\|^2", {"wrt": "w", "claim": r"\frac{\partial f}{\partial w} = 2 (Xw-y)^T X"}, "transposed"),
        (r"\|Xw-y\|^2", {"step": r"\mathrm{d}f = 2 (Xw-y)^\top X\,\mathrm{d}w"}, "equal"),
        (r"\|Xw-y\|^2", {"step": r"df = 2 (Xw-y)^\top X dw"}, "equal"),
        (r"\operatorname{tr}(AB) = \operatorname{tr}(BA)", {}, "equal"),
        (r"A^\top A = A A^\top", {}, "only if"),
        (r"\operatorname{tr}(ABC) = \operatorname{tr}(ACB)", {}, "only if"),
        (SQUARE, {"wrt": "w", "claim": r"2X^\top(Xw-y)"}, "equal"),
        ("tr(expm(X))", {"wrt": "X", "claim": r"e^{X^\top}"}, "equal"),
        ("sum(X)^2", {"wrt": "X", "claim": r"2\operatorname{sum}(X) \mathbf{1}\mathbf{1}^\top"}, "equal"),
    ],
)
def test_claims_in_latex_are_read(expr: str, options: dict[str, str], word: str) -> None:
    assert check(expr, **options).verdict == word


# ---------------------------------------------------------------- identities


@pytest.mark.parametrize(
    "identity",
    [
        "tr(A*B) = tr(B*A)",
        "det(X*Y) == det(X)*det(Y)",
        "inv(eye(n) + A*B)*A = A*inv(eye(m) + B*A)",
        "inv(X'*X + alpha*eye(d))*X' = X'*inv(X*X' + alpha*eye(n))",
        "inv(A + U*C*V) = inv(A) - inv(A)*U*inv(inv(C) + V*inv(A)*U)*V*inv(A)",
        "inv(A + b*c') = inv(A) - inv(A)*b*c'*inv(A)/(1 + c'*inv(A)*b)",
        "inv(inv(A) + inv(B)) = A*inv(A + B)*B",
        "det(eye(n) + A*B) = det(eye(m) + B*A)",
        "vec(A*X*B) = kron(B', A)*vec(X)",
        "tr(A'*B) = sum(A .* B)",
        "norm(x - y)^2 = norm(x)^2 - 2*x'*y + norm(y)^2",
        "sigmoid(-x) = 1 - sigmoid(x)",
        "tanh(x) = 2*sigmoid(2*x) - 1",
    ],
)
def test_a_true_identity_is_true(identity: str) -> None:
    verdict = check(identity)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize(
    ("identity", "headline"),
    [
        ("A*B = B*A", "right only if A*B = B*A"),
        ("tr(A*B*C) = tr(A*C*B)", "right if A*B = B*A, or A*C = C*A, or B*C = C*B; not in general"),
        ("A'*A = A*A'", "right if A is symmetric, or A is skew-symmetric, or A is orthogonal; not in general"),
        ("A' = A", "right only if A is symmetric"),
        ("norm(Q*x) = norm(x)", "right only if the columns of Q are orthonormal"),
        ("inv(Q) = Q'", "right only if Q is orthogonal"),
        ("A*diag(b) = diag(b)*A", "right only if A is diagonal"),
        ("abs(a) = a", "right only if a >= 0"),
        ("(A + B)^2 = A^2 + B^2", "wrong"),
        ("inv(A + B) = inv(A) + inv(B)", "wrong"),
        ("inv(eye(n) + A*B)*A = A*inv(eye(m) - B*A)", "wrong: the sign of B is wrong"),
    ],
)
def test_a_false_identity_is_false(identity: str, headline: str) -> None:
    verdict = check(identity, declare="a: scalar" if "abs" in identity else None)
    assert verdict.ok is False
    assert verdict.headline().startswith(headline)
    assert verdict.counterexample is not None


def test_identities_are_named_with_their_source() -> None:
    verdict = check("tr(A*B)", None, "tr(B*A)")
    assert [link.rule for link in verdict.steps] == ["", "the trace is cyclic"]
    assert verdict.steps[1].citation == "PP12 (14)"


# ---------------------------------------------------------------- bad input, and what is printed


def test_bad_claims_are_errors() -> None:
    with pytest.raises(UnknownNameError, match="unknown name q"):
        check(SQUARE, "w", "X'*q")
    with pytest.raises(ParseError):
        check(SQUARE, "w", "X'*(")
    with pytest.raises(ParseError, match="no claim"):
        check(SQUARE, "w", "")
    with pytest.raises(ArgumentError, match="no claim"):
        check(SQUARE, "w")
    with pytest.raises(ArgumentError, match="nothing to compare"):
        check(SQUARE)
    with pytest.raises(ArgumentError, match="no step"):
        check(SQUARE, step="2*X'*y")
    with pytest.raises(ParseError, match="one equation"):
        check("A = B = C")


def test_the_examples_of_check_hold() -> None:
    found = doctest.testmod(import_module("matcalc.claims.check"))
    assert found.attempted > 0
    assert found.failed == 0


def test_every_verdict_has_its_forms() -> None:
    verdict = check("x'*A*x", "x", "2*A*x")
    assert str(verdict).splitlines()[:2] == ["✗ right only if A is symmetric", "  df/dx = (A + A')*x"]
    assert "∂f/∂x = (A + Aᵀ)x" in verdict.unicode()
    assert r"$\frac{\partial f}{\partial x} = (A + A^\top) x$" in verdict.latex()
    told = json.loads(json.dumps(verdict.to_dict()))
    assert told["verdict"] == "only if"
    assert told["ok"] is False
    assert told["conditions"] == ["A is symmetric"]
    assert set(told["counterexample"]) == {"sizes", "arrays", "right", "claimed"}
