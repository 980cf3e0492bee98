"""`Encoder`: all columns of a schema to `Rows` and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from tsynth.data import clock
from tsynth.data.arrow_types import parse
from tsynth.data.encoding.base import Encoding
from tsynth.data.encoding.category import Boolean, Category
from tsynth.data.encoding.continuous import Continuous
from tsynth.data.encoding.count import Count
from tsynth.data.encoding.datetime import Datetime
from tsynth.data.encoding.dtypes import from_floats, nothing
from tsynth.data.encoding.party import FEW, Party
from tsynth.data.encoding.rows import Field, Rows
from tsynth.data.encoding.surrogates import Surrogates
from tsynth.data.encoding.timing import Timing
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Encoder"]

KINDS: dict[str, type[Encoding]] = {
    "continuous": Continuous,
    "count": Count,
    "category": Category,
    "boolean": Boolean,
    "datetime": Datetime,
}
PARTS = (2, 4, 12, 24, 60, 1440)
"""Parts of a unit of time that times may be whole numbers of, beside days and decimals: hours written in days."""
BLURRED = 0.15
"""Share of a lattice step by which times may be off it, where that many digits were written."""
CHANCE = 1e-6
"""Chance with which times that are on no lattice may seem to be on one, because they are rounded."""
LATTICES = ("d", "h", "min", "s", "ms", "us")


class Encoder:
    """Every learned column of a schema as a `Field`, and made fields as columns again.

    Identifiers come back as surrogates, texts as null; neither is learned.

    Parameters
    ----------
    schema : Schema

    Attributes
    ----------
    encodings : dict of str to Encoding
    time_step_ : float
        Lattice on which all times lie, in the schema's `time_unit`; 0 where there is none.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.encodings: dict[str, Encoding] = {
            c.name: _encoding(c, schema) for c in (*_dynamic(schema), *schema.statics)
        }
        self.surrogates = {
            c.name: Surrogates(c) for c in schema if c.kind == "identifier" or c.role == "entity"
        }
        self.timing = Timing(schema)
        self.time_step_ = 0.0
        self.windowed_ = False

    # -- learning

    def learn(self, part: Sequences) -> dict[str, Any]:
        """What is needed of one block of entities."""
        longest = int(part.lengths.max(initial=1))
        names = {n: s.learn(part.column(n), longest) for n, s in self.surrogates.items() if n in part}
        return {
            "entities": part.n_entities,
            "columns": {name: encoding.learn(part) for name, encoding in self.encodings.items()},
            "names": names,
            "steps": self._steps(part),
            "timing": self.timing.learn(part),
            "calendar": part.calendar,
            "windowed": bool(
                np.any(part.end[part.lengths > 0] > part.time[part.offsets[1:][part.lengths > 0] - 1])
            ),
        }

    def merge(self, states: Iterable[dict[str, Any]]) -> Self:
        """Fit from the states of all blocks, in block order; rare values are protected here."""
        held = list(states)
        entities = sum(s["entities"] for s in held)
        for name, encoding in self.encodings.items():
            encoding.merge([s["columns"][name] for s in held], entities)
        for name, surrogates in self.surrogates.items():
            surrogates.merge([s["names"][name] for s in held if name in s["names"]])
        fits = [step for step in held[0]["steps"] if all(step in s["steps"] for s in held)] if held else []
        self.time_step_ = max(fits, default=0.0)
        self.windowed_ = any(s["windowed"] for s in held)
        self.timing.merge(
            [s["timing"] for s in held],
            day=self._day(),
            step=self.time_step_,
            calendar=any(s["calendar"] for s in held),
        )
        return self

    def _steps(self, part: Sequences) -> list[float]:
        """Lattice steps that all times of a block lie on."""
        time = part.time
        if self.schema.time is None:
            return [1.0]
        if part.calendar:
            ticks, _, tick = clock.wall_ticks(part.column(self.schema.time))
            unit = clock.TICKS.get(self.schema.time_unit, clock.TICKS["d"])
            whole = {
                s: clock.TICKS[s] // clock.TICKS[tick]
                for s in LATTICES
                if clock.TICKS[s] >= clock.TICKS[tick]
            }
            return [clock.TICKS[s] / unit for s, n in whole.items() if np.all(ticks % n == 0)]
        if self._day() > 0:  # an hour inside a day index
            steps = [self._day(), self._day() / 24, self._day() / 1440, self._day() / 86_400]
        else:
            steps = [10.0**k for k in range(3, -4, -1)]
        steps += [1 / n for n in PARTS]
        blur = _blur(time)
        parts = len(np.unique(np.round(np.mod(time[:1000], 1.0), 9)))
        return [step for step in steps if _fits(step, time, blur, parts)]

    def _day(self) -> float:
        unit = clock.TICKS.get(self.schema.time_unit)
        return clock.TICKS["d"] / unit if unit and self.schema.time is not None else 0.0

    # -- there

    def encode(self, data: Sequences) -> Rows:
        """The view of generators with ``takes = "rows"``."""
        mark = self.schema.role("mark")
        return Rows(
            offsets=data.offsets,
            time=data.time,
            start=data.start,
            end=data.end,
            fields={c.name: self.encodings[c.name].encode(data) for c in _dynamic(self.schema)},
            statics=self.encode_statics(data, [c.name for c in self.schema.statics]),
            mark=mark.name if mark is not None and mark.name in self.encodings and not mark.static else None,
            labels=tuple(
                c.name for c in self.schema.roles("label") if not c.static and c.name in self.encodings
            ),
            calendar=data.calendar,
            day=self._day(),
            step=self.time_step_,
            windowed=self.windowed_,
            timing=self.timing,
        )

    def encode_statics(self, data: Sequences, names: list[str]) -> dict[str, Field]:
        """These static columns, one choice an entity."""
        return {name: self.encodings[name].encode(data) for name in names}

    # -- and back

    def decode(self, rows: Rows, streams: Streams, first: int) -> Sequences:
        """All columns of the schema in their own types.

        Parameters
        ----------
        rows : Rows
        streams : Streams
            Of the entities in `rows`.
        first : int
            Number of the first entity, for its name.
        """
        dynamic: dict[str, pa.Array] = {}
        entities: dict[str, pa.Array] = {}
        for column in self.schema:
            home = entities if column.static or column.role == "entity" else dynamic
            size = rows.n_entities if home is entities else rows.n_rows
            home[column.name] = self._column(column, rows, streams, first, size)
        if self.windowed_:
            for edge, values in (("start", rows.start), ("end", rows.end)):
                if edge not in entities:
                    entities[edge] = self._time(values)
        return Sequences(
            schema=self.schema, rows=pa.table(dynamic), offsets=rows.offsets, entities=pa.table(entities)
        )

    def _column(self, column: Column, rows: Rows, streams: Streams, first: int, size: int) -> pa.Array:
        if column.role == "entity":
            return self.surrogates[column.name].names(np.arange(first, first + size))
        if column.role == "time":
            return self._time(rows.time)
        if column.kind == "text":
            return nothing(size, column.dtype)
        field = (rows.statics if column.static else rows.fields).get(column.name)
        if column.kind == "identifier" and field is None:
            return self._identifier(column, rows, first)
        if field is None:
            raise UsageError(f"column {column.name!r} is missing from what was made")
        return self.encodings[column.name].decode(field, rows, streams.purpose(column.name))

    def _identifier(self, column: Column, rows: Rows, first: int) -> pa.Array:
        if column.static:
            return self.surrogates[column.name].names(np.arange(first, first + rows.n_entities))
        lengths = np.diff(rows.offsets)
        entity = np.repeat(np.arange(first, first + rows.n_entities), lengths)
        step = np.arange(rows.n_rows) - np.repeat(rows.offsets[:-1], lengths)
        return self.surrogates[column.name].rows(entity, step)

    def _time(self, x: NDArray[np.float64]) -> pa.Array:
        assert self.schema.time is not None
        column = self.schema[self.schema.time]
        if column.kind == "datetime":
            return clock.from_units(x, self.schema.time_unit, parse(column.dtype))
        if column.decimals is not None:
            x = np.round(x, column.decimals)
        return from_floats(x, column.dtype)

    # -- saving

    def to_state(self) -> dict[str, Any]:
        """What was learned, as nested dicts of plain values and arrays."""
        return {
            "columns": {name: encoding.to_state() for name, encoding in self.encodings.items()},
            "names": {name: surrogates.to_state() for name, surrogates in self.surrogates.items()},
            "time_step": self.time_step_,
            "windowed": self.windowed_,
            "timing": self.timing.to_state(),
        }

    @classmethod
    def from_state(cls, schema: Schema, state: dict[str, Any]) -> Self:
        """The encoder whose `to_state` this was."""
        self = cls(schema)
        for name, encoding in self.encodings.items():
            encoding.restore(state["columns"][name])
        for name, surrogates in self.surrogates.items():
            surrogates.restore(state["names"][name])
        self.time_step_, self.windowed_ = float(state["time_step"]), bool(state["windowed"])
        self.timing.restore(state["timing"])
        return self


