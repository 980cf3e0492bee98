"""Random numbers inside compiled loops: one xoshiro256++ stream an entity, in a uint64[4] array.

`start` fills the array from a key and an entity number by one block of Threefry-4x64, a bijection in the
entity number, so no two entities share a state and neighbours have nothing in common. All draws then advance
the array.

References
----------
Blackman, Vigna (2021), Scrambled linear pseudorandom number generators, ACM TOMS 47(4); C code at
https://prng.di.unimi.it/xoshiro256plusplus.c.
Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC'11 (Threefry-4x64-20).
Marsaglia, Tsang (2000), The ziggurat method for generating random variables, J. Stat. Software 5(8).
Marsaglia, Tsang (2000), A simple method for generating gamma variables, ACM TOMS 26(3).
Hörmann (1993), The transformed rejection method for generating Poisson random variables, Insurance 12(1).
Lemire (2019), Fast random integer generation in an interval, ACM TOMACS 29(1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = [
    "categorical",
    "exponential",
    "fill_exponential",
    "fill_normal",
    "fill_uniform",
    "gamma",
    "integer",
    "next_word",
    "normal",
    "open_uniform",
    "poisson",
    "start",
    "start_call",
    "uniform",
]

_u = np.uint64
_PARITY = _u(0x1BD11BDAA9FC1A22)  # Skein's key-schedule constant
_U0, _U11, _U12, _U17, _U19, _U23, _U32, _U41, _U45 = map(_u, (0, 11, 12, 17, 19, 23, 32, 41, 45))
_BYTE, _LOW = _u(0xFF), _u(0xFFFFFFFF)
_HALF_53, _HALF_52 = 2.0**-53, 2.0**-52


@compiled
def _mix(a, b, left):
    """One Threefry mix: add, rotate, exclusive or."""
    a = a + b
    return a, ((b << left) | (b >> (_u(64) - left))) ^ a


@compiled
def _four_rounds(x0, x1, x2, x3, r0, r1, r2, r3, r4, r5, r6, r7):
    x0, x1 = _mix(x0, x1, _u(r0))
    x2, x3 = _mix(x2, x3, _u(r1))
    x0, x3 = _mix(x0, x3, _u(r2))
    x2, x1 = _mix(x2, x1, _u(r3))
    x0, x1 = _mix(x0, x1, _u(r4))
    x2, x3 = _mix(x2, x3, _u(r5))
    x0, x3 = _mix(x0, x3, _u(r6))
    x2, x1 = _mix(x2, x1, _u(r7))
    return x0, x1, x2, x3


@compiled
def start_call(state, key, entity, call):
    """Fill `state` (uint64[4]) for call number `call` of entity number `entity` under the uint64 `key`.

    Threefry-4x64-20 of the counter (entity, call, 0, 0) under the key (key, 0, 0, 0). `start` is call 0.
    """
    k0 = _u(key)
    k1 = k2 = k3 = _U0
    k4 = _PARITY ^ k0
    x0, x1, x2, x3 = _u(entity) + k0, _u(call) + k1, _U0 + k2, _U0 + k3
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 14, 16, 52, 57, 23, 40, 5, 37)
    x0, x1, x2, x3 = x0 + k1, x1 + k2, x2 + k3, x3 + k4 + _u(1)
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 25, 33, 46, 12, 58, 22, 32, 32)
    x0, x1, x2, x3 = x0 + k2, x1 + k3, x2 + k4, x3 + k0 + _u(2)
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 14, 16, 52, 57, 23, 40, 5, 37)
    x0, x1, x2, x3 = x0 + k3, x1 + k4, x2 + k0, x3 + k1 + _u(3)
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 25, 33, 46, 12, 58, 22, 32, 32)
    x0, x1, x2, x3 = x0 + k4, x1 + k0, x2 + k1, x3 + k2 + _u(4)
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 14, 16, 52, 57, 23, 40, 5, 37)
    state[0], state[1], state[2], state[3] = x0 + k0, x1 + k1, x2 + k2, x3 + k3 + _u(5)


@compiled
def start(state, key, entity):
    """Fill `state` (uint64[4]) for entity number `entity` under the uint64 `key`.

    A loop over many entities calls it once an entity, with one `state` that it made outside the loop.
    """
    start_call(state, key, entity, 0)


@compiled
def next_word(state):
    """Next 64 random bits: xoshiro256++."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    word = s0 + s3
    word = ((word << _U23) | (word >> _U41)) + s0
    t = s1 << _U17
    s2 ^= s0
    s3 ^= s1
    state[1] = s1 ^ s2
    state[0] = s0 ^ s3
    state[2] = s2 ^ t
    state[3] = (s3 << _U45) | (s3 >> _U19)
    return word


@compiled
def uniform(state):
    """Uniform on [0, 1), a multiple of 2**-53."""
    return np.int64(next_word(state) >> _U11) * _HALF_53


@compiled
def open_uniform(state):
    """Uniform on (0, 1): neither end ever comes, so its logarithm is finite."""
    return (np.int64(next_word(state) >> _U12) + 0.5) * _HALF_52


# --- ziggurats --------------------------------------------------------------------------------------------


