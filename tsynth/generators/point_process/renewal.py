"""`Renewal`: gaps from one distribution a type of the event before, types by a chain, an end where the window ends."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.compiled import gaps as loops
from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.timing import gaps_of
from tsynth.data.streams import Streams
from tsynth.errors import DataError, UsageError
from tsynth.generators.point_process import jitter, onces
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.counts import frailty, frailty_after
from tsynth.generators.point_process.event_generator import EventGenerator
from tsynth.generators.point_process.gaps import (
    FAMILIES,
    FEWEST,
    MOST,
    GapFit,
    Gaps,
    fit_gaps,
    lived_through,
    tables,
)
from tsynth.generators.point_process.timing import StepTiming
from tsynth.generators.point_process.windows import Window, check_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.sequences import Sequences

__all__ = ["Renewal"]

TIED = 128
"""Codes beyond this many tie as one."""


class Renewal(EventGenerator):
    """Events whose next gap hangs on the last event alone: gamma, Weibull, log-normal or empirical gaps by its type.

    After an event of type m the next comes at the hazard ``u_i h_m(s)``, s after it: h of the family `gaps`, by maximum
    likelihood with the last gap censored where the window ends; u_i a gamma frailty with mean 1, the entity's pace.
    Types with fewer than 30 gaps share one distribution. Types follow a chain of the last `order` types with back-off,
    as in `MarkovRenewal`; whether an event comes at the very moment of the one before is drawn by their types. The type
    is the column with role "mark", else a few categories together; amounts and other columns follow type, gap and the
    rows before; statics, window, first event, pace and first values a Gaussian copula.

    Where windows end with the last event (`window`), sequences end by a hazard in their length and type instead, and
    no gap is longer than the longest that was seen after such a type.

    Choose `MarkovRenewal` where days of the month and weekdays matter, `Poisson` for seasons, `Hawkes` for bursts that
    hang on more than the last event.

    Parameters
    ----------
    gaps : {"auto", "gamma", "weibull", "lognormal", "empirical"}
        Family of the gaps; "auto" takes for each type the one with the least AIC, and `diagnose` tells all. An
        empirical hazard is constant in up to 64 cells of about equal numbers of gaps.
    order : int
        Types that the chain looks back on, 1 to 4.
    frailty : bool
        Whether entities differ in pace.
    window : {"auto", "given", "entry", "own"}
        Given by the entity table; first event to last moment of the data; first to last event; see `Poisson`.
    ties : {"auto", "keep", "jitter"}
        Events that share a moment are kept so, and a gap on a lattice of n steps stands for one between n - 1 and n
        ("auto" and "keep"); or they are spread inside the step for learning, and samples put down to the lattice.

    Attributes
    ----------
    gaps_, pace_, chain_, once_, ties_, beside_ : dict
        What was learned, as plain values and arrays.

    References
    ----------
    Cook, Lawless (2007), The Statistical Analysis of Recurrent Events, chapter 4: gap times, censoring, frailties.

    Examples
    --------
    A machine breaks some time after its last repair, rarely at once.

    >>> import numpy, pandas, tsynth
    >>> draw = numpy.random.default_rng(0)
    >>> gaps = 10 * draw.weibull(2.0, (50, 20))
    >>> repairs = pandas.DataFrame(
    ...     {"machine": numpy.repeat(numpy.arange(50), 20), "hour": numpy.cumsum(gaps, axis=1).ravel()}
    ... )
    >>> data = tsynth.read(repairs, entity="machine", time="hour")
    >>> renewal = tsynth.Renewal().fit(data)
    >>> told = renewal.diagnose()["gaps"][0]
    >>> told["family"], [round(x) for x in told["parameters"]]
    ('weibull', [2, 10])
    """

    name: ClassVar[str] = "renewal"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "anything that hangs on the calendar: hours, weekdays, month ends, seasons, trends",
        "gaps that follow each other (a short one after a short one), beyond the entity's own pace",
        "bursts that several events bring about together",
        "an entity whose pace changes in its life (a customer who leaves)",
    )

    gaps_: dict[str, Any]
    pace_: dict[str, Any]
    chain_: dict[str, Any]

    def __init__(
        self,
        gaps: str = "auto",
        order: int = 2,
        frailty: bool = True,
        window: str = "auto",
        ties: str = "auto",
    ) -> None:
        self.gaps = gaps
        self.order = order
        self.frailty = frailty
        self.window = window
        self.ties = ties

    # -- learning

    def _check(self, data: Sequences) -> None:
        if data.schema.time is None:
            raise DataError("there is no time column, so there are no gaps", fix="name one with time=")
        if self.gaps not in ("auto", *FAMILIES):
            raise UsageError(f"gaps={self.gaps!r} does not exist", fix=f"use auto, {', '.join(FAMILIES)}")
        if self.order not in (1, 2, 3, 4):
            raise UsageError(f"order must be a whole number from 1 to 4, not {self.order!r}")
        if self.window == "whole":
            raise UsageError(
                'window="whole" has no first event to begin with', fix='use "entry": from the first event on'
            )
        check_windows(data)

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        state = super()._learn(view, streams)
        assert view.timing is not None
        codes = Coding.from_state(state["coding"]).codes
        steps, _ = StepTiming.learn(view, view.timing, state["code"], codes, self.order)
        return {**state, "steps": steps}

    def _merge(self, states: list[dict[str, Any]]) -> None:
        encoder, gathered = self.encoder_, self._gathered(states)
        found, time, code, codes = gathered.entities, gathered.time, gathered.code, gathered.codes
        window = gathered.window
        if window.rule == "whole":  # of one entity: its first event is drawn, and then its gaps
            window = replace(
                window,
                rule="entry",
                opened=True,
                why="one entity is observed from its first event to the last moment of the data",
            )
        ways = "keep" if self.ties == "auto" else self.ties
        ties = jitter.choose(ways, found.offsets, time, encoder.time_step_)
        streams = Streams(self._seed, f"fit:{self.name}", range(len(found.rows)))
        end = window.bounds(found.start, found.end, found.first, found.last)[1]
        self.ties_ = ties.to_state()
        self.chain_ = StepTiming.merge([s["steps"] for s in states], codes, self.order)
        self.chain_["most"] = 3 * int(found.rows.max(initial=1)) + 32
        group = _groups(found.offsets, code, codes)
        self.gaps_ = {
            "group": group,
            "tie": _ties(found.offsets, time, code, codes) if ties.keep else np.zeros((1, 1)),
        }
        seen = self._seen(found, time, code, None if window.rule == "own" else end, ties, streams)
        fits, variance, own, turns = fit_gaps(
            seen, int(group.max(initial=0)) + 1, len(found.rows), self.gaps, spread=self.frailty,
            step=ties.step if ties.keep else 0.0,
        )  # fmt: skip
        self.gaps_["fits"] = [asdict(fit) for fit in fits]
        self.pace_ = {"variance": variance, "turns": turns}
        extras = {"rate": own}
        counted = window.rule == "own"
        if counted:
            extras["rows"] = np.where(found.rows > 0, found.rows.astype(np.float64), np.nan)
        once = onces.Once.of(
            found,
            window,
            extras,
            schema=self.bare_schema_,
            step=encoder.time_step_,
            wait=True,
            length=not counted,
        )
        self.once_ = once.to_state()

    def _seen(
        self,
        found: onces.Entities,
        time: NDArray[np.float64],
        code: NDArray[np.int32],
        end: NDArray[np.float64] | None,
        ties: jitter.Ties,
        streams: Streams,
    ) -> Gaps:
        """Gaps between events, and from each last one to its window's `end`, where there is one."""
        group: NDArray[np.int64] = self.gaps_["group"]
        offsets = found.offsets
        owner = np.repeat(np.arange(len(found.rows)), found.rows)
        spread = jitter.spread(ties, offsets, time, streams)
        gap, inside = gaps_of(offsets, spread)
        use = np.flatnonzero(inside & (gap > 0))
        length = gap[use]
        if ties.keep and ties.step > 0:  # n steps stand for a gap between n - 1 and n
            length = length - ties.step * jitter.uniforms(offsets, streams.purpose("gaps"))[use]
        lengths, ended = [np.maximum(length, 1e-12)], [np.ones(len(use), np.bool_)]
        groups, owners = [group[code[use - 1]]], [owner[use]]
        if end is not None:
            has = np.flatnonzero(found.rows > 0)
            last = offsets[1:][has] - 1
            silent = end[has] + (0.0 if ties.keep else ties.step) - spread[last]
            kept = silent > 0
            lengths.append(silent[kept])
            ended.append(np.zeros(int(kept.sum()), np.bool_))
            groups.append(group[code[last[kept]]])
            owners.append(has[kept])
        return Gaps(*(np.concatenate(x) for x in (lengths, ended, groups, owners)))

    # -- making

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        once, codes = self._once(), self._coding().codes
        drawn = once.draw(streams, conditions)
        pace = frailty(drawn.score["rate"], self.pace_["variance"])
        begin, end = drawn.start, drawn.end
        if not once.window.opened:
            begin = drawn.start + drawn.wait
            begin = np.where(begin > end, np.nan, begin)
        if once.window.rule == "own":
            offsets, code = StepTiming.sample(
                self.chain_, begin, drawn.score["rows"], streams.purpose("codes"), codes, self.order
            )
            events = streams.purpose("events")
            span = np.where(once.window.shared, np.maximum(begin, once.window.span[1]), np.inf)
            longest = np.array([fit["longest"] for fit in self.gaps_["fits"]])
            offsets, time, code = loops.timed(
                events.key,
                events.entities,
                offsets,
                code,
                begin,
                span,
                pace,
                longest,
                *self._law(),
                *self._lattice(),
            )
            has = np.diff(offsets) > 0
            end = begin.copy()
            end[has] = time[offsets[1:][has] - 1]
        else:
            past = np.full((len(begin), self.order), codes)
            offsets, time, code = self._walk(
                begin, end, np.full(len(begin), -1.0), past, pace, streams.purpose("events"), codes
            )
        return self._rows(offsets, time, code, drawn.start, end, drawn.statics, drawn.score, streams)

    def _law(self) -> tuple[NDArray[Any], ...]:
        fits = [GapFit(**fit) for fit in self.gaps_["fits"]]
        return self.gaps_["group"], self.gaps_["tie"], *tables(fits).arguments()

    def _lattice(self) -> tuple[float, bool]:
        return self.ties_["step"], self.ties_["keep"]

    def _walk(
        self,
        begin: NDArray[np.float64],
        end: NDArray[np.float64],
        waited: NDArray[np.float64],
        past: NDArray[np.int64],
        pace: NDArray[np.float64],
        streams: Streams,
        codes: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
        links = self.chain_["chain"]
        made: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]] = loops.renewals(
            streams.key, streams.entities, begin, end, waited, past, pace, RUNAWAY * self.chain_["most"],
            codes, links["keys"], links["cuts"], self.order, links["prob"], *self._law(), *self._lattice(),
        )  # fmt: skip
        return made

    def _forecast(self, view: Rows, horizon: float, paths: int, streams: Streams) -> Rows:
        coding, ties = self._coding(), jitter.Ties(**self.ties_)
        window = self._once().window.until(view.time)
        found = onces.gather([onces.learn(view, {})])
        if not found.rows.all():
            raise DataError(
                "an entity has no rows to continue", entity=int(np.argmin(found.rows)),
                fix="leave out entities without rows",
            )  # fmt: skip
        code = coding.known(view)
        now = window.bounds(found.start, found.end, found.first, found.last)[1]
        seen = self._seen(found, view.time, code, now, ties, streams.purpose("jitter"))
        fits = [GapFit(**fit) for fit in self.gaps_["fits"]]
        lived = lived_through(seen, tables(fits), view.n_entities, ties.step if ties.keep else 0.0)
        events = np.bincount(seen.entity[seen.ended], minlength=view.n_entities)
        flat = Streams(streams.seed, streams.path, np.arange(view.n_entities * paths))
        whose = np.repeat(np.arange(view.n_entities), paths)
        pace = frailty_after(
            np.ones(len(whose)), events, lived, self.pace_["variance"], whose, flat.purpose("frailty")
        )
        past = _past(view.offsets, code, coding.codes, self.order)[whose]
        last, silent = found.last[whose], np.maximum(now - found.last, 0.0)[whose]
        end = now[whose] + horizon
        offsets, time, made = self._walk(last, end, silent, past, pace, flat.purpose("events"), coding.codes)
        return self._rows_after(
            view, whose, offsets, time, made, now[whose], end, flat.purpose("values"),
            flat.purpose("values", "opening"),
        )  # fmt: skip

    # -- explaining

    def diagnose(self, holdout: Sequences | None = None) -> dict[str, Any]:
        """Adds gaps by type, pace, windows and ties.

        Returns
        -------
        dict
            "gaps": of each group its types, family, parameters (shape and scale, or mean and deviation of logarithms),
            their standard errors, AIC of every family that was tried, numbers of gaps and of censored ones, ties apart;
            "frailty": variance of the pace; "window", "ties": sentences; "sentences": what to know first.
        """
        found = super().diagnose(holdout)
        group = self.gaps_["group"]
        told = []
        for g, fit in enumerate(self.gaps_["fits"]):
            told.append(
                {
                    "types": [int(c) for c in np.flatnonzero(group == g)],
                    "family": fit["family"],
                    "parameters": [float(x) for x in fit["parameters"]],
                    "errors": [float(x) for x in fit["errors"]],
                    "aic": {name: float(x) for name, x in fit["aic"].items()},
                    "gaps": int(fit["gaps"]),
                    "censored": int(fit["censored"]),
                }
            )
        window = Window.from_state(self.once_["window"])
        chosen = "chosen by AIC, type by type" if self.gaps == "auto" else "as asked for"
        return found | {
            "gaps": told,
            "families": f"{', '.join(sorted({fit['family'] for fit in told}))}: {chosen}",
            "frailty": {"variance": float(self.pace_["variance"])},
            "window": f"{window.rule}: {window.why}",
            "ties": jitter.Ties(**self.ties_).sentence(),
        }


