"""Arguments of a command whose argument is an expression, which may begin with a minus as an option does."""

from __future__ import annotations

import re
from itertools import islice

import click

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
