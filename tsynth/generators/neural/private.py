"""Learning the networks of an autoregressive generator with differential privacy of whole entities.

Noise grows with the number of weights that a decision hangs on, and a few hundred or thousand entities cannot teach
hidden layers through it. So each network is one linear layer over features of the memory [1]_: it begins at the noised
shares and is moved by clipped, noised gradients of entities. It is kept as the network with hidden layers that it
equals, so that rows are made as ever.

References
----------
.. [1] Tramèr, Boneh (2021), Differentially private learning needs better features (or much more data), ICLR: linear
   models over features that were not learned do better than deep ones under small budgets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.compiled.features import OWN, PER_CODE, PER_MOMENT
from tsynth.compiled.replay import densify
from tsynth.data.privacy.ledger import ORDERS, epsilon_of
from tsynth.generators.neural.arrays import MIXTURES
from tsynth.generators.neural.losses import field_asked, gap_losses
from tsynth.generators.neural.networks import out_width
from tsynth.nets.privacy import fit_private

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.privacy import Ledger
    from tsynth.generators.neural.decisions import Decisions
    from tsynth.generators.neural.noised import Figures

__all__ = ["SHARE", "learn_private"]

SHARE = 0.4
"""Part of what is left of the budget, after the encodings, that goes to figures; the rest goes to descent."""
STEPS = 120
TOGETHER = 400
"""Entities that a step expects; all take part where there are fewer."""
DECISIONS = 128
"""Most decisions of one entity in one step."""
CLIP = 0.5
"""Norm of an entity's gradient, where its losses are summed up and divided by the contribution bound."""
MOMENTUM = 0.9
RATE, WANDER, LENGTH = 0.1, 0.3, 4.0
"""Fastest pace; deviation that noise may give a logit in the end, and the norm of features that it is reckoned for."""
SLOTS = 12
"""Codes whose own memory is looked at."""
STEADY = (0, 1, 3, 4)
"""Places in a code's memory: never came, log of times, share of rows, came once."""
WEIGHTS = {"event": 1.0, "gap": 1.0, "fields": 1.5}
"""Shares of the budget."""


