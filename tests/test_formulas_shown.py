"""Formulas as they are shown: bars, sums on web pages, names for parts, the gradient by independent entries."""

from __future__ import annotations

import matcalc
from matcalc.printing.latex import latex
from matcalc.printing.mathml import mathml


def test_bars_around_bars_are_no_norm() -> None:
    shown = matcalc.parse("log(abs(det(X)))")
    assert latex(shown.expression) == r"\log\bigl(|(|X|)|\bigr)"


def test_what_changes_with_an_index_has_no_name_of_its_own() -> None:
    problem = "s = W'*x; L = sum(max(0, s[j] - s[y] + Delta) for j in 1..c if j != y)"
    shown = matcalc.gradient(problem, "W[:,y]", declare="W: matrix(n,c); y: integer; Delta: scalar").explain("text")
    assert not [line for line in shown.splitlines() if line.startswith("T_1 = ind(s[j]")]


def test_sums_on_a_web_page_have_their_sign_and_limits() -> None:
    shown = mathml(r"\sum_{\substack{j=1 \\ j \ne y}}^{c} x_{j} + \sum_{i=1}^{n} y_{i}", display=True)
    assert shown.count("∑") == shown.count("<munderover>") == 2
    assert shown.count("<mtr>") == 2
    assert "sum" not in shown.replace("∑", "") and "substack" not in shown


def test_the_gradient_by_independent_entries_is_not_equated_with_the_one_inside_the_subspace() -> None:
    found = matcalc.gradient("logdet(S)", "S", declare="S: matrix symmetric", convention="independent")
    assert [step.text.split(" = ")[0] for step in found.steps] == ["df", "G", "df/dS"]
    shown = found.explain("text")
    assert "df = tr(M'*dS), G = 1/2*(M + M')" in shown and "df/dS = 2*G - diag(diag(G))" in shown
    inside = matcalc.gradient("tr(A*X)", "X", declare="X: matrix symmetric")
    assert "[X is symmetric: df = tr(G'*dX), df/dX = 1/2*(G + G')]" in inside.explain("text")
