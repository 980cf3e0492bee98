"""Learning a network with differential privacy of whole entities: clipped gradients of entities, noise, Opacus."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tsynth.data.privacy.ledger import ORDERS, epsilon_of
from tsynth.errors import UsageError
from tsynth.nets import require_private
from tsynth.nets.training import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.privacy import Ledger

__all__ = ["Private", "clipped_gradients", "entity_norms", "fit_private", "noise_multiplier", "rdp"]

WIDEST = 200.0
"""Largest noise that is tried."""
ROOM = 1 << 22
"""Numbers that are held at a time for norms of gradients."""


def rdp(sample_rate: float, multiplier: float, steps: int) -> NDArray[np.float64]:
    """Rényi divergence of so many noised steps on Poisson samples, by Opacus [1]_, at the orders of a ledger.

    Parameters
    ----------
    sample_rate : float
        Chance of each entity to be in a step.
    multiplier : float
        Deviation of the noise over the norm that gradients are clipped to.
    steps : int

    References
    ----------
    .. [1] Mironov, Talwar, Zhang (2019), Rényi differential privacy of the sampled Gaussian mechanism, section 3.3.
    """
    return steps * np.array(_one_step(float(sample_rate), float(multiplier)))


@cache
def _one_step(sample_rate: float, multiplier: float) -> tuple[float, ...]:
    require_private("learning a network with differential privacy")
    analysis = import_module("opacus.accountants.analysis.rdp")
    found = analysis.compute_rdp(q=sample_rate, noise_multiplier=multiplier, steps=1, orders=ORDERS.tolist())
    return tuple(float(x) for x in found)


def noise_multiplier(
    epsilon: float, delta: float, sample_rate: float, steps: int, spent: NDArray[np.float64] | None = None
) -> float:
    """The least noise, over the clipping norm, with which `steps` steps stay within the budget.

    Parameters
    ----------
    epsilon, delta : float
    sample_rate : float
    steps : int
    spent : float64 array, optional
        Rényi divergence that other mechanisms have spent, at `ORDERS`; see `Ledger.curve`.

    Raises
    ------
    UsageError
        Nothing is left of the budget.
    """
    before = np.zeros(len(ORDERS)) if spent is None else spent
    if not 0 < sample_rate <= 1 or steps < 1:
        raise UsageError(
            f"sample_rate is above 0 and at most 1, steps at least 1, not {sample_rate!r}, {steps!r}"
        )

    def fits(multiplier: float) -> bool:
        return epsilon_of(before + rdp(sample_rate, multiplier, steps), delta) <= epsilon

    low, high = 0.25, 1.0
    while not fits(high):
        low, high = high, 2 * high
        if high > WIDEST:
            raise UsageError(
                f"nothing is left of epsilon {epsilon:g} for {steps} steps",
                fix="allow more, or take fewer steps",
            )
    while high > 1.002 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Private:
    """How a network was learned: what goes into a model's account."""

    steps: int
    sample_rate: float
    multiplier: float
    clip: float
    most: int


