"""What is fixed before a network learns: codes, the way of time, the layout of features, and what may not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled import memory
from tsynth.compiled.features import OWN, PER_CODE, PER_MOMENT
from tsynth.data.encoding.continuous import REACH, Continuous
from tsynth.data.encoding.timing import gaps_of
from tsynth.generators.neural.codes import lowest
from tsynth.generators.neural.priors import bounds, ranks, value_scales
from tsynth.generators.neural.timing import cycle, gap_classes, hours
from tsynth.generators.values import discrete_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Field
    from tsynth.data.encoding.timing import Timing
    from tsynth.generators.neural.codes import Table

__all__ = ["by_ticks", "fixed_features", "plan"]

SLOTS = 40
"""Codes with a memory of their own."""
MEMORIES = 240
"""Values that the codes together remember."""
TALLIES = 64
"""Largest number of choices of which an entity keeps a tally."""
SHORTEST = 5
"""Entities of the fewest rows from which on nobody is made with fewer."""
DENSE = 40.0
"""Days a row up to which every day is looked at; sparser rows go by gaps."""


def plan(
    rows: Table, encoder: Encoder, total: dict[str, Any], ratios: list[NDArray[np.float64]]
) -> dict[str, Any]:
    """Everything that stands before learning, as plain values and arrays.

    Parameters
    ----------
    rows : Table
        All rows that are learned from.
    encoder : Encoder
    total : dict
        What `tsynth.generators.balances.signs` found.
    ratios : list of two arrays, (codes,)
        Usual value of the total's field per mean level since the code's last row, and per level.
    """
    view, timing = rows.view, encoder.timing
    mark = view.fields[view.mark] if view.mark is not None and view.fields[view.mark].continuous < 0 else None
    codes = len(rows.base)
    span = timing.span_
    lattice = float(encoder.time_step_)
    day = float(view.day)
    if day == 0 and not view.calendar:
        day = cycle(view.time, lattice)
    ticked = by_ticks(timing, day, lattice)
    counts = np.bincount(rows.code, minlength=codes)
    slot, slots = _slots(counts, rows)
    fields = rows.fields
    width = max([f.choices for f in fields], default=1)
    plain = np.zeros((len(fields), width))
    for j, field in enumerate(fields):
        plain[j, : field.choices] = _plain(field, encoder)
    shown = np.array([f.choices if f.choices <= memory.ONE_HOT else 0 for f in fields], np.int64)
    tallies = np.array([f.choices if f.choices <= TALLIES else 0 for f in fields], np.int64)
    kept = [j for j, f in enumerate(fields) if f.continuous >= 0][: max(1, MEMORIES // (2 * slots))]
    unit = (lattice if ticked else timing.typical_ / 4.0) or 1.0
    decay = np.array([1.5, 7.0, 30.0]) * day if ticked else np.array([0.5, 2.0, 10.0]) * timing.typical_
    longest = int(np.diff(view.offsets).max(initial=1))
    gaps, inside = gaps_of(view.offsets, view.time)
    widest = float(gaps.max(initial=unit))
    lives = span[1] - span[0] if span[1] > span[0] else 1.0
    made: dict[str, Any] = {
        "codes": codes,
        "base": rows.base,
        "level": rows.level,
        "lowest": 0 if mark is None else lowest(mark),
        "mark": None if mark is None else mark.name,
        "mark_choices": 0 if mark is None else mark.choices,
        "fields": [f.name for f in fields],
        "field_choices": np.array([f.choices for f in fields], np.int64),
        "field_first": np.array([f.continuous for f in fields], np.int64),
        "plain": plain,
        "slot": slot,
        "slots": slots,
        "shown": shown,
        "kept": np.array(kept, np.int64),
        "tallies": np.concatenate([[0], np.cumsum(tallies)]).astype(np.int64),
        "scale": np.array([unit, *decay]),
        "knots_gap": np.linspace(0.0, np.log2(1.0 + widest / unit) + 1e-9, 12),
        "knots_age": np.linspace(0.0, np.log2(1.0 + lives / unit) + 1e-9, 8),
        "knots_time": np.linspace(span[0], span[0] + lives, 9),
        "knots_count": np.linspace(0.0, np.log2(1.0 + longest) + 1e-9, 8),
        "day": day,
        "view_day": float(view.day),
        "span": np.array(span, np.float64),
        "calendar": bool(view.calendar),
        "subday": bool(day > 0 and (lattice <= 0 or lattice % day != 0)),
        "ticked": ticked,
        "tick": max(lattice, day) if ticked else 0.0,
        "step": lattice,
        "most": 3 * longest + 32 if longest > 1 else 1,
        "least": _least(np.diff(view.offsets)),
        "clock": bool(timing.clock_),
        "windowed": bool(view.windowed),
    }  # fmt: skip
    made |= _total(rows, encoder, total, ratios, codes)
    made |= gap_classes(gaps[inside], view, lattice)
    made["hour_weight"] = hours(view, gaps, inside, made)
    made |= bounds(rows, made)
    made["statics"] = [
        {"name": n, "choices": f.choices, "first": f.continuous} for n, f in view.statics.items()
    ]
    made |= value_scales(rows, made)
    numbers = [isinstance(encoder.encodings.get(f.name), Continuous) for f in fields]
    made["ranks"] = ranks(rows, made, numbers)
    made |= {"level_edges": np.zeros(0), "level_keep": np.ones(1), "end_shift": np.zeros(1)}
    made["at"], made["features"] = _places(made)
    made["place"] = _straight(made)
    made["widths"] = _widths(made)
    return made


def by_ticks(timing: Timing, day: float, lattice: float) -> bool:
    """Whether every day is looked at: rows lie on days of one calendar and are dense enough."""
    whole = day > 0 and lattice > 0 and lattice % day == 0
    return bool(timing.clock_ and whole and timing.pace_ <= DENSE)


def _slots(counts: NDArray[np.int64], rows: Table) -> tuple[NDArray[np.int64], int]:
    """Memory of each code: its own for the most frequent, one for the rest together; first rows share their level's."""
    own = np.flatnonzero(rows.base >= 0)
    order = own[np.argsort(-counts[own], kind="stable")]
    slots = min(len(own), SLOTS)
    slot = np.full(len(counts), slots - 1, np.int64)
    slot[order[:slots]] = np.arange(slots)
    opens = np.flatnonzero(rows.base < 0)
    slot[opens] = slot[rows.level[opens]]
    return slot, slots


