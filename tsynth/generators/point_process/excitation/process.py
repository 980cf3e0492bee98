"""What a point process is, in numbers: events in windows, a baseline, kernels, and the process of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Baseline", "Events", "Exponentials", "Histogram", "PowerLaw", "Process"]


@dataclass(frozen=True)
class Events:
    """Many sequences of typed events, each in a window; those of sequence i are ``offsets[i]:offsets[i + 1]``.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    times : float64 array, (R,)
        In one unit, rising inside a sequence; equal times do not excite one another.
    types : int64 array, (R,)
        0 to M - 1.
    start, end : float64 array, (N,)
        Observation window; every event lies inside, both ends counted.
    size : float64 array, (R,), optional
        What drives an event's excitation (a magnitude, an amount), where the kernel asks for it.
    parent : int64 array, (R,), optional
        Row of the event that excited this one, -1 for an immigrant; only from samplers that keep it.
    generation : int64 array, (R,), optional
        0 for an immigrant, else one more than the parent's.
    given : int64 array, (N,), optional
        Leading events of each sequence that the process did not draw, because the window was opened by them: they
        excite, but neither a likelihood nor residuals count them.
    """

    offsets: NDArray[np.int64]
    times: NDArray[np.float64]
    types: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    size: NDArray[np.float64] | None = None
    parent: NDArray[np.int64] | None = None
    generation: NDArray[np.int64] | None = None
    given: NDArray[np.int64] | None = None

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which events the process drew, (R,): all that are not given."""
        if self.given is None:
            return np.ones(self.n_events, np.bool_)
        lengths = np.diff(self.offsets)
        place = np.arange(self.n_events) - np.repeat(self.offsets[:-1], lengths)
        return np.asarray(place >= np.repeat(self.given, lengths))

    def take(self, index: NDArray[np.int64]) -> Events:
        """The sequences at `index`, in that order; one may stand more than once."""
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(self.offsets[index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        size = None if self.size is None else self.size[rows]
        given = None if self.given is None else self.given[index]
        times, types = self.times[rows], self.types[rows]
        return Events(offsets, times, types, self.start[index], self.end[index], size, given=given)

    def keep(self, rows: NDArray[np.bool_]) -> Events:
        """The events under this mask, in the same windows; those that are given stay so."""
        running = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        offsets, size = running[self.offsets], None if self.size is None else self.size[rows]
        given = None
        if self.given is not None:
            given = running[self.offsets[:-1] + self.given] - offsets[:-1]
        return Events(offsets, self.times[rows], self.types[rows], self.start, self.end, size, given=given)

    @property
    def n_sequences(self) -> int:
        """Number of sequences."""
        return len(self.offsets) - 1

    @property
    def n_events(self) -> int:
        """Number of events in all."""
        return int(self.offsets[-1])


@dataclass(frozen=True)
class Baseline:
    """Rate of immigrants, constant between edges: type m has ``level[m] * factors[b, m]`` in cell b.

    Parameters
    ----------
    level : float64 array, (M,)
        Events per unit of time at factor 1.
    edges : float64 array, (B + 1,), optional
        Rising. Where `period` is 0 they are times, and before the first and after the last the outer cells go on;
        else they run from 0 to `period` and are met again in every period, counted from `phase`.
    factors : float64 array, (B, M) or (B, 1), optional
    period, phase : float
        Length of a period (a day, a week) and the time at which one began.
    """

    level: NDArray[np.float64]
    edges: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 1.0]))
    factors: NDArray[np.float64] = field(default_factory=lambda: np.ones((1, 1)))
    period: float = 0.0
    phase: float = 0.0

    @property
    def constant(self) -> bool:
        """Whether there is one cell only."""
        return len(self.factors) == 1

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean rate of each type over the cells, (M,)."""
        width = np.diff(self.edges)
        return np.asarray(self.level * (width @ self.factors) / width.sum())

    @property
    def types(self) -> int:
        """Number M of types."""
        return len(self.level)


@dataclass(frozen=True)
class Exponentials:
    """Sum of K exponential kernels: an event of type j excites type i by ``sum_k a[k, i, j] d[k] exp(-d[k] s)``.

    Parameters
    ----------
    adjacency : float64 array, (K, M, M)
        Children of type i (row) that one event of type j (column) has through component k: the integral, jump / decay.
    decay : float64 array, (K, 1, 1) or (K, M, M)
        Per unit of time; (K, 1, 1) where one decay serves all pairs.
    power : float
        An event of size s counts ``exp(power * (s - reference))`` times; 0 where size does not matter.
    reference : float
    """

    adjacency: NDArray[np.float64]
    decay: NDArray[np.float64]
    power: float = 0.0
    reference: float = 0.0

    @property
    def shared(self) -> bool:
        """Whether each component has one decay for all pairs."""
        return self.decay.shape[1:] == (1, 1)

    @property
    def branching(self) -> NDArray[np.float64]:
        """Children of type i of one event of type j with factor 1, (M, M)."""
        return self.adjacency.sum(axis=0)


@dataclass(frozen=True)
class PowerLaw:
    """Omori's law: an event of type j excites type i by ``a[i, j] (1 + s / c)^-p exp(power (size - reference))``.

    Ogata (1988), JASA 83(401), equation 17 (ETAS). `a` is a jump, not an integral: the integral is
    ``a c / (p - 1)`` for p > 1 and is infinite otherwise.

    Parameters
    ----------
    jump : float64 array, (M, M)
    c, p : float
    power, reference : float
    """

    jump: NDArray[np.float64]
    c: float
    p: float
    power: float = 0.0
    reference: float = 0.0

    @property
    def branching(self) -> NDArray[np.float64]:
        """Children of type i of one event of type j with factor 1, (M, M)."""
        whole = self.c / (self.p - 1) if self.p > 1 else np.inf
        return np.where(self.jump > 0, self.jump * whole, 0.0)


@dataclass(frozen=True)
class Histogram:
    """A kernel of steps: ``height[b, i, j]`` between ``edges[b]`` and ``edges[b + 1]`` after the event, 0 beyond.

    Parameters
    ----------
    edges : float64 array, (B + 1,)
        From 0, rising.
    height : float64 array, (B, M, M)
    power, reference : float
        As in `Exponentials`.
    """

    edges: NDArray[np.float64]
    height: NDArray[np.float64]
    power: float = 0.0
    reference: float = 0.0

    @property
    def branching(self) -> NDArray[np.float64]:
        """Children of type i of one event of type j with factor 1, (M, M)."""
        return np.tensordot(np.diff(self.edges), self.height, axes=1)


@dataclass(frozen=True)
class Process:
    """A baseline and what events excite; ``link`` says how both become an intensity.

    Parameters
    ----------
    baseline : Baseline
    kernel : Exponentials, PowerLaw or Histogram
    link : {"linear", "softplus", "rectified"}
        With "linear" the intensity is baseline plus excitation, and no coefficient may be below 0. The others take
        coefficients of either sign, so that events may inhibit: max(x, 0), or ``level * log(1 + exp(x / level))``.
    """

    baseline: Baseline
    kernel: Exponentials | PowerLaw | Histogram
    link: str = "linear"

    @property
    def types(self) -> int:
        """Number M of types."""
        return self.baseline.types

    @property
    def radius(self) -> float:
        """Spectral radius of the branching matrix; 1 and more explodes (before the sizes' factor is counted)."""
        matrix = self.kernel.branching
        if not np.all(np.isfinite(matrix)):
            return float("inf")
        return float(np.max(np.abs(np.linalg.eigvals(matrix))))
