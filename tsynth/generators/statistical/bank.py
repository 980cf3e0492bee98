"""What the block bootstrap keeps of its source: innovations on flat arrays, and a form for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.bootstrap import CIRCULAR, MOVING, STATIONARY, make_paths
from tsynth.generators.statistical.blocks import find_season, optimal_length, phase_means
from tsynth.generators.statistical.forms import (
    Form,
    choose_form,
    fill,
    grid_of,
    innovations,
    smoothing,
    spread_form,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.schema import Column

__all__ = ["METHODS", "build", "describe", "draw"]

METHODS = {"stationary": STATIONARY, "moving": MOVING, "circular": CIRCULAR}

_FOR_LENGTH = 200
"""Series of one calendar that are asked for a block length; more are thinned evenly."""


def build(
    offsets: NDArray[np.int64],
    time: NDArray[np.float64],
    values: NDArray[np.float64],
    columns: Sequence[Column],
    settings: dict[str, Any],
    ahead: bool = False,
) -> dict[str, NDArray[Any]]:
    """The bank of m series of D columns: arrays only, as `make_paths` takes them.

    Parameters
    ----------
    offsets, time, values
        The source, as in `Series`.
    columns : sequence of Column, (D,)
    settings : dict
        `method`, `block`, `season`, `shared`, `smoothing` of the generator.
    ahead : bool
        Whether paths continue the source instead of standing beside it.
    """
    m, d = len(offsets) - 1, values.shape[1]
    bank: dict[str, NDArray[Any]] = {
        "offsets": np.array(offsets, np.int64),
        "group": np.zeros(m, np.int64),
        "length": np.ones(m),
        "period": np.ones(m, np.int64),
        "source": np.array(values, np.float64),
        "levels": np.array(values, np.float64),
        "noisy": np.zeros(values.shape, np.bool_),
        "leader": np.full((m, d), -1, np.int64),
        "forms": np.zeros((m, d, 7)),
        "logged": np.zeros((m, d), np.bool_),
        "low": np.full((m, d), -np.inf),
        "high": np.full((m, d), np.inf),
        "grid": np.zeros((m, d)),
    }
    for number, members in enumerate(_calendars(offsets, time, settings["shared"])):
        bank["group"][members] = number
        if offsets[members[0] + 1] > offsets[members[0]]:
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # sums of squares of 1e300; handled as infinite
                _learn_group(bank, members, values, columns, settings, ahead)
    for array in bank.values():
        array.setflags(
            write=False
        )  # as after loading: read-only while sampling, and one machine code for both
    return bank


def draw(
    bank: dict[str, NDArray[Any]],
    method: str,
    key: np.uint64,
    noise_key: np.uint64,
    entities: NDArray[np.int64],
    steps: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Paths of `entities`, one after another, (sum of steps, D)."""
    m = len(bank["offsets"]) - 1
    out = np.empty((int(steps[entities % m].sum()), bank["source"].shape[1]))
    make_paths(
        key, noise_key, entities, bank["offsets"], bank["group"], bank["length"], bank["period"], METHODS[method],
        bank["source"], bank["levels"], bank["noisy"], bank["leader"], bank["forms"], bank["logged"], bank["low"],
        bank["high"], bank["grid"], steps, shift, out,
    )  # fmt: skip
    return out


def describe(bank: dict[str, NDArray[Any]], series: int, column: int) -> str:
    """The form of one column of one series, in words."""
    form = Form(phi=float(bank["forms"][series, column, 0]), logged=bool(bank["logged"][series, column]))
    follows = bank["leader"][series, column] >= 0
    return f"spread, {form.name}" if follows else form.name


def _calendars(
    offsets: NDArray[np.int64], time: NDArray[np.float64], shared: bool
) -> list[NDArray[np.int64]]:
    """Numbers of the series that have the same times, calendar by calendar in order of their first series."""
    if not shared:
        return [np.array([i]) for i in range(len(offsets) - 1)]
    groups: dict[bytes, list[int]] = {}
    for i, (a, b) in enumerate(pairwise(offsets)):
        groups.setdefault(time[a:b].tobytes(), []).append(i)
    return [np.array(members) for members in groups.values()]


