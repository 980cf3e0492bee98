"""Chains of rows that stand one calendar month, or a fixed number of days, apart.

Rows of one group (one entity, one code, one party) are in order of days. From each row as a seed a chain is grown
both ways: at every expected day the row is taken that fits best in day and amount. The best chains are kept first, so
payments that run side by side do not take each other's rows.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.arrays import assign_rows
from tsynth.compiled.jit import compiled, uncounted

__all__ = ["COLUMNS", "MISSES", "SLACK", "grow_chains"]

SLACK = 3
"""Days by which a monthly row may miss its day: a weekend and a holiday."""
MISSES = 1
"""Rows in a row that a chain may lack."""
CLOSE = 64
"""Rows about one expected day that are looked at."""
MONTH = 30.4375
SAME = 1.0
"""Log-odds that an amount equal to the last decimal adds to a link."""
MISSED = 1.5
CHANGED = 2.0
"""Log-odds that a lacking row and a change of the amount take off."""
COLUMNS = 6
"""What is noted of a chain: first row, rows, expected rows, due day or period, log-odds, whether it has a period."""


@compiled
def _alike(x, y, like):
    """Whether amounts differ by at most a share of the larger; NaN is alike to NaN alone."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return abs(x - y) <= like * max(abs(x), abs(y))


@uncounted
def _nearest(day, amount, used, b, low, target, slack, last, like, other):
    """The unused row about `target` that fits best, and its log-odds; -1 where there is none.

    Rows from `low` to `b` are searched. With `other` the amount must not be alike but within a factor of two.
    """
    high = b
    while low < high:
        middle = (low + high) >> 1
        if day[middle] < target - slack:
            low = middle + 1
        else:
            high = middle
    best, most = -1, -np.inf
    for r in range(low, min(b, low + CLOSE)):
        if day[r] > target + slack:
            break
        if used[r]:
            continue
        alike = _alike(amount[r], last, like)
        if other:
            if alike or not (0.5 <= amount[r] / last <= 2.0):
                continue
        elif not alike:
            continue
        odds = math.log(MONTH / (2.0 * abs(day[r] - target) + 1.0))
        if abs(amount[r] - last) <= 1e-9 * abs(last):
            odds += SAME
        if odds > most:
            best, most = r, odds
    return best, most


@uncounted
def _target(step, place, period, due, month_start, month_length):
    """Expected day: of month number `place` for monthly chains, else `place` periods after day `step`."""
    if period > 0:
        return step + place * period
    return month_start[place] + min(due, month_length[place]) - 1


@uncounted
def _grow(day, amount, used, a, b, seed, place, due, period, month_start, month_length, like, rate, members):
    """Grow one chain from `seed` both ways into `members`, which is then in no order.

    Returns
    -------
    tuple
        Rows, expected rows, log-odds.
    """
    slack = 0 if period > 0 else SLACK
    members[0] = seed
    size, odds = 1, 0.0
    expected = 1
    for way in (1, -1):
        now, last = place, amount[seed]
        while True:
            found = -1
            more = 0.0
            ahead = 0
            for miss in range(MISSES + 1):
                ahead = now + way * (1 + miss)
                if period == 0 and (ahead < 1 or ahead >= len(month_start) - 1):
                    break
                target = _target(day[seed], ahead, period, due, month_start, month_length)
                if target > day[b - 1] + slack or target < day[a] - slack:
                    break
                found, more = _nearest(day, amount, used, b, a, target, slack, last, like, False)
                if found >= 0:
                    more -= MISSED * miss
                    break
            ahead_of = ahead
            if found < 0 and size > 1 and not math.isnan(last) and last != 0.0:
                # A new amount is taken where the row goes on from there and does not come from a chain of its own.
                ahead_of = now + way
                if period > 0 or (ahead_of >= 1 and ahead_of < len(month_start) - 1):
                    target = _target(day[seed], ahead_of, period, due, month_start, month_length)
                    found, more = _nearest(day, amount, used, b, a, target, slack, last, like, True)
                    if found >= 0:
                        after = -1
                        if period > 0 or (ahead_of + way >= 0 and ahead_of + way < len(month_start)):
                            target = _target(
                                day[seed], ahead_of + way, period, due, month_start, month_length
                            )
                            after, _ = _nearest(
                                day, amount, used, b, a, target, slack, amount[found], like, False
                            )
                        target = _target(day[seed], now, period, due, month_start, month_length)
                        before, _ = _nearest(
                            day, amount, used, b, a, target, slack, amount[found], like, False
                        )
                        if after < 0 or before >= 0:
                            found = -1
                        more -= CHANGED
            if found < 0:
                break
            expected += abs(ahead_of - now)
            now, last = ahead_of, amount[found]
            members[size] = found
            size += 1
            odds += more - rate
            if size >= b - a:
                break
    return size, expected, odds


