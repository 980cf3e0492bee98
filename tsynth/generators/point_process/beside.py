"""Values beside events: every field of a row that is no part of its code, given code, gap, age and the rows before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.encoding import Encoder, Field, Rows
from tsynth.data.encoding.timing import gaps_of
from tsynth.generators import balances, values
from tsynth.generators.point_process.coding import Coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints import Constraints
    from tsynth.data.schema import Schema
    from tsynth.data.streams import Streams

__all__ = [
    "GAP",
    "age_of",
    "draw",
    "go_on",
    "learn",
    "merge",
    "nothing",
    "picked",
    "place_of",
    "rows_of",
]

GAP = "(gap)"


def learn(
    view: Rows, coding: Coding, code: NDArray[np.int32], encoder: Encoder, constraints: Constraints
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Sums of all fields over one block, gaps first, and the score of each entity's first row by field.

    Parameters
    ----------
    view : Rows
    coding : Coding
    code : int32 array, (R,)
    encoder : Encoder
    constraints : Constraints
        Those taken off, among which a running total is looked for.

    Returns
    -------
    dict
        For `merge`.
    dict of str to float64 array, (N,)
        Named "value:" and the field, NaN for an entity without rows: for the copula.
    """
    timing = view.timing
    assert timing is not None
    gaps, inside = gaps_of(view.offsets, view.time)
    gap = timing.gap.encode_values(np.where(inside, gaps, np.nan))
    skeleton = values.Skeleton(
        view.offsets, code, coding.codes, age_of(view.offsets, view.time, timing.typical_)
    )
    bare = values.Skeleton(view.offsets, code, coding.codes, place_of(view.offsets))
    total = balances.signs(constraints, encoder, view, coding)
    level = balances.learn(total, encoder, view, skeleton)
    has = np.diff(view.offsets) > 0
    others: list[tuple[Field, NDArray[np.float64]]] = []
    fields, heads = [], {}
    for field in [Field(GAP, gap.choice, gap.value, gap.choices, gap.continuous), *coding.rest(view)]:
        at = bare if field.name == GAP else skeleton
        above = level if field.name == total.get("field") else None
        state, score = values.learn_field(field, at, others, above)
        fields.append(
            {"name": field.name, "choices": field.choices, "first": field.continuous, "sums": state}
        )
        others.append((field, score))
        head = np.full(view.n_entities, np.nan)
        head[has] = score[view.offsets[:-1][has]]
        heads[f"value:{field.name}"] = head
    return {"fields": fields, "total": total}, heads


