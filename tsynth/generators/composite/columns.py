"""What else the rows of contracts hold: columns that stay the same from row to row, or are drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from tsynth.data.arrow_types import parse
from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.base import threshold
from tsynth.data.encoding.continuous import to_arrow
from tsynth.data.encoding.dtypes import from_floats, from_levels, nothing
from tsynth.data.encoding.party import NEW, Party
from tsynth.data.recurring.rows import day_length
from tsynth.data.sequences import level_array
from tsynth.generators.composite.numbers import Number, guarded_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.data.schema import Column, Schema
    from tsynth.data.sequences import Sequences
    from tsynth.data.streams import Streams
    from tsynth.generators.composite.contracts import Drawn

__all__ = ["CLOCK", "fill", "learn_columns", "others"]

CLOCK = "(time of day)"


def others(schema: Schema, encoder: Encoder, known: set[str]) -> list[str]:
    """Columns that are neither time, code nor amount and have an encoding; parties by relation apart."""
    return [
        c.name
        for c in schema
        if c.name in encoder.encodings
        and not c.static
        and c.name not in known
        and not isinstance(encoder.encodings[c.name], Party)
    ]


def learn_columns(
    bare: Sequences,
    encoder: Encoder,
    known: set[str],
    kinds: int,
    kind: NDArray[np.int64],
    contract: NDArray[np.int64],
    place: NDArray[np.int64],
) -> dict[str, Any]:
    """Shares of choices, spread of values and how often each stays, a type of contract.

    Parameters
    ----------
    kind, contract, place : int64 array, (R,)
        Type, number and place in `bare` of each row of a contract, one contract after another.
    """
    protect = threshold(bare.n_entities)
    owner = bare.entity_of_row[place]
    inner = np.concatenate([[False], np.diff(contract) == 0])[: len(place)]
    length = day_length(bare) or 1.0
    clock = np.mod(bare.time[place], length)
    column = _clock(encoder)
    state: dict[str, Any] = {"kinds": kinds, CLOCK: [], "columns": {}, "party": {}}
    same = np.concatenate([[False], clock[1:] == clock[:-1]])[: len(place)]
    for t in range(kinds):
        own = kind == t
        if not clock[own].any():
            state[CLOCK].append(None)
            continue
        made = Number.learn(clock[own], owner[own], column, bare.schema, protect).to_state()
        state[CLOCK].append({"number": made, "again": _share(same, own & inner)})
    for name in others(bare.schema, encoder, known):
        field = encoder.encodings[name].encode(bare)
        choice = field.choice[place]
        value = np.zeros(len(place)) if field.value is None else field.value[place]
        same = np.concatenate([[False], (np.diff(choice) == 0) & (np.diff(value) == 0)])[: len(place)]
        rows = []
        for t in range(kinds):
            own = kind == t
            fresh = own & ~(inner & same)
            score = value[fresh & field.valued[place]]
            rows.append(
                {
                    "weight": guarded_counts(choice[fresh], owner[fresh], field.choices, protect),
                    "again": _share(same, own & inner),
                    "middle": float(score.mean()) if len(score) else 0.0,
                    "spread": float(score.std()) if len(score) else 0.0,
                }
            )
        state["columns"][name] = rows
    for name, encoding in encoder.encodings.items():
        if isinstance(encoding, Party) and name not in known:
            null = bare.nulls(name)[place]
            state["party"][name] = [_share(null, kind == t) for t in range(kinds)]
    return state


def fill(
    state: dict[str, Any],
    table: pa.Table,
    schema: Schema,
    encoder: Encoder,
    drawn: Drawn,
    codes: dict[str, NDArray[np.int64]],
    amount: str | None,
    streams: Streams,
) -> tuple[NDArray[np.float64], pa.Table]:
    """Times of the drawn rows, and a table of their columns like `table`.

    Parameters
    ----------
    codes : dict of str to int64 array
        Levels of the columns that make the code, -1 for null.
    """
    kind, rows = drawn.kind, len(drawn.kind)
    opens = np.concatenate([[True], np.diff(drawn.contract) != 0])[:rows]
    offsets = np.searchsorted(drawn.entity, np.arange(len(streams) + 1)).astype(np.int64)
    length = encoder._day() or 1.0
    time = drawn.day * length + _clocks(state[CLOCK], kind, opens, drawn.u, encoder, schema)
    edge = np.zeros(len(streams))
    view = Rows(offsets, time, edge, edge, {}, {}, None)
    made: dict[str, pa.Array] = {}
    for j, (name, kinds) in enumerate(state["columns"].items()):
        encoding = encoder.encodings[name]
        field = _field(name, kinds, kind, opens, drawn.u[:, 3 * j + 3 : 3 * j + 6], encoding)
        made[name] = encoding.decode(field, view, streams.purpose(name))
    for name, share in state["party"].items():
        made[name] = _parties(name, np.asarray(share), drawn, opens, encoder, streams)
    for name, level in codes.items():
        made[name] = _levels(schema[name], level)
    if amount is not None:
        inside = encoder.encodings[amount].inside(drawn.amount)  # type: ignore[attr-defined]
        made[amount] = to_arrow(inside, schema[amount], schema)
    if schema.time is not None:
        made[schema.time] = encoder._time(time)
    columns = {n: made[n] if n in made else nothing(rows, schema[n].dtype) for n in table.column_names}
    return time, pa.table(columns).cast(table.schema)


def _share(what: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    return float(np.mean(what[where])) if where.any() else 1.0


def _clock(encoder: Encoder) -> Column:
    from tsynth.data.schema import Column

    step = encoder.time_step_
    decimals = None if step <= 0 or step % 1 else 0
    return Column(CLOCK, bounds=(0.0, np.nextafter(encoder._day() or 1.0, 0.0)), decimals=decimals)


def _clocks(
    kinds: list[dict[str, Any] | None],
    kind: NDArray[np.int64],
    opens: NDArray[np.bool_],
    u: NDArray[np.float64],
    encoder: Encoder,
    schema: Schema,
) -> NDArray[np.float64]:
    out = np.zeros(len(kind))
    for t, one in enumerate(kinds):
        own = np.flatnonzero(kind == t)
        if one is None or not len(own):
            continue
        fresh = opens[own] | (u[own, 0] >= one["again"])
        z = ndtri(np.clip(u[own, 1], 1e-9, 1 - 1e-9))
        clock = Number.from_state(one["number"], _clock(encoder), schema).draw(z, u[own, 2])
        out[own] = clock[_held(fresh)]
    step = encoder.time_step_
    out = np.floor(out / step + 0.5) * step if step > 0 else out
    return np.minimum(out, (encoder._day() or 1.0) - (step or 0.0))


def _held(fresh: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the last that was fresh."""
    return np.maximum.accumulate(np.where(fresh, np.arange(len(fresh)), 0))


