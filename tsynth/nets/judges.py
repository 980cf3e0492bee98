"""Recurrent judges for scores: tell two sets of windows apart, foretell the last feature, judge whole sequences.

Each trains several networks side by side (repeats of a protocol, folds), with numpy arrays in and out, on one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tsynth.nets.layers import GroupedGRU, GroupedLinear
from tsynth.nets.training import batches, descend, generator, one_thread, tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["foretell", "judge_sequences", "tell_apart"]

SLICE = 4_096
"""Windows that are judged at once."""


class _Reader(nn.Module):
    """A recurrent unit and one number read off its states."""

    def __init__(self, groups: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.unit = GroupedGRU(groups, inputs, hidden, generator)
        self.read = GroupedLinear(groups, hidden, 1, generator)

    def last(self, x: Tensor) -> Tensor:
        """(t, g, d, b) to (g, b), off the last state."""
        out: Tensor = self.read(self.unit(x)[-1]).squeeze(1)
        return out

    def every(self, x: Tensor) -> Tensor:
        """(t, g, d, b) to (t, g, b), off each state."""
        out: Tensor = self.read(self.unit(x)).squeeze(2)
        return out


def _taken(flat: Tensor, index: Tensor, steps: int) -> Tensor:
    """Windows of each group as a batch: flat (t * d, n) and index (g, b) to (t, g, d, b)."""
    groups, size = index.shape
    return flat.index_select(1, index.flatten()).view(steps, -1, groups, size).transpose(1, 2).contiguous()


def _flat(windows: NDArray[np.float64]) -> Tensor:
    """(n, t, d) to (t * d, n)."""
    return tensor(windows.transpose(1, 2, 0).reshape(-1, len(windows)))


def tell_apart(
    real: NDArray[np.float64],
    made: NDArray[np.float64],
    learn: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    hidden: int,
    steps: int,
    batch: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits that a window is real, of judges that learned from the windows named.

    A GRU reads a window, an affine map its last state; the loss is the sum of both sides' mean cross-entropies.

    Parameters
    ----------
    real, made : float64 arrays, (n, T, D) and (m, T, D)
    learn : pair of int64 arrays, (groups, k) and (groups, l)
        Windows that each judge learns from.
    hidden, steps, batch : int
        Hidden units, training steps, windows of a side in a batch.
    seed : int

    Returns
    -------
    float64 arrays, (groups, n) and (groups, m)
    """
    groups, (_, length, features) = len(learn[0]), real.shape
    numbers = generator(seed, "tell apart")
    with one_thread():
        net = _Reader(groups, features, hidden, numbers)
        sides = [_flat(real), _flat(made)]
        chosen = [torch.from_numpy(np.ascontiguousarray(index)) for index in learn]
        draws = [batches(index.shape[1], batch, steps, groups, numbers) for index in chosen]

        def loss(step: int) -> Tensor:
            parts = [
                _taken(side, index.gather(1, next(draw)), length)
                for side, index, draw in zip(sides, chosen, draws, strict=True)
            ]
            logits = net.last(torch.cat(parts, 3))  # (g, 2b)
            cut = parts[0].shape[3]
            # -log s(x) = softplus(-x), -log(1 - s(x)) = softplus(x)
            losses = functional.softplus(-logits[:, :cut]).mean(1) + functional.softplus(
                logits[:, cut:]
            ).mean(1)
            return losses.sum()

        descend(net, loss, steps)
        first, second = (_answers(net, side, groups, length) for side in sides)
        return first, second


def _answers(net: _Reader, flat: Tensor, groups: int, length: int) -> NDArray[np.float64]:
    """Logits of every judge on every window, (g, n)."""
    out = []
    with torch.no_grad():
        for part in flat.split(SLICE, 1):
            shared = part.view(length, 1, -1, part.shape[1]).expand(-1, groups, -1, -1)  # (t, g, d, b)
            out.append(net.last(shared))
    return torch.cat(out, 1).numpy().astype(np.float64)


