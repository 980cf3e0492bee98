"""Histories that a Hawkes process goes on from: their events, what they tell of each entity's rate, their values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.generators.point_process import beside, jitter
from tsynth.generators.point_process.excitation.process import Events
from tsynth.generators.point_process.frailty import expected_immigrants
from tsynth.generators.point_process.hawkes_events import known_types
from tsynth.generators.point_process.hawkes_paths import picked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.generators.point_process.coding import Coding
    from tsynth.generators.point_process.excitation.process import Process

__all__ = ["History", "posterior_factors"]

REMEMBERED = 100
"""Last rows of each entity that its new values remember; all of them where a running total is known."""
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
    code : int32 array, (R,)
    events : Events
        Of K paths; the window ends where they go on.
    whose : int64 array, (K,)
        Entity of each path.
    streams : Streams
        Of the paths.
    """

    view: Rows
    code: NDArray[np.int32]
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
        code = known_types(view, coding)
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
        return cls(view, code, events, np.arange(len(has)), streams)

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

    def beside(
        self,
        values: dict[str, Any],
        encoder: Encoder,
        coding: Coding,
        new: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]],
        statics: dict[str, Field],
        fixed: dict[str, Field],
    ) -> dict[str, Field]:
        """Fields of the new rows (offsets, times, codes) of each path, which remember the rows before them."""
        view = self.view
        lengths = np.diff(view.offsets)[self.whose]
        kept = lengths if values["total"] else np.minimum(lengths, REMEMBERED)
        added = np.diff(new[0])
        offsets = np.concatenate([[0], np.cumsum(kept + added)]).astype(np.int64)
        row = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept + added)
        old = row < np.repeat(kept, kept + added)
        source = (np.repeat(view.offsets[1:][self.whose] - kept, kept + added) + row)[old]

        def both(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
            out = np.empty(len(old), before.dtype)
            out[old], out[~old] = before[source], after
            return out

        def field(name: str, after: Field | None) -> Field:
            one = view.fields[name]
            zero = np.zeros(int(added.sum()), np.int32)
            choice = both(one.choice, zero if after is None else after.choice)
            if one.value is None:
                return replace(one, choice=choice)
            fresh = np.zeros(len(zero)) if after is None or after.value is None else after.value
            return replace(one, choice=choice, value=both(one.value, fresh))

        time = both(view.time, new[1])
        begin = np.zeros(view.n_entities)
        has = np.diff(view.offsets) > 0
        begin[has] = view.time[view.offsets[:-1][has]]
        since = begin[self.whose]
        fresh = (lengths == 0) & (added > 0)
        since[fresh] = new[1][new[0][:-1][fresh]]
        names = [one["name"] for one in values["fields"]]
        opening = self.streams.purpose("opening").normal(len(names))
        made = beside.draw(
            values, encoder, coding, offsets, time, both(self.code, new[2]), statics,
            {f"value:{name}": opening[:, j] for j, name in enumerate(names)}, self.streams.purpose("values"),
            since=since, fixed={n: field(n, f) for n, f in fixed.items()},
            history=(kept.astype(np.int64), {n: field(n, None) for n in names if n in view.fields}),
        )  # fmt: skip
        return {n: picked(f, ~old) for n, f in made.items()}
