"""Products of derivatives with a direction, linear in the size of the graph: no Jacobian and no Hessian is formed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import ClassVar, TypeVar

import sympy

from matcalc.calculus.atoms import differential_of_name, paired
from matcalc.calculus.engine import Engine
from matcalc.calculus.free import Free
from matcalc.errors import ArgumentError
from matcalc.exchange.interchange import own_symbols
from matcalc.jacobians import compared, refuse_wrong
from matcalc.language.problem import Problem
from matcalc.nodes.algebra import rebuild, transpose
from matcalc.nodes.expr import Node, is_scalar, shape, substitute, variable
from matcalc.numeric.verdict import together
from matcalc.numeric.verify import Check
from matcalc.printing.text import text
from matcalc.request import Asked, leaves_asked, not_scalar, read_problem
from matcalc.result import ByVariable
from matcalc.rulebase.base import Rulebase, rulebase
from matcalc.rulebase.differential import inner
from matcalc.sides import Side
from matcalc.steps import Derived


@dataclass(frozen=True, eq=False, repr=False)
class Product(ByVariable):
    """A derivative applied to a direction V, a variable of its problem; `claims` are the F and dF that numbers compare."""

    direction: Node
    free: Free
    claims: Sequence[tuple[Node, Node]]
    verification: Check | None = None

    @property
    def check(self) -> Check | None:
        """What numbers said of it."""
        return self.verification

    def verify(self, draws: int = 5, seed: int = 0) -> Check:
        """The comparison with numerical derivatives along random directions: `.ok` is True, False or None."""
        return together([compared(self.free, F, self.variable, [(dF,)], draws, seed) for F, dF in self.claims])

    def derive(self) -> Derived:
        """No steps: the differential and the gradient have theirs."""
        return Derived((), self.verify(draws=1))


class JacobianVector(Product):
    """What F changes by where X moves along V."""

    kind: ClassVar[str] = "jvp"

    @property
    def side(self) -> Side:
        """dF."""
        return Side("differential", self.problem.label)


class VectorJacobian(Product):
    """The gradient of ⟨V, F⟩ by X."""

    kind: ClassVar[str] = "vjp"

    @property
    def side(self) -> Side:
        """∂f/∂X."""
        return Side("gradient", self.problem.label, self.variable)


class HessianVector(Product):
    """What the gradient by X changes by where X moves along V."""

    kind: ClassVar[str] = "hvp"

    @property
    def side(self) -> Side:
        """d(∂f/∂X)."""
        return Side("change", self.problem.label, self.variable)


def jvp(
    problem: Problem | str | sympy.Basic,
    wrt: Asked,
    direction: str | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> JacobianVector:
    """The derivative of F along V, a new variable: the product of the Jacobian by X with V; of the shape of F.

    Cost: linear in the size of the expression's graph.

    >>> print(jvp("inv(X)", "X"))
    -inv(X)*V*inv(X)
    """
    asked = _Asked.of(problem, wrt, declare, rules)
    X, read, free = asked.X, asked.problem, asked.free
    V, told = _direction(read, shape(X), direction)
    node = free.back(free.first.moved(free.of(X), V), X)
    dX = differential_of_name(free.of(X), asked.rules)
    claims = [(read.expression, substitute(node, {V: dX}, rebuild))]
    return _checked(JacobianVector(told, node, asked.engine, asked.symbols, X, V, free, claims), verify)


def vjp(
    problem: Problem | str | sympy.Basic,
    wrt: Asked,
    direction: str | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> VectorJacobian:
    """The gradient of ⟨V, F⟩ by X for a new variable V of the shape of F: the transposed Jacobian's product with V.

    Cost: linear in the size of the expression's graph.

    >>> print(vjp("A*X*B", "X"))
    A'*V*B'
    """
    asked = _Asked.of(problem, wrt, declare, rules)
    X, read = asked.X, asked.problem
    V, told = _direction(read, shape(read.expression), direction)
    told = replace(told, expression=inner(V, read.expression))
    engine = Engine(told, asked.rules)
    free = Free(engine, [X])
    node = free.gradient(X)
    dX = differential_of_name(free.of(X), asked.rules)
    claims = [(told.expression, paired(transpose(node), dX, asked.rules))]
    return _checked(VectorJacobian(told, node, engine, asked.symbols, X, V, free, claims), verify)


def hvp(
    problem: Problem | str | sympy.Basic,
    wrt: Asked,
    direction: str | None = None,
    *,
    declare: str | Iterable[str] | None = None,
    verify: bool = True,
    rules: Rulebase | None = None,
) -> HessianVector:
    """The derivative of the gradient by X along V, a new variable: the product of the Hessian with V; of the shape of X.

    Cost: linear in the size of the expression's graph: the Hessian is not formed.

    >>> print(hvp("norm(A*x - b)^2", "x"))
    2*A'*A*v
    """
    asked = _Asked.of(problem, wrt, declare, rules)
    X, read, free = asked.X, asked.problem, asked.free
    if not is_scalar(read.expression):
        raise not_scalar(read, f"a Hessian is that of a scalar; {text(read.expression)} is none", asked.rules)
    V, told = _direction(read, shape(X), direction)
    node = free.product(X, X, V)
    dX = differential_of_name(free.of(X), asked.rules)
    G = free.second(X).problem.expression
    claims = [
        (G, substitute(node, {V: dX}, rebuild)),
        (read.expression, paired(transpose(G), dX, asked.rules)),
    ]
    return _checked(HessianVector(told, node, asked.engine, asked.symbols, X, V, free, claims), verify)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is differentiated by what, ready to be derived."""

    problem: Problem
    X: Node
    engine: Engine
    free: Free
    symbols: dict[str, sympy.Basic]
    rules: Rulebase

    @classmethod
    def of(
        cls, problem: Problem | str | sympy.Basic, wrt: Asked, declare: str | Iterable[str] | None, rules: Rulebase | None
    ) -> _Asked:
        """What was asked."""
        known = rules or rulebase()
        read = read_problem(problem, declare, known, wrt).entry
        (X,) = leaves_asked(read, wrt)
        symbols = own_symbols(problem) if isinstance(problem, sympy.Basic) else {}
        engine = Engine(read, known)
        return cls(read, X, engine, Free(engine, [X]), symbols, known)


def _direction(problem: Problem, dims: tuple[sympy.Expr, ...], name: str | None) -> tuple[Node, Problem]:
    """The variable V, and the problem that has it too; v of a vector or scalar."""
    taken = {*problem.names, *problem.sizes}
    if name is not None and name in taken:
        raise ArgumentError(f"{name} is a name of the problem already", hint="give the direction another one")
    first = "V" if len(dims) == 2 and dims[1] != 1 else "v"
    free = chain((first,), (f"{first}_{i}" for i in count(1)))
    V = variable(name or next(letter for letter in free if letter not in taken), dims)
    return V, replace(problem, variables={**problem.variables, V.name: V})


_Made = TypeVar("_Made", bound=Product)


def _checked(made: _Made, verify: bool) -> _Made:
    """The result with the verdict of numbers."""
    if not verify:
        return made
    check = made.verify()
    refuse_wrong(check, f"the product by {made.wrt}", made.problem)
    return replace(made, verification=check)
