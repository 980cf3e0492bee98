"""Does it repeat the training data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, Detail, Result, Score
from tsynth.scores.gaps import between
from tsynth.scores.ruler import OTHER_TIME, Grid, Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries
from tsynth.scores.weights import Counts
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["ExactRows", "ExactRuns", "Nearest"]

KNOWN, ASKED = 10_000, 2_000


@dataclass
class _Repeated:
    columns: list[str]
    reference: Counts
    candidate: Counts


class _Exact(Score):
    group = "privacy"
    needs_holdout = True
    run: ClassVar[int] = 1
    thing: ClassVar[str] = "rows"

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Repeated:
        """Which rows or runs stand in train."""
        measure = ruler(train)
        names = [c.name for c in measure.varied if not c.static]
        if not names:
            raise CannotSay("no column of the rows varies")
        timed = train.schema.time is not None and (self.run > 1 or len(names) < 2)
        if f"hashes {self.run}" not in measure.kept:
            measure.kept[f"hashes {self.run}"] = np.unique(_hashes(train, names, self.run, timed)[0])
        known = measure.kept[f"hashes {self.run}"]
        tables = []
        for data in (reference, candidate):
            hashes, entity = _hashes(data, names, self.run, timed)
            if not len(hashes):
                raise CannotSay(f"no entity has {self.run} rows")
            tables.append(Counts(entity, np.isin(hashes, known).astype(np.int64), data.n_entities, 2))
        return _Repeated([*names, *(["time since the row before"] if timed else [])], *tables)

    def value(
        self,
        prepared: _Repeated,
        reference_weights: NDArray[np.float64],
        candidate_weights: NDArray[np.float64],
    ) -> float:
        """The share of the candidate."""
        fresh, repeated = prepared.candidate.total(candidate_weights)
        return float(repeated / max(fresh + repeated, 1e-300))

    def curve(self, prepared: _Repeated) -> dict[str, Any]:
        """Both shares and what was compared."""
        ones = np.ones(prepared.candidate.n_entities)
        real = prepared.reference.total()
        both = {"real": float(real[1] / max(real.sum(), 1)), "synthetic": self.value(prepared, ones, ones)}
        return {"share": both, "columns": prepared.columns}

    def verdict(self, result: Result) -> str:
        """Both shares."""
        return (
            f"{share(result.value or 0)} of the synthetic {self.thing} equal one in the training data, "
            f"{share(result.floor or 0)} of held-out real ones do by chance."
        )


class ExactRows(_Exact):
    """Share of rows that equal a training row in every column that varies, beside the share of held-out real rows.

    Time itself is not compared, so a copied row with another date counts; where fewer than two columns vary, the
    time since the row before is.

    Examples
    --------
    >>> ExactRows.question
    'Are rows copied from the training data?'
    """

    name, title, question = "exact_rows", "Copied rows", "Are rows copied from the training data?"
    cannot_see = ("copies with a small change", "copies of statics")


class ExactRuns(_Exact):
    """Share of runs of three rows that equal a run in train, with the times between them.

    Single rows of few columns repeat by chance; three in a row seldom do, and where they do the floor shows it.

    Examples
    --------
    >>> ExactRuns.question
    'Are stretches of rows copied from the training data?'
    """

    name, title = "exact_runs", "Copied runs of three rows"
    question = "Are stretches of rows copied from the training data?"
    cannot_see = ("copies with a small change", "stretches shorter than three rows")
    run = 3
    thing = "runs of three rows"


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser, which spreads every bit over the word."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hashes(
    data: Sequences, names: list[str], run: int, timed: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash a run of rows inside one entity, and its entity."""
    columns = []
    for name in names:
        discrete = data.schema[name].discrete
        columns.append(data.codes(name).astype(np.float64) if discrete else data.numeric(name))
    rows = _folded(columns, data.n_rows)
    count = max(data.n_rows - run + 1, 0)
    gaps = between(data) if timed else np.empty(0)
    hashes = np.zeros(count, np.uint64)
    for k in range(run):
        hashes = _mixed(hashes + rows[k : k + count] + np.uint64(0x9E3779B97F4A7C15))
        if timed and (k or run == 1):
            hashes = _folded([gaps[k : k + count]], count, hashes)
    first, last = data.entity_of_row[:count], data.entity_of_row[run - 1 :]
    inside = first == last[:count]
    return hashes[inside], first[inside]


def _folded(
    columns: list[NDArray[np.float64]], n: int, start: NDArray[np.uint64] | None = None
) -> NDArray[np.uint64]:
    out = np.zeros(n, np.uint64) if start is None else start
    for values in columns:
        bits = (np.where(np.isfinite(values), values, np.inf) + 0.0).view(
            np.uint64
        )  # + 0.0: no negative zero
        out = _mixed(out + bits + np.uint64(0x9E3779B97F4A7C15))
    return out


