"""What a release says of itself: the context of page and card, and the manifest."""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tsynth.generators.artifacts import model_hash
from tsynth.jobs import machine
from tsynth.jobs.release import FORMAT, KIND
from tsynth.reports.context import Context

if TYPE_CHECKING:
    from tsynth.data.constraints import Constraint
    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator
    from tsynth.jobs.choosing import Choice
    from tsynth.jobs.job import Job
    from tsynth.scores.report import Report

__all__ = ["Facts", "command", "constraint_rows", "context", "manifest"]

NOTE = (
    "All rows are synthetic: drawn by a generator that learned from the source. Some may equal real ones, by chance or"
    " because the generator copies blocks; the report counts them."
)
UNSUITABLE = (
    "Decisions about a single person, account or device: no synthetic entity stands for a real one.",
    "Proof that something rare does or does not happen: what the source holds seldom, a model knows badly.",
)

TOLD = (
    "what report, card and manifest tell beside the rows (sizes, span, notes, shares of rules, scores, pictures): it"
    " compares with real rows, without noise"
)

_FLAGS = {
    "source": {"path", "entity", "time", "entities", "null_entity", "order", "roles"},
    "schema": {"file"},
    "generator": {"name", "minutes", "steps"},
    "sample": {"n", "parts", "workers", "conditions"},
    "constraints": {"drop"},
    "privacy": {"epsilon", "delta"},
    "release": {"out", "title", "model"},
}
"""What of a job file flags can say."""


@dataclass(frozen=True)
class Facts:
    """What a run knows when it has scored.

    Parameters
    ----------
    job : Job
    source : mapping
        Sizes and span, free of private parts of a path.
    train, holdout : Sequences
    generator : Generator
    choice : Choice
        Why this generator, and how long it was allowed to learn.
    constraints : sequence of Constraint
    synthetic : Sequences
        The synthetic rows that were scored.
    watch : Stopwatch
    made : (int, int), optional
        Rows and entities of the release, where they are more than were scored.
    """

    job: Job
    source: Mapping[str, Any]
    train: Sequences
    holdout: Sequences
    generator: Generator
    choice: Choice
    constraints: list[Constraint]
    synthetic: Sequences
    watch: machine.Stopwatch
    made: tuple[int, int] | None = None

    @property
    def by(self) -> str:
        """Whether whole entities or blocks of time were held out."""
        if self.job.split.by != "auto":
            return self.job.split.by
        return (
            "entity"
            if self.train.n_entities + self.holdout.n_entities <= int(self.source["entities"])
            else "time"
        )


def _steps(generator: Generator) -> int | None:
    """Steps that a generator learned by, where it learns by steps."""
    steps = getattr(generator, "steps_", None)
    return None if steps is None else int(steps)


def command(job: Job, generator: Generator | None = None) -> str:
    """The command that makes the release again, in as far as flags can say it.

    A time to learn makes other weights on another machine, so where `generator` learned by steps their number is said.
    """
    shown = job.shown()
    steps = None if generator is None else _steps(generator)
    if generator is not None and steps is not None and set(shown.get("generator", {})) <= _FLAGS["generator"]:
        shown["generator"] = {"name": generator.name, "steps": steps}
    source, sample = shown["source"], shown.get("sample", {})
    if any(not set(said) <= _FLAGS.get(table, set()) for table, said in shown.items() if table != "seed"):
        return "tsynth run job.toml"
    words = ["tsynth", "run", *source["path"]]
    flags = [("entity", source.get("entity"))]
    flags += [("time", name) for name in source.get("time") or ()]
    flags += [("entities", source.get("entities")), ("null-entity", source.get("null_entity"))]
    flags += [("order", source.get("order"))]
    flags += [("role", f"{column}={role}") for column, role in source.get("roles", {}).items()]
    flags += [("with-schema", shown.get("schema", {}).get("file"))]
    flags += [(key, shown.get("generator", {}).get(key)) for key in ("minutes", "steps")]
    flags += [
        ("generator", shown.get("generator", {}).get("name")),
        ("seed", job.seed),
        ("n", sample.get("n")),
        *((key, sample.get(key)) for key in ("parts", "workers", "conditions")),
    ]
    flags += [(key, shown.get("privacy", {}).get(key)) for key in ("epsilon", "delta")]
    flags += [("drop-constraint", word) for word in shown.get("constraints", {}).get("drop", ())]
    flags += [("out", shown["release"]["out"])]
    for name, value in flags:
        if value is not None:
            words += [f"-{name}" if len(name) == 1 else f"--{name}", str(value)]
    return shlex.join(words)


