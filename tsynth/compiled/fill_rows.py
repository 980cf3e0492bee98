"""Holes of given rows, filled by an autoregressive network: drawn from what was before, weighed by what comes after.

For each row with holes several fills are drawn. The weight of one is the likelihood of what is given in the rest of
the row and in the rows just after it, holes there drawn anew; one fill is taken by weight and the walk goes on: a
particle filter of one particle with lookahead (Lin, Chen and Liu 2013, "Lookahead strategies for sequential Monte
Carlo", Statistical Science 28, section 3). The likelihood of times is left out, they are given in all fills alike.
"""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled import arrays, features, fields, layers, limits, memory
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import start

__all__ = ["BLANK", "HOLE", "fill"]

BLANK, HOLE = -1, -2
"""Codes and choices that are to be drawn: as the network would, or not null."""
COARSE = 0.02
"""Width of a value's cell on the scale of scores, so that a density can be held against the share of copies."""
UNLIKELY = 1e-12

_forget, _remember, _day_of = memory.forget, memory.remember, memory.day_of
_steady, _passing = features.steady, features.passing
_add, _layer = layers.add, layers.layer
_assign, _assign_rows = arrays.assign, arrays.assign_rows
_pick, _exponentials = layers.pick, layers.exponentials
_allowed, _outs, _draw, _lines = limits.allowed, fields.outs, fields.draw, fields.lines
N, LAST = memory.N, memory.LAST


@uncounted
def copy_memory(source, to):
    """What one memory holds, written into another."""
    _assign(source.scalar, to.scalar)
    _assign(source.times, to.times)
    _assign(source.when, to.when)
    _assign(source.dom, to.dom)
    _assign(source.month, to.month)
    _assign(source.regular, to.regular)
    _assign(source.area, to.area)
    _assign(source.choice, to.choice)
    _assign(source.score, to.score)
    _assign(source.before, to.before)
    _assign(source.mean, to.mean)
    _assign(source.known, to.known)
    _assign_rows(source.slot_choice, to.slot_choice)
    _assign_rows(source.slot_value, to.slot_value)
    _assign_rows(source.slot_score, to.slot_score)
    _assign_rows(source.slot_mean, to.slot_mean)
    _assign_rows(source.slot_known, to.slot_known)
    _assign(source.value, to.value)
    _assign(source.tally, to.tally)
    _assign(source.since, to.since)
    _assign(source.slot_level, to.slot_level)
    _assign(source.slot_level_mean, to.slot_level_mean)


@uncounted
def _alike(x, y):
    alike = True
    for j in range(len(x)):
        alike = alike and x[j] == y[j]
    return alike


@uncounted
def _likelihood(f, code, m, lay, nets, out, weight, choice, value):
    """Logarithm of how likely a given choice and value of field `f` are, by its outputs."""
    size, first = lay.choices[f], lay.first[f]
    options = size + (2 if first >= 0 else 0)
    slot = lay.slot[code]
    _exponentials(out, weight[:options])
    total = 0.0
    for c in range(options):
        total += weight[c]
    share = weight[choice] / total
    if first >= 0 and choice >= first:
        low, many = options + 3, nets.mixtures
        copied = 0.0
        if m.slot_choice[slot, f] == choice and m.slot_value[slot, f] == value:
            copied += weight[size] / total
        if m.choice[f] == choice and m.value[f] == value:
            copied += weight[size + 1] / total
        _exponentials(out[low : low + many], weight[options : options + many])
        whole = density = 0.0
        for k in range(many):
            w = weight[options + k]
            spread = math.exp(min(max(out[low + 2 * many + k], -4.6), 1.5))
            z = (value - out[low + many + k]) / spread
            whole += w
            density += w * math.exp(-0.5 * z * z) / (spread * 2.5066282746310002)
        share = share * min(1.0, COARSE * density / whole) + copied
    return math.log(share + UNLIKELY)


@uncounted
def _events(lay, nets, k, scratch):
    """Weights of the codes at a moment, nothing left out."""
    bi, bx, e1, e2, e3, ew = scratch[:6]
    wide = len(nets.event2)
    _assign(nets.event1_bias, e1)
    _add(nets.event1, bi, bx, 0, k, e1)
    _layer(nets.event2, nets.event2_bias, e1[:wide], e2)
    _layer(nets.event3, nets.event3_bias, e2, e3)
    for j in range(len(e3)):
        e3[j] += e1[wide + j]
    _exponentials(e3, ew)
    ew[len(lay.slot)] = 0.0


