"""Generated functions as callables on arrays, given by name and checked."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.util import find_spec
from inspect import Parameter, Signature
from itertools import count
from keyword import iskeyword
from typing import Any

import numpy as np

from matcalc.codegen.backend import Backend
from matcalc.codegen.outputs import About, Output
from matcalc.codegen.source import Source, source
from matcalc.errors import ArgumentError, ShapeError
from matcalc.language.problem import Problem
from matcalc.nodes.expr import Node, head, is_scalar, name_of, postorder, properties, shape, size_symbol
from matcalc.nodes.unknown import function_of, is_unknown
from matcalc.numeric.arrays import dims_text, infer_sizes, user_dims
from matcalc.numeric.evaluate import unconditional
from matcalc.numeric.labels import Labels
from matcalc.rulebase.base import Rulebase

_NUMBERS = count(1)


def argument_name(name: str, others: Collection[str] = ()) -> str:
    """The name as a keyword argument: a Python keyword gets underscores, lambda_, until it is no other's name."""
    if iskeyword(name):
        name += "_"
        while name in others:
            name += "_"
    return name


@dataclass(frozen=True, eq=False)
class Variant:
    """The function with some intermediates among its arguments: its source and what it compiles to."""

    source: Source
    function: Callable[..., Any]


class Function:
    """A callable that takes arrays, sizes, exponents, labels and indices by name and returns what was generated for.

    An array that is not needed may be given: its shape tells sizes.  So may an intermediate: it is then an input of its own,
    and what it was defined by need not be given.  An unknown function ell is given as a callable, its gradient as another,
    grad_ell; both take an array of the documented shape.  `code` is the source, `bare` the function itself, unchecked.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        problem: Problem,
        definitions: Mapping[Node, Node],
        rules: Rulebase,
        has: Callable[[Node, str], bool],
        about: About,
        language: Backend,
        convention: Iterable[Node] = (),
    ) -> None:
        """Of expressions in the names of a problem; labels are within what they count there and in `convention`."""
        self._outputs, self._problem, self._rules, self._has, self._about = outputs, problem, rules, has, about
        self._language = language
        self._definitions = dict(definitions)
        self._sources: dict[frozenset[str], Source] = {}
        self._variants: dict[frozenset[str], Variant] = {}
        nodes = [out.expression for out in outputs]
        variables = {name_of(Z): Z for Z in self._definitions} | dict(problem.variables)
        met = {function_of(head(e)) for e in postorder([*nodes, *self._definitions.values()]) if is_unknown(head(e))}
        self._unknown = {argument for name in (*met, *problem.functions) for argument in (name, f"grad_{name}")}
        inputs = {
            name_of(e): e
            for e in postorder([*nodes, *self._definitions.values()])
            if head(e) == "symbol" and e not in self._definitions
        }
        told = sorted({s.name for node in variables.values() for d in shape(node) for s in d.free_symbols})
        named = {name: size_symbol(name) for name in (*told, *problem.sizes)}
        self._known: dict[str, Node] = {**named, **{n: e for n, e in inputs.items() if "@" not in n}, **variables}
        self._names = {argument_name(name, self._known): name for name in self._known}
        self._arguments = {name: argument for argument, name in self._names.items()}
        domain = unconditional([*nodes, problem.expression], self._definitions)
        self._labels = Labels(inputs, (), ([*domain, *convention], ()), (), (), rules)

    # ------------------------------------------------------------ what was generated

    @property
    def code(self) -> str:
        """The source of the function."""
        return self._source(frozenset()).text

    @cached_property
    def bare(self) -> Callable[..., Any]:
        """The function itself: arrays by name, nothing is checked or converted."""
        return self._variant(frozenset()).function

    @cached_property
    def __signature__(self) -> Signature:
        needed = self._source(frozenset()).arguments
        told = {
            s.name for name in needed.values() if name in self._known for d in shape(self._known[name]) for s in d.free_symbols
        }
        required = [a for a, name in needed.items() if name not in told]
        optional = [a for a in self._names if a not in required]
        return Signature(
            [Parameter(a, Parameter.KEYWORD_ONLY) for a in required]
            + [Parameter(a, Parameter.KEYWORD_ONLY, default=None) for a in optional]
        )

    def _source(self, replaced: frozenset[str]) -> Source:
        found = self._sources.get(replaced)
        if found is None:
            found = self._sources[replaced] = source(
                self._outputs,
                {Z: e for Z, e in self._definitions.items() if name_of(Z) not in replaced},
                self._problem.variables,
                lambda name: self._arguments.get(name, argument_name(name)),
                self._about,
                self._has,
                self._rules,
                self._language,
            )
        return found

    def _variant(self, replaced: frozenset[str]) -> Variant:
        found = self._variants.get(replaced)
        if found is None:
            made = self._source(replaced)
            found = self._variants[replaced] = Variant(made, compiled(made, self._language))
        return found

    # ------------------------------------------------------------ calls

    def __call__(self, **arrays: object) -> Any:
        """What was generated for: () for a scalar, (n,) a vector, (1, n) a row, (m, n) a matrix; several in a tuple."""
        function, arguments = self.prepared(arrays)
        try:
            with np.errstate(all="ignore"):
                return function(**arguments)
        except IndexError as error:
            raise ArgumentError(str(error)) from error
        except self._failure as error:
            raise ArgumentError(f"the value cannot be computed: {error}") from error

    @staticmethod
    def _check_ends(made: Source, sizes: Mapping[str, int]) -> None:
        """Nothing; ArgumentError where a range ends between whole numbers."""
        for e in made.ends:
            end = e.xreplace({s: sizes[s.name] for s in e.free_symbols if s.name in sizes})
            if end.is_number and not end.is_integer:
                raise ArgumentError(f"an index runs over whole numbers, and {e} is {end}")

    def takes(self, argument: str) -> bool:
        """Whether an argument of that name may be given."""
        return argument in self._names or argument in self._unknown

    @property
    def language(self) -> Backend:
        """The language of the function."""
        return self._language

    def argument(self, name: str) -> str:
        """The argument for a variable of the problem."""
        return self._arguments[name]

    def prepared(self, arrays: Mapping[str, object]) -> tuple[Callable[..., Any], dict[str, Any]]:
        """(the function, its arguments) for arrays by name."""
        given, functions = self._sorted(arrays)
        replaced = frozenset(name_of(Z) for Z in self._definitions if name_of(Z) in given)
        variant = self._variant(replaced)
        needed = variant.source.arguments
        lacking = sorted(a for a in needed if a in self._unknown and a not in functions)
        if lacking:
            raise ArgumentError(f"no function for {', '.join(lacking)}", hint="give a callable that takes an array")
        held = {name: self._held(name, value) for name, value in given.items()}
        known = self._whole(held)
        missing = [a for a, name in needed.items() if a not in functions and name not in held and name not in known]
        if missing:
            tells = any(not is_scalar(self._known[needed[a]]) for a in missing if needed[a] in self._known)
            raise ArgumentError(
                f"no value for {', '.join(missing)}", hint="" if tells else "no array tells it: give it by its name"
            )
        self._check_ends(variant.source, known)
        values = {a: known[name] if name in known else held[name] for a, name in needed.items() if a not in functions}
        return variant.function, {**values, **{a: _Checked(a, functions[a]) for a in needed if a in functions}}

    def _sorted(self, arrays: Mapping[str, object]) -> tuple[dict[str, object], dict[str, Callable[..., object]]]:
        """(arrays and numbers by their names in the problem, functions by argument) among what is given."""
        given: dict[str, object] = {}
        functions: dict[str, Callable[..., object]] = {}
        for argument, value in arrays.items():
            if value is None and (argument in self._unknown or argument in self._names):
                continue
            if argument in self._unknown:
                if not callable(value):
                    raise ArgumentError(f"{argument} is a function: give a callable that takes an array")
                functions[argument] = value
                continue
            name = self._names.get(argument, argument)
            if name not in self._known:
                close = get_close_matches(argument, self._names, 1)
                hint = f"did you mean {close[0]}?" if close else f"the arguments are {', '.join(self._names)}"
                raise ArgumentError(f"there is no argument {argument!r}", hint=hint)
            given[name] = value
        return given, functions

    def _held(self, name: str, value: object) -> Any:
        """An array of the language with as many axes as the variable has; a whole number as such."""
        node = self._known[name]
        if is_scalar(node) and node.is_integer:
            return _whole_number(name, value)
        made = self._convert[name in self._labelled](name, value)
        if is_scalar(node):
            if np.prod(made.shape, dtype=int) != 1:
                raise ShapeError(f"{name} is a scalar, but its value has the shape {tuple(made.shape)}")
            return made[(0,) * made.ndim] if made.ndim else made
        dims = user_dims(node)
        wanted = len(dims) - (len(dims) == 2 and dims[1] == 1)
        if wanted == 1 and made.ndim == 2 and made.shape[1] == 1:
            return made[:, 0]
        if made.ndim != wanted:
            raise ShapeError(f"{name} has the shape {dims_text(node)}, but its value {tuple(made.shape)}")
        return made

    @cached_property
    def _labelled(self) -> frozenset[str]:
        return frozenset(name for name, e in self._known.items() if "integer" in properties(e) and not is_scalar(e))

    @cached_property
    def _convert(self) -> tuple[Callable[[str, object], Any], Callable[[str, object], Any]]:
        """How values become arrays of the language: numbers, and whole numbers."""
        return _converter(self._language, "array"), _converter(self._language, "labels")

    @cached_property
    def _is_known(self) -> Callable[[object], bool]:
        """Whether the entries of an array of the language can be looked at now."""
        template = self._language.tables["runtime"].get("known") or "True"
        found: Callable[[object], bool] = _evaluated(self._language, f"lambda value: {template}")
        return found

    @cached_property
    def _failure(self) -> type[Exception]:
        """What the language raises where a value cannot be computed."""
        found: type[Exception] = _evaluated(self._language, self._language.tables["runtime"]["error"])
        return found

    def _whole(self, held: Mapping[str, Any]) -> dict[str, int]:
        """The sizes that the arrays tell and the whole numbers that are given; labels are within what they count."""
        stated = {name: value for name, value in held.items() if is_scalar(self._known[name]) and self._known[name].is_integer}
        arrays = {
            self._known[name]: _columned(self._known[name], a) for name, a in held.items() if not is_scalar(self._known[name])
        }
        sizes = infer_sizes(arrays, stated)
        looked_at = [name for name in self._labelled if name in held and self._is_known(held[name])]
        labels = {name: np.asarray(held[name]).astype(float) for name in looked_at}
        self._labels.check({**labels, **{n: np.float64(v) for n, v in sizes.items()}}, sizes)
        return sizes


@dataclass(frozen=True)
class _Checked:
    """A function that a person gave; ShapeError where its value has not the shape that it must have."""

    name: str
    function: Callable[..., Any]

    def __call__(self, Y: Any) -> Any:
        made = self.function(Y)
        given = tuple(Y.shape)
        wanted = given if self.name.startswith("grad_") else ()
        if np.shape(made) != wanted:
            said = f"{self.name} of an array of shape {given} has the shape {wanted}"
            raise ShapeError(f"{said}, but its value {np.shape(made)}")
        return made


def differentiated(f: Function, name: str, arrays: Mapping[str, object]) -> Any:
    """The gradient of a scalar function by one of its arrays, by automatic differentiation, as a NumPy array."""
    runtime = f.language.tables["runtime"]
    with _evaluated(f.language, runtime["double"]) if "double" in runtime else nullcontext():
        function, arguments = f.prepared(arrays)
        argument = f.argument(name)
        if argument not in arguments:
            return np.zeros(np.asarray(arrays[name]).shape)
        x = arguments.pop(argument)
        gradient = _evaluated(f.language, runtime["gradient"])
        return np.asarray(gradient(lambda x: function(**arguments, **{argument: x}))(x))


def _columned(node: Node, array: Any) -> Any:
    """The shape of an array as that of its variable: (n, 1) of a vector."""
    return _Shaped((*array.shape, 1)) if array.ndim == 1 and len(shape(node)) == 2 else array


@dataclass(frozen=True)
class _Shaped:
    shape: tuple[int, ...]


def _whole_number(name: str, value: object) -> int:
    try:
        number = float(np.asarray(value).reshape(-1)[0]) if np.asarray(value).size == 1 else float("nan")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is not a number") from error
    if number != round(number) if np.isfinite(number) else True:
        raise ArgumentError(f"{name} is whole, and {value} is no whole number")
    return round(number)


def _converter(language: Backend, kind: str) -> Callable[[str, object], Any]:
    """The function (name, value) -> array of a language."""
    template = language.tables["runtime"].get(kind, "")
    if not template:
        return lambda name, value: value
    convert = _evaluated(language, f"lambda value: {template}")

    def converted(name: str, value: object) -> Any:
        try:
            return convert(value)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{name} is not an array of numbers") from error

    return converted


def _evaluated(language: Backend, text: str) -> Any:
    return eval(text, _namespace(language))  # a line of our own data files


def _namespace(language: Backend) -> dict[str, Any]:
    """The names that the runtime of a language uses.

    Raises: ArgumentError where it is not installed, or runs elsewhere.
    """
    runtime = language.tables["runtime"]
    if "import" not in runtime:
        raise ArgumentError(f"{language.title} does not run in Python", hint="take its source: `code`")
    if find_spec(runtime["module"]) is None:
        raise ArgumentError(f"{language.title} is not installed", hint=f"pip install {runtime['install']}")
    names: dict[str, Any] = {}
    exec(runtime["import"], names)  # a line of our own data files
    return names


def compiled(made: Source, language: Backend) -> Callable[..., Any]:
    """The function of a source."""
    names = _namespace(language)
    file = f"<matcalc {made.name} {next(_NUMBERS)}>"
    linecache.cache[file] = (len(made.text), None, made.text.splitlines(keepends=True), file)
    exec(compile(made.text, file, "exec"), names)
    found: Callable[..., Any] = names[made.name]
    return found
