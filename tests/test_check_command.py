"""The command `matcalc check`: its forms of input, what it prints, its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from matcalc.cli import DEBUG, run

Command = Callable[..., tuple[int, str, str]]
SQUARE = "norm(X*w - y)^2"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `matcalc check ARGS`: (exit status, standard output, standard error); an internal error is raised."""
    monkeypatch.setenv(DEBUG, "1")

    def call(*args: str) -> tuple[int, str, str]:
        status = run(["check", *args])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_a_wrong_answer_ends_with_1_and_is_explained(command: Command) -> None:
    status, out, err = command(SQUARE, "--wrt", "w", "X'*(X*w - y)")
    assert (status, err) == (1, "")
    assert out.startswith("✗ off by a factor: the gradient is 2 times your answer\n")


def test_a_right_answer_ends_with_0(command: Command) -> None:
    status, out, _ = command(SQUARE, "--wrt", "w", "2*X'*(X*w - y)")
    assert status == 0
    assert out.startswith("✓ right: df/dw = 2*X'*(X*w - y)\n")


def test_an_answer_may_begin_with_a_minus(command: Command) -> None:
    status, out, _ = command("tr(inv(X))", "--wrt", "X", "-inv(X)'*inv(X)'")
    assert (status, out[0]) == (0, "✓")


@pytest.mark.parametrize(
    "args",
    [
        ("tr(A*B)", "=", "tr(B*A)"),
        ("tr(A*B)", "==", "tr(B*A)"),
        ("tr(A*B)", "tr(B*A)"),
        ("tr(A*B) = tr(B*A)",),
        ("tr(A*B) == tr(B*A)",),
    ],
)
def test_an_identity_is_one_two_or_three_arguments(command: Command, args: tuple[str, ...]) -> None:
    status, out, _ = command(*args)
    assert status == 0
    assert out.startswith("✓ true: the two sides are equal\n")


def test_what_could_not_be_checked_ends_with_3(command: Command) -> None:
    status, out, _ = command("x'*x", "--wrt", "x", "log(-x'*x)*x")
    assert status == 3
    assert out.startswith("? not checked: ")


def test_several_steps_are_checked_one_by_one(command: Command) -> None:
    status, out, _ = command(SQUARE, "--step", "df = 2*(X*w - y)'*X*dw", "--step", "df/dw = X'*(X*w - y)")
    assert status == 1
    assert [line[0] for line in out.splitlines() if line and line[0] != " "] == ["✓", "✗"]


@pytest.mark.parametrize(
    "args",
    [
        (SQUARE, "--wrt", "w", "X'*q"),
        (SQUARE, "--wrt", "w", "X'*("),
        (SQUARE, "--wrt", "w"),
        (SQUARE, "--wrt", "v", "X"),
        (SQUARE, "--wrt", "w", "X", "w"),
        (SQUARE, "X", "--step", "df = X"),
        (SQUARE,),
        (SQUARE, "--step", "X"),
    ],
)
def test_bad_input_ends_with_2(command: Command, args: tuple[str, ...]) -> None:
    status, out, err = command(*args)
    assert (status, out) == (2, "")
    assert err


def test_json_is_one_object_and_a_list_for_several_steps(command: Command) -> None:
    _, out, _ = command(SQUARE, "--wrt", "w", "X'*(X*w - y)", "--format", "json")
    told = json.loads(out)
    assert (told["verdict"], told["factor"], told["ok"]) == ("factor", "2", False)
    assert told["right"]["text"] == "df/dw = 2*X'*(X*w - y)"
    _, out, _ = command(SQUARE, "--step", "df = 2*(X*w - y)'*X*dw", "--step", "df/dw = X'*(X*w - y)", "--format", "json")
    assert [v["verdict"] for v in json.loads(out)] == ["equal", "factor"]


def test_other_forms_are_printed(command: Command) -> None:
    _, unicode, _ = command("x'*A*x", "--wrt", "x", "2*A*x", "--format", "unicode")
    assert "∂f/∂x = (A + Aᵀ)x" in unicode
    _, latex, _ = command("x'*A*x", "--wrt", "x", "2*A*x", "--format", "latex")
    assert latex.startswith("right only if $A$ is symmetric")
    assert r"\begin{pmatrix}" in latex


def test_the_problem_may_be_a_file(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "problem.txt"
    path.write_text("Z = max(X*W, 0)\nf = norm(Z - Y)^2\n", encoding="utf-8")
    status, _, _ = command(str(path), "--file", "--wrt", "Z", "2*(Z - Y)")
    assert status == 0
    status, _, _ = command(str(path), "--file", "-d", "X: matrix(n,m)", "--step", "dZ = (X*dW) .* ind(X*W > 0)")
    assert status == 0
