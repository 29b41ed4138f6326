"""SymPy's scalar functions that may be named in a text, and limits to what exact arithmetic may be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr

MAX_EXPONENT = 500
MAX_BITS = 10_000
"""The longest exact number that is made."""
_ELEMENTARY = frozenset(
    "exp log sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh Abs sign erf erfc sqrt cot sec csc".split()
)
_NOT_OF_REALS = (sympy.re, sympy.im, sympy.arg, sympy.conjugate, sympy.DiracDelta, sympy.factorial, sympy.subfactorial)
"""Functions of complex or of whole numbers, and one that is none."""
_EVALUATED = 1_000
_MAX_DENOMINATOR = 10**12


@lru_cache(maxsize=512)
def sympy_function(name: str) -> Any | None:
    """SymPy's function of that name, if it has one real argument and a derivative in closed form."""
    if name not in sympy.functions.__all__:
        return None
    found: Any = getattr(sympy, name)
    if not (isinstance(found, type) and issubclass(found, sympy.Function) and 1 in (getattr(found, "nargs", None) or ())):
        return None
    x = sympy.Dummy(real=True)
    try:
        derivative = found(x).diff(x)
    except (TypeError, ValueError, AttributeError, NotImplementedError, sympy.core.function.ArgumentIndexError):
        return None
    unreal = (sympy.Derivative, sympy.Subs, sympy.re, sympy.im, sympy.conjugate, sympy.DiracDelta)
    known = all(len(f.args) == 1 or f.func is sympy.polygamma for f in derivative.atoms(sympy.Function))
    return found if known and not derivative.has(*unreal) and not issubclass(found, _NOT_OF_REALS) else None


def bits(e: object) -> int:
    """How long the exact number e is; 0 for anything else."""
    if isinstance(e, sympy.Rational):
        return int(e.p).bit_length() + int(e.q).bit_length()
    return 0


def too_long(numbers: Iterable[object]) -> bool:
    """Whether the product or sum of these may be a number too long to write."""
    return sum(map(bits, numbers)) > MAX_BITS


def power_too_large(base: object, exponent: object) -> bool:
    """Whether base^exponent asks for a huge power."""
    if not isinstance(exponent, sympy.Rational):
        return False
    inner = base.exp if isinstance(base, sympy.Pow) and isinstance(base.exp, sympy.Rational) else 1
    if abs(exponent * inner) > MAX_EXPONENT or (exponent * inner).q > _MAX_DENOMINATOR:
        return True
    return bool(bits(base) * abs(exponent) > MAX_BITS)


def argument_too_large(name: str, x: Expr) -> bool:
    """Whether evaluating a function at the exact number x would take long."""
    return name not in _ELEMENTARY and isinstance(x, sympy.Rational) and (abs(x) > _EVALUATED or x.q > _EVALUATED)