def foretell(
    given: NDArray[np.float64],
    wanted: NDArray[np.float64],
    learn: NDArray[np.int64],
    test_given: NDArray[np.float64],
    test_wanted: NDArray[np.float64],
    *,
    hidden: int,
    steps: int,
    batch: int,
    seed: int,
) -> NDArray[np.float64]:
    """Mean absolute error a window of networks that foretell a number at each step.

    A GRU reads `given`; each state gives the answer through an affine map and a sigmoid; the loss is the mean
    absolute error.

    Parameters
    ----------
    given, wanted : float64 arrays, (n, T, D) and (n, T)
        What is read and, at the same place, what is to be answered, in 0..1.
    learn : int64 array, (groups, k)
        Windows that each network learns from.
    test_given, test_wanted : float64 arrays, (m, T, D) and (m, T)
    hidden, steps, batch, seed : int

    Returns
    -------
    float64 array, (groups, m)
    """
    groups, (_, length, features) = len(learn), given.shape
    numbers = generator(seed, "foretell")
    with one_thread():
        net = _Reader(groups, features, hidden, numbers)
        read, asked = _flat(given), _flat(wanted[:, :, None])
        chosen = torch.from_numpy(np.ascontiguousarray(learn))
        draw = batches(chosen.shape[1], batch, steps, groups, numbers)

        def loss(step: int) -> Tensor:
            index = chosen.gather(1, next(draw))
            truth = _taken(asked, index, length).squeeze(2)  # (t, g, b)
            answers = net.every(_taken(read, index, length)).sigmoid()
            return (answers - truth).abs().mean((0, 2)).sum()

        descend(net, loss, steps)
        read, asked = _flat(test_given), _flat(test_wanted[:, :, None])  # (t * d, m), (t, m)
        out = []
        with torch.no_grad():
            for x, y in zip(read.split(SLICE, 1), asked.split(SLICE, 1), strict=True):
                shared = x.view(length, 1, -1, x.shape[1]).expand(-1, groups, -1, -1)
                out.append((net.every(shared).sigmoid() - y.unsqueeze(1)).abs().mean(0))  # (g, b)
        return torch.cat(out, 1).numpy().astype(np.float64)


class _SequenceReader(nn.Module):
    """A recurrent unit over sequences of many lengths; one number read off its last state and its mean one."""

    def __init__(self, groups: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.unit = GroupedGRU(groups, inputs, hidden, generator)
        self.read = GroupedLinear(groups, 2 * hidden, 1, generator)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(t, g, d, b) and (g, b) to (g, b)."""
        inside = torch.arange(len(x)).view(-1, 1, 1) < lengths  # (t, g, b)
        states = self.unit(x, ~inside)  # (t, g, h, b)
        mean = (states * inside.unsqueeze(2)).sum(0) / lengths.clamp(min=1).unsqueeze(1)
        out: Tensor = self.read(torch.cat([states[-1], mean], 1)).squeeze(1)
        return out


def judge_sequences(
    sides: tuple[NDArray[np.float32], NDArray[np.float32]],
    lengths: tuple[NDArray[np.int64], NDArray[np.int64]],
    learn: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    hidden: int,
    steps: int,
    batch: int,
    seed: int,
    rate: float = 3e-3,
    decay: float = 1e-2,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits that a sequence is of the second side, of judges that learned from the sequences named.

    Parameters
    ----------
    sides : pair of float32 arrays, (n, T, D) and (m, T, D)
        Sequences, filled up behind their ends.
    lengths : pair of int64 arrays, (n,) and (m,)
    learn : pair of int64 arrays, (groups, k) and (groups, l)
    hidden, steps, batch, seed : int
    rate, decay : float

    Returns
    -------
    float64 arrays, (groups, n) and (groups, m)
    """
    groups, (_, length, features) = len(learn[0]), sides[0].shape
    numbers = generator(seed, "judge sequences")
    with one_thread():
        net = _SequenceReader(groups, features, hidden, numbers)
        flats = [torch.from_numpy(side.transpose(1, 2, 0).reshape(-1, len(side))) for side in sides]
        ends = [torch.from_numpy(counts) for counts in lengths]
        chosen = [torch.from_numpy(np.ascontiguousarray(index)) for index in learn]
        draws = [batches(index.shape[1], batch, steps, groups, numbers) for index in chosen]

        def loss(step: int) -> Tensor:
            picked = [index.gather(1, next(draw)) for index, draw in zip(chosen, draws, strict=True)]
            x = torch.cat([_taken(flat, i, length) for flat, i in zip(flats, picked, strict=True)], 3)
            counts = torch.cat([end[i] for end, i in zip(ends, picked, strict=True)], 1)
            logits, cut = net(x, counts), picked[0].shape[1]
            # -log(1 - s(x)) = softplus(x), -log s(x) = softplus(-x)
            mean = functional.softplus(logits[:, :cut]).mean(1) + functional.softplus(-logits[:, cut:]).mean(
                1
            )
            return mean.sum()

        descend(net, loss, steps, rate=rate, decay=decay)
        out = []
        with torch.no_grad():
            for flat, end in zip(flats, ends, strict=True):
                parts = []
                for x, counts in zip(flat.split(SLICE // 8, 1), end.split(SLICE // 8), strict=True):
                    shared = x.view(length, 1, features, -1).expand(-1, groups, -1, -1)  # (t, g, d, b)
                    parts.append(net(shared, counts.expand(groups, -1)))
                out.append(torch.cat(parts, 1).numpy().astype(np.float64))
        return out[0], out[1]
