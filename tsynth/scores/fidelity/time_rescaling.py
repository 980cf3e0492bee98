"""Do rows come as a process fitted to real ones expects them?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.clock import TICKS
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.errors import DataError
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.excitation.fitting import fit
from tsynth.generators.point_process.excitation.process import Events, Process
from tsynth.generators.point_process.excitation.residuals import measure
from tsynth.generators.point_process.excitation.seasons import seasonal
from tsynth.scores.base import CannotSay
from tsynth.scores.moments import bounded, correlation, pair_sums
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import require_uneven
from tsynth.scores.weights import Counts
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Baseline

__all__ = ["TimeRescaling"]

MOST, LEAST = 3_000, 20
"""Rows that the process is fitted to, at most, and that it needs."""
TYPES, OFTEN = 5, 150
"""Codes that are types of their own, at most, and rows among the fitted ones that each must have."""


class TimeRescaling(PartsScore):
    """Gap between the laws of the time between rows as a process fitted to train counts it.

    A Hawkes process (exponential kernels with one decay, a constant baseline or one that knows the hour or the
    weekday, the most frequent codes as types) is fitted to at most 3,000 training rows. Under it the integral of the
    intensity from a row to the next, as 1 - exp(-integral), is uniform and independent of the one before. Real rows
    need not be, because no such process made them; synthetic rows have to differ from it as the reference does.
    Compared are the laws for all rows and, for each type, from a row to the next of it (1-Wasserstein on ranks among
    the training rows, doubled), and half the difference between correlations of neighbours as normal scores; these
    three count alike. Rows of one moment are spread inside the step of the times where rounding explains them, else
    the first of them counts alone.

    References
    ----------
    .. [1] Brown, Barbieri, Ventura, Kass, Frank (2002), "The time-rescaling theorem and its application to neural
       spike train data analysis", Neural Computation 14(2).
    .. [2] Ogata (1988), "Statistical models for earthquake occurrences and residual analysis for point processes",
       JASA 83(401), sec. 3.3: residuals of a fitted process.

    Examples
    --------
    >>> TimeRescaling.question
    'Do rows come as a process fitted to real ones expects them?'
    """

    name, title = "time_rescaling", "Time between rows under a fitted process"
    question = "Do rows come as a process fitted to real ones expects them?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "what no Hawkes process with one decay reacts to",
        "rows that share a moment, where they come in batches",
        "the first row of an entity, and how long it goes on",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Time has to be uneven."""
        require_uneven(train)
        return None

    def nothing(self) -> str:
        """The reference has no gap."""
        return "no held-out entity has two rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """All rows, one gap and the next, rows of each type."""
        if "fitted process" not in ruler.kept:
            ruler.kept["fitted process"] = _Fitted.of(ruler)
        law: _Fitted = ruler.kept["fitted process"]
        seen = []
        for who, data in (("reference", reference), ("candidate", candidate)):
            jitters = Streams(streams.seed, (*streams.path, who), range(data.n_entities))
            seen.append(law.residuals(ruler, data, jitters))
        if not len(seen[0].entity):
            return []
        sides = (reference, candidate)
        chosen = [np.ones(len(s.entity), np.bool_) for s in seen]
        found = [_part("all rows", None, law.grid, sides, seen, chosen, 1.0)]
        tables = tuple(_neighbours(s, law.grid, d.n_entities) for s, d in zip(seen, sides, strict=True))
        found.append(Part("one gap and the next", tables, _apart, _say_neighbours))
        if len(law.names) > 1:
            for at, (name, grid) in enumerate(zip(law.names, law.grids, strict=True)):
                chosen = [s.type == at for s in seen]
                found.append(_part(f"rows “{name}”", name, grid, sides, seen, chosen, 1 / len(law.names)))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Seen against expected: shares of rows that come no later than the process holds likely."""
        real, made = prepared.parts[0].extra["seen"]
        cells = histogram((real.together, real.entity), made.together, 20, even=True)
        if not cells:
            return {}
        return {
            "pictures": [
                {
                    "kind": "lines",
                    "title": "Rows that come by the time the fitted process expects them",
                    "x": [0.0, *cells["edges"][1:-1], 1.0],
                    "real": [0.0, *(float(v) for v in np.cumsum(cells["real"]))],
                    "synthetic": [0.0, *(float(v) for v in np.cumsum(cells["synthetic"]))],
                    "x_label": "expected share",
                    "y_label": "share seen",
                    "caption": "Rows of the process itself would lie on the diagonal.",
                }
            ]
        }


