"""The MATLAB target: golden texts, and every entry of the corpus run by GNU Octave where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.errors import ArgumentError
from matcalc.nodes.expr import is_scalar, name_of, properties
from matcalc.numeric.arrays import user_dims
from matcalc.version import __version__
from tests import corpus_entries, index_entries, second_entries

Array = Any
OCTAVE = shutil.which("octave-cli")
FUNCTIONS = {
    "lambda y: jnp.sum(jnp.sin(y)*jnp.arange(1., 6.)) + y[0]*y[-1] + jnp.sum(y**3)/7": (
        "@(y) sum(sin(y) .* (1:5)') + y(1) * y(5) + sum(y.^3) / 7",
        "@(y) cos(y) .* (1:5)' + [y(5); zeros(3, 1); y(1)] + 3 * y.^2 / 7",
    )
}
"""The unknown functions of the corpus and their gradients."""


@dataclass(frozen=True)
class Case:
    """One call: the entry, the source, the arguments as MATLAB, what is expected."""

    entry: str
    code: str
    arguments: tuple[str, ...]
    expected: Array


def test_every_entry_of_the_corpus_is_right_in_octave(tmp_path: Path) -> None:
    if OCTAVE is None:
        pytest.skip("GNU Octave is not installed")
    called = list(cases())
    found = run(called, tmp_path)
    wrong = {case.entry: why for case, got in zip(called, found, strict=True) if (why := difference(got, case.expected))}
    assert not wrong
    assert len({case.entry for case in called}) == 346


def test_what_the_corpus_lacks_is_as_in_numpy(tmp_path: Path) -> None:
    if OCTAVE is None:
        pytest.skip("GNU Octave is not installed")
    called = [case for formula, declared in BEYOND for case in compared(formula, declared)]
    found = run(called, tmp_path)
    assert not {case.entry: why for case, got in zip(called, found, strict=True) if (why := difference(got, case.expected))}


def test_least_squares_reads_as_an_engineer_writes_it() -> None:
    assert matcalc.code("norm(A*x - b)^2", "x", target="matlab") == LEAST_SQUARES


def test_a_network_reads_as_an_engineer_writes_it() -> None:
    assert matcalc.code("norm(max(X*W, 0)*V - Y)^2", ["W", "V"], target="matlab") == NETWORK


def test_a_gaussian_process_reads_as_an_engineer_writes_it() -> None:
    assert matcalc.code("1/2*y'*inv(K)*y + 1/2*logdet(K)", declare="K: matrix posdef", target="matlab") == PROCESS


def test_the_hessian_of_a_logistic_regression_reads_as_an_engineer_writes_it() -> None:
    assert matcalc.hessian("sum(log(1 + exp(-y .* (X*w))))", "w").code("matlab") == LOGISTIC


def test_arguments_are_names_of_the_language() -> None:
    made = matcalc.code("α'*end + sum(gamma) + sum(lgamma(x))", declare=["gamma: vector"], target="matlab")
    assert made.startswith("function [f, grad_alpha, grad_end, grad_gamma, grad_x] = f_and_gradients(alpha, end_, gamma, x)")


def test_matlab_does_not_run_in_python() -> None:
    with pytest.raises(ArgumentError, match="MATLAB does not run in Python"):
        matcalc.function("x'*x", target="matlab")(x=[1.0, 2.0])


# ---------------------------------------------------------------- calls


def cases() -> Iterator[Case]:
    """Every entry of the corpus at the sizes of the corpus and at others."""
    indexed = [entry for entry in index_entries.load() if entry.task == "gradient"]
    for entry in [*corpus_entries.load("seeds"), *corpus_entries.load("cookbook"), *indexed]:
        yield from cases_of(entry, entry.derivation, entry.expected_value)
    for entry in second_entries.load_second():
        yield from cases_of(entry, entry.found, lambda point, entry=entry: entry.value(entry.result, point))


def cases_of(entry: Any, result: Any, expected: Callable[[Any], Array]) -> Iterator[Case]:
    """The calls of one entry."""
    function = result.function("matlab")
    source = function._source(frozenset())
    for sizes in [entry.sizes_given] if getattr(entry, "functions", None) else [entry.sizes_given, entry.other_sizes]:
        point = entry.point(sizes)
        places = list(entry.places(point))[:2] if isinstance(entry, index_entries.IndexEntry) else [point]
        for place in places:
            known = {**sizes, **{name_of(leaf): array for leaf, array in place.leaves.items()}}
            given = tuple(argument(name, known, entry) for name in source.arguments.values())
            yield Case(entry.id, source.text, given, expected(place))


def compared(formula: str, declared: str) -> Iterator[Case]:
    """The value and the gradients of a formula, each as one case; what is expected is what NumPy computes."""
    asked: dict[str, Any] = {"declare": declared or None, "verify": False}
    function, truth = (matcalc.function(formula, target=target, **asked) for target in ("matlab", "numpy"))
    sizes: dict[str, int] = {}
    known: dict[str, Array] = {}
    rng = np.random.default_rng(0)
    for argument_, name in truth._source(frozenset()).arguments.items():
        node = truth._known[name]
        for symbol in sorted({s.name for d in user_dims(node) for s in d.free_symbols}):
            sizes.setdefault(symbol, 4 + len(sizes))
        dims = [int(d.subs({s: sizes[s.name] for s in d.free_symbols})) for d in user_dims(node)] if not is_scalar(node) else []
        array = rng.standard_normal(dims)
        kinds = properties(node)
        array = array @ array.T + np.eye(dims[0]) if "posdef" in kinds else array + array.T if "symmetric" in kinds else array
        known[argument_] = abs(array) + 0.1 if "positive" in kinds else array
    source = function._source(frozenset())
    name = re.search(r"= (\w+)\(", source.text)
    assert name is not None
    for k, expected in enumerate(truth(**known)):
        results = ", ".join([*["~"] * k, "Y"])
        outer = f"function Y = one_of(varargin)\n    [{results}] = {name[1]}(varargin{{:}});\nend\n\n"
        given = tuple(literal(np.asarray(known[name])) for name in source.arguments.values())
        yield Case(f"{formula}, result {k + 1}", outer + source.text, given, np.asarray(expected))


def argument(name: str, known: Mapping[str, Array], entry: Any) -> str:
    """A value as MATLAB writes it."""
    if name in known:
        return literal(np.asarray(known[name], dtype=float))
    unknown = name.removeprefix("grad_")
    return FUNCTIONS[entry.functions[unknown]][name != unknown]


def literal(array: Array) -> str:
    """An array as MATLAB writes it."""
    numbers = " ".join(f"{x:.17g}" for x in array.reshape(-1, order="F"))
    if array.size == 1 and array.ndim < 3:
        return numbers
    shape = (*array.shape, 1)[: max(2, array.ndim)]
    return f"reshape([{numbers}], [{' '.join(map(str, shape))}])"


def run(called: list[Case], folder: Path) -> list[Array | str]:
    """What Octave computes for each case: an array, or what went wrong."""
    script = []
    for i, case in enumerate(called):
        name = re.match(r"function .*?(\w+)\(", case.code)
        assert name is not None
        (folder / f"case{i}.m").write_text(case.code.replace(f"{name[1]}(", f"case{i}(", 1), encoding="utf-8")
        script.append(f"try; show(case{i}({', '.join(case.arguments)})); catch e; printf('error %s\\n', e.message); end")
    shown = "function show(Y)\nprintf('%d ', size(Y)); printf('|'); printf(' %.17g', Y); printf('\\n');\nend\n"
    (folder / "show.m").write_text(shown, encoding="utf-8")
    (folder / "all_cases.m").write_text("\n".join(["warning('off', 'all');", *script]), encoding="utf-8")
    command = [str(OCTAVE), "--no-gui", "--norc", "--silent", "all_cases.m"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(called), done.stderr
    return [line if line.startswith("error") else read(line) for line in lines]


def read(line: str) -> Array:
    """The array that Octave has printed."""
    shape, numbers = line.split("|")
    return np.array([float(x) for x in numbers.split()]).reshape([int(d) for d in shape.split()], order="F")


def difference(got: Array | str, expected: Array) -> str:
    """What is wrong with a result; "" if nothing."""
    if isinstance(got, str):
        return got
    wanted = np.asarray(expected, dtype=float)
    shape = (*wanted.shape, 1, 1)[: max(2, wanted.ndim)]
    if got.shape != shape:
        return f"shape {got.shape}, not {shape}"
    error = np.max(np.abs(got - wanted.reshape(shape))) / max(1e-300, np.max(np.abs(wanted)))
    return "" if error < 1e-8 else f"error {error:.1e}"


# ---------------------------------------------------------------- texts

BEYOND = (
    ("sum(digamma(X)) + sum(lgamma(X))", "X: matrix positive"),
    ("tr(expm(A)*B)", ""),
    ("tr(sqrtm(A)*B)", "A: matrix posdef"),
    ("nuclear(X) + spectral(X)", ""),
    ("logsumexp(X)", ""),
    ("lambda_max(S) + lambda_min(S)", "S: matrix symmetric"),
    ("tr(eigvecs(S)*B) + sum(eigvals(S).^3)", "S: matrix symmetric"),
    ("det(X) + prod(X)", ""),
    ("tr(inv(A)*B*inv(A)') + logdet(A) + x'*inv(A)'*x", ""),
    ("norm(pinv(X))^2", ""),
    ("sum(max(X, Y)) + sum(abs(X)) + sum(sign(X) .* Y)", ""),
    ("sum(vech(A) .* b)", ""),
    ("norm(chol(A)*B)^2", "A: matrix posdef"),
    ("sum(diag(x)*A) + tr(diag(x)*B*diag(x))", ""),
    ("norm([A, B; C, D]*x)", ""),
    ("norm(X) + norm(X*Y - Z)", ""),
    ("sum(erf(X)) + sum(softplus(X))", ""),
    ("vec(X)'*kron(A, B)*vec(X)", ""),
    ("log(det(X'*X))", ""),
    ("sum(exp(-norm(x[t] - mu)^2) for t in 1..N)", "x: vectors(d, N)"),
)
"""Formulas with operations that the corpus has not, and what is declared."""

LEAST_SQUARES = f"""\
function [f, grad_x] = f_and_gradient(A, x, b)
    % f and its gradient by x.
    %
    %     f = norm(A*x - b)^2
    %     df/dx = 2*A'*(A*x - b)
    %
    % Shapes: A n x d, x d x 1, b n x 1.
    %
    % Made by matcalc {__version__}.
    r = A * x - b;
    f = r' * r;
    grad_x = 2 * (A' * r);
end
"""
NETWORK = f"""\
function [f, grad_W, grad_V] = f_and_gradients(X, W, V, Y)
    % f and its gradients by W, V.
    %
    %     f = norm(max(X*W, 0)*V - Y)^2
    %     df/dW = 2*X'*(((max(X*W, 0)*V - Y)*V') .* ind(X*W > 0))
    %     df/dV = 2*max(X*W, 0)'*(max(X*W, 0)*V - Y)
    %
    % Shapes: X n x d, W d x k, V k x m, Y n x m.
    % Holds where X*W has no entry 0 (there: the usual subgradient).
    %
    % Made by matcalc {__version__}.
    XW = X * W;
    A = max(XW, 0);
    R = A * V - Y;
    f = sum(R(:).^2);
    T = 2 * R;
    grad_W = X' * ((T * V') .* (XW > 0));
    grad_V = A' * T;
