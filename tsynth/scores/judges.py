"""Gradient boosting as a judge: out-of-fold predictions with whole entities apart, and what gave the answer away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.scores.weights import auc, sorted_auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Trial", "fitted", "predict", "try_apart"]

ROUNDS, LEAVES, BINS = 60, 15, 63
SHUFFLED = 2_000


def fitted(
    features: NDArray[np.float64], target: NDArray[np.float64], streams: Streams, *, classify: bool = True
) -> Any:
    """A gradient boosting model of fixed size, fitted.

    It does not stop early, so it depends on data and seed alone; and it runs on one thread, because on a busy machine
    two threads wait for each other far longer than they compute.
    """
    unknown = np.isnan(features).all(axis=0)
    if unknown.any():  # the binning of scikit-learn does not take a column without a number
        features = np.where(unknown, 0.0, features)
    make = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    many = classify and len(np.unique(target)) > 2
    model = make(
        max_iter=ROUNDS // 2 if many else ROUNDS,
        learning_rate=0.1,
        max_leaf_nodes=LEAVES,
        max_bins=BINS,
        min_samples_leaf=int(np.clip(len(target) // 50, 2, 20)),
        early_stopping=False,
        random_state=int(streams.key % np.uint64(2**31)),
    )
    with threadpool_limits(limits=1):
        return model.fit(features, target)


@dataclass
class Trial:
    """Out-of-fold predictions that an observation is of the candidate.

    Parameters
    ----------
    score : float array, sorted
    truth : bool array
        Whether it is.
    owner : int array
        Entity of each observation: those of the reference, then those of the candidate, counted on.
    entities : (int, int)
        Entities of either side.
    models : list of (model, observations held out)
    features, labels, owners : arrays
        As they were judged, unsorted.
    """

    score: NDArray[np.float64]
    truth: NDArray[np.bool_]
    owner: NDArray[np.int64]
    entities: tuple[int, int]
    models: list[tuple[Any, NDArray[np.int64]]]
    features: NDArray[np.float64]
    labels: NDArray[np.bool_]
    owners: NDArray[np.int64]

    def auc(self, reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> float:
        """Area under the ROC curve under weights of the entities."""
        return sorted_auc(self.score, self.truth, np.concatenate([reference, candidate])[self.owner])

    def drops(self, streams: Streams) -> NDArray[np.float64]:
        """Loss of AUC on the first fold when one feature is shuffled."""
        model, held = self.models[0]
        held = held[:: 1 + len(held) // SHUFFLED]
        ones = np.ones(len(held))
        x, y = self.features[held].copy(), self.labels[held]
        whole = auc(predict(model, x), y, ones)
        order = np.argsort(
            type(streams)(streams.seed, (*streams.path, "shuffle"), range(len(held))).uniform()
        )
        drops = np.zeros(x.shape[1])
        for j in range(x.shape[1]):
            kept = x[:, j].copy()
            x[:, j] = kept[order]
            drops[j] = whole - auc(predict(model, x), y, ones)
            x[:, j] = kept
        return drops


def try_apart(
    reference: NDArray[np.float64],
    candidate: NDArray[np.float64],
    owners: tuple[NDArray[np.int64], NDArray[np.int64]],
    entities: tuple[int, int],
    folds: int,
    streams: Streams,
) -> Trial:
    """Fit judges that tell candidate from reference, each tested on entities that it has not seen.

    Parameters
    ----------
    reference, candidate : float64 arrays, (observations, features)
    owners : entity of each observation, on either side from 0
    entities : (int, int)
        Entities of either side.
    folds : int
    streams : Streams
    """
    features = np.concatenate([reference, candidate])
    labels = np.r_[np.zeros(len(reference), bool), np.ones(len(candidate), bool)]
    owner = np.concatenate([owners[0], owners[1] + entities[0]])
    count = sum(entities)
    order = np.argsort(
        type(streams)(streams.seed, (*streams.path, "folds"), range(count)).uniform(), kind="stable"
    )
    fold_of = np.empty(count, np.int64)
    for side in (
        order[order < entities[0]],
        order[order >= entities[0]],
    ):  # each fold holds a share of either side
        fold_of[side] = np.arange(len(side)) % folds
    fold = fold_of[owner]
    score = np.zeros(len(features))
    models = []
    for k in range(folds):
        held = np.flatnonzero(fold == k)
        rest = fold != k
        model = fitted(features[rest], labels[rest], streams.purpose("fold", k))
        score[held] = predict(model, features[held])
        models.append((model, held))
    sort = np.argsort(score, kind="stable")
    return Trial(score[sort], labels[sort], owner[sort], entities, models, features, labels, owner)


def predict(model: Any, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds that each observation is of the candidate, on one thread."""
    with threadpool_limits(limits=1):
        out: NDArray[np.float64] = model.decision_function(features)
    return out
