"""Generated NumPy code as text, and what it does beside the values: names, alignment with what a person stated, safety."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.cli import run
from matcalc.errors import ArgumentError

Array = Any
RNG = np.random.default_rng(0)

# fmt: off
PROGRAMS: list[tuple[str, str, str, str | None, list[str]]] = [
    ('gradient', "x'*A*x", 'x', None, [
        'Ax = A.dot(x)',
        'f = x.dot(Ax)',
        'grad_x = Ax + x.dot(A)',
        'return f, grad_x',
    ]),
    ('gradient', 'norm(A*B*C*x - y)^2', 'x', None, [
        'r = A.dot(B.dot(C.dot(x))) - y',
        'f = r.dot(r)',
        'grad_x = (2 * r.dot(A).dot(B)).dot(C)',
        'return f, grad_x',
    ]),
    ('gradient', "x'*inv(A)*y", 'x', None, [
        'grad_x = np.linalg.solve(A, y)',
        'f = x.dot(grad_x)',
        'return f, grad_x',
    ]),
    ('gradient', 'norm(X*w - y)^2 + alpha*norm(w)^2', 'w', None, [
        'r = X.dot(w) - y',
        'f = r.dot(r) + alpha * w.dot(w)',
        'grad_w = 2 * (r.dot(X) + alpha * w)',
        'return f, grad_w',
    ]),
    ('gradient', 'sum(log(1 + exp(-y .* (X*w))))', 'w', 'y: vector', [
        't = -(y * X.dot(w))',
        'f = _softplus(t).sum()',
        'grad_w = -(special.expit(t) * y).dot(X)',
        'return f, grad_w',
    ]),
    ('gradient', "1/2*y'*inv(K)*y + 1/2*logdet(K)", 'K', 'K: matrix posdef', [
        'L = _cholesky(K)',
        'inv_K = _cho_inverse(L)',
        'z = inv_K.dot(y)',
        'f = np.log(L.diagonal()).sum() + 0.5 * y.dot(z)',
        'R = -(z[:, None] * z)',
        'R += inv_K',
        'R *= 0.5',
        'grad_K = R',
        'return f, grad_K',
    ]),
    ('gradient', "logdet(A) + x'*inv(A)*x", 'x', 'A: matrix', [
        'lu = linalg.lu_factor(A)',
        'u = linalg.lu_solve(lu, x)',
        'f = np.sum(np.log(np.abs(np.diagonal(lu[0])))) + x.dot(u)',
        'grad_x = u + linalg.lu_solve(lu, x, trans=1)',
        'return f, grad_x',
    ]),
    ('gradient', '-sum(Y .* log_softmax(X*W, axis=1))', 'W', None, [
        'XW = X @ W',
        'P, lse = _softmaxes(XW, 1)',
        'XW -= lse[:, None]',
        'f = -np.vdot(Y, XW)',
        'P *= Y.sum(axis=1)[:, None]',
        'P -= Y',
        'grad_W = X.T @ P',
        'return f, grad_W',
    ]),
    ('gradient', "norm(M .* (T - U*V'))^2", 'U', 'M,T,U,V: matrix', [
        'R = U @ V.T',
        'np.subtract(T, R, out=R)',
        'R *= M',
        'f = np.vdot(R, R)',
        'R *= M',
        'grad_U = R @ (-2 * V)',
        'return f, grad_U',
    ]),
    ('gradient', "sum((x[t] - mu)'*inv(S)*(x[t] - mu) for t in 1..N)", 'mu', 'x: vectors(d, N); S: posdef', [
        'N = x.shape[1]',
        'R = x - mu[:, None]',
        'inv_S = _cho_inverse(_cholesky(S))',
        'f = np.vdot(R @ R.T, inv_S)',
        'grad_mu = 2 * inv_S.dot(N * mu - x.sum(axis=1))',
        'return f, grad_mu',
    ]),
    ('gradient', 'sum(sum(R[t,k]*norm(x[t] - mu[k])^2 for k in 1..K) for t in 1..N)', 'mu',
     'x: vectors(d,N); mu: vectors(d,K)', [
        'R2 = x - mu[:, 0][:, None]',
        'R3 = mu[:, 0][:, None] - mu',
        's = np.vdot(R2.T @ R3, R)',
        's2 = R.sum(axis=0)',
        'f = np.einsum("ij,ij->j", R2, R2).dot(R.sum(axis=1)) + s + (np.einsum("ij,ij->j", R3, R3).dot(s2) + s)',
        'T = R2 @ R',
        'T *= -2',
        'R3 *= -2',
        'R3 *= s2',
        'T += R3',
        'grad_mu = T',
        'return f, grad_mu',
    ]),
    ('hessian', 'norm(max(X*W, 0) - Y)^2', 'W', None, [
        'n, d = X.shape',
        'k = W.shape[1]',
        'T = _placed((((X @ W > 0)[:, :, None] * X[:, None, :]).reshape((n, d*k)).T @ (2 * X)).reshape((k, d, d)), '
        '(k, d, k, d), "ikij->ijk")',
        'return T.reshape((d*k, d*k))',
    ]),
    ('hessian', "sum(softplus(X*w)) - y'*(X*w)", 'w', None, [
        'a = special.expit(X.dot(w))',
        'T = np.sqrt(a * (1 - a))[:, None] * X',
        'return T.T @ T',
    ]),
    ('hessian', 'logsumexp(A*x)', 'x', None, [
        'p = _softmax(A.dot(x))',
        'Ap = p.dot(A)',
        'R = (p[:, None] * A).T @ A',
        'R -= Ap * Ap[:, None]',
        'return R',
    ]),
    ('jacobian', 'A*X*B', 'X', None, [
        'n, d = A.shape',
        'k, m = B.shape',
        'return (B.T[:, None, :, None] * A[:, None, :]).reshape((m*n, d*k))',
    ]),
    ('jacobian', 'softmax(z)', 'z', None, [
        'p = _softmax(z)',
        'R = -(p[:, None] * p)',
        'np.einsum("ii->i", R)[...] += p',
        'return R',
    ]),
]
# fmt: on


def body(code: str) -> list[str]:
    """The statements of a function, after what it says of itself."""
    lines = code.splitlines()
    return [line[4:] for line in lines[max(k for k, line in enumerate(lines) if line.strip() == '"""') + 1 :]]


