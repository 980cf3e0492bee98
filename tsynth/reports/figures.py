"""Figures: real (grey, filled) and synthetic (blue, a line) over each other, all of one size."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.reports.cells import Cells, cells
from tsynth.reports.drawing import Drawing, draw
from tsynth.reports.palette import INK, MUTED, REAL, RULE, SYNTHETIC
from tsynth.reports.rows import BAR, WIDTH, margin
from tsynth.reports.scales import Scale, linear, numbers, stretched, tick, times
from tsynth.reports.words import clean, ems, share, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["HEIGHT", "bubbles", "curves", "histogram", "profile", "spikes"]

HEIGHT = 158
_BAND: dict[str, Any] = dict(facecolor=(REAL, 0.36), linewidth=0)
_THIN: dict[str, Any] = dict(color=SYNTHETIC, linewidth=1.5, solid_joinstyle="round")


def histogram(
    key: str,
    label: str,
    curve: Mapping[str, Any],
    log: bool | None = None,
    names: tuple[str, str] = ("real", "synthetic"),
) -> str:
    """Densities of both over unequal cells; cells of width 0 are spikes with a scale of their own.

    Parameters
    ----------
    key, label : str
        As for `draw`.
    curve : mapping
        ``edges`` and two lists of shares, ``dates`` as the scores say.
    log : bool, optional
        Whether the axis is stretched; found from the edges where not told.
    names : (str, str)
        Keys of the two lists: the filled one, the line.
    """
    filled, line = numbers(curve[names[0]]), numbers(curve[names[1]])
    scale, sorted_cells = _sorted(curve, log, names)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(8, 8, 10, 22)
        low, high = float(np.min(scale.places)), float(np.max(scale.places))
        top = 1.0
        if sorted_cells.low.size:
            low, high = min(low, float(sorted_cells.low.min())), max(high, float(sorted_cells.high.max()))
            heights = [sorted_cells.density(shares) for shares in (filled, line)]
            top = max([float(h) for h in np.concatenate(heights) if np.isfinite(h)] + [0.0]) or 1.0
            x, y = _steps(sorted_cells.low, sorted_cells.high, heights[0])
            axes.fill_between(x, 0, np.nan_to_num(y), **_BAND)
            axes.plot(x, y, color=REAL, linewidth=0.8)
            axes.plot(*_steps(sorted_cells.low, sorted_cells.high, heights[1]), **_THIN)
        single = np.flatnonzero(~sorted_cells.wide)
        if single.size:
            _stems(axes, scale.places[:-1][single], filled[single], line[single], top)
        pad = 0.03 * (high - low) or 0.5
        axes.set_xlim(low - pad, high + pad)
        axes.set_ylim(0, 1.06 * top)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        scale.label(axes)

    return draw(key, WIDTH, HEIGHT, label, paint)


def spikes(curve: Mapping[str, Any], log: bool | None = None) -> list[tuple[str, Any, Any]]:
    """The single values of a histogram: what, share of real, share of synthetic; most frequent first."""
    _, sorted_cells = _sorted(curve, log, ("real", "synthetic"))
    edges = curve["edges"]
    said = [str(e)[:10] if curve.get("dates") else tick(float(e)) for e in edges]
    found = []
    for k in np.flatnonzero(~sorted_cells.wide):
        what = f"at {said[k]}"
        if edges[k] != edges[k + 1] and k in (0, len(edges) - 2):
            what = f"up to {said[1]}" if k == 0 else f"from {said[-2]}"
        found.append((what, curve["real"][k], curve["synthetic"][k]))
    return sorted(found, key=lambda s: -max(s[1] or 0, s[2] or 0))


def _sorted(curve: Mapping[str, Any], log: bool | None, names: tuple[str, str]) -> tuple[Scale, Cells]:
    """The axis of a histogram, and its cells on it."""
    real, synthetic = numbers(curve[names[0]]), numbers(curve[names[1]])
    if curve.get("dates"):
        scale = times(list(curve["edges"]))
        return scale, cells(scale.places, real, synthetic, float(scale.places[0]))
    values = numbers(curve["edges"])
    if _heavy(values, real) if log is None else log:
        scale = stretched(values)
        return scale, cells(scale.places, real, synthetic)
    scale = linear(values)
    return scale, cells(scale.places, real, synthetic, 0.0 if values[0] >= 0 else -np.inf)


def profile(
    key: str,
    label: str,
    levels: Sequence[Any],
    real: Sequence[Any],
    synthetic: Sequence[Any],
    shares: bool = True,
) -> str:
    """Shares over an ordered, short scale, such as weekday: columns for real, dots on a line for synthetic.

    Parameters
    ----------
    key, label : str
        As for `draw`.
    levels, real, synthetic : sequence
        Same length.
    shares : bool
        The y axis is labelled in percent.
    """
    broad, thin = numbers(real), numbers(synthetic)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(36, 8, 8, 22)
        place = np.arange(len(levels))
        axes.bar(place, np.nan_to_num(broad), width=0.82, **BAR)
        size = 4 if len(levels) <= 14 else 2.4
        axes.plot(place, thin, "-o", markersize=size, **_THIN)
        axes.set_xlim(-0.6, len(levels) - 0.4)
        step = _every([ems(clean(level)) for level in levels], 22.5 / max(len(levels), 1))
        axes.set_xticks(place[::step], [drawing.name(levels[i], 7) for i in place[::step]])
        _heights(axes, float(np.nanmax(np.concatenate([broad, thin, [1e-6]]))), shares)

    return draw(key, WIDTH, HEIGHT, label, paint)


def curves(
    key: str, label: str, x: Sequence[Any], real: Sequence[Any], synthetic: Sequence[Any], *,
    dates: bool = False, signed: bool = False, shares: bool = False, diagonal: bool = False,
    log_x: bool = False, step: bool = False, top: float | None = None,
) -> str:  # fmt: skip
    """Two lines over x: a broad grey one for real, a thin blue one for synthetic.

    Parameters
    ----------
    key, label : str
        As for `draw`.
    x, real, synthetic : sequence
        Same length; ``real`` may be empty.
    dates : bool
        `x` are ISO texts.
    signed : bool
        The y axis holds 0 in its middle part and is labelled as a number from -1 to 1.
    shares : bool
        The y axis is labelled in percent.
    diagonal : bool
        A line from corner to corner: what guessing gives.
    log_x, step : bool
        The x axis is stretched; lines are staircases that keep each value up to the next place.
    top : float, optional
        Where the y axis ends, in place of the largest value.
    """
    scale = times([str(v) for v in x]) if dates else stretched(numbers(x)) if log_x else linear(numbers(x))
    broad, thin = numbers(real), numbers(synthetic)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(36, 8, 10, 22)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, dashes=(4, 3))
        stair: dict[str, Any] = dict(drawstyle="steps-post") if step else {}
        if broad.size:
            axes.plot(
                scale.places, broad, color=REAL, alpha=0.45, linewidth=4.5, solid_capstyle="round", **stair
            )
            known = np.isfinite(np.concatenate([[np.nan], broad, [np.nan]]))
            alone = known[1:-1] & ~known[:-2] & ~known[2:]
            axes.plot(
                scale.places[alone],
                broad[alone],
                "o",
                color=REAL,
                alpha=0.45,
                markersize=5,
                markeredgewidth=0,
            )
        marker: dict[str, Any] = dict(marker="o", markersize=3) if len(thin) <= 24 and not step else {}
        axes.plot(scale.places, thin, **_THIN, **marker, **stair)
        values = np.concatenate([broad, thin])
        values = values[np.isfinite(values)]
        if signed:
            low, high = min([0.0, *values]), max([0.1, *values])
            axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
            axes.axhline(0, color=MUTED, linewidth=0.6)
            _numbers_left(axes)
        elif shares:
            _heights(axes, top or (float(values.max()) if values.size and values.max() > 0 else 1.0))
        else:
            _numbers_left(axes)
        scale.label(axes)

    return draw(key, WIDTH, HEIGHT, label, paint)


def bubbles(
    key: str, label: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> str:
    """A matrix as circles: area is size, a full blue one is above 0, a hollow grey one below."""
    matrix = np.array([numbers(row) for row in values]).reshape(len(rows), len(columns))
    if max(ems(clean(r)) for r in rows) > 9:
        rows = [f"{shorten(r, 17)}  {i + 1}" for i, r in enumerate(rows)]
        columns = [str(i + 1) if i < len(rows) else c for i, c in enumerate(columns)]
    cell = min(34.0, 330.0 / max(len(columns), 1), 380.0 / max(len(rows), 1))
    left, top, edge = margin(rows, 19.5), 18 + 9.2 * min(max(ems(clean(c)) for c in columns), 8), 6.0
    width, height = max(left + edge + cell * len(columns) + 34, 300.0), top + edge + cell * len(rows)
    steep = _every([ems(clean(c)) for c in columns], cell / 10.5, 0.2) > 1

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, top, width - left - cell * len(columns), edge)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(np.arange(len(columns)), [drawing.name(c, 8) for c in columns])
        axes.tick_params(axis="x", rotation=60 if steep else 0)
        for written in axes.get_xticklabels() if steep else ():
            written.set_horizontalalignment("left")
        axes.set_yticks(np.arange(len(rows)), [drawing.name(r, 19.5) for r in rows])
        axes.xaxis.tick_top()
        axes.tick_params(axis="both", length=0, colors=INK, labelsize=10.5, pad=4)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.hlines(np.arange(len(rows)), -0.5, len(columns) - 0.5, color=RULE, linewidth=0.6, zorder=0)
        axes.vlines(np.arange(len(columns)), -0.5, len(rows) - 0.5, color=RULE, linewidth=0.6, zorder=0)
        largest = float(np.nanmax(np.abs(matrix))) if np.isfinite(matrix).any() else 1.0
        i, j = np.nonzero(np.nan_to_num(np.abs(matrix)) > 0.02 * largest)
        size = (cell * 0.92) ** 2 * np.abs(matrix[i, j]) / (largest or 1.0)
        up = matrix[i, j] > 0
        axes.scatter(j[up], i[up], s=size[up], color=SYNTHETIC, linewidths=0, zorder=3)
        axes.scatter(
            j[~up], i[~up], s=size[~up], facecolors="none", edgecolors=REAL, linewidths=1.6, zorder=3
        )

    return draw(key, width, height, label, paint)


# -- inside


def _heavy(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> bool:
    """Whether the mass crowds into a small part of the axis, so that it should be stretched."""
    mass = np.cumsum(np.nan_to_num(shares))
    if len(edges) < 6 or mass[-1] <= 0:
        return False
    low, middle, high = np.searchsorted(mass, np.array([0.25, 0.5, 0.75]) * mass[-1])
    span, half = float(np.ptp(edges)), float(edges[high + 1] - edges[low])
    below = float(edges[middle + 1] - edges[0])
    return span > 9 * half or span > 9 * below


def _every(sizes: list[float], room: float, between: float = 0.6) -> int:
    """Which labels to write, every first, second, third ..., so that none touches the next."""
    for step in (1, 2, 3, 5):
        shown = sizes[::step]
        if all((a + b) / 2 + between < step * room for a, b in itertools.pairwise(shown)):
            return step
    return 6


def _steps(
    low: NDArray[np.float64], high: NDArray[np.float64], level: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of a stair that starts and ends on the ground."""
    if not low.size:
        return np.empty(0), np.empty(0)
    x = np.column_stack([low, high]).ravel()
    y = np.repeat(level, 2)
    return np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[0.0], y, [0.0]])


