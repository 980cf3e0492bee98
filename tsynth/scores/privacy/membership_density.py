"""Can an attacker who knows the population tell who was in the training data, by where synthetic data are too dense?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tsynth.data.streams import Streams
from tsynth.scores.judges import fitted
from tsynth.scores.privacy.attack import MembershipAttack
from tsynth.scores.privacy.field import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MembershipDensity"]

SMOOTHED, NORMAL = 4, 8
"""Principal components that the smoothed and the normal density see."""


class MembershipDensity(MembershipAttack):
    """Membership by the ratio of densities: that of the synthetic data over that of the population.

    A generator that has overfitted puts more mass where its training entities lie than the population does there.
    Density models, each over summaries of entities: a Gaussian kernel (Scott's width) on the first 4 principal
    components, a normal law on 8, the three nearest neighbours on all summaries, and a boosting classifier that
    tells synthetic from population, whose odds are the ratio.

    References
    ----------
    .. [1] van Breugel, Sun, Qian, van der Schaar (2023), "Membership inference attacks against synthetic data
       through overfitting detection", AISTATS: eq. 2.

    Examples
    --------
    >>> MembershipDensity.question
    'Are synthetic data too dense where training entities lie?'
    """

    name, title = "membership_density", "Attack by density"
    question = "Are synthetic data too dense where training entities lie?"
    dear = True
    attacker = (
        "The attacker knows the whole sequence of a target, and real entities of the same population that are neither "
        "targets nor in training."
    )
    cannot_see = (
        "leaks that summaries of entities do not show",
        "what more synthetic entities than are looked at (5,000) give away",
    )

    def scores(self, field: Field, streams: Streams) -> dict[str, NDArray[np.float64]]:
        """Logarithms of the ratio."""
        sides = field.components
        near, far = (np.log(side[:, :3] + 1e-9).mean(axis=1) for side in field.near)
        found = {"nearest neighbours": far - near}
        if not sides.candidates.shape[1]:
            return found
        known = np.concatenate([sides.candidates, sides.population])
        labels = np.repeat([True, False], [len(sides.candidates), len(sides.population)])
        judge = fitted(known, labels, streams.purpose("classifier"))
        with threadpool_limits(limits=1):
            for name, density, most in (
                ("smoothed density", _kernel, SMOOTHED),
                ("normal density", _normal, NORMAL),
            ):
                asked, made, people = (
                    side[:, :most] for side in (sides.targets, sides.candidates, sides.population)
                )
                found[name] = density(asked, made) - density(asked, people)
            found["classifier"] = judge.decision_function(sides.targets)
        return found


def _kernel(asked: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of a Gaussian kernel density of Scott's width."""
    n, d = known.shape
    width = np.maximum(known.std(axis=0), 1e-3) * n ** (-1 / (d + 4))
    asked, known = asked / width, known / width
    apart = np.maximum((asked**2).sum(1)[:, None] + (known**2).sum(1) - 2 * asked @ known.T, 0.0)
    least = apart.min(axis=1)
    mass = np.log(np.exp((least[:, None] - apart) / 2).mean(axis=1)) - least / 2
    out: NDArray[np.float64] = mass - np.log(width).sum()
    return out


def _normal(asked: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of a normal density; the covariance leans on its diagonal where there are few points."""
    n, d = known.shape
    middle = known.mean(axis=0)
    around = (known - middle).T @ (known - middle) / n
    lean = d / (n + d)
    around = (1 - lean) * around + lean * np.diag(np.diag(around)) + 1e-3 * np.eye(d)
    root = np.linalg.cholesky(around)
    whitened = solve_triangular(root, (asked - middle).T, lower=True)
    out: NDArray[np.float64] = -0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(root)).sum()
    return out
