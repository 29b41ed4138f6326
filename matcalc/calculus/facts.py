"""What is known of the variables of a problem: the equations that their declared structures state."""

from __future__ import annotations

from collections.abc import Iterable

from matcalc.calculus.structure import closure
from matcalc.nodes.algebra import transpose
from matcalc.nodes.expr import ONE, ZERO, Node, is_scalar, properties, shape, variable
from matcalc.nodes.indices import compared
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.templates import compile_template

Equation = tuple[Node, Node]
"""The two sides of a true equation; the left may be replaced by the right."""


def declared_facts(variables: Iterable[Node], rules: Rulebase) -> tuple[Equation, ...]:
    """The equations that hold of these variables: sum(p) = 1 for a vector `p: simplex`, X.*X = X for `X: onehot`."""
    return tuple(
        equation
        for X in variables
        if not is_scalar(X)
        for name in sorted(closure(properties(X), rules.structures))
        for text in rules.structures[name].facts
        for equation in [_stated(name, text, X, rules)]
        if equation[0] is not equation[1]
    )


def _stated(name: str, text: str, X: Node, rules: Rulebase) -> Equation:
    structure = rules.structures[name]
    dims = rules.dims(structure.arguments[0].dims)
    rows, columns = shape(X)
    turned = columns == 1 and len(dims) == 2 and dims[0] != dims[1]
    given = (columns, rows) if turned else (rows, columns)
    leaf = variable("X", dims)
    sides = []
    for side in text.split("=="):
        node = rules.parse(structure, "facts", side.strip(), {"X": leaf}, [str(d) for d in dims if d.is_Symbol])
        template = compile_template(node, [leaf])
        sides.append(template.fill({"X": transpose(X) if turned else X}, dict(zip(dims, given, strict=True)), rules.make))
    return sides[0], sides[1]


def rigid(rules: Rulebase) -> frozenset[str]:
    """The structures that a variable leaves as soon as it moves (orthogonal, simplex …): it is differentiated as a free one."""
    return frozenset(name for name, s in rules.structures.items() if s.facts and "project" not in s.formulas)


def apart(pairs: Iterable[tuple[Node, Node]]) -> tuple[Equation, ...]:
    """delta(i,j) = 0 and ind(i != j) = 1 for whole numbers that differ."""
    return tuple((compared(name, a, b), value) for a, b in pairs for name, value in (("eq", ZERO), ("ne", ONE)))
