"""Products of compressed rows and a dense matrix, and their gradient; the first layer of a network costs what is not 0."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["product", "scatter"]


@compiled
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
        for k in range(at[rows[b]], at[rows[b] + 1]):
            v = np.float32(value[k])
            row = weight[index[k]]
            for j in range(width):
                into[j] += v * row[j]


@compiled
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