def _dynamic(schema: Schema) -> list[Column]:
    """Columns with one field a row: those that are learned, and parties, of which relations are."""
    parties = [c for c in schema if c.role == "party" and c.kind == "identifier" and not c.static]
    return [*schema.dynamic, *parties]


def _encoding(column: Column, schema: Schema) -> Encoding:
    if column.role == "party" and not column.static and (column.levels is None or len(column.levels) > FEW):
        return Party(column, schema)
    return KINDS[column.kind](column, schema)


def _blur(time: NDArray[np.float64]) -> float:
    """By how much rounding may have moved times: half of their last decimal, or the precision of float32."""
    if len(time) == 0:
        return 0.0
    for decimals in range(1, 8):
        if all(
            np.all(np.abs(x - np.round(x, decimals)) <= 4 * np.spacing(np.abs(x))) for x in (time[:100], time)
        ):
            return 0.5 * 10.0**-decimals
    if np.all(time == time.astype(np.float32)):
        return float(np.spacing(np.float32(np.max(np.abs(time)))))
    return 0.0


def _fits(step: float, time: NDArray[np.float64], blur: float, parts: int) -> bool:
    """Whether all times are multiples of a step: exactly, or as rounded ones, if that could not be by chance.

    Hours written in days with four decimals, .0417 and .0833, are off by thousandths of an hour.
    """
    loose = 1.01 * blur / step
    if not (loose < BLURRED and (2 * loose) ** parts < CHANCE):
        loose = 0.0
    heads = (time[:100], time)  # a few tell most steps apart
    return all(np.all(np.abs(x / step - np.rint(x / step)) <= max(loose, 1e-6)) for x in heads)
