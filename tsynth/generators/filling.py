"""Holes of data, and the blanks of rows that are given, filled by a leaf; what is given comes back to the letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences, concat
from tsynth.data.streams import Streams
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.base import Generator

__all__ = ["complete", "fill_holes"]


def fill_holes(
    generator: Generator, data: Sequences, columns: Sequence[str] | None, paths: int, seed: int
) -> Sequences:
    """The data with its holes filled `paths` times; see `Generator.impute`."""
    chosen = _chosen(data, columns)
    streams = Streams(seed, f"impute:{generator.name}", range(data.n_entities))
    made = [
        complete(generator, data, chosen, streams.purpose("path", p), first=0, empty=False)
        for p in range(paths)
    ]
    if paths == 1:
        return made[0]
    n = data.n_entities
    whole = concat(made).take(np.arange(n * paths).reshape(paths, n).T.reshape(-1))
    name = "path" if "path" not in whole.schema else "path_number"
    column = Column(name, kind="count", static=True, dtype="int64", reason="sample path")
    schema = whole.schema.with_columns([*whole.schema.columns, column])
    return whole.with_columns({name: pa.array(np.tile(np.arange(paths), n))}, schema)


def _chosen(data: Sequences, columns: Sequence[str] | None) -> list[str]:
    """The columns whose nulls are holes."""
    able = [
        c.name
        for c in data.schema
        if c.role not in ("entity", "time") and c.kind not in ("identifier", "text")
    ]
    if columns is None:
        return [name for name in able if data.nulls(name).any()]
    wanted = [columns] if isinstance(columns, str) else list(columns)
    for name in wanted:
        if name not in data.schema:
            raise UsageError("is not in the data", column=name, fix="name one of " + ", ".join(able[:10]))
        if name not in able:
            raise UsageError(
                "has no holes that can be filled: it says who, when or a text of its own",
                column=name,
                fix="leave it out",
            )
    return wanted


def complete(
    generator: Generator, data: Sequences, chosen: Sequence[str], streams: Streams, *, first: int, empty: bool
) -> Sequences:
    """The data with the nulls of the `chosen` columns drawn, whatever is not null kept to the letter.

    Parameters
    ----------
    generator : Generator
        Has ``_fill(view, missing, missing_once, empty, streams)``.
    data : Sequences
        In the generator's schema.
    chosen : sequence of str
    streams : Streams
        Of the entities of `data`.
    first : int
        Number of the first entity, for names that are not given.
    empty : bool
        Whether what is drawn may be null.
    """
    place = _free(data, "row number")
    numbered = data.with_columns(
        {place: pa.array(np.arange(data.n_rows))},
        data.schema.with_columns(
            [*data.schema.columns, Column(place, kind="identifier", dtype="int64", reason="place of the row")]
        ),
    )
    bare = generator.constraints_.remove(numbered)
    order = np.asarray(bare.column(place))
    missing, missing_once = _holes(generator, data, bare, order, chosen)
    view = generator._view(bare)
    if empty:  # rows were given, not how long they were watched
        never = np.full(data.n_entities, np.nan)
        view = replace(view, start=never, end=never)
    view = generator._fill(view, missing, missing_once, empty, streams.purpose("model"))  # type: ignore[attr-defined]
    drawn = generator._decode(view, streams.purpose("decode"), first)
    made = _exact(bare, drawn, missing | missing_once)
    restored = generator.constraints_.restore(made, streams.purpose("constraints"))
    return _letters(data, restored, place, chosen)


def _holes(
    generator: Generator,
    data: Sequences,
    bare: Sequences,
    order: NDArray[np.int64],
    chosen: Sequence[str],
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]]]:
    """What is missing of the columns under the constraints.

    A column that a constraint put in the place of others is missing where it is null beside a hole; one that an entity
    has once from its first row, where the first row has a hole.
    """
    rows = [name for name in chosen if not data.schema[name].static]
    beside = np.zeros(data.n_rows, np.bool_)
    for name in rows:
        beside |= data.nulls(name)
    openers = {
        getattr(rule, kind, None): rule.columns
        for rule in generator.constraints_
        for kind in ("opening_column", "start_column")
    }
    missing, missing_once = {}, {}
    for column in generator.bare_schema_:
        name = column.name
        if name not in bare or column.role in ("entity", "time") or column.kind == "text":
            continue
        null = bare.nulls(name) if column.kind != "identifier" else np.asarray(pc.is_null(bare.column(name)))
        if column.static:
            if name not in data:
                null = null | _opened(data, [n for n in openers.get(name, ()) if n in rows])
            elif name not in chosen:
                continue
            if null.any():
                missing_once[name] = null
            continue
        hole = null & beside[order]
        if name in data:
            own = data.nulls(name)[order] if column.kind != "identifier" else null
            hole &= (name in chosen) | ~own
        if hole.any():
            missing[name] = hole
    return missing, missing_once


def _opened(data: Sequences, names: list[str]) -> NDArray[np.bool_]:
    """Entities whose first row has a hole in one of these columns."""
    out = np.zeros(data.n_entities, np.bool_)
    has = data.lengths > 0
    for name in names:
        out[has] |= data.nulls(name)[data.offsets[:-1][has]]
    return out


def _exact(bare: Sequences, drawn: Sequences, missing: dict[str, NDArray[np.bool_]]) -> Sequences:
    """What was drawn where something is missing, else what was given, before the constraints come back."""
    columns = {}
    for name in drawn.schema.names:
        if name not in bare or name not in drawn:
            continue
        given, made = bare.column(name), drawn.column(name)
        if name in missing:
            columns[name] = pc.if_else(pa.array(missing[name]), made, given.cast(made.type))
        elif given.null_count == len(given) and name not in bare.schema.names:
            columns[name] = made
        else:
            columns[name] = given
    edges = {
        n: drawn.entities[n] if n not in bare.entities.column_names else bare.entities[n]
        for n in ("start", "end")
        if n in drawn.entities.column_names and n not in columns
    }
    made = bare.with_columns(columns)
    return replace(made, entities=_with(made.entities, edges), _cache={}) if edges else made


def _with(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    return pa.table({**{n: table[n] for n in table.column_names}, **columns})


def _letters(data: Sequences, made: Sequences, place: str, chosen: Sequence[str]) -> Sequences:
    """The data with its holes filled from `made`; a row that a constraint left out keeps its holes."""
    where = np.asarray(made.column(place))
    at = np.full(data.n_rows, -1)
    at[where] = np.arange(made.n_rows)
    index = pa.array(at, mask=at < 0)
    columns = {}
    for name in chosen:
        given = data.column(name)
        if name not in made or (not given.null_count and not data.nulls(name).any()):
            continue
        found = made.column(name) if data.schema[name].static else made.column(name).take(index)
        columns[name] = pc.if_else(pa.array(data.nulls(name)), found.cast(given.type), given)
    return data.with_columns(columns)


def _free(data: Sequences, name: str) -> str:
    while name in data.schema or name in data:
        name += " "
    return name
