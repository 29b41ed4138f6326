"""Functions that work entry by entry, continued analytically; kinks are decided by the real part.

`SMOOTH` and `KINKED` are the tables of them by name; of a kinked one also what must stay away from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from matcalc.numeric.linalg import Array, is_complex, scipy


def power(x: Array, p: Array) -> Array:
    """x^p, entry by entry, for one exponent p."""
    if is_complex(p):
        return np.exp(p * np.log(x + 0j))
    if p == 2:
        return x * x
    if p == -1:
        return 1 / x
    if p == 0.5:
        return np.sqrt(x)
    return x**p


def powers(a: Array, b: Array) -> Array:
    """a.^b, entry by entry; the sign of a negative base is kept apart, so that whole exponents continue analytically."""
    if not (is_complex(a) or is_complex(b)):
        return np.power(a, b)
    negative = a.real < 0
    return np.exp(b * np.log(np.where(negative, -a, a) + 0j)) * np.where(negative, np.cos(np.pi * b.real), 1.0)


def pick(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, b elsewhere."""
    chosen: Array = np.where(condition, a, b)
    return chosen[()]


def absolute(x: Array) -> Array:
    """|x|, continued by the sign of the real part."""
    return np.sign(x.real) * x if is_complex(x) else np.abs(x)


def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b; where they tie it is b."""
    return pick(a.real > b.real, a, b)


def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b; where they tie it is b."""
    return pick(a.real < b.real, a, b)


def _decaying(x: Array) -> Array:
    """exp(-|x|), smooth from the right at 0."""
    return np.exp(pick(x.real >= 0, -x, x))


def sigmoid(x: Array) -> Array:
    """1/(1 + exp(-x)) without overflow."""
    small = _decaying(x)
    return pick(x.real >= 0, 1.0, small) / (1 + small)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return pick(x.real >= 0, x, 0.0) + np.log1p(_decaying(x))


def first_order(f: Callable[[Array], Array], derivative: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The real function f, continued to x + ih by f(x) + ih*f'(x)."""

    def continued(x: Array) -> Array:
        return f(x.real) + 1j * x.imag * derivative(x.real) if is_complex(x) else f(x)

    return continued


def _special(name: str) -> Callable[..., Array]:
    return lambda *args: getattr(scipy("special"), name)(*args)


def polygamma(order: Array, x: Array) -> Array:
    """The derivative of that order of digamma."""
    values = _special("polygamma")
    n = round(float(order.real))
    return first_order(lambda t: values(n, t)[()], lambda t: values(n + 1, t)[()])(x)


SMOOTH: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": lambda x: x * x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "cot": lambda x: 1 / np.tan(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "coth": lambda x: 1 / np.tanh(x),
    "sech": lambda x: 1 / np.cosh(x),
    "csch": lambda x: 1 / np.sinh(x),
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "hadpow": power,
    "pow": powers,
    "erf": first_order(_special("erf"), lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "erfc": first_order(_special("erfc"), lambda x: -2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "gamma": first_order(_special("gamma"), lambda x: scipy("special").gamma(x) * scipy("special").digamma(x)),
    "lgamma": first_order(_special("gammaln"), _special("digamma")),
    "digamma": first_order(_special("digamma"), lambda x: scipy("special").polygamma(1, x)[()]),
    "polygamma": polygamma,
    "add": lambda *terms: reduce(np.add, terms),
    "hadamard": lambda *factors: reduce(np.multiply, factors),
}
KINKED: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "abs": (absolute, lambda x: x),
    "sign": (lambda x: np.sign(x.real), lambda x: x),
    "max": (maximum, lambda a, b: a - b),
    "min": (minimum, lambda a, b: a - b),
    "relu": (lambda x: pick(x.real > 0, x, 0.0), lambda x: x),
    "gt": (lambda a, b: (a.real > b.real) * np.float64(1), lambda a, b: a - b),
    "ge": (lambda a, b: (a.real >= b.real) * np.float64(1), lambda a, b: a - b),
    "lt": (lambda a, b: (a.real < b.real) * np.float64(1), lambda a, b: a - b),
    "le": (lambda a, b: (a.real <= b.real) * np.float64(1), lambda a, b: a - b),
    "eq": (lambda a, b: (a.real == b.real) * np.float64(1), lambda a, b: a - b),
    "ne": (lambda a, b: (a.real != b.real) * np.float64(1), lambda a, b: a - b),
    "Heaviside": (lambda x, *at: (x.real > 0) * np.float64(1), lambda x, *at: x),
}
