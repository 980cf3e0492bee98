"""Figures: real (grey, filled) and synthetic (blue, a line) over each other, all of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.reports.drawing import Drawing, draw
from tsynth.reports.palette import INK, MUTED, REAL, RULE, SYNTHETIC
from tsynth.reports.scales import Scale, linear, numbers, stretched, tick, times
from tsynth.reports.words import clean, ems, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["HEIGHT", "WIDTH", "bars", "bubbles", "curves", "histogram", "profile", "ranking", "spikes"]

WIDTH, HEIGHT = 280, 158
_BAND_HEIGHT = 16.5
_BAND: dict[str, Any] = dict(facecolor=(REAL, 0.36), linewidth=0)
_BAR: dict[str, Any] = dict(facecolor=(REAL, 0.36), edgecolor=REAL, linewidth=0.7)
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
    edges = list(curve["edges"])
    filled, line = numbers(curve[names[0]]), numbers(curve[names[1]])
    if curve.get("dates"):
        scale = times(edges)
    else:
        values = numbers(edges)
        scale = stretched(values) if (_heavy(values, filled) if log is None else log) else linear(values)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(8, 8, 10, 22)
        widths = np.diff(scale.places)
        wide = widths > 1e-12
        tops = [0.0]
        for shares, front in ((filled, False), (line, True)):
            density = np.full(len(shares), np.nan)
            density[wide] = shares[wide] / widths[wide]
            x, y = _steps(scale.places[:-1][wide], scale.places[1:][wide], density[wide])
            if front:
                axes.plot(x, y, **_THIN)
            else:
                axes.fill_between(x, 0, np.nan_to_num(y), **_BAND)
                axes.plot(x, y, color=REAL, linewidth=0.8)
            tops += [float(v) for v in density[wide] if np.isfinite(v)]
        top = max(tops) or 1.0
        single = np.flatnonzero(~wide)
        if single.size:
            _stems(axes, scale.places[:-1][single], filled[single], line[single], top)
        low, high = float(np.min(scale.places)), float(np.max(scale.places))
        pad = 0.03 * (high - low) or 0.5
        axes.set_xlim(low - pad, high + pad)
        axes.set_ylim(0, 1.06 * top)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        scale.label(axes)

    return draw(key, WIDTH, HEIGHT, label, paint)


def spikes(curve: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The single values of a histogram: what, share of real, share of synthetic; most frequent first."""
    edges = curve["edges"]
    found = [
        (str(a) if curve.get("dates") else tick(float(a)), real, synthetic)
        for a, b, real, synthetic in zip(
            edges[:-1], edges[1:], curve["real"], curve["synthetic"], strict=True
        )
        if a == b
    ]
    return sorted(found, key=lambda s: -max(s[1] or 0, s[2] or 0))


def bars(key: str, label: str, levels: Sequence[Any], real: Sequence[Any], synthetic: Sequence[Any]) -> str:
    """Shares of levels, a row a level: a broad bar for real, a narrow one for synthetic."""
    names, wide, thin = _fold(list(levels), numbers(real), numbers(synthetic), 8)
    rows = len(names)
    left, height = _margin(names, 9.2), 28 + _BAND_HEIGHT * max(rows, 1)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, 4, 14, 24)
        place = np.arange(rows)
        axes.barh(place, np.nan_to_num(wide), height=0.74, **_BAR)
        axes.barh(place, np.nan_to_num(thin), height=0.24, color=SYNTHETIC)
        axes.plot(np.nan_to_num(thin), place, "o", color=SYNTHETIC, markersize=4, clip_on=False)
        top = max(float(np.nanmax(np.concatenate([wide, thin, [0.0]]))), 1e-6)
        axes.set_xlim(0, top)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(place, [drawing.name(n, 9.2) for n in names])
        axes.tick_params(axis="y", colors=INK, pad=5)
        _shares(axes, top)

    return draw(key, WIDTH, height, label, paint)


