"""Which contracts an entity has together: whole profiles, drawn by what the entity is like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Profiles"]

SHRINK = 5.0
"""Entities by which the mean of a profile leans on that of all."""
ROUNDS = 20


@dataclass(frozen=True)
class Profiles:
    """Profiles of codes with contracts, and their linear discriminant in scores of the entity.

    Contracts exclude and include each other (salary or pension, rarely both), which pairwise correlations lose. A
    profile that fewer entities have than are protected is none; those entities are one class, whose contracts the
    copula draws.

    Parameters
    ----------
    held : int64 array, (P, K)
        1 where a profile has contracts of a code.
    weight : float64 array, (P + 1,)
        Log of the prior share; the last is the class without a profile.
    slope : float64 array, (P + 1, F)
        Log-odds a unit of each score.
    share : float64 array, (P + 1,)
        Shares in the source, which `calibrated` aims at.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7(2).
    """

    held: NDArray[np.int64]
    weight: NDArray[np.float64]
    slope: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def learn(
        cls, holds: NDArray[np.int64], scores: NDArray[np.float64], protect: int
    ) -> tuple[Self, NDArray[np.bool_]]:
        """Profiles of entities that `holds` (N, K) and have `scores` (N, F), and which entities have none."""
        found, of, many = np.unique(holds, axis=0, return_inverse=True, return_counts=True)
        held = many >= protect
        number = np.where(held, np.cumsum(held) - 1, held.sum())[of.reshape(-1)]
        size = int(held.sum()) + 1
        rows = np.bincount(number, minlength=size)
        middle = scores.mean(axis=0)
        means = np.stack([np.bincount(number, x, minlength=size) for x in (scores - middle).T], axis=1)
        means = means / (rows[:, None] + SHRINK)
        inside = scores - middle - means[number]
        spread = inside.T @ inside / len(scores) + 0.1 * np.eye(scores.shape[1])
        slope = np.linalg.solve(spread, means.T).T
        share = (rows + 1e-3) / (rows + 1e-3).sum()
        weight = np.log(share) - 0.5 * np.sum(slope * means, axis=1) - slope @ middle
        return cls(found[held].astype(np.int64), weight, slope, share), number == size - 1

    def chances(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance of each profile, the last for none, (N, P + 1)."""
        odds = scores @ self.slope.T + self.weight
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def calibrated(self, scores: NDArray[np.float64]) -> Self:
        """With weights at which made entities with `scores` have each profile as often as the source."""
        now = self
        for _ in range(ROUNDS):
            made = now.chances(scores).mean(axis=0)
            now = replace(now, weight=now.weight + np.log(self.share / np.maximum(made, 1e-6)))
        return now

    def draw(self, scores: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of a profile for each entity, -1 for none."""
        chance = np.cumsum(self.chances(scores), axis=1)
        pick = np.sum(u[:, None] * chance[:, -1:] >= chance, axis=1)
        return np.where(pick < len(self.held), pick, -1)

    def to_state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"held": self.held, "weight": self.weight, "slope": self.slope, "share": self.share}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """What `to_state` gave."""
        return cls(**{name: np.asarray(state[name]) for name in ("held", "weight", "slope", "share")})
