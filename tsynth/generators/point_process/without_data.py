"""A generator of events of which nothing was learned: an encoder for its schema, and attributes from parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsynth.data import clock
from tsynth.data.arrow_types import parse
from tsynth.data.constraints import Constraints
from tsynth.data.encoding import Encoder
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Sequences, level_array
from tsynth.errors import UsageError
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.excitation.moments import sized
from tsynth.generators.point_process.excitation.simulation import Sizes
from tsynth.generators.point_process.hawkes_parameters import check_size, process_to_state
from tsynth.generators.point_process.jitter import Ties

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Process

__all__ = ["encoder_for", "learned", "mean_rate", "moment", "unlearned", "with_levels"]

SHOWN = 100.0
"""Events that a window is long enough for, where nobody says how long it is."""


def with_levels(schema: Schema, types: int, size: str | None) -> Schema:
    """The schema, checked: with a time, a mark of `types` levels, and nothing that only data could tell.

    Raises
    ------
    UsageError
        Names the column.
    """
    if schema.time is None:
        raise UsageError("the schema has no time column", fix='give a column role="time"')
    mark = schema.role("mark")
    if mark is None and types > 1:
        raise UsageError(
            f"there are {types} types and no column with role mark",
            fix='add Column("mark", kind="category", role="mark", dtype="string", levels=(...)) to the schema',
        )
    if mark is not None:
        if mark.static or not mark.discrete:
            raise UsageError(f"a mark is a category of rows, not {mark.kind}", column=mark.name)
        levels = mark.levels or ((False, True) if mark.kind == "boolean" else None)
        if levels is None and pa.types.is_string(parse(mark.dtype)):
            levels = tuple(str(i) for i in range(types))
        if levels is None or len(levels) != types:
            raise UsageError(
                f"has {len(levels or ())} levels, but the parameters have {types} types",
                column=mark.name,
                fix="list one level a type, in the order of the parameters",
            )
        schema = schema.edit(mark.name, levels=levels, nullable=False)
    if size is not None:
        check_size(schema, size)
    for column in (*schema.dynamic, *schema.statics):
        if column.role == "mark" or column.name == size or column.nullable:
            continue
        raise UsageError(
            "nothing was learned of it, so it cannot be made",
            column=column.name,
            fix="fit to data, leave the column out, or make it nullable, and it comes back null",
        )
    return schema


def encoder_for(
    schema: Schema, types: int, sizes: NDArray[np.float64] | None, size: str | None
) -> tuple[Encoder, Coding]:
    """An encoder with every level of the mark and these sizes, and the coding that it goes with."""
    rows = max(types, 1 if sizes is None else len(sizes))
    dynamic: dict[str, pa.Array] = {}
    entities: dict[str, pa.Array] = {}
    for column in schema:
        static = column.static or column.role == "entity"
        home, n = (entities, 1) if static else (dynamic, rows)
        home[column.name] = _filling(column, schema, n, types, sizes if column.name == size else None)
    bare = Sequences(
        schema=schema, rows=pa.table(dynamic), offsets=np.array([0, rows]), entities=pa.table(entities)
    )
    encoder = Encoder(schema)
    encoder.merge([encoder.learn(bare)])
    encoder.windowed_ = True
    assert schema.time is not None
    encoder.time_step_ = _lattice(schema[schema.time], schema)
    mark = schema.role("mark")
    if mark is None:
        return encoder, Coding([], [], [], False)
    return encoder, Coding([mark.name], [types], [1], True)


def _filling(
    column: Column, schema: Schema, n: int, types: int, sizes: NDArray[np.float64] | None
) -> pa.Array:
    kind = parse(column.dtype)
    if column.role == "time":
        zero = np.zeros(n)
        if column.kind == "datetime":
            return clock.from_units(zero, schema.time_unit, kind)
        return pa.array(zero).cast(kind)
    if column.role == "mark":
        at = pa.array(np.arange(n) % types)
        levels = column.levels or (False, True)
        return level_array(levels, kind).take(at)
    if sizes is not None:
        return pa.array(np.resize(sizes, n)).cast(kind, safe=False)
    return pa.nulls(n, kind)


def _lattice(time: Column, schema: Schema) -> float:
    """Step of what the time column can hold: a tick, or a whole number."""
    kind = parse(time.dtype)
    if time.kind != "datetime":
        return 1.0 if time.kind == "count" or pa.types.is_integer(kind) else 0.0
    unit = "d" if pa.types.is_date32(kind) else getattr(kind, "unit", "ms")
    return clock.TICKS[unit] / clock.TICKS.get(schema.time_unit, clock.TICKS["d"])


def moment(value: Any, schema: Schema) -> float:
    """A time as a number of the schema's time units: a number itself, or a date where time is one."""
    assert schema.time is not None
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value)
    try:
        when = np.datetime64(value, "us")
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{value!r} is no time", fix='give a number of time units or "2024-03-31"'
        ) from error
    if schema[schema.time].kind != "datetime":
        raise UsageError(f"{value!r} is a date, but time is a number here", fix="give a number of time units")
    return float(clock.to_units(pa.array([when]), schema.time_unit)[0])