RUNAWAY = 10
"""A walk stops at so many times the rows at which a sequence without a window does."""


def _groups(offsets: NDArray[np.int64], code: NDArray[np.int32], codes: int) -> NDArray[np.int64]:
    """Group of each code: the `MOST` most frequent with enough gaps have their own, the others share the last."""
    last = np.zeros(len(code), np.bool_)
    last[offsets[1:][np.diff(offsets) > 0] - 1] = True
    followed = np.bincount(code[~last], minlength=codes)
    order = np.argsort(-followed, kind="stable")[: MOST if codes > MOST else codes]
    own = np.sort(order[followed[order] >= FEWEST])
    group = np.full(codes, len(own), np.int64)
    group[own] = np.arange(len(own))
    return group


def _ties(
    offsets: NDArray[np.int64], time: NDArray[np.float64], code: NDArray[np.int32], codes: int
) -> NDArray[np.float64]:
    """Chance that an event shares the moment of the one before, by the types of both; few lean on the type before."""
    size = min(codes, TIED)
    gap, inside = gaps_of(offsets, time)
    at = np.flatnonzero(inside)
    before, here = np.minimum(code[at - 1], size - 1), np.minimum(code[at], size - 1)
    tied = (gap[at] <= 0).astype(np.float64)
    rows, ties = np.zeros((size, size)), np.zeros((size, size))
    np.add.at(rows, (before, here), 1.0)
    np.add.at(ties, (before, here), tied)
    everywhere = tied.mean() if len(at) else 0.0
    by_before = (ties.sum(axis=1) + everywhere) / (rows.sum(axis=1) + 1.0)
    return np.asarray((ties + by_before[:, None]) / (rows + 1.0))


def _past(offsets: NDArray[np.int64], code: NDArray[np.int32], codes: int, order: int) -> NDArray[np.int64]:
    """Last codes of each entity, latest first, (N, order); `codes` where there is none."""
    lengths = np.diff(offsets)
    past = np.full((len(lengths), order), codes, np.int64)
    for back in range(order):
        has = lengths > back
        past[has, back] = code[offsets[1:][has] - 1 - back]
    return past
