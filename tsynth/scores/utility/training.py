"""Do models trained on it work on real data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.judges import fitted
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries, row_features
from tsynth.scores.weights import sorted_auc
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Task", "Utility", "task_of"]

ROWS, FEWEST, CLASSES = 5_000, 40, 6
TELLS = 0.05
"""A column tells the target where it leaves less than this part of the errors that guessing makes."""
ENTITY_ROLES = ("outcome", "event", "followup", "stop")


@dataclass(frozen=True)
class Task:
    """What is predicted: `target` as a class or a number, of an entity, of a row or of the row after.

    Parameters
    ----------
    target : str
        Column, or "code" for what kind of row comes next.
    unit : {"entity", "row", "next"}
    classes : int
        Number of classes; 0 for a number.
    sentence : str
        The task in words: "predicting ...".
    leave_out : tuple of str
        Columns that would give the answer away.
    """

    target: str
    unit: str
    classes: int
    sentence: str
    leave_out: tuple[str, ...] = ()


def task_of(ruler: Ruler) -> Task:
    """The task of this schema: its label, else its outcome or event, else the next code, else the next value."""
    varied = {c.name for c in ruler.varied}
    for column in (
        *ruler.schema.roles("label"),
        *ruler.schema.roles("outcome"),
        *ruler.schema.roles("event"),
    ):
        if column.name not in varied:
            continue
        classes = _classes(ruler, column)
        if column.static:
            hidden = tuple(c.name for c in ruler.schema if c.role in ENTITY_ROLES)
            what = f"predicting {column.name} of an entity from its rows"
            left_out = dict.fromkeys((*hidden, column.name, *_telling(ruler, column)))
            return Task(column.name, "entity", classes, what, tuple(left_out))
        what = f"predicting {column.name} of a row"
        return Task(column.name, "row", classes, what, (column.name, *_telling(ruler, column)))
    if ruler.code_columns:
        kinds = min(len(ruler.code_names) - 1, CLASSES)
        return Task("code", "next", kinds, f"predicting the next {' and '.join(ruler.code_columns)}")
    numbers = [c for c in ruler.varied if not c.static and not c.discrete]
    if numbers:
        return Task(numbers[0].name, "next", 0, f"predicting the next {numbers[0].name}")
    raise CannotSay("no column can serve as a target")


def _telling(ruler: Ruler, target: Column) -> list[str]:
    """Columns that say the same as the target: a function of it, or one that it is a function of.

    Rules of the schema name them, and of categories the training rows show it. Where an entity is asked about, its
    last row counts, and whether it ever holds anything but the usual level: what ends a history stands in its end.
    """
    data = ruler.train
    found = [
        name
        for rule in data.schema.constraints or ()
        if rule.get("name") == "function" and rule.get("form") == "linear" and target.name in rule["columns"]
        for name in rule["columns"]
    ]
    if not target.discrete:
        return [name for name in dict.fromkeys(found) if name != target.name]
    truth = ruler.discrete(data, target.name)
    for column in ruler.varied:
        if column.name == target.name or not column.discrete:
            continue
        cells = ruler.discrete(data, column.name)
        if target.static and not column.static:
            has = data.lengths > 0
            ever = np.bincount(data.entity_of_row[cells > 0], minlength=data.n_entities) > 0
            views = [(cells[data.offsets[1:][has] - 1], truth[has]), (ever[has].astype(np.int64), truth[has])]
        elif column.static and not target.static:
            views = [(cells[data.entity_of_row], truth)]
        else:
            views = [(cells, truth)]
        if any(_function(a, b) or _function(b, a) for a, b in views):
            found.append(column.name)
    return [name for name in dict.fromkeys(found) if name != target.name]


def _function(source: NDArray[np.int64], target: NDArray[np.int64]) -> bool:
    """Whether the levels of one column tell those of the other; each level that must be learned counts as an error."""
    if not len(source):
        return False
    width = int(target.max()) + 1
    table = np.bincount(source * width + target, minlength=(int(source.max()) + 1) * width).reshape(-1, width)
    guessing = len(target) - table.sum(axis=0).max()
    wrong = len(target) - table.max(axis=1).sum() + (table.sum(axis=1) > 0).sum()
    return bool(wrong <= TELLS * guessing)


def _classes(ruler: Ruler, column: Column) -> int:
    return min(len(ruler.levels(column.name)), CLASSES) if column.discrete else 0


class Utility(Score):
    """What models lose on real data when they are trained on synthetic in place of real rows.

    Gradient boosting is trained on the candidate and on as many training entities, and both are tested on the
    reference. The target is the label of a row, else the outcome or event of an entity, else the next code, else the
    next value (as a normal score). The gap is the difference in R2, or twice that in AUC (one class against the
    rest, weighted by their shares). Columns that say the same as the target are left out. At most 5,000 rows a side.

    References
    ----------
    .. [1] Esteban, Hyland, Rätsch (2017), "Real-valued (medical) time series generation with recurrent conditional
       GANs", arXiv 1706.02633: train on synthetic, test on real.

    Examples
    --------
    >>> Utility.question
    'Do models trained on it work on real data?'
    """

    name, title, question = "utility", "Training models", "Do models trained on it work on real data?"
    group = "utility"
    dear = True
    cannot_see = (
        "other tasks than the one named",
        "whether probabilities are right",
        "forecasts of many steps",
    )

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> Tried:
        """Train both models and predict the reference."""
        measure = ruler(train)
        task = task_of(measure)
        test = _examples(measure, task, reference)
        if len(test.target) < FEWEST:
            raise CannotSay(f"{len(test.target)} real examples are too few to test a model on")
        if len(np.unique(test.target)) < 2:
            raise CannotSay(f"{task.target} is the same in all real examples")
        key = f"utility {streams.seed} {streams.path} {len(streams)}"
        if key not in measure.kept:
            order = np.argsort(
                type(streams)(streams.seed, (*streams.path, "train"), range(len(train))).uniform()
            )
            same = train.take(np.sort(order[: reference.n_entities]))
            measure.kept[key] = _predicted(task, _examples(measure, task, same), test, streams)
        made = _predicted(task, _examples(measure, task, candidate), test, streams)
        return Tried(task, test.target, test.owner, reference.n_entities, [measure.kept[key], made])

    def value(
        self, prepared: Tried, reference_weights: NDArray[np.float64], candidate_weights: NDArray[np.float64]
    ) -> float:
        """The loss, below 0 where the model trained on the candidate is the better one."""
        real, made = (prepared.measure(i, reference_weights) for i in (0, 1))
        return (real - made) * (2 if prepared.task.classes else 1)

    def details(self, prepared: Tried) -> list[Detail]:
        """The task with both numbers."""
        ones = np.ones(prepared.entities)
        real, made = (prepared.measure(i, ones) for i in (0, 1))
        task, measure = prepared.task, "AUC" if prepared.task.classes else "R2"
        sentence = (
            f"A model {task.sentence} reaches {measure} {number(made)} on real data after training on synthetic rows, "
            f"{number(real)} after training on real ones."
        )
        return [Detail(task.sentence, self.value(prepared, ones, ones), None, sentence)]

    def curve(self, prepared: Tried) -> dict[str, Any]:
        """The task and both numbers."""
        ones = np.ones(prepared.entities)
        classes = prepared.task.classes
        return {
            "task": prepared.task.sentence,
            "target": prepared.task.target,
            "measure": "AUC" if classes else "R2",
            "real": prepared.measure(0, ones),
            "synthetic": prepared.measure(1, ones),
            "constant": 0.5 if classes else 0.0,
        }

    def verdict(self, result: Result) -> str:
        """Both numbers."""
        c = result.curve
        return (
            f"{c['task'][:1].upper()}{c['task'][1:]}: {c['measure']} {number(c['synthetic'])} after training on "
            f"synthetic rows, {number(c['real'])} after training on real ones."
        )


@dataclass
class _Examples:
    features: Features
    target: NDArray[np.float64]
    owner: NDArray[np.int64]


class Tried:
    """Predictions of both models for the reference, ready to be reweighted."""

    def __init__(
        self,
        task: Task,
        target: NDArray[np.float64],
        owner: NDArray[np.int64],
        entities: int,
        predictions: list[NDArray[np.float64]],
    ) -> None:
        self.task, self.target, self.owner, self.entities = task, target, owner, entities
        self.predictions = predictions
        self._sorted = []
        for prediction in predictions if task.classes else ():
            order = np.argsort(prediction, axis=0, kind="stable")
            self._sorted.append((order, np.take_along_axis(prediction, order, axis=0)))

    def measure(self, which: int, weights: NDArray[np.float64]) -> float:
        """AUC or R2 under weights of the entities."""
        w = weights[self.owner]
        if not self.task.classes:
            if w.sum() <= 0:
                return 0.0
            middle = np.average(self.target, weights=w)
            spread = float(w @ (self.target - middle) ** 2)
            return 1 - float(w @ (self.target - self.predictions[which][:, 0]) ** 2) / max(spread, 1e-300)
        order, score = self._sorted[which]
        found, parts = [], []
        for k in range(score.shape[1]):
            truth = self.target == k
            if truth.any() and not truth.all():
                found.append(sorted_auc(score[:, k], truth[order[:, k]], w[order[:, k]]))
                parts.append(truth.sum())
        return float(np.average(found, weights=parts))


def _examples(ruler: Ruler, task: Task, data: Sequences) -> _Examples:
    if task.unit == "entity":
        features = entity_summaries(ruler, data, task.leave_out)
        target = _target(ruler, task, data)
        rows = np.arange(data.n_entities)
        owner = rows
    else:
        features = row_features(ruler, data, True, task.leave_out)
        target = _target(ruler, task, data)
        rows, owner = np.arange(data.n_rows), data.entity_of_row
        if task.unit == "next":
            rows = np.flatnonzero(data.step_of_row[1:] > 0)
            target = np.append(target[1:], np.nan)
    rows = rows[np.isfinite(target[rows])]
    rows = rows[:: 1 + len(rows) // ROWS]
    return _Examples(
        Features(features.values[rows], features.names, features.levels), target[rows], owner[rows]
    )


def _target(ruler: Ruler, task: Task, data: Sequences) -> NDArray[np.float64]:
    """Class of each row or entity, the rare ones joined and nulls NaN; or its normal score."""
    if task.target == "code" and task.unit == "next":
        return np.minimum(ruler.codes(data), task.classes).astype(np.float64)
    if not task.classes:
        return ruler.grid(task.target).normal(data.numeric(task.target))
    cells = ruler.discrete(data, task.target, task.classes)
    return np.where(cells <= task.classes, cells, -1).astype(np.float64) + np.where(
        cells > task.classes, np.nan, 0
    )


def _predicted(task: Task, learn: _Examples, test: _Examples, streams: Streams) -> NDArray[np.float64]:
    """A column a class, or one for a number."""
    width = task.classes + 1 if task.classes else 1
    if len(learn.target) < 4 or len(np.unique(learn.target)) < 2:
        return np.full(
            (len(test.target), width), learn.target.mean() if len(learn.target) and width == 1 else 0.0
        )
    a, b = aligned_features(learn.features, test.features)
    model = fitted(a.values, learn.target, streams.purpose("model"), classify=bool(task.classes))
    if not task.classes:
        return np.asarray(model.predict(b.values), dtype=np.float64)[:, None]
    out = np.zeros((len(test.target), width))
    out[:, model.classes_.astype(np.int64)] = model.predict_proba(b.values)
    return out
