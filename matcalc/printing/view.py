"""What a reader sees of an expression: views, their sizes, and the readable order of scalar terms and factors.

A `View` stands between the nodes and every printed form.  `outline` makes them from nodes, a style in `layout`
turns them into characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matcalc.language.syntax import names
from matcalc.rulefiles.signatures import Record

GREEK = frozenset(names.GREEK.values()) | names.SCALAR_NAMES
"""The English names of Greek letters."""
_LABEL = 40


class Name(NamedTuple):
    """The name of a variable, and whether that is a matrix or a vector."""

    text: str
    matrix: bool


class Product(NamedTuple):
    """The parts of a product: parts[:numerator] / parts[numerator:denominator] times the matrices after them."""

    p: int
    q: int
    numerator: int
    denominator: int


class Call(NamedTuple):
    """A function's spelling: each argument a part (by index) or a literal; `names` finds the part of an argument."""

    record: Record | None
    function: str
    arguments: tuple[int | str, ...]
    names: Mapping[str, int]


class View:
    """What is written for a node: a kind, its parts, and what the reader counts; the sign apart."""

    __slots__ = ("data", "degree", "kind", "label", "negative", "parts", "rank", "size")

    def __init__(
        self, kind: str, parts: tuple[View, ...] = (), data: Any = None, size: int = 1, negative: bool = False
    ) -> None:
        """A view of that kind; `finish` gives it its place among others."""
        self.kind = kind
        self.parts = parts
        self.data = data
        self.size = size
        self.negative = negative
        self.label = ""
        self.degree = 1.0
        self.rank = 6


# ---------------------------------------------------------------- making views


def finish(view: View, label: str, degree: float, rank: int) -> View:
    """The view with its place in the order of factors and terms: label, degree, rank."""
    view.label, view.degree, view.rank = label[:_LABEL], degree, rank
    return view


def total(views: Iterable[View]) -> int:
    """The size of all views together."""
    return sum(v.size for v in views)


def labels(views: Iterable[View]) -> str:
    """The labels of all views in one."""
    return "".join([v.label for v in views])


DIFFERENTIAL_RANK = 10
"""A differential comes last among the factors of a scalar."""


def name_view(name: str, integer: bool = False, matrix: bool = False) -> View:
    """A name; integers stand before Greek letters, those before Latin ones, dx behind all."""
    base = name.split("_")[0]
    rank = 1 if integer else 2 if base in GREEK else DIFFERENTIAL_RANK if _is_differential(base) else 3
    return finish(View("name", (), Name(name, matrix)), name.lower(), 1.0, rank)


def _is_differential(base: str) -> bool:
    return base[0] == "d" and (len(base) == 2 or base[1:] in GREEK)


def number_view(p: int, q: int) -> View:
    """p/q."""
    return finish(View("number", (), (abs(p), q), 1, p < 0), "", 0.0, 0)


def array_view(kind: str, sizes: tuple[View, ...]) -> View:
    """ones(m, n), zeros(n), eye(n)."""
    return finish(View("array", sizes, kind, 1 + total(sizes)), kind, 0.0, 6)


def transpose_view(part: View) -> View:
    """A'."""
    return finish(View("transpose", (part,), None, 1 + part.size), part.label, part.degree, 6)


def power_view(base: View, exponent: View) -> View:
    """A^p, sqrt(s), or the base where the exponent is 1."""
    p, q = exponent.data if exponent.kind == "number" and not exponent.negative else (0, 1)
    if (p, q) == (1, 1):
        return base
    if (p, q) == (1, 2):
        return finish(View("sqrt", (base,), None, 1 + base.size), base.label, base.degree / 2, 0 if base.rank == 0 else 6)
    numeric = exponent.kind == "number"
    rank = base.rank if numeric or base.rank > 3 else 4
    degree = base.degree * p / q if numeric else base.degree
    return finish(View("power", (base, exponent), None, 1 + base.size + exponent.size), base.label, degree, rank)


def entry_power_view(base: View, exponent: View) -> View:
    """A.^p, sqrt(A), or the base where the exponent is 1."""
    data = exponent.data if exponent.kind == "number" and not exponent.negative else None
    if data == (1, 1):
        return base
    if data == (1, 2):
        return finish(View("sqrt", (base,), None, 1 + base.size), base.label, base.degree, 6)
    return finish(View("dotpower", (base, exponent), None, 1 + base.size + exponent.size), base.label, base.degree, 6)


def hadamard_view(views: tuple[View, ...], operators: tuple[str, ...], negative: bool = False) -> View:
    """A .* B ./ C …; where the first operator is "/", 1 ./ A …."""
    quotients = operators.count("/")
    size = total(views) + quotients + (operators[0] == "/") + (operators[1:].count("*") > 0) + negative
    return finish(View("hadamard", views, operators, size, negative), labels(views), 1.0, 7)


