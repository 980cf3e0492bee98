"""`Rows`: encoded sequences, the view of generators with ``takes = "rows"``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding.timing import Timing

__all__ = ["Field", "Rows"]


@dataclass(frozen=True)
class Field:
    """One encoded column: a choice a row and, for some choices, a value.

    Choice 0 is null. Choices from `continuous` on carry a value; there is more than one where a column is
    written on grids of unlike coarseness (round amounts beside exact ones). The value is a normal score, so that
    a Gaussian conditional model fits it.

    Parameters
    ----------
    name : str
    choice : int32 array, (R,) or (N,)
    value : float64 array or None
        Normal score where ``choice >= continuous``, else 0; None where no choice carries a value.
    choices : int
        Number of choices, null counted.
    continuous : int
        First choice that carries a value, -1 if none does.
    nullable : bool
        Whether choice 0 may occur.
    """

    name: str
    choice: NDArray[np.int32]
    value: NDArray[np.float64] | None
    choices: int
    continuous: int = -1
    nullable: bool = True

    @property
    def valued(self) -> NDArray[np.bool_]:
        """Where the row carries a value."""
        if self.continuous < 0:
            return np.zeros(len(self.choice), np.bool_)
        return self.choice >= self.continuous


@dataclass(frozen=True)
class Rows:
    """Encoded rows of entities: those of entity i are ``offsets[i]:offsets[i + 1]``.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
        In the schema's `time_unit`; a calendar's zero is 1970-01-01 00:00 of the wall clock.
    start, end : float64 array, (N,)
        Observation window of each entity, NaN where it has neither rows nor a given window.
    fields : dict of str to Field
        Dynamic columns, one value a row.
    statics : dict of str to Field
        Static columns, one value an entity.
    mark : str or None
        Name of the field that says what kind of event a row is.
    labels : tuple of str
        Names of the fields that say whether a row is one of those looked for.
    calendar : bool
        Whether `time` is a date.
    day : float
        Length of a day in units of `time`; 0 where the unit is none of fixed length.
    step : float
        Lattice on which all times lie, 0 where there is none.
    windowed : bool
        Whether `start` and `end` were given by the source, not taken from first and last row.
    timing : Timing, optional
        What is known of first rows, gaps and windows of the whole source.
    """

    offsets: NDArray[np.int64]
    time: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    fields: dict[str, Field] = field(default_factory=dict)
    statics: dict[str, Field] = field(default_factory=dict)
    mark: str | None = None
    labels: tuple[str, ...] = ()
    calendar: bool = False
    day: float = 0.0
    step: float = 0.0
    windowed: bool = False
    timing: Timing | None = None

    @property
    def n_entities(self) -> int:
        """Number of entities."""
        return len(self.offsets) - 1

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.offsets[-1])

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The entities at `index`, in that order."""
        index = np.asarray(index, dtype=np.int64)
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(self.offsets[index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return replace(
            self,
            offsets=offsets,
            time=self.time[rows],
            start=self.start[index],
            end=self.end[index],
            fields={n: _pick(f, rows) for n, f in self.fields.items()},
            statics={n: _pick(f, index) for n, f in self.statics.items()},
        )


def _pick(one: Field, at: NDArray[np.int64]) -> Field:
    return replace(one, choice=one.choice[at], value=None if one.value is None else one.value[at])
