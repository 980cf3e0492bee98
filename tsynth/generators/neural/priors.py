"""What never came although it was expected, how often codes take their choices, and the scales of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from tsynth.data.encoding.continuous import REACH
from tsynth.data.encoding.timing import gaps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.neural.codes import Table

__all__ = ["PRIOR", "aims", "bounds", "map_scores", "placed", "ranks", "value_scales"]

CERTAIN = 9.0
"""What was expected so many times and never came is taken to be impossible (by chance: exp(-9))."""
PRIOR = 4.0
"""Rows that the usual share of a choice counts for beside those of a code."""
RANKED = 10.0
"""Rows that the usual order of a field's numbers counts for beside those of a code."""
MAP_KNOTS, MAP_REACH = 41, 3.2
FEWEST = 25
"""New values from which on a code has a scale of its own."""


def bounds(rows: Table, made: dict[str, Any]) -> dict[str, Any]:
    """What never came although it was expected often, and the most rows of a code."""
    view, code, codes = rows.view, rows.code, made["codes"]
    count = np.bincount(code, minlength=codes).astype(np.float64)
    share = count / max(count.sum(), 1.0)
    _, inside = gaps_of(view.offsets, view.time)
    ordinal = view.offsets[:-1][np.diff(view.offsets) > 0]
    opens = np.bincount(code[ordinal], minlength=codes)
    later = count - opens
    out: dict[str, Any] = {
        "opens": (opens > 0) | (len(ordinal) * share < CERTAIN),
        "follows": ((later > 0) | (count < CERTAIN)) & (rows.base >= 0),
    }
    owner = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    new = ~inside
    new[1:] |= view.time[1:] != view.time[:-1]
    tick = np.cumsum(new.astype(np.int64))
    out["most_tick"] = _most(tick, code, codes)
    ever = _most(owner, code, codes)
    once = (ever == 1) & (count >= 30)
    out["most_ever"] = np.where(once, 1, np.ceil(1.3 * ever).astype(np.int64) + 2)
    same = np.flatnonzero(~new)
    pair = np.ones((codes + 1, codes), np.bool_)
    if codes <= 400:
        seen = np.zeros((codes, codes))
        np.add.at(seen, (code[same - 1], code[same]), 1.0)
        expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0) / max(seen.sum(), 1.0)
        pair[:codes] = (seen > 0) | (expected < CERTAIN)
    out["pair"] = pair
    dom, ends, weekday = (np.ones((codes, k), np.bool_) for k in (31, 8, 7))
    out["most_month"] = np.full(codes, 1 << 40)
    if made["calendar"] and made["day"] > 0:
        table, zero = _calendar(made)
        out["days"], out["day_zero"] = table, zero
        day = np.floor(view.time / made["day"] + 1e-9).astype(np.int64) - zero
        span = (np.floor(np.asarray(made["span"]) / made["day"]).astype(np.int64)) - zero
        every = np.arange(span[0], span[1] + 1)
        for column, allowed in ((0, dom), (1, ends), (2, weekday)):
            size = allowed.shape[1]
            place = np.minimum(table[:, column], size - 1)
            base = np.bincount(place[every], minlength=size) / len(every)
            seen = np.zeros((codes, size))
            np.add.at(seen, (code, place[day]), 1.0)
            allowed[:] = (seen > 0) | (count[:, None] * base < CERTAIN)
        month = owner * 100_000 + table[day, 3]
        most = _most(month, code, codes)
        out["most_month"] = np.where(count >= 30, most, 1 << 40)
    else:
        out["days"], out["day_zero"] = np.zeros((1, 4), np.int64), 0
    out |= {"day_of_month": dom, "to_month_end": ends, "weekday": weekday}
    return out


def value_scales(rows: Table, made: dict[str, Any]) -> dict[str, Any]:
    """Of each code and field: logarithms of how often each choice is taken, and the scores of its new values."""
    code, codes = rows.code, made["codes"]
    count = np.bincount(code, minlength=codes).astype(np.float64)
    fields = rows.fields
    width = max([f.choices + 2 for f in fields], default=1)
    prior = np.full((len(fields), codes, width), -1e9, np.float32)
    scores = map_scores()
    # a score beyond a code's own ends keeps to them
    maps = np.tile(scores * REACH / MAP_REACH, (codes, len(fields), 1))
    for j, field in enumerate(fields):
        size, first = field.choices, field.continuous
        aim = aims(rows, j)
        options = size + (2 if first >= 0 else 0)
        seen = np.zeros((codes, options))
        np.add.at(seen, (code, aim), 1.0)
        usual = seen.sum(axis=0) / max(seen.sum(), 1.0)
        share = (seen + PRIOR * usual) / (count[:, None] + PRIOR)
        never = (seen[:, :size] == 0) & (count[:, None] * usual[:size] >= CERTAIN)
        share[:, :size][never] = 0.0
        with np.errstate(divide="ignore"):
            prior[j, :, :options] = np.where(share > 0, np.log(share), -1e9)
        if first >= 0:
            prior[j, :, size:options] = np.maximum(prior[j, :, size:options], np.log(1e-4))
            for c in range(codes):
                fresh = rows.value[(code == c) & (aim >= first) & (aim < size), j]
                if len(fresh) < FEWEST:
                    fresh = rows.value[(code == c) & (field.choice >= first), j]
                if len(fresh) >= FEWEST:
                    maps[c, j] = _map(np.sort(fresh), scores)
    return {"prior": prior, "maps": maps, "map_scores": scores}


