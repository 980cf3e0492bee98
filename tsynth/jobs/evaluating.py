"""What `tsynth evaluate` does: files of any tool scored against real ones, one report a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.casts import Cast, cast_to_schema, casts_of
from tsynth.data.files import write_text
from tsynth.data.reading import read, read_table
from tsynth.data.schema import Schema
from tsynth.data.sequences import Sequences
from tsynth.data.text_values import TextOptions
from tsynth.errors import SchemaMismatch, UsageError
from tsynth.jobs import account, estimates, machine
from tsynth.jobs.asked import check_asked, scores_of
from tsynth.jobs.comparing import write_comparison
from tsynth.jobs.output import CARD, PAGE, REPORT, writable
from tsynth.jobs.progress import Progress, Silent, asked_scores
from tsynth.jobs.source import describe, read_source

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.jobs.gate import Gate
    from tsynth.jobs.job import SchemaPart, SourcePart
    from tsynth.reports.context import Context
    from tsynth.scores.report import Report

__all__ = ["Side", "Wanted", "evaluate", "name_sides"]

ENDINGS = {".parquet", ".pq", ".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst", ".xz", ".zip", ".lz4", ".br"}
"""Endings of a file's name that are no part of what it is called."""


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


@dataclass(frozen=True)
class Wanted:
    """What is asked, and where the answers go.

    Parameters
    ----------
    scores : "standard", "all" or list of str
    tasks, groups : sequence of str
        What the rows are for, and the columns by which fairness is asked.
    gate : Gate, optional
        Judged into each report's ``meta["gate"]``; the scores that it needs are asked too.
    out : Path, optional
        Folder of the pages.
    look : Path, optional
        Folder of the private look, with real rows in it; it must lie outside of what is handed out.
    """

    scores: str | Sequence[str] = "standard"
    tasks: Sequence[str] = ()
    groups: Sequence[str] = ()
    gate: Gate | None = None
    out: Path | None = None
    look: Path | None = None


def evaluate(
    train: Side,
    synthetic: Sequence[Side],
    holdout: Side | None,
    source: SourcePart,
    schema: SchemaPart,
    wanted: Wanted | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Report]:
    """Score files from any tool; holdout and synthetic rows are read under the schema of train.

    Returns
    -------
    dict of str to Report
        One a synthetic file, by its name without ending.

    Raises
    ------
    SchemaMismatch
        A file lacks columns that train has, or holds values of another nature.
    UsageError
        A score, a group or a folder that cannot be.
    """
    from tsynth.scores.harness import evaluate_each

    wanted, progress, watch = wanted or Wanted(), progress or Silent(), machine.Stopwatch()
    scores = scores_of(
        wanted.scores, wanted.tasks, wanted.groups, also=() if wanted.gate is None else wanted.gate.scores
    )
    _refuse_look(wanted, [train, *synthetic, *([] if holdout is None else [holdout])])
    for folder in (wanted.out, wanted.look):
        if folder is not None:
            writable(folder)
    sides = [side.rows for side in (train, *synthetic, holdout) if side is not None]
    progress.stage("reading", estimate=estimates.read(sides))
    learned = read_source(source.model_copy(update={"path": [train.rows], "entities": train.table}), schema)
    check_asked(wanted.tasks, wanted.groups, learned)
    held = None if holdout is None else _real(holdout, learned.schema, source)
    made = {name: _made(side, learned.schema, source) for name, side in name_sides(synthetic).items()}
    progress.done()
    for name, data in made.items():
        whose = f"{name}: " if len(made) > 1 else ""
        for cast in casts_of(data):
            progress.say(whose + cast.message)
    estimate = estimates.score((held or learned).n_rows, len(learned.schema)) * len(made)
    told = asked_scores(progress, estimate)
    reports = evaluate_each(learned, made, held, seed=seed, scores=scores, progress=told)
    progress.done()
    for (name, report), side in zip(reports.items(), synthetic, strict=True):
        if wanted.gate is not None:
            report.meta["gate"] = wanted.gate.judge(report)
        context = _context(learned, made[name], held, train.rows.name, side.rows.name, seed, watch)
        below = name if len(made) > 1 else ""
        if wanted.out is not None:
            _write_page(report, context, wanted.out / below)
        if wanted.look is not None:
            _write_look(wanted.look / below, report, context, learned, held, made[name])
    if wanted.out is not None and len(reports) > 1:
        files = {name: side.rows.name for name, side in zip(made, synthetic, strict=True)}
        about = _context(learned, next(iter(made.values())), held, train.rows.name, "", seed, watch)
        write_comparison(wanted.out, reports, files, about)
    return reports


