"""`tsynth list`: what can be plugged in, and what stands ready."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tsynth.cli.options import Json

__all__ = ["list_"]


def list_(
    what: Annotated[
        Literal["generators", "scores", "demos", "gates", "all"],
        typer.Argument(help="What to list.", show_default=True),
    ] = "all",
    json: Json = False,
) -> None:
    """List generators, scores, demos and ready gates, those of plug-ins too."""
    import json as js
    import sys

    from tsynth.cli import terminal

    found = {
        kind: _lines(kind) for kind in ("generators", "scores", "demos", "gates") if what in (kind, "all")
    }
    if json:
        sys.stdout.write(js.dumps(found, indent=1, ensure_ascii=False) + "\n")
        return
    for kind, lines in found.items():
        terminal.table((kind, ""), list(lines.items()))
        sys.stdout.write("\n" if len(found) > 1 else "")


def _lines(kind: str) -> dict[str, str]:
    """Names with the first line of what each says of itself."""
    import inspect

    from tsynth import registry

    if kind == "gates":
        from tsynth.jobs.gate import about, names

        return {name: about(name) for name in names()}
    if kind == "demos":
        from tsynth.data.datasets import DATASETS

        things = dict(DATASETS)
    else:
        things = {name: registry.find(kind, name) for name in registry.names(kind)}
    return {name: (inspect.getdoc(thing) or "").partition("\n")[0] for name, thing in things.items()}
