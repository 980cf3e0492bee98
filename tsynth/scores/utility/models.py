"""Models that learn a task: gradient boosting several times over, each without a part of the entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.scores.utility.examples import Examples
from tsynth.scores.utility.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["boosted", "folds", "members", "without_blanks"]

MEMBERS = 4
"""Models that are averaged, each without a quarter of the entities."""
ROUNDS, LEAVES, BINS, RATE = 30, 8, 63, 0.15


def folds(entities: int, streams: Streams) -> NDArray[np.int64]:
    """Part that each entity belongs to, from 0 to `MEMBERS` - 1, at random."""
    order = np.argsort(
        type(streams)(streams.seed, (*streams.path, "folds"), range(entities)).uniform(), kind="stable"
    )
    fold = np.empty(entities, np.int64)
    fold[order] = np.arange(entities) % MEMBERS
    return fold


def members(
    task: Task, learn: Examples, test: Examples, fold: NDArray[np.int64], streams: Streams
) -> NDArray[np.float64]:
    """Predictions of each member for the test examples, (members, test, classes or 1); higher is more likely."""
    return np.stack(
        [boosted(task, learn.take(fold[learn.owner] != k), test, streams) for k in range(MEMBERS)]
    )


def boosted(task: Task, learn: Examples, test: Examples, streams: Streams) -> NDArray[np.float64]:
    """Predictions of gradient boosting, (test, classes or 1).

    It does not stop early and does not sample, so it depends on data alone. Survival is Cox's model with the hazard
    of all as baseline: a Poisson regression of the event with the cumulated hazard as exposure.
    """
    width = task.classes + 1 if task.kind == "class" else 1
    out = np.zeros((len(test.target), width))
    if len(learn.target) < 4 or len(np.unique(learn.target)) < 2:
        if task.kind == "number" and len(learn.target):
            out[:] = learn.target.mean()
        return out
    x, unseen = without_blanks(learn.features, test.features)
    many = task.kind == "class" and len(np.unique(learn.target)) > 2
    settings: dict[str, Any] = {
        "max_iter": ROUNDS // 2 if many else ROUNDS,
        "learning_rate": RATE * (1.5 if many else 1),
        "max_leaf_nodes": LEAVES,
        "max_bins": BINS,
        "min_samples_leaf": int(np.clip(len(learn.target) // 50, 2, 20)),
        "early_stopping": False,
        "random_state": int(streams.key % np.uint64(2**31)),
    }
    with threadpool_limits(limits=1):
        if task.kind in ("class", "detection"):
            model = HistGradientBoostingClassifier(**settings).fit(x, learn.target)
            raw = np.asarray(model.decision_function(unseen))
            if task.kind == "detection":
                out[:, 0] = raw
                return out
            seen = model.classes_.astype(np.int64)
            if raw.ndim == 1:
                raw = np.column_stack([-raw, raw])
            out[:] = raw.min() - 1
            out[:, seen] = raw
            return out
        if task.kind == "survival":
            exposure = _hazard(learn)
            model = HistGradientBoostingRegressor(loss="poisson", **settings)
            model.fit(x, learn.target / exposure, sample_weight=exposure)
            out[:, 0] = np.log(np.maximum(model.predict(unseen), 1e-300))
            return out
        loss = "absolute_error" if task.kind == "forecast" else "squared_error"
        out[:, 0] = HistGradientBoostingRegressor(loss=loss, **settings).fit(x, learn.target).predict(unseen)
    return out


def _hazard(learn: Examples) -> NDArray[np.float64]:
    """Cumulated hazard of all at the end of each follow-up (Nelson-Aalen), kept above 0."""
    order = np.argsort(learn.time, kind="stable")
    left = np.arange(len(order), 0, -1)
    steps = np.cumsum(learn.target[order] / left)
    last = np.searchsorted(learn.time[order], learn.time, side="right") - 1
    return np.maximum(steps[last], 1e-3 * max(steps[-1], 1e-12))


def without_blanks(
    learn: NDArray[np.float64], test: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features whose columns hold a number somewhere in the training examples; others are 0 in both."""
    unknown = np.isnan(learn).all(axis=0)
    if not learn.shape[1]:
        return np.zeros((len(learn), 1)), np.zeros((len(test), 1))
    if unknown.any():  # the binning of scikit-learn does not take a column without a number
        return np.where(unknown, 0.0, learn), np.where(unknown, 0.0, test)
    return learn, test
