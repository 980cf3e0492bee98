"""What attacks work with: targets of known membership, and all sides as points whose scale favours no target.

Members are a sample of the training entities. An attacker who compares the synthetic data with the population needs
real entities that are neither members nor strangers: so half of the reference serves him as population, and the other
half are the strangers. Given the synthetic data and the population, members and strangers are then alike to him unless
the generator has leaked, and every attack is right in half of the pairs on average. Scales are ranks among all points
together, members and strangers alike, for the same reason: the grid of the training rows would know its members.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import CannotSay
from tsynth.scores.ruler import OTHER_TIME, Ruler, ruler
from tsynth.scores.summaries import Features, aligned_features, entity_summaries
from tsynth.scores.times import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Field", "Points", "cannot_attack", "neighbours", "normal_scores", "summaries", "train_summaries"]

KNOWN, TARGETS = 10_000, 2_000
"""Training entities that are looked at, and targets of a kind that are attacked."""
ROWS, COLUMNS, LEVELS = 12, 12, 5
"""Rows from the start, columns and levels of a category that make up `Field.first_rows`."""
FIELDS, CHUNK = 16, 1_000_000
NEAR = 5


def cannot_attack(train: Sequences) -> str | None:
    """Why no attack on entities can be judged, a clause; None where it can."""
    if Ruler(train).blocks:
        return "there are too few entities to attack, or the same ones stand on both sides"
    if any(note.code == OTHER_TIME for note in train.notes):
        return "the holdout lies in another time than train, so it is no population to tell members from"
    return None


def normal_scores(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column as normal quantiles of its ranks, ties in the middle; what is unknown lies in the middle."""
    known = np.isfinite(points)
    ranks = rankdata(
        np.where(known, points, np.inf), axis=0
    )  # unknown ones come last, so ranks of others stay
    count = np.maximum(known.sum(axis=0), 1)
    places = np.clip((ranks - 0.5) / count, 0.005, 0.995)
    return np.where(known, ndtri(places), 0.0)


