"""The schema of a table, found over the whole of every column, with the reason for each choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from tsynth.data.arrow_types import plain
from tsynth.data.facts import Facts
from tsynth.data.frequency import frequency_of, time_unit_of
from tsynth.data.guess import guess_entity_time
from tsynth.data.kinds import kind_of
from tsynth.data.ordering import Layout, lay_out
from tsynth.data.roles import assign_roles
from tsynth.data.schema import ROLES, Column, Kind, Schema
from tsynth.errors import DataError, UsageError

__all__ = ["guess_entity_time", "infer"]


def infer(
    table: pa.Table,
    *,
    entity: str | None = None,
    time: str | None = None,
    entities: pa.Table | None = None,
    roles: Mapping[str, str] | None = None,
    layout: Layout | None = None,
) -> Schema:
    """Find what each column means.

    Kinds come from all values of a column: truth values; times; categories (few levels, or whole numbers whose name or
    distribution says code); counts (whole numbers from 0 up); continuous numbers with their decimals and bounds;
    identifiers (unique or pointing at something); free text. A column is static where every entity has one value and
    chance does not explain it. Roles need evidence in names and in data both.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    entity, time : str, optional
        Names of these columns.
    entities : pyarrow.Table, optional
        A table with one row an entity; its columns are static.
    roles : mapping of str to str, optional
        Roles that are known, by column.
    layout : Layout, optional
        Where the rows of each entity stand, if already known.

    Returns
    -------
    Schema
    """
    for what, name in (("entity", entity), ("time", time)):
        if name is not None and name not in table.column_names:
            raise DataError(
                f"there is no column {name!r} for the {what}",
                fix="choose one of " + ", ".join(table.column_names),
            )
    given = dict(roles or {})
    for name, role in given.items():
        if role not in ROLES:
            raise UsageError(
                f"role {role!r} does not exist", column=name, fix=f"use one of {', '.join(ROLES)}"
            )
        if name not in table.column_names and (entities is None or name not in entities.column_names):
            raise UsageError(
                f"no column is called {name!r}", fix="choose one of " + ", ".join(table.column_names)
            )
    layout = layout or lay_out(table, entity, time)
    facts = {name: Facts(name, table[name], layout) for name in table.column_names}
    columns = [_column(facts[name], entity, time) for name in table.column_names]
    entity_names: list[str] = []
    if entities is not None:
        alone = np.arange(entities.num_rows)
        single = Layout(
            alone, np.append(alone, entities.num_rows), pa.nulls(entities.num_rows), np.empty(0), 0.0
        )
        for name in entities.column_names:
            if name != entity:
                columns.append(_owned(Facts(name, entities[name], single), entity, time))
                entity_names.append(name)
    frequency = frequency_of(table[time] if time else None, layout)
    columns, meanings = assign_roles(
        columns, facts, given, regular=frequency is not None and time is not None
    )
    zone = getattr(table.schema.field(time).type, "tz", None) if time else None
    return Schema(
        columns=tuple(columns),
        entity_columns=tuple(entity_names),
        time_unit=time_unit_of(table[time]) if time else "step",
        frequency=frequency,
        timezone=zone,
        event_levels=meanings,
    )


def _column(facts: Facts, entity: str | None, time: str | None) -> Column:
    name, dtype = facts.name, str(facts.kind)
    nullable = facts.column.null_count > 0
    if name == entity:
        return Column(
            name,
            "identifier",
            "entity",
            static=True,
            nullable=nullable,
            dtype=dtype,
            reason="says whose row it is",
        )
    if name == time:
        return _time_column(facts, dtype)
    kind, reason = kind_of(facts)
    static = kind != "text" and facts.static
    if static:
        reason += ", one value an entity"
    levels = facts.levels if kind == "category" else None
    decimals = (
        facts.decimals if kind in ("continuous", "count") and not pa.types.is_duration(facts.kind) else None
    )
    return Column(
        name, kind, static=static, nullable=nullable, dtype=dtype, levels=levels, decimals=decimals,
        unit=facts.kind.unit if pa.types.is_duration(facts.kind) else None,
        bounds=facts.bounds if kind in ("continuous", "count", "datetime") else None, reason=reason,
    )  # fmt: skip


def _owned(facts: Facts, entity: str | None, time: str | None) -> Column:
    """A column of the entity table; `start` and `end` there are the observation window, on the scale of time."""
    column = replace(_column(facts, entity, time), static=True)
    dated = pa.types.is_timestamp(facts.kind) or pa.types.is_date(facts.kind)
    if facts.name not in ("start", "end") or facts.present == 0 or not (dated or facts.numeric):
        return column
    kind: Kind = (
        "datetime" if dated else "count" if facts.whole and bool(facts.numbers[0] >= 0) else "continuous"
    )
    return replace(
        column, kind=kind, role="start" if facts.name == "start" else "stop", levels=None, bounds=facts.bounds,
        decimals=None if dated else facts.decimals, reason=f"{facts.name} of the observation window",
    )  # fmt: skip


def _time_column(facts: Facts, dtype: str) -> Column:
    kind = facts.kind
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return Column(facts.name, "datetime", "time", dtype=dtype, bounds=facts.bounds, reason="says when")
    if facts.numeric or pa.types.is_duration(kind):
        whole = facts.whole and bool((facts.numbers >= 0).all())
        return Column(
            facts.name, "count" if whole else "continuous", "time", dtype=dtype, bounds=facts.bounds,
            decimals=facts.decimals, unit=_unit(facts), reason="says when, a number",
        )  # fmt: skip
    example = plain(facts.column)[0].as_py()
    raise DataError(
        f"is the time but holds text such as {example!r}",
        column=facts.name,
        fix="name the column that holds the time, or give date_format",
    )


_UNITS = {
    "year": "year",
    "years": "year",
    "month": "month",
    "months": "month",
    "week": "w",
    "weeks": "w",
    "day": "d",
    "days": "d",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "second": "s",
    "seconds": "s",
}


def _unit(facts: Facts) -> str | None:
    from tsynth.data.text_dates import epoch

    if pa.types.is_duration(facts.kind):
        return str(facts.kind.unit)
    return next((_UNITS[w] for w in sorted(facts.words) if w in _UNITS), None) or epoch(facts.values)
