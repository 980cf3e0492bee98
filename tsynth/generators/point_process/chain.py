"""An order-k chain of codes with back-off, from counts that merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["build", "count", "merge_counts"]

SEEN = 8
"""Rows that a context of order 2 or more must have had."""
CELLS = 4_000_000
"""Probabilities that all longer contexts may take together."""


def count(
    offsets: NDArray[np.int64],
    code: NDArray[np.int32],
    gap: NDArray[np.int64],
    codes: int,
    gaps: int,
    order: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct (history, class of gap, next code) as one number each, and their rows.

    The last `order` codes are the digits of the history, latest first; code `codes` stands before the first row.
    """
    step = np.arange(len(code)) - np.repeat(offsets[:-1], np.diff(offsets))
    history = np.zeros(len(code), np.int64)
    for back in range(order, 0, -1):
        before = np.full(len(code), codes, np.int64)
        has = np.flatnonzero(step >= back)
        before[has] = code[has - back]
        history = history * (codes + 1) + before
    keys, rows = np.unique((history * gaps + gap) * codes + code, return_counts=True)
    return keys, rows.astype(np.int64)


def merge_counts(
    states: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of all blocks together."""
    keys, group = np.unique(np.concatenate([k for k, _ in states]), return_inverse=True)
    return keys, np.bincount(group, weights=np.concatenate([c for _, c in states])).astype(np.int64)


def build(
    keys: NDArray[np.int64], rows: NDArray[Any], codes: int, gaps: int, order: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Contexts of order 2 and more, where each order ends among them, and next-code probabilities.

    Returns
    -------
    contexts : int64 array
    cuts : int64 array, (order,)
        Contexts of order m are ``contexts[cuts[m - 2]:cuts[m - 1]]``; a first 0 stands before.
    prob : float32 array, ((codes + 1) * gaps + len(contexts), codes)

    References
    ----------
    Witten, Bell (1991), The zero-frequency problem, IEEE Trans. Inf. Theory 37(4), method C: a context seen n
    times with T distinct continuations gives weight n / (n + T) to its own counts, the rest to the shorter context.
    """
    following = keys % codes
    gap = keys // codes % gaps
    history = keys // codes // gaps
    first = history % (codes + 1)
    everywhere = np.bincount(following, weights=rows, minlength=codes)  # a code that never came never comes
    flat = np.zeros((codes + 1, codes))
    np.add.at(flat, (first, following), rows)
    table = np.zeros(((codes + 1) * gaps, codes))
    np.add.at(table, (first * gaps + gap, following), rows)
    by_gap = np.zeros((gaps, codes))
    np.add.at(by_gap, (gap, following), rows)
    by_gap = _back_off(by_gap, np.tile(everywhere / everywhere.sum(), (gaps, 1)))
    by_code = _back_off(flat, np.tile(everywhere / everywhere.sum(), (codes + 1, 1)))
    # A first row has no gap before it; elsewhere what is unknown of a code and a gap is half of each.
    behind = (0.5 * by_code[:, None, :] + 0.5 * by_gap[None, :, :]).reshape(-1, codes)
    if gaps == 1:
        behind = by_code
    levels = [_back_off(table, behind)]
    contexts: list[NDArray[np.int64]] = []
    cuts = [0]
    budget = CELLS // max(codes, 1)
    for m in range(2, order + 1):
        key = history % (codes + 1) ** m * gaps + gap
        distinct, group = np.unique(key, return_inverse=True)
        seen = np.bincount(group, weights=rows)
        kept = np.flatnonzero(seen >= SEEN)
        kept = np.sort(kept[np.argsort(-seen[kept], kind="stable")[:budget]])
        budget -= len(kept)
        place = np.full(len(distinct), -1)
        place[kept] = np.arange(len(kept))
        mine = place[group] >= 0
        counts = np.zeros((len(kept), codes))
        np.add.at(counts, (place[group][mine], following[mine]), rows[mine])
        shorter = distinct[kept] // gaps % (codes + 1) ** (m - 1) * gaps + distinct[kept] % gaps
        levels.append(_back_off(counts, _rows_of(shorter, m - 1, contexts, levels, codes, gaps)))
        contexts.append(distinct[kept])
        cuts.append(cuts[-1] + len(kept))
    everything = np.concatenate(contexts) if contexts else np.empty(0, np.int64)
    return everything, np.array(cuts, np.int64), np.concatenate(levels).astype(np.float32)


def _rows_of(
    key: NDArray[np.int64],
    order: int,
    contexts: list[NDArray[np.int64]],
    levels: list[NDArray[np.float64]],
    codes: int,
    gaps: int,
) -> NDArray[np.float64]:
    """Probabilities after each context of `order`, or after the longest one shorter that is known."""
    if order == 1:
        return levels[0][key]
    shorter = key // gaps % (codes + 1) ** (order - 1) * gaps + key % gaps
    out = _rows_of(shorter, order - 1, contexts, levels, codes, gaps)
    known = contexts[order - 2]
    if len(known):
        at = np.minimum(np.searchsorted(known, key), len(known) - 1)
        found = known[at] == key
        out[found] = levels[order - 1][at[found]]
    return out


def _back_off(counts: NDArray[np.float64], behind: NDArray[np.float64]) -> NDArray[np.float64]:
    kinds = np.count_nonzero(counts, axis=1)[:, None]
    total = counts.sum(axis=1, keepdims=True)
    out: NDArray[np.float64] = np.where(
        total > 0, (counts + kinds * behind) / np.maximum(total + kinds, 1.0), behind
    )
    return out
