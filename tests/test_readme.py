"""The documents tell the truth: what they show is what running it prints.

`python -m tests.test_readme` writes the README's outputs anew.
"""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from runpy import run_path
from textwrap import dedent

import pytest

from matcalc.cli import run

README = Path(__file__).resolve().parent.parent / "README.md"
PACKAGE = README.parent / "matcalc"
_BLOCK = re.compile(r"(?<=^```)(\w+)\n(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_ROUNDING = re.compile(r"\d(?:\.\d+)?e-\d+")
"""A relative error: its digits are the machine's, not matcalc's."""


def blocks(language: str) -> list[str]:
    """The contents of the README's code blocks in that language."""
    return [body for found, body in _BLOCK.findall(README.read_text(encoding="utf-8")) if found == language]


def console(body: str) -> str:
    """A session of commands, each with what it prints now."""
    shown = ""
    for command in re.findall(r"^\$ (.*)$", body, flags=re.MULTILINE):
        program, *args = shlex.split(command)
        assert program == "matcalc"
        printed = StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            run(args)
        shown += f"$ {command}\n{printed.getvalue().rstrip()}\n"
    return shown


def python(body: str, names: dict[str, object]) -> str:
    """A session of Python, each statement with what it prints now; names are kept from one session to the next."""
    shown = ""
    for example in doctest.DocTestParser().get_examples(body):
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(example.source, str(README), "single"), names)
        shown += ">>> " + example.source.rstrip().replace("\n", "\n... ") + "\n" + printed.getvalue()
    return shown


def lacking(body: str) -> list[str]:
    """The modules that a session of Python imports and that are not installed: it cannot be run without them."""
    return [name for name in re.findall(r"^>>> (?:from|import) (\w+)", body, flags=re.MULTILINE) if find_spec(name) is None]


def anew(text: str) -> str:
    """The text with the outputs of all its sessions as they are now."""
    names: dict[str, object] = {}

    def block(match: re.Match[str]) -> str:
        language, body = match.groups()
        run_again: dict[str, Callable[[str], str]] = {"console": console, "python": partial(python, names=names)}
        return f"{language}\n{run_again[language](body) if language in run_again else body}"

    return _BLOCK.sub(block, text)


def steady(text: str) -> str:
    """The text without what differs from machine to machine."""
    return _ROUNDING.sub("…", text)


@pytest.mark.parametrize("body", blocks("console"), ids=lambda body: body.splitlines()[0])
def test_the_commands_of_the_readme_print_what_it_says(body: str) -> None:
    assert steady(console(body)) == steady(body)


def test_the_python_sessions_of_the_readme_print_what_it_says() -> None:
    names: dict[str, object] = {}
    for body in blocks("python"):
        if missing := lacking(body):
            pytest.skip(f"all sessions are right up to the one that needs {' and '.join(missing)}")
        assert python(body, names) == body


def test_the_script_of_the_readme_prints_what_it_says() -> None:
    script = README.parent / "tests/examples/fit.py"
    assert f"({script.relative_to(README.parent)})" in README.read_text(encoding="utf-8")
    fit = run_path(str(script))
    printed = StringIO()
    with redirect_stdout(printed):
        fit["main"]()
    _, said = dedent(fit["__doc__"]).split("It prints\n\n")
    assert steady(printed.getvalue()) == steady(dedent(said))


def test_every_block_of_the_readme_is_run_or_is_one_of_the_two_commands_to_set_up() -> None:
    languages = {language for language, _ in _BLOCK.findall(README.read_text(encoding="utf-8"))}
    assert languages == {"console", "python", "sh"}
    assert [len(block.splitlines()) for block in blocks("sh")] == [1, 1]


def test_the_examples_in_the_modules_hold() -> None:
    names = [path.stem for path in sorted(PACKAGE.glob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
    results = [doctest.testmod(import_module(f"matcalc.{name}")) for name in names]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


if __name__ == "__main__":
    README.write_text(anew(README.read_text(encoding="utf-8")), encoding="utf-8")
