"""Would one choose the same model on it as on real data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Score
from tsynth.scores.ruler import ruler
from tsynth.scores.utility.examples import Examples, examples
from tsynth.scores.utility.models import MEMBERS, boosted, folds
from tsynth.scores.utility.predictions import Predictions
from tsynth.scores.utility.tasks import Task, named, tasks_of
from tsynth.scores.utility.training import FEWEST, same_size, tested_on
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["MODELS", "Ranking"]

MODELS = ("nothing", "a linear model", "nearest neighbours", "a random forest", "gradient boosting")
MOST, DRAWS = 2_000, 60


@dataclass
class _Ranked:
    """What each model reaches on either side, as predictions."""

    task: Task
    real: list[Predictions]
    made: list[Predictions]
    entities: int
    worth: NDArray[np.float64]
    sure: NDArray[np.float64]


class Ranking(Score):
    """How far synthetic data would mislead who chooses a model on them: the share of pairs in the wrong order.

    Five models (one that predicts the same for all, logistic or ridge regression, 15 nearest neighbours, a random
    forest, gradient boosting) learn the first task of `utility`. On synthetic data they are trained on three quarters
    of the entities and tested on the rest, for each quarter, as one who has no real data does; on real data they are
    trained on training entities and tested on the reference. A pair weighs as much as both models differ on real
    data beyond twice the noise of that difference. It counts 0 where the synthetic difference has the same sign and
    is beyond its noise, 1 where it has the other, and in proportion between. The value is half of 1 - Kendall's rank
    correlation, weighted in this way. The interval does not hold the noise of the training sample.

    Parameters
    ----------
    tasks : tuple of str
        As of `utility`; the first that is no forecast and no survival counts.

    References
    ----------
    .. [1] Jordon, Yoon, van der Schaar (2018), "Measuring the quality of synthetic data for use in competitions",
       arXiv 1806.11345: synthetic ranking agreement.
    .. [2] Kendall (1938), "A new measure of rank correlation", Biometrika 30.

    Examples
    --------
    >>> Ranking.question
    'Would one choose the same model on it as on real data?'
    """

    name, title = "ranking", "Choice of a model"
    question = "Would one choose the same model on it as on real data?"
    group = "utility"
    standard = False
    dear = True
    cannot_see = (
        "how well the models do",
        "models other than the five",
        "settings of models",
        "tasks after the first",
    )

    def __init__(self, tasks: tuple[str, ...] = ()) -> None:
        self.tasks = tuple(tasks)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Ranked:
        """Train all models on both sides."""
        measure = ruler(train)
        found = [named(measure, t) for t in self.tasks] if self.tasks else tasks_of(measure)
        task = next((t for t in found if t.kind in ("class", "number", "detection")), None)
        if task is None:
            raise CannotSay("no task is a classification or a regression")
        test = tested_on(measure, task, reference)
        key = f"ranking {task.sentence} {streams.seed} {streams.path}"
        kept = reference._cache
        if key not in kept or kept[key][0] is not measure:
            learn = examples(measure, task, same_size(train, reference.n_entities, streams))
            real = _all(task, _thinned(learn), test, streams)
            kept[key] = measure, real, *_differences(real, reference.n_entities, streams)
        _, real, apart, noise = kept[key]
        worth = np.maximum(np.abs(apart) - 2 * noise, 0) * np.sign(apart)
        if not worth.any():
            raise CannotSay("on real data no model is better than another beyond chance")
        whole = examples(measure, task, candidate)
        if len(whole.target) < FEWEST:
            raise CannotSay(f"{len(whole.target)} synthetic examples are too few to test a model on")
        fold = folds(candidate.n_entities, streams.purpose("held"))[whole.owner]
        parts = [
            _all(task, _thinned(whole.take(fold != k)), whole.take(fold == k), streams)
            for k in range(MEMBERS)
        ]
        made = []
        for several in zip(*parts, strict=True):  # one model, tested on each quarter
            predicted = np.zeros((len(whole.target), several[0].predicted.shape[1]))
            for k, part in enumerate(several):
                predicted[fold == k] = part.predicted
            made.append(Predictions(task, whole, predicted))
        _, noise = _differences(made, candidate.n_entities, streams)
        return _Ranked(task, real, made, candidate.n_entities, worth, np.maximum(2 * noise, 0.01))

    def values(
        self,
        prepared: _Ranked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The weighted share of pairs in the wrong order."""
        reached = np.array([p.reached(candidate_weights) for p in prepared.made])
        first, second = np.triu_indices(len(MODELS), 1)
        apart = (reached[first] - reached[second]) * np.sign(prepared.worth)[:, None]
        wrong = (1 - np.clip(apart / prepared.sure[:, None], -1, 1)) / 2
        return np.average(wrong, axis=0, weights=np.abs(prepared.worth))

    def value(
        self,
        prepared: _Ranked,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The weighted share of pairs in the wrong order."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: _Ranked) -> list[Detail]:
        """Both orders in words."""
        real, made = (self._reached(side) for side in (prepared.real, prepared.made))
        told = [
            ", ".join(f"{MODELS[i]} ({number(side[i])})" for i in np.argsort(-side, kind="stable"))
            for side in (real, made)
        ]
        sentence = (
            f"By their {prepared.task.measure} in {prepared.task.sentence}, best first: on real data {told[0]}; "
            f"on synthetic data {told[1]}."
        )
        ones = np.ones((1, prepared.entities))
        return [Detail(prepared.task.sentence, float(self.values(prepared, ones, ones)[0]), None, sentence)]

    @staticmethod
    def _reached(side: list[Predictions]) -> NDArray[np.float64]:
        ones = np.ones((1, int(side[0].test.owner.max()) + 1))
        return np.array([p.reached(ones)[0] for p in side])

    def curve(self, prepared: _Ranked) -> dict[str, Any]:
        """A table of the models."""
        real, made = (self._reached(side) for side in (prepared.real, prepared.made))
        rows = [[MODELS[i], number(real[i]), number(made[i])] for i in np.argsort(-real, kind="stable")]
        measure = prepared.task.measure
        columns = ["model", f"{measure} on real data", f"{measure} on synthetic data"]
        title = f"Models {prepared.task.sentence}"
        return {"pictures": [{"kind": "table", "title": title, "columns": columns, "rows": rows}]}


def _thinned(learn: Examples) -> Examples:
    keep = np.zeros(len(learn.target), bool)
    keep[:: 1 + len(keep) // MOST] = True
    return learn.take(keep)


def _differences(
    side: list[Predictions], entities: int, streams: Streams
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differences between models, a pair each, and their standard deviation over entities."""
    many = type(streams)(streams.seed, (*streams.path, "noise"), range(entities)).poisson(1.0, DRAWS)
    weights = np.vstack([np.ones((1, entities)), many.T.astype(np.float64)])
    reached = np.array([p.reached(weights) for p in side])
    first, second = np.triu_indices(len(side), 1)
    apart = reached[first] - reached[second]
    return apart[:, 0], apart[:, 1:].std(axis=1)


def _all(task: Task, learn: Examples, test: Examples, streams: Streams) -> list[Predictions]:
    """Every model of `MODELS`, tried."""
    width = task.classes + 1 if task.kind == "class" else 1
    same = np.zeros((len(test.target), width))
    if len(np.unique(learn.target)) < 2 or len(learn.target) < 2 * FEWEST:
        raise CannotSay("there are too few examples to train models on")
    if task.kind == "number":
        same[:] = learn.target.mean()
    middle, spread = np.nan_to_num(np.nanmean(_some(learn.features), axis=0)), _spread(learn.features)
    x, unseen = (
        np.clip(np.nan_to_num((f - middle) / spread), -10, 10) for f in (learn.features, test.features)
    )
    seed = int(streams.key % np.uint64(2**31))
    forest: dict[str, Any] = {"n_estimators": 50, "min_samples_leaf": 5, "random_state": seed, "n_jobs": 1}
    near = min(15, len(x))
    models = (
        [Ridge(10.0), KNeighborsRegressor(near), RandomForestRegressor(max_features=0.5, **forest)]
        if task.kind == "number"
        else [
            LogisticRegression(C=0.1, max_iter=300),
            KNeighborsClassifier(near),
            RandomForestClassifier(**forest),
        ]
    )
    found = [same]
    with threadpool_limits(limits=1):
        for model in models:
            model.fit(x, learn.target)
            out = np.zeros_like(same)
            if task.kind == "number":
                out[:, 0] = model.predict(unseen)
            elif task.kind == "detection":
                out[:, 0] = model.predict_proba(unseen)[:, -1]
            else:
                out[:, model.classes_.astype(np.int64)] = model.predict_proba(unseen)
            found.append(out)
    found.append(boosted(task, learn, test, streams))
    return [Predictions(task, test, p) for p in found]


def _some(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features, 0 where a column holds no number."""
    return np.where(np.isnan(features).all(axis=0), 0.0, features)


def _spread(features: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = np.nanstd(_some(features), axis=0)
    return np.where(spread > 0, spread, 1.0)
