"""`tsynth sample`: draw rows from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsynth.cli.options import Seed

__all__ = ["sample"]


def sample(
    model: Annotated[Path, typer.Argument(metavar="MODEL.tsynth", help="What `tsynth fit` wrote.")],
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, help="Entities to make; as many as were learned from, unless told."),
    ] = None,
    seed: Seed = 0,
    conditions: Annotated[
        Path | None,
        typer.Option(
            "--conditions",
            metavar="FILE",
            help="Given statics, one row an entity; with the time column, given rows whose blanks are drawn.",
        ),
    ] = None,
    shares: Annotated[
        list[str] | None,
        typer.Option(
            "--shares",
            metavar="COLUMN=LEVEL:SHARE,...",
            help="How many of the entities are of which group, as region=north:.5,south:.5.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Parquet or CSV by its ending; CSV to stdout without it."),
    ] = None,
) -> None:
    """Draw synthetic rows from a saved model."""
    from tsynth.cli.terminal import progress, say, size
    from tsynth.generators.shares import parse_shares
    from tsynth.jobs.output import writable
    from tsynth.jobs.stages import sample as draw
    from tsynth.jobs.stages import write_rows

    if out is not None:
        writable(out.parent)
    wanted = parse_shares(shares) if shares else None
    with progress() as shown:
        made = draw(model, n, seed=seed, conditions=conditions, shares=wanted, progress=shown)
    if out is None:
        _to_stdout(made)
        return
    written = write_rows(made, out)
    say(f"{size(made.n_rows, made.n_entities)}: {', '.join(map(str, written))}")


def _to_stdout(made: object) -> None:
    import shutil
    import sys
    import tempfile

    from tsynth.cli.terminal import say
    from tsynth.data.sequences import Sequences
    from tsynth.jobs.stages import write_rows

    assert isinstance(made, Sequences)
    with tempfile.TemporaryDirectory() as folder:
        rows, *beside = write_rows(made, Path(folder) / "rows.csv")
        with rows.open("rb") as handle:
            shutil.copyfileobj(handle, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        if beside:
            say("the entity table is left out; give --out FILE to have it too")
