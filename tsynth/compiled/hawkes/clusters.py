"""Hawkes processes of any kernel in their cluster form, in order of time, with parents and generations; exact.

Hawkes and Oakes (1974), A cluster process representation of a self-exciting process, J. Appl. Prob. 11(3): immigrants
come as a Poisson process, and each event has a Poisson number of children at independent delays. Children that are born
but not yet met wait in a heap, so that events come out in order and a sequence can stop at any count.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled.hawkes.aliases import pick
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import exponential, integer, open_uniform, poisson, start, uniform
from tsynth.compiled.rates import moment, rising

__all__ = ["CROWD", "EXPONENTIAL", "POWER", "STEPS", "Births", "clusters"]

EXPONENTIAL, POWER, STEPS = 0, 1, 2
CROWD = 50_000_000
"""Children that may wait at once; more is an explosion."""


class Births(NamedTuple):
    """What children an event has, one slot a (type of child, component) in the column of its own type.

    Parameters
    ----------
    law : int
        `EXPONENTIAL`, `POWER` or `STEPS`: how long a child waits.
    columns : Table
        Law of the slot of a child, one law a type of parent.
    targets : int64 array, (S,)
        Type of child of each slot.
    first, second : float64 array, (S,)
        Decay and nothing; `c` and `p`; the edges of a step.
    expected : float64 array, (M,)
        Children of an event with factor 1: the integral; with `POWER` the sum of jumps.
    fastest, slowest : float64 array, (M,)
        Bounds of `first` in the column.
    power, reference : float
        An event of a size counts ``exp(power * (size - reference))`` times.
    size_offsets : int64 array, (M + 1,)
    sizes : float64 array
        What sizes are drawn from, type by type; empty where there are none.
    """

    law: int
    columns: object
    targets: np.ndarray
    first: np.ndarray
    second: np.ndarray
    expected: np.ndarray
    fastest: np.ndarray
    slowest: np.ndarray
    power: float
    reference: float
    size_offsets: np.ndarray
    sizes: np.ndarray


@compiled
def omori(delay, c, p):
    """Integral of ``(1 + s / c)^-p`` from 0 to `delay`."""
    if p == 1.0:
        return c * math.log1p(delay / c)
    return -c / (p - 1.0) * math.expm1((1.0 - p) * math.log1p(delay / c))


@compiled
def omori_delay(integral, c, p):
    """Delay at which `omori` is `integral`."""
    if p == 1.0:
        return c * math.expm1(integral / c)
    return c * math.expm1(math.log1p(-integral * (p - 1.0) / c) / (1.0 - p))


@uncounted
def _push(heap, tags, waiting, time, kind, parent):
    place = waiting
    while place > 0:
        above = (place - 1) >> 1
        if heap[above] <= time:
            break
        heap[place] = heap[above]
        tags[place, 0], tags[place, 1] = tags[above, 0], tags[above, 1]
        place = above
    heap[place] = time
    tags[place, 0], tags[place, 1] = kind, parent


@uncounted
def _pop(heap, tags, waiting):
    """Take the first off a heap of `waiting`; the last one sinks into its place."""
    last = waiting - 1
    time, kind, parent = heap[last], tags[last, 0], tags[last, 1]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and heap[below + 1] < heap[below]:
            below += 1
        if time <= heap[below]:
            break
        heap[place] = heap[below]
        tags[place, 0], tags[place, 1] = tags[below, 0], tags[below, 1]
        place = below
    heap[place] = time
    tags[place, 0], tags[place, 1] = kind, parent


@compiled
def _bear(
    state, law, offsets, keep, other, targets, first, second, expected, fastest, slowest, kind, time, low, high,
    parent, heap, tags, waiting,
):  # fmt: skip
    """Push the children with delays in (low, high] of an event at `time`; returns heap, tags and how many wait.

    More than `CROWD` are not drawn: -1 comes back for how many.
    """
    if not expected > 0.0 or not high > low:
        return heap, tags, waiting
    # Exponential: a uniform below `share` is turned into a delay by each slot's own decay, and what falls beyond
    # `high` is no child; `share` is what the fastest decay needs, so that slow decays draw few in vain.
    share = 1.0
    begun = 0.0
    if law == EXPONENTIAL:
        share = -math.expm1(-fastest * (high - low))
        expected *= share * math.exp(-slowest * low)
    elif law == POWER:
        begun = omori(low, first[0], second[0])
        share = omori(high, first[0], second[0]) - begun
        expected *= share
    if not expected < CROWD - waiting:
        return heap, tags, -1
    n = poisson(state, expected)
    if waiting + n > len(heap):
        wider = np.empty(max(2 * len(heap), waiting + n))
        wider[:waiting] = heap[:waiting]
        labels = np.empty((len(wider), 2), np.int64)
        labels[:waiting] = tags[:waiting]
        heap, tags = wider, labels
    for _ in range(n):
        slot = pick(state, offsets, keep, other, kind)
        if law == EXPONENTIAL:
            decay = first[slot]
            if low > 0.0 and decay > slowest and uniform(state) >= math.exp((slowest - decay) * low):
                continue
            delay = exponential(state) if share == 1.0 else -math.log1p(-open_uniform(state) * share)
            delay = low + delay / decay
        elif law == POWER:
            delay = omori_delay(begun + open_uniform(state) * share, first[slot], second[slot])
        else:
            delay = first[slot] + open_uniform(state) * (second[slot] - first[slot])
        if low < delay <= high:
            _push(heap, tags, waiting, time + delay, targets[slot], parent)
            waiting += 1
    return heap, tags, waiting


@compiled
def clusters(
    key, entities, begin, end, scale, clock, origin_types, births, past, most, first,
    offsets, times, types, sizes, parents, generations,
):  # fmt: skip
    """Sequences from number `first` on; as `exponential_paths`, and -(i + 1) where the children of i are a `CROWD`.

    Parameters
    ----------
    clock : Clock
    origin_types : Table
        Law of an immigrant's type: one law a cell of the clock, or one for all.
    births : Births
    past : tuple of int64 (N + 1,), float64 (H,), int64 (H,), float64 (H,), int64 (H,)
        Offsets, times, types, factors and generations of events before each window.
    types, parents, generations : int64 array
    sizes : float64 array
        Room for rows, as `times`; `sizes`, or `parents` and `generations` together, may be empty: not asked for.
        A parent is a row, -1 for none, -(r + 2) for row r of the past.
    """
    state = np.empty(4, np.uint64)
    heap = np.empty(256)
    tags = np.empty((256, 2), np.int64)
    edges, period, phase, rate, running = clock
    origin_offsets, origin_keep, origin_other = origin_types
    (
        law,
        columns,
        targets,
        ones,
        twos,
        expected,
        fastest,
        slowest,
        power,
        reference,
        size_offsets,
        size_values,
    ) = births
    column_offsets, column_keep, column_other = columns
    laws = len(origin_offsets) - 1
    past_offsets, past_times, past_types, past_factors, past_generations = past
    n_types = len(expected)
    sized = len(size_values) > 0
    labelled = len(parents) > 0
    row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        waiting = 0
        stop, share = end[i], scale[i]
        for r in range(past_offsets[i], past_offsets[i + 1]):
            kind = past_types[r]
            heap, tags, waiting = _bear(
                state, law, column_offsets, column_keep, column_other, targets, ones, twos,
                expected[kind] * past_factors[r], fastest[kind], slowest[kind], kind, past_times[r],
                begin[i] - past_times[r], stop - past_times[r], -(r + 2), heap, tags, waiting,
            )  # fmt: skip
            if waiting < 0:
                return -(i + 1)
        reached = rising(begin[i], edges, period, phase, rate, running)
        immigrant = begin[i]
        cell = 0
        limit = min(offsets[i] + most, len(times))
        new = True
        while row < limit:
            if new:
                reached += exponential(state) / share
                time, cell = moment(reached, edges, period, phase, rate, running)
                immigrant = max(time, immigrant)
            new = waiting == 0 or immigrant < heap[0]
            if new:
                if not immigrant < stop:
                    break
                time, parent = immigrant, np.int64(-1)
                kind = (
                    pick(state, origin_offsets, origin_keep, origin_other, cell if laws > 1 else 0) % n_types
                )
            else:
                time, kind, parent = heap[0], tags[0, 0], tags[0, 1]
                _pop(heap, tags, waiting)
                waiting -= 1
                if time > stop:  # by rounding alone
                    time = stop
                time = max(time, begin[i])
            factor = 1.0
            if sized:
                low = size_offsets[kind]
                size = size_values[low + integer(state, size_offsets[kind + 1] - low)]
                factor = math.exp(power * (size - reference))
                sizes[row] = size
            times[row] = time
            types[row] = kind
            if labelled:
                parents[row] = parent
                generation = np.int64(0)
                if parent >= 0:
                    generation = generations[parent] + 1
                elif parent < -1:
                    generation = past_generations[-parent - 2] + 1
                generations[row] = generation
            heap, tags, waiting = _bear(
                state, law, column_offsets, column_keep, column_other, targets, ones, twos,
                expected[kind] * factor, fastest[kind], slowest[kind], kind, time, 0.0, stop - time, row, heap, tags,
                waiting,
            )  # fmt: skip
            row += 1
            if waiting < 0:
                return -(i + 1)
        if row == len(times) and row < offsets[i] + most:
            return i
        offsets[i + 1] = row
    return len(entities)
