"""The correlational score, as published and with lags and a scale that does not grow with the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tsynth.scores.published.base import PublishedScore
from tsynth.scores.published.windows import LENGTH, Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Correlational", "CorrelationalHeldOut"]


@dataclass
class _Moments:
    """Sums an entity from which weighted correlations follow, of one lag.

    ``first`` (entities, D), ``second`` (entities, D, D) of x_i(t) x_j(t + lag) over the pairs of rows inside windows,
    ``late`` (entities, D) of x_j(t + lag), squares and counts likewise.
    """

    count: NDArray[np.float64]
    early: NDArray[np.float64]
    late: NDArray[np.float64]
    early_squares: NDArray[np.float64]
    late_squares: NDArray[np.float64]
    products: NDArray[np.float64]

    @classmethod
    def of(cls, found: Windows, lag: int) -> _Moments:
        """Moments of windows."""
        values = found.values
        early, late = values[:, : values.shape[1] - lag], values[:, lag:]

        def sums(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
            flat = found.sums(amounts.reshape(len(found), -1).T)
            return flat.T.reshape(found.owners, *amounts.shape[1:])

        return cls(
            sums(np.full(len(found), float(early.shape[1]))),
            sums(early.sum(1)),
            sums(late.sum(1)),
            sums((early**2).sum(1)),
            sums((late**2).sum(1)),
            sums(np.einsum("nti,ntj->nij", early, late)),
        )

    def correlations(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correlation of column i with column j `lag` rows later, (D, D); 0 where a column is constant."""
        n = max(float(self.count @ weights), 1e-300)
        a, b = weights @ self.early / n, weights @ self.late / n
        wide = [
            np.sqrt(np.maximum(weights @ squares / n - m**2, 0))
            for squares, m in ((self.early_squares, a), (self.late_squares, b))
        ]
        products = np.tensordot(weights, self.products, 1) / n - np.outer(a, b)
        scale = np.outer(*wide)
        out: NDArray[np.float64] = np.divide(
            products, scale, out=np.zeros_like(products), where=scale > 1e-12
        )
        return out


class Correlational(PublishedScore):
    """The correlational score: ``1/10`` of the summed differences between correlations of columns.

    ``1/10 * sum_{i >= j} |r_ij - s_ij|`` with the correlations r of the real and s of the synthetic values, all rows of
    all windows taken together [1]_, as papers on windows print it [2]_. It needs no torch and no repeats.

    Parameters
    ----------
    length, repeats : int

    References
    ----------
    .. [1] Liao, Ni, Szpruch, Wiese, Sabate-Vidales, Xiao (2020), "Conditional Sig-Wasserstein GANs for time series
       generation", arXiv 2006.05421, sec. 5.
    .. [2] Yuan, Qiao (2024), "Diffusion-TS: interpretable diffusion for general time series generation", ICLR,
       appendix on metrics.

    Examples
    --------
    >>> import numpy as np
    >>> real = np.random.default_rng(0).normal(size=(100, 24, 2))
    >>> same = real.copy()
    >>> same[..., 1] = real[..., 0]
    >>> round(Correlational().of(real, same).value, 2)
    0.1
    """

    name, title = "correlational", "Correlational score (as published)"
    question = "Do columns correlate as they really do, by the score of the papers?"
    needs_torch = False
    least_columns = 2
    lags: ClassVar[tuple[int, ...]] = (0,)
    cannot_see = (
        "time: all windows with their rows shuffled score the same",
        "dependence that is not linear",
        "single columns",
    )

    def __init__(self, length: int = LENGTH, repeats: int = 1) -> None:
        super().__init__(length, repeats)

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> list[tuple[_Moments, _Moments]]:
        """Moments an entity and lag."""
        return [(_Moments.of(real, lag), _Moments.of(made, lag)) for lag in self.lags]

    def by_repeat(
        self,
        measured: list[tuple[_Moments, _Moments]],
        real: NDArray[np.float64],
        made: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """A tenth of the sum over pairs."""
        gaps = np.abs(measured[0][0].correlations(real) - measured[0][1].correlations(made))
        return np.array([np.tril(gaps, -1).sum() / 10])


class CorrelationalHeldOut(Correlational):
    """Mean difference between correlations of columns at lags 0, 1, 2, 4 and 8, a column's own past among them.

    The correlational score, corrected: a mean, so that it does not grow with the square of the columns, and with lags,
    so that it sees time. In a report it is asked on the half of the holdout that the generator has not seen and stands
    beside the other half.

    Parameters
    ----------
    length, repeats : int

    References
    ----------
    .. [1] Liao, Ni, Szpruch, Wiese, Sabate-Vidales, Xiao (2020), "Conditional Sig-Wasserstein GANs for time series
       generation", arXiv 2006.05421, sec. 5.

    Examples
    --------
    >>> CorrelationalHeldOut.question
    'Do columns correlate with each other and with their past as they really do?'
    """

    name, title = "correlational_held_out", "Correlational score (corrected)"
    question = "Do columns correlate with each other and with their past as they really do?"
    least_columns = 1
    lags = (0, 1, 2, 4, 8)
    cannot_see = ("dependence that is not linear", "lags above 8", "marginal distributions")

    def by_repeat(
        self,
        measured: list[tuple[_Moments, _Moments]],
        real: NDArray[np.float64],
        made: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Mean over pairs and lags; a column with itself counts from lag 1 on."""
        gaps = []
        for lag, (first, second) in zip(self.lags, measured, strict=True):
            apart = np.abs(first.correlations(real) - second.correlations(made))
            gaps += list(apart[np.tril_indices_from(apart, -1)] if lag == 0 else apart.ravel())
        return np.array([np.mean(gaps)])

    def measure(
        self, real: Windows, made: Windows, seed: int, times: tuple[NDArray[np.float64] | None, ...]
    ) -> list[tuple[_Moments, _Moments]]:
        """Moments an entity and lag, lags that a window is too short for left out."""
        self_lags = [min(lag, real.values.shape[1] - 1) for lag in self.lags]
        return [(_Moments.of(real, lag), _Moments.of(made, lag)) for lag in self_lags]
