"""The order of rows: by entity, time, the column that breaks ties, and else by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import plain, ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Layout", "break_ties", "lay_out"]


@dataclass(frozen=True)
class Layout:
    """Where the rows of each entity stand.

    Parameters
    ----------
    order : int64 array, (R,)
        Row numbers of the source by entity and time; rows that tie keep the source's order.
    offsets : int64 array, (N + 1,)
        Rows of entity i are ``order[offsets[i]:offsets[i + 1]]``.
    entities : pyarrow.Array, (N,)
        Entity ids, sorted; one null where there is no entity column.
    times : array, (R,)
        Numbers in the order of the times, in the order of `order`; empty where there is no time column.
    out_of_order : float
        Share of rows delivered earlier in time than the row of their entity before them.
    """

    order: NDArray[np.int64]
    offsets: NDArray[np.int64]
    entities: pa.Array
    times: NDArray[Any]
    out_of_order: float

    @property
    def first(self) -> NDArray[np.bool_]:
        """Which rows, in order, are the first of their entity, (R,)."""
        mask = np.zeros(len(self.order), bool)
        mask[self.offsets[:-1][np.diff(self.offsets) > 0]] = True
        return mask

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Which rows, in order, have entity and time of the row before them, (R,)."""
        mask = np.zeros(len(self.order), bool)
        if len(self.times):
            mask[1:] = (self.times[1:] == self.times[:-1]) & ~self.first[1:]
        return mask


def lay_out(table: pa.Table, entity: str | None, time: str | None) -> Layout:
    """Sort the rows of `table` by entity and time.

    Ids sort as numbers where they are numbers, else by code point, whatever the locale.
    """
    rows = table.num_rows
    if entity is None:
        codes, ids = np.zeros(rows, np.uint16), pa.nulls(1)
        offsets = np.array([0, rows])
    else:
        codes, ids = entity_codes(table[entity])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(ids)))])
    by_entity = np.argsort(codes, kind="stable") if entity is not None else np.arange(rows)
    if time is None:
        return Layout(by_entity, offsets, ids, np.empty(0), 0.0)
    times = ranks(table[time])
    sorted_times = times[by_entity]
    back = sorted_times[1:] < sorted_times[:-1]
    starts = offsets[1:-1]
    back[starts[(starts > 0) & (starts < rows)] - 1] = False
    late = int(back.sum())
    if late == 0:
        return Layout(by_entity, offsets, ids, sorted_times, 0.0)
    order = np.lexsort((times, codes))
    return Layout(order, offsets, ids, times[order], late / rows)


def entity_codes(column: pa.ChunkedArray) -> tuple[NDArray[Any], pa.Array]:
    """Each row's place among the sorted distinct ids, after them where it has none, and those ids."""
    encoded = plain(column).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    ids = encoded.dictionary
    order = pc.sort_indices(ids)
    rank = np.empty(len(ids) + 1, np.uint16 if len(ids) < 2**16 else np.int64)
    rank[np.asarray(order)] = np.arange(len(ids))
    rank[-1] = len(ids)
    return rank[np.asarray(encoded.indices.fill_null(len(ids)))], ids.take(order)


def break_ties(table: pa.Table, layout: Layout, names: list[str], by: str | None = None) -> NDArray[np.int64]:
    """Row numbers by entity, time, the column `by` and then the columns `names`, whatever the source's order.

    Only rows that share entity and time are looked at. Rows alike in every column may stand in any order.
    """
    tied = layout.tied
    if not len(layout.times) or not tied.any():
        return layout.order
    # All members of a tie: those equal to the row before, and the row that begins it.
    member = tied.copy()
    member[:-1] |= tied[1:]
    group = np.cumsum(~tied)[member]
    rows = layout.order[member]
    subset = table.take(pa.array(rows))
    keys: list[NDArray[Any]] = [group]
    for name in ([by] if by is not None else []) + [n for n in names if n != by]:
        keys.append(ranks(subset[name]))
    order = layout.order.copy()
    order[member] = rows[np.lexsort(keys[::-1])]
    return order
