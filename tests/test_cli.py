"""The command: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

import matcalc
from matcalc import derivation
from matcalc.cli import DEBUG, run
from matcalc.numeric.verify import Check, Verification
from matcalc.options import FORMATS
from matcalc.rulefiles import signatures

Command: TypeAlias = Callable[..., tuple[int, str, str]]
LEAST_SQUARES = "norm(A*x - b)^2"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `matcalc ARGS`: (exit status, standard output, standard error); an internal error is raised."""
    monkeypatch.setenv(DEBUG, "1")

    def call(*args: str) -> tuple[int, str, str]:
        status = run(list(args))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def gradient_lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("df/d") and " = " in line]


def test_an_expression_alone_is_differentiated_by_every_variable(command: Command) -> None:
    status, out, err = command(LEAST_SQUARES)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in gradient_lines(out)] == ["df/dA", "df/dx", "df/db"]


def test_grad_is_the_same_as_no_command(command: Command) -> None:
    assert command("grad", LEAST_SQUARES) == command(LEAST_SQUARES)


def test_wrt_chooses_the_variables_and_their_order(command: Command) -> None:
    _, out, _ = command(LEAST_SQUARES, "--wrt", "x", "--wrt", "A")
    assert [line.split()[0] for line in gradient_lines(out)] == ["df/dx", "df/dA"]
    assert "2*A'*(A*x - b)" in out


def test_a_variable_that_is_asked_for_twice_is_printed_once(command: Command) -> None:
    for name in ("grad", "diff", "jac", "hess"):
        assert command(name, "x'*x", "--wrt", "x", "--wrt", "x") == command(name, "x'*x", "--wrt", "x")


def test_what_is_no_variable_gets_a_hint(command: Command) -> None:
    assert 'name them one by one: --wrt x --wrt y, or wrt=["x", "y"]' in command("x'*y", "--wrt", "x,y")[2]
    assert "the expression holds no variables" in command("5", "--wrt", "x")[2]


def test_what_is_declared_constant_is_left_out(command: Command) -> None:
    _, out, _ = command(LEAST_SQUARES, "-d", "A: matrix(m,n) constant", "-d", "b: vector constant")
    assert [line.split()[0] for line in gradient_lines(out)] == ["df/dx"]


@pytest.mark.parametrize("args", [("-x'*x",), ("--wrt", "x", "-x'*x"), ("-x'*x", "--wrt", "x"), ("--", "-x'*x"), ("- x'*x",)])
def test_an_expression_may_begin_with_a_minus(command: Command, args: tuple[str, ...]) -> None:
    status, out, _ = command(*args, "--format", "text") if "--" not in args else command(*args)
    assert status == 0
    assert gradient_lines(out) == ["df/dx = -2*x"]


def test_a_declaration_may_be_glued_to_its_option(command: Command) -> None:
    assert command("tr(X)", "-dX: matrix(3,3)")[0] == 0