def _stems(
    axes: Axes, at: NDArray[np.float64], real: NDArray[np.float64], synthetic: NDArray[np.float64], top: float
) -> None:
    """Single values: a broad stem and a thin one with a head, scaled so that the tallest nearly fills the panel."""
    tallest = float(np.nanmax(np.concatenate([real, synthetic, [1e-9]])))
    reach = 0.94 * top / tallest
    axes.vlines(at, 0, np.nan_to_num(real) * reach, color=REAL, alpha=0.45, linewidth=6)
    axes.vlines(at, 0, np.nan_to_num(synthetic) * reach, color=SYNTHETIC, linewidth=1.5)
    axes.plot(at, synthetic * reach, "o", color=SYNTHETIC, markersize=4.5)


def _heights(axes: Axes, top: float, shares: bool = True) -> None:
    scale = linear(np.array([0.0, top]), 4)
    axes.set_ylim(0, 1.06 * top)
    axes.set_yticks(
        [at for at, _ in scale.ticks], [share(at) if shares else text for at, text in scale.ticks]
    )
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)


def _numbers_left(axes: Axes) -> None:
    low, high = axes.get_ylim()
    scale: Scale = linear(np.array([low, high]), 5)
    axes.set_ylim(low, high)
    axes.set_yticks([at for at, _ in scale.ticks], [tick(at) for at, _ in scale.ticks])
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
