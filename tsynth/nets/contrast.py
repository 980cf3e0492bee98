"""TS2Vec, an encoder of windows that learns by contrast, several repeats side by side.

Yue et al. (2022), "TS2Vec: towards universal representation of time series", AAAI, with the settings that papers on
Context-FID use: 64 channels, ten dilated blocks and one that widens to 320, batches of 8, AdamW at .001, 200 steps for
up to 100,000 numbers and 600 beyond, weights averaged over the steps.
It differs in two respects. Taps of a convolution that reach beyond the window at every place are left out, since they
only meet padding. Repeats share the lengths of their crops, though not windows, places, masks or first weights, so
that one call serves all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tsynth.nets.training import batches, descend, generator, one_thread, tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contrast_embeddings"]

BATCH, DROPOUT, SLICE = 8, 0.1, 256
SMALL, FEW_STEPS, STEPS = 100_000, 200, 600


def contrast_embeddings(
    learn: NDArray[np.float64],
    index: NDArray[np.int64],
    sides: list[NDArray[np.float64]],
    *,
    seed: int,
    steps: int | None = None,
    channels: int = 64,
    depth: int = 10,
    size: int = 320,
) -> list[NDArray[np.float64]]:
    """One vector a window: the largest value of each output over the window.

    Parameters
    ----------
    learn : float64 array, (n, T, D)
        Windows to learn from.
    index : int64 array, (groups, k)
        Which of them each repeat learns from.
    sides : list of float64 arrays, (m, T, D)
        Windows to encode.
    seed : int
    steps, channels, depth, size : int
        As published where not given.

    Returns
    -------
    list of float64 arrays, (groups, m, size)
    """
    groups, (_, length, features) = len(index), learn.shape
    if steps is None:
        steps = FEW_STEPS if learn[index[0]].size <= SMALL else STEPS
    numbers = generator(seed, "contrast")
    with one_thread():
        net = _Encoder(groups, features, length, channels, depth, size, numbers)
        mean = [p.detach().clone() for p in net.parameters()]
        data, chosen = tensor(learn), torch.from_numpy(np.ascontiguousarray(index))
        draw = batches(chosen.shape[1], BATCH, steps, groups, numbers)

        def loss(step: int) -> Tensor:
            return _loss(net, data, chosen.gather(1, next(draw)), numbers)

        def average(step: int) -> None:
            torch._foreach_lerp_(mean, [p.detach() for p in net.parameters()], 1 / (step + 2))

        descend(net, loss, steps, decay=0.01, after=average)
        with torch.no_grad():
            for parameter, value in zip(net.parameters(), mean, strict=True):
                parameter.copy_(value)
            return [_encoded(net, tensor(side), groups) for side in sides]


def _encoded(net: _Encoder, windows: Tensor, groups: int) -> NDArray[np.float64]:
    out = []
    for part in windows.split(SLICE):
        x = part.permute(2, 0, 1).expand(groups, -1, -1, -1)  # (g, d, b, t)
        out.append(net(x).amax(3).transpose(1, 2))  # (g, b, c)
    return torch.cat(out, 1).numpy().astype(np.float64)


class _Conv(nn.Module):
    """Convolution over time, three taps `dilation` apart or one, zeros beyond the ends; (g, c, b, t)."""

    def __init__(
        self, groups: int, inputs: int, outputs: int, taps: int, dilation: int, reach: int, g: torch.Generator
    ) -> None:
        super().__init__()
        self.dilation = dilation if taps == 3 and dilation < reach else 0
        bound = 1 / math.sqrt(
            inputs * taps
        )  # torch's first weights for this fan, whether or not taps are left out

        def draw(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(*shape, generator=g) - 1) * bound)

        self.weight = draw(groups, outputs, inputs * (3 if self.dilation else 1))
        self.bias = draw(groups, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        groups, _, batch, length = x.shape
        if d := self.dilation:
            wide = functional.pad(x, (d, d))
            x = torch.cat([wide[..., k * d : k * d + length] for k in range(3)], 1)  # (g, 3c, b, t)
        out = torch.baddbmm(self.bias, self.weight, x.reshape(groups, -1, batch * length))
        return out.view(groups, -1, batch, length)


class _Block(nn.Module):
    """Two convolutions beside a straight way."""

    def __init__(
        self, groups: int, inputs: int, outputs: int, dilation: int, reach: int, g: torch.Generator
    ) -> None:
        super().__init__()
        self.first = _Conv(groups, inputs, outputs, 3, dilation, reach, g)
        self.second = _Conv(groups, outputs, outputs, 3, dilation, reach, g)
        self.straight = _Conv(groups, inputs, outputs, 1, 1, reach, g) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        straight = x if self.straight is None else self.straight(x)
        out: Tensor = straight + self.second(functional.gelu(self.first(functional.gelu(x))))
        return out


class _Encoder(nn.Module):
    """(g, d, b, t) to (g, size, b, t)."""

    def __init__(
        self,
        groups: int,
        features: int,
        length: int,
        channels: int,
        depth: int,
        size: int,
        numbers: torch.Generator,
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.enter = _Conv(groups, features, channels, 1, 1, length, numbers)
        blocks = [_Block(groups, channels, channels, 2**i, length, numbers) for i in range(depth)]
        self.blocks = nn.Sequential(*blocks, _Block(groups, channels, size, 2**depth, length, numbers))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        if self.training:  # half of the places are hidden after the first map (sec. 3.2, "timestamp masking")
            shown = torch.rand(x.shape[0], 1, *x.shape[2:], generator=self.numbers) < 0.5
            x = x * shown
        out: Tensor = self.blocks(x)
        if self.training:
            out = out * (torch.rand(out.shape, generator=self.numbers) >= DROPOUT) / (1 - DROPOUT)
        return out


def _loss(net: _Encoder, data: Tensor, index: Tensor, numbers: torch.Generator) -> Tensor:
    """Two overlapping crops of each window must agree where they overlap (sec. 3.2, "random cropping")."""
    length = data.shape[1]

    def whole(low: int, high: int) -> int:  # low <= number < high
        return int(torch.randint(low, high, (), generator=numbers))

    both = whole(2, length + 1)
    left = whole(0, length - both + 1)
    right = left + both
    outer_left, outer_right = whole(0, left + 1), whole(right, length + 1)
    shift = torch.randint(-outer_left, length - outer_right + 1, index.shape, generator=numbers)  # (g, b)

    def crop(start: int, end: int) -> Tensor:
        at = shift.unsqueeze(-1) + torch.arange(start, end)  # (g, b, l)
        return data[index.unsqueeze(-1), at].permute(0, 3, 1, 2)  # (g, d, b, l)

    first = net(crop(outer_left, right))[..., -both:]
    second = net(crop(left, outer_right))[..., :both]
    return _hierarchical(first, second)


def _hierarchical(first: Tensor, second: Tensor) -> Tensor:
    """Contrast between windows and between places, at every scale (eq. 1-3, algorithm 1); summed over groups."""
    total, levels = first.new_zeros(()), 0
    while True:
        # other windows at the same place: (g, l, 2b, c); other places of the same window: (g, b, 2l, c)
        windows = torch.cat([first.permute(0, 3, 2, 1), second.permute(0, 3, 2, 1)], 2)
        total, levels = total + 0.5 * _contrast(windows), levels + 1
        if first.shape[3] == 1:
            return total / levels
        places = torch.cat([first.permute(0, 2, 3, 1), second.permute(0, 2, 3, 1)], 2)
        total = total + 0.5 * _contrast(places)
        first, second = (functional.max_pool2d(z, (1, 2)) for z in (first, second))


def _contrast(both: Tensor) -> Tensor:
    """Cross-entropy of finding each vector's twin among all others, (g, ..., 2m, c); summed over g."""
    pairs = both.shape[2] // 2
    if pairs == 1:
        return both.new_zeros(())
    alike = torch.matmul(both, both.transpose(2, 3))  # (g, ..., 2m, 2m)
    alike = alike.masked_fill(torch.eye(2 * pairs, dtype=torch.bool), -torch.inf)
    rows = torch.log_softmax(alike, 3)
    twins = torch.cat([rows.diagonal(pairs, 2, 3), rows.diagonal(-pairs, 2, 3)], 2)  # (g, ..., 2m)
    return -twins.mean((1, 2)).sum()
