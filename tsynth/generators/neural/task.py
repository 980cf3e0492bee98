"""Learning one network: steps, averaged weights, held-out looks, checkpoints."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.generators.neural.networks import Drop
from tsynth.generators.neural.standing import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.checkpoints import Checkpoint

__all__ = ["Going", "Learned", "Stopped", "Task", "arrays"]

EPOCHS = 4
"""Looks at each decision of a large table that are usual."""
RATE = 3e-3
DECAY = 0.02
"""Weight decay that is usual."""
LOOKS = 24
"""Times that the held-out entities are looked at, after the first quarter of the steps."""
LOOKED = 32_768
"""Most held-out decisions that a look takes, evenly spread."""


@dataclass
class Learned:
    """A network's arrays, its loss on held-out entities and the steps it took."""

    arrays: dict[str, NDArray[np.float32]]
    loss: float
    steps: int


@dataclass
class Going:
    """What a task tells while it learns, where it keeps how far it is, and whether it should stop.

    Parameters
    ----------
    advance : callable, optional
        Told of every step.
    checkpoint : Checkpoint, optional
    stop : Event
        Set where learning should end at once; it ends with `Stopped`, after a last checkpoint.
    """

    advance: Callable[[int], None] | None = None
    checkpoint: Checkpoint | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class Stopped(Exception):
    """Learning was stopped from outside."""


class Task:
    """One network and its decisions.

    Parameters
    ----------
    net : Module
    loss : callable
        Of (network, decisions) the mean loss, a scalar.
    train, held : int64 arrays
        Decisions that are learned from and those that are only looked at.
    decay : float, optional
        Weight decay, at least 0 (AdamW; Loshchilov, Hutter 2019).
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        loss: Callable[[nn.Module, NDArray[np.int64]], Tensor],
        train: NDArray[np.int64],
        held: NDArray[np.int64],
        decay: float = DECAY,
    ) -> None:
        self.name, self.net, self.loss, self.train, self.decay = name, net, loss, train, decay
        self.held = held[:: max(1, math.ceil(len(held) / LOOKED))]
        drop = net.drop
        assert isinstance(drop, Drop)
        self.draw = drop.draw
        self.batch = int(np.clip(len(train) // 64, 64, 1024))
        most = np.clip(EPOCHS * len(train) / self.batch, 3000, 8000)
        self.usual = int(np.clip(30 * len(train) / self.batch, 600, most)) if len(train) else 0

    def seconds(self) -> float:
        """Seconds that the usual number of steps takes, from a timed trial that leaves no trace."""
        if not len(self.train):
            return 0.0
        before = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        drawn, held = self.draw.get_state(), self.held
        self.held = held[:0]
        self.run(3, 0)
        began = time.perf_counter()
        self.run(6, 0)
        seconds = (time.perf_counter() - began) / 6 * self.usual
        self.held = held
        if len(held):
            began = time.perf_counter()
            self._look(before)
            seconds += (time.perf_counter() - began) * 0.75 * LOOKS
        self.draw.set_state(drawn)
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(before[name])
        return seconds

    def run(self, steps: int, seed: int, going: Going | None = None) -> Learned:
        """Learn for `steps` steps and keep the averaged weights that served held-out entities best."""
        if len(self.train) == 0 or steps == 0:
            return Learned(arrays(self.net), math.nan, 0)
        net, going = self.net, going or Going()
        weights = [p for p in net.parameters() if p.ndim > 1]
        biases = [p for p in net.parameters() if p.ndim == 1]
        solver = torch.optim.AdamW(
            [{"params": weights, "weight_decay": self.decay}, {"params": biases, "weight_decay": 0.0}],
            lr=RATE, betas=(0.9, 0.99), fused=True,
        )  # fmt: skip
        average = {name: p.detach().clone() for name, p in net.named_parameters()}
        draws = np.random.default_rng([seed & 0x7FFFFFFF, len(self.train), 7])
        best, kept, looked, begin, place = math.inf, None, max(1, steps // LOOKS), 0, 0
        left = None if going.checkpoint is None else going.checkpoint.read(self.name)
        if left is not None:
            begin, place, best, draws.bit_generator.state = (
                left[1][k] for k in ("step", "place", "best", "draws")
            )
            best = math.inf if best is None else best
            kept = unpack(left[0], net, self.draw, solver, average)
            if going.advance is not None:
                going.advance(begin)
        before = draws.bit_generator.state
        order = draws.permutation(self.train)
        net.train()
        for step in range(begin, steps + 1):
            if going.checkpoint is not None and (
                step == steps or going.stop.is_set() or going.checkpoint.due(self.name)
            ):
                facts = {
                    "step": step,
                    "place": place,
                    "best": best if best < math.inf else None,
                    "draws": before,
                }
                going.checkpoint.write(self.name, pack(net, self.draw, solver, average, kept), facts)
            if going.stop.is_set():
                raise Stopped
            if step == steps:
                break
            for group in solver.param_groups:
                group["lr"] = RATE * _schedule(step, steps)
            if place + self.batch > len(order):
                before = draws.bit_generator.state
                order, place = draws.permutation(self.train), 0
            rows = order[place : place + self.batch]
            place += self.batch
            solver.zero_grad(set_to_none=True)
            self.loss(net, rows).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            solver.step()
            share = min(0.99, (step + 1) / (step + 10))
            with torch.no_grad():
                for name, p in net.named_parameters():
                    average[name].lerp_(p, 1.0 - share)
            if len(self.held) and ((step + 1) % looked == 0 or step == steps - 1) and step > steps // 4:
                loss = self._look(average)
                if loss < best:
                    best, kept = loss, {name: a.clone() for name, a in average.items()}
            if going.advance is not None:
                going.advance(1)
        final = kept if kept is not None else average
        with torch.no_grad():
            for name, p in net.named_parameters():
                p.copy_(final[name])
        return Learned(arrays(net), best, steps)

    def _look(self, average: dict[str, Tensor]) -> float:
        now = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        self.net.eval()
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(average[name])
            total = sum(
                float(self.loss(self.net, part)) * len(part)
                for part in np.array_split(self.held, max(1, len(self.held) // 4096))
            )
            for name, p in self.net.named_parameters():
                p.copy_(now[name])
        self.net.train()
        return total / len(self.held)


def _schedule(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def arrays(net: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Weights by name."""
    return {name: p.detach().numpy().astype(np.float32).copy() for name, p in net.named_parameters()}
