"""Fields of a row by an autoregressive network: their outputs, and draws by these."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled import arrays, features, layers, memory
from tsynth.compiled.jit import uncounted
from tsynth.compiled.random import normal, uniform

__all__ = ["Nets", "draw", "field_of", "lines", "outs"]

N, LEVEL = memory.N, memory.LEVEL
TRIES = 8
"""Times that a value is drawn which would take the total too low."""
_number, _unplaced, _own = memory.number_of, memory.unplaced, features.own
_assign, _pick, _exponentials = arrays.assign, layers.pick, layers.exponentials


class Nets(NamedTuple):
    """Weights as float32 arrays: three layers for events and for gaps, two for the trunk of the fields, two and a
    skip for each field's head.

    What layers for events and gaps have beyond their width in the first of them goes straight to the outputs.
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
    line: np.ndarray
    ranks: np.ndarray
    hidden: int
    mixtures: int


@uncounted
def lines(code, m, lay, nets, fixed_index, fixed_value, moved):
    """How far statics and the last and mean values of all codes move new values of each field, then how far they tilt
    its choices.
    """
    line = nets.line[code if m.times[lay.slot[code]] > 0 else code + len(lay.slot)]
    moved[:] = 0.0
    for k in range(len(fixed_index)):
        for v in range(len(moved)):
            moved[v] += fixed_value[k] * line[fixed_index[k], v]
    place = lay.at[0]
    for j in range(lay.slots):
        if m.times[j] > 0:
            for k in range(len(lay.kept)):
                f = lay.kept[k]
                if m.slot_known[j, f] > 0:
                    for v in range(len(moved)):
                        moved[v] += m.slot_score[j, f] * line[place + 2 * k, v]
                        moved[v] += m.slot_mean[j, f] * line[place + 2 * k + 1, v]
        place += 2 * len(lay.kept)


@uncounted
def field_of(f, code, t, m, lay, lim, nets, h, moved, x, hidden, out, weight, choice, value, rng):
    """Draw field `f` of a row; `h` is the trunk, `moved` what `lines` wrote."""
    outs(f, code, t, m, lay, lim, nets, h, moved, x, hidden, out, choice, value)
    draw(f, code, m, lay, lim, nets, out, weight, choice, value, rng, False)


@uncounted
def outs(f, code, t, m, lay, lim, nets, h, moved, x, hidden, out, choice, value):
    """Outputs of field `f`: logits of its choices and copies, -1e9 for what may not be, then its mixtures."""
    own = _own(m, lay, t, code, f, choice, value, x)
    wide, place = nets.width[f], nets.begin[f]
    many = len(h)
    d = nets.hidden
    one = nets.heads[place : place + (many + own) * d].reshape(many + own, d)
    place += (many + own) * d
    _assign(nets.heads[place : place + d], hidden)
    place += d
    two = nets.heads[place : place + d * wide].reshape(d, wide)
    place += d * wide
    skip = nets.heads[place : place + own * wide].reshape(own, wide)
    place += own * wide
    _assign(nets.heads[place : place + wide], out)
    for k in range(many):
        if h[k] > 0:
            for j in range(d):
                hidden[j] += h[k] * one[k, j]
    for k in range(own):
        if x[k] != 0:
            v = np.float32(x[k])
            for j in range(d):
                hidden[j] += v * one[many + k, j]
            for j in range(wide):
                out[j] += v * skip[k, j]
    for k in range(d):
        if hidden[k] > 0:
            for j in range(wide):
                out[j] += hidden[k] * two[k, j]
    # -- the choice
    size = lay.choices[f]
    first = lay.first[f]
    slot = lay.slot[code]
    held, held_here = m.choice[f], m.slot_choice[slot, f]
    options = size + (2 if first >= 0 else 0)
    if held >= 0:
        out[held] += out[options]
    if held_here >= 0:
        out[held_here] += out[options + 1]
    if lay.counts[f + 1] > lay.counts[f] and m.scalar[N] > 0:
        for c in range(size):
            out[c] += out[options + 2] * np.float32(m.tally[lay.counts[f] + c] / m.scalar[N])
    for c in range(options):
        out[c] += lim.prior[f, code, c]
    tilt = np.float32(moved[len(lay.choices) + f])
    for c in range(size):
        out[c] += tilt * nets.ranks[f, code, c]
    if first >= 0:
        for k in range(nets.mixtures):
            out[options + 3 + nets.mixtures + k] += np.float32(moved[f])
        here = held_here >= first
        if not here:
            out[size] = np.float32(-1e9)
        if held < first or (here and m.value[f] == m.slot_value[slot, f]):
            out[size + 1] = np.float32(-1e9)


@uncounted
def draw(f, code, m, lay, lim, nets, out, weight, choice, value, rng, filled):
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
