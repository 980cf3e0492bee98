"""Layers of small networks on one row, float32: a product costs what is not 0; and draws by their outputs."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.arrays import assign
from tsynth.compiled.jit import uncounted
from tsynth.compiled.random import uniform

__all__ = ["add", "exponentials", "layer", "pick", "subtract"]


@uncounted(fastmath={"contract"})
def add(weight, index, value, low, high, out):
    """Add the first layer's rows of these features."""
    width = len(out)
    k = low
    while k + 4 <= high:  # four at a time: the sum is read and written once for them
        v0, v1, v2, v3 = (
            np.float32(value[k]), np.float32(value[k + 1]), np.float32(value[k + 2]), np.float32(value[k + 3])
        )  # fmt: skip
        r0, r1, r2, r3 = weight[index[k]], weight[index[k + 1]], weight[index[k + 2]], weight[index[k + 3]]
        for j in range(width):
            out[j] += v0 * r0[j] + v1 * r1[j] + v2 * r2[j] + v3 * r3[j]
        k += 4
    while k < high:
        v0 = np.float32(value[k])
        r0 = weight[index[k]]
        for j in range(width):
            out[j] += v0 * r0[j]
        k += 1


@uncounted(fastmath={"contract"})
def layer(weight, bias, x, out):
    """The next layer after a rectified one."""
    assign(bias, out)
    width = len(out)
    held, k0, k1, k2 = 0, 0, 0, 0
    for k in range(len(x)):
        if x[k] > 0:
            if held == 0:
                k0 = k
            elif held == 1:
                k1 = k
            elif held == 2:
                k2 = k
            else:
                r0, r1, r2, r3 = weight[k0], weight[k1], weight[k2], weight[k]
                v0, v1, v2, v3 = x[k0], x[k1], x[k2], x[k]
                for j in range(width):
                    out[j] += v0 * r0[j] + v1 * r1[j] + v2 * r2[j] + v3 * r3[j]
                held = -1
            held += 1
    if held > 0:
        r0, v0 = weight[k0], x[k0]
        r1, v1 = weight[k1], x[k1] if held > 1 else np.float32(0.0)
        r2, v2 = weight[k2], x[k2] if held > 2 else np.float32(0.0)
        for j in range(width):
            out[j] += v0 * r0[j] + v1 * r1[j] + v2 * r2[j]


@uncounted
def pick(weight, rng):
    """A place by its weights."""
    total = 0.0
    for j in range(len(weight)):
        total += weight[j]
    u = uniform(rng) * total
    last = 0
    for j in range(len(weight)):
        if weight[j] > 0:
            last = j
            u -= weight[j]
            if u < 0:
                break
    return last


@uncounted
def exponentials(logit, out):
    """Weights in proportion to the exponentials of the logits, the largest 1."""
    top = -1e30
    for j in range(len(out)):
        top = max(top, logit[j])
    for j in range(len(out)):
        out[j] = math.exp(logit[j] - top)


@uncounted(fastmath={"contract"})
def subtract(weight, index, value, n, out):
    """Take away the first layer's rows of `n` features."""
    for k in range(n):
        v = np.float32(value[k])
        row = weight[index[k]]
        for j in range(len(out)):
            out[j] -= v * row[j]
