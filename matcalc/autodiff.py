"""Gradients by automatic differentiation of the value that a library computes: an engine that knows none of our rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matcalc.calculus.engine import Engine
from matcalc.codegen.backend import backend
from matcalc.codegen.outputs import Output
from matcalc.errors import ArgumentError
from matcalc.nodes.expr import Node, name_of
from matcalc.numeric.arrays import inside, outside
from matcalc.numeric.verify import Slope
from matcalc.program import gradient_of, program

NUMBERS = "numbers"
"""The method that needs no other library: numerical derivatives."""


def slope(engine: Engine, wrt: Node, method: str) -> Slope:
    """The gradient of the value of a problem by a leaf, as a library differentiates the program that computes the value.

    Raises: ArgumentError where the library is not installed, or does not differentiate.
    """
    language = backend(method)
    if "gradient" not in language.tables["runtime"]:
        raise ArgumentError(f"{language.title} does not differentiate by itself", hint='take method="jax" or "torch"')
    problem = engine.problem
    stated = Output("value", problem.expression)
    f = program(engine, [stated], method, "value", "The value.", definitions=problem.definitions)
    leaves = {**problem.names, name_of(wrt): wrt}
    name = name_of(wrt)

    def found(arrays: Mapping[str, Any]) -> Any:
        sizes = {n: np.real(a) for n, a in arrays.items() if n not in leaves}
        given = {n: outside(np.real(a), leaves[n], sizes=sizes) for n, a in arrays.items() if n in leaves}
        whole = {n: round(float(a)) for n, a in sizes.items()}
        return inside(gradient_of(f, name, {**given, **whole}), wrt, name)

    return found
