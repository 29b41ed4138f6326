"""Structure: transposes in normal form, and what is known to be symmetric, triangular, orthogonal."""

from __future__ import annotations

import numpy as np
import pytest

from matcalc.calculus.facts import declared_facts, rigid
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.calculus.structure import Structures, closure
from matcalc.language.parser import parse, parse_formula
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import transpose
from matcalc.nodes.expr import Node, shape
from matcalc.numeric.agree import agree
from matcalc.printing.text import text
from matcalc.rulebase.base import rulebase
from tests.arrays import draw, values

RULES = rulebase()
WORLD = """
A, B, C: matrix(n,n); S, T1: matrix(n,n) symmetric; P, P2: matrix(n,n) posdef; K: matrix(n,n) skew
D1, D2: matrix(n,n) diagonal; L, L2: matrix(n,n) lower; U, U2: matrix(n,n) upper; Q, Q2: matrix(n,n) orthogonal
X: matrix(n,d); x, y: vector(n); z: vector(d); s: scalar; c: scalar positive; V: matrix(n,n) invertible
E: matrix(n,n) positive; F: matrix(n,n) nonnegative
"""
EVERY = "tr(A+B+C+S+T1+P+P2+K+D1+D2+L+L2+U+U2+Q+Q2+V+E+F) + sum(X) + sum(x) + sum(y) + sum(z) + s + c"
PROBLEM = parse(EVERY, WORLD)
NAMES = dict(PROBLEM.variables)


def node(formula: str) -> Node:
    return parse_formula(formula, NAMES, PROBLEM.sizes)


def structures(problem: Problem = PROBLEM) -> Structures:
    return Simplifier(RULES, problem.definitions).structures


# ---------------------------------------------------------------- transposes

TRANSPOSES = [
    ("A", "A'"),
    ("A'", "A"),
    ("A*B", "B'*A'"),
    ("A*B'*C", "C'*B*A'"),
    ("2*A*X", "2*X'*A'"),
    ("s*A", "s*A'"),
    ("x*z'", "z*x'"),
    ("S", "S"),
    ("P", "P"),
    ("D1", "D1"),
    ("K", "-K"),
    ("A*S*B", "B'*S*A'"),
    ("A*K*X", "-X'*K*A'"),
    ("A*A'", "A*A'"),
    ("X'*S*X", "X'*S*X"),
    ("A + B'", "A' + B"),
    ("A' + B'", "A + B"),
    ("A + A'", "A + A'"),
    ("A .* A'", "A .* A'"),
    ("S + 2*T1", "S + 2*T1"),
    ("A .* B'", "A' .* B"),
    ("A + B", "(A + B)'"),
    ("exp(A) .* B", "(exp(A) .* B)'"),
    ("A' .* B'", "A .* B"),
    ("S .* T1", "S .* T1"),
    ("kron(A, B)", "kron(A', B')"),
    ("kron(S, T1)", "kron(S, T1)"),
    ("inv(A)", "inv(A)'"),
    ("inv(S)", "inv(S)"),
    ("inv(A')", "inv(A')'"),
    ("inv(A*A')", "inv(A*A')"),
    ("A^3", "(A^3)'"),
    ("S^3", "S^3"),
    ("S^-2", "S^-2"),
    ("expm(S)", "expm(S)"),
    ("expm(A)", "expm(A)'"),
    ("exp(S)", "exp(S)"),
    ("exp(A')", "exp(A)"),
    ("diag(x)", "diag(x)"),
    ("eye(n)", "eye(n)"),
    ("ones(n, d)", "ones(d, n)"),
    ("zeros(n, d)", "zeros(d, n)"),
    ("L", "L'"),
    ("tril(A)", "tril(A)'"),
    ("chol(P)", "chol(P)'"),
]


@pytest.mark.parametrize(("formula", "expected"), TRANSPOSES, ids=lambda f: f)
def test_a_transpose_has_one_normal_form(formula: str, expected: str) -> None:
    e = node(formula)
    turned = structures().transposed(e)
    assert text(turned) == expected
    assert shape(turned) == shape(e)[::-1]
    assert agree(turned, transpose(e)).ok is True


