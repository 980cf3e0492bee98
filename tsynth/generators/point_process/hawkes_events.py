"""What a Hawkes process sees of a table: events off their lattice, in windows, some of them given; and histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.excitation.process import Events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams
    from tsynth.generators.point_process.onces import Entities
    from tsynth.generators.point_process.windows import Window

__all__ = ["Observed", "joined", "observed"]


@dataclass(frozen=True)
class Observed:
    """Events of many entities in their windows.

    Parameters
    ----------
    events : Events
        One a moment where ties are kept; the one that opened a window is given.
    counted : bool
        Whether sequences end after a number of events, not at a time.
    batches : Batches or None
        What comes at the moment of an event, where ties are kept.
    """

    events: Events
    counted: bool
    batches: jitter.Batches | None


def observed(
    time: NDArray[np.float64],
    code: NDArray[np.int64],
    size: NDArray[np.float64] | None,
    codes: int,
    found: Entities,
    window: Window,
    ties: jitter.Ties,
    streams: Streams,
) -> Observed:
    """The events of all entities in the windows that the rule says, with ties spread or led by their first event.

    Where windows are made by their first and last event (rule "own") a sequence is one of so many events: it begins
    with the first, which is given, and ends with the last, which is drawn as all others.

    Parameters
    ----------
    time, code, size : arrays, (R,)
        Rows of all entities, times as the source has them.
    codes : int
    found : Entities
    window : Window
    ties : Ties
    streams : Streams
        Of all entities, for the jitter.
    """
    offsets, has = found.offsets, found.rows > 0
    time = jitter.spread(ties, offsets, time, streams)
    start, end = window.bounds(found.start, found.end, found.first, found.last)
    start = np.where(np.isfinite(start), start, window.span[0])
    # a window that ends on the lattice ends with the step that stands for its last moment
    end = np.where(np.isfinite(end), end + (0.0 if ties.keep else ties.width), start)
    first, last = time[offsets[:-1][has]], time[offsets[1:][has] - 1]
    start[has] = first if window.opened else np.minimum(start[has], first)
    end[has] = last if window.rule == "own" else np.maximum(end[has], last)
    given = has.astype(np.int64) if window.opened else None
    events = Events(offsets, time, code.astype(np.int64), start, end, size, given=given)
    batches = None
    if ties.keep:
        lead, batches = jitter.batches(offsets, time, code.astype(np.int32), codes)
        events = events.keep(lead)
    return Observed(events, window.rule == "own", batches)


def joined(before: Events, after: Events) -> Events:
    """The events of `before`, then those of `after`, of each sequence; in the windows of both together."""
    offsets = before.offsets + after.offsets
    lengths = np.diff(before.offsets), np.diff(after.offsets)
    places = [
        np.repeat(offsets[:-1] - part.offsets[:-1] + shift, length) + np.arange(part.n_events)
        for part, shift, length in ((before, 0, lengths[0]), (after, lengths[0], lengths[1]))
    ]

    def both(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(len(x) + len(y), x.dtype)
        out[places[0]], out[places[1]] = x, y
        return out

    size = None if before.size is None or after.size is None else both(before.size, after.size)
    return Events(
        offsets,
        both(before.times, after.times),
        both(before.types, after.types),
        before.start,
        after.end,
        size,
    )
