"""Distances between sequences of events as functions that count."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["counting_distances"]


@compiled
def counting_distances(offsets, times, other_offsets, other_times, types, end):
    """Area between the counting functions of all pairs of sequences, summed over types, (N, K).

    ``sum_m integral_0^end |N_m(t) - N'_m(t)| dt``. Of two sorted lists of times it is
    ``sum |t_k - t'_k| + sum (end - t_k)``, the second sum over those that the longer list has in excess (Xiao et al.
    2017, eq. 3).

    Parameters
    ----------
    offsets : int64 array, (N * types + 1,)
        Events of type m of sequence i are ``offsets[i * types + m]:offsets[i * types + m + 1]``.
    times : float64 array
        From 0 to `end`, rising inside a sequence and type.
    other_offsets, other_times : arrays
        The same of K other sequences.
    types : int
    end : float
    """
    n = (len(offsets) - 1) // types
    k = (len(other_offsets) - 1) // types
    out = np.empty((n, k))
    for i in range(n):
        for j in range(k):
            area = 0.0
            for m in range(types):
                a, b = offsets[i * types + m], other_offsets[j * types + m]
                last_a, last_b = offsets[i * types + m + 1], other_offsets[j * types + m + 1]
                both = min(last_a - a, last_b - b)
                for q in range(both):
                    area += abs(times[a + q] - other_times[b + q])
                for q in range(a + both, last_a):
                    area += end - times[q]
                for q in range(b + both, last_b):
                    area += end - other_times[q]
            out[i, j] = area
    return out
