"""What a sequence remembers of its rows so far: one code for replay and for sampling.

A sequence is walked row by row. `Memory` holds what is kept of the rows so far, `remember` adds a row to it;
`tsynth.compiled.features` says what a network sees of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.jit import uncounted

__all__ = [
    "Layout",
    "Memory",
    "day_of",
    "forget",
    "height",
    "make_memory",
    "number_of",
    "placed",
    "remember",
    "score_of",
    "unplaced",
]

LEVELS = 12
"""Most knots of the running total's hat functions."""
AGES, GAPS, SINCE, BESIDE = 63, 32, 36, 7
"""Days that are told apart one by one: since the first row, the last row, a code's last; to the first row's day."""
SETTLED = 4
"""Rows after which the lowest running total is kept: what opens low is not what an entity keeps."""
ONE_HOT = 128
"""Largest number of choices that are told apart one by one."""
N, FIRST, LAST, TICK, LAST_SLOT, PREV_SLOT, LEVEL, LEVEL_T, AREA, LOWEST, GAP, GAP_MEAN, DOM = range(13)


class Layout(NamedTuple):
    """Sizes and tables of one data set; plain arrays.

    Attributes
    ----------
    slot : int64 array, (codes,)
        Memory of each code; rare codes share the last one.
    slots : int
    choices, first : int64 array, (fields,)
        Choices of each field and the first that carries a value, -1 if none does.
    plain : float64 array, (fields, most choices)
        Score of each choice without a value.
    shown : int64 array, (fields,)
        Choices shown one by one in the features, 0 for fields with too many.
    kept : int64 array
        Fields whose values each code remembers.
    counts : int64 array, (fields,)
        Where each field's tally of choices begins in `Memory.tally`; the last entry is its size.
    scale : float64 array, (4,)
        Unit in which times since are logged; three decay times.
    knots_gap, knots_age, knots_time, knots_count, knots_level : float64 array
        Knots of the hat functions.
    day, day_zero : float, int
        Length of a day in time units, 0 where days mean nothing; number of the first day of `calendar`.
    calendar : int64 array, (days, 4)
        Day of month from 0, days to the month's end, weekday, month counted from year 0.
    exact : float
        Length of a day where days are told apart one by one, else 0.
    parts : int64 array, (4,)
        1 where features of day of month, weekday, month of year, hour of day are written.
    total : int
        Number of the field that adds up to a running total, -1 if none.
    sign, ratio_mean, ratio_level : float64 array, (codes,)
        Sign of each code in the total; its usual value per mean level since its last row, and per level.
    typical : float
        Size of the total.
    lows : float64 array, (3,)
        Levels below which the total seldom is.
    atoms, knots, knot_scores, grids : float64 array
        Numbers that the total's field stands for.
    maps : float64 array, (codes, fields, K)
        Scores at which the values of a field stand in rows of one code, at the places `map_scores`.
    map_scores : float64 array, (K,)
    at : int64 array
        First index of each group of features.
    """

    slot: np.ndarray
    slots: int
    choices: np.ndarray
    first: np.ndarray
    plain: np.ndarray
    shown: np.ndarray
    kept: np.ndarray
    counts: np.ndarray
    scale: np.ndarray
    knots_gap: np.ndarray
    knots_age: np.ndarray
    knots_time: np.ndarray
    knots_count: np.ndarray
    knots_level: np.ndarray
    day: float
    day_zero: int
    calendar: np.ndarray
    exact: float
    parts: np.ndarray
    total: int
    sign: np.ndarray
    ratio_mean: np.ndarray
    ratio_level: np.ndarray
    typical: float
    lows: np.ndarray
    atoms: np.ndarray
    knots: np.ndarray
    knot_scores: np.ndarray
    grids: np.ndarray
    maps: np.ndarray
    map_scores: np.ndarray
    at: np.ndarray


class Memory(NamedTuple):
    """What is kept of the rows so far; see `make_memory`."""

    scalar: np.ndarray
    times: np.ndarray
    when: np.ndarray
    dom: np.ndarray
    month: np.ndarray
    regular: np.ndarray
    area: np.ndarray
    choice: np.ndarray
    score: np.ndarray
    before: np.ndarray
    mean: np.ndarray
    known: np.ndarray
    slot_choice: np.ndarray
    slot_value: np.ndarray
    slot_score: np.ndarray
    slot_mean: np.ndarray
    slot_known: np.ndarray
    value: np.ndarray
    tally: np.ndarray
    since: np.ndarray
    slot_level: np.ndarray
    slot_level_mean: np.ndarray