@dataclass(frozen=True)
class _Seen:
    """Each row but the first of an entity: 1 - exp(-integral) since the row before, and since the last of its type."""

    entity: NDArray[np.int64]
    type: NDArray[np.int64]
    together: NDArray[np.float64]
    own: NDArray[np.float64]


@dataclass(frozen=True)
class _Fitted:
    """The process, how ties are treated, and the laws of the training rows under it."""

    process: Process
    ties: jitter.Ties
    types: NDArray[np.int64]  # of each code
    names: list[str]
    grid: Grid
    grids: list[Grid]

    @classmethod
    def of(cls, ruler: Ruler) -> _Fitted:
        """Fit to entities that stand evenly in train, each cut to its share of the rows where it is long."""
        train = ruler.train
        chosen = _some(train)
        known = np.isfinite(train.time)
        offsets = np.concatenate([[0], np.cumsum(known)])[train.offsets]
        step = _step(train)
        ties = jitter.choose("auto", offsets, train.time[known], step)
        if ties.seen == 0:
            ties = replace(ties, width=0.0)
        codes = _codes(ruler, chosen)
        counts = np.bincount(codes, minlength=len(ruler.code_names) if ruler.code_columns else 1)
        types = _types(counts)
        size = int(types.max()) + 1
        names = [""] if size == 1 else [*ruler.code_names[: size - 1], "all others"]
        if size > 1 and counts[types == size - 1].astype(bool).sum() == 1:
            names[-1] = ruler.code_names[size - 1]
        streams = Streams(0, ("score", "time_rescaling", "fit"), range(chosen.n_entities))
        events = _events(chosen, types[codes], ties, streams)[0]
        if events.counted.sum() < LEAST or not np.any(events.end > events.start):
            raise CannotSay("too few rows follow another one at a later time")
        try:
            with np.errstate(all="ignore"):  # a trial step may go far; the search takes it back
                process = fit(events, types=size, baseline=_baseline(train, size, step)).process
        except DataError as wrong:  # pragma: no cover - what is left is odd beyond what was checked
            raise CannotSay(f"no process could be fitted to the training rows: {wrong}") from wrong
        law = cls(process, ties, types, names, Grid.learn(np.empty(0)), [])
        seen = law.residuals(ruler, chosen, streams)
        each = [Grid.learn(seen.own[seen.type == at]) for at in range(size)]
        return replace(law, grid=Grid.learn(seen.together), grids=each)

    def residuals(self, ruler: Ruler, data: Sequences, streams: Streams) -> _Seen:
        """How rows look under the process."""
        types = self.types[_codes(ruler, data)]
        events, entity = _events(data, types, self.ties, streams)
        found, rows = measure(self.process, events), events.counted
        together, own = (-np.expm1(-np.maximum(x[rows], 0.0)) for x in (found.together, found.increments))
        return _Seen(entity[rows], events.types[rows], together, own)