def neighbours(
    asked: NDArray[np.float64], among: NDArray[np.float64], k: int = 1, *, itself: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Euclidean distances to the k nearest, (n, k) from near to far, and who they are.

    With `itself` row i of `asked` is row i of `among` and no neighbour of its own. Where there are fewer than k the
    last is repeated.
    """
    count = len(among) - int(itself)
    near = min(k, count)
    found = np.zeros((len(asked), near), np.int64)
    norms = (among**2).sum(axis=1)
    step = max(CHUNK // max(len(among), 1), 1)
    with threadpool_limits(limits=1):
        for start in range(0, len(asked), step):
            part = asked[start : start + step]
            apart = norms - 2 * (part @ among.T)  # + |part|^2, the same for all of a row
            if itself:
                apart[np.arange(len(part)), start + np.arange(len(part))] = np.inf
            found[start : start + step] = (
                apart.argmin(axis=1)[:, None] if near == 1 else np.argpartition(apart, near - 1)[:, :near]
            )
    distance = np.column_stack(
        [np.sqrt(((asked - among[found[:, j]]) ** 2).sum(axis=1)) for j in range(near)]
    )
    order = np.argsort(distance, axis=1, kind="stable")
    order = np.concatenate([order, np.repeat(order[:, -1:], k - near, axis=1)], axis=1)
    return np.take_along_axis(distance, order, 1), np.take_along_axis(found, order, 1)


def _fingerprint(measure: Ruler, data: Sequences) -> str:
    if "attack fingerprint" not in data._cache:
        digest = hashlib.blake2b(data.offsets.tobytes(), digest_size=16)
        digest.update(data.time.tobytes())
        for column in measure.columns:
            held = data.codes(column.name) if column.discrete else data.numeric(column.name)
            digest.update(np.ascontiguousarray(held).tobytes())
        data._cache["attack fingerprint"] = digest.hexdigest()
    found: str = data._cache["attack fingerprint"]
    return found


def _kept(measure: Ruler, key: str, make: Any, most: int) -> Any:
    """One of the last `most` things made under the first word of the key; scores are asked about the same data."""
    shelf: dict[str, Any] = measure.kept.setdefault(f"attack {key.split()[0]}", {})
    if key not in shelf:
        while len(shelf) >= most:
            del shelf[next(iter(shelf))]
        shelf[key] = make()
    return shelf[key]


def train_summaries(measure: Ruler) -> tuple[NDArray[np.int64], Features]:
    """Training entities that are looked at, and their summaries."""
    looked = np.arange(0, measure.train.n_entities, 1 + measure.train.n_entities // KNOWN)
    if "summaries" not in measure.kept:
        measure.kept["summaries"] = entity_summaries(measure, measure.train.take(looked))
    known: Features = measure.kept["summaries"]
    return looked, known


def summaries(measure: Ruler, data: Sequences) -> Features:
    """Summaries of other data, made once for all attacks."""
    key = f"summaries {_fingerprint(measure, data)}"
    found: Features = _kept(measure, key, lambda: entity_summaries(measure, data), 3 * FIELDS)
    return found


@dataclass
class Points:
    """Points of targets (members, then strangers), population and candidates."""

    targets: NDArray[np.float64]
    population: NDArray[np.float64]
    candidates: NDArray[np.float64]

    def distances(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of targets to the nearest candidates, and to the nearest of the population."""
        sides = self.candidates, self.population
        first, second = (neighbours(self.targets, side, NEAR)[0] for side in sides)
        return first, second


@dataclass
class Field:
    """Members, strangers, the population and candidates.

    Parameters
    ----------
    ruler : Ruler
    members : int64 array, (n,)
        Places of the members among the training entities.
    strangers, people : int64 arrays, (m,)
        Places of the strangers and of the population among the reference entities.
    train, reference, population, candidate : Sequences
        Members, strangers, what the attacker knows, and what he sees.
    seed : int
    kept : dict
        What attacks share beside.
    """

    ruler: Ruler
    members: NDArray[np.int64]
    strangers: NDArray[np.int64]
    people: NDArray[np.int64]
    train: Sequences
    reference: Sequences
    population: Sequences
    candidate: Sequences
    seed: int
    kept: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, train: Sequences, reference: Sequences, candidate: Sequences, seed: int) -> Field:
        """The field of these data; attacks that ask for the same one share it."""
        measure = ruler(train)
        if min(train.n_entities, reference.n_entities, candidate.n_entities) < 4:
            raise CannotSay("fewer than four entities can be attacked")
        key = f"fields {seed} {_fingerprint(measure, reference)} {_fingerprint(measure, candidate)}"

        def make() -> Field:
            looked = np.arange(0, train.n_entities, 1 + train.n_entities // KNOWN)
            members = looked[_drawn(seed, "members", len(looked), min(reference.n_entities, TARGETS))]
            mixed = _drawn(seed, "strangers", reference.n_entities, min(reference.n_entities, 2 * TARGETS))
            chosen = _drawn(seed, "population", len(mixed), len(mixed) // 2)
            people, strangers = mixed[chosen], np.delete(mixed, chosen)
            sides = train.take(members), reference.take(strangers), reference.take(people)
            return cls(measure, members, strangers, people, *sides, candidate, seed)

        found: Field = _kept(measure, key, make, FIELDS)
        return found

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Whether each target is a member: members first, then strangers."""
        return np.repeat([True, False], [len(self.members), len(self.strangers)])

    @property
    def sides(self) -> tuple[Sequences, ...]:
        """Members, strangers, population, candidate."""
        return self.train, self.reference, self.population, self.candidate

    def apart(self, points: NDArray[np.float64]) -> Points:
        """Points of all sides, one after the other, as those of targets, population and candidate."""
        ends = np.cumsum([side.n_entities for side in self.sides])[1:3]
        return Points(*np.split(points, ends))

    @cached_property
    def _features(self) -> tuple[NDArray[np.float64], list[str]]:
        looked, known = train_summaries(self.ruler)
        mine = Features(known.values[np.searchsorted(looked, self.members)], known.names)
        sides = [mine, *(entity_summaries(self.ruler, d) for d in self.sides[1:3])]
        sides.append(summaries(self.ruler, self.candidate))
        names = list(dict.fromkeys(name for side in sides for name in side.names))
        empty = Features(np.empty((0, len(names))), names)
        spread = [aligned_features(empty, side)[1].values for side in sides]
        return normal_scores(np.concatenate(spread)), names

    @property
    def names(self) -> list[str]:
        """Names of the summaries."""
        return self._features[1]

    @cached_property
    def summaries(self) -> Points:
        """Summaries as normal scores."""
        return self.apart(self._features[0])

    @cached_property
    def components(self) -> Points:
        """Principal components of the summaries, the widest first, at most 12, each of spread 1."""
        points = self._features[0]
        points = points - points.mean(axis=0)
        with threadpool_limits(limits=1):
            values, axes = np.linalg.eigh(points.T @ points / len(points))
            kept = np.flatnonzero(values > 1e-6 * max(float(values.max(initial=0.0)), 1e-300))[::-1][:12]
            made = points @ axes[:, kept] / np.sqrt(values[kept])
        return self.apart(made)

    @cached_property
    def first_rows(self) -> Points:
        """The first rows of each entity, one after the other, as normal scores."""
        return self.apart(normal_scores(np.concatenate([_first_rows(self.ruler, d) for d in self.sides])))

    @cached_property
    def near(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of the summaries of targets to the nearest candidates and of the population, (targets, 5)."""
        return self.summaries.distances()

    @cached_property
    def near_rows(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same for first rows."""
        return self.first_rows.distances()


def _drawn(seed: int, what: str, count: int, most: int) -> NDArray[np.int64]:
    order = np.argsort(Streams(seed, ("attacks", what), range(count)).uniform(), kind="stable")
    return np.sort(order[:most])


def _first_rows(measure: Ruler, data: Sequences) -> NDArray[np.float64]:
    early = data.step_of_row < ROWS
    entity, step = data.entity_of_row[early], data.step_of_row[early]
    columns: list[NDArray[np.float64]] = []
    if data.schema.time is not None:
        columns.append(between(data)[early])
    for column in measure.varied:
        if column.static or len(columns) >= COLUMNS:
            continue
        if column.discrete:
            cells = measure.discrete(data, column.name)[early]
            columns += [
                (cells == k).astype(float) for k in range(min(len(measure.levels(column.name)), LEVELS))
            ]
        else:
            columns.append(data.numeric(column.name)[early])
    out = np.full((data.n_entities, ROWS, len(columns)), np.nan)
    for j, values in enumerate(columns):
        out[entity, step, j] = values
    return out.reshape(data.n_entities, -1)
