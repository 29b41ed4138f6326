"""Jacobians and Hessians by the independent entries of structured variables, against complex steps in these entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus.free import Free
from matcalc.cli import run
from matcalc.errors import ArgumentError, VerificationError
from matcalc.nodes.algebra import mul, number
from matcalc.nodes.expr import Node
from tests.analytic import logdet
from tests.differences import relative_error
from tests.second_entries import hessian, jacobian

Array = Any
N = 3
RNG = np.random.default_rng(11)
A, B, X0 = RNG.normal(size=(N, N)), RNG.normal(size=(N, N)), RNG.normal(size=N)


def lower(x: Array) -> Array:
    """The lower triangular matrix with these entries, column by column."""
    made = np.zeros((N, N), dtype=x.dtype)
    made.T[np.triu_indices(N)] = x
    return made


def symmetric(x: Array) -> Array:
    """The symmetric matrix with these entries on and below its diagonal."""
    L = lower(x)
    return L + L.T - np.diag(np.diag(L))


BUILT: dict[str, tuple[Callable[[Array], Array], Array]] = {
    "symmetric": (symmetric, np.array([4.0, 0.3, -0.5, 5.0, 0.7, 6.0])),
    "posdef": (symmetric, np.array([4.0, 0.3, -0.5, 5.0, 0.7, 6.0])),
    "lower": (lower, RNG.normal(size=6)),
    "upper": (lambda x: lower(x).T, RNG.normal(size=6)),
    "diagonal": (np.diag, RNG.normal(size=N)),
}

JACOBIANS: list[tuple[str, Callable[[Array], Array], list[str]]] = [
    ("X*x", lambda X: X @ X0, [*BUILT]),
    ("A*X*B", lambda X: A @ X @ B, [*BUILT]),
    ("X*A*X", lambda X: X @ A @ X, [*BUILT]),
    ("tr(X*A*X*B)", lambda X: np.trace(X @ A @ X @ B), [*BUILT]),
    ("inv(X)", np.linalg.inv, [*BUILT]),
    ("logdet(X)", logdet, ["symmetric", "posdef"]),
]


@pytest.mark.parametrize(("F", "program", "structure"), [(F, p, s) for F, p, several in JACOBIANS for s in several])
def test_a_jacobian_by_independent_entries_is_right(F: str, program: Callable[[Array], Array], structure: str) -> None:
    build, x = BUILT[structure]
    found = matcalc.jacobian(F, "X", declare=f"X: matrix {structure}", convention="independent")
    assert found.verification is not None and found.verification.ok is True
    assert found.steps_check.ok is True and found.steps[-1].node is found.node
    known = {"A": A, "B": B, "x": X0, "X": build(x)}
    value = found.function()(**{n: known[n] for n in found.problem.variables})
    assert relative_error(value, jacobian(lambda y: np.asarray(program(build(y))), x)) < 1e-8
    turned = matcalc.jacobian(F, "X", declare=f"X: matrix {structure}", convention="independent", layout="denominator")
    assert turned.verification is not None and turned.verification.ok is True and turned.steps[-1].node is turned.node
    transposed = turned.function()(**{n: known[n] for n in found.problem.variables})
    assert np.allclose(np.reshape(transposed, value.T.shape), value.T)


HESSIANS: list[tuple[str, Callable[[Array], Array], list[str]]] = [
    ("tr(X*A*X'*B)", lambda X: np.trace(X @ A @ X.T @ B), [*BUILT]),
    ("sum(exp(X))", lambda X: np.sum(np.exp(X)), [*BUILT]),
    ("norm(X*x)^4", lambda X: np.sum((X @ X0) ** 2) ** 2, [*BUILT]),
    ("logdet(X)", logdet, ["symmetric", "posdef"]),
]


@pytest.mark.parametrize(("f", "program", "structure"), [(f, p, s) for f, p, several in HESSIANS for s in several])
def test_a_hessian_by_independent_entries_is_right(f: str, program: Callable[[Array], Array], structure: str) -> None:
    build, x = BUILT[structure]
    found = matcalc.hessian(f, "X", declare=f"X: matrix {structure}", convention="independent")
    assert found.verification is not None and found.verification.ok is True and found.blocks is None
    assert found.steps_check.ok is True and found.steps[-1].node is found.node
    known = {"A": A, "B": B, "x": X0, "X": build(x)}
    value = found.function()(**{n: known[n] for n in found.problem.variables})
    assert relative_error(value, hessian(lambda y: np.asarray(program(build(y))), x)) < 1e-8


def test_what_a_textbook_prints() -> None:
    declare = "S: matrix symmetric"
    J = matcalc.jacobian("inv(S)", "S", declare=declare, convention="independent")
    assert str(J) == "-kron(inv(S), inv(S))*duplication(n)"
    H = matcalc.hessian("logdet(S)", "S", declare=declare, convention="independent")
    assert str(H) == "-duplication(n)'*kron(inv(S), inv(S))*duplication(n)"
    assert H.latex() == r"-D_{n}^\top (S^{-1} \otimes S^{-1}) D_{n}"
    assert H.steps[-1].rule == "independent-entries"
    assert "by the independent entries of S: vech(S)" in H.notes


def test_second_derivatives_by_two_variables() -> None:
    declare = ["S: matrix symmetric", "L: matrix lower"]
    found = matcalc.hessian("tr(S*L*S*A)", "S", "L", declare=declare, convention="independent")
    assert found.verification is not None and found.verification.ok is True and found.steps_check.ok is True
    plain = matcalc.hessian("norm(S*x)^2", "S", "x", declare=declare, convention="independent")
    assert plain.verification is not None and plain.verification.ok is True
    turned = matcalc.hessian("norm(S*x)^2", "x", "S", declare=declare, convention="independent")
    values = [H.function()(S=symmetric(BUILT["symmetric"][1]), x=X0) for H in (plain, turned)]
    assert values[0].shape == (6, 3) and np.allclose(values[0], values[1].T)
    scaled = matcalc.hessian("s^2*tr(S*A)", "S", "s", declare=[*declare, "s: scalar"], convention="independent")
    assert scaled.verification is not None and scaled.verification.ok is True and scaled.shape == ("n^2/2 + n/2",)


def test_without_a_structure_nothing_changes() -> None:
    assert str(matcalc.jacobian("A*X", "X", convention="independent")) == str(matcalc.jacobian("A*X", "X"))
    assert str(matcalc.hessian("norm(A*X)^2", "X", convention="independent")) == str(matcalc.hessian("norm(A*X)^2", "X"))


def test_what_has_no_independent_entries_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no derivative by the independent entries of a skew K"):
        matcalc.jacobian("K*x", "K", declare="K: matrix skew", convention="independent")
    with pytest.raises(ArgumentError, match=r"no derivative by the independent entries of S\[i,:\]"):
        matcalc.hessian("logdet(S)", "S[i,:]", declare="S: matrix symmetric", convention="independent")
    with pytest.raises(ArgumentError, match=r"unknown convention 'structured'\nhint: it is one of all, independent"):
        matcalc.jacobian("A*x", "x", convention="structured")


def test_a_wrong_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for derive, name, f in ((matcalc.jacobian, "jacobian", "inv(S)"), (matcalc.hessian, "hessian", "logdet(S)")):
        right: Callable[..., Node] = getattr(Free, name)
        with monkeypatch.context() as patch:
            patch.setattr(Free, name, lambda *args, right=right: mul(number("11/10"), right(*args)))
            with pytest.raises(VerificationError, match="by S fails its check"):
                derive(f, "S", declare="S: matrix symmetric", convention="independent")


def test_the_command_line_takes_the_convention(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["-d", "S: matrix symmetric", "--wrt", "S", "--convention", "independent"]
    assert run(["jac", "inv(S)", *args]) == 0
    out = capsys.readouterr().out
    assert "dvec(F)/dvech(S)' = -kron(inv(S), inv(S))*duplication(n)" in out
    assert "note: by the independent entries of S: vech(S)" in out
    assert run(["hess", "logdet(S)", *args, "--format", "unicode", "--steps"]) == 0
    assert "∂²f/∂vech(S)∂vech(S)ᵀ" in capsys.readouterr().out


def test_by_the_diagonal_what_is_picked_of_vec_and_kron_is_a_diagonal_and_an_entrywise_product() -> None:
    known = {"declare": "D: matrix diagonal; A: matrix; B: matrix", "convention": "independent"}
    assert str(matcalc.jacobian("tr(D*A*D*B)", "D", **known)) == "diag(A'*D*B' + B'*D*A')'"
    assert str(matcalc.jacobian("tr(D*A*D*B)", "D", layout="denominator", **known)) == "diag(A'*D*B' + B'*D*A')"
    found = matcalc.hessian("norm(D*x)^2", "D", declare="D: matrix diagonal", convention="independent")
    log = matcalc.hessian("logdet(D)", "D", declare="D: matrix diagonal", convention="independent")
    assert "kron" not in str(log) and log.verification is not None and log.verification.ok is True
    assert str(found) == "2*diag(x.^2)" and found.verification is not None and found.verification.ok is True
