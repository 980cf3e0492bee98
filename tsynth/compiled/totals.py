"""Sums that run through a sequence: which sign each code has, and which order inside ties makes them add up.

Amounts and balances are whole numbers here (units of the last decimal). A tie is a run of rows of one entity
with one time; `ties` holds where each begins, and the number of rows at its end.
"""

from __future__ import annotations

import numpy as np

from tsynth.compiled.arrays import assign
from tsynth.compiled.jit import compiled

__all__ = ["adding_order", "running_maximum", "running_sum", "sign_votes"]


@compiled
def sign_votes(ties, opens, balance, amount, code, codes, slack, widest):
    """How often each code can have added, subtracted or left alone.

    A row's predecessor may be any other row of its tie or any row of the tie before. Rows whose amount is within
    `slack` of 0, rows that open an entity and ties wider than `widest` do not vote.

    Parameters
    ----------
    ties : int64 array, (T + 1,)
    opens : bool array, (T,)
        Whether a tie is the first of its entity.
    balance, amount : int64 array, (R,)
    code : int64 array, (R,)
    codes : int
        Number of codes.
    slack : int
    widest : int

    Returns
    -------
    int64 array, (codes, 5)
        Votes for plus, for minus, for nothing, for any of plus and minus, and rows that voted.
    """
    votes = np.zeros((codes, 5), np.int64)
    for t in range(len(ties) - 1):
        if opens[t] or ties[t + 1] - ties[t] > widest or ties[t] - ties[t - 1] > widest:
            continue
        for r in range(ties[t], ties[t + 1]):
            if abs(amount[r]) <= slack:
                continue
            plus = minus = nothing = False
            for q in range(ties[t - 1], ties[t + 1]):
                if q == r:
                    continue
                step = balance[r] - balance[q]
                plus |= abs(step - amount[r]) <= slack
                minus |= abs(step + amount[r]) <= slack
                nothing |= abs(step) <= slack
            c = code[r]
            votes[c, 0] += plus
            votes[c, 1] += minus
            votes[c, 2] += nothing
            votes[c, 3] += plus or minus
            votes[c, 4] += 1
    return votes


@compiled
def adding_order(ties, opens, balance, change, slack, from_zero, tries):
    """Order of the rows inside each tie in which most rows are `change` after the one before.

    A depth-first search with `tries` steps a tie, which takes the first row that fits, so rows that add up as
    they stand keep their order. The longest chain found is kept; the rest is chained anew after it.

    Parameters
    ----------
    ties : int64 array, (T + 1,)
    opens : bool array, (T,)
    balance, change : int64 array, (R,)
    slack : int
    from_zero : bool
        Whether an entity opens with a balance of 0; else its first row may be any.
    tries : int
        Steps of search for each chain; a tie of more rows than that keeps its order.

    Returns
    -------
    int64 array, (R,)
        Number of the row that stands at each place.
    """
    rows = len(balance)
    order = np.arange(rows)
    widest = 0
    for t in range(len(ties) - 1):
        widest = max(widest, ties[t + 1] - ties[t])
    chain = np.empty(widest, np.int64)
    best = np.empty(widest, np.int64)
    at = np.empty(widest + 1, np.int64)
    used = np.zeros(widest, np.bool_)
    for t in range(len(ties) - 1):
        a, n = ties[t], ties[t + 1] - ties[t]
        if n == 1 or n > tries:
            continue
        used[:n] = False
        known = not opens[t] or from_zero
        last = np.int64(0)
        if not opens[t]:
            last = balance[order[a - 1]]
        placed = 0
        while placed < n:
            if not known:
                # Any row may come first: one whose balance before it no other row leaves behind, if there is one.
                pick = -1
                for r in range(n):
                    if used[r]:
                        continue
                    if pick < 0:
                        pick = r
                    left_behind = False
                    for q in range(n):
                        if q != r and not used[q]:
                            left_behind |= abs(balance[a + r] - change[a + r] - balance[a + q]) <= slack
                    if not left_behind:
                        pick = r
                        break
                last = balance[a + pick] - change[a + pick]
            depth = longest = 0
            at[0] = 0
            steps = 0
            while depth >= 0 and longest < n - placed and steps < tries:
                before = last if depth == 0 else balance[a + chain[depth - 1]]
                found = -1
                for r in range(at[depth], n):
                    steps += 1
                    if not used[r] and abs(balance[a + r] - change[a + r] - before) <= slack:
                        found = r
                        break
                if found < 0:
                    depth -= 1
                    if depth >= 0:
                        used[chain[depth]] = False
                else:
                    chain[depth] = found
                    used[found] = True
                    at[depth] = found + 1
                    depth += 1
                    if depth > longest:
                        longest = depth
                        assign(chain[:depth], best)
                    at[depth] = 0
            for d in range(max(depth, 0)):
                used[chain[d]] = False
            for d in range(longest):
                order[a + placed] = a + best[d]
                used[best[d]] = True
                placed += 1
            if longest == 0 and known:
                known = False
            elif longest == 0:
                for r in range(n):
                    if not used[r]:
                        order[a + placed] = a + r
                        used[r] = True
                        placed += 1
                        break
                known = False
            else:
                known = False
    return order


@compiled
def running_sum(offsets, opening, change):
    """`opening` of each entity plus all of `change` up to each row, (R,)."""
    out = np.empty(len(change), np.int64)
    for i in range(len(offsets) - 1):
        total = opening[i]
        for r in range(offsets[i], offsets[i + 1]):
            total += change[r]
            out[r] = total
    return out


@compiled
def running_maximum(offsets, values):
    """The largest value of each entity so far, (R,); NaN where there was none yet."""
    out = np.empty(len(values), np.float64)
    for i in range(len(offsets) - 1):
        highest = np.nan
        for r in range(offsets[i], offsets[i + 1]):
            if not values[r] <= highest and not np.isnan(values[r]):
                highest = values[r]
            out[r] = highest
    return out
