"""The events of entities as a point process sees them: spread or batched, in windows, without those that made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.jitter import Batches, Ties

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams
    from tsynth.generators.point_process.windows import Window

__all__ = ["Observed", "observe"]


@dataclass(frozen=True)
class Observed:
    """Events of N entities and the windows in which a rate explains them.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
        Spread inside the step of the lattice, where ties are.
    code : int32 array, (R,)
    leads : bool array, (R,)
        Whether the event is the first of its moment, where ties are kept; else all are.
    explained : bool array, (R,)
        Whether a rate has to explain the event: it leads its batch, and its window was not made by it.
    begin, end : float64 array, (N,)
        From where to where; NaN where there is no window.
    live : float64 array, (N,)
        Share of that time in which an event could have come: where two batches cannot fall in one step, half a step
        an event is lost (to second order in the rate times the step).
    counts : float64 array, (N,)
        Events that a rate has to explain.
    batches : Batches
    """

    offsets: NDArray[np.int64]
    time: NDArray[np.float64]
    code: NDArray[np.int32]
    leads: NDArray[np.bool_]
    explained: NDArray[np.bool_]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    live: NDArray[np.float64]
    counts: NDArray[np.float64]
    batches: Batches

    @property
    def entity(self) -> NDArray[np.int64]:
        """Entity of each event, (R,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def observe(
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    code: NDArray[np.int32],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    codes: int,
    window: Window,
    ties: Ties,
    streams: Streams,
) -> Observed:
    """Spread or batch events, and place the windows in which they are random.

    Parameters
    ----------
    offsets, time, code : arrays
        Events as they come.
    start, end : float64 array, (N,)
        From ``window.bounds``.
    codes : int
        Number M of types.
    window : Window
    ties : Ties
    streams : Streams
        Of the N entities.
    """
    apart = ties.keep
    spread = jitter.spread(ties, offsets, time, streams)
    if apart:
        leads, batches = jitter.batches(offsets, time, code, codes)
    else:
        leads, batches = (
            np.ones(len(time), np.bool_),
            Batches(np.zeros(codes), np.cumsum(np.ones((1, codes)), axis=1)),
        )
    explained = leads.copy()
    has = np.flatnonzero(np.diff(offsets) > 0)
    head, tail = offsets[:-1][has], offsets[1:][has] - 1
    a, b = start.copy(), end + ties.step
    if window.opened:
        explained[head] = False
        a[has] = time[head] + ties.step if apart else spread[head]
    if window.closed:
        last = has[tail > head]
        rows = offsets[1:][last] - 1
        b[has] = time[tail] if apart else spread[tail]
        explained &= ~(_same_moment(offsets, time) if apart else np.isin(np.arange(len(time)), rows))
    counts = np.bincount(
        np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[explained], minlength=len(offsets) - 1
    ).astype(np.float64)
    length = np.maximum(b - a, 0.0)
    live = np.ones(len(length))
    if apart and ties.step > 0:
        lost = 0.5 * ties.step * counts
        live = 1.0 - np.divide(lost, length, out=np.zeros(len(length)), where=length > 0)
        live = np.clip(live, 0.05, 1.0)
    return Observed(offsets, spread, code, leads, explained, a, b, live, counts, batches)


def _same_moment(offsets: NDArray[np.int64], time: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Events at the moment of the last one of their entity."""
    lengths = np.diff(offsets)
    has = lengths > 0
    return np.asarray(time == np.repeat(time[offsets[1:][has] - 1], lengths[has]))
