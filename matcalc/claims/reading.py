"""A claim as it was typed → a node in the names of the problem; equations are split at their sign."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

from matcalc.calculus.atoms import differential_of_name
from matcalc.errors import ParseError, ShapeError, UnknownNameError
from matcalc.language.latex.reader import is_latex
from matcalc.language.parser import parse, parse_formula
from matcalc.language.problem import Problem, declaration
from matcalc.language.syntax.reader import read
from matcalc.nodes.algebra import rebuild, zeros
from matcalc.nodes.expr import (
    ZERO,
    Node,
    Shape,
    head,
    is_scalar,
    name_of,
    operands,
    postorder,
    shape,
    substitute,
    variable,
)
from matcalc.printing.text import text
from matcalc.rulebase.base import Rulebase

_OPENING, _CLOSING = "([{", ")]}"
_LATEX_WORDS = re.compile(r"\\(?:left|right|,|;|!|quad|displaystyle)(?![A-Za-z])|\\mathrm\s*\{\s*d\s*\}|\\partial|\\mathrm\s+d")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(.*?)\}\s*\{(.*?)\}\s*$")
_NABLA = re.compile(r"(?:\\nabla|∇)_?\{?([^{}]*?)\}?\s*([A-Za-z]\w*)?$")
_OF_MATRICES = {"exp": "expm", "log": "logm", "sqrt": "sqrtm"}
_LATEX_DIFFERENTIAL = re.compile(r"(?:\\mathrm\s*\{\s*d\s*\}|(?<![A-Za-z\\])d)\s*\\?([A-Za-z]+?)(?![a-z])")
_QUOTIENT = re.compile(r"d\(?([^()/]*)\)?/d\(?([^()]*(?:\[[^\]]*\])?)\)?'?")


@dataclass(frozen=True)
class Left:
    """What stands on the left of a claimed equation: df (`of`), df/dX (`of` and `by`), or an expression (`value`)."""

    of: str = ""
    by: str = ""
    value: str = ""


def equation(source: str) -> tuple[str, str]:
    """The two sides of an equation, the left one "" where there is no sign; `==` counts where there is no `=`."""
    depth, places, double = 0, [], []
    i = 0
    while i < len(source):
        c = source[i]
        depth += (c in _OPENING) - (c in _CLOSING)
        if c == "=" and depth == 0:
            if source[i : i + 2] == "==":
                double.append((i, i + 2))
                i += 1
            elif source[i - 1 : i] not in ("<", ">", "!", "\\"):
                places.append((i, i + 1))
        i += 1
    found = places or double
    if not found:
        return "", source
    if len(found) > 1:
        raise ParseError("a claim is one equation", source=source, span=found[1], hint="check one sign after the other")
    (start, end) = found[0]
    return source[:start].rstrip(" &"), source[end:].lstrip(" &")


def left_side(source: str, problem: Problem) -> Left:
    """What the left side of a claim names."""
    plain = _NABLA.fullmatch(source.strip())
    if plain is not None and plain[1]:
        return Left(plain[2] or text(problem.label), plain[1])
    bare = _LATEX_WORDS.sub(lambda m: "d" if "d" in m[0] or "partial" in m[0] else "", source).strip()
    bare = _FRACTION.sub(r"\1/\2", bare).replace("∂", "d").replace("{", "").replace("}", "").replace("\\", "")
    bare = re.sub(r"\s+", "", bare)
    quotient = _QUOTIENT.fullmatch(bare)
    if quotient is not None:
        return Left(quotient[1], quotient[2])
    if bare.startswith("d"):
        name = bare[1:].strip("()")
        if name and (problem.find(name) is not None or name == text(problem.label)) and problem.find(bare) is None:
            return Left(name)
    return Left(value=source.strip())


def differentials(names: Mapping[str, Node], rules: Rulebase) -> dict[str, Node]:
    """dX for each name X."""
    return {f"d{name}": differential_of_name(X, rules) for name, X in names.items()}


def sides(taken: Collection[str]) -> tuple[str, str]:
    """Names for the two sides of an identity that nothing else has."""
    k = next(k for k in count(1) if f"lhs{k}" not in taken and f"rhs{k}" not in taken)
    return f"lhs{k}", f"rhs{k}"


def formula(
    source: str,
    problem: Problem,
    known: Mapping[str, Node],
    rules: Rulebase,
    latex: bool | None = None,
    dims: Shape = (),
) -> Node:
    """The node of a claim, all of whose names are known; what takes its size from where it stands takes that of `dims`.

    Raises: MatcalcError; ShapeError where its shapes do not fit together.
    """
    if not source.strip():
        raise ParseError("there is no claim to check", hint="type the answer, such as 2*A'*(A*x - b)")
    if not (is_latex(source) if latex is None else latex):
        functions = problem.functions
        try:
            return parse_formula(source, known, problem.sizes, functions=functions, signatures=rules.signatures)
        except (ParseError, UnknownNameError):
            if latex is not None or not (problem.latex or is_latex(problem.source) or "_{" in source):
                raise
    source = _with_differentials(source, known)
    declared = [*map(declaration, known.values()), *(f"{f}: function({k}) -> scalar" for f, k in problem.functions.items())]
    found = parse(source, declared, signatures=rules.signatures, latex=True)
    sizes = {s for e in postorder([found.expression]) for d in shape(e) for s in d.free_symbols}
    if dims and not {name_of(s) for s in sizes} <= {*problem.sizes, *found.variables}:
        left, right = sides({*known, *problem.sizes})
        whole = rf"\mathrm{{{left}}} = {source} \\ \mathrm{{{left}}} + \mathrm{{{right}}}"
        again = [*declared, declaration(variable(right, dims))]
        with suppress(ShapeError):
            fitted = parse(whole, again, signatures=rules.signatures, latex=True)
            e = next(iter(fitted.definitions.values()))
            found = replace(fitted, expression=e, variables={n: x for n, x in fitted.variables.items() if n != right})
    leaves: dict[Node, Node] = {}
    for name, leaf in found.variables.items():
        own = known.get(name)
        if own is None:
            raise UnknownNameError(f"unknown name {name} in the claim", hint=f"known here: {', '.join(known)}")
        if shape(own) != shape(leaf):
            raise ShapeError(f"{name} does not have the shape that the claim needs")
        leaves[leaf] = own
    return substitute(found.expression, {leaf: own for leaf, own in leaves.items() if leaf is not own}, rebuild)


def of_matrices(e: Node, rules: Rulebase) -> Node:
    """e with the matrix functions in place of entrywise ones of square matrices: e^X may be either in print."""
    done: dict[Node, Node] = {}
    for x in postorder([e]):
        args = tuple(done.get(o, o) for o in operands(x))
        dims = shape(x)
        if head(x) in _OF_MATRICES and dims and dims[0] == dims[1]:
            done[x] = rules.make(_OF_MATRICES[head(x)], args, dims)
        elif args != operands(x):
            done[x] = rebuild(x, args)
    return done.get(e, e)


def _with_differentials(source: str, known: Mapping[str, Node]) -> str:
    r"""LaTeX in which dX and \mathrm{d} X are one name, for what is known of that name."""

    def named(found: re.Match[str]) -> str:
        return rf"\mathrm{{d{found[1]}}}" if f"d{found[1]}" in known else found[0]

    return source if "d" in known else _LATEX_DIFFERENTIAL.sub(named, source)


def like(claim: Node, truth: Node) -> Node:
    """The claim; 0 in the shape of the truth."""
    return zeros(shape(truth)) if claim is ZERO and not is_scalar(truth) else claim


def joined(expr: str, claim: str, declare: Iterable[str], rules: Rulebase, latex: bool | None) -> Problem:
    """The problem of the difference expr - claim, so that the sizes of both are found together.

    The sides are the two last names that it defines.
    """
    first = parse(expr, declare, signatures=rules.signatures, latex=latex)
    typeset = bool(latex) or (latex is None and is_latex(expr))
    if first.place is None or (not typeset and is_latex(claim)):
        return first
    start, end = first.place
    while expr[start:end].count("{") > expr[start:end].count("}") and end < len(expr):
        end += 1
    left, right = sides({*first.names, *first.sizes})
    newline = "\n"
    if typeset:
        left, right, newline = rf"\mathrm{{{left}}}", rf"\mathrm{{{right}}}", "\\\\\n"
    else:
        read(claim)
    source = newline.join([expr, f"{left} = {expr[start:end]}", f"{right} = {claim}", ""])
    said = True if typeset else latex
    try:
        return parse(f"{source}{left} - {right}", declare, signatures=rules.signatures, latex=said)
    except ShapeError:
        return parse(f"{source}{left}", declare, signatures=rules.signatures, latex=said)
