"""Whole sequences as timelines. A release draws synthetic ones only; see `tsynth.reports.private` for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.reports.drawing import Drawing, draw
from tsynth.reports.palette import INK, MUTED, RULE, SYNTHETIC
from tsynth.reports.rows import WIDTH
from tsynth.reports.scales import Scale, linear, tick, times
from tsynth.reports.words import UNITS, clean, number, of
from tsynth.scores.words import time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences
    from tsynth.reports.examples import Example

__all__ = ["Sheet", "Timeline", "choose", "timelines"]

_LANES, _TRACKS = 6, 3
_LANE, _TRACK, _LEFT, _BOTTOM = 13.5, 52.0, 80.0, 22.0


@dataclass(frozen=True)
class Timeline:
    """One drawn sequence: its heading and its picture."""

    title: str
    note: str
    svg: str
    away: tuple[str, ...] = ()


def timelines(
    data: Sequences, most: int = 8, plain: Sequence[tuple[int, Sequence[Example]]] = ()
) -> tuple[list[Timeline], list[Timeline], str]:
    """Draw whole sequences, from short to long, on one time axis and with one scale a column.

    Parameters
    ----------
    data : Sequences
        Synthetic ones.
    most : int
    plain : sequence of (int, examples)
        Places of those that gave themselves away, with what each judge said.

    Returns
    -------
    list of Timeline
        Chosen evenly; empty where no sequence has a row.
    list of Timeline
        Those of `plain`, on the same scales.
    str
        What is drawn, in a sentence.
    """
    chosen = choose(data, most)
    if not chosen.size:
        return [], [], ""
    some = data.take(np.concatenate([chosen, np.array([i for i, _ in plain], dtype=np.int64)]))
    sheet = Sheet([some])
    drawn = [
        Timeline(f"Sequence {i + 1}", of(int(some.lengths[i]), "row", "rows"), sheet.svg(f"sequence-{i}", i))
        for i in range(len(chosen))
    ]
    told = [
        Timeline(
            f"Sequence {i + 1}",
            of(int(some.lengths[i]), "row", "rows"),
            sheet.svg(f"plain-{i}", i),
            tuple(f"{e.judge}: {e.sure} sure." + "".join(f" {a}" for a in e.away[:2]) for e in said),
        )
        for i, (_, said) in enumerate(plain, start=len(chosen))
    ]
    lengths = some.lengths[: len(chosen)]
    shortest, longest = int(lengths.min()), int(lengths.max())
    spread = (
        f"from {number(shortest)} to {number(longest)} rows"
        if shortest < longest
        else "from the whole release"
    )
    return drawn, told, f"Chosen evenly {spread}; {sheet.sentence()}"


def choose(data: Sequences, most: int) -> NDArray[np.int64]:
    """Entities with rows, evenly from short to long, without the shortest and longest twentieth."""
    having = np.flatnonzero(data.lengths > 0)
    order = having[np.argsort(data.lengths[having], kind="stable")]
    if order.size <= most:
        return order
    places = np.linspace(0.05, 0.95, most) * (order.size - 1)
    return order[np.unique(np.round(places).astype(int))]


class Sheet:
    """Axes that all sequences of a page share, so that they can be held against each other.

    Parameters
    ----------
    sides : list of Sequences
        Whose sequences are drawn, all of one schema.
    relative : bool
        Time runs from each sequence's first row although there is a calendar.
    """

    def __init__(self, sides: list[Sequences], relative: bool = False) -> None:
        self.sides = sides
        self.calendar = all(d.calendar for d in sides) and not relative
        self.mark, self.tracks = _columns(sides)
        self.lanes = _lanes(sides, self.mark)
        self.ranges = {c.name: _range(_pooled(sides, c.name)) for c in self.tracks}
        self.base = [
            d.time
            if self.calendar
            else d.time - np.repeat(d.time[d.offsets[:-1][d.lengths > 0]], d.lengths[d.lengths > 0])
            for d in sides
        ]
        self.scale = _axis(sides[0], np.concatenate(self.base), self.calendar)

    def svg(
        self, key: str, i: int, side: int = 0, label: str = "A synthetic sequence", colour: str = SYNTHETIC
    ) -> str:
        """The picture of one sequence.

        Parameters
        ----------
        key : str
            Unique in the page.
        i, side : int
            Which sequence of which side.
        label : str
            What it is, for those who do not see it.
        colour : str
            One of `tsynth.reports.palette`.
        """
        data = self.sides[side]
        rows = slice(int(data.offsets[i]), int(data.offsets[i + 1]))
        return _picture(self, key, data, rows, self.base[side][rows], label, colour)

    def sentence(self) -> str:
        """What is drawn."""
        data = self.sides[0]
        unit = time_unit(data.schema)
        since = "from the first row" if unit == "step" else f"in {UNITS[unit]} from the first row"
        parts = []
        if self.tracks:
            parts.append("lines show " + " and ".join(clean(c.name) for c in self.tracks))
        if self.mark:
            rare = (
                " (rare codes together)"
                if len(self.lanes) == _LANES and self.lanes[-1][0] == "others"
                else ""
            )
            parts.append(f"ticks show {clean(self.mark.name)}{rare}")
        axis = "by the calendar" if self.calendar else since
        return f"time runs {axis}; " + ", ".join(parts or ["ticks show rows"]) + "."


def _columns(sides: list[Sequences]) -> tuple[Column | None, list[Column]]:
    """The category that makes the lanes, and the numbers that make the tracks."""
    first = sides[0].schema.dynamic
    dynamic = [c for c in first if c.role != "order" and all(c.name in d for d in sides)]
    discrete = [c for c in dynamic if c.discrete and (c.levels or c.kind == "boolean")]
    mark = max(discrete, key=lambda c: _telling(sides, c), default=None)
    wanted = [c for c in dynamic if c.kind in ("continuous", "count")]
    known = [c for c in wanted if np.isfinite(_pooled(sides, c.name)).any()]
    return mark, known[: _TRACKS - 1 if mark else _TRACKS]


def _pooled(sides: list[Sequences], name: str) -> NDArray[np.float64]:
    return np.concatenate([d.numeric(name) for d in sides])


def _counts(sides: list[Sequences], name: str) -> dict[str, int]:
    """Rows of each level, in the order of the levels."""
    found: dict[str, int] = {}
    for data in sides:
        codes, names = data.codes(name), _names(data, name)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        for level, n in zip(names, counts, strict=True):
            found[level] = found.get(level, 0) + int(n)
    return found


def _names(data: Sequences, name: str) -> list[str]:
    return [clean(level) for level in data.schema[name].levels or (False, True)]


def _telling(sides: list[Sequences], column: Column) -> float:
    """Bits that a row's code tells, on average over all rows."""
    counts = np.array([n for n in _counts(sides, column.name).values() if n])
    shares = counts / max(sum(d.n_rows for d in sides), 1)
    return float(-(shares * np.log2(shares / max(shares.sum(), 1e-12))).sum()) if shares.size else -1.0


