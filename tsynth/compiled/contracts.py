"""Rows of contracts that were drawn: the days on which each is due, and scores that drift from row to row."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import fill_uniform, start_call, uniform

__all__ = ["drift", "lay_rows"]


@compiled
def lay_rows(
    key,
    number,
    call,
    beat,
    begin,
    end,
    most,
    missed,
    shifts,
    origin,
    month_of,
    month_start,
    month_length,
    draws,
):
    """Days of the rows of every contract.

    Parameters
    ----------
    key : uint64
    number : int64 array, (C,)
        Number of the entity of each contract.
    call : int64 array, (C,)
        Number of the contract's stream among those of its entity.
    beat : int64 array, (C,)
        Day of the month, or minus the days from row to row.
    begin, end : int64 array, (C,)
        First and last day on which a row may stand.
    most : int64 array, (C,)
        Most rows that are due.
    missed : float64 array, (C,)
        Chance that a row lacks; the first never does, and never two in a row.
    shifts : float64 array, (C, 7, 7)
        Running share of shifts by -3 .. 3 days, by the weekday (Monday first) of the day on which a row is due.
    origin : int
        First day of `month_of`.
    month_of, month_start, month_length : int64 array
        Month of each day, first day and length of each month.
    draws : int
        Uniforms that each row gets.

    Returns
    -------
    contract, day : int64 array, (R,)
    u : float64 array, (R, draws)
    """
    room = 0
    for c in range(len(number)):
        step = 28 if beat[c] > 0 else -beat[c]
        room += max(0, min(most[c], (end[c] - begin[c]) // step + 2))
    contract = np.empty(room, np.int64)
    day = np.empty(room, np.int64)
    u = np.empty((room, draws), np.float64)
    state = np.empty(4, np.uint64)
    rows = 0
    for c in range(len(number)):
        if end[c] < begin[c] or most[c] < 1:
            continue
        start_call(state, key, number[c], call[c])
        month = month_of[begin[c] - origin]
        if beat[c] > 0 and month_start[month] + min(beat[c], month_length[month]) - 1 < begin[c] - 3:
            month += 1
        lacks = True
        last = begin[c] - 1
        for k in range(most[c]):
            if beat[c] > 0:
                if month + k >= len(month_start):
                    break
                due = month_start[month + k] + min(beat[c], month_length[month + k]) - 1
                weekday = (due + 3) % 7
                pick = uniform(state)
                shift = 0
                while shift < 6 and pick >= shifts[c, weekday, shift]:
                    shift += 1
                at = due + shift - 3
            else:
                at = begin[c] - k * beat[c]
            if at > end[c]:
                break
            if at <= last:
                continue
            if not lacks and uniform(state) < missed[c]:
                lacks = True
                continue
            lacks = False
            if rows == room:
                break
            contract[rows], day[rows] = c, at
            fill_uniform(state, u[rows])
            last = at
            rows += 1
    return contract[:rows], day[:rows], u[:rows]


@compiled
def drift(contract, fresh, first, lean, noise):
    """Normal scores of rows: that of the contract at first, then a lean on the last at every fresh row.

    Parameters
    ----------
    contract : int64 array, (R,)
        In order.
    fresh : bool array, (R,)
        Whether the row has a new score.
    first : float64 array, (C,)
    lean : float64 array, (C,)
        Correlation of a score with the one before.
    noise : float64 array, (R,)
        Standard normals.
    """
    out = np.empty(len(contract), np.float64)
    for r in range(len(contract)):
        c = contract[r]
        if r == 0 or contract[r - 1] != c:
            out[r] = first[c]
        elif fresh[r]:
            out[r] = lean[c] * out[r - 1] + np.sqrt(1.0 - lean[c] * lean[c]) * noise[r]
        else:
            out[r] = out[r - 1]
    return out
