"""Events that share a moment: spread inside the step of their lattice for learning, or kept together.

A point process has no two events at one time, but sources round: to the day, the minute, the second. Where that is
why events tie, they are spread inside their step (a uniform jitter, of equal moments in their order) before learning,
and what is sampled is put down to the lattice again. Where far more tie than rounding explains (the lines of one
order, the labs of one visit), events come in batches: the process is of batches, and each is filled by a chain.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled import rates as loops
from tsynth.data.encoding.timing import gaps_of
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["WAYS", "Batches", "Ties", "batches", "choose", "floor", "spread", "tilted", "uniforms"]

WAYS = ("auto", "jitter", "keep")
EXCESS, LEAST = 2.0, 0.01
"""Ties are kept where their share is above this many times what rounding gives, plus this."""
ROUNDS = 8
GROUPS = 256
"""Types beyond this many share what follows them in a batch."""


@dataclass(frozen=True)
class Ties:
    """How events that share a moment are treated.

    Parameters
    ----------
    keep : bool
        Whether they stay simultaneous; else they are spread.
    step : float
        Lattice that times lie on, 0 where there is none; samples are put down to it.
    width : float
        Length of the jitter: the step, or without a lattice half the shortest gap that is not 0.
    seen, expected : float
        Share of events at the moment of the one before, and what rounding to the step would give.
    """

    keep: bool
    step: float
    width: float
    seen: float
    expected: float

    def sentence(self) -> str:
        """What is done, and why, in plain words."""
        share = f"{100 * self.seen:.1f} % of the events share the moment of the one before"
        chance = f"rounding alone gives {100 * self.expected:.1f} %"
        if self.keep:
            return f"{share} ({chance}): simultaneous events are kept together as batches"
        return (
            f"{share} ({chance}): for learning, events are spread evenly inside one step of the clock "
            f"({self.width:g} time unit{'' if self.width == 1 else 's'})"
        )

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Batches:
    """Chain that fills a batch of simultaneous events.

    Parameters
    ----------
    more : float64 array, (M,)
        Chance that an event of each type is followed by another at the same moment.
    following : float64 array, (G, M)
        Running weight of the type of such a one after each type; types beyond `GROUPS` share the last row.
    tilt : float64 array, (B, M)
        By what the cell of a baseline multiplies these weights; one row where it does not matter.
    """

    more: NDArray[np.float64]
    following: NDArray[np.float64]
    tilt: NDArray[np.float64] = field(default_factory=lambda: np.ones((1, 1)))

    def to_state(self) -> dict[str, Any]:
        """Plain arrays."""
        return dict(vars(self))


def choose(ties: str, offsets: NDArray[np.int64], time: NDArray[np.float64], step: float) -> Ties:
    """How the ties of these events are treated.

    Parameters
    ----------
    ties : {"auto", "jitter", "keep"}
        With "auto" they are kept where their share is above twice what rounding to the step gives at the entity's
        own rate, plus one per cent.
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
        Rising inside an entity.
    step : float

    Raises
    ------
    UsageError
        There is no such way.
    """
    if ties not in WAYS:
        raise UsageError(f"ties={ties!r} does not exist", fix=f"use one of {', '.join(WAYS)}")
    gap, inside = gaps_of(offsets, time)
    tied = inside & (gap <= 0)
    lengths = np.diff(offsets)
    expected = 0.0
    if step > 0 and inside.any():
        has = lengths > 1
        life = time[offsets[1:][has] - 1] - time[offsets[:-1][has]] + step
        often = -np.expm1(-lengths[has] / life * step)
        expected = float(np.average(often, weights=lengths[has] - 1))
    seen = float(tied.sum() / max(inside.sum(), 1))
    keep = ties == "keep" or (ties == "auto" and seen > EXCESS * expected + LEAST)
    apart = gap[inside & (gap > 0)]
    width = step if step > 0 else (0.5 * float(apart.min()) if len(apart) and seen > 0 else 0.0)
    return Ties(bool(keep), float(step), width, seen, expected)


def spread(
    ties: Ties, offsets: NDArray[np.int64], time: NDArray[np.float64], streams: Streams
) -> NDArray[np.float64]:
    """Times with ties broken, still rising and in their order; as they are where ties are kept or need no jitter.

    Parameters
    ----------
    ties : Ties
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
    streams : Streams
        Of the N entities.
    """
    if ties.keep or ties.width <= 0:
        return time
    out: NDArray[np.float64] = loops.jittered(
        streams.key, streams.entities, offsets, np.ascontiguousarray(time, np.float64), ties.width
    )
    return out


def uniforms(offsets: NDArray[np.int64], streams: Streams) -> NDArray[np.float64]:
    """A uniform a row, from the stream of its entity, (R,)."""
    out: NDArray[np.float64] = loops.uniforms(streams.key, streams.entities, offsets)
    return out


def floor(time: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Times put down to the lattice; as they are where there is none."""
    return np.floor(time / step + 1e-9) * step if step > 0 else time


