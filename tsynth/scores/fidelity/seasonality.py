"""Do values follow season and trend as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.clock import TICKS
from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.lagged import standardised
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import PROFILES, Days
from tsynth.scores.weights import Counts, shares
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Seasonality"]

PHASES = ("hour", "weekday", "month")
LONGEST, PEAK, FIFTHS, SHORTEST, COLUMNS, SHOWN = 60, 0.2, 5, 8, 8, 6
PLACES = ("first fifth", "second fifth", "third fifth", "fourth fifth", "last fifth")


class Seasonality(PartsScore):
    """Root mean square gap between numbers by hour, weekday and month, by place in the season and in the sequence.

    Profiles: means by phase of the values, in standard deviations from the mean of their entity (normal scores less
    its level where half of the sequences have fewer than 8 rows); their mean difference, at most 1, is the gap. Phases
    are calendar parts where time is a date, places in a period where it is a regular number, and fifths of the
    sequence. The period is that of the training rows: the lag of at least 3 at which the changes of the column are
    most alike, where their correlation is .2 or more. Strengths: the share of an entity's variance that a straight
    line (with its sign) or the period explains, the 1-Wasserstein distance of their ranks among the training entities,
    so that seasons and trends are seen that start at any phase or go either way.

    References
    ----------
    .. [1] Wang, Smith, Hyndman (2006), "Characteristic-based clustering for time series data", Data Mining and
       Knowledge Discovery 13, sec. 3.1: strength of trend and season.

    Examples
    --------
    >>> Seasonality.question
    'Do values follow season and trend as they really do?'
    """

    name, title = "seasonality", "Season and trend of values"
    question = "Do values follow season and trend as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "numbers of rows by season",
        "a second period beside the strongest",
        "holidays",
        "trends that turn",
    )

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Root mean square over the parts, so that one wrong season among many is seen."""
        return np.sqrt(np.average(np.square(gaps), axis=0, weights=weights))

    def nothing(self) -> str:
        """Sequences too short and no dates."""
        return f"time is not a date, and few sequences have {SHORTEST} rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Profiles and strengths of each numeric column."""
        names = [c.name for c in ruler.varied if c.numeric and not c.static and c.kind != "datetime"]
        if not names:
            raise DoesNotApply("no number varies over time")
        sides = (reference, candidate)
        phases = {n: [Days.of(d).profiles[n] for d in sides] for n in _calendar(ruler)}
        short = bool(np.median(ruler.train.lengths) < SHORTEST)
        unit = "block of rows" if ruler.blocks else "sequence"
        found = []
        for name in names[:COLUMNS]:
            scores = [_centred(ruler, d, name, short) for d in (ruler.train, *sides)]
            centred = scores[1:]
            for phase, cells in phases.items():
                found.append(_profile(name, phase, list(PROFILES[phase]), sides, centred, cells))
            if short:
                continue
            cells = [np.minimum(d.step_of_row * FIFTHS // _long(d), FIFTHS - 1) for d in sides]
            cells = [np.where(_long(d) >= SHORTEST, c, -1) for d, c in zip(sides, cells, strict=True)]
            found.append(_profile(name, f"place in a {unit}", list(PLACES), sides, centred, cells))
            found += _strength(name, "trend", 0, unit, (ruler.train, *sides), scores)
            period = _period(ruler.train, scores[0])
            if period is None:
                continue
            found += _strength(name, "season", period, unit, (ruler.train, *sides), scores)
            if _aligned(ruler):
                step = float(ruler.schema.frequency or 1)
                cells = [np.rint(np.nan_to_num(d.time) / step).astype(np.int64) % period for d in sides]
                labels = [str(k) for k in range(period)]
                found.append(_profile(name, f"step modulo {period}", labels, sides, centred, cells))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The worst profiles."""
        pictures = []
        profiles = [p for p in prepared.parts if "labels" in p.extra]
        for part in sorted(profiles, key=lambda p: (-p.gap(), p.label))[:SHOWN]:
            real, made = (_means(c.total()) for c in part.counts)
            enough = part.reference.entities()[: len(real)] >= CELL
            shown = [float(m) if ok and np.isfinite(m) else None for m, ok in zip(real, enough, strict=True)]
            pictures.append(
                {
                    "kind": "bars",
                    "title": part.label,
                    "levels": part.extra["labels"],
                    "real": shown,
                    "synthetic": [float(m) if np.isfinite(m) else None for m in made],
                    "shares": False,
                    "caption": "Mean of the values, in standard deviations from the mean of the sequence.",
                }
            )
        return {"pictures": pictures}


# -- phases


def _calendar(ruler: Ruler) -> list[str]:
    """Calendar parts that tell rows apart; months only where train spans a year."""
    if not ruler.train.calendar:
        return []
    days, year = (
        Days.of(ruler.train).profiles,
        365 * TICKS["d"] / TICKS.get(ruler.schema.time_unit, TICKS["d"]),
    )
    long = bool(np.ptp(ruler.train.time) >= year)
    months = (ruler.schema.frequency or "")[:1] in tuple("MQY")  # such steps fall on any weekday by chance
    asked = PHASES[-1:] if months else PHASES
    return [n for n in asked if len(np.unique(days[n])) > 1 and (n != "month" or long)]


def _aligned(ruler: Ruler) -> bool:
    """Whether time is a number of regular steps, so that a step modulo the period means something."""
    schema = ruler.schema
    if ruler.train.calendar or (schema.time is None and ruler.blocks):
        return False
    return (
        bool(schema.frequency)
        and str(schema.frequency).replace(".", "", 1).isdigit()
        and float(schema.frequency or 0) > 0
    )


def _period(train: Sequences, scores: NDArray[np.float64]) -> int | None:
    """The shortest lag of 3 or more at which changes are about as alike as they ever are; None where hardly so."""
    most = int(min(LONGEST, np.median(train.lengths) // 3))
    changes = np.append(np.nan, np.diff(scores))
    changes[train.step_of_row == 0] = np.nan
    known, changes = np.isfinite(changes), np.nan_to_num(changes)
    whole = float((changes**2).sum() / max(known.sum(), 1))
    alike = []
    for lag in range(3, most + 1):
        inside = (train.step_of_row[lag:] > lag) & known[lag:] & known[:-lag]
        product = float((changes[lag:] * changes[:-lag])[inside].sum())
        alike.append(product / max(int(inside.sum()), 1) / max(whole, 1e-300))
    if not alike or max(alike) < PEAK:
        return None
    return 3 + int(np.flatnonzero(np.array(alike) >= 0.8 * max(alike))[0])


def _long(data: Sequences) -> NDArray[np.int64]:
    return data.lengths[data.entity_of_row]


def _centred(ruler: Ruler, data: Sequences, name: str, short: bool) -> NDArray[np.float64]:
    """Values in standard deviations from the mean of their entity; where sequences are short, normal scores less the
    level of their entity, which a few rows say only in part.
    """
    if not short:
        return standardised(data, data.numeric(name))
    values = ruler.grid(name).normal(data.numeric(name))
    known = np.isfinite(values)
    held = np.bincount(data.entity_of_row, known, data.n_entities)
    total = np.bincount(data.entity_of_row, np.where(known, values, 0), data.n_entities)
    out: NDArray[np.float64] = values - (total / (held + 2))[data.entity_of_row]
    return out


# -- profiles


def _profile(
    name: str,
    phase: str,
    labels: list[str],
    sides: tuple[Sequences, ...],
    values: list[NDArray[np.float64]],
    cells: list[NDArray[np.int64]],
) -> Part:
    size = len(labels)
    tables = []
    for data, value, cell in zip(sides, values, cells, strict=True):
        kept = np.isfinite(value) & (cell >= 0)
        entity, cell, value = data.entity_of_row[kept], cell[kept], value[kept]
        both = np.r_[entity, entity], np.r_[cell, cell + size], np.r_[np.ones(len(value)), value]
        tables.append(Counts(both[0], both[1], data.n_entities, 2 * size, both[2]))
    say = partial(_say_profile, name, phase, labels, tables[0].entities()[:size])
    return Part(f"{name} by {phase}", tuple(tables), _apart, say, extra={"labels": labels})


def _means(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    n, total = np.split(totals, 2, axis=-1)
    return np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)


def _profiles(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Both profiles about their means over the phases that both sides hold, and the weights of the phases."""
    size = first.shape[-1] // 2
    weight = shares(np.minimum(shares(first[..., :size]), shares(second[..., :size])))
    a, b = (np.where(weight > 0, _means(t), 0.0) for t in (first, second))
    a, b = (m - (weight * m).sum(axis=-1, keepdims=True) for m in (a, b))
    return a, b, weight


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, weight = _profiles(first, second)
    return np.minimum((weight * np.abs(a - b)).sum(axis=-1), 1.0)


def _say_profile(
    name: str,
    phase: str,
    labels: list[str],
    entities: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    real, made, weight = _profiles(first, second)
    apart = np.where((weight > 0) & (entities >= CELL), np.abs(real - made), -1)
    at = int(np.argmax(apart))
    if apart[at] <= 0:
        return ""
    when = {
        "hour": f"between {labels[at]}:00 and {at + 1:02d}:00",
        "weekday": f"on a {labels[at]}",
        "month": f"in {labels[at]}",
    }.get(phase, f"at step {labels[at]} of {len(labels)}")
    if phase.startswith("place"):
        when = f"in the {labels[at]} of {phase.removeprefix('place in ')}"
    return f"{name} lies {_above(real[at])} its mean {when} in real data, {_above(made[at])} it in synthetic data."


def _above(value: float) -> str:
    return f"{number(abs(value))} standard deviations {'above' if value >= 0 else 'below'}"


# -- strengths


def _strength(
    name: str,
    what: str,
    period: int,
    unit: str,
    sides: tuple[Sequences, ...],
    scores: list[NDArray[np.float64]],
) -> list[Part]:
    explained = [_explained(d, v, period) for d, v in zip(sides, scores, strict=True)]
    if np.isfinite(explained[0]).sum() < 2 or not np.isfinite(explained[1]).any():
        return []
    grid = Grid.learn(explained[0])
    tables = tuple(
        Counts(np.arange(len(e)), np.where(np.isfinite(e), grid.cells(e), -1), len(e), grid.size)
        for e in explained[1:]
    )

    known = [e[np.isfinite(e)] for e in explained[1:]]
    say = partial(_say_strength, name, what, period, unit, known)
    return [Part(f"{what} of {name}", tables, lambda a, b: grid.distance(a, b) / 2, say)]


def _say_strength(
    name: str,
    what: str,
    period: int,
    unit: str,
    explained: list[NDArray[np.float64]],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    if not second.sum():
        return f"No synthetic {unit} is long enough for a {what} of {name}."
    real, made = (float(np.abs(e).mean() if what == "trend" else max(e.mean(), 0.0)) for e in explained)
    by = "straight line" if what == "trend" else f"period of {period} rows"
    said = (
        f"A {by} explains {share(real)} of the variance of {name} inside a {unit} in real data, "
        f"{share(made)} in synthetic data"
    )
    if what == "season":
        return said + "."
    up = [share(float((e > 0).mean())) for e in explained]
    return said + f"; {name} rises in {up[0]} of the real ones, in {up[1]} of the synthetic ones."


def _explained(data: Sequences, values: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """Share of the variance of each entity that a line explains (period 0; negative where it falls), or the phase
    after the line is taken away, adjusted for the number of phases; NaN where rows are few.
    """
    known = np.isfinite(values)
    at = data.entity_of_row[known]
    x, y = data.step_of_row[known].astype(np.float64), values[known]
    n = np.bincount(at, minlength=data.n_entities).astype(np.float64)

    def centre(v: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = v - (np.bincount(at, v, data.n_entities) / np.maximum(n, 1))[at]
        return out

    x, y = centre(x), centre(y)
    xx, xy, yy = (np.bincount(at, v, data.n_entities) for v in (x * x, x * y, y * y))
    slope = xy / np.maximum(xx, 1e-12)
    line = np.sign(slope) * xy**2 / np.maximum(xx * yy, 1e-12)
    if not period:
        return np.where((n >= SHORTEST) & (yy > 1e-9), line, np.nan)
    y = y - slope[at] * x
    rest = np.bincount(at, y * y, data.n_entities)
    cell = at * period + data.step_of_row[known] % period
    size = data.n_entities * period
    held = np.bincount(cell, minlength=size)
    total = np.bincount(cell, y, size)
    between = (total**2 / np.maximum(held, 1)).reshape(-1, period).sum(axis=1)
    left = (1 - between / np.maximum(rest, 1e-12)) * (n - 1) / np.maximum(n - period, 1)
    return np.where((n >= 2 * period) & (rest > 1e-9), 1 - left, np.nan)
