"""Problems that random search once found wrong, refused or endless: each is right by differences and verified."""

from __future__ import annotations

import numpy as np
import pytest

import matcalc
from matcalc.nodes.expr import properties
from tests.arrays import dimensions, draw, values
from tests.differences import gradient, relative_error

SIZES = {"n": 3, "m": 4, "r": 2, "k": 3, "i": 2}
FOUND = [
    ("a power whose exponent SymPy looks into", "pow(tau, x[2])", ["tau: scalar positive", "x: vector(r)"]),
    ("a scalar inside exp under a root", "sqrt(exp(vec(S)'*commutation(n,n)*vec(X)))", ["X, S: matrix(n,n)"]),
    ("a function whose derivative has two arguments", "digamma(tau)", ["tau: scalar positive"]),
    ("an orthogonal variable is a free one", "sum(Q^-T)", ["Q: matrix(m,m) orthogonal"]),
    ("a norm whose greatest entry stands twice", "norminf(A + A')", ["A: matrix(n,n)"]),
    ("a greatest entry that structure repeats", "norminf(K)", ["K: matrix(n,n) skew"]),
    ("constant entries that tie", "norminf((1.5 + exp(ones(r,m))).^(alpha))", ["alpha: scalar"]),
    ("eigenvectors of a constant length", "sum(eigvec_max(P + I).^2)", ["P: matrix(n,n) posdef"]),
    ("a Cholesky factor of an all but symmetric root", "sum(chol(sqrtm(Q*Q' + eye(n))))", ["Q: matrix(n,n) orthogonal"]),
    ("factoring that does not end", "sum(cot(sigmoid(tanh(X))))", ["X: matrix(r,n)"]),
    ("another", "sum(sigmoid((X + alpha) ∘ cos(X)))", ["X: matrix(r,m)", "alpha: scalar"]),
    ("a determinant that vanishes where a matrix is wide", "det(X'*A*X)", ["X: matrix(m,n)", "A: matrix(m,m)"]),
    ("a definition that is no factor", "c = tr(X)*tr(relu(log_softmax(A, axis=1)))\nc", ["X: matrix(n,n)", "A: matrix(r,r)"]),
    ("a column that stands twice in a product", "norm(Y .* y .* (a .* y) .- y)", ["Y: matrix(m,n)", "y, a: vector(m)"]),
    ("a quotient of quotients", "sum(X ./ (1 + sum(X.^2, axis=1)) ./ (2 + sum((X ./ (1 + sum(X.^2, axis=1))).^2, axis=1)))",
     ["X: matrix(n,m)"]),
    ("a form that a try had made and forgot",
     "sum(sin(elimination(r)*vec((X .- mean(X, axis=0))*(X .- mean(X, axis=0))' + eye(r))))", ["X: matrix(r,n)"]),
    ("small gradients that only rounding keeps from 0", "sum(softmax(1 ./ Psi.^(1/2), axis=0))", ["Psi: matrix(m,m) positive"]),
    ("block sums of thin parts", "sum(sin(kron(X, x)))", ["X: matrix(n,n)", "x: vector(n)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "declare"), [f[1:] for f in FOUND], ids=[f[0] for f in FOUND])
def test_what_was_once_found_stays_mended(text: str, declare: list[str]) -> None:
    p = matcalc.parse(text, declare=declare)
    rng = np.random.default_rng(5)
    arrays = {}
    for X in p.variables.values():
        domain = next(iter(properties(X) - {"integer"}), "real")
        arrays[X] = draw(domain, dimensions(X, SIZES), rng)
    for found in matcalc.gradients(p):

        def f(x: object, found: matcalc.Derivation = found) -> object:
            return values([p.expression], {**arrays, found.variable: x}, SIZES, p.definitions)[0]

        truth = gradient(f, arrays[found.variable], properties(found.variable), analytic=False)
        assert relative_error(values([found.node], arrays, SIZES, p.definitions)[0], truth) < 1e-6
        assert found.verification is None or found.verification.ok is not False
