"""Entries, rows, columns and members of families, and sums over an index: their shapes, and what an index runs over."""

from __future__ import annotations

from matcalc.errors import ArgumentError
from matcalc.language.misfit import MisfitError, misuse
from matcalc.language.name_shapes import NameShapes, normal
from matcalc.language.scope import Bound, Step
from matcalc.language.shapes import ClashError, Dim, Polynomial, Shape, Size, find, plus, simplified, unknown
from matcalc.language.sizes import size_of
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import Comprehension, Expression, Index, Name, Number, Sum

_ONE_ENTRY = "x[i], X[i,j], X[i,:] and X[:,j] are read; members of a family, x[t], where x: vectors(d,N) is declared"


class Indexing(NameShapes):
    """What the shapes of indexed things and of sums over an index are."""

    def index(self, e: Index) -> Shape:
        """A scalar, a row or a column; a member of a family."""
        s = self.shapes[id(e.operand)]
        family = self.members.get(name_key(e.operand.name)) if isinstance(e.operand, Name) else None
        for place in e.places:
            if place is not None and self.shapes[id(place)]:
                raise misuse("an index must be a scalar", place, "declare it, as i: integer", "index")
        if family is not None and len(e.places) == 1 and e.places[0] is not None:
            member, count = family
            self._place(e.places[0], count)
            return member
        for place, d in zip(e.places, s if len(e.places) == 2 else s[:1], strict=False):
            if place is not None:
                self._place(place, d)
        if not s or len(e.places) > 2:
            raise misuse("only a vector or a matrix has entries", e.operand, _ONE_ENTRY, "indexed")
        if len(e.places) == 1:
            if find(s[1]) != 1 and find(s[0]) != 1:
                hint = "write X[i,j] for an entry, X[i,:] for a row, X[:,j] for a column"
                raise misuse("a matrix has two indices", e, hint, "indexed")
            return () if e.places[0] is not None else s
        i, j = e.places
        if i is None:
            return s if j is None else normal((s[0], 1))
        return normal((1, s[1])) if j is None else ()

    def _place(self, place: Expression, d: Dim) -> None:
        """What stands at a place where there are d entries."""
        known = find(d)
        if isinstance(place, Number):
            if not (place.value >= 1 and place.value.denominator == 1):
                raise misuse("indices count from 1", place, "x[1] is the first entry", "indexed")
            if isinstance(known, int) and known != 1 and place.value > known:
                raise misuse(f"there are only {known} entries here", place, "indices count from 1", "indexed")
        found = self._shifted(place)
        if found is not None:
            self._runs(*found, d, place)

    def _shifted(self, place: Expression) -> tuple[Bound, int] | None:
        """(i, c) of the place i + c."""
        if isinstance(place, Sum) and len(place.terms) == 2:
            for name, shift in (place.terms, place.terms[::-1]):
                bound = self.scope.indices.get(id(name))
                whole = isinstance(shift, Number) and shift.value.denominator == 1
                if bound is not None and isinstance(name, Name) and whole and (name is place.terms[0] or place.signs[1] == "+"):
                    value = int(shift.value) if isinstance(shift, Number) else 0
                    return bound, -value if place.signs[1] == "-" else value
            return None
        bound = self.scope.indices.get(id(place)) if isinstance(place, Name) else None
        return None if bound is None else (bound, 0)

    def _runs(self, bound: Bound, shift: int, d: Dim, place: Expression) -> None:
        """The index i, moved by a shift, stands where there are d entries: that is its range, where no other is given."""
        if bound.limits is None:
            if shift == 0:
                self._ranges_alike(bound, d, place)
            return
        low, high = bound.limits
        try:
            end = find(size_of(high, self.scope, ""))
        except ArgumentError:
            return
        known = find(d)
        if not bound.guarded:
            self._starts_within(bound, low, shift, place)
        if unknown(known):
            self.reaches.append((d, plus(end, shift)))
            return
        if known != 1 and not bound.guarded:
            over = simplified(plus(plus(end, shift), known, -1))
            if isinstance(over, int) and over > 0:
                what = f"this comes to {_shown(plus(end, shift))}, and there are {_shown(known)} entries here"
                raise misuse(what, place, "end the range earlier, or give a condition as in: for i in 1..n if i < n", "indexed")
        if shift == 0 and isinstance(low, Number) and low.value == 1 and known is not end:
            self._ends_within(bound, end, known, place)

    def _starts_within(self, bound: Bound, low: Expression, shift: int, place: Expression) -> None:
        if isinstance(low, Number) and low.value + shift < 1:
            what = f"indices count from 1: {bound.name.name} starts at {low.value}, so this starts at {low.value + shift}"
            hint = f"start the range later: for {bound.name.name} in {1 - shift}..n"
            raise misuse(what, place, hint, "indexed")

    def _ranges_alike(self, bound: Bound, d: Dim, place: Expression) -> None:
        try:
            self.unifier.unify(self.ranges.setdefault(bound, d), d)
        except ClashError as clash:
            what = f"{bound.name.name} runs over sizes that differ"
            raise MisfitError("indexed", [place], clash=clash, what=what, hint="use two indices") from None

    def _ends_within(self, bound: Bound, end: Dim, known: Dim, place: Expression) -> None:
        if isinstance(known, Polynomial) or isinstance(end, Polynomial) or (isinstance(known, int) != isinstance(end, int)):
            return
        if not (isinstance(known, int) and isinstance(end, int) and end <= known):
            what = f"{bound.name.name} runs to {_shown(end)}, and there are {_shown(known)} entries here"
            raise misuse(what, place, "declare the sizes, or leave the range out: sum(x[i] for i)", "indexed")

    def reach(self) -> None:
        """An array of unknown size has as many entries as the indices come to that stand there."""
        ends: dict[int, tuple[Dim, Dim]] = {}
        for d, end in self.reaches:
            known = find(d)
            if unknown(known):
                _, furthest = ends.get(id(known), (d, end))
                beyond = simplified(plus(end, furthest, -1))
                ends[id(known)] = (d, end if isinstance(beyond, int) and beyond > 0 else furthest)
        for d, end in ends.values():
            self.unifier.unify(d, end)

    def comprehension(self, e: Comprehension) -> Shape:
        """The shape of what is added up or multiplied."""
        found = self.shapes[id(e.body)]
        for part in (*(e.limits or ()), e.condition):
            if part is not None and self.shapes[id(part)]:
                raise misuse(
                    "the range and the condition of an index are scalars", part, "as in sum(x[i] for i in 1..n if i != j)"
                )
        self._range_known(self.scope.indices[id(e)])
        if found and e.function == "prod":
            raise misuse("a product over an index is one of scalars", e.body, "write prod(x[i] for i)")
        return found

    def _range_known(self, bound: Bound) -> None:
        if bound.limits is None and bound not in self.ranges:
            name = bound.name.name
            raise misuse(f"nothing tells what {name} runs over", bound.name, f"write for {name} in 1..n", "indexed")

    def entrywise(self, step: Step, found: Shape) -> Shape:
        """The shape of what a step defines entry by entry, or member by member."""
        assert step.name is not None
        key = name_key(step.name.name)
        if key in self.scope.declared:
            for bound, d in zip(step.indices, self._declared(key)[-len(step.indices) :], strict=False):
                self.ranges.setdefault(bound, d)
        for bound in step.indices:
            self._range_known(bound)
        dims = tuple(self.ranges[bound] for bound in step.indices)
        if not found:
            return normal((dims[0], dims[1] if len(dims) == 2 else 1))
        if len(dims) == 2 or find(found[1]) != 1:
            hint = "x[i] = s, X[i,j] = s and x[t] = v are read, with a scalar s and a vector v"
            raise misuse("this cannot be defined entry by entry", step.roots[0], hint)
        self.members[key] = (found, dims[0])
        return found[0], dims[0]


def _shown(d: Dim) -> str:
    return (d.name or "?") if isinstance(d, Size) else str(d)
