"""What every score measures with: grids, levels and codes, learned once from the training rows.

The same grid measures synthetic, control and copied, so that their gaps can be compared. A grid decides only where
cells end; it favours no side, because shares always come from reference and candidate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.weights import shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCKS", "OTHER_TIME", "Grid", "Ruler", "ruler"]

BLOCKS = "cut_in_blocks"
"""Code of the note on sequences that the harness cut into blocks of time, each counting as an entity."""
OTHER_TIME = "holdout_in_other_time"
"""Code of the note on training rows whose holdout lies in another time, so that absolute time says nothing."""

LEVELS, ATOMS, QUANTILES, COARSE = 200, 200, 100, 5


@dataclass(frozen=True)
class Grid:
    """Cells on a line: below, at and between `edges`, each with its place in the ranking of the training values.

    Values that the training rows hold many times, or few different ones, have cells of their own.
    """

    edges: NDArray[np.float64]
    places: NDArray[np.float64]

    @classmethod
    def learn(cls, values: NDArray[np.float64]) -> Grid:
        """The grid of these values; nulls are left out."""
        values = np.sort(values[np.isfinite(values)])
        if not len(values):
            return cls(np.empty(0), np.full(1, 0.5))
        edges = np.unique(values)
        if len(edges) > ATOMS:
            edges = np.unique(values[np.linspace(0, len(values) - 1, QUANTILES + 1).astype(np.int64)])
        mass = np.bincount(_cells(edges, values), minlength=2 * len(edges) + 1) / len(values)
        return cls(edges, np.cumsum(mass) - mass / 2)

    @property
    def size(self) -> int:
        """Number of cells, the last one for nulls."""
        return len(self.places) + 1

    def cells(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cell of each value; null is the last."""
        return np.where(np.isfinite(values), _cells(self.edges, values), len(self.places))

    def ranks(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Place of each value in the ranking of the training values, 0..1; NaN where null."""
        return np.append(self.places, np.nan)[self.cells(values)]

    def normal(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal scores: the normal quantile of the rank, within ±2.6; NaN where null."""
        out: NDArray[np.float64] = ndtri(np.clip(self.ranks(values), 0.005, 0.995))
        return out

    def distance(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gap of totals over the cells (last axis): 1-Wasserstein on ranks, doubled, and the difference in nulls.

        0 is perfect; 1 is all values at one end that should be spread evenly, or null.
        """
        full = first.sum(axis=-1) > 0, second.sum(axis=-1) > 0
        nulls = shares(first)[..., -1], shares(second)[..., -1]
        a, b = first[..., :-1], second[..., :-1]
        known = (a.sum(axis=-1) > 0) & (b.sum(axis=-1) > 0)
        apart = np.abs(np.cumsum(shares(a) - shares(b), axis=-1))[..., :-1]
        moved = np.where(known, 2 * (apart @ np.diff(self.places)), 0.0)
        gap = np.abs(nulls[0] - nulls[1]) + (1 - np.maximum(*nulls)) * moved
        return np.where(full[0] & full[1], gap, np.where(full[0] != full[1], 1.0, 0.0))

    def widest(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float, float]:
        """The edge where the shares of values up to it differ most, and both shares."""
        a, b = (np.cumsum(t[:-1])[1::2] / max(t[:-1].sum(), 1e-300) for t in (first, second))
        if not len(a):
            return float("nan"), 0.0, 0.0
        at = int(np.argmax(np.abs(a - b)))
        return float(self.edges[at]), float(a[at]), float(b[at])


def _cells(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    left = np.searchsorted(edges, values, side="left")
    return (left + np.searchsorted(edges, values, side="right")).astype(np.int64)


class Ruler:
    """Grids, levels and codes of the training rows; made by `ruler`, which keeps it."""

    def __init__(self, train: Sequences) -> None:
        self.train, self.schema = train, train.schema
        self.kept: dict[str, Any] = {}

    @property
    def blocks(self) -> bool:
        """Whether entities are blocks of time."""
        return any(note.code == BLOCKS for note in self.train.notes)

    @property
    def same_time(self) -> bool:
        """Whether absolute time can be compared: a holdout of the same time, and sequences that are whole."""
        return not any(note.code in (BLOCKS, OTHER_TIME) for note in self.train.notes)

    @cached_property
    def columns(self) -> list[Column]:
        """Learned columns, dynamic first, without entity and time."""
        return [*self.schema.dynamic, *self.schema.statics]

    @cached_property
    def varied(self) -> list[Column]:
        """Those of `columns` that have two values or more in the training rows, null being one."""
        return [c for c in self.columns if self._varies(c)]

    def _varies(self, column: Column) -> bool:
        values = self.train.codes(column.name) if column.discrete else self.train.numeric(column.name)
        return len(values) > 0 and not (np.isnan(values).all() or bool((values == values[0]).all()))

    def grid(self, name: str) -> Grid:
        """The grid of a numeric column."""
        return self._once(f"grid {name}", lambda: Grid.learn(self.train.numeric(name)))

    def _once(self, key: str, make: Any) -> Any:
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    # -- levels

    def levels(self, name: str, most: int = LEVELS) -> NDArray[np.int64]:
        """Codes of the most frequent levels of a discrete column, most frequent first."""

        def make() -> NDArray[np.int64]:
            codes = self.train.codes(name)
            counts = np.bincount(codes[codes >= 0])
            found = np.argsort(-counts, kind="stable")
            return found[counts[found] > 0]

        everything: NDArray[np.int64] = self._once(f"levels {name}", make)
        return everything[:most]

    def level_names(self, name: str, most: int = LEVELS) -> list[str]:
        """Names of `levels`, then "other" and "null"."""
        column = self.schema[name]
        known = column.levels if column.levels is not None else (False, True)
        whole = _whole(known)
        return [*(_plain(known[code], whole) for code in self.levels(name, most)), "other", "null"]

    def discrete(self, data: Sequences, name: str, most: int = LEVELS) -> NDArray[np.int64]:
        """Cell of each value among `level_names`."""
        levels, codes = self.levels(name, most), data.codes(name).astype(np.int64)
        places = np.full(max(int(codes.max(initial=0)), int(levels.max(initial=0))) + 3, len(levels))
        places[levels] = np.arange(len(levels))
        places[-2:] = len(levels), len(levels) + 1  # code -2: not known, -1: null
        return places[codes]

    def cells(self, data: Sequences, name: str) -> tuple[NDArray[np.int64], int]:
        """Fine cell of each value (one a row, or an entity where static) and the number of cells, null last."""
        if self.schema[name].discrete:
            return self.discrete(data, name), len(self.levels(name)) + 2
        grid = self.grid(name)
        return grid.cells(data.numeric(name)), grid.size

    def coarse(self, data: Sequences, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """One of a few cells of each value, and what they are called, for tables of two columns."""
        if self.schema[name].discrete:
            return self.discrete(data, name, COARSE + 1), self.level_names(name, COARSE + 1)
        from tsynth.scores.words import date, number

        def make() -> NDArray[np.float64]:
            values = np.sort(self.train.numeric(name))
            values = values[: int(np.isfinite(values).sum())]
            at = (np.arange(1, COARSE) / COARSE * len(values)).astype(np.int64)
            return np.unique(values[at]) if len(values) else np.empty(0)

        edges: NDArray[np.float64] = self._once(f"coarse {name}", make)
        values = data.numeric(name)
        cells = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1)
        dated = self.schema[name].kind == "datetime"
        text = [date(e, self.schema.time_unit) if dated else number(e) for e in edges]
        if not text:
            return cells, ["any", "null"]
        between = [f"from {a} to {b}" for a, b in pairwise(text)]
        return cells, [f"below {text[0]}", *between, f"{text[-1]} or more", "null"]

    # -- codes: what kind of row it is

    @cached_property
    def code_columns(self) -> list[str]:
        """Columns that say together what kind of row it is: the mark, and further categories while the rows hold
        at most 40 combinations of them; labels are left out.
        """
        dynamic = [c for c in self.varied if c.discrete and not c.static and c.role != "label"]
        dynamic.sort(key=lambda c: (c.role != "mark", len(self.levels(c.name))))
        chosen: list[str] = []
        joint = np.zeros(self.train.n_rows, np.int64)
        for column in dynamic:
            codes = self.train.codes(column.name).astype(np.int64) + 2
            trial = np.unique(joint * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1]
            if not chosen or trial.max(initial=0) < 40:
                chosen.append(column.name)
                joint = trial
        return chosen

    @cached_property
    def _combinations(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found, counts = np.unique(self._joint(self.train), axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return found[order], counts[order]

    def _joint(self, data: Sequences) -> NDArray[np.int64]:
        return np.column_stack([data.codes(n) for n in self.code_columns]).astype(np.int64)

    @cached_property
    def code_names(self) -> list[str]:
        """Names of the codes, most frequent first, then "other" for combinations that are not in train."""
        names, said = [], []
        for column in self.code_columns:
            known = self.schema[column].levels or (False, True)
            said.append((column, known, _whole(known), not all(map(_says_nothing, known))))
        for row in self._combinations[0]:
            parts = []
            for (column, known, whole, bare), code in zip(said, row, strict=True):
                if code >= 0:
                    level = _plain(known[code], whole)
                    parts.append(level if bare else f"{column}={level}")
            names.append(" / ".join(parts) or "none")
        return [*names, "other"]

    def codes(self, data: Sequences) -> NDArray[np.int64]:
        """Code of each row, a place in `code_names`."""
        key = "score codes"
        if key not in data._cache:
            found = self._combinations[0]
            joint = self._joint(data)
            both = np.unique(np.concatenate([found, joint]), axis=0, return_inverse=True)[1].reshape(-1)
            places = np.full(int(both.max(initial=0)) + 1, len(found))
            places[both[: len(found)]] = np.arange(len(found))
            data._cache[key] = places[both[len(found) :]]
        codes: NDArray[np.int64] = data._cache[key]
        return codes


def _whole(known: Sequence[object]) -> bool:
    """Whether all levels are whole numbers."""
    return all(re.fullmatch(r"-?\d+(\.0)?", str(one)) for one in known)


def _plain(level: object, whole: bool) -> str:
    """A level as the reader writes it: 0 and 1, not 0.0 and 1.0, where all levels are whole numbers."""
    return str(level).removesuffix(".0") if whole else str(level)


def _says_nothing(level: object) -> bool:
    """Whether a level needs its column's name beside it: a number, yes or no."""
    return bool(re.fullmatch(r"-?[\d.,]+|true|false|yes|no|y|n|t|f|other", str(level).strip().lower()))


def ruler(train: Sequences) -> Ruler:
    """The ruler of these training rows, made once."""
    if "ruler" not in train._cache:
        train._cache["ruler"] = Ruler(train)
    made: Ruler = train._cache["ruler"]
    return made
