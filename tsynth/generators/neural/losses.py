"""What a decision costs by the outputs of a network: classes of gaps, fields of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsynth.generators.neural.networks import mixture, pointer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.neural.decisions import Decisions

__all__ = ["Asked", "field_asked", "gap_losses"]


def gap_losses(logits: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Loss of each gap, (B,), which may be of any class from `low` to `high`."""
    place = torch.arange(logits.shape[1])
    inside = (place >= low[:, None]) & (place <= high[:, None])
    kept = logits.masked_fill(~inside, -1e9)
    return torch.logsumexp(logits, 1) - torch.logsumexp(kept, 1)


class Asked(NamedTuple):
    """What a field of rows is asked.

    Attributes
    ----------
    logits : Tensor, (B, options)
        Of its choices and copies.
    aim : Tensor, (B,)
        What is to be drawn.
    new : Tensor, (B,)
        Whether that is a new value.
    density : Tensor, (number of those,)
        Logarithm of how likely it is.
    """

    logits: Tensor
    aim: Tensor
    new: Tensor
    density: Tensor


def field_asked(
    made: dict[str, Any],
    prior: Tensor,
    f: int,
    out: Tensor,
    told: Decisions,
    rows: NDArray[np.int64],
    tilt: Tensor | float = 0.0,
    moved: Tensor | float = 0.0,
) -> Asked:
    """Field `f` of these rows by the outputs of its head; as `tsynth.compiled.fields.outs` and `draw` have it.

    Parameters
    ----------
    made : dict
        The plan.
    prior : Tensor, (fields, codes, options)
        That of the plan.
    f : int
    out : Tensor, (B, outs)
    told : Decisions
    rows : int64 array, (B,)
    tilt : Tensor, (B, choices), optional
        What is added to the logits of the choices beside the outputs.
    moved : Tensor, (B,), optional
        How far new values are moved beside them.
    """
    size, start = int(made["field_choices"][f]), int(made["field_first"][f])
    options = size + (2 if start >= 0 else 0)
    before = torch.from_numpy(told.held[rows, f].astype(np.int64))
    same = torch.from_numpy(told.here[rows, f].astype(np.int64))
    logits = (
        out[:, :options]
        + pointer(before, out[:, options], options)
        + pointer(same, out[:, options + 1], options)
    )
    a, b = int(made["tallies"][f]), int(made["tallies"][f + 1])
    if b > a:
        seen = torch.from_numpy(told.tally[rows, a:b]) * out[:, options + 2 : options + 3]
        logits = torch.cat([logits[:, :size] + seen, logits[:, size:]], 1)
    logits = logits + prior[f][torch.from_numpy(told.code[rows])][:, :options]
    logits = torch.cat([logits[:, :size] + tilt, logits[:, size:]], 1)
    if start >= 0:
        may = torch.stack([same >= start, torch.from_numpy(told.twin[rows, f])], 1)
        logits = torch.cat([logits[:, :size], logits[:, size:].masked_fill(~may, -1e9)], 1)
    aim = torch.from_numpy(told.aim[rows, f].astype(np.int64))
    new = (aim >= start) & (aim < size) if start >= 0 else torch.zeros_like(aim, dtype=torch.bool)
    density = torch.zeros(0)
    if bool(new.any()):
        value = torch.from_numpy(told.placed[rows, f].astype(np.float32)) - moved
        density = mixture(out[new, options + 3 :], value[new])
    return Asked(logits, aim, new, density)
