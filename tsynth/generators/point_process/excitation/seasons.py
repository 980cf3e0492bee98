"""Baselines: as a person writes them, or of shapes that know the calendar or pieces of the span."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled import rates as loops
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.process import Baseline

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "SHAPES",
    "askable",
    "baseline_of",
    "cells_of",
    "check_baseline",
    "cumulative",
    "exposures",
    "fitted",
    "rates_of",
    "seasonal",
]

SHAPES = ("constant", "hour", "weekday", "hour_of_week", "month", "piecewise")
"""Names that `seasonal` knows."""
LONG = {"hour": 7.0, "weekday": 28.0, "hour_of_week": 28.0, "month": 548.0}
"""Days that the span must have for a season to be looked for."""
PIECES, EACH = 24, 50
"""Largest number of pieces, and events that each should have."""
YEAR = 365.25
_MONTHS = np.cumsum([0, 31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) * 1.0


def seasonal(
    name: str,
    *,
    types: int,
    day: float,
    calendar: bool = True,
    step: float = 0.0,
    times: NDArray[np.float64] | None = None,
) -> Baseline:
    """A baseline of this shape, with levels and factors of one, for a fit to fill.

    Parameters
    ----------
    name : str
        One of `SHAPES`. "piecewise" has cells of equal numbers of the events at `times`, at most `PIECES`.
    types : int
        Number M of types.
    day : float
        Length of a day in units of time, 0 where the unit has none (steps, years).
    calendar : bool
        Whether time is counted from 1970-01-01 00:00 on the wall clock, as in views of dates: weeks then begin on
        Monday, and months are those of the calendar. Else days, weeks and years are counted from time 0.
    step : float
        Lattice that all times lie on, 0 where there is none.
    times : float64 array, (R,), optional
        Events, for "piecewise".

    Returns
    -------
    Baseline
        Its factors have one column a type. Hours run from 0 (midnight), weekdays and hours of the week from Monday.
        Months have their mean length in a year of 365.25 days, so that their edges are off by less than a day.

    Raises
    ------
    UsageError
        There is no such shape; the unit of time has no days; times are whole days and the shape has hours.
    """
    if name not in SHAPES:
        raise UsageError(f"baseline={name!r} does not exist", fix=f"use one of {', '.join(SHAPES)}")
    level = np.ones(types)
    if name == "constant":
        return Baseline(level, factors=np.ones((1, types)))
    if name == "piecewise":
        edges = _pieces(np.empty(0) if times is None else times)
        return Baseline(level, edges, np.ones((len(edges) - 1, types)))
    if not day > 0:
        raise UsageError(
            f"baseline={name!r} needs a unit of time that has days",
            fix='set time_unit in the schema to "d", "h", "min" or "s", or use baseline="piecewise"',
        )
    if "hour" in name and step >= day * (1 - 1e-9):
        raise UsageError(
            f"baseline={name!r} needs hours, but all times are whole days",
            fix='use "weekday", "month" or "piecewise"',
        )
    monday = 4.0 * day if calendar else 0.0  # 1970-01-01 was a Thursday
    if name == "hour":
        period, cells, phase = day, 24, 0.0
    elif name == "month":
        # 1970 is the second year after a leap year: the middle of the drift of whole years against 365.25 days.
        edges = _MONTHS / _MONTHS[-1] * YEAR * day if calendar else np.linspace(0, YEAR * day, 13)
        return Baseline(level, edges, np.ones((12, types)), YEAR * day)
    else:
        period, phase = 7.0 * day, monday
        cells = 7 if name == "weekday" else 168
    return Baseline(level, np.linspace(0.0, period, cells + 1), np.ones((cells, types)), period, phase)


def askable(*, day: float, calendar: bool, step: float, span: float) -> list[str]:
    """Seasons that times in a span of this length can tell; arguments as for `seasonal`."""
    names = [name for name, days in LONG.items() if day > 0 and span >= days * day]
    whole = step >= day * (1 - 1e-9)
    return [n for n in names if (calendar or n == "hour") and not ("hour" in n and whole)]


def baseline_of(rates: ArrayLike | Baseline) -> Baseline:
    """A baseline from rates by type, as a person writes them; one that is given is checked."""
    if isinstance(rates, Baseline):
        return check_baseline(rates)
    try:
        level = np.array(rates, np.float64, ndmin=1)
    except (TypeError, ValueError) as error:
        raise UsageError(f"baseline must be numbers, not {rates!r}") from error
    return check_baseline(Baseline(level))


def check_baseline(baseline: Baseline) -> Baseline:
    """The baseline, where its numbers make sense.

    Raises
    ------
    UsageError
        They do not.
    """
    level, edges, factors = baseline.level, baseline.edges, baseline.factors
    if level.ndim != 1 or not len(level) or not (np.all(np.isfinite(level)) and np.all(level >= 0)):
        raise UsageError(
            "baseline must be rates of 0 and more, one a type", fix="give events per unit of time"
        )
    if not (np.all(np.isfinite(factors)) and np.all(factors >= 0)):
        raise UsageError("factors of the baseline must be 0 and more")
    types = len(level)
    if len(edges) != len(factors) + 1 or np.any(np.diff(edges) <= 0) or factors.shape[1] not in (1, types):
        raise UsageError(
            f"a baseline of {len(factors)} cells has {len(factors) + 1} rising edges and factors for 1 or {types} types"
        )
    return baseline


def _pieces(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges between which about the same number of events fall."""
    if len(times) == 0 or np.ptp(times) == 0:
        return np.array([0.0, 1.0])
    pieces = int(np.clip(len(times) // EACH, 1, PIECES))
    edges: NDArray[np.float64] = np.unique(np.quantile(times, np.linspace(0.0, 1.0, pieces + 1)))
    return edges


def _shape(baseline: Baseline) -> tuple[NDArray[np.float64], float, float]:
    return np.ascontiguousarray(baseline.edges, np.float64), float(baseline.period), float(baseline.phase)


def cells_of(baseline: Baseline, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cell of each time, (R,)."""
    found: NDArray[np.int64] = loops.cells(np.ascontiguousarray(times, np.float64), *_shape(baseline))
    return found


def exposures(
    baseline: Baseline,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Time that windows [start, end] spend in each cell, times their weight, (B,)."""
    w = np.ones(len(start)) if weight is None else np.ascontiguousarray(weight, np.float64)
    spent: NDArray[np.float64] = loops.exposures(
        np.ascontiguousarray(start, np.float64), np.ascontiguousarray(end, np.float64), w, *_shape(baseline)
    )
    return spent


def rates_of(baseline: Baseline) -> NDArray[np.float64]:
    """Events of each type per unit of time in each cell, (B, M)."""
    return np.asarray(baseline.factors * baseline.level[None, :])


def cumulative(baseline: Baseline, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integral of the rate of all types together up to each time, from the first edge of period 0, (R,)."""
    rate = rates_of(baseline).sum(axis=1)
    edges, period, phase = _shape(baseline)
    running = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    found: NDArray[np.float64] = loops.cumulative(
        np.ascontiguousarray(times, np.float64), edges, period, phase, rate, running
    )
    return found


def fitted(
    baseline: Baseline, counts: NDArray[np.float64], spent: NDArray[np.float64], lean: float = 0.0
) -> Baseline:
    """The baseline whose cells have the rates that events and exposure say: maximum likelihood where `lean` is 0.

    Parameters
    ----------
    baseline : Baseline
        Whose shape is kept.
    counts : float64 array, (B, M)
        Events by cell and type.
    spent : float64 array, (B,)
        Time spent in each cell, from `exposures`.
    lean : float
        Events of its own that a type must have in a cell to count as much as the profile of all types; a type's
        expected events by that profile are added as `lean` events are.

    Returns
    -------
    Baseline
        Levels are mean rates over the time spent, so that factors are around one. A cell in which no time was spent
        has factor one.
    """
    total, time = counts.sum(axis=0), spent.sum()
    level = total / max(time, 1e-300)
    pooled = np.ones(len(spent))
    seen = spent > 0
    if total.sum() > 0:
        pooled[seen] = counts.sum(axis=1)[seen] / (spent[seen] * level.sum())
    expected = spent[:, None] * level[None, :]
    extra = lean * expected / np.maximum(total[None, :], 1e-300)
    factors = np.ones_like(counts)
    top = counts + extra * pooled[:, None]
    np.divide(top, expected + extra, out=factors, where=expected + extra > 0)
    return replace(baseline, level=level, factors=factors)
