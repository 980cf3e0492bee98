"""Do rows heap up in time as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import CannotSay, DoesNotApply
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import plain
from tsynth.scores.ruler import Ruler
from tsynth.scores.times import between, irregular
from tsynth.scores.weights import Counts
from tsynth.scores.words import duration, number, time_unit, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Dispersion"]

WINDOWS, CODES, SUMS = 5, 4, 5
"""Window lengths, most frequent codes that are counted by themselves, and sums an entity and window length."""


class Dispersion(PartsScore):
    """Mean gap between the dispersions of the number of rows in windows of time, inside an entity.

    The index of dispersion F is the variance of the counts in windows of equal length over their mean: 1 for a
    Poisson process, less for a steady clock, more for bursts, and it rises with the length of the window where
    bursts come in bursts. It is taken at five lengths from twice the median gap to a quarter of the median span of
    the training entities, as F / (1 + F), for all rows (half the weight) and for the four most frequent codes. Windows
    start at the first row of an entity and end before its last; the mean of an entity is taken out, so that
    entities of unlike rates are not told for bursts.

    References
    ----------
    .. [1] Cox, Lewis (1966), *The Statistical Analysis of Series of Events*, sec. 4.5: the variance-time curve and
       the index of dispersion.
    .. [2] Daley, Vere-Jones (2003), *An Introduction to the Theory of Point Processes*, vol. 1, sec. 2.1.

    Examples
    --------
    >>> Dispersion.question
    'Do rows heap up in time as they really do?'
    """

    name, title = "dispersion", "Rows in windows of time"
    question = "Do rows heap up in time as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "how often rows come on the whole",
        "which gap follows which inside the shortest window",
        "heaps longer than a quarter of a sequence",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """Time has to be uneven."""
        if train.schema.time is None:
            raise DoesNotApply("the rows have no time, only an order")
        if (train.lengths > 1).any() and not irregular(train):
            raise DoesNotApply("the rows come at even steps of time")
        return None

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """All rows, then the most frequent codes, each at all window lengths."""
        windows = _windows(ruler.train)
        sides, unit = (reference, candidate), time_unit(ruler.schema)
        rows = [np.ones(d.n_rows, bool) for d in sides]
        found = [_part("rows", None, sides, rows, windows, 1.0, unit)]
        windows = windows[(found[0].reference.total().reshape(-1, SUMS)[:, 4] >= 2)]
        if not len(windows):
            raise CannotSay("no two entities are long enough for two windows")
        found = [_part("rows", None, sides, rows, windows, 1.0, unit)]
        if not ruler.code_columns or len(ruler.code_names) <= 2:
            return found
        names, codes = ruler.code_names[:-1][:CODES], [ruler.codes(d) for d in sides]
        for at, name in enumerate(names):
            chosen = [c == at for c in codes]
            found.append(_part(f"rows “{name}”", name, sides, chosen, windows, 1 / len(names), unit))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The index of dispersion by length of the window."""
        unit = prepared.parts[0].extra["unit"]
        shown = []
        for part in prepared.parts[:3]:
            real, made = (_index(c.total()) for c in part.counts)
            enough = part.reference.total().reshape(-1, SUMS)[:, 4] >= CELL
            shown.append(
                {
                    "kind": "lines",
                    "title": f"Spread of the number of {part.label} in a window of time",
                    "x": [float(w) for w in part.extra["windows"]],
                    "real": plain(np.where(enough, real, np.nan)),
                    "synthetic": plain(made),
                    "x_label": f"length of the window ({units(unit)})",
                    "y_label": "variance / mean",
                    "log_x": True,
                    "caption": "1 is chance alone; more is bursts, less is an even clock.",
                }
            )
        return {"pictures": shown}


def _windows(train: Sequences) -> NDArray[np.float64]:
    gaps = between(train)
    gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
    spans = (
        train.time[train.offsets[1:][train.lengths > 1] - 1]
        - train.time[train.offsets[:-1][train.lengths > 1]]
    )
    spans = spans[np.isfinite(spans) & (spans > 0)]
    if not len(gaps) or not len(spans):
        raise CannotSay("no entity has two rows at different times")
    shortest, longest = 2 * float(np.median(gaps)), float(np.median(spans)) / 4
    return np.geomspace(shortest, longest, WINDOWS) if longest > 1.5 * shortest else np.array([shortest])


def _part(
    label: str,
    code: str | None,
    sides: tuple[Sequences, ...],
    rows: list[NDArray[np.bool_]],
    windows: NDArray[np.float64],
    weight: float,
    unit: str,
) -> Part:
    tables = tuple(_count(d, chosen, windows) for d, chosen in zip(sides, rows, strict=True))
    held = tables[0].entities().reshape(-1, SUMS)[:, 2]  # entities with such rows
    say = partial(_say, code, windows, unit, held)
    return Part(label, tables, _distance, say, weight, {"windows": windows, "unit": unit})


def _count(data: Sequences, rows: NDArray[np.bool_], windows: NDArray[np.float64]) -> Counts:
    """For each entity and window length: squares around its mean, degrees of freedom, rows, windows, 1."""
    n, has = data.n_entities, data.lengths > 0
    first, last = np.zeros(n), np.zeros(n)
    first[has] = np.fmin.reduceat(data.time, data.offsets[:-1][has]) if has.any() else 0
    last[has] = np.fmax.reduceat(data.time, data.offsets[:-1][has]) if has.any() else 0
    rows = rows & np.isfinite(data.time)
    entity = data.entity_of_row[rows]
    since = data.time[rows] - first[entity]
    columns = []
    for window in windows:
        whole = np.floor(np.nan_to_num(last - first) / window)
        whole[whole < 2] = 0
        at = np.floor(since / window)
        inside = at < whole[entity]
        owner, place = entity[inside], at[inside]
        order = np.lexsort((place, owner))
        owner, place = owner[order], place[order]
        change = (np.diff(owner, prepend=-1) != 0) | (np.diff(place, prepend=-1) != 0)
        new = np.flatnonzero(change)
        held = np.diff(np.append(new, len(owner))).astype(np.float64)
        total = np.bincount(owner, minlength=n).astype(np.float64)
        squares = np.bincount(owner[new], held**2, n)
        around = squares - total**2 / np.maximum(whole, 1)
        columns += [around, np.maximum(whole - 1, 0), total, whole, (whole > 0).astype(np.float64)]
    return Counts.dense(np.column_stack(columns))


def _index(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance over mean of the counts at each window length; 1 where nothing is counted."""
    around, free, rows, whole, _ = np.moveaxis(totals.reshape(*totals.shape[:-1], -1, SUMS), -1, 0)
    known = (free > 0) & (rows > 0)
    spread = np.maximum(around, 0) / np.where(known, free, 1)
    return np.where(known, spread * np.where(known, whole, 1) / np.where(known, rows, 1), 1.0)


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = _index(first), _index(second)
    apart: NDArray[np.float64] = np.abs(a / (1 + a) - b / (1 + b)).mean(axis=-1)
    return apart


def _say(
    code: str | None,
    windows: NDArray[np.float64],
    unit: str,
    held: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    real, made = _index(first), _index(second)
    apart = np.abs(real / (1 + real) - made / (1 + made))
    at = int(np.argmax(np.where(held >= CELL, apart, -1)))
    if held[at] < CELL:
        return ""
    what = "rows" if code is None else f"rows “{code}”"
    return (
        f"The number of {what} within {duration(windows[at], unit)} varies {number(real[at])} times as much as by "
        f"chance in real data, {number(made[at])} times in synthetic data (variance over mean)."
    )