def _plain(field: Field, encoder: Encoder) -> NDArray[np.float64]:
    """Score of each choice that carries no value: of a number its place among the scores."""
    encoding = encoder.encodings.get(field.name)
    if isinstance(encoding, Continuous) and len(encoding.atoms_):
        out = np.zeros(field.choices)
        if len(encoding.knots_):
            scores = np.linspace(-REACH, REACH, len(encoding.knots_))
            out[1 : 1 + len(encoding.atoms_)] = np.interp(encoding.atoms_, encoding.knots_, scores)
            return out
    return discrete_scores(np.bincount(field.choice, minlength=field.choices), field.continuous)


def _total(
    rows: Table, encoder: Encoder, total: dict[str, Any], ratios: list[NDArray[np.float64]], codes: int
) -> dict[str, Any]:
    if not total:
        none = np.zeros(0)
        return {
            "total": -1, "sign": np.zeros(codes), "ratio_mean": np.zeros(codes), "ratio_level": np.zeros(codes),
            "typical": 1.0, "lows": np.zeros(3), "atoms": none, "knots": none, "knot_scores": none, "grids": none,
            "floor": -1e300, "knots_level": np.array([0.0, 1.0]), "opening": "",
        }  # fmt: skip
    encoding = encoder.encodings[total["field"]]
    assert isinstance(encoding, Continuous)
    names = [f.name for f in rows.fields]
    heights = np.asarray(total["heights"])
    return {
        "total": names.index(total["field"]),
        "sign": np.asarray(total["sign"], np.float64)[rows.level],
        "ratio_mean": ratios[0],
        "ratio_level": ratios[1],
        "typical": float(total["typical"]),
        "lows": np.asarray(total["lows"]),
        "atoms": encoding.atoms_,
        "knots": encoding.knots_,
        "knot_scores": np.linspace(-REACH, REACH, len(encoding.knots_)),
        "grids": encoding.grids_,
        "floor": float(total["floor"]),
        "knots_level": heights,
        "opening": total["opening"],
    }