def test_the_problem_may_come_from_a_file_or_from_standard_input(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "Z = max(X*W, 0)\nf = norm(Z - Y)^2  # a layer\n"
    file = tmp_path / "layer.txt"
    file.write_text(problem, encoding="utf-8")
    expected = command(problem, "--wrt", "W")
    assert expected[0] == 0
    assert command(str(file), "--file", "--wrt", "W") == expected
    with file.open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert command("-", "--wrt", "W") == expected


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_prints_every_gradient(command: Command, form: str) -> None:
    status, out, err = command(LEAST_SQUARES, "--format", form)
    assert (status, err) == (0, "")
    assert out.count("checked") or json.loads(out)["derivatives"][0]["verified"]


def test_json_is_what_the_interface_promises(command: Command) -> None:
    _, out, _ = command(LEAST_SQUARES, "--wrt", "x", "--format", "json")
    answer = json.loads(out)
    assert answer["input"] == LEAST_SQUARES
    assert answer["shape"] == []
    assert answer["variables"]["b"] == {"kind": "vector", "shape": ["n"], "properties": []}
    (found,) = answer["derivatives"]
    assert (found["wrt"], found["kind"], found["closed_form"], found["verified"]) == ("x", "gradient", True, True)
    assert found["text"] == "2*A'*(A*x - b)"
    assert found["max_relative_error"] < 1e-8


def test_the_head_of_the_text_is_a_problem_that_gives_the_same_answer(command: Command) -> None:
    problem = "S = X'*X\nlogdet(S + eye(n)) + v'*S*v"
    _, out, _ = command(problem, "-d", "v: vector(n) positive", "--format", "text")
    head = out.split("\n\n")[0]
    _, again, _ = command(head, "--format", "text")
    assert gradient_lines(again) == gradient_lines(out)


def test_the_report_of_a_deep_network_grows_as_the_network_does(command: Command) -> None:
    def report(layers: int) -> str:
        statements = [f"Z{i} = max({f'Z{i - 1}' if i > 1 else 'X'}*W{i}, 0)" for i in range(1, layers + 1)]
        return command("; ".join([*statements, f"norm(Z{layers} - Y)^2"]), "--format", "text", "--no-verify")[1]

    assert "df/dX, df/dW1 and 8 others hold where" in report(10)
    assert len(report(20)) < 2.3 * len(report(10))


def test_latex_is_ready_to_paste(command: Command) -> None:
    _, out, _ = command("tr(A*X*B*X'*C)", "--wrt", "X", "--format", "latex")
    comments = [line for line in out.splitlines() if line.startswith("%")]
    (equation,) = set(out.splitlines()) - set(comments)
    assert equation.startswith(r"\frac{\partial f}{\partial X} = ")
    assert any("checked" in line for line in comments)


def test_steps_are_the_explanation_of_the_gradients(command: Command) -> None:
    (found,) = matcalc.gradients(LEAST_SQUARES, ["x"])
    for form in FORMATS[:5]:
        status, out, err = command(LEAST_SQUARES, "--wrt", "x", "--steps", "--format", form)
        assert (status, err) == (0, "")
        assert out == found.explain(form).removesuffix("\n") + "\n"


def test_json_holds_the_steps_on_request(command: Command) -> None:
    _, out, _ = command("tr(inv(W))", "--format", "json", "--steps")
    (found,) = json.loads(out)["derivatives"]
    first, last = found["steps"][0], found["steps"][-1]
    assert first["text"] == "df = -tr(inv(W)*dW*inv(W))"
    assert first["latex"].startswith(r"\mathrm{d}f = ")
    assert (first["rule"], first["citation"]) == ("inv", "PP12 (40)")
    assert last["text"] == f"df/dW = {found['text']}"
    assert "steps" not in json.loads(command("tr(inv(W))", "--format", "json")[1])["derivatives"][0]


def test_latex_with_steps_is_pasted_as_it_is(command: Command) -> None:
    _, out, _ = command(LEAST_SQUARES, "--wrt", "x", "--steps", "--format", "latex")
    assert r"\begin{align*}" in out
    assert r"\documentclass" not in out
    _, whole, _ = command(LEAST_SQUARES, "--wrt", "x", "--steps", "--format", "latex", "--standalone")
    assert whole.startswith(r"\documentclass")


@pytest.mark.parametrize("form", FORMATS)
def test_diff_prints_the_differential_in_every_format(command: Command, form: str) -> None:
    for steps in ((), ("--steps",)):
        status, out, err = command("diff", "inv(X)*Y", "--format", form, *steps)
        assert (status, err) == (0, "")
        assert out
    if form == "json":
        (found,) = json.loads(out)["derivatives"]
        assert (found["kind"], found["wrt"], found["verified"]) == ("differential", "X, Y", True)
        assert found["steps"][-1]["text"] == f"dF = {found['text']}"


def test_diff_takes_the_variables_that_move(command: Command) -> None:
    status, out, _ = command("diff", "tr(A*X)", "--wrt", "X", "--format", "text")
    assert status == 0
    assert "df = tr(A*dX)" in out
    assert "df = tr(X*dA) + tr(A*dX)" in command("diff", "tr(A*X)", "--wrt", "A", "--wrt", "X", "--format", "text")[1]
    assert command("diff", "-A*x", "--wrt", "x", "--format", "text")[1].splitlines()[3] == "df = -A*dx"


def test_grad_and_diff_take_the_same_options(command: Command) -> None:
    def options(name: str) -> list[str]:
        return [line.split()[0] for line in command(name, "--help")[1].splitlines() if line.startswith("  -")]

    assert set(options("grad")) - set(options("diff")) == {"--convention", "--through", "--verify"}


def test_an_expression_is_read_as_latex_on_request(command: Command) -> None:
    status, out, _ = command("x^T A x", "--latex", "--wrt", "x", "--format", "text")
    assert status == 0
    assert "df/dx = (A + A')*x" in out


def test_the_result_of_a_convention_is_the_one_asked_for(command: Command) -> None:
    args = ("logdet(S)", "-d", "S: matrix symmetric", "--format", "text")
    assert "df/dS = inv(S)" in command(*args)[1]
    assert "df/dS = 2*inv(S) - diag(diag(inv(S)))" in command(*args, "--convention", "independent")[1]


def test_without_verification_the_report_says_so(command: Command) -> None:
    status, out, _ = command(LEAST_SQUARES, "--no-verify", "--format", "text")
    assert status == 0
    assert "not checked" in out


def test_a_derivative_that_fails_its_check_is_not_printed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Verification(False, 0.5, 1, "complex step", "", {"x": Check(False, 0.5, 1, "complex step")})
    monkeypatch.setattr(derivation, "verify_numbers", lambda *args, **options: wrong)
    status, out, err = command(LEAST_SQUARES, "--wrt", "x")
    assert (status, out) == (1, "")
    assert err.startswith("VerificationError: ")


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("tr(A*",), "ParseError"),
        (("",), "ParseError"),
        (("x\0y",), "ParseError"),
        (("tr(A*B) + A*C",), "ShapeError"),
        (("A*x",), "ShapeError"),
        (("sofmax(x)",), "UnknownNameError"),
        (("x'*x", "--wrt", "y"), "UnknownNameError"),
        (("x'*x", "-d", "x: wektor"), "DeclarationError"),
        (("x'*x", "--rules", "nowhere.toml"), "RuleError"),
        (("nowhere.txt", "--file"), "Usage"),
        (("x'*x", "--fromat", "text"), "Usage"),
        (("x'*x", "y'*y"), "Usage"),
        (("--wrt", "x"), "Usage"),
        ((), "Usage"),
    ],
)
def test_bad_input_ends_with_status_2_and_says_what_is_wrong(command: Command, args: tuple[str, ...], kind: str) -> None:
    status, out, err = command(*args)
    assert (status, out) == (2, "")
    assert err.startswith(kind)


