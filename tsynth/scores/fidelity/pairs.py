"""Do columns go together as they really do?"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.schema import Column
from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part, PartsScore, Prepared
from tsynth.scores.ruler import Ruler
from tsynth.scores.weights import Counts
from tsynth.scores.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Pairs", "dependence"]

COLUMNS, OBSERVATIONS = 24, 3_000_000


class Pairs(PartsScore):
    """Root mean square gap between the dependences of pairs of columns in a row.

    Each column is cut into few cells (fifths of the training values, the most frequent levels, null). The dependence
    of a pair is its joint table less the product of its margins, so wrong margins alone do not count; the gap is
    half the summed difference of the two dependences. One measure serves numbers, categories and their mixtures.
    At most 24 columns are paired, and of large data every k-th row is taken.

    References
    ----------
    .. [1] Hoeffding (1948), "A non-parametric test of independence", Annals of Mathematical Statistics 19, whose
       statistic is built on the same difference, ``F(x, y) - F(x) F(y)``.

    Examples
    --------
    >>> Pairs.question
    'Do columns go together as they really do?'
    """

    name, title, question = "pairs", "Pairs of columns", "Do columns go together as they really do?"
    group = "fidelity"
    counts_as_fidelity = True
    cannot_see = (
        "three columns that depend only together",
        "dependence inside a cell",
        "dependence over time",
    )

    def nothing(self) -> str:
        """Fewer than two columns."""
        return "fewer than two columns vary"

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """A part a pair."""
        columns = ruler.varied[:COLUMNS]
        pairs = list(combinations(columns, 2))
        every = 1 + max(reference.n_rows, candidate.n_rows) * len(pairs) // OBSERVATIONS
        sides = []
        for data in (reference, candidate):
            rows = np.arange(0, data.n_rows, every)
            sides.append((data, rows, {c.name: ruler.coarse(data, c.name) for c in columns}))
        return [_part(a, b, sides) for a, b in pairs]

    def mean(self, gaps: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Root mean square over the pairs, so that one bad pair among many is seen."""
        return np.sqrt(np.mean(np.square(gaps), axis=0))

    def curve(self, prepared: Prepared) -> dict[str, Any]:
        """The gap of every pair as a matrix."""
        names = list(dict.fromkeys(name for p in prepared.parts for name in p.extra["pair"]))
        gaps: list[list[float | None]] = [[None] * len(names) for _ in names]
        for part in prepared.parts:
            i, j = (names.index(name) for name in part.extra["pair"])
            gaps[i][j] = gaps[j][i] = part.gap()
        return {"columns": names, "gap": gaps}


def dependence(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tables of totals (the last two axes) as shares, less the product of their margins."""
    joint = joint / np.maximum(joint.sum(axis=(-2, -1), keepdims=True), 1e-300)
    return joint - joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)


def _part(a: Column, b: Column, sides: list[Any]) -> Part:
    static = a.static and b.static
    names = [sides[0][2][c.name][1] for c in (a, b)]
    shape = (len(names[0]), len(names[1]))
    tables = []
    for data, rows, cells in sides:
        entity = data.entity_of_row[rows]
        at = []
        for column in (a, b):
            cell = cells[column.name][0]
            at.append(cell if static else cell[entity] if column.static else cell[rows])
        who = np.arange(data.n_entities) if static else entity
        tables.append(Counts(who, at[0] * shape[1] + at[1], data.n_entities, shape[0] * shape[1]))

    def gap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        tables = [dependence(t.reshape(*t.shape[:-1], *shape)) for t in (first, second)]
        apart: NDArray[np.float64] = np.abs(tables[0] - tables[1]).sum(axis=(-2, -1)) / 2
        return apart

    say = partial(_say, a, b, names, tables[0].entities().reshape(shape), "entities" if static else "rows")
    return Part(f"{a.name} and {b.name}", tuple(tables), gap, say, extra={"pair": (a.name, b.name)})


def _say(
    a: Column,
    b: Column,
    names: list[list[str]],
    entities: NDArray[np.int64],
    what: str,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    real, made = first.reshape(entities.shape), second.reshape(entities.shape)
    apart = np.abs(dependence(real) - dependence(made))
    apart[entities < CELL] = -1
    i, j = np.unravel_index(int(np.argmax(apart)), apart.shape)
    if apart[i, j] <= 0:
        return ""
    given = [float(t[i, j] / t[i].sum()) if t[i].sum() else None for t in (real, made)]
    said = (
        "there are no such synthetic ones" if given[1] is None else f"in {share(given[1])} of synthetic ones"
    )
    return (
        f"Where {a.name} is {names[0][i]}, {b.name} is {names[1][j]} "
        f"in {share(given[0] or 0)} of real {what}, {said}."
    )
