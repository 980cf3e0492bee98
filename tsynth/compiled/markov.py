"""Loops over codes: the relations of parties, the chain of `markov_renewal` and sequences with a time of their own.

Arrays that the loops of the chain share:

history      the last codes of an entity, latest first; code C stands for "before the first row"
keys, cuts   sorted contexts of orders 2, 3 ...: those of order m are ``keys[cuts[m - 2]:cuts[m - 1]]``
prob         smoothed next-code probabilities, one row a context: the (C + 1) * D of order 1, then those of `keys`
factors      per code: day of month, weekday, time of day, time since its last row
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.arrays import grown
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import categorical, integer, start, uniform

__all__ = ["DOMS", "NEVER", "SINCE", "TIMES", "added", "context", "parties", "steps", "sums_of_codes"]

DOMS = 31
"""Days of month 1 to 27, then 3, 2, 1, 0 days before the month's end."""
TIMES = 8
"""Parts of a day."""
NEVER = 12
"""First of three bins for a code that the entity never had: after few, some, many rows."""
SINCE = NEVER + 3


@compiled
def parties(key, entities, offsets, choice, cumulative, edges, private):
    """Numbers of made parties, one a row: -1 where null.

    Parameters
    ----------
    key : uint64
    entities : int64 array, (N,)
    offsets : int64 array, (N + 1,)
    choice : int32 array, (R,)
        0 null, 1 same as last, 2 an earlier one, 3 new to the entity.
    cumulative : float64 array, (B,)
        Running share of (entity, party) pairs of each range of ranks.
    edges : int64 array, (B + 1,)
        Ranks that bound the ranges.
    private : float
        Share of parties that one entity alone has.
    """
    out = np.full(len(choice), -1, np.int64)
    state = np.empty(4, np.uint64)
    size = edges[len(edges) - 1]
    for i in range(len(entities)):
        start(state, key, entities[i])
        own = 0  # parties of its own alone so far
        last = np.int64(-1)
        low = offsets[i]
        for r in range(low, offsets[i + 1]):
            what = choice[r]
            if what == 0:
                continue
            if what == 2 and last >= 0:
                found = np.int64(-1)
                for _ in range(16):  # in proportion to its earlier rows
                    candidate = out[low + integer(state, r - low)]
                    if candidate >= 0 and candidate != last:
                        found = candidate
                        break
                out[r] = found if found >= 0 else last
            elif what == 1 and last >= 0:
                out[r] = last
            elif uniform(state) < private:
                # A number above all shared ones that no other entity has: Cantor's pairing.
                total = entities[i] + own
                out[r] = size + total * (total + 1) // 2 + own
                own += 1
            else:
                for attempt in range(8):
                    at = categorical(state, cumulative)
                    number = edges[at] + integer(state, max(edges[at + 1] - edges[at], 1))
                    known = False
                    for q in range(max(low, r - 64), r):
                        if out[q] == number:
                            known = True
                            break
                    if not known or attempt == 7:
                        out[r] = number
                        break
            last = out[r]
    return out


@uncounted
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


@uncounted
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


@uncounted
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


@uncounted
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
    offsets, use, day, part, gap, code, doms, weekdays, bins, gaps, keys, cuts, prob,
    f_dom, f_weekday, f_time, f_since, order, observed, expected,
):  # fmt: skip
    """Add to `observed` and `expected` (4, C, 31) the rows of each code by day of month, weekday, time of day, since.

    Only rows in `use` count. Expected are the rows that the chain with its present factors gives, each row's
    candidates together being one.
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
            now, c = day[r], code[r]
            total = 0.0
            if use[r]:
                row = context(history, gap[r], codes, gaps, keys, cuts)
                total = weigh(
                    weight, row, prob, doms[r], weekdays[r], part[r], now, r - low, last, bins,
                    f_dom, f_weekday, f_time, f_since,
                )  # fmt: skip
            if total > 0.0:
                for k in range(codes):
                    share = weight[k] / total
                    expected[0, k, doms[r]] += share
                    expected[1, k, weekdays[r]] += share
                    if part[r] >= 0:
                        expected[2, k, part[r]] += share
                    expected[3, k, since_bin(now, last[k], r - low, bins)] += share
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
def added(offsets, begin, gap):
    """Times from first rows and gaps; each entity by itself, so that its last digits hang on no other."""
    out = np.empty(len(gap))
    for i in range(len(offsets) - 1):
        time = begin[i]
        for r in range(offsets[i], offsets[i + 1]):
            if r > offsets[i]:
                time += gap[r]
            out[r] = time
    return out


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

    Row number j is the last by the hazard `ending` of j's bin times `end_factor` of the row's code; the entity ends
    when the chance of having come this far falls below its `survival` (NaN: an entity without rows).
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
        if math.isnan(survival[i]):
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
                made = grown(made)
            made[size] = c
            size += 1
            for m in range(order - 1, 0, -1):
                history[m] = history[m - 1]
            history[0] = c
            last[c] = rows
            rows += 1
            at = length_bins[min(rows, len(length_bins) - 1)]
            alive *= math.exp(-ending[at] * end_factor[min(c, len(end_factor) - 1)])
            if alive <= survival[i]:
                break
    offsets[n] = size
    return offsets, made[:size].copy()