def test_text_that_is_not_utf_8_is_an_error(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes(b"x'*x # caf\xe9")
    status, _, err = command(str(file), "--file")
    assert status == 2
    assert err.startswith("ParseError: ")


def test_an_internal_error_is_a_sentence_and_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "verify_numbers", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command(LEAST_SQUARES)
    monkeypatch.delenv(DEBUG)
    status, out, err = command(LEAST_SQUARES)
    assert (status, out) == (70, "")
    assert err.startswith("internal error: ZeroDivisionError: ")


def test_rules_are_listed_with_formula_condition_and_source(command: Command) -> None:
    status, out, _ = command("rules", "inv")
    assert status == 0
    assert out.startswith("inv: X[n,n] -> [n,n]\n")
    for part in ("-inv(X)*dX*inv(X)", "invertible(X)", "PP12 (40)", "The Matrix Cookbook"):
        assert part in out


def test_every_rule_is_in_the_list(command: Command) -> None:
    _, out, _ = command("rules")
    known = signatures.load()
    names = [line.split(":")[0] for line in out.splitlines() if line and not line.startswith(" ")]
    assert names == [*known.records, *known.structures, *known.identities]


def test_a_search_without_result_names_what_is_near(command: Command) -> None:
    status, _, err = command("rules", "sofmax")
    assert status == 2
    assert "softmax" in err


def test_rules_prove_themselves_on_request(command: Command) -> None:
    status, out, _ = command("rules", "check", "inv", "softplus.d")
    assert status == 0
    assert out.split()[:2] == ["inv.d", "right"]
    assert "WRONG" not in out


def test_a_rule_of_ones_own_is_used_listed_and_checked(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    rule = '[cube]\ntype = "x"\nentrywise = true\nd = "{}"\nvalue = "x.^3"\nsource = "definition"\n'
    file.write_text(rule.format("3*x.^2"), encoding="utf-8")
    status, out, _ = command("sum(cube(x))", "--rules", str(file), "--format", "text")
    assert status == 0
    assert gradient_lines(out) == ["df/dx = 3*x.^2"]
    assert command("rules", "cube", "--rules", str(file))[0] == 0
    assert command("rules", "check", "cube", "--rules", str(file))[0] == 0
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(rule.format("2*x.^2"), encoding="utf-8")
    status, out, err = command("rules", "check", "cube", "--rules", str(wrong))
    assert status == 1
    assert "cube.d  WRONG" in out
    assert "cube.d" in err


def test_help_and_version_load_no_engine() -> None:
    for args in (["--help"], ["--version"], ["grad", "--help"], ["diff", "--help"], ["rules"], ["--fromat"]):
        code = f"""
import sys
from matcalc.cli import run
run({args!r})
heavy = {{"sympy", "numpy", "scipy", "lark", "mpmath"}} & set(sys.modules)
sys.exit(f"loaded {{heavy}}" if heavy else 0)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_package_loads_light_and_lazily() -> None:
    code = "import sys, matcalc; assert not {'sympy', 'numpy', 'lark'} & set(sys.modules); matcalc.gradient; dir(matcalc)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="nothing"):
        attrgetter("nothing")(matcalc)


def test_a_terminal_that_cannot_show_a_character_gets_its_code() -> None:
    code = "from matcalc.cli import main; main()"
    args = ["x'*x", "--format", "unicode"]
    done = subprocess.run(
        [sys.executable, "-c", code, *args], env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u2202f/\u2202x = 2x" in done.stdout


def test_the_command_ends_quietly_when_its_reader_has_gone() -> None:
    code = "from matcalc.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, "rules"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait()


def test_a_gradient_is_a_function_of_arrays() -> None:
    A, x, b = np.arange(6.0).reshape(3, 2), np.ones(2), np.arange(3.0)
    found = matcalc.gradient(LEAST_SQUARES, "x").function("numpy")(A=A, x=x, b=b)
    np.testing.assert_allclose(found, 2 * A.T @ (A @ x - b))


def test_output_that_nothing_takes_ends_without_a_traceback() -> None:
    code = "from matcalc.cli import main; main()"
    for redirected, status in ((">&-", 0), (">/dev/full", 74)):
        line = f'"{sys.executable}" -c "{code}" rules softmax {redirected}'
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr, "internal" in done.stderr) == (status, False, False)
