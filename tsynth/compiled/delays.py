"""Loops over codes that follow others after a fixed time."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["due", "likely_gaps", "paired"]

NEAR = 1e-9
"""Two times are the same up to this share of their size."""


@compiled
def likely_gaps(offsets, axis, codes, size):
    """For each pair of codes, the gap from a row of the first to the next of the second that most rows would have.

    Boyer and Moore's vote: where one gap has the majority of the rows with such a successor, it is that one.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    axis : float64 array, (R,)
        Rising inside entities.
    codes : int32 array, (R,)
    size : int
        Number of codes, L.

    Returns
    -------
    gap : float64 array, (L, L)
    lead : int64 array, (L, L)
        By how many votes it is ahead; 0 where there is none.
    votes : int64 array, (L, L)
        Rows of the first code with such a successor.
    """
    gap, lead = np.zeros((size, size)), np.zeros((size, size), np.int64)
    votes = np.zeros((size, size), np.int64)
    following = np.zeros(size)
    for i in range(len(offsets) - 1):
        following[:] = np.inf
        r = offsets[i + 1] - 1
        while r >= offsets[i]:
            first = r
            while first > offsets[i] and axis[first - 1] == axis[r]:
                first -= 1
            for k in range(first, r + 1):
                a = codes[k]
                if a < 0:
                    continue
                for b in range(size):
                    if b == a or following[b] == np.inf:
                        continue
                    own = following[b] - axis[k]
                    votes[a, b] += 1
                    if lead[a, b] == 0:
                        gap[a, b], lead[a, b] = own, 1
                    elif abs(own - gap[a, b]) <= NEAR * max(1.0, abs(following[b])):
                        lead[a, b] += 1
                    else:
                        lead[a, b] -= 1
            for k in range(first, r + 1):
                if codes[k] >= 0:
                    following[codes[k]] = axis[k]
            r = first - 1
    return gap, lead, votes


@compiled
def _found(axis, codes, level, goal, a, b):
    """The first row from `a` to `b` with this code at this time; -1 where there is none."""
    near = NEAR * max(1.0, abs(goal))
    low, high = a, b
    while low < high:
        middle = (low + high) // 2
        if axis[middle] < goal - near:
            low = middle + 1
        else:
            high = middle
    while low < b and axis[low] <= goal + near:
        if codes[low] == level:
            return low
        low += 1
    return -1


@compiled
def due(offsets, axis, codes, gap):
    """Whether a row of code 1 stands `gap` after each row of code 0, and whether its entity's rows go on so long."""
    held, applies = np.zeros(len(codes), np.bool_), np.zeros(len(codes), np.bool_)
    for i in range(len(offsets) - 1):
        a, b = offsets[i], offsets[i + 1]
        for r in range(a, b):
            if codes[r] != 0:
                continue
            goal = axis[r] + gap
            applies[r] = goal <= axis[b - 1] + NEAR * max(1.0, abs(goal))
            held[r] = applies[r] and _found(axis, codes, 1, goal, r, b) >= 0
    return held, applies


@compiled
def paired(offsets, axis, codes, gap):
    """For each row of code 1 the row of code 0 that it shall follow, (R,); and rows of code 0 that are left without.

    A row that stands right stays. Each other row of code 0, in order, takes the nearest row of code 1 that is free.
    """
    out, without = np.full(len(codes), -1, np.int64), np.zeros(len(codes), np.bool_)
    kept = np.zeros(len(codes), np.bool_)
    held, applies = due(offsets, axis, codes, gap)
    for i in range(len(offsets) - 1):
        a, b = offsets[i], offsets[i + 1]
        for r in range(a, b):
            if held[r]:
                kept[_found(axis, codes, 1, axis[r] + gap, r, b)] = True
        for r in range(a, b):
            if held[r] or not applies[r]:
                continue
            best, away = -1, np.inf
            for k in range(a, b):
                if codes[k] == 1 and not kept[k] and abs(axis[k] - axis[r] - gap) < away:
                    best, away = k, abs(axis[k] - axis[r] - gap)
            if best < 0:
                without[r] = True
            else:
                kept[best], out[best] = True, r
    return out, without
