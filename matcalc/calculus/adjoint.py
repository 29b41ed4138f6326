"""The adjoint: the Y with ⟨G, L(dX)⟩ = ⟨Y, dX⟩, by two drivers over the same rules.

`textbook` expands the differential and isolates dX along each path, as a person does; `sweep` goes node by
node in reverse order, adds the cotangents up and is linear in the size of a shared graph.  They must agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter

from matcalc.nodes.algebra import add, hadamard, is_zero, mul, zeros
from matcalc.nodes.expr import ONE, Node, head, is_scalar, operands, postorder, shape, variable
from matcalc.nodes.indices import SUM, leaving
from matcalc.nodes.unknown import is_unknown, slope
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.differential import differential, inner, is_sympy_scalar, partial, sympy_derivative

Definitions = Mapping[Node, Node]
"""Named intermediates: the leaf Z and the expression it stands for."""


def operand_adjoint(e: Node, i: int, G: Node, rules: Rulebase) -> Node:
    """The Y with ⟨G, de⟩ = ⟨Y, D⟩ where only operand i of e moves, by D.

    Shapes: G like e, Y like the operand.
    Source: Frostig et al. 2021 (arXiv:2105.09469), sect. 3: linearise, then transpose.
    """
    args = operands(e)
    name = head(e)
    if is_sympy_scalar(e, rules):
        return mul(partial(e, i), G)
    if name in ("add", "scalar", SUM):
        return G
    if is_unknown(name):
        return mul(G, slope(e))
    if name == "mul":
        return _product_adjoint(args, i, G, rules)
    if name == "hadamard":
        return rules.adjoint(name, 0, (args[i], hadamard(*args[:i], *args[i + 1 :])), G)
    if rules.is_linear(name):
        return rules.adjoint(name, i, args, G)
    if rules.has(name):
        return rules.apply_derived(name, i, args, G, _isolated)
    return hadamard(sympy_derivative(name, args[0]), G)


def _product_adjoint(args: tuple[Node, ...], i: int, G: Node, rules: Rulebase) -> Node:
    """Y for factor i of a product: the rule of the binary product, for what stands left and right of it."""
    if is_scalar(args[0]):
        core = args[1] if len(args) == 2 else mul(*args[1:])
        if i == 0:
            return inner(core, G)
        G, args, i = mul(args[0], G), args[1:], i - 1
    if i + 1 < len(args):
        left, right = mul(*args[: i + 1]), mul(*args[i + 1 :])
        G = rules.adjoint("mul", 0, (left, right), G)
    if i > 0:
        G = rules.adjoint("mul", 1, (mul(*args[:i]), args[i]), G)
    return G


def isolate(G: Node, L: Node, D: Node, rules: Rulebase) -> Node:
    """The Y with ⟨G, L⟩ = ⟨Y, D⟩, where L is linear in the leaf D; one term for each path from L to D.

    For instance ⟨G, A*D⟩ = ⟨A'*G, D⟩.  Shapes: G like L, Y like D.  Cost: one adjoint line per operation on each path.
    """
    holds = depends_on([L], {D}, {})
    found: list[Node] = []
    paths = [(G, L)]
    while paths:
        cotangent, e = paths.pop()
        if e is D:
            found.append(cotangent)
            continue
        below = [(i, o) for i, o in enumerate(operands(e)) if id(o) in holds]
        paths.extend((leaving(operand_adjoint(e, i, cotangent, rules), e, o), o) for i, o in reversed(below))
    return add(*found) if found else zeros(shape(D))


def _isolated(name: str, L: Node, D: Node, G: Node, rules: Rulebase) -> Node:
    """The adjoint that the differential L of a rule implies for its dX."""
    return isolate(G, L, D, rules)


def depends_on(roots: Iterable[Node], leaves: set[Node], definitions: Definitions) -> set[int]:
    """The ids of the nodes below the roots that depend on one of the leaves, through definitions too."""
    found: set[int] = set()
    for x in postorder(roots, lambda e: children(e, definitions)):
        if x in leaves or any(id(o) in found for o in children(x, definitions)):
            found.add(id(x))
    return found


def children(e: Node, definitions: Definitions) -> tuple[Node, ...]:
    """The operands of e; of a named intermediate its definition."""
    definition = definitions.get(e)
    return operands(e) if definition is None else (definition,)


def sweep(
    f: Node,
    wrt: Iterable[Node],
    definitions: Definitions,
    rules: Rulebase,
    upstream: Mapping[Node, Node] | None = None,
) -> dict[Node, Node]:
    """{X: Y} with df = Σ ⟨Y, dX⟩ for every leaf X of `wrt`, which may be named intermediates.

    Below an intermediate Z of `upstream` its Y is what stands there for Z, ∂f/∂Z.
    Shapes: f a scalar, Y like X.  Cost: one adjoint line per edge of the graph; shared nodes are visited once.
    Source: Frostig et al. 2021 (arXiv:2105.09469); reverse accumulation, Griewank & Walther (2008), ch. 3.
    """
    leaves = list(wrt)
    wanted = {id(X) for X in leaves}
    active = depends_on([f], set(leaves), definitions)
    order = list(postorder([f], lambda e: children(e, definitions)))
    place = reading_order(f, definitions)
    cotangents: dict[int, list[tuple[int, Node]]] = {id(f): [(0, ONE)]}
    result: dict[Node, Node] = {}
    for e in reversed(order):
        parts = cotangents.pop(id(e), None)
        if parts is None:
            continue
        G = parts[0][1] if len(parts) == 1 else add(*(part for _, part in sorted(parts, key=itemgetter(0))))
        if id(e) in wanted:
            result[e] = G
        if is_zero(G):
            continue
        if e in definitions:
            below = upstream.get(e, G) if upstream is not None else G
            cotangents.setdefault(id(definitions[e]), []).append((0, below))
            continue
        for i, o in enumerate(operands(e)):
            if id(o) in active:
                Y = leaving(operand_adjoint(e, i, G, rules), e, o)
                cotangents.setdefault(id(o), []).append((place[id(e), i], Y))
    return {X: result.get(X, zeros(shape(X))) for X in leaves}


def reading_order(f: Node, definitions: Definitions) -> dict[tuple[int, int], int]:
    """The place in the text at which operand i of node e is first met, by (id of e, i): terms keep that order."""
    place: dict[tuple[int, int], int] = {}
    entered = {id(f)}
    waiting = [(f, enumerate(children(f, definitions)))]
    while waiting:
        e, rest = waiting[-1]
        for i, o in rest:
            place[id(e), i] = len(place)
            if id(o) not in entered:
                entered.add(id(o))
                waiting.append((o, enumerate(children(o, definitions))))
                break
        else:
            waiting.pop()
    return place


def textbook(f: Node, X: Node, definitions: Definitions, rules: Rulebase) -> Node:
    """The Y with df = ⟨Y, dX⟩ as a textbook finds it: df is written out, then dX isolated in each term.

    Exponential on deeply shared graphs; the sweep is not.
    Source: Magnus & Neudecker (2019), ch. 9.
    """
    dX = variable(f"d{X.name}", shape(X))
    tangents = {X: dX}
    for Z, definition in definitions.items():
        if Z is not X:
            dZ = differential(definition, tangents, rules)
            if not is_zero(dZ):
                tangents[Z] = dZ
    return isolate(ONE, differential(f, tangents, rules), dX, rules)
