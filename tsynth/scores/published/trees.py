"""Boosted trees on windows: the judge that sees what the published one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.streams import Streams
from tsynth.scores.published.base import PublishedScore
from tsynth.scores.published.windows import Windows, apart
from tsynth.scores.weights import auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WindowTrees", "window_features"]


def window_features(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values, differences between neighbouring rows, and summaries of each window.

    Summaries: mean, spread, least and largest value of each column; spread, and mean product of neighbours, of its
    differences; correlation of the differences of each pair of columns.

    Parameters
    ----------
    values : float64 array, (n, T, D)

    Returns
    -------
    float32 array, (n, features)
    """
    n, _, columns = values.shape
    steps = np.diff(values, axis=1)
    moved = steps - steps.mean(1, keepdims=True)
    wide = moved.std(1)
    pairs = np.tril_indices(columns, -1)
    together = np.einsum("nti,ntj->nij", moved, moved)[:, pairs[0], pairs[1]] / max(steps.shape[1], 1)
    scale = wide[:, pairs[0]] * wide[:, pairs[1]]
    parts = [
        values.reshape(n, -1),
        steps.reshape(n, -1),
        values.mean(1),
        values.std(1),
        values.min(1),
        values.max(1),
        wide,
        (moved[:, 1:] * moved[:, :-1]).mean(1),
        np.divide(together, scale, out=np.zeros_like(together), where=scale > 0),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


class WindowTrees(PublishedScore):
    """How well boosted trees tell synthetic windows from real ones, ``2 AUC - 1``, training and test apart.

    Gradient boosting on values, differences and summaries of windows, five folds: whole entities, or scattered blocks
    of time where there are few; no tested window shares a row with one learned from. It stands beside
    `timegan_discriminative`, whose judge has a handful of weights: real Stocks windows with noise of sd .01 pass there
    and are found here every time. It needs no torch.

    Parameters
    ----------
    length, repeats : int

    References
    ----------
    .. [1] Lopez-Paz, Oquab (2017), "Revisiting classifier two-sample tests", ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> walks = np.random.default_rng(0).normal(size=(600, 24, 1)).cumsum(1)
    >>> WindowTrees().of(walks, walks[:, ::-1] + 30).value
    1.0
    """

    name, title = "window_trees", "Judge of windows (boosted trees)"
    question = "Can boosted trees tell synthetic windows from real ones?"
    needs_torch = False
    cannot_see = (
        "copies: they pass as real",
        "anything longer than a window",
        "columns that are not numeric, sequences shorter than a window",
    )

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]]:
        """Out-of-fold predictions that a window is synthetic, with its side and entity, a fold each."""
        from tsynth.scores.judges import fitted

        sides = (real, made)
        features = [window_features(side.values) for side in sides]
        splits = [apart(side, self.repeats, seed, t) for side, t in zip(sides, times, strict=True)]
        out = []
        for k in range(self.repeats):
            size = min(trains.shape[1] for _, trains in splits)
            learn = [trains[k][:size] for _, trains in splits]
            held = [tests[k] for tests, _ in splits]
            x = np.concatenate([f[i] for f, i in zip(features, learn, strict=True)])
            model = fitted(x, np.repeat([0.0, 1.0], size), Streams(seed, ("trees", k), range(1)))
            asked = np.concatenate([f[i] for f, i in zip(features, held, strict=True)])
            truth = np.repeat([False, True], [len(i) for i in held])
            score = model.predict_proba(asked)[:, 1]
            out.append((score, truth, real.owner[held[0]], made.owner[held[1]]))
        return out

    def aucs(
        self,
        measured: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]],
        real: NDArray[np.float64],
        made: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """AUC of each fold under weights of the entities."""
        return np.array([auc(s, t, np.concatenate([real[i], made[j]])) for s, t, i, j in measured])

    def by_repeat(
        self,
        measured: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]],
        real: NDArray[np.float64],
        made: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """``2 AUC - 1``; below 0 by chance, which a report shows as 0."""
        return 2 * self.aucs(measured, real, made) - 1

    def more(
        self,
        measured: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]],
        real: NDArray[np.float64],
        made: NDArray[np.float64],
    ) -> dict[str, float]:
        """The AUC."""
        return {"AUC": float(self.aucs(measured, real, made).mean())}
