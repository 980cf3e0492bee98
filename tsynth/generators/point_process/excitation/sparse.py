"""Fits for hundreds to thousands of types: who excites whom is a short list a target, grown by the lasso's pull."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.hawkes import gathering, sparse_fit
from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import Fit
from tsynth.generators.point_process.excitation.left_out import STRENGTHS, folds, gain
from tsynth.generators.point_process.excitation.likelihood import exposure, weights_of
from tsynth.generators.point_process.excitation.process import Baseline, Exponentials, Process
from tsynth.generators.point_process.excitation.search import BOUND, Search, joined
from tsynth.generators.point_process.excitation.starts import pooled, reach_of_decay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked
    from tsynth.generators.point_process.excitation.process import Events

__all__ = ["Lists", "SparseSearch", "fit"]

ROUNDS = 30
ROOM = 8_000_000
"""Coefficients whose pull is looked at together: 64 MB."""
SETTLED = 1e-3
"""Gain of penalised log-likelihood below which a round of new pairs was the last."""
BLOCK = 25_000_000
"""Events of a target times its parents: 200 MB."""


@dataclass
class Lists:
    """Parents of each target: columns ``pointers[i]:pointers[i + 1]``, in rising order, and their branching ratios."""

    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]

    def with_more(self, target: NDArray[np.int64], column: NDArray[np.int64]) -> Lists:
        """These and new pairs at 0; pairs at 0 until now are dropped."""
        m = len(self.pointers) - 1
        own = np.repeat(np.arange(m), np.diff(self.pointers))
        kept = self.values > 0
        rows = np.concatenate([own[kept], target])
        columns = np.concatenate([self.columns[kept], column])
        values = np.concatenate([self.values[kept], np.zeros(len(target))])
        order = np.lexsort((columns, rows))
        pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=m))])
        return Lists(pointers, columns[order], values[order])


class SparseSearch:
    """Events laid out by type, levels, lists of parents, and the loop that grows them."""

    def __init__(self, events: Events, asked: Asked, scale: NDArray[np.float64]) -> None:
        assert asked.baseline is not None
        self.events, self.asked, self.m = events, asked, asked.types
        self.baseline = asked.baseline
        edges = np.ascontiguousarray(self.baseline.edges, np.float64)
        spent, _ = exposure(events, self.baseline, scale)
        self.places = joined(spent)
        self.spent = np.bincount(self.places, spent)
        cell = gathering.cells_of(
            events.times, edges, float(self.baseline.period), float(self.baseline.phase)
        )
        self.cell = self.places[cell]
        lengths = np.diff(events.offsets)
        self.unit = np.repeat(scale, lengths)
        self.sequence = np.repeat(np.arange(events.n_sequences, dtype=np.int32), lengths)
        self.weight, _ = weights_of(events, float(asked.power or 0.0), asked.reference)
        self.rows, self.begin = gathering.order_by_type(events.types, self.m)
        self.counted = np.bincount(
            events.types, None if len(self.weight) == 1 else self.weight, minlength=self.m
        ).astype(np.float64)
        b, counted = len(self.spent), events.counted
        count = np.bincount(events.types * b + self.cell, counted, minlength=self.m * b).reshape(self.m, b)
        self.level = count / self.spent
        self.seen = count.sum(axis=1)
        self.inverse = np.zeros(len(events.times))
        self.inverse[counted] = 1.0 / (self.unit * self.level[events.types, self.cell])[counted]
        self.unit[~counted] = -1.0  # the loops take them as parents only
        empty = np.zeros(0)
        self.lists = Lists(np.zeros(self.m + 1, np.int64), empty.astype(np.int64), empty)
        self.logs = np.zeros(self.m)
        self.level_errors = np.full((self.m, b), np.nan)
        self.errors = self.slopes = empty
        self.steps, self.converged = 0, False

    def set_decay(self, decay: NDArray[np.float64]) -> None:
        """Decays (K,) from now on, and the compensators that follow from them."""
        e = self.events
        self.decay = np.ascontiguousarray(decay, np.float64)
        left = sparse_fit.left_over(e.offsets, e.times, e.types, e.end, self.weight, self.decay, self.m)
        self.whole = np.tile(self.counted, len(decay)) - left[0]
        self.fade = np.repeat(self.decay, self.m) * left[1]

    def sweep(self, price: float, targets: NDArray[np.int64], outer: bool = False) -> NDArray[np.float64]:
        """Fit these targets on their lists; returns score and information of the decay's log."""
        common, lists = np.zeros(2), self.lists
        self.errors, self.slopes = np.full(len(lists.values), np.nan), np.zeros(len(lists.values))
        sparse_fit.sweep(
            targets, lists.pointers, lists.columns, lists.values, self.level, self.rows, self.begin, self.sequence,
            self.events.times, self.weight, self.unit, self.cell, self.spent, self.whole, self.fade, price,
            self.decay, self.m, int(outer), self.inverse, self.logs, self.errors, self.level_errors, self.slopes,
            common,
        )  # fmt: skip
        self.steps += 1
        return common

    def grow(self, price: float) -> NDArray[np.int64]:
        """Add the parents that pull more than the price, the strongest of each target; returns the targets."""
        e, m, columns = self.events, self.m, len(self.decay) * self.m
        tall = max(1, ROOM // columns)
        targets, chosen = [], []
        events_of = np.diff(self.begin)
        for low in range(0, m, tall):
            high = min(low + tall, m)
            pull = np.zeros((high - low, columns))
            sparse_fit.pulls(e.offsets, e.times, e.types, self.weight, self.inverse, self.decay, m, low, pull)
            pull -= self.whole + price + 1e-3 * max(price, 1.0)
            for i in range(low, high):
                listed = slice(self.lists.pointers[i], self.lists.pointers[i + 1])
                row = pull[i - low]
                row[self.lists.columns[listed]] = -1.0
                active = int((self.lists.values[listed] > 0).sum())
                most = min(10 + active // 2, max(BLOCK // max(int(events_of[i]), 1) - active, 0))
                found = np.flatnonzero(row > 0)
                if len(found) > most:
                    found = found[np.argpartition(row[found], -most)[-most:]] if most else found[:0]
                if len(found):
                    targets.append(np.full(len(found), i))
                    chosen.append(found)
        if not targets:
            return np.zeros(0, np.int64)
        rows = np.concatenate(targets)
        self.lists = self.lists.with_more(rows, np.concatenate(chosen))
        return np.unique(rows)

    def strongest(self) -> float:
        """The greatest pull on any pair as things stand."""
        e, columns = self.events, len(self.decay) * self.m
        tall, top = max(1, ROOM // columns), 0.0
        for low in range(0, self.m, tall):
            pull = np.zeros((min(tall, self.m - low), columns))
            sparse_fit.pulls(
                e.offsets, e.times, e.types, self.weight, self.inverse, self.decay, self.m, low, pull
            )
            top = max(top, float((pull - self.whole).max()))
        return top

    def climb(self, price: float, rounds: int = ROUNDS) -> None:
        """Grow and fit until no pair outside the lists pulls more than the price."""
        self.converged = False
        before = -np.inf
        for _ in range(rounds):
            targets = self.grow(price)
            if not len(targets):
                self.converged = True
                return
            self.sweep(price, targets)
            value = float(self.logs.sum()) - price * float(self.lists.values.sum())
            if value - before < SETTLED:
                self.converged = True
                return
            before = value
            if self.asked.progress is not None:
                self.asked.progress(self.steps, float(self.logs.sum()))

    def fit_decay(self, bounds: tuple[float, float]) -> float:
        """Move one common decay to its top on the lists as they are, by some of the targets, then by all.

        Without a price: the lasso shrinks what excites long after, so that decays under it come out too great.
        Returns the information of the decay's log.
        """
        everyone = np.arange(self.m)
        information = 0.0
        for targets, enough in ((everyone[:: max(self.m // 100, 1)], 0.1), (everyone, 0.03)):
            for _ in range(8):
                common = self.sweep(0.0, targets, outer=True)
                information = float(common[1])
                if information <= 1e-300:
                    return 0.0
                move = float(np.clip(common[0] / information, -1.0, 1.0))
                self.set_decay(np.exp([float(np.clip(np.log(self.decay[0]) + move, *bounds))]))
                if abs(move) * np.sqrt(information) < enough:  # of its standard error
                    break
        return information

    def process(self) -> Process:
        """The process as it stands."""
        k, m, lists = len(self.decay), self.m, self.lists
        flat = np.zeros((m, k * m))
        flat[np.repeat(np.arange(m), np.diff(lists.pointers)), lists.columns] = lists.values
        adjacency = np.ascontiguousarray(flat.reshape(m, k, m).transpose(1, 0, 2))
        source = self.baseline
        level = self.level @ self.spent / self.spent.sum()
        if len(self.spent) == 1:
            factors = np.ones((len(source.factors), source.factors.shape[1]))
        else:
            factors = (self.level / np.where(level > 0, level, 1.0)[:, None]).T[self.places]
            factors[:, level <= 0] = 1.0
        edges = np.asarray(source.edges, np.float64)
        baseline = Baseline(level, edges, np.ascontiguousarray(factors), source.period, source.phase)
        power = float(self.asked.power or 0.0)
        return Process(
            baseline, Exponentials(adjacency, self.decay[:, None, None], power, self.asked.reference)
        )


def counts_on_covariates(
    events: Events, x: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (P,) of a Poisson regression of sequences' counts with standard errors; time and scale are offsets.

    The mean count of a linear Hawkes process is proportional to its baseline, so the regression is consistent where
    windows are alike; errors are White's, as counts vary more than Poisson ones.
    """
    who = np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))
    count = np.bincount(who, events.counted, minlength=events.n_sequences)
    length = (events.end - events.start) * scale
    keep = length > 0
    design = np.column_stack([np.ones(int(keep.sum())), x[keep]])
    count, offset = count[keep], np.log(length[keep])
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(count.sum() / np.exp(offset).sum())
    for _ in range(50):
        mean = np.exp(design @ beta + offset)
        bread = np.linalg.pinv(design.T @ (mean[:, None] * design))
        step = bread @ (design.T @ (count - mean))
        step *= min(1.0, 2.0 / max(float(np.abs(design @ step).max()), 1e-12))
        beta += step
        if np.abs(design @ step).max() < 1e-10:
            break
    rest = (count - np.exp(design @ beta + offset))[:, None] * design
    spread = bread @ (rest.T @ rest) @ bread
    return beta[1:], np.sqrt(np.diag(spread))[1:]


def _checked(asked: Asked) -> None:
    for wrong, what in (
        (asked.decays == "pair", 'decays="pair"'),
        (asked.penalty == "group", 'penalty="group"'),
        (asked.power is None, "a fitted power"),
    ):
        if wrong:
            raise UsageError(
                f"{what} is not there for {asked.types} types",
                fix='use penalty="l1", a shared decay and a given power, or merge rare types',
            )


def _decays(events: Events, asked: Asked, messages: list[str]) -> NDArray[np.float64]:
    """Given decays, or those of the first events with types taken together."""
    if asked.decay is not None:
        return np.asarray(asked.decay, np.float64)
    if asked.kernel == "exponential":
        return np.array([pooled(events, None)[1]])
    one = replace(events, types=np.zeros(len(events.times), np.int64), size=None)
    alone = replace(
        asked, types=1, baseline=Baseline(np.ones(1)), covariates=None, penalty=None, strength=0.0, power=0.0
    )
    found = Search(one, alone).climb()
    messages.append("the decays are those of all types taken together")
    decay: NDArray[np.float64] = np.exp(np.linspace(found.eta[0], found.eta[1], asked.components))
    return decay


def fit(events: Events, asked: Asked) -> Fit:
    """Fit with many types: the lasso's strength, one decay for all pairs, parents in lists.

    Every pair's pull is looked at; a pair joins its target's list where it pulls more than the strength. One decay is
    fitted without the strength, on the pairs that the strength left at a first decay. Factors of
    the baseline are by type; covariates act through `counts_on_covariates`. ``stable=True`` shrinks the branching
    matrix to the radius that is allowed and fits the levels again.
    """
    _checked(asked)
    messages: list[str] = []
    beta, beta_errors = np.zeros(0), np.zeros(0)
    scale = np.ones(events.n_sequences) if asked.scale is None else np.asarray(asked.scale, np.float64)
    if asked.covariates is not None:
        beta, beta_errors = counts_on_covariates(events, asked.covariates, scale)
        scale = scale * np.exp(asked.covariates @ beta)
        messages.append("coefficients of covariates come from a Poisson regression of the sequences' counts")
    decay = _decays(events, asked, messages)
    price = _strength(events, asked, scale, decay, messages)
    search = SparseSearch(events, asked, scale)
    search.set_decay(decay)
    free = asked.decay is None and asked.kernel == "exponential"
    search.climb(price, rounds=4 if free else ROUNDS)
    information = search.fit_decay(reach_of_decay(events)) if free else 0.0
    if free:
        search.sweep(price, np.arange(asked.types))
    search.climb(price)
    search.sweep(price, np.arange(asked.types), outer=True)
    process = search.process()
    if asked.stable and process.radius > BOUND:
        messages.append(f"the spectral radius {process.radius:.4g} was shrunk to {BOUND}")
        search.lists.values *= BOUND / process.radius
        _levels_again(search)
        process = search.process()
    return _answer(search, process, messages, information, free, beta, beta_errors)


def _levels_again(search: SparseSearch) -> None:
    """Levels with the branching matrix held: each is its share of its events over its time, until that stands."""
    lists, e, m, b = search.lists, search.events, search.m, len(search.spent)
    extra = sparse_fit.excited(
        lists.pointers, lists.columns, lists.values, search.rows, search.begin, search.sequence, e.times,
        search.weight, search.decay, m,
    )  # fmt: skip
    for _ in range(100):
        before = search.level
        own = np.maximum(search.unit, 0.0) * before[e.types, search.cell]
        share = np.where(own > 0, own / np.where(own > 0, own + extra, 1.0), 0.0)
        search.level = (
            np.bincount(e.types * b + search.cell, share, minlength=m * b).reshape(m, b) / search.spent
        )
        if np.all(np.abs(search.level - before) <= 1e-8 * before):
            break
    rate = np.where(search.unit >= 0, search.unit * search.level[e.types, search.cell] + extra, 1.0)
    owner = np.repeat(np.arange(m), np.diff(lists.pointers))
    excited = np.bincount(owner, lists.values * search.whole[lists.columns], minlength=m)
    search.logs = np.bincount(e.types, np.log(rate), minlength=m) - search.level @ search.spent - excited


def _strength(
    events: Events,
    asked: Asked,
    scale: NDArray[np.float64],
    decay: NDArray[np.float64],
    messages: list[str],
) -> float:
    """The price of a branching ratio: as asked, or the one that foretells best what is left out."""
    if asked.penalty is None:
        return 0.0
    if not isinstance(asked.strength, str):
        return float(asked.strength)
    whole = SparseSearch(events, asked, scale)
    whole.set_decay(decay)
    top = whole.strongest()
    gains = np.zeros(len(STRENGTHS[::2]))
    for part, who, parts in folds(events):
        if part.n_events == 0 or not np.any(part.end > part.start):
            continue
        search = SparseSearch(part, replace(asked, progress=None), scale[who])
        search.set_decay(decay)
        floor = 0.5 / float((part.end - part.start).sum())
        for at, factor in enumerate(STRENGTHS[::2]):
            search.climb(factor * top * part.n_events / events.n_events, rounds=3)
            gains[at] += gain(search.process(), scale, parts, floor)
    best = float(STRENGTHS[::2][int(np.argmax(gains))] * top)
    messages.append(f"strength {best:.6g} of the penalty l1 foretold best what was left out")
    return best


def _answer(
    search: SparseSearch,
    process: Process,
    messages: list[str],
    information: float,
    free: bool,
    beta: NDArray[np.float64],
    beta_errors: NDArray[np.float64],
) -> Fit:
    """The fit; of the adjacency only what is not 0 is named."""
    m, b, lists = search.m, len(search.spent), search.lists
    spread = 1.0 / information if free and information > 0 else 0.0
    held = any("shrunk" in message for message in messages)
    names = [f"level[{i}]" if b == 1 else f"rate[{cell},{i}]" for cell in range(b) for i in range(m)]
    owner = np.repeat(np.arange(m), np.diff(lists.pointers))
    kept = np.flatnonzero(lists.values > 0)
    names += [f"adjacency[{lists.columns[c] // m},{owner[c]},{lists.columns[c] % m}]" for c in kept]
    names += [f"decay[{k}]" for k in range(len(search.decay))]
    names += [f"coefficient[{p}]" for p in range(len(beta))]
    of_decay = search.decay * (np.sqrt(spread) if spread > 0 else np.nan)
    own = np.sqrt(search.errors[kept] + search.slopes[kept] ** 2 * spread)
    errors = np.concatenate(
        [
            np.sqrt(search.level_errors.T.ravel()),
            np.full(len(own), np.nan) if held else own,
            of_decay,
            beta_errors,
        ]
    )
    estimates = np.concatenate([search.level.T.ravel(), lists.values[kept], search.decay, beta])
    messages += search.asked.never_seen(search.seen)
    messages.append(f"{len(kept)} of {len(search.decay) * m * m} pairs excite; the others are 0")
    if process.radius >= 1:
        messages.append(
            f"the spectral radius is {process.radius:.4g}: each event has one child or more, so the process "
            "explodes when it is continued; stable=True bounds it"
        )
    if not search.converged:
        messages.append(f"the search stopped after {search.steps} rounds with pairs that still pull")
    return Fit(
        process, float(search.logs.sum()), names, estimates, errors, beta, search.steps, search.converged,
        process.radius, messages,
    )  # fmt: skip
