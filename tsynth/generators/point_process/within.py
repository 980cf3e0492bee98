"""The time of day of a further row on the same day: a wait after the row before, or a clock of its kind.

A wait suits what comes in bursts, a clock what has its hour whatever came before (interest late in the evening) and
what comes independently of the rows before it. Each kind takes the one that makes its rows likelier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows

__all__ = ["SLOTS", "WAITS", "count", "edges", "lateness", "merge", "smoothed"]

WAITS = 22
"""Classes of waits inside a day; class 0 is no wait at all."""
SLOTS = 96
"""Parts of a day of a clock."""
ROUNDS = 4
"""Rounds in which the factors of the next kind are found."""
TICKS = 86_400
"""Shortest steps of a day that a wait is told in."""


def edges(day: float) -> NDArray[np.float64]:
    """Edges of the classes of waits."""
    return np.concatenate([[0.0], np.geomspace(day / TICKS, day, WAITS)])


def smoothed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows by slot of each kind, leaning on all by as many rows as the kind has slots: a narrow clock stays so."""
    rows = rows + 1e-9
    everywhere = rows.sum(axis=0) / rows.sum()
    return rows + np.count_nonzero(rows >= 1, axis=1)[:, None] * everywhere


def count(
    view: Rows, kind: NDArray[np.int64], day: NDArray[np.int64], step: NDArray[np.int64], length: float
) -> dict[str, Any]:
    """Distinct further rows of a day: kind and burst (none yet, a tie, a wait) before, wait, kind, both slots."""
    same = np.zeros(view.n_rows, np.bool_)
    same[1:] = (step[1:] > 0) & (day[1:] == day[:-1])
    at = np.flatnonzero(same)
    wait = view.time[at] - view.time[at - 1]
    place = np.clip(np.searchsorted(edges(length)[1:], wait, side="right"), 1, WAITS - 1)
    place = np.where(wait > 0, place, 0)
    burst = np.zeros(view.n_rows, np.int64)
    burst[at] = np.where(wait > 0, 2, 1)
    slot = np.clip(((view.time / length - day) * SLOTS).astype(np.int64), 0, SLOTS - 1)
    parts = np.stack([kind[at - 1], burst[at - 1], place, kind[at], slot[at - 1], slot[at]])
    distinct, rows = np.unique(parts, axis=1, return_counts=True)
    return {"parts": distinct, "rows": rows, "step": view.step / length}


def merge(
    states: list[dict[str, Any]], hours: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Waits (kinds, 3, WAITS) after each kind and burst, what the next kind does to them, which go by `hours`."""
    kinds = len(hours)
    before, burst, place, kind, first, second = np.concatenate([s["parts"] for s in states], axis=1)
    rows = np.concatenate([s["rows"] for s in states]).astype(np.float64)
    waits = np.zeros((kinds, 3, WAITS)) + 1e-9
    np.add.at(waits, (before, burst, place), rows)
    waits += 2.0 * waits.sum(axis=0) / waits.sum(axis=(0, 2))[:, None]
    factor = np.ones((kinds, WAITS))
    triple, where = np.unique((before * 3 + burst) * kinds + kind, return_inverse=True)
    many = np.bincount(where, weights=rows, minlength=len(triple))
    seen = np.zeros((kinds, WAITS))
    np.add.at(seen, (kind, place), rows)
    own, state = triple % kinds, triple // kinds
    for _ in range(ROUNDS if len(triple) else 0):
        share = waits.reshape(-1, WAITS)[state] * factor[own]
        share /= share.sum(axis=1, keepdims=True)
        expected = np.zeros((kinds, WAITS))
        np.add.at(expected, own, share * many[:, None])
        factor = np.clip(factor * (seen + 0.5) / (expected + 0.5), 1e-4, 1e4)
    # Both as a chance of the very tick; inside its slot or class each tick has the same.
    share = waits.reshape(-1, WAITS)[state] * factor[own]
    share /= share.sum(axis=1, keepdims=True)
    ticks = 1.0 / max(states[0]["step"], 1.0 / TICKS)
    widths = np.concatenate([[1.0], np.maximum(np.diff(edges(ticks)[1:]), 1.0)])
    mass = hours[kind, second]
    left = np.cumsum(hours[:, ::-1], axis=1)[:, ::-1]
    together = first == second
    chance = np.where(together, 0.5 * mass, mass) / (left[kind, first] - 0.5 * hours[kind, first])
    chance /= np.maximum(np.where(together, 0.5, 1.0) * ticks / SLOTS, 1.0)
    gain = rows * (np.log(chance) - np.log(share[where, place] / widths[place]))
    by_clock: NDArray[np.bool_] = np.bincount(kind, weights=gain, minlength=kinds) > 0
    return waits, factor, by_clock


def lateness(rows: NDArray[np.float64], by_clock: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What a row's time of day does to a further row of each kind on the same day: 1 on average over all rows.

    A kind that goes by the clock can come only in what is left of its hours.
    """
    hours = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1.0)
    after = np.cumsum(hours[:, ::-1], axis=1)[:, ::-1] - 0.5 * hours
    share = rows.sum(axis=0) / max(rows.sum(), 1.0)
    mean = (after @ share)[:, None]
    out = np.where(by_clock[:, None] & (mean > 0), after / np.maximum(mean, 1e-12), 1.0)
    return np.ascontiguousarray(out)
