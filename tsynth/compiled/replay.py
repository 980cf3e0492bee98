"""Decisions of real rows, with the features at each: what an autoregressive network learns from.

Two ways of time. On *ticks* every tick (a day) decides "nothing" or a code, again after each row; quiet ticks are
thinned and carry the weight of those left out. By *gaps* each row decides the class of the gap to the next, then the
code at the new time.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled import features as seen
from tsynth.compiled import memory
from tsynth.compiled.arrays import assign
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import open_uniform, start

__all__ = ["densify", "replay"]

_forget, _remember = memory.forget, memory.remember
_own, _steady, _passing = seen.own, seen.steady, seen.passing


@compiled
def _room(array, needed):
    if needed <= len(array):
        return array
    grown = np.empty(max(needed, 2 * len(array)), array.dtype)
    assign(array, grown)
    return grown


@compiled
def replay(
    lay, m, offsets, time, code, choice, value, begin, end, tick, keep, edges, widths, fixed_at, fixed_index,
    fixed_value, key, entities, widest,
):  # fmt: skip
    """Walk over real rows and write every decision.

    Parameters
    ----------
    lay, m : Layout, Memory
    offsets, time, code : arrays
        Rows of each entity.
    choice, value : (R, fields) arrays
    begin, end : float64 array, (N,)
        Opening of the running total; time until which each entity is known to have been watched.
    tick : float
        Length of a tick; 0 for gaps.
    keep : float
        Share of quiet ticks that is kept.
    edges : float64 array, (G + 1,)
        Lower edges of the classes of gaps, then infinity.
    widths : int64 array, (fields,)
        Where each field's own features begin in a row of the result.
    fixed_at, fixed_index, fixed_value : arrays
        Features of each entity's statics.
    key, entities : uint64, int64 array
        Streams of the thinning.
    widest : int
        Most features of one moment.

    Returns
    -------
    at, index, value : features of the event decisions, as compressed rows
    label, weight, row : of each event decision its code (or ``codes`` for nothing), weight and row (-1 for none)
    gap_at, gap_index, gap_value, low, high, gap_row : of each gap decision its features, the classes that it may be,
        and the row before
    own : float32 array, (R, sum of widths)
    held, here : int32 array, (R, fields)
        Choice of the row before and of the last row of the same code, -1 for none.
    aim : int32 array, (R, fields)
        What is to be drawn: the choice; of fields with values one more for a copy of the value of the code's last
        row, and one more for a copy of the last row's.
    twin : bool array, (R, fields)
        Whether the last row's value can be copied and is not that of the code's last row.
    tally : float32 array, (R, tallies)
        Share of each choice in the entity's rows so far.
    """
    rows, fields = len(time), len(lay.choices)
    nothing, classes = len(lay.slot), len(edges) - 1
    features = np.zeros((rows, widths[fields]), np.float32)
    scratch = np.zeros(max(1, widths[fields]))
    held, here = np.zeros((rows, fields), np.int32), np.zeros((rows, fields), np.int32)
    aim, twin = np.zeros((rows, fields), np.int32), np.zeros((rows, fields), np.bool_)
    tally = np.zeros((rows, len(m.tally)), np.float32)
    size = 2 * rows + 16
    at, label = np.zeros(size + 1, np.int64), np.empty(size, np.int64)
    weight, where = np.empty(size), np.empty(size, np.int64)
    index, x = np.empty(64 * size, np.int32), np.empty(64 * size, np.float32)
    gsize = rows + 16 if tick == 0 else 1
    gat, glow, ghigh = np.zeros(gsize + 1, np.int64), np.empty(gsize, np.int64), np.empty(gsize, np.int64)
    grow = np.empty(gsize, np.int64)
    gindex, gx = np.empty(32 * gsize, np.int32), np.empty(32 * gsize, np.float32)
    n = g = 0
    bi, bx = np.empty(widest, np.int32), np.empty(widest)
    rng = np.empty(4, np.uint64)
    log_rest = math.log1p(-keep) if keep < 1 else -1e300
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        if first == last:
            continue
        start(rng, key, entities[i])
        _forget(m, begin[i])
        fi = fixed_index[fixed_at[i] : fixed_at[i + 1]]
        fx = fixed_value[fixed_at[i] : fixed_at[i + 1]]
        for r in range(first, last + 1):
            ended = r == last
            stay = _steady(m, lay, fi, fx, bi, bx)
            stop = end[i] if ended else time[r]
            if tick > 0 and r > first:
                # the tick of the row before closes, then the quiet ticks up to this one
                t = time[r - 1]
                w = 1.0
                while t < stop or (ended and t <= stop):
                    k = _passing(m, lay, t, bi, bx, stay)
                    label, weight, where = _room(label, n + 1), _room(weight, n + 1), _room(where, n + 1)
                    at = _room(at, n + 2)
                    index, x = _room(index, at[n] + k), _room(x, at[n] + k)
                    index[at[n] : at[n] + k] = bi[:k]
                    x[at[n] : at[n] + k] = bx[:k]
                    label[n], weight[n], where[n], at[n + 1] = nothing, w, -1, at[n] + k
                    n += 1
                    skipped = math.floor(math.log(open_uniform(rng)) / log_rest)
                    t += tick * (1.0 + skipped)
                    w = 1.0 / keep
            elif tick == 0 and r > first:
                k = _passing(m, lay, time[r - 1], bi, bx, stay)
                low = high = classes
                if not ended or np.isfinite(stop):
                    gap = max(stop - time[r - 1], 0.0)
                    low = np.searchsorted(edges, gap, side="right") - 1
                    high = low
                    if ended:
                        low, high = min(low + 1, classes), classes
                gat, glow, ghigh, grow = (
                    _room(gat, g + 2),
                    _room(glow, g + 1),
                    _room(ghigh, g + 1),
                    _room(grow, g + 1),
                )
                gindex, gx = _room(gindex, gat[g] + k), _room(gx, gat[g] + k)
                gindex[gat[g] : gat[g] + k] = bi[:k]
                gx[gat[g] : gat[g] + k] = bx[:k]
                glow[g], ghigh[g], grow[g], gat[g + 1] = low, high, r - 1, gat[g] + k
                g += 1
            if ended:
                break
            t = time[r]
            k = _passing(m, lay, t, bi, bx, stay)
            label, weight, where = _room(label, n + 1), _room(weight, n + 1), _room(where, n + 1)
            at = _room(at, n + 2)
            index, x = _room(index, at[n] + k), _room(x, at[n] + k)
            index[at[n] : at[n] + k] = bi[:k]
            x[at[n] : at[n] + k] = bx[:k]
            label[n], weight[n], where[n], at[n + 1] = code[r], 1.0, r, at[n] + k
            n += 1
            for f in range(fields):
                k = _own(m, lay, t, code[r], f, choice[r], value[r], scratch)
                features[r, widths[f] : widths[f] + k] = scratch[:k]
            _aims(m, lay, code[r], choice[r], value[r], held[r], here[r], aim[r], twin[r])
            if m.scalar[0] > 0:
                tally[r] = m.tally / m.scalar[0]
            _remember(m, lay, t, code[r], choice[r], value[r])
    return (
        at[: n + 1], index[: at[n]], x[: at[n]], label[:n], weight[:n], where[:n],
        gat[: g + 1], gindex[: gat[g]], gx[: gat[g]], glow[:g], ghigh[:g], grow[:g],
        features, held, here, aim, twin, tally,
    )  # fmt: skip


@uncounted
def _aims(m, lay, code, choice, value, held, here, aim, twin):
    slot = lay.slot[code]
    for f in range(len(lay.choices)):
        first = lay.first[f]
        held[f], here[f], aim[f], twin[f] = m.choice[f], m.slot_choice[slot, f], choice[f], False
        if first < 0:
            continue
        twin[f] = held[f] >= first and not (here[f] >= first and m.value[f] == m.slot_value[slot, f])
        if choice[f] >= first:
            if here[f] == choice[f] and m.slot_value[slot, f] == value[f]:
                aim[f] = lay.choices[f]
            elif twin[f] and held[f] == choice[f] and m.value[f] == value[f]:
                aim[f] = lay.choices[f] + 1


@compiled
def densify(at, index, value, rows, out):
    """Compressed rows at `rows` as a dense float32 array, (B, F)."""
    out[:] = 0.0
    for b in range(len(rows)):
        for k in range(at[rows[b]], at[rows[b] + 1]):
            out[b, index[k]] += value[k]
