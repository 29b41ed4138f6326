"""Operands whose shapes fit together, or a ShapeError that names both."""

from __future__ import annotations

from typing import TypeAlias

from matcalc.errors import ShapeError
from matcalc.nodes import algebra
from matcalc.nodes.blocks import hcat, vcat
from matcalc.nodes.expr import ONE, Node, head, is_scalar, shape
from matcalc.printing.layout import printed_size
from matcalc.printing.text import text
from matcalc.rulebase.contract import same_dimension, same_shape, shape_text

Nodes: TypeAlias = tuple[Node, ...]


def said(e: Node) -> str:
    """An operand as errors name it, with its shape."""
    return f"{text(e) if printed_size(e) <= 40 else head(e) + '(…)'} ({shape_text(shape(e))})"


def equal(verb: str, args: Nodes) -> Nodes:
    """The operands, which must all have one shape."""
    for a in args[1:]:
        if not same_shape(shape(args[0]), shape(a)):
            raise ShapeError(f"cannot {verb} {said(args[0])} and {said(a)}")
    return args


def square(verb: str, A: Node) -> Node:
    """The operand, which must be square."""
    if not is_scalar(A) and not same_dimension(*shape(A)):
        raise ShapeError(f"cannot {verb} {said(A)}: {shape(A)[0]} and {shape(A)[1]} differ")
    return A


def beside(a: Node, b: Node) -> Node:
    """[a, b]."""
    if not same_dimension((shape(a) or (ONE,))[0], (shape(b) or (ONE,))[0]):
        raise ShapeError(f"cannot put {said(a)} beside {said(b)}")
    return hcat(a, b)


def above(a: Node, b: Node) -> Node:
    """[a; b]."""
    if not same_dimension((shape(a) or (ONE,))[-1], (shape(b) or (ONE,))[-1]):
        raise ShapeError(f"cannot put {said(a)} above {said(b)}")
    return vcat(a, b)


def product(args: Nodes) -> Node:
    """A*B.  SymPy writes (x'*y)*A flat, so what does not fit is split there: one part may be no scalar."""
    runs: list[list[Node]] = []
    for m in (a for a in args if not is_scalar(a)):
        if runs and same_dimension(shape(runs[-1][-1])[1], shape(m)[0]):
            runs[-1].append(m)
        else:
            runs.append([m])
    parts = [algebra.mul(*run) for run in runs]
    left, *more = [run for run, part in zip(runs, parts, strict=True) if not is_scalar(part)] or [[]]
    if more:
        raise ShapeError(f"cannot multiply {said(left[-1])} by {said(more[0][0])}")
    return algebra.mul(*(a for a in args if is_scalar(a)), *parts)
