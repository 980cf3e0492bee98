"""Encodings learned with noise: no level, bound, quantile or time of the source is looked at without budget."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from tsynth.data.encoding.base import owners
from tsynth.data.encoding.category import Boolean, Category
from tsynth.data.encoding.continuous import REACH, Continuous
from tsynth.data.encoding.datetime import Datetime
from tsynth.data.encoding.party import Party
from tsynth.data.encoding.timing import DAYS_A_ROW, Lengths, gaps_of
from tsynth.data.privacy import Histogram, noised_counts, noised_histogram
from tsynth.data.privacy.ledger import EVERYTHING
from tsynth.data.privacy.noised import noised_lengths

if TYPE_CHECKING:
    from tsynth.data.constraints import Constraint
    from tsynth.data.encoding.encoder import Encoder
    from tsynth.data.privacy import Ledger, Privacy
    from tsynth.data.schema import Column, Schema
    from tsynth.data.sequences import Sequences

__all__ = ["ENCODINGS", "faint", "fill", "learn_noised", "take_rules", "take_schema", "undisclosed"]

ENCODINGS = (0.3, 0.65)
"""Part of the budget that goes to the encodings, and where the budget is faint."""
FAINT = 30.0
"""Entities over the deviation of a statistic, were there one a column, below which little but margins is learned."""

LENGTHS = 0.04
"""Part of the budget that goes to the lengths, which all bounds of contributions hang on."""
SPIKE = 0.02
"""Least share of the rows that makes a number on a short lattice, or zero, a choice."""
PARTIES = (0.2, 10_000)
"""Share of private parties and number of shared ones where neither is learned."""


def undisclosed(schema: Schema, privacy: Privacy) -> Schema:
    """The schema as it may be kept: no bounds but public ones."""
    return schema.with_columns([c if privacy.is_public(c.name) else _without_bounds(c) for c in schema])


def take_schema(schema: Schema, ledger: Ledger) -> None:
    """Name what the schema tells of the data beside bounds, which are dropped."""
    known = [c for c in schema if not ledger.privacy.is_public(c.name)]
    if known:
        names = ", ".join(c.name for c in known)
        ledger.leak(f"kind, role, decimals and whether nulls occur, as the schema tells: {names}")
    levels = ", ".join(c.name for c in known if c.levels is not None and c.learned)
    if levels:
        ledger.leak(f"levels and their order, as the schema tells: {levels}")


def take_rules(rules: Iterable[Constraint], ledger: Ledger) -> None:
    """Name the rules that were found in the data, and what those that a person wrote learned from it.

    One that a person wrote has no share of rows.
    """
    for rule in rules:
        if not math.isnan(rule.share):
            ledger.leak(f"a rule found in the data, with what it needs to be put back: {rule.sentence()}")
        elif rule.lost and EVERYTHING not in ledger.privacy.public:
            ledger.leak(f"what a written rule needs to be put back, learned from the data: {rule.sentence()}")


def _without_bounds(column: Column) -> Column:
    return replace(column, bounds=None, reason="") if column.numeric else replace(column, reason="")


def faint(ledger: Ledger, lengths: Histogram, columns: int) -> bool:
    """Whether the budget is so small, for so few entities and so many columns, that little but margins can be told."""
    return bool(lengths.sizes()[0] * math.sqrt(2.0 * ledger.rho / max(columns, 1)) < FAINT)


def learn_noised(encoder: Encoder, data: Sequences, ledger: Ledger) -> Histogram:
    """Fit `encoder` with noised histograms in place of sketches; returns the lengths of entities.

    Parameters
    ----------
    encoder : Encoder
        Of a schema whose bounds are public or gone, see `undisclosed`.
    data : Sequences
    ledger : Ledger
        Its contribution bound is set here.

    Notes
    -----
    Kept are levels whose noised count sticks out, 0 and the points of a short lattice as spikes, and quantiles. Other
    spikes (price lists), round grids and the law of how parties are shared are not learned.
    """
    lengths = noised_lengths(ledger, data.lengths, LENGTHS * ledger.rho)
    rho = ENCODINGS[faint(ledger, lengths, len(encoder.schema))] * ledger.rho
    numeric = [e for e in encoder.encodings.values() if isinstance(e, Continuous)]
    discrete = [e for e in encoder.encodings.values() if isinstance(e, Category)]
    timed = data.schema.time is not None
    cost = {"numeric": 3.0, "discrete": 1.0, "time": 3.0}
    parts = cost["numeric"] * len(numeric) + cost["discrete"] * len(discrete)
    parts += cost["time"] * _times(data) if timed else 0.0
    unit = rho / max(parts, 1.0)
    _leave_out(encoder, data, ledger)
    for encoding in discrete:
        _category(encoding, data, ledger, cost["discrete"] * unit)
    for number in numeric:
        _number(number, data, ledger, cost["numeric"] * unit)
    _timing(encoder, data, ledger, cost["time"] * unit, lengths)
    return lengths


def _times(data: Sequences) -> int:
    """Histograms of times: of first and last rows, of gaps, of both ends of windows."""
    has = data.lengths > 0
    return 5 if np.any(data.end[has] > data.time[data.offsets[1:][has] - 1]) else 3


def _clip(column: Column, ledger: Ledger) -> float:
    return 1.0 if column.static else math.sqrt(ledger.rows)


def _category(encoding: Category, data: Sequences, ledger: Ledger, rho: float) -> None:
    codes = encoding._codes(data).astype(np.int64)
    size = len(encoding._levels())
    if size == 0:
        return
    held = codes >= 0
    column = encoding.column
    counts, noise = noised_counts(
        ledger, f"levels of {column.name}", codes[held], owners(data, column)[held], size,
        rho=rho, clip=_clip(column, ledger),
    )  # fmt: skip
    keep = np.ones(size, np.bool_) if isinstance(encoding, Boolean) else counts > 3 * noise
    if not keep.any():
        keep[int(np.argmax(counts))] = True
    share = np.maximum(counts[keep], noise)
    encoding.kept_, encoding.share_ = np.flatnonzero(keep), share / share.sum()
    encoding.rare_ = bool(np.any(~keep))


def _number(encoding: Continuous, data: Sequences, ledger: Ledger, rho: float) -> None:
    column = encoding.column
    if isinstance(encoding, Datetime):
        # Whether dates are whole days is read from them, as the schema does for decimals.
        state = encoding.learn(data)
        encoding.merge([state], data.n_entities)
        ledger.leak(f"whether times are whole days, hours, minutes or seconds: {column.name}")
    x = encoding.values(data)
    held = np.isfinite(x)
    bounds = None if isinstance(encoding, Datetime) else column.bounds
    found = noised_histogram(
        ledger, f"values of {column.name}", x[held], owners(data, column)[held],
        rho=rho, clip=_clip(column, ledger), step=encoding.step(), bounds=bounds,
    )  # fmt: skip
    fill(encoding, found)


def fill(encoding: Continuous, found: Histogram) -> None:
    """Spikes, grid and quantiles from a noised histogram."""
    total = max(found.mass.sum() + found.zero, 1e-9)
    atoms = [0.0] if found.zero > SPIKE * total else []
    step = encoding.step()
    width = np.diff(found.edges)
    mass = found.mass.copy()
    if (
        encoding.few
        and step > 0
        and len(width) <= encoding.few
        and np.all(np.abs(width - step) < 1e-6 * step)
    ):
        points = np.rint((found.edges[:-1] + step / 2) / step) * step
        atoms = sorted({*atoms, *points[(mass > 0) & (points != 0)].tolist()})
        mass[:] = 0.0
    elif found.zero > 0 and not atoms:
        place = int(np.clip(np.searchsorted(found.edges, 0.0, side="right") - 1, 0, len(mass) - 1))
        mass[place] += found.zero
    encoding.atoms_ = np.array(atoms)
    encoding.grids_, encoding.knots_ = np.empty(0), np.empty(0)
    if mass.sum() > 0 or not atoms:
        scores = np.linspace(-REACH, REACH, 129)
        probability = (ndtr(scores) - ndtr(-REACH)) / (1 - 2 * ndtr(-REACH))
        knots = Histogram(found.edges, mass, 0.0, found.noise).quantiles(probability)
        span = float(knots[-1] - knots[0]) or max(abs(float(knots[0])), 1e-9)
        encoding.grids_ = np.array([step])
        encoding.knots_ = np.maximum.accumulate(knots) + np.arange(len(knots)) * (span * 1e-12)


def _timing(encoder: Encoder, data: Sequences, ledger: Ledger, rho: float, lengths: Histogram) -> None:
    timing, schema = encoder.timing, encoder.schema
    state = [step for step in encoder._steps(data)]
    encoder.time_step_ = max(state, default=0.0)
    has = data.lengths > 0
    first, last = data.time[data.offsets[:-1][has]], data.time[data.offsets[1:][has] - 1]
    encoder.windowed_ = bool(np.any(data.end[has] > last))
    for part in timing.parts.values():
        part.lattice_ = encoder.time_step_
    if schema.time is None:
        for name in ("first", "gap"):
            _still(timing.parts[name], name == "gap")
        return
    if not ledger.privacy.is_public(schema.time):
        ledger.leak("the lattice and the frequency of times, and whether observation windows are given")
    step, owner = encoder.time_step_, np.flatnonzero(has)
    gaps, inside = gaps_of(data.offsets, data.time)
    told = {
        "first": noised_histogram(ledger, "time of first rows", first, owner, rho=rho, step=step),
        "last": noised_histogram(ledger, "time of last rows", last, owner, rho=rho, step=step),
        "gap": noised_histogram(
            ledger, "gaps between rows", gaps[inside], data.entity_of_row[inside],
            rho=rho, step=step, clip=math.sqrt(ledger.rows),
        ),
    }  # fmt: skip
    if encoder.windowed_:
        start, end = data.start[has], data.end[has]
        for name, x in (("lead", np.maximum(first - start, 0.0)), ("tail", np.maximum(end - last, 0.0))):
            told[name] = noised_histogram(ledger, f"{name} of windows", x, owner, rho=rho, step=step)
    for name, part in timing.parts.items():
        if name in told:
            fill(part, told[name])
    low = 0.0 if told["first"].zero > 0 else float(told["first"].edges[0])
    low, high = min(low, float(told["first"].edges[0])), float(told["last"].edges[-1])
    if step > 0:
        low, high = math.ceil(low / step - 1e-9) * step, math.floor(high / step + 1e-9) * step
    day = encoder._day()
    middle = told["first"].quantiles(np.linspace(0.005, 0.995, 100))
    n, rows = lengths.sizes()
    waiting = max(high - float(middle.mean()), 0.0) * n / day if day > 0 else 0.0
    spread = bool(told["first"].mass.max(initial=0.0) < 0.5 * (told["first"].mass.sum() + told["first"].zero))
    timing.span_ = (low, high) if high >= low else (low, low)
    timing.day_, timing.waiting_, timing.pace_ = day, waiting, waiting / max(rows, 1.0)
    lives = data.calendar or (spread and day > 0)
    timing.clock_ = bool(lives and day > 0 and waiting <= DAYS_A_ROW * max(rows, 1.0) and high > low)
    typical = float(told["gap"].quantiles(np.array([0.5]))[0])
    timing.typical_ = typical if typical > 0 else max(step, 1e-9)


def _still(part: Lengths, gap: bool) -> None:
    """Rows that are only ordered: each comes one step after the row before."""
    part.lattice_ = 1.0
    part.atoms_ = np.array([1.0 if gap else 0.0])
    part.grids_, part.knots_ = np.empty(0), np.empty(0)


def _leave_out(encoder: Encoder, data: Sequences, ledger: Ledger) -> None:
    """Names and parties: surrogates must keep clear of the source's names, which are looked at for that."""
    longest = 2 * ledger.rows
    for name, surrogates in encoder.surrogates.items():
        if name in data:
            surrogates.merge([surrogates.learn(data.column(name), longest)])
    names = list(encoder.surrogates)
    for encoding in encoder.encodings.values():
        if isinstance(encoding, Party):
            encoding.surrogates.merge([encoding.surrogates.learn(data.column(encoding.column.name), longest)])
            encoding.private_, size = PARTIES
            encoding.any_, encoding.share_ = True, np.ones(1)
            encoding.edges_ = np.array([0, size], np.int64)
            names.append(encoding.column.name)
    if names:
        ledger.leak(f"where made-up names begin, clear of all real ones: {', '.join(dict.fromkeys(names))}")
