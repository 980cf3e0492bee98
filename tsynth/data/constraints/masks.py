"""What rules of the order of codes forbid, as plain arrays: a generator that heeds them while it draws breaks none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.constraints.code_rules import FirstOnly, Once, OnlyAfter, Opens
from tsynth.data.constraints.order import Absorbing
from tsynth.data.constraints.rows import Combination

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.constraints.base import Constraint

__all__ = ["code_masks"]


def code_masks(
    constraints: Iterable[Constraint], column: str, levels: Sequence[Any]
) -> dict[str, NDArray[Any]]:
    """Masks over the levels of a column of codes.

    The column may be one that a rule of combinations has merged: then a level is bound by the rules of each of its
    parts. Where several merged levels hold a code that must have come, or that comes once, the masks are weaker than
    the rule (each level once; nothing need come before), and `Constraints.restore` does the rest.

    Parameters
    ----------
    constraints : iterable of Constraint
    column : str
        A column of codes, as the generator sees it.
    levels : sequence
        Its levels, in the order of the generator's codes.

    Returns
    -------
    dict of arrays, (L,)
        opens : bool, whether the level may stand in an entity's first row (where a level must, no other may).
        first_only : bool, whether it may stand at the first moment only.
        last_only : bool, whether nothing may come after it.
        once : bool, whether it may come once at most.
        only_after : int64, the level that must have come before or at the same moment; -1 where none need.

    Examples
    --------
    >>> from tsynth.data.constraints.code_rules import OnlyAfter
    >>> code_masks([OnlyAfter(columns=("k",), level="fee", needs="loan")], "k", ["loan", "fee"])["only_after"]
    array([-1,  0])
    """
    rules = tuple(constraints)
    merged = next((r for r in rules if isinstance(r, Combination) and r.merged == column), None)
    named = dict(zip(merged.labels, merged.combinations, strict=True)) if merged is not None else {}

    def has(name: str, level: Any) -> NDArray[np.bool_]:
        """Which levels say that the column `name` has that level."""
        if name == column:
            return np.array([own == level for own in levels], dtype=np.bool_)
        at = merged.columns.index(name) if merged is not None and name in merged.columns else -1
        return np.array([at >= 0 and own in named and named[own][at] == level for own in levels], np.bool_)

    size = len(levels)
    opens = np.ones(size, np.bool_)
    first_only, last_only, once = (np.zeros(size, np.bool_) for _ in range(3))
    only_after = np.full(size, -1, np.int64)
    for rule in rules:
        if isinstance(rule, Opens) and rule.always:
            own = has(rule.columns[0], rule.level)
            opens &= own if own.any() else True
        elif isinstance(rule, FirstOnly):
            first_only |= has(rule.columns[0], rule.level)
        elif isinstance(rule, Absorbing) and rule.last:
            last_only |= has(rule.columns[0], rule.level)
        elif isinstance(rule, Once):
            once |= has(rule.columns[0], rule.level)
        elif isinstance(rule, OnlyAfter):
            needed = np.flatnonzero(has(rule.columns[0], rule.needs))
            if len(needed) == 1:
                only_after[has(rule.columns[0], rule.level)] = needed[0]
    return {
        "opens": opens,
        "first_only": first_only,
        "last_only": last_only,
        "once": once,
        "only_after": only_after,
    }
