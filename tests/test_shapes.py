"""Kinds and shapes: conventions, unification over a whole problem, what is assumed and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from matcalc.language.parser import parse
from matcalc.language.problem import user_shape
from matcalc.language.shapes import ClashError, Size, Unifier, find, free_names, over, plus, simplified, times
from matcalc.nodes.expr import name_of, shape
from tests.corpus_entries import FOLDER, LATER


def shapes(source: str, declare: str = "") -> dict[str, tuple[str | int, ...]]:
    return {name: user_shape(v) for name, v in parse(source, declare).variables.items()}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("norm(max(X*W, 0) - Y)^2", {"X": ("n", "d"), "W": ("d", "k"), "Y": ("n", "k")}),
        ("tr(A*X*B*X'*C)", {"A": ("n", "d"), "X": ("d", "k"), "B": ("k", "k"), "C": ("d", "n")}),
        ("x'*A*x", {"x": ("n",), "A": ("n", "n")}),
        ("logdet(A + B*X*C)", {"A": ("n", "n"), "B": ("n", "d"), "X": ("d", "k"), "C": ("k", "n")}),
        ("alpha*x + mu", {"alpha": (), "x": ("n",), "mu": ("n",)}),
        ("eps*x + epsilon*ell*y", {"eps": (), "x": ("n",), "epsilon": (), "ell": (), "y": ("n",)}),
        ("X*mu", {"X": ("n", "d"), "mu": ()}),
        ("det(X^k)", {"X": ("n", "n"), "k": ()}),
        ("x[i] + X[i,j]", {"x": ("n",), "i": (), "X": ("d", "k"), "j": ()}),
        ("kron(A, B)*vec(C)", {"A": ("n", "d"), "B": ("k", "m"), "C": ("d", "m")}),
        ("commutation(m, n)*vec(A)", {"A": ("m", "n")}),
        ("duplication(n)*vech(A)", {"A": ("n", "n")}),
        ("logdet(eye(n) + X*X')", {"X": ("n", "d")}),
        ("[A, B; C, D]*x", {"A": ("n", "d"), "B": ("n", "k"), "C": ("m", "d"), "D": ("m", "k"), "x": ("d + k",)}),
        ("softmax(X*W .+ b', axis=1)", {"X": ("n", "d"), "W": ("d", "k"), "b": ("k",)}),
        ("X .* x + y .* Y", {"X": ("n", "d"), "x": ("n",), "y": ("n",), "Y": ("n", "d")}),
        ("d'*x", {"d": ("n",), "x": ("n",)}),
        ("Sigma*x", {"Sigma": ("n", "d"), "x": ("d",)}),
    ],
)
def test_shapes_follow_from_names_and_places(source: str, expected: dict[str, tuple[str | int, ...]]) -> None:
    assert shapes(source) == expected
    assert not parse(source).notes


@pytest.mark.parametrize(
    ("source", "assumed"),
    [
        ("c*x + y", {"c": ()}),
        ("x^2", {"x": ()}),
        ("1/(1 + exp(-x))", {"x": ()}),
        ("x/(1 + y'*y)*b", {"b": ()}),
        ("X*W - y", {"W": ("d",)}),
        ("N/2*logdet(P) - 1/2*tr(S*P)", {"N": ()}),
        ("n*x", {"n": ()}),
        ("norm(x, p)", {"p": ()}),
        ("A^p", {"p": ()}),
        ("tr(x)", {"x": ("n", "n")}),
        ("beta'*x", {"beta": ("n",)}),
        ("x*y + x*z + x*w", {"x": ()}),
        ("y*x + z*x + w*x", {"x": ()}),
        ("1/2*m*v^2", {"m": (), "v": ()}),
    ],
)
def test_shapes_win_over_conventions_and_a_note_says_so(source: str, assumed: dict[str, tuple[str | int, ...]]) -> None:
    p = parse(source)
    assert {name: user_shape(p.variables[name]) for name in assumed} == assumed
    assert len(p.notes) == len(assumed)
    assert all(any(note.startswith(f"{name} is read as") for note in p.notes) for name in assumed)


def test_many_names_may_be_read_against_their_convention() -> None:
    p = parse("; ".join(f"z{i} = x{i}^2" for i in range(100)))
    assert p.shape == ()
    assert len(p.notes) == 100


def test_a_scalar_added_to_a_square_matrix_is_noted() -> None:
    assert parse("X'*X + lambda*1").notes == (
        "lambda*1 is added to every entry of a square matrix; did you mean (lambda*1)*eye(d)?",
    )
    assert parse("A^2 + s", "s: scalar").notes == ("s is added to every entry of a square matrix; did you mean s*eye(n)?",)
    assert not parse("A^2 .+ 1").notes
    assert not parse("X + 1").notes
    assert not parse("x + 1").notes


def test_a_glued_name_is_noted_where_its_letters_are_variables() -> None:
    assert parse("norm(XW - Y) + norm(X) + norm(W)").notes == ("XW is read as one name; did you mean X*W?",)
    assert not parse("norm(XW - Y)").notes


def test_what_nothing_determines_is_noted() -> None:
    assert parse("tr(I)").notes
    assert not parse("tr(I*A)").notes
    assert parse("norm(x)", "A: matrix").notes == ("A is declared and does not occur",)


def test_a_size_is_never_one_only_to_make_things_fit() -> None:
    p = parse("A*x + B*y")
    assert all(d != 1 for name in "AB" for d in shape(p.variables[name]))


@pytest.mark.parametrize(
    ("source", "declare", "expected"),
    [
        ("X*W", "X: matrix(3,4)", (3, "n")),
        ("x", "x: matrix(1,n)", (1, "n")),
        ("x*x'", "x: matrix(1,n)", ()),
        ("kron(A, B)", "A: matrix(2,3); B: matrix(n,4)", ("2*n", 12)),
        ("vech(A)", "A: matrix(4,4)", (10,)),
        ("[x; y; 1]", "x: vector(3); y: vector(n)", ("n + 4",)),
        ("X[i,:]", "X: matrix(m,n)", (1, "n")),
        ("X[:,j]", "X: matrix(m,n)", ("m",)),
        ("sum(X, axis=0)", "X: matrix(m,n)", (1, "n")),
        ("mean(X, axis=1)", "X: matrix(m,n)", ("m",)),
        ("x .* y'", "x: vector(m); y: vector(n)", ("m", "n")),
    ],
)
def test_the_shape_of_a_result(source: str, declare: str, expected: tuple[str | int, ...]) -> None:
    assert parse(source, declare).shape == expected


def test_free_sizes_have_names_that_the_problem_does_not_use() -> None:
    p = parse("n*norm(X*Y)")
    assert shapes("n*norm(X*Y)") == {"n": (), "X": ("d", "k"), "Y": ("k", "m")}
    assert list(p.sizes) == ["d", "k", "m"]


def entries() -> list[Any]:
    lines = [line for name in ("seeds", "cookbook") for line in Path(FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
    records = [json.loads(line) for line in lines]
    return [pytest.param(r, id=r["id"]) for r in records if not LATER & set(r["tags"])]


@pytest.mark.parametrize("record", entries())
def test_a_problem_of_the_corpus_has_the_shapes_of_its_arrays(record: dict[str, Any]) -> None:
    p = parse(record["expr"], record["declare"])
    found: dict[str, int] = {}
    for name, dims in record["shapes"].items():
        variable = p.find(name)
        assert variable is not None
        assert len(user_shape(variable)) == len(dims)
        for d, value in zip(user_shape(variable), dims, strict=True):
            assert (found.setdefault(d, value) if isinstance(d, str) else d) == value
    known = {*record["shapes"], *(record.get("sizes") or {}), *(name_of(z) for z in p.definitions)}
    assert set(p.variables) <= known


# ---------------------------------------------------------------- dimensions


def test_unknown_sizes_are_bound_and_named_ones_are_not() -> None:
    n, m, a, b = Size("n"), Size("m"), Size(), Size()
    u = Unifier()
    u.unify(a, b)
    u.unify(b, n)
    assert find(a) is n
    with pytest.raises(ClashError):
        u.unify(a, m)
    with pytest.raises(ClashError):
        u.unify(n, 3)


def test_a_proper_size_is_not_one() -> None:
    u = Unifier()
    a, b, c = Size(proper=True), Size(), Size()
    u.unify(b, 1)
    u.unify(c, a)
    with pytest.raises(ClashError):
        u.unify(c, 1)


def test_equations_of_products_wait_until_they_can_be_solved() -> None:
    n, m, a, b, c = Size("n"), Size("m"), Size(), Size(), Size()
    u = Unifier()
    u.unify(times(a, b), times(m, n))
    u.unify(over(times(c, plus(c, 1)), 2), over(times(n, plus(n, 1)), 2))
    u.settle()
    assert (find(a), find(b), find(c)) == (m, n, n)


def test_sums_are_solved_for_an_unknown() -> None:
    n, a = Size("n"), Size()
    u = Unifier()
    u.unify(plus(n, a), plus(n, 3))
    assert find(a) == 3
    with pytest.raises(ClashError):
        u.unify(plus(n, 1), plus(n, 2))
    assert simplified(plus(plus(n, 1), n, -1)) == 1


def test_free_names_never_end() -> None:
    following = free_names(["n", "k"])
    names = [following() for _ in range(12)]
    assert names[:3] == ["d", "m", "p"]
    assert names[-2:] == ["n3", "n4"]


def test_blocks_that_meet_fit_one_by_one_where_nothing_else_tells_their_sizes() -> None:
    n, m, p, q = (Size(proper=True) for _ in range(4))
    unifier = Unifier()
    unifier.unify(plus(n, m), plus(p, q))
    unifier.settle()
    assert find(n) is find(p) and find(m) is find(q)


def test_blocks_wait_for_what_another_equation_tells() -> None:
    n, m, p, q = (Size(proper=True) for _ in range(4))
    unifier = Unifier()
    unifier.unify(plus(n, m), plus(p, q))
    unifier.unify(n, q)
    unifier.settle()
    assert find(n) is find(q) and find(m) is find(p)
