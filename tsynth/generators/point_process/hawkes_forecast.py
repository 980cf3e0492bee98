"""Histories that a Hawkes process goes on from: their events, and what they tell of each entity's rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.streams import Streams
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.excitation.process import Events
from tsynth.generators.point_process.frailty import expected_immigrants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows
    from tsynth.generators.point_process.coding import Coding
    from tsynth.generators.point_process.excitation.process import Process

__all__ = ["History", "posterior_factors"]

TURNS = 5
"""Times that immigrants are counted with the factors that they gave."""


def posterior_factors(
    process: Process,
    events: Events,
    by: NDArray[np.float64],
    variance: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shape and rate of each sequence's gamma factor, knowing its events, (N,) both; their quotient is the mean.

    Parameters
    ----------
    process : Process
    events : Events
    by : float64 array, (N,)
        What covariates multiply the baseline with.
    variance : float
        Of the factors, above 0.
    """
    a = 1.0 / variance
    scale = np.ones(events.n_sequences)
    for _ in range(TURNS):
        counts, exposure = expected_immigrants(process, events, scale * by)
        scale = (a + counts) / (a + exposure * by)
    return a + counts, a + exposure * by


@dataclass(frozen=True)
class History:
    """What came before, of each path that goes on from it.

    Parameters
    ----------
    view : Rows
        Rows of N entities.
    events : Events
        Of K paths; the window ends where they go on.
    whose : int64 array, (K,)
        Entity of each path.
    streams : Streams
        Of the paths.
    """

    view: Rows
    events: Events
    whose: NDArray[np.int64]
    streams: Streams

    @classmethod
    def of(
        cls,
        view: Rows,
        coding: Coding,
        ties: jitter.Ties,
        frailty: dict[str, Any],
        size: NDArray[np.float64] | None,
        streams: Streams,
    ) -> History:
        """The history of each entity, each with one path."""
        offsets, has = view.offsets, np.diff(view.offsets) > 0
        code = coding.known(view)
        time = jitter.spread(ties, offsets, view.time, streams.purpose("ties"))
        width = 0.0 if ties.keep else ties.width
        stop = float(view.time.max(initial=0.0))
        first, last = np.full(len(has), stop), np.full(len(has), stop)
        first[has], last[has] = time[offsets[:-1][has]], time[offsets[1:][has] - 1]
        start = np.where(np.isfinite(view.start), np.minimum(view.start, first), first)
        if frailty["rule"] == "given":
            end = np.where(np.isfinite(view.end), view.end + width, stop + width)
        else:
            end = np.full(len(has), stop + width) if frailty["rule"] != "own" else last
        given = has.astype(np.int64) if frailty["opened"] else None
        events = Events(offsets, time, code.astype(np.int64), start, np.maximum(end, last), size, given=given)
        if ties.keep:
            events = events.keep(jitter.batches(offsets, view.time, code, coding.codes)[0])
        return cls(view, events, np.arange(len(has)), streams)

    def times(self, paths: int) -> History:
        """Each entity with so many paths, one after another."""
        n = self.view.n_entities
        whose = np.repeat(np.arange(n), paths)
        # path j of entity i is number i * paths + j, whatever the other entities are
        numbers = np.repeat(self.streams.entities, paths) * paths + np.tile(np.arange(paths), n)
        streams = Streams(self.streams.seed, (*self.streams.path, "paths"), numbers)
        return replace(self, events=self.events.take(whose), whose=whose, streams=streams)

    def factors(
        self, process: Process, by: NDArray[np.float64], variance: float, paths: int
    ) -> NDArray[np.float64]:
        """Factor of the baseline of each path, (N * paths,): covariates, times a draw of what the events tell."""
        if variance == 0:
            return np.repeat(by, paths)
        shape, rate = posterior_factors(process, self.events, by, variance)
        drawn = self.streams.purpose("rate").gamma(shape, (paths,)) / rate[:, None]
        return np.asarray((drawn * by[:, None]).reshape(-1))
