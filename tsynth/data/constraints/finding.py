"""`find`: the rules that hold in data, each found on one half of the entities and measured on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.constraints.base import Constraint, Constraints, fits
from tsynth.data.constraints.calendar import find_calendar
from tsynth.data.constraints.chains import find_chains
from tsynth.data.constraints.clock_parts import find_clock_parts
from tsynth.data.constraints.delays import find_delays
from tsynth.data.constraints.elapsed import find_elapsed
from tsynth.data.constraints.evidence import Halves, halve
from tsynth.data.constraints.finding_codes import find_code_rules
from tsynth.data.constraints.finding_formulas import find_formulas
from tsynth.data.constraints.finding_functions import find_clocks, find_first_rows, find_lines, find_maxima
from tsynth.data.constraints.finding_sums import find_sums
from tsynth.data.constraints.inequalities import find_inequalities
from tsynth.data.constraints.joint_lookups import find_joint_lookups
from tsynth.data.constraints.last_rows import find_last_rows
from tsynth.data.constraints.ledgers import find_ledgers
from tsynth.data.constraints.null_rules import find_null_rules
from tsynth.data.constraints.order import Absorbing, find_absorbing, find_monotone, find_unique
from tsynth.data.constraints.progress import Progress, find_progress
from tsynth.data.constraints.repeats import find_repeats
from tsynth.data.constraints.rows import find_combinations, find_lookups
from tsynth.data.constraints.thresholds import find_thresholds
from tsynth.data.constraints.totals import find_totals
from tsynth.data.constraints.unique_rows import find_once_at_a_time

if TYPE_CHECKING:
    from tsynth.data.sequences import Sequences

__all__ = ["find"]


def find(data: Sequences, seed: int = 0, threshold: float = 0.995) -> list[Constraint]:
    """The rules that hold in `data`, in the order in which they are taken off.

    A rule is found on one half of the entities and its share of rows measured on the other, with an interval over
    entities; see `tsynth.data.constraints.evidence` for what counts as found. Of data with more than 100,000 rows a
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
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the largest number no rule is found
        return _found(halve(data, seed, threshold))


def _found(halves: Halves) -> list[Constraint]:
    taken: set[str] = set()
    found: list[Constraint] = []
    found += find_totals(halves, taken)
    found += find_ledgers(halves, taken)
    found += find_lines(halves, taken)
    found += find_clocks(halves, taken)
    found += find_maxima(halves, taken)
    found += find_first_rows(halves, taken)
    found += find_last_rows(halves, taken)
    found += find_clock_parts(halves, taken)
    found += find_elapsed(halves, taken)
    found += find_chains(halves, taken)
    found += find_sums(halves, taken)
    found += find_formulas(halves, taken)
    found += find_thresholds(halves, taken)
    found += find_lookups(halves, taken)
    found += find_joint_lookups(halves, taken)
    states: list[Constraint] = list(find_progress(halves, taken))
    ordered = {rule.columns[0] for rule in states}
    # That the last of several states is never left goes without saying.
    states += [
        rule
        for rule in find_absorbing(halves, taken)
        if rule.columns[0] not in ordered or getattr(rule, "last", False)
    ]
    # A state that is put right after the fact would break its combinations.
    put_right = {
        rule.columns[0]
        for rule in states
        if isinstance(rule, Progress) or (isinstance(rule, Absorbing) and not rule.last)
    }
    found += states
    found += find_inequalities(halves, taken)
    found += find_monotone(halves, taken)
    found += find_combinations(halves, taken | put_right)
    unique, calendar = find_unique(halves, taken), find_calendar(halves)
    delays = find_delays(halves, [*found, *unique, *calendar])
    codes = find_code_rules(halves, [*found, *unique, *calendar, *delays])
    # Rules that leave rows out come back after those that move rows.
    found += [*codes, *delays, *find_once_at_a_time(halves, unique), *unique, *calendar]
    found += find_repeats(halves, found)
    found += find_null_rules(halves, found)
    kept: list[Constraint] = []
    for rule in found:
        if fits(kept, rule):
            kept.append(rule)
    return list(Constraints(kept))
