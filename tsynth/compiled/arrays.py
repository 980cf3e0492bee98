"""Copies of arrays inside compiled loops, element by element.

numba compiles an assignment to a slice for seconds, mostly the text of an error that cannot come here, and copies what
may overlap; these loops are compiled in a tenth of the time.
"""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled, uncounted

__all__ = ["assign", "assign_rows", "grown"]


@uncounted
def assign(values, out):
    """Write `values` into as many places of `out`."""
    for j in range(len(values)):
        out[j] = values[j]


@uncounted
def assign_rows(values, out):
    """Write the rows of `values` into as many rows of `out`."""
    for i in range(len(values)):
        assign(values[i], out[i])


@compiled
def grown(array):
    """The array with as much room again."""
    out = np.empty(2 * len(array), array.dtype)
    assign(array, out)
    return out
