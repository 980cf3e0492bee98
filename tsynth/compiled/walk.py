"""Loops of `markov_renewal` where all entities live on one clock: sums for learning, walks for sampling.

Arrays that the loops share:

by_day       (3, days): number of the day of month, of the weekday, of the era of each day
month        (days,): days in the month of each day, 0 where time is no date
bins         (3, days): bins of days waited since a kind's last row, of the gap before, of the age
logs         binary logarithms of whole numbers
by_kind      (3, days, K): what a day does to the rate of each kind; on the day of the last row at 0, later at 1,
             at 2 later for a kind that the entity never had
late         (K, parts): what the time of day of the last row does to a further row on the same day
table        (2, K, WIDTH): what a kind's own past does; its parts begin at `PACE`, `DUE`, `DUE2`
after        (K, 4, K): what the kind of the last row does, by how long ago it was
shared       (SHARED,): what all kinds share; its parts begin at `AGE`, `TODAY`, `GAP`, `ERA`
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.arrays import grown
from tsynth.compiled.hours import delayed, later, waited
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.markov import TIMES, choose, context, gap_class, weigh
from tsynth.compiled.random import start, uniform

__all__ = [
    "AGE",
    "DUE",
    "DUE2",
    "ERA",
    "GAP",
    "PACE",
    "SHARED",
    "TODAY",
    "WIDTH",
    "rates",
    "sums_of_days",
    "walk",
]


@compiled
def today_bin(count):
    """Bin of the rows so far on this day."""
    return min(count, 5) - 1 if count < 5 else (4 if count < 9 else 5)


PACE, DUE, DUE2, WIDTH = 58, 138, 146, 154
"""Where the parts of a kind's table begin: days since its last row (or the entity's age), its pace by the class of
days waited, days from a month after its last day, the same for its last day but one (on the same day: its rows so
far); and where it ends."""
AGE, TODAY, GAP, ERA, SHARED = 0, 20, 26, 98, 146
"""Where the parts of the table of all kinds begin: age, rows today, gap before by days waited, era; and its size."""
NO_GAP = 8
"""Class of the gap before where there was none."""


@compiled
def due_bin(e, last, month):
    """Days from the day a month after `last`, -3 to 3, as 1 to 7; 0 where time has no months."""
    if month == 0:
        return 0
    return min(max(e - last - month, -3), 3) + 4


@compiled
def wait_class(days):
    """Class of the days since the last row: the same day, below a week, below four, more."""
    return 0 if days == 0 else (1 if days < 7 else (2 if days < 28 else 3))


@uncounted
def shared_place(e, d, d0, before, count, bins):
    """Places in the table of all kinds of the age and of the gap before (on the same day: the rows so far)."""
    age = bins[2, min(e - d0, bins.shape[1] - 1)]
    if e == d:
        return AGE + age, TODAY + today_bin(count)
    return AGE + 10 + age, GAP + before * 8 + bins[1, min(e - d, bins.shape[1] - 1)]


@uncounted
def kind_places(e, d, d0, last, last2, times, today, month, zero, ease, bins, logs):
    """Places in a kind's table: its base, pace, due day and second due day; -1 where it has none."""
    if last < 0:
        return bins[0, bins.shape[1] - 1] + 1 + bins[2, min(e - d0, bins.shape[1] - 1)], -1, -1, -1
    # Half powers of two of the days a row; some days are added so that a quick second row says little.
    top = len(logs) - 1
    pace = min(max(np.int64(2.0 * (logs[min(e - d0 + ease, top)] - logs[min(times, top)])), 0), 19)
    if e == d:
        due2 = DUE2 + (min(today, 7) if last == e else 0)
    else:
        due2 = -1 if last2 < 0 else DUE2 + due_bin(e, last2, month[last2 - zero])
    return (
        bins[0, min(e - last, bins.shape[1] - 1)],
        PACE + 20 * wait_class(e - d) + pace,
        DUE + due_bin(e, last, month[last - zero]),
        due2,
    )


@uncounted
def rates(
    e, d, d0, p, before, count, zero, last, last2, times, today, month, ease, bins, logs,
    by_kind, table, after, shared, out, places,
):  # fmt: skip
    """Fill `out` with the rate of each kind on day `e`, the last row being of kind `p` on day `d`; returns their sum.

    `places` (4, K) takes where in its table each kind stands.

    Where ``e == d`` the rates are those of a further row on the same day, after `count` of them; tables by kind have
    these at index 0, those of later days at 1. `last` and `last2` are the last and the last but one day of each kind,
    -1 for none, `times` on how many days it came, `today` how often on its last day; `ease` is in days what an
    entity's pace is softened by; `zero` is the day that `by_kind` (3, days, K) and `month` (days,) begin with.
    """
    z = 0 if e == d else 1
    one, two = shared_place(e, d, d0, before, count, bins)
    common = shared[one] * shared[two]
    wait = wait_class(e - d)
    total = 0.0
    for k in range(len(out)):
        own = 2 if z == 1 and last[k] < 0 else z
        rate = by_kind[own, e - zero, k] * after[p, wait, k] * common
        b, pace, due, due2 = kind_places(
            e, d, d0, last[k], last2[k], times[k], today[k], month, zero, ease, bins, logs
        )  # fmt: skip
        rate *= table[z, k, b]
        if pace >= 0:
            rate *= table[z, k, pace] * table[z, k, due]
            if due2 >= 0:
                rate *= table[z, k, due2]
        out[k] = rate
        places[0, k], places[1, k], places[2, k], places[3, k] = b, pace, due, due2
        total += rate
    return total


