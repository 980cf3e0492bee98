"""Rules of the UCSD card payments: how fraud comes in bursts, and what a detector learns from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.mixed import features
from benchmarks.mixed.measure import boosted
from tsynth.data.sequences import Sequences

LABEL = "is_fraud"
DRAWS, SPLITS = 400, 5


def counts(data: Sequences) -> NDArray[np.float64]:
    """A card: payments, frauds, frauds that a payment follows, frauds after fraud, any fraud, three or more, (N, 6)."""
    fraud = (data.numeric(LABEL) if not data.schema[LABEL].discrete else _levels(data)) == 1
    before = features.shifted(data, fraud.astype(float), 1)

    def per(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(data.entity_of_row[mask], minlength=data.n_entities).astype(float)

    frauds = per(fraud)
    return np.column_stack(
        [data.lengths, frauds, per(before == 1), per((before == 1) & fraud), frauds >= 1, frauds >= 3]
    )


def shares(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraud share, fraud after fraud, cards with three or more of those with any; of sums (..., 6)."""
    return np.stack([table[..., 1] / table[..., 0], table[..., 3] / np.maximum(table[..., 2], 1),
                     table[..., 5] / np.maximum(table[..., 4], 1)], axis=-1)  # fmt: skip


NAMES = ("fraud share", "fraud after fraud", "cards with 3 or more frauds")


def rules(train: Sequences, synthetic: Sequences, holdout: Sequences) -> dict[str, list[float]]:
    """Each share as [synthetic, holdout, low, high]: within low..high real cards differ from the holdout in 95 of 100.

    The interval is the holdout's share plus and minus 1.96 times the standard error of the difference of two real
    sides of this size, from a bootstrap over cards.
    """
    made, real = counts(synthetic), counts(holdout)
    random = np.random.default_rng(0)
    weights = random.multinomial(len(real), np.full(len(real), 1 / len(real)), DRAWS)
    spread = shares(weights @ real).std(axis=0) * np.sqrt(2)
    here, there = shares(made.sum(axis=0)), shares(real.sum(axis=0))
    return {
        name: [
            float(v) for v in (here[i], there[i], there[i] - 1.96 * spread[i], there[i] + 1.96 * spread[i])
        ]
        for i, name in enumerate(NAMES)
    }


def detector(
    train: Sequences, synthetic: Sequences, holdout: Sequences, times: int = 1
) -> dict[str, list[float]]:
    """Average precision on held-out cards of a detector trained on [synthetic, real cards drawn again]; their ratio.

    Five splits: each draws the cards of either side again, `times` as many of the synthetic ones, and tests on the
    holdout; the interval of the mean ratio is a Student interval over the splits.
    """
    x, _ = features.lagged(holdout, (LABEL,))
    y = _levels(holdout) == 1
    reached = np.zeros((SPLITS, 2))
    for k in range(SPLITS):
        random = np.random.default_rng(k)
        tested = np.isin(
            holdout.entity_of_row, random.permutation(holdout.n_entities)[: holdout.n_entities * 4 // 5]
        )
        for side, data in enumerate((synthetic, train)):
            size = train.n_entities * (times if side == 0 else 1)
            drawn = data.take(np.sort(random.integers(data.n_entities, size=size)))
            values, _ = features.lagged(drawn, (LABEL,))
            model = boosted(values, (_levels(drawn) == 1).astype(int), seed=k)
            reached[k, side] = average_precision_score(y[tested], model.decision_function(x[tested]))
    ratio = reached[:, 0] / reached[:, 1]
    half = 2.776 * ratio.std(ddof=1) / np.sqrt(SPLITS)
    return {
        "fraud detector, average precision": [float(v) for v in reached.mean(axis=0)],
        "fraud detector, ratio and interval": [
            float(ratio.mean()),
            float(ratio.mean() - half),
            float(ratio.mean() + half),
        ],
    }


def _levels(data: Sequences) -> NDArray[np.float64]:
    """The label's own values, 0 or 1, (R,)."""
    levels = np.array([float(v) for v in data.schema[LABEL].levels or (0, 1)])
    code = data.codes(LABEL)
    return np.where(code >= 0, levels[np.maximum(code, 0)], np.nan)
