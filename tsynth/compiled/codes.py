"""Loops over the codes of each entity's rows: which come first, once, or only after others; and over gaps in them.

`time` only tells which rows of an entity stand at one moment, and which moment is the earlier: rows are sorted by it.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import integer, start

__all__ = [
    "again",
    "before",
    "carried",
    "changed",
    "fill",
    "leader",
    "mixed",
    "orders",
    "since",
    "times_of",
    "usual",
]


@compiled
def mixed(key, offsets, values):
    """The values in another order inside each entity, every order equally likely (Fisher and Yates)."""
    out = values.copy()
    state = np.empty(4, np.uint64)
    for i in range(len(offsets) - 1):
        start(state, key, i)
        a = offsets[i]
        for r in range(offsets[i + 1] - 1, a, -1):
            k = a + integer(state, r - a + 1)
            out[r], out[k] = out[k], out[r]
    return out


@compiled
def orders(offsets, time, codes, size):
    """What the order of codes inside entities tells of each code.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
    codes : int32 array, (R,)
        Below 0: null, not counted.
    size : int
        Number of codes, L.

    Returns
    -------
    entities : int64 array, (L,)
        Entities that have the code.
    opened : int64 array, (L,)
        Those of them that have it at their first moment.
    first : int64 array, (L,)
        Rows of the code at first moments.
    repeated : int64 array, (L,)
        Entities that have it more than once.
    odds : float64 array, (L,)
        Sum over the entities that have it of the log of the share of their rows that stand at the first moment.
    earlier : int64 array, (L, L)
        Entry [c, d]: entities with both in which d comes no later than c.
    """
    entities, opened = np.zeros(size, np.int64), np.zeros(size, np.int64)
    first, repeated = np.zeros(size, np.int64), np.zeros(size, np.int64)
    odds = np.zeros(size)
    earlier = np.zeros((size, size), np.int64)
    begun, count, own = np.zeros(size), np.zeros(size, np.int64), np.zeros(size, np.int64)
    for i in range(len(offsets) - 1):
        a, b = offsets[i], offsets[i + 1]
        many, at_first = 0, 0
        for r in range(a, b):
            opening = time[r] == time[a]
            at_first += opening
            c = codes[r]
            if c < 0:
                continue
            if count[c] == 0:
                own[many] = c
                many += 1
                begun[c] = time[r]
            count[c] += 1
            first[c] += opening
        for k in range(many):
            c = own[k]
            entities[c] += 1
            opened[c] += begun[c] == time[a]
            repeated[c] += count[c] > 1
            odds[c] += math.log(at_first / (b - a))
            for j in range(many):
                if begun[own[j]] <= begun[c]:
                    earlier[c, own[j]] += 1
        for k in range(many):
            count[own[k]] = 0
    return entities, opened, first, repeated, odds, earlier


@compiled
def again(groups, codes, size):
    """Rows whose code an earlier row of their group had, (R,); rows of a group stand together.

    Parameters
    ----------
    groups : int64 array, (R,)
    codes : int array, (R,)
        Below `size`; below 0: null, which may repeat.
    size : int
    """
    out = np.zeros(len(codes), np.bool_)
    last = np.full(size, -1, np.int64)
    for r in range(len(codes)):
        c = codes[r]
        if c >= 0:
            out[r] = last[c] == groups[r]
            last[c] = groups[r]
    return out


@compiled
def before(offsets, time, codes, later, earlier):
    """Rows with the code `later` for which one of `earlier` has come in their entity, at that moment or before."""
    out = np.zeros(len(codes), np.bool_)
    for i in range(len(offsets) - 1):
        begun = np.inf
        for r in range(offsets[i], offsets[i + 1]):
            if codes[r] == earlier:
                begun = time[r]
                break
        for r in range(offsets[i], offsets[i + 1]):
            out[r] = codes[r] == later and begun <= time[r]
    return out


@compiled
def since(offsets, codes, level):
    """First row of each entity with that code, (N,); -1 where it has none."""
    out = np.full(len(offsets) - 1, -1, np.int64)
    for i in range(len(offsets) - 1):
        for r in range(offsets[i], offsets[i + 1]):
            if codes[r] == level:
                out[i] = r
                break
    return out


@compiled
def times_of(offsets, codes, level):
    """How many rows of its entity had the code `level` before each row, (R,)."""
    out = np.zeros(len(codes), np.int64)
    for i in range(len(offsets) - 1):
        many = 0
        for r in range(offsets[i], offsets[i + 1]):
            out[r] = many
            many += codes[r] == level
    return out


@compiled
def usual(offsets, codes, wrong, rank):
    """The code that each entity has most often, among those with a rank; the better rank decides between equals.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    codes : int32 array, (R,)
    wrong : bool array, (R,)
        Rows that do not count.
    rank : int64 array, (L,)
        From 0, the best; -1 for codes that may not be chosen.

    Returns
    -------
    int64 array, (N,)
        The code of rank 0 for an entity that has none.
    """
    best = 0
    for c in range(len(rank)):
        if rank[c] == 0:
            best = c
    out = np.full(len(offsets) - 1, best, np.int64)
    count = np.zeros(len(rank), np.int64)
    for i in range(len(offsets) - 1):
        for r in range(offsets[i], offsets[i + 1]):
            c = codes[r]
            if c < 0 or wrong[r] or rank[c] < 0:
                continue
            count[c] += 1
            top = out[i]
            if count[c] > count[top] or (count[c] == count[top] and rank[c] < rank[top]):
                out[i] = c
        for r in range(offsets[i], offsets[i + 1]):
            if codes[r] >= 0:
                count[codes[r]] = 0
    return out


@compiled
def changed(offsets, values, null):
    """Whether each value is unlike the last one of its entity that is not null, and whether there is one, (R,)."""
    out, later = np.zeros(len(values), np.bool_), np.zeros(len(values), np.bool_)
    for i in range(len(offsets) - 1):
        last = -1
        for r in range(offsets[i], offsets[i + 1]):
            if null[r]:
                continue
            if last >= 0:
                out[r], later[r] = values[r] != values[last], True
            last = r
    return out, later


@compiled
def leader(offsets, time, null, moments):
    """The first row that is not null of each row's entity, or of its moment, (R,); the row itself where it is null."""
    out = np.arange(len(null))
    for i in range(len(offsets) - 1):
        first = -1
        for r in range(offsets[i], offsets[i + 1]):
            if moments and r > offsets[i] and time[r] != time[r - 1]:
                first = -1
            if null[r]:
                continue
            if first < 0:
                first = r
            out[r] = first
    return out


