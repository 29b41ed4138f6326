"""Dimensions and their unification: integers, sizes with a name, unknown sizes, and sums and products of them.

An unknown size is bound when it must equal something (union-find).  Equations between products that cannot be solved yet
(m*n = a*b) wait until more is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count
from typing import TypeAlias

_order = count()


class Size:
    """A dimension: one with a name (rigid), or an unknown that may be bound.

    A *proper* unknown belongs to a matrix or vector and is never 1 by itself.
    """

    __slots__ = ("link", "name", "order", "proper")

    def __init__(self, name: str = "", proper: bool = False) -> None:
        self.name = name
        self.proper = proper
        self.link: Dim | None = None
        self.order = next(_order)


Monomial: TypeAlias = tuple[Size, ...]


class Polynomial:
    """A sum of products of sizes; `factors` are the two factors it was made of, in their order."""

    __slots__ = ("factors", "terms")

    def __init__(self, terms: dict[Monomial, Fraction], factors: tuple[Dim, ...] = ()) -> None:
        self.terms = terms
        self.factors = factors


Dim: TypeAlias = int | Size | Polynomial
Shape: TypeAlias = tuple[Dim, ...]
"""`()` of a scalar, (rows, columns) of a matrix."""


class ClashError(Exception):
    """Two dimensions that cannot be equal."""

    def __init__(self, a: Dim, b: Dim) -> None:
        super().__init__("dimensions differ")
        self.a, self.b = a, b


def find(d: Dim) -> Dim:
    """What d stands for by now."""
    if not isinstance(d, Size) or d.link is None:
        return d
    end = d.link
    while isinstance(end, Size) and end.link is not None:
        end = end.link
    while isinstance(d, Size) and d.link is not None:  # so that chains stay short
        d.link, d = end, d.link
        if d is end:
            break
    return end


def _terms(d: Dim) -> dict[Monomial, Fraction]:
    d = find(d)
    if isinstance(d, Size):
        return {(d,): Fraction(1)}
    if isinstance(d, int):
        return {(): Fraction(d)} if d else {}
    found: dict[Monomial, Fraction] = {}
    for monomial, c in d.terms.items():
        product: dict[Monomial, Fraction] = {(): c}
        for size in monomial:
            product = _times(product, {(size,): Fraction(1)} if size.link is None else _terms(size))
        _accumulate(found, product)
    return found


def _accumulate(into: dict[Monomial, Fraction], more: dict[Monomial, Fraction], sign: int = 1) -> None:
    for monomial, c in more.items():
        value = into.get(monomial, Fraction(0)) + sign * c
        if value:
            into[monomial] = value
        else:
            into.pop(monomial, None)


def _times(a: dict[Monomial, Fraction], b: dict[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    found: dict[Monomial, Fraction] = {}
    for p, c in a.items():
        for q, d in b.items():
            _accumulate(found, {tuple(sorted(p + q, key=lambda s: s.order)): c * d})
    return found


def _divided(terms: dict[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    """The terms without the sizes that all of them hold, none of which is 0: n*q - n = 0 is q - 1 = 0."""
    shared = Counter(next(iter(terms)))
    for monomial in terms:
        shared &= Counter(monomial)
    return {tuple(sorted((Counter(m) - shared).elements(), key=lambda s: s.order)): c for m, c in terms.items()}


def _made(terms: dict[Monomial, Fraction], factors: tuple[Dim, ...] = ()) -> Dim:
    if not terms:
        return 0
    if len(terms) == 1:
        ((monomial, c),) = terms.items()
        if not monomial and c.denominator == 1:
            return int(c)
        if len(monomial) == 1 and c == 1:
            return monomial[0]
    return Polynomial(terms, factors)


def simplified(d: Dim) -> Dim:
    """d with everything that is known put in."""
    d = find(d)
    return _made(_terms(d), d.factors) if isinstance(d, Polynomial) else d


def plus(a: Dim, b: Dim, sign: int = 1) -> Dim:
    """a + b, or a - b."""
    if isinstance(a, int) and isinstance(b, int):
        return a + sign * b
    terms = dict(_terms(a))
    _accumulate(terms, _terms(b), sign)
    return _made(terms)


def times(a: Dim, b: Dim) -> Dim:
    """a*b."""
    a, b = find(a), find(b)
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if a == 1:
        return b
    if b == 1:
        return a
    return _made(_times(_terms(a), _terms(b)), (a, b))


def over(a: Dim, c: int) -> Dim:
    """a/c for a number c."""
    return _made({monomial: value / c for monomial, value in _terms(a).items()})


def unknown(d: Dim) -> bool:
    """Whether d is a size without a name, still to be found."""
    d = find(d)
    return isinstance(d, Size) and not d.name


def degree(d: Dim) -> int:
    """Of how many sizes d is a product, at most."""
    d = find(d)
    return max((len(m) for m in d.terms), default=0) if isinstance(d, Polynomial) else 1


def atoms(d: Dim) -> set[Size]:
    """The sizes in d."""
    d = find(d)
    if isinstance(d, Size):
        return {d}
    return {s for monomial in _terms(d) for s in monomial} if isinstance(d, Polynomial) else set()


def _solutions(difference: dict[Monomial, Fraction]) -> list[tuple[Size, dict[Monomial, Fraction]]]:
    """What each unknown that occurs once, alone, must be for the difference to vanish; the plainest first."""
    found = []
    for size in sorted({s for monomial in difference for s in monomial if not s.name}, key=lambda s: s.order):
        c = difference.get((size,), Fraction(0))
        if abs(c) == 1 and sum(size in monomial for monomial in difference) == 1:
            found.append((size, {m: -value / c for m, value in difference.items() if m != (size,)}))
    return sorted(found, key=lambda solution: _removals(solution[1]))


def _removals(terms: dict[Monomial, Fraction]) -> int:
    """How many terms are taken away."""
    return sum(c < 0 for c in terms.values())


class Unifier:
    """Makes dimensions equal, and remembers the equations that have to wait."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Dim, Dim]] = []

    def unify(self, a: Dim, b: Dim) -> None:
        """Make a and b equal.

        Raises: ClashError where they cannot be.
        """
        a, b = find(a), find(b)
        if a is b:
            return
        if isinstance(a, Size) and not a.name:
            self._bind(a, b)
        elif isinstance(b, Size) and not b.name:
            self._bind(b, a)
        elif isinstance(a, int) and isinstance(b, int):
            if a != b:
                raise ClashError(a, b)
        elif isinstance(a, Polynomial) or isinstance(b, Polynomial):
            if not self._solve(a, b):
                self.waiting.append((a, b))
        else:
            raise ClashError(a, b)

    def _bind(self, unknown: Size, d: Dim) -> None:
        if isinstance(d, Polynomial):
            d = simplified(d)
            if unknown in atoms(d):
                if d is not unknown and not self._solve(unknown, d):
                    self.waiting.append((unknown, d))
                return
        if isinstance(d, int) and (d < 1 or (d == 1 and unknown.proper)):
            raise ClashError(unknown, d)
        if isinstance(d, Size) and not d.name:
            d.proper = d.proper or unknown.proper
        unknown.link = d

    def _solve(self, a: Dim, b: Dim, guessing: bool = False) -> bool:
        """Whether a = b could be settled: it holds, or it has been solved for an unknown that occurs once, alone.

        Where that would be a difference of sizes and there is a choice, it is solved only when `guessing`.
        """
        difference = dict(_terms(a))
        _accumulate(difference, _terms(b), -1)
        if not difference:
            return True
        sizes = {s for monomial in difference for s in monomial}
        unknowns = {s for s in sizes if not s.name}
        if not unknowns:
            raise ClashError(a, b)
        if len(difference) == 1 or (len(difference) == 2 and () in difference and len(unknowns) < len(sizes)):
            self._positive(difference, a, b)
        solutions = _solutions(_divided(difference))
        if not solutions:
            return False
        unknown, solution = solutions[0]
        if len(solutions) > 1 and not guessing and _removals(solution):
            return False  # n + m = p + q: another equation may tell which of them to keep
        self._bind(unknown, _made(solution))
        return True

    def _positive(self, difference: dict[Monomial, Fraction], a: Dim, b: Dim) -> None:
        if all(c > 0 for c in difference.values()) or all(c < 0 for c in difference.values()):
            raise ClashError(a, b)

    def settle(self) -> None:
        """Solve what waited: a*b = m*n factor by factor, p(a) = p(n) by a = n.

        Raises: ClashError where an equation cannot be solved.
        """
        while self.waiting:
            if self._progress():
                continue
            a, b = map(simplified, self.waiting.pop(0))
            factors = (a.factors, b.factors) if isinstance(a, Polynomial) and isinstance(b, Polynomial) else ((), ())
            if len(factors[0]) == len(factors[1]) == 2:
                for p, q in zip(*factors, strict=True):
                    self.unify(p, q)
            elif not self._pair(a, b) and not self._solve(a, b, guessing=True) and not self._guess(a, b):
                raise ClashError(a, b)

    def _progress(self) -> bool:
        """Whether some equation that waited could be settled without a guess."""
        for i, (a, b) in enumerate(self.waiting):
            a, b = simplified(a), simplified(b)
            if self._solve(a, b) if isinstance(a, Polynomial) or isinstance(b, Polynomial) else self._plain(a, b):
                del self.waiting[i]
                return True
        return False

    def _pair(self, a: Dim, b: Dim) -> bool:
        """Whether n + m = p + q could be settled by n = p and m = q: blocks that meet fit one by one."""
        pairs = list(zip(_terms(a).items(), _terms(b).items(), strict=False))
        if len(_terms(a)) != len(_terms(b)) or any(c != 1 or d != 1 for (_, c), (_, d) in pairs):
            return False
        sizes = [(p[0], q[0]) for (p, _), (q, _) in pairs if len(p) == len(q) == 1]
        if len(sizes) < len(pairs) or not all(p is q or unknown(p) or unknown(q) for p, q in sizes):
            return False
        for p, q in sizes:
            self.unify(p, q)
        return True

    def _plain(self, a: Dim, b: Dim) -> bool:
        self.unify(a, b)
        return True

    def _guess(self, a: Dim, b: Dim) -> bool:
        """Whether one unknown of a = b, set to a size of the other side, makes both sides equal."""
        unknowns = sorted((s for s in atoms(a) | atoms(b) if not s.name), key=lambda s: s.order)
        for unknown in unknowns:
            for other in sorted((atoms(a) | atoms(b)) - {unknown}, key=lambda s: s.order):
                unknown.link = other
                difference = dict(_terms(a))
                _accumulate(difference, _terms(b), -1)
                if not difference:
                    return True
                unknown.link = None
        return False


FREE_NAMES = ("n", "d", "k", "m", "p", "q", "r", "s", "t", "l")


def free_names(taken: Iterable[str]) -> Callable[[], str]:
    """A function that gives the next free size name: n, d, k, m, p, q, r, s, t, l, n1, n2, n3."""
    used = set(taken)
    names = iter([*FREE_NAMES])
    numbers = count(1)

    def following() -> str:
        for name in names:
            if name not in used:
                return name
        return next(f"n{i}" for i in numbers if f"n{i}" not in used)

    return following
