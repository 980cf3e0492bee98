"""Several row files of the same entities as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import plain
from tsynth.data.files import stack
from tsynth.data.ordering import entity_codes
from tsynth.data.sequences import Note
from tsynth.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["merge"]

Part = tuple[pa.Table, str, list[Note]]


def merge(parts: list[Part], entity: str | None, time: tuple[str, ...]) -> Part:
    """Stack tables that have the same columns; join others on entity and time, every row of each kept.

    Where a key stands more than once in a table, its first row is joined with the other's first and so on, in the
    order of the tables. A column that both have must agree.
    """
    if not parts:
        raise UsageError("the list of sources is empty", fix="hand in at least one")
    table, origin, notes = parts[0]
    notes = list(notes)
    keys = [k for k in (entity, *time) if k is not None]
    for number, (other, _, more) in enumerate(parts[1:], 1):
        notes += [note for note in more if note not in notes]
        if set(other.column_names) == set(table.column_names):
            table = stack([table, other.select(table.column_names)], ["source 0", f"source {number}"])
            continue
        for key in keys:
            if key not in other.column_names:
                raise DataError(
                    f"source {number} has no column {key!r} to be merged on",
                    fix="name the keys alike in every source",
                )
        if not keys:
            raise UsageError(
                "sources with unlike columns are merged on entity and time", fix="name entity and time"
            )
        before = table.num_rows
        table = _joined(table, other, keys, number)
        what = f"source {number} ({other.num_rows:,} rows) was merged with {before:,} rows"
        notes.append(Note("merged", f"{what} on {' and '.join(keys)}: {table.num_rows:,} rows"))
    return table, origin, notes


def _joined(left: pa.Table, right: pa.Table, keys: list[str], number: int) -> pa.Table:
    both = {}
    for key in keys:
        try:
            both[key] = pa.chunked_array(
                [*plain(left[key]).chunks, *plain(right[key]).cast(plain(left[key]).type).chunks]
            )
        except pa.ArrowInvalid as error:
            raise DataError(
                f"is {right[key].type} in source {number} but {left[key].type} before",
                column=key,
                fix="write both in one type",
            ) from error
    code = np.zeros(left.num_rows + right.num_rows, np.int64)
    for column in both.values():
        codes, ids = entity_codes(column)
        code = code * (len(ids) + 1) + codes
        code = np.unique(code, return_inverse=True)[1]
    at = np.concatenate([_occurrence(code[: left.num_rows]), _occurrence(code[left.num_rows :])])
    key_row = np.unique(code * (int(at.max(initial=0)) + 1) + at, return_inverse=True)[1]
    size = int(key_row.max(initial=-1)) + 1
    place = np.full((2, size), -1)
    place[0, key_row[: left.num_rows]] = np.arange(left.num_rows)
    place[1, key_row[left.num_rows :]] = np.arange(right.num_rows)
    from_left, from_right = (pa.array(p, mask=p < 0) for p in place)
    columns: dict[str, Any] = {}
    for name in [*left.column_names, *(n for n in right.column_names if n not in left.column_names)]:
        if name not in right.column_names:
            columns[name] = plain(left[name]).take(from_left)
            continue
        two = plain(right[name]).take(from_right)
        if name not in left.column_names:
            columns[name] = two
            continue
        one = plain(left[name]).take(from_left)
        try:
            two = two.cast(one.type)
        except pa.ArrowInvalid:
            one = one.cast(two.type)
        unlike = pc.fill_null(pc.not_equal(one, two), False)
        if name not in keys and pc.any(unlike).as_py():
            row = pc.index(unlike, True).as_py()
            owner = columns[keys[0]][row].as_py()
            here, there = two[row].as_py(), one[row].as_py()
            raise DataError(
                f"source {number} says {here!r}, another says {there!r} for {keys[0]} {owner}",
                column=name,
                entity=owner,
                fix="rename the column in one of them",
            )
        columns[name] = pc.coalesce(one, two)
    return pa.table(columns)


def _occurrence(code: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows with the same key stand before each row."""
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    start = np.r_[True, ordered[1:] != ordered[:-1]] if len(code) else np.empty(0, bool)
    run = np.arange(len(code)) - np.maximum.accumulate(np.where(start, np.arange(len(code)), 0))
    out = np.empty(len(code), np.int64)
    out[order] = run
    return out
