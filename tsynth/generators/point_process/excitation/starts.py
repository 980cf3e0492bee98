"""Where a search starts: the first events, their types taken together, and the decays that events can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process.excitation.intensity import SharedDecays
from tsynth.generators.point_process.excitation.process import Baseline, Events
from tsynth.generators.point_process.excitation.scoring import Box, maximise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PART", "head", "pooled", "reach_of_decay"]

PART = 20_000
"""Events that the first, rough search looks at."""


def head(events: Events, most: int) -> Events:
    """The first sequences with about so many events, the last of them cut there."""
    last = int(np.searchsorted(events.offsets, most))
    n = min(max(last, 1), events.n_sequences)
    rows = min(most, int(events.offsets[n]))
    offsets, end = np.minimum(events.offsets[: n + 1], rows), events.end[:n].copy()
    if rows < events.offsets[n]:
        end[-1] = events.times[rows - 1]
    size = None if events.size is None else events.size[:rows]
    given = None if events.given is None else np.minimum(events.given[:n], np.diff(offsets))
    return Events(offsets, events.times[:rows], events.types[:rows], events.start[:n], end, size, given=given)


def _gaps(events: Events) -> NDArray[np.float64]:
    """Positive gaps inside sequences."""
    gaps = np.diff(events.times)
    inside = np.ones(len(gaps), bool)
    inside[
        events.offsets[1:-1][(events.offsets[1:-1] > 0) & (events.offsets[1:-1] < len(events.times))] - 1
    ] = False
    out: NDArray[np.float64] = gaps[inside & (gaps > 0)]
    return out


def reach_of_decay(events: Events) -> tuple[float, float]:
    """Logs of the least and the greatest decay that these events can tell from none and from infinity."""
    longest = float((events.end - events.start).max())
    gaps = _gaps(events)
    shortest = float(gaps.min()) if len(gaps) else longest / 100
    return -float(np.log(longest)), float(np.log(10 / min(shortest, longest)))


def pooled(events: Events, decay: float | None) -> tuple[float, float]:
    """Branching ratio and decay of the first events, types taken together: the best of some starts."""
    part = head(events, PART)
    zeros = np.zeros(len(part.times), np.int64)
    one = Events(part.offsets, part.times, zeros, part.start, part.end, given=part.given)
    low, high = reach_of_decay(one)
    gaps = _gaps(one)
    if not len(gaps):
        return 0.0, decay or float(np.exp(low)) * 100
    rate = len(one.times) / max(float((one.end - one.start).sum()), 1e-300)
    starts = [decay] if decay else [*(1.0 / np.quantile(gaps, [0.1, 0.5, 0.9])), rate]
    given = decay is not None
    ones = np.ones((1, 1))
    likelihood = SharedDecays(one, 1, Baseline(np.ones(1)), ones, np.zeros(1))
    best, out = -np.inf, (0.0, float(starts[0]))
    for first in starts:
        at = float(np.clip(np.log(first), low, high)) if not given else float(np.log(first))
        bounds = (at, at) if given else (low, high)
        far = np.full(2, np.inf)
        box = Box(np.zeros(2), far, np.array([bounds[0], 0.0]), np.array([bounds[1], 0.0]), far, np.ones(2))
        found = maximise(
            likelihood, np.array([[0.5 * rate, 0.5]]), np.array([at, 0.0]), box, tolerance=1e-3, most=40
        )
        if found.terms.value > best:
            best, out = found.terms.value, (float(found.theta[0, 1]), float(np.exp(found.eta[0])))
    return out
