"""Event sequences of a fitted Hawkes process: opened by a first event, ended by time or number, put on the lattice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from tsynth.compiled.hawkes import ties as loops
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.counts import frailty
from tsynth.generators.point_process.excitation.process import Events
from tsynth.generators.point_process.excitation.seasons import cumulative
from tsynth.generators.point_process.excitation.simulation import simulate
from tsynth.generators.point_process.hawkes_events import joined

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.data.streams import Streams
    from tsynth.generators.point_process.excitation.process import Process
    from tsynth.generators.point_process.excitation.simulation import Sizes
    from tsynth.generators.point_process.onces import Drawn

__all__ = ["Paths", "batched"]

AGAIN = 8
"""Times that a sequence which ends before it has its events is drawn again."""
PATIENCE = 4.0
"""A sequence of so many events is given up after this many times the longest that was learned."""


@dataclass(frozen=True)
class Paths:
    """Sequences of one process for some entities.

    Parameters
    ----------
    process : Process
    streams : Streams
        Of the entities; sequence i hangs on its own number alone.
    frailty : dict
        How sequences differ and end, as `hawkes_fit.Learned` has it.
    opening : float64 array, (M,)
        Running number of first events of each type.
    sizes : Sizes or None
    """

    process: Process
    streams: Streams
    frailty: dict[str, Any]
    opening: NDArray[np.float64]
    sizes: Sizes | None

    def scale(self, score: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Factor of the baseline of each sequence, (N,), at these normal scores, drawn where not given."""
        variance = float(self.frailty["variance"])
        if variance == 0:
            return np.ones(len(self.streams))
        if score is None:
            score = self.streams.purpose("rate").normal()
        return frailty(score, variance)

    def factors(self, drawn: Drawn, by: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factor of the baseline of each whole sequence: `by`, what covariates say, times its own.

        Where sequences end after a number of events, their number and length were drawn together, and the factor is the
        mean that both tell; drawn anew it would make the slowest far longer than any that was seen.
        """
        variance = float(self.frailty["variance"])
        if variance == 0 or self.frailty["rule"] != "own":
            return self.scale(drawn.score.get("rate")) * by
        live = np.isfinite(drawn.start)
        start = np.where(live, drawn.start, 0.0)
        end = np.where(live, np.maximum(drawn.end, start), 0.0)
        base = self.process.baseline
        exposure = by * (cumulative(base, end) - cumulative(base, start))
        counts = (self._numbers(drawn, live) - 1) * float(self.frailty["share"])
        return np.asarray(by * (1.0 / variance + counts) / (1.0 / variance + exposure))

    def draw(
        self,
        start: ArrayLike,
        end: ArrayLike,
        scale: NDArray[np.float64],
        *,
        most: int | None = None,
        tree: bool = False,
        history: Events | None = None,
    ) -> Events:
        """Sequences in windows [start, end], after a history or not."""
        return simulate(
            self.process, start, end, key=self.streams.purpose("walk").key, entities=self.streams.entities,
            scale=scale, most=most, tree=tree, history=history, sizes=self.sizes,
        )  # fmt: skip

    def sequences(self, drawn: Drawn, scale: NDArray[np.float64], ties: jitter.Ties) -> Events:
        """Whole sequences in the windows that were drawn, with the event that opens them where one does.

        Parameters
        ----------
        drawn : Drawn
        scale : float64 array, (N,)
        ties : Ties
            Windows begin at a random place of their lattice step where events were spread.
        """
        live = np.isfinite(drawn.start)
        width = 0.0 if ties.keep else ties.width
        start, end = np.where(live, drawn.start, 0.0), np.where(live, drawn.end, 0.0)
        end = np.where(live, np.maximum(start, end) + width, start)
        u = self.streams.purpose("opening").uniform(3)
        opened = live if self.frailty["opened"] else np.zeros(len(live), np.bool_)
        start = np.where(opened, start + width * u[:, 0], start)
        first = self._first(start, opened, u[:, 1:])
        if self.frailty["rule"] != "own":
            most = int(self.frailty["most"]) or None
            return joined(first, self.draw(start, end, scale, most=most, history=first))
        longest = self.frailty["longest"]
        made = self._counted(
            start, start + PATIENCE * longest + width, scale, first, self._numbers(drawn, live) - 1
        )
        limit = start + longest
        if self.frailty["shared"]:
            limit = np.maximum(np.minimum(limit, self.frailty["stop"] + width), start)
        return joined(first, _within(made, limit, np.maximum(end - width, start)))

    def _first(self, start: NDArray[np.float64], opened: NDArray[np.bool_], u: NDArray[np.float64]) -> Events:
        """One event at the start of each sequence that is opened by one."""
        at = np.flatnonzero(opened)
        offsets = np.concatenate([[0], np.cumsum(opened)]).astype(np.int64)
        types = np.searchsorted(self.opening, u[at, 0] * self.opening[-1], side="right")
        types = np.minimum(types, len(self.opening) - 1).astype(np.int64)
        size = None
        if self.sizes is not None:
            low, high = self.sizes.offsets[types], self.sizes.offsets[types + 1]
            size = self.sizes.values[low + (u[at, 1] * (high - low)).astype(np.int64)]
        return Events(offsets, start[at], types, start, start, size)

    def _numbers(self, drawn: Drawn, live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many events each sequence has."""
        rows = np.asarray(self.frailty["rows"])
        place = (ndtr(drawn.score["rows"]) * len(rows)).astype(np.int64)
        wanted = rows[np.clip(place, 0, len(rows) - 1)].astype(np.int64)
        return np.where(live, wanted, 1)

    def _counted(
        self,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        scale: NDArray[np.float64],
        first: Events,
        wanted: NDArray[np.int64],
    ) -> Events:
        """Sequences of so many events after the first: one that dies before is drawn again, up to `AGAIN` times."""
        parts: list[tuple[NDArray[np.int64], Events]] = []
        left = np.flatnonzero(wanted > 0)
        for turn in range(AGAIN + 1):
            classes = np.ceil(np.log2(wanted[left])).astype(np.int64)
            short: list[NDArray[np.int64]] = []
            for one in np.unique(classes):
                at = left[classes == one]
                some = replace(self, streams=self.streams.take(at).purpose("turn", turn))
                made = some.draw(start[at], end[at], scale[at], most=int(2**one), history=first.take(at))
                lengths = np.diff(made.offsets)
                step = np.arange(made.n_events) - np.repeat(made.offsets[:-1], lengths)
                made = made.keep(step < np.repeat(wanted[at], lengths))
                done = (lengths >= wanted[at]) | (turn == AGAIN)
                parts.append((at[done], made.take(np.flatnonzero(done))))
                short.append(at[~done])
            left = np.sort(np.concatenate([np.zeros(0, np.int64), *short]))
        return together(parts, len(start), start)


def _within(events: Events, limit: NDArray[np.float64], end: NDArray[np.float64]) -> Events:
    """Sequences with those that run past their limit drawn together, so that they end where `end` says."""
    lengths = np.diff(events.offsets)
    has = np.flatnonzero(lengths > 0)
    last = events.start.copy()
    last[has] = events.times[events.offsets[1:][has] - 1]
    goal = np.where(end > events.start, np.minimum(end, limit), limit)
    past = last > limit
    ratio = np.ones(len(last))
    ratio[past] = (goal - events.start)[past] / (last - events.start)[past]
    begin = np.repeat(events.start, lengths)
    times = np.where(
        np.repeat(past, lengths), begin + (events.times - begin) * np.repeat(ratio, lengths), events.times
    )
    return replace(events, times=times, end=np.where(past, goal, last))


def together(parts: list[tuple[NDArray[np.int64], Events]], n: int, start: NDArray[np.float64]) -> Events:
    """Sequences that were made in parts, by their places; those in none have no events, at their start."""
    if not parts:
        none = np.zeros(0)
        return Events(np.zeros(n + 1, np.int64), none, none.astype(np.int64), start, start, None)
    places = np.concatenate([at for at, _ in parts])
    left = np.setdiff1d(np.arange(n), places)
    lengths = np.concatenate([np.diff(e.offsets) for _, e in parts] + [np.zeros(len(left), np.int64)])
    sized = all(e.size is not None for _, e in parts)
    flat = Events(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([e.times for _, e in parts]),
        np.concatenate([e.types for _, e in parts]),
        np.concatenate([e.start for _, e in parts] + [start[left]]),
        np.concatenate([e.end for _, e in parts] + [start[left]]),
        np.concatenate([e.size for _, e in parts if e.size is not None]) if sized else None,
    )
    order = np.empty(n, np.int64)
    order[np.concatenate([places, left])] = np.arange(n)
    return flat.take(order)


def batched(
    events: Events, ties: dict[str, Any], streams: Streams
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """Rows of events: on the lattice, each batch filled. Offsets, times, types, and the event of each row."""
    time = jitter.floor(events.times, float(ties["ties"]["step"]))
    if ties.get("batches") is None:
        return events.offsets, time, events.types.astype(np.int32), np.arange(events.n_events)
    offsets, event, types = loops.filled(
        streams.purpose("batches").key, streams.entities, events.offsets, events.types,
        np.ascontiguousarray(ties["batches"]["more"]), np.ascontiguousarray(ties["batches"]["following"]),
    )  # fmt: skip
    return offsets, time[event], types.astype(np.int32), event
