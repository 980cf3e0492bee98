"""Do synthetic entities live too long?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.scores.parts import CELL, Part
from tsynth.scores.ruler import Ruler
from tsynth.scores.survival.curve import area, steps, tables
from tsynth.scores.survival.followup import SurvivalScore, followup, groups, moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.streams import Streams

__all__ = ["Optimism"]


class Optimism(SurvivalScore):
    """Difference in the expected time without an event, of the time that is looked at.

    The areas under both Kaplan-Meier curves up to the time at which 10 % of the training entities are still
    followed are the expected times without an event up to then; the gap is the size of their difference, divided by
    that time. The sentences tell its sign: too optimistic data let events come too late or too seldom. Everyone
    weighs as much as the arms and groups together.

    References
    ----------
    .. [1] Norcliffe, Cebere, Imrie, Liò, van der Schaar (2023), "SurvivalGAN: generating time-to-event data for
       survival analysis", AISTATS, sec. 3: optimism, which is signed there.

    Examples
    --------
    >>> Optimism.question
    'Is the expected time without an event right?'
    """

    name, title = "optimism", "Optimism"
    question = "Is the expected time without an event right?"
    group = "fidelity"
    cannot_see = (
        "early events that are too many and late ones that are too few",
        "what happens after the time that 10 % of the training entities reach",
    )

    def parts(self, ruler: Ruler, reference: Sequences, candidate: Sequences, streams: Streams) -> list[Part]:
        """Everyone, then arms and groups."""
        sides = [followup(ruler, d) for d in (reference, candidate)]
        known = sides[0].cause >= 0
        if known.sum() < CELL:
            return []
        edges, horizon = steps(*sides), sides[0].horizon
        lived = partial(area, edges=edges, causes=len(sides[0].causes), until=horizon)

        def apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            gap = np.abs(lived(a) - lived(b)) / horizon
            full = a.sum(axis=-1) > 0, b.sum(axis=-1) > 0
            return np.where(full[0] & full[1], gap, np.where(full[0] != full[1], 1.0, 0.0))

        def part(label: str, keep: Any, who: str) -> Part:
            say = partial(_say, ruler, lived, who, horizon)
            return Part(label, tables(sides, edges, keep), apart, say)

        members = [groups(ruler, d) for d in (reference, candidate)]
        arms = [
            part(label, (inside, other), f" with {label}")
            for (label, inside), (_, other) in zip(*members, strict=True)
            if (inside & known).sum() >= CELL
        ]
        for one in arms:
            one.weight = 1 / len(arms)
        return [part("everyone", None, ""), *arms]


def _say(
    ruler: Ruler,
    lived: Any,
    who: str,
    horizon: float,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> str:
    if not first.sum() or not second.sum():
        return f"There is no entity{who} on one of the sides."
    real, made = (moment(ruler, float(lived(t)), True) for t in (first, second))
    kind = "too optimistic" if lived(second) > lived(first) else "too pessimistic"
    said = (
        f"Up to {moment(ruler, horizon)}, the expected time without an event is {real} for real entities{who}"
    )
    return f"{said}, {made} for synthetic ones" + (f", which are {kind}." if real != made else ".")
