"""Kernels of steps by expectation and maximisation, for any number of sequences and types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.hawkes import expectation as loops
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import Asked, Fit
from tsynth.generators.point_process.excitation.checks import checked
from tsynth.generators.point_process.excitation.histogram import bins_of, log_likelihood, merged
from tsynth.generators.point_process.excitation.intensity import Likelihood
from tsynth.generators.point_process.excitation.likelihood import exposure
from tsynth.generators.point_process.excitation.process import Baseline, Histogram, Process
from tsynth.generators.point_process.excitation.search import joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Events

__all__ = ["fit", "fit_histogram"]

LEAST = 20
"""Pairs of events that a bin needs."""
TURNS = 500
"""Turns of three steps, at most."""
SETTLED = 1e-6
"""Gain of log-likelihood over a turn at which the search ends, and over ten turns together."""
WIDEST = 400
"""Coefficients of a target up to which standard errors are computed."""


def fit_histogram(
    events: Events, types: int, edges: NDArray[np.float64] | None = None, *, least: int = LEAST, **asked: Any
) -> Fit:
    """Fit a kernel of steps by expectation and maximisation (Lewis and Mohler 2011; Marsan and Lengliné 2008).

    Assumes that excitation ends at the last edge and is constant inside a bin. Choose exponentials where events are
    few: each pair of types has a height a bin.

    Parameters
    ----------
    events : Events
    types : int
    edges : float64 array, (B + 1,), optional
        Edges of lag from 0; else 16 bins, even in the logarithm, over some ten mean gaps.
    least : int
        A bin with fewer pairs of events joins the next one.
    **asked
        `baseline`, `covariates`, `scale`, `power` (given), `reference` and `progress` of
        `tsynth.generators.point_process.excitation.fitting.fit`.

    Returns
    -------
    Fit
        `names` are ``level[i]`` (``rate[b,i]`` where there are cells), ``height[b,i,j]``, ``coefficient[p]``.
        Standard errors are those of the inverse information, not of the coefficients.

    Notes
    -----
    The log-likelihood is concave, so the top is one; steps are accelerated by squared extrapolation, which is taken
    back where the log-likelihood falls.

    References
    ----------
    Marsan, Lengliné (2008), Extending earthquakes' reach through cascading, Science 319. Lewis, Mohler (2011), A
    nonparametric EM algorithm for multiscale Hawkes processes. Varadhan, Roland (2008), Simple and globally
    convergent methods for accelerating the convergence of any EM algorithm, Scand. J. Stat. 35(2), scheme S3.
    """
    return fit(events, Asked(types, kernel="nonparametric", **asked).checked(events), edges, least)


def fit(events: Events, asked: Asked, edges: NDArray[np.float64] | None = None, least: int = LEAST) -> Fit:
    """The most likely kernel of steps of what was asked; see `fit_histogram`."""
    if asked.link != "linear" or asked.penalty is not None or asked.stable or asked.power is None:
        raise UsageError(
            "a kernel of steps is fitted with the linear link, a given power, without penalty and free",
            fix='use kernel="exponential" or "sum" for those',
        )
    return _Steps(checked(events, asked.types), asked, edges, least).fit()


class _Steps(Likelihood):
    """Events laid out for the loops, and the steps of the search.

    A point is one vector: rates by cell and type, heights by bin, exciting type and target, coefficients.
    """

    def __init__(self, events: Events, asked: Asked, edges: NDArray[np.float64] | None, least: int) -> None:
        assert asked.baseline is not None
        assert asked.power is not None
        spent, _ = exposure(events, asked.baseline, np.ones(events.n_sequences))
        super().__init__(
            events, asked.types, asked.baseline, asked.covariates, asked.reference, joined(spent), asked.scale
        )
        self.asked, self.messages = asked, list[str]()
        self.weight = np.ones(events.n_events)
        if asked.power != 0.0 and events.size is not None:
            self.weight = np.exp(asked.power * (events.size - asked.reference))
        self._scaled(np.zeros(self.covariates.shape[1]))
        wanted = bins_of(events) if edges is None else np.ascontiguousarray(edges, np.float64)
        e = events
        pairs = loops.pairs_in(e.offsets, e.times, self.weight, self.unit, wanted)
        self.edges = merged(wanted, pairs, least)
        if len(self.edges) < len(wanted):
            gone = len(wanted) - len(self.edges)
            self.messages.append(
                f"{gone} of {len(wanted) - 1} bins have fewer than {least} pairs and joined others"
            )
        self.at_risk = loops.exposed(
            e.offsets, e.times, e.types, self.weight, e.end, self.edges, self.types
        )  # (B, M)
        self.common = self.cells > 1 and self.types > 1 and asked.baseline.factors.shape[1] == 1
        self.bins = len(self.edges) - 1
        self.seen = np.bincount(e.types[e.counted], minlength=self.types).astype(np.float64)

    # -- points

    def parts(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Rates (C, M), heights (B, M, M) with the exciting type before the target, coefficients."""
        m, cells = self.types, self.cells
        cut = cells * m
        end = cut + self.bins * m * m
        return point[:cut].reshape(cells, m), point[cut:end].reshape(self.bins, m, m), point[end:]

    def start(self) -> NDArray[np.float64]:
        """Half of all events are immigrants, the others children of all before them alike."""
        half = 0.5 * self.seen
        rate = np.tile(half / self.spent.sum(), (self.cells, 1))
        height = np.broadcast_to(half / max(self.at_risk.sum(), 1e-300), (self.bins, self.types, self.types))
        return np.concatenate([rate.ravel(), height.ravel(), np.zeros(self.covariates.shape[1])])

    def step(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """The next point, and the log-likelihood at this one."""
        rate, height, beta = self.parts(point)
        self._scaled(beta)
        e = self.events
        own, child, each = np.empty(rate.shape), np.empty(height.shape), np.empty(e.n_sequences)
        logs = loops.shared_out(
            e.offsets, e.times, e.types, self.weight, self.unit, self.cell, self.edges, rate, height, own, child,
            each,
        )  # fmt: skip
        value = (
            logs - float(self.spent @ rate.sum(axis=1)) - float(np.einsum("bj,bji->", self.at_risk, height))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            higher = np.where(self.at_risk[:, :, None] > 0, child / self.at_risk[:, :, None], 0.0)
        rate = self._rates(own, rate)
        return np.concatenate([rate.ravel(), higher.ravel(), self._slopes(each, rate, beta)]), value

    def _rates(self, own: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rates from expected immigrants; of level times factor where factors are common to all types."""
        if not self.common:
            return own / self.spent[:, None]
        level = rate.sum(axis=0)
        if level.sum() == 0:
            return rate
        factor = own.sum(axis=1) / (self.spent * level.sum())
        exposed = float(self.spent @ factor)
        level = own.sum(axis=0) / exposed if exposed > 0 else level
        return np.outer(factor, level)

    def _slopes(
        self, each: NDArray[np.float64], rate: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Coefficients after one step of Newton's on the immigrants' Poisson likelihood."""
        c = len(beta)
        if c == 0:
            return beta
        x = self.covariates
        first, second = np.triu_indices(c)
        _, squares = exposure(
            self.events,
            self.baseline,
            self.scale * np.exp(x @ beta),
            np.ascontiguousarray(x[:, first] * x[:, second]),
        )
        total = rate.sum(axis=1)
        score = x.T @ each - self.by @ total
        info = np.zeros((c, c))
        info[first, second] = info[second, first] = squares @ total[self.places]
        move = np.linalg.lstsq(info, score, rcond=None)[0]
        reach = float(np.max(np.abs(x @ move), initial=0.0))
        return beta + move * min(1.0, 1.0 / max(reach, 1e-300))

    # -- the search

    def climb(self) -> tuple[NDArray[np.float64], float, int, bool]:
        """Turns of two steps and an extrapolation, until the log-likelihood has settled."""
        point = self.start()
        positive = slice(0, len(point) - self.covariates.shape[1])
        history = [-np.inf]
        for turn in range(1, TURNS + 1):
            one, _ = self.step(point)
            two, value_one = self.step(one)
            r = one - point
            v = two - one - r
            size = float(np.linalg.norm(v))
            point = two
            if size > 0:
                far = min(-1.0, -float(np.linalg.norm(r)) / size)
                reached = one - r - 2 * far * r + far * far * v
                # never to 0 at once, from where nothing comes back
                reached[positive] = np.maximum(reached[positive], 0.1 * two[positive])
                stepped, value = self.step(reached)
                if value >= value_one:
                    point = stepped
            history.append(value_one)
            if self.asked.progress is not None:
                self.asked.progress(turn, value_one)
            if turn > 10 and value_one - history[-11] < SETTLED:
                return point, self.step(point)[1], turn, True
        return point, self.step(point)[1], TURNS, False

    def fit(self) -> Fit:
        """The whole answer."""
        point, _, turns, settled = self.climb()
        rate, height, beta = self.parts(point)
        height = np.where(height < 1e-9 * max(float(height.max(initial=0.0)), 1e-300), 0.0, height)
        source = self.baseline
        if self.cells == 1:
            level, factors = rate[0].copy(), np.ones((len(source.factors), source.factors.shape[1]))
        else:
            level = self.spent @ rate / self.spent.sum()
            factors = (rate / np.where(level > 0, level, 1.0))[self.places]
            factors[:, level <= 0] = 1.0
            if self.common:
                factors = np.ascontiguousarray(
                    factors[:, :1] if level[0] > 0 else factors.max(axis=1, keepdims=True)
                )
        baseline = Baseline(level, np.asarray(source.edges, np.float64), factors, source.period, source.phase)
        kernel = Histogram(
            self.edges, np.ascontiguousarray(height.transpose(0, 2, 1)), float(self.asked.power or 0.0),
            self.asked.reference,
        )  # fmt: skip
        process = Process(baseline, kernel)
        self._scaled(beta)
        scale = self.scale * np.exp(self.covariates @ beta)
        self._say(process, settled)
        names, estimates, errors = self._table(rate, height, beta)
        return Fit(
            process, log_likelihood(process, self.events, scale), names, np.array(estimates), np.array(errors),
            beta.copy(), turns, settled, process.radius, self.messages,
        )  # fmt: skip

    def _table(
        self, rate: NDArray[np.float64], height: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> tuple[list[str], list[float], list[float]]:
        """Names, estimates and standard errors."""
        m, cells = self.types, self.cells
        width = cells + self.bins * m
        spread = np.full((m, width), np.nan)
        if width <= WIDEST:
            e = self.events
            info = np.zeros((m, width, width))
            loops.information(
                e.offsets, e.times, e.types, self.weight, self.unit, self.cell, self.edges, rate,
                np.ascontiguousarray(height), info,
            )  # fmt: skip
            for i in range(m):
                values = np.concatenate([rate[:, i], height[:, :, i].ravel()])
                free = (values > 0) & (np.diag(info[i]) > 1e-300)
                inverse = np.linalg.pinv(info[i][np.ix_(free, free)], hermitian=True)
                spread[i, free] = np.sqrt(np.maximum(np.diag(inverse), 0.0))
        else:
            self.messages.append(f"{width} coefficients a type are too many for standard errors")
        rows: list[tuple[str, float, float]] = []
        for c in range(cells):
            for i in range(m):
                rows.append((f"level[{i}]" if cells == 1 else f"rate[{c},{i}]", rate[c, i], spread[i, c]))
        for b in range(self.bins):
            for i in range(m):
                for j in range(m):
                    rows.append((f"height[{b},{i},{j}]", height[b, j, i], spread[i, cells + b * m + j]))
        rows += [(f"coefficient[{p}]", value, np.nan) for p, value in enumerate(beta)]
        return [r[0] for r in rows], [float(r[1]) for r in rows], [float(r[2]) for r in rows]

    def _say(self, process: Process, settled: bool) -> None:
        say = self.messages.append
        self.messages += self.asked.never_seen(self.count)
        if process.radius >= 1:
            say(f"the spectral radius is {process.radius:.4g}: the process explodes when it is continued")
        if not settled:
            say(f"the search stopped after {TURNS} turns before the log-likelihood settled")
