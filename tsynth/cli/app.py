"""The commands put together. Nothing heavy is imported here: `tsynth --help` must answer at once."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tsynth import __version__
from tsynth.cli import demo, evaluate, fit, inspect, listing, run, sample, verify
from tsynth.cli.endings import ending
from tsynth.cli.terminal import settings

__all__ = ["app", "start"]

ANYWHERE = ("--quiet", "-q", "--debug")
"""Options of the whole program that may stand after a command too."""


class _Commands(TyperGroup):
    """Turns every way a command can end into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        with ending():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Learn from real time series and event sequences, make synthetic ones, and see how faithful, useful "
    "and private they are.",
    epilog="Start with: tsynth demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tsynth {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    settings.quiet, settings.debug = quiet, debug


app.command("demo", short_help="The whole main job on simulated data")(demo.demo)
app.command("inspect", short_help="What each column means, and which rules hold")(inspect.inspect)
app.command("run", short_help="From a table to a documented synthetic release")(run.run)
app.command("fit", short_help="Learn from a table and save the model")(fit.fit)
app.command("sample", short_help="Draw synthetic rows from a saved model")(sample.sample)
app.command("evaluate", short_help="Score synthetic rows of any tool")(evaluate.evaluate)
app.command("verify", short_help="Check that a release is as it was made")(verify.verify)
app.command("list", short_help="Generators, scores, demos and gates by name")(listing.list_)


def start(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    given = sys.argv[1:] if arguments is None else arguments
    head = [word for word in given if word in ANYWHERE]
    app([*head, *(word for word in given if word not in ANYWHERE)], prog_name="tsynth")
