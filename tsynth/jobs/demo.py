"""The demo: a simulated table and a job file for it, as a user would have them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tsynth.data.datasets import Dataset, simulate
from tsynth.data.files import write_parquet, write_text

__all__ = ["Demo", "prepare"]

MINUTES = 0.3
"""Time to learn, so that a demo ends in under a minute."""


@dataclass(frozen=True)
class Demo:
    """Files of a demo.

    Parameters
    ----------
    story : str
    rows, job : Path
    """

    story: str
    rows: Path
    job: Path


def prepare(name: str, folder: Path, seed: int = 0) -> Demo:
    """Write the simulated table and its job file; the release goes into ``folder/name``.

    The folder may hold an earlier demo, which is replaced.
    """
    data = simulate(name, seed)
    rows = folder / f"{name}.parquet"
    write_parquet(data.rows, rows, {"simulated": "true"})
    if data.entities is not None:
        write_parquet(data.entities, folder / f"{name}-entities.parquet", {"simulated": "true"})
    job = folder / f"{name}.toml"
    write_text(job, _text(data, seed))
    return Demo(data.story, rows, job)


def _text(data: Dataset, seed: int) -> str:
    lines = [f"# {data.story}", f"seed = {seed}", "", "[source]", f'path = "{data.name}.parquet"']
    lines += [f"entity = {json.dumps(data.entity)}", f"time = {json.dumps(data.time)}"]
    if data.entities is not None:
        lines.append(f'entities = "{data.name}-entities.parquet"')
    if data.roles:
        lines += [
            "",
            "[source.roles]",
            *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in data.roles.items()),
        ]
    lines += ["", "[generator]", f"minutes = {MINUTES}  # more, or none of this, to learn better"]
    lines += ["", "[release]", f'out = "{data.name}"', f'title = "Demo: {data.name}"', "force = true"]
    return "\n".join(lines) + "\n"
