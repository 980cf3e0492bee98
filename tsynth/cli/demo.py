"""`tsynth demo`: the whole main job on simulated data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["demo"]


def demo(
    name: Annotated[
        Literal["fraud", "cohort", "demand"],
        typer.Argument(help="Payments with fraud, a clinical trial, or sales."),
    ] = "fraud",
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the table, its job file and the release go.")
    ] = Path("tsynth-demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same table, same rows.")] = 0,
) -> None:
    """Simulate a table and do the whole main job on it, in under a minute; nothing is downloaded."""
    from tsynth.cli.run import finish
    from tsynth.cli.terminal import progress, say
    from tsynth.jobs.demo import prepare
    from tsynth.jobs.run import run as make

    prepared = prepare(name, out, seed)
    say(f"{prepared.story}: {prepared.rows}")
    with progress() as shown:
        release = make(prepared.job, progress=shown)
    finish(release)
    say(
        f"The job is {prepared.job}: edit it and run `tsynth run {prepared.job} --force`, or try your own table:"
    )
    say("tsynth inspect FILE")
