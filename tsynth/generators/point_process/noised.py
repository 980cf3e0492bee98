"""What `markov_renewal` learns under differential privacy: fewer statistics, each a clipped sum with noise.

Every statistic is a sum over entities whose terms are scaled down to a stated norm, so that one entity more moves it
by at most that much, plus Gaussian noise. Everything else here is computed from those sums alone.

Not learned at all: contexts longer than one code, what a code or a choice hangs on beside the row before, the waits
inside a day, the total that a value is added to, and memory of values by code (all codes share one).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammainc, ndtr, ndtri

from tsynth.compiled import clipped, walk
from tsynth.compiled import values as value_loops
from tsynth.data.encoding import Field, Rows
from tsynth.data.encoding.noised import faint
from tsynth.data.encoding.timing import gaps_of
from tsynth.data.privacy import Histogram, noised_counts, noised_histogram
from tsynth.generators import values
from tsynth.generators.copula import Margin, noised_copula
from tsynth.generators.point_process import chain, within
from tsynth.generators.point_process.coding import Coding
from tsynth.generators.point_process.days import BINS, KINDS, LOGS, Calendar, Hazards
from tsynth.generators.point_process.timing import LENGTH_BINS, start_factors, whole_days
from tsynth.generators.point_process.within import SLOTS, WAITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding.timing import Timing
    from tsynth.data.privacy import Ledger

__all__ = ["NoisedSums"]

NOT_LEARNED = (
    "under differential privacy: contexts longer than one code, prices that recur exactly, round amounts, waits inside"
    " a day, what a category hangs on beside the code and its own past",
    "under differential privacy: the total that values are added to, and how widely parties are shared",
)
FAINT = (
    "under differential privacy, where the budget is faint for so few entities: how values hang on the code, the row"
    " before and what is fixed of the entity",
)
PASSES = (0, 1, 2, 4, 1)
"""Factors of the days that are taken in: days since the kind's last row, day of month, kind before, weekday."""
HOURS = 24
SCORES = 16
"""Bins of a code's distribution of scores."""
OTHERS = 4
"""Fields of a row that a later one is regressed on."""


