"""The arguments of the command line: which are options, which the expression; where its text is; how to print."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path

import click

from matcalc.errors import ParseError

_OPTION = re.compile(r"--[a-z]|-h$|-d\s*\w[\w, ]*:")
"""How an option begins, a misspelt one too; any other argument with a minus in front is an expression."""


class ExpressionCommand(click.Command):
    """A command whose argument may begin with a minus: what is no option is the expression."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is left of args once options are taken out: nothing."""
        valued = {name: not o.is_flag for o in self.get_params(ctx) if isinstance(o, click.Option) for name in o.opts}
        options: list[str] = []
        values: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                values.extend(rest)
            elif arg in valued:
                given = list(islice(rest, int(valued[arg])))
                if len(given) < valued[arg]:
                    raise click.BadOptionUsage(arg, f"option {arg} needs a value", ctx)
                options += [arg, *given]
            else:
                (options if _OPTION.match(arg) else values).append(arg)
        return super().parse_args(ctx, [*options, "--", *values])


def text_of(expr: str, file: bool) -> str:
    """The problem's text: the argument itself, standard input for `-`, or the contents of a file."""
    if expr != "-" and not file:
        return expr
    try:
        raw = sys.stdin.buffer.read() if expr == "-" else Path(expr).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"cannot read {expr}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ParseError(f"the text is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}") from error


def default_format() -> str:
    """Unicode for a person at a terminal that can show it, the language's own text for a pipe or a file."""
    if sys.stdout is None:  # it was closed before the start
        return "text"
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return "unicode" if sys.stdout.isatty() and encoding == "utf8" else "text"
