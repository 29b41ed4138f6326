"""Problems of a course whose gradient is to be 0: what the solution is, and those that have none in closed form."""

from __future__ import annotations

from functools import cache

import matcalc as mc


@cache
def solve(expr: str, wrt: str, declare: str | None = None, *constraints: str) -> mc.Solution:
    """The solution, found once."""
    return mc.solve(expr, wrt, declare=declare, subject_to=constraints)


COURSE = [
    # regression
    ("norm(y - X*w)^2", "w", None, "inv(X'*X)*X'*y", "minimum"),
    ("norm(y - a*x)^2", "a", "a: scalar", "x'*y/(x'*x)", "minimum"),
    ("(y - X*w)'*inv(S)*(y - X*w)", "w", "S: matrix posdef", "inv(X'*inv(S)*X)*X'*inv(S)*y", "minimum"),
    (
        "(y - X*w)'*V*(y - X*w) + alpha*norm(w)^2",
        "w",
        "V: matrix posdef",
        "inv(X'*V*X + alpha*eye(d))*X'*V*y",
        "minimum",
    ),
    (
        "norm(Y - G*X)^2 + alpha*norm(X)^2 + beta*norm(D*X)^2",
        "X",
        None,
        "inv(G'*G + beta*D'*D + alpha*eye(k))*G'*Y",
        "minimum",
    ),
    ("norm(X*W + ones(n)*b' - Y)^2", "b", None, "mean(Y' - W'*X', axis=1)", "minimum"),
    ("norm(K*a - y)^2 + l*a'*K*a", "a", "K: matrix posdef; l: scalar positive", "inv(K + l*eye(n))*y", "minimum"),
    ("norm(A*X*B - C)^2", "X", None, "inv(A'*A)*A'*C*B'*inv(B*B')", "minimum"),
    (
        "sum(v[t]*(x[t]'*w - y[t])^2 for t in 1..N)",
        "w",
        "x: vectors(d,N)",
        "inv(sum(v[t]*x[t]*x[t]' for t in 1..N))*sum(v[t]*y[t]*x[t] for t in 1..N)",
        "minimum",
    ),
    (
        "sum(norm(x[t] - A*x[t-1])^2 for t in 2..N)",
        "A",
        "x: vectors(d,N)",
        "sum(x[t]*x[t - 1]' for t in 2..N)*inv(sum(x[t - 1]*x[t - 1]' for t in 2..N))",
        "minimum",
    ),
    # likelihoods
    ("sum(x)*log(l) - N*l", "l", "x: vector; l: scalar positive; N: scalar positive", "sum(x)/N", "maximum"),
    ("N*log(r) - r*sum(x)", "r", "x: vector(N); r: scalar positive", "N/sum(x)", "maximum"),
    ("sum(x)*log(p) + (N - sum(x))*log(1 - p)", "p", "x: vector(N); p: scalar", "mean(x)", ""),
    ("-N/2*log(s) - norm(y - X*w)^2/(2*s)", "s", "y: vector(N); s: scalar positive", "norm(y - X*w)^2/N", "maximum"),
    (
        "sum(logdet(P) - (x[t] - mu)'*P*(x[t] - mu) for t in 1..N)",
        "P",
        "x: vectors(d,N); P: matrix posdef; mu: vector",
        "N*inv(sum((x[t] - mu)*(x[t] - mu)' for t in 1..N))",
        "maximum",
    ),
    ("logdet(P) - tr(S*P) - a*tr(P)", "P", "P, S: matrix posdef; a: scalar positive", "inv(S + a*eye(n))", "maximum"),
    ("tr(S*P) - logdet(P)", "P", "P: matrix diagonal posdef; S: matrix posdef", "diag(1 ./ diag(S))", "minimum"),
    ("logdet(X) - tr(A*X)", "X", "X: matrix(n,n)", "inv(A)", "saddle"),
    # clusters, factors, filters
    (
        "sum(sum((x[t] - mu[k])'*inv(S)*(x[t] - mu[k])*R[t,k] for k in 1..K) for t in 1..N)",
        "mu[j]",
        "x: vectors(d,N); mu: vectors(d,K); S: matrix posdef",
        "sum(R[t,j]*x[t] for t in 1..N)/sum(R[t,j] for t in 1..N)",
        "minimum",
    ),
    ("norm(X - u*v')^2", "u", None, "X*v/(v'*v)", "minimum"),
    ("norm(W*X - Y)^2", "W[i,:]", None, "Y[i,:]*X'*inv(X*X')", "minimum"),
    (
        "1/2*norm(A*x - b)^2 + 1/2*(x - m)'*P*(x - m)",
        "x",
        "P: matrix posdef",
        "inv(A'*A + P)*(A'*b + P*m)",
        "minimum",
    ),
    # matrix equations, functions with an inverse
    ("tr(X'*A*X) + tr(X*B*X') - 2*tr(C'*X)", "X", "A, B: matrix posdef", "sylvester(A, B, C)", "minimum"),
    ("norm(B*X - A)^2", "X", "X: matrix symmetric", "sylvester(B'*B, B'*B, B'*A + A'*B)", "minimum"),
    ("tr(X'*A*X*B) - 2*tr(X'*C)", "X", "A, B: matrix posdef", "inv(A)*C*inv(B)", "minimum"),
    ("norm(D .* (X - Y))^2 + a*norm(X)^2", "X", "a: scalar positive", "D.^2 .* Y ./ (D.^2 + a)", "minimum"),
    ("sum(x .* log(x) - x .* b)", "x", None, "exp(-1)*exp(b)", "minimum"),
    ("sum(log(x)) - x'*y", "x", "y: vector positive", "1 ./ y", "maximum"),
    ("exp(-norm(x - a)^2)", "x", None, "a", "maximum"),
    ("a*s + b/s", "s", "s, a, b: scalar positive", "sqrt(b)/sqrt(a)", "minimum"),
    ("norm(X - A)^2", "X", "X: matrix skew; A: matrix(n,n)", "1/2*(A - A')", "minimum"),
    ("norm(X - A)^2", "X", "X: matrix lower; A: matrix(n,n)", "tril(A)", "minimum"),
    ("x'*A*x", "x", "A: matrix symmetric", "zeros(n)", "minimum"),
]
"""(f, variable, declarations, solution, kind)."""