@contextmanager
def _watched(net: nn.Module) -> Iterator[list[tuple[nn.Linear, Tensor, list[Tensor]]]]:
    """Inputs of every linear layer and the gradients of its outputs, of each use."""
    uses: list[tuple[nn.Linear, Tensor, list[Tensor]]] = []

    def forward(layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        back: list[Tensor] = []
        uses.append((layer, inputs[0].detach(), back))
        output.register_hook(back.append)

    handles = [m.register_forward_hook(forward) for m in net.modules() if isinstance(m, nn.Linear)]
    try:
        yield uses
    finally:
        for handle in handles:
            handle.remove()


def entity_norms(net: nn.Module, losses: Tensor, uses: list[Any], offsets: NDArray[np.int64]) -> Tensor:
    """Norm of the gradient of each entity's summed loss, without making any of these gradients.

    With inputs a and output gradients g of a linear layer, the gradient of entity e is the sum of g aᵀ over its rows,
    whose squared norm is the sum over pairs of rows of (g·g')(a·a') [1]_. The shorter way of the two is taken.

    Parameters
    ----------
    net : Module
        All of its parameters belong to linear layers, each used once.
    losses : Tensor, (B,)
        Loss of each decision, entity by entity.
    uses : list
        What `_watched` saw while `losses` were computed.
    offsets : int64 array, (E + 1,)

    References
    ----------
    .. [1] Li, Tramèr, Liang, Hashimoto (2022), Large language models can be strong differentially private learners,
       ICLR, equation 3.
    """
    losses.sum().backward(retain_graph=True)
    lengths = np.diff(offsets)
    squares = torch.zeros(len(lengths))
    longest = max(1, int(lengths.max(initial=1)))
    # Entities side by side, each filled up with rows of 0 to the longest, which add nothing.
    row = np.minimum(offsets[:-1, None] + np.arange(longest), max(int(offsets[-1]) - 1, 0))
    inside = torch.from_numpy(np.arange(longest) < lengths[:, None]).unsqueeze(2)  # (E, T, 1)
    at = torch.from_numpy(row)
    for layer, inputs, back in uses:
        if not back:
            continue
        ins, outs = inputs.shape[1], back[0].shape[1]
        pairs = ins * outs > longest * (ins + outs)
        size = max(1, ROOM // (longest * (ins + outs) + (2 * longest**2 if pairs else ins * outs)))
        for e in range(0, len(lengths), size):
            here = at[e : e + size]
            a, g = inputs[here], back[0][here] * inside[e : e + size]  # (E, T, in), (E, T, out)
            if pairs:
                found = ((g @ g.transpose(1, 2)) * (a @ a.transpose(1, 2))).sum((1, 2))
            else:
                found = (g.transpose(1, 2) @ a).square().sum((1, 2))
            if layer.bias is not None:
                found = found + g.sum(1).square().sum(1)
            squares[e : e + size] += found
    return squares.clamp_min(0.0).sqrt()


def clipped_gradients(
    net: nn.Module,
    each: Callable[[nn.Module, NDArray[np.int64]], Tensor],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    clip: float,
    scale: NDArray[np.float64] | None = None,
) -> Tensor:
    """Leave in ``p.grad`` the sum over entities of their gradients, each scaled down to norm `clip`; returns the norms.

    Parameters
    ----------
    net : Module
    each : callable
        Of (network, decisions) the loss of each decision, (B,); a decision's loss knows no other decision of the batch.
    rows : int64 array, (B,)
        Decisions, entity by entity.
    offsets : int64 array, (E + 1,)
    clip : float
    scale : float64 array, (E,), optional
        What each entity's losses are multiplied by before its gradient is clipped.
    """
    net.zero_grad(set_to_none=True)
    factor = np.repeat(np.ones(len(offsets) - 1) if scale is None else scale, np.diff(offsets))
    with _watched(net) as uses:
        losses = each(net, rows) * torch.from_numpy(factor.astype(np.float32))
        norms = entity_norms(net, losses, uses, offsets)
        weight = (clip / norms.clamp_min(1e-12)).clamp(max=1.0)
    net.zero_grad(set_to_none=True)
    spread = torch.repeat_interleave(weight, torch.from_numpy(np.diff(offsets)))
    (losses * spread).sum().backward()
    return norms


def fit_private(
    net: nn.Module,
    each: Callable[[nn.Module, NDArray[np.int64]], Tensor],
    entity: NDArray[np.int64],
    entities: int,
    *,
    ledger: Ledger,
    what: str,
    steps: int,
    sample_rate: float,
    epsilon: float | None = None,
    clip: float = 1.0,
    most: int | None = None,
    per: float | None = None,
    rate: float | Callable[[float], float] = 1e-3,
    momentum: float | None = None,
    advance: Callable[[int], None] | None = None,
) -> Private:
    """Learn `net` by differentially private descent [1]_ whose unit is an entity with all its decisions.

    In every step each entity takes part with chance `sample_rate`; the gradient of the sum of its losses is scaled down
    to norm `clip`, these are added up, Gaussian noise is added, and Adam takes the step, or plain descent with momentum
    whose rate falls to 0. Which entities and decisions take part and the noise are drawn by the ledger. There is no
    early stop: looking at held-out entities costs, too.

    Parameters
    ----------
    net : Module
        All of its parameters belong to linear layers, each used once; it has neither dropout at work nor norms over
        the batch.
    each : callable
        Of (network, decisions) the loss of each decision, (B,).
    entity : int64 array, (D,)
        Number of the entity that each decision belongs to.
    entities : int
        How many there are; a noised number will do.
    ledger : Ledger
        The cost is noted before the first step.
    what : str
        The network's name, for the ledger.
    steps : int
    sample_rate : float
    epsilon : float, optional
        Up to where the ledger may be spent; all of it where None.
    clip : float
        Largest norm of an entity's gradient.
    most : int, optional
        Decisions of one entity in one step, drawn anew each time; the ledger's contribution bound where None.
    per : float, optional
        Loss of an entity is the sum over all its decisions (told from those drawn) over this number; without it, the
        sum over those drawn.
    rate : float or callable
        Of the steps; or a function of the deviation of the noise in the mean gradient, which tells it.
    momentum : float, optional
        Of plain descent; Adam where None. Adam makes steps of one size, also where there is nothing but noise.
    advance : callable, optional
        Called with 1 after each step.

    Raises
    ------
    MissingExtra
        Opacus is not installed.
    UsageError
        The budget is spent, or the network has parameters outside of linear layers.

    References
    ----------
    .. [1] Abadi and others (2016), Deep learning with differential privacy, CCS, algorithm 1.
    """
    _check(net)
    bound = ledger.rows if most is None else most
    limit = ledger.privacy.epsilon if epsilon is None else min(epsilon, ledger.privacy.epsilon)
    multiplier = noise_multiplier(limit, ledger.delta, sample_rate, steps, ledger.curve)
    ledger.spend(
        f"weights of the network {what}", "noised descent on Poisson samples", rdp(sample_rate, multiplier, steps),
        steps=int(steps), sample_rate=float(sample_rate), noise_multiplier=float(multiplier), clip=float(clip),
        decisions_an_entity=int(bound), accountant=accountant(),
    )  # fmt: skip
    order = np.argsort(entity, kind="stable")
    owners, starts = np.unique(entity[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    expected = max(sample_rate * entities, 1.0)
    pace = rate(multiplier * clip / expected) if callable(rate) else rate
    solver: torch.optim.Optimizer
    if momentum is None:
        solver = torch.optim.Adam(net.parameters(), lr=pace)
    else:
        solver = torch.optim.SGD(net.parameters(), lr=pace, momentum=momentum)
    net.eval()
    with one_thread():
        for step in range(steps):
            if momentum is not None:
                solver.param_groups[0]["lr"] = pace * (1.0 - step / steps)
            chosen = np.flatnonzero(ledger.uniform(len(owners)) < sample_rate)
            rows, offsets = _some([order[starts[e] : ends[e]] for e in chosen], bound, ledger)
            scale = None if per is None else (ends - starts)[chosen] / np.maximum(np.diff(offsets), 1) / per
            for p, grad in zip(net.parameters(), _sums(net, each, rows, offsets, clip, scale), strict=True):
                noise = torch.from_numpy(ledger.normal(p.numel()).astype(np.float32)).reshape(p.shape)
                p.grad = (grad + multiplier * clip * noise) / expected
            solver.step()
            if advance is not None:
                advance(1)
    return Private(steps, sample_rate, multiplier, clip, bound)


def accountant() -> str:
    """Name and version of who adds up the cost of steps."""
    require_private("learning a network with differential privacy")
    return f"opacus {version('opacus')} (Rényi)"


def _sums(
    net: nn.Module,
    each: Callable[[nn.Module, NDArray[np.int64]], Tensor],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    clip: float,
    scale: NDArray[np.float64] | None,
) -> list[Tensor]:
    """What noise is added to: sums of clipped gradients, zeros where nobody takes part."""
    if len(rows):
        clipped_gradients(net, each, rows, offsets, clip, scale)
    else:
        net.zero_grad(set_to_none=True)
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]


def _some(
    parts: list[NDArray[np.int64]], most: int, ledger: Ledger
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """At most so many decisions of each entity, and where each begins.

    Drawn as secretly as the noise, by as many draws whoever is there, so that nobody's hang on who else is.
    """
    lengths = np.array([len(p) for p in parts], np.int64)
    draws = ledger.uniform(int(lengths.sum()))
    picked, begin = [], 0
    for part in parts:
        own = draws[begin : begin + len(part)]
        begin += len(part)
        if len(part) > most:
            part = part[np.sort(np.argpartition(own, most)[:most])]
        picked.append(part)
    rows = np.concatenate([np.empty(0, np.int64), *picked])
    return rows, np.concatenate([[0], np.cumsum(np.minimum(lengths, most))]).astype(np.int64)


def _check(net: nn.Module) -> None:
    inside = {id(p) for m in net.modules() if isinstance(m, nn.Linear) for p in m.parameters(recurse=False)}
    if any(id(p) not in inside for p in net.parameters()):
        raise UsageError("a private network may have parameters in linear layers only")