@uncounted
def _trunk(lay, nets, k, c, scratch):
    """What all fields of a row of code `c` share."""
    bi, bx, h1, h2 = scratch[0], scratch[1], scratch[6], scratch[7]
    _assign(nets.trunk1_bias, h1)
    _add(nets.trunk1, bi, bx, 0, k, h1)
    own = nets.trunk1[len(nets.trunk1) - len(lay.slot) + c]
    for j in range(len(h1)):
        h1[j] += own[j]
    _layer(nets.trunk2, nets.trunk2_bias, h1, h2)


@uncounted
def _values(m, lay, lim, nets, fi, fx, t, c, given_choice, given_value, choice, value, rng, scratch):
    """Draw the fields of a row that are missing; the log likelihood of those that are given."""
    h2, x, hidden, out, weight, moved = scratch[7:]
    _lines(c, m, lay, nets, fi, fx, moved)
    likely = 0.0
    for f in range(len(lay.choices)):
        _outs(f, c, t, m, lay, lim, nets, h2, moved, x, hidden, out, choice, value)
        if given_choice[f] >= 0:
            choice[f], value[f] = given_choice[f], given_value[f]
            likely += _likelihood(f, c, m, lay, nets, out, weight, choice[f], value[f])
        else:
            _draw(f, c, m, lay, lim, nets, out, weight, choice, value, rng, given_choice[f] == HOLE)
    return likely


@uncounted
def _row_after(
    m, lay, lim, nets, fi, fx, t, given_code, given_choice, given_value, choice, value, rng, scratch
):
    """A row after the one that is filled: its code, what is missing of it drawn, and its log likelihood."""
    ew = scratch[5]
    k = _passing(m, lay, t, scratch[0], scratch[1], _steady(m, lay, fi, fx, scratch[0], scratch[1]))
    _events(lay, nets, k, scratch)
    c, likely = given_code, 0.0
    if c < 0:
        c = _pick(ew, rng)
    else:
        likely += math.log(ew[c] / np.sum(ew) + UNLIKELY)
    _trunk(lay, nets, k, c, scratch)
    likely += _values(m, lay, lim, nets, fi, fx, t, c, given_choice, given_value, choice, value, rng, scratch)
    return c, likely


@uncounted
def _blank(code, choice):
    """Whether anything of a row is missing."""
    missing = code < 0
    for f in range(len(choice)):
        missing = missing or choice[f] < 0
    return missing


@uncounted
def _told(code, choice):
    """Whether anything of a row is given."""
    given = code >= 0
    for f in range(len(choice)):
        given = given or choice[f] >= 0
    return given