def ranks(rows: Table, made: dict[str, Any], ordered: list[bool]) -> NDArray[np.float32]:
    """Normal score of each choice that is a number among those of its code, else 0, (fields, codes, choices).

    Parameters
    ----------
    rows : Table
    made : dict
        Sizes and scores of choices.
    ordered : list of bool
        Whether a field's choices but null are numbers.
    """
    codes, fields = made["codes"], rows.fields
    out = np.zeros((len(fields), codes, max([f.choices for f in fields], default=1)), np.float32)
    for j, field in enumerate(fields):
        last = field.choices if field.continuous < 0 else field.continuous
        if not ordered[j] or last < 3:
            continue
        seen = np.zeros((codes, field.choices))
        np.add.at(seen, (rows.code, field.choice), 1.0)
        share = seen[:, 1:last] + RANKED * seen[:, 1:last].sum(axis=0) / max(seen[:, 1:last].sum(), 1.0)
        order = np.argsort(made["plain"][j, 1:last], kind="stable")
        share = share[:, order] / np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        out[j][:, 1 + order] = ndtri(np.clip(np.cumsum(share, axis=1) - 0.5 * share, 1e-3, 1 - 1e-3))
    return out


def map_scores() -> NDArray[np.float64]:
    """Normal scores at which the scores of a code are kept."""
    return np.linspace(-MAP_REACH, MAP_REACH, MAP_KNOTS)


def aims(rows: Table, j: int) -> NDArray[np.int64]:
    """What is to be drawn of field `j`: its choice, or one more for a copy of the value of the code's last row and one
    more for a copy of the last row's.
    """
    view, code, field = rows.view, rows.code, rows.fields[j]
    size, first = field.choices, field.continuous
    aim = field.choice.astype(np.int64)
    if first < 0:
        return aim
    owner = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
    order = np.lexsort((np.arange(len(owner)), code, owner))
    same = (owner[order][1:] == owner[order][:-1]) & (code[order][1:] == code[order][:-1])
    value = rows.value[:, j]
    _, last = gaps_of(view.offsets, view.time)
    last[1:] &= (field.choice[1:] == field.choice[:-1]) & (value[1:] == value[:-1])
    mine = np.zeros(len(owner), np.bool_)
    now, before = order[1:][same], order[:-1][same]
    mine[now] = (field.choice[now] == field.choice[before]) & (value[now] == value[before])
    return np.where((aim >= first) & mine, size, np.where((aim >= first) & last, size + 1, aim))


def _map(value: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of sorted values at normal scores; the ends are means over the few most extreme."""
    edge = min(3, len(value) // 10)
    if edge > 1:
        value = value.copy()
        value[:edge], value[-edge:] = value[:edge].mean(), value[-edge:].mean()
    at = np.interp(ndtr(scores), (np.arange(len(value)) + 0.5) / len(value), value)
    return np.maximum.accumulate(at) + np.arange(len(at)) * 1e-9


def placed(made: dict[str, Any], rows: Table) -> NDArray[np.float64]:
    """Place of every value among those of its code."""
    out = rows.value.copy()
    for c in range(made["codes"]):
        here = np.flatnonzero(rows.code == c)
        for j in range(out.shape[1]):
            if made["field_first"][j] >= 0:
                out[here, j] = np.interp(out[here, j], made["maps"][c, j], made["map_scores"])
    return out


def _most(group: NDArray[np.int64], code: NDArray[np.int64], codes: int) -> NDArray[np.int64]:
    """Most rows of each code in one group."""
    _, first, count = np.unique(group * codes + code, return_index=True, return_counts=True)
    out = np.zeros(codes, np.int64)
    np.maximum.at(out, code[first], count)
    return out


def _calendar(made: dict[str, Any]) -> tuple[NDArray[np.int64], int]:
    """Day of month, days to its end, weekday and month of every day that may be looked at, and the first day."""
    low, high = (int(np.floor(x / made["day"])) for x in made["span"])
    zero, days = low - 40, high - low + 2_000
    dates = (np.datetime64(0, "D") + zero) + np.arange(days)
    month = dates.astype("datetime64[M]")
    dom = (dates - month.astype("datetime64[D]")).astype(np.int64)
    ends = ((month + 1).astype("datetime64[D]") - dates).astype(np.int64) - 1
    weekday = (np.arange(zero, zero + days) + 3) % 7
    return np.column_stack([dom, ends, weekday, month.astype(np.int64) + 1970 * 12]), zero
