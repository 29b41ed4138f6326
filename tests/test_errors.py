"""Errors say what, where and what to do; bad input ends quickly in one of them."""

from __future__ import annotations

import time

import pytest

from matcalc.errors import (
    ArgumentError,
    DeclarationError,
    MatcalcError,
    ParseError,
    ShapeError,
    UnknownNameError,
    point,
)
from matcalc.language.parser import parse, parse_formula
from matcalc.language.syntax.scanner import MAX_TEXT
from matcalc.nodes.expr import size_symbol, variable


def failure(source: str, declare: str = "") -> MatcalcError:
    with pytest.raises(MatcalcError) as caught:
        parse(source, declare)
    return caught.value


def test_a_message_has_three_parts() -> None:
    assert str(failure("tr(A*B)", "A: matrix(m,n); B: matrix(m,k)")) == (
        "cannot multiply A (m x n) by B (m x k): n and m differ\n    tr(A*B)\n       ^ ^\nhint: A'*B is n x k"
    )


@pytest.mark.parametrize(
    ("source", "declare", "what", "hint"),
    [
        ("A + B", "A: matrix(m,n); B: matrix(n,m)", "cannot add A (m x n) and B (n x m): m and n differ", "B' is m x n"),
        ("A - B", "A: matrix(m,n); B: matrix(n,m)", "cannot subtract B (n x m) from A (m x n): m and n differ", "B' is m x n"),
        (
            "x*y",
            "x, y: vector(n)",
            "cannot multiply x (n x 1) by y (n x 1): 1 and n differ",
            "x'*y is a scalar and x*y' is n x n",
        ),
        ("X + b'", "X: matrix(n,d); b: vector(d)", "cannot add X (n x d) and b' (1 x d): n and 1 differ", ".+"),
        ("X - b", "X: matrix(n,d); b: vector(d)", "cannot subtract b (d x 1) from X (n x d): n and d differ", "X .- b'"),
        ("A .* B", "A: matrix(m,n); B: matrix(n,m)", "cannot multiply entry by entry", "B' is m x n"),
        ("A > B", "A: matrix(m,n); B: matrix(n,m)", "cannot compare A (m x n) and B (n x m)", "B' is m x n"),
        ("A/B", "", "cannot divide by a matrix or vector", "inv(B)"),
        ("det(X)", "X: matrix(m,n)", "det needs a square matrix: m and n differ", "n x n"),
        ("X^2", "X: matrix(m,n)", "only a square matrix has a power: m and n differ", "X.^2"),
        ("x^2", "x: vector", "a vector has no power", "x.^2"),
        ("|x|", "x: vector", "bars are abs of a scalar and det of a square matrix", "norm(x)"),
        ("|X|", "X: matrix(m,n)", "only a square matrix has a determinant", "norm(X)"),
        ("[A, B]", "A: matrix(m,n); B: matrix(n,m)", "cannot put side by side A (m x n) and B (n x m)", "B' is m x n"),
        ("[A; B]", "A: matrix(m,n); B: matrix(n,m)", "cannot stack A (m x n) and B (n x m)", "B' is m x n"),
        ("A*x + b", "A: matrix(m,n); b: vector(n)", "cannot add A*x (m x 1) and b (n x 1): m and n differ", "sizes"),
        ("inner(A, B)", "A: matrix(m,n); B: matrix(n,m)", "the arguments of inner do not fit together", "m x n"),
        ("commutation(m,n)*vec(A)", "A: matrix(m,m)", "cannot multiply commutation(m,n)", ""),
    ],
)
def test_a_shape_error_names_both_shapes_and_a_mend(source: str, declare: str, what: str, hint: str) -> None:
    error = failure(source, declare)
    assert isinstance(error, ShapeError)
    assert error.what.startswith(what)
    assert hint in error.hint
    assert error.source == source
    assert error.span is not None