def _places(made: dict[str, Any]) -> tuple[NDArray[np.int64], int]:
    """First feature of each group, and how many there are; statics come first."""
    statics = sum(_static_width(s) for s in made["statics"])
    slots, kept = made["slots"], len(made["kept"])
    fields = sum(int(4 + k + (3 * k if k <= 12 else 0)) for k in made["shown"])
    level = len(made["knots_level"])
    sizes = [
        len(made["knots_count"]), slots + 1, slots + 1, slots * (PER_CODE + 2 * kept), fields, level, level,
        5, len(made["knots_gap"]), len(made["knots_age"]), len(made["knots_time"]), 31, 8, 7, 12, 24,
        slots * PER_MOMENT, memory.AGES, memory.GAPS, 2 * memory.BESIDE + 1, len(made["knots_gap"]),
        len(made["knots_gap"]), slots * memory.SINCE if made["ticked"] else 0,
    ]  # fmt: skip
    at = statics + np.concatenate([[0], np.cumsum(sizes)])
    return at[:-1].astype(np.int64), int(at[-1])


def _straight(made: dict[str, Any]) -> NDArray[np.int64]:
    """Place of each feature among statics and last and mean values of all codes, -1 for the others."""
    place = np.full(made["features"], -1)
    statics, slots, kept = int(made["at"][0]), made["slots"], len(made["kept"])
    place[:statics] = np.arange(statics)
    first = made["at"][3] + np.arange(slots)[:, None] * (PER_CODE + 2 * kept) + PER_CODE
    place[first + np.arange(2 * kept)] = statics + np.arange(slots * 2 * kept).reshape(slots, 2 * kept)
    return place


def _least(lengths: NDArray[np.int64]) -> int:
    """Rows that every entity has, of those that have any; 1 where few have no more, whose own length it would tell."""
    held = lengths[lengths > 0]
    least = int(held.min(initial=np.iinfo(np.int64).max)) if len(held) else 1
    return least if np.sum(held == least) >= SHORTEST else 1


def _widths(made: dict[str, Any]) -> NDArray[np.int64]:
    """Where each field's own features begin; the last entry is their number."""
    shown = made["shown"]
    own = [OWN + sum(2 + int(k) for k in shown[:f]) for f in range(len(shown))]
    return np.concatenate([[0], np.cumsum(own)]).astype(np.int64)


def _static_width(static: dict[str, Any]) -> int:
    return int(static["choices"]) if static["first"] < 0 else int(static["first"]) + 7


_STATIC_KNOTS = np.array([-2.0, -1.2, -0.5, 0.0, 0.5, 1.2, 2.0])


def fixed_features(
    made: dict[str, Any], statics: dict[str, Field], entities: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Features of each entity's statics as compressed rows."""
    indices, values = [], []
    base = 0
    for static in made["statics"]:
        field = statics[static["name"]]
        first = static["first"]
        if first < 0:
            indices.append(base + np.minimum(field.choice, static["choices"] - 1))
            values.append(np.ones(entities))
        else:
            valued = field.choice >= first
            z = np.clip(field.value if field.value is not None else np.zeros(entities), -2.0, 2.0)
            low = np.clip(np.searchsorted(_STATIC_KNOTS, z, side="right") - 1, 0, 5)
            share = (z - _STATIC_KNOTS[low]) / (_STATIC_KNOTS[low + 1] - _STATIC_KNOTS[low])
            indices.append(base + np.where(valued, first + low, field.choice))
            values.append(np.where(valued, 1.0 - share, 1.0))
            indices.append(base + np.where(valued, first + low + 1, field.choice))
            values.append(np.where(valued, share, 0.0))
        base += _static_width(static)
    if not indices:
        return np.zeros(entities + 1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    each = len(indices)
    at = np.arange(entities + 1, dtype=np.int64) * each
    return at, np.column_stack(indices).ravel().astype(np.int32), np.column_stack(values).ravel()
