"""Counts: numbers on the lattice of integers; where they are few, each is a choice."""

from __future__ import annotations

from tsynth.data.encoding.continuous import Continuous

__all__ = ["Count"]


class Count(Continuous):
    """A count: null, a small number as it is, or a larger one through the quantile grid.

    Up to 24 distinct numbers that hold 95 % of the rows are choices, so that their chain is kept; above that a count is
    treated as a number on a lattice.
    """

    few = 24
