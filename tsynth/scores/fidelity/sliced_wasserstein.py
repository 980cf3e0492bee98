"""Are whole sequences, all columns together, spread as real ones are?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.transport import moved_mass
from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import CannotSay, Detail, Score
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries
from tsynth.scores.times import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SlicedWasserstein"]

DIRECTIONS, POINTS, LEVELS, MOST = 64, 8, 4, 2_000
"""Directions, rows that stand for a path, levels of a category that have a coordinate, and entities of a side."""
SHOWN = 8


@dataclass
class _Seen:
    """Both sides in every direction: the order of all entities, and the steps from each to the next."""

    order: NDArray[np.int64]  # (directions, 2n), reference first
    steps: NDArray[np.float64]  # (directions, 2n - 1)
    scale: NDArray[np.float64]  # (directions,), mean distance of two real entities
    along: NDArray[np.float64]  # (2n, directions)
    n: int
    summaries: tuple[Features, Features]
    gaps: NDArray[np.float64]  # gap of each summary


class SlicedWasserstein(Score):
    """Sliced Wasserstein distance between entities, each one point: its summaries and its path.

    The point of an entity holds the summaries that the classifier of entities sees (length, times, statistics of each
    column, statics) and its values at eight rows spread evenly from the first to the last, with the time before
    each; numbers as normal scores of the training entities, categories as indicators, half the weight on summaries
    and half on paths. The distance is the mean over 64 random directions of the 1-Wasserstein distance along them,
    as a share of the mean distance of two real entities there: at 0.1 entities have to be moved by a tenth
    of how far real ones lie apart. It is clipped at 1. Even real entities, being few, lie some way
    apart: compare with the floor.

    References
    ----------
    .. [1] Rabin, Peyré, Delon, Bernot (2011), "Wasserstein barycenter and its application to texture mixing", SSVM,
       sec. 2.2: the mean over directions.
    .. [2] Bonneel, Rabin, Peyré, Pfister (2015), "Sliced and Radon Wasserstein barycenters of measures", Journal of
       Mathematical Imaging and Vision 51, sec. 3.

    Examples
    --------
    >>> SlicedWasserstein.question
    'Are whole sequences, all columns together, spread as real ones are?'
    """

    name, title = "sliced_wasserstein", "Whole sequences"
    question = "Are whole sequences, all columns together, spread as real ones are?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "what happens between the rows that stand for a path",
        "the order of gaps",
        "a fault that shows in a few entities only",
    )

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Seen:
        """Entities as points, sorted along each direction."""
        measure = ruler(train)
        if "whole sequences" not in measure.kept:
            measure.kept["whole sequences"] = _Measure(measure)
        points: _Measure = measure.kept["whole sequences"]
        sides = [d.take(np.arange(min(d.n_entities, MOST))) for d in (reference, candidate)]
        found = [points.of(d) for d in sides]
        if not found[0][0].shape[1]:
            raise CannotSay("nothing about the entities varies")
        both = np.concatenate([p for p, _ in found])
        directions = Streams(streams.seed, (*streams.path, "directions"), range(DIRECTIONS))
        toward = directions.normal(both.shape[1])
        along = both @ (toward / np.linalg.norm(toward, axis=1, keepdims=True)).T
        n = len(found[0][0])
        order, steps, scale = _sorted(along, n)
        seen = _Seen(order, steps, scale, along, n, (found[0][1], found[1][1]), np.empty(0))
        each = _sorted(both[:, : len(points.names)] * np.sqrt(points.size), n)[:2]
        usual = np.full(len(points.names), 2 / np.sqrt(np.pi))  # mean distance of two normal numbers
        seen.gaps = _moved(*each, usual, np.ones((1, n)), np.ones((1, len(both) - n)))[:, 0]
        return seen

    def values(
        self,
        prepared: _Seen,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The gap under many weights at once."""
        others = len(prepared.along) - prepared.n
        weights = reference_weights[:, : prepared.n], candidate_weights[:, :others]
        gaps = _moved(prepared.order, prepared.steps, prepared.scale, *weights)
        return np.minimum(gaps.mean(axis=0), 1)

    def value(
        self,
        prepared: _Seen,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """Mean distance over the directions."""
        return float(self.values(prepared, reference_weights[None], candidate_weights[None])[0])

    def details(self, prepared: _Seen) -> list[Detail]:
        """The summaries that lie furthest apart, each by itself."""
        real, made = prepared.summaries
        names = real.names
        found = []
        for at in np.argsort(-prepared.gaps, kind="stable"):
            name = names[at]
            told = _told(real, made, name)
            found.append(Detail(name, float(min(prepared.gaps[at], 1)), None, f"{name}: {told}."))
        return found

    def curve(self, prepared: _Seen) -> dict[str, Any]:
        """The direction in which the sides differ most, and the summaries that do."""
        n, found = prepared.n, self.details(prepared)[:SHOWN]
        ones = np.ones((1, n)), np.ones((1, len(prepared.along) - n))
        worst = int(np.argmax(_moved(prepared.order, prepared.steps, prepared.scale, *ones)[:, 0]))
        along = prepared.along[:, worst]
        cells = histogram((along[:n], np.arange(n)), along[n:], 16)
        shown = []
        if cells:
            title = "Entities along the direction, of those asked, in which the sides differ most"
            shown.append({"kind": "histogram", "title": title, **cells})
        if found:
            shown.append(
                {
                    "kind": "ranking",
                    "title": "Summaries of entities that lie furthest apart, each by itself",
                    "names": [d.label for d in found],
                    "values": [d.value for d in found],
                    "label": "distance of normal scores, as a share of that of two random ones",
                }
            )
        return {"pictures": shown} if shown else {}


class _Measure:
    """Grids of the training entities' summaries, and how an entity becomes a point."""

    def __init__(self, measure: Ruler) -> None:
        self.ruler = measure
        few = measure.train.take(np.arange(min(measure.train.n_entities, 2 * MOST)))
        self.summaries = entity_summaries(measure, few)
        values = self.summaries.values
        known = [
            j for j in range(values.shape[1]) if len(np.unique(values[np.isfinite(values[:, j]), j])) > 1
        ]
        self.names = [self.summaries.names[j] for j in known]
        self.grids = [Grid.learn(values[:, j]) for j in known]
        self.gaps = Grid.learn(between(few)) if measure.schema.time is not None else None
        # places among levels are no numbers, unless there are two beside "other" and "null"
        self.categories = [j for j, n in enumerate(self.names) if len(self.summaries.levels.get(n, ())) > 4]
        self.size = len(known) + LEVELS * len(self.categories)  # coordinates of a point that are summaries

    def of(self, data: Sequences) -> tuple[NDArray[np.float64], Features]:
        """Points, (entities, coordinates), and the summaries behind the first coordinates."""
        made = aligned_features(self.summaries, entity_summaries(self.ruler, data))[1]
        kept = made.values[:, [made.names.index(n) for n in self.names]]
        scores = [np.nan_to_num(g.normal(kept[:, j])) for j, g in enumerate(self.grids)]
        levels = [(kept[:, j] == k).astype(np.float64) for j in self.categories for k in range(LEVELS)]
        path = self._path(data)
        first = np.column_stack([*scores, *levels]) if scores else np.empty((data.n_entities, 0))
        half = [part / np.sqrt(max(part.shape[1], 1)) for part in (first, path)]
        return np.column_stack(half), Features(kept, self.names, made.levels, made.said)

    def _path(self, data: Sequences) -> NDArray[np.float64]:
        """Values at rows spread evenly over each entity; 0, the middle, where null or where an entity has no rows."""
        found: list[NDArray[np.float64]] = []
        last = np.maximum(data.lengths - 1, 0)[:, None]
        at = data.offsets[:-1][:, None] + np.round(np.linspace(0, 1, POINTS) * last).astype(np.int64)
        at, has = np.minimum(at, max(data.n_rows - 1, 0)), (data.lengths > 0)[:, None]
        for column in self.ruler.varied:
            if column.static:
                continue
            if column.discrete:
                cells = self.ruler.discrete(data, column.name)
                found += [
                    (cells == k).astype(np.float64)
                    for k in range(min(len(self.ruler.levels(column.name)), LEVELS))
                ]
            else:
                found.append(self.ruler.grid(column.name).normal(data.numeric(column.name)))
        if self.gaps is not None:
            found.append(self.gaps.normal(between(data)))
        if not found or not data.n_rows:
            return np.zeros((data.n_entities, POINTS * len(found)))
        return np.column_stack([np.where(has, np.nan_to_num(values)[at], 0.0) for values in found])


def _told(real: Features, made: Features, name: str) -> str:
    """Where a summary differs: in its median, else in its mean, else where the largest tenth of it begins."""
    if name in real.levels:
        usual = [(real.middle(name), made.middle(name), "most often")]
    else:
        known = [side.values[:, side.names.index(name)] for side in (real, made)]
        known = [values[np.isfinite(values)] for values in known]
        usual = []
        if all(map(len, known)):
            for how, say in (
                (np.median, "in the median"),
                (np.mean, "on average"),
                (_high, "at the upper tenth"),
            ):
                a, b = (real.say(name, float(how(values))) for values in known)
                usual.append((a, b, say))
    for a, b, say in usual:
        if a != b:
            return f"{a} {say} of real entities, {b} of synthetic ones"
    return "alike in the middle of real and of synthetic entities, but not spread alike"


def _high(values: NDArray[np.float64]) -> float:
    return float(np.quantile(values, 0.9))


def _sorted(
    along: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Order along each direction, steps to the next, and the mean distance of two of the first n."""
    order = np.argsort(along, axis=0, kind="stable")
    steps = np.diff(np.take_along_axis(along, order, 0), axis=0)
    real = np.sort(along[:n], axis=0)
    ranks = 2 * np.arange(1, n + 1) - n - 1.0
    scale = 2 * (ranks @ real) / max(n * (n - 1), 1)
    return np.ascontiguousarray(order.T, dtype=np.int64), np.ascontiguousarray(steps.T), scale


def _moved(
    order: NDArray[np.int64],
    steps: NDArray[np.float64],
    scale: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> NDArray[np.float64]:
    """1-Wasserstein distance along each direction as a share of its scale, (directions, B)."""
    mass = [w / np.maximum(w.sum(axis=1, keepdims=True), 1e-12) for w in (first, second)]
    out = moved_mass(order, steps, np.ascontiguousarray(np.concatenate([mass[0], -mass[1]], axis=1).T))
    known = scale[:, None] > 1e-9
    return np.where(known, out / np.where(known, scale[:, None], 1), (out > 1e-9).astype(np.float64))
