"""Loops of the conditional value model: what a row remembers, and the choices and values drawn from it."""

from __future__ import annotations

import math

import numpy as np

from tsynth.compiled.jit import compiled
from tsynth.compiled.random import normal, start, uniform

__all__ = ["AGES", "BINS", "REACH", "draw", "height", "memory", "normal_cdf", "plain"]

AGES = 5
"""Classes of memory: first row; no row of this code; one; two or three; more."""
BINS = 64
"""Bins of a histogram of scores between -REACH and REACH."""
REACH = 4.0
TRIES = 6
"""Draws of a value that would take a running total lower than totals go."""
_ROOT = math.sqrt(0.5)


@compiled
def normal_cdf(x):
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x * _ROOT)


@compiled
def age_class(rows, same):
    """Class of memory after `rows` rows of the entity, `same` of them of this code with a value."""
    if rows == 0:
        return 0
    if same == 0:
        return 1
    return 2 if same == 1 else (3 if same < 4 else 4)


@compiled
def memory(offsets, code, codes, choice, value, first_valued, choices):
    """What each row remembers of a field.

    Returns
    -------
    before : int32 array, (2, R)
        State of the row of the same code before [0] and of the row before [1]: its choice, `choices` where it
        copied, ``choices + 1`` where there is none.
    now : int32 array, (2, R)
        The row's own state by the same two measures.
    remembered : float64 array, (R, 4)
        The last value of the same code, the last value, the mean of the same code's values, of all.
    age : int8 array, (R,)
    """
    size = len(choice)
    before, now = np.empty((2, size), np.int32), np.empty((2, size), np.int32)
    remembered, age = np.zeros((size, 4)), np.zeros(size, np.int8)
    state = np.empty(codes + 1, np.int32)  # the last entry: the row before, whatever its code
    held, pick = np.empty(codes + 1), np.empty(codes + 1, np.int32)
    scores, sums, counts = np.zeros(codes + 1), np.zeros(codes + 1), np.zeros(codes + 1, np.int64)
    for i in range(len(offsets) - 1):
        state[:] = choices + 1
        pick[:] = -1
        scores[:] = 0.0
        sums[:] = 0.0
        counts[:] = 0
        for r in range(offsets[i], offsets[i + 1]):
            c = code[r]
            valued = first_valued >= 0 and choice[r] >= first_valued
            age[r] = age_class(r - offsets[i], counts[c])
            remembered[r, 0] = scores[c] if counts[c] > 0 else 0.0
            remembered[r, 1] = scores[codes]
            remembered[r, 2] = sums[c] / counts[c] if counts[c] > 0 else 0.0
            remembered[r, 3] = sums[codes] / counts[codes] if counts[codes] > 0 else 0.0
            for basis in range(2):
                at = c if basis == 0 else codes
                before[basis, r] = state[at]
                copied = valued and pick[at] == choice[r] and held[at] == value[r]
                now[basis, r] = choices if copied else choice[r]
                state[at] = now[basis, r]
                if valued:
                    pick[at], held[at] = choice[r], value[r]
                    scores[at] = value[r]
            if valued:
                for slot in (np.int64(c), np.int64(codes)):
                    sums[slot] += value[r]
                    counts[slot] += 1
    return before, now, remembered, age


@compiled
def height(level, typical):
    """A running total as a regressor: near its logarithm on both sides of 0."""
    return 0.5 * math.asinh(level / typical)


@compiled
def plain(choice, value, atoms, knots):
    """About the number that a choice and a score stand for."""
    if choice == 0:
        return 0.0
    if choice <= len(atoms):
        return atoms[choice - 1]
    place = (value + REACH) / (2 * REACH) * (len(knots) - 1)
    at = min(max(int(place), 0), len(knots) - 2)
    return knots[at] + (place - at) * (knots[at + 1] - knots[at])


