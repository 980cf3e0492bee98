"""Sums over entities in which none counts more than its bound, for noise to be added to."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.walk import sums_of_days

__all__ = ["clipped_days", "clipped_products"]


@compiled
def scaled_add(total, own, scale):
    """Add the first two layers of `own` times `scale` to `total`, and clear `own`."""
    for j in range(2):
        flat, into = own[j].reshape(-1), total[j].reshape(-1)
        for m in range(len(flat)):
            into[m] += scale * flat[m]
    own[:] = 0.0


@compiled
def square(own):
    """Sum of squares of the first two layers."""
    found = 0.0
    for j in range(2):
        flat = own[j].reshape(-1)
        for m in range(len(flat)):
            found += flat[m] * flat[m]
    return found


@compiled
def clipped_days(
    offsets, day, kind, zero, last_day, by_day, month, ease, bins, logs, by_kind, table, after, shared, which, clip,
    table_sums, dom_sums, weekday_sums, after_sums, shared_sums, lives,
):  # fmt: skip
    """`tsynth.compiled.walk.sums_of_days` with the observed and expected rows of an entity scaled down to norm `clip`.

    All arrays of sums are (2, ...): what is waited is left out.
    """
    kinds = table.shape[1]
    own_table, own_dom = np.zeros((3, *table.shape)), np.zeros((3, 3, kinds, dom_sums.shape[3]))
    own_weekday, own_after = np.zeros((3, 3, kinds, 7)), np.zeros((3, *after.shape))
    own_shared = np.zeros((3, len(shared)))
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        sums_of_days(
            offsets[i : i + 2], day, kind, 0, 1, zero, last_day, by_day, month, ease, bins, logs, by_kind,
            table, after, shared, which, own_table, own_dom, own_weekday, own_after, own_shared, lives[i : i + 1],
        )  # fmt: skip
        norm = math.sqrt(
            square(own_table) + square(own_dom) + square(own_weekday) + square(own_after) + square(own_shared)
        )
        scale = min(1.0, clip / norm) if norm > 0.0 else 1.0
        scaled_add(table_sums, own_table, scale)
        scaled_add(dom_sums, own_dom, scale)
        scaled_add(weekday_sums, own_weekday, scale)
        scaled_add(after_sums, own_after, scale)
        scaled_add(shared_sums, own_shared, scale)


@compiled
def clipped_products(offsets, x, clip):
    """Sum over entities of ``x.T @ x`` of its rows, each scaled down to a Frobenius norm of at most `clip`."""
    size = x.shape[1]
    out, own = np.zeros((size, size)), np.empty((size, size))
    for i in range(len(offsets) - 1):
        own[:] = 0.0
        for r in range(offsets[i], offsets[i + 1]):
            for j in range(size):
                for m in range(size):
                    own[j, m] += x[r, j] * x[r, m]
        norm = 0.0
        for j in range(size):
            for m in range(size):
                norm += own[j, m] * own[j, m]
        norm = math.sqrt(norm)
        scale = min(1.0, clip / norm) if norm > 0.0 else 1.0
        for j in range(size):
            for m in range(size):
                out[j, m] += scale * own[j, m]
    return out