def ziggurat(
    density: Callable[[float], float], inverse: Callable[[float], float], tail: Callable[[float], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Edges x[0..256] and heights f(x) of 256 layers of equal area under a falling density with f(0) = 1.

    Marsaglia and Tsang's recursion x[i + 1] = f^-1(v / x[i] + f(x[i])) with v = r f(r) + area of the tail; r
    is the root of "the last layer ends at 0", found by bisection.
    """

    def edges(r: float) -> tuple[list[float], float]:
        v = r * density(r) + tail(r)
        x = [v / density(r), r]
        for _ in range(254):
            height = v / x[-1] + density(x[-1])
            if height >= 1:
                return x, 1.0
            x.append(inverse(height))
        return x, v / x[-1] + density(x[-1]) - 1

    low, high = 1.0, 20.0
    while True:
        r = (low + high) / 2
        if r in (low, high):
            break
        low, high = (r, high) if edges(r)[1] > 0 else (low, r)
    x = np.array([*edges(high)[0], 0.0])
    return x, np.array([density(a) for a in x])


EXPONENTIAL_X, EXPONENTIAL_F = ziggurat(
    lambda x: math.exp(-x), lambda y: -math.log(y), lambda r: math.exp(-r)
)
NORMAL_X, NORMAL_F = ziggurat(
    lambda x: math.exp(-x * x / 2),
    lambda y: math.sqrt(-2 * math.log(y)),
    lambda r: math.sqrt(math.pi / 2) * math.erfc(r / math.sqrt(2)),
)
_EXPONENTIAL_R, _NORMAL_R = float(EXPONENTIAL_X[1]), float(NORMAL_X[1])


@compiled
def exponential(state):
    """Exponential with mean 1, never 0; the low byte is the layer, the high bits the place in it."""
    origin = 0.0
    while True:
        word = next_word(state)
        layer = np.int64(word & _BYTE)
        x = (np.int64(word >> _U12) + 0.5) * _HALF_52 * EXPONENTIAL_X[layer]
        if x < EXPONENTIAL_X[layer + 1]:
            return origin + x
        if layer == 0:  # beyond r an exponential starts anew
            origin += _EXPONENTIAL_R
            continue
        low, high = EXPONENTIAL_F[layer], EXPONENTIAL_F[layer + 1]
        if low + uniform(state) * (high - low) < math.exp(-x):
            return origin + x


@compiled
def normal(state):
    """Standard normal."""
    while True:
        word = next_word(state)
        layer = np.int64(word & _BYTE)
        x = ((np.int64(word) >> np.int64(11)) + 0.5) * _HALF_52 * NORMAL_X[layer]
        size = abs(x)
        if size < NORMAL_X[layer + 1]:
            return x
        if layer == 0:  # Marsaglia's tail
            while True:
                beyond = exponential(state) / _NORMAL_R
                if 2.0 * exponential(state) > beyond * beyond:
                    return _NORMAL_R + beyond if x > 0.0 else -_NORMAL_R - beyond
        low, high = NORMAL_F[layer], NORMAL_F[layer + 1]
        if low + uniform(state) * (high - low) < math.exp(-0.5 * x * x):
            return x


# --- other laws -------------------------------------------------------------------------------------------


@compiled
def integer(state, n):
    """Integer from 0 to n - 1, each equally likely (Lemire's rejection; 1 <= n < 2**63)."""
    n = _u(n)
    if n <= _LOW:
        product = (next_word(state) >> _U32) * n
        if (product & _LOW) < n:
            bar = ((_LOW - n) + _u(1)) % n
            while (product & _LOW) < bar:
                product = (next_word(state) >> _U32) * n
        return np.int64(product >> _U32)
    mask = n - _u(1)
    for shift in (1, 2, 4, 8, 16, 32):
        mask |= mask >> _u(shift)
    while True:
        found = next_word(state) & mask
        if found < n:
            return np.int64(found)


@compiled
def gamma(state, shape):
    """Gamma with this shape and scale 1 (below 1 by Gamma(a) = Gamma(a + 1) U**(1/a))."""
    boost = 1.0
    if shape < 1.0:
        boost = math.exp(-exponential(state) / shape)
        shape = shape + 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            if math.log(open_uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v * boost


@compiled
def poisson(state, rate):
    """Poisson count with this rate (0 <= rate < 1e15): by multiplication below 10, Hörmann's PTRS above."""
    if rate < 10.0:
        bar = math.exp(-rate)
        product = open_uniform(state)
        count = np.int64(0)
        while product > bar:
            count += 1
            product *= open_uniform(state)
        return count
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = open_uniform(state)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return np.int64(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= (
            -rate + k * log_rate - math.lgamma(k + 1)
        ):
            return np.int64(k)


@compiled
def categorical(state, cumulative):
    """Index drawn with weights whose running sum is `cumulative` (float64, not normalised, last > 0)."""
    total = cumulative[len(cumulative) - 1]
    u = uniform(state) * total
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) >> 1
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


# --- whole arrays -----------------------------------------------------------------------------------------


@compiled
def fill_uniform(state, out):
    """Fill a float64 vector with uniforms on [0, 1)."""
    for i in range(len(out)):
        out[i] = uniform(state)


@compiled
def fill_normal(state, out):
    """Fill a float64 vector with standard normals."""
    for i in range(len(out)):
        out[i] = normal(state)


@compiled
def fill_exponential(state, out):
    """Fill a float64 vector with unit exponentials."""
    for i in range(len(out)):
        out[i] = exponential(state)
