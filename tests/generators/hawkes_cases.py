"""Events for tests of Hawkes processes: without any model, with ties, or drawn from a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsynth.data.streams import Streams
from tsynth.generators.point_process.excitation.process import Events, Process
from tsynth.generators.point_process.excitation.simulation import simulate


def some_events(
    seed: int, lengths: Sequence[int] = (12, 0, 20, 1), types: int = 2, ties: slice = slice(3, 5)
) -> Events:
    """Uniform times in windows of their own, with sizes; those of `ties` fall on the one before them."""
    random = np.random.default_rng(seed)
    start = random.uniform(0, 2, len(lengths))
    end = start + random.uniform(2, 6, len(lengths))
    times = [np.sort(random.uniform(a, b, n)) for a, b, n in zip(start, end, lengths, strict=True)]
    for t in times:
        t[ties] = t[ties.start - 1 : ties.start]
    rows = sum(lengths)
    return Events(
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate(times),
        random.integers(0, types, rows),
        start,
        end,
        size=random.normal(size=rows),
    )


def drawn(process: Process, sequences: int, length: float, *, seed: int, purpose: str, **more: Any) -> Events:
    """Sequences of a process in windows of one length from 0 on."""
    streams = Streams(seed, purpose, range(sequences))
    start, end = np.zeros(sequences), np.full(sequences, length)
    return simulate(process, start, end, key=streams.key, entities=streams.entities, **more)