class Linear(nn.Module):
    """A linear layer a field, or one."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.utils.skip_init(nn.Linear, i, o) for i, o in sizes])
        with torch.no_grad():
            for p in self.parameters():
                p.zero_()


class Dense:
    """Chosen features of compressed rows as dense ones."""

    def __init__(
        self,
        at: NDArray[np.int64],
        index: NDArray[np.int32],
        value: NDArray[np.float32],
        used: NDArray[np.int64],
        features: int,
    ) -> None:
        place = np.full(features, -1, np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        mapped = place[index]
        kept = mapped >= 0
        self.at = np.concatenate([[0], np.cumsum(kept)])[at].astype(np.int64)
        self.index, self.value, self.size = mapped[kept], value[kept], len(used)

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        out = np.empty((len(rows), self.size), np.float32)
        densify(self.at, self.index, self.value, rows, out)
        return torch.from_numpy(out)  # (B, K)


def learn_private(
    made: dict[str, Any], told: Decisions, figures: Figures, ledger: Ledger, steps: int | None
) -> tuple[dict[str, dict[str, NDArray[np.float32]]], int]:
    """Weights of every network from the decisions of rows, within what is left of the budget.

    Parameters
    ----------
    made : dict
        The plan, of noised figures.
    told : Decisions
    figures : Figures
    ledger : Ledger
    steps : int, optional
        Of each network; `STEPS` where None, whatever the data are.

    Returns
    -------
    dict of str to dict of arrays, int
        As those of `tsynth.generators.neural.networks`, and the steps.
    """
    steps = STEPS if steps is None else steps
    wanted = {
        "event": made["codes"] > 1 or made["ticked"],
        "gap": not made["ticked"],
        "fields": bool(made["fields"]),
    }
    order = [name for name, learned in wanted.items() if learned]
    begin, left = ledger.curve.copy(), ledger.rho_left
    spent = 0.0

    def descend(name: str, net: Linear, each: Any, of: NDArray[np.int64], clip: float) -> None:
        nonlocal spent
        spent += WEIGHTS[name] / sum(WEIGHTS[n] for n in order)
        limit = epsilon_of(begin + 0.999 * spent * left * ORDERS, ledger.delta)
        entities = max(figures.lengths.sizes()[0], 1)
        fit_private(
            net, each, of, entities, ledger=ledger, what=name, steps=steps, epsilon=limit,
            sample_rate=min(1.0, TOGETHER / entities), clip=clip, most=DECISIONS, per=float(ledger.rows),
            rate=lambda noise: _pace(noise, steps), momentum=MOMENTUM,
        )  # fmt: skip

    out = {}
    used = _looked_at(made)
    codes, outs = made["codes"], made["codes"] + 1
    net = Linear([(len(used), outs)])
    with torch.no_grad():
        net.heads[0].bias.copy_(torch.from_numpy(figures.event_logits()))
        first = np.searchsorted(used, made["at"][1])  # no row came before
        net.heads[0].weight[:codes, first] = torch.from_numpy(figures.first_logits()).float()
    if wanted["event"]:
        dense = Dense(told.event_at, told.event_index, told.event_value, used, made["features"])
        labels = torch.from_numpy(told.label)
        weights = torch.from_numpy(told.weight.astype(np.float32))
        options = outs if made["ticked"] else codes

        def event(net: Any, rows: NDArray[np.int64]) -> Tensor:
            logits = net.heads[0](dense(rows))[:, :options]
            return nn.functional.cross_entropy(logits, labels[rows], reduction="none") * weights[rows]

        descend("event", net, event, told.entity_of_event, CLIP)
    out["event"] = _as_layers(net, used, made)
    if wanted["gap"]:
        net = Linear([(len(used), len(made["edges"]))])
        with torch.no_grad():
            net.heads[0].bias.copy_(torch.from_numpy(figures.gap_logits(made["edges"])))
        dense_gap = Dense(told.gap_at, told.gap_index, told.gap_value, used, made["features"])
        low, high = torch.from_numpy(told.low), torch.from_numpy(told.high)

        def gap(net: Any, rows: NDArray[np.int64]) -> Tensor:
            return gap_losses(net.heads[0](dense_gap(rows)), low[rows], high[rows])

        descend("gap", net, gap, told.entity[told.gap_row], CLIP)
        out["gap"] = _as_layers(net, used, made)
    shared, mine = _shared(made), _own(made)
    ins = [len(shared) + len(m) for m in mine]
    sizes = zip(made["field_choices"].tolist(), made["field_first"].tolist(), strict=True)
    net = Linear([(i, out_width(*size)) for i, size in zip(ins, sizes, strict=True)])
    _begin_values(net, made, len(shared), mine)
    if wanted["fields"]:
        event_of_row = told.event_of_row()
        dense_row = Dense(told.event_at, told.event_index, told.event_value, shared, made["features"])
        prior = torch.from_numpy(made["prior"])

        def fields(net: Any, rows: NDArray[np.int64]) -> Tensor:
            about = dense_row(event_of_row[rows])
            total = torch.zeros(len(rows))
            for f, head in enumerate(net.heads):
                u = torch.from_numpy(told.own[rows[:, None], made["widths"][f] + mine[f]])
                asked = field_asked(made, prior, f, head(torch.cat([about, u], 1)), told, rows)
                losses = nn.functional.cross_entropy(asked.logits, asked.aim, reduction="none")
                total = total + losses.index_add(0, asked.new.nonzero()[:, 0], -asked.density)
            return total

        descend("fields", net, fields, told.entity, CLIP * math.sqrt(len(mine)))
    out["fields"] = _as_trunk(net, shared, mine, made)
    return out, steps


def _pace(noise: float, steps: int) -> float:
    """So fast that noise moves a logit by `WANDER` in the end, and never faster than `RATE`.

    With momentum m and a rate that falls to 0, steps of one deviation add up to rate / (1 - m) * sqrt(steps / 3).
    """
    wander = LENGTH * noise * math.sqrt(steps / 3.0) / (1.0 - MOMENTUM)
    return min(RATE, WANDER / max(wander, 1e-12))


# -- what is looked at


def _looked_at(made: dict[str, Any]) -> NDArray[np.int64]:
    """Features of events and gaps."""
    at = np.append(made["at"], made["features"])
    used = list(range(at[0]))  # what is fixed of the entity
    groups = (0, 1, 7, 8, 9, 11, 12, 13, 15, 20, 21) + ((10,) if made["clock"] else ())
    for group in groups:
        used += range(at[group], at[group + 1])
    width = PER_CODE + 2 * len(made["kept"])
    for slot in range(min(made["slots"], SLOTS)):
        used += [at[3] + slot * width + k for k in STEADY]
        used += range(at[16] + slot * PER_MOMENT, at[16] + (slot + 1) * PER_MOMENT)
    base = int(at[4])
    for shown in made["shown"]:
        used += [base, *range(base + 4, base + 4 + int(shown))]
        base += int(4 + shown + (3 * shown if shown <= 12 else 0))
    return np.unique(np.array(used, np.int64))


def _shared(made: dict[str, Any]) -> NDArray[np.int64]:
    """Features of a row that its fields look at, none below 0.

    What is fixed of the entity, age, day of the week, and on one clock the time.
    """
    at = made["at"]
    used = list(range(at[0]))
    for group in (9, 13) + ((10,) if made["clock"] else ()):
        used += range(at[group], at[group + 1])
    return np.unique(np.array(used, np.int64))


def _own(made: dict[str, Any]) -> list[NDArray[np.int64]]:
    """Of each field's own features, its memory without what hangs on a running total, and the fields before it."""
    widths = np.diff(made["widths"])
    return [np.concatenate([np.arange(11), np.arange(OWN, w)]).astype(np.int64) for w in widths]


