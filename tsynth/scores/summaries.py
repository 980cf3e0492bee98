"""Features that judges see: a summary an entity, and rows alone or with the rows before them.

Scores that let a model judge (classifiers, utility, nearest neighbours) take their features from here, so that
what one of them sees the others see too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.scores.ruler import Ruler
from tsynth.scores.times import PROFILES, Days, between
from tsynth.scores.words import date, duration, number, share, time_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Features", "aligned_features", "entity_summaries", "row_features"]

SHOWN, MANY = 8, 12
"""Levels of a category that get a feature each, and numeric columns up to which all statistics are made."""


@dataclass
class Features:
    """A table of features.

    Parameters
    ----------
    values : float64 array, (n, features)
        NaN where unknown.
    names : list of str
        Their names, as the reader sees them.
    levels : dict of str to list of str
        What the values of a feature mean, where they are places among levels.
    said : dict of str to callable
        How a feature's values are told, where they are not plain numbers: shares, dates, spans of time.
    """

    values: NDArray[np.float64]
    names: list[str]
    levels: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, Callable[[float], str]] = field(default_factory=dict)

    def middle(self, name: str) -> str:
        """The median of a feature, or its most frequent level, in words."""
        values = self.values[:, self.names.index(name)]
        values = values[np.isfinite(values)]
        if not len(values):
            return "unknown"
        if name in self.levels:
            return self.levels[name][int(np.argmax(np.bincount(values.astype(np.int64))))]
        return self.say(name, float(np.median(values)))

    def say(self, name: str, value: float) -> str:
        """A value of a feature in words."""
        return self.said.get(name, number)(value)


def aligned_features(a: Features, b: Features) -> tuple[Features, Features]:
    """Both with all features of either, in one order; those a side lacks are 0 there."""
    names = list(dict.fromkeys([*a.names, *b.names]))

    def spread(side: Features) -> Features:
        values = np.zeros((len(side.values), len(names)))
        values[:, [names.index(n) for n in side.names]] = side.values
        return Features(values, names, {**a.levels, **b.levels}, {**a.said, **b.said})

    return spread(a), spread(b)


class _Table:
    def __init__(self) -> None:
        self.columns: list[NDArray[np.float64]] = []
        self.names: list[str] = []
        self.levels: dict[str, list[str]] = {}
        self.said: dict[str, Callable[[float], str]] = {}

    def add(
        self,
        name: str,
        values: NDArray[np.float64],
        levels: list[str] | tuple[str, ...] = (),
        said: Callable[[float], str] | None = None,
    ) -> None:
        self.names.append(name)
        if name.startswith("share of "):
            said = share
        if said is not None:
            self.said[name] = said
        if levels:
            self.levels[name] = list(levels)
        values = np.asarray(values, dtype=np.float64)
        self.columns.append(np.where(np.isfinite(values), values, np.nan))

    def features(self, rows: int) -> Features:
        values = np.column_stack(self.columns) if self.columns else np.empty((rows, 0))
        return Features(values, self.names, self.levels, self.said)


def _span(schema: Schema) -> Callable[[float], str]:
    """How a span of time is told."""
    unit = time_unit(schema)
    return lambda value: duration(value, unit)


def _moment(data: Sequences) -> Callable[[float], str] | None:
    """How a moment is told: as a date where time is one."""
    return (lambda value: date(value, data.schema.time_unit)) if data.calendar else None


def _own(ruler: Ruler, column: Column) -> Callable[[float], str] | None:
    """How a value of a column is told."""
    if column.kind == "datetime":
        return lambda value: date(value, ruler.schema.time_unit)
    return None


def _mean(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean an entity over values that are known; NaN where none is."""
    known = np.isfinite(values)
    entity = data.entity_of_row[known]
    count = np.bincount(entity, minlength=data.n_entities)
    total = np.bincount(entity, values[known], data.n_entities)
    out: NDArray[np.float64] = np.divide(total, count, out=np.full(data.n_entities, np.nan), where=count > 0)
    return out


def _extreme(data: Sequences, values: NDArray[np.float64], largest: bool) -> NDArray[np.float64]:
    known = np.isfinite(values)
    out = np.full(data.n_entities, -np.inf if largest else np.inf)
    (np.maximum if largest else np.minimum).at(out, data.entity_of_row[known], values[known])
    return np.where(np.isfinite(out), out, np.nan)


