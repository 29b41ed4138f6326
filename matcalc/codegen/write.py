"""Values as the source of a function: what is used twice, or named by the person, becomes a variable."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr

from matcalc.codegen.backend import Backend
from matcalc.codegen.spell import Speller
from matcalc.codegen.templates import Spelled
from matcalc.codegen.values import Value, postorder, uses

WIDTH = 96
"""Expressions that are longer are divided."""
_FREE = frozenset({"number", "input", "range"})
"""What is not worth a name."""
_VIEWS = frozenset({"permute", "reshape", "item", "slice"})
_LETTERS = {
    "plus": "r", "times": "t", "softmax": "p", "entrywise": "a", "matmul": "P", "matvec": "z", "solve": "u", "cho_solve": "u",
    "lu_solve": "u", "cho_factor": "L", "lu_factor": "lu", "inv": "inv", "cho_inverse": "inv", "dot": "s", "sum": "s",
    "norm": "norm", "cho_logdet": "logdet", "lu_logdet": "logdet", "logdet": "logdet", "det": "det",
}  # fmt: skip


_TUPLES = {"svd": ("U", "s", "Vt")}
"""Operations with several results, and what these are called."""


@dataclass(frozen=True)
class Lines:
    """The statements of a function and what it returns."""

    statements: tuple[str, ...]
    returns: tuple[str, ...]
    imports: tuple[str, ...]
    helpers: tuple[str, ...]


class Writer:
    """Writes values in a language."""

    def __init__(
        self,
        language: Backend,
        arguments: Mapping[str, str],
        inputs: Mapping[str, Value],
        names: Mapping[Value, str],
        whole: Collection[Value] = (),
    ) -> None:
        """`arguments` gives the names of inputs and sizes in the program, `names` those of intermediates.

        The inputs in `whole` are arrays of whole numbers.
        """
        self.language = language
        self.speller = Speller(language, arguments)
        self.inputs = inputs
        self.names = names
        self.tuples: dict[Value, list[str]] = {}
        self.taken = {*arguments.values(), *keyword.kwlist, *language.tables["names"].values(), *_imported(language)}
        for name, value in inputs.items():
            self.speller.known[value] = Spelled(arguments[name])
        self.speller.whole |= {*whole}
        real = {arguments[name]: value for name, value in inputs.items() if value not in whole}
        self.speller.like = next((a for a, value in real.items() if value.dims), next(iter(real), ""))

    def write(self, roots: Sequence[Value], wanted: Sequence[str]) -> Lines:
        """The statements that compute the roots; those wanted by a name get it."""
        for value, name in self.names.items():
            self.taken.add(name)
        count = uses(roots)
        statements: list[str] = []
        results: dict[Value, str] = {}
        for value, name in zip(roots, wanted, strict=True):
            if name and value.op not in _FREE:
                results.setdefault(value, name)
        returns: list[str] = []
        for value in postorder(roots):
            if value.op in _FREE or value in self.speller.known:
                continue
            if value.op == "part":
                self.speller.known[value] = Spelled(self.tuples[value.args[0]][int(str(value.attrs[0]))])
                continue
            text = self.speller(value)
            if value.op in _TUPLES:
                names = [self._fresh(name) for name in _TUPLES[value.op]]
                statements.append(f"{', '.join(names)} = {text.text}")
                self.tuples[value] = names
                self.speller.known[value] = Spelled("")
                continue
            named = self.names.get(value) or results.get(value)
            repeated = count[value] > 1 and not (value.op in _VIEWS and value.args[0] in self.speller.known)
            if named or repeated or len(text.text) > WIDTH:
                name = self._fresh(named) if named else self._fresh(self._hint(value))
                statements.append(f"{name} = {text.text}")
                self.speller.known[value] = Spelled(name)
        returns = [self.speller.numeric(value).text for value in roots]
        body = "\n".join([*statements, *returns])
        return Lines((*self._sizes(body), *statements), tuple(returns), (), ())

    def _fresh(self, hint: str) -> str:
        hint = re.sub(r"\W", "_", hint)
        name, n = hint, 2
        while name in self.taken and not (n == 2 and name in self.names.values() and name not in self._given):
            name, n = f"{hint}{n}", n + 1
        self.taken.add(name)
        self._given.add(name)
        return name

    @property
    def _given(self) -> set[str]:
        return self.__dict__.setdefault("_given_names", set())

    def _hint(self, value: Value) -> str:
        texts = [self.speller.known[a].text for a in value.args if a in self.speller.known]
        if value.op in ("matvec", "matmul") and len(texts) == 2 and all(len(t) <= 2 and t.isidentifier() for t in texts):
            return texts[0] + texts[1]
        if value.op in ("inv", "cho_inverse"):
            inner = value.args[0].args[0] if value.args[0].op == "cho_factor" else value.args[0]
            known = self.speller.known.get(inner)
            return f"inv_{known.text}" if known is not None and known.text.isidentifier() else "inverse"
        letter = _LETTERS.get(value.op, "t")
        return letter.upper() if len(value.dims) > 1 and len(letter) == 1 else letter

    def _sizes(self, body: str) -> Iterator[str]:
        """The lines that read sizes off the arrays."""
        words = set(re.findall(r"[A-Za-z_]\w*", body))
        found: set[str] = set()
        arguments = self.speller.arguments
        for name, value in self.inputs.items():
            dims = [arguments.get(str(d), str(d)) if d.is_Symbol else "" for d in value.dims]
            lacking = [d for d in dims if d in words and d and d not in found]
            if not lacking:
                continue
            if len(lacking) == len(dims) and len(set(dims)) == len(dims) > 1:
                yield f"{', '.join(dims)} = {self.speller.op('sizes', [Spelled(arguments[name])]).text}"
            else:
                for d in dict.fromkeys(lacking):
                    yield f"{d} = {self.speller.op('size', [Spelled(arguments[name])], axis=str(dims.index(d))).text}"
            found.update(lacking)


def _imported(language: Backend) -> set[str]:
    """The names that imports may bind."""
    return {word for line in language.tables["imports"].values() for word in re.findall(r"\w+", line)}


def sizes_told(inputs: Collection[Value]) -> set[Expr]:
    """The sizes that arrays tell by themselves."""
    return {d for value in inputs for d in value.dims if d.is_Symbol}
