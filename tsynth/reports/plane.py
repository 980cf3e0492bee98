"""Fidelity against privacy: a point a generator, with held-out real rows and a copy as landmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsynth.reports.drawing import Drawing, draw
from tsynth.reports.palette import INK, MUTED, REAL, RULE, SYNTHETIC
from tsynth.reports.scales import linear, tick
from tsynth.reports.words import ems, number

__all__ = ["Place", "plane"]

_WIDTH, _HEIGHT = 380.0, 300.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 46.0, 12.0, 14.0, 40.0
_MARKS = (1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
_LINE = 13.0  # pixels of a line of text


@dataclass(frozen=True)
class Place:
    """Where a generator stands.

    Parameters
    ----------
    name : str
    times : float
        Times the noise floor.
    excess : float
        What an attack gets over what it gets on held-out real rows.
    interval : (float, float), optional
        95 %.
    """

    name: str
    times: float
    excess: float
    interval: tuple[float, float] | None = None


def plane(key: str, places: Sequence[Place], copied: tuple[float, float] | None = None) -> str:
    """Draw the plane; the lower left is where one wants to be.

    Parameters
    ----------
    key : str
        Unique in the page.
    places : sequence of Place
    copied : (float, float), optional
        Times the floor and excess of a copy of the training rows.
    """
    x = np.log10([max(p.times, 1e-3) for p in places])
    marks = [
        (0.0, 0.0, "held-out real rows"),
        *([(math.log10(max(copied[0], 1e-3)), copied[1], "a copy")] if copied else []),
    ]
    bounds = [e for p in places for e in (p.interval or (p.excess, p.excess))]
    across = [*x, *(m[0] for m in marks)]
    up = [*(p.excess for p in places), *bounds, *(m[1] for m in marks)]
    low, high = min(across), max(max(across), min(across) + math.log10(2))
    bottom, top = min([*up, 0.0]), max([*up, 0.05])
    pad, lift = 0.1 * (high - low), 0.1 * (top - bottom)
    low, high, bottom, top = low - pad, high + pad, bottom - lift, top + lift
    said = "; ".join(
        f"{p.name}: {number(p.times)} times the floor, attack {number(p.excess)}" for p in places
    )

    def paint(drawing: Drawing) -> None:
        axes = drawing.axes(_LEFT, _TOP, _RIGHT, _BOTTOM)
        axes.set_xlim(low, high)
        axes.set_ylim(bottom, top)
        axes.axhline(0, color=MUTED, linewidth=0.8, dashes=(4, 3))
        axes.axvline(0, color=MUTED, linewidth=0.8, dashes=(4, 3))
        axes.plot(0, 0, marker="D", color=INK, markersize=7, zorder=3)
        for at, level, _ in marks[1:]:
            axes.plot(at, level, marker="s", color=INK, markerfacecolor="none", markersize=8, zorder=3)
        for place, at in zip(places, x, strict=True):
            if place.interval:
                axes.plot(
                    [at, at], place.interval, color=SYNTHETIC, alpha=0.55, linewidth=3, solid_capstyle="round"
                )
            axes.plot(at, place.excess, "o", color=SYNTHETIC, markersize=8, zorder=4)
        points = [(at, level, name) for at, level, name in marks]
        points += [(float(at), p.excess, p.name) for p, at in zip(places, x, strict=True)]
        bars = [(float(at), *p.interval) for p, at in zip(places, x, strict=True) if p.interval]
        for i, (dx, dy, side) in enumerate(_placed(points, bars, (low, high), (bottom, top))):
            at, level, name = points[i]
            axes.annotate(
                drawing.name(name, 14), (at, level), (dx, dy), textcoords="offset points", va="center",
                ha="left" if side > 0 else "right", color=MUTED if i < len(marks) else INK,
                arrowprops=dict(arrowstyle="-", color=RULE, linewidth=0.8) if abs(dy) > 2 * _LINE else None,
            )  # fmt: skip
        shown = [m for m in _MARKS if low <= math.log10(m) <= high] or [1]
        if min(across) < -0.01:
            shown = [m for m in (0.1, 0.2, 0.5) if low <= math.log10(m)] + shown
        kept: list[float] = []
        for m in shown:
            if not kept or (math.log10(m) - math.log10(kept[-1])) / (high - low) > 0.07:
                kept.append(m)
        axes.set_xticks([math.log10(m) for m in kept], [tick(m) for m in kept])
        axes.set_xlabel("times the noise floor (left: closer to real)", fontsize=10.5)
        scale = linear(np.array([bottom, top]), 5)
        axes.set_yticks([at for at, _ in scale.ticks], [text for _, text in scale.ticks])
        axes.grid(axis="both")
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_color(REAL)

    return draw(key, _WIDTH, _HEIGHT, f"Fidelity against privacy. {said}", paint)


_Box = tuple[float, float, float, float]


def _placed(
    points: Sequence[tuple[float, float, str]],
    bars: Sequence[tuple[float, float, float]],
    across: tuple[float, float],
    up: tuple[float, float],
) -> list[tuple[float, float, int]]:
    """Offsets of the labels and the side they stand on, so that none lies on another, a dot, a bar or a line."""
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x_of(value: float) -> float:
        return (value - across[0]) / (across[1] - across[0]) * wide

    def y_of(value: float) -> float:
        return (value - up[0]) / (up[1] - up[0]) * tall

    dots = [(x_of(at), y_of(level)) for at, level, _ in points]
    taken: list[tuple[_Box, float]] = [((x - 7, y - 7, x + 7, y + 7), 10.0) for x, y in dots]
    taken += [((x_of(at) - 3, y_of(low), x_of(at) + 3, y_of(high)), 5.0) for at, low, high in bars]
    taken += [((0.0, y_of(0) - 1, wide, y_of(0) + 1), 2.0), ((x_of(0) - 1, 0.0, x_of(0) + 1, tall), 2.0)]
    out = []
    for (_, _, name), (px, py) in zip(points, dots, strict=True):
        size = 10.5 * min(ems(name), 14) + 4
        tries = []
        for shift in sorted(range(-10, 11), key=abs):
            for side in (1, -1):
                left, middle = px + 10 if side > 0 else px - 10 - size, py + shift * _LINE
                box = (left, middle - _LINE / 2, left + size, middle + _LINE / 2)
                cost = abs(shift) + 0.1 * (side < 0) + sum(c for other, c in taken if _meet(box, other))
                cost += 100 * (box[0] < -2 or box[2] > wide + _RIGHT or box[1] < 0 or box[3] > tall)
                tries.append((cost, shift * _LINE, side, box))
        _, dy, side, box = min(tries, key=lambda t: t[0])
        taken.append((box, 20.0))
        out.append((10.0 * side, dy, side))
    return out


def _meet(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
