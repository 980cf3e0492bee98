"""Which of several drawn sets of contracts an entity gets: the one with which its balance runs as balances do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.constraints.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tsynth.data.constraints import Constraints
    from tsynth.data.sequences import Sequences

__all__ = ["learn_weights", "paths", "running", "weights"]

EDGES = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99)
ROUNDS = 8


def running(constraints: Constraints) -> list[str]:
    """Columns that are running totals."""
    return [rule.columns[0] for rule in constraints if isinstance(rule, Totals)]


def paths(data: Sequences, names: Iterable[str]) -> NDArray[np.float64]:
    """Lowest, mean and last value of each running total of each entity, (N, 3 for each name); NaN without rows."""
    has = data.lengths > 0
    first, last = data.offsets[:-1][has], data.offsets[1:][has] - 1
    out = []
    for name in names:
        x = np.nan_to_num(data.numeric(name))
        mean = np.full(data.n_entities, np.nan)
        low, end = mean.copy(), mean.copy()
        if has.any():
            low[has] = np.minimum.reduceat(x, first)
            mean[has] = np.add.reduceat(x, first) / data.lengths[has]
            end[has] = x[last]
        out += [low, mean, end]
    return np.stack(out, axis=1)


def learn_weights(real: NDArray[np.float64], tried: NDArray[np.float64]) -> dict[str, Any]:
    """Weights of bins of each number at which chosen sets spread as in the source.

    Parameters
    ----------
    real : float64 array, (N, F)
        `paths` of the source.
    tried : float64 array, (K, M, F)
        `paths` of K sets of contracts for each of M made entities.
    """
    edges = np.nanquantile(real, EDGES, axis=0).T if np.isfinite(real).any() else np.zeros((real.shape[1], 1))
    state = {"edges": edges, "log": np.zeros((len(edges), edges.shape[1] + 1))}
    known = np.isfinite(real).all(axis=1)
    bins, own = _bins(edges, real[known]), _bins(edges, tried)
    size = edges.shape[1] + 1
    for _ in range(ROUNDS):
        for f in range(len(edges)):
            chance = np.exp(weights(state, tried))
            chance = chance / chance.sum(axis=0)
            share = np.bincount(own[..., f].ravel(), chance.ravel(), minlength=size) / tried.shape[1]
            wanted = np.bincount(bins[:, f], minlength=size) / max(len(bins), 1)
            step = np.log((wanted + 0.002) / (share + 0.002))
            state["log"][f] = np.clip(state["log"][f] + step, -12.0, 12.0)
    return state


def weights(state: dict[str, Any], tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-weight of each tried set of each entity, (K, M)."""
    own = _bins(np.asarray(state["edges"]), tried)
    log = np.asarray(state["log"])
    return np.asarray(sum(log[f][own[..., f]] for f in range(len(log))))


def _bins(edges: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.int64]:
    out = np.zeros(x.shape, np.int64)
    for f, edge in enumerate(edges):
        out[..., f] = np.searchsorted(edge, np.nan_to_num(x[..., f]), side="right")
    return out
