"""Penalties on who excites whom: lasso, group lasso, and the price of explosion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.scoring import Terms

__all__ = ["Penalty", "groups_of"]


@dataclass
class Penalty:
    """What is taken off the log-likelihood: ``sum linear * theta + sum_g strength_g |theta_g|``.

    Parameters
    ----------
    linear : float64 array, (M, P)
        Price of each coefficient; coefficients are not negative, so this is the lasso.
    group : int64 array, (M, P), optional
        Group of each coefficient, -1 for none.
    strength : float64 array, (G,), optional
        Price of each group's Euclidean length.
    """

    linear: NDArray[np.float64]
    group: NDArray[np.int64] | None = None
    strength: NDArray[np.float64] | None = None

    def _lengths(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.group is not None
        assert self.strength is not None
        inside = self.group >= 0
        squares = np.bincount(self.group[inside], theta[inside] ** 2, minlength=len(self.strength))
        lengths: NDArray[np.float64] = np.sqrt(squares)
        return lengths

    def value(self, theta: NDArray[np.float64]) -> float:
        """The penalty at theta."""
        total = float((self.linear * theta).sum())
        if self.group is not None and self.strength is not None:
            total += float(self.strength @ self._lengths(theta))
        return total

    def apply(
        self, theta: NDArray[np.float64], terms: Terms
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.bool_] | None]:
        """Gradient of the penalised log-likelihood, what its curvature gains, and which coefficients vanish.

        A group's length is bounded by the parabola through its present length (Hunter, Li 2005, Ann. Stat. 33); a
        group vanishes at once where zero is its best under the likelihood's quadratic.
        """
        gradient = terms.score - self.linear
        if self.group is None or self.strength is None:
            return gradient, None, None
        inside = self.group >= 0
        lengths = self._lengths(theta)
        at_zero = np.maximum(gradient + np.where(inside, _own(terms.info, theta, self.group), 0.0), 0.0)
        pull = np.sqrt(np.bincount(self.group[inside], at_zero[inside] ** 2, minlength=len(self.strength)))
        gone = pull <= self.strength
        group = np.where(inside, self.group, 0)
        # a group that comes back from zero starts as if it had a small length
        floor = 1e-3 * max(float(lengths.max(initial=0.0)), 1e-3)
        slope = self.strength / np.maximum(lengths, floor)
        extra = np.where(inside, slope[group], 0.0)
        held = np.where(lengths > 0, self.strength / np.where(lengths > 0, lengths, 1.0), 0.0)
        gradient = gradient - np.where(inside, held[group] * theta, 0.0)
        fresh = inside & (lengths[group] == 0)
        share = np.where(pull > 0, 1 - self.strength / np.maximum(pull, 1e-300), 0.0)
        gradient = np.where(fresh, gradient * np.maximum(share[group], 0.0), gradient)
        return gradient, extra, inside & gone[group]


def _own(
    info: NDArray[np.float64], theta: NDArray[np.float64], group: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Information of each coefficient's own group and row times the group: what its score gains at zero."""
    out = np.empty_like(theta)
    for i in range(len(theta)):
        same = group[i][:, None] == group[i][None, :]
        out[i] = np.where(same, info[i], 0.0) @ theta[i]
    return out


def groups_of(
    labels: NDArray[np.int64] | None, types: int, components: int, cells: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Group of each coefficient (M, P) and the square roots of the groups' sizes.

    Parameters
    ----------
    labels : int array, (M, M) or (M,), optional
        A label a pair (target, parent); or a label a type, where a pair's group is the two types' labels. Without
        them a group is a pair, over components.
    """
    if labels is None:
        pairs = np.arange(types * types).reshape(types, types)
    elif np.ndim(labels) == 1:
        _, code = np.unique(labels, return_inverse=True)
        pairs = code[:, None] * (int(code.max()) + 1) + code[None, :]
    else:
        pairs = np.asarray(labels)
    _, flat = np.unique(pairs.ravel(), return_inverse=True)
    group = np.full((types, width), -1, np.int64)
    for k in range(components):
        group[:, cells + k * types : cells + (k + 1) * types] = flat.reshape(types, types)
    sizes = np.bincount(group[group >= 0])
    return group, np.sqrt(sizes.astype(np.float64))
