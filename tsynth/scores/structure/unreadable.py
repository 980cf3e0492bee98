"""Can every cell be read as what it stands for?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth.data.casts import Cast, casts_of
from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail, Result, Score
from tsynth.scores.words import share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Unreadable"]


class Unreadable(Score):
    """Share of cells that cannot be read as what real data hold there: a date "_RARE_", an amount "n/k".

    Synthetic columns in another type than train's are read in train's type where nothing is lost by it
    (`tsynth.data.casts`); a cell that cannot be read is null to every other score, and its row is left out where it is
    the time. A cell that differs from the first one of its entity, in a column that is fixed for an entity in train,
    counts as one that cannot be read. The share is of the cells of columns that were not read as they came, over all
    rows of the file; real data define types and what is fixed, so their share is 0. Needs no holdout.

    Examples
    --------
    >>> Unreadable.question
    'Can every cell be read as what it stands for?'
    """

    name, title = "unreadable", "Readable cells"
    question = "Can every cell be read as what it stands for?"
    group = "structure"
    interval_by = "none"
    cannot_see = ("cells that can be read but make no sense",)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> list[Cast]:
        """The casts of the candidate."""
        return casts_of(candidate)

    def value(
        self,
        prepared: list[Cast],
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Unreadable cells among those of cast columns; weights do not enter."""
        return sum(c.unreadable for c in prepared) / max(1, sum(c.cells for c in prepared))

    def details(self, prepared: list[Cast]) -> list[Detail]:
        """A column each."""
        found = [
            Detail(str(c.column), c.unreadable / max(1, c.cells), 0.0, _sentence(c))
            for c in prepared
            if c.unreadable
        ]
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: list[Cast]) -> dict[str, Any]:
        """The casts as a table."""
        if not prepared:
            return {}
        rows = [[str(c.column), c.source, c.target, c.cells, c.unreadable] for c in prepared]
        head = ["column", "came as", "read as", "cells", "cannot be read"]
        return {
            "pictures": [
                {"kind": "table", "title": "Columns not read as they came", "columns": head, "rows": rows}
            ]
        }

    def verdict(self, result: Result) -> str:
        """The share in words."""
        if not result.value:
            return "Every synthetic cell can be read as what it stands for."
        cells = f"{share(result.value)} of the synthetic cells in columns that were not read as they came"
        return f"{cells} cannot be read, or contradict their entity."


def _sentence(cast: Cast) -> str:
    shown = f" (such as {cast.example!r})" if cast.example is not None else ""
    gone = f", so {cast.left_out:,} rows have no place in time and are left out" if cast.left_out else ""
    cells = f"{cast.unreadable:,} of {cast.cells:,}"
    if cast.varying == cast.unreadable:
        return (
            f"{cells} synthetic cells of {cast.column} differ from the first of their entity{shown}; of real entities "
            "all are the same."
        )
    return f"{cells} synthetic cells of {cast.column} cannot be read{shown}{gone}; every real one can."
