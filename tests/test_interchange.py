"""Expressions to SymPy and back: the same node, the same meaning, every shape checked."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import MatrixSymbol, Symbol
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from matcalc import parse
from matcalc.errors import ArgumentError, MatcalcError, ShapeError, UndifferentiableError
from matcalc.exchange.export import MatrixOperation, ScalarOperation
from matcalc.exchange.interchange import from_sympy, own_symbols, to_sympy
from matcalc.nodes import algebra
from matcalc.nodes.expr import (
    Node,
    ScalarOp,
    graph_size,
    head,
    matrix_node,
    plain,
    postorder,
    scalar_node,
    shape,
    size_symbol,
    variable,
)
from matcalc.numeric.evaluate import evaluate

n, d, k = (Symbol(name, integer=True, positive=True) for name in "ndk")
X, Y, A, B = (MatrixSymbol(*of) for of in (("X", n, d), ("Y", n, d), ("A", n, n), ("B", n, n)))
w, x, y = MatrixSymbol("w", d, 1), MatrixSymbol("x", n, 1), MatrixSymbol("y", n, 1)
s, t = sympy.symbols("s t", real=True)
DECLARED = (
    "X: matrix(n,d); Y: matrix(n,d); A: matrix(n,n); B: matrix(n,n); C: matrix(d,n); w: vector(d); x: vector(n);"
    "y: vector(n); s: scalar; t: scalar; i: integer; j: integer"
)


def node(text: str) -> Node:
    return parse(text, DECLARED).expression


def read(e: sympy.Basic) -> Node:
    return from_sympy(e)[0]


TEXTS = """
2*X'*(X*w - y) | x'*A*x | tr(A*B) | det(A)*inv(A)' | logdet(A) | log(det(A)) | norm(X*w - y)^2 | exp(-x'*x/2)*A
A^3 - A^2 | A^k | X .* Y | X ./ Y | X.^3 | X.^s | kron(A, X) | eye(n) - A | ones(n)*x' | x*x' + 3 | diag(x)*A | diag(A)
sum(X, axis=1) | sum(X) | exp(X) | tanh(X*w) | sigmoid(X) | softplus(x) | relu(X*w) | max(X, 0) | abs(x)'*ones(n)
sign(X) | X > Y | lgamma(X) | gamma(s) | softmax(X*w) | logsumexp(x) | expm(A) | chol(A) | sqrtm(A) | vec(X) | tril(A)
norm(X, 'nuc') | trace(A)^2 + s | sqrt(x'*x) | sin(s)*cos(t) | x[i] | X[i,j] | X[i,:] | X[:,2] | A[1,1]*x | [A, x]
[A, X; C, eye(d)] | [s, t; t, s] | (x'*y)/(x'*x)*A | abs(s)*x | max(s, t) | s > t | sigmoid(s)*x | n*x | mean(X)
prod(x) | commutation(n, d)*vec(X) | erf(X) | erfc(x) | lambda_max(A) | polygamma(1, X) | pinv(X) | 1/n | vech(A)
[x, X; s, w'] | unvec(vec(X), n, d) | unvech(vech(A), n) | duplication(n)*vech(A) | sylvester(A, B, A) | tril(A).^B
softmax(X, axis=1) | norm(X, 'nuc')*polygamma(2, s) | e(i, n)*x'
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [text.strip() for text in TEXTS if text.strip()])
def test_there_and_back_is_the_same_node(text: str) -> None:
    e = node(text)
    plain = to_sympy(e)
    known = {o.name: o for o in postorder([e]) if head(o) == "symbol"}
    assert from_sympy(plain, known)[0] is e
    assert str(plain) and sympy.latex(plain) and sympy.pretty(plain)


def test_what_goes_out_holds_no_class_of_ours_where_sympy_has_one() -> None:
    e = to_sympy(node("2*X'*(X*w - y) + diag(w)*X'*exp(x)*logdet(A)*det(B)"))
    modules = {type(o).__module__.split(".")[0] for o in sympy.preorder_traversal(e)}
    assert modules == {"sympy"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2*X'*(X*w - y)", 2 * X.T * (X * w - y)),
        ("A*x + A'*x", A * x + A.T * x),
        ("s*inv(A)*B - B", s * A.inv() * B - B),
        ("A*B*A + t*eye(n)", A * B * A + t * sympy.Identity(n)),
        ("X .* Y", sympy.HadamardProduct(X, Y)),
        ("tr(A*B)*A'", sympy.Trace(A * B) * A.T),
        ("kron(A, X)", sympy.KroneckerProduct(A, X)),
        ("A^3", A**3),
        ("det(A)", sympy.Determinant(A)),
        ("logdet(A)", sympy.log(sympy.Abs(sympy.Determinant(A)))),
        ("diag(x)*A", sympy.DiagMatrix(x) * A),
    ],
)
def test_ordinary_results_equal_those_of_sympy(text: str, expected: Any) -> None:
    assert to_sympy(node(text)).doit() == expected.doit()