def name_sides(sides: Sequence[Side]) -> dict[str, Side]:
    """A name for each file: without its ending, with its folder where two are called alike, else with a number."""
    stems = [_stem(side.rows) for side in sides]
    if len({stem.casefold() for stem in stems}) < len(stems):
        folders = [_stem(side.rows.absolute().parent) for side in sides]
        twins = [sum(other.casefold() == stem.casefold() for other in stems) > 1 for stem in stems]
        stems = [
            f"{folder}-{stem}" if twin and folder else stem
            for folder, stem, twin in zip(folders, stems, twins, strict=True)
        ]
    named: dict[str, Side] = {}
    stems = [f"{stem}-synthetic" if stem in ("train", "holdout") else stem for stem in stems]
    for stem, side in zip(stems, sides, strict=True):
        name, count = stem, 1
        while name.casefold() in {known.casefold() for known in named}:
            count += 1
            name = f"{stem}-{count}"
        named[name] = side
    return named


def _stem(path: Path) -> str:
    name = Path(path.absolute().name)
    while name.suffix.lower() in ENDINGS and name.stem:
        name = Path(name.stem)
    return str(name)


def _refuse_look(wanted: Wanted, sides: Sequence[Side]) -> None:
    """A private look holds real rows: nothing that is handed out may hold it."""
    if wanted.look is None:
        return
    look = wanted.look.absolute().resolve()
    outs = [wanted.out] if wanted.out is not None else []
    for folder in [*outs, *(side.rows for side in sides if side.rows.is_dir())]:
        if look.is_relative_to(folder.absolute().resolve()):
            raise UsageError(
                f"--private-look {wanted.look} lies inside {folder}: it holds real rows, which must not be handed out",
                fix="choose a folder elsewhere",
            )


# -- reading under the schema of train

_INDEX = "__index_level_"
"""Names under which pandas leaves its index in a Parquet file."""


def _real(side: Side, schema: Schema, source: SourcePart) -> Sequences:
    """The holdout: real rows, so that what does not fit is refused."""
    _need_entities(side, schema, "holdout")
    table, _, notes = read_table(side.rows, entity=schema.entity, time=tuple(source.time or ()))
    return _under(table, side.table, schema, source, side.rows.name, "holdout", notes)


def _made(side: Side, schema: Schema, source: SourcePart) -> Sequences:
    """Synthetic rows: cast where nothing is lost, and what cannot be read is counted."""
    _need_entities(side, schema, "synthetic")
    two = tuple(source.time) if source.time is not None and len(source.time) == 2 else ()
    # Texts of a file that has types are read here, where what cannot be read is counted; CSV has no types.
    typed = side.rows.is_dir() or side.rows.suffix.lower() in (".parquet", ".pq")
    text = tuple(name for name in schema.names if typed and name not in two)
    table, _, notes = read_table(side.rows, TextOptions(time=two, text=text), entity=schema.entity)
    notes = [note for note in notes if note.code not in ("kept_as_text", "text_converted")]
    casts: list[Cast] = []
    entities: Any = side.table
    keys = [schema.entity, *([] if two else [schema.time])]
    missing = [f"column {name!r} is missing" for name in keys if name and name not in table.column_names]
    try:
        if missing:
            raise SchemaMismatch(missing)
        table, schema, casts = cast_to_schema(table, schema)
        if schema.entity_columns and side.table is not None:
            entities, schema, more = _entities(side.table, schema, table)
            casts += more
    except SchemaMismatch as error:
        raise _named(error, side.rows.name, "synthetic") from error
    # A tool may repeat a time of a regular series: that is for the scores to see.
    data = _under(table, entities, schema.replace(frequency=None), source, side.rows.name, "synthetic", notes)
    data = replace(data, notes=tuple(note for note in data.notes if note.code != "cast"))
    return data.with_notes(*casts)


