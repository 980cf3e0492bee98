"""Files with more rows than scores look at: a sample of their entities stands for them, and the report says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow.dataset as ds

from tsynth.data.files import write_parquet
from tsynth.data.sampling import read_entities_sample

if TYPE_CHECKING:
    from tsynth.jobs.sides import Side

__all__ = ["MOST_ROWS", "Sampled", "sampled"]

MOST_ROWS = 1_000_000
"""Rows of a file that `tsynth evaluate` reads, unless told; scores look at fewer still."""


@dataclass(frozen=True)
class Sampled:
    """What stands for a large file.

    Parameters
    ----------
    who : str
        The side: "train", "holdout", or the name of the file.
    rows, of : int
        Rows that are read, and rows of the file.
    share : float
        Share of its entities.
    """

    who: str
    rows: int
    of: int
    share: float

    @property
    def message(self) -> str:
        """The sample in words."""
        return (
            f"{self.who}: {self.of:,} rows are many; {self.rows:,} of them are read, all rows of {self.share:.3g} of "
            "the entities (--most-rows reads more)"
        )


@contextmanager
def sampled(
    sides: Sequence[Side], names: Sequence[str], entity: str | None, most: int, seed: int
) -> Iterator[tuple[list[Side], list[Sampled]]]:
    """The sides, with a file of a sample in place of each Parquet file or folder that has more than `most` rows.

    The samples lie in a folder that only its owner may read, and that is gone at the end. A file without an entity
    column, or of text, or whose entity table is, stays as it is.
    """
    out, told = [], []
    with TemporaryDirectory(prefix="tsynth-") as folder:
        for i, (side, name) in enumerate(zip(sides, names, strict=True)):
            count = _rows(side.rows, entity) if entity is not None else 0
            known = side.table is None or (entity is not None and _rows(side.table, entity) > 0)
            if entity is None or count <= most or not known:
                out.append(side)
                continue
            table, share = read_entities_sample(_data(side.rows), entity, at_most_rows=most, seed=seed)
            told.append(Sampled(name, table.num_rows, count, share))
            Path(folder, str(i)).mkdir()
            rows = Path(folder, str(i), f"{side.rows.name.removesuffix('.parquet')}.parquet")
            write_parquet(table, rows)
            entities = None
            if side.table is not None:
                table, _ = read_entities_sample(side.table, entity, share=share, seed=seed)
                entities = Path(folder, str(i), "entities.parquet")
                write_parquet(table, entities)
            del table
            out.append(replace(side, rows=rows, entities=entities))
        yield out, told


def _data(path: Path) -> Path:
    """Where the rows of a release lie."""
    return path / "data" if (path / "data").is_dir() else path


def _rows(path: Path, entity: str) -> int:
    """Rows of a Parquet file or folder; 0 of anything else."""
    path = _data(path)
    if path.is_dir():
        if not any(path.glob("*.parquet")):
            return 0
    elif path.suffix.lower() not in (".parquet", ".pq"):
        return 0
    try:
        source = ds.dataset(path, format="parquet")
        return source.count_rows() if entity in source.schema.names else 0
    except (OSError, ValueError):  # reading says what is wrong with it
        return 0
