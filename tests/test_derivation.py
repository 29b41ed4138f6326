"""The public way to a derivative: names, errors, conventions, conditions, verdicts; a wrong rule never gets out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import matcalc
from matcalc.cli import run
from matcalc.errors import (
    ArgumentError,
    MatcalcError,
    ParseError,
    ShapeError,
    UndifferentiableError,
    UnknownNameError,
    VerificationError,
)
from matcalc.nodes.expr import name_of
from matcalc.rulebase.base import load

# ---------------------------------------------------------------- textbook gradients

TEXTBOOK = [
    ("a'*x", "x", "", "a"),
    ("x'*x", "x", "", "2*x"),
    ("x'*A*x", "x", "", "(A + A')*x"),
    ("x'*A*x", "x", "A: matrix(n,n) symmetric", "2*A*x"),
    ("a'*X*b", "X", "", "a*b'"),
    ("a'*X'*b", "X", "", "b*a'"),
    ("a'*X'*X*b", "X", "", "X*(b*a' + a*b')"),
    ("tr(X)", "X", "", "eye(n)"),
    ("tr(A*X)", "X", "", "A'"),
    ("tr(A*X*B)", "X", "", "A'*B'"),
    ("tr(X'*X)", "X", "", "2*X"),
    ("tr(X^k)", "X", "", "k*(X^(k - 1))'"),
    ("tr(A*inv(X)*B)", "X", "", "-inv(X)'*A'*B'*inv(X)'"),
    ("a'*inv(X)*b", "X", "", "-inv(X)'*a*b'*inv(X)'"),
    ("det(X)", "X", "", "det(X)*inv(X)'"),
    ("det(X^k)", "X", "", "k*det(X^k)*inv(X)'"),
    ("logdet(X)", "X", "", "inv(X)'"),
    ("logdet(S)", "S", "S: matrix(n,n) posdef", "inv(S)"),
    ("norm(A*x - b)^2", "x", "", "2*A'*(A*x - b)"),
    ("norm(x - a)", "x", "", "(x - a)/norm(x - a)"),
    ("1/2*norm(X)^2", "X", "", "X"),
    ("norm(X)", "X", "", "X/norm(X)"),
    ("norm(max(X*W, 0) - Y)^2", "W", "", "2*X'*((max(X*W, 0) - Y) .* ind(X*W > 0))"),
    ("Z = max(X*W, 0); norm(Z - Y)^2", "W", "", "2*X'*((Z - Y) .* ind(X*W > 0))"),
    ("logsumexp(A*x)", "x", "", "A'*softmax(A*x)"),
    ("sum(exp(x))", "x", "", "exp(x)"),
    ("sum(softplus(A*x))", "x", "", "A'*sigmoid(A*x)"),
    ("sum(x .* log(x) - x)", "x", "", "log(x)"),
    ("sum(x.^3)", "x", "", "3*x.^2"),
    ("x[i]^2", "x", "", "2*x[i]*e(i, n)"),
    ("X[i,j]", "X", "", "e(i, n)*e(j, d)'"),
    ("s^3", "s", "s: scalar", "3*s^2"),
    ("tr(kron(A, X))", "X", "A: matrix(n,n); X: matrix(m,m)", "tr(A)*eye(m)"),
]


@pytest.mark.parametrize(("expression", "wrt", "declare", "expected"), TEXTBOOK, ids=lambda x: x or "-")
def test_a_gradient_reads_as_in_the_textbook_and_is_right(expression: str, wrt: str, declare: str, expected: str) -> None:
    found = matcalc.gradient(expression, wrt, declare=declare or None)
    assert str(found) == expected
    assert found.verification is not None and found.verification.ok is True
    assert found.closed_form


# ---------------------------------------------------------------- what a derivation tells


def test_a_derivation_tells_all_about_itself() -> None:
    found = matcalc.gradient("norm(max(X*W, 0) - Y)^2", "W")
    assert (found.wrt, found.kind, found.convention) == ("W", "gradient", "structured")
    assert found.shape == ("d", "k")
    assert repr(found) == f"<gradient by W: {found}>"
    assert found.unicode() == "2Xᵀ((max(XW, 0) − Y) ⊙ 𝟙(XW > 0))"
    assert found._repr_latex_() == f"$\\displaystyle {found.latex()}$"
    assert isinstance(found.expression, sympy.MatMul)
    assert found.expression.shape == tuple(found.problem.variables["W"].shape)
    assert found.conditions == ("X*W has no entry 0 (there: the usual subgradient)",)


@pytest.mark.parametrize(
    ("expression", "wrt", "declare", "shape"),
    [
        ("s^2", "s", "s: scalar", ()),
        ("x'*x", "x", "", ("n",)),
        ("sum(b.^2)", "b", "b: matrix(1,n)", (1, "n")),
        ("tr(A*X)", "X", "A: matrix(n,m)", ("m", "n")),
        ("tr(X)", "X", "X: matrix(3,3)", (3, 3)),
        ("sum(kron(A, B))", "A", "A: matrix(m,n)", ("m", "n")),
    ],
)
def test_the_shape_is_that_of_the_variable(expression: str, wrt: str, declare: str, shape: tuple[Any, ...]) -> None:
    assert matcalc.gradient(expression, wrt, declare=declare or None).shape == shape


def test_the_text_reads_back_as_the_same_expression() -> None:
    for found in matcalc.gradients("norm(max(X*W .+ b', 0)*V - Y)^2 + logdet(V'*V + eye(k))"):
        again = matcalc.parse(str(found), declare=found.problem.declarations)
        assert again.expression is found.node


def test_the_function_takes_arrays_by_name() -> None:
    rng = np.random.default_rng(0)
    A, x, b = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    by_x = matcalc.gradient("norm(A*x - b)^2", "x").function()
    assert np.allclose(by_x(A=A, x=x, b=b), 2 * A.T @ (A @ x - b))
    with pytest.raises(ArgumentError, match="there is no target 'fortran'"):
        matcalc.gradient("x'*x", "x").function("fortran")


def test_sympy_expressions_are_read_and_given() -> None:
    n = sympy.Symbol("n", integer=True, positive=True)
    A, X = sympy.MatrixSymbol("A", n, n), sympy.MatrixSymbol("X", n, n)
    for wrt in (X, "X"):
        found = matcalc.gradient(sympy.Trace(A * X * A), wrt)
        assert str(found) == "(A^2)'" and found.verification is not None and found.verification.ok


def test_a_problem_may_be_read_before() -> None:
    problem = matcalc.parse("tr(A*X)")
    assert str(matcalc.gradient(problem, problem.variables["X"])) == "A'"


def test_functions_of_matrices_without_a_closed_form_say_so() -> None:
    declare = "X, A: matrix(n,n)"
    assert matcalc.gradient("tr(expm(X))", "X").closed_form
    assert matcalc.gradient("tr(A*X^2)", "X", declare=declare).closed_form
    for expression in ("tr(A*expm(X))", "tr(A*logm(X))", "tr(A*X^k)"):
        found = matcalc.gradient(expression, "X", declare=declare)
        assert not found.closed_form
        assert found.verification is not None and found.verification.ok is True


# ---------------------------------------------------------------- several at once


def test_several_gradients_come_in_the_order_asked_for_and_share_a_verdict() -> None:
    found = matcalc.gradients("norm(A*x - b)^2", ["b", "A"])
    assert [(d.wrt, str(d)) for d in found] == [("b", "2*(b - A*x)"), ("A", "2*(A*x - b)*x'")]
    assert found[0].verification is found[1].verification
    assert set(found[0].verification.checks) == {"A", "b"}


def test_without_names_it_is_every_variable_that_is_no_integer_and_not_constant() -> None:
    assert [d.wrt for d in matcalc.gradients("norm(A*x - b)^2")] == ["A", "x", "b"]
    assert [d.wrt for d in matcalc.gradients("norm(A*x - b)^2", declare="b: vector constant")] == ["A", "x"]
    assert [d.wrt for d in matcalc.gradients("x[i]*s^k + n*sum(x)", declare="x: vector(n)")] == ["x", "s"]
    assert [d.wrt for d in matcalc.gradients("Z = A*x; norm(Z)^2")] == ["A", "x"]


def test_a_constant_may_be_differentiated_by_when_asked_for() -> None:
    assert str(matcalc.gradient("a'*x", "a", declare="a: vector constant")) == "x"


def test_all_gradients_together_are_those_one_by_one() -> None:
    expression = "Z = tanh(X*W .+ b'); p = softmax(Z*V, axis=1); -sum(Y .* log(p)) + lambda*norm(W)^2"
    together = {d.wrt: str(d) for d in matcalc.gradients(expression, ["X", "W", "b", "V", "Y", "lambda", "Z", "p"])}
    for name, shown in together.items():
        assert str(matcalc.gradient(expression, name)) == shown


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("typed", ["Σ", "Sigma"])
@pytest.mark.parametrize("asked", ["Σ", "Sigma"])
def test_a_greek_letter_and_its_name_are_one(typed: str, asked: str) -> None:
    found = matcalc.gradient(f"tr(A*{typed})", asked)
    assert (found.wrt, str(found)) == ("Sigma", "A'")


@pytest.mark.parametrize("typed", ["W_1", "W1", "W_{1}"])
@pytest.mark.parametrize("asked", ["W_1", "W1", "W_{1}"])
def test_a_subscript_is_written_in_any_way(typed: str, asked: str) -> None:
    found = matcalc.gradient(f"tr(A*{typed})", asked)
    assert str(found) == "A'"
    assert name_of(found.variable) == found.wrt


def test_a_bound_intermediate_is_found_by_its_name_however_spelled() -> None:
    assert str(matcalc.gradient("μ_1 = A*x; norm(μ_1)^2", "mu1")).startswith("2*mu")


# ---------------------------------------------------------------- errors

ERRORS = [
    ("tr(Weight*A)", "Wieght", "", UnknownNameError, "there is no variable Wieght", "did you mean Weight?"),
    ("tr(Weight*A)", "q", "", UnknownNameError, "there is no variable q", "the variables are Weight, A"),
    ("sum(x)", "y", "y: vector(n)", UnknownNameError, "there is no variable y", "the variables are x"),
    ("x[i]*s", "i", "", UndifferentiableError, "i is an integer", "declare it as a scalar"),
    ("x^n*s", "n", "x: scalar", UndifferentiableError, "n is an integer", "declare it as a scalar"),
    ("Z = A*x; sum(x)", "Z", "", UndifferentiableError, "Z does not occur", "it depends on x"),
    ("Z = A*x; sum(x)", "A", "", UndifferentiableError, "A does not occur", "it depends on x"),
    ("A*x", "x", "", ShapeError, "a gradient is that of a scalar; A*x has shape n x 1", "inner(G, F)"),
    (
        "-y*log(sigmoid(w'*x))",
        "w",
        "",
        ShapeError,
        "a gradient is that of a scalar",
        "y is read as a vector: declare `y: scalar`",
    ),
    ("x'", "x", "", ShapeError, "x' has shape 1 x n", "its norm"),
    ("X*W", "X", "", ShapeError, "X*W has shape", "its sum"),
    ("Z = X*W", "X", "", ShapeError, "has shape", "its sum"),
    ("sum(x", "x", "", ParseError, "", ""),
    ("", "x", "", ParseError, "the text is empty", ""),
    ("x'*y + A", "x", "A: matrix(m,n); y: vector(n)", ShapeError, "x'*y + A has shape m x n", ""),
]


@pytest.mark.parametrize(("expression", "wrt", "declare", "kind", "what", "hint"), ERRORS, ids=lambda x: str(x)[:24])
def test_what_cannot_be_differentiated_is_refused_with_a_hint(
    expression: str, wrt: str, declare: str, kind: type[MatcalcError], what: str, hint: str
) -> None:
    with pytest.raises(kind) as caught:
        matcalc.gradient(expression, wrt, declare=declare or None)
    assert what in caught.value.what and hint in caught.value.hint


def test_what_is_no_scalar_is_shown_where_it_stands() -> None:
    source = r"z = w^Tx \\ -y\log\sigma(z)-(1-y)\log(1-\sigma(z))"
    with pytest.raises(ShapeError) as caught:
        matcalc.gradient(source, "w")
    assert caught.value.span is not None and source[slice(*caught.value.span)] == source.split(r"\\ ")[1]
    assert caught.value.hint.startswith("y is read as a vector: declare `y: scalar`; or make a scalar of it")


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(ArgumentError):
        matcalc.gradient(3, "x")  # type: ignore[arg-type]


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("expression", "wrt", "declare", "conditions"),
    [
        ("x'*x", "x", "", ()),
        ("logdet(X)", "X", "", ("X is invertible",)),
        ("logdet(X)", "X", "X: matrix(n,n) posdef", ()),
        ("logdet(X) + tr(inv(X)*A)", "X", "", ("X is invertible",)),
        ("tr(inv(A)*X)", "X", "", ()),
        ("tr(inv(A)*X)", "A", "", ("A is invertible",)),
        ("sum(log(x))", "x", "", ("x > 0",)),
        ("sum(log(x))", "x", "x: vector(n) positive", ()),
        ("sum(log(A*x))", "x", "", ("A*x > 0",)),
        ("norm(x)", "x", "", ("norm(x) is not 0",)),
        ("norm(x)^2", "x", "", ()),
        ("norm(x)^2 + norm(x)", "x", "", ("norm(x) is not 0",)),
        ("1/(a'*x)", "x", "", ("a'*x is not 0",)),
        ("sum(abs(x - y))", "x", "", ("x - y has no entry 0 (there: the usual subgradient)",)),
        ("sum(sqrt(x))", "x", "", ("x > 0",)),
        ("s^t", "s", "s, t: scalar", ("s > 0",)),
        ("Z = inv(A); tr(Z*X)", "A", "", ("A is invertible",)),
        ("Z = inv(A); tr(Z*X)", "Z", "", ()),
    ],
)
def test_conditions_are_what_the_rules_used_ask_for(
    expression: str, wrt: str, declare: str, conditions: tuple[str, ...]
) -> None:
    assert matcalc.gradient(expression, wrt, declare=declare or None).conditions == conditions


# ---------------------------------------------------------------- verdicts


def test_the_verdict_says_how_it_was_reached() -> None:
    verdict = matcalc.gradient("logdet(X)", "X").verification
    assert verdict is not None and verdict.ok is True
    assert (verdict.draws, verdict.method) == (5, "complex step")
    assert verdict.max_relative_error < 1e-10


def test_verification_can_be_left_out_and_made_later() -> None:
    found = matcalc.gradient("logdet(X)", "X", verify=False)
    assert found.verification is None
    again = found.verify(draws=3, seed=4)
    assert (again.ok, again.draws) == (True, 3)
    assert found.verify(draws=3, seed=4) == again


def test_what_cannot_be_verified_is_given_and_says_so() -> None:
    found = matcalc.gradient("sum(log(-x.^2))", "x")
    assert found.verification is not None and found.verification.ok is None
    assert "log" in found.verification.reason


WRONG = {
    "entrywise": ("sum(bump(A*x))", ["type = 'x'", "entrywise = true", "value = 'exp(-x.^2)'", "d = '-x .* exp(-x.^2)'"]),
    "matrix": ("tr(A*bump(X))", ["type = 'X[n,n] -> [n,n]'", """value = "X*X'" """, "d = 'dX*X + X*dX'"]),
    "linear": (
        "sum(Y .* bump(X))",
        ["type = 'X[m,n] -> [n,m]'", """value = "X'" """, """adjoint.X = "2*G'" """, "matrix.X = 'commutation(m, n)'"],
    ),
    "scalar": ("bump(x, A)", ["type = 'x[n] A[n,n] -> []'", """value = "x'*A*x" """, """d = "2*x'*A*dx + 2*x'*dA*x" """]),
}


@pytest.fixture(params=WRONG)
def wrong(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A rule file with a wrong derivative of a new function, and a problem that uses it."""
    expression, lines = WRONG[request.param]
    file = tmp_path / "wrong.toml"
    file.write_text("\n".join(["[bump]", *lines, "source = 'definition'"]), encoding="utf-8")
    return file, expression


