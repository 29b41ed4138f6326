"""The productions of random problems: for every operation of the language its text, its operands and its value in NumPy.

A kind is a domain and a shape: `real[m,n]`, `posdef[n,n]`, `positive[]`; `*` is the shape that is asked for, whatever it is.
The values are computed by `tests.analytic`, independently of the parser, the evaluator and the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests import analytic as an

Array = Any
ADD, MUL, POWER, ATOM = range(4)
TIMES = ("*", "/", "@", "·", "⊙", "⊗", "∘")
PLUS = ("+", "-")
POSTFIX = ("'", "^", ".T", "ᵀ", "²", "⁻", "**")
Dims = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A domain and a shape in letters; shape None is the shape asked for."""

    domain: str
    dims: Dims | None

    @classmethod
    def read(cls, text: str) -> Kind:
        """`real[m,n]`, `real[]` or `real*`."""
        if text.endswith("*"):
            return cls(text[:-1], None)
        domain, _, dims = text[:-1].partition("[")
        return cls(domain, tuple(d for d in dims.split(",") if d))


@dataclass(frozen=True)
class Production:
    """`templates` (spellings of one thing) with operands {0} {1}; `value(d, *operands)` with d the sizes by letter."""

    result: Kind
    templates: tuple[str, ...]
    operands: tuple[Kind, ...]
    value: Callable[..., Array]
    level: int


def needed_level(before: str, after: str) -> int:
    """How tightly an operand must bind that stands between these two parts of a template."""
    before, after = before.rstrip(), after.lstrip()
    need = ADD
    if after.startswith(("[", "²", "³", "⁻", "ᵀ")):  # superscripts would run together
        need = ATOM
    elif after.startswith((*POSTFIX, ".^", ".**")):
        need = POWER
    elif after.removeprefix(".").startswith(TIMES):
        need = MUL
    if before.endswith(TIMES):
        need = max(need, POWER)
    elif before.endswith(PLUS):
        need = max(need, MUL)
    return need


def make(result: str, templates: str, operands: str, value: Callable[..., Array]) -> Production:
    """The production; a template's level is read off its operator, an operand in brackets or commas needs none."""
    spellings = tuple(templates.split(" | "))
    return Production(Kind.read(result), spellings, tuple(map(Kind.read, operands.split())), value, _level(spellings[0]))


def _level(template: str) -> int:
    outside, depth = "", 0
    for c in template:
        depth += c in "([‖"
        if not depth:
            outside += c
        depth -= c in ")]"
    if " + " in outside or " - " in outside or " .+ " in outside or " .- " in outside or outside.startswith("-"):
        return ADD
    if any(sign in outside.replace("**", "^") for sign in TIMES):
        return MUL
    return POWER if any(sign in outside for sign in POSTFIX) else ATOM


def vec(a: Array) -> Array:
    """The columns of A in one."""
    return a.reshape(-1, 1, order="F")


def vech(a: Array) -> Array:
    """The lower triangle of A, column by column."""
    n = a.shape[0]
    return np.array([[a[i, j]] for j in range(n) for i in range(j, n)])


def column(x: Array) -> Array:
    """The one-dimensional x as a column."""
    return np.asarray(x).reshape(-1, 1)


def unit(i: int, n: int) -> Array:
    """The column e_i, counted from 1."""
    return np.eye(n)[:, [i - 1]]


def gap(x: Array) -> Array:
    """The symmetric matrix itself, refused where eigenvalues nearly meet (differences are then no measure)."""
    spectrum = np.sort(np.abs(np.diff(np.linalg.eigvalsh(np.real(x)))))
    if spectrum.size and spectrum[0] < 0.1:
        raise np.linalg.LinAlgError("eigenvalues nearly meet")
    return (x + x.T) / 2 if not np.iscomplexobj(x) else x


