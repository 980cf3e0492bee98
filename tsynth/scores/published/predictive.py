"""TimeGAN's predictive score, as published and against real data of the same size, on times held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsynth.scores.published.base import REPEATS, PublishedScore
from tsynth.scores.published.windows import LENGTH, Windows, apart, shuffled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TimeGANPredictive", "TimeGANPredictiveHeldOut"]

STEPS, BATCH = 5_000, 128


@dataclass
class _Errors:
    """Summed errors and tested windows, (repeats, entities): of what learned from synthetic rows, and from real."""

    made: NDArray[np.float64]
    tested: NDArray[np.float64]
    real: NDArray[np.float64] | None = None
    persistence: NDArray[np.float64] | None = None


class TimeGANPredictive(PublishedScore):
    """TimeGAN's predictive score: error on real windows of a GRU that learned from synthetic ones to look ahead.

    As published [1]_, sec. 5, with the settings of the authors' code: the other features up to a row foretell the last
    feature of the next; hidden units ``int(D / 2)`` (at least one), sigmoid at the end, 5,000 steps of Adam on 128
    windows, mean absolute error over all real windows, five repeats. 0 is out of reach: real data score what
    `floor` says. On Stocks the error (.037) is larger than that of repeating the last value (.027), which the network
    is not shown. Other weights of the tested entities would not tell how much the windows learned from matter, so no
    interval over entities is given; the one over repeats stands in the curve.

    Parameters
    ----------
    length, repeats, steps : int

    References
    ----------
    .. [1] Yoon, Jarrett, van der Schaar (2019), "Time-series generative adversarial networks", NeurIPS, sec. 5.

    Examples
    --------
    >>> TimeGANPredictive.question
    'Does the forecaster of the TimeGAN paper learn from synthetic windows what it learns from real ones?'
    """

    name, title = "timegan_predictive", "TimeGAN's predictive score (as published)"
    question = (
        "Does the forecaster of the TimeGAN paper learn from synthetic windows what it learns from real ones?"
    )
    interval_by = "none"
    least_columns = 2
    cannot_see: ClassVar[tuple[str, ...]] = (
        "anything but one row ahead of one feature",
        "the feature's own past, which the forecaster does not read",
        "copies: it tests on the rows that were learned from",
        "columns that are not numeric, sequences shorter than a window",
    )

    def __init__(self, length: int = LENGTH, repeats: int = REPEATS, steps: int = STEPS) -> None:
        super().__init__(length, repeats)
        self.steps = steps

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> _Errors:
        """Train on all synthetic windows, test on all real ones."""
        everything = np.tile(np.arange(len(made)), (self.repeats, 1))
        errors = self._foretold(made, everything, real, seed, own=False)
        return _Errors(real.sums(errors), real.sums(np.ones_like(errors)))

    def _foretold(
        self, source: Windows, learn: NDArray[np.int64], target: Windows, seed: int, own: bool
    ) -> NDArray[np.float64]:
        """Mean absolute error of each network on each target window, (repeats, n)."""
        from tsynth.nets.judges import foretell

        features = source.values.shape[2]
        read = features if own else features - 1
        return foretell(
            source.values[:, :-1, :read],
            source.values[:, 1:, -1],
            learn,
            target.values[:, :-1, :read],
            target.values[:, 1:, -1],
            hidden=max(int(features / 2), 1),
            steps=self.steps,
            batch=BATCH,
            seed=seed,
        )

    def by_repeat(
        self, measured: _Errors, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Mean absolute error over real windows."""
        return _mean(measured.made, measured.tested, real)


class TimeGANPredictiveHeldOut(TimeGANPredictive):
    """What a forecaster loses by learning from synthetic in place of real windows, on times held out.

    ``error after synthetic - error after real``; below 0 by chance, which a report shows as 0. The forecaster of
    TimeGAN's predictive score, corrected in three respects: it reads the past of the feature that it foretells; it is
    tested on entities or blocks of time of which no row was learned from; and beside it stands the same network that
    learned from as many real windows, so that 0 is perfect. `more` holds both errors and that of repeating the last
    value.

    Parameters
    ----------
    length, repeats, steps : int

    References
    ----------
    .. [1] Yoon, Jarrett, van der Schaar (2019), "Time-series generative adversarial networks", NeurIPS, sec. 5.
    .. [2] Esteban, Hyland, Rätsch (2017), "Real-valued (medical) time series generation with recurrent conditional
       GANs", arXiv 1706.02633, sec. 4.2: train on synthetic, test on real.

    Examples
    --------
    >>> TimeGANPredictiveHeldOut.question
    'Does a forecaster learn from synthetic windows what it learns from as many real ones?'
    """

    name, title = "timegan_predictive_held_out", "TimeGAN's predictive score (corrected)"
    question = "Does a forecaster learn from synthetic windows what it learns from as many real ones?"
    least_columns = 1
    cannot_see = (
        "anything but one row ahead of one feature",
        "copies: what is copied teaches as well as what is real",
        "columns that are not numeric, sequences shorter than a window",
    )

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> _Errors:
        """Train on synthetic windows and on as many real ones, test on the real ones of each fold."""
        tests, trains = apart(real, self.repeats, seed, times[0])
        size = min(len(made), trains.shape[1])
        drawn = shuffled(len(made), self.repeats, seed, "synthetic")[:, :size]
        errors = [
            self._foretold(source, learn, real, seed, own=True)
            for source, learn in ((made, drawn), (real, trains[:, :size]))
        ]
        last = np.abs(np.diff(real.values[:, :, -1], axis=1)).mean(1)
        held = np.zeros_like(errors[0])
        for k, test in enumerate(tests):
            held[k, test] = 1.0
        sums = [real.sums(amounts * held) for amounts in (*errors, last)]
        return _Errors(sums[0], real.sums(held), sums[1], sums[2])

    def by_repeat(
        self, measured: _Errors, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Excess of the error."""
        if measured.real is None:
            return super().by_repeat(measured, real, made)
        return _mean(measured.made, measured.tested, real) - _mean(measured.real, measured.tested, real)

    def more(
        self, measured: _Errors, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> dict[str, float]:
        """Errors after synthetic, after real, and of repeating the last value."""
        named = {"synthetic": measured.made, "real": measured.real, "last value": measured.persistence}
        return {
            name: float(_mean(sums, measured.tested, real).mean())
            for name, sums in named.items()
            if sums is not None
        }


def _mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    total = counts @ weights
    out: NDArray[np.float64] = np.divide(sums @ weights, total, out=np.zeros(len(total)), where=total > 0)
    return out
