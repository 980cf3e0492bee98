"""Hawkes processes of many types, or of several exponential kernels each with one decay for all pairs; exact.

Per component the excited intensity of all types together decays as one number, so that the clocks of `paths` serve.
Which type an excited event has is found by its parent's type: the weights of the past events, summed by type, stand in
the leaves of a binary tree of sums, from which a type is drawn and changed in log2(M) steps; the child's type is then
drawn from the parent's column in constant time. The leaves are kept in units that decay with the process.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.hawkes.immigrants import locate, pick, ring
from tsynth.compiled.hawkes.paths import BLOCK, FADED, LONGEST, settle
from tsynth.compiled.jit import compiled
from tsynth.compiled.random import exponential, start, uniform

__all__ = ["many_clocks", "one_clock"]

_SMALL = 1e-100


@compiled
def _plant(tree, leaf, value):
    """Set a leaf and the sums above it."""
    tree[leaf] = value
    while leaf > 1:
        value += tree[leaf ^ 1]
        leaf >>= 1
        tree[leaf] = value


@compiled
def _climb(tree, first, u):
    """Leaf at which the running sum of leaves passes u, 0 <= u < tree[1]; leaves begin at `first`."""
    node = 1
    while node < first:
        node <<= 1
        left = tree[node]
        if u >= left and tree[node + 1] > 0.0:
            u -= left
            node += 1
    return node


@compiled
def _shrink(tree, first, touched, count, factor):
    """Multiply the touched leaves (0 clears them) and mend the sums; returns how many are still above 0."""
    kept = 0
    for c in range(count):
        leaf = touched[c]
        tree[leaf] *= factor
        if tree[leaf] > 0.0:
            touched[kept] = leaf
            kept += 1
        if 16 * count < first:
            _plant(tree, leaf, tree[leaf])
    if 16 * count >= first:
        for node in range(first - 1, 0, -1):
            tree[node] = tree[2 * node] + tree[2 * node + 1]
    return kept


@compiled
def _add(tree, first, touched, count, kind, value):
    """Add to a type's leaf; returns how many leaves are touched."""
    if value > 0.0:
        leaf = first + kind
        if tree[leaf] == 0.0:
            touched[count] = leaf
            count += 1
        _plant(tree, leaf, tree[leaf] + value)
    return count


@compiled
def one_clock(
    key, entities, begin, end, scale, clock, origin_types, columns, targets, jumps, decay, past, most, first,
    offsets, times, types,
):  # fmt: skip
    """Sequences of a process with one decay from number `first` on; as `exponential_paths`.

    Parameters
    ----------
    origin_types : Table
        Law of an immigrant's type: one law a cell of the clock, or one for all.
    columns : Table
        Law of a child's type, one law a type of parent.
    targets : int64 array
        Type that each slot of `columns` stands for.
    jumps : float64 array, (M,)
        By how much an event of this type raises the intensity of all types together.
    decay : float
    past : tuple of int64 array (N + 1,), float64 array (H,), int64 array (H,)
        Offsets, times and types of events before each window.
    types : int64 array
        Room for rows, as `times`.
    """
    state = np.empty(4, np.uint64)
    n_types = len(jumps)
    leaves = 1
    while leaves < n_types:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    touched = np.empty(n_types, np.int64)
    count = 0
    origins, uppers, exponent = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bits = times.view(np.int64)
    laws = len(origin_types.offsets) - 1
    past_offsets, past_times, past_types = past
    flushed = row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        count = _shrink(tree, leaves, touched, count, 0.0)
        origin, stop, share = begin[i], end[i], scale[i]
        for r in range(past_offsets[i], past_offsets[i + 1]):
            weight = jumps[past_types[r]] * math.exp(-decay * (origin - past_times[r]))
            count = _add(tree, leaves, touched, count, past_types[r], weight)
        unit = 1.0  # of the leaves, in intensity
        reached = locate(clock, origin)
        immigrant = origin
        cell = 0
        limit = min(offsets[i] + most, len(times))
        block = min(flushed + BLOCK, limit)
        new = True
        while row < limit:
            x = tree[1] * unit
            if new:
                reached += exponential(state) / share
                immigrant, cell = ring(clock, reached)
                immigrant = max(immigrant, origin)
            new = immigrant < stop
            upper = immigrant if new else stop
            last = not new
            if decay * (upper - origin) > LONGEST:
                if x < FADED:
                    x = 0.0
                else:
                    new = last = False
                    upper = origin + LONGEST / decay
            silent = math.exp(-decay * (upper - origin))
            survival = 1.0
            while True:
                left = x - decay * exponential(state)
                product = survival * (left / x)
                if not product > silent:
                    break
                survival = product
                parent = _climb(tree, leaves, uniform(state) * tree[1]) - leaves
                kind = targets[pick(state, columns, parent)]
                x = left + jumps[kind]
                count = _add(tree, leaves, touched, count, kind, jumps[kind] / (unit * survival))
                times[row] = survival
                types[row] = kind
                origins[row - flushed] = origin
                uppers[row - flushed] = upper
                row += 1
                if row == block:
                    if row == limit:
                        break
                    settle(times, bits, origins, uppers, decay, flushed, row, exponent)
                    flushed = row
                    block = min(flushed + BLOCK, limit)
            if last or row == limit:
                break
            unit *= silent
            origin = upper
            if unit < _SMALL:
                count = _shrink(tree, leaves, touched, count, unit)
                unit = 1.0
            if new:
                slot = pick(state, origin_types, cell if laws > 1 else 0)
                kind = slot % n_types
                count = _add(tree, leaves, touched, count, kind, jumps[kind] / unit)
                times[row] = 1.0
                types[row] = kind
                origins[row - flushed] = origin
                uppers[row - flushed] = origin
                row += 1
                if row == block and row < limit:
                    settle(times, bits, origins, uppers, decay, flushed, row, exponent)
                    flushed = row
                    block = min(flushed + BLOCK, limit)
        full = row == len(times) and row < offsets[i] + most
        if full or row == flushed + BLOCK:
            settle(times, bits, origins, uppers, decay, flushed, row, exponent)
            flushed = row
        if full:
            return i
        offsets[i + 1] = row
    settle(times, bits, origins, uppers, decay, flushed, row, exponent)
    return len(entities)


