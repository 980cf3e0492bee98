"""Do models trained on it serve some group worse than the others?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result
from tsynth.scores.fairness.groups import RANKED, Group, GroupScore, listed, partitions
from tsynth.scores.judges import fitted
from tsynth.scores.parts import CELL
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, row_features
from tsynth.scores.verdicts import against_floor
from tsynth.scores.weights import Counts
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["GroupUtility"]

CLASSES, ROWS, TAUGHT = 4, 2_500, 0.01


@dataclass
class _Losses:
    """Loss of two models on the reference, summed by entity: trained on real rows, and on the candidate."""

    task: str
    groups: list[Group]
    sums: Counts
    columns: tuple[str, ...]
    taught: float

    def mean(self, weights: NDArray[np.float64], group: Group | None = None) -> NDArray[np.float64]:
        """Mean loss of both models under weights of the entities, (B, 2), of a group or of all."""
        if group is not None:
            inside = np.zeros(weights.shape[1])
            inside[group.real] = 1.0
            weights = weights * inside
        *losses, count = self.sums.total(weights).T
        return np.stack([np.divide(x, count, out=np.zeros_like(x), where=count > 0) for x in losses], axis=1)

    def excesses(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each ranked group loses by training on the candidate beyond what all lose, (groups, B).

        In parts of what real rows teach, that is, of the loss that they spare a model beside guessing.
        """
        whole = self.mean(weights)
        rows = []
        for group in self.groups:
            if not group.small:
                own = self.mean(weights, group)
                rows.append((own[:, 1] - own[:, 0]) - (whole[:, 1] - whole[:, 0]))
        return np.array(rows) / self.taught


