"""Whether events look like draws of a process: time rescaling, the residual plot, branching, dispersion of counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import kolmogi, kolmogorov, ndtri
from scipy.stats import kstwo

from tsynth.data.streams import Streams
from tsynth.generators.point_process.counts import frailty
from tsynth.generators.point_process.excitation import foresight
from tsynth.generators.point_process.excitation.asked import NAMED, named
from tsynth.generators.point_process.excitation.moments import mean_factors, sized
from tsynth.generators.point_process.excitation.process import Exponentials, Histogram
from tsynth.generators.point_process.excitation.residuals import measure
from tsynth.generators.point_process.excitation.simulation import Sizes, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Events, Process
    from tsynth.generators.point_process.excitation.residuals import Measured

__all__ = [
    "branching",
    "branching_errors",
    "by_type",
    "diagnose",
    "dispersion",
    "residual_plot",
    "time_rescaling",
    "unit_gaps",
]

LEVEL = 0.05
"""Chance of an alarm under the true process."""
FEW = 20
"""Events of a type below which its residuals are not tested alone."""
SHOWN = 50
"""Most frequent types that are tested, at most."""
WIDE = 10.0
"""Half width of an interval, in logarithms, from which on it says nothing."""
POINTS = 200
"""Points of the residual plot."""
DRAWS = 199
"""Replicates behind the predicted dispersion, where each is small; one less than a multiple of 40."""
SPENT = 5_000_000
"""Events that all replicates have together, but for the 39 that are always drawn."""


def unit_gaps(measured: Measured, events: Events) -> NDArray[np.float64]:
    """Residuals of all types together, one an event that counts: independent unit exponentials under the true process.

    The integral of the intensity between an event and the one before. A window ends in a piece that no event closes.
    It is neither left out, which would keep too many short pieces, nor counted as if it were closed: it goes on in
    the sequence after. Laid end to end, in the clock of their integrals, independent sequences are one Poisson
    process of rate 1 (Daley and Vere-Jones 2003, theorem 7.4.I), and these are its gaps. Only the piece behind the
    last event of all is left out.
    """
    rows = np.arange(events.n_events)
    return _end_to_end(measured.together, measured.integral.sum(axis=1), rows, events)


def time_rescaling(gaps: NDArray[np.float64], level: float = LEVEL) -> dict[str, Any]:
    """Kolmogorov-Smirnov test of gaps against the unit exponential.

    Parameters
    ----------
    gaps : float64 array, (R,)
        Of `unit_gaps`.
    level : float
        Chance of an alarm under the true process. Where the process was fitted to the same events the true chance is
        lower; ask with a holdout.

    Returns
    -------
    dict
        ``statistic``: largest distance between the distribution of ``1 - exp(-gap)`` and the uniform one; ``band``:
        what it exceeds with chance `level` (exact below 20 gaps, from there Stephens' form, some 1e-3 off);
        ``p_value``; ``alarm``; ``count``; ``serial``: correlation of neighbouring gaps as normal scores, and
        ``serial_band``, which it exceeds as often.

    References
    ----------
    Brown, Barbieri, Ventura, Kass, Frank (2002), The time-rescaling theorem and its application to neural spike train
    data analysis, Neural Computation 14(2). Stephens (1970), Use of the Kolmogorov-Smirnov, Cramér-von Mises and
    related statistics without extensive tables, JRSS B 32(1).
    """
    n = len(gaps)
    if n == 0:
        none = dict.fromkeys(("statistic", "band", "p_value", "serial", "serial_band"))
        return {"count": 0, **none, "alarm": False}
    uniform = np.sort(-np.expm1(-gaps))
    step = np.arange(n) / n
    statistic = float(max(np.max(uniform - step), np.max(step + 1 / n - uniform)))
    root = np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n)
    found: dict[str, Any] = {
        "count": n,
        "statistic": statistic,
        "band": float(kstwo.isf(level, n) if n < 20 else kolmogi(level) / root),
        "p_value": float(kstwo.sf(statistic, n) if n < 20 else kolmogorov(statistic * root)),
        "serial": None,
        "serial_band": None,
    }
    found["alarm"] = statistic > found["band"]
    if n > 2:
        score = ndtri(np.clip(-np.expm1(-gaps), 1e-12, 1 - 1e-12))
        a, b = score[:-1] - score[:-1].mean(), score[1:] - score[1:].mean()
        spread = float(np.sqrt((a @ a) * (b @ b)))
        found["serial"] = float(a @ b) / spread if spread > 0 else 0.0
        found["serial_band"] = float(ndtri(1 - level / 2) / np.sqrt(n - 1))
    return found


def by_type(measured: Measured, events: Events, level: float = LEVEL) -> list[dict[str, Any]]:
    """Seen and expected number of events of each type, and the test of its own residuals where it has `FEW` or more.

    The band of each is that of ``level / number of tests``, so that all together raise an alarm with chance `level`
    at most; the `SHOWN` most frequent types are tested. Sequences are laid end to end as in `unit_gaps`, type by type.
    """
    types = measured.integral.shape[1]
    seen = np.bincount(events.types[measured.counted], minlength=types)
    expected = measured.integral.sum(axis=0)
    tested = np.argsort(-seen, kind="stable")[:SHOWN]
    tested = tested[seen[tested] >= FEW]
    order = np.argsort(events.types, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(events.types, minlength=types))])
    found: list[dict[str, Any]] = [
        {"type": m, "seen": int(seen[m]), "expected": float(expected[m]), "test": None} for m in range(types)
    ]
    for m in map(int, tested):
        rows = order[begin[m] : begin[m + 1]]
        gaps = _end_to_end(measured.increments, measured.integral[:, m], rows, events)
        found[m]["test"] = time_rescaling(gaps, level / len(tested))
    return found


def residual_plot(gaps: NDArray[np.float64], total: float) -> dict[str, Any]:
    """Number of events seen against number expected, along the sequences laid end to end.

    Parameters
    ----------
    gaps : float64 array, (R,)
        Of `unit_gaps`.
    total : float
        Integral of the intensities over all windows.

    Returns
    -------
    dict
        ``expected`` and ``seen``, up to 200 points each; ``slope``: seen over expected at the end; ``band``: under the
        true process `seen` stays that near to ``slope * expected`` with chance 95 %.

    References
    ----------
    Ogata (1988), Statistical models for earthquake occurrences and residual analysis for point processes, JASA
    83(401), section 4.
    """
    n = len(gaps)
    if n == 0:
        return {"expected": [0.0, float(total)], "seen": [0, 0], "slope": 0.0, "band": 0.0}
    rows = np.unique(np.linspace(0, n - 1, min(n, POINTS)).astype(np.int64))
    position = np.cumsum(gaps)
    return {
        "expected": position[rows].tolist(),
        "seen": (rows + 1).tolist(),
        "slope": float(n / total) if total > 0 else float("inf"),
        "band": float(1.3581 * np.sqrt(n)),
    }


def branching(process: Process, errors: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Branching ratio: spectral radius of the branching matrix, with an interval of 95 % from standard errors.

    Parameters
    ----------
    process : Process
    errors : float64 array, (M, M), optional
        Standard errors of the branching matrix, NaN where unknown or at a bound (taken as 0). They are combined as if
        the entries were independent, by the derivative of the radius, left times right eigenvector; exact to first
        order for one type. The interval is even in the logarithm.

    Returns
    -------
    dict
        ``ratio``, ``interval`` (None without errors, and where they leave the ratio open), ``stable``.
    """
    ratio = process.radius
    found: dict[str, Any] = {"ratio": ratio, "interval": None, "stable": bool(ratio < 1)}
    if errors is None or not np.isfinite(ratio) or ratio <= 0 or np.all(np.isnan(errors)):
        return found
    matrix = process.kernel.branching
    right, left = _leading(matrix), _leading(matrix.T)
    product = float(np.abs(left @ right))
    if product < 1e-12:
        return found
    slope = np.abs(np.outer(left, right)) / product
    error = float(np.sqrt(np.nansum((slope * errors) ** 2)))
    wide = float(ndtri(0.975)) * error / ratio
    if wide < WIDE:
        found["interval"] = [float(ratio * np.exp(-wide)), float(ratio * np.exp(wide))]
    return found


def branching_errors(
    process: Process, names: Sequence[str], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standard errors of a fit's branching matrix, (M, M), from those of its parameters; NaN where there are none.

    Those of components, or of the steps of a kernel, are combined as if they were independent. A power law gives
    none: its jump, c and p hang together too closely for that.

    Parameters
    ----------
    process : Process
    names, errors
        Those of a `Fit`.
    """
    kernel, m = process.kernel, process.types
    width = np.diff(kernel.edges) if isinstance(kernel, Histogram) else np.ones(0)
    variance = np.full((m, m), np.nan)
    for name, error in zip(names, errors, strict=True):
        what, _, where = name.partition("[")
        if what not in ("adjacency", "height") or np.isnan(error):
            continue
        *first, i, j = map(int, where.rstrip("]").split(","))
        one = (error * (width[first[0]] if what == "height" else 1.0)) ** 2
        variance[i, j] = one if np.isnan(variance[i, j]) else variance[i, j] + one
    return np.asarray(np.sqrt(variance))


def dispersion(
    process: Process,
    events: Events,
    scale: ArrayLike | None = None,
    *,
    key: np.uint64,
    sizes: Sizes | None = None,
    draws: int = DRAWS,
    variance: float = 0.0,
) -> dict[str, Any]:
    """Index of dispersion of counts, seen against drawn from the process in the same windows.

    Given events are the history of the draws. Counts are those of whole sequences, or, where there are fewer than 50,
    of equal parts of their windows, 50 or more in all. The index is the mean of ``(count - expected)^2 / expected``,
    expected at one rate for all, times `scale`: 1 for Poisson counts. With a `variance` each sequence of a draw has a
    gamma factor on its baseline besides, with mean 1.

    Returns
    -------
    dict
        ``seen``, ``predicted`` (mean over draws), ``interval`` (95 % of draws), ``alarm``, ``windows``, ``draws``.
        Under the true process `seen` is outside with chance 5 %.
    """
    n = events.n_sequences
    factor = np.ones(n) if scale is None else np.asarray(scale, np.float64)
    parts = max(1, int(np.ceil(50 / max(n, 1))))
    counted = events.counted
    seen = _index(events, factor, parts, counted)
    history = None if counted.all() else events.keep(~counted)
    if process.kernel.power != 0 and sizes is None:
        assert events.size is not None
        sizes = Sizes.of(events.types, events.size, process.types)
    times = int(np.clip(SPENT / max(events.n_events, 1), 39, max(draws, 39))) // 40 * 40 + 39
    times = times - 40 if times > max(draws, 39) else times
    values = np.empty(times)
    unlike = Streams(int(key), "rates", range(n * times)).normal() if variance > 0 else np.zeros(n * times)
    most = 20 * int(np.max(np.diff(events.offsets), initial=0)) + 1000
    for b in range(times):
        numbers = np.arange(b * n, (b + 1) * n, dtype=np.int64)
        made = simulate(
            process, events.start, events.end, key=key, entities=numbers,
            scale=factor * frailty(unlike[numbers], variance),
            sizes=sizes, most=most,
            history=history,
        )  # fmt: skip
        made = replace(made, start=events.start, end=events.end)  # `most` ends a window early
        values[b] = _index(made, factor, parts, made.counted)
    k = (times + 1) // 40  # between order statistics: outside with chance 2 k / (draws + 1)
    low, high = np.sort(values)[[k - 1, times - k]]
    return {
        "seen": seen,
        "predicted": float(values.mean()),
        "interval": [float(low), float(high)],
        "alarm": bool(seen < low or seen > high),
        "windows": n * parts,
        "draws": times,
    }


def diagnose(
    process: Process,
    events: Events,
    scale: ArrayLike | None = None,
    *,
    key: np.uint64,
    errors: NDArray[np.float64] | None = None,
    train: Events | None = None,
    sizes: Sizes | None = None,
    prior: ArrayLike | None = None,
    variance: float = 0.0,
    labels: Sequence[str] | None = None,
) -> dict[str, Any]:
    """All of this room's questions about a process and events, as plain numbers and sentences.

    Parameters
    ----------
    process : Process
    events : Events
        Best a holdout.
    scale : float64 array, (N,), optional
        Of the baseline of each sequence.
    key : uint64
        `tsynth.data.streams.Streams.key`, for the draws behind the predicted dispersion.
    errors : float64 array, (M, M), optional
        Standard errors of the branching matrix, such as `branching_errors` gives.
    train : Events, optional
        What the trivial predictors learn from.
    sizes : Sizes, optional
        What sizes are drawn from; those of `events` where not given.
    prior, variance : float64 array, (N,), and float, optional
        What was known of each sequence's rate before its events were seen, and the variance of a gamma factor besides,
        for the predicted dispersion; `scale` and 0 where not given.
    labels : sequence of str, (M,), optional
        Names of the types in sentences; else their numbers.

    Returns
    -------
    dict
        ``time_rescaling``, ``types``, ``residual_plot``, ``branching`` (an event with the mean factor of its sizes),
        ``dispersion`` (None where the process cannot be drawn: kernels other than exponentials under a link),
        ``next_event``, ``sentences``.
    """
    measured = measure(process, events, scale)
    gaps = unit_gaps(measured, events)
    if process.kernel.power != 0 and sizes is None:
        assert events.size is not None
        sizes = Sizes.of(events.types, events.size, process.types)
    if errors is not None:
        errors = errors * mean_factors(process, sizes)
    drawn = process.link == "linear" or isinstance(process.kernel, Exponentials)
    found: dict[str, Any] = {
        "time_rescaling": time_rescaling(gaps),
        "types": by_type(measured, events),
        "residual_plot": residual_plot(gaps, float(measured.integral.sum())),
        "branching": branching(sized(process, sizes), errors),
        "dispersion": dispersion(
            process, events, scale if prior is None else prior, key=key, sizes=sizes, variance=variance
        )
        if drawn
        else None,
        "next_event": foresight.next_event(process, events, scale, train=train, measured=measured),
    }
    found["sentences"] = _sentences(found, events, labels)
    return found


def _end_to_end(
    increments: NDArray[np.float64], integral: NDArray[np.float64], rows: NDArray[np.int64], events: Events
) -> NDArray[np.float64]:
    """Gaps of these rows' sequences laid end to end: what no event closed goes on to the next row that counts."""
    n = events.n_sequences
    who = np.repeat(np.arange(n), np.diff(events.offsets))[rows]
    tails = np.maximum(integral - np.bincount(who, increments[rows], minlength=n), 0.0)
    carried = np.concatenate([[0.0], np.cumsum(tails)])[who]
    passed = increments[rows] + np.diff(carried, prepend=0.0)
    counted = events.counted[rows]
    closed: NDArray[np.int64] = np.cumsum(counted) - counted  # rows that count before this one
    total = int(counted.sum())
    return np.asarray(np.bincount(closed, passed, minlength=total + 1)[:total])


def _leading(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right eigenvector of the eigenvalue of largest size."""
    values, vectors = np.linalg.eig(matrix)
    return np.asarray(np.abs(vectors[:, np.argmax(np.abs(values))]))


def _index(events: Events, scale: NDArray[np.float64], parts: int, counted: NDArray[np.bool_]) -> float:
    """Index of dispersion of the counts in equal parts of each window."""
    n = events.n_sequences
    who = np.repeat(np.arange(n), np.diff(events.offsets))
    length = events.end - events.start
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (events.times - events.start[who]) / length[who]
    part = np.clip(np.nan_to_num(share * parts), 0, parts - 1).astype(np.int64)
    count = np.bincount((who * parts + part)[counted], minlength=n * parts)
    exposed = np.repeat(length * scale / parts, parts)
    open_ = exposed > 0
    if not open_.any() or count.sum() == 0:
        return 0.0
    expected = exposed[open_] * (count[open_].sum() / exposed.sum())
    return float(np.mean((count[open_] - expected) ** 2 / expected))


def _sentences(found: dict[str, Any], events: Events, labels: Sequence[str] | None) -> list[str]:
    """What a reader should know first."""
    said = []
    test = found["time_rescaling"]
    if test["alarm"]:
        said.append(
            f"the process does not describe the times: their residuals are {test['statistic']:.3g} from "
            f"exponential, where chance gives at most {test['band']:.3g}."
        )
    if test["serial"] is not None and abs(test["serial"]) > test["serial_band"]:
        said.append(
            f"neighbouring residuals are correlated ({test['serial']:.3g}, by chance at most "
            f"{test['serial_band']:.3g}): some dependence is left."
        )
    bad = [row["type"] for row in found["types"] if row["test"] is not None and row["test"]["alarm"]]
    if bad:
        said.append(f"the residuals of types {named(bad[:NAMED], labels)} alone raise an alarm.")
    ties = int(np.sum((np.diff(events.times) == 0) & _same(events) & events.counted[1:]))
    if ties:
        said.append(
            f"{ties} of {events.n_events} events share their time with the one before; a process in continuous time "
            "has no ties, and their residuals of 0 count against it."
        )
    if not found["branching"]["stable"]:
        said.append(f"the process explodes: its branching ratio is {found['branching']['ratio']:.3g}.")
    counts = found["dispersion"]
    if counts is None:
        said.append(
            "the dispersion of counts is not judged: under a link only exponential kernels can be drawn, and it needs "
            "draws."
        )
    elif counts["alarm"]:
        low, high = counts["interval"]
        said.append(
            f"counts vary {'more' if counts['seen'] > high else 'less'} than the process makes them: index of "
            f"dispersion {counts['seen']:.3g}, predicted {low:.3g} to {high:.3g}."
        )
    return said + found["next_event"]["sentences"]


def _same(events: Events) -> NDArray[np.bool_]:
    who = np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))
    return np.asarray(who[1:] == who[:-1])
