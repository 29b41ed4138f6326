"""Closed-form derivatives of matrix expressions, each one confirmed by numbers.

The public names load on first use, so `import matcalc` alone is light: neither SymPy nor NumPy comes with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from matcalc.version import __version__

if TYPE_CHECKING:
    from matcalc.claims.check import check
    from matcalc.claims.verdict import Verdict
    from matcalc.derivation import Derivation, gradient, gradients
    from matcalc.differentials import Differential, differential
    from matcalc.errors import (
        ArgumentError,
        DeclarationError,
        MatcalcError,
        ParseError,
        RuleError,
        ShapeError,
        UndifferentiableError,
        UnknownNameError,
        VerificationError,
    )
    from matcalc.generate import code, function
    from matcalc.hessians import Blocks, Hessian, hessian, hessians
    from matcalc.jacobians import Jacobian, jacobian, jacobians
    from matcalc.language.parser import parse
    from matcalc.language.problem import Problem
    from matcalc.numeric.verify import Verification
    from matcalc.products import Product, hvp, jvp, vjp
    from matcalc.solution import Solution
    from matcalc.stationarity import solve
    from matcalc.steps import Step

__all__ = [
    "ArgumentError",
    "Blocks",
    "DeclarationError",
    "Derivation",
    "Differential",
    "Hessian",
    "Jacobian",
    "MatcalcError",
    "ParseError",
    "Problem",
    "Product",
    "RuleError",
    "ShapeError",
    "Solution",
    "Step",
    "UndifferentiableError",
    "UnknownNameError",
    "Verdict",
    "Verification",
    "VerificationError",
    "__version__",
    "check",
    "code",
    "differential",
    "function",
    "gradient",
    "gradients",
    "hessian",
    "hessians",
    "hvp",
    "jacobian",
    "jacobians",
    "jvp",
    "parse",
    "solve",
    "vjp",
]

_HOME = {
    "Blocks": "hessians",
    "Derivation": "derivation",
    "Differential": "differentials",
    "Hessian": "hessians",
    "Jacobian": "jacobians",
    "Problem": "language.problem",
    "Solution": "solution",
    "Product": "products",
    "Step": "steps",
    "Verdict": "claims.verdict",
    "Verification": "numeric.verify",
    "check": "claims.check",
    "code": "generate",
    "differential": "differentials",
    "function": "generate",
    "gradient": "derivation",
    "gradients": "derivation",
    "hessian": "hessians",
    "hessians": "hessians",
    "hvp": "products",
    "jacobian": "jacobians",
    "jacobians": "jacobians",
    "jvp": "products",
    "parse": "language.parser",
    "solve": "stationarity",
    "vjp": "products",
}


def __getattr__(name: str) -> object:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'matcalc' has no attribute {name!r}")
    found: object = getattr(import_module(f"matcalc.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