end
"""
PROCESS = f"""\
function [f, grad_y, grad_K] = f_and_gradients(y, K)
    % f and its gradients by y, K.
    %
    %     f = 1/2*(y'*inv(K)*y + logdet(K))
    %     df/dy = inv(K)*y
    %     df/dK = 1/2*(inv(K) - inv(K)*y*y'*inv(K))
    %
    % Shapes: y n x 1, K n x n.
    %
    % Made by matcalc {__version__}.
    n = size(y, 1);
    L = chol(K, 'lower');
    inv_K = L' \\ (L \\ eye(n));
    grad_y = inv_K * y;
    f = sum(log(diag(L))) + 0.5 * (y' * grad_y);
    grad_K = 0.5 * (inv_K - grad_y * grad_y');
end
"""
LOGISTIC = f"""\
function hessian_w = hessian_of_f(y, X, w)
    % The Hessian of f by w.
    %
    %     d2f/dw dw' = X'*diag(sigmoid(-y .* (X*w)) .* sigmoid(y .* (X*w)) .* y.^2)*X
    %
    % Shapes: y n x 1, X n x d, w d x 1.
    %
    % Made by matcalc {__version__}.
    Xw = X * w;
    T = sqrt(1 ./ (1 + exp(y .* Xw)) .* (1 ./ (1 + exp(-(y .* Xw))))) .* y .* X;
    hessian_w = T' * T;
end
"""
