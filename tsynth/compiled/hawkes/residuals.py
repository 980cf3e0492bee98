"""Loops that integrate the intensity of a point process between its events, and evaluate it at given times.

Arrays that the loops share:

target       row of the kernel whose intensity is integrated at an event: its own type, or 0 for the sum of all types
weight       what an event's excitation is multiplied with, by its size
level, edges, factors, running, period, phase
             baseline: ``running[b, c]`` is the integral of column c of `factors` from ``edges[0]`` to ``edges[b]``
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["exponential", "exponential_pairs", "linked", "power", "steps"]

FAR = 200.0
"""Lifetimes of a component after which its scaled state is brought back to size."""
LINEAR, SOFTPLUS, RECTIFIED = 0, 1, 2
TOLERANCE = 1e-10
"""Difference between a rule and its two halves, as a share of the piece's integral, at which a piece is left alone."""
_X, _W = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = 0.5 * (_X + 1.0), 0.5 * _W


@compiled
def cell_of(t, edges, period, phase):
    """Cell of the baseline at time t, periods since `phase`, and the time inside the period."""
    whole = 0.0
    if period > 0.0:
        whole = math.floor((t - phase) / period)
        t = t - phase - whole * period
    low, high = 0, len(edges) - 2
    while low < high:
        middle = (low + high + 1) >> 1
        if edges[middle] <= t:
            low = middle
        else:
            high = middle - 1
    return low, whole, t


@compiled
def baseline_until(cell, whole, t, c, edges, factors, running):
    """Integral of the factors of column c from the origin to the time that `cell_of` found."""
    return whole * running[len(running) - 1, c] + running[cell, c] + factors[cell, c] * (t - edges[cell])