@compiled
def fill(
    lay, m, trial, nets, lim, void, offsets, time, code, choice, value, origin, fixed_at, fixed_index, fixed_value,
    key, entities, widest, fills, ahead,
):  # fmt: skip
    """The rows with their holes filled.

    Parameters
    ----------
    lay, nets, lim : Layout, Nets, Limits
    m, trial : Memory
        That of the walk, and one for trials.
    void : bool array, (codes,)
        Codes that stand for null.
    offsets, time, code, choice, value : arrays
        Rows of each entity; a code or choice is `BLANK` or `HOLE` where it is to be drawn.
    origin : float64 array, (N,)
        Opening of the running total.
    fixed_at, fixed_index, fixed_value : arrays
        Features of each entity's statics.
    key, entities : uint64, int64 array
    widest : int
    fills, ahead : int
        Fills that are tried for a row with holes, and rows after it that they are weighed by.

    Returns
    -------
    code, choice, value : arrays
    """
    columns, codes = len(lay.choices), len(lay.slot)
    wide = 16
    for f in range(columns):
        wide = max(wide, nets.width[f] + lay.choices[f] + 8)
    scratch = (
        np.empty(widest, np.int32), np.empty(widest), np.zeros(nets.event1.shape[1], np.float32),
        np.zeros(nets.event2.shape[1], np.float32), np.zeros(codes + 1, np.float32), np.zeros(codes + 1),
        np.zeros(nets.trunk1.shape[1], np.float32), np.zeros(nets.trunk2.shape[1], np.float32), np.zeros(widest),
        np.zeros(nets.hidden, np.float32), np.zeros(wide, np.float32), np.zeros(2 * wide),
        np.zeros(nets.line.shape[2]),
    )  # fmt: skip
    counts = np.zeros((3, codes), np.int64)  # rows of each code on the tick, in the month, in all
    codes_out, choices_out, values_out = code.copy(), choice.copy(), value.copy()
    tried, tried_choice, tried_value = (
        np.zeros(fills, np.int64),
        np.zeros((fills, columns), np.int64),
        np.zeros((fills, columns)),
    )
    likely = np.zeros(fills)
    later_choice, later_value = np.zeros(columns, np.int64), np.zeros(columns)
    drawing = np.zeros(codes + 1)
    index, x = np.empty(widest, np.int32), np.empty(widest)
    rng = np.empty(4, np.uint64)
    for i in range(len(entities)):
        start(rng, key, entities[i])
        _forget(m, origin[i])
        counts[:] = 0
        month = -1
        before = codes
        fi = fixed_index[fixed_at[i] : fixed_at[i + 1]]
        fx = fixed_value[fixed_at[i] : fixed_at[i + 1]]
        for r in range(offsets[i], offsets[i + 1]):
            t = time[r]
            if lay.day > 0:
                now = lay.calendar[_day_of(lay, t), 3]
                if now != month:
                    month = now
                    counts[1] = 0
            if m.scalar[N] == 0 or t != m.scalar[LAST]:
                counts[0] = 0
                before = codes
            if _blank(code[r], choice[r]):
                stop = min(offsets[i + 1], r + 1 + ahead)
                weighed = _told(code[r], choice[r])
                for s in range(r + 1, stop):
                    weighed = weighed or _told(code[s], choice[s])
                many = fills if weighed else 1
                bi, bx, ew = scratch[0], scratch[1], scratch[5]
                size = _passing(m, lay, t, bi, bx, _steady(m, lay, fi, fx, bi, bx))
                c = code[r]
                if c < 0:
                    _events(lay, nets, size, scratch)
                    _allowed(ew, m, lim, lay, t, before, counts[0], counts[1], counts[2], lay.day > 0)
                    if c == HOLE:
                        for j in range(codes):
                            if void[j]:
                                ew[j] = 0.0
                    if np.sum(ew) <= 0:  # everything is forbidden: the network alone decides
                        _events(lay, nets, size, scratch)
                    _assign(ew, drawing)
                _assign(bi[:size], index)
                _assign(bx[:size], x)
                for k in range(many):
                    _assign(index[:size], bi)  # rows after have written over them
                    _assign(x[:size], bx)
                    c = code[r] if code[r] >= 0 else _pick(drawing, rng)
                    _trunk(lay, nets, size, c, scratch)
                    likely[k] = _values(
                        m, lay, lim, nets, fi, fx, t, c, choice[r], value[r], tried_choice[k], tried_value[k], rng,
                        scratch,
                    )  # fmt: skip
                    tried[k] = c
                    if not weighed:
                        break
                    twin = -1
                    for j in range(k):
                        if (
                            tried[j] == c
                            and _alike(tried_choice[j], tried_choice[k])
                            and _alike(tried_value[j], tried_value[k])
                        ):
                            twin = j
                            break
                    if twin >= 0:  # the same fill again has the same weight
                        likely[k] = likely[twin]
                        continue
                    copy_memory(m, trial)
                    _remember(trial, lay, t, c, tried_choice[k], tried_value[k])
                    for s in range(r + 1, stop):
                        c, more = _row_after(
                            trial, lay, lim, nets, fi, fx, time[s], code[s], choice[s], value[s], later_choice,
                            later_value, rng, scratch,
                        )  # fmt: skip
                        likely[k] += more
                        _remember(trial, lay, time[s], c, later_choice, later_value)
                k = 0
                if weighed:
                    _exponentials(likely, likely)
                    k = _pick(likely, rng)
                codes_out[r] = tried[k]
                _assign(tried_choice[k], choices_out[r])
                _assign(tried_value[k], values_out[r])
            c = codes_out[r]
            _remember(m, lay, t, c, choices_out[r], values_out[r])
            counts[:, c] += 1
            before = c
    return codes_out, choices_out, values_out