def product_view(
    negative: bool, p: int, q: int, numerator: Sequence[View], denominator: Sequence[View], matrices: Sequence[View]
) -> View:
    """±p/q * numerator/denominator * matrices."""
    factors = (*numerator, *matrices)
    number = (p, q) != (1, 1)
    size = total(factors) + number + (len(factors) + number > 1) + (negative and not number)
    if denominator:
        size += total(denominator) + 1 + (len(denominator) > 1) + (not factors and not number)
    parts = (*numerator, *denominator, *matrices)
    if number + len(parts) == 1 and not denominator and not negative and factors:
        return factors[0]
    view = View("product", parts, Product(p, q, len(numerator), len(numerator) + len(denominator)), size, negative)
    degree = sum(v.degree for v in factors) - sum(v.degree for v in denominator)
    return finish(view, labels(factors), degree, 7)


def spread_view(view: View, ones: tuple[str, str]) -> View:
    """The view beside larger ones, with the ones before and after it that make it as large: y 1', 1 b', c 11'."""
    if not any(ones):
        return view
    return finish(View("spread", (view,), ones, view.size, view.negative), view.label, view.degree, view.rank)


def averaged(product: View, denominator: list[View]) -> View:
    """The entrywise product where a sum in it, divided by the size that leaves the denominator, is a mean."""
    for i, (whole, operator) in enumerate(zip(product.parts, product.data, strict=True)):
        part = whole.parts[0] if whole.kind == "spread" else whole
        if part.kind == "axis" and part.data[0] == "sum" and operator == "*" and any(d is part.parts[1] for d in denominator):
            denominator[:] = [d for d in denominator if d is not part.parts[1]]
            mean = finish(View("axis", part.parts, ("mean", part.data[1]), part.size), part.label, part.degree, part.rank)
            mean = spread_view(mean, whole.data) if whole.kind == "spread" else mean
            return hadamard_view((*product.parts[:i], mean, *product.parts[i + 1 :]), product.data)
    return product


def sum_view(terms: Sequence[View], dotted: tuple[bool, ...] = (), scalar: bool = False) -> View:
    """The sum of terms, `dotted` where a term is added by .+ to those before it."""
    view = View("sum", tuple(terms), dotted or (False,) * len(terms), 1 + total(terms))
    return finish(view, labels(terms), max(t.degree for t in terms), 8 if scalar else 9)


# ---------------------------------------------------------------- scalar order


def factor_key(view: View) -> tuple[int, str]:
    """The place of a factor among others: numbers, integers, Greek, Latin, functions, sums; by name."""
    return view.rank, view.label


def _term_key(view: View) -> tuple[bool, float, str]:
    first = view.parts[0] if view.kind == "product" and view.parts else view
    return first.rank == 2 and first.kind == "name", -view.degree, view.label


def _polynomial(view: View) -> bool:
    """Whether a term has only names, entries and products of matrices in it."""
    if view.kind == "product":
        return view.data.numerator == view.data.denominator and all(_polynomial(v) for v in view.parts[: view.data.numerator])
    return view.kind in ("name", "index") or (view.kind == "power" and view.parts[0].kind in ("name", "index"))


def ordered(terms: list[View]) -> list[View]:
    """Terms as one writes them: high degrees first, Greek coefficients late, 1 + exp(x) but x + 1, no minus in front."""
    numbers = [t for t in terms if t.rank == 0]
    others = sorted((t for t in terms if t.rank), key=_term_key)
    before = any(not n.negative for n in numbers) and not all(_polynomial(t) for t in others)
    found = [*numbers, *others] if before else [*others, *numbers]
    if found[0].negative:
        first = next((i for i, t in enumerate(found) if not t.negative), 0)
        found.insert(0, found.pop(first))
    return found


def content(view: View) -> tuple[tuple[bool, int, int], View]:
    """(sign, p, q) that all terms of a scalar sum share, and the sum without it."""
    numbers = {t.data[:2] if t.kind in ("number", "product") else (1, 1) for t in view.parts}
    negative = all(t.negative for t in view.parts)
    p, q = numbers.pop() if len(numbers) == 1 else (1, 1)
    if (p, q) == (1, 1) and not negative:
        return (False, 1, 1), view
    return (negative, p, q), sum_view([_without(t, p, q, negative) for t in view.parts], scalar=True)


def _without(term: View, p: int, q: int, negative: bool) -> View:
    """The term divided by ±p/q."""
    sign = term.negative and not negative
    if term.kind == "number":
        return number_view((-1 if sign else 1) * term.data[0] // p, term.data[1] // q)
    if term.kind != "product":
        return term
    data: Product = term.data
    a, b = data.numerator, data.denominator
    return product_view(sign, data.p // p, data.q // q, term.parts[:a], term.parts[a:b], term.parts[b:])


def loose(view: View) -> View:
    """The view with the number that all terms of a scalar sum share in front."""
    if view.kind != "sum" or view.rank != 8:
        return view
    (_, p, q), inner = content(view)
    if (p, q) == (1, 1):
        return view
    negative = inner is not view and view.parts[0].negative and all(t.negative for t in view.parts)
    return product_view(negative, p, q, (inner,), (), ())


# ---------------------------------------------------------------- literals


def literal_text(item: Any) -> str:
    """A literal argument of a call as it is written: 'fro', 1, inf."""
    return f"'{item.value}'" if item.kind == "string" else str(item.value)
