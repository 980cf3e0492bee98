"""Foreign forms: metadata of SDV, and the frames of Nixtla's libraries (``unique_id``, ``ds``, ``y``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tsynth.data import arrow_types, frames
from tsynth.data.reading import read
from tsynth.data.schema import Column, Kind, Schema
from tsynth.data.sequences import Sequences
from tsynth.errors import DataError, UsageError

__all__ = ["from_nixtla", "from_sdv", "to_nixtla", "to_sdv"]

_TO_SDV = {
    "continuous": "numerical", "count": "numerical", "category": "categorical", "boolean": "boolean",
    "datetime": "datetime", "identifier": "id", "text": "unknown",
}  # fmt: skip
_FROM_SDV: dict[str, Kind] = {
    "numerical": "continuous",
    "categorical": "category",
    "boolean": "boolean",
    "datetime": "datetime",
    "id": "identifier",
    "unknown": "text",
}
_DATE, _TIME = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"


def to_sdv(schema: Schema, table_name: str = "rows") -> dict[str, Any]:
    """The schema as SDV metadata (``METADATA_SPEC_VERSION`` V1), ready for JSON.

    The entity becomes the sequence key, the time the sequence index, a party or another id an ``id``. What SDV does not
    name (roles, statics, bounds, reasons) is lost.

    Parameters
    ----------
    schema : Schema
    table_name : str
        Name of the one table.
    """
    columns: dict[str, dict[str, Any]] = {}
    for column in schema.row_columns:
        kind = arrow_types.parse(column.dtype)
        entry: dict[str, Any] = {"sdtype": _TO_SDV[column.kind]}
        if column.kind == "datetime":
            entry["datetime_format"] = _DATE if pa.types.is_date(kind) else _TIME
        if column.kind == "text":
            entry["pii"] = True
        columns[column.name] = entry
    table: dict[str, Any] = {"columns": columns}
    if schema.entity is not None:
        table["sequence_key"] = schema.entity
        columns[schema.entity] = {"sdtype": "id"}
    if schema.time is not None:
        table["sequence_index"] = schema.time
    return {"tables": {table_name: table}, "relationships": [], "METADATA_SPEC_VERSION": "V1"}


def from_sdv(metadata: Mapping[str, Any], table: Any, table_name: str | None = None) -> Schema:
    """The schema of `table`, with entity, time and kinds from SDV metadata and the rest inferred.

    Parameters
    ----------
    metadata : mapping
        Of one table: V1 (``tables``) or SINGLE_TABLE_V1 (``columns``).
    table : frame
        The rows.
    table_name : str, optional
        Which of several tables.

    Raises
    ------
    UsageError
        Where the metadata names several tables and none is chosen.
    DataError
        Where the rows lack a column that the metadata names.
    """
    described = _table_of(metadata, table_name)
    rows, _ = frames.to_table(table)
    missing = [name for name in described["columns"] if name not in rows.column_names]
    if missing:
        raise DataError(
            "is in the metadata but not in the rows", column=missing[0], fix="update the metadata"
        )
    schema = read(
        rows, entity=described.get("sequence_key"), time=described.get("sequence_index"), null_entity="drop"
    ).schema
    columns = []
    for column in schema:
        sdtype = described["columns"].get(column.name, {}).get("sdtype")
        columns.append(_with_sdtype(column, sdtype) if column.role not in ("entity", "time") else column)
    return schema.with_columns(columns)


def _table_of(metadata: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    if "columns" in metadata:
        return metadata
    tables: Mapping[str, Any] = metadata.get("tables", {})
    if name is None and len(tables) != 1:
        raise UsageError(f"the metadata describes {len(tables)} tables", fix="name one with table_name")
    if name is not None and name not in tables:
        raise UsageError(f"the metadata has no table {name!r}", fix="choose one of " + ", ".join(tables))
    found: Mapping[str, Any] = tables[name] if name is not None else next(iter(tables.values()))
    if "columns" not in found:
        raise UsageError("the metadata names no columns", fix="export it anew from SDV")
    return found


def _with_sdtype(column: Column, sdtype: str | None) -> Column:
    from dataclasses import replace

    if sdtype is None:
        return column
    # Other sdtypes (email, city, credit_card_number ...) all point at something.
    kind = _FROM_SDV.get(sdtype, "identifier")
    if _TO_SDV[column.kind] == sdtype or (kind == "identifier" and column.kind in ("identifier", "text")):
        return column
    levels, role = column.levels, column.role
    numeric = column.dtype.startswith(("int", "uint", "float", "double", "half", "decimal"))
    if kind == "continuous":
        if not numeric:
            return column
        kind, levels = (
            ("count" if column.decimals == 0 and (column.bounds or (0,))[0] >= 0 else "continuous"),
            None,
        )
    elif (
        (kind == "category" and levels is None)
        or kind == "datetime"
        or (kind == "boolean" and column.dtype != "bool")
    ):
        # Levels stand only where the rows have been counted; a date that is text was read as one already.
        return column
    elif kind in ("identifier", "text"):
        levels, role = None, "party" if role == "party" else "value"
    return replace(column, kind=kind, levels=levels, role=role, reason=f"{sdtype} in the SDV metadata")


def from_nixtla(frame: Any, static: Any = None) -> Sequences:
    """Sequences from a frame with ``unique_id``, ``ds``, ``y`` and any further columns.

    Parameters
    ----------
    frame : frame
    static : frame, optional
        One row a ``unique_id``.
    """
    names = frames.to_table(frame)[0].column_names
    for name in ("unique_id", "ds"):
        if name not in names:
            raise DataError(f"there is no column {name!r}", fix="rename the columns to unique_id, ds and y")
    return read(frame, entity="unique_id", time="ds", entities=static)


def to_nixtla(data: Sequences, target: str | None = None) -> Any:
    """The rows with columns ``unique_id``, ``ds`` and ``y`` first, in the frame type that came in.

    Parameters
    ----------
    data : Sequences
    target : str, optional
        The column that becomes ``y``; the first numeric one that varies, where not given.
    """
    schema = data.schema
    numeric = [c.name for c in schema.dynamic if c.numeric]
    if target is None and not numeric:
        raise UsageError("no numeric column varies in time", fix="name the target")
    target = target if target is not None else ("y" if "y" in numeric else numeric[0])
    schema[target]
    table = data.table()
    columns: dict[str, Any] = {}
    rows = table.num_rows
    columns["unique_id"] = table[schema.entity] if schema.entity is not None else pa.array(["series"] * rows)
    columns["ds"] = table[schema.time] if schema.time is not None else pa.array(data.step_of_row)
    columns["y"] = table[target]
    for name in table.column_names:
        if name not in (schema.entity, schema.time, target):
            if name in columns:
                raise DataError("stands in the way of the column of that name", column=name, fix="rename it")
            columns[name] = table[name]
    kind, facts = frames.origin_facts(data.origin)
    renamed = {schema.entity: "unique_id", schema.time: "ds", target: "y"}
    dtypes = {renamed.get(name, name): token for name, token in facts.get("dtypes", {}).items()}
    levels = {c.name: c.levels for c in schema if c.levels and c.name != target}
    return frames.from_table(pa.table(columns), frames.with_facts(kind, dtypes=dtypes), levels)