@pytest.mark.parametrize("formula", [f for f, _ in TRANSPOSES])
def test_a_transpose_of_a_transpose_is_the_expression(formula: str) -> None:
    known = structures()
    turned = known.transposed(known.transposed(node(formula)))
    assert agree(turned, node(formula)).ok is True
    if "+" not in formula:
        assert known.transposed(known.transposed(turned)) is turned


def test_a_scalar_is_its_own_transpose() -> None:
    assert structures().transposed(node("x'*A*y")) is node("x'*A*y")


# ---------------------------------------------------------------- inference

HAS = {
    "symmetric": """
        S | P | D1 | inv(S) | S + T1 | 2*S - 3*P | A + A' | A*A' | A'*A | X*X' | X*X' + s*eye(n) | A*S*A' | S*S
        S^2 | A*P*A' | x*x' | A .* A' .* S | 2*A + 2*A' - B - B' | inv(A + A')
        diag(x) | eye(n) | ones(n, n) | zeros(n, n) | exp(S) | S .* T1 | A .* A' | kron(S, P) | expm(S) | inv(X*X' + P) | K*K
        S*A*A'*S | max(S, 0) | S.^3 | (A*A')^3 | S*T1*S
    """,
    "lower": "L | L*L2 | L + L2 | inv(L) | L^2 | tril(A) | chol(P) | D1 | diag(x) | eye(n) | L .* A | U' | -2*L | L*D1 | s*L",
    "upper": "U | U*U2 | inv(U) | triu(A) | D1 | L' | chol(P)' | U .* A | (L*L2)'",
    "diagonal": "D1 | D1*D2 | inv(D1) | diag(x) | eye(n) | D1 .* A | D1 + eye(n) | 3*D1 | D1'",
    "orthogonal": "Q | Q' | Q*Q2 | inv(Q) | eye(n) | Q*Q2'*Q",
    "posdef": "P | inv(P) | P + P2 | 2*P | c*P | P + eye(n) | P^2",
    "invertible": "V | P | Q | V' | inv(V) | expm(A)",
    "skew": "K | 3*K | K + K | s*K",
    "positive": "E | exp(A) | E + E | E*E | c*E | E'",
    "nonnegative": "F | E | F + E | F .* E | F*E | 3*F | abs(A)",
}
HAS_NOT = {
    "symmetric": """
        A | A*B | S*T1 | S*P | K | L | Q | X*X'*A | A*K*A' | S*A*A' | A + S | inv(A) | A .* B
        A .* A .* A' | 2*A + A' | exp(A) | kron(A, S)
    """,
    "lower": "A | U | L' | L*U | L + U | A*L | S | L*L' | Q | A .* B | exp(L)",
    "upper": "A | L | U' | U + L | U'*U",
    "diagonal": "A | L | S | D1*A | D1 + A | Q | exp(D1)",
    "orthogonal": "A | 2*Q | Q + Q2 | -1*Q + Q | S | Q*A",
    "posdef": "S | s*P | -P | A*A' | P - P2 | A*P*A' | P*P2",
    "invertible": "A | A*V | V + V' | X*X' | S",
    "skew": "A | S | A + A' | K*K | A*K",
    "positive": "A | F | E - F | -E | s*E | log(E)",
    "nonnegative": "A | -F | s*F | F - E",
}


def cases(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, f.strip()) for name, row in table.items() for line in row.splitlines() for f in line.split("|") if f.strip()]


def is_so(structure: str, M: np.ndarray) -> bool:
    checks = {
        "symmetric": lambda: np.allclose(M, M.T),
        "skew": lambda: np.allclose(M, -M.T),
        "lower": lambda: np.allclose(M, np.tril(M)),
        "upper": lambda: np.allclose(M, np.triu(M)),
        "diagonal": lambda: np.allclose(M, np.diag(np.diag(M))),
        "orthogonal": lambda: np.allclose(M.T @ M, np.eye(len(M))),
        "posdef": lambda: np.allclose(M, M.T) and np.linalg.eigvalsh(M).min() > 0,
        "invertible": lambda: np.linalg.cond(M) < 1e8,
        "positive": lambda: M.min() > 0,
        "nonnegative": lambda: M.min() >= 0,
    }
    return bool(checks[structure]())


