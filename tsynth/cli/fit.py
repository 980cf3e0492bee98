"""`tsynth fit`: learn from a table and save the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsynth.cli.options import (
    Delta,
    Drop,
    Entities,
    Entity,
    Epsilon,
    Generator,
    Minutes,
    NullEntity,
    Order,
    Role,
    Seed,
    Steps,
    Time,
    WithSchema,
    roles_of,
)

__all__ = ["fit"]


def fit(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Parquet or CSV, or a folder of them.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL.tsynth", help="Where the model goes.")],
    entity: Entity = None,
    time: Time = None,
    entities: Entities = None,
    generator: Generator = None,
    minutes: Minutes = None,
    steps: Steps = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    seed: Seed = 0,
    null_entity: NullEntity = "error",
    order: Order = "content",
    role: Role = None,
    drop_constraint: Drop = None,
    with_schema: WithSchema = None,
) -> None:
    """Learn from all rows of a table and save the model.

    Nothing is held out; `tsynth run` holds out rows that judge the result.
    """
    from tsynth.cli.terminal import progress, say, size
    from tsynth.errors import UsageError
    from tsynth.jobs.job import ConstraintsPart, GeneratorPart, PrivacyPart, SchemaPart, SourcePart
    from tsynth.jobs.stages import fit as learn
    from tsynth.jobs.stages import unnamed

    if minutes is not None and steps is not None:
        raise UsageError("--minutes and --steps contradict each other", fix="give one of them")
    if delta is not None and epsilon is None:
        raise UsageError("--delta says nothing without --epsilon", fix="give both")
    if entity is None and not time and with_schema is None:
        say(unnamed(files))
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
        made, _ = learn(
            source,
            SchemaPart(file=with_schema),
            ConstraintsPart(drop=drop_constraint or []),
            GeneratorPart(name=generator, minutes=minutes, steps=steps),
            out,
            privacy=None if epsilon is None else PrivacyPart.of(epsilon, delta),
            seed=seed,
            progress=shown,
        )
    say(f"{made.name}, learned from {size(made.n_rows_, made.n_entities_)}: {out}")
    say(f"Next: tsynth sample {out} -n {made.n_entities_} --out synthetic.parquet")