def _spread(data: Sequences, values: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(_mean(data, (values - mean[data.entity_of_row]) ** 2))


def _steps(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change from the row before; NaN in the first row of an entity."""
    out = np.full(data.n_rows, np.nan)
    out[1:] = np.diff(values)
    out[data.offsets[:-1][data.lengths > 0]] = np.nan
    return out


def _edge(data: Sequences, values: NDArray[np.float64], last: bool) -> NDArray[np.float64]:
    out = np.full(data.n_entities, np.nan)
    has = data.lengths > 0
    out[has] = values[(data.offsets[1:] - 1 if last else data.offsets[:-1])[has]]
    return out


@np.errstate(over="ignore", invalid="ignore")
def entity_summaries(ruler: Ruler, data: Sequences, leave_out: tuple[str, ...] = ()) -> Features:
    """One row an entity: its length, times, statistics of every column, its statics.

    Parameters
    ----------
    ruler : Ruler
    data : Sequences
    leave_out : tuple of str
        Columns that must not enter, such as a target.
    """
    table = _Table()
    if not ruler.blocks:
        table.add("rows", data.lengths.astype(np.float64))
    if data.schema.time is not None:
        gaps = between(data)
        logs = np.log1p(np.maximum(gaps, 0))
        mean = _mean(data, logs)
        lasted = _edge(data, data.time, True) - _edge(data, data.time, False)
        span = _span(data.schema)
        table.add("time from first to last row", lasted, said=span)
        table.add("usual time between rows", mean, said=lambda value: span(float(np.expm1(value))))
        table.add("spread of the logarithm of the time between rows", _spread(data, logs, mean))
        table.add("share of simultaneous rows", _mean(data, np.where(np.isfinite(gaps), gaps <= 0, np.nan)))
        if ruler.same_time:
            table.add("time of the first row", _edge(data, data.time, False), said=_moment(data))
            table.add("time of the last row", _edge(data, data.time, True), said=_moment(data))
    dynamic = [c for c in ruler.varied if not c.static and c.name not in leave_out]
    few = sum(not c.discrete for c in dynamic) <= MANY
    for column in dynamic:
        (_discrete if column.discrete else _numeric)(ruler, data, column, table, few)
    for column in ruler.varied:
        if column.static and column.name not in leave_out:
            values = ruler.discrete(data, column.name) if column.discrete else data.numeric(column.name)
            table.add(column.name, values.astype(np.float64), _levels(ruler, column), _own(ruler, column))
    return table.features(data.n_entities)


def _numeric(ruler: Ruler, data: Sequences, column: Column, table: _Table, few: bool) -> None:
    values, name = data.numeric(column.name), column.name
    mean, steps = _mean(data, values), _steps(data, values)
    table.add(f"mean {name}", mean, said=_own(ruler, column))
    table.add(f"spread of {name}", _spread(data, values, mean))
    table.add(f"mean step of {name}", _mean(data, np.abs(steps)))
    if column.nullable or data.nulls(name).any():
        table.add(f"share of null {name}", _mean(data, data.nulls(name).astype(np.float64)))
    if few:
        table.add(f"smallest {name}", _extreme(data, values, False), said=_own(ruler, column))
        table.add(f"largest {name}", _extreme(data, values, True), said=_own(ruler, column))
        table.add(f"first {name}", _edge(data, values, False), said=_own(ruler, column))
        table.add(f"last {name}", _edge(data, values, True), said=_own(ruler, column))
        table.add(f"share of unchanged {name}", _mean(data, np.where(np.isfinite(steps), steps == 0, np.nan)))


def _discrete(ruler: Ruler, data: Sequences, column: Column, table: _Table, few: bool) -> None:
    cells, name = ruler.discrete(data, column.name), column.name
    names = ruler.level_names(name)
    for level in range(min(len(names) - 2, SHOWN)):
        table.add(f"share of {name} {names[level]}", _mean(data, (cells == level).astype(np.float64)))
    if data.nulls(name).any():
        table.add(f"share of null {name}", _mean(data, (cells == len(names) - 1).astype(np.float64)))
    steps = _steps(data, cells.astype(np.float64))
    table.add(f"share of unchanged {name}", _mean(data, np.where(np.isfinite(steps), steps == 0, np.nan)))


def _levels(ruler: Ruler, column: Column) -> list[str]:
    return ruler.level_names(column.name) if column.discrete else []


@np.errstate(over="ignore", invalid="ignore")
def row_features(ruler: Ruler, data: Sequences, lags: bool, leave_out: tuple[str, ...] = ()) -> Features:
    """One row a row: its values and calendar, and with `lags` what the two rows before it held and how long ago.

    Parameters
    ----------
    ruler : Ruler
    data : Sequences
    lags : bool
        With what came before.
    leave_out : tuple of str
        Columns that must not enter, such as a target.
    """
    table = _Table()
    entity, columns = data.entity_of_row, [c for c in ruler.varied if c.name not in leave_out]
    values = {}
    for column in columns:
        held = ruler.discrete(data, column.name) if column.discrete else data.numeric(column.name)
        values[column.name] = held[entity].astype(np.float64) if column.static else held.astype(np.float64)
        table.add(column.name, values[column.name], _levels(ruler, column), _own(ruler, column))
    if data.calendar:
        for name, part in Days.of(data).profiles.items():
            if name != "month" or ruler.same_time:
                table.add(name, part.astype(np.float64), PROFILES[name])
    if not lags:
        return table.features(data.n_rows)
    table.add("place in the sequence", data.step_of_row.astype(np.float64))
    if data.schema.time is not None:
        gaps = between(data)
        first = data.offsets[:-1][entity] if data.n_rows else np.empty(0, np.int64)
        table.add("time since the row before", gaps, said=_span(data.schema))
        table.add("time since the first row", data.time - data.time[first], said=_span(data.schema))
    before = np.maximum(np.arange(data.n_rows) - 1, 0)
    for column in columns:
        if column.static:
            continue
        last = np.where(data.step_of_row >= 1, values[column.name][before], np.nan)
        table.add(f"{column.name} one row before", last, _levels(ruler, column), _own(ruler, column))
        if column.discrete:
            second = np.maximum(np.arange(data.n_rows) - 2, 0)
            table.add(
                f"{column.name} two rows before",
                np.where(data.step_of_row >= 2, values[column.name][second], np.nan),
                _levels(ruler, column),
            )
        else:
            table.add(f"step of {column.name}", values[column.name] - last)
    return table.features(data.n_rows)
