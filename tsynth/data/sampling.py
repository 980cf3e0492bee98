"""A sample of whole entities from a file that is larger than memory."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from tsynth.data.streams import key
from tsynth.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_entities_sample"]

BATCH = 131_072


def read_entities_sample(
    path: str | os.PathLike[str],
    entity: str,
    *,
    share: float | None = None,
    at_most_rows: int | None = None,
    seed: int = 0,
) -> tuple[pa.Table, float]:
    """The rows of some entities of a Parquet file or folder, and the share of the entities that they are.

    An entity is in or out by a hash of its id and the seed, whatever the order and the parts of the file; all its
    rows come, in file order. Two passes: one over the ids, one over the rows that are kept. With `at_most_rows` the
    share is the largest of 1, 1/2, 1/4, ... whose rows fit in.

    Parameters
    ----------
    path : str or path
        A Parquet file, or a folder of them.
    entity : str
        Column that says whose row it is.
    share : float, optional
        Share of the entities, above 0, at most 1.
    at_most_rows : int, optional
        Most rows that may come.
    seed : int

    Returns
    -------
    pyarrow.Table
    float

    Raises
    ------
    UsageError
        Neither or both of `share` and `at_most_rows` are given, or no column is called so.
    DataError
        Even the smallest sample of entities has too many rows, or none.
    """
    if (share is None) == (at_most_rows is None):
        raise UsageError("a sample needs a share of the entities or a number of rows", fix="give one of them")
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"a share lies between 0 and 1, not at {share}", fix="use share=0.1")
    source = ds.dataset(os.fspath(path), format="parquet")
    if entity not in source.schema.names:
        raise UsageError(f"no column is called {entity!r}", fix="name the column that says whose row it is")
    salt = key(seed, "entities sample")
    if share is None:
        assert at_most_rows is not None
        share = _fitting(source, entity, salt, at_most_rows)
    kept = [
        batch.filter(pa.array(_level(batch.column(entity), salt) < share))
        for batch in source.to_batches(batch_size=BATCH, batch_readahead=2, fragment_readahead=1)
        if batch.num_rows
    ]
    table = pa.Table.from_batches(kept, source.schema)
    if not table.num_rows:
        raise DataError("the sample of entities has no rows", fix="ask for a larger share")
    return table, share


def _fitting(source: ds.Dataset, entity: str, salt: np.uint64, most: int) -> float:
    """The largest of 1, 1/2, 1/4, ... whose entities have at most so many rows."""
    halvings = np.zeros(64, np.int64)
    for batch in source.to_batches(columns=[entity], batch_size=BATCH, batch_readahead=2):
        level = _level(batch.column(0), salt)
        depth = np.clip(np.floor(-np.log2(np.maximum(level, 1e-18))), 0, 63).astype(np.int64)
        halvings += np.bincount(depth, minlength=64)
    inside = np.cumsum(halvings[::-1])[::-1]  # rows of entities below 2 ** -k
    fits = np.flatnonzero((inside <= most) & (inside > 0))
    if not len(fits):
        raise DataError(f"no sample of whole entities has between 1 and {most:,} rows", fix="allow more rows")
    return math.ldexp(1.0, -int(fits[0]))


def _level(ids: pa.Array, salt: np.uint64) -> NDArray[np.float64]:
    """A number in [0, 1) for each id, the same wherever it stands; equal ids of other types are unlike."""
    codes = ids.dictionary_encode() if not pa.types.is_dictionary(ids.type) else ids
    names = codes.dictionary
    if pa.types.is_integer(names.type):
        words = np.asarray(names.cast(pa.int64(), safe=False)).view(np.uint64)
    else:
        import hashlib

        text = names.cast(pa.string()).to_pylist()
        sums = [hashlib.blake2b(str(name).encode(), digest_size=8).digest() for name in text]
        words = np.frombuffer(b"".join(sums), np.uint64)
    levels = (_mixed(words ^ salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    index = np.asarray(pc.fill_null(codes.indices, len(levels)), dtype=np.int64)
    # rows without an entity are left out
    out: NDArray[np.float64] = np.append(levels, np.inf)[index]
    return out


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser, which spreads every bit over the word."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