def _field(
    name: str,
    kinds: list[dict[str, Any]],
    kind: NDArray[np.int64],
    opens: NDArray[np.bool_],
    u: NDArray[np.float64],
    encoding: Any,
) -> Field:
    choices, first = encoding_size(encoding)
    choice = np.zeros(len(kind), np.int32)
    value = np.zeros(len(kind))
    again = np.array([one["again"] for one in kinds])
    fresh = opens | (u[:, 0] >= again[kind])
    for t, one in enumerate(kinds):
        own = kind == t
        weight = np.cumsum(one["weight"])
        if weight[-1] > 0:
            choice[own] = np.searchsorted(weight, u[own, 1] * weight[-1], side="right")
        value[own] = one["middle"] + one["spread"] * ndtri(np.clip(u[own, 2], 1e-9, 1 - 1e-9))
    held = _held(fresh)
    choice, value = np.minimum(choice, choices - 1)[held], np.clip(value, -4.0, 4.0)[held]
    if first < 0:
        return Field(name, choice, None, choices)
    return Field(name, choice, np.where(choice >= first, value, 0.0), choices, first)


def encoding_size(encoding: Any) -> tuple[int, int]:
    """Choices of an encoding, and the first that carries a value."""
    return int(encoding.choices), int(getattr(encoding, "continuous", -1))


def _parties(
    name: str,
    share: NDArray[np.float64],
    drawn: Drawn,
    opens: NDArray[np.bool_],
    encoder: Encoder,
    streams: Streams,
) -> pa.Array:
    """A new party for each contract, by the law of how widely parties are shared; or none."""
    heads = np.flatnonzero(opens)
    own = streams.purpose(name, "null")
    offsets = np.searchsorted(drawn.entity[heads], np.arange(len(streams) + 1)).astype(np.int64)
    lone = own.uniform(int(np.diff(offsets).max(initial=1)))
    place = np.arange(len(heads)) - offsets[drawn.entity[heads]]
    null = lone[drawn.entity[heads], place] < share[drawn.kind[heads]]
    choice = np.where(null, 0, NEW).astype(np.int32)
    edge = np.zeros(len(streams))
    view = Rows(offsets, np.zeros(len(heads)), edge, edge, {}, {}, None)
    made = encoder.encodings[name].decode(Field(name, choice, None, 4), view, streams)
    return made.take(pa.array(np.cumsum(opens) - 1))


def _levels(column: Column, level: NDArray[np.int64]) -> pa.Array:
    if column.levels is None:
        return from_floats(np.where(level < 0, np.nan, level), column.dtype)
    return from_levels(level, level_array(column.levels, parse(column.dtype)), column.dtype)