def _some(train: Sequences) -> Sequences:
    """Entities with about `MOST` rows together."""
    able = np.flatnonzero(train.lengths > 1)
    longest = max(MOST // max(len(able), 1), 50)
    rows = np.minimum(train.lengths[able], longest)
    few = max(1, int(len(able) * min(1.0, MOST / max(int(rows.sum()), 1))))
    chosen = train.take(able[np.linspace(0, len(able) - 1, few).astype(np.int64)])
    return chosen.keep_rows(chosen.step_of_row < max(longest, MOST // few))


def _codes(ruler: Ruler, data: Sequences) -> NDArray[np.int64]:
    return ruler.codes(data) if ruler.code_columns else np.zeros(data.n_rows, np.int64)


def _types(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Type of each code, most frequent first: those that are frequent by themselves, all others together."""
    own = int(np.sum(np.cumprod(counts >= OFTEN))) if len(counts) > 1 else 0
    own = min(own, TYPES)
    rest = counts[own:].sum()
    if rest < OFTEN:
        own -= 1  # too few others: they join the rarest that stands alone
    return np.minimum(np.arange(len(counts)), max(own, 0))


def _step(data: Sequences) -> float:
    """Lattice that all times lie on, at least a second where there are days, else 0.001; 0 where there is none."""
    unit = TICKS.get(data.schema.time_unit)
    if unit:
        steps = [TICKS[name] / unit for name in ("d", "h", "min", "s")]
    else:
        steps = [10.0**k for k in range(3, -4, -1)]
    time = data.time[np.isfinite(data.time)]
    fits = (s for s in steps if np.all(np.abs(time / s - np.rint(time / s)) < 1e-6))
    return next(fits, 0.0)


def _baseline(train: Sequences, types: int, step: float) -> Baseline:
    """Constant where time is no date, else by weekday where times are whole days, else by hour; alike for all types."""
    day = TICKS["d"] / TICKS.get(train.schema.time_unit, TICKS["d"])
    if not train.calendar or step > day:
        name = "constant"
    elif step == day:
        name = "weekday"
    else:
        name = "hour"
    found = seasonal(name, types=types, day=day, calendar=train.calendar, step=step)
    return replace(found, factors=np.ones((len(found.factors), 1)))


def _events(
    data: Sequences, types: NDArray[np.int64], ties: jitter.Ties, streams: Streams
) -> tuple[Events, NDArray[np.int64]]:
    """Rows as events from the first, which is given, to the last of each entity; and the entity of each."""
    rows = np.flatnonzero(np.isfinite(data.time))
    rows = rows[np.lexsort((data.time[rows], data.entity_of_row[rows]))]
    entity, time, types = data.entity_of_row[rows], data.time[rows], types[rows]
    offsets = np.searchsorted(entity, np.arange(data.n_entities + 1))
    if ties.keep:
        lead = np.ones(len(time), np.bool_)
        lead[1:] = (np.diff(time) > 0) | (np.diff(entity) > 0)
        entity, time, types = entity[lead], time[lead], types[lead]
        offsets = np.searchsorted(entity, np.arange(data.n_entities + 1))
    else:
        time = jitter.spread(ties, offsets, time, streams)
        order = np.lexsort((time, entity))  # rows may stand nearer to each other than those of train
        time, types = time[order], types[order]
    has = np.diff(offsets) > 0
    start, end = np.zeros(len(has)), np.zeros(len(has))
    start[has], end[has] = time[offsets[:-1][has]], time[offsets[1:][has] - 1]
    given = has.astype(np.int64)
    return Events(offsets, time, types.astype(np.int64), start, end, given=given), entity


def _part(
    label: str,
    name: str | None,
    grid: Grid,
    sides: tuple[Sequences, ...],
    seen: list[_Seen],
    chosen: list[NDArray[np.bool_]],
    weight: float,
) -> Part:
    values = [(s.together if name is None else s.own)[c] for s, c in zip(seen, chosen, strict=True)]
    entities = [s.entity[c] for s, c in zip(seen, chosen, strict=True)]
    tables = tuple(
        Counts(e, grid.cells(v), d.n_entities, grid.size)
        for e, v, d in zip(entities, values, sides, strict=True)
    )
    told = partial(_say, name, grid) if len(np.unique(entities[0])) >= CELL else _untold
    return Part(label, tables, bounded(grid), told, weight, {"seen": seen})


def _untold(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Of fewer than ten real entities nothing is told."""
    return ""


def _say(name: str | None, grid: Grid, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    what = "row" if name is None else f"row “{name}”"
    if not second.sum():
        return f"No {what} follows another one in synthetic data."
    edge, real, made = grid.widest(first, second)
    return (
        f"The next {what} comes by the time at which a process fitted to train expects {share(edge)} of them in "
        f"{share(real)} of real cases, in {share(made)} of synthetic ones."
    )


def _neighbours(seen: _Seen, grid: Grid, n_entities: int) -> Counts:
    later = np.flatnonzero(np.diff(seen.entity) == 0) + 1
    score = grid.normal(seen.together)
    return pair_sums(seen.entity[later], n_entities, score[later - 1], score[later])


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(correlation(first) - correlation(second)) / 2


def _say_neighbours(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = number(float(correlation(first))), number(float(correlation(second)))
    return (
        "Once the fitted process is taken out, a gap goes with the next of its entity with a correlation of "
        f"{real} in real data, {made} in synthetic data."
    )