CONSTRAINED = [
    ("-sum(p .* log(p))", "p", None, ["sum(p) == 1"], "ones(n)/n", "maximum"),
    ("-sum(p .* log(q))", "q", "p: vector positive", ["sum(q) == 1"], "p/sum(p)", "minimum"),
    ("-sum(p .* log(q))", "q", "p: vector simplex", ["sum(q) == 1"], "p", "minimum"),
    ("-sum(p .* log(q))", "q", "p, q: vector simplex", [], "p", "minimum"),
    ("sum(p .* log(p ./ q))", "p", "q: vector positive", ["sum(p) == 1"], "q/sum(q)", "minimum"),
    ("p'*log(p) - b'*p", "p", None, ["sum(p) = 1"], "softmax(b)", "minimum"),
    ("sum(sum(R[t,k]*log(p[k]) for k in 1..K) for t in 1..N)", "p", None, ["sum(p) == 1"], None, "maximum"),
    ("norm(x)^2", "x", None, ["A*x == b"], "A'*inv(A*A')*b", "minimum"),
    ("norm(A*x - b)^2", "x", None, ["C*x == c"], None, "minimum"),
    ("w'*S*w", "w", "S: matrix posdef", ["sum(w) == 1"], "sum(inv(S), axis=1)/sum(inv(S))", "minimum"),
    ("w'*S*w", "w", "S: matrix posdef", ["sum(w) == 1", "mu'*w == r"], None, "minimum"),
    ("x'*A*x", "x", "A: matrix posdef", ["a'*x == 1"], "inv(A)*a/(a'*inv(A)*a)", "minimum"),
    ("tr(X'*A*X)", "X", "A: matrix posdef", ["B*X == C"], "inv(A)*B'*inv(B*inv(A)*B')*C", "minimum"),
]
"""(f, variable, declarations, constraints, solution, kind)."""

OPEN = [
    ("sum(exp(X*w))", "w", None, "X'*exp(X*w) == 0"),
    ("sum(log(1 + exp(X*w))) - y'*X*w", "w", None, "X'*(sigmoid(X*w) - y) == 0"),
    ("exp(a'*x) + norm(x)^2", "x", None, None),
    ("x'*A*x/(x'*x)", "x", "A: matrix symmetric", None),
    ("tr(inv(X)*A) + tr(X*B)", "X", "X, A, B: matrix posdef", "B - inv(X)*A*inv(X) == 0"),
    ("logdet(S) + tr(inv(S)*M) + alpha*tr(S)", "S", "S, M: matrix posdef", None),
    ("x^5 - x + a*x^3", "x", "x, a: scalar", None),
    ("cos(t)", "t", "t: scalar", None),
    ("sum(abs(x)) + norm(x - b)^2", "x", None, "2*(x - b) + sign(x) == 0"),
    ("sum(max(x, 0)) + norm(x - b)^2", "x", None, None),
    ("norm(x - a)", "x", None, None),
    ("logdet(X'*A*X)", "X", "A: matrix posdef", None),
    ("ell(X*w) + norm(w)^2", "w", "ell: function(vector) -> scalar", None),
    ("tr(A*X)", "X", None, "A' == 0"),
    ("norm(P - B*B')^2", "B", None, None),
]
"""(f, variable, declarations, the equation that remains)."""