def batches(
    offsets: NDArray[np.int64], time: NDArray[np.float64], code: NDArray[np.int32], codes: int
) -> tuple[NDArray[np.bool_], Batches]:
    """Which events lead a batch, and the chain that fills batches.

    Parameters
    ----------
    offsets : int64 array, (N + 1,)
    time : float64 array, (R,)
    code : int32 array, (R,)
    codes : int
        Number M of types.

    Returns
    -------
    bool array, (R,)
        The first event of each moment.
    Batches
        Chances of more lean on those of all types by one event, types that follow on those of all by as many events
        as there are kinds of them (Witten and Bell 1991, method C).
    """
    gap, inside = gaps_of(offsets, time)
    tied = inside & (gap <= 0)
    before = np.flatnonzero(tied) - 1
    rows = np.bincount(code, minlength=codes).astype(np.float64)
    goes = np.bincount(code[before], minlength=codes).astype(np.float64)
    more = (goes + goes.sum() / max(rows.sum(), 1.0)) / (rows + 1.0)
    group = np.minimum(code[before], GROUPS - 1) if codes <= GROUPS else np.zeros(len(before), np.int64)
    counts = np.zeros((codes if codes <= GROUPS else 1, codes))
    np.add.at(counts, (group, code[tied]), 1.0)
    everywhere = np.bincount(code[tied], minlength=codes) + (1e-9 if len(before) else 1.0)
    kinds = np.maximum(np.count_nonzero(counts, axis=1), 1)[:, None]
    following = np.cumsum(counts + kinds * (everywhere / everywhere.sum()), axis=1)
    return ~tied, Batches(more, following)


def tilted(
    found: Batches, code: NDArray[np.int32], leads: NDArray[np.bool_], cell: NDArray[np.int64], cells: int
) -> Batches:
    """Batches whose types follow the season too: by how much each cell has more of a type than the chain says.

    Factors are found one after another until each cell's number of each type is met (iterative proportional fitting,
    `ROUNDS` times), and lean on one as if one event more had been expected and had come.

    Parameters
    ----------
    found : Batches
    code : int32 array, (R,)
    leads : bool array, (R,)
        The first event of each moment.
    cell : int64 array, (R,)
        Cell of the baseline of each event.
    cells : int
    """
    at = np.flatnonzero(~leads)
    if cells == 1 or len(at) == 0:
        return found
    size = len(found.more)
    group = np.minimum(code[at - 1], len(found.following) - 1)
    seen = np.zeros((cells, size))
    np.add.at(seen, (cell[at], code[at]), 1.0)
    pairs, rows = np.unique(cell[at] * len(found.following) + group, return_counts=True)
    where, which = pairs // len(found.following), pairs % len(found.following)
    weight = np.diff(found.following, axis=1, prepend=0.0)
    tilt = np.ones((cells, size))
    for _ in range(ROUNDS):
        share = weight[which] * tilt[where]
        share *= (rows / share.sum(axis=1))[:, None]
        expected = np.zeros((cells, size))
        np.add.at(expected, where, share)
        tilt = np.clip(tilt * (seen + 1.0) / (expected + 1.0), 1e-6, 1e6)
    return replace(found, tilt=tilt)
