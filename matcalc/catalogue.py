"""The rules as a person looks them up: what each is called, its formulas, its conditions, its source.

Light on purpose: it reads the rule files' texts and parses no formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from matcalc.errors import UnknownNameError
from matcalc.rulefiles.records import Argument, CallPattern, Identity, Literal, Record, Signatures, Structure

Rule = Record | Structure | Identity


def rules(signatures: Signatures) -> list[Rule]:
    """Every operation, structure and identity, in file order."""
    return [*signatures.records.values(), *signatures.structures.values(), *signatures.identities.values()]


def search(signatures: Signatures, words: Iterable[str]) -> list[Rule]:
    """The rules that mention every word: in the name, a spelling, a formula, a condition or the source."""
    wanted = [word.casefold() for word in words]
    found = [rule for rule in rules(signatures) if all(word in _haystack(signatures, rule) for word in wanted)]
    if not found:
        raise _unknown(" and ".join(wanted), [rule.name for rule in rules(signatures)])
    return sorted(found, key=lambda rule: rule.name not in wanted)


def choose(ids: Sequence[str], names: Iterable[str]) -> list[str]:
    """The ids of formulas (inv.d, mul.adjoint.A) that belong to the names, or are named; all, where there are no names."""
    chosen = {name: [i for i in ids if i == name or i.startswith(f"{name}.")] for name in names}
    for name, found in chosen.items():
        if not found:
            raise _unknown(name, ids)
    return [i for found in chosen.values() for i in found] if chosen else list(ids)


def listing(signatures: Signatures, found: Iterable[Rule]) -> str:
    """A paragraph for each rule: its name and spellings, formulas, conditions, source."""
    return "\n\n".join("\n".join(_lines(signatures, rule)) for rule in found)


def work(signatures: Signatures, rule: Rule) -> str:
    """What the rule cites, in full."""
    return signatures.sources[rule.source.split(" ")[0]]


def formulas(rule: Rule) -> list[tuple[str, str]]:
    """(key, formula) of each line that the rule states."""
    if isinstance(rule, Identity):
        return [("identity", f"{rule.lhs} = {rule.rhs}")]
    facts = [("fact", fact) for fact in rule.facts] if isinstance(rule, Structure) else []
    return [*rule.formulas.items(), *facts]


def _unknown(name: str, known: Iterable[str]) -> UnknownNameError:
    near = get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else "`matcalc rules` lists them all"
    return UnknownNameError(f"there is no rule {name}", hint=hint)


def _conditions(rule: Rule) -> tuple[str, ...]:
    return rule.implies if isinstance(rule, Structure) else rule.where


def _lines(signatures: Signatures, rule: Rule) -> list[str]:
    lines = formulas(rule)
    if isinstance(rule, Record) and rule.calls:
        lines.insert(0, ("call", ", ".join(_spelling(call) for call in rule.calls)))
    if _conditions(rule):
        lines.append(("implies" if isinstance(rule, Structure) else "where", ", ".join(_conditions(rule))))
    lines.append(("source", f"{rule.source}: {work(signatures, rule)}" if " " in rule.source else work(signatures, rule)))
    width = max(len(key) for key, _ in lines)
    return [_title(rule), *(f"    {key:<{width}}  {text}" for key, text in lines)]


def _title(rule: Rule) -> str:
    if isinstance(rule, Structure):
        return f"{rule.name}: property of {_arguments(rule.arguments)}"
    if isinstance(rule, Identity):
        return f"{rule.name}: identity of {_arguments(rule.arguments)}"
    return f"{rule.name}: entrywise in {_arguments(rule.arguments)}" if rule.entrywise else f"{rule.name}: {_type(rule)}"


def _type(rule: Record) -> str:
    given = _arguments(rule.arguments)
    made = f"[{','.join(rule.result)}]" if rule.result else "scalar"
    return f"{given} -> {made}" if given else made


def _arguments(arguments: Iterable[Argument]) -> str:
    return " ".join(f"{a.name}[{','.join(a.dims)}]" if a.dims else a.name for a in arguments)


def _spelling(call: CallPattern) -> str:
    places = [_place(a) for a in call.args] + [f"{key}={_place(value)}" for key, value in call.keywords.items()]
    return f"{call.function}({', '.join(places)})"


def _place(argument: str | Literal | Argument) -> str:
    if isinstance(argument, Literal):
        return f"'{argument.value}'" if argument.kind == "string" else argument.value
    return argument.name if isinstance(argument, Argument) else argument


def _haystack(signatures: Signatures, rule: Rule) -> str:
    return "\n".join([rule.name, *_lines(signatures, rule)]).casefold()
