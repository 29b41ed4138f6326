"""The MATLAB target: golden texts, and every entry of the corpus run by GNU Octave where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matcalc
from matcalc.nodes.expr import name_of
from tests import corpus_entries, index_entries, second_entries

Array = Any
OCTAVE = shutil.which("octave-cli")
FUNCTIONS = {
    "lambda y: jnp.sum(jnp.sin(y)*jnp.arange(1., 6.)) + y[0]*y[-1] + jnp.sum(y**3)/7": (
        "@(y) sum(sin(y) .* (1:5)') + y(1) * y(5) + sum(y.^3) / 7",
        "@(y) cos(y) .* (1:5)' + [y(5); zeros(3, 1); y(1)] + 3 * y.^2 / 7",
    )
}
"""The unknown functions of the corpus and their gradients."""


@dataclass(frozen=True)
class Case:
    """One call: the entry, the source, the arguments as MATLAB, what is expected."""

    entry: str
    code: str
    arguments: tuple[str, ...]
    expected: Array


def test_every_entry_of_the_corpus_is_right_in_octave(tmp_path: Path) -> None:
    if OCTAVE is None:
        pytest.skip("GNU Octave is not installed")
    called = list(cases())
    found = run(called, tmp_path)
    wrong = {case.entry: why for case, got in zip(called, found, strict=True) if (why := difference(got, case.expected))}
    assert not wrong
    assert len({case.entry for case in called}) == 346


# ---------------------------------------------------------------- calls


def cases() -> Iterator[Case]:
    """Every entry of the corpus at the sizes of the corpus and at others."""
    indexed = [entry for entry in index_entries.load() if entry.task == "gradient"]
    for entry in [*corpus_entries.load("seeds"), *corpus_entries.load("cookbook"), *indexed]:
        yield from cases_of(entry, entry.derivation, entry.expected_value)
    for entry in second_entries.load_second():
        yield from cases_of(entry, entry.found, lambda point, entry=entry: entry.value(entry.result, point))


def cases_of(entry: Any, result: Any, expected: Callable[[Any], Array]) -> Iterator[Case]:
    """The calls of one entry."""
    function = result.function("matlab")
    source = function._source(frozenset())
    for sizes in [entry.sizes_given] if getattr(entry, "functions", None) else [entry.sizes_given, entry.other_sizes]:
        point = entry.point(sizes)
        places = list(entry.places(point))[:2] if isinstance(entry, index_entries.IndexEntry) else [point]
        for place in places:
            known = {**sizes, **{name_of(leaf): array for leaf, array in place.leaves.items()}}
            given = tuple(argument(name, known, entry) for name in source.arguments.values())
            yield Case(entry.id, source.text, given, expected(place))


def argument(name: str, known: Mapping[str, Array], entry: Any) -> str:
    """A value as MATLAB writes it."""
    if name in known:
        return literal(np.asarray(known[name], dtype=float))
    unknown = name.removeprefix("grad_")
    return FUNCTIONS[entry.functions[unknown]][name != unknown]


def literal(array: Array) -> str:
    """An array as MATLAB writes it."""
    numbers = " ".join(f"{x:.17g}" for x in array.reshape(-1, order="F"))
    if array.size == 1 and array.ndim < 3:
        return numbers
    shape = (*array.shape, 1)[: max(2, array.ndim)]
    return f"reshape([{numbers}], [{' '.join(map(str, shape))}])"


def run(called: list[Case], folder: Path) -> list[Array | str]:
    """What Octave computes for each case: an array, or what went wrong."""
    script = []
    for i, case in enumerate(called):
        name = re.match(r"function .*?(\w+)\(", case.code)
        assert name is not None
        (folder / f"case{i}.m").write_text(case.code.replace(f"{name[1]}(", f"case{i}(", 1), encoding="utf-8")
        script.append(f"try; show(case{i}({', '.join(case.arguments)})); catch e; printf('error %s\\n', e.message); end")
    shown = "function show(Y)\nprintf('%d ', size(Y)); printf('|'); printf(' %.17g', Y); printf('\\n');\nend\n"
    (folder / "show.m").write_text(shown, encoding="utf-8")
    (folder / "all_cases.m").write_text("\n".join(["warning('off', 'all');", *script]), encoding="utf-8")
    command = [str(OCTAVE), "--no-gui", "--norc", "--silent", "all_cases.m"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(called), done.stderr
    return [line if line.startswith("error") else read(line) for line in lines]


def read(line: str) -> Array:
    """The array that Octave has printed."""
    shape, numbers = line.split("|")
    return np.array([float(x) for x in numbers.split()]).reshape([int(d) for d in shape.split()], order="F")


def difference(got: Array | str, expected: Array) -> str:
    """What is wrong with a result; "" if nothing."""
    if isinstance(got, str):
        return got
    wanted = np.asarray(expected, dtype=float)
    shape = (*wanted.shape, 1, 1)[: max(2, wanted.ndim)]
    if got.shape != shape:
        return f"shape {got.shape}, not {shape}"
    error = np.max(np.abs(got - wanted.reshape(shape))) / max(1e-300, np.max(np.abs(wanted)))
    return "" if error < 1e-8 else f"error {error:.1e}"