def profile(
    key: str, label: str, levels: Sequence[Any], real: Sequence[Any], synthetic: Sequence[Any]
) -> str:
    """Shares over an ordered, short scale, such as weekday: columns for real, dots on a line for synthetic."""
    broad, thin = numbers(real), numbers(synthetic)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(36, 8, 8, 22)
        place = np.arange(len(levels))
        axes.bar(place, np.nan_to_num(broad), width=0.82, **_BAR)
        size = 4 if len(levels) <= 14 else 2.4
        axes.plot(place, thin, "-o", markersize=size, **_THIN)
        axes.set_xlim(-0.6, len(levels) - 0.4)
        step = 1 if len(levels) <= 12 else -(-len(levels) // 7)
        shown = place[::step]
        room = 20.0 / max(len(shown), 1)
        axes.set_xticks(shown, [drawing.name(levels[i], max(room, 2.2)) for i in shown])
        _heights(axes, float(np.nanmax(np.concatenate([broad, thin, [1e-6]]))))

    return draw(key, WIDTH, HEIGHT, label, paint)


def curves(
    key: str, label: str, x: Sequence[Any], real: Sequence[Any], synthetic: Sequence[Any], *,
    dates: bool = False, signed: bool = False, shares: bool = False, diagonal: bool = False,
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
    """
    scale = times([str(v) for v in x]) if dates else linear(numbers(x))
    broad, thin = numbers(real), numbers(synthetic)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(36, 8, 10, 22)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, dashes=(4, 3))
        if broad.size:
            axes.plot(scale.places, broad, color=REAL, alpha=0.45, linewidth=4.5, solid_capstyle="round")
        marker: dict[str, Any] = dict(marker="o", markersize=3) if len(thin) <= 24 else {}
        axes.plot(scale.places, thin, **_THIN, **marker)
        known = np.concatenate([broad, thin])
        known = known[np.isfinite(known)]
        if signed:
            low, high = min(0.0, *known, 0.0), max(0.1, *known, 0.1)
            axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
            axes.axhline(0, color=MUTED, linewidth=0.6)
            _numbers_left(axes)
        elif shares:
            _heights(axes, float(known.max()) if known.size else 1.0)
        else:
            _numbers_left(axes)
        scale.label(axes)

    return draw(key, WIDTH, HEIGHT, label, paint)


def bubbles(
    key: str, label: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> str:
    """A matrix as circles: area is size, a full blue one is above 0, a hollow grey one below."""
    matrix = np.array([numbers(row) for row in values]).reshape(len(rows), len(columns))
    cell = min(34.0, 330.0 / max(len(columns), 1), 380.0 / max(len(rows), 1))
    left, top, edge = _margin(rows, 10), 18 + 9.2 * min(max(ems(clean(c)) for c in columns), 8), 6.0
    width, height = max(left + edge + cell * len(columns) + 34, 300.0), top + edge + cell * len(rows)

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, top, width - left - cell * len(columns), edge)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(
            np.arange(len(columns)), [drawing.name(c, 8) for c in columns], rotation=60, ha="left"
        )
        axes.set_yticks(np.arange(len(rows)), [drawing.name(r, 10) for r in rows])
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


def ranking(key: str, label: str, names: Sequence[str], values: Sequence[float]) -> str:
    """Numbers of named things as bars, largest first, at most eight."""
    order = np.argsort(-numbers(list(values)), kind="stable")[:8]
    kept, sizes = [names[i] for i in order], numbers([values[i] for i in order])
    rows = max(len(kept), 1)
    left, height = _margin(kept, 12.5), 28 + _BAND_HEIGHT * rows

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(left, 4, 14, 24)
        axes.barh(np.arange(len(kept)), np.maximum(np.nan_to_num(sizes), 0), height=0.4, color=SYNTHETIC)
        axes.set_xlim(0, max(float(np.nanmax(np.concatenate([sizes, [0.0]]))), 1e-6))
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(np.arange(len(kept)), [drawing.name(n, 12.5) for n in kept])
        axes.tick_params(axis="y", colors=INK, pad=5)
        scale = linear(np.array([0.0, axes.get_xlim()[1]]), 4)
        scale.label(axes)

    return draw(key, WIDTH, height, label, paint)


# -- inside


def _margin(names: Sequence[Any], most: float) -> float:
    """Room in pixels for the longest name."""
    return 12 + 10.5 * min(max([ems(clean(n)) for n in names] or [0.0]), most)


def _heavy(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> bool:
    """Whether half of the mass crowds into a small part of the axis, so that it should be stretched."""
    mass = np.cumsum(np.nan_to_num(shares))
    if len(edges) < 6 or mass[-1] <= 0:
        return False
    low, high = np.searchsorted(mass, [0.25 * mass[-1], 0.75 * mass[-1]])
    half = float(edges[high + 1] - edges[low])
    return float(np.ptp(edges)) > 9 * half


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


def _heights(axes: Axes, top: float) -> None:
    scale = linear(np.array([0.0, top]), 4)
    axes.set_ylim(0, 1.06 * top)
    axes.set_yticks([at for at, _ in scale.ticks], [share(at) for at, _ in scale.ticks])
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)


def _numbers_left(axes: Axes) -> None:
    low, high = axes.get_ylim()
    scale: Scale = linear(np.array([low, high]), 5)
    axes.set_ylim(low, high)
    axes.set_yticks([at for at, _ in scale.ticks], [tick(at) for at, _ in scale.ticks])
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
