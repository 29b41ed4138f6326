"""Unknown functions: a sample that stands for ell(Y) where numbers are compared, and a person's own where they give one.

The sample is ell(Y) = sum(b .* sin(Y + a)) + sin(sum(a .* Y)): smooth, not linear, different in every entry, for any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

import numpy as np

from matcalc.nodes.expr import Node, head, is_scalar, operands
from matcalc.nodes.unknown import APPLY, function_of
from matcalc.numeric.arrays import inside, outside
from matcalc.numeric.linalg import Array
from matcalc.numeric.operation import Kernel


def _coefficients(name: str, Y: Array) -> tuple[Array, Array]:
    """The a and b of a function."""
    rows, columns = Y.shape
    phase = crc32(name.encode()) / 2**32
    place = np.arange(1, rows + 1)[:, None] + np.sqrt(2) * np.arange(1, columns + 1)
    return np.sin(3 * phase + 1.3 * place), 1 + 0.5 * np.cos(7 * phase + 1.9 * place)


def sample(name: str, Y: Array) -> Array:
    """The value of the sample that stands for a function."""
    a, b = _coefficients(name, Y)
    return (b * np.sin(Y + a)).sum(keepdims=True) + np.sin((a * Y).sum(keepdims=True))


def sample_gradient(name: str, Y: Array) -> Array:
    """The gradient of that sample."""
    a, b = _coefficients(name, Y)
    return b * np.cos(Y + a) + a * np.cos((a * Y).sum(keepdims=True))


def unknown_kernel(e: Node, given: Mapping[str, Callable[..., object]]) -> Kernel:
    """The kernel of a node ell(Y) or grad(ell, Y): what was given as ell or grad_ell, else the sample."""
    argument, (Y,) = argument_of(e), operands(e)
    own = given.get(argument)
    if own is not None:
        return Kernel(lambda value: inside(own(outside(value, Y)), e, argument), analytic=False)
    name, is_value = function_of(head(e)), head(e).startswith(APPLY)

    def computed(value: Array) -> Array:
        made = (sample if is_value else sample_gradient)(name, np.atleast_2d(value))
        return made[0, 0] if is_scalar(e) else made

    return Kernel(computed)


def argument_of(e: Node) -> str:
    """The name under which a person gives the function of a node: ell, grad_ell."""
    name = function_of(head(e))
    return name if head(e).startswith(APPLY) else f"grad_{name}"
