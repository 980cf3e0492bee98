"""Can an attacker who knows a few rows of somebody tell whether he was in the training data?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import CannotSay
from tsynth.scores.privacy.attack import MembershipAttack
from tsynth.scores.privacy.exact import folded
from tsynth.scores.privacy.field import Field
from tsynth.scores.privacy.matches import Known, best_match
from tsynth.scores.ruler import Ruler
from tsynth.scores.times import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KnownRows"]

ROWS, CELLS, ROUGH = 3, 10, 1000


class KnownRows(MembershipAttack):
    """Membership by three rows that the attacker knows of a target: does one synthetic entity hold them?

    The rows are drawn at random; known are their values as they are printed and the time from one to the other, not
    the dates. Each row weighs the logarithm of its rarity in a population that is neither target nor in training. The
    score of a target is the weight that one synthetic entity holds at best, with the same time between the rows, less
    what one entity of the population holds. A second variant is ready for noise: it knows numbers as one of 10 equally
    frequent cells, and spans to the usual time between rows. Where fewer than two columns vary, the time since the row
    before belongs to the row.

    References
    ----------
    .. [1] de Montjoye, Radaelli, Singh, Pentland (2015), "Unique in the shopping mall: on the reidentifiability of
       credit card metadata", Science 347: a few known points of a trace.

    Examples
    --------
    >>> KnownRows.question
    'Do three known rows tell whether somebody was in the training data?'
    """

    name, title = "known_rows", "Attack by three known rows"
    question = "Do three known rows tell whether somebody was in the training data?"
    attacker = (
        "The attacker knows three rows of a target, the time from one to the other, and how rare such rows are in a "
        "population."
    )
    cannot_see = (
        "attackers who know more rows",
        "rows that occur over 100 times",
        "what more synthetic entities than are looked at (5,000) give away",
    )

    def scores(self, field: Field, streams: Streams) -> dict[str, NDArray[np.float64]]:
        """Weight held by one entity of the candidate, less that held by one of the population."""
        ruler = field.ruler
        names = [c.name for c in ruler.varied if not c.static]
        if not names and ruler.schema.time is None:
            raise CannotSay("no column of the rows varies")
        members, strangers, people, made = field.sides
        picked = _some(members, "members", streams), _some(strangers, "strangers", streams)
        owner = np.concatenate(
            [members.entity_of_row[picked[0]], strangers.entity_of_row[picked[1]] + members.n_entities]
        )
        time = np.concatenate([members.time[picked[0]], strangers.time[picked[1]]])
        found = {}
        for name, cells in (("rows as printed", 0), ("rows roughly", CELLS)):
            hashes = [_rows(ruler, d, names, cells) for d in field.sides]
            asked = np.concatenate([hashes[k][picked[k]] for k in (0, 1)])
            crowd = Known(hashes[2], people.entity_of_row, people.time)
            known = owner, asked, time, crowd.rarity(asked)
            unit = _unit(field) * (ROUGH if cells else 1)
            sides = crowd, Known(hashes[3], made.entity_of_row, made.time)
            theirs, held = (best_match(*known, side, len(field.truth), unit) for side in sides)
            found[name] = held - theirs
        return found


def _unit(field: Field) -> float:
    """What two spans may differ by and still be the same: a thousandth of the usual time between rows."""
    gaps = between(field.train)
    gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
    return float(np.median(gaps)) * 1e-3 if len(gaps) else 1.0


def _some(data: Sequences, who: str, streams: Streams) -> NDArray[np.int64]:
    """Places of up to three rows of each entity, drawn at random."""
    chance = Streams(streams.seed, ("attacks", "known rows", who), range(data.n_rows)).uniform()
    order = np.lexsort((chance, data.entity_of_row))
    return np.sort(order[data.step_of_row < ROWS])


def _rows(ruler: Ruler, data: Sequences, names: list[str], cells: int) -> NDArray[np.uint64]:
    """A hash a row."""
    columns = []
    for name in names:
        if data.schema[name].discrete:
            columns.append(data.codes(name).astype(np.float64))
        else:
            values = data.numeric(name)
            columns.append(np.floor(ruler.grid(name).ranks(values) * cells) if cells else values)
    if len(names) < 2 and data.schema.time is not None:
        gaps = between(data)
        columns.append(np.floor(4 * np.log1p(np.maximum(gaps, 0))) if cells else gaps)
    return folded(columns, data.n_rows)
