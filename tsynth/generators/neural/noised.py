"""What stands before learning under differential privacy: the plan of an autoregressive generator from noised figures.

Every figure is a sum over entities, each scaled down to a stated norm, plus Gaussian noise. The plan is not read from
the rows but from rows that are drawn from these figures: so all that it takes (classes of gaps, knots, slots, longest
sequence) is computed from what was told, and corrections compare with nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from tsynth.data.encoding import Field
from tsynth.data.encoding.noised import faint, fill
from tsynth.data.encoding.timing import gaps_of
from tsynth.data.privacy import Histogram, noised_counts, noised_histogram
from tsynth.data.streams import Streams
from tsynth.generators.copula import Margin, noised_copula
from tsynth.generators.neural.codes import Table, lowest
from tsynth.generators.neural.once import draw_once, once_fields, watched_encoding, watched_lengths
from tsynth.generators.neural.plan import by_ticks, plan
from tsynth.generators.neural.priors import PRIOR, aims, map_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsynth.data.encoding import Encoder, Rows
    from tsynth.data.privacy import Ledger

__all__ = ["Figures", "of_their_own"]

NOT_LEARNED = (
    "under differential privacy: rows that recur with equal amounts and first rows as codes of their own, the total"
    " that values are added to, what never happens (but for codes that come first), prices that recur exactly, how"
    " widely parties are shared",
    "under differential privacy: what a network with hidden layers would know; each is one linear layer over the"
    " memory",
)
FAINT = (
    "under differential privacy, where the budget is faint for so few entities: values by code, how what is fixed of an"
    " entity hangs together",
)
DRAWN = 100_000
"""Rows that are drawn from the figures for the plan to be read from."""
BINS = 16
"""Bins of a code's distribution of scores, which reach to 4 on both sides."""
RARE = 1e-4
"""Least share of a choice or a copy."""
HOURS = 24
FREE = 1 << 40
"""As many rows of a code as one likes."""


