"""Loops that integrate the intensity of a point process between its events, piece by piece: links, kernels of steps.

Arrays are those of `tsynth.compiled.hawkes.residuals`.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.rates import cell_at, place

__all__ = ["linked", "steps", "through"]

LINEAR, SOFTPLUS, RECTIFIED = 0, 1, 2
TOLERANCE = 1e-10
"""Difference between a rule and its two halves, as a share of the piece's integral, at which a piece is left alone."""
_X, _W = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = 0.5 * (_X + 1.0), 0.5 * _W


@compiled
def through(link, x, level):
    """Intensity from baseline plus excitation x."""
    if link == SOFTPLUS:
        if level <= 0.0:
            return max(x, 0.0)
        scaled = x / level
        return level * (
            scaled + math.log1p(math.exp(-scaled)) if scaled > 0.0 else math.log1p(math.exp(scaled))
        )
    return max(x, 0.0) if link == RECTIFIED else x


@compiled
def curve(s, base, size, fade, used, link, level):
    x = base
    for m in range(used):
        x += size[m] * math.exp(-fade[m] * s)
    return through(link, x, level)


@compiled
def rule(low, high, base, size, fade, used, link, level):
    total = 0.0
    for q in range(len(NODES)):
        total += WEIGHTS[q] * curve(low + (high - low) * NODES[q], base, size, fade, used, link, level)
    return total * (high - low)


@compiled
def integrated(length, base, size, fade, used, link, level, stack):
    """Integral from 0 to `length` of the link of ``base + sum size exp(-fade s)``.

    Panels double in length from the left, where the curve turns fastest; each is halved until the rule of eight
    points agrees with its halves to `TOLERANCE` of the integral so far, at most forty times.
    """
    if used == 0:
        return length * through(link, base, level)
    fastest = 0.0
    for m in range(used):
        fastest = max(fastest, fade[m])
    total, low = 0.0, 0.0
    step = 1.0 / fastest if fastest > 0.0 else length
    while low < length:
        high = min(low + step, length)
        if length - high < 0.5 * step:
            high = length
        depth = 1
        stack[0, 0], stack[0, 1] = low, high
        stack[0, 2] = rule(low, high, base, size, fade, used, link, level)
        while depth > 0:
            depth -= 1
            a, b, whole = stack[depth, 0], stack[depth, 1], stack[depth, 2]
            middle = 0.5 * (a + b)
            left = rule(a, middle, base, size, fade, used, link, level)
            right = rule(middle, b, base, size, fade, used, link, level)
            if abs(left + right - whole) <= TOLERANCE * (total + left + right) or depth >= len(stack) - 2:
                total += left + right
            else:
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = middle, b, right
                stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2] = a, middle, left
                depth += 2
        low = high
        step *= 2.0
    return total


@compiled
def linked(
    offsets, times, types, weight, start, end, scale, level, edges, factors, period, phase,
    adjacency, decay, shared, link, increments, together, rate, integral,
):  # fmt: skip
    """As `exponential_pairs` where baseline and excitation go through a link: numerically, piece by piece.

    A piece lies between two events or edges of the baseline. `together` (R,) is filled with the integral of all
    types' intensities since the event before; `shared` says that a component has one decay for all pairs.
    """
    components, sources, targets = adjacency.shape
    kept = 1 if shared else sources
    x = np.empty((components, kept, targets))
    size, fade = np.empty(components * kept), np.empty(components * kept)
    stack = np.empty((42, 3))
    since = np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        since[:] = 0.0
        all_since = 0.0
        integral[n] = 0.0
        t = start[n]
        behind = offsets[n]
        r = offsets[n]
        while True:
            goal = end[n] if r == offsets[n + 1] else times[r]
            while t < goal:  # the pieces until the next event
                cell, then = cell_at(t, edges, period, phase)
                then = min(goal, then)
                for i in range(targets):
                    used = 0
                    for k in range(components):
                        for j in range(kept):
                            if x[k, j, i] != 0.0:
                                fade[used] = decay[k, j, i]
                                size[used] = decay[k, j, i] * x[k, j, i]
                                used += 1
                                x[k, j, i] *= math.exp(-decay[k, j, i] * (then - t))
                    base = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
                    part = integrated(then - t, base, size, fade, used, link, level[i], stack)
                    since[i] += part
                    all_since += part
                    integral[n, i] += part
                t = then
            if r == offsets[n + 1]:
                break
            i = types[r]
            _, cell, _ = place(t, edges, period, phase)
            now = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
            for k in range(components):
                for j in range(kept):
                    now += decay[k, j, i] * x[k, j, i]
            rate[r] = through(link, now, level[i])
            increments[r], together[r] = since[i], all_since
            since[i], all_since = 0.0, 0.0
            r += 1
            if r == offsets[n + 1] or times[r] > t:  # events at one time excite later ones only
                while behind < r:
                    for k in range(components):
                        for i in range(targets):
                            x[k, 0 if shared else types[behind], i] += (
                                adjacency[k, types[behind], i] * weight[behind]
                            )
                    behind += 1


@compiled
def steps(
    offsets, times, types, weight, start, end, scale, level, edges, factors, period, phase,
    bounds, height, link, increments, together, rate, integral,
):  # fmt: skip
    """As `linked` under a kernel of steps, ``height[b, j, i]`` between ``bounds[b]`` and ``bounds[b + 1]``: exact.

    Each event raises the excitation at its own time and changes it at each later bound, so the intensity is constant
    between such times. One pointer a bound walks over the events.
    """
    bins, _, targets = height.shape
    x, since = np.empty(targets), np.empty(targets)
    pointer = np.empty(bins + 1, np.int64)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        since[:] = 0.0
        all_since = 0.0
        integral[n] = 0.0
        pointer[:] = offsets[n]
        t = start[n]
        for r in range(offsets[n], offsets[n + 1] + 1):
            goal = end[n] if r == offsets[n + 1] else times[r]
            while t < goal:
                for b in range(bins + 1):  # whose excitation changes at t
                    while pointer[b] < r and times[pointer[b]] + bounds[b] <= t:
                        q = pointer[b]
                        for i in range(targets):
                            before = height[b - 1, types[q], i] if b > 0 else 0.0
                            after = height[b, types[q], i] if b < bins else 0.0
                            x[i] += weight[q] * (after - before)
                        pointer[b] += 1
                if pointer[bins] == r:
                    x[:] = 0.0  # nothing acts any more: what rounding left goes too
                cell, then = cell_at(t, edges, period, phase)
                then = min(goal, then)
                for b in range(1, bins + 1):
                    if pointer[b] < r:
                        then = min(then, times[pointer[b]] + bounds[b])
                for i in range(targets):
                    base = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
                    part = (then - t) * through(link, base + x[i], level[i])
                    since[i] += part
                    all_since += part
                    integral[n, i] += part
                t = then
            if r < offsets[n + 1]:
                i = types[r]
                _, cell, _ = place(t, edges, period, phase)
                now = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
                for q in range(r - 1, offsets[n] - 1, -1):
                    lag = t - times[q]
                    if lag >= bounds[bins]:
                        break
                    if lag > 0.0:
                        b = np.searchsorted(bounds, lag, side="right") - 1
                        now += weight[q] * height[b, types[q], i]
                rate[r] = through(link, now, level[i])
                increments[r], together[r] = since[i], all_since
                since[i], all_since = 0.0, 0.0
