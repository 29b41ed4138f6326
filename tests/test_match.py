"""Pattern matching: where an identity's left side stands, what its leaves then stand for, and what is left around it."""

from __future__ import annotations

import pytest

from matcalc.calculus.match import Bindings, Pattern
from matcalc.language.parser import parse_formula
from matcalc.nodes.algebra import mul
from matcalc.nodes.expr import ONE, Node, name_of, shape, size_symbol, variable
from matcalc.printing.text import text
from tests.notation import SIZES, VARIABLES, node

p, q, r = (size_symbol(name) for name in "pqr")
LEAVES = {
    "X": variable("X", (p, q)),
    "Y": variable("Y", (p, q)),
    "V": variable("V", (q, r)),
    "Q": variable("Q", (p, p)),
    "R": variable("R", (p, p)),
    "u": variable("u", (p, ONE)),
    "v": variable("v", (q, ONE)),
    "t": variable("t", ()),
}
RESULT = variable("RESULT", ())


def pattern(left: str) -> Pattern:
    """The pattern of this left side; every variable of LEAVES stands for anything of its shape."""
    made = parse_formula(left, LEAVES, {"p": p, "q": q, "r": r})
    return Pattern(made, frozenset(LEAVES.values()))


def found(left: str, e: str) -> list[dict[str, str]]:
    """What the leaves stand for, by name, in every match."""
    return [{name_of(x): text(v) for x, v in b.leaves.items()} for b, _ in pattern(left).matches(node(e))]


def replaced(left: str, e: str, right: Node = RESULT) -> list[str]:
    """e with the matched part replaced, for every match."""
    return [text(put(right)) for _, put in pattern(left).matches(node(e))]


# ---------------------------------------------------------------- whole expressions


@pytest.mark.parametrize(
    ("left", "e", "bound"),
    [
        ("Q'", "A'", {"Q": "A"}),
        ("inv(Q)", "inv(A*B + C)", {"Q": "A*B + C"}),
        ("inv(Q')", "inv(A')", {"Q": "A"}),
        ("diag(u)", "diag(A*x)", {"u": "A*x"}),
        ("tr(kron(Q, R))", "tr(kron(A, B*C))", {"Q": "A", "R": "B*C"}),
        ("exp(X)", "exp(x)", {"X": "x"}),
        ("exp(t)", "exp(s*alpha)", {"t": "alpha*s"}),
        ("Q^t", "A^3", {"Q": "A", "t": "3"}),
        ("X.^t", "x.^s", {"X": "x", "t": "s"}),
        ("det(inv(Q))", "det(inv(A + B))", {"Q": "A + B"}),
        ("max(X, 0)", "max(X*W, 0)", {"X": "X*W"}),
        ("X > Y", "x > y", {"X": "x", "Y": "y"}),
        ("[X; Y]", "[A; B]", {"X": "A", "Y": "B"}),
        ("log(det(Q))", "log(det(A))", {"Q": "A"}),
    ],
)
def test_a_leaf_stands_for_anything_of_its_shape(left: str, e: str, bound: dict[str, str]) -> None:
    assert found(left, e) == [bound]
    assert replaced(left, e) == ["RESULT"]


@pytest.mark.parametrize(
    ("left", "e"),
    [
        ("inv(Q)", "A'"),
        ("inv(Q')", "inv(A)"),
        ("diag(u)", "diag(A)"),
        ("Q^3", "A^2"),
        ("exp(t)", "exp(X)"),
        ("exp(X)", "exp(s)"),
        ("tr(kron(Q, Q))", "tr(kron(A, B))"),
        ("max(X, 0)", "max(A, B)"),
        ("max(X, 0)", "max(0, A)"),
        ("[X; Y]", "[A; x']"),
        ("det(inv(Q))", "det(A)"),
        ("Q*inv(Q)", "A*inv(B)"),
        ("Q*R*Q", "A*B*C"),
        ("Q + Q'", "A + B"),
        ("Q .* Q'", "A .* B"),
        ("1 ./ (1 + exp(X))", "1 ./ (2 + exp(x))"),
        ("2*Q", "3*A"),
        ("t*Q*R", "A"),
    ],
)
def test_what_does_not_match_is_not_found(left: str, e: str) -> None:
    assert found(left, e) == []


# ---------------------------------------------------------------- products


def test_in_a_product_a_leaf_stands_for_a_run_of_factors() -> None:
    assert found("Q*inv(Q)", "A*B*inv(A*B)") == [{"Q": "A*B"}]
    assert replaced("Q*inv(Q)", "A*B*inv(A*B)*C") == ["RESULT*C"]
    assert replaced("Q*inv(Q)", "P*A*inv(A)*C") == ["RESULT*P*C"]


def test_every_segment_of_a_product_is_tried() -> None:
    assert found("X*V", "A*B*C") == [
        {"X": "A", "V": "B"},
        {"X": "A", "V": "B*C"},
        {"X": "A*B", "V": "C"},
        {"X": "B", "V": "C"},
    ]
    assert replaced("X*V", "A*B*C", VARIABLES["P"]) == ["P*C", "P", "P", "A*P"]


def test_factors_stay_in_their_order() -> None:
    assert found("diag(u)*X", "A*diag(y)") == []
    assert found("diag(u)*X", "A*diag(x)*B*C") == [{"u": "x", "X": "B"}, {"u": "x", "X": "B*C"}]
    assert replaced("diag(u)*X", "A*diag(x)*B*C", VARIABLES["P"]) == ["A*P*C", "A*P"]


