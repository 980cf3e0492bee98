"""What each network of an autoregressive generator is asked: its decisions and their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.generators.neural.arrays import MIXTURES
from tsynth.generators.neural.losses import field_asked, gap_losses
from tsynth.generators.neural.networks import Fields, Layers, out_width
from tsynth.generators.neural.task import DECAY, Task
from tsynth.nets.sparse import CompressedRows
from tsynth.nets.training import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.neural.decisions import Decisions

__all__ = ["event_task", "field_decay", "field_task", "gap_task"]

DROPOUT = 0.05
MANY = 5_000
"""Rows from which on the fields are learned to the end, from all entities: what stopped early drifted in the making."""
DECAYED = 7_500
"""Rows over weight decay of the fields, which is at most 1: few rows are else learned by heart, down to their noise."""


def event_task(
    made: dict[str, Any],
    events: CompressedRows,
    told: Decisions,
    held: NDArray[np.bool_],
    seed: int,
) -> Task:
    """Which code comes, or nothing; quiet ticks weigh what was left out."""
    codes = made["codes"]
    net = Layers(made["features"], codes + 1, DROPOUT, generator(seed, "event"))
    label, weight, held = told.label, told.weight, held[told.entity_of_event]
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


def gap_task(made: dict[str, Any], told: Decisions, held: NDArray[np.bool_], seed: int) -> Task:
    """In which class the gap to the next row falls, or the end; one not seen to its end may be any longer one."""
    gaps = CompressedRows(told.gap_at, told.gap_index, told.gap_value, made["features"])
    net = Layers(made["features"], len(made["edges"]), DROPOUT, generator(seed, "gap"))
    low, high = torch.from_numpy(told.low), torch.from_numpy(told.high)
    held = held[told.entity[told.gap_row]]

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        return gap_losses(net(gaps, rows), low[rows], high[rows]).mean()

    every = np.arange(len(told.low))
    return Task("gap", net, loss, every[~held], every[held])


def field_task(
    made: dict[str, Any], events: CompressedRows, told: Decisions, held: NDArray[np.bool_], seed: int
) -> Task:
    """The fields of a row one after another, each given those before it."""
    choices, first = made["field_choices"], made["field_first"]
    widths, codes, code = made["widths"], made["codes"], told.code
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
    event_of_row = told.event_of_row()
    lined = code + codes * _first_of_slot(made["slot"][code], told.entity)
    prior, ranks = torch.from_numpy(made["prior"]), torch.from_numpy(made["ranks"])
    many = len(choices)

    def loss(net: nn.Module, rows: NDArray[np.int64]) -> Tensor:
        assert isinstance(net, Fields)
        kind = torch.from_numpy(code[rows])
        trunk = net(events, event_of_row[rows], kind)
        line = net.line(events, event_of_row[rows], lined[rows])
        total = torch.zeros(())
        for f in range(many):
            u = torch.from_numpy(told.own[rows, widths[f] : widths[f + 1]])
            tilt = line[:, many + f : many + f + 1] * ranks[f][kind][:, : int(choices[f])]
            asked = field_asked(made, prior, f, net.head(f, trunk, u), told, rows, tilt, line[:, f])
            total = total + nn.functional.cross_entropy(asked.logits, asked.aim)
            total = total - asked.density.sum() / len(rows)
        return total

    every = np.arange(len(code))
    looked = np.zeros(len(code), np.bool_) if many_rows else held[told.entity]
    if many == 0:
        every, looked = every[:0], looked[:0]
    return Task("fields", net, loss, every[~looked], every[looked], field_decay(len(code)))


def field_decay(rows: int) -> float:
    """Weight decay of the fields by the number of rows they are learned from."""
    return float(np.clip(DECAYED / max(rows, 1), DECAY, 1.0))


def _first_of_slot(slot: NDArray[np.int64], entity: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row is the first of its slot in its sequence."""
    first = np.zeros(len(slot), np.bool_)
    first[np.unique(entity * (slot.max(initial=0) + 1) + slot, return_index=True)[1]] = True
    return first
