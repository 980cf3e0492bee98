"""Are sequences as long as real ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import Part, PartsScore, Prepared
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Lengths"]


class Lengths(PartsScore):
    """1-Wasserstein distance between numbers of rows per entity, on ranks among the training entities, doubled.

    Entities without rows count as length 0. Where sequences are cut into blocks of time it cannot say.

    Examples
    --------
    >>> Lengths.question
    'Are sequences as long as real ones?'
    """

    name, title, question = "lengths", "Rows per entity", "Are sequences as long as real ones?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("what stands in the rows", "how long sequences last in time")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Blocks have the length they were cut to."""
        if Ruler(train).blocks:
            return "there are too few entities, so they were compared by blocks of equal length"
        if train.schema.entity is None:
            return "the data are one sequence"
        return None

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """One part."""
        grid = Grid.learn(ruler.train.lengths.astype(np.float64))
        counts = [
            Counts(np.arange(d.n_entities), grid.cells(d.lengths.astype(np.float64)), d.n_entities, grid.size)
            for d in (reference, candidate)
        ]

        def say(a: NDArray[np.float64], b: NDArray[np.float64]) -> str:
            edge, real, made = grid.widest(a, b)
            rows = f"{number(edge)} row{'' if edge == 1 else 's'}"
            medians = [float(np.median(d.lengths)) for d in (reference, candidate)]
            return (
                f"{share(real)} of real entities have at most {rows}, {share(made)} of synthetic ones "
                f"(medians {number(medians[0])} and {number(medians[1])})."
            )

        return [Part("rows per entity", tuple(counts), grid.distance, say)]

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Histogram of rows per entity."""
        real = prepared.reference.lengths.astype(np.float64)
        shown = histogram(
            (real, np.arange(len(real))), prepared.candidate.lengths.astype(np.float64), cells=24
        )
        log = bool(np.median(real) * 8 < real.max()) and bool(real.min() > 0)
        return {**shown, "log": log, "unit": "rows"} if shown else {}
