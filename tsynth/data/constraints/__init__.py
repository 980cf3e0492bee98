"""Rules that hold in the data and must hold in what is made.

`find` looks for them, a `Constraint` can be checked, taken off before learning and put back after, and
`Constraints` does so with several in the order that they need.
"""

from __future__ import annotations

from tsynth.data.constraints.base import Constraint, Constraints, from_dict
from tsynth.data.constraints.finding import find

__all__ = ["Constraint", "Constraints", "find", "from_dict"]
