"""The documents tell the truth: commands and Python sessions in them are run, and print what they say."""

from __future__ import annotations

import doctest
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from matcalc.cli import run

README = Path(__file__).resolve().parent.parent / "README.md"
PACKAGE = README.parent / "matcalc"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROUNDING = re.compile(r"\d(?:\.\d+)?e-\d+")
"""A relative error: its digits are the machine's, not matcalc's."""


def blocks(language: str) -> list[str]:
    """The contents of the README's code blocks in that language."""
    return [body for found, body in _BLOCK.findall(README.read_text(encoding="utf-8")) if found == language]


def commands() -> list[tuple[str, str]]:
    """(command, what it prints) of the console sessions."""
    sessions = [part for block in blocks("console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (session.partition("\n") for session in sessions)]


def same(printed: str, expected: str) -> bool:
    """Whether two outputs agree but for rounding errors and blank lines at the end."""
    return _ROUNDING.sub("e", printed).rstrip() == _ROUNDING.sub("e", expected).rstrip()


@pytest.mark.parametrize(("command", "expected"), commands(), ids=[command for command, _ in commands()])
def test_a_command_of_the_readme_prints_what_it_says(
    command: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *args = shlex.split(command)
    assert program == "matcalc"
    run(args)
    printed = capsys.readouterr()
    assert same(printed.out + printed.err, expected), printed.out + printed.err


def test_the_python_session_of_the_readme_prints_what_it_says() -> None:
    session = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, "README", str(README), 0)
    assert session.examples
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=report.append)
    assert results.failed == 0, "".join(report)


def test_the_examples_in_the_modules_hold() -> None:
    names = [path.stem for path in sorted(PACKAGE.glob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
    results = [doctest.testmod(import_module(f"matcalc.{name}")) for name in names]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def test_every_block_of_the_readme_is_run_or_is_one_of_the_two_commands_to_set_up() -> None:
    languages = [language for language, _ in _BLOCK.findall(README.read_text(encoding="utf-8"))]
    assert set(languages) <= {"console", "python", "sh", "toml"}
    assert [len(block.splitlines()) for block in blocks("sh")] == [1, 1]
    assert len(commands()) >= 5
