"""Shapes that a generator may take, beside `Rows` of `tsynth.data.encoding`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["Series", "series_view"]


@dataclass(frozen=True)
class Series:
    """Numeric series on flat arrays, the view of ``takes = "series"``.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
        Rows of series i are ``offsets[i]:offsets[i + 1]``.
    time : float64 array, (R,)
        In `unit` since 1970 on the wall clock where `calendar`, else as the column has it.
    values : float64 array, (R, D)
        One column a dynamic column of the schema, NaN where null; categories and booleans as codes.
    columns : tuple of Column
        What the D columns are.
    unit : str
        The schema's time unit.
    frequency : str, optional
        The schema's frequency.
    calendar : bool
        Whether time is a date.
    """

    offsets: NDArray[np.int64]
    time: NDArray[np.float64]
    values: NDArray[np.float64]
    columns: tuple[Column, ...]
    unit: str = "step"
    frequency: str | None = None
    calendar: bool = False

    @property
    def n_entities(self) -> int:
        """Number of series."""
        return len(self.offsets) - 1


def series_view(data: Sequences) -> Series:
    """The numeric series in `data`."""
    columns = tuple(data.schema.dynamic)
    return Series(
        offsets=data.offsets,
        time=data.time,
        values=np.ascontiguousarray(data.matrix([c.name for c in columns])),
        columns=columns,
        unit=data.schema.time_unit,
        frequency=data.schema.frequency,
        calendar=data.calendar,
    )
