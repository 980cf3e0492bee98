"""Do kinds of rows go on, come back and take turns as they really do?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.base import DoesNotApply
from tsynth.scores.fidelity.bursts import run_sizes
from tsynth.scores.moments import bounded
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.pictures import histogram
from tsynth.scores.ruler import Grid, Ruler
from tsynth.scores.weights import Counts, total_variation
from tsynth.scores.words import number, place, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Runs"]

CODES, COMMON, GRAMS = 6, 12, 200
"""Codes whose runs are told apart, codes told apart in longer patterns, and patterns told apart."""
BACK = (2, 4, 8)


class Runs(PartsScore):
    """Mean gap between runs of one code, patterns of four codes, codes some rows apart, and codes new to an entity.

    What `transitions` leaves open: it sees three rows in a row. Runs are neighbouring rows of the same code; the
    sizes of the runs that rows stand in are compared for each of the six most frequent codes (1-Wasserstein on
    ranks, doubled). Patterns are four neighbouring codes, the 200 most frequent in training told apart; pairs are
    the codes of rows 2, 4 and 8 rows apart (total variation of both, with 12 codes told apart). A row is new where
    its code did not occur before in its entity; that is asked by place in the sequence. Each of the four
    weighs alike.

    References
    ----------
    .. [1] Wald, Wolfowitz (1940), "On a test whether two samples are from the same population", Annals of
       Mathematical Statistics 11: runs.
    .. [2] Levin, Peres (2017), *Markov Chains and Mixing Times*, sec. 4.1: ``TV(p, q) = 1/2 sum |p_i - q_i|``.

    Examples
    --------
    >>> Runs.question
    'Do kinds of rows go on, come back and take turns as they really do?'
    """

    name, title = "runs", "Runs and longer patterns"
    question = "Do kinds of rows go on, come back and take turns as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = ("time between rows", "order of rare kinds of rows", "values that are not categories")

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """There have to be kinds of rows."""
        if not any(c.discrete and c.role != "label" for c in train.schema.dynamic):
            raise DoesNotApply("no column of the rows is a category")
        return None

    def nothing(self) -> str:
        """No code, or no second row."""
        return "no column of the rows is a category with two levels or more, or no entity has two rows"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Runs, patterns, pairs and new codes."""
        sides = (ruler.train, reference, candidate)
        if not ruler.code_columns or not all((d.lengths > 1).any() for d in sides[:2]):
            return []
        codes = [ruler.codes(d) for d in sides]
        found = _runs(ruler.code_names, sides, codes)
        few = [np.minimum(c, COMMON) for c in codes]
        names = [*ruler.code_names[:-1][:COMMON], "other"]
        steps: list[tuple[tuple[int, ...], str, float]] = [((0, 1, 2, 3), "patterns of four rows", 1.0)]
        steps += [((0, k), f"rows {k} apart", 1 / len(BACK)) for k in BACK]
        for lags, label, weight in steps:
            if (ruler.train.lengths > lags[-1]).sum() >= 2:
                found += _grams(label, lags, weight, names, sides, few)
        found.append(_new(sides, codes))
        return found

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """Sizes of runs of the three most frequent codes."""
        shown = []
        for part in [p for p in prepared.parts if "sizes" in p.extra][:3]:
            (real, entity), (made, _) = part.extra["sizes"]
            cells = histogram((real, entity), made, 12)
            if cells:
                shown.append(
                    {"kind": "histogram", "title": f"Rows by the length of their {part.label}", **cells}
                )
        return {"pictures": shown} if shown else {}


def _runs(names: list[str], sides: tuple[Sequences, ...], codes: list[NDArray[np.int64]]) -> list[Part]:
    sizes = []
    for data, code in zip(sides, codes, strict=True):
        goes_on = data.step_of_row > 0
        goes_on[1:] &= code[1:] == code[:-1]
        sizes.append(run_sizes(goes_on).astype(np.float64))
    found = []
    for at, name in enumerate(names[:-1][:CODES]):
        rows = [c == at for c in codes]
        grid = Grid.learn(sizes[0][rows[0]])
        tables = tuple(
            Counts(d.entity_of_row[r], grid.cells(s[r]), d.n_entities, grid.size)
            for d, s, r in zip(sides[1:], sizes[1:], rows[1:], strict=True)
        )
        held = [(s[r], d.entity_of_row[r]) for d, s, r in zip(sides[1:], sizes[1:], rows[1:], strict=True)]
        say = partial(_say_run, name, grid, min(len(np.unique(owners)) for _, owners in held))
        found.append(
            Part(f"runs of “{name}”", tables, bounded(grid), say, float(rows[0].sum()), {"sizes": held})
        )
    whole = sum(p.weight for p in found)
    for part in found:
        part.weight /= max(whole, 1)
    return found


