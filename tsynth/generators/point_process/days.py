"""When the next row comes, for entities that live on one clock: a hazard for each day of waiting.

The hazard of day g after the last row is a product: a base by the code of the last row and g, times factors for the
day of the month (days before its end counted too), the weekday, the time in the source's span, the gap before and the
age, each by as much as observed rows exceed expected ones (iterative proportional fitting over blocks). Whoever is
still waiting when the span ends is censored there. Rows on the same day come by a chance of their own.

References
----------
Deming, Stephan (1940), On a least squares adjustment of a sampled frequency table, Ann. Math. Stat. 11(4).
Prentice, Gloeckler (1978), Regression analysis of grouped survival data, Biometrics 34(1): 1 - exp(-hazard).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled import walk as loops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows

__all__ = ["PASSES", "Calendar", "Hazards", "code_factor_sums", "update_factors"]

PASSES = 5
GAPS = 48
ERAS = 24
COARSE = np.array([0, 0, 1, 1, *[2] * 4, *[3] * 6, *[3] * 1, *[4] * 13, *[5] * 4, *[6] * 29, 7], np.int64)
WITHIN = 22
SLOTS = 48

_EDGES = [36, 38, 43, 51, 58, 63, 75, 88, 94, 110, 180, 366]


def _gap_bins() -> NDArray[np.int64]:
    days = np.arange(367)
    return np.where(days <= 35, days, 35 + np.searchsorted(_EDGES, days, side="right")).astype(np.int64)


GAP_BINS = _gap_bins()
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
    """

    first: int
    last: int
    length: float
    by_day: NDArray[np.int64]

    @classmethod
    def of(cls, span: tuple[float, float], length: float, calendar: bool) -> Calendar:
        """The calendar of a span; where time is no date only a cycle of seven days is known."""
        first, last = int(np.floor(span[0] / length)), int(np.floor(span[1] / length))
        days = np.arange(first, last + 2, dtype=np.int64)
        size = len(days)
        era = np.minimum((days - first) * min(ERAS, max(1, size // 28)) // size, ERAS - 1)
        if not calendar:
            return cls(first, last, length, np.stack([np.zeros(size, np.int64), days % 7, era]))
        date = days.astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        start, after = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        of_month, left = (date - start).astype(np.int64), (after - date).astype(np.int64) - 1
        dom = np.where(left <= 3, 30 - left, np.minimum(of_month, 26))
        return cls(first, last, length, np.stack([dom, (days + 3) % 7, era]))

    def day(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        """Day of each time."""
        return np.clip(np.floor(time / self.length), self.first, self.last).astype(np.int64)


@dataclass
class Hazards:
    """Tables of `tsynth.compiled.walk.sums_of_days`."""

    same: NDArray[np.float64]
    same_dom: NDArray[np.float64]
    hazard: NDArray[np.float64]
    dom: NDArray[np.float64]
    weekday: NDArray[np.float64]
    era: NDArray[np.float64]
    gap: NDArray[np.float64]
    age: NDArray[np.float64]

    names = ("same", "same_dom", "hazard", "dom", "weekday", "era", "gap", "age")

    @classmethod
    def start(cls, groups: int) -> Hazards:
        """Tables before anything is known."""
        one = np.ones
        return cls(
            one((groups, 6)), one((groups, loops.DOMS)), one((groups, GAPS)), one((groups, loops.DOMS)),
            one((groups, 7)), one(ERAS), one((int(COARSE.max()) + 2, int(COARSE.max()) + 1)), one(10),
        )  # fmt: skip

    def sums(
        self, view: Rows, group: NDArray[np.int64], days: Calendar
    ) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Observed and expected rows of one block under these tables, and the lives of its entities."""
        totals = {n: np.zeros((3 if n == "hazard" else 2, *getattr(self, n).shape)) for n in self.names}
        lives = np.zeros((view.n_entities, 4))
        loops.sums_of_days(
            view.offsets, days.day(view.time), group, days.first, days.last, days.by_day, GAP_BINS, COARSE,
            *(getattr(self, n) for n in self.names), *(totals[n] for n in self.names), lives,
        )  # fmt: skip
        return totals, lives

    def update(self, totals: dict[str, Any], number: int) -> None:
        """Take in the sums of pass `number`: the base first, then the month, then all."""
        if number == 0:
            observed, _, waited = totals["hazard"]
            pooled = (observed.sum(axis=0) + 0.01) / (waited.sum(axis=0) + 1.0)
            chance = (observed + 3 * pooled) / (waited + 3)
            self.hazard = -np.log1p(-np.minimum(chance, 0.999))
            tries = totals["same"][1] / 0.999
            pooled = (totals["same"][0].sum(axis=0) + 0.01) / (tries.sum(axis=0) + 1.0)
            self.same = (totals["same"][0] + 3 * pooled) / (tries + 3)
            return
        for name in ("same_dom", "dom", "weekday") if number == 1 else self.names:
            observed, expected = totals[name][:2]
            if name in ("hazard", "same"):  # the base alone takes what all share
                ratio = (observed + 3.0) / (expected + 3.0)
            else:
                level = (observed.sum() + 1.0) / (expected.sum() + 1.0)
                expected = expected * level
                if name in ("dom", "same_dom", "weekday"):
                    whole = (observed.sum(axis=0) + 1.0) / (expected.sum(axis=0) + 1.0)
                    ratio = (observed + 6.0 * whole) / (expected + 6.0)
                else:
                    ratio = (observed + 5.0) / (expected + 5.0)
            damp = 1.0 if number == 1 and name != "weekday" else 0.7
            setattr(self, name, np.clip(getattr(self, name) * ratio**damp, 1e-6, 1e4))
        self.hazard = np.clip(self.hazard, 1e-9, 20.0)


def code_factor_sums(
    view: Rows,
    code: NDArray[np.int32],
    gap: NDArray[np.int64],
    place: dict[str, NDArray[np.int64]],
    chain: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]],
    factors: list[NDArray[np.float64]],
    shape: tuple[int, int],
    since: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Observed and expected rows (2, 4, codes, 31) of each code by day of month, weekday, time of day, and since."""
    gaps, order = shape
    codes = chain[2].shape[1]
    sums = np.zeros((2, 4, codes, loops.DOMS))
    loops.sums_of_codes(
        view.offsets, place["day"], place["part"], gap, code.astype(np.int64), place["dom"], place["weekday"],
        since, gaps, *chain, codes <= 128, *factors, order, sums[0], sums[1],
    )  # fmt: skip
    return sums


def update_factors(
    factors: list[NDArray[np.float64]], sums: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Factors of the codes after one more round of observed over expected."""
    out = []
    for number, factor in enumerate(factors):
        observed, expected = (sums[j, number, :, : factor.shape[1]] for j in range(2))
        ratio = (observed + 2.0) / (expected + 2.0) if expected.sum() > 0 else np.ones_like(observed)
        out.append(np.clip(factor * ratio**0.8, 1e-4, 1e4))
    return out
