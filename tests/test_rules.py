"""Every rule of the rule files proves itself by number; a new rule is tested by being in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcalc.errors import RuleError
from matcalc.numeric.selfcheck import Selfcheck, checkable
from matcalc.rulebase.base import load, rulebase

CHECKS = Selfcheck(rulebase())


@pytest.mark.parametrize("rule", CHECKS.ids())
def test_the_rule_agrees_with_numbers(rule: str) -> None:
    outcome = CHECKS.check(rule)
    assert outcome.points > 0, "nothing was compared"
    assert outcome.ok, f"relative error {outcome.error:.1e} ({outcome.method})"


def test_every_formula_has_a_check() -> None:
    rules = rulebase()
    formulas = {f"{r.name}.{key}" for r in rules.records.values() for key in r.formulas if checkable(r, key)}
    assert formulas <= set(CHECKS.ids())
    assert {f"{s}.sample" for s in rules.structures} | set(rules.signatures.identities) <= set(CHECKS.ids())


def test_every_formula_keeps_its_contract() -> None:
    rules = rulebase()
    stated = [*rules.records.values(), *rules.structures.values()]
    assert rules.validate() == sum(len(entry.formulas) for entry in stated) + len(rules.signatures.identities)


def test_every_argument_that_may_move_has_a_rule() -> None:
    for record in rulebase().records.values():
        for argument in record.differentiable:
            assert record.macro or {"d", "value", f"adjoint.{argument.name}"} & record.formulas.keys()


NAMES = """
    tr trace det logdet sum mean prod dot inner norm norm2 normF norm1 norminf logsumexp lse
    exp log ln sqrt square abs sign sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh arcsin arccos arctan
    arcsinh arccosh arctanh erf gamma lgamma digamma sigmoid logistic softplus relu max min pow ind
    diag vec vech kron outer tril triu eye commutation duplication elimination ones zeros e softmax log_softmax
    inv pinv adj expm logm sqrtm chol lambda_max lambda_min eigvals eigvec_max eigvec_min
"""
"""The functions of LANGUAGE.md, section 3, with their aliases."""

PROPERTIES = "symmetric skew posdef diagonal lower upper orthogonal invertible positive nonnegative onehot simplex constant"


@pytest.mark.parametrize("name", NAMES.split())
def test_every_function_of_the_language_has_a_rule(name: str) -> None:
    assert name in rulebase().signatures.functions


@pytest.mark.parametrize("name", PROPERTIES.split())
def test_every_property_of_the_language_is_a_structure(name: str) -> None:
    assert rulebase().structures[name].declarable


# ---------------------------------------------------------------- bad rule files

GOOD = """
[twice]
type   = "X[m,n] -> [m,n]"
d      = "2*dX"
source = "definition"
"""
BAD = [
    ("a key that nobody knows", GOOD + 'latx = "x"', "[twice] latx: unknown key"),
    ("no type", GOOD.replace('type   = "X[m,n] -> [m,n]"', "joint = true"), "[twice] type: this key is missing"),
    ("no source", GOOD.replace("source", "latex"), "[twice] source: this key is missing"),
    ("an unknown work", GOOD.replace("definition", "Nobody99 ch. 1"), "unknown work 'Nobody99'"),
    ("a name that is not bound", GOOD.replace("2*dX", "2*dY"), "[twice] d: "),
    ("a wrong shape", GOOD.replace("2*dX", "2*dX'"), "[twice] d: "),
    ("not linear", GOOD.replace("2*dX", "dX .* dX"), "[twice] d: the formula must be linear in dX"),
    ("a term without dX", GOOD.replace("2*dX", "2*dX + X"), "[twice] d: the formula must be linear in dX"),
    ("no derivative", GOOD.replace("d      =", "latex  ="), "[twice]: nothing differentiates it by X"),
    ("an adjoint without a matrix", GOOD.replace('d      = "2*dX"', 'adjoint.X = "2*G"'), "both an adjoint and a matrix line"),
    (
        "an adjoint of its own operand",
        GOOD.replace('d      = "2*dX"', 'adjoint.X = "G .* X"\nmatrix.X = "2*eye(m*n)"'),
        "[twice] adjoint.X: the formula mentions X",
    ),
    (
        "an adjoint of something else",
        GOOD.replace('d      = "2*dX"', 'adjoint.Z = "2*G"\nmatrix.X = "2*eye(m*n)"'),
        "[twice] adjoint.Z: there is no argument Z",
    ),
    ("an unknown condition", GOOD + 'where = ["nice(X)"]', "[twice] where: unknown condition 'nice'"),
    ("a name twice", GOOD.replace("twice", "inv"), "[inv]: already defined in"),
    ("an unclosed bracket", GOOD.replace("2*dX", "2*(dX"), "[twice] d: "),
    ("a type that is none", GOOD.replace("X[m,n] ->", "X[m,n,k] ->"), "[twice] type: expected at most two dimensions"),
    ("no TOML", "[twice", "bad.toml"),
    (
        "an identity of two shapes",
        '[wrong]\ntype = "A[m,n]"\nlhs = "A\'"\nrhs = "A"\nsource = "definition"',
        "[wrong] rhs: the formula is m x n, but must be n x m",
    ),
]


def test_a_good_rule_file_of_ones_own_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text(GOOD, encoding="utf-8")
    rules = load((file,))
    assert rules.has("twice") and Selfcheck(rules).check("inv.d").ok


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_rule_file_is_refused_with_file_table_and_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load((file,))
    assert str(file) in str(caught.value) and message in str(caught.value)


def test_an_unbound_name_is_pointed_at(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(GOOD.replace("2*dX", "2*dQ"), encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load((file,))
    assert caught.value.source == "2*dQ" and caught.value.span == (2, 4)
