"""When the next row comes, for entities that live on one clock: a hazard for each day of waiting.

Kinds of rows (codes; where they are many, the rarer ones together) compete: on each day each kind has a rate, a product
of a base by the days since the entity last had the kind and factors for the day of the month (days before its end
counted too), the weekday, the time in the source's span, the kind of the row before, whether the kind is due (a month
after its last day, or its last but one), the gap before and the age. Each factor is by how much observed rows exceed
expected ones, taken in one after another (iterative proportional fitting). Whoever is still waiting when the span ends
is censored there. Further rows on the same day compete in the same way with tables of their own.

References
----------
Deming, Stephan (1940), On a least squares adjustment of a sampled frequency table, Ann. Math. Stat. 11(4).
Prentice, Gloeckler (1978), Regression analysis of grouped survival data, Biometrics 34(1): 1 - exp(-hazard).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled import markov as loops
from tsynth.compiled import walk as walks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows
    from tsynth.data.encoding.timing import Timing

__all__ = ["PASSES", "Calendar", "Hazards", "code_factor_sums", "update_factors"]

PASSES = (0, 1, 0, 2, 3, 0, 1, 4, 5, 2, 3, 1, 0, 0)
"""Which sums each pass takes in; see `tsynth.compiled.walk.sums_of_days`."""
APART = 8
"""The pass from which on a kind's first time has factors of the day of its own."""
KINDS = 32
"""Codes beyond this many compete as one kind."""
CELLS = 8_000_000
"""Days times kinds that a pass looks at, over all blocks together; of larger data every n-th
entity is used, others in each pass."""
ERAS = 24

_EDGES = [36, 38, 43, 51, 58, 63, 75, 88, 94, 110, 180, 366]


def _bins() -> NDArray[np.int64]:
    days = np.arange(1025)
    waited = np.where(days <= 35, days, 35 + np.searchsorted(_EDGES, days, side="right"))
    coarse = np.searchsorted([2, 4, 8, 15, 28, 32, 61], days, side="right")
    age = np.minimum(np.log2(np.maximum(days, 1)).astype(np.int64), 9)
    return np.stack([waited, coarse, age]).astype(np.int64)


BINS = _bins()
"""Bins of days: waited since the last row of a kind, of the gap before, of the age."""
LOGS = np.log2(np.maximum(np.arange(65_536), 1.0))
_SINCE_EDGES = [1, 3, 7, 14, 25, 28, 30, 31, 32, 36, 61]
SINCE_DAYS = np.searchsorted(_SINCE_EDGES, np.arange(62), side="right").astype(np.int64)
SINCE_ROWS = np.searchsorted([2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64], np.arange(65), side="right").astype(
    np.int64
)


