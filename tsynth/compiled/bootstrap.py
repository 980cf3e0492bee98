"""Block bootstrap: block draws, plain resampling, and paths rebuilt from resampled innovations."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import exponential, integer, normal, start, start_call

__all__ = ["CIRCULAR", "MOVING", "STATIONARY", "draw_blocks", "make_paths", "resample"]

STATIONARY, MOVING, CIRCULAR = 0, 1, 2


@compiled
def _scale(mean_length):
    """Mean of the exponential whose whole part, plus one, is geometric with mean `mean_length`."""
    return -1.0 / math.log1p(-1.0 / mean_length) if mean_length > 1.0 else 0.0


@compiled
def _block(state, n, mean_length, scale, method, period, phase):
    """First place and length of a new block whose place in the season is `phase`."""
    last = n - 1
    if method == STATIONARY:
        length = 1 + int(min(exponential(state) * scale, 1e15))
    else:
        length = max(1, round(mean_length))
        if method == MOVING:
            last = max(n - length, phase)
    if period == 1:
        return integer(state, last + 1), length
    return phase + period * integer(state, (last - phase) // period + 1), length


@compiled
def draw_blocks(state, n, mean_length, method, period, shift, out):
    """Fill `out` with places 0..n-1 of a source of n >= period steps, in blocks.

    Politis and Romano (1994) for STATIONARY, Künsch (1989) for MOVING, Politis and Romano (1992) for CIRCULAR.
    Step t has the phase (t + shift) mod period; a block starts only where the source has the phase that is due,
    and goes on from the end of the source at its first place of the same phase.
    """
    place, left, scale = 0, 0, _scale(mean_length)
    for t in range(len(out)):
        if left == 0:
            place, left = _block(state, n, mean_length, scale, method, period, (t + shift) % period)
        elif place + 1 < n:
            place += 1
        else:
            place = n % period
        out[t] = place
        left -= 1


@compiled
def resample(key, first, values, mean_length, method, period, out):
    """Fill each row of `out` (paths, T) with blocks of the vector `values`; row i is path ``first + i``."""
    state = np.empty(4, np.uint64)
    n, steps, scale = len(values), out.shape[1], _scale(mean_length)
    again = n % period
    for i in range(out.shape[0]):
        start(state, key, first + i)
        t = 0
        while t < steps:
            phase = 0 if period == 1 else t % period
            place, left = _block(state, n, mean_length, scale, method, period, phase)
            left = min(left, steps - t)
            while left > 0:  # straight copies; a block that leaves the source goes on at its start
                run = min(left, n - place)
                out[i, t : t + run] = values[place : place + run]
                t += run
                left -= run
                place = again


@compiled
def _reflect(value, low, high):
    """`value` folded back into [low, high]."""
    if low <= value <= high or not high > low:
        return min(max(value, low), high)
    if math.isinf(high - low):
        return 2.0 * low - value if value < low else 2.0 * high - value
    width = high - low
    offset = (value - low) % (2.0 * width)
    return low + (offset if offset <= width else 2.0 * width - offset)


@compiled
def _keep_inside(path, origin, low, high):
    """Bring a wandering path inside [low, high] without flat tops and without calming it.

    Where its origin is near a bound, the path is folded there. Where it leaves on one side it is tilted: the
    smallest constant drift that keeps it in is taken off each step. What still lies outside is scaled towards the
    origin.
    """
    near = 0.2 * (high - low)
    fold_low, fold_high = origin - low < near, high - origin < near
    down, up = 0.0, 0.0
    for t in range(len(path)):
        if (fold_low and path[t] < low) or (fold_high and path[t] > high):
            path[t] = _reflect(path[t], low if fold_low else -math.inf, high if fold_high else math.inf)
        up = max(up, (path[t] - high) / (t + 1))
        down = min(down, (path[t] - low) / (t + 1))
    if up == 0.0 and down == 0.0:
        return
    drift = up if down == 0.0 else down if up == 0.0 else 0.0
    top, bottom = origin, origin
    for t in range(len(path)):
        path[t] -= drift * (t + 1)
        top, bottom = max(top, path[t]), min(bottom, path[t])
    above = (high - origin) / (top - origin) if top > high else 1.0
    below = (origin - low) / (origin - bottom) if bottom < low else 1.0
    if above < 1.0 or below < 1.0:
        for t in range(len(path)):
            away = path[t] - origin
            path[t] = origin + away * (above if away > 0.0 else below)


@compiled
def _rebuild(source, levels, noisy, form, begin, column, places, state, out):
    """``out[t] = phi out[t-1] + e[t]`` over resampled, smoothed innovations e."""
    phi, origin, low, high, shrink, centre, noise = form
    level = origin
    if math.isnan(origin):  # begin at the level that the first place has in the source
        level = levels[begin + places[0] - 1, column] if places[0] > 0 else math.nan
        if math.isnan(level):
            level = centre / (1.0 - phi)
    for t in range(len(places)):
        row = begin + places[t]
        e = source[row, column]
        if noise > 0.0 and noisy[row, column]:
            e = centre + shrink * (e - centre + noise * normal(state))
        level = phi * level + e
        out[t] = level
    if phi == 1.0:
        _keep_inside(out, origin, low, high)


@compiled
def _rounded(value, grid):
    """`value` on the grid of its decimals (a power of ten), the float that its text would be read as."""
    if grid >= 1.0:
        return np.rint(value / grid) * grid
    scale = np.rint(1.0 / grid)
    scaled = value * scale
    return np.rint(scaled) / scale if abs(scaled) < 4.5e15 else value


@compiled
def make_paths(
    key, noise_key, entities, offsets, group, mean_length, period, method, source, levels, noisy, leader, forms,
    logged, low, high, grid, steps, shift, out,
):  # fmt: skip
    """Paths of many entities: entity i is series i mod m of replicate i div m.

    Parameters
    ----------
    key, noise_key : uint64
        Keys of the block draws (a stream a replicate and group) and of the noise (a stream an entity and column).
    entities : int64 array, (N,)
    offsets : int64 array, (m + 1,)
        Rows of each series in `source`, `levels`, `noisy`.
    group, mean_length, period : arrays, (m,)
        Series of one group share their block draws; mean block length and season, in steps.
    method : int
    source, levels : float64 arrays, (R, D)
        Innovations (no NaN) and levels (NaN where null), both in the domain of the form.
    noisy : bool array, (R, D)
        Where innovations are smoothed.
    leader : int64 array, (m, D)
        -1, or ``series * D + column`` of the path that this one is added to.
    forms : float64 array, (m, D, 7)
        phi; level before the first step (NaN: that of the first place); bounds of a path with phi = 1 in its own
        domain; shrinkage, centre and noise of the innovations.
    logged : bool array, (m, D)
    low, high, grid : float64 arrays, (m, D)
        Bounds of the result and the step of its decimals (0 for none).
    steps, shift : int64 arrays, (m,)
        Steps to make, and the phase of the first.
    out : float64 array, (sum of steps, D)
    """
    state = np.empty(4, np.uint64)
    m, columns = len(offsets) - 1, source.shape[1]
    longest = 0
    for s in range(m):
        longest = max(longest, steps[s])
    buffers = np.empty((2, longest))
    places = np.empty(longest, np.int64)
    at, known_replicate, known_group = 0, -1, -1
    for i in range(len(entities)):
        replicate, series = entities[i] // m, entities[i] % m
        begin, count = offsets[series], steps[series]
        if count == 0:
            continue
        if replicate != known_replicate or group[series] != known_group:
            start_call(state, key, replicate, group[series])
            n = offsets[series + 1] - begin
            draw_blocks(state, n, mean_length[series], method, period[series], shift[series], places[:count])
            known_replicate, known_group = replicate, group[series]
        for d in range(columns):
            own, led = buffers[0, :count], buffers[1, :count]
            start_call(state, noise_key, entities[i], d)
            _rebuild(source, levels, noisy, forms[series, d], begin, d, places[:count], state, own)
            if leader[series, d] >= 0:  # remade from its own stream, whoever asks for it
                s, c = leader[series, d] // columns, leader[series, d] % columns
                start_call(state, noise_key, replicate * m + s, c)
                _rebuild(source, levels, noisy, forms[s, c], offsets[s], c, places[:count], state, led)
                for t in range(count):
                    own[t] += led[t]
            for t in range(count):
                if math.isnan(levels[begin + places[t], d]):
                    out[at + t, d] = math.nan
                    continue
                value = math.exp(min(own[t], 709.0)) if logged[series, d] else own[t]
                value = _reflect(value, low[series, d], high[series, d])
                if grid[series, d] > 0.0:
                    value = min(max(_rounded(value, grid[series, d]), low[series, d]), high[series, d])
                out[at + t, d] = value
        at += count
