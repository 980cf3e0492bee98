"""`tsynth evaluate`: score files from any tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsynth.cli.options import Entity, NullEntity, Role, Seed, Time, WithSchema, roles_of

__all__ = ["evaluate"]


def evaluate(
    train: Annotated[
        Path, typer.Option("--train", metavar="FILE", help="Real rows that the generator learned from.")
    ],
    synthetic: Annotated[
        Path, typer.Option("--synthetic", metavar="FILE", help="Rows that it made, or a release.")
    ],
    holdout: Annotated[
        Path | None, typer.Option("--holdout", metavar="FILE", help="Real rows that it has not seen.")
    ] = None,
    entity: Entity = None,
    time: Time = None,
    train_entities: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Entity table of train.")
    ] = None,
    synthetic_entities: Annotated[
        Path | None, typer.Option(metavar="FILE", help="That of the synthetic rows.")
    ] = None,
    holdout_entities: Annotated[
        Path | None, typer.Option(metavar="FILE", help="That of the holdout.")
    ] = None,
    null_entity: NullEntity = "error",
    role: Role = None,
    with_schema: WithSchema = None,
    seed: Seed = 0,
    score: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="NAME", help="Only these; `tsynth list scores` shows them."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers there; - is stdout.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the page there.")] = None,
) -> None:
    """Score synthetic rows of any tool against the real rows it learned from and rows it has not seen."""
    import json as js
    import sys

    from tsynth.cli import terminal
    from tsynth.cli.terminal import heading, progress, say
    from tsynth.jobs.job import SchemaPart, SourcePart
    from tsynth.jobs.output import PAGE, writable
    from tsynth.jobs.stages import Side
    from tsynth.jobs.stages import evaluate as ask

    if json is not None and str(json) != "-":
        writable(json.parent)
    source = SourcePart.model_validate(
        {
            "path": train,
            "entity": entity,
            "time": time or None,
            "null_entity": null_entity,
            "roles": roles_of(role),
        }
    )
    if holdout is None:
        say(
            "without --holdout nothing says how large a gap real data would have, and privacy cannot be judged"
        )
    with progress() as shown:
        report = ask(
            Side(train, train_entities),
            Side(synthetic, synthetic_entities),
            None if holdout is None else Side(holdout, holdout_entities),
            source,
            SchemaPart(file=with_schema),
            seed=seed,
            scores=score or "standard",
            out=out,
            progress=shown,
        )
    if json is not None and str(json) == "-":
        sys.stdout.write(js.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    else:
        for answer in report.answers:
            sys.stdout.write(f"{answer.question}: {answer.sentence}\n")
        sys.stdout.write("\n")
        terminal.table(("score", "value", "floor", "copied", "verdict"), report.rows())
        if json is not None:
            report.save(json)
            say(f"numbers: {json}")
    if out is not None:
        heading(f"Read the report: {out / PAGE}")
