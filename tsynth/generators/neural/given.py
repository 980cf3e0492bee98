"""What is given to an autoregressive network: a history to go on from, rows whose holes are filled, known statics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.fill_rows import BLANK, HOLE, fill
from tsynth.data.encoding import Field, Rows
from tsynth.generators.ahead import times_ahead
from tsynth.generators.copula import Copula, Margin
from tsynth.generators.neural import totals
from tsynth.generators.neural.arrays import empty_memory, layout, limits, weights, widest
from tsynth.generators.neural.codes import table
from tsynth.generators.neural.once import window_encodings
from tsynth.generators.neural.plan import fixed_features
from tsynth.generators.neural.walks import Given, fields_of, side_by_side, walk_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams
    from tsynth.generators.neural.autoregressive import Autoregressive

__all__ = ["BLANK", "HOLE", "fill_view", "forecast"]

FILLS, AHEAD = 16, 2
"""Fills that are tried for a row with holes, and rows after it that they are weighed by."""
BLOCK = 500_000
"""Rows of histories that are replayed at a time, those of all paths counted."""
PATHS = 1 << 32
"""Numbers an entity has for its paths."""


# -- going on


def forecast(model: Autoregressive, view: Rows, horizon: float, paths: int, streams: Streams) -> Rows:
    """`paths` continuations of each entity of `view`, one after another, without the rows of the history.

    Path p of an entity is the same for any number of paths. An entity without rows has none to go on from.

    Parameters
    ----------
    model : Autoregressive
    view : Rows
        The histories.
    horizon : int or float
        Steps of a regular series (an int), else time units after the history's end (a float): the end of its window,
        on one clock for all the last time of all, else its own last row.
    paths : int
    streams : Streams
        Of the entities of `view`.
    """
    made = model.plan_
    rows = table(view, model.encoder_, made["base"])
    given = Given(view.offsets, view.time, rows.code, rows.choice, rows.value)
    whose = np.repeat(np.arange(view.n_entities), paths)
    steps = _steps(model, view, horizon)
    if steps is not None:
        given = _with_blanks(given, steps)
    kept = np.diff(view.offsets)
    numbers = (streams.entities[:, None] * PATHS + np.arange(paths)).reshape(-1)
    last, since, until = _ends(view, made, horizon)
    origin = totals.openings(made, model.encoder_, view.statics, view.n_entities)
    fixed = fixed_features(made, view.statics, view.n_entities)
    block = np.cumsum(np.diff(given.offsets)[whose]) // BLOCK
    found = []
    for part in np.split(np.arange(len(whose)), np.flatnonzero(np.diff(block)) + 1):
        own = whose[part]
        walked = walk_rows(
            made, model.nets_, _picked(given, own), last[own], origin[own], since[own], until[own],
            _rows_of(fixed, own), streams.key, numbers[part], free=steps is None,
        )  # fmt: skip
        found.append(_after(walked, kept[own]))
    size = np.concatenate([np.diff(f[0]) for f in found])
    offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    time, code, choice, value = (np.concatenate([f[k] for f in found]) for k in range(1, 5))
    once = view.take(whose)
    return replace(once, offsets=offsets, time=time, fields=fields_of(made, code, choice, value))


def _steps(model: Autoregressive, view: Rows, horizon: float) -> list[NDArray[np.float64]] | None:
    """Times that follow each regular series; None where rows come when they like."""
    schema = model.schema_
    if schema.frequency is None:
        return None
    return [
        times_ahead(view.time[a:b], horizon, schema.time_unit, view.calendar) if b > a else np.zeros(0)
        for a, b in zip(view.offsets[:-1], view.offsets[1:], strict=True)
    ]


def _with_blanks(given: Given, steps: list[NDArray[np.float64]]) -> Given:
    """Rows of each entity, then blank ones at the times that follow."""
    lengths, more = np.diff(given.offsets), np.array([len(s) for s in steps], np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths + more)]).astype(np.int64)
    old = np.arange(len(given.time)) + np.repeat(offsets[:-1] - given.offsets[:-1], lengths)
    fresh = np.ones(offsets[-1], np.bool_)
    fresh[old] = False
    out = Given(
        offsets,
        np.empty(offsets[-1]),
        np.full(offsets[-1], BLANK, np.int64),
        np.full((offsets[-1], given.choice.shape[1]), BLANK, np.int64),
        np.zeros((offsets[-1], given.choice.shape[1])),
    )
    for array, known in zip(out[1:], given[1:], strict=True):
        array[old] = known
    out.time[fresh] = np.concatenate([*steps, np.zeros(0)])
    return out


def _ends(
    view: Rows, made: dict[str, Any], horizon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Last row of each history, first time at which a new row may come, and the last."""
    has = np.diff(view.offsets) > 0
    last = np.full(view.n_entities, np.nan)
    last[has] = view.time[view.offsets[1:][has] - 1]
    end = last.copy()
    if view.windowed:
        end = np.where(np.isfinite(view.end), np.fmax(view.end, last), last)
    elif made["clock"] and has.any():
        end[:] = np.nanmax(last)
    step = float(made["tick"] or made["step"])
    since = np.where(end > last, end + step, -np.inf) if not made["ticked"] else end + step
    return last, since, end + horizon


