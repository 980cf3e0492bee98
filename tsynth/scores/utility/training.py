"""Do models trained on it work on real data?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.ruler import Ruler, ruler
from tsynth.scores.utility.examples import Examples, examples
from tsynth.scores.utility.models import MEMBERS, folds, members
from tsynth.scores.utility.predictions import Predictions
from tsynth.scores.utility.tasks import Task, named, tasks_of
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Tried", "Utility", "same_size", "tested_on"]

FEWEST = 40


class Utility(Score):
    """What models lose on real data when they are trained on synthetic in place of real rows, over a few tasks.

    Gradient boosting is trained on the candidate, on as many training entities, and on both together, and tested on
    the reference. Without `tasks` the schema tells up to three: detecting a rare label or predicting a frequent one,
    the order of survival times from statics and first rows, outcome or event of an entity; else the next code, else
    the next value. A gap is the difference in R2 (of normal scores), in skill of a forecast (1 - its error / the
    error of repeating the last value, which is 1 - MASE), or twice that in AUC (one class against the rest, weighted
    by their shares) or concordance; the value is the mean over tasks. Columns that say the same as the target are
    left out. At most some 5,000 examples a side.

    Each model is the mean of four, each without a quarter of the entities; how much they differ among themselves
    enters the interval as the noise of the training sample (a delete-a-group jackknife), beside the bootstrap of the
    test entities. Of 24 simulated worlds of cards with a perfect generator none had an interval above 0; other kinds
    of worlds are counted in docs/benchmarks.md ("calibration").

    Parameters
    ----------
    tasks : tuple of str
        "COLUMN", "next COLUMN", "forecast COLUMN", "detection of COLUMN" or "survival".

    References
    ----------
    .. [1] Esteban, Hyland, Rätsch (2017), "Real-valued (medical) time series generation with recurrent conditional
       GANs", arXiv 1706.02633: train on synthetic, test on real.
    .. [2] Hyndman, Koehler (2006), "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22: MASE.
    .. [3] Harrell, Califf, Pryor, Lee, Rosati (1982), "Evaluating the yield of medical tests", JAMA 247: concordance.
    .. [4] Efron, Tibshirani (1993), *An Introduction to the Bootstrap*, ch. 11: the jackknife.

    Examples
    --------
    >>> Utility.question
    'Do models trained on it work on real data?'
    """

    name, title, question = "utility", "Training models", "Do models trained on it work on real data?"
    group = "utility"
    dear = True
    cannot_see = (
        "other tasks than those named",
        "whether probabilities are right",
        "other models than gradient boosting",
    )

    def __init__(self, tasks: tuple[str, ...] = ()) -> None:
        self.tasks = tuple(tasks)

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> list[Tried]:
        """Train all models and predict the reference."""
        measure = ruler(train)
        found, reasons = [], []
        for at, asked in enumerate(self.tasks or (None,) * len(tasks_of(measure))):
            try:
                task = tasks_of(measure)[at] if asked is None else named(measure, asked)
                found.append(Tried(measure, task, reference, candidate, streams.purpose(str(at))))
            except CannotSay as reason:
                reasons.append(reason)
        if not found:
            raise reasons[0]
        return found

    def values(
        self,
        prepared: list[Tried],
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The mean loss, below 0 where models trained on the candidate are the better ones."""
        return np.mean([t.losses(reference_weights, candidate_weights) for t in prepared], axis=0)

    def value(
        self,
        prepared: list[Tried],
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The mean loss."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: list[Tried]) -> list[Detail]:
        """Each task with its numbers, worst first."""
        said = [Detail(t.task.sentence, t.loss(), None, t.sentence()) for t in prepared]
        return sorted(said, key=lambda d: (-d.value, d.label))

    def curve(self, prepared: list[Tried]) -> dict[str, Any]:
        """The worst task and its numbers, then all of them."""
        shown = [{**t.numbers(), "both": t.both} for t in sorted(prepared, key=lambda t: -t.loss())]
        keys = ("task", "measure", "real", "synthetic", "both", "constant")
        columns = [
            "task",
            "measure",
            "trained on real rows",
            "trained on synthetic rows",
            "trained on both",
            "without a model",
        ]
        rows = [[s[k] if isinstance(s[k], str) else number(s[k]) for k in keys] for s in shown]
        picture = {
            "kind": "table",
            "title": "What models reach on real data",
            "columns": columns,
            "rows": rows,
        }
        return {**shown[0], "tasks": shown, "pictures": [picture]}

    def verdict(self, result: Result) -> str:
        """The numbers of the worst task."""
        c = result.curve
        more = len(c["tasks"]) - 1
        said = (
            f"{c['task'][:1].upper()}{c['task'][1:]}: {c['measure']} {number(c['synthetic'])} after training on "
            f"synthetic rows, {number(c['real'])} after training on real ones, {number(c['both'])} on both."
        )
        return said + (f" The worst of {more + 1} tasks." if more else "")


class Tried:
    """A task with its models: trained on real rows, on the candidate (in members), and on both when asked.

    Parameters
    ----------
    ruler : Ruler
    task : Task
    reference, candidate : Sequences
    streams : Streams
    """

    def __init__(
        self, ruler: Ruler, task: Task, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> None:
        self.task, self.streams = task, streams
        self.test = tested_on(ruler, task, reference)
        self.entities = reference.n_entities
        key = f"utility {task.sentence} {streams.seed} {streams.path}"
        kept = (
            reference._cache
        )  # candidates of one halving share the reference, and so the model of real rows
        if key not in kept or kept[key][0] is not ruler:
            same = same_size(ruler.train, reference.n_entities, streams)
            learn = examples(ruler, task, same)
            made = members(task, learn, self.test, folds(same.n_entities, streams.purpose("real")), streams)
            kept[key] = ruler, learn, Predictions(task, self.test, made.mean(axis=0))
        _, self.learn_real, self.real = kept[key]
        self.learn = examples(ruler, task, candidate)
        self.fold = folds(candidate.n_entities, streams.purpose("made"))
        made = members(task, self.learn, self.test, self.fold, streams)
        self.made = Predictions(task, self.test, made.mean(axis=0))
        ones = np.ones((1, self.entities))
        alone = np.array([Predictions(task, self.test, m).reached(ones)[0] for m in made])
        self.noise = (alone - alone.mean()) * np.sqrt((MEMBERS - 1) / MEMBERS)
        self._both: float | None = None

    def losses(self, reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> NDArray[np.float64]:
        """The loss under many weights. Weights of the candidate move it by as much as its quarters differ."""
        size = np.maximum(np.bincount(self.fold, minlength=MEMBERS), 1)
        moved = np.stack([(candidate[:, self.fold == k] - 1).sum(axis=1) for k in range(MEMBERS)], axis=1)
        made = self.made.reached(reference) + (moved / np.sqrt(size)) @ self.noise
        return self.task.scale * (self.real.reached(reference) - made)

    def loss(self) -> float:
        """The loss where all entities count alike."""
        ones = np.ones((1, self.entities))
        return float(self.task.scale * (self.real.reached(ones) - self.made.reached(ones))[0])

    @property
    def both(self) -> float:
        """What a model reaches after training on real and synthetic rows together; trained when first asked."""
        if self._both is None:
            joined = self.learn_real.beside(self.learn)
            entities = int(joined.owner.max(initial=-1)) + 1
            fold = folds(entities, self.streams.purpose("both"))
            made = members(self.task, joined, self.test, fold, self.streams).mean(axis=0)
            self._both = float(
                Predictions(self.task, self.test, made).reached(np.ones((1, self.entities)))[0]
            )
        return self._both

    def numbers(self) -> dict[str, Any]:
        """The task and its numbers."""
        ones = np.ones((1, self.entities))
        return {
            "task": self.task.sentence,
            "target": self.task.target,
            "measure": self.task.measure,
            "real": float(self.real.reached(ones)[0]),
            "synthetic": float(self.made.reached(ones)[0]),
            "constant": self.task.constant,
        }

    def sentence(self) -> str:
        """The numbers in words."""
        n, kind = self.numbers(), self.task.kind
        said = (
            f"A model {self.task.sentence} reaches {n['measure']} {number(n['synthetic'])} on real data after training "
            f"on synthetic rows, {number(n['real'])} after training on real ones"
        )
        if kind == "detection":
            made, real = (number(t.precision()) for t in (self.made, self.real))
            said += f"; its average precision is {made} after synthetic, {real} after real rows"
        if kind == "forecast":
            made, real = (number(1 - n[k]) for k in ("synthetic", "real"))
            said += f"; its errors are {made} and {real} times those of repeating the last value"
        return said + "."


def same_size(train: Sequences, entities: int, streams: Streams) -> Sequences:
    """As many training entities as this, at random."""
    order = np.argsort(type(streams)(streams.seed, (*streams.path, "train"), range(len(train))).uniform())
    return train.take(np.sort(order[:entities]))


def tested_on(ruler: Ruler, task: Task, reference: Sequences) -> Examples:
    """The real examples that models are tested on.

    Raises
    ------
    CannotSay
        They are too few, or all alike.
    """
    test = examples(ruler, task, reference)
    if len(test.target) < FEWEST:
        raise CannotSay(f"{len(test.target)} real examples are too few to test a model on")
    if len(np.unique(test.target)) < 2:
        raise CannotSay(f"{task.target} is the same in all real examples")
    return test
