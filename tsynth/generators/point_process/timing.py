"""Codes and times of `markov_renewal`: walking on one clock, or step by step with a time of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaincinv, ndtr

from tsynth.compiled import markov as loops
from tsynth.compiled import walk as walks
from tsynth.generators.point_process import chain, within
from tsynth.generators.point_process.days import (
    BINS,
    CELLS,
    KINDS,
    LOGS,
    PASSES,
    SINCE_DAYS,
    SINCE_ROWS,
    SWEEPS,
    Calendar,
    Hazards,
    code_factor_sums,
    update_factors,
)
from tsynth.generators.point_process.within import SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Rows
    from tsynth.data.encoding.timing import Timing
    from tsynth.data.streams import Streams

__all__ = ["LENGTH_BINS", "ClockTiming", "StepTiming", "start_factors", "whole_days"]

GROUPS = 128
LENGTH_BINS = np.concatenate(
    [
        np.arange(65),
        64 + np.searchsorted(np.geomspace(66, 2_000_000, 96), np.arange(65, 100_000), side="right"),
    ]
).astype(np.int64)
"""Class of each number of rows; the last holds all above."""


def start_factors(codes: int) -> list[NDArray[np.float64]]:
    """Factors of the calendar and of the time since a code, all 1, before any is fitted."""
    return [np.ones((codes, n)) for n in (loops.DOMS, 7, loops.TIMES, loops.SINCE)]


def _fit_factors(
    view: Rows,
    code: NDArray[np.int32],
    gap: NDArray[np.int64],
    place: dict[str, NDArray[Any]],
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    shape: tuple[int, int, int],
    since: NDArray[np.int64],
) -> list[NDArray[np.float64]]:
    codes, gaps, order = shape
    block = chain.build(*counts, codes, gaps, order)
    factors, sums = start_factors(codes), []
    if codes == 1 or codes > GROUPS:
        return []
    for which in SWEEPS:
        sums.append(code_factor_sums(view, code, gap, place, block, factors, (gaps, order), since))
        factors = update_factors(factors, sums[-1], which)
    return sums


def _merged_chain(states: list[dict[str, Any]], codes: int, gaps: int, order: int) -> dict[str, Any]:
    counts = chain.merge_counts([s["counts"] for s in states])
    keys, cuts, prob = chain.build(*counts, codes, gaps, order)
    factors = start_factors(codes)
    for sweep in range(len(states[0]["factors"])):
        factors = update_factors(
            factors, np.sum([s["factors"][sweep] for s in states], axis=0), SWEEPS[sweep]
        )
    return {"keys": keys, "cuts": cuts, "prob": prob, "factors": factors, "gaps": gaps}


class ClockTiming:
    """All entities live on one clock: a hazard a day, then the code of that day, then the time of day."""

    @staticmethod
    def learn(
        view: Rows, timing: Timing, code: NDArray[np.int32], codes: int, order: int
    ) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Sums of one block, and how lively each entity is for its time."""
        days = Calendar.of(timing, view.calendar)
        day = days.day(view.time)
        step = np.arange(view.n_rows) - np.repeat(view.offsets[:-1], np.diff(view.offsets))
        before = np.where(step > 0, np.roll(day, 1), day)
        tie = (step > 0) & (view.time == np.roll(view.time, 1))
        wait = day - before
        gaps = 5 if codes <= GROUPS else 1
        gap = np.select([(step == 0) | tie, wait == 0, wait < 7, wait < 28], [0, 1, 2, 3], 4)
        gap = gap if gaps > 1 else np.zeros_like(gap)
        whole = whole_days(view)
        fraction = view.time / days.length - np.floor(view.time / days.length)
        known = (step == 0) | (wait == 0)
        part = np.where(known, np.minimum((fraction * loops.TIMES).astype(np.int64), loops.TIMES - 1), -1)
        at = day - days.first
        place = {
            "use": known | (codes > KINDS),
            "day": day,
            "part": np.full_like(part, -1) if whole else part,
            "dom": days.by_day[0, at],
            "weekday": days.by_day[1, at],
        }
        counts = chain.count(view.offsets, code, gap, codes, gaps, order)
        kinds = min(codes, KINDS)
        kind = np.minimum(code, kinds - 1).astype(np.int64)
        hazards, passes = Hazards(kinds), []
        stride = _stride(timing, kinds)
        for number, which in enumerate(PASSES):
            totals, lives = hazards.sums(view, kind, days, which, stride, number % stride)
            passes.append(totals)
            hazards.update(totals, number)
        if stride > 1:
            _, lives = hazards.sums(view, kind, days, -1, 1)
        state = {
            "counts": counts,
            "factors": _fit_factors(view, code, gap, place, counts, (codes, gaps, order), SINCE_DAYS),
            "passes": passes,
            "used": len(range(0, view.n_entities, stride)),
            "excess": np.array(
                [((lives[:, 0] - lives[:, 1]) ** 2).sum(), lives[:, 2].sum(), (lives[:, 3] ** 2).sum()]
            ),
            "clock": _histogram(code, (fraction * SLOTS).astype(np.int64), ~known, codes, SLOTS),
            "within": within.count(view, kind, day, step, days.length),
            "hours": _histogram(
                kind.astype(np.int32),
                (fraction * SLOTS).astype(np.int64),
                np.ones(view.n_rows, np.bool_),
                kinds,
                SLOTS,
            ),
            "whole": whole,
        }
        return state, (lives[:, 0] + 2.0) / (lives[:, 1] + 2.0)

    @staticmethod
    def merge(states: list[dict[str, Any]], codes: int, order: int) -> dict[str, Any]:
        """Tables of all blocks together."""
        gaps = 5 if codes <= GROUPS else 1
        hazards = Hazards(min(codes, KINDS))
        for number in range(len(PASSES)):
            named = sorted({n for s in states for n in s["passes"][number]})
            hazards.update(
                {n: np.sum([s["passes"][number][n] for s in states], axis=0) for n in named}, number
            )
        excess, noise, slope = np.sum([s["excess"] for s in states], axis=0)
        clock = within.smoothed(np.sum([s["clock"] for s in states], axis=0))
        raw = np.sum([s["hours"] for s in states], axis=0)
        hours = within.smoothed(raw)
        waits, next_waits, by_clock = within.merge([s["within"] for s in states], hours)
        return {
            "chain": _merged_chain(states, codes, gaps, order),
            "hazards": hazards.tables,
            "unlike": float(np.clip((excess - noise) / max(slope, 1e-9), 0.0, 3.0)),
            "within": waits,
            "next_waits": next_waits,
            "clock": np.cumsum(clock, axis=1),
            "hours": np.cumsum(hours, axis=1),
            "by_clock": by_clock,
            "late": within.lateness(raw, by_clock),
            "whole": all(s["whole"] for s in states),
            "rows": np.sum([s["passes"][0]["table"][0].sum(axis=-1) for s in states], axis=0)
            / sum(s["used"] for s in states),
        }

    @staticmethod
    def correct(
        state: dict[str, Any],
        offsets: NDArray[np.int64],
        day: NDArray[np.int64],
        code: NDArray[np.int32],
        before: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Move the rates of each kind by how its rows in a sample differ from those in the source.

        Fitting matches what comes next after real rows; a walk comes after its own rows, and what it gets wrong adds
        up. The move is shrunk by the error of the counts, and halved where it overshot.

        Returns
        -------
        (float64 array, float64 array)
            Logarithms of wanted over made, and shares of them that were moved, for the next turn's `before`.
        """
        kinds = state["rows"].shape[1]
        kind = np.minimum(code, kinds - 1)
        follows = np.ones(len(code), np.bool_)
        follows[offsets[:-1][np.diff(offsets) > 0]] = False
        later = np.ones(len(code), np.int64)
        later[1:] = day[1:] > day[:-1]
        made = np.bincount((later * kinds + kind)[follows], minlength=2 * kinds).reshape(2, kinds)
        wanted = state["rows"] * (len(offsets) - 1)
        off = np.log((wanted + 10.0) / (made + 10.0))
        share = np.full(off.shape, 0.7)
        if before is not None:
            share = np.where(off * before[0] < 0, before[1] / 2, np.minimum(before[1] * 1.1, 0.7))
        move = np.exp(np.clip(off * share, -0.7, 0.7))[:, :, None]
        table = state["hazards"]["table"]
        table[..., : walks.PACE] = np.minimum(table[..., : walks.PACE] * move, 20.0)
        return off, share

    @staticmethod
    def sample(
        state: dict[str, Any],
        calendar: bool,
        timing: Timing,
        begin: NDArray[np.float64],
        score: NDArray[np.float64],
        streams: Streams,
        codes: int,
        order: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
        """Offsets, times and codes of entities whose first rows are at `begin`."""
        days = Calendar.of(timing, calendar)
        rate = np.ones(len(begin))
        if state["unlike"] > 1e-3:
            shape = 1.0 / state["unlike"]
            rate = np.maximum(gammaincinv(shape, np.clip(ndtr(score), 1e-9, 1 - 1e-9)) / shape, 1e-6)
        begin = np.clip(begin, days.first * days.length, (days.last + 1) * days.length - 1e-9 * days.length)
        links = state["chain"]
        hazards = Hazards(1)
        hazards.tables = state["hazards"]
        made: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]] = walks.walk(
            streams.key, streams.entities, begin, rate, state["most"], days.length, timing.gap.lattice_,
            days.first, days.last, days.by_day, days.month, days.ease, BINS, LOGS, *hazards.arguments(days),
            codes, links["gaps"], links["keys"], links["cuts"], order, links["prob"], *links["factors"],
            SINCE_DAYS, state["within"], state["next_waits"], within.edges(days.length), state["clock"],
            state["hours"], state["by_clock"], state["late"], state["whole"],
        )  # fmt: skip
        return made


class StepTiming:
    """Each entity has a time of its own: codes step by step, an end by length and code; gaps come as values."""

    @staticmethod
    def learn(
        view: Rows, timing: Timing, code: NDArray[np.int32], codes: int, order: int
    ) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """Sums of one block, and the length of each entity."""
        lengths = np.diff(view.offsets)
        step = np.arange(view.n_rows) - np.repeat(view.offsets[:-1], lengths)
        zero = np.zeros(view.n_rows, np.int64)
        place = {
            "use": np.ones(view.n_rows, np.bool_),
            "day": step,
            "part": zero - 1,
            "dom": zero,
            "weekday": zero,
        }
        counts = chain.count(view.offsets, code, zero, codes, 1, order)
        last = np.zeros(view.n_rows, np.bool_)
        last[view.offsets[1:][lengths > 0] - 1] = True
        bins = LENGTH_BINS[np.minimum(step + 1, len(LENGTH_BINS) - 1)]
        size = min(codes, GROUPS)
        cell = bins * size + np.minimum(code, size - 1)
        ends, tries = (
            np.bincount(at, minlength=(int(LENGTH_BINS[-1]) + 1) * size).reshape(-1, size)
            for at in (cell[last], cell)
        )
        state = {
            "counts": counts,
            "factors": _fit_factors(view, code, zero, place, counts, (codes, 1, order), SINCE_ROWS),
            "ends": ends,
            "tries": tries,
        }
        return state, lengths.astype(np.float64)

    @staticmethod
    def merge(states: list[dict[str, Any]], codes: int, order: int) -> dict[str, Any]:
        """Tables of all blocks together."""
        ends, tries = (np.sum([s[n] for s in states], axis=0).astype(np.float64) for n in ("ends", "tries"))
        ending, factor = _endings(ends, tries)
        return {
            "chain": _merged_chain(states, codes, 1, order),
            "ending": ending,
            "end_factor": factor,
        }

    @staticmethod
    def sample(
        state: dict[str, Any],
        begin: NDArray[np.float64],
        score: NDArray[np.float64],
        streams: Streams,
        codes: int,
        order: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Offsets and codes of entities; those whose first row is unknown have none."""
        survival = np.where(np.isfinite(begin), np.clip(ndtr(-score), 1e-12, 1.0), np.nan)
        links = state["chain"]
        offsets, code = loops.steps(
            streams.key, streams.entities, survival, state["most"], codes, links["keys"], links["cuts"], order,
            links["prob"], links["factors"][3], SINCE_ROWS, state["ending"], state["end_factor"], LENGTH_BINS,
        )  # fmt: skip
        return offsets, code


def _endings(
    ends: NDArray[np.float64], tries: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hazards of the end by length and by code whose products match the ends of each length and of each code."""
    hazard, factor = np.ones(len(ends)), np.ones(ends.shape[1])
    for _ in range(40):
        expected = tries * -np.expm1(-np.minimum(hazard[:, None] * factor, 50.0))
        hazard = np.minimum(hazard * (ends.sum(axis=1) + 1e-9) / (expected.sum(axis=1) + 1e-9), 50.0)
        expected = tries * -np.expm1(-np.minimum(hazard[:, None] * factor, 50.0))
        factor = np.clip(factor * (ends.sum(axis=0) + 0.5) / (expected.sum(axis=0) + 0.5), 1e-3, 1e3)
    # Nobody went on from the longest, so nobody does.
    hazard[np.flatnonzero(tries.sum(axis=1) > 0)[-1] :] = 1e6
    return hazard, factor


def whole_days(view: Rows) -> bool:
    """Whether times tell the day alone."""
    return bool(view.step >= view.day * (1 - 1e-9))


def _histogram(
    code: NDArray[np.int32], slot: NDArray[np.int64], use: NDArray[np.bool_], codes: int, size: int
) -> NDArray[np.float64]:
    at = code[use].astype(np.int64) * size + np.clip(slot[use], 0, size - 1)
    return np.bincount(at, minlength=codes * size).reshape(codes, size).astype(np.float64)


def _stride(timing: Timing, kinds: int) -> int:
    """Every so manieth entity is looked at, so that all blocks together stay within `CELLS`."""
    return max(1, int(np.ceil(timing.waiting_ * kinds / CELLS)))
