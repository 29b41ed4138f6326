"""Text → expression: every spelling of LANGUAGE sections 2 to 4 means what the page says."""

from __future__ import annotations

import pytest
import sympy

from matcalc.errors import ParseError
from matcalc.language.parser import parse, parse_formula
from matcalc.language.syntax.names import canonical, name_key
from matcalc.nodes.expr import Node, head, name_of, operands, properties, shape, size_symbol, variable
from matcalc.printing.text import text

WORLD = [
    "A, B: matrix(n,n); X, Y: matrix(n,d); W: matrix(d,k); x, y, z: vector(n); w: vector(d); b: vector(k)",
    "s, t, alpha: scalar; i, j, k1: integer",
]


def node(source: str) -> Node:
    return parse(source, WORLD).expression


@pytest.mark.parametrize(
    ("alias", "plain"),
    [
        ("A.T", "A'"),
        ("Aᵀ", "A'"),
        ("A^T", "A'"),
        ("A^⊤", "A'"),
        ("A⊤", "A'"),
        ("A.'", "A'"),
        ("A^{T}*x", "A'*x"),
        ("A^-T", "inv(A)'"),
        ("A⁻ᵀ", "inv(A)'"),
        ("A^-1", "inv(A)"),
        ("A⁻¹", "inv(A)"),
        ("A**2", "A^2"),
        ("A²", "A^2"),
        ("A^{-2}", "A^-2"),
        ("A^2'", "(A^2)'"),
        ("A^-1'", "inv(A)'"),
        ("s^2^t", "(s^2)^t"),
        ("X.**2", "X.^2"),
        ("-s^2", "-(s^2)"),
        ("2*-s", "-2*s"),
        ("A@B", "A*B"),
        ("A·B", "A*B"),
        ("A⋅B", "A*B"),
        ("X ⊙ Y", "X .* Y"),
        ("X ∘ Y", "X .* Y"),
        ("X ⊘ Y", "X ./ Y"),
        ("A ⊗ W", "kron(A, W)"),
        ("A − B", "A - B"),
        ("A ≥ B", "A >= B"),
        ("A ≤ B", "A <= B"),
        ("A ≠ B", "A != B"),
        ("A ~= B", "A != B"),
        ("ind(A > 0)", "A > 0"),
        ("1(A > 0)", "A > 0"),
        ("𝟙(A > 0)", "A > 0"),
        ("|s|", "abs(s)"),
        ("|A|", "det(A)"),
        ("|s*|t||", "abs(s*abs(t))"),
        ("‖x‖", "norm(x)"),
        ("||x||", "norm(x)"),
        ("||x||_2^2", "norm(x)^2"),
        ("‖x‖₂²", "norm(x)^2"),
        ("||X||_F", "norm(X)"),
        ("‖X‖_{F}^2", "norm(X)^2"),
        ("||x||_1", "norm1(x)"),
        ("||x||_inf", "norminf(x)"),
        ("||x||_∞", "norminf(x)"),
        ("||X||_*", "norm(X, 'nuc')"),
        ("||X||_2", "norm(X, 2)"),
        ("norm(x, 2)", "norm(x)"),
        ("norm(X, 'fro')", "norm(X)"),
        ('norm(X, "fro")', "norm(X)"),
        ("norm2(x)", "norm(x)"),
        ("normF(X)", "norm(X)"),
        ("norm(X, 1)", "norm1(X)"),
        ("norm(X, inf)", "norminf(X)"),
        ("1./x", "1 ./ x"),
        ("1.^x", "1 .^ x"),
        ("0.5*x", "1/2*x"),
        (".5*x", "x/2"),
        ("1e-3*x", "x/1000"),
        ("1.5e2*x", "150*x"),
        ("trace(A)", "tr(A)"),
        ("ln(x)", "log(x)"),
        ("arcsin(x)", "asin(x)"),
        ("logistic(x)", "sigmoid(x)"),
        ("lse(x)", "logsumexp(x)"),
        ("dot(x, y)", "x'*y"),
        ("inner(X, Y)", "tr(X'*Y)"),
        ("outer(x, y)", "x*y'"),
        ("square(X)", "X.^2"),
        ("sqrt(X)", "X.^(1/2)"),
        ("pow(X, s)", "X.^s"),
        ("pow(s, t)", "s^t"),
        ("sum(X, axis=0)", "ones(n)'*X"),
        ("sum(X, axis=1)", "X*ones(d)"),
        ("mean(X, axis=0)", "1/n*sum(X, axis=0)"),
        ("A + I", "A + eye(n)"),
        ("A + eye", "A + eye(n)"),
        ("A + I(n)", "A + eye(n)"),
        ("A + s*eye()", "A + s*eye(n)"),
        ("x + vector(1)", "x + ones(n)"),
        ("X + matrix(1)", "X + ones(n,d)"),
        ("X + matrix(0)", "X"),
        ("𝟙'*x", "ones(n)'*x"),
        ("ones'*x", "ones(n)'*x"),
        ("X + 1", "X .+ 1"),
        ("A/s", "1/s*A"),
        ("α*x", "alpha*x"),
        ("(A\n + B)", "A + B"),
        ("A +\n B", "A + B"),
        ("A + B # and a comment", "A + B"),
        ("x'*A*x*B", "(x'*A*x)*B"),
        ("tr(s)", "s"),
        ("norm(x'*y)", "abs(x'*y)"),
        ("inv(x'*y)", "1/(x'*y)"),
        ("x[:]", "x"),
        ("-(s + t)*s*x", "-((s + t)*s)*x"),
        ("x'[i]", "x[i]"),
    ],
)
def test_an_alias_means_what_it_stands_for(alias: str, plain: str) -> None:
    assert node(alias) is node(plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [("A*B", "A .* B"), ("A^2", "A.^2"), ("A*B", "B*A"), ("A^(T)", "A'"), ("norm(X)", "norm(X, 2)"), ("expm(A)", "exp(A)")],
)
def test_different_things_stay_different(one: str, other: str) -> None:
    world = [*WORLD, "T: integer"]
    assert parse(one, world).expression is not parse(other, world).expression


