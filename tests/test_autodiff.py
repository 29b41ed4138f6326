"""Gradients against automatic differentiation of the generated value: right ones pass, wrong ones do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

import matcalc
from matcalc.cli import run
from matcalc.codegen import function
from matcalc.errors import ArgumentError
from matcalc.nodes.algebra import mul, number

every_method = pytest.mark.parametrize("method", ["jax", "torch"])

PROBLEMS = [
    ("norm(max(X*W, 0) - Y)^2", "W", None),
    ("logdet(S) + tr(inv(S)*A)", "S", "S: matrix posdef; A: matrix"),
    ("z = X*w; -sum(y .* log_softmax(z))", "w", "y: vector"),
    ("z = X*w; -sum(y .* log_softmax(z))", "z", "y: vector"),
    ("sum((x[t] - mu)'*P*(x[t] - mu) for t in 1..N)", "mu", "x: vectors(d, N)"),
    ("sum(x[i]^3 for i in 1..n)", "x[k]", "x: vector(n)"),
]


@every_method
@pytest.mark.parametrize(("f", "wrt", "declare"), PROBLEMS)
def test_a_right_gradient_agrees_with_automatic_differentiation(f: str, wrt: str, declare: str | None, method: str) -> None:
    pytest.importorskip(method)
    found = matcalc.gradient(f, wrt, declare=declare, verify=False).verify(draws=2, method=method)
    assert found.ok is True, found.reason
    assert found.method == f"automatic differentiation by {method}"
    assert found.max_relative_error < 1e-10


@every_method
def test_a_wrong_gradient_does_not(method: str) -> None:
    pytest.importorskip(method)
    right = matcalc.gradient("norm(X*w - y)^2", "w", verify=False)
    wrong = replace(right, node=mul(number("1/2"), right.node))
    found = wrong.verify(draws=2, method=method)
    assert found.ok is False
    assert found.max_relative_error == pytest.approx(0.5)


@every_method
def test_the_command_line_says_which_engine_confirmed_a_gradient(method: str, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(method)
    assert run(["norm(A*x - b)^2", "--wrt", "x", "--verify", method, "--format", "text"]) == 0
    assert f"checked by automatic differentiation by {method} at 5 random points" in capfd.readouterr().out


def test_a_library_that_is_not_there_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match="PyTorch is not installed\nhint: pip install torch"):
        matcalc.gradient("x'*x", "x", verify=False).verify(method="torch")


@pytest.mark.parametrize("method", ["numpy", "array-api", "matlab"])
def test_other_targets_do_not_differentiate(method: str) -> None:
    with pytest.raises(ArgumentError, match="does not differentiate by itself"):
        matcalc.gradient("x'*x", "x", verify=False).verify(method=method)
