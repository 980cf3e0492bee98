"""How far the mean number of rows an entity is off."""

from typing import Any, ClassVar

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import Group, Score


class ToyMeanLength(Score):
    """Relative difference of the mean number of rows an entity."""

    name: ClassVar[str] = "toy_mean_length"
    title: ClassVar[str] = "Mean rows an entity"
    question: ClassVar[str] = "Do entities have as many rows as real ones?"
    group: ClassVar[Group] = "fidelity"
    standard: ClassVar[bool] = False
    cannot_see: ClassVar[tuple[str, ...]] = ("anything but the mean",)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> dict[str, Any]:
        return {"reference": reference.lengths, "candidate": candidate.lengths}

    def value(self, prepared: Any, reference_weights: np.ndarray, candidate_weights: np.ndarray) -> float:
        real = float(np.average(prepared["reference"], weights=reference_weights))
        made = float(np.average(prepared["candidate"], weights=candidate_weights))
        return abs(made - real) / max(real, 1.0)
