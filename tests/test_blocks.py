"""Block-diagonal Hessians: by rows, columns or members, their blocks against the whole; none where there are none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus.separate import Separate
from matcalc.cli import run
from matcalc.errors import VerificationError
from matcalc.nodes.algebra import mul, number
from matcalc.nodes.expr import Node
from tests.differences import relative_error

Array = Any
SIZES = {"M": (4, 3), "T": (4, 3), "U": (4, 2), "V": (3, 2), "X": (4, 3), "W": (3, 2), "Y": (4, 2), "v": 2, "A": (3, 3)}

BLOCKS = [
    ("norm(M .* (T - U*V'))^2", "U", "rows", "2*V'*((M[i,:].^2)' .* V)"),
    ("norm(M .* (T - U*V'))^2", "V", "rows", "2*U'*(M[:,i].^2 .* U)"),
    ("norm(max(X*W, 0) - Y)^2", "W", "columns", "2*X'*(ind(X*W[:,i] > 0) .* X)"),
    ("Z = X*W; norm(max(Z, 0) - Y)^2", "W", "columns", ""),
    ("sum(tanh(X*W)*v)", "W", "columns", ""),
    ("tr(X'*X*A)", "X", "rows", "A + A'"),
    ("sum(exp(X))", "X", "rows", ""),
    ("sum(i*norm(X[i,:])^4 for i)", "X", "rows", ""),
]


@pytest.mark.parametrize(("f", "wrt", "by", "shown"), BLOCKS)
def test_the_blocks_make_up_the_hessian(f: str, wrt: str, by: str, shown: str) -> None:
    H = matcalc.hessian(f, wrt)
    blocks = H.blocks
    assert blocks is not None and blocks.said == {"by": by}
    assert blocks.verification is not None and blocks.verification.ok is True and blocks.steps_check.ok is True
    assert shown in ("", str(blocks))
    rng = np.random.default_rng(5)
    arrays = {n: rng.normal(size=SIZES[n]) for n in H.problem.variables}
    whole = H.function()(**arrays)
    places = np.arange(arrays[wrt].size).reshape(arrays[wrt].shape, order="F")
    letter = "j" if "for i" in f else "i"
    assert blocks.wrt == (f"{wrt}[{letter},:]" if by == "rows" else f"{wrt}[:,{letter}]")
    made = np.zeros_like(whole)
    found = blocks.function()(**arrays)
    for k, where in enumerate(places if by == "rows" else places.T):
        made[np.ix_(where, where)] = found[k] if found.ndim == 3 else found
    assert relative_error(made, whole) < 1e-12


def test_a_family_falls_into_its_members() -> None:
    blocks = matcalc.hessian(r"\sum_{k=1}^n (x_k^\top A x_k)^2", "x").blocks
    assert blocks is not None and blocks.wrt == "x[i]" and blocks.said == {"by": "members"}
    assert str(blocks) == "2*(x[i]'*A*x[i]*eye(d) + (A + A')*x[i]*x[i]')*(A + A')"


@pytest.mark.parametrize(
    ("f", "wrt", "declare"),
    [
        ("-sum(Y .* log_softmax(X*W, axis=1))", "W", None),
        ("norm(tanh(X*W)*W2 - T)^2", "W", None),
        ("logdet(X)", "X", None),
        ("logdet(S)", "S", "S: matrix symmetric"),
        ("sum(chol(P))", "P", "P: matrix posdef"),
        ("tr(X*A)", "X", None),
        ("norm(x)^4", "x", None),
        ("norm(U*V')^2", "U[k,:]", None),
    ],
)
def test_others_have_no_blocks(f: str, wrt: str, declare: str | None) -> None:
    assert matcalc.hessian(f, wrt, declare=declare, verify=False).blocks is None


def test_a_mixed_second_derivative_has_no_blocks() -> None:
    assert matcalc.hessian("norm(T - U*V')^2", "U", "V").blocks is None


def test_by_a_symmetric_variable_all_entries_move() -> None:
    blocks = matcalc.hessian("norm(A*S)^2", "S", declare="S: matrix symmetric").blocks
    assert blocks is not None and blocks.said == {"by": "columns"} and str(blocks) == "2*A'*A"
    assert blocks.verification is not None and blocks.verification.ok is True


def test_blocks_are_not_sought_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Node] = []
    monkeypatch.setattr("matcalc.hessians.separate", lambda engine, X: asked.append(X))
    H = matcalc.hessian("norm(T - U*V')^2", "U")
    assert str(H) and not asked
    assert H.blocks is None and asked == [H.variable]


def test_wrong_blocks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second derivatives by two different rows are not zero, numbers say so."""
    H = matcalc.hessian("norm(X)^4", "X")
    assert H.blocks is None
    monkeypatch.setattr("matcalc.calculus.separate.is_zero", lambda e: True)
    monkeypatch.setattr(Separate, "mixed", property(lambda self: mul(number(0), self.free.hessian(self.one, self.other))))
    with pytest.raises(VerificationError, match=r"the Hessian by X\[i,:\] fails its check"):
        _ = matcalc.hessian("norm(X)^4", "X").blocks
    assert matcalc.hessian("norm(X)^4", "X", verify=False).blocks is not None


def test_the_command_line_tells_the_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["hess", "norm(M .* (T - U*V'))^2", "--wrt", "U"]
    assert run(args) == 0
    line = "d2f/dU[i,:]' dU[i,:] = 2*V'*((M[i,:].^2)' .* V)   [block diagonal by rows of U]"
    assert line in capsys.readouterr().out.splitlines()
    assert run([*args, "--format", "unicode"]) == 0
    assert "∂²f/∂U[i,:]ᵀ∂U[i,:] = 2Vᵀ(((M[i,:]⊙²)ᵀ𝟏ᵀ) ⊙ V)   [block diagonal by rows of U]" in capsys.readouterr().out
    assert run([*args, "--format", "latex"]) == 0
    assert r"\bigl((M_{i, :}^{\odot 2})^\top \mathbf{1}^\top\bigr) \odot V" in capsys.readouterr().out
    assert run([*args, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["derivatives"]
    assert found["blocks"]["by"] == "rows" and found["blocks"]["wrt"] == "U[i,:]" and found["blocks"]["verified"] is True
    assert found["blocks"]["text"] == "2*V'*((M[i,:].^2)' .* V)"
    assert run(["hess", "logdet(X)", "--wrt", "X", "--no-verify"]) == 0
    assert "block" not in capsys.readouterr().out