def _learn_group(
    bank: dict[str, NDArray[Any]],
    members: NDArray[np.int64],
    values: NDArray[np.float64],
    columns: Sequence[Column],
    settings: dict[str, Any],
    ahead: bool,
) -> None:
    """Forms, innovations, season and block length of the series of one calendar."""
    offsets, d = bank["offsets"], values.shape[1]
    channels = [(int(s), c) for s in members for c in range(d)]
    raw = [values[offsets[s] : offsets[s + 1], c] for s, c in channels]
    filled = [fill(x) for x in raw]
    known = [x[np.isfinite(x)] for x in raw]
    n = len(raw[0])
    period = _season(settings["season"], filled, known, n)
    forms = [
        choose_form(x, k, period, columns[c].discrete)
        for x, k, (_, c) in zip(filled, known, channels, strict=True)
    ]
    domain = [np.log(x) if f.logged else x for x, f in zip(filled, forms, strict=True)]
    leaders = _leaders(channels, domain, forms, period)
    lengths = []
    wanted = set(np.unique(np.linspace(0, len(channels) - 1, _FOR_LENGTH).astype(int)).tolist())
    for i, (s, c) in enumerate(channels):
        rows = slice(offsets[s], offsets[s + 1])
        form, leader = forms[i], leaders[i]
        y = domain[i] if leader < 0 else domain[i] - domain[leader]
        e = innovations(y, form.phi, period)
        strength = 0.0 if form.counts else settings["smoothing"]
        centre, shrink, noise, noisy = smoothing(e, strength)
        bank["source"][rows, c], bank["noisy"][rows, c] = e, noisy
        bank["levels"][rows, c] = np.where(np.isfinite(raw[i]), y, np.nan)
        bank["logged"][s, c] = form.logged
        bank["grid"][s, c] = grid_of(known[i]) if len(known[i]) else 0.0
        low, high = _bounds(known[i], form, leader, columns[c])
        bank["low"][s, c], bank["high"][s, c] = low, high
        if form.logged:
            low, high = np.log(max(low, 5e-324)), np.log(high)
        origin = y[-1] if ahead else y[0] if form.phi == 1 else np.nan
        bank["forms"][s, c] = (form.phi, origin if form.phi else 0.0, low, high, shrink, centre, noise)
        if leader >= 0:
            bank["leader"][s, c] = channels[leader][0] * d + channels[leader][1]
        if settings["block"] == "auto" and i in wanted and np.ptp(e) > 0:
            rest = e - phase_means(e, period)
            kind = settings["method"]
            lengths.append(max(optimal_length(rest, kind), optimal_length(np.abs(rest), kind)))
    length = float(np.median(lengths or [1.0])) if settings["block"] == "auto" else float(settings["block"])
    bank["length"][members] = np.clip(length, 1.0, n)
    bank["period"][members] = period


def _season(
    season: int | str | None, filled: list[NDArray[np.float64]], known: list[NDArray[np.float64]], n: int
) -> int:
    if season is None:
        return 1
    if season == "auto":
        positive = [len(k) and k.min() > 0 for k in known]
        return find_season(
            np.column_stack([np.log(x) if p else x for x, p in zip(filled, positive, strict=True)])
        )
    return int(season) if n >= 2 * int(season) else 1


def _leaders(
    channels: list[tuple[int, int]], domain: list[NDArray[np.float64]], forms: list[Form], period: int
) -> list[int]:
    """For each channel, the place of the one whose path it is added to, or -1; forms of followers are replaced.

    A channel without a level of its own (phi 1) follows the nearest of the earlier ones in the same domain, if
    their distance has a level: so a day's high and low stay apart by what they were apart.
    """
    leaders = [-1] * len(channels)
    heads: list[int] = []
    for i, form in enumerate(forms):
        if form.phi != 1:
            continue
        alike = [(float(np.std(domain[i] - domain[j])), j) for j in heads if forms[j].logged == form.logged]
        if alike:
            nearest = min(alike)[1]
            found = spread_form(domain[i] - domain[nearest], domain[i], period)
            if found is not None:
                leaders[i] = nearest
                forms[i] = Form(phi=found.phi, logged=form.logged)
                continue
        heads.append(i)
    return leaders


def _bounds(known: NDArray[np.float64], form: Form, leader: int, column: Column) -> tuple[float, float]:
    """Bounds of what is made: the source's own for a level; those of the column for a path that wanders, and
    then no farther than a twentieth of its range beyond the source where it is not logged.
    """
    if not len(known):
        return -np.inf, np.inf
    low, high = float(known.min()), float(known.max())
    if form.phi == 1 or leader >= 0:
        reach = 0.05 * (high - low)
        if form.logged:
            low, high = 0.0, np.inf
        else:
            low, high = (max(low - reach, 0.0) if low >= 0 else low - reach), high + reach
        if column.bounds is not None and column.kind != "datetime":
            low, high = max(low, column.bounds[0]), min(high, column.bounds[1])
    return low, high
