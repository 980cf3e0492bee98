"""`tsynth evaluate`: score files from any tool, one or several beside each other, and hold them against a gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsynth.cli.options import Entity, Gate, Groups, NullEntity, Role, Seed, Tasks, Time, WithSchema, roles_of

if TYPE_CHECKING:
    from tsynth.jobs.sides import Side
    from tsynth.scores.report import Report

__all__ = ["evaluate"]


def evaluate(
    train: Annotated[
        Path, typer.Option("--train", metavar="FILE", help="Real rows that the generator learned from.")
    ],
    synthetic: Annotated[
        list[Path],
        typer.Option(
            "--synthetic", metavar="FILE", help="Rows that it made, or a release; give several to compare."
        ),
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
        list[Path] | None,
        typer.Option(metavar="FILE", help="That of the synthetic rows; of several, in the same order."),
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
    task: Tasks = None,
    group: Groups = None,
    gate: Gate = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers there; - is stdout.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write the page there; of several, one each and one for all."
        ),
    ] = None,
    most_rows: Annotated[
        int,
        typer.Option(
            "--most-rows",
            metavar="N",
            min=100,
            help="Of a larger Parquet file, read a sample of its entities.",
        ),
    ] = 1_000_000,
    private_look: Annotated[
        Path | None,
        typer.Option(
            "--private-look",
            metavar="DIR",
            help="Write real beside synthetic sequences there; not for release.",
        ),
    ] = None,
) -> None:
    """Score synthetic rows of any tool against the real rows it learned from and rows it has not seen.

    Columns of another type are read as train's where nothing is lost; cells that cannot be read are counted. With
    --gate, the exit code is 6 where a threshold is not kept.
    """
    from tsynth.cli.terminal import heading, progress, say
    from tsynth.jobs import gate as gates
    from tsynth.jobs.evaluating import Wanted
    from tsynth.jobs.evaluating import evaluate as ask
    from tsynth.jobs.job import SchemaPart, SourcePart
    from tsynth.jobs.output import PAGE, writable
    from tsynth.jobs.sides import Side

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
    sides = _sides(synthetic, synthetic_entities or [])
    wanted = Wanted(
        score or "standard",
        task or (),
        group or (),
        None if gate is None else gates.Gate.load(gate),
        out,
        private_look,
        most_rows,
    )
    if holdout is None:
        say(
            "without --holdout nothing says how large a gap real data would have, and privacy cannot be judged"
        )
    with progress() as shown:
        reports = ask(
            Side(train, train_entities),
            sides,
            None if holdout is None else Side(holdout, holdout_entities),
            source,
            SchemaPart(file=with_schema),
            wanted,
            seed=seed,
            progress=shown,
        )
    _print(reports, json)
    if out is not None:
        page = out / PAGE if len(reports) == 1 else out / "comparison.html"
        heading(f"Read the report: {page}")
    if private_look is not None:
        heading(f"Private look, with real rows in it, not for release: {private_look}")
    if wanted.gate is not None:
        wanted.gate.demand(reports, where="" if out is None else f"read {page}")
        say(f"the gate {wanted.gate.title!r} is passed")


def _sides(files: list[Path], entities: list[Path]) -> list[Side]:
    from tsynth.errors import UsageError
    from tsynth.jobs.sides import Side

    if entities and len(entities) != len(files):
        raise UsageError(
            f"--synthetic is given {_times(len(files))}, --synthetic-entities {_times(len(entities))}",
            fix="give --synthetic-entities once for each --synthetic, in the same order",
        )
    tables: list[Path | None] = [*entities] or [None] * len(files)
    return [Side(file, table) for file, table in zip(files, tables, strict=True)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _print(reports: dict[str, Report], json: Path | None) -> None:
    """Numbers to stdout: of one file all scores, of several a row a file; what a gate found below."""
    import json as js
    import sys

    from tsynth.cli import terminal
    from tsynth.jobs.comparing import rows
    from tsynth.jobs.gate import FAILED, failures

    one = next(iter(reports.values())) if len(reports) == 1 else None
    content = one.to_dict() if one is not None else {name: r.to_dict() for name, r in reports.items()}
    text = js.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if json is not None and str(json) == "-":
        sys.stdout.write(text)
        return
    if one is not None:
        for answer in one.answers:
            sys.stdout.write(f"{answer.question}: {answer.sentence}\n")
        sys.stdout.write("\n")
        terminal.table(("score", "value", "floor", "copied", "verdict"), one.rows())
    else:
        terminal.table(*rows(reports))
    for name, report in reports.items():
        failed = failures(report.meta["gate"]) if "gate" in report.meta else []
        if failed:
            whose = "" if one is not None else f"{name}: "
            sys.stdout.write(f"\n{whose}what does not pass the gate {report.meta['gate']['title']!r}\n")
            terminal.table(FAILED, failed)
    if json is not None:
        from tsynth.data.files import write_text

        write_text(json, text)
        terminal.say(f"numbers: {json}")
