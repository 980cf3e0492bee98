"""Do arms and risk factors change the hazard as they really do?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay
from tsynth.scores.parts import CELL, Part, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.survival.followup import FollowUp, SurvivalScore, followup
from tsynth.scores.weights import Counts
from tsynth.scores.words import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["HazardRatio", "log_hazard_ratio"]

TIMES, LEVELS, OTHERS = 128, 15, 3
LIMIT, ROUNDS = 4.0, 12
FEWEST, STRONG = 5, 2.0
"""Real events that each side of a comparison needs, and the log-rank statistic that a risk factor needs."""
CONTROLS = frozenset("placebo control none no false 0 standard usual untreated sham".split())


@dataclass(frozen=True)
class Covariate:
    """What is compared: members of a level against the rest, or a standard deviation more of a number."""

    column: str
    level: int | None
    label: str
    sentence: str


class HazardRatio(SurvivalScore):
    """Mean gap between log hazard ratios of the arms and of the strongest risk factors, squashed to 0..1.

    Each is a Cox model of one covariate, with Breslow's ties and any event counting: an arm against the others, a
    level of a static category against the rest, or a static or first value in ranks (as a normal score, in 15
    levels), a standard deviation more. Beside the arms, at most three columns are asked, those with the strongest
    log-rank statistic in the training rows, if it is above 2. The gap is (r - 1) / (r + 1) for the larger ratio r of
    both hazard ratios: a hazard ratio of 2 that should be 1 makes .33. At most 128 times are told apart. It is not in
    the standard suite: of 13 simulated cohorts of a perfect generator 3 had an interval above 0 (docs/benchmarks.md).

    References
    ----------
    .. [1] Cox (1972), "Regression models and life-tables", JRSS B 34, eq. 12.
    .. [2] Breslow (1974), "Covariance analysis of censored survival data", Biometrics 30: ties.

    Examples
    --------
    >>> HazardRatio.question
    'Do arms and risk factors change the hazard as they really do?'
    """

    name, title = "hazard_ratio", "Hazard ratios"
    question = "Do arms and risk factors change the hazard as they really do?"
    group = "fidelity"
    standard = False
    cannot_see = (
        "effects that change over time",
        "several factors at once",
        "values after the first row",
        "one event apart from another",
        "risk factors that are none in the training rows",
    )

    def nothing(self) -> str:
        """No covariate."""
        return "no arm has 5 real events on each side, and no column changes the hazard of training entities much"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a covariate."""
        sides = [followup(ruler, d) for d in (reference, candidate)]
        if (sides[0].cause > 0).sum() < 2 * FEWEST:
            raise CannotSay("fewer than 10 real entities have an event")
        if "covariates" not in ruler.kept:
            ruler.kept["covariates"] = _covariates(ruler)
        known = np.concatenate([s.time[s.cause > 0] for s in sides])
        edges = np.unique(known)
        if len(edges) > TIMES:
            edges = np.unique(np.quantile(known, np.arange(1, TIMES + 1) / TIMES, method="inverted_cdf"))
        found = []
        for covariate in ruler.kept["covariates"]:
            places, worth = zip(*(_levels(ruler, covariate, d) for d in (reference, candidate)), strict=True)
            events = sides[0].cause > 0
            if (
                covariate.level is not None
                and min((events & (places[0] == k)).sum() for k in (0, 1)) < FEWEST
            ):
                continue
            counts = tuple(
                _table(side, edges, place, len(worth[0])) for side, place in zip(sides, places, strict=True)
            )
            view = partial(log_hazard_ratio, levels=worth[0])
            found.append(Part(covariate.label, counts, partial(_apart, view), partial(_say, covariate, view)))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """A table of both hazard ratios."""
        rows = []
        for part in prepared.parts:
            a, b = (float(np.exp(part.distance.args[0](c.total()))) for c in part.counts)  # type: ignore[attr-defined]
            rows.append([part.label, number(a), number(b)])
        columns = ["factor", "real hazard ratio", "synthetic hazard ratio"]
        return {"pictures": [{"kind": "table", "title": "Hazard ratios", "columns": columns, "rows": rows}]}


