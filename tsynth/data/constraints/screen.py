"""A few rows of all numbers side by side, on which nearly all candidates for a rule of arithmetic fall at once.

What all finders of such rules ask beside the evidence of `Halves.confirm` is written here once, in `says`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tsynth.data.constraints import lattice
from tsynth.data.constraints.base import Constraint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.evidence import Halves
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["CHANCE", "FEW_KINDS", "RIGHT", "Screen", "look", "minor", "says", "shuffled", "values_in"]

CHANCE = 0.7
"""Shuffled rows may keep a rule in at most this share of what rows keep it: even a flag that is up in half the rows
cannot be met more often than in half of those that it counts for."""
RIGHT = 0.95
"""Share of the telling rows that must keep a rule."""
TELLING = 30
ENTITIES = 10
FEW_KINDS = 8
"""Fewest distinct values of a number that others tell: fewer can be met by chance by some formula."""
ROWS = 2000


@dataclass(frozen=True)
class Screen:
    """Numbers of some rows of the first half.

    Parameters
    ----------
    columns : tuple of Column
        Numbers and datetimes, static or not, that no rule has taken off.
    values : float64 array, (M, P)
        NaN where null; a datetime counts the schema's unit of time.
    rows : int64 array, (M,)
        Which rows they are.
    """

    columns: tuple[Column, ...]
    values: NDArray[np.float64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.columns)

    def kinds(self, at: int) -> int:
        """Number of distinct values of a column."""
        return len(np.unique(self.values[:, at][np.isfinite(self.values[:, at])]))

    def told(self, at: int) -> bool:
        """Whether a rule may tell this column: no time, label or mark, and no few values."""
        column = self.columns[at]
        plain = column.kind in ("continuous", "count") and column.role not in (
            "entity", "time", "party", "label", "event", "mark", "order", "arm",
        )  # fmt: skip
        return plain and self.kinds(at) >= FEW_KINDS


def look(halves: Halves, taken: set[str], rows: int = ROWS) -> Screen:
    """That many rows of the first half, drawn from the seed."""
    data = halves.first
    columns = [
        c
        for c in data.schema
        if c.numeric and c.role not in ("entity", "party", "order")
        and (c.name not in taken or c.role == "time") and not pa.types.is_time(data.column(c.name).type)
    ]  # fmt: skip
    random = np.random.default_rng([halves.seed, 0x5C])
    some = np.sort(random.permutation(data.n_rows)[:rows])
    owner = data.entity_of_row[some]
    values = [data.numeric(c.name)[owner if c.name in data.entities.column_names else some] for c in columns]
    return Screen(tuple(columns), np.column_stack(values) if values else np.empty((len(some), 0)), some)


def values_in(data: Sequences, name: str, static: bool) -> NDArray[np.float64]:
    """A column with one number an entity or one a row."""
    values = data.numeric(name)
    return values if static else lattice.in_rows(data, name, values)


def minor(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows that do not have the most frequent value; nulls count as one value."""
    if not len(values):
        return np.zeros(0, np.bool_)
    code = np.unique(values, return_inverse=True)[1].ravel()
    return np.asarray(code != np.bincount(code).argmax())


def shuffled(data: Sequences, name: str, random: np.random.Generator) -> Sequences:
    """The data with the values of one column in another order; a static one among entities."""
    column = data.column(name)
    return data.with_columns({name: column.take(pa.array(random.permutation(len(column))))})


def says(rule: Constraint, halves: Halves, parts: tuple[str, ...] | None = None) -> bool:
    """Whether rows would not keep the rule by chance, each part for itself.

    Of each part, and of the column that is told, the rows of the second half where it does not have its most
    frequent value count: 30 at least, of 10 entities (half of them, where there are fewer than 20), .95 of which
    keep the rule. With that part shuffled over all rows, at most .7 as many of them do.
    """
    data = halves.second
    held, applies = rule.check(data)
    random = np.random.default_rng([halves.seed, 0x5A])
    for name in rule.columns if parts is None else parts:
        column = data.schema[name]
        values = data.codes(name).astype(np.float64) if column.discrete else data.numeric(name)
        rows = applies & minor(lattice.in_rows(data, name, values))
        entities = len(np.unique(data.entity_of_row[rows]))
        if rows.sum() < TELLING or entities < min(ENTITIES, data.n_entities // 2):
            return False
        share = float(np.mean(held[rows]))
        if share < RIGHT:
            return False
        mixed, _ = rule.check(shuffled(data, name, random))
        if np.mean(mixed[rows]) > CHANCE * share:
            return False
    return True
