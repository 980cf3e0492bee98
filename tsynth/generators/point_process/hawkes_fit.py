"""From the rows of all entities to a fitted Hawkes process, and what stands around it as plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsynth.data.streams import Streams
from tsynth.generators.point_process import jitter
from tsynth.generators.point_process.covariates import Design
from tsynth.generators.point_process.excitation.fitting import Fit, fit
from tsynth.generators.point_process.excitation.process import Baseline, Exponentials, Process
from tsynth.generators.point_process.excitation.seasons import seasonal
from tsynth.generators.point_process.excitation.simulation import Sizes
from tsynth.generators.point_process.frailty import expected_immigrants, fit_frail
from tsynth.generators.point_process.hawkes_events import observed
from tsynth.generators.point_process.season_choice import choose_season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder
    from tsynth.generators.point_process.event_generator import Gathered
    from tsynth.generators.point_process.excitation.process import Events
    from tsynth.generators.point_process.hawkes_asked import Asked
    from tsynth.generators.point_process.hawkes_events import Observed
    from tsynth.generators.point_process.windows import Window

__all__ = ["Learned", "learn_process"]

SIZES = 256
"""Sizes of a type that are kept, at most."""
PILED = 4.0
"""Mean gaps that sequences which end with the data may be silent before its end."""
LENGTHS = 512
"""Quantiles of the number of events that are kept, at most."""


@dataclass(frozen=True)
class Learned:
    """A fitted process and what stands around it, as `Hawkes` keeps them.

    Parameters
    ----------
    process : Process
    fit : dict
        Estimates, errors, log-likelihood, messages.
    frailty : dict
        Variance of the gamma factors; how windows come about; most events of a sequence; its quantiles.
    ties : dict
        How ties are treated and, where they are kept, the chain that fills batches.
    covariates : dict
        The design and its coefficients; empty where there is none.
    opening : float64 array, (M,)
        Running number of first events of each type.
    sizes : dict
        Sizes of each type; empty where no size drives excitation.
    extras : dict of str to float64 array, (N,)
        What the copula shall know of each entity: its rate, its number of events.
    """

    process: Process
    fit: dict[str, Any]
    frailty: dict[str, Any]
    ties: dict[str, Any]
    covariates: dict[str, Any]
    opening: NDArray[np.float64]
    sizes: dict[str, Any]
    extras: dict[str, NDArray[np.float64]]


def learn_process(
    asked: Asked,
    encoder: Encoder,
    found: Gathered,
    size: NDArray[np.float64] | None,
    *,
    labels: list[str],
    seed: int,
    calendar: bool,
    progress: Any = None,
) -> Learned:
    """Fit the process that is asked for to the rows of all entities.

    Parameters
    ----------
    asked : Asked
    encoder : Encoder
    found : Gathered
    size : float64 array, (R,), optional
    labels : list of str, (M,)
        Names of the types.
    seed : int
        For the jitter of ties.
    calendar : bool
    progress : object, optional
        As in `Generator.fit`.
    """
    types, entities, window = found.codes, found.entities, found.window
    step = encoder.time_step_
    ties = jitter.choose(asked.ties, entities.offsets, found.time, step)
    streams = Streams(seed, ("fit:hawkes", "ties"), range(len(entities.rows)))
    seen = observed(found.time, found.code.astype(np.int64), size, types, entities, window, ties, streams)
    events = seen.events
    shape, why = asked.baseline, ""
    if shape == "auto":
        shape, why = choose_season(
            events.times, events.start, events.end, day=encoder.timing.day_, calendar=calendar, step=step
        )
    base = seasonal(
        shape, types=types, day=encoder.timing.day_, calendar=calendar, step=step, times=events.times
    )
    statics = {name: entities.statics[name] for name in asked.statics(encoder.schema)}
    design = Design.of(statics, encoder)
    x = design.matrix(statics, events.n_sequences) if design.size else None
    penalty, strength = asked.penalised(types)

    def once(scale: NDArray[np.float64] | None) -> Fit:
        return fit(
            events, types=types, kernel=asked.kernel, decay=asked.decay, decays=asked.decays,
            components=asked.components, baseline=base, covariates=x, penalty=penalty, strength=strength,
            link=asked.link, stable=asked.stable, scale=scale, power=0.0 if asked.size is None else None,
            reference=0.0 if size is None else float(np.mean(size)), labels=labels,
        )  # fmt: skip

    def by(made: Fit) -> NDArray[np.float64]:
        return np.ones(events.n_sequences) if x is None else np.exp(x @ made.coefficients)

    if progress is not None:
        progress.stage("fitting the process", 1)
    if not (events.counted.any() and np.any(events.end > events.start)):
        made, variance, scale = _silent(types), 0.0, np.ones(events.n_sequences)
    elif asked.frailty and asked.link == "linear":
        made, variance, scale = fit_frail(once, events, by)
    else:
        made, variance, scale = once(None), 0.0, np.ones(events.n_sequences)
        if asked.frailty:
            made.messages.append(
                f"under link={asked.link!r} all sequences are held to have one rate, but for what covariates say"
            )
    if progress is not None:
        progress.advance(1)
    if why:
        made.messages.insert(0, why)
    extras = {"rate": scale} if variance > 0 else {}
    rows = np.diff(events.offsets)
    if seen.counted:
        extras["rows"] = np.where(rows > 0, rows, np.nan).astype(np.float64)
    share = 1.0
    if seen.counted and variance > 0:
        share = float(
            expected_immigrants(made.process, events, scale * by(made))[0].sum() / events.counted.sum()
        )
    process = _floored(made.process, float((scale * by(made)) @ (events.end - events.start)))
    return Learned(
        process,
        {**_plain(made), "events": events.n_events, "sequences": events.n_sequences,
         "ties": [ties.sentence()] if ties.seen > 0 else [], "window": window.why},
        {**_frailty(variance, seen, rows, window), "share": share},
        {"ties": ties.to_state(), "batches": None if seen.batches is None else seen.batches.to_state()},
        {} if x is None else {"design": design.to_state(), "coefficients": made.coefficients},
        np.cumsum(np.bincount(_heads(events), minlength=types).astype(np.float64)),
        {} if events.size is None else dict(vars(Sizes.of(events.types, events.size, types, SIZES))),
        extras,
    )  # fmt: skip


def _silent(types: int) -> Fit:
    """Where no sequence has a second event: nothing is known of rates, and what is made has one event too."""
    nothing = Exponentials(np.zeros((1, types, types)), np.ones((1, 1, 1)))
    said = "no sequence has an event after its first in a window of some length, so no rate was learned"
    none = np.empty(0)
    return Fit(Process(Baseline(np.zeros(types)), nothing), 0.0, [], none, none, messages=[said])


def _floored(process: Process, exposure: float) -> Process:
    """The process with rates of immigrants that are nowhere 0: of each type half an event in all windows together.

    Else an event that nothing excited, though rare, would be held impossible.
    """
    base = process.baseline
    if not base.level.any() or exposure <= 0:
        return process
    least = 0.5 / exposure
    level = np.maximum(base.level, least)
    factors = np.maximum(
        base.factors, least / level[None, :] if base.factors.shape[1] > 1 else least / level.max()
    )
    return replace(process, baseline=replace(base, level=level, factors=np.ascontiguousarray(factors)))


def _heads(events: Events) -> NDArray[np.int64]:
    """Types of first events."""
    return events.types[events.offsets[:-1][np.diff(events.offsets) > 0]]


def _plain(made: Fit) -> dict[str, Any]:
    return {
        "log_likelihood": float(made.log_likelihood),
        "names": list(made.names) if len(made.names) < 10_000 else [],
        "estimates": made.estimates,
        "errors": made.errors,
        "iterations": int(made.iterations),
        "converged": bool(made.converged),
        "radius": float(made.radius),
        "messages": list(made.messages),
    }


def _frailty(variance: float, seen: Observed, rows: NDArray[np.int64], window: Window) -> dict[str, Any]:
    """How sequences differ and end; quantiles leave out the longest few."""
    lengths = np.sort(rows[rows > 0])
    size = int(np.clip(len(lengths), 1, LENGTHS))
    at = (np.arange(size) + 0.5) / size
    events = seen.events
    span = events.end - events.start
    stop = float(window.span[1])
    # without a calendar too sequences may all end with the data: the silence left is of the size of their gaps
    gaps = np.maximum(rows - 1, 0).sum()
    piled = gaps > 0 and np.mean(stop - events.end) <= PILED * span.sum() / gaps
    return {
        "variance": variance,
        "rule": window.rule,
        "opened": bool(window.opened),
        "most": int(10 * rows.max(initial=1) + 1000),
        "rows": np.quantile(lengths, at, method="inverted_cdf") if len(lengths) else np.ones(1),
        "longest": float(span.max(initial=0.0)),
        "shared": bool(window.shared or piled),
        "stop": stop,
    }