@pytest.mark.parametrize(
    ("source", "operation"),
    [
        ("X > 0", "gt"),
        ("max(X, 0)", "max"),
        ("sum(X)", "sum"),
        ("mean(X)", "mean"),
        ("exp(X)", "exp"),
        ("expm(A)", "expm"),
        ("softmax(X, axis=1)", "softmax_axis1"),
        ("diag(x)", "diag"),
        ("diag(A)", "diagonal"),
        ("x[i]", "entry"),
        ("X[i,j]", "entry2"),
        ("X[i,:]", "row"),
        ("X[:,j]", "column"),
        ("[A, X]", "hcat"),
        ("[A; X']", "vcat"),
        ("A^k1", "matpow"),
        ("X.^s", "hadpow"),
        ("X.^Y", "pow"),
        ("2.^X", "pow"),
        ("airyai(x)", "airyai"),
        ("besseli", "symbol"),
    ],
)
def test_what_is_written_becomes_the_operation_that_is_meant(source: str, operation: str) -> None:
    assert head(node(source)) == operation


def test_a_scalar_function_is_sympys_own() -> None:
    assert node("log(s) + erf(t)") == sympy.log(variable("s", ())) + sympy.erf(variable("t", ()))


def test_numbers_are_exact() -> None:
    assert node("0.1 + 0.2") == sympy.Rational(3, 10)
    assert node("sqrt(2)*pi") == sympy.sqrt(2) * sympy.pi


def test_a_zero_in_a_block_is_a_block_of_zeros() -> None:
    assert node("[A, 0; 0, 1]") is node("[A, zeros(n); zeros(n)', 1]")
    assert shape(node("[x; 1]")) == (size_symbol("n") + 1, 1)


def test_named_parts_stay_names() -> None:
    p = parse("Z = max(X*W, 0); f = norm(Z - Y)^2")
    assert [name_of(leaf) for leaf in p.definitions] == ["Z", "f"]
    assert list(p.variables) == ["X", "W", "Y"]
    assert text(p.expression) == "norm(Z - Y)^2"
    assert p.expression is list(p.definitions.values())[-1]


def test_statements_are_separated_by_lines_and_semicolons() -> None:
    one = parse("Z = X*W; norm(Z)", WORLD)
    assert parse("\n\nZ = X*W\n# comment\n\nnorm(Z);\n", WORLD).expression is one.expression


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("A: matrix(m,n)", ("m", "n")),
        ("A: R^(m,n)", ("m", "n")),
        ("A: ℝ^{m×n}", ("m", "n")),
        ("A: R^{m x n}", None),
        ("A ∈ ℝ^{3×n}", (3, "n")),
        ("A: vector(n)", ("n",)),
        ("A: R^n", ("n",)),
        ("A: ℝⁿ", ("n",)),
        ("A: R^3", (3,)),
        ("A: R", ()),
        ("A: scalar positive", ()),
        ("A: integer", ()),
        ("A: matrix(2*n, n+1)", ("2*n", "n + 1")),
    ],
)
def test_a_declaration_gives_kind_and_sizes(declaration: str, expected: tuple[str | int, ...] | None) -> None:
    if expected is None:
        with pytest.raises(ParseError):
            parse("A", declaration)
    else:
        assert parse("A", declaration).shape == expected


