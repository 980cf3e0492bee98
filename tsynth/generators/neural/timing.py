"""Time before learning: classes of gaps, hours of the week, cycles of times whose unit is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows

__all__ = ["cycle", "gap_classes", "hours"]

CLASSES = 44
"""Classes of gaps, about."""


def cycle(time: NDArray[np.float64], lattice: float) -> float:
    """Length of the day of times whose unit is not known: the cycle in which rows gather, 0 where there is none.

    Whole numbers of 24, 12 or 7 steps are tried; rows must gather there with a chi-square of ten times its degrees of
    freedom and more, and the more so the better.
    """
    if lattice <= 0 or len(time) < 500 or np.ptp(time) < 100 * lattice:
        return 0.0
    step = np.rint((time - time.min()) / lattice).astype(np.int64)
    best, found = 10.0, 0.0
    for size in (24, 12, 7):
        place = np.rint(time / lattice).astype(np.int64) % size
        seen = np.bincount(place, minlength=size)
        every = np.bincount(np.arange(step.max() + 1) % size, minlength=size)
        expected = len(time) * np.roll(every / every.sum(), int(np.rint(time.min() / lattice)) % size)
        excess = float(np.sum((seen - expected) ** 2 / expected)) / (size - 1)
        if excess > best:
            best, found = excess, size * lattice
    return found


def gap_classes(gaps: NDArray[np.float64], view: Rows, lattice: float) -> dict[str, Any]:
    """Lower edges of classes of about equal size, heavy single gaps apart, and quantiles inside each."""
    if len(gaps) == 0:
        return {"edges": np.array([0.0, np.inf]), "inner": np.array([[0.0, 1.0]])}
    distinct, count = np.unique(gaps, return_counts=True)
    size = max(8.0, len(gaps) / CLASSES)
    edges, cuts, held = [float(distinct[0])], [0], 0
    for j in range(1, len(distinct)):
        held += int(count[j - 1])
        enough = held >= size or (held >= 4 and count[j] >= size) or (distinct[j - 1] == 0 and held >= 4)
        if enough and len(gaps) - np.sum(count[:j]) >= 4:
            edges.append(float(distinct[j]))
            cuts.append(j)
            held = 0
    cuts.append(len(distinct))
    inner = np.zeros((len(edges), 9))
    for k in range(len(edges)):
        values = np.repeat(distinct[cuts[k] : cuts[k + 1]], count[cuts[k] : cuts[k + 1]])
        inner[k] = np.quantile(values, np.linspace(0.0, 1.0, 9))
        if lattice > 0 and inner[k, -1] > inner[k, 0]:
            inner[k, 0] -= 0.5 * lattice
            inner[k, -1] += 0.499 * lattice
    if len(values) >= 8:  # the longest gap is one entity's own
        inner[-1, -1] = min(inner[-1, -1], float(np.mean(values[-5:])))
        inner[-1] = np.minimum(inner[-1], inner[-1, -1])
    return {"edges": np.array([*edges, np.inf]), "inner": inner}


def hours(
    view: Rows, gaps: NDArray[np.float64], inside: NDArray[np.bool_], made: dict[str, Any]
) -> NDArray[np.float64]:
    """Weight of each hour of the week (of the day, where rows are few) beyond what the classes of gaps say."""
    if not (made["subday"] and not made["ticked"]):
        return np.ones(1)
    size = 168 if inside.sum() >= 20_000 and made["calendar"] else 24
    edges, inner, day = made["edges"], made["inner"], made["day"]
    at = np.flatnonzero(inside)
    kind = np.searchsorted(edges, gaps[at], side="right") - 1
    wide = (inner[kind, -1] - inner[kind, 0]) > day / 48
    at, kind = at[wide], kind[wide]
    if len(at) < 50:
        return np.ones(1)
    u = np.linspace(0.02, 0.98, 24) * (inner.shape[1] - 1)
    low = u.astype(np.int64)
    between = inner[:, low] + (u - low) * (inner[:, low + 1] - inner[:, low])
    began = view.time[at] - gaps[at]
    where = np.floor((began[:, None] + between[kind]) / day * 24.0).astype(np.int64) % size
    seen = np.bincount(np.floor(view.time[at] / day * 24.0 + 1e-6).astype(np.int64) % size, minlength=size)
    weight = np.ones(size)
    for _ in range(6):
        drawn = weight[where]
        drawn /= drawn.sum(axis=1, keepdims=True)
        expected = np.bincount(where.ravel(), weights=drawn.ravel(), minlength=size)
        weight *= (seen + 0.5) / (expected + 0.5)
        weight = np.clip(weight / weight.mean(), 1e-4, 1e3)
    return weight
