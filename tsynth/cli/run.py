"""`tsynth run`: from a table to a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsynth.cli.options import (
    Delta,
    Drop,
    Entities,
    Entity,
    Epsilon,
    Generator,
    Json,
    Minutes,
    NullEntity,
    Order,
    Role,
    Steps,
    Time,
    WithSchema,
    roles_of,
)

if TYPE_CHECKING:
    from tsynth.jobs.job import Job
    from tsynth.jobs.release import Release

__all__ = ["finish", "run"]


def run(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...", help="A job file (job.toml), or the rows: Parquet, CSV, a folder of them."
        ),
    ] = None,
    entity: Entity = None,
    time: Time = None,
    entities: Entities = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the release.")] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="Entities to make; as many as the source has.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Same seed, same rows (default 0).")
    ] = None,
    generator: Generator = None,
    minutes: Minutes = None,
    steps: Steps = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    null_entity: NullEntity = "error",
    order: Order = "content",
    role: Role = None,
    drop_constraint: Drop = None,
    with_schema: WithSchema = None,
    parts: Annotated[
        int | None, typer.Option("--parts", min=1, help="Files that the rows are written in.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make parts.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", metavar="FILE", help="Given statics, one row an entity.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a finished release in DIR.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a job file and end.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a documented synthetic release of a table: read, fit, sample, score, write.

    With a job file, flags change what it says.
    """
    import json as js
    import sys

    from tsynth.cli.terminal import progress, say
    from tsynth.jobs.job import Job

    if schema:
        sys.stdout.write(Job.json_schema() + "\n")
        return
    given: dict[str, Any] = {
        "seed": seed,
        "source": {
            "entity": entity,
            "time": time or None,
            "entities": entities,
            "null_entity": None if null_entity == "error" else null_entity,
            "order": None if order == "content" else order,
            "roles": roles_of(role) or None,
        },
        "schema": {"file": with_schema},
        "constraints": {"drop": drop_constraint or None},
        "generator": {"name": generator, "minutes": minutes, "steps": steps},
        "privacy": {"epsilon": epsilon, "delta": delta},
        "sample": {"n": n, "parts": parts, "workers": workers, "conditions": conditions},
        "release": {"out": out, "force": force or None},
    }
    job = _job(files or [], _known(given))

    from tsynth.errors import GateFailed
    from tsynth.jobs.release import Release
    from tsynth.jobs.run import run as make

    failed: GateFailed | None = None
    with progress() as shown:
        try:
            release = make(job, progress=shown)
        except GateFailed as error:
            # The release is written all the same; what is said of it comes first, the failure last.
            release, failed = Release.open(job.release.out), error
    if json:
        sys.stdout.write(js.dumps(dict(release.manifest), indent=1, ensure_ascii=False) + "\n")
    finish(release)
    say(f"tsynth verify {_near(release.path)}   checks that nothing in it was altered")
    if failed is not None:
        _print_failures(release)
        raise failed


def _known(given: dict[str, Any]) -> dict[str, Any]:
    """Without flags that were not given."""
    inner = {k: _known(v) if isinstance(v, dict) and k != "roles" else v for k, v in given.items()}
    return {k: v for k, v in inner.items() if v is not None and v != {}}


def _job(files: list[Path], flags: dict[str, Any]) -> Job:
    from tsynth.errors import UsageError
    from tsynth.jobs.job import Job

    if not files:
        raise UsageError(
            "there is no file to learn from", fix="tsynth run FILE --entity COLUMN --time COLUMN --out DIR"
        )
    if [file.suffix for file in files] == [".toml"]:
        job = Job.load(files[0])
        if not flags:
            return job
        content = job.model_dump(by_alias=True, exclude_unset=True)
        return Job.read(_merged(content, flags), where=f"{files[0].name} with these flags")
    flags.setdefault("source", {})["path"] = files
    if "out" not in flags.get("release", {}):
        raise UsageError("nothing says where the release should go", fix="give --out DIR")
    if not {"entity", "time"} & flags["source"].keys() and "schema" not in flags:
        from tsynth.cli.terminal import say
        from tsynth.jobs.stages import unnamed

        say(unnamed(files))
    return Job.read(flags, where="the command")


def _merged(content: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    merged = dict(content)
    for key, value in flags.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _print_failures(release: Release) -> None:
    from tsynth.cli.terminal import say
    from tsynth.jobs.gate import FAILED, failures

    say()
    for row in failures(release.manifest["gate"]):
        found, limit, by = (f"{word} {cell}" for word, cell in zip(FAILED[1:4], row[1:4], strict=True))
        say(f"  - {row[0]}: {found}, {limit}, {by}: {row[4]}")


def _near(path: Path) -> Path:
    """The path as the user would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def finish(release: Release) -> None:
    """The end of a run: the three answers, three findings, and where the report is."""
    from tsynth.cli.terminal import heading, say, size
    from tsynth.jobs.output import CARD

    manifest = release.manifest
    heading(f"\n{size(manifest['rows'], manifest['entities'], 'synthetic row')}")
    for answer in release.report.answers:
        say(f"  {answer.question + '?':<10} {answer.sentence}")
    findings = release.findings(3)
    if findings:
        heading("Where it differs most from real data")
        for finding in findings:
            say(f"  - {finding}")
    limits = manifest["generator"]["cannot_keep"]
    if limits:
        heading(f"What {manifest['generator']['name']} cannot keep")
        for limit in limits:
            say(f"  - {limit}")
    private = manifest.get("privacy")
    if private:
        heading("Differential privacy")
        say(f"  epsilon {private['spent']:.4g} of {private['epsilon']:g} spent, delta {private['delta']:.3g}")
        say(f"  taken from the data without budget, see {CARD}:")
        for leak in private["leaks"]:
            say(f"  - {leak}")
    say(f"content hash {release.content_hash[:16]}...")
    heading(f"Read the report: {_near(release.page)}")
