"""What inference looks at: facts of one column, found over all of its values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.arrow_types import is_text, plain, ranks
from tsynth.data.ordering import Layout
from tsynth.data.text_dates import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """Facts of a column.

    Parameters
    ----------
    name : str
    column : pyarrow.ChunkedArray
        In the source's order.
    layout : Layout
        Where the rows of each entity stand.
    """

    name: str
    column: pa.ChunkedArray
    layout: Layout

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of the name, in lower case."""
        return frozenset(words(self.name))

    @cached_property
    def values(self) -> pa.ChunkedArray:
        """The column without dictionary."""
        return plain(self.column)

    @property
    def kind(self) -> pa.DataType:
        """Arrow type of the values."""
        return self.values.type

    @cached_property
    def present(self) -> int:
        """Number of values that are not null."""
        return len(self.column) - self.column.null_count

    @cached_property
    def _counted(self) -> tuple[pa.Array, NDArray[np.int64]]:
        if pa.types.is_null(self.kind):
            return pa.array([], pa.null()), np.empty(0, np.int64)
        counted = pc.value_counts(self.values)
        values, counts = counted.field("values"), np.asarray(counted.field("counts"))
        if values.null_count:
            keep = pc.is_valid(values)
            values, counts = values.filter(keep), counts[np.asarray(keep)]
        return values, counts

    @property
    def distinct(self) -> int:
        """Number of distinct values."""
        return len(self._counted[0])

    @property
    def unique(self) -> pa.Array:
        """The distinct values, in no order."""
        return self._counted[0]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each of `unique` occurs."""
        return self._counted[1]

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """Levels, most frequent first, ties by value; in the declared order where the source orders its categories, and
        with those that never occur last.
        """
        values, counts = self._counted
        declared: list[Any] = []
        if pa.types.is_dictionary(self.column.type) and self.column.num_chunks:
            declared = [v for c in self.column.chunks for v in c.dictionary.to_pylist() if v is not None]
            declared = list(dict.fromkeys(declared))
            if self.column.type.ordered:
                return _plain_levels(declared)
        place = ranks(pa.chunked_array([values]))
        order = np.lexsort((place, -counts))
        found = values.take(pa.array(order)).to_pylist()
        if declared:
            seen = set(found)
            found += sorted(v for v in declared if v not in seen)
        return _plain_levels(found)

    @cached_property
    def numeric(self) -> bool:
        """Whether the values are numbers (truth values are not)."""
        kind = self.kind
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

    @property
    def text(self) -> bool:
        """Whether the values are text."""
        return is_text(self.kind)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The distinct finite numbers as float64, sorted."""
        unique = self.unique
        if pa.types.is_duration(unique.type):
            unique = unique.cast(pa.int64())
        found = np.sort(np.asarray(unique.cast(pa.float64(), safe=False)))
        return found[np.isfinite(found)]

    @cached_property
    def whole(self) -> bool:
        """Whether all numbers are integers, whatever their type."""
        if pa.types.is_integer(self.kind):
            return True
        numbers = self.numbers
        return (
            bool(len(numbers))
            and bool((numbers == np.rint(numbers)).all())
            and float(np.abs(numbers).max()) < 2**53
        )

    @cached_property
    def decimals(self) -> int | None:
        """Digits after the point that every number keeps to, None where there are more than 12."""
        if self.whole:
            return 0
        if pa.types.is_decimal(self.kind):
            return int(self.kind.scale)
        numbers = self.numbers
        slack = 2e-7 if self.kind == pa.float32() else 4e-16
        for digits in range(1, 13):
            with np.errstate(over="ignore", invalid="ignore"):
                rounded = np.round(numbers, digits)
            if (np.abs(rounded - numbers) <= slack * np.abs(numbers)).all():
                return digits
        return None

    @cached_property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest finite value; of times in ticks."""
        if pa.types.is_temporal(self.kind) and not pa.types.is_duration(self.kind):
            place = ranks(pa.chunked_array([self.unique]))
            return (int(place.min()), int(place.max())) if len(place) else None
        numbers = self.numbers
        if not len(numbers):
            return None
        if self.whole:
            return int(numbers[0]), int(numbers[-1])
        return float(numbers[0]), float(numbers[-1])

    @cached_property
    def sorted_ranks(self) -> NDArray[Any]:
        """Numbers in the order of the values, row by row in the layout's order."""
        return ranks(self.values)[self.layout.order]

    @cached_property
    def constant_inside(self) -> bool:
        """Whether each entity has one value only (null counted as a value)."""
        first, values = self.layout.first, self.sorted_ranks
        head = slice(1, 20_000)
        if ((values[head] != values[: len(values[head])]) & ~first[head]).any():
            return False
        return not ((values[1:] != values[:-1]) & ~first[1:]).any()

    @cached_property
    def static(self) -> bool:
        """Whether each entity has one value only, and so many repeat it that chance does not explain it."""
        rows, used = len(self.layout.order), int(self.layout.first.sum())
        if rows == used or used < 2 or not self.constant_inside:
            return False
        shares = np.append(self.counts, self.column.null_count) / max(rows, 1)
        alike = float((shares**2).sum())
        return alike < 1 and (rows - used) * np.log(max(alike, 1e-300)) < np.log(1e-3)

    @cached_property
    def entities_per_level(self) -> float:
        """Mean number of entities that share a value."""
        first, values = self.layout.first, self.sorted_ranks
        if self.column.null_count:
            keep = ~np.asarray(pc.is_null(self.column))[self.layout.order]
        else:
            keep = np.ones(len(values), bool)
        entity = (np.cumsum(first) - 1)[keep]
        values = values[keep]
        if not len(values):
            return 0.0
        order = np.lexsort((entity, values))
        values, entity = values[order], entity[order]
        new = (values[1:] != values[:-1]) | (entity[1:] != entity[:-1])
        return (int(new.sum()) + 1) / max(self.distinct, 1)


def _plain_levels(values: list[Any]) -> tuple[Any, ...]:
    """Levels in the types a schema may hold."""
    return tuple(v if isinstance(v, (str, int, bool, float)) else str(v) for v in values)