def test_a_wrong_rule_leads_to_an_error_and_never_to_an_answer(wrong: tuple[Path, str]) -> None:
    file, expression = wrong
    with pytest.raises(VerificationError, match="fails its check: relative error") as caught:
        matcalc.gradients(expression, rules=load((file,)))
    assert caught.value.source == expression
    assert "[bump]" in caught.value.hint and str(file) in caught.value.hint


def test_a_wrong_rule_is_never_printed(wrong: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    file, expression = wrong
    unverified = matcalc.gradients(expression, rules=load((file,)), verify=False)
    assert run([expression, "--rules", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "fails its check" in printed.err
    assert all(str(found) not in printed.err for found in unverified)
    verdict = unverified[-1].verify()
    assert verdict.ok is False and verdict.reason


def test_a_right_rule_of_ones_own_is_used_like_any_other(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    rule = 'bump = { entrywise = true, type = "x", value = "exp(-x.^2)", d = "-2*(x .* exp(-x.^2))", source = "definition" }'
    file.write_text(rule, encoding="utf-8")
    found = matcalc.gradient("sum(bump(A*x))", "x", rules=load((file,)))
    assert str(found) == "-2*A'*((A*x) .* exp(-(A*x).^2))"
    assert found.verification is not None and found.verification.ok is True
    with pytest.raises(MatcalcError):
        matcalc.gradient("sum(bump(x))", "x")
