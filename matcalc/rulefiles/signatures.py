"""The rule files as records: names, arguments, spellings and formula texts; no formula is parsed here.

Every table of `rules/*.toml` is an operation, or a structure (it has `sample`), or an identity (it has `lhs`); a bare
string is a cited work; a table `defaults` fills in for the others of its file.
Light on purpose, nothing but the standard library: the parser loads it at every start.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from matcalc.errors import RuleError, Span
from matcalc.rulefiles.records import NAME, SPANNING, Argument, CallPattern, Identity, Literal, Record, Signatures, Structure

__all__ = ["RULES", "Argument", "CallPattern", "Identity", "Literal", "Record", "Signatures", "Structure", "load", "parse_type"]

_PACKAGE = Path(__file__).parents[1]
RULES = _PACKAGE / "rules" if (_PACKAGE / "rules").is_dir() else _PACKAGE.parent / "rules"
"""The folder of the rule files: `matcalc/rules` in an installed package, `rules` beside `matcalc` in a checkout."""


OWN = "definition"
"""The work that a function in one line cites which names none."""
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)(?:\[([^\[\]]*)\])?")
_CALL = re.compile(r"([A-Za-z_]\w*)\((.*)\)")
_DIMENSION = re.compile(r"[\w\s+\-*/^()]+")
_PLACES = ("latex", "unicode")
_OPERATION_KEYS = frozenset(
    "type entrywise joint call alias macro value d adjoint matrix scalar where constant sympy sign latex unicode title "
    "says source".split()
)
_STRUCTURE_KEYS = frozenset(
    "type implies sample says project independent pairing entries span facts closed absorbs made_by transpose cone declarable "
    "source".split()
)
_ENTRYWISE_KEYS = frozenset("value d alias macro where sympy sign latex unicode title source".split())
"""A table of these alone is a function of one entry, f'(x) or its value in a line: its type need not be said."""
_IDENTITY_KEYS = frozenset("type lhs rhs where domain title source".split())


