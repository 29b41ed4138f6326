"""Random well-typed problems over the whole language: a seeded generator and a Hypothesis strategy, over one grammar."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.grammar import ENTRYWISE, SATISFIES, SHAPED, Dims, Kind, Production, bind
from tests.problems import Problem, Tree, Variable, draw_variable

Array = Any
Choose = Callable[[int], int]
SIZES = ("n", "m", "r")


def _fits(production: Production, dims: Dims) -> bool:
    return production.result.dims is None or bind(production.result.dims, dims) is not None


_NAMES = {
    ("real", 2): "X A B W Y C H F V M", ("real", 1): "x y a b u v w z", ("real", 0): "alpha beta theta t s phi",
    ("positive", 2): "Psi Omega N1 N2 N3 N4", ("positive", 1): "p q g h p1 p2", ("positive", 0): "tau rho kappa nu",
    ("symmetric", 2): "S S1 S2 S3", ("posdef", 2): "P P1 P2 P3", ("invertible", 2): "J J1 J2 J3",
    ("diagonal", 2): "Lambda D1 D2 D3", ("lower", 2): "L L1 L2 L3", ("upper", 2): "U U1 U2 U3",
    ("skew", 2): "K K1 K2 K3", ("orthogonal", 2): "Q Q1 Q2 Q3",
}  # fmt: skip
_STRUCTURED = {
    "real": ("symmetric", "diagonal", "lower", "upper", "skew", "posdef", "orthogonal"),
    "symmetric": ("posdef", "diagonal"),
    "invertible": ("posdef", "lower", "upper", "diagonal", "orthogonal"),
}


class Generator:
    """Draws problems; `choose(n)` gives an integer below n, 0 being the simplest choice."""

    def __init__(self, choose: Choose, seed: int = 0) -> None:
        self.choose = choose
        self.sizes = {name: 2 + choose(4) for name in SIZES}
        while len(set(self.sizes.values())) < len(SIZES):
            taken = sorted(set(range(2, 6)) - set(self.sizes.values()))
            clash = next(a for i, a in enumerate(SIZES) if self.sizes[a] in [self.sizes[b] for b in SIZES[:i]])
            self.sizes[clash] = taken[0]
        self.constants = {**self.sizes, "i": 2, "k": 3}
        self.variables: dict[str, Variable] = {}
        self.statements: list[tuple[str, Tree]] = []
        self.env: dict[str, Array] = {}
        self.seed = seed

    def pick(self, items: Sequence[Any]) -> Any:
        """One of the items."""
        return items[self.choose(len(items))]

    def problem(self, depth: int) -> Problem:
        """A problem whose expressions are at most so deep."""
        for index in range(self.pick((0, 0, 1, 2))):
            dims = self.pick(((self.size(), self.size()), (self.size(), "1"), ()))
            tree = self.tree(Kind("real", dims), max(1, depth - 1))
            if tree.production is not None:
                name = f"{'Z' if len(dims) == 2 and dims[1] != '1' else 'z' if dims else 'c'}{index + 1}"
                self.statements.append((name, tree))
                self.env[name] = self.value(tree)
        names = {name for name, _ in self.statements}
        for _ in range(5 if names else 1):
            root = self.tree(Kind("real", ()), depth)
            if names & {t.leaf for t in root.walk()}:
                break
        return Problem(tuple(self.statements), root, dict(self.variables), self.constants, self.seed)

    def size(self) -> str:
        """One of the size symbols."""
        return self.pick(SIZES)

    def tree(self, kind: Kind, depth: int) -> Tree:
        """A tree of that kind whose value is moderate at the point."""
        assert kind.dims is not None
        for _ in range(6 if depth > 0 else 0):
            fitting = self.productions(kind)
            if not fitting or (depth < 3 and kind.domain != "name" and self.choose(10) == 0):
                break
            made = self.apply(self.pick(fitting), kind, depth)
            if made is not None:
                return made
        return self.leaf(kind)

    def productions(self, kind: Kind) -> list[Production]:
        """The productions that give the kind."""
        domains = SATISFIES.get(kind.domain, frozenset())
        assert kind.dims is not None
        shaped, entrywise = (
            [p for p in table if p.result.domain in domains and _fits(p, kind.dims)] for table in (SHAPED, ENTRYWISE)
        )
        return shaped if shaped and (not entrywise or self.choose(3) < 2) else entrywise

    def apply(self, production: Production, kind: Kind, depth: int) -> Tree | None:
        """The production applied to random operands; None where its value is not moderate."""
        assert kind.dims is not None
        letters = dict(bind(production.result.dims, kind.dims) or {}) if production.result.dims else {}
        operands: list[Tree] = []
        if "1" in letters.values() and any(x in production.templates[0] for x in ("axis=", "pinv", "<", "norm(")):
            return None
        for operand in production.operands:
            for letter in operand.dims or ():
                if letter != "1":
                    letters.setdefault(letter, self.size())
            dims = kind.dims if operand.dims is None else tuple(letters.get(x, x) for x in operand.dims)
            if dims == ("1", "1"):
                return None
            operands.append(self.tree(Kind(operand.domain, dims), depth - 1))
        plain = [t for t in production.templates if not set("|‖") & set(t)]
        bars = any(set("|‖") & set(o.text) for o in operands)
        template = self.pick(plain if bars else production.templates)
        if not plain and bars:
            return None
        for letter in ("i", "k"):
            if f"<{letter}>" in template:
                letters[letter] = letter
        tree = Tree(kind, production=production, operands=tuple(operands), template=template, letters=letters)
        return tree if self.moderate(tree) else None

    def moderate(self, tree: Tree) -> bool:
        """Whether the value is finite, not large, and well inside its domain."""
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(self.value(tree))
        except np.linalg.LinAlgError:
            return False
        if not np.all(np.isfinite(value)) or np.max(np.abs(value)) > 1e3:
            return False
        if any(sign in tree.template for sign in ("norm", "‖", "||", "pinv")) and not self.differentiable_norm(tree):
            return False
        if tree.kind.domain in ("unit", "positiveunit") and np.max(np.abs(value)) > 0.98:
            return False
        if tree.kind.domain in ("positive", "positiveunit", "aboveone"):
            return bool(np.min(value) > 0.02)
        return tree.kind.domain not in ("invertible", "posdef") or bool(np.linalg.cond(value) < 1e3)

    def differentiable_norm(self, tree: Tree) -> bool:
        """Whether the operands of a norm or a pseudo-inverse are not 0 and, for singular values, of full rank and simple."""
        values = [np.atleast_2d(self.value(o)) for o in tree.operands]
        if any(np.max(np.abs(v)) < 1e-9 for v in values):
            return False
        if not any(sign in tree.template for sign in ("'nuc'", "pinv", "{0}, 2)")):
            return True
        singular = np.linalg.svd(values[0], compute_uv=False)
        return bool(singular[-1] > 1e-2 * singular[0] and np.all(np.diff(singular) < -0.05))

    def value(self, tree: Tree) -> Array:
        """The value at the point."""
        for v in self.variables.values():
            if v.name not in self.env:
                self.env[v.name] = draw_variable(v, self.sizes, self.seed)
        return tree.value(self.env, self.constants)

    def leaf(self, kind: Kind) -> Tree:
        """A variable, an intermediate, a number or a constant matrix of the kind."""
        dims = kind.dims
        assert dims is not None
        if kind.domain in ("unit", "positiveunit", "aboveone"):
            (production, *_) = [p for p in ENTRYWISE if p.result.domain in SATISFIES[kind.domain]]
            inner = self.leaf(Kind("real", dims))
            return Tree(kind, production=production, operands=(inner,), template=production.templates[0])
        named = [n for n, t in self.statements if kind.domain in ("real", "name") and t.kind.dims == dims]
        if named and self.choose(2):
            return Tree(kind, leaf=self.pick(named))
        if kind.domain != "name" and self.choose(12) == 11:
            constant = self.constant(kind)
            if constant is not None:
                return constant
        domain = "real" if kind.domain == "name" else kind.domain
        square = len(dims) == 2 and dims[0] == dims[1]
        if square and domain in _STRUCTURED and kind.domain != "name" and self.choose(3) == 2:
            domain = self.pick(_STRUCTURED[domain])
        return Tree(kind, leaf=self.variable(domain, dims).name)

    def constant(self, kind: Kind) -> Tree | None:
        """A number, a size, ones or an identity matrix; None where the domain has none."""
        dims = kind.dims
        if not dims:
            return Tree(kind, leaf=self.pick(("2", "3", "1/2", "3/4", self.size())))
        if kind.domain in ("posdef", "invertible", "symmetric"):
            return Tree(kind, leaf=f"eye({dims[0]})")
        if dims[1] == "1":
            return Tree(kind, leaf=f"ones({dims[0]})")
        return Tree(kind, leaf=f"ones({dims[0]},{dims[1]})")

    def variable(self, domain: str, dims: Dims) -> Variable:
        """A variable of that domain and shape: mostly one that there is."""
        known = [v for v in self.variables.values() if v.dims == dims and v.domain == domain]
        if known and self.choose(4):
            return self.pick(known)
        order = len(dims) if not dims or "1" not in dims[1] else 1
        names = [n for n in _NAMES[domain, order].split() if n not in self.variables]
        if not names:
            return self.pick(known) if known else self.overflow(domain, dims)
        made = Variable(names[0], dims, domain, "" if domain == "real" else domain)
        self.variables[made.name] = made
        return made

    def overflow(self, domain: str, dims: Dims) -> Variable:
        """A variable with a numbered name, where the usual names are spent."""
        made = Variable(f"{'x' if '1' in dims else 'X'}{len(self.variables) + 10}", dims, domain,
                        "" if domain == "real" else domain)  # fmt: skip
        self.variables[made.name] = made
        return made


def random_problem(seed: int, depth: int | None = None) -> Problem:
    """The problem of that seed, depth 1 to 6."""
    rng = random.Random(seed)
    chosen = depth if depth is not None else rng.choice((2, 2, 3, 3, 4, 4, 5, 6))
    return Generator(rng.randrange, seed).problem(chosen)


@st.composite
def problems(draw_choice: st.DrawFn, depth: int = 3) -> Problem:
    """Problems that shrink towards few and simple parts."""
    generator = Generator(lambda n: draw_choice(st.integers(0, n - 1)), seed=1)
    made = generator.problem(depth)
    assume(any(t.leaf in made.variables for t in made.trees))
    return made