@an.real_only
def eigenvector(x: Array, index: int) -> Array:
    """The unit eigenvector as a column, up to sign."""
    return np.linalg.eigh(gap(x))[1][:, [index]]


@an.real_only
def singular(x: Array) -> Array:
    """The singular values."""
    return np.linalg.svd(x, compute_uv=False)


def _f(name: str, f: Callable[[Array], Array], domain: str = "real", result: str = "real") -> Production:
    spellings = " | ".join(f"{n}({{0}})" for n in name.split("|"))
    return make(f"{result}*", spellings, f"{domain}*", lambda d, a: f(a))


ENTRYWISE = [
    _f("exp", np.exp, result="positive"), _f("log|ln", np.log, "positive"), _f("sqrt", np.sqrt, "positive", "positive"),
    _f("square", lambda a: a * a), _f("abs", an.absolute), _f("sin", np.sin), _f("cos", np.cos),
    _f("tan", np.tan, "unit"), _f("asin|arcsin", np.arcsin, "unit"), _f("acos|arccos", np.arccos, "unit"),
    _f("atan|arctan", np.arctan), _f("sinh", np.sinh), _f("cosh", np.cosh, result="positive"), _f("tanh", np.tanh),
    _f("asinh", np.arcsinh), _f("atanh", np.arctanh, "unit"), _f("acosh", np.arccosh, "aboveone"),
    _f("erf", an.erf), _f("gamma", an.gamma, "positive"), _f("lgamma", an.lgamma, "positive"),
    _f("digamma", an.digamma, "positive"), _f("sigmoid|logistic", an.sigmoid, result="positive"),
    _f("softplus", an.softplus, result="positive"), _f("relu", an.relu), _f("sign", an.sign),
    _f("sec", lambda a: 1 / np.cos(a), "unit"), _f("sech", lambda a: 1 / np.cosh(a)),
    _f("cot", lambda a: 1 / np.tan(a), "positiveunit"), _f("erfc", an.erfc),
    make("unit*", "sin({0})/2", "real*", lambda d, a: np.sin(a) / 2),
    make("unit*", "0.9*tanh({0})", "real*", lambda d, a: 0.9 * np.tanh(a)),
    make("positiveunit*", "sigmoid({0})", "real*", lambda d, a: an.sigmoid(a)),
    make("aboveone*", "1.5 + exp({0})", "real*", lambda d, a: 1.5 + np.exp(a)),
    make("positive*", "1 + square({0})", "real*", lambda d, a: 1 + a * a),
    make("positive*", "{0} + {1}", "positive* positive*", lambda d, a, b: a + b),
    make("real*", "{0} + {1}", "real* real*", lambda d, a, b: a + b),
    make("real*", "{0} - {1}", "real* real*", lambda d, a, b: a - b),
    make("real*", "-{0}", "real*", lambda d, a: -a),
    make("real*", "{1}*{0} | {1}*({0})", "real* real[]", lambda d, a, s: s * a),
    make("real*", "{0}/{1}", "real* positive[]", lambda d, a, s: a / s),
    make("real*", "max({0}, {1})", "real* real*", lambda d, a, b: an.maximum(a, b)),
    make("real*", "min({0}, {1})", "real* real*", lambda d, a, b: an.minimum(a, b)),
    make("real*", "max({0}, 0)", "real*", lambda d, a: an.relu(a)),
    make("positive*", "pow({0}, {1})", "positive* real*", lambda d, a, b: a**b),
]  # fmt: skip
MATRIX = [
    make("real[m,n]", "{0} .* {1} | {0} ⊙ {1} | {0} ∘ {1}", "real[m,n] real[m,n]", lambda d, a, b: a * b),
    make("positive[m,n]", "{0} .* {1}", "positive[m,n] positive[m,n]", lambda d, a, b: a * b),
    make("real[m,n]", "{0} ./ {1}", "real[m,n] positive[m,n]", lambda d, a, b: a / b),
    make("real[m,n]", "{0}*{1} | {0}@{1} | {0}·{1}", "real[m,p] real[p,n]", lambda d, a, b: a @ b),
    make("real[m,n]", "{0}' | {0}.T | {0}ᵀ", "real[n,m]", lambda d, a: a.T),
    make("real[m,n]", "{0}.^2 | {0}.**2", "real[m,n]", lambda d, a: a**2),
    make("real[m,n]", "{0}.^3", "real[m,n]", lambda d, a: a**3),
    make("positive[m,n]", "{0}.^(1/2)", "positive[m,n]", lambda d, a: a**0.5),
    make("positive[m,n]", "1 ./ {0} | 1./{0}", "positive[m,n]", lambda d, a: 1 / a),
    make("positive[m,n]", "{0}.^({1})", "positive[m,n] real[]", lambda d, a, s: a**s),
    make("real[m,n]", "{0} + {1}", "real[m,n] real[]", lambda d, a, s: a + s),
    make("real[m,n]", "{1} - {0}", "real[m,n] real[]", lambda d, a, s: s - a),
    make("real[m,n]", "max({0}, {1})", "real[m,n] real[]", lambda d, a, s: an.maximum(a, s)),
    make("real[m,n]", "ind({0} > 0) .* {1}", "real[m,n] real[m,n]", lambda d, a, b: (np.real(a) > 0) * b),
    make("real[m,n]", "({0} <= {1}) .* {2}", "real[m,n] real[m,n] real[m,n]",
         lambda d, a, b, c: (np.real(a) <= np.real(b)) * c),
    make("real[m,n]", "{0} .* {1}", "real[m,n] real[m,1]", lambda d, a, x: a * x),
    make("real[m,n]", "{0} .+ {1}", "real[m,n] real[1,n]", lambda d, a, x: a + x),
    make("real[m,n]", "{0} .- {1}", "real[m,n] real[m,1]", lambda d, a, x: a - x),
    make("real[m,n]", "{0} ./ {1}", "real[m,n] positive[1,n]", lambda d, a, x: a / x),
    make("real[m,n]", "{0} .- mean({0}, axis=0)", "real[m,n]", lambda d, a: a - np.mean(a, 0, keepdims=True)),
    make("real[m,n]", "{0} ./ (1 + sum({0}.^2, axis=1))", "real[m,n]",
         lambda d, a: a / (1 + np.sum(a**2, 1, keepdims=True))),
    make("real[m,n]", "{0}*{1}' | outer({0}, {1})", "real[m,1] real[n,1]", lambda d, x, y: x @ y.T),
    make("real[m,n]", "softmax({0}, axis=1)", "real[m,n]", lambda d, a: an.softmax(a, 1)),
    make("real[m,n]", "softmax({0}, axis=0)", "real[m,n]", lambda d, a: an.softmax(a, 0)),
    make("real[m,n]", "log_softmax({0}, axis=1)", "real[m,n]", lambda d, a: an.log_softmax(a, 1)),
    make("real[m,n]", "[{0}, {1}]*[{2}; {3}]", "real[m,p] real[m,q] real[p,n] real[q,n]",
         lambda d, a, b, c, e: a @ c + b @ e),
    make("real[m,n]", "pinv({0})", "name[n,m]", lambda d, a: an.pinv(a)),
    make("real[m,m]", "diag({0})", "real[m,1]", lambda d, x: np.diag(x[:, 0])),
    make("real[m,m]", "tril({0})", "real[m,m]", lambda d, a: np.tril(a)),
    make("real[m,m]", "triu({0})", "real[m,m]", lambda d, a: np.triu(a)),
    make("real[m,m]", "{0}^2 | {0}²", "real[m,m]", lambda d, a: a @ a),
    make("real[m,m]", "{0}^3", "real[m,m]", lambda d, a: a @ a @ a),
    make("real[m,m]", "{0}^<k>", "real[m,m]", lambda d, a: np.linalg.matrix_power(a, d["k"])),
    make("invertible[m,m]", "inv({0}) | {0}^-1 | {0}⁻¹", "invertible[m,m]", lambda d, a: np.linalg.inv(a)),
    make("invertible[m,m]", "{0}^-2", "invertible[m,m]", lambda d, a: np.linalg.inv(a @ a)),
    make("invertible[m,m]", "{0}^-T | inv({0})'", "invertible[m,m]", lambda d, a: np.linalg.inv(a).T),
    make("invertible[m,m]", "{0}*{1}", "invertible[m,m] invertible[m,m]", lambda d, a, b: a @ b),
    make("invertible[m,m]", "expm({0}/4)", "real[m,m]", lambda d, a: an.expm(a / 4)),
    make("real[m,m]", "adj({0})", "invertible[m,m]", lambda d, a: an.adjugate(a)),
    make("symmetric[m,m]", "{0} + {0}'", "real[m,m]", lambda d, a: a + a.T),
    make("symmetric[m,m]", "{0}'*{1}*{0}", "real[p,m] symmetric[p,p]", lambda d, a, s: a.T @ s @ a),
    make("posdef[m,m]", "{0}*{0}' + eye(<m>)", "real[m,p]", lambda d, a: a @ a.T + np.eye(d["m"])),
    make("posdef[m,m]", "{0} + I", "posdef[m,m]", lambda d, a: a + np.eye(d["m"])),
    make("posdef[m,m]", "inv({0})", "posdef[m,m]", lambda d, a: np.linalg.inv(a)),
    make("posdef[m,m]", "sqrtm({0})", "posdef[m,m]", lambda d, a: an.sqrtm(a)),
    make("symmetric[m,m]", "logm({0})", "posdef[m,m]", lambda d, a: an.logm(a)),
    make("invertible[m,m]", "chol({0})", "posdef[m,m]", lambda d, a: an.cholesky(a)),
    make("real[m,1]", "{0}*{1}", "real[m,n] real[n,1]", lambda d, a, x: a @ x),
    make("real[m,1]", "inv({0})*{1}", "invertible[m,m] real[m,1]", lambda d, a, x: np.linalg.solve(a, x)),
    make("real[m,1]", "diag({0})", "real[m,m]", lambda d, a: column(np.diag(a))),
    make("real[m,1]", "sum({0}, axis=1)", "real[m,n]", lambda d, a: np.sum(a, 1, keepdims=True)),
    make("real[m,1]", "mean({0}, axis=1)", "real[m,n]", lambda d, a: np.mean(a, 1, keepdims=True)),
    make("real[m,1]", "logsumexp({0}, axis=1)", "real[m,n]", lambda d, a: an.logsumexp(a, 1, True)),
    make("real[1,n]", "sum({0}, axis=0)", "real[m,n]", lambda d, a: np.sum(a, 0, keepdims=True)),
    make("real[1,n]", "mean({0}, axis=0)", "real[m,n]", lambda d, a: np.mean(a, 0, keepdims=True)),
    make("real[1,n]", "logsumexp({0}, axis=0)", "real[m,n]", lambda d, a: an.logsumexp(a, 0, True)),
    make("positive[1,n]", "mean({0}, axis=0)", "positive[m,n]", lambda d, a: np.mean(a, 0, keepdims=True)),
    make("real[m,1]", "softmax({0})", "real[m,1]", lambda d, x: an.softmax(x, 0)),
    make("real[m,1]", "log_softmax({0})", "real[m,1]", lambda d, x: an.log_softmax(x, 0)),
    make("real[m,1]", "eigvals({0})", "symmetric[m,m]", lambda d, a: column(an.eigvalsh(gap(a)))),
    make("real[m,1]", "eigvec_max({0}).^2", "symmetric[m,m]", lambda d, a: eigenvector(a, -1) ** 2),
    make("real[m,1]", "eigvec_min({0}).^2", "symmetric[m,m]", lambda d, a: eigenvector(a, 0) ** 2),
    make("real[m,1]", "{0}[:,2]", "name[m,n]", lambda d, a: a[:, [1]]),
    make("real[m,1]", "{0}[<i>,:]'", "name[n,m]", lambda d, a: a[[d["i"] - 1], :].T),
    make("real[m,1]", "{0}[1]*e(1,<m>)", "name[m,1]", lambda d, x: x[0, 0] * unit(1, d["m"])),
]  # fmt: skip
SCALAR = [
    make("real[]", "sum({0})", "real[m,n]", lambda d, a: np.sum(a)),
    make("real[]", "sum({0})", "real[m,1]", lambda d, a: np.sum(a)),
    make("real[]", "mean({0})", "real[m,n]", lambda d, a: np.mean(a)),
    make("real[]", "sum({0})/<n>", "real[m,n]", lambda d, a: np.sum(a) / d["n"]),
    make("real[]", "tr({0}) | trace({0})", "real[m,m]", lambda d, a: np.trace(a)),
    make("real[]", "det({0}) | |{0}|", "invertible[m,m]", lambda d, a: np.linalg.det(a)),
    make("real[]", "logdet({0})", "invertible[m,m]", lambda d, a: an.logdet(a)),
    make("positive[]", "det({0})", "posdef[m,m]", lambda d, a: np.linalg.det(a)),
    make("positive[]", "1 + norm({0})^2 | 1 + ‖{0}‖^2", "real[m,n]", lambda d, a: 1 + np.sum(a**2)),
    make("real[]", "norm({0})^2 | normF({0})^2", "real[m,n]", lambda d, a: np.sum(a**2)),
    make("real[]", "norm({0}) | norm2({0}) | norm({0}, 'fro')", "real[m,n]", lambda d, a: np.sqrt(np.sum(a**2))),
    make("real[]", "norm({0}) | norm({0}, 2) | ||{0}||", "real[m,1]", lambda d, a: np.sqrt(np.sum(a**2))),
    make("real[]", "norm1({0}) | norm({0}, 1)", "real[m,n]", lambda d, a: np.sum(an.absolute(a))),
    make("real[]", "norminf({0})", "real[m,n]", lambda d, a: np.ravel(an.absolute(a))[np.argmax(np.abs(np.real(a)))]),
    make("real[]", "norm({0}, 3)", "real[m,1]", lambda d, a: np.sum(an.absolute(a) ** 3) ** (1 / 3)),
    make("real[]", "norm({0}, 'nuc')", "name[m,n]", lambda d, a: np.sum(singular(a))),
    make("real[]", "norm({0}, 2)", "name[m,n]", lambda d, a: singular(a)[0]),
    make("real[]", "logsumexp({0}) | lse({0})", "real[m,1]", lambda d, a: an.logsumexp(a)),
    make("real[]", "logsumexp({0})", "real[m,n]", lambda d, a: an.logsumexp(a)),
    make("real[]", "prod({0})", "positive[m,1]", lambda d, a: np.prod(a)),
    make("real[]", "{0}'*{1}*{2}", "real[m,1] real[m,n] real[n,1]", lambda d, x, a, y: (x.T @ a @ y)[0, 0]),
    make("real[]", "{0}'*{1} | dot({0}, {1})", "real[m,1] real[m,1]", lambda d, x, y: (x.T @ y)[0, 0]),
    make("real[]", "inner({0}, {1}) | tr({0}'*{1})", "real[m,n] real[m,n]", lambda d, a, b: np.sum(a * b)),
    make("real[]", "{0}[2]", "name[m,1]", lambda d, x: x[1, 0]),
    make("real[]", "{0}[<i>]", "name[m,1]", lambda d, x: x[d["i"] - 1, 0]),
    make("real[]", "{0}[1,2]", "name[m,n]", lambda d, a: a[0, 1]),
    make("real[]", "{0}*{1}", "real[] real[]", lambda d, s, t: s * t),
    make("real[]", "{0}/{1}", "real[] positive[]", lambda d, s, t: s / t),
    make("real[]", "{0}^2 | {0}**2 | {0}²", "real[]", lambda d, s: s**2),
    make("real[]", "{0}^<k>", "real[]", lambda d, s: s ** d["k"]),
    make("positive[]", "{0}^({1})", "positive[] real[]", lambda d, s, t: s**t),
    make("real[]", "lambda_max({0})", "symmetric[m,m]", lambda d, a: an.eigvalsh(gap(a))[-1]),
    make("real[]", "lambda_min({0})", "symmetric[m,m]", lambda d, a: an.eigvalsh(gap(a))[0]),
    make("real[]", "tr(kron({0}, {1})) | tr({0} ⊗ {1})", "real[m,m] real[n,n]",
         lambda d, a, b: np.trace(a) * np.trace(b)),
    make("real[]", "sum(sin(kron({0}, {1})))", "real[m,n] real[p,1]", lambda d, a, b: np.sum(np.sin(np.kron(a, b)))),
    make("real[]", "vec({0})'*kron({1}, {2})*vec({3})", "real[p,m] real[m,n] real[p,q] real[q,n]",
         lambda d, c, a, b, e: (vec(c).T @ np.kron(a, b) @ vec(e))[0, 0]),
    make("real[]", "sum(vech({0}) .* vech({1}))", "real[m,m] real[m,m]", lambda d, a, b: np.sum(vech(a) * vech(b))),
    make("real[]", "norm(duplication(<m>)*vech({0}) - vec({1}))^2", "real[m,m] real[m,m]",
         lambda d, a, b: np.sum((np.tril(a) + np.tril(a, -1).T - b) ** 2)),
    make("real[]", "sum(sin(elimination(<m>)*vec({0})))", "real[m,m]", lambda d, a: np.sum(np.sin(vech(a)))),
    make("real[]", "vec({1})'*commutation(<m>,<n>)*vec({0})", "real[m,n] real[n,m]", lambda d, a, c: np.sum(c * a.T)),
    make("real[]", "norm([{0}, {1}; {2}, {3}])^2", "real[m,n] real[m,p] real[q,n] real[q,p]",
         lambda d, *blocks: sum(np.sum(b**2) for b in blocks)),
    make("real[]", "logdet([{0}, {1}; zeros(<n>,<m>), {2}])", "invertible[m,m] real[m,n] invertible[n,n]",
         lambda d, a, b, c: an.logdet(a) + an.logdet(c)),
]  # fmt: skip
SHAPED = SCALAR + MATRIX
SATISFIES: Mapping[str, frozenset[str]] = {
    "real": frozenset({"real", "positive", "unit", "positiveunit", "aboveone", "invertible", "symmetric", "posdef"}),
    "positive": frozenset({"positive", "positiveunit", "aboveone"}),
    "unit": frozenset({"unit", "positiveunit"}),
    "positiveunit": frozenset({"positiveunit"}),
    "aboveone": frozenset({"aboveone"}),
    "symmetric": frozenset({"symmetric", "posdef"}),
    "invertible": frozenset({"invertible", "posdef"}),
    "posdef": frozenset({"posdef"}),
}
"""For each domain asked for, the domains that will do."""


def bind(pattern: Dims, wanted: Dims) -> dict[str, str] | None:
    """What the letters of the pattern stand for in the shape wanted; None where they do not fit."""
    if len(pattern) != len(wanted):
        return None
    found: dict[str, str] = {}
    for letter, size in zip(pattern, wanted, strict=True):
        if letter == "1":
            if size != "1":
                return None
        elif found.setdefault(letter, size) != size:
            return None
    return found
