"""Made-up names: for entities, identifiers and parties, in the column's type and never one of the source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import is_text, parse, plain
from tsynth.data.encoding.dtypes import integer_limits
from tsynth.data.schema import Column
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Surrogates"]


class Surrogates:
    """Numbers 0, 1, 2 ... as names of a column.

    Numbers start above the largest of the source, at a power of ten where the type has room; texts are a prefix that no
    source name has, and digits. Only that number or prefix is kept of the source.

    Parameters
    ----------
    column : Column
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self.kind = parse(column.dtype)
        self.value_kind = self.kind.value_type if pa.types.is_dictionary(self.kind) else self.kind
        self.base_ = 0
        self.prefix_ = ""
        self.room_ = 1

    def learn(self, values: pa.ChunkedArray, longest: int = 1) -> dict[str, Any]:
        """The largest number, or which prefixes are taken; `longest` is the most rows of one entity."""
        values = plain(values)
        if is_text(self.value_kind):
            used = [p for p in self._prefixes() if pc.any(pc.starts_with(values, p)).as_py()]
            return {"used": used, "longest": longest}
        if pa.types.is_temporal(self.value_kind):
            values = values.cast(pa.int32() if self.value_kind.bit_width == 32 else pa.int64())
        top = pc.max(values).as_py() if len(values) else None
        return {"top": -1 if top is None else math.ceil(top), "longest": longest}

    def merge(self, states: list[dict[str, Any]]) -> None:
        """A start or a prefix that no block has."""
        self.room_ = 2 * max((int(s["longest"]) for s in states), default=1)
        if is_text(self.value_kind):
            used = {p for s in states for p in s["used"]}
            self.prefix_ = next((p for p in self._prefixes() if p not in used), "surrogate-")
            return
        top = max((int(s["top"]) for s in states), default=-1)
        self.base_ = max(top + 1, 0)
        round_up = 10 ** len(str(self.base_))
        if round_up < self._limit() // 2:
            self.base_ = round_up

    def names(self, numbers: NDArray[np.int64], null: NDArray[np.bool_] | None = None) -> pa.Array:
        """The names of these numbers, in the column's type; null where `null` holds."""
        numbers = np.asarray(numbers, np.int64)
        mask = null if null is not None else np.zeros(len(numbers), np.bool_)
        if is_text(self.value_kind):
            text = pc.utf8_lpad(pa.array(numbers, mask=mask).cast(pa.string()), width=8, padding="0")
            made = pc.binary_join_element_wise(pa.scalar(self.prefix_), text, "").cast(self.value_kind)
        else:
            live = numbers[~mask]
            if len(live) and self.base_ + int(live.max()) > self._limit():
                raise UsageError(
                    f"{self.column.dtype} has no room for {int(live.max()) + 1:,} names above those of the source",
                    column=self.column.name,
                    fix="give the column a wider type, or make fewer at a time",
                )
            made = self._numbers(numbers, mask)
        return made.dictionary_encode().cast(self.kind) if pa.types.is_dictionary(self.kind) else made

    def rows(self, entity: NDArray[np.int64], step: NDArray[np.int64]) -> pa.Array:
        """A name for row `step` of each `entity`, the same whatever the parts they are made in.

        Each entity has room for twice the rows of the longest one learned. Where the type ends, numbers start
        anew, so that names of a narrow type may repeat.
        """
        numbers = entity * self.room_ + step
        if not is_text(self.value_kind):
            numbers = numbers % max(self._limit() - self.base_, 1)
        return self.names(numbers)

    def _numbers(self, numbers: NDArray[np.int64], mask: NDArray[np.bool_]) -> pa.Array:
        kind = self.value_kind
        if pa.types.is_boolean(kind) or pa.types.is_null(kind):
            return pa.nulls(len(numbers), kind)
        if pa.types.is_decimal(kind):
            text = pa.array(
                [None if m else str(self.base_ + int(n)) for n, m in zip(numbers, mask, strict=True)]
            )
            return text.cast(kind)
        if self.base_ > 2**62:
            whole = np.array([self.base_ + int(n) for n in np.where(mask, 0, numbers)], np.uint64)
        else:
            whole = np.where(mask, 0, numbers) + self.base_
        if pa.types.is_temporal(kind):
            ticks = pa.int32() if kind.bit_width == 32 else pa.int64()
            return pa.array(whole, mask=mask).cast(ticks).cast(kind)
        return pa.array(whole, mask=mask).cast(kind)

    def _limit(self) -> int:
        kind = self.value_kind
        if pa.types.is_integer(kind):
            return integer_limits(kind)[1]
        if pa.types.is_floating(kind):
            return {16: 2**11, 32: 2**24}.get(kind.bit_width, 2**53)
        if pa.types.is_decimal(kind):
            return int(10 ** max(kind.precision - kind.scale, 0) - 1)
        return 2**31 - 1 if getattr(kind, "bit_width", 64) == 32 else 2**62

    def _prefixes(self) -> list[str]:
        head = "".join(c for c in self.column.name if c.isalnum())[:12] or "id"
        return ["S", f"{head}-", *(f"{head}{i}-" for i in range(2, 40))]

    def to_state(self) -> dict[str, Any]:
        """Start and prefix, as text: a start may be above 64 bits."""
        return {"base": str(self.base_), "prefix": self.prefix_, "room": self.room_}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `to_state` gave."""
        self.base_, self.prefix_, self.room_ = int(state["base"]), str(state["prefix"]), int(state["room"])