class GroupUtility(GroupScore):
    """How much more the worst group loses than all do, when a model is trained on synthetic in place of real rows.

    Gradient boosting predicts what kind of row comes next (where rows have no kind: the next value of the first
    numeric column, as a normal score) from the rows before, once after training on the candidate and once on as many
    training entities; both are tested on the reference. The loss of a row is the Brier score, halved to lie in 0..1,
    or half the squared error. The score is the loss that the exchange adds in the worst group, less what it adds for
    all, in parts of what real rows spare beside guessing; a group that is hard for any model is no fault. At most
    2,500 rows a side; groups of at least 30 real entities.

    Parameters
    ----------
    columns : tuple of str
        Static columns, at most two; where empty, those with the role arm or group.

    References
    ----------
    .. [1] Ganev, Oprisanu, De Cristofaro (2022), "Robin Hood and Matthew effects: differential privacy has disparate
       impact on synthetic data", ICML: the loss of classifiers by subgroup (section 5).
    .. [2] Brier (1950), Monthly Weather Review 78(1): the score.

    Examples
    --------
    >>> GroupUtility.question
    'Do models trained on it serve some group worse than the others?'
    """

    name, title = "group_utility", "Training models by group"
    question = "Do models trained on it serve some group worse than the others?"
    dear = True
    cannot_see = (
        "other tasks than the next row",
        "a loss that all groups share",
        "groups of fewer than 30 real entities",
    )

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Losses:
        """Train both models and sum their losses by entity."""
        measure = ruler(train)
        groups = [g for g in listed(measure, self.columns, reference, candidate) if len(g.real) >= CELL]
        if sum(not g.small for g in groups) < 2:
            raise CannotSay(
                f"fewer than two groups have {RANKED} real entities, in the half of the holdout that is compared, "
                "to test a model on"
            )
        task, classes = _task(measure)
        test = _examples(measure, task, classes, reference)
        if len(test.target) < RANKED or len(np.unique(test.target)) < 2:
            raise CannotSay("there are too few rows with a row before them")
        key = f"group utility {streams.seed} {streams.path} {reference.n_entities}"
        if key not in measure.kept:
            places = type(streams)(streams.seed, (*streams.path, "train"), range(train.n_entities))
            order = np.argsort(places.uniform(), kind="stable")
            same = train.take(np.sort(order[: candidate.n_entities]))
            learn = _examples(measure, task, classes, same)
            loss = _loss(learn, test, classes, streams)
            blank = _Examples(Features(learn.features.values[:, :0], []), learn.target, learn.owner)
            guess = _loss(blank, test, classes, streams)
            measure.kept[key] = loss, float(guess.mean() - loss.mean())
        loss, taught = measure.kept[key]
        if taught < TAUGHT:
            raise CannotSay("real rows themselves teach next to nothing about the row after")
        losses = [
            loss,
            _loss(_examples(measure, task, classes, candidate), test, classes, streams),
            np.ones(len(test.target)),
        ]
        summed = [np.bincount(test.owner, loss, reference.n_entities) for loss in losses]
        columns = tuple(dict.fromkeys(name for p in partitions(measure, self.columns) for name in p.columns))
        said = f"predicting the next {task or ' and '.join(measure.code_columns)}"
        return _Losses(said, groups, Counts.dense(np.column_stack(summed)), columns, taught)

    def values(
        self,
        prepared: _Losses,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The largest excess; nothing is trained again, so weights of the candidate do not enter."""
        return np.minimum(prepared.excesses(reference_weights).max(axis=0), 1.0)

    def value(
        self,
        prepared: _Losses,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """As `values`."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def _found(self, prepared: _Losses, group: Group | None = None) -> tuple[float, float]:
        real, made = prepared.mean(np.ones((1, prepared.sums.n_entities)), group)[0]
        return float(real), float(made)

    def details(self, prepared: _Losses) -> list[Detail]:
        """Each ranked group that loses more than all do, worst first."""
        whole, found = self._found(prepared), []
        for group in prepared.groups:
            if group.small:
                continue
            real, made = self._found(prepared, group)
            value = max(0.0, (made - real) - (whole[1] - whole[0])) / prepared.taught
            sentence = (
                f"For {group.name}, {prepared.task} has a loss of {number(made)} on real data after training on "
                f"synthetic rows, {number(real)} after training on real ones; for all {number(whole[1])} and "
                f"{number(whole[0])}. Guessing has {number(whole[0] + prepared.taught)}."
            )
            found.append(Detail(group.name, min(value, 1.0), None, sentence if value > 0 else ""))
        return sorted(found, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: _Losses) -> dict[str, Any]:
        """Every group with both losses."""
        whole = self._found(prepared)
        entries = []
        for group in prepared.groups:
            real, made = self._found(prepared, group)
            entries.append(group.entry(real=real, synthetic=made))
        rows: list[list[Any]] = [
            [
                e["name"],
                e["entities"]["real"],
                number(e["synthetic"]),
                number(e["real"]),
                "small, not ranked" * e["small"],
            ]
            for e in entries
        ]
        table = {
            "kind": "table",
            "title": f"Loss of {prepared.task} on real data",
            "columns": ["group", "real entities", "trained on synthetic rows", "trained on real rows", ""],
            "rows": [["all", prepared.sums.n_entities, number(whole[1]), number(whole[0]), ""], *rows],
        }
        return {
            "columns": list(prepared.columns),
            "task": prepared.task,
            "groups": entries,
            "pictures": [table],
        }

    def verdict(self, result: Result) -> str:
        """Whether chance explains it, and where it does not, the group."""
        sure = result.interval is not None and result.interval[0] > 0 and result.details
        return against_floor(result) + (f" Worst: {result.details[0].label}." if sure else "")


@dataclass
class _Examples:
    features: Features
    target: NDArray[np.float64]
    owner: NDArray[np.int64]


def _task(ruler: Ruler) -> tuple[str | None, int]:
    """A numeric column, or None for the kind of row; and the number of classes."""
    if ruler.code_columns:
        return None, min(len(ruler.code_names), CLASSES) + 1
    for column in ruler.varied:
        if not column.static and column.numeric:
            return column.name, 0
    raise CannotSay("no column of the rows can serve as a target")


def _examples(ruler: Ruler, task: str | None, classes: int, data: Sequences) -> _Examples:
    if task is None:
        values = np.minimum(ruler.codes(data), classes - 1).astype(np.float64)
    else:
        values = ruler.grid(task).normal(data.numeric(task))
    rows = np.flatnonzero(data.step_of_row[1:] > 0)
    rows = rows[np.isfinite(values[rows + 1])]
    rows = rows[:: 1 + len(rows) // ROWS]
    features = row_features(ruler, data, True)
    return _Examples(
        Features(features.values[rows], features.names, features.levels),
        values[rows + 1],
        data.entity_of_row[rows],
    )


def _loss(learn: _Examples, test: _Examples, classes: int, streams: Streams) -> NDArray[np.float64]:
    """Loss of each test example, in 0..1."""
    a, b = aligned_features(learn.features, test.features)
    constant = len(learn.target) < 4 or len(np.unique(learn.target)) < 2 or not learn.features.names
    if not classes:
        if constant:
            guess = np.full(len(test.target), learn.target.mean() if len(learn.target) else 0.0)
        else:
            model = fitted(a.values, learn.target, streams.purpose("model"), classify=False)
            guess = _on_one_thread(model.predict, b.values)
        return np.asarray(np.minimum((guess - test.target) ** 2 / 2, 1.0), dtype=np.float64)
    truth = np.eye(classes)[test.target.astype(np.int64)]
    chance = np.zeros((len(test.target), classes))
    if constant:
        known = np.bincount(learn.target.astype(np.int64), minlength=classes) / max(len(learn.target), 1)
        chance[:] = known if len(learn.target) else 1 / classes
    else:
        model = fitted(a.values, learn.target, streams.purpose("model"))
        chance[:, model.classes_.astype(np.int64)] = _on_one_thread(model.predict_proba, b.values)
    return np.asarray(((chance - truth) ** 2).sum(axis=1) / 2, dtype=np.float64)


def _on_one_thread(predict: Any, features: NDArray[np.float64]) -> NDArray[np.float64]:
    with threadpool_limits(limits=1):
        return np.asarray(predict(features), dtype=np.float64)
