"""What a sequence remembers at a moment, as features of a network: one code for replay and for sampling.

A sequence is walked row by row. `Memory` holds what is kept of the rows so far; `remember` adds a row to it;
`steady` writes the features that stay until the next row, `passing` those that change with the moment, `own` those of
one field of the row that is being made. Features are pairs (index, value), so that a network's first layer costs only
what is not 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = [
    "OWN",
    "PER_CODE",
    "PER_MOMENT",
    "Layout",
    "Memory",
    "forget",
    "make_memory",
    "number_of",
    "own",
    "passing",
    "placed",
    "remember",
    "score_of",
    "steady",
    "unplaced",
]

PER_CODE = 5
"""Steady features of a code's memory, before those of its values."""
PER_MOMENT = 13
"""Passing features of a code's memory."""
LEVELS = 12
"""Most knots of the running total's hat functions."""
OWN = 21 + LEVELS
"""Features of a field's own memory, before those of the fields made before it in the row."""
AGES, GAPS, SINCE, BESIDE = 63, 32, 36, 7
"""Days that are told apart one by one: since the first row, the last row, a code's last; to the first row's day."""
SETTLED = 4
"""Rows after which the lowest running total is kept: what opens low is not what an entity keeps."""
ONE_HOT = 32
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


@compiled
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


@compiled
def number_of(lay, choice, score):
    """The number that a choice and a score of the total's field stand for; 0 for null."""
    if choice <= 0:
        return 0.0
    if choice <= len(lay.atoms):
        return lay.atoms[choice - 1]
    x = np.interp(score, lay.knot_scores, lay.knots)
    grid = lay.grids[min(choice - 1 - len(lay.atoms), len(lay.grids) - 1)]
    if grid > 0:
        x = np.rint(x / grid) * grid
    return x


@compiled
def placed(lay, code, f, score):
    """The place of a score among those of a code."""
    return np.interp(score, lay.maps[code, f], lay.map_scores)


@compiled
def unplaced(lay, code, f, place):
    """The score at a place among those of a code."""
    return np.interp(place, lay.map_scores, lay.maps[code, f])


@compiled
def score_of(lay, number):
    """The score of a number of the total's field."""
    if len(lay.knots) == 0:
        return 0.0
    return np.interp(number, lay.knots, lay.knot_scores)


@compiled
def _day(lay, t):
    day = math.floor(t / lay.day + 1e-9) - lay.day_zero
    return min(max(day, 0), len(lay.calendar) - 1)


@compiled
def remember(m, lay, t, code, choice, value):
    """Add the row (time, code, choice and value of each field) to the memory."""
    s = m.scalar
    if s[N] == 0:
        s[FIRST] = t
        s[LEVEL_T] = t
        s[TICK] = 0
        m.when[:] = t
        if lay.day > 0:
            s[DOM] = lay.calendar[_day(lay, t), 0]
    else:
        if t != s[LAST]:
            s[TICK] = 0
        s[GAP] = math.log2(1.0 + (t - s[LAST]) / lay.scale[0])
        s[GAP_MEAN] += (s[GAP] - s[GAP_MEAN]) / s[N]
    s[AREA] += s[LEVEL] * (t - s[LEVEL_T])
    s[LEVEL_T] = t
    j = lay.slot[code]
    if lay.day > 0:
        d = _day(lay, t)
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


@compiled
def _hat(index, value, n, base, knots, x):
    """Two hat functions at `x`, clipped to the knots."""
    top = len(knots) - 1
    if x <= knots[0]:
        index[n], value[n] = base, 1.0
        return n + 1
    if x >= knots[top]:
        index[n], value[n] = base + top, 1.0
        return n + 1
    k = 0
    while x >= knots[k + 1]:
        k += 1
    share = (x - knots[k]) / (knots[k + 1] - knots[k])
    index[n], value[n] = base + k, 1.0 - share
    index[n + 1], value[n + 1] = base + k + 1, share
    return n + 2