def _picked(given: Given, own: NDArray[np.int64]) -> Given:
    """The rows of some entities, each as often as asked for."""
    lengths = np.diff(given.offsets)[own]
    out = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    at = np.repeat(given.offsets[own] - out[:-1], lengths) + np.arange(out[-1])
    return Given(out, *(array[at] for array in given[1:]))


def _rows_of(fixed: tuple[Any, ...], own: NDArray[np.int64]) -> tuple[Any, ...]:
    """Compressed rows at `own`."""
    at, index, value = fixed
    lengths = np.diff(at)[own]
    out = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.repeat(at[own] - out[:-1], lengths) + np.arange(out[-1])
    return out, index[place], value[place]


def _after(walked: tuple[Any, ...], given: NDArray[np.int64]) -> tuple[Any, ...]:
    """The rows of each entity without its first `given`."""
    offsets = walked[0]
    lengths = np.diff(offsets)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    new = place >= np.repeat(given, lengths)
    left = np.maximum(lengths - given, 0)
    return (np.concatenate([[0], np.cumsum(left)]), *(array[new] for array in walked[1:]))


# -- filling


def fill_view(
    model: Autoregressive,
    view: Rows,
    missing: dict[str, NDArray[np.bool_]],
    missing_once: dict[str, NDArray[np.bool_]],
    kind: int,
    streams: Streams,
) -> Rows:
    """The rows with what is missing drawn.

    Statics come first, by the copula given the statics that are known and the time of the first row; then the rows of
    each entity, one after another, as `tsynth.compiled.fill_rows` says.

    Parameters
    ----------
    model : Autoregressive
    view : Rows
    missing : dict of str to bool array, (R,)
        What is missing of each field; a field that is not named is given.
    missing_once : dict of str to bool array, (N,)
        What is missing of each static column.
    kind : {BLANK, HOLE}
        Whether what is missing may be null.
    streams : Streams
    """
    made = model.plan_
    statics, window = _once(model, view, missing_once, kind, streams.purpose("once"))
    view = replace(view, statics=statics, **window)
    rows = table(view, model.encoder_, made["base"])
    code, choice = rows.code.copy(), rows.choice.copy()
    if made["mark"] in missing:
        code[missing[made["mark"]]] = kind
    for j, name in enumerate(made["fields"]):
        if name in missing:
            choice[missing[name], j] = kind
    lay, nets, lim = layout(made), weights(made, model.nets_), limits(made)
    void = (made["level"] == 0) & (made["lowest"] == 0) & (made["mark"] is not None)
    origin = totals.openings(made, model.encoder_, statics, view.n_entities)
    at, index, x = fixed_features(made, statics, view.n_entities)
    numbers = np.asarray(streams.entities, np.int64)
    key = streams.purpose("fill").key

    def part(a: int, b: int) -> tuple[Any, ...]:
        low, high = view.offsets[a], view.offsets[b]
        return fill(
            lay, empty_memory(made), empty_memory(made), nets, lim, void, view.offsets[a : b + 1] - low,
            view.time[low:high], code[low:high], choice[low:high], rows.value[low:high], origin[a:b],
            at[a : b + 1] - at[a], index[at[a] : at[b]], x[at[a] : at[b]], key, numbers[a:b], widest(made), FILLS,
            AHEAD,
        )  # fmt: skip

    parts = side_by_side(part, view.n_entities)
    filled = fields_of(made, *(np.concatenate([p[k] for p in parts]) for k in range(3)))
    return replace(view, fields=filled)