def _entities(path: Path, schema: Schema, rows: pa.Table) -> tuple[pa.Table, Schema, list[Cast]]:
    """The entity table of synthetic rows, its columns called and typed as train's are."""
    table, _, _ = read_table(path, entity=schema.entity)
    names: list[str] = []
    for name in table.column_names:
        # A column that the rows have too is called after train's file, "account_date".
        twins = [n for n in schema.entity_columns if n.endswith(f"_{name}") and n not in table.column_names]
        names.append(twins[0] if name in rows.column_names and name != schema.entity and twins else name)
    table = table.rename_columns(names)
    inner = schema.with_columns([c for c in schema if c.name in schema.entity_columns])
    missing = [f"the entity table lacks {n!r}" for n in inner.names if n not in names]
    if missing:
        raise SchemaMismatch(missing)
    table, inner, casts = cast_to_schema(table, inner)
    known = {c.name: c for c in inner}
    columns = [known.get(c.name, c) for c in schema]
    return (
        table.select([n for n in names if n == schema.entity or n in inner]),
        schema.with_columns(columns),
        casts,
    )


def _need_entities(side: Side, schema: Schema, who: str) -> None:
    if schema.entity_columns and side.table is None:
        raise UsageError(f"train has an entity table, {who} has none", fix=f"give it with --{who}-entities")


def _under(
    table: pa.Table,
    entities: Any,
    schema: Schema,
    source: SourcePart,
    name: str,
    who: str,
    notes: Sequence[Any],
) -> Sequences:
    """Rows read with the roles and meaning of train's columns.

    Columns that are never learned (ids, texts) may be missing or of another type.
    """
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
            entities=entities,
            schema=schema.with_columns(columns),
            time=time,
            null_entity=source.null_entity,
        )
    except SchemaMismatch as error:
        raise _named(error, name, who) from error
    return replace(data, notes=(*notes, *data.notes))


def _named(error: SchemaMismatch, name: str, who: str) -> SchemaMismatch:
    return SchemaMismatch(
        [f"{name}: {line}" for line in error.differences], fix=f"give {who} the columns of train"
    )


# -- writing


def _context(
    train: Sequences,
    made: Sequences,
    held: Sequences | None,
    train_name: str,
    made_name: str,
    seed: int,
    watch: machine.Stopwatch,
) -> Context:
    from tsynth.reports.context import Context

    splits: dict[str, Any] = {"train_entities": train.n_entities, "train_rows": train.n_rows}
    if held is not None:
        splits |= {"holdout_entities": held.n_entities, "holdout_rows": held.n_rows}
    generator: Mapping[str, Any] = {
        "name": "not known",
        "summary": f"The rows of {made_name} were made elsewhere.",
    }
    return Context(
        title=made_name,
        source=describe(train, [train_name]),
        generator=generator,
        run={
            "date": machine.date(),
            "machine": machine.machine(),
            "duration_s": watch.total,
            "seed": seed,
            "versions": machine.versions(),
        },
        schema=train.schema,
        notes=(*train.notes, *casts_of(made)),
        splits=splits,
        synthetic=made,
        unsuitable=account.UNSUITABLE,
    )


def _write_page(report: Report, context: Context, out: Path) -> None:
    from tsynth.reports.card import render_card
    from tsynth.reports.page import render_page

    writable(out)
    report.save(out / REPORT)
    write_text(out / CARD, render_card(report, context))
    write_text(out / PAGE, render_page(report, context))


def _write_look(
    folder: Path,
    report: Report,
    context: Context,
    train: Sequences,
    held: Sequences | None,
    made: Sequences,
) -> None:
    from tsynth.reports.private import write_private_look

    write_private_look(folder, report, context, train, held, made)
