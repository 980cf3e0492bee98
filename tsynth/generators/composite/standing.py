"""What the inner generator made of a code, in whose place contracts stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tsynth.data.recurring import day_length
from tsynth.generators.composite.summaries import at_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences
    from tsynth.generators.composite.contracts import Drawn

__all__ = ["Standing", "kept"]


@dataclass(frozen=True)
class Standing:
    """Rows of one code in each entity.

    Parameters
    ----------
    rows : int64 array, (N,)
    low, high : float64 array, (N,)
        First and last day; 0 and -1 where there are no rows.
    begin : int64 array, (N,)
        Where an entity's amounts begin in `amount`.
    amount : float64 array
        Amounts, ascending inside an entity.
    """

    rows: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    begin: NDArray[np.int64]
    amount: NDArray[np.float64]

    @classmethod
    def of(cls, made: Sequences, own: NDArray[np.bool_], amount: str | None) -> Self:
        """The rows `own` of what was made."""
        entity = made.entity_of_row[own]
        low, high = np.full(made.n_entities, np.inf), np.full(made.n_entities, -np.inf)
        day = np.floor(made.time[own] / (day_length(made) or 1.0))
        np.minimum.at(low, entity, day)
        np.maximum.at(high, entity, day)
        none = ~np.isfinite(low)
        low[none], high[none] = 0.0, -1.0
        rows = np.bincount(entity, minlength=made.n_entities)
        number = np.full(len(entity), np.nan) if amount is None else made.numeric(amount)[own]
        return cls(rows, low, high, np.cumsum(rows) - rows, number[np.lexsort((number, entity))])

    def contracts(self, step: float, most: int) -> NDArray[np.int64]:
        """How many contracts of a row every `step` days make about so many rows, at most `most`."""
        due = np.maximum((self.high - self.low) / step + 1, 1)
        return np.where(self.rows > 0, np.clip(np.rint(self.rows / due), 1, most), 0).astype(np.int64)

    def amounts(self, slot: int, count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the part of an entity's amounts that falls to contract `slot` of `count`, the one nearest to the mean."""
        size = len(self.rows)
        if not len(self.amount):
            return np.full(size, np.nan)
        entity = np.repeat(np.arange(size), self.rows)
        place = np.arange(len(entity)) - self.begin[entity]
        part = np.flatnonzero(place * count[entity] // self.rows[entity] == slot)
        own, x = entity[part], self.amount[part]
        mean = np.bincount(own, x, minlength=size) / np.maximum(np.bincount(own, minlength=size), 1)
        order = np.lexsort((np.abs(x - mean[own]), own))
        out = np.full(size, np.nan)
        out[own[order][::-1]] = x[order][::-1]
        return out


def kept(state: dict[str, Any], made: Sequences, drawn: Drawn) -> NDArray[np.bool_]:
    """Which rows of the inner generator stay beside the contracts: none of codes that are contracts alone, and of
    others as many fewer as the entity's contracts have, those of the nearest amounts first.
    """
    keep = np.ones(made.n_rows, np.bool_)
    if not state["beside"]:
        return keep
    code = at_codes(made, tuple(state["columns"]), np.asarray(state["levels"]))
    keep[np.isin(code, state["only"])] = False
    types = np.asarray(state["types"])
    number = np.zeros(made.n_rows)
    if state["amount"]:
        number = np.nan_to_num(np.log1p(np.abs(made.numeric(state["amount"]))))
    for one in np.setdiff1d(types[:, 0], state["only"]):
        rows = np.flatnonzero(types[drawn.kind, 0] == one)
        many = np.bincount(drawn.entity[rows], minlength=made.n_entities)
        size = np.nan_to_num(np.log1p(np.abs(drawn.amount[rows])))
        level = np.bincount(drawn.entity[rows], size, minlength=made.n_entities) / np.maximum(many, 1)
        own = np.flatnonzero(code == one)
        entity = made.entity_of_row[own]
        order = np.lexsort((np.abs(number[own] - level[entity]), entity))
        place = np.arange(len(own)) - np.searchsorted(entity[order], entity[order], side="left")
        keep[own[order][place < many[entity[order]]]] = False
    return keep