@compiled
def steady(m, lay, fixed_index, fixed_value, index, value):
    """Features that stay until the next row; returns how many were written.

    `fixed_index` and `fixed_value` are those of the entity's statics.
    """
    n = 0
    for k in range(len(fixed_index)):
        index[n], value[n] = fixed_index[k], fixed_value[k]
        n += 1
    s, at = m.scalar, lay.at
    n = _hat(index, value, n, at[0], lay.knots_count, math.log2(1.0 + s[N]))
    index[n], value[n] = at[1] + int(s[LAST_SLOT]) + 1, 1.0
    index[n + 1], value[n + 1] = at[2] + int(s[PREV_SLOT]) + 1, 1.0
    n += 2
    if s[N] > 1:
        n = _hat(index, value, n, at[20], lay.knots_gap, s[GAP])
        n = _hat(index, value, n, at[21], lay.knots_gap, s[GAP_MEAN])
    width = PER_CODE + 2 * len(lay.kept)
    for j in range(lay.slots):
        base = at[3] + j * width
        if m.times[j] == 0:
            index[n], value[n] = base, 1.0
            n += 1
            continue
        index[n], value[n] = base + 1, math.log2(1.0 + m.times[j]) / 4.0
        index[n + 1], value[n + 1] = base + 2, m.times[j] / s[N]
        n += 2
        if m.regular[j] > 0:
            index[n], value[n] = base + 3, m.regular[j] / (1.0 + m.regular[j])
            n += 1
        if m.times[j] == 1:
            index[n], value[n] = base + 4, 1.0
            n += 1
        for k in range(len(lay.kept)):
            f = lay.kept[k]
            if m.slot_known[j, f] > 0:
                index[n], value[n] = base + PER_CODE + 2 * k, m.slot_score[j, f]
                index[n + 1], value[n + 1] = base + PER_CODE + 2 * k + 1, m.slot_mean[j, f]
                n += 2
    base = at[4]
    for f in range(len(lay.choices)):
        if m.choice[f] >= 0:
            if m.choice[f] == 0:
                index[n], value[n] = base, 1.0
                n += 1
            if m.known[f] > 0:
                index[n], value[n] = base + 1, m.score[f]
                index[n + 1], value[n + 1] = base + 2, m.mean[f]
                index[n + 2], value[n + 2] = base + 3, m.score[f] - m.before[f]
                n += 3
            if lay.shown[f] > 0:
                index[n], value[n] = base + 4 + m.choice[f], 1.0
                n += 1
                if lay.shown[f] <= 12:
                    for c in range(lay.shown[f]):
                        seen = m.tally[lay.counts[f] + c]
                        if seen > 0:
                            ago = s[N] - m.since[lay.counts[f] + c]
                            index[n] = base + 4 + lay.shown[f] + 3 * c
                            value[n] = seen / s[N]
                            index[n + 1] = base + 4 + lay.shown[f] + 3 * c + 1
                            value[n + 1] = 1.0 / ago
                            index[n + 2] = base + 4 + lay.shown[f] + 3 * c + 2
                            value[n + 2] = min(math.log2(seen + 1.0), 4.0) / 4.0
                            n += 3
        base += 4 + lay.shown[f] + (3 * lay.shown[f] if lay.shown[f] <= 12 else 0)
    if lay.total >= 0:
        n = _hat(index, value, n, at[5], lay.knots_level, height(lay, s[LEVEL]))
        n = _hat(index, value, n, at[6], lay.knots_level, height(lay, s[LOWEST]))
    return n


@compiled
def passing(m, lay, t, index, value, n):
    """Features of the moment `t`, from place `n` on; returns the place after the last."""
    s, at = m.scalar, lay.at
    started = s[N] > 0
    tick = s[TICK] if started and t == s[LAST] else 0.0
    index[n], value[n] = at[7] + (min(int(tick), 3) if started else 4), 1.0
    n += 1
    unit = lay.scale[0]
    if started:
        n = _hat(index, value, n, at[8], lay.knots_gap, math.log2(1.0 + (t - s[LAST]) / unit))
        n = _hat(index, value, n, at[9], lay.knots_age, math.log2(1.0 + (t - s[FIRST]) / unit))
    n = _hat(index, value, n, at[10], lay.knots_time, t)
    dom = month = ends = 0
    if lay.day > 0:
        d = _day(lay, t)
        dom, ends, month = lay.calendar[d, 0], lay.calendar[d, 1], lay.calendar[d, 3]
        if lay.parts[0]:
            index[n], value[n] = at[11] + dom, 1.0
            index[n + 1], value[n + 1] = at[12] + min(ends, 7), 1.0
            n += 2
        if lay.parts[1]:
            index[n], value[n] = at[13] + lay.calendar[d, 2], 1.0
            n += 1
        if lay.parts[2]:
            index[n], value[n] = at[14] + month % 12, 1.0
            n += 1
        if lay.parts[3]:
            hour = (t / lay.day - math.floor(t / lay.day)) * 24.0
            index[n], value[n] = at[15] + min(int(hour + 1e-6), 23), 1.0
            n += 1
    if not started:
        return n
    days = lay.exact  # length of a day where days are told apart one by one
    if days > 0:
        age, gap = int((t - s[FIRST]) / days), int((t - s[LAST]) / days)
        if age < AGES:
            index[n], value[n] = at[17] + age, 1.0
            n += 1
        if gap < GAPS:
            index[n], value[n] = at[18] + gap, 1.0
            n += 1
        if lay.parts[0]:
            beside = dom - int(s[DOM])
            if ends == 0 and beside < 0:
                beside = 0
            beside = (beside + BESIDE) % 31
            if beside <= 2 * BESIDE:
                index[n], value[n] = at[19] + beside, 1.0
                n += 1
    for j in range(lay.slots):
        if m.times[j] == 0:
            continue
        base = at[16] + j * PER_MOMENT
        since = t - m.when[j]
        if days > 0 and since < SINCE * days:
            index[n], value[n] = at[22] + j * SINCE + int(since / days), 1.0
            n += 1
        if since == 0:
            index[n], value[n] = base, 1.0
            n += 1
        index[n], value[n] = base + 1, math.log2(1.0 + since / unit) / 4.0
        n += 1
        for k in range(2 if days > 0 else 0, 3):  # single days say what fast decays would
            decayed = math.exp(-since / lay.scale[1 + k])
            if decayed > 1e-3:
                index[n], value[n] = base + 2 + k, decayed
                n += 1
        if lay.day > 0 and lay.parts[0]:
            months = month - m.month[j]
            late = dom - m.dom[j]
            if months == 0:
                index[n], value[n] = base + 5, 1.0
                n += 1
            elif months == 1:
                if late == 0 or (ends == 0 and late < 0):
                    index[n], value[n] = base + 6, 1.0
                    n += 1
                elif late < 0:
                    if late >= -3:
                        index[n], value[n] = base + 7, 1.0
                        n += 1
                else:
                    index[n], value[n] = base + (8 if late <= 3 else 9), 1.0
                    n += 1
            elif late == 0:
                index[n], value[n] = base + 10, 1.0
                n += 1
            if months >= 2:
                index[n], value[n] = base + 11, 1.0
                n += 1
        if lay.day > 0 and lay.parts[1]:
            weeks = math.floor(t / lay.day + 1e-9) - math.floor(m.when[j] / lay.day + 1e-9)
            if weeks > 0 and weeks % 7 == 0:
                index[n], value[n] = base + 12, 1.0
                n += 1
    return n


