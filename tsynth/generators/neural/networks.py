"""The networks of an autoregressive generator: two rectified layers, and a trunk with a head a field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tsynth.generators.neural.arrays import MIXTURES
from tsynth.nets.sparse import CompressedRows, SparseByCode, SparseLinear

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Drop", "Fields", "Layers", "mixture", "out_width", "pointer"]

HIDDEN, SECOND, HEAD = 128, 64, 64
RING = 1 << 21


class Drop(nn.Module):
    """Dropout by masks cut from a ring of draws: its own draws, and cheaper than fresh ones.

    Parameters
    ----------
    share : float
        Share of the units that are set to 0 while learning.
    draw : torch.Generator
    """

    def __init__(self, share: float, draw: torch.Generator) -> None:
        super().__init__()
        kept = torch.rand(RING, generator=draw) >= share
        self.ring = kept.float() / (1.0 - share)
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        size = x.numel()
        if size > RING // 2:
            return x
        begin = int(torch.randint(RING - size, (1,), generator=self.draw))
        return x * self.ring[begin : begin + size].view_as(x)


class Layers(nn.Module):
    """Two rectified layers and a linear one, and beside them what features do by themselves.

    The last columns of the first layer go straight to the outputs: what a static says of every row is learned in few
    steps there, and late or never through layers that all features share.
    """

    def __init__(self, features: int, outs: int, drop: float, draw: torch.Generator) -> None:
        super().__init__()
        self.one, self.two = SparseLinear(features, HIDDEN + outs, draw), _linear(HIDDEN, SECOND)
        self.three = _linear(SECOND, outs)
        with torch.no_grad():
            self.one.weight[:, HIDDEN:] = 0.0
        self.drop = Drop(drop, draw)
        for layer in (self.two, self.three):
            _begin(layer, draw)

    def forward(self, data: CompressedRows, rows: NDArray[np.int64]) -> Tensor:
        first = self.one(data, rows)
        x = self.drop(torch.relu(first[:, :HIDDEN]))
        x = self.drop(torch.relu(self.two(x)))
        straight: Tensor = self.three(x) + first[:, HIDDEN:]
        return straight


def _linear(ins: int, outs: int, bias: bool = True) -> nn.Linear:
    """A layer whose weights are yet to be drawn; torch's own drawing would move its global generator."""
    made = nn.utils.skip_init(nn.Linear, ins, outs, bias=bias)
    assert isinstance(made, nn.Linear)
    return made


def _begin(layer: nn.Linear, draw: torch.Generator) -> None:
    with torch.no_grad():
        layer.weight.normal_(0.0, math.sqrt(1.0 / layer.in_features), generator=draw)
        if layer.bias is not None:
            layer.bias.zero_()


class Fields(nn.Module):
    """A trunk over the row's features and its code, and a head a field that also sees the field's own memory.

    Beside them lines, a set for each code's first row in a sequence and one for its later ones, which follow the value
    before: how far statics and the last values of all codes move a field's new values,
    then how far they tilt its choices towards high numbers.
    """

    def __init__(
        self,
        features: int,
        codes: int,
        own: list[int],
        outs: list[int],
        drop: float,
        draw: torch.Generator,
        place: NDArray[np.int64],
    ) -> None:
        super().__init__()
        self.one, self.two = SparseLinear(features, HIDDEN, draw), _linear(HIDDEN, HIDDEN)
        self.line = SparseByCode(2 * codes, 2 * len(outs), place)
        self.kind = nn.Parameter(torch.empty(codes, HIDDEN).normal_(0.0, 0.1, generator=draw))
        self.heads = nn.ModuleList()
        self.drop = Drop(drop, draw)
        _begin(self.two, draw)
        for width, out in zip(own, outs, strict=True):
            head = nn.ModuleList(
                [_linear(HIDDEN + width, HEAD), _linear(HEAD, out), _linear(width, out, bias=False)]
            )
            for layer in head:
                assert isinstance(layer, nn.Linear)
                _begin(layer, draw)
            with torch.no_grad():
                head[2].weight.mul_(0.1)
            self.heads.append(head)

    def forward(self, data: CompressedRows, rows: NDArray[np.int64], code: Tensor) -> Tensor:
        x = self.drop(torch.relu(self.one(data, rows) + self.kind[code]))
        return self.drop(torch.relu(self.two(x)))

    def head(self, number: int, trunk: Tensor, own: Tensor) -> Tensor:
        """Outputs of one field."""
        one, two, skip = self.heads[number]
        return two(torch.relu(one(torch.cat([trunk, own], 1)))) + skip(own)


def out_width(choices: int, first: int) -> int:
    """Outputs of a field's head: its options, three pointers, and the mixture."""
    return choices + 3 + (2 + 3 * MIXTURES if first >= 0 else 0)


def pointer(choice: Tensor, gain: Tensor, size: int) -> Tensor:
    """`gain` at each row's `choice`, nothing where it is -1."""
    known = choice >= 0
    hot = nn.functional.one_hot(choice.clamp(min=0), size).to(gain.dtype)
    return hot * (gain * known)[:, None]


def mixture(parts: Tensor, z: Tensor) -> Tensor:
    """Log-density of a mixture of normals."""
    weight, mean, log_sd = parts.split(MIXTURES, 1)
    log_sd = log_sd.clamp(-4.6, 1.5)
    inside = -0.5 * ((z[:, None] - mean) / log_sd.exp()) ** 2 - log_sd - 0.9189385332046727
    return torch.logsumexp(torch.log_softmax(weight, 1) + inside, 1)