def at_a_point(e: Node) -> np.ndarray:
    """e at a random point that has every declared structure."""
    rng = np.random.default_rng(5)
    arrays = {}
    for name, X in NAMES.items():
        props = sorted(getattr(X, "properties", frozenset()))
        dims = tuple({"n": 3, "d": 4}[str(d)] for d in shape(X) if d != 1)
        arrays[X] = draw(props[0] if props else "positive" if name == "c" else "real", dims, rng)
    return np.asarray(values([e], arrays, {"n": 3, "d": 4})[0])


@pytest.mark.parametrize(("structure", "formula"), cases(HAS), ids=lambda f: f)
def test_what_is_inferred_is_so(structure: str, formula: str) -> None:
    assert structures().has(node(formula), structure)
    assert is_so(structure, at_a_point(node(formula)))


@pytest.mark.parametrize(("structure", "formula"), cases(HAS_NOT), ids=lambda f: f)
def test_what_need_not_be_so_is_not_inferred(structure: str, formula: str) -> None:
    assert not structures().has(node(formula), structure)


def test_scalars_have_what_a_number_has() -> None:
    known = structures()
    assert known.has(node("x'*A*y"), "symmetric") and known.has(node("s"), "lower")
    assert known.has(node("c"), "positive") and not known.has(node("s"), "positive")


def test_a_declaration_states_what_it_implies() -> None:
    known = structures()
    assert known.declared(NAMES["P"]) == {"posdef", "symmetric", "invertible"}
    assert known.declared(NAMES["D1"]) == {"diagonal", "symmetric", "lower", "upper"}
    assert known.declared(NAMES["A"]) == frozenset()
    assert closure(["onehot"], RULES.structures) == {"onehot", "simplex", "nonnegative"}


def test_the_narrowest_subspace_is_the_one_to_project_on() -> None:
    known = structures()
    assert known.subspaces(NAMES["D1"]) == ["diagonal"]
    assert known.subspaces(NAMES["P"]) == ["symmetric"]
    assert known.subspaces(NAMES["L"]) == ["lower"]
    assert known.subspaces(NAMES["Q"]) == known.subspaces(NAMES["A"]) == []


# ---------------------------------------------------------------- named intermediates


def test_a_named_intermediate_has_the_structure_of_its_definition() -> None:
    problem = parse("G = X'*X; M = tril(A); H = inv(G + eye(d)); tr(H*G) + sum(M)", declare="X: matrix(n,d); A: matrix(n,n)")
    known, names = structures(problem), problem.names
    assert known.has(names["G"], "symmetric") and known.has(names["H"], "symmetric")
    assert known.has(names["M"], "lower") and not known.has(names["M"], "symmetric")
    assert known.transposed(names["H"]) is names["H"]
    assert text(known.transposed(names["M"])) == "M'"


def test_without_its_definition_a_name_is_any_matrix() -> None:
    problem = parse("G = X'*X; tr(G*G)")
    assert not structures().has(problem.names["G"], "symmetric")


# ---------------------------------------------------------------- facts


def stated(declaration: str) -> set[str]:
    problem = parse("sum(X)", f"X: {declaration}")
    return {f"{text(a)} == {text(b)}" for a, b in declared_facts(problem.variables.values(), RULES)}


@pytest.mark.parametrize(
    ("declaration", "facts"),
    [
        ("matrix(n,n) orthogonal", ["X'*X == eye(n)", "X*X' == eye(n)"]),
        ("vector(n) simplex", ["X'*ones(n) == 1"]),
        ("matrix(m,n) simplex", ["sum(X, axis=1) == ones(m)"]),
        ("vector(n) onehot", ["X'*ones(n) == 1", "X' .* X' == X'"]),
        ("matrix(n,n) symmetric", ["X' == X"]),
        ("matrix(n,n) skew", ["X' == -X"]),
        ("matrix(n,n) lower", ["tril(X) == X"]),
        ("matrix(n,n) diagonal", ["X' == X", "tril(X) == X", "triu(X) == X"]),
        ("matrix(n,n)", []),
        ("vector(n) positive", []),
    ],
)
def test_a_declaration_states_equations(declaration: str, facts: list[str]) -> None:
    assert stated(declaration) == set(facts)


def test_rigid_structures_are_those_that_a_free_variable_leaves() -> None:
    assert rigid(RULES) == {"orthogonal", "simplex", "onehot"}
    known = Simplifier(RULES, unused=rigid(RULES)).structures
    assert not known.has(NAMES["Q"], "orthogonal") and known.has(NAMES["P"], "symmetric")
