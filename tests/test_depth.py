"""Depth and size are no limit: what is deep or long is finished, with work and results linear in what was typed.

Operations are counted, no times are measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.calculus import adjoint
from matcalc.calculus.adjoint import sweep, textbook
from matcalc.calculus.simplify.cost import Cost
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.language.parser import parse
from matcalc.nodes.algebra import mul
from matcalc.nodes.expr import Node, graph_size, operands, postorder
from matcalc.numeric.agree import agree
from matcalc.numeric.evaluate import evaluate
from matcalc.printing.text import text_program
from matcalc.rulebase.base import rulebase
from tests.differences import complex_step, relative_error

RULES = rulebase()
Family = Callable[[int], str]


def nested(layer: str, start: str, whole: str, count: int) -> str:
    """The text of `whole`, in which {} is `start` put `count` times into the {} of `layer`; {i} is the number of the layer."""
    inside = start
    for i in range(count):
        inside = layer.format(inside, i=i + 1)
    return whole.format(inside)


NESTED = {
    "inverses": ("inv({} + B)", "X", "tr({})", "X, B: matrix(n,n)"),
    "Horner's scheme of a matrix": ("({}*X + A)", "X", "tr({})", "X, A: matrix(n,n)"),
    "Horner's scheme of a vector": ("({} .* x + {i})", "x", "sum({})", ""),
    "Horner's scheme of a scalar": ("({}*s + {i})", "s", "{}", "s: scalar"),
    "matrix exponentials": ("expm(B*{})", "X", "tr({})", "X, B: matrix(n,n)"),
    "layers": ("tanh(A*{})", "x", "sum({})", ""),
    "sigmoid layers": ("sigmoid(A*{})", "x", "sum({})", ""),
    "entrywise functions": ("sin({})", "x", "sum({})", ""),
    "softplus": ("softplus({})", "x", "sum({})", ""),
    "sums": ("(A*{} + x)", "x", "sum({})", ""),
    "transposes": ("(A*{})'", "X", "tr({})", "A, X: matrix(n,n)"),
    "blocks": ("[{}; A*x]", "x", "sum({})", ""),
    "norms": ("norm({}*x)", "1", "{}", ""),
    "maxima": ("max({}*A, 0)", "X", "norm({})^2", "X, A: matrix(n,n)"),
    "minus signs": ("-({} - A)", "X", "tr({}*X)", "X, A: matrix(n,n)"),
    "brackets": ("({})", "x'*A*x", "{}", ""),
}
FEWER_LEVELS = {"blocks": 100}  # each product of selections is tried at every factor: cubic, though not in what is counted
LONG: dict[str, tuple[Family, str, int]] = {
    "a sum of traces": (lambda n: " + ".join(f"tr(A{i}*X)" for i in range(n)), "X", 1000),
    "a sum in a trace": (lambda n: f"tr(({' + '.join(f'A{i}' for i in range(n))})*X)", "X", 5000),
    "a sum of vectors": (lambda n: f"norm({' + '.join(f'x{i}' for i in range(n))})^2", "x7", 5000),
    "an entrywise product": (lambda n: f"sum({' .* '.join(f'x{i}' for i in range(n))})", "x7", 5000),
    "a sum of scalars": (lambda n: " + ".join(f"norm(x{i})" for i in range(n)), "x7", 1000),
}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often adjoints are taken, nodes rewritten and costs counted while the context lasts."""
    calls: Counter[str] = Counter()

    def count(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            calls[name] += 1
            return plain(*args)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adjoint, "operand_adjoint", count("adjoints", adjoint.operand_adjoint))
        patch.setattr(Simplifier, "_rewritten", count("rewrites", Simplifier._rewritten))
        patch.setattr(Cost, "_count", count("costs", Cost._count))
        yield calls


def derived(text: str, wrt: str, declare: str = "") -> tuple[int, Counter[str]]:
    """(different nodes of the gradient, operations that it took)."""
    problem = parse(text, declare or None)
    with counted() as calls:
        (found,) = matcalc.gradients(problem, [wrt], verify=False)
    assert len(str(found)) > 0
    return graph_size(found.node), calls


def assert_linear(small: tuple[int, Counter[str]], large: tuple[int, Counter[str]], times: int) -> None:
    """So many times the input makes no more than as many times the nodes and the work, by a tenth."""
    assert large[0] <= 1.1 * times * small[0] + 20
    for name, count in large[1].items():
        assert count <= 1.1 * times * small[1][name] + 60, f"{name}: {small[1][name]}, then {count}"


