"""`Poisson`: events at a rate that knows the calendar, the entity's statics and its liveliness, and no other event."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tsynth.compiled import rates as loops
from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.errors import DataError, UsageError
from tsynth.generators.copula import Copula
from tsynth.generators.point_process import jitter, onces
from tsynth.generators.point_process.counts import frailty, frailty_after
from tsynth.generators.point_process.covariates import Design
from tsynth.generators.point_process.event_generator import EventGenerator
from tsynth.generators.point_process.excitation import seasons
from tsynth.generators.point_process.excitation.process import Baseline
from tsynth.generators.point_process.observed import Observed, observe
from tsynth.generators.point_process.rates import choose_shape, expected, fit_rates, measure
from tsynth.generators.point_process.windows import Window, check_windows
from tsynth.generators.point_process.without_data import encoder_for, moment, unlearned, with_levels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tsynth.data.schema import Schema
    from tsynth.data.sequences import Sequences

__all__ = ["Poisson"]


class Poisson(EventGenerator):
    """Events at rates by type, constant or with a season, times what statics and liveliness of the entity do.

    Type m of entity i has the rate ``level_m * factor_m(t) * exp(x_i beta) * u_i``: factors constant, by hour, weekday,
    hour of the week, month, or in pieces of the span; x_i from its static columns; u_i a gamma frailty with mean 1 by
    which counts vary more than Poisson counts do. Events do not know of each other. The type is the column with role
    "mark", else a few categories together; amounts and other columns follow type, gap and the rows before, as in
    `MarkovRenewal`; statics, window, liveliness and first values a Gaussian copula.

    An entity is observed in the window that the entity table gives. Where it gives none, see `window`: an event that
    made the window (the first one of an entity that enters with it) is not random, no rate is learned from it, and
    one is put there when sampling.

    Choose `MarkovRenewal` or `Renewal` where what happened last matters, `Hawkes` where events come in bursts.

    Parameters
    ----------
    baseline : {"auto", "constant", "hour", "weekday", "hour_of_week", "month", "piecewise"}
        Shape of the rate in time; "auto" compares them.
    covariates : bool
        Whether static columns change the rate.
    frailty : bool
        Whether entities differ in rate beyond that.
    window : {"auto", "given", "whole", "entry", "own"}
        Given; first to last moment of the data; first event to last moment of the data; first to last event. "auto"
        takes given ones, else "whole" for one entity alone, else "entry" where dates are shared and entities do not
        fall silent long before the end, else "own".
    ties : {"auto", "jitter", "keep"}
        Events that share a moment are spread inside the step of the time lattice, or kept together as batches;
        "auto" keeps them where more tie than rounding explains.
    penalty : float
        Of the squared coefficients of the covariates; 1 is a normal prior with variance 1.

    Attributes
    ----------
    baseline_, coefficients_, once_, ties_, batches_, ends_, beside_, fit_ : dict
        What was learned, as plain values and arrays; rates are per unit of time of the schema.

    References
    ----------
    Cook, Lawless (2007), The Statistical Analysis of Recurrent Events, sections 3.2 to 3.5: piecewise rates,
    regression and gamma frailties of Poisson processes.

    Examples
    --------
    Shops sell at rates of their own; twice as much to members.

    >>> import numpy, pandas, tsynth
    >>> draw = numpy.random.default_rng(0)
    >>> rows = [
    ...     (shop, "member" if shop % 2 else "guest", t)
    ...     for shop in range(40)
    ...     for t in numpy.sort(draw.uniform(0, 50, draw.poisson(100 if shop % 2 else 50)))
    ... ]
    >>> sales = pandas.DataFrame(rows, columns=["shop", "who", "hour"])
    >>> data = tsynth.read(sales, entity="shop", time="hour")
    >>> poisson = tsynth.Poisson(baseline="constant", frailty=False).fit(data)
    >>> [(name, round(c, 1)) for name, c in poisson.diagnose()["coefficients"].items()]
    [('who=guest', -0.7)]
    >>> made = poisson.sample(10, seed=1)
    """

    name: ClassVar[str] = "poisson"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "that one event makes another likelier or less likely: bursts, waits, the order of types",
        "the type of an event hangs on the calendar alone, not on the entity or the event before",
        "a season and a trend at once: the rate has one shape",
        "an entity whose rate changes in its life (a customer who leaves)",
    )

    baseline_: dict[str, Any]
    coefficients_: dict[str, Any]
    batches_: dict[str, Any]
    ends_: dict[str, Any]
    fit_: dict[str, Any]

    def __init__(
        self,
        baseline: str = "auto",
        covariates: bool = True,
        frailty: bool = True,
        window: str = "auto",
        ties: str = "auto",
        penalty: float = 1.0,
    ) -> None:
        self.baseline = baseline
        self.covariates = covariates
        self.frailty = frailty
        self.window = window
        self.ties = ties
        self.penalty = penalty

    # -- learning

    def _check(self, data: Sequences) -> None:
        if data.schema.time is None:
            raise DataError(
                "there is no time column, and a rate is per unit of time", fix="name one with time="
            )
        if self.baseline not in ("auto", *seasons.SHAPES):
            raise UsageError(
                f"baseline={self.baseline!r} does not exist", fix=f"use auto, {', '.join(seasons.SHAPES)}"
            )
        penalty: Any = self.penalty
        if isinstance(penalty, bool) or not isinstance(penalty, int | float) or not penalty >= 0:
            raise UsageError(f"penalty={self.penalty!r} is not possible", fix="use a number of at least 0")
        check_windows(data)

    def _merge(self, states: list[dict[str, Any]]) -> None:
        encoder, timing, gathered = self.encoder_, self.encoder_.timing, self._gathered(states)
        found, code, codes = gathered.entities, gathered.code, gathered.codes
        ties = jitter.choose(self.ties, found.offsets, gathered.time, encoder.time_step_)
        streams = Streams(self._seed, f"fit:{self.name}", range(len(found.rows)))
        seen = self._seen(found, gathered.time, code, codes, gathered.window, ties, streams)
        shape, gains = choose_shape(
            self.baseline, seen, codes, day=timing.day_, calendar=self._calendar(), step=encoder.time_step_,
            span=timing.span_,
        )  # fmt: skip
        design = Design.of(found.statics if self.covariates else {}, encoder)
        x = design.matrix(found.statics, len(found.rows))
        fit = fit_rates(shape, seen, x, spread=self.frailty, penalty=float(self.penalty))
        once = onces.Once.of(
            found, gathered.window, {"rate": fit.lively}, schema=self.bare_schema_, step=encoder.time_step_
        )
        by = design.effect(found.statics, fit.counts.coefficients, len(found.rows))
        log_likelihood, events = measure(fit.baseline, seen, by, fit.counts.variance)
        self.baseline_ = asdict(fit.baseline)
        self.coefficients_ = {"design": design.to_state(), **asdict(fit.counts)}
        self.once_, self.ties_ = once.to_state(), ties.to_state()
        cell = seasons.cells_of(fit.baseline, seen.time)
        batches = jitter.tilted(seen.batches, code, seen.leads, cell, len(fit.baseline.factors))
        self.batches_ = batches.to_state()
        self.ends_ = _ends(found.offsets, code, codes)
        mean = fit.expected
        self.fit_ = {
            "shapes": gains,
            "log_likelihood": log_likelihood,
            "events": events,
            "turns": fit.turns,
            "dispersion": _dispersion(seen.counts, mean),
            "dispersion_predicted": float(1.0 + fit.counts.variance * np.mean(mean[mean > 0]))
            if np.any(mean > 0)
            else float("nan"),
        }

    def _seen(
        self,
        found: onces.Entities,
        time: NDArray[np.float64],
        code: NDArray[np.int32],
        codes: int,
        window: Window,
        ties: jitter.Ties,
        streams: Streams,
    ) -> Observed:
        start, end = window.bounds(found.start, found.end, found.first, found.last)
        return observe(found.offsets, time, code, start, end, codes, window, ties, streams)

    # -- making

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        once = self._once()
        drawn = once.draw(streams, conditions)
        u = frailty(drawn.score["rate"], self.coefficients_["variance"])
        scale = self._by(drawn.statics, len(streams)) * u
        offsets, time, code = self._events(
            drawn.start, drawn.end, scale, streams.purpose("events"), once.window, drawn.lone
        )
        return self._rows(offsets, time, code, drawn.start, drawn.end, drawn.statics, drawn.score, streams)

    def _by(self, statics: dict[str, Field], entities: int) -> NDArray[np.float64]:
        """What covariates multiply each entity's rate with."""
        design = Design.from_state(self.coefficients_["design"])
        return design.effect(statics, self.coefficients_["coefficients"], entities)

    def _events(
        self,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        scale: NDArray[np.float64],
        streams: Streams,
        window: Window | None,
        lone: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
        """Offsets, times and types in these windows, which no event made where `window` is None."""
        baseline = Baseline(**self.baseline_)
        rates = np.ascontiguousarray(seasons.rates_of(baseline))
        rate = rates.sum(axis=1)
        edges = np.ascontiguousarray(baseline.edges)
        alone = np.zeros(len(start), np.bool_) if lone is None else lone
        running = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
        made: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]] = loops.poisson_events(
            streams.key, streams.entities, start, end, scale, alone, edges, baseline.period, baseline.phase, rate,
            running, np.cumsum(rates, axis=1), window is not None and window.opened,
            window is not None and window.closed, self.ends_["first"], self.ends_["last"], self.batches_["more"],
            self.batches_["following"], self.batches_["tilt"], self.ties_["step"], self.ties_["keep"],
        )  # fmt: skip
        return made

    def _forecast(self, view: Rows, horizon: float, paths: int, streams: Streams) -> Rows:
        coding = self._coding()
        window, ties = self._once().window.until(view.time), jitter.Ties(**self.ties_)
        found = onces.gather([onces.learn(view, {})])
        seen = self._seen(
            found, view.time, coding.known(view), coding.codes, window, ties, streams.purpose("jitter")
        )
        by = self._by(view.statics, view.n_entities)
        mean = expected(Baseline(**self.baseline_), seen) * by
        now = window.bounds(found.start, found.end, found.first, found.last)[1]
        now = np.where(np.isfinite(now), now, window.span[1])
        flat = Streams(streams.seed, streams.path, np.arange(view.n_entities * paths))
        whose = np.repeat(np.arange(view.n_entities), paths)
        scale = frailty_after(
            by[whose], seen.counts, mean, self.coefficients_["variance"], whose, flat.purpose("frailty")
        )
        begin, end = (now + ties.step)[whose], now[whose] + horizon
        offsets, time, code = self._events(begin, end, scale, flat.purpose("events"), None)
        return self._rows_after(
            view, whose, offsets, time, code, begin, end, flat.purpose("values"), flat.purpose("values", "opening")
        )  # fmt: skip

    # -- from parameters alone

    @classmethod
    def from_parameters(
        cls, schema: Schema, *, baseline: ArrayLike | Baseline, window: tuple[Any, Any] = (0.0, 1.0)
    ) -> Self:
        """A generator of which all is given and nothing learned.

        Parameters
        ----------
        schema : Schema
            A time and, where there are several types, a column with role "mark" with one level a type. Other columns
            must be nullable, and come back null.
        baseline : float, (M,) array or Baseline
            Events of each type per `time_unit` of the schema.
        window : (start, end)
            Of every entity; numbers of time units, or dates.

        Raises
        ------
        UsageError
            Rates are not numbers of 0 and more; the schema has another number of types; the window ends before it
            starts.
        """
        rates = seasons.baseline_of(baseline)
        known = with_levels(schema, rates.types, None).replace(constraints=())
        start, end = (moment(x, known) for x in window)
        if not start < end:
            raise UsageError(f"the window ends ({end:g}) before it starts ({start:g})")
        self = cls(covariates=False, frailty=False, window="given")
        encoder, coding = encoder_for(known, rates.types, None, None)
        spent = seasons.exposures(rates, np.array([start]), np.array([end]))
        rows = int((spent @ seasons.rates_of(rates)).sum())
        for name, value in unlearned(known, encoder, coding, rows).items():
            setattr(self, name, value)
        factors = np.broadcast_to(rates.factors, (len(rates.factors), rates.types))
        self.baseline_ = asdict(replace(rates, factors=np.array(factors)))
        self.coefficients_ = {
            "design": Design([], [], []).to_state(),
            "coefficients": np.empty(0),
            "variance": 0.0,
        }
        always = Window("given", False, False, (start, end), True, "as given")
        copula = Copula(["rate"], np.ones((1, 1)))
        self.once_ = onces.Once(always, {}, {}, copula, 0.0).to_state()
        step = self.encoder_.time_step_
        self.ties_ = jitter.Ties(False, step, step, 0.0, 0.0).to_state()
        self.batches_ = jitter.Batches(
            np.zeros(rates.types), np.ones((1, rates.types)), np.ones((1, rates.types))
        ).to_state()
        self.ends_ = {"first": np.ones(rates.types), "last": np.ones(rates.types)}
        return self

    # -- explaining

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """Adds rates by type, shape of the baseline, coefficients with standard errors, frailty, windows and ties.

        Returns
        -------
        dict
            "levels": events of each type per unit of time; "baseline": shape and why; "coefficients", "errors" (of
            logarithms of rates); "frailty": variance, its error on the scale of its logarithm; "window", "ties":
            sentences; "dispersion": variance of counts over mean, standardised by each window's expectation, seen and
            predicted; "log_likelihood" of the events in training, "per_event", and both of a holdout; "sentences".
        """
        found = super().diagnose(holdout)
        baseline = Baseline(**self.baseline_)
        c, design = self.coefficients_, Design.from_state(self.coefficients_["design"])
        found |= {
            "levels": [float(x) for x in baseline.level],
            "cells": len(baseline.factors),
            "period": float(baseline.period),
            "edges": [float(x) for x in baseline.edges],
            "shapes": dict(self.fit_.get("shapes", {})),
            "coefficients": dict(zip(design.names, map(float, c["coefficients"]), strict=True)),
            "errors": dict(zip(design.names, map(float, c.get("errors", ())), strict=True)),
            "frailty": {
                "variance": float(c["variance"]), "error_of_logarithm": float(c.get("variance_error", np.nan)),
            },
            "window": f"{self.once_['window']['rule']}: {self.once_['window']['why']}",
            "ties": jitter.Ties(**self.ties_).sentence(),
        }  # fmt: skip
        if self.fit_:
            events = max(self.fit_["events"], 1.0)
            found |= {n: self.fit_[n] for n in ("log_likelihood", "dispersion", "dispersion_predicted")}
            found["per_event"] = self.fit_["log_likelihood"] / events
        if holdout is not None and self.fit_:
            total, events = self._measured(self._view(self.constraints_.remove(holdout)))
            found["holdout"] = {
                "log_likelihood": total,
                "events": events,
                "per_event": total / max(events, 1.0),
            }
        return found

    def _measured(self, view: Rows) -> tuple[float, float]:
        found, coding = onces.gather([onces.learn(view, {})]), self._coding()
        streams = Streams(0, f"holdout:{self.name}", range(view.n_entities))
        seen = self._seen(
            found, view.time, coding.known(view), coding.codes, self._once().window, jitter.Ties(**self.ties_),
            streams,
        )  # fmt: skip
        by = self._by(view.statics, view.n_entities)
        return measure(Baseline(**self.baseline_), seen, by, self.coefficients_["variance"])


def _ends(offsets: NDArray[np.int64], code: NDArray[np.int32], codes: int) -> dict[str, NDArray[np.float64]]:
    """Running weights of the types of first and last events."""
    has = np.diff(offsets) > 0
    heads, tails = code[offsets[:-1][has]], code[offsets[1:][has] - 1]
    return {
        name: np.cumsum(np.bincount(at, minlength=codes).astype(np.float64))
        for name, at in (("first", heads), ("last", tails))
    }


def _dispersion(counts: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    """Mean of squared differences from the expectation over the expectation: 1 for Poisson counts."""
    use = mean > 0
    return float(np.mean((counts[use] - mean[use]) ** 2 / mean[use])) if use.any() else float("nan")
