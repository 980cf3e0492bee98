"""Hawkes processes under a link, so that events may also inhibit: thinning, exact.

Ogata (1981), On Lewis' simulation method for point processes, IEEE Trans. Inf. Theory 27(1). Positive excitation only
falls and negative excitation only rises, so over a short look ahead the link of "positive now, negative at its end"
bounds the intensity.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import exponential, integer, start, uniform

__all__ = ["RECTIFIED", "SOFTPLUS", "Drives", "linked", "thinned"]

SOFTPLUS, RECTIFIED = 1, 2
LOOK = 0.5
"""How far ahead the bound of negative parts looks, in lifetimes of the fastest part."""


class Drives(NamedTuple):
    """Excitation in parts that decay each at one rate, and what events add to them.

    Parameters
    ----------
    target : int64 array, (G,)
        Type that a part drives.
    decay_of : int64 array, (G,)
        Place of its decay in `decays`.
    negative : bool array, (G,)
        Parts of either sign are kept apart.
    decays : float64 array, (D,)
    offsets : int64 array, (M + 1,)
        An event of type j adds ``amount[s]`` to part ``part[s]`` for each s in ``offsets[j]:offsets[j + 1]``.
    part : int64 array, (S,)
    amount : float64 array, (S,)
    power, reference : float
        An event of a size counts ``exp(power * (size - reference))`` times.
    size_offsets : int64 array, (M + 1,)
    sizes : float64 array
        What sizes are drawn from, type by type; empty where there are none.
    """

    target: np.ndarray
    decay_of: np.ndarray
    negative: np.ndarray
    decays: np.ndarray
    offsets: np.ndarray
    part: np.ndarray
    amount: np.ndarray
    power: float
    reference: float
    size_offsets: np.ndarray
    sizes: np.ndarray


@compiled
def linked(x, link, level):
    """Intensity at baseline plus excitation `x`."""
    if link == RECTIFIED or not level > 0.0:
        return max(x, 0.0)
    return max(x, 0.0) + level * math.log1p(math.exp(-abs(x) / level))


@uncounted
def _fade(values, decay_of, decays, faded, gap):
    """Let `gap` pass."""
    for d in range(len(faded)):
        faded[d] = math.exp(-decays[d] * gap)
    for g in range(len(values)):
        values[g] *= faded[decay_of[g]]


@uncounted
def _excite(values, offsets, part, amount, kind, factor):
    for s in range(offsets[kind], offsets[kind + 1]):
        values[part[s]] += amount[s] * factor


@uncounted
def _bound(values, target, negative, share, rates, cell, link, levels, high, low):
    """Bound of all types' intensities, and whether it holds only as far ahead as `LOOK` lets the fastest part decay.

    Without what is negative; with what is left of it there, if that lowers the bound by much.
    """
    for m in range(len(levels)):
        high[m] = share * rates[cell, m]
        low[m] = 0.0
    deepest = 0.0
    for g in range(len(values)):
        if negative[g]:
            low[target[g]] += values[g]
            deepest = min(deepest, low[target[g]])
        else:
            high[target[g]] += values[g]
    bound = 0.0
    for m in range(len(levels)):
        bound += linked(high[m], link, levels[m])
    if not deepest < -0.01 * bound:
        return bound, False
    left = math.exp(-LOOK)  # of what decays fastest; the slower keep more
    bound = 0.0
    for m in range(len(levels)):
        bound += linked(high[m] + left * low[m], link, levels[m])
    return bound, True


@uncounted
def _accepted(u, values, target, share, rates, cell, link, levels, room):
    """Type of an event at height u under the intensities of all types, one upon the other; -1 above them."""
    for m in range(len(levels)):
        room[m] = share * rates[cell, m]
    for g in range(len(values)):
        room[target[g]] += values[g]
    for m in range(len(levels)):
        u -= linked(room[m], link, levels[m])
        if u < 0.0:
            return m
    return -1


@compiled
def thinned(
    key, entities, begin, end, scale, edges, rates, period, phase, levels, link, drives, past, most, first,
    offsets, times, types, sizes,
):  # fmt: skip
    """Sequences from number `first` on; as `exponential_paths`.

    Parameters
    ----------
    edges : float64 array, (B + 1,)
    rates : float64 array, (B, M)
    period, phase : float
        As in `Baseline`.
    levels : float64 array, (M,)
        Scales of the softplus.
    link : int
        `SOFTPLUS` or `RECTIFIED`.
    drives : Drives
    past : tuple of int64 (N + 1,), float64 (H,), int64 (H,), float64 (H,)
        Offsets, times, types and factors of events before each window.
    sizes : float64 array
        Room as `times`, or empty where no sizes are drawn.
    """
    state = np.empty(4, np.uint64)
    cells, n_types = rates.shape
    target, decay_of, negative, decays, columns, part, amount, power, reference, size_offsets, size_values = (
        drives
    )
    values = np.zeros(len(target))
    faded = np.ones(len(decays))
    high, low = np.empty(n_types), np.empty(n_types)
    past_offsets, past_times, past_types, past_factors = past
    sized = len(size_values) > 0
    ahead = LOOK / max(np.max(decays), 1e-300) if len(decays) > 0 else math.inf
    row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        now, stop, share = begin[i], end[i], scale[i]
        values[:] = 0.0
        before = now
        for r in range(past_offsets[i], past_offsets[i + 1]):
            if r > past_offsets[i]:
                _fade(values, decay_of, decays, faded, past_times[r] - before)
            before = past_times[r]
            _excite(values, columns, part, amount, past_types[r], past_factors[r])
        _fade(values, decay_of, decays, faded, now - before)
        base = 0.0
        place = now
        if period > 0.0:
            base = phase + math.floor((now - phase) / period) * period
            place = now - base
        cell = min(max(np.searchsorted(edges, place, "right") - 1, 0), cells - 1)
        limit = min(offsets[i] + most, len(times))
        while row < limit:
            until = base + edges[cell + 1]
            if cell == cells - 1 and period == 0.0:
                until = math.inf
            if until <= now:
                cell += 1
                if cell == cells:
                    cell = 0
                    base += period
                continue
            bound, deep = _bound(values, target, negative, share, rates, cell, link, levels, high, low)
            if deep:
                until = min(until, now + ahead)
            # The bound is above the intensity by more than rounding.
            bound *= 1.0 + 1e-12
            time = now + exponential(state) / bound
            if not time < until:
                if not until < stop:
                    break
                _fade(values, decay_of, decays, faded, until - now)
                now = until
                continue
            if not time < stop:
                break
            _fade(values, decay_of, decays, faded, time - now)
            now = time
            kind = _accepted(uniform(state) * bound, values, target, share, rates, cell, link, levels, high)
            if kind < 0:
                continue
            factor = 1.0
            if sized:
                lowest = size_offsets[kind]
                size = size_values[lowest + integer(state, size_offsets[kind + 1] - lowest)]
                factor = math.exp(power * (size - reference))
                sizes[row] = size
            _excite(values, columns, part, amount, kind, factor)
            times[row] = now
            types[row] = kind
            row += 1
        if row == len(times) and row < offsets[i] + most:
            return i
        offsets[i + 1] = row
    return len(entities)
