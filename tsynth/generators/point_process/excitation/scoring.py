"""Fisher scoring where each target type has coefficients of its own and a few numbers are common to all.

The information is an arrow: one block a target, bordered by what is common (decays, covariates). A step solves it by
blocks, so a fit of M targets costs M small systems; coefficients that their bound holds stay out of the system
(projected Newton, Bertsekas 1982, SIAM J. Control Optim. 20, eq. 32-34).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.penalties import Penalty

__all__ = ["Box", "Found", "Terms", "maximise", "standard_errors"]

TURNS = 12
"""Times that coefficients which would leave the box are held at its edge and the step is solved anew."""
LEAST, DAMPED = 1e-9, 1e7
"""Damping of the scaled information: the least, and where a search is given up."""
WEAK = 1e-10
"""Curvature of the log-likelihood in a coefficient's logarithm that is none."""
HALVED = 20
"""Halvings before a step is damped."""
SLACK = 1e-12
"""A sum of logs is known to this share of itself; a fall by less is none."""


@dataclass
class Terms:
    """A log-likelihood at one point: by target (M,), its gradient and information by block.

    `score` (M, P) and `info` (M, P, P) belong to the targets' coefficients, `outer` (Q,) and `outer_info` (Q, Q)
    to what is common, `cross` (M, Q, P) to both.
    """

    rows: NDArray[np.float64]
    score: NDArray[np.float64]
    info: NDArray[np.float64]
    outer: NDArray[np.float64]
    outer_info: NDArray[np.float64]
    cross: NDArray[np.float64]

    @property
    def value(self) -> float:
        """The log-likelihood; minus infinity where it is no number."""
        total = float(self.rows.sum())
        return total if np.isfinite(total) else -np.inf


@dataclass
class Box:
    """Bounds of the coefficients (P,) and of what is common (Q,), and how far one step may go in each."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    outer_low: NDArray[np.float64]
    outer_high: NDArray[np.float64]
    stride: NDArray[np.float64]
    reach: NDArray[np.float64]


@dataclass
class Found:
    """Where a search ended."""

    theta: NDArray[np.float64]
    eta: NDArray[np.float64]
    terms: Terms
    iterations: int
    converged: bool


def _open(
    x: NDArray[np.float64],
    gradient: NDArray[np.float64],
    curvature: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which coordinates a step may move: off their bounds or drawn inwards, and with curvature."""
    held = ((x <= low) & (gradient <= 0)) | ((x >= high) & (gradient >= 0))
    return ~held & (curvature > 1e-300)


def _solved(
    info: NDArray[np.float64], free: NDArray[np.bool_], right: NDArray[np.float64], damping: float = LEAST
) -> NDArray[np.float64]:
    """Solve the free part of each block, (M, P, P) with (M, P, S); zeros elsewhere."""
    diagonal = np.einsum("mpp->mp", info)
    size = np.where(free, 1 / np.sqrt(np.where(free, diagonal, 1.0)), 0.0)
    block = info * size[:, :, None] * size[:, None, :]
    index = np.arange(info.shape[1])
    block[:, index, index] = np.where(free, 1.0 + damping, 1.0)  # scaled: the damping is relative
    return np.asarray(np.linalg.solve(block, right * size[:, :, None]) * size[:, :, None], np.float64)


