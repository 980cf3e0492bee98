"""Does a model that learned from synthetic rows do on real rows as well as one that learned from real rows?

Train on synthetic, train on real, test both on the same held-out real entities (Esteban, Hyland, Rätsch 2017, arXiv
1706.02633). A task is passed where the synthetic-trained model reaches 98 % of the other's score (an error: at most
1 / .98 of it), or where the 95 % interval of the ratio, a bootstrap over the test entities, reaches 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from benchmarks.mixed.measure import prepared
from benchmarks.mixed.tasks import TASKS, Task
from tsynth.data.sequences import Sequences

MOST = 20_000
"""Examples that a model learns from, and that it is tested on."""
FEWEST = 40
REWEIGHTINGS = 300
WITHIN = 0.98
RARE = 100
"""Real examples below which a class counts as one with all other such classes."""


def substituted(
    table: str, train: Sequences, draws: list[Sequences], holdout: Sequences
) -> list[dict[str, Any]]:
    """Every task of a table, each with real and synthetic score, ratio, interval and verdict."""
    tasks = [task for task in TASKS if task.table == table]
    found = []
    sides = [prepared(train, made, holdout) for made in draws]
    for task in tasks:
        real = _examples(task, sides[0][0])
        tested = [_examples(task, side[2]) for side in sides]
        made = [_examples(task, side[1]) for side in sides]
        found.append(compared(task, real, made, tested))
    return found


def compared(task: Task, real: Any, made: list[Any], tested: list[Any]) -> dict[str, Any]:
    """One task; `tested` is the holdout as each draw's schema codes it, so examples are the same."""
    answer: dict[str, Any] = {"task": f"{task.table}: {task.name}", "measure": task.measure}
    if task.measure == "accuracy":
        classes, count = np.unique(real[1], return_counts=True)
        usual = classes[count >= RARE]
        real, *others = (_merged(each, usual) for each in (real, *made, *tested))
        made, tested = others[: len(made)], others[len(made) :]
    x, y, owner = tested[0]
    learned = [one for one in made if _can(task, one)]
    if not (_can(task, real) and _can(task, tested[0])):
        return answer | {
            "real": None,
            "synthetic": None,
            "ratio": None,
            "passed": None,
            "why": "too few real examples",
        }
    if not learned:
        return answer | {"real": None, "synthetic": None, "ratio": 0.0, "passed": False,
                         "why": "the synthetic rows hold no such examples"}  # fmt: skip
    entities, place = np.unique(owner, return_inverse=True)
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(entities), np.full(len(entities), 1 / len(entities)), REWEIGHTINGS)
    weights = np.vstack([np.ones(len(entities)), drawn])[:, place]  # the first is the estimate itself
    reached = _reached(task, predicted(task, real, x), y, weights)
    others = np.mean([_reached(task, predicted(task, one, x), y, weights) for one in learned], axis=0)
    ratio = reached / others if task.measure == "error" else others / reached
    low, high = np.quantile(ratio[1:], (0.025, 0.975))
    return answer | {
        "examples": len(y), "entities": len(entities), "real": float(reached[0]), "synthetic": float(others[0]),
        "ratio": float(ratio[0]), "low": float(low), "high": float(high),
        "within": bool(ratio[0] >= WITHIN), "passed": bool(ratio[0] >= WITHIN or high >= 1.0),
    }  # fmt: skip


def predicted(task: Task, learn: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a boosting model that learned from these examples says of x: log-odds, a class or a number."""
    values, target, _ = learn
    number = task.measure == "error"
    kind = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    model = kind(
        max_iter=40 if task.measure == "accuracy" else 80, learning_rate=0.1, max_leaf_nodes=15, max_bins=127,
        early_stopping=False, min_samples_leaf=int(np.clip(len(target) // 50, 5, 40)), random_state=0,
        l2_regularization=5.0 if task.measure == "accuracy" else 0.0,  # rare classes run away without
    )  # fmt: skip
    empty = np.isnan(values).all(axis=0)
    with threadpool_limits(limits=1):
        model.fit(np.where(empty, 0.0, values), target)
        if task.measure == "AUC":
            return model.decision_function(np.where(empty, 0.0, x))
        return model.predict(np.where(empty, 0.0, x))


def _reached(
    task: Task, said: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The measure under each row of weights, (B,)."""
    total = weights.sum(axis=1)
    if task.measure == "error":
        return np.sqrt(weights @ (said - y) ** 2 / total)
    if task.measure == "accuracy":
        return weights @ (said == y) / total
    order = np.argsort(said, kind="stable")
    said, y = said[order], y[order]
    starts = np.flatnonzero(np.r_[True, np.diff(said) > 0])  # ties are one step of the curve
    steps = [np.add.reduceat(weights[:, order] * (y == side), starts, axis=1) for side in (0, 1)]
    below = np.cumsum(steps[0], axis=1) - steps[0] / 2
    pairs = steps[0].sum(axis=1) * steps[1].sum(axis=1)
    return np.divide((steps[1] * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _examples(task: Task, data: Sequences) -> Any:
    values, target, owner = task.examples(data)
    known = np.flatnonzero(np.isfinite(target))
    known = known[np.linspace(0, len(known) - 1, min(len(known), MOST)).round().astype(np.int64)]
    return values[known], target[known], owner[known]


def _merged(examples: Any, usual: NDArray[np.float64]) -> Any:
    values, target, owner = examples
    return values, np.where(np.isin(target, usual), target, -1.0), owner


def _can(task: Task, examples: Any) -> bool:
    """Enough to learn from, or to test on."""
    target = examples[1]
    if len(target) < FEWEST:
        return False
    if task.measure == "error":
        return True
    return min(np.unique(target, return_counts=True)[1]) >= 2 and len(np.unique(target)) > 1