@pytest.mark.parametrize(("kind", "f", "wrt", "declare", "expected"), PROGRAMS, ids=[f"{p[0]} of {p[1]}" for p in PROGRAMS])
def test_a_program_reads_as_an_engineer_writes_it(
    kind: str, f: str, wrt: str, declare: str | None, expected: list[str]
) -> None:
    if kind == "gradient":
        code = matcalc.code(f, wrt, declare=declare, verify=False)
    else:
        code = getattr(matcalc, kind)(f, wrt, declare=declare, verify=False).code()
    assert body(code) == expected


def test_a_program_says_what_it_is() -> None:
    code = matcalc.code("sum(max(X*w - t, 0)[i]*X[i,y[i]] for i in 1..n)", "w", declare="X: matrix(n, d); t: scalar")
    assert code.startswith("import numpy as np\n\n\ndef f_and_gradient(X, w, t, y):\n")
    for line in (
        "f and its gradient by w.",
        "Shapes: X (n, d), w (d,), t (), y (n,).",
        "The entries of y are labels, which count from 1.",
        f"Made by matcalc {matcalc.__version__}.",
    ):
        assert line in code
    assert "Holds where X*w - t has no entry 0" in code


def test_value_and_derivatives_bear_the_names_of_the_problem() -> None:
    f = matcalc.function("loss = norm(A*x - b)^2", ["x", "b"])
    assert f.bare.__name__ == "loss_and_gradients"
    assert "return loss, grad_x, grad_b" in f.code
    assert "def gradient_of_loss(A, x, b):" in matcalc.gradient("loss = norm(A*x - b)^2", "x").code()


def test_the_command_prints_value_gradients_and_hessian(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["code", "x'*A*x", "--wrt", "x", "--hessian", "--target", "numpy"]) == 0
    out = capsys.readouterr().out
    assert "def f_and_gradient_and_hessian(x, A):" in out
    assert "return f, grad_x, hessian_x" in out


@pytest.mark.parametrize("target", ["numpy", "jax", "torch", "array-api", "matlab"])
@pytest.mark.parametrize("command", ["grad", "jac", "hess"])
def test_every_command_prints_programs(command: str, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "logsumexp(A*x)", "--wrt", "x", "--format", target, "--no-verify"]) == 0
    assert "softmax" in capsys.readouterr().out


def test_a_target_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError, match="there is no target 'nunpy'\nhint: did you mean numpy"):
        matcalc.gradient("x'*x", "x").code("nunpy")
    assert run(["code", "x'*x", "--target", "fortran"]) == 2


