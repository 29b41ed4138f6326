"""The shapes of names: declared, bound, defined or fresh; and how shapes are made equal."""

from __future__ import annotations

from collections.abc import Mapping

from matcalc.errors import ArgumentError, DeclarationError, UnknownNameError
from matcalc.language.calls import Resolved
from matcalc.language.misfit import MisfitError, unify
from matcalc.language.scope import Bound, Scope, is_square
from matcalc.language.shapes import ClashError, Dim, Shape, Size, Unifier, find, times
from matcalc.language.sizes import size_of
from matcalc.language.syntax.names import name_key
from matcalc.language.syntax.tree import Expression, Name


class NameShapes:
    """What is known of the names of a problem while it is being read."""

    def __init__(self, scope: Scope, kinds: Mapping[str, str]) -> None:
        """Nothing is known yet but the kinds of the free names.

        `ranges` says over how many an index runs; `members` what a member of a family is, and how many there are;
        `reaches` which entry of an array of unknown size an index comes to.
        """
        self.scope = scope
        self.kinds = kinds
        self.shapes: dict[int, Shape] = {}
        self.calls: dict[int, Resolved] = {}
        self.names: dict[str, Shape] = dict(scope.bound)
        self.unifier = Unifier()
        self.contextual: list[tuple[Expression, Size]] = []
        self.spread: list[tuple[Expression, Expression, Shape]] = []
        self.ranges: dict[Bound, Dim] = {}
        self.members: dict[str, tuple[Shape, Dim]] = {}
        self.reaches: list[tuple[Dim, Dim]] = []
        self.final: Shape = ()

    # ------------------------------------------------------------ names

    def shape_of_name(self, e: Name) -> Shape:
        """The shape of a name where it stands."""
        if id(e) in self.scope.indices:
            return ()
        role = self.scope.role(e.name)
        if role == "size":
            return ()
        if role == "constant":
            return self._constant(e)
        if role == "differential":
            return self._known(self.scope.differential_of(e.name), e)
        return self._known(name_key(e.name), e)

    def _known(self, key: str, e: Name) -> Shape:
        if self.scope.is_function(key):
            raise MisfitError("name", [e], what=f"{e.name} is a function", hint=f"apply it: {e.name}(y)", cls=ArgumentError)
        found = self.names.get(key)
        if found is None:
            if key in self.scope.defined:
                raise MisfitError(
                    "order",
                    [e],
                    what=f"{e.name} is used before it is defined",
                    cls=UnknownNameError,
                    hint="move its definition up",
                )
            if self.scope.sealed:
                raise MisfitError("name", [e], what=f"unknown name {e.name}", cls=UnknownNameError, hint=self._near(e.name))
            if key not in self.scope.declared and key not in self.kinds:
                raise MisfitError(
                    "name",
                    [e],
                    what=f"d({e.name}) is the differential of {e.name}, which is no variable here",
                    cls=UnknownNameError,
                    hint=f"declare {e.name}, or write the expression whose derivative you want",
                )
            found = self.names[key] = self._declared(key) if key in self.scope.declared else self.fresh(self.kinds[key])
        return found

    def _near(self, name: str) -> str:
        return f"known here: {', '.join([*self.scope.bound, *self.scope.sizes])}"

    def fresh(self, kind: str) -> Shape:
        """A shape of unknown sizes."""
        if kind in ("scalar", "integer"):
            return ()
        return (Size(proper=True), 1 if kind in ("vector", "integers") else Size(proper=True))

    def _declared(self, key: str) -> Shape:
        declared = self.scope.declared[key]
        found = self.fresh(declared.kind)
        dims = [size_of(e, self.scope, declared.source) for e in declared.sizes or ()] if found else []
        if declared.kind == "matrices":
            m, n, count = dims or [Size(proper=True) for _ in range(3)]
            found = (m, times(n, count))
            self.members[key] = ((m, n), count)
        elif dims:
            found = (dims[0], dims[1] if len(dims) > 1 else 1)
        if declared.kind == "vectors":
            self.members[key] = ((found[0], 1), found[1])
        if found and any(is_square(self.scope.signatures, p) for p in declared.properties):
            try:
                self.unifier.unify(*found)
            except ClashError:
                words = " ".join(sorted(declared.properties))
                raise DeclarationError(
                    f"{declared.name.name} is declared {words}, so its sizes must be equal",
                    source=declared.source, span=declared.name.span, hint="matrix(n,n)",
                ) from None  # fmt: skip
        return normal(found)

    def _constant(self, e: Name) -> Shape:
        if e.name == "pi":
            return ()
        n = self.context(e)
        return (n, n) if e.name in ("I", "eye") else (n, 1)

    def context(self, e: Expression) -> Size:
        """An unknown size that the surroundings of e must tell."""
        made = Size()
        self.contextual.append((e, made))
        return made

    # ------------------------------------------------------------ making shapes equal

    def same(self, a: Shape, b: Shape, kind: str, left: Expression, right: Expression) -> Shape:
        """The shape of two parts that must have one."""
        unify(self.unifier, ((a[0], b[0]), (a[1], b[1])), kind, (left, right), (a, b))
        return a

    def broadcast(self, a: Shape, b: Shape, kind: str, left: Expression, right: Expression) -> Shape:
        """The common shape of two parts, rows, columns and scalars spread."""
        if not a or not b:
            return a or b
        dims: list[Dim] = []
        for p, q in zip(map(find, a), map(find, b), strict=True):
            if p == 1 or q == 1:
                dims.append(q if p == 1 else p)
            else:
                unify(self.unifier, ((p, q),), kind, (left, right), (a, b))
                dims.append(p)
        return tuple(dims)


def normal(s: Shape) -> Shape:
    """The shape, () where it is 1×1."""
    return () if s and find(s[0]) == 1 and find(s[1]) == 1 else s
