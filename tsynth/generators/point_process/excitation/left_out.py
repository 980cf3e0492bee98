"""The strength of a penalty, chosen by the log-likelihood of what a fit has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsynth.generators.point_process.excitation.likelihood import log_likelihood
from tsynth.generators.point_process.excitation.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.asked import Asked, Fit
    from tsynth.generators.point_process.excitation.process import Events, Process

__all__ = ["STRENGTHS", "chosen", "first_strength", "folds", "gain", "until"]

FOLDS = 3
STRENGTHS = 0.5 ** np.arange(1.0, 12.0)
"""Shares of the least strength at which nothing excites anything."""


def until(events: Events, end: NDArray[np.float64]) -> Events:
    """The same sequences, each watched until its `end` (N,) only."""
    return replace(events.keep(events.times <= np.repeat(end, np.diff(events.offsets))), end=end)


def folds(
    events: Events,
) -> Iterator[tuple[Events, NDArray[np.int64], list[tuple[Events, NDArray[np.int64], float]]]]:
    """What to learn from, and what to score with a sign; each with the numbers of its sequences.

    Ten sequences and more: every third sequence is left out in turn. Fewer: a fit to the first 40, 60 and 80 % of
    each window is scored on the 20 % after it, given what came before: the log-likelihood of the longer window less
    that of the shorter.
    """
    n = events.n_sequences
    everyone = np.arange(n)
    if n >= 10:
        for fold in range(FOLDS):
            out, rest = everyone[everyone % FOLDS == fold], everyone[everyone % FOLDS != fold]
            yield events.take(rest), rest, [(events.take(out), out, 1.0)]
        return
    length = events.end - events.start
    for share in (0.4, 0.6, 0.8):
        before = until(events, events.start + share * length)
        after = until(events, events.start + (share + 0.2) * length)
        yield before, everyone, [(after, everyone, 1.0), (before, everyone, -1.0)]


def first_strength(search: Search) -> float:
    """The strength above which nothing excites anything: the greatest pull on a coefficient (a group) at zero."""
    theta, eta = search.start()
    theta[:, search.b : search.b + search.k * search.m] = 0.0
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


def gain(
    process: Process,
    scale: NDArray[np.float64],
    parts: list[tuple[Events, NDArray[np.int64], float]],
    floor: float,
) -> float:
    """Log-likelihood of what was left out, `scale` (N,) being that of all sequences.

    Levels are at least `floor`: a type that was not seen would make every strength equally impossible.
    """
    level = np.maximum(process.baseline.level, floor)
    process = replace(process, baseline=replace(process.baseline, level=level))
    return sum(sign * log_likelihood(process, events, scale[who]) for events, who, sign in parts)


def scale_of(asked: Asked, beta: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """What multiplies the baseline of each of n sequences."""
    scale = np.ones(n) if asked.scale is None else np.asarray(asked.scale, np.float64)
    return scale if asked.covariates is None else scale * np.exp(asked.covariates @ beta)


def among(asked: Asked, who: NDArray[np.int64]) -> Asked:
    """The same question of these sequences alone, without a penalty's strength."""
    x, scale = asked.covariates, asked.scale
    return replace(
        asked, strength=0.0, covariates=None if x is None else x[who], progress=None,
        scale=None if scale is None else np.asarray(scale)[who],
    )  # fmt: skip


def chosen(events: Events, asked: Asked) -> Fit:
    """The fit at the strength whose fits foretell best what they have not seen."""
    whole = Search(events, replace(asked, strength=0.0))
    top = first_strength(whole)
    if top <= 0:
        return Search(events, replace(asked, strength=0.0)).fit()
    gains = np.zeros(len(STRENGTHS))
    for part, who, parts in folds(events):
        if part.n_events == 0 or not np.any(part.end > part.start):
            continue
        search = Search(part, among(asked, who))
        floor = 0.5 / float((part.end - part.start).sum())
        share = part.n_events / events.n_events
        start = None
        for at, factor in enumerate(STRENGTHS):
            found = search.climb(start, search.penalty(factor * top * share))
            start = (found.theta, found.eta)
            scale = scale_of(asked, search.coefficients(found.eta), events.n_sequences)
            gains[at] += gain(search.process_of(found.theta, found.eta), scale, parts, floor)
    best = float(STRENGTHS[int(np.argmax(gains))] * top)
    fitted = Search(events, replace(asked, strength=best)).fit()
    fitted.messages.append(
        f"strength {best:.6g} of the penalty {asked.penalty} foretold best what was left out "
        f"(log-likelihood {gains.max():.8g}, {gains.max() - gains[-1]:.4g} above almost no penalty)"
    )
    return fitted
