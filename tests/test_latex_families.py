r"""What formulas of papers and textbooks mean where no one declares: families of vectors, coefficients, ones, dots."""

from __future__ import annotations

import pytest

import matcalc
from matcalc.errors import ParseError
from matcalc.nodes.expr import shape
from matcalc.printing.text import text

MEANINGS = [
    (r"\sum_{i=1}^N (y_i - x_i^T\beta)^2", "sum((y[i] - x[i]'*beta)^2 for i in 1..N)", {"x": 2, "beta": 1}),
    (r"\sum_{i=1}^m (\theta^T x^{(i)} - y^{(i)})^2", "sum((theta'*x[i] - y[i])^2 for i in 1..m)", {"x": 2, "theta": 1}),
    (
        r"\sum_{n=1}^{N}(\mathbf{x}_n - \boldsymbol{\mu})^{\mathrm{T}}\boldsymbol{\Sigma}^{-1}(\mathbf{x}_n-\boldsymbol{\mu})",
        "sum((x[n] - mu)'*inv(Sigma)*(x[n] - mu) for n in 1..N)",
        {"x": 2, "mu": 1},
    ),
    (r"\sum_{i=1}^N \|x_i - \mu\|^2", "sum(norm(x[i] - mu)^2 for i in 1..N)", {"x": 2, "mu": 1}),
    (r"\frac1N\sum_{i=1}^N \|y_i - Wx_i\|^2", "sum(norm(y[i] - W*x[i])^2 for i in 1..N)/N", {"x": 2, "y": 2}),
    (
        r"\frac{1}{2}\|w\|^2 + C\sum_{i=1}^n\max(0,1-y_i(w^Tx_i+b))",
        "C*sum(max(0, 1 - y[i]*(w'*x[i] + b)) for i in 1..n) + 1/2*norm(w)^2",
        {"x": 2, "C": 0, "b": 0},
    ),
    (r"\sum_{i=1}^N [1 - y_iw^Tx_i]_+", "sum(relu(1 - y[i]*w'*x[i]) for i in 1..N)", {"x": 2, "y": 1, "w": 1}),
    (r"\sum_{i=1}^N (x_i - \bar{x})^2", "sum((x[i] - xbar)^2 for i in 1..N)", {"x": 1}),
    (r"\sum_i x_i^2 + \|x\|^2", "norm(x)^2 + sum(x[i]^2 for i in 1..n)", {"x": 1}),
    (
        r"\sum_{i=1}^n\sum_{k=1}^K r_{ik}\|x_i-\mu_k\|^2",
        "sum(sum(r[i,k]*norm(x[i] - mu[k])^2 for k in 1..K) for i in 1..n)",
        {"r": 2, "x": 2, "mu": 2},
    ),
    (r"\sum_{i,j} a_{ij}x_ix_j", "sum(x[i]*sum(a[i,j]*x[j] for j in 1..n) for i in 1..n)", {"a": 2}),
    (r"\|y - X\beta\|^2 + \lambda\|\beta\|_1", "norm(y - X*beta)^2 + lambda*norm1(beta)", {"X": 2, "beta": 1, "lambda": 0}),
    (r"(\mu_2-\mu_1)^T\Sigma^{-1}(\mu_2-\mu_1)", "(mu_2 - mu_1)'*inv(Sigma)*(mu_2 - mu_1)", {"mu_1": 1}),
    (r"x^\top Ax + b^\top x + c", "x'*A*x + b'*x + c", {"c": 0, "b": 1}),
    (r"1^\top Xv", "sum(X, axis=0)*v", {"v": 1}),
    (r"\alpha^\top 1 - \alpha^\top Q\alpha", "alpha'*ones(n) - alpha'*Q*alpha", {"alpha": 1}),
    (r"\mathbf{a}\cdot\mathbf{b}", "a'*b", {"a": 1, "b": 1}),
    (r"\mathbf{x}^t\mathbf{A}\mathbf{x}", "x'*A*x", {"x": 1}),
    (r"\beta^t", "beta^t", {"beta": 0}),
    (r"\sum_{i,j}\delta_{ij}A_{ij}", "sum(sum(A[i,j] for j in 1..d if j == i) for i in 1..n)", {"A": 2}),
    (r"\text{minimize } \|Ax-b\|", "norm(A*x - b)", {"x": 1}),
    (r"\operatorname*{arg\,min}_{\beta} \|y - X\beta\|", "norm(y - X*beta)", {"beta": 1}),
]


@pytest.mark.parametrize(("source", "meaning", "dimensions"), MEANINGS, ids=lambda x: x if isinstance(x, str) else "-")
def test_a_formula_means_what_its_readers_take_it_to_mean(source: str, meaning: str, dimensions: dict[str, int]) -> None:
    problem = matcalc.parse(source, latex=True)
    assert text(problem.expression) == meaning
    for name, count in dimensions.items():
        variable = problem.find(name)
        assert variable is not None
        assert sum(d != 1 for d in shape(variable)) == count


def test_a_declaration_wins_over_what_a_place_tells() -> None:
    problem = matcalc.parse(r"\sum_{i=1}^N \|x_i - \mu\|^2", "x: vector")
    assert text(problem.expression) == "sum((x[i] - mu)^2 for i in 1..N)"
    told = matcalc.parse(r"\sum_{i=1}^N \|x_i - \mu\|^2").notes
    assert told == ("x is read as a family of vectors; to choose, declare `x: vector`",)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (r"f(x) = g(Ax + b)", "g of something stands here, and g is not defined"),
        (r"\max_{\theta}\; \ell(\theta)", r"\ell of something stands here, and \ell is not defined"),
        (r"A\mathbf{x}\cdot\mathbf{x}", "what is multiplied by the dot cannot be told"),
        (r"\operatorname{E}[x^\top x]", "an expectation is not read"),
    ],
)
def test_what_would_be_misread_is_refused(source: str, told: str) -> None:
    with pytest.raises(ParseError) as caught:
        matcalc.parse(source, latex=True)
    assert str(caught.value).startswith(told)
    assert caught.value.span is not None


def test_a_function_that_is_defined_or_declared_is_no_product() -> None:
    assert text(matcalc.parse(r"f(x) = x^Tx \\ g = f(x)^2").expression) == "f^2"
    assert text(matcalc.parse(r"\ell(y)", "ell: function(vector) -> scalar").expression) == "ell(y)"
    assert text(matcalc.parse(r"\alpha(x + y)^\top b").expression) == "alpha*(x + y)'*b"
