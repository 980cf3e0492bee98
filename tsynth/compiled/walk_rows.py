"""The sampling loop of an autoregressive network: rows of each entity drawn one after another, given rows replayed.

Layers are plain products over the features that are not 0, an entity at a time, so what an entity gets hangs on its
own stream and on nothing beside it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled import features, first_layer, layers, memory
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.random import normal, start, uniform

__all__ = ["Limits", "Nets", "walk"]

_forget, _remember, _number = memory.forget, memory.remember, memory.number_of
_day_of, _unplaced = memory.day_of, memory.unplaced
_own, _lately, _moment, _of_slot = features.own, features.lately, features.moment, features.of_slot
_assign, _layer, _pick, _exponentials = layers.assign, layers.layer, layers.pick, layers.exponentials
_make_sums, _begin, _before = first_layer.make_sums, first_layer.begin, first_layer.before
_after, _stay, _then = first_layer.after, first_layer.stay, first_layer.then
N, LAST, TICK, LEVEL = memory.N, memory.LAST, memory.TICK, memory.LEVEL
REACH = 4.0
TRIES = 8
HOURS = 64


class Nets(NamedTuple):
    """Weights as float32 arrays: three layers for events and for gaps, two for the trunk of the fields, two and a
    skip for each field's head.

    ``heads[begin[f]:]`` holds, one after another, the field's first layer (H + own, D), its bias, second layer
    (D, out), skip (own, out) and bias.
    """

    event1: np.ndarray
    event1_bias: np.ndarray
    event2: np.ndarray
    event2_bias: np.ndarray
    event3: np.ndarray
    event3_bias: np.ndarray
    gap1: np.ndarray
    gap1_bias: np.ndarray
    gap2: np.ndarray
    gap2_bias: np.ndarray
    gap3: np.ndarray
    gap3_bias: np.ndarray
    trunk1: np.ndarray
    trunk1_bias: np.ndarray
    trunk2: np.ndarray
    trunk2_bias: np.ndarray
    heads: np.ndarray
    begin: np.ndarray
    width: np.ndarray
    hidden: int
    mixtures: int


class Limits(NamedTuple):
    """What may not be.

    Attributes
    ----------
    tick : float
        Length of a tick, 0 for gaps.
    edges, inner : float64 arrays, (G + 1,) and (G, Q)
        Lower edges of the classes of gaps; quantiles of the gaps inside each.
    step : float
        Lattice of times, 0 for none.
    hour_weight : float64 array
        Weight of each hour of the week, or of the day, or 1.
    most, least : int
        Rows of one entity; where gaps are drawn, none ends before it has `least`.
    most_tick, most_month, most_ever : int64 array, (codes,)
        Rows of one code on a tick, in a month, in all.
    day_of_month, to_month_end, weekday : bool array, (codes, 31), (codes, 8), (codes, 7)
        Where each code may fall.
    pair : bool array, (codes + 1, codes)
        Code before (the last row stands for a new tick) and code that may follow it on one tick.
    opens, follows : bool array, (codes,)
        Whether a code may come first, and later.
    prior : float32 array, (fields, codes, options)
        Logarithm of how often each code takes each choice, and copies where it can; -1e9 for what may not be.
    floor : float
        The running total must not be taken below it.
    level_edges, level_keep : float64 array, (L,) and (L + 1,)
        Classes of the running total after a row that takes from it, and the chance that such a row is kept and not
        drawn anew.
    end_shift : float64 array
        What is added to the logit of the end after so many rows.
    """

    tick: float
    edges: np.ndarray
    inner: np.ndarray
    step: float
    hour_weight: np.ndarray
    most: int
    least: int
    most_tick: np.ndarray
    most_month: np.ndarray
    most_ever: np.ndarray
    day_of_month: np.ndarray
    to_month_end: np.ndarray
    weekday: np.ndarray
    pair: np.ndarray
    opens: np.ndarray
    follows: np.ndarray
    prior: np.ndarray
    floor: float
    level_edges: np.ndarray
    level_keep: np.ndarray
    end_shift: np.ndarray


@uncounted
def _gap(k, t, lim, lay, rng):
    """A gap of class `k` after `t`: a quantile inside the class, by the weights of the hours."""
    inner = lim.inner[k]
    gap = inner[0]
    top = 0.0
    hours = len(lim.hour_weight)
    for h in range(hours):
        top = max(top, lim.hour_weight[h])
    for _ in range(HOURS):
        at = uniform(rng) * (len(inner) - 1)
        low = int(at)
        gap = inner[low] + (at - low) * (inner[low + 1] - inner[low])
        if lim.step > 0:
            gap = math.floor(gap / lim.step + 0.5) * lim.step
            gap = max(gap, lim.edges[k])
            if k + 1 < len(lim.edges) and gap >= lim.edges[k + 1]:
                gap = max(lim.edges[k], lim.edges[k + 1] - lim.step)
        if hours == 1:
            break
        hour = math.floor((t + gap) / lay.day * 24.0 + 1e-6) % hours
        if uniform(rng) * top < lim.hour_weight[hour]:
            break
    return gap


@uncounted
def _later(inner, gap):
    """Share of the gaps of a class that are at least `gap`."""
    pieces = len(inner) - 1
    left = 0.0
    for q in range(pieces):
        low, high = inner[q], inner[q + 1]
        if low >= gap:
            left += 1.0
        elif high > gap:
            left += (high - gap) / (high - low)
        elif high == gap and low < high:
            left += 1e-9  # on the edge itself
    return left / pieces


@uncounted
def _codes(weight, m, lim, lay, t, before, tick_count, month_count, ever, calendar):
    """Set the weight of every code that may not come now to 0."""
    codes = len(lay.slot)
    first = m.scalar[N] == 0
    same = not first and t == m.scalar[LAST]
    dom = ends = day_of_week = 0
    if calendar:
        d = _day_of(lay, t)
        dom, ends, day_of_week = lay.calendar[d, 0], min(lay.calendar[d, 1], 7), lay.calendar[d, 2]
    for c in range(codes):
        ok = lim.opens[c] if first else lim.follows[c]
        ok = ok and ever[c] < lim.most_ever[c]
        if same:
            ok = ok and tick_count[c] < lim.most_tick[c] and lim.pair[before, c]
        else:
            ok = ok and lim.pair[codes, c]
        if calendar:
            ok = ok and lim.day_of_month[c, dom] and lim.to_month_end[c, ends] and lim.weekday[c, day_of_week]
            ok = ok and month_count[c] < lim.most_month[c]
        if not ok:
            weight[c] = 0.0


@uncounted
def _field(f, code, t, m, lay, lim, nets, h, x, hidden, out, weight, choice, value, rng):
    """Draw field `f` of a row; `h` is the trunk."""
    _outs(f, code, t, m, lay, lim, nets, h, x, hidden, out, choice, value)
    _draw(f, code, m, lay, lim, nets, out, weight, choice, value, rng, False)


@uncounted
def _outs(f, code, t, m, lay, lim, nets, h, x, hidden, out, choice, value):
    """Outputs of field `f`: logits of its choices and copies, -1e9 for what may not be, then its mixtures."""
    width = _own(m, lay, t, code, f, choice, value, x)
    outs = nets.width[f]
    size = nets.begin[f]
    many = len(h)
    d = nets.hidden
    one = nets.heads[size : size + (many + width) * d].reshape(many + width, d)
    size += (many + width) * d
    _assign(nets.heads[size : size + d], hidden)
    size += d
    two = nets.heads[size : size + d * outs].reshape(d, outs)
    size += d * outs
    skip = nets.heads[size : size + width * outs].reshape(width, outs)
    size += width * outs
    _assign(nets.heads[size : size + outs], out)
    for k in range(many):
        if h[k] > 0:
            for j in range(d):
                hidden[j] += h[k] * one[k, j]
    for k in range(width):
        if x[k] != 0:
            v = np.float32(x[k])
            for j in range(d):
                hidden[j] += v * one[many + k, j]
            for j in range(outs):
                out[j] += v * skip[k, j]
    for k in range(d):
        if hidden[k] > 0:
            for j in range(outs):
                out[j] += hidden[k] * two[k, j]
    # -- the choice
    size = lay.choices[f]
    first = lay.first[f]
    slot = lay.slot[code]
    held, held_here = m.choice[f], m.slot_choice[slot, f]
    at = size + (2 if first >= 0 else 0)
    if held >= 0:
        out[held] += out[at]
    if held_here >= 0:
        out[held_here] += out[at + 1]
    if lay.counts[f + 1] > lay.counts[f] and m.scalar[N] > 0:
        for c in range(size):
            out[c] += out[at + 2] * np.float32(m.tally[lay.counts[f] + c] / m.scalar[N])
    options = size + (2 if first >= 0 else 0)
    for c in range(options):
        out[c] += lim.prior[f, code, c]
    if first >= 0:
        here = held_here >= first
        if not here:
            out[size] = np.float32(-1e9)
        if held < first or (here and m.value[f] == m.slot_value[slot, f]):
            out[size + 1] = np.float32(-1e9)


@uncounted
def _draw(f, code, m, lay, lim, nets, out, weight, choice, value, rng, filled):
    """Draw field `f` by its outputs; where `filled`, null comes only if nothing else may."""
    size, first = lay.choices[f], lay.first[f]
    slot = lay.slot[code]
    held, held_here = m.choice[f], m.slot_choice[slot, f]
    options = size + (2 if first >= 0 else 0)
    _exponentials(out, weight[:options])
    if filled:
        rest = 0.0
        for c in range(1, options):
            rest += weight[c]
        if rest > 0:
            weight[0] = 0.0
    sign = lay.sign[code] if f == lay.total else 0.0
    for _ in range(TRIES):
        c = _pick(weight[:options], rng)
        if c == size:
            choice[f], value[f] = held_here, m.slot_value[slot, f]
        elif c == size + 1 and first >= 0:
            choice[f], value[f] = held, m.value[f]
        else:
            choice[f], value[f] = c, 0.0
            if first >= 0 and c >= first:
                mixtures = nets.mixtures
                low = options + 3
                _exponentials(out[low : low + mixtures], weight[options : options + mixtures])
                k = _pick(weight[options : options + mixtures], rng)
                mean = out[low + mixtures + k]
                spread = math.exp(min(max(out[low + 2 * mixtures + k], -4.6), 1.5))
                value[f] = _unplaced(lay, code, f, mean + spread * normal(rng))
        if sign >= 0:
            break
        after = m.scalar[LEVEL] + sign * _number(lay, choice[f], value[f])
        kept = lim.level_keep[np.searchsorted(lim.level_edges, after)]
        if after >= min(lim.floor, m.scalar[LEVEL]) and (kept >= 1.0 or uniform(rng) < kept):
            break
    return


@compiled
def walk(
    lay, m, nets, lim, given_offsets, given_time, given_code, given_choice, given_value, begin, origin, resume, end,
    free, fixed_at, fixed_index, fixed_value, key, entities, widest,
):  # fmt: skip
    """Rows of each entity: those given, with their blanks filled, then new ones until it ends.

    Parameters
    ----------
    lay, m, nets, lim : Layout, Memory, Nets, Limits
    given_offsets, given_time, given_code, given_choice, given_value : arrays
        Rows that are given; a code or choice of -1 is drawn.
    begin : float64 array, (N,)
        Time of the first row where none is given, NaN for an entity without rows.
    origin : float64 array, (N,)
        Opening of the running total.
    resume : float64 array, (N,)
        Time before which no new row comes after given ones.
    end : float64 array, (N,)
        No row comes later.
    free : bool
        Whether new rows are made.
    fixed_at, fixed_index, fixed_value : arrays
        Features of each entity's statics.
    key, entities : uint64, int64 array
    widest : int

    Returns
    -------
    offsets, time, code, choice, value : arrays
    """
    fields, codes = len(lay.choices), len(lay.slot)
    wide = 16
    for f in range(fields):
        wide = max(wide, nets.width[f] + lay.choices[f] + 8)
    x, out, weight = np.zeros(widest), np.zeros(wide, np.float32), np.zeros(2 * wide)
    hidden = np.zeros(nets.hidden, np.float32)
    events = _make_sums(nets.event1, nets.event1_bias)
    gaps = _make_sums(nets.gap1, nets.gap1_bias)
    trunk = _make_sums(nets.trunk1, nets.trunk1_bias)
    e0, e1 = np.zeros(len(events.bias), np.float32), np.zeros(len(events.bias), np.float32)
    e2, e3, ew = (
        np.zeros(nets.event2.shape[1], np.float32),
        np.zeros(codes + 1, np.float32),
        np.zeros(codes + 1),
    )
    classes = len(lim.edges) - 1
    g1, g2 = np.zeros(len(gaps.bias), np.float32), np.zeros(nets.gap2.shape[1], np.float32)
    g3, gw = np.zeros(classes + 1, np.float32), np.zeros(classes + 1)
    h1, h2 = np.zeros(len(trunk.bias), np.float32), np.zeros(nets.trunk2.shape[1], np.float32)
    bi, bx = np.empty(widest, np.int32), np.empty(widest)
    counts = np.zeros((3, codes), np.int64)  # rows of each code on the tick, in the month, in all
    choice, value = np.zeros(fields, np.int64), np.zeros(fields)
    base = len(nets.trunk1) - codes
    stepped = lim.tick == 0  # from gap to gap, else from tick to tick
    size = 1024
    time, code = np.empty(size), np.empty(size, np.int64)
    choices, values = np.empty((size, fields), np.int32), np.empty((size, fields))
    offsets = np.zeros(len(entities) + 1, np.int64)
    rng = np.empty(4, np.uint64)
    calendar = lay.day > 0
    n = 0
    for i in range(len(entities)):
        start(rng, key, entities[i])
        _forget(m, origin[i])
        counts[:] = 0
        month = -1
        before = codes
        fi = fixed_index[fixed_at[i] : fixed_at[i + 1]]
        fx = fixed_value[fixed_at[i] : fixed_at[i + 1]]
        _begin(events, m, lay, fi, fx, bi, bx)
        _begin(trunk, m, lay, fi, fx, bi, bx)
        if stepped:
            _begin(gaps, m, lay, fi, fx, bi, bx)
        r, last = given_offsets[i], given_offsets[i + 1]
        t = begin[i]
        forward = r < last  # replaying what is given
        stay = -1
        made = 0
        while True:
            fresh = stay < 0
            blank = r >= last or given_code[r] < 0  # whether anything is to be drawn
            for f in range(fields):
                blank = blank or given_choice[r, f] < 0
            if fresh and blank:
                stay = _lately(m, lay, bi, bx, 0)
            if r < last:
                t = given_time[r]
            elif not free:
                break
            else:
                if not np.isfinite(t) and not forward:
                    break
                if made >= lim.most:
                    break
                if stepped and m.scalar[N] > 0:
                    # the class of the gap, then the gap
                    k = _moment(m, lay, m.scalar[LAST], bi, bx, stay)
                    _stay(gaps, m, bi, bx, stay, g1)
                    _then(gaps, m, lay, m.scalar[LAST], bi, bx, stay, k, g1)
                    _layer(nets.gap2, nets.gap2_bias, g1, g2)
                    _layer(nets.gap3, nets.gap3_bias, g2, g3)
                    g3[classes] += np.float32(lim.end_shift[min(int(m.scalar[N]), len(lim.end_shift) - 1)])
                    _exponentials(g3, gw)
                    must = m.scalar[N] < lim.least
                    if must:
                        gw[classes] = 0.0
                        for j in range(classes):  # what still fits
                            gw[j] *= 1.0 - (1.0 - 1e-6) * _later(lim.inner[j], end[i] - m.scalar[LAST])
                    if forward and resume[i] > m.scalar[LAST]:
                        for j in range(classes):
                            gw[j] *= _later(lim.inner[j], resume[i] - m.scalar[LAST])
                    c = _pick(gw, rng)
                    if c == classes:
                        break
                    t = m.scalar[LAST] + _gap(c, m.scalar[LAST], lim, lay, rng)
                    if forward:
                        for _ in range(HOURS):
                            if t >= resume[i]:
                                break
                            t = m.scalar[LAST] + _gap(c, m.scalar[LAST], lim, lay, rng)
                        t = max(t, resume[i])
                    elif must:
                        for _ in range(HOURS):
                            if t <= end[i]:
                                break
                            t = m.scalar[LAST] + _gap(c, m.scalar[LAST], lim, lay, rng)
                        t = max(m.scalar[LAST], min(t, end[i]))
                elif not stepped and forward and m.scalar[N] > 0:
                    t = max(m.scalar[LAST] + lim.tick, resume[i])
                forward = False
                if t > end[i]:
                    break
            # -- which code
            here = r < last
            if calendar:
                now = lay.calendar[_day_of(lay, t), 3]
                if now != month:
                    month = now
                    counts[1] = 0
            if m.scalar[N] == 0 or t != m.scalar[LAST]:
                counts[0] = 0
                before = codes
            k = _moment(m, lay, t, bi, bx, stay) if blank else 0
            c = given_code[r] if here else -1
            if c < 0:
                if fresh:
                    _stay(events, m, bi, bx, stay, e0)
                _assign(e0, e1)
                _then(events, m, lay, t, bi, bx, stay, k, e1)
                _layer(nets.event2, nets.event2_bias, e1, e2)
                _layer(nets.event3, nets.event3_bias, e2, e3)
                _exponentials(e3, ew)
                if here or stepped or m.scalar[N] == 0:
                    ew[codes] = 0.0
                if not here:
                    kept = ew[codes]
                    _codes(ew, m, lim, lay, t, before, counts[0], counts[1], counts[2], calendar)
                    total = 0.0
                    for j in range(codes):
                        total += ew[j]
                    if total + kept <= 0:  # everything is forbidden: the network alone decides
                        _exponentials(e3, ew)
                        ew[codes] = 0.0
                c = _pick(ew, rng)
                if c == codes:
                    t += lim.tick
                    if t > end[i]:
                        break
                    continue
            # -- its fields
            if blank:
                _stay(trunk, m, bi, bx, stay, h1)
                _then(trunk, m, lay, t, bi, bx, stay, k, h1)
                row = nets.trunk1[base + c]
                for j in range(len(h1)):
                    h1[j] += row[j]
                _layer(nets.trunk2, nets.trunk2_bias, h1, h2)
            for f in range(fields):
                if here and given_choice[r, f] >= 0:
                    choice[f], value[f] = given_choice[r, f], given_value[r, f]
                else:
                    _field(f, c, t, m, lay, lim, nets, h2, x, hidden, out, weight, choice, value, rng)
            # -- what is kept of it
            slot = lay.slot[c]
            k = _of_slot(m, lay, slot, bi, bx, 0)
            _before(events, m, lay, slot, t, bi, bx, k)
            _before(trunk, m, lay, slot, t, bi, bx, k)
            if stepped:
                _before(gaps, m, lay, slot, t, bi, bx, k)
            _remember(m, lay, t, c, choice, value)
            k = _of_slot(m, lay, slot, bi, bx, 0)
            _after(events, m, lay, slot, bi, bx, k)
            _after(trunk, m, lay, slot, bi, bx, k)
            if stepped:
                _after(gaps, m, lay, slot, bi, bx, k)
            if n == size:
                size *= 2
                time, code = _longer(time, size), _longer(code, size)
                grown = np.empty((size, fields), np.int32)
                grown[:n] = choices
                choices = grown
                wider = np.empty((size, fields))
                wider[:n] = values
                values = wider
            time[n], code[n] = t, c
            for f in range(fields):
                choices[n, f], values[n, f] = choice[f], value[f]
            n += 1
            made += 1
            counts[:, c] += 1
            before = c
            stay = -1
            if here:
                r += 1
        offsets[i + 1] = n
    return offsets, time[:n], code[:n], choices[:n], values[:n]


@compiled
def _longer(array, size):
    grown = np.empty(size, array.dtype)
    grown[: len(array)] = array
    return grown