def test_declarations_stand_in_the_text_after_where_or_apart() -> None:
    apart = parse("x'*A*x", "A: matrix(n,n) symmetric; x: vector(n)").expression
    assert parse("A: matrix(n,n) symmetric\nx: vector(n)\nx'*A*x").expression is apart
    assert parse("x'*A*x where A: matrix(n,n) symmetric, x: vector(n)").expression is apart
    assert parse("x'*A*x", ["A: matrix(n,n) symmetric", "x: vector(n)"]).expression is apart


def test_properties_belong_to_the_variable_and_constant_to_the_problem() -> None:
    p = parse("tr(A*B)", "A: matrix posdef constant; B: matrix symmetric positive")
    assert properties(p.variables["A"]) == {"posdef"}
    assert properties(p.variables["B"]) == {"symmetric", "positive"}
    assert p.constants == {"A"}


def test_an_assumption_is_a_fact_of_the_problem() -> None:
    p = parse("assume sum(p) == 1; -p'*log(q)", "assume q'*q == 2")
    assert [(text(a), text(b)) for a, b in p.facts] == [("sum(p)", "1"), ("q'*q", "2")]


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("Σ", "Sigma"),
        ("α_1", "alpha_1"),
        ("W_{12}", "W_12"),
        ("W₁", "W_1"),
        ("ℓ", "ell"),
        ("x_{ab}", "x_ab"),
        ("𝐱", "x"),
        ("µ", "mu"),
    ],
)
def test_names_are_stored_in_plain_letters(raw: str, stored: str) -> None:
    assert canonical(raw) == stored


def test_the_first_spelling_of_a_name_wins() -> None:
    assert list(parse("W_1*x + W1*y").variables) == ["W_1", "x", "y"]
    assert list(parse("W1*x + W_{1}*y").variables) == ["W1", "x", "y"]
    assert name_key("W_1") == name_key("W1") != name_key("W_a")


def test_a_variable_is_found_by_any_of_its_spellings() -> None:
    p = parse("Σ*W_1")
    assert p.find("W1") is p.variables["W_1"]
    assert p.find("Σ") is p.find("Sigma") is p.variables["Sigma"]
    assert p.find("W2") is None


def test_a_declaration_wins_over_constants_and_functions() -> None:
    p = parse("pi*I*gamma", "pi: scalar; I: matrix(m,n); gamma: vector(n)")
    assert p.shape == ("m",)
    assert set(p.variables) == {"pi", "I", "gamma"}
    assert parse("pi = x'*x; pi*x").definitions


def test_a_function_name_that_is_not_called_is_a_variable() -> None:
    p = parse("gamma*x + beta")
    assert shape(p.variables["gamma"]) == () == shape(p.variables["beta"])


def test_d_before_a_name_is_its_differential() -> None:
    p = parse("tr(A*dX) + tr(X)", "X: matrix(n,n) symmetric positive")
    assert shape(p.variables["dX"]) == shape(p.variables["X"])
    assert properties(p.variables["dX"]) == {"symmetric"}
    assert parse("tr(A*d(X)) + tr(X)", "X: matrix(n,n) symmetric positive").expression is p.expression
    assert name_of(parse("tr(X*d(X)*dX')", "X, dX: matrix").variables["d(X)"]) == "d(X)"


def test_a_name_that_is_a_size_is_the_size_wherever_it_stands() -> None:
    p = parse("1/n*sum(x)", "x: vector(n)")
    assert p.expression == node("sum(x)") / size_symbol("n")
    assert list(p.variables) == ["x"]
    assert p.sizes == {"n": size_symbol("n")}


def test_a_formula_reads_names_as_the_nodes_that_they_are_given() -> None:
    n = size_symbol("n")
    X, G = variable("X", (n, n)), variable("G", (n, n))
    found = parse_formula("-inv(X)'*G*inv(X)' + n*eye(n)", {"X": X, "G": G}, {"n": n})
    assert text(found) == "-inv(X)'*G*inv(X)' + n*eye(n)"
    assert parse_formula("X*X", {"X": node("A*B")}, {}) is node("A*B*A*B")
    assert parse_formula("n*(n+1)/2", {}, {"n": n}) == n * (n + 1) / 2
    assert operands(parse_formula("tr(X)", {"X": X}, {})) == (X,)


@pytest.mark.parametrize("depth", [10, 1_000, 4_000])
def test_depth_is_no_obstacle(depth: int) -> None:
    assert parse("(" * depth + "x" + ")" * depth).expression is parse("x").expression
    assert parse("inv(" * depth + "A" + ")" * depth).expression is parse("A", "A: matrix(n,n)").expression
    assert shape(parse("tanh(" * depth + "X" + ")" * depth).expression) == shape(parse("X").expression)
    assert parse("X" + "'" * 2 * depth).expression is parse("X").expression
