"""Raw sequences for a network that judges them: stretches of rows as numbers, and folds apart in entity and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay
from tsynth.scores.ruler import Ruler
from tsynth.scores.summaries import row_features
from tsynth.scores.times import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Fold", "Stretches", "folds", "numbers", "stretches"]

LEVELS = 12
LEAST = 6
"""Sequences of a side that a judge learns from at least."""


@dataclass(frozen=True)
class Stretches:
    """Neighbouring rows of one entity, at most one stretch an entity and span of time.

    Parameters
    ----------
    values : float32 array, (n, T, D)
        Filled up with 0 behind their ends.
    lengths : int64 array, (n,)
    owner : int64 array, (n,)
        Entity.
    first, last : float64 arrays, (n,)
        Time of the first and the last row.
    """

    values: NDArray[np.float32]
    lengths: NDArray[np.int64]
    owner: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """Stretches of both sides that a judge learns from and is asked about."""

    learn: tuple[NDArray[np.int64], NDArray[np.int64]]
    held: tuple[NDArray[np.int64], NDArray[np.int64]]


def numbers(ruler: Ruler, *sides: Sequences) -> list[NDArray[np.float32]]:
    """Rows of each side as numbers, (rows, D): normal scores among the training values, levels as 0 and 1, nulls told.

    Beside the columns stand calendar parts and the time since the row before.
    """
    tables = []
    for data in (ruler.train, *sides):
        found = row_features(ruler, data, lags=False)
        columns = dict(zip(found.names, found.values.T, strict=True))
        if data.schema.time is not None:
            columns["time since the row before"] = between(data)
        tables.append((columns, found.levels))
    parts: list[list[NDArray[np.float64]]] = [[] for _ in sides]
    for name, known in tables[0][0].items():
        if name in tables[0][1]:
            shown = min(len(tables[0][1][name]), LEVELS)
            for part, (columns, _) in zip(parts, tables[1:], strict=True):
                place = np.minimum(np.nan_to_num(columns[name], nan=shown), shown)
                part.append((place[:, None] == np.arange(shown + 1)).astype(np.float64))
            continue
        ordered = np.sort(known[np.isfinite(known)])
        for part, (columns, _) in zip(parts, tables[1:], strict=True):
            values = columns[name]
            at = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
            score = ndtri(np.clip(at / max(2 * len(ordered), 1), 0.001, 0.999))
            unknown = ~np.isfinite(values)
            part.append(np.column_stack([np.where(unknown, 0.0, score), unknown]))
    if not parts[0]:
        raise CannotSay("no column of the rows varies")
    return [np.concatenate(part, axis=1).astype(np.float32) for part in parts]


def stretches(
    data: Sequences, rows: NDArray[np.float32], most: int, cut: float | None, streams: Streams
) -> Stretches:
    """One stretch of at most `most` rows of each entity, at random where it has more; two where time is cut."""
    time = data.time
    late = np.zeros(data.n_rows, np.int64) if cut is None else (time >= cut).astype(np.int64)
    entity, spans = data.entity_of_row, 1 if cut is None else 2
    key = entity * spans + late  # rows are sorted by entity and time, so the rows of a key stand together
    keys, begin, count = np.unique(key, return_index=True, return_counts=True)
    owner = keys // spans
    room = np.maximum(count - most, 0)
    begin = begin + np.floor(streams.uniform(spans)[owner, keys % spans] * (room + 1)).astype(np.int64)
    lengths = np.minimum(count, most)
    out = np.zeros((len(keys), int(lengths.max(initial=1)), rows.shape[1]), np.float32)
    step = np.arange(out.shape[1])
    inside = step < lengths[:, None]
    out[inside] = rows[(begin[:, None] + step)[inside]]
    return Stretches(out, lengths, owner, time[begin], time[begin + lengths - 1])


def folds(
    sides: tuple[Stretches, Stretches],
    cut: float | None,
    count: int,
    blocks: bool,
    streams: tuple[Streams, Streams],
) -> list[Fold]:
    """Ways to hold stretches out.

    With a cut in time: half of the entities learned from in one half of the time, the others asked about in the other
    half, four ways. For blocks of time: one span of time after another, training blocks that reach into it left out.
    Else: entities, dealt at random.

    Raises
    ------
    CannotSay
        A side has too few sequences in one of the parts.
    """
    made = []
    draws = [
        np.argsort(np.argsort(s.purpose("folds").uniform(), kind="stable"), kind="stable") for s in streams
    ]
    groups = [rank[side.owner] for rank, side in zip(draws, sides, strict=True)]
    if cut is not None:
        late = [side.first >= cut for side in sides]
        for group in (0, 1):
            for span in (False, True):
                learn = [(g % 2 != group) & (x != span) for g, x in zip(groups, late, strict=True)]
                held = [(g % 2 == group) & (x == span) for g, x in zip(groups, late, strict=True)]
                made.append((learn, held))
    elif blocks:
        edges = np.quantile(sides[0].first, np.linspace(0, 1, count + 1)[1:-1])
        spans = [np.searchsorted(edges, side.first, "right") for side in sides]
        for k in range(count):
            held = [span == k for span in spans]
            tested = np.concatenate([side.first[h] for side, h in zip(sides, held, strict=True)])
            until = np.concatenate([side.last[h] for side, h in zip(sides, held, strict=True)])
            low, high = tested.min(initial=np.inf), until.max(initial=-np.inf)
            made.append(([(side.last < low) | (side.first > high) for side in sides], held))
    else:
        for k in range(count):
            held = [g % count == k for g in groups]
            made.append(([~h for h in held], held))
    out = [
        Fold(
            (np.flatnonzero(learn[0]), np.flatnonzero(learn[1])),
            (np.flatnonzero(held[0]), np.flatnonzero(held[1])),
        )
        for learn, held in made
    ]
    if any(min(map(len, f.learn)) < LEAST or min(map(len, f.held)) < 2 for f in out):
        raise CannotSay("there are too few sequences to hold entities and times apart")
    return out