class NoisedSums:
    """Noised statistics of a view, as `MarkovRenewal` keeps them.

    Parameters
    ----------
    view : Rows
        Of all entities, under a noised encoding.
    ledger : Ledger
    rho : float
        What all statistics together may spend.
    lengths : Histogram
        Noised rows of each entity.
    nullable : set of str
        Columns that may be null, as the schema says; what noise says of nulls elsewhere is no null.
    """

    def __init__(
        self, view: Rows, ledger: Ledger, rho: float, lengths: Histogram, nullable: set[str]
    ) -> None:
        assert view.timing is not None
        self.view, self.ledger, self.lengths, self.nullable = view, ledger, lengths, nullable
        self.timing: Timing = view.timing
        self.coding = Coding.of(view)
        self.code = self.coding.code(view)
        self.entity = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
        self.step = np.arange(view.n_rows) - np.repeat(view.offsets[:-1], np.diff(view.offsets))
        self.clip = math.sqrt(ledger.rows)
        self.entities, self.rough = (float(x) for x in lengths.sizes())
        self.once = self._once()
        rest = self.coding.rest(view)
        valued = sum(field.continuous >= 0 for field in rest) + (not self.timing.clock_)
        self.faint = faint(ledger, lengths, len(view.fields) + len(view.statics) + 2)
        parts = 2.0 + len(self.once) * 0.5 + len(rest) + (0.0 if self.faint else 2.0 + 3.0 * valued)
        self.passes = PASSES[: 2 if self.faint else len(PASSES)]
        if self.timing.clock_:
            parts += 2.0 + 2.0 * len(self.passes) + 0.5 + (0.0 if whole_days(view) else 1.0)
        else:
            parts += (5.0 if self.coding.codes > 1 else 2.0) - self.faint
        self.unit = 0.999 * rho / parts

    # -- the order in which things are told

    def learn(self) -> dict[str, Any]:
        """Attributes of the generator by name."""
        self.ledger.not_learned += [*NOT_LEARNED, *(FAINT if self.faint else ())]
        self._sizes()
        rate, timing = self._clock() if self.timing.clock_ else self._steps()
        timing["most"] = int(3 * self.lengths.edges[-1]) + 32
        empty = float(self.lengths.mass[0]) if self.lengths.edges[0] == 0 else 0.0
        timing["empty"] = empty / self.entities
        margins, scores = self._margins()
        scores["rate"] = rate
        fields = self._fields(scores)
        return {
            "coding_": self.coding.to_state(),
            "timing_": timing,
            "fields_": fields,
            "total_": {},
            "copula_": self._copula(scores),
            "margins_": margins,
        }

    # -- sizes and shares

    def _count(
        self,
        what: str,
        cell: NDArray[Any],
        entity: NDArray[Any],
        size: int,
        weight: float,
        once: bool,
    ) -> tuple[NDArray[np.float64], float]:
        return noised_counts(
            self.ledger, what, cell.astype(np.int64), entity, size,
            rho=weight * self.unit, clip=1.0 if once else self.clip,
        )  # fmt: skip

    def _sizes(self) -> None:
        """Number of rows, and how often each code comes."""
        cap = 2.0 * self.ledger.rows
        exact = np.minimum(np.diff(self.view.offsets), cap).sum()
        told, noise = self.ledger.gaussian("number of rows", np.array([exact]), cap, self.unit)
        rough = self.rough
        # The classes of lengths tell the number of rows to a tenth or so; the sum is better where noise is small.
        self.rows = float(told[0]) if noise < 0.1 * rough else rough
        self.rows = max(self.rows, self.entities, 1.0)
        first = self.step == 0
        codes = self.coding.codes
        if codes == 1:
            self.first, self.share = np.ones(1), np.ones(1)
            return
        begin, noise = self._count(
            "codes of first rows", self.code[first], self.entity[first], codes, 0.5, True
        )
        self.first = _cut(begin, noise)
        share, noise = self._count("codes of rows", self.code, self.entity, codes, 0.5, False)
        self.share = _cut(share, noise)
        self.share = self.share / self.share.sum()

    def _chain(self, table: NDArray[np.float64] | None) -> dict[str, Any]:
        """The chain of order 1 from first codes and, where told, pairs of codes."""
        codes = self.coding.codes
        start, after = np.flatnonzero(self.first > 0), np.empty((0, 2), np.int64)
        keys, rows = codes * codes + start, self.first[start]
        if table is not None:
            after = np.argwhere(table > 0)
            keys = np.concatenate([keys, after[:, 0] * codes + after[:, 1]])
            rows = np.concatenate([rows, table[table > 0]])
        else:  # after a known code nothing is told but how often each comes at all
            keys = np.concatenate([keys, np.arange(codes)])
            rows = np.concatenate([rows, np.maximum(self.share * self.rows, 1e-3)])
        found, cuts, prob = chain.build(keys.astype(np.int64), np.asarray(rows, np.float64), codes, 1, 1)
        return {"keys": found, "cuts": cuts, "prob": prob, "factors": start_factors(codes), "gaps": 1}

    # -- times: one clock

    def _clock(self) -> tuple[NDArray[np.float64], dict[str, Any]]:
        view, codes = self.view, self.coding.codes
        days = Calendar.of(self.timing, view.calendar)
        day = days.day(view.time)
        kinds = min(codes, KINDS)
        kind = np.minimum(self.code, kinds - 1).astype(np.int64)
        follows = self.step > 0
        later = np.zeros(view.n_rows, np.int64)
        later[1:] = day[1:] > day[:-1]
        seen, noise = self._count(
            "codes of further rows, on the same day and later", (later * kinds + kind)[follows],
            self.entity[follows], 2 * kinds, 2.0, False,
        )  # fmt: skip
        share = np.maximum(seen, 0.2 * noise).reshape(2, kinds)
        living = self.entities * (
            1 - (self.lengths.mass[0] / self.entities if self.lengths.edges[0] == 0 else 0.0)
        )
        rows = share / share.sum() * max(self.rows - living, 0.05 * self.rows)
        waited = np.array([[self.rows], [max(self.timing.waiting_, 1.0)]])
        total = rows.sum(axis=1, keepdims=True)
        hazard = -np.log1p(-np.minimum(total / waited, 0.95))
        hazards = Hazards(kinds)
        hazards.tables["table"][..., : walk.PACE] = np.maximum(hazard * rows / total, 1e-9)[..., None]
        for which in self.passes:
            lives = self._pass(hazards, which, day, kind, days)
        excess = ((lives[:, 0] - lives[:, 1]) ** 2 - lives[:, 2]) / np.maximum(lives[:, 3], 1.0) ** 2
        unlike, _ = self.ledger.gaussian(
            "how unlike entities are in their pace", np.array([np.clip(excess, -1.0, 3.0).sum()]), 3.0,
            0.5 * self.unit,
        )  # fmt: skip
        frailty = float(np.clip(unlike[0] / self.entities, 0.0, 3.0))
        whole = whole_days(view)
        hours = np.ones((kinds, SLOTS))
        if not whole:
            slot = ((view.time / days.length - np.floor(view.time / days.length)) * HOURS).astype(np.int64)
            told, noise = self._count(
                "hours of the day by code", kind * HOURS + np.clip(slot, 0, HOURS - 1), self.entity,
                kinds * HOURS, 1.0, False,
            )  # fmt: skip
            hours = np.repeat(_cut(told, noise).reshape(kinds, HOURS) * HOURS / SLOTS, SLOTS // HOURS, axis=1)
        by_clock = np.ones(kinds, np.bool_)
        clock = within.smoothed(hours)
        state = {
            "chain": self._chain(None),
            "hazards": hazards.tables,
            "unlike": frailty,
            "within": np.ones((kinds, 3, WAITS)),
            "next_waits": np.ones((kinds, WAITS)),
            "clock": np.cumsum(clock[np.minimum(np.arange(codes), kinds - 1)], axis=1),
            "hours": np.cumsum(clock, axis=1),
            "by_clock": by_clock,
            "late": within.lateness(hours, by_clock),
            "whole": whole,
            "rows": rows / self.entities,
        }
        lively = (lives[:, 0] + 2.0) / (lives[:, 1] + 2.0)
        shape = 1.0 / max(frailty, 0.05)
        return ndtri(np.clip(gammainc(shape, shape * lively), 0.01, 0.99)), state

    def _pass(
        self, hazards: Hazards, which: int, day: NDArray[np.int64], kind: NDArray[np.int64], days: Calendar
    ) -> NDArray[np.float64]:
        """Take in by how much noised observed rows exceed expected ones; see `days.Hazards`."""
        names = ("table", "dom", "weekday", "after", "shared")
        sums = {n: np.zeros((2, *hazards.tables[n].shape)) for n in names}
        lives = np.zeros((self.view.n_entities, 4))
        bound = 1.5 * self.clip
        clipped.clipped_days(
            self.view.offsets, day, kind, days.first, days.last, days.by_day, days.month, days.ease, BINS, LOGS,
            *hazards.arguments(days), which, bound, *sums.values(), lives,
        )  # fmt: skip
        told = {n: x for n, x in sums.items() if n in _PARTS[which]}
        flat, noise = self.ledger.gaussian(
            f"rows by {_PASS_NAMES[which]}", np.concatenate([x.ravel() for x in told.values()]), bound,
            2.0 * self.unit,
        )  # fmt: skip
        at = 0
        for name, x in told.items():
            observed, expected = flat[at : at + x.size].reshape(x.shape)
            at += x.size
            if name in ("dom", "weekday"):  # a kind's first time counts with its later ones
                observed, expected = observed.copy(), expected.copy()
                observed[1:] = observed[1:].sum(axis=0, keepdims=True)
                expected[1:] = expected[1:].sum(axis=0, keepdims=True)
            lean = 3.0 * noise
            clear = np.maximum(observed, 0.0), np.maximum(expected, 0.0)
            ratio = (clear[0] + lean) / (clear[1] + lean)
            # What does not stick out of the noise on either side stays as it is.
            ratio = np.where(np.maximum(observed, expected) > 2.0 * noise, ratio, 1.0)
            hazards.tables[name] = np.clip(hazards.tables[name] * ratio, 1e-12, 1e5)
        base = hazards.tables["table"][..., : walk.PACE]
        np.minimum(base, 20.0, out=base)
        return lives

    # -- times: of each entity's own

    def _steps(self) -> tuple[NDArray[np.float64], dict[str, Any]]:
        codes = self.coding.codes
        table = None
        if codes > 1:
            follows = np.flatnonzero(self.step > 0)
            pair = self.code[follows - 1].astype(np.int64) * codes + self.code[follows]
            told, noise = self._count("pairs of codes", pair, self.entity[follows], codes * codes, 2.0, False)
            table = _cut(told, noise).reshape(codes, codes)
        lengths = np.diff(self.view.offsets)
        has = lengths > 0
        if self.faint:  # powers of two must do
            some = self.lengths.edges[:-1] > 0
            found = Histogram(
                np.append(self.lengths.edges[:-1][some], self.lengths.edges[-1]) - 0.5,
                self.lengths.mass[some], 0.0, self.lengths.noise,
            )  # fmt: skip
        else:
            found = noised_histogram(
                self.ledger, "rows of each entity, finer", lengths[has].astype(np.float64), np.flatnonzero(has),
                rho=self.unit, step=1.0,
            )  # fmt: skip
        state = {
            "chain": self._chain(table),
            "ending": _endings(found),
            "end_factor": self._end_factor(),
        }
        total = max(found.mass.sum(), 1e-9)
        below = np.concatenate([[0.0], np.cumsum(found.mass)]) / total
        place = np.interp(lengths.astype(np.float64), found.edges, below)
        return ndtri(np.clip(place, 0.01, 0.99)), state

    def _end_factor(self) -> NDArray[np.float64]:
        """By how much each code ends a sequence more often than another."""
        codes = self.coding.codes
        if codes == 1:
            return np.ones(1)
        last = self.view.offsets[1:][np.diff(self.view.offsets) > 0] - 1
        told, noise = self._count("codes of last rows", self.code[last], self.entity[last], codes, 1.0, True)
        expected = self.share * max(told.sum(), 1.0)
        lean = 2.0 * noise
        factor = (np.maximum(told, 0.0) + lean) / (expected + lean)
        return np.asarray(factor / max(float((self.share * factor).sum()), 1e-9))

    # -- once an entity

    def _once(self) -> dict[str, tuple[Field, NDArray[np.bool_]]]:
        view, timing = self.view, self.timing
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

    def _margins(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
        margins, scores = {}, {}
        for name, (field, has) in self.once.items():
            told, noise = self._count(
                f"choices of {name.removeprefix('static:')}", field.choice[has], np.flatnonzero(has),
                field.choices, 0.5, True,
            )  # fmt: skip
            if name.removeprefix("static:") not in self.nullable and field.choices > 1:
                told[0] = -np.inf
            rows = _cut(told, noise)
            margins[name] = {"rows": rows, "first": field.continuous}
            score = Margin(rows, field.continuous).score(field, np.full(len(field.choice), 0.5))
            scores[name] = np.where(has, score, np.nan)
        return margins, scores

    def _copula(self, scores: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
        names = [*self.once, "rate", *(n for n in scores if n.startswith("value:"))]
        if self.faint:
            return {"names": names, "correlation": np.eye(len(names))}
        made = noised_copula(self.ledger, {n: scores[n] for n in names}, 2.0 * self.unit)
        return {"names": made.names, "correlation": made.correlation}

    # -- values

    def _fields(self, scores: dict[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
        view = self.view
        gaps, inside = gaps_of(view.offsets, view.time)
        gap = self.timing.gap.encode_values(np.where(inside, gaps, np.nan))
        named = Field("(gap)", gap.choice, gap.value, gap.choices, gap.continuous)
        lengths = np.diff(view.offsets)
        has = lengths > 0
        since = view.time - np.repeat(view.time[view.offsets[:-1][has]], lengths[has])
        ages = {
            True: np.log1p(self.step.astype(np.float64)),
            False: np.log1p(np.maximum(since, 0.0) / self.timing.typical_),
        }
        others: list[NDArray[np.float64]] = []
        out = []
        for number, field in enumerate([named, *self.coding.rest(view)]):
            skeleton = values.Skeleton(view.offsets, self.code, self.coding.codes, ages[number == 0])
            learn = number > 0 or not self.timing.clock_
            model = self._field(field, skeleton, others) if learn else self._idle(field)
            score = model.score(field)
            opening = np.full(view.n_entities, np.nan)
            opening[has] = score[view.offsets[:-1][has]]
            scores[f"value:{field.name}"] = opening
            others.append(score)
            out.append(model.to_state())
        return out

    def _idle(self, field: Field) -> values.FieldModel:
        """Gaps of a walk are made by the walk; only their scores are asked for."""
        return _plain(field, np.ones((1, field.choices + 2, field.choices + 1)), np.ones(field.choices), 0)

    def _field(
        self, field: Field, skeleton: values.Skeleton, others: list[NDArray[np.float64]]
    ) -> values.FieldModel:
        groups = min(skeleton.codes, values.GROUPS)
        group = np.minimum(skeleton.code, groups - 1).astype(np.int64)
        value = np.zeros(len(field.choice)) if field.value is None else field.value
        before, now, remembered, age = value_loops.memory(
            skeleton.offsets,
            skeleton.code,
            skeleton.codes,
            field.choice,
            value,
            field.continuous,
            field.choices,
        )
        width, states = field.choices + 1, field.choices + 2
        room = values.table_groups(groups, field.choices)
        coarse = np.minimum(group, room - 1)
        told, noise = self._count(
            f"choices of {field.name}", (coarse * states + before[0]) * width + now[0], self.entity,
            room * states * width, 1.0, False,
        )  # fmt: skip
        told = told.reshape(room, states, width)
        if field.name not in self.nullable and field.name != "(gap)" and field.choices > 1:
            told[:, :, 0] = -np.inf
        table = _cut(told.ravel(), noise).reshape(room, states, width)
        model = _plain(field, table, table.sum(axis=(0, 1))[: field.choices], min(len(others), values.OTHERS))
        if field.continuous < 0 or self.faint:
            return model
        valued = field.valued
        grids = field.choices - field.continuous
        place = np.clip(
            ((value + value_loops.REACH) / (2 * value_loops.REACH) * SCORES).astype(np.int64), 0, SCORES - 1
        )
        cell = (group * grids + field.choice - field.continuous) * SCORES + place
        told, noise = self._count(
            f"values of {field.name} by code",
            cell[valued],
            self.entity[valued],
            groups * grids * SCORES,
            1.0,
            False,
        )
        each = value_loops.BINS // SCORES
        histogram = np.repeat(_cut(told, noise).reshape(groups, grids, SCORES) / each, each, axis=2)
        model.histogram = values._distribution(histogram)
        model.beta = np.repeat(model.beta, groups, axis=0)
        model.sigma = np.repeat(model.sigma, groups, axis=0)
        fresh = valued & (now[0] < field.choices) & (age > 0)
        target = _normal(model.histogram, group, field.choice - field.continuous, value)
        used = others[:OTHERS]
        design = np.column_stack([np.ones(len(value)), remembered, skeleton.age, *used, target])
        beta, sigma = self._regression(field.name, np.clip(design, -4.0, 6.0), fresh)
        model.beta[:, 1:, : len(beta)] = beta
        model.sigma[:, 1:] = sigma
        return model

    def _regression(
        self, name: str, design: NDArray[np.float64], use: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], float]:
        """Coefficients of the scores on what a row remembers, and what they leave, from a noised matrix of products."""
        kept = np.ascontiguousarray(design[use])
        offsets = np.concatenate(
            [[0], np.cumsum(np.bincount(self.entity[use], minlength=self.view.n_entities))]
        )
        bound = 2.0 * self.ledger.rows
        exact = clipped.clipped_products(offsets, kept, bound)
        told, noise = self.ledger.gaussian(f"memory of {name}", exact, bound, 2.0 * self.unit)
        told = (told + told.T) / 2
        root, vectors = np.linalg.eigh(told)
        told = (vectors * np.maximum(root, 0.0)) @ vectors.T
        size = len(told) - 1
        ridge = 0.5 + 1e-3 * told[0, 0] + 2.0 * noise * math.sqrt(size)
        beta = np.linalg.solve(told[:-1, :-1] + ridge * np.eye(size), told[:-1, -1])
        count = max(told[0, 0], noise, 1.0)
        explained = float(beta @ told[:-1, :-1] @ beta) / count
        if explained > 0.98:  # more than all there is: noise
            beta, explained = beta * math.sqrt(0.98 / explained), 0.98
        return beta, math.sqrt(1.0 - explained)


_PARTS = {
    0: ("table",),
    1: ("dom",),
    2: ("table", "after"),
    4: ("weekday", "shared"),
}
_PASS_NAMES = {
    0: "days since the last of their code",
    1: "day of the month",
    2: "code before and pace",
    4: "weekday and part of the span",
}


def _plain(
    field: Field, table: NDArray[np.float64], rows: NDArray[np.float64], others: int
) -> values.FieldModel:
    """Choices by code and own past; values as all of them are distributed, whatever the code and the row before."""
    edges = ndtr(np.linspace(-value_loops.REACH, value_loops.REACH, value_loops.BINS + 1))
    grids = max(field.choices - field.continuous, 1) if field.continuous >= 0 else 1
    cdf = (edges - edges[0]) / (edges[-1] - edges[0])
    return values.FieldModel(
        name=field.name,
        choices=field.choices,
        first_valued=field.continuous,
        basis=0,
        parent=-1,
        table=values._smoothed(table),
        ratio=np.ones((1, field.choices)),
        histogram=np.tile(cdf, (1, grids, 1)),
        beta=np.zeros((1, value_loops.AGES, 6 + others)),
        sigma=np.ones((1, value_loops.AGES)),
        discrete=values.discrete_scores(rows.astype(np.int64), field.continuous),
    )


def _cut(told: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Noised counts without those that may be noise alone; the largest where none sticks out."""
    out = np.where(told > 2.0 * noise, told, 0.0)
    if out.sum() <= 0:
        out = np.where(told == told.max(), max(float(told.max()), 1.0), 0.0)
    return np.asarray(out)


def _normal(
    cdf: NDArray[np.float64], group: NDArray[np.int64], grid: NDArray[np.int32], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normal score of each value in its code's own distribution."""
    at = np.clip(
        (value + value_loops.REACH) / (2 * value_loops.REACH) * value_loops.BINS, 0, value_loops.BINS - 1e-9
    )
    low = at.astype(np.int64)
    grid = np.maximum(grid, 0)
    below, above = cdf[group, grid, low], cdf[group, grid, low + 1]
    return np.asarray(ndtri(np.clip(below + (at - low) * (above - below), 1e-4, 1 - 1e-4)))


def _endings(found: Histogram) -> NDArray[np.float64]:
    """Hazard of the end by class of length, from the noised lengths."""
    classes = LENGTH_BINS
    size = int(classes[-1]) + 1
    low = np.searchsorted(classes, np.arange(size), side="left")
    high = np.append(low[1:], low[-1] + 1) - 1
    total = max(found.mass.sum(), 1e-9)
    below = np.concatenate([[0.0], np.cumsum(found.mass)]) / total

    def survival(length: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of sequences that are longer."""
        return 1.0 - np.interp(length + 0.5, found.edges, below)

    start, end = survival(low - 1), survival(high)
    hazard = np.where(
        end > 1e-9,
        np.log(np.maximum(start, 1e-9) / np.maximum(end, 1e-9)) / np.maximum(high - low + 1, 1),
        1e6,
    )
    return np.minimum(hazard, 1e6)