@compiled
def carried(offsets, null, free):
    """The row whose value each row shall have, (R,): the last one before it that is not null, if it is not free itself.

    A row that is null, free, or without such a predecessor points to itself.
    """
    out = np.arange(len(null))
    for i in range(len(offsets) - 1):
        last = -1
        for r in range(offsets[i], offsets[i + 1]):
            if null[r]:
                continue
            if free[r] or last < 0:
                last = r
            out[r] = last
    return out


@compiled
def fill(key, entities, offsets, codes, size, wanted, usable, many, drawn):
    """Where a value for each row that wants one comes from, (R,), two arrays: a row, and a place in a list.

    The row is the last usable one of its entity with its code, else the next such one, else -1; then the place is drawn
    below ``many[code]`` from the entity's stream, or the middle one where nothing is drawn.
    """
    row, place = np.full(len(codes), -1, np.int64), np.zeros(len(codes), np.int64)
    last = np.full(size, -1, np.int64)
    state = np.empty(4, np.uint64)
    for i in range(len(offsets) - 1):
        if drawn:
            start(state, key, entities[i])
        for backwards in range(2):
            for step in range(offsets[i + 1] - offsets[i]):
                r = offsets[i + 1] - 1 - step if backwards else offsets[i] + step
                if wanted[r] and row[r] < 0:
                    row[r] = last[codes[r]]
                elif usable[r]:
                    last[codes[r]] = r
            for r in range(offsets[i], offsets[i + 1]):
                last[codes[r]] = -1
        for r in range(offsets[i], offsets[i + 1]):
            if wanted[r] and row[r] < 0 and many[codes[r]] > 0:
                place[r] = integer(state, many[codes[r]]) if drawn else many[codes[r]] // 2
    return row, place
