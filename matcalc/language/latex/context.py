r"""What the names of a LaTeX text are, seen from all of it: indices, families, functions, names with a subscript.

`x_i` is an entry of x where its subscript is an index: the index of a sum or product (`\sum_i`) or of a definition entry by
entry (`p_j = …` whose right side has a subscript j), or a declared integer; also where x is known to have entries: declared
a vector, matrix or family, defined elsewhere, or indexed elsewhere.  `X_{ij}` with two of i, j, k, l is always an entry.
Otherwise, and where the whole `x_k` or `W_1` is declared or defined, it is a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from matcalc.language.latex.pieces import Piece
from matcalc.language.latex.statements import Sentence
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import Declaration

APPLIED = {"sigma": "sigmoid", "Gamma": "gamma", "psi": "digamma"}
"""Letters that are functions where they stand before brackets only."""
_WITH_ENTRIES = frozenset("vector matrix vectors matrices integers".split())
_INDICES = frozenset("ijkl")
_BRACKETS = ("(", "[", "\\{")
_NESTED = 20
"""How many sums around another are looked at."""


@dataclass(eq=False)
class Head:
    """The left side of a definition: where its arguments stand, and whether it is one entry by entry."""

    arguments: tuple[int, int] | None = None
    entrywise: bool = False


@dataclass(eq=False)
class Context:
    """What is known of the names of a text, by their keys."""

    kinds: dict[str, str] = field(default_factory=dict)
    defined: set[str] = field(default_factory=set)
    entrywise: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)
    indexed: set[str] = field(default_factory=set)
    functions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    heads: dict[int, Head] = field(default_factory=dict)
    both: dict[tuple[int, int], Piece] = field(default_factory=dict)
    turned: set[tuple[int, int]] = field(default_factory=set)
    subscripts: list[set[str]] = field(default_factory=list)
    applied: dict[str, str] = field(default_factory=dict)

    def known(self, name: str) -> bool:
        """Whether a name is declared or defined."""
        key = name_key(name)
        return key in self.kinds or key in self.defined or key in self.entrywise

    def has_entries(self, name: str) -> bool:
        """Whether a name is known to have entries."""
        key = name_key(name)
        if key in self.kinds:
            return self.kinds[key] in _WITH_ENTRIES
        return key in self.entrywise or key in self.defined or key in self.indexed

    def is_matrix(self, name: str) -> bool:
        """Whether a name is a matrix, as far as the text tells."""
        kind = self.kinds.get(name_key(name))
        return kind == "matrix" or (kind is None and name[:1].isupper())

    def is_index(self, base: str, label: list[Piece]) -> bool:
        """Whether a subscript of letters and numbers names an entry."""
        if self.known(fused(base, label)):
            return False
        letters = [p.value for p in label if p.kind == "name"]
        if any(name in self.indices for name in letters) or self.has_entries(base):
            return True
        if not letters or len(letters) < len(label):
            return False
        return all(self.kinds.get(name_key(n)) == "integer" for n in letters) or (
            len(letters) > 1 and _INDICES.issuperset(letters)
        )


def fused(base: str, label: Iterable[Piece]) -> str:
    """The name with its subscript: W_1, y_pred, W_xh."""
    return f"{base}_{''.join(p.value for p in label)}"


def content(sentence: Sentence, opening: int) -> list[Piece]:
    """What stands inside a bracket."""
    return sentence.body[opening + 1 : sentence.pairs[opening]]


def is_label(found: list[Piece]) -> bool:
    """Whether a subscript is letters and numbers, or one word."""
    if any(p.kind == "word" for p in found):
        return len(found) == 1
    return bool(found) and all(p.kind in ("name", "number") and "." not in p.value for p in found)


def context_of(found: list[Sentence], declarations: Iterable[Declaration]) -> Context:
    """What the statements and the declarations tell of the names."""
    made = Context()
    for line in declarations:
        kind = line.kind.name
        if kind == "R":
            kind = ("scalar", "vector", "matrix")[min(2, len(line.sizes or ()))]
        made.kinds.update(
            (name_key(n.name), "integer" if "integer" in {p.name for p in line.properties} else kind) for n in line.names
        )
    for sentence in found:
        _declared(made, sentence)
    made.subscripts = [_subscripts(sentence) for sentence in found]
    for number, sentence in enumerate(found):
        if sentence.assign:
            made.heads[number] = _head(made, sentence, made.subscripts[number])
    heads = frozenset(made.indices)
    for number, sentence in enumerate(found):
        _limits(made, number, sentence, heads)
    for sentence in found:
        _indexed(made, sentence)
    made.applied = {n: f for n, f in APPLIED.items() if not made.known(n) and _only_applied(found, n)}
    return made


def _declared(made: Context, sentence: Sentence) -> None:
    r"""Enter the names before \in \mathbb{R}^n."""
    at = next((i for i, p in enumerate(sentence.body) if p.kind == "mark" and p.value == "in"), 0)
    if not at or at + 1 >= len(sentence.body) or sentence.body[at + 1].kind != "space":
        return
    letter, sizes = sentence.body[at + 1].value[0], sentence.body[at + 2 :]
    kind = "matrix" if letter == "S" or any(p.kind == "mul" for p in sizes) else "vector" if sizes else "scalar"
    kind = kind if letter in "RS" else "integer"
    i = 0
    while i < at:
        p = sentence.body[i]
        if p.kind in ("name", "word"):
            name = p.value
            if sentence.body[i + 1].kind == "_":
                name = fused(name, content(sentence, i + 2))
                i = sentence.pairs[i + 2]
            made.kinds[name_key(name)] = kind
        i += 1


def _limits(made: Context, number: int, sentence: Sentence, heads: frozenset[str]) -> None:
    """Enter the indices of sums and products; so is the j of i < j, unless it is bound around it."""
    around: list[tuple[int, int, list[str]]] = []
    for i, p in enumerate(sentence.body):
        while around and sentence.enclosing[i] < around[-1][0]:
            around.pop()
        if p.kind in ("+", "-"):
            while around and around[-1][0] == sentence.enclosing[i] and around[-1][1] < i:
                around.pop()
        if p.kind != "big" or i + 2 >= len(sentence.body) or sentence.body[i + 1].kind != "_":
            continue
        names: list[str] = []
        for clause in _clauses(content(sentence, i + 2)):
            indices, larger = _bound(clause)
            if len(clause) == 3 and clause[1].kind == "rel" and clause[2].value in names and clause[0].value not in names:
                outer = clause[0].value
                if outer in heads or any(outer in n for _, _, n in around[-_NESTED:]):
                    made.turned.add((number, clause[0].start))
                    continue
            names += indices
            bound = larger is None or larger.value in heads or any(larger.value in n for _, _, n in around[-_NESTED:])
            if larger is not None and not bound and made.kinds.get(name_key(larger.value)) != "integer":
                made.both[number, i] = larger
                names.append(larger.value)
        made.indices.update(names)
        around.append((sentence.enclosing[i], sentence.pairs[i + 2] + 1, names))


def _bound(clause: list[Piece]) -> tuple[list[str], Piece | None]:
    """The indices that a clause below a sum binds, and the j of i < j."""
    relations = [k for k, c in enumerate(clause) if c.kind in ("rel", "=") or c.value == "in"]
    first = relations[0] if relations else len(clause)
    between = first == 1 and clause[0].kind == "number" and len(relations) > 1
    names = clause[2 : relations[1]] if between else clause[:first]
    ordered = len(relations) == 1 and clause[first].value in ("lt", "le", "gt", "ge") and len(clause) == first + 2
    return [c.value for c in names if c.kind == "name"], clause[-1] if ordered and clause[-1].kind == "name" else None


def _clauses(found: list[Piece]) -> list[list[Piece]]:
    """The parts of a subscript between its commas, without what stands in scripts and brackets."""
    out: list[list[Piece]] = [[]]
    depth = 0
    for p in found:
        if p.kind in "({[":
            depth += 1
        elif p.kind in ")}]":
            depth -= 1
        elif depth == 0 and p.kind == ",":
            out.append([])
        elif depth == 0:
            out[-1].append(p)
    return out


def _subscripts(sentence: Sentence) -> set[str]:
    """The letters in the subscripts of the right side, those of sums left out."""
    found: set[str] = set()
    ends: list[int] = []
    for i, p in enumerate(sentence.body):
        while ends and ends[-1] < i:
            ends.pop()
        below = p.kind == "_" and sentence.body[i - 1].kind not in ("big", "word")
        if i > sentence.assign and (below or (p.kind == "^" and sentence.body[i + 2].kind == "(")):
            ends.append(sentence.pairs[i + 1])
        elif ends and p.kind == "name":
            found.add(p.value)
    return found


def _head(made: Context, sentence: Sentence, right: set[str]) -> Head:
    """The left side of a definition, its name entered."""
    body, end = sentence.body[: sentence.assign], sentence.assign
    head = Head()
    if body[0].kind not in ("name", "word"):
        return head
    base, at, label = body[0].value, 1, None
    while at < end and body[at].kind in ("_", "^"):
        inner = content(sentence, at + 1)
        if body[at].kind == "^":
            if not inner or inner[0].kind != "(" or sentence.pairs[at + 2] != sentence.pairs[at + 1] - 1:
                return head
            inner = inner[1:-1]
        label = [p for p in inner if p.kind != ","]
        letters = {p.value for p in label if p.kind == "name"}
        entries = made.kinds.get(name_key(base)) in _WITH_ENTRIES
        if letters and is_label(label) and len(letters) == len(label) and (letters <= right or entries):
            head.entrywise = True
            made.indices.update(letters)
        else:
            base = fused(base, label)
        at = sentence.pairs[at + 1] + 1
    (made.entrywise if head.entrywise else made.defined).add(name_key(base))
    if at < end and body[at].kind == "(" and sentence.pairs[at] == end - 1:
        head.arguments = (at, end - 1)
        made.functions[name_key(base)] = tuple(p.value for p in content(sentence, at))
    return head


def _indexed(made: Context, sentence: Sentence) -> None:
    """Enter the names that an index stands below."""
    for i, p in enumerate(sentence.body):
        if p.kind == "_" and i and sentence.body[i - 1].kind == "name":
            label = sentence.body[i + 2 : min(sentence.pairs[i + 1], i + 10)]
            if any(c.kind == "name" and c.value in made.indices for c in label):
                made.indexed.add(name_key(sentence.body[i - 1].value))


def _only_applied(found: list[Sentence], name: str) -> bool:
    """Whether a name stands directly before brackets wherever it stands."""
    places = [(s, i) for s in found for i, p in enumerate(s.body) if p.kind == "name" and p.value == name]
    return bool(places) and all(i + 1 < len(s.body) and s.body[i + 1].kind in _BRACKETS for s, i in places)


def kinds_of_letters(found: Iterable[Sentence], context: Context) -> Mapping[str, str]:
    """What bold letters are: vectors in lower case, matrices in upper case; and matrices where two indices stand below."""
    sentences = list(found)
    doubly = {
        name_key(before.value): "matrix"
        for sentence in sentences
        for i, (before, p) in enumerate(pairwise(sentence.body))
        if before.kind == "name" and p.kind == "_" and _two_places(sentence, context, before.value, i + 2)
    }
    return doubly | {
        name_key(p.value): "matrix" if p.value[0].isupper() else "vector"
        for sentence in sentences
        for p in sentence.body
        if p.kind == "name" and p.bold and name_key(p.value) not in doubly
    }


def _two_places(sentence: Sentence, context: Context, base: str, opening: int) -> bool:
    """Whether a subscript holds two indices."""
    label = [p for p in content(sentence, opening) if p.kind != ","]
    return len(label) == 2 and all(p.kind == "name" for p in label) and context.is_index(base, label)
