"""Maximum likelihood for Hawkes processes: what is asked, what is found, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsynth.generators.point_process.excitation.asked import Asked, Fit
from tsynth.generators.point_process.excitation.checks import checked
from tsynth.generators.point_process.excitation.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsynth.generators.point_process.excitation.process import Baseline, Events

__all__ = ["Fit", "fit"]

DENSE = 100
"""Types up to which a target's coefficients are kept as one full block."""


def fit(
    events: Events,
    *,
    types: int,
    kernel: str = "exponential",
    decay: float | NDArray[np.float64] | None = None,
    decays: str = "shared",
    components: int = 1,
    baseline: Baseline | None = None,
    covariates: NDArray[np.float64] | None = None,
    penalty: str | None = None,
    strength: float | str = 0.0,
    groups: NDArray[np.int64] | None = None,
    link: str = "linear",
    stable: bool = False,
    power: float | None = 0.0,
    reference: float = 0.0,
    progress: Callable[[int, float], Any] | None = None,
    scale: NDArray[np.float64] | None = None,
    labels: Sequence[str] | None = None,
) -> Fit:
    """Fit a Hawkes process by maximum likelihood.

    Parameters
    ----------
    events : Events
        N sequences, each with its window; an empty one counts its window.
    types : int
        M. A type without events gets rate 0, and a message says so.
    kernel : {"exponential", "sum", "power_law", "etas", "nonparametric"}
    decay : float or array, (K,), (M, M) where ``decays="pair"``; optional
        Per unit of time; fitted where it is not given. Of "sum" the decays are spaced evenly in logarithm between
        two fitted ones.
    decays : {"shared", "pair"}
        One decay for all pairs of types, or one a pair.
    components : int
        Number K of exponentials of "sum".
    baseline : Baseline, optional
        Its edges, period, phase and shape of factors are used, its numbers not. Factors (B, M) are fitted by type,
        factors (B, 1) are common to all types; level is then the rate where the factor is 1, the cell with the
        most events. Without it the baseline is constant.
    covariates : float64 array, (N, P), optional
        Of sequences; they multiply the baseline by ``exp(x @ coefficients)``.
    penalty : {"l1", "group"}, optional
        What is taken off the log-likelihood: `strength` times the sum of the adjacency, or times the Euclidean
        lengths of `groups`, each times the square root of its size. A fitted decay is the best under the penalty,
        which pushes it up where the penalty is strong; with more than 100 types it is fitted without the penalty.
    strength : float or "auto"
        "auto" chooses by the log-likelihood of sequences (or blocks of time) left out.
    groups : int array, (M,) or (M, M), optional
        Labels of types or of pairs (target, parent); a group is a pair over its components without them.
    link : {"linear", "softplus", "rectified"}
        All but "linear" allow inhibition; see `tsynth.generators.point_process.excitation.inhibition`.
    stable : bool
        Keep the spectral radius of the branching matrix at most .99: where the free fit exceeds it, the
        log-likelihood is maximised under that bound by a multiplier, its price on each coefficient being the
        radius' derivative (left times right Perron vector) at the last fit, until both agree.
    power, reference : float
        An event of size s counts ``exp(power * (s - reference))`` times; None fits the power.
    progress : callable, optional
        Called with the number of a step and the log-likelihood.
    scale : float64 array, (N,), optional
        Multiplies the baseline of each sequence: what is known of its rate beside covariates.
    labels : sequence of str, (M,), optional
        Names of the types in messages; else their numbers.

    Raises
    ------
    DataError
        There is no event at all or no time was observed; an event is outside its window, unsorted or of an
        unknown type.
    UsageError
        An argument is unknown or does not go with another.

    References
    ----------
    Ozaki (1979), Ann. Inst. Stat. Math. 31: the likelihood and its derivatives. Ogata (1978), Ann. Inst. Stat.
    Math. 30: consistency and the information.

    Examples
    --------
    >>> import numpy as np
    >>> from tsynth.generators.point_process.excitation.process import Events
    >>> draw = np.random.default_rng(0)
    >>> times = np.sort(draw.uniform(0, 100, 300))
    >>> one = Events(np.array([0, 300]), times, np.zeros(300, int), np.zeros(1), np.full(1, 100.0))
    >>> found = fit(one, types=1, decay=2.0)
    >>> found.names
    ['level[0]', 'adjacency[0,0,0]', 'decay[0]']
    >>> 0 <= found.radius < 0.3
    True
    """
    events = checked(events, types)
    asked = Asked(
        types, kernel, decay, decays, components, baseline, covariates, penalty, strength, groups, link, stable,
        power, reference, progress, scale, labels,
    ).checked(events)  # fmt: skip
    if kernel in ("power_law", "etas"):
        from tsynth.generators.point_process.excitation import etas

        return etas.fit(events, asked)
    if kernel == "nonparametric":
        from tsynth.generators.point_process.excitation import expectation

        return expectation.fit(events, asked)
    if link != "linear":
        from tsynth.generators.point_process.excitation import inhibition

        return inhibition.fit(events, asked)
    if types > DENSE:
        from tsynth.generators.point_process.excitation import sparse

        return sparse.fit(events, asked)
    if strength == "auto":
        from tsynth.generators.point_process.excitation import left_out

        return left_out.chosen(events, asked)
    return Search(events, asked).fit()
