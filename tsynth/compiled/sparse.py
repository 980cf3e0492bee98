"""Products of compressed rows and a dense matrix, and their gradient: a first layer costs what is not 0."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["product", "product_by_code", "scatter", "scatter_by_code"]


@compiled(fastmath={"contract"})
def product(at, index, value, rows, weight, out):
    """``out[b] += sum of value * weight[index]`` over the pairs of row ``rows[b]``.

    Parameters
    ----------
    at : int64 array; index : int32 array; value : float32 array
        Compressed rows: those of row r are ``at[r]:at[r + 1]``.
    rows : int64 array, (B,)
    weight : float32 array, (F, H)
    out : float32 array, (B, H)
    """
    width = weight.shape[1]
    for b in range(len(rows)):
        into = out[b]
        k = at[rows[b]]
        stop = at[rows[b] + 1]
        while k + 4 <= stop:  # four at a time: the sum is read and written once for them
            v0, v1 = np.float32(value[k]), np.float32(value[k + 1])
            v2, v3 = np.float32(value[k + 2]), np.float32(value[k + 3])
            r0, r1, r2, r3 = (
                weight[index[k]],
                weight[index[k + 1]],
                weight[index[k + 2]],
                weight[index[k + 3]],
            )
            for j in range(width):
                into[j] += v0 * r0[j] + v1 * r1[j] + v2 * r2[j] + v3 * r3[j]
            k += 4
        for last in range(k, stop):
            v = np.float32(value[last])
            row = weight[index[last]]
            for j in range(width):
                into[j] += v * row[j]


@compiled(fastmath={"contract"})
def scatter(at, index, value, rows, gradient, out):
    """The gradient of `product` by its weight: ``out[index] += value * gradient[b]``."""
    width = gradient.shape[1]
    for b in range(len(rows)):
        row = gradient[b]
        for k in range(at[rows[b]], at[rows[b] + 1]):
            v = np.float32(value[k])
            into = out[index[k]]
            for j in range(width):
                into[j] += v * row[j]


@compiled
def product_by_code(at, index, value, rows, code, place, weight, out):
    """``out[b] += sum of value * weight[code[b], place[index]]`` over the pairs whose place is not -1.

    Parameters
    ----------
    at, index, value, rows : arrays
        As in `product`.
    code : int64 array, (B,)
    place : int64 array, (F,)
    weight : float32 array, (codes, P, V)
    out : float32 array, (B, V)
    """
    for b in range(len(rows)):
        own = weight[code[b]]
        for k in range(at[rows[b]], at[rows[b] + 1]):
            p = place[index[k]]
            if p >= 0:
                for v in range(out.shape[1]):
                    out[b, v] += np.float32(value[k]) * own[p, v]


@compiled
def scatter_by_code(at, index, value, rows, code, place, gradient, out):
    """The gradient of `product_by_code` by its weight."""
    for b in range(len(rows)):
        own = out[code[b]]
        for k in range(at[rows[b]], at[rows[b] + 1]):
            p = place[index[k]]
            if p >= 0:
                for v in range(gradient.shape[1]):
                    own[p, v] += np.float32(value[k]) * gradient[b, v]
