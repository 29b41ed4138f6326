"""Arrays for problems: random ones by domain, and nodes evaluated at them in the documented shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matcalc.nodes.expr import Node, name_of, shape
from matcalc.numeric.arrays import user_dims
from matcalc.numeric.evaluate import evaluate

Array = Any


def draw(domain: str, dims: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A random array of the domain; the names are those of the corpus and of the language's properties."""
    if domain.startswith("labels:"):
        return rng.integers(1, int(domain.partition(":")[2]) + 1, size=dims).astype(float)
    if domain in _SQUARE:
        return _SQUARE[domain](rng, dims[0])
    return _ENTRYWISE[domain](rng, dims)


def _normal(rng: np.random.Generator, dims: tuple[int, ...]) -> Array:
    return rng.normal(size=dims)


def _uniform(low: float, high: float) -> Any:
    return lambda rng, dims: rng.uniform(low, high, size=dims)


def _simplex(rng: np.random.Generator, dims: tuple[int, ...]) -> Array:
    x = rng.uniform(0.5, 2.0, size=dims)
    return x / np.sum(x, axis=-1, keepdims=True)


def _onehot(rng: np.random.Generator, dims: tuple[int, ...]) -> Array:
    return np.eye(dims[-1])[rng.integers(dims[-1], size=dims[:-1])]


def _rotation(rng: np.random.Generator, n: int) -> Array:
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def _invertible(rng: np.random.Generator, n: int) -> Array:
    return _rotation(rng, n) @ np.diag(rng.uniform(0.6, 2.0, size=n)) @ _rotation(rng, n)


def _det_positive(rng: np.random.Generator, n: int) -> Array:
    a = _invertible(rng, n)
    return a if np.linalg.det(a) > 0 else a @ np.diag([-1.0] + [1.0] * (n - 1))


def _posdef(rng: np.random.Generator, n: int) -> Array:
    q = _rotation(rng, n)
    return q @ np.diag(rng.uniform(0.6, 2.5, size=n)) @ q.T


def _symmetric(rng: np.random.Generator, n: int) -> Array:
    a = rng.normal(size=(n, n))
    return (a + a.T) / 2


def _skew(rng: np.random.Generator, n: int) -> Array:
    a = rng.normal(size=(n, n))
    return (a - a.T) / 2


def _diagonal(rng: np.random.Generator, n: int) -> Array:
    return np.diag(rng.uniform(0.6, 2.0, size=n))


def _lower(rng: np.random.Generator, n: int) -> Array:
    return np.tril(rng.normal(size=(n, n)), -1) + _diagonal(rng, n)


def _adjacency(rng: np.random.Generator, n: int) -> Array:
    a = np.abs(_symmetric(rng, n))
    return a - np.diag(np.diag(a))


def _symmetric_members(rng: np.random.Generator, dims: tuple[int, ...]) -> Array:
    a = 0.1 * rng.normal(size=dims)
    return (a + a.transpose(1, 0, 2)) / 2


_ENTRYWISE: dict[str, Any] = {
    "real": _normal,
    "small": lambda rng, dims: 0.3 * rng.normal(size=dims),
    "positive": _uniform(0.5, 2.0),
    "nonnegative": _uniform(0.5, 2.0),
    "negative": _uniform(-1.0, -0.2),
    "unit": _uniform(0.15, 0.85),
    "binary": lambda rng, dims: rng.integers(2, size=dims).astype(float),
    "sign": lambda rng, dims: 2.0 * rng.integers(2, size=dims) - 1.0,
    "simplex": _simplex,
    "onehot": _onehot,
    "small symmetric family": _symmetric_members,
}
_SQUARE: dict[str, Any] = {
    "invertible": _invertible,
    "det-positive": _det_positive,
    "posdef": _posdef,
    "symmetric": _symmetric,
    "adjacency": _adjacency,
    "skew": _skew,
    "diagonal": _diagonal,
    "lower": _lower,
    "upper": lambda rng, n: _lower(rng, n).T,
    "orthogonal": _rotation,
}


def dimensions(e: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of e in numbers, as a person counts it: (n,) for a vector."""
    numbers = tuple(int(d.subs({s: sizes[s.name] for s in d.free_symbols})) for d in user_dims(e))
    return numbers[:1] if len(numbers) == 2 and shape(e)[1] == 1 else numbers


def values(
    roots: Sequence[Node],
    leaves: Mapping[Node, Array],
    sizes: Mapping[str, int],
    definitions: Mapping[Node, Node] | None = None,
    functions: Mapping[str, Any] | None = None,
) -> list[Array]:
    """What each node is worth where its leaves are these arrays, in the documented shapes."""
    return evaluate(roots, {name_of(leaf): a for leaf, a in leaves.items()}, sizes, definitions, functions=functions)
