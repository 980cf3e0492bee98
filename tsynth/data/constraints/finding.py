"""`find`: the rules that hold in data, each found on one half of the entities and measured on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsynth.data.constraints.base import Constraint, Constraints
from tsynth.data.constraints.evidence import halve
from tsynth.data.constraints.rows import find_combinations, find_lookups
from tsynth.data.constraints.totals import find_totals

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences

__all__ = ["find"]


def find(data: Sequences, seed: int = 0, threshold: float = 0.995) -> list[Constraint]:
    """The rules that hold in `data`, in the order in which they are taken off.

    A rule is found on one half of the entities and its share of rows measured on the other, with an interval over
    entities; see `tsynth.data.constraints.evidence` for what counts as found. Of data with more than 200,000 rows a
    sample of entities is looked at; levels, signs and factors are then learned from all rows.

    Parameters
    ----------
    data : Sequences
    seed : int
        Decides the halves, the sample and the shuffles that rules are compared with.
    threshold : float
        Smallest share of the rows.

    Returns
    -------
    list of Constraint
    """
    if data.n_rows == 0 or data.n_entities == 0:
        return []
    halves = halve(data, seed, threshold)
    taken: set[str] = set()
    found: list[Constraint] = []
    found += find_totals(halves, taken)
    found += find_lookups(halves, taken)
    found += find_combinations(halves, taken)
    return list(Constraints(found))
