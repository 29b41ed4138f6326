"""Values as the source of a function: what is used twice, or named by the person, becomes a variable."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matcalc.codegen.backend import Backend, reserved
from matcalc.codegen.endless import EndlessSpeller
from matcalc.codegen.reuse import Reuse, is_view, remaining
from matcalc.codegen.spell import Speller
from matcalc.codegen.templates import Spelled, fill
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


@dataclass(frozen=True)
class Lines:
    """The statements of a function and what it returns."""

    statements: tuple[str, ...]
    returns: tuple[str, ...]


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
        self.speller = speller(language, arguments)
        self.speller.hold = self._hold
        self.inputs = inputs
        self.names = names
        self.statements: list[str] = []
        self.held: dict[str, Spelled] = {}
        self._returned: list[str] = []
        self._given: set[str] = set()
        self.taken = {*arguments.values(), *reserved(language), *keyword.kwlist, *language.tables["names"].values()}
        self.taken |= _imported(language)
        for name, value in inputs.items():
            self.speller.known[value] = Spelled(arguments[name])
        self.speller.whole |= {*whole}
        real = {arguments[name]: value for name, value in inputs.items() if value not in whole}
        self.speller.like = next((a for a, value in real.items() if value.dims), next(iter(real), ""))

    def write(self, roots: Sequence[Value], wanted: Sequence[str]) -> Lines:
        """The statements that compute the roots; those wanted by a name get it."""
        self.taken.update(self.names.values())
        count = uses(roots)
        results: dict[Value, str] = {}
        named_results = len(roots) > 1 or "returns" not in self.language.tables["text"]
        for value, name in zip(roots, wanted, strict=True):
            if name and value.op not in _FREE and named_results:
                results.setdefault(value, name)
        self.reuse = Reuse(roots, [*self.names, *results])
        for value in postorder(roots):
            if value.op in _FREE or value in self.speller.known:
                continue
            if value.op == "part":
                self.speller.known[value] = self._part(value)
                continue
            if self._overwritten(value, self.names.get(value) or results.get(value)):
                continue
            text = self.speller(value)
            several = self.language.spelling("results", value.op)
            if several is not None:
                names = {name: self._fresh(name) for name in several.split(", ")}
                self._state(text, *names.values())
                self.reuse.evaluate(value, self.speller.known)
                self.speller.results[value] = names
                self.speller.known[value] = Spelled("")
                continue
            named = self.names.get(value) or results.get(value)
            repeated = count[value] > 1 and not (value.op in _VIEWS and value.args[0] in self.speller.known)
            if named or repeated or len(text.text) > WIDTH:
                name = self._fresh(named) if named else self._fresh(self._hint(value))
                self._state(text, name)
                self.reuse.evaluate(value, self.speller.known)
                self.speller.known[value] = Spelled(name)
        if "returns" in self.language.tables["text"]:
            returns = [self._own(value, value in roots[:i]) for i, value in enumerate(roots)]
            self.statements.append(self.language.tables["text"]["returns"].format(values=", ".join(returns)))
        else:
            returns = [self._assigned(value, name) for value, name in zip(roots, wanted, strict=True)]
            self._drop_unused(returns)
        body = "\n".join([*self.statements, *returns])
        return Lines((*self._sizes(body), *self.statements), tuple(returns))

    def _own(self, value: Value, again: bool) -> str:
        """The text of a result that shares its entries with no argument, nor with a result before."""
        text = self.speller.numeric(value)
        shares = value.dims and (again or is_view(value)) and self.speller.has("own")
        return self.speller.op("own", [text]).text if shares else text.text

    # ------------------------------------------------------------ statements

    def _overwritten(self, value: Value, wanted: str | None) -> bool:
        """Whether a sum or product was written into one of its operands that nobody needs any more."""
        if not self.language.tables["inplace"]:
            return False
        chosen = self.reuse.candidate(value, self.speller.known)
        if chosen is None:
            return False
        operand = chosen.array
        if chosen.turned:
            name = self._fresh(wanted or self._hint(value))
            text = self.speller.aligned(operand, (1, 0), 2)
            self._state(fill(self.language.tables["inplace"]["copy"], [text], {}), name)
        elif operand in self.speller.known:
            name = self.speller.known[operand].text
        else:
            name = self._fresh(wanted or self._hint(value))
            self._state(self.speller(operand), name)
        self.reuse.evaluate(operand, self.speller.known)
        for action, text in remaining(self.speller, value, chosen):
            action, _, spec = action.partition(" ")
            into = fill(self.language.tables["inplace"][action], [Spelled(name), text], {"spec": spec})
            self.statements.append(into.text)
        self.reuse.evaluate(value, {**self.speller.known, operand: Spelled(name)})
        if wanted and name != wanted:
            own = self._fresh(wanted)
            self._state(Spelled(name), own)
            name = own
        self.speller.known[value] = Spelled(name)
        return True

    def _statement(self, text: Spelled, *names: str) -> str:
        """The statement that gives names to what a text computes."""
        form = self.language.tables["text"]["one" if len(names) == 1 else "several"]
        return form.format(name=names[0], names=", ".join(names), value=text.text)

    def _state(self, text: Spelled, *names: str) -> None:
        self.statements.append(self._statement(text, *names))

    def _hold(self, text: Spelled) -> Spelled:
        """The name of what a text computes, where only a name can stand."""
        if text.is_name:
            return text
        if text.text not in self.held:
            self.held[text.text] = Spelled(self._fresh("T"))
            self._state(text, self.held[text.text].text)
        return self.held[text.text]

    def _part(self, value: Value) -> Spelled:
        """One of several results."""
        of, number = value.args[0], int(str(value.attrs[0]))
        names = self.speller.results[of]
        if not self.speller.has(of.op, "parts"):
            return Spelled([*names.values()][number])
        return fill(self.language.tables["parts"][of.op].split(", ")[number], [], names)

    def _assigned(self, value: Value, wanted: str) -> str:
        """The name of a result that nothing else has."""
        text = self.speller.numeric(value)
        if text.text in self._given and value.op != "input" and text.text not in self._returned:
            self._returned.append(text.text)
            return text.text
        name = self._fresh(wanted or "result")
        self._state(text, name)
        self._returned.append(name)
        return name

    def _drop_unused(self, returns: Sequence[str]) -> None:
        """Without names for what was spelled in another way in the end."""
        names = {held.text for held in self.held.values()}
        for i in range(len(self.statements) - 1, -1, -1):
            name, _, _ = self.statements[i].partition(" ")
            if name in names and not any(re.search(rf"\b{name}\b", s) for s in (*self.statements[i + 1 :], *returns)):
                del self.statements[i]

    def _fresh(self, hint: str) -> str:
        hint = re.sub(r"\W", "_", hint)
        name, n = hint, 2
        while name in self.taken and not (n == 2 and name in self.names.values() and name not in self._given):
            name, n = f"{hint}{n}", n + 1
        self.taken.add(name)
        self._given.add(name)
        return name

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
                yield self._statement(self.speller.op("sizes", [Spelled(arguments[name])]), *dims)
            else:
                for d in dict.fromkeys(lacking):
                    axis = self.speller.layout.axis(dims.index(d))
                    yield self._statement(self.speller.op("size", [Spelled(arguments[name])], axis=axis), d)
            found.update(lacking)


def _imported(language: Backend) -> set[str]:
    """The names that imports may bind."""
    return {word for line in language.tables["imports"].values() for word in re.findall(r"\w+", line)}


def speller(language: Backend, arguments: Mapping[str, str]) -> Speller:
    """What spells the values of a language, by its layout."""
    endless = language.tables["layout"]["axes"] == "endless"
    return (EndlessSpeller if endless else Speller)(language, arguments)
