"""When a rule counts as found: seen on one half of the entities, measured on the other, unlikely by chance.

What is asked of every rule:

- its share on the half that it was not found on is at least the threshold, and so is its share on the whole;
- the lower end of the 95 % Wilson interval of that share, counted over the entities it applies to and not over
  their rows, is at least `SUPPORT` (.9, so some 35 entities without a violation are needed), and it applies to
  at least `ROWS` rows of that half;
- it says something: shuffled rows would break it (each finder states its own test of this).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tsynth.data.constraints.base import Constraint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences

__all__ = ["ROWS", "SUPPORT", "Halves", "halve", "wilson"]

SUPPORT = 0.9
ROWS = 30
SAMPLE = 100_000
"""Rows looked at; of larger data, whole entities are drawn until there are that many."""
FEW = 80
"""Below that many entities, blocks of their rows stand in for entities."""

R = TypeVar("R", bound=Constraint)


def wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a share seen in `n` independent cases."""
    if n <= 0 or not math.isfinite(share):
        return (0.0, 1.0)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (max(0.0, middle - reach), min(1.0, middle + reach))


@dataclass(frozen=True)
class Halves:
    """The two halves of the entities, and the whole.

    Parameters
    ----------
    first, second : Sequences
        The half that rules are found on and the half that they are measured on.
    sample : Sequences
        Both.
    whole : Sequences
        All that was given, from which levels and numbers of a rule are learned once it is found.
    threshold : float
        Smallest share.
    seed : int
    """

    first: Sequences
    second: Sequences
    sample: Sequences
    whole: Sequences
    threshold: float
    seed: int

    @cached_property
    def random(self) -> np.random.Generator:
        """Draws for tests against chance, from the seed."""
        return np.random.default_rng([self.seed, 0xC0])

    def confirm(self, rule: R) -> R | None:
        """The rule learned from the whole with its share on the second half; None where the evidence is thin."""
        held, applies = rule.check(self.second)
        rows = int(applies.sum())
        if rows < ROWS:
            return None
        share = float(np.mean(held[applies]))
        owners = self.second.entity_of_row[applies]
        units = 1 + int(np.sum(owners[1:] != owners[:-1]))
        interval = wilson(share, units)
        if share < self.threshold or interval[0] < SUPPORT:
            return None
        learned = replace(rule.learned(self.whole), share=share, interval=interval)
        return learned if not learned.holds(self.sample) < self.threshold else None


def halve(data: Sequences, seed: int, threshold: float) -> Halves:
    """Entities in two halves by a draw from `seed`, after a sample of entities where there are many rows.

    Where there are fewer than 80 entities, each is cut into blocks of rows, and these are halved alternately.
    """
    random = np.random.default_rng([seed, 0x4A])
    sample = data
    if data.n_rows > SAMPLE:
        order = random.permutation(data.n_entities)
        many = max(1, int(np.searchsorted(np.cumsum(data.lengths[order]), SAMPLE)))
        sample = data.take(np.sort(order[:many]))
    if sample.n_entities < FEW:
        blocks = _blocks(sample)
        parts = np.arange(blocks.n_entities)
        return Halves(blocks.take(parts[::2]), blocks.take(parts[1::2]), sample, data, threshold, seed)
    order = random.permutation(sample.n_entities)
    half = len(order) // 2
    first, second = sample.take(np.sort(order[:half])), sample.take(np.sort(order[half:]))
    return Halves(first, second, sample, data, threshold, seed)


def _blocks(data: Sequences) -> Sequences:
    """Entities cut into blocks of rows, about 200 in all, none of fewer than 20 rows unless the entity is shorter.

    A block never parts rows of one time.
    """
    size = max(20, -(-data.n_rows // 200))
    step = data.step_of_row
    new = step == 0
    if data.n_rows:
        advanced = np.append(True, data.time[1:] != data.time[:-1])
        due = np.zeros(data.n_rows, np.int64)
        count: int = 0
        for r in np.flatnonzero(new | advanced).tolist():
            if new[r]:
                count = r
            elif r - count >= size:
                due[r], count = 1, r
        new |= due == 1
    begins = np.flatnonzero(new)
    owner: NDArray[np.int64] = data.entity_of_row[begins]
    table = data.entities.take(owner) if data.entities.num_columns else data.entities
    return replace(data, offsets=np.append(begins, data.n_rows), entities=table, _cache={})
