"""Where one network's learning stands, as arrays: weights, their moments, averages, and the state of its draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

__all__ = ["pack", "unpack"]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def pack(
    net: nn.Module,
    draw: torch.Generator,
    solver: torch.optim.Optimizer,
    average: dict[str, Tensor],
    kept: dict[str, Tensor] | None,
) -> dict[str, NDArray[Any]]:
    """Copies of all that changes from step to step.

    Parameters
    ----------
    net : Module
    draw : torch.Generator
        What the network's own draws come from.
    solver : AdamW
    average, kept : dict of str to Tensor
        Averaged weights, and those that served held-out entities best so far.
    """
    out = {"draw": draw.get_state().numpy()}
    for name, p in net.named_parameters():
        out[f"weight:{name}"] = p.detach().numpy()
        out[f"average:{name}"] = average[name].numpy()
        if kept is not None:
            out[f"kept:{name}"] = kept[name].numpy()
        for moment, value in solver.state.get(p, {}).items():
            out[f"{moment}:{name}"] = value.numpy()
    return {name: np.array(values) for name, values in out.items()}


def unpack(
    arrays: dict[str, NDArray[Any]],
    net: nn.Module,
    draw: torch.Generator,
    solver: torch.optim.Optimizer,
    average: dict[str, Tensor],
) -> dict[str, Tensor] | None:
    """Set everything to what `pack` gave; returns the weights that served best, if there were any."""
    kept = {}
    draw.set_state(torch.from_numpy(arrays["draw"].copy()))
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(torch.from_numpy(arrays[f"weight:{name}"]))
            average[name].copy_(torch.from_numpy(arrays[f"average:{name}"]))
            if f"kept:{name}" in arrays:
                kept[name] = torch.from_numpy(arrays[f"kept:{name}"].copy())
            if f"step:{name}" in arrays:
                solver.state[p] = {m: torch.from_numpy(arrays[f"{m}:{name}"].copy()) for m in _MOMENTS}
    return kept or None
