"""Loops of `markov_renewal` over codes and days: sums for learning, walks for sampling.

Arrays that several loops share:

history      the last codes of an entity, latest first; code C stands for "before the first row"
keys, cuts   sorted contexts of orders 2, 3 ...: those of order m are ``keys[cuts[m - 2]:cuts[m - 1]]``
prob         smoothed next-code probabilities, one row a context: the (C + 1) * D of order 1, then those of `keys`
by_day       (4, days): number of the day of month, of the weekday, of the era, of the day's own kind
factors      per code: day of month, weekday, time of day, time since its last row
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import start, uniform

__all__ = ["DOMS", "NEVER", "SINCE", "TIMES", "context", "steps", "sums_of_codes", "sums_of_days", "walk"]

DOMS = 31
"""Days of month 1 to 27, then 3, 2, 1, 0 days before the month's end."""
TIMES = 8
"""Parts of a day."""
NEVER = 12
"""First of three bins for a code that the entity never had: after few, some, many rows."""
SINCE = NEVER + 3


@compiled
def context(history, gap, codes, gaps, keys, cuts):
    """Row of `prob` for this history: the longest context that is known."""
    for order in range(len(cuts), 1, -1):
        key = np.int64(0)
        for m in range(order - 1, -1, -1):
            key = key * (codes + 1) + history[m]
        key = key * gaps + gap
        low, high = cuts[order - 2], cuts[order - 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        if low < end and keys[low] == key:
            return (codes + 1) * gaps + low
    return history[0] * gaps + gap


@compiled
def since_bin(now, last, rows, bins):
    """Bin of the time since a code's last row."""
    if last < 0:
        return NEVER if rows < 4 else (NEVER + 1 if rows < 16 else NEVER + 2)
    return bins[min(now - last, len(bins) - 1)]


@compiled
def gap_class(days, tie):
    """What a next code knows of the gap before it: a tie, same day, below a week, below four, more."""
    if days <= 0:
        return 0 if tie else 1
    return 2 if days < 7 else (3 if days < 28 else 4)


@compiled
def weigh(weight, row, prob, dom, weekday, part, now, rows, last, bins, f_dom, f_weekday, f_time, f_since):
    """Fill `weight` with the weights of the next code; returns their sum."""
    total = 0.0
    for k in range(len(weight)):
        w = (
            prob[row, k]
            * f_dom[k, dom]
            * f_weekday[k, weekday]
            * f_since[k, since_bin(now, last[k], rows, bins)]
        )
        if part >= 0:
            w *= f_time[k, part]
        weight[k] = w
        total += w
    return total


@compiled
def choose(state, weight, total):
    """Code drawn with these weights; the most likely one where all weights vanish."""
    u = uniform(state) * total
    best = 0
    for k in range(len(weight)):
        u -= weight[k]
        if u < 0.0:
            return k
        if weight[k] > weight[best]:
            best = k
    return best


@compiled
def sums_of_codes(
    offsets, day, part, gap, code, doms, weekdays, bins, gaps, keys, cuts, prob, factors_on,
    f_dom, f_weekday, f_time, f_since, order, observed, expected,
):  # fmt: skip
    """Add to `observed` and `expected` (4, C, 31) the rows of each code by day of month, weekday, time of day, since.

    Expected are the rows that the chain with its present factors gives, each row's candidates together being one.
    """
    codes = prob.shape[1]
    weight = np.empty(codes)
    history = np.empty(order, np.int64)
    last = np.empty(codes, np.int64)
    for i in range(len(offsets) - 1):
        history[:] = codes
        last[:] = -1
        low = offsets[i]
        for r in range(low, offsets[i + 1]):
            row = context(history, gap[r], codes, gaps, keys, cuts)
            now = day[r]
            total = weigh(
                weight, row, prob, doms[r], weekdays[r], part[r], now, r - low, last, bins,
                f_dom, f_weekday, f_time, f_since,
            )  # fmt: skip
            if total > 0.0 and factors_on:
                for k in range(codes):
                    share = weight[k] / total
                    expected[0, k, doms[r]] += share
                    expected[1, k, weekdays[r]] += share
                    if part[r] >= 0:
                        expected[2, k, part[r]] += share
                    expected[3, k, since_bin(now, last[k], r - low, bins)] += share
            c = code[r]
            observed[0, c, doms[r]] += 1.0
            observed[1, c, weekdays[r]] += 1.0
            if part[r] >= 0:
                observed[2, c, part[r]] += 1.0
            observed[3, c, since_bin(now, last[c], r - low, bins)] += 1.0
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
            last[c] = now


@compiled
def age_bin(days):
    """Bin of the days since the first row."""
    if days < 2:
        return 0
    return min(np.int64(math.log2(days)), 9)


@compiled
def today_bin(count):
    """Bin of the rows so far on this day."""
    return min(count, 5) - 1 if count < 5 else (4 if count < 9 else 5)


@compiled
def sums_of_days(
    offsets, day, code, first_day, last_day, by_day, bins, coarse,
    same, same_dom, hazard, f_dom, f_weekday, f_era, f_gap, f_age,
    same_sums, same_dom_sums, hazard_sums, dom_sums, weekday_sums, era_sums, gap_sums, age_sums, lives,
):  # fmt: skip
    """Add observed (first index 0) and expected (1) next rows: on the same day, and on each later day of waiting.

    `lives` (N, 4) takes, an entity: days with rows after the first, their expectation, its variance, and its
    derivative by the logarithm of the entity's own rate.
    """
    for i in range(len(offsets) - 1):
        low, high = offsets[i], offsets[i + 1]
        count = 0
        before = len(f_gap) - 1  # no gap before
        for r in range(low, high):
            d, p = day[r], code[r]
            count += 1
            here = by_day[0, d - first_day]
            again = r + 1 < high and day[r + 1] == d
            t = today_bin(count)
            q = min(same[p, t] * same_dom[p, here], 0.999)
            same_sums[1, p, t] += q
            same_dom_sums[1, p, here] += q
            if again:
                same_sums[0, p, t] += 1.0
                same_dom_sums[0, p, here] += 1.0
                continue
            stop = day[r + 1] if r + 1 < high else last_day
            for e in range(d + 1, stop + 1):
                g = bins[min(e - d, len(bins) - 1)]
                c = coarse[min(e - d, len(coarse) - 1)]
                at = e - first_day
                a = age_bin(e - day[low])
                rate = (
                    hazard[p, g] * f_dom[p, by_day[0, at]] * f_weekday[p, by_day[1, at]]
                    * f_era[by_day[2, at]] * f_gap[before, c] * f_age[a]
                )  # fmt: skip
                still = math.exp(-rate)
                chance = 1.0 - still
                event = 1.0 if (e == stop and r + 1 < high) else 0.0
                for j in range(2):
                    x = event if j == 0 else chance
                    hazard_sums[j, p, g] += x
                    dom_sums[j, p, by_day[0, at]] += x
                    weekday_sums[j, p, by_day[1, at]] += x
                    era_sums[j, by_day[2, at]] += x
                    gap_sums[j, before, c] += x
                    age_sums[j, a] += x
                hazard_sums[2, p, g] += 1.0
                lives[i, 0] += event
                lives[i, 1] += chance
                lives[i, 2] += chance * still
                lives[i, 3] += rate * still * still
            count = 0
            if r + 1 < high:
                before = coarse[min(stop - d, len(coarse) - 1)]


@compiled
def _grown(array):
    out = np.empty(2 * len(array), array.dtype)
    out[: len(array)] = array
    return out


@compiled
def walk(
    key, entities, begin, rate, most, day_length, step, first_day, last_day, by_day, bins, coarse,
    same, same_dom, hazard, f_dom, f_weekday, f_era, f_gap, f_age,
    codes, gaps, keys, cuts, order, prob, c_dom, c_weekday, c_time, c_since, since, within, within_edges, clock,
    tie_only,
):  # fmt: skip
    """Walk each entity from its first row to the end of the span; returns offsets, times and codes.

    On each row the next one may fall on the same day (`same`), else each later day has the chance of its hazard.
    Then the code is drawn knowing the day, then the time of day.
    """
    n = len(entities)
    offsets = np.zeros(n + 1, np.int64)
    times, made = np.empty(4 * n + 1024), np.empty(4 * n + 1024, np.int32)
    state = np.empty(4, np.uint64)
    weight, history, last = np.empty(codes), np.empty(order, np.int64), np.empty(codes, np.int64)
    size = 0
    parts = clock.shape[1]
    for i in range(n):
        offsets[i] = size
        if not begin[i] == begin[i]:  # NaN: an entity without rows
            continue
        start(state, key, entities[i])
        history[:] = codes
        last[:] = -1
        time = begin[i]
        d = np.int64(math.floor(time / day_length))
        d0 = d
        count, rows = 0, 0
        before = len(f_gap) - 1
        gap, burst = 0, 0
        while rows < most:
            at = min(max(d - first_day, 0), by_day.shape[1] - 1)
            fresh = count == 0 and rows > 0
            part = -1
            if not fresh and not tie_only:
                part = min(np.int64((time / day_length - d) * TIMES), TIMES - 1)
            row = context(history, gap, codes, gaps, keys, cuts)
            total = weigh(
                weight, row, prob, by_day[0, at], by_day[1, at], part, d - d0, rows, last, since,
                c_dom, c_weekday, c_time, c_since,
            )  # fmt: skip
            c = choose(state, weight, total)
            if fresh:
                slot = 0
                if not tie_only:
                    u = uniform(state) * clock[c, parts - 1]
                    while slot < parts - 1 and clock[c, slot] <= u:
                        slot += 1
                    offset = (slot + uniform(state)) / parts * day_length
                    if step > 0.0:
                        offset = math.floor(offset / step) * step
                    time = d * day_length + offset
                else:
                    time = d * day_length
            if size == len(times):
                times, made = _grown(times), _grown(made)
            times[size], made[size] = time, c
            size += 1
            rows += 1
            count += 1
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
            last[c] = d - d0
            # -- when is the next one?
            if uniform(state) < min(same[c, today_bin(count)] * same_dom[c, by_day[0, at]], 0.999):
                wait = 0.0
                if not tie_only:
                    u = uniform(state) * within[c, burst, within.shape[2] - 1]
                    slot = 0
                    while slot < within.shape[2] - 1 and within[c, burst, slot] <= u:
                        slot += 1
                    if slot > 0:
                        wait = within_edges[slot] * (within_edges[slot + 1] / within_edges[slot]) ** uniform(
                            state
                        )
                        if step > 0.0:
                            wait = max(math.floor(wait / step + 0.5), 1.0) * step
                        left = (d + 1) * day_length - time
                        if wait >= left:  # stays inside the day
                            wait = uniform(state) * left
                            if step > 0.0:
                                wait = math.floor(wait / step) * step
                time += wait
                burst = 1 if wait == 0.0 else 2
                gap = 0 if (gaps == 1 or wait == 0.0) else 1
                continue
            e = d
            found = False
            while e < last_day:
                e += 1
                g = bins[min(e - d, len(bins) - 1)]
                ahead = min(e - first_day, by_day.shape[1] - 1)
                now = (
                    hazard[c, g] * f_dom[c, by_day[0, ahead]] * f_weekday[c, by_day[1, ahead]]
                    * f_era[by_day[2, ahead]] * f_gap[before, coarse[min(e - d, len(coarse) - 1)]]
                    * f_age[age_bin(e - d0)]
                )  # fmt: skip
                if rate[i] != 1.0:
                    now *= rate[i] ** math.exp(-now)
                if uniform(state) >= math.exp(-now):
                    found = True
                    break
            if not found:
                break
            before = coarse[min(e - d, len(coarse) - 1)]
            gap = 0 if gaps == 1 else gap_class(e - d, False)
            d = e
            count, burst = 0, 0
    offsets[n] = size
    return offsets, times[:size].copy(), made[:size].copy()


@compiled
def steps(
    key,
    entities,
    survival,
    most,
    codes,
    keys,
    cuts,
    order,
    prob,
    c_since,
    since,
    ending,
    end_factor,
    length_bins,
):
    """Codes of each entity until it ends; returns offsets and codes.

    The chance that row number j is the last is `ending` of j's bin times `end_factor` of the row's code; the entity
    ends when the chance of having come this far falls below its `survival` (NaN: an entity without rows).
    """
    n = len(entities)
    offsets = np.zeros(n + 1, np.int64)
    made = np.empty(4 * n + 1024, np.int32)
    state = np.empty(4, np.uint64)
    weight, history, last = np.empty(codes), np.empty(order, np.int64), np.empty(codes, np.int64)
    ones = np.ones((codes, 1))
    size = 0
    for i in range(n):
        offsets[i] = size
        if not survival[i] == survival[i]:
            continue
        start(state, key, entities[i])
        history[:] = codes
        last[:] = -1
        alive = 1.0
        rows = 0
        while rows < most:
            row = context(history, 0, codes, 1, keys, cuts)
            total = weigh(weight, row, prob, 0, 0, -1, rows, rows, last, since, ones, ones, ones, c_since)
            c = choose(state, weight, total)
            if size == len(made):
                made = _grown(made)
            made[size] = c
            size += 1
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
            last[c] = rows
            rows += 1
            alive *= 1.0 - min(ending[length_bins[min(rows, len(length_bins) - 1)]] * end_factor[c], 1.0)
            if alive <= survival[i]:
                break
    offsets[n] = size
    return offsets, made[:size].copy()
