"""Train and holdout: whole entities, or blocks of time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENOUGH_ENTITIES", "split"]

ENOUGH_ENTITIES = 50
"""From this number on whole entities are held out."""

BLOCKS = 10
"""Blocks that a sequence is cut into, at most, where it is split by time."""


def split(
    data: Sequences, holdout: float = 0.3, by: str = "auto", seed: int = 0
) -> tuple[Sequences, Sequences]:
    """Split into train and holdout.

    By entity: whole entities, chosen by a hash of their id and the seed, so that neither the order of rows nor other
    entities matter to the choice; of each the share is exact to one entity. By time: each sequence is cut into up to
    10 blocks of equal numbers of rows; runs of blocks alternate between train and holdout, so that both see
    early and late times, and rows that share a time stay together. Entities too short to be cut go to train.

    Parameters
    ----------
    data : Sequences
    holdout : float
        Share of entities, or of rows, in (0, 1).
    by : {"auto", "entity", "time"}
        "auto" takes entities where there are 50 or more, or where no sequence is long enough to be cut; else time.
    seed : int

    Returns
    -------
    train, holdout : Sequences
    """
    if not 0 < holdout < 1:
        raise UsageError(f"holdout is {holdout}", fix="choose a share between 0 and 1")
    if by not in ("auto", "entity", "time"):
        raise UsageError(f"by is {by!r}", fix='use "auto", "entity" or "time"')
    if by == "auto":
        enough = data.n_entities >= ENOUGH_ENTITIES
        by = (
            "entity"
            if enough or (data.n_entities > 1 and not held_rows(data, holdout, seed).any())
            else "time"
        )
    if by == "entity":
        if data.n_entities < 2:
            raise UsageError("there is one entity only", fix='split by="time"')
        held = held_entities(data, holdout, seed)
        return data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
    held = held_rows(data, holdout, seed)
    if not held.any():
        raise UsageError(
            "no sequence is long enough to keep its last rows apart to judge by",
            fix="give longer sequences, or two entities or more",
        )
    return data.keep_rows(~held), data.keep_rows(held)


def held_entities(data: Sequences, holdout: float, seed: int) -> NDArray[np.bool_]:
    """Which entities are held out, (N,)."""
    entity = data.schema.entity
    ids = (
        [str(i) for i in range(data.n_entities)]
        if entity is None
        else [str(v) for v in data.entities[entity].to_pylist()]
    )
    salt = seed.to_bytes(8, "little", signed=True)
    keys = [hashlib.blake2b(name.encode(), digest_size=8, salt=salt).digest() for name in ids]
    ranked = sorted(range(len(ids)), key=lambda i: (keys[i], ids[i]))
    count = min(max(round(holdout * len(ids)), 1), len(ids) - 1)
    held = np.zeros(len(ids), bool)
    held[ranked[:count]] = True
    return held


def held_rows(data: Sequences, holdout: float, seed: int) -> NDArray[np.bool_]:
    """Which rows are held out where sequences are cut into blocks, (R,)."""
    # The share as blocks: 0.3 is the blocks 1, 4 and 8 of 10 (evenly spread), shifted by the seed.
    places = np.arange(BLOCKS)
    pattern = np.floor((places + 1) * holdout) > np.floor(places * holdout)
    if not pattern.any():
        pattern[BLOCKS // 2] = True
    if pattern.all():
        pattern[0] = False
    pattern = np.roll(pattern, seed % BLOCKS)
    lengths = data.lengths
    step, size = data.step_of_row, np.repeat(lengths, lengths)
    block = (step * BLOCKS) // np.maximum(size, 1)
    held = pattern[block] & (size >= 2 * BLOCKS)
    if len(held) and data.schema.time is not None:
        # Rows that share a time with the row before them go where it goes.
        time, first = data.time, step == 0
        tied = np.r_[False, time[1:] == time[:-1]] & ~first
        leader = np.maximum.accumulate(np.where(tied, 0, np.arange(len(held))))
        held = held[leader]
    return held
