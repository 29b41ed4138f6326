"""Derivations as documents: what a person hands in, in every format, of every gradient of the corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from xml.etree import ElementTree

import pytest

import matcalc
from matcalc import document
from matcalc.document import Block, Chain, Document, Row, Why
from matcalc.explain import explain
from matcalc.printing.latex import latex
from matcalc.printing.layout import broken
from matcalc.printing.text import text
from matcalc.printing.unicode import unicode
from matcalc.statement import FORMATS
from tests import homework, katex
from tests.corpus_entries import Entry, load
from tests.homework import EXERCISES, Exercise

ENTRIES = [*load("seeds"), *load("cookbook")]
LINES = 120
DEEP = "norm(tanh(tanh(tanh(tanh(X*W1)*W2)*W3)*W4) - Y, 'fro')^2"


def chains(shown: str) -> Iterator[str]:
    """The alignments of a document in LaTeX."""
    return (
        f"\\begin{{aligned}}{rows}\\end{{aligned}}"
        for rows in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", shown, re.S)
    )


def words(page: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.S)))


# ---------------------------------------------------------------- the corpus


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_gradient_of_the_corpus_is_explained_in_every_format(entry: Entry) -> None:
    d = entry.derivation
    shown = {form: d.explain(form) for form in FORMATS}
    for step in d.steps:
        assert "<math" in katex.render(step.latex())
    for chain in chains(shown["latex"]):
        assert "<math" in katex.render(chain)
    for block in shown["markdown"].split("$$")[1::2]:
        assert "<math" in katex.render(block)
    assert shown["markdown"].count("$$") % 2 == 0
    assert all(line.count("$") % 2 == 0 for line in shown["markdown"].splitlines() if line != "$$")
    page = ElementTree.fromstring(shown["html"].removeprefix("<!DOCTYPE html>\n"))
    assert page.tag == "html"
    assert not re.search(r"\b(?:src|href)=|@import|url\(", shown["html"])
    assert "$" not in shown["html"]
    for form in ("text", "unicode"):
        equations = shown[form].split("\n\n")[2].splitlines()
        assert max(map(len, equations)) <= LINES, equations


# ---------------------------------------------------------------- homework


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.problem)
def test_a_solution_holds_the_problem_the_answer_and_what_was_verified(exercise: Exercise) -> None:
    d = exercise.solution()
    assert str(d) == exercise.gradient
    f, X, G = d.problem.expression, d.variable, d.node
    for form, write in {"text": text, "unicode": unicode, "latex": latex}.items():
        shown = d.explain(form)
        assert f"= {write(f)}" in shown or f"&= {write(f)}" in shown
        assert write(G) in shown
        assert re.sub(r"\s+", " ", shown).count(f"Each of the {len(d.steps)} steps agrees with numbers at a random point.") == 1
        assert f"with respect to {write(X)}" in shown or form == "latex"
    for form in ("markdown", "html"):
        shown = words(d.explain(form))
        assert f"Each of the {len(d.steps)} steps agrees with numbers at a random point." in shown


@pytest.mark.parametrize("form", FORMATS)
def test_each_step_names_its_rule_with_formula_and_source(form: str) -> None:
    shown = words(matcalc.gradient("tr(inv(W))", "W").explain(form))
    for part in ("inverse", "PP12 (40)", "the trace is cyclic", "PP12 (14)", "the gradient is read off", "MN19 ch. 9"):
        assert part in shown
    assert "The Matrix Cookbook" in shown
    formula = {"text": "d(inv(X)) = -inv(X)*dX*inv(X)", "unicode": "d(X⁻¹) = −X⁻¹ dX X⁻¹"}
    typeset = r"-X^{-1} \, \mathrm{d}X \, X^{-1}" if form == "latex" else r"-X^{-1} \thinspace \mathrm{d}X"
    assert formula.get(form, typeset) in shown or form == "html"


def test_a_definition_and_a_condition_are_told() -> None:
    shown = matcalc.gradient("Z = max(X*W, 0); norm(Z - Y)^2", "W").explain("unicode")
    assert "[definition of Z; max; product rule]" in shown
    assert "It holds where XW has no entry 0" in shown
    assert "∂f/∂S = ½" in matcalc.gradient("x'*S*y", "S", declare="S: matrix symmetric").explain("unicode")


def test_the_sheet_of_homework_is_the_one_in_the_examples() -> None:
    assert homework.sheet() == homework.EXAMPLE.read_text(encoding="utf-8")


# ---------------------------------------------------------------- several, differentials, long ones


def test_several_gradients_of_a_problem_have_a_heading_each() -> None:
    found = matcalc.gradients("norm(A*x - b)^2", ["A", "x"])
    shown = explain("unicode", found)
    assert [line for line in shown.splitlines() if line.startswith("With respect to")] == [
        "With respect to A",
        "With respect to x",
    ]
    assert shown.count("f = ‖Ax − b‖²") == 1
    assert f"Each of the {sum(len(d.steps) for d in found)} steps agrees" in shown
    assert explain("latex", found).count(r"\textbf{With respect to") == 2


def test_a_differential_is_explained_too() -> None:
    shown = matcalc.differential("inv(X)*Y").explain("unicode")
    assert "dF = d(X⁻¹) Y + X⁻¹ dY" in shown
    assert "   = X⁻¹ dY − X⁻¹ dX X⁻¹Y" in shown or "   = −X⁻¹ dX X⁻¹Y + X⁻¹ dY" in shown


@pytest.mark.parametrize("form", ["text", "unicode"])
def test_what_long_lines_repeat_gets_a_name(form: str) -> None:
    shown = matcalc.gradient(DEEP, "W1").explain(form)
    where = next(part for part in shown.split("\n\n") if part.startswith("where\n"))
    assert len(where.splitlines()) > 3
    assert "d(T" not in where
    chain = shown.split("\n\n")[2]
    assert max(map(len, chain.splitlines())) <= LINES
    assert "where\n" not in matcalc.gradient("x'*A*x", "x").explain(form)


def test_a_name_of_the_persons_own_is_not_given_to_a_shared_part() -> None:
    shown = matcalc.gradient(DEEP.replace("Y", "T_1"), "W1").explain("text")
    assert "\nT_1 = " not in shown
    assert "\nT_2 = " in shown


def test_the_chain_of_a_deep_network_grows_as_the_network_does() -> None:
    def explained(layers: int) -> str:
        statements = [f"Z{i} = max({f'Z{i - 1}' if i > 1 else 'X'}*W{i}, 0)" for i in range(1, layers + 1)]
        return matcalc.gradient("; ".join([*statements, f"norm(Z{layers} - Y)^2"]), "W1", verify=False).explain("text")

    assert len(explained(24)) < 2.3 * len(explained(12))


# ---------------------------------------------------------------- options and notebooks


def test_latex_is_ready_to_paste_or_a_file_of_its_own() -> None:
    d = matcalc.gradient("tr(A*X)", "X")
    assert r"\documentclass" not in d.explain("latex")
    whole = d.explain("latex", standalone=True, title="Exercise 3")
    assert whole.startswith(r"\documentclass")
    assert r"\section*{Exercise 3}" in whole
    assert whole.endswith("\\end{document}\n")


def test_transposes_and_bold_are_as_asked_for() -> None:
    d = matcalc.gradient("norm(A*x - b)^2", "x")
    assert r"\mathbf{A}^\prime" in d.explain("latex", transpose="prime", bold=True)
    assert r"A^T" in d.explain("markdown", transpose="T")


def test_a_page_folds_its_steps_on_request() -> None:
    d = matcalc.gradient("x'*A*x", "x")
    assert "<details>" not in d.explain("html")
    assert f"<summary>{len(d.steps)} steps</summary>" in d.explain("html", fold=True)
    closed = re.sub(r"<details>.*?</details>", "", matcalc.gradient(DEEP, "W1").explain("html", fold=True), flags=re.S)
    assert "where" in words(closed).split("Then")[1]


def test_an_explanation_shows_itself_in_a_notebook() -> None:
    d = matcalc.gradient("x'*A*x", "x")
    page = d.explain("html")
    part = page._repr_html_()
    assert part is not None
    assert "<details>" in part
    assert "<html" not in part
    assert page._repr_markdown_() is None
    assert d.explain("markdown")._repr_markdown_() == d.explain("markdown")
    assert d.explain("text")._repr_html_() is None


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(matcalc.ArgumentError, match="there is no format 'pdf'"):
        matcalc.gradient("x'*x", "x").explain("pdf")


# ---------------------------------------------------------------- documents


def test_a_long_sum_is_broken_at_its_signs() -> None:
    assert broken("a*(b + c) - d + e", 12) == ("a*(b + c)", "- d + e")
    assert broken("‖a − b‖² − c", 10) == ("‖a − b‖²", "− c")
    assert broken("a + b", 20) == ("a + b",)


def test_rules_stand_beside_short_steps_and_below_long_ones() -> None:
    why = (Why("a rule", "d(A*B)", "A*dB", "PP12 (37)"),)
    short = Document("", (Block("", (Chain((Row("df", ("x",), why),)),)),))
    assert document.text(short) == "df = x   [a rule: d(A*B) = A*dB, PP12 (37)]"
    long = Document("", (Block("", (Chain((Row("df", ("x" * 80,), why),)),)),))
    shown = document.text(long).splitlines()
    assert shown[0] == f"df = {'x' * 80}   [a rule]"
    assert shown[2:] == ["by the rules", "d(A*B) = A*dB   [a rule, PP12 (37)]"]


def test_works_that_parts_share_are_cited_once() -> None:
    part = Document("one", (Block("", ()),), ("said",), (("PP12", "The Matrix Cookbook"),))
    assert document.markdown(document.joined("all", [part, part])).count("The Matrix Cookbook") == 1


def test_what_is_typed_has_its_own_face() -> None:
    said = Document("", (), ("declare `y_1: integer` & go",))
    assert document.latex(said) == r"declare \texttt{y\_1: integer} \& go"
    assert "<code>y_1: integer</code>" in document.html(said)


def test_a_function_without_a_sign_of_its_own_is_explained_where_it_occurs() -> None:
    assert "dpow(X, k, D) is the derivative of X^k in the direction D." in derivation("tr(X^k*A)")
    assert "sylvester(A, B, D) is the solution S of A*S + S*B = D." in derivation("sum(sqrtm(X))")


def test_moves_are_told_in_words_where_they_are_made() -> None:
    assert "entry of a matrix under a trace" in derivation("X[2,3]")
    lines = [line for line in derivation("y'*softmax(A*x)").splitlines() if "dA*x " in line]
    assert not any("its own trace" in line for line in lines)


def test_conditions_are_one_sentence_that_says_each_thing_once() -> None:
    assert derivation("sum(inv(X)) + log(det(X)^2)").count("It holds where X is invertible.") == 1
    assert "It holds where norm(X) is not 0 and X'*X is invertible." in derivation("logdet(X'*X) + norm(X)")


def derivation(problem: str) -> str:
    """The derivation by X or A, written out."""
    wrt = "A" if "softmax" in problem else "X"
    return str(matcalc.gradient(problem, wrt, verify=False).explain("text"))