class Figures:
    """Noised figures of a view, and the plan that follows from them.

    Parameters
    ----------
    rows : Table
        Of all entities, under a noised encoding, with the levels of the mark as codes.
    encoder : Encoder
    ledger : Ledger
    rho : float
        What all figures together may spend.
    lengths : Histogram
        Noised rows of each entity.
    nullable : set of str
        Columns that may be null, as the schema says; what noise says of nulls elsewhere is no null.
    """

    def __init__(
        self,
        rows: Table,
        encoder: Encoder,
        ledger: Ledger,
        rho: float,
        lengths: Histogram,
        nullable: set[str],
    ) -> None:
        self.rows, self.encoder, self.ledger, self.lengths = rows, encoder, ledger, lengths
        self.nullable = nullable
        view = self.view = rows.view
        self.codes = len(rows.base)
        self.entity = np.repeat(np.arange(view.n_entities), np.diff(view.offsets))
        self.ticked = by_ticks(encoder.timing, float(view.day), float(encoder.time_step_))
        step = float(encoder.time_step_)
        self.timed = not self.ticked and view.day > 0 and (step <= 0 or step % view.day != 0)
        self.faint = faint(ledger, lengths, len(view.fields) + len(view.statics) + 2)
        self.clip = math.sqrt(ledger.rows)
        once = len(view.statics) + 1 + 2 * view.windowed  # statics, first row, window
        valued = sum(f.continuous >= 0 for f in rows.fields)
        parts = 0.5 + 1.5 * (self.codes > 1) + len(rows.fields) + 0.5 * once
        parts += 0.0 if self.faint else 2.0 * valued * (self.codes > 1) + 2.0
        parts += 0.0 if self.ticked else 0.5 + self.timed + (not self.faint)
        parts += 3.0 * view.windowed
        self.unit = 0.999 * rho / parts

    def learn(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The plan, and what entities have once."""
        self.ledger.not_learned += [*NOT_LEARNED, *(FAINT if self.faint else ())]
        self._sizes()
        tables = [self._choices(j) for j in range(len(self.rows.fields))]
        maps = self._maps()
        self.once = self._once()
        self.gap_rows = np.ones(1) if self.ticked else self._gaps()
        self.drawn = self._draw(tables)
        made = plan(self.drawn, self.encoder, {}, [np.zeros(self.codes)] * 2)
        made |= {"maps": maps, "map_scores": map_scores(), "prior": self._prior(tables)}
        made |= self._free(made)
        if self.timed:
            made["hour_weight"] = self._hours()
        return made, self.once

    def _count(
        self,
        what: str,
        cell: NDArray[Any],
        entity: NDArray[Any],
        size: int,
        weight: float,
        once: bool = False,
    ) -> tuple[NDArray[np.float64], float]:
        return noised_counts(
            self.ledger, what, cell.astype(np.int64), entity, size,
            rho=weight * self.unit, clip=1.0 if once else self.clip,
        )  # fmt: skip

    # -- sizes, codes, lengths

    def _sizes(self) -> None:
        cap = 2.0 * self.ledger.rows
        each = np.diff(self.view.offsets)
        told, noise = self.ledger.gaussian(
            "number of rows", np.array([np.minimum(each, cap).sum()]), cap, 0.5 * self.unit
        )
        entities, rough = (float(x) for x in self.lengths.sizes())
        # Classes of lengths tell the number of rows to a tenth or so; the sum is better where its noise is less.
        self.each = max(float(told[0]) if noise < 0.1 * rough else rough, entities) / max(entities, 1.0)
        self.share = self.first = np.ones(1)
        if self.codes > 1:
            heads = self.view.offsets[:-1][each > 0]
            told, noise = self._count("codes of rows", self.rows.code, self.entity, self.codes, 1.0)
            self.share = _shares(told, noise)
            told, noise = self._count(
                "codes of first rows", self.rows.code[heads], self.entity[heads], self.codes, 0.5, True
            )
            self.first = np.where(told > 2.0 * noise, np.maximum(told, 0.0), 0.0)
            self.first = self.first / self.first.sum() if self.first.any() else self.share
        self.finer = None
        if not (self.ticked or self.faint):
            self.finer = noised_histogram(
                self.ledger, "rows of each entity, finer", each[each > 0].astype(np.float64),
                np.flatnonzero(each > 0), rho=self.unit, step=1.0,
            )  # fmt: skip

    def _lengths(self, n: int, draw: np.random.Generator) -> NDArray[np.int64]:
        """Lengths as they were told."""
        told = self.lengths
        kind = draw.choice(len(told.mass), n, p=told.mass / told.mass.sum())
        low, high = np.maximum(told.edges[:-1][kind], 1.0), np.maximum(told.edges[1:][kind], 2.0)
        length = low * (high / low) ** draw.uniform(size=n)
        if self.finer is not None and self.finer.mass.sum() > 0:
            length = np.rint(self.finer.quantiles(draw.uniform(size=n)))
        elif self.ticked:
            length = length * self.each / max(float(length.mean()), 1.0)
        length = np.maximum(length, 1.0).astype(np.int64)
        return np.where(told.edges[:-1][kind] == 0, 0, length)

    # -- fields

    def _choices(self, j: int) -> NDArray[np.float64]:
        """How often each code takes each choice of field `j`, or copies: noised, (codes, options)."""
        field = self.rows.fields[j]
        options = field.choices + (2 if field.continuous >= 0 else 0)
        aim = aims(self.rows, j)
        told, noise = self._count(
            f"choices of {field.name} by code",
            self.rows.code * options + aim,
            self.entity,
            self.codes * options,
            1.0,
        )
        told = np.where(told > noise, told, 0.0).reshape(self.codes, options)
        if field.name not in self.nullable and field.choices > 1:
            told[:, 0] = -1.0
        return told

    def _prior(self, tables: list[NDArray[np.float64]]) -> NDArray[np.float32]:
        """Logarithms of the shares of choices by code, as `tsynth.generators.neural.priors.value_scales` has them."""
        width = max([t.shape[1] for t in tables], default=1)
        prior = np.full((len(tables), self.codes, width), -1e9, np.float32)
        for j, told in enumerate(tables):
            never = told < 0
            seen = np.maximum(told, 0.0)
            usual = seen.sum(axis=0) / max(seen.sum(), 1e-9)
            share = (seen + PRIOR * usual) / (seen.sum(axis=1, keepdims=True) + PRIOR)
            share = np.where(never, 0.0, np.maximum(share, RARE))
            with np.errstate(divide="ignore"):
                prior[j, :, : told.shape[1]] = np.where(share > 0, np.log(share), -1e9)
        return prior

    def _maps(self) -> NDArray[np.float64]:
        """Scores at which new values of a field stand in rows of one code; as all of them where that is not clear."""
        fields, scores = self.rows.fields, map_scores()
        maps = np.tile(scores, (self.codes, len(fields), 1))
        if self.codes == 1 or self.faint:
            return maps
        edges = np.linspace(-4.0, 4.0, BINS + 1)
        usual = np.diff(ndtr(edges)) / (ndtr(4.0) - ndtr(-4.0))
        for j, field in enumerate(fields):
            if field.continuous < 0:
                continue
            aim = aims(self.rows, j)
            new = (aim >= field.continuous) & (aim < field.choices)
            place = np.clip(np.searchsorted(edges, self.rows.value[:, j], side="right") - 1, 0, BINS - 1)
            told, noise = self._count(
                f"values of {field.name} by code", (self.rows.code * BINS + place)[new], self.entity[new],
                self.codes * BINS, 2.0,
            )  # fmt: skip
            mass = np.where(told > 2.0 * noise, told, 0.0).reshape(self.codes, BINS)
            for c in range(self.codes):
                # the less sticks out, the more a code keeps to the values of all
                own = mass[c] + 2.0 * noise * usual
                below = np.concatenate([[0.0], np.cumsum(own)]) / own.sum()
                at = np.interp(ndtr(scores), below, edges)
                maps[c, j] = np.maximum.accumulate(at) + np.arange(len(at)) * 1e-9
        return maps

    # -- once an entity

    def _once(self) -> dict[str, Any]:
        """Margins and the copula of what entities have once; as `tsynth.generators.neural.once.learn_once`."""
        watched = None
        if self.view.windowed:
            watched, (length, entity) = watched_encoding(self.encoder), watched_lengths(self.view)
            step = float(self.encoder.time_step_)
            fill(
                watched,
                noised_histogram(
                    self.ledger, "length of watching", length, entity, rho=3.0 * self.unit, step=step
                ),
            )
        rows, valued, scores = {}, {}, {}
        found = once_fields(self.view, self.encoder, watched)
        for name, (field, has) in found.items():
            plain = name.removeprefix("static:")
            told, noise = self._count(
                f"choices of {plain}", field.choice[has], np.flatnonzero(has), field.choices, 0.5, True
            )
            if plain not in self.nullable and field.choices > 1:
                told[0] = -np.inf
            rows[name] = _shares(told, noise)
            valued[name] = field.continuous
            score = Margin(rows[name], field.continuous).score(field, np.full(len(field.choice), 0.5))
            scores[name] = np.where(has, score, np.nan)
        names = list(found)
        correlation = np.eye(len(names))
        if not self.faint:
            correlation = noised_copula(self.ledger, scores, 2.0 * self.unit).correlation
        empty = float(self.lengths.mass[0]) if self.lengths.edges[0] == 0 else 0.0
        made = {
            "names": names, "correlation": correlation, "rows": rows, "valued": valued,
            "empty": empty / max(float(self.lengths.mass.sum()), 1.0),
        }  # fmt: skip
        return made if watched is None else made | {"watched": watched.to_state()}

    # -- time

    def _gaps(self) -> NDArray[np.float64]:
        gaps, inside = gaps_of(self.view.offsets, self.view.time)
        field = self.encoder.timing.gap.encode_values(gaps[inside])
        told, noise = self._count("choices of gaps", field.choice, self.entity[inside], field.choices, 0.5)
        told[0] = -np.inf
        return _shares(told, noise)

    def _hours(self) -> NDArray[np.float64]:
        day = self.view.day
        hour = np.floor(self.view.time / day * HOURS + 1e-6).astype(np.int64) % HOURS
        told, noise = self._count("hours of the day", hour, self.entity, HOURS, 1.0)
        kept = np.maximum(np.where(told > 2.0 * noise, told, 0.0), noise)
        return np.asarray(np.maximum(kept / kept.mean(), 1e-3))

    # -- rows as they were told

    def _draw(self, tables: list[NDArray[np.float64]]) -> Table:
        """Rows drawn from the figures, each by itself: with the same seed, so that they hang on the figures alone."""
        view, timing = self.view, self.encoder.timing
        draw = np.random.default_rng(0)
        n = int(np.clip(DRAWN // max(self.each, 1.0), 200, 20_000))
        statics, begin, _ = draw_once(self.once, self.encoder, Streams(0, "noised", range(n)), None)
        lengths = np.where(np.isfinite(begin), self._lengths(n, draw), 0)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        total, heads = int(offsets[-1]), offsets[:-1][lengths > 0]
        owner = np.repeat(np.arange(n), lengths)
        if self.ticked:
            left = np.maximum(timing.span_[1] - begin[owner], 0.0)
            time = begin[owner] + np.rint(draw.uniform(size=total) * left / view.day) * view.day
            time = time[np.lexsort((time, owner))]
        else:
            margin = Margin(self.gap_rows, timing.gap.continuous)
            field = margin.field("gap", draw.normal(size=total), draw.uniform(size=total))
            gaps = np.nan_to_num(timing.gap.decode_values(field))
            gaps[heads] = 0.0
            summed = np.cumsum(gaps)
            time = begin[owner] + summed - summed[offsets[:-1][owner]]
            if view.day > 0:  # within the days that may be looked at
                time = np.minimum(time, timing.span_[1] + 1_900 * view.day)
        code = draw.choice(self.codes, total, p=self.share)
        code[heads] = draw.choice(self.codes, len(heads), p=self.first)
        fields: dict[str, Field] = {}
        if view.mark is not None and view.fields[view.mark].continuous < 0:
            mark = view.fields[view.mark]
            fields[view.mark] = replace(mark, choice=(code + lowest(mark)).astype(np.int32))
        mine = []
        for field, told in zip(self.rows.fields, tables, strict=True):
            usual = np.maximum(told, 0.0).sum(axis=0)[: field.choices]
            share = usual / usual.sum() if usual.any() else np.full(field.choices, 1.0 / field.choices)
            value = None if field.value is None else np.clip(draw.normal(size=total), -4.0, 4.0)
            choice = draw.choice(field.choices, total, p=share).astype(np.int32)
            mine.append(replace(field, choice=choice, value=value))
            fields[field.name] = mine[-1]
        none = np.full(n, np.nan)
        drawn = replace(
            view, offsets=offsets, time=time, start=none, end=none, fields=fields, statics=statics
        )
        return Table(drawn, code.astype(np.int64), self.rows.base, mine)

    def _free(self, made: dict[str, Any]) -> dict[str, Any]:
        """Nothing is ruled out but codes that do not come first: what never came may be one entity's secret."""
        codes = self.codes
        many = np.full(codes, FREE)
        return {
            "opens": self.first > 0, "follows": np.ones(codes, np.bool_), "pair": np.ones((codes + 1, codes), np.bool_),
            "day_of_month": np.ones((codes, 31), np.bool_), "to_month_end": np.ones((codes, 8), np.bool_),
            "weekday": np.ones((codes, 7), np.bool_), "most_tick": many, "most_month": many, "most_ever": many,
        }  # fmt: skip

    # -- where networks begin

    def event_logits(self) -> NDArray[np.float64]:
        """Of each code and of nothing, (codes + 1,)."""
        waiting = self.encoder.timing.waiting_ / max(self.lengths.sizes()[0], 1) if self.ticked else 1.0
        rate = np.maximum(self.share, RARE) * self.each
        return np.log(np.append(rate, max(waiting, 1.0)) / (self.each + max(waiting, 1.0)))

    def first_logits(self) -> NDArray[np.float64]:
        """What is added for first rows, (codes,)."""
        return np.clip(np.log(np.maximum(self.first, RARE) / np.maximum(self.share, RARE)), -6.0, 6.0)

    def gap_logits(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each class of gaps and of the end."""
        view = self.drawn.view
        gaps, inside = gaps_of(view.offsets, view.time)
        place = np.clip(np.searchsorted(edges, gaps[inside], side="right") - 1, 0, len(edges) - 2)
        rows = np.bincount(place, minlength=len(edges) - 1) + 0.5
        ends = max(1.0 / self.each, RARE)
        return np.log(np.append(rows / rows.sum() * (1.0 - min(ends, 0.9)), ends))


def of_their_own(view: Rows) -> NDArray[np.int64]:
    """A number of each entity that hangs on its own rows alone, so that its draws do not hang on who else is there."""
    bits = view.time.astype(np.float64).view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
    summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed ^ (mixed >> np.uint64(32)))])
    return ((summed[view.offsets[1:]] - summed[view.offsets[:-1]]) >> np.uint64(1)).astype(np.int64)


def _shares(told: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Noised counts without those that may be noise alone, as shares; the largest where none sticks out."""
    out = np.where(told > 2.0 * noise, told, 0.0)
    if out.sum() <= 0:
        out = np.where(np.arange(len(told)) == np.argmax(told), 1.0, 0.0)
    return np.asarray(out / out.sum())
