"""Are some entities nearer to a training entity than real entities ever come?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.parts import CELL
from tsynth.scores.privacy.field import cannot_attack, neighbours, normal_scores, summaries, train_summaries
from tsynth.scores.ruler import ruler
from tsynth.scores.summaries import Features, aligned_features
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["NearCopies"]

RARE = 0.05


@dataclass
class _Near:
    near: NDArray[np.float64]
    distances: tuple[
        NDArray[np.float64], NDArray[np.float64]
    ]  # of reference and candidate to the nearest of train
    within: float


class NearCopies(Score):
    """Share of entities that lie nearer to a training entity than all but 5 % of unseen real entities do.

    Distances are Euclidean between normal scores of the summaries. Unseen real data score .05 by construction, a
    copy of train 1, a tenth that is memorised about .15, whether it was changed by a little noise or not. At most
    10,000 training entities are looked at.

    References
    ----------
    .. [1] Platzer, Reutterer (2021), "Holdout-based empirical assessment of mixed-type synthetic data", Frontiers
       in Big Data 4, sec. 3.3: distances to the closest record against those of a holdout.

    Examples
    --------
    >>> NearCopies.question
    'Are entities copied from the training data with small changes?'
    """

    name, title = "near_copies", "Near copies"
    question = "Are entities copied from the training data with small changes?"
    group = "privacy"
    needs_holdout = True
    cannot_see = ("copies of a part of a sequence", "leaks that are no nearness of summaries")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Nearness needs entities, of the same time."""
        return cannot_attack(train)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Near:
        """The nearest training entity of each candidate, beside those of unseen real entities."""
        measure = ruler(train)
        sides = [train_summaries(measure)[1], summaries(measure, reference), summaries(measure, candidate)]
        names = list(dict.fromkeys(name for side in sides for name in side.names))
        if not names:
            raise CannotSay("nothing varies between entities")
        empty = Features(np.empty((0, len(names))), names)
        points = normal_scores(np.concatenate([aligned_features(empty, side)[1].values for side in sides]))
        ends = np.cumsum([len(side.values) for side in sides])
        known, real, made = points[: ends[0]], points[ends[0] : ends[1]], points[ends[1] :]
        both = neighbours(real, known)[0][:, 0], neighbours(made, known)[0][:, 0]
        within = float(np.quantile(both[0], RARE))
        below = (both[1] < within).astype(np.float64)
        ties = both[1] == within  # where many are as near, unseen entities would else score more than .05
        if ties.any() and (real_ties := float((both[0] == within).mean())) > 0:
            below[ties] = np.clip((RARE - float((both[0] < within).mean())) / real_ties, 0, 1)
        return _Near(below, both, within)

    def value(
        self,
        prepared: _Near,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The share."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def values(
        self,
        prepared: _Near,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The share under many weights."""
        whole = np.maximum(candidate_weights.sum(axis=1), 1e-300)
        return np.asarray(candidate_weights @ prepared.near / whole)

    def details(self, prepared: _Near) -> list[Detail]:
        """One sentence."""
        found = float(prepared.near.mean())
        sentence = (
            f"{share(found)} of synthetic entities lie as near to a training entity as only {share(RARE)} of unseen "
            f"real ones do."
        )
        return [Detail("near copies", found, None, sentence)]

    def curve(self, prepared: _Near) -> dict[str, Any]:
        """Distances to the nearest training entity."""
        real, made = prepared.distances
        shown: dict[str, Any] = {"share": float(prepared.near.mean()), "expected": RARE, "pictures": []}
        cells = min(len(real) // CELL, 20)
        if cells >= 2:
            edges = np.unique(np.quantile(real, np.linspace(0, 1, cells + 1)))
            inner = edges[1:-1]
            if len(edges) >= 3 and edges[0] > min(made.min(), real.min()):
                edges[0] = max(0.0, float(min(made.min(), real.min())))
            places = [np.searchsorted(inner, d, side="right") for d in (real, made)]
            counts = [np.bincount(p, minlength=len(edges) - 1) for p in places]
            if len(edges) >= 3 and counts[0].min() >= CELL:
                shares = [[float(x) for x in c / c.sum()] for c in counts]
                shown["pictures"].append(
                    {
                        "kind": "histogram", "title": "Distance to the nearest training entity",
                        "edges": [float(e) for e in edges], "real": shares[0], "synthetic": shares[1],
                        "caption": "Copies pile up at the left, where unseen real entities seldom lie.",
                    }
                )  # fmt: skip
        return shown

    def verdict(self, result: Result) -> str:
        """The share beside that of real data."""
        return (
            f"{share(result.value or 0)} of the synthetic entities lie closer to a training entity than all but "
            f"{share(RARE)} of unseen real ones; of other real ones {share(result.floor or 0)} do."
        )
