"""`MarkovRenewal`: codes by a chain, time by renewal with a calendar, values conditional on both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsynth.compiled import markov as loops
from tsynth.data.encoding import Field, Rows
from tsynth.data.streams import Streams
from tsynth.errors import UsageError
from tsynth.generators import values
from tsynth.generators.base import Generator
from tsynth.generators.copula import Copula, Margin, merge_copula, order_of, sums
from tsynth.generators.point_process import beside
from tsynth.generators.point_process.beside import GAP
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.days import Calendar
from tsynth.generators.point_process.noised import NoisedSums
from tsynth.generators.point_process.timing import ClockTiming, StepTiming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tsynth.data.privacy import Histogram, Ledger, Privacy

__all__ = ["MarkovRenewal"]

WALKED = 4_000_000
"""Days times kinds that each of these samples takes."""
CORRECTIONS = 8
"""Times that a walk is sampled, compared with the source and corrected."""


class MarkovRenewal(Generator):
    """Event and mixed rows from counts: a chain of codes, times with a calendar, values by code and memory.

    The code of a row is the column with role "mark", else a few categories together. Where all entities live on one
    clock (dates), kinds of rows compete for each day, each with a rate that knows the days since its own last row,
    whether it is due a month later, the day of the month, the weekday, the row before and the entity's own pace; who
    is still waiting when the span ends is censored there. Elsewhere codes follow a chain of the last `order` codes
    with back-off, gaps are drawn like a value, and sequences end by a hazard in their length and code. Values follow
    `tsynth.generators.values`; statics, first row, rate and first values a Gaussian copula.

    Labels are part of the code. Where a column is a running total of another (a balance), values know the total that
    they are added to.

    Choose another generator where one row depends on many before it, or for regular numeric series.

    Parameters
    ----------
    order : int
        Codes that the chain looks back on, 1 to 4.
    private : Privacy, optional
        Learn with (epsilon, delta)-differential privacy of whole entities: from fewer statistics, each with noise.
        ``diagnose()["privacy"]`` tells what was spent and what was told without budget.

    Attributes
    ----------
    coding_, timing_, fields_, total_, copula_, margins_ : dict or list
        What was learned, as plain values and arrays.

    References
    ----------
    Çinlar (1969), Markov renewal theory, Adv. Appl. Prob. 1(2): codes by a chain, gaps by the pair of codes.

    Examples
    --------
    Patients come, have 2 checks on the average and leave; the chain keeps that order.

    >>> import tsynth
    >>> rows = {"patient": [], "day": [], "what": []}
    >>> for patient in range(60):
    ...     whats = ["in", *["check"] * (1 + patient % 3), "out"]
    ...     rows["patient"] += [patient] * len(whats)
    ...     rows["day"] += [7.0 * step for step in range(len(whats))]
    ...     rows["what"] += whats
    >>> import pandas
    >>> stays = pandas.DataFrame(rows)
    >>> data = tsynth.read(stays, entity="patient", time="day", roles={"what": "mark"})
    >>> made = tsynth.MarkovRenewal().fit(data).sample(50, seed=1).frame
    >>> list(made.columns)
    ['patient', 'day', 'what']
    >>> made.groupby("patient")["what"].first().unique().tolist()
    ['in']
    """

    name: ClassVar[str] = "markov_renewal"
    takes: ClassVar[str] = "rows"
    cannot_keep: ClassVar[tuple[str, ...]] = (
        "payments that recur on one day with one exact amount, when several of a kind run side by side",
        "what depends on rows further back than the last few of a kind (long memory, totals over months)",
        "which party goes with which price, place or time",
        "several columns moving together in more than pairs",
        "the end of the data, where time is a number and not a date: a sequence may run past it or stop short",
    )

    coding_: dict[str, Any]
    timing_: dict[str, Any]
    fields_: list[dict[str, Any]]
    total_: dict[str, Any]
    copula_: dict[str, Any]
    margins_: dict[str, Any]

    def __init__(self, order: int = 2, private: Privacy | Mapping[str, Any] | None = None) -> None:
        self.order = order
        self.private = private

    # -- learning

    def _learn(self, view: Rows, streams: Streams) -> dict[str, Any]:
        if self.order not in (1, 2, 3, 4):
            raise UsageError(f"order must be a whole number from 1 to 4, not {self.order!r}")
        timing = view.timing
        assert timing is not None
        coding = Coding.of(view)
        code = coding.code(view)
        kind = ClockTiming if timing.clock_ else StepTiming
        when, lively = kind.learn(view, timing, code, coding.codes, self.order)
        sums_of_values, firsts = beside.learn(view, coding, code, self.encoder_, self.constraints_)
        # -- once an entity
        has = np.diff(view.offsets) > 0
        once = self._once(view)
        margins = {n: np.bincount(f.choice[h], minlength=f.choices) for n, (f, h) in once.items()}
        columns = [_spread(order_of(f), h) for f, h in once.values()] + [_spread(lively, has)]
        columns += list(firsts.values())
        return {
            "coding": coding.to_state(),
            "timing": when,
            **sums_of_values,
            "margins": margins,
            "first": {n: f.continuous for n, (f, _) in once.items()},
            "copula": sums(columns),
            "names": [*once, "rate", *firsts],
            "empty": int(np.sum(~has)),
            "entities": view.n_entities,
            "longest": int(np.diff(view.offsets).max(initial=1)),
        }

    def _once(self, view: Rows) -> dict[str, tuple[Field, NDArray[np.bool_]]]:
        """Fields with one value an entity, and the entities that have it."""
        timing = view.timing
        assert timing is not None
        has = np.diff(view.offsets) > 0
        first = np.full(view.n_entities, np.nan)
        last = first.copy()
        first[has] = view.time[view.offsets[:-1][has]]
        last[has] = view.time[view.offsets[1:][has] - 1]
        every = np.ones(view.n_entities, np.bool_)
        found = {f"static:{n}": (f, every) for n, f in view.statics.items()}
        found["first"] = (timing.first.encode_values(first), has)
        if view.windowed:
            found["lead"] = (timing.lead.encode_values(np.maximum(first - view.start, 0)), has)
            found["tail"] = (timing.tail.encode_values(np.maximum(view.end - last, 0)), has)
        return found

    def _merge(self, states: list[dict[str, Any]]) -> None:
        head = states[0]
        self.coding_ = head["coding"]
        timing = self.encoder_.timing
        kind = ClockTiming if timing.clock_ else StepTiming
        codes = Coding.from_state(self.coding_).codes
        self.timing_ = kind.merge([s["timing"] for s in states], codes, self.order)
        self.timing_["most"] = 3 * max(s["longest"] for s in states) + 32
        self.timing_["empty"] = sum(s["empty"] for s in states) / sum(s["entities"] for s in states)
        learned = beside.merge(states)
        self.fields_, self.total_ = learned["fields"], learned["total"]
        copula = merge_copula(head["names"], [s["copula"] for s in states])
        self.copula_ = {"names": copula.names, "correlation": copula.correlation}
        self.margins_ = {
            n: {"rows": np.sum([s["margins"][n] for s in states], axis=0), "first": head["first"][n]}
            for n in head["margins"]
        }
        if timing.clock_:
            self._correct(sum(s["entities"] for s in states))

    def _learn_noised(self, view: Rows, lengths: Histogram, ledger: Ledger, streams: Streams) -> None:
        nullable = {column.name for column in self.bare_schema_ if column.nullable}
        sums = NoisedSums(view, ledger, ledger.rho_left, lengths, nullable)
        for name, value in sums.learn().items():
            setattr(self, name, value)
        if self.encoder_.timing.clock_:
            self._correct(self.n_entities_)  # compares with noised rows alone

    def _correct(self, entities: int) -> None:
        """Sample and compare with the source, a few times."""
        days = Calendar.of(self.encoder_.timing, self._calendar())
        each = self.encoder_.timing.waiting_ / entities * self.timing_["rows"].shape[1]
        size = int(np.clip(WALKED // max(1.0, each), 500, 20_000))
        before, best, kept = None, np.inf, self.timing_["hazards"]["table"].copy()
        wanted = self.timing_["rows"].sum(axis=1) + 1e-9
        for turn in range(CORRECTIONS + 1):
            streams = Streams(turn, "correct", range(size))
            offsets, time, code = self._events(streams, None)[-1]
            now = self.timing_["hazards"]["table"].copy()
            before = ClockTiming.correct(self.timing_, offsets, days.day(time), code, before)
            error = float(
                np.sqrt(np.average(before[0] ** 2, weights=self.timing_["rows"] / wanted.sum() + 1e-12))
            )
            if error < best:
                best, kept = error, now
        self.timing_["hazards"]["table"] = kept

    # -- making

    def _events(self, streams: Streams, conditions: dict[str, Field] | None) -> tuple[Any, ...]:
        """What is drawn once an entity, scores, and (one clock) the walk: offsets, times, codes."""
        timing = self.encoder_.timing
        margins = {n: Margin(m["rows"], m["first"]) for n, m in self.margins_.items()}
        u = streams.purpose("places").uniform(len(margins) + 1)
        place = {n: u[:, j] for j, n in enumerate(margins)}
        given = {
            f"static:{n}": margins[f"static:{n}"].score(f, place[f"static:{n}"])
            for n, f in (conditions or {}).items()
        }
        copula = Copula(self.copula_["names"], self.copula_["correlation"])
        score = copula.draw(streams.purpose("once"), given)
        once = {
            n: margin.field(n.removeprefix("static:"), score[n], place[n]) for n, margin in margins.items()
        }
        begin = timing.first.decode_values(once["first"])
        begin[u[:, -1] < self.timing_["empty"]] = np.nan
        walk = streams.purpose("walk")
        codes = Coding.from_state(self.coding_).codes
        if timing.clock_:
            events = ClockTiming.sample(
                self.timing_, self._calendar(), timing, begin, score["rate"], walk, codes, self.order
            )
        else:
            offsets, code = StepTiming.sample(self.timing_, begin, score["rate"], walk, codes, self.order)
            events = (offsets, np.repeat(begin, np.diff(offsets)), code)
        return once, score, begin, events

    def _sample(self, entities: range, streams: Streams, conditions: dict[str, Field] | None) -> Rows:
        timing = self.encoder_.timing
        coding = Coding.from_state(self.coding_)
        once, score, begin, (offsets, time, code) = self._events(streams, conditions)
        statics = {n.removeprefix("static:"): f for n, f in once.items() if n.startswith("static:")}
        statics.update(conditions or {})
        draw, gap = streams.purpose("values"), None
        if not timing.clock_:
            model = values.FieldModel(**self.fields_[0])
            bare = values.Skeleton(offsets, code, coding.codes, beside.place_of(offsets))
            gap = model.draw(draw, bare, score[f"value:{GAP}"], [])
            time = _added(offsets, begin, timing.gap.decode_values(gap[0]), self.encoder_.time_step_)
        learned = {"fields": self.fields_, "total": self.total_}
        fields = beside.draw(
            learned, self.encoder_, coding, offsets, time, code, statics, score, draw, gap=gap
        )
        return self._rows(offsets, time, once, statics, fields, coding)

    def _rows(
        self,
        offsets: NDArray[np.int64],
        time: NDArray[np.float64],
        once: dict[str, Field],
        statics: dict[str, Field],
        fields: dict[str, Field],
        coding: Coding,
    ) -> Rows:
        timing = self.encoder_.timing
        has = np.diff(offsets) > 0
        start = np.full(len(has), np.nan)
        end = start.copy()
        start[has], end[has] = time[offsets[:-1][has]], time[offsets[1:][has] - 1]
        if "lead" in once:
            start = start - np.nan_to_num(timing.lead.decode_values(once["lead"]))
            end = end + np.nan_to_num(timing.tail.decode_values(once["tail"]))
        return beside.rows_of(
            self.encoder_, self.bare_schema_, coding, offsets, time, start, end, fields, statics
        )

    def _calendar(self) -> bool:
        time = self.bare_schema_.time
        return time is not None and self.bare_schema_[time].kind == "datetime"


def _added(
    offsets: NDArray[np.int64], begin: NDArray[np.float64], gap: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """Times from first rows and gaps, on the lattice of the source."""
    time = loops.added(offsets, begin, np.nan_to_num(gap))
    return np.rint(time / step) * step if step > 0 else time


def _spread(x: NDArray[np.float64], has: NDArray[np.bool_]) -> NDArray[np.float64]:
    """One number an entity, NaN for those that do not have it."""
    return np.where(has, x, np.nan)
