"""Expressions as callables on NumPy arrays, given by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Any

import numpy as np

from matcalc.errors import ArgumentError
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node, head, name_of, postorder, shape, size_symbol
from matcalc.nodes.unknown import function_of, is_unknown
from matcalc.numeric.arrays import bind, outside
from matcalc.numeric.evaluate import Program, leaves, unconditional
from matcalc.numeric.labels import Labels
from matcalc.numeric.unknown import argument_of
from matcalc.rulebase.base import Rulebase, rulebase


def argument_name(name: str, others: Collection[str] = ()) -> str:
    """The name as a keyword argument: a Python keyword gets underscores, lambda_, until it is no other's name."""
    if iskeyword(name):
        name += "_"
        while name in others:
            name += "_"
    return name


class Function:
    """A callable that takes arrays, sizes, exponents, labels and indices by name and returns the value of an expression.

    An array that is not needed may be given: its shape tells sizes.  So may an intermediate: it is then an input of its own,
    and what it was defined by need not be given.  An unknown function ell is given as a callable, its gradient as another,
    grad_ell; both take an array of the documented shape.
    """

    def __init__(
        self,
        expression: Node,
        variables: Mapping[str, Node],
        definitions: Mapping[Node, Node] | None = None,
        sizes: Iterable[str] = (),
        rules: Rulebase | None = None,
        like: Node | None = None,
        functions: Iterable[str] = (),
        domain: Iterable[Node] = (),
    ) -> None:
        """Of an expression in those variables, intermediates and sizes of a problem.

        `like` is the variable by which the expression is a derivative: the value has the shape of its arrays.  Unknown
        `functions` may be given where they are not needed.  Labels are within what they count in the nodes of the `domain`.
        """
        self.expression = expression
        self._like = like
        self.definitions = dict(definitions or {})
        self._rules = rules
        self._programs: dict[frozenset[str], tuple[Program, dict[str, Node]]] = {}
        self._known = {name_of(leaf): leaf for leaf in self.definitions} | dict(variables)
        met = {function_of(head(e)) for e in postorder([expression, *self.definitions.values()]) if is_unknown(head(e))}
        self._unknown = {argument for name in (*met, *functions) for argument in (name, f"grad_{name}")}
        program, needed = self._program(frozenset())
        self._labels = Labels(needed, (), (list(domain), ()), (), (), rules or rulebase())
        told = sorted({s.name for node in self._known.values() for d in shape(node) for s in d.free_symbols})
        named = {**{name: size_symbol(name) for name in (*told, *sizes)}, **needed}
        self._known = {**named, **self._known}
        self._names: dict[str, str] = {}
        for name in self._known:
            self._names[argument_name(name, self._known)] = name
        optional = {name for name in self._known if name in told or name not in needed}
        required = [a for a, name in self._names.items() if name not in optional] + sorted(called(program))
        self.__signature__ = Signature(
            [Parameter(a, Parameter.KEYWORD_ONLY) for a in required]
            + [Parameter(a, Parameter.KEYWORD_ONLY, default=None) for a, name in self._names.items() if name in optional]
        )

    def __call__(self, **arrays: object) -> Any:
        """The value, of shape () for a scalar, (n,) a vector, (1, n) a row, (m, n) a matrix."""
        given: dict[str, object] = {}
        functions: dict[str, Callable[..., object]] = {}
        for argument, value in arrays.items():
            if argument in self._unknown:
                if value is None:
                    continue
                if not callable(value):
                    raise ArgumentError(f"{argument} is a function: give a callable that takes an array")
                functions[argument] = value
                continue
            name = self._names.get(argument, argument)
            if name not in self._known:
                close = get_close_matches(argument, self._names, 1)
                raise ArgumentError(
                    f"there is no argument {argument!r}",
                    hint=f"did you mean {close[0]}?" if close else f"the arguments are {', '.join(self._names)}",
                )
            if value is not None:
                given[name] = value
        replaced = frozenset(name_of(leaf) for leaf in self.definitions if name_of(leaf) in given)
        program, inputs = self._program(replaced)
        lacking = sorted(called(program) - set(functions))
        if lacking:
            raise ArgumentError(f"no function for {', '.join(lacking)}", hint="give a callable that takes an array")
        if functions:
            program = self._compiled(replaced, functions)
        whole = {name: node for name, node in self._known.items() if name in given or name in inputs}
        values = bind(whole, given, required=inputs)
        self._labels.check(values, {name: round(float(values[name].real)) for name in values if self._is_whole(name)})
        try:
            return outside(program.run(values)[0], self.expression, self._like, values)
        except IndexError as error:
            raise ArgumentError(str(error)) from error
        except np.linalg.LinAlgError as error:
            raise ArgumentError(f"the value cannot be computed: {error}") from error

    def _is_whole(self, name: str) -> bool:
        return name not in self._known or bool(getattr(self._known[name], "is_integer", False))

    def _program(self, replaced: frozenset[str]) -> tuple[Program, dict[str, Node]]:
        """The program in which the intermediates of those names are inputs, and its inputs."""
        found = self._programs.get(replaced)
        if found is None:
            program = self._compiled(replaced, {})
            found = self._programs[replaced] = (program, leaves(program))
        return found

    def _compiled(self, replaced: frozenset[str], functions: Mapping[str, Callable[..., object]]) -> Program:
        kept = {leaf: e for leaf, e in self.definitions.items() if name_of(leaf) not in replaced}
        return Program([self.expression], kept, self._rules, functions)


def called(program: Program) -> set[str]:
    """The names of the unknown functions, and gradients of such, that a program calls."""
    return {argument_of(e) for e in postorder(program.slots) if is_unknown(head(e))}


def function(expression: Node, problem: Problem, rules: Rulebase | None = None, like: Node | None = None) -> Function:
    """An expression in the names of a problem as a callable on arrays; intermediates are optional arguments.

    `like` is the variable by which the expression is a derivative: the value has the shape of its arrays.
    """
    domain = [*unconditional([expression, problem.expression], problem.definitions), *([] if like is None else [like])]
    variables, definitions = problem.variables, problem.definitions
    return Function(expression, variables, definitions, problem.sizes, rules, like, problem.functions, domain)