@compiled
def grow_chains(groups, day, amount, periods, month_of, origin, month_start, month_length, like, busy, least):
    """Find the chains of every group.

    Parameters
    ----------
    groups : int64 array, (G + 1,)
        Where each group begins; rows of a group are in order of days.
    day : int64 array, (R,)
        Days since 1970-01-01.
    amount : float64 array, (R,)
    periods : int64 array
        Days between rows that are tried beside months.
    month_of : int64 array
        Number of the month of day `origin`, `origin` + 1, ...; empty where days are no dates.
    origin : int
    month_start, month_length : int64 array, (M,)
        First day and length of each month.
    like : float
        Amounts of a chain differ from row to row by at most this share, changes aside.
    busy : float
        Groups with more rows a month than this are passed over.
    least : int
        Rows that a chain must have.

    Returns
    -------
    chain : int32 array, (R,)
        Number of the chain of each row, -1 for none.
    chains : float64 array, (C, COLUMNS)
    """
    rows = len(day)
    chain = np.full(rows, -1, np.int32)
    widest = 1
    for g in range(len(groups) - 1):
        widest = max(widest, groups[g + 1] - groups[g])
    used = np.zeros(rows, np.bool_)
    members = np.empty(widest, np.int64)
    options = 2 + len(periods)
    score = np.empty(widest * options, np.float64)
    notes = np.empty((64, COLUMNS), np.float64)
    count = 0
    for g in range(len(groups) - 1):
        a, b = groups[g], groups[g + 1]
        n = b - a
        if n < least:
            continue
        months = max(3.0, (day[b - 1] - day[a] + 1) / MONTH)
        if n / months > busy:
            continue
        rate = math.log(max(1.0, n / months))
        score[: n * options] = -np.inf
        for s in range(n):
            for k in range(options):
                place, due, period = _hypothesis(
                    day[a + s], k, periods, month_of, origin, month_start, month_length
                )
                if place < 0:
                    continue
                # A row that stands to the day after another is no start: the chain grows from the other.
                target = _target(day[a + s], place - 1, period, due, month_start, month_length)
                before, _ = _nearest(day, amount, used, b, a, target, 0, amount[a + s], like, False)
                if before >= 0:
                    continue
                size, _, odds = _grow(
                    day, amount, used, a, b, a + s, place, due, period, month_start, month_length, like, rate, members
                )  # fmt: skip
                if size >= least:
                    score[s * options + k] = odds
        order = np.argsort(-score[: n * options], kind="mergesort")
        for at in order:
            if score[at] == -np.inf:
                break
            s, k = at // options, at % options
            if used[a + s]:
                continue
            place, due, period = _hypothesis(
                day[a + s], k, periods, month_of, origin, month_start, month_length
            )
            size, expected, odds = _grow(
                day, amount, used, a, b, a + s, place, due, period, month_start, month_length, like, rate, members
            )  # fmt: skip
            if size < least:
                continue
            if count == len(notes):
                wider = np.empty((2 * count, COLUMNS), np.float64)
                assign_rows(notes, wider)
                notes = wider
            first = members[0]
            for j in range(size):
                used[members[j]] = True
                chain[members[j]] = count
                first = min(first, members[j])
            notes[count, 0] = first
            notes[count, 1] = size
            notes[count, 2] = expected
            notes[count, 3] = period if period > 0 else due
            notes[count, 4] = odds
            notes[count, 5] = period > 0
            count += 1
    return chain, notes[:count]


@uncounted
def _hypothesis(day, option, periods, month_of, origin, month_start, month_length):
    """Place, due day and period that a seed stands for under an option; place -1 where there is none.

    Its own day of the month; for the last day of a month shorter than 31 days the month's end (due 31) too; then each
    of the periods.
    """
    if option >= 2:
        return 0, 0, periods[option - 2]
    if len(month_of) == 0:
        return -1, 0, 0
    month = month_of[day - origin]
    of_month = day - month_start[month] + 1
    if option == 0:
        return month, of_month, 0
    if of_month == month_length[month] and of_month < 31:
        return month, 31, 0
    return -1, 0, 0