def _step(
    terms: Terms,
    gradient: NDArray[np.float64],
    extra: NDArray[np.float64] | None,
    free: NDArray[np.bool_],
    loose: NDArray[np.bool_],
    reach: NDArray[np.float64],
    fixed: NDArray[np.float64],
    damping: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Step of the coefficients and of what is common, and the gain that the quadratic promises.

    Coefficients that are not `free` move by `fixed` (M, P), and the others make the best of that.
    """
    info = terms.info
    if extra is not None:
        info = info.copy()
        index = np.arange(info.shape[1])
        info[:, index, index] += extra
    m, q = len(gradient), int(loose.sum())
    cross = terms.cross[:, loose] if q else np.zeros((m, 0, info.shape[1]))
    pulled = gradient - np.einsum("mpr,mr->mp", info, fixed)
    right = np.concatenate([pulled[:, :, None], cross.transpose(0, 2, 1)], axis=2)
    solved = _solved(info, free, np.where(free[:, :, None], right, 0.0), damping)
    delta, common = solved[:, :, 0], np.zeros(len(loose))
    if q:
        slope = solved[:, :, 1:]
        schur = terms.outer_info[np.ix_(loose, loose)] - np.einsum("mqp,mpr->qr", cross, slope)
        rest = terms.outer[loose] - np.einsum("mqp,mp->q", cross, delta + fixed)
        size = 1 / np.sqrt(np.diag(terms.outer_info)[loose])
        scaled = schur * size[:, None] * size[None, :] + max(damping, 1e-9) * np.eye(q)
        move = np.linalg.lstsq(scaled, rest * size, rcond=None)[0] * size
        move *= min(1.0, float(np.min(reach[loose] / np.maximum(np.abs(move), 1e-300))))
        common[loose] = move
        delta = delta - slope @ move
    delta = np.where(free, delta, fixed)
    bend = np.einsum("mp,mpr,mr->", delta, info, delta) + common @ terms.outer_info @ common
    bend += 2.0 * np.einsum("mp,mqp,q->", delta, terms.cross, common)
    return delta, common, float((gradient * delta).sum() + terms.outer @ common - 0.5 * bend)


def _inside(
    theta: NDArray[np.float64],
    terms: Terms,
    gradient: NDArray[np.float64],
    extra: NDArray[np.float64] | None,
    free: NDArray[np.bool_],
    loose: NDArray[np.bool_],
    box: Box,
    damping: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """`_step`, but coefficients that would leave the box go to their lower bound.

    Were they only cut off there, the step of the others, which counted on them, might lead down.
    """
    fixed = np.zeros_like(theta)
    for _ in range(TURNS):
        delta, common, gain = _step(terms, gradient, extra, free, loose, box.reach, fixed, damping)
        beyond = free & (theta + delta < box.low)
        if not beyond.any():
            break
        free = free & ~beyond
        fixed[beyond] = (box.low - theta)[beyond]
    return delta, common, gain


def maximise(
    evaluate: Callable[[NDArray[np.float64], NDArray[np.float64]], Terms],
    theta: NDArray[np.float64],
    eta: NDArray[np.float64],
    box: Box,
    *,
    penalty: Penalty | None = None,
    tolerance: float = 1e-9,
    most: int = 200,
    progress: Callable[[int, float], Any] | None = None,
) -> Found:
    """Climb from (theta, eta) until the gain of log-likelihood, promised once or made thrice, is below `tolerance`.

    A step that lowers the (penalised) log-likelihood is halved, first for the targets that lost by it; where that does
    not help, or the quadratic promises nothing, it is damped (Levenberg, Marquardt).
    """

    def cost(at: NDArray[np.float64]) -> float:
        return penalty.value(at) if penalty is not None else 0.0

    terms = evaluate(theta, eta)
    value = terms.value - cost(theta)
    converged, iteration, still, damping = False, 0, 0, LEAST
    for iteration in range(1, most + 1):
        gradient, extra, zero = terms.score, None, None
        if penalty is not None:
            gradient, extra, zero = penalty.apply(theta, terms)
        curvature = np.einsum("mpp->mp", terms.info)
        free = _open(theta, gradient, curvature, box.low, box.high)
        if zero is not None:
            free &= ~zero
        loose = _open(eta, terms.outer, np.diag(terms.outer_info), box.outer_low, box.outer_high)
        # without curvature to speak of the likelihood falls in a straight line: go to the bound at once
        weak = (curvature * theta**2 <= WEAK) & np.isfinite(box.low) & (theta > box.low)
        straight = weak & (gradient < 0)
        free &= ~weak
        if zero is not None:
            straight |= zero & (theta > box.low)
        accepted, gain = False, np.inf
        while not accepted and damping < DAMPED:
            delta, common, gain = _inside(theta, terms, gradient, extra, free, loose, box, damping)
            delta = np.clip(delta, -box.stride, box.stride)
            if abs(gain) < tolerance and not straight.any():
                converged = True
                break
            if np.isfinite(gain) and (gain > 0 or straight.any()):
                lengths, outer_length = np.ones((len(theta), 1)), 1.0
                for _ in range(HALVED):
                    moved = np.clip(theta + lengths * delta, box.low, box.high)
                    moved[straight] = np.broadcast_to(box.low, moved.shape)[straight]
                    shifted = np.clip(eta + outer_length * common, box.outer_low, box.outer_high)
                    trial = evaluate(moved, shifted)
                    new = trial.value - cost(moved)
                    if new >= value - SLACK * abs(value):
                        accepted = True
                        break
                    worse = ~(trial.rows >= terms.rows)
                    if not worse.any() or not np.isfinite(new):
                        lengths *= 0.5
                    else:
                        lengths[worse] *= 0.5
                    outer_length *= 0.5
            if not accepted:
                damping = max(100.0 * damping, 1e-6)
        if converged:
            break
        if not accepted:
            converged = bool(abs(gain) < 1e-5)
            break
        damping = max(0.01 * damping, LEAST)
        still = still + 1 if new - value < tolerance else 0
        theta, eta, terms, value = moved, shifted, trial, new
        if progress is not None:
            progress(iteration, value)
        if (
            still == 3
        ):  # promises that do not come true: the quadratic is wrong where next to nothing is known
            converged = True
            break
    return Found(theta, eta, terms, iteration, converged)


def standard_errors(found: Found, box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Roots of the diagonal of the inverse information: (M, P) and (Q,); NaN at a bound or without information."""
    terms = found.terms
    diagonal = np.einsum("mpp->mp", terms.info)
    free = (found.theta > box.low) & (found.theta < box.high) & (diagonal > 1e-300)
    loose = (found.eta > box.outer_low) & (found.eta < box.outer_high) & (np.diag(terms.outer_info) > 1e-300)
    own, common = np.full(found.theta.shape, np.nan), np.full(len(found.eta), np.nan)
    p = found.theta.shape[1]
    eye = np.where(free[:, :, None], np.eye(p)[None], 0.0)
    inverse = _solved(terms.info, free, eye)
    variance = np.einsum("mpp->mp", inverse).copy()
    if loose.any():
        cross = terms.cross[:, loose]
        slope = inverse @ cross.transpose(0, 2, 1)
        schur = terms.outer_info[np.ix_(loose, loose)] - np.einsum("mqp,mpr->qr", cross, slope)
        spread = np.linalg.pinv(schur, hermitian=True)
        common[loose] = np.sqrt(np.maximum(np.diag(spread), 0.0))
        variance += np.einsum("mpq,qr,mpr->mp", slope, spread, slope)
    own[free] = np.sqrt(np.maximum(variance[free], 0.0))
    return own, common
