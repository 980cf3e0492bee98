"""Groups of entities: the levels of static columns, and what two such columns make together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.errors import UsageError
from tsynth.scores.base import DoesNotApply, Score
from tsynth.scores.parts import CELL
from tsynth.scores.ruler import Ruler, ruler

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RANKED", "Group", "GroupScore", "Partition", "listed", "partitions"]

RANKED = 30
"""Real entities below which a group is small: it is shown, but not compared with others."""
LEVELS, SHOWN = 40, 60
"""Levels of a column that are groups of their own, and groups that are listed."""


@dataclass(frozen=True)
class Partition:
    """All entities by the levels of one column, or of two together.

    Parameters
    ----------
    columns : tuple of str
    names : list of str
        Name of each cell, as the reader knows the group ("sex female, drug placebo").
    """

    columns: tuple[str, ...]
    names: list[str]

    @property
    def label(self) -> str:
        """Names of the columns."""
        return " and ".join(self.columns)

    def cells(self, ruler: Ruler, data: Sequences) -> NDArray[np.int64]:
        """Cell of each entity."""
        joint = np.zeros(data.n_entities, np.int64)
        for name in self.columns:
            cells, names = _cells(ruler, data, name)
            joint = joint * len(names) + cells
        return joint


@dataclass(frozen=True)
class Group:
    """The entities of one cell, on both sides.

    Parameters
    ----------
    name : str
    columns : tuple of str
        What the group is made by.
    real, made : int64 arrays
        Places of its entities in the reference and in the candidate.
    """

    name: str
    columns: tuple[str, ...]
    real: NDArray[np.int64]
    made: NDArray[np.int64]

    @property
    def small(self) -> bool:
        """Whether it holds too few real entities to be compared with others."""
        return len(self.real) < RANKED

    def entry(self, **numbers: float | None) -> dict[str, Any]:
        """As a curve shows it; nothing is told that would rest on fewer than 10 real entities."""
        told = len(self.real) >= CELL
        entities = {"real": len(self.real) if told else None, "synthetic": len(self.made)}
        shown = {key: value if told else None for key, value in numbers.items()}
        return {"name": self.name, "entities": entities, "small": self.small, **shown}


class GroupScore(Score):
    """Base of scores that compare groups of entities.

    Parameters
    ----------
    columns : tuple of str
        Static columns, at most two; where empty, those with the role arm or group.
    """

    group = "fairness"
    more_than_blocks: ClassVar[str] = "there are too few entities to compare groups of them"

    def __init__(self, columns: tuple[str, ...] = ()) -> None:
        self.columns = tuple(columns)

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No groups, or entities that are blocks of few sequences."""
        measure = ruler(train)
        partitions(measure, self.columns)
        return self.more_than_blocks if measure.blocks else None


def partitions(ruler: Ruler, columns: tuple[str, ...]) -> list[Partition]:
    """Each column alone, then both together.

    Raises
    ------
    UsageError
        A column is missing, not static, or one of more than two.
    DoesNotApply
        No column makes groups.
    """
    schema = ruler.schema
    if len(columns) > 2:
        raise UsageError(f"groups are made by at most two columns, not {len(columns)}", fix="name two")
    for name in columns:
        if name not in schema or not schema[name].static or not schema[name].learned:
            known = ", ".join(c.name for c in schema.statics if c.learned) or "none here"
            raise UsageError("makes no groups", column=name, fix=f"name static columns ({known})")
    named = columns or [c.name for role in ("arm", "group") for c in schema.roles(role) if c.static][:2]
    varied = {c.name for c in ruler.varied}
    made = [name for name in named if name in varied]
    if not made:
        why = "all entities are of one group" if named else "no static column has the role arm or group"
        raise DoesNotApply(why)
    alone = [_names(ruler, name) for name in made]
    found = [Partition((name,), names) for name, names in zip(made, alone, strict=True)]
    if len(made) == 2:
        found.append(Partition(tuple(made), [f"{a}, {b}" for a in alone[0] for b in alone[1]]))
    return found


def listed(ruler: Ruler, columns: tuple[str, ...], reference: Sequences, candidate: Sequences) -> list[Group]:
    """Groups that stand on either side, partition by partition, the largest first."""
    found = []
    for partition in partitions(ruler, columns):
        sides = [partition.cells(ruler, data) for data in (reference, candidate)]
        counts = [np.bincount(side, minlength=len(partition.names)) for side in sides]
        order = np.argsort(-(counts[0] + counts[1] * 1e-6), kind="stable")[:SHOWN]
        for cell in order[(counts[0] + counts[1])[order] > 0]:
            places = [np.flatnonzero(side == cell) for side in sides]
            found.append(Group(partition.names[cell], partition.columns, places[0], places[1]))
    return found


def _cells(ruler: Ruler, data: Sequences, name: str) -> tuple[NDArray[np.int64], list[str]]:
    if ruler.schema[name].discrete:
        return ruler.discrete(data, name, LEVELS), ruler.level_names(name, LEVELS)
    return ruler.coarse(data, name)


def _names(ruler: Ruler, name: str) -> list[str]:
    *levels, null = _cells(ruler, ruler.train, name)[1]
    return [*(f"{name} {level}" for level in levels), f"{name} unknown" if null == "null" else null]
