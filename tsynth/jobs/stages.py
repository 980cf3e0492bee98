"""The stages of the main job apart: what `tsynth inspect`, `fit` and `sample` do; `evaluate` is in `evaluating`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.files import write_csv, write_parquet
from tsynth.data.guess import guess_entity_time
from tsynth.data.reading import read_table
from tsynth.data.schema import Schema
from tsynth.data.sequences import Sequences, concat
from tsynth.errors import UsageError
from tsynth.generators.artifacts import load
from tsynth.generators.checkpoints import discard
from tsynth.generators.recommend import Recommendation, recommend
from tsynth.jobs import estimates, parts
from tsynth.jobs.choosing import choose
from tsynth.jobs.job import ConstraintsPart, GeneratorPart, PrivacyPart, SchemaPart, SourcePart
from tsynth.jobs.output import writable
from tsynth.jobs.progress import Progress, Silent
from tsynth.jobs.source import choose_constraints, read_source

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.data.constraints import Constraint
    from tsynth.generators.base import Generator

__all__ = ["Inspected", "fit", "inspect", "named", "sample", "unnamed", "write_rows"]


@dataclass(frozen=True)
class Inspected:
    """What a table is taken for.

    Parameters
    ----------
    data : Sequences
    reasons : list of str
        Why these columns were taken for entity and time; empty where the user named them.
    constraints : list of Constraint
    """

    data: Sequences
    reasons: list[str]
    constraints: list[Constraint]

    @property
    def schema(self) -> Schema:
        """The schema with its constraints."""
        return self.data.schema.replace(constraints=tuple(rule.to_dict() for rule in self.constraints))

    @property
    def recommended(self) -> list[Recommendation]:
        """Generators that fit, the best first."""
        return recommend(self.data)


def inspect(
    source: SourcePart,
    schema: SchemaPart,
    *,
    constraints: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Inspected:
    """Read a table, guess entity and time where neither is named, and look for rules."""
    progress = progress or Silent()
    progress.stage("reading", estimate=estimates.read(source.path))
    reasons: list[str] = []
    if source.entity is None and source.time is None and schema.file is None:
        data, reasons = _guessed(source, schema)
    else:
        data = read_source(source, schema)
    progress.done()
    rules: list[Constraint] = []
    if constraints:
        progress.stage("looking for rules", estimate=estimates.constraints(data.n_rows, len(data.schema)))
        rules = choose_constraints(data, ConstraintsPart(), seed)
        progress.done()
    return Inspected(data, reasons, rules)


def unnamed(files: Sequence[Path]) -> str:
    """What to say where neither entity nor time is named: that all rows are one sequence.

    Raises
    ------
    UsageError
        The table looks as if it had an entity or a time: which one, the user must say.
    """
    paths: Any = files[0] if len(files) == 1 else list(files)
    table, _, _ = read_table(paths)
    entity, time, _ = guess_entity_time(table)
    flags = named(entity, [] if time is None else [time])
    if flags:
        file = shlex.quote(str(files[0]))
        raise UsageError(
            "nothing says whose rows these are, and when",
            fix=f"it looks like {flags}; give that or what is right (`tsynth inspect {file}` says why)",
        )
    return "no column is named as whose rows these are, or when: all rows are one sequence, in their order"


def named(entity: str | None, time: Sequence[str]) -> str:
    """The flags that name entity and time, as a shell takes them."""
    flags = [("--entity", entity)] if entity is not None else []
    return " ".join(f"{flag} {shlex.quote(name)}" for flag, name in [*flags, *(("--time", n) for n in time)])


def _guessed(source: SourcePart, schema: SchemaPart) -> tuple[Sequences, list[str]]:
    paths: Any = source.path[0] if len(source.path) == 1 else list(source.path)
    table, _, _ = read_table(paths)
    entity, time, reasons = guess_entity_time(table)
    known = source.model_copy(update={"entity": entity, "time": None if time is None else [time]})
    return read_source(known, schema), list(reasons)


def fit(
    source: SourcePart,
    schema: SchemaPart,
    constraints: ConstraintsPart,
    wanted: GeneratorPart,
    out: Path,
    *,
    privacy: PrivacyPart | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Generator, str]:
    """Learn from all rows of a table and save the model; returns it, and why this generator."""
    progress = progress or Silent()
    writable(out.parent)
    progress.stage("reading", estimate=estimates.read(source.path))
    data = read_source(source, schema)
    progress.done()
    progress.stage("looking for rules", estimate=estimates.constraints(data.n_rows, len(data.schema)))
    rules = choose_constraints(data, constraints, seed)
    progress.done()
    for rule in rules:
        progress.say(f"rule: {rule.sentence()}")
    data = data.with_schema(data.schema.replace(constraints=tuple(rule.to_dict() for rule in rules)))
    choice = choose(wanted, data, privacy)
    choice.said(progress)
    generator = choice.generator
    progress.stage("fitting", estimate=estimates.fit(data.n_rows, len(data.schema), choice.spends))
    unfinished = out.with_name(f"{out.name}.unfinished")
    if unfinished.is_dir():
        progress.say(
            f"{unfinished.name} is of an interrupted fit, which goes on if it had these rows and settings"
        )
    generator.fit(
        data,
        seed=seed,
        minutes=choice.minutes,
        steps=choice.steps,
        progress=progress,
        checkpoint=unfinished,
    )
    progress.done()
    generator.save(out)
    discard(unfinished)
    return generator, choice.reason


def sample(
    model: Path,
    n: int | None,
    *,
    seed: int = 0,
    conditions: Path | None = None,
    shares: Mapping[str, Mapping[str, float]] | None = None,
    progress: Progress | None = None,
) -> Sequences:
    """Draw entities from a saved model."""
    progress = progress or Silent()
    generator = load(model)
    given = None if conditions is None else parts.read_conditions(str(conditions))
    total = n or (generator.n_entities_ if given is None else given.num_rows)
    mean = generator.n_rows_ / max(1, generator.n_entities_)
    progress.stage("sampling", total, estimates.sample(total * mean))
    made = []
    step = max(1, min(20_000, round(200_000 / max(mean, 1))))
    if given is not None:
        made.append(generator.sample(n, seed=seed, conditions=given, shares=shares))
        progress.advance(total)
    else:
        for part in generator.stream(total, seed=seed, part=step, shares=shares):
            made.append(part)
            progress.advance(part.n_entities)
    progress.done()
    return concat(made)


def write_rows(data: Sequences, out: Path) -> list[Path]:
    """Write rows as Parquet or CSV by the name's ending, and beside them the entity table where there is one."""
    name = out.name.lower()
    written = [out]
    rows = parts.as_written(data, data.table())
    entities = data.entity_table()
    _write(rows, out, csv=not name.endswith((".parquet", ".pq")))
    if entities is not None:
        stem, dot, ending = out.name.partition(".")
        beside = out.with_name(f"{stem}.entities{dot}{ending}")
        _write(parts.as_written(data, entities), beside, csv=not name.endswith((".parquet", ".pq")))
        written.append(beside)
    return written


def _write(table: pa.Table, path: Path, *, csv: bool) -> None:
    if csv:
        write_csv(table, path)
    else:
        write_parquet(table, path, parts.SYNTHETIC)
