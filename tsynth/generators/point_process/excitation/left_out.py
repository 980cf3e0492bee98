"""The strength of a penalty, chosen by the log-likelihood of what a fit has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process.excitation.likelihood import log_likelihood
from tsynth.generators.point_process.excitation.process import Events
from tsynth.generators.point_process.excitation.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked, Fit
    from tsynth.generators.point_process.excitation.process import Process

__all__ = ["STRENGTHS", "chosen", "first_strength", "folds", "some", "until"]

FOLDS = 3
STRENGTHS = 0.5 ** np.arange(1.0, 12.0)
"""Shares of the least strength at which nothing excites anything."""


def some(events: Events, keep: NDArray[np.int64]) -> Events:
    """These sequences alone."""
    lengths = np.diff(events.offsets)[keep]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(events.offsets[keep] - offsets[:-1], lengths) + np.arange(offsets[-1])
    size = None if events.size is None else events.size[rows]
    return Events(offsets, events.times[rows], events.types[rows], events.start[keep], events.end[keep], size)


def until(events: Events, end: NDArray[np.float64]) -> Events:
    """The same sequences, each watched until its `end` (N,) only."""
    keep = events.times <= np.repeat(end, np.diff(events.offsets))
    inside = np.concatenate([[0], np.cumsum(keep)])
    size = None if events.size is None else events.size[keep]
    return Events(inside[events.offsets], events.times[keep], events.types[keep], events.start, end, size)


def folds(
    events: Events, covariates: NDArray[np.float64] | None
) -> Iterator[
    tuple[Events, NDArray[np.float64] | None, list[tuple[Events, NDArray[np.float64] | None, float]]]
]:
    """What to learn from, and what to score with a sign.

    Ten sequences and more: every third sequence is left out in turn. Fewer: a fit to the first 40, 60 and 80 % of
    each window is scored on the 20 % after it, given what came before: the log-likelihood of the longer window less
    that of the shorter.
    """
    n = events.n_sequences
    if n >= 10:
        for fold in range(FOLDS):
            out = np.arange(n) % FOLDS == fold
            x = (None, None) if covariates is None else (covariates[~out], covariates[out])
            yield some(events, np.flatnonzero(~out)), x[0], [(some(events, np.flatnonzero(out)), x[1], 1.0)]
        return
    length = events.end - events.start
    for share in (0.4, 0.6, 0.8):
        before = until(events, events.start + share * length)
        after = until(events, events.start + (share + 0.2) * length)
        yield before, covariates, [(after, covariates, 1.0), (before, covariates, -1.0)]


def first_strength(search: Search) -> float:
    """The strength above which nothing excites anything: the greatest pull on a coefficient (a group) at zero."""
    theta, eta = search.start()
    theta[:, search.b :] = 0.0
    theta[:, : search.b] = search.rates()
    pull = np.maximum(search.likelihood(theta, eta).score[:, search.b : search.b + search.k * search.m], 0.0)
    if search.asked.penalty == "l1":
        return float(pull.max())
    price = search.penalty(1.0)
    assert price is not None
    assert price.group is not None
    assert price.strength is not None
    group = price.group[:, search.b :]
    lengths = np.sqrt(np.bincount(group.ravel(), pull.ravel() ** 2, minlength=len(price.strength)))
    return float((lengths / price.strength).max())


def _score(
    process: Process,
    coefficients: NDArray[np.float64],
    parts: list[tuple[Events, NDArray[np.float64] | None, float]],
    floor: NDArray[np.float64],
) -> float:
    # a type that was not seen has rate 0 and would make every strength equally impossible
    process = replace(
        process, baseline=replace(process.baseline, level=np.maximum(process.baseline.level, floor))
    )
    total = 0.0
    for events, x, sign in parts:
        scale = None if x is None else np.exp(x @ coefficients)
        total += sign * log_likelihood(process, events, scale)
    return total


def chosen(events: Events, asked: Asked) -> Fit:
    """The fit at the strength whose fits foretell best what they have not seen."""
    whole = Search(events, replace(asked, strength=0.0))
    top = first_strength(whole)
    if top <= 0:
        return Search(events, replace(asked, strength=0.0)).fit()
    gains = np.zeros(len(STRENGTHS))
    for part, x, parts in folds(events, asked.covariates):
        if part.n_events == 0 or not np.any(part.end > part.start):
            continue
        search = Search(part, replace(asked, strength=0.0, covariates=x, progress=None))
        floor = np.full(asked.types, 0.5 / float((part.end - part.start).sum()))
        share = part.n_events / events.n_events
        start = None
        for at, factor in enumerate(STRENGTHS):
            found = search.climb(start, search.penalty(factor * top * share))
            start = (found.theta, found.eta)
            process = search.process_of(found.theta, found.eta)
            gains[at] += _score(process, search.coefficients(found.eta), parts, floor)
    best = float(STRENGTHS[int(np.argmax(gains))] * top)
    fitted = Search(events, replace(asked, strength=best)).fit()
    fitted.messages.append(
        f"strength {best:.6g} of the penalty {asked.penalty} foretold best what was left out "
        f"(log-likelihood {gains.max():.8g}, {gains.max() - gains[-1]:.4g} above almost no penalty)"
    )
    return fitted
