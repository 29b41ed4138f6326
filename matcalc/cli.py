"""The command line: parse the options, call the API, print what `report` makes of the result.

The engine is imported when an expression is there to be derived, so `--help` and `--version` never load SymPy or NumPy.
Exit status: 0 printed; 1 a derivative failed its numeric check, or a claim is wrong; 2 bad input, with the error on standard
error; 3 a claim could not be checked; 70 a fault of matcalc itself; 74 the output cannot be written.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from matcalc import __version__, catalogue
from matcalc.arguments import ExpressionCommand, default_format, text_of
from matcalc.errors import MatcalcError, VerificationError
from matcalc.options import (
    BY,
    CASES,
    CLAIMED,
    CONVENTIONS,
    DECLARED,
    FILE,
    LATEX,
    LAYOUTS,
    PRINTED,
    RULES,
    TARGETS,
    TYPESET,
    takes,
)
from matcalc.rulefiles import signatures

if TYPE_CHECKING:
    from matcalc.language.problem import Problem
    from matcalc.printing.latex import Transpose
    from matcalc.result import Result
    from matcalc.rulebase.base import Rulebase

DEBUG = "MATCALC_DEBUG"
"""The environment variable that lets an internal error through with its traceback."""
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EXAMPLES = """\b
Examples:
  matcalc 'norm(max(X*W, 0) - Y)^2' --wrt W
  matcalc 'logdet(S)' -d 'S: matrix symmetric' --steps
  matcalc diff 'inv(X)*Y'
  matcalc jac 'softmax(z)' --wrt z
  matcalc hess 'logsumexp(A*x)' --wrt x
  matcalc solve 'norm(X*w - y)^2' --wrt w
  matcalc 'Z = max(X*W, 0); f = norm(Z - Y)^2' --format latex
  matcalc code 'norm(X*w - y)^2' --wrt w --target jax
  matcalc check 'norm(X*w - y)^2' --wrt w "X'*(X*w - y)"
  matcalc rules softmax"""


class _Root(click.Group):
    """`matcalc EXPR` is `matcalc grad EXPR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments with the name of a command in front."""
        if args and args[0] not in (*self.commands, "--help", "-h", "--version"):
            args = ["grad", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both ways to call it."""
        formatter.write_usage(ctx.command_path, "EXPR [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND …", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of `matcalc EXPR`, then the commands."""
        grad.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=_Root, context_settings=_SETTINGS, no_args_is_help=True, epilog=_EXAMPLES)
@click.version_option(__version__, message="matcalc %(version)s")
def command() -> None:
    """Closed-form derivatives of matrix expressions, each one confirmed by numbers."""


_derives = takes(*PRINTED)


@dataclass(frozen=True)
class _Asked:
    """What a command that differentiates was asked, by the names of its options."""

    expr: str
    wrt: tuple[str, ...]
    declare: tuple[str, ...]
    no_verify: bool
    latex: bool
    rules: tuple[Path, ...]
    file: bool
    form: str | None = None
    steps: bool = False
    cases: bool = False
    transpose: Transpose | None = None
    bold: bool = False
    standalone: bool = False

    @property
    def names(self) -> tuple[str, ...] | None:
        """What to differentiate by, each once; None for every variable."""
        return tuple(dict.fromkeys(self.wrt)) or None

    def read(self) -> tuple[Problem, Rulebase]:
        """The problem, and the rules to solve it by."""
        if (self.transpose or self.bold) and self.form not in TYPESET:
            raise click.UsageError(f"--transpose and --bold go with --format {', '.join(TYPESET)}")
        if self.standalone and self.form != "latex":
            raise click.UsageError("--standalone goes with --format latex")
        if (self.steps or self.cases) and self.form in TARGETS:
            raise click.UsageError("--steps and --cases are for people: leave them out where a program is asked for")
        if self.steps and self.cases:
            raise click.UsageError("--cases is about results: leave out --steps")
        text = text_of(self.expr, self.file)
        from matcalc.language.parser import parse
        from matcalc.rulebase.base import load

        known = load(self.rules)
        return parse(text, self.declare, signatures=known.signatures, latex=self.latex or None), known

    def show(self, problem: Problem, results: Sequence[Result]) -> None:
        """Print the results."""
        from matcalc.generate import together
        from matcalc.report import render

        if self.form in TARGETS:
            click.echo(together(results, self.form, value=False).code.removesuffix("\n"))
            return
        form, mark = self.form or default_format(), self.transpose or "top"
        shown = render(
            form,
            problem,
            results,
            steps=self.steps,
            cases=self.cases,
            transpose=mark,
            bold=self.bold,
            standalone=self.standalone,
        )
        click.echo(shown.removesuffix("\n"))


@command.command(cls=ExpressionCommand, short_help="The gradients of EXPR: what `matcalc EXPR` does.")
@_derives
@click.option("--convention", type=click.Choice(CONVENTIONS), default="structured", help="For symmetric and similar variables.")
@click.option("--through", is_flag=True, help="By every intermediate on the way too, each gradient in those before it.")
@click.option(
    "--verify", "method", metavar="jax|torch", default="numbers", help="Verify by that library's automatic derivatives."
)
def grad(convention: str, through: bool, method: str, **options: Any) -> None:
    """The gradients of the scalar EXPR (`-`: read it from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc.derivation import gradients

    wrt, verify = asked.names, not asked.no_verify
    found = gradients(problem, wrt, verify=verify, convention=convention, through=through, method=method, rules=rules)
    asked.show(problem, found)


@command.command(cls=ExpressionCommand, short_help="The differential of EXPR, a scalar, vector or matrix.")
@_derives
def diff(**options: Any) -> None:
    """The differential of EXPR, linear in dX … of the variables that move (`-`: read it from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc.differentials import differential

    asked.show(problem, [differential(problem, asked.names, verify=not asked.no_verify, rules=rules)])


@command.command(cls=ExpressionCommand, short_help="The Jacobian of EXPR, and its action dF.")
@_derives
@click.option("--layout", type=click.Choice(LAYOUTS), default="numerator", help="Or its transpose.")
@BY
def jac(layout: str, convention: str, **options: Any) -> None:
    """The J with dvec(F) = J*dvec(X) for EXPR, a scalar, vector or matrix (`-`: read it from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc.jacobians import jacobians

    checked = not asked.no_verify
    asked.show(problem, jacobians(problem, asked.names, layout=layout, convention=convention, verify=checked, rules=rules))


@command.command(cls=ExpressionCommand, short_help="The Hessian of EXPR, a scalar, and its quadratic form.")
@_derives
@BY
def hess(convention: str, **options: Any) -> None:
    """The second derivatives of the scalar EXPR, a block for each pair of variables (`-`: read it from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc.hessians import hessians

    checked = not asked.no_verify
    asked.show(problem, hessians(problem, asked.names, convention=convention, verify=checked, rules=rules))


@command.command(cls=ExpressionCommand, short_help="The stationary points of EXPR, in closed form.")
@takes(
    *(option for option in PRINTED if option is not CASES),
    click.option("--subject-to", "constraints", multiple=True, metavar="EQUATION", help="A constraint, as in 'sum(p) == 1'."),
)
def solve(constraints: tuple[str, ...], **options: Any) -> None:
    """The X at which the gradient of the scalar EXPR vanishes (`-`: read it from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc import stationarity
    from matcalc.request import only_one

    wrt = only_one(problem, asked.names)
    found = stationarity.solve(problem, wrt, subject_to=constraints, verify=not asked.no_verify, rules=rules)
    form, mark = asked.form or default_format(), asked.transpose or "top"
    shown = found.render(form, steps=asked.steps, transpose=mark, bold=asked.bold, standalone=asked.standalone)
    click.echo(shown.removesuffix("\n"))


@command.command(cls=ExpressionCommand, short_help="A program: the value of EXPR and its gradients together.")
@takes(
    click.option(
        "--target", type=click.Choice(TARGETS), default="numpy", show_default=True, help="The language of the program."
    ),
    click.option("--hessian", is_flag=True, help="The second derivatives too."),
)
def code(target: str, hessian: bool, **options: Any) -> None:
    """A function that returns the value of the scalar EXPR and its gradients (`-`: read EXPR from standard input)."""
    asked = _Asked(**options)
    problem, rules = asked.read()
    from matcalc.derivation import gradients
    from matcalc.generate import together
    from matcalc.hessians import hessians

    verify = not asked.no_verify
    found: list[Result] = [*gradients(problem, asked.names, verify=verify, rules=rules)]
    if hessian:
        found += hessians(problem, asked.names, verify=verify, rules=rules)
    click.echo(together(found, target).code.removesuffix("\n"))


@command.command(cls=ExpressionCommand, short_help="Is an answer right? Or an identity, without --wrt?")
@click.argument("expr")
@click.argument("claim", nargs=-1)
@click.option("--wrt", metavar="NAME", help="CLAIM is the derivative of EXPR by this variable.")
@click.option("--step", multiple=True, metavar="EQUATION", help="A line of the derivation: 'df = …', 'df/dZ = …' or 'Z = …'.")
@DECLARED
@click.option("--format", "form", type=click.Choice(CLAIMED), help="How to print.")
@click.option("--convention", type=click.Choice(CONVENTIONS), default="structured", help="For symmetric and similar variables.")
@LATEX
@RULES
@FILE
def check(expr: str, claim: tuple[str, ...], step: tuple[str, ...], form: str | None, **options: Any) -> None:
    """What is right and what is wrong with CLAIM, an answer to EXPR; or with an identity: check "A" = "B"."""
    text, latex = text_of(expr, options.pop("file")), options.pop("latex") or None
    from matcalc.claims.check import check as judge
    from matcalc.claims.report import render, status
    from matcalc.rulebase.base import load

    known = load(options.pop("rules"))
    claims = [word for word in claim if word not in ("=", "==")]
    if len(claims) > 1 or (step and claims):
        raise click.UsageError("one claim at a time, and no step with it: put quotes around each")
    found = [judge(text, step=s, latex=latex, rules=known, **options) for s in step] or [
        judge(text, claim=next(iter(claims), None), latex=latex, rules=known, **options)
    ]
    click.echo(render(found, form or default_format()))
    click.get_current_context().exit(status(found))


@command.command("rules", short_help="List and search the rules; let them prove themselves.")
@click.argument("words", nargs=-1, metavar="[check] [WORD]...")
@RULES
def rules_command(words: tuple[str, ...], rules: tuple[Path, ...]) -> None:
    """The rules that mention every WORD; `rules check [NAME]` lets them prove themselves by numbers."""
    if words[:1] == ("check",):
        _check(words[1:], rules)
    else:
        known = signatures.load(rules)
        click.echo(catalogue.listing(known, catalogue.search(known, words)))


def _check(names: tuple[str, ...], files: tuple[Path, ...]) -> None:
    """Print the verdict on every formula of the rules of those names, or of all; VerificationError where one is wrong."""
    from matcalc.numeric.selfcheck import Selfcheck
    from matcalc.rulebase.base import load

    selfcheck = Selfcheck(load(files))
    ids = catalogue.choose(selfcheck.ids(), names)
    width = max(map(len, ids))
    wrong = []
    for rule in ids:
        found = selfcheck.check(rule)
        verdict = "right" if found.ok else "WRONG"
        click.echo(f"{rule:<{width}}  {verdict}  relative error {found.error:.0e} at {found.points} points, {found.method}")
        if not found.ok:
            wrong.append(rule)
    if wrong:
        raise VerificationError(f"{len(wrong)} of {len(ids)} formulas fail their check: {', '.join(wrong)}")
    click.echo(f"{len(ids)} formulas, all right")


def run(args: list[str]) -> int:
    """The exit status after doing what args say."""
    try:
        status = command.main(args, prog_name="matcalc", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except MatcalcError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        return 1 if isinstance(error, VerificationError) else 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        return _unwritten(error)
    except Exception as error:
        if DEBUG in os.environ:
            raise
        click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
        click.echo(f"hint: please report the problem as you typed it; {DEBUG}=1 shows where it fails", err=True)
        return 70


def _unwritten(error: OSError) -> int:
    """The exit status where the output cannot be written, which is said on standard error."""
    with suppress(OSError):
        click.echo(f"error: cannot write the output: {error.strerror or error}", err=True)
    return 74


def main() -> NoReturn:
    """Run the command and end the process at once: tearing SymPy down would take longer than the derivative.

    Garbage is collected rarely: importing SymPy makes half a million objects and no garbage.
    """
    gc.set_threshold(200_000, 20, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed before the start
                stream.flush()
        except BrokenPipeError:
            pass
        except OSError as error:
            status = _unwritten(error)
    os._exit(status)
