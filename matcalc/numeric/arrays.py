"""Arrays as people have them and as they are held inside, and the sizes that their shapes tell.

Inside, every matrix is a 2-D array (a vector is n×1, a family of matrices holds its members side by side) and every scalar a
NumPy scalar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from matcalc.errors import ArgumentError, ShapeError
from matcalc.nodes.expr import Node, Shape, is_scalar, name_of, properties, shape
from matcalc.nodes.families import member_shape
from matcalc.numeric.linalg import Array


@lru_cache(maxsize=1024)
def _polynomial(e: Expr, names: tuple[str, ...], values: tuple[int, ...]) -> int | None:
    known = dict(zip(names, values, strict=True))
    result = e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})
    return int(result) if result.is_Integer else None


def dimension(e: Expr, sizes: Mapping[str, int]) -> int | None:
    """The dimension e as an integer; None where a size in it is not known."""
    if e.is_Integer:
        return int(e)
    if isinstance(e, Symbol):
        return sizes.get(e.name)
    return _polynomial(e, tuple(sizes), tuple(sizes.values()))


def user_dims(node: Node) -> Shape:
    """The dimensions of the array that stands for a node: two, three of a family of matrices."""
    family = member_shape(node)
    return shape(node) if family is None or family[1] == 1 else family


def as_numbers(array: object, node: Node, name: str) -> Array:
    """A user's array as numbers: a NumPy scalar, an array of two dimensions, of three for a family of matrices."""
    try:
        made = np.asarray(array)
        made = made.astype(complex if made.dtype.kind == "c" else float, copy=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is not an array of numbers") from error
    if is_scalar(node):
        if made.size != 1:
            raise ShapeError(f"{name} is a scalar, but its value has the shape {made.shape}")
        return made.reshape(-1)[0]
    if made.ndim == 1 and shape(node)[1] == 1:
        return made[:, None]
    if made.ndim != len(user_dims(node)):
        raise ShapeError(f"{name} has the shape {dims_text(node)}, but its value {made.shape}")
    return made


def inside(array: object, node: Node, name: str) -> Array:
    """A user's array as it is held inside."""
    return folded(as_numbers(array, node, name))


def folded(array: Array) -> Array:
    """The members of a family m×n×N side by side; anything else as it is."""
    return array.transpose(0, 2, 1).reshape(array.shape[0], -1) if array.ndim == 3 else array


def outside(value: Array, node: Node, like: Node | None = None, sizes: Mapping[str, Array] | None = None) -> Any:
    """An inner value in its documented shape: (n,) of a vector, () of a scalar, that of the family where it is `like` one.

    `like` is the variable by which the node is a derivative; the shape of a family takes the sizes by name.
    """
    if is_scalar(node):
        return np.asarray(value)[()]
    dims = user_dims(node if like is None or shape(like) != shape(node) else like)
    if len(dims) == 3:
        known = {s.name: round(float(sizes[s.name].real)) for s in dims[1].free_symbols if sizes and s.name in sizes}
        columns = dimension(dims[1], known)
        if columns is not None:
            return np.array(value.reshape(len(value), -1, columns).transpose(0, 2, 1))
    filled = np.broadcast_to(value, np.shape(value))
    return filled[:, 0].copy() if shape(node)[1] == 1 else np.array(filled)


def dims_text(node: Node) -> str:
    """The shape of a node as people write it: (n,), (m, n), or (m, n, N)."""
    dims = user_dims(node)
    return f"({dims[0]},)" if len(dims) == 2 and dims[1] == 1 else f"({', '.join(map(str, dims))})"


def infer_sizes(arrays: Mapping[Node, Array], given: Mapping[str, int] | None = None) -> dict[str, int]:
    """The sizes by name that the shapes of the arrays tell, checked against each other and those given."""
    sizes: dict[str, int] = dict(given or {})
    told: dict[str, str] = {}
    pending = [(node, d, actual) for node, a in arrays.items() for d, actual in zip(user_dims(node), a.shape, strict=False)]
    for node, d, actual in sorted(pending, key=lambda p: not p[1].is_Symbol):
        expected = dimension(d, sizes)
        if expected is None:
            name = next(s.name for s in d.free_symbols if s.name not in sizes)
            expected = next((v for v in range(1, actual + 1) if dimension(d, {**sizes, name: v}) == actual), None)
            if expected is not None:
                sizes[name], told[name] = expected, f"by {name_of(node)}"
                continue
        if expected != actual:
            because = ", ".join(
                f"{s} is {sizes[s.name]} {told.get(s.name, 'as given')}" for s in d.free_symbols if s.name in sizes
            )
            raise ShapeError(
                f"{name_of(node)} has the shape {dims_text(node)}, but its value has the shape {arrays[node].shape}"
                + (f" while {because}" if because else "")
            )
    return sizes


def bind(
    inputs: Mapping[str, Node],
    arrays: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
    required: Iterable[str] | None = None,
) -> dict[str, Array]:
    """The inner values by name of the arrays given and of the sizes that they tell; those required must be there."""
    held = {inputs[name]: as_numbers(value, inputs[name], name) for name, value in arrays.items() if name in inputs}
    for node, a in held.items():
        if (is_scalar(node) and node.is_integer) or "integer" in properties(node):
            odd = np.ravel(a)[np.ravel(~np.isfinite(a) | (a != np.rint(a.real)))]
            if odd.size:
                raise ArgumentError(f"{name_of(node)} is whole, and {odd[0]:g} is no whole number")
    stated = {name_of(node): round(float(a.real)) for node, a in held.items() if is_scalar(node) and node.is_integer}
    known = infer_sizes({node: a for node, a in held.items() if not is_scalar(node)}, {**stated, **(sizes or {})})
    values: dict[str, Array] = {name: np.float64(size) for name, size in known.items()}
    values.update({name_of(node): folded(a) for node, a in held.items()})
    missing = [name for name in (inputs if required is None else required) if name not in values]
    if missing:
        tells = any(not is_scalar(inputs[name]) for name in missing)
        raise ArgumentError(
            f"no value for {', '.join(missing)}", hint="" if tells else "no array tells it: give it by its name"
        )
    return values
