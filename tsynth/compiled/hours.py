"""Loops of the time of day: what is left of a day for a further row, and when it comes."""

from __future__ import annotations

import math

from tsynth.compiled.jit import uncounted
from tsynth.compiled.random import uniform

__all__ = ["delayed", "later", "waited"]


@uncounted
def later(state, clock, after):
    """A time of day, as a share of the day, by the running sums `clock`, no earlier than `after`."""
    parts = len(clock)
    at = min(max(int(after * parts), 0), parts - 1)
    inside = min(max(after * parts - at, 0.0), 1.0)
    below = clock[at - 1] if at > 0 else 0.0
    low = below + inside * (clock[at] - below)
    if clock[parts - 1] - low < 1e-6 * clock[parts - 1]:  # never so late: any time that is left
        return after + uniform(state) * (1.0 - after)
    u = low + uniform(state) * (clock[parts - 1] - low)
    while at < parts - 1 and clock[at] <= u:
        at += 1
    below = clock[at - 1] if at > 0 else 0.0
    return (at + min((u - below) / max(clock[at] - below, 1e-300), 0.999999)) / parts


@uncounted
def waited(state, within, factor, edges, step, left):
    """A wait inside the day's `left`, its class by the weights `within` times `factor`."""
    total = 0.0
    for j in range(len(within)):
        total += within[j] * factor[j]
    u = uniform(state) * total - within[0] * factor[0]
    slot = 0
    while slot < len(within) - 1 and u >= 0.0:
        slot += 1
        u -= within[slot] * factor[slot]
    if slot == 0:
        return 0.0
    wait = edges[slot] * (edges[slot + 1] / edges[slot]) ** uniform(state)
    if step > 0.0:
        wait = max(math.floor(wait / step + 0.5), 1.0) * step
    if wait >= left:  # stays inside the day
        wait = uniform(state) * left
        if step > 0.0:
            wait = math.floor(wait / step) * step
    return wait


@uncounted
def delayed(rate, late, hour):
    """Multiply the rates of further rows on the same day by what the time of day leaves of them; returns their sum."""
    at = min(max(int(hour * late.shape[1]), 0), late.shape[1] - 1)
    total = 0.0
    for k in range(len(rate)):
        rate[k] *= late[k, at]
        total += rate[k]
    return total