@compiled
def draw(
    key, entities, offsets, code, group, group_beta, codes, basis, choices, first_valued, table, parent, ratio,
    histogram, beta, sigma, opening, other, discrete_score, sign, begin, total, atoms, knots, known, known_choice,
    known_value,
):  # fmt: skip
    """Choices, values and scores of one field for all rows.

    Parameters
    ----------
    code, group, group_beta : int array, (R,)
        Code of each row, its group in `table` and its group in `histogram` and `beta`.
    table : float64 array, (G, choices + 2, choices + 1)
        Probability of each choice, and of copying (last), by the state before.
    parent : int32 array, (R,)
        State of another field of the row, -1 where there is none.
    ratio : float64 array, (S, choices)
        By how much that state makes each choice more likely.
    histogram : float64 array, (H, grids, BINS + 1)
        Distribution function of the values at the edges of the bins.
    beta : float64 array, (H, AGES, 5 + E); sigma : (H, AGES)
        Regression of the score on 1, the four memories and `other`.
    opening : float64 array, (N,)
        Score of the entity's first value.
    other : float64 array, (R, E)
        Scores of the fields drawn before, and of the age.
    discrete_score : float64 array, (choices,)
    sign : float64 array, (codes,)
        Sign with which each code's values add up to a running total; empty where there is none.
    begin : float64 array, (N,)
        The total before the first row.
    total : float64 array, (4,)
        Unit of `height`, the heights that are told apart, and the total below which a value is drawn anew.
    atoms, knots : float64 array
        Plain values of the choices and of the scores.
    known : int64 array, (N,)
        Leading rows of each entity that are given: they are remembered and come back as they are.
    known_choice, known_value : int32 and float64 array, (R,)
        Their choices and values; empty where nothing is given.
    """
    size = offsets[len(offsets) - 1]
    choice, value, score = np.zeros(size, np.int32), np.zeros(size), np.zeros(size)
    rng = np.empty(4, np.uint64)
    state = np.empty(codes + 1, np.int32)
    held, pick = np.zeros(codes + 1), np.empty(codes + 1, np.int32)
    sums, counts = np.zeros(codes + 1), np.zeros(codes + 1, np.int64)
    weight = np.empty(choices + 1)
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        start(rng, key, entities[i])
        state[:] = choices + 1
        pick[:] = -1
        held[:] = 0.0
        sums[:] = 0.0
        counts[:] = 0
        level = begin[i]
        for r in range(offsets[i], offsets[i + 1]):
            c, g, h = code[r], group[r], group_beta[r]
            at = c if basis == 0 else codes
            if r < offsets[i] + known[i]:
                m = known_choice[r]
                choice[r], value[r], score[r] = m, known_value[r], discrete_score[m]
                if first_valued >= 0 and m >= first_valued:
                    score[r] = value[r]
                    if pick[at] == m and held[at] == value[r]:
                        m = choices
            else:
                mass = 0.0
                for m in range(choices + 1):
                    w = table[g, state[at], m]
                    if m == choices:
                        if pick[at] < 0:
                            w = 0.0
                    elif parent[r] >= 0:
                        w *= ratio[parent[r], m]
                    weight[m] = w
                    mass += w
                for _ in range(TRIES if len(sign) > 0 else 1):
                    u = uniform(rng) * mass
                    m = 0
                    while m < choices and u >= weight[m]:
                        u -= weight[m]
                        m += 1
                    if m == choices and pick[at] < 0:
                        m = 0
                    copied = m == choices
                    if copied:
                        choice[r], value[r], score[r] = pick[at], held[at], held[at]
                    else:
                        choice[r], value[r] = m, 0.0
                        score[r] = discrete_score[m]
                    if not copied and first_valued >= 0 and m >= first_valued:
                        a = age_class(r - offsets[i], counts[c])
                        mean = beta[h, a, 0]
                        if a == 0:
                            y = opening[i]
                        else:
                            y = normal(rng)
                        if counts[c] > 0:
                            mean += beta[h, a, 1] * held[c] + beta[h, a, 3] * sums[c] / counts[c]
                        mean += beta[h, a, 2] * held[codes]
                        if counts[codes] > 0:
                            mean += beta[h, a, 4] * sums[codes] / counts[codes]
                        for j in range(other.shape[1]):
                            mean += beta[h, a, 5 + j] * other[r, j]
                        if len(sign) > 0:
                            mean += beta[h, a, 5 + other.shape[1]] * min(
                                max(height(level, total[0]), total[1]), total[2]
                            )
                        y = min(max(mean + sigma[h, a] * y, -REACH), REACH)
                        p = normal_cdf(y)
                        cdf = histogram[h, m - first_valued]
                        low, high = 0, BINS
                        while low < high - 1:
                            middle = (low + high) >> 1
                            if cdf[middle] <= p:
                                low = middle
                            else:
                                high = middle
                        inside = (
                            (p - cdf[low]) / (cdf[low + 1] - cdf[low]) if cdf[low + 1] > cdf[low] else 0.5
                        )
                        value[r] = -REACH + (low + min(max(inside, 0.0), 1.0)) * (2 * REACH / BINS)
                        score[r] = value[r]
                    if len(sign) == 0 or sign[c] * plain(choice[r], value[r], atoms, knots) >= min(
                        total[3] - level, 0.0
                    ):
                        break
            if len(sign) > 0:
                level += sign[c] * plain(choice[r], value[r], atoms, knots)
            valued = first_valued >= 0 and choice[r] >= first_valued
            for b in range(2):
                slot = c if b == 0 else codes
                state[slot] = m
                if valued:
                    pick[slot], held[slot] = choice[r], value[r]
            if valued:
                for slot in (np.int64(c), np.int64(codes)):
                    sums[slot] += value[r]
                    counts[slot] += 1
    return choice, value, score
