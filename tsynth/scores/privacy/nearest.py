"""Does it lie closer to the training data than to other real data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist

from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail, Result, Score
from tsynth.scores.ruler import OTHER_TIME, Grid, Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Nearest"]

KNOWN, ASKED = 10_000, 2_000


@dataclass
class _Near:
    nearer: NDArray[np.float64]
    picked: NDArray[np.int64]
    chance: float
    distances: tuple[NDArray[np.float64], NDArray[np.float64]]


class Nearest(Score):
    """Excess share of entities that lie nearest to a training entity, among all real entities.

    Distances are Euclidean between summaries, each turned into normal scores of the training entities. A real
    entity that nobody has seen lies nearest to one of train by chance as often as train is large beside the
    reference; the excess over that, as a share of what is possible, is 0 for such and 1 for copies. At most 10,000
    training entities and 2,000 of the candidate are looked at.

    References
    ----------
    .. [1] Yale et al. (2020), "Generation and evaluation of privacy preserving synthetic health data",
       Neurocomputing 416: nearest neighbours in train against those in a holdout.

    Examples
    --------
    >>> Nearest.question
    'Do sequences lie closer to the training data than to other real data?'
    """

    name, title = "nearest", "Nearest real entity"
    question = "Do sequences lie closer to the training data than to other real data?"
    group = "privacy"
    needs_holdout = True
    cannot_see = (
        "leaks that distances between summaries do not show",
        "attacks that know part of a sequence",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Nearness to another time is no sign of copying."""
        if Ruler(train).blocks:
            return "there are too few entities to tell nearness from likeness"
        if any(note.code == OTHER_TIME for note in train.notes):
            return "the holdout lies in another time than train, so nearness to train is no sign of copying"
        return None

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Near:
        """The nearest training and the nearest reference entity of each candidate."""
        measure = ruler(train)
        if "summaries" not in measure.kept:
            every = 1 + train.n_entities // KNOWN
            measure.kept["summaries"] = entity_summaries(
                measure, train.take(np.arange(0, train.n_entities, every))
            )
        known: Features = measure.kept["summaries"]
        picked = np.arange(0, candidate.n_entities, 1 + candidate.n_entities // ASKED)
        sides = [known, entity_summaries(measure, reference), entity_summaries(measure, candidate)]
        points = _points(measure, sides)
        asked = points[2][picked]
        to_train, to_reference = (cdist(asked, p).min(axis=1) for p in points[:2])
        chance = len(points[0]) / (len(points[0]) + len(points[1]))
        nearer = np.where(to_train < to_reference, 1.0, np.where(to_train == to_reference, chance, 0.0))
        return _Near(nearer, picked, chance, (to_train, to_reference))

    def value(
        self, prepared: _Near, reference_weights: NDArray[np.float64], candidate_weights: NDArray[np.float64]
    ) -> float:
        """The excess over chance, below 0 where fewer than by chance lie nearest to train."""
        weights = candidate_weights[prepared.picked]
        if weights.sum() <= 0:
            return 0.0
        excess = float(np.average(prepared.nearer, weights=weights)) - prepared.chance
        return excess / (1 - prepared.chance)

    def details(self, prepared: _Near) -> list[Detail]:
        """One sentence."""
        found = float(prepared.nearer.mean())
        ones = np.ones(int(prepared.picked.max()) + 1)
        sentence = (
            f"{share(found)} of synthetic entities lie nearest to a training entity, "
            f"{share(prepared.chance)} would by chance."
        )
        return [Detail("nearest real entity", self.value(prepared, ones, ones), None, sentence)]

    def curve(self, prepared: _Near) -> dict[str, Any]:
        """Distances to the nearest entity of either side."""
        both = np.concatenate(prepared.distances)
        edges = np.linspace(0, float(np.quantile(both, 0.98)) or 1.0, 25)
        shown: dict[str, Any] = {"edges": [float(e) for e in edges]}
        for name, values in zip(("train", "holdout"), prepared.distances, strict=True):
            place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
            shown[name] = [float(x) for x in np.bincount(place, minlength=len(edges) - 1) / len(values)]
        return {"share": float(prepared.nearer.mean()), "chance": prepared.chance, "distances": shown}

    def verdict(self, result: Result) -> str:
        """Share and chance."""
        c = result.curve
        return (
            f"{share(c['share'])} of the synthetic entities lie nearest to a training entity; "
            f"{share(c['chance'])} would by chance."
        )


def _points(ruler: Ruler, sides: list[Features]) -> list[NDArray[np.float64]]:
    """Summaries as normal scores of the training entities; what is unknown lies in the middle."""
    names = sides[0].names
    spread = [aligned_features(s, Features(np.empty((0, len(names))), names))[0] for s in sides]
    out = [np.empty((len(s.values), len(names))) for s in sides]
    for j, name in enumerate(names):
        grid = Grid.learn(sides[0].values[:, j])
        for made, side in zip(out, spread, strict=True):
            made[:, j] = np.nan_to_num(grid.normal(side.values[:, side.names.index(name)]))
    return out