def test_entry_by_entry_functions_are_sympys() -> None:
    e = to_sympy(node("sigmoid(X)"))
    assert isinstance(e, ElementwiseApplyFunction)
    assert e.function(s) == 1 / (1 + sympy.exp(-s))
    assert to_sympy(node("exp(X)")) == to_sympy(node("exp(X)"))


def test_operations_without_a_class_can_be_used_in_sympy() -> None:
    e = to_sympy(node("max(X*w, 0)*norm(A)"))
    assert str(e) in ("norm(A)*max(X*w, 0)", "norm(A)*max(X*w, 0(n, 1))")
    assert e.xreplace({A: B}).doit() == to_sympy(node("max(X*w, 0)*norm(B)")).doit()
    assert {o.name for o in e.free_symbols} >= {"X", "w", "A"}
    assert pickle.loads(pickle.dumps(e)) == e
    assert {type(o) for o in sympy.preorder_traversal(e)} >= {MatrixOperation, ScalarOperation}


def test_sympy_does_not_differentiate_what_it_does_not_know() -> None:
    with pytest.raises(UndifferentiableError, match="norm"):
        to_sympy(node("norm(s*x)")).diff(s)


# ---------------------------------------------------------------- what a person writes


def test_variables_and_sizes_are_told() -> None:
    _, variables, sizes = from_sympy(n * s * sympy.Trace(A) + d)
    assert list(sizes) == ["n"] and sizes["n"] is size_symbol("n")
    assert set(variables) == {"A", "s", "d"}
    assert variables["A"] is variable("A", (size_symbol("n"), size_symbol("n")))


def test_a_variable_is_one_object_wherever_it_occurs() -> None:
    own = Symbol("v", real=True)
    e = read(sympy.Abs(own) + sympy.Max(own, t) + own * sympy.exp(own) * sympy.Trace(own * A))
    assert len([o for o in postorder([e]) if head(o) == "symbol"]) == 3


def test_any_symbols_do_for_sizes_and_come_back() -> None:
    p, q, c = sympy.symbols("p q c")
    M, v = MatrixSymbol("M", p, q), MatrixSymbol("v", q, 1)
    e = c * M.T * M * v / p
    made, _, sizes = from_sympy(e)
    assert shape(made) == (size_symbol("q"), 1) and set(sizes) == {"p", "q"}
    assert to_sympy(made, own_symbols(e)).doit() == e.doit()


def test_known_variables_keep_their_properties() -> None:
    S = variable("A", (size_symbol("n"), size_symbol("n")), ["symmetric"])
    assert from_sympy(A * x, {"A": S})[0] is algebra.mul(S, read(x))
    with pytest.raises(ShapeError, match="A is n x n in one place and n x d in another"):
        from_sympy(MatrixSymbol("A", n, d), {"A": S})


