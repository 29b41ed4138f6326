"""From expressions to values: in three runs, each of which knows what those before it met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matcalc.codegen.contract import Contractor
from matcalc.codegen.factor import Plan, planned
from matcalc.codegen.forms import Form, Label
from matcalc.codegen.functions import FUNCTIONS
from matcalc.codegen.lower import Lowering
from matcalc.codegen.places import PLACES
from matcalc.codegen.scale import scaled_once
from matcalc.codegen.structural import STRUCTURAL
from matcalc.codegen.values import Value, Values, uses
from matcalc.nodes.expr import Node, is_scalar, name_of, properties, shape
from matcalc.nodes.families import member_shape
from matcalc.rulebase.base import Rulebase

RUNS = 3
"""The first tells what is needed how often, the second which inverses are needed as such; the last is the result."""


@dataclass(frozen=True)
class Built:
    """The values of the roots, the inputs by name, the names of intermediates."""

    roots: tuple[Value, ...]
    inputs: Mapping[str, Value]
    names: Mapping[Value, str]
    whole: frozenset[Value]
    """The inputs that are arrays of whole numbers."""


def build(
    roots: Sequence[tuple[Node, Node | None]],
    definitions: Mapping[Node, Node],
    rules: Rulebase,
    has: Callable[[Node, str], bool],
    spells: Callable[..., bool],
    example: Node | None = None,
    fuses: bool = False,
) -> Built:
    """The values of expressions, each with the variable whose shape it has, if any.

    `spells(name, table)` tells whether the language has an operation; `example` is an input where no array is;
    `fuses` whether entrywise operations are compiled together.
    """
    values = Values()
    plan, popular = Plan(), Counter[tuple[object, ...]]()
    counts: Mapping[Value, int] = {}
    names: Mapping[Value, str] = {}
    for run in range(RUNS):
        contractor = Contractor(values, plan, spells, popular, counts, names, fuses)
        lowering = Lowering(values, contractor, rules, definitions, has, {**STRUCTURAL, **FUNCTIONS, **PLACES}, spells)
        made = scaled_once(values, [output(lowering, e, like) for e, like in roots])
        popular, plan = contractor.met, planned(made) if run else plan
        if not run:
            counts, names = uses(made), lowering.names
    if example is not None and not any(value.dims for value in lowering.inputs.values()):
        lowering.form(example)
    inputs = {name_of(leaf): value for leaf, value in lowering.inputs.items()}
    whole = frozenset(value for leaf, value in lowering.inputs.items() if "integer" in properties(leaf))
    return Built(made, inputs, lowering.names, whole)


def output(to: Lowering, e: Node, like: Node | None) -> Value:
    """The value of a root, of its documented shape."""
    form = to.dense(to.form(e).fresh())
    index = tuple(x for x in form.core if x in form.index)
    if is_scalar(e):
        return to.contractor.value(form, index)
    family = None if like is None or shape(like) != shape(e) else member_shape(like)
    if family is not None and family[1] != 1:
        _, width, count = family
        form, members = to.joined([form, Form((), (), (Label(count), Label(width)))], [((0, "columns"), (1, "columns"))])
        t, b = members.columns
        return to.contractor.value(form, (*form.rows, b, t))
    rows, columns = shape(e)
    value = to.contractor.value(form, (*index, *form.rows, *form.columns))
    dims = (*(x.size for x in index), *((rows,) if columns == 1 else (rows, columns)))
    return to.values.reshaped(value, dims) if value.dims != dims else value