def _privacy(generator: Generator) -> dict[str, Any]:
    """The account of differential privacy, with what the release itself tells; empty where there is none."""
    account: dict[str, Any] | None = getattr(generator, "privacy_", None)
    return {} if account is None else {**account, "leaks": [*account["leaks"], TOLD]}


def constraint_rows(rules: Iterable[Constraint], synthetic: Sequences | None = None) -> list[dict[str, Any]]:
    """Each rule with the share of rows that keep it, in real rows and in synthetic ones."""
    return [
        {
            "name": rule.name,
            "sentence": rule.sentence(),
            "columns": list(rule.columns),
            "real": _number(rule.share),
            "interval": None if math.isnan(rule.interval[0]) else [float(x) for x in rule.interval],
            "synthetic": None if synthetic is None else _number(rule.holds(synthetic)),
        }
        for rule in rules
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def context(facts: Facts) -> Context:
    """What page and card need beside the scores."""
    job, generator = facts.job, facts.generator
    diagnosis = generator.diagnose()
    return Context(
        title=job.release.title or str(facts.source["name"]),
        source=facts.source,
        generator={
            "name": generator.name,
            "parameters": generator.plain_params(),
            "cannot_keep": list(generator.cannot_keep),
            "summary": (inspect.getdoc(type(generator)) or "").partition("\n")[0],
            "fit_seconds": facts.watch.seconds.get("fit"),
            "reason": facts.choice.sentences,
            **({"curve": diagnosis["curve"]} if "curve" in diagnosis else {}),
        },
        run={
            "date": machine.date(),
            "machine": machine.machine(),
            "duration_s": facts.watch.total,
            "seed": job.seed,
            "versions": machine.versions(),
            "command": command(job, generator),
        },
        schema=generator.schema_,
        constraints=constraint_rows(facts.constraints, facts.synthetic),
        notes=facts.train.notes,
        splits={
            "train_entities": facts.train.n_entities,
            "holdout_entities": facts.holdout.n_entities,
            "train_rows": facts.train.n_rows,
            "holdout_rows": facts.holdout.n_rows,
            "by": facts.by,
        },
        synthetic=facts.synthetic,
        made=facts.made,
        unsuitable=UNSUITABLE,
        privacy=_privacy(generator),
        job=job.shown(),
    )


def manifest(
    facts: Facts, report: Report, page: Context, files: Mapping[str, Any], content_hash: str, rows: int
) -> dict[str, Any]:
    """What `manifest.json` says; only `run` changes when the same job is run again elsewhere."""
    generator = facts.generator
    return {
        "format": FORMAT,
        "kind": KIND,
        "synthetic": True,
        "note": NOTE,
        "title": page.title,
        "content_hash": content_hash,
        "rows": rows,
        "entities": sum(entry["entities"] for name, entry in files.items() if name.startswith("data/")),
        "source": dict(page.source),
        "split": dict(page.splits),
        "generator": {
            "name": generator.name,
            "parameters": generator.plain_params(),
            "model_hash": model_hash(generator),
            "minutes": facts.choice.minutes,
            "steps": _steps(generator),
            "reason": facts.choice.reason,
            "advice": facts.choice.advice,
            "cannot_keep": list(generator.cannot_keep),
        },
        **({"privacy": page.privacy} if page.privacy else {}),
        "constraints": list(page.constraints),
        "answers": [asdict(answer) for answer in report.answers],
        "times_floor": report.times_floor,
        **({"gate": report.meta["gate"]} if "gate" in report.meta else {}),
        "job": facts.job.shown(),
        "schema": generator.schema_.to_dict(),
        "files": dict(sorted(files.items())),
        "run": {
            "date": page.run["date"],
            "machine": page.run["machine"],
            "versions": page.run["versions"],
            "seconds": {**facts.watch.seconds, "total": facts.watch.total},
        },
    }
