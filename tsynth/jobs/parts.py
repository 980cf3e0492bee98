"""What a worker runs: make one part of a release and write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsynth import __version__
from tsynth.data.files import read_file, write_parquet, write_text
from tsynth.data.frames import outgoing
from tsynth.generators.artifacts import load
from tsynth.generators.conditions import Conditions
from tsynth.jobs.output import DATA, ENTITIES, WORK, file_sum

if TYPE_CHECKING:
    import pyarrow as pa

    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator

__all__ = ["SYNTHETIC", "Given", "Part", "as_written", "make", "plan", "read_conditions", "write"]

SYNTHETIC = {
    "synthetic": "true",
    "made_by": f"tsynth {__version__}",
    "note": "Every row of this file is synthetic: made by a generator that learned from real data.",
}
"""Metadata of every Parquet file of a release."""

ROWS_A_PART = 1_000_000


@dataclass(frozen=True)
class Part:
    """A range of entities.

    Parameters
    ----------
    number : int
    first, count : int
        Number of its first entity, and how many.
    """

    number: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """Name of its files and its record, without suffix."""
        return f"part-{self.number:05d}"


@dataclass(frozen=True)
class Given:
    """What is given for the entities to be made.

    Parameters
    ----------
    n : int
        Entities of all parts together.
    conditions : str, optional
        Path of a file with given statics.
    shares : mapping, optional
        Target shares of levels, by column.
    """

    n: int
    conditions: str | None = None
    shares: Mapping[str, Mapping[str, float]] | None = None


def plan(n: int, rows_an_entity: float, parts: int | None) -> list[Part]:
    """Entities 0 to n - 1 as parts of about the same size; so that one holds about a million rows, unless told."""
    if parts is None:
        parts = max(1, round(n * rows_an_entity / ROWS_A_PART))
    parts = min(parts, n)
    edges = [n * i // parts for i in range(parts + 1)]
    return [Part(i, a, b - a) for i, (a, b) in enumerate(pairwise(edges))]


def write(
    model: str,
    model_sum: str,
    folder: str,
    part: Part,
    seed: int,
    given: Given,
    key: str,
    keep: int,
) -> tuple[dict[str, Any], Sequences | None]:
    """Make a part, write it and its record.

    Parameters
    ----------
    model, model_sum, folder : str
        Path and hash of the fitted model, path of the release.
    part : Part
    seed : int
    given : Given
    key : str
        What the record is found by when the run is resumed.
    keep : int
        So many of its entities are handed back beside the record, for the scores.

    Returns
    -------
    record : dict
        Key, rows, entities, and for each file its sha256 and size.
    kept : Sequences or None
    """
    made = make(model, model_sum, part, seed, given)
    home = Path(folder)
    files = {}
    for place, table in ((DATA, made.table()), (ENTITIES, made.entity_table())):
        if table is None:
            continue
        name = f"{place}/{part.name}.parquet"
        write_parquet(as_written(made, table), home / name, SYNTHETIC)
        files[name] = {
            "sha256": file_sum(home / name),
            "bytes": (home / name).stat().st_size,
            "rows": table.num_rows,
            "first_entity": part.first,
            "entities": made.n_entities,
        }
    record = {"key": key, "rows": made.n_rows, "entities": made.n_entities, "files": files}
    write_text(home / WORK / f"{part.name}.json", json.dumps(record) + "\n")
    if keep <= 0:
        return record, None
    return record, _light(made if keep >= made.n_entities else made.take(_first(keep)))


def make(model: str, model_sum: str, part: Part, seed: int, given: Given) -> Sequences:
    """The entities of a part; the same ones, whatever part they are made in."""
    generator = _loaded(model, model_sum)
    if given.shares is not None:
        shares = json.dumps(given.shares)
        table = _with_shares(model, model_sum, shares, given.n, seed, given.conditions)
    elif given.conditions is not None:
        table = read_conditions(given.conditions)
    else:
        return generator.sample(part.count, seed=seed, first=part.first)
    return generator.sample(seed=seed, first=part.first, conditions=table.slice(part.first, part.count))


def as_written(data: Sequences, table: pa.Table) -> pa.Table:
    """A table of `data` in the columns and types that it had in the source."""
    levels = {column.name: column.levels for column in data.schema if column.levels}
    return outgoing(table, data.origin, levels)


@lru_cache(maxsize=1)
def _loaded(model: str, model_sum: str) -> Generator:
    """The model; `model_sum` changes with its content."""
    return load(Path(model))


def read_conditions(path: str) -> pa.Table:
    """The conditions in a file, read once for all parts and anew where the file has changed."""
    file = Path(path)
    if not file.is_file():
        return read_file(file).table
    state = file.stat()
    return _conditions(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _conditions(path: str, changed: int, size: int) -> pa.Table:
    return read_file(Path(path)).table


@lru_cache(maxsize=1)
def _with_shares(
    model: str, model_sum: str, shares: str, n: int, seed: int, conditions: str | None
) -> pa.Table:
    """Conditions of all entities, so that the shares hold of the parts together."""
    generator = _loaded(model, model_sum)
    drawn = generator.target_shares(json.loads(shares)).draw(n, seed)
    if conditions is None:
        return drawn
    schemas = generator.schema_, generator.bare_schema_
    given = Conditions.read(read_conditions(conditions), *schemas)
    return given.with_columns(Conditions.read(drawn, *schemas)).table


def _light(data: Sequences) -> Sequences:
    """Without views that were computed on the way, so that little travels between processes."""
    return replace(data, _cache={})


def _first(count: int) -> Any:
    import numpy as np

    return np.arange(count)
