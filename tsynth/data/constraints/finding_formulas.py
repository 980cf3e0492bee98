"""Looks for numbers that a formula tells: logarithms, products, the largest of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.constraints.formulas import FUNCTIONS, Extreme, Formula, Product, Transform
from tsynth.data.constraints.screen import Screen, look, says

if TYPE_CHECKING:
    from tsynth.data.constraints.base import Constraint
    from tsynth.data.constraints.evidence import Halves

__all__ = ["find_formulas"]

TRIPLES = 64
STRAIGHT = 0.02
NEARLY = 0.98
WIDEST = 60
WINS = 0.02
SEARCHED = ("log", "log1p", "sqrt", "square")
"""The others of `FUNCTIONS` are the logarithm times a factor."""


def find_formulas(halves: Halves, taken: set[str]) -> list[Constraint]:
    """Numbers of eight distinct values or more that others tell by a formula.

    A candidate holds in .98 of the rows of a few; each of its columns must say something
    (`tsynth.data.constraints.screen.says`).
    """
    screen = look(halves, taken)
    if len(screen) < 2 or len(screen.values) < TRIPLES:
        return []
    found: list[Constraint] = []
    told = [i for i in range(len(screen)) if screen.told(i)]
    for rule in (*_transforms(screen, told, halves), *_extremes(screen, told), *_products(screen, told)):
        target, *parts = rule.columns
        if target in taken or any(n in taken and halves.first.schema[n].role != "time" for n in parts):
            continue
        if not rule.holds(halves.first) >= halves.threshold or not says(rule, halves):
            continue
        if (confirmed := halves.confirm(rule.learned(halves.first))) is not None:
            found.append(confirmed)
            taken.add(target)
    return found


def _may_tell(screen: Screen, source: int, target: int) -> bool:
    """Whether one column may stand in a formula of another: a static is told by statics only."""
    a, b = screen.columns[source], screen.columns[target]
    return source != target and a.kind != "datetime" and (a.static or not b.static)


def _transforms(screen: Screen, told: list[int], halves: Halves) -> list[Formula]:
    """A line through a function of the other number: triples of rows say so for all pairs at once."""
    x = screen.values
    random = np.random.default_rng([halves.seed, 0x10])
    a, b, c = (random.permutation(len(x))[:TRIPLES] for _ in range(3))
    y = x[:, told]
    out: list[tuple[bool, Formula]] = []
    for name in SEARCHED:
        f = FUNCTIONS[name](x)
        up = (y[a] - y[b])[:, :, None] * (f[a] - f[c])[:, None, :]
        down = (y[a] - y[c])[:, :, None] * (f[a] - f[b])[:, None, :]
        size = np.abs(up) + np.abs(down)
        known = np.isfinite(size) & (size > 0)
        straight = known & (np.abs(up - down) <= STRAIGHT * size)
        many = known.sum(axis=0)
        for j, source in np.argwhere((many >= 10) & (straight.sum(axis=0) > 0.5 * many)):
            target = told[j]
            if not _may_tell(screen, source, target) or screen.kinds(source) < 3:
                continue
            if (rule := _fitted(screen, target, int(source), name)) is not None:
                out.append((int(source) > target, rule))
    # Of a root and a square, the later column is told.
    return [rule for _, rule in sorted(out, key=lambda entry: entry[0])]


def _fitted(screen: Screen, target: int, source: int, name: str) -> Transform | None:
    """The factor and constant that most rows keep, with few digits where that does as well."""
    y, x = screen.values[:, target], screen.values[:, source]
    f = FUNCTIONS[name](x)
    both = np.flatnonzero(np.isfinite(y) & np.isfinite(f))
    order = both[np.argsort(f[both], kind="stable")]
    half = len(order) // 2
    run = f[order[half : 2 * half]] - f[order[:half]]
    rise = y[order[half : 2 * half]] - y[order[:half]]
    if not np.any(run > 0):
        return None
    # The ratio of medians of far pairs: of one pair alone, rounding would spoil it.
    slope = float(np.median(rise[run > 0] / run[run > 0]))
    names = (screen.columns[target].name, screen.columns[source].name)
    options: list[tuple[str, float]] = [(name, float(f"{slope:.{n}g}")) for n in (1, 2, 3, 4, 6)]
    if name == "log":
        options = [("log10", round(slope * np.log(10))), ("log2", round(slope * np.log(2))), *options]
        options.insert(0, ("log", round(slope)))
    digits = screen.columns[target].decimals
    unit = 10.0**-digits if digits else 0.0
    best, most = None, NEARLY
    for function, factor in [*options, (name, slope)]:
        if factor == 0:
            continue
        rest = y[both] - factor * FUNCTIONS[function](x[both])
        middle = float(np.median(rest))
        for offset in (0.0, round(middle, 3), middle):
            share = float(np.mean(np.abs(rest - offset) <= unit + 2e-6 * np.maximum(1.0, np.abs(y[both]))))
            if share > most + 1e-3:
                best, most = Transform(columns=names, function=function, factor=factor, offset=offset), share
    return best


def _extremes(screen: Screen, told: list[int]) -> list[Formula]:
    """Columns that none of some others passes, and one of these always reaches."""
    x = screen.values
    out: list[Formula] = []
    for largest in (True, False):
        outermost = np.fmax if largest else np.fmin
        for target in told:
            y = x[:, target]
            inside = (x <= y[:, None]) if largest else (x >= y[:, None])
            usable = np.flatnonzero(np.mean(inside | np.isnan(x), axis=0) >= NEARLY)
            touches = np.nanmean(x[:, usable] == y[:, None], axis=0)
            parts = [
                int(i)
                for i, t in zip(usable, touches, strict=True)
                if t >= WINS and _may_tell(screen, int(i), target)
            ]
            if not 2 <= len(parts) <= WIDEST:
                continue
            # A part that is never the only one to reach it is left out.
            for part in sorted(parts, key=lambda i: -i):
                rest = [i for i in parts if i != part]
                others = outermost.reduce(x[:, rest], axis=1)
                if len(rest) >= 2 and np.mean((others != y) & (x[:, part] == y)) < WINS:
                    parts = rest
            made = outermost.reduce(x[:, parts], axis=1)
            wins = [np.mean(outermost.reduce(x[:, [j for j in parts if j != i]], axis=1) != y) for i in parts]
            if np.mean((made == y) | (np.isnan(made) & np.isnan(y))) < NEARLY or min(wins) < WINS:
                continue
            names = (screen.columns[target].name, *(screen.columns[i].name for i in parts))
            out.append(Extreme(columns=names, largest=largest))
    return out


def _products(screen: Screen, told: list[int]) -> list[Formula]:
    """Products and ratios, tried on a few rows for all triples of columns."""
    x = screen.values
    some = np.flatnonzero(np.isfinite(x).mean(axis=1) > 0.5)[:TRIPLES]
    numbers = [
        i for i in range(min(len(screen), WIDEST))
        if screen.columns[i].kind != "datetime" and screen.columns[i].role != "time" and screen.kinds(i) >= 3
    ]  # fmt: skip
    out: list[Formula] = []
    if len(numbers) < 3 or len(some) < 20:
        return out
    few = x[some][:, numbers]
    units = [10.0 ** -(screen.columns[t].decimals or 9) * 1.000001 for t in told]
    for i, one in enumerate(numbers):
        with np.errstate(divide="ignore", invalid="ignore"):
            made = {False: few[:, i : i + 1] * few[:, i + 1 :], True: few[:, i : i + 1] / few}
        for divided, values in made.items():
            values = np.where(np.isfinite(values), values, np.nan)
            for t, unit in zip(told, units, strict=True):
                y = x[some, t][:, None]
                near = np.abs(values - y) <= unit + 1e-6 * np.abs(y)
                known = np.isfinite(values) & np.isfinite(y)
                share = near.sum(axis=0) / np.maximum(1, known.sum(axis=0))
                for k in np.flatnonzero((share >= 0.9) & (known.sum(axis=0) >= 20)):
                    two = numbers[k] if divided else numbers[i + 1 + k]
                    if len({one, two, t}) < 3 or not all(_may_tell(screen, s, t) for s in (one, two)):
                        continue
                    names = tuple(screen.columns[c].name for c in (t, one, two))
                    out.append(Product(columns=names, divided=divided))
    # A product loses no decimals, a ratio does; of two ratios the later column is told.
    return sorted(out, key=lambda rule: bool(getattr(rule, "divided", False)))
