"""Changes of an expression: mistakes that people make, and forms that are equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from matcalc.nodes.algebra import add, build, hadamard, inverse, mul, number, rebuild, scalar, sub, terms, transpose
from matcalc.nodes.expr import ONE, Node, head, is_number, is_scalar, operands, postorder, shape, substitute
from matcalc.printing.text import text

Change = Callable[[Node, Random], Iterator[Node | str]]


# ---------------------------------------------------------------- mistakes


def _replaced(e: Node, random: Random, change: Callable[[Node], list[Node]]) -> Iterator[Node]:
    """e with one part, chosen at random, changed."""
    options = [(x, made) for x in postorder([e]) for made in change(x) if shape(made) == shape(x) and made is not x]
    random.shuffle(options)
    for x, made in options:
        yield substitute(e, {x: made}, rebuild)


def _factor(e: Node, random: Random) -> Iterator[Node]:
    yield mul(number(random.choice(("2", "1/2", "3"))), e)


def _sign(e: Node, random: Random) -> Iterator[Node]:
    yield mul(number(-1), e)


def _sign_of_term(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        parts = terms(x)
        chosen = range(len(parts)) if len(parts) > 1 else ()
        return [add(*(mul(number(-1), t) if k == i else t for k, t in enumerate(parts))) for i in chosen]

    yield from _replaced(e, random, change)


def _transpose(e: Node, random: Random) -> Iterator[Node]:
    if not is_scalar(e):
        yield transpose(e)


def _transpose_inside(e: Node, random: Random) -> Iterator[Node]:
    yield from _replaced(e, random, lambda x: [] if is_scalar(x) else [transpose(x)])


def _term(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        parts = terms(x)
        return [add(*(t for t in parts if t is not dropped)) for dropped in parts] if len(parts) > 1 else []

    yield from _replaced(e, random, change)


def _swap(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        args = operands(x)
        if head(x) != "mul":
            return []
        pairs = [(i, i + 1) for i in range(len(args) - 1)]
        fitting = [(i, j) for i, j in pairs if shape(args[i]) == shape(args[j]) and _is_square(args[i])]
        return [mul(*args[:i], args[j], args[i], *args[j + 1 :]) for i, j in fitting]

    yield from _replaced(e, random, change)


def _other_product(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        args = operands(x)
        if head(x) == "hadamard" and _is_square(x):
            return [mul(*args)]
        if head(x) == "mul" and len(args) > 1 and all(shape(a) == shape(args[-1]) and _is_square(a) for a in args):
            return [hadamard(*args)]
        return []

    yield from _replaced(e, random, change)


def _lost_factor(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        args = operands(x)
        if head(x) == "hadamard" or (head(x) in ("mul", "smul") and len(args) > 1):
            return [build(head(x), (*args[:i], *args[i + 1 :]), shape(x)) for i in range(len(args)) if _may_go(x, args[i])]
        return []

    yield from _replaced(e, random, change)


def _may_go(x: Node, factor: Node) -> bool:
    return head(x) == "hadamard" or is_scalar(factor) or _is_square(factor)


def _is_square(e: Node) -> bool:
    return not is_scalar(e) and shape(e)[0] == shape(e)[1]


def _misspelt(e: Node, random: Random) -> Iterator[str]:
    """The text with one sign of another product, or without a transpose."""
    source = text(e)
    made = [source[: m.start()] + _OTHER[m[0]] + source[m.end() :] for m in _SIGN.finditer(source)]
    random.shuffle(made)
    yield from made


_OTHER = {" .* ": "*", "*": " .* ", "'": ""}
_SIGN = re.compile(r" \.\* |\*|'")


MISTAKES: dict[str, Change] = {
    "factor": _factor,
    "sign": _sign,
    "sign of a term": _sign_of_term,
    "transposed": _transpose,
    "transposed inside": _transpose_inside,
    "term": _term,
    "swapped": _swap,
    "other product": _other_product,
    "lost factor": _lost_factor,
    "misspelt": _misspelt,
}
DESERVED: dict[str, tuple[str, ...]] = {
    "factor": ("factor",),
    "sign": ("factor",),
    "transposed": ("transposed", "factor"),
    "term": ("terms", "factor", "only if", "wrong"),
    "sign of a term": ("terms", "factor", "only if", "wrong"),
}
"""What a mistake may be called; any other kind may be called anything but right, as long as a counterexample is given."""


# ---------------------------------------------------------------- equal forms


def _expanded(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        args = operands(x)
        if head(x) not in ("mul", "hadamard"):
            return []
        sums = [i for i, a in enumerate(args) if len(terms(a)) > 1]
        join = mul if head(x) == "mul" else hadamard
        return [add(*(join(*args[:i], t, *args[i + 1 :]) for t in terms(args[i]))) for i in sums]

    yield from _replaced(e, random, change)


def _turned_product(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        args = [a for a in operands(x) if not is_scalar(a)]
        if head(x) != "mul" or len(args) < 2:
            return []
        c = [a for a in operands(x) if is_scalar(a)]
        return [mul(*c, transpose(mul(*(transpose(a) for a in reversed(args)))))]

    yield from _replaced(e, random, change)


def _turned_scalar(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        if head(x) == "scalar":
            args = operands(operands(x)[0])
            return [scalar(mul(*(transpose(a) for a in reversed(args))))] if len(args) > 1 else []
        if head(x) == "tr":
            inner = operands(x)[0]
            if head(inner) == "mul" and len(operands(inner)) > 1:
                first, *rest = operands(inner)
                return [build("tr", (mul(*rest, first),), ())]
            return [build("tr", (transpose(inner),), ())]
        return []

    yield from _replaced(e, random, change)


def _split(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        return [sub(mul(number(3), x), mul(number(2), x))] if head(x) == "symbol" and not is_scalar(x) else []

    yield from _replaced(e, random, change)
    yield add(mul(number("1/3"), e), mul(number("2/3"), e))


def _other_inverse(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        if head(x) != "inv":
            return []
        (A,) = operands(x)
        made = [mul(inverse(mul(transpose(A), A)), transpose(A)), mul(transpose(A), inverse(mul(A, transpose(A))))]
        parts = terms(A)
        if len(parts) == 2:  # inv(A + B) = inv(A) - inv(A)*B*inv(A + B), the first step of Woodbury
            B, C = parts
            made += [sub(inverse(C), mul(inverse(C), B, x)), sub(inverse(B), mul(x, C, inverse(B)))]
        return made

    yield from _replaced(e, random, change)


def _entrywise(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        if head(x) == "hadamard":
            args = operands(x)
            made = [hadamard(*reversed(args))]
            if shape(x)[1] is ONE:
                made.append(mul(build("diag", (args[0],), (shape(x)[0], shape(x)[0])), hadamard(*args[1:])))
            return made
        if head(x) == "hadpow" and operands(x)[1] == 2:
            return [hadamard(operands(x)[0], operands(x)[0])]
        return []

    yield from _replaced(e, random, change)


def _reordered(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        return [add(*reversed(terms(x)))] if head(x) == "add" else []

    yield from _replaced(e, random, change)


def _factored(e: Node, random: Random) -> Iterator[Node]:
    def change(x: Node) -> list[Node]:
        parts = terms(x)
        if head(x) != "add" or is_number(parts[0]):
            return []
        return [mul(number(2), add(*(mul(number("1/2"), t) for t in parts)))]

    yield from _replaced(e, random, change)


FORMS: dict[str, Change] = {
    "expanded": _expanded,
    "product turned": _turned_product,
    "scalar turned": _turned_scalar,
    "split": _split,
    "other inverse": _other_inverse,
    "entrywise": _entrywise,
    "reordered": _reordered,
    "factored": _factored,
}
