"""Hawkes processes of many types, or of several exponential kernels each with one decay for all pairs; exact.

Per component the excited intensity of all types together decays as one number, so that the clocks of `paths` serve.
Which type an excited event has is found by its parent's type: the weights of the past events, summed by type, stand in
a binary tree of sums, in which a type is drawn and changed in log2(M) steps; the child's type is then
drawn from the parent's column in constant time. The weights are kept in units that decay with the process.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.hawkes.aliases import pick
from tsynth.compiled.hawkes.paths import BLOCK, settle, stretch
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import exponential, start, uniform
from tsynth.compiled.rates import moment, rising

__all__ = ["many_clocks", "one_clock"]

_SMALL = 1e-100


@compiled
def _depth(n_types):
    """Levels of a binary tree with a leaf a type; tree number k stands from ``k * (2 << depth)`` on."""
    depth = 0
    while (1 << depth) < n_types:
        depth += 1
    return depth


@uncounted
def _raise(tree, base, depth, leaf, value):
    """Add to a leaf, and make the sums above it anew."""
    node = (1 << depth) + leaf
    value += tree[base + node]
    tree[base + node] = value
    while node > 1:
        value += tree[base + (node ^ 1)]
        node >>= 1
        tree[base + node] = value


@uncounted
def _climb(state, tree, base, depth):
    """Type drawn with the weights in the leaves; written without branches on what is drawn."""
    if depth == 0:
        return np.int64(0)
    while True:
        u = uniform(state) * tree[base + 1]
        node = np.int64(1)
        for _ in range(depth):
            node <<= 1
            left = tree[base + node]
            right = u >= left
            u -= left * right
            node += right
        if tree[base + node] > 0.0:  # else rounding led to a type of none
            return node - (1 << depth)


@uncounted
def _shrink(tree, base, depth, touched, at, count, factor):
    """Multiply all weights (0 clears them); returns how many are above 0."""
    first = 1 << depth
    for c in range(count):
        weight = tree[base + first + touched[at + c]] * factor
        node = first + touched[at + c]
        while node > 0:
            tree[base + node] = 0.0
            node >>= 1
        tree[base + first + touched[at + c]] = weight
    kept = 0
    for c in range(count):
        weight = tree[base + first + touched[at + c]]
        if weight > 0.0:
            touched[at + kept] = touched[at + c]
            kept += 1
            tree[base + first + touched[at + c]] = 0.0
            _raise(tree, base, depth, touched[at + c], weight)
    return kept


@uncounted
def _add(tree, base, depth, touched, at, count, kind, value):
    """Add to a type's weight; returns how many types have one."""
    if value > 0.0:
        if tree[base + (1 << depth) + kind] == 0.0:
            touched[at + count] = kind
            count += 1
        _raise(tree, base, depth, kind, value)
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
    depth = _depth(n_types)
    tree = np.zeros(2 << depth)  # weights of the past events of each type, in units that decay with them
    touched = np.empty(n_types, np.int64)
    count = 0
    survivals, origins, uppers, exponent = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bits = survivals.view(np.int64)
    edges, period, phase, rate, running = clock
    origin_offsets, origin_keep, origin_other = origin_types
    column_offsets, column_keep, column_other = columns
    laws = len(origin_offsets) - 1
    past_offsets, past_times, past_types = past
    written = offsets[first]
    n = 0  # rows in the block, not yet written
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        count = _shrink(tree, 0, depth, touched, 0, count, 0.0)
        origin, stop, share = begin[i], end[i], scale[i]
        for r in range(past_offsets[i], past_offsets[i + 1]):
            weight = jumps[past_types[r]] * math.exp(-decay * (origin - past_times[r]))
            count = _add(tree, 0, depth, touched, 0, count, past_types[r], weight)
        unit = 1.0  # of the weights, in intensity
        reached = rising(origin, edges, period, phase, rate, running)
        immigrant = origin
        cell = 0
        limit = min(offsets[i] + most, len(times))
        block = min(BLOCK, limit - written)
        new = True
        while n < block:
            x = tree[1] * unit
            if new:
                reached += exponential(state) / share
                immigrant, cell = moment(reached, edges, period, phase, rate, running)
                immigrant = max(immigrant, origin)
            x, upper, new, last = stretch(x, origin, immigrant, stop, decay)
            silent = math.exp(-decay * (upper - origin))
            survival = 1.0
            while True:
                left = x - decay * exponential(state)
                product = survival * (left / x)
                if not product > silent:
                    break
                survival = product
                parent = _climb(state, tree, 0, depth)
                kind = targets[pick(state, column_offsets, column_keep, column_other, parent)]
                x = left + jumps[kind]
                weight = jumps[kind] / (unit * survival)
                count = _add(tree, 0, depth, touched, 0, count, kind, weight)
                types[written + n] = kind
                survivals[n], origins[n], uppers[n] = survival, origin, upper
                n += 1
                if n == block:
                    settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
                    written += n
                    n = 0
                    block = min(BLOCK, limit - written)
                    if block == 0:
                        break
            if last or block == 0:
                break
            unit *= silent
            origin = upper
            if unit < _SMALL:
                count = _shrink(tree, 0, depth, touched, 0, count, unit)
                unit = 1.0
            if new:
                law = cell if laws > 1 else 0
                kind = pick(state, origin_offsets, origin_keep, origin_other, law) % n_types
                count = _add(tree, 0, depth, touched, 0, count, kind, jumps[kind] / unit)
                types[written + n] = kind
                survivals[n], origins[n], uppers[n] = 1.0, origin, origin
                n += 1
                if n == block:
                    settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
                    written += n
                    n = 0
                    block = min(BLOCK, limit - written)
        if written + n == len(times) and written + n < offsets[i] + most:
            settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
            return i
        offsets[i + 1] = written + n
    settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
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
    depth = _depth(n_types)
    size = 2 << depth
    trees = np.zeros(kinds * size)
    touched = np.empty(kinds * n_types, np.int64)
    count = np.zeros(kinds, np.int64)
    unit = np.ones(kinds)
    x = np.zeros(kinds)
    edges, period, phase, rate, running = clock
    origin_offsets, origin_keep, origin_other = origin_types
    column_offsets, column_keep, column_other = columns
    laws = len(origin_offsets) - 1
    past_offsets, past_times, past_types = past
    row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        now, stop, share = begin[i], end[i], scale[i]
        for k in range(kinds):
            count[k] = _shrink(trees, k * size, depth, touched, k * n_types, count[k], 0.0)
            unit[k] = 1.0
            for r in range(past_offsets[i], past_offsets[i + 1]):
                weight = jumps[k, past_types[r]] * math.exp(-decays[k] * (now - past_times[r]))
                count[k] = _add(trees, k * size, depth, touched, k * n_types, count[k], past_types[r], weight)
            x[k] = trees[k * size + 1]
        reached = rising(now, edges, period, phase, rate, running)
        immigrant = now
        cell = 0
        limit = min(offsets[i] + most, len(times))
        new = True
        while row < limit:
            if new:
                reached += exponential(state) / share
                immigrant, cell = moment(reached, edges, period, phase, rate, running)
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
                kind = (
                    pick(state, origin_offsets, origin_keep, origin_other, cell if laws > 1 else 0) % n_types
                )
            else:
                now = min(now + gap, immigrant, stop)
                parent = _climb(state, trees, rung * size, depth)
                kind = targets[
                    pick(state, column_offsets, column_keep, column_other, rung * n_types + parent)
                ]
            for k in range(kinds):
                faded = math.exp(-decays[k] * gap)
                x[k] = (left if k == rung else x[k] * faded) + jumps[k, kind]
                unit[k] *= faded
                if unit[k] < _SMALL:
                    count[k] = _shrink(trees, k * size, depth, touched, k * n_types, count[k], unit[k])
                    unit[k] = 1.0
                count[k] = _add(
                    trees, k * size, depth, touched, k * n_types, count[k], kind, jumps[k, kind] / unit[k]
                )
            times[row] = now
            types[row] = kind
            row += 1
        if row == len(times) and row < offsets[i] + most:
            return i
        offsets[i + 1] = row
    return len(entities)