def _say_run(
    name: str, grid: Grid, entities: int, first: NDArray[np.float64], second: NDArray[np.float64]
) -> str:
    if entities < CELL:
        return ""
    edge, real, made = grid.widest(first, second)
    rows = f"{number(edge)} row{'' if edge == 1 else 's'}"
    return (
        f"{share(1 - real)} of real rows “{name}” stand in runs of more than {rows}, {share(1 - made)} of "
        "synthetic ones."
    )


def _grams(
    label: str,
    lags: tuple[int, ...],
    weight: float,
    names: list[str],
    sides: tuple[Sequences, ...],
    codes: list[NDArray[np.int64]],
) -> list[Part]:
    """Codes of rows so many rows apart, joined."""
    grams, owners = [], []
    for data, code in zip(sides, codes, strict=True):
        last = np.flatnonzero(data.step_of_row >= lags[-1])
        gram = np.zeros(len(last), np.int64)
        for lag in lags:
            gram = gram * len(names) + code[last - lags[-1] + lag]
        grams.append(gram)
        owners.append(data.entity_of_row[last])
    counts = np.bincount(grams[0])
    order = np.argsort(-counts, kind="stable")[:GRAMS]
    known = order[counts[order] > 0]
    places = np.full(len(names) ** len(lags), len(known))
    places[known] = np.arange(len(known))
    tables = tuple(
        Counts(owner, places[gram], d.n_entities, len(known) + 1)
        for d, owner, gram in zip(sides[1:], owners[1:], grams[1:], strict=True)
    )
    enough = tables[0].entities() >= CELL

    def say(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
        real, made = first / max(first.sum(), 1), second / max(second.sum(), 1)
        apart = np.abs(real - made)
        apart[-1] = 0
        at = int(np.argmax(np.where(enough, apart, -1.0)))
        if apart[at] <= 0:
            return ""
        gram = int(known[at])
        told = [f"“{names[gram // len(names) ** k % len(names)]}”" for k in range(len(lags) - 1, -1, -1)]
        text = " → ".join(told)
        if len(lags) == 2:
            text = f"{told[0]} and {lags[1]} rows later {told[1]}"
        what = "pairs" if len(lags) == 2 else "patterns of four rows"
        return f"{share(real[at])} of real {what} are {text}, {share(made[at])} of synthetic ones."

    return [Part(label, tables, total_variation, say, weight)]


def _new(sides: tuple[Sequences, ...], codes: list[NDArray[np.int64]]) -> Part:
    """Rows whose code has not occurred in their entity, by place."""
    edges = np.unique(np.quantile(sides[0].step_of_row, np.linspace(0, 1, 6)[1:-1]))
    tables = []
    for data, code in zip(sides[1:], codes[1:], strict=True):
        key = data.entity_of_row * (int(code.max(initial=0)) + 1) + code
        new = np.zeros(data.n_rows, bool)
        new[np.unique(key, return_index=True)[1]] = True
        at = np.searchsorted(edges, data.step_of_row, side="right")
        tables.append(Counts(data.entity_of_row, 2 * at + new, data.n_entities, 2 * len(edges) + 2))
    enough = tables[0].entities().reshape(-1, 2).max(axis=1) >= CELL

    def rates(totals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pairs = totals.reshape(*totals.shape[:-1], -1, 2)
        rows = pairs.sum(axis=-1)
        return pairs[..., 1] / np.maximum(rows, 1), rows

    def gap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        (real, rows), (made, others) = rates(first), rates(second)
        rows = np.where(others > 0, rows, 0)
        return (np.abs(real - made) * rows).sum(axis=-1) / np.maximum(rows.sum(axis=-1), 1)

    def say(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
        (real, _), (made, others) = rates(first), rates(second)
        at = int(np.argmax(np.where(enough & (others > 0), np.abs(real - made), -1)))
        low = int(np.ceil(edges[at - 1])) + 1 if at else 1
        where = place(low, int(np.ceil(edges[at])) if at < len(edges) else None)
        return (
            f"{where.capitalize()} of an entity, {share(real[at])} of real rows are of a kind that is new to the "
            f"entity, {share(made[at])} of synthetic ones."
        )

    return Part("kinds new to an entity", tuple(tables), gap, say)
