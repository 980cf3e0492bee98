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

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import fill_exponential, start
from tsynth.compiled.rates import moment, rising

__all__ = ["BLOCK", "FADED", "LONGEST", "exponential_paths", "remains", "settle", "stretch"]

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
def settle(survival, bits, origin, upper, exponent, decay, times, row, n):
    """Turn n products of survival factors into times, from row `row` on.

    ``min(origin - log(product) / decay, upper)``. The logarithm is that of FreeBSD's ``e_log.c`` (error below 1 ulp),
    written so that it vectorises and gives the same bytes on each machine.

    Parameters
    ----------
    survival, bits : float64 array, (BLOCK,), and the same memory as int64
        Overwritten.
    origin, upper, exponent : float64 array, (BLOCK,)
        `exponent` is room to work in.
    decay : float
    times : float64 array
    row, n : int
    """
    for j in range(n):
        b = bits[j]
        e = (b - _HALF_ROOT) >> 52
        bits[j] = b - (e << 52)
        exponent[j] = e
    inverse = 1.0 / decay
    for j in range(n):
        f = survival[j] - 1.0
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
        bound = upper[j]
        times[row + j] = time if time < bound else bound


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
def stretch(x, origin, immigrant, stop, decay):
    """Excitation at `origin`, where the stretch from there ends, and whether an immigrant or the window ends it.

    Neither does where the stretch would be longer than `LONGEST`: it is cut, and another begins.
    """
    new = immigrant < stop
    upper = immigrant if new else stop
    last = not new
    if decay * (upper - origin) > LONGEST:
        if x < FADED:
            x = 0.0
        else:
            new = last = False
            upper = origin + LONGEST / decay
    return x, upper, new, last


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
    survivals, origins, uppers, exponent = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bits = survivals.view(np.int64)
    edges, period, phase, rate, running = clock
    constant = len(rate) == 1
    written = offsets[first]
    n = 0  # rows in the block, not yet written
    for i in range(first, len(entities)):
        start(state, key, entities[i])
        filled = _more(state, draws, 4)
        at = 0
        x = excited[i]
        origin, stop, share = begin[i], end[i], scale[i]
        reached = 0.0 if constant else rising(origin, edges, period, phase, rate, running)
        immigrant = origin
        limit = min(offsets[i] + most, len(times))
        block = min(BLOCK, limit - written)
        new = True
        while n < block:
            if new:  # when the next immigrant comes
                if at == filled:
                    filled = _more(state, draws, filled)
                    at = 0
                if constant:
                    immigrant = origin + draws[at] / (rate[0] * share)
                else:
                    reached += draws[at] / share
                    immigrant = max(moment(reached, edges, period, phase, rate, running)[0], origin)
                at += 1
            x, upper, new, last = stretch(x, origin, immigrant, stop, decay)
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
            x *= silent / survival
            origin = upper
            if new:
                x += jump
                survivals[n], origins[n], uppers[n] = 1.0, origin, origin
                n += 1
                if n == block:
                    settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
                    written += n
                    n = 0
                    block = min(BLOCK, limit - written)
        if written + n == len(times) and written + n < offsets[i] + most:
            settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
            return i  # begun anew in a larger room: the draws of a sequence are its own
        offsets[i + 1] = written + n
    settle(survivals, bits, origins, uppers, exponent, decay, times, written, n)
    return len(entities)