@compiled
def height(lay, level):
    """A running total as a feature."""
    return math.asinh(level / lay.typical)


@compiled
def _dense_hat(out, knots, x):
    top = len(knots) - 1
    if x <= knots[0]:
        out[0] = 1.0
    elif x >= knots[top]:
        out[top] = 1.0
    else:
        k = 0
        while x >= knots[k + 1]:
            k += 1
        out[k + 1] = (x - knots[k]) / (knots[k + 1] - knots[k])
        out[k] = 1.0 - out[k + 1]


@compiled
def own(m, lay, t, code, f, choice, value, out):
    """Features of field `f` of the row that is being made: its memory, then the fields made before it.

    `choice` and `value` hold the row's fields before `f`. Returns how many were written.
    """
    j = lay.slot[code]
    s = m.scalar
    out[:OWN] = 0.0
    if m.choice[f] >= 0:
        out[0] = 1.0
        if m.choice[f] == 0:
            out[1] = 1.0
    if m.known[f] > 0:
        out[2] = m.score[f]
        out[3] = m.mean[f]
        out[4] = m.score[f] - m.before[f]
        out[5] = 1.0
    if m.slot_known[j, f] > 0:
        out[6] = 1.0
        out[7] = placed(lay, code, f, m.slot_score[j, f])
        out[8] = placed(lay, code, f, m.slot_mean[j, f])
        out[9] = math.exp(-(t - m.when[j]) / lay.scale[2])
        if m.slot_known[j, f] > 1:
            out[10] = 1.0
    if f == lay.total and s[N] > 0:
        span = t - m.when[j]
        if span > 0:
            mean = (s[AREA] + s[LEVEL] * (t - s[LEVEL_T]) - m.area[j]) / span
        else:
            mean = s[LEVEL]
        out[11] = placed(lay, code, f, score_of(lay, mean * lay.ratio_mean[code]))
        out[12] = placed(lay, code, f, score_of(lay, s[LEVEL] * lay.ratio_level[code]))
        out[13] = min(span / lay.scale[3], 2.0)
        sign = lay.sign[code]
        if m.times[j] > 0 and sign != 0:
            # what would bring the total to where it stood after the code's last row, and on the average
            out[14] = placed(lay, code, f, score_of(lay, max(sign * (m.slot_level[j] - s[LEVEL]), 0.0)))
            out[15] = placed(lay, code, f, score_of(lay, max(sign * (m.slot_level_mean[j] - s[LEVEL]), 0.0)))
            out[16] = 1.0
        out[17] = height(lay, s[LEVEL])
        for k in range(3):  # what is left until the total is as low as it seldom is
            out[18 + k] = placed(lay, code, f, score_of(lay, max(s[LEVEL] - lay.lows[k], 0.0)))
        _dense_hat(out[21 : 21 + len(lay.knots_level)], lay.knots_level, out[17])
    n = OWN
    for g in range(f):
        c = choice[g]
        if c == 0:
            out[n], out[n + 1] = 1.0, 0.0
        else:
            valued = lay.first[g] >= 0 and c >= lay.first[g]
            out[n], out[n + 1] = 0.0, value[g] if valued else lay.plain[g, c]
        n += 2
        if lay.shown[g] > 0:
            out[n : n + lay.shown[g]] = 0.0
            out[n + c] = 1.0
            n += lay.shown[g]
    return n