@compiled
def exponential(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, adjacency, decay, increments, rate, integral,
):  # fmt: skip
    """Integrals under sums of exponentials with one decay a component, in one pass.

    Parameters
    ----------
    adjacency : float64 array, (K, M, T)
        Component, exciting type, target.
    decay : float64 array, (K,)
    increments, rate : float64 array, (R,)
        Filled: integral of the target's intensity since the target's event before, and intensity just before.
    integral : float64 array, (N, T)
        Filled: integral over the window.

    Notes
    -----
    What an event still will excite, X = sum a exp(-d (t - t_j)), tells what it has excited: what came in since
    the event before, less what X has grown by. X is kept as Y exp(-d (t - origin)).
    """
    components, _, targets = adjacency.shape
    y = np.empty((components, targets))
    origin = np.empty(components)
    came, held, done, based = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        y[:] = 0.0
        origin[:] = start[n]
        came[:] = 0.0
        held[:] = 0.0
        done[:] = 0.0
        cell, whole, inside = cell_of(start[n], edges, period, phase)
        for i in range(targets):
            c = i if columns > 1 else 0
            based[i] = baseline_until(cell, whole, inside, c, edges, factors, running)
        behind = offsets[n]
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            while behind < r and (last or times[behind] < t):
                s, j, w = times[behind], types[behind], weight[behind]
                for k in range(components):
                    age = decay[k] * (s - origin[k])
                    if age > FAR:
                        shrunk = math.exp(-age)
                        for i in range(targets):
                            y[k, i] *= shrunk
                        origin[k] = s
                        age = 0.0
                    grown = w * math.exp(age)
                    for i in range(targets):
                        y[k, i] += adjacency[k, j, i] * grown
                        came[i] += adjacency[k, j, i] * w
                behind += 1
            cell, whole, inside = cell_of(t, edges, period, phase)
            if last:
                for i in range(targets):
                    c = i if columns > 1 else 0
                    now = 0.0
                    for k in range(components):
                        now += y[k, i] * math.exp(-decay[k] * (t - origin[k]))
                    b = baseline_until(cell, whole, inside, c, edges, factors, running)
                    integral[n, i] = done[i] + scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
            else:
                i = target[r]
                c = i if columns > 1 else 0
                now, rising = 0.0, 0.0
                for k in range(components):
                    x = y[k, i] * math.exp(-decay[k] * (t - origin[k]))
                    now += x
                    rising += decay[k] * x
                b = baseline_until(cell, whole, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
                increments[r] = max(grown, 0.0)
                rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                done[i] += increments[r]
                based[i], held[i], came[i] = b, now, 0.0


@compiled
def exponential_pairs(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, adjacency, decay, increments, rate, integral,
):  # fmt: skip
    """As `exponential`, with a decay a pair: ``decay[k, j, i]``, exciting type before target."""
    components, sources, targets = adjacency.shape
    x = np.empty((components, sources, targets))
    touched = np.empty(sources)
    came, held, done, based = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        x[:] = 0.0
        touched[:] = start[n]
        came[:] = 0.0
        held[:] = 0.0
        done[:] = 0.0
        cell, whole, inside = cell_of(start[n], edges, period, phase)
        for i in range(targets):
            c = i if columns > 1 else 0
            based[i] = baseline_until(cell, whole, inside, c, edges, factors, running)
        behind = offsets[n]
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            while behind < r and (last or times[behind] < t):
                s, j, w = times[behind], types[behind], weight[behind]
                for k in range(components):
                    for i in range(targets):
                        a = adjacency[k, j, i]
                        if a != 0.0:
                            x[k, j, i] = x[k, j, i] * math.exp(-decay[k, j, i] * (s - touched[j])) + a * w
                            came[i] += a * w
                touched[j] = s
                behind += 1
            cell, whole, inside = cell_of(t, edges, period, phase)
            low, high = (0, targets) if last else (target[r], target[r] + 1)
            for i in range(low, high):
                c = i if columns > 1 else 0
                now, rising = 0.0, 0.0
                for k in range(components):
                    for j in range(sources):
                        if x[k, j, i] != 0.0:
                            part = x[k, j, i] * math.exp(-decay[k, j, i] * (t - touched[j]))
                            now += part
                            rising += decay[k, j, i] * part
                b = baseline_until(cell, whole, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + came[i] + held[i] - now
                if last:
                    integral[n, i] = done[i] + grown
                else:
                    increments[r] = max(grown, 0.0)
                    rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                    done[i] += increments[r]
                    based[i], held[i], came[i] = b, now, 0.0


@compiled
def power(
    offsets, times, types, target, weight, start, end, scale,
    level, edges, factors, running, period, phase, jump, reach, p, increments, rate, integral,
):  # fmt: skip
    """As `exponential` under Omori's law, ``jump[j, i] (1 + s / reach)**-p``: every pair of events, any p."""
    targets = jump.shape[1]
    held, based, done, now = np.empty(targets), np.empty(targets), np.empty(targets), np.empty(targets)
    columns = factors.shape[1]
    for n in range(len(offsets) - 1):
        held[:] = 0.0
        done[:] = 0.0
        cell, whole, inside = cell_of(start[n], edges, period, phase)
        for i in range(targets):
            c = i if columns > 1 else 0
            based[i] = baseline_until(cell, whole, inside, c, edges, factors, running)
        for r in range(offsets[n], offsets[n + 1] + 1):
            last = r == offsets[n + 1]
            t = end[n] if last else times[r]
            cell, whole, inside = cell_of(t, edges, period, phase)
            low, high = (0, targets) if last else (target[r], target[r] + 1)
            rising = 0.0
            for i in range(low, high):
                now[i] = 0.0
            for q in range(offsets[n], r):
                lag = t - times[q]
                if lag <= 0.0:
                    break
                logged = math.log1p(lag / reach)
                x = (1.0 - p) * logged
                covered = weight[q] * reach * (logged if abs(x) < 1e-12 else math.expm1(x) / (1.0 - p))
                for i in range(low, high):
                    now[i] += jump[types[q], i] * covered
                if not last:
                    rising += weight[q] * jump[types[q], low] * math.exp(-p * logged)
            for i in range(low, high):
                c = i if columns > 1 else 0
                b = baseline_until(cell, whole, inside, c, edges, factors, running)
                grown = scale[n] * level[i] * (b - based[i]) + now[i] - held[i]
                if last:
                    integral[n, i] = done[i] + grown
                else:
                    increments[r] = max(grown, 0.0)
                    rate[r] = scale[n] * level[i] * factors[cell, c] + rising
                    done[i] += increments[r]
                    based[i], held[i] = b, now[i]


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
def next_edge(t, edges, period, phase):
    """First edge of the baseline after time t; infinite where there is none."""
    if len(edges) <= 2:
        return math.inf
    cell, whole, _ = cell_of(t, edges, period, phase)
    if period <= 0.0:
        if t < edges[1]:
            return edges[1]
        return edges[cell + 1] if cell + 1 < len(edges) - 1 else math.inf
    found = phase + whole * period + edges[cell + 1]
    return found if found > t else np.nextafter(t, math.inf)


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
                then = min(goal, next_edge(t, edges, period, phase))
                cell, _, _ = cell_of(t, edges, period, phase)
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
            cell, _, _ = cell_of(t, edges, period, phase)
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
                then = min(goal, next_edge(t, edges, period, phase))
                for b in range(1, bins + 1):
                    if pointer[b] < r:
                        then = min(then, times[pointer[b]] + bounds[b])
                cell, _, _ = cell_of(t, edges, period, phase)
                for i in range(targets):
                    base = scale[n] * level[i] * factors[cell, i if columns > 1 else 0]
                    part = (then - t) * through(link, base + x[i], level[i])
                    since[i] += part
                    all_since += part
                    integral[n, i] += part
                t = then
            if r < offsets[n + 1]:
                i = types[r]
                cell, _, _ = cell_of(t, edges, period, phase)
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