@pytest.mark.parametrize("name", NESTED)
def test_three_hundred_levels_are_no_deeper_than_a_person_can_type(name: str) -> None:
    layer, start, whole, declare = NESTED[name]
    wrt = start if start != "1" and len(start) == 1 else "x"
    count = FEWER_LEVELS.get(name, 300)
    small, large = (derived(nested(layer, start, whole, n), wrt, declare) for n in (count // 5, count))
    assert_linear(small, large, 5)


@pytest.mark.parametrize("name", LONG)
def test_thousands_of_terms_are_no_more_than_a_program_can_generate(name: str) -> None:
    family, wrt, count = LONG[name]
    small, large = (derived(family(n), wrt) for n in (count // 5, count))
    assert_linear(small, large, 5)


# ---------------------------------------------------------------- networks


def network(layers: int, prefix: str) -> matcalc.Problem:
    """Z_i = tanh(Z_(i-1)*W_i), every layer named, and the loss."""
    lines = [f"{prefix}0 = X", *(f"{prefix}{i + 1} = tanh({prefix}{i}*W{i})" for i in range(layers))]
    return parse("\n".join([*lines, f"norm({prefix}{layers} - Y)^2"]))


def without_names(layers: int) -> matcalc.Problem:
    """The same network as one formula."""
    inside = "X"
    for i in range(layers):
        inside = f"tanh({inside}*W{i})"
    return parse(f"norm({inside} - Y)^2")


@pytest.mark.parametrize("build", [lambda n: network(n, "Z"), without_names], ids=["named", "nested"])
def test_a_network_of_200_layers_costs_twice_one_of_100(build: Callable[[int], matcalc.Problem]) -> None:
    measured = []
    for layers in (100, 200):
        problem = build(layers)
        with counted() as calls:
            found = matcalc.gradients(problem, [f"W{i}" for i in range(layers)], verify=False)
        results = [d.node for d in found]
        shared, lines = text_program(results, problem.variables)
        printed = sum(len(shown) for _, shown in shared) + sum(map(len, lines))
        calls["edges"] = sum(len(operands(e)) for e in postorder(results))
        calls["characters"] = printed
        measured.append((graph_size(*results), calls))
    assert_linear(measured[0], measured[1], 2)
    assert measured[0][0] < 20 * 100


def test_a_hundred_layers_are_verified_in_every_weight() -> None:
    layers = 100
    problem = network(layers, "Z")
    found = matcalc.gradients(problem, [f"W{i}" for i in range(0, layers, 9)])
    verdict = found[0].verification
    assert verdict is not None and verdict.ok is True, verdict
    assert str(found[-1]).count("tanh") == 0, "the derivative of a layer is written in its name"


def test_deep_gradients_are_right() -> None:
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    for name in ("layers", "sums", "entrywise functions", "Horner's scheme of a vector"):
        layer, start, whole, _ = NESTED[name]
        problem = parse(nested(layer.replace("{i}", "1/{i}"), start, whole, 60))
        (found,) = matcalc.gradients(problem, ["x"], verify=False)
        arrays: dict[str, Any] = {"A": A / 4, "x": x}
        inputs = {name: arrays[name] for name in problem.variables}

        def f(moved: Any, problem: matcalc.Problem = problem, inputs: dict[str, Any] = inputs) -> Any:
            return evaluate([problem.expression], {**inputs, "x": moved})[0]

        truth = np.array([complex_step(f, x, D) for D in np.eye(3)])
        value = evaluate([found.node], inputs, {"n": 3})[0]
        assert relative_error(value, truth) < 1e-9, name


# ---------------------------------------------------------------- shared graphs


def doubled(levels: int) -> tuple[Node, Node]:
    """f whose tree has 2^levels leaves, but whose graph has a few nodes for each level; and its variable."""
    problem = parse("x'*A*x")
    X, A = problem.variables["x"], problem.variables["A"]
    e: Node = X
    for _ in range(levels):
        moved = RULES.make("tanh", (e,), e.shape)
        e = RULES.make("max", (mul(A, moved), moved), e.shape)
    return RULES.make("sum", (e,), ()), X


def test_what_is_shared_is_swept_once() -> None:
    sizes = []
    for levels in (100, 200):
        f, X = doubled(levels)
        sweep(f, [X], {}, RULES)  # the adjoint of each function is derived once
        with counted() as calls:
            Y = sweep(f, [X], {}, RULES)[X]
        assert calls["adjoints"] == 4 * levels + 1
        sizes.append(graph_size(Y))
    assert sizes[1] <= 2.1 * sizes[0]


def test_the_textbook_agrees_with_the_sweep_where_it_can_be_written_out() -> None:
    f, X = doubled(5)
    with counted() as calls:
        written = textbook(f, X, {}, RULES)
    assert calls["adjoints"] > 2**5, "one line for each operation on each path"
    assert agree(written, sweep(f, [X], {}, RULES)[X]).ok is True


def test_a_shared_graph_is_simplified_node_by_node() -> None:
    work = []
    for levels in (60, 120):
        f, _ = doubled(levels)
        with counted() as calls:
            made = Simplifier(RULES)(f)
        work.append((graph_size(made), calls))
    assert_linear(work[0], work[1], 2)
