"""Can an attacker who knows only when somebody was seen tell whether he was in the training data?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsynth.data.sequences import Sequences
from tsynth.data.streams import Streams
from tsynth.scores.base import DoesNotApply
from tsynth.scores.privacy.attack import MembershipAttack
from tsynth.scores.privacy.exact import folded
from tsynth.scores.privacy.field import Field, normal_scores
from tsynth.scores.privacy.matches import Known, best_match
from tsynth.scores.times import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["VisitTimes"]

RUN, VISITS = 3, 12


class _Things(NamedTuple):
    hashes: NDArray[np.uint64]
    entity: NDArray[np.int64]
    time: NDArray[np.float64]
    step: NDArray[np.int64]


class VisitTimes(MembershipAttack):
    """Membership by nothing but the times of the rows.

    Three variants. *Runs of gaps*: each three times between rows in a run, of the first 12 rows, weigh the logarithm
    of their rarity in a population; the score is the weight that one synthetic entity holds at best, as far apart as
    in the target, less that of the population. *Moments*: the same of the times themselves, where absolute time is
    compared. *Rhythm*: the logarithm of the ratio of distances to the nearest entity of the population and to the
    nearest synthetic one, over ranks of the first 12 times between rows and of the number of rows.

    References
    ----------
    .. [1] de Montjoye, Hidalgo, Verleysen, Blondel (2013), "Unique in the crowd: the privacy bounds of human
       mobility", Scientific Reports 3: times and places of few points single out most people.

    Examples
    --------
    >>> VisitTimes.question
    'Do times alone tell whether somebody was in the training data?'
    """

    name, title = "visit_times", "Attack by times alone"
    question = "Do times alone tell whether somebody was in the training data?"
    attacker = "The attacker knows when the rows of a target are, nothing of what they hold, and such times of others."
    cannot_see = (
        "leaks of values",
        "times after the first 12 rows",
        "what more synthetic entities than are looked at (5,000) give away",
    )

    def cannot(self, train: Sequences, reference: Sequences | None, candidate: Sequences) -> str | None:
        """No times, or the same for all."""
        if train.schema.time is None:
            raise DoesNotApply("the rows have no time, only an order")
        gaps = between(train)
        gaps = gaps[np.isfinite(gaps)]
        first = train.time[train.offsets[:-1][train.lengths > 0]]
        even = not len(gaps) or np.ptp(gaps) <= 0.2 * np.median(gaps)
        if even and np.ptp(train.lengths) == 0 and not np.nanmax(first) > np.nanmin(first):
            raise DoesNotApply("all entities have the same times")
        return super().cannot(train, reference, candidate)

    def scores(self, field: Field, streams: Streams) -> dict[str, NDArray[np.float64]]:
        """Weights held, less those of the population, and the ratio of distances."""
        rhythm = field.apart(normal_scores(np.concatenate([_gaps(d) for d in field.sides])))
        near, far = (np.log(side[:, 0] + 1e-9) for side in rhythm.distances())
        found = {"rhythm": far - near}
        kinds = {"runs of gaps": _runs}
        if field.ruler.same_time:
            kinds["moments"] = _moments
        gaps = between(field.train)
        unit = float(np.median(gaps[gaps > 0])) * 1e-3 if (gaps > 0).any() else 1.0
        for name, kind in kinds.items():
            members, strangers, people, made = (kind(d) for d in field.sides)
            early = [side.step < VISITS for side in (members, strangers)]
            owner = np.r_[members.entity[early[0]], strangers.entity[early[1]] + len(field.members)]
            hashes = np.r_[members.hashes[early[0]], strangers.hashes[early[1]]]
            time = np.r_[members.time[early[0]], strangers.time[early[1]]]
            crowd, whole = (Known(side.hashes, side.entity, side.time) for side in (people, made))
            known = owner, hashes, time, crowd.rarity(hashes)
            theirs, held = (best_match(*known, side, len(field.truth), unit) for side in (crowd, whole))
            found[name] = held - theirs
        return found


def _runs(data: Sequences) -> _Things:
    """Runs of three times between rows, where the fourth row is."""
    gaps = between(data)
    shifted = [np.r_[np.full(min(k, len(gaps)), np.nan), gaps[: max(len(gaps) - k, 0)]] for k in range(RUN)]
    whole = data.step_of_row >= RUN
    return _Things(
        folded([g[whole] for g in shifted], int(whole.sum())),
        data.entity_of_row[whole],
        data.time[whole],
        data.step_of_row[whole],
    )


def _moments(data: Sequences) -> _Things:
    """The times themselves, which no span may move."""
    still = np.full(data.n_rows, np.nan)
    return _Things(folded([data.time], data.n_rows), data.entity_of_row, still, data.step_of_row)


def _gaps(data: Sequences) -> NDArray[np.float64]:
    """The first times between rows of each entity, and its number of rows."""
    out = np.full((data.n_entities, VISITS + 1), np.nan)
    early = (data.step_of_row > 0) & (data.step_of_row <= VISITS)
    out[data.entity_of_row[early], data.step_of_row[early] - 1] = between(data)[early]
    out[:, -1] = data.lengths
    return out
