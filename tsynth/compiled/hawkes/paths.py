"""Hawkes processes of one type with one exponential kernel, exact, without a logarithm in the loop's control path.

Two clocks compete: that of immigrants, and that of the excited part x, whose hazard from now on is at most x / decay.
With a unit exponential E the excited clock rings when the kernel has decayed to the factor ``1 - decay E / x``, or
never where that is below 0 (the inverse of the cumulative hazard, as in Dassios and Zhao (2013), Exact simulation of
Hawkes process with exponentially decaying intensity, ECP 18(62), whose algorithm draws both clocks afresh at each
event). Between two immigrants the factors are multiplied up and compared with the decay until the next immigrant;
times follow from the products' logarithms, a block at once.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.hawkes.immigrants import locate, ring
from tsynth.compiled.jit import compiled
from tsynth.compiled.random import fill_exponential, start

__all__ = ["BLOCK", "FADED", "LONGEST", "exponential_paths", "remains", "settle"]

BLOCK = 512
"""Rows whose times are computed together."""
LONGEST = 230.0
"""Decays a stretch without immigrants may last, so that the product of factors stays far from underflow."""
FADED = 1e-200
"""An excitation below this is none."""
_DRAWS = 256
# Head of sqrt(1/2) as bits: mantissas are taken from there to sqrt(2).
_HALF_ROOT = 0x3FE6A09E667F3BCD


@compiled
def settle(times, bits, origin, upper, decay, flushed, row, exponent):
    """Turn products of survival factors, in rows `flushed` to `row` of `times`, into times.

    ``min(origin - log(product) / decay, upper)``. The logarithm is that of FreeBSD's ``e_log.c`` (error below 1 ulp),
    written so that it vectorises and gives the same bytes on each machine.

    Parameters
    ----------
    times, bits : float64 array and the same memory as int64
    origin, upper, exponent : float64 array, (BLOCK,)
        Row r stands at place ``r - flushed``; `exponent` is room to work in.
    decay : float
    flushed, row : int
    """
    for j in range(row - flushed):
        b = bits[flushed + j]
        e = (b - _HALF_ROOT) >> 52
        exponent[j] = e
        bits[flushed + j] = b - (e << 52)
    inverse = 1.0 / decay
    for j in range(row - flushed):
        f = times[flushed + j] - 1.0
        s = f / (2.0 + f)
        z = s * s
        r = z * 1.479819860511658591e-01 + 1.531383769920937332e-01
        r = z * r + 1.818357216161805012e-01
        r = z * r + 2.222219843214978396e-01
        r = z * r + 2.857142874366239149e-01
        r = z * r + 3.999999999940941908e-01
        r = z * (z * r + 6.666666666666735130e-01)
        k = exponent[j]
        log = k * 6.93147180369123816490e-01 - ((s * (f - r) - k * 1.90821492927058770002e-10) - f)
        time = origin[j] - log * inverse
        times[flushed + j] = min(time, upper[j])


@compiled
def remains(offsets, times, factor, begin, jump, decay):
    """Excitation that past events leave at each window's begin, (N,).

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    times, factor : float64 array, (R,)
    begin : float64 array, (N,)
    jump, decay : float
    """
    out = np.zeros(len(begin))
    for i in range(len(begin)):
        for r in range(offsets[i], offsets[i + 1]):
            out[i] += jump * factor[r] * math.exp(-decay * (begin[i] - times[r]))
    return out


@compiled
def _more(state, draws, filled):
    """Fill the buffer with twice as many draws as before; returns how many."""
    filled = min(2 * filled, len(draws))
    fill_exponential(state, draws[:filled])
    return filled


@compiled
def exponential_paths(
    key, entities, begin, end, scale, clock, excited, jump, decay, most, first, offsets, times
):
    """Sequences from number `first` on, until all are done or the room is too small; returns how many are done.

    Parameters
    ----------
    key : uint64
    entities : int64 array, (N,)
    begin, end, scale, excited : float64 array, (N,)
        Window, factor of the baseline, and excitation (an intensity) at the window's begin.
    clock : Clock
    jump, decay : float
    most : int
        Events at which a sequence stops.
    first : int
    offsets : int64 array, (N + 1,)
        Row ``offsets[first]`` is where to go on; the later ones are written.
    times : float64 array
        Room for rows. One who gets fewer than N makes it larger and calls again with `first` = what came back.
    """
    state = np.empty(4, np.uint64)
    draws = np.empty(_DRAWS)
    origins, uppers, exponent = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bits = times.view(np.int64)
    constant = len(clock.rate) == 1
    rate = clock.rate[0]
    flushed = row = offsets[first]
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        filled = _more(state, draws, 4)
        at = 0
        x = excited[i]
        origin, stop, share = begin[i], end[i], scale[i]
        reached = 0.0 if constant else locate(clock, origin)
        immigrant = origin
        limit = min(offsets[i] + most, len(times))
        block = min(flushed + BLOCK, limit)
        new = True
        while row < limit:
            if new:  # when the next immigrant comes
                if at == filled:
                    filled = _more(state, draws, filled)
                    at = 0
                if constant:
                    immigrant = origin + draws[at] / (rate * share)
                else:
                    reached += draws[at] / share
                    immigrant = max(ring(clock, reached)[0], origin)
                at += 1
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
                if at == filled:
                    filled = _more(state, draws, filled)
                    at = 0
                left = x - decay * draws[at]
                at += 1
                product = survival * (left / x)
                if not product > silent:
                    break
                survival = product
                x = left + jump
                times[row] = survival
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
            x *= silent / survival
            origin = upper
            if new:
                x += jump
                times[row] = 1.0
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
            return i  # begun anew in a larger room: the draws of a sequence are its own
        offsets[i + 1] = row
    settle(times, bits, origins, uppers, decay, flushed, row, exponent)
    return len(entities)