def _lanes(sides: list[Sequences], mark: Column | None) -> list[tuple[str, list[str]]]:
    """Lanes from the most frequent code down, the others together."""
    if mark is None:
        return []
    counts = _counts(sides, mark.name)
    order = [level for level in sorted(counts, key=lambda level: -counts[level]) if counts[level]]
    if len(order) <= _LANES:
        return [(level, [level]) for level in order]
    return [*((level, [level]) for level in order[: _LANES - 1]), ("others", order[_LANES - 1 :])]


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(v) for v in np.quantile(known, [0.005, 0.995]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _axis(data: Sequences, base: NDArray[np.float64], calendar: bool) -> Scale:
    ends = np.array([float(np.nanmin(base)), float(np.nanmax(base))])
    if ends[1] <= ends[0]:
        ends = np.array([ends[0] - 0.5, ends[0] + 0.5])
    if not calendar:
        return linear(ends)
    from tsynth.data.clock import TICKS

    unit = TICKS.get(data.schema.time_unit, TICKS["d"]) / TICKS["d"]
    try:
        texts = [(datetime(1970, 1, 1) + timedelta(days=float(e) * unit)).isoformat() for e in ends]
    except OverflowError:
        return linear(ends)
    days = times(texts)
    return Scale(ends, [(at / unit, text) for at, text in days.ticks])


def _picture(
    sheet: Sheet, key: str, data: Sequences, rows: slice, x: NDArray[np.float64], label: str, colour: str
) -> str:
    mark, lanes, tracks, scale = sheet.mark, sheet.lanes, sheet.tracks, sheet.scale
    track = 2 * _TRACK if len(tracks) == 1 and not mark else _TRACK
    high = track * len(tracks)
    low = _LANE * len(lanes) if mark else (0.0 if tracks else _LANE)
    height = 4 + high + (6 if tracks and low else 0) + low + _BOTTOM
    ends = (float(scale.places[0]), float(scale.places[1]))
    pad = 0.02 * (ends[1] - ends[0])

    def paint(drawing: Drawing) -> None:
        axes = None
        for k, column in enumerate(tracks):
            top = 4 + track * k
            axes = drawing.axes(_LEFT, top + 3, 8, height - top - track + 5)
            px, py = _thin(x, data.numeric(column.name)[rows], ends)
            few = len(px) <= 60
            style: dict[str, Any] = dict(marker="o", markersize=2.4) if few else {}
            axes.plot(px, py, color=colour, linewidth=1.1, solid_joinstyle="round", **style)
            bottom, peak = sheet.ranges[column.name]
            room = 0.08 * (peak - bottom)
            axes.set_ylim(bottom - room, peak + room)
            axes.set_yticks([])
            for side in ("left", "bottom"):
                axes.spines[side].set_color(RULE)
            axes.text(
                -0.04, 0.5, drawing.name(column.name, 6.4), transform=axes.transAxes, ha="right", va="center"
            )
            for at, text, place in ((1.0, tick(peak), "top"), (0.0, tick(bottom), "bottom")):
                axes.text(
                    -0.04, at, text, transform=axes.transAxes, ha="right", va=place, color=MUTED, fontsize=8.5
                )
            axes.set_xlim(ends[0] - pad, ends[1] + pad)
            axes.set_xticks([])
        if low:
            axes = drawing.axes(_LEFT, height - _BOTTOM - low, 8, _BOTTOM)
            count_lanes = max(len(lanes), 1)
            codes = data.codes(mark.name)[rows] if mark else np.zeros(len(x), np.int32)
            names = _names(data, mark.name) if mark else [""]
            for k, (_, members) in enumerate(lanes or [("", [""])]):
                wanted = [c for c, level in enumerate(names) if level in members]
                here = _distinct(x[np.isin(codes, wanted)], ends)
                ends_of = np.column_stack([np.full(len(here), k - 0.34), np.full(len(here), k + 0.34)])
                _strokes(axes, here, ends_of, colour)
            axes.hlines(
                np.arange(count_lanes), ends[0] - pad, ends[1] + pad, color=RULE, linewidth=0.5, zorder=0
            )
            axes.set_ylim(count_lanes - 0.5, -0.5)
            axes.set_yticks(np.arange(len(lanes)), [drawing.name(n, 7.2) for n, _ in lanes])
            axes.tick_params(axis="y", colors=INK, labelsize=9.5)
            axes.spines["left"].set_visible(False)
            axes.set_xlim(ends[0] - pad, ends[1] + pad)
        if axes is not None:
            axes.spines["bottom"].set_color(MUTED)
            scale.label(axes)

    return draw(key, WIDTH, height, f"{label} of {len(x)} rows over time", paint)


def _strokes(axes: Axes, at: NDArray[np.float64], ends: NDArray[np.float64], colour: str) -> None:
    """Upright strokes as one path, which is far smaller than a path each."""
    x = np.repeat(at, 3)
    y = np.column_stack([ends, np.full(len(at), np.nan)]).ravel()
    axes.plot(x, y, color=colour, linewidth=1.2, alpha=0.85, solid_capstyle="butt")


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64], ends: tuple[float, float], most: int = 400
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `most` points; of many in one place the smallest and the largest."""
    known = np.isfinite(x)
    x, y = x[known], y[known]
    if len(x) <= most:
        return x, y
    cell = np.floor((x - ends[0]) / (ends[1] - ends[0]) * (most // 2 - 1)).astype(int)
    keep: list[int] = []
    for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(cell)) + 1):
        values = y[part]
        if np.isfinite(values).any():
            keep += sorted({int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])})
    return x[keep], y[keep]


def _distinct(x: NDArray[np.float64], ends: tuple[float, float], places: int = 380) -> NDArray[np.float64]:
    """Times that can be told apart at the width of a panel."""
    span = ends[1] - ends[0]
    return np.unique(np.round((x[np.isfinite(x)] - ends[0]) / span * places)) / places * span + ends[0]
