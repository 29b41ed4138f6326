"""Numbers that are known before any array is: constants, sizes, exponents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Expr
from sympy.printing.octave import OctaveCodePrinter
from sympy.printing.pycode import PythonCodePrinter

from matcalc.codegen.templates import ATOM, NEGATIVE, POWER, PRODUCT, SUM, Spelled
from matcalc.errors import ArgumentError


class _Decimals:
    """Fractions as decimals where these are exact, and spaces around products."""

    def _print_Rational(self, e: Any) -> str:  # noqa: N802 - SymPy's name
        return repr(float(e)) if is_decimal(e) else f"{e.p}/{e.q}"

    def _print_Float(self, e: Any) -> str:  # noqa: N802 - SymPy's name
        return repr(float(e))

    def _print_Mul(self, e: Any) -> str:  # noqa: N802 - SymPy's name
        c, rest = e.as_coeff_Mul()
        if not isinstance(c, sympy.Rational) or c in (1, -1) or c.q == 1:
            return str(super()._print_Mul(e))  # type: ignore[misc]
        if c.q & (c.q - 1) == 0:
            return f"{float(c)!r} * {self.parenthesize(rest, PRODUCT)}"  # type: ignore[attr-defined]
        return f"{super()._print_Mul(c.p * rest)}/{c.q}"  # type: ignore[misc]


class _Python(_Decimals, PythonCodePrinter):
    """Python."""


class _Octave(_Decimals, OctaveCodePrinter):
    """MATLAB and Octave: all numbers are scalars, so no sign has a dot."""

    def doprint(self, expr: Any, assign_to: Any = None) -> str:
        return re.sub(r"\.([*/^])", r"\1", str(super().doprint(expr, assign_to)))


_PRINTERS: dict[str, Any] = {"python": _Python, "octave": _Octave}


def is_decimal(e: Expr) -> bool:
    """Whether a number is a short decimal fraction: 0.5, 1e-12."""
    decimal = repr(float(e))
    return len(decimal) < 12 and bool(sympy.Rational(decimal) == e)


def number_text(e: Expr, names: Mapping[str, str], kind: str) -> Spelled:
    """The number as an expression; symbols by the names of the program."""
    settings = {"fully_qualified_modules": True} if kind == "python" else {}
    renamed = {
        s: sympy.Symbol(names[s.name], integer=True, positive=True)
        for s in e.free_symbols
        if names.get(s.name, s.name) != s.name
    }
    text = _PRINTERS[kind](settings).doprint(e.xreplace(renamed))
    if "Not supported" in text:
        raise ArgumentError(f"there is no code for the number {e}")
    return Spelled(text, _strength(e, text))


def _strength(e: Expr, text: str) -> int:
    if e.is_Add:
        return SUM
    if e.is_Mul or any(sign in text for sign in "/*^"):
        return PRODUCT if ("**" not in text and "^" not in text) or e.is_Mul else POWER
    return NEGATIVE if text.startswith("-") else ATOM
