"""What `tsynth evaluate` does: files of any tool scored against real ones, one report a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth.data.casts import casts_of
from tsynth.data.files import write_text
from tsynth.data.sequences import Note, Sequences
from tsynth.errors import UsageError
from tsynth.jobs import account, estimates, machine
from tsynth.jobs.asked import check_asked, scores_of
from tsynth.jobs.comparing import write_comparison
from tsynth.jobs.output import CARD, PAGE, REPORT, writable
from tsynth.jobs.progress import Progress, Silent, asked_scores
from tsynth.jobs.sampling import MOST_ROWS, sampled
from tsynth.jobs.sides import Side, name_sides, read_made, read_real
from tsynth.jobs.source import describe, read_source

if TYPE_CHECKING:
    from tsynth.jobs.gate import Gate
    from tsynth.jobs.job import SchemaPart, SourcePart
    from tsynth.reports.context import Context
    from tsynth.scores.report import Report

__all__ = ["Wanted", "evaluate"]


MOST_COMPARED = 8
"""Synthetic files beside each other."""


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
    most_rows : int
        Rows of a Parquet file above which a sample of its entities is read.
    """

    scores: str | Sequence[str] = "standard"
    tasks: Sequence[str] = ()
    groups: Sequence[str] = ()
    gate: Gate | None = None
    out: Path | None = None
    look: Path | None = None
    most_rows: int = MOST_ROWS


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
    if len(synthetic) > MOST_COMPARED:
        raise UsageError(
            f"{len(synthetic)} synthetic files are more than can be compared on a page",
            fix=f"give at most {MOST_COMPARED} at a time",
        )
    _refuse_look(wanted, [train, *synthetic, *([] if holdout is None else [holdout])])
    for folder in (wanted.out, wanted.look):
        if folder is not None:
            writable(folder)
    sides = [side.rows for side in (train, *synthetic, holdout) if side is not None]
    progress.stage("reading", estimate=estimates.read(sides))
    named = name_sides(synthetic)
    real = {"train": train} if holdout is None else {"train": train, "holdout": holdout}
    every = {**real, **named}
    with sampled(list(every.values()), list(every), source.entity, wanted.most_rows, seed) as (
        drawn,
        samples,
    ):
        given = dict(zip(every, drawn, strict=True))
        first = given["train"]
        learned = read_source(
            source.model_copy(update={"path": [first.rows], "entities": first.table}), schema
        )
        check_asked(wanted.tasks, wanted.groups, learned)
        held = None if holdout is None else read_real(given["holdout"], learned.schema, source)
        made = {name: read_made(given[name], learned.schema, source) for name in named}
    progress.done()
    for sample in samples:
        progress.say(sample.message)
    learned = learned.with_notes(*(Note("sampled", sample.message) for sample in samples))
    for name, data in made.items():
        whose = f"{name}: " if len(made) > 1 else ""
        for cast in casts_of(data):
            progress.say(whose + cast.message)
    estimate = estimates.score((held or learned).n_rows, len(learned.schema)) * len(made)
    told = asked_scores(progress, estimate)
    reports = evaluate_each(learned, made, held, seed=seed, scores=scores, progress=told)
    progress.done()
    for (name, report), side in zip(reports.items(), synthetic, strict=True):
        if samples:
            report.meta["sampled"] = [asdict(s) for s in samples if s.who in (*real, name)]
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
