"""Log-likelihoods as functions of their parameters: baselines and branching by target, decays and covariates common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import gathering
from tsynth.compiled.hawkes import likelihood as loops
from tsynth.generators.point_process.excitation.likelihood import exposure
from tsynth.generators.point_process.excitation.scoring import Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Baseline, Events

__all__ = ["Likelihood", "PairDecays", "SharedDecays", "SharedFactors", "symmetric"]


class Likelihood:
    """Events laid out for the loops; what depends on covariates is renewed with their coefficients.

    `places` (B,) numbers the baseline's cells anew, so that cells without time can join another.
    """

    def __init__(
        self,
        events: Events,
        types: int,
        baseline: Baseline,
        covariates: NDArray[np.float64] | None,
        reference: float,
        places: NDArray[np.int32] | None,
        scale: NDArray[np.float64] | None,
    ) -> None:
        self.scale = np.ones(events.n_sequences) if scale is None else scale
        self.given = None if events.given is None else ~events.counted
        self.events, self.types, self.baseline = events, types, baseline
        self.places = np.arange(len(baseline.factors), dtype=np.int32) if places is None else places
        self.cells = int(self.places.max()) + 1
        self.covariates = np.zeros((events.n_sequences, 0)) if covariates is None else covariates
        edges = np.ascontiguousarray(baseline.edges, np.float64)
        cell = gathering.cells_of(events.times, edges, float(baseline.period), float(baseline.phase))
        self.cell = cell if places is None else self.places[cell]
        self.count = np.bincount(events.types, minlength=types).astype(np.float64)
        self._beta: NDArray[np.float64] | None = None
        self._surplus = None if events.size is None else events.size - reference
        self._lengths = np.diff(events.offsets)

    def _scaled(self, beta: NDArray[np.float64]) -> None:
        """Baselines at level 1, time in each cell, and the time times each covariate, for these coefficients."""
        if self._beta is not None and np.array_equal(beta, self._beta):
            return
        scale = self.scale * np.exp(self.covariates @ beta)
        self.unit = np.repeat(scale, self._lengths)
        if self.given is not None:
            self.unit[self.given] = -1.0  # the loops take them as parents only
        spent, by = exposure(self.events, self.baseline, scale, self.covariates)
        self.spent = np.bincount(self.places, spent, minlength=self.cells)
        self.by = by @ np.eye(self.cells)[self.places]
        self._beta = beta.copy()

    def _weighed(
        self, power: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Weight and surplus of each event, and their sums by type."""
        if self._surplus is None:
            return np.ones(1), np.zeros(1), self.count, np.zeros(self.types)
        weight = np.exp(power * self._surplus)
        kinds, m = self.events.types, self.types
        return (
            weight,
            self._surplus,
            np.bincount(kinds, weight, minlength=m).astype(np.float64),
            np.bincount(kinds, weight * self._surplus, minlength=m).astype(np.float64),
        )


