"""The main job: read, split, find rules, fit, sample, score, write the account. `tsynth.run` is this `run`."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth import engine
from tsynth.data.files import write_atomic, write_text
from tsynth.data.sequences import Note, concat
from tsynth.errors import ArtifactError, UsageError
from tsynth.generators.artifacts import load, model_hash
from tsynth.generators.checkpoints import discard
from tsynth.generators.creation import create
from tsynth.generators.shares import Shares, told
from tsynth.jobs import account, estimates, parts
from tsynth.jobs.asked import check_asked, scores_of
from tsynth.jobs.choosing import Choice, choose
from tsynth.jobs.gate import Gate
from tsynth.jobs.job import Job
from tsynth.jobs.machine import Stopwatch, versions
from tsynth.jobs.output import CARD, PAGE, REPORT, Output, file_sum, key_of
from tsynth.jobs.progress import Progress, Silent, asked_scores
from tsynth.jobs.release import Release, content_hash, file_entry
from tsynth.jobs.source import choose_constraints, describe, read_source

if TYPE_CHECKING:
    from tsynth.data.constraints import Constraint
    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator
    from tsynth.scores.base import Score
    from tsynth.scores.report import Report

__all__ = ["run"]

log = logging.getLogger("tsynth")

SCORED_ENTITIES, SCORED_ROWS = 20_000, 1_000_000
"""Synthetic entities and rows that are kept in memory for the scores, which look at fewer."""


def run(job: str | Path | Mapping[str, Any] | Job, *, progress: Progress | None = None) -> Release:
    """From a real table to a documented synthetic release.

    The generator learns from the training part only, so that the held-out rows judge honestly. Rows are written in
    parts; a run that was interrupted is resumed by running the same job again, and gives the same rows.

    Parameters
    ----------
    job : path, mapping or Job
        A job file, or its content.
    progress : Progress, optional
        Is told what happens; see `tsynth.jobs.progress`.

    Returns
    -------
    Release
        Its `path`, `manifest`, `report` and `findings`.

    Raises
    ------
    UsageError
        The job asks for what does not exist, or a finished release stands where it should go.
    DataError
        The rows cannot be read or used as they are.
    ResourceError
        Disk, memory, a worker or another writer is in the way; finished parts are kept.
    GateFailed
        The release does not keep the thresholds that the job sets; it is written and says so.

    Examples
    --------
    >>> import tsynth
    >>> release = tsynth.run("job.toml")  # doctest: +SKIP
    >>> release.report["transitions"].verdict  # doctest: +SKIP
    """
    if not isinstance(job, Job):
        job = Job.load(job) if isinstance(job, str | Path) else Job.read(job)
    check(job)
    with Output.open(job.release.out, force=job.release.force) as output:
        release = _Run(job, output, progress or Silent()).release()
    if job.score.gate is not None:
        advice = f"the release is written, and its report says so: {release.page}"
        Gate.load(job.score.gate).demand({"": release.report}, where=advice)
    return release


def check(job: Job) -> None:
    """Refuse, before anything is read, what does not exist.

    Raises
    ------
    UsageError
        An unknown generator, parameter, score, task or gate.
    """
    if job.generator.named is not None:
        create(job.generator.named, **job.generator.parameters)
    elif job.generator.parameters:
        raise UsageError(
            "the job gives parameters without a generator", fix="name one, [generator] name = ..."
        )
    _asked(job)


def _asked(job: Job) -> tuple[list[Score], Gate | None]:
    """The scores that the job asks, and the gate that they are held against."""
    wanted = job.score
    gate = None if wanted.gate is None else Gate.load(wanted.gate)
    return scores_of(wanted.scores, wanted.tasks, wanted.groups, () if gate is None else gate.scores), gate


class _Run:
    """One run of a job; its stages in order."""

    def __init__(self, job: Job, output: Output, progress: Progress) -> None:
        self.job, self.output, self.progress = job, output, progress
        self.watch = Stopwatch()
        self.sample_seed = job.seed if job.sample.seed is None else job.sample.seed

    def release(self) -> Release:
        data = self.read()
        train, holdout = self.split(data)
        train = self.shares(train)
        rules = self.rules(train)
        train = train.with_schema(train.schema.replace(constraints=tuple(rule.to_dict() for rule in rules)))
        n = self.count(data)  # what is asked for wrongly is told before minutes of learning
        generator, choice = self.fit(train)
        files, rows, synthetic = self.sample(generator, n)
        report = self.score(train, synthetic, holdout)
        names = [path.name for path in self.job.source.path]
        made = rows, sum(entry["entities"] for name, entry in files.items() if name.startswith("data/"))
        facts = account.Facts(
            self.job,
            describe(data, names),
            train,
            holdout,
            generator,
            choice,
            rules,
            synthetic,
            self.watch,
            made,
        )
        return self.write(facts, report, files, rows)

    # -- the stages

    def read(self) -> Sequences:
        self.progress.stage("reading", estimate=estimates.read(self.job.source.path))
        with self.watch.stage("read"):
            data = read_source(self.job.source, self.job.schema_)
        self.progress.done()
        whose = "entity" if data.n_entities == 1 else "entities"
        rows = "1 row" if data.n_rows == 1 else f"{data.n_rows:,} rows"
        self.progress.say(f"{rows} of {data.n_entities:,} {whose}, {len(data.schema)} columns")
        for note in data.notes:
            self.progress.say(note.message)
        check_asked(self.job.score.tasks, self.job.score.groups, data)
        return data

    def split(self, data: Sequences) -> tuple[Sequences, Sequences]:
        wanted = self.job.split
        train, holdout = data.split(holdout=wanted.holdout, by=wanted.by, seed=self.job.seed)
        if train.n_entities + holdout.n_entities > data.n_entities:
            said = (
                "there are too few entities to hold out whole ones, so spans of time were held out of each: "
                f"the generator learned from {train.n_rows:,} of {data.n_rows:,} rows and makes sequences as long "
                "as those"
            )
            train = train.with_notes(Note("held_out_in_time", said))
            self.progress.say(said)
        return train, holdout

    def shares(self, train: Sequences) -> Sequences:
        """Refuse target shares of what does not exist before anything is learned, and note those that are asked for."""
        wanted = self.job.sample.shares
        if wanted is None:
            return train
        Shares.read(wanted, train.schema)
        said = (
            "groups were made as frequent as asked for, not as in the source; scores that compare them count that as "
            "a gap: " + told(wanted)
        )
        self.progress.say(said)
        return train.with_notes(Note("target_shares", said))

    def rules(self, train: Sequences) -> list[Constraint]:
        estimate = estimates.constraints(train.n_rows, len(train.schema))
        self.progress.stage("looking for rules", estimate=estimate)
        with self.watch.stage("constraints"):
            rules = choose_constraints(train, self.job.constraints, self.job.seed)
        self.progress.done()
        for rule in rules:
            share = "" if np.isnan(rule.share) else f" ({100 * rule.share:.4g} % of rows)"
            self.progress.say(f"rule: {rule.sentence()}{share}")
        return rules

    def fit(self, train: Sequences) -> tuple[Generator, Choice]:
        choice = choose(self.job.generator, train, self.job.privacy)
        generator = choice.generator
        key = key_of(
            {
                "rows": train.content_hash(),
                "schema": train.schema.to_dict(),
                "generator": [generator.name, generator.plain_params()],
                "budget": [choice.minutes, choice.steps],
                "seed": self.job.seed,
                "versions": versions(),
            }
        )
        choice.said(self.progress)
        if self.output.begin(key) and (model := self._kept_model()) is not None:
            self.progress.say("the model of the unfinished run is used")
            return self._saved(model), choice
        if self.output.checkpoint.is_dir():
            self.progress.say("learning goes on where the unfinished run stopped")
        columns = len(train.schema)
        self.progress.stage("fitting", estimate=estimates.fit(train.n_rows, columns, choice.spends))
        with self.watch.stage("fit"):
            generator.fit(
                train,
                seed=self.job.seed,
                minutes=choice.minutes,
                steps=choice.steps,
                progress=self.progress,
                checkpoint=self.output.checkpoint,
            )
        generator.save(self.output.model)
        discard(self.output.checkpoint)
        self.progress.done()
        return self._saved(generator), choice

    def _kept_model(self) -> Generator | None:
        try:
            return load(self.output.model)
        except ArtifactError:
            return None

    def _saved(self, generator: Generator) -> Generator:
        if self.job.release.model is not None:
            write_atomic(self.job.release.model, lambda part: _copy(self.output.model, part))
        return generator

    def count(self, data: Sequences) -> int:
        """Entities to make: as the job says, as the conditions give, or as many as the source has."""
        conditions = self.job.sample.conditions
        if conditions is None:
            return self.job.sample.n or data.n_entities
        table = parts.read_conditions(str(conditions))
        if data.schema.time in table.column_names:
            raise UsageError(
                "a job takes conditions on static columns only, not on rows in time",
                column=data.schema.time,
                fix="leave the time column out, or give the rows to tsynth sample --conditions",
            )
        given = table.num_rows
        if self.job.sample.n not in (None, given):
            raise UsageError(
                f"n is {self.job.sample.n}, but the conditions hold {given} entities", fix="leave n out"
            )
        return given

    def sample(self, generator: Generator, n: int) -> tuple[dict[str, Any], int, Sequences]:
        mean = generator.n_rows_ / max(1, generator.n_entities_)
        planned = parts.plan(n, mean, self.job.sample.parts)
        conditions = self.job.sample.conditions
        model_sum = model_hash(generator)
        base: dict[str, Any] = {
            "model": model_sum,
            "seed": self.sample_seed,
            "conditions": None if conditions is None else file_sum(conditions),
        }
        shares = self.job.sample.shares
        if shares is not None:
            generator.target_shares(shares)
            base |= {"shares": shares, "n": n}
        keys = [key_of({**base, "first": part.first, "count": part.count}) for part in planned]
        records: dict[int, dict[str, Any]] = {}
        kept: dict[int, Sequences] = {}
        estimate = estimates.sample(n * mean) / min(self.job.sample.workers, len(planned))
        self.progress.stage("sampling", n, estimate)
        keep = min(SCORED_ENTITIES, max(2, int(SCORED_ROWS / max(mean, 1))))
        given = parts.Given(n, None if conditions is None else str(conditions), shares)
        todo, tasks = [], []
        with self.watch.stage("sample"):
            for part, key in zip(planned, keys, strict=True):
                share = max(0, min(keep - part.first, part.count))
                found = self.output.record(part.name, key)
                if found is not None:
                    records[part.number] = found
                    if share:
                        first = replace(part, count=share)
                        kept[part.number] = parts.make(
                            str(self.output.model), model_sum, first, self.sample_seed, given
                        )
                    self.progress.advance(part.count)
                    continue
                todo.append(part)
                place = (str(self.output.model), model_sum, str(self.output.folder))
                name = f"part {part.number + 1} of {len(planned)}"
                tasks.append(engine.Task(name, (*place, part, self.sample_seed, given, key, share)))
            if records:
                self.progress.say(f"{len(records)} of {len(planned)} parts of the unfinished run are used")
            for number, (record, rows) in engine.run(parts.write, tasks, self.job.sample.workers):
                part = todo[number]
                records[part.number] = record
                if rows is not None:
                    kept[part.number] = rows
                self.progress.advance(part.count)
        self.progress.done()
        files = {name: entry for record in records.values() for name, entry in record["files"].items()}
        rows_made = sum(record["rows"] for record in records.values())
        return files, rows_made, concat([kept[number] for number in sorted(kept)])

    def score(self, train: Sequences, synthetic: Sequences, holdout: Sequences) -> Report:
        from tsynth.scores.harness import evaluate

        estimate = estimates.score(holdout.n_rows, len(train.schema))
        scores, gate = _asked(self.job)
        with self.watch.stage("score"):
            report = evaluate(
                train,
                synthetic,
                holdout,
                seed=self.job.seed,
                scores=scores,
                progress=asked_scores(self.progress, estimate),
            )
        self.progress.done()
        if gate is not None:
            report.meta["gate"] = gate.judge(report)
        return report

    def write(self, facts: account.Facts, report: Report, files: dict[str, Any], rows: int) -> Release:
        from tsynth.reports.card import render_card
        from tsynth.reports.page import render_page

        self.progress.stage("writing the report")
        folder = self.output.folder
        with self.watch.stage("report"):
            page = account.context(facts)
            write_text(folder / PAGE, render_page(report, page))
            write_text(folder / CARD, render_card(report, page))
            content = {
                "report": report.to_dict(),
                "constraints": list(page.constraints),
                "source": dict(page.source),
            }
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            write_text(folder / REPORT, text + "\n")
            files |= {name: file_entry(folder / name) for name in (PAGE, CARD, REPORT)}
            total = content_hash(folder, files)
        manifest = account.manifest(facts, report, page, files, total, rows)
        self.output.finish(manifest)
        self.progress.done()
        return Release(folder, manifest)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
