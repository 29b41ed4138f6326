"""Output languages: `rules/backends/*.toml` as records, how each spells the operations."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from matcalc.errors import ArgumentError, RuleError
from matcalc.rulefiles.signatures import RULES

FOLDER = RULES / "backends"
_TABLES = (
    "names",
    "header",
    "imports",
    "ops",
    "entrywise",
    "reduce",
    "whole",
    "helpers",
    "text",
    "runtime",
    "host",
    "layout",
    "matrix",
    "results",
    "parts",
    "inplace",
)
_NOT_SPELLED = frozenset({"text", "helpers", "entrywise"})
_KEYS = frozenset({"title", "extends", "numbers", "source", "runs", "mixes", "places", "fuses", "batches", *_TABLES})


@dataclass(frozen=True, eq=False)
class Backend:
    """One language: its tables, those of what it extends filled in."""

    name: str
    title: str
    tables: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, str]

    def spelling(self, table: str, name: str) -> str | None:
        """How an operation is spelled; None where the language has no way."""
        return self.tables[table].get(name) or None

    def spells(self, name: str, table: str = "") -> bool:
        """Whether there is a way to write an operation, in a table or in any."""
        return any(self.spelling(t, name) for t in ((table,) if table else ("ops", "entrywise", "reduce", "whole")))

    @property
    def fuses(self) -> bool:
        """Whether what is done entry by entry is compiled into one loop: a number more in it costs nothing."""
        return self.settings.get("fuses") == "yes"

    @property
    def batches(self) -> bool:
        """Whether products of matrices, one for each place, are faster as such than as an einsum."""
        return self.settings.get("batches") == "yes"

    @property
    def needs_an_array(self) -> bool:
        """Whether new arrays are made like others."""
        return "{like}" in self.tables["ops"].get("eye", "")

    @property
    def mixes(self) -> bool:
        """Whether arrays of numbers, of whole numbers and of what is true or false may be multiplied."""
        return self.settings["mixes"] == "yes"


@cache
def targets() -> tuple[str, ...]:
    """The names of the languages."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def backend(name: str) -> Backend:
    """The language of that name.

    Raises: ArgumentError where there is none; RuleError for a faulty file.
    """
    if name not in targets():
        close = get_close_matches(name, targets(), 1)
        known = f"did you mean {close[0]}?" if close else f"the targets are {', '.join(targets())}"
        raise ArgumentError(f"there is no target {name!r}", hint=known)
    path = FOLDER / f"{name}.toml"
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{path}: {error}") from error
    unknown = [key for key in read if key not in _KEYS]
    if unknown:
        raise RuleError(f"{path}: unknown key {unknown[0]}", hint=f"the keys are {', '.join(sorted(_KEYS))}")
    base = backend(read["extends"]) if "extends" in read else None
    tables: dict[str, Mapping[str, str]] = {}
    for table in _TABLES:
        own = read.get(table, {})
        inherited = {} if base is None or (table == "header" and table in read) else base.tables[table]
        tables[table] = {**inherited, **own}
    settings = {**({} if base is None else base.settings), **{k: v for k, v in read.items() if isinstance(v, str)}}
    return Backend(name, settings.get("title", name), tables, settings)


@cache
def reserved(language: Backend, entrywise: frozenset[str] | None = None) -> frozenset[str]:
    """The words that name no variable: those of the language, and the functions that its spellings call.

    Of functions of the entries only those called `entrywise` count, where that is told.
    """
    ways = language.tables["entrywise"]
    spelled = [text for name, text in ways.items() if entrywise is None or name in entrywise]
    spelled += [text for table in _TABLES if table not in _NOT_SPELLED for text in language.tables[table].values()]
    called = {name for text in spelled for name in re.findall(r"(?<![\w.])([A-Za-z]\w*)\(", text)}
    return frozenset({*language.tables["text"].get("reserved", "").split(), *called})


def legal(language: Backend, name: str, entrywise: frozenset[str]) -> str:
    """The name as the language allows it for an argument of a function that calls those functions of entries.

    Letters beyond ASCII are written by their names where the language reserves words.
    """
    if "reserved" not in language.tables["text"]:
        return name
    plain = "".join(c if c.isascii() else unicodedata.name(c, "x").split()[-1].lower() for c in name).lstrip("_")
    return f"{plain}_" if plain in reserved(language, entrywise) else plain
