"""Why a claim equals the derivation though it looks different: a chain of equal expressions, each step by a named identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matcalc.calculus.engine import Engine
from matcalc.calculus.facts import rigid
from matcalc.calculus.match import Bindings, Pattern
from matcalc.calculus.simplify.engine import Simplifier
from matcalc.claims.points import compare
from matcalc.claims.question import Question
from matcalc.claims.termwise import expanded, in_variables
from matcalc.nodes.algebra import add, hadamard, rebuild, terms
from matcalc.nodes.expr import (
    Node,
    graph_size,
    head,
    is_number,
    is_scalar,
    name_of,
    operands,
    postorder,
    properties,
    shape,
    substitute,
)
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.templates import Template, compile_template
from matcalc.rulefiles.records import Identity

LARGEST = 400
"""How many nodes an expression may have for which a chain is looked for."""
MOST_TRIED = 60
DEPTH = 2
_ON_REQUEST = ("identities", "forms", "moves")
DISTRIBUTE = "distribute"
COLLECT = "collect"
REARRANGED = "rearranged"
SIMPLIFIED = "simplified"


@dataclass(frozen=True, eq=False)
class Link:
    """One expression of a chain: equal to the one before, by an identity; `statement` is that identity, where it is one."""

    node: Node
    rule: str = ""
    statement: tuple[Node, Node] | None = None
    citation: str = ""


def chain(question: Question, engine: Engine) -> tuple[Link, ...]:
    """The chain from the claim to the truth; () where they are one form, or where none was found that numbers confirm."""
    links = _found(question, engine)
    short = list(links[:1])
    short += [link for before, link in pairwise(links) if link.node is not before.node]
    if any(not compare(question, a.node, b.node, draws=2, elsewhere=0).ok for a, b in pairwise(short)):
        return ()
    return tuple(short) if len(short) > 1 else ()


def _found(question: Question, engine: Engine) -> Sequence[Link]:
    truth, claim = question.truth, question.claim
    if _same(claim, truth) or graph_size(claim, truth) > LARGEST:
        return ()
    simplify = _Traced(engine)
    first = Link(claim)
    plain = _Plain(question)
    if _same(plain(claim), plain(truth)):
        return [first, *_by_terms(plain, claim, truth)]
    path = _search(plain, question, claim, plain(truth))
    if path is not None:
        return [first, *path, *_by_terms(plain, path[-1].node, truth)]
    made, links = simplify.links(claim)
    end = simplify(truth)
    if _same(made, end):
        return [first, *links, Link(truth, SIMPLIFIED)]
    normal = _Normal(simplify, question)
    goal = normal(truth)
    if _same(normal(claim), goal):
        return [first, *_by_terms(normal, claim, truth)]
    path = _search(normal, question, claim, goal)
    if path is not None:
        return [first, *path, *_by_terms(normal, path[-1].node, truth)]
    path = _search(normal, question, truth, normal(claim))
    if path is None:
        return ()
    back = [truth, *(link.node for link in path)]
    turned = [Link(back[k], link.rule, link.statement, link.citation) for k, link in enumerate(path)]
    return [first, *_by_terms(normal, claim, back[-1]), *reversed(turned)]


def _by_terms(normal: Callable[[Node], Node], start: Node, end: Node) -> Iterator[Link]:
    """From one expression to another whose terms are the same once products are distributed."""
    if _same(start, end):
        return
    middle = normal(start)
    count = len(terms(middle))
    if len(terms(start)) == count == len(terms(end)):
        yield Link(end, REARRANGED)
        return
    if len(terms(start)) != count:
        yield Link(middle, DISTRIBUTE)
    if not _same(middle, end):
        yield Link(end, COLLECT)


def _same(a: Node, b: Node) -> bool:
    return a is b or (len(terms(a)) > 1 and set(terms(a)) == set(terms(b)))


class _Traced:
    """A simplifier of its own, which tells by which identities it went."""

    def __init__(self, engine: Engine) -> None:
        self.rules = engine.rules
        plain = Simplifier(engine.rules, unused=rigid(engine.rules), indices=engine.plain.indices)
        self._simplify = plain
        if engine.definitions or engine.facts:
            self._simplify = Simplifier(engine.rules, engine.definitions, engine.facts, plain=plain)
        self._parts = list(dict.fromkeys([plain, self._simplify]))

    def __call__(self, e: Node) -> Node:
        return self._simplify.finished(e)

    def links(self, e: Node) -> tuple[Node, list[Link]]:
        """The simplified expression, and the expressions on the way that named identities lead to."""
        logs: list[list[tuple[Node, Node, str]]] = [[] for _ in self._parts]
        for part, log in zip(self._parts, logs, strict=True):
            part.identities.log = log
        end = self(e)
        found, here = [], e
        for before, after, name in [entry for log in logs for entry in log]:
            made = substitute(here, {before: after}, rebuild)
            if made is not here:
                found.append(_link(made, self.rules.signatures.identities[name], self.rules))
                here = made
        if here is not end:
            found.append(Link(end, SIMPLIFIED))
        return end, found


class _Plain:
    """Expressions with their products distributed over sums, and nothing else done."""

    def __init__(self, question: Question) -> None:
        self._rules = question.rules

    def __call__(self, e: Node) -> Node:
        order = {x: hadamard(*sorted(operands(x), key=text)) for x in postorder([e]) if head(x) == "hadamard"}
        return add(*sorted(expanded(substitute(e, order, rebuild), self._rules), key=text))


class _Normal:
    """Expressions in a form that does not depend on how they were bracketed: simplified terms, collected."""

    def __init__(self, simplify: _Traced, question: Question) -> None:
        self._simplify, self._rules = simplify, simplify.rules
        self._definitions = question.problem.definitions
        self._known: dict[Node, Node] = {}

    def __call__(self, e: Node) -> Node:
        if e not in self._known:
            bare = in_variables(e, self._definitions) if self._definitions else e
            parts = [self._simplify(t) for t in expanded(self._simplify(bare), self._rules)]
            again = [self._simplify(s) for t in parts for s in expanded(t, self._rules)]
            self._known[e] = add(*sorted(again, key=text))
        return self._known[e]


def _search(normal: Callable[[Node], Node], question: Question, start: Node, goal: Node) -> list[Link] | None:
    """Identities, from either side, that lead from an expression to one with that normal form."""
    rules = question.rules
    rewrites = rules.made_once(_rewrites)
    frontier: list[tuple[Node, list[Link]]] = [(start, [])]
    tried, seen = 0, {start}
    for _ in range(DEPTH):
        following = []
        for e, path in frontier:
            for made, identity in _neighbours(e, rewrites, rules):
                if made in seen or tried >= MOST_TRIED:
                    continue
                seen.add(made)
                tried += 1
                links = [*path, _link(made, identity, rules)]
                if _same(normal(made), goal):
                    return links
                following.append((made, links))
        frontier = following
    return None


@dataclass(frozen=True)
class _Rewrite:
    """An identity from one of its sides to the other."""

    identity: Identity
    pattern: Pattern
    template: Template
    where: tuple[tuple[str, tuple[Node, ...]], ...]


def _rewrites(rules: Rulebase) -> dict[str, list[_Rewrite]]:
    """The identities of identities.toml from either side, then the others from right to left, by outermost operation."""
    known = list(rules.signatures.identities.values())
    chosen = [(i, turned) for i in known if i.file.stem == "identities" for turned in (False, True)]
    chosen += [(i, turned) for i in known if i.file.stem in ("moves", "forms") for turned in (False, True)]
    chosen += [(i, turned) for i in known if i.file.stem not in _ON_REQUEST for turned in (False, True)]
    found: dict[str, list[_Rewrite]] = {}
    for identity, turned in chosen:
        leaves, left, right = rules.identity(identity)
        if turned:
            left, right = right, left
        symbols = {x for x in postorder([left]) if head(x) == "symbol"}
        sizes = {s for x in postorder([left]) for d in shape(x) for s in d.free_symbols}
        needed = {s for x in postorder([right]) for d in shape(x) for s in d.free_symbols}
        if head(left) in ("symbol", "number") or not set(leaves.values()) <= symbols or not needed <= sizes:
            continue
        where = []
        for guard in identity.where:
            word, _, names = guard.rstrip(")").partition("(")
            where.append((word, tuple(leaves[n.strip()] for n in names.split(","))))
        made = _Rewrite(
            identity, Pattern(left, frozenset(leaves.values())), compile_template(right, leaves.values()), tuple(where)
        )
        found.setdefault(head(left), []).append(made)
    return found


def _neighbours(e: Node, rewrites: dict[str, list[_Rewrite]], rules: Rulebase) -> Iterator[tuple[Node, Identity]]:
    """What one identity makes of some part of e; identities of identities.toml first."""
    for x in postorder([e]):
        for rewrite in rewrites.get(head(x), ()):
            for bindings, put in rewrite.pattern.matches(x):
                if all(_holds(word, bindings, leaves) for word, leaves in rewrite.where):
                    bound = {name_of(leaf): value for leaf, value in bindings.leaves.items()}
                    made = put(rules.instantiate(rewrite.template, bound, bindings.sizes))
                    whole = e if shape(made) != shape(x) else substitute(e, {x: made}, rebuild)
                    if whole is not e and _is_sound(whole):
                        yield whole, rewrite.identity


def _is_sound(e: Node) -> bool:
    """Whether no scalar stands among the factors of a matrix product, as where an identity of columns met a 1x1 product."""
    products = (operands(x) for x in postorder([e]) if head(x) == "mul")
    return all(not is_scalar(o) for args in products for o in args[1:])


def _holds(word: str, b: Bindings, leaves: Iterable[Node]) -> bool:
    bound = [b.leaves[x] for x in leaves]
    match word:
        case "number":
            return is_number(bound[0])
        case "integer":
            return bool(bound[0].is_integer)
        case _:
            return all(word in properties(x) for x in bound)


def _link(node: Node, identity: Identity, rules: Rulebase) -> Link:
    _, left, right = rules.identity(identity)
    return Link(
        node, identity.title or identity.name, (left, right), "" if identity.source == "definition" else identity.source
    )
