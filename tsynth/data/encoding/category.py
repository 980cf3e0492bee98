"""Categories and booleans: a level is a choice; rare levels share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data.arrow_types import parse
from tsynth.data.encoding.base import owners, threshold
from tsynth.data.encoding.dtypes import from_levels
from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences, level_array
from tsynth.errors import SchemaMismatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Boolean", "Category"]


class Category:
    """A category: null, a level, or "rare".

    Levels that fewer distinct entities hold than `tsynth.data.encoding.base.threshold` says are one choice, "rare",
    so that their rows keep their place in time; on the way back it becomes one of the kept levels, by their
    frequency. Where no level is kept the column comes back null.

    Parameters
    ----------
    column : Column
        Its `levels` are those that may occur.
    schema : Schema
    """

    protects = True

    def __init__(self, column: Column, schema: Schema) -> None:
        self.column, self.schema = column, schema
        self.kept_: NDArray[np.int64] = np.empty(0, np.int64)
        self.share_: NDArray[np.float64] = np.empty(0)
        self.rare_ = False

    def learn(self, part: Sequences) -> dict[str, Any]:
        codes = self._codes(part).astype(np.int64)
        owner = owners(part, self.column)[codes >= 0]
        codes = codes[codes >= 0]
        size = len(self._levels())
        pairs = np.unique(owner * max(size, 1) + codes)
        return {
            "rows": np.bincount(codes, minlength=size),
            "entities": np.bincount(pairs % max(size, 1), minlength=size) if size else np.empty(0, np.int64),
        }

    def merge(self, states: list[dict[str, Any]], entities: int) -> None:
        rows = np.sum([s["rows"] for s in states], axis=0)
        held = np.sum([s["entities"] for s in states], axis=0)
        keep = (held >= threshold(entities)) if self.protects else (held > 0)
        self.kept_ = np.flatnonzero(keep)
        self.share_ = rows[keep] / max(rows[keep].sum(), 1)
        self.rare_ = bool(np.any(~keep & (rows > 0))) and len(self.kept_) > 0

    @property
    def choices(self) -> int:
        """Null, kept levels, "rare"."""
        return 1 + len(self.kept_) + self.rare_

    @property
    def names(self) -> list[str]:
        """What each choice stands for."""
        kept = [str(self._levels()[at]) for at in self.kept_]
        return ["null", *kept, "rare levels"][: self.choices]

    def encode(self, data: Sequences) -> Field:
        codes = self._codes(data)
        size = len(self._levels())
        # A level that is not kept: "rare", or null where no level is kept.
        to = np.full(size + 1, 1 + len(self.kept_) if self.rare_ else 0, np.int32)
        to[self.kept_] = np.arange(1, len(self.kept_) + 1)
        to[size] = 0
        choice = to[np.where(codes < 0, size, codes)]
        nullable = self.column.nullable or len(self.kept_) == 0
        return Field(self.column.name, choice, None, self.choices, nullable=nullable)

    def decode(self, field: Field, rows: Rows, streams: Streams) -> pa.Array:
        choice = field.choice.astype(np.int64)
        if self.rare_:
            rare = choice == 1 + len(self.kept_)
            if rare.any():
                choice[rare] = 1 + self._instead(rare, rows, streams)
        to = np.concatenate([[-1], self.kept_, [-1]])
        return from_levels(to[choice], self._arrow_levels(), self.column.dtype)

    def _instead(self, rare: NDArray[np.bool_], rows: Rows, streams: Streams) -> NDArray[np.int64]:
        """A kept level for each rare row; row j of an entity takes number j mod 16 of the entity's draws."""
        draws = streams.uniform(16)
        if self.column.static:
            u = draws[rare, 0]
        else:
            lengths = np.diff(rows.offsets)
            entity = np.repeat(np.arange(len(lengths)), lengths)
            step = np.arange(len(entity)) - np.repeat(rows.offsets[:-1], lengths)
            u = draws[entity[rare], step[rare] % 16]
        return np.minimum(np.searchsorted(np.cumsum(self.share_), u, side="right"), len(self.kept_) - 1)

    def to_state(self) -> dict[str, Any]:
        return {"kept": self.kept_, "share": self.share_, "rare": self.rare_}

    def restore(self, state: dict[str, Any]) -> None:
        self.kept_, self.share_ = np.asarray(state["kept"], np.int64), np.asarray(state["share"], np.float64)
        self.rare_ = bool(state["rare"])

    def _levels(self) -> tuple[Any, ...]:
        return self.column.levels or ()

    def _arrow_levels(self) -> pa.Array:
        return level_array(self._levels(), parse(self.column.dtype))

    def _codes(self, data: Sequences) -> NDArray[np.int32]:
        if not self._levels():
            return np.full(len(data.column(self.column.name)), -1, np.int32)
        codes = data.codes(self.column.name)
        if np.any(codes == -2):
            at = int(np.argmax(codes == -2))
            level = data.column(self.column.name)[at].as_py()
            raise SchemaMismatch(
                [f"column {self.column.name!r}: level {level!r} is not in the schema"],
                fix="use a level that was learned, or learn anew with it",
            )
        return codes


class Boolean(Category):
    """A boolean: null, false, true. Two levels give nobody away, so none is protected."""

    protects = False

    def _levels(self) -> tuple[Any, ...]:
        return self.column.levels or (False, True)
