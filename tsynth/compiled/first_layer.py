"""A network's first layer over a memory, kept up to date: a row moves one code's features, not those of all.

The sum over codes of weight times feature is kept apart for what stays (`slots`), for the codes' shares of the rows
(`shares`, times one number) and for each decay since a code's last row (`decays`, which all fade at one pace). The sums
equal those over `features.steady` and `features.passing` up to rounding and the decays that these leave out as faint.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsynth.compiled import features, memory
from tsynth.compiled.arrays import assign
from tsynth.compiled.jit import compiled, uncounted
from tsynth.compiled.layers import add, subtract

__all__ = ["Sums", "after", "before", "begin", "make_sums", "stay", "then"]

N, LAST = memory.N, memory.LAST
_of_slot, _first_decay = features.of_slot, features.decays
PER_CODE, PER_MOMENT, AT_SHARE, AT_DECAY, DECAYS = (
    features.PER_CODE, features.PER_MOMENT, features.AT_SHARE, features.AT_DECAY, features.DECAYS,
)  # fmt: skip


class Sums(NamedTuple):
    """Parts of a first layer's sum, float32; see the module.

    Attributes
    ----------
    weight, bias : float32 array, (F, H) and (H,)
    still, slots, shares : float32 array, (H,)
        Bias and statics; the codes' memory; rows of each code times the weight of its share.
    decays : float32 array, (3, H)
        As of the last row.
    """

    weight: np.ndarray
    bias: np.ndarray
    still: np.ndarray
    slots: np.ndarray
    shares: np.ndarray
    decays: np.ndarray


@compiled
def make_sums(weight, bias):
    """Sums of a network's first layer, empty."""
    wide = len(bias)
    return Sums(
        weight, bias, np.zeros(wide, np.float32), np.zeros(wide, np.float32), np.zeros(wide, np.float32),
        np.zeros((DECAYS, wide), np.float32),
    )  # fmt: skip


@uncounted
def begin(sums, m, lay, fixed_index, fixed_value, index, value):
    """An entity without rows: bias, statics and empty codes; `index` and `value` are scratch."""
    assign(sums.bias, sums.still)
    add(sums.weight, fixed_index, fixed_value, 0, len(fixed_index), sums.still)
    sums.slots[:] = 0.0
    sums.shares[:] = 0.0
    sums.decays[:] = 0.0
    n = 0
    for j in range(lay.slots):
        n = _of_slot(m, lay, j, index, value, n)
    add(sums.weight, index, value, 0, n, sums.slots)


@uncounted
def before(sums, m, lay, j, t, index, value, n):
    """A row of slot `j` at `t` is about to be remembered; the slot's `n` features, as they are now, leave."""
    subtract(sums.weight, index, value, n, sums.slots)
    if m.scalar[N] == 0:
        return
    for k in range(_first_decay(lay), DECAYS):
        kept = np.float32(math.exp(-(t - m.scalar[LAST]) / lay.scale[1 + k]))
        left = np.float32(0.0)
        if m.times[j] > 0:
            left = np.float32(math.exp(-(t - m.when[j]) / lay.scale[1 + k]))
        into, row = sums.decays[k], sums.weight[lay.at[16] + j * PER_MOMENT + AT_DECAY + k]
        for h in range(len(into)):
            into[h] = into[h] * kept - left * row[h]


@uncounted
def after(sums, m, lay, j, index, value, n):
    """The row is remembered; the slot's `n` features, as they are now, come in."""
    add(sums.weight, index, value, 0, n, sums.slots)
    row = sums.weight[lay.at[3] + j * (PER_CODE + 2 * len(lay.kept)) + AT_SHARE]
    for h in range(len(row)):
        sums.shares[h] += row[h]
    for k in range(_first_decay(lay), DECAYS):
        into, row = sums.decays[k], sums.weight[lay.at[16] + j * PER_MOMENT + AT_DECAY + k]
        for h in range(len(into)):
            into[h] += row[h]


@uncounted
def stay(sums, m, index, value, n, out):
    """Write into `out` what stays until the next row; `index` and `value` hold the `n` features of `lately`."""
    share = np.float32(1.0 / max(m.scalar[N], 1.0))
    for h in range(len(out)):
        out[h] = sums.still[h] + sums.slots[h] + share * sums.shares[h]
    add(sums.weight, index, value, 0, n, out)


@uncounted
def then(sums, m, lay, t, index, value, low, high, out):
    """Add to `out` what changes with the moment `t`; features from `low` to `high` are those of `moment`."""
    if m.scalar[N] > 0:
        for k in range(_first_decay(lay), DECAYS):
            left = np.float32(math.exp(-(t - m.scalar[LAST]) / lay.scale[1 + k]))
            row = sums.decays[k]
            for h in range(len(out)):
                out[h] += left * row[h]
    add(sums.weight, index, value, low, high, out)
