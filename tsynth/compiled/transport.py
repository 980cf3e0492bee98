"""Distances between two sides that are sorted once and weighed again and again."""

from __future__ import annotations

import numpy as np

from tsynth.compiled.jit import compiled

__all__ = ["moved_mass"]


@compiled
def moved_mass(order, steps, mass):
    """1-Wasserstein distances along several directions, for several weights of the points.

    ``W1 = integral |F(u) - G(u)| du``, the two distribution functions being those of the points with positive and
    with negative mass.

    Parameters
    ----------
    order : int64 array, (K, N)
        Points in the order in which they lie along each direction.
    steps : float64 array, (K, N - 1)
        Distance from each to the next.
    mass : float64 array, (N, B)
        Mass of each point, positive on one side and negative on the other, under each weighing.

    Returns
    -------
    float64 array, (K, B)
    """
    directions, points = order.shape
    draws = mass.shape[1]
    moved = np.zeros((directions, draws))
    ahead = np.empty(draws)
    for k in range(directions):
        ahead[:] = 0.0
        for i in range(points - 1):
            p = order[k, i]
            step = steps[k, i]
            for b in range(draws):
                ahead[b] += mass[p, b]
                moved[k, b] += step * abs(ahead[b])
    return moved
