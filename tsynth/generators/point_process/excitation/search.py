"""The search for the most likely Hawkes process: its bounds, its start, and what was found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process.excitation.asked import Fit
from tsynth.generators.point_process.excitation.intensity import PairDecays, SharedDecays, SharedFactors
from tsynth.generators.point_process.excitation.likelihood import exposure
from tsynth.generators.point_process.excitation.penalties import Penalty, groups_of
from tsynth.generators.point_process.excitation.process import Baseline, Exponentials, Process
from tsynth.generators.point_process.excitation.scoring import Box, Found, Terms, maximise, standard_errors
from tsynth.generators.point_process.excitation.starts import PART, head, pooled, reach_of_decay

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked
    from tsynth.generators.point_process.excitation.process import Events

__all__ = ["BOUND", "Search", "joined"]

BOUND = 0.99
"""Spectral radius that ``stable=True`` allows."""


class Search:
    """One likelihood, its bounds and starts; `fit` runs it and says what was found."""

    def __init__(self, events: Events, asked: Asked, places: NDArray[np.int32] | None = None) -> None:
        assert asked.baseline is not None
        self.events, self.asked, self.baseline = events, asked, asked.baseline
        self.m = m = asked.types
        self.pair = asked.decays == "pair"
        self.messages: list[str] = []
        ones = np.ones(events.n_sequences)
        spent, _ = exposure(events, self.baseline, ones)
        self.places = joined(spent) if places is None else places
        self.cells = int(self.places.max()) + 1
        c = 0 if asked.covariates is None else asked.covariates.shape[1]
        given = None if asked.decay is None else np.asarray(asked.decay)
        if self.pair:
            self.k = 1
            inner: SharedDecays | PairDecays = PairDecays(
                events,
                m,
                self.baseline,
                asked.covariates,
                float(asked.power or 0.0),
                asked.reference,
                self.places,
                asked.scale,
            )
            self.own, d = 2 * m, 0
        else:
            if given is not None:
                self.k = len(given)
                mix, offset = np.zeros((self.k, 0)), np.log(given)
            elif asked.kernel == "sum":
                self.k = asked.components
                at = np.arange(self.k) / (self.k - 1)
                mix, offset = np.column_stack([1 - at, at]), np.zeros(self.k)
            else:
                self.k, mix, offset = 1, np.ones((1, 1)), np.zeros(1)
            d = mix.shape[1]
            sized = events if asked.power != 0.0 else replace(events, size=None)
            inner = SharedDecays(
                sized, m, self.baseline, mix, offset, asked.covariates, asked.reference, self.places,
                outer=bool(d or c or asked.power is None or self._common_factors), scale=asked.scale,
            )  # fmt: skip
            self.own = self.k * m
        self.inner, self.d, self.c = inner, d, c
        self.likelihood: Callable[[NDArray[np.float64], NDArray[np.float64]], Terms] = inner
        self.b = self.cells
        self.factors: SharedFactors | None = None
        if self._common_factors:
            self.factors = SharedFactors(inner, int(np.argmax(np.bincount(inner.cell, minlength=self.cells))))
            self.likelihood, self.b = self.factors, 1
        self.extra = 0 if self.pair else 1  # the power's place in eta
        self.box = self._box()

    @property
    def _common_factors(self) -> bool:
        return self.cells > 1 and self.m > 1 and self.baseline.factors.shape[1] == 1

    def _box(self) -> Box:
        low, high = reach_of_decay(self.events)
        p = self.b + self.own
        below, above, stride = np.zeros(p), np.full(p, np.inf), np.full(p, np.inf)
        if self.pair and self.asked.decay is None:
            stride[self.b + self.m :] = 1.0
            below[self.b + self.m :], above[self.b + self.m :] = low, high
        elif self.pair:
            below, above = np.tile(below, (self.m, 1)), np.tile(above, (self.m, 1))
            below[:, self.b + self.m :] = above[:, self.b + self.m :] = np.log(np.asarray(self.asked.decay))
        f = 0 if self.factors is None else len(self.factors.others)
        power = self.asked.power
        x = self.asked.covariates
        widest = np.zeros(0) if x is None else np.maximum(np.abs(x).max(axis=0), 1e-300)
        surplus = 1.0
        if power is None and self.events.size is not None:
            surplus = max(float(np.abs(self.events.size - self.asked.reference).max()), 1e-300)
        bound = [] if self.pair else [50.0 / surplus if power is None else float(power)]
        least = [] if self.pair else [-50.0 / surplus if power is None else float(power)]
        return Box(
            below, above,
            np.concatenate([np.full(self.d, low), least, np.full(self.c, -np.inf), np.full(f, -20.0)]),
            np.concatenate([np.full(self.d, high), bound, np.full(self.c, np.inf), np.full(f, 20.0)]),
            stride,
            np.concatenate([np.ones(self.d), np.full(len(bound), 1 / surplus), 1 / widest, np.ones(f)]),
        )  # fmt: skip

    # -- where to start

    def start(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients and common numbers to climb from."""
        m, asked = self.m, self.asked
        given = asked.decay
        first = None if given is None else float(np.exp(np.mean(np.log(given))))
        branching, decay = pooled(self.events, first)
        branching = float(np.clip(branching, 0.05, 0.9))
        count = np.bincount(self.events.types, minlength=m).astype(np.float64)
        self.inner._scaled(np.zeros(self.c))
        theta = np.zeros((m, self.b + self.own))
        share = count / count.sum()
        theta[:, self.b :] = np.tile(0.5 * branching * share[:, None], self.own)[:, : self.own] / self.k
        for k in range(self.k):
            theta[np.arange(m), self.b + k * m + np.arange(m)] += 0.5 * branching / self.k
        theta[count == 0, self.b :] = 0.0
        theta[:, : self.b] = self.rates() * (1 - branching)
        eta = np.zeros(len(self.box.outer_low))
        if self.pair:
            theta[:, self.b + m :] = np.log(decay if given is None else given)
        elif self.d == 1:
            eta[0] = np.log(decay)
        elif self.d == 2:
            width = np.log(4.0) * (self.k - 1) / 1.5
            eta[:2] = np.log(decay) - width, np.log(decay) + width
        if not self.pair and asked.power is not None:
            eta[self.d] = asked.power
        eta = np.clip(eta, self.box.outer_low, self.box.outer_high)
        return np.clip(theta, self.box.low, self.box.high), eta

    def rates(self) -> NDArray[np.float64]:
        """Events per unit of time by type and cell, a little drawn to the type's mean; (M, B)."""
        m, spent = self.m, self.inner.spent
        cell = np.zeros(len(self.events.times), np.int64) if self.b == 1 else self.inner.cell.astype(np.int64)
        spent = spent if self.b > 1 else np.array([spent.sum()])
        count = np.bincount(self.events.types * self.b + cell, minlength=m * self.b).reshape(m, self.b)
        mean = count.sum(axis=1, keepdims=True) / spent.sum()
        return (count + mean) / (spent + 1.0) if self.b > 1 else mean

    # -- the search

    def climb(
        self,
        start: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
        penalty: Penalty | None = None,
    ) -> Found:
        """The top from a start; without one, from the top of the first events alone."""
        if start is None:
            start = self._first(penalty)
        theta, eta = start
        if isinstance(self.inner, PairDecays):
            if self.likelihood is self.inner and not self.c:
                return self._by_target(theta, eta, penalty)
            # decays of weak pairs move long after the log-likelihood has settled
            return maximise(
                self.likelihood, theta, eta, self.box, penalty=penalty, tolerance=1e-3,
                progress=self.asked.progress,
            )  # fmt: skip
        return maximise(
            self.likelihood, theta, eta, self.box, penalty=penalty, tolerance=1e-8,
            progress=self.asked.progress,
        )  # fmt: skip

    def _by_target(
        self, theta: NDArray[np.float64], eta: NDArray[np.float64], penalty: Penalty | None
    ) -> Found:
        """Targets that share nothing, one after the other."""
        inner = self.inner
        assert isinstance(inner, PairDecays)
        out, steps, settled = theta.copy(), 0, True
        for i in range(self.m):
            one = slice(i, i + 1)
            low, high = (
                np.broadcast_to(self.box.low, theta.shape),
                np.broadcast_to(self.box.high, theta.shape),
            )
            found = maximise(
                partial(inner, targets=(i,)), theta[one], eta,
                replace(self.box, low=low[one], high=high[one]),
                penalty=None if penalty is None else Penalty(penalty.linear[one]), tolerance=1e-4, most=100,
                progress=self.asked.progress,
            )  # fmt: skip
            out[i], steps, settled = found.theta[0], max(steps, found.iterations), settled and found.converged
        return Found(out, eta, inner(out, eta), steps, settled)

    def _first(self, penalty: Penalty | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.events.n_events < 5 * PART or penalty is not None:
            return self.start()
        n = len(head(self.events, PART).offsets) - 1
        asked = self.asked
        few = replace(
            asked,
            covariates=None if asked.covariates is None else asked.covariates[:n],
            progress=None,
            scale=None if asked.scale is None else asked.scale[:n],
        )
        try:
            part = Search(head(self.events, PART), few, self.places)
            theta, eta = part.start()
            found = maximise(part.likelihood, theta, eta, part.box, tolerance=1e-2, most=30)
        except np.linalg.LinAlgError:
            return self.start()
        theta = found.theta.copy()
        self.inner._scaled(np.zeros(self.c))
        theta[:, : self.b] = np.maximum(theta[:, : self.b], 0.05 * self.rates())
        eta = np.clip(found.eta, self.box.outer_low, self.box.outer_high)
        return np.clip(theta, self.box.low, self.box.high), eta

    def penalty(self, strength: float, price: NDArray[np.float64] | None = None) -> Penalty | None:
        """The asked penalty at this strength, and a price (M, M) on each pair's branching besides."""
        width = self.b + self.own
        linear = np.zeros((self.m, width))
        pairs = slice(self.b, self.b + self.k * self.m)
        group, strengths = None, None
        if self.asked.penalty == "l1":
            linear[:, pairs] = strength
        elif self.asked.penalty == "group" and strength > 0:
            group, root = groups_of(self.asked.groups, self.m, self.k, self.b, width)
            strengths = strength * root
        if price is not None:
            linear[:, pairs] += np.tile(price, self.k)
        return Penalty(linear, group, strengths) if linear.any() or group is not None else None

    def fit(self) -> Fit:
        """The whole answer."""
        strength = float(self.asked.strength)
        found = self.climb(penalty=self.penalty(strength))
        if self.asked.stable:
            found = self._bounded(found, strength)
        return self.answer(found)

    def _bounded(self, found: Found, strength: float) -> Found:
        """The best fit whose branching matrix has a radius of at most `BOUND`."""
        free, low, high, top = found, 0.0, None, 1.0
        if self._radius(found) <= BOUND:
            return found
        inside = None
        for _ in range(40):
            price = low + 0.5 * (high - low) if high is not None else top
            found = self.climb((found.theta, found.eta), self.penalty(strength, price * self._slope(found)))
            radius = self._radius(found)
            if radius <= BOUND:
                inside, high = found, price
                if radius > BOUND - 1e-6:
                    break
            else:
                low = price
                top *= 4.0
        assert inside is not None
        self.messages.append(
            f"the free fit has spectral radius {self._radius(free):.4g} and log-likelihood {free.terms.value:.8g}; "
            f"the radius was bounded by {BOUND}"
        )
        return inside

    def branching_of(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Branching ratios (K, M, M) in theta."""
        part = theta[:, self.b : self.b + self.k * self.m]
        return np.ascontiguousarray(part.reshape(self.m, self.k, self.m).transpose(1, 0, 2))

    def _radius(self, found: Found) -> float:
        return float(np.max(np.abs(np.linalg.eigvals(self.branching_of(found.theta).sum(axis=0)))))

    def _slope(self, found: Found) -> NDArray[np.float64]:
        """Derivative of the radius by each entry of the branching matrix."""
        matrix = self.branching_of(found.theta).sum(axis=0)
        right, left = _perron(matrix), _perron(matrix.T)
        out: NDArray[np.float64] = np.outer(left, right) / max(float(left @ right), 1e-12)
        return out

    # -- what was found

    def process_of(self, theta: NDArray[np.float64], eta: NDArray[np.float64]) -> Process:
        """The process of these numbers."""
        m, source = self.m, self.baseline
        if self.factors is not None:
            level, factors = theta[:, 0], self.factors.factors(eta)[self.places][:, None]
        elif self.b == 1:
            level, factors = theta[:, 0], np.ones((len(source.factors), source.factors.shape[1]))
        else:
            spent = self.inner.spent
            level = theta[:, : self.b] @ spent / spent.sum()
            factors = (theta[:, : self.b] / np.where(level > 0, level, 1.0)[:, None]).T[self.places]
            factors[:, level <= 0] = 1.0
        adjacency = self.branching_of(theta)
        if isinstance(self.inner, PairDecays):
            decay = np.exp(theta[:, self.b + m :])[None]
            power = self.inner.power
        else:
            decay, power = self.inner.decay_of(eta)[:, None, None], float(eta[self.d])
        baseline = Baseline(level.copy(), np.asarray(source.edges, np.float64), np.ascontiguousarray(factors),
                            source.period, source.phase)  # fmt: skip
        return Process(baseline, Exponentials(adjacency, decay, power, self.asked.reference))

    def coefficients(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients of the covariates in eta."""
        return eta[self.d + self.extra : self.d + self.extra + self.c].copy()

    def answer(self, found: Found) -> Fit:
        """The fit with names, standard errors and messages."""
        own, common = standard_errors(found, self.box)
        process = self.process_of(found.theta, found.eta)
        names, estimates, errors = self._table(found, own, common, process)
        self._say(found, process, common)
        return Fit(
            process, found.terms.value, names, np.array(estimates), np.array(errors),
            self.coefficients(found.eta), found.iterations, found.converged, process.radius, self.messages,
        )  # fmt: skip

    def _table(
        self, found: Found, own: NDArray[np.float64], common: NDArray[np.float64], process: Process
    ) -> tuple[list[str], list[float], list[float]]:
        m, b, theta, eta = self.m, self.b, found.theta, found.eta
        rows: list[tuple[str, float, float]] = []
        for cell in range(b):
            for i in range(m):
                name = f"level[{i}]" if b == 1 else f"rate[{cell},{i}]"
                rows.append((name, theta[i, cell], own[i, cell]))
        for k in range(self.k):
            for i in range(m):
                for j in range(m):
                    at = b + k * m + j
                    rows.append((f"adjacency[{k},{i},{j}]", theta[i, at], own[i, at]))
        kernel = process.kernel
        assert isinstance(kernel, Exponentials)
        if self.pair:
            for i in range(m):
                for j in range(m):
                    value = float(kernel.decay[0, i, j])
                    spread = np.nan if self.asked.decay is not None else own[i, b + m + j]
                    rows.append((f"decay[{i},{j}]", value, value * spread))
        else:
            assert isinstance(self.inner, SharedDecays)
            for k in range(self.k):
                value = float(kernel.decay[k, 0, 0])
                mix = self.inner.decays[k]
                # between two fitted decays the log is a mean of both: its error is given at the ends only
                ends = np.flatnonzero(mix == 1.0).tolist()
                rows.append((f"decay[{k}]", value, value * common[ends[0]] if len(ends) else np.nan))
            if self.asked.power is None:
                rows.append(("power", eta[self.d], common[self.d]))
        first = self.d + self.extra
        for p in range(self.c):
            rows.append((f"coefficient[{p}]", eta[first + p], common[first + p]))
        if self.factors is not None:
            for place, cell in enumerate(self.factors.others.tolist()):
                value = float(np.exp(eta[first + self.c + place]))
                rows.append((f"factor[{cell}]", value, value * common[first + self.c + place]))
        return [r[0] for r in rows], [float(r[1]) for r in rows], [float(r[2]) for r in rows]

    def _say(self, found: Found, process: Process, common: NDArray[np.float64]) -> None:
        say = self.messages.append
        self.messages += self.asked.never_seen(self.inner.count)
        if len(self.places) > self.cells:
            say(
                f"{len(self.places) - self.cells} cells of the baseline were never observed and take another's rate"
            )
        if self.events.n_events == 1:
            say("there is one event in all: a Poisson rate, and no excitation can be seen")
        if not process.kernel.branching.any():
            say("no event excites another, so the decay says nothing")
        elif self.d:
            at = found.eta[: self.d]
            if np.any(at >= self.box.outer_high[: self.d]) or np.any(at <= self.box.outer_low[: self.d]):
                say("a decay went to the end of what these events can tell; it has no standard error")
        if process.radius >= 1:
            say(
                f"the spectral radius is {process.radius:.4g}: each event has one child or more, so the process "
                "explodes when it is continued; stable=True bounds it"
            )
        if not found.converged:
            say(f"the search stopped after {found.iterations} steps before the log-likelihood settled")


def joined(spent: NDArray[np.float64]) -> NDArray[np.int32]:
    """Numbers of cells where those without time join the one before them (the last, for the first)."""
    seen = np.flatnonzero(spent > 0)
    at = np.searchsorted(seen, np.arange(len(spent)), side="right") - 1
    return at.astype(np.int32) % len(seen)


def _perron(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eig(matrix)
    out: NDArray[np.float64] = np.abs(np.real(vectors[:, np.argmax(np.real(values))]))
    return out