def test_a_coefficient_stays_in_front_of_the_product() -> None:
    assert replaced("Q'*Q", "s*B*A'*A", VARIABLES["P"]) == ["s*B*P"]
    assert replaced("Q'*Q", "2*A'*A", VARIABLES["P"]) == ["2*P"]


def test_the_coefficient_of_the_pattern_is_taken_out_of_the_product() -> None:
    assert replaced("1/p*X*V", "1/n*s*A*x", VARIABLES["y"]) == ["s*y"]
    assert replaced("1/p*X*V", "1/d*s*A*x", VARIABLES["y"]) == []


def test_matching_is_linear_in_the_length_of_a_product() -> None:
    factors = [VARIABLES[x] for x in "ABCP" * 10]
    counts = [sum(1 for _ in pattern("X*V").matches(mul(*factors[:length]))) for length in (20, 30, 40)]
    assert counts[2] - counts[1] == counts[1] - counts[0]


# ---------------------------------------------------------------- sums and entrywise products


def test_in_a_sum_the_order_does_not_matter_and_the_rest_stays() -> None:
    assert found("Q + Q'", "A' + A") == [{"Q": "A"}]
    assert replaced("Q + Q'", "B + A' + C + A", VARIABLES["P"]) == ["B + C + P"]
    assert found("1 + exp(X)", "exp(x) + 1") == [{"X": "x"}]


def test_in_an_entrywise_product_the_order_does_not_matter_and_the_rest_stays() -> None:
    assert found("sign(X) .* abs(X)", "abs(x) .* sign(x)") == [{"X": "x"}]
    assert found("sign(X) .* abs(X)", "abs(x) .* sign(y)") == []
    assert replaced("sign(X) .* abs(X)", "abs(x) .* y .* sign(x)", VARIABLES["a"]) == ["y .* a"]


def test_scalars_match_in_any_order_too() -> None:
    assert found("exp(t)/(1 + exp(t))", "exp(s)/(1 + exp(s))") == [{"t": "s"}]
    assert found("exp(t)/(1 + exp(t))", "exp(s)/(1 + exp(v))") == []
    assert replaced("exp(t)/(1 + exp(t))", "exp(s)*v/(1 + exp(s))") == ["RESULT*v"]


def test_inside_an_operation_nothing_may_be_left_over() -> None:
    assert found("log(1 + exp(X))", "log(1 + exp(x))") == [{"X": "x"}]
    assert found("log(1 + exp(X))", "log(1 + exp(x) + y)") == []
    assert found("inv(Q*R)", "inv(A*B*C)") == [{"Q": "A", "R": "B*C"}, {"Q": "A*B", "R": "C"}]
    assert found("tr(Q*inv(R))", "tr(2*A*inv(B))") == []


# ---------------------------------------------------------------- sizes


def test_sizes_are_bound_by_shapes() -> None:
    ((b, _),) = pattern("sum(X)").matches(node("sum(X*W)"))
    n, _, k, _ = SIZES
    assert (b.sizes[p], b.sizes[q]) == (n, k)
    ((b, _),) = pattern("sum(ones(p, q))").matches(node("sum(ones(n, d))"))
    assert b.sizes == {p: n, q: SIZES[1]}


def test_one_size_is_one_number_everywhere() -> None:
    assert found("X*X'", "A*A'") == [{"X": "A"}]
    assert found("inv(Q)*X", "inv(A)*X") == [{"Q": "A", "X": "X"}]
    assert found("sum(X*V)", "sum(A*B)") == [{"X": "A", "V": "B"}]
    assert found("commutation(p, q)*vec(X)", "commutation(n, d)*vec(X)") == [{"X": "X"}]
    assert found("commutation(p, q)*vec(X)", "commutation(d, n)*vec(X)") == []


def test_a_size_in_a_coefficient_must_be_that_of_the_shapes() -> None:
    assert found("1/p*sum(u)", "1/n*sum(x)") == [{"u": "x"}]
    assert found("1/p*sum(u)", "1/d*sum(x)") == []
    assert found("1/(p*q)*sum(X)", "1/(n*d)*sum(X)") == [{"X": "X"}]


def test_a_square_leaf_matches_nothing_oblong() -> None:
    assert found("tril(Q)", "tril(A)") == [{"Q": "A"}]
    assert found("Q'", "X'") == []


def test_a_bound_leaf_stands_for_one_thing_only() -> None:
    A, B, Q = VARIABLES["A"], VARIABLES["B"], LEAVES["Q"]
    once = Bindings().bind(Q, A)
    assert once is not None and once.bind(Q, A) is once and once.bind(Q, B) is None
    assert Bindings().bind(Q, VARIABLES["X"]) is None
    assert Bindings().bind(LEAVES["t"], A) is None
    assert Bindings().fit(shape(Q), shape(VARIABLES["x"])) is None


def test_dimensions_that_are_polynomials_are_compared_when_their_sizes_are_known() -> None:
    n, d, _, _ = SIZES
    assert Bindings(sizes={p: n, q: d}).fit((p * q, q), (d * n, d)) is not None
    assert Bindings(sizes={p: n, q: d}).fit((p * q, q), (n * n, d)) is None


def test_the_heads_that_a_pattern_needs_are_known_beforehand() -> None:
    assert pattern("diag(u)*X").heads_needed() == ("mul", frozenset({"diag"}))
    assert pattern("sign(X) .* abs(X)").heads_needed() == ("hadamard", frozenset({"sign", "abs"}))
    assert pattern("1/p*sum(u)").heads_needed()[0] == "smul"
