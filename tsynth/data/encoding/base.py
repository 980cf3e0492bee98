"""What every encoding of a column has, and how rare values are protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["PROTECTED", "Encoding", "owners", "threshold"]

PROTECTED = 5
"""A value held by fewer distinct entities than this is not reproduced."""


class Encoding(Protocol):
    """One column's way to a `Field` and back.

    `learn` sees one block of entities and returns what is needed of it, `merge` sums what all blocks returned and
    is where rare values are protected; then `encode` and `decode` may be called.
    """

    column: Column

    def __init__(self, column: Column, schema: Schema) -> None: ...

    def learn(self, part: Sequences) -> dict[str, Any]:
        """Sufficient statistics of one block."""
        ...

    def merge(self, states: list[dict[str, Any]], entities: int) -> None:
        """Fit from the statistics of all blocks, which held `entities` entities."""
        ...

    def encode(self, data: Sequences) -> Field:
        """The column as choices and values."""
        ...

    def decode(self, field: Field, rows: Rows, streams: Streams) -> pa.Array:
        """Choices and values as the column in its own dtype."""
        ...

    def to_state(self) -> dict[str, Any]:
        """What was learned, as plain values and arrays."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `to_state` gave."""
        ...


def threshold(entities: int) -> int:
    """Entities that must hold a value before it may be reproduced: 5, and in small data a tenth of the entities.

    A source of fewer than 20 entities protects nothing by this rule; the reader is warned where it is read.
    """
    return min(PROTECTED, max(1, entities // 10))


def owners(part: Sequences, column: Column) -> NDArray[np.int64]:
    """Number of the entity that each value of the column belongs to."""
    return np.arange(part.n_entities) if column.static else part.entity_of_row
