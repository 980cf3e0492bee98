"""Figures with a row for each name: shares of levels, numbers side by side, a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.reports.drawing import Drawing, draw
from tsynth.reports.palette import INK, MUTED, REAL, SYNTHETIC
from tsynth.reports.scales import linear, numbers
from tsynth.reports.words import clean, ems, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["BAR", "WIDTH", "bars", "beside", "margin", "ranking"]

WIDTH = 280
"""Pixels of every small figure at 100 %."""
BAR: dict[str, Any] = dict(facecolor=(REAL, 0.36), edgecolor=REAL, linewidth=0.7)
_ROW = 16.5


def bars(
    key: str,
    label: str,
    levels: Sequence[Any],
    real: Sequence[Any],
    synthetic: Sequence[Any],
) -> str:
    """Shares of levels, a row a level: a broad bar for real, a narrow one for synthetic."""
    names, wide, thin = _fold(list(levels), numbers(real), numbers(synthetic), 8)
    rows = len(names)
    left, height = margin(names, 9.2), 28 + _ROW * max(rows, 1)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, 4, 14, 24)
        place = np.arange(rows)
        axes.barh(place, np.nan_to_num(wide), height=0.74, **BAR)
        axes.barh(place, np.nan_to_num(thin), height=0.24, color=SYNTHETIC)
        axes.plot(np.nan_to_num(thin), place, "o", color=SYNTHETIC, markersize=4, clip_on=False)
        top = max(float(np.nanmax(np.concatenate([wide, thin, [0.0]]))), 1e-6)
        axes.set_xlim(0, top)
        axes.set_ylim(max(rows, 1) - 0.5, -0.5)
        axes.set_yticks(place, [drawing.name(n, 9.2) for n in names])
        axes.tick_params(axis="y", colors=INK, pad=5)
        _shares(axes, top)

    return draw(key, WIDTH, height, label, paint)


def beside(
    key: str,
    label: str,
    names: Sequence[str],
    real: Sequence[Any],
    synthetic: Sequence[Any],
    least: float = 0.1,
) -> str:
    """One number a row: a broad grey dot for real, a small blue one for synthetic, a line between them.

    The axis runs from 0 or below to `least` at least.
    """
    broad, thin = numbers(real), numbers(synthetic)
    left, height = margin(names, 9.2), 28 + _ROW * len(names)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, 4, 14, 24)
        place = np.arange(len(names))
        axes.hlines(place, broad, thin, color=REAL, linewidth=1)
        axes.plot(broad, place, "o", color=REAL, alpha=0.5, markersize=9, markeredgewidth=0)
        axes.plot(thin, place, "o", color=SYNTHETIC, markersize=4.5)
        known = [v for v in np.concatenate([broad, thin]) if np.isfinite(v)]
        low, high = min([0.0, *known]), max([least, 0.0, *known])
        high = high if high > low else low + 0.1
        axes.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.axvline(0, color=MUTED, linewidth=0.6)
        axes.spines["left"].set_visible(False)
        axes.set_yticks(place, [drawing.name(n, 9.2) for n in names])
        axes.tick_params(axis="y", colors=INK, pad=5)
        linear(np.array(axes.get_xlim()), 5).label(axes)

    return draw(key, WIDTH, height, label, paint)


def ranking(key: str, label: str, names: Sequence[str], values: Sequence[float]) -> str:
    """Numbers of named things as bars, largest first, at most eight."""
    order = np.argsort(-numbers(list(values)), kind="stable")[:8]
    kept, sizes = [names[i] for i in order], numbers([values[i] for i in order])
    rows = max(len(kept), 1)
    left, height = margin(kept, 12.5), 28 + _ROW * rows

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, 4, 14, 24)
        axes.barh(np.arange(len(kept)), np.nan_to_num(sizes), height=0.4, color=SYNTHETIC)
        ends = np.concatenate([sizes[np.isfinite(sizes)], [0.0]])
        low, high = float(ends.min()), float(ends.max())
        axes.set_xlim(low, high if high > low else low + 1e-6)
        axes.set_ylim(max(rows, 1) - 0.5, -0.5)
        axes.set_yticks(np.arange(len(kept)), [drawing.name(n, 12.5) for n in kept])
        axes.tick_params(axis="y", colors=INK, pad=5)
        linear(np.array([low, high if high > low else low + 1e-6]), 4).label(axes)

    return draw(key, WIDTH, height, label, paint)


# -- inside


def margin(names: Sequence[Any], most: float) -> float:
    """Room in pixels for the longest name."""
    return 12 + 10.5 * min(max([ems(clean(n)) for n in names] or [0.0]), most)


def _fold(
    levels: list[Any], real: NDArray[np.float64], synthetic: NDArray[np.float64], most: int
) -> tuple[list[Any], NDArray[np.float64], NDArray[np.float64]]:
    """The most frequent levels, the others as one."""
    if len(levels) <= most + 1:
        return levels, real, synthetic
    weight = np.nan_to_num(real) + np.nan_to_num(synthetic)
    last = str(levels[-1]) == "other"
    order = np.argsort(-(weight[:-1] if last else weight), kind="stable")
    kept, rest = np.sort(order[:most]), np.setdiff1d(np.arange(len(levels)), order[:most])
    return (
        [*(levels[i] for i in kept), f"other ({len(rest) - last})" if not last else "other"],
        np.append(real[kept], np.nansum(real[rest])),
        np.append(synthetic[kept], np.nansum(synthetic[rest])),
    )


def _shares(axes: Axes, top: float) -> None:
    scale = linear(np.array([0.0, top]), 4)
    axes.set_xticks([at for at, _ in scale.ticks], [share(at) for at, _ in scale.ticks])
    axes.grid(axis="x")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
