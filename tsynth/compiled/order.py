"""Steps from row to row of an entity, and values that rise by given steps; nulls are passed over."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["free_months", "order_in_time", "rise", "steps_between"]


@compiled
def steps_between(offsets, values):
    """Change of each value since the one before it in its entity that is not NaN.

    Returns
    -------
    step : float64 array, (R,)
        NaN where the value is; 0 for the first value of an entity. A step leads back to the value by one addition,
        to the last bit where the two are of one sign.
    first : float64 array, (N,)
        First value of each entity, NaN where it has none.
    later : bool array, (R,)
        Whether a value came before.
    """
    step = np.full(len(values), np.nan)
    first = np.full(len(offsets) - 1, np.nan)
    later = np.zeros(len(values), np.bool_)
    for i in range(len(offsets) - 1):
        last = np.nan
        for r in range(offsets[i], offsets[i + 1]):
            value = values[r]
            later[r] = not np.isnan(last)
            if np.isnan(value):
                continue
            if np.isnan(last):
                first[i] = value
                step[r] = 0.0
            else:
                change = value - last
                if last + change != value:
                    for near in (np.nextafter(change, np.inf), np.nextafter(change, -np.inf)):
                        if last + near == value:
                            change = near
                step[r] = change
            last = value
    return step, first, later


@compiled
def rise(offsets, start, step):
    """`start` of each entity plus all steps up to each row, (R,); NaN where the step is."""
    out = np.full(len(step), np.nan)
    for i in range(len(offsets) - 1):
        total = start[i]
        for r in range(offsets[i], offsets[i + 1]):
            if not np.isnan(step[r]):
                total += step[r]
                out[r] = total
    return out


@compiled
def free_months(group, wish, low, high, first, last, once):
    """A month for each row: the one wished for if it is free and inside `low` to `high`, else the nearest that is.

    Parameters
    ----------
    group : int64 array, (K,)
        Rows of one group stand together; with `once`, no two of them get the same month.
    wish, low, high : int64 array, (K,)
        Month wished for, and the bounds of the choice, or of rows that shall stay the month itself.
    first, last : int64 array, (K,)
        Bounds of the choice where the month that a row shall stay in is taken.
    once : bool

    Returns
    -------
    int64 array, (K,)
        -2**62 where there is none.
    """
    none = -(2**62)
    out = np.full(len(group), none, np.int64)
    begin = 0
    for k in range(len(group)):
        if k > 0 and group[k] != group[k - 1]:
            begin = k
        for tries in range(2):
            a, b = (low[k], high[k]) if tries == 0 else (first[k], last[k])
            if b < a:
                continue
            middle = min(max(wish[k], a), b)
            reach = max(middle - a, b - middle)
            for away in range(reach + 1):
                for side in range(2):
                    month = middle - away if side == 0 else middle + away
                    if month < a or month > b or out[k] != none:
                        continue
                    taken = False
                    if once:
                        for j in range(begin, k):
                            taken |= out[j] == month
                    if not taken:
                        out[k] = month
                if out[k] != none:
                    break
            if out[k] != none or (low[k] == first[k] and high[k] == last[k]):
                break
    return out


@compiled
def order_in_time(offsets, time):
    """Order that sorts the rows of each entity by time and leaves ties as they are, (R,)."""
    order = np.arange(len(time))
    for i in range(len(offsets) - 1):
        a, b = offsets[i], offsets[i + 1]
        for r in range(a + 1, b):
            if time[r] < time[r - 1]:
                order[a:b] = a + np.argsort(time[a:b], kind="mergesort")
                break
    return order
