"""Unicode: what a terminal shows is what a textbook prints."""

from __future__ import annotations

import pytest

from matcalc.nodes.expr import matrix_node, variable
from matcalc.printing.unicode import unicode, unicode_program
from tests.notation import VARIABLES, n, node

SHOWN = {
    "2*X'*((Z - Y) .* ind(X*W > 0))": "2Xᵀ((Z − Y) ⊙ 𝟙(XW > 0))",
    "1/2*(A + A')*x": "½(A + Aᵀ)x",
    "3/2*x": "3/2 · x",
    "A/sqrt(tr(A'*A))": "A/√(tr(AᵀA))",
    "-inv(A)'": "−A⁻ᵀ",
    "-inv(A)*dA*inv(A)": "−A⁻¹ dA A⁻¹",
    "inv(A + B)'*x": "(A + B)⁻ᵀx",
    "1/2*x'*A*x": "½xᵀAx",
    "x*x'/norm(x)^2": "xxᵀ/‖x‖²",
    "f/norm(mu)^2*(x - mu)": "f/‖μ‖² · (x − μ)",
    "-1/2*gamma*sum(x)*(v + epsilon)^(-3/2)": "−½γ sum(x)·(v + ε)^(−3/2)",
    "x/(2*n)": "x/(2n)",
    "1/n*X'*(X*w - y)": "1/n · Xᵀ(Xw − y)",
    "x'*y/(x'*x)": "xᵀy/(xᵀx)",
    "inv(Sigma)*(x - mu)": "Σ⁻¹(x − μ)",
    "s*(1 - s)": "s(1 − s)",
    "sigmoid(x) .* (1 - sigmoid(x))": "σ(x) ⊙ (𝟏 − σ(x))",
    "softmax(x) - y": "softmax(x) − y",
    "tr(A)*B*inv(A)": "tr(A) BA⁻¹",
    "s*sum(x)*(x - y)": "s sum(x)·(x − y)",
    "X*W_1": "XW₁",
    "U_1'*x": "U₁ᵀx",
    "2*h_relu'*(y_pred - Y)": "2·h_reluᵀ·(y_pred − Y)",
    "s*loss": "loss·s",
    "s*x'*xhat": "sxᵀx̂",
    "det(A)*inv(A)'": "|A|A⁻ᵀ",
    "logdet(A)^2": "(log|A|)²",
    "A^k*B": "AᵏB",
    "(A^k)'": "(Aᵏ)ᵀ",
    "A'^(k - 1)": "(Aᵀ)ᵏ⁻¹",
    "(x .* y)/s": "(x ⊙ y)/s",
    "x ./ y": "x ⊘ y",
    "x.^2": "x⊙²",
    "x.^s": "x⊙ˢ",
    "x.^(s + 1/2)": "x⊙^(s + ½)",
    "sqrt(s)*t": "t√s",
    "X*W .+ b'": "XW + 𝟏bᵀ",
    "sum(X, axis=1)": "X𝟏",
    "sum(X, axis=0)'": "(𝟏ᵀX)ᵀ",
    "mean(X, axis=0)": "1/n · 𝟏ᵀX",
    "sum(X)*ones(n, d)": "sum(X) 𝟏𝟏ᵀ",
    "kron(A', eye(n))": "Aᵀ ⊗ Iₙ",
    "kron(A, B)*kron(B, A)": "(A ⊗ B)(B ⊗ A)",
    "eye(d)": "I_d",
    "e(i, n)*e(j, n)'": "eᵢeⱼᵀ",
    "x[i]*X[i,j]": "xᵢXᵢⱼ",
    "X[i,:]'": "X[i,:]ᵀ",
    "ind(A >= 0)": "𝟙(A ≥ 0)",
    "2^k*3": "3·2ᵏ",
    "2*pi*s": "2πs",
    "norm(x)*norm(y)": "‖x‖ ‖y‖",
    "abs(s)": "|s|",
    "zeros(n)": "0",
    "[A, B; C, P]": "[A, B; C, P]",
}


@pytest.mark.parametrize(("typed", "shown"), SHOWN.items())
def test_textbook_forms(typed: str, shown: str) -> None:
    assert unicode(node(typed)) == shown


def test_a_positive_term_comes_first() -> None:
    assert unicode(node("-x + y")) == "y − x"


def test_names_of_shared_parts_are_pretty() -> None:
    e = VARIABLES["A"]
    for _ in range(8):
        e = matrix_node("tanh", (node("A*B") if e is VARIABLES["A"] else matrix_node("hadamard", (e, e), (n, n)),), (n, n))
    shown = unicode_program([matrix_node("add", (e, variable("B", (n, n))), (n, n))])
    assert shown.definitions[0] == ("T₁", "tanh(tanh(AB) ⊙ tanh(AB))")
