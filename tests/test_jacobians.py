"""Jacobians: of and by anything, in both layouts, with their action; the numbers that check them; how they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus.free import Free
from matcalc.cli import run
from matcalc.errors import ArgumentError, VerificationError
from matcalc.nodes.algebra import mul, number
from matcalc.printing.text import text
from tests.differences import relative_error
from tests.second_entries import jacobian

Array = Any


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert run(list(args)) == 0
    return capsys.readouterr().out


# ---------------------------------------------------------------- shapes

SHAPES = {
    "a vector by a vector": ("A*x", "x", ("n", "d")),
    "a vector by a matrix": ("A*x", "A", ("n", "d*n")),
    "a vector by a scalar": ("s*x", "s", ("n",)),
    "a matrix by a matrix": ("A*X*B", "X", ("k*n", "d*m")),
    "a matrix by a vector": ("x*x'", "x", ("n^2", "n")),
    "a matrix by a scalar": ("inv(A + s*B)", "s", ("n", "n")),
    "a scalar by a vector": ("x'*A*x", "x", (1, "n")),
    "a scalar by a matrix": ("logdet(X)", "X", (1, "n^2")),
    "a scalar by a scalar": ("s^3", "s", ()),
    "a row by a vector": ("x'*A", "x", ("d", "n")),
    "a matrix by an entry": ("X*X'", "X[i,j]", ("n", "n")),
    "a matrix by a column": ("X*X'", "X[:,j]", ("n^2", "n")),
    "a matrix by a row": ("X*X'", "X[i,:]", ("n^2", "d")),
    "a vector by an entry": ("exp(x)", "x[i]", ("n",)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_is_entries_by_entries_or_that_of_the_function(name: str) -> None:
    F, wrt, dims = SHAPES[name]
    found = matcalc.jacobian(F, wrt, declare="s: scalar; x: vector; X: matrix(n,d)" if "X*X'" in F else "s: scalar; x: vector")
    assert found.verification is not None and found.verification.ok is True
    assert len(found.shape) == len(dims)
    assert found.steps_check.ok is True


KNOWN = {
    "softmax(z)": ("z", "diag(softmax(z)) - softmax(z)*softmax(z)'"),
    "inv(X)": ("X", "-kron(inv(X)', inv(X))"),
    "kron(X, A)": ("X", None),
    "X.^2": ("X", "2*diag(vec(X))"),
    "vec(X)": ("X", "eye(d*n)"),
    "tr(X)*X": ("X", "tr(X)*eye(n^2) + vec(X)*vec(eye(n))'"),
    "X*A*X'": ("X", None),
    "X^-3": ("X", "-(kron(inv(X)', X^-3) + kron((X^-2)', X^-2) + kron((X^-3)', inv(X)))"),
    "A'*X'*B": ("X", "kron(B', A')*commutation(k, n)"),
    "diag(x)*A": ("x", None),
    "expm(X)": ("X", None),
    "sqrtm(X)": ("X", "inv(kron(eye(n), sqrtm(X)) + kron(sqrtm(X)', eye(n)))"),
    "chol(X)": ("X", None),
    "[x; A*x]": ("x", "[eye(n); A]"),
    "softmax(X, axis=1)": ("X", None),
    "cumulative = x/sum(x); log(cumulative)": ("x", None),
}


@pytest.mark.parametrize("F", KNOWN)
def test_a_jacobian_is_in_kronecker_form_and_verified(F: str) -> None:
    wrt, expected = KNOWN[F]
    found = matcalc.jacobian(F, wrt)
    assert found.closed_form
    assert found.verification is not None and found.verification.ok is True
    assert expected is None or str(found) == expected


def test_the_action_is_always_told() -> None:
    assert text(matcalc.jacobian("inv(X)", "X").action) == "-inv(X)*dX*inv(X)"
    assert text(matcalc.jacobian("A*x", "x").action) == "A*dx"
    assert text(matcalc.jacobian("X*X'", "X[:,j]").action) == "d(X[:,j])*X[:,j]' + X[:,j]*d(X[:,j])'"


def test_where_there_is_no_kronecker_form_that_is_said_and_the_action_given(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "jac", "sum(x[i]*x[i+1]*x for i in 1..n-1)", "--wrt", "x", "-d", "x: vector(n)")
    assert "note: it has no Kronecker form" in out
    assert "\ndf " in out


# ---------------------------------------------------------------- layouts and structures


def test_the_denominator_layout_is_the_transpose_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for F, wrt in (("A*exp(x)", "x"), ("A*X*B", "X"), ("s*x", "s")):
        straight = matcalc.jacobian(F, wrt, declare="s: scalar; x: vector")
        turned = matcalc.jacobian(F, wrt, declare="s: scalar; x: vector", layout="denominator")
        assert turned.shape == tuple(reversed(straight.shape if len(straight.shape) == 2 else (*straight.shape, 1)))
        assert turned.verification is not None and turned.verification.ok is True
        assert turned.steps[-1].node is turned.node
    assert "note: denominator layout" in shown(capsys, "jac", "A*x", "--wrt", "x", "--layout", "denominator")
    assert "note: numerator layout" in shown(capsys, "jac", "A*x", "--wrt", "x")


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ArgumentError, match="sideways"):
        matcalc.jacobian("A*x", "x", layout="sideways")


@pytest.mark.parametrize("declared", ["symmetric", "posdef", "lower", "diagonal", "skew", "orthogonal"])
def test_a_structured_variable_moves_by_all_its_entries(declared: str) -> None:
    found = matcalc.jacobian("S*A*S'", "S", declare=f"S: matrix {declared}")
    assert found.verification is not None and found.verification.ok is True
    rng = np.random.default_rng(0)
    S, A = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    free = matcalc.jacobian("S*A*S'", "S", declare="S: matrix")
    truth = jacobian(lambda X: X @ A @ X.T, S)
    assert relative_error(free.function()(S=S, A=A), truth) < 1e-10


def test_what_is_declared_simplifies() -> None:
    assert str(matcalc.jacobian("inv(S)", "S", declare="S: matrix symmetric")) == "-kron(inv(S), inv(S))"


def test_what_is_assumed_of_a_variable_does_not_hold_off_it() -> None:
    found = matcalc.jacobian("sum(p)*p", "p", declare="p: vector(n) simplex")
    assert str(found) == "eye(n) .+ p"


# ---------------------------------------------------------------- commutation matrices


@pytest.mark.parametrize("F", ["A*X*B", "X.*X", "X^2", "inv(X)", "X*A*X", "tr(X)*X", "exp(X)"])
def test_there_is_no_commutation_matrix_where_nothing_is_transposed(F: str) -> None:
    assert "commutation" not in str(matcalc.jacobian(F, "X"))


# ---------------------------------------------------------------- what is wrong is not told


def test_a_wrong_jacobian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., Any] = Free.jacobian
    monkeypatch.setattr(Free, "jacobian", lambda self, wrt: mul(number("11/10"), right(self, wrt)))
    with pytest.raises(VerificationError, match="the Jacobian by X fails its check"):
        matcalc.jacobian("A*X*B", "X")


def test_a_wrong_action_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right: Callable[..., Any] = Free.action
    monkeypatch.setattr(Free, "action", lambda self, wrt: tuple(mul(number("11/10"), t) for t in right(self, wrt)))
    with pytest.raises(VerificationError):
        matcalc.jacobian("A*X*B", "X")


def test_a_transposed_jacobian_is_wrong() -> None:
    found = matcalc.jacobian("X'*A*X", "X", declare="X: matrix(n,n)")
    other = replace(found, node=matcalc.jacobian("X*A*X'", "X", declare="X: matrix(n,n)").node)
    assert other.verify().ok is False


# ---------------------------------------------------------------- how it is told


def test_json_has_the_action_and_the_kind(capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(shown(capsys, "jac", "inv(X)", "--wrt", "X", "--format", "json", "--steps"))
    (found,) = answer["derivatives"]
    assert found["kind"] == "jacobian" and found["shape"] == ["n^2", "n^2"] and found["verified"] is True
    assert found["action"] == "-inv(X)*dX*inv(X)" and found["layout"] == "numerator"
    assert [step["rule"] for step in found["steps"]] == ["inv", "jacobian"]


def test_the_command_shows_the_jacobian_and_its_action(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "jac", "inv(X)", "--wrt", "X").splitlines()
    assert "dvec(F)/dvec(X)' = -kron(inv(X)', inv(X))" in out
    assert "dF               = -inv(X)*dX*inv(X)" in out
    assert "df/dz = diag(softmax(z)) - softmax(z)*softmax(z)'" in shown(capsys, "jac", "softmax(z)", "--wrt", "z")


def test_the_steps_end_in_what_is_read_off(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "jac", "inv(X)", "--wrt", "X", "--steps", "--format", "unicode")
    assert "∂vec(F)/∂vec(X)ᵀ = −X⁻ᵀ ⊗ X⁻¹" in out
    assert "the Jacobian is read off" in out
    assert "The Jacobian of F with respect to X" in out


def test_a_jacobian_is_a_callable_and_can_be_differentiated_again() -> None:
    found = matcalc.jacobian("softmax(z)", "z")
    z = np.array([0.1, -0.4, 0.7])
    p = np.exp(z) / np.exp(z).sum()
    assert np.allclose(found.function()(z=z), np.diag(p) - np.outer(p, p))
    third = matcalc.jacobian(found.again, "z")
    assert third.shape == ("n^2", "n") and third.verification is not None and third.verification.ok is True


@pytest.mark.parametrize(
    ("f", "wrt", "shown"),
    [
        ("tr(logm(X))", "X", "vec(inv(X)')'"),
        ("norm(W*x - y)^2", "W", "2*vec((W*x - y)*x')'"),
        ("tr(A*kron(X, B))", "X", "vec(block_inner(A', B))'"),
        ("sum(abs(x).^3)", "x", "3*(x.^2 .* sign(x))'"),
    ],
)
def test_the_jacobian_of_a_scalar_is_its_gradient_as_a_row_where_that_is_no_longer(f: str, wrt: str, shown: str) -> None:
    found = matcalc.jacobian(f, wrt, declare="x: vector")
    assert str(found) == shown
    assert found.verification is not None and found.verification.ok is True and found.steps_check.ok is True
    assert str(matcalc.jacobian(f, wrt, declare="x: vector", layout="denominator")) == shown.removesuffix("'")


@pytest.mark.parametrize("n", ["n", "3"])
def test_commutation_matrices_of_vectors_are_identities_and_a_vector_is_its_own_vec(n: str) -> None:
    declared = f"x: vector({n}); y: vector({n}); A: matrix({n},{n})"
    assert str(matcalc.jacobian("kron(x, y)", "x", declare=declared)) == f"kron(eye({n}), y)"
    assert str(matcalc.jacobian("kron(x, y)", "y", declare=declared)) == f"kron(x, eye({n}))"
    assert str(matcalc.hessian("kron(x, x)'*vec(A)", "x", declare=declared)) == "A + A'"


def test_by_several_variables_an_action_says_which_one_moves(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "jac", "A*X").splitlines()
    assert "              dF = dA*X   [where only A moves]" in out and "              dF = A*dX   [where only X moves]" in out
    assert "moves" not in shown(capsys, "jac", "A*X", "--wrt", "X")
    assert r"\text{\small where only $A$ moves}" in shown(capsys, "jac", "A*X", "--format", "latex")
