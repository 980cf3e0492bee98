"""TimeGAN's discriminative score, as published and with training and test held apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsynth.scores.published.base import REPEATS, PublishedScore
from tsynth.scores.published.windows import LENGTH, Windows, apart, shuffled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TimeGANDiscriminative", "TimeGANDiscriminativeHeldOut"]

STEPS, BATCH, TRAIN = 2_000, 128, 0.8


@dataclass
class _Tally:
    """Tested windows and those judged right, (repeats, entities) a side."""

    right: tuple[NDArray[np.float64], NDArray[np.float64]]
    tested: tuple[NDArray[np.float64], NDArray[np.float64]]

    def accuracy(self, *weights: NDArray[np.float64]) -> NDArray[np.float64]:
        right, tested = (a @ weights[0] + b @ weights[1] for a, b in (self.right, self.tested))
        out: NDArray[np.float64] = np.divide(right, tested, out=np.full(len(tested), 0.5), where=tested > 0)
        return out


class TimeGANDiscriminative(PublishedScore):
    """TimeGAN's discriminative score ``|accuracy - 1/2|``: a small GRU tells synthetic windows from real ones.

    As published [1]_, sec. 5, with the settings of the authors' code: hidden units ``int(D / 2)`` (at least one),
    2,000 steps of Adam on 128 windows of a side, a random 80 % of all windows for training, accuracy on the rest, five
    repeats. Windows overlap, so a tested window has near twins among those learned from; `window_trees` and
    `timegan_discriminative_held_out` stand beside it for that reason.

    With N windows a side guessing scores ``E|accuracy - 1/2| = sqrt(2 / pi) * sqrt(1 / (4 * .4 N)) = .63 / sqrt(N)``:
    the smallest difference that this score can show. The verdict prints it.

    Parameters
    ----------
    length, repeats, steps : int

    References
    ----------
    .. [1] Yoon, Jarrett, van der Schaar (2019), "Time-series generative adversarial networks", NeurIPS, sec. 5.

    Examples
    --------
    >>> TimeGANDiscriminative.question
    'Does the judge of the TimeGAN paper tell synthetic windows from real ones?'
    """

    name, title = "timegan_discriminative", "TimeGAN's discriminative score (as published)"
    question = "Does the judge of the TimeGAN paper tell synthetic windows from real ones?"
    cannot_see: ClassVar[tuple[str, ...]] = (
        "small noise on every value: real Stocks windows with noise of sd .01 pass",
        "anything below its own noise, .63 / sqrt(windows)",
        "copies: they pass as real",
        "columns that are not numeric, sequences shorter than a window",
    )

    def __init__(self, length: int = LENGTH, repeats: int = REPEATS, steps: int = STEPS) -> None:
        super().__init__(length, repeats)
        self.steps = steps

    def splits(
        self, found: Windows, seed: int, side: str, times: NDArray[np.float64] | None
    ) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Windows to test and to learn from, a repeat each."""
        order, cut = shuffled(len(found), self.repeats, seed, side), int(TRAIN * len(found))
        return list(order[:, cut:]), order[:, :cut]

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> _Tally:
        """Train the judges and count what they get right."""
        from tsynth.nets.judges import tell_apart

        sides = (real, made)
        splits = [
            self.splits(side, seed, name, t)
            for side, name, t in zip(sides, ("real", "synthetic"), times, strict=True)
        ]
        logits = tell_apart(
            real.values,
            made.values,
            (splits[0][1], splits[1][1]),
            hidden=max(int(real.values.shape[2] / 2), 1),
            steps=self.steps,
            batch=BATCH,
            seed=seed,
        )
        right, tested = [], []
        for sign, side, (held, _), answers in zip((1, -1), sides, splits, logits, strict=True):
            hits = [(sign * a[i] > 0).astype(np.float64) for a, i in zip(answers, held, strict=True)]
            right.append(np.stack([side.sums(hit, i) for hit, i in zip(hits, held, strict=True)]))
            tested.append(np.stack([side.sums(np.ones(len(i)), i) for i in held]))
        return _Tally((right[0], right[1]), (tested[0], tested[1]))

    def by_repeat(
        self, measured: _Tally, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """``|accuracy - 1/2|``."""
        return np.abs(measured.accuracy(real, made) - 0.5)

    def chance(self, real: int, made: int) -> float | None:
        """``.63 / sqrt(N)``, N the harmonic mean of both numbers of windows."""
        return float(np.sqrt(2 / np.pi) / (2 * np.sqrt((1 - TRAIN) * (real + made))))


class TimeGANDiscriminativeHeldOut(TimeGANDiscriminative):
    """The judge of TimeGAN's discriminative score with training and test apart: ``accuracy - 1/2``.

    The same network, steps and batches, corrected in two respects. Five folds in place of five random splits: whole
    entities, or scattered blocks of time where there are few, and no tested window shares a row with one learned from.
    A judge that does worse than guessing does not score as one that does better: such a number is below 0, and a report
    shows it as 0. What copying scores is told by the reference `copied`.

    Parameters
    ----------
    length, repeats, steps : int

    References
    ----------
    .. [1] Yoon, Jarrett, van der Schaar (2019), "Time-series generative adversarial networks", NeurIPS, sec. 5.
    .. [2] Roberts et al. (2017), "Cross-validation strategies for data with temporal, spatial, hierarchical, or
       phylogenetic structure", Ecography 40: blocks.

    Examples
    --------
    >>> TimeGANDiscriminativeHeldOut.question
    'Does the judge of the TimeGAN paper tell windows apart from times it has not seen?'
    """

    name, title = "timegan_discriminative_held_out", "TimeGAN's discriminative score (corrected)"
    question = "Does the judge of the TimeGAN paper tell windows apart from times it has not seen?"
    cannot_see = (
        "small noise on every value: the judge is as small as the published one",
        "copies: they pass as real",
        "columns that are not numeric, sequences shorter than a window",
    )

    def splits(
        self, found: Windows, seed: int, side: str, times: NDArray[np.float64] | None
    ) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """A fold each."""
        return apart(found, self.repeats, seed, times)

    def by_repeat(
        self, measured: _Tally, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """``accuracy - 1/2``."""
        return measured.accuracy(real, made) - 0.5

    def chance(self, real: int, made: int) -> None:
        """Signed, so guessing scores 0 on average."""
