"""Hessians: of losses and of log-determinants, by several variables, their quadratic forms and products with a direction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus.free import Free
from matcalc.cli import run
from matcalc.errors import ArgumentError, ShapeError, VerificationError
from matcalc.hessians import hessians, stacked
from matcalc.nodes.algebra import mul, number
from matcalc.nodes.expr import graph_size
from matcalc.numeric.evaluate import evaluate
from matcalc.printing.text import text
from tests.analytic import log_softmax, logdet
from tests.differences import relative_error
from tests.fuzz_second import chosen_problems, examine
from tests.second_entries import hessian
from tests.test_depth import assert_linear, counted, network

Array = Any


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert run(list(args)) == 0
    return capsys.readouterr().out


# ---------------------------------------------------------------- losses

RNG = np.random.default_rng(7)
ARRAYS: dict[str, Array] = {
    "X": RNG.normal(size=(4, 3)),
    "W": RNG.normal(size=(3, 2)),
    "W1": RNG.normal(size=(3, 2)),
    "W2": RNG.normal(size=(2, 3)),
    "Y": RNG.normal(size=(4, 2)),
    "T": RNG.normal(size=(4, 3)),
    "y": RNG.normal(size=4),
    "w": RNG.normal(size=3),
    "A": np.eye(4) * 3,
}
LOSSES: dict[str, tuple[str, str, Callable[..., Array]]] = {
    "the first weights of a network": (
        "norm(tanh(X*W1)*W2 - T)^2",
        "W1",
        lambda W1, X, W2, T, **_: np.sum((np.tanh(X @ W1) @ W2 - T) ** 2),
    ),
    "the last weights of a network": (
        "norm(tanh(X*W1)*W2 - T)^2",
        "W2",
        lambda W2, X, W1, T, **_: np.sum((np.tanh(X @ W1) @ W2 - T) ** 2),
    ),
    "the weights of a network with a named layer": (
        "H = tanh(X*W1); norm(H*W2 - T)^2",
        "W1",
        lambda W1, X, W2, T, **_: np.sum((np.tanh(X @ W1) @ W2 - T) ** 2),
    ),
    "softmax regression": (
        "-sum(Y .* log_softmax(X*W, axis=1))",
        "W",
        lambda W, X, Y, **_: -np.sum(Y * log_softmax(X @ W, axis=1)),
    ),
    "logistic regression": (
        "sum(log(1 + exp(-y .* (X*w))))",
        "w",
        lambda w, X, y, **_: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
    ),
    "a log-determinant": ("logdet(A + X*X')", "X", lambda X, A, **_: logdet(A + X @ X.T)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_hessian_of_a_loss_is_right_in_kronecker_form(name: str) -> None:
    f, wrt, program = LOSSES[name]
    found = matcalc.hessian(f, wrt)
    assert found.closed_form and found.verification is not None and found.verification.ok is True
    arrays = {n: ARRAYS[n] for n in found.problem.variables}
    others = {n: a for n, a in arrays.items() if n != wrt}
    truth = hessian(lambda x: program(**{wrt: x}, **others), ARRAYS[wrt])
    value = found.function()(**arrays)
    assert relative_error(value, truth) < 1e-8
    product = matcalc.hvp(f, wrt)
    V = np.random.default_rng(0).normal(size=np.shape(ARRAYS[wrt]))
    moved = product.function()(**arrays, **{product.direction.name: V})
    assert relative_error(np.ravel(moved, order="F"), truth @ np.ravel(V, order="F")) < 1e-8
    assert found.steps_check.ok is True and found.steps[-1].node is found.node


def test_the_hessian_of_softmax_regression_by_one_column_is_the_known_one() -> None:
    found = matcalc.hessian("logsumexp(W*x) - y'*W*x", "W")
    expected = "kron(x, eye(n))*(diag(softmax(W*x)) - softmax(W*x)*softmax(W*x)')*kron(x', eye(n))"
    assert matcalc.jacobian("softmax(W*x)", "W").closed_form
    given = {"W": ARRAYS["W1"].T, "x": ARRAYS["w"], "y": ARRAYS["y"][:2]}
    problem = matcalc.parse(expected, declare="W: matrix(n,d); x: vector(d)")
    (value,) = evaluate([problem.expression], {n: given[n] for n in problem.variables}, {"n": 2, "d": 3})
    assert relative_error(found.function()(**given), value) < 1e-10


# ---------------------------------------------------------------- several variables


def test_mixed_second_derivatives_are_transposes_of_each_other() -> None:
    f = "norm(X - U*V')^2"
    one, other = matcalc.hessian(f, "U", "V"), matcalc.hessian(f, "V", "U")
    assert one.verification is not None and one.verification.ok and other.verification is not None and other.verification.ok
    rng = np.random.default_rng(0)
    arrays = {"X": rng.normal(size=(4, 3)), "U": rng.normal(size=(4, 2)), "V": rng.normal(size=(3, 2))}
    assert np.allclose(one.function()(**arrays), other.function()(**arrays).T)


def test_by_several_variables_there_is_a_block_for_each_pair(capsys: pytest.CaptureFixture[str]) -> None:
    f = "x'*A*x + s*x'*B*y + s^2*norm(y)^2"
    blocks = hessians(f, ["x", "y", "s"], declare="s: scalar")
    assert [H.wrt for H in blocks[:3]] == ["x", "x, y", "x, s"] and len(blocks) == 9
    whole = stacked(blocks)
    assert text(whole) == ("[A + A', s*B, B*y; s*B', 2*s^2*eye(d), B'*x + 4*s*y; y'*B', x'*B + 4*s*y', 2*norm(y)^2]")
    out = shown(capsys, "hess", "x'*A*y", "--wrt", "x", "--wrt", "y")
    assert [line.split(" = ")[1] for line in out.splitlines() if line.startswith("d2f/")] == [
        "zeros(n, n)",
        "A",
        "A'",
        "zeros(d, d)",
    ]


def test_a_second_derivative_by_a_scalar_is_one() -> None:
    assert str(matcalc.hessian("s^4", "s", declare="s: scalar")) == "12*s^2"
    assert str(matcalc.hessian("s*tr(X)", "X", "s", declare="s: scalar")) == "vec(eye(n))"
    assert str(matcalc.hessian("s*tr(X)", "s", "X", declare="s: scalar")) == "vec(eye(n))'"


# ---------------------------------------------------------------- structures and facts


def test_what_is_assumed_of_a_variable_does_not_hold_off_it() -> None:
    assert str(matcalc.hessian("sum(p)^2", "p", declare="p: vector(n) simplex")) == "2*ones(n, n)"
    assumed = matcalc.hessian("sum(p)^3", "p", declare=["p: vector(n)", "assume sum(p) == 1"])
    assert str(assumed) == "6*ones(n, n)"


def test_by_a_symmetric_variable_all_entries_move() -> None:
    found = matcalc.hessian("logdet(S)", "S", declare="S: matrix symmetric")
    assert str(found) == "-commutation(n, n)*kron(inv(S), inv(S))"
    assert text(found.quadratic) == "-tr(inv(S)*dS*inv(S)*dS)"


def test_where_an_operation_needs_symmetry_the_hessian_is_that_inside_it() -> None:
    found = matcalc.hessian("sum(chol(P))", "P", declare="P: matrix posdef")
    assert found.verification is not None and found.verification.ok is True


# ---------------------------------------------------------------- quadratic forms, told


def test_the_quadratic_form_is_told() -> None:
    assert text(matcalc.hessian("x'*A*x", "x").quadratic) == "dx'*(A + A')*dx"


def test_json_has_the_quadratic_form(capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(shown(capsys, "hess", "logdet(X)", "--wrt", "X", "--format", "json", "--steps"))
    (found,) = answer["derivatives"]
    assert found["kind"] == "hessian" and found["verified"] is True
    assert found["quadratic"] == "-tr(inv(X)*dX*inv(X)*dX)"
    assert found["steps"][-1]["rule"] == "hessian"


def test_the_steps_are_those_of_the_gradient_and_of_its_differential(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "hess", "logdet(X)", "--wrt", "X", "--steps", "--format", "unicode")
    lefts = [line.split(" = ")[0].strip() for line in out.splitlines() if " = " in line and "[" in line]
    assert lefts[:5] == ["df", "∂f/∂X", "d(∂f/∂X)", "d²f", "∂²f/∂vec(X)∂vec(X)ᵀ"]
    assert "The Hessian of f with respect to X" in out


def test_a_hessian_is_that_of_a_scalar() -> None:
    with pytest.raises(ShapeError, match="a Hessian is that of a scalar"):
        matcalc.hessian("A*x", "x")
    with pytest.raises(ShapeError, match="a Hessian is that of a scalar"):
        matcalc.hvp("A*x", "x")


def test_a_wrong_hessian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., Any] = Free.hessian
    monkeypatch.setattr(Free, "hessian", lambda self, wrt, by: mul(number("11/10"), right(self, wrt, by)))
    with pytest.raises(VerificationError, match="the Hessian by x fails its check"):
        matcalc.hessian("x'*A*x", "x")


# ---------------------------------------------------------------- products


def test_products_are_linear_in_a_new_variable() -> None:
    assert str(matcalc.jvp("inv(X)", "X")) == "-inv(X)*V*inv(X)"
    assert str(matcalc.jvp("A*x", "x", "u")) == "A*u"
    assert str(matcalc.vjp("A*X*B", "X")) == "A'*V*B'"
    assert str(matcalc.hvp("norm(X - U*V')^2", "U")) == "2*V_1*V'*V"
    for product in (matcalc.jvp("inv(X)", "X"), matcalc.vjp("inv(X)", "X"), matcalc.hvp("logdet(X)", "X")):
        assert product.verification is not None and product.verification.ok is True
    with pytest.raises(ArgumentError, match="A is a name of the problem already"):
        matcalc.jvp("A*x", "x", "A")


@pytest.mark.parametrize("apply", [matcalc.jvp, matcalc.vjp, matcalc.hvp])
def test_a_product_can_be_explained_and_differentiated_again(apply: Callable[..., matcalc.Product]) -> None:
    found = apply("norm(A*x - b)^4", "x")
    assert found.wrt == "x" and str(found) in found.explain()
    again = matcalc.jacobian(found.again, "x")
    assert again.verification is not None and again.verification.ok is True


def test_a_third_derivative_is_the_hessian_of_a_product() -> None:
    along = matcalc.jvp("sum(x.^4)", "x")
    found = matcalc.hessian(along.again, "x")
    assert str(found) == "24*diag(v .* x)"


def test_a_hessian_times_a_direction_is_linear_in_the_layers() -> None:
    measured = []
    for layers in (50, 100):
        problem = network(layers, "Z")
        with counted() as calls:
            found = matcalc.hvp(problem, "W0", verify=False)
            printed = str(found)
        calls["characters"] = len(printed)
        measured.append((graph_size(found.node), calls))
    assert_linear(measured[0], measured[1], 2)
    assert measured[1][0] < 30 * 100
    assert "kron" not in printed


# ---------------------------------------------------------------- random problems


@pytest.mark.parametrize("seed", range(300, 312))
def test_random_problems_are_right_twice_differentiated(seed: int) -> None:
    for problem in chosen_problems(1, seed, 3):
        outcomes = examine(problem, verify=False)
        assert not [name for name in outcomes if name.split()[1] not in ("right", "inconclusive", "refused")]


@pytest.mark.slow
def test_five_hundred_random_problems_are_right_twice_differentiated() -> None:
    counts: Counter[str] = Counter()
    for problem in chosen_problems(500, 0):
        counts += examine(problem)
    assert {name.split()[1] for name in counts} <= {"right", "inconclusive", "refused"}
    assert counts["jacobian right"] > 400 and counts["hessian right"] > 500


# ---------------------------------------------------------------- parts of variables

BY_PARTS: dict[str, tuple[str, str, Callable[..., Array]]] = {
    "a row": ("norm(T .* (X - X*W*U'))^2", "U[i,:]", lambda U, T, X, W, **_: np.sum((T * (X - X @ W @ U.T)) ** 2)),
    "a column": ("norm(max(X*W, 0) - Y)^2", "W[:,i]", lambda W, X, Y, **_: np.sum((np.where(X @ W > 0, X @ W, 0) - Y) ** 2)),
    "an entry": ("sum(exp(w))^2", "w[i]", lambda w, **_: np.sum(np.exp(w)) ** 2),
    "an entry of a matrix": ("norm(W)^4", "W[i,1]", lambda W, **_: np.sum(W**2) ** 2),
    "an entry, with a sum over an index": (
        "sum(log(1 + exp(-y[k]*(X[k,:]*w))) for k)",
        "w[i]",
        lambda w, y, X, **_: np.sum(np.log(1 + np.exp(-y * (X @ w)))),
    ),
    "a row, with a sum over an index": (
        "sum(norm(U[k,:]*W)^4 for k)",
        "U[i,:]",
        lambda U, W, **_: np.sum(np.sum((U @ W) ** 2, axis=1) ** 2),
    ),
}


@pytest.mark.parametrize("name", BY_PARTS)
def test_the_hessian_by_a_part_is_right_at_every_index_and_verified(name: str) -> None:
    f, wrt, program = BY_PARTS[name]
    found = matcalc.hessian(f, wrt, declare="U: matrix")
    assert found.verification is not None and found.verification.ok is True and found.steps_check.ok is True
    assert str(matcalc.hessian(f, wrt, wrt, declare="U: matrix")) == str(found)
    X, places = wrt.rstrip("]").split("[")
    known = {**ARRAYS, "U": np.random.default_rng(3).normal(size=(3, 2 if "U'" in f else 3))}
    arrays = {n: known[n] for n in found.problem.variables}
    letters = places.split(",")
    for i in range(arrays[X].shape[letters.index("i")]):
        at = tuple(slice(None) if p == ":" else i if p == "i" else int(p) - 1 for p in letters)

        def moved(part: Array, at: tuple[Any, ...] = at) -> Array:
            whole = arrays[X].astype(part.dtype)
            whole[at] = part.reshape(np.shape(whole[at]))
            return program(**{**arrays, X: whole})

        start = np.atleast_1d(arrays[X][at])
        value = np.reshape(found.function()(**arrays, i=i + 1), (start.size, start.size))
        assert relative_error(value, hessian(moved, start)) < 1e-8


def test_the_hessian_by_a_member_of_a_family_is_verified() -> None:
    found = matcalc.hessian(r"\sum_{i=1}^n (x_i^\top A x_i)^2", "x[j]")
    assert found.verification is not None and found.verification.ok is True
    gaussian = matcalc.hessian("sum(log(s) + (x[i] - mu)^2/(2*s^2) for i)", "x[k]", declare="mu: scalar; s: scalar")
    assert str(gaussian) == "1/s^2"


def test_the_quadratic_form_by_a_part_of_a_symmetric_variable_is_in_its_own_differential() -> None:
    found = matcalc.hessian("logdet(S)", "S[i,:]", declare="S: matrix symmetric")
    assert found.verification is not None and found.verification.ok is True
    assert text(found.quadratic) == "-(d(S[i,:])*(inv(S))[:,i])^2"


def test_by_several_variables_a_quadratic_form_says_which_one_moves(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hess", "x'*A*x"]) == 0
    assert "                 d2f = 0   [where only A moves]" in capsys.readouterr().out.splitlines()