def _numbers(x: ArrayLike) -> NDArray[np.float64]:
    """Finite float64 numbers."""
    out = np.asarray(x, np.float64).reshape(-1)
    if not len(out) or not np.all(np.isfinite(out)):
        raise UsageError("sizes must be finite numbers, at least one")
    return out


def mean_rate(process: Process) -> float:
    """Events of all types per unit of time in the long run; infinite where the process explodes."""
    mean = process.baseline.mean
    if process.link != "linear":
        return float(mean.sum())
    if not process.radius < 1:
        return float("inf")
    return float(np.linalg.solve(np.eye(process.types) - process.kernel.branching, mean).sum())


def unlearned(schema: Schema, encoder: Encoder, coding: Coding, rows: int) -> dict[str, Any]:
    """What every generator of events has after a fit, by name, where nothing was learned."""
    return {
        "schema_": schema,
        "bare_schema_": schema,
        "constraints_": Constraints([]),
        "encoder_": encoder,
        "statics_": {},
        "n_entities_": 1,
        "n_rows_": max(1, rows),
        "coding_": coding.to_state(),
        "beside_": {},
        "fit_": {},
    }


def learned(
    process: Process,
    schema: Schema,
    window: tuple[Any, Any] | None,
    size: str | None,
    sizes: ArrayLike | None,
    frailty: float,
) -> dict[str, Any]:
    """What `Hawkes` has after a fit, by name, for a process that is given; see `Hawkes.from_parameters`."""
    known = with_levels(schema, process.types, size).replace(constraints=())
    values = None if sizes is None else _numbers(sizes)
    if process.kernel.power != 0 and (size is None or values is None):
        raise UsageError("the kernel has a power, so events need a size", fix="give size and sizes")
    if not frailty >= 0:
        raise UsageError(f"frailty is a variance of 0 or more, not {frailty!r}")
    encoder, coding = encoder_for(known, process.types, values, size)
    none = np.zeros(0 if values is None else len(values), np.int64)
    drawn = None if values is None else Sizes.of(none, values, process.types)
    whole = sized(process, drawn)
    rate = mean_rate(whole)
    if window is None:
        if not np.isfinite(rate) or rate <= 0:
            raise UsageError(
                f"the process has no mean rate (spectral radius {whole.radius:.4g})",
                fix="give window=(start, end)",
            )
        window = (0.0, SHOWN / rate)
    start, end = (moment(x, known) for x in window)
    if not start <= end:
        raise UsageError(f"the window ends ({end:g}) before it starts ({start:g})")
    rows = int(min(rate, 1e6) * (end - start)) if np.isfinite(rate) else 1
    return {
        **unlearned(known, encoder, coding, rows),
        "process_": process_to_state(process),
        "frailty_": {
            "variance": float(frailty),
            "rule": "given",
            "opened": False,
            "most": 0,
            "rows": np.ones(1),
        },
        "once_": {"fixed": [start, end]},
        "ties_": {"ties": Ties(False, encoder.time_step_, 0.0, 0.0, 0.0).to_state()},
        "covariates_": {},
        "opening_": np.ones(process.types),
        "sizes_": {} if drawn is None else dict(vars(drawn)),
    }
