"""The stages of the main job apart: what `tsynth inspect`, `fit`, `sample` and `evaluate` do."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.files import write_csv, write_parquet, write_text
from tsynth.data.guess import guess_entity_time
from tsynth.data.reading import read, read_table
from tsynth.data.schema import Schema
from tsynth.data.sequences import Sequences, concat
from tsynth.errors import SchemaMismatch, UsageError
from tsynth.generators.artifacts import load
from tsynth.jobs import account, estimates, machine, parts
from tsynth.jobs.job import ConstraintsPart, GeneratorPart, Job, SchemaPart, SourcePart
from tsynth.jobs.output import CARD, PAGE, REPORT, writable
from tsynth.jobs.progress import Progress, Silent, asked_scores
from tsynth.jobs.run import choose_generator
from tsynth.jobs.source import choose_constraints, describe, read_source

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.data.constraints import Constraint
    from tsynth.generators.base import Generator
    from tsynth.scores.report import Report

__all__ = ["Inspected", "Side", "evaluate", "fit", "inspect", "named", "sample", "unnamed", "write_rows"]


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
    job = Job.read({"source": {"path": source.path}, "release": {"out": out}})
    generator, reason = choose_generator(job.model_copy(update={"generator": wanted}), data)
    progress.say(f"generator: {generator.name}, because {reason}")
    progress.stage("fitting", estimate=estimates.fit(data.n_rows, len(data.schema), wanted.minutes))
    generator.fit(data, seed=seed, minutes=wanted.minutes, steps=wanted.steps, progress=progress)
    progress.done()
    generator.save(out)
    return generator, reason


def sample(
    model: Path,
    n: int | None,
    *,
    seed: int = 0,
    conditions: Path | None = None,
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
        made.append(generator.sample(n, seed=seed, conditions=given))
        progress.advance(total)
    else:
        for part in generator.stream(total, seed=seed, part=step):
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


@dataclass(frozen=True)
class Side:
    """Rows of one side of a comparison, and its entity table where there is one."""

    rows: Path
    entities: Path | None = None

    @property
    def table(self) -> Path | None:
        """The entity table; that of a release where the rows are one."""
        inside = self.rows / "entities"
        return inside if self.entities is None and inside.is_dir() else self.entities


def evaluate(
    train: Side,
    synthetic: Side,
    holdout: Side | None,
    source: SourcePart,
    schema: SchemaPart,
    *,
    seed: int = 0,
    scores: str | Sequence[str] = "standard",
    out: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Score files from any tool; holdout and synthetic rows are read under the schema of train."""
    from tsynth.scores.harness import evaluate as ask

    progress = progress or Silent()
    watch = machine.Stopwatch()
    if out is not None:
        writable(out)
    sides = [side for side in (train, synthetic, holdout) if side is not None]
    progress.stage("reading", estimate=estimates.read([side.rows for side in sides]))
    learned = read_source(source.model_copy(update={"path": [train.rows], "entities": train.table}), schema)
    made = _under(synthetic, learned.schema, source, "synthetic")
    held = None if holdout is None else _under(holdout, learned.schema, source, "holdout")
    progress.done()
    report = ask(
        learned,
        made,
        held,
        seed=seed,
        scores=scores,
        progress=asked_scores(progress, estimates.score((held or learned).n_rows, len(learned.schema))),
    )
    progress.done()
    if out is not None:
        _write_page(report, learned, made, held, train.rows.name, synthetic.rows.name, seed, out, watch)
    return report


_INDEX = "__index_level_"
"""Names under which pandas leaves its index in a Parquet file."""


def _under(side: Side, schema: Schema, source: SourcePart, who: str) -> Sequences:
    """Rows read with the roles and meaning of train's columns.

    Columns that are never learned (ids, texts) may be missing or of another type.
    """
    if schema.entity_columns and side.table is None:
        raise UsageError(f"train has an entity table, {who} has none", fix=f"give it with --{who}-entities")
    table, _, notes = read_table(side.rows, entity=schema.entity, time=tuple(source.time or ()))
    table = table.select([n for n in table.column_names if n in schema or not n.startswith(_INDEX)])
    columns = []
    for column in schema:
        if column.name in table.column_names and not column.learned:
            column = replace(column, dtype=str(table.schema.field(column.name).type))
        if column.name in table.column_names or column.name in schema.entity_columns or column.learned:
            columns.append(column)
    time: Any = source.time if source.time is not None and len(source.time) == 2 else None
    try:
        data = read(
            table,
            entities=side.table,
            schema=schema.with_columns(columns),
            time=time,
            null_entity=source.null_entity,
        )
    except SchemaMismatch as error:
        lines = [f"{side.rows.name}: {line}" for line in error.differences]
        raise SchemaMismatch(lines, fix=f"give {who} the columns of train") from error
    return replace(data, notes=(*notes, *data.notes))


def _write_page(
    report: Report,
    train: Sequences,
    made: Sequences,
    held: Sequences | None,
    train_name: str,
    made_name: str,
    seed: int,
    out: Path,
    watch: machine.Stopwatch,
) -> None:
    from tsynth.reports.card import render_card
    from tsynth.reports.context import Context
    from tsynth.reports.page import render_page

    splits = {"train_entities": train.n_entities, "train_rows": train.n_rows}
    if held is not None:
        splits |= {"holdout_entities": held.n_entities, "holdout_rows": held.n_rows}
    context = Context(
        title=made_name,
        source=describe(train, [train_name]),
        generator={"name": "not known", "summary": f"The rows of {made_name} were made elsewhere."},
        run={
            "date": machine.date(),
            "machine": machine.machine(),
            "duration_s": watch.total,
            "seed": seed,
            "versions": machine.versions(),
        },
        schema=train.schema,
        notes=train.notes,
        splits=splits,
        synthetic=made,
        unsuitable=account.UNSUITABLE,
    )
    report.save(out / REPORT)
    write_text(out / CARD, render_card(report, context))
    write_text(out / PAGE, render_page(report, context))
