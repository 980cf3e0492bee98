"""Context-FID, as published and with an encoder that has not seen what it compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsynth.scores.published.base import REPEATS, PublishedScore
from tsynth.scores.published.windows import LENGTH, Windows, apart, shuffled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ContextFID", "ContextFIDHeldOut", "frechet"]


@dataclass
class _Encoded:
    """Vectors of windows and their entities, a pair (real, synthetic) each repeat."""

    vectors: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
    owners: list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def frechet(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> float:
    """Fréchet distance of two normal laws, ``|m - n|^2 + tr(C + D - 2 (C D)^(1/2))``.

    Parameters
    ----------
    first, second : float64 arrays, (n, c) and (m, c)
    weights : pair of float64 arrays, optional

    Returns
    -------
    float

    References
    ----------
    .. [1] Dowson, Landau (1982), "The Fréchet distance between multivariate normal distributions", J. Multivariate
       Analysis 12, eq. 4.
    """
    w = weights or (np.ones(len(first)), np.ones(len(second)))
    means = [np.average(x, axis=0, weights=v) for x, v in zip((first, second), w, strict=True)]
    spreads = [np.atleast_2d(np.cov(x, rowvar=False, aweights=v))
               for x, v in zip((first, second), w, strict=True)]  # fmt: skip
    # tr (C D)^(1/2) = tr (C^(1/2) D C^(1/2))^(1/2): symmetric, so its roots are real
    roots, turn = np.linalg.eigh(spreads[0])
    half = turn * np.sqrt(np.maximum(roots, 0)) @ turn.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ spreads[1] @ half), 0)).sum()
    return max(
        float(((means[0] - means[1]) ** 2).sum() + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * both),
        0.0,
    )


class ContextFID(PublishedScore):
    """Context-FID: Fréchet distance between real and synthetic windows in the eyes of an encoder.

    An encoder learns from the real windows by contrast (TS2Vec [2]_, `tsynth.nets.contrast`, where it says in what it
    differs); each window becomes the largest value of its 320 outputs, and the distance is that of two normal laws
    [1]_, sec. 5. Encoders differ between programs, so figures compare with papers in their size only. Its interval over
    entities would cost hours, so the one over repeats stands in the curve. An answer takes a minute or more.

    Parameters
    ----------
    length, repeats : int
    steps : int, optional
        As published where not given: 200 up to 100,000 numbers, else 600.
    size : int
        Outputs of the encoder.

    References
    ----------
    .. [1] Jeha, Bohlke-Schneider, Mercado, Kapoor, Nirwan, Flunkert, Gasthaus, Januschowski (2022), "PSA-GAN:
       progressive self attention GANs for synthetic time series", ICLR, sec. 5.
    .. [2] Yue et al. (2022), "TS2Vec: towards universal representation of time series", AAAI.

    Examples
    --------
    >>> ContextFID.question
    'Do windows look alike to an encoder, by the score of the papers?'
    """

    name, title = "context_fid", "Context-FID (as published)"
    question = "Do windows look alike to an encoder, by the score of the papers?"
    interval_by = "none"
    cannot_see: ClassVar[tuple[str, ...]] = (
        "what the encoder does not look at, and no one knows what that is",
        "anything but mean and covariance of its outputs",
        "copies: they score best of all",
        "columns that are not numeric, sequences shorter than a window",
    )

    def __init__(
        self, length: int = LENGTH, repeats: int = REPEATS, steps: int | None = None, size: int = 320
    ) -> None:
        super().__init__(length, repeats)
        self.steps, self.size = steps, size

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> _Encoded:
        """Encoders of the real windows, and all windows encoded."""
        everything = np.tile(np.arange(len(real)), (self.repeats, 1))
        sides = self._encoded(real, everything, made, seed)
        return _Encoded(list(zip(*sides, strict=True)), [(real.owner, made.owner)] * self.repeats)

    def _encoded(
        self, real: Windows, learn: NDArray[np.int64], made: Windows, seed: int
    ) -> list[NDArray[np.float64]]:
        from tsynth.nets.contrast import contrast_embeddings

        return contrast_embeddings(
            real.values, learn, [real.values, made.values], seed=seed, steps=self.steps, size=self.size
        )

    def by_repeat(
        self, measured: _Encoded, real: NDArray[np.float64], made: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Fréchet distance."""
        return np.array(
            [
                frechet(a, b, (real[i], made[j]))
                for (a, b), (i, j) in zip(measured.vectors, measured.owners, strict=True)
            ]
        )


class ContextFIDHeldOut(ContextFID):
    """Context-FID with an encoder that has not seen the real windows it compares, and as many on either side.

    Corrected in two respects: the encoder of each repeat learns from one half of the entities, or of the blocks of
    time, and the distance is taken on the other half, no row shared; and it is taken between equal numbers of windows,
    because the distance of two finite samples of one law is above 0 and grows as they shrink. That much real data score
    too: read it beside its floor.

    Parameters
    ----------
    length, repeats, steps, size : as in `ContextFID`

    References
    ----------
    .. [1] Jeha et al. (2022), "PSA-GAN: progressive self attention GANs for synthetic time series", ICLR, sec. 5.
    .. [2] Chong, Forsyth (2020), "Effectively unbiased FID and Inception score and where to find them", CVPR: the bias
       of finite samples.

    Examples
    --------
    >>> ContextFIDHeldOut.question
    'Do windows look alike to an encoder that has seen neither?'
    """

    name, title = "context_fid_held_out", "Context-FID (corrected)"
    question = "Do windows look alike to an encoder that has seen neither?"
    cannot_see = (
        "what the encoder does not look at, and no one knows what that is",
        "anything but mean and covariance of its outputs",
        "columns that are not numeric, sequences shorter than a window",
    )

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> _Encoded:
        """Encoders of one half, and the other half encoded."""
        tests, trains = apart(real, 2, seed, times[0])
        fold = np.arange(self.repeats) % 2
        first, second = self._encoded(real, trains[fold], made, seed)
        vectors, owners = [], []
        for r, k in enumerate(fold):
            size = min(len(tests[k]), len(made))
            i = tests[k][shuffled(len(tests[k]), 1, seed, f"real {r}")[0][:size]]
            j = shuffled(len(made), 1, seed, f"synthetic {r}")[0][:size]
            vectors.append((first[r][i], second[r][j]))
            owners.append((real.owner[i], made.owner[j]))
        return _Encoded(vectors, owners)
