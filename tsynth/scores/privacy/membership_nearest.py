"""Can an attacker tell who was in the training data by the nearest synthetic entity?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsynth.data.streams import Streams
from tsynth.scores.privacy.attack import MembershipAttack
from tsynth.scores.privacy.field import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MembershipNearest"]


class MembershipNearest(MembershipAttack):
    """Membership by the distance to the nearest synthetic entity, alone and beside that to the nearest of others.

    Distances are Euclidean between normal scores: of the summaries of entities, and of their first 12 rows as they
    follow each other. Entities of dense regions lie near to synthetic ones whether they were in training or not, so
    the calibrated variants divide by the distance to a real population.

    References
    ----------
    .. [1] Chen, Yu, Zhang, Fritz (2020), "GAN-Leaks: a taxonomy of membership inference attacks against generative
       models", CCS, sec. 4.1 and 5: the nearest sample, and calibration.
    .. [2] Hilprecht, Haerterich, Bernau (2019), "Monte Carlo and reconstruction membership inference attacks
       against generative models", PoPETs 2019(4).

    Examples
    --------
    >>> MembershipNearest.question
    'Do training entities have nearer synthetic neighbours than others have?'
    """

    name, title = "membership_nearest", "Attack by the nearest entity"
    question = "Do training entities have nearer synthetic neighbours than others have?"
    attacker = (
        "The attacker knows the whole sequence of a target, and real entities of the same population that are neither "
        "targets nor in training."
    )
    cannot_see = (
        "leaks that neither summaries nor the first rows show",
        "what more synthetic entities than are looked at (5,000) give away",
    )

    def scores(self, field: Field, streams: Streams) -> dict[str, NDArray[np.float64]]:
        """Minus the distance, and the logarithm of the ratio of distances."""
        found = {}
        for what, sides in (("summaries", field.near), ("first rows", field.near_rows)):
            near, far = (side[:, 0] for side in sides)
            found[f"nearest by {what}"] = -near
            found[f"nearest by {what}, calibrated"] = np.log(far + 1e-9) - np.log(near + 1e-9)
        return found