@dataclass(frozen=True)
class Calendar:
    """The days of a span and what each is.

    Parameters
    ----------
    first, last : int
        First and last day, counted from the zero of time.
    length : float
        Of a day, in units of time.
    by_day : int64 array, (3, days)
        Day of month (`tsynth.compiled.walk.DOMS`), weekday, era of each day.
    ease : int
        Days that soften the pace of an entity with few rows: the source's days a row.
    month : int64 array, (days,)
        Days in the month of each day, 0 where time is no date.
    """

    first: int
    last: int
    length: float
    ease: int
    by_day: NDArray[np.int64]
    month: NDArray[np.int64]

    @classmethod
    def of(cls, timing: Timing, calendar: bool) -> Calendar:
        """The calendar of a source's span; where time is no date only a cycle of seven days is known."""
        span, length, ease = timing.span_, timing.day_, int(np.clip(timing.pace_, 5, 365))
        first, last = int(np.floor(span[0] / length)), int(np.floor(span[1] / length))
        days = np.arange(first, last + 2, dtype=np.int64)
        size = len(days)
        era = np.minimum((days - first) * min(ERAS, max(1, size // 28)) // size, ERAS - 1)
        if not calendar:
            zero = np.zeros(size, np.int64)
            return cls(first, last, length, ease, np.stack([zero, days % 7, era]), zero)
        date = days.astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        start, after = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        of_month, left = (date - start).astype(np.int64), (after - date).astype(np.int64) - 1
        dom = np.where(left <= 3, 30 - left, np.minimum(of_month, 26))
        return cls(
            first, last, length, ease, np.stack([dom, (days + 3) % 7, era]), (after - start).astype(np.int64)
        )

    def day(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        """Day of each time."""
        return np.clip(np.floor(time / self.length), self.first, self.last).astype(np.int64)


_LEAN = {"after": 4.0, "weekday": 3.0, "shared": 5.0, "dom": 0.15, "table": 0.5}
_BASE = slice(0, walks.PACE)


class Hazards:
    """Tables of `tsynth.compiled.walk.sums_of_days`.

    Parameters
    ----------
    kinds : int
    """

    def __init__(self, kinds: int) -> None:
        one = np.ones
        self.tables: dict[str, NDArray[np.float64]] = {
            "table": one((2, kinds, walks.WIDTH)), "dom": one((3, kinds, loops.DOMS)), "weekday": one((3, kinds, 7)),
            "after": one((kinds, 4, kinds)), "shared": one(walks.SHARED),
        }  # fmt: skip

    def arguments(self, days: Calendar) -> list[NDArray[np.float64]]:
        """Tables in the order in which the loops take them; those of the day alone multiplied out."""
        t = self.tables
        era = t["shared"][walks.ERA :].reshape(2, ERAS)[[0, 1, 1]]
        by_kind = t["dom"][:, :, days.by_day[0]] * t["weekday"][:, :, days.by_day[1]]
        by_kind = (by_kind * era[:, None, days.by_day[2]]).transpose(0, 2, 1)
        return [np.ascontiguousarray(by_kind), t["table"], t["after"], t["shared"]]

    def sums(
        self, view: Rows, kind: NDArray[np.int64], days: Calendar, which: int, stride: int, first: int = 0
    ) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Observed and expected rows of one block under these tables, and the lives of its entities."""
        names = ("table", "dom", "weekday", "after", "shared")
        totals = {n: np.zeros((3, *self.tables[n].shape)) for n in names}
        lives = np.zeros((view.n_entities, 4))
        walks.sums_of_days(
            view.offsets, days.day(view.time), kind, first, stride, days.first, days.last, days.by_day, days.month,
            days.ease, BINS, LOGS, *self.arguments(days), which, *totals.values(), lives,
        )  # fmt: skip
        return {n: x for n, x in totals.items() if x[1].any()}, lives

    def update(self, totals: dict[str, Any], number: int) -> None:
        """Take in the sums of pass `number`."""
        if number == 0:
            observed, waited = totals["table"][0][..., _BASE], totals["table"][2][..., _BASE]
            rare = (
                0.3 * (observed.sum(axis=1, keepdims=True) + 0.01) / (waited.sum(axis=1, keepdims=True) + 1.0)
            )
            chance = (observed + rare) / (waited + 0.3)
            self.tables["table"][..., _BASE] = np.clip(-np.log1p(-np.minimum(chance, 0.99)), 1e-12, 20.0)
            return
        for name, sums in totals.items():
            lean = _LEAN[name]
            if number < APART and sums.shape[1] == 3:
                sums[:, 1:] = sums[:, 1:].sum(axis=1, keepdims=True)
            observed, expected, waited = sums
            if waited.any():
                # Where a row comes on most of the days waited, the share of days says little: compare the hazards.
                tries = waited + 2 * lean
                observed, expected = (
                    -np.log1p(-np.minimum((x + lean) / tries, 0.998)) for x in (observed, expected)
                )
                ratio = observed / expected
            else:
                ratio = (observed + lean) / (expected + lean)
            self.tables[name] = np.clip(self.tables[name] * ratio, 1e-12, 1e5)
        base = self.tables["table"][..., _BASE]
        np.minimum(base, 20.0, out=base)


def code_factor_sums(
    view: Rows,
    code: NDArray[np.int32],
    gap: NDArray[np.int64],
    place: dict[str, NDArray[Any]],
    chain: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]],
    factors: list[NDArray[np.float64]],
    shape: tuple[int, int],
    since: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Observed and expected rows (2, 4, codes, 31) of each code by day of month, weekday, time of day, since."""
    gaps, order = shape
    codes = chain[2].shape[1]
    sums = np.zeros((2, 4, codes, loops.DOMS))
    loops.sums_of_codes(
        view.offsets, place["use"], place["day"], place["part"], gap, code.astype(np.int64),
        place["dom"], place["weekday"], since, gaps, *chain, *factors, order, sums[0], sums[1],
    )  # fmt: skip
    return sums


SWEEPS = ((0,), (3,), (1, 2), (0,), (3,), (1, 2), (0,), (3,))
"""Which factors of the codes (day of month, weekday, time of day, since) each sweep takes in."""


def update_factors(
    factors: list[NDArray[np.float64]], sums: NDArray[np.float64], which: tuple[int, ...]
) -> list[NDArray[np.float64]]:
    """Factors of the codes after one more round of observed over expected."""
    out = list(factors)
    for number in which:
        observed, expected = (sums[j, number, :, : factors[number].shape[1]] for j in range(2))
        if expected.sum() > 0:
            out[number] = np.clip(factors[number] * (observed + 0.3) / (expected + 0.3), 1e-5, 1e4)
    return out