def _once(
    model: Autoregressive,
    view: Rows,
    missing: dict[str, NDArray[np.bool_]],
    kind: int,
    streams: Streams,
) -> tuple[dict[str, Field], dict[str, Any]]:
    """Statics with what is missing drawn, and the windows of entities that have none."""
    state, timing = model.once_, model.encoder_.timing
    n = view.n_entities
    has = np.diff(view.offsets) > 0
    first = np.zeros(n)
    first[has] = view.time[view.offsets[:-1][has]]
    fields = {f"static:{name}": field for name, field in view.statics.items()}
    fields["first"] = timing.first.encode_values(first)
    open_ = {f"static:{name}": mask for name, mask in missing.items()} | {"first": ~has}
    never = np.zeros(n, np.bool_)
    window = window_encodings(state, model.encoder_)
    for name in window:
        open_[name] = ~np.isfinite(view.end)
    unknown = np.column_stack([open_.get(name, never) for name in state["names"]])
    margins = {}
    for name in state["names"]:
        shares = np.array(state["rows"][name], np.float64)
        if kind == HOLE and shares[1:].sum() > 0:
            shares[0] = 0.0
        margins[name] = (
            Margin(state["rows"][name], state["valued"][name]),
            Margin(shares, state["valued"][name]),
        )
    u = streams.purpose("places").uniform(len(margins))
    place = dict(zip(state["names"], u.T, strict=True))
    copula = Copula(state["names"], state["correlation"])
    draws = streams.purpose("scores")
    out = dict(fields)
    spare: dict[str, NDArray[np.float64]] = {name: np.zeros(n) for name in window}
    patterns, of = np.unique(unknown, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        here = np.flatnonzero(of.reshape(-1) == number)
        known = {
            name: margins[name][0].score(_at(fields[name], here), place[name][here])
            for name, gone in zip(state["names"], pattern, strict=True)
            if not gone and name in fields
        }
        scores = copula.draw(draws.take(here), known)
        for name, gone in zip(state["names"], pattern, strict=True):
            if not gone or name == "first":
                continue
            drawn = margins[name][1].field(name.removeprefix("static:"), scores[name], place[name][here])
            if name in spare:
                spare[name][here] = np.nan_to_num(window[name].decode_values(drawn))
            else:
                out[name] = _put(out[name], here, drawn)
    statics = {n.removeprefix("static:"): f for n, f in out.items() if n.startswith("static:")}
    if not window:
        return statics, {}
    last = np.zeros(n)
    last[has] = view.time[view.offsets[1:][has] - 1]
    end = np.where(
        np.isfinite(view.end), view.end, np.where(has, np.maximum(first + spare["watched"], last), np.nan)
    )
    start = np.where(np.isfinite(view.start), view.start, np.where(has, first - spare["lead"], np.nan))
    return statics, {"start": start, "end": end}


def _at(field: Field, index: NDArray[np.int64]) -> Field:
    return replace(
        field, choice=field.choice[index], value=None if field.value is None else field.value[index]
    )


def _put(field: Field, index: NDArray[np.int64], drawn: Field) -> Field:
    choice = field.choice.copy()
    choice[index] = drawn.choice
    value = field.value
    if value is not None:
        value = value.copy()
        value[index] = 0.0 if drawn.value is None else drawn.value
    return replace(field, choice=choice, value=value)
