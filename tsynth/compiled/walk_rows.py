"""The sampling loop of an autoregressive network: rows of each entity drawn one after another, given rows replayed.

Layers are plain products over the features that are not 0, an entity at a time, so what an entity gets hangs on its
own stream and on nothing beside it.
"""

from __future__ import annotations

import numpy as np

from tsynth.compiled import arrays, features, fields, first_layer, layers, limits, memory
from tsynth.compiled.jit import compiled
from tsynth.compiled.random import start

__all__ = ["walk"]

N, LAST, HOURS = memory.N, memory.LAST, limits.HOURS
_forget, _remember, _day_of = memory.forget, memory.remember, memory.day_of
_lately, _moment, _of_slot = features.lately, features.moment, features.of_slot
_assign, _assign_rows, _grown = arrays.assign, arrays.assign_rows, arrays.grown
_layer, _pick, _exponentials = layers.layer, layers.pick, layers.exponentials
_make_sums, _begin, _before = first_layer.make_sums, first_layer.begin, first_layer.before
_after, _stay, _then = first_layer.after, first_layer.stay, first_layer.then
_allowed, _gap_in, _later, _field_of = limits.allowed, limits.gap_in, limits.later, fields.field_of
_lines = fields.lines


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
    columns, codes = len(lay.choices), len(lay.slot)
    wide = 16
    for f in range(columns):
        wide = max(wide, nets.width[f] + lay.choices[f] + 8)
    x, out, weight = np.zeros(widest), np.zeros(wide, np.float32), np.zeros(2 * wide)
    hidden, moved = np.zeros(nets.hidden, np.float32), np.zeros(nets.line.shape[2])
    events = _make_sums(nets.event1, nets.event1_bias)
    gaps = _make_sums(nets.gap1, nets.gap1_bias)
    trunk = _make_sums(nets.trunk1, nets.trunk1_bias)
    e0, e = np.zeros(len(events.bias), np.float32), np.zeros(len(events.bias), np.float32)
    e1, straight = e[: len(nets.event2)], e[len(nets.event2) :]
    e2, e3, ew = (
        np.zeros(nets.event2.shape[1], np.float32),
        np.zeros(codes + 1, np.float32),
        np.zeros(codes + 1),
    )
    classes = len(lim.edges) - 1
    g, g2 = np.zeros(len(gaps.bias), np.float32), np.zeros(nets.gap2.shape[1], np.float32)
    g1, onward = g[: len(nets.gap2)], g[len(nets.gap2) :]
    g3, gw = np.zeros(classes + 1, np.float32), np.zeros(classes + 1)
    h1, h2 = np.zeros(len(trunk.bias), np.float32), np.zeros(nets.trunk2.shape[1], np.float32)
    bi, bx = np.empty(widest, np.int32), np.empty(widest)
    counts = np.zeros((3, codes), np.int64)  # rows of each code on the tick, in the month, in all
    choice, value = np.zeros(columns, np.int64), np.zeros(columns)
    base = len(nets.trunk1) - codes
    stepped = lim.tick == 0  # from gap to gap, else from tick to tick
    size = 1024
    time, code = np.empty(size), np.empty(size, np.int64)
    choices, values = np.empty((size, columns), np.int32), np.empty((size, columns))
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
            for f in range(columns):
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
                    _stay(gaps, m, bi, bx, stay, g)
                    _then(gaps, m, lay, m.scalar[LAST], bi, bx, stay, k, g)
                    _layer(nets.gap2, nets.gap2_bias, g1, g2)
                    _layer(nets.gap3, nets.gap3_bias, g2, g3)
                    for j in range(len(g3)):
                        g3[j] += onward[j]
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
                    low = resume[i] if forward else m.scalar[LAST]
                    high = end[i] if must and not forward else np.inf
                    for _ in range(HOURS + 1):
                        t = m.scalar[LAST] + _gap_in(c, m.scalar[LAST], lim, lay, rng)
                        if low <= t <= high:
                            break
                    t = max(low, min(t, high))
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
                _assign(e0, e)
                _then(events, m, lay, t, bi, bx, stay, k, e)
                _layer(nets.event2, nets.event2_bias, e1, e2)
                _layer(nets.event3, nets.event3_bias, e2, e3)
                for j in range(len(e3)):
                    e3[j] += straight[j]
                _exponentials(e3, ew)
                if here or stepped or m.scalar[N] == 0:
                    ew[codes] = 0.0
                if not here:
                    kept = ew[codes]
                    _allowed(ew, m, lim, lay, t, before, counts[0], counts[1], counts[2], calendar)
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
                _lines(c, m, lay, nets, fi, fx, moved)
            for f in range(columns):
                if here and given_choice[r, f] >= 0:
                    choice[f], value[f] = given_choice[r, f], given_value[r, f]
                else:
                    _field_of(
                        f, c, t, m, lay, lim, nets, h2, moved, x, hidden, out, weight, choice, value, rng
                    )
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
                time, code = _grown(time), _grown(code)
                grown = np.empty((size, columns), np.int32)
                _assign_rows(choices, grown)
                choices = grown
                wider = np.empty((size, columns))
                _assign_rows(values, wider)
                values = wider
            time[n], code[n] = t, c
            for f in range(columns):
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
