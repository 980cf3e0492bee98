"""Layers of several like networks that are trained side by side, a group each.

Small networks on a CPU spend their time on calls, not on sums: five networks of three hidden units cost little more
than one where each call serves all five. Groups share nothing: a sum of their losses gives each its own gradient.
Batches stand last, ``(..., features, b)``, so that every gate is a stretch of memory.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["GroupedGRU", "GroupedLinear"]


class GroupedLinear(nn.Module):
    """An affine map a group.

    Parameters
    ----------
    groups, inputs, outputs : int
    generator : torch.Generator
        Where the first weights come from: Glorot's uniform [1]_, biases 0.

    References
    ----------
    .. [1] Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
       AISTATS, eq. 16.
    """

    def __init__(self, groups: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(_glorot(groups, outputs, inputs, generator))  # (g, out, in)
        self.bias = nn.Parameter(torch.zeros(groups, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(..., g, in, b)`` to ``(..., g, out, b)``."""
        return torch.matmul(self.weight, x) + self.bias


class GroupedGRU(nn.Module):
    """A gated recurrent unit [1]_ a group, its reset gate applied after the product (as cuDNN, torch and Keras do).

    ``r = s(x_r + U_r h)``, ``z = s(x_z + U_z h)``, ``n = tanh(x_n + r * (U_n h + c))``, ``h' = n + z * (h - n)`` with
    ``x = W x_t + b`` [1]_, eq. 5-8. First weights: Glorot's uniform for W, orthogonal for U, biases 0.

    Parameters
    ----------
    groups, inputs, hidden : int
    generator : torch.Generator

    References
    ----------
    .. [1] Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", EMNLP, eq. 5-8.
    """

    def __init__(self, groups: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = hidden
        per_gate = [_glorot(groups, hidden, inputs, generator, fan=inputs + 3 * hidden) for _ in range(3)]
        self.enter = nn.Parameter(torch.cat(per_gate, 1))  # W (g, 3h, in)
        self.bias = nn.Parameter(torch.zeros(groups, 3 * hidden, 1))  # b
        turn = torch.linalg.qr(torch.randn(groups, 3 * hidden, hidden, generator=generator)).Q
        self.turn = nn.Parameter(turn.contiguous())  # U (g, 3h, h)
        self.late = nn.Parameter(torch.zeros(groups, hidden, 1))  # c

    def forward(self, x: Tensor, ends: Tensor | None = None) -> Tensor:
        """States after every step.

        Parameters
        ----------
        x : Tensor, (t, g, in, b)
        ends : bool Tensor, (t, g, b), optional
            True where a sequence is over; its state stays as it is.

        Returns
        -------
        Tensor, (t, g, h, b)
        """
        gates = torch.matmul(self.enter, x) + self.bias  # (t, g, 3h, b)
        if ends is not None:
            keep = torch.zeros_like(gates)
            keep[:, :, self.hidden : 2 * self.hidden] = 1e4 * ends.unsqueeze(2)  # z = 1 exactly: h' = h
            gates = gates + keep
        states: Tensor = _Recurrence.apply(gates, self.turn, self.late)
        return states


class _Recurrence(torch.autograd.Function):
    """The loop over time with its gradient written out: a dozen calls a step in place of some fifty."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, turn: Tensor, late: Tensor) -> Tensor:
        steps, groups, _, batch = gates.shape
        hidden = turn.shape[2]
        states = gates.new_zeros(steps + 1, groups, hidden, batch)  # states[0] is the start
        opened = torch.empty_like(gates[:, :, : 2 * hidden])  # r and z of every step
        inner = gates.new_empty(steps, groups, hidden, batch)  # U_n h + c
        fresh = torch.empty_like(inner)  # n
        # Views are made once for all steps: taking one costs as much as a sum over a small batch.
        doors, r, z = opened.unbind(), opened[:, :, :hidden].unbind(), opened[:, :, hidden:].unbind()
        to_doors, to_n = gates[:, :, : 2 * hidden].unbind(), gates[:, :, 2 * hidden :].unbind()
        h, inside, n = states.unbind(), inner.unbind(), fresh.unbind()
        turned = gates.new_empty(groups, 3 * hidden, batch)
        turned_doors, turned_n = turned[:, : 2 * hidden], turned[:, 2 * hidden :]
        for t in range(steps):
            torch.bmm(turn, h[t], out=turned)
            torch.add(to_doors[t], turned_doors, out=doors[t]).sigmoid_()
            torch.add(turned_n, late, out=inside[t])
            torch.addcmul(to_n[t], r[t], inside[t], out=n[t]).tanh_()
            torch.lerp(n[t], h[t], z[t], out=h[t + 1])
        ctx.save_for_backward(turn, states, opened, inner, fresh)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        turn, states, opened, inner, fresh = ctx.saved_tensors
        steps, groups, hidden, batch = inner.shape
        r, z, before = opened[:, :, :hidden], opened[:, :, hidden:], states[:-1]
        # dh' enters all gates by factors that do not depend on it, so they are made for all steps at once.
        by_n = (1 - z) * (1 - fresh * fresh)
        factors = torch.stack(
            [by_n * inner * r * (1 - r), (before - fresh) * z * (1 - z), by_n * r], 2
        )  # (t, g, 3, h, b): into U_r h, U_z h and U_n h
        into = torch.empty_like(factors)
        flat = into.view(steps, groups, 3 * hidden, batch)
        back = turn.transpose(1, 2).contiguous()  # (g, h, 3h)
        slopes = torch.empty_like(inner)  # dh' of every step
        slopes[-1] = outer[-1]
        out, wide, by, to = outer.unbind(), slopes.unsqueeze(2).unbind(), factors.unbind(), into.unbind()
        slope, stays, moved = slopes.unbind(), z.unbind(), flat.unbind()
        for t in range(steps - 1, -1, -1):
            torch.mul(wide[t], by[t], out=to[t])
            if t:
                straight = torch.addcmul(out[t - 1], slope[t], stays[t])
                torch.baddbmm(straight, back, moved[t], out=slope[t - 1])
        pairs = torch.bmm(flat.flatten(0, 1), before.flatten(0, 1).transpose(1, 2))  # (t * g, 3h, h)
        to_turn = pairs.view(steps, groups, 3 * hidden, hidden).sum(0)
        to_late = into[:, :, 2].sum((0, 3)).unsqueeze(-1)
        to_gates = torch.cat([flat[:, :, : 2 * hidden], slopes * by_n], 2)
        return to_gates, to_turn, to_late


def _glorot(groups: int, outputs: int, inputs: int, generator: torch.Generator, fan: int = 0) -> Tensor:
    bound = math.sqrt(6 / (fan or inputs + outputs))
    return (2 * torch.rand(groups, outputs, inputs, generator=generator) - 1) * bound  # (g, out, in)
