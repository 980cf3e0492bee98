"""Is the time between rows right?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.times import between
from tsynth.scores.weights import Counts
from tsynth.scores.words import duration, share, time_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Gaps"]

CODES = 6


class Gaps(PartsScore):
    """Gap between the laws of the time between rows, for neighbours and from each kind of row to the next of each.

    The 1-Wasserstein distance on ranks among the training times, doubled; that a kind never follows counts as a
    null. Half the weight lies on neighbouring rows, half on pairs of the six most frequent codes, by their number.

    References
    ----------
    .. [1] Daley, Vere-Jones (2003), *An Introduction to the Theory of Point Processes*, vol. 1, ch. 3: intervals.

    Examples
    --------
    >>> Gaps.question
    'Is the time between rows right?'
    """

    name, title, question = "gaps", "Time between rows", "Is the time between rows right?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("whether long gaps follow long ones", "the calendar", "rows and kinds of rows by number")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No time."""
        return "the rows have no time, only an order" if train.schema.time is None else None

    def nothing(self) -> str:
        """No gap."""
        return "no entity has two rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Neighbouring rows, then pairs of codes."""
        sides = (ruler.train, reference, candidate)
        waits = [between(d) for d in sides]
        if not any(np.isfinite(w).any() for w in waits[:2]):
            return []
        unit = time_unit(ruler.schema)
        rows = [np.isfinite(w) for w in waits]
        found = [_part("neighbouring rows", sides, waits, rows, 1.0, partial(_say, None, unit))]
        if not ruler.code_columns:
            return found
        names = ruler.code_names[:-1][:CODES]
        codes = [ruler.codes(d) for d in sides]
        for j, then in enumerate(names):
            waits = [_until(d, c == j) for d, c in zip(sides, codes, strict=True)]
            for i, first in enumerate(names):
                rows = [c == i for c in codes]
                if rows[0].sum() >= 2 * CELL and np.isfinite(waits[0][rows[0]]).any():
                    say = partial(_say, (first, then), unit)
                    found.append(_part(f"{first} → {then}", sides, waits, rows, float(rows[0].sum()), say))
        whole = sum(p.weight for p in found[1:])
        for part in found[1:]:
            part.weight /= whole
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Histogram of the time between neighbouring rows."""
        waits = [between(d) for d in (prepared.reference, prepared.candidate)]
        rows = [np.isfinite(w) for w in waits]
        zero = [float((w[r] <= 0).mean()) if r.any() else 0.0 for w, r in zip(waits, rows, strict=True)]
        later = [r & (np.nan_to_num(w) > 0) for w, r in zip(waits, rows, strict=True)]
        shown = histogram(
            (waits[0][later[0]], prepared.reference.entity_of_row[later[0]]), waits[1][later[1]], 28
        )
        if not shown:
            return {}
        unit = time_unit(prepared.ruler.schema)
        return {**shown, "log": True, "unit": unit, "zero": {"real": zero[0], "synthetic": zero[1]}}


def _until(data: Sequences, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Time from each row to the next row of its entity that is wanted; NaN where none comes."""
    at = np.where(wanted, np.arange(data.n_rows), data.n_rows)
    after = np.minimum.accumulate(np.append(at[1:], data.n_rows)[::-1])[::-1]
    inside = after < data.offsets[1:][data.entity_of_row]
    return np.where(inside, np.append(data.time, np.nan)[after] - data.time, np.nan)


def _part(
    label: str,
    sides: tuple[Sequences, ...],
    waits: list[NDArray[np.float64]],
    rows: list[NDArray[np.bool_]],
    weight: float,
    say: Any,
) -> Part:
    grid = Grid.learn(waits[0][rows[0]])
    tables = tuple(
        Counts(d.entity_of_row[r], grid.cells(w[r]), d.n_entities, grid.size)
        for d, w, r in zip(sides[1:], waits[1:], rows[1:], strict=True)
    )
    behind = len(np.unique(sides[1].entity_of_row[rows[1]]))
    told = partial(say, grid) if behind >= CELL else _untold
    return Part(label, tables, grid.distance, told, weight)


def _untold(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Of fewer than ten real entities nothing is told: it would be chance, and it would be about them."""
    return ""


def _say(
    pair: tuple[str, str] | None,
    unit: str,
    grid: Grid,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    real, made = (np.cumsum(t[:-1])[1::2] / max(t.sum(), 1) for t in (first, second))
    if not first.sum() or not second.sum() or not len(real):
        return f"There is no “{pair[0]}” on one of the sides." if pair else ""
    at = int(np.argmax(np.abs(real - made)))
    ever = [1 - t[-1] / t.sum() for t in (first, second)]
    if pair is not None and abs(ever[0] - ever[1]) > abs(real[at] - made[at]):
        return (
            f"“{pair[1]}” follows “{pair[0]}” sooner or later in {share(ever[0])} of real cases, "
            f"in {share(ever[1])} of synthetic ones."
        )
    wait = grid.edges[at]
    within = f"within {duration(wait, unit)}" if wait > 0 else "at the same time"
    both = f"in {share(real[at])} of real cases, in {share(made[at])} of synthetic ones."
    if pair is None:
        return f"The next row comes {within} {both}"
    more = "another" if pair[0] == pair[1] else "a"
    return f"After “{pair[0]}” {more} “{pair[1]}” comes {within} {both}"
