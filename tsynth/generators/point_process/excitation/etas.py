"""Omori's law driven by sizes (ETAS): log-likelihood over all pairs of events, and maximum likelihood."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.errors import UsageError
from tsynth.generators.point_process.excitation.asked import Asked, Fit
from tsynth.generators.point_process.excitation.checks import checked
from tsynth.generators.point_process.excitation.likelihood import exposure
from tsynth.generators.point_process.excitation.omori import OmoriSearch
from tsynth.generators.point_process.excitation.residuals import measure
from tsynth.generators.point_process.excitation.search import joined

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsynth.generators.point_process.excitation.process import Events, Process

__all__ = ["fit", "fit_etas", "log_likelihood"]


def log_likelihood(process: Process, events: Events, scale: ArrayLike | None = None) -> float:
    """Log-likelihood under Omori's law, exact over all pairs of events and for any p, also 1 and below.

    Beyond 50 million pairs the law goes as exponentials within 1e-9 of it.

    References
    ----------
    Ogata (1988), Statistical models for earthquake occurrences and residual analysis for point processes, JASA
    83(401), equation 6 with the intensity of equation 17.
    """
    return measure(process, events, scale).log_likelihood


def fit_etas(events: Events, types: int, **asked: Any) -> Fit:
    """Fit ``mu + sum A exp(power (size - reference)) (1 + (t - t_i) / c)^-p``, the power too.

    Parameters
    ----------
    events : Events
        With sizes.
    types : int
    **asked
        `baseline`, `covariates`, `scale`, `power` (given, not fitted), `reference` and `progress` of
        `tsynth.generators.point_process.excitation.fitting.fit`.

    Returns
    -------
    Fit
        `names` are ``level[i]``, ``jump[i,j]``, ``c``, ``p``, ``power``. The search goes by exponentials near the law;
        the log-likelihood is exact.
    """
    power = asked.pop("power", None)
    return fit(events, Asked(types, kernel="etas", power=power, **asked).checked(events))


def fit(events: Events, asked: Asked) -> Fit:
    """The most likely power law of what was asked."""
    events = checked(events, asked.types)
    if asked.kernel == "etas" and asked.power == 0.0:
        asked = replace(asked, power=None)
    if asked.power is None and events.size is None:
        raise UsageError("ETAS needs the events' size", fix='give events a size, or use kernel="power_law"')
    assert asked.baseline is not None
    spent, _ = exposure(events, asked.baseline, np.ones(events.n_sequences))
    search = OmoriSearch(events, asked, joined(spent))
    found = search.climb()
    process = search.process_of(found.theta, found.eta)
    scale = np.ones(events.n_sequences) if asked.scale is None else asked.scale
    if asked.covariates is not None:
        scale = scale * np.exp(asked.covariates @ found.eta[3 : 3 + search.c])
    return search.answer(found, log_likelihood(process, events, scale))
