"""Weighted counts and distances: what makes a bootstrap over entities cheap.

A score counts once, an entity and a cell, and then asks for totals under many weights of the entities. An entity
of weight 2 counts as two equal ones, so weights stand for duplication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counts", "auc", "roc", "shares", "total_variation"]


class Counts:
    """How often each entity falls into each cell.

    Parameters
    ----------
    entity : int array, (k,)
        Entity of each observation.
    cell : int array, (k,)
        Cell of each observation; negative ones are left out.
    n_entities, n_cells : int
    amount : float array, (k,), optional
        What each observation adds; 1 where not given.
    """

    def __init__(
        self,
        entity: NDArray[np.int64],
        cell: NDArray[np.int64],
        n_entities: int,
        n_cells: int,
        amount: NDArray[np.float64] | None = None,
    ) -> None:
        kept = cell >= 0
        values = np.ones(int(kept.sum())) if amount is None else amount[kept]
        self.n_entities, self.n_cells = n_entities, n_cells
        self._matrix = sparse.coo_matrix(
            (values, (cell[kept], entity[kept])), shape=(n_cells, n_entities)
        ).tocsr()

    @classmethod
    def dense(cls, amounts: NDArray[np.float64]) -> Counts:
        """Counts of an (entities, cells) array."""
        made = cls.__new__(cls)
        made.n_entities, made.n_cells = amounts.shape
        made._matrix = sparse.csr_matrix(amounts.T)
        return made

    def total(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Weighted sum over the entities, (cells,); (B, cells) for weights (B, entities)."""
        weights = np.ones(self.n_entities) if weights is None else weights
        return np.ascontiguousarray((self._matrix @ weights.T).T, dtype=np.float64)

    def entities(self) -> NDArray[np.int64]:
        """Number of entities that stand in each cell, (cells,)."""
        return np.diff(self._matrix.indptr).astype(np.int64)


def shares(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Totals as shares of the sum over their last axis; zeros where it is 0."""
    whole = totals.sum(axis=-1, keepdims=True)
    out: NDArray[np.float64] = np.divide(totals, whole, out=np.zeros_like(totals), where=whole > 0)
    return out


def total_variation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the summed difference of totals as shares, over the last axis; 1 where only one of them is empty."""
    full = first.sum(axis=-1) > 0, second.sum(axis=-1) > 0
    apart = np.abs(shares(first) - shares(second)).sum(axis=-1) / 2
    return np.where(full[0] & full[1], apart, np.where(full[0] != full[1], 1.0, 0.0))


def auc(score: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Weighted area under the ROC curve, ties counted half; .5 where a class is empty."""
    order = np.argsort(score, kind="stable")
    return sorted_auc(score[order], truth[order], weights[order])


def sorted_auc(score: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """`auc` of scores that are sorted."""
    positive, negative = np.where(truth, weights, 0.0), np.where(truth, 0.0, weights)
    whole = positive.sum() * negative.sum()
    if whole <= 0:
        return 0.5
    first = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    up, down = np.add.reduceat(positive, first), np.add.reduceat(negative, first)
    below = np.cumsum(down) - down / 2
    return float((up * below).sum() / whole)


def roc(score: NDArray[np.float64], truth: NDArray[np.bool_], points: int = 33) -> dict[str, list[float]]:
    """The ROC curve at evenly spaced false-positive rates: {"false": [...], "true": [...]}."""
    order = np.argsort(-score, kind="stable")
    hits, misses = np.cumsum(truth[order]), np.cumsum(~truth[order])
    false = np.linspace(0, 1, points)
    true = np.interp(false, np.r_[0, misses / max(misses[-1], 1)], np.r_[0, hits / max(hits[-1], 1)])
    return {"false": [float(x) for x in false], "true": [float(x) for x in true]}
