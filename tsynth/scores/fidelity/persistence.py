"""Do entities keep traits of their own as real ones do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.moments import between_share, correlation, group_sums, pair_sums
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import between, irregular
from tsynth.scores.words import number, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Persistence"]

LEVELS, HALF, SHOWN = 4, 2, 12
"""Levels of a category that are a trait each, values in a half of an entity at least, and bars shown."""


class Persistence(PartsScore):
    """Mean gap between how far entities differ from each other, and how far they stay as they were.

    A trait is a numeric column, the time between rows, or whether a row is of one of the four most frequent levels
    of a category; numbers are taken as normal scores. Two questions are put to each: what share of its variance
    lies between entities (the intraclass correlation), and how its mean over the first half of an entity's rows
    goes with its mean over the second half (half the difference of the correlations). Where every entity is the
    average entity, or rows are mixed between entities, the share is too small; where entities are caricatures, or
    copies of a few, it is too large.

    References
    ----------
    .. [1] Shrout, Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability", Psychological
       Bulletin 86: ICC(1, 1), for groups of unequal size with the n0 of Donner (1986), "A review of inference
       procedures for the intraclass correlation coefficient", International Statistical Review 54, sec. 2.

    Examples
    --------
    >>> Persistence.question
    'Do entities keep traits of their own as real ones do?'
    """

    name, title = "persistence", "Traits of entities"
    question = "Do entities keep traits of their own as real ones do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "traits that go together",
        "differences that one summary of a column does not show, such as its spread",
        "what statics have to do with traits",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Blocks of time have no traits."""
        if Ruler(train).blocks:
            return "there are too few entities, so they were compared by blocks of time, which have no traits"
        if train.schema.entity is None:
            return "the data are one sequence"
        return None

    def nothing(self) -> str:
        """No column, or no second row."""
        return "no column varies, or no entity has two rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Two parts a trait."""
        if not all((d.lengths > 1).any() for d in (ruler.train, reference, candidate)):
            return []
        sides = (reference, candidate)
        halves = [_halves(d) for d in sides]
        found = []
        for label, weight, values in _traits(ruler, sides):
            n = [d.n_entities for d in sides]
            tables = tuple(
                group_sums(d.entity_of_row, k, v) for d, k, v in zip(sides, n, values, strict=True)
            )
            if tables[0].total()[1] > tables[0].total()[0]:  # some entity has two values
                found.append(Part(f"{label} by entity", tables, _apart, partial(_say_share, label), weight))
            means = [_half_means(d, h, v) for d, h, v in zip(sides, halves, values, strict=True)]
            enough = [int(np.isfinite(first + second).sum()) for first, second in means]
            if min(enough) >= 2 * CELL:
                pairs = tuple(pair_sums(np.arange(k), k, *both) for k, both in zip(n, means, strict=True))
                say = partial(_say_halves, label)
                found.append(Part(f"{label} in halves", pairs, _half_apart, say, weight))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Share of variance between entities by trait."""
        ranked = sorted(prepared.parts, key=lambda p: (-p.gap(), p.label))
        shown = [p for p in ranked if p.distance is _apart and p.reference.total()[0] >= CELL][:SHOWN]
        if not shown:
            return {}
        real, made = ([float(between_share(p.counts[k].total())) for p in shown] for k in (0, 1))
        title = "Share of the variance that lies between entities"
        levels = [p.label.removesuffix(" by entity") for p in shown]
        bars = {"levels": levels, "real": real, "synthetic": made, "shares": False}
        return {"pictures": [{"kind": "bars", "title": title, **bars}]}


def _traits(ruler: Ruler, sides: tuple[Sequences, ...]) -> list[tuple[str, float, list[NDArray[np.float64]]]]:
    found = []
    for column in ruler.varied:
        if column.static:
            continue
        if not column.discrete:
            grid = ruler.grid(column.name)
            found.append((column.name, 1.0, [grid.normal(d.numeric(column.name)) for d in sides]))
            continue
        levels = ruler.level_names(column.name)[:-2][:LEVELS]
        cells = [ruler.discrete(d, column.name) for d in sides]
        if len(ruler.levels(column.name)) == 2 and not any((c == 3).any() for c in cells):
            levels = levels[:1]  # the other level is its mirror
        for at, level in enumerate(levels):
            values = [(c == at).astype(np.float64) for c in cells]
            found.append((f"{column.name} {level}", 1 / len(levels), values))
    if irregular(ruler.train):
        grid = Grid.learn(between(ruler.train))
        found.append(("time between rows", 1.0, [grid.normal(between(d)) for d in sides]))
    return found


def _halves(data: Sequences) -> NDArray[np.int64]:
    """0 in the first half of an entity's rows, 1 in the second; a middle row is in the second."""
    return (2 * data.step_of_row >= data.lengths[data.entity_of_row] - 1).astype(np.int64)


def _half_means(
    data: Sequences, half: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = np.isfinite(values)
    place = (2 * data.entity_of_row + half)[known]
    count = np.bincount(place, minlength=2 * data.n_entities)
    total = np.bincount(place, values[known], 2 * data.n_entities)
    mean = np.where(count >= HALF, total / np.maximum(count, 1), np.nan).reshape(-1, 2)
    return mean[:, 0], mean[:, 1]


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(between_share(first) - between_share(second))


def _half_apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(correlation(first) - correlation(second)) / 2


def _say_share(label: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    if first[0] < CELL:
        return ""
    real, made = float(between_share(first)), float(between_share(second))
    both = f"{share(real)} of the variance in real data, {share(made)} in synthetic data"
    return f"Differences between entities make up, for {label}, {both}."


def _say_halves(label: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    if first[0] < CELL:
        return ""
    real, made = number(float(correlation(first))), number(float(correlation(second)))
    return (
        f"The mean of {label} in the first half of an entity goes with that in its second half with a correlation "
        f"of {real} in real data, {made} in synthetic data."
    )
