"""Examples of a task: what a model sees, and what it should say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.ruler import Ruler
from tsynth.scores.summaries import entity_summaries, row_features
from tsynth.scores.survival.followup import followup
from tsynth.scores.times import Days
from tsynth.scores.utility.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Examples", "examples"]

ROWS, RARE_ROWS = 5_000, 2_000
LAGS, FAR = 24, 20.0


@dataclass
class Examples:
    """Examples of a task.

    Parameters
    ----------
    features : float64 array, (n, features)
    target : float64 array, (n,)
        Class, number, or whether the event came.
    owner : int array, (n,)
        Entity of each.
    weight : float64 array, (n,)
        How many examples each stands for, where common ones were thinned out.
    time : float64 array, (n,)
        Time of the event or of censoring.
    """

    features: NDArray[np.float64]
    target: NDArray[np.float64]
    owner: NDArray[np.int64]
    weight: NDArray[np.float64]
    time: NDArray[np.float64]

    def take(self, where: NDArray[np.bool_]) -> Examples:
        """Some of them."""
        return Examples(*(part[where] for part in vars(self).values()))

    def beside(self, other: Examples) -> Examples:
        """These and those of another side, whose entities are counted on."""
        first, second = vars(self), vars(other)
        second = {**second, "owner": other.owner + self.owner.max(initial=-1) + 1}
        return Examples(*(np.concatenate([first[k], second[k]]) for k in first))


def examples(ruler: Ruler, task: Task, data: Sequences) -> Examples:
    """At most some 5,000 examples of one side, evenly thinned; where it is rare, what must be found stays."""
    if task.kind == "survival":
        return _survival(ruler, task, data)
    if task.kind == "forecast":
        return _forecast(ruler, task, data)
    target = _target(ruler, task, data)
    if task.unit == "entity":
        features = entity_summaries(ruler, data, task.leave_out).values
        rows = owner = np.arange(data.n_entities)
    else:
        features = row_features(ruler, data, True, task.leave_out).values
        rows, owner = np.arange(data.n_rows), data.entity_of_row
        if task.unit == "next":
            rows = np.flatnonzero(data.step_of_row[1:] > 0)
            target = np.append(target[1:], np.nan)
    rows = rows[np.isfinite(target[rows])]
    weight = np.ones(len(target))
    if task.kind == "detection" and len(rows) > ROWS:
        rare = rows[target[rows] > 0]
        rare_step = 1 + len(rare) // RARE_ROWS
        common = rows[target[rows] == 0]
        step = 1 + len(common) // (ROWS - len(rare) // rare_step)
        weight[rare], weight[common] = rare_step, step
        rows = np.sort(np.concatenate([rare[::rare_step], common[::step]]))
    else:
        rows = rows[:: 1 + len(rows) // ROWS]
    blank = np.zeros(len(rows))
    return Examples(features[rows], target[rows], owner[rows], weight[rows], blank)


def _target(ruler: Ruler, task: Task, data: Sequences) -> NDArray[np.float64]:
    """Class of each row or entity, the rare ones joined and nulls NaN; or its normal score."""
    if task.target == "code" and task.unit == "next":
        return np.minimum(ruler.codes(data), task.classes).astype(np.float64)
    if not task.classes:
        return ruler.grid(task.target).normal(data.numeric(task.target))
    cells = ruler.discrete(data, task.target, task.classes)
    null = cells > task.classes
    found = np.minimum(cells, 1) if task.kind == "detection" else cells
    return np.where(null, np.nan, found).astype(np.float64)


def _survival(ruler: Ruler, task: Task, data: Sequences) -> Examples:
    """Statics and first rows."""
    side = followup(ruler, data)
    has = data.lengths > 0
    first = np.zeros(data.n_rows, bool)
    first[data.offsets[:-1][has]] = True
    features = row_features(ruler, data.keep_rows(first), False, task.leave_out).values
    entity = np.flatnonzero(has)
    good = side.cause[entity] >= 0
    entity, features = entity[good], features[good]
    event = (side.cause[entity] > 0).astype(np.float64)
    return Examples(features, event, entity, np.ones(len(entity)), side.time[entity])


@np.errstate(over="ignore", invalid="ignore")
def _forecast(ruler: Ruler, task: Task, data: Sequences) -> Examples:
    """Values so far, from the last one on and in units of their mean deviation, and the calendar of the row ahead."""
    values = data.numeric(task.target)
    lags = int(np.clip(np.median(ruler.train.lengths) // 3, 1, LAGS))
    room = data.lengths[data.entity_of_row] - 1 - data.step_of_row
    rows = np.flatnonzero((data.step_of_row >= min(lags, 3) - 1) & (room >= task.ahead))
    rows = rows[np.isfinite(values[rows]) & np.isfinite(values[rows + task.ahead])]
    rows = rows[:: 1 + len(rows) // (2 * ROWS)]
    back = np.arange(lags)
    seen = np.where(
        back <= data.step_of_row[rows][:, None], values[np.maximum(rows[:, None] - back, 0)], np.nan
    )
    known = np.isfinite(seen)
    count = np.maximum(known.sum(axis=1), 1)
    middle = np.where(known, seen, 0).sum(axis=1) / count
    size = np.where(known, np.abs(seen - middle[:, None]), 0).sum(axis=1) / count
    moving = np.isfinite(size) & (size > 0)
    rows, seen, size, middle = rows[moving], seen[moving], size[moving], middle[moving]
    level = values[rows]
    table = [np.clip((seen - level[:, None]) / size[:, None], -1e6, 1e6), ((middle - level) / size)[:, None]]
    if data.calendar:
        table += [part[rows + task.ahead][:, None].astype(float) for part in Days.of(data).profiles.values()]
    target = np.clip((values[rows + task.ahead] - level) / size, -FAR, FAR)
    thin = slice(None, None, 1 + len(rows) // ROWS)
    features, target, owner = np.hstack(table)[thin], target[thin], data.entity_of_row[rows][thin]
    return Examples(features, target, owner, np.ones(len(target)), np.zeros(len(target)))