def merge(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The models of all fields, as plain values and arrays: "fields", a list, and "total", a running total."""
    return {
        "fields": [
            values.merge_field(
                f["name"], f["choices"], f["first"], [s["fields"][j]["sums"] for s in states]
            ).to_state()
            for j, f in enumerate(states[0]["fields"])
        ],
        "total": balances.merge([s["total"] for s in states]),
    }


def draw(
    state: dict[str, Any],
    encoder: Encoder,
    coding: Coding,
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    code: NDArray[np.int32],
    statics: dict[str, Field],
    score: dict[str, NDArray[np.float64]],
    streams: Streams,
    since: NDArray[np.float64] | None = None,
    fixed: dict[str, Field] | None = None,
    history: tuple[NDArray[np.int64], dict[str, Field]] | None = None,
    gap: tuple[Field, NDArray[np.float64]] | None = None,
) -> dict[str, Field]:
    """All fields of rows whose times and codes are known.

    Parameters
    ----------
    state : dict
        From `merge`; empty where nothing was learned, and all is null.
    offsets, time, code : arrays
        The rows of N entities.
    statics : dict of str to Field
    score : dict of str to float64 array, (N,)
        The copula's scores of first values, named as in `learn`.
    streams : Streams
    since : float64 array, (N,), optional
        Time of the first row of each entity, where rows go on from a history.
    fixed : dict of str to Field, optional
        Fields that are known of all rows.
    history : (int64 array (N,), dict of str to Field), optional
        How many leading rows of each entity are there already, and fields (R,) that hold their choices and values:
        those rows come back as they are, and later ones remember them.
    gap : (Field, float64 array (R,)), optional
        Gaps and their scores, where they were drawn like a value; else they are those of `time`.
    """
    fields = coding.fields(code)
    if not state:
        fields |= fixed or {}
        return {c.name: nothing(c.name, len(code)) for c in encoder.schema.dynamic} | fields
    timing = encoder.timing
    models = [values.FieldModel(**one) for one in state["fields"]]
    total = state["total"]
    if gap is None:
        gaps, inside = gaps_of(offsets, time)
        told = timing.gap.encode_values(np.where(inside, gaps, np.nan))
        gap = told, models[0].score(told)
    others = [gap]
    skeleton = values.Skeleton(offsets, code, coding.codes, age_of(offsets, time, timing.typical_, since))
    for model in models[1:]:
        if fixed is not None and model.name in fixed:
            fields[model.name] = fixed[model.name]
            others.append((fixed[model.name], model.score(fixed[model.name])))
            continue
        level = None
        if model.name == total.get("field"):
            level, _ = balances.level(total, encoder, statics, None, len(offsets) - 1)
        known = None if history is None else (history[0], history[1][model.name])
        made = model.draw(streams, skeleton, score[f"value:{model.name}"], others, level, known)
        others.append(made)
        fields[model.name] = made[0]
    return fields


def go_on(
    state: dict[str, Any],
    encoder: Encoder,
    coding: Coding,
    history: Rows,
    whose: NDArray[np.int64],
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    code: NDArray[np.int32],
    streams: Streams,
    opening: Streams,
    most: int | None = None,
    fixed: dict[str, Field] | None = None,
) -> dict[str, Field]:
    """All fields of the new rows of paths, which remember the rows before them; other arguments as for `draw`.

    Parameters
    ----------
    history : Rows
        Of N entities.
    whose : int64 array, (K,)
        Entity that each path goes on from.
    offsets, time, code : arrays
        New rows of K paths.
    opening : Streams
        Of the paths, for first values where an entity has no row yet.
    most : int, optional
        Last rows of each entity that are remembered; all of them where a running total is known.
    """
    if not state:
        return draw(state, encoder, coding, offsets, time, code, {}, {}, streams, fixed=fixed)
    lengths, added = np.diff(history.offsets)[whose], np.diff(offsets)
    kept = lengths if most is None or state["total"] else np.minimum(lengths, most)
    whole = np.concatenate([[0], np.cumsum(kept + added)]).astype(np.int64)
    row = np.arange(whole[-1]) - np.repeat(whole[:-1], kept + added)
    old = row < np.repeat(kept, kept + added)
    source = (np.repeat(history.offsets[1:][whose] - kept, kept + added) + row)[old]

    def both(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(len(old), before.dtype)
        out[old], out[~old] = before[source], after
        return out

    def field(name: str, after: Field) -> Field:
        one = history.fields[name]
        choice = both(one.choice, after.choice)
        if one.value is None:
            return replace(one, choice=choice)
        fresh = np.zeros(len(time)) if after.value is None else after.value
        return replace(one, choice=choice, value=both(one.value, fresh))

    begin = np.zeros(history.n_entities)
    has = np.diff(history.offsets) > 0
    begin[has] = history.time[history.offsets[:-1][has]]
    since = begin[whose]
    fresh = (lengths == 0) & (added > 0)
    since[fresh] = time[offsets[:-1][fresh]]
    names = [one["name"] for one in state["fields"]]
    score = opening.normal(len(names))
    blank = nothing("", len(time))
    made = draw(
        state, encoder, coding, whole, both(history.time, time), both(coding.code(history), code),
        {n: picked(f, whose) for n, f in history.statics.items()},
        {f"value:{name}": score[:, j] for j, name in enumerate(names)}, streams,
        since=since, fixed={n: field(n, f) for n, f in (fixed or {}).items()},
        history=(kept.astype(np.int64), {n: field(n, blank) for n in names if n in history.fields}),
    )  # fmt: skip
    return {n: picked(f, ~old) for n, f in made.items()}


def nothing(name: str, size: int) -> Field:
    """A column of nulls."""
    return Field(name, np.zeros(size, np.int32), None, 1)


def picked(field: Field, at: NDArray[Any]) -> Field:
    """The rows of a field at these places or under this mask."""
    return replace(field, choice=field.choice[at], value=None if field.value is None else field.value[at])


def rows_of(
    encoder: Encoder,
    schema: Schema,
    coding: Coding,
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    fields: dict[str, Field],
    statics: dict[str, Field],
) -> Rows:
    """The view of what was made, in windows [start, end]."""
    return Rows(
        offsets=offsets,
        time=time,
        start=start,
        end=end,
        fields=fields,
        statics=statics,
        mark=coding.mark,
        calendar=schema.time is not None and schema[schema.time].kind == "datetime",
        day=encoder.timing.day_,
        step=encoder.time_step_,
        windowed=encoder.windowed_,
        timing=encoder.timing,
    )


def place_of(offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Place of each row in its entity, logged: what stands for the age where the age is yet to be drawn."""
    lengths = np.diff(offsets)
    return np.log1p(np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], lengths))


def age_of(
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    typical: float,
    since: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Time since the entity's first row, or since `since`, in typical gaps, logged."""
    has = np.diff(offsets) > 0
    begin = time[offsets[:-1][has]] if since is None else since[has]
    return np.log1p(np.maximum(time - np.repeat(begin, np.diff(offsets)[has]), 0.0) / typical)