@dataclass(frozen=True)
class _Table:
    """One table of a rule file with typed access; every complaint names file, table and key."""

    file: Path
    name: str
    entries: Mapping[str, Any]

    def fail(self, key: str, what: str, source: str = "", span: Span | None = None, hint: str = "") -> RuleError:
        return RuleError(f"{self.file} [{self.name}] {key}: {what}", source=source, span=span, hint=hint)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.entries.get(key, default)
        if value is None:
            raise self.fail(key, "this key is missing")
        if not isinstance(value, str):
            raise self.fail(key, f"expected a string, found {value!r}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.entries.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"expected true or false, found {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.entries.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(key, f"expected a list of strings, found {value!r}")
        return tuple(value)

    def formulas(
        self, plain: tuple[str, ...], arguments: tuple[Argument, ...], per_argument: tuple[str, ...] = ()
    ) -> dict[str, str]:
        found = {key: self.text(key) for key in plain if key in self.entries}
        names = [a.name for a in arguments]
        for key in per_argument:
            lines = self.entries.get(key, {})
            if not isinstance(lines, dict):
                raise self.fail(key, f"expected one line an argument, as {key}.{names[0] if names else 'A'} = …")
            for name in lines:
                if name not in names:
                    hint = f"the arguments are {', '.join(names)}"
                    raise self.fail(f"{key}.{name}", f"there is no argument {name}", hint=hint)
                found[f"{key}.{name}"] = _Table(self.file, self.name, lines).text(name)
        return found

    def expect_keys(self, allowed: frozenset[str]) -> None:
        for key in self.entries:
            if key not in allowed:
                raise self.fail(key, "unknown key", hint=f"a table of this kind has the keys {', '.join(sorted(allowed))}")


def _split(text: str) -> list[str]:
    """The parts of text between its commas, those inside brackets or quotes left alone."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == "'":
            quoted = not quoted
        elif not quoted:
            depth += (c in "([") - (c in ")]")
            if c == "," and depth == 0:
                parts.append(text[start:i])
                start = i + 1
    return [p.strip() for p in [*parts, text[start:]] if p.strip()]


def _dims(table: _Table, line: str, inner: str, at: int) -> tuple[str, ...]:
    dims = tuple(_split(inner))
    if len(dims) > 2 or not all(_DIMENSION.fullmatch(d) for d in dims):
        raise table.fail("type", "expected at most two dimensions, as [m,n]", line, (at, at + len(inner)))
    return dims


def parse_type(table: _Table, line: str) -> tuple[tuple[Argument, ...], tuple[str, ...]]:
    """The arguments and the result of a type line, `A[m,k] B[k,n] -> [m,n]`."""
    left, arrow, right = line.partition("->")
    found: list[tuple[str, tuple[str, ...] | None]] = []
    position = 0
    while left[position:].strip():
        position += len(left[position:]) - len(left[position:].lstrip())
        match = _ARGUMENT.match(left, position)
        if match is None:
            raise table.fail("type", "expected an argument, as X[m,n]", line, (position, len(left.rstrip())))
        dims = None if match[2] is None else _dims(table, line, match[2], match.start(2))
        found.append((match[1], dims))
        position = match.end()
    result: tuple[str, ...] = ()
    if arrow:
        stripped = right.strip()
        if not (stripped.startswith("[") and stripped.endswith("]")):
            raise table.fail("type", "expected the result's shape after the arrow, as [m,n]", line, (len(left), len(line)))
        result = _dims(table, line, stripped[1:-1], line.index("[", len(left)) + 1)
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        raise table.fail("type", "an argument occurs twice", line, (0, len(line)))
    among = {n for dims in [*(d for _, d in found), result] if dims for d in dims for n in NAME.findall(d)}
    arguments = tuple(Argument(name, dims or (), dims is None and name in among) for name, dims in found)
    return arguments, result


def _literal(text: str) -> Literal | None:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return Literal("string", text[1:-1])
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return Literal("number", text)
    return Literal("name", text) if text == "inf" else None


def _call(table: _Table, key: str, text: str, arguments: tuple[Argument, ...]) -> CallPattern:
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise table.fail(key, "expected a call, as norm(X)", text, (0, len(text)))
    args: list[str | Literal | Argument] = []
    keywords: dict[str, Literal] = {}
    names = {a.name for a in arguments}
    for part in _split(match[2]):
        word, equals, value = part.partition("=")
        literal = _literal(value.strip() if equals else part)
        guard = _ARGUMENT.fullmatch(part)
        at = text.index(part)
        if equals and literal is not None:
            keywords[word.strip()] = literal
        elif literal is not None:
            args.append(literal)
        elif guard is not None and guard[1] in names:
            args.append(guard[1] if guard[2] is None else Argument(guard[1], _dims(table, text, guard[2], at)))
        else:
            raise table.fail(key, "expected an argument of the type, a number, a 'string' or inf", text, (at, at + len(part)))
    return CallPattern(match[1], tuple(args), keywords)


def _operation(table: _Table) -> Record:
    table.expect_keys(_OPERATION_KEYS)
    plain = _ENTRYWISE_KEYS.issuperset(table.entries)
    entrywise = table.flag("entrywise", default=plain)
    arguments, result = parse_type(table, table.text("type", "x" if plain else None))
    if entrywise and (result or any(a.dims for a in arguments)):
        raise table.fail("type", "an entrywise operation lists the names of its arguments only", table.text("type"))
    names = tuple(a.name for a in arguments)
    calls = [_call(table, "call", c, arguments) for c in table.texts("call")]
    if "call" not in table.entries:
        calls = [CallPattern(table.name, names, {})]
    for alias in table.texts("alias"):
        if not calls:
            raise table.fail("alias", "an operation without a call has no other name")
        calls.append(CallPattern(alias, calls[0].args, calls[0].keywords))
    constant = frozenset(table.texts("constant"))
    for name in constant.difference(names):
        raise table.fail("constant", f"there is no argument {name}", hint=f"the arguments are {', '.join(names)}")
    sign = table.text("sign", "")
    if sign not in ("", "nonnegative"):
        raise table.fail("sign", f"expected nonnegative, found {sign!r}")
    formulas = table.formulas(("d", "value", "scalar"), arguments, ("adjoint", "matrix"))
    macro = table.flag("macro")
    if macro and "value" not in formulas:
        raise table.fail("value", "this key is missing", hint="a macro is replaced by its value")
    return Record(
        name=table.name,
        file=table.file,
        arguments=arguments,
        result=result,
        entrywise=entrywise,
        calls=tuple(calls),
        macro=macro,
        formulas=formulas,
        where=table.texts("where"),
        sympy=table.text("sympy", "") or None,
        nonnegative=bool(sign),
        templates={key: table.text(key) for key in _PLACES if key in table.entries},
        source=table.text("source", OWN if plain else None),
        constant=constant,
        joint=table.flag("joint"),
        title=table.text("title", ""),
        says=table.text("says", ""),
    )


def _structure(table: _Table) -> Structure:
    table.expect_keys(_STRUCTURE_KEYS)
    arguments, _ = parse_type(table, table.text("type", "X[n,n]"))
    return Structure(
        name=table.name,
        file=table.file,
        arguments=arguments,
        implies=table.texts("implies"),
        formulas=table.formulas(("sample", "project", "independent", "pairing", *SPANNING), arguments),
        facts=table.texts("facts"),
        says=table.text("says"),
        source=table.text("source"),
        closed=frozenset(table.texts("closed")),
        absorbs=frozenset(table.texts("absorbs")),
        made_by=frozenset(table.texts("made_by")),
        transpose=table.text("transpose", ""),
        cone=table.flag("cone"),
        declarable=table.flag("declarable", True),
    )


def _identity(table: _Table) -> Identity:
    table.expect_keys(_IDENTITY_KEYS)
    arguments, _ = parse_type(table, table.text("type"))
    return Identity(
        table.name,
        table.file,
        arguments,
        table.text("lhs"),
        table.text("rhs"),
        table.texts("where"),
        table.texts("domain"),
        table.text("source"),
        table.text("title", ""),
    )


def _tables(file: Path) -> tuple[list[_Table], dict[str, str]]:
    """The tables of a file, its defaults filled in, and the works it lists."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"{file}: {error}") from error
    works = {name: entry for name, entry in document.items() if isinstance(entry, str)}
    defaults = document.pop("defaults", {})
    tables = []
    for name, entry in document.items():
        if name in works:
            continue
        if not isinstance(entry, dict):
            raise RuleError(f"{file}: {name} is neither a table nor a cited work")
        tables.append(_Table(file, name, {**defaults, **entry}))
    return tables, works


def _files(extra: tuple[Path, ...]) -> list[Path]:
    own = sorted(RULES.glob("*.toml"))
    if not own:
        raise RuleError(f"no rule files in {RULES}", hint="is matcalc installed completely?")
    return [*own, *extra]


def _record(table: _Table) -> Record | Structure | Identity:
    if "lhs" in table.entries:
        return _identity(table)
    return _structure(table) if "sample" in table.entries else _operation(table)


def _check_source(entry: Record | Structure | Identity, sources: Mapping[str, str]) -> None:
    """Whether each part of `source`, as in "PP12 (37); MN19 ch. 3", begins with a known work."""
    for part in entry.source.split(";"):
        work = part.strip().split(" ")[0]
        if work not in sources:
            known = f"the works are {', '.join(sorted(sources))}"
            raise RuleError(f"{entry.file} [{entry.name}] source: unknown work {work!r}", hint=known)


def load(extra: tuple[Path, ...] = ()) -> Signatures:
    """All rule files, the person's own last; read once."""
    return _load(tuple(extra))


@lru_cache(maxsize=8)
def _load(extra: tuple[Path, ...]) -> Signatures:
    entries: dict[tuple[type, str], Record | Structure | Identity] = {}
    sources: dict[str, str] = {}
    for file in _files(extra):
        tables, works = _tables(file)
        sources |= works
        for table in tables:
            entry = _record(table)
            earlier = entries.setdefault((type(entry), entry.name), entry)
            if earlier is not entry:
                raise RuleError(f"{file} [{entry.name}]: already defined in {earlier.file}")
    for entry in entries.values():
        _check_source(entry, sources)
    records = {e.name: e for e in entries.values() if isinstance(e, Record)}
    functions: dict[str, list[tuple[CallPattern, Record]]] = {}
    for record in records.values():
        for call in record.calls:
            functions.setdefault(call.function, []).append((call, record))
    return Signatures(
        records=records,
        functions={name: tuple(found) for name, found in functions.items()},
        structures={e.name: e for e in entries.values() if isinstance(e, Structure)},
        identities={e.name: e for e in entries.values() if isinstance(e, Identity)},
        sources=sources,
    )
