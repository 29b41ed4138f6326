"""Random problems as data: trees of productions, with their text, their declarations and, through NumPy alone, their value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tests.arrays import draw
from tests.grammar import ATOM, MUL, POWER, Dims, Kind, Production, needed_level

Array = Any
OPERAND = re.compile(r"\{(\d)\}")


@dataclass(frozen=True)
class Variable:
    """A declared variable; `domain` says how it is drawn, `properties` what is declared."""

    name: str
    dims: Dims
    domain: str
    properties: str = ""

    @property
    def declaration(self) -> str:
        """`X: matrix(n,m) symmetric`."""
        if not self.dims:
            kind = "scalar"
        elif self.dims[1] == "1":
            kind = f"vector({self.dims[0]})"
        else:
            kind = f"matrix({self.dims[0]},{self.dims[1]})"
        return f"{self.name}: {kind} {self.properties}".strip()


@dataclass(frozen=True)
class Tree:
    """An expression: a production with its operands, or a leaf (a name or a number)."""

    kind: Kind
    leaf: str = ""
    production: Production | None = None
    operands: tuple[Tree, ...] = ()
    template: str = ""
    letters: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The expression as a person would type it."""
        if self.production is None:
            return self.leaf
        out, end = "", 0
        for match in OPERAND.finditer(self.template):
            out += self.template[end : match.start()]
            operand = self.operands[int(match.group(1))]
            need = needed_level(self.template[: match.start()], self.template[match.end() :])
            out += operand.text if operand.level >= need else f"({operand.text})"
            end = match.end()
        out += self.template[end:]
        return re.sub(r"<(\w)>", lambda m: self.letters[m.group(1)], out)

    @property
    def level(self) -> int:
        """How tightly the text binds."""
        if self.production is None:
            return ATOM if self.leaf.isidentifier() or self.leaf.isdigit() else MUL if "(" not in self.leaf else POWER
        return self.production.level

    def value(self, env: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
        """What the expression is worth."""
        if self.production is None:
            return env[self.leaf] if self.leaf in env else _constant(self, sizes)
        d = {letter: sizes[name] for letter, name in self.letters.items() if name in sizes}
        return self.production.value(d, *(o.value(env, sizes) for o in self.operands))

    def walk(self) -> Iterator[Tree]:
        """The tree and all its parts, outermost first."""
        yield self
        for operand in self.operands:
            yield from operand.walk()

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return sum(1 for _ in self.walk())

    def replaced(self, old: Tree, new: Tree) -> Tree:
        """The tree with one part (by identity) replaced."""
        if self is old:
            return new
        return replace(self, operands=tuple(o.replaced(old, new) for o in self.operands)) if self.operands else self


def _constant(leaf: Tree, sizes: Mapping[str, int]) -> Array:
    if leaf.leaf in sizes:
        return np.float64(sizes[leaf.leaf])
    if leaf.kind.dims:
        rows, columns = (sizes.get(d, 1) for d in leaf.kind.dims)
        return np.eye(rows) if leaf.leaf.startswith("eye") else np.ones((rows, columns))
    over, _, under = leaf.leaf.partition("/")
    return np.float64(over) / np.float64(under or 1)


@dataclass(frozen=True)
class Problem:
    """Statements, the scalar that is differentiated, the variables and a point."""

    statements: tuple[tuple[str, Tree], ...]
    root: Tree
    variables: Mapping[str, Variable]
    sizes: Mapping[str, int]
    seed: int = 0

    def __repr__(self) -> str:
        return f"<{self.text!r} {self.declarations}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def text(self) -> str:
        """The program."""
        return "\n".join([*(f"{name} = {tree.text}" for name, tree in self.used_statements), self.root.text])

    @property
    def declarations(self) -> list[str]:
        """What is declared of every variable, and the integers."""
        words = {t.leaf for t in self.trees} | {name for t in self.trees for name in t.letters.values()}
        integers = [f"{name}: integer" for name in self.sizes if name in words and not self._is_size(name)]
        return [self.variables[name].declaration for name in self.used_names if name in self.variables] + integers

    def _is_size(self, name: str) -> bool:
        return any(name in self.variables[v].dims for v in self.used_names if v in self.variables)

    @property
    def trees(self) -> list[Tree]:
        """Every part of every statement."""
        return [t for tree in (*(tree for _, tree in self.used_statements), self.root) for t in tree.walk()]

    @cached_property
    def used_statements(self) -> tuple[tuple[str, Tree], ...]:
        """The statements that the last one depends on."""
        needed = {t.leaf for t in self.root.walk()}
        kept = []
        for name, tree in reversed(self.statements):
            if name in needed:
                needed |= {t.leaf for t in tree.walk()}
                kept.append((name, tree))
        return tuple(reversed(kept))

    @property
    def used_names(self) -> list[str]:
        """Variables and intermediates that occur, in order."""
        known = {*self.variables, *(name for name, _ in self.statements)}
        return list(dict.fromkeys(t.leaf for t in self.trees if t.leaf in known))

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """A random array for every variable, in two dimensions."""
        return {v.name: draw_variable(v, self.sizes, self.seed) for v in self.variables.values()}

    @cached_property
    def environment(self) -> dict[str, Array]:
        """The arrays of variables and intermediates."""
        env = dict(self.arrays)
        for name, tree in self.statements:
            env[name] = tree.value(env, self.sizes)
        return env

    def function(self, wrt: str) -> Callable[[Array], Array]:
        """The scalar as a function of one variable or intermediate."""
        names = [name for name, _ in self.statements]
        later = self.statements[names.index(wrt) + 1 :] if wrt in names else self.statements

        def f(x: Array) -> Array:
            env = {**self.environment, wrt: x}
            for name, tree in later:
                env[name] = tree.value(env, self.sizes)
            return self.root.value(env, self.sizes)

        return f

    @property
    def size(self) -> int:
        """How long the problem is."""
        return len(self.trees)


def draw_variable(v: Variable, sizes: Mapping[str, int], seed: int) -> Array:
    """A random array for the variable; the same for the same seed."""
    rng = np.random.default_rng([seed, *v.name.encode()])
    dims = tuple(sizes.get(d, 1) for d in v.dims)
    return np.asarray(draw(v.domain, dims, rng))
