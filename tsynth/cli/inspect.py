"""`tsynth inspect`: what a table is taken for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsynth.cli.options import Entities, Entity, Json, NullEntity, Order, Role, Time, WithSchema, roles_of

if TYPE_CHECKING:
    from tsynth.data.schema import Schema

__all__ = ["inspect"]


def inspect(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Parquet or CSV, or a folder of them.")
    ],
    entity: Entity = None,
    time: Time = None,
    entities: Entities = None,
    null_entity: NullEntity = "error",
    order: Order = "content",
    role: Role = None,
    with_schema: WithSchema = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", metavar="FILE", help="Save the schema there as JSON, to edit it."),
    ] = None,
    no_constraints: Annotated[bool, typer.Option("--no-constraints", help="Do not look for rules.")] = False,
    json: Json = False,
) -> None:
    """See what tsynth makes of a table: what each column means, which rules hold, and which rows recur.

    Without flags it guesses which columns say who and when, and says why.
    """
    import json as js
    import sys
    from dataclasses import asdict

    from tsynth.cli import terminal
    from tsynth.cli.terminal import heading, progress, say, size
    from tsynth.data.recurring import describe, find_recurring
    from tsynth.jobs.job import SchemaPart, SourcePart
    from tsynth.jobs.stages import inspect as look

    source = SourcePart.model_validate(
        {
            "path": files,
            "entity": entity,
            "time": time or None,
            "entities": entities,
            "null_entity": null_entity,
            "order": order,
            "roles": roles_of(role),
        }
    )
    with progress() as shown:
        found = look(source, SchemaPart(file=with_schema), constraints=not no_constraints, progress=shown)
    if schema is not None:
        found.schema.save(schema)
        say(f"schema saved to {schema}")
    data = found.data
    recurring = describe(find_recurring(data), data)
    if json:
        content = {
            "rows": data.n_rows,
            "entities": data.n_entities,
            "out_of_order": data.out_of_order,
            "guessed": found.reasons,
            "schema": found.schema.to_dict(),
            "constraints": [{"sentence": r.sentence(), **r.to_dict()} for r in found.constraints],
            "recommended": [asdict(one) for one in found.recommended],
            "recurring": [kind.to_dict() for kind in recurring],
            "notes": [{"code": n.code, "message": n.message, "column": n.column} for n in data.notes],
        }
        sys.stdout.write(js.dumps(content, indent=1, ensure_ascii=False) + "\n")
        return
    if found.reasons:
        heading("Guessed")
        for reason in found.reasons:
            say(f"  {reason}")
        say("  Not right? Say it: --entity COLUMN --time COLUMN")
    sys.stdout.write(f"{size(data.n_rows, data.n_entities)}{_lengths(data)}\n\n")
    terminal.table(("column", "kind", "role", "details", "because"), found.schema.rows())
    sys.stdout.write(f"\n{_rhythm(data.schema)}\n")
    if data.notes:
        sys.stdout.write("\nNotes\n" + "".join(f"  {note.message}\n" for note in data.notes))
    if not no_constraints:
        sys.stdout.write(
            "\nRules that hold, with the share of rows that keep them\n" if found.constraints else ""
        )
        sys.stdout.write("" if found.constraints else "\nNo rules were found\n")
        for rule in found.constraints:
            sys.stdout.write(f"  {_share(rule.share):>8}  {rule.sentence()}\n")
    if recurring:
        sys.stdout.write(
            "\nRows that recur (`--generator recurring` keeps the day and the amount of those whose amount stays)\n"
        )
        sys.stdout.write("".join(f"  {kind.sentence()}\n" for kind in recurring))
    first = found.recommended[0]
    sys.stdout.write(f"\nRecommended generator: {first.name}, because {first.reason}\n")
    sys.stdout.write(f"  {first.advice}\n" if first.advice else "")
    others = [one.name for one in found.recommended[1:]]
    if others:
        sys.stdout.write(f"  Also fit (`--generator NAME`): {', '.join(others)}\n")
    say()
    say(_next(files, data.schema.entity, data.schema.time, time))


def _lengths(data: object) -> str:
    import numpy as np

    lengths = getattr(data, "lengths", None)
    if lengths is None or len(lengths) < 2:
        return ""
    return f" ({int(lengths.min())} to {int(lengths.max()):,} each, median {int(np.median(lengths)):,})"


def _rhythm(schema: Schema) -> str:
    from tsynth.scores.words import time_unit

    unit, frequency = time_unit(schema), schema.frequency
    zone = f", zone {schema.timezone}" if schema.timezone else ""
    if schema.time is None:
        return "no time: rows stand one step after the other"
    what = "time is a plain number" if unit == "step" else f"time in {unit}"
    return f"{what}, {f'frequency {frequency}' if frequency else 'irregular'}{zone}"


def _share(share: float) -> str:
    text = f"{100 * share:.4g} %"
    return "> 99.99 %" if share < 1 and text == "100 %" else text


def _next(files: list[Path], entity: str | None, column: str | None, given: list[str] | None) -> str:
    import shlex

    from tsynth.jobs.stages import named

    flags = named(entity, given or ([column] if column else []))
    return " ".join(
        ["Next: tsynth run", shlex.join(map(str, files)), *[flags][: bool(flags)], "--out release"]
    )
