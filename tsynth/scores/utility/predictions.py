"""Models tried on real examples: what they reach, under many weights of the entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.scores.utility.examples import Examples
from tsynth.scores.utility.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Predictions"]

PAIRED = 1_500
"""Entities whose pairs are compared."""


class Predictions:
    """Predictions of one model for test examples, ready to be measured under many weights.

    Parameters
    ----------
    task : Task
    test : Examples
    predicted : float64 array, (test, classes or 1)
    """

    def __init__(self, task: Task, test: Examples, predicted: NDArray[np.float64]) -> None:
        self.task, self.test, self.predicted = task, test, predicted
        self._ready: list[Any] = []
        if task.kind in ("class", "detection"):
            for k in range(predicted.shape[1]):
                truth = test.target == (k if task.kind == "class" else 1)
                if truth.any() and not truth.all():
                    order = np.argsort(predicted[:, k], kind="stable")
                    ranked = predicted[order, k]
                    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
                    self._ready.append((order, first, truth[order], float(test.weight[truth].sum())))
        elif task.kind == "survival":
            self._pairs()

    def _pairs(self) -> None:
        """Pairs of which it is known who has the event earlier, and whether the prediction says so."""
        kept = np.arange(0, len(self.test.target), 1 + len(self.test.target) // PAIRED)
        time, event, risk = self.test.time[kept], self.test.target[kept] > 0, self.predicted[kept, 0]
        earlier = (event[:, None] & (time[:, None] < time[None, :])).astype(np.float32)
        right = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
        self._ready = [kept, earlier, (earlier * right).astype(np.float32)]

    def reached(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """AUC, R2, concordance or skill under weights of the entities, (B, entities) to (B,)."""
        w = weights[:, self.test.owner] * self.test.weight
        if self.task.kind in ("class", "detection"):
            if not self._ready:
                return np.full(len(w), 0.5)
            found = [_auc(w[:, order], first, truth) for order, first, truth, _ in self._ready]
            parts = np.array([part for *_, part in self._ready])
            return np.average(np.array(found), axis=0, weights=parts)
        if self.task.kind == "survival":
            kept, earlier, right = self._ready
            part = w[:, kept].astype(np.float32)
            whole, good = (((part @ m) * part).sum(axis=1, dtype=np.float64) for m in (earlier, right))
            return np.divide(good, whole, out=np.full(len(w), 0.5), where=whole > 0)
        error = self.test.target - self.predicted[:, 0]
        if self.task.kind == "forecast":
            usual = w @ np.abs(self.test.target)
            return 1 - np.divide(w @ np.abs(error), usual, out=np.ones(len(w)), where=usual > 0)
        total = np.maximum(w.sum(axis=1), 1e-300)
        middle = (w @ self.test.target) / total
        spread = w @ self.test.target**2 - total * middle**2
        lost: NDArray[np.float64] = w @ error**2
        return 1 - np.divide(lost, spread, out=np.ones(len(w)), where=spread > 1e-12 * total)

    def precision(self) -> float:
        """Average precision of a detection: the mean share of hits among what is ranked at least as high as a hit."""
        order = np.argsort(-self.predicted[:, 0], kind="stable")
        hit, weight = self.test.target[order] > 0, self.test.weight[order]
        hits, score = np.cumsum(weight * hit), self.predicted[order, 0]
        last = np.r_[np.flatnonzero(score[1:] != score[:-1]), len(score) - 1]
        precise = hits[last] / np.cumsum(weight)[last]
        return float(np.diff(np.r_[0, hits[last]]) @ precise / max(hits[-1], 1e-300))


def _auc(
    weights: NDArray[np.float64], first: NDArray[np.int64], truth: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Weighted areas under the ROC curve of sorted scores, ties counted half, (B, n) to (B,)."""
    up = np.add.reduceat(np.where(truth, weights, 0.0), first, axis=1)
    down = np.add.reduceat(np.where(truth, 0.0, weights), first, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    whole = up.sum(axis=1) * down.sum(axis=1)
    return np.divide((up * below).sum(axis=1), whole, out=np.full(len(weights), 0.5), where=whole > 0)