def _begin_values(net: Linear, made: dict[str, Any], shared: int, mine: list[NDArray[np.int64]]) -> None:
    """Two of the normals: as all values of the code, and near the value of the code's last row."""
    with torch.no_grad():
        for f, head in enumerate(net.heads):
            if made["field_first"][f] < 0:
                continue
            low = int(made["field_choices"][f]) + 2 + 3
            weight = torch.full((MIXTURES,), -12.0)
            weight[:2] = torch.tensor([0.0, -1.0])
            head.bias[low : low + MIXTURES] = weight
            head.bias[low + 2 * MIXTURES + 1] = -0.7
            head.weight[low + MIXTURES + 1, shared + int(np.searchsorted(mine[f], 7))] = 1.0


# -- as networks with hidden layers


def _numbers(x: Tensor) -> NDArray[np.float32]:
    return x.detach().numpy().astype(np.float32).copy()


def _as_layers(net: Linear, used: NDArray[np.int64], made: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """The columns that go straight to the outputs are all there is."""
    weight, bias = _numbers(net.heads[0].weight), _numbers(net.heads[0].bias)
    outs = len(bias)
    one = np.zeros((made["features"], 1 + outs), np.float32)
    one[used, 1:] = weight.T
    return {
        "one.weight": one, "one.bias": np.append(np.zeros(1, np.float32), bias),
        "two.weight": np.zeros((1, 1), np.float32), "two.bias": np.zeros(1, np.float32),
        "three.weight": np.zeros((outs, 1), np.float32), "three.bias": np.zeros(outs, np.float32),
    }  # fmt: skip


def _as_trunk(
    net: Linear, shared: NDArray[np.int64], mine: list[NDArray[np.int64]], made: dict[str, Any]
) -> dict[str, NDArray[np.float32]]:
    """What is handed on is never below 0, so that rectified layers leave it as it is."""
    size = len(shared)
    chosen = np.zeros((made["features"], size), np.float32)
    chosen[shared, np.arange(size)] = 1.0
    out = {
        "one.weight": chosen, "one.bias": np.zeros(size, np.float32),
        "kind": np.zeros((made["codes"], size), np.float32), "two.weight": np.eye(size, dtype=np.float32),
        "two.bias": np.zeros(size, np.float32),
    }  # fmt: skip
    places = int(made["place"].max(initial=-1)) + 1
    out["line.weight"] = np.zeros((2 * made["codes"], places, 2 * len(made["fields"])), np.float32)
    widths = np.diff(made["widths"])
    for f, head in enumerate(net.heads):
        weight = _numbers(head.weight)
        skip = np.zeros((len(weight), int(widths[f])), np.float32)
        skip[:, mine[f]] = weight[:, size:]
        out[f"heads.{f}.0.weight"] = np.eye(size, size + int(widths[f]), dtype=np.float32)
        out[f"heads.{f}.0.bias"] = np.zeros(size, np.float32)
        out[f"heads.{f}.1.weight"] = np.ascontiguousarray(weight[:, :size])
        out[f"heads.{f}.1.bias"] = _numbers(head.bias)
        out[f"heads.{f}.2.weight"] = skip
    return out