@pytest.mark.parametrize(
    ("e", "text"),
    [
        (sympy.exp(sympy.Trace(x.T * x)) * A, "exp(x'*x)*A"),
        (sympy.exp(x.T * A * x), "exp(x'*A*x)"),
        ((x.T * y) * A, "(x'*y)*A"),
        (A * (x.T * y), "(x'*y)*A"),
        (sympy.MatAdd(x.T * x, y.T * y), "x'*x + y'*y"),
        (sympy.MatPow(x.T * x, sympy.S.Half), "norm(x)^2^(1/2)*0 + sqrt(x'*x)"),
        (sympy.Abs(s) + sympy.Max(s, t), "abs(s) + max(s, t)"),
        (X.applyfunc(lambda z: z**2 + s * sympy.exp(z)), "X.^2 + s*exp(X)"),
        (X.applyfunc(lambda z: 1 / (1 + sympy.exp(-z))), "sigmoid(X)"),
        (X.applyfunc(lambda z: z * sympy.tanh(z)), "X .* tanh(X)"),
        (x.applyfunc(lambda z: sympy.S(2)), "2*ones(n)"),
        (sympy.HadamardPower(X, Y), "X.^Y"),
        (sympy.HadamardPower(X, -1), "1 ./ X"),
        (sympy.Float("0.1") * A, "A/10"),
        (sympy.BlockMatrix([[A, X], [X.T, sympy.Identity(d)]]), "[A, X; X', eye(d)]"),
        (sympy.BlockDiagMatrix(A, B), "[A, zeros(n,n); zeros(n,n), B]"),
        (A[0, 2] * x[1, 0], "A[1,3]*x[2]"),
        (sympy.sqrt(sympy.Trace(X.T * X)), "sqrt(tr(X'*X))"),
        (A**sympy.S.Half, "sqrtm(A)"),
        (sympy.DiagMatrix(x.T), "diag(x)"),
        (sympy.MatPow(A, -2), "A^(-2)"),
        (sympy.erf(s) * sympy.pi, "pi*erf(s)"),
    ],
)
def test_a_persons_expression_is_read(e: sympy.Basic, text: str) -> None:
    if "norm(x)^2" in text:
        text = "sqrt(x'*x)"
    assert read(e) is node(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sympy.MatMul(X, X), r"cannot multiply X \(n x d\) by X \(n x d\)"),
        (lambda: sympy.MatMul(A, X, A), r"cannot multiply X \(n x d\) by A \(n x n\)"),
        (lambda: X + A, r"cannot add .*\(n x [nd]\) and .*\(n x [nd]\)"),
        (lambda: sympy.Trace(X), r"cannot take tr of X \(n x d\): n and d differ"),
        (lambda: sympy.Determinant(X), r"cannot take det of X"),
        (lambda: sympy.MatPow(X, 2), r"cannot raise X \(n x d\)"),
        (lambda: sympy.Inverse(X), r"cannot invert X"),
        (lambda: plain(sympy.HadamardProduct, (X, A)), r"cannot multiply entry by entry X \(n x d\) and A \(n x n\)"),
        (lambda: sympy.DiagMatrix(X), r"takes a vector, not X \(n x d\)"),
        (lambda: X * MatrixSymbol("X", d, n), r"X is n x d in one place and d x n in another"),
        (lambda: to_sympy(node("softmax(x)")).xreplace({x: X}), r"softmax does not take X \(n x d\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(make: Callable[[], sympy.Basic], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        read(make())


@pytest.mark.parametrize(
    ("e", "message"),
    [
        (sympy.Sum(s**k, (k, 1, 3)), "SymPy's Sum"),
        (sympy.Derivative(sympy.Trace(A * X * X.T), X), "SymPy's Derivative"),
        (sympy.Integral(s, s), "SymPy's Integral"),
        (sympy.Function("f")(s), "SymPy's f"),
        (sympy.Piecewise((s, s > 0), (0, True)), "SymPy's Piecewise"),
        (sympy.Matrix([[1, 2], [3, 4]]).as_immutable() * sympy.Trace(A), "has no meaning here"),
        (sympy.I * A, "ImaginaryUnit"),
        (s + Symbol("s", positive=True), "two different symbols are called s"),
        (sympy.Trace(A) + Symbol("A"), "two different symbols are called A"),
        (MatrixSymbol("n", n, n), "n"),
        (sympy.Trace(A) * Symbol("z", imaginary=True), "z is not a real number"),
        (MatrixSymbol("W_1", n, n) * MatrixSymbol("W1", n, n), "are one name here"),
        (sympy.Determinant(MatrixSymbol("A b", n, n)), "cannot be a name"),
        (sympy.exp(A), "exp of the matrix A"),
        (A ** sympy.Rational(1, 3), "to the power 1/3"),
        (MatrixSymbol("Q", sympy.sqrt(n), n), "is no size"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(e: sympy.Basic, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        read(e)


# ---------------------------------------------------------------- size and meaning


def residual(layers: int) -> Node:
    rows = size_symbol("n")
    W, e = variable("W", (rows, rows)), variable("X", (rows, rows))
    for _ in range(layers):
        e = algebra.add(e, matrix_node("tanh", (algebra.mul(e, W),), (rows, rows)), algebra.mul(algebra.trace(e), e))
        e = matrix_node("relu", (e,), (rows, rows))
    return e


def test_a_shared_graph_of_50_layers_is_linear() -> None:
    e = residual(50)
    start = process_time()
    first, second = to_sympy(algebra.add(algebra.trace(e), 1)), to_sympy(algebra.add(algebra.trace(e), 1))
    assert first == second and graph_size(e) > 200
    assert from_sympy(first)[0] is algebra.add(algebra.trace(e), 1)
    assert process_time() - start < 2


def test_a_deep_graph_goes_out_and_in() -> None:
    rows = size_symbol("n")
    e = variable("X", (rows, rows))
    for _ in range(5000):
        e = matrix_node("tanh", (algebra.mul(e, e),), (rows, rows))
    assert from_sympy(to_sympy(e))[0] is e


def test_deep_scalars_go_out_as_sympys() -> None:
    e: Any = algebra.trace(read(A))
    for _ in range(60):
        e = algebra.scalar_function("sin", algebra.add(e, s))
    made = to_sympy(e)
    assert from_sympy(made)[0] is e
    assert not made.has(ScalarOp)


def test_deep_terms_of_a_sum_go_out_and_in() -> None:
    rows = size_symbol("n")
    ends = [variable("X", (rows, rows)), variable("Y", (rows, rows))]
    for _ in range(2000):
        ends = [matrix_node("tanh", (e,), (rows, rows)) for e in ends]
    e = algebra.add(*map(algebra.trace, ends))
    assert from_sympy(to_sympy(e))[0] is e


def test_operations_inside_operations_print_at_once() -> None:
    rows = size_symbol("n")
    e = variable("X", (rows, rows))
    for _ in range(60):
        e = matrix_node("max", (e, e), (rows, rows))
    minus = sympy.Integer(-2)
    assert str(to_sympy(algebra.mul(minus, e))) == "-2*max(…)"
    assert "ldots" in sympy.latex(to_sympy(e))
    assert "norm(…)" in str(to_sympy(algebra.add(algebra.mul(minus, scalar_node("norm", (e,))), s)))


@pytest.mark.parametrize(
    "text",
    [
        "2*X'*(X*w - y)",
        "x'*A*x*inv(B)*x",
        "X .* Y - sigmoid(X)",
        "logdet(A)*tr(B) + x[2]*A[1,2]",
        "diag(x)*A^2",
        "[A, X; C, C*X]",
        "kron(x, A)*s",
    ],
)
def test_numbers_agree_with_explicit_matrices(text: str) -> None:
    random = np.random.default_rng(0)
    sizes = {"n": 3, "d": 2}
    e = node(text)
    plain = to_sympy(e)
    arrays: dict[str, Any] = {}
    values: dict[Any, Any] = {}
    for leaf in postorder([e]):
        if head(leaf) == "symbol" and leaf.name not in sizes:
            dims = tuple(sizes.get(str(c), 1) for c in shape(leaf))
            arrays[leaf.name] = random.standard_normal(dims)
            own = MatrixSymbol(leaf.name, *shape(leaf)).xreplace({n: 3, d: 2}) if dims else leaf
            values[own] = sympy.ImmutableDenseMatrix(arrays[leaf.name]) if dims else sympy.Float(float(arrays[leaf.name]))
    explicit = plain.xreplace({n: sympy.Integer(3), d: sympy.Integer(2)})
    explicit = explicit.xreplace(values).doit()
    found = explicit.as_explicit().evalf().tolist() if getattr(explicit, "is_Matrix", False) else explicit
    expected = evaluate([e], arrays, sizes)[0]
    np.testing.assert_allclose(np.array(found, dtype=float).reshape(expected.shape), expected, rtol=1e-9)


def test_errors_are_ours() -> None:
    for e in ("text", 3, sympy.Matrix([[1]])):
        with pytest.raises(MatcalcError):
            read(e)  # type: ignore[arg-type]
