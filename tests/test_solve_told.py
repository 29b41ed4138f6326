"""Solutions as they are told: every equation on the way holds, in every form, as programs, by the command."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import matcalc as mc
from matcalc import cli
from matcalc.nodes.algebra import add, number, rebuild
from matcalc.nodes.expr import head, scalar_node, shape, substitute
from matcalc.numeric.agree import agree
from matcalc.printing.text import text
from tests.stationary_problems import CONSTRAINED, COURSE, solve

# ---------------------------------------------------------------- steps


STEPPED = [(e, w, d, []) for e, w, d, *_ in COURSE[:26]] + [(e, w, d, c) for e, w, d, c, *_ in CONSTRAINED if c]


@pytest.mark.parametrize(("expr", "wrt", "declare", "constraints"), STEPPED)
def test_every_equation_on_the_way_holds_at_the_solution(
    expr: str, wrt: str, declare: str | None, constraints: list[str]
) -> None:
    found = mc.solve(expr, wrt, declare=declare, subject_to=constraints, verify=False)
    (point,) = found.points
    put = {found.variable: point.node}
    for move in reversed(point.moves):  # what a multiplier is worth is told last
        if head(move.left) == "symbol" and move.left not in put:
            put[move.left] = move.right
    for move in point.moves:
        left, right = move.left, move.right
        for _ in put:
            left, right = (substitute(e, put, rebuild) for e in (left, right))
        if left is right:
            continue
        if not shape(right):  # 0 of any shape
            left, right = add(number(1), _entry(left)), add(number(1), right)
        check = agree(left, right, rules=found.rules, facts=found.problem.facts)
        assert check.ok is not False, f"{text(move.left)} = {text(move.right)}: {check.reason}"


def _entry(e: Any) -> Any:
    """A scalar that is 0 where a matrix is."""
    return scalar_node("norm", (e,)) if shape(e) else e


def test_ridge_regression_as_it_is_told() -> None:
    shown = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").explain(steps=False)
    assert "\nw = inv(X'*X + alpha*eye(d))*X'*y\n" in shown
    assert "holds where X'*X + alpha*eye(d) is invertible" in shown
    assert "the only stationary point; a minimum for alpha > 0" in shown
    assert "checked by numbers at 5 random points: there the gradient vanishes, and beside it does not" in shown


def test_a_derivation_ends_in_the_solution() -> None:
    steps = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").steps
    assert [step.text for step in steps][-3:] == [
        "df/dw = 2*(X'*(X*w - y) + alpha*w)",
        "(X'*X + alpha*eye(d))*w = X'*y",
        "w = inv(X'*X + alpha*eye(d))*X'*y",
    ]
    assert steps[-2].rule == "the-gradient-is-zero, linear-terms-collected"


def test_a_derivation_under_constraints_begins_with_the_lagrangian() -> None:
    steps = [step.text for step in solve("-sum(p .* log(p))", "p", None, "sum(p) == 1").steps]
    assert steps[0] == "L = lambda*(sum(p) - 1) - sum(p .* log(p))"
    assert steps[-2:] == ["lambda = 1 + log(1/n)", "p = ones(n)/n"]


@pytest.mark.parametrize("form", ["text", "unicode", "latex", "markdown", "html"])
def test_a_derivation_in_every_form(form: str) -> None:
    for found in (
        solve("norm(X*w - y)^2", "w"),
        solve("b'*x", "x", None, "x'*x == 1"),
        solve("sum(exp(X*w))", "w"),
        solve("tr(P'*S*P)", "P", "S: matrix symmetric", "P'*P == eye(k)"),
    ):
        assert found.explain(form)
        assert found.explain(form, steps=False)


# ---------------------------------------------------------------- the other ways out


def test_a_solution_is_an_ordinary_result() -> None:
    found = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w")
    assert found.shape == ("d",)
    assert found.unicode() == "(XᵀX + αI_d)⁻¹Xᵀy"
    assert found.latex() == r"(X^\top X + \alpha I_{d})^{-1} X^\top y"
    assert found._repr_latex_().startswith("$")
    assert repr(found) == "<solution for w: inv(X'*X + alpha*eye(d))*X'*y>"
    assert {str(s) for s in found.expression.free_symbols} >= {"X", "y", "alpha"}  # type: ignore[union-attr]


def test_a_solution_as_a_function() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    w = solve("norm(X*w - y)^2 + alpha*norm(w)^2", "w").function()(X=X, y=y, alpha=0.5)
    np.testing.assert_allclose(w, np.linalg.solve(X.T @ X + 0.5 * np.eye(3), X.T @ y), rtol=1e-10)


def test_a_solution_without_a_check() -> None:
    found = mc.solve("norm(X*w - y)^2", "w", verify=False)
    assert found.verification is None
    assert "not checked: not asked for" in found.explain(steps=False)


def test_json_tells_everything() -> None:
    told = json.loads(solve("b'*x", "x", None, "x'*x == 1").json(steps=True))
    assert told["constraints"] == ["x'*x == 1"]
    assert told["equation"] == "2*lambda*x + b == 0"
    assert [(p["text"], p["kind"]) for p in told["solutions"]] == [("-b/norm(b)", "minimum"), ("b/norm(b)", "maximum")]
    assert told["verified"] is True
    assert told["steps"][-1]["text"] == "x = -b/norm(b)"
    assert json.loads(solve("sum(exp(X*w))", "w").json())["remaining"] == ["X'*exp(X*w) == 0"]


def run(*args: str) -> Any:
    return CliRunner().invoke(cli.command, ["solve", *args], catch_exceptions=False)


def test_the_command_prints_the_solution() -> None:
    result = run("norm(X*w - y)^2 + alpha*norm(w)^2", "--wrt", "w")
    assert result.exit_code == 0
    assert "w = inv(X'*X + alpha*eye(d))*X'*y" in result.output
    assert run(r"\|Xw-y\|_2^2", "--wrt", "w", "--steps").exit_code == 0
    assert "def stationary_point_of_f(X, y):" in run("norm(X*w - y)^2", "--wrt", "w", "--format", "numpy").output
    assert json.loads(run("norm(X*w - y)^2", "--wrt", "w", "--format", "json").output)["solved"] is True


def test_the_command_takes_constraints() -> None:
    result = run("tr(Phi'*Sigma*Phi)", "--wrt", "Phi", "--subject-to", "Phi'*Phi == eye(k)", "-d", "Sigma: matrix symmetric")
    assert result.exit_code == 0
    assert "Sigma*Phi = Phi*Lambda" in result.output
    assert "k largest eigenvalues at a maximum" in result.output


def test_the_command_offers_numbers_where_there_is_no_closed_form() -> None:
    result = run("sum(exp(X*w))", "--wrt", "w")
    assert result.exit_code == 0
    assert "X'*exp(X*w) = 0" in result.output
    assert "scipy.optimize.minimize" in result.output


@pytest.mark.parametrize(
    "args",
    [["x*y", "-d", "x, y: scalar"], ["norm(x)^2", "--subject-to", "x < 1"], ["x", "--wrt", "x"], ["norm(x)^2", "--wrt", "z"]],
)
def test_bad_input_is_an_error(args: list[str]) -> None:
    with pytest.raises(mc.MatcalcError):
        run(*args)