def test_a_differential_has_no_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "inv(X)*Y", "--format", "numpy"]) == 2
    assert "a differential is no function of arrays" in capsys.readouterr().err


# ---------------------------------------------------------------- safety


@pytest.mark.parametrize(
    ("f", "wrt"), [("sum(A)", "A"), ("sum(A*B)", "A"), ("x'*y", "x"), ("tr(A'*B)", "A"), ("sum(diag(A))", "A")]
)
def test_results_are_arrays_of_their_own(f: str, wrt: str) -> None:
    function = matcalc.function(f, None)
    given = {n: RNG.normal(size=(3, 3) if n.isupper() else 3) for n in "ABxy" if function.takes(n)}
    before = {n: a.copy() for n, a in given.items()}
    _, *gradients = function(**given)
    for gradient in gradients:
        assert gradient.dtype == float
        gradient *= 0.0
    assert all(np.array_equal(before[n], a) for n, a in given.items())


def test_arguments_are_never_written_to() -> None:
    f = matcalc.function("h = X*W; norm(M .* (max(h, 0) - Y))^2 + tr(X'*X)", None, declare="X, W, M, Y: matrix")
    sizes = {"X": (4, 3), "W": (3, 2), "M": (4, 2), "Y": (4, 2)}
    given = {n: RNG.normal(size=size) for n, size in sizes.items()}
    before = {n: a.copy() for n, a in given.items()}
    f(**given)
    assert all(np.array_equal(before[n], a) for n, a in given.items())


LARGE = [
    ("P = softmax(X*W, axis=1); -sum(Y .* log(P))", "X, W, Y: matrix"),
    ("P = softmax(X*W, axis=1); -sum(log(P[i,y[i]]) for i in 1..n)", "X: matrix(n, d); W: matrix(d, k)"),
    ("sum(log(sigmoid(X*w)))", "X: matrix"),
    ("sum(log(1 - sigmoid(X*w)))", "X: matrix"),
    ("sum(log(1 + exp(X*w)))", "X: matrix"),
    ("sum(log(sum(exp(X*W), axis=1)))", "X, W: matrix"),
    ("sum(log(sum(exp(X[i,:]*W[:,j]) for j in 1..k)) for i in 1..n)", "X: matrix(n, d); W: matrix(d, k)"),
]


@pytest.mark.parametrize(("f", "declare"), LARGE)
def test_large_numbers_do_not_overflow(f: str, declare: str) -> None:
    wrt = "W" if "W" in f else "w"
    function = matcalc.function(f, wrt, declare=declare)
    known = {
        "X": 1e3 * RNG.normal(size=(5, 3)),
        "W": RNG.normal(size=(3, 2)),
        "w": RNG.normal(size=3),
        "Y": np.eye(2)[[0, 1, 0, 1, 1]],
    }
    known["y"] = np.array([1, 2, 1, 2, 2])
    with np.errstate(over="raise", invalid="raise"):
        value, gradient = function.bare(**{n: known[n] for n in signature(function.bare).parameters})
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
def test_distances_keep_their_digits_far_from_the_origin(shift: float) -> None:
    X, M = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 3))
    f = matcalc.function("sum(sum(norm(X[i,:] - M[j,:])^2 for j in 1..k) for i in 1..N)", "M", declare="X: matrix(N, d)")
    kernel = matcalc.function(
        "sum(sum(exp(-norm(X[i,:] - M[j,:])^2) for j in 1..k) for i in 1..N)", "M", declare="X: matrix(N, d)"
    )
    differences = X[:, None] - M
    squares = (differences**2).sum(axis=2)
    value, gradient = f(X=X + shift, M=M + shift)
    assert np.isclose(value, squares.sum(), rtol=1e-8)
    assert np.allclose(gradient, -2 * differences.sum(axis=0), rtol=1e-7, atol=1e-7)
    assert np.isclose(kernel(X=X + shift, M=M + shift)[0], np.exp(-squares).sum(), rtol=1e-7)


def test_the_distance_of_equal_points_is_no_root_of_a_negative_number() -> None:
    X = RNG.normal(size=(5, 3)) + 1e3
    f = matcalc.function(
        "sum(sum(sqrt(1e-12 + norm(X[i,:] - M[j,:])^2) for j in 1..k) for i in 1..N)", "M", declare="X: matrix(N, d)"
    )
    value, gradient = f(X=X, M=X[:2].copy())
    assert np.isfinite(value) and np.isfinite(gradient).all()