class SharedDecays(Likelihood):
    """Each component has one decay for all pairs.

    `theta` (M, B + K M): baselines by cell, then branching ratios by component and parent. `eta` (D + 1 + C): what
    the logs of the K decays are made of, the power of sizes, coefficients of covariates. `decays` (K, D) and
    `offset` (K,) make the logs: ``decays @ eta[:D] + offset``.
    """

    def __init__(
        self,
        events: Events,
        types: int,
        baseline: Baseline,
        decays: NDArray[np.float64],
        offset: NDArray[np.float64],
        covariates: NDArray[np.float64] | None = None,
        reference: float = 0.0,
        places: NDArray[np.int32] | None = None,
        outer: bool = True,
        scale: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(events, types, baseline, covariates, reference, places, scale)
        self.decays, self.offset, self.outer = decays, offset, outer
        self._plain = (
            types == 1 and len(offset) == 1 and self.cells == 1
            and self._surplus is None and not self.covariates.shape[1]
        )  # fmt: skip

    @property
    def common(self) -> int:
        """Length of `eta`."""
        return self.decays.shape[1] + 1 + self.covariates.shape[1]

    def decay_of(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """The decays, (K,)."""
        return np.exp(self.decays @ eta[: self.decays.shape[1]] + self.offset)

    def __call__(self, theta: NDArray[np.float64], eta: NDArray[np.float64]) -> Terms:
        """Log-likelihood, score and information at (theta, eta)."""
        d = self.decays.shape[1]
        decay = self.decay_of(eta)
        self._scaled(eta[d + 1 :])
        m, k, b, c = self.types, len(decay), self.cells, self.covariates.shape[1]
        if self._plain:
            return self._one(theta, decay)
        e = self.events
        weight, surplus, counted, heavier = self._weighed(float(eta[d]))
        p, q = b + k * m, k + 1 + c
        logs, score, info = np.zeros(m), np.zeros((m, p)), np.zeros((m, p, p))
        outer, outer_info, cross = np.zeros(q), np.zeros((q, q)), np.zeros((m, q, p))
        left = np.zeros((3, k * m))
        loops.shared_decays(
            e.offsets, e.times, e.types, e.end, weight, surplus, self.unit, self.cell, self.covariates, theta,
            decay, b, int(self.outer), logs, score, info, outer, outer_info, cross, left,
        )  # fmt: skip
        info = symmetric(info)
        outer_info = symmetric(outer_info)
        # -- the compensator
        branching, level = theta[:, b:], theta[:, :b]
        whole = np.tile(counted, k) - left[0]
        rows = logs - branching @ whole - level @ self.spent
        score[:, :b] -= self.spent
        score[:, b:] -= whole
        falling = branching.sum(axis=0) * left[1]
        outer[:k] -= decay * falling.reshape(k, m).sum(axis=1)
        outer[k] -= branching.sum(axis=0) @ (np.tile(heavier, k) - left[2])
        outer[k + 1 :] -= self.by @ level.sum(axis=0)
        # -- from decays to what they are made of
        move = np.zeros((q, self.common))
        move[:k, :d] = self.decays
        move[np.arange(k, q), np.arange(d, self.common)] = 1.0
        cross = np.einsum("mqp,qr->mrp", cross, move)
        return Terms(rows, score, info, move.T @ outer, move.T @ outer_info @ move, cross)

    def _one(self, theta: NDArray[np.float64], decay: NDArray[np.float64]) -> Terms:
        e = self.events
        level, branching = float(theta[0, 0]), float(theta[0, 1])
        s = loops.one_type(e.offsets, e.times, e.end, self.unit, level, branching, float(decay[0]))
        whole = self.count[0] - s[10]
        rows = np.array([s[0] - level * self.spent[0] - branching * whole])
        score = np.array([[s[1] - self.spent[0], s[2] - whole]])
        slope = np.append(self.decays[0], 0.0)
        outer = slope * (s[3] - branching * decay[0] * s[11])
        info = np.array([[[s[4], s[5]], [s[5], s[7]]]])
        cross = slope[:, None] * np.array([[s[6], s[8]]])
        return Terms(rows, score, info, outer, np.outer(slope, slope) * s[9], cross[None])


class PairDecays(Likelihood):
    """Each pair of types has a decay of its own.

    `theta` (M, B + 2 M): baselines by cell, branching ratios by parent, logs of decays by parent; `eta` (C,):
    coefficients of covariates. `power` of sizes is given.
    """

    def __init__(
        self,
        events: Events,
        types: int,
        baseline: Baseline,
        covariates: NDArray[np.float64] | None = None,
        power: float = 0.0,
        reference: float = 0.0,
        places: NDArray[np.int32] | None = None,
        scale: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(events, types, baseline, covariates, reference, places, scale)
        if power == 0.0:
            self._surplus = None
        self.power = power

    def __call__(
        self, theta: NDArray[np.float64], eta: NDArray[np.float64], targets: tuple[int, ...] | None = None
    ) -> Terms:
        """Log-likelihood, score and information at (theta, eta); of these targets only, one a row of theta."""
        self._scaled(eta)
        m, b, c = self.types, self.cells, self.covariates.shape[1]
        e = self.events
        weight, _, counted, _ = self._weighed(self.power)
        p = b + 2 * m
        n = len(theta)
        rows, score, info = np.zeros(n), np.zeros((n, p)), np.zeros((n, p, p))
        outer, outer_info, cross = np.zeros(c), np.zeros((c, c)), np.zeros((n, c, p))
        for i, target in enumerate(range(m) if targets is None else targets):
            left = np.zeros((2, m))
            rows[i] = loops.pair_decays(
                target, e.offsets, e.times, e.types, e.end, weight, self.unit, self.cell, self.covariates,
                np.ascontiguousarray(theta[i]), m, b, score[i], info[i], outer, outer_info, cross[i], left,
            )  # fmt: skip
            branching, decay = theta[i, b : b + m], np.exp(theta[i, b + m :])
            rows[i] -= theta[i, :b] @ self.spent + branching @ (counted - left[0])
            score[i, :b] -= self.spent
            score[i, b : b + m] -= counted - left[0]
            score[i, b + m :] -= branching * decay * left[1]
        outer -= self.by @ theta[:, :b].sum(axis=0)
        return Terms(rows, score, symmetric(info), outer, symmetric(outer_info), cross)


class SharedFactors:
    """Baselines by cell as ``level[i] * factor[b]``: logs of the factors, but the reference cell's, join `eta`."""

    def __init__(self, inner: SharedDecays | PairDecays, reference: int) -> None:
        self.inner, self.cells = inner, inner.cells
        self.others = np.delete(np.arange(inner.cells), reference)

    def factors(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factor of each cell, (B,), 1 in the reference cell."""
        out = np.ones(self.cells)
        out[self.others] = np.exp(eta[len(eta) - len(self.others) :])
        return out

    def __call__(self, theta: NDArray[np.float64], eta: NDArray[np.float64]) -> Terms:
        """Chain rule from a baseline by cell and type to levels and factors."""
        b, keep = self.cells, len(eta) - len(self.others)
        factor, level = self.factors(eta), theta[:, 0]
        t = self.inner(np.concatenate([np.outer(level, factor), theta[:, 1:]], axis=1), eta[:keep])
        lift = np.zeros((theta.shape[1], t.score.shape[1]))  # d inner / d (level, the rest)
        lift[0, :b] = factor
        lift[np.arange(1, len(lift)), np.arange(b, t.score.shape[1])] = 1.0
        slope = level[:, None] * factor[self.others]  # d inner baseline / d log factor
        mixed = t.info[:, self.others] * slope[:, :, None]
        outer = np.concatenate([t.outer, (t.score[:, self.others] * slope).sum(axis=0)])
        size = keep + len(self.others)
        outer_info = np.zeros((size, size))
        outer_info[:keep, :keep] = t.outer_info
        outer_info[:keep, keep:] = np.einsum("mqb,mb->qb", t.cross[:, :, self.others], slope)
        outer_info[keep:, :keep] = outer_info[:keep, keep:].T
        outer_info[keep:, keep:] = np.einsum("mbc,mc->bc", mixed[:, :, self.others], slope)
        cross = np.concatenate([t.cross, mixed], axis=1) @ lift.T
        return Terms(t.rows, t.score @ lift.T, lift @ t.info @ lift.T, outer, outer_info, cross)


def symmetric(lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """A symmetric matrix from its lower triangle, for one or many."""
    below = np.tril(lower, -1)
    return lower + np.swapaxes(below, -1, -2)