@compiled
def sums_of_days(
    offsets, day, kind, first, stride, zero, last_day, by_day, month, ease, bins, logs,
    by_kind, table, after, shared, which,
    table_sums, dom_sums, weekday_sums, after_sums, shared_sums, lives,
):  # fmt: skip
    """Add observed (first index 0) and expected (1) next rows, on the same day and by kind on each later day.

    Sums by kind hold the days waited at index 2. Every `stride`-th entity from `first` on is used. `which` says
    which sums to add: 0 the base, 1 day of month, 2 the kind before and the pace, 3 due days, 4 weekday and era,
    5 gap before, rows today and age, -1 none. `lives` (N, 4) takes, an entity: days with rows after the first,
    their expectation, its variance, its derivative by the log of its rate.
    """
    kinds = table.shape[1]
    rate, places = np.empty(kinds), np.empty((4, kinds), np.int64)
    last, last2, times = np.empty(kinds, np.int64), np.empty(kinds, np.int64), np.empty(kinds, np.int64)
    today = np.zeros(kinds, np.int64)
    for i in range(first, len(offsets) - 1, stride):
        low, high = offsets[i], offsets[i + 1]
        if low == high:
            continue
        last[:] = -1
        last2[:] = -1
        times[:] = 0
        count = 0
        before = NO_GAP
        d0 = day[low]
        for r in range(low, high):
            d, p = day[r], kind[r]
            if last[p] != d:
                last2[p] = last[p]
                last[p] = d
                times[p] += 1
                today[p] = 0
            today[p] += 1
            count += 1
            follows = r + 1 < high
            stop = day[r + 1] if follows else last_day
            for e in range(d, stop + 1):
                total = rates(
                    e, d, d0, p, before, count, zero, last, last2, times, today, month, ease, bins, logs, by_kind,
                    table, after, shared, rate, places,
                )  # fmt: skip
                still = math.exp(-total)
                chance = 1.0 - still
                event = follows and e == stop
                came = kind[r + 1] if event else -1
                z = 0 if e == d else 1
                at = e - zero
                if z == 1:
                    lives[i, 0] += 1.0 if event else 0.0
                    lives[i, 1] += chance
                    lives[i, 2] += chance * still
                    lives[i, 3] += total * still * still
                if which < 0:
                    continue
                if which >= 4:
                    one, two = shared_place(e, d, d0, before, count, bins)
                    if which == 4:
                        one = two = ERA + 24 * z + by_day[2, at]
                    shared_sums[1, one] += chance
                    if two != one:
                        shared_sums[1, two] += chance
                    if event:
                        shared_sums[0, one] += 1.0
                        if two != one:
                            shared_sums[0, two] += 1.0
                    if which == 5:
                        continue
                share = chance / total if total > 0.0 else 0.0
                wait = wait_class(e - d)
                for k in range(kinds):
                    x = rate[k] * share
                    own = 2 if z == 1 and last[k] < 0 else z
                    if which == 1:
                        c = by_day[0, at]
                        dom_sums[1, own, k, c] += x
                        dom_sums[2, own, k, c] += 1.0
                        if k == came:
                            dom_sums[0, own, k, c] += 1.0
                        continue
                    if which == 4:
                        c = by_day[1, at]
                        weekday_sums[1, own, k, c] += x
                        weekday_sums[2, own, k, c] += 1.0
                        if k == came:
                            weekday_sums[0, own, k, c] += 1.0
                        continue
                    b = places[0, k]
                    if which == 2:
                        after_sums[1, p, wait, k] += x
                        after_sums[2, p, wait, k] += 1.0
                        if k == came:
                            after_sums[0, p, wait, k] += 1.0
                        b = places[1, k]
                    elif which == 3:
                        b, due2 = places[2, k], places[3, k]
                        if due2 >= 0:
                            table_sums[1, z, k, due2] += x
                            table_sums[2, z, k, due2] += 1.0
                            if k == came:
                                table_sums[0, z, k, due2] += 1.0
                    if b >= 0:
                        table_sums[1, z, k, b] += x
                        table_sums[2, z, k, b] += 1.0
                        if k == came:
                            table_sums[0, z, k, b] += 1.0
            if follows and stop > d:
                before = bins[1, min(stop - d, bins.shape[1] - 1)]
                count = 0


