"""The training loop of small networks on a CPU: one thread, batches drawn beforehand, a generator of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.data.streams import key

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["batches", "descend", "generator", "one_thread", "tensor"]

AT_ONCE = 250
"""Steps whose batches are drawn together."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, where sums have one order, and give it back as many as it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator for this seed and purpose; torch's global one is neither read nor set."""
    made = torch.Generator()
    made.manual_seed(int(key(seed, *purpose)) & (2**63 - 1))
    return made


def tensor(values: NDArray[np.float64]) -> Tensor:
    """A float32 copy."""
    return torch.from_numpy(np.array(values, dtype=np.float32))


def batches(count: int, size: int, steps: int, groups: int, generator: torch.Generator) -> Iterator[Tensor]:
    """`steps` batches a group, each a uniform sample without replacement of `size` of `count`.

    Yields
    ------
    int64 Tensor, (groups, min(size, count))
    """
    size = min(size, count)
    for start in range(0, steps, AT_ONCE):
        shape = (min(AT_ONCE, steps - start), groups)
        if count < 4 * size:
            drawn = torch.rand(*shape, count, generator=generator).argsort(-1)[..., :size]
        else:
            # What is drawn twice is drawn anew until all differ; no number is favoured, so the sample is uniform.
            drawn = torch.randint(count, (*shape, size), generator=generator).sort(-1).values
            while (again := drawn[..., 1:] == drawn[..., :-1]).any():
                fresh = torch.randint(count, (int(again.sum()),), generator=generator)
                drawn[..., 1:][again] = fresh
                drawn = drawn.sort(-1).values
        yield from drawn.contiguous().unbind()


def descend(
    net: nn.Module,
    loss: Callable[[int], Tensor],
    steps: int,
    *,
    rate: float = 1e-3,
    decay: float = 0.0,
    after: Callable[[int], None] | None = None,
) -> None:
    """`steps` steps of Adam [1]_ (with `decay`, of AdamW).

    Parameters
    ----------
    net : Module
    loss : callable
        The loss of a step, a scalar; the sum over groups where there are several.
    steps : int
    rate, decay : float
    after : callable, optional
        Called with the number of each finished step.

    References
    ----------
    .. [1] Kingma, Ba (2015), "Adam: a method for stochastic optimization", ICLR, algorithm 1.
    """
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    solver = kind(net.parameters(), lr=rate, weight_decay=decay, fused=True)
    net.train()
    for step in range(steps):
        solver.zero_grad(set_to_none=True)
        loss(step).backward()
        solver.step()
        if after is not None:
            after(step)
    net.eval()
