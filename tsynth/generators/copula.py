"""A Gaussian copula over what is drawn once an entity: statics, first row, rate or length, first values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from tsynth.compiled import clipped
from tsynth.data.encoding import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.privacy import Ledger
    from tsynth.data.streams import Streams

__all__ = ["Copula", "Margin", "merge_copula", "noised_copula", "sums"]


LEAST_SPREAD = 0.4
"""Least standard deviation of scores that is taken at its word: below it a level is rare, and its correlation noise."""


class Margin:
    """Distribution of one field: shares of its choices, scores within those that carry a value.

    Choices without a value stand in order below those with one; which grid a value is written on is drawn apart.
    """

    def __init__(self, rows: NDArray[Any], first_valued: int) -> None:
        self.rows, self.first_valued = np.asarray(rows, np.float64), first_valued
        stop = len(rows) if first_valued < 0 else first_valued
        share = self.rows / max(self.rows.sum(), 1.0)
        self.cumulative = np.cumsum(share[:stop])
        self.plain = float(self.cumulative[-1]) if stop else 0.0
        self.grids = np.cumsum(self.rows[stop:])

    def field(self, name: str, score: NDArray[np.float64], u: NDArray[np.float64]) -> Field:
        """The field at these normal scores; `u` chooses the grid."""
        p = np.clip(ndtr(score), 1e-12, 1 - 1e-12)
        choice = np.searchsorted(self.cumulative, p, side="right").astype(np.int32)
        if self.first_valued < 0 or self.grids[-1] == 0:
            choice = np.minimum(choice, max(len(self.cumulative) - 1, 0))
            return Field(
                name,
                choice,
                None if self.first_valued < 0 else np.zeros(len(p)),
                len(self.rows),
                self.first_valued,
            )
        valued = choice >= len(self.cumulative)
        value = np.zeros(len(p))
        inside = (p[valued] - self.plain) / max(1.0 - self.plain, 1e-12)
        value[valued] = np.clip(ndtri(np.clip(inside, 1e-9, 1 - 1e-9)), -4.0, 4.0)
        grid = np.searchsorted(self.grids, u[valued] * self.grids[-1], side="right")
        choice[valued] = self.first_valued + np.minimum(grid, len(self.grids) - 1)
        return Field(name, choice, value, len(self.rows), self.first_valued)

    def score(self, field: Field, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of given choices and values: a choice without a value at a random place in its share."""
        below = np.concatenate([[0.0], self.cumulative])
        plain = np.minimum(field.choice, len(self.cumulative) - 1)
        p = below[plain] + u * (below[plain + 1] - below[plain])
        if field.value is not None:
            valued = field.valued
            p[valued] = self.plain + (1 - self.plain) * ndtr(field.value[valued])
        return ndtri(np.clip(p, 1e-9, 1 - 1e-9))


def order_of(field: Field) -> NDArray[np.float64]:
    """A number by which the rows of a field are ranked."""
    place = field.choice.astype(np.float64)
    if field.value is not None:
        valued = field.valued
        place[valued] = field.continuous + 100.0 + field.value[valued]
    return place


def sums(columns: list[NDArray[np.float64]]) -> dict[str, Any]:
    """Products of scores (`_means_behind`) inside the block, of columns with one number an entity (NaN: unknown)."""
    size = len(columns[0]) if columns else 0
    scores = np.zeros((size, len(columns)))
    known = np.zeros((size, len(columns)))
    for j, x in enumerate(columns):
        has = np.isfinite(x)
        if has.sum() > 1:
            scores[has, j] = _means_behind(x[has])
            known[has, j] = 1.0
    return {"products": scores.T @ scores, "pairs": known.T @ known, "squares": (scores**2).T @ known}


