"""Does time run forward?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail, Result, Score
from tsynth.scores.words import share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["TimeGoesBack"]


class TimeGoesBack(Score):
    """Share of rows that were delivered earlier in time than the row of their entity before them.

    Rows are sorted on the way in, so the share is counted there (`Sequences.out_of_order`), over all rows; needs no
    holdout. Real files may have such rows too, which the floor shows.

    Examples
    --------
    >>> TimeGoesBack.question
    'Does time run forward?'
    """

    name, title, question = "time_goes_back", "Order of time", "Does time run forward?"
    group = "structure"
    interval_by = "none"
    cannot_see = ("times that are wrong but in order",)

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No time."""
        return "the rows have no time, only an order" if train.schema.time is None else None

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> tuple[float, float]:
        """The shares of reference and candidate."""
        return reference.out_of_order, candidate.out_of_order

    def value(
        self,
        prepared: tuple[float, float],
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The share of the candidate; weights do not enter."""
        return prepared[1]

    def details(self, prepared: tuple[float, float]) -> list[Detail]:
        """One sentence where time goes back."""
        if not prepared[1]:
            return []
        sentence = (
            f"{share(prepared[1])} of synthetic rows lie before the row that comes before them, "
            f"{share(prepared[0])} of real ones."
        )
        return [Detail("order of time", prepared[1], None, sentence)]

    def curve(self, prepared: tuple[float, float]) -> dict[str, Any]:
        """Both shares."""
        return {"share": {"real": prepared[0], "synthetic": prepared[1]}}

    def verdict(self, result: Result) -> str:
        """The share in words."""
        if not result.value:
            return "No synthetic row goes back in time."
        return f"{share(result.value)} of the synthetic rows go back in time."
