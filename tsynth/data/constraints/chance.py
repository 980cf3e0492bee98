"""How unlikely a rule of few levels is by chance: what finders of codes, repeats and nulls ask beside the evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsynth.compiled.codes import mixed
from tsynth.data.constraints import lattice
from tsynth.data.streams import key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from tsynth.data.constraints.base import Constraint
    from tsynth.data.schema import Column
    from tsynth.data.sequences import Sequences

__all__ = ["BROKEN", "SURPRISE", "codes_of", "places", "shuffled_inside", "speak_of", "surprise"]

SURPRISE = 20.0
"""Natural logarithm of how unlikely a rule must be by chance."""
BROKEN = 0.02
"""Share of the cases that must break the rule once shuffled."""
MOST_LEVELS = 200
ROWS = 20


def surprise(cases: float, share: float, chance: float) -> float:
    """Minus the log of the chance that a share this large comes up in so many independent cases, at most.

    0 where `chance` is within `BROKEN` of 1 or above the share; Chernoff (1952), Annals of Mathematical Statistics
    23(4): cases times the Kullback-Leibler divergence of the two shares.
    """
    if cases <= 0 or not share > chance or chance > 1 - BROKEN:
        return 0.0
    chance = max(chance, 0.5 / cases)
    if share <= chance:
        return 0.0
    out = share * math.log(share / chance)
    if share < 1:
        out += (1 - share) * math.log((1 - share) / (1 - chance))
    return cases * out


def codes_of(data: Sequences) -> list[Column]:
    """Columns of codes that vary inside entities: 2 to 200 levels, no party."""
    return [
        c
        for c in data.schema.dynamic
        if c.discrete and c.learned and c.role not in ("party", "entity", "time", "order")
        and len(lattice.levels(c)) + c.nullable >= 2 and len(lattice.levels(c)) <= MOST_LEVELS
    ]  # fmt: skip


def places(data: Sequences, name: str, levels: tuple[Any, ...]) -> NDArray[np.int64]:
    """Place of each row's value among `levels`, which may hold None for null; below 0 where it is none of them."""
    column = data.schema[name]
    if not column.discrete:
        out = lattice.values_of(data.column(name), levels)
    else:
        known = lattice.levels(column)
        table = np.full(len(known) + 2, -2, np.int64)  # the last two: a level not known (-2), null (-1)
        table[-1] = -1
        for i, level in enumerate(levels):
            if level is None:
                table[-1] = i
            elif level in known:
                table[known.index(level)] = i
        out = table[data.codes(name)]
    return lattice.in_rows(data, name, out)


def shuffled_inside(data: Sequences, values: NDArray[Any], seed: int, *what: str) -> NDArray[Any]:
    """Values of rows in another order inside each entity."""
    out: NDArray[Any] = mixed(key(seed, "constraints", *what), data.offsets, values)
    return out


def speak_of(rules: Iterable[Constraint], name: str) -> list[Constraint]:
    """The rules that name a column."""
    return [rule for rule in rules if name in rule.columns]