def _means_behind(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a standard normal over the part of it that each value stands for, by rank; equal values share theirs."""
    low, high = (rankdata(x, "min") - 1) / len(x), rankdata(x, "max") / len(x)
    edge = [np.exp(-0.5 * ndtri(p) ** 2) / np.sqrt(2 * np.pi) for p in (low, high)]
    return np.asarray((edge[0] - edge[1]) / (high - low))


class Copula:
    """Correlations of normal scores, drawn and conditioned on.

    Parameters
    ----------
    names : list of str
    correlation : float64 array, (K, K)
    """

    def __init__(self, names: list[str], correlation: NDArray[np.float64]) -> None:
        self.names, self.correlation = names, correlation

    def draw(self, streams: Streams, given: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """Scores of every name for each entity, those `given` as they are."""
        size = len(self.names)
        if size == 0:
            return {}
        z = streams.normal(size)
        fixed = [j for j, n in enumerate(self.names) if n in given]
        free = [j for j in range(size) if j not in fixed]
        out = np.empty_like(z)
        if not fixed:
            out = _combined(z, np.linalg.cholesky(self.correlation))
        else:
            known = np.column_stack([given[self.names[j]] for j in fixed])
            out[:, fixed] = known
            if free:
                c = self.correlation
                weight = np.linalg.solve(c[np.ix_(fixed, fixed)], c[np.ix_(fixed, free)])
                rest = c[np.ix_(free, free)] - c[np.ix_(free, fixed)] @ weight
                root = np.linalg.cholesky(rest + 1e-9 * np.eye(len(free)))
                out[:, free] = _combined(known, weight.T)
                out[:, free] += _combined(z[:, : len(free)], root)
        return {name: out[:, j] for j, name in enumerate(self.names)}


def _combined(z: NDArray[np.float64], weight: NDArray[Any]) -> NDArray[np.float64]:
    """``z @ weight.T``, summed in one order: a matrix product's last digits hang on how many entities there are."""
    out = np.zeros((len(z), len(weight)))
    for k in range(z.shape[1]):
        out += z[:, k, None] * weight[None, :, k]
    return out


def merge_copula(names: list[str], states: list[dict[str, Any]]) -> Copula:
    """The copula from the sums of all blocks, leaning on independence where entities are few.

    A column of few values has scores that stand for the means of what lies behind them, with a variance s^2 below 1.
    What lies behind is correlated more than its means: by 1 / (s_i s_j), exactly where one of the two is continuous
    (Olsson, Drasgow, Dorans 1982, The polyserial correlation coefficient, Psychometrika 47(3), with normal scores).
    """
    products = np.sum([s["products"] for s in states], axis=0)
    squares = np.sum([s["squares"] for s in states], axis=0)
    pairs = np.sum([s["pairs"] for s in states], axis=0)
    scale = np.sqrt(np.maximum(squares * squares.T, 1e-12))
    spread = np.clip(np.sqrt(np.diag(squares) / np.maximum(np.diag(pairs), 1.0)), LEAST_SPREAD, 1.0)
    correlation = np.clip(products / scale / np.outer(spread, spread), -0.999, 0.999) * pairs / (pairs + 5.0)
    np.fill_diagonal(correlation, 1.0)
    # Pairs with unlike holes may leave a matrix that is none of correlations: the nearest by its eigenvalues.
    values, vectors = np.linalg.eigh(correlation)
    correlation = (vectors * np.maximum(values, 1e-4)) @ vectors.T
    root = np.sqrt(np.diag(correlation))
    return Copula(names, correlation / np.outer(root, root))


def noised_copula(ledger: Ledger, scores: dict[str, NDArray[np.float64]], rho: float) -> Copula:
    """The copula from a noised sum of products of scores; what does not stick out of the noise is 0.

    Parameters
    ----------
    ledger : Ledger
    scores : dict of str to float64 array, (N,)
        Normal scores of each entity, under margins that were told; NaN where unknown.
    rho : float
        What to spend.
    """
    z = np.column_stack([np.clip(np.nan_to_num(x), -3.0, 3.0) for x in scores.values()])
    size = z.shape[1]
    bound = 1.5 * size
    exact = clipped.clipped_products(np.arange(len(z) + 1), np.ascontiguousarray(z), bound)
    told, noise = ledger.gaussian("correlations once an entity", exact, bound, rho)
    told = (told + told.T) / 2
    scale = np.sqrt(np.outer(*[np.maximum(np.diag(told), 2.0 * noise + 1e-9)] * 2))
    correlation = np.clip(told / scale, -0.95, 0.95)
    correlation[np.abs(told) < 2.5 * noise] = 0.0
    np.fill_diagonal(correlation, 1.0)
    many = np.full((size, size), 1e9)
    sure = {"products": correlation * many, "squares": many, "pairs": many}
    return merge_copula(list(scores), [sure])
