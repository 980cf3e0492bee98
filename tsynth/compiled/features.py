"""What a network sees of a memory at a moment: pairs (index, value), so that a first layer costs what is not 0.

`steady` writes the features that stay until the next row, `passing` those that change with the moment, `own` those of
one field of the row that is being made: one code for replay and for sampling. `lately`, `of_slot`, `moment` and
`decays` are the parts of which sampling keeps sums (`tsynth.compiled.first_layer`).
"""

from __future__ import annotations

import math

from tsynth.compiled import memory
from tsynth.compiled.jit import uncounted

__all__ = [
    "AT_DECAY", "AT_SHARE", "DECAYS", "OWN", "PER_CODE", "PER_MOMENT", "decays", "lately", "moment", "of_slot", "own",
    "passing", "steady",
]  # fmt: skip

PER_CODE = 5
"""Steady features of a code's memory, before those of its values."""
PER_MOMENT = 13
"""Passing features of a code's memory."""
OWN = 21 + memory.LEVELS
"""Features of a field's own memory, before those of the fields made before it in the row."""
AT_SHARE, AT_DECAY, DECAYS = 2, 2, 3
"""Among a code's steady features: its share of the rows; among its passing ones: the first of its decays."""
FAINT = 1e-3
AGES, GAPS, SINCE, BESIDE = memory.AGES, memory.GAPS, memory.SINCE, memory.BESIDE
N, FIRST, LAST, TICK, DOM = memory.N, memory.FIRST, memory.LAST, memory.TICK, memory.DOM
LAST_SLOT, PREV_SLOT, GAP, GAP_MEAN = memory.LAST_SLOT, memory.PREV_SLOT, memory.GAP, memory.GAP_MEAN
LEVEL, LEVEL_T, AREA, LOWEST = memory.LEVEL, memory.LEVEL_T, memory.AREA, memory.LOWEST
_day_of, _height, _placed, _score_of = memory.day_of, memory.height, memory.placed, memory.score_of


@uncounted
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


@uncounted
def of_slot(m, lay, j, index, value, n):
    """What stays of the memory of slot `j`, but for its share of the rows."""
    base = lay.at[3] + j * (PER_CODE + 2 * len(lay.kept))
    if m.times[j] == 0:
        index[n], value[n] = base, 1.0
        return n + 1
    index[n], value[n] = base + 1, math.log2(1.0 + m.times[j]) / 4.0
    n += 1
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
    return n


@uncounted
def lately(m, lay, index, value, n):
    """What stays until the next row and belongs to no slot."""
    s, at = m.scalar, lay.at
    n = _hat(index, value, n, at[0], lay.knots_count, math.log2(1.0 + s[N]))
    index[n], value[n] = at[1] + int(s[LAST_SLOT]) + 1, 1.0
    index[n + 1], value[n + 1] = at[2] + int(s[PREV_SLOT]) + 1, 1.0
    n += 2
    if s[N] > 1:
        n = _hat(index, value, n, at[20], lay.knots_gap, s[GAP])
        n = _hat(index, value, n, at[21], lay.knots_gap, s[GAP_MEAN])
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
        n = _hat(index, value, n, at[5], lay.knots_level, _height(lay, s[LEVEL]))
        n = _hat(index, value, n, at[6], lay.knots_level, _height(lay, s[LOWEST]))
    return n


@uncounted
def steady(m, lay, fixed_index, fixed_value, index, value):
    """Features that stay until the next row; returns how many were written.

    `fixed_index` and `fixed_value` are those of the entity's statics.
    """
    n = len(fixed_index)
    for k in range(n):
        index[k], value[k] = fixed_index[k], fixed_value[k]
    n = lately(m, lay, index, value, n)
    width = PER_CODE + 2 * len(lay.kept)
    for j in range(lay.slots):
        n = of_slot(m, lay, j, index, value, n)
        if m.times[j] > 0:
            index[n], value[n] = lay.at[3] + j * width + AT_SHARE, m.times[j] / m.scalar[N]
            n += 1
    return n


@uncounted
def decays(lay):
    """The first of the decays that are written: single days say what fast ones would."""
    return 2 if lay.exact > 0 else 0


@uncounted
def passing(m, lay, t, index, value, n):
    """Features of the moment `t`, from place `n` on; returns the place after the last."""
    n = moment(m, lay, t, index, value, n)
    if m.scalar[N] == 0:
        return n
    for j in range(lay.slots):
        if m.times[j] == 0:
            continue
        base = lay.at[16] + j * PER_MOMENT
        for k in range(decays(lay), DECAYS):
            decayed = math.exp(-(t - m.when[j]) / lay.scale[1 + k])
            if decayed > FAINT:
                index[n], value[n] = base + AT_DECAY + k, decayed
                n += 1
    return n


@uncounted
def moment(m, lay, t, index, value, n):
    """Features of the moment `t` but for the decays since each code's last row."""
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
        d = _day_of(lay, t)
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
        if lay.day > 0 and lay.parts[0]:
            n = _months(m, lay, j, base, month - m.month[j], dom - m.dom[j], ends, index, value, n)
        if lay.day > 0 and lay.parts[1]:
            weeks = math.floor(t / lay.day + 1e-9) - math.floor(m.when[j] / lay.day + 1e-9)
            if weeks > 0 and weeks % 7 == 0:
                index[n], value[n] = base + 12, 1.0
                n += 1
    return n


@uncounted
def _months(m, lay, j, base, months, late, ends, index, value, n):
    """Months since slot `j`'s last row, and days by which the day of the month is later than then."""
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
    return n


@uncounted
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


@uncounted
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
        out[7] = _placed(lay, code, f, m.slot_score[j, f])
        out[8] = _placed(lay, code, f, m.slot_mean[j, f])
        out[9] = math.exp(-(t - m.when[j]) / lay.scale[2])
        if m.slot_known[j, f] > 1:
            out[10] = 1.0
    if f == lay.total and s[N] > 0:
        span = t - m.when[j]
        if span > 0:
            mean = (s[AREA] + s[LEVEL] * (t - s[LEVEL_T]) - m.area[j]) / span
        else:
            mean = s[LEVEL]
        out[11] = _placed(lay, code, f, _score_of(lay, mean * lay.ratio_mean[code]))
        out[12] = _placed(lay, code, f, _score_of(lay, s[LEVEL] * lay.ratio_level[code]))
        out[13] = min(span / lay.scale[3], 2.0)
        sign = lay.sign[code]
        if m.times[j] > 0 and sign != 0:
            # what would bring the total to where it stood after the code's last row, and on the average
            out[14] = _placed(lay, code, f, _score_of(lay, max(sign * (m.slot_level[j] - s[LEVEL]), 0.0)))
            out[15] = _placed(
                lay, code, f, _score_of(lay, max(sign * (m.slot_level_mean[j] - s[LEVEL]), 0.0))
            )
            out[16] = 1.0
        out[17] = _height(lay, s[LEVEL])
        for k in range(3):  # what is left until the total is as low as it seldom is
            out[18 + k] = _placed(lay, code, f, _score_of(lay, max(s[LEVEL] - lay.lows[k], 0.0)))
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
