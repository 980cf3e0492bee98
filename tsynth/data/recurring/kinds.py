"""What recurs, told in plain sentences: one a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.recurring.chains import DAY_OF_MONTH, MONTH_END, PERIOD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.recurring.rows import RecurringRows
    from tsynth.data.sequences import Sequences

__all__ = ["Kind", "describe"]

USUAL = 0.9
"""Share of the chains that "mostly" means."""


@dataclass(frozen=True)
class Kind:
    """The recurring rows of one code.

    Parameters
    ----------
    code : dict of str to value
        Column and level, nulls left out.
    rows, recurring, chains, entities : int
        Rows of the code, those in chains, chains, and entities that have one.
    monthly, month_end, periodic : float
        Share of the chains on a day of the month, at its end, every so many days.
    due : (int, int)
        Days of the month between which the middle 90 % of the due days lie; (0, 0) where there are none.
    period : int
        The most usual number of days, 0 where there is none.
    same : float
        Share of the rows with the amount of the row before; NaN where there are no amounts.
    kept : float
        Share of the expected rows that are there.
    length : int
        Rows of a chain, the median.
    """

    code: dict[str, Any]
    rows: int
    recurring: int
    chains: int
    entities: int
    monthly: float
    month_end: float
    periodic: float
    due: tuple[int, int]
    period: int
    same: float
    kept: float
    length: int

    def sentence(self) -> str:
        """All of it for a reader."""
        what = " · ".join(f"{column} {level}" for column, level in self.code.items()) or "all rows"
        of = (
            f"{self.recurring:,} of {self.rows:,} rows"
            if self.recurring < self.rows
            else f"{self.rows:,} rows"
        )
        chains = "chain" if self.chains == 1 else "chains"
        entities = "entity" if self.entities == 1 else "entities"
        amount = "" if np.isnan(self.same) else f", same amount in {_percent(self.same)}"
        lacks = f", {_percent(1 - self.kept)} missed" if self.kept < 0.995 else ""
        return (
            f"{what}: {of} in {self.chains:,} {chains} of {self.entities:,} {entities}, {self._rhythm()}{amount}"
            f"{lacks}, {self.length} rows a chain"
        )

    def _rhythm(self) -> str:
        low, high = self.due
        day = f"day {low}" if low == high else f"days {low}-{high}"
        days = "weekly" if self.period == 7 else f"every {self.period} days"
        said = [
            (self.monthly, f"monthly on a fixed day ({day})"),
            (self.month_end, "monthly at the month's end"),
            (self.periodic, days),
        ]
        said = sorted(((share, text) for share, text in said if share > 0), key=lambda pair: -pair[0])
        if said[0][0] >= USUAL:
            return said[0][1] if said[0][0] == 1 else f"mostly {said[0][1]}"
        return " or ".join(f"{text} in {_percent(share)}" for share, text in said)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON; NaN becomes None."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        found["due"] = list(self.due)
        found["same"] = None if np.isnan(self.same) else self.same
        return {"sentence": self.sentence(), **found}


def describe(found: RecurringRows, data: Sequences) -> list[Kind]:
    """One `Kind` for each code of `data` that has chains, those with the most recurring rows first."""
    chains = found.chains
    kinds = []
    for code in np.unique(chains.code):
        own = chains.code == code
        kind, due = chains.kind[own], chains.due[own]
        dated, fixed = due[kind == DAY_OF_MONTH], due[kind == PERIOD]
        links = np.where(np.isnan(chains.same[own]), 0, chains.rows[own] - 1)
        kinds.append(
            Kind(
                code=_named(found, int(code), data),
                rows=int(np.sum(found.code == code)),
                recurring=int(chains.rows[own].sum()),
                chains=int(own.sum()),
                entities=len(np.unique(chains.entity[own])),
                monthly=float(np.mean(kind == DAY_OF_MONTH)),
                month_end=float(np.mean(kind == MONTH_END)),
                periodic=float(np.mean(kind == PERIOD)),
                due=_middle(dated),
                period=int(np.bincount(fixed).argmax()) if len(fixed) else 0,
                same=float(np.nansum(chains.same[own] * links) / links.sum())
                if links.any()
                else float("nan"),
                kept=float(chains.rows[own].sum() / (chains.rows[own] / chains.kept[own]).sum()),
                length=int(np.median(chains.rows[own])),
            )
        )
    return sorted(kinds, key=lambda one: -one.recurring)


def _named(found: RecurringRows, code: int, data: Sequences) -> dict[str, Any]:
    named = {}
    for column, level in zip(found.columns, found.levels[code], strict=True):
        if level >= 0:
            known = data.schema[column].levels
            named[column] = bool(level) if known is None else known[int(level)]
    return named


def _middle(due: NDArray[np.int64]) -> tuple[int, int]:
    if not len(due):
        return 0, 0
    low, high = np.quantile(due, (0.05, 0.95))
    return round(low), round(high)


def _percent(share: float) -> str:
    text = f"{100 * share:.1f} %".replace(".0 %", " %")
    return "> 99.9 %" if share < 1 and text == "100 %" else text