def log_hazard_ratio(totals: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maximum of Cox's partial likelihood of one covariate (Breslow), within ±4, by Newton's method.

    Parameters
    ----------
    totals : float array, (..., 2 x times x levels)
        Ends of follow-ups by time and level, censored ones, then events.
    levels : float array
        Value of the covariate at each level.
    """
    lead = totals.shape[:-1]
    ends = totals.reshape(-1, 2, totals.shape[-1] // (2 * len(levels)), len(levels))
    risk = np.cumsum(ends.sum(axis=1)[:, ::-1], axis=1)[:, ::-1]
    events = ends[:, 1]
    happened = events.sum(axis=2)
    seen = (events @ levels).sum(axis=1)
    beta = np.zeros(len(ends))
    for _ in range(ROUNDS):
        odds = np.exp(beta[:, None] * levels)
        whole = np.einsum("btl,bl->bt", risk, odds)
        safe = np.where(whole > 0, whole, 1.0)
        mean = np.einsum("btl,bl->bt", risk, odds * levels) / safe
        square = np.einsum("btl,bl->bt", risk, odds * levels**2) / safe
        slope = seen - (happened * mean).sum(axis=1)
        bend = (happened * (square - mean**2)).sum(axis=1)
        move = np.clip(np.divide(slope, bend, out=np.zeros_like(slope), where=bend > 1e-9), -1, 1)
        beta = np.clip(beta + move, -LIMIT, LIMIT)
        if np.abs(move).max(initial=0) < 1e-7:
            break
    return beta.reshape(lead)


def _table(side: FollowUp, edges: NDArray[np.float64], place: NDArray[np.int64], levels: int) -> Counts:
    """Ends by event or not, time and level. A censored entity is at risk up to the last event before its end."""
    n, times = len(side.time), len(edges)
    event, time = side.cause > 0, np.nan_to_num(side.time)
    at = np.where(event, np.searchsorted(edges, time), np.searchsorted(edges, time, side="right") - 1)
    cell = (event * times + np.clip(at, 0, times - 1)) * levels + place
    inside = (side.cause >= 0) & (place >= 0) & (at >= 0)
    return Counts(np.arange(n), np.where(inside, cell, -1), n, 2 * times * levels)


def _levels(ruler: Ruler, asked: Covariate, data: Sequences) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Level of each entity, -1 where unknown, and what the levels are worth."""
    column = ruler.schema[asked.column]
    first = data.offsets[:-1]
    has = data.lengths > 0

    def edge(values: NDArray[Any], missing: float) -> NDArray[np.float64]:
        if column.name in data.entities.column_names:
            return values.astype(np.float64)
        out = np.full(data.n_entities, missing)
        out[has] = values[first[has]]
        return out

    if asked.level is not None:
        cells = edge(ruler.discrete(data, column.name), -1.0)
        null = len(ruler.level_names(column.name)) - 1
        return np.where((cells < 0) | (cells == null), -1, cells == asked.level).astype(np.int64), np.arange(
            2.0
        )
    score = edge(ruler.grid(column.name).normal(data.numeric(column.name)), np.nan)
    worth = np.linspace(-2.6, 2.6, LEVELS)
    place = np.round((np.nan_to_num(score) + 2.6) / 5.2 * (LEVELS - 1)).astype(np.int64)
    return np.where(np.isfinite(score), np.clip(place, 0, LEVELS - 1), -1), worth


def _covariates(ruler: Ruler) -> list[Covariate]:
    """The arms, then the three strongest other columns of the training rows."""
    side = followup(ruler, ruler.train)
    edges = np.unique(side.time[side.cause > 0])[:: 1 + (side.cause > 0).sum() // TIMES]
    arms: list[tuple[float, Covariate]] = []
    others: list[tuple[float, Covariate]] = []
    from tsynth.scores.utility.tasks import telling  # which asks this room what is followed

    event = ruler.schema.roles("event")[0]
    told = telling(ruler, event) if event in ruler.varied else []
    hidden = ("event", "followup", "start", "stop", "outcome", "label")
    for column in ruler.varied:
        if (
            column.role in hidden
            or column.name in told
            or not (column.static or column.numeric)
            or column.kind == "datetime"
        ):
            continue
        best: tuple[float, Covariate] | None = None
        for covariate in _asked(ruler, column):
            place, worth = _levels(ruler, covariate, ruler.train)
            strength = _logrank(_table(side, edges, place, len(worth)).total(), worth)
            if best is None or strength > best[0]:
                best = strength, covariate
        if best is not None:
            (arms if column.role == "arm" else others).append(best)
    others.sort(key=lambda pair: -pair[0])
    return [c for _, c in arms] + [c for strength, c in others[:OTHERS] if strength > STRONG]


def _asked(ruler: Ruler, column: Any) -> list[Covariate]:
    if not column.discrete:
        when = "" if column.static else "first "
        label = f"{when}{column.name}"
        return [Covariate(column.name, None, label, f"A standard deviation more of {label} (in ranks)")]
    sizes = np.bincount(ruler.discrete(ruler.train, column.name))
    names = ruler.level_names(column.name)[:-2]
    levels = [k for k in range(len(names)) if k < len(sizes) and sizes[k] >= CELL]
    rest = "the rest"
    if len(names) == 2 and levels:
        usual = next((k for k in (0, 1) if names[k].lower() in CONTROLS), 0)
        levels, rest = [k for k in levels if k != usual], names[usual]
    labels = [f"{column.name} {names[k]}" for k in levels]
    return [
        Covariate(column.name, k, label, f"{label}, against {rest},")
        for k, label in zip(levels, labels, strict=True)
    ]


def _logrank(totals: NDArray[np.float64], levels: NDArray[np.float64]) -> float:
    """Score statistic of no effect, in standard deviations."""
    ends = totals.reshape(2, -1, len(levels))
    risk = np.cumsum(ends.sum(axis=0)[::-1], axis=0)[::-1]
    happened, whole = ends[1].sum(axis=1), np.maximum(risk.sum(axis=1), 1e-300)
    mean = risk @ levels / whole
    spread = float(happened @ (risk @ levels**2 / whole - mean**2))
    slope = float((ends[1] @ levels).sum() - happened @ mean)
    return abs(slope) / np.sqrt(spread) if spread > 1e-9 else 0.0


def _apart(view: Any, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    gap: NDArray[np.float64] = np.tanh(np.abs(view(first) - view(second)) / 2)
    return gap


def _say(covariate: Covariate, view: Any, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    real, made = (number(float(np.exp(view(t)))) for t in (first, second))
    return f"{covariate.sentence} multiplies the hazard by {real} in real, by {made} in synthetic data."