@pytest.mark.parametrize(
    ("cls", "source", "declare", "marked", "hint"),
    [
        (UnknownNameError, "sofmax(x)", "", "sofmax", "softmax"),
        (UnknownNameError, "trac(X)", "", "trac", "trace"),
        (UnknownNameError, "X(W)", "", "X", "X*(…)"),
        (UnknownNameError, "besselj(x)", "", "besselj", ""),
        (UnknownNameError, "f = g; g = x", "", "g", "move its definition up"),
        (ArgumentError, "softmax(X)", "X: matrix", "X", "softmax(X, axis=1)"),
        (ArgumentError, "norm()", "", "norm()", "norm(X, 'fro')"),
        (ArgumentError, "norm(x, 'foo')", "", "norm(x, 'foo')", "norm(X, 'nuc')"),
        (ArgumentError, "sum(X, axis=2)", "", "sum(X, axis=2)", "axis=1"),
        (ArgumentError, "sum(X, dim=1)", "", "sum(X, dim=1)", "axis=1"),
        (ArgumentError, "tr(A, B)", "", "tr(A, B)", "tr(A)"),
        (ShapeError, "diag(x')", "x: vector", "x'", "n x n"),
        (ArgumentError, "A^(1/3)", "", "(1/3)", "A^(1/2)"),
        (ArgumentError, "A^p", "p: scalar", "p", "k: integer"),
        (ArgumentError, "s^x", "x: vector", "x", ".^"),
        (ArgumentError, "x[y]", "y: vector", "y", "i: integer"),
        (ArgumentError, "x[0]", "", "0", "x[1]"),
        (ArgumentError, "x[4]", "x: vector(3)", "4", "count from 1"),
        (ArgumentError, "X[i]", "", "X[i]", "X[i,j]"),
        (ArgumentError, "vector(x)", "x: vector", "x", "vector(1)"),
        (ArgumentError, "eye(x'*x)", "", "x'", "eye(n)"),
        (ArgumentError, "norm('x')", "", "norm('x')", "norm(X)"),
        (ArgumentError, "gamma(x)", "gamma: scalar", "gamma", "gamma*(…)"),
        (DeclarationError, "A", "A: matirx", "matirx", "matrix"),
        (DeclarationError, "A", "A: matrix symetric", "symetric", "symmetric"),
        (DeclarationError, "A", "A: matrix(n)", "A: matrix(n)", "matrix(m, n)"),
        (DeclarationError, "A", "A: matrix; A: vector", "A", "one declaration"),
        (DeclarationError, "A", "A: matrix(m,n) posdef", "A", "matrix(n,n)"),
        (DeclarationError, "x", "x: vector symmetric", "symmetric", "matrix(n,n)"),
        (DeclarationError, "x", "x: scalar posdef", "posdef", "positive"),
        (DeclarationError, "x", "norm(x)", "norm(x)", "NAME: KIND"),
        (DeclarationError, "x[1]", "x: vectors(d)", "x: vectors(d)", "vectors(d, N)"),
        (DeclarationError, "ell(y)", "ell: function(vector) -> vector", "ell: function(vector) -> vector", "-> scalar"),
        (ArgumentError, "ell(y, y)", "ell: function(vector) -> scalar", "ell(y, y)", "ell(y)"),
        (ArgumentError, "ell(Y)", "ell: function(vector) -> scalar; Y: scalar", "Y", "declaration"),
        (ArgumentError, "ell*y", "ell: function(vector) -> scalar", "ell", "ell(y)"),
        (ArgumentError, "grad(f, y)", "f: scalar", "f", "function(vector)"),
        (ArgumentError, "sum(x for i)", "x: vector(n)", "i", "1..n"),
        (ArgumentError, "sum(x[i] for i in 1..k)", "x: vector(n)", "i", "leave the range out"),
        (ParseError, "x^TAx + c", "", "TAx", "--latex"),
        (ArgumentError, "sum(x[i]*x[i-1] for i in 1..n)", "x: vector(n)", "i-1", "2..n"),
        (ArgumentError, "sum(x[i]*x[i+1] for i in 1..n)", "x: vector(n)", "i+1", "if i < n"),
        (ArgumentError, "sum(x[i]*x[i-1] for i in 1..4)", "x: vector(4)", "i-1", "2..n"),
        (ParseError, "sum(x[i] for i in 1..n if x[i])", "x: vector(n)", "x[i]", "if i != j"),
        (ParseError, "prod(x[i] for i in 1..n if (i > 1) + (i < 4))", "x: vector(n)", "(i > 1) + (i < 4)", "joined by *"),
        (ParseError, "sum(x[i] for i in 3/2..n)", "x: vector(n)", "3/2", "1..n"),
        (ShapeError, "sum(x[i]*y[i] for i)", "x: vector(n); y: vector(m)", "i", "two indices"),
        (DeclarationError, "sum(x[i] for i in 1..x)", "x: vector(n)", "x", "x: integer"),
        (ArgumentError, "prod(A for i in 1..n)", "A: matrix(n,n)", "A", "prod(x[i] for i)"),
        (ArgumentError, "Z[i,j] = x", "x: vector(n)", "i", ""),
        (ParseError, "max(x[i] for i in 1..n)", "x: vector(n)", "x[i] for i in 1..n", "sum(x[i] for i in 1..n)"),
        (ParseError, "sum(x[i] for i in 1..n, 2)", "x: vector(n)", "x[i] for i in 1..n", ""),
        (ParseError, "xhat[i+1] = x[i]", "", "xhat[i+1]", "xhat[i]"),
        (DeclarationError, "f = x; f = y", "", "f", "another name"),
        (DeclarationError, "f = x'*x", "f: vector", "x'*x", ""),
        (DeclarationError, "n*eye(n)", "n: vector", "n", ""),
        (ParseError, "X W", "", "W", "X*W"),
        (ParseError, "2x", "", "x", "2*x"),
        (ParseError, "(a + b", "", "(", ")"),
        (ParseError, "a)", "", ")", ""),
        (ParseError, "(a]", "", "]", ")"),
        (ParseError, "(a; b)", "", ";", ")"),
        (ParseError, "|a", "", "|", "|"),
        (ParseError, "f =", "", "", ""),
        (ParseError, "*a", "", "*", ""),
        (ParseError, "max(a,,b)", "", ",", ""),
        (ParseError, "norm(x, 'fro)", "", "'", "'"),
        (ParseError, "a < b < c", "", "a < b < c", "twice"),
        (ParseError, "a ? b", "", "?", ""),
        (ParseError, "\\fracc{1}{2}", "", "\\fracc", "\\frac"),
        (ParseError, "X + 1 = Y", "", "X + 1", "=="),
        (ParseError, "assume x > 0; x", "", "x > 0", "positive"),
        (ParseError, "x[1:3]", "", "1:3", "X[i,:]"),
        (ParseError, "x/0", "", "x/0", ""),
        (ParseError, "log(0)*x", "", "log(0)", ""),
        (ParseError, "sqrt(-1)*x", "", "sqrt(-1)", ""),
    ],
)
def test_an_error_points_to_the_place_and_says_what_to_do(
    cls: type[MatcalcError], source: str, declare: str, marked: str, hint: str
) -> None:
    error = failure(source, declare)
    assert type(error) is cls
    assert error.span is not None
    assert error.source[error.span[0] : error.span[1]] == marked
    assert hint in error.hint
    assert error.hint


