"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Delta",
    "Drop",
    "Entities",
    "Entity",
    "Epsilon",
    "Gate",
    "Generator",
    "Groups",
    "Json",
    "Minutes",
    "NullEntity",
    "Order",
    "Role",
    "Seed",
    "Steps",
    "Tasks",
    "Time",
    "WithSchema",
    "roles_of",
]

Entity = Annotated[
    str | None,
    typer.Option("--entity", metavar="COLUMN", help="Whose row it is; without it, all is one sequence."),
]
Time = Annotated[
    list[str] | None,
    typer.Option("--time", metavar="COLUMN", help="When; give it twice where day and hour stand apart."),
]
Entities = Annotated[
    Path | None,
    typer.Option("--entities", metavar="FILE", help="Table with one row an entity: statics, outcome."),
]
NullEntity = Annotated[
    Literal["error", "drop"], typer.Option("--null-entity", help="What to do with rows without an entity.")
]
Order = Annotated[
    Literal["content", "file"],
    typer.Option("--order", help="What orders rows of one entity and time: their values, or the file."),
]
Role = Annotated[
    list[str] | None,
    typer.Option(
        "--role", metavar="COLUMN=ROLE", help="Part that a column plays, as label, mark, party, arm."
    ),
]
WithSchema = Annotated[
    Path | None, typer.Option("--with-schema", metavar="FILE", help="A schema that `inspect --schema` wrote.")
]
Generator = Annotated[
    str | None,
    typer.Option(
        "--generator", metavar="NAME", help="What learns (auto); `tsynth list generators` shows them."
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        min=0.01,
        help="Time to learn, by which the generator is chosen and that one which learns by steps may take (10).",
    ),
]
Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Exact number of steps; repeats an earlier fit.")
]
Epsilon = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        help="Learn with differential privacy of whole entities: 1 is strong, 10 says little.",
    ),
]
Delta = Annotated[
    float | None,
    typer.Option(
        "--delta", help="Chance that --epsilon fails (1 / (10 n) of n entities, and then n is told)."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same rows.")]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop-constraint", metavar="WORDS", help="A rule to let go: its kind, or words of its sentence."
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TEXT",
        help="What models are trained for: COLUMN, next COLUMN, forecast COLUMN, detection of COLUMN, survival.",
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="COLUMN", help="Column by which fairness is asked; two for their pairs."),
]
Gate = Annotated[
    str | None,
    typer.Option(
        "--gate", metavar="FILE", help="Thresholds in TOML, or a ready gate by name: `tsynth list gates`."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def roles_of(given: list[str] | None) -> dict[str, str]:
    """``COLUMN=ROLE`` as a mapping."""
    from tsynth.errors import UsageError

    found = {}
    for word in given or ():
        column, sign, role = word.rpartition("=")
        if not sign or not column:
            raise UsageError(
                f"--role {word!r} does not read as COLUMN=ROLE", fix="write for example --role fraud=label"
            )
        found[column] = role
    return found
