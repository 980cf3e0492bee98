"""What a judge or a model sees of rows and of entities; made here, apart from the package's own scores.

All sides must stand under one schema, so that codes mean the same (`tsynth.scores.alignment.aligned`).
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences

Table = tuple[NDArray[np.float64], list[str]]
"""One row an observation, and the names of the columns."""
SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
DAY = 86400.0
LEVELS = 12
"""Levels of a category whose shares become summaries."""


def cells(data: Sequences, name: str) -> NDArray[np.float64]:
    """A column as numbers, one a row: categories as codes with null a code of its own, static columns repeated."""
    column = data.schema[name]
    values = data.codes(name).astype(np.float64) if column.discrete else data.numeric(name)
    return values[data.entity_of_row] if name in data.entities.column_names else values


def columns(data: Sequences, *, static: bool, leave_out: tuple[str, ...] = ()) -> list[Column]:
    """Columns that are learned, time and entity apart."""
    return [
        c
        for c in data.schema
        if c.learned and c.static == static and c.role not in ("entity", "time") and c.name not in leave_out
    ]


def calendar(data: Sequences) -> dict[str, NDArray[np.float64]]:
    """Weekday, day of month, days to its end and hour; nothing where time is a number."""
    if not data.calendar:
        return {}
    seconds = data.time * SECONDS[data.schema.time_unit]
    day = np.floor(seconds / DAY).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    parts = {
        "weekday": ((day.astype(np.int64) + 3) % 7).astype(float),
        "day of month": (day - month.astype("datetime64[D]")).astype(float),
        "days to month end": ((month + 1).astype("datetime64[D]") - day).astype(float),
    }
    hour = np.floor((seconds % DAY) / 3600)
    return parts if data.schema.time_unit in ("d", "w") else {**parts, "hour": hour}


def lone(data: Sequences, leave_out: tuple[str, ...] = ()) -> Table:
    """A row alone: time, calendar, values, statics, and whether a party is named."""
    found = {"time": data.time, **calendar(data)}
    for column in [
        *columns(data, static=False, leave_out=leave_out),
        *columns(data, static=True, leave_out=leave_out),
    ]:
        found[column.name] = cells(data, column.name)
    for name in _parties(data):
        found[f"{name} named"] = (~np.asarray(pc.is_null(data.rows[name]))).astype(float)
    return np.column_stack(list(found.values())), list(found)


def lagged(data: Sequences, leave_out: tuple[str, ...] = (), *, own: bool = True) -> Table:
    """A row with what the two before it held and how long ago they were; `own` false leaves its own values out.

    Without its own values it is what is known before the row comes: a model of the next row.
    """
    values, names = lone(data, leave_out)
    if not own:
        keep = [c.name for c in columns(data, static=True, leave_out=leave_out)]
        kept = [j for j, name in enumerate(names) if name in keep]
        values, names = values[:, kept], [names[j] for j in kept]
    parts, called = [values], list(names)
    step = data.step_of_row
    parts.append(step[:, None].astype(float))
    called.append("place")
    first = data.time[np.minimum(data.offsets[:-1], max(data.n_rows - 1, 0))][data.entity_of_row]
    if own:
        parts.append((data.time - first)[:, None])
        called.append("time since the first row")
        times = {"time": data.time}
    else:
        times = {"time": shifted(data, data.time, 1)}
        for name, part in calendar(data).items():
            parts.append(shifted(data, part, 1)[:, None])
            called.append(f"{name}, 1 before")
    for back in (1, 2):
        parts.append((times["time"] - shifted(data, data.time, back if own else back + 1))[:, None])
        called.append(f"time since {back} before")
        for column in columns(data, static=False, leave_out=leave_out):
            held = cells(data, column.name)
            before = shifted(data, held, back)
            parts.append(before[:, None])
            called.append(f"{column.name}, {back} before")
            if own and back == 1 and not column.discrete:
                parts.append((held - before)[:, None])
                called.append(f"step of {column.name}")
        for name in _parties(data) if own else ():
            code = party(data, name)
            parts.append((code == shifted(data, code, back)).astype(float)[:, None])
            called.append(f"{name} as {back} before")
    return np.hstack(parts), called


def summaries(data: Sequences, leave_out: tuple[str, ...] = ()) -> Table:
    """An entity: its length, times, statistics of numbers, shares of levels and of repeats, parties, statics."""
    found: dict[str, NDArray[np.float64]] = {"rows": data.lengths.astype(float)}
    gaps = data.time - shifted(data, data.time, 1)
    logs = np.log1p(np.maximum(gaps, 0))
    found["first time"], found["last time"] = edge(data, data.time, False), edge(data, data.time, True)
    found["span"] = found["last time"] - found["first time"]
    found["mean log gap"], found["spread of log gaps"] = mean(data, logs), spread(data, logs)
    found["share of ties"] = mean(data, np.where(np.isnan(gaps), np.nan, gaps <= 0))
    for column in columns(data, static=False, leave_out=leave_out):
        name, held = column.name, cells(data, column.name)
        before = shifted(data, held, 1)
        known = ~(np.isnan(before) | np.isnan(held))
        found[f"{name} unchanged"] = mean(data, np.where(known, held == before, np.nan))
        found[f"{name} null"] = mean(data, data.nulls(name).astype(float))
        if column.discrete:
            for level in range(min(len(column.levels or (False, True)), LEVELS)):
                found[f"{name} level {level}"] = mean(data, (held == level).astype(float))
            continue
        found[f"mean {name}"], found[f"spread of {name}"] = mean(data, held), spread(data, held)
        found[f"mean step of {name}"] = mean(data, np.abs(held - before))
        found[f"least {name}"], found[f"most {name}"] = -most(data, -held), most(data, held)
        found[f"first {name}"], found[f"last {name}"] = edge(data, held, False), edge(data, held, True)
    for name in _parties(data):
        code = party(data, name)
        pair = np.unique(np.column_stack([data.entity_of_row, code])[~np.isnan(code)], axis=0)
        distinct = np.bincount(pair[:, 0].astype(np.int64), minlength=data.n_entities)
        found[f"different {name}"] = distinct.astype(float)
        found[f"{name} named"] = mean(data, (~np.isnan(code)).astype(float))
    for column in columns(data, static=True, leave_out=leave_out):
        found[column.name] = (
            data.codes(column.name).astype(float) if column.discrete else data.numeric(column.name)
        )
    return np.column_stack(list(found.values())), list(found)


# -- pieces


def shifted(data: Sequences, values: NDArray[np.float64], back: int) -> NDArray[np.float64]:
    """The value `back` rows before in the same entity, NaN where there is none; negative looks ahead."""
    out = np.full(data.n_rows, np.nan)
    if back >= 0:
        out[back:] = values[: data.n_rows - back]
        out[data.step_of_row < back] = np.nan
    else:
        out[:back] = values[-back:]
        left = data.lengths[data.entity_of_row] - data.step_of_row
        out[left <= -back] = np.nan
    return out


def mean(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean an entity over what is known, (N,)."""
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    entity = data.entity_of_row[known]
    count = np.bincount(entity, minlength=data.n_entities)
    total = np.bincount(entity, values[known], data.n_entities)
    return np.divide(total, count, out=np.full(data.n_entities, np.nan), where=count > 0)


def spread(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation an entity, (N,)."""
    return np.sqrt(mean(data, (values - mean(data, values)[data.entity_of_row]) ** 2))


def most(data: Sequences, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest value an entity, (N,)."""
    known = np.isfinite(values)
    out = np.full(data.n_entities, -np.inf)
    np.maximum.at(out, data.entity_of_row[known], values[known])
    return np.where(np.isfinite(out), out, np.nan)


def edge(data: Sequences, values: NDArray[np.float64], last: bool) -> NDArray[np.float64]:
    """The first or the last known value an entity, (N,)."""
    known = np.flatnonzero(np.isfinite(values))
    out = np.full(data.n_entities, np.nan)
    order = known if last else known[::-1]  # the one written last stays
    out[data.entity_of_row[order]] = values[order]
    return out


def party(data: Sequences, name: str) -> NDArray[np.float64]:
    """A code for each different party, NaN where none is named."""
    coded = pc.dictionary_encode(data.rows[name]).combine_chunks()
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(float)
    return np.where(np.asarray(pc.is_null(data.rows[name])), np.nan, codes)


def _parties(data: Sequences) -> list[str]:
    return [c.name for c in data.schema.roles("party") if c.name in data.rows.column_names]