@pytest.mark.parametrize(
    "source",
    [
        "",
        " \n\t",
        "# nothing",
        "(" * 10_000 + "x" + ")" * 10_000,
        "[" * 10_000,
        "|" * 10_000,
        "sin(" * 4_000 + "s" + ")" * 4_000,
        "x" * (MAX_TEXT + 1),
        "x+" * 500_000 + "x",
        "a\0b",
        "\x1b[31m",
        "x^10^10^10",
        "X^99999999999",
        "s^(10^10)",
        "2^(10^9)",
        "2^2^2^2^2^2^2^2^2^2^2^2^2^2^2^2^2^2^2^2",
        "9" * 100_000,
        "1e999999999",
        "1e-999999999",
        "*".join(["1e300"] * 1_000),
        "(9^400)^400",
        "gamma(10^6)",
        "digamma(123456789)",
        "zeta(10^8)",
        "eye(99999999999)",
        "ones(n^99999)",
        "⊗".join(["A"] * 400),
        "x.^(1/99999999999999)",
        "__import__('os').system('true')",
        "().__class__",
        "lambda: 0",
    ],
    ids=lambda s: repr(s[:20]),
)
def test_bad_input_ends_quickly_in_a_clear_error(source: str) -> None:
    start = time.process_time()
    error = failure(source, "s: scalar")
    assert time.process_time() - start < 1
    assert error.hint
    assert len(str(error)) < 1_000


@pytest.mark.parametrize(
    "source",
    ["+".join(["x"] * 10_000), "*".join(["A"] * 10_000), ".*".join(["x"] * 10_000), "-" * 20_000 + "x", "x" + "'" * 20_000],
    ids=lambda s: s[:6],
)
def test_long_input_is_read_in_linear_time(source: str) -> None:
    start = time.process_time()
    parse(source)
    assert time.process_time() - start < 2


def test_an_unknown_name_in_a_formula_is_told_with_what_is_known() -> None:
    n = size_symbol("n")
    with pytest.raises(UnknownNameError, match="unknown name dY") as caught:
        parse_formula("-inv(X)*dY*inv(X)", {"X": variable("X", (n, n))}, {"n": n})
    assert caught.value.span == (8, 10)
    assert caught.value.hint == "known here: X, n"


def test_a_size_that_nothing_tells_is_an_error_in_a_formula() -> None:
    with pytest.raises(ShapeError, match="nothing here tells the size") as caught:
        parse_formula("tr(I)", {}, {})
    assert caught.value.span == (3, 4)


def test_carets_stand_under_every_part_also_on_long_and_later_lines() -> None:
    assert point("a\nA + B", (2, 3), [(6, 7)]) == "    A + B\n    ^   ^"
    line, carets = point("x" * 500 + "?" + "y" * 500, (500, 501)).splitlines()
    assert line[carets.index("^")] == "?"
    assert len(line) < 120
    assert point("a\tb", (2, 3)) == "    a b\n      ^"
