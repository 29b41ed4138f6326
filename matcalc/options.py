"""The options that the commands share: of those that read, derive and print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from matcalc.codegen.backend import targets

TYPESET = ("latex", "markdown", "html")
FORMATS = ("text", "unicode", *TYPESET, "json")
TARGETS = targets()
TRANSPOSES = ("top", "T", "prime")
LAYOUTS = ("numerator", "denominator")
CLAIMED = ("text", "unicode", "latex", "json")
CONVENTIONS = ("structured", "independent")
ENTRIES = ("all", "independent")

DECLARED = click.option("-d", "declare", multiple=True, metavar="DECLARATION", help="As in 'X: matrix(n,d) symmetric'.")
LATEX = click.option("--latex", is_flag=True, help="EXPR is LaTeX, which is assumed where it holds a backslash.")
RULES = click.option("--rules", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Your own rule file.")
FILE = click.option("--file", is_flag=True, help="EXPR names a file that holds the problem.")
ASKED = [
    click.argument("expr"),
    click.option("--wrt", multiple=True, metavar="NAME", help="Differentiate by this variable; every variable, if left out."),
    DECLARED,
]
READ = [click.option("--no-verify", is_flag=True, help="Leave out the comparison with numbers."), LATEX, RULES, FILE]
"""What every command takes that derives something, before and after its own options."""
CASES = click.option("--cases", is_flag=True, help="Where indices are equal, and where they differ.")
PRINTED = [
    click.option(
        "--format",
        "form",
        type=click.Choice((*FORMATS, *TARGETS)),
        help="How to print, or the language of a program; by default unicode on a terminal, text elsewhere.",
    ),
    click.option("--steps", is_flag=True, help="The derivation, step by step."),
    CASES,
    click.option("--transpose", type=click.Choice(TRANSPOSES), help="The mark of a transpose in latex, markdown and html."),
    click.option("--bold", is_flag=True, help="Bold matrices and vectors in latex, markdown and html."),
    click.option("--standalone", is_flag=True, help="A whole LaTeX file."),
]
"""What every command takes that prints results."""
BY = click.option("--convention", type=click.Choice(ENTRIES), default="all", help="By which entries of a structured variable.")
"""What the commands take whose result has a column for each entry of a variable."""


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def takes(*options: Decorator) -> Decorator:
    """The decorator that gives a function the arguments and options of a command that derives, and these."""

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        decorators: list[Decorator] = [*ASKED, *options, *READ]
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return decorated
