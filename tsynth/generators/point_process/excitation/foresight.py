"""What a process expects of the next event, scored beside predictors that know no history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.compiled.hawkes import ahead
from tsynth.generators.point_process.excitation import residuals
from tsynth.generators.point_process.excitation.power import exponentials_of
from tsynth.generators.point_process.excitation.process import Exponentials, Histogram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.generators.point_process.excitation.process import Events, Process
    from tsynth.generators.point_process.excitation.residuals import Measured

__all__ = ["next_event", "waits"]

MOST = 20_000
"""Events that are predicted, at most."""
WORK = 10_000_000
"""Intensities of one type through one component at the start of a prediction, at most."""


def waits(
    process: Process, events: Events, rows: NDArray[np.int64], scale: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """After each of these rows: median and mean wait for the next event of any type, and its likeliest type.

    The mean is that of the wait or the longest window, whichever is less, so that it is finite; a median beyond is
    the longest window too. Walked in steps of .1 expected events and 3 % of the time walked at most, so good to some
    thousandths; a power law goes as exponentials within 1e-3.

    Parameters
    ----------
    process, events, scale
        As in `residuals.measure`.
    rows : int64 array, (Q,)

    Returns
    -------
    median, mean : float64 array, (Q,)
    likely : int64 array, (Q,)
        Before the time of the next event is known.
    """
    kernel = process.kernel
    horizon = float(np.max(events.end - events.start, initial=0.0)) or 1.0
    chosen = np.zeros(events.n_events, np.bool_)
    chosen[rows] = True
    median, mean = np.empty(events.n_events), np.empty(events.n_events)
    likely = np.empty(events.n_events, np.int64)
    scales = np.ones(events.n_sequences) if scale is None else np.ascontiguousarray(scale, np.float64)
    head = (
        events.offsets,
        events.times,
        events.types,
        residuals.weights(kernel, events),
        scales,
        chosen,
        horizon,
    )
    base = (*residuals.cells(process.baseline)[:3], *residuals.turn(process.baseline))
    tail = (residuals.LINKS[process.link], median, mean, likely)
    if isinstance(kernel, Histogram):
        ahead.next_steps(*head, *base, kernel.edges, residuals.turned(kernel.height), *tail)
    else:
        if not isinstance(kernel, Exponentials):
            kernel = exponentials_of(kernel, 0.0, max(horizon, kernel.c), 1e-3)[0]
        ahead.next_exponential(
            *head, *base, residuals.turned(kernel.adjacency), residuals.kept(kernel), *tail
        )
    return median[rows], mean[rows], likely[rows]


def next_event(
    process: Process,
    events: Events,
    scale: ArrayLike | None = None,
    *,
    train: Events | None = None,
    measured: Measured | None = None,
) -> dict[str, Any]:
    """Scores of the next event under the process and under trivial predictors, and sentences where those win.

    Parameters
    ----------
    process, events, scale
        As in `residuals.measure`; best events that the process was not fitted to.
    train : Events, optional
        What the trivial predictors learn from; `events` where not given.
    measured : Measured, optional
        Of `events`, where it is at hand.

    Returns
    -------
    dict
        ``log_likelihood`` an event over all of them, against a Poisson process with a constant rate a type;
        ``accuracy`` of the type before the event's time is known and ``accuracy_at`` when it is, against the most
        frequent type; ``absolute_error`` of the median wait and ``root_squared_error`` of the mean wait between two
        events of a sequence, against the mean gap. Each is ``{"process": x, "trivial": y}``; None where there is
        nothing to predict; a log-likelihood is None where an event has intensity 0. ``predicted`` is the number of
        waits, an even selection of at most 20,000.
    """
    past = events if train is None else train
    found = residuals.measure(process, events, scale) if measured is None else measured
    n = max(int(found.counted.sum()), 1)
    often = np.bincount(past.types[past.counted], minlength=process.types)
    rates = often / max(float(np.sum(past.end - past.start)), 1e-300)
    with np.errstate(divide="ignore"):
        flat = float(np.log(rates[events.types[found.counted]]).sum())
    flat -= float(rates.sum() * np.sum(events.end - events.start))
    own = found.log_likelihood / n
    scores: dict[str, Any] = {
        "log_likelihood": {
            "process": own if np.isfinite(own) else None,
            "trivial": flat / n if np.isfinite(flat) else None,
        }
    }
    rows = _predicted(process, events)
    scores["predicted"] = len(rows)
    gaps = np.diff(past.times)[_followed(past)]
    if not len(rows) or not len(gaps):
        scores |= dict.fromkeys(("accuracy", "accuracy_at", "absolute_error", "root_squared_error"))
        return scores | {"sentences": _sentences(scores)}
    gap = events.times[rows + 1] - events.times[rows]
    median, mean, likely = waits(process, events, rows, scale)
    who = np.searchsorted(events.offsets, rows, side="right") - 1
    places = np.searchsorted(who, np.arange(events.n_sequences + 1))
    at = residuals.intensities(process, events, (places, events.times[rows + 1]), scale).argmax(axis=1)
    kind, popular = events.types[rows + 1], int(often.argmax())
    trivial = float(np.mean(kind == popular))
    usual = float(gaps.mean())
    scores["accuracy"] = {"process": float(np.mean(likely == kind)), "trivial": trivial}
    scores["accuracy_at"] = {"process": float(np.mean(at == kind)), "trivial": trivial}
    scores["absolute_error"] = {
        "process": float(np.mean(np.abs(gap - median))),
        "trivial": float(np.mean(np.abs(gap - usual))),
    }
    scores["root_squared_error"] = {
        "process": float(np.sqrt(np.mean((gap - mean) ** 2))),
        "trivial": float(np.sqrt(np.mean((gap - usual) ** 2))),
    }
    return scores | {"sentences": _sentences(scores)}


def _followed(events: Events) -> NDArray[np.bool_]:
    """Whether the next row is an event of the same sequence that the process drew, (R - 1,)."""
    who = np.repeat(np.arange(events.n_sequences), np.diff(events.offsets))
    return np.asarray((who[1:] == who[:-1]) & events.counted[1:])


def _predicted(process: Process, events: Events) -> NDArray[np.int64]:
    """Rows after which the next event is predicted: evenly spread over those that have one in their sequence."""
    rows = np.flatnonzero(_followed(events))
    kernel = process.kernel
    parts = 20 if not isinstance(kernel, Exponentials | Histogram) else 1
    if isinstance(kernel, Exponentials):
        parts = len(kernel.adjacency) * (1 if kernel.shared else process.types)
    most = int(np.clip(WORK / (process.types * parts), 200, MOST))
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


WORDS = {
    "log_likelihood": ("a constant rate a type", "gives the events a higher likelihood"),
    "accuracy": ("the most frequent type", "names the next type more often"),
    "accuracy_at": ("the most frequent type", "names the type at a known time more often"),
    "absolute_error": ("the mean gap", "is nearer to the next gap than the median wait"),
    "root_squared_error": ("the mean gap", "has a lower squared error than the mean wait"),
}


def _sentences(scores: dict[str, Any]) -> list[str]:
    """One for each score in which the trivial predictor is better."""
    found = []
    for name, (who, what) in WORDS.items():
        pair = scores[name]
        if pair is None or pair["trivial"] is None:
            continue
        if pair["process"] is None:
            found.append("some events have intensity 0 under the process, so it gives them no likelihood.")
            continue
        lower = name.endswith("error")
        if (pair["trivial"] < pair["process"]) if lower else (pair["trivial"] > pair["process"]):
            found.append(f"{who} {what}: {pair['trivial']:.4g} against {pair['process']:.4g}.")
    return found