@compiled
def walk(
    key, entities, begin, rate, most, day_length, step, zero, last_day, by_day, month, ease, bins, logs,
    by_kind, table, after, shared,
    codes, gaps, keys, cuts, order, prob, c_dom, c_weekday, c_time, c_since, since,
    within, next_waits, within_edges, clock, hours, by_clock, late, tie_only,
):  # fmt: skip
    """Walk each entity from its first row to the end of the span; returns offsets, times and codes.

    After each row, the same day and then each later one has the rates of all kinds, whose sum says whether a row comes
    and whose shares say of which kind. The last kind stands for all codes beyond, among which the chain chooses, as it
    does for the first row. A first row of a day has its time from `clock`, a further one from what is left of its
    kind's `hours` where it goes `by_clock`, else from a wait after the row before.
    """
    n, kinds = len(entities), table.shape[1]
    offsets = np.zeros(n + 1, np.int64)
    times, made = np.empty(4 * n + 1024), np.empty(4 * n + 1024, np.int32)
    state = np.empty(4, np.uint64)
    weight, history, last_code = np.empty(codes), np.empty(order, np.int64), np.empty(codes, np.int64)
    now, last, last2 = np.empty(kinds), np.empty(kinds, np.int64), np.empty(kinds, np.int64)
    paces, places = np.empty(kinds, np.int64), np.empty((4, kinds), np.int64)
    today = np.zeros(kinds, np.int64)
    size = 0
    for i in range(n):
        offsets[i] = size
        if math.isnan(begin[i]):  # NaN: an entity without rows
            continue
        start(state, key, entities[i])
        history[:] = codes
        last_code[:] = -1
        last[:] = -1
        last2[:] = -1
        paces[:] = 0
        time = begin[i]
        d = np.int64(math.floor(time / day_length))
        d0 = d
        count, rows, drawn = 0, 0, -1
        before = NO_GAP
        gap_kind, burst = 0, 0
        while rows < most:
            at = min(max(d - zero, 0), by_day.shape[1] - 1)
            fresh = count == 0 and rows > 0
            part = -1
            if not fresh and not tie_only:
                part = min(int((time / day_length - d) * TIMES), TIMES - 1)
            c = np.int64(drawn)
            if drawn < 0 or (drawn == kinds - 1 and codes > kinds):
                row = context(history, gap_kind, codes, gaps, keys, cuts)
                total = weigh(
                    weight, row, prob, by_day[0, at], by_day[1, at], part, d - d0, rows, last_code, since,
                    c_dom, c_weekday, c_time, c_since,
                )  # fmt: skip
                if drawn >= 0:
                    for k in range(kinds - 1):
                        total -= weight[k]
                        weight[k] = 0.0
                c = choose(state, weight, total)
            if fresh:
                offset = 0.0
                if not tie_only:
                    offset = later(state, clock[c], 0.0) * day_length
                    if step > 0.0:
                        offset = math.floor(offset / step) * step
                time = d * day_length + offset
            if size == len(times):
                times, made = grown(times), grown(made)
            times[size], made[size] = time, c
            size += 1
            rows += 1
            count += 1
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
            last_code[c] = d - d0
            p = min(c, kinds - 1)
            if last[p] != d:
                last2[p] = last[p]
                last[p] = d
                paces[p] += 1
                today[p] = 0
            today[p] += 1
            # -- when is the next one, and of which kind?
            drawn = -1
            e = d
            while e <= last_day:
                total = rates(
                    e, d, d0, p, before, count, zero, last, last2, paces, today, month, ease, bins, logs, by_kind,
                    table, after, shared, now, places,
                )  # fmt: skip
                if e == d and not tie_only:
                    total = delayed(now, late, time / day_length - d)
                sure = total
                if rate[i] != 1.0 and e > d:
                    sure *= rate[i] ** math.exp(-total)
                if uniform(state) >= math.exp(-sure):
                    drawn = choose(state, now, total)
                    break
                e += 1
            if drawn < 0:
                break
            if e > d:
                before = bins[1, min(e - d, bins.shape[1] - 1)]
                gap_kind = 0 if gaps == 1 else gap_class(e - d, False)
                d = e
                count, burst = 0, 0
                continue
            wait = 0.0
            if not tie_only and by_clock[drawn]:
                wait = later(state, hours[drawn], time / day_length - d) * day_length
                wait = max(d * day_length + wait - time, 0.0)
                if step > 0.0:
                    wait = math.floor(wait / step) * step
            elif not tie_only:
                wait = waited(
                    state,
                    within[p, burst],
                    next_waits[drawn],
                    within_edges,
                    step,
                    (d + 1) * day_length - time,
                )
            time += wait
            burst = 1 if wait == 0.0 else 2
            gap_kind = 0 if (gaps == 1 or wait == 0.0) else 1
    offsets[n] = size
    return offsets, times[:size].copy(), made[:size].copy()