@dataclass
class _Near:
    nearer: NDArray[np.float64]
    picked: NDArray[np.int64]
    chance: float
    distances: tuple[NDArray[np.float64], NDArray[np.float64]]


class Nearest(Score):
    """Excess share of entities that lie nearest to a training entity, among all real entities.

    Distances are Euclidean between summaries, each turned into normal scores of the training entities. A real
    entity that nobody has seen lies nearest to one of train by chance as often as train is large beside the
    reference; the excess over that, as a share of what is possible, is 0 for such and 1 for copies. At most 10,000
    training entities and 2,000 of the candidate are looked at.

    References
    ----------
    .. [1] Yale et al. (2020), "Generation and evaluation of privacy preserving synthetic health data",
       Neurocomputing 416: nearest neighbours in train against those in a holdout.

    Examples
    --------
    >>> Nearest.question
    'Do sequences lie closer to the training data than to other real data?'
    """

    name, title = "nearest", "Nearest real entity"
    question = "Do sequences lie closer to the training data than to other real data?"
    group = "privacy"
    needs_holdout = True
    cannot_see = (
        "leaks that distances between summaries do not show",
        "attacks that know part of a sequence",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Nearness to another time is no sign of copying."""
        if Ruler(train).blocks:
            return "there are too few entities to tell nearness from likeness"
        if any(note.code == OTHER_TIME for note in train.notes):
            return "the holdout lies in another time than train, so nearness to train is no sign of copying"
        return None

    def prepare(
        self, train: Sequences, reference: Sequences, candidate: Sequences, streams: Streams
    ) -> _Near:
        """The nearest training and the nearest reference entity of each candidate."""
        measure = ruler(train)
        if "summaries" not in measure.kept:
            every = 1 + train.n_entities // KNOWN
            measure.kept["summaries"] = entity_summaries(
                measure, train.take(np.arange(0, train.n_entities, every))
            )
        known: Features = measure.kept["summaries"]
        picked = np.arange(0, candidate.n_entities, 1 + candidate.n_entities // ASKED)
        sides = [known, entity_summaries(measure, reference), entity_summaries(measure, candidate)]
        points = _points(measure, sides)
        asked = points[2][picked]
        to_train, to_reference = (cdist(asked, p).min(axis=1) for p in points[:2])
        chance = len(points[0]) / (len(points[0]) + len(points[1]))
        nearer = np.where(to_train < to_reference, 1.0, np.where(to_train == to_reference, chance, 0.0))
        return _Near(nearer, picked, chance, (to_train, to_reference))

    def value(
        self, prepared: _Near, reference_weights: NDArray[np.float64], candidate_weights: NDArray[np.float64]
    ) -> float:
        """The excess over chance, below 0 where fewer than by chance lie nearest to train."""
        weights = candidate_weights[prepared.picked]
        if weights.sum() <= 0:
            return 0.0
        excess = float(np.average(prepared.nearer, weights=weights)) - prepared.chance
        return excess / (1 - prepared.chance)

    def details(self, prepared: _Near) -> list[Detail]:
        """One sentence."""
        found = float(prepared.nearer.mean())
        ones = np.ones(int(prepared.picked.max()) + 1)
        sentence = (
            f"{share(found)} of synthetic entities lie nearest to a training entity, "
            f"{share(prepared.chance)} would by chance."
        )
        return [Detail("nearest real entity", self.value(prepared, ones, ones), None, sentence)]

    def curve(self, prepared: _Near) -> dict[str, Any]:
        """Distances to the nearest entity of either side."""
        both = np.concatenate(prepared.distances)
        edges = np.linspace(0, float(np.quantile(both, 0.98)) or 1.0, 25)
        shown: dict[str, Any] = {"edges": [float(e) for e in edges]}
        for name, values in zip(("train", "holdout"), prepared.distances, strict=True):
            place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
            shown[name] = [float(x) for x in np.bincount(place, minlength=len(edges) - 1) / len(values)]
        return {"share": float(prepared.nearer.mean()), "chance": prepared.chance, "distances": shown}

    def verdict(self, result: Result) -> str:
        """Share and chance."""
        c = result.curve
        return (
            f"{share(c['share'])} of the synthetic entities lie nearest to a training entity; "
            f"{share(c['chance'])} would by chance."
        )


def _points(ruler: Ruler, sides: list[Features]) -> list[NDArray[np.float64]]:
    """Summaries as normal scores of the training entities; what is unknown lies in the middle."""
    names = sides[0].names
    spread = [aligned_features(s, Features(np.empty((0, len(names))), names))[0] for s in sides]
    out = [np.empty((len(s.values), len(names))) for s in sides]
    for j, name in enumerate(names):
        grid = Grid.learn(sides[0].values[:, j])
        for made, side in zip(out, spread, strict=True):
            made[:, j] = np.nan_to_num(grid.normal(side.values[:, side.names.index(name)]))
    return out
