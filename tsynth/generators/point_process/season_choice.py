"""Which season events follow, told although events come in clusters.

A cluster makes any cell of the calendar look busy, so likelihood alone finds seasons in every burst. Here a season must
foretell: shares of its cells from every other period must suit the periods between better than time alone does, and
the other way round. `rates.choose_shape` asks the likelihood alone, of each type: without clusters that is the sharper
question, and it knows trends too, which foretell no period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process.excitation import seasons

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choose_season"]

PERIODS = {"hour": 1.0, "weekday": 7.0, "hour_of_week": 7.0, "month": seasons.YEAR}
"""Days after which each season begins anew."""
LEAST_GAIN = 0.005
"""Least gain in log-likelihood an event, in each direction."""
SMOOTH = 0.5


def choose_season(
    times: NDArray[np.float64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    *,
    day: float,
    calendar: bool,
    step: float,
) -> tuple[str, str]:
    """The season that foretells events best, "constant" where none does; and why, in a clause.

    Parameters
    ----------
    times : float64 array, (R,)
    begin, end : float64 arrays, (N,)
        Windows of the sequences.
    day : float
        Length of a day in units of time, 0 where days mean nothing.
    calendar : bool
        Whether times are dates; without a calendar there are hours only.
    step : float
        Lattice of times.

    Returns
    -------
    str
        Its name.
    str
        The gain in log-likelihood an event, the smaller of the two directions; empty where no season was asked.
    """
    span = float(end.max(initial=0.0) - begin.min(initial=0.0)) if len(begin) else 0.0
    gains = {"constant": 0.0}
    for name in seasons.askable(day=day, calendar=calendar, step=step, span=span):
        shape = seasons.seasonal(name, types=1, day=day, calendar=calendar, step=step, times=times)
        share = seasons.exposures(shape, begin, end, np.ones(len(begin)))
        share = share / max(share.sum(), 1e-300)
        cell = seasons.cells_of(shape, times)
        half = np.floor((times - begin.min()) / (PERIODS[name] * day)).astype(np.int64) % 2
        counts = np.stack([np.bincount(cell[half == k], minlength=len(share)) for k in (0, 1)]).astype(float)
        if counts.sum(axis=1).min() < 2 * len(share):
            continue
        told = (counts + SMOOTH * share * len(share)) / (counts.sum(axis=1) + SMOOTH * len(share))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(counts[::-1] > 0, counts[::-1] * np.log(told / share), 0.0).sum(axis=1)
        gains[name] = float((each / counts[::-1].sum(axis=1)).min())
    best = max(gains, key=lambda name: gains[name])
    if gains[best] > LEAST_GAIN:
        return best, (
            f"baseline: {best}, because its shares foretell other periods better than a constant rate does (by "
            f"{gains[best]:.2g} in log-likelihood an event)"
        )
    asked = [name for name in gains if name != "constant"]
    return (
        "constant",
        f"baseline: constant, because no season ({', '.join(asked)}) foretells events" if asked else "",
    )
