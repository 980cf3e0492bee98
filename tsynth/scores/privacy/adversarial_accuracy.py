"""Does the synthetic data resemble the training data more than it resembles unseen real data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import Detail, Result, Score, Weights
from tsynth.scores.privacy.field import Field, cannot_attack, neighbours
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["AdversarialAccuracy"]


@dataclass
class _Apart:
    """Whether each entity lies nearer to its own side: real ones, and candidates beside that real side."""

    train: tuple[NDArray[np.float64], NDArray[np.float64]]
    reference: tuple[NDArray[np.float64], NDArray[np.float64]]
    members: NDArray[np.int64]
    strangers: NDArray[np.int64]
    picked: NDArray[np.int64]


class AdversarialAccuracy(Score):
    """Privacy loss: how well nearest neighbours tell synthetic from unseen data, less from training data, doubled.

    The adversarial accuracy of two sets is the mean share of entities that lie nearer to one of their own set than
    to the other: .5 where they cannot be told apart, 0 where one is a copy of the other. A copy of train scores
    .5 with the reference and 0 with train, hence a value of 1; unseen real data score 0. The interval keeps who is
    whose neighbour and is a little narrow for that: of 200 worlds of a perfect generator it covered 0 in 183.

    References
    ----------
    .. [1] Yale et al. (2020), "Generation and evaluation of privacy preserving synthetic health data",
       Neurocomputing 416, sec. 3.2: nearest neighbour adversarial accuracy and privacy loss.

    Examples
    --------
    >>> AdversarialAccuracy.question
    'Are synthetic data more like the training data than like unseen real data?'
    """

    name, title = "adversarial_accuracy", "Privacy loss by nearest neighbours"
    question = "Are synthetic data more like the training data than like unseen real data?"
    group = "privacy"
    needs_holdout = True
    standard = False
    cannot_see = ("leaks that summaries of entities do not show", "few copies among many that are none")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Neighbours need entities, of the same time."""
        return cannot_attack(train)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Apart:
        """Nearest neighbours in and between the sides, all of one size."""
        field = Field.of(train, reference, candidate, streams.seed)
        points = field.summaries
        unseen = np.concatenate([points.targets[~field.truth], points.population])
        n = min(len(field.members), len(unseen), len(points.candidates))
        real = points.targets[:n], unseen[:n]
        picked = (np.arange(n) * len(points.candidates)) // n
        made = points.candidates[picked]
        inside = neighbours(made, made, itself=True)[0][:, 0]
        sides = []
        for side in real:
            own = neighbours(side, side, itself=True)[0][:, 0]
            across, back = neighbours(side, made)[0][:, 0], neighbours(made, side)[0][:, 0]
            sides.append((_nearer(across, own), _nearer(back, inside)))
        strangers = np.concatenate([field.strangers, field.people])[:n]
        return _Apart(sides[0], sides[1], field.members[:n], strangers, picked)

    def value(
        self,
        prepared: _Apart,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Twice the difference of both accuracies."""
        ones = np.ones((1, len(prepared.members)))
        sides = reference_weights[None, prepared.strangers], candidate_weights[None, prepared.picked]
        return float(_loss(prepared, ones, *sides)[0])

    def differences(self, synthetic: _Apart, control: _Apart, weights: Weights) -> NDArray[np.float64]:
        """Value - floor under weights of all sides."""
        real = weights.train(synthetic.members), weights.reference[:, synthetic.strangers]
        first = _loss(synthetic, *real, weights.synthetic[:, synthetic.picked])
        return first - _loss(control, *real, weights.control[:, control.picked])

    def details(self, prepared: _Apart) -> list[Detail]:
        """One sentence."""
        ours, others = (
            float(np.mean([s.mean() for s in side])) for side in (prepared.train, prepared.reference)
        )
        sentence = (
            f"Nearest neighbours tell synthetic from training entities in {share(ours)} of cases, from unseen real "
            f"ones in {share(others)}."
        )
        return [Detail("privacy loss", max(2 * (others - ours), 0.0), None, sentence)]

    def curve(self, prepared: _Apart) -> dict[str, Any]:
        """Both accuracies."""
        ours, others = (
            float(np.mean([s.mean() for s in side])) for side in (prepared.train, prepared.reference)
        )
        table = {
            "kind": "table", "title": "Adversarial accuracy", "columns": ["synthetic beside", "told apart"],
            "rows": [["training entities", share(ours)], ["unseen real entities", share(others)]],
            "caption": "50 % is guessing, less than that is nearness beyond likeness.",
        }  # fmt: skip
        return {"accuracy": {"train": ours, "reference": others}, "pictures": [table]}

    def verdict(self, result: Result) -> str:
        """Both accuracies."""
        c = result.curve["accuracy"]
        return (
            f"Nearest neighbours tell synthetic entities from training ones in {share(c['train'])} of cases and from "
            f"unseen real ones in {share(c['reference'])}; copies would be told from training ones in 0 %."
        )


def _nearer(across: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where an entity lies nearer to its own side, half where both are as near."""
    return np.where(across > own, 1.0, np.where(across == own, 0.5, 0.0))


def _loss(
    prepared: _Apart,
    train: NDArray[np.float64],
    reference: NDArray[np.float64],
    candidate: NDArray[np.float64],
) -> NDArray[np.float64]:
    accuracies = []
    for (real, made), weights in ((prepared.train, train), (prepared.reference, reference)):
        parts = [w @ x / np.maximum(w.sum(axis=1), 1e-300) for w, x in ((weights, real), (candidate, made))]
        accuracies.append((parts[0] + parts[1]) / 2)
    return np.asarray(2 * (accuracies[1] - accuracies[0]))
