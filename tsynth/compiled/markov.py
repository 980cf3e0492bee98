"""Loops of the encodings' parties and of the generator `markov_renewal`."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import categorical, integer, start, uniform

__all__ = ["parties"]


@compiled
def parties(key, entities, offsets, choice, cumulative, edges, private):
    """Numbers of made parties, one a row: -1 where null.

    Parameters
    ----------
    key : uint64
    entities : int64 array, (N,)
    offsets : int64 array, (N + 1,)
    choice : int32 array, (R,)
        0 null, 1 same as last, 2 an earlier one, 3 new to the entity.
    cumulative : float64 array, (B,)
        Running share of (entity, party) pairs of each range of ranks.
    edges : int64 array, (B + 1,)
        Ranks that bound the ranges.
    private : float
        Share of parties that one entity alone has.
    """
    out = np.full(len(choice), -1, np.int64)
    state = np.empty(4, np.uint64)
    size = edges[len(edges) - 1]
    for i in range(len(entities)):
        start(state, key, entities[i])
        own = 0  # parties of its own alone so far
        last = np.int64(-1)
        low = offsets[i]
        for r in range(low, offsets[i + 1]):
            what = choice[r]
            if what == 0:
                continue
            if what == 2 and last >= 0:
                found = np.int64(-1)
                for _ in range(16):  # in proportion to its earlier rows
                    candidate = out[low + integer(state, r - low)]
                    if candidate >= 0 and candidate != last:
                        found = candidate
                        break
                out[r] = found if found >= 0 else last
            elif what == 1 and last >= 0:
                out[r] = last
            elif uniform(state) < private:
                # A number above all shared ones that no other entity has: Cantor's pairing of entity and count.
                total = entities[i] + own
                out[r] = size + total * (total + 1) // 2 + own
                own += 1
            else:
                for attempt in range(8):
                    at = categorical(state, cumulative)
                    number = edges[at] + integer(state, max(edges[at + 1] - edges[at], 1))
                    known = False
                    for q in range(max(low, r - 64), r):
                        if out[q] == number:
                            known = True
                            break
                    if not known or attempt == 7:
                        out[r] = number
                        break
            last = out[r]
    return out