def make_memory(slots: int, fields: int, tallies: int) -> Memory:
    """An empty memory."""

    def some(*shape: int) -> np.ndarray:
        return np.zeros(shape)

    def whole(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    return Memory(
        scalar=some(16), times=some(slots), when=some(slots), dom=whole(slots), month=whole(slots),
        regular=some(slots), area=some(slots), choice=whole(fields), score=some(fields), before=some(fields),
        mean=some(fields), known=some(fields), slot_choice=whole(slots, fields), slot_value=some(slots, fields),
        slot_score=some(slots, fields), slot_mean=some(slots, fields), slot_known=some(slots, fields),
        value=some(fields), tally=some(tallies), since=some(tallies), slot_level=some(slots),
        slot_level_mean=some(slots),
    )  # fmt: skip


@uncounted
def forget(m, begin):
    """Make the memory empty; the running total opens at `begin`."""
    for a in (m.scalar, m.times, m.when, m.regular, m.area, m.score, m.before, m.mean, m.known, m.value):
        a[:] = 0.0
    m.tally[:] = 0.0
    m.since[:] = -1e300
    m.dom[:] = -1
    m.month[:] = -1
    m.choice[:] = -1
    m.slot_choice[:] = -1
    m.slot_value[:] = 0.0
    m.slot_score[:] = 0.0
    m.slot_mean[:] = 0.0
    m.slot_known[:] = 0.0
    m.slot_level[:] = 0.0
    m.slot_level_mean[:] = 0.0
    m.scalar[LAST_SLOT] = -1.0
    m.scalar[PREV_SLOT] = -1.0
    m.scalar[LEVEL] = begin
    m.scalar[LOWEST] = begin


@uncounted
def _between(x, xs, ys):
    """Linear interpolation at one point, as `numpy.interp`, which is slow for one."""
    low, high = 0, len(xs) - 1
    if x >= xs[high]:
        return ys[high]
    if not x > xs[0]:  # NaN too
        return ys[0]
    while high - low > 1:
        middle = (low + high) >> 1
        if xs[middle] <= x:
            low = middle
        else:
            high = middle
    return ys[low] + (x - xs[low]) * ((ys[high] - ys[low]) / (xs[high] - xs[low]))


@uncounted
def number_of(lay, choice, score):
    """The number that a choice and a score of the total's field stand for; 0 for null."""
    if choice <= 0:
        return 0.0
    if choice <= len(lay.atoms):
        return lay.atoms[choice - 1]
    x = _between(score, lay.knot_scores, lay.knots)
    grid = lay.grids[min(choice - 1 - len(lay.atoms), len(lay.grids) - 1)]
    if grid > 0:
        x = np.rint(x / grid) * grid
    return x


@uncounted
def placed(lay, code, f, score):
    """The place of a score among those of a code."""
    return _between(score, lay.maps[code, f], lay.map_scores)


@uncounted
def unplaced(lay, code, f, place):
    """The score at a place among those of a code."""
    return _between(place, lay.map_scores, lay.maps[code, f])


@uncounted
def score_of(lay, number):
    """The score of a number of the total's field."""
    if len(lay.knots) == 0:
        return 0.0
    return _between(number, lay.knots, lay.knot_scores)


@uncounted
def day_of(lay, t):
    """Row of `lay.calendar` that holds the moment `t`."""
    day = math.floor(t / lay.day + 1e-9) - lay.day_zero
    return min(max(day, 0), len(lay.calendar) - 1)


@uncounted
def remember(m, lay, t, code, choice, value):
    """Add the row (time, code, choice and value of each field) to the memory."""
    s = m.scalar
    if s[N] == 0:
        s[FIRST] = t
        s[LEVEL_T] = t
        s[TICK] = 0
        m.when[:] = t
        if lay.day > 0:
            s[DOM] = lay.calendar[day_of(lay, t), 0]
    else:
        if t != s[LAST]:
            s[TICK] = 0
        s[GAP] = math.log2(1.0 + (t - s[LAST]) / lay.scale[0])
        s[GAP_MEAN] += (s[GAP] - s[GAP_MEAN]) / s[N]
    s[AREA] += s[LEVEL] * (t - s[LEVEL_T])
    s[LEVEL_T] = t
    j = lay.slot[code]
    if lay.day > 0:
        d = day_of(lay, t)
        dom, month = lay.calendar[d, 0], lay.calendar[d, 3]
        if m.times[j] > 0:
            close = abs(dom - m.dom[j]) <= 1 or (lay.calendar[d, 1] == 0 and dom <= m.dom[j] + 1)
            if month == m.month[j] + 1 and close:
                m.regular[j] += 1.0
            else:
                m.regular[j] *= 0.5
        m.dom[j], m.month[j] = dom, month
    m.times[j] += 1.0
    m.when[j] = t
    for f in range(len(lay.choices)):
        c = choice[f]
        m.choice[f] = c
        if lay.counts[f + 1] > lay.counts[f]:
            m.tally[lay.counts[f] + c] += 1.0
            m.since[lay.counts[f] + c] = s[N]
        if c == 0:
            continue
        valued = lay.first[f] >= 0 and c >= lay.first[f]
        score = value[f] if valued else lay.plain[f, c]
        m.before[f] = m.score[f] if m.known[f] > 0 else score
        m.known[f] += 1.0
        m.mean[f] += (score - m.mean[f]) / m.known[f]
        m.score[f] = score
        m.value[f] = value[f] if valued else 0.0
        m.slot_choice[j, f] = c
        m.slot_value[j, f] = m.value[f]
        m.slot_score[j, f] = score
        m.slot_known[j, f] += 1.0
        m.slot_mean[j, f] += (score - m.slot_mean[j, f]) / m.slot_known[j, f]
    if lay.total >= 0:
        s[LEVEL] += lay.sign[code] * number_of(lay, choice[lay.total], value[lay.total])
        s[LOWEST] = min(s[LOWEST], s[LEVEL]) if s[N] >= SETTLED else s[LEVEL]
        m.slot_level[j] = s[LEVEL]
        m.slot_level_mean[j] += (s[LEVEL] - m.slot_level_mean[j]) / m.times[j]
    m.area[j] = s[AREA]
    s[N] += 1
    s[TICK] += 1
    s[LAST] = t
    s[PREV_SLOT] = s[LAST_SLOT]
    s[LAST_SLOT] = j


@uncounted
def height(lay, level):
    """A running total as a feature."""
    return math.asinh(level / lay.typical)
