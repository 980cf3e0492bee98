"""What each network of an autoregressive generator is asked: its decisions and their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.generators.neural.arrays import MIXTURES
from tsynth.generators.neural.networks import Fields, Layers, mixture, out_width, pointer
from tsynth.generators.neural.task import Task
from tsynth.nets.sparse import CompressedRows
from tsynth.nets.training import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["event_task", "field_task", "gap_task"]

DROPOUT = 0.05
MANY = 5_000
"""Rows from which on the fields are learned to the end, from all entities: what was less sure of itself drifted."""


def event_task(
    made: dict[str, Any],
    events: CompressedRows,
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    held: NDArray[np.bool_],
    seed: int,
) -> Task:
    """Which code comes, or nothing; quiet ticks weigh what was left out."""
    codes = made["codes"]
    net = Layers(made["features"], codes + 1, DROPOUT, generator(seed, "event"))
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


def gap_task(
    made: dict[str, Any],
    gaps: CompressedRows,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    held: NDArray[np.bool_],
    seed: int,
) -> Task:
    """In which class the gap to the next row falls, or the end; one not seen to its end may be any longer one."""
    classes = len(made["edges"])
    net = Layers(made["features"], classes, DROPOUT, generator(seed, "gap"))
    place = torch.arange(classes)
    least, most = torch.from_numpy(low), torch.from_numpy(high)

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        logits = net(gaps, rows)
        inside = (place >= least[rows][:, None]) & (place <= most[rows][:, None])
        kept = logits.masked_fill(~inside, -1e9)
        return (torch.logsumexp(logits, 1) - torch.logsumexp(kept, 1)).mean()

    every = np.arange(len(low))
    return Task("gap", net, loss, every[~held], every[held])


def field_task(
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
    """The fields of a row one after another, each given those before it."""
    choices, first = made["field_choices"], made["field_first"]
    widths, tallies, codes = made["widths"], made["tallies"], made["codes"]
    outs = [out_width(int(k), int(f)) for k, f in zip(choices, first, strict=True)]
    each = np.diff(widths).astype(int).tolist()
    many_rows = len(code) >= MANY
    net = Fields(
        made["features"], codes, each, outs, 0.0 if many_rows else DROPOUT, generator(seed, "fields"),
        made["place"],
    )  # fmt: skip
    with torch.no_grad():
        for f, head in enumerate(net.heads):
            if first[f] >= 0:
                head[1].bias[-2 * MIXTURES : -MIXTURES] = torch.linspace(-1.5, 1.5, MIXTURES)
                head[1].bias[-MIXTURES:] = -0.5
    event_of_row = np.empty(len(code), np.int64)
    event_of_row[row[row >= 0]] = np.flatnonzero(row >= 0)
    lined = code + codes * _first_of_slot(made["slot"][code], entity)
    prior, ranks = torch.from_numpy(made["prior"]), torch.from_numpy(made["ranks"])
    many = len(choices)

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        assert isinstance(net, Fields)
        kind = torch.from_numpy(code[rows])
        trunk = net(events, event_of_row[rows], kind)
        line = net.line(events, event_of_row[rows], lined[rows])
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
                + pointer(before, out[:, options], options)
                + pointer(same, out[:, options + 1], options)
            )
            a, b = int(tallies[f]), int(tallies[f + 1])
            if b > a:
                seen = torch.from_numpy(tally[rows, a:b]) * out[:, options + 2 : options + 3]
                logits = torch.cat([logits[:, :size] + seen, logits[:, size:]], 1)
            logits = logits + prior[f][kind][:, :options]
            tilt = line[:, many + f : many + f + 1] * ranks[f][kind][:, :size]
            logits = torch.cat([logits[:, :size] + tilt, logits[:, size:]], 1)
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
                    total = total - mixture(parts, z - line[valued, f]).sum() / len(rows)
        return total

    every = np.arange(len(code))
    looked = np.zeros(len(code), np.bool_) if many_rows else held[entity]
    if many == 0:
        every, looked = every[:0], looked[:0]
    return Task("fields", net, loss, every[~looked], every[looked])


def _first_of_slot(slot: NDArray[np.int64], entity: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row is the first of its slot in its sequence."""
    first = np.zeros(len(slot), np.bool_)
    first[np.unique(entity * (slot.max(initial=0) + 1) + slot, return_index=True)[1]] = True
    return first
