"""The networks of an autoregressive generator and how they learn: events, gaps, and the fields of a row."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.generators.checkpoints import fingerprint
from tsynth.generators.neural.standing import pack, unpack
from tsynth.nets.sparse import CompressedRows, SparseLinear
from tsynth.nets.training import generator, one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsynth.generators.checkpoints import Checkpoint

__all__ = ["Learned", "learn"]

HIDDEN = 128
SECOND = 64
HEAD = 64
MIXTURES = 6
DROPOUT = 0.05
RATE = 3e-3
DECAY = 0.02
MANY = 5_000
"""Rows from which on the fields are learned to the end, from all entities: what was less sure of itself drifted."""
RING = 1 << 21
LOOKS = 24
"""Times that the held-out entities are looked at."""


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
    """Two rectified layers and a linear one."""

    def __init__(self, features: int, outs: int, draw: torch.Generator) -> None:
        super().__init__()
        self.one, self.two = SparseLinear(features, HIDDEN, draw), _linear(HIDDEN, SECOND)
        self.three = _linear(SECOND, outs)
        self.drop = Drop(DROPOUT, draw)
        for layer in (self.two, self.three):
            _begin(layer, draw)

    def forward(self, data: CompressedRows, rows: NDArray[np.int64]) -> Tensor:
        x = self.drop(torch.relu(self.one(data, rows)))
        x = self.drop(torch.relu(self.two(x)))
        return self.three(x)


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
    """A trunk over the row's features and its code, and a head a field that also sees the field's own memory."""

    def __init__(
        self,
        features: int,
        codes: int,
        own: list[int],
        outs: list[int],
        drop: float,
        draw: torch.Generator,
    ) -> None:
        super().__init__()
        self.one, self.two = SparseLinear(features, HIDDEN, draw), _linear(HIDDEN, HIDDEN)
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
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        loss: Callable[[nn.Module, NDArray[np.int64]], Tensor],
        train: NDArray[np.int64],
        held: NDArray[np.int64],
    ) -> None:
        self.name, self.net, self.loss, self.train, self.held = name, net, loss, train, held
        drop = net.drop
        assert isinstance(drop, Drop)
        self.draw = drop.draw
        self.batch = int(np.clip(len(train) // 64, 64, 1024))
        self.usual = int(np.clip(30 * len(train) / self.batch, 600, 3000)) if len(train) else 0

    def run(self, steps: int, seed: int, going: Going | None = None) -> Learned:
        """Learn for `steps` steps and keep the averaged weights that served held-out entities best."""
        if len(self.train) == 0 or steps == 0:
            return Learned(_arrays(self.net), math.nan, 0)
        net, going = self.net, going or Going()
        weights = [p for p in net.parameters() if p.ndim > 1]
        biases = [p for p in net.parameters() if p.ndim == 1]
        solver = torch.optim.AdamW(
            [{"params": weights, "weight_decay": DECAY}, {"params": biases, "weight_decay": 0.0}],
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
        return Learned(_arrays(net), best, steps)

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


def _arrays(net: nn.Module) -> dict[str, NDArray[np.float32]]:
    return {name: p.detach().numpy().astype(np.float32).copy() for name, p in net.named_parameters()}


def learn(
    made: dict[str, Any],
    found: tuple[Any, ...],
    code: NDArray[np.int64],
    value: NDArray[np.float64],
    entity: NDArray[np.int64],
    held: NDArray[np.bool_],
    entity_of_event: NDArray[np.int64],
    seed: int,
    minutes: float | None,
    steps: int | None,
    progress: Any,
    checkpoint: Callable[[str], Checkpoint] | None = None,
) -> tuple[dict[str, Learned], int]:
    """Learn every network from the decisions of `tsynth.compiled.replay`.

    Parameters
    ----------
    made : dict
        The plan.
    found : tuple
        What `replay` returned.
    code : int64 array, (R,)
    value : float64 array, (R, fields)
    entity : int64 array, (R,)
        Code, values and entity of each row.
    held : bool array, (N,)
        Entities that are only looked at.
    entity_of_event : int64 array
    seed : int
    minutes, steps : optional
        Time budget; exact number of steps of the longest task.
    progress : object, optional
    checkpoint : callable, optional
        Of the fingerprint of all that goes into the weights: where learning keeps how far it is.

    Returns
    -------
    dict of str to Learned, int
        By network, and the number of steps of the longest.
    """
    (
        at,
        index,
        x,
        label,
        weight,
        row,
        gat,
        gindex,
        gx,
        low,
        high,
        grow,
        own,
        held_choice,
        here,
        aim,
        twin,
        tally,
    ) = found
    events = CompressedRows(at, index, x, made["features"])
    tasks = [
        _event_task(made, events, label, weight, held[entity_of_event], seed),
        _field_task(
            made, events, row, code, entity, held, own, held_choice, here, aim, twin, tally, value, seed
        ),
    ]
    if not made["ticked"]:
        gaps = CompressedRows(gat, gindex, gx, made["features"])
        tasks.append(_gap_task(made, gaps, low, high, held[entity[grow]], seed))
    longest = max(task.usual for task in tasks)
    kept = None
    if checkpoint is not None:
        kept = checkpoint(
            fingerprint(
                made, found, code, value, entity, held, seed, minutes, steps, torch.__version__,
                [(t.name, t.batch, t.usual, _arrays(t.net)) for t in tasks],
            )
        )  # fmt: skip
    left = None if kept is None else kept.steps()
    with one_thread():
        total, seconds = longest if steps is None else steps, None
        if left is not None:
            total = left
        elif progress is not None or (steps is None and minutes is not None):
            seconds = _seconds(tasks)
            if steps is None and minutes is not None:
                total = max(20, int(longest * min(1.0, 60.0 * minutes / max(seconds, 1e-9))))
            seconds *= total / max(longest, 1)
        if kept is not None:
            kept.begin(total)
        shares = [math.ceil(task.usual * total / max(longest, 1)) for task in tasks]
        going = Going(checkpoint=kept)
        if progress is not None:
            progress.stage("learning networks", sum(shares), seconds)
            going.advance = progress.advance
        return _together(tasks, shares, seed, going), total


def _together(tasks: list[Task], shares: list[int], seed: int, going: Going) -> dict[str, Learned]:
    """Run the tasks side by side, the longest first; where one fails, or the user interrupts, the others stop."""
    ordered = sorted(range(len(tasks)), key=lambda k: -shares[k])
    with ThreadPoolExecutor(2) as pool:
        futures = {k: pool.submit(tasks[k].run, shares[k], seed, going) for k in ordered}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            going.stop.set()  # those that still learn: one failed, or the user had enough
    failed = [e for f in futures.values() if (e := f.exception()) is not None]
    for error in sorted(failed, key=lambda e: isinstance(e, Stopped)):
        raise error
    return {tasks[k].name: futures[k].result() for k in ordered}


def _seconds(tasks: list[Task]) -> float:
    """Seconds that the usual number of steps takes, from a timed trial of each task that leaves no trace."""
    seconds = 0.0
    for task in tasks:
        if not len(task.train):
            continue
        before = {name: p.detach().clone() for name, p in task.net.named_parameters()}
        drawn = task.draw.get_state()
        task.run(3, 0)
        began = time.perf_counter()
        task.run(6, 0)
        seconds += (time.perf_counter() - began) / 6 * task.usual
        task.draw.set_state(drawn)
        with torch.no_grad():
            for name, p in task.net.named_parameters():
                p.copy_(before[name])
    return 0.65 * seconds  # they learn side by side


def _event_task(
    made: dict[str, Any],
    events: CompressedRows,
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    held: NDArray[np.bool_],
    seed: int,
) -> Task:
    codes = made["codes"]
    net = Layers(made["features"], codes + 1, generator(seed, "event"))
    labels, weights = torch.from_numpy(label), torch.from_numpy(weight.astype(np.float32))
    nothing = made["ticked"]
    scale = float(weight.mean()) if len(weight) else 1.0

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        logits = net(events, rows)
        if not nothing:
            logits = logits[:, :codes]
        each = nn.functional.cross_entropy(logits, labels[rows], reduction="none")
        return (each * weights[rows]).mean() / scale

    every = np.arange(len(label))
    if codes == 1 and not nothing:
        every = every[:0]
        held = held[:0]
    return Task("event", net, loss, every[~held], every[held])


def _gap_task(
    made: dict[str, Any],
    gaps: CompressedRows,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    held: NDArray[np.bool_],
    seed: int,
) -> Task:
    classes = len(made["edges"])
    net = Layers(made["features"], classes, generator(seed, "gap"))
    place = torch.arange(classes)
    least, most = torch.from_numpy(low), torch.from_numpy(high)

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        logits = net(gaps, rows)
        inside = (place >= least[rows][:, None]) & (place <= most[rows][:, None])
        kept = logits.masked_fill(~inside, -1e9)
        return (torch.logsumexp(logits, 1) - torch.logsumexp(kept, 1)).mean()

    every = np.arange(len(low))
    return Task("gap", net, loss, every[~held], every[held])


def _field_task(
    made: dict[str, Any],
    events: CompressedRows,
    row: NDArray[np.int64],
    code: NDArray[np.int64],
    entity: NDArray[np.int64],
    held: NDArray[np.bool_],
    own: NDArray[np.float32],
    held_choice: NDArray[np.int32],
    here: NDArray[np.int32],
    aim: NDArray[np.int32],
    twin: NDArray[np.bool_],
    tally: NDArray[np.float32],
    value: NDArray[np.float64],
    seed: int,
) -> Task:
    choices, first = made["field_choices"], made["field_first"]
    widths, tallies, codes = made["widths"], made["tallies"], made["codes"]
    outs = [out_width(int(k), int(f)) for k, f in zip(choices, first, strict=True)]
    each = np.diff(widths).astype(int).tolist()
    many_rows = len(code) >= MANY
    net = Fields(
        made["features"], codes, each, outs, 0.0 if many_rows else DROPOUT, generator(seed, "fields")
    )
    with torch.no_grad():
        for f, head in enumerate(net.heads):
            if first[f] >= 0:
                head[1].bias[-2 * MIXTURES : -MIXTURES] = torch.linspace(-1.5, 1.5, MIXTURES)
                head[1].bias[-MIXTURES:] = -0.5
    event_of_row = np.empty(len(code), np.int64)
    event_of_row[row[row >= 0]] = np.flatnonzero(row >= 0)
    prior = torch.from_numpy(made["prior"])
    many = len(choices)

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        assert isinstance(net, Fields)
        kind = torch.from_numpy(code[rows])
        trunk = net(events, event_of_row[rows], kind)
        total = torch.zeros(())
        for f in range(many):
            u = torch.from_numpy(own[rows, widths[f] : widths[f + 1]])
            out = net.head(f, trunk, u)
            size, start = int(choices[f]), int(first[f])
            options = size + (2 if start >= 0 else 0)
            logits = out[:, :options]
            before = torch.from_numpy(held_choice[rows, f].astype(np.int64))
            same = torch.from_numpy(here[rows, f].astype(np.int64))
            logits = (
                logits
                + _pointer(before, out[:, options], options)
                + _pointer(same, out[:, options + 1], options)
            )
            a, b = int(tallies[f]), int(tallies[f + 1])
            if b > a:
                seen = torch.from_numpy(tally[rows, a:b]) * out[:, options + 2 : options + 3]
                logits = torch.cat([logits[:, :size] + seen, logits[:, size:]], 1)
            logits = logits + prior[f][kind][:, :options]
            if start >= 0:
                may = torch.stack([same >= start, torch.from_numpy(twin[rows, f])], 1)
                logits = torch.cat([logits[:, :size], logits[:, size:].masked_fill(~may, -1e9)], 1)
            target = torch.from_numpy(aim[rows, f].astype(np.int64))
            total = total + nn.functional.cross_entropy(logits, target)
            if start >= 0:
                valued = (target >= start) & (target < size)
                if bool(valued.any()):
                    z = torch.from_numpy(value[rows, f].astype(np.float32))[valued]
                    parts = out[valued, options + 3 :]
                    total = total - _mixture(parts, z).sum() / len(rows)
        return total

    every = np.arange(len(code))
    looked = np.zeros(len(code), np.bool_) if many_rows else held[entity]
    if many == 0:
        every, looked = every[:0], looked[:0]
    return Task("fields", net, loss, every[~looked], every[looked])


def out_width(choices: int, first: int) -> int:
    """Outputs of a field's head: its options, three pointers, and the mixture."""
    return choices + 3 + (2 + 3 * MIXTURES if first >= 0 else 0)


def _pointer(choice: Tensor, gain: Tensor, size: int) -> Tensor:
    """`gain` at each row's `choice`, nothing where it is -1."""
    known = choice >= 0
    hot = nn.functional.one_hot(choice.clamp(min=0), size).to(gain.dtype)
    return hot * (gain * known)[:, None]


def _mixture(parts: Tensor, z: Tensor) -> Tensor:
    """Log-density of a mixture of normals."""
    weight, mean, log_sd = parts.split(MIXTURES, 1)
    log_sd = log_sd.clamp(-4.6, 1.5)
    inside = -0.5 * ((z[:, None] - mean) / log_sd.exp()) ** 2 - log_sd - 0.9189385332046727
    return torch.logsumexp(torch.log_softmax(weight, 1) + inside, 1)
