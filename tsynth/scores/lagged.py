"""Rows beside other rows of their entity: values in its own measure, and correlations with rows before.

Correlations come from sums an entity, which weights can scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.weights import Counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["correlations", "moments", "standardised"]

MOMENTS, CLIP = 6, 4.0


def standardised(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values in standard deviations from the mean of their entity, (rows,); NaN where null, 0 where it is constant.

    They are clipped at four mean absolute deviations first, so that one extreme does not set the measure.
    """
    known = np.isfinite(values)
    entity, n = data.entity_of_row, data.n_entities
    held = np.maximum(np.bincount(entity, known, n), 1)

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = (np.bincount(entity, np.where(known, x, 0), n) / held)[entity]
        return out

    largest = float(np.abs(values[known]).max(initial=0.0))
    x = values / max(largest, 1e-300)
    x = x - mean(x)
    deviation = mean(np.abs(x))
    x = np.clip(x, -CLIP * deviation, CLIP * deviation)
    x = x - mean(x)
    spread = np.sqrt(mean(x * x))
    out: NDArray[np.float64] = np.divide(x, spread, out=np.zeros_like(x), where=spread > 1e-12)
    out[~known] = np.nan
    return out


def moments(
    data: Sequences,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    groups: Sequence[Sequence[int]],
) -> Counts:
    """What `correlations` needs of `before` so many rows earlier and `after`, summed over the lags of each group."""
    columns = []
    for lags in groups:
        sums = np.zeros((MOMENTS, data.n_entities))
        for lag in lags:
            later = np.flatnonzero(data.step_of_row >= lag)
            later = later[np.isfinite(after[later]) & np.isfinite(before[later - lag])]
            x, y, entity = before[later - lag], after[later], data.entity_of_row[later]
            for k, amount in enumerate((np.ones(len(x)), x, y, x * y, x * x, y * y)):
                sums[k] += np.bincount(entity, amount, data.n_entities)
        columns.append(sums.T)
    return Counts.dense(np.column_stack(columns))


def correlations(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The correlation of each group of lags; 0 where nothing varies."""
    n, x, y, xy, xx, yy = np.moveaxis(totals.reshape(*totals.shape[:-1], -1, MOMENTS), -1, 0)
    n = np.maximum(n, 1)
    spread = np.maximum(xx / n - (x / n) ** 2, 0) * np.maximum(yy / n - (y / n) ** 2, 0)
    known = spread > 1e-12
    found = (xy / n - x * y / n**2) / np.sqrt(np.where(known, spread, 1))
    out: NDArray[np.float64] = np.clip(np.where(known, found, 0.0), -1, 1)
    return out