@compiled
def many_clocks(
    key, entities, begin, end, scale, clock, origin_types, columns, targets, jumps, decays, past, most, first,
    offsets, times, types,
):  # fmt: skip
    """Sequences of a process with K kernels of one decay each, from number `first` on; as `one_clock`.

    Parameters
    ----------
    columns : Table
        Law number ``k * M + j`` is that of the type of a child that a parent of type j has through component k.
    jumps : float64 array, (K, M)
    decays : float64 array, (K,)
    """
    state = np.empty(4, np.uint64)
    kinds, n_types = jumps.shape
    leaves = 1
    while leaves < n_types:
        leaves *= 2
    trees = np.zeros((kinds, 2 * leaves))
    touched = np.empty((kinds, n_types), np.int64)
    count = np.zeros(kinds, np.int64)
    unit = np.ones(kinds)
    x = np.zeros(kinds)
    laws = len(origin_types.offsets) - 1
    past_offsets, past_times, past_types = past
    row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        now, stop, share = begin[i], end[i], scale[i]
        for k in range(kinds):
            count[k] = _shrink(trees[k], leaves, touched[k], count[k], 0.0)
            unit[k] = 1.0
            for r in range(past_offsets[i], past_offsets[i + 1]):
                weight = jumps[k, past_types[r]] * math.exp(-decays[k] * (now - past_times[r]))
                count[k] = _add(trees[k], leaves, touched[k], count[k], past_types[r], weight)
            x[k] = trees[k, 1]
        reached = locate(clock, now)
        immigrant = now
        cell = 0
        limit = min(offsets[i] + most, len(times))
        new = True
        while row < limit:
            if new:
                reached += exponential(state) / share
                immigrant, cell = ring(clock, reached)
                immigrant = max(immigrant, now)
            gap = min(immigrant, stop) - now
            rung, left = -1, 0.0
            for k in range(kinds):
                after = x[k] - decays[k] * exponential(state)
                if after > 0.0:
                    wait = -math.log(after / x[k]) / decays[k]
                    if wait < gap:
                        gap, rung, left = wait, k, after
            new = rung < 0
            if new:
                if not immigrant < stop:
                    break
                now = immigrant
                kind = pick(state, origin_types, cell if laws > 1 else 0) % n_types
            else:
                now = min(now + gap, immigrant, stop)
                parent = _climb(trees[rung], leaves, uniform(state) * trees[rung, 1]) - leaves
                kind = targets[pick(state, columns, rung * n_types + parent)]
            for k in range(kinds):
                faded = math.exp(-decays[k] * gap)
                x[k] = (left if k == rung else x[k] * faded) + jumps[k, kind]
                unit[k] *= faded
                if unit[k] < _SMALL:
                    count[k] = _shrink(trees[k], leaves, touched[k], count[k], unit[k])
                    unit[k] = 1.0
                count[k] = _add(trees[k], leaves, touched[k], count[k], kind, jumps[k, kind] / unit[k])
            times[row] = now
            types[row] = kind
            row += 1
        if row == len(times) and row < offsets[i] + most:
            return i
        offsets[i + 1] = row
    return len(entities)
