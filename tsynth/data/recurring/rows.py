"""Chains of recurring rows in a table: which columns say of what kind a row is, how much and with whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.arrow_types import plain
from tsynth.data.clock import TICKS
from tsynth.data.recurring.chains import Chains, find_chains

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from tsynth.data.schema import Schema
    from tsynth.data.sequences import Sequences

__all__ = ["RecurringRows", "day_length", "find_recurring", "parties_of", "row_codes"]

TOGETHER = 40
"""Most codes that category columns make together."""


@dataclass(frozen=True)
class RecurringRows:
    """What recurs in a table.

    Parameters
    ----------
    columns : tuple of str
        Category columns that make the code of a row.
    levels : int64 array, (K, number of columns)
        Levels that each code stands for, -1 for null.
    code : int64 array, (R,)
    amount : str or None
        Column whose values are compared from row to row.
    party : str or None
        Column that says with whom.
    day : float64 array, (R,)
        Time of each row in days.
    chains : Chains
    """

    columns: tuple[str, ...]
    levels: NDArray[np.int64]
    code: NDArray[np.int64]
    amount: str | None
    party: str | None
    day: NDArray[np.float64]
    chains: Chains


def find_recurring(data: Sequences) -> RecurringRows:
    """What recurs in `data`, whose constraints may have been taken off.

    The code of a row is the mark and as many other categories as make at most 40 combinations. Where time is neither a
    date nor in days, hours or the like, nothing recurs.
    """
    columns, levels, code = row_codes(data)
    amount = _amount(data, code)
    party = next((c.name for c in data.schema.roles("party") if not c.static and c.name in data), None)
    length = day_length(data)
    day = data.time / length if length > 0 else np.zeros(data.n_rows)
    number = np.full(data.n_rows, np.nan) if amount is None else data.numeric(amount)
    other = np.full(data.n_rows, -1, np.int64) if party is None else parties_of(data.column(party))
    if length > 0 and data.n_rows:
        chains = find_chains(data.offsets, day, code, number, other, calendar=data.calendar)
    else:
        none = np.zeros(0)
        chains = find_chains(np.zeros(data.n_entities + 1, np.int64), none, none.astype(np.int64), none)
        chains = replace(chains, chain=np.full(data.n_rows, -1, np.int32))
    return RecurringRows(columns, levels, code, amount, party, day, chains)


def day_length(data: Sequences) -> float:
    """A day in units of ``data.time``; 0 where the unit is none of fixed length."""
    unit = TICKS.get(data.schema.time_unit)
    return TICKS["d"] / unit if unit and data.schema.time is not None else 0.0


def row_codes(data: Sequences) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Columns that make the code of a row, the levels of each code, and the code of each row.

    Codes stand in the order of their levels, so that the order of rows does not matter.
    """
    chosen: list[str] = []
    code = np.zeros(data.n_rows, np.int64)
    levels = np.zeros((1, 0), np.int64)
    for name in _categories(data.schema):
        own = data.codes(name).astype(np.int64)
        pair, joined = np.unique(np.column_stack([code, own]), axis=0, return_inverse=True)
        if len(pair) <= TOGETHER:
            levels = np.column_stack([levels[pair[:, 0]], pair[:, 1]])
            chosen.append(name)
            code = joined.reshape(-1).astype(np.int64)
    return tuple(chosen), levels, code


def _categories(schema: Schema) -> list[str]:
    plain = [c for c in schema.dynamic if c.discrete and c.role not in ("label", "party")]
    return [c.name for c in sorted(plain, key=lambda c: c.role != "mark")]


def parties_of(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """A number for each party, -1 where null."""
    encoded = plain(column).combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1), dtype=np.int64)


def _amount(data: Sequences, code: NDArray[np.int64]) -> str | None:
    """The number that is most often the same again in an entity's next row of a code, chance equals taken off."""
    best, most = None, -np.inf
    order = np.lexsort((code, data.entity_of_row))
    same = (np.diff(code[order]) == 0) & (np.diff(data.entity_of_row[order]) == 0)
    shuffled = np.random.default_rng(0).permutation(data.n_rows)
    for column in data.schema.dynamic:
        if column.kind not in ("continuous", "count") or column.role in ("label", "event", "time"):
            continue
        x = data.numeric(column.name)
        again = x[order][1:] == x[order][:-1]
        share = float(np.mean(again[same])) if same.any() else 0.0
        share -= float(np.mean(x == x[shuffled])) if data.n_rows else 0.0
        if share > most:
            best, most = column.name, share
    return best
