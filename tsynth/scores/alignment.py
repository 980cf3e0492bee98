"""Brings reference data and synthetic data under the schema of train, and cuts few long sequences into blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data import constraints
from tsynth.data.casts import Unlike, cast_column
from tsynth.data.constraints.totals import Running
from tsynth.data.schema import Column, Schema
from tsynth.data.sequences import Note, Sequences
from tsynth.errors import SchemaMismatch
from tsynth.scores.ruler import BLOCKS

__all__ = ["aligned", "blocks", "in_rule_order"]


def aligned(train: Sequences, others: dict[str, Sequences]) -> tuple[Sequences, dict[str, Sequences]]:
    """Train and the others under one schema: that of train, its categories widened by levels seen elsewhere.

    Columns that are never learned (identifiers, texts) may be missing. A synthetic column of another nature is cast
    where its cells can be read as train's are (`tsynth.data.casts`), and its notes say so.

    Raises
    ------
    SchemaMismatch
        A learned column is missing, is new, or holds values of another nature; a line each.
    """
    schema, lines = train.schema, []
    others = {who: data if who == "holdout" else _cast(data, schema) for who, data in others.items()}
    for who, data in others.items():
        lines += [f"{who}: {line}" for line in _differences(schema, data)]
    if lines:
        raise SchemaMismatch(lines, fix="score rows with the columns of the training rows")
    columns = [_widened(c, [d.schema[c.name] for d in others.values() if c.name in d.schema]) for c in schema]
    schema = schema.with_columns(columns)
    return _under(train, schema), {who: _under(data, schema) for who, data in others.items()}


def _cast(data: Sequences, schema: Schema) -> Sequences:
    """Columns of another nature than the schema's, read as it says where that can be done."""
    made: dict[str, Any] = {}
    own, casts = list(data.schema), []
    for place, twin in enumerate(own):
        if twin.name not in schema or twin.name not in data:
            continue
        column = schema[twin.name]
        if not column.learned or column.role in ("entity", "time"):
            continue
        if _nature(data.column(twin.name).type, twin) in ("null", _nature(None, column)):
            continue
        try:
            made[twin.name], known, cast = cast_column(column, data.column(twin.name))
        except Unlike:
            continue
        own[place] = replace(known, static=twin.static)
        casts += [] if cast is None else [cast]
    return data.with_columns(made, data.schema.with_columns(own)).with_notes(*casts) if made else data


def in_rule_order(train: Sequences, others: dict[str, Sequences]) -> tuple[Sequences, dict[str, Sequences]]:
    """Rows of one time on all sides in the order in which a rule of train adds up.

    A file lists them by chance or by an id that means nothing; a generator keeps the order that a rule needs. The
    rules are those of train's schema; where nobody has looked for them and there are rows of one time, they are
    looked for here and stated in the schema that comes back.
    """
    stated = train.schema.constraints
    if stated is None:
        if not _ties(train):
            return train, others
        if "scores: rules" not in train._cache:
            train._cache["scores: rules"] = tuple(rule.to_dict() for rule in constraints.find(train))
        stated = train._cache["scores: rules"]
    ordering = [rule for each in stated if isinstance(rule := constraints.from_dict(each), Running)]
    sides = {"train": train.with_schema(train.schema.replace(constraints=stated)), **others}
    for rule in ordering:
        sides = {who: rule.ordered(data) for who, data in sides.items()}
    return sides.pop("train"), sides


def _ties(data: Sequences) -> bool:
    inside = data.entity_of_row[1:] == data.entity_of_row[:-1]
    return bool((inside & (np.diff(data.time) == 0)).any())


def _differences(schema: Schema, data: Sequences) -> list[str]:
    lines = []
    for column in schema:
        needed = column.learned or column.role == "time"
        if column.name not in data.schema or column.name not in data:
            if needed and column.role != "entity":
                lines.append(f"column {column.name!r} is missing")
            continue
        if not needed or column.role == "entity":
            continue
        twin = data.schema[column.name]
        kind = data.column(column.name).type
        have, want = _nature(kind, twin), _nature(None, column)
        if have not in ("null", want):
            lines.append(f"column {column.name!r}: {have} ({kind}), not {want} ({column.dtype})")
        elif column.static and not twin.static and _varies(data, column.name):
            lines.append(f"column {column.name!r}: varies inside an entity, not static")
    lines += [
        f"column {c.name!r} is not in the schema"
        for c in data.schema
        if c.name not in schema and c.learned and c.role not in ("entity", "order")
    ]
    return lines


def _nature(kind: pa.DataType | None, column: Column) -> str:
    """Whether values are numbers, times or texts, so that they can stand beside each other."""
    text = column.dtype if kind is None else str(kind)
    if text == "null":
        return "null"
    if text.startswith(("timestamp", "date", "time")):
        return "times"
    if "string" in text or "binary" in text or "utf8" in text:
        return "texts"
    return "numbers"


def _varies(data: Sequences, name: str) -> bool:
    column = data.rows[name].combine_chunks()
    inside = data.entity_of_row[1:] == data.entity_of_row[:-1]
    if not inside.any():
        return False
    unlike = pc.fill_null(pc.not_equal(column[1:], column[:-1]), False)
    return bool(np.asarray(unlike)[inside].any())


def _widened(column: Column, twins: list[Column]) -> Column:
    if column.kind == "boolean" or not column.discrete or column.levels is None:
        return column
    known = dict.fromkeys(column.levels)
    text = {str(level) for level in known}
    for twin in twins:
        for level in twin.levels or ():
            if str(level) not in text and isinstance(level, type(next(iter(known), level))):
                known[level] = None
                text.add(str(level))
    return replace(column, levels=tuple(known))


def _under(data: Sequences, schema: Schema) -> Sequences:
    kept = [c for c in schema if c.name in data]
    narrow = schema.with_columns(kept)
    changed: dict[str, Any] = {}
    for column in kept:
        values = data.column(column.name)
        if pa.types.is_null(values.type):
            changed[column.name] = pa.chunked_array([pa.nulls(len(values), _type(column, values))])
    out = data.with_schema(narrow)
    return out.with_columns(changed, narrow) if changed else out


def _type(column: Column, values: pa.ChunkedArray) -> pa.DataType:
    if column.dtype.startswith("dictionary") or "string" in column.dtype:
        return pa.string()
    try:
        return pa.type_for_alias(column.dtype)
    except ValueError:
        return pa.float64() if column.numeric and column.kind != "datetime" else values.type


def blocks(data: Sequences, length: int) -> Sequences:
    """Each block of `length` rows as an entity of its own.

    What is left over at the end of a sequence is dropped; a sequence shorter than `length` is one block.
    """
    n = np.maximum(data.lengths // length, data.lengths > 0)
    whole = np.where(data.lengths >= length, n * length, data.lengths)
    kept = data.keep_rows(data.step_of_row < np.repeat(whole, data.lengths))
    number = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
    starts = np.repeat(kept.offsets[:-1], n) + number * length
    entities = data.entities.take(pa.array(np.repeat(np.arange(data.n_entities), n)))
    entities = entities.drop_columns([name for name in ("start", "end") if name in entities.column_names])
    out = replace(kept, offsets=np.append(starts, kept.n_rows), entities=entities, _cache={})
    return out.with_notes(Note(BLOCKS, f"sequences were compared by blocks of {length} rows"))
